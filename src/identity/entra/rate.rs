//! Keeps the bot within Microsoft's limits per app and tenant, by counting its own calls.
//!
//! Graph says nothing of what is left of a limit, and a call that it throttles counts too. So each limit is a window
//! of our own here, and a call waits until it fits. A call is counted from its start, and leaves the window so long
//! after its answer came: the server counted it somewhere in between. What other programs do with the same app is not
//! known here; a 429 closes the window for as long as it says.
//! See <https://learn.microsoft.com/graph/throttling-limits>.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Duration, Utc};
use http::Method;
use url::Url;

use crate::clock::Clock;
use crate::identity::Traffic;
use crate::scheduler::{Budget, Class, Patience, Place, Scheduler};

/// The longest wait for one window.
pub(super) const WAIT_MAX: Duration = Duration::seconds(70);

/// The calls that are limited together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bucket {
    /// Reads of users, groups and roles.
    Directory,
    /// Changes of users.
    Changes,
    /// Both logs.
    Logs,
    /// Whatever tells of sign-in dates: it counts as a report, too.
    SignInDates,
}

/// A limit: so many calls within so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Limit {
    Directory,
    Changes,
    Reports,
    SignInDates,
}

impl Limit {
    fn calls(self) -> (usize, Duration) {
        match self {
            // The smallest tenant's 3,500 resource units, of which a call takes 5 at most.
            Limit::Directory => (700, Duration::seconds(10)),
            // Half of what there is: other programs change users as well.
            Limit::Changes => (1_500, Duration::seconds(150)),
            Limit::Reports => (5, Duration::seconds(10)),
            Limit::SignInDates => (10, Duration::seconds(60)),
        }
    }
}

impl Bucket {
    pub(super) fn of(method: &Method, url: &Url) -> Bucket {
        if method == Method::PATCH || url.path().ends_with("/revokeSignInSessions") {
            return Bucket::Changes;
        }
        if url.path().starts_with("/v1.0/auditLogs/") {
            return Bucket::Logs;
        }
        let tells_dates =
            url.query_pairs().any(|(name, value)| name == "$select" && value.contains("signInActivity"));
        if tells_dates { Bucket::SignInDates } else { Bucket::Directory }
    }

    fn limits(self) -> &'static [Limit] {
        match self {
            Bucket::Directory => &[Limit::Directory],
            Bucket::Changes => &[Limit::Changes],
            Bucket::Logs => &[Limit::Reports],
            Bucket::SignInDates => &[Limit::SignInDates, Limit::Reports],
        }
    }
}

#[derive(Default)]
struct Window {
    under_way: usize,
    /// When the answers came, the oldest first.
    answered: VecDeque<DateTime<Utc>>,
    closed_until: Option<DateTime<Utc>>,
}

impl Window {
    /// Returns until when no call fits.
    fn full_until(&self, (most, length): (usize, Duration), now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // One that is further away than any is: the clock was put back since.
        let is_near = |until: &DateTime<Utc>| now < *until && *until - now <= RETRY_AFTER_MAX;
        let closed = self.closed_until.filter(is_near);
        let counted: Vec<DateTime<Utc>> = self
            .answered
            .iter()
            .map(|at| *at + length)
            .filter(|ends| now < *ends && *ends - now <= length)
            .collect();
        let too_many = (self.under_way + counted.len() + 1).checked_sub(most).filter(|many| *many > 0);
        // Calls under way end sooner than this, and then it is looked at again.
        let full = too_many.map(|many| counted.get(many - 1).copied().unwrap_or(now + length));
        full.max(closed)
    }
}

/// The longest time that Graph may keep us away.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::hours(1);

/// What is left of each limit.
pub(super) struct Windows {
    clock: Clock,
    /// Whether calls are counted. A server that wants to be left alone is, in any case.
    counts: bool,
    by_limit: BTreeMap<Limit, Window>,
}

impl Budget for Windows {
    type Bucket = Bucket;

    /// The class decides which call goes first, and no part is left to any: the smallest limit has 10 calls.
    fn full_until(&self, bucket: &Bucket, _: Class) -> Option<DateTime<Utc>> {
        let now = self.clock.now();
        let full = |limit: &Limit| self.by_limit.get(limit)?.full_until(limit.calls(), now);
        bucket.limits().iter().filter_map(full).max()
    }

