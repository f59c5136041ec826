//! Audit events: facts, appended and never changed, each chained to the one before by its hash.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::account::{Account, AccountId};
use super::fold::folded;
use super::hash::hex;
use super::ids::{PolicyName, RequestId, SweepId};

/// The hash that stands before the first event.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A person in the chat system as the audit trail remembers them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The chat system's user id.
    pub id: String,
    /// The name at that time. Untrusted text.
    pub name: String,
    /// The e-mail address at that time, as the chat system vouches for it.
    pub email: Option<String>,
    /// The id that they have in the whole organisation, if the chat system named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_id: Option<String>,
}

impl Person {
    /// Returns a person known by their id alone.
    pub fn unknown(id: &str) -> Person {
        Person { id: id.to_owned(), name: String::new(), email: None, person_id: None }
    }

    /// The ids that the chat system named for them.
    pub fn ids(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.id).chain(&self.person_id)
    }

    /// Whether the two have an id in common: one account of the chat system, or two of one person in an organisation.
    pub fn has_id_of(&self, other: &Person) -> bool {
        self.ids().any(|mine| other.ids().any(|theirs| mine.eq_ignore_ascii_case(theirs)))
    }

    /// Whether the two are one person, as far as is known: an id in common, or the same address.
    pub fn is_same_as(&self, other: &Person) -> bool {
        let address = |person: &Person| {
            let address = person.email.as_deref().map(folded);
            address.filter(|address| !address.is_empty())
        };
        let own = address(self);
        self.has_id_of(other) || (own.is_some() && own == address(other))
    }
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The bot itself: a schedule, a deadline, a reconcile step.
    System,
    Person(Person),
}

impl Actor {
    /// Returns who it was, unless it was the bot.
    pub fn person(&self) -> Option<&Person> {
        match self {
            Actor::Person(person) => Some(person),
            Actor::System => None,
        }
    }
}

/// What happened. Stored as snake-case text; a word is never given another meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    BotStarted,
    /// The configuration was read again, and the bot goes on by it.
    ConfigurationReloaded,
    SweepStarted,
    /// A sweep finished; the detail has the counts and the rule.
    SweepFinished,
    /// A guard held a sweep.
    SweepHeld,
    /// A guard refused a sweep.
    SweepRefused,
    SweepFailed,
    /// An account was proposed; the detail has the evidence.
    Proposed,
    /// An approval request's card was posted.
    CardPosted,
    /// A person approved the suspension of the selected accounts.
    Approved,
    /// The first of two people approved; nothing is carried out yet.
    ApprovedFirst,
    /// The first approver took the approval back.
    ApprovalTakenBack,
    /// A person had failed suspensions tried again.
    Retried,
    /// The first of two people wants failed suspensions tried again.
    RetriedFirst,
    /// Approvers were reminded of a request that waits.
    Reminded,
    /// Somebody else was notified that a request still needs a decision.
    Escalated,
    /// A person asked again about an ended request.
    AskedAgain,
    /// A person kept one account active in their decision.
    Kept,
    /// A person denied all.
    Denied,
    /// Nobody answered in time.
    Expired,
    /// A request was taken back.
    Withdrawn,
    /// A second person released a held request.
    Released,
    /// An admin took a rule live.
    WentLive,
    /// A click or command was refused; the detail says why.
    InputRefused,
    /// The provider is about to be asked to suspend an account.
    SuspensionIntended,
    /// One try did not work, or is not known to have worked; the detail says why, and another follows.
    SuspensionTryFailed,
    /// The account is suspended.
    Suspended,
    /// The account was left alone after all; the detail says why.
    Skipped,
    /// The suspension failed for good; the detail says why.
    SuspensionFailed,
    /// The provider is about to be asked to clear the sessions and tokens of a suspended account.
    SessionsClearIntended,
    /// Sessions and tokens of a suspended account were cleared. Before there were retries: or could not be, with the
    /// error in the detail.
    SessionsCleared,
    /// One try to clear them did not work; the detail says why, and another follows.
    SessionsClearTryFailed,
    /// They were left alone after all; the detail says why.
    SessionsClearSkipped,
    /// They could not be cleared, for good; the detail says why.
    SessionsClearFailed,
    /// Every account of an approved request has an outcome.
    Completed,
    /// A person had a policy leave an account alone for a time.
    Exempted,
    /// A person ended an exemption early.
    Unexempted,
    /// The time of an exemption was over.
    ExemptionEnded,
    /// The channel was notified that an exemption ends soon.
    ExemptionEndAnnounced,
    /// A person asked to give a suspended account back.
    RestoreAsked,
    /// The provider is about to be asked to restore an account.
    RestoreIntended,
    /// One try did not work, or is not known to have worked; another follows.
    RestoreTryFailed,
    /// The account is back.
    Restored,
    /// There was nothing to restore; the detail says why.
    RestoreSkipped,
    /// Giving the account back failed for good.
    RestoreFailed,
    /// An account that the bot suspended was seen to be active again through somebody else; the detail says who.
    DriftFound,
    /// Somebody whose account was suspended had been there shortly before, as came to light afterwards.
    MissedSignFound,
    /// The person of a proposed account, or their manager, answered what they were asked; it decides nothing.
    PersonAnswered,
    /// A person took a copy of a part of this trail with them; the detail says which.
    Exported,
    /// A person had the evidence of a period put together.
    EvidenceMade,
    /// An admin stopped a policy.
    Paused,
    /// An admin let a stopped policy go on.
    Resumed,
    /// The rule was changed in a way that could propose others, so what the card asked does not stand any more.
    Outdated,
    /// The oldest events were moved to a file; the detail says which and where the trail begins since.
    Archived,
    /// The time of day went another way than time does: the machine slept, or somebody set its clock.
    ClockJumped,
    /// The channel has seen a later state of the database, or another one: nothing is executed from then on.
    DatabaseStopped,
    /// An admin let it go on, in a new epoch.
    DatabaseResumed,
}

