//! The bot's page per person: who has opened it, and what was published for them last.

use chrono::{DateTime, Utc};

use crate::domain::audit::{Action, AuditEvent};
use crate::domain::ids::PolicyName;

use super::codec::{self, Cells, time_text};
use super::tx::{Row, Value, marks, params};
use super::{Store, StoreError, audit};

/// What a person decided, as the page shows it.
const DECISIONS: [Action; 11] = [
    Action::Approved,
    Action::ApprovedFirst,
    Action::Retried,
    Action::AskedAgain,
    Action::Denied,
    Action::Withdrawn,
    Action::Released,
    Action::WentLive,
    Action::Exempted,
    Action::Unexempted,
    Action::RestoreAsked,
];

/// One person's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeRow {
    /// The chat system's user id.
    pub user: String,
    /// When they last opened it.
    pub opened_at: DateTime<Utc>,
    /// Counts what they did that calls for a fresh page.
    pub asked: i64,
    /// Up to which of that the page is fresh.
    pub answered: i64,
    /// The state of things when it was last looked at, in the caller's words; `None` has it looked at again.
    pub seen: Option<String>,
    /// What it is known to show, in the caller's words.
    pub shown: Option<String>,
    /// When it was last published.
    pub published_at: Option<DateTime<Utc>>,
    /// Not before this time.
    pub retry_at: Option<DateTime<Utc>>,
    /// Tries without success.
    pub attempts: u32,
}

impl HomeRow {
    /// Whether the person waits for it.
    pub fn is_waited_for(&self) -> bool {
        self.answered < self.asked
    }
}

impl Store {
    /// The person opened the page.
    pub async fn home_opened(&self, user: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let user = user.to_owned();
        self.write(move |tx| {
            let sql = "INSERT INTO home (user_id, opened_at, asked) VALUES (?1, ?2, 1)
                       ON CONFLICT (user_id) DO UPDATE SET
                           opened_at = CASE WHEN home.opened_at < excluded.opened_at THEN excluded.opened_at ELSE home.opened_at END,
                           asked = home.asked + 1, attempts = 0,
                           retry_at = NULL";
            tx.run(sql, params![user, time_text(now)]).map(drop)
        })
        .await
    }

    /// The person did something elsewhere: their rights are looked up again. `false` if they never opened the page.
    pub async fn home_stale(&self, user: &str) -> Result<bool, StoreError> {
        let user = user.to_owned();
        let known = "SELECT asked FROM home WHERE user_id = ?1";
        let person = user.clone();
        if self.read(move |tx| tx.first(known, params![person], |_| Ok(()))).await?.is_none() {
            return Ok(false);
        }
        let sql = "UPDATE home SET asked = asked + 1 WHERE user_id = ?1";
        self.write(move |tx| Ok(tx.run(sql, params![user])? == 1)).await
    }

    /// The pages that were opened since then, those that somebody waits for first.
    pub async fn homes(&self, since: DateTime<Utc>) -> Result<Vec<HomeRow>, StoreError> {
        self.read(move |tx| {
            let sql = "SELECT * FROM home WHERE opened_at >= ?1
                       ORDER BY CASE WHEN answered < asked THEN 0 ELSE 1 END, coalesce(published_at, ''), user_id";
            tx.all(sql, params![time_text(since)], decode)
        })
        .await
    }

    /// Writes the result of publishing a page, except what the person does meanwhile.
    pub async fn save_home(&self, row: &HomeRow) -> Result<(), StoreError> {
        let row = row.clone();
        self.write(move |tx| {
            let sql =
                // A person who opened it again in between waits for nothing that went wrong earlier.
                "UPDATE home SET answered = ?2, seen = ?3, shown = ?4, published_at = ?5,
                           retry_at = CASE WHEN asked = ?8 THEN ?6 ELSE retry_at END,
                           attempts = CASE WHEN asked = ?8 THEN ?7 ELSE attempts END
                       WHERE user_id = ?1";
            let (published_at, retry_at) = (row.published_at.map(time_text), row.retry_at.map(time_text));
            let values = params![
                row.user,
                row.answered,
                row.seen,
                row.shown,
                published_at,
                retry_at,
                row.attempts,
                row.asked,
            ];
            tx.run(sql, values).map(drop)
        })
        .await
    }

    /// Forgets the pages that nobody opened since then. What they show stays as it is until they are opened again.
    pub async fn forget_homes(&self, before: DateTime<Utc>) -> Result<usize, StoreError> {
        self.write(move |tx| tx.run("DELETE FROM home WHERE opened_at < ?1", params![time_text(before)]))
            .await
    }

    /// The number of the latest audit event; 0 before the first.
    pub async fn last_event(&self) -> Result<i64, StoreError> {
        let sql = "SELECT coalesce(max(seq), 0) FROM audit_event";
        Ok(self.read(move |tx| tx.first(sql, params![], codec::id)).await?.unwrap_or_default())
    }

    /// The latest decisions of people in these policies, newest first.
    pub async fn recent_decisions(
        &self,
        policies: Vec<PolicyName>,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, StoreError> {
        self.read(move |tx| {
            let sql = format!(
                "SELECT * FROM audit_event WHERE policy = ?1 AND action IN ({}) ORDER BY seq DESC LIMIT ?2",
                marks(3, DECISIONS.len())
            );
            let mut events = Vec::new();
            for policy in policies {
                let mut values = params![policy, limit].to_vec();
                values.extend(DECISIONS.iter().map(|action| Value::Text(action.word())));
                events.extend(tx.all(&sql, &values, audit::decode)?);
            }
            events.sort_by_key(|event: &AuditEvent| std::cmp::Reverse(event.seq));
            events.truncate(limit as usize);
            Ok(events)
        })
        .await
    }
}

fn decode(row: &Row<'_>) -> Result<HomeRow, StoreError> {
    let cells = Cells::of(row, "home", "user_id")?;
    Ok(HomeRow {
        user: cells.get("user_id")?,
        opened_at: cells.get("opened_at")?,
        asked: cells.get("asked")?,
        answered: cells.get("answered")?,
        seen: cells.get("seen")?,
        shown: cells.get("shown")?,
        published_at: cells.get("published_at")?,
        retry_at: cells.get("retry_at")?,
        attempts: cells.get("attempts")?,
    })
}
