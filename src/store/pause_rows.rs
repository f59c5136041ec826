//! Reads pauses: from the file, or from the stops that are not in it yet.

use crate::domain::pause::Pause;

use super::StoreError;
use super::codec::Cells;
use super::stops::Stops;
use super::tx::{Row, Tx, params};

/// Returns the pause of the policy that is in force at this moment, written or not.
pub(super) fn in_force(tx: &dyn Tx, stops: &Stops, policy: &str) -> Result<Option<Pause>, StoreError> {
    Ok(in_file(tx, policy)?.or_else(|| stops.of(policy)))
}

pub(super) fn in_file(tx: &dyn Tx, policy: &str) -> Result<Option<Pause>, StoreError> {
    tx.first("SELECT * FROM pause WHERE policy = ?1 AND ended IS NULL", params![policy], decode)
}

pub(super) fn decode(row: &Row<'_>) -> Result<Pause, StoreError> {
    let cells = Cells::of(row, "pause", "id")?;
    Ok(Pause {
        id: cells.get("id")?,
        policy: cells.get("policy")?,
        began: cells.json("began")?,
        ended: cells.json_or_null("ended")?,
    })
}
