//! Applies an approval to a request: which accounts are due then, and which are left out.

use std::collections::BTreeSet;

use serde_json::json;

use crate::domain::audit::{Action, Draft, Person};
use crate::domain::candidate::{Candidate, CandidateState, Skip};
use crate::domain::keep::KeptUntil;
use crate::domain::policy::AccountOwners;

use super::input::Refusal;
use super::{Decision, Request, RequestState, Transition, by_person, keep};

/// What a person selected: all but those they keep.
pub(super) struct Selection<'a> {
    pub(super) keep: &'a BTreeSet<u32>,
    pub(super) until: &'a KeptUntil,
    pub(super) decision: &'a Decision,
    pub(super) account_owners: &'a AccountOwners,
}

/// Without an address nobody can tell whether an account is the person's own.
pub(super) fn has_address(person: &Person) -> Result<(), Refusal> {
    let address = person.email.as_deref().map(str::trim).filter(|email| !email.is_empty());
    address.map(|_| ()).ok_or(Refusal::NoEmail)
}

/// Suspends what a person selected; with a first approval before it, what both selected.
pub(super) fn suspend(
    request: &Request,
    candidates: &[Candidate],
    selection: &Selection<'_>,
    first: Option<&super::FirstApproval>,
) -> Result<Transition, Refusal> {
    let Selection { keep, until, decision, account_owners } = *selection;
    let people: Vec<&Person> =
        first.map(|first| &first.decision.by).into_iter().chain([&decision.by]).collect();
    people.iter().try_for_each(|person| has_address(person))?;
    let is_own = |one: &Candidate| people.iter().any(|person| one.is_own_of(person, account_owners));
    let exemptions = keep::checked(request, candidates, until, decision, account_owners)?;
    let mut changes = Vec::new();
    let mut each_event = Vec::new();
    for candidate in candidates.iter().filter(|candidate| candidate.state == CandidateState::Proposed) {
        let position = candidate.position;
        let until = until.wishes.get(&position);
        let kept_first = first.filter(|first| first.keep.contains(&position));
        let next = if let (None, Some(first)) = (until, kept_first) {
            let then = Decision { at: decision.at, ..first.decision.clone() };
            let (state, event) = keep::kept(candidate, None, &then);
            each_event.push(event);
            state
        } else if until.is_some() || keep.contains(&position) {
            let (state, event) = keep::kept(candidate, until, decision);
            each_event.push(event);
            state
        } else if is_own(candidate) {
            let event = Draft::by_bot(decision.at, Action::Skipped, json!({ "why": Skip::OwnAccount }));
            each_event.push(event.about(candidate.subject()));
            CandidateState::skipped(decision.at, Skip::OwnAccount)
        } else {
            CandidateState::due()
        };
        changes.push((position, next));
    }
    let due = changes.iter().filter(|(_, state)| state.is_open()).count();
    let kept = changes.iter().filter(|(_, state)| matches!(state, CandidateState::Kept { .. })).count();
    let own_left_out = changes.iter().any(|(_, state)| matches!(state, CandidateState::Skipped { .. }));
    if due == 0 && own_left_out {
        return Err(Refusal::OnlyOwnAccounts);
    }
    let mut detail = json!({
        "list_hash": request.list_hash, "selected": due, "kept": kept, "reason": decision.reason,
        "deadline": request.deadline,
        "seconds_to_decide": (decision.at - request.created_at).num_seconds(),
    });
    if let Some(first) = first {
        detail["first"] = json!({ "by": first.decision.by, "at": first.decision.at });
    }
    let (action, state) = if due == 0 {
        (Action::Denied, RequestState::Denied { decision: decision.clone() })
    } else {
        let first = first.map(|first| Box::new(first.decision.clone()));
        (Action::Approved, RequestState::Approved { decision: decision.clone(), first, retry: None })
    };
    let mut events = vec![by_person(decision, action, detail)];
    events.append(&mut each_event);
    let mut transition = Transition::to(request, state, events);
    transition.candidates = changes;
    transition.exemptions = exemptions;
    Ok(transition)
}
