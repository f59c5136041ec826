//! The far end of the wire: answers Web API calls with what a test put there, and hands each websocket to the test, which
//! then decides what it does. It knows nothing of messages or people; the stateful fake of Slack does.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// Nothing in a test may take longer.
pub const SOON: Duration = fake::GUARD;

/// How the next websocket behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// Says hello.
    Hello,
    /// Takes the connection and never answers the handshake.
    HungHandshake,
    /// Upgrades and never says hello.
    NoHello,
    /// Answers the handshake with 503.
    Refused,
    /// Says hello for this app.
    HelloOf(&'static str),
}

/// How Slack can't be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Connections are reset.
    Reset,
    /// Connections are taken, and nothing more is heard.
    Silent,
    /// A proxy in front answers the calls with 503, and sockets are reset.
    Unavailable,
}

/// An answer to a Web API call.
#[derive(Clone)]
pub enum Answer {
    Json(Value),
    Status(u16, Vec<(&'static str, &'static str)>),
    /// The call is taken and never answered.
    Never,
}

/// A Web API call that arrived.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub token: String,
    pub query: String,
    pub body: Value,
    /// How long the body is, whatever is in it.
    pub bytes: usize,
}

#[derive(Default)]
struct Script {
    answers: HashMap<String, VecDeque<Answer>>,
    greetings: VecDeque<Greeting>,
    calls: Vec<Call>,
    /// How long every answer takes.
    slow: Duration,
    /// Handshakes are answered with 503, with a ticket or without.
    refuses_sockets: bool,
    /// Handshakes without a ticket, and those with one.
    looks: usize,
    tickets: usize,
}

/// The outage that there is, and how many connections it has taken.
#[derive(Clone)]
struct Outages {
    now: watch::Sender<Option<Outage>>,
    taken: watch::Sender<usize>,
}

impl Outages {
    /// The outage that takes one more connection.
    fn take(&self) -> Option<Outage> {
        let now = *self.now.borrow();
        self.taken.send_modify(|taken| *taken += usize::from(now.is_some()));
        now
    }
}

#[derive(Clone)]
struct Shared {
    script: Arc<Mutex<Script>>,
    outages: Outages,
    calls: mpsc::UnboundedSender<Call>,
    socket_url: String,
    base: String,
}

pub struct Wire {
    shared: Shared,
    calls: mpsc::UnboundedReceiver<Call>,
    peers: mpsc::UnboundedReceiver<Peer>,
}

