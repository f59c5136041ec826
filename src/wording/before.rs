//! Says on a card how often an account was proposed, and whether it was denied before or exempted since.

use crate::chat::{Span, Text};
use crate::domain::candidate::{Candidate, CandidateState};
use crate::wording::card_view::CardView;
use crate::wording::layout::cut;
use crate::wording::mention;

/// Says whether the account was on earlier lists, and that the last of them was denied.
pub(crate) fn earlier(view: &CardView, candidate: &Candidate) -> Text {
    let text = Text::plain(match candidate.shown.pending_sweeps {
        0 => " · new on the list".to_owned(),
        1 => " · also on the previous list".to_owned(),
        times => format!(" · also on the last {times} lists"),
    });
    text.and(denied(view, candidate).unwrap_or_default())
}

/// Returns the denial of the last list that the account was on.
pub(crate) fn denied(view: &CardView, candidate: &Candidate) -> Option<Text> {
    let (request, decision) = view.before.denied.get(&candidate.shown.id)?;
    let text = Text::plain("; denied by ").and(mention(&decision.by)).then(format!(" in request {request}"));
    Some(match &decision.reason {
        Some(reason) => text.then(": ").quoted(cut(reason)),
        None => text,
    })
}

/// Says that somebody exempted an account that waits for the decision.
pub(crate) fn exempted(view: &CardView, candidate: &Candidate) -> Option<Text> {
    let waits = matches!(candidate.state, CandidateState::Proposed | CandidateState::Previewed)
        && view.request.state.awaits_decision();
    let granted = view.before.exempted.get(&candidate.shown.id).filter(|_| waits)?;
    let text = Text::default()
        .with(Span::Bold("Exempt".into()))
        .then(" until ")
        .with(Span::Time(super::last_moment(granted.ends_at)))
        .then(", by ")
        .and(mention(&granted.by))
        .then(": ")
        .sentence(cut(&granted.reason));
    Some(text.then(" The account is left alone, even if this request is approved."))
}

/// Returns the accounts that no decision was about so far: what is denied is not pending.
pub(crate) fn pending<'a>(view: &CardView<'a>) -> impl Iterator<Item = &'a Candidate> {
    let denied = &view.before.denied;
    view.candidates.iter().filter(|one| !denied.contains_key(&one.shown.id))
}
