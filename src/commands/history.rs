//! Looking back: the audit trail page by page, reports, and whether the trail holds.
//!
//! Everything here shows only what belongs to the policies in which the person holds the role, and the query itself
//! leaves the rest out.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::chat::{Block, Inbound, Text};
use crate::commands::asked::Asked;
use crate::commands::filters::{Filters, period_words, zone_of};
use crate::commands::{Answer, Commands};
use crate::domain::account::AccountId;
use crate::domain::audit::{AuditEvent, Person};
use crate::domain::date_range::{self, DateRange};
use crate::domain::ids::PolicyName;
use crate::domain::policy::Policy;
use crate::scheduler::Class;
use crate::services::WorkResult;
use crate::store::{ACCOUNTS_MAX, AuditQuery};
use crate::wording::history as wording;

/// Events on one page of `audit`.
const AUDIT_PAGE: u32 = 15;
/// The time that a report or a bundle is about unless somebody says so.
const PERIOD: &str = "90d";

/// From where on a page goes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    /// Only events before this number.
    pub(crate) before: Option<i64>,
    /// Only events after this number.
    pub(crate) after: Option<i64>,
}

/// A question with everything in it looked up.
pub(crate) struct AuditQuestion {
    pub(crate) filters: Filters,
    /// Without a limit: that is the asker's.
    pub(crate) query: AuditQuery,
    /// What was asked for, for people.
    pub(crate) in_words: Vec<String>,
}

impl Commands {
    /// The names of the policies that the person may ask about; `None` if those are all that there ever were: who may see
    /// all sees the bot's own events too. What policies did that are configured no more is for `admin`s of all others.
    pub(crate) async fn visible_names(
        &self,
        visible: &[&Policy],
        admin: bool,
    ) -> WorkResult<Option<Vec<PolicyName>>> {
        let names: Vec<PolicyName> = visible.iter().map(|policy| policy.name.clone()).collect();
        let whole = names.len() == self.s.policies.len()
            && (admin || self.s.store.known_policies().await?.iter().all(|name| names.contains(name)));
        Ok((!whole).then_some(names))
    }

    pub(crate) async fn audit(
        &self,
        asked: &Asked<'_>,
        words: &[String],
        cursor: Cursor,
    ) -> WorkResult<Answer> {
        let question = match self.question(asked, words).await? {
            Ok(question) => question,
            Err(text) => return Ok(Err(text)),
        };
        let (events, newer, older) = self.page(&question.query, cursor).await?;
        let line = |option: &str, seq: i64| page_line(&question.filters, option, seq);
        let page = wording::Page {
            newer: events.first().filter(|_| newer).map(|event| line("after", event.seq)),
            older: events.last().filter(|_| older).map(|event| line("before", event.seq)),
            events: &events,
            filters: &question.in_words,
        };
        Ok(Ok(wording::audit(&page)))
    }

    /// A page of events, newest first, and whether there are newer and older ones.
    async fn page(&self, query: &AuditQuery, cursor: Cursor) -> WorkResult<(Vec<AuditEvent>, bool, bool)> {
        let limit = AUDIT_PAGE + 1;
        if let Some(after) = cursor.after {
            let query = AuditQuery { after_seq: Some(after), limit, ..query.clone() };
            let mut events = self.s.store.audit_onward(query).await?;
            let fitting = wording::fitting(&events, AUDIT_PAGE as usize, self.s.chat.room());
            if events.len() > fitting {
                events.truncate(fitting);
                events.reverse();
                return Ok((events, true, true));
            }
            // The newest page is shown whole.
        }
        let before_seq = cursor.before.filter(|_| cursor.after.is_none());
        let mut events = self.s.store.audit(AuditQuery { before_seq, limit, ..query.clone() }).await?;
        let fitting = wording::fitting(&events, AUDIT_PAGE as usize, self.s.chat.room());
        let older = events.len() > fitting;
        events.truncate(fitting);
        Ok((events, before_seq.is_some(), older))
    }

