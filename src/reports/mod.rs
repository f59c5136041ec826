//! Looking back: files for people and auditors, made of what the store has. Pure functions of values: the same data and
//! the same `now` give the same bytes, so that a file can be made again and compared by its hash.
//!
//! What these files hold came from directories and people. A spreadsheet must not take it for a formula and a browser
//! not for markup: see `sheet` and `evidence`.

pub mod evidence;
pub mod export;
pub mod facts;
pub(crate) mod overview;
pub mod picture;
mod sheet;
mod state;
mod tables;
pub mod text;
pub(crate) mod trend;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use crate::domain::date_range::DateRange;
use crate::domain::hash::hex;
use crate::domain::ids::PolicyName;
use crate::domain::policy::Policy;
use crate::domain::report::{self, Listing, Report};
use crate::services::{Services, WorkResult};
use crate::store::SweepRow;

/// The program that auditors check the chain with: Python 3 and its standard library, nothing of ours.
pub const VERIFIER: &str = include_str!("verify.py");

/// The hash of a file, lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Numbers, files and pictures about what has happened.
pub struct Reports {
    s: Arc<Services>,
    /// Held while a file is made or the trail is verified.
    report_lock: tokio::sync::Mutex<()>,
    /// The trend picture of each policy.
    trends: Mutex<BTreeMap<PolicyName, state::Trend>>,
}

impl Reports {
    pub(crate) fn new(s: Arc<Services>) -> Reports {
        Reports { s, report_lock: tokio::sync::Mutex::default(), trends: Mutex::default() }
    }
}

impl Reports {
    /// The numbers of a policy in a period. `None`: the period is too long to be reported slice by slice.
    pub(crate) async fn report_on(&self, policy: &Policy, period: DateRange) -> WorkResult<Option<Report>> {
        let Some((step, slices)) = report::slices(period, policy.schedule.zone) else {
            return Ok(None);
        };
        let mut told = Vec::new();
        for (day, slice) in slices {
            let tally = self.s.store.tally(&policy.name, slice.since, slice.until).await?;
            told.push((day, slice, tally));
        }
        let sweeps = self.s.store.sweeps_between(&policy.name, period.since, period.until).await?;
        let listings: Vec<Listing> = sweeps.iter().filter_map(listing).collect();
        Ok(Some(Report::new(policy.name.clone(), policy.schedule.zone, period, step, told, &listings)))
    }

    /// The right to do something that takes much memory or many turns of the database: one at a time.
    pub(crate) fn report_lock(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        self.report_lock.try_lock().ok()
    }
}

/// What a sweep found, unless a guard thinks that its listing was not whole.
pub(crate) fn listing(sweep: &SweepRow) -> Option<Listing> {
    let counts = sweep.state.counts().filter(|_| sweep.state.word() == "finished")?;
    Some(Listing {
        at: sweep.started_at,
        contractors: counts.population.saturating_sub(counts.other_type),
        inactive: counts.candidates + counts.waiting,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::UserType;
    use crate::domain::ids::SweepId;
    use crate::domain::plan::Counts;
    use crate::domain::plan::Guard;
    use crate::domain::plan::Verdict;
    use crate::domain::sweep::Trigger;
    use crate::engine::bench::policy;
    use crate::store::SweepState;
    use chrono::DateTime;
    use chrono::Utc;

    #[test]
    fn a_listing_counts_unless_the_sweep_failed_or_a_guard_stopped_it() {
        let at: DateTime<Utc> = "2026-10-14T12:00:00Z".parse().unwrap();
        let counts = Counts { population: 10, candidates: 3, waiting: 1, other_type: 2, ..Counts::default() };
        let found = |state| {
            listing(&SweepRow {
                id: SweepId(1),
                policy: "p".into(),
                slot: String::new(),
                trigger: Trigger::Schedule { slot: at },
                started_at: at,
                rule: policy().rule,
                fingerprint: String::new(),
                state,
            })
        };
        let finished = |verdict| found(SweepState::Finished { at, counts, verdict, pages: 1 });
        let guard = Guard::NobodyOfType { user_type: UserType::Profile("Contractor".to_owned()) };
        assert_eq!(finished(Verdict::Ask), Some(Listing { at, contractors: 8, inactive: 4 }));
        assert_eq!([Verdict::Held(guard.clone()), Verdict::Refused(guard)].map(finished), [None, None]);
        assert_eq!(found(SweepState::Started), None);
        assert_eq!(found(SweepState::Failed { at, error: String::new() }), None);
    }
}
