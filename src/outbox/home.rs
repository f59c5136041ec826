//! The bot's page per person: the dashboard.
//!
//! Who has opened it is a row, with what was published last; the loop publishes what differs. A page is looked at again
//! when its person opens it or does something, and after a change for as long as somebody may still look at it. What it
//! shows follows from the person's rights at that moment: a person who lost them sees nothing more the next time it is
//! published, and its buttons are judged again when they are pressed.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use sha2::{Digest, Sha256};

use crate::authz;
use crate::authz::rights::Role;
use crate::chat::{Ack, ChatError, Home, Inbound};
use crate::domain::backoff;
use crate::domain::hash::hex;
use crate::domain::ids::PolicyName;
use crate::domain::person::{Denied, Principal};
use crate::domain::policy::Policy;
use crate::identity::IdentityProvider as _;
use crate::identity::watched::Watched;
use crate::outbox::Outbox;
use crate::services::{WorkResult, lock};
use crate::store::HomeRow;
use crate::wording::{home, problem_in_words};

/// A page that was opened within this time is kept fresh.
const KEPT_FRESH_FOR: Duration = Duration::days(1);
/// A person who opened it longer ago is forgotten, until they open it again.
const FORGOTTEN_AFTER: Duration = Duration::days(30);
/// One person's page changes at most this often, unless they ask for it.
const EACH_AT_MOST_EVERY: Duration = Duration::seconds(10);
/// Between two pages that nobody waits for: each needs a few look-ups, and Slack allows about 100 of those a minute.
const BETWEEN_PAGES: Duration = Duration::seconds(2);
/// A page that can't be published is given up after so many tries, until it is opened again.
const TRIES_MAX: u32 = 6;
/// The longest wait between two tries.
const RETRY_MAX: Duration = Duration::minutes(1);
/// However long the chat system asks to wait, it is asked again by then.
const RATE_LIMIT_MAX: Duration = Duration::minutes(10);
/// Decisions on the page.
const DECISIONS: u32 = 10;
/// Exemptions that end within this time are on the page.
const ENDING_WITHIN: Duration = Duration::days(14);

/// When a page is to be looked at.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Now,
    At(DateTime<Utc>),
    Never,
}

impl Outbox {
    /// The person opened the page: it is published for them in a moment.
    pub(crate) async fn home_opened(self: &Arc<Self>, inbound: &Inbound) -> WorkResult<Ack> {
        self.s.store.home_opened(&inbound.user, inbound.received_at).await?;
        self.s.nudge();
        Ok(Ack::Done)
    }

    /// A person who does anything may have other rights than when their page was published.
    pub(crate) async fn freshen_home_of(&self, user: &str) {
        match self.s.store.home_stale(user).await {
            Ok(true) => self.s.nudge(),
            Ok(false) => {}
            Err(error) => tracing::warn!(user, %error, "a page can't be freshened"),
        }
    }

    /// Whether some page is to be looked at, and when if not now.
    pub(crate) async fn homes_due(&self) -> WorkResult<bool> {
        let (now, seen) = (self.s.clock.now(), self.state_of_things().await?);
        let rows = self.s.store.homes(now - KEPT_FRESH_FOR).await?;
        Ok(rows.iter().any(|row| due(row, &seen, now) != Due::Never))
    }

    /// Publishes the pages that are due: all that somebody waits for, and one of the others. Returns when to go on.
    pub(crate) async fn publish_homes(&self) -> WorkResult<Option<DateTime<Utc>>> {
        let now = self.s.clock.now();
        let pace = *lock(&self.pace_of_pages);
        if let Some(at) = backoff::until(pace.paused_until, now) {
            return Ok(Some(at));
        }
        self.s.store.forget_homes(now - FORGOTTEN_AFTER).await?;
        let seen = self.state_of_things().await?;
        let mut next: Option<DateTime<Utc>> = None;
        for row in self.s.store.homes(now - KEPT_FRESH_FOR).await? {
            let waited_for = row.is_waited_for();
            let unasked_from = pace.unasked_from.filter(|at| *at > now && !waited_for);
            match (due(&row, &seen, now), unasked_from) {
                (Due::Never, _) => {}
                (Due::At(at), _) | (Due::Now, Some(at)) => next = next.into_iter().chain([at]).min(),
                (Due::Now, None) => {
                    // What is wrong with one page keeps no other waiting.
                    if let Err(error) = self.publish_to(row.clone(), &seen).await {
                        let error = ChatError::Unavailable(format!("{error:#}"));
                        self.put_page_off(row, &error).await?;
                    }
                    if let Some(at) = self.pause_after(waited_for) {
                        return Ok(Some(at));
                    }
                }
            }
        }
        Ok(next)
    }

