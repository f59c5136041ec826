//! Requests and their candidates: loaded whole, and written only as what a pure step of the domain returned.

use chrono::{DateTime, Utc};

use crate::domain::attempt::{self, Dropped, Unproven};
use crate::domain::audit::Action;
use crate::domain::candidate::{self, Candidate, CandidateState, Skip, SuspensionStep};
use crate::domain::ids::{PolicyName, RequestId, SweepId};
use crate::domain::request::{self, Became, Request, RequestState, Transition};
use crate::domain::snapshot::CandidateSnapshot;

use super::audit::{self, AuditContext};
use super::codec::{self, Cells, json_text, time_text};
use super::request_rows::{
    COMPLETED, decode_completed, has, load, load_alone, load_where, need, need_one, set_candidate,
};
use super::tx::{Tx, params};
use super::{Store, StoreError, exemptions, pause_rows, policies, reviews, watches};

/// A request that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenQuestion {
    /// Which.
    pub request: RequestId,
    /// The policy's name.
    pub policy: PolicyName,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when, once its card stands.
    pub deadline: Option<DateTime<Utc>>,
}

impl Store {
    /// The request with this id.
    pub async fn request(&self, id: RequestId) -> Result<Option<(Request, Vec<Candidate>)>, StoreError> {
        self.read(move |tx| load(tx, id)).await
    }

    /// The request with this id, without its list.
    pub async fn request_alone(&self, id: RequestId) -> Result<Option<Request>, StoreError> {
        self.read(move |tx| load_alone(tx, id)).await
    }

    /// The request that this sweep made, if it made one.
    pub async fn request_of_sweep(
        &self,
        sweep: SweepId,
    ) -> Result<Option<(Request, Vec<Candidate>)>, StoreError> {
        self.read(move |tx| Ok(load_where(tx, "sweep = ?1", params![sweep])?.pop())).await
    }

    /// The ids of the requests that still have something to do or to post, oldest first: what reconcile works on. Only
    /// the ids, so that a row that can't be read is an error only for the caller that reads it.
    pub async fn live_requests(&self) -> Result<Vec<RequestId>, StoreError> {
        self.read(|tx| tx.all("SELECT id FROM request WHERE told = 0 ORDER BY id", params![], codec::id))
            .await
    }

    /// The requests that were carried out at or after `since`, oldest first.
    pub async fn completed_since(&self, since: DateTime<Utc>) -> Result<Vec<RequestId>, StoreError> {
        self.read(move |tx| {
            let completed = codec::readable(tx, COMPLETED, params![], decode_completed)?;
            Ok(completed.into_iter().filter(|one| one.at >= since).map(|one| one.request).collect())
        })
        .await
    }

    /// The requests that wait for a person or are being carried out, oldest first; of one policy or of all.
    pub async fn open_requests(
        &self,
        policy: Option<&str>,
    ) -> Result<Vec<(Request, Vec<Candidate>)>, StoreError> {
        let policy = policy.map(str::to_owned);
        let condition = "state IN ('preview', 'held', 'pending', 'approved') AND (?1 IS NULL OR policy = ?1)";
        self.read(move |tx| load_where(tx, condition, params![policy])).await
    }

    /// What waits for a person, oldest first, without the lists.
    pub async fn open_questions(&self) -> Result<Vec<OpenQuestion>, StoreError> {
        let sql = "SELECT id, policy, created_at, deadline FROM request
                   WHERE told = 0 AND state IN ('preview', 'held', 'pending') ORDER BY id";
        self.read(move |tx| {
            tx.all(sql, params![], |row| {
                let cells = Cells::of(row, "request", "id")?;
                Ok(OpenQuestion {
                    request: cells.get("id")?,
                    policy: cells.get("policy")?,
                    created_at: cells.get("created_at")?,
                    deadline: cells.get("deadline")?,
                })
            })
        })
        .await
    }

    /// Everything about this version of the request has been posted. `false`: it has changed since, and stays live.
    pub async fn request_told(&self, id: RequestId, version: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE request SET told = 1 WHERE id = ?1 AND version = ?2";
        self.write(move |tx| Ok(tx.run(sql, params![id, version])? == 1)).await
    }

