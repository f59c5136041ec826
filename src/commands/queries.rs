//! Questions: they change nothing, here or anywhere.

use crate::chat::{Card, Text};
use crate::commands::asked::Asked;
use crate::commands::state::Preview;
use crate::commands::{Answer, Commands};
use crate::domain::account::{Account, AccountId};
use crate::domain::assess::{Standing, assess};
use crate::domain::audit::AuditEvent;
use crate::domain::ids::RequestId;
use crate::domain::policy::Policy;
use crate::domain::request::Request;
use crate::domain::schedule;
use crate::identity::Directory as _;
use crate::request::standing::fresh_standing;
use crate::services::WorkResult;
use crate::store::AuditQuery;
use crate::sweep::survey::{KeepMode, survey};
use crate::wording::{answers, refusals};

/// Events in the answer to `why`.
const WHY_EVENTS: u32 = 5;

impl Commands {
    pub(crate) async fn status(&self, visible: &[&Policy]) -> WorkResult<Card> {
        let policies = self.reports.policy_statuses(visible).await?;
        Ok(answers::status(
            env!("CARGO_PKG_VERSION"),
            &policies,
            &self.reports.health().await,
            self.s.clock.now(),
        ))
    }

    pub(crate) async fn pending(&self, visible: &[&Policy]) -> WorkResult<Card> {
        Ok(answers::pending(&self.reports.open_requests(visible).await?))
    }

    pub(crate) async fn preview(
        &self,
        asked: &Asked<'_>,
        policy: Option<&str>,
        page: usize,
    ) -> WorkResult<Answer> {
        let policy = match asked.policy(self, policy) {
            Ok((policy, _)) => policy,
            Err(text) => return Ok(Err(text)),
        };
        let terms = self.s.terms(&policy.rule.provider);
        // One at a time, and none while nothing has happened since the last: each reads the whole directory.
        let mut last = self.preview.lock().await;
        let head = self.s.store.audit_head().await?.map_or(0, |(seq, _)| seq);
        let now = self.s.clock.now();
        if let Some(kept) = last.as_ref().filter(|kept| kept.policy == policy.name && kept.holds(head, now)) {
            let mut card = answers::preview(policy, &kept.plan, page, kept.at, terms);
            card.blocks.push(answers::read_at(kept.at));
            return Ok(Ok(card));
        }
        *last = None;
        Ok(match survey(&self.sweeper, policy, KeepMode::Everybody, now).await {
            Ok(survey) => {
                let card = answers::preview(policy, &survey.plan, page, now, terms);
                *last = Some(Preview { policy: policy.name.clone(), head, at: now, plan: survey.plan });
                Ok(card)
            }
            Err(error) => Err(Text::plain("The preview failed: ").sentence(format!("{error:#}"))),
        })
    }

    /// A plan is large, so that it is not kept for longer than it holds.
    pub(crate) fn forget_preview(&self) {
        if let Ok(mut last) = self.preview.try_lock() {
            let now = self.s.clock.now();
            *last = last.take().filter(|kept| kept.holds(kept.head, now));
        }
    }

    pub(crate) async fn why(&self, visible: &[&Policy], person: &str) -> WorkResult<Answer> {
        let found = match self.account_of(visible, person).await? {
            Ok(found) => found,
            Err(text) => return Ok(Err(text)),
        };
        // Of everybody else in the directory this bot says nothing.
        let Some((policy, account)) = found.filter(|(policy, account)| account.is_of(&policy.rule.user_type))
        else {
            return Ok(Err(refusals::no_account_of_yours(person)));
        };
        let now = self.s.clock.now();
        let since = self.requests.look_from(&account.id, now).await?;
        let fresh = self.s.provider(&policy.rule.provider).look(&account.id, &policy.rule, since).await;
        let (account, standing) = match fresh {
            Ok(fresh) => {
                let standing =
                    fresh_standing(&self.requests, &policy.rule.provider, policy, &fresh, now).await?;
                (fresh.account, standing)
            }
            Err(error) => {
                return Ok(Err(self.unreadable(&policy.rule.provider, &error)));
            }
        };
        self.explain(visible, policy, &account, &standing).await.map(Ok)
    }

