//! Says that nobody, or too few people, can decide a question, and why.

use crate::chat::{Card, MessageRef, Span, Text};
use crate::domain::deciders::{Lack, Unable};
use crate::domain::request::Request;
use crate::wording::card_view::CardView;
use crate::wording::layout::spoken;

/// How many people and groups that can't decide one text names.
const NAMED_MAX: usize = 5;

/// Says what a question, or a policy, lacks.
pub fn lack_in_words(lack: Lack) -> String {
    let can = |able: usize| {
        if able == 1 { "only 1 person can".to_owned() } else { format!("only {able} people can") }
    };
    match lack {
        Lack::Approvers { able: 0, .. } => "nobody can approve it".to_owned(),
        Lack::Approvers { able, needed } => format!("{needed} people must approve it, and {}", can(able)),
        Lack::SecondPerson => {
            "releasing and approving take two different people, and too few people can do it".to_owned()
        }
        Lack::Admin => "no admin can take it live".to_owned(),
    }
}

/// Says who is named and can't decide, and why.
pub fn unable_in_words(unable: &[Unable]) -> Text {
    let mut text = Text::default();
    for (index, one) in unable.iter().take(NAMED_MAX).enumerate() {
        let text_so_far = if index > 0 { text.then("; ") } else { text };
        text = text_so_far.quoted(&one.who).then(": ").quoted(&one.why);
    }
    match unable.len().saturating_sub(NAMED_MAX) {
        0 => text,
        more => text.then(format!("; and {more} more")),
    }
}

/// Says that nobody can answer the question of a card, or too few people.
pub(crate) fn lack_on(view: &CardView) -> Option<Text> {
    let (deciders, policy) = (view.deciders?, view.policy?);
    let lack =
        deciders.lack(view.request, view.candidates, policy.approvals_needed, &policy.account_owners)?;
    Some(on_card(lack, &deciders.unable))
}

fn on_card(lack: Lack, unable: &[Unable]) -> Text {
    let text = Text::default()
        .with(Span::Bold("This can't be decided now:".into()))
        .then(format!(" {}.", lack_in_words(lack)));
    reasons(text, unable).then(" ")
}

/// Returns the message to an admin.
pub fn to_admin(request: &Request, card: Option<&MessageRef>, lack: Lack, unable: &[Unable]) -> Card {
    let label = format!("Request {}", request.id);
    let link = match card {
        Some(card) => Span::MessageLink { message: card.clone(), label },
        None => Span::Plain(label),
    };
    let text = Text::default()
        .with(link)
        .then(" of ")
        .with(Span::Code(request.policy.to_string()))
        .then(format!(" can't be decided now: {}.", lack_in_words(lack)));
    spoken(reasons(text, unable).then(
        " Invite the approvers to the channel, or have others named in the configuration. \
         You get this because you are an admin of this policy.",
    ))
}

fn reasons(text: Text, unable: &[Unable]) -> Text {
    if unable.is_empty() {
        return text.then(" The configuration names nobody else.");
    }
    text.then(" These people can't decide: ").and(unable_in_words(unable)).then(".")
}
