//! Days off, and lengths of time that pass on working days only.
//!
//! What this module promises, for every calendar:
//! - A day off begins and ends at midnight in the calendar's zone, however long daylight saving makes it.
//! - Working time is time that passes outside days off. So a sign of life at three on a Friday is one working day old
//!   at three on Monday, and a calendar without days off counts exactly as if there were no calendar.
//! - Another day off never makes a period end earlier, and a period of working days never ends earlier than one of as
//!   many calendar days.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, NaiveTime, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// No zone skips more than a day (where the date line moved).
const SKIPPED_MAX_MINUTES: i64 = 1_500;

/// No period is followed further than this: a calendar whose days are all off would never let one end.
const FOLLOWED_MAX_DAYS: usize = 20_000;

/// How long something has to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Hours and days as the clock counts them; a day is 24 hours.
    Time(Duration),
    /// So many times 24 hours of working time.
    WorkingDays(u32),
}

impl From<Duration> for Period {
    fn from(duration: Duration) -> Self {
        Period::Time(duration)
    }
}

impl Period {
    /// How long it is when nobody is ever off.
    pub fn at_least(self) -> Duration {
        match self {
            Period::Time(duration) => duration,
            Period::WorkingDays(days) => Duration::days(i64::from(days)),
        }
    }

    /// Whether days off make it longer.
    pub fn counts_working_days(self) -> bool {
        match self {
            Period::Time(_) => false,
            Period::WorkingDays(_) => true,
        }
    }
}

/// Old rows hold a period as its seconds, and still do where working days are not counted.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredPeriod {
    Seconds(i64),
    WorkingDays { working_days: u32 },
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Period::Time(duration) => StoredPeriod::Seconds(duration.num_seconds()),
            Period::WorkingDays(working_days) => StoredPeriod::WorkingDays { working_days },
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match StoredPeriod::deserialize(deserializer)? {
            StoredPeriod::Seconds(seconds) => Period::Time(
                Duration::try_seconds(seconds)
                    .ok_or_else(|| serde::de::Error::custom("duration out of range"))?,
            ),
            StoredPeriod::WorkingDays { working_days } => Period::WorkingDays(working_days),
        })
    }
}

/// On which days people work, and where midnight is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// The zone whose midnights begin and end the days.
    pub zone: Tz,
    /// The days of the week on which people work, Monday first, each once; at least one.
    pub working_week: Vec<Weekday>,
    /// Single days off.
    pub holidays: BTreeSet<NaiveDate>,
    /// Days off that come back every year.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub yearly: Vec<Yearly>,
    /// What holidays are called, by their date or by the first day of what comes back. Untrusted text. For sentences
    /// only: no part of a rule, and not stored.
    #[serde(skip)]
    pub names: BTreeMap<NaiveDate, String>,
}

/// Monday to Friday, no holidays. A stored rule that has no calendar means this one, so it never changes.
impl Default for Calendar {
    fn default() -> Self {
        Calendar {
            zone: Tz::UTC,
            working_week: vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri],
            holidays: BTreeSet::new(),
            yearly: Vec::new(),
            names: BTreeMap::new(),
        }
    }
}

/// A holiday that comes back every year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Yearly {
    /// The first day of the first time.
    pub from: NaiveDate,
    /// It does not begin after this day any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<NaiveDate>,
    /// On which day of a year it begins.
    pub on: YearlyDay,
    /// How many days it lasts, from 1.
    pub days: u16,
    /// The first days of those times that are left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub except: BTreeSet<NaiveDate>,
}

/// A day of each year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum YearlyDay {
    /// The same date each year; 29 February comes in leap years.
    Date {
        /// From 1.
        month: u32,
        /// From 1.
        day: u32,
    },
    /// Such as the fourth Thursday of November.
    Nth {
        /// From 1.
        month: u32,
        /// The day of the week.
        weekday: Weekday,
        /// From 1; negative: counted from the end of the month.
        nth: i8,
    },
}

impl YearlyDay {
    /// The day in this year, if the year has it.
    pub fn in_year(self, year: i32) -> Option<NaiveDate> {
        match self {
            YearlyDay::Date { month, day } => NaiveDate::from_ymd_opt(year, month, day),
            YearlyDay::Nth { month, weekday, nth } if nth > 0 => {
                NaiveDate::from_weekday_of_month_opt(year, month, weekday, nth.unsigned_abs())
            }
            YearlyDay::Nth { month, weekday, nth } => {
                let mut all = (1..=5)
                    .rev()
                    .filter_map(|nth| NaiveDate::from_weekday_of_month_opt(year, month, weekday, nth));
                all.nth(usize::from(nth.unsigned_abs()).checked_sub(1)?)
            }
        }
    }
}

impl Yearly {
    /// Whether it is `date`'s turn, on any of its days.
    fn holds(&self, date: NaiveDate) -> bool {
        // What begins late in a year lasts into the next.
        [date.year(), date.year() - 1].into_iter().filter_map(|year| self.on.in_year(year)).any(|begin| {
            begin >= self.from
                && self.until.is_none_or(|until| begin <= until)
                && (0..i64::from(self.days)).contains(&(date - begin).num_days())
                && !self.except.contains(&begin)
        })
    }
}

impl Calendar {
    /// Whether nobody works on this day.
    pub fn is_day_off(&self, date: NaiveDate) -> bool {
        !self.working_week.contains(&date.weekday())
            || self.holidays.contains(&date)
            || self.yearly.iter().any(|yearly| yearly.holds(date))
    }

