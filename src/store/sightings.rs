//! Stores sightings: the signs of life of an account in the provider's log, so that no later look has to find them
//! again.
//!
//! A row for each account that was ever asked about. It only moves forward.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use crate::domain::account::AccountId;
use crate::domain::sighting::{Memory, SecondLook, Sighting, later, remembered};

use super::codec::{Cells, json_text, time_text};
use super::tx::{Row, Tx, params};
use super::{Store, StoreError};

/// An account that nobody has asked about for so long, and that was not seen either, is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::days(400);

impl Store {
    /// Returns what is remembered of these accounts.
    pub async fn sightings(&self, ids: Vec<AccountId>) -> Result<BTreeMap<AccountId, Memory>, StoreError> {
        self.read(move |tx| {
            let mut found = BTreeMap::new();
            for id in ids {
                if let Some(memory) = memory_of(tx, &id)? {
                    found.insert(id, memory);
                }
            }
            Ok(found)
        })
        .await
    }

    /// Remembers looks that began at `now`, and signs of life of others that were met on the way. Of those only accounts
    /// that were asked about before are remembered: what employees do is none of the bot's business. Forgets accounts
    /// that are long gone.
    pub async fn remember_looks(
        &self,
        looks: Vec<(AccountId, SecondLook)>,
        others: BTreeMap<AccountId, Sighting>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            for (id, look) in looks {
                let before = memory_of(tx, &id)?;
                if let Some(memory) = remembered(before.clone(), &look, now)
                    && before.as_ref() != Some(&memory)
                {
                    put(tx, &id, &memory)?;
                }
            }
            for (id, seen) in others {
                let Some(before) = memory_of(tx, &id)? else { continue };
                let latest = later(before.latest.clone(), Some((seen.at, seen.sign)));
                if latest != before.latest {
                    put(tx, &id, &Memory { latest, ..before })?;
                }
            }
            let sql = "DELETE FROM sighting WHERE until < ?1 AND (seen_at IS NULL OR seen_at < ?1)";
            tx.run(sql, params![time_text(now - FORGOTTEN_AFTER)]).map(drop)
        })
        .await
    }
}

fn memory_of(tx: &dyn Tx, id: &AccountId) -> Result<Option<Memory>, StoreError> {
    tx.first("SELECT * FROM sighting WHERE account_id = ?1", params![&id.0], decode)
}

fn put(tx: &dyn Tx, id: &AccountId, memory: &Memory) -> Result<(), StoreError> {
    let (seen_at, sign) = memory.latest.as_ref().map(|(at, sign)| (*at, sign.as_ref())).unzip();
    let sign = sign.flatten().map(json_text).transpose()?;
    let sql = "INSERT INTO sighting (account_id, seen_at, sign, since, until) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (account_id) DO UPDATE SET
                   seen_at = excluded.seen_at, sign = excluded.sign, since = excluded.since, until = excluded.until";
    let (since, until) = (time_text(memory.since), time_text(memory.until));
    tx.run(sql, params![id.0, seen_at.map(time_text), sign, since, until]).map(drop)
}

fn decode(row: &Row<'_>) -> Result<Memory, StoreError> {
    let cells = Cells::of(row, "sighting", "account_id")?;
    let seen_at: Option<DateTime<Utc>> = cells.get("seen_at")?;
    let sign = cells.json_or_null("sign")?;
    Ok(Memory {
        latest: seen_at.map(|at| (at, sign)),
        since: cells.get("since")?,
        until: cells.get("until")?,
    })
}
