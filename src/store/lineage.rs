//! Keeps which database this is, and whether it is stopped: known when the file is opened, and the same for every
//! handle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::ids::{PolicyName, RequestId};
use crate::domain::lineage::{self, DatabaseId, Head, Lineage, Stop, Witness};
use crate::domain::request::{self, Decision};

use super::audit::{self, AuditContext};
use super::codec::{self, Cells, json_text, time_text};
use super::lineage_row::load;
use super::pauses::{self, DATABASE};
use super::stops::Stops;
use super::sweeps::{self, NewSweep, StartedSweep};
use super::tx::{Tx, params};
use super::{Store, StoreError, messages, request_rows, requests, restorations};

/// The result of letting a stopped database go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumedDatabase {
    /// The database in its new epoch.
    pub database: DatabaseId,
    /// Why the database was stopped.
    pub stop: Stop,
    /// Requests of the earlier epoch that were open or being executed.
    pub superseded: Vec<RequestId>,
    /// Policies for which a fresh sweep has started.
    pub swept: Vec<PolicyName>,
}

impl Store {
    /// Returns which database this is, and why nothing is executed, if that is so. Asks nobody.
    pub fn lineage(&self) -> Arc<Lineage> {
        self.lineage.borrow().clone()
    }

    /// Returns what a message that is sent now can say: which database this is, and the head of its audit trail, which
    /// is on the disk. `None` while it is stopped: what it says then proves nothing.
    pub async fn witness(&self) -> Result<Option<Witness>, StoreError> {
        if self.lineage().stopped.is_some() {
            return Ok(None);
        }
        self.read(|tx| {
            let Lineage { database, stopped, .. } = load(tx)?;
            Ok(if stopped.is_some() { None } else { Some(Witness { database, head: head(tx)? }) })
        })
        .await
    }

    /// Returns when the oldest request was made that still has something to do or to post.
    pub async fn oldest_live_request(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.read(|tx| {
            let sql = "SELECT id, created_at FROM request WHERE told = 0 ORDER BY created_at LIMIT 1";
            tx.first(sql, params![], |row| Cells::of(row, "request", "id")?.get("created_at"))
        })
        .await
    }

    /// Stops the database: from now on, whether that can be written or not. One that is stopped already keeps its reason,
    /// and learns what was seen since.
    pub async fn stop(&self, stop: Stop) -> Result<(), StoreError> {
        self.lineage.send_modify(|now| {
            let mut next = Lineage::clone(now);
            match &mut next.stopped {
                Some(before) => drop(before.add(stop.seen)),
                None => next.stopped = Some(stop),
            }
            *now = Arc::new(next);
        });
        self.save_stop().await
    }

    /// Writes the stop, if there is one that the row does not have, with its audit event if it is new.
    pub async fn save_stop(&self) -> Result<(), StoreError> {
        let known = self.lineage();
        let Some(stop) = known.stopped.clone() else { return Ok(()) };
        let row = self.read(|tx| load(tx)).await?;
        if row.stopped.as_ref() == Some(&stop) || row.database != known.database {
            return Ok(());
        }
        self.write(move |tx| {
            let row = load(tx)?;
            if row.database != known.database {
                return Ok(());
            }
            if row.stopped.is_none() {
                audit::append(tx, &AuditContext::default(), lineage::stopped(&row.database, &stop))?;
            }
            for key in stop.finished_cards(&row.database.id) {
                messages::freeze(tx, &key)?;
            }
            tx.run("UPDATE lineage SET stopped = ?1", params![json_text(&stop)?]).map(drop)
        })
        .await
    }

    /// Lets a stopped database go on, for the input with this key, in a new epoch: what was open is ended, nothing that
    /// was decided before is executed, and those of the policies of `sweeps` that lost a request by that are swept.
    /// `None`: it is not stopped, or the input came before.
    pub async fn resume_database(
        &self,
        key: &str,
        by: Decision,
        sweeps: Vec<NewSweep>,
    ) -> Result<Option<ResumedDatabase>, StoreError> {
        let Some(stop) = self.lineage().stopped.clone() else { return Ok(None) };
        let (key, stops) = (key.to_owned(), self.stops.clone());
        let resumed = self
            .write(move |tx| {
                if pauses::is_taken_at_all(tx, &key)? || !pauses::first_time(tx, &key, DATABASE, &by)? {
                    return Ok(None);
                }
                resume(tx, &stops, stop, &by, &sweeps).map(Some)
            })
            .await?;
        if resumed.is_some() {
            self.lineage.send_replace(Arc::new(self.read(|tx| load(tx)).await?));
        }
        Ok(resumed)
    }

