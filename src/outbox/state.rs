//! Holds messages back for a moment: replies above a number, and pages while the chat system asks to wait.

use chrono::{DateTime, Utc};

/// So many replies to single people are under way at once; more would only time each other out.
pub(crate) struct Turns(pub(super) tokio::sync::Semaphore);

impl Default for Turns {
    fn default() -> Self {
        Turns(tokio::sync::Semaphore::new(16))
    }
}

/// What holds pages back, no matter which person's they are.
#[derive(Clone, Copy, Default)]
pub(crate) struct Pace {
    /// The chat system asked to wait until then.
    pub(super) paused_until: Option<DateTime<Utc>>,
    /// The next page that nobody waits for.
    pub(super) unasked_from: Option<DateTime<Utc>>,
}
