//! Watching the database: as long as it can't be written nothing is decided or suspended, and the channel is told.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::App;
use super::messages::CLOCK_SKEW;
use super::wording::notices;
use crate::chat::{Card, ChatError};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// A disk that fails for one moment is nobody's business.
const TELL_AFTER: u32 = 2;

impl App {
    /// Looks until `stop`, and tells each channel when the database can't be written and when it can again.
    pub(super) async fn watch_database(&self, stop: &CancellationToken) {
        let (mut failures, mut told) = (0, None);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.store.closed() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            match self.store.health().await {
                Ok(()) => {
                    failures = 0;
                    if let Some(since) = told.take() {
                        tracing::warn!("the database can be written again");
                        self.tell_everywhere("works", since, &notices::database_works(since)).await;
                        self.nudge();
                    }
                }
                Err(error) => {
                    failures += 1;
                    tracing::error!(%error, "the database can't be written: nothing is decided or suspended");
                    if failures == TELL_AFTER {
                        let since = self.clock.now();
                        told = Some(since);
                        let card = notices::database_fails(&error.to_string());
                        self.tell_everywhere("fails", since, &card).await;
                    }
                }
            }
        }
    }

    /// Posts to each policy's channel once, without the database: a message of the same day that says so already is
    /// enough, whichever process posted it.
    async fn tell_everywhere(&self, what: &str, since: DateTime<Utc>, card: &Card) {
        let mut channels: Vec<&str> = self.policies.iter().map(|policy| policy.channel.as_str()).collect();
        channels.sort_unstable();
        channels.dedup();
        for channel in channels {
            let key = match what {
                "fails" => format!("database:fails:{}", since.date_naive()),
                _ => format!("database:{what}:{}", since.timestamp()),
            };
            let from = since - chrono::Duration::days(1) - CLOCK_SKEW;
            let posted = async {
                match self.chat.find(channel, None, &key, from).await? {
                    Some(_) => Ok(()),
                    None => self.chat.post(channel, None, &key, card).await.map(drop),
                }
            };
            let posted: Result<(), ChatError> = posted.await;
            if let Err(error) = posted {
                tracing::error!(channel, %error, "the channel can't be told either");
            }
        }
    }
}
