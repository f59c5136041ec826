//! Notes what an identity provider answers, so that no caller has to.
//!
//! The services are given the provider only in this wrapper: a call that nobody noted can't be made. What is known
//! without asking the provider (the turn for a change, a link, the clock) is no answer. The log is left out: the right
//! to read it is optional, and its reader reports what is missing.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};

use crate::clock::Clock;
use crate::domain::account::{Account, AccountId};
use crate::domain::plan::Guard;
use crate::domain::policy::Rule;
use crate::identity::{
    ActivityLog, Directory, FreshLook, IdentityError, IdentityProvider, Lifecycle, LogRead, Looks, Monitored,
    Probe, Protected, Reference, StatusChange, TakeAccount, Terms, Traffic,
};

/// When the identity provider last answered, and what was wrong with the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastAnswer {
    /// When it came, or failed to come.
    pub at: DateTime<Utc>,
    /// What was wrong, if anything.
    pub problem: Option<Problem>,
}

/// What is wrong with a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It answers, and its time and ours are too far apart.
    Clock(Guard),
    /// It did not answer, or not properly.
    Answer(IdentityError),
}

/// An identity provider whose answers are noted.
pub struct Watched {
    provider: Arc<dyn IdentityProvider>,
    clock: Clock,
    last: Mutex<Option<LastAnswer>>,
}

impl Watched {
    /// Watches a provider that was not asked anything yet.
    pub fn new(provider: Arc<dyn IdentityProvider>, clock: Clock) -> Watched {
        Watched { provider, clock, last: Mutex::default() }
    }

    /// Returns what the provider last answered, and when.
    pub fn last_answer(&self) -> Option<LastAnswer> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns whether it has not answered for so long, or not well the last time.
    pub fn is_silent(&self, long: Duration) -> bool {
        let now = self.clock.now();
        self.last_answer().is_none_or(|last| last.problem.is_some() || (now - last.at).abs() > long)
    }

    /// Returns the guard that stops what depends on the time, if our clock and the provider's are too far apart.
    pub fn clock_guard(&self) -> Option<Guard> {
        Guard::of_clock(self.provider.clock_ahead())
    }

    /// Notes an answer, which also says what time it is there, and passes it on. That there is no such account, or that
    /// it can't be changed, is a proper answer.
    fn noted<T>(&self, answer: Result<T, IdentityError>) -> Result<T, IdentityError> {
        let problem = match &answer {
            Ok(_) | Err(IdentityError::NotFound(_) | IdentityError::Refused(_)) => {
                self.clock_guard().map(Problem::Clock)
            }
            Err(
                error @ (IdentityError::RateLimited { .. }
                | IdentityError::Transient(_)
                | IdentityError::Denied(_)
                | IdentityError::Malformed(_)
                | IdentityError::NotConfigured(_)),
            ) => Some(Problem::Answer(error.clone())),
        };
        self.note(LastAnswer { at: self.clock.now(), problem });
        answer
    }

    pub(crate) fn note(&self, answer: LastAnswer) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
}

#[async_trait]
impl Directory for Watched {
    async fn list(&self, rule: &Rule, take: &mut TakeAccount<'_>) -> Result<u32, IdentityError> {
        self.noted(self.provider.list(rule, take).await)
    }

    async fn protected(&self, rule: &Rule) -> Result<Protected, IdentityError> {
        self.noted(self.provider.protected(rule).await)
    }

    async fn look(
        &self,
        account: &AccountId,
        rule: &Rule,
        since: Option<DateTime<Utc>>,
    ) -> Result<FreshLook, IdentityError> {
        self.noted(self.provider.look(account, rule, since).await)
    }

    async fn confirm(&self, account: &AccountId, rule: &Rule) -> Result<Account, IdentityError> {
        self.noted(self.provider.confirm(account, rule).await)
    }

    async fn read(&self, account: &AccountId) -> Result<Account, IdentityError> {
        self.noted(self.provider.read(account).await)
    }

    async fn find(&self, who: &str, rule: &Rule) -> Result<Vec<Account>, IdentityError> {
        self.noted(self.provider.find(who, rule).await)
    }

    fn console_link(&self, account: &AccountId) -> Option<String> {
        self.provider.console_link(account)
    }
}

#[async_trait]
impl ActivityLog for Watched {
    async fn second_look(&self, asked: &Looks) -> LogRead {
        self.provider.second_look(asked).await
    }

    async fn last_change(
        &self,
        account: &AccountId,
        since: DateTime<Utc>,
    ) -> Result<Option<StatusChange>, IdentityError> {
        self.provider.last_change(account, since).await
    }

    fn log_kept(&self) -> Duration {
        self.provider.log_kept()
    }

    fn evidence_lag(&self) -> Duration {
        self.provider.evidence_lag()
    }

    fn dates_status_changes(&self) -> bool {
        self.provider.dates_status_changes()
    }
}

#[async_trait]
impl Lifecycle for Watched {
    async fn turn_to_change(&self) -> Result<(), IdentityError> {
        self.provider.turn_to_change().await
    }

    async fn suspend(&self, account: &AccountId) -> Result<Reference, IdentityError> {
        self.noted(self.provider.suspend(account).await)
    }

    async fn restore(&self, account: &AccountId) -> Result<Reference, IdentityError> {
        self.noted(self.provider.restore(account).await)
    }

    fn has_sessions(&self, account: &Account) -> bool {
        self.provider.has_sessions(account)
    }

    async fn clear_sessions(&self, account: &AccountId) -> Result<Reference, IdentityError> {
        self.noted(self.provider.clear_sessions(account).await)
    }
}

#[async_trait]
impl Monitored for Watched {
    async fn reach(&self) -> Result<(), IdentityError> {
        match self.provider.reach().await {
            // That others use up the limit says nothing of whether it can be reached.
            limited @ Err(IdentityError::RateLimited { .. }) => limited,
            answer => self.noted(answer),
        }
    }

    fn clock_ahead(&self) -> Option<Duration> {
        self.provider.clock_ahead()
    }

    fn traffic(&self) -> Traffic {
        self.provider.traffic()
    }

    async fn probe(&self, rules: &[&Rule]) -> Vec<Probe> {
        self.provider.probe(rules).await
    }
}

impl IdentityProvider for Watched {
    fn terms(&self) -> Terms {
        self.provider.terms()
    }
}
