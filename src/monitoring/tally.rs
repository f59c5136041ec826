//! What happened since the process started, counted from the audit trail: so the metrics can't say anything else than
//! the trail does.

use std::collections::BTreeMap;

use crate::domain::audit::{Action, AuditEvent};
use crate::store::{Store, StoreError};

/// Events that are read in one go.
const BATCH: u32 = 500;

/// What sweeps come to.
pub(super) const SWEEPS: [&str; 4] = ["finished", "held", "refused", "failed"];
/// How requests end.
pub(super) const DECISIONS: [&str; 5] = ["approved", "denied", "expired", "withdrawn", "outdated"];
/// What becomes of approved accounts.
pub(super) const SUSPENSIONS: [&str; 3] = ["suspended", "failed", "skipped"];
/// What becomes of wishes to restore an account.
pub(super) const RESTORATIONS: [&str; 3] = ["restored", "failed", "skipped"];

/// A policy, and what happened under it.
pub(super) type Of = (String, &'static str);

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Up to which event they go.
    seq: i64,
    pub(super) events: u64,
    pub(super) sweeps: BTreeMap<Of, u64>,
    pub(super) decisions: BTreeMap<Of, u64>,
    pub(super) suspensions: BTreeMap<Of, u64>,
    pub(super) restorations: BTreeMap<&'static str, u64>,
    pub(super) refused_inputs: u64,
    /// How long each decision took, by policy.
    pub(super) decision_seconds: BTreeMap<String, Vec<f64>>,
}

impl Tally {
    /// Counts from the end of the trail on.
    pub(super) async fn from_now(store: &Store) -> Result<Tally, StoreError> {
        Ok(Tally { seq: store.last_event().await?, ..Tally::default() })
    }

    /// Counts what has happened since.
    pub(super) async fn catch_up(&mut self, store: &Store) -> Result<(), StoreError> {
        loop {
            let events = store.events_after(self.seq, BATCH).await?;
            for event in &events {
                self.count(event);
            }
            if events.len() < BATCH as usize {
                return Ok(());
            }
        }
    }

    fn count(&mut self, event: &AuditEvent) {
        self.seq = event.seq;
        self.events += 1;
        let policy = event.policy.as_deref().unwrap_or_default().to_owned();
        let one_more =
            |counts: &mut BTreeMap<Of, u64>, what| *counts.entry((policy.clone(), what)).or_default() += 1;
        // What is not counted one by one is among the events.
        match Action::of_word(&event.action) {
            Some(Action::SweepFinished) => one_more(&mut self.sweeps, "finished"),
            Some(Action::SweepHeld) => one_more(&mut self.sweeps, "held"),
            Some(Action::SweepRefused) => one_more(&mut self.sweeps, "refused"),
            Some(Action::SweepFailed) => one_more(&mut self.sweeps, "failed"),
            Some(Action::Approved) => one_more(&mut self.decisions, "approved"),
            Some(Action::Denied) => one_more(&mut self.decisions, "denied"),
            Some(Action::Expired) => one_more(&mut self.decisions, "expired"),
            Some(Action::Withdrawn) => one_more(&mut self.decisions, "withdrawn"),
            Some(Action::Outdated) => one_more(&mut self.decisions, "outdated"),
            Some(Action::Suspended) => one_more(&mut self.suspensions, "suspended"),
            Some(Action::SuspensionFailed) => one_more(&mut self.suspensions, "failed"),
            Some(Action::Skipped) => one_more(&mut self.suspensions, "skipped"),
            Some(Action::Restored) => *self.restorations.entry("restored").or_default() += 1,
            Some(Action::RestoreFailed) => *self.restorations.entry("failed").or_default() += 1,
            Some(Action::RestoreSkipped) => *self.restorations.entry("skipped").or_default() += 1,
            // One event may stand for many of one person.
            Some(Action::InputRefused) => self.refused_inputs += event.detail["count"].as_u64().unwrap_or(1),
            _ => {}
        }
        if let Some(seconds) = event.detail["seconds_to_decide"].as_f64() {
            self.decision_seconds.entry(policy).or_default().push(seconds);
        }
    }
}
