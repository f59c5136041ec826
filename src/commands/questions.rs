//! Bounds how many questions are answered at once, and how many may wait. Each costs look-ups in Slack and Okta, so
//! what many people ask at the same time is answered one after the other, and too much of it is refused with a
//! sentence.

use std::sync::Arc;

use crate::chat::ReplyTo;
use crate::commands::Commands;
use crate::commands::state::WAITING_MAX;
use crate::scheduler::Class;
use crate::services::WorkResult;
use crate::wording::refusals;

impl Commands {
    /// Answers one person in the background, when it is the question's turn.
    pub(crate) fn background_question(
        self: &Arc<Self>,
        reply: ReplyTo,
        work: impl Future<Output = WorkResult<()>> + Send + 'static,
    ) {
        let questions = &self.questions;
        let Ok(queued) = Arc::clone(&questions.queue).try_acquire_owned() else {
            return self.outbox.send_ephemeral(reply, refusals::busy(WAITING_MAX));
        };
        let (this, to) = (Arc::clone(self), reply.clone());
        self.outbox.background(Class::Question, reply, async move {
            // Nothing is lost when the workflow ends first, and they ask again.
            let answered = async {
                let _places = (queued, this.questions.answered.acquire().await);
                work.await
            };
            if let Some(done) = this.s.soon_unless_ended(answered).await {
                return done;
            }
            this.outbox.send_ephemeral(to, refusals::ask_again());
            Ok(())
        });
    }
}