impl Action {
    /// The action with this stored word.
    pub fn of_word(word: &str) -> Option<Action> {
        serde_json::from_value(Value::String(word.to_owned())).ok()
    }

    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Action::BotStarted => "bot_started",
            Action::ConfigurationReloaded => "configuration_reloaded",
            Action::SweepStarted => "sweep_started",
            Action::SweepFinished => "sweep_finished",
            Action::SweepHeld => "sweep_held",
            Action::SweepRefused => "sweep_refused",
            Action::SweepFailed => "sweep_failed",
            Action::Proposed => "proposed",
            Action::CardPosted => "card_posted",
            Action::Approved => "approved",
            Action::ApprovedFirst => "approved_first",
            Action::ApprovalTakenBack => "approval_taken_back",
            Action::Retried => "retried",
            Action::RetriedFirst => "retried_first",
            Action::Reminded => "reminded",
            Action::Escalated => "escalated",
            Action::AskedAgain => "asked_again",
            Action::Kept => "kept",
            Action::Denied => "denied",
            Action::Expired => "expired",
            Action::Withdrawn => "withdrawn",
            Action::Released => "released",
            Action::WentLive => "went_live",
            Action::InputRefused => "input_refused",
            Action::SuspensionIntended => "suspension_intended",
            Action::SuspensionTryFailed => "suspension_try_failed",
            Action::Suspended => "suspended",
            Action::Skipped => "skipped",
            Action::SuspensionFailed => "suspension_failed",
            Action::SessionsClearIntended => "sessions_clear_intended",
            Action::SessionsCleared => "sessions_cleared",
            Action::SessionsClearTryFailed => "sessions_clear_try_failed",
            Action::SessionsClearSkipped => "sessions_clear_skipped",
            Action::SessionsClearFailed => "sessions_clear_failed",
            Action::Completed => "completed",
            Action::Exempted => "exempted",
            Action::Unexempted => "unexempted",
            Action::ExemptionEnded => "exemption_ended",
            Action::ExemptionEndAnnounced => "exemption_end_announced",
            Action::RestoreAsked => "restore_asked",
            Action::RestoreIntended => "restore_intended",
            Action::RestoreTryFailed => "restore_try_failed",
            Action::Restored => "restored",
            Action::RestoreSkipped => "restore_skipped",
            Action::RestoreFailed => "restore_failed",
            Action::DriftFound => "drift_found",
            Action::MissedSignFound => "missed_sign_found",
            Action::PersonAnswered => "person_answered",
            Action::Exported => "exported",
            Action::EvidenceMade => "evidence_made",
            Action::Paused => "paused",
            Action::Resumed => "resumed",
            Action::Outdated => "outdated",
            Action::Archived => "archived",
            Action::ClockJumped => "clock_jumped",
            Action::DatabaseStopped => "database_stopped",
            Action::DatabaseResumed => "database_resumed",
        }
    }
}

/// The account that an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The provider's id.
    pub id: AccountId,
    /// The login at that time.
    pub login: String,
}

impl Subject {
    /// Returns the account as events name it.
    pub fn of(account: &Account) -> Subject {
        Subject { id: account.id.clone(), login: account.login.clone() }
    }
}

