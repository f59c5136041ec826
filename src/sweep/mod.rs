//! Sweeps: which are owed, and running one.

pub mod survey;
pub mod surveys;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Duration, Utc};

use crate::authz::Authz;
use crate::domain::assess::{Assessment, Evidence};
use crate::domain::audit::Subject;
use crate::domain::ids::SweepId;
use crate::domain::plan::{Guard, Verdict};
use crate::domain::policy::Policy;
use crate::domain::request::shown;
use crate::domain::sweep::{Trigger, slot_key};
use crate::domain::{backoff, schedule};
use crate::identity::Terms;
use crate::outbox::Outbox;
use crate::request::Requests;
use crate::services::{Services, WorkError, WorkResult, card_key};
use crate::store::{FinishedSweep, NewSweep, StartedSweep, SweepRow, SweepState};
use crate::sweep::surveys::{Survey, Surveys};

/// A slot that starts this much later than it should is a catch-up.
const LATE_AFTER_S: i64 = 120;
/// For so long after its slot began, a sweep that a passing trouble stops is tried again; the next slot may be a week
/// away. The person who asked for a sweep waits for the answer, and can ask again.
const TRY_AGAIN_WITHIN: Duration = Duration::hours(1);
/// A slot whose sweep a wrong clock began, and whose time comes within this of that, has its sweep after all.
const NOT_YET_MEANT: Duration = Duration::minutes(5);
/// How long the first of these waits is, and the longest.
const TRY_AGAIN_AFTER: (Duration, Duration) = (Duration::seconds(10), Duration::minutes(5));

/// Runs the sweeps.
pub struct Sweeper {
    s: Arc<Services>,
    authz: Arc<Authz>,
    outbox: Arc<Outbox>,
    requests: Arc<Requests>,
    /// How often a temporary fault stopped a sweep, and when it starts again.
    stopped_sweeps: Mutex<BTreeMap<SweepId, (u32, DateTime<Utc>)>>,
    surveys: Arc<Surveys>,
}

impl Sweeper {
    pub(crate) fn new(
        s: Arc<Services>,
        authz: Arc<Authz>,
        outbox: Arc<Outbox>,
        requests: Arc<Requests>,
        surveys: Arc<Surveys>,
    ) -> Sweeper {
        Sweeper { s, authz, outbox, requests, stopped_sweeps: Mutex::default(), surveys }
    }
}

impl Sweeper {
    /// Starts a sweep for each policy whose latest slot has none yet. The database decides, not the timer. What is
    /// wrong with one policy keeps no other waiting.
    pub(crate) async fn start_owed_sweeps(&self) {
        for policy in &self.s.policies {
            if let Err(error) = self.start_owed_sweep(policy).await {
                tracing::error!(
                    policy = &*policy.name,
                    error = format!("{error:#}"),
                    "can't start what is owed"
                );
            }
        }
    }

    async fn start_owed_sweep(&self, policy: &Policy) -> WorkResult<()> {
        let now = self.s.clock.now();
        let known = self.s.store.know_policy(&policy.name, now).await?;
        let Some(slot) = schedule::owed_slot(policy, known.first_seen_at, now) else {
            return Ok(());
        };
        // The channel hears of the slot all the same.
        if self.s.store.pause_of(&policy.name).await?.is_some() {
            return Ok(());
        }
        let trigger = if (now - slot).num_seconds() > LATE_AFTER_S {
            Trigger::CatchUp { slot }
        } else {
            Trigger::Schedule { slot }
        };
        let mut sweep = NewSweep {
            policy: policy.name.clone(),
            slot: slot_key(slot),
            trigger,
            rule: policy.rule.clone(),
            at: now,
        };
        loop {
            match self.s.store.start_sweep(sweep.clone()).await? {
                StartedSweep::New(id) => {
                    tracing::info!(policy = &*policy.name, sweep = id.0, %slot, "sweep started");
                    return Ok(());
                }
                // Each has a key of its own, so this ends with the last of them.
                StartedSweep::Exists(row)
                    if begun_by_a_wrong_clock(&row, now)
                        && self.s.clock_is_off(&policy.rule.provider).is_none() =>
                {
                    sweep.slot = format!("{}:after:{}", slot_key(slot), row.id);
                }
                StartedSweep::Exists(_) | StartedSweep::Paused(_) => return Ok(()),
            }
        }
    }

    /// Starts a sweep because a person asked; `key` makes a repeated delivery of the command start it once.
    pub(crate) async fn start_asked_sweep(
        &self,
        policy: &Policy,
        key: &str,
        by: &crate::domain::person::Principal,
    ) -> WorkResult<StartedSweep> {
        let sweep = NewSweep {
            policy: policy.name.clone(),
            slot: format!("asked:{key}"),
            trigger: Trigger::Command { by: by.person.clone() },
            rule: policy.rule.clone(),
            at: self.s.clock.now(),
        };
        let started = self.s.store.start_sweep(sweep).await?;
        self.s.nudge();
        Ok(started)
    }

