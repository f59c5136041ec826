//! Requests and their candidates: loaded whole, and written only as what a pure step of the domain returned.

use chrono::{DateTime, Utc};

use crate::domain::account::AccountId;
use crate::domain::attempt::{self, Dropped, Sessions, Unproven};
use crate::domain::audit::Action;
use crate::domain::candidate::{self, Candidate, CandidateState, Shown, Skip, Step};
use crate::domain::policy::Rule;
use crate::domain::provider::ProviderName;
use crate::domain::request::{self, Became, Request, RequestState, Transition, list_hash, proof};

use super::audit::{self, AuditContext};
use super::codec::{self, Cells, json_text, time_text};
use super::tx::{Row, Tx, Value, hints, params};
use super::{Store, StoreError, exemptions, pauses, policies, reviews, watches};

/// A request with its candidates in the order of the list.
pub(super) type Whole = (Request, Vec<Candidate>);

const CANDIDATES: &str =
    "SELECT *, request || '/' || position AS key FROM candidate WHERE request = ?1 ORDER BY position";

/// Every request that was carried out, oldest first.
pub(super) const COMPLETED: &str = "SELECT id, state_json FROM request WHERE state = 'completed' ORDER BY id";

/// How a request was carried out.
pub(super) struct Completed {
    pub(super) request: i64,
    /// When its last outcome was known.
    pub(super) at: DateTime<Utc>,
    /// Whether somebody wants to try again and waits for a second person.
    pub(super) waits_for_second: bool,
}

/// A request that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenQuestion {
    /// Which.
    pub request: i64,
    /// The policy's name.
    pub policy: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when, once its card stands.
    pub deadline: Option<DateTime<Utc>>,
}

impl Store {
    /// The request with this id.
    pub async fn request(&self, id: i64) -> Result<Option<(Request, Vec<Candidate>)>, StoreError> {
        self.read(move |tx| load(tx, id)).await
    }

    /// The request with this id, without its list.
    pub async fn request_alone(&self, id: i64) -> Result<Option<Request>, StoreError> {
        self.read(move |tx| load_alone(tx, id)).await
    }

    /// The request that this sweep made, if it made one.
    pub async fn request_of_sweep(
        &self,
        sweep: i64,
    ) -> Result<Option<(Request, Vec<Candidate>)>, StoreError> {
        self.read(move |tx| Ok(load_where(tx, "sweep = ?1", params![sweep])?.pop())).await
    }

    /// The ids of the requests that still have something to do or to tell, oldest first: what reconcile works on. Only
    /// the ids, so that a row that can't be read is an error only for the caller that reads it.
    pub async fn live_requests(&self) -> Result<Vec<i64>, StoreError> {
        self.read(|tx| tx.all("SELECT id FROM request WHERE told = 0 ORDER BY id", params![], codec::id))
            .await
    }