impl Wire {
    pub async fn start() -> Wire {
        let outages = Outages { now: watch::channel(None).0, taken: watch::channel(0).0 };
        let sockets = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (calls_in, calls) = mpsc::unbounded_channel();
        let (peers_in, peers) = mpsc::unbounded_channel();
        let shared = Shared {
            script: Arc::default(),
            outages: outages.clone(),
            calls: calls_in,
            socket_url: format!("ws://{}/?ticket=s3cret-ticket", sockets.local_addr().unwrap()),
            base: format!("http://{}", front.local_addr().unwrap()),
        };
        tokio::spawn(pass_on(front, http.local_addr().unwrap(), outages.clone()));
        let app = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(http, app).await });
        tokio::spawn(accept(sockets, shared.script.clone(), outages, peers_in));
        Wire { shared, calls, peers }
    }

    pub fn api_url(&self) -> String {
        format!("{}/api/", self.shared.base)
    }

    pub fn response_url(&self) -> String {
        format!("{}/respond/s3cret-address", self.shared.base)
    }

    /// Puts an answer in front of the ordinary one, once.
    pub fn answer(&self, method: &str, answer: Answer) {
        let mut script = self.shared.script.lock().unwrap();
        script.answers.entry(method.to_owned()).or_default().push_back(answer);
    }

    pub fn error(&self, method: &str, code: &str) {
        self.answer(method, Answer::Json(json!({ "ok": false, "error": code })));
    }

    /// From now on Slack can't be reached; what is open stays.
    pub fn goes_down(&self, outage: Outage) {
        self.shared.outages.now.send_replace(Some(outage));
    }

    /// From now on every answer and every hello takes this long.
    pub fn slow(&self, by: Duration) {
        self.shared.script.lock().unwrap().slow = by;
    }

    /// From now on the Web API answers, and sockets are refused, or taken again.
    pub fn refuse_sockets(&self, refuse: bool) {
        self.shared.script.lock().unwrap().refuses_sockets = refuse;
    }

    /// Handshakes so far: those without a ticket, which only look, and those with one.
    pub fn handshakes(&self) -> (usize, usize) {
        let script = self.shared.script.lock().unwrap();
        (script.looks, script.tickets)
    }

    pub fn comes_up(&self) {
        self.shared.outages.now.send_replace(None);
    }

    /// Waits until the outage has taken so many more connections.
    pub async fn rejected_before(&self, more: usize) {
        let mut taken = self.shared.outages.taken.subscribe();
        let enough = *taken.borrow() + more;
        let waited = timeout(SOON, taken.wait_for(|taken| *taken >= enough)).await;
        waited.expect("tries in time").expect("the sender is kept here");
    }

    pub fn greet(&self, greeting: Greeting) {
        self.shared.script.lock().unwrap().greetings.push_back(greeting);
    }

    /// The next websocket, as soon as there is one.
    pub async fn peer(&mut self) -> Peer {
        timeout(SOON, self.peers.recv()).await.expect("a websocket in time").unwrap()
    }

    /// The next call of this method; others are skipped.
    pub async fn call(&mut self, method: &str) -> Call {
        loop {
            let call = timeout(SOON, self.calls.recv()).await.expect("a call in time").unwrap();
            if call.method == method {
                return call;
            }
        }
    }

    pub fn count(&self, method: &str) -> usize {
        self.shared.script.lock().unwrap().calls.iter().filter(|call| call.method == method).count()
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let method = path.rsplit('/').next().unwrap_or_default();
    let method = if path.starts_with("/respond/") { "response_url" } else { method }.to_owned();
    let token = token(request.headers());
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body: Bytes = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let (bytes, body) = (body.len(), serde_json::from_slice(&body).unwrap_or(Value::Null));
    let call = Call { method: method.clone(), token, query, body, bytes };
    let scripted = {
        let mut script = shared.script.lock().unwrap();
        script.calls.push(call.clone());
        script.answers.get_mut(&method).and_then(VecDeque::pop_front)
    };
    let _ = shared.calls.send(call.clone());
    let slow = shared.script.lock().unwrap().slow;
    tokio::time::sleep(slow).await;
    match scripted {
        Some(Answer::Json(json)) => axum::Json(json).into_response(),
        Some(Answer::Status(status, headers)) => {
            let mut response = StatusCode::from_u16(status).unwrap().into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Some(Answer::Never) => std::future::pending().await,
        None => ordinary(&shared, &call),
    }
}

fn token(headers: &HeaderMap) -> String {
    headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

fn ordinary(shared: &Shared, call: &Call) -> Response {
    let answer = match call.method.as_str() {
        "auth.test" => {
            let body = json!({ "ok": true, "url": "https://acme.slack.com/", "team": "Acme", "user": "bot",
                               "team_id": "T1", "user_id": "UBOT", "bot_id": "BBOT" });
            let scopes = "commands,chat:write,users:read,users:read.email,channels:read,groups:read,\
                          channels:history,groups:history,im:write,im:history,files:write";
            return ([("x-oauth-scopes", scopes)], axum::Json(body)).into_response();
        }
        "apps.connections.open" => json!({ "ok": true, "url": shared.socket_url }),
        "response_url" => return "ok".into_response(),
        "conversations.history" | "conversations.replies" => json!({ "ok": true, "messages": [] }),
        "chat.postMessage" => json!({ "ok": true, "channel": call.body["channel"], "ts": "5.000100" }),
        _ => json!({ "ok": true }),
    };
    axum::Json(answer).into_response()
}

/// The test's hand on one websocket. Dropping it resets the connection.
pub struct Peer {
    to: mpsc::UnboundedSender<Order>,
    from: mpsc::UnboundedReceiver<Value>,
    closed: Arc<tokio::sync::Notify>,
}

enum Order {
    Send(Message),
    Freeze,
    Reset,
}

impl Peer {
    pub fn send(&self, frame: &Value) {
        self.raw(Message::text(frame.to_string()));
    }

    pub fn raw(&self, message: Message) {
        self.to.send(Order::Send(message)).unwrap();
    }

    /// Neither reads nor writes from now on, and stays open.
    pub fn freeze(&self) {
        self.to.send(Order::Freeze).unwrap();
    }

    /// A TCP reset.
    pub fn reset(&self) {
        self.to.send(Order::Reset).unwrap();
    }

    /// The next acknowledgement.
    pub async fn ack(&mut self) -> Value {
        timeout(SOON, self.from.recv()).await.expect("an acknowledgement in time").expect("an open socket")
    }

    /// Whether an acknowledgement is here already.
    pub fn has_ack(&mut self) -> bool {
        self.from.try_recv().is_ok()
    }

    /// Returns when the bot said goodbye with a close frame.
    pub async fn said_goodbye(&self) {
        timeout(SOON, self.closed.notified()).await.expect("a close frame in time");
    }
}

/// The way to the Web API, on which an outage stands.
async fn pass_on(front: TcpListener, http: SocketAddr, outages: Outages) {
    let mut hung = Vec::new();
    loop {
        let (mut stream, _) = front.accept().await.unwrap();
        match outages.take() {
            None => {
                tokio::spawn(forward(stream, http, outages.now.subscribe()));
            }
            Some(Outage::Reset) => stream.set_zero_linger().unwrap(),
            Some(Outage::Silent) => hung.push(stream),
            Some(Outage::Unavailable) => {
                let answer =
                    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(answer).await;
            }
        }
    }
}

/// Carries a connection until an outage silences it: then nothing more comes on it, not even its end.
async fn forward(mut stream: TcpStream, http: SocketAddr, mut outage: watch::Receiver<Option<Outage>>) {
    let mut beyond = TcpStream::connect(http).await.unwrap();
    let begins = async { outage.wait_for(|now| *now == Some(Outage::Silent)).await.map(drop) };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut stream, &mut beyond) => {}
        _ = begins => std::future::pending().await,
    }
}

