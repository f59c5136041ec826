//! The second person: a policy may want two different people's approvals.
//!
//! The first approval changes nothing but the request's own row, so without a second answer nobody is suspended, and
//! the person who gave it may take it back. Accounts that both selected are suspended. An account that the first person
//! keeps until a day is kept at once: that is an exemption, which anybody of them may grant alone.

use std::collections::BTreeSet;

use serde_json::json;

use crate::domain::audit::{Action, Person};
use crate::domain::candidate::{Candidate, CandidateState};

use super::input::{Input, Refusal};
use super::suspend::{Selection, suspend};
use super::{Decision, FirstApproval, Request, RequestState, Transition, by_person};

/// Whether the person has given the first approval.
pub(super) fn is_first(request: &Request, person: &Person) -> bool {
    request.state.first_approval().is_some_and(|first| first.decision.by.has_id_of(person))
}

/// Records the first approval. A person who keeps everybody ends the request, as ever: that takes one.
pub(super) fn first(
    request: &Request,
    candidates: &[Candidate],
    selection: &Selection<'_>,
) -> Result<Transition, Refusal> {
    let alone = suspend(request, candidates, selection, None)?;
    if !matches!(alone.state, RequestState::Approved { .. }) {
        return Ok(alone);
    }
    let decision = selection.decision;
    let (mut changes, mut keep, mut selected) = (Vec::new(), BTreeSet::new(), 0);
    for (position, state) in alone.candidates {
        match state {
            CandidateState::Kept { until: Some(_), .. } => changes.push((position, state)),
            CandidateState::Kept { until: None, .. } => {
                keep.insert(position);
            }
            CandidateState::Due { .. } => selected += 1,
            CandidateState::Previewed
            | CandidateState::Proposed
            | CandidateState::Dropped
            | CandidateState::Suspended { .. }
            | CandidateState::Skipped { .. }
            | CandidateState::Failed { .. } => {}
        }
    }
    let detail = json!({
        "list_hash": request.list_hash, "selected": selected, "keep": keep, "reason": decision.reason,
        "deadline": request.deadline,
        "seconds_to_decide": (decision.at - request.created_at).num_seconds(),
    });
    let mut events = vec![by_person(decision, Action::ApprovedFirst, detail)];
    let is_kept_now = |account: &_| {
        let of_them = |(position, _): &(u32, CandidateState)| {
            candidates.iter().any(|one| one.position == *position && one.subject() == *account)
        };
        changes.iter().any(of_them)
    };
    events.extend(
        alone
            .events
            .into_iter()
            .filter(|event| event.action == Action::Kept && event.subject.as_ref().is_some_and(is_kept_now)),
    );
    let first = Some(Box::new(FirstApproval { decision: decision.clone(), keep }));
    let mut transition = Transition::to(request, RequestState::Pending { first }, events);
    transition.candidates = changes;
    transition.exemptions = alone.exemptions;
    Ok(transition)
}

/// Approves as the second person.
pub(super) fn second(
    request: &Request,
    candidates: &[Candidate],
    first: &FirstApproval,
    selection: &Selection<'_>,
) -> Result<Transition, Refusal> {
    if first.decision.by.is_same_as(&selection.decision.by) {
        return Err(Refusal::ApprovedFirstByYou { at: first.decision.at });
    }
    let alone = suspend(request, candidates, selection, None)?;
    if !matches!(alone.state, RequestState::Approved { .. }) {
        return Ok(alone);
    }
    let nothing = || Refusal::NothingInCommon { first: first.decision.by.clone() };
    match suspend(request, candidates, selection, Some(first)) {
        Ok(both) if matches!(both.state, RequestState::Approved { .. }) => Ok(both),
        Ok(_) | Err(Refusal::OnlyOwnAccounts) => Err(nothing()),
        Err(refusal) => Err(refusal),
    }
}

/// Takes the first approval back.
pub(super) fn take_back(
    request: &Request,
    first: Option<&FirstApproval>,
    decision: &Decision,
) -> Result<Transition, Refusal> {
    match first {
        Some(first) if first.decision.by.has_id_of(&decision.by) => {
            let detail = json!({ "approved_at": first.decision.at });
            let event = by_person(decision, Action::ApprovalTakenBack, detail);
            Ok(Transition::to(request, RequestState::pending(), vec![event]))
        }
        other => Err(Refusal::NotYourApproval { first: other.map(|first| first.decision.by.clone()) }),
    }
}

/// How many people have to approve: as many as when it was asked, or as the policy wants today, if those are more.
pub(super) fn needed(request: &Request, input: &Input) -> u32 {
    request.approvals_needed.max(input.approvals_needed)
}
