//! What a person must fix before the suspensions of a request continue: a right or a token that is missing. The
//! channel is notified once and the policy's admins each in a message of their own, and the channel again when it goes
//! on.
//!
//! The messages' own rows are all that is remembered: those of one trouble have the same number, and the word that it goes
//! on ends it. So a restart reports nothing twice, and a message whose answer was lost is found by its key.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::authz::deciders::WRITTEN_TO_MAX;
use crate::domain::attempt::summary;
use crate::domain::backoff::earliest;
use crate::domain::candidate::Candidate;
use crate::domain::hash::hex;
use crate::domain::ids::RequestId;
use crate::domain::policy::{Policy, execute_by};
use crate::domain::request::{Decision, Request};
use crate::outbox::Identity;
use crate::request::Requests;
use crate::services::{WorkResult, lock};
use crate::store::MessageRow;
use crate::wording::{blocked as wording, deciders};

/// The most blockers of one request that are reported. A right that comes and goes would fill the channel; the card
/// shows all.
const TOLD_MAX: u32 = 6;

/// The word that ends a trouble, at the end of its key.
const OVER: &str = "over";

/// What has been reported, or is being reported, of a request's blockers.
#[derive(Default)]
struct Told {
    /// How many there were so far.
    count: u32,
    /// Those of now, with their digests.
    open: Vec<(u32, String, MessageRow)>,
    /// Words that it goes on which do not stand yet.
    unsaid: Vec<u32>,
}

impl Told {
    fn read(prefix: &str, rows: Vec<MessageRow>) -> Told {
        let mut told = Told::default();
        for row in rows {
            let mut parts = row.key.strip_prefix(prefix).unwrap_or_default().split(':');
            let (Some(Ok(number)), Some(which), None) =
                (parts.next().map(str::parse::<u32>), parts.next(), parts.next())
            else {
                continue;
            };
            if which == OVER {
                told.open.retain(|(open, ..)| *open > number);
                told.unsaid.extend(row.ts.is_none().then_some(number));
            } else {
                told.count = told.count.max(number + 1);
                told.open.push((number, which.to_owned(), row));
            }
        }
        told
    }
}

impl Requests {
    /// Tells what stands in the way now, or that nothing does any more after a round that nothing stopped and in which
    /// some were suspended.
    /// Returns when to try again what could not be reported.
    pub(crate) async fn tell_obstacle(
        &self,
        request: &Request,
        decision: &Decision,
        goes_on: bool,
    ) -> WorkResult<Option<DateTime<Utc>>> {
        let Some(policy) = self.s.policy(&request.policy) else { return Ok(None) };
        let obstacle = lock(&self.obstacles)
            .get(&request.id)
            .filter(|obstacle| obstacle.blocker.to_be_told)
            .map(|obstacle| obstacle.blocker.why.clone());
        if let Some(why) = obstacle {
            return self.tell_blocker(policy, request, decision, &why).await;
        }
        // An account that is left alone because the approval is too old has taken a step, and nothing goes on.
        let in_time = self.s.clock.now() <= execute_by(policy, decision.at);
        let last = self.s.provider(&request.rule.provider).last_answer();
        let answers = last.is_some_and(|last| last.problem.is_none());
        if goes_on && in_time && answers {
            let open = self.told_of(request).await?.open;
            let heard = open.iter().any(|(.., row)| row.ts.is_some() || row.tried_at.is_some());
            if let Some((number, ..)) = open.last().filter(|_| heard) {
                // The row first: whatever happens now, the word is owed.
                let key = key(request, *number, OVER);
                self.s.store.save_message(&MessageRow::new(key, request.channel.clone())).await?;
            }
        }
        Ok(None)
    }

    async fn told_of(&self, request: &Request) -> WorkResult<Told> {
        let prefix = prefix(request);
        Ok(Told::read(&prefix, self.s.store.messages_of(&prefix).await?))
    }

    /// Messages about blockers that could not be sent, or that nobody was notified of, are not sent any more: the
    /// request has ended, and its outcomes are posted.
    pub(crate) async fn let_obstacles_go(&self, request: &Request) -> WorkResult<()> {
        for mut row in self.s.store.messages_of(&prefix(request)).await? {
            if row.retry_at.is_some() || row.render_again_at.is_some() {
                (row.retry_at, row.render_again_at) = (None, None);
                self.s.store.save_message(&row).await?;
            }
        }
        Ok(())
    }

    async fn tell_blocker(
        &self,
        policy: &Policy,
        request: &Request,
        decision: &Decision,
        why: &str,
    ) -> WorkResult<Option<DateTime<Utc>>> {
        let told = self.told_of(request).await?;
        let which = fingerprint(why);
        let number = match told.open.iter().find(|(_, open, _)| *open == which) {
            Some((number, ..)) => *number,
            None if told.count >= TOLD_MAX => return Ok(None),
            None => told.count,
        };
        let candidates = self.s.store.request(request.id).await?.map(|(_, candidates)| candidates);
        let left = candidates.iter().flatten().filter(|candidate| candidate.state.is_open()).count();
        let card = self.s.card_of(request.id).await?;
        let until = execute_by(policy, decision.at);
        let about = wording::About { request, left, card: card.as_ref(), why, until };
        let key = key(request, number, &which);
        let to_all = wording::in_channel(&about, &policy.admins);
        let message = Identity { key: key.clone(), channel: &request.channel, thread: None, card_of: None };
        let mut wake = self.outbox.told(&message, &to_all).await?;
        for user in policy.admins.users.iter().take(WRITTEN_TO_MAX) {
            let key = format!("{key}:to:{user}");
            wake = earliest(wake, self.outbox.tell_directly(&key, user, &wording::to_admin(&about)).await?);
        }
        Ok(wake)
    }

