//! Reads the row that says which database this is.

use crate::domain::lineage::{DatabaseId, Lineage};

use super::StoreError;
use super::codec::Cells;
use super::tx::{Row, Tx, params};

/// Reads the identity row.
pub(super) fn load(tx: &dyn Tx) -> Result<Lineage, StoreError> {
    let missing = || StoreError::Missing { table: "lineage", id: "1".to_owned() };
    tx.first("SELECT * FROM lineage", params![], decode)?.ok_or_else(missing)
}

fn decode(row: &Row<'_>) -> Result<Lineage, StoreError> {
    let cells = Cells::of(row, "lineage", "one")?;
    Ok(Lineage {
        database: DatabaseId { id: cells.get("id")?, epoch: cells.get("epoch")? },
        epoch_began: cells.get("epoch_began")?,
        migrated: cells.get("migrated")?,
        acknowledged: cells.json("acknowledged")?,
        last_request: cells.get("last_request")?,
        last_restoration: cells.get("last_restoration")?,
        stopped: cells.json_or_null("stopped")?,
    })
}