    /// Runs a started sweep to its end, whatever that is. One that is to start again says when.
    pub(crate) async fn run_sweep(self: &Arc<Self>, id: SweepId) -> Option<DateTime<Utc>> {
        if let Some(at) = self.sweep_waits(id) {
            return Some(at);
        }
        let Err(error) = self.try_sweep(id).await else {
            crate::services::lock(&self.stopped_sweeps).remove(&id);
            return None;
        };
        let mut stopped = crate::services::lock(&self.stopped_sweeps);
        let (times, at) = stopped.entry(id).or_default();
        let (first, longest) = TRY_AGAIN_AFTER;
        *at = self.s.clock.now() + backoff::doubled(first, *times, longest);
        *times += 1;
        tracing::warn!(sweep = id.0, error = format!("{error:#}"), again_at = %*at, "sweep stopped; it starts again");
        Some(*at)
    }

    /// Until when a sweep that was stopped does not start again. A clock that was put back delays nothing.
    fn sweep_waits(&self, id: SweepId) -> Option<DateTime<Utc>> {
        let at = crate::services::lock(&self.stopped_sweeps).get(&id).map(|(_, at)| *at);
        backoff::until_within(at, TRY_AGAIN_AFTER.1, self.s.clock.now())
    }

    /// An error leaves the sweep as it was.
    async fn try_sweep(self: &Arc<Self>, id: SweepId) -> WorkResult<()> {
        let Some(sweep) = self.s.store.sweep(id).await? else {
            return Ok(());
        };
        if sweep.state != SweepState::Started {
            // It ended between the look at the rows and now.
            return Ok(());
        }
        match self.surveyed(&sweep).await {
            Ok(()) => {}
            Err(error) if error.may_pass() && is_tried_again(&sweep, self.s.clock.now()) => {
                return Err(error);
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(
                    sweep = id.0,
                    policy = &*sweep.policy,
                    error,
                    "sweep failed; nothing was done"
                );
                self.s.store.fail_sweep(id, &error, self.s.clock.now()).await?;
            }
        }
        self.s.nudge();
        Ok(())
    }

    async fn surveyed(self: &Arc<Self>, sweep: &SweepRow) -> WorkResult<()> {
        let Some(policy) = self.s.policy(&sweep.policy) else {
            self.surveys.end(sweep.id);
            return Err(WorkError::Other("its policy is no longer in the configuration".to_owned()));
        };
        // The rule that was recorded at the start is the rule that runs.
        let policy = Policy { rule: sweep.rule.clone(), ..policy.clone() };
        let survey = self.survey_for(sweep.id, policy.clone()).await?;
        if let Some(error) = survey.unread.clone().filter(|_| is_tried_again(sweep, self.s.clock.now())) {
            let Terms { name, log, .. } = self.s.terms(&policy.rule.provider);
            return Err(WorkError::from(error).context(format!("{name}'s {log} could not be read")));
        }
        self.look_after_open_cards(&policy.name).await?;
        let finished = self.finished(&policy, survey).await?;
        let result = self.s.store.finish_sweep(sweep.id, finished).await?;
        let request = result.request.map(|id| id.0);
        tracing::info!(sweep = sweep.id.0, policy = &*policy.name, request, counts = ?result.counts, "sweep finished");
        Ok(())
    }

    /// Accounts that wait already are not asked about again, so the card that asks has to be there: it is rendered once
    /// more, and comes back if somebody deleted it.
    async fn look_after_open_cards(&self, policy: &str) -> WorkResult<()> {
        for (request, _) in self.s.store.open_requests(Some(policy)).await? {
            self.s.store.forget_rendering(&card_key(request.id)).await?;
        }
        Ok(())
    }

    /// The survey as the store takes it.
    async fn finished(
        &self,
        policy: &Policy,
        Survey { plan, pages, by_email, unposted, .. }: Survey,
    ) -> WorkResult<FinishedSweep> {
        let idle_since = plan
            .candidates()
            .filter_map(|one| Some((one.account.id.clone(), evidence(&one.assessment)?.idle.since)))
            .collect();
        let proposed = self.s.store.times_proposed(&policy.name, idle_since).await?;
        let list: Vec<_> = plan
            .candidates()
            .filter_map(|one| {
                let times = proposed.get(&one.account.id).copied().unwrap_or_default();
                Some(shown(&one.account, evidence(&one.assessment)?.clone(), times))
            })
            .collect();
        let unknown = plan
            .assessed
            .iter()
            .filter_map(|one| match &one.assessment {
                Assessment::Unknown(why) => {
                    let subject = Subject { id: one.account.id.clone(), login: one.account.login.clone() };
                    Some((subject, why.clone()))
                }
                Assessment::OtherType(_)
                | Assessment::Exempt(_)
                | Assessment::NotSuspendable(_)
                | Assessment::Candidate(_)
                | Assessment::Active(_)
                | Assessment::InGrace { .. } => None,
            })
            .collect();
        // One whose accounts the survey took for waiting is not ended: nobody would ask about them.
        let mut instead_of = if list.is_empty() { Vec::new() } else { self.outbox.unposted(policy).await? };
        instead_of.retain(|request| unposted.contains(request));
        Ok(FinishedSweep {
            counts: plan.counts,
            verdict: plan.verdict,
            pages,
            channel: policy.channel.clone(),
            approval_timeout: policy.approval_timeout,
            approvals_needed: policy.approvals_needed,
            unknown,
            by_email,
            instead_of,
            list,
            at: self.s.clock.now(),
        })
    }
}

