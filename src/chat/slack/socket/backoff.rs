//! How long to wait before the next try.

use std::time::Duration;

use crate::chat::slack::settings::Timing;
use crate::net;

/// The waits between sockets, all of each by chance. They double until a socket was a good one.
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(timing: &Timing) -> Backoff {
        Backoff { first: timing.backoff_first, most: timing.backoff_most, failures: 0 }
    }

    /// Forgets the failures: the last connection was a good one.
    pub(super) fn clear(&mut self) {
        self.failures = 0;
    }

    /// The wait after a connection that ended: none the first time, growing if they keep ending young.
    pub(super) fn after_end(&mut self) -> Duration {
        if self.failures == 0 {
            self.failures = 1;
            return Duration::ZERO;
        }
        self.after_failure()
    }

    /// The wait after a connection that could not be opened.
    pub(super) fn after_failure(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        net::spread(ceiling, 0.0)
    }

    fn ceiling(&self) -> Duration {
        net::doubled(self.first, self.failures, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_bound_and_starts_again() {
        let mut backoff = Backoff::new(&Timing::default());
        assert_eq!(backoff.after_end(), Duration::ZERO);
        let mut ceilings = Vec::new();
        for _ in 0..40 {
            ceilings.push(backoff.ceiling());
            assert!(backoff.after_failure() <= Duration::from_secs(30));
        }
        assert!(ceilings.is_sorted());
        assert_eq!(ceilings.last(), Some(&Duration::from_secs(30)));
        backoff.clear();
        assert_eq!(backoff.after_end(), Duration::ZERO);
    }
}
