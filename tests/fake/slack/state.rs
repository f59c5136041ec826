//! What the workspace holds, and the few rules that every part of it shares: ids, timestamps, membership.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::clock::FakeClock;
use super::faults::Faults;
use super::rates::Rates;
use super::socket::{Envelope, Socket};
use super::{
    APP_ID, BOT_ID, BOT_USER, C_ARCHIVED, C_GENERAL, C_OPS, C_PRIVATE, OTHER_TEAM, S_APPROVERS, TEAM,
    U_ADMIN, U_APPROVER, U_APPROVER2, U_DEACTIVATED, U_GUEST, U_OTHER_BOT, U_STRANGER, U_VIEWER,
};

/// How long a trigger id may be used: <https://docs.slack.dev/interactivity/handling-user-interaction>.
pub const TRIGGER_LIFETIME: Duration = Duration::from_secs(3);
/// How long a response URL may be used, and how often.
pub const RESPONSE_URL_MINUTES: i64 = 30;
/// See [`RESPONSE_URL_MINUTES`].
pub const RESPONSE_URL_USES: u8 = 5;

/// One person, or bot, of the workspace or of a connected one.
#[derive(Clone, Debug, Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "Slack's user object has these flags")]
pub struct SlackUser {
    pub id: String,
    pub name: String,
    pub email: Option<String>,
    pub team_id: String,
    /// The id in the organisation, if the workspace is of one.
    pub enterprise_user: Option<String>,
    pub tz: String,
    pub deleted: bool,
    pub is_bot: bool,
    pub is_admin: bool,
    pub is_restricted: bool,
    pub is_ultra_restricted: bool,
    pub is_stranger: bool,
}

impl SlackUser {
    /// A full member in UTC.
    pub fn new(id: &str, name: &str, email: &str) -> SlackUser {
        SlackUser {
            id: id.to_owned(),
            name: name.to_owned(),
            email: Some(email.to_owned()),
            team_id: TEAM.to_owned(),
            enterprise_user: None,
            tz: "Etc/UTC".to_owned(),
            deleted: false,
            is_bot: false,
            is_admin: false,
            is_restricted: false,
            is_ultra_restricted: false,
            is_stranger: false,
        }
    }

    /// A single-channel guest.
    #[must_use]
    pub fn guest(self) -> SlackUser {
        SlackUser { is_restricted: true, is_ultra_restricted: true, ..self }
    }

    /// With this id in the organisation that the workspace is of.
    #[must_use]
    pub fn in_organisation_as(self, id: &str) -> SlackUser {
        SlackUser { enterprise_user: Some(id.to_owned()), ..self }
    }

    /// A person of another company.
    #[must_use]
    pub fn denied(self) -> SlackUser {
        SlackUser { is_stranger: true, team_id: OTHER_TEAM.to_owned(), ..self }
    }

    /// Of another workspace, without the mark `is_stranger`.
    #[must_use]
    pub fn other_team(self) -> SlackUser {
        SlackUser { team_id: OTHER_TEAM.to_owned(), ..self }
    }

    /// A bot user.
    #[must_use]
    pub fn bot(self) -> SlackUser {
        SlackUser { is_bot: true, email: None, ..self }
    }

    /// A deactivated account.
    #[must_use]
    pub fn deactivated(self) -> SlackUser {
        SlackUser { deleted: true, ..self }
    }

    /// In this IANA time zone.
    #[must_use]
    pub fn tz(self, tz: &str) -> SlackUser {
        SlackUser { tz: tz.to_owned(), ..self }
    }
}

/// Public, private, or the direct messages with one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum ChannelKind {
    Public,
    Private,
    Direct { user: String },
}

/// One conversation.
#[derive(Clone, Debug, Serialize)]
pub struct Channel {
    pub id: String,
    pub name: String,
    pub kind: ChannelKind,
    pub archived: bool,
    /// In the order of joining.
    pub members: Vec<String>,
}

impl Channel {
    pub fn new(id: &str, name: &str, kind: ChannelKind, members: &[&str]) -> Channel {
        let members = members.iter().map(|&id| id.to_owned()).collect();
        Channel { id: id.to_owned(), name: name.to_owned(), kind, archived: false, members }
    }

    pub(super) fn has(&self, user: &str) -> bool {
        self.members.iter().any(|member| member == user)
    }
}

/// A user group.
#[derive(Clone, Debug, Serialize)]
pub struct UserGroup {
    pub id: String,
    pub handle: String,
    pub users: Vec<String>,
}

/// How a message looked from `ts` on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Version {
    pub ts: String,
    pub text: String,
    pub blocks: Vec<Value>,
    pub metadata: Option<Value>,
}

