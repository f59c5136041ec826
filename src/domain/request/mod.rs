//! The approval request: the question that a sweep puts to the channel, and the only code that changes its state.
//!
//! ```text
//! Preview ─ go live ─▶ WentLive            Pending ─ suspend ─▶ Approved ─ all settled ─▶ Completed
//! Held ─ release ─▶ Pending                Pending ─ deny ─▶ Denied
//! Pending ─ keep ─▶ Pending, or Denied once nobody is left to ask about
//! Preview, Held, Pending ─ deadline ─▶ Expired      … ─ withdraw ─▶ Withdrawn      … ─ rule changed ─▶ Outdated
//! Completed ─ retry ─▶ Approved, for the accounts that failed
//! ```
//!
//! Where the policy wants two people, the first approval leaves a request pending, and a different person's makes it
//! approved.
//!
//! Every function here returns the next state together with its audit events, and both are written in one
//! transaction. Approving means suspending; a request is never approved without an answer.

mod decide;
mod input;
mod keep;
pub mod proof;
mod retry;
mod second;
mod suspend;

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::account::{Account, AccountId};
use super::audit::{Action, Draft, Person};
use super::candidate::{self, Candidate, CandidateState};
use super::exemption;
use super::hash::hex;
use super::ids::PolicyName;
use super::plan::Guard;
use super::policy::Rule;
use crate::domain::ids::{RequestId, SweepId};

pub use decide::{admit, decide, refused};
pub use input::{Input, Known as KnownForRetry, Refusal, Verb};
pub use retry::RETRY_WITHIN;

/// Who decided, when, and in whose words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub by: Person,
    /// When their click was received.
    pub at: DateTime<Utc>,
    /// What they wrote, if anything. Untrusted text.
    pub reason: Option<String>,
}

/// The first of two approvals: what it stands for, until a second person agrees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstApproval {
    /// Who, when, and in whose words.
    pub decision: Decision,
    /// Positions of the accounts that it left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keep: BTreeSet<u32>,
}

impl FirstApproval {
    fn fingerprint(&self) -> String {
        let text = format!("{} {} {:?}", self.decision.by.id, self.decision.at, self.keep);
        hex(&Sha256::digest(text))[..12].to_owned()
    }
}

/// Between a list's fingerprint and that of the first approval.
const FIRST: char = '+';

/// The last decision to try again what had failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Who decided it; the second one where two are needed.
    pub decision: Decision,
    /// The first one of two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Decision>,
    /// Positions of the accounts that are tried again.
    pub positions: BTreeSet<u32>,
    /// Counts the retries of the request, from 1.
    pub round: u32,
}

/// Where a request stands. The variants carry their evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RequestState {
    /// Shows what a new rule would propose; an admin may take the rule live.
    Preview,
    /// A guard stopped it; a second person may release it.
    Held { guard: Guard },
    /// Waiting for a decision.
    Pending {
        /// The first approval, while it waits for a second person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<Box<FirstApproval>>,
    },
    /// To be carried out.
    Approved {
        /// The approval; the second one where two are needed.
        decision: Decision,
        /// The first one of two.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<Box<Decision>>,
        /// Set while accounts are tried again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry: Option<Box<Retry>>,
    },
    /// Every account has an outcome.
    Completed {
        /// The approval; the second one where two are needed.
        decision: Decision,
        /// When the last outcome was known.
        at: DateTime<Utc>,
        /// The first one of two.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<Box<Decision>>,
        /// The last retry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry: Option<Box<Retry>>,
        /// Somebody wants to try again and waits for a second person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_first: Option<Box<Decision>>,
    },
    /// Nobody is suspended.
    Denied {
        /// The denial.
        decision: Decision,
    },
    /// Nobody answered in time; nobody is suspended.
    Expired { at: DateTime<Utc> },
    /// Taken back; nobody is suspended.
    Withdrawn {
        /// The decision: who, when and why.
        decision: Decision,
    },
    /// The previewed rule went live.
    WentLive { decision: Decision },
    /// The rule was changed before anybody decided; nobody is suspended, and a new sweep asks again.
    Outdated {
        /// When that was noticed.
        at: DateTime<Utc>,
    },
}

