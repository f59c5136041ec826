//! Reads what Slack sends over the socket into [`Inbound`].
//!
//! The payloads are composed of slack-morphism's types, field by field, and not read with its whole events: those demand
//! fields that Slack leaves out at times (`team` of an org-wide install, string-only metadata), leave out the state and
//! hash of a view whose button was pressed, and a decision that can't be read is a decision lost.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use slack_morphism::prelude::{
    SlackActionId, SlackBasicChannelInfo, SlackBasicUserInfo, SlackBlockId, SlackCommandEvent,
    SlackInteractionActionContainer, SlackInteractionActionInfo, SlackResponseUrl, SlackTriggerId,
    SlackViewState, SlackViewStateValue,
};

use crate::chat::{FormState, Inbound, MessageRef, ReplyHandle, ReplyTo, ViewRef, What};

use super::render::{base_action, base_group};

/// An envelope as it arrives. <https://docs.slack.dev/apis/events-api/using-socket-mode#events>
#[derive(Deserialize)]
pub(super) struct Envelope {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) envelope_id: Option<String>,
    #[serde(default)]
    pub(super) accepts_response_payload: bool,
    #[serde(default)]
    pub(super) payload: Value,
    /// Why Slack asks for another connection, in a `disconnect`.
    #[serde(default)]
    pub(super) reason: Option<String>,
}

/// What an envelope turned out to be.
pub(super) enum Read {
    /// Something for the handler, and the block ids of the form that it came from.
    Input(Box<Inbound>, Vec<String>),
    /// Well-formed and none of our business: acknowledged and forgotten.
    Nothing,
    /// A kind of ours that could not be read.
    Unreadable,
}

#[derive(Deserialize)]
struct BlockActions {
    user: SlackBasicUserInfo,
    container: SlackInteractionActionContainer,
    trigger_id: SlackTriggerId,
    channel: Option<SlackBasicChannelInfo>,
    view: Option<View>,
    response_url: Option<SlackResponseUrl>,
    actions: Vec<SlackInteractionActionInfo>,
}

#[derive(Deserialize)]
struct ViewSubmission {
    user: SlackBasicUserInfo,
    view: View,
}

#[derive(Deserialize)]
struct View {
    id: String,
    hash: Option<String>,
    #[serde(default)]
    callback_id: String,
    #[serde(default)]
    private_metadata: String,
    #[serde(default, deserialize_with = "state")]
    state: Option<SlackViewState>,
}

/// A view without inputs has `"state": {}` at times, which the crate's type refuses.
fn state<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SlackViewState>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if value.get("values").is_none() {
        return Ok(None);
    }
    serde_json::from_value(value).map(Some).map_err(serde::de::Error::custom)
}

#[derive(Deserialize)]
struct Push {
    event_id: String,
    event: PushEvent,
}

#[derive(Deserialize)]
struct PushEvent {
    #[serde(rename = "type")]
    kind: String,
    user: Option<String>,
    tab: Option<String>,
}

/// Reads an envelope that arrived at `received_at`. `command` is the slash command that is ours.
pub(super) fn read(envelope: &Envelope, command: &str, received_at: DateTime<Utc>) -> Read {
    let read = match envelope.kind.as_str() {
        "interactive" => interaction(&envelope.payload, received_at),
        "slash_commands" => slash_command(&envelope.payload, command, received_at),
        "events_api" => push(&envelope.payload, received_at),
        _ => Some(Read::Unreadable),
    };
    read.unwrap_or(Read::Unreadable)
}

fn interaction(payload: &Value, received_at: DateTime<Utc>) -> Option<Read> {
    match payload.get("type")?.as_str()? {
        "block_actions" => {
            let event = BlockActions::deserialize(payload).ok()?;
            if event.view.is_some() { modal_click(event, received_at) } else { click(event, received_at) }
        }
        "view_submission" => Some(submission(ViewSubmission::deserialize(payload).ok()?, received_at)),
        "view_closed" | "shortcut" | "message_action" | "block_suggestion" | "dialog_submission" => {
            Some(Read::Nothing)
        }
        _ => None,
    }
}

fn click(event: BlockActions, received_at: DateTime<Utc>) -> Option<Read> {
    let (ts, container_channel) = match event.container {
        SlackInteractionActionContainer::Message(message) => (message.message_ts, message.channel_id),
        SlackInteractionActionContainer::MessageAttachment(message) => {
            (message.message_ts, message.channel_id)
        }
        SlackInteractionActionContainer::View(_) => return None,
    };
    let channel = container_channel.or_else(|| event.channel.map(|channel| channel.id))?.0;
    let pressed = event.actions.into_iter().next()?;
    let value = pressed.value.unwrap_or_default();
    let action_ts = pressed.action_ts.map(|ts| ts.0).unwrap_or_default();
    let user = event.user.id.0;
    let inbound = Inbound {
        key: key(&["click", &user, &channel, &ts.0, &pressed.action_id.0, &value, &action_ts]),
        received_at,
        reply: ReplyTo {
            user: user.clone(),
            channel: Some(channel.clone()),
            handle: event.response_url.map(|url| handle(&url)),
        },
        user,
        what: What::Click {
            message: MessageRef { channel, id: ts.0 },
            action: base_action(&pressed.action_id.0).to_owned(),
            value,
            trigger: event.trigger_id.0,
        },
    };
    Some(Read::Input(Box::new(inbound), Vec::new()))
}

