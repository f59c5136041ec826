//! Writes the last line of a card: what it is about in numbers, who was left out unseen, and who can't decide it.

use crate::chat::Text;
use crate::domain::audit::Subject;
use crate::wording::card_view::CardView;
use crate::wording::{deciders, mention};

/// So many accounts are named that are left out by their e-mail address.
const NAMED_MAX: usize = 5;

/// Says what the sweep found besides, and who can't decide.
pub(crate) fn text(view: &CardView, page: usize, pages: usize) -> Text {
    let counts = view.counts;
    let mut parts = vec![format!("Request {}", view.request.id)];
    if pages > 1 {
        parts.push(format!("page {} of {pages}", page + 1));
    }
    let not_suspendable = format!("in a status that {} can't suspend", view.terms.name);
    for (count, what) in [
        (counts.active, "active"),
        (counts.in_grace, "in a grace period"),
        (counts.exempt, "exempt or protected"),
        (counts.not_suspendable, not_suspendable.as_str()),
        (counts.unknown, "could not be judged"),
        (counts.waiting, "already asked about"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    if view.request.state.awaits_decision() {
        parts.extend(view.terms.effect.map(str::to_owned));
    }
    let text = Text::plain(parts.join(" · "));
    let text = match &view.request.swept_by {
        Some(person) => text.then(" · sweep started by ").and(mention(person)),
        None => text,
    };
    let warns = view.request.state.awaits_decision() && deciders::lack_on(view).is_none();
    let text = by_email(text, view.by_email);
    match view.deciders.filter(|found| warns && !found.unable.is_empty()) {
        Some(found) => text.then(" · can't decide: ").and(deciders::unable_in_words(&found.unable)),
        None => text,
    }
}

/// Who is not on the list because of an address that others can set.
fn by_email(text: Text, accounts: &[Subject]) -> Text {
    if accounts.is_empty() {
        return text;
    }
    let mut text = text.then(" · left out because they have an approver's e-mail address: ");
    for (index, one) in accounts.iter().take(NAMED_MAX).enumerate() {
        text = if index > 0 { text.then(", ") } else { text };
        text = text.login(&one.login);
    }
    match accounts.len().saturating_sub(NAMED_MAX) {
        0 => text,
        more => text.then(format!(" and {more} more")),
    }
}
