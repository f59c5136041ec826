//! The rows as they are, for tests and tools: read beside the bot, decoded no further than their columns, and never
//! changed. No part of the bot reads them like this.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::codec::Cells;
use super::tx::{Row, Tx, params};
use super::{OpenError, Store, StoreError, sqlite};
use crate::domain::ids::{RequestId, SweepId};

impl Store {
    /// Opens the file to look at its rows, also one that the bot works with, or that it would refuse.
    pub fn inspect(path: &Path) -> Result<Inspection, OpenError> {
        Ok(Inspection(sqlite::open_to_inspect(path)?))
    }
}

/// A view of every table. Each look is one state of the database; two looks may be two.
pub struct Inspection(Box<dyn Tx + Send>);

/// A record for a table, with the columns that somebody looks at, and a method that reads all of its rows.
macro_rules! records {
    ($($(#[$doc:meta])* $table:ident as $name:ident by $method:ident($key:ident $($then:ident)?) {
        $($column:ident: $kind:ty,)*
    })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "the schema describes the columns")]
        pub struct $name {
            $(pub $column: $kind,)*
        }

        impl $name {
            fn read(row: &Row<'_>) -> Result<$name, StoreError> {
                let cells = Cells::of(row, stringify!($table), stringify!($key))?;
                Ok($name { $($column: cells.get(stringify!($column))?,)* })
            }
        }

        impl Inspection {
            $(#[$doc])*
            pub fn $method(&self) -> Result<Vec<$name>, StoreError> {
                let order = concat!(stringify!($key) $(, ", ", stringify!($then))?);
                let sql = format!("SELECT * FROM {} ORDER BY {order}", stringify!($table));
                self.tx().all(&sql, params![], $name::read)
            }
        }
    )* };
}

records! {
    /// The audit trail.
    audit_event as EventRecord by events(seq) {
        seq: i64,
        // As it is hashed.
        at: String,
        actor: Json,
        action: String,
        policy: Option<String>,
        sweep: Option<SweepId>,
        request: Option<RequestId>,
        account_id: Option<String>,
        login: Option<String>,
        detail: Json,
        prev_hash: String,
        hash: String,
    }
    /// The policies.
    policy as PolicyRecord by policies(name) {
        name: String,
        live_rule: Option<Json>,
    }
    /// The sweeps.
    sweep as SweepRecord by sweeps(id) {
        id: SweepId,
        policy: String,
        slot: String,
        state: String,
    }
    /// The requests.
    request as RequestRecord by requests(id) {
        id: RequestId,
        policy: String,
        rule: Json,
        deadline: Option<DateTime<Utc>>,
        release: Option<Json>,
        approvals_needed: u32,
        asked_again: Option<Json>,
        state: String,
        state_json: Json,
        told: bool,
    }
    /// The accounts of the requests.
    candidate as CandidateRecord by candidates(request position) {
        request: RequestId,
        position: u32,
        account_id: String,
        login: String,
        state: String,
        state_json: Json,
    }
    /// The messages that stand, or should stand.
    message as MessageRecord by messages(key) {
        key: String,
        ts: Option<String>,
        render_again_at: Option<DateTime<Utc>>,
        retry_at: Option<DateTime<Utc>>,
        attempts: u32,
        kind: Option<String>,
        due_at: Option<DateTime<Utc>>,
    }
    /// The inputs of people.
    receipt as ReceiptRecord by receipts(key) {
        key: String,
        user_id: String,
        outcome: Option<String>,
    }
    /// The exemptions that people granted.
    exemption as ExemptionRecord by exemptions(id) {
        id: i64,
        policy: String,
        ends_at: DateTime<Utc>,
        ended_at: Option<DateTime<Utc>>,
        notice: Option<i64>,
    }
    /// The wishes to restore an account.
    restoration as RestorationRecord by restorations(id) {
        id: i64,
        account_id: String,
        state: String,
        state_json: Json,
    }
    /// The emergency stops.
    pause as PauseRecord by pauses(id) {
        id: i64,
        policy: String,
        ended: Option<Json>,
    }
    /// What people chose so far in the review dialog.
    review as ReviewRecord by reviews(request person) {
        request: RequestId,
        person: String,
        draft: Json,
    }
    /// The suspended accounts that are watched, or were.
    watch as WatchRecord by watches(id) {
        id: i64,
        account_id: String,
        next_at: Option<DateTime<Utc>>,
        looked_at: Option<DateTime<Utc>>,
        failures: u32,
        ended_at: Option<DateTime<Utc>>,
        ended: Option<Json>,
    }
    /// The pages of the people who have opened theirs.
    home as HomeRecord by homes(user_id) {
        user_id: String,
        retry_at: Option<DateTime<Utc>>,
    }
    /// What the people that a request asks are asked.
    question as QuestionRecord by questions(id) {
        id: i64,
        state: String,
    }
    /// The signs of life that are remembered.
    sighting as SightingRecord by sightings(account_id) {
        account_id: String,
        until: DateTime<Utc>,
    }
    /// Which database this is: one row.
    lineage as LineageRecord by lineage(one) {
        id: String,
        last_request: RequestId,
        stopped: Option<Json>,
    }
}

/// Every table.
const TABLES: &str = "audit_archived audit_day audit_event audit_subject candidate digest exemption forwarded home lineage \
    message nudge pause policy question receipt request restoration review sighting sweep watch";

impl Inspection {
    fn tx(&self) -> &dyn Tx {
        &*self.0
    }

    /// The part of the audit trail after this event.
    pub fn events_after(&self, seq: i64) -> Result<Vec<EventRecord>, StoreError> {
        let sql = "SELECT * FROM audit_event WHERE seq > ?1 ORDER BY seq";
        self.tx().all(sql, params![seq], EventRecord::read)
    }

    /// The events about this account.
    pub fn events_about(&self, account: &str) -> Result<Vec<EventRecord>, StoreError> {
        let sql = "SELECT * FROM audit_event WHERE account_id = ?1 ORDER BY seq";
        self.tx().all(sql, params![account], EventRecord::read)
    }

    /// The number of the last event; 0 before the first.
    pub fn last_event(&self) -> Result<i64, StoreError> {
        let last = self.tx().first("SELECT max(seq) FROM audit_event", params![], |row| row.get(0))?;
        Ok(last.flatten().unwrap_or(0))
    }

    /// Everything: every cell of every row of every table, a line for each row.
    pub fn dump(&self) -> Result<Vec<String>, StoreError> {
        let mut lines = Vec::new();
        for table in TABLES.split_whitespace() {
            let mut rows = self.tx().all(&format!("SELECT * FROM {table}"), params![], |row| {
                let cells = (0..row.0.width()).map(|column| format!("{:?}", row.0.value(column)));
                Ok(format!("{table}: {}", cells.collect::<Vec<_>>().join(" | ")))
            })?;
            rows.sort();
            lines.append(&mut rows);
        }
        Ok(lines)
    }
}
