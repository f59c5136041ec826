//! Keeps the bot within its share of the org's rate limits, from what each response says of its bucket.
//!
//! Okta counts per bucket over 60 s and sends `X-Rate-Limit-Limit`, `-Remaining` and `-Reset` (epoch seconds) with
//! every response, but no `Retry-After`: only a gateway before Okta may. The wait is the reset relative to the response's own `Date`, plus a second,
//! so that a wrong clock here doesn't matter. See <https://developer.okta.com/docs/reference/rl-best-practices/>.
//!
//! Of what is left of our share, lower classes of work leave a part to higher ones, and others' reserve is left alone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Duration, Utc};
use http::{HeaderMap, Method};
use url::Url;

use crate::clock::Clock;
use crate::identity::Traffic;
use crate::net;
use crate::scheduler::{Budget, Class, Patience, Place, Scheduler};

/// The longest wait for a window to end: a window is 60 s.
pub(super) const WAIT_MAX: Duration = Duration::seconds(70);
/// The part of a bucket that is left alone even if others used up the rest.
const RESERVE: f64 = 0.1;

/// The calls that Okta counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bucket {
    /// Listings, lifecycle calls and a user's parts.
    Users,
    /// One user by id.
    User,
    Groups,
    Logs,
    Other,
}

impl Bucket {
    pub(super) fn of(method: &Method, url: &Url) -> Bucket {
        let mut path = url.path().trim_start_matches("/api/v1/").split('/');
        match (path.next(), path.next(), path.next()) {
            (Some("users"), Some(_), None) if method == Method::GET => Bucket::User,
            (Some("users"), _, _) => Bucket::Users,
            (Some("groups"), _, _) => Bucket::Groups,
            (Some("logs"), _, _) => Bucket::Logs,
            _ => Bucket::Other,
        }
    }
}

/// What a response says of its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reported {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// Epoch seconds by the server's clock; names the window.
    reset: i64,
    /// From the response until the window surely is over.
    pub(super) wait: Duration,
}

impl Reported {
    pub(super) fn read(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Reported> {
        let limit = smallest(headers, "x-rate-limit-limit")?;
        let remaining = smallest(headers, "x-rate-limit-remaining")?;
        let reset = smallest(headers, "x-rate-limit-reset")?;
        let date = net::date(headers).unwrap_or(now);
        let left = Duration::try_seconds(reset.saturating_sub(date.timestamp()))?.max(Duration::zero());
        Some(Reported {
            limit: u32::try_from(limit).ok()?,
            remaining: u32::try_from(remaining).ok()?,
            reset,
            wait: left + Duration::seconds(1),
        })
    }
}

/// The headers may be repeated, once per limit that applies: the smallest counts.
fn smallest(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()?.trim().parse().ok()).min()
}

struct Window {
    reported: Reported,
    until: DateTime<Utc>,
    /// Our own calls in this window.
    used: u32,
}

impl Window {
    /// One that would go on for longer than any does is over: the clock was put back since.
    fn goes_on(&self, now: DateTime<Utc>) -> bool {
        now < self.until && self.until - now <= WAIT_MAX
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is a part of a u32, and not below zero"
    )]
    fn is_used_up(&self, share: f64, class: Class) -> bool {
        let part_of = |part: f64| (f64::from(self.reported.limit) * part).floor() as u32;
        let (ours, of_others) = (part_of(share).max(1), part_of(RESERVE.min(1.0 - share)));
        let left = ours.saturating_sub(self.used).min(self.reported.remaining.saturating_sub(of_others));
        left <= class.leaves(ours)
    }
}

/// What is left of each bucket of one org.
pub(super) struct Windows {
    share: f64,
    clock: Clock,
    by_bucket: BTreeMap<Bucket, Window>,
}

impl Budget for Windows {
    type Bucket = Bucket;

    fn full_until(&self, bucket: &Bucket, class: Class) -> Option<DateTime<Utc>> {
        let window = self.by_bucket.get(bucket)?;
        let is_full = window.goes_on(self.clock.now()) && window.is_used_up(self.share, class);
        is_full.then_some(window.until)
    }

