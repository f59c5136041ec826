//! Uploading in three steps: an address for so many bytes, the bytes, and what becomes of the file.
//!
//! See <https://docs.slack.dev/messaging/working-with-files#upload>.

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::BOT_USER;
use super::super::FakeSlack;
use super::super::state::{Content, File, State};
use super::super::wire::Wire;
use super::{Args, Outcome, Refusal, with_fault};

/// `POST /upload/v1/{ticket}`: the ticket is the right, and works once.
pub async fn receive(
    Extract(slack): Extract<FakeSlack>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    Path(ticket): Path<String>,
    body: Bytes,
) -> Response {
    let fault = slack.write(|state| state.faults.take("upload"));
    let effect = || match slack.write(|state| state.receive_file(&ticket, &body)) {
        Ok(said) => said.into_response(),
        Err(refusal) => (StatusCode::BAD_REQUEST, refusal.code).into_response(),
    };
    slack.gate().pass("slack upload", with_fault(fault, &wire, effect)).await
}

impl State {
    /// Refuses with `code` unless all of these are pictures that were uploaded and are ready to be shown.
    pub fn look_at_pictures(&mut self, ids: &[String], code: &str) -> Result<(), Refusal> {
        for id in ids {
            let invalid = Refusal::with_messages(code, vec![format!("invalid slack file {id}")]);
            let file = self.files.iter_mut().find(|file| file.id == *id && file.complete);
            let file = file.filter(|file| file.is_picture()).ok_or_else(|| invalid.clone())?;
            if file.looks_too_early > 0 {
                file.looks_too_early -= 1;
                return Err(invalid.excused());
            }
        }
        Ok(())
    }

    pub fn files_get_upload_url(&mut self, args: &Args) -> Outcome {
        let name = args.text("filename").filter(|name| !name.is_empty());
        let length = args.text("length").and_then(|length| length.parse::<usize>().ok());
        let (Some(name), Some(length @ 1..)) = (name, length) else {
            return Err(Refusal::new("missing_argument"));
        };
        if args.text("alt_txt").is_some_and(|alt| alt.chars().count() > 1000) {
            return Err(Refusal::new("alt_txt_too_large"));
        }
        let (id, ticket) = (self.mint("F"), self.mint("T"));
        let url = format!("http://{}/upload/v1/{ticket}", self.address);
        let file = File {
            id: id.clone(),
            name,
            title: String::new(),
            alt: args.text("alt_txt"),
            length,
            bytes: None,
            complete: false,
            channel: None,
            looks_too_early: self.picture_delay,
            ticket,
        };
        self.files.push(file);
        Ok(json!({"upload_url": url, "file_id": id}))
    }

    fn receive_file(&mut self, ticket: &str, bytes: &[u8]) -> Result<String, Refusal> {
        let file = self.files.iter_mut().find(|file| file.ticket == ticket && file.bytes.is_none());
        let file = file.ok_or(Refusal::new("no such upload"))?;
        if file.length != bytes.len() {
            let why = format!("{} bytes were sent for {} announced", bytes.len(), file.length);
            self.violation(format!("upload: {why}"));
            return Err(Refusal::new("wrong length"));
        }
        file.bytes = Some(bytes.to_vec());
        Ok(format!("OK - {}", bytes.len()))
    }

    pub fn files_complete_upload(&mut self, args: &Args) -> Outcome {
        let wanted = args.json("files");
        let wanted: Vec<Value> = wanted.as_array().cloned().unwrap_or_default();
        if wanted.is_empty() {
            return Err(Refusal::new("invalid_arguments"));
        }
        let channel = args.text("channel_id");
        let ids = self.uploaded(&wanted)?;
        if let Some(channel) = &channel {
            self.may_share(channel, args)?;
        }
        for (id, one) in ids.iter().zip(&wanted) {
            let file = self.files.iter_mut().find(|file| file.id == *id).expect("it was found before");
            one["title"].as_str().unwrap_or(&file.name).clone_into(&mut file.title);
            (file.complete, file.channel) = (true, channel.clone());
        }
        if let Some(channel) = channel {
            self.share(&channel, &ids, args);
        }
        let answer: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        Ok(json!({"files": answer}))
    }

    /// The ids of files whose bytes arrived and that are not in use yet.
    fn uploaded(&self, wanted: &[Value]) -> Result<Vec<String>, Refusal> {
        let mut ids: Vec<String> = Vec::new();
        for one in wanted {
            let id = one["id"].as_str().unwrap_or_default();
            let file = self.files.iter().find(|file| file.id == id && file.bytes.is_some());
            let file = file.ok_or(Refusal::new("file_not_found"))?;
            if file.complete || ids.iter().any(|before| before == id) {
                return Err(Refusal::new("file_update_failed"));
            }
            ids.push(id.to_owned());
        }
        Ok(ids)
    }

    fn may_share(&mut self, channel: &str, args: &Args) -> Result<(), Refusal> {
        let found = self.visible(channel)?;
        if !found.has(BOT_USER) {
            return Err(Refusal::new("not_in_channel"));
        }
        if found.archived {
            return Err(Refusal::new("posting_to_channel_denied"));
        }
        match args.text("thread_ts") {
            Some(thread_ts) => self.check_thread(channel, &thread_ts),
            None => Ok(()),
        }
    }

    fn share(&mut self, channel: &str, ids: &[String], args: &Args) {
        let text = args.text("initial_comment").unwrap_or_default();
        self.notice_pings("files.completeUploadExternal", &text, &[]);
        // <https://github.com/slackapi/python-slack-sdk/issues/1818>: Slack says ok and shows nothing.
        if self.files.iter().any(|file| ids.contains(&file.id) && file.alt.is_some()) {
            return self.violation("files.completeUploadExternal: a file with alt_txt is never shared");
        }
        let content = Content { text, ..Content::default() };
        self.post(channel, BOT_USER, args.text("thread_ts"), content);
        self.messages.last_mut().expect("just posted").files = ids.to_vec();
    }
}

impl File {
    fn is_picture(&self) -> bool {
        let start = self.bytes.as_deref().unwrap_or_default();
        [&b"\x89PNG"[..], b"\xff\xd8\xff", b"GIF8"].iter().any(|magic| start.starts_with(magic))
    }
}
