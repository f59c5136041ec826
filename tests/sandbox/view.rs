//! The world as the page's JSON.

use inactive_contractors::commands::grammar::subcommands;
use serde_json::{Map, Value, json};

use super::people::PEOPLE;
use super::{Revision, Sandbox, Side};
use fake::slack::{BOT_USER, C_OPS, Ephemeral, File, Message, View};

/// What the page shows. Of what changes seldom or only grows, a page that knows `known` gets what it does not know yet.
pub fn state(sandbox: &Sandbox, known: Option<Revision>) -> Value {
    let world = &sandbox.world;
    // Looked at first: what changes while the rest is gathered is in the next state once more.
    let revision = sandbox.revision();
    let known = known.filter(|known| known.run == revision.run);
    let mut state = json!({
        "revision": revision.to_string(),
        "now": world.clock.now(),
        "started": sandbox.started,
        "bot": {
            "name": "inactive-contractors",
            "running": world.bot_runs(),
            "connected": world.bot_runs() && world.slack.sockets() > 0,
        },
        "people": people(sandbox),
        "channel": channel(sandbox),
        "directs": directs(sandbox),
        "messages": messages(sandbox),
        "ephemerals": ephemerals(sandbox),
        "views": views(sandbox),
        "homes": homes(sandbox),
        "commands": commands(),
        "big": sandbox.is_big(),
        "audit_total": revision.audit,
        "audit": audit(sandbox, known.map_or(0, |known| known.audit)),
        "faults": { "okta": sandbox.armed(Side::Okta), "slack": sandbox.armed(Side::Slack) },
    });
    if known.is_none_or(|known| known.okta != revision.okta) {
        state["okta"] = json!(world.okta.people());
    }
    state
}

/// What the composer completes.
fn commands() -> Vec<Value> {
    subcommands().into_iter().map(|(name, about)| json!({ "name": name, "about": about })).collect()
}

fn channel(sandbox: &Sandbox) -> Value {
    let channels = sandbox.world.slack.channels();
    let channel =
        channels.iter().find(|channel| channel.id == C_OPS).expect("the channel of the policy is there");
    json!({ "id": channel.id, "name": channel.name, "members": channel.members })
}

/// The conversation of each person with the bot.
fn directs(sandbox: &Sandbox) -> Value {
    let slack = &sandbox.world.slack;
    let direct = |(id, _): &(&str, _)| ((*id).to_owned(), Value::from(slack.direct_channel(id)));
    Value::Object(PEOPLE.iter().map(direct).collect())
}

/// The messages of the channel and of everybody's conversation with the bot, each with its replies.
fn messages(sandbox: &Sandbox) -> Vec<Value> {
    let slack = &sandbox.world.slack;
    let places = PEOPLE.iter().map(|(id, _)| slack.direct_channel(id)).chain([C_OPS.to_owned()]);
    let (mut all, files) = (Vec::new(), slack.files());
    for place in places {
        let top = slack.messages(&place);
        let replies: Vec<Message> =
            top.iter().flat_map(|message| slack.replies(&place, &message.ts)).collect();
        let here: Vec<Message> = top.into_iter().chain(replies).collect();
        all.extend(here.iter().map(|one| message(one, &here, &files)));
    }
    all
}

fn people(sandbox: &Sandbox) -> Vec<Value> {
    let users = sandbox.world.slack.people();
    PEOPLE
        .iter()
        .filter_map(|(id, role)| {
            let user = users.iter().find(|user| user.id == *id)?;
            Some(json!({ "id": user.id, "name": user.name, "email": user.email, "role": role }))
        })
        .collect()
}

fn message(message: &Message, all: &[Message], files: &[File]) -> Value {
    let current = message.current();
    let replies = all
        .iter()
        .filter(|other| other.thread_ts.as_ref() == Some(&message.ts) && other.ts != message.ts)
        .count();
    json!({
        "channel": message.channel,
        "ts": message.ts,
        "user": if message.user == BOT_USER { "bot" } else { message.user.as_str() },
        "at": at(&message.ts),
        "text": current.text,
        "blocks": current.blocks,
        "revision_count": message.versions.len() - 1,
        "thread_ts": message.thread_ts,
        "reply_count": replies,
        "broadcast": message.reply_broadcast,
        "files": message.files.iter().filter_map(|id| files.iter().find(|file| file.id == *id)).map(file)
            .collect::<Vec<_>>(),
    })
}

fn file(file: &File) -> Value {
    json!({
        "id": file.id, "name": file.name, "title": file.title, "alt": file.alt, "size": file.length,
        "mimetype": media_type(file),
    })
}

/// What the file is by its bytes if it is a picture, or else by its name.
pub fn media_type(file: &File) -> &'static str {
    let starts = |magic: &[u8]| file.bytes.as_deref().is_some_and(|bytes| bytes.starts_with(magic));
    match file.name.rsplit('.').next() {
        _ if starts(b"\x89PNG") => "image/png",
        _ if starts(b"\xff\xd8\xff") => "image/jpeg",
        _ if starts(b"GIF8") => "image/gif",
        Some("csv") => "text/csv; charset=utf-8",
        Some("json") => "application/json",
        Some("zip") => "application/zip",
        _ => "application/octet-stream",
    }
}

fn ephemerals(sandbox: &Sandbox) -> Vec<Value> {
    let one = |note: Ephemeral| {
        json!({
            "id": note.ts, "channel": note.channel, "user": note.user, "at": at(&note.ts), "text": note.text,
            "blocks": note.blocks, "thread_ts": note.thread_ts,
        })
    };
    PEOPLE.iter().flat_map(|(id, _)| sandbox.world.slack.ephemerals(id)).map(one).collect()
}

/// A message's id is its time.
fn at(ts: &str) -> Value {
    let seconds = ts.parse::<f64>().unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit")]
    let at = chrono::DateTime::from_timestamp_millis((seconds * 1000.0) as i64);
    json!(at)
}

fn views(sandbox: &Sandbox) -> Value {
    let mut views = Map::new();
    for (id, _) in PEOPLE {
        let stack: Vec<Value> = sandbox.world.slack.views(id).into_iter().map(view).collect();
        if !stack.is_empty() {
            views.insert(id.to_owned(), Value::from(stack));
        }
    }
    Value::from(views)
}

fn homes(sandbox: &Sandbox) -> Value {
    let home = |(id, _): &(&str, _)| Some(((*id).to_owned(), view(sandbox.world.slack.home(id)?)));
    Value::Object(PEOPLE.iter().filter_map(home).collect())
}

fn view(view: View) -> Value {
    let mut json = view.json;
    json["id"] = Value::from(view.id);
    json["hash"] = Value::from(view.hash);
    json
}

/// The top of a detail as "key value, key value"; what is deeper is the database's business.
fn in_words(detail: &Value) -> String {
    let words = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let pairs = detail.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some(format!("{key} {}", words(value)?))).collect::<Vec<_>>().join(", ")
}

/// The events after this one.
fn audit(sandbox: &Sandbox, after: i64) -> Vec<Value> {
    let line = |line: support::AuditLine| {
        let actor = line.actor["person"]["name"].as_str().unwrap_or("the bot");
        json!({
            "seq": line.seq, "at": line.at, "actor": actor, "event": line.action, "subject": line.login,
            "detail": in_words(&line.detail),
        })
    };
    sandbox.world.audit_after(after).into_iter().map(line).collect()
}
