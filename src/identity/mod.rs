//! The port to an identity provider: the verbs of the workflow, and the classes of their errors.
//!
//! An adapter follows pages, waits for rate limits, retries reads, renews tokens and classifies each error once.
//! A listing is complete or an error: no method ever returns a part as if it were the whole.

pub mod entra;
mod json;
pub mod okta;
pub mod providers;
mod skew;
mod terms;
pub mod watched;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};

use crate::domain::account::{Account, AccountId};

pub use crate::domain::account::{Changer, StatusChange};
use crate::domain::policy::Rule;
use crate::domain::provider::ProviderName;
use crate::domain::sighting::{SecondLook, Sighting};

pub use terms::Terms;

/// Why the provider could not do what was asked. The texts hold no secrets and no response bodies, and are fit to be
/// shown to people and stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Asked to slow down for longer than the adapter was willing to wait.
    #[error("the rate limit is used up until {}", until.format("%-d %b %Y, %H:%M UTC"))]
    RateLimited {
        /// When calls are welcome again.
        until: DateTime<Utc>,
    },
    /// A passing fault (5xx, timeout, broken connection, maintenance), or an answer that never came. The call may or
    /// may not have taken effect.
    #[error("no valid answer: {0}")]
    Transient(String),
    /// There is no such thing.
    #[error("not found: {0}")]
    NotFound(String),
    /// The provider understood and refused, as it does with an account in the wrong status.
    #[error("refused: {0}")]
    Refused(String),
    /// The credential or one of its rights is missing, wrong or expired. The text says which and how to fix it.
    #[error("access denied: {0}")]
    Denied(String),
    /// The answer could not be understood.
    #[error("unreadable answer: {0}")]
    Malformed(String),
    /// The configuration has no such provider any more. What is due at it waits until it is back.
    #[error("the identity provider {0} is not in the configuration: add its section again")]
    NotConfigured(ProviderName),
}

impl IdentityError {
    /// Whether it may pass by the next try: nobody has to do anything about it.
    pub fn may_pass(&self) -> bool {
        match self {
            IdentityError::RateLimited { .. } | IdentityError::Transient(_) => true,
            IdentityError::NotFound(_)
            | IdentityError::Refused(_)
            | IdentityError::Denied(_)
            | IdentityError::Malformed(_)
            | IdentityError::NotConfigured(_) => false,
        }
    }
}

/// What the log says of each account that was asked about.
pub type SecondLooks = BTreeMap<AccountId, Result<SecondLook, IdentityError>>;

/// The accounts to look for in the log, each with how far back. `None`: as far as the log is kept.
pub type Looks = BTreeMap<AccountId, Option<DateTime<Utc>>>;

/// What was read of the log.
#[derive(Clone, Debug, Default)]
pub struct LogRead {
    /// An entry for each account that was asked about.
    pub looks: SecondLooks,
    /// The latest sign of life of others that was met on the way.
    pub others: BTreeMap<AccountId, Sighting>,
}

/// What the provider calls one call, if it says so: for people who look it up there.
pub type Reference = Option<String>;

/// Takes one account of a listing.
pub type TakeAccount<'a> = dyn FnMut(Account) + Send + 'a;

/// Who is protected, as lists; for a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protected {
    /// Accounts that hold an administrator role.
    pub admins: BTreeSet<AccountId>,
    /// The bot's own account, if its credential belongs to one.
    pub own: Option<AccountId>,
    /// Members of each exempt group that the rule names, by group id.
    pub groups: BTreeMap<String, BTreeSet<AccountId>>,
}

/// One account read afresh, with everything that could speak against suspending it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreshLook {
    pub account: Account,
    /// Holds an administrator role.
    pub admin_role: bool,
    /// Is the bot's own identity.
    pub own_identity: bool,
    /// The rule's exempt groups that it is in.
    pub exempt_groups: Vec<String>,
    /// What the log says; [`SecondLook::NotAsked`] if the rule doesn't want one.
    pub second_look: SecondLook,
}

/// What came of trying one thing that the bot needs at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub what: String,
    /// What was found, or a sentence that says what is wrong and how to fix it.
    pub result: Result<String, String>,
}

/// The calls to a provider since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests that were sent, retries included.
    pub calls: u64,
    /// How often a rate limit was waited for.
    pub waits: u64,
    /// For how long altogether.
    pub waited_ms: u64,
}

