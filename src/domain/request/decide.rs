//! Decides what a person's input does to a request, or why it does nothing.

use serde_json::json;

use crate::domain::audit::{Action, Draft, Person};
use crate::domain::candidate::Candidate;
use crate::domain::person::Principal;
use crate::domain::plan::Guard;

use super::input::{Input, Refusal, Verb};
use super::second::needed;
use super::suspend::{Selection, suspend};
use super::{
    AskedAgain, Decision, Release, Request, RequestState, Transition, by_person, keep, retry, second,
};

/// Refuses what is refused whatever is on the list: of a thousand people who click, one decides.
pub fn admit(request: &Request, input: &Input) -> Result<(), Refusal> {
    may(input, request)?;
    goes_on(input)?;
    match &input.verb {
        // Of what has ended, so in no time of its own.
        Verb::Retry { .. } | Verb::AskAgain => Ok(()),
        Verb::Suspend { .. }
        | Verb::Keep { .. }
        | Verb::Deny
        | Verb::Release
        | Verb::GoLive
        | Verb::TakeBackApproval
        | Verb::Withdraw => in_time(request, input),
    }
}

/// What a person's input does to a request.
pub fn decide(request: &Request, candidates: &[Candidate], input: &Input) -> Result<Transition, Refusal> {
    admit(request, input)?;
    let decision =
        Decision { by: input.principal.person.clone(), at: input.received_at, reason: input.reason.clone() };
    match (&request.state, &input.verb) {
        (_, Verb::Retry { known }) => {
            same_question(request, input)?;
            retry::retry(request, candidates, known, decision, input)
        }
        (_, Verb::AskAgain) => ask_again(request, decision),
        (RequestState::Pending { first }, Verb::Suspend { keep, until }) => {
            let account_owners = &input.account_owners;
            let selection = Selection { keep, until, decision: &decision, account_owners };
            match first {
                Some(first) => second::second(request, candidates, first, &selection),
                None if needed(request, input) > 1 => second::first(request, candidates, &selection),
                None => suspend(request, candidates, &selection, None),
            }
        }
        (RequestState::Pending { first }, Verb::TakeBackApproval) => {
            second::take_back(request, first.as_deref(), &decision)
        }
        (RequestState::Pending { .. }, Verb::Keep { until }) => {
            keep::keep(request, candidates, until, &decision, &input.account_owners)
        }
        (RequestState::Pending { .. } | RequestState::Held { .. } | RequestState::Preview, Verb::Deny) => {
            Ok(deny(request, candidates, decision))
        }
        (
            RequestState::Pending { .. } | RequestState::Held { .. } | RequestState::Preview,
            Verb::Withdraw,
        ) => {
            let event = by_person(&decision, Action::Withdrawn, json!({ "reason": input.reason }));
            Ok(Transition::end(request, candidates, RequestState::Withdrawn { decision }, event))
        }
        (RequestState::Held { guard }, Verb::Release) => Ok(release(request, guard, decision)),
        (RequestState::Preview, Verb::GoLive) => Ok(go_live(request, candidates, decision)),
        (
            _,
            Verb::Suspend { .. }
            | Verb::Keep { .. }
            | Verb::Deny
            | Verb::Release
            | Verb::GoLive
            | Verb::TakeBackApproval
            | Verb::Withdraw,
        ) => Err(Refusal::DoesNotFit),
    }
}

/// The audit event of an input that had no effect.
pub fn refused(input: &Input, refusal: &Refusal) -> Draft {
    Draft::refused(
        &input.principal.person,
        input.received_at,
        json!({ "verb": input.verb.word(), "why": refusal }),
    )
}

/// The rights come first: who may not decide learns nothing of the state.
fn may(input: &Input, request: &Request) -> Result<(), Refusal> {
    let Principal { person, approver, admin, .. } = &input.principal;
    match input.verb {
        Verb::Suspend { .. } | Verb::Deny | Verb::Retry { .. } if !approver => Err(Refusal::NotAnApprover),
        // A person who has approved may take that back even if they are no longer an approver.
        Verb::TakeBackApproval if second::is_first(request, person) => Ok(()),
        Verb::Keep { .. } | Verb::Release | Verb::Withdraw | Verb::TakeBackApproval | Verb::AskAgain
            if !approver && !admin =>
        {
            Err(Refusal::NotAnApprover)
        }
        Verb::GoLive if !admin => Err(Refusal::NotAnAdmin),
        Verb::Suspend { .. }
        | Verb::Keep { .. }
        | Verb::Deny
        | Verb::Release
        | Verb::Withdraw
        | Verb::TakeBackApproval
        | Verb::Retry { .. }
        | Verb::AskAgain
        | Verb::GoLive => Ok(()),
    }
}

/// A person who suspends has seen a list, and it is this one. A command shows none, and names the request instead.
fn same_list(request: &Request, input: &Input) -> Result<(), Refusal> {
    let blind = matches!(input.verb, Verb::Suspend { .. } | Verb::Keep { .. }) && input.list_hash.is_none();
    if blind || input.list_hash.as_ref().is_some_and(|seen| !request.is_what_was_seen(seen)) {
        return Err(Refusal::OtherList);
    }
    Ok(())
}

