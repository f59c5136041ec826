//! `conversations.*`: <https://docs.slack.dev/reference/methods?family=conversations>.

use serde_json::{Value, json};

use super::super::BOT_USER;
use super::super::state::{Channel, ChannelKind, Message, State};
use super::{Args, Outcome, Refusal};

impl State {
    pub fn conversations_info(&mut self, args: &Args) -> Outcome {
        let channel = self.visible(&args.text("channel").unwrap_or_default())?;
        let mut info = channel.to_json();
        if args.flag("include_num_members") {
            info["num_members"] = json!(channel.members.len());
        }
        Ok(json!({"channel": info}))
    }

    pub fn conversations_members(&mut self, args: &Args) -> Outcome {
        let channel = self.visible(&args.text("channel").unwrap_or_default())?;
        let (members, next) = self.page(args, &channel.members, 100)?;
        Ok(json!({"members": members, "response_metadata": {"next_cursor": next}}))
    }

    pub fn conversations_history(&mut self, args: &Args) -> Outcome {
        let channel = self.readable(args)?;
        let in_channel = |message: &&Message| message.thread_ts.is_none() || message.reply_broadcast;
        let mut messages = self.in_range(channel, args, in_channel);
        messages.reverse();
        self.listing(args, &messages)
    }

    pub fn conversations_replies(&mut self, args: &Args) -> Outcome {
        let channel = self.readable(args)?;
        let ts = args.text("ts").unwrap_or_default();
        let start = self.message(channel, &ts).ok_or(Refusal::new("thread_not_found"))?;
        let root = start.thread_ts.clone().unwrap_or_else(|| start.ts.clone());
        let parent = self.message(channel, &root).cloned();
        let replies = self.in_range(channel, args, |message| message.thread_ts.as_ref() == Some(&root));
        let messages: Vec<Message> = parent.into_iter().chain(replies).collect();
        self.listing(args, &messages)
    }

    pub fn conversations_open(&mut self, args: &Args) -> Outcome {
        let users: Vec<String> = match args.json("users") {
            Value::Array(users) => users.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => args.text("users").iter().flat_map(|users| users.split(',')).map(str::to_owned).collect(),
        };
        let [user] = users.as_slice() else { return Err(Refusal::new("users_list_not_supplied")) };
        let person = self.people.get(user).ok_or(Refusal::new("user_not_found"))?;
        if person.deleted {
            return Err(Refusal::new("user_disabled"));
        }
        if person.is_bot {
            return Err(Refusal::new("cannot_dm_bot"));
        }
        let id = self.direct_channel(&user.clone());
        let channel = if args.flag("return_im") { self.channels[&id].to_json() } else { json!({"id": id}) };
        Ok(json!({"channel": channel}))
    }

    fn readable(&self, args: &Args) -> Result<&str, Refusal> {
        let channel = self.visible(&args.text("channel").unwrap_or_default())?;
        if channel.has(BOT_USER) { Ok(&channel.id) } else { Err(Refusal::new("not_in_channel")) }
    }

    /// The messages between `oldest` and `latest`, oldest first.
    fn in_range(&self, channel: &str, args: &Args, wanted: impl Fn(&&Message) -> bool) -> Vec<Message> {
        let (oldest, latest, inclusive) = (args.text("oldest"), args.text("latest"), args.flag("inclusive"));
        let in_range = |message: &&Message| {
            let at = micros(&message.ts);
            let after = oldest
                .as_deref()
                .is_none_or(|oldest| at > micros(oldest) || inclusive && at == micros(oldest));
            let before = latest
                .as_deref()
                .is_none_or(|latest| at < micros(latest) || inclusive && at == micros(latest));
            after && before
        };
        let here = self.messages.iter().filter(|message| !message.deleted && message.channel == channel);
        here.filter(wanted).filter(in_range).cloned().collect()
    }

    fn listing(&self, args: &Args, messages: &[Message]) -> Outcome {
        let (page, next) = self.page(args, messages, 100)?;
        let with_metadata = args.flag("include_all_metadata");
        let page: Vec<Value> =
            page.iter().map(|message| message.to_json(&self.messages, with_metadata)).collect();
        let mut answer = json!({"messages": page, "has_more": !next.is_empty()});
        if !next.is_empty() {
            answer["response_metadata"] = json!({"next_cursor": next});
        }
        Ok(answer)
    }
}

/// A timestamp as a number; `oldest=1700000000` without a fraction is valid too.
fn micros(ts: &str) -> i64 {
    let (seconds, fraction) = ts.split_once('.').unwrap_or((ts, "0"));
    let fraction: i64 =
        format!("{fraction:0<6}").get(..6).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    seconds.parse::<i64>().unwrap_or(0) * 1_000_000 + fraction
}

impl Channel {
    /// As Slack's API shows it.
    fn to_json(&self) -> Value {
        let direct = match &self.kind {
            ChannelKind::Direct { user } => Some(user),
            ChannelKind::Public | ChannelKind::Private => None,
        };
        let private = self.kind == ChannelKind::Private;
        let mut json = json!({
            "id": self.id, "created": 1_700_000_000, "creator": super::super::U_ADMIN, "is_channel": direct.is_none(),
            "is_group": private, "is_im": direct.is_some(), "is_mpim": false, "is_private": private || direct.is_some(),
            "is_archived": self.archived, "is_general": false, "is_shared": false, "is_org_shared": false,
            "is_member": self.has(BOT_USER),
        });
        if let Some(user) = direct {
            json["user"] = json!(user);
        } else {
            json["name"] = json!(self.name);
            json["name_normalized"] = json!(self.name);
        }
        json
    }
}
