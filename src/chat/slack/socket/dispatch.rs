//! From a frame to its acknowledgement: reads it, has it handled once, answers on a connection that lives.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::chat::slack::inbound::{self, Envelope, Read};
use crate::chat::{Ack, Card, Connection, Handler, Inbound, ReplyTo, Text};

use super::frame::{Frame, Outgoing};
use super::respond::{self, Form, Reply};
use super::watched::{Socket, Watched};

/// How many inputs are handled at the same time. More than a channel's worth of clicks; each is one short transaction.
const HANDLERS_MAX: usize = 64;

/// How long a repeated envelope is answered from memory. Slack's last retry comes after about 5 minutes.
const REMEMBERED: Duration = Duration::from_secs(5 * 60);

/// The most envelopes remembered; beyond, the oldest are forgotten first.
const REMEMBERED_MAX: usize = 10_000;

/// What all connections share.
pub(super) struct Dispatch {
    pub(super) socket: Socket,
    pub(super) live: Lives,
    pub(super) tasks: TaskTracker,
    handler: Arc<dyn Handler>,
    places: Arc<Semaphore>,
    seen: Mutex<HashMap<String, Seen>>,
}

/// An envelope that is being handled or was.
struct Seen {
    at: Instant,
    ack: watch::Receiver<Option<String>>,
}

/// Whether an envelope is handled now, by us, or was taken before.
enum Turn {
    Ours(watch::Sender<Option<String>>),
    Repeated(watch::Receiver<Option<String>>),
}

impl Dispatch {
    pub(super) fn new(socket: Socket, handler: Arc<dyn Handler>) -> Dispatch {
        Dispatch {
            socket,
            live: Lives::default(),
            tasks: TaskTracker::new(),
            handler,
            places: Arc::new(Semaphore::new(HANDLERS_MAX)),
            seen: Mutex::default(),
        }
    }

    /// A place among the handlers, as soon as one is free.
    pub(super) async fn room(&self) -> OwnedSemaphorePermit {
        let places = Arc::clone(&self.places);
        places.acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Handles a frame in a task of its own.
    pub(super) fn start(self: &Arc<Self>, connection: u64, frame: Frame, permit: OwnedSemaphorePermit) {
        let this = Arc::clone(self);
        self.tasks.spawn(async move {
            let _permit = permit;
            let envelope: Envelope = match serde_json::from_str(&frame.text) {
                Ok(envelope) => envelope,
                Err(error) => return this.unreadable("frame", &format!("{:?}", error.classify())),
            };
            if let Some(id) = envelope.id.clone() {
                this.envelope(connection, &id, &envelope, frame.received_at).await;
            } else if envelope.kind != "hello" {
                this.unreadable(&envelope.kind, "no envelope id");
            }
        });
    }

    async fn envelope(
        self: &Arc<Self>,
        connection: u64,
        id: &str,
        envelope: &Envelope,
        received_at: DateTime<Utc>,
    ) {
        match self.turn(id) {
            Turn::Repeated(mut ack) => {
                // An error means that the first one was not handled: nor is this one acknowledged.
                let ack = ack.wait_for(Option::is_some).await.ok().and_then(|ack| ack.clone());
                if let Some(ack) = ack {
                    self.acknowledge(connection, ack).await;
                }
            }
            Turn::Ours(answer) => {
                let Some(reply) = self.answer(id, envelope, received_at).await else {
                    lock(&self.seen).remove(id);
                    return;
                };
                answer.send_replace(Some(reply.ack.clone()));
                self.acknowledge(connection, reply.ack).await;
                if let Some((form, then)) = reply.then {
                    // In a task of its own: the places among the handlers are for what is not acknowledged yet.
                    self.tasks.spawn(respond::follow(Arc::clone(&self.socket.api), form, then));
                }
            }
        }
    }

    fn turn(&self, id: &str) -> Turn {
        let mut seen = lock(&self.seen);
        if let Some(before) = seen.get(id) {
            return Turn::Repeated(before.ack.clone());
        }
        let now = Instant::now();
        seen.retain(|_, seen| now.duration_since(seen.at) < REMEMBERED);
        if seen.len() >= REMEMBERED_MAX
            && let Some(oldest) = seen.iter().min_by_key(|(_, seen)| seen.at).map(|(id, _)| id.clone())
        {
            seen.remove(&oldest);
        }
        let (sender, ack) = watch::channel(None);
        seen.insert(id.to_owned(), Seen { at: now, ack });
        Turn::Ours(sender)
    }

    /// What to answer, or nothing if the input was not handled.
    async fn answer(
        self: &Arc<Self>,
        id: &str,
        envelope: &Envelope,
        received_at: DateTime<Utc>,
    ) -> Option<Reply> {
        match inbound::read(envelope, &self.socket.api.workspace.terms.command, received_at) {
            Read::Nothing => Some(Reply::bare(id)),
            Read::Unreadable => {
                self.unreadable(&envelope.kind, "unknown shape");
                if let Some(to) = inbound::sender(envelope) {
                    self.tell_unread(to);
                }
                Some(Reply::bare(id))
            }
            Read::Input(inbound, source) => {
                let form = Form::of(&inbound, envelope.accepts_response_payload == Some(true), source);
                let ack = self.handle(*inbound).await?;
                Some(respond::reply(&self.socket.api.workspace, id, form, ack))
            }
        }
    }

    /// Runs the handler in a task of its own, so that its panic ends nothing else.
    async fn handle(&self, inbound: Inbound) -> Option<Ack> {
        let handler = Arc::clone(&self.handler);
        let mut task = tokio::spawn(async move { handler.handle(inbound).await });
        let in_time = timeout(self.socket.timing.slow_handler, &mut task).await;
        if in_time.is_err() {
            tracing::warn!("a Slack input takes long: the person is about to see an error");
        }
        let done = match in_time {
            Ok(done) => done,
            Err(_) => task.await,
        };
        match done {
            Ok(ack) => Some(ack),
            Err(error) => {
                // The panic's message went through the panic hook; it may hold anything, so it isn't repeated here.
                tracing::error!(
                    panicked = error.is_panic(),
                    "a Slack input's handler died; not acknowledged"
                );
                None
            }
        }
    }

    /// Counts a frame that could not be read. `kind` and `why` hold nothing of its content.
    pub(super) fn unreadable(&self, kind: &str, why: &str) {
        self.socket.watched.count_unreadable();
        let kind: String = kind.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(40).collect();
        tracing::error!(kind, why, "a frame from Slack could not be read");
    }

    fn tell_unread(&self, to: ReplyTo) {
        let api = Arc::clone(&self.socket.api);
        self.tasks.spawn(async move {
            let words = "Your input could not be read, so nothing was changed. Please try again; if it happens \
                         again, tell the person who runs this bot.";
            respond::tell(&api, &to, &Card { summary: Text::plain(words), blocks: Vec::new() }).await;
        });
    }

    /// Sends on the connection that the envelope came from or, if that is gone, on any that lives.
    async fn acknowledge(&self, connection: u64, text: String) {
        let deadline = Instant::now() + self.socket.timing.ack;
        loop {
            let changed = self.live.changed.notified();
            let (written, done) = oneshot::channel();
            let sent = self.live.send(connection, Outgoing { text: text.clone(), written });
            let waited = if sent {
                match timeout_at(deadline, done).await {
                    Ok(Ok(())) => return self.socket.watched.count_acknowledged(),
                    // The connection ended first: another one may do.
                    Ok(Err(_)) => continue,
                    Err(late) => Err(late),
                }
            } else {
                timeout_at(deadline, changed).await
            };
            if waited.is_err() {
                tracing::warn!(connection, "an acknowledgement found no live connection to Slack");
                return;
            }
        }
    }
}

/// The connections that can be written to, by id.
#[derive(Default)]
pub(super) struct Lives {
    by_id: Mutex<BTreeMap<u64, Line>>,
    /// When others ended: Slack may go on counting them for a while.
    ended: Mutex<Vec<Instant>>,
    changed: Notify,
}

/// One that lives.
struct Line {
    sender: mpsc::UnboundedSender<Outgoing>,
    /// It will be closed, by Slack or by us.
    retires: bool,
    /// Has it closed by us.
    replaced: CancellationToken,
}

impl Lives {
    /// Adds a connection and gives it what it is to write, and the word that it is to be replaced.
    pub(super) fn enter(
        &self,
        id: u64,
        watched: &Watched,
    ) -> (mpsc::UnboundedReceiver<Outgoing>, CancellationToken) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let replaced = CancellationToken::new();
        let mut by_id = lock(&self.by_id);
        by_id.insert(id, Line { sender, retires: false, replaced: replaced.clone() });
        watched.count_connection();
        watched.set(Connection::Connected);
        self.changed.notify_waiters();
        (receiver, replaced)
    }

