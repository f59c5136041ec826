//! Files, pictures, home tabs, menus and inputs: what Slack takes, what it refuses, and what people can do with them.

use serde_json::{Value, json};
use slack_morphism::api::*;

use super::fake::slack::*;
use super::{Bot, button, modal, next, take};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot much of a picture";

impl Bot {
    /// Announces a file and sends these bytes; the status is the result.
    async fn send_file(&self, announce: Value, bytes: &[u8]) -> (String, u16) {
        let place = self.call("files.getUploadURLExternal", announce).await;
        let parsed: SlackApiFilesGetUploadUrlExternalResponse = serde_json::from_value(place).unwrap();
        let sent = self.http.post(parsed.upload_url.0).body(bytes.to_vec()).send().await.unwrap();
        (parsed.file_id.0, sent.status().as_u16())
    }

    async fn picture(&self) -> String {
        let (id, status) = self.send_file(json!({"filename": "t.png", "length": PNG.len()}), PNG).await;
        assert_eq!(status, 200);
        let done = self.call("files.completeUploadExternal", json!({"files": [{"id": id}]})).await;
        assert_eq!(done["files"][0]["id"], json!(id));
        id
    }

    /// Opens this modal for the approver, from a click in the channel.
    async fn open(&self, view: Value) -> Value {
        let ts = self.post("x", json!([{"type": "actions", "elements": [button("go", "Go")]}])).await;
        let mut socket = self.connect().await;
        let (_, click) = tokio::join!(self.slack.click(U_APPROVER, &ts, "go"), take(&mut socket, None));
        let trigger = click["payload"]["trigger_id"].clone();
        self.call("views.open", json!({"trigger_id": trigger, "view": view})).await
    }
}

fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text})
}

fn options(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({"text": plain("x"), "value": n.to_string()})).collect()
}

fn section(accessory: Value) -> Value {
    json!([with(json!({"type": "section", "text": plain("x")}), "accessory", accessory)])
}

fn input(element: Value) -> Value {
    json!([with(json!({"type": "input", "block_id": "b", "label": plain("x")}), "element", element)])
}

fn overflow(options: Value) -> Value {
    with(json!({"type": "overflow", "action_id": "m"}), "options", options)
}

fn select(count: usize) -> Value {
    json!({"type": "static_select", "action_id": "m", "options": options(count)})
}

fn with(mut element: Value, key: &str, value: Value) -> Value {
    element[key] = value;
    element
}

fn image(id: &str) -> Value {
    json!({"type": "image", "alt_text": "x", "slack_file": {"id": id}})
}