    /// Says that it goes on, where that is owed. Returns when to try again.
    pub(crate) async fn tell_going_on(&self, request: &Request) -> WorkResult<Option<DateTime<Utc>>> {
        let mut wake = None;
        for number in self.told_of(request).await?.unsaid {
            let key = key(request, number, OVER);
            let message = Identity { key, channel: &request.channel, thread: None, card_of: None };
            let card = self.s.card_of(request.id).await?;
            wake =
                earliest(wake, self.outbox.told(&message, &wording::goes_on(request, card.as_ref())).await?);
        }
        Ok(wake)
    }

    /// Tells the policy's admins, each once per request, that nobody can decide it. Returns when to try again.
    pub(crate) async fn tell_lack(
        &self,
        request: &Request,
        candidates: &[Candidate],
    ) -> WorkResult<Option<DateTime<Utc>>> {
        let (Some(lack), Some(policy)) =
            (self.authz.lack(request, candidates), self.s.policy(&request.policy))
        else {
            return Ok(None);
        };
        let unable = self.authz.known_deciders(&policy.name).map(|found| found.deciders.unable.clone());
        let card = self.s.card_of(request.id).await?;
        let note = deciders::to_admin(request, card.as_ref(), lack, &unable.unwrap_or_default());
        let mut wake = None;
        for user in self.authz.people_of(&[&policy.admins]).await {
            let key = format!("request:{}:obstacle:deciders:to:{user}", request.id);
            wake = earliest(wake, self.outbox.tell_directly(&key, &user, &note).await?);
        }
        Ok(wake)
    }

    /// Returns the requests whose suspensions wait for a person, and why.
    pub(crate) fn waiting_for_people(&self) -> Vec<(RequestId, String)> {
        let obstacles = lock(&self.obstacles);
        let told = obstacles.iter().filter(|(_, obstacle)| obstacle.blocker.to_be_told);
        told.map(|(request, obstacle)| (*request, obstacle.blocker.why.clone())).collect()
    }
}

fn prefix(request: &Request) -> String {
    format!("request:{}:obstacle:", request.id)
}

/// Two digits, so that keys sort by their numbers.
fn key(request: &Request, number: u32, which: &str) -> String {
    format!("{}{number:02}:{which}", prefix(request))
}

/// The name of a blocker in a message's key.
fn fingerprint(why: &str) -> String {
    hex(&Sha256::digest(summary(why)))[..8].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::Person;
    use crate::engine::bench::Bench;

    #[tokio::test]
    async fn a_right_that_comes_and_goes_does_not_fill_the_channel() {
        let bench = Bench::new();
        let (store, policy) = (&bench.engine.s.store, &bench.engine.s.policies[0]);
        let id = bench.asked().await;
        let request = store.request_alone(id).await.unwrap().unwrap();
        for number in 0..TOLD_MAX {
            let key = key(&request, number, "aaaa");
            let row = MessageRow { ts: Some(format!("1.{number}")), ..MessageRow::new(key, "C1".into()) };
            store.save_message(&row).await.unwrap();
        }
        let by = Person { id: "U1".to_owned(), name: "Ada".to_owned(), email: None, person_id: None };
        let decision = Decision { by, at: bench.engine.s.clock.now(), reason: None };
        // Posting anything panics here.
        let told = bench.engine.requests.tell_blocker(policy, &request, &decision, "one right more").await;
        assert_eq!(told.unwrap(), None);
    }

    fn row(key: &str, ts: Option<&str>) -> MessageRow {
        let row = MessageRow::new(format!("request:7:obstacle:{key}"), "C1".into());
        MessageRow { ts: ts.map(str::to_owned), ..row }
    }

    #[tokio::test]
    async fn an_unsent_message_about_a_blocker_is_dropped_once_the_result_is_posted() {
        let bench = Bench::new();
        let (engine, id) = (&bench.engine, bench.asked().await);
        let request = engine.s.store.request_alone(id).await.unwrap().expect("it is there");
        let key = key(&request, 0, "which");
        let at = Some(engine.s.clock.now());
        let row = MessageRow::new(key.clone(), "C0OPS".to_owned());
        engine.s.store.save_message(&MessageRow { retry_at: at, render_again_at: at, ..row }).await.unwrap();
        engine.requests.let_obstacles_go(&request).await.unwrap();
        let row = engine.s.store.message(&key).await.unwrap().expect("it was written down");
        assert_eq!((row.retry_at, row.render_again_at), (None, None));
    }

    #[test]
    fn one_call_or_another_is_the_same_blocker_and_another_right_is_not() {
        let said = |right, call| {
            format!("the API token may not {right} (HTTP 403, E0000006, request {call}): grant it")
        };
        assert_eq!(fingerprint(&said("read users", "a1")), fingerprint(&said("read users", "b2")));
        assert_ne!(fingerprint(&said("read users", "a1")), fingerprint(&said("suspend users", "a1")));
        assert_ne!(fingerprint("what is said (7) first"), fingerprint("what is said (7) last"));
    }

    #[test]
    fn the_message_that_it_continues_ends_what_was_reported_before_it() {
        let rows = vec![
            row("00:aaaa", Some("1.1")),
            row("00:aaaa:to:U1", Some("1.2")),
            row("01:bbbb", Some("1.3")),
            row("01:over", None),
            row("02:aaaa", Some("1.5")),
        ];
        let told = Told::read("request:7:obstacle:", rows);
        assert_eq!((told.count, told.unsaid), (3, vec![1]));
        assert_eq!(told.open.iter().map(|(number, ..)| *number).collect::<Vec<_>>(), [2]);
    }
}
