//! Digests: one per policy and slot, and the numbers that they tell.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::codec::{self, Cells, time_text};
use super::{Store, StoreError};
use crate::domain::digest::{Owed, Tally};
use crate::domain::sweep::slot_key;

/// A digest that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestRow {
    /// Never reused.
    pub id: i64,
    /// The policy's name.
    pub policy: String,
    /// Where the time that it tells of begins.
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
            self.read(move |tx| codec::first(tx, sql, [policy, slot], codec::id)).await?
        };
        if known.is_some() {
            return Ok(());
        }
        self.write(move |tx| {
            let sql = "INSERT INTO digest (policy, slot, since, until) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (policy, slot) DO NOTHING";
            codec::run(tx, sql, params![policy, slot, time_text(owed.since), time_text(owed.slot)]).map(drop)
        })
        .await
    }

    /// The ids of the digests that the channel has not been told, oldest first.
    pub async fn untold_digests(&self) -> Result<Vec<i64>, StoreError> {
        self.read(|tx| codec::all(tx, "SELECT id FROM digest WHERE told = 0 ORDER BY id", [], codec::id))
            .await
    }

    /// The digest with this id.
    pub async fn digest(&self, id: i64) -> Result<Option<DigestRow>, StoreError> {
        self.read(move |tx| codec::first(tx, "SELECT * FROM digest WHERE id = ?1", [id], decode)).await
    }

    /// The channel has been told.
    pub async fn digest_told(&self, id: i64) -> Result<(), StoreError> {
        self.write(move |tx| codec::run(tx, "UPDATE digest SET told = 1 WHERE id = ?1", [id]).map(drop)).await
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

fn tally(
    tx: &Connection,
    policy: &str,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Tally, StoreError> {
    let sql =
        "SELECT action, json_extract(detail, '$.as'), json_extract(detail, '$.seconds_to_decide'), count(*)
               FROM audit_event INDEXED BY audit_policy_at
               WHERE policy = ?1 AND at >= ?2 AND at < ?3 GROUP BY 1, 2, 3";
    let rows = codec::all(tx, sql, params![policy, time_text(since), time_text(until)], |row| {
        let cells: (String, Option<String>, Option<i64>, u32) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok(cells)
    })?;
    let mut tally = Tally::default();
    for (action, shown_as, seconds, count) in rows {
        let counter = match action.as_str() {
            "sweep_finished" => &mut tally.sweeps,
            "sweep_held" | "sweep_refused" | "sweep_failed" => &mut tally.troubled,
            // A preview proposes nothing to anybody, and nobody answers it.
            "proposed" | "expired" if shown_as.as_deref() == Some("previewed") => &mut 0,
            "proposed" => &mut tally.proposed,
            "suspended" => &mut tally.suspended,
            "kept" => &mut tally.kept,
            "denied" => &mut tally.denied,
            "expired" => &mut tally.expired,
            "restored" => &mut tally.restored,
            "suspension_failed" => &mut tally.failed,
            _ => &mut 0,
        };
        *counter += count;
        if matches!(action.as_str(), "approved" | "denied") {
            let times = std::iter::repeat_n(seconds, count as usize).flatten();
            tally.seconds_to_decide.extend(times);
        }
    }
    Ok(tally)
}

fn decode(row: &Row<'_>) -> Result<DigestRow, StoreError> {
    let cells = Cells::of(row, "digest", "id")?;
    Ok(DigestRow {
        id: cells.get("id")?,
        policy: cells.get("policy")?,
        since: cells.time("since")?,
        until: cells.time("until")?,
    })
}
