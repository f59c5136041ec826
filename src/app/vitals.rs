//! The vital signs: whether the bot does its job, for whoever watches it from outside.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::time::{Instant, timeout};

use super::command::outcome;
use super::{App, TICK_MAX, Work, lock};
use crate::chat::Connection;
use crate::domain::policy::Policy;
use crate::domain::schedule;
use crate::domain::sweep::slot_key;
use crate::forward::{BEHIND_MAX, Behind};
use crate::store::{Store, StoreError, SweepState};

/// So long the connection to the chat system may be away: it is replaced every few hours, within seconds.
const AWAY_MAX: Duration = Duration::from_secs(60);
/// The loop that has not come round for so long hangs.
const ROUND_MAX: Duration = Duration::from_secs(90);
const _: () = assert!(TICK_MAX.as_secs() * 3 < ROUND_MAX.as_secs());
/// The database answers within this time, be it that it can't.
const DATABASE_MAX: Duration = Duration::from_secs(5);
/// Work on a row gets a step further within this, waits for rate limits included.
const WORK_MAX: Duration = Duration::from_secs(15 * 60);
/// A sweep may take longer: a million accounts within an org's rate limit take about an hour.
const SWEEP_MAX: Duration = Duration::from_secs(3 * 3600);
/// One that was missed is told for at least so long, also where it is not caught up on.
const OVERDUE_MIN: chrono::Duration = chrono::Duration::hours(1);
/// What is due by the clock is done within this.
const DUE_MAX: chrono::Duration = chrono::Duration::minutes(5);

/// What the loop leaves behind each time it comes round.
#[derive(Default)]
pub(super) struct Pulse {
    round: Option<Instant>,
    /// Since when the chat system has been away.
    away_since: Option<Instant>,
}

impl Pulse {
    /// The loop has ended, and hangs no more.
    pub(super) fn end(&mut self) {
        self.round = None;
    }

    /// The loop hangs since then.
    #[cfg(test)]
    pub(super) fn hang(&mut self, since: Instant) {
        self.round = Some(since);
    }
}

/// The vital signs at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Vitals {
    /// When that was.
    pub at: DateTime<Utc>,
    /// Whether the process itself works. If not, a restart may help; that Slack or Okta can't be reached it does not mend.
    pub alive: bool,
    /// Whether nothing is wrong.
    pub healthy: bool,
    /// What is wrong, a sentence each.
    pub wrong: Vec<String>,
    /// The connection to the chat system: proven by its hello and its answers to pings.
    pub slack: Sign,
    /// The identity provider's last answer.
    pub okta: Sign,
    /// Whether the database can be written.
    pub database: Sign,
    /// Each policy.
    pub policies: Vec<PolicyVitals>,
    /// The collectors of the audit trail that lack more than they should.
    pub collectors_behind: Vec<Behind>,
    /// Work that should have been done.
    pub stuck: Vec<String>,
}

/// How something outside the workflow does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sign {
    /// Whether it does; nothing if nobody knows yet.
    pub ok: Option<bool>,
    /// When that was seen.
    pub at: Option<DateTime<Utc>>,
    /// What it said, if it doesn't.
    pub why: Option<String>,
}

/// Where a policy stands.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyVitals {
    /// Its name.
    pub policy: String,
    /// Whether an admin has stopped it.
    pub paused: bool,
    /// When the next sweep is.
    pub next_sweep: Option<DateTime<Utc>>,
    /// The last sweep.
    pub last_sweep: Option<LastSweep>,
    /// The slot whose sweep should have begun.
    pub overdue_since: Option<DateTime<Utc>>,
    /// Requests that wait for people.
    pub open_requests: usize,
    /// Since when the first of them waits.
    pub waiting_since: Option<DateTime<Utc>>,
}

/// A sweep.
#[derive(Clone, Debug, Serialize)]
pub struct LastSweep {
    /// Its number.
    pub sweep: i64,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// `started`, `finished`, `held`, `refused` or `failed`.
    pub state: &'static str,
    /// What came of it, in words.
    pub outcome: String,
    /// Accounts that were listed.
    pub listed: Option<u32>,
    /// Accounts that were proposed.
    pub candidates: Option<u32>,
}

