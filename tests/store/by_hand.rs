//! What anybody who may write the bot's file can do to it with another program. Stories of the whole bot include this,
//! so that all SQL of the tests is in this folder.

use std::path::Path;
use std::time::Duration;

use chrono::SecondsFormat;
use inactive_contractors::domain::account::AccountId;
use inactive_contractors::domain::audit::{Actor, AuditEvent, GENESIS, Subject};
use inactive_contractors::store::Store;
use rusqlite::{Connection, params};
use serde_json::Value;

/// A connection that waits for its turn, as another program would.
fn open(file: &Path) -> Connection {
    let connection = Connection::open(file).expect("anybody who has the file can open it");
    connection.busy_timeout(Duration::from_secs(5)).expect("it can be set");
    connection
}

fn change(file: &Path, sql: &str) {
    open(file).execute_batch(sql).expect("anybody who has the file can do that");
}

/// Another program that holds the file now and then.
pub struct Holder(Connection);

impl Holder {
    pub fn of(file: &Path) -> Holder {
        Holder(open(file))
    }

    pub fn hold(&self) {
        self.0.execute_batch("BEGIN IMMEDIATE").expect("the file is free for a moment");
    }

    /// Keeps the log from being moved into the file.
    pub fn read(&self) {
        self.0.execute_batch("BEGIN; SELECT count(*) FROM message").expect("it can be read");
    }

    /// Changes what only the log says, for as long as this is open.
    pub fn write_to_log(&self) {
        self.0.execute_batch("UPDATE message SET attempts = 77").expect("it can be written");
    }

    pub fn let_go(&self) {
        self.0.execute_batch("ROLLBACK").expect("it is ours");
    }
}

/// Returns whether the file, or the log beside it, has what [`Holder::write_to_log`] wrote.
pub fn has_what_the_log_had(file: &Path) -> bool {
    let sql = "SELECT min(attempts) = 77 FROM message";
    open(file).query_row(sql, [], |row| row.get(0)).unwrap_or_default()
}

/// Writes another login into all events with this action.
pub fn rename_in_trail(file: &Path, action: &str, login: &str) {
    change(file, "DROP TRIGGER audit_no_update");
    open(file)
        .execute("UPDATE audit_event SET login = ?2 WHERE action = ?1", [action, login])
        .expect("anybody who has the file can do that");
}

/// Removes what an event says.
pub fn empty_event(file: &Path, seq: i64) {
    change(file, "DROP TRIGGER audit_no_update");
    open(file)
        .execute("UPDATE audit_event SET detail = '{}' WHERE seq = ?1", [seq])
        .expect("anybody who has the file can do that");
}

/// Leaves room in the file that nothing needs.
pub fn waste_room(file: &Path) {
    change(file, "CREATE TABLE big (x); INSERT INTO big VALUES (zeroblob(99999)); DROP TABLE big");
}

/// How many pages of the file hold nothing.
pub fn free_pages(file: &Path) -> i64 {
    open(file).query_row("PRAGMA freelist_count", [], |row| row.get(0)).expect("a number")
}

/// Makes a database as version 7 left it.
pub fn make_version_7(file: &Path) {
    change(file, include_str!("versions/v7.sql"));
}

/// The version of the schema.
pub fn version(file: &Path) -> i64 {
    open(file).query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a number")
}

/// Makes every exemption one that can't be read, and is over.
pub fn break_exemptions(file: &Path) {
    change(
        file,
        "UPDATE exemption SET granted_by = '{', starts_at = '2025-01-01T00:00:00.000Z',
             ends_at = '2026-01-01T00:00:00.000Z'",
    );
}

/// Makes every request one that can't be read.
pub fn break_requests(file: &Path) {
    change(file, "UPDATE request SET list_hash = 'another'");
}

/// Does the same in the moment in which an input is settled.
pub fn break_requests_after_a_decision(file: &Path) {
    change(
        file,
        "CREATE TRIGGER breaks AFTER UPDATE OF outcome ON receipt
         BEGIN UPDATE request SET list_hash = 'another'; END",
    );
}

/// Has every change of this kind of a policy's rows in a table fail, and no other.
pub fn refuse(file: &Path, on: &str, table: &str, policy: &str) {
    refuse_nothing(file);
    change(
        file,
        &format!(
            "CREATE TRIGGER fails BEFORE {on} ON {table} WHEN NEW.policy = '{policy}'
             BEGIN SELECT RAISE(ABORT, 'no room'); END"
        ),
    );
}

/// Ends what [`refuse`] began.
pub fn refuse_nothing(file: &Path) {
    change(file, "DROP TRIGGER IF EXISTS fails");
}

/// As after a crash before the last messages.
pub fn nothing_is_told(file: &Path) {
    change(file, "UPDATE request SET told = 0");
}

/// As if the outcomes had not been posted.
pub fn outcomes_do_not_stand(file: &Path) {
    change(file, "UPDATE message SET ts = NULL WHERE key LIKE '%outcomes%'");
}

/// As after a backup from before any dialog was opened.
pub fn forget_reviews(file: &Path) {
    change(file, "DELETE FROM review");
}

/// Writes an approval of every request into the rows.
pub fn approve(file: &Path, request: &Value, candidate: &Value) {
    let file = open(file);
    let sql = "UPDATE request SET state = 'approved', state_json = ?1";
    file.execute(sql, [request.to_string()]).expect("anybody who has the file can do that");
    let sql = "UPDATE candidate SET state = 'due', state_json = ?1";
    file.execute(sql, [candidate.to_string()]).expect("anybody who has the file can do that");
}

/// Puts the whole trail a year back, with hashes that fit, as if it had been written then.
pub fn make_old(file: &Path) {
    let events = Store::inspect(file).expect("it is there").events().expect("it can be read");
    let raw = open(file);
    let triggers = ["audit_no_update", "audit_appends"].map(|name| {
        let sql = "SELECT sql FROM sqlite_schema WHERE name = ?1";
        let text: String = raw.query_row(sql, [name], |row| row.get(0)).expect("it is there");
        raw.execute_batch(&format!("DROP TRIGGER {name}")).expect("it can be dropped");
        text
    });
    let mut prev_hash = GENESIS.to_owned();
    for event in events {
        let at = chrono::DateTime::parse_from_rfc3339(&event.at).expect("a time").to_utc();
        let subject =
            event.account_id.zip(event.login).map(|(id, login)| Subject { id: AccountId(id), login });
        let mut event = AuditEvent {
            seq: event.seq,
            at: at - chrono::Duration::days(365),
            actor: serde_json::from_value::<Actor>(event.actor).expect("an actor"),
            action: event.action,
            policy: event.policy.map(Into::into),
            sweep: event.sweep,
            request: event.request,
            subject,
            detail: event.detail,
            prev_hash: prev_hash.clone(),
            hash: String::new(),
        };
        event.hash = event.compute_hash();
        let at = event.at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let sql = "UPDATE audit_event SET at = ?2, prev_hash = ?3, hash = ?4 WHERE seq = ?1";
        raw.execute(sql, params![event.seq, at, event.prev_hash, event.hash]).expect("it can be changed");
        prev_hash = event.hash;
    }
    for sql in triggers {
        raw.execute_batch(&sql).expect("it can be made again");
    }
}
