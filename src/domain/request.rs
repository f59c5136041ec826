//! The approval request: the question that a sweep puts to the channel, and the only code that changes its state.
//!
//! ```text
//! Preview ─ go live ─▶ WentLive            Pending ─ suspend ─▶ Approved ─ all settled ─▶ Completed
//! Held ─ release ─▶ Pending                Pending ─ deny ─▶ Denied
//! Pending ─ keep ─▶ Pending, or Denied once nobody is left to ask about
//! Preview, Held, Pending ─ deadline ─▶ Expired      … ─ withdraw ─▶ Withdrawn
//! ```
//!
//! Every function here returns the next state together with its audit events, and both are written in one
//! transaction. Approving means suspending; silence never approves.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::account::{Account, AccountId};
use super::audit::{Action, Actor, Draft, Person, Subject};
use super::candidate::{Candidate, CandidateState, Skip};
use super::exemption;
use super::keep::{self, KeptUntil};
use super::plan::Guard;
use super::policy::{Rule, hex};

/// Who decided, when, and in whose words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The person.
    pub by: Person,
    /// When their click was received.
    pub at: DateTime<Utc>,
    /// What they wrote, if anything. Untrusted text.
    pub reason: Option<String>,
}

/// Where a request stands. The variants carry their evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RequestState {
    /// Shows what a new rule would propose; an admin may take the rule live.
    Preview,
    /// A guard stopped it; a second person may release it.
    Held {
        /// Which guard.
        guard: Guard,
    },
    /// Waiting for a decision.
    Pending,
    /// To be carried out.
    Approved {
        /// The approval.
        decision: Decision,
    },
    /// Every account has an outcome.
    Completed {
        /// The approval.
        decision: Decision,
        /// When the last outcome was known.
        at: DateTime<Utc>,
    },
    /// Nobody is suspended.
    Denied {
        /// The denial.
        decision: Decision,
    },
    /// Nobody answered in time; nobody is suspended.
    Expired {
        /// When.
        at: DateTime<Utc>,
    },
    /// Taken back; nobody is suspended.
    Withdrawn {
        /// By whom and why.
        decision: Decision,
    },
    /// The previewed rule went live.
    WentLive {
        /// By whom.
        decision: Decision,
    },
}

impl RequestState {
    /// The stored word.
    pub fn word(&self) -> &'static str {
        match self {
            RequestState::Preview => "preview",
            RequestState::Held { .. } => "held",
            RequestState::Pending => "pending",
            RequestState::Approved { .. } => "approved",
            RequestState::Completed { .. } => "completed",
            RequestState::Denied { .. } => "denied",
            RequestState::Expired { .. } => "expired",
            RequestState::Withdrawn { .. } => "withdrawn",
            RequestState::WentLive { .. } => "went_live",
        }
    }

    /// Whether a person may still decide.
    pub fn awaits_decision(&self) -> bool {
        match self {
            RequestState::Preview | RequestState::Held { .. } | RequestState::Pending => true,
            RequestState::Approved { .. }
            | RequestState::Completed { .. }
            | RequestState::Denied { .. }
            | RequestState::Expired { .. }
            | RequestState::Withdrawn { .. }
            | RequestState::WentLive { .. } => false,
        }
    }
}

/// A held request that a person released, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Who; they may not be the one who approves.
    pub by: Person,
    /// When.
    pub at: DateTime<Utc>,
    /// The guard that they overrode.
    pub guard: Guard,
}

/// An approval request without its candidates.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Never reused.
    pub id: i64,
    /// The sweep that asks.
    pub sweep: i64,
    /// The policy's name.
    pub policy: String,
    /// The rule as it ran.
    pub rule: Rule,
    /// The channel's id.
    pub channel: String,
    /// Fingerprint of the list of accounts: a decision must carry the same.
    pub list_hash: String,
    /// Who asked for the sweep, unless the schedule did.
    pub swept_by: Option<Person>,
    /// When the sweep made it.
    pub created_at: DateTime<Utc>,
    /// How long it waits for an answer.
    pub answer_within: Duration,
    /// Set when the card is posted: nobody can be late for a question they have not seen.
    pub deadline: Option<DateTime<Utc>>,
    /// Set when a held request was released.
    pub release: Option<Release>,
    /// Where it stands.
    pub state: RequestState,
    /// Counts the transitions; guards each write.
    pub version: i64,
}

impl Request {
    /// Whether an approver can decide now: the card stands, and nobody has.
    pub fn can_be_reviewed(&self) -> bool {
        self.deadline.is_some() && matches!(self.state, RequestState::Pending)
    }
}

