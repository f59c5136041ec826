//! The workflow: what the bot does, in terms of the two ports, the store and the pure core.
//!
//! One loop makes the database's rows true, step by step: it starts owed sweeps, runs unfinished ones, expires what
//! is overdue and drives every live request. It takes no hints: a click, a timer or a restart only wakes it, and the
//! rows say what is due. So the normal path, a retry and a restart after a crash are one code path, and running it
//! twice changes nothing. Only [`carry_out`] and `restore` ever tell the identity provider to change something.

mod bell;
pub mod carry_out;
pub mod command;
mod concerned;
mod database;
pub mod decide;
mod digests;
mod drift;
mod exemptions;
pub mod history;
mod home;
mod ids;
mod lineage;
pub mod listing;
pub mod messages;
mod obstacles;
mod pace;
mod pauses;
pub mod people;
pub mod requests;
mod restore;
mod review;
mod row;
mod sessions;
mod signed;
mod silence;
pub mod survey;
pub mod sweeps;
#[cfg(test)]
mod tests;
mod trend;
mod tries;
pub mod vitals;
pub mod wording;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::chat::{Chat, Connection};
use crate::clock::Clock;
use crate::domain::audit::{Action, Actor, Draft};
use crate::domain::plan::Guard;
use crate::domain::policy::Policy;
use crate::identity::{IdentityError, IdentityProvider};
use crate::store::{AuditContext, Store};

/// The loop begins anew at most this often: a flood of inputs would otherwise have every row read for each.
const ROUND_MIN: std::time::Duration = std::time::Duration::from_millis(25);
/// So far the time of day may stray from the time that passes before anybody is told.
const CLOCK_JUMP: Duration = Duration::hours(1);
/// And so far before what was waited for by the time of day is waited for anew.
const CLOCK_STEP: Duration = Duration::minutes(2);
/// The loop looks at the rows at least this often, whatever it is told.
const TICK_MAX: std::time::Duration = std::time::Duration::from_secs(20);
/// How long a failed look at the database waits before the next one.
const RETRY_AFTER_STORE_ERROR: std::time::Duration = std::time::Duration::from_secs(2);
/// Work that failed is tried again after this long.
const RETRY_AFTER_FAILURE: Duration = Duration::seconds(10);
/// Work that wants to be looked at again at once is, after this long.
const WAKE_MIN: Duration = Duration::milliseconds(200);
/// How long work in flight may take to end at shutdown.
const DRAIN_MAX: std::time::Duration = std::time::Duration::from_secs(10);
/// How long whoever has asked something may still wait for the answer then; after it they are told to ask again.
const ANSWER_MAX: std::time::Duration = std::time::Duration::from_secs(3);
const _: () = assert!(ANSWER_MAX.as_secs() * 2 < DRAIN_MAX.as_secs());
/// How long inputs that keep coming may hold up the end.
const INPUTS_MAX: std::time::Duration = std::time::Duration::from_secs(60);
/// Looked-up approvers' addresses are used for this long: they only ever protect accounts.
const APPROVERS_KEPT: Duration = Duration::minutes(1);
/// A repeated delivery of an input is recognised for this long.
const RECEIPTS_KEPT: Duration = Duration::days(7);
/// How often they are forgotten.
const FORGET_EVERY: Duration = Duration::days(1);

/// Everything the workflow needs.
pub struct App {
    /// Pending approvals and the audit trail.
    pub store: Store,
    /// Where people are.
    pub chat: Arc<dyn Chat>,
    /// Where accounts are.
    pub identity: Arc<dyn IdentityProvider>,
    /// The time.
    pub clock: Clock,
    /// The configured policies.
    pub policies: Vec<Policy>,
    /// How many accounts are worked on at once.
    pub concurrency: usize,
    /// The state of the connection to the chat system.
    pub connection: watch::Receiver<Connection>,
    approvers: ApproverCache,
    runtime: Runtime,
}

