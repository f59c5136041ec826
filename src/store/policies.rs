//! Policies as the database knows them: since when, and which rule an admin took live.

use chrono::{DateTime, Utc};

use crate::domain::audit::Person;
use crate::domain::ids::PolicyName;
use crate::domain::policy::Rule;
use crate::domain::request::Decision;

use super::codec::{Cells, json_text, time_text};
use super::tx::{Row, Tx, params};
use super::{Store, StoreError};

/// What is known of a policy beyond its configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownPolicy {
    /// When it was first seen, by the earliest that a clock ever said; it owes no slot from before.
    pub first_seen_at: DateTime<Utc>,
    /// The rule that an admin took live, if one was.
    pub live_rule: Option<Rule>,
}

impl Store {
    /// The names of all policies that ever ran, in no order.
    pub async fn known_policies(&self) -> Result<Vec<PolicyName>, StoreError> {
        self.read(|tx| tx.all("SELECT name FROM policy", params![], |row| row.get(0))).await
    }

    /// Since when the policy is known; `None`: it never ran.
    pub async fn policy_known_since(&self, name: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        let name = name.to_owned();
        self.read(move |tx| {
            let sql = "SELECT name, first_seen_at FROM policy WHERE name = ?1";
            tx.first(sql, params![name], |row| Cells::of(row, "policy", "name")?.get("first_seen_at"))
        })
        .await
    }

    /// What is known of the policy; remembers it if it is new.
    pub async fn know_policy(&self, name: &str, now: DateTime<Utc>) -> Result<KnownPolicy, StoreError> {
        let name = name.to_owned();
        self.write(move |tx| know(tx, &name, now)).await
    }
}

pub(super) fn know(tx: &dyn Tx, name: &str, now: DateTime<Utc>) -> Result<KnownPolicy, StoreError> {
    // Under a clock that was ahead it was seen for the first time in what is the future now.
    tx.run("INSERT INTO policy (name, first_seen_at) VALUES (?1, ?2) ON CONFLICT (name) DO
         UPDATE SET first_seen_at = excluded.first_seen_at WHERE excluded.first_seen_at < policy.first_seen_at", params![name, time_text(now)])?;
    tx.first("SELECT * FROM policy WHERE name = ?1", params![name], decode)?
        .ok_or_else(|| StoreError::Missing { table: "policy", id: name.to_owned() })
}

/// The rule goes live.
pub(super) fn go_live(tx: &dyn Tx, name: &str, rule: &Rule, decision: &Decision) -> Result<(), StoreError> {
    let changed = tx.run(
        "UPDATE policy SET live_rule = ?2, live_by = ?3, live_at = ?4 WHERE name = ?1",
        params![name, json_text(rule)?, json_text(&decision.by)?, time_text(decision.at)],
    )?;
    if changed == 1 { Ok(()) } else { Err(StoreError::Missing { table: "policy", id: name.to_owned() }) }
}

fn decode(row: &Row<'_>) -> Result<KnownPolicy, StoreError> {
    let cells = Cells::of(row, "policy", "name")?;
    let live_rule: Option<Rule> = cells.json_or_null("live_rule")?;
    let live_by: Option<Person> = cells.json_or_null("live_by")?;
    let live_at: Option<DateTime<Utc>> = cells.get("live_at")?;
    match (&live_rule, live_by, live_at) {
        (None, None, None) | (Some(_), Some(_), Some(_)) => {}
        _ => return Err(cells.bad("live_rule, live_by and live_at must be all there or all null")),
    }
    Ok(KnownPolicy { first_seen_at: cells.get("first_seen_at")?, live_rule })
}
