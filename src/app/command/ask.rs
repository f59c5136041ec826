//! Questions: they change nothing, here or anywhere.

use chrono::{DateTime, Duration, Utc};

use super::super::late::is_late;
use super::super::survey::{Keep, fresh_standing, survey};
use super::super::wording::{accounts, answers, backlog, days_off, refusals};
use super::super::{App, lock, messages, requests};
use super::{Answer, Asked};
use crate::chat::{Card, MessageRef, Text};
use crate::domain::account::{Account, AccountId};
use crate::domain::assess::{Standing, assess};
use crate::domain::audit::AuditEvent;
use crate::domain::candidate::CandidateState;
use crate::domain::plan::{Plan, Verdict};
use crate::domain::policy::Policy;
use crate::domain::request::Request;
use crate::domain::schedule;
use crate::store::{AuditQuery, SweepRow, SweepState};

/// Events in the answer to `why`.
const WHY_EVENTS: u32 = 5;

/// For so long a preview is shown again while the audit trail has nothing new.
const PREVIEW_HOLDS: Duration = Duration::minutes(1);

/// A plan that was shown.
pub(in super::super) struct Preview {
    policy: String,
    /// The last event when it was made.
    head: i64,
    at: DateTime<Utc>,
    plan: Plan,
}

impl Preview {
    fn holds(&self, head: i64, now: DateTime<Utc>) -> bool {
        self.head == head && now >= self.at && now - self.at < PREVIEW_HOLDS
    }
}

impl App {
    pub(super) async fn status(&self, visible: &[&Policy]) -> anyhow::Result<Card> {
        let policies = self.policy_statuses(visible).await?;
        Ok(answers::status(env!("CARGO_PKG_VERSION"), &policies, &self.health().await, self.clock.now()))
    }

