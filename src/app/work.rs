//! Does what the rows want: each row that wants something gets one task, which does it and says when to look again.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{App, RETRY_AFTER_FAILURE, TICK_MAX, lock};
use crate::scheduler::Class;

/// How long work that wants to be looked at again at once waits.
const WAKE_MIN: Duration = Duration::milliseconds(200);

/// A row that one task at a time works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    Sweep(i64),
    /// One that has not ended when it should have.
    LateSweep(i64),
    Notice(i64),
    Request(i64),
    /// A batch of exemptions that end soon.
    Ending(i64),
    Restoration(i64),
    /// What the policy at this place of the configuration has suspended.
    Watches(usize),
    /// A batch of accounts that are active again.
    Drift(i64),
    /// A suspension before which somebody was seen after all.
    Missed(i64),
    /// Asking the people concerned by a request.
    Concerned(i64),
    /// Who can decide the questions of the policy at this place of the configuration.
    Deciders(usize),
    Digest(i64),
    Pause(i64),
    /// Everybody's page of the bot.
    Homes,
    /// Telling that the database is stopped, or that it goes on.
    Lineage,
}

impl Work {
    /// Names the work for people.
    pub(super) fn in_words(self) -> String {
        match self {
            Work::Sweep(id) => format!("sweep {id}"),
            Work::LateSweep(id) => format!("the notice that sweep {id} is late"),
            Work::Notice(id) => format!("the notice of sweep {id}"),
            Work::Request(id) => format!("request {id}"),
            Work::Ending(id) => format!("notice {id} of exemptions that end"),
            Work::Restoration(id) => format!("restore {id}"),
            Work::Watches(_) => "the check of suspended accounts".to_owned(),
            Work::Drift(id) => format!("report {id} of accounts that are active again"),
            Work::Missed(id) => format!("report {id} of activity before a suspension"),
            Work::Concerned(id) => format!("the questions of request {id}"),
            Work::Deciders(_) => "the look-up of people who can decide".to_owned(),
            Work::Digest(id) => format!("digest {id}"),
            Work::Pause(id) => format!("the notice of pause {id}"),
            Work::Homes => "the Home pages".to_owned(),
            Work::Lineage => "the notice about the database".to_owned(),
        }
    }

    /// Returns what its calls to the outside systems are for.
    pub(super) fn class(self) -> Class {
        match self {
            Work::Request(_)
            | Work::Restoration(_)
            | Work::Notice(_)
            | Work::LateSweep(_)
            | Work::Pause(_)
            | Work::Ending(_)
            | Work::Drift(_)
            | Work::Missed(_)
            | Work::Lineage => Class::FreshLook,
            Work::Sweep(_) | Work::Deciders(_) | Work::Watches(_) | Work::Concerned(_) | Work::Digest(_) => {
                Class::Sweep
            }
            Work::Homes => Class::Question,
        }
    }
}

/// Whether a row changed while its task was at work: then it is looked at again.
pub(super) struct InFlight {
    pub(super) again: bool,
    /// When the task began.
    pub(super) since: Instant,
}

impl InFlight {
    pub(super) fn begin() -> InFlight {
        InFlight { again: false, since: Instant::now() }
    }
}

impl App {
    /// Notes that work on a row has got a step further, so that it is not stuck.
    pub(super) fn moves_on(&self, work: Work) {
        if let Some(task) = lock(&self.runtime.in_flight).get_mut(&work) {
            task.since = Instant::now();
        }
    }

    /// Looks at all rows and gives each that wants something its task.
    pub(super) async fn reconcile(self: &Arc<Self>, stop: &CancellationToken) -> anyhow::Result<()> {
        if let Err(error) = self.store.write_stops().await {
            tracing::error!(%error, "a pause is in force that can't be written down; a restart would lift it");
        }
        let stopped = self.store.lineage().stopped.is_some();
        if stopped || self.tells_of_resuming() {
            self.work_on(Work::Lineage, stop);
        }
        let looked_at = self.clock.now();
        if stopped {
            lock(&self.runtime.wakes).retain(|_, at| *at > looked_at);
            return Ok(());
        }
        self.take_up_accounts(looked_at, stop).await?;
        self.take_up_questions(looked_at, stop).await?;
        // Every row was looked at: an alarm for a row that wants nothing any more must not ring for ever.
        lock(&self.runtime.wakes).retain(|_, at| *at > looked_at);
        Ok(())
    }

