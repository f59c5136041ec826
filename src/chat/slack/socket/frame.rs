//! What goes through a connection: frames in, acknowledgements out.

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

/// A frame and when it was read: a click is judged by when it arrived, not by when there was room for it.
pub(super) struct Frame {
    pub(super) text: String,
    pub(super) received_at: DateTime<Utc>,
}

/// An acknowledgement to write, and who waits for it to be written.
pub(super) struct Outgoing {
    pub(super) text: String,
    pub(super) written: oneshot::Sender<()>,
}