/// A message or thread reply with all its versions, the current one last.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    pub channel: String,
    pub ts: String,
    /// Who posted it.
    pub user: String,
    pub thread_ts: Option<String>,
    pub reply_broadcast: bool,
    pub deleted: bool,
    /// The ids of the files that it carries.
    pub files: Vec<String>,
    pub versions: Vec<Version>,
}

/// A file on its way, or uploaded.
#[derive(Clone, Debug, Serialize)]
pub struct File {
    pub id: String,
    pub name: String,
    pub title: String,
    pub alt: Option<String>,
    /// As announced.
    pub length: usize,
    #[serde(skip)]
    pub bytes: Option<Vec<u8>>,
    /// The upload was completed; before that nobody sees the file.
    pub complete: bool,
    /// Where it was shared.
    pub channel: Option<String>,
    /// How often it is still refused as a picture, being processed.
    #[serde(skip)]
    pub(super) looks_too_early: usize,
    #[serde(skip)]
    pub(super) ticket: String,
}

/// A message that only one person sees, once.
#[derive(Clone, Debug, Serialize)]
pub struct Ephemeral {
    pub channel: String,
    pub user: String,
    pub ts: String,
    pub thread_ts: Option<String>,
    pub text: String,
    pub blocks: Vec<Value>,
}

/// An open modal, or a home tab.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    pub id: String,
    pub user: String,
    pub hash: String,
    pub root_id: String,
    pub previous_id: Option<String>,
    /// As the bot sent it, with the ids that Slack fills in.
    pub json: Value,
    /// `{block_id: {action_id: value}}` as the person left it.
    pub state: Value,
    /// By block id, from the last refused submission.
    pub errors: BTreeMap<String, String>,
}

/// One Web API call as it arrived.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    pub method: String,
    pub args: Value,
    /// `ok`, or Slack's error code.
    pub answer: String,
}

pub(super) struct Trigger {
    pub user: String,
    pub issued: Instant,
    pub used: bool,
    /// The modal that the click was in.
    pub view: Option<String>,
}

pub(super) struct ResponseUrl {
    pub user: String,
    pub channel: String,
    /// The message whose button was clicked.
    pub origin: Option<String>,
    pub uses: u8,
    pub expires: DateTime<Utc>,
}

/// Everything; only `FakeSlack::read` and `write` reach it.
pub(super) struct State {
    pub address: SocketAddr,
    pub clock: FakeClock,
    pub bot_token: String,
    pub app_token: String,
    /// The app that the app-level token is of.
    pub socket_app: String,
    /// Where sockets are offered, such as `wss://sockets.acme.test`.
    pub socket_origin: String,
    pub scopes: BTreeSet<String>,
    pub revoked: bool,
    pub socket_mode: bool,
    pub people: BTreeMap<String, SlackUser>,
    pub groups: Vec<UserGroup>,
    pub channels: BTreeMap<String, Channel>,
    pub messages: Vec<Message>,
    pub ephemerals: Vec<Ephemeral>,
    /// By user, the top one last.
    pub modals: BTreeMap<String, Vec<View>>,
    pub homes: BTreeMap<String, View>,
    pub triggers: BTreeMap<String, Trigger>,
    pub response_urls: BTreeMap<String, ResponseUrl>,
    pub files: Vec<File>,
    /// How often each new picture is refused before it can be shown.
    pub picture_delay: usize,
    pub tickets: BTreeSet<String>,
    pub sockets: Vec<Socket>,
    pub connections_opened: usize,
    pub envelopes: Vec<Envelope>,
    pub faults: Faults,
    pub rates: Rates,
    pub violations: Vec<String>,
    /// Whether acks and dialogs of a slow machine are waited for beyond Slack's three seconds.
    pub waits_for_slow: bool,
    pub calls: Vec<Call>,
    /// The most that one page of any listing holds, whatever `limit` says.
    pub page_cap: usize,
    last_ts: i64,
    last_id: u64,
}

