//! Watches: a row for each suspension from the transaction that confirms it, with the time of the next look.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use crate::domain::account::AccountId;
use crate::domain::candidate::Candidate;
use crate::domain::drift::{self, Back, DriftStep, End, Ours, Seen, Watch};
use crate::domain::ids::PolicyName;
use crate::domain::request::Request;
use crate::domain::snapshot::CandidateSnapshot;
use crate::domain::undated::Sight;

use super::audit::{self, AuditContext};
use super::codec::{self, Cells, json_text, time_text};
use super::tx::{Row, Tx, params};
use super::{Notice, Store, StoreError, once, request_rows};

/// Every watch with what was shown of its account.
pub(super) const WATCHES: &str = "SELECT watch.*, candidate.shown FROM watch
    JOIN candidate ON candidate.request = watch.request AND candidate.position = watch.position";

/// A look that can't be recorded is repeated this much later.
const BAD_ROW_WAIT: Duration = Duration::hours(1);

/// An account that was found to be active again through somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drifted {
    /// The policy that had suspended it.
    pub policy: PolicyName,
    /// Its watch, which has ended.
    pub watch: Watch,
    /// Who brought it back, and when.
    pub back: Back,
}

impl Store {
    /// Whether a watch of the policy is due.
    pub async fn watch_is_due(&self, policy: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let policy = policy.to_owned();
        self.read(move |tx| {
            let sql = "SELECT 1 FROM watch WHERE policy = ?1 AND ended_at IS NULL AND next_at <= ?2 LIMIT 1";
            Ok(tx.first(sql, params![policy, time_text(now)], |_| Ok(()))?.is_some())
        })
        .await
    }

    /// The watches of the policy that are due, those that have waited longest first, at most so many.
    pub async fn due_watches(
        &self,
        policy: &str,
        at_most: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<Watch>, StoreError> {
        let policy = policy.to_owned();
        self.read(move |tx| {
            let due = format!(
                "{WATCHES} WHERE policy = ?1 AND ended_at IS NULL AND next_at <= ?2 ORDER BY next_at, id LIMIT ?3"
            );
            codec::readable(tx, &due, params![policy, time_text(now), at_most], decode)
        })
        .await
    }

    /// Records what was seen of these watches, judged by the rows as they are now: what ended meanwhile is left alone.
    /// Accounts that are active again through somebody else become one batch, to be reported together. Returns it, if
    /// there are any. The policy watches for so long; `None` while the clock is off.
    pub async fn record_looks(
        &self,
        seen: Vec<(i64, Seen)>,
        watched_for: Option<Duration>,
        now: DateTime<Utc>,
    ) -> Result<Option<i64>, StoreError> {
        self.write(move |tx| {
            let mut batch = None;
            for (id, seen) in seen {
                let open = format!("{WATCHES} WHERE id = ?1 AND ended_at IS NULL");
                let Some(watch) = tx.first(&open, params![id], decode)? else { continue };
                let finding = drift::find(&watch, ours(tx, &watch)?, seen, now);
                match take(tx, &watch, drift::step(&watch, finding, watched_for, now), &mut batch, now) {
                    Err(error @ StoreError::BadRow { .. }) => {
                        tracing::error!(%error, watch = id, "what was seen of an account can't be recorded");
                        let sql = "UPDATE watch SET next_at = ?2 WHERE id = ?1";
                        tx.run(sql, params![id, time_text(now + BAD_ROW_WAIT)])?;
                    }
                    taken => taken?,
                }
            }
            batch.map_or(Ok(()), |batch| once::say(tx, Notice::Drift(batch), now))?;
            Ok(batch)
        })
        .await
    }

    /// How the latest watch of each of these accounts stands; those that never had one are left out.
    pub async fn sights(&self, ids: Vec<AccountId>) -> Result<BTreeMap<AccountId, Sight>, StoreError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.read(move |tx| {
            let sql = "SELECT * FROM watch WHERE account_id = ?1 ORDER BY id DESC LIMIT 1";
            let mut sights = BTreeMap::new();
            for id in ids {
                if let Some(sight) = tx.first(sql, params![id.0], decode_sight)? {
                    sights.insert(id, sight);
                }
            }
            Ok(sights)
        })
        .await
    }

    /// Nobody could be looked at: these are not due before `until`.
    pub async fn put_off_watches(&self, ids: Vec<i64>, until: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |tx| {
            let sql = "UPDATE watch SET next_at = ?2 WHERE id = ?1 AND ended_at IS NULL";
            ids.iter().try_for_each(|id| tx.run(sql, params![id, time_text(until)]).map(drop))
        })
        .await
    }

    /// The accounts of a batch, in the order of their requests and lists.
    pub async fn drift_batch(&self, batch: i64) -> Result<Vec<Drifted>, StoreError> {
        let sql = format!("{WATCHES} WHERE batch = ?1 ORDER BY watch.request, watch.position");
        self.read(move |tx| tx.all(&sql, params![batch], decode_drifted)).await
    }
}

