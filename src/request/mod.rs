//! Driving one approval request: its card, its suspensions, and the messages at its end.

pub(crate) mod attempt;
pub(crate) mod blocked;
pub(crate) mod decision;
pub(crate) mod denials;
mod drift;
mod looks;
mod missed;
mod reminders;
mod restore;
mod restore_buttons;
mod sessions;
pub(crate) mod standing;
pub mod suspend;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};
use tokio_util::sync::CancellationToken;

use crate::authz::Authz;
use crate::chat::{ChatError, MessageRef};
use crate::domain::backoff::{self, earliest};
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::ids::RequestId;
use crate::domain::lineage;
use crate::domain::request::{self, AskedAgain, Became, Decision, Request, RequestState};
use crate::domain::sweep::Trigger;
use crate::identity::{Directory as _, IdentityProvider as _};
use crate::outbox::{self, Identity, Outbox, Standing, signed};
use crate::request::attempt::{Blocked, Effort, WAIT_FOR_PERSON};
use crate::services::{Services, WorkResult, card_key, lock};
use crate::store::{AuditQuery, NewSweep, StartedSweep};
use crate::wording::card_view::Before;
use crate::wording::{card, card_view, notices};

/// A deadline that has passed may have to wait for a click that came in time; it is looked at again this often.
const OVERDUE_EVERY: Duration = Duration::seconds(1);
/// Between two updates of a card that shows progress: Slack allows about 50 a minute.
const PROGRESS_EVERY: StdDuration = StdDuration::from_millis(1500);

/// Drives each approval request to its end.
pub struct Requests {
    s: Arc<Services>,
    authz: Arc<Authz>,
    outbox: Arc<Outbox>,
    /// Which page of its card each request shows.
    pages: Mutex<BTreeMap<RequestId, usize>>,
    /// Requests whose card is to show another page; one that has ended is not among the live ones any more.
    turned: Mutex<BTreeSet<RequestId>>,
    obstacles: Mutex<BTreeMap<RequestId, attempt::Blocked>>,
    denials: Mutex<BTreeMap<RequestId, denials::Denials>>,
    /// When finished cards stop offering to restore accounts.
    undo_ends: Mutex<BTreeSet<(DateTime<Utc>, RequestId)>>,
}

impl Requests {
    pub(crate) fn new(s: Arc<Services>, authz: Arc<Authz>, outbox: Arc<Outbox>) -> Requests {
        Requests {
            s,
            authz,
            outbox,
            pages: Mutex::default(),
            turned: Mutex::default(),
            obstacles: Mutex::default(),
            denials: Mutex::default(),
            undo_ends: Mutex::default(),
        }
    }
}

impl Requests {
    /// Makes the request's rows true as far as that can be done now; says when to look again.
    pub(crate) async fn drive_request(
        &self,
        id: RequestId,
        stop: &CancellationToken,
    ) -> WorkResult<Option<DateTime<Utc>>> {
        let Some((request, candidates)) = self.s.store.request(id).await? else {
            return Ok(None);
        };
        let request = self.leave_behind_if_outdated(request).await?;
        let now = self.s.clock.now();
        let deadline = request.deadline.filter(|_| request.state.awaits_decision());
        let mut wake = deadline.map(|at| at.max(now + OVERDUE_EVERY));
        if let (RequestState::Approved { .. }, Some(decision)) =
            (&request.state, request.state.authorization())
        {
            wake = earliest(wake, self.execute(&request, decision, &candidates, stop).await?);
        }
        let (shown, card_wake) = self.show_card(id).await?;
        wake = earliest(wake, card_wake);
        let Some((card, version)) = shown else {
            return Ok(wake);
        };
        let Some((request, candidates)) = self.s.store.request(id).await? else {
            return Ok(None);
        };
        if request.version != version {
            // Decided after the card was rendered: its end is posted only below a card that shows it.
            return Ok(Some(self.s.clock.now()));
        }
        let unsettled = self.tell_silence(&request, &candidates, &card).await?;
        wake = earliest(wake, self.tell_lack(&request, &candidates).await?);
        // What waits for an admin to resume stays live until then.
        let swept = self.sweep_after_going_live(&request).await?
            & self.sweep_by_new_rule(&request).await?
            & self.sweep_to_ask_again(&request).await?;
        let late = earliest(unsettled, self.tell_going_on(&request).await?);
        wake = earliest(wake, late);
        let end_wake = self.tell_ending(&request, &candidates, &card).await?;
        match end_wake {
            Ending::Later(at) => wake = earliest(wake, Some(at)),
            Ending::Told if swept && card_wake.is_none() && late.is_none() => {
                self.undo_ends(&request, &candidates, now);
                self.let_obstacles_go(&request).await?;
                self.s.store.request_told(id, request.version).await?;
            }
            Ending::Told | Ending::NotEnded => {}
        }
        Ok(wake)
    }

