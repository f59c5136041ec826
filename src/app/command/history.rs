//! Looking back: the audit trail page by page, reports, and whether the trail holds.
//!
//! Everything here shows only what belongs to the policies in which the person holds the role, and the query itself
//! leaves the rest out.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::super::App;
use super::super::wording::history as wording;
use super::filters::{Filters, period_words};
use super::{Answer, Asked};
use crate::chat::{Block, Inbound, Text};
use crate::domain::account::AccountId;
use crate::domain::audit::{AuditEvent, Person};
use crate::domain::policy::Policy;
use crate::domain::report::{self, Listing, Report};
use crate::domain::when::{self, Period};
use crate::store::{ACCOUNTS_MAX, AuditQuery, SweepRow, SweepState};

/// Events on one page of `audit`.
const AUDIT_PAGE: u32 = 15;
/// The time that a report or a bundle is about unless somebody says so.
const PERIOD: &str = "90d";

/// From where on a page goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    /// Only events before this number.
    pub(super) before: Option<i64>,
    /// Only events after this number.
    pub(super) after: Option<i64>,
}

/// A question with everything in it looked up.
pub(super) struct Question {
    pub(super) filters: Filters,
    /// Without a limit: that is the asker's.
    pub(super) query: AuditQuery,
    /// What was asked for, for people.
    pub(super) in_words: Vec<String>,
}

impl App {
    /// The names of the policies that the person may ask about; `None` if those are all that there ever were: who may see
    /// all sees the bot's own events too. What policies did that are configured no more is for `admin`s of all others.
    pub(super) async fn visible_names(
        &self,
        visible: &[&Policy],
        admin: bool,
    ) -> anyhow::Result<Option<Vec<String>>> {
        let names: Vec<String> = visible.iter().map(|policy| policy.name.clone()).collect();
        let whole = names.len() == self.policies.len()
            && (admin || self.store.known_policies().await?.iter().all(|name| names.contains(name)));
        Ok((!whole).then_some(names))
    }