    fn spend(&mut self, bucket: &Bucket) {
        let now = self.clock.now();
        self.by_bucket.retain(|_, window| window.goes_on(now));
        if let Some(window) = self.by_bucket.get_mut(bucket) {
            window.used += 1;
        }
    }
}

impl Windows {
    /// Remembers what a response said.
    fn note(&mut self, bucket: Bucket, reported: Reported) {
        // The concurrency limit has no window, and a window is 60 s: anything longer is not about one.
        if reported.limit == 0 || reported.wait > WAIT_MAX {
            return;
        }
        let until = self.clock.now() + reported.wait;
        match self.by_bucket.get_mut(&bucket) {
            Some(window) if window.reported.reset == reported.reset => {
                let remaining = window.reported.remaining.min(reported.remaining);
                window.reported = Reported { remaining, ..reported };
            }
            Some(window) if window.reported.reset > reported.reset => {}
            Some(_) | None => {
                self.by_bucket.insert(bucket, Window { reported, until, used: 1 });
            }
        }
    }
}

/// The order of all calls to one org, within its rate limits.
pub(super) struct Rates {
    scheduler: Scheduler<Windows>,
    clock: Clock,
    calls: AtomicU64,
    waits: AtomicU64,
    waited_ms: AtomicU64,
}

impl Rates {
    /// Makes the limits of one org. `share` is the part (0–1) of each bucket that we may use, `at_once` how many calls
    /// may be under way.
    pub(super) fn new(share: f64, at_once: u32, clock: Clock) -> Rates {
        let windows = Windows { share, clock: clock.clone(), by_bucket: BTreeMap::new() };
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

    /// A request is sent.
    pub(super) fn count_call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Sleeps until a rate limit allows more.
    pub(super) async fn wait(&self, until: DateTime<Utc>) {
        self.count_wait(until - self.clock.now());
        self.clock.sleep_until(until).await;
    }

    fn count_wait(&self, wait: Duration) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        self.waited_ms
            .fetch_add(u64::try_from(wait.num_milliseconds()).unwrap_or_default(), Ordering::Relaxed);
    }

