//! Asking the people that a request asks: the person of each account, and their manager.
//!
//! Each look-up and each message is one step of a row, paced, and never before the card stands; nothing here holds up
//! the card or the decision. What they say is recorded and shown on the card; it decides nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use crate::chat::{ChatError, ChatUser, Mark};
use crate::domain::backoff;
use crate::domain::candidate::Candidate;
use crate::domain::fold::same;
use crate::domain::ids::{PolicyName, RequestId};
use crate::domain::outreach::{self, Asking, OutreachQuestion};
use crate::domain::policy::{Policy, Rule};
use crate::domain::request::Request;
use crate::domain::template::{OutreachRole, Template};
use crate::identity::{Directory as _, IdentityError};
use crate::outbox::{Identity, Outbox, Standing, looked_for_from};
use crate::services::{WorkResult, lock};
use crate::store::MessageRow;
use crate::wording::outreach as wording;

/// Between two look-ups or messages: Slack allows about 50 look-ups by address a minute, and a message a second.
const PACE: Duration = Duration::milliseconds(1200);
/// A message that can't be sent is given up after so many tries.
const MESSAGES_MAX: u32 = 5;

/// What one round looks at.
struct Round<'a> {
    policy: &'a Policy,
    request: &'a Request,
    candidates: &'a [Candidate],
}

impl Round<'_> {
    fn candidate(&self, question: &OutreachQuestion) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.shown.id == question.account.id)
    }
}

