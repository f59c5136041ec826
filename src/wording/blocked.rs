//! What stands in the way of suspensions that were approved, and that they go on.

use chrono::{DateTime, Utc};

use crate::chat::{Card, MessageRef, Span, Text};
use crate::domain::request::Request;
use crate::domain::settings::People;
use crate::wording::accounts;
use crate::wording::layout::spoken;
use crate::wording::notices::NAMED_MAX;

/// What a message says about a blocker.
pub struct About<'a> {
    /// Whose suspensions wait.
    pub request: &'a Request,
    /// How many accounts wait.
    pub left: usize,
    /// The request's card, if it stands.
    pub card: Option<&'a MessageRef>,
    /// What stands in the way, and how to fix it.
    pub why: &'a str,
    /// Until when the approval holds.
    pub until: DateTime<Utc>,
}

/// The message in the channel, which calls the policy's admins.
pub fn in_channel(about: &About<'_>, admins: &People) -> Card {
    let users = admins.users.iter().map(|id| Span::Mention { id: id.clone(), name: String::new() });
    let named = users.chain(admins.groups.iter().map(|id| Span::Group(id.clone())));
    let text = named.take(NAMED_MAX).fold(Text::default(), |text, span| text.with(span).then(" "));
    spoken(text.and(said(about)))
}

/// The message to an admin.
pub fn to_admin(about: &About<'_>) -> Card {
    spoken(said(about).then(" You get this because you are an admin of this policy."))
}

fn said(about: &About<'_>) -> Text {
    Text::default()
        .with(Span::Code(about.request.policy.to_string()))
        .then(": the suspensions of ")
        .and(linked(about.request, about.card))
        .then(format!(" have stopped, with {} left: ", accounts(about.left)))
        .sentence(about.why)
        .then(" They continue on their own once that is fixed. The approval is valid until ")
        .with(Span::Time(about.until))
        .then("; accounts that are not suspended by then are left alone.")
}

/// The message when it goes on.
pub fn goes_on(request: &Request, card: Option<&MessageRef>) -> Card {
    spoken(
        Text::default()
            .with(Span::Code(request.policy.to_string()))
            .then(": the problem is fixed, and the suspensions of ")
            .and(linked(request, card))
            .then(" continue."),
    )
}

fn linked(request: &Request, card: Option<&MessageRef>) -> Text {
    let label = format!("request {}", request.id);
    match card {
        Some(card) => Text::default().with(Span::MessageLink { message: card.clone(), label }),
        None => Text::plain(label),
    }
}
