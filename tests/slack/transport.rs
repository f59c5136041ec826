//! The socket: what arrives is handled and acknowledged, and nothing that happens to a connection lasts.

use inactive_contractors::chat::slack::Timing;
use inactive_contractors::chat::{
    Ack, Chat, ChatError, Connection, Later, Mark, Prepared, Response, Text, What,
};
use serde_json::json;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;

use super::wire::{Answer, Greeting, Wire};
use super::{BRIEF, Running, card, click, envelope, modal, submission, timing};

#[tokio::test]
async fn a_click_is_acknowledged_when_its_handler_returned() {
    let mut bot = Running::start().await;
    let mut peer = bot.wire.peer().await;
    peer.send(&click("e1", "1"));
    let input = bot.input().await;
    assert!(
        matches!(&input.inbound.what, What::Click { action, value, .. } if action == "deny" && value == "r7")
    );
    assert_eq!((input.inbound.user.as_str(), peer.has_ack()), ("U1", false));
    input.answer.send(Ack::Done).unwrap();
    assert_eq!(peer.ack().await, json!({ "envelope_id": "e1" }));
}

#[tokio::test]
async fn a_slow_handler_holds_up_nobody_else() {
    let mut bot = Running::start().await;
    let mut peer = bot.wire.peer().await;
    peer.send(&click("slow", "1"));
    let slow = bot.input().await;
    peer.send(&click("quick", "2"));
    bot.input().await.answer.send(Ack::Done).unwrap();
    assert_eq!(peer.ack().await["envelope_id"], "quick");
    slow.answer.send(Ack::Done).unwrap();
    assert_eq!(peer.ack().await["envelope_id"], "slow");
}

#[tokio::test]
async fn more_clicks_than_places_are_all_handled() {
    let mut bot = Running::start().await;
    let mut peer = bot.wire.peer().await;
    for n in 0..100 {
        peer.send(&click(&format!("e{n}"), &n.to_string()));
    }
    let mut waiting = Vec::new();
    for _ in 0..64 {
        waiting.push(bot.input().await);
    }
    for input in waiting {
        input.answer.send(Ack::Done).unwrap();
    }
    for _ in 64..100 {
        bot.input().await.answer.send(Ack::Done).unwrap();
    }
    for _ in 0..100 {
        peer.ack().await;
    }
}

#[tokio::test]
async fn a_panic_in_a_handler_is_not_acknowledged_and_ends_nothing() {
    let mut bot = Running::start().await;
    let mut peer = bot.wire.peer().await;
    peer.send(&click("dies", "1"));
    drop(bot.input().await);
    peer.send(&click("lives", "2"));
    bot.input().await.answer.send(Ack::Done).unwrap();
    assert_eq!(peer.ack().await["envelope_id"], "lives");
    // Delivered again, it gets its second chance.
    peer.send(&click("dies", "1"));
    bot.input().await.answer.send(Ack::Done).unwrap();
    assert_eq!(peer.ack().await["envelope_id"], "dies");
}

#[tokio::test]
async fn the_same_envelope_twice_is_handled_once_and_acknowledged_twice() {
    let mut bot = Running::start().await;
    let mut peer = bot.wire.peer().await;
    peer.send(&click("e1", "1"));
    peer.send(&click("e1", "1"));
    bot.input().await.answer.send(Ack::Done).unwrap();
    assert_eq!(peer.ack().await["envelope_id"], "e1");
    assert_eq!(peer.ack().await["envelope_id"], "e1");
    assert!(bot.inputs.try_recv().is_err());
}

#[tokio::test]
async fn hangs_while_connecting_are_given_up() {
    for greeting in [Greeting::HungHandshake, Greeting::NoHello] {
        let wire = Wire::start().await;
        wire.greet(greeting);
        let mut bot = Running::bounded(wire, briefly()).await;
        if greeting == Greeting::NoHello {
            bot.wire.peer().await;
        }
        bot.works().await;
    }
    let wire = Wire::start().await;
    wire.answer("apps.connections.open", Answer::Never);
    Running::bounded(wire, briefly()).await.works().await;
}

