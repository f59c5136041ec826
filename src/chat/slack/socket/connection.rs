//! One websocket, from the call that asks for it to its close frame. Each step has a bound in time.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::chat::ChatError;
use crate::chat::slack::errors;
use crate::chat::slack::inbound::Envelope;
use crate::chat::slack::settings::Timing;

use super::dispatch::Dispatch;
use super::frame::{Frame, Outgoing};
use super::handshake::{Stream, WsError, handshake, kind, not_opened};
use super::reach::Reach;
use super::watched::Socket;

/// Slack's word for more connections than an app may have.
const TOO_MANY: &str = "too_many_websockets";

/// A connection on which Slack said hello.
pub(super) struct Live {
    pub(super) stream: Stream,
    /// What came first.
    pub(super) greeting: Greeting,
}

/// The first frame of a connection.
pub(super) enum Greeting {
    /// Hello, with what it says.
    Hello(Hello),
    /// A frame that came before hello, which doesn't happen today.
    Frame(String),
}

/// What the supervisor hears of a connection.
pub(super) enum Notice {
    /// Slack will close it soon.
    Retiring {
        connection: u64,
        /// Slack's word for why.
        reason: String,
    },
    /// It is over.
    Ended { connection: u64, end: End },
}

/// How a connection ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// Slack closed it.
    Closed,
    /// It broke.
    Broken(&'static str),
    /// Nothing came any more.
    Stale,
    /// We closed it.
    Stopped,
}

/// Asks for an address, connects to it and waits for hello.
pub(super) async fn open(socket: &Socket, reach: &Reach) -> Result<Live, ChatError> {
    let timing = &socket.timing;
    let late = |step: &str| ChatError::Unavailable(format!("{step} took too long"));
    let ask = async { tokio::join!(socket.api.socket_url(), socket.api.bot_app()) };
    let (url, bot_app) = timeout(timing.call, ask).await.map_err(|_| late("apps.connections.open"))?;
    let url = url?;
    reach.leads_to(&url);
    let opened = timeout(timing.handshake, handshake(&socket.api.network, &url)).await;
    if !matches!(opened, Ok(Ok(_))) {
        reach.refused();
    }
    // The address is a secret and the library's errors may name it, so their text goes no further.
    let mut stream = opened
        .map_err(|_| late("the websocket's handshake"))?
        .map_err(|error| ChatError::Unavailable(not_opened(&error)))?;
    let greeting = timeout(timing.hello, hello(&mut stream)).await.map_err(|_| late("Slack's hello"))??;
    if let (Some(bot), Greeting::Hello(hello)) = (bot_app, &greeting)
        && let Some(app) = hello.app().filter(|app| *app != bot)
    {
        return Err(errors::two_apps(bot, app));
    }
    Ok(Live { stream, greeting })
}

/// What Slack's hello says.
#[derive(Default, Deserialize)]
pub(super) struct Hello {
    /// How many connections the app has, this one included.
    pub(super) num_connections: Option<u64>,
    connection_info: Option<ConnectionInfo>,
}

#[derive(Deserialize)]
struct ConnectionInfo {
    app_id: Option<String>,
}

impl Greeting {
    /// Returns how many connections to the app Slack counts, if it says so.
    pub(super) fn counted(&self) -> Option<u64> {
        match self {
            Greeting::Hello(hello) => hello.num_connections,
            Greeting::Frame(_) => None,
        }
    }
}

impl Hello {
    /// Returns the app that the app-level token is of.
    fn app(&self) -> Option<&str> {
        self.connection_info.as_ref()?.app_id.as_deref()
    }
}

/// Slack says hello first; a connection that it refuses gets a disconnect instead.
async fn hello(stream: &mut Stream) -> Result<Greeting, ChatError> {
    let refused = |what: &str| ChatError::Unavailable(format!("{what} before hello"));
    loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => {
                let kind = serde_json::from_str::<Envelope>(&text).map(|envelope| envelope.kind);
                match kind.as_deref() {
                    Ok("hello") => {
                        return Ok(Greeting::Hello(serde_json::from_str(&text).unwrap_or_default()));
                    }
                    Ok("disconnect") => {
                        let reason = disconnect_reason(&text).unwrap_or_default();
                        return Err(refused(&format!("disconnect ({})", told(&reason))));
                    }
                    // Whatever it is, the connection works; it must not be lost.
                    Ok(_) | Err(_) => return Ok(Greeting::Frame(text.to_string())),
                }
            }
            Some(Ok(Message::Close(_))) | None => return Err(refused("close")),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(refused(kind(&error))),
        }
    }
}

/// Reads, writes, pings and watches one connection.
pub(super) struct Driver {
    pub(super) id: u64,
    pub(super) dispatch: Arc<Dispatch>,
    pub(super) notices: mpsc::UnboundedSender<Notice>,
    pub(super) outgoing: mpsc::UnboundedReceiver<Outgoing>,
    /// We want another connection in its place.
    pub(super) replaced: CancellationToken,
    /// Nothing more is read.
    pub(super) drain: CancellationToken,
    /// The end.
    pub(super) close: CancellationToken,
}

/// What came of a step.
enum Step {
    GoOn,
    End(End),
}

/// What changes while a connection lives.
struct State {
    heard: Instant,
    /// A frame that waits for a free place among the handlers; nothing is read meanwhile.
    waiting: Option<Frame>,
    /// When a connection that Slack replaces is closed by us.
    retire: Option<Instant>,
}

