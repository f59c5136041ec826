//! Stores missed signs: each watched suspension is checked once, and people are notified once of what came to light.

use chrono::{DateTime, Utc};

use crate::domain::drift::Watch;
use crate::domain::missed::{self, Checked, Missed};

use super::audit::{self, AuditContext};
use super::codec::{Cells, json_text, time_text};
use super::tx::{Tx, params};
use super::watches::{self, WATCHES};
use super::{Notice, Store, StoreError, once, request_rows};

impl Store {
    /// Records what was read of suspended accounts that had not been checked yet.
    pub async fn record_checks(
        &self,
        checks: Vec<(i64, Checked)>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if checks.is_empty() {
            return Ok(());
        }
        self.write(move |tx| {
            for (id, checked) in checks {
                match record(tx, id, checked, now) {
                    Err(error @ StoreError::BadRow { .. }) => {
                        tracing::error!(%error, watch = id, "can't record a missed sign of life");
                    }
                    recorded => recorded?,
                }
            }
            Ok(())
        })
        .await
    }

    /// Returns the missed sign of a watch.
    pub async fn missed(&self, watch: i64) -> Result<Option<(Watch, Missed)>, StoreError> {
        let sql = format!("{WATCHES} WHERE id = ?1 AND missed IS NOT NULL");
        self.read(move |tx| {
            tx.first(&sql, params![watch], |row| {
                let missed = Cells::of(row, "watch", "id")?.json("missed")?;
                Ok((watches::decode(row)?, missed))
            })
        })
        .await
    }
}

fn record(tx: &dyn Tx, id: i64, checked: Checked, now: DateTime<Utc>) -> Result<(), StoreError> {
    let unchecked = format!("{WATCHES} WHERE id = ?1 AND checked_at IS NULL");
    let Some(watch) = tx.first(&unchecked, params![id], watches::decode)? else { return Ok(()) };
    let (request, _) = request_rows::need(tx, watch.request)?;
    let missed = missed::missed(&watch, &request.rule, checked);
    let json = missed.as_ref().map(json_text).transpose()?;
    let sql = "UPDATE watch SET checked_at = ?2, missed = ?3 WHERE id = ?1";
    tx.run(sql, params![id, time_text(now), json])?;
    missed.as_ref().map_or(Ok(()), |_| once::say(tx, Notice::Missed(id), now))?;
    let events = missed.iter().map(|missed| missed::found(&watch, missed, now)).collect();
    audit::append_all(tx, &AuditContext::of(&request), events).map(drop)
}
