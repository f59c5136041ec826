//! What the socket works with, and what can be seen of it from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use crate::chat::Connection;
use crate::chat::slack::api::Api;
use crate::chat::slack::settings::Timing;
use crate::clock::Clock;

/// What can be seen of the socket from outside.
#[derive(Clone)]
pub(crate) struct Watched {
    connection: Arc<watch::Sender<Connection>>,
    counted: Arc<Counted>,
}

#[derive(Default)]
struct Counted {
    connections: AtomicU64,
    acknowledged: AtomicU64,
    unreadable: AtomicU64,
    others: AtomicU64,
}

/// What went to and fro since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sockets that Slack said hello on.
    pub connections: u64,
    /// Inputs whose acknowledgement was sent.
    pub acknowledged: u64,
    /// Frames that could not be read: a sign that Slack sends something that this version doesn't know.
    pub unreadable: u64,
}

impl Default for Watched {
    fn default() -> Self {
        Watched { connection: Arc::new(watch::channel(Connection::Connecting).0), counted: Arc::default() }
    }
}

impl Watched {
    pub(crate) fn connection(&self) -> watch::Receiver<Connection> {
        self.connection.subscribe()
    }

    pub(crate) fn traffic(&self) -> Traffic {
        let read = |counted: &AtomicU64| counted.load(Ordering::Relaxed);
        Traffic {
            connections: read(&self.counted.connections),
            acknowledged: read(&self.counted.acknowledged),
            unreadable: read(&self.counted.unreadable),
        }
    }

    /// Returns how many connections of the app are certainly not ours.
    pub(crate) fn others(&self) -> u64 {
        self.counted.others.load(Ordering::Relaxed)
    }

    pub(super) fn set_others(&self, others: u64) {
        let before = self.counted.others.swap(others, Ordering::Relaxed);
        if others > 0 && before == 0 {
            tracing::warn!(
                others,
                "Slack counts connections to this app that are not this bot's: another bot with the same app-level token, \
                 or one that has died, gets some of the clicks"
            );
        } else if others == 0 && before > 0 {
            tracing::info!("nobody else is connected to this Slack app any more");
        }
    }

    /// Closed stays closed, whatever a connection that was slow to end says afterwards.
    pub(super) fn set(&self, state: Connection) {
        self.connection
            .send_if_modified(|now| *now != Connection::Closed && std::mem::replace(now, state) != state);
    }

    pub(super) fn start(&self) {
        self.connection.send_replace(Connection::Connecting);
    }

    pub(super) fn count_unreadable(&self) {
        self.counted.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_connection(&self) {
        self.counted.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_acknowledged(&self) {
        self.counted.acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the socket works with.
pub(crate) struct Socket {
    pub(crate) api: Arc<Api>,
    pub(crate) clock: Clock,
    pub(crate) timing: Timing,
    pub(crate) watched: Watched,
}
