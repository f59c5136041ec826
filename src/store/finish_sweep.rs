//! The end of a sweep: its result, its question and their audit events, in one transaction.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use crate::domain::account::AccountId;
use crate::domain::audit::{Action, Draft, Subject};
use crate::domain::candidate::CandidateState;
use crate::domain::ids::{RequestId, SweepId};
use crate::domain::plan::{Counts, Verdict};
use crate::domain::request::{self, Became, Request, RequestState, list_hash};
use crate::domain::snapshot::CandidateSnapshot;

use super::account_history::open_accounts;
use super::codec::{json_text, time_text};
use super::sweeps::{self, SweepRow, SweepState};
use super::tx::{Tx, params};
use super::{Notice, Store, StoreError, audit, once, request_rows, requests, watches};

/// So many of the accounts that could not be judged are named in the audit event; their number is always there.
const UNKNOWN_NAMED_MAX: usize = 100;

/// So many of the accounts that are an approver's by their e-mail address alone are kept.
const BY_EMAIL_NAMED_MAX: usize = 100;

/// What a sweep came to.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedSweep {
    pub counts: Counts,
    /// Whether it may ask.
    pub verdict: Verdict,
    /// How many pages the listing had.
    pub pages: u32,
    /// The channel that is asked.
    pub channel: String,
    /// The accounts to ask about, in the order of the list.
    pub list: Vec<CandidateSnapshot>,
    /// How long the request waits for an answer, whole seconds.
    pub approval_timeout: Duration,
    /// How many people have to approve.
    pub approvals_needed: u32,
    /// The accounts that could not be judged, and why.
    pub unknown: Vec<(Subject, String)>,
    /// The accounts that are left out because their profile has an approver's e-mail address.
    pub by_email: Vec<Subject>,
    /// Requests whose card can't be posted: this sweep asks instead of them.
    pub instead_of: Vec<RequestId>,
    /// When it ended.
    pub at: DateTime<Utc>,
}

/// What was recorded of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// The request that asks, if there is one.
    pub request: Option<RequestId>,
    /// The counts, with accounts that another request took meanwhile counted as waiting.
    pub counts: Counts,
    /// The verdict; one that asks becomes `NoCandidates` when other requests took all accounts meanwhile.
    pub verdict: Verdict,
    /// The accounts left out because another open request holds them. Known only to the call that recorded the end.
    pub held_elsewhere: Vec<AccountId>,
}

impl Store {
    /// Records the end of a sweep and makes its request. A sweep that had ended before is left as it is, and what was
    /// recorded then is returned; one that failed is [`StoreError::Invalid`].
    pub async fn finish_sweep(&self, sweep: SweepId, end: FinishedSweep) -> Result<Finished, StoreError> {
        self.write(move |tx| {
            let sweep = sweeps::need(tx, sweep)?;
            match &sweep.state {
                SweepState::Started => finish(tx, &sweep, end),
                SweepState::Finished { counts, verdict, .. } => already(tx, &sweep, *counts, verdict),
                SweepState::Failed { .. } => {
                    Err(StoreError::Invalid(format!("sweep {} has failed before", sweep.id)))
                }
            }
        })
        .await
    }
}

fn already(tx: &dyn Tx, sweep: &SweepRow, counts: Counts, verdict: &Verdict) -> Result<Finished, StoreError> {
    let sql = "SELECT id FROM request WHERE sweep = ?1";
    let request = tx.first(sql, params![sweep.id], |row| row.get(0))?;
    Ok(Finished { request, counts, verdict: verdict.clone(), held_elsewhere: Vec::new() })
}

fn finish(tx: &dyn Tx, sweep: &SweepRow, mut end: FinishedSweep) -> Result<Finished, StoreError> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = end.list.iter().find(|shown| !seen.insert(&shown.id)) {
        return Err(StoreError::Invalid(format!("the list names account {} twice", twice.id)));
    }
    for request in std::mem::take(&mut end.instead_of) {
        let (request, candidates) = request_rows::need(tx, request)?;
        if let Some(transition) = request::supersede_unasked(&request, &candidates, end.at) {
            requests::apply(tx, &request, transition)?;
        }
    }
    let held_elsewhere = leave_out_held(tx, &mut end)?;
    end_sweep(tx, sweep, &end)?;
    let start = match &end.verdict {
        Verdict::NoCandidates | Verdict::Refused(_) => None,
        Verdict::Ask => Some((RequestState::pending(), CandidateState::Proposed)),
        Verdict::Held(guard) => Some((RequestState::Held { guard: guard.clone() }, CandidateState::Proposed)),
        Verdict::Preview => Some((RequestState::Preview, CandidateState::Previewed)),
    };
    let request = match start {
        Some((state, each)) if !end.list.is_empty() => Some(ask(tx, sweep, &end, state, &each)?),
        Some(_) | None => None,
    };
    let became = request.map_or(Became::Nothing, Became::Request);
    requests::asked_anew(tx, sweep.trigger.asks_again(), Some(became))?;
    Ok(Finished { request, counts: end.counts, verdict: end.verdict, held_elsewhere })
}