impl RequestState {
    /// The stored word.
    pub fn word(&self) -> &'static str {
        match self {
            RequestState::Preview => "preview",
            RequestState::Held { .. } => "held",
            RequestState::Pending { .. } => "pending",
            RequestState::Approved { .. } => "approved",
            RequestState::Completed { .. } => "completed",
            RequestState::Denied { .. } => "denied",
            RequestState::Expired { .. } => "expired",
            RequestState::Withdrawn { .. } => "withdrawn",
            RequestState::WentLive { .. } => "went_live",
            RequestState::Outdated { .. } => "outdated",
        }
    }

    /// Whether a person may still decide.
    pub fn awaits_decision(&self) -> bool {
        match self {
            RequestState::Preview | RequestState::Held { .. } | RequestState::Pending { .. } => true,
            RequestState::Approved { .. }
            | RequestState::Completed { .. }
            | RequestState::Denied { .. }
            | RequestState::Expired { .. }
            | RequestState::Withdrawn { .. }
            | RequestState::WentLive { .. }
            | RequestState::Outdated { .. } => false,
        }
    }

    /// A question that nobody has answered yet.
    pub fn pending() -> RequestState {
        RequestState::Pending { first: None }
    }

    /// Whether it waits for approvers.
    pub fn is_pending(&self) -> bool {
        matches!(self, RequestState::Pending { .. })
    }

    /// The first of two approvals, while it waits for the second.
    pub fn first_approval(&self) -> Option<&FirstApproval> {
        let RequestState::Pending { first } = self else { return None };
        first.as_deref()
    }

    /// The decision that a person took; the second one where two are needed.
    pub fn decision(&self) -> Option<&Decision> {
        match self {
            RequestState::Approved { decision, .. }
            | RequestState::Completed { decision, .. }
            | RequestState::Denied { decision }
            | RequestState::Withdrawn { decision }
            | RequestState::WentLive { decision } => Some(decision),
            RequestState::Preview
            | RequestState::Held { .. }
            | RequestState::Pending { .. }
            | RequestState::Expired { .. }
            | RequestState::Outdated { .. } => None,
        }
    }

    /// The approval, if that is what the decision was, whether or not every account has its outcome.
    pub fn approval(&self) -> Option<&Decision> {
        let (RequestState::Approved { decision, .. } | RequestState::Completed { decision, .. }) = self
        else {
            return None;
        };
        Some(decision)
    }

    /// What is carried out, or was last: the approval, or the last retry after it. Its time says how long it holds.
    pub fn authorization(&self) -> Option<&Decision> {
        self.retry().map(|retry| &retry.decision).or_else(|| self.approval())
    }

    /// The last retry.
    pub fn retry(&self) -> Option<&Retry> {
        let (RequestState::Approved { retry, .. } | RequestState::Completed { retry, .. }) = self else {
            return None;
        };
        retry.as_deref()
    }
}

/// A held request that a person released, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Who; they may not be the one who approves.
    pub by: Person,
    pub at: DateTime<Utc>,
    /// The guard that they overrode.
    pub guard: Guard,
}

/// Somebody wants to ask again about an ended request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedAgain {
    pub decision: Decision,
    /// What came of it, once the sweep for it has ended.
    pub became: Option<Became>,
}

/// What a fresh sweep came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// This request took the ended one's place.
    Request(RequestId),
    /// There is nobody to ask about, or a guard stopped it.
    Nothing,
}

/// An approval request without its candidates.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Never reused.
    pub id: RequestId,
    /// The sweep that asks.
    pub sweep: SweepId,
    /// The policy's name.
    pub policy: PolicyName,
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
    pub approval_timeout: Duration,
    /// Set when the card is posted: nobody can be late for a question they have not seen.
    pub deadline: Option<DateTime<Utc>>,
    /// Set when a held request was released.
    pub release: Option<Release>,
    /// How many people's approvals it needed when it was asked.
    pub approvals_needed: u32,
    /// Set when an ended request is asked again.
    pub asked_again: Option<AskedAgain>,
    /// Where it stands.
    pub state: RequestState,
    /// Counts the transitions; guards each write.
    pub version: i64,
}

