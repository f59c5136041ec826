//! What the loop does while nobody answers, and after nobody did: reminders, escalations, and asking again.

use chrono::{DateTime, Duration, Utc};

use crate::chat::{ChatError, Mark, MessageRef, Text};
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::ids::RequestId;
use crate::domain::policy::Policy;
use crate::domain::reminders::{self, Kind, Reminder};
use crate::domain::request::{AskedAgain, Request, RequestState};
use crate::domain::settings::People;
use crate::domain::sweep::Trigger;
use crate::outbox::{Identity, looked_for_from};
use crate::request::Requests;
use crate::services::WorkResult;
use crate::store::NewSweep;
use crate::wording::{notices, refusals};

/// A message that may stand is looked for again after this time.
const LOOK_AGAIN_AFTER: Duration = Duration::seconds(30);

/// The mark of a message.
fn key(request: &Request, reminder: Reminder) -> String {
    format!("request:{}:{}", request.id, reminder.stage())
}

fn addressed(policy: &Policy, kind: Kind) -> &People {
    match kind {
        Kind::Reminder => &policy.silence.remind,
        Kind::Escalation => &policy.silence.escalate_to,
    }
}

fn named(people: &People) -> Vec<String> {
    people.users.iter().chain(&people.groups).cloned().collect()
}

impl Requests {
    /// Sends the reminders that are due for a request, once each; returns when the next one is due.
    pub(crate) async fn tell_silence(
        &self,
        request: &Request,
        candidates: &[Candidate],
        card: &MessageRef,
    ) -> WorkResult<Option<DateTime<Utc>>> {
        let Some(policy) = self.s.policy(&request.policy) else { return Ok(None) };
        if !request.state.awaits_decision() {
            return self.settle_silence(policy, request).await;
        }
        let now = self.s.clock.now();
        let mut wake = reminders::next_at(&policy.silence, request, now);
        for reminder in reminders::due(&policy.silence, request, now) {
            if !self.s.store.begin_nudge(request.id, reminder, now).await? {
                continue;
            }
            let to = addressed(policy, reminder.kind);
            let message = Identity {
                key: key(request, reminder),
                channel: &request.channel,
                thread: None,
                card_of: None,
            };
            let text = notices::unanswered(request, candidates, card, reminder.kind, to);
            if let Some(at) = self.outbox.told(&message, &text).await? {
                wake = Some(wake.map_or(at, |wake| wake.min(at)));
                continue;
            }
            self.s.store.nudge_told(request.id, reminder, named(to), self.s.clock.now()).await?;
        }
        Ok(wake)
    }

    /// Somebody decided while a message was under way: if it stands in the channel after all, people were notified, and
    /// the audit trail says so.
    async fn settle_silence(&self, policy: &Policy, request: &Request) -> WorkResult<Option<DateTime<Utc>>> {
        for reminder in self.s.store.begun_nudges(request.id).await? {
            let key = key(request, reminder);
            let row = self.s.store.message(&key).await?;
            let stands = match row.as_ref().map(|row| (row.ts.is_some(), row.tried_at)) {
                Some((true, _)) => true,
                Some((false, Some(tried_at))) => {
                    match self
                        .s
                        .chat
                        .find(
                            &request.channel,
                            None,
                            &Mark::new(&*key),
                            looked_for_from(tried_at, self.s.clock.now()),
                        )
                        .await
                    {
                        Ok(found) => found.is_some(),
                        Err(ChatError::Denied(_)) => false,
                        Err(error) => {
                            tracing::warn!(key, %error, "can't tell yet whether a reminder was posted");
                            return Ok(Some(self.s.clock.now() + LOOK_AGAIN_AFTER));
                        }
                    }
                }
                Some((false, None)) | None => false,
            };
            if stands {
                let to = named(addressed(policy, reminder.kind));
                self.s.store.nudge_told(request.id, reminder, to, self.s.clock.now()).await?;
            } else {
                self.s.store.forget_nudge(request.id, reminder).await?;
            }
        }
        Ok(None)
    }

    /// Somebody asked about an ended request again: a fresh sweep does. `false`: it waits for an admin to resume.
    pub(crate) async fn sweep_to_ask_again(&self, request: &Request) -> WorkResult<bool> {
        let Some(AskedAgain { decision, became: None }) = &request.asked_again else {
            return Ok(true);
        };
        let Some(policy) = self.s.policy(&request.policy) else {
            // Nobody can ask now; once the policy is back, somebody may want it again.
            self.s.store.not_asked_again(request.id).await?;
            return Ok(true);
        };
        let sweep = NewSweep {
            policy: policy.name.clone(),
            // One for each time that it was asked: after a failed one somebody may ask once more.
            slot: format!("asked-again:{}:{}", request.id, decision.at.timestamp_millis()),
            trigger: Trigger::AskedAgain { by: decision.by.clone(), request: request.id },
            rule: policy.rule.clone(),
            at: self.s.clock.now(),
        };
        self.begin_sweep(sweep).await
    }

    /// What is to be said of accounts that a retry leaves as they are, if there are any. The retry is recorded: what can't
    /// be read for this is left unsaid.
    pub(crate) async fn left_out_of_retry(&self, request: &Request) -> Option<Text> {
        self.left_out(request).await.unwrap_or_else(|error| {
            let error = format!("{error:#}");
            tracing::error!(request = request.id.0, error, "can't tell which accounts a retry leaves out");
            None
        })
    }

    async fn left_out(&self, request: &Request) -> WorkResult<Option<Text>> {
        if !matches!(request.state, RequestState::Approved { retry: Some(_), .. }) {
            return Ok(None);
        }
        let candidates = self.s.store.request(request.id).await?.map(|(_, candidates)| candidates);
        let failed = candidates
            .unwrap_or_default()
            .into_iter()
            .filter(|one| matches!(one.state, CandidateState::Failed { .. }));
        let failed: Vec<_> = failed.map(|one| one.shown.id).collect();
        let held = self.s.store.asked_since(request.id, failed.clone()).await?;
        let elsewhere: std::collections::BTreeSet<RequestId> = held.values().copied().collect();
        Ok((!failed.is_empty()).then(|| refusals::left_out_of_retry(failed.len(), held.len(), &elsewhere)))
    }
}
