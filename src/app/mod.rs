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
pub mod deciders;
mod denials;
mod deny;
mod digests;
mod drift;
mod exemptions;
pub mod history;
mod home;
mod ids;
mod late;
mod lineage;
pub mod listing;
mod looks;
pub mod messages;
mod missed;
mod obstacles;
mod pace;
mod pauses;
pub mod people;
mod questions;
pub mod requests;
mod restore;
mod review;
mod row;
mod sessions;
mod signed;
mod silence;
pub mod survey;
pub mod surveys;
pub mod sweeps;
#[cfg(test)]
mod tests;
mod trend;
mod tries;
pub mod vitals;
pub mod wording;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::chat::{Chat, Connection};
use crate::clock::Clock;
use crate::domain::audit::{Action, Actor, Draft};
use crate::domain::plan::Guard;
use crate::domain::policy::Policy;
use crate::identity::{IdentityError, IdentityProvider};
use crate::scheduler::Class;
use crate::store::{AuditContext, Store};
use work::{InFlight, Work};

/// The loop starts again at most this often: a flood of inputs would otherwise have every row read for each.
const ROUND_MIN: std::time::Duration = std::time::Duration::from_millis(25);
/// So far the time of day may stray from the time that passes before anybody is told.
const CLOCK_JUMP: Duration = Duration::hours(1);
/// And so far before what was waited for by the time of day is waited for again.
const CLOCK_STEP: Duration = Duration::minutes(2);
/// The loop looks at the rows at least this often, whatever it is told.
const TICK_MAX: std::time::Duration = std::time::Duration::from_secs(20);
/// How long a failed look at the database waits before the next one.
const RETRY_AFTER_STORE_ERROR: std::time::Duration = std::time::Duration::from_secs(2);
/// Work that failed is tried again after this long.
const RETRY_AFTER_FAILURE: Duration = Duration::seconds(10);
/// How long work in flight may take to end at shutdown.
const DRAIN_MAX: std::time::Duration = std::time::Duration::from_secs(10);
/// How long a person who asked something may still wait for the answer then; after it they are asked to ask again.
const ANSWER_MAX: std::time::Duration = std::time::Duration::from_secs(3);
const _: () = assert!(ANSWER_MAX.as_secs() * 2 < DRAIN_MAX.as_secs());
/// How long inputs that keep coming may hold up the end.
const INPUTS_MAX: std::time::Duration = std::time::Duration::from_secs(60);
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
    surveys: Arc<surveys::Surveys>,
    deciders: deciders::Kept,
    runtime: Runtime,
}

/// What only this process knows; losing it loses nothing.
#[derive(Default)]
struct Runtime {
    nudge: Notify,
    /// The earliest wake may have changed: the loop sets its alarm again.
    rewound: Notify,
    tasks: TaskTracker,
    /// Those of them that work on rows.
    rows: TaskTracker,
    /// The loop has ended: nothing may wait long for an answer any more.
    ending: CancellationToken,
    in_flight: Mutex<BTreeMap<Work, InFlight>>,
    pulse: Mutex<vitals::Pulse>,
    wakes: Mutex<BTreeMap<Work, DateTime<Utc>>>,
    /// How often a temporary fault stopped a sweep, and when it starts again.
    stopped_sweeps: Mutex<BTreeMap<i64, (u32, DateTime<Utc>)>>,
    pages: Mutex<BTreeMap<i64, usize>>,
    /// Requests whose card is to show another page; one that has ended is not among the live ones any more.
    turned: Mutex<BTreeSet<i64>>,
    obstacles: Mutex<BTreeMap<i64, Obstacle>>,
    denials: Mutex<BTreeMap<i64, denials::Denials>>,
    /// The channels that can't be posted to, and why.
    unusable: Mutex<BTreeMap<String, String>>,
    drawings: Mutex<review::Drawings>,
    /// When finished cards stop offering to give accounts back.
    undo_ends: Mutex<BTreeSet<(DateTime<Utc>, i64)>>,
    identity_health: Mutex<Option<LastAnswer>>,
    pace_of_pages: Mutex<home::Pace>,
    pace: Mutex<pace::Pace>,
    whispers: Whispers,
    questions: questions::Questions,
    looked_up: deciders::SoFar,
    /// The last preview; its lock is held while one is made.
    preview: tokio::sync::Mutex<Option<command::Preview>>,
    /// Nobody concerned is looked up or written to before this time.
    asking_from: Mutex<Option<DateTime<Utc>>>,
    /// What managers are called.
    names: Mutex<BTreeMap<String, String>>,
    /// Held while a file is made or the trail is verified.
    heavy_work: tokio::sync::Mutex<()>,
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

/// What blocks all suspensions of a request until a person fixes it.
struct Obstacle {
    hindrance: carry_out::Hindrance,
    /// When to find out whether it still does.
    until: DateTime<Utc>,
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
            surveys: Arc::default(),
            deciders: deciders::Kept::default(),
            runtime: Runtime::default(),
        }
    }

    /// Takes the surveys that an earlier workflow left under way.
    #[must_use]
    pub fn taking_over(self, surveys: Arc<surveys::Surveys>) -> App {
        App { surveys, ..self }
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
        let watching = async move { app.watch_database(&watched).await };
        self.runtime.tasks.spawn(Class::FreshLook.run(watching));
        let mut forget_at = now;
        let mut lost = None;
        loop {
            if !self.begin_round(&mut connection, &stop).await {
                break;
            }
            self.keep_house(&mut forget_at, &mut seen).await;
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
            Class::FreshLook.run(self.tell_database_lost()).await;
        }
        self.drain().await;
        lost.map_or(Ok(()), |why| Err(why.into()))
    }

    /// Forgets what has had its time, and writes down what was only counted or noticed. What fails is tried in a later round.
    async fn keep_house(&self, forget_at: &mut DateTime<Utc>, seen: &mut (Instant, DateTime<Utc>)) {
        if self.clock.now() >= *forget_at {
            *forget_at = self.clock.now() + FORGET_EVERY;
            if let Err(error) = self.store.forget_receipts(self.clock.now() - RECEIPTS_KEPT).await {
                tracing::error!(%error, "can't forget old inputs");
            }
        }
        if let Err(error) = self.note_clock(seen).await {
            tracing::error!(%error, "can't note that the clock has jumped");
        }
        if let Err(error) = self.sum_tries_up(false).await {
            tracing::error!(%error, "can't record how often somebody without the right has tried");
        }
        self.forget_preview();
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
    /// takes, and what people send has had its time. Until then a denial or a pause still counts.
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

    /// Deadlines go by the time of day. When that jumps, by sleep or by hand, the audit trail says so: anyone who
    /// wonders why a request expired early or late finds it.
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
