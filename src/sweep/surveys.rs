//! Runs the surveys of sweeps.
//!
//! A survey only reads, and may take an hour. So it runs in a task of its own that outlives the workflow that began it:
//! after a reload of the configuration, the next workflow takes its result, if the policy is the same to the letter and it
//! is asked through the same connections. Otherwise it is ended, and the sweep is surveyed by the new configuration.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};

use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::domain::policy::Policy;
use crate::scheduler::Class;
use crate::services::listings::Listings;
use crate::services::lock;
use crate::sweep::Sweeper;
use crate::sweep::survey::{Keep, Survey, survey};

/// The surveys under way, which one workflow hands to the next.
#[derive(Default)]
pub struct Surveys {
    running: Mutex<BTreeMap<i64, Running>>,
    tasks: TaskTracker,
    /// The listings under way.
    pub(crate) listings: Arc<Listings>,
}

/// The result of a survey. The sweep's own task, one at a time, waits for it.
type Outcome = Arc<tokio::sync::Mutex<JoinHandle<anyhow::Result<Survey>>>>;

struct Running {
    /// By which it surveys, with the sweep's own rule.
    policy: Policy,
    result: Outcome,
    abort: AbortHandle,
}

impl Surveys {
    /// Ends the survey of a sweep, if there is one: nobody will ask for its result.
    pub(crate) fn end(&self, sweep: i64) {
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

impl Sweeper {
    /// Surveys for a sweep, or waits for the survey that is under way. Dropping this leaves it under way.
    pub(crate) async fn survey_for(self: &Arc<Self>, sweep: i64, policy: Policy) -> anyhow::Result<Survey> {
        let result = self.survey_under_way(sweep, policy);
        let mut result = result.lock().await;
        let ended = (&mut *result).await;
        lock(&self.surveys.running).remove(&sweep);
        match ended {
            Ok(survey) => survey,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // It was ended because this workflow ends. That is no failure of the sweep.
                Err(_) => std::future::pending().await,
            },
        }
    }

    fn survey_under_way(self: &Arc<Self>, sweep: i64, policy: Policy) -> Outcome {
        let mut running = lock(&self.surveys.running);
        if let Some(other) = running.get(&sweep) {
            if other.policy == policy {
                return Arc::clone(&other.result);
            }
            other.abort.abort();
        }
        let (this, its_policy) = (Arc::clone(self), policy.clone());
        let work = async move { survey(&this, &its_policy, Keep::Unsettled, this.s.clock.now()).await };
        let task = self.surveys.tasks.spawn(Class::Sweep.run(work).in_current_span());
        let abort = task.abort_handle();
        let result = Arc::new(tokio::sync::Mutex::new(task));
        running.insert(sweep, Running { policy, result: Arc::clone(&result), abort });
        result
    }
}
