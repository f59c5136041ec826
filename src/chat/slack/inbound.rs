//! Reads what Slack sends over the socket into [`Inbound`].
//!
//! The payloads are composed of slack-morphism's types, field by field, and not read with its whole events: those demand
//! fields that Slack leaves out at times (`team` of an org-wide install, string-only metadata), leave out the state and
//! hash of a view whose button was pressed, and a decision that can't be read is a decision lost.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use slack_morphism::prelude::{
    SlackActionId, SlackBasicChannelInfo, SlackBasicUserInfo, SlackBlockId, SlackCommandEvent,
    SlackInteractionActionContainer, SlackInteractionActionInfo, SlackResponseUrl, SlackTriggerId,
    SlackViewState, SlackViewStateValue,
};

use crate::chat::{FormState, Inbound, MessageRef, ReplyHandle, ReplyTo, ViewRef, What};

use super::render::{base_action, base_group};
use super::typed::as_typed;

/// An envelope as it arrives. <https://docs.slack.dev/apis/events-api/using-socket-mode#events>
#[derive(Deserialize)]
pub(super) struct Envelope {
    #[serde(default, rename = "type")]
    pub(super) kind: String,
    #[serde(default, rename = "envelope_id")]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) accepts_response_payload: Option<bool>,
    /// Read only as far as it is needed: a click brings the whole message that was clicked on.
    #[serde(default)]
    pub(super) payload: Option<Box<RawValue>>,
    /// Why Slack asks for another connection, in a `disconnect`.
    #[serde(default)]
    pub(super) reason: Option<String>,
}

/// What an envelope turned out to be.
pub(super) enum Read {
    /// Something for the handler, and where it came from.
    Input(Box<Inbound>, Source),
    /// Well-formed and none of our business: acknowledged and forgotten.
    Nothing,
    /// A kind of ours that could not be read.
    Unreadable,
}

/// What an answer needs to know of the place that an input came from.
#[derive(Default)]
pub(super) struct Source {
    /// Opens one dialog, within 3 s of the click.
    pub(super) trigger: Option<String>,
    /// The block ids of a form.
    pub(super) block_ids: Vec<String>,
}

impl Source {
    fn click(trigger: SlackTriggerId) -> Source {
        Source { trigger: Some(trigger.0), block_ids: Vec::new() }
    }
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
    trigger_id: Option<String>,
}

#[derive(Deserialize)]
struct View {
    #[serde(default, rename = "type")]
    kind: String,
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
    /// An id, where a channel is joined; in other events it may be anything.
    #[serde(default)]
    channel: Value,
}

/// Reads an envelope that arrived at `received_at`. `command` is the slash command that is ours.
pub(super) fn read(envelope: &Envelope, command: &str, received_at: DateTime<Utc>) -> Read {
    let Some(payload) = envelope.payload.as_deref() else { return Read::Unreadable };
    let read = match envelope.kind.as_str() {
        "interactive" => interaction(payload, received_at),
        "slash_commands" => slash_command(payload, command, received_at),
        "events_api" => push(payload, received_at),
        _ => Some(Read::Unreadable),
    };
    read.unwrap_or(Read::Unreadable)
}

#[derive(Deserialize)]
struct Interaction {
    #[serde(rename = "type")]
    kind: String,
}

fn interaction(payload: &RawValue, received_at: DateTime<Utc>) -> Option<Read> {
    match Interaction::deserialize(payload).ok()?.kind.as_str() {
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
    let value = value_of(&pressed);
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
        },
    };
    Some(Read::Input(Box::new(inbound), Source::click(event.trigger_id)))
}

fn modal_click(event: BlockActions, received_at: DateTime<Utc>) -> Option<Read> {
    let view = event.view?;
    let pressed = event.actions.into_iter().next()?;
    let value = value_of(&pressed);
    let action_ts = pressed.action_ts.map(|ts| ts.0).unwrap_or_default();
    let user = event.user.id.0;
    let inbound = Inbound {
        key: key(&["modal", &user, &view.id, &pressed.action_id.0, &value, &action_ts]),
        received_at,
        reply: ReplyTo { user: user.clone(), channel: None, handle: None },
        user,
        what: if view.kind == "home" {
            let action = base_action(&pressed.action_id.0).to_owned();
            What::HomeClick { action, value }
        } else {
            What::ModalClick {
                state: form_state(view.state.as_ref()),
                view: ViewRef { id: view.id },
                kind: view.callback_id,
                modal_value: view.private_metadata,
                // The parts of a group of checkboxes are one input.
                action: base_group(base_action(&pressed.action_id.0)).0.to_owned(),
                value,
                stamp: action_ts,
            }
        },
    };
    Some(Read::Input(Box::new(inbound), Source::click(event.trigger_id)))
}

/// A button's value, or that of the chosen item of a menu or select.
fn value_of(pressed: &SlackInteractionActionInfo) -> String {
    let chosen = pressed.selected_option.as_ref().map(|option| &option.value);
    pressed.value.as_ref().or(chosen).cloned().unwrap_or_default()
}

