//! Files, direct messages and home tabs: what goes over the wire, and what each refusal means.

use inactive_contractors::chat::{
    Block, Chat, ChatError, FileRef, Home, Mark, MessageRef, ShareIn, Text, Upload,
};
use serde_json::json;

use super::wire::{Answer, Wire};
use super::{card, hasty, slack};

const EVIL: &str = "<!channel> *x*\n\u{202e}<https://evil.example|Okta>";

fn file(alt: Option<&str>) -> Upload {
    let (name, title) = (format!("{EVIL}.csv"), EVIL.to_owned());
    Upload { name, title, alt: alt.map(str::to_owned), bytes: b"a,b\n1,2\n".to_vec() }
}

fn share(thread: Option<&str>) -> ShareIn {
    let thread = thread.map(|id| MessageRef { channel: "C1".to_owned(), id: id.to_owned() });
    ShareIn { channel: "C1".to_owned(), thread, comment: Text::plain("For you: ").quoted(EVIL) }
}

/// Lets the next upload find its place at this address.
fn place(wire: &Wire, upload_url: &str) {
    let place = json!({ "ok": true, "upload_url": upload_url, "file_id": "F0000000A" });
    wire.answer("files.getUploadURLExternal", Answer::Json(place));
}

fn ticket(wire: &Wire) -> String {
    wire.api_url() + "s3cret-ticket"
}

#[tokio::test]
async fn a_file_goes_up_in_three_steps_and_its_bytes_without_the_token() {
    let mut wire = Wire::start().await;
    let slack = slack(&wire).await;
    place(&wire, &ticket(&wire));
    let uploaded = slack.upload(&file(Some(&"é".repeat(1200))), None).await.unwrap();
    assert_eq!(uploaded, FileRef("F0000000A".to_owned()));
    let asked = wire.call("files.getUploadURLExternal").await;
    let asked: Vec<(String, String)> = serde_urlencoded(&asked.query);
    let said = |key: &str| asked.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    assert_eq!(said("filename"), Some("<!channel> *x* <https://evil.example|Okta>.csv"));
    assert_eq!(said("length"), Some("8"));
    assert_eq!(said("alt_txt").map(|alt| alt.chars().count()), Some(1000));
    let sent = wire.call("s3cret-ticket").await;
    assert_eq!((sent.token.as_str(), sent.bytes), ("", 8));
    let completed = wire.call("files.completeUploadExternal").await;
    let title = "<!channel> *x* <https://evil.example|Okta>";
    assert_eq!(completed.body, json!({ "files": [{ "id": "F0000000A", "title": title }] }));
    assert!(completed.token.contains("xoxb-"));
}

#[tokio::test]
async fn a_shared_file_goes_without_a_description_which_would_make_slack_lose_it() {
    let mut wire = Wire::start().await;
    let slack = slack(&wire).await;
    place(&wire, &ticket(&wire));
    slack.upload(&file(Some("A trend")), Some(&share(Some("5.1")))).await.unwrap();
    assert!(!wire.call("files.getUploadURLExternal").await.query.contains("alt_txt"));
    let sent = wire.call("files.completeUploadExternal").await.body;
    assert_eq!((&sent["channel_id"], &sent["thread_ts"]), (&"C1".into(), &"5.1".into()));
    let comment = sent["initial_comment"].as_str().unwrap();
    assert!(comment.starts_with("For you: &lt;!channel&gt; ∗x∗ &lt;https꞉"), "{comment}");
}

