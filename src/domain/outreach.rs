//! The people that a request asks by a request: the person of each account, and their manager.
//!
//! They are asked, and what they say stands on the card as evidence. It decides nothing: only approvers decide. Each is
//! asked once per request, and only that person can answer, under the address that they were found by.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::audit::{Action, Draft, Person, Subject};
use super::backoff;
use super::fold::same;
use super::ids::RequestId;
use super::request::{Request, RequestState};
use super::snapshot::CandidateSnapshot;
use super::template::{Outreach, OutreachRole};

/// A look-up that fails is tried so often.
pub const LOOKUPS_MAX: u32 = 5;

/// What they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutreachAnswer {
    /// The person: I still need this.
    Needed,
    /// The manager: still working with us.
    StillHere,
    /// The manager: has left.
    Left,
}

impl OutreachAnswer {
    /// The word that a button carries.
    pub fn word(self) -> &'static str {
        match self {
            OutreachAnswer::Needed => "needed",
            OutreachAnswer::StillHere => "still_here",
            OutreachAnswer::Left => "left",
        }
    }

    /// The answer that a button's word means.
    pub fn of(word: &str) -> Option<OutreachAnswer> {
        [OutreachAnswer::Needed, OutreachAnswer::StillHere, OutreachAnswer::Left]
            .into_iter()
            .find(|answer| answer.word() == word)
    }

    fn fits(self, role: OutreachRole) -> bool {
        match self {
            OutreachAnswer::Needed => role == OutreachRole::Person,
            OutreachAnswer::StillHere | OutreachAnswer::Left => role == OutreachRole::Manager,
        }
    }
}

/// An answer that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    pub by: Person,
    pub answer: OutreachAnswer,
    /// When their click was received.
    pub at: DateTime<Utc>,
}

/// Where a question stands. The variants carry their evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Asking {
    /// The person to ask is still to be looked up.
    Due {
        /// Tries so far.
        attempts: u32,
        /// Not before this time.
        not_before: Option<DateTime<Utc>>,
    },
    /// Nobody in the chat system is known to be the one.
    NotFound,
    /// To be asked.
    Found {
        /// The chat system's user id.
        user: String,
        /// The address that they were found by.
        address: String,
    },
    Asked {
        /// The chat system's user id.
        user: String,
        /// The address that they were found by.
        address: String,
        at: DateTime<Utc>,
        /// What they said, if anything yet.
        answered: Option<Answered>,
    },
    /// They could not be asked, in spite of trying.
    Failed {
        /// Why, redacted.
        error: String,
    },
}

impl Asking {
    /// Not looked at yet.
    pub const NEW: Asking = Asking::Due { attempts: 0, not_before: None };

    /// The stored word.
    pub fn word(&self) -> &'static str {
        match self {
            Asking::Due { .. } => "due",
            Asking::NotFound => "not_found",
            Asking::Found { .. } => "found",
            Asking::Asked { .. } => "asked",
            Asking::Failed { .. } => "failed",
        }
    }

    /// Who is asked, as far as that is known.
    pub fn user(&self) -> Option<&str> {
        match self {
            Asking::Found { user, .. } | Asking::Asked { user, .. } => Some(user),
            Asking::Due { .. } | Asking::NotFound | Asking::Failed { .. } => None,
        }
    }

    /// What they said.
    pub fn answered(&self) -> Option<&Answered> {
        match self {
            Asking::Asked { answered, .. } => answered.as_ref(),
            Asking::Due { .. } | Asking::NotFound | Asking::Found { .. } | Asking::Failed { .. } => None,
        }
    }
}

/// What one person is asked about one account of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutreachQuestion {
    /// Never reused.
    pub id: i64,
    /// The request.
    pub request: RequestId,
    pub account: Subject,
    /// As what they are asked.
    pub role: OutreachRole,
    /// Where it stands.
    pub state: Asking,
}

/// When the people that a request asks are to be asked. `None` while nobody is, or once the request is decided.
pub fn ask_at(request: &Request, ask: &Outreach) -> Option<DateTime<Utc>> {
    // Before the card stands there is no deadline to name, and nothing to answer to.
    let deadline = request.deadline.filter(|_| matches!(request.state, RequestState::Pending { .. }))?;
    let stands_since = deadline - request.approval_timeout;
    Some(ask.before.map_or(stands_since, |before| (deadline - before).max(stands_since)))
}

/// What the directory has of the manager: an address, a login or an id if it has one, or else whatever there is.
pub fn manager_of(shown: &CandidateSnapshot) -> Option<&str> {
    let named = [&shown.manager_id, &shown.manager].into_iter().flatten();
    named.map(|named| named.trim()).find(|named| !named.is_empty())
}

/// Whether the address is the account's own: nobody vouches for themselves.
pub fn is_own_address(shown: &CandidateSnapshot, address: &str) -> bool {
    same(&shown.login, address) || shown.email.as_deref().is_some_and(|email| same(email, address))
}

/// A look-up failed: it is tried again later, or given up.
pub fn look_up_again(attempts: u32, error: String, now: DateTime<Utc>) -> Asking {
    let attempts = attempts + 1;
    if attempts >= LOOKUPS_MAX {
        return Asking::Failed { error };
    }
    Asking::Due {
        attempts,
        not_before: Some(now + backoff::doubled(Duration::seconds(5), attempts, backoff::LONGEST)),
    }
}

/// Why an answer had no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Somebody else was asked, or they have another address now.
    NotYours,
    /// Not an answer to this question.
    DoesNotFit,
    /// They said so before.
    Same(Answered),
    /// The request is decided already.
    Over,
    /// The input had come before.
    Repeated,
}

/// What an answer does: the state after it, with its audit event. A person may answer otherwise as long as the request
/// waits; the last word stands, and each is in the audit trail.
pub fn answer(
    question: &OutreachQuestion,
    request: &Request,
    by: &Person,
    answer: OutreachAnswer,
    at: DateTime<Utc>,
) -> Result<(Asking, Draft), Refusal> {
    let (user, address, asked_at, answered) = match &question.state {
        Asking::Asked { user, address, at, answered } => (user, address, *at, answered.as_ref()),
        // The message stands, and that it does is just being recorded.
        Asking::Found { user, address } => (user, address, at, None),
        Asking::Due { .. } | Asking::NotFound | Asking::Failed { .. } => return Err(Refusal::DoesNotFit),
    };
    let same_address = by.email.as_deref().is_some_and(|email| same(email, address));
    if !by.ids().any(|id| id == user) || !same_address {
        return Err(Refusal::NotYours);
    }
    if !answer.fits(question.role) {
        return Err(Refusal::DoesNotFit);
    }
    if !matches!(request.state, RequestState::Pending { .. })
        || request.deadline.is_some_and(|deadline| at >= deadline)
    {
        return Err(Refusal::Over);
    }
    if let Some(before) = answered.filter(|before| before.answer == answer) {
        return Err(Refusal::Same(before.clone()));
    }
    let event = Draft::by(by, at, Action::PersonAnswered, json!({ "as": question.role, "answer": answer }))
        .about(question.account.clone());
    let answered = Some(Answered { by: by.clone(), answer, at });
    let state = Asking::Asked { user: user.clone(), address: address.clone(), at: asked_at, answered };
    Ok((state, event))
}