    /// The open request that asks about the account, if the person may know of it.
    pub(crate) async fn waiting_in(
        &self,
        visible: &[&Policy],
        account: &AccountId,
    ) -> WorkResult<Option<RequestId>> {
        let waiting = self.s.store.waiting(vec![account.clone()]).await?;
        let Some(id) = waiting.get(account).copied() else { return Ok(None) };
        let request = self.s.store.request(id).await?;
        let seen = |request: &Request| visible.iter().any(|policy| policy.name == request.policy);
        Ok(request.filter(|(request, _)| seen(request)).map(|_| id))
    }

    async fn explain(
        &self,
        visible: &[&Policy],
        policy: &Policy,
        account: &Account,
        standing: &Standing,
    ) -> WorkResult<Card> {
        let now = self.s.clock.now();
        let waiting = self.waiting_in(visible, &account.id).await?;
        let query = AuditQuery {
            visible: self.visible_names(visible, false).await?,
            accounts: vec![account.id.clone()],
            ..AuditQuery::latest(WHY_EVENTS + 1)
        };
        let mut history: Vec<AuditEvent> = self.s.store.audit(query).await?;
        let more_history = history.len() > WHY_EVENTS as usize;
        history.truncate(WHY_EVENTS as usize);
        let by_us = self.s.store.suspended_by_us(vec![account.id.clone()]).await?;
        let mut exemptions = self.s.store.exemptions_of(&account.id).await?;
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
            suspended_by_us: by_us.get(&account.id).copied(),
            terms: self.s.terms(&policy.rule.provider),
        };
        Ok(answers::why(&why, now))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Duration, Utc};

    use super::*;
    use crate::commands::tests::{account, approver};
    use crate::domain::audit::{Action, Draft, Subject};
    use crate::domain::exemption::Wish;
    use crate::domain::plan::{Counts, Plan, Verdict};
    use crate::domain::provider::ProviderName;
    use crate::engine::Engine;
    use crate::engine::bench::{Bench, policy};
    use crate::store::AuditContext;

    fn preview(head: i64, at: DateTime<Utc>) -> Preview {
        let plan = Plan { assessed: Vec::new(), counts: Counts::default(), verdict: Verdict::NoCandidates };
        Preview { policy: "p".into(), head, at, plan }
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
        let (engine, now) = (&bench.engine, bench.engine.s.clock.now());
        for (ago, kept) in [(Duration::seconds(1), true), (Duration::minutes(1), false)] {
            *engine.commands.preview.lock().await = Some(preview(7, now - ago));
            engine.commands.forget_preview();
            assert_eq!(engine.commands.preview.lock().await.is_some(), kept, "{ago}");
        }
    }

    async fn noted(engine: &Engine, policy: &str) {
        let account = account();
        let event = Draft::by_bot(engine.s.clock.now(), Action::Skipped, serde_json::Value::Null)
            .about(Subject::of(&account));
        let context = AuditContext::of_policy(policy);
        engine.s.store.append(context, event).await.unwrap();
    }

    /// The answer to an approver of the first policy.
    async fn explained(engine: &Engine) -> String {
        let policy = &engine.s.policies[0];
        format!(
            "{:?}",
            engine.commands.explain(&[policy], policy, &account(), &Standing::plain()).await.unwrap()
        )
    }

    #[tokio::test]
    async fn why_tells_the_last_five_events_and_where_more_are() {
        let bench = Bench::new();
        for _ in 0..5 {
            noted(&bench.engine, "p").await;
        }
        let told = |answer: &str| (answer.matches("left alone").count(), answer.contains("Whole history"));
        assert_eq!(told(&explained(&bench.engine).await), (5, false));
        noted(&bench.engine, "p").await;
        assert_eq!(told(&explained(&bench.engine).await), (5, true));
    }

    #[tokio::test]
    async fn why_tells_nothing_of_a_policy_that_the_person_may_not_ask_about() {
        let bench = Bench::of(vec![policy(), Policy { name: "q".into(), ..policy() }]);
        let (engine, now, account) = (&bench.engine, bench.engine.s.clock.now(), account());
        for (policy, reason) in [("p", "on leave"), ("q", "secret")] {
            let wish = Wish {
                policy: policy.into(),
                provider: ProviderName::default(),
                account: Subject::of(&account),
                email: None,
                by: approver().person,
                reason: reason.to_owned(),
                starts_at: now,
                ends_at: now + Duration::days(1),
            };
            engine.s.store.know_policy(policy, now).await.unwrap();
            engine.s.store.grant_exemption(policy, wish, now).await.unwrap();
        }
        let answer = explained(engine).await;
        assert!(answer.contains("on leave") && !answer.contains("secret"), "{answer}");
    }
}
