//! The emergency stop, and its end.

use std::sync::Arc;

use super::super::App;
use super::super::people::Known;
use super::super::wording::pauses::Missed;
use super::super::wording::{exceptions, pauses, refusals};
use super::rights::unidentified;
use super::{Answer, Asked};
use crate::domain::exemption;
use crate::domain::policy::Policy;
use crate::domain::request::Decision;
use crate::store::StoreError;

/// The policies that were meant, with what the person is to each.
type Meant<'a, 'b> = Vec<(&'a Policy, &'b Known)>;

impl App {
    /// Stops the policy, or all of which the person is an admin. It is in force when this returns, also
    /// if it can't be written.
    pub(super) async fn pause(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        policy: Option<&str>,
        reason: &str,
    ) -> anyhow::Result<Answer> {
        let (meant, missed) = match self.meant(asked, policy, reason) {
            Ok(meant) => meant,
            Err(answer) => return Ok(answer),
        };
        let (mut new, mut before, mut unwritten) = (Vec::new(), Vec::new(), Vec::new());
        for (policy, known) in meant {
            match self.store.pause(asked.key, &policy.name, decision(asked, known, reason)).await {
                Ok(Ok(pause)) => {
                    tracing::warn!(policy = policy.name, by = known.voter.person.id, "paused");
                    new.push(pause);
                }
                Ok(Err(pause)) => before.extend(pause),
                // The store holds it: a process without a writer suspends nobody either.
                Err(error) => {
                    tracing::error!(policy = policy.name, %error, "a pause is in force, but could not be written down");
                    unwritten.push((policy.name.clone(), error.to_string()));
                }
            }
        }
        self.nudge();
        self.note_unsure(asked, policy, "pause").await;
        Ok(Ok(refusals::note(pauses::paused(&new, &before, &unwritten, &missed))))
    }

    /// Lets the policy, or all of which the person is an admin, go on.
    pub(super) async fn resume(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        policy: Option<&str>,
        reason: &str,
    ) -> anyhow::Result<Answer> {
        let (meant, mut missed) = match self.meant(asked, policy, reason) {
            Ok(meant) => meant,
            Err(answer) => return Ok(answer),
        };
        let mut resumed = Vec::new();
        for (policy, known) in meant {
            match self.store.resume(asked.key, &policy.name, decision(asked, known, reason)).await {
                Ok(pause) => resumed.extend(pause),
                Err(error) => missed.push(broken(policy, &error)),
            }
        }
        // What waited for this is tried at once.
        self.forget_obstacles();
        self.nudge();
        self.note_unsure(asked, policy, "resume").await;
        Ok(Ok(refusals::note(pauses::resumed(&resumed, &missed))))
    }

    /// The policies that were meant, and those that may have been.
    fn meant<'a, 'b>(
        &self,
        asked: &'b Asked<'a>,
        policy: Option<&str>,
        reason: &str,
    ) -> Result<(Meant<'a, 'b>, Vec<(String, Missed)>), Answer> {
        if exemption::is_too_long(reason) {
            return Err(Err(exceptions::refusal(&exemption::Refusal::ReasonTooLong)));
        }
        if policy.is_some() {
            return asked.policy(self, policy).map(|one| (vec![one], Vec::new())).map_err(Err);
        }
        let unsure = asked.unsure.iter();
        let unsure = unsure.map(|(policy, why)| (policy.name.clone(), Missed::CantTell(why.clone())));
        Ok((asked.granted.iter().map(|(policy, known)| (*policy, known)).collect(), unsure.collect()))
    }

    /// The audit trail says of which policies nobody could tell whether they were to be stopped or resumed. What was done
    /// for the others is done, whether this can be written or not.
    async fn note_unsure(&self, asked: &Asked<'_>, named: Option<&str>, word: &str) {
        let unsure = asked.unsure.iter().filter(|_| named.is_none());
        for (policy, why) in unsure {
            if let Err(error) = self.note_reached(asked, word, policy.name.clone(), &unidentified(why)).await
            {
                tracing::error!(
                    policy = policy.name,
                    error = format!("{error:#}"),
                    "an input is not recorded"
                );
            }
        }
    }
}

fn broken(policy: &Policy, error: &StoreError) -> (String, Missed) {
    tracing::error!(policy = policy.name, %error, "the end of a stop could not be written");
    (policy.name.clone(), Missed::Broken)
}

fn decision(asked: &Asked<'_>, known: &Known, reason: &str) -> Decision {
    let reason = Some(reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    Decision { by: known.voter.person.clone(), at: asked.at, reason }
}
