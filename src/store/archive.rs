//! The audit trail's own end: events that are old enough leave the file, and the rest still verifies.
//!
//! The word for it is an event of the trail itself, which says up to where it begins later and what its last removed
//! event's hash was; the schema lets nothing be removed without it. So removing more than was recorded breaks
//! the chain, and the files together with the rest are the whole chain.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::domain::audit::{Action, AuditEvent, Draft, HEARTBEAT};
use crate::domain::request::RETRY_WITHIN;

use super::audit::{self, AuditContext, archived, decode};
use super::codec::time_text;
use super::request_rows::{COMPLETED, decode_completed};
use super::tx::{Tx, Value, marks, params};
use super::{Store, StoreError};

/// What an archive file is, for the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    pub file: String,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// Its first event.
    pub from: i64,
    /// Its last event.
    pub up_to: i64,
    /// The last event's hash.
    pub head: String,
}

impl Store {
    /// Number and hash of the last event that was archived and removed. `None`: the trail is whole.
    pub async fn archived(&self) -> Result<Option<(i64, String)>, StoreError> {
        self.read(|tx| archived(tx)).await
    }

    /// The next events that may be archived, oldest first, at most `at_most`: those before the first one that is not
    /// before `before`, that belongs to a request which still has something to do or to post or whose failures may
    /// still be tried again, or that a collector has not got yet. What is carried out is held to these events.
    pub async fn archivable(
        &self,
        before: DateTime<Utc>,
        at_most: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        self.read(move |tx| {
            let mut end =
                number(tx, "SELECT min(seq) FROM audit_event WHERE at >= ?1", params![time_text(before)])?;
            let retried_since = before - RETRY_WITHIN;
            let completed = tx.all(COMPLETED, params![], decode_completed)?;
            let retried = completed.iter().filter(|one| one.at >= retried_since);
            // No request has the number 0.
            let retried: Vec<_> = retried.map(|one| one.request.0).chain([0]).map(Value::Integer).collect();
            let live = format!(
                "SELECT min(audit_event.seq) FROM request
                 JOIN audit_event ON audit_event.request = request.id OR audit_event.sweep = request.sweep
                 WHERE request.told = 0 OR request.id IN ({})",
                marks(1, retried.len())
            );
            end = least(end, number(tx, &live, &retried)?);
            let wished = "SELECT min(seq) FROM restoration JOIN audit_event USING (account_id)
                          WHERE state = 'due' AND action = 'restore_asked'";
            end = least(end, number(tx, wished, params![])?);
            // The heartbeat gets no events, so none has to stay for it.
            let lacked = "SELECT min(seq) + 1 FROM forwarded WHERE collector <> ?1";
            end = least(end, number(tx, lacked, params![HEARTBEAT])?);
            let sql = "SELECT * FROM audit_event WHERE seq < ?1 ORDER BY seq LIMIT ?2";
            tx.all(sql, params![end.unwrap_or(i64::MAX), at_most], decode)
        })
        .await
    }

    /// Removes the events of an archive, with the word for it in the trail, in one transaction.
    pub async fn archive(&self, archive: Archive, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |tx| {
            let sql = "SELECT hash FROM audit_event WHERE seq = ?1";
            let head = tx.first(sql, params![archive.up_to], |row| row.get::<String>(0))?;
            if head.as_ref() != Some(&archive.head) {
                return Err(StoreError::Invalid(format!("the archive does not end with event {}", archive.up_to)));
            }
            let detail = json!({
                "file": archive.file, "sha256": archive.sha256,
                "from": archive.from, "up_to": archive.up_to, "head": archive.head,
            });
            let event = Draft::by_bot(now, Action::Archived, detail);
            audit::append(tx, &AuditContext::default(), event)?;
            let sql = "INSERT INTO audit_archived (id, seq, hash) VALUES (1, ?1, ?2)
                       ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash";
            tx.run(sql, params![archive.up_to, archive.head])?;
            tx.run("DELETE FROM audit_event WHERE seq <= ?1", params![archive.up_to])?;
            // Where to look for what is left.
            tx.run("DELETE FROM audit_day WHERE last_seq <= ?1", params![archive.up_to])?;
            let sql = "UPDATE audit_day SET first_seq = ?2 WHERE first_seq <= ?1";
            tx.run(sql, params![archive.up_to, archive.up_to + 1])?;
            let gone = "DELETE FROM audit_subject WHERE NOT EXISTS (SELECT 1 FROM audit_event
                        WHERE audit_event.account_id = audit_subject.account_id AND audit_event.login = audit_subject.login)";
            tx.run(gone, params![]).map(drop)
        })
        .await
    }
}

fn number(tx: &dyn Tx, sql: &str, params: &[Value<'_>]) -> Result<Option<i64>, StoreError> {
    Ok(tx.first(sql, params, |row| row.get::<Option<i64>>(0))?.flatten())
}

fn least(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.into_iter().chain(b).min()
}