impl State {
    pub fn new(address: SocketAddr, clock: FakeClock) -> State {
        let mut state = State {
            address,
            clock,
            bot_token: "xoxb-100-200-fakefakefakefake".to_owned(),
            app_token: "xapp-1-A0BOT-300-fakefakefakefake".to_owned(),
            socket_app: APP_ID.to_owned(),
            socket_origin: format!("ws://{address}"),
            scopes: default_scopes(),
            revoked: false,
            socket_mode: true,
            people: BTreeMap::new(),
            groups: Vec::new(),
            channels: BTreeMap::new(),
            messages: Vec::new(),
            ephemerals: Vec::new(),
            modals: BTreeMap::new(),
            homes: BTreeMap::new(),
            triggers: BTreeMap::new(),
            response_urls: BTreeMap::new(),
            files: Vec::new(),
            picture_delay: 0,
            tickets: BTreeSet::new(),
            sockets: Vec::new(),
            connections_opened: 0,
            envelopes: Vec::new(),
            faults: Faults::default(),
            rates: Rates::default(),
            violations: Vec::new(),
            waits_for_slow: false,
            calls: Vec::new(),
            page_cap: 200,
            last_ts: 0,
            last_id: 0,
        };
        state.seed();
        state
    }

    fn seed(&mut self) {
        for user in default_people() {
            self.people.insert(user.id.clone(), user);
        }
        let everyone =
            [BOT_USER, U_APPROVER, U_APPROVER2, U_ADMIN, U_VIEWER, U_GUEST, U_STRANGER, U_DEACTIVATED];
        let mut archived = Channel::new(C_ARCHIVED, "old-access", ChannelKind::Public, &everyone);
        archived.archived = true;
        let channels = [
            Channel::new(C_OPS, "contractor-access", ChannelKind::Public, &everyone),
            Channel::new(C_GENERAL, "general", ChannelKind::Public, &everyone[1..]),
            Channel::new(C_PRIVATE, "secret", ChannelKind::Private, &[U_ADMIN]),
            archived,
        ];
        self.channels.extend(channels.into_iter().map(|channel| (channel.id.clone(), channel)));
        let users = vec![U_APPROVER.to_owned(), U_APPROVER2.to_owned()];
        self.groups.push(UserGroup {
            id: S_APPROVERS.to_owned(),
            handle: "access-approvers".to_owned(),
            users,
        });
    }

    /// A new id that was never used before.
    pub fn mint(&mut self, prefix: &str) -> String {
        self.last_id += 1;
        format!("{prefix}{:08}", self.last_id)
    }

    /// The next message timestamp: the clock's, and later than every one before.
    pub fn next_ts(&mut self) -> String {
        self.last_ts = self.clock.now().timestamp_micros().max(self.last_ts + 1);
        format!("{}.{:06}", self.last_ts / 1_000_000, self.last_ts % 1_000_000)
    }

    pub fn message(&self, channel: &str, ts: &str) -> Option<&Message> {
        self.messages
            .iter()
            .find(|message| !message.deleted && message.channel == channel && message.ts == ts)
    }

    pub fn message_mut(&mut self, channel: &str, ts: &str) -> Option<&mut Message> {
        self.messages
            .iter_mut()
            .find(|message| !message.deleted && message.channel == channel && message.ts == ts)
    }

    /// The direct messages of the bot with `user`, opened if need be.
    pub fn direct_channel(&mut self, user: &str) -> String {
        let open = self
            .channels
            .values()
            .find(|channel| matches!(&channel.kind, ChannelKind::Direct { user: with } if with == user));
        if let Some(channel) = open {
            return channel.id.clone();
        }
        let id = self.mint("D");
        let kind = ChannelKind::Direct { user: user.to_owned() };
        self.channels.insert(id.clone(), Channel::new(&id, "directmessage", kind, &[BOT_USER, user]));
        id
    }

    pub fn new_trigger(&mut self, user: &str, view: Option<&str>) -> String {
        let id = self.mint("100.200.");
        let trigger = Trigger {
            user: user.to_owned(),
            issued: Instant::now(),
            used: false,
            view: view.map(str::to_owned),
        };
        self.triggers.insert(id.clone(), trigger);
        id
    }

    pub fn new_response_url(&mut self, user: &str, channel: &str, origin: Option<&str>) -> String {
        let id = self.mint("R");
        let url = format!("http://{}/actions/{TEAM}/{id}", self.address);
        let response_url = ResponseUrl {
            user: user.to_owned(),
            channel: channel.to_owned(),
            origin: origin.map(str::to_owned),
            uses: 0,
            expires: self.clock.now() + chrono::Duration::minutes(RESPONSE_URL_MINUTES),
        };
        self.response_urls.insert(id, response_url);
        url
    }

    pub fn post(
        &mut self,
        channel: &str,
        user: &str,
        thread_ts: Option<String>,
        content: Content,
    ) -> &Message {
        let ts = self.next_ts();
        let Content { text, blocks, metadata } = content;
        let version = Version { ts: ts.clone(), text, blocks, metadata };
        self.messages.push(Message {
            channel: channel.to_owned(),
            ts,
            user: user.to_owned(),
            thread_ts,
            reply_broadcast: false,
            deleted: false,
            files: Vec::new(),
            versions: vec![version],
        });
        self.messages.last().expect("just pushed")
    }

