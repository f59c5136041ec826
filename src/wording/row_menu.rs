//! A person's row on the card: the menu at its side, and whether an account was restored after its suspension.

use chrono::{DateTime, Utc};

use crate::chat::{Menu, MenuItem, Span, Text};
use crate::domain::assess::left_alone_until;
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::policy::Policy;
use crate::domain::request::{Request, RequestState};
use crate::domain::restoration::{Restoration, RestorationState, Skip};
use crate::wording::actions::{ButtonAction, RowAction, RowEntry};
use crate::wording::card_view::CardView;
use crate::wording::layout::cut;
use crate::wording::{mention, span_of_time};

/// The menu beside a person: what can be done about them now.
pub fn menu(view: &CardView, candidate: &Candidate) -> Menu {
    let entry = |what| {
        let Request { id, list_hash, .. } = view.request;
        let list_hash = list_hash.clone();
        ButtonAction::Row(RowEntry { what, request: *id, position: candidate.position, list_hash })
    };
    let item = |what, label: &str| entry(what).menu_item(label);
    let mut items = vec![item(RowAction::Details, "Details")];
    let waits = matches!(view.request.state, RequestState::Pending { .. });
    if let Some(policy) = view.policy.filter(|_| waits && candidate.state == CandidateState::Proposed) {
        items.push(item(RowAction::Keep, &format!("Keep for {}", span_of_time(policy.kept_for()))));
        items.push(item(RowAction::Exempt, "Exempt…"));
    }
    let in_time =
        view.policy.and_then(|policy| undo_until(policy, candidate)).is_some_and(|at| view.now < at);
    let given_back =
        latest(view, candidate).is_some_and(|restoration| restoration.state.is_or_will_be_back());
    if in_time && !given_back && matches!(view.request.state, RequestState::Completed { .. }) {
        items.push(item(RowAction::Restore, "Restore access…"));
    }
    if let Some(link) = view.links.get(&candidate.position) {
        items.push(MenuItem { url: Some(link.clone()), ..item(RowAction::Console, view.terms.open) });
    }
    Menu { action: entry(RowAction::Details).id(), items, confirm: None }
}

/// Until when the finished card offers to restore a suspended account.
pub fn undo_until(policy: &Policy, candidate: &Candidate) -> Option<DateTime<Utc>> {
    let CandidateState::Suspended { at, .. } = &candidate.state else { return None };
    Some(*at + policy.restore_button_for)
}

fn latest<'a>(view: &CardView<'a>, candidate: &Candidate) -> Option<&'a Restoration> {
    view.restorations.iter().rev().find(|restoration| restoration.wish.account.id == candidate.shown.id)
}

/// Reports the restoration of the account, if somebody asked for one.
pub fn restoration(view: &CardView, candidate: &Candidate) -> Option<Text> {
    let restoration = latest(view, candidate)?;
    let wish = &restoration.wish;
    let (mark, verb) = match &restoration.state {
        RestorationState::Due { .. } => ("…", "being restored"),
        RestorationState::Restored { .. } => ("↩", "restored"),
        RestorationState::Skipped { .. } => ("○", "not restored"),
        RestorationState::Failed { .. } => ("✗", "NOT restored"),
    };
    let text = Text::default().with(Span::Bold(mark.into())).then(format!(" {verb}"));
    let text = match &restoration.state {
        RestorationState::Due(attempt) => match &attempt.trouble.error {
            Some(error) => text.then("; waiting because of an error: ").quoted(cut(error)),
            None => text,
        },
        RestorationState::Restored { at, .. } => match view.policy {
            Some(policy) => {
                text.then("; left alone until ").with(Span::Time(left_alone_until(*at, &policy.rule)))
            }
            None => text,
        },
        RestorationState::Skipped { why: Skip::Gone, .. } => text.then("; the account no longer exists"),
        RestorationState::Skipped { why: Skip::ChangedByOthers, .. } => {
            text.then("; somebody else has suspended it again")
        }
        RestorationState::Skipped { why: Skip::Unproven, .. } => text
            .then("; the audit trail has no record of that request: somebody changed the database by hand"),
        RestorationState::Skipped { why: Skip::Superseded, .. } => {
            text.then("; that was asked before the bot's database was restored")
        }
        RestorationState::Skipped { why: Skip::NotSuspended(status), .. } => {
            text.then("; it was not suspended: its status is ").with(Span::Code(status.to_string()))
        }
        RestorationState::Failed { error, too_late, unclear, .. } => {
            let text = match (unclear, too_late) {
                (true, _) => {
                    text.then("; the account could not be read in time, so it may be restored or not")
                }
                (false, true) => text.then("; it could not be done in time"),
                (false, false) => text,
            };
            if error.is_empty() { text } else { text.then("; the last error: ").quoted(cut(error)) }
        }
    };
    let text = text.then(". Requested by ").and(mention(&wish.by)).then(". Reason: ");
    Some(text.quoted(cut(&wish.reason)))
}