fn serde_urlencoded(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

#[tokio::test]
async fn bytes_go_nowhere_unencrypted_and_not_if_there_are_too_many() {
    let wire = Wire::start().await;
    let slack = slack(&wire).await;
    place(&wire, "http://files.slack.example/upload/s3cret");
    let error = slack.upload(&file(None), None).await.unwrap_err();
    assert!(matches!(&error, ChatError::Unavailable(why) if why.contains("encrypted")), "{error}");
    assert!(!error.to_string().contains("s3cret"));
    for bytes in [Vec::new(), vec![0; 100_000_001]] {
        let refused = slack.upload(&Upload { bytes, ..file(None) }, None).await;
        assert!(matches!(refused, Err(ChatError::Content(_))), "{refused:?}");
    }
    assert_eq!(wire.count("files.getUploadURLExternal"), 1);
    assert_eq!(wire.count("files.completeUploadExternal"), 0);
}

#[tokio::test]
async fn an_upload_is_in_doubt_only_after_its_last_step() {
    let wire = Wire::start().await;
    let slack = hasty(&wire).await;
    for answer in [Answer::Never, Answer::Status(500, vec![]), Answer::Status(403, vec![])] {
        place(&wire, &ticket(&wire));
        wire.answer("s3cret-ticket", answer);
        let error = slack.upload(&file(None), Some(&share(None))).await.unwrap_err();
        assert!(matches!(error, ChatError::Unavailable(_)), "{error}");
    }
    assert_eq!(wire.count("files.completeUploadExternal"), 0);
    for answer in [Answer::Never, Answer::Status(502, vec![])] {
        place(&wire, &ticket(&wire));
        wire.answer("files.completeUploadExternal", answer);
        let error = slack.upload(&file(None), Some(&share(None))).await.unwrap_err();
        assert!(matches!(error, ChatError::Ambiguous(_)), "{error}");
    }
    place(&wire, &ticket(&wire));
    wire.error("files.completeUploadExternal", "posting_to_channel_denied");
    let error = slack.upload(&file(None), Some(&share(None))).await.unwrap_err();
    assert!(matches!(error, ChatError::Channel(_)), "{error}");
    wire.error("files.getUploadURLExternal", "file_uploads_disabled");
    let error = slack.upload(&file(None), None).await.unwrap_err();
    assert!(matches!(&error, ChatError::Content(why) if why == "file_uploads_disabled"), "{error}");
    let needed = json!({ "ok": false, "error": "missing_scope", "needed": "files:write" });
    wire.answer("files.getUploadURLExternal", Answer::Json(needed));
    let error = slack.upload(&file(None), None).await.unwrap_err();
    assert!(matches!(&error, ChatError::Denied(why) if why.contains("files:write")), "{error}");
}

#[tokio::test]
async fn a_picture_that_is_not_ready_refuses_the_content_and_a_later_try_passes() {
    let wire = Wire::start().await;
    let slack = slack(&wire).await;
    let image = Block::Image { file: FileRef("F0000000A".to_owned()), alt: " \u{202e}".to_owned() };
    let mut with_picture = card("The trend.");
    with_picture.blocks.push(image.clone());
    let messages = json!({ "messages": ["[ERROR] invalid slack file [json-pointer:/blocks/0/slack_file]"] });
    let refusal = |code: &str| {
        Answer::Json(json!({ "ok": false, "error": code, "response_metadata": messages.clone() }))
    };
    wire.answer("chat.postMessage", refusal("invalid_blocks"));
    let error = slack.post("C1", None, &Mark::new("k"), &with_picture).await.unwrap_err();
    assert!(matches!(&error, ChatError::Content(why) if why.contains("invalid slack file")), "{error}");
    slack.post("C1", None, &Mark::new("k"), &with_picture).await.unwrap();
    wire.answer("views.publish", refusal("invalid_arguments"));
    let home = Home { blocks: vec![image] };
    let error = slack.publish_home("U1", &home).await.unwrap_err();
    assert!(matches!(error, ChatError::Content(_)), "{error}");
    slack.publish_home("U1", &home).await.unwrap();
}

#[tokio::test]
async fn what_is_refused_about_a_person_or_a_page_is_distinguished() {
    let mut wire = Wire::start().await;
    let slack = hasty(&wire).await;
    let direct = json!({ "ok": true, "no_op": true, "already_open": true, "channel": { "id": "D7" } });
    wire.answer("conversations.open", Answer::Json(direct));
    assert_eq!(slack.open_direct("U1").await.unwrap(), "D7");
    assert_eq!(wire.call("conversations.open").await.body, json!({ "users": "U1" }));
    wire.error("conversations.open", "user_disabled");
    assert!(matches!(slack.open_direct("U1").await, Err(ChatError::NotFound(_))));
    wire.answer("conversations.open", Answer::Never);
    assert!(matches!(slack.open_direct("U1").await, Err(ChatError::Unavailable(_))));

    wire.error("users.lookupByEmail", "users_not_found");
    assert_eq!(slack.find_user("a+b@acme.example").await, Ok(None));
    assert!(wire.call("users.lookupByEmail").await.query.contains("email=a%2Bb%40acme.example"));
    wire.answer("users.lookupByEmail", Answer::Status(503, vec![]));
    assert!(matches!(slack.find_user("a@acme.example").await, Err(ChatError::Unavailable(_))));

    wire.error("views.publish", "not_enabled");
    let off = slack.publish_home("U1", &Home { blocks: Vec::new() }).await.unwrap_err();
    assert!(matches!(&off, ChatError::Denied(why) if why.contains("App Home")), "{off}");
}
