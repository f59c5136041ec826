//! How far our clock is from a provider's, as the `Date` of its recent answers shows.
//!
//! `Date` has whole seconds and was written somewhere between asking and being answered, so only what is beyond that is
//! counted: a slow answer shows nothing. Of several answers the middle one counts, and an answer without a readable
//! `Date` none, so that one odd answer of something in between stops nothing. What was learnt before the clock was set
//! is forgotten.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use http::HeaderMap;
use tokio::time::Instant;

use crate::net::date;

/// Answers that are looked at: odd, so that one of them is in the middle.
const ANSWERS: usize = 5;
/// More than this between the time of day and the time that passed, and somebody has set the clock, or the machine slept.
const JUMP: Duration = Duration::minutes(1);

/// What was learnt longer ago says nothing: a clock may also be set slowly.
const FRESH: std::time::Duration = std::time::Duration::from_secs(600);

/// When a request was sent, by the time of day and by the time that passes.
#[derive(Clone, Copy)]
pub(in crate::identity) struct Sent {
    at: DateTime<Utc>,
    instant: Instant,
}

impl Sent {
    pub(in crate::identity) fn at(at: DateTime<Utc>) -> Sent {
        Sent { at, instant: Instant::now() }
    }

    /// Whether the clock has gone like time since.
    fn holds(self, now: DateTime<Utc>) -> bool {
        let passed = Duration::from_std(self.instant.elapsed()).unwrap_or(Duration::MAX);
        (now - self.at - passed).abs() < JUMP
    }
}

/// What the recent answers showed.
pub(in crate::identity) struct Skew {
    mark: &'static str,
    answers: Mutex<VecDeque<(Sent, Duration)>>,
}

impl Skew {
    /// Makes one that knows nothing yet. Each of the provider's own answers has the header `mark`.
    pub(in crate::identity) fn new(mark: &'static str) -> Skew {
        Skew { mark, answers: Mutex::default() }
    }

    /// Notes the `Date` of an answer that came `now`.
    pub(in crate::identity) fn note(&self, sent: Sent, headers: &HeaderMap, now: DateTime<Utc>) {
        if !headers.contains_key(self.mark) {
            // What stands between us and the provider has a clock of its own.
            return;
        }
        let Some(date) = date(headers) else { return };
        if !sent.holds(now) {
            return;
        }
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() == ANSWERS {
            answers.pop_front();
        }
        answers.push_back((sent, ahead(sent.at, date, now)));
    }

    /// How far our clock is ahead (below zero: behind), as far as that is known.
    pub(in crate::identity) fn ahead(&self, now: DateTime<Utc>) -> Option<Duration> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|(sent, _)| sent.holds(now) && sent.instant.elapsed() < FRESH);
        let mut all: Vec<Duration> = answers.iter().map(|(_, ahead)| *ahead).collect();
        all.sort_unstable();
        let (low, high) = (all.get(all.len().saturating_sub(1) / 2)?, all.get(all.len() / 2)?);
        // Of two in the middle, the one that says less.
        Some(*std::cmp::min_by_key(low, high, |ahead| ahead.abs()))
    }
}

/// The least by which our clock must be off, if the server wrote `date` between `sent` and `received`.
fn ahead(sent: DateTime<Utc>, date: DateTime<Utc>, received: DateTime<Utc>) -> Duration {
    let (least, most) = (sent - (date + Duration::seconds(1)), received - date);
    least.max(Duration::zero()) + most.min(Duration::zero())
}

#[cfg(test)]
mod tests {
    use http::header::DATE;

    use super::*;

    const MARK: &str = "request-id";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    fn answer(date: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, date.parse().unwrap());
        headers.insert(MARK, "aBcD1234".parse().unwrap());
        headers
    }

    fn dated(date: DateTime<Utc>) -> HeaderMap {
        answer(&date.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
    }

    /// What answers show whose server is so many seconds ahead of us.
    fn shown(of: &[i64]) -> Option<i64> {
        let skew = Skew::new(MARK);
        for server in of {
            skew.note(Sent::at(at(0)), &dated(at(*server)), at(0));
        }
        skew.ahead(at(0)).map(|ahead| ahead.num_seconds())
    }

    #[test]
    fn only_what_a_slow_answer_can_not_explain_is_counted() {
        let seconds = |sent, date, received| ahead(at(sent), at(date), at(received)).num_seconds();
        assert_eq!(seconds(0, 0, 0), 0);
        assert_eq!((seconds(0, 20, 40), seconds(0, 0, 40), seconds(0, 40, 40)), (0, 0, 0));
        assert_eq!(seconds(600, 0, 640), 599, "we are ahead");
        assert_eq!(seconds(0, 600, 40), -560, "we are behind");
    }

    #[test]
    fn the_middle_of_the_recent_answers_counts() {
        assert_eq!(shown(&[]), None);
        assert_eq!(shown(&[-600]), Some(599));
        assert_eq!(shown(&[0, -600]), Some(0), "one odd answer stops nothing");
        assert_eq!(shown(&[900, 0, -600, 0]), Some(0));
        assert_eq!(shown(&[-600, 0, -600]), Some(599));
        assert_eq!(shown(&[0, 0, 0, 0, 0, 600, 600, 600]), Some(-600), "what is older is forgotten");
    }

    #[test]
    fn an_answer_without_a_readable_date_shows_nothing() {
        let skew = Skew::new(MARK);
        for headers in [HeaderMap::new(), answer("soon"), answer("Thu, 01 Jan"), answer("")] {
            skew.note(Sent::at(at(0)), &headers, at(0));
        }
        assert_eq!(skew.ahead(at(0)), None);
    }

    #[test]
    fn an_answer_of_something_in_between_shows_nothing() {
        let skew = Skew::new(MARK);
        let mut headers = dated(at(-600));
        headers.remove(MARK);
        skew.note(Sent::at(at(0)), &headers, at(0));
        assert_eq!(skew.ahead(at(0)), None);
    }

    #[test]
    fn what_was_learnt_before_the_clock_was_set_is_forgotten() {
        let skew = Skew::new(MARK);
        skew.note(Sent::at(at(0)), &dated(at(-600)), at(0));
        assert_eq!(skew.ahead(at(50)).map(|ahead| ahead.num_seconds()), Some(599), "a moment later");
        assert_eq!(skew.ahead(at(-600)), None, "it was put right");
        skew.note(Sent::at(at(0)), &dated(at(0)), at(3600));
        assert_eq!(skew.ahead(at(3600)), None, "it was set while the answer was on its way");
    }
}