    /// Messages about the request go to another channel from now on. `false`: there is nothing left to
    /// post, and it stays where it was posted.
    pub async fn move_request(&self, id: RequestId, channel: String) -> Result<bool, StoreError> {
        let sql = "UPDATE request SET channel = ?2, version = version + 1 WHERE id = ?1 AND told = 0";
        self.write(move |tx| Ok(tx.run(sql, params![id, channel])? == 1)).await
    }

    /// Takes the step that `step` decides on, looking at the request as it is inside the transaction. The request
    /// after it, or `None` if there is no step to take. A step that goes live also makes the rule the policy's.
    pub async fn transition<F>(&self, id: RequestId, step: F) -> Result<Option<Request>, StoreError>
    where
        F: FnOnce(&Request, &[Candidate]) -> Option<Transition> + Send + 'static,
    {
        self.write(move |tx| {
            let (request, candidates) = need(tx, id)?;
            step(&request, &candidates).map(|transition| apply(tx, &request, transition)).transpose()
        })
        .await
    }

    /// Takes one step of executing a decision for the candidate at `position`, and returns its state after the step.
    /// `None`: nothing may be done with it, because
    ///
    /// - it isn't due;
    /// - an exemption or a pause came between judging the account and the intent;
    /// - the database is stopped, or the request is from an earlier epoch;
    /// - the audit trail does not bear out the approval that the row claims.
    pub async fn step_candidate(
        &self,
        request: RequestId,
        position: u32,
        step: SuspensionStep,
        now: DateTime<Utc>,
    ) -> Result<Option<CandidateState>, StoreError> {
        let (lineage, stops) = (self.lineage.subscribe(), self.stops.clone());
        self.write(move |tx| {
            let (request, candidate) = need_one(tx, request, position)?;
            let intends = matches!(step, SuspensionStep::Intend { .. });
            if intends
                && (!lineage.borrow().executes_request(request.id)
                    || exemptions::in_force(tx, &request.policy, &candidate.shown.id, now)?
                    || pause_rows::in_force(tx, &stops, &request.policy)?.is_some())
            {
                return Ok(None);
            }
            let confirms = matches!(step, SuspensionStep::Confirm(_));
            let unproven = if intends {
                super::request_rows::unproven(tx, &request, &candidate)?
            } else if confirms && !has(tx, &request, &candidate, Action::SuspensionIntended)? {
                Some(Unproven::Selection)
            } else {
                None
            };
            let step = unproven.map_or(step, |why| SuspensionStep::Skip(Skip::Unproven(why)));
            let Some((state, events)) = candidate::step(&candidate, step, now) else {
                return Ok(None);
            };
            set_candidate(tx, request.id, position, &state)?;
            if matches!(state, CandidateState::Suspended { .. }) {
                watches::begin(tx, &request, &candidate, now)?;
            }
            audit::append_all(tx, &AuditContext::of(&request), events)?;
            Ok(unproven.is_none().then_some(state))
        })
        .await
    }

    /// Takes one step of ending the sessions of the suspended candidate at `position`. Its state after it, or `None` if
    /// they are not due, or if the policy is paused, or if the audit trail does not have the suspension: then nothing may
    /// be done.
    pub async fn step_sessions(
        &self,
        request: RequestId,
        position: u32,
        step: attempt::AttemptStep<Dropped>,
        now: DateTime<Utc>,
    ) -> Result<Option<CandidateState>, StoreError> {
        let (lineage, stops) = (self.lineage.subscribe(), self.stops.clone());
        self.write(move |tx| {
            let (request, candidate) = need_one(tx, request, position)?;
            let intends = matches!(step, attempt::AttemptStep::Intend { .. });
            let stopped = !lineage.borrow().executes_request(request.id);
            if intends && (stopped || pause_rows::in_force(tx, &stops, &request.policy)?.is_some()) {
                return Ok(None);
            }
            let unproven = intends && !has(tx, &request, &candidate, Action::Suspended)?;
            let step = if unproven { attempt::AttemptStep::Skip(Dropped::Unproven) } else { step };
            let Some((state, events)) = candidate::step_sessions(&candidate, step, now) else {
                return Ok(None);
            };
            set_candidate(tx, request.id, position, &state)?;
            audit::append_all(tx, &AuditContext::of(&request), events)?;
            Ok((!unproven).then_some(state))
        })
        .await
    }