    fn spend(&mut self, bucket: &Bucket) {
        if self.counts {
            self.each(*bucket, |window, _| window.under_way += 1);
        }
    }
}

impl Windows {
    fn each(&mut self, bucket: Bucket, change: impl Fn(&mut Window, Limit)) {
        for limit in bucket.limits() {
            change(self.by_limit.entry(*limit).or_default(), *limit);
        }
    }

    fn answered(&mut self, bucket: Bucket) {
        if !self.counts {
            return;
        }
        let now = self.clock.now();
        self.each(bucket, |window, limit| {
            let (most, _) = limit.calls();
            window.under_way = window.under_way.saturating_sub(1);
            window.answered.push_back(now);
            // What is older than that many answers is not needed to tell when the next call fits.
            let old = window.answered.len().saturating_sub(most);
            window.answered.drain(..old);
        });
    }
}

/// The order of all calls to one tenant, within its limits.
pub(super) struct Rates {
    scheduler: Scheduler<Windows>,
    clock: Clock,
    calls: AtomicU64,
    waits: AtomicU64,
    waited_ms: AtomicU64,
}

/// The permit for one call. Dropping it says that the call has its answer, or never gets one.
pub(super) struct Permit<'a> {
    rates: &'a Rates,
    bucket: Bucket,
    _place: Place<'a, Windows>,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.rates.scheduler.with_budget(|windows| windows.answered(self.bucket));
    }
}

impl Rates {
    /// Makes the limits of one app in one tenant, and keeps them if it `counts` the calls; so many may be under way.
    pub(super) fn new(counts: bool, at_once: u32, clock: Clock) -> Rates {
        let windows = Windows { clock: clock.clone(), counts, by_limit: BTreeMap::new() };
        Rates {
            scheduler: Scheduler::new(at_once, windows, clock.clone()),
            clock,
            calls: AtomicU64::new(0),
            waits: AtomicU64::new(0),
            waited_ms: AtomicU64::new(0),
        }
    }

    pub(super) fn traffic(&self) -> Traffic {
        let read = |counted: &AtomicU64| counted.load(Ordering::Relaxed);
        Traffic { calls: read(&self.calls), waits: read(&self.waits), waited_ms: read(&self.waited_ms) }
    }