/// Bounds of what comes before a connection works.
fn briefly() -> Timing {
    Timing { call: BRIEF, handshake: BRIEF, hello: BRIEF, ..timing() }
}

#[tokio::test]
async fn a_failed_tls_handshake_is_given_up_and_needs_no_provider_from_the_program() {
    let wire = Wire::start().await;
    let not_tls = wire.api_url().replace("http://", "wss://");
    wire.answer("apps.connections.open", Answer::Json(json!({ "ok": true, "url": not_tls })));
    Running::bounded(wire, briefly()).await.works().await;
}

#[tokio::test]
async fn a_broken_connection_is_replaced() {
    let mut bot = Running::bounded(Wire::start().await, Timing { stale: BRIEF, ..timing() }).await;
    let peer = bot.works().await;
    peer.freeze();
    let peer = bot.works_again("2").await;
    peer.reset();
    let peer = bot.works_again("3").await;
    peer.raw(Message::Close(None));
    bot.works_again("4").await;
}

#[tokio::test]
async fn errors_while_reconnecting_heal() {
    let wire = Wire::start().await;
    wire.error("apps.connections.open", "internal_error");
    wire.answer("apps.connections.open", Answer::Status(500, vec![]));
    wire.answer("apps.connections.open", Answer::Status(429, vec![("retry-after", "1")]));
    let started = std::time::Instant::now();
    let mut bot = Running::on(wire).await;
    bot.works().await;
    assert!(started.elapsed() >= std::time::Duration::from_secs(1), "Retry-After is honoured");
}

#[tokio::test]
async fn what_keeps_slack_away_for_now_ends_nothing() {
    let codes = ["org_login_required", "team_added_to_org", "ekm_access_denied", "accesslimited"];
    let wire = Wire::start().await;
    for code in codes.into_iter().chain(["team_access_not_granted", "two_factor_setup_required"]) {
        wire.error("apps.connections.open", code);
    }
    let mut bot = Running::on(wire).await;
    bot.works().await;
    bot.wire.error("chat.postMessage", "org_login_required");
    let error = bot.slack.post("C1", None, &Mark::new("k"), &card("x")).await.unwrap_err();
    assert!(matches!(&error, ChatError::Unavailable(words) if words.contains("being moved")), "{error}");
    bot.is(Connection::Connected).await;
}

#[tokio::test]
async fn a_disconnect_opens_the_new_socket_first_and_loses_nothing() {
    let mut bot = Running::start().await;
    let mut old = bot.works().await;
    old.send(&json!({ "type": "disconnect", "reason": "refresh_requested" }));
    old.send(&click("late", "7"));
    let late = bot.input().await;
    let mut new = bot.wire.peer().await;
    late.answer.send(Ack::Done).unwrap();
    assert_eq!(old.ack().await["envelope_id"], "late");
    new.send(&click("new", "8"));
    bot.input().await.answer.send(Ack::Done).unwrap();
    assert_eq!(new.ack().await["envelope_id"], "new");
    old.said_goodbye().await;
    assert_eq!(*bot.slack.connection().borrow(), Connection::Connected);
}

#[tokio::test]
async fn the_last_socket_is_kept_until_there_is_another() {
    let timing = Timing { call: BRIEF, retire: BRIEF, ..timing() };
    let mut bot = Running::bounded(Wire::start().await, timing).await;
    let mut old = bot.works().await;
    // Longer in all than an old socket is kept beside a new one.
    for _ in 0..2 {
        bot.wire.answer("apps.connections.open", Answer::Never);
    }
    old.send(&json!({ "type": "disconnect", "reason": "warning" }));
    for _ in 0..3 {
        bot.wire.call("apps.connections.open").await;
    }
    old.send(&click("kept", "2"));
    bot.input().await.answer.send(Ack::Done).unwrap();
    assert_eq!(old.ack().await["envelope_id"], "kept");
    bot.works_again("3").await;
    old.said_goodbye().await;
}

