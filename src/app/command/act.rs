//! Commands that start something. What they change is committed before they are answered.

use std::sync::Arc;

use super::super::App;
use super::super::wording::refusals;
use super::{Answer, Asked};
use crate::chat::{Span, Text};
use crate::store::{StartedSweep, SweepState};

impl App {
    /// Sweeps now. The same command delivered twice is one sweep.
    pub(super) async fn sweep_now(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        policy: Option<&str>,
    ) -> anyhow::Result<Answer> {
        let (policy, known) = match asked.policy(self, policy) {
            Ok(found) => found,
            Err(text) => return Ok(Err(text)),
        };
        if let Some(running) = self.running_sweep(&policy.name).await? {
            return Ok(Err(Text::plain("Sweep ")
                .then(format!("{running} of "))
                .with(Span::Code(policy.name.clone()))
                .then(" is running already; its result comes in the channel.")));
        }
        Ok(match self.start_asked_sweep(policy, asked.key, known).await? {
            StartedSweep::New(_) => Ok(refusals::note(
                Text::plain("The sweep of ")
                    .with(Span::Code(policy.name.clone()))
                    .then(" has started; its result comes in the policy's channel."),
            )),
            StartedSweep::Exists(_) => Err(refusals::repeated()),
        })
    }

    /// The policy's sweep that has started and not ended: asking again while it runs would only list everybody twice.
    async fn running_sweep(&self, policy: &str) -> anyhow::Result<Option<i64>> {
        let last = self.store.last_sweep(policy).await?;
        Ok(last.filter(|sweep| sweep.state == SweepState::Started).map(|sweep| sweep.id))
    }
}
