//! The audit trail as it is asked about: which events match, newest first for people, oldest first for exports.
//!
//! The first page is there within 50 ms, also of a million events of which none match. For that a question is split
//! into branches, each of which names at most one policy and one action, and each branch walks an index that has the
//! branch's events in the order of the trail; the pages of the branches are merged. A stretch of time becomes a stretch
//! of sequence numbers first (`audit_day`), and part of a login the accounts that have it (`audit_subject`).
//!
//! What a person may not see is left out by the query itself, so that pages are full and nothing can be counted.

use chrono::{DateTime, Duration, Utc};

use crate::domain::account::AccountId;
use crate::domain::audit::{Action, AuditEvent};
use crate::domain::ids::{PolicyName, RequestId};

use super::codec::time_text;
use super::tx::{ToValue, Tx, Value, hints, marks, params};
use super::{Store, StoreError, audit};

/// Accounts that part of a login may name in one question. More make it too slow, and mean nobody in particular.
pub const ACCOUNTS_MAX: usize = 50;

/// Which events are asked for. What is `None` or empty doesn't restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only events of these policies: those that the person may see. `None`: all, and those of no policy too.
    pub visible: Option<Vec<PolicyName>>,
    /// The policy.
    pub policy: Option<String>,
    /// About one of these accounts, at most [`ACCOUNTS_MAX`]; see [`Store::audited_accounts`].
    pub accounts: Vec<AccountId>,
    /// The request.
    pub request: Option<RequestId>,
    /// One of these actions.
    pub actions: Vec<Action>,
    /// By the person with this id in the chat system.
    pub by: Option<String>,
    /// Happened at or after this time.
    pub since: Option<DateTime<Utc>>,
    /// Happened before this time.
    pub until: Option<DateTime<Utc>>,
    /// Only events before this one in the trail.
    pub before_seq: Option<i64>,
    /// Only events after this one in the trail.
    pub after_seq: Option<i64>,
    /// At most this many.
    pub limit: u32,
}

impl AuditQuery {
    /// The latest events of all kinds.
    pub fn latest(limit: u32) -> AuditQuery {
        AuditQuery { limit, ..AuditQuery::default() }
    }
}

/// Which end of the trail comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    NewestFirst,
    OldestFirst,
}

impl Store {
    /// The events that match, newest first.
    pub async fn audit(&self, query: AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        self.read(move |tx| find(tx, &query, Order::NewestFirst)).await
    }

    /// The events that match, oldest first. For long readings: ask again with `after_seq` set to the last one's
    /// number, so that writers get their turn in between.
    pub async fn audit_onward(&self, query: AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        self.read(move |tx| find(tx, &query, Order::OldestFirst)).await
    }

    /// The accounts in the trail that `part` names: the one with this id or login, or else all whose login has it in
    /// it, ignoring ASCII case. At most one more than [`ACCOUNTS_MAX`]; only those with an event of the policies in
    /// `visible`, if that is not `None`.
    pub async fn audited_accounts(
        &self,
        part: &str,
        visible: Option<Vec<PolicyName>>,
    ) -> Result<Vec<AccountId>, StoreError> {
        let part = part.to_owned();
        self.read(move |tx| {
            let find = |named: &str, part: &str| {
                let visible = visible.as_deref();
                let seen = visible.map_or(String::new(), |names| {
                    format!(
                        " AND EXISTS (SELECT 1 FROM audit_event AS event {}
                            WHERE event.account_id = audit_subject.account_id AND event.policy IN ({}))",
                        hints::BY_ACCOUNT,
                        marks(3, names.len())
                    )
                });
                let sql = format!(
                    "SELECT DISTINCT account_id FROM audit_subject WHERE ({named}){seen} LIMIT {}",
                    ACCOUNTS_MAX + 1
                );
                let lower = part.to_ascii_lowercase();
                let mut values = params![part, lower].to_vec();
                values.extend(visible.into_iter().flatten().map(ToValue::to_value));
                tx.all(&sql, &values, |row| Ok(AccountId(row.get(0)?)))
            };
            if visible.as_ref().is_some_and(Vec::is_empty) {
                return Ok(Vec::new());
            }
            let exact = find("account_id = ?1 OR lower(login) = ?2", &part)?;
            if !exact.is_empty() || part.is_empty() {
                return Ok(exact);
            }
            find("account_id = ?1 OR lower(login) LIKE ?2 ESCAPE '!'", &format!("%{}%", escaped(&part)))
        })
        .await
    }

    /// The events after this one, oldest first.
    pub async fn events_after(&self, seq: i64, at_most: u32) -> Result<Vec<AuditEvent>, StoreError> {
        self.read(move |tx| {
            let sql = "SELECT * FROM audit_event WHERE seq > ?1 ORDER BY seq LIMIT ?2";
            tx.all(sql, params![seq, at_most], audit::decode)
        })
        .await
    }

    /// The number and hash of the last event of the trail; `None` while it is empty.
    pub async fn audit_head(&self) -> Result<Option<(i64, String)>, StoreError> {
        let sql = "SELECT seq, hash FROM audit_event ORDER BY seq DESC LIMIT 1";
        self.read(|tx| tx.first(sql, params![], |row| Ok((row.get(0)?, row.get(1)?)))).await
    }
}

