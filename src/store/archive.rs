//! The audit trail's own end: events that are old enough leave the file, and the rest still verifies.
//!
//! The word for it is an event of the trail itself, which says up to where it begins later and what its last removed
//! event's hash was; the schema lets nothing be removed without it. So removing more than was recorded breaks
//! the chain, and the files together with the rest are the whole chain.

use chrono::{DateTime, Duration, Utc};
use rusqlite::{Connection, params};
use serde_json::json;

use super::audit::{self, AuditContext, decode};
use super::codec::{self, time_text};
use super::{Store, StoreError};
use crate::domain::audit::{Action, Actor, AuditEvent};
use crate::domain::request::RETRY_WITHIN;
use crate::forward::HEARTBEAT;

/// What an archive file is, for the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The file's name.
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
    /// before `before`, that belongs to a request which still has something to do or to tell or whose failures may still
    /// be tried again, or that a collector has not got yet. What is carried out is held to these events.
    pub async fn archivable(
        &self,
        before: DateTime<Utc>,
        at_most: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        self.read(move |tx| {
            let mut end = number(tx, "SELECT min(seq) FROM audit_event WHERE at >= ?1", [time_text(before)])?;
            let live = "SELECT min(audit_event.seq) FROM request
                        JOIN audit_event ON audit_event.request = request.id OR audit_event.sweep = request.sweep
                        WHERE request.told = 0
                            OR (request.state = 'completed' AND json_extract(request.state_json, '$.at') >= ?1)";
            // What the column holds is written by serde and not as other times are, so a second more.
            let retried_since = time_text(before - RETRY_WITHIN - Duration::seconds(1));
            end = least(end, number(tx, live, [retried_since])?);
            let wished = "SELECT min(seq) FROM restoration JOIN audit_event USING (account_id)
                          WHERE state = 'due' AND action = 'restore_asked'";
            end = least(end, number(tx, wished, [])?);
            // The heartbeat gets no events, so none has to stay for it.
            let lacked = "SELECT min(seq) + 1 FROM forwarded WHERE collector <> ?1";
            end = least(end, number(tx, lacked, [HEARTBEAT])?);
            let sql = "SELECT * FROM audit_event WHERE seq < ?1 ORDER BY seq LIMIT ?2";
            codec::all(tx, sql, params![end.unwrap_or(i64::MAX), at_most], decode)
        })
        .await
    }

    /// Removes the events of an archive, with the word for it in the trail, in one transaction.
    pub async fn archive(&self, archive: Archive, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |tx| {
            let sql = "SELECT hash FROM audit_event WHERE seq = ?1";
            let head = codec::first(tx, sql, [archive.up_to], |row| Ok(row.get::<_, String>(0)?))?;
            if head.as_ref() != Some(&archive.head) {
                return Err(StoreError::Invalid(format!("the archive does not end with event {}", archive.up_to)));
            }
            let detail = json!({
                "file": archive.file, "sha256": archive.sha256,
                "from": archive.from, "up_to": archive.up_to, "head": archive.head,
            });
            let event = audit::draft(now, Actor::System, Action::Archived, detail);
            audit::append(tx, &AuditContext::default(), event)?;
            let sql = "INSERT INTO audit_archived (id, seq, hash) VALUES (1, ?1, ?2)
                       ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash";
            codec::run(tx, sql, params![archive.up_to, archive.head])?;
            codec::run(tx, "DELETE FROM audit_event WHERE seq <= ?1", [archive.up_to])?;
            // Where to look for what is left.
            codec::run(tx, "DELETE FROM audit_day WHERE last_seq <= ?1", [archive.up_to])?;
            let sql = "UPDATE audit_day SET first_seq = ?1 + 1 WHERE first_seq <= ?1";
            codec::run(tx, sql, [archive.up_to])?;
            let gone = "DELETE FROM audit_subject WHERE NOT EXISTS (SELECT 1 FROM audit_event
                        WHERE audit_event.account_id = audit_subject.account_id AND audit_event.login = audit_subject.login)";
            codec::run(tx, gone, []).map(drop)
        })
        .await
    }

    /// Gives the room of what was removed back to the disk, if there is any.
    pub async fn shrink(&self) -> Result<(), StoreError> {
        self.run(|connection| {
            let free: i64 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
            if free > 0 {
                connection.execute_batch("VACUUM")?;
            }
            Ok(())
        })
        .await
    }
}

/// Number and hash of the last event that was archived.
pub(super) fn archived(tx: &Connection) -> Result<Option<(i64, String)>, StoreError> {
    codec::first(tx, "SELECT seq, hash FROM audit_archived", [], |row| Ok((row.get(0)?, row.get(1)?)))
}

fn number(tx: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Option<i64>, StoreError> {
    Ok(codec::first(tx, sql, params, |row| Ok(row.get::<_, Option<i64>>(0)?))?.flatten())
}

fn least(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.into_iter().chain(b).min()
}
