//! What people see: snapshots of the workspace, and waiting for it to look as expected.
//!
//! Waiting ends with the change that was waited for, or after ten seconds with a panic that shows what was there.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use super::super::GUARD;
use super::blocks::{elements, visible_text};
use super::socket::{Ack, Envelope, Sent};
use super::state::{Call, Channel, ChannelKind, Ephemeral, File, Message, SlackUser, UserGroup, View};
use super::{BOT_USER, FakeSlack};

/// Far longer than anything takes here, short enough to wait for when a test fails.
const PATIENCE: Duration = GUARD;

impl Message {
    /// The text in its blocks and beside them, as it is now.
    pub fn visible_text(&self) -> String {
        let version = self.current();
        if version.blocks.is_empty() { version.text.clone() } else { visible_text(&version.blocks) }
    }

    /// The action ids of the buttons, menus and inputs that it offers now.
    pub fn actions(&self) -> Vec<String> {
        elements(&self.current().blocks).into_iter().map(|element| element.action_id).collect()
    }

    /// The action ids of the buttons that it offers now: menus beside people are not among them.
    pub fn buttons(&self) -> Vec<String> {
        let elements = elements(&self.current().blocks).into_iter();
        elements.filter(|element| element.kind == "button").map(|element| element.action_id).collect()
    }

    /// Whether people can click on or choose from this now.
    pub fn offers(&self, action_id: &str) -> bool {
        self.actions().iter().any(|id| id == action_id)
    }

    /// Where the (first) element with this action id is, as `block_id/action_id`: what a client that shows this version
    /// sends when it is pressed, whatever the message has become meanwhile.
    pub fn place(&self, action_id: &str) -> Option<String> {
        let found =
            elements(&self.current().blocks).into_iter().find(|element| element.action_id == action_id)?;
        Some(format!("{}/{action_id}", found.block_id))
    }

    /// The JSON of the (first) element with this action id.
    pub fn element(&self, action_id: &str) -> Option<Value> {
        let found =
            elements(&self.current().blocks).into_iter().find(|element| element.action_id == action_id);
        found.map(|element| element.json)
    }
}

impl Ephemeral {
    /// The text in its blocks, or else beside them.
    pub fn visible_text(&self) -> String {
        if self.blocks.is_empty() { self.text.clone() } else { visible_text(&self.blocks) }
    }

    /// The action ids that it offers.
    pub fn actions(&self) -> Vec<String> {
        elements(&self.blocks).into_iter().map(|element| element.action_id).collect()
    }
}

impl View {
    /// Its title, buttons and the text in its blocks.
    pub fn visible_text(&self) -> String {
        visible_text(std::slice::from_ref(&self.json)) + "\n" + &visible_text(self.blocks())
    }