    /// Waits for a place for a call of this bucket within our share, for at most `windows` windows, and counts it. The
    /// error says when to try again.
    pub(super) async fn place(
        &self,
        class: Class,
        bucket: Bucket,
        windows: u32,
    ) -> Result<Place<'_, Windows>, DateTime<Utc>> {
        let patience = Patience { windows, each: WAIT_MAX };
        let waits = |wait| {
            tracing::debug!(?bucket, ?class, %wait, "waiting: our share of the rate limit is used up");
            self.count_wait(wait);
        };
        self.scheduler.place(class, bucket, patience, waits).await
    }

    /// Waits until a change fits in our share, for at most one window, and counts none.
    pub(super) async fn wait_for_room(&self, bucket: Bucket) -> Result<(), DateTime<Utc>> {
        let full_until = || self.scheduler.with_budget(|budget| budget.full_until(&bucket, Class::Action));
        if let Some(until) = full_until() {
            if until - self.clock.now() > WAIT_MAX {
                return Err(until);
            }
            self.wait(until).await;
        }
        full_until().map_or(Ok(()), Err)
    }

    /// Remembers what a response said.
    pub(super) fn note(&self, bucket: Bucket, reported: Reported) {
        self.scheduler.with_budget(|budget| budget.note(bucket, reported));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(limit: u32, remaining: u32, reset: i64, date: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-rate-limit-limit", limit.into());
        headers.insert("x-rate-limit-remaining", remaining.into());
        headers.insert("x-rate-limit-reset", reset.into());
        headers.insert("date", date.parse().unwrap());
        headers
    }

    #[test]
    fn the_wait_is_relative_to_the_servers_own_date() {
        let now = DateTime::from_timestamp(99, 0).unwrap();
        let reported = Reported::read(&headers(600, 10, 42, "Thu, 01 Jan 1970 00:00:12 GMT"), now).unwrap();
        assert_eq!(reported.wait, Duration::seconds(31));
    }

    #[test]
    fn of_repeated_headers_the_smallest_counts() {
        let mut headers = headers(600, 500, 42, "Thu, 01 Jan 1970 00:00:12 GMT");
        headers.append("x-rate-limit-remaining", 3.into());
        headers.append("x-rate-limit-limit", 300.into());
        let reported = Reported::read(&headers, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!((reported.limit, reported.remaining), (300, 3));
    }

    fn windows(clock: &Clock) -> Windows {
        Windows { share: 0.5, clock: clock.clone(), by_bucket: BTreeMap::new() }
    }

    impl Windows {
        /// Takes a turn, or returns until when there is none.
        fn try_turn(&mut self, bucket: Bucket) -> Option<DateTime<Utc>> {
            let full = self.full_until(&bucket, Class::Action);
            if full.is_none() {
                self.spend(&bucket);
            }
            full
        }
    }

    #[test]
    fn turns_end_with_our_share_or_with_the_reserve() {
        let clock = Clock::system();
        let (mut windows, now) = (windows(&clock), clock.now());
        let report = |remaining| Reported { limit: 4, remaining, reset: 60, wait: Duration::seconds(30) };
        windows.note(Bucket::Logs, report(3));
        assert!(windows.try_turn(Bucket::Logs).is_none(), "one of two is left");
        assert!(windows.try_turn(Bucket::Logs).is_some_and(|until| until > now), "two of two are used");
        assert!(windows.try_turn(Bucket::Users).is_none(), "another bucket is not concerned");
        windows.note(Bucket::Groups, report(0));
        assert!(windows.try_turn(Bucket::Groups).is_some(), "others used everything");
        clock.advance(Duration::seconds(31));
        assert!(windows.try_turn(Bucket::Logs).is_none(), "a new window");
    }

    #[test]
    fn of_a_budget_that_is_short_questions_and_sweeps_leave_a_part_to_suspensions() {
        let clock = Clock::system();
        // Our share is 30 of 60, and 6 of the 60 are left to others in any case.
        for (remaining, question, sweep, look, action) in [
            (36, true, true, true, true),
            (28, false, true, true, true),
            (13, false, false, true, true),
            (9, false, false, false, true),
            (6, false, false, false, false),
        ] {
            let mut windows = windows(&clock);
            let wait = Duration::seconds(30);
            windows.note(Bucket::Users, Reported { limit: 60, remaining, reset: 60, wait });
            let fits = |class| windows.full_until(&Bucket::Users, class).is_none();
            let all = [Class::Question, Class::Sweep, Class::FreshLook, Class::Action].map(fits);
            assert_eq!(all, [question, sweep, look, action], "{remaining}");
        }
    }

    #[tokio::test]
    async fn a_clock_that_is_put_back_makes_nobody_wait() {
        let clock = Clock::system();
        let mut windows = windows(&clock);
        let full = Reported { limit: 4, remaining: 0, reset: 60, wait: Duration::seconds(30) };
        windows.note(Bucket::Users, full);
        assert!(windows.full_until(&Bucket::Users, Class::Action).is_some());
        clock.advance(Duration::hours(-3));
        assert_eq!(windows.try_turn(Bucket::Users), None);
        let until = clock.now() + Duration::milliseconds(50);
        let put_back = async {
            tokio::task::yield_now().await;
            clock.advance(Duration::hours(-3));
        };
        let slept = async { tokio::join!(clock.sleep_until(until), put_back) };
        tokio::time::timeout(std::time::Duration::from_secs(20), slept).await.expect("a moment is a moment");
    }

    #[test]
    fn buckets_are_distinguished() {
        let of = |method, path: &str| {
            Bucket::of(&method, &Url::parse("https://x.test").unwrap().join(path).unwrap())
        };
        assert_eq!(of(Method::GET, "/api/v1/users?limit=200"), Bucket::Users);
        assert_eq!(of(Method::GET, "/api/v1/users/00u1"), Bucket::User);
        assert_eq!(of(Method::GET, "/api/v1/users/00u1/roles"), Bucket::Users);
        assert_eq!(of(Method::POST, "/api/v1/users/00u1/lifecycle/suspend"), Bucket::Users);
        assert_eq!(of(Method::GET, "/api/v1/logs"), Bucket::Logs);
        assert_eq!(of(Method::GET, "/api/v1/iam/assignees/users"), Bucket::Other);
    }
}
