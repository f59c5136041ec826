//! Holds messages back for a moment: replies above a number, and pages while the chat system asks to wait.

use chrono::{DateTime, Utc};

/// What holds pages back, no matter which person's they are.
#[derive(Clone, Copy, Default)]
pub(crate) struct RateLimits {
    /// The chat system asked to wait until then.
    pub(super) paused_until: Option<DateTime<Utc>>,
    /// The next page that nobody waits for.
    pub(super) unasked_from: Option<DateTime<Utc>>,
}
