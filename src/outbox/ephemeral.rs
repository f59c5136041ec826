//! Replies that one person sees, sent in the background so that no acknowledgement waits for them.

use std::sync::Arc;

use crate::chat::{ReplyTo, Text};
use crate::outbox::Outbox;
use crate::scheduler::Class;
use crate::services::{WorkError, WorkResult};
use crate::store::StoreError;
use crate::wording::refusals;

impl Outbox {
    /// Tells one person something in the background, so that no acknowledgement waits for it.
    pub(crate) fn send_ephemeral(self: &Arc<Self>, to: ReplyTo, text: Text) {
        self.send_ephemeral_card(to, refusals::note(text));
    }

    pub(crate) fn send_ephemeral_card(self: &Arc<Self>, to: ReplyTo, card: crate::chat::Card) {
        let this = Arc::clone(self);
        self.s.tasks.spawn(Class::FreshLook.run(async move {
            if let Err(error) = this.s.chat.send_ephemeral(&to, &card).await {
                tracing::warn!(user = to.user, %error, "a reply could not be delivered");
            }
        }));
    }

    /// Runs something that decides nothing after the acknowledgement; the person is notified if it fails.
    pub(crate) fn background(
        self: &Arc<Self>,
        class: Class,
        reply: ReplyTo,
        work: impl Future<Output = WorkResult<()>> + Send + 'static,
    ) {
        let this = Arc::clone(self);
        self.s.tasks.spawn(class.run(async move {
            if let Err(error) = work.await {
                tracing::error!(error = format!("{error:#}"), "an answer could not be given");
                this.send_ephemeral(reply, broken(&error));
            }
        }));
    }
}

/// Returns the reply to a person whose input met this error.
pub(crate) fn broken(error: &WorkError) -> Text {
    match error.without_context() {
        WorkError::Store(StoreError::CommitUnknown(_)) => refusals::in_doubt(),
        WorkError::Chat(_)
        | WorkError::Identity(_)
        | WorkError::Store(_)
        | WorkError::Other(_)
        | WorkError::Context { .. } => refusals::broken(),
    }
}