fn submission(event: ViewSubmission, received_at: DateTime<Utc>) -> Read {
    let ViewSubmission { user, view, trigger_id } = event;
    let user = user.id.0;
    let mut block_ids: Vec<String> =
        view.state.iter().flat_map(|state| state.values.keys()).map(|id| id.0.clone()).collect();
    block_ids.sort();
    // Each submission has its own trigger. The view's hash stays the same when it is refused with errors and sent once
    // more, which must not pass for a repeat of the first.
    let once = trigger_id.or(view.hash).unwrap_or_default();
    let inbound = Inbound {
        key: key(&["submit", &user, &view.id, &once]),
        received_at,
        reply: ReplyTo { user: user.clone(), channel: None, handle: None },
        user,
        what: What::Submission {
            state: form_state(view.state.as_ref()),
            view: ViewRef { id: view.id },
            kind: view.callback_id,
            modal_value: view.private_metadata,
        },
    };
    Read::Input(Box::new(inbound), Source { trigger: None, block_ids })
}

fn slash_command(payload: &RawValue, command: &str, received_at: DateTime<Utc>) -> Option<Read> {
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
        what: What::Command { text: as_typed(&event.text.unwrap_or_default()), channel: event.channel_id.0 },
    };
    Some(Read::Input(Box::new(inbound), Source::default()))
}

fn push(payload: &RawValue, received_at: DateTime<Utc>) -> Option<Read> {
    let Push { event_id, event } = Push::deserialize(payload).ok()?;
    let what = match event.kind.as_str() {
        "app_home_opened" if event.tab.as_deref().is_none_or(|tab| tab == "home") => What::HomeOpened,
        "member_joined_channel" => What::Joined { channel: event.channel.as_str()?.to_owned() },
        _ => return Some(Read::Nothing),
    };
    let user = event.user?;
    let inbound = Inbound {
        key: key(&["event", &event_id]),
        received_at,
        reply: ReplyTo { user: user.clone(), channel: None, handle: None },
        user,
        what,
    };
    Some(Read::Input(Box::new(inbound), Source::default()))
}

/// Joined with a character that no part contains, so that two inputs never share a key.
fn key(parts: &[&str]) -> String {
    parts.join("\u{1f}")
}

fn handle(url: &SlackResponseUrl) -> ReplyHandle {
    ReplyHandle::new(url.0.to_string())
}

/// Puts the parts of each group of checkboxes together again, in their order.
fn form_state(state: Option<&SlackViewState>) -> FormState {
    let mut form = FormState::default();
    let Some(state) = state else { return form };
    let mut blocks: Vec<(&SlackBlockId, &HashMap<SlackActionId, SlackViewStateValue>)> =
        state.values.iter().collect();
    blocks.sort_by_key(|(id, _)| (base_group(&id.0), id.0.as_str()));
    for (block, inputs) in blocks {
        // A block has one input. Of several the order would be that of a hash table, another one each time.
        let mut inputs: Vec<_> = inputs.iter().collect();
        inputs.sort_by_key(|(id, _)| id.0.as_str());
        for (_, value) in inputs {
            match value.action_type.0.as_str() {
                "checkboxes" => {
                    let ticked = form.ticked.entry(base_group(&block.0).0.to_owned()).or_default();
                    ticked.extend(value.selected_options.iter().flatten().map(|option| option.value.clone()));
                }
                "plain_text_input" => {
                    form.typed.insert(block.0.clone(), value.value.clone().unwrap_or_default());
                }
                "datepicker" => {
                    form.typed.insert(block.0.clone(), value.selected_date.clone().unwrap_or_default());
                }
                "static_select" => {
                    let chosen = value.selected_option.as_ref().map(|option| option.value.clone());
                    form.typed.insert(block.0.clone(), chosen.unwrap_or_default());
                }
                _ => {}
            }
        }
    }
    form
}