    /// Suspends what an approved request has due, as far as that can be done now, and completes it once each account has its
    /// outcome; says when to look again.
    async fn execute(
        &self,
        request: &Request,
        decision: &Decision,
        candidates: &[Candidate],
        stop: &CancellationToken,
    ) -> WorkResult<Option<DateTime<Utc>>> {
        let id = request.id;
        let (began, working) = (self.s.clock.now(), CancellationToken::new());
        let work = async {
            let _end = working.clone().drop_guard();
            self.work_round(request, decision, candidates, stop).await
        };
        let (effort, ()) = tokio::join!(work, self.show_progress(id, &working));
        let effort = effort?;
        // An account that is left alone takes its step although the request is still blocked.
        let goes_on = matches!(effort, Effort::Made) && self.suspends_more(id, candidates).await?;
        self.note_obstacle(id, effort, began);
        let told = self.tell_obstacle(request, decision, goes_on).await?;
        let completed = self
            .s
            .store
            .transition(id, {
                let now = self.s.clock.now();
                move |request, candidates| request::complete(request, candidates, now)
            })
            .await?;
        if completed.is_none() {
            let paused = lock(&self.obstacles).get(&id).map(|obstacle| obstacle.until);
            let paused_until = backoff::until_within(paused, WAIT_FOR_PERSON, self.s.clock.now());
            // Whichever is later: before it, neither lets anything be done.
            return Ok(earliest(told, self.next_try(id).await?.max(paused_until)));
        }
        // Nothing waits for it any more.
        lock(&self.obstacles).remove(&id);
        lock(&self.denials).remove(&id);
        Ok(told)
    }

    /// Whether more accounts are suspended than were.
    async fn suspends_more(&self, id: RequestId, before: &[Candidate]) -> WorkResult<bool> {
        let suspended = |all: &[Candidate]| {
            all.iter().filter(|one| matches!(one.state, CandidateState::Suspended { .. })).count()
        };
        let now = self.s.store.request(id).await?.map(|(_, candidates)| suspended(&candidates));
        Ok(now.is_some_and(|now| now > suspended(before)))
    }

    /// One round of work on what is due. While something stands in the way of all, one account now and then finds out
    /// whether it still does: fifty accounts that fail each minute of a night would only fill the audit trail.
    async fn work_round(
        &self,
        request: &Request,
        decision: &Decision,
        candidates: &[Candidate],
        stop: &CancellationToken,
    ) -> WorkResult<Effort> {
        let paused = lock(&self.obstacles).get(&request.id).map(|obstacle| obstacle.until);
        if backoff::until_within(paused, WAIT_FOR_PERSON, self.s.clock.now()).is_some() {
            return Ok(Effort::NothingDue);
        }
        let at_most = if paused.is_some() { 1 } else { candidates.len() };
        self.execute_round(request, decision, candidates, at_most, stop).await
    }

    /// Keeps what stands in the way, for the card and for the next round.
    fn note_obstacle(&self, id: RequestId, effort: Effort, began: DateTime<Utc>) {
        let mut obstacles = lock(&self.obstacles);
        match effort {
            Effort::NothingDue => {}
            Effort::Made => {
                obstacles.remove(&id);
            }
            Effort::Blocked(blocker) => {
                let why = &blocker.why;
                tracing::error!(request = id.0, why, "suspensions are paused until somebody fixes this");
                obstacles.insert(id, Blocked { blocker, until: began + WAIT_FOR_PERSON });
            }
        }
    }