    /// Takes a connection out.
    pub(super) fn leave(&self, id: u64, watched: &Watched) {
        self.note_end();
        let mut by_id = lock(&self.by_id);
        by_id.remove(&id);
        if by_id.is_empty() {
            watched.set(Connection::Connecting);
        }
    }

    /// Notes that a connection has ended, or may have begun without our knowing.
    pub(super) fn note_end(&self) {
        lock(&self.ended).push(Instant::now());
    }

    /// Returns how many connections of ours Slack can count, those that ended less than `settle` ago among them.
    pub(super) fn ours(&self, settle: Duration) -> u64 {
        let ended = {
            let mut ended = lock(&self.ended);
            ended.retain(|at| at.elapsed() < settle);
            ended.len()
        };
        (lock(&self.by_id).len() + ended) as u64
    }

    /// Has this one closed once there is another.
    pub(super) fn replace(&self, id: u64) {
        if let Some(line) = lock(&self.by_id).get_mut(&id) {
            line.retires = true;
            line.replaced.cancel();
        }
    }

    /// Slack will close this one.
    pub(super) fn retires(&self, id: u64) {
        if let Some(line) = lock(&self.by_id).get_mut(&id) {
            line.retires = true;
        }
    }

    /// Whether no other connection than `id` is there to stay: one that Slack rejected as one too many is not.
    pub(super) fn is_last(&self, id: u64) -> bool {
        lock(&self.by_id).iter().all(|(other, line)| *other == id || line.retires)
    }

    /// Gives something to write to connection `id`, or to the newest; false if there is none.
    fn send(&self, id: u64, out: Outgoing) -> bool {
        let by_id = lock(&self.by_id);
        let line = by_id.get(&id).or_else(|| by_id.values().next_back());
        line.is_some_and(|line| line.sender.send(out).is_ok())
    }
}

/// Nothing that holds these locks can leave its data half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_ended_counts_as_ours_for_a_while() {
        let (lives, watched, settle) = (Lives::default(), Watched::default(), Duration::from_secs(300));
        for id in [1, 2] {
            drop(lives.enter(id, &watched));
        }
        assert_eq!(lives.ours(settle), 2);
        lives.leave(1, &watched);
        assert_eq!((lives.ours(settle), lives.ours(Duration::ZERO)), (2, 1));
    }
}
