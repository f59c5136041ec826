//! Records tries of people who have no right to what they try. Of each person the first within an hour is an audit
//! event at once; the others are counted, and one event says how many there were when the hour is over or the bot ends.
//! Otherwise an outsider with a script would fill the trail. A crash loses that number; that they tried stands.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::authz::Authz;
use crate::authz::state::{Tried, Tries};
use crate::chat::Inbound;
use crate::domain::audit::{Actor, Draft, Person};
use crate::domain::ids::PolicyName;
use crate::services::lock;
use crate::store::{AuditContext, StoreError};

impl Authz {
    /// Returns whether a try of this person is only counted from now on: the first one is in the trail.
    pub(crate) fn is_only_counted(&self, user: &str) -> bool {
        let now = self.s.clock.now();
        lock(&self.tries).get(&self.counted_by(user)).is_some_and(|tried| !tried.is_over(now))
    }

    /// Notes a try of this moment that is in the trail, or is not because it is `only_counted`.
    pub(crate) fn note_try(
        &self,
        person: &Person,
        policy: Option<&PolicyName>,
        now: DateTime<Utc>,
        only_counted: bool,
    ) {
        let mut everybody = lock(&self.tries);
        let new =
            || Tried { person: person.clone(), since: now, more: 0, last: now, policies: BTreeSet::new() };
        let tried = everybody.entry(self.counted_by(&person.id)).or_insert_with(new);
        if only_counted {
            tried.more += 1;
            tried.last = now;
            tried.policies.insert(policy.cloned());
        }
    }

    /// Appends the event of an input that had no effect: as one of the person's tries, or else by itself.
    pub(crate) async fn append_refused(
        &self,
        is_try: bool,
        context: AuditContext,
        event: Draft,
    ) -> Result<(), StoreError> {
        if is_try {
            return self.append_try(context, event).await;
        }
        self.s.store.append(context, event).await.map(drop)
    }

    /// Records the refusal of somebody who has no right, or counts it.
    pub(crate) async fn append_try(&self, context: AuditContext, event: Draft) -> Result<(), StoreError> {
        let write = async |event| match event {
            Some((context, event)) => self.s.store.append(context, event).await.map(drop),
            None => Ok(()),
        };
        self.record_try(context, event, write).await
    }

    /// Does the same for an input that has a receipt, and settles it.
    pub(crate) async fn settle_try(
        &self,
        inbound: &Inbound,
        outcome: &str,
        context: AuditContext,
        event: Draft,
    ) -> Result<(), StoreError> {
        let write = async |event| {
            self.s.store.settle(&inbound.key, outcome, event, self.s.clock.now()).await.map(drop)
        };
        self.record_try(context, event, write).await
    }

    async fn record_try(
        &self,
        context: AuditContext,
        event: Draft,
        write: impl AsyncFnOnce(Option<(AuditContext, Draft)>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // Of the bot itself there are no tries.
        let Actor::Person(person) = event.actor.clone() else { return write(Some((context, event))).await };
        let (policy, now) = (context.policy.clone(), self.s.clock.now());
        let only_counted = self.is_only_counted(&person.id);
        write((!only_counted).then_some((context, event))).await?;
        self.note_try(&person, policy.as_ref(), now, only_counted);
        Ok(())
    }

    /// Records how many more tries there were of each person whose hour is over, or, at the end, of everybody.
    pub async fn sum_tries_up(&self, at_the_end: bool) -> Result<(), StoreError> {
        let now = self.s.clock.now();
        let due: Tries = {
            let mut tries = lock(&self.tries);
            let (due, rest) = std::mem::take(&mut *tries)
                .into_iter()
                .partition(|(_, tried)| at_the_end || tried.is_over(now));
            *tries = rest;
            due
        };
        let mut due: Vec<(String, Tried)> = due.into_iter().filter(|(_, tried)| tried.more > 0).collect();
        while let Some((_, tried)) = due.last() {
            let (context, event) = tried.summary(now);
            if let Err(error) = self.s.store.append(context, event).await {
                // They are tried again, with what came meanwhile.
                let mut tries = lock(&self.tries);
                for (key, tried) in due {
                    put_back(&mut tries, key, tried);
                }
                return Err(error);
            }
            due.pop();
        }
        Ok(())
    }
}

/// Puts tries back that could not be recorded, together with those of the same person since.
fn put_back(tries: &mut Tries, key: String, before: Tried) {
    match tries.get_mut(&key) {
        Some(now) => {
            now.since = now.since.min(before.since);
            now.more += before.more;
            now.last = now.last.max(before.last);
            now.policies.extend(before.policies);
        }
        None => drop(tries.insert(key, before)),
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    #[test]
    fn what_could_not_be_recorded_is_counted_together_with_what_came_meanwhile() {
        let at = |minutes| DateTime::UNIX_EPOCH + Duration::minutes(minutes);
        let by = |user: &str, from, more, policy: &str| Tried {
            person: Person::unknown(user),
            since: at(from),
            more,
            last: at(from + 1),
            policies: [Some(policy.into())].into(),
        };
        let mut tries = Tries::from([("U1".to_owned(), by("U1", 70, 2, "q"))]);
        put_back(&mut tries, "U1".to_owned(), by("U1", 0, 3, "p"));
        put_back(&mut tries, "U2".to_owned(), by("U2", 0, 1, "p"));
        let (both, other) = (&tries["U1"], &tries["U2"]);
        assert_eq!((both.more, both.since, both.last, both.policies.len()), (5, at(0), at(71), 2));
        assert_eq!((other.more, other.since, other.last), (1, at(0), at(1)));
    }
}
