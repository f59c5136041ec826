//! Where each policy stands, and how what the bot depends on is doing: `status`, the page and the health read it here.

use chrono::{DateTime, Utc};

use crate::chat::MessageRef;
use crate::domain::candidate::CandidateState;
use crate::domain::plan::Verdict;
use crate::domain::policy::Policy;
use crate::domain::request::Request;
use crate::domain::schedule;
use crate::domain::sweep::late_at;
use crate::identity::IdentityProvider as _;
use crate::reports::Reports;
use crate::services::WorkResult;
use crate::store::{StoreError, SweepRow, SweepState};
use crate::wording::{accounts, answers, backlog, days_off};

impl Reports {
    /// Where each policy stands.
    pub(crate) async fn policy_statuses<'a>(
        &self,
        visible: &[&'a Policy],
    ) -> WorkResult<Vec<answers::PolicyStatus<'a>>> {
        let now = self.s.clock.now();
        let open = self.open_requests(visible).await?;
        let waiting = self.s.store.open_requests(None).await?;
        let mut policies = Vec::new();
        for policy in visible.iter().copied() {
            let last = self.s.store.last_sweep(&policy.name).await?;
            let known = self.s.store.know_policy(&policy.name, now).await?;
            policies.push(answers::PolicyStatus {
                policy,
                last_sweep: last.map(|sweep| {
                    let late =
                        if is_late(&sweep, policy, now) { ", and should have ended by now" } else { "" };
                    (sweep.started_at, outcome(&sweep) + late)
                }),
                listing: self.s.listings.under_way(&policy.name),
                next_slot: schedule::next_slot(&policy.schedule, now),
                live: known
                    .live_rule
                    .is_some_and(|live| policy.rule.only_narrows(&live.without_bygone_holidays(now))),
                paused: self.s.store.pause_of(&policy.name).await?,
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
    pub(crate) async fn health(&self) -> answers::Health {
        let chat = *self.s.connection.borrow();
        answers::Health {
            chat,
            providers: self.s.providers.all().map(|(_, one)| (one.terms(), one.last_answer())).collect(),
            database: self.s.store.health().await.map_err(|error| error.to_string()),
            behind: self.behind().await,
        }
    }

    /// The collectors that lack more of the audit trail than they should. A database that can't say so is said beside it.
    async fn behind(&self) -> Vec<crate::domain::audit::Behind> {
        self.s
            .store
            .collectors_behind(self.s.clock.now() - crate::domain::audit::BEHIND_MAX)
            .await
            .unwrap_or_default()
    }

    pub(crate) async fn open_requests(
        &self,
        visible: &[&Policy],
    ) -> WorkResult<Vec<(Request, Option<MessageRef>)>> {
        let mut open = Vec::new();
        for (request, _) in self.s.store.open_requests(None).await? {
            if visible.iter().any(|policy| policy.name == request.policy) {
                let card = self.s.card_of(request.id).await?;
                open.push((request, card));
            }
        }
        Ok(open)
    }

    /// Returns the sweeps that should have ended by now, oldest first.
    pub(crate) async fn late_sweeps(&self, now: DateTime<Utc>) -> Result<Vec<SweepRow>, StoreError> {
        let mut late = Vec::new();
        for id in self.s.store.unfinished_sweeps().await? {
            let Some(sweep) = self.s.store.sweep(id).await? else { continue };
            if self.s.policy(&sweep.policy).is_some_and(|policy| is_late(&sweep, policy, now)) {
                late.push(sweep);
            }
        }
        Ok(late)
    }
}

/// What came of a sweep, as a phrase.
pub(crate) fn outcome(sweep: &SweepRow) -> String {
    match &sweep.state {
        SweepState::Started => "still running".into(),
        SweepState::Failed { error, .. } => format!("failed: {error}"),
        SweepState::Finished { verdict, counts, .. } => match verdict {
            Verdict::NoCandidates => {
                format!("no account to propose; {} checked", accounts(counts.population as usize))
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

/// Returns whether the sweep should have ended by now.
pub(crate) fn is_late(sweep: &SweepRow, policy: &Policy, now: DateTime<Utc>) -> bool {
    let next_slot = schedule::next_slot(&policy.schedule, sweep.started_at);
    sweep.state == SweepState::Started && late_at(sweep.started_at, next_slot) <= now
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;
    use crate::domain::audit::{Action, Draft};
    use crate::domain::ids::RequestId;
    use crate::domain::snapshot::CandidateSnapshot;
    use crate::engine::bench::{Bench, policy, shown};
    use crate::store::AuditContext;

    #[tokio::test]
    async fn the_status_of_a_policy_has_its_own_requests_and_backlog() {
        let bench = Bench::of(vec![policy(), Policy { name: "q".into(), ..policy() }]);
        let engine = &bench.engine;
        let again = CandidateSnapshot { pending_sweeps: 2, ..shown(engine.s.clock.now()) };
        let request = bench.asking(vec![again]).await;
        let statuses =
            engine.reports.policy_statuses(&engine.s.policies.iter().collect::<Vec<_>>()).await.unwrap();
        let said = |status: &answers::PolicyStatus| {
            let open: Vec<RequestId> = status.open.iter().map(|(request, _)| request.id).collect();
            (status.policy.name.to_string(), open, status.backlog.clone())
        };
        let backlog = "1 account has been pending for 2 sweeps.".to_owned();
        assert_eq!(
            statuses.iter().map(said).collect::<Vec<_>>(),
            [("p".to_owned(), vec![request], Some(backlog)), ("q".to_owned(), vec![], None)]
        );
    }

    #[tokio::test]
    async fn a_collector_is_behind_once_it_lacks_an_event_for_two_minutes() {
        let bench = Bench::new();
        let engine = &bench.engine;
        engine.s.store.set_collectors(vec![("siem".to_owned(), false)]).await.unwrap();
        let event = Draft::by_bot(engine.s.clock.now(), Action::Skipped, serde_json::Value::Null);
        engine.s.store.append(AuditContext::default(), event).await.unwrap();
        assert_eq!(engine.reports.behind().await.len(), 0, "it is being sent");
        engine.s.clock.advance(Duration::minutes(2) + Duration::milliseconds(1));
        assert_eq!(engine.reports.behind().await.len(), 1);
    }
}
