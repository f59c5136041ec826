//! The Web API calls that the port is made of, through slack-morphism's sessions.
//!
//! Requests are the crate's types. Answers are, where reading too much of them would do harm: a message that was posted
//! must not count as lost because a block in its echo has a new shape. Those answers are read as the few fields needed.

use chrono::{DateTime, Duration, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use slack_morphism::prelude::{
    SlackApiAppsConnectionOpenRequest, SlackApiChatPostMessageRequest, SlackApiChatUpdateRequest,
    SlackApiConversationsMembersRequest, SlackApiUserGroupsUsersListRequest, SlackApiViewsOpenRequest,
    SlackApiViewsPublishRequest, SlackApiViewsPushRequest, SlackApiViewsUpdateRequest, SlackMessageContent,
    SlackMessageMetadata, SlackUserFlags,
};
use slack_morphism::{ClientResult, SlackApiToken, SlackClient, SlackClientSession};
use url::Url;

use crate::chat::{Card, ChatError, ChatUser, Home, MessageRef, Modal, ViewRef};

use super::connector::Connector;
use super::errors::Call;
use super::render;
use super::settings::{Settings, Timing, is_trustworthy};

/// Marks our messages, so that one whose reply was lost can be found again.
const EVENT_TYPE: &str = "inactive_contractors";

/// Slack advises at most 200 for members; 100 messages with full blocks stay below the connector's bound.
const PAGE: u16 = 100;

/// 20 pages are 2000 messages since the post, or 2000 members.
const PAGES_MAX: usize = 20;

/// How far our clock may be ahead of Slack's without a message of ours being overlooked.
const CLOCK_SKEW: Duration = Duration::minutes(5);

/// Who the bot is, as `auth.test` says.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) user_id: String,
    pub(super) bot_id: Option<String>,
    pub(super) team_id: String,
    pub(super) team: String,
    pub(super) team_url: Url,
}

/// The calls. Its Debug shows no token.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) client: SlackClient<Connector>,
    /// For what has to work right after an outage.
    sockets: SlackClient<Connector>,
    pub(super) bot: SlackApiToken,
    pub(super) app: SlackApiToken,
    pub(super) me: Identity,
    /// Before an answer to one person is tried once more; it doubles.
    pub(super) pause: std::time::Duration,
}

/// An answer of which only the fact matters.
#[derive(Deserialize)]
pub(super) struct Accepted {}

#[derive(Deserialize)]
struct Posted {
    channel: String,
    ts: String,
}

/// An answer without messages is none: what is not found is posted again.
#[derive(Deserialize)]
struct Page {
    messages: Vec<Found>,
    response_metadata: Option<Cursor>,
}

#[derive(Deserialize)]
struct Cursor {
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    ts: String,
    user: Option<String>,
    bot_id: Option<String>,
    /// Any value: other apps may put anything there.
    #[serde(default)]
    metadata: Value,
}

#[derive(Deserialize)]
struct Direct {
    channel: DirectChannel,
}

#[derive(Deserialize)]
struct DirectChannel {
    id: String,
}

#[derive(Deserialize)]
struct UserInfo {
    user: User,
}

#[derive(Deserialize)]
struct User {
    id: String,
    team_id: Option<String>,
    name: Option<String>,
    real_name: Option<String>,
    deleted: Option<bool>,
    is_email_confirmed: Option<bool>,
    #[serde(flatten)]
    flags: SlackUserFlags,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    display_name: Option<String>,
    real_name: Option<String>,
    email: Option<String>,
}

impl User {
    /// What has to be known of somebody before they count as a full member.
    fn lacks(&self) -> Option<&'static str> {
        let flags = &self.flags;
        let needed = [
            (self.deleted, "whether the account is deactivated"),
            (flags.is_bot, "whether it is a bot"),
            (flags.is_restricted, "whether it is a guest"),
            (flags.is_ultra_restricted, "whether it is a guest of one channel"),
        ];
        needed.into_iter().find(|(flag, _)| flag.is_none()).map(|(_, what)| what)
    }
}