impl Outbox {
    /// The requests whose people are being asked.
    pub(crate) async fn requests_that_ask(&self) -> WorkResult<Vec<RequestId>> {
        let asking = self.s.policies.iter().filter(|policy| !policy.ask.roles().is_empty());
        let names: Vec<PolicyName> = asking.map(|policy| policy.name.clone()).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.s.store.waiting_requests(names).await?)
    }

    /// Takes the next step of asking for a request; says when to take the one after.
    pub(crate) async fn ask_people_concerned(&self, id: RequestId) -> WorkResult<Option<DateTime<Utc>>> {
        let Some((request, candidates)) = self.s.store.request(id).await? else {
            return Ok(None);
        };
        let Some(policy) = self.s.policy(&request.policy) else {
            return Ok(None);
        };
        let now = self.s.clock.now();
        let Some(at) = outreach::ask_at(&request, &policy.ask) else {
            return Ok(None);
        };
        if let Some(at) = Some(at).filter(|at| *at > now).or_else(|| backoff::until(self.asking_from(), now))
        {
            return Ok(Some(at));
        }
        let questions = self.s.store.ask_people(id, policy.ask.roles()).await?;
        let round = Round { policy, request: &request, candidates: &candidates };
        let mut next: Option<DateTime<Utc>> = None;
        for question in &questions {
            let Asking::Due { attempts, not_before } = &question.state else { continue };
            if let Some(at) = backoff::until(*not_before, now) {
                next = next.into_iter().chain([at]).min();
            } else {
                self.find_whom_to_ask(&round, question, *attempts).await?;
                return Ok(Some(self.pace()));
            }
        }
        for (role, user, about) in messages_of(&questions) {
            match self.write_to(&round, role, user, &about).await? {
                Written::Sent => return Ok(Some(self.pace())),
                Written::Stands(again) => next = next.into_iter().chain(again).min(),
                Written::Later(at) => next = next.into_iter().chain([at]).min(),
            }
        }
        Ok(next)
    }

    pub(crate) fn asking_from(&self) -> Option<DateTime<Utc>> {
        *lock(&self.asking_from)
    }

    /// The next step of any request, from now.
    pub(crate) fn pace(&self) -> DateTime<Utc> {
        let mut from = lock(&self.asking_from);
        let now = self.s.clock.now();
        let at = backoff::until(*from, now).unwrap_or_default().max(now + PACE);
        *from = Some(at);
        at
    }

    async fn find_whom_to_ask(
        &self,
        round: &Round<'_>,
        question: &OutreachQuestion,
        attempts: u32,
    ) -> WorkResult<()> {
        let Some(candidate) = round.candidate(question) else {
            return Ok(());
        };
        let state = match self.look_up(&round.request.rule, candidate, question.role).await {
            Ok(Some((user, address))) => Asking::Found { user, address },
            Ok(None) => Asking::NotFound,
            Err(Trouble::Wait(wait)) => {
                *lock(&self.asking_from) = Some(self.s.clock.now() + wait);
                return Ok(());
            }
            Err(Trouble::Failed(error)) => outreach::look_up_again(attempts, error, self.s.clock.now()),
        };
        // The next step wakes the loop, which looks at the card too.
        self.s.store.set_asking(vec![question.id], state).await?;
        Ok(())
    }

    /// The person in the chat system, with the address that they were found by. `None`: there is none.
    async fn look_up(
        &self,
        rule: &Rule,
        candidate: &Candidate,
        asked_as: OutreachRole,
    ) -> Result<Option<(String, String)>, Trouble> {
        let shown = &candidate.shown;
        let address = match asked_as {
            OutreachRole::Person => shown.email.clone().or_else(|| Some(shown.login.clone())),
            OutreachRole::Manager => match self.address_of_manager(rule, candidate).await? {
                Some(address) if outreach::is_own_address(shown, &address) => None,
                address => address,
            },
        };
        let Some(address) = address.filter(|address| address.contains('@')) else {
            return Ok(None);
        };
        let found = match self.s.chat.find_user(&address).await {
            Ok(found) => found,
            Err(ChatError::RateLimited(wait)) => {
                let wait = Duration::from_std(wait).unwrap_or(backoff::LONGEST).min(backoff::LONGEST);
                return Err(Trouble::Wait(wait));
            }
            Err(error) => return Err(Trouble::Failed(error.to_string())),
        };
        // Guests may speak for themselves; for others only full members do.
        let may_be_asked = |user: &ChatUser| {
            user.is_person
                && (asked_as == OutreachRole::Person || user.outsider.is_none())
                && is_at(user, &address)
        };
        Ok(found.filter(may_be_asked).map(|user| (user.id, address)))
    }

    async fn address_of_manager(
        &self,
        rule: &Rule,
        candidate: &Candidate,
    ) -> Result<Option<String>, Trouble> {
        let Some(named) = outreach::manager_of(&candidate.shown) else {
            return Ok(None);
        };
        if named.contains('@') {
            return Ok(Some(named.to_owned()));
        }
        let Some(found) = self.s.unless_ended(self.s.provider(&rule.provider).find(named, rule)).await else {
            return Err(Trouble::Wait(PACE));
        };
        match found {
            Ok(mut accounts) if accounts.len() == 1 => {
                Ok(accounts.pop().map(|account| account.email.unwrap_or(account.login)))
            }
            // Nobody, or several: neither says who it is.
            Ok(_) | Err(IdentityError::NotFound(_)) => Ok(None),
            Err(IdentityError::RateLimited { until }) => {
                Err(Trouble::Wait((until - self.s.clock.now()).clamp(PACE, backoff::LONGEST)))
            }
            Err(
                error @ (IdentityError::Transient(_)
                | IdentityError::Refused(_)
                | IdentityError::Denied(_)
                | IdentityError::Malformed(_)
                | IdentityError::NotConfigured(_)),
            ) => Err(Trouble::Failed(error.to_string())),
        }
    }

    /// Brings one person's message into their direct messages and up to date.
    async fn write_to(
        &self,
        round: &Round<'_>,
        role: OutreachRole,
        user: &str,
        about: &[&OutreachQuestion],
    ) -> WorkResult<Written> {
        // The first question of a message stays its first one: who is done with stays on it.
        let first = about.first().map_or(0, |question| question.id);
        let key = format!("request:{}:ask:{}:{user}:{first}", round.request.id, role.word());
        let new: Vec<i64> = about
            .iter()
            .filter(|question| matches!(question.state, Asking::Found { .. }))
            .map(|question| question.id)
            .collect();
        let row = self.s.store.message(&key).await?;
        if let Some(row) = row.as_ref().filter(|_| !new.is_empty())
            && let Some(error) = self.is_hopeless(row).await
        {
            self.s.store.set_asking(new, Asking::Failed { error }).await?;
            self.s.nudge();
            return Ok(Written::Sent);
        }
        let channel = match row.filter(|row| !row.channel.is_empty()) {
            Some(row) => row.channel,
            None => match self.direct_channel(&key, user).await? {
                Ok(channel) => channel,
                Err(at) => return Ok(Written::Later(at)),
            },
        };
        let Some(wording) = wording(round.policy, role) else {
            return Ok(Written::Stands(None));
        };
        let name = self.name_for(round, role, user, about).await;
        let message = wording::Message {
            request: round.request,
            role,
            wording,
            name: &name,
            about: about.iter().filter_map(|one| Some((*one, round.candidate(one)?))).collect(),
        };
        let identity = Identity { key, channel: &channel, thread: None, card_of: None };
        let again = match self.show(&identity, &wording::message(&message)).await? {
            Standing::Current(_, again) => again,
            Standing::Behind(_, at) => Some(at),
            Standing::NotYet(at) => return Ok(Written::Later(at)),
        };
        if new.is_empty() {
            return Ok(Written::Stands(again));
        }
        self.note_asked(about).await?;
        Ok(Written::Sent)
    }

    async fn note_asked(&self, about: &[&OutreachQuestion]) -> WorkResult<()> {
        let at = self.s.clock.now();
        for question in about {
            if let Asking::Found { user, address } = &question.state {
                let state =
                    Asking::Asked { user: user.clone(), address: address.clone(), at, answered: None };
                self.s.store.set_asking(vec![question.id], state).await?;
            }
        }
        Ok(())
    }

    /// Why a message that does not stand is not to be tried again: too many tries, or one that can't be looked for, and
    /// might stand there twice.
    async fn is_hopeless(&self, row: &MessageRow) -> Option<String> {
        let now = self.s.clock.now();
        if row.ts.is_some() || backoff::until(row.retry_at, now).is_some() {
            return None;
        }
        if let Some(tried_at) = row.tried_at {
            match self
                .s
                .chat
                .find(&row.channel, None, &Mark::new(&*row.key), looked_for_from(tried_at, now))
                .await
            {
                Err(ChatError::Denied(why)) => {
                    return Some(format!(
                        "the message may have been posted already, but that can't be checked: {why}"
                    ));
                }
                // It stands after all, or nobody knows: either way it is not given up.
                Ok(Some(_)) | Err(_) => return None,
                Ok(None) => {}
            }
        }
        let tries = row.attempts;
        let chat = self.s.chat.terms().name;
        (tries >= MESSAGES_MAX).then(|| format!("{chat} did not take the message in {tries} tries"))
    }

    /// The channel of a person's direct messages, kept in the message's row; or when to try again.
    async fn direct_channel(&self, key: &str, user: &str) -> WorkResult<Result<String, DateTime<Utc>>> {
        let now = self.s.clock.now();
        let row = self.s.store.message(key).await?;
        let mut row = row.unwrap_or_else(|| MessageRow::new(key.to_owned(), String::new()));
        if let Some(at) = backoff::until(row.retry_at, now) {
            return Ok(Err(at));
        }
        match self.s.chat.open_direct(user).await {
            Ok(channel) => {
                row.channel.clone_from(&channel);
                (row.attempts, row.retry_at) = (0, None);
                self.s.store.save_message(&row).await?;
                Ok(Ok(channel))
            }
            Err(ChatError::RateLimited(wait)) => {
                let wait = Duration::from_std(wait).unwrap_or(backoff::LONGEST).min(backoff::LONGEST);
                let at = now + wait;
                *lock(&self.asking_from) = Some(at);
                Ok(Err(at))
            }
            Err(error) => {
                row.attempts += 1;
                let at = now + backoff::doubled(Duration::seconds(2), row.attempts, backoff::LONGEST);
                tracing::warn!(user, attempts = row.attempts, %error, "direct messages can't be opened");
                row.retry_at = Some(at);
                self.s.store.save_message(&row).await?;
                Ok(Err(at))
            }
        }
    }

    /// The recipient's name: of a person the directory's own, of a manager what Slack calls them.
    async fn name_for(
        &self,
        round: &Round<'_>,
        role: OutreachRole,
        user: &str,
        about: &[&OutreachQuestion],
    ) -> String {
        let candidate = about.first().and_then(|question| round.candidate(question));
        match (role, candidate) {
            (OutreachRole::Person, Some(candidate)) if !candidate.shown.name.trim().is_empty() => {
                candidate.shown.name.clone()
            }
            (OutreachRole::Person, Some(candidate)) => candidate.shown.login.clone(),
            (OutreachRole::Person, None) => String::new(),
            (OutreachRole::Manager, _) => {
                self.managers_name(user).await.unwrap_or_else(|| "there".to_owned())
            }
        }
    }

    /// Looked up once per process: a name that changes in between is no reason to write again.
    async fn managers_name(&self, user: &str) -> Option<String> {
        if let Some(name) = lock(&self.names).get(user) {
            return Some(name.clone());
        }
        let name = self.s.chat.user(user).await.ok()?.name;
        lock(&self.names).insert(user.to_owned(), name.clone());
        Some(name)
    }
}