/// Whether a slot's sweep failed at what the clock, set back since, says is yet to come. One that was refused
/// because of the clock may also have been begun just before the slot was due, if nothing took its place yet.
fn begun_by_a_wrong_clock(sweep: &SweepRow, now: DateTime<Utc>) -> bool {
    let first = matches!(
        sweep.trigger,
        Trigger::Schedule { slot } | Trigger::CatchUp { slot } if slot_key(slot) == sweep.slot
    );
    match &sweep.state {
        SweepState::Finished { verdict: Verdict::Refused(Guard::ClockOff { .. }), .. } if first => {
            now < sweep.started_at + NOT_YET_MEANT
        }
        SweepState::Finished { verdict: Verdict::Refused(Guard::ClockOff { .. }), .. }
        | SweepState::Failed { .. } => now < sweep.started_at,
        SweepState::Started | SweepState::Finished { .. } => false,
    }
}

/// Nobody waits for its answer, and its slot is not long gone.
fn is_tried_again(sweep: &SweepRow, now: DateTime<Utc>) -> bool {
    let of_a_slot = match sweep.trigger {
        Trigger::Schedule { .. } | Trigger::CatchUp { .. } | Trigger::RuleChanged { .. } => true,
        Trigger::Command { .. } | Trigger::AskedAgain { .. } | Trigger::WentLive { .. } => false,
    };
    of_a_slot && now - sweep.started_at < TRY_AGAIN_WITHIN
}

fn evidence(assessment: &Assessment) -> Option<&Evidence> {
    match assessment {
        Assessment::Candidate(evidence) => Some(evidence),
        Assessment::OtherType(_)
        | Assessment::Exempt(_)
        | Assessment::NotSuspendable(_)
        | Assessment::Unknown(_)
        | Assessment::Active(_)
        | Assessment::InGrace { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::Counts;
    use crate::engine::bench::Bench;

    #[tokio::test]
    async fn a_sweep_is_a_catch_up_if_it_begins_more_than_two_minutes_after_its_slot() {
        let bench = Bench::new();
        let (engine, clock, policy) = (&bench.engine, &bench.engine.s.clock, &bench.engine.s.policies[0]);
        engine.s.store.know_policy(&policy.name, clock.now()).await.unwrap();
        for (late_s, caught_up) in [(LATE_AFTER_S, false), (LATE_AFTER_S + 1, true)] {
            let slot = schedule::next_slot(&policy.schedule, clock.now()).unwrap();
            clock.advance(slot + Duration::seconds(late_s) + Duration::milliseconds(50) - clock.now());
            engine.sweeper.start_owed_sweeps().await;
            let sweep = engine.s.store.last_sweep(&policy.name).await.unwrap().expect("it was owed");
            let expected = if caught_up { Trigger::CatchUp { slot } } else { Trigger::Schedule { slot } };
            assert_eq!(sweep.trigger, expected);
        }
    }

    #[tokio::test]
    async fn only_what_came_to_nothing_by_a_clock_set_back_since_has_another_in_its_place() {
        let bench = Bench::new();
        let id = bench.sweep("slot").await;
        let begun = bench.engine.s.store.sweep(id).await.unwrap().unwrap();
        let at = begun.started_at;
        let ended = |verdict| SweepState::Finished { at, counts: Counts::default(), verdict, pages: 1 };
        let refused = || ended(Verdict::Refused(Guard::ClockOff { ahead_s: 600 }));
        let failed = || SweepState::Failed { at, error: String::new() };
        let is_begun_anew = |state, slot: &str, after_s| {
            let row = SweepRow { state, slot: slot.to_owned(), ..begun.clone() };
            begun_by_a_wrong_clock(&row, at + Duration::seconds(after_s))
        };
        let Trigger::Schedule { slot } = begun.trigger else { panic!("of a slot") };
        let (first, later) = (slot_key(slot), format!("{}:after:1", slot_key(slot)));
        for (state, key, until) in [(refused(), &first, 300), (refused(), &later, 0), (failed(), &first, 0)] {
            assert!(is_begun_anew(state.clone(), key, until - 1), "{state:?} {key}");
            assert!(!is_begun_anew(state.clone(), key, until), "{state:?} {key}");
        }
        for state in [SweepState::Started, ended(Verdict::NoCandidates), ended(Verdict::Ask)] {
            assert!(!is_begun_anew(state.clone(), &first, -3600), "{state:?}");
        }
    }

    #[tokio::test]
    async fn a_slots_sweep_is_tried_again_for_an_hour() {
        let bench = Bench::new();
        let id = bench.sweep("slot").await;
        let sweep = bench.engine.s.store.sweep(id).await.unwrap().unwrap();
        let end = sweep.started_at + TRY_AGAIN_WITHIN;
        assert!(is_tried_again(&sweep, end - Duration::seconds(1)));
        assert!(!is_tried_again(&sweep, end));
    }
}