async fn accept(
    listener: TcpListener,
    script: Arc<Mutex<Script>>,
    outages: Outages,
    peers: mpsc::UnboundedSender<Peer>,
) {
    let mut hung = Vec::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        match outages.take() {
            None => {}
            Some(Outage::Reset | Outage::Unavailable) => {
                stream.set_zero_linger().unwrap();
                continue;
            }
            Some(Outage::Silent) => {
                hung.push(stream);
                continue;
            }
        }
        let Some(has_ticket) = has_ticket(&stream).await else { continue };
        let refused = {
            let mut script = script.lock().unwrap();
            *(if has_ticket { &mut script.tickets } else { &mut script.looks }) += 1;
            if script.refuses_sockets { Some("503 Service Unavailable") } else { None }
        };
        // What only looks has no ticket: <https://github.com/slackapi/node-slack-sdk/issues/1472>.
        if let Some(status) = refused.or((!has_ticket).then_some("408 Request Timeout")) {
            tokio::spawn(refuse(stream, status));
            continue;
        }
        let greeting = script.lock().unwrap().greetings.pop_front().unwrap_or(Greeting::Hello);
        if greeting == Greeting::HungHandshake {
            hung.push(stream);
            continue;
        }
        if greeting == Greeting::Refused {
            tokio::spawn(refuse(stream, "503 Service Unavailable"));
            continue;
        }
        let Ok(mut socket) = accept_async(stream).await else { continue };
        let slow = script.lock().unwrap().slow;
        tokio::time::sleep(slow).await;
        let app = match greeting {
            Greeting::Hello => Some(json!({})),
            Greeting::HelloOf(app) => Some(json!({ "app_id": app })),
            Greeting::HungHandshake | Greeting::Refused | Greeting::NoHello => None,
        };
        if let Some(app) = app {
            let hello = json!({ "type": "hello", "num_connections": 1, "connection_info": app });
            socket.send(Message::text(hello.to_string())).await.unwrap();
        }
        let (to, orders) = mpsc::unbounded_channel();
        let (acks, from) = mpsc::unbounded_channel();
        let closed = Arc::new(tokio::sync::Notify::new());
        tokio::spawn(serve(socket, orders, acks, closed.clone()));
        let _ = peers.send(Peer { to, from, closed });
    }
}

/// Whether the handshake that begins has a ticket; `None` if none begins.
async fn has_ticket(stream: &TcpStream) -> Option<bool> {
    let mut begin = [0; 512];
    loop {
        let length = timeout(SOON, stream.peek(&mut begin)).await.ok()?.ok()?;
        let begin = String::from_utf8_lossy(&begin[..length]);
        match begin.split_once("\r\n") {
            Some((line, _)) => return Some(line.contains("ticket=")),
            None if length == 0 => return None,
            None => tokio::task::yield_now().await,
        }
    }
}

async fn refuse(mut stream: TcpStream, status: &'static str) {
    let _ = stream.read(&mut [0; 4096]).await;
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes()).await;
}

async fn serve(
    mut socket: WebSocketStream<TcpStream>,
    mut orders: mpsc::UnboundedReceiver<Order>,
    acks: mpsc::UnboundedSender<Value>,
    closed: Arc<tokio::sync::Notify>,
) {
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Send(message)) => { let _ = socket.send(message).await; }
                Some(Order::Freeze) => std::future::pending::<()>().await,
                Some(Order::Reset) | None => {
                    let _ = socket.get_ref().set_zero_linger();
                    return;
                }
            },
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => { let _ = acks.send(serde_json::from_str(&text).unwrap()); }
                Some(Ok(Message::Close(_))) => closed.notify_one(),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}