/// The fingerprint of a list of accounts in its order.
pub fn list_hash<'a>(ids: impl Iterator<Item = &'a AccountId>) -> String {
    let mut hash = Sha256::new();
    for id in ids {
        hash.update(id.0.as_bytes());
        hash.update(b"\n");
    }
    hex(&hash.finalize())[..16].to_owned()
}

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
}

/// One click or command, as received.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The verb does not fit the state, such as releasing what isn't held.
    DoesNotFit,
    /// The person who released (or asked for) it can't be the second person as well.
    SecondPersonNeeded {
        /// Who was first.
        first: Person,
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

/// What one step changes. Written in one transaction or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The request's next state.
    pub state: RequestState,
    /// The deadline from now on.
    pub deadline: Option<DateTime<Utc>>,
    /// The release from now on.
    pub release: Option<Release>,
    /// New states of candidates, by position.
    pub candidates: Vec<(u32, CandidateState)>,
    /// Exemptions that go with it, checked, by position.
    pub exemptions: Vec<(u32, exemption::Wish)>,
    /// The audit events.
    pub events: Vec<Draft>,
}

impl Transition {
    pub(super) fn to(request: &Request, state: RequestState, events: Vec<Draft>) -> Transition {
        Transition {
            state,
            deadline: request.deadline,
            release: request.release.clone(),
            candidates: Vec::new(),
            exemptions: Vec::new(),
            events,
        }
    }
}

/// The card stands in the channel: the clock starts.
pub fn card_posted(request: &Request, now: DateTime<Utc>) -> Option<Transition> {
    if request.deadline.is_some() {
        return None;
    }
    let deadline = now + request.answer_within;
    let event = system(now, Action::CardPosted, json!({ "deadline": deadline }));
    let mut transition = Transition::to(request, request.state.clone(), vec![event]);
    transition.deadline = Some(deadline);
    Some(transition)
}

/// The deadline has passed without an answer. `None` while it has not, or once somebody decided.
pub fn expire(request: &Request, candidates: &[Candidate], now: DateTime<Utc>) -> Option<Transition> {
    let deadline = request.deadline?;
    if !request.state.awaits_decision() || now < deadline {
        return None;
    }
    let event = system(now, Action::Expired, json!({ "deadline": deadline }));
    let mut transition = Transition::to(request, RequestState::Expired { at: now }, vec![event]);
    transition.candidates = drop_open(candidates);
    Some(transition)
}

/// Every account of an approved request has its outcome. `None` while one is still due.
pub fn complete(request: &Request, candidates: &[Candidate], now: DateTime<Utc>) -> Option<Transition> {
    let RequestState::Approved { decision } = &request.state else {
        return None;
    };
    if candidates.iter().any(|candidate| candidate.state.is_open()) {
        return None;
    }
    let count = |word| candidates.iter().filter(|candidate| candidate.state.word() == word).count();
    let detail = json!({
        "suspended": count("suspended"), "skipped": count("skipped"),
        "failed": count("failed"), "kept": count("kept"),
    });
    let state = RequestState::Completed { decision: decision.clone(), at: now };
    Some(Transition::to(request, state, vec![system(now, Action::Completed, detail)]))
}

/// What a person's input does to a request.
pub fn decide(request: &Request, candidates: &[Candidate], input: &Input) -> Result<Transition, Refusal> {
    check(request, input)?;
    let decision =
        Decision { by: input.voter.person.clone(), at: input.received_at, reason: input.reason.clone() };
    match (&request.state, &input.verb) {
        (RequestState::Pending, Verb::Suspend { keep, until }) => {
            suspend(request, candidates, keep, until, &decision)
        }
        (RequestState::Pending, Verb::Keep { until }) => keep::keep(request, candidates, until, &decision),
        (RequestState::Pending | RequestState::Held { .. } | RequestState::Preview, Verb::Deny) => {
            let detail = json!({ "reason": input.reason, "seconds_to_decide": seconds_open(request, input) });
            let event = by_person(&decision, Action::Denied, detail);
            let mut transition = Transition::to(request, RequestState::Denied { decision }, vec![event]);
            transition.candidates = drop_open(candidates);
            Ok(transition)
        }
        (RequestState::Pending | RequestState::Held { .. } | RequestState::Preview, Verb::Withdraw) => {
            let event = by_person(&decision, Action::Withdrawn, json!({ "reason": input.reason }));
            let mut transition = Transition::to(request, RequestState::Withdrawn { decision }, vec![event]);
            transition.candidates = drop_open(candidates);
            Ok(transition)
        }
        (RequestState::Held { guard }, Verb::Release) => Ok(release(request, guard, decision)),
        (RequestState::Preview, Verb::GoLive) => {
            let event = by_person(&decision, Action::WentLive, json!({ "rule": request.rule }));
            let mut transition = Transition::to(request, RequestState::WentLive { decision }, vec![event]);
            transition.candidates = drop_open(candidates);
            Ok(transition)
        }
        (
            RequestState::Preview
            | RequestState::Held { .. }
            | RequestState::Pending
            | RequestState::Approved { .. }
            | RequestState::Completed { .. }
            | RequestState::Denied { .. }
            | RequestState::Expired { .. }
            | RequestState::Withdrawn { .. }
            | RequestState::WentLive { .. },
            Verb::Suspend { .. }
            | Verb::Keep { .. }
            | Verb::Deny
            | Verb::Release
            | Verb::GoLive
            | Verb::Withdraw,
        ) => Err(Refusal::DoesNotFit),
    }
}