impl Vitals {
    /// Of a bot that has its database, and waits for Slack.
    pub async fn of_a_start(store: &Store, at: DateTime<Utc>) -> Vitals {
        let (alive, database) = sign_of_database(store, at).await;
        let mut wrong = vec!["Slack has not been reached yet since the start, or the last reload".to_owned()];
        wrong.extend(database.why.as_ref().map(|why| format!("the database: {why}")));
        let unknown = Sign { ok: None, at: None, why: None };
        Vitals {
            at,
            alive,
            healthy: false,
            wrong,
            slack: Sign { ok: Some(false), at: Some(at), why: Some("not reached yet".to_owned()) },
            okta: unknown,
            database,
            policies: Vec::new(),
            collectors_behind: Vec::new(),
            stuck: Vec::new(),
        }
    }
}

/// Whether the database answers at all, and what.
async fn sign_of_database(store: &Store, at: DateTime<Utc>) -> (bool, Sign) {
    let (answers, written) = match timeout(DATABASE_MAX, store.health()).await {
        Ok(written) => (true, written.map_err(|error| error.to_string())),
        Err(_) => (false, Err(format!("it did not answer within {} s", DATABASE_MAX.as_secs()))),
    };
    (answers, Sign { ok: Some(written.is_ok()), at: Some(at), why: written.err() })
}

impl App {
    /// The loop has come round.
    pub(super) fn note_pulse(&self) {
        lock(&self.runtime.pulse).round = Some(Instant::now());
        self.away();
    }

    /// For how long the chat system has been away.
    fn away(&self) -> Option<Duration> {
        let connected = *self.connection.borrow() == Connection::Connected;
        let since = &mut lock(&self.runtime.pulse).away_since;
        *since = if connected { None } else { Some(since.unwrap_or_else(Instant::now)) };
        since.map(|since| since.elapsed())
    }

    /// Whether the identity provider has not answered for so long, or not well the last time.
    pub(crate) fn identity_is_silent(&self, long: chrono::Duration) -> bool {
        let now = self.clock.now();
        let last = lock(&self.runtime.identity_health);
        last.as_ref().is_none_or(|(at, answer)| answer.is_err() || (now - *at).abs() > long)
    }

    /// Takes the vital signs. Never waits for long, whatever hangs.
    pub async fn vitals(&self) -> Vitals {
        let at = self.clock.now();
        let mut wrong = Vec::new();
        let away = self.away();
        if let Some(away) = away.filter(|away| *away > AWAY_MAX) {
            wrong.push(format!("Slack has not been connected for {} s", away.as_secs()));
        }
        let slack = Sign {
            ok: Some(away.is_none()),
            at: Some(at),
            why: away.map(|away| format!("not connected for {} s", away.as_secs())),
        };
        let okta = match lock(&self.runtime.identity_health).clone() {
            None => Sign { ok: None, at: None, why: None },
            Some((at, answer)) => Sign { ok: Some(answer.is_ok()), at: Some(at), why: answer.err() },
        };
        wrong.extend(okta.why.as_ref().map(|why| format!("Okta: {why}")));
        let (answers, database) = sign_of_database(&self.store, at).await;
        wrong.extend(database.why.as_ref().map(|why| format!("the database: {why}")));
        let (hung, stuck) = self.stuck(at);
        let mut vitals = Vitals {
            at,
            alive: answers && !hung,
            healthy: false,
            wrong,
            slack,
            okta,
            database,
            policies: Vec::new(),
            collectors_behind: Vec::new(),
            stuck,
        };
        match timeout(DATABASE_MAX, self.read_vitals(&mut vitals)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => vitals.wrong.push(format!("the database: {error}")),
            Err(_) => vitals.wrong.push("the database can't be read in time".to_owned()),
        }
        vitals.wrong.extend(vitals.stuck.iter().cloned());
        vitals.healthy = vitals.alive && vitals.wrong.is_empty();
        vitals
    }

