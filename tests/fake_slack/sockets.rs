//! Socket Mode and what people do through it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use slack_morphism::api::*;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::fake::slack::*;
use super::{Bot, ack, button, card, modal, next, take};

fn text(text: &str) -> Input {
    Input::Text(text.to_owned())
}

#[tokio::test]
async fn a_click_is_one_envelope_with_the_whole_message() {
    let bot = Bot::start().await;
    let mut socket = bot.connect().await;
    let ts = bot.post("12 accounts", card()).await;
    let (reply, envelope) =
        tokio::join!(bot.slack.click(U_APPROVER, &ts, "approve"), take(&mut socket, None));
    assert!(reply.unwrap().acked_after.is_some());
    let payload = &envelope["payload"];
    assert_eq!(payload["actions"][0]["value"], "7");
    assert_eq!((&payload["user"]["id"], &payload["message"]["ts"]), (&json!(U_APPROVER), &json!(ts)));

    let (reply, envelope) =
        tokio::join!(bot.slack.select(U_VIEWER, &ts, "more", "snooze"), take(&mut socket, None));
    reply.unwrap();
    assert_eq!(envelope["payload"]["actions"][0]["selected_option"]["value"], "snooze");

    let seen = bot.slack.message(&ts).unwrap();
    bot.call("chat.update", json!({"channel": C_OPS, "ts": ts, "text": "decided"})).await;
    assert!(bot.slack.click(U_APPROVER, &ts, "approve").await.is_err(), "the button is gone");
    let (reply, _) =
        tokio::join!(bot.slack.click_stale(U_APPROVER, &seen, "approve"), take(&mut socket, None));
    reply.unwrap();
    let (again, _) = tokio::join!(bot.slack.resend_last_envelope(), take(&mut socket, None));
    assert_eq!(bot.slack.acks(&again.envelope_id).len(), 2);
    assert!(bot.slack.violations().is_empty(), "{:?}", bot.slack.violations());
}

#[tokio::test]
async fn bad_acks_are_violations() {
    let bot = Bot::start().await;
    let mut socket = bot.connect().await;
    let ts = bot.post("12 accounts", card()).await;
    let two_acks = async {
        let envelope = take(&mut socket, None).await;
        ack(&mut socket, &envelope, None).await;
        ack(&mut socket, &json!({"envelope_id": "no-such"}), None).await;
        ack(&mut socket, &envelope, Some(json!({"text": "x".repeat(20_000)}))).await;
    };
    let (reply, ()) = tokio::join!(bot.slack.click(U_APPROVER, &ts, "approve"), two_acks);
    reply.unwrap();
    bot.slack.wait_for("three violations", |slack| (slack.violations().len() == 3).then_some(())).await;
    let reply = bot.slack.click(U_APPROVER, &ts, "approve").await.unwrap();
    assert_eq!((reply.acked_after, matches!(reply.sees, Sees::Trouble(_))), (None, true));
    assert!(bot.slack.violations()[3].contains("within 3 s"));
}

#[tokio::test]
async fn a_slash_command_is_answered_in_its_ack_and_by_response_url() {
    let bot = Bot::start().await;
    let mut socket = bot.connect().await;
    let answer = Some(json!({"text": "All quiet."}));
    let command = bot.slack.slash(U_VIEWER, C_OPS, "/inactive-contractors why ann");
    let (reply, envelope) = tokio::join!(command, take(&mut socket, answer));
    assert_eq!(reply.unwrap().sees, Sees::Answer("All quiet.".to_owned()));
    assert_eq!(envelope["payload"]["text"], "why ann");
    bot.slack.wait_ephemeral(U_VIEWER, "the answer", |seen| seen.text == "All quiet.").await;

    let url = envelope["payload"]["response_url"].as_str().unwrap();
    let respond = || bot.http.post(url).json(&json!({"text": "more"})).send();
    for _ in 0..5 {
        assert_eq!(respond().await.unwrap().text().await.unwrap(), "ok");
    }
    let refused = respond().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.text().await.unwrap()), (404, "used_url".to_owned()));
    assert_eq!(bot.slack.ephemerals(U_VIEWER).len(), 6);
}