    /// When to go on, if the page that was just looked at has to be the last one for now.
    fn pause_after(&self, waited_for: bool) -> Option<DateTime<Utc>> {
        let now = self.s.clock.now();
        let mut pace = lock(&self.pace_of_pages);
        if !waited_for {
            pace.unasked_from = Some(now + BETWEEN_PAGES);
        }
        let unasked = pace.unasked_from.filter(|_| !waited_for);
        backoff::until(pace.paused_until, now).or(unasked)
    }

    /// What a page is made of, apart from its person's rights: a change of it has each page looked at again.
    async fn state_of_things(&self) -> WorkResult<String> {
        let events = self.s.store.last_event().await?;
        let chat = *self.s.connection.borrow();
        let problem = |one: &Watched| {
            let in_words = |problem| problem_in_words(&problem, one.terms());
            one.last_answer().map(|last| last.problem.map(in_words))
        };
        let problems = self.s.providers.all().map(|(_, one)| problem(one));
        Ok(format!("{events} {chat:?} {:?}", problems.collect::<Vec<_>>()))
    }

    async fn publish_to(&self, mut row: HomeRow, seen: &str) -> WorkResult<()> {
        let asked = row.asked;
        let (page, mut sure) = self.page_for(&row.user).await?;
        let epoch = self.s.store.lineage().database.epoch;
        let mut shown = digest(&page, epoch);
        if row.shown.as_ref() != Some(&shown) {
            let mut published = self.s.chat.publish_home(&row.user, &page).await;
            if let (Err(ChatError::Content(_)), Some(plainer)) = (&published, page.without_pictures()) {
                // A picture may not be ready yet: the page goes without it, and is looked at again soon.
                sure &= !self.reports.pictures_refused(&page.blocks);
                published = self.s.chat.publish_home(&row.user, &plainer).await;
                shown = digest(&plainer, epoch);
            }
            let published = match published {
                Err(ChatError::Content(why)) => {
                    tracing::error!(
                        user = row.user,
                        why,
                        "a page was refused; publishing a plain one instead"
                    );
                    self.s.chat.publish_home(&row.user, &home::plain()).await
                }
                published => published,
            };
            if let Err(error) = published {
                return self.put_page_off(row, &error).await;
            }
            row.published_at = Some(self.s.clock.now());
        }
        row.shown = Some(shown);
        row.answered = asked;
        // Rights that could not be established are looked up again, and pictures that were not ready shown.
        row.seen = sure.then(|| seen.to_owned());
        (row.retry_at, row.attempts) = (None, 0);
        if !sure {
            row.retry_at = Some(self.s.clock.now() + EACH_AT_MOST_EVERY);
        }
        self.s.store.save_home(&row).await?;
        Ok(())
    }

    async fn put_page_off(&self, mut row: HomeRow, error: &ChatError) -> WorkResult<()> {
        let now = self.s.clock.now();
        if let ChatError::RateLimited(wait) = error {
            let wait = Duration::from_std(*wait).unwrap_or(RATE_LIMIT_MAX).min(RATE_LIMIT_MAX);
            lock(&self.pace_of_pages).paused_until = Some(now + wait);
            return Ok(());
        }
        row.attempts += 1;
        tracing::warn!(user = row.user, attempts = row.attempts, %error, "a page could not be published");
        // What stands there isn't known any more.
        row.shown = None;
        row.retry_at = Some(now + backoff::doubled(Duration::seconds(1), row.attempts, RETRY_MAX));
        if row.attempts >= TRIES_MAX {
            (row.answered, row.retry_at) = (row.asked, Some(now + KEPT_FRESH_FOR));
        }
        self.s.store.save_home(&row).await?;
        Ok(())
    }

