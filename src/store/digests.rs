//! Digests: one per policy and slot, and the numbers in them.

use std::borrow::Cow;
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::domain::digest::{Owed, Tally};
use crate::domain::ids::PolicyName;
use crate::domain::sweep::slot_key;

use super::codec::{self, Cells, time_text};
use super::tx::{Row, Tx, hints, params};
use super::{Notice, Store, StoreError, once};

/// A digest that is to be posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestRow {
    /// Never reused.
    pub id: i64,
    /// The policy's name.
    pub policy: PolicyName,
    /// Where the time that it covers begins.
    pub since: DateTime<Utc>,
    /// Where it ends.
    pub until: DateTime<Utc>,
}

impl Store {
    /// Makes the digest of a slot, unless the slot has one.
    pub async fn start_digest(&self, policy: &str, owed: Owed) -> Result<(), StoreError> {
        let (policy, slot) = (policy.to_owned(), slot_key(owed.slot));
        let known = {
            let (policy, slot) = (policy.clone(), slot.clone());
            let sql = "SELECT id FROM digest WHERE policy = ?1 AND slot = ?2";
            self.read(move |tx| tx.first(sql, params![policy, slot], |_| Ok(()))).await?
        };
        if known.is_some() {
            return Ok(());
        }
        self.write(move |tx| {
            let sql = "INSERT INTO digest (policy, slot, since, until) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (policy, slot) DO NOTHING RETURNING id";
            let (since, until) = (time_text(owed.since), time_text(owed.slot));
            let id = tx.first(sql, params![policy, slot, since, until], codec::id)?;
            id.map_or(Ok(()), |id| once::say(tx, Notice::Digest(id), owed.slot))
        })
        .await
    }

    /// The digest with this id.
    pub async fn digest(&self, id: i64) -> Result<Option<DigestRow>, StoreError> {
        self.read(move |tx| tx.first("SELECT * FROM digest WHERE id = ?1", params![id], decode)).await
    }

    /// What the audit trail has of the policy from `since` on and before `until`.
    pub async fn tally(
        &self,
        policy: &str,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Tally, StoreError> {
        let policy = policy.to_owned();
        self.read(move |tx| tally(tx, &policy, since, until)).await
    }
}

/// What an event's detail says that counts.
#[derive(Deserialize)]
struct Counted<'a> {
    #[serde(rename = "as", borrow)]
    shown_as: Option<Cow<'a, str>>,
    seconds_to_decide: Option<i64>,
}

fn tally(tx: &dyn Tx, policy: &str, since: DateTime<Utc>, until: DateTime<Utc>) -> Result<Tally, StoreError> {
    let sql = format!(
        "SELECT seq, action, detail FROM audit_event {} WHERE policy = ?1 AND at >= ?2 AND at < ?3",
        hints::BY_POLICY_AND_TIME
    );
    let mut tally = Tally::default();
    tx.each(&sql, params![policy, time_text(since), time_text(until)], &mut |row| {
        let action: &str = row.get(1)?;
        let detail = || -> Result<Counted<'_>, StoreError> {
            serde_json::from_str(row.get(2)?)
                .or_else(|error| Err(Cells::of(row, "audit_event", "seq")?.bad(format!("detail: {error}"))))
        };
        let counter = match action {
            "sweep_finished" => &mut tally.sweeps,
            "sweep_held" | "sweep_refused" | "sweep_failed" => &mut tally.troubled,
            // A preview proposes nothing to anybody, and nobody answers it.
            "proposed" | "expired" if detail()?.shown_as.as_deref() == Some("previewed") => &mut 0,
            "proposed" => &mut tally.proposed,
            "suspended" => &mut tally.suspended,
            "kept" => &mut tally.kept,
            "denied" => &mut tally.denied,
            "expired" => &mut tally.expired,
            "restored" => &mut tally.restored,
            "suspension_failed" => &mut tally.failed,
            _ => &mut 0,
        };
        *counter += 1;
        if matches!(action, "approved" | "denied") {
            tally.seconds_to_decide.extend(detail()?.seconds_to_decide);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(tally)
}

fn decode(row: &Row<'_>) -> Result<DigestRow, StoreError> {
    let cells = Cells::of(row, "digest", "id")?;
    Ok(DigestRow {
        id: cells.get("id")?,
        policy: cells.get("policy")?,
        since: cells.get("since")?,
        until: cells.get("until")?,
    })
}
