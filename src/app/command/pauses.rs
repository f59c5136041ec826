//! The emergency stop, and its end.

use std::sync::Arc;

use super::super::App;
use super::super::people::Known;
use super::super::wording::exceptions;
use super::super::wording::{pauses, refusals};
use super::{Answer, Asked};
use crate::domain::exemption;
use crate::domain::policy::Policy;
use crate::domain::request::Decision;

impl App {
    /// Stops the policy, or all of which the person is an admin. It is in force when this returns.
    pub(super) async fn pause(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        policy: Option<&str>,
        reason: &str,
    ) -> anyhow::Result<Answer> {
        let granted = match self.meant(asked, policy, reason) {
            Ok(granted) => granted,
            Err(answer) => return Ok(answer),
        };
        let (mut new, mut before) = (Vec::new(), Vec::new());
        for (policy, known) in granted {
            match self.store.pause(asked.key, &policy.name, decision(asked, known, reason)).await? {
                Ok(pause) => {
                    tracing::warn!(policy = policy.name, by = known.voter.person.id, "paused");
                    new.push(pause);
                }
                Err(pause) => before.extend(pause),
            }
        }
        self.nudge();
        Ok(Ok(refusals::note(pauses::paused(&new, &before))))
    }

    /// Lets the policy, or all of which the person is an admin, go on.
    pub(super) async fn resume(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        policy: Option<&str>,
        reason: &str,
    ) -> anyhow::Result<Answer> {
        let granted = match self.meant(asked, policy, reason) {
            Ok(granted) => granted,
            Err(answer) => return Ok(answer),
        };
        let mut resumed = Vec::new();
        for (policy, known) in granted {
            resumed.extend(self.store.resume(asked.key, &policy.name, decision(asked, known, reason)).await?);
        }
        // What waited for this is tried at once.
        self.forget_obstacles();
        self.nudge();
        Ok(Ok(refusals::note(pauses::resumed(&resumed))))
    }

    fn meant<'a, 'b>(
        &self,
        asked: &'b Asked<'a>,
        policy: Option<&str>,
        reason: &str,
    ) -> Result<Vec<(&'a Policy, &'b Known)>, Answer> {
        if exemption::is_too_long(reason) {
            return Err(Err(exceptions::refusal(&exemption::Refusal::ReasonTooLong)));
        }
        match policy {
            Some(_) => asked.policy(self, policy).map(|one| vec![one]).map_err(Err),
            None => Ok(asked.granted.iter().map(|(policy, known)| (*policy, known)).collect()),
        }
    }
}

fn decision(asked: &Asked<'_>, known: &Known, reason: &str) -> Decision {
    let reason = Some(reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    Decision { by: known.voter.person.clone(), at: asked.at, reason }
}
