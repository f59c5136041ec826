//! What people do: click, choose, type commands, fill in modals, open the app's home.
//!
//! Each action sends its payload to one socket and returns when the bot has acknowledged it or Slack has given
//! up waiting, with what the person sees then. A person can only do what their client offers: an action on
//! something that isn't there is [`NotThere`], and nothing is sent.
//!
//! An `action_id` may be written `block_id/action_id` where the same one is in several blocks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::super::GUARD;
use super::FakeSlack;
use super::blocks::{Element, elements, state_values};
use super::payloads::{OnMessage, chosen, is_blank};
use super::socket::{ACK_DEADLINE, Ack, OnAck, SocketCommand};
use super::state::{Content, Message, State, View};

/// What a person puts into an element. Options are named by their `value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Text(String),
    Option(String),
    Options(Vec<String>),
    User(String),
    Users(Vec<String>),
    /// `2026-01-31`
    Date(String),
}

/// The client doesn't offer this; says what it offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotThere(pub String);

/// The result of an action.
#[derive(Clone, Debug, Serialize)]
pub struct Reply {
    /// Of the payload.
    pub envelope_id: String,
    /// How long the bot took; `None` if it did not answer in time.
    pub acked_after: Option<Duration>,
    /// What came with the ack.
    pub payload: Option<Value>,
    pub sees: Sees,
}

/// What the person sees at once (apart from what the bot posts later).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Sees {
    Nothing,
    /// The text of a slash command's direct answer.
    Answer(String),
    ViewClosed,
    ViewUpdated,
    ViewPushed,
    /// By block id.
    ViewErrors(BTreeMap<String, String>),
    /// Slack's own words when the app does not answer.
    Trouble(&'static str),
}

impl FakeSlack {
    /// Presses a button; its confirm dialog, if any, is answered with yes.
    pub async fn click(&self, user: &str, ts: &str, action_id: &str) -> Result<Reply, NotThere> {
        self.act_on_message(user, ts, action_id, None).await
    }

    /// Chooses from an overflow menu, select, or radio group on a message.
    pub async fn select(
        &self,
        user: &str,
        ts: &str,
        action_id: &str,
        value: &str,
    ) -> Result<Reply, NotThere> {
        self.choose(user, ts, action_id, Input::Option(value.to_owned())).await
    }

    /// Puts anything into an element of a message.
    pub async fn choose(
        &self,
        user: &str,
        ts: &str,
        action_id: &str,
        input: Input,
    ) -> Result<Reply, NotThere> {
        self.act_on_message(user, ts, action_id, Some(input)).await
    }

    /// Presses the button that carries this `value`, of several with the same `action_id`.
    pub async fn click_value(
        &self,
        user: &str,
        ts: &str,
        action_id: &str,
        value: &str,
    ) -> Result<Reply, NotThere> {
        let (blocks, ..) = self.write(|state| state.shown(user, ts))?;
        let found = elements(&blocks)
            .into_iter()
            .find(|element| element.action_id == action_id && element.json["value"] == value);
        let Some(found) = found else {
            return Err(NotThere(format!("no {action_id} with value {value:?}: {}", offer(&blocks))));
        };
        self.click(user, ts, &format!("{}/{}", found.block_id, found.action_id)).await
    }

    /// Presses a button of the message as it was in this snapshot, as a client that is behind does.
    pub async fn click_stale(&self, user: &str, seen: &Message, action_id: &str) -> Result<Reply, NotThere> {
        self.act_on_stale(user, seen, action_id, None).await
    }

    /// Presses a button of the message with a value that was never on it, as somebody does who forges a payload.
    pub async fn click_forged(
        &self,
        user: &str,
        seen: &Message,
        action_id: &str,
        value: &str,
    ) -> Result<Reply, NotThere> {
        let mut forged = seen.clone();
        let version = forged.versions.last_mut().expect("a message has been something");
        for block in &mut version.blocks {
            forge(block, action_id, value);
        }
        self.act_on_stale(user, &forged, action_id, None).await
    }

