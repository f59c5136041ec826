//! Stores emergency stops: at most one in force per policy, and read in the transaction of each step that one forbids.
//! One that can't be written is held in memory until it can.

use crate::domain::pause::{self, Pause};
use crate::domain::request::Decision;

use super::audit::{self, AuditContext};
use super::codec::{self, json_text};
use super::pause_rows::{decode, in_file, in_force};
use super::stops::Stop;
use super::tx::{Tx, params};
use super::{Notice, Receipt, Store, StoreError, once, receipts, request_rows};

impl Store {
    /// Stops the policy, for the input with this key. `Err` inside: nothing was written, because it is stopped already, or
    /// because the input came before and it goes on since (`None`).
    ///
    /// The stop is in force before it is written. After an error it still is, until [`Store::write_stops`] has written it
    /// or an admin resumes.
    pub async fn pause(
        &self,
        key: &str,
        policy: &str,
        by: Decision,
    ) -> Result<Result<Pause, Option<Pause>>, StoreError> {
        self.stops.hold(policy, Stop { key: key.to_owned(), by: by.clone() });
        let written = self.write_pause(key, policy, by).await?;
        self.stops.release(policy);
        Ok(written)
    }

    /// Writes the stops that could not be written when they were asked for. Whether there were any.
    pub async fn write_stops(&self) -> Result<bool, StoreError> {
        let unwritten = self.stops.unwritten();
        for (policy, Stop { key, by }) in &unwritten {
            // One that was written by somebody else meanwhile is as good.
            self.pause(key, policy, by.clone()).await?.ok();
            tracing::warn!(policy, by = by.by.id, "a pause that was held in memory is written down");
        }
        Ok(!unwritten.is_empty())
    }

    async fn write_pause(
        &self,
        key: &str,
        policy: &str,
        by: Decision,
    ) -> Result<Result<Pause, Option<Pause>>, StoreError> {
        let (key, policy) = (key.to_owned(), policy.to_owned());
        self.write(move |tx| {
            let before = in_file(tx, &policy)?;
            if before.is_some() || !first_time(tx, &key, &policy, &by)? {
                return Ok(Err(before));
            }
            let sql = "INSERT INTO pause (policy, began) VALUES (?1, ?2) RETURNING id";
            let id = tx.insert(sql, params![policy, json_text(&by)?])?;
            once::say(tx, Notice::Pause(id), by.at)?;
            audit::append(tx, &AuditContext::of_policy(&policy), pause::paused(&by))?;
            cards_change(tx, &policy)?;
            let missing = || StoreError::Missing { table: "pause", id: policy.clone() };
            in_file(tx, &policy)?.ok_or_else(missing).map(Ok)
        })
        .await
    }

    /// Ends the policy's pause, for the input with this key. `None`: there is none, or the input came before: a stop that
    /// came since is not lifted by it.
    pub async fn resume(&self, key: &str, policy: &str, by: Decision) -> Result<Option<Pause>, StoreError> {
        // What is still held is written first: the trail has the stop before its end, or neither.
        self.write_stops().await?;
        let (key, policy) = (key.to_owned(), policy.to_owned());
        self.write(move |tx| {
            // An input that let a stopped database go on lifts no pause when it comes once more.
            if is_taken(tx, &key, DATABASE)? || !first_time(tx, &key, &policy, &by)? {
                return Ok(None);
            }
            let Some(pause) = in_file(tx, &policy)? else { return Ok(None) };
            let sql = "UPDATE pause SET ended = ?2 WHERE id = ?1";
            tx.run(sql, params![pause.id, json_text(&by)?])?;
            audit::append(tx, &AuditContext::of_policy(&policy), pause::resumed(&by))?;
            cards_change(tx, &policy)?;
            Ok(Some(Pause { ended: Some(by), ..pause }))
        })
        .await
    }

    /// The pause of the policy that is in force.
    pub async fn pause_of(&self, policy: &str) -> Result<Option<Pause>, StoreError> {
        let (policy, stops) = (policy.to_owned(), self.stops.clone());
        self.read(move |tx| in_force(tx, &stops, &policy)).await
    }

    /// The pause with this id.
    pub async fn pause_by_id(&self, id: i64) -> Result<Option<Pause>, StoreError> {
        self.read(move |tx| tx.first("SELECT * FROM pause WHERE id = ?1", params![id], decode)).await
    }
}

/// What an input is taken for that lets a stopped database go on.
pub(super) const DATABASE: &str = "the database";

/// Whether the input has been taken for this policy, or for [`DATABASE`].
fn is_taken(tx: &dyn Tx, key: &str, of: &str) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM receipt WHERE key = ?1";
    Ok(tx.first(sql, params![format!("{key}:{of}")], |_| Ok(()))?.is_some())
}

/// Whether the input has been taken for anything: one that lifted a pause lets no stopped database go on when it comes
/// once more.
pub(super) fn is_taken_at_all(tx: &dyn Tx, key: &str) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM receipt WHERE key >= ?1 AND key < ?2 LIMIT 1";
    // The semicolon is the character after the colon.
    Ok(tx.first(sql, params![format!("{key}:"), format!("{key};")], |_| Ok(()))?.is_some())
}

/// Whether the input has not been taken for this policy before. It is from now on.
pub(super) fn first_time(tx: &dyn Tx, key: &str, policy: &str, by: &Decision) -> Result<bool, StoreError> {
    let key = format!("{key}:{policy}");
    if let Receipt::Repeated { .. } = receipts::receive(tx, &key, None, &by.by.id, by.at)? {
        return Ok(false);
    }
    receipts::settle(tx, &key, "taken", by.at)?;
    Ok(true)
}

/// The cards of the policy's requests say whether it is paused: of the open ones, and of those that wait for a sweep.
fn cards_change(tx: &dyn Tx, policy: &str) -> Result<(), StoreError> {
    let sql = "SELECT id FROM request WHERE policy = ?1
               AND (told = 0 OR state IN ('preview', 'held', 'pending', 'approved'))";
    let open = tx.all(sql, params![policy], codec::id)?;
    open.into_iter().try_for_each(|id| request_rows::card_changes(tx, id))
}
