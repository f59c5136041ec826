//! A person's input to a request: what it does, or why it does nothing.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::audit::{Action, Actor, Draft, Person, Subject};
use crate::domain::candidate::{Candidate, CandidateState, Skip};
use crate::domain::exemption;
use crate::domain::keep::{self, KeptUntil};
use crate::domain::pause::Pause;
use crate::domain::plan::Guard;
use crate::domain::policy::{OwnAccounts, Rule};

use super::{
    AskedAgain, Decision, Release, Request, RequestState, Transition, by_person, drop_open, retry, second,
    system,
};

/// A person whose identity and rights were established when they clicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// The person.
    pub person: Person,
    /// Is one of the policy's approvers now.
    pub approver: bool,
    /// Is one of the policy's admins now.
    pub admin: bool,
}

/// What a person wants of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Suspend all but the accounts at these positions.
    Suspend {
        /// Positions of the accounts to keep active.
        keep: BTreeSet<u32>,
        /// Those that are to be left alone until a day, besides.
        until: KeptUntil,
    },
    /// Keep these accounts active until a day, and go on asking about the others.
    Keep {
        /// Which, and until when.
        until: KeptUntil,
    },
    /// Suspend nobody.
    Deny,
    /// Turn a held request into an ordinary one, once.
    Release,
    /// Take a previewed rule live.
    GoLive,
    /// Take the question back.
    Withdraw,
    /// Take one's own first approval back.
    TakeBackApproval,
    /// Try again what failed.
    Retry {
        /// What else there is to know. Nobody is asked for it: the store fills it in, because only there it holds until
        /// the decision is written.
        known: retry::Known,
    },
    /// Ask again about an ended request, with fresh data.
    AskAgain,
}

impl Verb {
    /// The word of the audit trail.
    pub fn word(&self) -> &'static str {
        match self {
            Verb::Suspend { .. } => "suspend",
            Verb::Keep { .. } => "keep",
            Verb::Deny => "deny",
            Verb::Release => "release",
            Verb::GoLive => "go_live",
            Verb::Withdraw => "withdraw",
            Verb::TakeBackApproval => "take_back_approval",
            Verb::Retry { .. } => "retry",
            Verb::AskAgain => "ask_again",
        }
    }
}

/// One click or command, as received.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// What is wanted.
    pub verb: Verb,
    /// By whom.
    pub voter: Voter,
    /// When it arrived: the deadline is judged by this.
    pub received_at: DateTime<Utc>,
    /// The fingerprint of the list that the person saw; `None` for commands that show none.
    pub list_hash: Option<String>,
    /// What they wrote. Untrusted text.
    pub reason: Option<String>,
    /// How many people's approvals the policy wants now. The request may want more: then more are needed.
    pub approvals_needed: u32,
    /// The policy's rule today.
    pub rule: Rule,
    /// Which accounts are whose, as the policy says today.
    pub own_accounts: OwnAccounts,
    /// The pause of the policy. Nobody is asked for it: the store fills it in, because only there it holds until the
    /// decision is written.
    pub paused: Option<Box<Pause>>,
}

