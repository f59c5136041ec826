//! The world as the page's JSON.

use serde_json::{Map, Value, json};

use super::{Sandbox, Side, U_CONTRACTOR};
use crate::fake::slack::{
    BOT_USER, C_OPS, Ephemeral, Message, U_ADMIN, U_APPROVER, U_APPROVER2, U_GUEST, U_STRANGER, U_VIEWER,
};

/// Everything that the page shows.
pub fn state(sandbox: &Sandbox) -> Value {
    let world = &sandbox.world;
    let mut messages: Vec<Message> = world.slack.messages(C_OPS);
    let replies: Vec<Message> =
        messages.iter().flat_map(|message| world.slack.replies(C_OPS, &message.ts)).collect();
    messages.extend(replies);
    json!({
        "revision": sandbox.revision(),
        "now": world.clock.now(),
        "started": sandbox.started,
        "bot": {
            "name": "inactive-contractors",
            "running": world.bot_runs(),
            "connected": world.bot_runs() && world.slack.sockets() > 0,
        },
        "people": people(sandbox),
        "channel": { "id": C_OPS, "name": "contractor-access" },
        "messages": messages.iter().map(|one| message(one, &messages)).collect::<Vec<_>>(),
        "ephemerals": ephemerals(sandbox),
        "views": views(sandbox),
        "okta": okta(sandbox),
        "audit": audit(sandbox),
        "faults": { "okta": sandbox.armed(Side::Okta), "slack": sandbox.armed(Side::Slack) },
    })
}

/// The people whom somebody at the page can be, with what they are to the policy.
const ROLES: [(&str, &str); 7] = [
    (U_APPROVER, "approver"),
    (U_APPROVER2, "approver"),
    (U_ADMIN, "admin"),
    (U_VIEWER, "member"),
    (U_CONTRACTOR, "guest, the contractor"),
    (U_GUEST, "guest"),
    (U_STRANGER, "from another company"),
];

fn people(sandbox: &Sandbox) -> Vec<Value> {
    let users = sandbox.world.slack.people();
    ROLES
        .iter()
        .filter_map(|(id, role)| {
            let user = users.iter().find(|user| user.id == *id)?;
            Some(json!({ "id": user.id, "name": user.name, "email": user.email, "role": role }))
        })
        .collect()
}

fn message(message: &Message, all: &[Message]) -> Value {
    let current = message.current();
    let replies = all
        .iter()
        .filter(|other| other.thread_ts.as_ref() == Some(&message.ts) && other.ts != message.ts)
        .count();
    json!({
        "ts": message.ts,
        "user": if message.user == BOT_USER { "bot" } else { message.user.as_str() },
        "at": at(&message.ts),
        "text": current.text,
        "blocks": current.blocks,
        "revision_count": message.versions.len() - 1,
        "thread_ts": message.thread_ts,
        "reply_count": replies,
        "broadcast": message.reply_broadcast,
    })
}

fn ephemerals(sandbox: &Sandbox) -> Vec<Value> {
    let one = |note: Ephemeral| {
        json!({
            "id": note.ts, "user": note.user, "at": at(&note.ts), "text": note.text, "blocks": note.blocks,
        })
    };
    ROLES.iter().flat_map(|(id, _)| sandbox.world.slack.ephemerals(id)).map(one).collect()
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
    for (id, _) in ROLES {
        let stack: Vec<Value> = sandbox
            .world
            .slack
            .views(id)
            .into_iter()
            .map(|view| {
                let mut json = view.json;
                json["id"] = Value::from(view.id);
                json["hash"] = Value::from(view.hash);
                json
            })
            .collect();
        if !stack.is_empty() {
            views.insert(id.to_owned(), Value::from(stack));
        }
    }
    Value::from(views)
}

fn okta(sandbox: &Sandbox) -> Value {
    json!(sandbox.world.okta.people())
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

fn audit(sandbox: &Sandbox) -> Vec<Value> {
    let line = |line: crate::support::AuditLine| {
        let actor = line.actor["person"]["name"].as_str().unwrap_or("the bot");
        json!({
            "seq": line.seq, "at": line.at, "actor": actor, "event": line.action, "subject": line.login,
            "detail": in_words(&line.detail),
        })
    };
    sandbox.world.audit().into_iter().map(line).collect()
}
