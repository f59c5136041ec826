//! Keeps one good socket to Slack, for ever.
//!
//! The supervisor opens a connection, waits until it ends or Slack asks for another one, and opens the next: before the
//! old one is closed where Slack gives notice, at once where a good one broke, after a growing wait where they keep
//! failing. That wait ends early when Slack can be reached again after it could not: looking for that is cheap, asking
//! for sockets is not. What Slack refuses for good ends it.

mod backoff;
mod connection;
mod dispatch;
mod frame;
mod handshake;
mod others;
mod reach;
mod respond;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use backoff::Backoff;
use connection::{End, Live, Notice};
use dispatch::Dispatch;
use others::Others;
use reach::Reach;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
pub use watched::Traffic;
pub(super) use watched::{Socket, Watched};

use crate::chat::{ChatError, Connection, Handler};

use super::settings::Timing;

/// So often in a row, without a socket in between, the wait ends early because Slack can be reached again.
const SHORTENED_MAX: u32 = 3;

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
