//! Trying again what failed: a new decision about accounts that were shown and approved before.
//!
//! It takes as many people as an approval takes, and each of them may approve now; nobody decides on their own account.
//! How long it may be carried out counts from this decision, and every check before a call is made again.

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use crate::domain::audit::Action;
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::policy::AccountOwners;

use super::input::{Input, Known, Refusal};
use super::second::needed;
use super::suspend::has_address;
use super::{Decision, Request, RequestState, Retry, Transition, by_person};

/// An approval is meant for now: later the bot asks again.
pub const RETRY_WITHIN: Duration = Duration::days(3);

/// Makes the failed accounts due once more, or records the first of two people's wish to.
pub(super) fn retry(
    request: &Request,
    candidates: &[Candidate],
    state: &Known,
    decision: Decision,
    input: &Input,
) -> Result<Transition, Refusal> {
    let RequestState::Completed { decision: approval, at, first, retry, retry_first } = &request.state else {
        return Err(not_now(request, &decision));
    };
    let before = first_wish(request, state, *at, retry_first.as_deref(), &decision)?;
    let failed = candidates.iter().filter(|one| matches!(one.state, CandidateState::Failed { .. }));
    let failed: Vec<&Candidate> = failed.collect();
    let again = tried_again(&failed, state, &input.account_owners, [Some(&decision), before])?;
    let detail = json!({
        "selected": again.len(), "failed": failed.len(), "reason": decision.reason,
    });
    if needed(request, input) > 1 && before.is_none() {
        let event = by_person(&decision, Action::RetriedFirst, detail);
        let state = RequestState::Completed {
            decision: approval.clone(),
            at: *at,
            first: first.clone(),
            retry: retry.clone(),
            retry_first: Some(Box::new(decision)),
        };
        return Ok(Transition::to(request, state, vec![event]));
    }
    let event = by_person(&decision, Action::Retried, detail);
    let round = retry.as_ref().map_or(0, |retry| retry.round) + 1;
    let changes = again.iter().map(|one| (one.position, one.state.due_again())).collect();
    let positions = again.iter().map(|one| one.position).collect();
    let retry = Retry { decision, first: before.cloned(), positions, round };
    let state = RequestState::Approved {
        decision: approval.clone(),
        first: first.clone(),
        retry: Some(Box::new(retry)),
    };
    let mut transition = Transition::to(request, state, vec![event]);
    transition.candidates = changes;
    Ok(transition)
}

/// Returns the first person's wish to retry, as far as it holds, if this person may join it or begin.
fn first_wish<'a>(
    request: &Request,
    state: &Known,
    ended_at: DateTime<Utc>,
    wish: Option<&'a Decision>,
    decision: &Decision,
) -> Result<Option<&'a Decision>, Refusal> {
    // A first person's wish is recorded only once all is posted.
    if !state.told && wish.is_none() {
        return Err(Refusal::OutcomesNotTold);
    }
    if decision.at - ended_at > RETRY_WITHIN {
        return Err(Refusal::RetryTooLate { ended_at });
    }
    has_address(&decision.by)?;
    // A guard is only overridden by two people, here too.
    if let Some(release) = request.release.as_ref().filter(|release| release.by.is_same_as(&decision.by)) {
        return Err(Refusal::SecondPersonNeeded { first: release.by.clone() });
    }
    // The first person's wish holds as long as a question would.
    let before = wish.filter(|before| decision.at - before.at < request.approval_timeout);
    if let Some(before) = before.filter(|before| before.by.is_same_as(&decision.by)) {
        return Err(Refusal::ApprovedFirstByYou { at: before.at });
    }
    before.map_or(Ok(()), |before| has_address(&before.by))?;
    Ok(before)
}

/// Returns which of the failed accounts are tried again by these people: none that another request asks about, and
/// nobody's own.
fn tried_again<'a>(
    failed: &[&'a Candidate],
    state: &Known,
    own: &AccountOwners,
    people: [Option<&Decision>; 2],
) -> Result<Vec<&'a Candidate>, Refusal> {
    if failed.is_empty() {
        return Err(Refusal::NothingFailed);
    }
    let mut again: Vec<&Candidate> = failed.to_vec();
    again.retain(|one| !state.asked_since.contains(&one.position));
    if again.is_empty() {
        return Err(Refusal::AllHeld);
    }
    again.retain(|one| !people.iter().flatten().any(|decision| one.is_own_of(&decision.by, own)));
    if again.is_empty() { Err(Refusal::OnlyOwnAccounts) } else { Ok(again) }
}

fn not_now(request: &Request, decision: &Decision) -> Refusal {
    let RequestState::Approved { .. } = &request.state else { return Refusal::NothingFailed };
    // The second person is shown who was first.
    let by_you = request.state.authorization().is_some_and(|one| one.by.has_id_of(&decision.by));
    Refusal::AlreadyDecided { state: Box::new(request.state.clone()), by_you }
}