impl Driver {
    pub(super) async fn run(mut self, mut stream: Stream, greeting: Greeting) {
        let end = self.drive(&mut stream, greeting).await;
        // Acknowledgements from here on look for another connection.
        self.dispatch.live.leave(self.id, &self.dispatch.socket.watched);
        // An unsent notice means that the supervisor is gone, and with it anyone who would care.
        let _ = self.notices.send(Notice::Ended { connection: self.id, end });
        self.outgoing.close();
        if matches!(end, End::Stopped) {
            let _ = timeout(self.timing().close, close(&mut stream)).await;
        }
    }

    fn timing(&self) -> &Timing {
        &self.dispatch.socket.timing
    }

    async fn drive(&mut self, stream: &mut Stream, greeting: Greeting) -> End {
        let period = self.timing().ping;
        let mut pings = interval_at(Instant::now() + period, period);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let waiting = match greeting {
            Greeting::Hello(_) => None,
            Greeting::Frame(text) => Some(self.frame(text)),
        };
        let mut state = State { heard: Instant::now(), waiting, retire: None };
        let (drain, close, replaced) = (self.drain.clone(), self.close.clone(), self.replaced.clone());
        loop {
            let reading = state.waiting.is_none() && !drain.is_cancelled();
            let silence_ends = state.heard + self.timing().stale;
            let step = tokio::select! {
                // Close comes after the acknowledgements that are already here.
                biased;
                Some(out) = self.outgoing.recv() => self.write_ack(stream, out).await,
                () = close.cancelled() => Step::End(End::Stopped),
                () = drain.cancelled(), if reading => Step::GoOn,
                () = replaced.cancelled(), if state.retire.is_none() => {
                    state.retire = Some(Instant::now() + self.timing().retire);
                    Step::GoOn
                }
                () = sleep_until(state.retire.unwrap_or(silence_ends)), if state.retire.is_some() => self.retire(&mut state),
                () = sleep_until(silence_ends), if reading => Step::End(End::Stale),
                permit = self.dispatch.room(), if state.waiting.is_some() && !drain.is_cancelled() => {
                    self.start(&mut state, permit);
                    Step::GoOn
                }
                _ = pings.tick() => self.write(stream, Message::Ping(Vec::new().into())).await,
                frame = stream.next(), if reading => self.read(&mut state, frame),
            };
            if let Step::End(end) = step {
                return end;
            }
        }
    }

    fn frame(&self, text: String) -> Frame {
        Frame { text, received_at: self.dispatch.socket.clock.now() }
    }

    fn start(&self, state: &mut State, permit: OwnedSemaphorePermit) {
        if let Some(frame) = state.waiting.take() {
            self.dispatch.start(self.id, frame, permit);
        }
        // What came in the meantime was not looked at.
        state.heard = Instant::now();
    }

    /// The last connection stays as long as Slack leaves it open, however late the next one is.
    fn retire(&self, state: &mut State) -> Step {
        if self.dispatch.live.is_last(self.id) {
            state.retire = Some(Instant::now() + self.timing().retire);
            return Step::GoOn;
        }
        Step::End(End::Stopped)
    }

    fn read(&self, state: &mut State, frame: Option<Result<Message, WsError>>) -> Step {
        state.heard = Instant::now();
        match frame {
            Some(Ok(Message::Text(text))) => {
                match disconnect_reason(&text) {
                    Some(reason) => {
                        state.retire.get_or_insert_with(|| Instant::now() + self.timing().retire);
                        self.dispatch.live.retires(self.id);
                        let _ = self.notices.send(Notice::Retiring { connection: self.id, reason });
                    }
                    None => state.waiting = Some(self.frame(text.to_string())),
                }
                Step::GoOn
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Step::GoOn,
            Some(Ok(Message::Binary(_))) => {
                self.dispatch.unreadable("binary", "not text");
                Step::GoOn
            }
            Some(Ok(Message::Close(_)) | Err(WsError::ConnectionClosed | WsError::AlreadyClosed)) | None => {
                Step::End(End::Closed)
            }
            Some(Err(error @ WsError::Capacity(_))) => {
                // What was in it is lost with the connection; it is counted with the rest that could not be read.
                self.dispatch.unreadable("frame", kind(&error));
                Step::End(End::Broken(kind(&error)))
            }
            Some(Err(error)) => Step::End(End::Broken(kind(&error))),
        }
    }

    async fn write_ack(&self, stream: &mut Stream, out: Outgoing) -> Step {
        let step = self.write(stream, Message::text(out.text)).await;
        if matches!(step, Step::GoOn) {
            // Who waited may have given up; the acknowledgement is out all the same.
            let _ = out.written.send(());
        }
        step
    }

    async fn write(&self, stream: &mut Stream, message: Message) -> Step {
        match timeout(self.timing().write, stream.send(message)).await {
            Ok(Ok(())) => Step::GoOn,
            Ok(Err(error)) => Step::End(End::Broken(kind(&error))),
            Err(_) => Step::End(End::Broken("a write took too long")),
        }
    }
}

/// Slack's word for why a connection ends, with the fix where there is one.
pub(super) fn told(reason: &str) -> &str {
    match reason {
        TOO_MANY => {
            "too_many_websockets: Slack allows an app ten, and others hold them; is another copy of this bot running?"
        }
        other => other,
    }
}

fn disconnect_reason(text: &str) -> Option<String> {
    // Most frames are inputs: look twice only at what may be a disconnect.
    if !text.contains("disconnect") {
        return None;
    }
    let envelope: Envelope = serde_json::from_str(text).ok()?;
    (envelope.kind == "disconnect").then(|| {
        let reason = envelope.reason.unwrap_or_default();
        reason.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(40).collect()
    })
}

/// Says goodbye and waits for Slack's answer; the caller bounds it.
pub(super) async fn close(stream: &mut Stream) {
    if stream.close(None).await.is_ok() {
        while let Some(Ok(_)) = stream.next().await {}
    }
}
