//! How far the listing of a directory has come: within an org's rate limit, a large one takes minutes.

use chrono::{DateTime, Duration, Utc};

/// What took less says nothing of what is left.
const SAYS_SOMETHING: Duration = Duration::seconds(5);

/// A listing that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub began: DateTime<Utc>,
    /// How many accounts it has brought.
    pub accounts: u32,
    /// How many the sweep before found.
    pub expected: Option<u32>,
}

impl Progress {
    /// How long it takes until the end, by how long it took until now; `None` where that says nothing.
    pub fn left(&self, now: DateTime<Utc>) -> Option<Duration> {
        let missing = self.expected?.checked_sub(self.accounts)?;
        time_left(self.accounts, missing, now - self.began)
    }
}

/// How long `missing` take if `done` took so long.
pub fn time_left(done: u32, missing: u32, took: Duration) -> Option<Duration> {
    let says_something = done > 0 && took >= SAYS_SOMETHING;
    says_something
        .then(|| took * i32::try_from(missing).unwrap_or(i32::MAX) / i32::try_from(done).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_takes_as_long_as_what_was_done() {
        let began = DateTime::UNIX_EPOCH;
        let left = |accounts, expected, seconds| {
            let progress = Progress { began, accounts, expected };
            progress.left(began + Duration::seconds(seconds)).map(|left| left.num_seconds())
        };
        assert_eq!(left(25_000, Some(100_000), 60), Some(180));
        assert_eq!(left(100_000, Some(100_000), 60), Some(0));
        assert_eq!(left(100_001, Some(100_000), 60), None, "more than last time");
        assert_eq!(left(25_000, None, 60), None);
        assert_eq!(
            (left(0, Some(10), 60), left(5, Some(10), 4), left(5, Some(10), 5)),
            (None, None, Some(5))
        );
    }
}
