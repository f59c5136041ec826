//! Socket Mode: one-time tickets, hello, envelopes, acks, and the ways a socket ends.
//!
//! See <https://docs.slack.dev/apis/events-api/using-socket-mode>.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{ConnectInfo, Query, Request, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant as Deadline, interval_at, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Message as Frame, Role};

use super::FakeSlack;
use super::state::State;
use super::wire::Wire;

/// How long the bot has to acknowledge an envelope.
pub const ACK_DEADLINE: Duration = Duration::from_secs(3);
/// Slack drops acks of this size and above silently.
const ACK_BYTES_MAX: usize = 20_000;
/// Sockets of one app that may be open at once.
const SOCKETS_MAX: usize = 10;
const PING_EVERY: Duration = Duration::from_secs(5);
/// A socket that leaves this many pings in a row unanswered is closed.
const UNANSWERED_MAX: usize = 3;

type WebSocket = WebSocketStream<TokioIo<Upgraded>>;

/// What a socket's task is asked to do.
pub(super) enum SocketCommand {
    Send(String),
    SendBytes(Vec<u8>),
    Disconnect { reason: &'static str, grace: Duration },
    Close,
    Drop,
    Freeze,
}

/// An open socket.
pub(super) struct Socket {
    id: u64,
    commands: mpsc::UnboundedSender<SocketCommand>,
    pub draining: bool,
    pub frozen: bool,
}

impl Socket {
    pub fn send(&self, command: SocketCommand) {
        // A task that is already gone has taken itself off the list, or is about to.
        let _ = self.commands.send(command);
    }
}

/// What an ack does in the workspace.
#[derive(Clone, Debug)]
pub(super) enum OnAck {
    Nothing,
    /// Its payload is a message.
    Reply {
        user: String,
        channel: String,
    },
    /// Its payload says what becomes of the modal.
    Submission {
        user: String,
        view_id: String,
    },
}

/// The bot's answer to an envelope.
#[derive(Clone, Debug)]
pub struct Ack {
    /// Since the envelope was (last) sent.
    pub after: Duration,
    pub payload: Option<Value>,
}

/// A payload as it was sent, and what came back for it.
#[derive(Clone, Debug)]
pub struct Sent {
    pub id: String,
    /// `interactive`, `slash_commands` or `events_api`.
    pub kind: String,
    pub payload: Value,
    /// By the workspace's clock, once for each time that it was sent.
    pub at: Vec<DateTime<Utc>>,
    pub acks: Vec<Ack>,
}

/// One payload that was sent.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub id: String,
    pub frame: Value,
    pub on_ack: OnAck,
    pub sent: VecDeque<Instant>,
    /// By the workspace's clock.
    pub sent_at: Vec<DateTime<Utc>>,
    pub acks: Vec<Ack>,
    socket: Option<u64>,
}

impl State {
    /// Wraps and sends a payload to one socket.
    pub fn send_envelope(
        &mut self,
        kind: &str,
        accepts_payload: bool,
        payload: &Value,
        on_ack: OnAck,
    ) -> String {
        let id = self.mint("e0e0e0e0-0000-4000-8000-0000");
        let frame = json!({
            "envelope_id": id, "type": kind, "accepts_response_payload": accepts_payload, "payload": payload,
        });
        self.envelopes.push(Envelope {
            id: id.clone(),
            frame,
            on_ack,
            sent: VecDeque::new(),
            sent_at: Vec::new(),
            acks: Vec::new(),
            socket: None,
        });
        self.send_again(&id);
        id
    }

    /// Sends the envelope as it is (once more).
    pub fn send_again(&mut self, id: &str) {
        let (socket, now) = (self.pick_socket(), self.clock.now());
        let envelope = self.envelopes.iter_mut().find(|envelope| envelope.id == id);
        let envelope = envelope.expect("only known envelopes are sent");
        envelope.sent.push_back(Instant::now());
        envelope.sent_at.push(now);
        envelope.socket = socket;
        let text = envelope.frame.to_string();
        self.send_to(socket, text);
    }

    /// Events that found no socket come with the next one; interactions and commands don't.
    fn send_missed_events(&mut self) {
        let missed = |envelope: &Envelope| {
            envelope.socket.is_none() && envelope.frame["type"] == "events_api" && envelope.acks.is_empty()
        };
        let missed: Vec<String> = self
            .envelopes
            .iter()
            .filter(|envelope| missed(envelope))
            .map(|envelope| envelope.id.clone())
            .collect();
        for id in missed {
            self.send_as_retry(&id);
        }
    }

    /// Sends an event again, marked as a retry.
    pub fn send_as_retry(&mut self, id: &str) {
        let envelope = self.envelopes.iter_mut().find(|envelope| envelope.id == id);
        let envelope = envelope.expect("only known envelopes are sent");
        let attempt = envelope.frame["retry_attempt"].as_u64().unwrap_or(0) + 1;
        envelope.frame["retry_attempt"] = json!(attempt);
        envelope.frame["retry_reason"] = json!("timeout");
        self.send_again(id);
    }