    /// The problem is fixed: everything is tried at once.
    pub(crate) fn forget_obstacles(&self) {
        lock(&self.obstacles).clear();
    }

    /// Ends a question that a change of the rule has left behind. The request as it is then.
    async fn leave_behind_if_outdated(&self, request: Request) -> WorkResult<Request> {
        let now = self.s.clock.now();
        match self.s.policy(&request.policy) {
            Some(policy) if request.state.awaits_decision() && request.is_outdated(&policy.rule, now) => {
                let rule = policy.rule.clone();
                let outdate =
                    move |request: &Request, all: &[Candidate]| request::outdate(request, all, &rule, now);
                Ok(self.s.store.transition(request.id, outdate).await?.unwrap_or(request))
            }
            Some(_) | None => Ok(request),
        }
    }

    /// Requests that a change of the rule ended are asked again, once for all that it ended that day. `false`: it
    /// waits for an admin to resume.
    async fn sweep_by_new_rule(&self, request: &Request) -> WorkResult<bool> {
        let (RequestState::Outdated { at }, Some(policy)) = (&request.state, self.s.policy(&request.policy))
        else {
            return Ok(true);
        };
        let slot = format!("rule-changed:{}:{}", policy.rule.fingerprint(), at.date_naive());
        let mut sweep = NewSweep {
            policy: policy.name.clone(),
            slot: slot.clone(),
            trigger: Trigger::RuleChanged { request: request.id },
            rule: policy.rule.clone(),
            at: self.s.clock.now(),
        };
        loop {
            match self.s.store.start_sweep(sweep.clone()).await? {
                // That one was before this question: the rule was in force earlier that day, and has come back.
                StartedSweep::Exists(before) if before.id <= request.sweep => {
                    sweep.slot = format!("{slot}:after-sweep-{}", before.id);
                }
                started => return Ok(self.is_begun(&started)),
            }
        }
    }

    /// Starts what a request wants swept. `false`: the policy is paused, and it was not started.
    pub(crate) async fn begin_sweep(&self, sweep: NewSweep) -> WorkResult<bool> {
        Ok(self.is_begun(&self.s.store.start_sweep(sweep).await?))
    }

    fn is_begun(&self, started: &StartedSweep) -> bool {
        match started {
            StartedSweep::New(_) => {
                // Only a new one wakes the loop: this comes by again until the end is posted.
                self.s.nudge();
                true
            }
            StartedSweep::Exists(_) => true,
            StartedSweep::Paused(_) => false,
        }
    }

    /// Keeps the card current while suspensions run, until `done`.
    async fn show_progress(&self, id: RequestId, done: &CancellationToken) {
        while !done.is_cancelled() {
            if let Err(error) = self.show_card(id).await {
                tracing::warn!(request = id.0, error = format!("{error:#}"), "can't show progress");
            }
            tokio::select! {
                biased;
                () = done.cancelled() => {}
                () = tokio::time::sleep(PROGRESS_EVERY) => {}
            }
        }
    }