/// Why nobody could be found yet.
enum Trouble {
    /// Asked to wait.
    Wait(Duration),
    /// It failed; counted.
    Failed(String),
}

/// How the sending of a message ended.
enum Written {
    /// A step was taken: it stands now, or was given up.
    Sent,
    /// It stood before.
    Stands(Option<DateTime<Utc>>),
    /// Not yet.
    Later(DateTime<Utc>),
}

/// The messages that are to stand: per role and person, once everybody in that role was looked for. Nobody is asked about
/// more than fits into one message, so there may be several.
fn messages_of(questions: &[OutreachQuestion]) -> Vec<(OutreachRole, &str, Vec<&OutreachQuestion>)> {
    let mut messages: BTreeMap<(OutreachRole, &str), Vec<&OutreachQuestion>> = BTreeMap::new();
    for role in [OutreachRole::Person, OutreachRole::Manager] {
        let of_role = || questions.iter().filter(move |question| question.role == role);
        // Who is found later would be missing from a manager's list.
        if of_role().any(|question| matches!(question.state, Asking::Due { .. })) {
            continue;
        }
        for question in of_role() {
            if let Some(user) = question.state.user() {
                messages.entry((role, user)).or_default().push(question);
            }
        }
    }
    let parts = messages.into_iter().flat_map(|((role, user), about)| {
        let parts: Vec<Vec<&OutreachQuestion>> =
            about.chunks(wording::PEOPLE_MAX).map(<[_]>::to_vec).collect();
        parts.into_iter().map(move |part| (role, user, part))
    });
    parts.collect()
}

