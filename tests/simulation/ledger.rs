//! What the database says, read beside the bot by a connection of its own, as raw rows: the checks don't trust the code
//! that wrote them.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags, Row, params};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What stands before the first event in place of a hash.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Something still to be done that no clock but a retry's keeps waiting.
pub const DUE: [(&str, &str); 5] = [
    ("accounts without an outcome", "SELECT count(*) FROM candidate WHERE state = 'due'"),
    ("sweeps without an end", "SELECT count(*) FROM sweep WHERE state = 'started'"),
    ("sweeps that were not told", "SELECT count(*) FROM sweep WHERE told = 0"),
    (
        "restorations that are due or not told",
        "SELECT count(*) FROM restoration WHERE state = 'due' OR told = 0",
    ),
    (
        "requests that are to be carried out or told",
        "SELECT count(*) FROM request WHERE told = 0
         AND (state NOT IN ('preview', 'held', 'pending') OR deadline IS NULL)",
    ),
];

/// An audit event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub seq: i64,
    pub at: String,
    pub actor: Value,
    pub action: String,
    pub policy: Option<String>,
    pub sweep: Option<i64>,
    pub request: Option<i64>,
    pub account: Option<(String, String)>,
    pub detail: Value,
    pub prev_hash: String,
    pub hash: String,
}

impl Event {
    /// The person who did it.
    pub fn person(&self) -> Option<&str> {
        self.actor.pointer("/person/id")?.as_str()
    }

    pub fn at(&self) -> DateTime<Utc> {
        time(&self.at)
    }

    /// The hash as the documents describe it.
    pub fn true_hash(&self) -> String {
        let subject = self.account.as_ref().map(|(id, login)| json!({ "id": id, "login": login }));
        let body = json!([
            self.seq,
            self.at,
            self.actor,
            self.action,
            self.policy,
            self.sweep,
            self.request,
            subject,
            self.detail
        ]);
        let hash = Sha256::digest(format!("{}\n{body}", self.prev_hash));
        hash.iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|half| char::from_digit(half.into(), 16))
            .collect()
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub id: i64,
    pub rule: Value,
    pub deadline: Option<DateTime<Utc>>,
    pub approvals_needed: u32,
    pub state: Value,
}

impl Asked {
    pub fn word(&self) -> &str {
        self.state["state"].as_str().unwrap_or_default()
    }

    pub fn has_ended(&self) -> bool {
        !matches!(self.word(), "preview" | "held" | "pending" | "approved")
    }
}

/// One account of a request.
#[derive(Clone, Debug)]
pub struct Listed {
    pub request: i64,
    pub position: u32,
    pub account: String,
    pub login: String,
    pub state: String,
    pub json: Value,
}

/// A connection that only reads.
pub struct Ledger(Mutex<Connection>);

impl Ledger {
    pub fn open(path: &Path) -> Ledger {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ledger(Mutex::new(Connection::open_with_flags(path, flags).expect("the file is there")))
    }