    /// Gives a task to each pause, sweep, restoration, exemption and suspended account that wants one.
    async fn take_up_accounts(
        self: &Arc<Self>,
        looked_at: DateTime<Utc>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        for pause in self.store.pauses_to_tell().await? {
            self.work_on(Work::Pause(pause), stop);
        }
        self.start_owed_sweeps().await;
        for sweep in self.store.unfinished_sweeps().await? {
            self.work_on(Work::Sweep(sweep), stop);
        }
        for sweep in self.late_sweeps(looked_at).await? {
            self.work_on(Work::LateSweep(sweep.id), stop);
        }
        for sweep in self.store.untold_sweeps().await? {
            self.work_on(Work::Notice(sweep), stop);
        }
        for restoration in self.store.live_restorations().await? {
            self.work_on(Work::Restoration(restoration), stop);
        }
        self.end_exemptions().await;
        for batch in self.store.unannounced_exemptions().await? {
            self.work_on(Work::Ending(batch), stop);
        }
        for (place, policy) in self.policies.iter().enumerate() {
            if self.drift_is_due(policy).await? {
                self.work_on(Work::Watches(place), stop);
            }
        }
        for batch in self.store.untold_drift().await? {
            self.work_on(Work::Drift(batch), stop);
        }
        for watch in self.store.missed_to_tell().await? {
            self.work_on(Work::Missed(watch), stop);
        }
        Ok(())
    }

    /// Gives a task to each request that wants one, and to the messages around requests.
    async fn take_up_questions(
        self: &Arc<Self>,
        looked_at: DateTime<Utc>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        if let Err(error) = self.store.expire_due(self.clock.now()).await {
            tracing::error!(%error, "can't expire what is overdue; no decision about it is taken all the same");
        }
        let mut requests: BTreeSet<i64> = self.store.live_requests().await?.into_iter().collect();
        requests.extend(self.undo_ended());
        requests.append(&mut *lock(&self.runtime.turned));
        // Of a card that has ended and could not be brought up to date, the alarm is all that is left.
        requests.extend(self.rung(looked_at));
        for request in requests {
            self.work_on(Work::Request(request), stop);
        }
        for place in self.deciders_due().await? {
            self.work_on(Work::Deciders(place), stop);
        }
        self.start_owed_digests().await;
        for digest in self.store.untold_digests().await? {
            self.work_on(Work::Digest(digest), stop);
        }
        for request in self.requests_that_ask().await? {
            self.work_on(Work::Concerned(request), stop);
        }
        match self.homes_due().await {
            Ok(true) => self.work_on(Work::Homes, stop),
            Ok(false) => {}
            // Nobody's decision waits for a page.
            Err(error) => tracing::error!(error = format!("{error:#}"), "can't find out which pages are due"),
        }
        Ok(())
    }

    /// Returns the requests whose alarm has rung.
    pub(super) fn rung(&self, now: DateTime<Utc>) -> Vec<i64> {
        let wakes = lock(&self.runtime.wakes);
        let rung = wakes.iter().filter(|(_, at)| **at <= now);
        let request = |work: &Work| if let Work::Request(id) = work { Some(*id) } else { None };
        rung.filter_map(|(work, _)| request(work)).collect()
    }

