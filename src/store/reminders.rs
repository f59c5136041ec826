//! Reminders and escalations: begun while the request waits, sent once, and in the audit trail when they are.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::domain::audit::{Action, Draft};
use crate::domain::ids::RequestId;
use crate::domain::reminders::{Kind, Reminder};

use super::audit::{self, AuditContext};
use super::codec::time_text;
use super::tx::{Tx, params};
use super::{Store, StoreError, request_rows};

impl Store {
    /// Whether this is to be sent now: the request still waits, and it has not been sent. Remembers that it was begun,
    /// so that a restart looks for it.
    pub async fn begin_nudge(
        &self,
        request: RequestId,
        nudge: Reminder,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let stage = nudge.stage();
        let known = {
            let stage = stage.clone();
            self.read(move |tx| told(tx, request, &stage)).await?
        };
        if known == Some(true) {
            return Ok(false);
        }
        self.write(move |tx| {
            let (row, _) = request_rows::need(tx, request)?;
            if !row.state.awaits_decision() || told(tx, request, &stage)? == Some(true) {
                return Ok(false);
            }
            let sql = "INSERT INTO nudge (request, stage, begun_at) VALUES (?1, ?2, ?3)
                       ON CONFLICT (request, stage) DO NOTHING";
            tx.run(sql, params![request, stage, time_text(now)])?;
            Ok(true)
        })
        .await
    }

    /// What was begun and is not known to have been sent.
    pub async fn begun_nudges(&self, request: RequestId) -> Result<Vec<Reminder>, StoreError> {
        self.read(move |tx| {
            let sql = "SELECT stage FROM nudge WHERE request = ?1 AND told_at IS NULL ORDER BY stage";
            let stages = tx.all(sql, params![request], |row| row.get::<String>(0))?;
            Ok(stages.iter().filter_map(|stage| Reminder::of_stage(stage)).collect())
        })
        .await
    }

    /// It was never sent, and must not be any more.
    pub async fn forget_nudge(&self, request: RequestId, nudge: Reminder) -> Result<(), StoreError> {
        self.write(move |tx| {
            let sql = "DELETE FROM nudge WHERE request = ?1 AND stage = ?2 AND told_at IS NULL";
            tx.run(sql, params![request, nudge.stage()]).map(drop)
        })
        .await
    }

    /// It was sent to these people and user groups. A second time changes nothing.
    pub async fn nudge_told(
        &self,
        request: RequestId,
        nudge: Reminder,
        to: Vec<String>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            let sql = "UPDATE nudge SET told_at = ?3 WHERE request = ?1 AND stage = ?2 AND told_at IS NULL";
            if tx.run(sql, params![request, nudge.stage(), time_text(now)])? == 0 {
                return Ok(());
            }
            let (row, _) = request_rows::need(tx, request)?;
            let action = match nudge.kind {
                Kind::Reminder => Action::Reminded,
                Kind::Escalation => Action::Escalated,
            };
            let detail = json!({ "due": nudge.at, "deadline": row.deadline, "to": to });
            let event = Draft::by_bot(now, action, detail);
            audit::append(tx, &AuditContext::of(&row), event).map(drop)
        })
        .await
    }
}

/// Whether it was sent; `None` if it has not been begun.
fn told(tx: &dyn Tx, request: RequestId, stage: &str) -> Result<Option<bool>, StoreError> {
    let sql =
        "SELECT CASE WHEN told_at IS NULL THEN 0 ELSE 1 END FROM nudge WHERE request = ?1 AND stage = ?2";
    tx.first(sql, params![request, stage], |row| row.get(0))
}
