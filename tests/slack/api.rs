//! The Web API: what is sent, what an answer means, and that no secret comes back out.

use chrono::DateTime;
use inactive_contractors::chat::slack::Slack;
use inactive_contractors::chat::{Chat, ChatError, Mark, Marked, MessageRef, ReplyHandle, ReplyTo};
use inactive_contractors::clock::Clock;
use inactive_contractors::scheduler::Class;
use serde_json::{Value, json};

use super::wire::{Answer, Wire};
use super::{card, hasty, settings, slack, timing};

#[tokio::test]
async fn a_post_is_marked_and_found_again() {
    let mut wire = Wire::start().await;
    let slack = slack(&wire).await;
    let posted = slack.post("C1", None, &Mark::new("request:7"), &card("3 accounts")).await.unwrap();
    assert_eq!(posted, MessageRef { channel: "C1".into(), id: "5.000100".into() });
    let sent = wire.call("chat.postMessage").await;
    assert_eq!(sent.token, "Bearer xoxb-s3cret");
    assert_eq!(sent.body["text"], "3 accounts");
    assert_eq!((&sent.body["unfurl_links"], &sent.body["unfurl_media"]), (&false.into(), &false.into()));

    let mark = sent.body["metadata"].clone();
    let strange = json!({ "event_type": "x", "event_payload": { "n": 1, "deep": {} } });
    let page = |messages: Value, cursor: &str| {
        Answer::Json(
            json!({ "ok": true, "messages": messages, "response_metadata": { "next_cursor": cursor } }),
        )
    };
    let forged = json!({ "ts": "8.1", "user": "U666", "metadata": mark });
    wire.answer("conversations.history", page(json!([{ "ts": "9.1", "metadata": strange }, forged]), "more"));
    wire.answer(
        "conversations.history",
        page(json!([{ "ts": "5.000100", "bot_id": "BBOT", "metadata": mark }]), ""),
    );
    let since = DateTime::from_timestamp(1000, 0).unwrap();
    assert_eq!(slack.find("C1", None, &Mark::new("request:7"), since).await.unwrap(), Some(posted.clone()));
    let query = wire.call("conversations.history").await.query;
    assert!(query.contains("include_all_metadata=true") && query.contains("oldest=700.000000"), "{query}");
    assert_eq!(slack.find("C1", Some(&posted), &Mark::new("request:7"), since).await.unwrap(), None);
    assert!(wire.call("conversations.replies").await.query.contains("ts=5.000100"));
    // What doesn't say which messages there are doesn't say that ours is not among them.
    for answer in [json!({ "ok": true }), json!({ "messages": [] }), json!({})] {
        wire.answer("conversations.history", Answer::Json(answer));
        let found = slack.find("C1", None, &Mark::new("request:7"), since).await;
        assert!(matches!(found, Err(ChatError::Unavailable(_))), "{found:?}");
    }
}

#[tokio::test]
async fn marks_are_read_page_by_page_until_there_is_one_and_all_since_then_were_seen() {
    let mut wire = Wire::start().await;
    let slack = slack(&wire).await;
    let facts = [("event".to_owned(), "9".to_owned()), ("head".to_owned(), "abc".to_owned())].into();
    let mark = Mark { key: "request:7:card".to_owned(), facts };
    slack.post("C1", None, &mark, &card("x")).await.unwrap();
    let metadata = wire.call("chat.postMessage").await.body["metadata"].clone();
    let answer = |messages: Value, cursor: &str| {
        let meta = json!({ "next_cursor": cursor });
        Answer::Json(json!({ "ok": true, "messages": messages, "response_metadata": meta }))
    };
    let ours = json!({ "ts": "1700000005.000100", "bot_id": "BBOT", "metadata": metadata });
    let forged = json!({ "ts": "1700000006.000100", "user": "U666", "metadata": metadata });
    let human = json!({ "ts": "1700000009.000000", "user": "U1" });
    let expected = Marked {
        message: MessageRef { channel: "C1".into(), id: "1700000005.000100".into() },
        posted_at: DateTime::from_timestamp(1_700_000_005, 100_000).unwrap(),
        mark: mark.clone(),
    };
    for (since, pages) in [(None, 2), (DateTime::from_timestamp(1_600_000_000, 0), 3)] {
        wire.answer("conversations.history", answer(json!([human]), "a"));
        wire.answer("conversations.history", answer(json!([forged, ours]), "b"));
        if pages == 3 {
            wire.answer("conversations.history", answer(json!([human]), ""));
        }
        assert_eq!(slack.marks("C1", since).await.unwrap(), std::slice::from_ref(&expected));
        for cursor in ["", "cursor=a", "cursor=b"].into_iter().take(pages) {
            let query = wire.call("conversations.history").await.query;
            assert!(query.contains("include_all_metadata=true") && query.contains(cursor), "{query}");
        }
    }
    slack.update(&expected.message, &Mark::new("other"), &card("y")).await.unwrap();
    let sent = wire.call("chat.update").await.body;
    assert_eq!(sent["metadata"]["event_payload"], json!({ "key": "other" }));
}