    /// The requests that were carried out at or after `since`, oldest first.
    pub async fn completed_since(&self, since: DateTime<Utc>) -> Result<Vec<i64>, StoreError> {
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
                    created_at: cells.time("created_at")?,
                    deadline: cells.time_or_null("deadline")?,
                })
            })
        })
        .await
    }

    /// All of the request has been told in this version of it. `false`: it has changed since, and stays live.
    pub async fn request_told(&self, id: i64, version: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE request SET told = 1 WHERE id = ?1 AND version = ?2";
        self.write(move |tx| Ok(tx.run(sql, params![id, version])? == 1)).await
    }

    /// What there is to tell of the request belongs into another channel from now on. `false`: there is nothing left to
    /// tell, and it stays where it was told.
    pub async fn move_request(&self, id: i64, channel: String) -> Result<bool, StoreError> {
        let sql = "UPDATE request SET channel = ?2, version = version + 1 WHERE id = ?1 AND told = 0";
        self.write(move |tx| Ok(tx.run(sql, params![id, channel])? == 1)).await
    }

    /// Takes the step that `step` decides on, looking at the request as it is inside the transaction. The request
    /// after it, or `None` if there is no step to take. A step that goes live also makes the rule the policy's.
    pub async fn transition<F>(&self, id: i64, step: F) -> Result<Option<Request>, StoreError>
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
        request: i64,
        position: u32,
        step: Step,
        now: DateTime<Utc>,
    ) -> Result<Option<CandidateState>, StoreError> {
        let (lineage, stops) = (self.lineage.subscribe(), self.stops.clone());
        self.write(move |tx| {
            let (request, candidate) = need_one(tx, request, position)?;
            let intends = matches!(step, Step::Intend { .. });
            if intends
                && (!lineage.borrow().executes_request(request.id)
                    || exemptions::in_force(tx, &request.policy, &candidate.shown.id, now)?
                    || pauses::in_force(tx, &stops, &request.policy)?.is_some())
            {
                return Ok(None);
            }
            let confirms = matches!(step, Step::Confirm(_));
            let unproven = if intends {
                self::unproven(tx, &request, &candidate)?
            } else if confirms && !has(tx, &request, &candidate, Action::SuspensionIntended)? {
                Some(Unproven::Selection)
            } else {
                None
            };
            let step = unproven.map_or(step, |why| Step::Skip(Skip::Unproven(why)));
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
        request: i64,
        position: u32,
        step: attempt::Step<Dropped>,
        now: DateTime<Utc>,
    ) -> Result<Option<CandidateState>, StoreError> {
        let (lineage, stops) = (self.lineage.subscribe(), self.stops.clone());
        self.write(move |tx| {
            let (request, candidate) = need_one(tx, request, position)?;
            let intends = matches!(step, attempt::Step::Intend { .. });
            let stopped = !lineage.borrow().executes_request(request.id);
            if intends && (stopped || pauses::in_force(tx, &stops, &request.policy)?.is_some()) {
                return Ok(None);
            }
            let unproven = intends && !has(tx, &request, &candidate, Action::Suspended)?;
            let step = if unproven { attempt::Step::Skip(Dropped::Unproven) } else { step };
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
    pub async fn not_asked_again(&self, id: i64) -> Result<(), StoreError> {
        self.write(move |tx| asked_anew(tx, Some(id), None)).await
    }
}

pub(super) fn load(tx: &dyn Tx, id: i64) -> Result<Option<Whole>, StoreError> {
    Ok(load_where(tx, "id = ?1", params![id])?.pop())
}

/// The request that a change needs.
pub(super) fn need(tx: &dyn Tx, id: i64) -> Result<Whole, StoreError> {
    load(tx, id)?.ok_or_else(|| StoreError::Missing { table: "request", id: id.to_string() })
}

fn load_alone(tx: &dyn Tx, id: i64) -> Result<Option<Request>, StoreError> {
    tx.first("SELECT * FROM request WHERE id = ?1", params![id], decode)
}

/// The request that a change needs, without its list.
pub(super) fn need_alone(tx: &dyn Tx, id: i64) -> Result<Request, StoreError> {
    load_alone(tx, id)?.ok_or_else(|| StoreError::Missing { table: "request", id: id.to_string() })
}

/// One account of a request that a change needs: a caller that works through a long list does not read all of it each
/// time.
fn need_one(tx: &dyn Tx, request: i64, position: u32) -> Result<(Request, Candidate), StoreError> {
    let request = need_alone(tx, request)?;
    let sql =
        "SELECT *, request || '/' || position AS key FROM candidate WHERE request = ?1 AND position = ?2";
    let candidate = tx.first(sql, params![request.id, position], decode_candidate)?;
    let candidate = candidate.ok_or_else(|| no_candidate(request.id, position))?;
    if fits(&candidate.state, &request.state) { Ok((request, candidate)) } else { Err(unfit(request.id)) }
}

/// The requests that meet an SQL condition, oldest first.
pub(super) fn load_where(
    tx: &dyn Tx,
    condition: &str,
    params: &[Value<'_>],
) -> Result<Vec<Whole>, StoreError> {
    let sql = format!("SELECT * FROM request WHERE {condition} ORDER BY id");
    let requests = tx.all(&sql, params, decode)?;
    requests.into_iter().map(|request| with_candidates(tx, request)).collect()
}

pub(super) fn with_candidates(tx: &dyn Tx, request: Request) -> Result<Whole, StoreError> {
    let candidates = tx.all(CANDIDATES, params![request.id], decode_candidate)?;
    if list_hash(candidates.iter().map(|candidate| &candidate.shown.id)) != request.list_hash {
        let why = "its candidates are not those of its list_hash".to_owned();
        return Err(StoreError::BadRow { table: "request", id: request.id.to_string(), why });
    }
    if !candidates.iter().all(|candidate| fits(&candidate.state, &request.state)) {
        return Err(unfit(request.id));
    }
    Ok((request, candidates))
}

/// What the trail does not have of the approval that the row claims. Both queries are answered by an index: the newest
/// decision of that person about this request, and what befell the account in it.
fn unproven(tx: &dyn Tx, request: &Request, candidate: &Candidate) -> Result<Option<Unproven>, StoreError> {
    let mandate = match proof::claimed(request) {
        Some((decision, word)) => {
            let sql = format!(
                "SELECT * FROM audit_event {}
                 WHERE by_id = ?1 AND action = ?2 AND request = ?3 ORDER BY seq DESC LIMIT 1",
                hints::BY_PERSON_AND_ACTION
            );
            let word = word.word();
            readable(tx.first(&sql, params![decision.by.id, word, request.id], audit::decode))?.flatten()
        }
        None => None,
    };
    let sql = format!(
        "SELECT * FROM audit_event {} WHERE account_id = ?1 AND request = ?2 ORDER BY seq",
        hints::BY_ACCOUNT
    );
    let about = readable(tx.all(&sql, params![candidate.shown.id.0, request.id], audit::decode))?;
    let unproven = match about {
        Some(about) => proof::check(request, candidate, mandate.as_ref(), &about).err(),
        None => Some(Unproven::Selection),
    };
    if let Some(why) = unproven {
        tracing::error!(
            request = request.id,
            position = candidate.position,
            account = candidate.shown.id.0,
            ?why,
            "THE DATABASE WAS CHANGED BY HAND: the audit trail does not confirm this approval, so nobody is suspended \
             for it; keep the file as evidence"
        );
    }
    Ok(unproven)
}

/// Whether the trail has this of the account in this request: without it, nothing that rests on it is done or claimed.
fn has(tx: &dyn Tx, request: &Request, candidate: &Candidate, action: Action) -> Result<bool, StoreError> {
    let sql = format!(
        "SELECT * FROM audit_event {}
         WHERE account_id = ?1 AND request = ?2 AND action = ?3 ORDER BY seq DESC LIMIT 1",
        hints::BY_ACCOUNT
    );
    let (account, action) = (&candidate.shown.id.0, action.word());
    let event = readable(tx.first(&sql, params![account, request.id, action], audit::decode))?.flatten();
    if event.is_some_and(|event| event.hash == event.compute_hash()) {
        return Ok(true);
    }
    tracing::error!(
        request = request.id,
        position = candidate.position,
        without = action,
        "THE DATABASE WAS CHANGED BY HAND: the audit trail does not confirm this row, so nothing is done for \
         it; keep the file as evidence"
    );
    Ok(false)
}

/// What was read, or `None` if it is damaged: an event that can't be read proves nothing, and stops nothing else.
pub(super) fn readable<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(StoreError::BadRow { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

fn unfit(request: i64) -> StoreError {
    let why = "a candidate is open for a decision that the request does not have".to_owned();
    StoreError::BadRow { table: "request", id: request.to_string(), why }
}

/// Whether an open candidate has what it stands on: above all, nothing is due without an approval in the row.
fn fits(candidate: &CandidateState, request: &RequestState) -> bool {
    match candidate {
        CandidateState::Due { .. } | CandidateState::Suspended { sessions: Sessions::Due { .. }, .. } => {
            matches!(request, RequestState::Approved { .. })
        }
        CandidateState::Proposed => {
            matches!(request, RequestState::Held { .. } | RequestState::Pending { .. })
        }
        CandidateState::Previewed
        | CandidateState::Kept { .. }
        | CandidateState::Dropped
        | CandidateState::Suspended { .. }
        | CandidateState::Skipped { .. }
        | CandidateState::Failed { .. } => true,
    }
}

/// Writes a request that a sweep makes, with its list; returns its id. `request.id` is not looked at.
pub(super) fn insert(
    tx: &dyn Tx,
    request: &Request,
    list: &[Shown],
    each: &CandidateState,
) -> Result<i64, StoreError> {
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
            request.answer_within.num_seconds(),
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
    asks_again: Option<i64>,
    became: Option<Became>,
) -> Result<(), StoreError> {
    let Some(id) = asks_again else { return Ok(()) };
    let (request, _) = need(tx, id)?;
    match request::asked_anew(&request, became) {
        Some(transition) => apply(tx, &request, transition).map(drop),
        None => Ok(()),
    }
}

/// Whether the channel has been told all that there is to tell of the request.
pub(super) fn is_told(tx: &dyn Tx, id: i64) -> Result<bool, StoreError> {
    let told = tx.first("SELECT told FROM request WHERE id = ?1", params![id], |row| row.get::<bool>(0))?;
    Ok(told.unwrap_or_default())
}

/// Something that the card shows has changed outside of the request's own steps. Its version goes up, so that a
/// caller that is just showing the card as it was before does not take it for told.
pub(super) fn card_changes(tx: &dyn Tx, id: i64) -> Result<(), StoreError> {
    tx.run("UPDATE request SET told = 0, version = version + 1 WHERE id = ?1", params![id]).map(drop)
}

fn set_candidate(tx: &dyn Tx, request: i64, position: u32, state: &CandidateState) -> Result<(), StoreError> {
    let changed = tx.run(
        "UPDATE candidate SET state = ?3, state_json = ?4 WHERE request = ?1 AND position = ?2",
        params![request, position, state.word(), json_text(state)?],
    )?;
    if changed == 1 { Ok(()) } else { Err(no_candidate(request, position)) }
}

fn no_candidate(request: i64, position: u32) -> StoreError {
    StoreError::Missing { table: "candidate", id: format!("{request}/{position}") }
}

fn decode(row: &Row<'_>) -> Result<Request, StoreError> {
    let cells = Cells::of(row, "request", "id")?;
    let state: RequestState = cells.json("state_json")?;
    if cells.get::<String>("state")? != state.word() {
        return Err(cells.bad("state: does not agree with state_json"));
    }
    let rule: Rule = cells.json("rule")?;
    if cells.get::<ProviderName>("provider")? != rule.provider {
        return Err(cells.bad("provider: another one than the rule's"));
    }
    Ok(Request {
        id: cells.get("id")?,
        sweep: cells.get("sweep")?,
        policy: cells.get("policy")?,
        rule,
        channel: cells.get("channel")?,
        list_hash: cells.get("list_hash")?,
        swept_by: cells.json_or_null("swept_by")?,
        created_at: cells.time("created_at")?,
        answer_within: cells.seconds("answer_within_s")?,
        deadline: cells.time_or_null("deadline")?,
        release: cells.json_or_null("release")?,
        approvals_needed: cells.get("approvals_needed")?,
        asked_again: cells.json_or_null("asked_again")?,
        state,
        version: cells.get("version")?,
    })
}

pub(super) fn decode_completed(row: &Row<'_>) -> Result<Completed, StoreError> {
    let cells = Cells::of(row, "request", "id")?;
    match cells.json("state_json")? {
        RequestState::Completed { at, retry_first, .. } => {
            Ok(Completed { request: cells.get("id")?, at, waits_for_second: retry_first.is_some() })
        }
        RequestState::Preview
        | RequestState::Held { .. }
        | RequestState::Pending { .. }
        | RequestState::Approved { .. }
        | RequestState::Denied { .. }
        | RequestState::Expired { .. }
        | RequestState::Withdrawn { .. }
        | RequestState::WentLive { .. }
        | RequestState::Outdated { .. } => Err(cells.bad("state: does not agree with state_json")),
    }
}

fn decode_candidate(row: &Row<'_>) -> Result<Candidate, StoreError> {
    let cells = Cells::of(row, "candidate", "key")?;
    let shown: Shown = cells.json("shown")?;
    if shown.id != AccountId(cells.get("account_id")?) || shown.login != cells.get::<String>("login")? {
        return Err(cells.bad("shown: another account than account_id and login"));
    }
    let state: CandidateState = cells.json("state_json")?;
    if cells.get::<String>("state")? != state.word() {
        return Err(cells.bad("state: does not agree with state_json"));
    }
    Ok(Candidate { position: cells.get("position")?, shown, state })
}
