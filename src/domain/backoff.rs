//! Waiting until a time of day, in a world whose clocks are set.
//!
//! What waits has its time in a row, so that a restart doesn't forget it. When the clock is put back by hours, that time
//! is hours away, and what was to be tried again in seconds would wait for them. Nothing is ever made to wait for longer
//! than [`LONGEST`], so what seems to has waited already.

use chrono::{DateTime, Duration, Utc};

/// Nothing is put off for longer than this, whatever the other side asks for: it is asked again by then.
pub const LONGEST: Duration = Duration::minutes(10);

/// The time after a wait.
pub fn put_off(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    now + wait.min(LONGEST)
}

/// The wait after so many waits in a row: twice as long each time, up to `longest`.
pub fn doubled(first: Duration, waits: u32, longest: Duration) -> Duration {
    (first * (1 << waits.min(16))).min(longest)
}

/// The end of a wait that is not over yet.
pub fn until(not_before: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    until_within(not_before, LONGEST, now)
}

/// The same of a wait that never takes longer than `longest`.
pub fn until_within(
    not_before: Option<DateTime<Utc>>,
    longest: Duration,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    not_before.filter(|at| *at > now && *at - now <= longest)
}

/// Returns the earlier of two times, as far as there are any.
pub fn earliest(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    a.into_iter().chain(b).min()
}
