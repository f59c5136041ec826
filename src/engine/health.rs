//! The health report: whether the bot does its job, for monitoring from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::time::{Instant, timeout};

use crate::chat::{Connection, time_in_words};
use crate::domain::audit::{BEHIND_MAX, Behind};
use crate::domain::ids::SweepId;
use crate::domain::lineage::DatabaseId;
use crate::domain::policy::Policy;
use crate::domain::provider::ProviderName;
use crate::domain::schedule;
use crate::domain::sweep::slot_key;
use crate::engine::{Engine, TICK_MAX};
use crate::identity::watched::{LastAnswer, Watched};
use crate::identity::{IdentityProvider as _, Terms};
use crate::reports::overview::outcome;
use crate::services::work::Work;
use crate::services::{card_key, lock};
use crate::store::{Store, StoreError, SweepRow};
use crate::wording::counted;
use crate::wording::deciders::lack_in_words;
use crate::wording::lineage::reason;
use crate::wording::problem_in_words;

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
/// One that was missed is reported for at least so long, also where it is not caught up on.
const OVERDUE_MIN: chrono::Duration = chrono::Duration::hours(1);
/// What is due by the clock is done within this.
const DUE_MAX: chrono::Duration = chrono::Duration::minutes(5);

/// The health of the bot at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct BotHealth {
    pub at: DateTime<Utc>,
    /// Whether the process itself works. If not, a restart may help; it does not help if Slack or a provider
    /// can't be reached.
    pub alive: bool,
    /// Whether nothing is wrong.
    pub healthy: bool,
    /// What is wrong, a sentence each.
    pub wrong: Vec<String>,
    /// The connection to the chat system: proven by its hello and its answers to pings.
    pub slack: HealthCheck,
    /// The last answer of each identity provider, by its name.
    #[serde(flatten)]
    pub providers: BTreeMap<ProviderName, ProviderSign>,
    /// Whether the database can be written.
    pub database: HealthCheck,
    /// How many connections the chat system counts that are not this bot's: another one gets what people send.
    pub other_connections: u64,
    /// Which database this process works with, and in which epoch.
    pub database_id: DatabaseId,
    pub policies: Vec<PolicyHealth>,
    /// The collectors of the audit trail that lack more than they should.
    pub collectors_behind: Vec<Behind>,
    /// Work that should have been done.
    pub stuck: Vec<String>,
}

/// How something outside the workflow does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    /// Whether it does; nothing if nobody knows yet.
    pub ok: Option<bool>,
    /// When that was seen.
    pub at: Option<DateTime<Utc>>,
    /// What it said, if it doesn't.
    pub why: Option<String>,
}

/// How an identity provider does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProviderSign {
    /// What people call it.
    #[serde(skip)]
    pub terms: Terms,
    /// How it does.
    #[serde(flatten)]
    pub sign: HealthCheck,
}

impl ProviderSign {
    /// Says what is wrong, if anything is.
    fn wrong(&self) -> Option<String> {
        self.sign.why.as_ref().map(|why| format!("{}: {why}", self.terms.name))
    }
}

/// Where a policy stands.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyHealth {
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
    pub sweep: SweepId,
    /// When it began.
    pub started_at: DateTime<Utc>,
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

impl BotHealth {
    /// Of a bot that has its database, and waits for the chat system of this name.
    pub async fn of_a_start(
        store: &Store,
        chat: &str,
        providers: &[(ProviderName, Terms)],
        at: DateTime<Utc>,
    ) -> BotHealth {
        let (alive, database) = sign_of_database(store, at).await;
        let mut wrong = vec![format!("{chat} has not been reached since the start or the last reload")];
        wrong.extend(database.why.as_ref().map(|why| format!("the database: {why}")));
        let lineage = store.lineage();
        wrong.extend(
            lineage.stopped.as_ref().map(|stop| format!("stopped: {}", reason(&lineage, stop, chat))),
        );
        let unknown = |(name, terms): &(ProviderName, Terms)| {
            let sign = HealthCheck { ok: None, at: None, why: None };
            (name.clone(), ProviderSign { terms: *terms, sign })
        };
        BotHealth {
            at,
            alive,
            healthy: false,
            wrong,
            slack: HealthCheck { ok: Some(false), at: Some(at), why: Some("not reached yet".to_owned()) },
            providers: providers.iter().map(unknown).collect(),
            database,
            other_connections: 0,
            database_id: store.lineage().database.clone(),
            policies: Vec::new(),
            collectors_behind: Vec::new(),
            stuck: Vec::new(),
        }
    }
}

