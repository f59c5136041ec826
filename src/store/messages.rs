//! The messages that stand, or should stand, in the chat: where each is and what it was last rendered from.

use chrono::{DateTime, Utc};

use crate::domain::ids::RequestId;
use crate::domain::request::{self, Request};

use super::codec::{Cells, time_text};
use super::tx::{Row, Tx, params};
use super::{Notice, Store, StoreError, exemptions, request_rows, requests, sweeps};

/// One message, from before it is posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// What the message is, such as the card of a request; one row each.
    pub key: String,
    /// The channel it belongs in.
    pub channel: String,
    /// The message it answers, if any.
    pub thread: Option<String>,
    /// The chat system's own id within the channel, once it stands.
    pub ts: Option<String>,
    /// When posting was last tried without a clear answer: it must be looked for before it is posted again.
    pub tried_at: Option<DateTime<Utc>>,
    /// What is known to stand there, in the caller's words.
    pub rendered: Option<String>,
    /// When to render once more, because the answer to an update was lost.
    pub render_again_at: Option<DateTime<Utc>>,
    /// Not before this time.
    pub retry_at: Option<DateTime<Utc>>,
    /// Tries without success.
    pub attempts: u32,
    /// The page that the card shows, from 0.
    pub page: u32,
    /// It shows what this file does not have, and is never changed again. [`Store::save_message`] leaves this alone.
    pub frozen: bool,
}

impl MessageRow {
    /// A message that has not been tried yet.
    pub fn new(key: String, channel: String) -> MessageRow {
        MessageRow {
            key,
            channel,
            thread: None,
            ts: None,
            tried_at: None,
            rendered: None,
            render_again_at: None,
            retry_at: None,
            attempts: 0,
            page: 0,
            frozen: false,
        }
    }
}

/// A card that stands in the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardStands {
    /// The message's key.
    pub key: String,
    /// The channel it stands in.
    pub channel: String,
    /// Its id within the channel.
    pub ts: String,
    pub rendered: String,
    /// The request that it shows.
    pub request: RequestId,
}

impl Store {
    /// The message with this key.
    pub async fn message(&self, key: &str) -> Result<Option<MessageRow>, StoreError> {
        let key = key.to_owned();
        self.read(move |tx| load(tx, &key)).await
    }

    /// The messages whose keys begin with this, in the order of their keys.
    pub async fn messages_of(&self, prefix: &str) -> Result<Vec<MessageRow>, StoreError> {
        let prefix = prefix.to_owned();
        self.read(move |tx| {
            let sql = "SELECT * FROM message WHERE key >= ?1 AND key < ?2 ORDER BY key";
            tx.all(sql, params![prefix, format!("{prefix}{}", char::MAX)], decode)
        })
        .await
    }

    /// Writes the message as given, new or not.
    pub async fn save_message(&self, message: &MessageRow) -> Result<(), StoreError> {
        let message = message.clone();
        self.write(move |tx| save(tx, &message)).await
    }

