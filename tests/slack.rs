//! The Slack adapter over real HTTP and a real websocket, against a far end that does what each test says.

#[path = "slack/api.rs"]
mod api;
#[path = "slack/files.rs"]
mod files;
#[path = "slack/outages.rs"]
mod outages;
#[path = "slack/transport.rs"]
mod transport;
#[path = "slack/wire.rs"]
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use inactive_contractors::chat::slack::{Settings, Slack, Timing};
use inactive_contractors::chat::{Ack, Block, Card, ChatError, Connection, Handler, Inbound, Modal, Text};
use inactive_contractors::clock::Clock;
use inactive_contractors::net::Network;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use wire::{Peer, SOON, Wire};

/// Hands each input to the test, which answers it, or drops it to make the handler panic.
struct Hand(mpsc::UnboundedSender<Input>);

struct Input {
    inbound: Inbound,
    answer: oneshot::Sender<Ack>,
}

#[async_trait]
impl Handler for Hand {
    async fn handle(&self, inbound: Inbound) -> Ack {
        let (answer, answered) = oneshot::channel();
        self.0.send(Input { inbound, answer }).unwrap_or_else(|_| panic!("the test is over"));
        answered.await.expect("the test drops an input to see a handler panic")
    }
}

fn settings(wire: &Wire) -> Settings {
    Settings {
        api_url: Some(wire.api_url().parse().unwrap()),
        bot_token: "xoxb-s3cret".into(),
        app_token: "xapp-s3cret".into(),
        command: "/bot".to_owned(),
        network: Network::default(),
    }
}

/// A bound that a test sees pass.
const BRIEF: Duration = Duration::from_secs(1);

/// Bounds that no machine is too slow for; a test that sees one of them pass sets that one to [`BRIEF`].
fn timing() -> Timing {
    let ms = Duration::from_millis;
    Timing {
        connect: SOON,
        call: SOON,
        probe: BRIEF,
        probe_pause: ms(50),
        upload: SOON,
        handshake: SOON,
        hello: SOON,
        write: SOON,
        close: ms(300),
        ping: ms(50),
        stale: SOON,
        retire: ms(3000),
        settle: Duration::from_secs(300),
        backoff_first: ms(10),
        backoff_most: ms(50),
        steady: ms(1),
        slow_handler: ms(100),
        ack: SOON,
        drain: SOON,
    }
}

async fn slack(wire: &Wire) -> Slack {
    Slack::connect_with(settings(wire), timing(), Clock::system()).await.unwrap()
}

/// One that soon gives up a call that isn't answered.
async fn hasty(wire: &Wire) -> Slack {
    let timing = Timing { call: BRIEF, upload: BRIEF, ..timing() };
    Slack::connect_with(settings(wire), timing, Clock::system()).await.unwrap()
}

/// A running adapter with its far end.
struct Running {
    wire: Wire,
    slack: Slack,
    inputs: mpsc::UnboundedReceiver<Input>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), ChatError>>,
}

impl Running {
    async fn start() -> Running {
        Running::on(Wire::start().await).await
    }

    async fn on(wire: Wire) -> Running {
        Running::bounded(wire, timing()).await
    }

    /// The same with other bounds.
    async fn bounded(wire: Wire, timing: Timing) -> Running {
        let slack = Slack::connect_with(settings(&wire), timing, Clock::system()).await.unwrap();
        Running::with(wire, slack)
    }

    fn with(wire: Wire, slack: Slack) -> Running {
        let (sender, inputs) = mpsc::unbounded_channel();
        let shutdown = CancellationToken::new();
        let (runner, token) = (slack.clone(), shutdown.clone());
        let task = tokio::spawn(async move { runner.run(Arc::new(Hand(sender)), token).await });
        Running { wire, slack, inputs, shutdown, task }
    }

    async fn input(&mut self) -> Input {
        timeout(SOON, self.inputs.recv()).await.expect("an input in time").unwrap()
    }

    /// Waits for a connection that a click gets through.
    async fn works(&mut self) -> Peer {
        let mut peer = self.wire.peer().await;
        peer.send(&click("works", "1"));
        self.input().await.answer.send(Ack::Done).unwrap();
        assert_eq!(peer.ack().await, json!({ "envelope_id": "works" }));
        peer
    }

    /// Waits for the next connection that a click gets through.
    async fn works_again(&mut self, action_ts: &str) -> Peer {
        let mut peer = self.wire.peer().await;
        let id = format!("again{action_ts}");
        peer.send(&click(&id, action_ts));
        self.input().await.answer.send(Ack::Done).unwrap();
        assert_eq!(peer.ack().await["envelope_id"], id.as_str());
        peer
    }

    async fn is(&self, state: Connection) {
        let mut connection = self.slack.connection();
        timeout(SOON, connection.wait_for(|now| *now == state)).await.expect("the state in time").unwrap();
    }

    async fn ended(self) -> Result<(), ChatError> {
        timeout(SOON, self.task).await.expect("an end in time").unwrap()
    }
}

fn envelope(id: &str, kind: &str, payload: &Value) -> Value {
    json!({ "type": kind, "envelope_id": id, "accepts_response_payload": true, "payload": payload })
}

fn click(id: &str, action_ts: &str) -> Value {
    envelope(
        id,
        "interactive",
        &json!({
            "type": "block_actions", "trigger_id": "t.1", "user": { "id": "U1" }, "team": { "id": "T1" },
            "container": { "type": "message", "message_ts": "1.2", "channel_id": "C1" },
            "actions": [{ "type": "button", "action_id": "deny", "value": "r7", "action_ts": action_ts }],
        }),
    )
}

fn submission(id: &str) -> Value {
    let part = json!({ "keep:0": { "type": "checkboxes", "selected_options": [] } });
    let reason = json!({ "reason": { "type": "plain_text_input", "value": "x" } });
    envelope(
        id,
        "interactive",
        &json!({
            "type": "view_submission", "user": { "id": "U1" },
            "view": { "id": "V1", "hash": "h", "callback_id": "choose", "private_metadata": "r7",
                      "state": { "values": { "keep:0": part, "reason": reason } } },
        }),
    )
}

fn card(words: &str) -> Card {
    Card { summary: Text::plain(words), blocks: Vec::new() }
}

fn modal(paragraphs: usize) -> Modal {
    let blocks = (0..paragraphs).map(|_| Block::Section(Text::plain("word ".repeat(100)))).collect();
    Modal { kind: "choose".into(), value: "r7".into(), title: "Choose".into(), submit: None, blocks }
}
