//! Writes many events at once, for measurements.

use std::path::Path;

use chrono::SecondsFormat;
use inactive_contractors::domain::audit::AuditEvent;
use rusqlite::{Connection, params};
use serde_json::json;

/// Writes the events in one transaction, as the store would one by one. Each is made of its number and the hash before it.
pub fn fill(file: &Path, events: i64, genesis: &str, event: impl Fn(i64, String) -> AuditEvent) {
    let mut connection = Connection::open(file).expect("the file");
    connection.pragma_update(None, "foreign_keys", false).expect("a pragma");
    let tx = connection.transaction().expect("a transaction");
    let mut hash = genesis.to_owned();
    let mut insert = tx
        .prepare(
            "INSERT INTO audit_event
                 (seq, at, actor, action, policy, sweep, request, account_id, login, detail, prev_hash, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )
        .expect("the schema");
    for seq in 1..=events {
        let event = event(seq, hash);
        let subject = event.subject.as_ref();
        let values = params![
            event.seq,
            event.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            json!(event.actor).to_string(),
            event.action,
            event.policy.as_deref(),
            event.sweep.map(|id| id.0),
            event.request.map(|id| id.0),
            subject.map(|subject| &subject.id.0),
            subject.map(|subject| &subject.login),
            event.detail.to_string(),
            event.prev_hash,
            event.hash,
        ];
        insert.execute(values).expect("a row");
        hash = event.hash;
    }
    drop(insert);
    tx.commit().expect("they are written");
}