    /// It was said, or nobody is to hear of it any more. A second time changes nothing.
    pub async fn said(&self, notice: Notice, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |tx| {
            let sql = "UPDATE message SET due_at = NULL WHERE key = ?1 AND due_at IS NOT NULL";
            if tx.run(sql, params![notice.key()])? == 0 {
                return Ok(());
            }
            if let Notice::ExemptionsEnd(batch) = notice {
                exemptions::end_announced(tx, batch, now)?;
            }
            let sql = "DELETE FROM message WHERE key = ?1 AND ts IS NULL AND tried_at IS NULL";
            tx.run(sql, params![notice.key()]).map(drop)
        })
        .await
    }

    /// Forgets what a message shows, so that it is rendered again: that is how one that somebody deleted is missed.
    pub async fn forget_rendering(&self, key: &str) -> Result<(), StoreError> {
        let key = key.to_owned();
        self.write(move |tx| {
            tx.run("UPDATE message SET rendered = NULL WHERE key = ?1", params![key]).map(drop)
        })
        .await
    }

    /// Has what waits to be sent there sent at the next look.
    pub async fn retry_now(&self, channel: &str) -> Result<(), StoreError> {
        let channel = channel.to_owned();
        self.write(move |tx| {
            let sql = "UPDATE message SET retry_at = NULL WHERE channel = ?1 AND retry_at IS NOT NULL";
            tx.run(sql, params![channel]).map(drop)
        })
        .await
    }

    /// Has every message of which an earlier update may still come rendered again at `at`, and not before.
    pub async fn late_updates_until(&self, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.write(move |tx| {
            let sql = "UPDATE message SET render_again_at = ?1 WHERE render_again_at IS NOT NULL";
            tx.run(sql, params![time_text(at)]).map(drop)
        })
        .await
    }

    /// The card stands: its place is recorded and, in the same transaction, the request's clock starts. The request
    /// after that, or `None` if its clock ran already.
    pub async fn card_stands(
        &self,
        card: CardStands,
        now: DateTime<Utc>,
    ) -> Result<Option<Request>, StoreError> {
        self.write(move |tx| {
            let (request, _) = request_rows::need(tx, card.request)?;
            let message = load(tx, &card.key)?
                .unwrap_or_else(|| MessageRow::new(card.key.clone(), card.channel.clone()));
            let message = MessageRow {
                channel: card.channel,
                ts: Some(card.ts),
                rendered: Some(card.rendered),
                tried_at: None,
                retry_at: None,
                attempts: 0,
                ..message
            };
            save(tx, &message)?;
            // The card whose place this one takes can link to it now.
            let before = sweeps::need(tx, request.sweep)?.trigger.asks_again();
            before.map_or(Ok(()), |before| request_rows::card_changes(tx, before))?;
            request::card_posted(&request, now)
                .map(|transition| requests::apply(tx, &request, transition))
                .transpose()
        })
        .await
    }
}

/// Freezes a message that shows what this file does not have: it is never changed again.
pub(super) fn freeze(tx: &dyn Tx, key: &str) -> Result<(), StoreError> {
    tx.run("UPDATE message SET frozen = 1 WHERE key = ?1", params![key]).map(drop)
}

fn load(tx: &dyn Tx, key: &str) -> Result<Option<MessageRow>, StoreError> {
    tx.first("SELECT * FROM message WHERE key = ?1", params![key], decode)
}

fn save(tx: &dyn Tx, message: &MessageRow) -> Result<(), StoreError> {
    tx.run(
        "INSERT INTO message
             (key, channel, thread, ts, tried_at, rendered, render_again_at, retry_at, attempts, page)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (key) DO UPDATE SET
             channel = excluded.channel, thread = excluded.thread, ts = excluded.ts,
             tried_at = excluded.tried_at, rendered = excluded.rendered,
             render_again_at = excluded.render_again_at, retry_at = excluded.retry_at,
             attempts = excluded.attempts, page = excluded.page",
        params![
            message.key,
            message.channel,
            message.thread,
            message.ts,
            message.tried_at.map(time_text),
            message.rendered,
            message.render_again_at.map(time_text),
            message.retry_at.map(time_text),
            message.attempts,
            message.page,
        ],
    )
    .map(drop)
}

fn decode(row: &Row<'_>) -> Result<MessageRow, StoreError> {
    let cells = Cells::of(row, "message", "key")?;
    Ok(MessageRow {
        key: cells.get("key")?,
        channel: cells.get("channel")?,
        thread: cells.get("thread")?,
        ts: cells.get("ts")?,
        tried_at: cells.get("tried_at")?,
        rendered: cells.get("rendered")?,
        render_again_at: cells.get("render_again_at")?,
        retry_at: cells.get("retry_at")?,
        attempts: cells.get("attempts")?,
        page: cells.get("page")?,
        frozen: cells.get("frozen")?,
    })
}