#[tokio::test]
async fn an_ephemeral_message_changes_only_by_its_response_url_until_that_expires() {
    let bot = Bot::start().await;
    let mut socket = bot.connect().await;
    bot.call(
        "chat.postEphemeral",
        json!({"channel": C_OPS, "user": U_VIEWER, "text": "only you", "blocks": card()}),
    )
    .await;
    let ts = bot.slack.ephemerals(U_VIEWER)[0].ts.clone();
    assert_eq!(
        bot.refused("chat.update", json!({"channel": C_OPS, "ts": ts, "text": "x"})).await,
        "message_not_found"
    );
    let (reply, envelope) = tokio::join!(bot.slack.click(U_VIEWER, &ts, "approve"), take(&mut socket, None));
    reply.unwrap();
    let url = envelope["payload"]["response_url"].as_str().unwrap();
    bot.http.post(url).json(&json!({"replace_original": true, "text": "done"})).send().await.unwrap();
    assert_eq!(bot.slack.ephemerals(U_VIEWER)[0].text, "done");
    bot.clock.advance(chrono::Duration::minutes(31));
    assert_eq!(bot.http.post(url).json(&json!({"text": "late"})).send().await.unwrap().status(), 404);
    assert_eq!(bot.slack.ephemerals(U_VIEWER).len(), 1);
}

#[tokio::test]
async fn a_modal_is_opened_filled_in_refused_and_submitted() {
    let bot = Bot::start().await;
    let mut socket = bot.connect().await;
    let ts = bot.post("12 accounts", card()).await;
    let (_, envelope) = tokio::join!(bot.slack.click(U_APPROVER, &ts, "approve"), take(&mut socket, None));
    let trigger = envelope["payload"]["trigger_id"].clone();
    let opened = bot.call("views.open", json!({"trigger_id": trigger, "view": modal("Choose")})).await;
    serde_json::from_value::<SlackApiViewsOpenResponse>(opened.clone()).unwrap();
    let again = json!({"trigger_id": trigger, "view": modal("Choose")});
    assert_eq!(bot.refused("views.open", again).await, "exchanged_trigger_id");

    let (id, hash) = (&opened["view"]["id"], &opened["view"]["hash"]);
    let update = json!({"view_id": id, "hash": hash, "view": modal("Choose again")});
    assert_eq!(bot.call("views.update", update.clone()).await["ok"], true);
    assert_eq!(bot.refused("views.update", update).await, "hash_conflict");

    let nothing = bot.slack.submit_view(U_APPROVER, &[]).await;
    assert!(nothing.unwrap_err().0.contains("reason must be filled in"));
    let edits = [("reason", text("left")), ("keep", Input::Options(vec!["u1".to_owned()]))];
    let errors = json!({"response_action": "errors", "errors": {"reason": "say more"}});
    let (reply, _) = tokio::join!(bot.slack.submit_view(U_APPROVER, &edits), take(&mut socket, Some(errors)));
    assert!(matches!(reply.unwrap().sees, Sees::ViewErrors(errors) if errors["reason"] == "say more"));
    let (reply, envelope) = tokio::join!(bot.slack.submit_view(U_APPROVER, &[]), take(&mut socket, None));
    assert_eq!(reply.unwrap().sees, Sees::ViewClosed);
    let values = &envelope["payload"]["view"]["state"]["values"];
    assert_eq!(
        (&values["reason"]["reason"]["value"], &values["keep"]["keep"]["selected_options"][0]["value"]),
        (&json!("left"), &json!("u1"))
    );
    assert!(bot.slack.views(U_APPROVER).is_empty());
}

#[tokio::test]
async fn a_trigger_lives_three_seconds() {
    let bot = Bot::start().await;
    let mut socket = bot.connect().await;
    let ts = bot.post("12 accounts", card()).await;
    let (_, envelope) = tokio::join!(bot.slack.click(U_APPROVER, &ts, "approve"), take(&mut socket, None));
    // Somebody else's click that nobody acknowledges takes just as long as the trigger lives.
    bot.slack.click(U_VIEWER, &ts, "approve").await.unwrap();
    let open = json!({"trigger_id": envelope["payload"]["trigger_id"], "view": modal("Choose")});
    assert_eq!(bot.refused("views.open", open).await, "expired_trigger_id");
}

