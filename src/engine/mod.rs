//! The loop that drives every component.
//!
//! It makes the database's rows true, step by step: it starts owed sweeps, runs unfinished ones, expires what
//! is overdue and drives every live request. It takes no hints: a click, a timer or a restart only wakes it, and the
//! rows say what is due. So the normal path, a retry and a restart after a crash are one code path, and running it
//! twice changes nothing. Only `request/attempt.rs` ever has the identity provider change something.

#[cfg(test)]
pub(crate) mod bench;
pub mod health;
mod schedule;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod witnesses;
pub(crate) mod work;

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Duration, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::authz::Authz;
use crate::commands::Commands;
use crate::domain::audit::{Action, Draft};
use crate::inbox::Inbox;
use crate::outbox::signed::Signed;
use crate::outbox::{self, Outbox};
use crate::reports::Reports;
use crate::request::Requests;
use crate::scheduler::Class;
use crate::services::{Parts, Services, lock};
use crate::store::{AuditContext, Store, StoreError};
use crate::sweep::Sweeper;
use crate::sweep::surveys::Surveys;

/// The loop starts again at most this often: a flood of inputs would otherwise have every row read for each.
const ROUND_MIN: std::time::Duration = std::time::Duration::from_millis(25);
/// So far the time of day may stray from the time that passes before anybody is notified.
const CLOCK_JUMP: Duration = Duration::hours(1);
/// And so far before what was waited for by the time of day is waited for again.
const CLOCK_STEP: Duration = Duration::minutes(2);
/// The loop looks at the rows at least this often, even if nothing wakes it.
pub(crate) const TICK_MAX: std::time::Duration = std::time::Duration::from_secs(20);
/// How long a failed look at the database waits before the next one.
const RETRY_AFTER_STORE_ERROR: std::time::Duration = std::time::Duration::from_secs(2);
/// How long work in flight may take to end at shutdown: about twice as long as a chat system waits for an answer.
const DRAIN_MAX: std::time::Duration = std::time::Duration::from_secs(10);
/// How long inputs that keep coming may hold up the end.
const INPUTS_MAX: std::time::Duration = std::time::Duration::from_secs(60);
/// A repeated delivery of an input is recognised for this long.
const RECEIPTS_KEPT: Duration = Duration::days(7);
/// How often they are forgotten.
const FORGET_EVERY: Duration = Duration::days(1);

/// The loop, and every component that it drives.
pub struct Engine {
    pub(crate) s: Arc<Services>,
    pub(crate) authz: Arc<Authz>,
    pub(crate) reports: Arc<Reports>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) sweeper: Arc<Sweeper>,
    pub(crate) commands: Arc<Commands>,
    pub(crate) inbox: Arc<Inbox>,
    loop_progress: Mutex<state::LoopProgress>,
    witnesses: Mutex<state::Witnesses>,
}

impl Engine {
    /// Puts the components together. Nothing runs yet. The surveys are those that an earlier engine left under way.
    pub fn new(parts: Parts, surveys: Arc<Surveys>) -> Engine {
        let Parts { chat, store, clock, .. } = &parts;
        let chat = Arc::new(Signed { chat: Arc::clone(chat), store: store.clone(), clock: clock.clone() });
        let s = Arc::new(Services::new(Parts { chat, ..parts }, Arc::clone(&surveys.listings)));
        let authz = Arc::new(Authz::new(Arc::clone(&s)));
        let reports = Arc::new(Reports::new(Arc::clone(&s)));
        let outbox = Arc::new(Outbox::new(Arc::clone(&s), Arc::clone(&authz), Arc::clone(&reports)));
        let requests = Arc::new(Requests::new(Arc::clone(&s), Arc::clone(&authz), Arc::clone(&outbox)));
        let sweeper = Arc::new(Sweeper::new(
            Arc::clone(&s),
            Arc::clone(&authz),
            Arc::clone(&outbox),
            Arc::clone(&requests),
            surveys,
        ));
        let commands = Arc::new(Commands::new(
            Arc::clone(&s),
            Arc::clone(&authz),
            Arc::clone(&reports),
            Arc::clone(&outbox),
            Arc::clone(&requests),
            Arc::clone(&sweeper),
        ));
        let inbox = Arc::new(Inbox::new(
            Arc::clone(&s),
            Arc::clone(&authz),
            Arc::clone(&outbox),
            Arc::clone(&requests),
            Arc::clone(&commands),
        ));
        let (loop_progress, witnesses) = (Mutex::default(), Mutex::default());
        Engine { s, authz, reports, outbox, requests, sweeper, commands, inbox, loop_progress, witnesses }
    }