    /// Any socket may get a payload; each in turn finds the bots that only listen on one.
    pub fn pick_socket(&mut self) -> Option<u64> {
        let rank = |socket: &Socket| (socket.frozen, socket.draining);
        let best = self.sockets.iter().map(rank).min()?;
        let position = self.sockets.iter().position(|socket| rank(socket) == best)?;
        let socket = self.sockets.remove(position);
        let id = socket.id;
        self.sockets.push(socket);
        Some(id)
    }

    pub fn send_to(&self, socket: Option<u64>, text: String) {
        self.command(socket, SocketCommand::Send(text));
    }

    pub fn command(&self, socket: Option<u64>, command: SocketCommand) {
        if let Some(socket) = self.sockets.iter().find(|open| Some(open.id) == socket) {
            socket.send(command);
        }
    }

    /// The bot has missed the deadline; that is its fault if its socket is still there.
    pub fn missed(&mut self, id: &str) {
        let Some(envelope) = self.envelopes.iter().find(|envelope| envelope.id == id) else { return };
        let alive = self.sockets.iter().any(|socket| Some(socket.id) == envelope.socket && !socket.frozen);
        if alive && envelope.acks.len() < envelope.sent.len() {
            self.violation(format!("no ack of {} within 3 s", envelope.frame["type"]));
        }
    }

    /// Whether an ack that is late may still come: the bot is there to send it.
    pub fn may_be_slow(&self) -> bool {
        self.waits_for_slow && self.sockets.iter().any(|socket| !socket.frozen)
    }

    fn receive(&mut self, text: &str) {
        let frame: Value = serde_json::from_str(text).unwrap_or_default();
        let Some(id) = frame["envelope_id"].as_str() else {
            return self
                .violation(format!("a frame that is no ack: {}", text.chars().take(80).collect::<String>()));
        };
        if text.len() >= ACK_BYTES_MAX {
            return self.violation(format!("an ack of {} bytes, dropped", text.len()));
        }
        let payload = frame.get("payload").filter(|payload| !payload.is_null()).cloned();
        let Some(envelope) = self.envelopes.iter_mut().find(|envelope| envelope.id == id) else {
            return self.violation(format!("an ack of an unknown envelope {id}"));
        };
        let kind = envelope.frame["type"].clone();
        let sent = envelope.sent.back().filter(|_| envelope.acks.len() < envelope.sent.len()).copied();
        let Some(sent) = sent else {
            return self.violation(format!("a second ack of one {kind} envelope"));
        };
        let ack = Ack { after: sent.elapsed(), payload };
        let (first, on_ack) = (envelope.acks.is_empty(), envelope.on_ack.clone());
        let accepts = envelope.frame["accepts_response_payload"] == json!(true);
        envelope.acks.push(ack.clone());
        if ack.after > ACK_DEADLINE && !self.waits_for_slow {
            self.violation(format!("a late ack of {kind}, after {:?}", ack.after));
        } else if ack.payload.is_some() && !accepts {
            self.violation(format!("an ack of {kind} with a payload that it does not accept"));
        } else if first {
            self.follow_up(&on_ack, ack.payload);
        }
    }

    fn follow_up(&mut self, on_ack: &OnAck, payload: Option<Value>) {
        match (on_ack, payload) {
            (OnAck::Submission { user, view_id }, payload) => {
                self.submission_answered(user, view_id, payload);
            }
            (OnAck::Reply { user, channel }, Some(payload)) => self.slash_answered(user, channel, &payload),
            (OnAck::Nothing, Some(payload)) if payload != json!({}) => {
                self.violation(format!("an ack with a payload that nobody sees: {payload}"));
            }
            (OnAck::Reply { .. } | OnAck::Nothing, _) => {}
        }
    }
}

/// `GET /link/?ticket=…`
pub async fn upgrade(
    Extract(slack): Extract<FakeSlack>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    Query(query): Query<std::collections::HashMap<String, String>>,
    mut request: Request,
) -> Response {
    let Some(ticket) = query.get("ticket") else {
        // A look at whether sockets are taken: <https://github.com/slackapi/node-slack-sdk/issues/1472>.
        let refuse = slack.read(|state| state.faults.refuse_sockets);
        let status = if refuse { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::REQUEST_TIMEOUT };
        return status.into_response();
    };
    let (known, hang, refuse) = slack.write(|state| {
        let hang = state.faults.hang_handshakes > 0;
        state.faults.hang_handshakes = state.faults.hang_handshakes.saturating_sub(1);
        (state.tickets.remove(ticket), hang, state.faults.refuse_sockets)
    });
    if hang {
        std::future::pending::<()>().await;
    }
    if refuse {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if !known {
        slack.write(|state| state.violation("a WebSocket with a ticket that is unknown or used"));
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(accepted) = create_response_with_body(&request, Body::empty) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(stream) = upgraded.await {
            serve(
                slack,
                WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, None).await,
                wire,
            )
            .await;
        }
    });
    accepted
}