    /// Returns the head of the audit trail, and the hashes of those of these events that the file has. What was
    /// archived is left out, but for its last event.
    pub async fn head_and_hashes(
        &self,
        events: Vec<i64>,
    ) -> Result<(Head, BTreeMap<i64, String>), StoreError> {
        self.read(move |tx| {
            let mut hashes = BTreeMap::new();
            for event in events {
                let sql = "SELECT hash FROM audit_event WHERE seq = ?1";
                let hash = tx.first(sql, params![event], |row| row.get(0))?;
                hashes.extend(hash.map(|hash| (event, hash)));
            }
            hashes.extend(audit::archived(tx)?);
            Ok((head(tx)?, hashes))
        })
        .await
    }
}

fn resume(
    tx: &dyn Tx,
    stops: &Stops,
    stop: Stop,
    by: &Decision,
    sweeps: &[NewSweep],
) -> Result<ResumedDatabase, StoreError> {
    let before = load(tx)?;
    let database = DatabaseId { id: before.database.id.clone(), epoch: stop.next_epoch(&before.database) };
    let own = Witness { database: before.database.clone(), head: head(tx)? };
    let seen = stop.seen.iter().map(|one| one.witness.clone()).chain([own]);
    let acknowledged = lineage::acknowledge(&before.acknowledged, seen);
    let (superseded, policies) = supersede(tx, &stop.finished_cards(&before.database.id), by)?;
    restorations::supersede(tx, by.at)?;
    // People know the requests of the lost part by their numbers.
    if let Some(last) = stop.requests(&before.database.id).last() {
        tx.ids_from("request", last.0)?;
    }
    let sql = "UPDATE lineage SET epoch = ?1, epoch_began = ?2, acknowledged = ?3, last_request = ?4,
                   last_restoration = ?5, stopped = NULL";
    let (requests, restorations) = (tx.last_id("request")?, tx.last_id("restoration")?);
    tx.run(
        sql,
        params![database.epoch, time_text(by.at), json_text(&acknowledged)?, requests, restorations],
    )?;
    let event = lineage::resumed(&before.database, &database, &stop, by);
    audit::append(tx, &AuditContext::default(), event)?;
    let mut swept = Vec::new();
    for sweep in sweeps.iter().filter(|sweep| policies.contains(&sweep.policy)) {
        if let StartedSweep::New(_) = sweeps::start(tx, stops, sweep)? {
            swept.push(sweep.policy.clone());
        }
    }
    Ok(ResumedDatabase { database, stop, superseded, swept })
}

/// Ends what was asked and approved before. The requests that were open or being executed, and their policies.
fn supersede(
    tx: &dyn Tx,
    finished: &BTreeSet<String>,
    by: &Decision,
) -> Result<(Vec<RequestId>, BTreeSet<PolicyName>), StoreError> {
    let open = "SELECT id FROM request WHERE state IN ('preview', 'held', 'pending', 'approved')";
    let completed = codec::readable(tx, request_rows::COMPLETED, params![], request_rows::decode_completed)?;
    let half_retried = completed.into_iter().filter(|one| one.waits_for_second).map(|one| one.request);
    let open: BTreeSet<RequestId> =
        tx.all(open, params![], codec::id)?.into_iter().chain(half_retried).collect();
    let (mut superseded, mut policies) = (Vec::new(), BTreeSet::new());
    for id in open {
        let (request, candidates) = match request_rows::need(tx, id) {
            Ok(whole) => whole,
            Err(error @ StoreError::BadRow { .. }) => {
                // Its number says that it is not executed either.
                tracing::error!(request = id.0, %error, "can't end a request that can't be read");
                continue;
            }
            Err(error) => return Err(error),
        };
        let Some(transition) = request::supersede(&request, &candidates, by) else { continue };
        if request.state.awaits_decision() || request.state.word() == "approved" {
            superseded.push(request.id);
            policies.insert(request.policy.clone());
        }
        let ended = requests::apply(tx, &request, transition)?;
        let is_told = finished.contains(&format!("request:{}:card", request.id));
        if is_told && !matches!(ended.state, request::RequestState::Approved { .. }) {
            // The channel was notified how it ended, in the part that this file does not have.
            tx.run("UPDATE request SET told = 1 WHERE id = ?1", params![request.id])?;
        }
    }
    Ok((superseded, policies))
}

/// Returns the head of the audit trail.
pub(super) fn head(tx: &dyn Tx) -> Result<Head, StoreError> {
    let sql = "SELECT seq, hash FROM audit_event ORDER BY seq DESC LIMIT 1";
    let last = tx.first(sql, params![], |row| Ok(Head { event: row.get(0)?, hash: row.get(1)? }))?;
    if let Some(last) = last {
        return Ok(last);
    }
    let archived = audit::archived(tx)?;
    let (event, hash) = archived.unwrap_or_else(|| (0, crate::domain::audit::GENESIS.to_owned()));
    Ok(Head { event, hash })
}
