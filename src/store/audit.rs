//! The audit trail: appended in the transaction of the change it covers, verified from the start.

use std::ops::ControlFlow;

use chrono::SubsecRound;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::domain::account::AccountId;
use crate::domain::audit::{self, Action, Actor, AuditEvent, Draft, GENESIS, Subject};
use crate::domain::ids::{PolicyName, RequestId, SweepId};
use crate::domain::request::Request;

use super::codec::{Cells, json_text, time_text};
use super::jobs::Asked;
use super::tx::{Row, Tx, params};
use super::{Store, StoreError};

/// The version that writes an event.
const BOT: &str = env!("CARGO_PKG_VERSION");

/// Events verified in one go; between two goes other calls get their turn.
const VERIFY_CHUNK: u32 = 2000;

/// What an event belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditContext {
    /// The policy's name.
    pub policy: Option<PolicyName>,
    /// The sweep's id.
    pub sweep: Option<SweepId>,
    /// The request's id.
    pub request: Option<RequestId>,
    /// The fingerprint of the rule by which it was swept and asked.
    pub rule: Option<String>,
}

impl AuditContext {
    /// The context of an event about this policy, and no sweep or request of it.
    pub fn of_policy(policy: &str) -> AuditContext {
        AuditContext { policy: Some(policy.into()), ..AuditContext::default() }
    }

    /// The context of an event about this request.
    pub fn of(request: &Request) -> AuditContext {
        AuditContext {
            policy: Some(request.policy.clone()),
            sweep: Some(request.sweep),
            request: Some(request.id),
            rule: Some(request.rule.fingerprint()),
        }
    }
}

/// What reading the whole chain showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The last event that was archived before; 0: none was.
    pub archived: i64,
    /// Up to which event everything is in order.
    pub events: i64,
    /// The hash of the last of them.
    pub head: String,
    /// The first event that was changed, is missing or can't be read.
    pub broken_at: Option<i64>,
}

impl Store {
    /// Appends one event that goes with no other change.
    pub async fn append(&self, context: AuditContext, draft: Draft) -> Result<AuditEvent, StoreError> {
        self.write(move |tx| append(tx, &context, draft)).await
    }

    /// Reads the chain from its start, or from where the archive ends. It shows edits, gaps, and a cut tail unless the
    /// cutter covered it up; a rewrite of the whole file shows only against a head that was kept elsewhere.
    pub async fn verify(&self) -> Result<Verified, StoreError> {
        self.verify_telling(&|_| ()).await
    }

    /// As [`Store::verify`]; calls `told` now and then with the number of the last event that was read.
    pub async fn verify_telling(&self, told: &(dyn Fn(u64) + Sync)) -> Result<Verified, StoreError> {
        let (archived, head) = self.read(|tx| archived(tx)).await?.unwrap_or_else(|| (0, GENESIS.to_owned()));
        let mut so_far = Verified { archived, events: archived, head, broken_at: None };
        let mut vouched = archived == 0;
        loop {
            let start = so_far.clone();
            let before = so_far.events;
            let (next, says_so) = self.read(move |tx| verify_chunk(tx, start)).await?;
            vouched |= says_so;
            so_far = next;
            told(so_far.events.unsigned_abs());
            if so_far.broken_at.is_none() && so_far.events == before && !vouched {
                // Nothing in the trail says that what is missing was archived.
                so_far.broken_at = Some(archived + 1);
            }
            if so_far.broken_at.is_some() || so_far.events == before {
                return Ok(so_far);
            }
        }
    }

    /// Reads every page and every event: whether the file is whole, and up to where the audit trail holds. Tells `so_far`
    /// now and then the number of the last event that was read.
    pub async fn verify_file(
        &self,
        so_far: &(dyn Fn(u64) + Sync),
    ) -> Result<Result<Verified, String>, StoreError> {
        let found = self.ask(Asked::Check).await?;
        if found != "ok" {
            return Ok(Err(found));
        }
        self.verify_telling(so_far).await.map(Ok)
    }
}

/// Appends an event to the chain.
pub(super) fn append(tx: &dyn Tx, context: &AuditContext, draft: Draft) -> Result<AuditEvent, StoreError> {
    let head = tx.first("SELECT seq, hash FROM audit_event ORDER BY seq DESC LIMIT 1", params![], |row| {
        Ok((row.get::<i64>(0)?, row.get::<String>(1)?))
    })?;
    let (last, prev_hash) = head.unwrap_or_else(|| (0, GENESIS.to_owned()));
    let draft = Draft { detail: with_origin(draft.detail, context), ..draft };
    let detail = json_text(&draft.detail)?;
    if serde_json::from_str::<Value>(&detail).ok().as_ref() != Some(&draft.detail) {
        // Such as a fraction of many digits: its hash could not be computed again from what is stored.
        return Err(StoreError::Invalid("an audit detail that would not read back the same".to_owned()));
    }
    let mut event = AuditEvent {
        seq: last + 1,
        at: draft.at.trunc_subsecs(3),
        actor: draft.actor,
        action: draft.action.word().to_owned(),
        policy: context.policy.clone(),
        sweep: context.sweep,
        request: context.request,
        subject: draft.subject,
        detail: draft.detail,
        prev_hash,
        hash: String::new(),
    };
    event.hash = event.compute_hash();
    let subject = event.subject.as_ref();
    tx.run(
        "INSERT INTO audit_event
             (seq, at, actor, action, policy, sweep, request, account_id, login, detail, prev_hash, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            event.seq,
            time_text(event.at),
            json_text(&event.actor)?,
            event.action,
            event.policy,
            event.sweep,
            event.request,
            subject.map(|subject| &subject.id.0),
            subject.map(|subject| &subject.login),
            detail,
            event.prev_hash,
            event.hash,
        ],
    )?;
    Ok(event)
}

