//! Finds out whether somebody else is connected to this app. Slack gives each input to one of an app's connections,
//! whichever it is, so what another bot gets, or a connection that has died without Slack noticing, never comes here.
//!
//! Each hello says how many connections the app has. More than ours proves nothing at that moment: Slack may still count
//! one that we have closed, one that broke, or that of a process before this one, and a bot may be replaced by another just now.
//! So it has to be so for a while, and another connection is opened to find out whether it is.
//! <https://docs.slack.dev/apis/events-api/using-socket-mode#hello> <https://github.com/slackapi/python-slack-sdk/issues/1940>

use std::time::Duration;

use tokio::time::Instant;

/// What the hellos have said so far.
#[derive(Default)]
pub(super) struct Others {
    /// Since when each of them has counted more than ours.
    since: Option<Instant>,
    confirmed: u64,
}

impl Others {
    /// Takes in what a hello counts, and how many of these can be ours. Returns how many are certainly others'.
    pub(super) fn hello(&mut self, counted: u64, ours: u64, now: Instant, settle: Duration) -> u64 {
        let others = counted.saturating_sub(ours);
        if others == 0 {
            *self = Others::default();
        } else if now - *self.since.get_or_insert(now) >= settle {
            self.confirmed = others;
        }
        self.confirmed
    }

    /// Returns when to look again, if there is something to find out. By then no connection of ours is counted that is
    /// gone.
    pub(super) fn look_at(&self, now: Instant, settle: Duration) -> Option<Instant> {
        self.since.map(|_| now + settle * 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(300);

    #[test]
    fn others_are_certain_once_they_have_been_counted_for_a_while() {
        let (mut others, start) = (Others::default(), Instant::now());
        assert_eq!((others.hello(1, 1, start, SETTLE), others.look_at(start, SETTLE)), (0, None));
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(others.hello(3, 1, at(10), SETTLE), 0);
        assert_eq!(others.look_at(at(10), SETTLE), Some(at(610)));
        assert_eq!(others.hello(2, 1, at(200), SETTLE), 0, "a connection that broke meanwhile");
        assert_eq!(others.hello(3, 2, at(310), SETTLE), 1);
        assert_eq!(others.look_at(at(310), SETTLE), Some(at(910)), "until they are gone");
        assert_eq!(others.hello(2, 2, at(610), SETTLE), 0);
        assert_eq!(others.look_at(at(610), SETTLE), None);
    }

    #[test]
    fn what_was_gone_in_between_begins_again() {
        let (mut others, start) = (Others::default(), Instant::now());
        for (seconds, counted) in [(0, 2), (250, 1), (300, 2), (599, 2)] {
            assert_eq!(others.hello(counted, 1, start + Duration::from_secs(seconds), SETTLE), 0);
        }
        assert_eq!(others.hello(2, 1, start + Duration::from_secs(600), SETTLE), 1);
    }
}
