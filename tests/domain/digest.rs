//! Digests: which is owed when, and which time it covers.

use chrono::Duration;
use inactive_contractors::domain::digest::{Owed, Tally, owed};
use inactive_contractors::domain::policy::Policy;
use inactive_contractors::domain::settings::{Digest, DigestPeriod, Schedule};

use super::fixture::{policy, time};

fn with(period: DigestPeriod, cron: &str) -> Policy {
    let schedule = Schedule { cron: cron.into(), zone: chrono_tz::Europe::Berlin, days_off: None };
    Policy { digest: Some(Digest { period, schedule }), ..policy() }
}

/// The digest owed at a time to a policy that is known for long, as slot and begin.
fn at(policy: &Policy, now: &str) -> Option<(String, String)> {
    let Owed { slot, since } = owed(policy, time("2020-01-01T00:00:00Z"), time(now))?;
    Some((slot.to_rfc3339(), since.to_rfc3339()))
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what may be owed")]
fn span(since: &str, until: &str) -> Option<(String, String)> {
    Some((time(until).to_rfc3339(), time(since).to_rfc3339()))
}

#[test]
fn a_week_begins_at_the_same_civil_time_through_daylight_saving() {
    let weekly = with(DigestPeriod::Weekly, "0 9 * * 1");
    assert_eq!(at(&weekly, "2026-11-23T08:00:00Z"), span("2026-11-16T08:00:00Z", "2026-11-23T08:00:00Z"));
    // The clocks of Berlin went back on 25 October.
    assert_eq!(at(&weekly, "2026-10-26T09:00:00Z"), span("2026-10-19T07:00:00Z", "2026-10-26T08:00:00Z"));
    // They skipped this time on 29 March.
    let night = with(DigestPeriod::Weekly, "30 2 * * 0");
    assert_eq!(at(&night, "2026-04-05T06:00:00Z"), span("2026-03-29T00:30:00Z", "2026-04-05T00:30:00Z"));
}

#[test]
fn a_month_begins_on_the_same_day_of_the_month_before() {
    let monthly = with(DigestPeriod::Monthly, "30 6 28 * *");
    assert_eq!(at(&monthly, "2026-03-28T06:00:00Z"), span("2026-02-28T05:30:00Z", "2026-03-28T05:30:00Z"));
    assert_eq!(at(&monthly, "2026-01-28T06:00:00Z"), span("2025-12-28T05:30:00Z", "2026-01-28T05:30:00Z"));
}

#[test]
fn a_missed_one_is_owed_for_a_day_or_as_long_as_a_missed_sweep() {
    let weekly = with(DigestPeriod::Weekly, "0 9 * * 1");
    assert!(at(&weekly, "2026-11-24T08:00:00Z").is_some());
    assert_eq!(at(&weekly, "2026-11-24T08:00:01Z"), None);
    let patient = Policy { catch_up: Duration::days(3), ..weekly.clone() };
    assert!(at(&patient, "2026-11-26T08:00:00Z").is_some());
    assert_eq!(owed(&weekly, time("2026-11-23T08:00:00Z"), time("2026-11-23T09:00:00Z")), None, "it is new");
    assert_eq!(at(&policy(), "2026-11-23T08:00:00Z"), None, "it wants none");
}

#[test]
fn the_median_is_the_time_that_half_of_the_decisions_took() {
    let median =
        |times: &[i64]| Tally { seconds_to_decide: times.to_vec(), ..Tally::default() }.median_to_decide();
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[90, 10, 40]), Some(Duration::seconds(40)));
    assert_eq!(median(&[10, 40]), Some(Duration::seconds(40)));
}
