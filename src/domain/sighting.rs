//! Sightings: the signs of life that the provider's log has, and what is remembered of them.
//!
//! The log is kept for a limited time and each look at it costs a call. So the latest sign of each account is remembered,
//! together with the stretch of the log that has been read for the account without a gap. A later look goes on from
//! there. What is remembered is a sign of life like any other: it can only make somebody less idle.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// How long before the end of the last look the next one begins, because events reach the log late.
pub const OVERLAP: Duration = Duration::hours(1);

/// How a person showed that they are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// They signed in to the provider.
    SignedIn,
    /// They signed in with the password of a directory, such as Active Directory or LDAP.
    Directory,
    /// They signed in to a network or a VPN over RADIUS.
    Radius,
    /// They signed in to a computer, which signed them in to the provider.
    Computer,
    /// They came from another identity provider.
    Federated,
    /// They proved who they are, with a second factor for instance.
    Verified,
    /// They opened an app.
    App,
    /// An app that they use got a token for them.
    Token,
    /// They changed something about their own account.
    OwnAccount,
}

/// What a person did, as the provider's log has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sign {
    /// What it means.
    pub way: Way,
    /// The provider's word for the event, like `user.authentication.sso`.
    pub event: String,
    /// The app that was used, if the event names one. Untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
}

/// The latest sign of life in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What it was. `None` in records from before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<Sign>,
    /// Since when the log has been read without a gap. Later than `at`: a later sign may have been missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_since: Option<DateTime<Utc>>,
}

impl Sighting {
    /// Makes a sign of life with nothing known but its time.
    pub fn at(at: DateTime<Utc>) -> Sighting {
        Sighting { at, sign: None, read_since: None }
    }
}

/// What is remembered of the log for one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The latest sign of life that any look has found.
    pub latest: Option<(DateTime<Utc>, Option<Sign>)>,
    /// The log has been read without a gap from here…
    pub since: DateTime<Utc>,
    /// … to here.
    pub until: DateTime<Utc>,
}

impl Memory {
    /// Returns where the next look begins. `None`: as far back as the log is kept, since our clock has been ahead.
    pub fn next_look(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (self.until <= now).then(|| self.until - OVERLAP)
    }

    /// Returns what is remembered, as one look would have found it.
    pub fn as_look(&self) -> SecondLook {
        match &self.latest {
            None => SecondLook::Nothing { since: self.since },
            Some((at, sign)) => {
                SecondLook::Seen(Sighting { at: *at, sign: sign.clone(), read_since: Some(self.since) })
            }
        }
    }
}

/// Returns what is known after a look that began at `now`. `None`: the look found out nothing, and nothing is
/// remembered.
pub fn remembered(before: Option<Memory>, look: &SecondLook, now: DateTime<Utc>) -> Option<Memory> {
    let (found, since) = match look {
        SecondLook::NotAsked | SecondLook::Failed(_) => return before,
        SecondLook::Nothing { since } => (None, *since),
        SecondLook::Seen(seen) => (Some((seen.at, seen.sign.clone())), seen.read_since.unwrap_or(seen.at)),
    };
    let Some(before) = before else { return Some(Memory { latest: found, since, until: now }) };
    let goes_on = (since..=now).contains(&before.until);
    Some(Memory {
        since: if goes_on { before.since.min(since) } else { since },
        until: now,
        latest: later(before.latest, found),
    })
}

type Latest = Option<(DateTime<Utc>, Option<Sign>)>;

/// Returns the later one; of two at the same time the one that says what it was.
pub fn later(one: Latest, other: Latest) -> Latest {
    [one, other].into_iter().flatten().max_by_key(|(at, sign)| (*at, sign.is_some()))
}

/// Returns what is known of an account after a look that began at `now`, with what was remembered before.
pub fn known(before: Option<&Memory>, look: &SecondLook, now: DateTime<Utc>) -> SecondLook {
    match look {
        // Not asked, the log says nothing of now; but who was seen was there.
        SecondLook::NotAsked => {
            before.filter(|memory| memory.latest.is_some()).map_or(SecondLook::NotAsked, Memory::as_look)
        }
        SecondLook::Failed(_) => look.clone(),
        SecondLook::Nothing { .. } | SecondLook::Seen(_) => {
            remembered(before.cloned(), look, now).map_or_else(|| look.clone(), |memory| memory.as_look())
        }
    }
}

/// What the provider's log of sign-ins said about one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondLook {
    /// Nobody asked.
    NotAsked,
    /// No sign of life since the given time.
    Nothing {
        /// How far back the log was read.
        since: DateTime<Utc>,
    },
    /// The latest sign of life.
    Seen(Sighting),
    /// The log could not be read.
    Failed(String),
}
