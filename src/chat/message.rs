//! Messages of ours, and what they carry unseen.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// Where a message stands; given out by [`crate::chat::Chat::post`], kept by the workflow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageRef {
    /// The channel's id.
    pub channel: String,
    /// The message's id within the channel.
    pub id: String,
}

/// What a message of ours carries unseen: a key by which it is found again, and facts, texts by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The key says what the message is, and is the same after a crash.
    pub key: String,
    /// What else it says to the bot that reads it later. No secrets: other apps of the workspace may read them.
    pub facts: BTreeMap<String, String>,
}

impl Mark {
    /// Makes a mark without facts.
    pub fn new(key: impl Into<String>) -> Mark {
        Mark { key: key.into(), facts: BTreeMap::new() }
    }

    /// Returns whether a message with the mark `found` is the one that is looked for: the same key, and no fact that
    /// both have differs.
    pub fn matches(&self, found: &Mark) -> bool {
        let differs = |(name, fact)| found.facts.get(name).is_some_and(|other: &String| other != fact);
        self.key == found.key && !self.facts.iter().any(differs)
    }
}

/// A message of ours with its mark, as it was read in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// The message that has the mark.
    pub message: MessageRef,
    /// When it was posted, by the chat system's clock.
    pub posted_at: DateTime<Utc>,
    /// Its mark as it is now: an update replaces it.
    pub mark: Mark,
}
