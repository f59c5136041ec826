//! The digest: a summary of a week or a month in the channel.

use chrono::{DateTime, Datelike, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::policy::Policy;
use super::schedule;
use super::settings::{Digest, DigestPeriod};

/// A digest that was missed is sent late, however short the policy's own catch-up is, if it is not older than this.
const CATCH_UP_LEAST: Duration = Duration::days(1);

/// A digest that is owed: its slot, and the time that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The slot; the time that the digest covers ends here.
    pub slot: DateTime<Utc>,
    /// Where that time begins.
    pub since: DateTime<Utc>,
}

/// The digest that is owed at `now`: that of the latest slot, unless it is too old to be of use.
pub fn owed(policy: &Policy, known_since: DateTime<Utc>, now: DateTime<Utc>) -> Option<Owed> {
    let digest = policy.digest.as_ref()?;
    let late = policy.catch_up.max(CATCH_UP_LEAST);
    let slot = schedule::owed(&digest.schedule, late, known_since, now)?;
    Some(Owed { slot, since: begin(digest, slot) })
}

/// The same civil time a week or a month before.
fn begin(digest: &Digest, slot: DateTime<Utc>) -> DateTime<Utc> {
    let local = slot.with_timezone(&digest.schedule.zone);
    let before = match digest.period {
        DigestPeriod::Weekly => local.naive_local() - Duration::days(7),
        DigestPeriod::Monthly => {
            let (year, month) = if local.month() == 1 { (-1, 12) } else { (0, local.month() - 1) };
            let date = local.date_naive();
            let date = date.with_day(1).and_then(|first| first.with_month(month));
            let date = date.and_then(|first| first.with_year(local.year() + year));
            let date = date.and_then(|first| first.with_day(local.day()));
            date.map_or(local.naive_local() - Duration::days(28), |date| date.and_time(local.time()))
        }
    };
    let begin = before.and_local_timezone(digest.schedule.zone).earliest();
    begin.map_or_else(|| slot - (local.naive_local() - before), |begin| begin.to_utc())
}

/// What happened in the time of a digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Sweeps that ran to their end, whatever it was.
    pub sweeps: u32,
    /// Sweeps that failed, or that a guard stopped or held.
    pub troubled: u32,
    /// Accounts that were proposed.
    pub proposed: u32,
    /// Accounts that were suspended.
    pub suspended: u32,
    /// Accounts that somebody kept active.
    pub kept: u32,
    /// Requests that were denied.
    pub denied: u32,
    /// Requests that nobody answered.
    pub expired: u32,
    /// Accounts that were restored.
    pub restored: u32,
    /// Suspensions that failed for good.
    pub failed: u32,
    /// How long each decision took, in seconds.
    pub seconds_to_decide: Vec<i64>,
}

impl Tally {
    /// Adds what happened at another time.
    pub fn add(&mut self, other: &Tally) {
        self.sweeps += other.sweeps;
        self.troubled += other.troubled;
        self.proposed += other.proposed;
        self.suspended += other.suspended;
        self.kept += other.kept;
        self.denied += other.denied;
        self.expired += other.expired;
        self.restored += other.restored;
        self.failed += other.failed;
        self.seconds_to_decide.extend(&other.seconds_to_decide);
    }

    /// The time that half of the decisions took at most; of two in the middle the longer one.
    pub fn median_to_decide(&self) -> Option<Duration> {
        let mut times = self.seconds_to_decide.clone();
        times.sort_unstable();
        times.get(times.len() / 2).map(|seconds| Duration::seconds(*seconds))
    }
}
