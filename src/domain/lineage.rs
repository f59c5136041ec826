//! Says which database this is, and judges whether the channel has seen a later state of it.
//!
//! A file can be older than the world: a backup was restored, a copy was started beside the original, the file was
//! replaced. Nothing inside such a file looks wrong. The bot's own messages are the witness: each names the database, its
//! epoch and the head of the audit trail when it was posted, and none is posted before that head is on the disk. So a
//! message that names what the file does not have proves that the file is not the latest.
//!
//! A stopped database takes nothing away and restores nothing. An admin ends that; the epoch goes up, and what was
//! decided in an earlier epoch is asked again and never executed.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::audit::{Action, Draft};
use super::ids::RequestId;
use super::request::Decision;

/// The fact of a card that says where its request stands.
pub const STATE: &str = "state";
/// Where a request stands that is not over.
const OPEN_STATES: [&str; 4] = ["preview", "held", "pending", "approved"];
/// Begins the name of a fact about an exemption; the account's id follows.
pub const EXEMPT: &str = "exempt:";
/// How much later an input may be handled than it was received.
const HANDLED_WITHIN: Duration = Duration::minutes(5);

/// A database at one stage of its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseId {
    /// Random, made with the file, and the same in every copy of it.
    pub id: String,
    /// Counts from 1. It goes up when a copy is restored and when an admin lets a stopped database go on.
    pub epoch: i64,
}

/// The head of the audit trail: the number and the whole hash of its last event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The event's number; 0 before the first.
    pub event: i64,
    /// The event's hash.
    pub hash: String,
}

/// What a message of the bot's own says about the database behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// The database behind the message.
    pub database: DatabaseId,
    /// The head when the message was posted or last updated.
    pub head: Head,
}

/// A message of the bot's own in a channel, as it was read there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The channel's id.
    pub channel: String,
    /// The message's id within the channel.
    pub message: String,
    /// When it was posted, by the chat system's clock.
    pub posted_at: DateTime<Utc>,
    /// What the message is.
    pub key: String,
    /// What it says about the database.
    pub witness: Witness,
    /// The rest of its unseen facts: the state of a card, an exemption.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub facts: std::collections::BTreeMap<String, String>,
}

/// How a file can turn out not to be the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mismatch {
    /// An event that this file does not reach.
    Ahead,
    /// An event that this file has with another hash, or one of an earlier epoch that went on after this one began.
    Forked,
    /// A later epoch of this database.
    LaterEpoch,
    /// A message names another database.
    OtherDatabase,
    /// The operator restored a copy by command.
    Restored,
}

/// Why and since when nothing is executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// When the stop began.
    pub since: DateTime<Utc>,
    /// Why nothing is executed.
    pub why: Mismatch,
    /// The head of this file at that moment.
    pub head: Head,
    /// The file that was restored, if that was done by command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_from: Option<String>,
    /// The messages that this file knows nothing of.
    #[serde(default)]
    pub seen: Vec<Sighting>,
}

/// The identity row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    pub database: DatabaseId,
    /// When the epoch began; `None` for the first.
    pub epoch_began: Option<DateTime<Utc>>,
    /// Whether the file was used before databases had ids, so that buttons without one may be its own.
    pub migrated: bool,
    /// What an admin has seen and left behind, the latest of each database and epoch.
    pub acknowledged: Vec<Witness>,
    /// Requests up to this number belong to an earlier epoch.
    pub last_request: RequestId,
    /// Restorations up to this number belong to an earlier epoch.
    pub last_restoration: i64,
    /// Why nothing is executed, if that is so.
    pub stopped: Option<Stop>,
}

impl Lineage {
    /// Returns whether the request was made in this epoch, and may be decided and executed.
    pub fn owns_request(&self, request: RequestId) -> bool {
        request > self.last_request
    }

    /// Returns whether the restoration was asked for in this epoch.
    pub fn owns_restoration(&self, restoration: i64) -> bool {
        restoration > self.last_restoration
    }

    /// Returns whether the request may be executed now.
    pub fn executes_request(&self, request: RequestId) -> bool {
        self.stopped.is_none() && self.owns_request(request)
    }

    /// Returns whether the restoration may be executed now.
    pub fn executes_restoration(&self, restoration: i64) -> bool {
        self.stopped.is_none() && self.owns_restoration(restoration)
    }

    /// Returns whether the message speaks of what this file does not have.
    pub fn is_unknown(&self, seen: &Sighting, head: &Head, hash_of: impl Fn(i64) -> Option<String>) -> bool {
        let Witness { database, head: theirs } = &seen.witness;
        let acknowledged = |one: &Witness| one.database == *database && theirs.event <= one.head.event;
        if *database != self.database && self.acknowledged.iter().any(acknowledged) {
            return false;
        }
        database.id != self.database.id
            || database.epoch > self.database.epoch
            || theirs.event > head.event
            || hash_of(theirs.event).is_some_and(|own| own != theirs.hash)
    }