#[tokio::test]
async fn modals_stack_three_high_and_closing_tells_the_bot() {
    let bot = Bot::start().await;
    let mut socket = bot.connect().await;
    let command = bot.slack.slash(U_ADMIN, C_OPS, "/inactive-contractors");
    let (_, envelope) = tokio::join!(command, take(&mut socket, Some(json!({"text": "…"}))));
    let mut with_button = modal("One");
    with_button["blocks"]
        .as_array_mut()
        .unwrap()
        .push(json!({"type": "actions", "elements": [button("deeper", "Deeper")]}));
    let view =
        |envelope: &Value| json!({"trigger_id": envelope["payload"]["trigger_id"], "view": with_button});
    bot.call("views.open", view(&envelope)).await;
    for expected in [json!(null), json!(null), json!("push_limit_reached")] {
        let (_, envelope) =
            tokio::join!(bot.slack.click_in_view(U_ADMIN, "deeper", &[]), take(&mut socket, None));
        assert_eq!(bot.call("views.push", view(&envelope)).await["error"], expected);
    }
    let (closed, envelope) = tokio::join!(bot.slack.close_view(U_ADMIN), take(&mut socket, None));
    assert!(closed.unwrap().is_some());
    assert_eq!((&envelope["payload"]["type"], bot.slack.views(U_ADMIN).len()), (&json!("view_closed"), 2));
}

#[tokio::test]
async fn the_home_tab_is_published_when_it_is_opened() {
    let bot = Bot::start().await;
    let mut socket = bot.connect().await;
    let (_, envelope) = tokio::join!(bot.slack.open_home(U_ADMIN), take(&mut socket, None));
    assert_eq!(envelope["payload"]["event"]["type"], "app_home_opened");
    let view = json!({"type": "home", "blocks": card()});
    let published = bot.call("views.publish", json!({"user_id": U_ADMIN, "view": view})).await;
    serde_json::from_value::<SlackApiViewsPublishResponse>(published).unwrap();
    bot.slack.wait_home(U_ADMIN, "the home tab", |home| home.visible_text().contains("12 accounts")).await;
    let (reply, envelope) =
        tokio::join!(bot.slack.click_in_view(U_ADMIN, "approve", &[]), take(&mut socket, None));
    reply.unwrap();
    assert_eq!(envelope["payload"]["container"]["type"], "view");
    socket.close(None).await.unwrap();
    bot.slack.wait_connected(0).await;
    bot.slack.open_home(U_ADMIN).await;
    let mut socket = bot.connect().await;
    assert_eq!(take(&mut socket, None).await["retry_reason"], "timeout");
}

#[tokio::test]
async fn a_disconnect_leaves_the_old_socket_open_for_its_last_acks() {
    let bot = Bot::start().await;
    let mut old = bot.connect().await;
    let ts = bot.post("12 accounts", card()).await;
    let story = async {
        let envelope = next(&mut old).await;
        bot.slack.send_disconnect(Disconnect::Warning);
        assert_eq!(next(&mut old).await["reason"], "warning");
        let mut new = bot.connect().await;
        assert_eq!((bot.slack.sockets(), bot.slack.fresh_sockets()), (2, 1));
        ack(&mut old, &envelope, None).await;
        let (reply, _) = tokio::join!(bot.slack.click(U_APPROVER2, &ts, "approve"), take(&mut new, None));
        assert!(reply.unwrap().acked_after.is_some(), "new payloads go to the new socket");
    };
    let (reply, ()) = tokio::join!(bot.slack.click(U_APPROVER, &ts, "approve"), story);
    assert!(reply.unwrap().acked_after.is_some(), "the ack on the old socket counts");
}

#[tokio::test]
async fn sockets_break_in_every_way() {
    let bot = Bot::start().await;
    let mut dropped = bot.connect().await;
    bot.slack.drop_sockets();
    let end = dropped.next().await;
    assert!(matches!(end, Some(Err(_)) | None), "a reset, not a close frame: {end:?}");
    let mut closed = bot.connect().await;
    bot.slack.close_sockets();
    assert!(matches!(closed.next().await, Some(Ok(Frame::Close(_)))));
    bot.slack.wait_connected(0).await;

    let mut frozen = bot.connect().await;
    bot.slack.freeze_sockets();
    frozen.send(Frame::Ping("are you there".into())).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(200), frozen.next()).await.is_err(), "no pong");

    bot.slack.hang_next_handshake();
    let url = bot.ticket().await["url"].as_str().unwrap().to_owned();
    assert!(tokio::time::timeout(Duration::from_millis(200), connect_async(&url)).await.is_err());
    assert!(connect_async(&url).await.is_err(), "a ticket is good for one handshake");
    bot.slack.refuse_sockets();
    let url = bot.ticket().await["url"].as_str().unwrap().to_owned();
    assert!(connect_async(url).await.is_err());
    bot.slack.clear_faults();
    bot.connect().await;
    bot.slack.disable_socket_mode();
    assert_eq!(bot.ticket().await["error"], "link_disabled");
    assert_eq!(bot.slack.connections_opened(), 4);
}