#[tokio::test]
async fn menus_and_inputs_have_their_places_and_limits() {
    let bot = Bot::start().await;
    let text = json!({"type": "plain_text_input", "action_id": "t"});
    let day = json!({"type": "datepicker", "action_id": "d"});
    let item = |key: &str, value: Value| overflow(json!([with(options(1).remove(0), key, value)]));
    let enter = |on: Value| with(text.clone(), "dispatch_action_config", json!({"trigger_actions_on": on}));
    let shown = |key: &str, value: Value| json!([with(image(&"F".repeat(9)), key, value)]);
    let mrkdwn = json!({"type": "mrkdwn", "text": "*x*"});
    let cases = [
        (section(overflow(json!(options(5)))), section(overflow(json!(options(6))))),
        (section(overflow(json!(options(1)))), section(overflow(json!([])))),
        (section(item("value", json!("x".repeat(150)))), section(item("value", json!("x".repeat(151))))),
        (section(item("text", plain(&"é".repeat(75)))), section(item("text", plain(&"é".repeat(76))))),
        (section(item("url", json!("x".repeat(3000)))), section(item("url", json!("x".repeat(3001))))),
        (section(item("description", plain("x"))), section(item("text", mrkdwn))),
        (section(button("a", "x")), input(button("a", "x"))),
        (section(select(100)), section(select(101))),
        (input(select(1)), input(select(0))),
        (
            input(with(select(2), "initial_option", options(2).remove(1))),
            input(with(select(2), "initial_option", options(3).remove(2))),
        ),
        (input(text.clone()), section(text.clone())),
        (
            input(with(text.clone(), "max_length", json!(3000))),
            input(with(text.clone(), "max_length", json!(3001))),
        ),
        (
            input(with(text.clone(), "min_length", json!(1))),
            input(with(text.clone(), "max_length", json!(0))),
        ),
        (input(enter(json!(["on_enter_pressed"]))), input(enter(json!(["on_paste"])))),
        (input(enter(json!(["on_character_entered"]))), input(enter(json!([])))),
        (
            input(with(day.clone(), "initial_date", json!("2028-02-29"))),
            input(with(day.clone(), "initial_date", json!("2027-02-29"))),
        ),
        (section(day.clone()), input(with(day, "initial_date", json!("1.2.2027")))),
    ];
    for (number, (fits, too_much)) in cases.iter().enumerate() {
        bot.post("x", fits.clone()).await;
        let refused =
            bot.refused("chat.postMessage", json!({"channel": C_OPS, "text": "x", "blocks": too_much})).await;
        assert_eq!(refused, "invalid_blocks", "{too_much}");
        assert_eq!(bot.slack.violations().len(), number + 1);
    }
    for wrong in [shown("alt_text", json!("")), shown("image_url", json!("https://x")), json!([image("F1")])]
    {
        let refused =
            bot.refused("chat.postMessage", json!({"channel": C_OPS, "text": "x", "blocks": wrong})).await;
        assert_eq!(refused, "invalid_blocks", "{wrong}");
    }
}

#[tokio::test]
async fn an_upload_is_announced_sent_and_completed_once() {
    let bot = Bot::start().await;
    let announce = json!({"filename": "a.csv", "length": 3});
    let complete =
        |id: &str| json!({"files": [{"id": id, "title": "A"}], "channel_id": C_OPS, "initial_comment": "hi"});
    assert_eq!(bot.send_file(announce.clone(), b"four").await.1, 400);
    let (unsent, _) = bot.send_file(announce.clone(), b"").await;
    assert_eq!(bot.refused("files.completeUploadExternal", complete(&unsent)).await, "file_not_found");
    assert_eq!(bot.refused("files.completeUploadExternal", complete("F0NOWHERE")).await, "file_not_found");
    let (id, status) = bot.send_file(announce, b"a,b").await;
    assert!(status == 200 && bot.slack.files().is_empty(), "nobody sees it yet");
    let done = bot.call("files.completeUploadExternal", complete(&id)).await;
    serde_json::from_value::<Vec<Value>>(done["files"].clone()).unwrap();
    assert_eq!(bot.refused("files.completeUploadExternal", complete(&id)).await, "file_update_failed");
    let (file, shared) = (bot.slack.files().pop().unwrap(), bot.slack.messages(C_OPS).pop().unwrap());
    assert_eq!((file.title.as_str(), file.bytes.as_deref()), ("A", Some(&b"a,b"[..])));
    assert_eq!((shared.files.as_slice(), shared.visible_text().as_str()), (&[id][..], "hi"));
}