/// The accounts of a provider.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Hands on all accounts of the rule's user type, page by page, whatever their status (deactivated ones are left
    /// out), each with only what the rule needs. Returns how many pages there were.
    ///
    /// After an error, what was handed on is a part and worth nothing. Nothing of a page is kept here, so that a directory
    /// may be of any size; an account that moves between two pages while they are read may come twice.
    async fn list(&self, rule: &Rule, take: &mut TakeAccount<'_>) -> Result<u32, IdentityError>;

    /// Looks up every account that the rule or the provider protects. An exempt group that doesn't exist or can't be
    /// read is an error, never an empty group.
    async fn protected(&self, rule: &Rule) -> Result<Protected, IdentityError>;

    /// Reads one account afresh, and the log since then, or as far back as it is kept. [`IdentityError::NotFound`] if it
    /// is gone.
    async fn look(
        &self,
        account: &AccountId,
        rule: &Rule,
        since: Option<DateTime<Utc>>,
    ) -> Result<FreshLook, IdentityError>;

    /// Reads the account itself with what the rule asks about: a listing lags, and this does not.
    /// [`IdentityError::NotFound`] if it is gone.
    async fn confirm(&self, account: &AccountId, rule: &Rule) -> Result<Account, IdentityError>;

    /// Reads just the account itself, for settling what a call did. [`IdentityError::NotFound`] if it is gone.
    async fn read(&self, account: &AccountId) -> Result<Account, IdentityError>;

    /// Finds accounts by login, e-mail address, id or else employee number. At most a few.
    async fn find(&self, who: &str, rule: &Rule) -> Result<Vec<Account>, IdentityError>;

    /// Where an administrator opens the account in a browser, if that is known. Always https, except for a
    /// provider on this machine.
    fn console_link(&self, account: &AccountId) -> Option<String>;
}

/// What a provider remembers of its accounts.
#[async_trait]
pub trait ActivityLog: Send + Sync {
    /// Asks the provider's log about signs of life of these accounts. An account for which the log can't be read gets the
    /// error.
    async fn second_look(&self, asked: &Looks) -> LogRead;

    /// The latest change of the account's status since then that the provider's log has. `None` if it has none,
    /// which may only mean that it lags.
    async fn last_change(
        &self,
        account: &AccountId,
        since: DateTime<Utc>,
    ) -> Result<Option<StatusChange>, IdentityError>;

    /// How long the log is kept: of what is older it says nothing.
    fn log_kept(&self) -> Duration;

    /// How late an account's own record may show a sign of life. Nobody counts as idle before that is over, too.
    fn evidence_lag(&self) -> Duration;

    /// Whether an account's own record says when its status last changed.
    fn dates_status_changes(&self) -> bool;
}

/// What the bot changes at a provider.
#[async_trait]
pub trait Lifecycle: Send + Sync {
    /// Returns when a change may be asked for, as far as rate limits are known: a caller that waits for that waits
    /// before they look at the account, and not between looking and acting.
    async fn turn_to_change(&self) -> Result<(), IdentityError>;

    /// Tells the provider to suspend the account, at once or not at all: one call, never repeated by the adapter.
    async fn suspend(&self, account: &AccountId) -> Result<Reference, IdentityError>;

    /// Tells the provider to end the account's suspension: one call, never repeated by the adapter.
    async fn restore(&self, account: &AccountId) -> Result<Reference, IdentityError>;

    /// Returns whether the account has sessions here that can be ended. Guests may sign in at a provider of their own.
    fn has_sessions(&self, _: &Account) -> bool {
        true
    }

    /// Ends the account's sessions and tokens.
    async fn clear_sessions(&self, account: &AccountId) -> Result<Reference, IdentityError>;
}

/// How the connection to a provider does.
#[async_trait]
pub trait Monitored: Send + Sync {
    /// Asks whether the provider can be reached and takes the credential, by the cheapest call that needs it.
    async fn reach(&self) -> Result<(), IdentityError>;

    /// How far our clock is ahead of the provider's (below zero: behind), as far as its recent answers show; `None` where
    /// they don't. Every period is counted from the provider's dates to our time.
    fn clock_ahead(&self) -> Option<Duration>;

    /// Returns what went to and fro since the start.
    fn traffic(&self) -> Traffic;

    /// Tries the credential and each right that these rules need, without changing anything. Stops at a credential that
    /// doesn't work.
    async fn probe(&self, rules: &[&Rule]) -> Vec<Probe>;
}

/// An identity provider.
pub trait IdentityProvider: Directory + ActivityLog + Lifecycle + Monitored {
    /// Returns the words that people know it by.
    fn terms(&self) -> Terms;
}
