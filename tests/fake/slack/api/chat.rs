//! `chat.*`: <https://docs.slack.dev/reference/methods?family=chat>.

use serde_json::{Value, json};

use super::super::blocks::fill_ids;
use super::super::limits::{MESSAGE_TEXT_MAX, Surface, check_blocks, pictures, total_text};
use super::super::state::{Channel, Content, Ephemeral, Message, State, Version};
use super::super::{BOT_USER, OTHER_TEAM};
use super::{Args, Outcome, Refusal};

/// Above it a message without blocks is refused.
const TEXT_MAX: usize = 4000;
/// Above it any text is.
const TEXT_WITH_BLOCKS_MAX: usize = 40_000;
/// The practical limit of an ephemeral message.
const EPHEMERAL_TEXT_MAX: usize = 3000;

impl State {
    pub fn chat_post_message(&mut self, args: &Args) -> Outcome {
        let content = self.content("chat.postMessage", args, TEXT_MAX)?;
        let to = args.text("channel").ok_or(Refusal::new("channel_not_found"))?;
        let channel = if self.people.contains_key(&to) { self.reachable_directly(&to)? } else { to };
        self.writable(&channel)?;
        let thread_ts = args.text("thread_ts");
        if let Some(thread_ts) = &thread_ts {
            self.check_thread(&channel, thread_ts)?;
        }
        let broadcast = thread_ts.is_some() && args.flag("reply_broadcast");
        let ts = self.post(&channel, BOT_USER, thread_ts, content).ts.clone();
        let message = self.message_mut(&channel, &ts).expect("just posted");
        message.reply_broadcast = broadcast;
        let message = self.message(&channel, &ts).expect("just posted").to_json(&self.messages, true);
        Ok(json!({"channel": channel, "ts": ts, "message": message}))
    }

    pub fn chat_update(&mut self, args: &Args) -> Outcome {
        let mut content = self.content("chat.update", args, TEXT_MAX)?;
        let channel = args.text("channel").ok_or(Refusal::new("channel_not_found"))?;
        let ts = args.text("ts").ok_or(Refusal::new("message_not_found"))?;
        self.writable(&channel)?;
        let version_ts = self.next_ts();
        let message = self.message_mut(&channel, &ts).ok_or(Refusal::new("message_not_found"))?;
        if message.user != BOT_USER {
            return Err(Refusal::new("cant_update_message"));
        }
        match &content.metadata {
            None => content.metadata.clone_from(&message.current().metadata),
            Some(metadata) if *metadata == json!({}) => content.metadata = None,
            Some(_) => {}
        }
        let Content { text, blocks, metadata } = content;
        message.versions.push(Version { ts: version_ts, text: text.clone(), blocks, metadata });
        let message = self.message(&channel, &ts).expect("just updated").to_json(&self.messages, true);
        Ok(json!({"channel": channel, "ts": ts, "text": text, "message": message}))
    }

    pub fn chat_post_ephemeral(&mut self, args: &Args) -> Outcome {
        let content = self.content("chat.postEphemeral", args, EPHEMERAL_TEXT_MAX)?;
        let channel = args.text("channel").ok_or(Refusal::new("channel_not_found"))?;
        self.writable(&channel)?;
        let user = args.text("user").filter(|user| self.channels[&channel].has(user));
        let user = user.ok_or(Refusal::new("user_not_in_channel"))?;
        let ts = self.send_ephemeral(&channel, &user, args.text("thread_ts"), content.text, content.blocks);
        Ok(json!({"message_ts": ts}))
    }

    pub fn chat_delete(&mut self, args: &Args) -> Outcome {
        let channel = args.text("channel").ok_or(Refusal::new("channel_not_found"))?;
        let ts = args.text("ts").unwrap_or_default();
        self.writable(&channel)?;
        let message = self.message_mut(&channel, &ts).ok_or(Refusal::new("message_not_found"))?;
        if message.user != BOT_USER {
            return Err(Refusal::new("cant_delete_message"));
        }
        message.deleted = true;
        Ok(json!({"channel": channel, "ts": ts}))
    }

    pub fn chat_get_permalink(&mut self, args: &Args) -> Outcome {
        let channel = args.text("channel").unwrap_or_default();
        self.visible(&channel)?;
        let ts = args.text("message_ts").unwrap_or_default();
        let message = self.message(&channel, &ts).ok_or(Refusal::new("message_not_found"))?;
        let digits = message.ts.replace('.', "");
        Ok(
            json!({"channel": channel, "permalink": format!("https://contractors.slack.com/archives/{channel}/p{digits}")}),
        )
    }

    /// Shows one person a message that nobody else sees.
    pub fn send_ephemeral(
        &mut self,
        channel: &str,
        user: &str,
        thread_ts: Option<String>,
        text: String,
        blocks: Vec<Value>,
    ) -> String {
        let ts = self.next_ts();
        let (channel, user) = (channel.to_owned(), user.to_owned());
        self.ephemerals.push(Ephemeral { channel, user, ts: ts.clone(), thread_ts, text, blocks });
        ts
    }

