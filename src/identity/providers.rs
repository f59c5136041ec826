//! The identity providers of one configuration, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};

use crate::clock::Clock;
use crate::domain::account::{Account, AccountId};
use crate::domain::policy::Rule;
use crate::domain::provider::ProviderName;
use crate::identity::watched::Watched;
use crate::identity::{
    ActivityLog, Directory, FreshLook, IdentityError, IdentityProvider, Lifecycle, LogRead, Looks, Monitored,
    Probe, Protected, Reference, StatusChange, TakeAccount, Terms, Traffic,
};

/// The adapter of each provider.
pub type Adapters = BTreeMap<ProviderName, Arc<dyn IdentityProvider>>;

/// The providers, each of which notes its answers.
pub struct Providers {
    clock: Clock,
    watched: BTreeMap<ProviderName, Arc<Watched>>,
}

impl Providers {
    /// Watches these providers, which were not asked anything yet.
    pub fn new(adapters: Adapters, clock: Clock) -> Providers {
        let watch = |(name, adapter)| (name, Arc::new(Watched::new(adapter, clock.clone())));
        Providers { watched: adapters.into_iter().map(watch).collect(), clock }
    }

    /// Returns the provider of this name. One that the configuration doesn't have answers everything with
    /// [`IdentityError::NotConfigured`].
    pub fn named(&self, name: &ProviderName) -> Arc<Watched> {
        let absent = || Arc::new(Watched::new(Arc::new(Absent(name.clone())), self.clock.clone()));
        self.watched.get(name).map_or_else(absent, Arc::clone)
    }

    /// Returns each provider with its name.
    pub fn all(&self) -> impl Iterator<Item = (&ProviderName, &Watched)> {
        self.watched.iter().map(|(name, watched)| (name, &**watched))
    }
}

/// A provider that rows name and the configuration doesn't.
struct Absent(ProviderName);

impl Absent {
    fn answer<T>(&self) -> Result<T, IdentityError> {
        Err(IdentityError::NotConfigured(self.0.clone()))
    }
}

#[async_trait]
impl Directory for Absent {
    async fn list(&self, _: &Rule, _: &mut TakeAccount<'_>) -> Result<u32, IdentityError> {
        self.answer()
    }

    async fn protected(&self, _: &Rule) -> Result<Protected, IdentityError> {
        self.answer()
    }

    async fn look(
        &self,
        _: &AccountId,
        _: &Rule,
        _: Option<DateTime<Utc>>,
    ) -> Result<FreshLook, IdentityError> {
        self.answer()
    }

    async fn confirm(&self, _: &AccountId, _: &Rule) -> Result<Account, IdentityError> {
        self.answer()
    }

    async fn read(&self, _: &AccountId) -> Result<Account, IdentityError> {
        self.answer()
    }

    async fn find(&self, _: &str, _: &Rule) -> Result<Vec<Account>, IdentityError> {
        self.answer()
    }

    fn console_link(&self, _: &AccountId) -> Option<String> {
        None
    }
}

#[async_trait]
impl ActivityLog for Absent {
    async fn second_look(&self, asked: &Looks) -> LogRead {
        let looks = asked.keys().map(|account| (account.clone(), self.answer())).collect();
        LogRead { looks, ..LogRead::default() }
    }

    async fn last_change(
        &self,
        _: &AccountId,
        _: DateTime<Utc>,
    ) -> Result<Option<StatusChange>, IdentityError> {
        self.answer()
    }

    fn log_kept(&self) -> Duration {
        Duration::zero()
    }

    fn evidence_lag(&self) -> Duration {
        Duration::zero()
    }

    fn dates_status_changes(&self) -> bool {
        true
    }
}

#[async_trait]
impl Lifecycle for Absent {
    async fn turn_to_change(&self) -> Result<(), IdentityError> {
        self.answer()
    }

    async fn suspend(&self, _: &AccountId) -> Result<Reference, IdentityError> {
        self.answer()
    }

    async fn restore(&self, _: &AccountId) -> Result<Reference, IdentityError> {
        self.answer()
    }

    async fn clear_sessions(&self, _: &AccountId) -> Result<Reference, IdentityError> {
        self.answer()
    }
}

#[async_trait]
impl Monitored for Absent {
    async fn reach(&self) -> Result<(), IdentityError> {
        self.answer()
    }

    fn clock_ahead(&self) -> Option<Duration> {
        None
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    async fn probe(&self, _: &[&Rule]) -> Vec<Probe> {
        Vec::new()
    }
}

impl IdentityProvider for Absent {
    fn terms(&self) -> Terms {
        Terms::OF_NONE
    }
}