/// Why an input had no effect. Each becomes one sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Somebody was first.
    AlreadyDecided {
        /// What became of it.
        state: Box<RequestState>,
        /// Whether it was the same person.
        by_you: bool,
    },
    /// The person may not decide for this policy.
    NotAnApprover,
    /// Only an admin of the policy may do this.
    NotAnAdmin,
    /// The click came at or after the deadline.
    PastDeadline {
        /// The deadline.
        deadline: DateTime<Utc>,
    },
    /// The list on the person's screen is not the request's list.
    OtherList,
    /// The card is not recorded as posted yet.
    NotPostedYet,
    /// An admin has stopped the policy.
    Paused {
        /// Who, when and why.
        by: Box<Decision>,
    },
    /// The policy's rule was changed since in a way that could propose others.
    RuleChanged,
    /// The channel has seen a later state of the database, or another one: nothing is decided until an admin resumes.
    DatabaseStopped,
    /// The request is from before the database was restored.
    Superseded,
    /// The verb does not fit the state, such as releasing what isn't held.
    DoesNotFit,
    /// The person who released (or asked for) it can't be the second person as well.
    SecondPersonNeeded {
        /// Who was first.
        first: Person,
    },
    /// The person has given the first approval already; the second is somebody else's.
    ApprovedFirstByYou {
        /// When.
        at: DateTime<Utc>,
    },
    /// Only the person who approved first can take that back.
    NotYourApproval {
        /// Who did, if anybody.
        first: Option<Person>,
    },
    /// The two approvals have no account in common.
    NothingInCommon {
        /// The first approver.
        first: Person,
    },
    /// Nothing has failed that could be tried again.
    NothingFailed,
    /// Later requests ask, or have asked, about all that could be tried again.
    AllHeld,
    /// What became of the accounts is still being told.
    OutcomesNotTold,
    /// It ended too long ago to be taken up.
    RetryTooLate {
        /// When.
        ended_at: DateTime<Utc>,
    },
    /// Somebody has asked again already.
    AlreadyAskedAgain {
        /// Who and when, and what came of it.
        again: Box<AskedAgain>,
        /// Whether it was the same person.
        by_you: bool,
    },
    /// The chat system gave no e-mail address, so it can't be told whether an account is their own.
    NoEmail,
    /// Nothing would remain to be suspended: every candidate is the approver's own account.
    OnlyOwnAccounts,
    /// An account can't be kept until that day.
    NotUntil {
        /// The account.
        account: Subject,
        /// Its name, possibly empty. Untrusted text.
        name: String,
        /// Why not.
        why: exemption::Refusal,
    },
    /// An account of the list doesn't wait for the decision any more.
    NotProposed {
        /// The account.
        account: Subject,
        /// Its name, possibly empty. Untrusted text.
        name: String,
        /// What became of it.
        state: Box<CandidateState>,
    },
}