    /// The page as the person may see it now, and whether all their rights could be established.
    async fn page_for(&self, user: &str) -> WorkResult<(Home, bool)> {
        let (mut visible, mut unsure): (Vec<(&Policy, Principal)>, _) = (Vec::new(), false);
        for policy in &self.s.policies {
            match authz::identify(&self.authz, policy, user).await {
                Ok(principal) if Role::Viewer.held_by(&principal) => visible.push((policy, principal)),
                Ok(_) | Err(Denied::NotInChannel(..)) => {}
                Err(Denied::Outsider(..)) => return Ok((home::nothing_to_see(&self.whom_to_ask()), true)),
                Err(Denied::CantTell(why)) => {
                    tracing::warn!(user, why, "the rights of a person can't be established for their page");
                    unsure = true;
                }
            }
        }
        Ok(match (visible.is_empty(), unsure) {
            (true, true) => (home::cant_tell(), false),
            (true, false) => (home::nothing_to_see(&self.whom_to_ask()), true),
            (false, _) => (self.dashboard(&visible, unsure).await?, !unsure),
        })
    }

    /// The admins that the configuration names: they can give rights, or know who can.
    fn whom_to_ask(&self) -> Vec<String> {
        let mut admins: Vec<String> = Vec::new();
        for user in self.s.policies.iter().flat_map(|policy| &policy.admins.users) {
            if !admins.contains(user) {
                admins.push(user.clone());
            }
        }
        admins
    }

    async fn dashboard(&self, visible: &[(&Policy, Principal)], unsure: bool) -> WorkResult<Home> {
        let now = self.s.clock.now();
        let policies: Vec<&Policy> = visible.iter().map(|(policy, _)| *policy).collect();
        let names: Vec<PolicyName> = policies.iter().map(|policy| policy.name.clone()).collect();
        let mut ending = self.s.store.open_exemptions(names.clone(), now).await?;
        ending.retain(|granted| granted.in_force(now) && granted.ends_at - now <= ENDING_WITHIN);
        let mut trends = Vec::new();
        for policy in policies.iter().take(home::TRENDS_MAX) {
            trends.extend(self.reports.trend(policy).await?);
        }
        let view = home::HomeView {
            trends,
            health: &self.reports.health().await,
            policies: &self.reports.policy_statuses(&policies).await?,
            roles: visible.iter().map(|(_, principal)| principal).collect(),
            ending: &ending,
            decisions: &self.s.store.recent_decisions(names, DECISIONS).await?,
            unsure,
            now,
        };
        Ok(home::dashboard(&view))
    }
}

fn due(row: &HomeRow, seen: &str, now: DateTime<Utc>) -> Due {
    if let Some(at) = backoff::until_within(row.retry_at, KEPT_FRESH_FOR + backoff::LONGEST, now) {
        return Due::At(at);
    }
    if row.is_waited_for() {
        return Due::Now;
    }
    if row.seen.as_deref() == Some(seen) {
        return Due::Never;
    }
    match row.published_at.map(|at| at + EACH_AT_MOST_EVERY).filter(|at| *at > now) {
        Some(at) => Due::At(at),
        None => Due::Now,
    }
}

