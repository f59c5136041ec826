//! A fake Slack workspace with one installed app: Web API, response URLs and Socket Mode over real HTTP and a
//! real WebSocket on 127.0.0.1.
//!
//! It keeps what Slack keeps (people, channels, messages, views), refuses what Slack refuses with Slack's error
//! codes, delivers each payload to exactly one open socket, and holds the bot to Slack's three seconds. What a
//! correct bot never does ends up in [`FakeSlack::violations`], also where Slack would let it pass silently.
//!
//! The handle is cheap to clone; all clones are the same workspace. People act through `people`, tests and the
//! sandbox page look through `see`, things break through `faults`. Limits are those of <https://docs.slack.dev>.

mod api;
mod blocks;
mod faults;
mod limits;
mod payloads;
mod people;
mod rates;
mod see;
mod socket;
mod state;
mod views;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::clock::FakeClock;
use super::gate::Gate;
use state::State;

#[allow(unused_imports, reason = "each test target uses a part of the fakes")]
pub use {
    faults::{Disconnect, Fault},
    people::{Input, NotThere, Reply, Sees},
    socket::{Ack, Sent},
    state::{Call, Channel, ChannelKind, Ephemeral, File, Message, SlackUser, UserGroup, Version, View},
};

/// The workspace.
pub const TEAM: &str = "T0CONTRACT";
/// A workspace of another company, connected by Slack Connect.
pub const OTHER_TEAM: &str = "T0ELSEWHERE";
/// The app's id.
pub const APP_ID: &str = "A0BOT";
/// The bot's user id.
pub const BOT_USER: &str = "U0BOT";
/// The bot's bot id.
pub const BOT_ID: &str = "B0BOT";
/// `#contractor-access`, public, with the bot and everyone below in it.
pub const C_OPS: &str = "C0OPS";
/// `#general`, public, without the bot.
pub const C_GENERAL: &str = "C0GENERAL";
/// `#secret`, private, without the bot.
pub const C_PRIVATE: &str = "C0PRIVATE";
/// `#old-access`, with the bot, archived.
pub const C_ARCHIVED: &str = "C0ARCHIVED";
/// alice@example.com, approver.
pub const U_APPROVER: &str = "U0ALICE";
/// bob@example.com, approver.
pub const U_APPROVER2: &str = "U0BOB";
/// Admin (adam@example.com).
pub const U_ADMIN: &str = "U0ADAM";
/// A member without any rights (vera@example.com).
pub const U_VIEWER: &str = "U0VERA";
/// An ultra restricted guest (gus@example.com).
pub const U_GUEST: &str = "U0GUS";
/// Somebody of another company (sam@elsewhere.example).
pub const U_STRANGER: &str = "U0SAM";
/// A deactivated member (dora@example.com).
pub const U_DEACTIVATED: &str = "U0DORA";
/// Another app's bot.
pub const U_OTHER_BOT: &str = "U0ROBOT";
/// `@access-approvers`: alice and bob.
pub const S_APPROVERS: &str = "S0APPROVERS";

struct Shared {
    state: Mutex<State>,
    revision: watch::Sender<u64>,
    gate: Gate,
}

/// The workspace; clones are the same one.
#[derive(Clone)]
pub struct FakeSlack(Arc<Shared>);

impl FakeSlack {
    /// Serves a workspace with the default people and channels on a free port of 127.0.0.1.
    pub async fn start(gate: Gate, clock: FakeClock) -> FakeSlack {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on 127.0.0.1");
        let address: SocketAddr = listener.local_addr().expect("the listener is bound");
        let shared =
            Shared { state: Mutex::new(State::new(address, clock)), revision: watch::channel(0).0, gate };
        let slack = FakeSlack(Arc::new(shared));
        let service = api::router(slack.clone()).into_make_service_with_connect_info::<wire::Wire>();
        tokio::spawn(async move { axum::serve(wire::CuttableListener(listener), service).await });
        slack
    }

    /// Where Web API methods are, such as `http://127.0.0.1:40001/api/`.
    pub fn api_url(&self) -> String {
        self.read(|state| format!("http://{}/api/", state.address))
    }

    /// The `xoxb-` token.
    pub fn bot_token(&self) -> String {
        self.read(|state| state.bot_token.clone())
    }

    /// The `xapp-` token, good for `apps.connections.open` only.
    pub fn app_token(&self) -> String {
        self.read(|state| state.app_token.clone())
    }

    /// Fires after every change of the workspace, with a number that only grows.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.0.revision.subscribe()
    }

    fn gate(&self) -> &Gate {
        &self.0.gate
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.state.lock().expect("nothing panics while holding the workspace"))
    }

    fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.0.state.lock().expect("nothing panics while holding the workspace"));
        self.0.revision.send_modify(|revision| *revision += 1);
        result
    }
}
