//! Exports of the audit trail: JSON that can be verified, and CSV that can be read in a spreadsheet.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::domain::audit::AuditEvent;
use crate::domain::ids::PolicyName;
use crate::domain::lineage::DatabaseId;
use crate::reports::sheet::{Column, Sheet, or_empty, time};
use crate::wording::lineage::name;

/// The kinds of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table; for reading.
    Csv,
    /// One document with the events exactly as hashed; for verifying.
    Json,
}

impl Format {
    /// The end of the file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
        }
    }
}

/// A part of the audit trail, and what is to be said of it.
#[derive(Clone, Debug)]
pub struct Excerpt {
    /// When it was taken.
    pub made_at: DateTime<Utc>,
    /// Number and hash of the last event of the whole trail at that time.
    pub head: (i64, String),
    /// The database that the trail is in.
    pub database: DatabaseId,
    /// What was asked for, in words; empty for everything.
    pub filters: Vec<String>,
    /// The policies that it is restricted to; `None`: to none.
    pub restricted_to: Option<Vec<PolicyName>>,
    /// Whether it leaves out no event between its first and its last.
    pub gapless: bool,
    /// The events, oldest first.
    pub events: Vec<AuditEvent>,
}

impl Excerpt {
    /// The numbers of the first and the last event.
    pub fn range(&self) -> Option<(i64, i64)> {
        Some((self.events.first()?.seq, self.events.last()?.seq))
    }

    /// The file's content.
    pub fn file(&self, format: Format) -> Vec<u8> {
        match format {
            Format::Csv => self.csv(),
            Format::Json => self.json(),
        }
    }

    /// One document, an event per line. `verify.py` reads it.
    pub fn json(&self) -> Vec<u8> {
        let (seq, hash) = &self.head;
        let range = self.range().map(|(first, last)| json!({ "first": first, "last": last }));
        let head = [
            (
                "about",
                json!(
                    "Audit trail of inactive-contractors. Check it with verify.py, which each bundle of evidence has."
                ),
            ),
            ("made_at", json!(time(self.made_at))),
            ("head", json!({ "seq": seq, "hash": hash })),
            ("database", json!(self.database)),
            ("range", json!(range)),
            ("filters", json!(self.filters)),
            ("restricted_to", json!(self.restricted_to)),
            ("gapless", json!(self.gapless)),
            ("count", json!(self.events.len())),
        ];
        let mut out = String::from("{\n");
        for (name, value) in head {
            writeln!(out, "{}: {value},", Value::from(name)).expect("writing to a string can't fail");
        }
        out += "\"events\": [\n";
        let lines: Vec<String> = self.events.iter().map(|event| event.to_json().to_string()).collect();
        out += &lines.join(",\n");
        out += "\n]\n}\n";
        out.into_bytes()
    }

    /// A row per event; the last line says what the file is and where the chain stood.
    pub fn csv(&self) -> Vec<u8> {
        let parts = [
            csv_head(),
            csv_rows(&self.events),
            csv_end(self.range(), &self.head, &self.database, self.made_at),
        ];
        parts.concat()
    }
}

const COLUMNS: &[Column<AuditEvent>] = &[
    ("seq", |event| event.seq.to_string()),
    ("at", |event| time(event.at)),
    ("actor", |event| (if event.actor.person().is_some() { "person" } else { "bot" }).to_owned()),
    ("actor_id", |event| or_empty(event.actor.person().map(|person| &person.id))),
    ("actor_name", |event| or_empty(event.actor.person().map(|person| &person.name))),
    ("actor_email", |event| or_empty(event.actor.person().and_then(|person| person.email.as_ref()))),
    ("action", |event| event.action.clone()),
    ("policy", |event| or_empty(event.policy.as_ref())),
    ("sweep", |event| or_empty(event.sweep)),
    ("request", |event| or_empty(event.request)),
    ("account_id", |event| or_empty(event.subject.as_ref().map(|subject| &subject.id))),
    ("login", |event| or_empty(event.subject.as_ref().map(|subject| &subject.login))),
    ("detail", |event| event.detail.to_string()),
    ("prev_hash", |event| event.prev_hash.clone()),
    ("hash", |event| event.hash.clone()),
];

/// The names of the columns.
pub fn csv_head() -> Vec<u8> {
    Sheet::new(COLUMNS).into_bytes()
}

/// A row per event.
pub fn csv_rows(events: &[AuditEvent]) -> Vec<u8> {
    let mut sheet = Sheet::continued();
    sheet.rows(COLUMNS, events);
    sheet.into_bytes()
}

/// The last line: which events the file has, and where the chain stood when it was made.
pub fn csv_end(
    range: Option<(i64, i64)>,
    head: &(i64, String),
    database: &DatabaseId,
    made_at: DateTime<Utc>,
) -> Vec<u8> {
    let range = range.map_or("none".to_owned(), |(first, last)| format!("{first} to {last}"));
    let ((seq, hash), made_at) = (head, time(made_at));
    let mut sheet = Sheet::continued();
    sheet.row([format!(
        "# events {range}; made {made_at}; the chain's head was event {seq} with hash {hash}, in {}",
        name(database)
    )]);
    sheet.into_bytes()
}
