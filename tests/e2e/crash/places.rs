//! Where a process dies: before and after each call to the outside, each acknowledgement, and each commit.

use std::collections::{BTreeMap, BTreeSet};

pub use crate::fake::gate::Moment;

/// Of calls that a story makes often, of its commits, and of steps with files, so many are stopped at, evenly spread.
const PER_LABEL: usize = 4;
const COMMITS: usize = 8;
const STEPS: usize = 5;
/// The last steps with files put them in place.
const LAST_STEPS: usize = 7;

/// One place of a story.
#[derive(Clone, Debug)]
pub enum Place {
    /// The `number`-th call with this label.
    Call { label: String, number: usize, moment: Moment },
    /// The `number`-th commit.
    Commit { number: usize, moment: Moment },
}

impl Place {
    /// Whether every telling of the story comes here: calls side by side vary a little in number, and so do commits.
    pub fn is_always_reached(&self) -> bool {
        matches!(self, Place::Call { number: 1, .. } | Place::Commit { number: 1, .. })
    }
}

/// `some`, or all if `CRASH_EVERYWHERE` is set.
#[expect(
    clippy::disallowed_methods,
    reason = "how thorough a run is, is for the person who starts it to say"
)]
fn limit(some: usize) -> usize {
    if std::env::var_os("CRASH_EVERYWHERE").is_some() { usize::MAX } else { some }
}

/// All steps of so many, or some of them and all of the last ones, before and after each.
pub fn steps(count: usize) -> Vec<(usize, Moment)> {
    let numbers = spread(count, limit(STEPS)).into_iter().chain(count.saturating_sub(LAST_STEPS)..=count);
    let numbers: BTreeSet<usize> = numbers.filter(|number| *number > 0).collect();
    numbers.into_iter().flat_map(|number| [(number, Moment::Before), (number, Moment::After)]).collect()
}

/// All places of a story with these calls and so many commits; a part of them unless `CRASH_EVERYWHERE` is set.
pub fn places(calls: &[String], commits: usize) -> Vec<Place> {
    let mut counts = BTreeMap::<&String, usize>::new();
    for label in calls {
        *counts.entry(label).or_default() += 1;
    }
    let mut places = Vec::new();
    for moment in [Moment::Before, Moment::After] {
        for (label, count) in &counts {
            for number in spread(*count, limit(PER_LABEL)) {
                places.push(Place::Call { label: (*label).clone(), number, moment });
            }
        }
        places.extend(
            spread(commits, limit(COMMITS)).into_iter().map(|number| Place::Commit { number, moment }),
        );
    }
    places
}

/// Up to `wanted` of the numbers from 1 to `count`, the first and the last among them.
fn spread(count: usize, wanted: usize) -> BTreeSet<usize> {
    let wanted = count.min(wanted);
    (0..wanted).map(|index| 1 + index * (count - 1) / (wanted - 1).max(1)).collect()
}