    /// Reads another file from now on.
    pub fn reopen(&self, path: &Path) {
        let Ledger(connection) = Ledger::open(path);
        *self.connection() = connection.into_inner().unwrap_or_else(PoisonError::into_inner);
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql).expect("the schema is known");
        let rows = statement.query_map(params, row).expect("it can be read");
        rows.collect::<Result<_, _>>().expect("every row can be read")
    }

    pub fn number(&self, sql: &str) -> i64 {
        self.all(sql, [], |row| row.get(0)).pop().unwrap_or_default()
    }

    pub fn events_after(&self, seq: i64) -> Vec<Event> {
        self.all("SELECT * FROM audit_event WHERE seq > ?1 ORDER BY seq", [seq], event)
    }

    /// The events that name this person.
    pub fn events_of(&self, user: &str) -> Vec<Event> {
        let sql = "SELECT * FROM audit_event WHERE json_extract(actor, '$.person.id') = ?1 ORDER BY seq";
        self.all(sql, [user], event)
    }

    /// The actions of the trail about one account within one request, oldest first.
    pub fn actions(&self, request: i64, account: &str) -> Vec<String> {
        let sql = "SELECT action FROM audit_event WHERE request = ?1 AND account_id = ?2 ORDER BY seq";
        self.all(sql, params![request, account], |row| row.get(0))
    }

    /// The last thing that the bot did about an account, and when. What people say of it meanwhile changes nothing about
    /// a call that is on its way.
    pub fn last_event(&self, account: &str) -> Option<(String, DateTime<Utc>)> {
        let sql = "SELECT action, at FROM audit_event WHERE account_id = ?1 AND actor = '\"system\"' ORDER BY seq DESC LIMIT 1";
        self.all(sql, [account], |row| Ok((row.get(0)?, time(&row.get::<_, String>(1)?)))).pop()
    }

    pub fn requests(&self) -> Vec<Asked> {
        let sql = "SELECT id, rule, deadline, approvals_needed, state_json FROM request ORDER BY id";
        self.all(sql, [], |row| {
            Ok(Asked {
                id: row.get(0)?,
                rule: value(&row.get::<_, String>(1)?),
                deadline: row.get::<_, Option<String>>(2)?.map(|at| time(&at)),
                approvals_needed: row.get(3)?,
                state: value(&row.get::<_, String>(4)?),
            })
        })
    }

    pub fn request(&self, id: i64) -> Option<Asked> {
        self.requests().into_iter().find(|request| request.id == id)
    }

    pub fn candidates(&self) -> Vec<Listed> {
        let sql = "SELECT request, position, account_id, login, state, state_json FROM candidate
                   ORDER BY request, position";
        self.all(sql, [], |row| {
            Ok(Listed {
                request: row.get(0)?,
                position: row.get(1)?,
                account: row.get(2)?,
                login: row.get(3)?,
                state: row.get(4)?,
                json: value(&row.get::<_, String>(5)?),
            })
        })
    }

    /// What became of an input: `None` if it isn't recorded, an empty text if it isn't settled.
    pub fn outcome(&self, key: &str) -> Option<String> {
        let sql = "SELECT coalesce(outcome, '') FROM receipt WHERE key = ?1";
        self.all(sql, [key], |row| row.get(0)).pop()
    }

    /// The same of the input of this person whose key ends with Slack's time of it.
    pub fn outcome_of(&self, user: &str, stamp: &str) -> Option<String> {
        let sql = "SELECT coalesce(outcome, '') FROM receipt
                   WHERE user_id = ?1 AND substr(key, -length(?2)) = ?2";
        self.all(sql, [user, stamp], |row| row.get(0)).pop()
    }

    /// Where the message with this mark stands.
    pub fn message(&self, key: &str) -> Option<String> {
        self.all("SELECT ts FROM message WHERE key = ?1", [key], |row| row.get::<_, Option<String>>(0))
            .pop()?
    }

    /// Everything in it.
    pub fn dump(&self) -> Vec<String> {
        let sql =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let tables: Vec<String> = self.all(sql, [], |row| row.get(0));
        let mut lines = Vec::new();
        for table in tables {
            lines.extend(self.all(&format!("SELECT * FROM {table}"), [], |row| {
                let cells: Vec<String> = (0..row.as_ref().column_count())
                    .map(|index| row.get_ref(index).map(|cell| format!("{cell:?}")))
                    .collect::<Result<_, _>>()?;
                Ok(format!("{table}: {}", cells.join(" | ")))
            }));
        }
        lines
    }
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let account: Option<String> = row.get("account_id")?;
    let login: Option<String> = row.get("login")?;
    Ok(Event {
        seq: row.get("seq")?,
        at: row.get("at")?,
        actor: value(&row.get::<_, String>("actor")?),
        action: row.get("action")?,
        policy: row.get("policy")?,
        sweep: row.get("sweep")?,
        request: row.get("request")?,
        account: account.zip(login),
        detail: value(&row.get::<_, String>("detail")?),
        prev_hash: row.get("prev_hash")?,
        hash: row.get("hash")?,
    })
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("what is stored as JSON is JSON")
}

pub fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("what is stored as a time is one").to_utc()
}
