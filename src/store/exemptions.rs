//! Exemptions that people grant: made, ended, announced, and asked about.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use crate::domain::account::AccountId;
use crate::domain::exemption::{self, End, Granted, Wish, deserves_notice};
use crate::domain::ids::PolicyName;

use super::audit::{self, AuditContext};
use super::codec::{self, Cells, json_text, time_text};
use super::tx::{Row, Tx, params};
use super::{Notice, Store, StoreError, once};

/// What came of a wish for an exemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exempted {
    New(Granted),
    /// The same input had granted it before.
    Repeated(Granted),
}

impl Store {
    /// Grants a wish that was checked. `key` names the input: the same input grants once.
    pub async fn grant_exemption(
        &self,
        key: &str,
        wish: Wish,
        now: DateTime<Utc>,
    ) -> Result<Exempted, StoreError> {
        let key = key.to_owned();
        self.write(move |tx| {
            if let Some(before) = tx.first("SELECT * FROM exemption WHERE key = ?1", params![&key], decode)? {
                return Ok(Exempted::Repeated(before));
            }
            grant(tx, &key, &wish, &AuditContext::of_policy(&wish.policy), now).map(Exempted::New)
        })
        .await
    }

    /// Ends every exemption of the account under the policy, those that start later too. Returns the ended ones.
    pub async fn lift_exemptions(
        &self,
        policy: &str,
        account: &AccountId,
        end: End,
        now: DateTime<Utc>,
    ) -> Result<Vec<Granted>, StoreError> {
        let (policy, account) = (policy.to_owned(), account.clone());
        self.write(move |tx| {
            let sql = format!(
                "SELECT * FROM exemption WHERE policy = ?1 AND account_id = ?3 AND {OPEN} ORDER BY id"
            );
            let open = tx.all(&sql, params![policy, time_text(now), account.0], decode)?;
            for granted in &open {
                set_end(tx, granted, &end, now, now)?;
            }
            Ok(open)
        })
        .await
    }

    /// Ends the exemptions whose time is over. Returns how many.
    pub async fn lapse_exemptions(&self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        let sql = "SELECT * FROM exemption WHERE ended_at IS NULL AND ends_at <= ?1 ORDER BY id";
        let over = move |tx: &dyn Tx| codec::readable(tx, sql, params![time_text(now)], decode);
        if self.read(move |tx| over(tx)).await?.is_empty() {
            return Ok(0);
        }
        self.write(move |tx| {
            let over = over(tx)?;
            for granted in &over {
                set_end(tx, granted, &End::Lapsed, granted.ends_at, now)?;
            }
            Ok(over.len())
        })
        .await
    }