/// Says what it means that the chat system counts connections that are not ours.
pub fn others_in_words(chat: &str, count: u64) -> String {
    let connections = counted(usize::try_from(count).unwrap_or(usize::MAX), "connection", "connections");
    format!(
        "{chat} counts {connections} to this app besides this bot's: another bot with the same app-level token, or one \
         that crashed, receives some of the clicks, and this bot never sees them. Stop the other bot, or give each bot its own app"
    )
}

/// Says that a policy's sweep was due and has not started.
pub(crate) fn overdue_in_words(policy: &str, since: DateTime<Utc>) -> String {
    format!("the sweep of {policy} that was due on {} has not started", time_in_words(since))
}

/// Says how far a collector of the audit trail lags.
pub(crate) fn behind_in_words(Behind { collector, events, since }: &Behind) -> String {
    let events = counted(usize::try_from(*events).unwrap_or_default(), "audit event", "audit events");
    format!("{collector} has been missing {events} since {}", time_in_words(*since))
}

/// Whether the database answers at all, and what.
async fn sign_of_database(store: &Store, at: DateTime<Utc>) -> (bool, HealthCheck) {
    let (answers, written) = match timeout(DATABASE_MAX, store.health()).await {
        Ok(written) => (true, written.map_err(|error| error.to_string())),
        Err(_) => (false, Err(format!("it did not answer within {} s", DATABASE_MAX.as_secs()))),
    };
    (answers, HealthCheck { ok: Some(written.is_ok()), at: Some(at), why: written.err() })
}

fn sign_of_provider(watched: &Watched) -> ProviderSign {
    let sign = match watched.last_answer() {
        None => HealthCheck { ok: None, at: None, why: None },
        Some(LastAnswer { at, problem }) => {
            let why = problem.as_ref().map(|problem| problem_in_words(problem, watched.terms()));
            HealthCheck { ok: Some(why.is_none()), at: Some(at), why }
        }
    };
    ProviderSign { terms: watched.terms(), sign }
}

impl Engine {
    /// The loop has come round.
    pub(crate) fn note_pulse(&self) {
        lock(&self.loop_progress).round = Some(Instant::now());
        self.away();
    }

    /// For how long the chat system has been away.
    fn away(&self) -> Option<Duration> {
        let connected = *self.s.connection.borrow() == Connection::Connected;
        let since = &mut lock(&self.loop_progress).away_since;
        *since = if connected { None } else { Some(since.unwrap_or_else(Instant::now)) };
        since.map(|since| since.elapsed())
    }

    /// Measures the health of the bot. Never waits for long, whatever hangs.
    pub async fn health(&self) -> BotHealth {
        let at = self.s.clock.now();
        let mut wrong = Vec::new();
        let away = self.away();
        if let Some(away) = away.filter(|away| *away > AWAY_MAX) {
            wrong.push(format!(
                "{} has not been connected for {} s",
                self.s.chat.terms().name,
                away.as_secs()
            ));
        }
        let slack = HealthCheck {
            ok: Some(away.is_none()),
            at: Some(at),
            why: away.map(|away| format!("not connected for {} s", away.as_secs())),
        };
        let providers = self.s.providers.all();
        let providers: BTreeMap<_, _> =
            providers.map(|(name, watched)| (name.clone(), sign_of_provider(watched))).collect();
        wrong.extend(providers.values().filter_map(ProviderSign::wrong));
        let (answers, database) = sign_of_database(&self.s.store, at).await;
        wrong.extend(database.why.as_ref().map(|why| format!("the database: {why}")));
        let other_connections = self.s.chat.other_connections();
        wrong.extend(
            (other_connections > 0).then(|| others_in_words(self.s.chat.terms().name, other_connections)),
        );
        wrong.extend(self.lineage_is_wrong());
        let (hung, stuck) = self.stuck(at);
        let mut health = BotHealth {
            at,
            alive: answers && !hung,
            healthy: false,
            wrong,
            slack,
            providers,
            database,
            other_connections,
            database_id: self.s.store.lineage().database.clone(),
            policies: Vec::new(),
            collectors_behind: Vec::new(),
            stuck,
        };
        match timeout(DATABASE_MAX, self.read_vitals(&mut health)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => health.wrong.push(format!("the database: {error}")),
            Err(_) => health.wrong.push("the database can't be read in time".to_owned()),
        }
        health.wrong.extend(health.stuck.iter().cloned());
        health.healthy = health.alive && health.wrong.is_empty();
        health
    }