impl Request {
    /// Whether an approver can decide now: the card stands, and nobody has.
    pub fn can_be_reviewed(&self) -> bool {
        self.deadline.is_some() && self.state.is_pending()
    }

    /// Whether today's rule could propose accounts that the rule which was asked about would not.
    pub fn is_outdated(&self, today: &Rule, now: DateTime<Utc>) -> bool {
        !today.only_narrows(&self.rule.without_bygone_holidays(now))
    }

    /// What a button that suspends is pressed for: the list, and the first approval that it counts on.
    pub fn shown(&self) -> String {
        match self.state.first_approval() {
            Some(first) => format!("{}{FIRST}{}", self.list_hash, first.fingerprint()),
            None => self.list_hash.clone(),
        }
    }

    /// Whether what somebody saw is this list, and the first approval that they counted on, if any, still stands. One
    /// that came since only makes fewer of what they select.
    pub(super) fn is_what_was_seen(&self, seen: &str) -> bool {
        match seen.split_once(FIRST) {
            Some(_) => seen == self.shown(),
            None => seen == self.list_hash,
        }
    }

    /// Returns whether it ended before its card stood: there is nothing to tell of it.
    pub fn was_never_asked(&self) -> bool {
        matches!(self.state, RequestState::Expired { .. }) && self.deadline.is_none()
    }

    /// Positions that the first of two approvers left out, seen by somebody else: what counts is what both select.
    pub fn left_out_before(&self, person: &Person) -> BTreeSet<u32> {
        let first = self.state.first_approval().filter(|first| !first.decision.by.has_id_of(person));
        first.map(|first| first.keep.clone()).unwrap_or_default()
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

/// What one step changes. Written in one transaction or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The request's next state.
    pub state: RequestState,
    /// The deadline from now on.
    pub deadline: Option<DateTime<Utc>>,
    /// The release from now on.
    pub release: Option<Release>,
    /// Whether and how it is asked again, from now on.
    pub asked_again: Option<AskedAgain>,
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
            asked_again: request.asked_again.clone(),
            candidates: Vec::new(),
            exemptions: Vec::new(),
            events,
        }
    }

    /// The request ends without an approval, and nothing is done about the accounts that are still open.
    pub(super) fn end(
        request: &Request,
        candidates: &[Candidate],
        state: RequestState,
        event: Draft,
    ) -> Transition {
        let open = candidates.iter().filter(|candidate| candidate.state.is_open());
        let dropped = open.map(|candidate| (candidate.position, CandidateState::Dropped));
        Transition { candidates: dropped.collect(), ..Transition::to(request, state, vec![event]) }
    }
}

/// The card stands in the channel: the clock starts.
pub fn card_posted(request: &Request, now: DateTime<Utc>) -> Option<Transition> {
    if request.deadline.is_some() {
        return None;
    }
    let deadline = now + request.approval_timeout;
    let event = Draft::by_bot(now, Action::CardPosted, json!({ "deadline": deadline }));
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
    let mut detail = json!({ "deadline": deadline });
    // A preview asked nobody: the word that keeps its accounts from being counted as proposed.
    if request.state == RequestState::Preview {
        detail["as"] = json!("previewed");
    }
    let event = Draft::by_bot(now, Action::Expired, detail);
    Some(Transition::end(request, candidates, RequestState::Expired { at: now }, event))
}

/// Ends a request whose card never stood in its channel; the next sweep asks with fresh data instead.
pub fn supersede_unasked(
    request: &Request,
    candidates: &[Candidate],
    now: DateTime<Utc>,
) -> Option<Transition> {
    if !request.state.awaits_decision() || request.deadline.is_some() {
        return None;
    }
    // Nobody was asked: the word, and the state, that keep its accounts from being counted as proposed.
    let why = "its card could not be posted, so the next sweep asks instead";
    let event = Draft::by_bot(now, Action::Expired, json!({ "why": why, "as": "previewed" }));
    let mut transition = Transition::end(request, candidates, RequestState::Expired { at: now }, event);
    for (_, state) in &mut transition.candidates {
        *state = CandidateState::Previewed;
    }
    Some(transition)
}