    /// Brings the card up to date. Returns it with the request's version that it was rendered from, if it stands, and
    /// when to look again.
    async fn show_card(
        &self,
        id: RequestId,
    ) -> WorkResult<(Option<(MessageRef, i64)>, Option<DateTime<Utc>>)> {
        let Some((request, candidates)) = self.s.store.request(id).await? else {
            return Ok((None, None));
        };
        if request.was_never_asked() && !self.may_stand(&request).await? {
            self.s.store.request_told(id, request.version).await?;
            return Ok((None, None));
        }
        let sweep = self.s.store.sweep(request.sweep).await?;
        let page = lock(&self.pages).get(&id).copied().unwrap_or_default();
        let obstacle = lock(&self.obstacles).get(&id).map(|obstacle| obstacle.blocker.why.clone());
        let provider = self.s.provider(&request.rule.provider);
        let link = |candidate: &Candidate| provider.console_link(&candidate.shown.id);
        let links = candidates.iter().filter_map(|one| Some((one.position, link(one)?))).collect();
        let successor = match &request.asked_again {
            Some(AskedAgain { became: Some(Became::Request(id)), .. }) => self.s.card_of(*id).await?,
            Some(_) | None => None,
        };
        let paused = self.s.store.pause_of(&request.policy).await?;
        let known = self.authz.known_deciders(&request.policy);
        let before = Before {
            denied: self.s.store.denied_before(id).await?,
            exempted: self.s.store.exemptions_in_force(&request.policy, self.s.clock.now()).await?,
        };
        let view = card_view::CardView {
            successor: successor.as_ref(),
            links: &links,
            obstacle: obstacle.as_deref(),
            paused: paused.as_ref(),
            request: &request,
            candidates: &candidates,
            counts: sweep.and_then(|sweep| sweep.state.counts()).unwrap_or_default(),
            page,
            policy: self.s.policy(&request.policy),
            restorations: &self.s.store.restorations_for(id).await?,
            now: self.s.clock.now(),
            deciders: known.as_deref().map(|found| &found.deciders),
            before: &before,
            terms: provider.terms(),
            by_email: &self.s.store.left_out_by_email(request.sweep).await?,
            questions: &self.s.store.questions(id).await?,
            room: self.s.chat.room(),
        };
        let message =
            Identity { key: card_key(id), channel: &request.channel, thread: None, card_of: Some(id) };
        let facts = [(lineage::STATE.to_owned(), request.state.word().to_owned())].into();
        Ok(match self.outbox.show_with(&message, facts, &card::card(&view)).await? {
            Standing::Current(card, again) => (Some((card, request.version)), again),
            Standing::Behind(card, at) => (Some((card, request.version)), Some(at)),
            Standing::NotYet(at) => (None, Some(at)),
        })
    }

