//! Keeping proposed accounts active until a day: as a part of a decision, or one by one while the others still wait.
//!
//! Each is an exemption, so it is granted under the same rules: a reason, an end within the policy's longest, never for
//! one's own account. What is kept is not asked about any more; once nobody is left, the request ends as denied.

use serde_json::json;

use crate::domain::audit::{Action, Draft};
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::exemption::{self, Wish};
use crate::domain::keep::{KeptUntil, Until};
use crate::domain::policy::AccountOwners;

use super::input::Refusal;
use super::{Decision, Request, RequestState, Transition, by_person};

/// The exemptions that a decision grants, or the first one that it may not.
pub(super) fn checked(
    request: &Request,
    candidates: &[Candidate],
    until: &KeptUntil,
    decision: &Decision,
    account_owners: &AccountOwners,
) -> Result<Vec<(u32, Wish)>, Refusal> {
    let proposed = |candidate: &&Candidate| candidate.state == CandidateState::Proposed;
    let mut granted = Vec::new();
    for candidate in candidates.iter().filter(proposed) {
        if let Some(until) = until.wishes.get(&candidate.position) {
            granted.push((candidate.position, wish(request, candidate, until, decision)));
        }
    }
    for (position, wish) in &granted {
        if let Err(why) = exemption::check(wish, account_owners, until.max, decision.at) {
            let named = candidates.iter().find(|candidate| candidate.position == *position);
            let name = named.map(|candidate| candidate.shown.name.clone()).unwrap_or_default();
            return Err(Refusal::NotUntil { account: wish.account.clone(), name, why });
        }
    }
    Ok(granted)
}

fn wish(request: &Request, candidate: &Candidate, until: &Until, decision: &Decision) -> Wish {
    Wish {
        policy: request.policy.clone(),
        provider: request.rule.provider.clone(),
        account: candidate.subject(),
        email: candidate.shown.email.clone(),
        by: decision.by.clone(),
        reason: until.reason.clone(),
        starts_at: decision.at,
        ends_at: until.ends_at,
    }
}

/// The state of a candidate that a person keeps, with its audit event.
pub(super) fn kept(
    candidate: &Candidate,
    until: Option<&Until>,
    decision: &Decision,
) -> (CandidateState, Draft) {
    let detail = match until {
        Some(until) => json!({ "reason": until.reason, "until": until.ends_at }),
        None => json!({ "reason": decision.reason }),
    };
    let mut event = by_person(decision, Action::Kept, detail);
    event.subject = Some(candidate.subject());
    let until = until.map(|until| until.ends_at);
    (CandidateState::Kept { by: decision.by.clone(), until }, event)
}

/// Keeps some accounts of a request that waits, and goes on asking about the others.
pub(super) fn keep(
    request: &Request,
    candidates: &[Candidate],
    until: &KeptUntil,
    decision: &Decision,
    account_owners: &AccountOwners,
) -> Result<Transition, Refusal> {
    let mut changes = Vec::new();
    let mut kept_events = Vec::new();
    for (position, wish) in &until.wishes {
        let found = candidates.iter().find(|candidate| candidate.position == *position);
        let candidate = found.ok_or(Refusal::DoesNotFit)?;
        if candidate.state != CandidateState::Proposed {
            return Err(Refusal::NotProposed {
                account: candidate.subject(),
                name: candidate.shown.name.clone(),
                state: Box::new(candidate.state.clone()),
            });
        }
        let (state, event) = kept(candidate, Some(wish), decision);
        changes.push((*position, state));
        kept_events.push(event);
    }
    let exemptions = checked(request, candidates, until, decision, account_owners)?;
    let proposed = candidates.iter().filter(|candidate| candidate.state == CandidateState::Proposed).count();
    let (state, mut events) = if proposed == changes.len() {
        let seconds = (decision.at - request.created_at).num_seconds();
        let detail = json!({ "list_hash": request.list_hash, "selected": 0, "seconds_to_decide": seconds });
        let event = by_person(decision, Action::Denied, detail);
        (RequestState::Denied { decision: decision.clone() }, vec![event])
    } else {
        (request.state.clone(), Vec::new())
    };
    events.append(&mut kept_events);
    let mut transition = Transition::to(request, state, events);
    transition.candidates = changes;
    transition.exemptions = exemptions;
    Ok(transition)
}