async fn serve(slack: FakeSlack, mut socket: WebSocket, wire: Wire) {
    let (commands, mut inbox) = mpsc::unbounded_channel();
    let (id, open, unwanted, app) = slack.write(|state| {
        state.connections_opened += 1;
        let unwanted = state.faults.too_many_sockets > 0;
        state.faults.too_many_sockets = state.faults.too_many_sockets.saturating_sub(1);
        let id = state.connections_opened as u64;
        state.sockets.push(Socket { id, commands, draining: false, frozen: false });
        state.send_missed_events();
        (id, state.sockets.len(), unwanted, state.socket_app.clone())
    });
    let hello = json!({
        "type": "hello", "num_connections": open, "connection_info": {"app_id": app},
        "debug_info": {"host": "applink-1", "build_number": 1, "approximate_connection_time": 18060},
    });
    let greeted = socket.send(Frame::Text(hello.to_string().into())).await.is_ok();
    if greeted && (unwanted || open > SOCKETS_MAX) {
        let _ = socket.send(disconnect_frame("too_many_websockets")).await;
        let _ = socket.send(Frame::Close(None)).await;
    } else if greeted {
        converse(&slack, id, &mut socket, &mut inbox, &wire).await;
    }
    slack.write(|state| state.sockets.retain(|socket| socket.id != id));
}

/// Until the socket ends, either way.
async fn converse(
    slack: &FakeSlack,
    id: u64,
    socket: &mut WebSocket,
    inbox: &mut mpsc::UnboundedReceiver<SocketCommand>,
    wire: &Wire,
) {
    let mut ping = interval_at(Deadline::now() + PING_EVERY, PING_EVERY);
    let mut unanswered = 0;
    let mut closes_at: Option<Deadline> = None;
    let mut frozen = false;
    loop {
        let far = Deadline::now() + Duration::from_secs(24 * 3600);
        tokio::select! {
            command = inbox.recv() => match command {
                Some(SocketCommand::Send(_) | SocketCommand::SendBytes(_)) if frozen => {}
                Some(SocketCommand::SendBytes(bytes)) => {
                    if socket.send(Frame::Binary(bytes.into())).await.is_err() {
                        return;
                    }
                }
                Some(SocketCommand::Send(text)) => {
                    if socket.send(Frame::Text(text.into())).await.is_err() {
                        return;
                    }
                }
                Some(SocketCommand::Disconnect { reason, grace }) => {
                    let _ = socket.send(disconnect_frame(reason)).await;
                    closes_at = Some(Deadline::now() + grace);
                }
                Some(SocketCommand::Freeze) => frozen = true,
                Some(SocketCommand::Close) => return close(slack, id, socket).await,
                Some(SocketCommand::Drop) | None => return wire.cut(),
            },
            frame = socket.next(), if !frozen => match frame {
                // Beside the socket, which goes on while a test holds the ack.
                Some(Ok(Frame::Text(text))) => {
                    let slack = slack.clone();
                    tokio::spawn(async move {
                        let take = async { slack.write(|state| state.receive(text.as_str())) };
                        slack.gate().pass("slack ack", take).await;
                    });
                }
                Some(Ok(Frame::Binary(_))) => slack.write(|state| state.violation("a binary frame")),
                Some(Ok(Frame::Pong(_))) => unanswered = 0,
                Some(Ok(Frame::Ping(_) | Frame::Frame(_))) => {}
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
            },
            _ = ping.tick(), if !frozen => {
                unanswered += 1;
                if unanswered > UNANSWERED_MAX {
                    slack.write(|state| state.violation("pings went unanswered, socket closed"));
                    return close(slack, id, socket).await;
                }
                if socket.send(Frame::Ping("Ping from applink-1".into())).await.is_err() {
                    return;
                }
            }
            () = sleep_until(closes_at.unwrap_or(far)) => return close(slack, id, socket).await,
        }
    }
}

/// Says goodbye and hears the bot's last frames out for a moment.
async fn close(slack: &FakeSlack, id: u64, socket: &mut WebSocket) {
    slack.write(|state| state.sockets.retain(|socket| socket.id != id));
    let _ = socket.send(Frame::Close(None)).await;
    let _ = socket.flush().await;
    let goodbye = async { while socket.next().await.is_some_and(|frame| frame.is_ok()) {} };
    let _ = tokio::time::timeout(Duration::from_secs(1), goodbye).await;
}

fn disconnect_frame(reason: &str) -> Frame {
    let frame = json!({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}});
    Frame::Text(frame.to_string().into())
}
