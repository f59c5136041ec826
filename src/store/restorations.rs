//! Restorations: asked for once, and stepped to their end.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::domain::account::AccountId;
use crate::domain::ids::{PolicyName, RequestId};
use crate::domain::restoration::{self, Restoration, RestorationState, RestoreStep, Skip, Wish};

use super::audit::{self, AuditContext};
use super::codec::{self, Cells, json_text, time_text};
use super::tx::{Row, Tx, hints, params};
use super::{Notice, Store, StoreError, once, request_rows};

/// What came of a wish to restore an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedFor {
    /// It is to be done.
    New(i64),
    /// The same input had asked before.
    Repeated(i64),
    /// Somebody's wish for the same account is being carried out.
    Already(Box<Restoration>),
}

impl Store {
    /// Records a wish that was checked, with the account's status change as it was read for that. `key` names the
    /// input: the same input asks once.
    pub async fn ask_restoration(
        &self,
        key: &str,
        wish: Wish,
        status_changed: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<AskedFor, StoreError> {
        let key = key.to_owned();
        self.write(move |tx| {
            if let Some(id) =
                tx.first("SELECT id FROM restoration WHERE key = ?1", params![&key], codec::id)?
            {
                return Ok(AskedFor::Repeated(id));
            }
            let due = "SELECT * FROM restoration WHERE account_id = ?1 AND state = 'due'";
            if let Some(due) = tx.first(due, params![&wish.account.id.0], decode)? {
                return Ok(AskedFor::Already(Box::new(due)));
            }
            ask(tx, &key, &wish, &RestorationState::due(status_changed), now).map(AskedFor::New)
        })
        .await
    }

    /// The restoration with this id.
    pub async fn restoration(&self, id: i64) -> Result<Option<Restoration>, StoreError> {
        self.read(move |tx| load(tx, id)).await
    }

    /// The restorations that have something to do, oldest first.
    pub async fn live_restorations(&self) -> Result<Vec<i64>, StoreError> {
        let sql = "SELECT id FROM restoration WHERE state = 'due' ORDER BY id";
        self.read(|tx| tx.all(sql, params![], codec::id)).await
    }

    /// Takes one step of a restoration, and returns its state after the step. `None`: nothing may be done, because
    ///
    /// - it isn't due;
    /// - the database is stopped, or the wish is from an earlier epoch;
    /// - the audit trail does not have the wish that the row claims.
    pub async fn step_restoration(
        &self,
        id: i64,
        step: RestoreStep,
        now: DateTime<Utc>,
    ) -> Result<Option<RestorationState>, StoreError> {
        let lineage = self.lineage.subscribe();
        self.write(move |tx| {
            let missing = || StoreError::Missing { table: "restoration", id: id.to_string() };
            let restoration = load(tx, id)?.ok_or_else(missing)?;
            if matches!(step, RestoreStep::Intend { .. }) && !lineage.borrow().executes_restoration(id) {
                return Ok(None);
            }
            let unproven = matches!(step, RestoreStep::Intend { .. } | RestoreStep::Confirm(_))
                && !is_proven(tx, &restoration)?;
            let step = if unproven { RestoreStep::Skip(Skip::Unproven) } else { step };
            let Some((state, events)) = restoration::step(&restoration, step, now) else {
                return Ok(None);
            };
            set(tx, &restoration, &state, now)?;
            audit::append_all(tx, &context(tx, &restoration.wish)?, events)?;
            Ok((!unproven).then_some(state))
        })
        .await
    }

    /// The restorations of accounts that were suspended for this request, oldest first.
    pub async fn restorations_for(&self, request: RequestId) -> Result<Vec<Restoration>, StoreError> {
        let sql = "SELECT * FROM restoration WHERE request = ?1 ORDER BY id";
        self.read(move |tx| tx.all(sql, params![request], decode)).await
    }

    /// When we last gave each of these accounts back; those that we never did are left out.
    pub async fn restored_by_us(
        &self,
        ids: Vec<AccountId>,
    ) -> Result<BTreeMap<AccountId, DateTime<Utc>>, StoreError> {
        self.read(move |tx| {
            let mut latest = BTreeMap::new();
            let sql =
                "SELECT * FROM restoration WHERE account_id = ?1 AND state = 'restored' ORDER BY id DESC";
            for id in ids {
                if let Some(Restoration { state: RestorationState::Restored { at, .. }, .. }) =
                    tx.first(sql, params![&id.0], decode)?
                {
                    latest.insert(id, at);
                }
            }
            Ok(latest)
        })
        .await
    }

    /// The latest request for which we suspended the account, with its policy, if we ever did.
    pub async fn suspended_for(&self, id: &AccountId) -> Result<Option<(RequestId, PolicyName)>, StoreError> {
        let id = id.clone();
        self.read(move |tx| {
            let sql = "SELECT request.id, request.policy FROM candidate JOIN request ON request.id = candidate.request
                       WHERE account_id = ?1 AND candidate.state = 'suspended' ORDER BY request.id DESC";
            tx.first(sql, params![&id.0], |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .await
    }
}

fn ask(
    tx: &dyn Tx,
    key: &str,
    wish: &Wish,
    state: &RestorationState,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let id = tx.insert(
        "INSERT INTO restoration (key, policy, provider, request, account_id, login, name, asked_by, reason, asked_at,
                                  state, state_json)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) RETURNING id",
        params![
            key,
            wish.policy,
            &*wish.provider,
            wish.request,
            wish.account.id.0,
            wish.account.login,
            wish.name,
            json_text(&wish.by)?,
            wish.reason,
            time_text(now),
            state.word(),
            json_text(state)?,
        ],
    )?;
    card_changes(tx, wish)?;
    audit::append(tx, &context(tx, wish)?, restoration::asked(wish, now))?;
    Ok(id)
}

/// Ends the wishes for which nothing was tried yet. What a try did has to be read first.
pub(super) fn supersede(tx: &dyn Tx, now: DateTime<Utc>) -> Result<(), StoreError> {
    for restoration in tx.all("SELECT * FROM restoration WHERE state = 'due'", params![], decode)? {
        if restoration.state.was_tried() {
            continue;
        }
        if let Some((state, events)) =
            restoration::step(&restoration, RestoreStep::Skip(Skip::Superseded), now)
        {
            set(tx, &restoration, &state, now)?;
            audit::append_all(tx, &context(tx, &restoration.wish)?, events)?;
        }
    }
    Ok(())
}

fn set(
    tx: &dyn Tx,
    restoration: &Restoration,
    state: &RestorationState,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE restoration SET state = ?2, state_json = ?3 WHERE id = ?1",
        params![restoration.id, state.word(), json_text(state)?],
    )?;
    if !matches!(state, RestorationState::Due { .. }) {
        once::say(tx, Notice::Restoration(restoration.id), now)?;
    }
    card_changes(tx, &restoration.wish)
}

fn is_proven(tx: &dyn Tx, restoration: &Restoration) -> Result<bool, StoreError> {
    let sql = format!(
        "SELECT * FROM audit_event {}
         WHERE account_id = ?1 AND action = 'restore_asked' ORDER BY seq DESC LIMIT 1",
        hints::BY_ACCOUNT
    );
    let account = &restoration.wish.account.id.0;
    let asked = request_rows::readable(tx.first(&sql, params![account], audit::decode))?.flatten();
    if restoration::is_proven(restoration, asked.as_ref()) {
        return Ok(true);
    }
    tracing::error!(
        restoration = restoration.id,
        "THE DATABASE WAS CHANGED BY HAND: the audit trail has no record of this request, so nobody is restored; keep the \
         file as evidence"
    );
    Ok(false)
}

/// The card of the request says who is back.
fn card_changes(tx: &dyn Tx, wish: &Wish) -> Result<(), StoreError> {
    wish.request.map_or(Ok(()), |request| request_rows::card_changes(tx, request))
}

fn context(tx: &dyn Tx, wish: &Wish) -> Result<AuditContext, StoreError> {
    let sweep = match wish.request {
        Some(request) => tx.first("SELECT sweep FROM request WHERE id = ?1", params![request], codec::id)?,
        None => None,
    };
    Ok(AuditContext { policy: Some(wish.policy.clone()), sweep, request: wish.request, rule: None })
}

fn load(tx: &dyn Tx, id: i64) -> Result<Option<Restoration>, StoreError> {
    tx.first("SELECT * FROM restoration WHERE id = ?1", params![id], decode)
}

fn decode(row: &Row<'_>) -> Result<Restoration, StoreError> {
    let cells = Cells::of(row, "restoration", "id")?;
    let state = cells.state(RestorationState::word)?;
    Ok(Restoration {
        id: cells.get("id")?,
        wish: Wish {
            policy: cells.get("policy")?,
            provider: cells.get("provider")?,
            request: cells.get("request")?,
            account: cells.subject()?,
            name: cells.get("name")?,
            by: cells.json("asked_by")?,
            reason: cells.get("reason")?,
        },
        asked_at: cells.get("asked_at")?,
        state,
    })
}
