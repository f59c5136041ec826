//! Does what the rows want: each row that wants something gets one task, which does it and says when to look again.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::domain::ids::RequestId;
use crate::engine::{Engine, TICK_MAX};
use crate::services::work::Work;
use crate::services::{RETRY_AFTER_FAILURE, WorkResult};

impl Engine {
    /// Looks at all rows and gives each that wants something its task.
    pub(crate) async fn reconcile(self: &Arc<Self>, stop: &CancellationToken) -> WorkResult<()> {
        if let Err(error) = self.s.store.write_stops().await {
            tracing::error!(%error, "a pause is in force that can't be written down; a restart would lift it");
        }
        let stopped = self.s.store.lineage().stopped.is_some();
        if stopped || self.outbox.tells_of_resuming() {
            self.work_on(Work::Lineage, stop);
        }
        let looked_at = self.s.clock.now();
        if stopped {
            self.s.rows.end_alarms(looked_at);
            return Ok(());
        }
        for notice in self.outbox.unsaid().await? {
            self.work_on(Work::Message(notice), stop);
        }
        self.take_up_accounts(stop).await?;
        self.take_up_questions(looked_at, stop).await?;
        // Every row was looked at: an alarm for a row that wants nothing any more must not ring for ever.
        self.s.rows.end_alarms(looked_at);
        Ok(())
    }

    /// Gives a task to each sweep, restoration and suspended account that wants one.
    async fn take_up_accounts(self: &Arc<Self>, stop: &CancellationToken) -> WorkResult<()> {
        self.sweeper.start_owed_sweeps().await;
        for sweep in self.s.store.unfinished_sweeps().await? {
            self.work_on(Work::Sweep(sweep), stop);
        }
        for restoration in self.s.store.live_restorations().await? {
            self.work_on(Work::Restoration(restoration), stop);
        }
        for policy in &self.s.policies {
            if self.requests.drift_is_due(policy).await? {
                self.work_on(Work::Watches(policy.name.clone()), stop);
            }
        }
        Ok(())
    }

    /// Gives a task to each request that wants one, and to the messages around requests.
    async fn take_up_questions(
        self: &Arc<Self>,
        looked_at: DateTime<Utc>,
        stop: &CancellationToken,
    ) -> WorkResult<()> {
        if let Err(error) = self.s.store.expire_due(self.s.clock.now()).await {
            tracing::error!(%error, "can't expire what is overdue; no decision about it is taken all the same");
        }
        let mut requests: BTreeSet<RequestId> = self.s.store.live_requests().await?.into_iter().collect();
        requests.extend(self.requests.undo_ended());
        requests.append(&mut self.requests.take_turned());
        // Of a card that has ended and could not be brought up to date, the alarm is all that is left.
        requests.extend(self.rung(looked_at));
        for request in requests {
            self.work_on(Work::Request(request), stop);
        }
        for policy in self.authz.deciders_due().await? {
            self.work_on(Work::Deciders(policy), stop);
        }
        for request in self.outbox.requests_that_ask().await? {
            self.work_on(Work::Concerned(request), stop);
        }
        match self.outbox.homes_due().await {
            Ok(true) => self.work_on(Work::Homes, stop),
            Ok(false) => {}
            // Nobody's decision waits for a page.
            Err(error) => tracing::error!(error = format!("{error:#}"), "can't find out which pages are due"),
        }
        Ok(())
    }

    /// Returns the requests whose alarm has rung.
    pub(crate) fn rung(&self, now: DateTime<Utc>) -> Vec<RequestId> {
        let request = |work: Work| if let Work::Request(id) = work { Some(id) } else { None };
        self.s.rows.rung(now).into_iter().filter_map(|(work, _)| request(work)).collect()
    }

    /// Starts a task for the row, or has the one at work look again when it is done.
    pub(crate) fn work_on(self: &Arc<Self>, work: Work, stop: &CancellationToken) {
        if !self.s.rows.begin(&work) {
            return;
        }
        let this = Arc::clone(self);
        let stop = stop.clone();
        let task = async move {
            let gone = GoneGuard { engine: Arc::clone(&this), work };
            let work = &gone.work;
            loop {
                let wake =
                    this.attend(work, &stop).instrument(tracing::info_span!("work", row = ?work)).await;
                // Waking the loop for a row that changed meanwhile would have two slow tasks wake each other for ever.
                if this.s.end_work(work, wake, !stop.is_cancelled()) {
                    return;
                }
            }
        };
        self.s.tasks.spawn(self.s.rows.tasks.track_future(task));
    }

    /// Does what the row wants now; says when to look again.
    pub(crate) async fn attend(
        self: &Arc<Self>,
        work: &Work,
        stop: &CancellationToken,
    ) -> Option<DateTime<Utc>> {
        let wake = work.class().run(self.attend_to(work, stop)).await;
        wake.unwrap_or_else(|error| {
            tracing::error!(?work, error = format!("{error:#}"), "work failed; trying again");
            Some(self.s.clock.now() + RETRY_AFTER_FAILURE)
        })
    }

    async fn attend_to(
        self: &Arc<Self>,
        work: &Work,
        stop: &CancellationToken,
    ) -> WorkResult<Option<DateTime<Utc>>> {
        match *work {
            Work::Sweep(id) => tokio::select! {
                biased;
                again = self.sweeper.run_sweep(id) => Ok(again),
                () = stop.cancelled() => Ok(None),
            },
            Work::Message(notice) => self.outbox.say(notice).await,
            Work::Request(id) => self.requests.drive_request(id, stop).await,
            Work::Restoration(id) => self.requests.restore(id).await,
            Work::Watches(ref policy) => self.requests.look_again(policy, stop).await,
            Work::Concerned(id) => self.outbox.ask_people_concerned(id).await,
            Work::Deciders(ref policy) => Ok(self.authz.look_up_deciders(policy).await),
            Work::Homes => self.outbox.publish_homes().await,
            Work::Lineage => self.outbox.tell_of_lineage().await,
        }
    }

    /// Returns how long it is until the next thing that is due by the clock.
    pub(crate) fn wait(&self) -> std::time::Duration {
        let now = self.s.clock.now();
        let undo = self.requests.next_undo_end().filter(|_| self.s.store.lineage().stopped.is_none());
        let next = self.s.rows.next_alarm().into_iter().chain(undo).min();
        next.map_or(TICK_MAX, |at| (at - now).to_std().unwrap_or_default().min(TICK_MAX))
    }
}

/// Takes the row out of the work in flight if its task panics, and has it tried again, but not at once: what panics
/// each time must not keep the machine busy.
struct GoneGuard {
    engine: Arc<Engine>,
    work: Work,
}

impl Drop for GoneGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let wake = self.engine.s.clock.now() + RETRY_AFTER_FAILURE;
            self.engine.s.end_work(&self.work, Some(wake), false);
        }
    }
}