impl Api {
    /// Makes the client and asks Slack who we are.
    pub(super) async fn connect(settings: &Settings, timing: &Timing) -> Result<Api, ChatError> {
        settings.check().map_err(ChatError::Denied)?;
        // Without a process-wide provider the first TLS handshake panics; one that is already there is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let connector = Connector::new(settings, timing).map_err(|_| {
            ChatError::Unavailable("this machine has no usable TLS set-up (CA certificates)".to_owned())
        })?;
        let sockets = SlackClient::new(connector.without_pool());
        let client = SlackClient::new(connector);
        let bot = SlackApiToken::new(settings.bot_token.expose_secret().into());
        let app = SlackApiToken::new(settings.app_token.expose_secret().into());
        let who = client.open_session(&bot).auth_test().await.map_err(|error| Call::Read.failed(&error))?;
        let me = Identity {
            user_id: who.user_id.0,
            bot_id: who.bot_id.map(|id| id.0),
            team_id: who.team_id.0,
            team: who.team,
            team_url: who.url.0,
        };
        Ok(Api { client, sockets, bot, app, me, pause: timing.backoff_first })
    }

    fn session(&self) -> SlackClientSession<'_, Connector> {
        self.client.open_session(&self.bot)
    }

    pub(super) async fn write<RQ: Serialize + Send + Sync, RS: for<'de> Deserialize<'de> + Send>(
        &self,
        method: &str,
        request: &RQ,
    ) -> Result<RS, ChatError> {
        let answer: ClientResult<RS> = self.session().http_session_api.http_post(method, request, None).await;
        answer.map_err(|error| Call::Write.failed(&error))
    }

    pub(super) async fn read<RS: for<'de> Deserialize<'de> + Send>(
        &self,
        method: &str,
        params: &Vec<(&str, Option<String>)>,
    ) -> Result<RS, ChatError> {
        let answer: ClientResult<RS> = self.session().http_session_api.http_get(method, params, None).await;
        answer.map_err(|error| Call::Read.failed(&error))
    }

    /// The address of a new socket: a secret that works once.
    pub(super) async fn socket_url(&self) -> Result<Url, ChatError> {
        let session = self.sockets.open_session(&self.app);
        let answer = session.apps_connections_open(&SlackApiAppsConnectionOpenRequest::new()).await;
        let url = answer.map_err(|error| Call::Read.failed(&error))?.url.0;
        if is_trustworthy(&url) {
            return Ok(url);
        }
        Err(ChatError::Unavailable("Slack offered a socket that is not encrypted".to_owned()))
    }

    pub(super) async fn post(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        key: &str,
        card: &Card,
    ) -> Result<MessageRef, ChatError> {
        let content = self.content(card).with_metadata(mark(key));
        let mut request = SlackApiChatPostMessageRequest::new(channel.into(), content)
            .with_unfurl_links(false)
            .with_unfurl_media(false)
            .with_link_names(false)
            .with_parse("none".to_owned());
        request.thread_ts = thread.map(|message| message.id.as_str().into());
        let posted: Posted = self.write("chat.postMessage", &request).await?;
        Ok(MessageRef { channel: posted.channel, id: posted.ts })
    }

    /// Metadata stays as it was: a `chat.update` without it leaves it alone.
    /// <https://docs.slack.dev/reference/methods/chat.update>
    pub(super) async fn update(&self, message: &MessageRef, card: &Card) -> Result<(), ChatError> {
        let (channel, ts) = (message.channel.as_str().into(), message.id.as_str().into());
        let request = SlackApiChatUpdateRequest::new(channel, self.content(card), ts)
            .with_link_names(false)
            .with_parse("none".to_owned());
        self.write::<_, Accepted>("chat.update", &request).await.map(|_| ())
    }

    pub(super) async fn find(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        key: &str,
        since: DateTime<Utc>,
    ) -> Result<Option<MessageRef>, ChatError> {
        let method = if thread.is_some() { "conversations.replies" } else { "conversations.history" };
        let oldest = (since - CLOCK_SKEW).timestamp();
        let mut cursor = None;
        for _ in 0..PAGES_MAX {
            let params = vec![
                ("channel", Some(channel.to_owned())),
                ("ts", thread.map(|message| message.id.clone())),
                ("oldest", Some(format!("{oldest}.000000"))),
                ("inclusive", Some("true".to_owned())),
                ("include_all_metadata", Some("true".to_owned())),
                ("limit", Some(PAGE.to_string())),
                ("cursor", cursor),
            ];
            let page: Page = self.read(method, &params).await?;
            if let Some(found) = page.messages.into_iter().find(|message| self.is_marked(message, key)) {
                return Ok(Some(MessageRef { channel: channel.to_owned(), id: found.ts }));
            }
            cursor = page.response_metadata.and_then(|meta| meta.next_cursor).filter(|next| !next.is_empty());
            if cursor.is_none() {
                return Ok(None);
            }
        }
        tracing::warn!(channel, "looked through too many messages for one of ours; taking it as not posted");
        Ok(None)
    }

    fn is_marked(&self, message: &Found, key: &str) -> bool {
        let ours = message.user.as_ref() == Some(&self.me.user_id)
            || (message.bot_id.is_some() && message.bot_id == self.me.bot_id);
        let text = |pointer: &str| message.metadata.pointer(pointer).and_then(Value::as_str);
        ours && text("/event_type") == Some(EVENT_TYPE) && text("/event_payload/key") == Some(key)
    }

    pub(super) async fn open_modal(&self, trigger: &str, modal: &Modal) -> Result<(), ChatError> {
        let view = render::view(modal, &self.me.team_url);
        let request = SlackApiViewsOpenRequest::new(trigger.into(), view);
        self.write::<_, Accepted>("views.open", &request).await.map(|_| ())
    }

    pub(super) async fn update_modal(&self, at: &ViewRef, modal: &Modal) -> Result<(), ChatError> {
        let mut request = SlackApiViewsUpdateRequest::new(render::view(modal, &self.me.team_url))
            .with_view_id(at.id.as_str().into());
        request.hash.clone_from(&at.hash);
        self.write::<_, Accepted>("views.update", &request).await.map(|_| ())
    }

    /// As [`Api::update_modal`], for a modal that was opened with a name of ours.
    pub(super) async fn update_named_modal(&self, name: &str, modal: &Modal) -> Result<(), ChatError> {
        let view = render::named_view(modal, &self.me.team_url, Some(name));
        let request = SlackApiViewsUpdateRequest::new(view).with_external_id(name.to_owned());
        self.write::<_, Accepted>("views.update", &request).await.map(|_| ())
    }

    pub(super) async fn push_modal(&self, trigger: &str, modal: &Modal) -> Result<(), ChatError> {
        let view = render::view(modal, &self.me.team_url);
        let request = SlackApiViewsPushRequest::new(trigger.into(), view);
        self.write::<_, Accepted>("views.push", &request).await.map(|_| ())
    }

    /// Without a hash: what was published last is what the person sees.
    pub(super) async fn publish_home(&self, user: &str, home: &Home) -> Result<(), ChatError> {
        let view = render::home(home, &self.me.team_url);
        let request = SlackApiViewsPublishRequest::new(user.into(), view);
        self.write::<_, Accepted>("views.publish", &request).await.map(|_| ())
    }

    /// <https://docs.slack.dev/reference/methods/conversations.open>: it has no second effect, so a lost answer is no
    /// more than that.
    pub(super) async fn open_direct(&self, user: &str) -> Result<String, ChatError> {
        let request = json!({ "users": user });
        let answer: ClientResult<Direct> =
            self.session().http_session_api.http_post("conversations.open", &request, None).await;
        Ok(answer.map_err(|error| Call::Read.failed(&error))?.channel.id)
    }

    pub(super) async fn find_user(&self, email: &str) -> Result<Option<ChatUser>, ChatError> {
        let found = self.read("users.lookupByEmail", &vec![("email", Some(email.to_owned()))]).await;
        match found {
            Ok(UserInfo { user }) => self.chat_user(user).map(Some),
            Err(ChatError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn user(&self, id: &str) -> Result<ChatUser, ChatError> {
        let info: UserInfo = self.read("users.info", &vec![("user", Some(id.to_owned()))]).await?;
        if info.user.id != id {
            return Err(ChatError::Unavailable("Slack answered about somebody else".to_owned()));
        }
        self.chat_user(info.user)
    }

    /// An answer that leaves open whether somebody is a full member is no answer.
    fn chat_user(&self, user: User) -> Result<ChatUser, ChatError> {
        let outsider = self.outsider(&user).map(str::to_owned);
        if let (None, Some(lacks)) = (&outsider, user.lacks()) {
            return Err(ChatError::Unavailable(format!(
                "Slack's answer about a person does not say {lacks}"
            )));
        }
        let is_person =
            user.deleted != Some(true) && user.flags.is_bot != Some(true) && user.id != "USLACKBOT";
        let User { id, name, real_name, is_email_confirmed, profile, .. } = user;
        let profile = profile.unwrap_or(Profile { display_name: None, real_name: None, email: None });
        let names = [profile.display_name, profile.real_name, real_name, name];
        let name =
            names.into_iter().flatten().find(|name| !name.trim().is_empty()).unwrap_or_else(|| id.clone());
        // An address that its owner never confirmed proves nothing about who they are.
        let email = profile.email.filter(|_| is_email_confirmed != Some(false));
        Ok(ChatUser { id, name, email, outsider, is_person })
    }

    fn outsider(&self, user: &User) -> Option<&'static str> {
        let is = |flag: Option<bool>| flag == Some(true);
        match user {
            _ if is(user.deleted) => Some("this Slack account is deactivated"),
            _ if is(user.flags.is_bot) || user.id == "USLACKBOT" => Some("it is a bot, not a person"),
            _ if is(user.flags.is_stranger) => Some("this account belongs to another company"),
            _ if user.team_id.as_ref() != Some(&self.me.team_id) => {
                Some("this account belongs to another Slack workspace")
            }
            _ if is(user.flags.is_ultra_restricted) || is(user.flags.is_restricted) => {
                Some("this account is a guest in this Slack workspace")
            }
            _ if is(user.flags.is_invited_user) => Some("this account has not accepted its invitation yet"),
            _ => None,
        }
    }

    pub(super) async fn group_members(&self, group: &str) -> Result<Vec<String>, ChatError> {
        let request = SlackApiUserGroupsUsersListRequest::new(group.into());
        let answer = self.session().usergroups_users_list(&request).await;
        let users = answer.map_err(|error| Call::Read.failed(&error))?.users;
        Ok(users.into_iter().map(|user| user.0).collect())
    }

    pub(super) async fn channel_members(&self, channel: &str) -> Result<Vec<String>, ChatError> {
        let mut members = Vec::new();
        let mut request =
            SlackApiConversationsMembersRequest::new().with_channel(channel.into()).with_limit(PAGE * 2);
        for _ in 0..PAGES_MAX {
            let answer = self.session().conversations_members(&request).await;
            let page = answer.map_err(|error| Call::Read.failed(&error))?;
            members.extend(page.members.into_iter().map(|user| user.0));
            request.cursor =
                page.response_metadata.and_then(|meta| meta.next_cursor).filter(|next| !next.0.is_empty());
            if request.cursor.is_none() {
                return Ok(members);
            }
        }
        // A part of the members would read like all of them.
        Err(ChatError::Channel(format!("it has more than {} members", members.len())))
    }

    /// The scopes that the bot token has.
    pub(super) async fn scopes(&self) -> Result<Vec<String>, ChatError> {
        let scopes = self.client.http_api.connector.scopes(&self.bot).await;
        scopes.map_err(|error| Call::Read.failed(&error))
    }

    /// Whether the bot is in a channel, and the channel's name.
    pub(super) async fn channel(&self, channel: &str) -> Result<ChannelInfo, ChatError> {
        let answer: ChannelAnswer =
            self.read("conversations.info", &vec![("channel", Some(channel.to_owned()))]).await?;
        Ok(answer.channel)
    }

    pub(super) fn content(&self, card: &Card) -> SlackMessageContent {
        let message = render::message(card, &self.me.team_url);
        SlackMessageContent::new().with_text(message.text).with_blocks(message.blocks)
    }
}

/// What is asked of a channel before it is used.
#[derive(Deserialize)]
pub(super) struct ChannelInfo {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) is_member: bool,
    #[serde(default)]
    pub(super) is_archived: bool,
    pub(super) is_private: Option<bool>,
}

#[derive(Deserialize)]
struct ChannelAnswer {
    channel: ChannelInfo,
}

/// Strings only: slack-morphism can't read back anything else.
fn mark(key: &str) -> SlackMessageMetadata {
    SlackMessageMetadata::new(EVENT_TYPE.to_owned())
        .with_event_payload([("key".to_owned(), key.to_owned())].into())
}
