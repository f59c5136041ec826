//! How far the listing of a directory has come, for people who ask meanwhile: within an org's rate limit, a large one
//! takes minutes.

use chrono::{DateTime, Duration, Utc};

use super::{App, lock};

/// Told of so often, in accounts.
const EVERY: u32 = 100;
/// What took less says nothing of what is left.
const SAYS_SOMETHING: Duration = Duration::seconds(5);

/// A listing that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// When it began.
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

/// Counts a listing. It is under way for as long as this lives.
pub(super) struct Counter<'a> {
    app: &'a App,
    policy: &'a str,
    progress: Progress,
}

impl<'a> Counter<'a> {
    pub(super) fn begin(app: &'a App, policy: &'a str, expected: Option<u32>) -> Counter<'a> {
        Counter { app, policy, progress: Progress { began: app.clock.now(), accounts: 0, expected } }
    }

    pub(super) fn one_more(&mut self) {
        self.progress.accounts += 1;
        if self.progress.accounts % EVERY == 1 {
            lock(&self.app.surveys.listings).insert(self.policy.to_owned(), self.progress.clone());
        }
    }
}

impl Drop for Counter<'_> {
    fn drop(&mut self) {
        let mut listings = lock(&self.app.surveys.listings);
        // Of a preview and a sweep at the same time, each ends its own.
        if listings.get(self.policy).is_some_and(|other| other.began == self.progress.began) {
            listings.remove(self.policy);
        }
    }
}

impl App {
    /// The listing of the policy's accounts that is under way.
    pub fn listing_under_way(&self, policy: &str) -> Option<Progress> {
        lock(&self.surveys.listings).get(policy).cloned()
    }
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
