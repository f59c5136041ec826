//! Bounds how many questions are answered at once, and how many may wait. Each costs look-ups in Slack and Okta, so
//! what many people ask at the same time is answered one after the other, and too much of it is refused with a
//! sentence.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::chat::ReplyTo;
use crate::commands::Commands;
use crate::scheduler::Class;
use crate::wording::refusals;

/// How many questions are answered at once.
const ANSWERED_AT_ONCE: usize = 8;
/// How many more may wait. At a quarter of a second each, the last one is answered within a second or two.
const WAITING_MAX: usize = 40;

/// The questions that are answered now, and those that wait.
pub(crate) struct Questions {
    /// One for each question that is here at all.
    queue: Arc<Semaphore>,
    /// One for each that is answered now.
    answered: Semaphore,
}

impl Default for Questions {
    fn default() -> Self {
        Questions {
            queue: Arc::new(Semaphore::new(ANSWERED_AT_ONCE + WAITING_MAX)),
            answered: Semaphore::new(ANSWERED_AT_ONCE),
        }
    }
}

impl Commands {
    /// Answers one person in the background, when it is the question's turn.
    pub(crate) fn background_question(
        self: &Arc<Self>,
        reply: ReplyTo,
        work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let questions = &self.questions;
        let Ok(queued) = Arc::clone(&questions.queue).try_acquire_owned() else {
            return self.outbox.whisper(reply, refusals::busy(WAITING_MAX));
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
            this.outbox.whisper(to, refusals::ask_again());
            Ok(())
        });
    }
}