    /// Reads a question and looks up the people that it names.
    pub(crate) async fn question(
        &self,
        asked: &Asked<'_>,
        words: &[String],
    ) -> WorkResult<Result<AuditQuestion, Text>> {
        let policies = asked.policies();
        let filters = match Filters::read(words, &policies, asked.at) {
            Ok(filters) => filters,
            Err(text) => return Ok(Err(text)),
        };
        let (about, accounts) = match &filters.person {
            Some(person) => match self.audited(asked, person).await? {
                Ok((about, accounts)) => (Some(about), accounts),
                Err(text) => return Ok(Err(text)),
            },
            None => (None, Vec::new()),
        };
        let by = match &filters.by {
            Some(by) => match self.chat_user_of(asked, by).await {
                Ok(id) => Some(id),
                Err(text) => return Ok(Err(text)),
            },
            None => None,
        };
        let zone = zone_of(&policies, filters.policy.as_deref());
        let in_words = filters.in_words(about.as_deref(), by.as_ref().map(|(_, name)| name.as_str()), zone);
        let query = AuditQuery {
            visible: self.visible_names(&policies, asked.is_admin()).await?,
            policy: filters.policy.clone(),
            accounts,
            request: filters.request,
            actions: filters.outcome.as_ref().map(|(_, actions)| actions.clone()).unwrap_or_default(),
            by: by.map(|(id, _)| id),
            since: filters.since,
            until: filters.until,
            before_seq: None,
            after_seq: None,
            limit: 0,
        };
        Ok(Ok(AuditQuestion { filters, query, in_words }))
    }

    /// The accounts of the trail that `person` names.
    async fn audited(
        &self,
        asked: &Asked<'_>,
        person: &str,
    ) -> WorkResult<Result<(String, Vec<AccountId>), Text>> {
        let address = match self.address_of(person).await {
            Ok(address) => address,
            Err(text) => return Ok(Err(text)),
        };
        let visible = self.visible_names(&asked.policies(), asked.is_admin()).await?;
        let mut accounts = self.s.store.audited_accounts(&address, visible).await?;
        if accounts.len() > ACCOUNTS_MAX {
            return Ok(Err(wording::too_many_accounts(&address, ACCOUNTS_MAX)));
        }
        if accounts.is_empty() {
            // An account that no event is about, so that nothing is found; without any, all would be.
            accounts.push(AccountId(address.clone()));
        }
        Ok(Ok((address, accounts)))
    }

    /// The chat system's id of the person who is meant, and what to call them.
    async fn chat_user_of(&self, asked: &Asked<'_>, by: &str) -> Result<(String, String), Text> {
        if by.eq_ignore_ascii_case("me") {
            return Ok((asked.person().id.clone(), "you".to_owned()));
        }
        if let Some(id) = by.strip_prefix("<@").and_then(|rest| rest.strip_suffix('>')) {
            let (id, name) = id.split_once('|').unwrap_or((id, id));
            return Ok((id.to_owned(), name.to_owned()));
        }
        let address = self.address_of(by).await?;
        if !address.contains('@') {
            // An id, such as an earlier answer or an export shows it.
            return Ok((address.clone(), address));
        }
        match self.s.chat.find_user(&address).await {
            Ok(Some(user)) => Ok((user.id, address)),
            Ok(None) => Err(wording::nobody_with_address(&address)),
            Err(error) => Err(wording::cant_find_person(&error.to_string())),
        }
    }

    /// The trend as numbers and as a picture, which follows.
    pub(crate) async fn report(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        words: &[String],
        inbound: &Inbound,
        here: Option<&str>,
    ) -> WorkResult<Answer> {
        let (name, _) = period_words(words);
        let policy = match asked.policy(self, name) {
            Ok((policy, _)) => policy,
            Err(text) => return Ok(Err(text)),
        };
        let period = match read_period(words, policy, asked.at) {
            Ok(period) => period,
            Err(text) => return Ok(Err(text)),
        };
        let Some(report) = self.reports.report_on(policy, period).await? else {
            return Ok(Err(wording::too_many_slices()));
        };
        let mut card = wording::report(&report);
        if !report.is_empty() {
            card.blocks.push(Block::Context(wording::picture_follows(here.is_some())));
            let (this, reply, channel) = (Arc::clone(self), inbound.reply.clone(), here.map(str::to_owned));
            let key = format!("report:{}", inbound.key);
            self.outbox.background(Class::Question, inbound.reply.clone(), async move {
                let posted = this.reports.post_report(&report, &key, &reply.user, channel.as_deref()).await;
                if let Err(error) = posted {
                    tracing::warn!(%error, "the picture of a report could not be posted");
                    this.outbox.send_ephemeral(reply, wording::picture_not_sent(&error.to_string()));
                }
                Ok(())
            });
        }
        Ok(Ok(card))
    }

    /// Up to where the trail holds.
    pub(crate) async fn verify(&self) -> WorkResult<Answer> {
        let Some(_one) = self.reports.report_lock() else { return Ok(Err(wording::busy())) };
        let verified = self.s.store.verify().await?;
        if let Some(seq) = verified.broken_at {
            tracing::error!(seq, "the audit trail is broken");
        }
        Ok(Ok(wording::verified(&verified)))
    }
}

