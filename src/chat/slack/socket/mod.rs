//! Keeps one good socket to Slack, for ever.
//!
//! The supervisor opens a connection, waits until it ends or Slack asks for another one, and opens the next: before the
//! old one is closed where Slack gives notice, at once where a good one broke, after a growing wait where they keep
//! failing. That wait ends early when Slack can be reached again after it could not: looking for that is cheap, asking
//! for sockets is not. What Slack refuses for good ends it.

mod backoff;
mod connection;
mod dispatch;
mod others;
mod reach;
mod respond;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backoff::Backoff;
use connection::{End, Live, Notice};
use dispatch::Dispatch;
use others::Others;
use reach::Reach;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::chat::{ChatError, Connection, Handler};
use crate::clock::Clock;

use super::api::Api;
use super::settings::Timing;

/// So often in a row, without a socket in between, the wait ends early because Slack can be reached again.
const SHORTENED_MAX: u32 = 3;

/// What can be seen of the socket from outside.
#[derive(Clone)]
pub(super) struct Watched {
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
    pub(super) fn connection(&self) -> watch::Receiver<Connection> {
        self.connection.subscribe()
    }

    pub(super) fn traffic(&self) -> Traffic {
        let read = |counted: &AtomicU64| counted.load(Ordering::Relaxed);
        Traffic {
            connections: read(&self.counted.connections),
            acknowledged: read(&self.counted.acknowledged),
            unreadable: read(&self.counted.unreadable),
        }
    }

    /// Returns how many connections of the app are certainly not ours.
    pub(super) fn others(&self) -> u64 {
        self.counted.others.load(Ordering::Relaxed)
    }

    fn set_others(&self, others: u64) {
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
    fn set(&self, state: Connection) {
        self.connection
            .send_if_modified(|now| *now != Connection::Closed && std::mem::replace(now, state) != state);
    }

    fn start(&self) {
        self.connection.send_replace(Connection::Connecting);
    }

    fn count_unreadable(&self) {
        self.counted.unreadable.fetch_add(1, Ordering::Relaxed);
    }

    fn count_connection(&self) {
        self.counted.connections.fetch_add(1, Ordering::Relaxed);
    }

    fn count_acknowledged(&self) {
        self.counted.acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the socket works with.
pub(super) struct Socket {
    pub(super) api: Arc<Api>,
    pub(super) clock: Clock,
    pub(super) timing: Timing,
    pub(super) watched: Watched,
}

/// Runs until `shutdown` or until Slack refuses us for good.
pub(super) async fn run(
    socket: Socket,
    handler: Arc<dyn Handler>,
    shutdown: CancellationToken,
) -> Result<(), ChatError> {
    let watched = socket.watched.clone();
    watched.start();
    let (notices, inbox) = mpsc::unbounded_channel();
    let supervisor = Supervisor {
        dispatch: Arc::new(Dispatch::new(socket, handler)),
        notices,
        inbox,
        connections: TaskTracker::new(),
        drain: CancellationToken::new(),
        close: CancellationToken::new(),
        next_id: 0,
        others: Others::default(),
    };
    // Whatever way this ends, even by a cancelled future, nobody must read "connected" afterwards.
    let _closed = Closed(watched);
    supervisor.run(shutdown).await
}

/// The result of a socket that was only tried.
pub(super) struct Tried {
    /// Whether Slack took the app-level token and offered a socket.
    pub(super) was_offered: bool,
    /// Whether it came to say hello on it, and how many connections to the app it then counted, if it said so.
    pub(super) opened: Result<Option<u64>, ChatError>,
}

/// Opens a socket up to Slack's hello and closes it, as [`run`] would begin.
pub(super) async fn try_once(socket: &Socket) -> Tried {
    let reach = Reach::new(socket);
    let opened = match connection::open(socket, &reach).await {
        Ok(mut live) => {
            // Slack hears that it is over; whether it answers doesn't matter.
            let _ = timeout(socket.timing.close, connection::close(&mut live.stream)).await;
            Ok(live.greeting.counted())
        }
        Err(error) => Err(error),
    };
    Tried { was_offered: reach.place().is_some(), opened }
}

struct Closed(Watched);

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.set(Connection::Closed);
    }
}

struct Supervisor {
    dispatch: Arc<Dispatch>,
    notices: mpsc::UnboundedSender<Notice>,
    inbox: mpsc::UnboundedReceiver<Notice>,
    connections: TaskTracker,
    drain: CancellationToken,
    close: CancellationToken,
    next_id: u64,
    others: Others,
}

impl Supervisor {
    async fn run(mut self, shutdown: CancellationToken) -> Result<(), ChatError> {
        let result = tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            fatal = self.keep_connected() => Err(fatal),
        };
        self.finish().await;
        result
    }