/// The numbers between which all events of the days lie; `None` if there are none.
fn days_span(
    tx: &dyn Tx,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
) -> Result<Option<(i64, i64)>, StoreError> {
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    let first = since.map(day).unwrap_or_default();
    // The last day that has a moment before `until`. No day sorts after the letter.
    let last = until.map_or_else(|| "x".to_owned(), |until| day(until - Duration::milliseconds(1)));
    let sql = "SELECT min(first_seq), max(last_seq) FROM audit_day WHERE day BETWEEN ?1 AND ?2";
    let span = tx.first(sql, params![first, last], |row| {
        Ok((row.get::<Option<i64>>(0)?, row.get::<Option<i64>>(1)?))
    })?;
    Ok(span.and_then(|(first, last)| first.zip(last)))
}

/// Text as a pattern of `LIKE` that only it fits.
fn escaped(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

/// One branch of a question: an index, and the values of its leading columns.
struct Branch<'a> {
    index: Option<&'static str>,
    policy: Option<&'a str>,
    action: Option<Action>,
    account: Option<&'a AccountId>,
}

fn find(tx: &dyn Tx, query: &AuditQuery, order: Order) -> Result<Vec<AuditEvent>, StoreError> {
    let mut query = query.clone();
    if let Some(visible) = &query.visible
        && (visible.is_empty()
            || query.policy.as_deref().is_some_and(|policy| !visible.iter().any(|name| *name == *policy)))
    {
        return Ok(Vec::new());
    }
    if query.since.is_some() || query.until.is_some() {
        let Some((first, last)) = days_span(tx, query.since, query.until)? else { return Ok(Vec::new()) };
        query.after_seq = query.after_seq.max(Some(first - 1));
        query.before_seq = Some(query.before_seq.map_or(last + 1, |before| before.min(last + 1)));
    }
    let mut found = Vec::new();
    for branch in branches(&query) {
        found.extend(walk(tx, &query, &branch, order)?);
    }
    found.sort_by_key(|event: &AuditEvent| event.seq);
    if order == Order::NewestFirst {
        found.reverse();
    }
    found.truncate(query.limit as usize);
    Ok(found)
}

/// Splits a question. Accounts and requests have few events, so there the rest is looked at event by event.
fn branches(query: &AuditQuery) -> Vec<Branch<'_>> {
    let each = |index| Branch { index: Some(index), policy: None, action: None, account: None };
    if !query.accounts.is_empty() {
        let one = |account| Branch { account: Some(account), ..each(hints::BY_ACCOUNT) };
        return query.accounts.iter().map(one).collect();
    }
    if query.request.is_some() {
        return vec![each(hints::BY_REQUEST)];
    }
    let policies: Vec<Option<&str>> = match (&query.policy, &query.visible) {
        (Some(policy), _) => vec![Some(policy)],
        (None, Some(visible)) => visible.iter().map(|policy| Some(&**policy)).collect(),
        (None, None) => vec![None],
    };
    let actions: Vec<Option<Action>> = match query.actions.as_slice() {
        [] => vec![None],
        actions => actions.iter().copied().map(Some).collect(),
    };
    let pairs = policies.into_iter().flat_map(|policy| actions.iter().map(move |action| (policy, *action)));
    pairs
        .map(|(policy, action)| {
            let index = match (query.by.is_some(), policy.is_some(), action.is_some()) {
                (true, _, true) => Some(hints::BY_PERSON_AND_ACTION),
                (true, _, false) => Some(hints::BY_PERSON),
                (false, true, true) => Some(hints::BY_POLICY_AND_ACTION),
                (false, true, false) => Some(hints::BY_POLICY),
                (false, false, true) => Some(hints::BY_ACTION),
                (false, false, false) => None,
            };
            Branch { index, policy, action, account: None }
        })
        .collect()
}

fn walk(
    tx: &dyn Tx,
    query: &AuditQuery,
    branch: &Branch<'_>,
    order: Order,
) -> Result<Vec<AuditEvent>, StoreError> {
    let mut sql = format!("SELECT * FROM audit_event {} WHERE 1 = 1", branch.index.unwrap_or_default());
    let (since, until) = (query.since.map(time_text), query.until.map(time_text));
    let conditions = [
        ("account_id =", branch.account.map(|account| account.0.to_value())),
        ("request =", query.request.as_ref().map(ToValue::to_value)),
        ("by_id =", query.by.as_deref().map(Value::Text)),
        ("policy =", branch.policy.or(query.policy.as_deref()).map(Value::Text)),
        ("action =", branch.action.map(|action| Value::Text(action.word()))),
        ("seq <", query.before_seq.map(Value::Integer)),
        ("seq >", query.after_seq.map(Value::Integer)),
        ("at >=", since.as_deref().map(Value::Text)),
        ("at <", until.as_deref().map(Value::Text)),
    ];
    let mut values: Vec<Value<'_>> = Vec::new();
    for (condition, value) in conditions {
        if let Some(value) = value {
            values.push(value);
            sql = format!("{sql} AND {condition} ?{}", values.len());
        }
    }
    // Where a branch does not name one policy or action, what is allowed of them is looked up in what it finds.
    if let (None, None, Some(visible)) = (branch.policy, &query.policy, &query.visible) {
        sql = format!("{sql} AND policy IN ({})", marks(values.len() + 1, visible.len()));
        values.extend(visible.iter().map(ToValue::to_value));
    }
    if branch.action.is_none() && !query.actions.is_empty() {
        sql = format!("{sql} AND action IN ({})", marks(values.len() + 1, query.actions.len()));
        values.extend(query.actions.iter().map(|action| Value::Text(action.word())));
    }
    let direction = match order {
        Order::NewestFirst => "DESC",
        Order::OldestFirst => "ASC",
    };
    values.push(query.limit.to_value());
    sql = format!("{sql} ORDER BY seq {direction} LIMIT ?{}", values.len());
    tx.all(&sql, &values, audit::decode)
}
