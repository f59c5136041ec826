//! Breaking things on purpose: Web API answers, sockets, tokens.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::FakeSlack;
use super::socket::SocketCommand;

/// How a Web API call goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This HTTP status with an empty body; nothing happened.
    Status(u16),
    /// HTTP 200 with `ok: false` and this code; nothing happened.
    Error(String),
    /// HTTP 429 with `Retry-After` in seconds; nothing happened.
    RateLimited { retry_after: u64 },
    /// The connection breaks; nothing happened.
    DropBefore,
    /// It takes effect, and the connection breaks before the response.
    LostResponse,
    /// No answer ever; nothing happened.
    Hang,
    /// It takes effect, and the answer is HTTP 200 with a body that says nothing of it.
    Garbage,
    /// HTTP 200 with this body, whatever it is, of this type; nothing happened.
    Body(&'static str, &'static str),
    /// HTTP 429 that doesn't say for how long; nothing happened.
    TooFast,
    /// This HTTP status with a gateway's page; nothing happened.
    Html(u16),
    /// It takes effect; the answer comes whole, in small pieces, over so long.
    Drip(Duration),
    /// It takes effect; half of the answer comes, under a length that says that this is all.
    CutJson,
    /// It takes effect, and the answer comes so much later.
    Late(Duration),
}

/// Why Slack asks a socket to go: <https://docs.slack.dev/apis/events-api/using-socket-mode#disconnect>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disconnect {
    /// The socket closes in about 10 s.
    Warning,
    /// Slack wants a fresh connection.
    RefreshRequested,
    /// Socket Mode was switched off.
    LinkDisabled,
}

impl Disconnect {
    fn reason(self) -> &'static str {
        match self {
            Disconnect::Warning => "warning",
            Disconnect::RefreshRequested => "refresh_requested",
            Disconnect::LinkDisabled => "link_disabled",
        }
    }

    /// How long the old socket goes on taking acks.
    fn grace(self) -> Duration {
        match self {
            Disconnect::Warning | Disconnect::RefreshRequested => Duration::from_secs(10),
            Disconnect::LinkDisabled => Duration::from_millis(100),
        }
    }
}

/// What is to go wrong.
#[derive(Default)]
pub(super) struct Faults {
    next: BTreeMap<String, VecDeque<Fault>>,
    always: BTreeMap<String, Fault>,
    struck: Vec<Fault>,
    pub hang_handshakes: usize,
    pub too_many_sockets: usize,
    pub refuse_sockets: bool,
}

impl Faults {
    pub fn take(&mut self, method: &str) -> Option<Fault> {
        let mut next = |name| self.next.get_mut(name).and_then(VecDeque::pop_front);
        let fault = next(method)
            .or_else(|| next("*"))
            .or_else(|| self.always.get(method).or_else(|| self.always.get("*")).cloned());
        self.struck.extend(fault.clone());
        fault
    }
}

impl FakeSlack {
    /// The next call of `method` (or of any, `*`) goes wrong; several wait in line. The method of a response URL is
    /// `response_url`.
    pub fn fail_next(&self, method: &str, fault: Fault) {
        self.write(|state| state.faults.next.entry(method.to_owned()).or_default().push_back(fault));
    }

    /// How many calls are still to go wrong.
    pub fn waiting_faults(&self) -> usize {
        self.read(|state| state.faults.next.values().map(VecDeque::len).sum())
    }

    /// Every call of `method` (or of all, `*`) goes wrong until [`FakeSlack::clear_faults`].
    pub fn fail_always(&self, method: &str, fault: Fault) {
        self.write(|state| state.faults.always.insert(method.to_owned(), fault));
    }

    /// Nothing goes wrong any more; calls that hang keep hanging.
    pub fn clear_faults(&self) {
        self.write(|state| {
            let struck = std::mem::take(&mut state.faults.struck);
            state.faults = Faults { struck, ..Faults::default() };
        });
    }

    /// The faults that met a call, in that order.
    pub fn faults_struck(&self) -> Vec<Fault> {
        self.read(|state| state.faults.struck.clone())
    }

