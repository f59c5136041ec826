//! Learns Slack's rate limits from its refusals.
//!
//! Slack counts per method and minute, and says nothing of what is left: only a 429 says that it is used up, and for how long
//! (<https://docs.slack.dev/apis/web-api/rate-limits>). What got through in the minute before is taken for the limit then, and
//! for a while sweeps and questions leave a part of it to clicks.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};

use crate::clock::Clock;
use crate::scheduler::{Budget, Class, Patience};

/// How many calls may be under way at once. More would only wait for each other at Slack.
pub(super) const CALLS_AT_ONCE: u32 = 96;
/// Slack counts over this time.
const WINDOW: Duration = Duration::minutes(1);
/// How long a refusal says something of the limit.
const LEARNT_FOR: Duration = Duration::minutes(5);
/// The least that Slack allows of what is called often: a refusal before that was about something else.
/// <https://docs.slack.dev/apis/web-api/rate-limits#tiers>
const LIMIT_MIN: u32 = 20;
/// For how many windows a sweep's look-up waits. Several calls that wait at once each find that another was first.
const WINDOWS_MAX: u32 = 8;
/// How long Slack asks to stay away where it doesn't say so.
const UNSAID: StdDuration = StdDuration::from_secs(1);

/// The method that a call asks for; an address that an input or an upload came with has none.
pub(super) type Method = Option<String>;

/// What is known of the limit of each method.
pub(super) struct Limits {
    clock: Clock,
    methods: BTreeMap<String, Known>,
}

#[derive(Default)]
struct Known {
    /// The calls of the last minute, oldest first.
    sent: VecDeque<DateTime<Utc>>,
    refused: Option<Refused>,
}

/// The last refusal.
struct Refused {
    at: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: u32,
}

impl Limits {
    pub(super) fn new(clock: Clock) -> Limits {
        Limits { clock, methods: BTreeMap::new() }
    }

    /// Remembers that Slack refused a call, and for how long it wants no other.
    pub(super) fn refused(&mut self, method: &Method, retry_after: Option<StdDuration>) {
        let Some(known) = method.as_ref().and_then(|method| self.methods.get_mut(method)) else { return };
        let now = self.clock.now();
        known.forget(now);
        // Slack did not count this one, so it is none of those that got through.
        known.sent.pop_back();
        let got_through = u32::try_from(known.sent.len()).unwrap_or(u32::MAX).max(LIMIT_MIN);
        let limit = match known.refused.as_ref().filter(|refused| refused.is_recent(now)) {
            // Of calls that were under way at once, the last to be refused knows best.
            Some(earlier) if earlier.until > now => earlier.limit.min(got_through),
            Some(earlier) => earlier.limit.max(got_through),
            None => got_through,
        };
        let wait = Duration::from_std(retry_after.unwrap_or(UNSAID)).unwrap_or(WINDOW);
        known.refused = Some(Refused { at: now, until: now + wait, limit });
    }
}

impl Known {
    fn forget(&mut self, now: DateTime<Utc>) {
        while self.sent.front().is_some_and(|at| *at <= now - WINDOW || *at > now) {
            self.sent.pop_front();
        }
    }
}

impl Refused {
    /// Returns whether the refusal still says something. A clock that was put back since makes it old.
    fn is_recent(&self, now: DateTime<Utc>) -> bool {
        (Duration::zero()..LEARNT_FOR).contains(&(now - self.at))
    }
}

impl Budget for Limits {
    type Bucket = Method;