#[tokio::test]
async fn a_file_is_shared_only_where_the_bot_may_write() {
    let bot = Bot::start().await;
    for (args, code) in [
        (json!({"length": 3}), "missing_argument"),
        (json!({"filename": "a", "length": 0}), "missing_argument"),
        (json!({"filename": "a", "length": 3, "alt_txt": "é".repeat(1001)}), "alt_txt_too_large"),
    ] {
        assert_eq!(bot.refused("files.getUploadURLExternal", args).await, code);
    }
    let (id, _) = bot.send_file(json!({"filename": "a", "length": 1}), b"a").await;
    for (channel, code) in [
        ("C0NOWHERE", "channel_not_found"),
        (C_PRIVATE, "channel_not_found"),
        (C_GENERAL, "not_in_channel"),
        (C_ARCHIVED, "posting_to_channel_denied"),
    ] {
        let args = json!({"files": [{"id": id}], "channel_id": channel});
        assert_eq!(bot.refused("files.completeUploadExternal", args).await, code, "{channel}");
    }
    let args = json!({"files": [{"id": id}], "channel_id": C_OPS, "thread_ts": "1.2"});
    assert_eq!(bot.refused("files.completeUploadExternal", args).await, "thread_not_found");
    let before = bot.slack.violations().len();
    let args = json!({"files": [{"id": id}], "channel_id": C_OPS, "initial_comment": "<!channel>"});
    bot.call("files.completeUploadExternal", args).await;
    assert!(bot.slack.violations()[before].contains("pings everybody"));
    bot.slack.set_scopes(&["chat:write"]);
    for method in ["files.getUploadURLExternal", "files.completeUploadExternal", "conversations.open"] {
        assert_eq!(bot.refused(method, json!({})).await, "missing_scope", "{method}");
    }
}

#[tokio::test]
async fn a_file_with_a_description_is_never_shared_and_that_is_noticed() {
    let bot = Bot::start().await;
    let (id, _) = bot.send_file(json!({"filename": "a", "length": 1, "alt_txt": "x"}), b"a").await;
    let done =
        bot.call("files.completeUploadExternal", json!({"files": [{"id": id}], "channel_id": C_OPS})).await;
    assert!(done["ok"] == true && bot.slack.messages(C_OPS).is_empty());
    assert!(bot.slack.violations()[0].contains("alt_txt"));
}

#[tokio::test]
async fn only_a_picture_that_is_ready_is_shown() {
    let bot = Bot::start().await;
    bot.slack.delay_pictures(2);
    let id = bot.picture().await;
    let post = json!({"channel": C_OPS, "text": "x", "blocks": [image(&id)]});
    let home = json!({"user_id": U_VIEWER, "view": {"type": "home", "blocks": section(image(&id))}});
    assert_eq!(bot.refused("chat.postMessage", post.clone()).await, "invalid_blocks");
    assert_eq!(bot.refused("views.publish", home.clone()).await, "invalid_arguments");
    assert_eq!(bot.slack.violations(), Vec::<String>::new(), "the bot can't know when it is ready");
    assert_eq!(bot.call("chat.postMessage", post).await["ok"], true);
    assert_eq!(bot.call("views.publish", home).await["ok"], true);
    let (text, _) = bot.send_file(json!({"filename": "a", "length": 1}), b"a").await;
    bot.call("files.completeUploadExternal", json!({"files": [{"id": text}]})).await;
    for id in [text.as_str(), "F00000000"] {
        let post = json!({"channel": C_OPS, "text": "x", "blocks": [image(id)]});
        assert_eq!(bot.refused("chat.postMessage", post).await, "invalid_blocks");
    }
    assert_eq!(bot.slack.violations().len(), 2);
}

#[tokio::test]
async fn direct_messages_are_opened_with_people_only() {
    let bot = Bot::start().await;
    let opened = bot.call("conversations.open", json!({"users": U_VIEWER})).await;
    assert_eq!(opened["channel"]["id"], json!(bot.slack.direct_channel(U_VIEWER)));
    serde_json::from_value::<SlackApiConversationsOpenResponse<slack_morphism::SlackBasicChannelInfo>>(
        opened,
    )
    .unwrap();
    for (users, code) in [
        (json!(""), "users_list_not_supplied"),
        (json!("U0NOBODY"), "user_not_found"),
        (json!(U_DEACTIVATED), "user_disabled"),
        (json!(U_OTHER_BOT), "cannot_dm_bot"),
    ] {
        assert_eq!(bot.refused("conversations.open", json!({"users": users})).await, code);
    }
}