    /// Breaks all sockets with a TCP reset.
    pub fn drop_sockets(&self) {
        self.command_sockets(|| SocketCommand::Drop);
    }

    /// Closes all sockets with a close frame.
    pub fn close_sockets(&self) {
        self.command_sockets(|| SocketCommand::Close);
    }

    /// Asks all sockets to go. Each goes on taking acks for its grace time, gets new payloads only when there
    /// is no other socket, and is closed at the end.
    pub fn send_disconnect(&self, why: Disconnect) {
        self.write(|state| state.sockets.iter_mut().for_each(|socket| socket.draining = true));
        self.command_sockets(|| SocketCommand::Disconnect { reason: why.reason(), grace: why.grace() });
    }

    /// All sockets that are open now go half-open: nothing is read or answered on them any more, and payloads
    /// sent to them are lost. A socket opened later gets all payloads.
    pub fn freeze_sockets(&self) {
        self.write(|state| state.sockets.iter_mut().for_each(|socket| socket.frozen = true));
        self.command_sockets(|| SocketCommand::Freeze);
    }

    /// The next WebSocket handshake is never answered.
    pub fn hang_next_handshake(&self) {
        self.write(|state| state.faults.hang_handshakes += 1);
    }

    /// The next sockets are greeted and sent away at once with `too_many_websockets`.
    pub fn too_many_sockets(&self, times: usize) {
        self.write(|state| state.faults.too_many_sockets += times);
    }

    /// WebSocket handshakes are answered with 503 until [`FakeSlack::clear_faults`].
    pub fn refuse_sockets(&self) {
        self.write(|state| state.faults.refuse_sockets = true);
    }

    /// The app-level token is another one from now on, of this app, whatever the bot token is of.
    pub fn app_token_is_of(&self, app: &str) {
        self.write(|state| {
            app.clone_into(&mut state.socket_app);
            state.app_token = format!("xapp-1-{app}-300-fakefakefakefake");
        });
    }

    /// Sockets are offered at another place, such as `wss://sockets.acme.test`: somebody there passes them on.
    pub fn offer_sockets_at(&self, origin: &str) {
        self.write(|state| origin.clone_into(&mut state.socket_origin));
    }

    /// Both tokens stop working (`token_revoked`), and all sockets are closed.
    pub fn revoke_tokens(&self) {
        self.write(|state| state.revoked = true);
        self.close_sockets();
    }

    /// The tokens work again, as after a reinstallation with the old ones put back.
    pub fn restore_tokens(&self) {
        self.write(|state| state.revoked = false);
    }

    /// An admin of the workspace deletes a message.
    pub fn delete_message(&self, ts: &str) {
        self.write(|state| {
            let message = state.messages.iter_mut().find(|message| message.ts == ts);
            message.expect("a message to delete").deleted = true;
        });
    }

    /// Socket Mode is switched off: open sockets are told `link_disabled`, new ones refused with the same code.
    pub fn disable_socket_mode(&self) {
        self.write(|state| state.socket_mode = false);
        self.send_disconnect(Disconnect::LinkDisabled);
    }

    /// Socket Mode is switched on again.
    pub fn enable_socket_mode(&self) {
        self.write(|state| state.socket_mode = true);
    }

    /// Makes these the bot token's scopes.
    pub fn set_scopes(&self, scopes: &[&str]) {
        self.write(|state| state.scopes = scopes.iter().map(|&scope| scope.to_owned()).collect());
    }

    /// No page of any listing holds more than this, whatever `limit` says.
    pub fn page_at_most(&self, count: usize) {
        self.write(|state| state.page_cap = count.max(1));
    }

    /// Each picture uploaded from now on is refused this often before it can be shown: Slack is still processing it.
    pub fn delay_pictures(&self, looks: usize) {
        self.write(|state| state.picture_delay = looks);
    }

    fn command_sockets(&self, command: impl Fn() -> SocketCommand) {
        self.write(|state| state.sockets.iter().for_each(|socket| socket.send(command())));
    }
}
