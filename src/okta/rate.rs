//! Keeps the bot within its share of the org's rate limits, from what each response says of its bucket.
//!
//! Okta counts per bucket over 60 s and sends `X-Rate-Limit-Limit`, `-Remaining` and `-Reset` (epoch seconds) with
//! every response, but no `Retry-After`: only a gateway before Okta may. The wait is the reset relative to the response's own `Date`, plus a second,
//! so that a wrong clock here doesn't matter. See <https://developer.okta.com/docs/reference/rl-best-practices/>.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Duration, Utc};
use http::{HeaderMap, Method};
use url::Url;

use super::skew;
use crate::clock::Clock;

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
        let date = skew::date(headers).unwrap_or(now);
        let left = Duration::try_seconds(reset.saturating_sub(date.timestamp()))?.max(Duration::zero());
        Some(Reported {
            limit: u32::try_from(limit).ok()?,
            remaining: u32::try_from(remaining).ok()?,
            reset,
            wait: left + Duration::seconds(1),
        })
    }
}

/// The longest time that a gateway may keep us away; it knows nothing of what waits.
const RETRY_AFTER_MAX_S: u32 = 3600;

/// How long a gateway wants us to stay away, in seconds; a date is not expected of one.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::seconds(u32::try_from(seconds).unwrap_or(u32::MAX).min(RETRY_AFTER_MAX_S).into()))
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

    fn is_used_up(&self, share: f64) -> bool {
        let limit = f64::from(self.reported.limit);
        let reserve = (limit * RESERVE.min(1.0 - share)).floor();
        f64::from(self.used) >= (limit * share).floor().max(1.0)
            || f64::from(self.reported.remaining) <= reserve
    }
}

/// What went to and fro since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests that were sent.
    pub calls: u64,
    /// How often one waited for a rate limit.
    pub waits: u64,
    /// For how long in all, in milliseconds.
    pub waited_ms: u64,
}

/// All buckets of one org.
pub(super) struct Rates {
    share: f64,
    clock: Clock,
    windows: Mutex<BTreeMap<Bucket, Window>>,
    calls: AtomicU64,
    waits: AtomicU64,
    waited_ms: AtomicU64,
}