/// Who to tell that their input could not be read, dug out of a payload of unknown shape.
pub(super) fn sender(envelope: &Envelope) -> Option<ReplyTo> {
    let payload = Value::deserialize(envelope.payload.as_deref()?).ok()?;
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let user = text("/user/id").or_else(|| text("/user_id"))?;
    let channel =
        text("/channel/id").or_else(|| text("/channel_id")).or_else(|| text("/container/channel_id"));
    let handle = text("/response_url").map(ReplyHandle::new);
    Some(ReplyTo { user, channel, handle })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn envelope(envelope: &Value) -> Envelope {
        serde_json::from_str(&envelope.to_string()).unwrap()
    }

    #[expect(clippy::needless_pass_by_value, reason = "so that an envelope is written where it is read")]
    fn input(of: Value) -> Option<Inbound> {
        match read(&envelope(&of), "/bot", DateTime::UNIX_EPOCH) {
            Read::Input(inbound, _) => Some(*inbound),
            Read::Nothing | Read::Unreadable => None,
        }
    }

    fn click(action_ts: &str) -> Value {
        json!({ "type": "interactive", "envelope_id": "e1", "payload": {
            "type": "block_actions", "team": null, "api_app_id": "A1", "trigger_id": "t.1",
            "user": { "id": "U1", "username": "ada", "team_id": "T1" },
            "container": { "type": "message", "message_ts": "1.2", "channel_id": "C1", "is_ephemeral": false },
            "channel": { "id": "C1", "name": "ops" },
            "message": { "ts": "1.2", "metadata": { "event_type": "x", "event_payload": { "n": 1 } } },
            "response_url": "https://hooks.slack.com/actions/T1/1/secret",
            "actions": [{ "type": "button", "action_id": "suspend~2", "block_id": "b", "value": "r7",
                          "text": { "type": "plain_text", "text": "Suspend" }, "action_ts": action_ts }] } })
    }

    #[test]
    fn a_click_is_read_even_if_the_team_is_null() {
        let read = read(&envelope(&click("9.1")), "/bot", DateTime::UNIX_EPOCH);
        let Read::Input(inbound, source) = read else { panic!("no input") };
        let What::Click { message, action, value } = inbound.what else { panic!("not a click") };
        assert_eq!(message, MessageRef { channel: "C1".to_owned(), id: "1.2".to_owned() });
        assert_eq!((action.as_str(), value.as_str()), ("suspend", "r7"));
        assert_eq!(source.trigger.as_deref(), Some("t.1"));
        assert!(!format!("{:?}", inbound.reply).contains("secret"));
    }

    #[test]
    fn a_repeat_has_the_same_key_and_a_second_click_another() {
        let key = |ts| input(click(ts)).unwrap().key;
        assert_eq!(key("9.1"), key("9.1"));
        assert_ne!(key("9.1"), key("9.2"));
    }

    #[test]
    fn a_group_of_checkboxes_comes_back_whole_and_in_order() {
        let ticked = |values: &[&str]| {
            let options: Vec<Value> = values
                .iter()
                .map(|value| json!({ "value": value, "text": { "type": "plain_text", "text": "x", "emoji": false } }))
                .collect();
            json!({ "type": "checkboxes", "selected_options": options })
        };
        let mut values = serde_json::Map::new();
        for part in 0..12 {
            let id = format!("keep:{part}");
            values.insert(id.clone(), json!({ id: ticked(&[&format!("v{part}")]) }));
        }
        values.insert("none:0".to_owned(), json!({ "none:0": ticked(&[]) }));
        values
            .insert("reason".to_owned(), json!({ "reason": { "type": "plain_text_input", "value": null } }));
        let inbound = input(json!({ "type": "interactive", "envelope_id": "e", "payload": {
            "type": "view_submission", "user": { "id": "U1" },
            "view": { "id": "V1", "hash": "h", "callback_id": "choose", "private_metadata": "r7",
                      "state": { "values": values } } } }))
        .unwrap();
        let What::Submission { state, kind, modal_value, .. } = inbound.what else {
            panic!("not a submission")
        };
        assert_eq!((kind.as_str(), modal_value.as_str()), ("choose", "r7"));
        assert_eq!(state.ticked["keep"], (0..12).map(|n| format!("v{n}")).collect::<Vec<_>>());
        assert!(state.ticked["none"].is_empty());
        assert_eq!(state.typed["reason"], "");
    }

    #[test]
    fn a_form_that_is_sent_again_after_its_errors_is_another_input() {
        let key = |trigger: &str| {
            let view = json!({ "id": "V1", "hash": "h", "callback_id": "choose", "private_metadata": "r7" });
            let payload = json!({ "type": "view_submission", "user": { "id": "U1" }, "view": view, "trigger_id": trigger });
            input(json!({ "type": "interactive", "envelope_id": "e", "payload": payload })).unwrap().key
        };
        assert_eq!(key("1.a"), key("1.a"));
        assert_ne!(key("1.a"), key("2.b"));
    }

    #[test]
    fn only_our_command_is_handled() {
        let command = |name: &str| {
            json!({ "type": "slash_commands", "envelope_id": "e", "payload": {
                "team_id": "T1", "channel_id": "C1", "user_id": "U1", "command": name, "text": "why ada",
                "response_url": "https://hooks.slack.com/commands/x", "trigger_id": "t" } })
        };
        assert!(input(command("/other")).is_none());
        let What::Command { text, channel } = input(command("/bot")).unwrap().what else {
            panic!("not a command")
        };
        assert_eq!((text.as_str(), channel.as_str()), ("why ada", "C1"));
    }

    #[test]
    fn the_sender_of_something_unknown_is_dug_out() {
        let payload = json!({ "type": "new", "user": { "id": "U1" }, "channel": { "id": "C1" } });
        let to = sender(&envelope(&json!({ "payload": payload }))).unwrap();
        assert_eq!((to.user.as_str(), to.channel.as_deref()), ("U1", Some("C1")));
        assert!(sender(&envelope(&json!({ "payload": {} }))).is_none());
        assert!(sender(&envelope(&json!({}))).is_none());
    }
}