    /// As the bot sent them, with the ids that Slack fills in.
    pub fn blocks(&self) -> &[Value] {
        self.json["blocks"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The action ids that it offers.
    pub fn actions(&self) -> Vec<String> {
        elements(self.blocks()).into_iter().map(|element| element.action_id).collect()
    }

    /// The JSON of the (first) element with this action id.
    pub fn element(&self, action_id: &str) -> Option<Value> {
        let found = elements(self.blocks()).into_iter().find(|element| element.action_id == action_id);
        found.map(|element| element.json)
    }
}

impl FakeSlack {
    /// Adds a person, or replaces the one with this id, and lets them join `channels`.
    pub fn add_user(&self, user: SlackUser, channels: &[&str]) {
        self.write(|state| {
            for channel in channels {
                let channel = state.channels.get_mut(*channel).expect("a channel to join");
                if !channel.has(&user.id) {
                    channel.members.push(user.id.clone());
                }
            }
            state.people.insert(user.id.clone(), user);
        });
    }

    /// Adds a channel, or replaces the one with this id.
    pub fn add_channel(&self, channel: Channel) {
        self.write(|state| state.channels.insert(channel.id.clone(), channel));
    }

    /// Adds a user group, or replaces the one with this id.
    pub fn add_group(&self, group: UserGroup) {
        self.write(|state| {
            state.groups.retain(|known| known.id != group.id);
            state.groups.push(group);
        });
    }

    /// An admin archives a channel, or brings it back.
    pub fn archive(&self, channel: &str, archived: bool) {
        self.write(|state| {
            state.channels.get_mut(channel).expect("a channel to archive").archived = archived;
        });
    }

    /// Somebody (the bot, say) is removed from a channel.
    pub fn leave(&self, user: &str, channel: &str) {
        self.write(|state| {
            let channel = state.channels.get_mut(channel).expect("a channel to leave");
            channel.members.retain(|member| member != user);
        });
    }

    /// Puts what one person has open in front of another, as somebody does who forges a payload.
    pub fn hand_over(&self, from: &str, to: &str) {
        self.write(|state| {
            let to_owner =
                |view: &View| View { id: format!("{}-{to}", view.id), user: to.to_owned(), ..view.clone() };
            let modals = state.modals.get(from).map(|all| all.iter().map(to_owner).collect());
            state.modals.insert(to.to_owned(), modals.unwrap_or_default());
            if let Some(home) = state.homes.get(from).map(to_owner) {
                state.homes.insert(to.to_owned(), home);
            }
        });
    }

    /// Everybody, bots included.
    pub fn people(&self) -> Vec<SlackUser> {
        self.read(|state| state.people.values().cloned().collect())
    }

    /// All conversations, the direct ones included.
    pub fn channels(&self) -> Vec<Channel> {
        self.read(|state| state.channels.values().cloned().collect())
    }

    /// The channel's top-level messages, oldest first; deleted ones are gone.
    pub fn messages(&self, channel: &str) -> Vec<Message> {
        let top_level = |message: &&Message| message.thread_ts.is_none() && message.channel == channel;
        self.all_messages(top_level)
    }

    /// The replies in a thread, oldest first.
    pub fn replies(&self, channel: &str, ts: &str) -> Vec<Message> {
        self.all_messages(|message| message.channel == channel && message.thread_ts.as_deref() == Some(ts))
    }

    /// What the bot wrote to this person alone, oldest first.
    pub fn direct_messages(&self, user: &str) -> Vec<Message> {
        let channels = self.channels();
        let direct = ChannelKind::Direct { user: user.to_owned() };
        let Some(channel) = channels.into_iter().find(|channel| channel.kind == direct) else {
            return Vec::new();
        };
        self.all_messages(|message| message.channel == channel.id && message.user == BOT_USER)
    }

    /// The conversation of the bot with this person, opened if need be.
    pub fn direct_channel(&self, user: &str) -> String {
        self.write(|state| state.direct_channel(user))
    }

    fn all_messages(&self, wanted: impl Fn(&&Message) -> bool) -> Vec<Message> {
        let shown = |message: &&Message| !message.deleted && wanted(message);
        self.read(|state| state.messages.iter().filter(shown).cloned().collect())
    }

    /// The message with this timestamp, in any channel.
    pub fn message(&self, ts: &str) -> Option<Message> {
        self.all_messages(|message| message.ts == ts).pop()
    }

    /// What only this person sees, oldest first.
    pub fn ephemerals(&self, user: &str) -> Vec<Ephemeral> {
        self.read(|state| state.ephemerals.iter().filter(|seen| seen.user == user).cloned().collect())
    }

    /// Lets the app open a modal for the person, as one of their clicks would.
    pub fn trigger(&self, user: &str) -> String {
        self.write(|state| state.new_trigger(user, None))
    }

    /// The person's open modals, the top one last.
    pub fn views(&self, user: &str) -> Vec<View> {
        self.read(|state| state.modals.get(user).cloned().unwrap_or_default())
    }

    /// The files whose upload was completed, oldest first.
    pub fn files(&self) -> Vec<File> {
        self.read(|state| state.files.iter().filter(|file| file.complete).cloned().collect())
    }

    /// The person's home tab, once published.
    pub fn home(&self, user: &str) -> Option<View> {
        self.read(|state| state.homes.get(user).cloned())
    }

    /// Every message in any channel and thread that is not deleted, oldest first.
    pub fn everything_said(&self) -> Vec<Message> {
        self.all_messages(|_| true)
    }

    /// What a correct bot would not have done, oldest first.
    pub fn violations(&self) -> Vec<String> {
        self.read(|state| state.violations.clone())
    }

    /// Whether to wait beyond Slack's three seconds for the ack, or the dialog, of a bot that is there: then a slow
    /// machine changes nothing. A bot that is gone, or whose socket is frozen, loses its clicks all the same.
    pub fn wait_for_slow(&self, whether: bool) {
        self.write(|state| state.waits_for_slow = whether);
    }

    /// The Web API calls that reached their method (the last of many are not kept), oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.read(|state| state.calls.clone())
    }

    /// Every ack of the envelope, in order of arrival.
    pub fn acks(&self, envelope_id: &str) -> Vec<Ack> {
        self.read(|state| {
            let envelope = state.envelopes.iter().find(|envelope| envelope.id == envelope_id);
            envelope.map(|envelope| envelope.acks.clone()).unwrap_or_default()
        })
    }

    /// Every payload that was ever sent, in the order of the first time.
    pub fn everything_sent(&self) -> Vec<Sent> {
        let sent = |envelope: &Envelope| Sent {
            id: envelope.id.clone(),
            kind: envelope.frame["type"].as_str().unwrap_or_default().to_owned(),
            payload: envelope.frame["payload"].clone(),
            at: envelope.sent_at.clone(),
            acks: envelope.acks.clone(),
        };
        self.read(|state| state.envelopes.iter().map(sent).collect())
    }

    /// The payload of the envelope as it was sent.
    pub fn sent(&self, envelope_id: &str) -> Option<Value> {
        self.read(|state| {
            let envelope = state.envelopes.iter().find(|envelope| envelope.id == envelope_id);
            envelope.map(|envelope| envelope.frame["payload"].clone())
        })
    }

    /// The payload of the envelope that was sent last.
    pub fn last_sent(&self) -> Option<Value> {
        self.read(|state| state.envelopes.last().map(|envelope| envelope.frame["payload"].clone()))
    }

    /// Sockets that are open and alive, those that were asked to go included.
    pub fn sockets(&self) -> usize {
        self.read(|state| state.sockets.iter().filter(|socket| !socket.frozen).count())
    }

    /// Sockets that get new payloads: alive and not asked to go.
    pub fn fresh_sockets(&self) -> usize {
        self.read(|state| state.sockets.iter().filter(|socket| !socket.frozen && !socket.draining).count())
    }

    /// Sockets ever opened.
    pub fn connections_opened(&self) -> usize {
        self.read(|state| state.connections_opened)
    }

    /// Waits until `look` finds something; panics with `what` and a picture of the workspace if it never does.
    pub async fn wait_for<T>(&self, what: &str, look: impl Fn(&FakeSlack) -> Option<T>) -> T {
        self.wait_within(PATIENCE, what, look).await
    }

    /// The same, for what takes the bot longer by design: mutation testing, which is impatient otherwise, waits for it too.
    pub async fn wait_long<T>(&self, what: &str, look: impl Fn(&FakeSlack) -> Option<T>) -> T {
        self.wait_within(GUARD, what, look).await
    }

    async fn wait_within<T>(
        &self,
        patience: Duration,
        what: &str,
        look: impl Fn(&FakeSlack) -> Option<T>,
    ) -> T {
        let mut changes = self.changed();
        let search = async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = look(self) {
                    return found;
                }
                let _ = changes.changed().await;
            }
        };
        let found = tokio::time::timeout(patience, search).await;
        found.unwrap_or_else(|_| panic!("waited {patience:?} for {what}; there was\n{}", self.dump()))
    }

    /// Waits for a message, reply or direct message, new or updated, that fits.
    pub async fn wait_message(&self, what: &str, fits: impl Fn(&Message) -> bool) -> Message {
        self.wait_for(what, |slack| slack.all_messages(|message| fits(message)).pop()).await
    }

    /// Waits until the message with this timestamp fits.
    pub async fn wait_update(&self, ts: &str, what: &str, fits: impl Fn(&Message) -> bool) -> Message {
        self.wait_for(what, |slack| slack.message(ts).filter(&fits)).await
    }

    /// Waits for something that only this person sees.
    pub async fn wait_ephemeral(
        &self,
        user: &str,
        what: &str,
        fits: impl Fn(&Ephemeral) -> bool,
    ) -> Ephemeral {
        self.wait_for(what, |slack| slack.ephemerals(user).into_iter().rfind(&fits)).await
    }

    /// Waits until the person's top modal fits.
    pub async fn wait_view(&self, user: &str, what: &str, fits: impl Fn(&View) -> bool) -> View {
        self.wait_for(what, |slack| slack.views(user).pop().filter(&fits)).await
    }

    /// Waits until the person's home tab fits.
    pub async fn wait_home(&self, user: &str, what: &str, fits: impl Fn(&View) -> bool) -> View {
        self.wait_for(what, |slack| slack.home(user).filter(&fits)).await
    }

    /// Waits until that many sockets get payloads.
    pub async fn wait_connected(&self, sockets: usize) {
        self.wait_for("sockets", |slack| (slack.fresh_sockets() == sockets).then_some(())).await;
    }

    /// Waits until a call of `method` has been answered, counting from the `number`-th (1 is the first ever).
    pub async fn wait_call(&self, method: &str, number: usize) -> Call {
        let nth = |slack: &FakeSlack| {
            slack.calls().into_iter().filter(|call| call.method == method).nth(number - 1)
        };
        self.wait_for(method, nth).await
    }

    /// Everything that people see, and all violations, as text.
    pub fn dump(&self) -> String {
        self.read(|state| {
            let mut dump = String::new();
            for message in state.messages.iter().filter(|message| !message.deleted) {
                let thread =
                    message.thread_ts.as_ref().map_or(String::new(), |ts| format!(" in thread {ts}"));
                let version = message.versions.len();
                let _ = writeln!(
                    dump,
                    "{} {}{thread} by {} v{version}: {:?}",
                    message.channel,
                    message.ts,
                    message.user,
                    message.current().text
                );
                let _ =
                    writeln!(dump, "{}\n  actions {:?}", indent(&message.visible_text()), message.actions());
            }
            for seen in &state.ephemerals {
                let _ = writeln!(
                    dump,
                    "only {} in {}:\n{}",
                    seen.user,
                    seen.channel,
                    indent(&seen.visible_text())
                );
            }
            for view in state.modals.values().flatten().chain(state.homes.values()) {
                let _ = writeln!(
                    dump,
                    "{} of {}:\n{}",
                    view.json["type"],
                    view.user,
                    indent(&view.visible_text())
                );
            }
            let sockets = state.sockets.len();
            let calls: Vec<String> = state
                .calls
                .iter()
                .rev()
                .take(10)
                .map(|call| format!("{}={}", call.method, call.answer))
                .collect();
            let _ =
                writeln!(dump, "{sockets} sockets; last calls {calls:?}; violations {:?}", state.violations);
            dump
        })
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}