/// The policy's rule has become another one than was asked about. `None` while it can only propose fewer, or once
/// somebody decided.
pub fn outdate(
    request: &Request,
    candidates: &[Candidate],
    today: &Rule,
    now: DateTime<Utc>,
) -> Option<Transition> {
    if !request.state.awaits_decision() || !request.is_outdated(today, now) {
        return None;
    }
    let detail = json!({ "asked": request.rule.fingerprint(), "today": today.fingerprint(), "rule": today });
    let event = Draft::by_bot(now, Action::Outdated, detail);
    Some(Transition::end(request, candidates, RequestState::Outdated { at: now }, event))
}

/// Ends a request from before the database was restored. Nothing of it is executed: an open question ends as taken back
/// by the admin who resumed, of an approval those accounts are left alone for which no call can have worked. What such a
/// call did has to be read first. `None`: there is nothing to end.
pub fn supersede(request: &Request, candidates: &[Candidate], by: &Decision) -> Option<Transition> {
    let at = by.at;
    match &request.state {
        RequestState::Preview | RequestState::Held { .. } | RequestState::Pending { .. } => {
            let detail = json!({ "reason": by.reason, "superseded": true });
            let event = Draft::by(&by.by, at, Action::Withdrawn, detail);
            let state = RequestState::Withdrawn { decision: by.clone() };
            Some(Transition::end(request, candidates, state, event))
        }
        RequestState::Approved { .. } => {
            let mut transition = Transition::to(request, request.state.clone(), Vec::new());
            for one in candidates.iter().filter(|one| one.state.is_open() && !one.state.may_have_worked()) {
                let skip = candidate::SuspensionStep::Skip(candidate::Skip::Superseded);
                if let Some((state, events)) = candidate::step(one, skip, at) {
                    transition.candidates.push((one.position, state));
                    transition.events.extend(events);
                }
            }
            Some(transition)
        }
        RequestState::Completed { decision, at, first, retry, retry_first: Some(_) } => {
            let (decision, at, first, retry) = (decision.clone(), *at, first.clone(), retry.clone());
            let state = RequestState::Completed { decision, at, first, retry, retry_first: None };
            Some(Transition::to(request, state, Vec::new()))
        }
        RequestState::Completed { .. }
        | RequestState::Denied { .. }
        | RequestState::Expired { .. }
        | RequestState::Withdrawn { .. }
        | RequestState::WentLive { .. }
        | RequestState::Outdated { .. } => None,
    }
}

/// Every account of an approved request has its outcome. `None` while one is still due, or its sessions are.
pub fn complete(request: &Request, candidates: &[Candidate], now: DateTime<Utc>) -> Option<Transition> {
    let RequestState::Approved { decision, first, retry } = &request.state else {
        return None;
    };
    let is_due = |one: &Candidate| one.state.is_open() || one.state.sessions_due_at(now).is_some();
    if candidates.iter().any(is_due) {
        return None;
    }
    let count = |word| candidates.iter().filter(|candidate| candidate.state.word() == word).count();
    let detail = json!({
        "suspended": count("suspended"), "skipped": count("skipped"),
        "failed": count("failed"), "kept": count("kept"),
    });
    let state = RequestState::Completed {
        decision: decision.clone(),
        at: now,
        first: first.clone(),
        retry: retry.clone(),
        retry_first: None,
    };
    Some(Transition::to(request, state, vec![Draft::by_bot(now, Action::Completed, detail)]))
}

/// The sweep that asks again has ended: what it came to. `None` if nobody waits for that.
pub fn asked_anew(request: &Request, became: Option<Became>) -> Option<Transition> {
    let before = request.asked_again.as_ref().filter(|again| again.became.is_none())?;
    let mut transition = Transition::to(request, request.state.clone(), Vec::new());
    // One that failed may be asked for once more.
    transition.asked_again = became.map(|became| AskedAgain { became: Some(became), ..before.clone() });
    Some(transition)
}

pub(super) fn by_person(decision: &Decision, action: Action, detail: serde_json::Value) -> Draft {
    Draft::by(&decision.by, decision.at, action, detail)
}

/// What a candidate is shown as.
pub fn shown(
    account: &Account,
    evidence: super::assess::Evidence,
    pending_sweeps: u32,
) -> super::snapshot::CandidateSnapshot {
    super::snapshot::CandidateSnapshot {
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
