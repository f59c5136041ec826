//! Sweeps: one per policy and slot, from their start to the word in the channel.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::domain::audit::{Action, Draft, Subject};
use crate::domain::ids::{PolicyName, SweepId};
use crate::domain::pause::Pause;
use crate::domain::plan::{Counts, Verdict};
use crate::domain::policy::Rule;
use crate::domain::sweep::Trigger;

use super::audit::{self, AuditContext};
use super::codec::{self, Cells, json_text, time_text};
use super::stops::Stops;
use super::tx::{Row, Tx, params};
use super::{Notice, Store, StoreError, once, pause_rows, policies, requests, watches};

/// A sweep about to run.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSweep {
    /// The policy's name.
    pub policy: PolicyName,
    /// What makes it the only one: [`crate::domain::sweep::slot_key`] of a slot, or the key of a person's input. One that
    /// takes the place of what a wrong clock began names that too.
    pub slot: String,
    /// Why it runs.
    pub trigger: Trigger,
    /// The rule it runs by.
    pub rule: Rule,
    /// When it starts.
    pub at: DateTime<Utc>,
}

/// Whether a sweep was started.
#[derive(Clone, Debug, PartialEq)]
pub enum StartedSweep {
    /// It was; this is its id.
    New(SweepId),
    /// The slot has had its sweep already: this one.
    Exists(Box<SweepRow>),
    /// The policy is paused: nothing was written.
    Paused(Box<Pause>),
}

/// Where a sweep stands.
#[derive(Clone, Debug, PartialEq)]
pub enum SweepState {
    /// Running, or the process died in the middle.
    Started,
    /// Through, whatever it came to.
    Finished {
        at: DateTime<Utc>,
        counts: Counts,
        /// What it came to: asked, previewed, held, refused, or nobody to ask about.
        verdict: Verdict,
        /// How many pages the provider's listing had.
        pages: u32,
    },
    /// It failed.
    Failed {
        at: DateTime<Utc>,
        /// Why.
        error: String,
    },
}

impl SweepState {
    /// The stored word.
    pub fn word(&self) -> &'static str {
        match self {
            SweepState::Started => "started",
            SweepState::Finished { verdict: Verdict::Held(_), .. } => "held",
            SweepState::Finished { verdict: Verdict::Refused(_), .. } => "refused",
            SweepState::Finished {
                verdict: Verdict::NoCandidates | Verdict::Ask | Verdict::Preview, ..
            } => "finished",
            SweepState::Failed { .. } => "failed",
        }
    }

    /// Returns when it ended, whatever it came to.
    pub fn ended_at(&self) -> Option<DateTime<Utc>> {
        match self {
            SweepState::Started => None,
            SweepState::Finished { at, .. } | SweepState::Failed { at, .. } => Some(*at),
        }
    }

    /// Returns how many pages of the listing were read, if it came to its end.
    pub fn pages(&self) -> Option<u32> {
        match self {
            SweepState::Finished { pages, .. } => Some(*pages),
            SweepState::Started | SweepState::Failed { .. } => None,
        }
    }

    /// Returns what was counted, if it came that far.
    pub fn counts(&self) -> Option<Counts> {
        match self {
            SweepState::Finished { counts, .. } => Some(*counts),
            SweepState::Started | SweepState::Failed { .. } => None,
        }
    }
}

/// A sweep as recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepRow {
    /// Never reused.
    pub id: SweepId,
    /// The policy's name.
    pub policy: PolicyName,
    /// See [`NewSweep::slot`].
    pub slot: String,
    /// Why it ran.
    pub trigger: Trigger,
    pub started_at: DateTime<Utc>,
    /// The rule it ran by.
    pub rule: Rule,
    /// The rule's fingerprint as it was computed then.
    pub fingerprint: String,
    /// Where it stands.
    pub state: SweepState,
}

impl Store {
    /// Starts the sweep of a slot, unless the slot has one or the policy is paused.
    pub async fn start_sweep(&self, new: NewSweep) -> Result<StartedSweep, StoreError> {
        let stops = self.stops.clone();
        self.write(move |tx| start(tx, &stops, &new)).await
    }

    /// The sweep with this id.
    pub async fn sweep(&self, id: SweepId) -> Result<Option<SweepRow>, StoreError> {
        self.read(move |tx| load(tx, id)).await
    }

    /// The accounts that a sweep left out because their profile has an approver's e-mail address.
    pub async fn left_out_by_email(&self, sweep: SweepId) -> Result<Vec<Subject>, StoreError> {
        let sql = "SELECT id, by_email FROM sweep WHERE id = ?1";
        let decode = |row: &Row<'_>| Cells::of(row, "sweep", "id")?.json_or_null("by_email");
        Ok(self.read(move |tx| tx.first(sql, params![sweep], decode)).await?.flatten().unwrap_or_default())
    }

    /// The ids of sweeps without an end, oldest first: a crash left them, or they run now.
    pub async fn unfinished_sweeps(&self) -> Result<Vec<SweepId>, StoreError> {
        let sql = "SELECT id FROM sweep WHERE state = 'started' ORDER BY id";
        self.read(|tx| tx.all(sql, params![], codec::id)).await
    }

    /// The policy's latest sweep, however it ended.
    pub async fn last_sweep(&self, policy: &str) -> Result<Option<SweepRow>, StoreError> {
        let policy = policy.to_owned();
        self.read(move |tx| {
            let sql = "SELECT * FROM sweep WHERE policy = ?1 ORDER BY id DESC LIMIT 1";
            tx.first(sql, params![policy], decode)
        })
        .await
    }

