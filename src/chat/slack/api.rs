//! The Web API calls that the port is made of, through slack-morphism's sessions.
//!
//! Requests are the crate's types. Answers are, where reading too much of them would do harm: a message that was posted
//! must not count as lost because a block in its echo has a new shape. Those answers are read as the few fields needed.

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use slack_morphism::prelude::{
    SlackApiAppsConnectionOpenRequest, SlackApiChatPostMessageRequest, SlackApiChatUpdateRequest,
    SlackApiConversationsMembersRequest, SlackApiUserGroupsUsersListRequest, SlackApiViewsOpenRequest,
    SlackApiViewsPublishRequest, SlackApiViewsPushRequest, SlackApiViewsUpdateRequest, SlackMessageContent,
    SlackUserFlags,
};
use slack_morphism::{ClientResult, SlackApiToken, SlackClient, SlackClientSession};
use tokio::sync::{OnceCell, Semaphore};
use url::Url;

use crate::chat::{Card, ChatError, ChatUser, Home, Mark, MessageRef, Modal, ViewRef};
use crate::clock::Clock;
use crate::net::{Network, is_safe_socket};

use super::connector::Connector;
use super::errors::Call;
use super::settings::{Settings, Timing};
use super::text::Workspace;
use super::{metadata, render};

/// Slack advises at most 200 for members; 100 messages with full blocks stay below the connector's bound.
pub(super) const PAGE: u16 = 100;

/// 20 pages are 2000 messages since the post, or 2000 members.
pub(super) const PAGES_MAX: usize = 20;

/// So many replies to single people are under way at once; more would only time each other out.
const REPLIES_AT_ONCE: usize = 16;

/// Who the bot is, as `auth.test` says.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) user_id: String,
    pub(super) bot_id: Option<String>,
    pub(super) team_id: String,
    pub(super) team: String,
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
    pub(super) workspace: Workspace,
    pub(super) network: Network,
    /// The app that the bot token is of.
    bot_app: OnceCell<String>,
    /// Before an answer to one person is tried once more; it doubles.
    pub(super) pause: std::time::Duration,
    /// Places for replies to single people.
    pub(super) replies: Semaphore,
}

/// An answer of which only the fact matters.
#[derive(Deserialize)]
pub(super) struct Accepted {}

#[derive(Deserialize)]
struct Posted {
    channel: String,
    ts: String,
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
struct BotInfo {
    bot: Bot,
}

#[derive(Deserialize)]
struct Bot {
    app_id: String,
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
    /// <https://docs.slack.dev/reference/objects/user-object>: "some Enterprise users have this ID and a different
    /// workspace-specific ID".
    #[serde(rename = "enterprise_user")]
    in_organisation: Option<EnterpriseUser>,
    #[serde(flatten)]
    flags: SlackUserFlags,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct EnterpriseUser {
    id: Option<String>,
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
    pub(super) async fn connect(
        settings: &Settings,
        timing: &Timing,
        clock: Clock,
    ) -> Result<Api, ChatError> {
        settings.check().map_err(ChatError::Denied)?;
        // Without a process-wide provider the first TLS handshake panics; one that is already there is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let connector = Connector::new(settings, timing, clock).map_err(|error| {
            ChatError::Unavailable(format!("TLS can't be set up on this machine: {error}"))
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
        };
        let workspace = Workspace::new(who.url.0, settings.command.clone());
        let network = settings.network.clone();
        let (bot_app, pause) = (OnceCell::new(), timing.backoff_first);
        let replies = Semaphore::new(REPLIES_AT_ONCE);
        Ok(Api { client, sockets, bot, app, me, workspace, network, bot_app, pause, replies })
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
        if is_safe_socket(&url) {
            return Ok(url);
        }
        Err(ChatError::Unavailable("Slack offered a socket that is not encrypted".to_owned()))
    }