    /// Chooses from a menu of the message as it was in this snapshot.
    pub async fn select_stale(
        &self,
        user: &str,
        seen: &Message,
        action_id: &str,
        value: &str,
    ) -> Result<Reply, NotThere> {
        self.act_on_stale(user, seen, action_id, Some(Input::Option(value.to_owned()))).await
    }

    async fn act_on_stale(
        &self,
        user: &str,
        seen: &Message,
        action_id: &str,
        input: Option<Input>,
    ) -> Result<Reply, NotThere> {
        let payload = self.write(|state| {
            let blocks = &seen.current().blocks;
            let element = find(blocks, action_id)?;
            let now = match &input {
                Some(input) => chosen(&element, input).map_err(NotThere)?,
                None => Value::Null,
            };
            let action = state.action(&element, &now);
            let on = OnMessage {
                channel: &seen.channel,
                ts: &seen.ts,
                thread_ts: seen.thread_ts.as_deref(),
                message: Some(seen.to_json(&state.messages, true)),
                state: state_values(blocks, &Value::Null),
            };
            Ok(state.message_action(user, on, &action))
        })?;
        Ok(self.interact(&payload).await)
    }

    /// Runs a slash command, such as `/inactive-contractors status`, in a channel that the person is in.
    pub async fn slash(&self, user: &str, channel: &str, line: &str) -> Result<Reply, NotThere> {
        let (command, text) = line.split_once(' ').unwrap_or((line, ""));
        let payload = self.write(|state| {
            if !state.channels.get(channel).is_some_and(|channel| channel.has(user)) {
                return Err(NotThere(format!("{user} is not in {channel}")));
            }
            Ok(state.slash_command(user, channel, command, text.trim()))
        })?;
        let on_ack = OnAck::Reply { user: user.to_owned(), channel: channel.to_owned() };
        let mut reply = self.deliver("slash_commands", true, &payload, on_ack).await;
        if reply.acked_after.is_none() {
            reply.sees = Sees::Trouble("failed with the error \"operation_timeout\"");
        } else if let Some(text) = reply.payload.as_ref().and_then(|payload| payload["text"].as_str()) {
            reply.sees = Sees::Answer(text.to_owned());
        }
        Ok(reply)
    }

    /// Fills in and submits the person's top modal. Inputs that must be filled in and aren't are `NotThere`.
    pub async fn submit_view(&self, user: &str, edits: &[(&str, Input)]) -> Result<Reply, NotThere> {
        let (view_id, payload) = self.write(|state| {
            let view = state.top_view(user)?;
            edit(view, edits)?;
            if view.json["submit"].is_null() && view.json["type"] == "modal" {
                return Err(NotThere("this modal has no submit button".to_owned()));
            }
            for element in elements(&blocks_of(view)).into_iter().filter(|element| element.required) {
                if is_blank(&view.state[&element.block_id][&element.action_id]) {
                    return Err(NotThere(format!("{} must be filled in", element.action_id)));
                }
            }
            let id = view.id.clone();
            Ok((id.clone(), state.view_ended("view_submission", user, &id)))
        })?;
        let on_ack = OnAck::Submission { user: user.to_owned(), view_id };
        let mut reply = self.deliver("interactive", true, &payload, on_ack).await;
        reply.sees = submission_result(&reply);
        Ok(reply)
    }

    /// Presses a button in the person's top modal, or in their home tab if no modal is open.
    pub async fn click_in_view(
        &self,
        user: &str,
        action_id: &str,
        edits: &[(&str, Input)],
    ) -> Result<Reply, NotThere> {
        let payload = self.write(|state| {
            let view = state.top_view(user)?;
            edit(view, edits)?;
            let (id, element) = (view.id.clone(), find(&blocks_of(view), action_id)?);
            let action = state.action(&element, &Value::Null);
            Ok(state.view_action(user, &id, &action))
        })?;
        Ok(self.interact(&payload).await)
    }