fn modal_click(event: BlockActions, received_at: DateTime<Utc>) -> Option<Read> {
    let view = event.view?;
    let pressed = event.actions.into_iter().next()?;
    let value = pressed.value.unwrap_or_default();
    let action_ts = pressed.action_ts.map(|ts| ts.0).unwrap_or_default();
    let user = event.user.id.0;
    let inbound = Inbound {
        key: key(&["modal", &user, &view.id, &pressed.action_id.0, &value, &action_ts]),
        received_at,
        reply: ReplyTo { user: user.clone(), channel: None, handle: None },
        user,
        what: What::ModalClick {
            state: form_state(view.state.as_ref()),
            view: ViewRef { id: view.id, hash: view.hash },
            kind: view.callback_id,
            modal_value: view.private_metadata,
            action: base_action(&pressed.action_id.0).to_owned(),
            value,
        },
    };
    Some(Read::Input(Box::new(inbound), Vec::new()))
}

fn submission(event: ViewSubmission, received_at: DateTime<Utc>) -> Read {
    let ViewSubmission { user, view } = event;
    let user = user.id.0;
    let mut block_ids: Vec<String> =
        view.state.iter().flat_map(|state| state.values.keys()).map(|id| id.0.clone()).collect();
    block_ids.sort();
    let inbound = Inbound {
        key: key(&["submit", &user, &view.id, view.hash.as_deref().unwrap_or_default()]),
        received_at,
        reply: ReplyTo { user: user.clone(), channel: None, handle: None },
        user,
        what: What::Submission {
            state: form_state(view.state.as_ref()),
            view: ViewRef { id: view.id, hash: view.hash },
            kind: view.callback_id,
            modal_value: view.private_metadata,
        },
    };
    Read::Input(Box::new(inbound), block_ids)
}

fn slash_command(payload: &Value, command: &str, received_at: DateTime<Utc>) -> Option<Read> {
    let event = SlackCommandEvent::deserialize(payload).ok()?;
    if event.command.0 != command {
        return Some(Read::Nothing);
    }
    let inbound = Inbound {
        key: key(&["command", &event.trigger_id.0]),
        received_at,
        user: event.user_id.0.clone(),
        reply: ReplyTo {
            user: event.user_id.0,
            channel: Some(event.channel_id.0.clone()),
            handle: Some(handle(&event.response_url)),
        },
        what: What::Command { text: event.text.unwrap_or_default(), channel: event.channel_id.0 },
    };
    Some(Read::Input(Box::new(inbound), Vec::new()))
}

fn push(payload: &Value, received_at: DateTime<Utc>) -> Option<Read> {
    let Push { event_id, event } = Push::deserialize(payload).ok()?;
    if event.kind != "app_home_opened" || event.tab.as_deref().is_some_and(|tab| tab != "home") {
        return Some(Read::Nothing);
    }
    let user = event.user?;
    let inbound = Inbound {
        key: key(&["event", &event_id]),
        received_at,
        reply: ReplyTo { user: user.clone(), channel: None, handle: None },
        user,
        what: What::HomeOpened,
    };
    Some(Read::Input(Box::new(inbound), Vec::new()))
}

/// Joined with a character that no part contains, so that two inputs never share a key.
fn key(parts: &[&str]) -> String {
    parts.join("\u{1f}")
}

fn handle(url: &SlackResponseUrl) -> ReplyHandle {
    ReplyHandle(SecretString::from(url.0.to_string()))
}

/// Puts the parts of each group of checkboxes together again, in their order.
fn form_state(state: Option<&SlackViewState>) -> FormState {
    let mut form = FormState::default();
    let Some(state) = state else { return form };
    let mut blocks: Vec<(&SlackBlockId, &HashMap<SlackActionId, SlackViewStateValue>)> =
        state.values.iter().collect();
    blocks.sort_by_key(|(id, _)| base_group(&id.0));
    for (block, inputs) in blocks {
        for value in inputs.values() {
            match value.action_type.0.as_str() {
                "checkboxes" => {
                    let ticked = form.ticked.entry(base_group(&block.0).0.to_owned()).or_default();
                    ticked.extend(value.selected_options.iter().flatten().map(|option| option.value.clone()));
                }
                "plain_text_input" => {
                    form.typed.insert(block.0.clone(), value.value.clone().unwrap_or_default());
                }
                _ => {}
            }
        }
    }
    form
}

/// Who to tell that their input could not be read, dug out of a payload of unknown shape.
pub(super) fn sender(payload: &Value) -> Option<ReplyTo> {
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let user = text("/user/id").or_else(|| text("/user_id"))?;
    let channel =
        text("/channel/id").or_else(|| text("/channel_id")).or_else(|| text("/container/channel_id"));
    let handle = text("/response_url").map(|url| ReplyHandle(SecretString::from(url)));
    Some(ReplyTo { user, channel, handle })
}
