//! Keeps the surveys of sweeps that are under way.
//!
//! A survey only reads, and may take an hour. So it runs in a task of its own that outlives the workflow that began it:
//! after a reload of the configuration, the next workflow takes its result, if the policy is the same to the letter and it
//! is asked through the same connections. Otherwise it is ended, and the sweep is surveyed by the new configuration.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::task::TaskTracker;

use crate::domain::audit::Subject;
use crate::domain::ids::{RequestId, SweepId};
use crate::domain::plan::Plan;
use crate::domain::policy::Policy;
use crate::identity::IdentityError;
use crate::services::listings::Listings;
use crate::services::{WorkResult, lock};

/// The surveys under way, which one workflow hands to the next.
#[derive(Default)]
pub struct Surveys {
    pub(super) running: Mutex<BTreeMap<SweepId, Running>>,
    pub(super) tasks: TaskTracker,
    /// The listings under way.
    pub(crate) listings: Arc<Listings>,
}

/// The result of a survey. The sweep's own task, one at a time, waits for it.
pub(super) type Outcome = Arc<tokio::sync::Mutex<JoinHandle<WorkResult<Survey>>>>;

pub(super) struct Running {
    /// By which it surveys, with the sweep's own rule.
    pub(super) policy: Policy,
    pub(super) result: Outcome,
    pub(super) abort: AbortHandle,
}

impl Surveys {
    /// Ends the survey of a sweep, if there is one: nobody will ask for its result.
    pub(crate) fn end(&self, sweep: SweepId) {
        if let Some(running) = lock(&self.running).remove(&sweep) {
            running.abort.abort();
        }
    }

    /// Ends all surveys, and returns once none is at work.
    pub async fn end_all(&self) {
        for running in std::mem::take(&mut *lock(&self.running)).into_values() {
            running.abort.abort();
        }
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }
}

/// A plan with what it took to make it.
pub struct Survey {
    /// The accounts that were kept with their answers, the counts of all, and the verdict.
    pub plan: Plan,
    /// How many pages the listing had.
    pub pages: u32,
    /// The passing trouble that left nobody to ask about, or most of the idle accounts unjudged: a caller that can
    /// wait knows more after another survey.
    pub unread: Option<IdentityError>,
    /// The accounts that are left out because their profile has an approver's e-mail address, and for nothing else that
    /// says whose they are.
    pub by_email: Vec<Subject>,
    /// The open requests whose cards could not be posted, so that their accounts are proposed here.
    pub unposted: Vec<RequestId>,
}