impl Rates {
    /// `share` is the part (0–1) of each bucket that we may use.
    pub(super) fn new(share: f64, clock: Clock) -> Rates {
        Rates {
            share,
            clock,
            windows: Mutex::default(),
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
        let left = (until - self.clock.now()).num_milliseconds();
        self.waits.fetch_add(1, Ordering::Relaxed);
        self.waited_ms.fetch_add(u64::try_from(left).unwrap_or_default(), Ordering::Relaxed);
        sleep_until(&self.clock, until).await;
    }

    /// Waits until a call of this bucket fits in our share, for at most `windows_max` windows, and counts it. The
    /// error says when to try again.
    pub(super) async fn take_turn(&self, bucket: Bucket, windows_max: u32) -> Result<(), DateTime<Utc>> {
        for _ in 0..windows_max {
            let Some(until) = self.try_turn(bucket) else { return Ok(()) };
            if until - self.clock.now() > WAIT_MAX {
                return Err(until);
            }
            tracing::debug!(?bucket, %until, "waiting: our share of the rate limit is used up");
            self.wait(until).await;
        }
        self.try_turn(bucket).map_or(Ok(()), Err)
    }

    /// Waits until a call of this bucket fits in our share, for at most one window, and counts none.
    pub(super) async fn wait_for_room(&self, bucket: Bucket) -> Result<(), DateTime<Utc>> {
        if let Some(until) = self.full_until(bucket) {
            if until - self.clock.now() > WAIT_MAX {
                return Err(until);
            }
            self.wait(until).await;
        }
        self.full_until(bucket).map_or(Ok(()), Err)
    }

    fn full_until(&self, bucket: Bucket) -> Option<DateTime<Utc>> {
        let windows = self.windows();
        let window = windows.get(&bucket)?;
        (window.is_used_up(self.share) && window.goes_on(self.clock.now())).then_some(window.until)
    }

    fn try_turn(&self, bucket: Bucket) -> Option<DateTime<Utc>> {
        let mut windows = self.windows();
        let window = windows.get_mut(&bucket)?;
        if !window.goes_on(self.clock.now()) {
            windows.remove(&bucket);
            return None;
        }
        if window.is_used_up(self.share) {
            return Some(window.until);
        }
        window.used += 1;
        None
    }

    /// Remembers what a response said.
    pub(super) fn note(&self, bucket: Bucket, reported: Reported) {
        // The concurrency limit has no window, and a window is 60 s: anything longer is not about one.
        if reported.limit == 0 || reported.wait > WAIT_MAX {
            return;
        }
        let until = self.clock.now() + reported.wait;
        let mut windows = self.windows();
        match windows.get_mut(&bucket) {
            Some(window) if window.reported.reset == reported.reset => {
                let remaining = window.reported.remaining.min(reported.remaining);
                window.reported = Reported { remaining, ..reported };
            }
            Some(window) if window.reported.reset > reported.reset => {}
            Some(_) | None => {
                windows.insert(bucket, Window { reported, until, used: 1 });
            }
        }
    }

    fn windows(&self) -> MutexGuard<'_, BTreeMap<Bucket, Window>> {
        // A panic elsewhere can't leave a half-written window: each change is one assignment.
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sleeps until the clock shows `until`, however it gets there, but never for longer than it seems now: a clock that is put
/// back meanwhile makes nobody wait.
pub(super) async fn sleep_until(clock: &Clock, until: DateTime<Utc>) {
    let mut moved = clock.moved();
    let mut passed = std::pin::pin!(tokio::time::sleep((until - clock.now()).to_std().unwrap_or_default()));
    while clock.now() < until {
        tokio::select! {
            () = &mut passed => return,
            _ = moved.changed() => {}
        }
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

    #[test]
    fn turns_end_with_our_share_or_with_the_reserve() {
        let rates = Rates::new(0.5, Clock::system());
        let now = rates.clock.now();
        let report = |remaining| Reported { limit: 4, remaining, reset: 60, wait: Duration::seconds(30) };
        rates.note(Bucket::Logs, report(3));
        assert!(rates.try_turn(Bucket::Logs).is_none(), "one of two is left");
        assert!(rates.try_turn(Bucket::Logs).is_some_and(|until| until > now), "two of two are used");
        assert!(rates.try_turn(Bucket::Users).is_none(), "another bucket is not concerned");
        rates.note(Bucket::Groups, report(0));
        assert!(rates.try_turn(Bucket::Groups).is_some(), "others used everything");
        rates.clock.advance(Duration::seconds(31));
        assert!(rates.try_turn(Bucket::Logs).is_none(), "a new window");
    }

    #[tokio::test]
    async fn a_clock_that_is_put_back_makes_nobody_wait() {
        let rates = Rates::new(0.5, Clock::system());
        let full = Reported { limit: 4, remaining: 0, reset: 60, wait: Duration::seconds(30) };
        rates.note(Bucket::Users, full);
        assert!(rates.full_until(Bucket::Users).is_some());
        rates.clock.advance(Duration::hours(-3));
        assert_eq!(rates.full_until(Bucket::Users), None);
        assert_eq!(rates.try_turn(Bucket::Users), None);
        let until = rates.clock.now() + Duration::milliseconds(50);
        let put_back = async {
            tokio::task::yield_now().await;
            rates.clock.advance(Duration::hours(-3));
        };
        let slept = async { tokio::join!(sleep_until(&rates.clock, until), put_back) };
        tokio::time::timeout(std::time::Duration::from_secs(20), slept).await.expect("a moment is a moment");
    }

    #[test]
    fn buckets_are_told_apart() {
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