impl Asked<'_> {
    /// Whether they are an admin of each policy that the answer is about.
    pub(crate) fn is_admin(&self) -> bool {
        self.granted.iter().all(|(_, principal)| principal.admin)
    }

    /// Who asks, as the chat system vouches for them.
    pub(crate) fn person(&self) -> &Person {
        let (_, principal) = self.granted.first().expect("the person who asks has the role somewhere");
        &principal.person
    }
}

/// The line that asks for another page of the same question: the value of a button.
pub(crate) fn page_line(filters: &Filters, option: &str, seq: i64) -> String {
    let filters = filters.line();
    let space = if filters.is_empty() { "" } else { " " };
    format!("audit{space}{filters} --{option} {seq}")
}

/// The period that the words of a report or a bundle name.
pub(crate) fn read_period(words: &[String], policy: &Policy, now: DateTime<Utc>) -> Result<DateRange, Text> {
    let (_, text) = period_words(words);
    let text = if text.is_empty() { PERIOD } else { &text };
    date_range::period(text, policy.schedule.zone, now).map_err(|misread| wording::misread(&misread))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tests::asked;

    use crate::domain::audit::{Action, Draft, Subject};

    use crate::engine::bench::{Bench, policy};
    use crate::store::AuditContext;

    /// An event about an account of its own; its number in the trail.
    async fn noted(bench: &Bench, number: usize) -> i64 {
        let id = AccountId(format!("00u{number}"));
        let event = Draft::by_bot(bench.engine.s.clock.now(), Action::Skipped, serde_json::Value::Null)
            .about(Subject { id, login: format!("p{number}@ext.example") });
        let context = AuditContext::of_policy("p");
        bench.engine.s.store.append(context, event).await.unwrap().seq
    }

    #[tokio::test]
    async fn pages_have_fifteen_events_and_say_whether_there_are_newer_and_older_ones() {
        let bench = Bench::new();
        let mut numbers = Vec::new();
        for number in 0..40 {
            numbers.push(noted(&bench, number).await);
        }
        let query = AuditQuery { actions: vec![Action::Skipped], ..AuditQuery::default() };
        // Events are counted from the oldest one, 0.
        for (before, after, shown, newer, older) in [
            (None, None, 25..40, false, true),
            (Some(25), None, 10..25, true, true),
            (Some(16), None, 1..16, true, true),
            (Some(15), None, 0..15, true, false),
            (Some(10), None, 0..10, true, false),
            (None, Some(9), 10..25, true, true),
            (None, Some(23), 24..39, true, true),
            (None, Some(24), 25..40, false, true),
            (None, Some(30), 25..40, false, true),
        ] {
            let number = |place: usize| numbers[place];
            let cursor = Cursor { before: before.map(number), after: after.map(number) };
            let (events, is_newer, is_older) = bench.engine.commands.page(&query, cursor).await.unwrap();
            let seen: Vec<i64> = events.iter().map(|event| event.seq).collect();
            let wanted: Vec<i64> = shown.rev().map(number).collect();
            assert_eq!((seen, is_newer, is_older), (wanted, newer, older), "{cursor:?}");
        }
    }

    #[tokio::test]
    async fn part_of_a_login_names_fifty_accounts_at_most() {
        let bench = Bench::new();
        let found = async || {
            let asked = asked(&bench.engine.s.policies, bench.engine.s.clock.now());
            bench
                .engine
                .commands
                .audited(&asked, "@ext.example")
                .await
                .unwrap()
                .map(|(_, accounts)| accounts.len())
        };
        for number in 0..ACCOUNTS_MAX {
            noted(&bench, number).await;
        }
        assert_eq!(found().await, Ok(50));
        noted(&bench, ACCOUNTS_MAX).await;
        assert!(found().await.is_err());
    }

    #[tokio::test]
    async fn a_question_is_repeated_in_the_zone_of_the_policy_that_it_names() {
        let mut berlin = Policy { name: "b".into(), ..policy() };
        berlin.schedule.zone = chrono_tz::Europe::Berlin;
        let bench = Bench::of(vec![policy(), berlin]);
        let asked = asked(&bench.engine.s.policies, bench.engine.s.clock.now());
        for (words, told) in [
            (["since", "2025-07-01", "policy", "p"], "since 1 Jul 2025, 00:00 UTC"),
            (["since", "2025-07-01", "policy", "b"], "since 1 Jul 2025, 00:00 CEST"),
        ] {
            let question = bench.engine.commands.question(&asked, &words.map(str::to_owned)).await.unwrap();
            assert_eq!(question.map(|question| question.in_words[0].clone()), Ok(told.to_owned()));
        }
    }
}
