//! Says that the database is stopped, or that it goes on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::chat::{Card, ChatError};
use crate::domain::account::AccountId;
use crate::domain::audit::{Action, Actor};
use crate::domain::backoff::earliest;
use crate::domain::lineage::{Lineage, Stop};
use crate::outbox::{Identity, Outbox};
use crate::services::{WorkError, WorkResult, card_key, lock};
use crate::store::AuditQuery;
use crate::wording::lineage as wording;

/// How long channels are notified that the database goes on; a channel that is added later need not hear of it.
const TELL_WITHIN: chrono::Duration = chrono::Duration::days(1);

impl Outbox {
    /// Tells that the database is stopped, or that it goes on. Returns when to try again.
    pub(crate) async fn tell_of_lineage(&self) -> WorkResult<Option<DateTime<Utc>>> {
        match &self.s.store.lineage().stopped {
            Some(_) => self.tell_stopped().await,
            None => self.tell_resumed().await,
        }
    }

    /// Tells the channels and the admins that the database is stopped, and takes the buttons off the open cards. Returns
    /// when to try again.
    async fn tell_stopped(&self) -> WorkResult<Option<DateTime<Utc>>> {
        self.s.store.save_stop().await?;
        let lineage = self.s.store.lineage();
        let Some(stop) = &lineage.stopped else { return Ok(None) };
        let mut wake = None;
        for (request, _) in self.s.store.open_requests(None).await? {
            let key = card_key(request.id);
            if self.s.store.message(&key).await?.is_none_or(|row| row.ts.is_none()) {
                continue;
            }
            let card = Identity { key, channel: &request.channel, thread: None, card_of: Some(request.id) };
            let shown = self.show(&card, &wording::superseded_card(&request)).await?;
            wake = earliest(wake, shown.again());
        }
        let missing = self.missing_exemptions(stop).await?;
        let card = wording::stopped(&lineage, stop, &missing);
        let epoch = lineage.database.epoch;
        wake = earliest(wake, self.tell_channels(&format!("database:stopped:{epoch}"), &card).await?);
        for user in self.s.policies.iter().flat_map(|policy| &policy.admins.users).collect::<BTreeSet<_>>() {
            let key = format!("database:stopped:{epoch}:admin:{user}");
            wake = earliest(wake, self.tell_directly(&key, user, &card).await?);
        }
        Ok(wake)
    }

    async fn tell_channels(&self, what: &str, card: &Card) -> WorkResult<Option<DateTime<Utc>>> {
        let mut wake = None;
        for channel in self.s.policies.iter().map(|policy| &policy.channel).collect::<BTreeSet<_>>() {
            let key = format!("{what}:{channel}");
            let message = Identity { key, channel, thread: None, card_of: None };
            wake = earliest(wake, self.told(&message, card).await?);
        }
        Ok(wake)
    }

    /// Returns the exemptions that the seen messages name and the file does not have, in words.
    pub(crate) async fn missing_exemptions(&self, stop: &Stop) -> WorkResult<Vec<String>> {
        let mut missing = Vec::new();
        for (account, words) in stop.exemptions() {
            let granted = self.s.store.exemptions_of(&AccountId(account.to_owned())).await?;
            if !granted.iter().any(|one| one.is_open(self.s.clock.now())) {
                missing.push(words.to_owned());
            }
        }
        Ok(missing)
    }

    /// Returns whether the channels may still have to hear that the database goes on.
    pub(crate) fn tells_of_resuming(&self) -> bool {
        let is_recent = |began: DateTime<Utc>| (self.s.clock.now() - began).abs() < TELL_WITHIN;
        let lineage = self.s.store.lineage();
        *lock(&self.told_epoch) != Some(lineage.database.epoch) && lineage.epoch_began.is_some_and(is_recent)
    }

    /// Tells the channels that the database goes on. Returns when to try again.
    async fn tell_resumed(&self) -> WorkResult<Option<DateTime<Utc>>> {
        let lineage: Arc<Lineage> = self.s.store.lineage();
        let query = AuditQuery { actions: vec![Action::DatabaseResumed], ..AuditQuery::latest(1) };
        let event = self.s.store.audit(query).await?.pop();
        let epoch = lineage.database.epoch;
        if let (None, Some((Actor::Person(by), at))) =
            (&lineage.stopped, event.map(|one| (one.actor, one.at)))
        {
            let card = wording::resumed(&by, at, epoch);
            let again = self.tell_channels(&format!("database:resumed:{epoch}"), &card).await?;
            if again.is_some() {
                return Ok(again);
            }
        }
        *lock(&self.told_epoch) = Some(epoch);
        Ok(None)
    }
}

/// Returns how long to wait if the error passes by itself.
pub(crate) fn passes(error: &WorkError) -> Option<Duration> {
    match error.without_context() {
        WorkError::Chat(ChatError::RateLimited(wait)) => Some(*wait),
        WorkError::Chat(error) => error.may_pass().then_some(Duration::ZERO),
        // Such as a database that could not be read.
        WorkError::Identity(_) | WorkError::Store(_) | WorkError::Other(_) | WorkError::Context { .. } => {
            Some(Duration::ZERO)
        }
    }
}