    /// Changes an element that reports each change in the top modal or home tab: one outside of input blocks, or in one
    /// with `dispatch_action`. Text is sent with Enter.
    pub async fn choose_in_view(&self, user: &str, action_id: &str, input: Input) -> Result<Reply, NotThere> {
        let payload = self.write(|state| {
            let view = state.top_view(user)?;
            let (id, element) = (view.id.clone(), find(&blocks_of(view), action_id)?);
            if !element.reports {
                return Err(NotThere(format!("{action_id} is sent with its form, not by itself")));
            }
            edit(view, &[(action_id, input.clone())])?;
            let now = chosen(&element, &input).map_err(NotThere)?;
            let action = state.action(&element, &now);
            Ok(state.view_action(user, &id, &action))
        })?;
        Ok(self.interact(&payload).await)
    }

    /// Types into the top modal or home tab without sending anything; what can't be put there is left out.
    pub fn fill_in(&self, user: &str, edits: &[(&str, Input)]) -> Result<(), NotThere> {
        self.write(|state| {
            let view = state.top_view(user)?;
            for one in edits {
                let _ = edit(view, std::slice::from_ref(one));
            }
            Ok(())
        })
    }

    /// Closes the top modal; the bot hears of it only if the view asked for it (`None` if not).
    pub async fn close_view(&self, user: &str) -> Result<Option<Reply>, NotThere> {
        let payload = self.write(|state| {
            let stack = state.modals.entry(user.to_owned()).or_default();
            let Some(view) = stack.last().cloned() else {
                return Err(NotThere("no modal is open".to_owned()));
            };
            let notify = view.json["notify_on_close"] == json!(true);
            let payload = notify.then(|| state.view_ended("view_closed", user, &view.id));
            state.modals.entry(user.to_owned()).or_default().pop();
            Ok(payload)
        })?;
        match payload {
            Some(payload) => Ok(Some(self.interact(&payload).await)),
            None => Ok(None),
        }
    }

    /// Opens the app's home tab. An event that is not acknowledged is sent once more, and one that found no
    /// socket comes with the next, as Slack does.
    pub async fn open_home(&self, user: &str) -> Reply {
        let payload = self.write(|state| state.home_opened(user));
        let reply = self.deliver("events_api", false, &payload, OnAck::Nothing).await;
        if reply.acked_after.is_some() || self.sockets() == 0 {
            return reply;
        }
        self.write(|state| state.send_as_retry(&reply.envelope_id));
        self.acked(&reply.envelope_id, 1).await
    }

    /// `/invite`: somebody, the bot perhaps, joins a channel. The bot hears of it where it is in the channel then, itself
    /// included.
    pub async fn invite(&self, user: &str, channel: &str) {
        let event = self.write(|state| {
            let joined = state.channels.get_mut(channel).expect("a channel to join");
            if !joined.has(user) {
                joined.members.push(user.to_owned());
            }
            let heard = joined.has(super::BOT_USER);
            heard.then(|| state.member_joined(user, channel))
        });
        if let Some(event) = event {
            self.deliver("events_api", false, &event, OnAck::Nothing).await;
        }
    }

    /// Sends the last payload again under the same envelope id, as Slack may; the bot acks each delivery.
    pub async fn resend_last_envelope(&self) -> Reply {
        let (id, acks) = self.write(|state| {
            let last = state.envelopes.last().expect("something was sent before");
            let (id, acks) = (last.id.clone(), last.acks.len());
            state.send_again(&id);
            (id, acks)
        });
        self.acked(&id, acks + 1).await
    }

    /// A message of the bot's that stands there from before, with this mark.
    pub fn say_as_bot(&self, channel: &str, key: &str) {
        self.say_as_bot_with(channel, &json!({ "key": key }));
    }

    /// The same, with more in its mark.
    pub fn say_as_bot_with(&self, channel: &str, mark: &Value) {
        let metadata = json!({"event_type": "inactive_contractors", "event_payload": mark});
        let content =
            Content { text: "(from before)".to_owned(), blocks: Vec::new(), metadata: Some(metadata) };
        self.write(|state| drop(state.post(channel, super::BOT_USER, None, content).ts.clone()));
    }

    /// Sends this text as a frame to one socket.
    pub fn send_raw(&self, frame: &str) {
        self.write(|state| {
            let socket = state.pick_socket();
            state.send_to(socket, frame.to_owned());
        });
    }

