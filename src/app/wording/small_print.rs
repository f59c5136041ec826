//! Writes the last line of a card: what it is about in numbers, and who can't decide it.

use super::card::View;
use super::{deciders, mention};
use crate::chat::Text;

/// Says what the sweep found besides, and who can't decide.
pub(super) fn text(view: &View, page: usize, pages: usize) -> Text {
    let counts = view.counts;
    let mut parts = vec![format!("Request {}", view.request.id)];
    if pages > 1 {
        parts.push(format!("page {} of {pages}", page + 1));
    }
    for (count, what) in [
        (counts.active, "active"),
        (counts.in_grace, "in a grace period"),
        (counts.exempt, "exempt or protected"),
        (counts.not_suspendable, "in a status that can't be suspended"),
        (counts.unknown, "could not be judged"),
        (counts.waiting, "already asked about"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let text = Text::plain(parts.join(" · "));
    let text = match &view.request.swept_by {
        Some(person) => text.then(" · sweep asked for by ").and(mention(person)),
        None => text,
    };
    let warns = view.request.state.awaits_decision() && deciders::lack_on(view).is_none();
    match view.deciders.filter(|found| warns && !found.unable.is_empty()) {
        Some(found) => text.then(" · can't decide: ").and(deciders::unable_in_words(&found.unable)),
        None => text,
    }
}
