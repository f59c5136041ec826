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
    /// Whether there is such a file, and it is a picture.
    pub fn has_picture(&self, id: &str) -> bool {
        let is_picture = |file: &File| {
            let start = file.bytes.as_deref().unwrap_or_default();
            [&b"\x89PNG"[..], b"\xff\xd8\xff", b"GIF8"].iter().any(|magic| start.starts_with(magic))
        };
        self.files.iter().any(|file| file.id == id && file.complete && is_picture(file))
    }

    pub fn files_get_upload_url(&mut self, args: &Args) -> Outcome {
        let name = args.text("filename").filter(|name| !name.is_empty());
        let length = args.text("length").and_then(|length| length.parse::<usize>().ok());
        let (Some(name), Some(length @ 1..)) = (name, length) else {
            return Err(Refusal::new("invalid_arguments"));
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
        if let Some(channel) = &channel {
            let found = self.channels.get(channel).ok_or(Refusal::new("channel_not_found"))?;
            if !found.has(BOT_USER) {
                return Err(Refusal::new("not_in_channel"));
            }
        }
        let mut ids = Vec::new();
        for one in &wanted {
            let id = one["id"].as_str().unwrap_or_default();
            let file = self.files.iter_mut().find(|file| file.id == id);
            let file = file.ok_or(Refusal::new("file_not_found"))?;
            if file.bytes.is_none() {
                return Err(Refusal::new("file_upload_size_mismatch"));
            }
            if file.complete {
                return Err(Refusal::new("file_already_completed"));
            }
            one["title"].as_str().unwrap_or(&file.name).clone_into(&mut file.title);
            (file.complete, file.channel) = (true, channel.clone());
            ids.push(id.to_owned());
        }
        if let Some(channel) = channel {
            let text = args.text("initial_comment").unwrap_or_default();
            let content = Content { text, ..Content::default() };
            self.post(&channel, BOT_USER, args.text("thread_ts"), content);
            self.messages.last_mut().expect("just posted").files.clone_from(&ids);
        }
        let answer: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        Ok(json!({"files": answer}))
    }
}
