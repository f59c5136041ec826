//! Calls of Slack's Web API with the bot's own token, for what the bot itself doesn't show yet or not on demand: a
//! page has to draw every block that Slack takes.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// Calls a method; a refusal fails the story.
pub async fn call(sandbox: &Sandbox, method: &str, arguments: Value) -> Value {
    let slack = &sandbox.world.slack;
    let request = reqwest::Client::new()
        .post(format!("{}{method}", slack.api_url()))
        .header("authorization", format!("Bearer {}", slack.bot_token()))
        .header("content-type", "application/json")
        .body(arguments.to_string());
    let answer =
        request.send().await.expect("the fake answers").text().await.expect("the fake answers in full");
    let answer: Value = serde_json::from_str(&answer).expect("the fake answers in JSON");
    assert_eq!(answer["ok"], true, "{method}: {answer}");
    answer
}

/// Posts these blocks; returns the selector of the message on the page.
pub async fn post(sandbox: &Sandbox, channel: &str, text: &str, blocks: Value) -> String {
    let answer =
        call(sandbox, "chat.postMessage", json!({ "channel": channel, "text": text, "blocks": blocks }))
            .await;
    format!("#messages li[data-ts='{}']", answer["ts"].as_str().expect("a message has a ts"))
}

/// The `trigger_id` of what a person did last.
pub fn trigger(sandbox: &Sandbox) -> Value {
    sandbox.world.slack.last_sent().expect("somebody did something")["trigger_id"].clone()
}

/// Waits until the last payload that went to the bot fits, and returns it.
pub async fn heard(sandbox: &Sandbox, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    sandbox.world.slack.wait_for(what, |slack| slack.last_sent().filter(&fits)).await
}

/// Waits until the bot has heard of an action with this id, and returns the action.
pub async fn heard_action(sandbox: &Sandbox, action_id: &str) -> Value {
    let what = format!("a payload with the action {action_id}");
    let payload = heard(sandbox, &what, |payload| payload["actions"][0]["action_id"] == action_id).await;
    payload["actions"][0].clone()
}

/// A text object.
pub fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text })
}

/// An option of a menu, select or group.
pub fn option(value: &str, label: &str) -> Value {
    json!({ "text": plain(label), "value": value })
}

/// A button in a block of its own.
pub fn button(action_id: &str, label: &str) -> Value {
    json!({
        "type": "actions", "block_id": format!("b-{action_id}"),
        "elements": [{ "type": "button", "action_id": action_id, "text": plain(label) }],
    })
}
