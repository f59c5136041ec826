//! Drift: suspended accounts are read again, and the channel is notified of those that somebody else restored.
//!
//! An account that is active again is reported and audited, and left to the next sweep: nothing here suspends anybody.
//! A look that fails is tried again, later each time. What is due and what was found are rows, so a process that dies
//! looks again, or reports again, and the message is posted once.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::domain::account::AccountStatus;
use crate::domain::drift::{Log, SKEW, Seen, Watch, needs_log};
use crate::domain::ids::PolicyName;
use crate::domain::missed::{self, Checked};
use crate::domain::policy::{Policy, Rule};
use crate::domain::provider::ProviderName;
use crate::identity::{ActivityLog as _, Directory as _, IdentityError};
use crate::request::Requests;
use crate::services::WorkResult;
use crate::services::work::Work;

/// So many accounts are looked at in one round; a round is one message at most.
const ROUND_MAX: u32 = 200;
/// How long accounts are looked at again whose provider doesn't date its changes, if the policy wants no such look.
const WATCHED_WITHOUT_DATES: Duration = Duration::days(30);
/// A credential that doesn't work needs a person; so often one round finds out whether it does again.
const WAIT_FOR_PERSON: Duration = Duration::minutes(5);

impl Requests {
    /// Whether a suspension of the policy is to be looked at again.
    pub(crate) async fn drift_is_due(&self, policy: &Policy) -> WorkResult<bool> {
        Ok(self.watched_for(policy).is_some()
            && self.s.store.watch_is_due(&policy.name, self.s.clock.now()).await?)
    }

    /// How long the policy's suspended accounts are looked at again. Where the provider does not date its changes, only
    /// these looks tell since when an account is back, and so whether it may be proposed again.
    fn watched_for(&self, policy: &Policy) -> Option<Duration> {
        let is_dated = self.s.provider(&policy.rule.provider).dates_status_changes();
        policy.drift_watch.or((!is_dated).then_some(WATCHED_WITHOUT_DATES))
    }

    /// Looks at the accounts of the policy that are due. A policy that is gone from the configuration has none.
    pub(crate) async fn look_again(
        &self,
        name: &PolicyName,
        stop: &CancellationToken,
    ) -> WorkResult<Option<DateTime<Utc>>> {
        let Some(policy) = self.s.policy(name) else { return Ok(None) };
        let Some(watched_for) = self.watched_for(policy) else { return Ok(None) };
        let due = self.s.store.due_watches(&policy.name, ROUND_MAX, self.s.clock.now()).await?;
        let mut by_provider = BTreeMap::<_, Vec<Watch>>::new();
        for watch in due {
            by_provider.entry(watch.provider.clone()).or_default().push(watch);
        }
        let mut more = false;
        for (provider, due) in by_provider {
            let watched_for = Some(watched_for);
            more |= self.look_at_all(&provider, &due, policy, watched_for, stop).await? == ROUND_MAX as usize;
        }
        Ok(more.then(|| self.s.clock.now()))
    }

    /// Looks at the accounts of one provider. Returns how many it could look at.
    async fn look_at_all(
        &self,
        provider: &ProviderName,
        due: &[Watch],
        policy: &Policy,
        watched_for: Option<Duration>,
        stop: &CancellationToken,
    ) -> WorkResult<usize> {
        let work = Work::Watches(policy.name.clone());
        // What is wrong with the credential is wrong for all: the others wait unseen.
        let (halt, blocked) = (stop.child_token(), std::sync::Mutex::new(None));
        let looks: Vec<_> = due
            .iter()
            .map(async |watch| {
                if halt.is_cancelled() {
                    return None;
                }
                let look = self.s.unless_ended(self.look_at(watch, &policy.rule)).await?;
                self.s.rows.moves_on(&work);
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
        let looked_at = seen.len();
        // The answers have just shown what time it is there.
        let watched_for = watched_for.filter(|_| self.s.clock_is_off(provider).is_none());
        let found = !checks.is_empty();
        self.s.store.record_checks(checks, self.s.clock.now()).await?;
        if self.s.store.record_looks(seen, watched_for, self.s.clock.now()).await?.is_some() || found {
            self.s.nudge();
        }
        Ok(looked_at)
    }

    /// Reads one account, and the log where that has something to explain. An error is in the way of all, until then.
    async fn look_at(&self, watch: &Watch, rule: &Rule) -> Result<(Seen, Option<Checked>), DateTime<Utc>> {
        let provider = self.s.provider(&watch.provider);
        let read = provider.read(&watch.account.id).await;
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
                | IdentityError::Malformed(_)
                | IdentityError::NotConfigured(_)),
            ) => {
                tracing::warn!(account = %watch.account.id, %error, "a suspended account could not be read");
                return Ok((Seen::Unreadable(error.to_string()), None));
            }
        };
        let is_suspended = account.status == AccountStatus::Suspended;
        let mut checked = None;
        let now = self.s.clock.now();
        if is_suspended
            && missed::is_due(watch, provider.evidence_lag(), now)
            && self.s.clock_is_off(&watch.provider).is_none()
        {
            match self.check_again(watch, &account, rule).await {
                Ok(Ok(what)) => checked = Some(what),
                Ok(Err(why)) => return Ok((Seen::Unreadable(why), None)),
                Err(error) => return Ok((Seen::Unreadable(format!("{error:#}")), None)),
            }
        }
        let log = if needs_log(&account.status) { self.who_changed(watch).await } else { Log::NotAsked };
        Ok((Seen::Account { status: account.status, status_changed: account.status_changed, log }, checked))
    }

    async fn who_changed(&self, watch: &Watch) -> Log {
        match self.s.provider(&watch.provider).last_change(&watch.account.id, watch.suspended_at - SKEW).await
        {
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
                | IdentityError::Malformed(_)
                | IdentityError::NotConfigured(_)),
            ) => Log::Unreadable(error.to_string()),
        }
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
        let unwatched = Policy { drift_watch: None, ..policy() };
        assert!(!bench.engine.requests.drift_is_due(&unwatched).await.unwrap());
        let gone = bench.engine.requests.look_again(&"gone".into(), &bench.stop).await;
        assert_eq!(gone.unwrap(), None, "the configuration has no such policy any more");
    }
}