    /// Returns what handles the inputs of people.
    pub fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.inbox)
    }

    /// Runs until `stop`, then lets work in flight end within a bound. Fails only if the database is gone for good, or is not
    /// the file at its path any more.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) -> anyhow::Result<()> {
        let (mut moved, mut connection) = (self.s.clock.moved(), self.s.connection.clone());
        let now = self.s.clock.now();
        let mut seen = (Instant::now(), now);
        for policy in &self.s.policies {
            self.s.store.know_policy(&policy.name, now).await?;
        }
        if let Err(error) = self.requests.look_at_finished_cards().await {
            tracing::error!(error = format!("{error:#}"), "can't tell which finished cards to look at again");
        }
        let mut bell = schedule::hang(&self.s).await?;
        let (this, watched) = (Arc::clone(&self), stop.clone());
        let watching = async move { this.outbox.watch_database(&watched).await };
        self.s.tasks.spawn(Class::FreshLook.run(watching));
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
                    () = self.s.store.closed() => anyhow::bail!("the database's writer is gone; see the log"),
                    why = self.s.store.lost() => {
                        lost = Some(why);
                        break false;
                    }
                    () = self.s.woken.notified() => break true,
                    _ = moved.changed() => break true,
                    Ok(()) = connection.changed() => {
                        self.note_connection(&mut connection, true);
                        break true;
                    }
                    () = self.s.rows.rewound() => {}
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
            tracing::debug!(%error, "the schedule trigger has nothing to wake");
        }
        if let Some(why) = &lost {
            Class::FreshLook.run(self.outbox.tell_database_lost(why)).await;
        }
        self.drain().await;
        lost.map_or(Ok(()), |why| Err(why.into()))
    }

    /// Forgets what has had its time, and writes down what was only counted or noticed. What fails is tried in a later round.
    async fn keep_house(&self, forget_at: &mut DateTime<Utc>, seen: &mut (Instant, DateTime<Utc>)) {
        if self.s.clock.now() >= *forget_at {
            *forget_at = self.s.clock.now() + FORGET_EVERY;
            if let Err(error) = self.s.store.forget_receipts(self.s.clock.now() - RECEIPTS_KEPT).await {
                tracing::error!(%error, "can't forget old inputs");
            }
        }
        if let Err(error) = self.note_clock(seen).await {
            tracing::error!(%error, "can't note that the clock has jumped");
        }
        if let Err(error) = self.authz.sum_tries_up(false).await {
            tracing::error!(%error, "can't record how often somebody without the right has tried");
        }
        self.commands.forget_preview();
    }

    /// Lets work in flight end within a bound.
    async fn drain(&self) {
        lock(&self.loop_progress).end();
        self.s.ending.cancel();
        self.s.tasks.close();
        self.s.rows.tasks.close();
        if tokio::time::timeout(DRAIN_MAX, self.s.tasks.wait()).await.is_err() {
            tracing::warn!("some work is still in flight; what it leaves undone is taken up again");
        }
    }

    /// Returns once nothing of this workflow is at work any more, the handling of inputs included; after [`Engine::run`].
    pub async fn ended(&self) {
        self.s.tasks.wait().await;
    }

    /// Returns once inputs need not be taken in any more, after [`Engine::run`]: no row is worked on, however long that
    /// takes, and what people send has had its time. Until then a denial or a pause still counts.
    pub async fn needs_no_inputs(&self) {
        self.s.rows.tasks.wait().await;
        // They may keep coming: then those that are under way end without the chat system.
        let _ = tokio::time::timeout(INPUTS_MAX, self.ended()).await;
    }

    /// Deadlines go by the time of day. When that jumps, by sleep or by hand, the audit trail says so: anyone who
    /// wonders why a request expired early or late finds it.
    async fn note_clock(&self, seen: &mut (Instant, DateTime<Utc>)) -> Result<(), StoreError> {
        let (instant, now) = (Instant::now(), self.s.clock.now());
        let passed = Duration::from_std(instant - seen.0).unwrap_or_default();
        let jumped = now - seen.1 - passed;
        if jumped > CLOCK_STEP {
            // By the time of day the wait for updates that may come late is over; by the time that passed it is not.
            self.s.store.late_updates_until(now + outbox::LATE_UPDATE_WITHIN).await?;
        }
        if jumped.abs() < CLOCK_JUMP {
            *seen = (instant, now);
            return Ok(());
        }
        tracing::warn!(seconds = jumped.num_seconds(), "the clock has jumped, or this machine slept");
        let event =
            Draft::by_bot(now, Action::ClockJumped, serde_json::json!({ "seconds": jumped.num_seconds() }));
        self.s.store.append(AuditContext::default(), event).await?;
        *seen = (instant, now);
        Ok(())
    }

    /// Looks at everything once more.
    pub fn nudge(&self) {
        self.s.nudge();
    }

    /// Returns the store that it works on.
    pub fn store(&self) -> Store {
        self.s.store.clone()
    }
}