    pub(super) async fn audit(
        &self,
        asked: &Asked<'_>,
        words: &[String],
        cursor: Cursor,
    ) -> anyhow::Result<Answer> {
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
    async fn page(
        &self,
        query: &AuditQuery,
        cursor: Cursor,
    ) -> anyhow::Result<(Vec<AuditEvent>, bool, bool)> {
        let limit = AUDIT_PAGE + 1;
        if let Some(after) = cursor.after {
            let query = AuditQuery { after_seq: Some(after), limit, ..query.clone() };
            let mut events = self.store.audit_onward(query).await?;
            let fitting = wording::fitting(&events, AUDIT_PAGE as usize);
            if events.len() > fitting {
                events.truncate(fitting);
                events.reverse();
                return Ok((events, true, true));
            }
            // The newest page is shown whole.
        }
        let before_seq = cursor.before.filter(|_| cursor.after.is_none());
        let mut events = self.store.audit(AuditQuery { before_seq, limit, ..query.clone() }).await?;
        let fitting = wording::fitting(&events, AUDIT_PAGE as usize);
        let older = events.len() > fitting;
        events.truncate(fitting);
        Ok((events, before_seq.is_some(), older))
    }

    /// Reads a question and looks up whom it names.
    pub(super) async fn question(
        &self,
        asked: &Asked<'_>,
        words: &[String],
    ) -> anyhow::Result<Result<Question, Text>> {
        let policies = asked.policies();
        let filters = match Filters::read(words, &policies, asked.at) {
            Ok(filters) => filters,
            Err(text) => return Ok(Err(text)),
        };
        let (whom, accounts) = match &filters.person {
            Some(person) => match self.audited(asked, person).await? {
                Ok((whom, accounts)) => (Some(whom), accounts),
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
        let zone =
            policies.iter().find(|policy| filters.policy.as_ref().is_none_or(|name| policy.name == *name));
        let zone = zone.map_or(chrono_tz::UTC, |policy| policy.schedule.zone);
        let in_words = filters.in_words(whom.as_deref(), by.as_ref().map(|(_, name)| name.as_str()), zone);
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
        Ok(Ok(Question { filters, query, in_words }))
    }

    /// The accounts of the trail that `person` names.
    async fn audited(
        &self,
        asked: &Asked<'_>,
        person: &str,
    ) -> anyhow::Result<Result<(String, Vec<AccountId>), Text>> {
        let address = match self.address_of(person).await {
            Ok(address) => address,
            Err(text) => return Ok(Err(text)),
        };
        let visible = self.visible_names(&asked.policies(), asked.is_admin()).await?;
        let mut accounts = self.store.audited_accounts(&address, visible).await?;
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
        match self.chat.find_user(&address).await {
            Ok(Some(user)) => Ok((user.id, address)),
            Ok(None) => Err(wording::nobody_with_address(&address)),
            Err(error) => Err(wording::cant_find_person(&error.to_string())),
        }
    }

    /// The trend as numbers and as a picture, which follows.
    pub(super) async fn report(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        words: &[String],
        inbound: &Inbound,
        here: Option<&str>,
    ) -> anyhow::Result<Answer> {
        let (name, _) = period_words(words);
        let policy = match asked.policy(self, name) {
            Ok((policy, _)) => policy,
            Err(text) => return Ok(Err(text)),
        };
        let period = match read_period(words, policy, asked.at) {
            Ok(period) => period,
            Err(text) => return Ok(Err(text)),
        };
        let Some(report) = self.report_on(policy, period).await? else {
            return Ok(Err(wording::too_many_slices()));
        };
        let mut card = wording::report(&report);
        if !report.is_empty() {
            card.blocks.push(Block::Context(wording::picture_follows(here.is_some())));
            let (app, reply, channel) = (Arc::clone(self), inbound.reply.clone(), here.map(str::to_owned));
            let key = format!("report:{}", inbound.key);
            self.background(inbound.reply.clone(), async move {
                let posted = app.post_report(&report, &key, &reply.user, channel.as_deref()).await;
                if let Err(error) = posted {
                    tracing::warn!(%error, "the picture of a report could not be posted");
                    app.whisper(reply, wording::picture_not_sent(&error.to_string()));
                }
                Ok(())
            });
        }
        Ok(Ok(card))
    }

    /// The numbers of a policy in a period. `None`: the period is too long to be told slice by slice.
    pub(in super::super) async fn report_on(
        &self,
        policy: &Policy,
        period: Period,
    ) -> anyhow::Result<Option<Report>> {
        let Some((step, slices)) = report::slices(period, policy.schedule.zone) else {
            return Ok(None);
        };
        let mut told = Vec::new();
        for (day, slice) in slices {
            let tally = self.store.tally(&policy.name, slice.since, slice.until).await?;
            told.push((day, slice, tally));
        }
        let sweeps = self.store.sweeps_between(&policy.name, period.since, period.until).await?;
        let listings: Vec<Listing> = sweeps.iter().filter_map(listing).collect();
        Ok(Some(Report::new(&policy.name, policy.schedule.zone, period, step, told, &listings)))
    }

    /// The right to do something that takes much memory or many turns of the database: one at a time.
    pub(super) fn heavy_work(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        self.runtime.heavy_work.try_lock().ok()
    }

    /// Up to where the trail holds.
    pub(super) async fn verify(&self) -> anyhow::Result<Answer> {
        let Some(_one) = self.heavy_work() else { return Ok(Err(wording::busy())) };
        let verified = self.store.verify().await?;
        if let Some(seq) = verified.broken_at {
            tracing::error!(seq, "the audit trail is broken");
        }
        Ok(Ok(wording::verified(&verified)))
    }
}

impl Asked<'_> {
    /// Whether they are an admin of each policy that the answer is about.
    pub(super) fn is_admin(&self) -> bool {
        self.granted.iter().all(|(_, known)| known.voter.admin)
    }

    /// Who asks, as the chat system vouches for them.
    pub(super) fn person(&self) -> &Person {
        let (_, known) = self.granted.first().expect("whoever asks holds the role somewhere");
        &known.voter.person
    }
}

/// The line that asks for another page of the same question: the value of a button.
pub(super) fn page_line(filters: &Filters, option: &str, seq: i64) -> String {
    let filters = filters.line();
    let space = if filters.is_empty() { "" } else { " " };
    format!("audit{space}{filters} --{option} {seq}")
}

/// The period that the words of a report or a bundle name.
pub(super) fn read_period(words: &[String], policy: &Policy, now: DateTime<Utc>) -> Result<Period, Text> {
    let (_, text) = period_words(words);
    let text = if text.is_empty() { PERIOD } else { &text };
    when::period(text, policy.schedule.zone, now).map_err(|misread| wording::misread(&misread))
}

/// What a sweep found, unless a guard thinks that its listing was not whole.
fn listing(sweep: &SweepRow) -> Option<Listing> {
    match &sweep.state {
        SweepState::Finished { counts, .. } if sweep.state.word() == "finished" => Some(Listing {
            at: sweep.started_at,
            contractors: counts.population.saturating_sub(counts.other_type),
            inactive: counts.candidates + counts.waiting,
        }),
        SweepState::Finished { .. } | SweepState::Started | SweepState::Failed { .. } => None,
    }
}