#[tokio::test]
async fn a_home_tab_is_one_persons_and_guarded_by_its_hash() {
    let bot = Bot::start().await;
    let publish = |user: &str, text: &str, hash: Value| {
        let blocks = json!([{"type": "section", "text": plain(text)}]);
        json!({"user_id": user, "hash": hash, "view": {"type": "home", "blocks": blocks}})
    };
    let first = bot.call("views.publish", publish(U_VIEWER, "one", Value::Null)).await;
    let hash = first["view"]["hash"].clone();
    bot.call("views.publish", publish(U_VIEWER, "two", hash.clone())).await;
    assert_eq!(bot.refused("views.publish", publish(U_VIEWER, "three", hash)).await, "hash_conflict");
    assert!(bot.slack.home(U_VIEWER).unwrap().visible_text().contains("two"));
    assert!(bot.slack.home(U_APPROVER).is_none());
    assert_eq!(bot.refused("views.publish", publish("U0NOBODY", "x", Value::Null)).await, "user_not_found");
    let modal = json!({"user_id": U_VIEWER, "view": modal("Title")});
    assert_eq!(bot.refused("views.publish", modal).await, "invalid_arguments");
    let long: Vec<Value> = vec![json!({"type": "section", "text": plain(&"x".repeat(3000))}); 90];
    let large = json!({"user_id": U_VIEWER, "view": {"type": "home", "blocks": long}});
    assert_eq!(bot.refused("views.publish", large).await, "view_too_large");
}

#[tokio::test]
async fn a_view_of_a_name_is_the_only_one() {
    let bot = Bot::start().await;
    let named = |title: &str| with(modal(title), "external_id", json!("mine"));
    assert_eq!(bot.open(named("One")).await["ok"], true);
    assert_eq!(bot.open(named("Two")).await["error"], "duplicate_external_id");
    let update = json!({"external_id": "mine", "view": named("Three")});
    assert_eq!(bot.call("views.update", update).await["ok"], true);
    assert!(bot.slack.views(U_APPROVER)[0].visible_text().contains("Three"));
    let update = json!({"external_id": "yours", "view": named("Four")});
    assert_eq!(bot.refused("views.update", update).await, "not_found");
}

#[tokio::test]
async fn an_input_is_sent_with_its_form_unless_it_is_to_report_each_change() {
    let bot = Bot::start().await;
    let mut view = modal("Title");
    let sort = with(select(2), "action_id", json!("sort"));
    let instant = json!({"type": "input", "block_id": "sort", "label": plain("Sort"), "dispatch_action": true, "element": sort});
    view["blocks"].as_array_mut().unwrap().push(instant);
    view["blocks"].as_array_mut().unwrap().push(section(overflow(json!(options(2))))[0].clone());
    assert_eq!(bot.open(view).await["ok"], true);
    let kept = bot.slack.choose_in_view(U_APPROVER, "keep", Input::Options(vec!["u1".into()])).await;
    assert!(matches!(&kept, Err(NotThere(why)) if why.contains("with its form")), "{kept:?}");
    assert_eq!(bot.slack.views(U_APPROVER)[0].state["keep"]["keep"]["selected_options"], json!([]));

    let mut socket = bot.connect().await;
    bot.slack.fill_in(U_APPROVER, &[("reason", Input::Text("why".into()))]).unwrap();
    let sorted = bot.slack.choose_in_view(U_APPROVER, "sort", Input::Option("1".into()));
    let (_, sent) = tokio::join!(sorted, take(&mut socket, None));
    let values = &sent["payload"]["view"]["state"]["values"];
    assert_eq!(
        (&values["sort"]["sort"]["selected_option"]["value"], &values["reason"]["reason"]["value"]),
        (&json!("1"), &json!("why"))
    );
    let chosen = bot.slack.choose_in_view(U_APPROVER, "m", Input::Option("0".into()));
    let (_, sent) = tokio::join!(chosen, take(&mut socket, None));
    assert_eq!(sent["payload"]["actions"][0]["selected_option"]["value"], "0");
    let elsewhere = bot.slack.choose_in_view(U_APPROVER, "m", Input::Option("7".into())).await;
    assert!(matches!(elsewhere, Err(NotThere(_))));
    bot.slack.close_sockets();
    assert_eq!(next(&mut socket).await, Value::Null);
}