    /// Where each policy stands.
    pub(in super::super) async fn policy_statuses<'a>(
        &self,
        visible: &[&'a Policy],
    ) -> anyhow::Result<Vec<answers::PolicyStatus<'a>>> {
        let now = self.clock.now();
        let open = self.open_requests(visible).await?;
        let waiting = self.store.open_requests(None).await?;
        let mut policies = Vec::new();
        for policy in visible.iter().copied() {
            let last = self.store.last_sweep(&policy.name).await?;
            let known = self.store.know_policy(&policy.name, now).await?;
            policies.push(answers::PolicyStatus {
                policy,
                last_sweep: last.map(|sweep| {
                    let late =
                        if is_late(&sweep, policy, now) { ", and should have ended by now" } else { "" };
                    (sweep.started_at, outcome(&sweep) + late)
                }),
                listing: self.listing_under_way(&policy.name),
                next_slot: schedule::next_slot(&policy.schedule, now),
                live: known
                    .live_rule
                    .is_some_and(|live| policy.rule.only_narrows(&live.without_bygone_holidays(now))),
                paused: self.store.pause_of(&policy.name).await?,
                days_off: days_off::notes(policy, now),
                backlog: backlog(
                    waiting
                        .iter()
                        .filter(|(request, _)| request.policy == policy.name)
                        .flat_map(|(_, candidates)| candidates)
                        .filter(|candidate| candidate.state == CandidateState::Proposed),
                ),
                open: open.iter().filter(|(request, _)| request.policy == policy.name).cloned().collect(),
            });
        }
        Ok(policies)
    }

    /// How what the bot depends on is doing.
    pub(in super::super) async fn health(&self) -> answers::Health {
        let chat = *self.connection.borrow();
        let identity = lock(&self.runtime.identity_health).clone();
        answers::Health {
            chat,
            identity,
            database: self.store.health().await.map_err(|error| error.to_string()),
            behind: self.behind().await,
        }
    }

    /// The collectors that lack more of the audit trail than they should. A database that can't say so is said beside it.
    async fn behind(&self) -> Vec<crate::forward::Behind> {
        self.store.collectors_behind(self.clock.now() - crate::forward::BEHIND_MAX).await.unwrap_or_default()
    }

    async fn open_requests(&self, visible: &[&Policy]) -> anyhow::Result<Vec<(Request, Option<MessageRef>)>> {
        let mut open = Vec::new();
        for (request, _) in self.store.open_requests(None).await? {
            if visible.iter().any(|policy| policy.name == request.policy) {
                let card = self.store.message(&requests::card_key(request.id)).await?;
                open.push((request, card.as_ref().and_then(messages::reference)));
            }
        }
        Ok(open)
    }

    pub(super) async fn pending(&self, visible: &[&Policy]) -> anyhow::Result<Card> {
        Ok(answers::pending(&self.open_requests(visible).await?))
    }

    pub(super) async fn preview(
        &self,
        asked: &Asked<'_>,
        policy: Option<&str>,
        page: usize,
    ) -> anyhow::Result<Answer> {
        let policy = match asked.policy(self, policy) {
            Ok((policy, _)) => policy,
            Err(text) => return Ok(Err(text)),
        };
        // One at a time, and none while nothing has happened since the last: each reads the whole directory.
        let mut last = self.runtime.preview.lock().await;
        let head = self.store.audit_head().await?.map_or(0, |(seq, _)| seq);
        let now = self.clock.now();
        if let Some(kept) = last.as_ref().filter(|kept| kept.policy == policy.name && kept.holds(head, now)) {
            let mut card = answers::preview(policy, &kept.plan, page, kept.at);
            card.blocks.push(answers::read_at(kept.at));
            return Ok(Ok(card));
        }
        *last = None;
        Ok(match survey(self, policy, Keep::Everybody, now).await {
            Ok(survey) => {
                let card = answers::preview(policy, &survey.plan, page, now);
                *last = Some(Preview { policy: policy.name.clone(), head, at: now, plan: survey.plan });
                Ok(card)
            }
            Err(error) => Err(Text::plain("The preview failed: ").sentence(format!("{error:#}"))),
        })
    }

    /// A plan is large, so that it is not kept for longer than it holds.
    pub(in super::super) fn forget_preview(&self) {
        if let Ok(mut last) = self.runtime.preview.try_lock() {
            let now = self.clock.now();
            *last = last.take().filter(|kept| kept.holds(kept.head, now));
        }
    }

    pub(in super::super) async fn why(&self, visible: &[&Policy], person: &str) -> anyhow::Result<Answer> {
        let found = match self.account_of(visible, person).await? {
            Ok(found) => found,
            Err(text) => return Ok(Err(text)),
        };
        // Of everybody else in the directory this bot tells nothing.
        let Some((policy, account)) = found.filter(|(policy, account)| account.is_of(&policy.rule.user_type))
        else {
            return Ok(Err(refusals::no_account_of_yours(person)));
        };
        let now = self.clock.now();
        let since = self.look_from(&account.id, now).await?;
        let fresh = self.identity.look(&account.id, &policy.rule, since).await;
        let (account, standing) = match fresh {
            Ok(fresh) => {
                let standing = fresh_standing(self, policy, &fresh, now).await?;
                (fresh.account, standing)
            }
            Err(error) => {
                return Ok(Err(
                    Text::plain("I can't read that account from Okta now: ").sentence(error.to_string())
                ));
            }
        };
        self.explain(visible, policy, &account, &standing).await.map(Ok)
    }

    /// The open request that asks about the account, if the person may know of it.
    pub(super) async fn waiting_in(
        &self,
        visible: &[&Policy],
        account: &AccountId,
    ) -> anyhow::Result<Option<i64>> {
        let waiting = self.store.waiting(vec![account.clone()]).await?;
        let Some(id) = waiting.get(account).copied() else { return Ok(None) };
        let request = self.store.request(id).await?;
        let seen = |request: &Request| visible.iter().any(|policy| policy.name == request.policy);
        Ok(request.filter(|(request, _)| seen(request)).map(|_| id))
    }

    async fn explain(
        &self,
        visible: &[&Policy],
        policy: &Policy,
        account: &Account,
        standing: &Standing,
    ) -> anyhow::Result<Card> {
        let now = self.clock.now();
        let waiting = self.waiting_in(visible, &account.id).await?;
        let query = AuditQuery {
            visible: self.visible_names(visible, false).await?,
            accounts: vec![account.id.clone()],
            ..AuditQuery::latest(WHY_EVENTS + 1)
        };
        let mut history: Vec<AuditEvent> = self.store.audit(query).await?;
        let more_history = history.len() > WHY_EVENTS as usize;
        history.truncate(WHY_EVENTS as usize);
        let mut exemptions = self.store.exemptions_of(&account.id).await?;
        exemptions.retain(|granted| visible.iter().any(|policy| policy.name == granted.policy));
        let why = answers::Why {
            account,
            standing,
            policy,
            assessment: &assess(account, standing, &policy.rule, now),
            waiting_in: waiting,
            next_slot: schedule::next_slot(&policy.schedule, now),
            exemptions: &exemptions,
            history: &history,
            more_history,
        };
        Ok(answers::why(&why, now))
    }
}

