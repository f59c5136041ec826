//! Remembers what look-ups found and who tried what; never a right.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use crate::chat::ChatUser;
use crate::domain::audit::{Draft, Person};
use crate::domain::deciders::Deciders;
use crate::domain::ids::PolicyName;
use crate::services::lock;
use crate::store::AuditContext;

/// What was looked up protects accounts for this long.
const KEPT: Duration = Duration::minutes(1);

/// What a look-up that failed has found serves the ones after it for this long. Slack allows about 100 look-ups a minute,
/// so the most approvers that a policy may have are looked up well within it.
const SO_FAR_KEPT: Duration = Duration::minutes(10);

/// While a question waits, people are looked up again after this time.
pub(super) const LOOK_EVERY: Duration = Duration::minutes(10);

/// What one look at the people of a policy found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookedUp {
    /// What the accounts of everybody who is named are called: these are never proposed.
    pub accounts: BTreeSet<String>,
    /// Who can decide, and who of those that are named can't.
    pub deciders: Deciders,
}

/// People who were looked up by a try that did not come to its end, such as at a rate limit: the next try goes on from
/// there.
#[derive(Default)]
pub struct SoFar(Mutex<BTreeMap<String, (DateTime<Utc>, Answer)>>);

/// Somebody who was looked up; `None` if the chat system doesn't know this person.
type Answer = Option<ChatUser>;

impl SoFar {
    pub(super) fn get(&self, id: &str, now: DateTime<Utc>) -> Option<Answer> {
        let kept = Duration::zero()..SO_FAR_KEPT;
        lock(&self.0).get(id).filter(|(at, _)| kept.contains(&(now - *at))).map(|(_, user)| user.clone())
    }

    pub(super) fn put(&self, id: &str, user: Answer, now: DateTime<Utc>) {
        lock(&self.0).insert(id.to_owned(), (now, user));
    }

    /// Forgets these: the next look-up begins from the beginning.
    pub(super) fn forget<'a>(&self, ids: impl Iterator<Item = &'a String>) {
        let mut found = lock(&self.0);
        for id in ids {
            found.remove(id);
        }
    }
}

/// When people were looked up, and what was found.
type Found = (DateTime<Utc>, Arc<LookedUp>);

/// What was looked up last, by policy.
#[derive(Default)]
pub(crate) struct Kept {
    found: Mutex<BTreeMap<String, Found>>,
    /// When people were looked up for a question that waits, whether that worked or not.
    pub(super) looked: Mutex<BTreeMap<String, DateTime<Utc>>>,
}

impl Kept {
    /// Returns what was found last, however long ago.
    pub(super) fn last(&self, policy: &str) -> Option<Arc<LookedUp>> {
        lock(&self.found).get(policy).map(|(_, found)| Arc::clone(found))
    }

    pub(super) fn fresh(&self, policy: &str, now: DateTime<Utc>) -> Option<Arc<LookedUp>> {
        let found = lock(&self.found);
        found.get(policy).filter(|(at, _)| (now - *at).abs() < KEPT).map(|(_, found)| Arc::clone(found))
    }

    pub(super) fn put(&self, policy: &str, now: DateTime<Utc>, found: LookedUp) -> Arc<LookedUp> {
        let found = Arc::new(found);
        lock(&self.looked).insert(policy.to_owned(), now);
        lock(&self.found).insert(policy.to_owned(), (now, Arc::clone(&found)));
        found
    }

    pub(super) fn is_due(&self, policy: &str, now: DateTime<Utc>) -> bool {
        lock(&self.looked).get(policy).is_none_or(|at| (now - *at).abs() >= LOOK_EVERY)
    }
}

/// Which person an id is of, once that was asked. It never changes.
pub(crate) type Ids = BTreeMap<String, String>;

/// How long the tries of a person are summed up.
const SUMMED_OVER: Duration = Duration::hours(1);

/// Who has tried, by the id of the person.
pub(crate) type Tries = BTreeMap<String, Tried>;

/// One person's tries since the one that is recorded.
pub(crate) struct Tried {
    pub(super) person: Person,
    pub(super) since: DateTime<Utc>,
    pub(super) more: u64,
    pub(super) last: DateTime<Utc>,
    pub(super) policies: BTreeSet<Option<PolicyName>>,
}

impl Tried {
    pub(super) fn is_over(&self, now: DateTime<Utc>) -> bool {
        // A clock that went back keeps nobody's tries for longer.
        (now - self.since).abs() >= SUMMED_OVER
    }

    /// Returns the event for the tries that have none of their own.
    pub(super) fn summary(&self, now: DateTime<Utc>) -> (AuditContext, Draft) {
        let time = |at: DateTime<Utc>| at.format("%H:%M");
        let why = format!(
            "{} more within the hour, {} to {} UTC; only the first has its own event",
            if self.more == 1 { "1 try".to_owned() } else { format!("{} tries", self.more) },
            time(self.since),
            time(self.last)
        );
        let mut policies = self.policies.iter().flatten();
        let only = policies.next().filter(|_| self.policies.len() == 1);
        let context = AuditContext { policy: only.cloned(), ..AuditContext::default() };
        let named: Vec<&PolicyName> = self.policies.iter().flatten().collect();
        let detail = json!({
            "why": why, "count": self.more, "since": self.since, "until": self.last, "policies": named,
        });
        (context, Draft::refused(&self.person, now, detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_approvers_of_a_policy_are_looked_up_once_a_minute() {
        let (kept, at) = (Kept::default(), DateTime::UNIX_EPOCH);
        let accounts: BTreeSet<String> = ["ada@corp.example".to_owned()].into();
        kept.put("p", at, LookedUp { accounts: accounts.clone(), ..LookedUp::default() });
        let fresh = |policy, at| kept.fresh(policy, at).map(|found| found.accounts.clone());
        assert_eq!(fresh("p", at + Duration::seconds(59)), Some(accounts));
        assert_eq!(fresh("other", at), None);
        for away in [Duration::minutes(1), -Duration::minutes(1)] {
            assert_eq!(fresh("p", at + away), None);
        }
    }

    #[test]
    fn while_a_question_waits_its_people_are_looked_up_every_ten_minutes() {
        let (kept, at) = (Kept::default(), DateTime::UNIX_EPOCH);
        assert!(kept.is_due("p", at));
        kept.put("p", at, LookedUp::default());
        assert!(!kept.is_due("p", at + LOOK_EVERY - Duration::seconds(1)));
        assert!(kept.is_due("p", at + LOOK_EVERY) && kept.is_due("p", at - LOOK_EVERY));
    }
}