/// An event that is not yet in the chain. The store adds the sweep or request it belongs to, the sequence number and
/// the hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: Actor,
    /// What happened.
    pub action: Action,
    /// To which account, if to one.
    pub subject: Option<Subject>,
    /// Evidence and result; an object or null.
    pub detail: Value,
}

impl Draft {
    /// Returns an event about no single account.
    pub fn new(actor: Actor, at: DateTime<Utc>, action: Action, detail: Value) -> Draft {
        Draft { at, actor, action, subject: None, detail }
    }

    /// Returns an event of what the bot did of its own accord.
    pub fn by_bot(at: DateTime<Utc>, action: Action, detail: Value) -> Draft {
        Draft::new(Actor::System, at, action, detail)
    }

    /// Returns an event of what a person did.
    pub fn by(person: &Person, at: DateTime<Utc>, action: Action, detail: Value) -> Draft {
        Draft::new(Actor::Person(person.clone()), at, action, detail)
    }

    /// Returns the event of a person's input that had no effect.
    pub fn refused(person: &Person, at: DateTime<Utc>, detail: Value) -> Draft {
        Draft::by(person, at, Action::InputRefused, detail)
    }

    /// Returns the same event about an account.
    #[must_use]
    pub fn about(self, account: Subject) -> Draft {
        Draft { subject: Some(account), ..self }
    }
}

/// An event of the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// Position in the chain, from 1 without gaps.
    pub seq: i64,
    /// When it happened, UTC, with milliseconds.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: Actor,
    /// What happened: an [`Action`]'s word.
    pub action: String,
    /// The policy that it is about.
    pub policy: Option<PolicyName>,
    /// The sweep that it is about.
    pub sweep: Option<SweepId>,
    /// The approval request that it is about.
    pub request: Option<RequestId>,
    /// The account that it is about.
    pub subject: Option<Subject>,
    /// Evidence and result.
    pub detail: Value,
    /// The hash of the event before, or [`GENESIS`].
    pub prev_hash: String,
    /// This event's own hash, see [`AuditEvent::compute_hash`].
    pub hash: String,
}

/// The names of the hashed fields, in the order in which they are hashed.
pub const HASHED: [&str; 9] =
    ["seq", "at", "actor", "action", "policy", "sweep", "request", "subject", "detail"];

/// The hash of an event whose fields are these, in the order of [`HASHED`], as [`AuditEvent::compute_hash`] has it. The
/// fields may be JSON texts already, if their keys are sorted and no blanks are between them.
pub fn hash(prev_hash: &str, hashed: &impl Serialize) -> String {
    let mut text = prev_hash.as_bytes().to_vec();
    text.push(b'\n');
    serde_json::to_writer(&mut text, hashed).expect("an event can be written as JSON");
    hex(&Sha256::digest(text))
}

impl AuditEvent {
    /// The values of the fields of [`HASHED`], as they are hashed.
    fn hashed(&self) -> [Value; 9] {
        let at = self.at.to_rfc3339_opts(SecondsFormat::Millis, true);
        [
            self.seq.into(),
            at.into(),
            serde_json::json!(self.actor),
            self.action.clone().into(),
            serde_json::json!(self.policy),
            serde_json::json!(self.sweep),
            serde_json::json!(self.request),
            serde_json::json!(self.subject),
            self.detail.clone(),
        ]
    }

    /// SHA-256 over the previous hash, a line feed, and the event as a JSON array of its fields in the order of
    /// [`HASHED`]: no blanks, object keys sorted by name, and nothing escaped but what JSON wants escaped.
    pub fn compute_hash(&self) -> String {
        hash(&self.prev_hash, &self.hashed())
    }

    /// The event as one JSON object: the hashed fields as they are hashed, `prev_hash` and `hash`. Enough to compute
    /// the hash again, anywhere.
    pub fn to_json(&self) -> Value {
        let hashed = HASHED.iter().map(|name| (*name).to_owned()).zip(self.hashed());
        let links = [("prev_hash", &self.prev_hash), ("hash", &self.hash)];
        let links = links.map(|(name, hash)| (name.to_owned(), hash.clone().into()));
        Value::Object(hashed.chain(links).collect())
    }
}

/// What the heartbeat is called in the database.
pub const HEARTBEAT: &str = "heartbeat";

/// A collector that has not got the trail for longer than it should take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Behind {
    pub collector: String,
    /// How many events it has not got.
    pub events: i64,
    /// When the first of them happened.
    pub since: DateTime<Utc>,
}

/// How far a collector may be behind before anybody is notified.
pub const BEHIND_MAX: Duration = Duration::minutes(2);
