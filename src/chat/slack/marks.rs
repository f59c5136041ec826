//! Finds messages of ours again in a channel's history, by their marks.

use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::chat::{ChatError, Mark, Marked, MessageRef};

use super::api::{Api, PAGE, PAGES_MAX};
use super::metadata;

/// How far our clock may be ahead of Slack's without a message of ours being overlooked.
const CLOCK_SKEW: Duration = Duration::minutes(5);

/// An answer without messages is none: what is not found is posted again.
#[derive(Deserialize)]
struct Page {
    messages: Vec<Found>,
    response_metadata: Option<Cursor>,
}

#[derive(Deserialize)]
struct Cursor {
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    ts: String,
    user: Option<String>,
    bot_id: Option<String>,
    /// Any value: other apps may put anything there.
    #[serde(default)]
    metadata: Value,
}

impl Api {
    pub(super) async fn find(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        mark: &Mark,
        since: DateTime<Utc>,
    ) -> Result<Option<MessageRef>, ChatError> {
        let oldest = Some((since - CLOCK_SKEW).timestamp());
        let mut cursor = None;
        for _ in 0..PAGES_MAX {
            let page = self.page(channel, thread, oldest, cursor).await?;
            let is_it = |found: &Found| self.mark_of(found).is_some_and(|other| mark.matches(&other));
            if let Some(found) = page.messages.iter().find(|found| is_it(found)) {
                return Ok(Some(MessageRef { channel: channel.to_owned(), id: found.ts.clone() }));
            }
            cursor = page.next();
            if cursor.is_none() {
                return Ok(None);
            }
        }
        tracing::warn!(channel, "looked through too many messages for one of ours; taking it as not posted");
        Ok(None)
    }

    pub(super) async fn marks(
        &self,
        channel: &str,
        since: Option<DateTime<Utc>>,
    ) -> Result<Vec<Marked>, ChatError> {
        let mut marks = Vec::new();
        let mut cursor = None;
        for _ in 0..PAGES_MAX {
            let page = self.page(channel, None, None, cursor).await?;
            let last = page.messages.iter().filter_map(|found| moment(&found.ts)).min();
            marks.extend(page.messages.iter().filter_map(|found| {
                let message = MessageRef { channel: channel.to_owned(), id: found.ts.clone() };
                Some(Marked { message, posted_at: moment(&found.ts)?, mark: self.mark_of(found)? })
            }));
            cursor = page.next();
            let far_enough = since.is_none_or(|since| last.is_none_or(|last| last < since - CLOCK_SKEW));
            if cursor.is_none() || (far_enough && !marks.is_empty()) {
                break;
            }
        }
        Ok(marks)
    }

    /// Reads a page of a channel's messages, or of a thread's.
    async fn page(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        oldest: Option<i64>,
        cursor: Option<String>,
    ) -> Result<Page, ChatError> {
        let method = if thread.is_some() { "conversations.replies" } else { "conversations.history" };
        let params = vec![
            ("channel", Some(channel.to_owned())),
            ("ts", thread.map(|message| message.id.clone())),
            ("oldest", oldest.map(|oldest| format!("{oldest}.000000"))),
            ("inclusive", Some("true".to_owned())),
            ("include_all_metadata", Some("true".to_owned())),
            ("limit", Some(PAGE.to_string())),
            ("cursor", cursor),
        ];
        self.read(method, &params).await
    }

    /// Returns the mark of a message, if it is one of ours.
    fn mark_of(&self, message: &Found) -> Option<Mark> {
        let ours = message.user.as_ref() == Some(&self.me.user_id)
            || (message.bot_id.is_some() && message.bot_id == self.me.bot_id);
        if ours { metadata::read(&message.metadata) } else { None }
    }
}

impl Page {
    fn next(self) -> Option<String> {
        self.response_metadata.and_then(|meta| meta.next_cursor).filter(|next| !next.is_empty())
    }
}

/// Returns the moment that a message's id says.
fn moment(ts: &str) -> Option<DateTime<Utc>> {
    let (seconds, micros) = ts.split_once('.').unwrap_or((ts, "0"));
    let micros = format!("{micros:0<6}").get(..6)?.parse::<u32>().ok()?;
    DateTime::from_timestamp(seconds.parse().ok()?, micros * 1000)
}