#[tokio::test]
async fn an_update_replaces_text_and_blocks() {
    let mut wire = Wire::start().await;
    let message = MessageRef { channel: "C1".into(), id: "5.1".into() };
    slack(&wire).await.update(&message, &Mark::new("k"), &card("Done.")).await.unwrap();
    let sent = wire.call("chat.update").await.body;
    assert_eq!((&sent["ts"], &sent["text"]), (&"5.1".into(), &"Done.".into()));
    assert_eq!(sent["blocks"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_whisper_takes_the_first_way_that_works() {
    let mut wire = Wire::start().await;
    let slack = slack(&wire).await;
    let handle = Some(ReplyHandle::new(wire.response_url()));
    let to = ReplyTo { user: "U1".into(), channel: Some("C1".into()), handle };
    slack.send_ephemeral(&to, &card("Only you.")).await.unwrap();
    let sent = wire.call("response_url").await;
    assert_eq!((sent.token.as_str(), &sent.body["replace_original"]), ("", &false.into()));

    wire.answer("response_url", Answer::Status(404, vec![]));
    wire.error("chat.postEphemeral", "user_not_in_channel");
    slack.send_ephemeral(&to, &card("Only you.")).await.unwrap();
    assert_eq!(wire.call("chat.postMessage").await.body["channel"], "U1");
}

#[tokio::test]
async fn an_answer_to_one_person_is_tried_again_and_then_goes_another_way() {
    let mut wire = Wire::start().await;
    let slack = hasty(&wire).await;
    let handle = Some(ReplyHandle::new(wire.response_url()));
    let to = ReplyTo { user: "U1".into(), channel: Some("C1".into()), handle };
    let others = |wire: &Wire| wire.count("chat.postEphemeral") + wire.count("chat.postMessage");

    // Once each: a server error, a limit with its wait, and no answer at all.
    for answer in
        [Answer::Status(500, vec![]), Answer::Status(429, vec![("retry-after", "0")]), Answer::Never]
    {
        let before = wire.count("response_url");
        wire.answer("response_url", answer);
        slack.send_ephemeral(&to, &card("Only you.")).await.unwrap();
        assert_eq!((wire.count("response_url"), others(&wire)), (before + 2, 0));
    }
    wire.answer("response_url", Answer::Status(502, vec![]));
    slack.revise(&to, &card("Page 2")).await.unwrap();
    assert_eq!((wire.count("response_url"), others(&wire)), (8, 0));

    // It lasts: another way. A limit for too long is not waited for.
    for (answers, tries) in [
        (vec![Answer::Status(500, vec![]); 3], 3),
        (vec![Answer::Status(429, vec![("retry-after", "60")])], 1),
    ] {
        let before = wire.count("response_url");
        for answer in answers {
            wire.answer("response_url", answer);
        }
        slack.send_ephemeral(&to, &card("Only you.")).await.unwrap();
        assert_eq!(wire.count("response_url"), before + tries);
        assert_eq!(wire.call("chat.postEphemeral").await.body["channel"], "C1");
    }
    wire.answer("response_url", Answer::Status(404, vec![]));
    wire.answer("chat.postEphemeral", Answer::Status(500, vec![]));
    wire.answer("chat.postMessage", Answer::Status(500, vec![]));
    slack.send_ephemeral(&to, &card("Only you.")).await.unwrap();
    assert_eq!((wire.count("chat.postEphemeral"), wire.count("chat.postMessage")), (3, 2));
    // What can't be replaced is answered once more.
    (0..3).for_each(|_| wire.answer("response_url", Answer::Status(503, vec![])));
    slack.revise(&to, &card("Page 2")).await.unwrap();
    assert_eq!(wire.count("chat.postEphemeral"), 4);
}

#[tokio::test]
async fn a_lost_reply_to_a_post_is_ambiguous_and_a_refused_one_is_not() {
    let wire = Wire::start().await;
    let slack = hasty(&wire).await;
    wire.answer("chat.postMessage", Answer::Never);
    wire.answer("chat.postMessage", Answer::Json(json!({ "ok": true, "surprise": 1 })));
    wire.answer("chat.postMessage", Answer::Status(503, vec![]));
    for _ in 0..3 {
        let error = slack.post("C1", None, &Mark::new("k"), &card("x")).await.unwrap_err();
        assert!(matches!(error, ChatError::Ambiguous(_)), "{error}");
    }
    wire.answer("chat.postMessage", Answer::Status(429, vec![("retry-after", "7")]));
    let error = slack.post("C1", None, &Mark::new("k"), &card("x")).await.unwrap_err();
    assert_eq!(error, ChatError::RateLimited(std::time::Duration::from_secs(7)));
    wire.error("chat.postMessage", "not_in_channel");
    let error = Class::FreshLook.run(slack.post("C1", None, &Mark::new("k"), &card("x"))).await.unwrap_err();
    assert!(matches!(&error, ChatError::Channel(words) if words.contains("/invite")), "{error}");
    wire.answer("users.info", Answer::Never);
    assert!(matches!(slack.user("U1").await, Err(ChatError::Unavailable(_))));
}

#[tokio::test]
async fn after_a_rate_limit_questions_wait_and_decisions_do_not() {
    let wire = Wire::start().await;
    let slack = slack(&wire).await;
    wire.answer("users.info", Answer::Status(429, vec![("retry-after", "7")]));
    let limited = ChatError::RateLimited(std::time::Duration::from_secs(7));
    assert_eq!(slack.user("U1").await, Err(limited.clone()));
    wire.error("users.info", "user_not_found");
    // This one is not sent: the answer is still there for the next.
    assert_eq!(Class::Question.run(slack.user("U1")).await, Err(limited));
    assert!(matches!(Class::Action.run(slack.user("U1")).await, Err(ChatError::NotFound(_))));
}

#[tokio::test]
async fn outsiders_are_distinguished_from_members() {
    let wire = Wire::start().await;
    let slack = slack(&wire).await;
    let user = |extra: Value| {
        let mut user = json!({ "id": "U1", "team_id": "T1", "name": "ada", "profile":
            { "display_name": "", "real_name": "Ada", "email": "ada@acme.example", "fields": [] },
            "deleted": false, "is_bot": false, "is_restricted": false, "is_ultra_restricted": false });
        user.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        Answer::Json(json!({ "ok": true, "user": user }))
    };
    wire.answer("users.info", user(json!({ "is_app_user": true })));
    let ada = slack.user("U1").await.unwrap();
    assert_eq!(
        (ada.name.as_str(), ada.email.as_deref(), ada.outsider),
        ("Ada", Some("ada@acme.example"), None)
    );
    for (flag, value) in [
        ("is_restricted", json!(true)),
        ("is_ultra_restricted", json!(true)),
        ("is_stranger", json!(true)),
        ("is_bot", json!(true)),
        ("deleted", json!(true)),
        ("team_id", json!("T2")),
    ] {
        wire.answer("users.info", user(json!({ flag: value })));
        assert!(slack.user("U1").await.unwrap().outsider.is_some(), "{flag}");
    }
    for flag in ["deleted", "is_bot", "is_restricted", "is_ultra_restricted"] {
        wire.answer("users.info", user(json!({ flag: null })));
        let left_open = slack.user("U1").await.unwrap_err();
        assert!(matches!(left_open, ChatError::Unavailable(_)), "{flag}: {left_open}");
    }
    wire.answer("users.info", user(json!({})));
    let about_another = slack.user("U2").await.unwrap_err();
    assert!(matches!(about_another, ChatError::Unavailable(_)), "{about_another}");
    wire.answer("users.info", user(json!({ "is_email_confirmed": false })));
    assert_eq!(slack.user("U1").await.unwrap().email, None);
}

#[tokio::test]
async fn members_are_read_to_the_last_page() {
    let wire = Wire::start().await;
    let slack = slack(&wire).await;
    let page = |members: Value, cursor: &str| {
        Answer::Json(
            json!({ "ok": true, "members": members, "response_metadata": { "next_cursor": cursor } }),
        )
    };
    wire.answer("conversations.members", page(json!(["U1"]), "more"));
    wire.answer("conversations.members", page(json!(["U2"]), ""));
    assert_eq!(slack.channel_members("C1").await.unwrap(), ["U1", "U2"]);
    wire.answer("usergroups.users.list", Answer::Json(json!({ "ok": true, "users": ["U3"] })));
    assert_eq!(slack.group_members("S1").await.unwrap(), ["U3"]);
}

#[tokio::test]
async fn the_check_names_what_is_missing_and_how_to_fix_it() {
    let wire = Wire::start().await;
    let slack = hasty(&wire).await;
    wire.error("apps.connections.open", "not_allowed_token_type");
    let info = json!({ "id": "C1", "name": "ops", "is_member": false });
    wire.answer("conversations.info", Answer::Json(json!({ "ok": true, "channel": info })));
    let probes = [slack.probe_socket().await.0, slack.probe(&["C1".to_owned()]).await];
    let wrong: Vec<String> = probes
        .into_iter()
        .flatten()
        .filter_map(|probe| probe.result.err().map(|why| format!("{}: {why}", probe.what)))
        .collect();
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert!(wrong[0].contains("app-level token") && wrong[0].contains("connections:write"));
    assert!(wrong[1].contains("usergroups:read") && wrong[1].contains("reinstall"));
    assert!(wrong[2].contains("/invite"));
}

#[tokio::test]
async fn a_wrong_token_is_reported_at_once() {
    let wire = Wire::start().await;
    wire.error("auth.test", "invalid_auth");
    let error = Slack::connect_with(settings(&wire), timing(), Clock::system()).await.unwrap_err();
    assert!(matches!(error, ChatError::Denied(_)), "{error}");
    let mut swapped = settings(&wire);
    std::mem::swap(&mut swapped.bot_token, &mut swapped.app_token);
    let error = Slack::connect_with(swapped, timing(), Clock::system()).await.unwrap_err().to_string();
    assert!(error.contains("xoxb-") && !error.contains("s3cret"), "{error}");
    let mut open = settings(&wire);
    open.api_url = Some("http://slack.example/api".parse().unwrap());
    assert!(open.check().unwrap_err().contains("https"));
    assert_eq!(wire.count("auth.test"), 1);
}

#[tokio::test]
async fn no_secret_comes_back_out() {
    let wire = Wire::start().await;
    let slack = hasty(&wire).await;
    let mut said = vec![format!("{:?} {slack:?}", settings(&wire))];
    for answer in [
        Answer::Json(json!({ "ok": false, "error": "invalid_auth", "token": "xoxb-s3cret" })),
        Answer::Json(json!({ "ok": true, "response_url": "s3cret-address" })),
        Answer::Status(500, vec![]),
    ] {
        wire.answer("chat.postMessage", answer);
        let error = slack.post("C1", None, &Mark::new("k"), &card("x")).await.unwrap_err();
        said.push(format!("{error} {error:?}"));
    }
    wire.answer("response_url", Answer::Never);
    (0..2).for_each(|_| wire.answer("response_url", Answer::Status(500, vec![])));
    wire.answer(
        "chat.postMessage",
        Answer::Json(json!({ "ok": false, "error": "user_not_found", "at": "s3cret" })),
    );
    let handle = Some(ReplyHandle::new(wire.response_url()));
    let error = slack
        .send_ephemeral(&ReplyTo { user: "U1".into(), channel: None, handle }, &card("x"))
        .await
        .unwrap_err();
    said.push(format!("{error} {error:?}"));
    assert!(said.iter().all(|words| !words.contains("s3cret")), "{said:?}");
}