    /// What the holiday on this day is called, if it is one and has a name.
    pub fn name_of(&self, date: NaiveDate) -> Option<&str> {
        let yearly = self.yearly.iter().find(|yearly| yearly.holds(date)).map(|yearly| yearly.from);
        let named = [self.holidays.contains(&date).then_some(date), yearly];
        named.into_iter().flatten().find_map(|date| self.names.get(&date)).map(String::as_str)
    }

    /// The civil day of a moment.
    pub fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    /// The first moment of a civil day. A day that the zone skips begins when the next one does.
    pub fn start_of(&self, date: NaiveDate) -> DateTime<Utc> {
        let midnight = date.and_time(NaiveTime::MIN);
        // Where the clocks go forward at midnight, the day begins a little later.
        (0..=SKIPPED_MAX_MINUTES)
            .find_map(|minutes| {
                self.zone.from_local_datetime(&(midnight + Duration::minutes(minutes))).earliest()
            })
            .map_or_else(|| midnight.and_utc(), |start| start.with_timezone(&Utc))
    }

    /// The moment at which `period` has passed since `since`.
    pub fn after(&self, since: DateTime<Utc>, period: Period) -> DateTime<Utc> {
        let mut end = since + period.at_least();
        if !period.counts_working_days() {
            return end;
        }
        for day in self.day_of(since).iter_days().take(FOLLOWED_MAX_DAYS) {
            let begin = self.start_of(day).max(since);
            if begin >= end {
                break;
            }
            if self.is_day_off(day) {
                end += self.end_of(day) - begin;
            }
        }
        end
    }

    /// How far back one has to look: a person last seen before that moment was last seen `period` ago or longer.
    pub fn before(&self, now: DateTime<Utc>, period: Period) -> DateTime<Utc> {
        let mut begin = now - period.at_least();
        if !period.counts_working_days() {
            return begin;
        }
        let days = std::iter::successors(Some(self.day_of(now)), NaiveDate::pred_opt);
        for day in days.take(FOLLOWED_MAX_DAYS) {
            let end = self.end_of(day).min(now);
            if end <= begin {
                break;
            }
            if self.is_day_off(day) {
                begin -= end - self.start_of(day);
            }
        }
        begin
    }

    /// How many whole working days passed between two moments.
    pub fn working_days_between(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
        let (mut worked, last) = (now - since, self.day_of(now));
        for day in self.day_of(since).iter_days().take_while(|day| *day <= last) {
            if self.is_day_off(day) {
                worked -= (self.end_of(day).min(now) - self.start_of(day).max(since)).max(Duration::zero());
            }
        }
        worked.max(Duration::zero()).num_days()
    }

    /// The first working day on or after `date`, unless there is none for decades.
    pub fn working_day_from(&self, date: NaiveDate) -> Option<NaiveDate> {
        date.iter_days().take(FOLLOWED_MAX_DAYS).find(|day| !self.is_day_off(*day))
    }

    /// The last of the single holidays or, without any, of those that come back, if they end. A list that ends is one
    /// that somebody must carry on.
    pub fn holidays_end(&self) -> Option<NaiveDate> {
        self.holidays.last().copied().or_else(|| {
            let ends: Option<Vec<NaiveDate>> = self.yearly.iter().map(|yearly| yearly.until).collect();
            ends?.into_iter().max()
        })
    }

    /// Whether every day that is off for `other` is off here too.
    pub fn has_all_days_off_of(&self, other: &Calendar) -> bool {
        self.zone == other.zone
            && self.working_week.iter().all(|day| other.working_week.contains(day))
            && other.holidays.iter().all(|date| self.is_day_off(*date))
            && other.yearly.iter().all(|yearly| self.yearly.contains(yearly))
    }

    /// Whether `period`, counted here, never ends earlier than `other` does, counted in `others`.
    pub fn outlasts(&self, period: Period, others: &Calendar, other: Period) -> bool {
        period.at_least() >= other.at_least()
            && (!other.counts_working_days()
                || (period.counts_working_days() && self.has_all_days_off_of(others)))
    }

    /// This calendar without the single holidays that can't lie in any `period` that has not ended by `now`.
    #[must_use]
    pub fn without_bygone_holidays(&self, period: Period, now: DateTime<Utc>) -> Calendar {
        let mut calendar = self.clone();
        calendar.holidays = calendar.holidays.split_off(&self.day_of(self.before(now, period)));
        calendar
    }

    /// This calendar as a rule keeps it: without names, because a name changes nobody's fate.
    #[must_use]
    pub fn nameless(&self) -> Calendar {
        Calendar { names: BTreeMap::new(), ..self.clone() }
    }

    /// The longest run of days off that a holiday is part of, with its length in days.
    pub fn longest_run(&self) -> Option<(NaiveDate, i64)> {
        let runs = self.holidays.iter().map(|date| {
            let back = std::iter::successors(Some(*date), NaiveDate::pred_opt);
            let first = back.take(FOLLOWED_MAX_DAYS).take_while(|day| self.is_day_off(*day)).last();
            let first = first.unwrap_or(*date);
            let days = first.iter_days().take(FOLLOWED_MAX_DAYS).take_while(|day| self.is_day_off(*day));
            (first, days.fold(0, |count, _| count + 1))
        });
        runs.max_by_key(|(first, days)| (*days, std::cmp::Reverse(*first)))
    }

    /// The first moment after a civil day.
    fn end_of(&self, date: NaiveDate) -> DateTime<Utc> {
        let next = date.checked_add_days(Days::new(1)).unwrap_or(date);
        self.start_of(next)
    }
}