    /// Returns why the file is not the latest if this message is genuine. `hash_of` is the hash that the file has for
    /// an event; `None` if the event was archived.
    pub fn judge(
        &self,
        seen: &Sighting,
        head: &Head,
        hash_of: impl Fn(i64) -> Option<String>,
    ) -> Option<Mismatch> {
        let Witness { database, head: theirs } = &seen.witness;
        let acknowledged = |one: &Witness| one.database == *database && theirs.event <= one.head.event;
        if *database != self.database && self.acknowledged.iter().any(acknowledged) {
            return None;
        }
        if *database == self.database {
            if theirs.event > head.event {
                return Some(Mismatch::Ahead);
            }
            let differs = hash_of(theirs.event).is_some_and(|own| own != theirs.hash);
            return differs.then_some(Mismatch::Forked);
        }
        if database.id == self.database.id {
            if database.epoch > self.database.epoch {
                return Some(Mismatch::LaterEpoch);
            }
            // What this file has is its own past, whatever the clocks say.
            if theirs.event <= head.event && hash_of(theirs.event).is_none_or(|own| own == theirs.hash) {
                return None;
            }
        }
        // What was posted before this epoch began was left behind with it.
        if self.epoch_began.is_some_and(|began| seen.posted_at < began) {
            return None;
        }
        Some(if database.id == self.database.id { Mismatch::Forked } else { Mismatch::OtherDatabase })
    }
}

impl Stop {
    /// Returns whether the stop began between the receipt of an input, at this time, and its handling: its sender did not
    /// know of the stop. An input that seems older came after a stop that a clock dated into the future.
    pub fn is_unknown_to_sender(&self, received_at: DateTime<Utc>) -> bool {
        let before = self.since - received_at;
        before > Duration::zero() && before <= HANDLED_WITHIN
    }

    /// Adds what was seen since. `false`: nothing new.
    pub fn add(&mut self, seen: Vec<Sighting>) -> bool {
        let before = self.seen.clone();
        for one in seen {
            let is_it = |old: &&mut Sighting| old.channel == one.channel && old.message == one.message;
            match self.seen.iter_mut().find(is_it) {
                Some(old) => *old = one,
                None => self.seen.push(one),
            }
        }
        self.seen != before
    }

    /// Returns the last event that anything seen names for this database.
    pub fn last_event(&self, id: &str) -> Option<i64> {
        let theirs = self.seen.iter().filter(|one| one.witness.database.id == id);
        theirs.map(|one| one.witness.head.event).max()
    }

    /// Returns the requests of this database that the messages are about.
    pub fn requests(&self, id: &str) -> BTreeSet<RequestId> {
        let theirs = self.seen.iter().filter(|one| one.witness.database.id == id);
        theirs.filter_map(|one| request_of(&one.key)).collect()
    }

    /// Returns the keys of cards of this database's requests that have ended in the part that the file does not have.
    pub fn finished_cards(&self, id: &str) -> BTreeSet<String> {
        let is_finished = |one: &&Sighting| {
            let state = one.facts.get(STATE);
            one.witness.database.id == id && state.is_some_and(|state| !OPEN_STATES.contains(&state.as_str()))
        };
        self.seen.iter().filter(is_finished).map(|one| one.key.clone()).collect()
    }

    /// Returns the exemptions that the latest of the messages speaks of, in words, by account.
    pub fn exemptions(&self) -> std::collections::BTreeMap<&str, &str> {
        let latest = self.seen.iter().max_by_key(|one| (one.witness.database.epoch, one.witness.head.event));
        let facts = latest.into_iter().flat_map(|one| &one.facts);
        facts.filter_map(|(name, fact)| Some((name.strip_prefix(EXEMPT)?, fact.as_str()))).collect()
    }

    /// Returns the epoch that follows all that was seen.
    pub fn next_epoch(&self, own: &DatabaseId) -> i64 {
        let theirs = self.seen.iter().map(|one| &one.witness.database).filter(|one| one.id == own.id);
        theirs.map(|one| one.epoch).fold(own.epoch, i64::max) + 1
    }
}

/// Returns the request that a message belongs to, by its key.
pub fn request_of(key: &str) -> Option<RequestId> {
    key.strip_prefix("request:")?.split(':').next()?.parse().ok()
}

/// Returns the latest of each database and epoch.
pub fn acknowledge(before: &[Witness], more: impl IntoIterator<Item = Witness>) -> Vec<Witness> {
    let mut all: Vec<Witness> = before.to_vec();
    for one in more {
        match all.iter_mut().find(|old| old.database == one.database) {
            Some(old) if old.head.event < one.head.event => *old = one,
            Some(_) => {}
            None => all.push(one),
        }
    }
    all
}

/// Returns the audit event of the stop.
pub fn stopped(database: &DatabaseId, stop: &Stop) -> Draft {
    Draft::by_bot(
        stop.since,
        Action::DatabaseStopped,
        json!({
            "why": stop.why,
            "database": database,
            "event": stop.head.event,
            "restored_from": stop.restored_from,
            "seen": stop.seen.iter().max_by_key(|one| one.witness.head.event).map(|one| &one.witness),
        }),
    )
}

/// Returns the audit event of its end.
pub fn resumed(before: &DatabaseId, after: &DatabaseId, stop: &Stop, by: &Decision) -> Draft {
    let last = stop.last_event(&before.id);
    Draft::by(
        &by.by,
        by.at,
        Action::DatabaseResumed,
        json!({
            "reason": by.reason,
            "database": after,
            "epoch_before": before.epoch,
            "event": stop.head.event,
            "last_event_seen": last.map_or(Value::Null, Value::from),
        }),
    )
}
