//! What the System Log says of who changed an account's status, for people to look at.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::FakeOkta;

/// A change of an account's status, as the System Log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusChange {
    pub at: DateTime<Utc>,
    /// Okta's event type.
    pub event: String,
    /// The display name of the actor, or of the app on whose behalf a job ran.
    pub by: String,
    /// The type of either.
    pub by_kind: String,
}

impl FakeOkta {
    /// The status changes of this account in the log, newest first.
    pub fn status_changes(&self, id: &str) -> Vec<StatusChange> {
        let state = self.world.lock();
        let about = state.directory.log.iter().rev().filter(|event| {
            event.event_type.starts_with("user.lifecycle.")
                && event.target.as_ref().is_some_and(|target| target.id == id)
        });
        let change = |event: &super::log::LogEvent| {
            let by = event.app.as_ref().unwrap_or(&event.actor);
            StatusChange {
                at: event.published,
                event: event.event_type.to_owned(),
                by: by.display_name.clone(),
                by_kind: by.kind.to_owned(),
            }
        };
        about.map(change).collect()
    }
}
