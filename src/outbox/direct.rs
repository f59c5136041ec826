//! Messages to single people, each sent once.

use chrono::{DateTime, Utc};

use crate::chat::{Card, ChatError};
use crate::domain::backoff;
use crate::outbox::{Identity, Outbox};
use crate::services::{RETRY_AFTER_FAILURE, WorkResult};
use crate::store::MessageRow;

/// A person who can't be written to is not tried for ever: the channel knows.
const TRIES_MAX: u32 = 5;

impl Outbox {
    /// One message to one person, once. Returns when to try again.
    pub(crate) async fn tell_directly(
        &self,
        key: &str,
        user: &str,
        card: &Card,
    ) -> WorkResult<Option<DateTime<Utc>>> {
        let row = self.s.store.message(key).await?;
        let mut row = row.unwrap_or_else(|| MessageRow::new(key.to_owned(), String::new()));
        let now = self.s.clock.now();
        if row.ts.is_some() || (row.channel.is_empty() && row.attempts >= TRIES_MAX) {
            return Ok(None);
        }
        if let Some(at) = backoff::until(row.retry_at, now) {
            return Ok(Some(at));
        }
        if row.channel.is_empty() {
            match self.s.chat.open_direct(user).await {
                Ok(channel) => row.channel = channel,
                // That nobody can be written to now says nothing of this person.
                Err(error @ (ChatError::Unavailable(_) | ChatError::Ambiguous(_))) => {
                    tracing::warn!(key, %error, "can't write to a person yet");
                    return Ok(Some(now + RETRY_AFTER_FAILURE));
                }
                Err(error) => return Ok(Some(self.put_off(&mut row, &error).await?)),
            }
            self.s.store.save_message(&row).await?;
        }
        let message = Identity { key: key.to_owned(), channel: &row.channel, thread: None, card_of: None };
        self.told(&message, card).await
    }
}
