//! Questions: they change nothing, here or anywhere.

use chrono::{DateTime, Duration, Utc};

use super::super::survey::{Keep, fresh_standing, log_since, survey};
use super::super::wording::{answers, backlog, days_off, refusals};
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
                last_sweep: last.map(|sweep| (sweep.started_at, outcome(&sweep))),
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
            Err(error) => {
                Err(Text::plain("The preview failed, and nothing was done: ").quoted(format!("{error:#}")))
            }
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
        let (policy, account) = match self.account_of(visible, person).await? {
            Ok(found) => found,
            Err(text) => return Ok(Err(text)),
        };
        // Of everybody else in the directory this bot tells nothing.
        if !account.is_of(&policy.rule.user_type) {
            return Ok(Err(refusals::other_type()));
        }
        let now = self.clock.now();
        let fresh = self.identity.look(&account.id, &policy.rule, log_since(&policy.rule, now)).await;
        let (account, standing) = match fresh {
            Ok(fresh) => {
                let standing = fresh_standing(self, policy, &fresh).await?;
                (fresh.account, standing)
            }
            Err(error) => {
                return Ok(Err(Text::plain("I can't look that account up now: ").quoted(error.to_string())));
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
/// What came of a sweep, in words.
pub(in super::super) fn outcome(sweep: &SweepRow) -> String {
    match &sweep.state {
        SweepState::Started => "still running".into(),
        SweepState::Failed { error, .. } => format!("failed: {error}"),
        SweepState::Finished { verdict, counts, .. } => match verdict {
            Verdict::NoCandidates => format!("nobody to ask about among {}", counts.population),
            Verdict::Ask => format!("asked about {} of {}", counts.candidates, counts.population),
            Verdict::Preview => format!("previewed {} of {}", counts.candidates, counts.population),
            Verdict::Held(_) => format!("held by a guard, {} candidates", counts.candidates),
            Verdict::Refused(_) => "stopped by a guard".into(),
        },
    }
}