    /// Whether the slot has had its sweep.
    pub async fn has_sweep(&self, policy: &str, slot: &str) -> Result<bool, StoreError> {
        let (policy, slot) = (policy.to_owned(), slot.to_owned());
        self.read(move |tx| {
            let sql = "SELECT id FROM sweep WHERE policy = ?1 AND slot = ?2";
            Ok(tx.first(sql, params![policy, slot], |_| Ok(()))?.is_some())
        })
        .await
    }

    /// The policy's sweeps that started at or after `since` and before `until`, oldest first.
    pub async fn sweeps_between(
        &self,
        policy: &str,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<SweepRow>, StoreError> {
        let policy = policy.to_owned();
        self.read(move |tx| {
            let sql =
                "SELECT * FROM sweep WHERE policy = ?1 AND started_at >= ?2 AND started_at < ?3 ORDER BY id";
            tx.all(sql, params![policy, time_text(since), time_text(until)], decode)
        })
        .await
    }

    /// The sweep failed. `false`: it had ended before, and nothing is changed.
    pub async fn fail_sweep(&self, id: SweepId, error: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let error = error.to_owned();
        self.write(move |tx| fail(tx, id, &error, now)).await
    }
}

/// The sweep's place in the audit trail, before it has a request.
pub(super) fn context(sweep: &SweepRow) -> AuditContext {
    AuditContext {
        policy: Some(sweep.policy.clone()),
        sweep: Some(sweep.id),
        request: None,
        rule: Some(sweep.fingerprint.clone()),
    }
}

pub(super) fn load(tx: &dyn Tx, id: SweepId) -> Result<Option<SweepRow>, StoreError> {
    tx.first("SELECT * FROM sweep WHERE id = ?1", params![id], decode)
}

/// The sweep that a change needs.
pub(super) fn need(tx: &dyn Tx, id: SweepId) -> Result<SweepRow, StoreError> {
    load(tx, id)?.ok_or_else(|| StoreError::Missing { table: "sweep", id: id.to_string() })
}

pub(super) fn start(tx: &dyn Tx, stops: &Stops, new: &NewSweep) -> Result<StartedSweep, StoreError> {
    let sql = "SELECT * FROM sweep WHERE policy = ?1 AND slot = ?2";
    if let Some(row) = tx.first(sql, params![new.policy, new.slot], decode)? {
        return Ok(StartedSweep::Exists(Box::new(row)));
    }
    if let Some(pause) = pause_rows::in_force(tx, stops, &new.policy)? {
        return Ok(StartedSweep::Paused(Box::new(pause)));
    }
    policies::know(tx, &new.policy, new.at)?;
    let fingerprint = new.rule.fingerprint();
    let id = tx.insert(
        "INSERT INTO sweep (policy, slot, cause, started_at, rule, fingerprint, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'started') RETURNING id",
        params![
            new.policy,
            new.slot,
            json_text(&new.trigger)?,
            time_text(new.at),
            json_text(&new.rule)?,
            fingerprint
        ],
    )?;
    let detail = json!({ "slot": new.slot, "trigger": new.trigger });
    let context = AuditContext {
        policy: Some(new.policy.clone()),
        sweep: Some(id),
        request: None,
        rule: Some(fingerprint),
    };
    audit::append(tx, &context, Draft::new(new.trigger.actor(), new.at, Action::SweepStarted, detail))?;
    Ok(StartedSweep::New(id))
}

fn fail(tx: &dyn Tx, id: SweepId, error: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let sweep = need(tx, id)?;
    if sweep.state != SweepState::Started {
        return Ok(false);
    }
    tx.run(
        "UPDATE sweep SET state = 'failed', finished_at = ?2, error = ?3 WHERE id = ?1",
        params![id, time_text(now), error],
    )?;
    once::say(tx, Notice::Sweep(id), now)?;
    watches::sweep_ended(tx, &sweep.policy, now)?;
    requests::asked_anew(tx, sweep.trigger.asks_again(), None)?;
    let event = Draft::new(sweep.trigger.actor(), now, Action::SweepFailed, json!({ "error": error }));
    audit::append(tx, &context(&sweep), event)?;
    Ok(true)
}

pub(super) fn decode(row: &Row<'_>) -> Result<SweepRow, StoreError> {
    let cells = Cells::of(row, "sweep", "id")?;
    Ok(SweepRow {
        id: cells.get("id")?,
        policy: cells.get("policy")?,
        slot: cells.get("slot")?,
        trigger: cells.json("cause")?,
        started_at: cells.get("started_at")?,
        rule: cells.json("rule")?,
        fingerprint: cells.get("fingerprint")?,
        state: decode_state(&cells)?,
    })
}

fn decode_state(cells: &Cells<'_, '_>) -> Result<SweepState, StoreError> {
    let at = cells.get("finished_at")?;
    let counts = cells.json_or_null("counts")?;
    let verdict = cells.json_or_null("verdict")?;
    let pages = cells.get("pages")?;
    let error = cells.get("error")?;
    let state = match (at, counts, verdict, pages, error) {
        (None, None, None, None, None) => SweepState::Started,
        (Some(at), Some(counts), Some(verdict), Some(pages), None) => {
            SweepState::Finished { at, counts, verdict, pages }
        }
        (Some(at), None, None, None, Some(error)) => SweepState::Failed { at, error },
        _ => return Err(cells.bad("half an end")),
    };
    let word: String = cells.get("state")?;
    if word == state.word() { Ok(state) } else { Err(cells.bad("state: does not agree with the end")) }
}