#[tokio::test]
async fn the_eleventh_socket_is_rejected() {
    let bot = Bot::start().await;
    let mut sockets = Vec::new();
    for _ in 0..10 {
        sockets.push(bot.connect().await);
    }
    assert_eq!(next(&mut bot.connect().await).await["reason"], "too_many_websockets");
    bot.slack.wait_connected(10).await;
    for mut socket in sockets {
        socket.close(None).await.unwrap();
    }
    bot.slack.wait_connected(0).await;
}

#[tokio::test]
async fn an_unacknowledged_payload_can_be_sent_again() {
    let bot = Bot::start().await;
    let mut frozen = bot.connect().await;
    bot.slack.freeze_sockets();
    let lost = bot.slack.slash(U_VIEWER, C_OPS, "/inactive-contractors").await.unwrap();
    assert!(
        matches!(lost.sees, Sees::Trouble(_)) && bot.slack.violations().is_empty(),
        "the bot could not know"
    );
    let mut socket = bot.connect().await;
    let (again, _) =
        tokio::join!(bot.slack.resend_last_envelope(), take(&mut socket, Some(json!({"text": "hi"}))));
    assert_eq!((again.envelope_id, again.acked_after.is_some()), (lost.envelope_id, true));
    bot.slack.send_raw("not json");
    assert_eq!(socket.next().await.unwrap().unwrap(), Frame::text("not json"));
    frozen.close(None).await.unwrap();
}

#[tokio::test]
async fn without_a_socket_the_person_sees_trouble_at_once() {
    let bot = Bot::start().await;
    let ts = bot.post("12 accounts", card()).await;
    let reply = bot.slack.click(U_APPROVER, &ts, "approve").await.unwrap();
    assert!(matches!(reply.sees, Sees::Trouble(_)));
    assert!(bot.slack.violations().is_empty());
}

#[tokio::test]
async fn frames_that_no_app_expects_arrive_as_they_are() {
    let bot = Bot::start().await;
    let mut socket = bot.connect().await;
    bot.slack.send_bytes(&[0xff, 0x00]);
    bot.slack.send_raw("[[[");
    bot.slack.send_strange("holograms", &json!({"user": {"id": U_VIEWER}}));
    let mut frames = Vec::new();
    while frames.len() < 3 {
        let frame = socket.next().await.unwrap().unwrap();
        frames.extend((!frame.is_ping()).then_some(frame));
    }
    assert_eq!(frames[..2], [Frame::binary(vec![0xff, 0x00]), Frame::text("[[[")]);
    let strange: Value = serde_json::from_str(frames[2].to_text().unwrap()).unwrap();
    assert_eq!(strange["type"], "holograms");
    ack(&mut socket, &strange, None).await;
    let sent = |slack: &FakeSlack| slack.everything_sent().pop().filter(|sent| !sent.acks.is_empty());
    let sent = bot.slack.wait_for("the ack", sent).await;
    assert_eq!(
        (sent.kind.as_str(), sent.at.len(), &sent.payload["user"]["id"]),
        ("holograms", 1, &json!(U_VIEWER))
    );
}

#[tokio::test]
async fn a_socket_too_many_is_greeted_and_sent_away() {
    let bot = Bot::start().await;
    bot.slack.too_many_sockets(1);
    let mut unwanted = bot.connect().await;
    assert_eq!(next(&mut unwanted).await["reason"], "too_many_websockets");
    assert_eq!(next(&mut unwanted).await, Value::Null);
    bot.connect().await;
    assert_eq!(bot.slack.connections_opened(), 2);
}