impl Refusal {
    /// Returns whether the person may not do this at all, whatever the request's state.
    pub fn is_lack_of_right(&self) -> bool {
        matches!(self, Refusal::NotAnApprover | Refusal::NotAnAdmin)
    }
}

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
        Decision { by: input.voter.person.clone(), at: input.received_at, reason: input.reason.clone() };
    match (&request.state, &input.verb) {
        (_, Verb::Retry { known }) => {
            same_question(request, input)?;
            retry::retry(request, candidates, known, decision, input)
        }
        (_, Verb::AskAgain) => ask_again(request, decision),
        (RequestState::Pending { first }, Verb::Suspend { keep, until }) => {
            let own_accounts = &input.own_accounts;
            let selection = Selection { keep, until, decision: &decision, own_accounts };
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
            keep::keep(request, candidates, until, &decision, &input.own_accounts)
        }
        (RequestState::Pending { .. } | RequestState::Held { .. } | RequestState::Preview, Verb::Deny) => {
            Ok(deny(request, candidates, decision))
        }
        (
            RequestState::Pending { .. } | RequestState::Held { .. } | RequestState::Preview,
            Verb::Withdraw,
        ) => {
            let event = by_person(&decision, Action::Withdrawn, json!({ "reason": input.reason }));
            Ok(end(request, candidates, RequestState::Withdrawn { decision }, event))
        }
        (RequestState::Held { guard }, Verb::Release) => Ok(release(request, guard, decision)),
        (RequestState::Preview, Verb::GoLive) => Ok(go_live(request, candidates, decision)),
        (
            RequestState::Preview
            | RequestState::Held { .. }
            | RequestState::Pending { .. }
            | RequestState::Approved { .. }
            | RequestState::Completed { .. }
            | RequestState::Denied { .. }
            | RequestState::Expired { .. }
            | RequestState::Withdrawn { .. }
            | RequestState::WentLive { .. }
            | RequestState::Outdated { .. },
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
    Draft {
        at: input.received_at,
        actor: Actor::Person(input.voter.person.clone()),
        action: Action::InputRefused,
        subject: None,
        detail: json!({ "verb": input.verb.word(), "why": refusal }),
    }
}

/// How many people have to approve: as many as when it was asked, or as the policy wants today, if those are more.
pub(super) fn needed(request: &Request, input: &Input) -> u32 {
    request.approvals_needed.max(input.approvals_needed)
}

/// The rights come first: who may not decide learns nothing of the state.
fn may(input: &Input, request: &Request) -> Result<(), Refusal> {
    let Voter { person, approver, admin } = &input.voter;
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
    let person = &input.voter.person;
    if !request.state.awaits_decision() {
        let by_you = decider(&request.state).is_some_and(|by| by.has_id_of(person));
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

/// What a person selected: all but those they keep.
pub(super) struct Selection<'a> {
    pub(super) keep: &'a BTreeSet<u32>,
    pub(super) until: &'a KeptUntil,
    pub(super) decision: &'a Decision,
    pub(super) own_accounts: &'a OwnAccounts,
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
    let Selection { keep, until, decision, own_accounts } = *selection;
    let people: Vec<&Person> =
        first.map(|first| &first.decision.by).into_iter().chain([&decision.by]).collect();
    people.iter().try_for_each(|person| has_address(person))?;
    let is_own = |one: &Candidate| people.iter().any(|person| one.is_own_of(person, own_accounts));
    let exemptions = keep::checked(request, candidates, until, decision, own_accounts)?;
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
            let mut event = system(decision.at, Action::Skipped, json!({ "why": Skip::OwnAccount }));
            event.subject = Some(candidate.subject());
            each_event.push(event);
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

fn go_live(request: &Request, candidates: &[Candidate], decision: Decision) -> Transition {
    let event = by_person(&decision, Action::WentLive, json!({ "rule": request.rule }));
    end(request, candidates, RequestState::WentLive { decision }, event)
}

fn release(request: &Request, guard: &Guard, decision: Decision) -> Transition {
    let event = by_person(&decision, Action::Released, json!({ "guard": guard, "reason": decision.reason }));
    let mut transition = Transition::to(request, RequestState::pending(), vec![event]);
    // The approvers are asked again, with the full time to answer.
    transition.deadline = Some(decision.at + request.answer_within);
    transition.release = Some(Release { by: decision.by, at: decision.at, guard: guard.clone() });
    transition
}

/// Records that an ended request is to be asked about again; the sweep for it follows.
fn ask_again(request: &Request, decision: Decision) -> Result<Transition, Refusal> {
    match &request.state {
        RequestState::Expired { .. } | RequestState::Withdrawn { .. } => {}
        RequestState::Preview
        | RequestState::Held { .. }
        | RequestState::Pending { .. }
        | RequestState::Approved { .. }
        | RequestState::Completed { .. }
        | RequestState::Denied { .. }
        | RequestState::WentLive { .. }
        | RequestState::Outdated { .. } => return Err(Refusal::DoesNotFit),
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

/// A request that ends without an approval.
fn end(request: &Request, candidates: &[Candidate], state: RequestState, event: Draft) -> Transition {
    let mut transition = Transition::to(request, state, vec![event]);
    transition.candidates = drop_open(candidates);
    transition
}

fn decider(state: &RequestState) -> Option<&Person> {
    match state {
        RequestState::Approved { decision, .. }
        | RequestState::Completed { decision, .. }
        | RequestState::Denied { decision }
        | RequestState::Withdrawn { decision }
        | RequestState::WentLive { decision } => Some(&decision.by),
        RequestState::Preview
        | RequestState::Held { .. }
        | RequestState::Pending { .. }
        | RequestState::Expired { .. }
        | RequestState::Outdated { .. } => None,
    }
}

fn deny(request: &Request, candidates: &[Candidate], decision: Decision) -> Transition {
    let seconds = (decision.at - request.created_at).num_seconds();
    let detail = json!({ "reason": decision.reason, "seconds_to_decide": seconds });
    let event = by_person(&decision, Action::Denied, detail);
    end(request, candidates, RequestState::Denied { decision }, event)
}