    /// What the rows say.
    async fn read_vitals(&self, health: &mut BotHealth) -> Result<(), StoreError> {
        let now = health.at;
        let open = self.s.store.open_questions().await?;
        for policy in &self.s.policies {
            let waiting: Vec<_> = open.iter().filter(|one| one.policy == policy.name).collect();
            for late in waiting.iter().filter(|one| one.deadline.is_some_and(|at| at + DUE_MAX < now)) {
                health.stuck.push(format!("request {} is open past its deadline", late.request));
            }
            for one in &waiting {
                let card = self.s.store.message(&card_key(one.request)).await?;
                if card.is_some_and(|card| card.ts.is_none() && card.attempts > 0) {
                    health.wrong.push(format!("the card of request {} can't be posted", one.request));
                }
                if let Some((request, candidates)) = self.s.store.request(one.request).await?
                    && let Some(lack) = self.authz.lack(&request, &candidates)
                {
                    let lack = lack_in_words(lack);
                    health.wrong.push(format!("request {} can't be decided: {lack}", request.id));
                }
            }
            let paused = self.s.store.pause_of(&policy.name).await?.is_some();
            let overdue_since = if paused { None } else { self.overdue_since(policy, now).await? };
            if let Some(since) = overdue_since {
                health.wrong.push(overdue_in_words(&policy.name, since));
            }
            let last_sweep = self.s.store.last_sweep(&policy.name).await?.map(|sweep| {
                let counts = sweep.state.counts();
                LastSweep {
                    sweep: sweep.id,
                    started_at: sweep.started_at,
                    ended_at: sweep.state.ended_at(),
                    state: sweep.state.word(),
                    outcome: outcome(&sweep),
                    listed: counts.map(|counts| counts.population),
                    candidates: counts.map(|counts| counts.candidates),
                }
            });
            if let Some(failed) =
                last_sweep.as_ref().filter(|last| ["failed", "refused"].contains(&last.state))
            {
                let was = if failed.state == "refused" { "was " } else { "" };
                health.wrong.push(format!("the last sweep of {} {was}{}", policy.name, failed.outcome));
            }
            health.policies.push(PolicyHealth {
                policy: policy.name.to_string(),
                paused,
                next_sweep: schedule::next_slot(&policy.schedule, now),
                last_sweep,
                overdue_since,
                open_requests: waiting.len(),
                waiting_since: waiting.iter().map(|one| one.created_at).min(),
            });
        }
        for SweepRow { id, policy, started_at, .. } in self.reports.late_sweeps(now).await? {
            let since = time_in_words(started_at);
            health.wrong.push(format!("sweep {id} of {policy} started on {since} and has not ended"));
        }
        for (channel, why) in self.outbox.unusable_channels() {
            health.wrong.push(format!("can't post in the channel {channel}: {why}"));
        }
        health.collectors_behind = self.s.store.collectors_behind(now - BEHIND_MAX).await?;
        health.wrong.extend(health.collectors_behind.iter().map(behind_in_words));
        Ok(())
    }

    /// The slot whose sweep should have begun by now.
    async fn overdue_since(
        &self,
        policy: &Policy,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let Some(known_since) = self.s.store.policy_known_since(&policy.name).await? else { return Ok(None) };
        let owed = schedule::owed(&policy.schedule, policy.catch_up.max(OVERDUE_MIN), known_since, now);
        let owed = owed.filter(|slot| *slot + DUE_MAX < now);
        Ok(match owed {
            Some(slot) if !self.s.store.has_sweep(&policy.name, &slot_key(slot)).await? => Some(slot),
            Some(_) | None => None,
        })
    }

