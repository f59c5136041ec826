//! What the audit trail must say before an account is suspended. A row alone is only a claim: anyone who can write to
//! the file can write an approval into it, but not into the trail without its triggers and hashes.
//!
//! Nothing new is recorded for this: every decision has always left its event in the transaction that changed the row,
//! so rows of all versions can be held to it.

use chrono::SubsecRound;

use crate::domain::attempt::Unproven;
use crate::domain::audit::{Action, Actor, AuditEvent};
use crate::domain::candidate::Candidate;

use super::{Decision, Request, RequestState};

/// What a row names as its mandate: the decision, and the word under which the trail must have it.
pub fn claimed(request: &Request) -> Option<(&Decision, Action)> {
    let RequestState::Approved { decision, retry, .. } = &request.state else { return None };
    Some(match retry {
        Some(retry) => (&retry.decision, Action::Retried),
        None => (decision, Action::Approved),
    })
}

/// Whether the trail bears out that this account is to be suspended for this request. `authorization` is the trail's last
/// event of the claimed word by the claimed person about this request, `about` its events about this account and
/// request. Which are in order is judged by their numbers, since clocks go wrong.
pub fn check(
    request: &Request,
    candidate: &Candidate,
    authorization: Option<&AuditEvent>,
    about: &[AuditEvent],
) -> Result<(), Unproven> {
    let (decision, word) = claimed(request).ok_or(Unproven::Decision)?;
    let authorization = authorization.filter(|event| is_that(event, request, decision, word));
    let authorization = authorization.ok_or(Unproven::Decision)?;
    let own = |event: &&AuditEvent| {
        event.request == Some(request.id) && event.subject == Some(candidate.subject()) && is_whole(event)
    };
    let last = |action: Action| about.iter().filter(own).rfind(|event| event.action == action.word());
    let ends = [Action::Kept, Action::Skipped, Action::Suspended];
    if last(Action::Proposed).is_none_or(|proposed| proposed.seq > authorization.seq)
        || ends.into_iter().any(|end| last(end).is_some())
    {
        return Err(Unproven::Selection);
    }
    // What failed is tried again only after somebody decided so, and nothing else is.
    let failed = last(Action::SuspensionFailed).map(|event| event.seq);
    let in_order = match failed {
        Some(failed) => word == Action::Retried && failed < authorization.seq,
        None => word == Action::Approved,
    };
    if in_order { Ok(()) } else { Err(Unproven::Selection) }
}

fn is_that(event: &AuditEvent, request: &Request, decision: &Decision, word: Action) -> bool {
    // A retry is about what failed of the list.
    let list = word == Action::Retried || event.detail["list_hash"] == request.list_hash.as_str();
    list && event.action == word.word()
        && event.request == Some(request.id)
        && event.actor == Actor::Person(decision.by.clone())
        && event.at == decision.at.trunc_subsecs(3)
        && is_whole(event)
}

fn is_whole(event: &AuditEvent) -> bool {
    event.hash == event.compute_hash()
}