/// While an admin has stopped the policy, nothing is decided that takes access away or that starts a sweep.
fn goes_on(input: &Input) -> Result<(), Refusal> {
    match (&input.paused, &input.verb) {
        (Some(pause), Verb::Suspend { .. } | Verb::Retry { .. } | Verb::AskAgain | Verb::GoLive) => {
            Err(Refusal::Paused { by: Box::new(pause.began.clone()) })
        }
        (
            Some(_) | None,
            Verb::Suspend { .. }
            | Verb::Keep { .. }
            | Verb::Deny
            | Verb::Release
            | Verb::GoLive
            | Verb::TakeBackApproval
            | Verb::Retry { .. }
            | Verb::AskAgain
            | Verb::Withdraw,
        ) => Ok(()),
    }
}

/// What is decided is what was seen, in the sense of today's rule. What ends the question may be done whatever the
/// rule has become.
fn same_question(request: &Request, input: &Input) -> Result<(), Refusal> {
    same_list(request, input)?;
    let lasting = match input.verb {
        Verb::Suspend { .. } | Verb::Keep { .. } | Verb::Release | Verb::GoLive | Verb::Retry { .. } => true,
        Verb::Deny | Verb::TakeBackApproval | Verb::AskAgain | Verb::Withdraw => false,
    };
    if lasting && request.is_outdated(&input.rule, input.received_at) {
        return Err(Refusal::RuleChanged);
    }
    Ok(())
}

/// What holds for every decision about a request that waits for one.
fn in_time(request: &Request, input: &Input) -> Result<(), Refusal> {
    let person = &input.principal.person;
    if !request.state.awaits_decision() {
        let by_you = request.state.decision().is_some_and(|decision| decision.by.has_id_of(person));
        return Err(Refusal::AlreadyDecided { state: Box::new(request.state.clone()), by_you });
    }
    same_question(request, input)?;
    match request.deadline {
        Some(deadline) if input.received_at >= deadline => return Err(Refusal::PastDeadline { deadline }),
        None if input.verb != Verb::Withdraw => return Err(Refusal::NotPostedYet),
        Some(_) | None => {}
    }
    match first_person(request, &input.verb) {
        Some(first) if first.is_same_as(person) => Err(Refusal::SecondPersonNeeded { first: first.clone() }),
        Some(_) | None => Ok(()),
    }
}

/// The person who may not take this step because they took the previous one: a guard is only overridden by two people.
fn first_person<'a>(request: &'a Request, verb: &Verb) -> Option<&'a Person> {
    match verb {
        Verb::Suspend { .. } => request.release.as_ref().map(|release| &release.by),
        Verb::Release => request.swept_by.as_ref(),
        Verb::Keep { .. }
        | Verb::Deny
        | Verb::GoLive
        | Verb::TakeBackApproval
        | Verb::Retry { .. }
        | Verb::AskAgain
        | Verb::Withdraw => None,
    }
}

fn go_live(request: &Request, candidates: &[Candidate], decision: Decision) -> Transition {
    let event = by_person(&decision, Action::WentLive, json!({ "rule": request.rule }));
    Transition::end(request, candidates, RequestState::WentLive { decision }, event)
}

fn release(request: &Request, guard: &Guard, decision: Decision) -> Transition {
    let event = by_person(&decision, Action::Released, json!({ "guard": guard, "reason": decision.reason }));
    let mut transition = Transition::to(request, RequestState::pending(), vec![event]);
    // The approvers are asked again, with the full time to answer.
    transition.deadline = Some(decision.at + request.approval_timeout);
    transition.release = Some(Release { by: decision.by, at: decision.at, guard: guard.clone() });
    transition
}

/// Records that an ended request is to be asked about again; the sweep for it follows.
fn ask_again(request: &Request, decision: Decision) -> Result<Transition, Refusal> {
    if !matches!(request.state, RequestState::Expired { .. } | RequestState::Withdrawn { .. }) {
        return Err(Refusal::DoesNotFit);
    }
    if let Some(again) = &request.asked_again {
        let by_you = again.decision.by.has_id_of(&decision.by);
        return Err(Refusal::AlreadyAskedAgain { again: Box::new(again.clone()), by_you });
    }
    let event = by_person(&decision, Action::AskedAgain, json!({ "list_hash": request.list_hash }));
    let mut transition = Transition::to(request, request.state.clone(), vec![event]);
    transition.asked_again = Some(AskedAgain { decision, became: None });
    Ok(transition)
}

fn deny(request: &Request, candidates: &[Candidate], decision: Decision) -> Transition {
    let seconds = (decision.at - request.created_at).num_seconds();
    let detail = json!({ "reason": decision.reason, "seconds_to_decide": seconds });
    let event = by_person(&decision, Action::Denied, detail);
    Transition::end(request, candidates, RequestState::Denied { decision }, event)
}