/// The audit event of an input that had no effect.
pub fn refused(input: &Input, refusal: &Refusal) -> Draft {
    let verb = match input.verb {
        Verb::Suspend { .. } => "suspend",
        Verb::Keep { .. } => "keep",
        Verb::Deny => "deny",
        Verb::Release => "release",
        Verb::GoLive => "go_live",
        Verb::Withdraw => "withdraw",
    };
    Draft {
        at: input.received_at,
        actor: Actor::Person(input.voter.person.clone()),
        action: Action::InputRefused,
        subject: None,
        detail: json!({ "verb": verb, "why": refusal }),
    }
}

/// The checks that hold for every verb, the rights first: who may not decide learns nothing of the state.
fn check(request: &Request, input: &Input) -> Result<(), Refusal> {
    let Voter { person, approver, admin } = &input.voter;
    match input.verb {
        Verb::Suspend { .. } | Verb::Deny if !approver => return Err(Refusal::NotAnApprover),
        Verb::Keep { .. } | Verb::Release | Verb::Withdraw if !approver && !admin => {
            return Err(Refusal::NotAnApprover);
        }
        Verb::GoLive if !admin => return Err(Refusal::NotAnAdmin),
        Verb::Suspend { .. }
        | Verb::Keep { .. }
        | Verb::Deny
        | Verb::Release
        | Verb::Withdraw
        | Verb::GoLive => {}
    }
    if !request.state.awaits_decision() {
        let by_you = decider(&request.state).is_some_and(|by| by.id == person.id);
        return Err(Refusal::AlreadyDecided { state: Box::new(request.state.clone()), by_you });
    }
    // Whoever suspends has seen a list, and it is this one.
    let blind = matches!(input.verb, Verb::Suspend { .. } | Verb::Keep { .. }) && input.list_hash.is_none();
    if blind || input.list_hash.as_ref().is_some_and(|seen| *seen != request.list_hash) {
        return Err(Refusal::OtherList);
    }
    match (request.deadline, &input.verb) {
        (Some(deadline), _) if input.received_at >= deadline => Err(Refusal::PastDeadline { deadline }),
        (Some(_), _) | (None, Verb::Withdraw) => Ok(()),
        (None, Verb::Suspend { .. } | Verb::Keep { .. } | Verb::Deny | Verb::Release | Verb::GoLive) => {
            Err(Refusal::NotPostedYet)
        }
    }?;
    match (&input.verb, first_person(request, &input.verb)) {
        (Verb::Suspend { .. } | Verb::Release, Some(first)) if first.id == person.id => {
            Err(Refusal::SecondPersonNeeded { first: first.clone() })
        }
        (
            Verb::Suspend { .. }
            | Verb::Keep { .. }
            | Verb::Release
            | Verb::Deny
            | Verb::GoLive
            | Verb::Withdraw,
            Some(_) | None,
        ) => Ok(()),
    }
}

/// Whoever may not take this step because they took the one before: a guard is only overridden by two people.
fn first_person<'a>(request: &'a Request, verb: &Verb) -> Option<&'a Person> {
    match verb {
        Verb::Suspend { .. } => request.release.as_ref().map(|release| &release.by),
        Verb::Release => request.swept_by.as_ref(),
        Verb::Keep { .. } | Verb::Deny | Verb::GoLive | Verb::Withdraw => None,
    }
}

