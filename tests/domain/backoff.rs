//! Waits, and clocks that are set while something waits.

use chrono::Duration;
use inactive_contractors::domain::attempt::{Attempt, Sessions};
use inactive_contractors::domain::backoff::{LONGEST, doubled, put_off, until, until_within};
use inactive_contractors::domain::candidate::{CandidateState, SuspensionStep, step};
use inactive_contractors::domain::plan::{CLOCK_OFF_MAX, Guard};

use super::fixture::{candidate, due, now};

const MOMENT: Duration = Duration::milliseconds(1);

#[test]
fn a_wait_is_over_at_its_time_and_when_it_is_longer_than_any() {
    assert_eq!(until(None, now()), None);
    assert_eq!(until(Some(now()), now()), None);
    assert_eq!(until(Some(now() - MOMENT), now()), None);
    assert_eq!(until(Some(now() + MOMENT), now()), Some(now() + MOMENT));
    assert_eq!(until(Some(now() + LONGEST), now()), Some(now() + LONGEST), "as long as it may be");
    assert_eq!(until(Some(now() + LONGEST + MOMENT), now()), None, "the clock was put back");
    let minute = Duration::minutes(1);
    assert_eq!(until_within(Some(now() + minute), minute, now()), Some(now() + minute));
    assert_eq!(until_within(Some(now() + minute + MOMENT), minute, now()), None);
}

#[test]
fn a_wait_doubles_each_time_up_to_the_longest() {
    let wait = |waits| doubled(Duration::seconds(5), waits, Duration::minutes(5)).num_seconds();
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 6, 16, 17, u32::MAX].map(wait),
        [5, 10, 20, 40, 80, 160, 300, 300, 300, 300]
    );
    assert_eq!(doubled(Duration::milliseconds(1), 20, Duration::hours(1)), Duration::milliseconds(1 << 16));
}

#[test]
fn nothing_is_put_off_for_longer_than_the_longest_wait() {
    assert_eq!(put_off(now(), Duration::seconds(5)), now() + Duration::seconds(5));
    assert_eq!(put_off(now(), Duration::days(1)), now() + LONGEST);
    let wait = SuspensionStep::Wait { error: "come back tomorrow".into(), wait: Duration::days(1) };
    let (state, _) = step(&candidate(0, due(0)), wait, now()).expect("it is due");
    assert_eq!(state.due_at(now()), Some(now() + LONGEST));
}

#[test]
fn accounts_and_sessions_that_seem_to_wait_for_hours_are_due() {
    let not_before = Some(now() + Duration::hours(3));
    let account = CandidateState::Due(Attempt { attempts: 1, not_before, ..Attempt::default() });
    assert_eq!(account.due_at(now()), Some(now()));
    let sessions = Sessions::Due(Attempt { attempts: 1, not_before, ..Attempt::default() });
    assert_eq!(sessions.due_at(now()), Some(now()));
}

#[test]
fn a_clock_that_differs_by_more_than_five_minutes_stops_and_an_unknown_one_does_not() {
    let off = |ahead: Duration| Guard::of_clock(Some(ahead));
    assert_eq!(Guard::of_clock(None), None);
    for within in [Duration::zero(), CLOCK_OFF_MAX, -CLOCK_OFF_MAX] {
        assert_eq!(off(within), None, "{within}");
    }
    let second = Duration::seconds(1);
    assert_eq!(off(CLOCK_OFF_MAX + second), Some(Guard::ClockOff { ahead_s: 301 }));
    assert_eq!(off(-CLOCK_OFF_MAX - second), Some(Guard::ClockOff { ahead_s: -301 }));
}
