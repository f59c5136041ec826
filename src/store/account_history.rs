//! What earlier sweeps and requests say about a policy or an account.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::domain::account::AccountId;
use crate::domain::candidate::CandidateState;
use crate::domain::ids::RequestId;
use crate::domain::plan::Past;
use crate::domain::policy::Rule;
use crate::domain::request::{Decision, RequestState};

use super::codec::{self, Cells, time_text};
use super::tx::{Row, Tx, params};
use super::{Store, StoreError, sweeps};

/// So many sweeps make the recent median.
const RECENT_SWEEPS: usize = 10;
/// The population is compared with the largest of so many: a listing that stays partial is held again, not taken for
/// the new normal the next day.
const POPULATION_SWEEPS: usize = 5;
/// So far back they are looked for: a policy whose type was changed to and fro has others in between.
const SWEEPS_LOOKED_AT: u32 = 100;

impl Store {
    /// What earlier sweeps of the policy over the same accounts found, those that a guard held included.
    /// Whether the rule is live is the caller's to say; here it is always `false`.
    pub async fn past(&self, policy: &str, rule: &Rule) -> Result<Past, StoreError> {
        let (policy, rule) = (policy.to_owned(), rule.clone());
        self.read(move |tx| past(tx, &policy, &rule)).await
    }

    /// Of these accounts those that an open request holds, and which.
    pub async fn waiting(&self, ids: Vec<AccountId>) -> Result<BTreeMap<AccountId, RequestId>, StoreError> {
        self.read(move |tx| {
            let open = open_accounts(tx)?;
            Ok(ids.into_iter().filter_map(|id| open.get(&id).map(|request| (id, *request))).collect())
        })
        .await
    }

    /// Returns the open requests of the policy whose card was tried to be posted, and does not stand as far as is
    /// known.
    pub async fn unposted(&self, policy: &str) -> Result<Vec<RequestId>, StoreError> {
        let policy = policy.to_owned();
        self.read(move |tx| unposted(tx, &policy)).await
    }

    /// Of these accounts those that other requests ask about, or have asked about since this one, and which.
    pub async fn asked_since(
        &self,
        request: RequestId,
        ids: Vec<AccountId>,
    ) -> Result<BTreeMap<AccountId, RequestId>, StoreError> {
        self.read(move |tx| {
            let since = asked_since(tx, request)?;
            Ok(ids.into_iter().filter_map(|id| since.get(&id).map(|request| (id, *request))).collect())
        })
        .await
    }

    /// How often the policy proposed each account since it went idle, without suspending it. Previews don't count, and
    /// accounts that were never proposed are left out.
    pub async fn times_proposed(
        &self,
        policy: &str,
        idle_since: Vec<(AccountId, DateTime<Utc>)>,
    ) -> Result<BTreeMap<AccountId, u32>, StoreError> {
        let policy = policy.to_owned();
        self.read(move |tx| {
            let mut times = BTreeMap::new();
            for (id, since) in idle_since {
                let count = times_proposed(tx, &policy, &id, since)?;
                if count > 0 {
                    times.insert(id, count);
                }
            }
            Ok(times)
        })
        .await
    }

    /// Returns those accounts of this request that the policy's last request before it proposed too, if that one was
    /// denied: which it was, and the decision.
    pub async fn denied_before(
        &self,
        request: RequestId,
    ) -> Result<BTreeMap<AccountId, (RequestId, Decision)>, StoreError> {
        self.read(move |tx| {
            let sql = "SELECT mine.account_id AS account, past.id AS id, past.state_json AS state_json
                       FROM candidate AS mine
                       JOIN request AS this ON this.id = mine.request
                       JOIN candidate AS other ON other.account_id = mine.account_id AND other.request < mine.request
                       JOIN request AS past ON past.id = other.request AND past.policy = this.policy
                       WHERE mine.request = ?1 AND other.state != 'previewed' ORDER BY past.id";
            let rows = tx.all(sql, params![request], |row| {
                let cells = Cells::of(row, "request", "id")?;
                let account: String = cells.get("account")?;
                Ok((AccountId(account), (cells.get("id")?, cells.json("state_json")?)))
            })?;
            // The last one counts.
            let last: BTreeMap<AccountId, (RequestId, RequestState)> = rows.into_iter().collect();
            let denied = last.into_iter().filter_map(|(account, (id, state))| {
                let RequestState::Denied { decision } = state else { return None };
                Some((account, (id, decision)))
            });
            Ok(denied.collect())
        })
        .await
    }

