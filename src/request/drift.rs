//! Drift: suspended accounts are read again, and the channel is notified of those that somebody else restored.
//!
//! An account that is active again is told and audited, and left to the next sweep: nothing here suspends anybody. A
//! look that fails is tried again, later each time. What is due and what was found are rows, so a process that dies
//! looks again, or tells again, and the message is posted once.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::chat::MessageRef;
use crate::domain::account::AccountStatus;
use crate::domain::drift::{Log, SKEW, Seen, Watch, needs_log};
use crate::domain::missed::{self, Checked};
use crate::domain::policy::Policy;
use crate::identity::IdentityError;
use crate::outbox::Identity;
use crate::request::Requests;
use crate::services::work::Work;
use crate::services::{card_key, reference};
use crate::store::Drifted;
use crate::wording::{drift, notices};

/// So many accounts are looked at in one round; a round is one message at most.
const ROUND_MAX: u32 = 200;
/// A credential that doesn't work needs a person; so often one round finds out whether it does again.
const WAIT_FOR_PERSON: Duration = Duration::minutes(5);

impl Requests {
    /// Whether a suspension of the policy is to be looked at again.
    pub(crate) async fn drift_is_due(&self, policy: &Policy) -> anyhow::Result<bool> {
        Ok(policy.watch_suspended_for.is_some()
            && self.s.store.watch_is_due(&policy.name, self.s.clock.now()).await?)
    }