    /// Whether the loop hangs, and what work does.
    fn stuck(&self, now: DateTime<Utc>) -> (bool, Vec<String>) {
        let mut stuck = Vec::new();
        let round = lock(&self.loop_progress).round;
        let hung = round.is_some_and(|round| round.elapsed() > ROUND_MAX);
        if hung {
            stuck.push("the workflow hangs: it has not looked for due work".to_owned());
        }
        for (work, taken) in self.s.rows.at_work() {
            let max = if matches!(work, Work::Sweep(_)) { SWEEP_MAX } else { WORK_MAX };
            if taken > max {
                let minutes = taken.as_secs() / 60;
                stuck.push(format!("{} has been running for {minutes} min", work.in_words()));
            }
        }
        for (work, _) in self.s.rows.rung(now).into_iter().filter(|(_, at)| *at + DUE_MAX < now) {
            stuck.push(format!("{} is due, but was not started", work.in_words()));
        }
        // The provider may answer everything else: its sign alone would be good again before anybody looks.
        for (request, why) in self.requests.waiting_for_people() {
            stuck.push(format!("the suspensions of request {request} wait: {why}"));
        }
        (hung, stuck)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::sync::watch;
    use tokio::time::advance;

    use super::*;
    use crate::clock::Clock;
    use crate::domain::audit::{Action, Draft};
    use crate::domain::ids::RequestId;
    use crate::domain::settings::Schedule;
    use crate::engine::bench::{Bench, policy};
    use crate::identity::IdentityError;
    use crate::identity::watched::Problem;
    use crate::store::AuditContext;

    const MOMENT: Duration = Duration::from_millis(1);

    fn midnight() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::Duration::days(20_000)
    }

    /// A bench whose clock only goes on when the test says so.
    fn still() -> Bench {
        still_with(watch::channel(Connection::Closed).1)
    }