    /// What the rows say.
    async fn read_vitals(&self, vitals: &mut Vitals) -> Result<(), StoreError> {
        let now = vitals.at;
        let open = self.store.open_questions().await?;
        for policy in &self.policies {
            let waiting: Vec<_> = open.iter().filter(|one| one.policy == policy.name).collect();
            for late in waiting.iter().filter(|one| one.deadline.is_some_and(|at| at + DUE_MAX < now)) {
                vitals.stuck.push(format!("request {} is open past its deadline", late.request));
            }
            let paused = self.store.pause_of(&policy.name).await?.is_some();
            let overdue_since = if paused { None } else { self.overdue_since(policy, now).await? };
            if let Some(since) = overdue_since {
                vitals
                    .wrong
                    .push(format!("the sweep of {} that was due at {since} has not begun", policy.name));
            }
            let last_sweep = self.store.last_sweep(&policy.name).await?.map(|sweep| {
                let (ended_at, counts) = match &sweep.state {
                    SweepState::Started => (None, None),
                    SweepState::Finished { at, counts, .. } => (Some(*at), Some(*counts)),
                    SweepState::Failed { at, .. } => (Some(*at), None),
                };
                LastSweep {
                    sweep: sweep.id,
                    started_at: sweep.started_at,
                    ended_at,
                    state: sweep.state.word(),
                    outcome: outcome(&sweep),
                    listed: counts.map(|counts| counts.population),
                    candidates: counts.map(|counts| counts.candidates),
                }
            });
            if let Some(failed) =
                last_sweep.as_ref().filter(|last| ["failed", "refused"].contains(&last.state))
            {
                vitals.wrong.push(format!("the last sweep of {} {}", policy.name, failed.outcome));
            }
            vitals.policies.push(PolicyVitals {
                policy: policy.name.clone(),
                paused,
                next_sweep: schedule::next_slot(&policy.schedule, now),
                last_sweep,
                overdue_since,
                open_requests: waiting.len(),
                waiting_since: waiting.iter().map(|one| one.created_at).min(),
            });
        }
        vitals.collectors_behind = self.store.collectors_behind(now - BEHIND_MAX).await?;
        vitals.wrong.extend(vitals.collectors_behind.iter().map(|Behind { collector, events, since }| {
            format!("{collector} lacks {events} events of the audit trail since {since}")
        }));
        Ok(())
    }

    /// The slot whose sweep should have begun by now.
    async fn overdue_since(
        &self,
        policy: &Policy,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let Some(known_since) = self.store.policy_known_since(&policy.name).await? else { return Ok(None) };
        let owed = schedule::owed(&policy.schedule, policy.catch_up.max(OVERDUE_MIN), known_since, now);
        let owed = owed.filter(|slot| *slot + DUE_MAX < now);
        Ok(match owed {
            Some(slot) if !self.store.has_sweep(&policy.name, &slot_key(slot)).await? => Some(slot),
            Some(_) | None => None,
        })
    }

    /// Whether the loop hangs, and what work does.
    fn stuck(&self, now: DateTime<Utc>) -> (bool, Vec<String>) {
        let mut stuck = Vec::new();
        let round = lock(&self.runtime.pulse).round;
        let hung = round.is_some_and(|round| round.elapsed() > ROUND_MAX);
        if hung {
            stuck.push("the workflow hangs: it has not looked for what is due".to_owned());
        }
        for (work, task) in lock(&self.runtime.in_flight).iter() {
            let max = if matches!(work, Work::Sweep(_)) { SWEEP_MAX } else { WORK_MAX };
            if task.since.elapsed() > max {
                let minutes = task.since.elapsed().as_secs() / 60;
                stuck.push(format!("{work:?} has been at work for {minutes} min"));
            }
        }
        for (work, _) in lock(&self.runtime.wakes).iter().filter(|(_, at)| **at + DUE_MAX < now) {
            stuck.push(format!("{work:?} was to be looked at, and was not"));
        }
        // The provider may answer everything else: its sign alone would be good again before anybody looks.
        for (request, obstacle) in lock(&self.runtime.obstacles).iter() {
            if obstacle.hindrance.to_be_told {
                stuck.push(format!("the suspensions of request {request} wait: {}", obstacle.hindrance.why));
            }
        }
        (hung, stuck)
    }
}