/// Takes the accounts off the list that an open request has taken since they were looked at.
fn leave_out_held(tx: &dyn Tx, end: &mut FinishedSweep) -> Result<Vec<AccountId>, StoreError> {
    let open = open_accounts(tx)?;
    let (held, free): (Vec<CandidateSnapshot>, Vec<CandidateSnapshot>) =
        std::mem::take(&mut end.list).into_iter().partition(|shown| open.contains_key(&shown.id));
    end.list = free;
    let number = u32::try_from(held.len()).unwrap_or(u32::MAX).min(end.counts.candidates);
    end.counts.candidates -= number;
    end.counts.waiting += number;
    let asks = matches!(end.verdict, Verdict::Ask | Verdict::Preview);
    if asks && end.list.is_empty() {
        end.verdict = Verdict::NoCandidates;
    }
    Ok(held.into_iter().map(|shown| shown.id).collect())
}

fn end_sweep(tx: &dyn Tx, sweep: &SweepRow, end: &FinishedSweep) -> Result<(), StoreError> {
    let by_email = &end.by_email[..end.by_email.len().min(BY_EMAIL_NAMED_MAX)];
    let state = SweepState::Finished {
        at: end.at,
        counts: end.counts,
        verdict: end.verdict.clone(),
        pages: end.pages,
    };
    tx.run(
        "UPDATE sweep SET state = ?2, finished_at = ?3, counts = ?4, verdict = ?5, pages = ?6, by_email = ?7
         WHERE id = ?1",
        params![
            sweep.id,
            state.word(),
            time_text(end.at),
            json_text(&end.counts)?,
            json_text(&end.verdict)?,
            end.pages,
            json_text(&by_email)?
        ],
    )?;
    once::say(tx, Notice::Sweep(sweep.id), end.at)?;
    watches::sweep_ended(tx, &sweep.policy, end.at)?;
    let action = match end.verdict {
        Verdict::NoCandidates | Verdict::Ask | Verdict::Preview => Action::SweepFinished,
        Verdict::Held(_) => Action::SweepHeld,
        Verdict::Refused(_) => Action::SweepRefused,
    };
    let named = end.unknown.iter().take(UNKNOWN_NAMED_MAX);
    let named: Vec<_> =
        named.map(|(who, why)| json!({ "account": who.id, "login": who.login, "why": why })).collect();
    let detail = json!({
        "counts": end.counts, "verdict": end.verdict, "pages": end.pages,
        "rule": sweep.rule, "unknown": named, "by_email": by_email,
    });
    let event = Draft::new(sweep.trigger.actor(), end.at, action, detail);
    audit::append(tx, &sweeps::context(sweep), event).map(drop)
}

fn ask(
    tx: &dyn Tx,
    sweep: &SweepRow,
    end: &FinishedSweep,
    state: RequestState,
    each: &CandidateState,
) -> Result<RequestId, StoreError> {
    let request = Request {
        id: RequestId(0),
        sweep: sweep.id,
        policy: sweep.policy.clone(),
        rule: sweep.rule.clone(),
        channel: end.channel.clone(),
        list_hash: list_hash(end.list.iter().map(|shown| &shown.id)),
        swept_by: sweep.trigger.person().cloned(),
        created_at: end.at,
        approval_timeout: end.approval_timeout,
        deadline: None,
        release: None,
        approvals_needed: end.approvals_needed,
        asked_again: None,
        state,
        version: 0,
    };
    let id = requests::insert(tx, &request, &end.list, each)?;
    let context = audit::AuditContext { request: Some(id), ..sweeps::context(sweep) };
    let events = end.list.iter().map(|shown| {
        let detail = json!({ "as": each.word(), "evidence": shown.evidence });
        let event = Draft::new(sweep.trigger.actor(), end.at, Action::Proposed, detail);
        event.about(Subject { id: shown.id.clone(), login: shown.login.clone() })
    });
    audit::append_all(tx, &context, events.collect())?;
    Ok(id)
}