    /// Returns the app that the bot token is of; `None` if Slack doesn't say so now.
    /// <https://docs.slack.dev/reference/methods/bots.info>
    pub(super) async fn bot_app(&self) -> Option<&str> {
        let ask = async {
            let known: BotInfo = self.read("bots.info", &vec![("bot", self.me.bot_id.clone())]).await?;
            Ok::<_, ChatError>(known.bot.app_id)
        };
        self.bot_app.get_or_try_init(|| ask).await.ok().map(String::as_str)
    }

    pub(super) async fn post(
        &self,
        channel: &str,
        thread: Option<&MessageRef>,
        mark: &Mark,
        card: &Card,
    ) -> Result<MessageRef, ChatError> {
        let content = self.content(card).with_metadata(metadata::write(mark));
        let mut request = SlackApiChatPostMessageRequest::new(channel.into(), content)
            .with_unfurl_links(false)
            .with_unfurl_media(false)
            .with_link_names(false)
            .with_parse("none".to_owned());
        request.thread_ts = thread.map(|message| message.id.as_str().into());
        let posted: Posted = self.write("chat.postMessage", &request).await?;
        Ok(MessageRef { channel: posted.channel, id: posted.ts })
    }

    /// Replaces the message and its metadata: a `chat.update` without metadata would leave it as it was.
    /// <https://docs.slack.dev/reference/methods/chat.update>
    pub(super) async fn update(
        &self,
        message: &MessageRef,
        mark: &Mark,
        card: &Card,
    ) -> Result<(), ChatError> {
        let (channel, ts) = (message.channel.as_str().into(), message.id.as_str().into());
        let content = self.content(card).with_metadata(metadata::write(mark));
        let request = SlackApiChatUpdateRequest::new(channel, content, ts)
            .with_link_names(false)
            .with_parse("none".to_owned());
        self.write::<_, Accepted>("chat.update", &request).await.map(|_| ())
    }

    pub(super) async fn open_modal(&self, trigger: &str, modal: &Modal) -> Result<(), ChatError> {
        let view = render::view(modal, &self.workspace);
        let request = SlackApiViewsOpenRequest::new(trigger.into(), view);
        self.write::<_, Accepted>("views.open", &request).await.map(|_| ())
    }

    pub(super) async fn update_modal(&self, at: &ViewRef, modal: &Modal) -> Result<(), ChatError> {
        // Without its hash: what is drawn last is what the person sees.
        let request = SlackApiViewsUpdateRequest::new(render::view(modal, &self.workspace))
            .with_view_id(at.id.as_str().into());
        self.write::<_, Accepted>("views.update", &request).await.map(|_| ())
    }

    pub(super) async fn push_modal(&self, trigger: &str, modal: &Modal) -> Result<(), ChatError> {
        let view = render::view(modal, &self.workspace);
        let request = SlackApiViewsPushRequest::new(trigger.into(), view);
        self.write::<_, Accepted>("views.push", &request).await.map(|_| ())
    }

    /// Without a hash: what was published last is what the person sees.
    pub(super) async fn publish_home(&self, user: &str, home: &Home) -> Result<(), ChatError> {
        let view = render::home(home, &self.workspace);
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
        let user = self.chat_user(info.user)?;
        if !user.has_id(id) {
            return Err(ChatError::Unavailable("Slack answered about somebody else".to_owned()));
        }
        // Asked by the one id of a person, Slack may answer by the other.
        Ok(ChatUser { id: id.to_owned(), ..user })
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
        let User { id, name, real_name, is_email_confirmed, in_organisation, profile, .. } = user;
        let person_id = in_organisation.and_then(|person| person.id).filter(|id| !id.is_empty());
        let profile = profile.unwrap_or(Profile { display_name: None, real_name: None, email: None });
        let names = [profile.display_name, profile.real_name, real_name, name];
        let name =
            names.into_iter().flatten().find(|name| !name.trim().is_empty()).unwrap_or_else(|| id.clone());
        // An address that its owner never confirmed proves nothing about who they are.
        let email = profile.email.filter(|_| is_email_confirmed != Some(false));
        Ok(ChatUser { id, person_id, name, email, outsider, is_person })
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
        let message = render::message(card, &self.workspace);
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
