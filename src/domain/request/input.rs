//! Describes what a person asks of a request, and why that may have no effect.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::audit::{Person, Subject};
use crate::domain::candidate::CandidateState;
use crate::domain::exemption;
use crate::domain::keep::KeptUntil;
use crate::domain::pause::Pause;
use crate::domain::person::Principal;
use crate::domain::policy::{AccountOwners, Rule};

use super::{AskedAgain, Decision, RequestState};

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
    Keep { until: KeptUntil },
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
        known: Known,
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
    pub principal: Principal,
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
    pub account_owners: AccountOwners,
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
        /// Its result.
        state: Box<RequestState>,
        /// Whether it was the same person.
        by_you: bool,
    },
    /// The person may not decide for this policy.
    NotAnApprover,
    /// Only an admin of the policy may do this.
    NotAnAdmin,
    /// The click came at or after the deadline.
    PastDeadline { deadline: DateTime<Utc> },
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
    SecondPersonNeeded { first: Person },
    /// The person has given the first approval already; the second is somebody else's.
    ApprovedFirstByYou { at: DateTime<Utc> },
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
    /// The results for the accounts are still being posted.
    OutcomesNotTold,
    /// It ended too long ago to be taken up.
    RetryTooLate { ended_at: DateTime<Utc> },
    AlreadyAskedAgain {
        /// Who and when, and what came of it.
        again: Box<AskedAgain>,
        /// Whether it was the same person.
        by_you: bool,
    },
    /// The chat system gave no e-mail address, so it can't be determined whether an account is their own.
    NoEmail,
    /// Nothing would remain to be suspended: every candidate is the approver's own account.
    OnlyOwnAccounts,
    /// An account can't be kept until that day.
    NotUntil {
        account: Subject,
        /// Its name, possibly empty. Untrusted text.
        name: String,
        /// Why not.
        why: exemption::Refusal,
    },
    /// An account of the list doesn't wait for the decision any more.
    NotProposed {
        account: Subject,
        /// Its name, possibly empty. Untrusted text.
        name: String,
        /// Its result.
        state: Box<CandidateState>,
    },
}

impl Refusal {
    /// Returns whether the person may not do this at all, whatever the request's state.
    pub fn is_lack_of_right(&self) -> bool {
        matches!(self, Refusal::NotAnApprover | Refusal::NotAnAdmin)
    }
}

/// What else there is to know for a retry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Positions whose account another request asks about, or has asked about since: what was decided there counts.
    pub asked_since: BTreeSet<u32>,
    /// Whether the results for all accounts so far have been posted to the channel.
    pub told: bool,
}