/// What came of a sweep, as a phrase.
pub(in super::super) fn outcome(sweep: &SweepRow) -> String {
    match &sweep.state {
        SweepState::Started => "still running".into(),
        SweepState::Failed { error, .. } => format!("failed: {error}"),
        SweepState::Finished { verdict, counts, .. } => match verdict {
            Verdict::NoCandidates => {
                format!("nobody to ask about; {} checked", accounts(counts.population as usize))
            }
            Verdict::Ask => {
                format!("asked about {} of {}", counts.candidates, accounts(counts.population as usize))
            }
            Verdict::Preview => {
                format!("previewed {} of {}", counts.candidates, accounts(counts.population as usize))
            }
            Verdict::Held(_) => format!("held by a guard with {}", accounts(counts.candidates as usize)),
            Verdict::Refused(_) => "stopped by a guard".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::command::tests::{account, approver};
    use crate::app::tests::{Bench, policy, shown};
    use crate::domain::audit::{Action, Actor, Draft, Subject};
    use crate::domain::candidate::Shown;
    use crate::domain::exemption::Wish;
    use crate::domain::plan::Counts;
    use crate::store::AuditContext;

    fn preview(head: i64, at: DateTime<Utc>) -> Preview {
        let plan = Plan { assessed: Vec::new(), counts: Counts::default(), verdict: Verdict::NoCandidates };
        Preview { policy: "p".to_owned(), head, at, plan }
    }

    #[test]
    fn a_preview_is_shown_again_within_a_minute_unless_something_happened() {
        let at: DateTime<Utc> = "2026-10-14T12:00:00Z".parse().unwrap();
        let preview = preview(7, at);
        let almost = at + Duration::minutes(1) - Duration::milliseconds(1);
        assert!(preview.holds(7, at) && preview.holds(7, almost));
        assert!(!preview.holds(7, at + Duration::minutes(1)));
        assert!(!preview.holds(8, at) && !preview.holds(7, at - Duration::seconds(1)));
    }

    #[tokio::test]
    async fn a_preview_is_kept_for_no_longer_than_it_is_shown() {
        let bench = Bench::new();
        let (app, now) = (&bench.app, bench.app.clock.now());
        for (ago, kept) in [(Duration::seconds(1), true), (Duration::minutes(1), false)] {
            *app.runtime.preview.lock().await = Some(preview(7, now - ago));
            app.forget_preview();
            assert_eq!(app.runtime.preview.lock().await.is_some(), kept, "{ago}");
        }
    }

    #[tokio::test]
    async fn the_status_of_a_policy_has_its_own_requests_and_backlog() {
        let bench = Bench::of(vec![policy(), Policy { name: "q".to_owned(), ..policy() }]);
        let app = &bench.app;
        let again = Shown { pending_sweeps: 2, ..shown(app.clock.now()) };
        let request = bench.asking(vec![again]).await;
        let statuses = app.policy_statuses(&app.policies.iter().collect::<Vec<_>>()).await.unwrap();
        let said = |status: &answers::PolicyStatus| {
            let open: Vec<i64> = status.open.iter().map(|(request, _)| request.id).collect();
            (status.policy.name.clone(), open, status.backlog.clone())
        };
        let backlog = "1 of these accounts has been pending for 2 sweeps.".to_owned();
        assert_eq!(
            statuses.iter().map(said).collect::<Vec<_>>(),
            [("p".to_owned(), vec![request], Some(backlog)), ("q".to_owned(), vec![], None)]
        );
    }

    async fn noted(app: &App, policy: &str) {
        let account = account();
        let event = Draft {
            at: app.clock.now(),
            actor: Actor::System,
            action: Action::Skipped,
            subject: Some(Subject { id: account.id, login: account.login }),
            detail: serde_json::Value::Null,
        };
        let context = AuditContext { policy: Some(policy.to_owned()), ..AuditContext::default() };
        app.store.append(context, event).await.unwrap();
    }

    #[tokio::test]
    async fn a_collector_is_behind_once_it_lacks_an_event_for_two_minutes() {
        let bench = Bench::new();
        let app = &bench.app;
        app.store.set_collectors(vec![("siem".to_owned(), false)]).await.unwrap();
        noted(app, "p").await;
        assert_eq!(app.behind().await.len(), 0, "it is being sent");
        app.clock.advance(Duration::minutes(2) + Duration::milliseconds(1));
        assert_eq!(app.behind().await.len(), 1);
    }

    /// The answer to an approver of the first policy.
    async fn explained(app: &App) -> String {
        let policy = &app.policies[0];
        format!("{:?}", app.explain(&[policy], policy, &account(), &Standing::plain()).await.unwrap())
    }

    #[tokio::test]
    async fn why_tells_the_last_five_events_and_where_more_are() {
        let bench = Bench::new();
        for _ in 0..5 {
            noted(&bench.app, "p").await;
        }
        let told = |answer: &str| (answer.matches("left alone").count(), answer.contains("Whole history"));
        assert_eq!(told(&explained(&bench.app).await), (5, false));
        noted(&bench.app, "p").await;
        assert_eq!(told(&explained(&bench.app).await), (5, true));
    }

    #[tokio::test]
    async fn why_tells_nothing_of_a_policy_that_the_person_may_not_ask_about() {
        let bench = Bench::of(vec![policy(), Policy { name: "q".to_owned(), ..policy() }]);
        let (app, now, account) = (&bench.app, bench.app.clock.now(), account());
        for (policy, reason) in [("p", "on leave"), ("q", "secret")] {
            let wish = Wish {
                policy: policy.to_owned(),
                account: Subject { id: account.id.clone(), login: account.login.clone() },
                email: None,
                by: approver().voter.person,
                reason: reason.to_owned(),
                starts_at: now,
                ends_at: now + Duration::days(1),
            };
            app.store.know_policy(policy, now).await.unwrap();
            app.store.grant_exemption(policy, wish, now).await.unwrap();
        }
        let answer = explained(app).await;
        assert!(answer.contains("on leave") && !answer.contains("secret"), "{answer}");
    }
}