    fn full_until(&self, method: &Method, class: Class) -> Option<DateTime<Utc>> {
        match class {
            // A decision is never kept from asking: Slack's own answer counts.
            Class::Action | Class::FreshLook => return None,
            Class::Sweep | Class::Question => {}
        }
        let (known, now) = (self.methods.get(method.as_ref()?)?, self.clock.now());
        let refused = known.refused.as_ref().filter(|refused| refused.is_recent(now))?;
        if refused.until > now {
            return Some(refused.until);
        }
        let in_window = known.sent.iter().filter(|at| **at > now - WINDOW && **at <= now);
        let may = usize::try_from(refused.limit - class.leaves(refused.limit)).unwrap_or(usize::MAX);
        // There is room once all but the last of them are older than a minute.
        let oldest = in_window.rev().nth(may.checked_sub(1)?)?;
        Some(*oldest + WINDOW)
    }

    fn spend(&mut self, method: &Method) {
        let Some(method) = method else { return };
        let now = self.clock.now();
        let known = self.methods.entry(method.clone()).or_default();
        known.forget(now);
        known.sent.push_back(now);
    }
}

/// Returns how long a call waits where its class has no budget left. A sweep has time to look up many approvers;
/// everything else is put off by its caller, or asked again by a person.
pub(super) fn patience(class: Class, method: &Method) -> Patience {
    let has_time = class == Class::Sweep && method.as_deref() == Some("users.info");
    Patience { windows: if has_time { WINDOWS_MAX } else { 0 }, each: WINDOW + Duration::seconds(10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users_info() -> String {
        "users.info".to_owned()
    }

    /// Sends as many as fit, up to `most`, and says how many that were.
    fn send(limits: &mut Limits, class: Class, most: u32) -> u32 {
        for sent in 0..most {
            if limits.full_until(&Some(users_info()), class).is_some() {
                return sent;
            }
            limits.spend(&Some(users_info()));
        }
        most
    }

    #[test]
    fn after_a_refusal_sweeps_and_questions_leave_a_part_of_what_got_through_to_clicks() {
        let clock = Clock::system();
        let mut limits = Limits::new(clock.clone());
        assert_eq!(send(&mut limits, Class::Sweep, 101), 101, "nothing is known yet");
        limits.refused(&Some(users_info()), Some(StdDuration::from_secs(30)));
        let free = |limits: &Limits, class| limits.full_until(&Some(users_info()), class).is_none();
        assert!(free(&limits, Class::Action) && free(&limits, Class::FreshLook), "Slack's own answer counts");
        assert!(!free(&limits, Class::Sweep) && !free(&limits, Class::Question));
        assert_eq!(
            limits.full_until(&Some("views.open".to_owned()), Class::Question),
            None,
            "another method"
        );
        clock.advance(Duration::seconds(61));
        assert_eq!(send(&mut limits, Class::Question, 200), 25);
        assert_eq!(send(&mut limits, Class::Sweep, 200), 50);
        let until = limits.full_until(&Some(users_info()), Class::Sweep).expect("the rest is for clicks");
        assert!((55..=60).contains(&(until - clock.now()).num_seconds()), "{until}");
        clock.advance(Duration::seconds(61));
        assert_eq!(send(&mut limits, Class::Sweep, 200), 75, "another minute");
        clock.advance(LEARNT_FOR);
        assert_eq!(send(&mut limits, Class::Sweep, 200), 200, "Slack is asked itself again");
    }

    #[test]
    fn a_refusal_of_the_first_call_does_not_stop_all_others() {
        let clock = Clock::system();
        let mut limits = Limits::new(clock.clone());
        limits.spend(&Some(users_info()));
        limits.refused(&Some(users_info()), None);
        clock.advance(Duration::seconds(2));
        assert_eq!(send(&mut limits, Class::Question, 200), 5, "a quarter of the least that Slack allows");
    }

    #[test]
    fn a_clock_that_is_put_back_makes_nobody_wait() {
        let clock = Clock::system();
        let mut limits = Limits::new(clock.clone());
        limits.spend(&Some(users_info()));
        limits.refused(&Some(users_info()), Some(StdDuration::from_secs(30)));
        clock.advance(Duration::hours(-3));
        assert_eq!(limits.full_until(&Some(users_info()), Class::Question), None);
    }
}
