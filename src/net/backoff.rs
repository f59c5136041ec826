//! How long to wait before the next try.

use std::time::Duration;

use crate::domain::backoff;

/// Returns the wait after so many waits in a row: twice as long each time, up to `longest`.
pub fn doubled(first: Duration, waits: u32, longest: Duration) -> Duration {
    let [first_wait, longest_wait] = [first, longest].map(chrono::Duration::from_std);
    let (Ok(first), Ok(most)) = (first_wait, longest_wait) else { return longest };
    backoff::doubled(first, waits, most).to_std().unwrap_or(longest)
}

/// Returns a wait with chance in it, at least this part of it: many that lost the same service at once must not come
/// back at once.
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
pub fn spread(wait: Duration, least: f64) -> Duration {
    wait.mul_f64(least + fastrand::f64() * (1.0 - least))
}