    /// Sends these bytes as a binary frame to one socket.
    pub fn send_bytes(&self, bytes: &[u8]) {
        self.write(|state| {
            let socket = state.pick_socket();
            state.command(socket, SocketCommand::SendBytes(bytes.to_vec()));
        });
    }

    /// Sends an envelope of a kind that no app knows, and doesn't wait for its ack.
    pub fn send_strange(&self, kind: &str, payload: &Value) {
        self.write(|state| state.send_envelope(kind, false, payload, OnAck::Nothing));
    }

    /// A person writes in a channel; returns the message's `ts`.
    pub fn say(&self, user: &str, channel: &str, text: &str) -> String {
        let content = Content { text: text.to_owned(), ..Content::default() };
        self.write(|state| state.post(channel, user, None, content).ts.clone())
    }

    async fn act_on_message(
        &self,
        user: &str,
        ts: &str,
        action_id: &str,
        input: Option<Input>,
    ) -> Result<Reply, NotThere> {
        let payload = self.write(|state| {
            let (blocks, channel, thread_ts, message) = state.shown(user, ts)?;
            let element = find(&blocks, action_id)?;
            let now = match &input {
                Some(input) => chosen(&element, input).map_err(NotThere)?,
                None if element.kind == "button" => Value::Null,
                None => return Err(NotThere(format!("{action_id} is a {}, no button", element.kind))),
            };
            let mut values = state_values(&blocks, &Value::Null);
            if values[&element.block_id].get(&element.action_id).is_some() {
                values[&element.block_id][&element.action_id] = now.clone();
            }
            let action = state.action(&element, &now);
            let on =
                OnMessage { channel: &channel, ts, thread_ts: thread_ts.as_deref(), message, state: values };
            Ok(state.message_action(user, on, &action))
        })?;
        Ok(self.interact(&payload).await)
    }

    async fn interact(&self, payload: &Value) -> Reply {
        let mut reply = self.deliver("interactive", false, payload, OnAck::Nothing).await;
        if reply.acked_after.is_none() {
            reply.sees = Sees::Trouble("⚠ This app responded with an error");
        }
        reply
    }

    async fn deliver(&self, kind: &str, accepts_payload: bool, payload: &Value, on_ack: OnAck) -> Reply {
        let id = self.write(|state| state.send_envelope(kind, accepts_payload, payload, on_ack));
        self.acked(&id, 1).await
    }

    /// Waits for the `count`-th ack. Without any socket Slack gives up at once.
    async fn acked(&self, id: &str, count: usize) -> Reply {
        let connected = self.read(|state| !state.sockets.is_empty());
        let patience = if connected { ACK_DEADLINE } else { Duration::ZERO };
        let mut changes = self.changed();
        let arrival = async {
            loop {
                changes.mark_unchanged();
                if let Some(ack) = self.ack(id, count) {
                    return ack;
                }
                let _ = changes.changed().await;
            }
        };
        tokio::pin!(arrival);
        let (mut ack, begun) = (tokio::time::timeout(patience, &mut arrival).await.ok(), Instant::now());
        while ack.is_none() && begun.elapsed() < GUARD && self.read(State::may_be_slow) {
            ack = tokio::time::timeout(ACK_DEADLINE, &mut arrival).await.ok();
        }
        if ack.is_none() {
            self.write(|state| state.missed(id));
        }
        let (acked_after, payload) = ack.map_or((None, None), |ack| (Some(ack.after), ack.payload));
        Reply { envelope_id: id.to_owned(), acked_after, payload, sees: Sees::Nothing }
    }

    fn ack(&self, id: &str, count: usize) -> Option<Ack> {
        self.read(|state| {
            let envelope = state.envelopes.iter().find(|envelope| envelope.id == id)?;
            envelope.acks.get(count - 1).cloned()
        })
    }
}

/// The blocks, channel, thread and (unless ephemeral) JSON of a message.
type Shown = (Vec<Value>, String, Option<String>, Option<Value>);