    fn still_with(connection: watch::Receiver<Connection>) -> Bench {
        Bench::connected(Clock::starting_at(midnight()), vec![policy()], connection)
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_hangs_once_it_takes_longer_than_it_may_to_come_round() {
        let bench = still();
        let hangs = || bench.engine.stuck(midnight()).0;
        bench.engine.note_pulse();
        advance(ROUND_MAX).await;
        assert!(!hangs());
        advance(MOMENT).await;
        assert!(hangs());
        bench.engine.note_pulse();
        assert!(!hangs());
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_stuck_once_it_takes_longer_than_it_may() {
        let bench = still();
        let stuck = || bench.engine.stuck(bench.engine.s.clock.now()).1;
        let rows = &bench.engine.s.rows;
        rows.began(Work::Request(RequestId(1)), Instant::now());
        rows.began(Work::Sweep(SweepId(2)), Instant::now());
        rows.set_alarm(Work::Request(RequestId(3)), midnight() + WORK_MAX - DUE_MAX);
        advance(WORK_MAX).await;
        assert_eq!(stuck(), [""; 0]);
        advance(MOMENT).await;
        assert_eq!(
            stuck(),
            ["request 1 has been running for 15 min", "request 3 is due, but was not started"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn slack_is_away_from_when_it_was_missed_until_it_is_connected() {
        let (connection, seen) = watch::channel(Connection::Connecting);
        let bench = still_with(seen);
        let engine = &bench.engine;
        let is_wrong = |health: &BotHealth| {
            health.wrong.iter().any(|what| what.starts_with("Chat has not been connected for"))
        };
        engine.note_pulse();
        advance(AWAY_MAX).await;
        let health = engine.health().await;
        assert_eq!(health.slack.why.as_deref(), Some("not connected for 60 s"));
        assert!(!is_wrong(&health), "it is replaced now and then");
        advance(MOMENT).await;
        assert!(is_wrong(&engine.health().await));
        connection.send_replace(Connection::Connected);
        let health = engine.health().await;
        assert_eq!(
            (health.slack.ok, health.slack.why.as_deref(), is_wrong(&health)),
            (Some(true), None, false)
        );
        connection.send_replace(Connection::Connecting);
        assert_eq!(engine.away(), Some(Duration::ZERO), "it counts from the start");
    }

    #[tokio::test(start_paused = true)]
    async fn the_provider_is_silent_if_it_has_not_answered_well_for_so_long() {
        let bench = still();
        let (engine, long) = (&bench.engine, chrono::Duration::minutes(30));
        let moment = chrono::Duration::milliseconds(1);
        let provider = engine.s.provider(&ProviderName::default());
        assert!(provider.is_silent(long), "it was never asked");
        let down = Problem::Answer(IdentityError::Transient("it is down".to_owned()));
        for (ago, problem, silent) in [
            (long, None, false),
            (-long, None, false),
            (long + moment, None, true),
            (-long - moment, None, true),
            (chrono::Duration::zero(), Some(down), true),
        ] {
            let answer = LastAnswer { at: midnight() - ago, problem };
            provider.note(answer.clone());
            assert_eq!(provider.is_silent(long), silent, "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_sweep_is_overdue_five_minutes_after_its_slot() {
        let bench = Bench::new();
        let (engine, slot) = (&bench.engine, midnight() + chrono::Duration::hours(9));
        engine.s.store.know_policy("p", midnight()).await.unwrap();
        for (late, since) in [(DUE_MAX, None), (DUE_MAX + chrono::Duration::milliseconds(1), Some(slot))] {
            assert_eq!(
                engine.overdue_since(&engine.s.policies[0], slot + late).await.unwrap(),
                since,
                "{late}"
            );
        }
    }

    /// What the rows say at that moment.
    async fn read_at(engine: &Engine, at: DateTime<Utc>) -> BotHealth {
        let mut health =
            BotHealth { wrong: Vec::new(), ..BotHealth::of_a_start(&engine.s.store, "Chat", &[], at).await };
        engine.read_vitals(&mut health).await.unwrap();
        health
    }

    #[tokio::test]
    async fn a_question_may_be_open_for_five_minutes_past_its_deadline() {
        let bench = Bench::new();
        let (engine, id) = (&bench.engine, bench.asked().await);
        let request = engine.s.store.request_alone(id).await.unwrap().expect("it is there");
        let last = request.deadline.expect("its card stands") + DUE_MAX;
        assert_eq!(read_at(engine, last).await.stuck, [""; 0]);
        let stuck = read_at(engine, last + chrono::Duration::milliseconds(1)).await.stuck;
        assert_eq!(stuck, ["request 1 is open past its deadline"]);
    }

    #[tokio::test]
    async fn a_sweep_that_has_not_ended_after_six_hours_or_by_its_next_slot_is_wrong() {
        for (cron, hours) in [("0 0 29 2 *", 6), ("0 */3 * * *", 3), ("*/30 * * * *", 2)] {
            let schedule = Schedule { cron: cron.to_owned(), ..policy().schedule };
            let bench = Bench::by(Clock::starting_at(midnight()), vec![Policy { schedule, ..policy() }]);
            let id = bench.sweep("slot").await;
            let started_at = bench.engine.s.store.sweep(id).await.unwrap().expect("it is there").started_at;
            let is_late = async |at| {
                let wrong = read_at(&bench.engine, at).await.wrong;
                wrong.iter().any(|what| what.starts_with(&format!("sweep {id} of p started ")))
            };
            // A slot comes at a full second.
            let late_at = midnight() + chrono::Duration::hours(hours);
            assert!(!is_late(late_at - chrono::Duration::seconds(1)).await, "{cron}");
            assert!(is_late(late_at + (started_at - midnight())).await, "{cron}");
        }
    }

    #[tokio::test]
    async fn a_collector_is_behind_once_it_lacks_an_event_for_two_minutes() {
        let bench = Bench::new();
        let engine = &bench.engine;
        engine.s.store.set_collectors(vec![("siem".to_owned(), false)]).await.unwrap();
        let event = Draft::by_bot(midnight(), Action::BotStarted, json!({}));
        engine.s.store.append(AuditContext::default(), event).await.unwrap();
        let behind = async |at| read_at(engine, at).await.collectors_behind.len();
        let last = midnight() + BEHIND_MAX;
        assert_eq!((behind(last).await, behind(last + chrono::Duration::milliseconds(1)).await), (0, 1));
    }
}
