//! Keeps the questions that wait, and the last preview.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use tokio::sync::Semaphore;

use crate::domain::ids::PolicyName;
use crate::domain::plan::Plan;

/// How many questions are answered at once.
const ANSWERED_AT_ONCE: usize = 8;

/// How many more may wait. At a quarter of a second each, the last one is answered within a second or two.
pub(super) const WAITING_MAX: usize = 40;

/// The questions that are answered now, and those that wait.
pub(crate) struct Questions {
    /// One for each question that is here at all.
    pub(super) queue: Arc<Semaphore>,
    /// One for each that is answered now.
    pub(super) answered: Semaphore,
}

impl Default for Questions {
    fn default() -> Self {
        Questions {
            queue: Arc::new(Semaphore::new(ANSWERED_AT_ONCE + WAITING_MAX)),
            answered: Semaphore::new(ANSWERED_AT_ONCE),
        }
    }
}

/// For so long a preview is shown again while the audit trail has nothing new.
const PREVIEW_HOLDS: Duration = Duration::minutes(1);

/// A plan that was shown.
pub(crate) struct Preview {
    pub(super) policy: PolicyName,
    /// The last event when it was made.
    pub(super) head: i64,
    pub(super) at: DateTime<Utc>,
    pub(super) plan: Plan,
}

impl Preview {
    pub(super) fn holds(&self, head: i64, now: DateTime<Utc>) -> bool {
        self.head == head && now >= self.at && now - self.at < PREVIEW_HOLDS
    }
}
