//! Pace: how much of everybody's time one person may take. Each input costs look-ups in Slack and Okta, whose limits
//! all share, so a script of one member must not keep the others from denying, or an admin from pausing.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::chat::{Inbound, What};
use crate::domain::audit::{Action, Actor, Draft, Person};
use crate::inbox::Inbox;
use crate::services::WorkResult;
use crate::store::AuditContext;

/// What somebody who has done nothing for a while may spend at once.
const SAVED_MAX: f64 = 120.0;
/// What is added to that each second.
const EARNED: f64 = 1.0;
/// What an input costs, and what a question does.
const INPUT_COSTS: f64 = 1.0;
const QUESTION_COSTS: f64 = 2.0;
/// How often the audit trail says of one person that they were too fast.
const NOTED_EVERY: Duration = Duration::from_secs(60);
/// From so many people on, those who can spend all again are forgotten.
const REMEMBERED_MAX: usize = 1000;

/// What each person has left to spend.
#[derive(Default)]
pub(crate) struct RateLimits {
    people: BTreeMap<String, TokenBucket>,
}

struct TokenBucket {
    left: f64,
    at: Instant,
    noted: Option<Instant>,
}

/// Whether an input is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RateVerdict {
    Taken,
    TooFast {
        /// It is the first time in a minute: the audit trail says so.
        noted: bool,
    },
}

impl RateLimits {
    fn take(&mut self, person: &str, costs: f64, now: Instant) -> RateVerdict {
        if self.people.len() > REMEMBERED_MAX {
            self.people.retain(|_, bucket| bucket.filled(now) < SAVED_MAX);
        }
        let new = || TokenBucket { left: SAVED_MAX, at: now, noted: None };
        let bucket = self.people.entry(person.to_owned()).or_insert_with(new);
        (bucket.left, bucket.at) = (bucket.filled(now), now);
        if bucket.left >= costs {
            bucket.left -= costs;
            return RateVerdict::Taken;
        }
        let noted = bucket.noted.is_none_or(|at| now - at >= NOTED_EVERY);
        if noted {
            bucket.noted = Some(now);
        }
        RateVerdict::TooFast { noted }
    }
}

impl TokenBucket {
    fn filled(&self, now: Instant) -> f64 {
        (self.left + (now - self.at).as_secs_f64() * EARNED).min(SAVED_MAX)
    }
}

fn costs(what: &What) -> f64 {
    match what {
        What::Command { .. } | What::HomeOpened | What::HomeClick { .. } => QUESTION_COSTS,
        What::Click { .. } | What::ModalClick { .. } => INPUT_COSTS,
        // What somebody has written must not be lost, and there is no more of it than of opened dialogs. That somebody
        // joined a channel is Slack's word, not theirs.
        What::Submission { .. } | What::Joined { .. } => 0.0,
    }
}

impl Inbox {
    /// Returns whether the input is to be looked at; of too many in a row, the trail says so once a minute.
    pub(crate) async fn turn(&self, inbound: &Inbound) -> WorkResult<RateVerdict> {
        let person = self.authz.counted_by(&inbound.user);
        let turn = crate::services::lock(&self.pace).take(&person, costs(&inbound.what), Instant::now());
        if turn == (RateVerdict::TooFast { noted: true }) {
            let event = Draft {
                at: inbound.received_at,
                actor: Actor::Person(Person {
                    id: inbound.user.clone(),
                    name: String::new(),
                    email: None,
                    person_id: None,
                }),
                action: Action::InputRefused,
                subject: None,
                detail: serde_json::json!({ "why": "exceeded the limit for one person; further inputs of this minute were refused" }),
            };
            // Of somebody who has just tried without the right, it is one more of these.
            if self.authz.is_only_counted(&inbound.user) {
                self.authz.append_try(AuditContext::default(), event).await?;
            } else {
                self.s.store.append(AuditContext::default(), event).await?;
            }
        }
        Ok(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_people_only_those_are_remembered_who_have_spent_something() {
        let (mut pace, start) = (RateLimits::default(), Instant::now());
        for person in 0..=REMEMBERED_MAX {
            let costs = if person < 2 { INPUT_COSTS } else { 0.0 };
            assert_eq!(pace.take(&format!("U{person}"), costs, start), RateVerdict::Taken);
        }
        assert_eq!(pace.people.len(), REMEMBERED_MAX + 1);
        assert_eq!(pace.take("U0", INPUT_COSTS, start), RateVerdict::Taken);
        assert_eq!(pace.people.keys().collect::<Vec<_>>(), ["U0", "U1"]);
    }

    #[test]
    fn whoever_spends_all_waits_and_nobody_else_does() {
        let (mut pace, start) = (RateLimits::default(), Instant::now());
        for _ in 0..120 {
            assert_eq!(pace.take("U1", INPUT_COSTS, start), RateVerdict::Taken);
        }
        assert_eq!(pace.take("U1", INPUT_COSTS, start), RateVerdict::TooFast { noted: true });
        assert_eq!(pace.take("U1", INPUT_COSTS, start), RateVerdict::TooFast { noted: false });
        assert_eq!(pace.take("U2", QUESTION_COSTS, start), RateVerdict::Taken);
        let later = start + Duration::from_secs(2);
        assert_eq!(pace.take("U1", QUESTION_COSTS, later), RateVerdict::Taken, "earned meanwhile");
        assert_eq!(pace.take("U1", INPUT_COSTS, later), RateVerdict::TooFast { noted: false });
        let much_later = start + Duration::from_secs(3600);
        for _ in 0..120 {
            assert_eq!(pace.take("U1", INPUT_COSTS, much_later), RateVerdict::Taken);
        }
        assert_eq!(pace.take("U1", INPUT_COSTS, much_later), RateVerdict::TooFast { noted: true });
    }
}