    pub fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }
}

/// What a message says.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub text: String,
    pub blocks: Vec<Value>,
    pub metadata: Option<Value>,
}

impl Message {
    /// As it is now.
    pub fn current(&self) -> &Version {
        self.versions.last().expect("a message is posted with its first version")
    }

    /// As Slack's API and payloads show it.
    pub(super) fn to_json(&self, all: &[Message], with_metadata: bool) -> Value {
        let version = self.current();
        let mut json = json!({
            "type": "message", "user": self.user, "ts": self.ts, "team": TEAM, "text": version.text,
        });
        if self.user == BOT_USER {
            json["bot_id"] = json!(BOT_ID);
            json["app_id"] = json!(APP_ID);
            json["bot_profile"] = json!({
                "id": BOT_ID, "app_id": APP_ID, "user_id": BOT_USER, "name": "Inactive contractors",
                "deleted": false, "updated": 1_700_000_000, "team_id": TEAM,
            });
        }
        if !version.blocks.is_empty() {
            json["blocks"] = json!(version.blocks);
        }
        if !self.files.is_empty() {
            json["files"] = self.files.iter().map(|id| json!({"id": id})).collect();
        }
        if let (true, Some(metadata)) = (with_metadata, &version.metadata) {
            json["metadata"] = metadata.clone();
        }
        if self.versions.len() > 1 && version.blocks.is_empty() {
            json["edited"] = json!({"user": self.user, "ts": version.ts});
        }
        self.add_thread(&mut json, all);
        json
    }

    fn add_thread(&self, json: &mut Value, all: &[Message]) {
        if let Some(thread_ts) = &self.thread_ts {
            json["thread_ts"] = json!(thread_ts);
            return;
        }
        let replies: Vec<&Message> = all
            .iter()
            .filter(|reply| {
                !reply.deleted && reply.channel == self.channel && reply.thread_ts.as_ref() == Some(&self.ts)
            })
            .collect();
        if let Some(latest) = replies.last() {
            let users: BTreeSet<&str> = replies.iter().map(|reply| reply.user.as_str()).collect();
            json["thread_ts"] = json!(self.ts);
            json["reply_count"] = json!(replies.len());
            json["reply_users_count"] = json!(users.len());
            json["reply_users"] = json!(users);
            json["latest_reply"] = json!(latest.ts);
            json["subscribed"] = json!(false);
        }
    }
}

impl View {
    /// As Slack's API and payloads show it.
    pub(super) fn to_json(&self) -> Value {
        let mut json = self.json.clone();
        let fields = json!({
            "id": self.id, "team_id": TEAM, "hash": self.hash, "state": {"values": self.state},
            "root_view_id": self.root_id, "previous_view_id": self.previous_id, "app_id": APP_ID,
            "app_installed_team_id": TEAM, "bot_id": BOT_ID,
        });
        for (key, value) in fields.as_object().expect("an object literal") {
            json[key] = value.clone();
        }
        for key in ["private_metadata", "callback_id", "external_id"] {
            if json.get(key).is_none_or(Value::is_null) {
                json[key] = json!("");
            }
        }
        json
    }
}

fn default_scopes() -> BTreeSet<String> {
    let scopes = "commands chat:write users:read users:read.email channels:read groups:read channels:history \
                  groups:history im:write im:history usergroups:read files:write";
    scopes.split_whitespace().map(str::to_owned).collect()
}

fn default_people() -> Vec<SlackUser> {
    let mut adam = SlackUser::new(U_ADMIN, "Adam Admin", "adam@example.com");
    adam.is_admin = true;
    vec![
        SlackUser::new(BOT_USER, "Inactive contractors", "").bot(),
        SlackUser::new(U_APPROVER, "Alice Approver", "alice@example.com").tz("Europe/Berlin"),
        SlackUser::new(U_APPROVER2, "Bob Approver", "bob@example.com").tz("America/New_York"),
        adam,
        SlackUser::new(U_VIEWER, "Vera Viewer", "vera@example.com"),
        SlackUser::new(U_GUEST, "Gus Guest", "gus@example.com").guest(),
        SlackUser::new(U_STRANGER, "Sam Stranger", "sam@elsewhere.example").denied(),
        SlackUser::new(U_DEACTIVATED, "Dora Departed", "dora@example.com").deactivated(),
        SlackUser::new(U_OTHER_BOT, "Other Robot", "").bot(),
    ]
}