/// What only this process knows; losing it loses nothing.
#[derive(Default)]
struct Runtime {
    nudge: Notify,
    /// The earliest wake may have changed: the loop winds its alarm anew.
    rewound: Notify,
    tasks: TaskTracker,
    /// Those of them that work on rows.
    rows: TaskTracker,
    /// The loop has ended: nothing may wait long for an answer any more.
    ending: CancellationToken,
    in_flight: Mutex<BTreeMap<Work, InFlight>>,
    pulse: Mutex<vitals::Pulse>,
    wakes: Mutex<BTreeMap<Work, DateTime<Utc>>>,
    /// How often a passing trouble stopped a sweep, and when it is begun anew.
    stopped_sweeps: Mutex<BTreeMap<i64, (u32, DateTime<Utc>)>>,
    pages: Mutex<BTreeMap<i64, usize>>,
    /// Requests whose card is to show another page; one that has ended is not among the live ones any more.
    turned: Mutex<BTreeSet<i64>>,
    obstacles: Mutex<BTreeMap<i64, Obstacle>>,
    drawings: Mutex<review::Drawings>,
    /// When finished cards stop offering to give accounts back.
    undo_ends: Mutex<BTreeSet<(DateTime<Utc>, i64)>>,
    identity_health: Mutex<Option<LastAnswer>>,
    pace_of_pages: Mutex<home::Pace>,
    pace: Mutex<pace::Pace>,
    whispers: Whispers,
    /// The last preview; its lock is held by whoever makes one.
    preview: tokio::sync::Mutex<Option<command::Preview>>,
    /// Nobody concerned is looked up or written to before this time.
    asking_from: Mutex<Option<DateTime<Utc>>>,
    /// What managers are called.
    names: Mutex<BTreeMap<String, String>>,
    /// Held by whoever puts a file together or verifies the trail.
    heavy_work: tokio::sync::Mutex<()>,
    /// The listings under way, by policy.
    listings: Mutex<BTreeMap<String, listing::Progress>>,
    /// Of people without a right, what they have tried since the last event about it.
    tries: Mutex<tries::Tries>,
    /// Which person an id is of, in an organisation.
    ids: Mutex<ids::Ids>,
    /// The trend picture of each policy.
    trends: Mutex<BTreeMap<String, trend::Trend>>,
    /// What was last asked of the channels about the database.
    witnesses: Mutex<lineage::Witnesses>,
}

/// So many notes to single people are under way at once; more would only time each other out.
struct Whispers(tokio::sync::Semaphore);

impl Default for Whispers {
    fn default() -> Self {
        Whispers(tokio::sync::Semaphore::new(16))
    }
}

/// When the identity provider last answered, and what was wrong with the answer.
pub type LastAnswer = (DateTime<Utc>, Result<(), String>);

/// A row that one task at a time works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Sweep(i64),
    Notice(i64),
    Request(i64),
    /// A batch of exemptions that end soon.
    Ending(i64),
    Restoration(i64),
    /// What the policy at this place of the configuration has suspended.
    Watches(usize),
    /// A batch of accounts that are active again.
    Drift(i64),
    /// Asking the people concerned by a request.
    Concerned(i64),
    Digest(i64),
    Pause(i64),
    /// Everybody's page of the bot.
    Homes,
    /// Telling that the database is stopped, or that it goes on.
    Lineage,
}

/// What stands in the way of all suspensions of a request until a person mends it.
struct Obstacle {
    hindrance: carry_out::Hindrance,
    /// When to find out whether it still does.
    until: DateTime<Utc>,
}

/// Whether a row changed while its task was at work: then it is looked at again.
struct InFlight {
    again: bool,
    /// Since when.
    since: Instant,
}

