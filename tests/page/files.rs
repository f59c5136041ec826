//! Files: a picture is shown with its text for those who can't see it, anything else can be downloaded.

use serde_json::{Value, json};

use super::app::{call, post};
use super::story;
use crate::browser::Browser;
use crate::fake::slack::{C_OPS, U_APPROVER};
use crate::sandbox::Sandbox;

const PICTURE: &[u8] = include_bytes!("../sandbox/finished.png");

/// Uploads in Slack's three steps; `share` says where to. Returns the file's id.
async fn upload(sandbox: &Sandbox, name: &str, title: &str, bytes: &[u8], share: Value) -> String {
    let about = json!({ "filename": name, "length": bytes.len() });
    let place = call(sandbox, "files.getUploadURLExternal", about).await;
    let url = place["upload_url"].as_str().expect("there is an address");
    let sent = reqwest::Client::new().post(url).body(bytes.to_vec()).send().await.expect("the fake answers");
    assert!(sent.status().is_success());
    let mut complete = share;
    complete["files"] = json!([{ "id": place["file_id"], "title": title }]);
    call(sandbox, "files.completeUploadExternal", complete).await;
    place["file_id"].as_str().expect("a file has an id").to_owned()
}

/// What a download of the link gives: status, type and length.
async fn downloaded(page: &Browser, css: &str) -> Value {
    let script = format!(
        "return fetch(document.querySelector(\"{css}\").href).then(async (answer) => \
         [answer.status, answer.headers.get('content-type'), (await answer.arrayBuffer()).byteLength])"
    );
    page.run(&script).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_shown_and_other_files_can_be_downloaded() {
    story(async |page, sandbox| {
        page.open(U_APPROVER).await;
        let text = json!([{ "type": "section", "text": { "type": "plain_text", "text": "The card" } }]);
        let card = post(sandbox, C_OPS, "The card", text).await;
        let ts = card.split('\'').nth(1).expect("the selector quotes it");
        // Slack never shares a file that has a text of its own for those who can't see it, so its title has to do.
        let title = "Twelve inactive contractors, five suspended";
        let thread = json!({ "channel_id": C_OPS, "thread_ts": ts, "initial_comment": "The last 90 days" });
        upload(sandbox, "trend.png", title, PICTURE, thread).await;
        page.see_words(&format!("{card} .replies li"), "The last 90 days").await;
        page.see(&format!("{card} .replies img[alt='{title}']")).await;
        page.holds("document.querySelector('.replies img').naturalWidth > 100").await;

        let csv = b"when,who\n2026-11-23,Alice\n";
        upload(sandbox, "audit.csv", "audit.csv", csv, json!({ "channel_id": C_OPS })).await;
        page.see_words("#messages .file-card", "audit.csv").await;
        page.see_words("#messages .file-card", "CSV table · 26 bytes").await;
        let link = "#messages .file-card a.download";
        assert_eq!(downloaded(page, link).await, json!([200, "text/csv; charset=utf-8", 26]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_stands_in_a_message_by_its_id() {
    story(async |page, sandbox| {
        page.open(U_APPROVER).await;
        let file = upload(sandbox, "trend.png", "Trend", PICTURE, json!({})).await;
        let block =
            json!([{ "type": "image", "slack_file": { "id": file }, "alt_text": "The trend of 90 days" }]);
        let message = post(sandbox, C_OPS, "The trend", block).await;
        page.see(&format!("{message} img[alt='The trend of 90 days']")).await;
        page.holds("document.querySelector('#messages img').naturalWidth > 100").await;
    })
    .await;
}