    /// Looks at what is due of the policy at this place of the configuration.
    pub(crate) async fn look_again(
        &self,
        place: usize,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<DateTime<Utc>>> {
        let Some(policy) = self.s.policies.get(place) else { return Ok(None) };
        let Some(watched_for) = policy.watch_suspended_for else { return Ok(None) };
        let due = self.s.store.due_watches(&policy.name, ROUND_MAX, self.s.clock.now()).await?;
        if due.is_empty() {
            return Ok(None);
        }
        // What is wrong with the credential is wrong for all: the others wait unseen.
        let (halt, blocked) = (stop.child_token(), std::sync::Mutex::new(None));
        let looks: Vec<_> = due
            .iter()
            .map(async |watch| {
                if halt.is_cancelled() {
                    return None;
                }
                let look = self.s.unless_ended(self.look_at(watch, policy.rule.second_look)).await?;
                self.s.moves_on(Work::Watches(place));
                match look {
                    Ok((seen, checked)) => Some((watch.id, seen, checked)),
                    Err(until) => {
                        *crate::services::lock(&blocked) = Some((watch.id, until));
                        halt.cancel();
                        None
                    }
                }
            })
            .collect();
        let seen: Vec<_> = stream::iter(looks).buffer_unordered(self.s.concurrency).collect().await;
        let mut checks = Vec::new();
        let split = |(id, seen, checked): (i64, Seen, Option<Checked>)| {
            checks.extend(checked.map(|checked| (id, checked)));
            (id, seen)
        };
        let seen: Vec<(i64, Seen)> = seen.into_iter().flatten().map(split).collect();
        let blocked = *crate::services::lock(&blocked);
        if let Some((first, until)) = blocked {
            let rest = due.iter().map(|watch| watch.id).filter(|id| !seen.iter().any(|(seen, _)| seen == id));
            self.s.store.put_off_watches(rest.collect(), until).await?;
            // If the fault lies with that one account, the others must not wait behind it again.
            self.s.store.put_off_watches(vec![first], until + WAIT_FOR_PERSON).await?;
        }
        let more = seen.len() == ROUND_MAX as usize;
        // The answers have just shown what time it is there.
        let watched_for = Some(watched_for).filter(|_| self.s.clock_is_off().is_none());
        let found = !checks.is_empty();
        self.s.store.record_checks(checks, self.s.clock.now()).await?;
        if self.s.store.record_looks(seen, watched_for, self.s.clock.now()).await?.is_some() || found {
            self.s.nudge();
        }
        Ok(more.then(|| self.s.clock.now()))
    }

    /// Reads one account, and the log where that has something to explain. An error is in the way of all, until then.
    async fn look_at(&self, watch: &Watch, with_log: bool) -> Result<(Seen, Option<Checked>), DateTime<Utc>> {
        let read = self.s.identity.read(&watch.account.id).await;
        let account = match read {
            Ok(account) => account,
            Err(IdentityError::NotFound(_)) => return Ok((Seen::Gone, None)),
            Err(IdentityError::RateLimited { until }) => return Err(until),
            Err(IdentityError::Denied(why)) => {
                tracing::error!(why, "suspended accounts can't be read again until somebody fixes this");
                return Err(self.s.clock.now() + WAIT_FOR_PERSON);
            }
            Err(
                error @ (IdentityError::Transient(_)
                | IdentityError::Refused(_)
                | IdentityError::Malformed(_)),
            ) => {
                tracing::warn!(account = %watch.account.id, %error, "a suspended account could not be read");
                return Ok((Seen::Unreadable(error.to_string()), None));
            }
        };
        let is_suspended = account.status == AccountStatus::Suspended;
        let mut checked = None;
        if is_suspended && missed::is_due(watch, self.s.clock.now()) && self.s.clock_is_off().is_none() {
            match self.check_again(watch, &account, with_log).await {
                Ok(Ok(what)) => checked = Some(what),
                Ok(Err(why)) => return Ok((Seen::Unreadable(why), None)),
                Err(error) => return Ok((Seen::Unreadable(format!("{error:#}")), None)),
            }
        }
        let log = if needs_log(&account.status) { self.who_changed(watch).await } else { Log::NotAsked };
        Ok((Seen::Account { status: account.status, status_changed: account.status_changed, log }, checked))
    }

    async fn who_changed(&self, watch: &Watch) -> Log {
        match self.s.identity.last_change(&watch.account.id, watch.suspended_at - SKEW).await {
            Ok(change) => Log::Says(change),
            Err(IdentityError::Denied(why)) => {
                tracing::warn!(why, "the log can't be asked who brought an account back");
                Log::Closed
            }
            Err(
                error @ (IdentityError::RateLimited { .. }
                | IdentityError::Transient(_)
                | IdentityError::NotFound(_)
                | IdentityError::Refused(_)
                | IdentityError::Malformed(_)),
            ) => Log::Unreadable(error.to_string()),
        }
    }

    /// Tells the channel, and the thread of each card concerned, of a batch of accounts that are active again.
    pub(crate) async fn tell_drift(&self, batch: i64) -> anyhow::Result<Option<DateTime<Utc>>> {
        let found = self.s.store.drift_batch(batch).await?;
        if let Some(policy) = found.first().and_then(|one| self.s.policy(&one.policy))
            && let Some(at) = self.tell_drift_of(policy, batch, &found).await?
        {
            return Ok(Some(at));
        }
        self.s.store.drift_told(batch, self.s.clock.now()).await?;
        Ok(None)
    }

    async fn tell_drift_of(
        &self,
        policy: &Policy,
        batch: i64,
        found: &[Drifted],
    ) -> anyhow::Result<Option<DateTime<Utc>>> {
        let mut cards: BTreeMap<i64, MessageRef> = BTreeMap::new();
        for one in found {
            let request = one.watch.request;
            if let Some(card) = self.s.store.message(&card_key(request)).await?.as_ref().and_then(reference) {
                cards.insert(request, card);
            }
        }
        let message =
            Identity { key: format!("drift:{batch}"), channel: &policy.channel, thread: None, card_of: None };
        if let Some(at) = self.outbox.told(&message, &drift::in_channel(policy, found, &cards)).await? {
            return Ok(Some(at));
        }
        for (request, card) in &cards {
            let of_request: Vec<&Drifted> =
                found.iter().filter(|one| one.watch.request == *request).collect();
            for (part, several) in of_request.chunks(notices::OUTCOMES_PER_MESSAGE).enumerate() {
                let message = Identity {
                    key: format!("drift:{batch}:request:{request}:{part}"),
                    channel: &card.channel,
                    thread: Some(card),
                    card_of: None,
                };
                if let Some(at) = self.outbox.told(&message, &drift::in_thread(policy, several)).await? {
                    return Ok(Some(at));
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::bench::{Bench, policy};

    #[tokio::test]
    async fn nobody_is_due_where_nobody_was_suspended_or_nobody_is_watched() {
        let bench = Bench::new();
        assert!(!bench.engine.requests.drift_is_due(&policy()).await.unwrap());
        let unwatched = Policy { watch_suspended_for: None, ..policy() };
        assert!(!bench.engine.requests.drift_is_due(&unwatched).await.unwrap());
    }
}
