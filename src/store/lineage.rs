//! Which database this is, and whether it is stopped: known when the file is opened, and the same for every handle.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, Row};

use super::codec::{self, Cells};
use super::{Store, StoreError, archive};
use crate::domain::lineage::{DatabaseId, Head, Lineage};

impl Store {
    /// Which database this is, and why nothing is executed, if that is so. Asks nobody.
    pub fn lineage(&self) -> Arc<Lineage> {
        self.lineage.borrow().clone()
    }

    /// The head of the audit trail, and the hashes of those of these events that the file has. What was archived is left
    /// out, but for its last event.
    pub async fn head_and_hashes(
        &self,
        events: Vec<i64>,
    ) -> Result<(Head, BTreeMap<i64, String>), StoreError> {
        self.read(move |tx| {
            let mut hashes = BTreeMap::new();
            for event in events {
                let sql = "SELECT hash FROM audit_event WHERE seq = ?1";
                let hash = codec::first(tx, sql, [event], |row| Ok(row.get(0)?))?;
                hashes.extend(hash.map(|hash| (event, hash)));
            }
            hashes.extend(archive::archived(tx)?);
            Ok((head(tx)?, hashes))
        })
        .await
    }
}

/// The head of the audit trail.
pub(super) fn head(tx: &Connection) -> Result<Head, StoreError> {
    let sql = "SELECT seq, hash FROM audit_event ORDER BY seq DESC LIMIT 1";
    let last = codec::first(tx, sql, [], |row| Ok(Head { event: row.get(0)?, hash: row.get(1)? }))?;
    if let Some(last) = last {
        return Ok(last);
    }
    let archived = archive::archived(tx)?;
    let (event, hash) = archived.unwrap_or_else(|| (0, crate::domain::audit::GENESIS.to_owned()));
    Ok(Head { event, hash })
}

/// The identity row.
pub(super) fn load(tx: &Connection) -> Result<Lineage, StoreError> {
    let missing = || StoreError::Missing { table: "lineage", id: "1".to_owned() };
    codec::first(tx, "SELECT * FROM lineage", [], decode)?.ok_or_else(missing)
}

fn decode(row: &Row<'_>) -> Result<Lineage, StoreError> {
    let cells = Cells::of(row, "lineage", "one")?;
    Ok(Lineage {
        database: DatabaseId { id: cells.get("id")?, epoch: cells.get("epoch")? },
        epoch_began: cells.time_or_null("epoch_began")?,
        migrated: cells.get("migrated")?,
        acknowledged: cells.json("acknowledged")?,
        last_request: cells.get("last_request")?,
        last_restoration: cells.get("last_restoration")?,
        stopped: cells.json_or_null("stopped")?,
    })
}