    /// Starts a task for the row, or has the one at work look again when it is done.
    pub(super) fn work_on(self: &Arc<Self>, work: Work, stop: &CancellationToken) {
        {
            let mut in_flight = lock(&self.runtime.in_flight);
            if let Some(task) = in_flight.get_mut(&work) {
                task.again = true;
                return;
            }
            in_flight.insert(work, InFlight::begin());
        }
        lock(&self.runtime.wakes).remove(&work);
        let app = Arc::clone(self);
        let stop = stop.clone();
        let task = async move {
            let _gone = GoneGuard { app: Arc::clone(&app), work };
            loop {
                let wake = app.attend(work, &stop).instrument(tracing::info_span!("work", row = ?work)).await;
                if app.done_with(work, wake, &stop) {
                    return;
                }
            }
        };
        self.runtime.tasks.spawn(self.runtime.rows.track_future(task));
    }

    /// Does what the row wants now; says when to look again.
    pub(super) async fn attend(
        self: &Arc<Self>,
        work: Work,
        stop: &CancellationToken,
    ) -> Option<DateTime<Utc>> {
        let wake = work.class().run(self.attend_to(work, stop)).await;
        wake.unwrap_or_else(|error| {
            tracing::error!(?work, error = format!("{error:#}"), "work failed; trying again");
            Some(self.clock.now() + RETRY_AFTER_FAILURE)
        })
    }

    async fn attend_to(
        self: &Arc<Self>,
        work: Work,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<DateTime<Utc>>> {
        match work {
            Work::Sweep(id) => tokio::select! {
                biased;
                again = self.run_sweep(id) => Ok(again),
                () = stop.cancelled() => Ok(None),
            },
            Work::LateSweep(id) => self.tell_late_sweep(id).await,
            Work::Notice(id) => self.tell_sweep(id).await,
            Work::Request(id) => self.drive_request(id, stop).await,
            Work::Restoration(id) => self.restore(id).await,
            Work::Ending(batch) => self.announce_ending(batch).await,
            Work::Watches(place) => self.look_again(place, stop).await,
            Work::Drift(batch) => self.tell_drift(batch).await,
            Work::Missed(watch) => self.tell_missed(watch).await,
            Work::Concerned(id) => self.ask_people_concerned(id).await,
            Work::Deciders(place) => Ok(self.look_up_deciders(place).await),
            Work::Digest(id) => self.tell_digest(id).await,
            Work::Pause(id) => self.tell_pause(id).await,
            Work::Homes => self.publish_homes().await,
            Work::Lineage => self.tell_of_lineage().await,
        }
    }

    /// Takes the row out of the work in flight, unless it changed meanwhile: then its own task looks again. Waking the
    /// loop for it instead would have two slow tasks wake each other for ever.
    pub(super) fn done_with(
        &self,
        work: Work,
        wake: Option<DateTime<Utc>>,
        stop: &CancellationToken,
    ) -> bool {
        let mut in_flight = lock(&self.runtime.in_flight);
        let again =
            in_flight.get_mut(&work).is_some_and(|task| std::mem::replace(task, InFlight::begin()).again);
        if again && !stop.is_cancelled() {
            return false;
        }
        in_flight.remove(&work);
        if let Some(at) = wake {
            self.wake_for(work, at);
        }
        true
    }

    pub(super) fn wake_for(&self, work: Work, at: DateTime<Utc>) {
        let at = at.max(self.clock.now() + WAKE_MIN);
        lock(&self.runtime.wakes).insert(work, at);
        self.runtime.rewound.notify_one();
    }

    /// Returns how long it is until the next thing that is due by the clock.
    pub(super) fn wait(&self) -> std::time::Duration {
        let now = self.clock.now();
        let next = lock(&self.runtime.wakes).values().min().copied();
        let undo = self.next_undo_end().filter(|_| self.store.lineage().stopped.is_none());
        let next = next.into_iter().chain(undo).min();
        next.map_or(TICK_MAX, |at| (at - now).to_std().unwrap_or_default().min(TICK_MAX))
    }
}

/// Takes the row out of the work in flight if its task panics, and has it tried again, but not at once: what panics
/// each time must not keep the machine busy.
struct GoneGuard {
    app: Arc<App>,
    work: Work,
}

impl Drop for GoneGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(&self.app.runtime.in_flight).remove(&self.work);
            self.app.wake_for(self.work, self.app.clock.now() + RETRY_AFTER_FAILURE);
        }
    }
}
