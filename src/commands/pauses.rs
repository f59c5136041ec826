//! The emergency stop, and its end.

use std::sync::Arc;

use crate::authz::rights::{Role, unidentified};
use crate::commands::asked::Asked;
use crate::commands::{Answer, Commands};
use crate::domain::exemption;
use crate::domain::ids::PolicyName;
use crate::domain::person::Principal;
use crate::domain::policy::Policy;
use crate::domain::request::Decision;
use crate::domain::sweep::Trigger;
use crate::services::WorkResult;
use crate::store::{NewSweep, StoreError};
use crate::wording::pauses::{self, Missed};
use crate::wording::{exemptions, lineage, refusals};

/// The policies that were meant, with what the person is to each.
type Meant<'a, 'b> = Vec<(&'a Policy, &'b Principal)>;

impl Commands {
    /// Stops the policy, or all that the person is an admin of. The stop is in force when this returns, also
    /// if it can't be written.
    pub(crate) async fn pause(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        policy: Option<&str>,
        reason: &str,
    ) -> WorkResult<Answer> {
        let (meant, missed) = match self.meant(asked, policy, reason) {
            Ok(meant) => meant,
            Err(answer) => return Ok(answer),
        };
        let (mut new, mut before, mut unwritten) = (Vec::new(), Vec::new(), Vec::new());
        for (policy, principal) in meant {
            match self.s.store.pause(asked.key, &policy.name, decision(asked, principal, reason)).await {
                Ok(Ok(pause)) => {
                    tracing::warn!(policy = &*policy.name, by = principal.person.id, "paused");
                    new.push(pause);
                }
                Ok(Err(pause)) => before.extend(pause),
                // Nothing is suspended until this process ends; the one after it may not know of the pause.
                Err(StoreError::CommitUnknown(_) | StoreError::Lost(_)) => {
                    return Ok(Err(refusals::pause_in_doubt()));
                }
                // The store holds it: a process without a writer suspends nobody either.
                Err(error) => {
                    tracing::error!(policy = &*policy.name, %error, "a pause is in force, but could not be written down");
                    unwritten.push((policy.name.clone(), error.to_string()));
                }
            }
        }
        self.s.nudge();
        self.note_unsure(asked, policy, "pause").await;
        let understood = pauses::understood("pause", policy, reason);
        Ok(Ok(refusals::note(understood.and(pauses::paused(&new, &before, &unwritten, &missed)))))
    }

    /// Lets the policy, or all of which the person is an admin, go on.
    pub(crate) async fn resume(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        policy: Option<&str>,
        reason: &str,
    ) -> WorkResult<Answer> {
        if let Some(stop) = &self.s.store.lineage().stopped {
            if stop.is_unknown_to_sender(asked.at) {
                return Ok(Err(lineage::resume_again()));
            }
            return self.resume_database(asked, policy, reason).await;
        }
        let (meant, mut missed) = match self.meant(asked, policy, reason) {
            Ok(meant) => meant,
            Err(answer) => return Ok(answer),
        };
        let mut resumed = Vec::new();
        for (policy, principal) in meant {
            match self.s.store.resume(asked.key, &policy.name, decision(asked, principal, reason)).await {
                Ok(pause) => resumed.extend(pause),
                Err(error @ StoreError::CommitUnknown(_)) => return Err(error.into()),
                Err(error) => missed.push(broken(policy, &error)),
            }
        }
        // What waited for this is tried at once.
        self.requests.forget_obstacles();
        self.s.nudge();
        self.note_unsure(asked, policy, "resume").await;
        let understood = pauses::understood("resume", policy, reason);
        Ok(Ok(refusals::note(understood.and(pauses::resumed(&resumed, &missed)))))
    }

    /// Lets a stopped database go on. It is stopped as a whole, so an admin of any policy may end that: what they let go on
    /// asks, and executes nothing. Pauses stay.
    async fn resume_database(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        policy: Option<&str>,
        reason: &str,
    ) -> WorkResult<Answer> {
        if policy.is_some() {
            return Ok(Err(lineage::resume_all()));
        }
        if exemption::is_too_long(reason) {
            return Ok(Err(exemptions::refusal(&exemption::Refusal::ReasonTooLong)));
        }
        let Some((_, principal)) = asked.granted.first() else {
            return Ok(Err(refusals::not_allowed("resume the database", Role::Admin.in_words())));
        };
        let by = decision(asked, principal, reason);
        let sweep = |policy: &Policy| NewSweep {
            policy: policy.name.clone(),
            slot: format!("resumed:{}", asked.key),
            trigger: Trigger::Command { by: by.by.clone() },
            rule: policy.rule.clone(),
            at: self.s.clock.now(),
        };
        let sweeps = self.s.policies.iter().map(sweep).collect();
        let Some(done) = self.s.store.resume_database(asked.key, by.clone(), sweeps).await? else {
            return Ok(Err(refusals::repeated()));
        };
        tracing::warn!(by = by.by.id, epoch = done.database.epoch, "the database was resumed");
        // What is offered on them is of the earlier epoch until they are drawn again.
        if let Err(error) = self.requests.look_at_finished_cards().await {
            tracing::error!(error = format!("{error:#}"), "can't tell which finished cards to draw again");
        }
        self.requests.forget_obstacles();
        self.s.nudge();
        let missing = self.outbox.missing_exemptions(&done.stop).await?;
        let mut paused = Vec::new();
        for policy in &self.s.policies {
            paused.extend(self.s.store.pause_of(&policy.name).await?.map(|pause| pause.policy));
        }
        Ok(Ok(refusals::note(lineage::resumed_answer(&done, &missing, &paused))))
    }

    /// The policies that were meant, and those that may have been.
    fn meant<'a, 'b>(
        &self,
        asked: &'b Asked<'a>,
        policy: Option<&str>,
        reason: &str,
    ) -> Result<(Meant<'a, 'b>, Vec<(PolicyName, Missed)>), Answer> {
        if exemption::is_too_long(reason) {
            return Err(Err(exemptions::refusal(&exemption::Refusal::ReasonTooLong)));
        }
        if policy.is_some() {
            return asked.policy(self, policy).map(|one| (vec![one], Vec::new())).map_err(Err);
        }
        let unsure = asked.unsure.iter();
        let unsure = unsure.map(|(policy, why)| (policy.name.clone(), Missed::CantTell(why.clone())));
        Ok((asked.granted.iter().map(|(policy, principal)| (*policy, principal)).collect(), unsure.collect()))
    }

    /// The audit trail says of which policies nobody could tell whether they were to be stopped or resumed. What was done
    /// for the others is done, whether this can be written or not.
    async fn note_unsure(&self, asked: &Asked<'_>, named: Option<&str>, word: &str) {
        let unsure = asked.unsure.iter().filter(|_| named.is_none());
        for (policy, why) in unsure {
            if let Err(error) = self.note_reached(asked, word, &policy.name, &unidentified(why)).await {
                tracing::error!(
                    policy = &*policy.name,
                    error = format!("{error:#}"),
                    "an input is not recorded"
                );
            }
        }
    }
}

fn broken(policy: &Policy, error: &StoreError) -> (PolicyName, Missed) {
    tracing::error!(policy = &*policy.name, %error, "the end of a stop could not be written");
    (policy.name.clone(), Missed::Broken)
}

fn decision(asked: &Asked<'_>, principal: &Principal, reason: &str) -> Decision {
    let reason = Some(reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    Decision { by: principal.person.clone(), at: asked.at, reason }
}