#[tokio::test]
async fn an_acknowledgement_whose_socket_is_gone_takes_another() {
    let mut bot = Running::start().await;
    let old = bot.wire.peer().await;
    old.send(&click("e1", "1"));
    let input = bot.input().await;
    old.reset();
    let mut new = bot.wire.peer().await;
    input.answer.send(Ack::Done).unwrap();
    assert_eq!(new.ack().await["envelope_id"], "e1");
}

#[tokio::test]
async fn what_slack_refuses_for_good_is_fatal_at_start_and_later() {
    for code in ["invalid_auth", "not_allowed_token_type", "token_revoked", "link_disabled", "missing_scope"]
    {
        let wire = Wire::start().await;
        wire.error("apps.connections.open", code);
        let error = Running::on(wire).await.ended().await.unwrap_err();
        assert!(matches!(&error, ChatError::Denied(words) if words.contains(code)), "{error}");
    }
    let mut bot = Running::start().await;
    let peer = bot.works().await;
    bot.wire.error("apps.connections.open", "link_disabled");
    peer.send(&json!({ "type": "disconnect", "reason": "link_disabled" }));
    bot.is(Connection::Closed).await;
    assert!(matches!(bot.ended().await, Err(ChatError::Denied(_))));
}

#[tokio::test]
async fn tokens_of_two_apps_end_it_and_one_app_does_not() {
    let bot = Answer::Json(json!({ "ok": true, "bot": { "id": "BBOT", "app_id": "A1" } }));
    let wire = Wire::start().await;
    wire.answer("bots.info", bot);
    wire.greet(Greeting::HelloOf("A2"));
    let error = Running::on(wire).await.ended().await.unwrap_err();
    assert!(
        matches!(&error, ChatError::Denied(words) if words.contains("A1") && words.contains("A2")),
        "{error}"
    );
    for (bot, hello) in [
        (json!({ "ok": true, "bot": { "app_id": "A1" } }), Greeting::HelloOf("A1")),
        // What isn't known is no difference.
        (json!({ "ok": true, "bot": { "app_id": "A1" } }), Greeting::Hello),
        (json!({ "ok": false, "error": "missing_scope" }), Greeting::HelloOf("A2")),
    ] {
        let wire = Wire::start().await;
        wire.answer("bots.info", Answer::Json(bot));
        wire.greet(hello);
        Running::on(wire).await.works().await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_counted_acknowledged_and_reported() {
    let mut bot = Running::start().await;
    let mut peer = bot.wire.peer().await;
    let strange = json!({ "type": "hologram", "user": { "id": "U9" }, "channel": { "id": "C9" } });
    peer.send(&envelope("e1", "interactive", &strange));
    assert_eq!(peer.ack().await, json!({ "envelope_id": "e1" }));
    let told = bot.wire.call("chat.postEphemeral").await.body;
    assert_eq!((&told["user"], &told["channel"]), (&"U9".into(), &"C9".into()));
    peer.raw(Message::text("not json"));
    peer.send(&click("e2", "1"));
    bot.input().await.answer.send(Ack::Done).unwrap();
    peer.ack().await;
    assert_eq!(bot.slack.traffic().unreadable, 2);
}

#[tokio::test]
async fn a_form_is_answered_with_errors_or_another_modal() {
    let mut bot = Running::start().await;
    let mut peer = bot.wire.peer().await;
    peer.send(&submission("e1"));
    let errors = vec![
        ("keep".to_owned(), Text::plain("Keep at least one.")),
        ("reason".to_owned(), Text::plain("Why?")),
    ];
    bot.input().await.answer.send(Ack::FormErrors(errors)).unwrap();
    assert_eq!(
        peer.ack().await["payload"],
        json!({ "response_action": "errors", "errors": { "keep:0": "Keep at least one.", "reason": "Why?" } })
    );
    peer.send(&submission("e2"));
    bot.input().await.answer.send(Ack::Respond(Response::Replace(modal(1)))).unwrap();
    assert_eq!(peer.ack().await["payload"]["view"]["callback_id"], "choose");
    // Too large for an acknowledgement.
    peer.send(&submission("e3"));
    bot.input().await.answer.send(Ack::Respond(Response::Replace(modal(90)))).unwrap();
    assert_eq!(peer.ack().await["payload"]["view"]["blocks"].as_array().unwrap().len(), 1);
    let update = bot.wire.call("views.update").await.body;
    assert_eq!((&update["view_id"], update["view"]["blocks"].as_array().unwrap().len()), (&"V1".into(), 90));
}

/// What a handler prepares; the test says when. The receiver ends when the adapter has done with it.
fn prepared(response: Response) -> (Ack, oneshot::Sender<()>, oneshot::Receiver<()>) {
    let ((ready, when), (until_shown, shown)) = (oneshot::channel(), oneshot::channel::<()>());
    let later = Later::new(async move {
        when.await.expect("the test says when");
        Prepared {
            response,
            otherwise: card("It could not be shown."),
            until_shown: Some(Box::new(until_shown)),
        }
    });
    (Ack::Later(later), ready, shown)
}

#[tokio::test]
async fn a_click_is_acknowledged_before_its_dialog_is_prepared_and_opens_it_by_its_own_trigger() {
    let mut bot = Running::start().await;
    let mut peer = bot.wire.peer().await;
    peer.send(&click("e1", "1"));
    let (ack, ready, shown) = prepared(Response::Open(modal(1)));
    bot.input().await.answer.send(ack).unwrap();
    assert_eq!(peer.ack().await, json!({ "envelope_id": "e1" }));
    ready.send(()).unwrap();
    let opened = bot.wire.call("views.open").await.body;
    assert_eq!((&opened["trigger_id"], &opened["view"]["callback_id"]), (&"t.1".into(), &"choose".into()));
    assert!(shown.await.is_err(), "nothing waits for it any more");
    assert_eq!(bot.wire.count("chat.postEphemeral"), 0);
}

#[tokio::test]
async fn a_dialog_that_can_not_be_opened_is_reported_to_the_person() {
    let mut bot = Running::bounded(Wire::start().await, Timing { call: BRIEF, ..timing() }).await;
    let peer = bot.wire.peer().await;
    for (number, refusal) in ["expired_trigger_id", "push_limit_reached", "no answer"].into_iter().enumerate()
    {
        match refusal {
            "no answer" => bot.wire.answer("views.push", Answer::Never),
            code => bot.wire.error("views.push", code),
        }
        peer.send(&click(refusal, &number.to_string()));
        let (ack, ready, shown) = prepared(Response::Push(modal(1)));
        ready.send(()).unwrap();
        bot.input().await.answer.send(ack).unwrap();
        assert_eq!(bot.wire.call("views.push").await.body["trigger_id"], "t.1");
        let told = bot.wire.call("chat.postEphemeral").await.body;
        assert_eq!(
            (&told["text"], &told["user"]),
            (&"It could not be shown.".into(), &"U1".into()),
            "{refusal}"
        );
        assert!(shown.await.is_err());
    }
}

#[tokio::test]
async fn shutdown_finishes_and_acknowledges_what_is_in_flight() {
    let mut bot = Running::start().await;
    let mut peer = bot.works().await;
    peer.send(&click("e1", "1"));
    let input = bot.input().await;
    bot.shutdown.cancel();
    input.answer.send(Ack::Done).unwrap();
    assert_eq!(peer.ack().await["envelope_id"], "e1");
    peer.said_goodbye().await;
    bot.is(Connection::Closed).await;
    bot.ended().await.unwrap();
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_handler_that_hangs() {
    let mut bot = Running::bounded(Wire::start().await, Timing { drain: BRIEF, ..timing() }).await;
    let peer = bot.works().await;
    peer.send(&click("e1", "1"));
    let _hangs = bot.input().await;
    bot.shutdown.cancel();
    bot.ended().await.unwrap();
}
