//! Files: an address for so many bytes, the bytes, and what becomes of them.
//!
//! Only the last of the three steps has an effect that anybody sees, so only its lost answer leaves open what happened.
//! <https://docs.slack.dev/messaging/working-with-files#upload>

use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::chat::{ChatError, FileRef, ShareIn, Upload};
use crate::net::is_safe;

use super::api::{Accepted, Api};
use super::errors::Call;
use super::escape::{clamp, tidy};
use super::render;

/// Far above what an export or a picture of ours has, far below Slack's own bound of 1 GB.
const UPLOAD_BYTES_MAX: usize = 100_000_000;

/// <https://docs.slack.dev/reference/methods/files.getUploadURLExternal>: `alt_txt_too_large` above it.
const ALT_CHARS_MAX: usize = 1000;

/// Slack documents no limit; longer names fill the whole line of a file.
const NAME_CHARS_MAX: usize = 150;

/// The name of a file that came without one.
const NO_NAME: &str = "file";

#[derive(Deserialize)]
struct Place {
    upload_url: Url,
    file_id: String,
}

impl Api {
    pub(super) async fn upload(&self, file: &Upload, share: Option<&ShareIn>) -> Result<FileRef, ChatError> {
        let Place { upload_url, file_id } = self.place_for(file, share.is_some()).await?;
        let sent = self.client.http_api.connector.send_file(upload_url, file.bytes.clone()).await;
        // Bytes without the last step are thrown away by Slack: as if nothing had been sent.
        sent.map_err(|error| Call::Read.failed(&error))?;
        let mut request = json!({ "files": [{ "id": file_id, "title": label(&file.title, &file.name) }] });
        if let Some(share) = share {
            request["channel_id"] = json!(share.channel);
            let comment = render::comment(&share.comment, &self.workspace);
            if !comment.trim().is_empty() {
                request["initial_comment"] = json!(comment);
            }
            if let Some(thread) = &share.thread {
                request["thread_ts"] = json!(thread.id);
            }
        }
        self.write::<_, Accepted>("files.completeUploadExternal", &request).await?;
        Ok(FileRef(file_id))
    }

    async fn place_for(&self, file: &Upload, is_shared: bool) -> Result<Place, ChatError> {
        if file.bytes.is_empty() || file.bytes.len() > UPLOAD_BYTES_MAX {
            let why = format!("a file of {} bytes; 1 to {UPLOAD_BYTES_MAX} are taken", file.bytes.len());
            return Err(ChatError::Content(why));
        }
        let alt = file.alt.as_deref().map(tidy).filter(|alt| !alt.is_empty());
        // A file with a description that is shared by the upload itself gets its "ok" and never shows up in the channel:
        // <https://github.com/slackapi/python-slack-sdk/issues/1818>. A `Block::Image` brings its own description.
        let alt = alt.filter(|_| !is_shared);
        let ask = vec![
            ("filename", Some(label(&file.name, NO_NAME))),
            ("length", Some(file.bytes.len().to_string())),
            ("alt_txt", alt.map(|alt| clamp(&alt, ALT_CHARS_MAX))),
        ];
        let place: Place = self.read("files.getUploadURLExternal", &ask).await?;
        if !is_safe(&place.upload_url) {
            return Err(ChatError::Unavailable("Slack offered an upload that is not encrypted".to_owned()));
        }
        Ok(place)
    }
}

/// A name or title that is shown beside the file, of one line; `instead` if nothing of it can be seen.
fn label(words: &str, instead: &str) -> String {
    match tidy(words) {
        words if words.is_empty() => clamp(&tidy(instead), NAME_CHARS_MAX),
        words => clamp(&words, NAME_CHARS_MAX),
    }
}
