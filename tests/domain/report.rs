//! The numbers of a report.

use chrono::{DateTime, Duration, NaiveDate, TimeZone, Utc};
use inactive_contractors::domain::date_range::DateRange;
use inactive_contractors::domain::digest::Tally;
use inactive_contractors::domain::report::{Listing, Report, ReportStep, slices};

const BERLIN: chrono_tz::Tz = chrono_tz::Europe::Berlin;

fn at(month: u32, day: u32, hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, month, day, hour, 0, 0).unwrap()
}

fn cut(since: DateTime<Utc>, until: DateTime<Utc>) -> (ReportStep, Vec<(NaiveDate, DateRange)>) {
    slices(DateRange { since, until }, BERLIN).unwrap()
}

#[test]
fn weeks_begin_on_monday_in_the_zone_and_the_ends_are_cut_off() {
    // Wednesday noon to Wednesday noon, over the end of daylight saving time.
    let (step, cut) = cut(at(10, 14, 10), at(10, 28, 11));
    assert_eq!(step, ReportStep::Week);
    let found: Vec<_> =
        cut.iter().map(|(day, period)| (day.to_string(), period.since, period.until)).collect();
    assert_eq!(
        found,
        [
            ("2026-10-14".to_owned(), at(10, 14, 10), at(10, 18, 22)),
            ("2026-10-19".to_owned(), at(10, 18, 22), at(10, 25, 23)),
            ("2026-10-26".to_owned(), at(10, 25, 23), at(10, 28, 11)),
        ]
    );
}

#[test]
fn a_long_period_is_reported_per_month_and_an_endless_one_not_at_all() {
    let (step, cut) = cut(at(1, 1, 0), at(12, 31, 23));
    assert_eq!((step, cut.len()), (ReportStep::Month, 12));
    assert_eq!(cut[3].0.to_string(), "2026-04-01");
    let day = Duration::days(1);
    assert_eq!(slices(DateRange { since: at(1, 1, 0) - day * 3000, until: at(1, 1, 0) }, BERLIN), None);
    assert!(slices(DateRange { since: at(1, 1, 0) - day * 189, until: at(1, 1, 0) }, BERLIN).is_some());
}

#[test]
fn the_last_listing_of_a_slice_counts_and_what_happened_adds_up() {
    let period = DateRange { since: at(10, 12, 0), until: at(10, 26, 0) };
    let (step, cut) = slices(period, chrono_tz::UTC).unwrap();
    let tally = |times: u32, seconds: &[i64]| Tally {
        sweeps: times,
        troubled: 2 * times,
        proposed: 3 * times,
        suspended: 4 * times,
        kept: 5 * times,
        denied: 6 * times,
        expired: 7 * times,
        restored: 8 * times,
        failed: 9 * times,
        seconds_to_decide: seconds.to_vec(),
    };
    let tallies = [tally(2, &[60, 7200]), tally(1, &[3600])];
    let parts = cut.into_iter().zip(tallies).map(|((day, period), tally)| (day, period, tally));
    let listing = |at, contractors| Listing { at, contractors, inactive: 3 };
    let listings = [listing(at(10, 13, 9), 40), listing(at(10, 16, 9), 41), listing(at(10, 26, 0), 99)];
    let report = Report::new("contractors".into(), chrono_tz::UTC, period, step, parts.collect(), &listings);
    assert_eq!(
        (report.days.0.to_string(), report.days.1.to_string()),
        ("2026-10-12".into(), "2026-10-25".into())
    );
    let found: Vec<_> = report.slices.iter().map(|slice| slice.listing.map(|one| one.contractors)).collect();
    assert_eq!(found, [Some(41), None]);
    assert_eq!(report.latest().unwrap().contractors, 41);
    assert_eq!(report.total(), tally(3, &[60, 7200, 3600]));
    assert_eq!(report.total().median_to_decide(), Some(Duration::hours(1)));
    assert!(!report.is_empty());
    let part = |index: usize| Report { slices: vec![report.slices[index].clone()], ..report.clone() };
    assert!(!part(1).is_empty(), "something happened, though nothing was listed");
    let mut quiet = part(0);
    quiet.slices[0].tally = Tally::default();
    assert!(!quiet.is_empty(), "something was listed, though nothing happened");
    let nothing = Report { slices: Vec::new(), ..report };
    assert!(nothing.is_empty() && nothing.total().median_to_decide().is_none());
}