    /// Returns only what can't be healed.
    async fn keep_connected(&mut self) -> ChatError {
        let Timing { probe, steady, .. } = self.dispatch.socket.timing;
        let mut backoff = Backoff::new(&self.dispatch.socket.timing);
        let reach = Reach::new(&self.dispatch.socket);
        let (mut begun_anew, mut shortened) = (false, 0);
        loop {
            // What began while Slack could not be reached may hang although it can be now. Twice in a row nothing is
            // broken off: where looks succeed and fail by turns, a slow Slack must still come to say hello.
            let opened = tokio::select! {
                opened = self.open(&reach) => opened,
                () = reach.comes_back(probe), if !begun_anew => {
                    tracing::info!("Slack can be reached again; asking for another socket");
                    begun_anew = true;
                    continue;
                }
            };
            begun_anew = false;
            let wait = match opened {
                Ok(id) => {
                    shortened = 0;
                    let opened = Instant::now();
                    self.stays(id).await;
                    if opened.elapsed() >= steady {
                        backoff.clear();
                    }
                    backoff.after_end()
                }
                Err(fatal @ ChatError::Denied(_)) => {
                    tracing::error!(error = %fatal, "Slack refuses the socket for good");
                    return fatal;
                }
                Err(ChatError::RateLimited(asked)) => {
                    let wait = asked.max(backoff.after_failure());
                    tracing::warn!(
                        wait_ms = wait.as_millis(),
                        "Slack asks to wait before it opens another socket"
                    );
                    sleep(wait).await;
                    continue;
                }
                Err(error) => {
                    let wait = backoff.after_failure();
                    tracing::warn!(%error, wait_ms = wait.as_millis(), "the Slack socket could not be opened");
                    wait
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                // Where looks succeed and sockets don't, the wait has to grow after all.
                () = reach.comes_back(Duration::ZERO), if !wait.is_zero() && shortened < SHORTENED_MAX => {
                    shortened += 1;
                    tracing::info!("Slack can be reached again; asking for a socket");
                }
            }
        }
    }

    /// Opens a connection and starts it.
    async fn open(&mut self, reach: &Reach) -> Result<u64, ChatError> {
        let Dispatch { socket, live, .. } = &*self.dispatch;
        let Live { stream, greeting } =
            connection::open(socket, reach).await.inspect_err(|_| live.note_end())?;
        self.next_id += 1;
        let id = self.next_id;
        let (outgoing, replaced) = live.enter(id, &socket.watched);
        if let Some(counted) = greeting.counted() {
            let settle = socket.timing.settle;
            let others = self.others.hello(counted, live.ours(settle), Instant::now(), settle);
            socket.watched.set_others(others);
        }
        let connection = connection::Driver {
            id,
            dispatch: Arc::clone(&self.dispatch),
            notices: self.notices.clone(),
            outgoing,
            replaced,
            drain: self.drain.clone(),
            close: self.close.clone(),
        };
        self.connections.spawn(connection.run(stream, greeting));
        tracing::info!(connection = id, "connected to Slack");
        Ok(id)
    }

    /// Waits until connection `id` ended or is about to, or until another hello is to say whether there are others.
    async fn stays(&mut self, id: u64) {
        let settle = self.dispatch.socket.timing.settle;
        let look_at = self.others.look_at(Instant::now(), settle);
        tokio::select! {
            () = self.replaced(id) => {}
            () = sleep_until(look_at.unwrap_or_else(Instant::now)), if look_at.is_some() => {
                tracing::info!(connection = id, "opening another connection to see how many Slack counts");
                self.dispatch.live.replace(id);
            }
        }
    }

    /// Waits until connection `id` ended or is about to.
    async fn replaced(&mut self, id: u64) {
        while let Some(notice) = self.inbox.recv().await {
            match notice {
                Notice::Retiring { connection, reason } => {
                    let reason = connection::told(&reason);
                    tracing::info!(connection, reason, "Slack asks for another connection");
                    if connection == id {
                        return;
                    }
                }
                Notice::Ended { connection, end } => {
                    log_end(connection, end);
                    if connection == id {
                        return;
                    }
                }
            }
        }
    }

    /// Takes no more, lets handlers end and acknowledge within the bound, then closes.
    async fn finish(self) {
        let timing = &self.dispatch.socket.timing;
        self.drain.cancel();
        self.dispatch.tasks.close();
        if timeout(timing.drain, self.dispatch.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.dispatch.tasks.len(), "stopped before every Slack input was handled");
        }
        self.close.cancel();
        self.connections.close();
        let bound = timing.close + timing.write + Duration::from_millis(100);
        if timeout(bound, self.connections.wait()).await.is_err() {
            tracing::warn!("a Slack connection did not close in time");
        }
    }
}

/// A supervisor that is dropped in the middle leaves no connection behind.
impl Drop for Supervisor {
    fn drop(&mut self) {
        self.drain.cancel();
        self.close.cancel();
    }
}

fn log_end(connection: u64, end: End) {
    match end {
        End::Closed => tracing::info!(connection, "Slack closed the connection"),
        End::Broken(what) => tracing::warn!(connection, what, "the Slack connection broke"),
        End::Stale => tracing::warn!(connection, "the Slack connection went silent"),
        End::Stopped => tracing::debug!(connection, "closed the Slack connection"),
    }
}