    /// Returns whether the card of a request that ended before it stood may stand all the same, because an answer was
    /// lost.
    async fn may_stand(&self, request: &Request) -> WorkResult<bool> {
        let Some(row) = self.s.store.message(&card_key(request.id)).await? else { return Ok(false) };
        let (None, Some(tried_at)) = (&row.ts, row.tried_at) else { return Ok(row.ts.is_some()) };
        let from = outbox::looked_for_from(tried_at, self.s.clock.now());
        let tried = signed::tried(&row.key, tried_at, &self.s.store.lineage());
        match self.s.chat.find(&row.channel, None, &tried, from).await {
            Ok(found) => Ok(found.is_some()),
            // Where the bot can't look it can't have posted, and without the right to look nothing more can be done.
            Err(ChatError::Channel(_) | ChatError::Denied(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// When the first of the due candidates may be tried again.
    async fn next_try(&self, id: RequestId) -> WorkResult<Option<DateTime<Utc>>> {
        let candidates =
            self.s.store.request(id).await?.map(|(_, candidates)| candidates).unwrap_or_default();
        let now = self.s.clock.now();
        let tries =
            candidates.iter().filter_map(|one| one.state.due_at(now).or(one.state.sessions_due_at(now)));
        Ok(tries.min())
    }

    /// A rule that went live is swept for at once, so that nobody waits a day for the first question. `false`: it waits for
    /// an admin to resume.
    async fn sweep_after_going_live(&self, request: &Request) -> WorkResult<bool> {
        let (RequestState::WentLive { decision }, Some(policy)) =
            (&request.state, self.s.policy(&request.policy))
        else {
            return Ok(true);
        };
        let sweep = NewSweep {
            policy: policy.name.clone(),
            slot: format!("went-live:{}", request.id),
            trigger: Trigger::WentLive { by: decision.by.clone() },
            rule: policy.rule.clone(),
            at: self.s.clock.now(),
        };
        self.begin_sweep(sweep).await
    }

    /// Posts the result of a request that has ended: every account in the thread, then one message in the channel.
    async fn tell_ending(
        &self,
        request: &Request,
        candidates: &[Candidate],
        card: &MessageRef,
    ) -> WorkResult<Ending> {
        // Each retry is reported like the first time, about the accounts that were tried again.
        let retry = request.state.retry();
        let round = retry.map_or_else(String::new, |retry| format!(":retry:{}", retry.round));
        if matches!(request.state, RequestState::Completed { .. }) {
            let told = |one: &&Candidate| retry.is_none_or(|retry| retry.positions.contains(&one.position));
            let told: Vec<Candidate> = candidates.iter().filter(told).cloned().collect();
            let parts = notices::outcome_parts(request, &told, request.created_at, self.s.chat.room());
            for (index, part) in parts.into_iter().enumerate() {
                let message = Identity {
                    key: format!("request:{}{round}:outcomes:{index}", request.id),
                    channel: &request.channel,
                    thread: Some(card),
                    card_of: None,
                };
                let outcomes = notices::outcomes(request, part, request.created_at);
                if let Some(at) = self.outbox.told(&message, &outcomes).await? {
                    return Ok(Ending::Later(at));
                }
            }
        }
        let key = format!("request:{}{round}:ending", request.id);
        if self.s.store.message(&key).await?.is_some_and(|row| row.ts.is_some()) {
            return Ok(Ending::Told);
        }
        let head = self.s.store.audit(AuditQuery::latest(1)).await?;
        let chain = head.first().map(|event| (event.seq, event.hash.as_str()));
        let Some(ending) = notices::ending(request, candidates, card, chain) else {
            return Ok(Ending::NotEnded);
        };
        let message = Identity { key, channel: &request.channel, thread: None, card_of: None };
        Ok(match self.outbox.told(&message, &ending).await? {
            Some(at) => Ending::Later(at),
            None => Ending::Told,
        })
    }

    /// Shows another page of the card from now on.
    pub(crate) fn turn_page(&self, request: RequestId, page: usize) {
        lock(&self.pages).insert(request, page);
        lock(&self.turned).insert(request);
        self.s.nudge();
    }

    /// Returns the requests whose cards are to show another page, each once.
    pub(crate) fn take_turned(&self) -> BTreeSet<RequestId> {
        std::mem::take(&mut *lock(&self.turned))
    }
}

enum Ending {
    NotEnded,
    Later(DateTime<Utc>),
    Told,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::candidate::SuspensionStep;
    use crate::engine::bench::Bench;
    use crate::request::attempt::Blocker;

    #[tokio::test]
    async fn whether_a_request_is_still_blocked_is_found_out_once_a_minute() {
        let bench = Bench::new();
        let (engine, began) = (&bench.engine, bench.engine.s.clock.now());
        let until = |id| lock(&engine.requests.obstacles).get(&id).map(|obstacle| obstacle.until);
        let why = "a right is missing".to_owned();
        let blocker = Blocker { why, to_be_told: true, may_be_of_one: true };
        engine.requests.note_obstacle(RequestId(7), Effort::Blocked(blocker), began);
        assert_eq!(until(RequestId(7)), Some(began + WAIT_FOR_PERSON));
        engine.requests.note_obstacle(RequestId(7), Effort::NothingDue, began);
        assert!(until(RequestId(7)).is_some(), "nothing was tried");
        engine.requests.note_obstacle(RequestId(8), Effort::Made, began);
        assert!(until(RequestId(7)).is_some(), "another request's");
        engine.requests.note_obstacle(RequestId(7), Effort::Made, began);
        assert_eq!(until(RequestId(7)), None);
    }

    #[tokio::test]
    async fn the_loop_comes_back_when_the_first_account_may_be_tried_again() {
        let bench = Bench::new();
        let (engine, now) = (&bench.engine, bench.engine.s.clock.now());
        let request = bench.approved().await;
        assert!(
            engine.requests.next_try(request).await.unwrap().is_some_and(|at| at <= engine.s.clock.now())
        );
        let wait = SuspensionStep::Wait { error: "no answer".to_owned(), wait: Duration::minutes(5) };
        engine.s.store.step_candidate(request, 0, wait, now).await.unwrap();
        assert_eq!(engine.requests.next_try(request).await.unwrap(), Some(now + Duration::minutes(5)));
    }
}