    /// The repeated request found nothing to ask; somebody may ask again.
    pub async fn not_asked_again(&self, id: RequestId) -> Result<(), StoreError> {
        self.write(move |tx| asked_anew(tx, Some(id), None)).await
    }
}

/// Writes a request that a sweep makes, with its list; returns its id. `request.id` is not looked at.
pub(super) fn insert(
    tx: &dyn Tx,
    request: &Request,
    list: &[CandidateSnapshot],
    each: &CandidateState,
) -> Result<RequestId, StoreError> {
    let id = tx.insert(
        "INSERT INTO request (sweep, policy, provider, channel, rule, list_hash, swept_by, created_at,
                              answer_within_s, state, state_json, approvals_needed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) RETURNING id",
        params![
            request.sweep,
            request.policy,
            &*request.rule.provider,
            request.channel,
            json_text(&request.rule)?,
            request.list_hash,
            request.swept_by.as_ref().map(json_text).transpose()?,
            time_text(request.created_at),
            request.approval_timeout.num_seconds(),
            request.state.word(),
            json_text(&request.state)?,
            request.approvals_needed,
        ],
    )?;
    for (position, shown) in (0_u32..).zip(list) {
        tx.run(
            "INSERT INTO candidate (request, position, account_id, login, shown, state, state_json)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![id, position, shown.id.0, shown.login, json_text(shown)?, each.word(), json_text(each)?],
        )?;
    }
    Ok(id)
}

/// Writes one step: state, candidates, audit, and the policy's rule if it went live. The request as it is then.
pub(super) fn apply(tx: &dyn Tx, request: &Request, transition: Transition) -> Result<Request, StoreError> {
    let Transition { state, deadline, release, asked_again, candidates, exemptions, events } = transition;
    let changed = tx.run(
        "UPDATE request
         SET state = ?3, state_json = ?4, deadline = ?5, release = ?6, asked_again = ?7,
             version = version + 1, told = 0
         WHERE id = ?1 AND version = ?2",
        params![
            request.id,
            request.version,
            state.word(),
            json_text(&state)?,
            deadline.map(time_text),
            release.as_ref().map(json_text).transpose()?,
            asked_again.as_ref().map(json_text).transpose()?,
        ],
    )?;
    if changed != 1 {
        return Err(StoreError::Invalid(format!("request {} has changed in between", request.id)));
    }
    for (position, state) in &candidates {
        set_candidate(tx, request.id, *position, state)?;
    }
    if let RequestState::WentLive { decision } = &state {
        policies::go_live(tx, &request.policy, &request.rule, decision)?;
    }
    if !state.awaits_decision() {
        reviews::forget(tx, request.id)?;
    }
    let context = AuditContext::of(request);
    audit::append_all(tx, &context, events)?;
    for (position, wish) in &exemptions {
        // An account of a list is kept until a day once: what is kept does not wait any more.
        let key = format!("request:{}:{position}", request.id);
        exemptions::grant(tx, &key, wish, &context, wish.starts_at)?;
    }
    Ok(need(tx, request.id)?.0)
}

/// A sweep that asked again about an ended request came to this, or to nothing at all if it failed.
pub(super) fn asked_anew(
    tx: &dyn Tx,
    asks_again: Option<RequestId>,
    became: Option<Became>,
) -> Result<(), StoreError> {
    let Some(id) = asks_again else { return Ok(()) };
    let (request, _) = need(tx, id)?;
    match request::asked_anew(&request, became) {
        Some(transition) => apply(tx, &request, transition).map(drop),
        None => Ok(()),
    }
}
