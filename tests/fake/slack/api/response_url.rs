//! Response URLs: five uses within 30 minutes, for ephemeral messages and for the message that was clicked on.
//!
//! See <https://docs.slack.dev/interactivity/handling-user-interaction#message_responses>.

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::state::{Content, RESPONSE_URL_USES, State, Version};
use super::super::wire::Wire;
use super::super::{BOT_USER, FakeSlack};
use super::{Args, Refusal, with_fault};

pub async fn respond(
    Extract(slack): Extract<FakeSlack>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    Path((_team, id)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let fault = slack.write(|state| state.faults.take("response_url"));
    let effect = || {
        let fields = serde_json::from_slice::<Value>(&body).unwrap_or_default();
        let args = Args(fields.as_object().cloned().unwrap_or_default());
        let outcome = slack.write(|state| {
            let outcome = state.respond(&id, &args);
            state.record("response_url", &args, &outcome.clone().map(|()| json!({})));
            outcome
        });
        match outcome {
            Ok(()) => "ok".into_response(),
            Err(refusal) => (StatusCode::NOT_FOUND, refusal.code).into_response(),
        }
    };
    slack.gate().pass("slack response_url", with_fault(fault, &wire, effect)).await
}

impl State {
    fn respond(&mut self, id: &str, args: &Args) -> Result<(), Refusal> {
        let now = self.clock.now();
        let url = self.response_urls.get_mut(id).ok_or(Refusal::new("no_active_hooks"))?;
        if url.expires < now {
            return Err(Refusal::new("expired_url"));
        }
        if url.uses >= RESPONSE_URL_USES {
            return Err(Refusal::new("used_url"));
        }
        url.uses += 1;
        let (user, channel, origin) = (url.user.clone(), url.channel.clone(), url.origin.clone());
        let origin = origin.unwrap_or_default();
        if args.flag("delete_original") {
            self.delete_origin(&channel, &origin);
            return Ok(());
        }
        let content = self.content("response_url", args, 3000)?;
        if args.flag("replace_original") {
            self.replace_origin(&channel, &origin, content);
        } else if args.text("response_type").as_deref() == Some("in_channel") {
            self.post(&channel, BOT_USER, args.text("thread_ts"), content);
        } else {
            self.send_ephemeral(&channel, &user, args.text("thread_ts"), content.text, content.blocks);
        }
        Ok(())
    }

    fn delete_origin(&mut self, channel: &str, ts: &str) {
        self.ephemerals.retain(|ephemeral| ephemeral.channel != channel || ephemeral.ts != ts);
        if let Some(message) = self.message_mut(channel, ts) {
            message.deleted = true;
        }
    }

    fn replace_origin(&mut self, channel: &str, ts: &str, content: Content) {
        let version_ts = self.next_ts();
        let Content { text, blocks, metadata } = content;
        if let Some(ephemeral) =
            self.ephemerals.iter_mut().find(|shown| shown.channel == channel && shown.ts == ts)
        {
            (ephemeral.text, ephemeral.blocks) = (text, blocks);
        } else if let Some(message) = self.message_mut(channel, ts) {
            let metadata = metadata.or_else(|| message.current().metadata.clone());
            message.versions.push(Version { ts: version_ts, text, blocks, metadata });
        }
    }
}
