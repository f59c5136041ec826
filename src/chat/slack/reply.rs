//! Answers one person: at the input's own address, in the channel, or in their direct messages.
//!
//! Slack gives each input an address for answers that works five times within half an hour
//! (<https://docs.slack.dev/interactivity/handling-user-interaction#message_responses>). It fails now and then like any
//! other, and an answer that nobody sees leaves a person guessing whether they were heard. So what fails in passing is
//! tried again, and then goes another way. A lost answer of Slack's may mean that the person sees the same twice, which is
//! better than not at all.

use std::time::Duration;

use slack_morphism::prelude::{
    SlackApiChatPostEphemeralRequest, SlackApiChatPostMessageRequest, SlackApiPostWebhookMessageRequest,
    SlackResponseUrl,
};
use url::Url;

use crate::chat::{Card, ChatError, ReplyTo};
use crate::net::is_safe;

use super::api::{Accepted, Api};
use super::errors::Call;

/// How often one way is tried: a passing fault is over by then, or lasts.
const TRIES: u32 = 3;
/// The longest that Slack may ask to wait: the person looks at the screen, and another way may be open.
const WAIT_MAX: Duration = Duration::from_secs(10);

impl Api {
    /// Replaces what was clicked on; what can't be replaced any more is answered with a new message.
    pub(super) async fn revise(&self, to: &ReplyTo, card: &Card) -> Result<(), ChatError> {
        match self.reply(to, card, true).await {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => self.send_ephemeral(&ReplyTo { handle: None, ..to.clone() }, card).await,
        }
    }

    /// Tries each way of reaching one person until one works: the reply address, the channel, their own messages.
    pub(super) async fn send_ephemeral(&self, to: &ReplyTo, card: &Card) -> Result<(), ChatError> {
        let _turn = self.replies.acquire().await;
        if let Some(Ok(())) = self.reply(to, card, false).await {
            return Ok(());
        }
        if let Some(channel) = &to.channel {
            let (channel, user) = (channel.as_str().into(), to.user.as_str().into());
            let request = SlackApiChatPostEphemeralRequest::new(channel, user, self.content(card))
                .with_link_names(false)
                .with_parse("none".to_owned());
            if self.write::<_, Accepted>("chat.postEphemeral", &request).await.is_ok() {
                return Ok(());
            }
        }
        let request = SlackApiChatPostMessageRequest::new(to.user.as_str().into(), self.content(card))
            .with_unfurl_links(false)
            .with_unfurl_media(false)
            .with_link_names(false)
            .with_parse("none".to_owned());
        let request = &request;
        self.insist(|| async move { self.write::<_, Accepted>("chat.postMessage", request).await.map(drop) })
            .await
    }

    /// Answers at the input's own address. `None` if there is none, or if it is used up or older than half an hour.
    async fn reply(&self, to: &ReplyTo, card: &Card, replace: bool) -> Option<Result<(), ChatError>> {
        let handle = to.handle.as_ref()?;
        let url = Url::parse(handle.reveal()).ok().filter(is_safe)?;
        let request =
            SlackApiPostWebhookMessageRequest::new(self.content(card)).with_replace_original(replace);
        let (url, request) = (&SlackResponseUrl(url), &request);
        let answer = self.insist(|| async move {
            let answer = self.client.respond_to_event(url, request).await;
            answer.map(drop).map_err(|error| Call::Reply.failed(&error))
        });
        match answer.await {
            Err(ChatError::NotFound(_)) => None,
            done => Some(done),
        }
    }

    /// Makes the call until it works, is refused for good, or was made often enough. Returns its last answer.
    async fn insist<F: Future<Output = Result<(), ChatError>> + Send>(
        &self,
        call: impl Fn() -> F + Send + Sync,
    ) -> Result<(), ChatError> {
        let mut pause = self.pause;
        for _ in 1..TRIES {
            let wait = match call().await {
                Err(ChatError::RateLimited(asked)) if asked <= WAIT_MAX => asked,
                Err(ChatError::Unavailable(_) | ChatError::Ambiguous(_)) => pause,
                answer => return answer,
            };
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
        call().await
    }
}