impl State {
    /// The message with this timestamp that the person sees.
    fn shown(&mut self, user: &str, ts: &str) -> Result<Shown, NotThere> {
        if let Some(seen) = self.ephemerals.iter().find(|seen| seen.ts == ts && seen.user == user) {
            return Ok((seen.blocks.clone(), seen.channel.clone(), seen.thread_ts.clone(), None));
        }
        let message = self.messages.iter().find(|message| !message.deleted && message.ts == ts);
        let message = message.ok_or_else(|| NotThere(format!("no message {ts}")))?;
        if !self.channels.get(&message.channel).is_some_and(|channel| channel.has(user)) {
            return Err(NotThere(format!("{user} is not in {}", message.channel)));
        }
        let json = message.to_json(&self.messages, true);
        Ok((message.current().blocks.clone(), message.channel.clone(), message.thread_ts.clone(), Some(json)))
    }

    fn top_view(&mut self, user: &str) -> Result<&mut View, NotThere> {
        let modal = self.modals.get_mut(user).and_then(|stack| stack.last_mut());
        let view = modal.or_else(|| self.homes.get_mut(user));
        view.ok_or_else(|| NotThere(format!("{user} has no modal open and no home tab")))
    }
}

fn blocks_of(view: &View) -> Vec<Value> {
    view.json["blocks"].as_array().cloned().unwrap_or_default()
}

fn edit(view: &mut View, edits: &[(&str, Input)]) -> Result<(), NotThere> {
    let blocks = blocks_of(view);
    for (action_id, input) in edits {
        let element = find(&blocks, action_id)?;
        let value = chosen(&element, input).map_err(NotThere)?;
        if view.state[&element.block_id].get(&element.action_id).is_some() {
            view.state[&element.block_id][&element.action_id] = value;
        }
    }
    Ok(())
}

fn find(blocks: &[Value], action_id: &str) -> Result<Element, NotThere> {
    let matches = |element: &Element| {
        element.action_id == action_id || format!("{}/{}", element.block_id, element.action_id) == action_id
    };
    let mut found: Vec<Element> = elements(blocks).into_iter().filter(matches).collect();
    match (found.pop(), found.len()) {
        (Some(element), 0) => Ok(element),
        (Some(_), more) => Err(NotThere(format!("{} elements {action_id:?}: {}", more + 1, offer(blocks)))),
        (None, _) => Err(NotThere(format!("no element {action_id:?}: {}", offer(blocks)))),
    }
}

fn offer(blocks: &[Value]) -> String {
    let ids =
        elements(blocks).into_iter().map(|element| format!("{}/{}", element.block_id, element.action_id));
    format!("there are [{}]", ids.collect::<Vec<_>>().join(", "))
}

fn submission_result(reply: &Reply) -> Sees {
    if reply.acked_after.is_none() {
        return Sees::Trouble("We had some trouble connecting. Try again?");
    }
    let payload = reply.payload.clone().unwrap_or_default();
    match payload["response_action"].as_str() {
        Some("errors") => {
            Sees::ViewErrors(serde_json::from_value(payload["errors"].clone()).unwrap_or_default())
        }
        Some("update") => Sees::ViewUpdated,
        Some("push") => Sees::ViewPushed,
        Some(_) | None => Sees::ViewClosed,
    }
}

/// Puts another value into the element with this action id, wherever it is.
fn forge(part: &mut Value, action_id: &str, value: &str) {
    match part {
        Value::Object(fields) => {
            if fields.get("action_id").is_some_and(|id| id == action_id) {
                // A forger of what a button means keeps what says whose it is.
                let signature =
                    fields.get("value").and_then(Value::as_str).and_then(|old| old.rsplit_once('~'));
                let forged = match signature {
                    Some((_, signature)) if !value.contains('~') => format!("{value}~{signature}"),
                    Some(_) | None => value.to_owned(),
                };
                fields.insert("value".to_owned(), forged.into());
            }
            fields.values_mut().for_each(|part| forge(part, action_id, value));
        }
        Value::Array(parts) => parts.iter_mut().for_each(|part| forge(part, action_id, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