    /// When we last suspended each of these accounts; those that we never did are left out.
    pub async fn suspended_by_us(
        &self,
        ids: Vec<AccountId>,
    ) -> Result<BTreeMap<AccountId, DateTime<Utc>>, StoreError> {
        self.read(move |tx| {
            let mut latest = BTreeMap::new();
            for id in ids {
                if let Some(at) = last_suspended(tx, &id)? {
                    latest.insert(id, at);
                }
            }
            Ok(latest)
        })
        .await
    }
}

/// Returns the requests of the policy that wait for a decision and whose card could not be posted each time it was
/// tried.
fn unposted(tx: &dyn Tx, policy: &str) -> Result<Vec<RequestId>, StoreError> {
    let sql = "SELECT request.id FROM request
               JOIN message ON message.key = 'request:' || request.id || ':card'
               WHERE request.policy = ?1 AND request.state IN ('preview', 'held', 'pending')
                   AND request.deadline IS NULL AND message.ts IS NULL AND message.attempts > 0
               ORDER BY request.id";
    tx.all(sql, params![policy], codec::id)
}

/// All accounts that an open request holds.
pub(super) fn open_accounts(tx: &dyn Tx) -> Result<BTreeMap<AccountId, RequestId>, StoreError> {
    let sql = "SELECT account_id, request FROM candidate WHERE state IN ('proposed', 'due')";
    let rows = tx.all(sql, params![], |row| Ok((AccountId(row.get(0)?), row.get(1)?)))?;
    Ok(rows.into_iter().collect())
}

/// The accounts that other requests ask about, or have asked about since this one, and the last of those. Previews ask
/// nobody.
pub(super) fn asked_since(
    tx: &dyn Tx,
    request: RequestId,
) -> Result<BTreeMap<AccountId, RequestId>, StoreError> {
    let sql = "SELECT candidate.account_id, max(candidate.request) FROM candidate
               JOIN request ON request.id = candidate.request
               WHERE (request.id > ?1 AND request.state NOT IN ('preview', 'went_live'))
                   OR (request.id != ?1 AND candidate.state IN ('proposed', 'due'))
               GROUP BY candidate.account_id";
    let rows = tx.all(sql, params![request], |row| Ok((AccountId(row.get(0)?), row.get(1)?)))?;
    Ok(rows.into_iter().collect())
}

fn past(tx: &dyn Tx, policy: &str, rule: &Rule) -> Result<Past, StoreError> {
    let sql = "SELECT * FROM sweep WHERE policy = ?1 AND state IN ('finished', 'held')
               ORDER BY id DESC LIMIT ?2";
    let rows = tx.all(sql, params![policy, SWEEPS_LOOKED_AT], sweeps::decode)?;
    let counts = rows.iter().filter(|row| row.rule.same_scope_as(rule)).filter_map(|row| row.state.counts());
    let counts: Vec<_> = counts.take(RECENT_SWEEPS).collect();
    Ok(Past {
        previous_population: counts.iter().take(POPULATION_SWEEPS).map(|counts| counts.population).max(),
        recent_candidates: counts.iter().map(|counts| counts.candidates + counts.waiting).collect(),
        live: false,
    })
}

fn times_proposed(
    tx: &dyn Tx,
    policy: &str,
    id: &AccountId,
    since: DateTime<Utc>,
) -> Result<u32, StoreError> {
    let sql = "SELECT count(*) FROM candidate JOIN request ON request.id = candidate.request
               WHERE candidate.account_id = ?1 AND request.policy = ?2 AND request.created_at >= ?3
                   AND candidate.state NOT IN ('previewed', 'suspended')
                   AND NOT (request.deadline IS NULL AND request.state IN ('held', 'pending'))";
    let count = tx.first(sql, params![id.0, policy, time_text(since)], |row| row.get(0))?;
    Ok(count.unwrap_or_default())
}

fn last_suspended(tx: &dyn Tx, id: &AccountId) -> Result<Option<DateTime<Utc>>, StoreError> {
    let sql = "SELECT *, request || '/' || position AS key FROM candidate
               WHERE account_id = ?1 AND state = 'suspended'";
    Ok(tx.all(sql, params![&id.0], suspended_at)?.into_iter().max())
}

fn suspended_at(row: &Row<'_>) -> Result<DateTime<Utc>, StoreError> {
    let cells = Cells::of(row, "candidate", "key")?;
    let CandidateState::Suspended { at, .. } = cells.json("state_json")? else {
        return Err(cells.bad_state());
    };
    Ok(at)
}
