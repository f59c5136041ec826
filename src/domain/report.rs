//! The numbers of a report: the outcomes of a policy's accounts in a period, per week or per month.

use chrono::{DateTime, Datelike, Duration, Months, NaiveDate, Utc};
use chrono_tz::Tz;

use super::date_range::DateRange;
use super::digest::Tally;
use super::ids::PolicyName;
use super::policy::start_of_day;

/// Longer periods are reported per month.
const WEEKS_UP_TO: Duration = Duration::days(190);
/// More slices than this can't be distinguished in a picture, nor read.
pub const SLICES_MAX: usize = 45;

/// How long a slice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportStep {
    /// From Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
}

/// What one listing of the directory found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    pub at: DateTime<Utc>,
    /// Accounts of the policy's type.
    pub contractors: u32,
    /// Those among them that were inactive, asked about or not.
    pub inactive: u32,
}

/// One week or month. The first and the last of a period may be cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Its time.
    pub period: DateRange,
    /// The first day of it in the policy's zone.
    pub day: NaiveDate,
    /// The last listing in it.
    pub listing: Option<Listing>,
    /// What happened in it.
    pub tally: Tally,
}

/// A report on one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The policy's name.
    pub policy: PolicyName,
    /// The whole time.
    pub period: DateRange,
    /// The first and the last day of it in the policy's zone.
    pub days: (NaiveDate, NaiveDate),
    /// How long a slice is.
    pub step: ReportStep,
    /// The slices, oldest first.
    pub slices: Vec<Slice>,
}

impl Report {
    /// Puts the numbers together: what happened in each of `slices`, as [`slices`] cut the period.
    pub fn new(
        policy: PolicyName,
        zone: Tz,
        period: DateRange,
        step: ReportStep,
        slices: Vec<(NaiveDate, DateRange, Tally)>,
        listings: &[Listing],
    ) -> Report {
        let last_in = |period: &DateRange| {
            let inside = listings.iter().filter(|one| one.at >= period.since && one.at < period.until);
            inside.max_by_key(|one| one.at).copied()
        };
        let day = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
        let days = (day(period.since), day(period.until - Duration::milliseconds(1)));
        let slices = slices.into_iter();
        let slices =
            slices.map(|(day, period, tally)| Slice { period, day, listing: last_in(&period), tally });
        Report { policy, period, days, step, slices: slices.collect() }
    }

    /// What happened in all of it.
    pub fn total(&self) -> Tally {
        self.slices.iter().fold(Tally::default(), |mut total, slice| {
            total.add(&slice.tally);
            total
        })
    }

    /// The last listing of all.
    pub fn latest(&self) -> Option<Listing> {
        self.slices.iter().rev().find_map(|slice| slice.listing)
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.slices.iter().all(|slice| slice.listing.is_none() && slice.tally == Tally::default())
    }
}

/// Cuts a period at the beginnings of weeks, or of months if it is long. `None`: it has too many of them.
pub fn slices(period: DateRange, zone: Tz) -> Option<(ReportStep, Vec<(NaiveDate, DateRange)>)> {
    let step = if period.until - period.since <= WEEKS_UP_TO { ReportStep::Week } else { ReportStep::Month };
    let mut slices = Vec::new();
    let mut since = period.since;
    while since < period.until {
        if slices.len() == SLICES_MAX {
            return None;
        }
        let day = since.with_timezone(&zone).date_naive();
        let next = start_of_day(next_begin(step, day)?, zone)?;
        let until = next.min(period.until);
        slices.push((day, DateRange { since, until }));
        since = until;
    }
    Some((step, slices))
}

/// The first day of the week or month after the one of `day`.
fn next_begin(step: ReportStep, day: NaiveDate) -> Option<NaiveDate> {
    match step {
        ReportStep::Week => Some(day + Duration::days(7 - i64::from(day.weekday().num_days_from_monday()))),
        ReportStep::Month => day.with_day(1)?.checked_add_months(Months::new(1)),
    }
}