    /// Waits until a call fits, for at most so many moves of its windows. The error says when to try again.
    pub(super) async fn permit(
        &self,
        class: Class,
        bucket: Bucket,
        windows: u32,
    ) -> Result<Permit<'_>, DateTime<Utc>> {
        let patience = Patience { windows, each: WAIT_MAX };
        let asked_at = self.clock.now();
        let mut waited = false;
        let place = self.scheduler.place(class, bucket, patience, |_| waited = true).await;
        if waited {
            tracing::debug!(?bucket, ?class, "waited for a rate limit");
            self.count_wait(self.clock.now() - asked_at);
        }
        let place = place?;
        self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(Permit { rates: self, bucket, _place: place })
    }

    fn count_wait(&self, wait: Duration) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        self.waited_ms
            .fetch_add(u64::try_from(wait.num_milliseconds()).unwrap_or_default(), Ordering::Relaxed);
    }

    /// Waits until a call of each of these buckets fits, for at most one window, and counts none.
    pub(super) async fn wait_for_room(&self, buckets: &[Bucket]) -> Result<(), DateTime<Utc>> {
        let give_up_at = self.clock.now() + WAIT_MAX;
        let full_until = || {
            let full = |bucket: &Bucket| {
                self.scheduler.with_budget(|windows| windows.full_until(bucket, Class::Action))
            };
            buckets.iter().filter_map(full).max()
        };
        while let Some(until) = full_until() {
            if until > give_up_at {
                return Err(until);
            }
            let before = self.clock.now();
            self.clock.sleep_until(until).await;
            self.count_wait(self.clock.now() - before);
        }
        Ok(())
    }

    /// No call of this bucket is welcome before then.
    pub(super) fn close(&self, bucket: Bucket, until: DateTime<Utc>) {
        // What a report is throttled for says nothing of users, but which of its limits it was is not said.
        self.scheduler.with_budget(|windows| {
            windows.each(bucket, |window, _| window.closed_until = window.closed_until.max(Some(until)));
        });
    }

    /// Sleeps until a rate limit allows more.
    pub(super) async fn wait(&self, until: DateTime<Utc>) {
        self.count_wait(until - self.clock.now());
        self.clock.sleep_until(until).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(clock: &Clock) -> Windows {
        Windows { clock: clock.clone(), counts: true, by_limit: BTreeMap::new() }
    }

    impl Windows {
        fn fits(&self, bucket: Bucket) -> bool {
            self.full_until(&bucket, Class::Action).is_none()
        }

        fn call(&mut self, bucket: Bucket) {
            self.spend(&bucket);
            self.answered(bucket);
        }
    }

    #[test]
    fn ten_calls_for_sign_in_dates_fit_into_a_minute_and_five_into_ten_seconds() {
        let clock = Clock::starting_at(DateTime::UNIX_EPOCH);
        let mut windows = windows(&clock);
        for part in 0..2 {
            for _ in 0..5 {
                assert!(windows.fits(Bucket::SignInDates), "{part}");
                windows.call(Bucket::SignInDates);
            }
            assert!(!windows.fits(Bucket::SignInDates) && !windows.fits(Bucket::Logs), "{part}");
            assert!(windows.fits(Bucket::Directory) && windows.fits(Bucket::Changes), "{part}");
            clock.advance(Duration::seconds(10) + Duration::milliseconds(1));
            assert!(windows.fits(Bucket::Logs), "{part}");
        }
        let until = windows.full_until(&Bucket::SignInDates, Class::Action).expect("ten are used");
        assert!((until - clock.now() - Duration::seconds(40)).abs() < Duration::seconds(1), "{until}");
        clock.advance(until - clock.now() + Duration::milliseconds(1));
        assert!(windows.fits(Bucket::SignInDates));
    }

    #[test]
    fn a_call_counts_from_its_start_and_for_a_window_after_its_answer() {
        let clock = Clock::starting_at(DateTime::UNIX_EPOCH);
        let mut windows = windows(&clock);
        for _ in 0..5 {
            windows.spend(&Bucket::Logs);
        }
        clock.advance(Duration::seconds(30));
        assert!(!windows.fits(Bucket::Logs), "none is answered");
        windows.answered(Bucket::Logs);
        clock.advance(Duration::seconds(9));
        assert!(!windows.fits(Bucket::Logs));
        clock.advance(Duration::seconds(2));
        assert!(windows.fits(Bucket::Logs), "one has left the window");
    }

    #[test]
    fn a_clock_that_is_put_back_makes_nobody_wait() {
        let clock = Clock::starting_at(DateTime::UNIX_EPOCH + Duration::days(1));
        let mut windows = windows(&clock);
        for _ in 0..10 {
            windows.call(Bucket::SignInDates);
        }
        assert!(!windows.fits(Bucket::SignInDates));
        clock.advance(Duration::hours(-3));
        assert!(windows.fits(Bucket::SignInDates));
    }

    #[test]
    fn buckets_are_told_apart() {
        let of = |method: &Method, path: &str| {
            Bucket::of(method, &Url::parse("https://x.test").unwrap().join(path).unwrap())
        };
        assert_eq!(of(&Method::GET, "/v1.0/users?$select=id,signInActivity"), Bucket::SignInDates);
        assert_eq!(of(&Method::GET, "/v1.0/users?%24select=id%2CsignInActivity&$top=5"), Bucket::SignInDates);
        assert_eq!(of(&Method::GET, "/v1.0/users/1?$select=id"), Bucket::Directory);
        assert_eq!(of(&Method::PATCH, "/v1.0/users/1"), Bucket::Changes);
        assert_eq!(of(&Method::POST, "/v1.0/users/1/revokeSignInSessions"), Bucket::Changes);
        assert_eq!(of(&Method::GET, "/v1.0/auditLogs/signIns"), Bucket::Logs);
    }
}
