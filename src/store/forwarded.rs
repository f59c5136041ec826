//! How far each collector has the audit trail.

use chrono::{DateTime, Utc};

use crate::domain::audit::{AuditEvent, Behind};
use crate::domain::ids::SweepId;

use super::audit::decode;
use super::codec::{self, Cells};
use super::tx::params;
use super::{Notice, Store, StoreError, audit};

impl Store {
    /// These are the collectors from now on. A new one gets the trail from its beginning, if it wants the past; of one that
    /// is gone nothing is remembered.
    pub async fn set_collectors(&self, collectors: Vec<(String, bool)>) -> Result<(), StoreError> {
        self.write(move |tx| {
            let known = tx.all("SELECT collector FROM forwarded", params![], |row| row.get(0))?;
            for gone in
                known.iter().filter(|known: &&String| collectors.iter().all(|(name, _)| name != *known))
            {
                tx.run("DELETE FROM forwarded WHERE collector = ?1", params![gone])?;
            }
            let begins = audit::archived(tx)?.map_or(0, |(seq, _)| seq);
            let sql = "SELECT coalesce(max(seq), ?1) FROM audit_event";
            let ends = tx.first(sql, params![begins], codec::id)?.unwrap_or(begins);
            for (new, past) in collectors.iter().filter(|(name, _)| !known.contains(name)) {
                tx.run(
                    "INSERT INTO forwarded (collector, seq) VALUES (?1, ?2)",
                    params![new, if *past { begins } else { ends }],
                )?;
            }
            Ok(())
        })
        .await
    }

    /// The next events that the collector has not got, oldest first.
    pub async fn to_forward(&self, collector: &str, at_most: u32) -> Result<Vec<AuditEvent>, StoreError> {
        let collector = collector.to_owned();
        self.read(move |tx| {
            let sql = "SELECT * FROM audit_event
                       WHERE seq > (SELECT seq FROM forwarded WHERE collector = ?1) ORDER BY seq LIMIT ?2";
            tx.all(sql, params![collector, at_most], decode)
        })
        .await
    }

    /// Returns what the channel knows of this sweep: nothing yet, so that there is something to wait for (`None`); what
    /// it is to know (`true`); or nothing for good, because its card never stood.
    pub async fn sweep_delivered(&self, sweep: SweepId) -> Result<Option<bool>, StoreError> {
        self.read(move |tx| {
            let sql = "SELECT CASE
                           WHEN sweep.state = 'started' OR message.due_at IS NOT NULL THEN NULL
                           WHEN request.id IS NULL OR request.deadline IS NOT NULL THEN 1
                           WHEN request.state IN ('preview', 'held', 'pending') THEN NULL
                           ELSE 0 END
                       FROM sweep LEFT JOIN request ON request.sweep = sweep.id
                           LEFT JOIN message ON message.key = ?2 WHERE sweep.id = ?1";
            let found =
                tx.first(sql, params![sweep, Notice::Sweep(sweep).key()], |row| row.get::<Option<bool>>(0))?;
            // What a person removed by hand is not waited for.
            Ok(found.unwrap_or(Some(false)))
        })
        .await
    }

    /// The collector has everything up to this event. It never has less than before.
    pub async fn forwarded_up_to(&self, collector: &str, seq: i64) -> Result<(), StoreError> {
        let collector = collector.to_owned();
        self.write(move |tx| {
            let sql = "UPDATE forwarded SET seq = ?2 WHERE collector = ?1 AND seq < ?2";
            tx.run(sql, params![collector, seq]).map(drop)
        })
        .await
    }

    /// The collectors that lack an event from before this time.
    pub async fn collectors_behind(&self, before: DateTime<Utc>) -> Result<Vec<Behind>, StoreError> {
        self.read(move |tx| {
            let sql = "SELECT collector, forwarded.seq AS has, audit_event.at AS at,
                           (SELECT max(seq) FROM audit_event) - forwarded.seq AS behind
                       FROM forwarded JOIN audit_event ON audit_event.seq = forwarded.seq + 1 ORDER BY collector";
            let behind = tx.all(sql, params![], |row| {
                let cells = Cells::of(row, "forwarded", "collector")?;
                Ok(Behind {
                    collector: cells.get("collector")?,
                    events: cells.get("behind")?,
                    since: cells.get("at")?,
                })
            })?;
            Ok(behind.into_iter().filter(|one| one.since < before).collect())
        })
        .await
    }
}