    /// The exemptions of the policies that have not ended, the next to end first.
    pub async fn open_exemptions(
        &self,
        policies: Vec<PolicyName>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Granted>, StoreError> {
        self.read(move |tx| {
            let sql = format!("SELECT * FROM exemption WHERE policy = ?1 AND {OPEN}");
            let mut open = Vec::new();
            for policy in &policies {
                open.extend(tx.all(&sql, params![policy, time_text(now)], decode)?);
            }
            open.sort_by_key(|granted| (granted.ends_at, granted.id));
            Ok(open)
        })
        .await
    }

    /// Returns the exemptions of all policies that have not ended and were granted last, at most `at_most`.
    pub async fn latest_exemptions(
        &self,
        at_most: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<Granted>, StoreError> {
        self.read(move |tx| {
            let sql = format!("SELECT * FROM exemption WHERE {OPEN} ORDER BY id DESC LIMIT ?1");
            tx.all(&sql, params![at_most, time_text(now)], decode)
        })
        .await
    }

    /// Every exemption that the account ever had, newest first.
    pub async fn exemptions_of(&self, account: &AccountId) -> Result<Vec<Granted>, StoreError> {
        let account = account.clone();
        self.read(move |tx| {
            tx.all(
                "SELECT * FROM exemption WHERE account_id = ?1 ORDER BY id DESC",
                params![account.0],
                decode,
            )
        })
        .await
    }

    /// Every exemption that was granted and began before `until` and had not ended before `since`: what was in force at
    /// some time of that period; oldest first.
    pub async fn exemptions_between(
        &self,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Granted>, StoreError> {
        self.read(move |tx| {
            let sql = "SELECT * FROM exemption
                       WHERE granted_at < ?2 AND starts_at < ?2 AND (ended_at IS NULL OR ended_at >= ?1) ORDER BY id";
            tx.all(sql, params![time_text(since), time_text(until)], decode)
        })
        .await
    }

    /// Per account the exemption of the policy that is in force now and ends last.
    pub async fn exemptions_in_force(
        &self,
        policy: &str,
        now: DateTime<Utc>,
    ) -> Result<BTreeMap<AccountId, Granted>, StoreError> {
        let policy = policy.to_owned();
        self.read(move |tx| {
            let sql = format!(
                "SELECT * FROM exemption WHERE policy = ?1 AND {BEGUN} AND {OPEN} ORDER BY ends_at, id"
            );
            let granted = tx.all(&sql, params![policy, time_text(now)], decode)?;
            Ok(granted.into_iter().map(|granted| (granted.account.id.clone(), granted)).collect())
        })
        .await
    }

    /// Puts the exemptions of the policy that end within `notice` from now, and were not announced, into one batch.
    pub async fn notice_exemptions(
        &self,
        policy: &str,
        notice: Duration,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let policy = policy.to_owned();
        let due = move |tx: &dyn Tx| {
            // What another one goes on with is no end.
            let sql = format!(
                "SELECT * FROM exemption
                 WHERE policy = ?1 AND notice IS NULL AND ends_at <= ?3 AND {BEGUN} AND {OPEN}
                     AND NOT EXISTS (SELECT 1 FROM exemption AS later
                         WHERE later.policy = exemption.policy AND later.account_id = exemption.account_id
                             AND (later.ended IS NULL OR later.ended = '\"lapsed\"')
                             AND later.starts_at <= exemption.ends_at AND later.ends_at > exemption.ends_at)
                 ORDER BY id"
            );
            let (now, until) = (time_text(now), time_text(now + notice));
            let soon = codec::readable(tx, &sql, params![policy, now, until], decode)?;
            Ok(soon.into_iter().filter(|granted| deserves_notice(granted, notice)).collect::<Vec<_>>())
        };
        if self
            .read({
                let due = due.clone();
                move |tx| due(tx)
            })
            .await?
            .is_empty()
        {
            return Ok(());
        }
        self.write(move |tx| {
            let due = due(tx)?;
            let Some(first) = due.first().map(|granted| granted.id) else { return Ok(()) };
            for granted in due {
                tx.run("UPDATE exemption SET notice = ?2 WHERE id = ?1", params![granted.id, first])?;
            }
            once::say(tx, Notice::ExemptionsEnd(first), now)
        })
        .await
    }

    /// The exemptions of a batch.
    pub async fn exemption_batch(&self, batch: i64) -> Result<Vec<Granted>, StoreError> {
        self.read(move |tx| tx.all(BATCH, params![batch], decode)).await
    }
}

/// [`Granted::has_begun`] and [`Granted::is_open`] of the moment that is the second value.
const BEGUN: &str = "(starts_at <= ?2 OR starts_at <= granted_at)";
const OPEN: &str = "ends_at > ?2 AND (ended IS NULL OR ended = '\"lapsed\"')";

const BATCH: &str = "SELECT * FROM exemption WHERE notice = ?1 ORDER BY ends_at, id";

/// Records that the channel knows of a batch. Of those that were lifted before, nobody was notified.
pub(super) fn end_announced(tx: &dyn Tx, batch: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
    let mut open = tx.all(BATCH, params![batch], decode)?;
    open.retain(|granted| granted.is_open(now));
    open.iter().try_for_each(|granted| {
        audit::append(tx, &AuditContext::of_policy(&granted.policy), exemption::end_announced(granted, now))
            .map(drop)
    })
}

/// Writes a wish that was checked, with its audit event.
pub(super) fn grant(
    tx: &dyn Tx,
    key: &str,
    wish: &Wish,
    context: &AuditContext,
    now: DateTime<Utc>,
) -> Result<Granted, StoreError> {
    let id = tx.insert("INSERT INTO exemption (key, policy, provider, account_id, login, granted_by, reason, granted_at, starts_at, ends_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING id", params![
            key,
            wish.policy,
            &*wish.provider,
            wish.account.id.0,
            wish.account.login,
            json_text(&wish.by)?,
            wish.reason,
            time_text(now),
            time_text(wish.starts_at),
            time_text(wish.ends_at),
        ])?;
    audit::append(tx, context, exemption::exempted(id, wish, now))?;
    tx.first("SELECT * FROM exemption WHERE id = ?1", params![id], decode)?
        .ok_or_else(|| StoreError::Missing { table: "exemption", id: id.to_string() })
}

/// Whether the policy leaves the account alone at this moment.
pub(super) fn in_force(
    tx: &dyn Tx,
    policy: &str,
    account: &AccountId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let sql =
        format!("SELECT id FROM exemption WHERE policy = ?1 AND account_id = ?3 AND {BEGUN} AND {OPEN}");
    Ok(tx.first(&sql, params![policy, time_text(now), account.0], |_| Ok(()))?.is_some())
}

fn set_end(
    tx: &dyn Tx,
    granted: &Granted,
    end: &End,
    ended_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE exemption SET ended_at = ?2, ended = ?3 WHERE id = ?1",
        params![granted.id, time_text(ended_at), json_text(end)?],
    )?;
    audit::append(tx, &AuditContext::of_policy(&granted.policy), exemption::ended(granted, end, now))
        .map(drop)
}

fn decode(row: &Row<'_>) -> Result<Granted, StoreError> {
    let cells = Cells::of(row, "exemption", "id")?;
    let end = match (cells.get("ended_at")?, cells.json_or_null("ended")?) {
        (Some(at), Some(end)) => Some((at, end)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(cells.bad("ended_at and ended must be both there or both null"));
        }
    };
    Ok(Granted {
        id: cells.get("id")?,
        policy: cells.get("policy")?,
        provider: cells.get("provider")?,
        account: cells.subject()?,
        by: cells.json("granted_by")?,
        reason: cells.get("reason")?,
        granted_at: cells.get("granted_at")?,
        starts_at: cells.get("starts_at")?,
        ends_at: cells.get("ends_at")?,
        end,
    })
}