    /// The message in the call, if Slack would take it.
    pub fn content(&mut self, method: &str, args: &Args, text_max: usize) -> Result<Content, Refusal> {
        let text = args.text("text").unwrap_or_default();
        let mut blocks = match args.json("blocks") {
            Value::Null => Vec::new(),
            Value::Array(blocks) => blocks,
            _ => return Err(Refusal::new("invalid_blocks_format")),
        };
        if text.is_empty() && blocks.is_empty() {
            return Err(Refusal::new("no_text"));
        }
        let most = if blocks.is_empty() { text_max } else { TEXT_WITH_BLOCKS_MAX };
        if text.chars().count() > most {
            return Err(Refusal::new("msg_too_long"));
        }
        let problems = check_blocks(&blocks, Surface::Message);
        if !problems.is_empty() {
            return Err(Refusal::with_messages("invalid_blocks", problems));
        }
        self.look_at_pictures(&pictures(&blocks), "invalid_blocks")?;
        if blocks.iter().map(total_text).sum::<usize>() > MESSAGE_TEXT_MAX {
            return Err(Refusal::new("msg_blocks_too_long"));
        }
        if text.is_empty() {
            self.violation(format!(
                "{method}: blocks without a top-level text, which is all that notifications show"
            ));
        }
        self.notice_pings(method, &text, &blocks);
        fill_ids(&mut blocks, || self.mint("b"));
        let metadata = self.metadata(method, args.json("metadata"))?;
        Ok(Content { text, blocks, metadata })
    }

    pub fn notice_pings(&mut self, method: &str, text: &str, blocks: &[Value]) {
        if let Some(ping) = ["<!channel", "<!here", "<!everyone"].iter().find(|ping| said(text, blocks, ping))
        {
            self.violation(format!("{method}: {ping}> unescaped, which pings everybody"));
        }
    }

    fn metadata(&mut self, method: &str, metadata: Value) -> Result<Option<Value>, Refusal> {
        if metadata.is_null() || metadata == json!({}) {
            return Ok((!metadata.is_null()).then_some(metadata));
        }
        let payload = metadata["event_payload"].as_object();
        let (Some(_), Some(payload)) = (metadata["event_type"].as_str(), payload) else {
            return Err(Refusal::new("invalid_metadata_format"));
        };
        if payload.values().any(|value| !value.is_string()) {
            self.violation(format!(
                "{method}: metadata with a value that is no string; its clicks can't be parsed"
            ));
        }
        Ok(Some(metadata))
    }

    pub fn check_thread(&mut self, channel: &str, thread_ts: &str) -> Result<(), Refusal> {
        let parent: &Message = self.message(channel, thread_ts).ok_or(Refusal::new("thread_not_found"))?;
        if parent.thread_ts.is_some() {
            self.violation("thread_ts is that of a reply, not of the parent");
        }
        Ok(())
    }

    fn reachable_directly(&mut self, user: &str) -> Result<String, Refusal> {
        let person = &self.people[user];
        if person.is_bot || person.deleted || person.team_id == OTHER_TEAM {
            return Err(Refusal::new("channel_not_found"));
        }
        Ok(self.direct_channel(user))
    }

    /// The bot may read about the channel.
    pub fn visible(&self, id: &str) -> Result<&Channel, Refusal> {
        let channel = self.channels.get(id).ok_or(Refusal::new("channel_not_found"))?;
        let hidden = channel.kind != super::ChannelKind::Public && !channel.has(BOT_USER);
        if hidden { Err(Refusal::new("channel_not_found")) } else { Ok(channel) }
    }

    /// The bot may write to the channel.
    pub fn writable(&self, id: &str) -> Result<(), Refusal> {
        let channel = self.visible(id)?;
        let may = channel.has(BOT_USER) || self.scopes.contains("chat:write.public");
        match (may, channel.archived) {
            (false, _) => Err(Refusal::new("not_in_channel")),
            (true, true) => Err(Refusal::new("is_archived")),
            (true, false) => Ok(()),
        }
    }
}

/// Whether the top-level text or a mrkdwn text says this (plain text pings nobody).
fn said(text: &str, blocks: &[Value], what: &str) -> bool {
    fn in_mrkdwn(value: &Value, what: &str) -> bool {
        match value {
            Value::Array(items) => items.iter().any(|item| in_mrkdwn(item, what)),
            Value::Object(fields) => {
                let text = fields.get("text").and_then(Value::as_str).unwrap_or_default();
                let mrkdwn =
                    matches!(fields.get("type").and_then(Value::as_str), Some("mrkdwn" | "markdown"));
                mrkdwn && text.contains(what) || fields.values().any(|value| in_mrkdwn(value, what))
            }
            _ => false,
        }
    }
    text.contains(what) || blocks.iter().any(|block| in_mrkdwn(block, what))
}