/// Adds which bot wrote the event and by which rule, so that each can be judged by itself.
fn with_origin(detail: Value, context: &AuditContext) -> Value {
    let mut fields = match detail {
        Value::Object(fields) => fields,
        Value::Null => Map::new(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => return other,
    };
    fields.insert("bot".to_owned(), BOT.into());
    if let Some(rule) = &context.rule {
        fields.insert("fingerprint".to_owned(), rule.as_str().into());
    }
    Value::Object(fields)
}

/// Appends the events of one step, in order.
pub(super) fn append_all(tx: &dyn Tx, context: &AuditContext, drafts: Vec<Draft>) -> Result<(), StoreError> {
    drafts.into_iter().try_for_each(|draft| append(tx, context, draft).map(drop))
}

/// The next events, and whether one of them says that the trail begins where it does.
fn verify_chunk(tx: &dyn Tx, mut so_far: Verified) -> Result<(Verified, bool), StoreError> {
    let begins = archived(tx)?;
    let mut vouches = false;
    let (mut at_end, mut actors) = (true, Actors::default());
    let after = so_far.events;
    tx.each(STORED, params![after, VERIFY_CHUNK], &mut |row| {
        at_end = false;
        let seq = so_far.events + 1;
        let Some(event) = stored(row, &mut actors)
            .filter(|event| event.seq == seq && event.prev_hash == so_far.head && event.is_whole)
        else {
            so_far.broken_at = Some(seq);
            return Ok(ControlFlow::Break(()));
        };
        if event.action == Action::Archived.word() {
            let detail: Value = serde_json::from_str(event.detail).unwrap_or_default();
            let says = (detail["up_to"].as_i64(), detail["head"].as_str());
            vouches |= begins.as_ref().is_some_and(|(seq, head)| says == (Some(*seq), Some(head)));
        }
        so_far.events = seq;
        so_far.head.clear();
        so_far.head.push_str(event.hash);
        Ok(ControlFlow::Continue(()))
    })?;
    if at_end && tx.last_id("audit_event")? > so_far.events {
        so_far.broken_at = Some(so_far.events + 1);
    }
    Ok((so_far, vouches))
}

const STORED: &str =
    "SELECT seq, at, actor, action, policy, sweep, request, account_id, login, detail, prev_hash, hash
     FROM audit_event WHERE seq > ?1 ORDER BY seq LIMIT ?2";

/// An event as it lies in its row: to hash a million of them, their texts are taken as they are.
struct Stored<'a> {
    seq: i64,
    action: &'a str,
    detail: &'a str,
    prev_hash: &'a str,
    hash: &'a str,
    /// Its hash is that of its other fields.
    is_whole: bool,
}

/// The actor of the event before, as it is stored and as it is hashed: most events are by the same one.
#[derive(Default)]
struct Actors {
    stored: String,
    hashed: Box<RawValue>,
}

impl Actors {
    fn hashed(&mut self, stored: &str) -> Option<&RawValue> {
        if self.stored != stored {
            // A key that is there twice is read in one way here and in another elsewhere; an actor has each once.
            serde_json::from_str::<Actor>(stored).ok()?;
            let sorted: Value = serde_json::from_str(stored).ok()?;
            self.hashed = serde_json::value::to_raw_value(&sorted).ok()?;
            stored.clone_into(&mut self.stored);
        }
        Some(&self.hashed)
    }
}

/// Nothing if a cell is not what it should be.
fn stored<'a>(row: &'a Row<'_>, actors: &mut Actors) -> Option<Stored<'a>> {
    let text = |column: usize| row.try_get::<&str>(column).ok();
    let text_or_null = |column: usize| row.try_get::<Option<&str>>(column).ok();
    let (seq, action, detail) = (row.try_get(0).ok()?, text(3)?, text(9)?);
    let (prev_hash, hash) = (text(10)?, text(11)?);
    let subject = match (text_or_null(7)?, text_or_null(8)?) {
        (Some(id), Some(login)) => Some(Subject { id: AccountId(id.to_owned()), login: login.to_owned() }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return None,
    };
    let (sweep, request): (Option<i64>, Option<i64>) = (row.try_get(5).ok()?, row.try_get(6).ok()?);
    let detail_json: &RawValue = serde_json::from_str(detail).ok()?;
    let actor = actors.hashed(text(2)?)?;
    let fields = (seq, text(1)?, actor, action, text_or_null(4)?, sweep, request, subject, detail_json);
    let is_whole = audit::hash(prev_hash, &fields) == hash;
    Some(Stored { seq, action, detail, prev_hash, hash, is_whole })
}

pub(super) fn decode(row: &Row<'_>) -> Result<AuditEvent, StoreError> {
    let cells = Cells::of(row, "audit_event", "seq")?;
    let subject = match (cells.get::<Option<String>>("account_id")?, cells.get("login")?) {
        (Some(id), Some(login)) => Some(Subject { id: AccountId(id), login }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(cells.bad("half an account")),
    };
    Ok(AuditEvent {
        seq: cells.get("seq")?,
        at: cells.get("at")?,
        actor: cells.json("actor")?,
        action: cells.get("action")?,
        policy: cells.get("policy")?,
        sweep: cells.get("sweep")?,
        request: cells.get("request")?,
        subject,
        detail: cells.json("detail")?,
        prev_hash: cells.get("prev_hash")?,
        hash: cells.get("hash")?,
    })
}

/// Number and hash of the last event that was archived.
pub(super) fn archived(tx: &dyn Tx) -> Result<Option<(i64, String)>, StoreError> {
    tx.first("SELECT seq, hash FROM audit_archived", params![], |row| Ok((row.get(0)?, row.get(1)?)))
}
