//! Holds the fake Slack to what Slack does, as a bot and its people would notice it.

extern crate fake;

#[path = "fake_slack/sockets.rs"]
mod sockets;
#[path = "fake_slack/surface.rs"]
mod surface;

use std::cell::Cell;
use std::time::Duration;

use fake::clock::FakeClock;
use fake::gate::{Gate, Moment};
use fake::slack::*;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use slack_morphism::api::*;
use slack_morphism::events::{SlackCommandEvent, SlackInteractionEvent, SlackPushEventCallback};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long it waits where no answer comes.
const BRIEF: Duration = Duration::from_secs(1);

/// A bot that does what the test says.
struct Bot {
    slack: FakeSlack,
    clock: FakeClock,
    http: reqwest::Client,
    /// How long it waits for an answer.
    patience: Cell<Duration>,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Bot {
    async fn start() -> Bot {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = FakeClock::default();
        let slack = FakeSlack::start(Gate::default(), clock.clone()).await;
        Bot { slack, clock, http: reqwest::Client::new(), patience: Cell::new(fake::GUARD) }
    }

    async fn try_call(&self, token: &str, method: &str, args: Value) -> reqwest::Result<reqwest::Response> {
        let url = self.slack.api_url() + method;
        let request = if method.starts_with("users.") || method.starts_with("usergroups.") || reads(method) {
            self.http.get(url).query(&args)
        } else {
            self.http.post(url).json(&args)
        };
        request.bearer_auth(token).timeout(self.patience.get()).send().await
    }

    async fn call(&self, method: &str, args: Value) -> Value {
        let response = self.try_call(&self.slack.bot_token(), method, args).await.unwrap();
        response.json().await.unwrap()
    }

    async fn post(&self, text: &str, blocks: Value) -> String {
        let answer =
            self.call("chat.postMessage", json!({"channel": C_OPS, "text": text, "blocks": blocks})).await;
        answer["ts"].as_str().unwrap_or_else(|| panic!("refused: {answer}")).to_owned()
    }

    async fn refused(&self, method: &str, args: Value) -> String {
        let answer = self.call(method, args).await;
        answer["error"].as_str().unwrap_or_else(|| panic!("not refused: {answer}")).to_owned()
    }

    async fn ticket(&self) -> Value {
        let response =
            self.try_call(&self.slack.app_token(), "apps.connections.open", json!({})).await.unwrap();
        response.json().await.unwrap()
    }

    async fn connect(&self) -> Socket {
        let ticket = self.ticket().await;
        let mut socket = connect_async(ticket["url"].as_str().unwrap()).await.unwrap().0;
        assert_eq!(next(&mut socket).await["type"], "hello");
        socket
    }
}

fn reads(method: &str) -> bool {
    let verb = method.strip_prefix("conversations.");
    matches!(verb, Some("info" | "members" | "history" | "replies")) || method == "chat.getPermalink"
}

async fn next(socket: &mut Socket) -> Value {
    let text = async {
        loop {
            match socket.next().await {
                Some(Ok(Frame::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return Value::Null,
                Some(Ok(_)) => {}
            }
        }
    };
    tokio::time::timeout(fake::GUARD, text).await.expect("a frame")
}

async fn ack(socket: &mut Socket, envelope: &Value, payload: Option<Value>) {
    let mut ack = json!({"envelope_id": envelope["envelope_id"]});
    if let Some(payload) = payload {
        ack["payload"] = payload;
    }
    socket.send(Frame::text(ack.to_string())).await.unwrap();
}

/// Takes the next envelope and acknowledges it; also checks that slack-morphism can read it.
async fn take(socket: &mut Socket, payload: Option<Value>) -> Value {
    let envelope = next(socket).await;
    let body = envelope["payload"].clone();
    let parsed = match envelope["type"].as_str() {
        Some("interactive") => serde_json::from_value::<SlackInteractionEvent>(body).map(|_| ()),
        Some("slash_commands") => serde_json::from_value::<SlackCommandEvent>(body).map(|_| ()),
        Some("events_api") => serde_json::from_value::<SlackPushEventCallback>(body).map(|_| ()),
        Some(_) | None => panic!("no envelope: {envelope}"),
    };
    parsed.unwrap_or_else(|error| panic!("{error}: {envelope}"));
    ack(socket, &envelope, payload).await;
    envelope
}

fn button(action_id: &str, text: &str) -> Value {
    json!({"type": "button", "action_id": action_id, "value": "7", "text": {"type": "plain_text", "text": text}})
}

fn card() -> Value {
    let option = |value: &str| json!({"text": {"type": "plain_text", "text": value}, "value": value});
    let overflow =
        json!({"type": "overflow", "action_id": "more", "options": [option("snooze"), option("exempt")]});
    json!([
        {"type": "section", "text": {"type": "mrkdwn", "text": "12 accounts"}, "accessory": overflow},
        {"type": "actions", "block_id": "decide", "elements": [button("approve", "Suspend 12 accounts")]},
    ])
}

fn modal(title: &str) -> Value {
    let keep = json!([{"text": {"type": "plain_text", "text": "Ann"}, "value": "u1"}]);
    json!({
        "type": "modal", "callback_id": "choose", "private_metadata": "7", "notify_on_close": true,
        "title": {"type": "plain_text", "text": title}, "submit": {"type": "plain_text", "text": "Suspend"},
        "blocks": [
            {"type": "input", "block_id": "reason", "label": {"type": "plain_text", "text": "Reason"},
             "element": {"type": "plain_text_input", "action_id": "reason"}},
            {"type": "input", "block_id": "keep", "optional": true, "label": {"type": "plain_text", "text": "Keep"},
             "element": {"type": "checkboxes", "action_id": "keep", "options": keep}},
        ],
    })
}

#[tokio::test]
async fn a_message_keeps_its_history_and_metadata() {
    let bot = Bot::start().await;
    let metadata = json!({"event_type": "card", "event_payload": {"request": "7"}});
    let posted = bot
        .call(
            "chat.postMessage",
            json!({"channel": C_OPS, "text": "one", "blocks": card(), "metadata": metadata}),
        )
        .await;
    let ts = posted["ts"].as_str().unwrap();
    let updated = bot.call("chat.update", json!({"channel": C_OPS, "ts": ts, "text": "two"})).await;
    serde_json::from_value::<SlackApiChatPostMessageResponse>(posted.clone()).unwrap();
    serde_json::from_value::<SlackApiChatUpdateResponse>(updated).unwrap();

    let message = bot.slack.message(ts).unwrap();
    assert_eq!(message.versions.iter().map(|version| &*version.text).collect::<Vec<_>>(), ["one", "two"]);
    assert!(
        message.versions[0].blocks.len() == 2 && !message.offers("approve"),
        "text alone removes the blocks"
    );

    bot.call("chat.postMessage", json!({"channel": C_OPS, "text": "reply", "thread_ts": ts})).await;
    let plain = bot.call("conversations.history", json!({"channel": C_OPS})).await;
    assert_eq!(
        (plain["messages"].as_array().unwrap().len(), &plain["messages"][0]["metadata"]),
        (1, &Value::Null)
    );
    let full =
        bot.call("conversations.history", json!({"channel": C_OPS, "include_all_metadata": true})).await;
    assert_eq!(full["messages"][0]["metadata"], metadata);
    serde_json::from_value::<SlackApiConversationsHistoryResponse>(full).unwrap();
    let thread = bot.call("conversations.replies", json!({"channel": C_OPS, "ts": ts})).await;
    assert_eq!(thread["messages"][1]["text"], "reply");
    assert!(bot.slack.violations().is_empty(), "{:?}", bot.slack.violations());
}

#[tokio::test]
async fn a_press_during_an_update_counts_only_where_the_block_has_an_id_of_its_own() {
    let bot = Bot::start().await;
    let named =
        |name: &str| json!({"type": "actions", "block_id": name, "elements": [button("deny", "Deny")]});
    let nameless = json!({"type": "actions", "elements": [button("more", "More")]});
    let ts = bot.post("one", json!([named("decide"), nameless])).await;
    let seen = bot.slack.message(&ts).unwrap();
    let update = json!({"channel": C_OPS, "ts": ts, "text": "two", "blocks": [nameless, named("decide")]});
    assert_eq!(bot.call("chat.update", update).await["ok"], true);
    let mut socket = bot.connect().await;
    let deny = seen.place("deny").unwrap();
    let (kept, taken) = tokio::join!(bot.slack.click(U_APPROVER, &ts, &deny), take(&mut socket, None));
    assert!(kept.is_ok() && taken["payload"]["actions"][0]["action_id"] == "deny");
    let lost = bot.slack.click(U_APPROVER, &ts, &seen.place("more").unwrap()).await;
    assert!(matches!(lost, Err(NotThere(_))), "Slack gave its block another id: {lost:?}");
}

#[tokio::test]
async fn history_is_paged_newest_first_and_starts_after_oldest() {
    let bot = Bot::start().await;
    let mut times = Vec::new();
    for text in ["a", "b", "c"] {
        times.push(bot.post(text, Value::Null).await);
    }
    let page =
        bot.call("conversations.history", json!({"channel": C_OPS, "oldest": times[0], "limit": 1})).await;
    assert_eq!((&page["messages"][0]["text"], &page["has_more"]), (&json!("c"), &json!(true)));
    let cursor = page["response_metadata"]["next_cursor"].clone();
    let last = bot
        .call("conversations.history", json!({"channel": C_OPS, "oldest": times[0], "cursor": cursor}))
        .await;
    assert_eq!((&last["messages"][0]["text"], &last["has_more"]), (&json!("b"), &json!(false)));
}

#[tokio::test]
async fn what_slack_refuses_is_refused_with_its_code() {
    let bot = Bot::start().await;
    let human = bot.slack.say(U_VIEWER, C_OPS, "hello");
    let post = |channel: &str, text: String, blocks: Value| json!({"channel": channel, "text": text, "blocks": blocks});
    let section = json!({"type": "section", "text": {"type": "mrkdwn", "text": "x".repeat(2990)}});
    let cases = [
        ("chat.postMessage", post(C_OPS, String::new(), Value::Null), "no_text"),
        ("chat.postMessage", post(C_OPS, "x".repeat(4001), Value::Null), "msg_too_long"),
        (
            "chat.postMessage",
            post(C_OPS, "x".to_owned(), json!(vec![json!({"type": "divider"}); 51])),
            "invalid_blocks",
        ),
        ("chat.postMessage", post(C_OPS, "x".to_owned(), json!(vec![section; 5])), "msg_blocks_too_long"),
        ("chat.postMessage", post("C0NOWHERE", "x".to_owned(), Value::Null), "channel_not_found"),
        ("chat.postMessage", post(C_GENERAL, "x".to_owned(), Value::Null), "not_in_channel"),
        ("chat.postMessage", post(C_PRIVATE, "x".to_owned(), Value::Null), "channel_not_found"),
        ("chat.postMessage", post(C_ARCHIVED, "x".to_owned(), Value::Null), "is_archived"),
        ("chat.update", json!({"channel": C_OPS, "ts": human, "text": "x"}), "cant_update_message"),
        ("chat.update", json!({"channel": C_OPS, "ts": "1.2", "text": "x"}), "message_not_found"),
        (
            "chat.postEphemeral",
            json!({"channel": C_OPS, "user": "U0NOBODY", "text": "x"}),
            "user_not_in_channel",
        ),
        ("conversations.history", json!({"channel": C_GENERAL}), "not_in_channel"),
        ("users.info", json!({"user": "U0NOBODY"}), "user_not_found"),
        ("users.lookupByEmail", json!({"email": "dora@example.com"}), "users_not_found"),
        (
            "views.open",
            json!({"trigger_id": "1.2.3", "view": modal("A title of more than 24 characters")}),
            "invalid_arguments",
        ),
        ("views.open", json!({"trigger_id": "1.2.3", "view": modal("Title")}), "invalid_trigger_id"),
    ];
    for (method, args, code) in cases {
        assert_eq!(bot.refused(method, args.clone()).await, code, "{method} {args}");
    }
}

#[tokio::test]
async fn block_limits_are_those_of_the_documentation() {
    let bot = Bot::start().await;
    let plain = |length: usize| json!({"type": "plain_text", "text": "é".repeat(length)});
    let actions = |elements: Value| json!([{"type": "actions", "elements": elements}]);
    let menu = |kind: &str, count: usize| {
        let option = |n: usize| json!({"text": {"type": "plain_text", "text": "x"}, "value": n.to_string()});
        json!({"type": kind, "action_id": "m", "options": (0..count).map(option).collect::<Vec<_>>()})
    };
    let confirm = |length: usize| json!({"title": plain(100), "text": plain(length), "confirm": plain(30), "deny": plain(30)});
    let with = |key: &str, value: Value| {
        let mut button = button("a", "x");
        button[key] = value;
        actions(json!([button]))
    };
    let many = |count: usize| actions((0..count).map(|n| button(&n.to_string(), "x")).collect());
    let cases = [
        (json!([{"type": "header", "text": plain(150)}]), json!([{"type": "header", "text": plain(151)}])),
        (
            json!([{"type": "section", "text": plain(3000)}]),
            json!([{"type": "section", "text": plain(3001)}]),
        ),
        (many(25), many(26)),
        (with("text", plain(75)), with("text", plain(76))),
        (with("value", json!("x".repeat(2000))), with("value", json!("x".repeat(2001)))),
        (with("action_id", json!("x".repeat(255))), with("action_id", json!("x".repeat(256)))),
        (with("confirm", confirm(300)), with("confirm", confirm(301))),
        (actions(json!([menu("overflow", 5)])), actions(json!([menu("overflow", 6)]))),
        (actions(json!([menu("checkboxes", 10)])), actions(json!([menu("checkboxes", 11)]))),
        (
            actions(json!([button("a", "x"), button("b", "x")])),
            actions(json!([button("a", "x"), button("a", "x")])),
        ),
        (with("style", json!("danger")), with("style", json!("red"))),
    ];
    for (fits, too_much) in cases {
        bot.post("x", fits).await;
        let refused =
            bot.call("chat.postMessage", json!({"channel": C_OPS, "text": "x", "blocks": too_much})).await;
        assert_eq!(refused["error"], "invalid_blocks", "{too_much}");
        assert!(refused["response_metadata"]["messages"][0].is_string());
    }
    assert_eq!(bot.slack.violations().len(), 11);
}

#[tokio::test]
async fn silent_mistakes_are_violations() {
    let bot = Bot::start().await;
    let metadata = json!({"event_type": "card", "event_payload": {"request": 7}});
    bot.call("chat.postMessage", json!({"channel": C_OPS, "blocks": card(), "metadata": metadata})).await;
    let ping = json!([{"type": "section", "text": {"type": "mrkdwn", "text": "Ann <!channel>"}}]);
    bot.post("Ann", ping).await;
    bot.post("Ann", json!([{"type": "section", "text": {"type": "plain_text", "text": "<!channel>"}}])).await;
    let found = bot.slack.violations();
    assert!(found[0].contains("top-level text") && found[1].contains("no string"), "{found:?}");
    assert!(found[2].contains("pings everybody") && found.len() == 3, "{found:?}");
}

#[tokio::test]
async fn tokens_and_scopes_are_checked() {
    let bot = Bot::start().await;
    let (bot_token, app_token) = (bot.slack.bot_token(), bot.slack.app_token());
    for (token, method, code) in [
        ("xoxb-wrong", "auth.test", "invalid_auth"),
        (&app_token, "auth.test", "not_allowed_token_type"),
        (&bot_token, "apps.connections.open", "not_allowed_token_type"),
    ] {
        let answer: Value = bot.try_call(token, method, json!({})).await.unwrap().json().await.unwrap();
        assert_eq!(answer["error"], code);
    }
    let response = bot.try_call(&bot_token, "auth.test", json!({})).await.unwrap();
    assert!(response.headers()["x-oauth-scopes"].to_str().unwrap().contains("chat:write"));
    serde_json::from_value::<SlackApiAuthTestResponse>(response.json().await.unwrap()).unwrap();

    bot.slack.set_scopes(&["users:read"]);
    let answer = bot.call("chat.postMessage", json!({"channel": C_OPS, "text": "x"})).await;
    assert_eq!(
        (&answer["error"], &answer["needed"], &answer["provided"]),
        (&json!("missing_scope"), &json!("chat:write"), &json!("users:read"))
    );
    bot.slack.revoke_tokens();
    assert_eq!(bot.refused("auth.test", json!({})).await, "token_revoked");
}

#[tokio::test]
async fn people_and_channels_parse_as_slack_morphisms_types() {
    let bot = Bot::start().await;
    let user = bot.call("users.lookupByEmail", json!({"email": "Alice@Example.com"})).await;
    assert_eq!(user["user"]["id"], U_APPROVER);
    serde_json::from_value::<SlackApiUsersLookupByEmailResponse>(user).unwrap();
    for id in [U_GUEST, U_STRANGER, U_DEACTIVATED, BOT_USER] {
        let user = bot.call("users.info", json!({"user": id})).await;
        serde_json::from_value::<SlackApiUsersInfoResponse>(user).unwrap();
    }
    bot.slack.page_at_most(3);
    let page = bot.call("conversations.members", json!({"channel": C_OPS, "limit": 200})).await;
    assert_eq!(page["members"].as_array().unwrap().len(), 3);
    let page: SlackApiConversationsMembersResponse = serde_json::from_value(page).unwrap();
    assert!(page.response_metadata.unwrap().next_cursor.is_some());
    let info = bot.call("conversations.info", json!({"channel": C_OPS})).await;
    assert_eq!(info["channel"]["is_member"], true);
    serde_json::from_value::<SlackApiConversationsInfoResponse>(info).unwrap();
    let people = bot.call("users.list", json!({})).await;
    serde_json::from_value::<SlackApiUsersListResponse>(people).unwrap();
    let groups = bot.call("usergroups.list", json!({})).await;
    serde_json::from_value::<SlackApiUserGroupsListResponse>(groups).unwrap();
    let users = bot.call("usergroups.users.list", json!({"usergroup": S_APPROVERS})).await;
    assert_eq!(users["users"], json!([U_APPROVER, U_APPROVER2]));
    let opened = bot.call("conversations.open", json!({"users": U_APPROVER})).await;
    bot.call("chat.postMessage", json!({"channel": U_APPROVER, "text": "psst"})).await;
    assert_eq!(json!(bot.slack.direct_messages(U_APPROVER)[0].channel), opened["channel"]["id"]);
}

#[tokio::test]
async fn every_call_passes_the_gate() {
    let mut bot = Bot::start().await;
    let gate = Gate::default();
    bot.slack = FakeSlack::start(gate.clone(), bot.clock.clone()).await;
    let post = async || {
        bot.try_call(&bot.slack.bot_token(), "chat.postMessage", json!({"channel": C_OPS, "text": "x"})).await
    };
    bot.patience.set(BRIEF);
    for (moment, messages) in [(Moment::Before, 0), (Moment::After, 1)] {
        gate.stop_at(1, moment);
        assert!(post().await.unwrap_err().is_timeout());
        gate.stopped().await;
        assert_eq!(
            (gate.calls(), bot.slack.messages(C_OPS).len()),
            (vec!["slack chat.postMessage".to_owned()], messages)
        );
    }
}

#[tokio::test]
async fn web_api_faults_take_effect_or_not_as_they_say() {
    let bot = Bot::start().await;
    let post = || {
        bot.try_call(
            "xoxb-100-200-fakefakefakefake",
            "chat.postMessage",
            json!({"channel": C_OPS, "text": "x"}),
        )
    };
    let count = || bot.slack.messages(C_OPS).len();
    for fault in [Fault::Status(500), Fault::RateLimited { retry_after: 7 }, Fault::DropBefore, Fault::Hang] {
        bot.slack.fail_next("chat.postMessage", fault);
    }
    assert_eq!(post().await.unwrap().status(), 500);
    let limited = post().await.unwrap();
    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    assert!(post().await.unwrap_err().is_request());
    bot.patience.set(BRIEF);
    assert!(post().await.unwrap_err().is_timeout());
    bot.patience.set(fake::GUARD);
    assert_eq!(count(), 0);
    bot.slack.fail_next("chat.postMessage", Fault::LostResponse);
    assert!(post().await.is_err());
    assert_eq!(count(), 1);
    bot.slack.fail_always("*", Fault::Garbage);
    let garbage: Value = post().await.unwrap().json().await.unwrap();
    assert!(garbage["ok"] == true && garbage["ts"].is_null());
    assert_eq!(count(), 2);
    bot.slack.clear_faults();
    assert_eq!(post().await.unwrap().status(), 200);
}

#[tokio::test]
async fn damaged_answers_of_the_web_api_are_damaged_as_they_say() {
    let bot = Bot::start().await;
    let token = bot.slack.bot_token();
    let post = || bot.try_call(&token, "chat.postMessage", json!({"channel": C_OPS, "text": "x"}));
    let count = || bot.slack.messages(C_OPS).len();
    for fault in [Fault::TooFast, Fault::Html(503), Fault::Html(200)] {
        bot.slack.fail_next("chat.postMessage", fault);
    }
    let limited = post().await.unwrap();
    assert_eq!((limited.status().as_u16(), limited.headers().get("retry-after")), (429, None));
    for status in [503, 200] {
        let page = post().await.unwrap();
        assert_eq!(page.status().as_u16(), status);
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
        assert!(page.text().await.unwrap().starts_with("<html>"));
    }
    assert_eq!(count(), 0);
    bot.slack.fail_next("chat.postMessage", Fault::CutJson);
    let half = post().await.unwrap().text().await.unwrap();
    assert!(half.starts_with('{') && serde_json::from_str::<Value>(&half).is_err() && count() == 1);
    for (fault, late) in [
        (Fault::Drip(Duration::from_millis(300)), false),
        (Fault::Late(Duration::from_millis(300)), false),
        (Fault::Drip(Duration::from_millis(1500)), true),
        (Fault::Late(Duration::from_millis(1500)), true),
    ] {
        let before = count();
        bot.patience.set(if late { BRIEF } else { fake::GUARD });
        bot.slack.fail_next("chat.postMessage", fault.clone());
        let body = async { post().await?.bytes().await }.await;
        assert_eq!(body.as_ref().is_err_and(reqwest::Error::is_timeout), late, "{fault:?}: {body:?}");
        assert_eq!(count(), before + 1, "it took effect");
    }
}

#[tokio::test]
async fn a_json_body_is_not_read_by_methods_that_take_forms_only() {
    let bot = Bot::start().await;
    let url = bot.slack.api_url() + "conversations.info";
    let request = bot.http.post(&url).bearer_auth(bot.slack.bot_token());
    let answer: Value = request.json(&json!({"channel": C_OPS})).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["error"], "channel_not_found");
    let request = bot.http.post(&url).bearer_auth(bot.slack.bot_token());
    let answer: Value = request.form(&[("channel", C_OPS)]).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["ok"], true);
}
