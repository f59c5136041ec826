//! The Slack adapter: the chat port over Slack's Web API and Socket Mode.
//!
//! What it promises:
//! - Nothing that came from a directory or a person can ping, link or format anything (`text`, `escape`).
//! - Every message fits Slack's limits (`render`).
//! - Every step has a bound in time (`connector`, `socket`), and every error is sorted once (`errors`).
//! - An input is acknowledged when its handler has returned, never before; one that is delivered twice is handled once.
//! - A token that is refused ends [`Slack::run`] instead of being tried for ever; everything else heals by itself.
//! - Tokens, reply addresses, socket addresses and frames are in no error, log line or Debug text.
//!
//! slack-morphism gives the client core, the request types, Block Kit and the payload types. The transport is our own:
//! the crate's waits without bound, reads one frame at a time and tries a revoked token for ever without an error.

mod api;
mod check;
mod connector;
mod errors;
mod escape;
mod files;
#[doc(hidden)]
pub mod fuzzing;
mod inbound;
mod limits;
mod marks;
mod metadata;
mod render;
mod reply;
mod settings;
mod socket;
mod text;
mod typed;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::chat::{
    AnswerTime, Card, Chat, ChatError, ChatTerms, ChatUser, Connection, FileRef, Handler, Home, Mark, Marked,
    MessageRef, ReplyTo, Room, ShareIn, Upload,
};
use crate::clock::Clock;

pub use check::{Probe, REQUIRED_SCOPES, Scope};
pub use render::ROOM;
pub use settings::{Settings, Timing};
pub use socket::Traffic;
pub use text::NAME;

use api::Api;
use socket::{Socket, Watched};

/// <https://docs.slack.dev/interactivity/handling-user-interaction#acknowledgment_response>
const ANSWER_TIME: AnswerTime = AnswerTime(Duration::from_secs(3));

/// A Slack workspace in which the bot is installed. Clones share everything.
#[derive(Clone)]
pub struct Slack {
    api: Arc<Api>,
    clock: Clock,
    timing: Timing,
    watched: Watched,
}

impl Slack {
    /// Checks the settings and the bot token, and learns who and where we are. Opens no socket yet.
    pub async fn connect(settings: Settings, clock: Clock) -> Result<Slack, ChatError> {
        Slack::connect_with(settings, Timing::default(), clock).await
    }

    /// As [`Slack::connect`], with other bounds in time.
    pub async fn connect_with(settings: Settings, timing: Timing, clock: Clock) -> Result<Slack, ChatError> {
        let api = Arc::new(Api::connect(&settings, &timing, clock.clone()).await?);
        Ok(Slack { api, clock, timing, watched: Watched::default() })
    }

    /// Keeps a socket open and gives what arrives to `handler`, until `shutdown`.
    ///
    /// # Errors
    /// [`ChatError::Denied`] if Slack refuses a token for good or Socket Mode is switched off, at start or later: that
    /// doesn't heal. Everything else is tried again.
    pub async fn run(&self, handler: Arc<dyn Handler>, shutdown: CancellationToken) -> Result<(), ChatError> {
        let socket = self.socket();
        // The socket lives on the app-level token: it would not notice that the bot token is gone.
        let stop = shutdown.child_token();
        let connector = &self.api.client.http_api.connector;
        let socket = async {
            let _end = stop.clone().drop_guard();
            socket::run(socket, handler, stop.clone()).await
        };
        let token = async {
            tokio::select! {
                biased;
                code = connector.dead_token() => {
                    stop.cancel();
                    Err(errors::dead_token(&code))
                }
                () = stop.cancelled() => Ok(()),
            }
        };
        let (socket, token) = tokio::join!(socket, token);
        socket.and(token)
    }

    fn socket(&self) -> Socket {
        Socket {
            api: Arc::clone(&self.api),
            clock: self.clock.clone(),
            timing: self.timing.clone(),
            watched: self.watched.clone(),
        }
    }

    /// Whether Slack takes the app-level token, and lets it open a socket. Opens none.
    pub async fn may_connect(&self) -> Result<(), ChatError> {
        self.api.socket_url().await.map(drop)
    }

    /// Opens a socket up to Slack's hello and closes it: how many connections to the app Slack counts, this one included;
    /// `None` if it doesn't say. An input that arrives at that moment may be lost, so this is for when no bot of ours runs
    /// with these tokens.
    pub async fn try_socket(&self) -> Result<Option<u64>, ChatError> {
        socket::try_once(&self.socket()).await.opened
    }

    /// The state of the socket.
    pub fn connection(&self) -> watch::Receiver<Connection> {
        self.watched.connection()
    }

    /// What went to and fro since the start.
    pub fn traffic(&self) -> Traffic {
        self.watched.traffic()
    }

    /// The bot's own user id.
    pub fn user_id(&self) -> &str {
        &self.api.me.user_id
    }

    /// The workspace's name and id.
    pub fn team(&self) -> (&str, &str) {
        (&self.api.me.team, &self.api.me.team_id)
    }
}

impl std::fmt::Debug for Slack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slack")
            .field("me", &self.api.me)
            .field("command", &self.api.workspace.terms.command)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Chat for Slack {
    fn terms(&self) -> &ChatTerms {
        &self.api.workspace.terms
    }

    fn room(&self) -> Room {
        ROOM
    }

    fn answer_time(&self) -> AnswerTime {
        ANSWER_TIME
    }

    async fn post(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        mark: &Mark,
        card: &Card,
    ) -> Result<MessageRef, ChatError> {
        self.api.post(channel, thread, mark, card).await
    }

    async fn find(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        mark: &Mark,
        since: DateTime<Utc>,
    ) -> Result<Option<MessageRef>, ChatError> {
        self.api.find(channel, thread, mark, since).await
    }

    async fn update(&self, message: &MessageRef, mark: &Mark, card: &Card) -> Result<(), ChatError> {
        self.api.update(message, mark, card).await
    }

    async fn marks(&self, channel: &str, since: Option<DateTime<Utc>>) -> Result<Vec<Marked>, ChatError> {
        self.api.marks(channel, since).await
    }

    async fn send_ephemeral(&self, to: &ReplyTo, card: &Card) -> Result<(), ChatError> {
        self.api.send_ephemeral(to, card).await
    }

    async fn revise(&self, to: &ReplyTo, card: &Card) -> Result<(), ChatError> {
        self.api.revise(to, card).await
    }

    async fn open_direct(&self, user: &str) -> Result<String, ChatError> {
        self.api.open_direct(user).await
    }

    async fn upload(&self, file: &Upload, share: Option<&ShareIn>) -> Result<FileRef, ChatError> {
        self.api.upload(file, share).await
    }

    async fn publish_home(&self, user: &str, home: &Home) -> Result<(), ChatError> {
        self.api.publish_home(user, home).await
    }

    async fn find_user(&self, email: &str) -> Result<Option<ChatUser>, ChatError> {
        self.api.find_user(email).await
    }

    async fn user(&self, id: &str) -> Result<ChatUser, ChatError> {
        self.api.user(id).await
    }

    async fn group_members(&self, group: &str) -> Result<Vec<String>, ChatError> {
        self.api.group_members(group).await
    }

    async fn channel_members(&self, channel: &str) -> Result<Vec<String>, ChatError> {
        self.api.channel_members(channel).await
    }

    fn other_connections(&self) -> u64 {
        self.watched.others()
    }
}