impl InFlight {
    fn begin() -> InFlight {
        InFlight { again: false, since: Instant::now() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // The maps behind these locks are valid after any panic: each is changed by single calls.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl App {
    /// Puts the workflow together. Nothing runs yet.
    pub fn new(
        store: Store,
        chat: Arc<dyn Chat>,
        identity: Arc<dyn IdentityProvider>,
        clock: Clock,
        policies: Vec<Policy>,
        concurrency: usize,
        connection: watch::Receiver<Connection>,
    ) -> App {
        let chat = Arc::new(signed::Signed { chat, store: store.clone(), clock: clock.clone() });
        App {
            store,
            chat,
            identity,
            clock,
            policies,
            concurrency,
            connection,
            approvers: ApproverCache::default(),
            runtime: Runtime::default(),
        }
    }

    /// The policy of this name.
    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name == name)
    }

    /// Wakes the loop: some row may have changed.
    pub fn nudge(&self) {
        self.runtime.nudge.notify_one();
    }

    /// Runs until `stop`, then lets work in flight end within a bound. Fails only if the database is gone for good, or is not
    /// the file at its path any more.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) -> anyhow::Result<()> {
        let (mut moved, mut connection) = (self.clock.moved(), self.connection.clone());
        let now = self.clock.now();
        let mut seen = (Instant::now(), now);
        for policy in &self.policies {
            self.store.know_policy(&policy.name, now).await?;
        }
        if let Err(error) = self.look_at_finished_cards().await {
            tracing::error!(error = format!("{error:#}"), "can't tell which finished cards to look at again");
        }
        let mut bell = bell::hang(&self).await?;
        let (app, watched) = (Arc::clone(&self), stop.clone());
        self.runtime.tasks.spawn(async move { app.watch_database(&watched).await });
        let mut forget_at = now;
        let mut lost = None;
        loop {
            self.note_pulse();
            self.note_connection(&mut connection, false);
            self.ask_witnesses(&stop).await;
            if self.clock.now() >= forget_at {
                forget_at = self.clock.now() + FORGET_EVERY;
                if let Err(error) = self.store.forget_receipts(self.clock.now() - RECEIPTS_KEPT).await {
                    tracing::error!(%error, "can't forget old inputs");
                }
            }
            if let Err(error) = self.note_clock(&mut seen).await {
                tracing::error!(%error, "can't note that the clock has jumped");
            }
            if let Err(error) = self.sum_tries_up(false).await {
                tracing::error!(%error, "can't record how often somebody without the right has tried");
            }
            self.forget_preview();
            let began = Instant::now();
            let retry = match self.reconcile(&stop).await {
                Ok(()) => None,
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "can't read what is due");
                    Some(RETRY_AFTER_STORE_ERROR)
                }
            };
            let again = loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break false,
                    () = self.store.closed() => anyhow::bail!("the database's writer is gone; see the log"),
                    why = self.store.lost() => {
                        lost = Some(why);
                        break false;
                    }
                    () = self.runtime.nudge.notified() => break true,
                    _ = moved.changed() => break true,
                    Ok(()) = connection.changed() => {
                        self.note_connection(&mut connection, true);
                        break true;
                    }
                    () = self.runtime.rewound.notified() => {}
                    () = tokio::time::sleep(retry.unwrap_or_else(|| self.wait())) => break true,
                }
            };
            let stopped = async {
                // What comes together is looked at together.
                let rest = ROUND_MIN.saturating_sub(began.elapsed());
                tokio::time::timeout(rest, stop.cancelled()).await.is_ok()
            };
            if !again || stopped.await {
                break;
            }
        }
        if let Err(error) = bell.shutdown().await {
            tracing::debug!(%error, "the bell rings for nobody");
        }
        if lost.is_some() {
            self.tell_database_lost().await;
        }
        self.drain().await;
        lost.map_or(Ok(()), |why| Err(why.into()))
    }

    /// Lets work in flight end within a bound.
    async fn drain(&self) {
        lock(&self.runtime.pulse).end();
        self.runtime.ending.cancel();
        self.runtime.tasks.close();
        self.runtime.rows.close();
        if tokio::time::timeout(DRAIN_MAX, self.runtime.tasks.wait()).await.is_err() {
            tracing::warn!("some work is still in flight; what it leaves undone is taken up again");
        }
    }

    /// Returns once nothing of this workflow is at work any more, the handling of inputs included; after [`App::run`].
    pub async fn ended(&self) {
        self.runtime.tasks.wait().await;
    }

    /// Returns once inputs need not be taken in any more, after [`App::run`]: no row is worked on, however long that
    /// takes, and what people send has had its time. Until then whoever denies or pauses is heard.
    pub async fn needs_no_inputs(&self) {
        self.runtime.rows.wait().await;
        // They may keep coming: then those that are under way end without the chat system.
        let _ = tokio::time::timeout(INPUTS_MAX, self.ended()).await;
    }

    /// What comes of work that changes nothing, unless the workflow ends first: nothing, not even the provider's silence,
    /// is to hold up the next configuration.
    async fn unless_ended<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.runtime.ending.cancelled() => None,
        }
    }

    /// The same, for what a person waits for: they may have the answer in a moment.
    async fn soon_unless_ended<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let ended = async {
            self.runtime.ending.cancelled().await;
            tokio::time::sleep(ANSWER_MAX).await;
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            () = ended => None,
        }
    }

    /// Work on a row has got a step further: it is not stuck.
    fn moves_on(&self, work: Work) {
        if let Some(task) = lock(&self.runtime.in_flight).get_mut(&work) {
            task.since = Instant::now();
        }
    }

    /// Deadlines go by the time of day. When that jumps, by sleep or by hand, the audit trail says so: whoever wonders
    /// why a request expired early or late finds it.
    async fn note_clock(&self, seen: &mut (Instant, DateTime<Utc>)) -> Result<(), crate::store::StoreError> {
        let (instant, now) = (Instant::now(), self.clock.now());
        let passed = Duration::from_std(instant - seen.0).unwrap_or_default();
        let jumped = now - seen.1 - passed;
        if jumped > CLOCK_STEP {
            // By the time of day the wait for updates that may come late is over; by the time that passed it is not.
            self.store.late_updates_until(now + messages::LATE_UPDATE_WITHIN).await?;
        }
        if jumped.abs() < CLOCK_JUMP {
            *seen = (instant, now);
            return Ok(());
        }
        tracing::warn!(seconds = jumped.num_seconds(), "the clock has jumped, or this machine slept");
        let event = Draft {
            at: now,
            actor: Actor::System,
            action: Action::ClockJumped,
            subject: None,
            detail: serde_json::json!({ "seconds": jumped.num_seconds() }),
        };
        self.store.append(AuditContext::default(), event).await?;
        *seen = (instant, now);
        Ok(())
    }

    /// Looks at all rows and gives each that wants something its task.
    async fn reconcile(self: &Arc<Self>, stop: &CancellationToken) -> anyhow::Result<()> {
        let stopped = self.store.lineage().stopped.is_some();
        if stopped || self.tells_of_resuming() {
            self.work_on(Work::Lineage, stop);
        }
        let looked_at = self.clock.now();
        if stopped {
            lock(&self.runtime.wakes).retain(|_, at| *at > looked_at);
            return Ok(());
        }
        for pause in self.store.pauses_to_tell().await? {
            self.work_on(Work::Pause(pause), stop);
        }
        self.start_owed_sweeps().await;
        for sweep in self.store.unfinished_sweeps().await? {
            self.work_on(Work::Sweep(sweep), stop);
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
            Err(error) => tracing::error!(error = format!("{error:#}"), "can't tell which pages are due"),
        }
        // All was looked at: an alarm for a row that wants nothing any more must not ring for ever.
        lock(&self.runtime.wakes).retain(|_, at| *at > looked_at);
        Ok(())
    }

    /// The requests whose alarm has rung.
    fn rung(&self, now: DateTime<Utc>) -> Vec<i64> {
        let wakes = lock(&self.runtime.wakes);
        let rung = wakes.iter().filter(|(_, at)| **at <= now);
        let request = |work: &Work| if let Work::Request(id) = work { Some(*id) } else { None };
        rung.filter_map(|(work, _)| request(work)).collect()
    }

    /// Starts a task for the row, or has the one at work look again when it is done.
    fn work_on(self: &Arc<Self>, work: Work, stop: &CancellationToken) {
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
    async fn attend(&self, work: Work, stop: &CancellationToken) -> Option<DateTime<Utc>> {
        let wake = match work {
            Work::Sweep(id) => tokio::select! {
                biased;
                again = self.run_sweep(id) => Ok(again),
                () = stop.cancelled() => Ok(None),
            },
            Work::Notice(id) => self.tell_sweep(id).await,
            Work::Request(id) => self.drive_request(id, stop).await,
            Work::Restoration(id) => self.restore(id).await,
            Work::Ending(batch) => self.announce_ending(batch).await,
            Work::Watches(place) => self.look_again(place, stop).await,
            Work::Drift(batch) => self.tell_drift(batch).await,
            Work::Concerned(id) => self.ask_people_concerned(id).await,
            Work::Digest(id) => self.tell_digest(id).await,
            Work::Pause(id) => self.tell_pause(id).await,
            Work::Homes => self.publish_homes().await,
            Work::Lineage => self.tell_of_lineage().await,
        };
        wake.unwrap_or_else(|error| {
            tracing::error!(?work, error = format!("{error:#}"), "work failed; trying again");
            Some(self.clock.now() + RETRY_AFTER_FAILURE)
        })
    }

    /// Takes the row out of the work in flight, unless it changed meanwhile: then its own task looks again. Waking the
    /// loop for it instead would have two slow tasks wake each other for ever.
    fn done_with(&self, work: Work, wake: Option<DateTime<Utc>>, stop: &CancellationToken) -> bool {
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

    fn wake_for(&self, work: Work, at: DateTime<Utc>) {
        let at = at.max(self.clock.now() + WAKE_MIN);
        lock(&self.runtime.wakes).insert(work, at);
        self.runtime.rewound.notify_one();
    }

    /// Until the next thing that is due by the clock.
    fn wait(&self) -> std::time::Duration {
        let now = self.clock.now();
        let next = lock(&self.runtime.wakes).values().min().copied();
        let undo = self.next_undo_end().filter(|_| self.store.lineage().stopped.is_none());
        let next = next.into_iter().chain(undo).min();
        next.map_or(TICK_MAX, |at| (at - now).to_std().unwrap_or_default().min(TICK_MAX))
    }

    /// Why nothing that depends on the time may be done now.
    pub(super) fn clock_is_off(&self) -> Option<String> {
        Guard::of_clock(self.identity.clock_ahead()).map(|guard| wording::guard_in_words(&guard).to_plain())
    }

    /// Keeps what the identity provider last answered, for `status`; an answer also says what time it is there.
    pub(crate) fn note_identity<T>(&self, result: &Result<T, IdentityError>) {
        let result = match result {
            Ok(_) | Err(IdentityError::NotFound(_) | IdentityError::Refused(_)) => {
                self.clock_is_off().map_or(Ok(()), Err)
            }
            Err(
                error @ (IdentityError::RateLimited { .. }
                | IdentityError::Transient(_)
                | IdentityError::Denied(_)
                | IdentityError::Malformed(_)),
            ) => Err(error.to_string()),
        };
        *lock(&self.runtime.identity_health) = Some((self.clock.now(), result));
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

/// The approvers' e-mail addresses per policy, for a short while.
#[derive(Default)]
struct ApproverCache(Mutex<BTreeMap<String, LookedUp>>);

/// When the addresses were looked up, and what they are.
type LookedUp = (DateTime<Utc>, BTreeSet<String>);

impl ApproverCache {
    fn get(&self, policy: &str, now: DateTime<Utc>) -> Option<BTreeSet<String>> {
        lock(&self.0)
            .get(policy)
            .filter(|(at, _)| (now - *at).abs() < APPROVERS_KEPT)
            .map(|(_, emails)| emails.clone())
    }

    fn put(&self, policy: &str, now: DateTime<Utc>, emails: BTreeSet<String>) {
        lock(&self.0).insert(policy.to_owned(), (now, emails));
    }
}
