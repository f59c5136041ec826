//! Accounts that somebody else than the caller of the API brings back, and what the System Log says of who changed
//! an account's status.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::FakeOkta;
use super::directory::Directory;
use super::log::Party;

/// Who else may make a suspended account active again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// A person in the admin console.
    Admin,
    /// The import of a profile source that reactivates people, such as an HR system.
    Import,
}

impl Other {
    fn party(self) -> Party {
        let (id, kind, name) = match self {
            Other::Admin => ("00uFAKEADMIN", "User", "Olivia Admin"),
            Other::Import => ("0oaFAKEWORKDAY", "AppInstance", "Workday HR import"),
        };
        Party {
            id: id.to_owned(),
            kind,
            alternate_id: name.to_lowercase().replace(' ', "."),
            display_name: name.to_owned(),
        }
    }
}

/// A change of an account's status, as the System Log tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusChange {
    pub at: DateTime<Utc>,
    /// Okta's event type.
    pub event: String,
    /// The actor's display name, and what kind of actor it is.
    pub by: String,
    pub by_kind: String,
}

impl FakeOkta {
    /// SUSPENDED to ACTIVE by somebody else than the caller of the API; false in any other status.
    pub fn bring_back(&self, id: &str, by: Other) -> bool {
        self.change(|state, now| Directory::unsuspend(&mut state.directory, id, &by.party(), now))
    }

    /// The status changes of this account in the log, newest first.
    pub fn status_changes(&self, id: &str) -> Vec<StatusChange> {
        let state = self.world.lock();
        let about = state.directory.log.iter().rev().filter(|event| {
            event.event_type.starts_with("user.lifecycle.")
                && event.target.as_ref().is_some_and(|target| target.id == id)
        });
        about
            .map(|event| StatusChange {
                at: event.published,
                event: event.event_type.to_owned(),
                by: event.actor.display_name.clone(),
                by_kind: event.actor.kind.to_owned(),
            })
            .collect()
    }
}