/// Begins to watch an account whose suspension is being confirmed. An older watch of the same account ends.
pub(super) fn begin(
    tx: &dyn Tx,
    request: &Request,
    candidate: &Candidate,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let CandidateSnapshot { id, login, .. } = &candidate.shown;
    tx.run("UPDATE watch SET ended_at = ?2, ended = ?3, next_at = NULL WHERE account_id = ?1 AND ended_at IS NULL", params![id.0, time_text(now), json_text(&End::SuspendedAnew)?])?;
    tx.run(
        "INSERT INTO watch (request, position, policy, provider, account_id, login, suspended_at, next_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (request, position) DO NOTHING",
        params![
            request.id,
            candidate.position,
            request.policy,
            &*request.rule.provider,
            id.0,
            login,
            time_text(now),
            time_text(now + drift::FIRST_LOOK_AFTER)
        ],
    )
    .map(drop)
}

/// A sweep of the policy has come to its end, whatever that was: everybody is looked at once more.
pub(super) fn sweep_ended(tx: &dyn Tx, policy: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    let sql = "UPDATE watch SET next_at = ?2
               WHERE policy = ?1 AND ended_at IS NULL AND (next_at IS NULL OR next_at > ?2)";
    tx.run(sql, params![policy, time_text(now)]).map(drop)
}

fn take(
    tx: &dyn Tx,
    watch: &Watch,
    step: DriftStep,
    batch: &mut Option<i64>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (end, events) = match step {
        DriftStep::Watch { next_at, looked_at, failures } => {
            let sql = "UPDATE watch SET next_at = ?2, looked_at = ?3, failures = ?4 WHERE id = ?1";
            return tx
                .run(sql, params![watch.id, time_text(next_at), looked_at.map(time_text), failures])
                .map(drop);
        }
        DriftStep::End(end, events) => (end, events),
    };
    // Before anything is written: if the request can't be read, nothing is.
    let (request, _) = request_rows::need(tx, watch.request)?;
    let together = match &end {
        End::Back(_) => Some(*batch.get_or_insert(watch.id)),
        End::Gone
        | End::Deactivated
        | End::RestoredByUs
        | End::SuspendedAnew
        | End::Over
        | End::LostSight { .. } => None,
    };
    tx.run(
        "UPDATE watch SET next_at = NULL, ended_at = ?2, ended = ?3, batch = ?4 WHERE id = ?1",
        params![watch.id, time_text(now), json_text(&end)?, together],
    )?;
    audit::append_all(tx, &AuditContext::of(&request), events).map(drop)
}

/// What our own records say of giving the account back since it was suspended.
fn ours(tx: &dyn Tx, watch: &Watch) -> Result<Ours, StoreError> {
    let sql = "SELECT state FROM restoration WHERE account_id = ?1 AND asked_at >= ?2";
    let since = time_text(watch.suspended_at);
    let states: Vec<String> = tx.all(sql, params![watch.account.id.0, since], |row| row.get(0))?;
    let any = |word: &str| states.iter().any(|state| state == word);
    Ok(match (any("restored"), any("due"), states.is_empty()) {
        (true, _, _) => Ours::Done,
        (false, true, _) => Ours::UnderWay,
        (false, false, false) => Ours::Tried,
        (false, false, true) => Ours::Never,
    })
}

pub(super) fn decode(row: &Row<'_>) -> Result<Watch, StoreError> {
    let cells = Cells::of(row, "watch", "id")?;
    let shown: CandidateSnapshot = cells.json("shown")?;
    Ok(Watch {
        id: cells.get("id")?,
        request: cells.get("request")?,
        provider: cells.get("provider")?,
        account: cells.subject()?,
        name: shown.name,
        suspended_at: cells.get("suspended_at")?,
        looked_at: cells.get("looked_at")?,
        failures: cells.get("failures")?,
        idle_since: shown.evidence.idle.since,
        checked: cells.get::<Option<DateTime<Utc>>>("checked_at")?.is_some(),
    })
}

fn decode_sight(row: &Row<'_>) -> Result<Sight, StoreError> {
    let cells = Cells::of(row, "watch", "id")?;
    Ok(match cells.json_or_null("ended")? {
        None => Sight::Suspended,
        Some(End::Back(back)) => Sight::BackSince(back.at),
        Some(
            End::Gone
            | End::Deactivated
            | End::RestoredByUs
            | End::SuspendedAnew
            | End::Over
            | End::LostSight { .. },
        ) => Sight::Over,
    })
}

fn decode_drifted(row: &Row<'_>) -> Result<Drifted, StoreError> {
    let cells = Cells::of(row, "watch", "id")?;
    let back = match cells.json("ended")? {
        End::Back(back) => back,
        End::Gone
        | End::Deactivated
        | End::RestoredByUs
        | End::SuspendedAnew
        | End::Over
        | End::LostSight { .. } => {
            return Err(cells.bad("ended: in a batch, but not because the account came back"));
        }
    };
    Ok(Drifted { policy: cells.get("policy")?, watch: decode(row)?, back })
}