fn wording(policy: &Policy, role: OutreachRole) -> Option<&Template> {
    match role {
        OutreachRole::Person => policy.ask.contractor.as_ref(),
        OutreachRole::Manager => policy.ask.manager.as_ref(),
    }
}

fn is_at(user: &ChatUser, address: &str) -> bool {
    user.email.as_deref().is_some_and(|email| same(email, address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::template::Outreach;
    use crate::engine::bench::{Bench, policy, shown};

    /// A policy that asks each account's person, so long before the deadline.
    fn asks(before: Option<Duration>) -> Vec<Policy> {
        let ask = Outreach { contractor: Some(Template(Vec::new())), manager: None, before };
        vec![Policy { ask, ..policy() }]
    }

    #[tokio::test]
    async fn only_requests_of_policies_that_ask_are_looked_at() {
        let (asks, silent) = (Bench::of(asks(None)), Bench::new());
        for bench in [&asks, &silent] {
            assert!(bench.engine.outbox.requests_that_ask().await.unwrap().is_empty());
        }
        let [asked, not_asked] =
            [&asks, &silent].map(|bench| bench.asking(vec![shown(bench.engine.s.clock.now())]));
        let (asked, _) = (asked.await, not_asked.await);
        assert_eq!(asks.engine.outbox.requests_that_ask().await.unwrap(), [asked]);
        assert!(silent.engine.outbox.requests_that_ask().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn nobody_is_looked_up_before_the_time_that_the_policy_names() {
        let bench = Bench::of(asks(Some(Duration::hours(4))));
        let id = bench.asking(vec![shown(bench.engine.s.clock.now())]).await;
        let (request, _) = bench.engine.s.store.request(id).await.unwrap().unwrap();
        let then = request.deadline.unwrap() - Duration::hours(4);
        // Any look-up of a person makes these tests fail.
        assert_eq!(bench.engine.outbox.ask_people_concerned(id).await.unwrap(), Some(then));
    }

    #[tokio::test]
    async fn a_message_that_stands_or_waits_for_its_next_try_is_not_looked_for() {
        let bench = Bench::new();
        let now = bench.engine.s.clock.now();
        let tried = || MessageRow {
            tried_at: Some(now),
            attempts: MESSAGES_MAX,
            ..MessageRow::new("key".to_owned(), "D0ADA".to_owned())
        };
        let stands = MessageRow { ts: Some("1.2".to_owned()), ..tried() };
        let waits = MessageRow { retry_at: Some(now + Duration::minutes(1)), ..tried() };
        assert_eq!(bench.engine.outbox.is_hopeless(&stands).await, None);
        assert_eq!(bench.engine.outbox.is_hopeless(&waits).await, None);
    }

    #[test]
    fn a_person_who_is_found_has_the_address_that_was_asked_for() {
        let at = |email: Option<&str>| {
            let (id, name, email) = ("U1".to_owned(), String::new(), email.map(str::to_owned));
            is_at(
                &ChatUser { id, person_id: None, name, email, outsider: None, is_person: true },
                "Ada@ext.example",
            )
        };
        assert!(at(Some("ada@EXT.example")));
        assert!(!at(Some("other@ext.example")) && !at(None));
    }

    #[tokio::test]
    async fn people_are_asked_one_after_the_other() {
        let bench = Bench::new();
        assert_eq!(bench.engine.outbox.asking_from(), None);
        let now = bench.engine.s.clock.now();
        let first = bench.engine.outbox.pace();
        assert!(first > now && bench.engine.outbox.asking_from() == Some(first));
        lock(&bench.engine.outbox.asking_from).replace(now + Duration::minutes(5));
        assert_eq!(
            bench.engine.outbox.pace(),
            now + Duration::minutes(5),
            "a call that was asked to wait longer does"
        );
    }
}