/// Returns a fingerprint of a page. Its buttons are of one epoch of the database; those of the first name none.
fn digest(page: &Home, epoch: i64) -> String {
    let epoch = if epoch > 1 { epoch.to_string() } else { String::new() };
    hex(&Sha256::digest(format!("{page:?}{epoch}")))[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::bench::Bench;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn published(seen: Option<&str>) -> HomeRow {
        HomeRow {
            user: "U1".to_owned(),
            opened_at: at(0),
            asked: 2,
            answered: 2,
            seen: seen.map(str::to_owned),
            shown: Some("x".to_owned()),
            published_at: Some(at(100)),
            retry_at: None,
            attempts: 0,
        }
    }

    #[test]
    fn a_page_is_looked_at_after_a_change_but_not_too_often_and_at_once_for_anyone_who_waits() {
        assert_eq!(due(&published(Some("7")), "7", at(500)), Due::Never);
        assert_eq!(due(&published(Some("7")), "8", at(500)), Due::Now);
        assert_eq!(due(&published(Some("7")), "8", at(104)), Due::At(at(110)));
        assert_eq!(due(&published(Some("7")), "8", at(110)), Due::Now);
        assert_eq!(due(&published(None), "7", at(500)), Due::Now);
        let waited_for = HomeRow { asked: 3, ..published(Some("7")) };
        assert_eq!(due(&waited_for, "7", at(104)), Due::Now);
        let put_off = HomeRow { retry_at: Some(at(600)), ..waited_for };
        assert_eq!(due(&put_off, "7", at(500)), Due::At(at(600)));
        let given_up = HomeRow { retry_at: Some(at(500) + KEPT_FRESH_FOR), ..put_off.clone() };
        assert_eq!(due(&given_up, "7", at(500)), Due::At(at(500) + KEPT_FRESH_FOR));
        // The clock was put back: nothing is put off for that long.
        assert_eq!(due(&put_off, "7", at(599) - KEPT_FRESH_FOR - backoff::LONGEST), Due::Now);
    }

    #[tokio::test]
    async fn unasked_pages_come_one_after_the_other_and_those_that_are_waited_for_at_once() {
        let bench = Bench::new();
        let (engine, now) = (&bench.engine, bench.engine.s.clock.now());
        assert!(!engine.outbox.homes_due().await.unwrap(), "nobody has opened theirs");
        assert_eq!(engine.outbox.pause_after(true), None);
        assert_eq!(lock(&engine.outbox.pace_of_pages).unasked_from, None, "it was nobody else's turn");
        let next = engine.outbox.pause_after(false).expect("the next one waits");
        assert!((BETWEEN_PAGES..BETWEEN_PAGES * 2).contains(&(next - now)), "{next}");
        assert_eq!(engine.outbox.pause_after(true), None);
        // Nobody's rights are looked up for a page whose turn it isn't.
        let row = HomeRow { user: "U1".to_owned(), opened_at: now, answered: 1, ..published(None) };
        engine.s.store.home_opened("U1", now).await.unwrap();
        engine.s.store.save_home(&HomeRow { published_at: None, ..row }).await.unwrap();
        lock(&engine.outbox.pace_of_pages).unasked_from = Some(now + Duration::minutes(1));
        assert_eq!(engine.outbox.publish_homes().await.unwrap(), Some(now + Duration::minutes(1)));
        engine.s.store.home_opened("U1", now).await.unwrap();
        let waited_for = tokio::spawn({
            let engine = std::sync::Arc::clone(engine);
            async move { engine.outbox.publish_homes().await.map(drop) }
        });
        assert!(waited_for.await.unwrap_err().is_panic(), "somebody was asked who U1 is");
        let wait = std::time::Duration::from_secs(30);
        let limited = ChatError::RateLimited(wait);
        engine.outbox.put_page_off(published(None), &limited).await.unwrap();
        let until = lock(&engine.outbox.pace_of_pages).paused_until.expect("all pages wait");
        assert!(until - now >= Duration::seconds(30) && until - now < Duration::seconds(60), "{until}");
        assert_eq!(engine.outbox.pause_after(true), Some(until));
        assert_eq!(engine.outbox.publish_homes().await.unwrap(), Some(until));
    }

    #[tokio::test]
    async fn a_page_that_can_not_be_published_is_tried_again_and_given_up_for_a_day() {
        let bench = Bench::new();
        let (engine, now) = (&bench.engine, bench.engine.s.clock.now());
        engine.s.store.home_opened("U1", now).await.unwrap();
        let gone = ChatError::Unavailable("down".to_owned());
        let stored = async || engine.s.store.homes(now - KEPT_FRESH_FOR).await.unwrap().remove(0);
        let mut row = HomeRow { asked: 1, answered: 0, opened_at: now, ..published(Some("7")) };
        for tries in 1..=TRIES_MAX {
            engine.outbox.put_page_off(row, &gone).await.unwrap();
            row = stored().await;
            assert_eq!((row.attempts, row.shown.as_deref()), (tries, None));
            let wait = row.retry_at.expect("it is tried again") - engine.s.clock.now();
            let (least, most) = if tries < TRIES_MAX {
                assert!(row.is_waited_for());
                (Duration::milliseconds(500), RETRY_MAX)
            } else {
                (KEPT_FRESH_FOR - Duration::minutes(1), KEPT_FRESH_FOR)
            };
            assert!((least..=most).contains(&wait), "after {tries}: {wait}");
        }
        assert!(!row.is_waited_for(), "until it is opened again");
    }
}