fn suspend(
    request: &Request,
    candidates: &[Candidate],
    keep: &BTreeSet<u32>,
    until: &KeptUntil,
    decision: &Decision,
) -> Result<Transition, Refusal> {
    let Some(own_email) = decision.by.email.clone().filter(|email| !email.trim().is_empty()) else {
        return Err(Refusal::NoEmail);
    };
    let is_own = |candidate: &Candidate| is_own_account(candidate, &own_email);
    let exemptions = keep::checked(request, candidates, until, decision)?;
    let mut changes = Vec::new();
    let mut kept_events = Vec::new();
    for candidate in candidates.iter().filter(|candidate| candidate.state == CandidateState::Proposed) {
        let until = until.wishes.get(&candidate.position);
        let next = if until.is_some() || keep.contains(&candidate.position) {
            let (state, event) = keep::kept(candidate, until, decision);
            kept_events.push(event);
            state
        } else if is_own(candidate) {
            let mut event = system(decision.at, Action::Skipped, json!({ "why": Skip::OwnAccount }));
            event.subject = Some(candidate.subject());
            kept_events.push(event);
            CandidateState::Skipped { at: decision.at, why: Skip::OwnAccount }
        } else {
            CandidateState::Due { attempts: 0, not_before: None, status_changed: None }
        };
        changes.push((candidate.position, next));
    }
    let due = changes.iter().filter(|(_, state)| state.is_open()).count();
    let kept = changes.iter().filter(|(_, state)| matches!(state, CandidateState::Kept { .. })).count();
    let own_left_out = changes.iter().any(|(_, state)| matches!(state, CandidateState::Skipped { .. }));
    if due == 0 && own_left_out {
        return Err(Refusal::OnlyOwnAccounts);
    }
    let detail = json!({
        "list_hash": request.list_hash, "selected": due, "kept": kept, "reason": decision.reason,
        "deadline": request.deadline,
        "seconds_to_decide": (decision.at - request.created_at).num_seconds(),
    });
    let (action, state) = if due == 0 {
        (Action::Denied, RequestState::Denied { decision: decision.clone() })
    } else {
        (Action::Approved, RequestState::Approved { decision: decision.clone() })
    };
    let mut events = vec![by_person(decision, action, detail)];
    events.append(&mut kept_events);
    let mut transition = Transition::to(request, state, events);
    transition.candidates = changes;
    transition.exemptions = exemptions;
    Ok(transition)
}

fn release(request: &Request, guard: &Guard, decision: Decision) -> Transition {
    let event = by_person(&decision, Action::Released, json!({ "guard": guard, "reason": decision.reason }));
    let mut transition = Transition::to(request, RequestState::Pending, vec![event]);
    // The question is put anew, with its full time to answer.
    transition.deadline = Some(decision.at + request.answer_within);
    transition.release = Some(Release { by: decision.by, at: decision.at, guard: guard.clone() });
    transition
}

/// Whether the candidate is the account of the person with this address.
pub(super) fn is_own_account(candidate: &Candidate, email: &str) -> bool {
    let email = email.to_lowercase();
    candidate.shown.login.to_lowercase() == email
        || candidate.shown.email.as_deref().is_some_and(|own| own.to_lowercase() == email)
}

fn decider(state: &RequestState) -> Option<&Person> {
    match state {
        RequestState::Approved { decision }
        | RequestState::Completed { decision, .. }
        | RequestState::Denied { decision }
        | RequestState::Withdrawn { decision }
        | RequestState::WentLive { decision } => Some(&decision.by),
        RequestState::Preview
        | RequestState::Held { .. }
        | RequestState::Pending
        | RequestState::Expired { .. } => None,
    }
}

fn drop_open(candidates: &[Candidate]) -> Vec<(u32, CandidateState)> {
    candidates
        .iter()
        .filter(|candidate| candidate.state.is_open())
        .map(|candidate| (candidate.position, CandidateState::Dropped))
        .collect()
}

fn seconds_open(request: &Request, input: &Input) -> i64 {
    (input.received_at - request.created_at).num_seconds()
}

fn system(at: DateTime<Utc>, action: Action, detail: serde_json::Value) -> Draft {
    Draft { at, actor: Actor::System, action, subject: None, detail }
}

pub(super) fn by_person(decision: &Decision, action: Action, detail: serde_json::Value) -> Draft {
    Draft { at: decision.at, actor: Actor::Person(decision.by.clone()), action, subject: None, detail }
}

/// What a candidate is shown as.
pub fn shown(
    account: &Account,
    evidence: super::assess::Evidence,
    pending_sweeps: u32,
) -> super::candidate::Shown {
    super::candidate::Shown {
        id: account.id.clone(),
        login: account.login.clone(),
        name: account.name.clone(),
        email: account.email.clone(),
        manager: account.manager.clone(),
        manager_id: account.manager_id.clone(),
        organization: account.organization.clone(),
        evidence,
        pending_sweeps,
    }
}
