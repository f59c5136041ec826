//! Reads requests with their candidates. A row that contradicts itself is an error, and one that the audit trail does not
//! confirm is reported.

use chrono::{DateTime, Utc};

use crate::domain::account::AccountId;
use crate::domain::attempt::{Sessions, Unproven};
use crate::domain::audit::Action;
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::ids::RequestId;
use crate::domain::policy::Rule;
use crate::domain::provider::ProviderName;
use crate::domain::request::{Request, RequestState, list_hash, proof};
use crate::domain::snapshot::CandidateSnapshot;

use super::codec::{Cells, json_text};
use super::tx::{Row, Tx, Value, hints, params};
use super::{StoreError, audit};

/// A request with its candidates in the order of the list.
pub(super) type Whole = (Request, Vec<Candidate>);

const CANDIDATES: &str =
    "SELECT *, request || '/' || position AS key FROM candidate WHERE request = ?1 ORDER BY position";

/// Every request that was carried out, oldest first.
pub(super) const COMPLETED: &str = "SELECT id, state_json FROM request WHERE state = 'completed' ORDER BY id";

/// How a request was carried out.
pub(super) struct Completed {
    pub(super) request: RequestId,
    /// When its last outcome was known.
    pub(super) at: DateTime<Utc>,
    /// Whether somebody wants to try again and waits for a second person.
    pub(super) waits_for_second: bool,
}

pub(super) fn load(tx: &dyn Tx, id: RequestId) -> Result<Option<Whole>, StoreError> {
    Ok(load_where(tx, "id = ?1", params![id])?.pop())
}

/// The request that a change needs.
pub(super) fn need(tx: &dyn Tx, id: RequestId) -> Result<Whole, StoreError> {
    load(tx, id)?.ok_or_else(|| StoreError::Missing { table: "request", id: id.to_string() })
}

pub(super) fn load_alone(tx: &dyn Tx, id: RequestId) -> Result<Option<Request>, StoreError> {
    tx.first("SELECT * FROM request WHERE id = ?1", params![id], decode)
}

/// The request that a change needs, without its list.
pub(super) fn need_alone(tx: &dyn Tx, id: RequestId) -> Result<Request, StoreError> {
    load_alone(tx, id)?.ok_or_else(|| StoreError::Missing { table: "request", id: id.to_string() })
}

/// One account of a request that a change needs: a caller that works through a long list does not read all of it each
/// time.
pub(super) fn need_one(
    tx: &dyn Tx,
    request: RequestId,
    position: u32,
) -> Result<(Request, Candidate), StoreError> {
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
pub(super) fn unproven(
    tx: &dyn Tx,
    request: &Request,
    candidate: &Candidate,
) -> Result<Option<Unproven>, StoreError> {
    let authorization = match proof::claimed(request) {
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
        Some(about) => proof::check(request, candidate, authorization.as_ref(), &about).err(),
        None => Some(Unproven::Selection),
    };
    if let Some(why) = unproven {
        tracing::error!(
            request = request.id.0,
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
pub(super) fn has(
    tx: &dyn Tx,
    request: &Request,
    candidate: &Candidate,
    action: Action,
) -> Result<bool, StoreError> {
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
        request = request.id.0,
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

fn unfit(request: RequestId) -> StoreError {
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

/// Whether everything about the request has been posted to the channel.
pub(super) fn is_told(tx: &dyn Tx, id: RequestId) -> Result<bool, StoreError> {
    let told = tx.first("SELECT told FROM request WHERE id = ?1", params![id], |row| row.get::<bool>(0))?;
    Ok(told.unwrap_or_default())
}

/// Something that the card shows has changed outside of the request's own steps. Its version goes up, so that a
/// caller that is just showing the card as it was before does not count it as posted.
pub(super) fn card_changes(tx: &dyn Tx, id: RequestId) -> Result<(), StoreError> {
    tx.run("UPDATE request SET told = 0, version = version + 1 WHERE id = ?1", params![id]).map(drop)
}

pub(super) fn set_candidate(
    tx: &dyn Tx,
    request: RequestId,
    position: u32,
    state: &CandidateState,
) -> Result<(), StoreError> {
    let changed = tx.run(
        "UPDATE candidate SET state = ?3, state_json = ?4 WHERE request = ?1 AND position = ?2",
        params![request, position, state.word(), json_text(state)?],
    )?;
    if changed == 1 { Ok(()) } else { Err(no_candidate(request, position)) }
}

fn no_candidate(request: RequestId, position: u32) -> StoreError {
    StoreError::Missing { table: "candidate", id: format!("{request}/{position}") }
}

fn decode(row: &Row<'_>) -> Result<Request, StoreError> {
    let cells = Cells::of(row, "request", "id")?;
    let state = cells.state(RequestState::word)?;
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
        created_at: cells.get("created_at")?,
        approval_timeout: cells.seconds("answer_within_s")?,
        deadline: cells.get("deadline")?,
        release: cells.json_or_null("release")?,
        approvals_needed: cells.get("approvals_needed")?,
        asked_again: cells.json_or_null("asked_again")?,
        state,
        version: cells.get("version")?,
    })
}

pub(super) fn decode_completed(row: &Row<'_>) -> Result<Completed, StoreError> {
    let cells = Cells::of(row, "request", "id")?;
    let RequestState::Completed { at, retry_first, .. } = cells.json("state_json")? else {
        return Err(cells.bad_state());
    };
    Ok(Completed { request: cells.get("id")?, at, waits_for_second: retry_first.is_some() })
}

fn decode_candidate(row: &Row<'_>) -> Result<Candidate, StoreError> {
    let cells = Cells::of(row, "candidate", "key")?;
    let shown: CandidateSnapshot = cells.json("shown")?;
    if shown.id != AccountId(cells.get("account_id")?) || shown.login != cells.get::<String>("login")? {
        return Err(cells.bad("shown: another account than account_id and login"));
    }
    let state = cells.state(CandidateState::word)?;
    Ok(Candidate { position: cells.get("position")?, shown, state })
}
