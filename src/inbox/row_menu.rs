//! The menu beside a person on the card: details, keeping them at once, and giving a suspended account back.

use std::sync::Arc;

use serde_json::json;

use chrono::SubsecRound;

use crate::authz;
use crate::authz::rights::Role;
use crate::chat::{Ack, FormState, Inbound, Modal, Text};
use crate::domain::account::Account;
use crate::domain::assess::left_alone_until;
use crate::domain::audit::Draft;
use crate::domain::candidate::Candidate;
use crate::domain::ids::RequestId;
use crate::domain::keep::{KeptUntil, Until};
use crate::domain::person::Principal;
use crate::domain::policy::Policy;
use crate::domain::request::{self, Request, Verb};
use crate::domain::restoration::RestorationState;
use crate::identity::{Directory as _, IdentityError, IdentityProvider as _};
use crate::inbox::{Inbox, Made};
use crate::request::decision::{ButtonInput, Rejected};
use crate::services::WorkResult;
use crate::store::AuditContext;
use crate::wording::actions::{About, Dialog, RowAction, RowEntry};
use crate::wording::review_dialog::{self, form};
use crate::wording::row_menu::undo_until;
use crate::wording::{refusals, shown_who};

impl Inbox {
    /// Takes a chosen item of a person's menu.
    pub(crate) async fn row_click(self: &Arc<Self>, inbound: &Inbound, chosen: RowEntry) -> WorkResult<Ack> {
        let (this, inbound) = (Arc::clone(self), inbound.clone());
        Ok(match chosen.what {
            RowAction::Keep => {
                if let Some(turned) = self.keep_for_a_while(&inbound, &chosen).await?.err() {
                    self.outbox.send_ephemeral(inbound.reply, turned.text());
                }
                Ack::Done
            }
            RowAction::Details => {
                self.commands.background_question(inbound.reply.clone(), async move {
                    if let Some(text) = this.details(&inbound, &chosen).await? {
                        this.outbox.send_ephemeral(inbound.reply, text);
                    }
                    Ok(())
                });
                Ack::Done
            }
            RowAction::Exempt => {
                self.later(async move { this.ask_exempt(&inbound, &chosen).await.map(Made::opened) })
            }
            RowAction::Restore => {
                self.later(async move { this.ask_give_back(&inbound, &chosen).await.map(Made::opened) })
            }
            RowAction::Console => Ack::Done,
        })
    }

    /// The request and person that a chosen item names.
    async fn of_row(
        &self,
        id: RequestId,
        position: u32,
    ) -> WorkResult<Option<(&Policy, Request, Vec<Candidate>, Candidate)>> {
        let Some((request, candidates)) = self.s.store.request(id).await? else { return Ok(None) };
        let found = candidates.iter().find(|candidate| candidate.position == position).cloned();
        let policy = self.s.policy(&request.policy);
        Ok(policy.zip(found).map(|(policy, candidate)| (policy, request, candidates, candidate)))
    }

    /// Answers as `why` does, if the person may ask it. `Some`: why not.
    async fn details(self: &Arc<Self>, inbound: &Inbound, chosen: &RowEntry) -> WorkResult<Option<Text>> {
        let Some((policy, _, _, candidate)) = self.of_row(chosen.request, chosen.position).await? else {
            return Ok(Some(self.requests.no_such_request()));
        };
        let rights = self.authz.granted(&inbound.user, Role::Viewer).await;
        if let Err(denied) = rights.and_then(|rights| rights.held_in(&policy.name)) {
            let text = match &denied {
                Some(denied) => refusals::denied(denied),
                None => refusals::not_allowed("ask that", Role::Viewer.in_words()),
            };
            self.authz.note_refused(inbound, "details", denied).await?;
            return Ok(Some(text));
        }
        Ok(match self.commands.why(&[policy], &candidate.shown.id.0).await? {
            Ok(card) => {
                self.outbox.send_ephemeral_card(inbound.reply.clone(), card);
                None
            }
            Err(text) => Some(text),
        })
    }

    /// Keeps a person for as long as "keep" means, at once.
    async fn keep_for_a_while(
        self: &Arc<Self>,
        inbound: &Inbound,
        chosen: &RowEntry,
    ) -> WorkResult<Result<Request, Rejected>> {
        let Some((policy, ..)) = self.of_row(chosen.request, chosen.position).await? else {
            return Ok(Err(Rejected::Away(self.requests.no_such_request())));
        };
        // Whole seconds: the receipt's time, by which the length is judged, is cut, and must not come before this one.
        let from = inbound.received_at.trunc_subsecs(0);
        let until =
            Until { ends_at: from + policy.kept_for(), reason: refusals::kept_on_card(chosen.request) };
        let input = ButtonInput {
            request: chosen.request,
            list_hash: Some(chosen.list_hash.clone()),
            reason: Some(until.reason.clone()),
            verb: Verb::Keep {
                until: KeptUntil { wishes: [(chosen.position, until)].into(), max: policy.exemption_max },
            },
        };
        self.requests.decide(inbound, input).await
    }

    /// Returns the dialog that asks until when, unless it would be refused. `Err`: why.
    async fn ask_exempt(&self, inbound: &Inbound, chosen: &RowEntry) -> WorkResult<Result<Modal, Text>> {
        let found = self.of_row(chosen.request, chosen.position).await?;
        let Some((policy, request, candidates, candidate)) = found else {
            return Ok(Err(self.requests.no_such_request()));
        };
        let principal = match self.principal(inbound, policy, &request).await? {
            Ok(principal) => principal,
            Err(text) => return Ok(Err(text)),
        };
        // Asked as if it were submitted now: a person who would be refused then learns it before they fill it in.
        let until =
            Until { ends_at: inbound.received_at.trunc_subsecs(0) + policy.kept_for(), reason: "–".into() };
        let wishes = [(chosen.position, until)].into();
        let said = ButtonInput {
            request: chosen.request,
            list_hash: Some(chosen.list_hash.clone()),
            verb: Verb::Keep { until: KeptUntil { wishes, max: policy.exemption_max } },
            reason: None,
        };
        let input = self.requests.input(policy, principal, said, inbound.received_at);
        if let Err(refusal) = request::decide(&request, &candidates, &input) {
            self.s.store.append(AuditContext::of(&request), request::refused(&input, &refusal)).await?;
            self.s.nudge();
            return Ok(Err(refusals::refusal(&refusal)));
        }
        let day = policy.day_to_keep_until(self.s.clock.now());
        Ok(Ok(form::keep(&Dialog::Exempt(about(chosen)), &candidate, Some(day), "")))
    }

    /// Returns the dialog that asks for the reason, unless it would be refused. `Err`: why.
    async fn ask_give_back(&self, inbound: &Inbound, chosen: &RowEntry) -> WorkResult<Result<Modal, Text>> {
        let Some((policy, request, _, candidate)) = self.of_row(chosen.request, chosen.position).await?
        else {
            return Ok(Err(self.requests.no_such_request()));
        };
        let principal = match self.principal(inbound, policy, &request).await? {
            Ok(principal) => principal,
            Err(text) => return Ok(Err(text)),
        };
        if let Some(text) = self.not_undone(inbound, policy, &request, &candidate, &principal).await? {
            return Ok(Err(text));
        }
        let left_alone = left_alone_until(self.s.clock.now(), &policy.rule);
        Ok(Ok(form::give_back(about(chosen), &candidate, left_alone)))
    }

    /// Says why this person can't restore the account from the card, if they can't.
    async fn not_undone(
        &self,
        inbound: &Inbound,
        policy: &Policy,
        request: &Request,
        candidate: &Candidate,
        principal: &Principal,
    ) -> WorkResult<Option<Text>> {
        if !Role::Approver.held_by(principal) {
            let event = Draft::refused(
                &principal.person,
                inbound.received_at,
                json!({ "command": "give_back", "why": "not_an_approver" }),
            )
            .about(candidate.subject());
            self.authz.append_try(AuditContext::of(request), event).await?;
            return Ok(Some(refusals::not_allowed("restore an account", Role::Approver.in_words())));
        }
        let account = || shown_who(&candidate.shown);
        let Some(until) = undo_until(policy, candidate) else {
            return Ok(Some(refusals::nothing_to_undo(account())));
        };
        let restorations = self.s.store.restorations_for(request.id).await?;
        let theirs = restorations.iter().rev().find(|one| one.wish.account.id == candidate.shown.id);
        if let Some(before) = theirs.filter(|one| one.state.is_or_will_be_back()) {
            let is_back = matches!(before.state, RestorationState::Restored { .. });
            return Ok(Some(refusals::undone_already(account(), &before.wish.by, is_back)));
        }
        if self.s.clock.now() >= until {
            return Ok(Some(refusals::undo_is_over(&candidate.shown.login)));
        }
        Ok(None)
    }

    /// Restores a suspended account: the request is committed before this is acknowledged.
    pub(crate) async fn submit_give_back(
        self: &Arc<Self>,
        inbound: &Inbound,
        about: &About,
        state: &FormState,
    ) -> WorkResult<Ack> {
        let Some((policy, request, _, candidate)) = self.of_row(about.request, about.position).await? else {
            self.outbox.send_ephemeral(inbound.reply.clone(), self.requests.no_such_request());
            return Ok(Ack::Done);
        };
        let fault = |text: Text| Ok(Ack::FormErrors(vec![(review_dialog::REASON.into(), text)]));
        let provider = self.s.provider(&request.rule.provider);
        // Both at once: neither may take what time there is.
        let look =
            tokio::time::timeout(self.s.chat.answer_time().to_read(), provider.read(&candidate.shown.id));
        let (principal, account) = tokio::join!(self.principal(inbound, policy, &request), look);
        let principal = match principal? {
            Ok(principal) => principal,
            Err(text) => return fault(text),
        };
        if let Some(text) = self.not_undone(inbound, policy, &request, &candidate, &principal).await? {
            return fault(text);
        }
        let account: Account = match account {
            Ok(account) => match account {
                Ok(account) => account,
                Err(IdentityError::NotFound(_)) => return fault(refusals::account_gone(provider.terms())),
                Err(_) => return fault(refusals::cant_look_up(provider.terms())),
            },
            Err(_) => return fault(refusals::cant_look_up(provider.terms())),
        };
        let answer = self
            .commands
            .give_back_if_allowed(
                &request.rule.provider,
                policy,
                &principal,
                &account,
                form::reason(state),
                &inbound.key,
            )
            .await?;
        match answer {
            Ok(card) => {
                self.outbox.send_ephemeral_card(inbound.reply.clone(), card);
                Ok(Ack::Done)
            }
            Err(text) => fault(text),
        }
    }

    /// Returns who this is to the policy; a rejection is in the audit trail.
    pub(crate) async fn principal(
        &self,
        inbound: &Inbound,
        policy: &Policy,
        request: &Request,
    ) -> WorkResult<Result<Principal, Text>> {
        match authz::identify(&self.authz, policy, &inbound.user).await {
            Ok(principal) => Ok(Ok(principal)),
            Err(denied) => {
                self.requests.note_stranger(inbound, AuditContext::of(request), &denied).await?;
                Ok(Err(refusals::denied(&denied)))
            }
        }
    }
}

fn about(chosen: &RowEntry) -> About {
    About {
        request: chosen.request,
        list_hash: chosen.list_hash.clone(),
        position: chosen.position,
        below: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;
    use crate::domain::attempt::{Confirmation, Sessions};
    use crate::domain::candidate::CandidateState;
    use crate::engine::bench::{Bench, shown};

    #[tokio::test]
    async fn a_card_is_looked_at_again_when_an_offer_on_it_ends() {
        let bench = Bench::new();
        let (engine, now) = (&bench.engine, bench.engine.s.clock.now());
        let id = bench.asking(vec![shown(now)]).await;
        let (request, candidates) = engine.s.store.request(id).await.unwrap().unwrap();
        let suspended = |at| Candidate {
            state: CandidateState::Suspended {
                at,
                confirmation: Confirmation::ByCall,
                sessions: Sessions::default(),
            },
            ..candidates[0].clone()
        };
        let ends = now + engine.s.policies[0].restore_button_for;
        engine.requests.undo_ends(&request, &[suspended(now)], ends);
        assert_eq!(engine.requests.next_undo_end(), None, "the card was drawn without it");
        let earlier = now - Duration::hours(1);
        engine.requests.undo_ends(
            &request,
            &[suspended(now), suspended(earlier), candidates[0].clone()],
            now,
        );
        assert_eq!(engine.requests.next_undo_end(), Some(ends - Duration::hours(1)));
        assert!(engine.requests.undo_ended().is_empty());
        engine.s.clock.advance(engine.s.policies[0].restore_button_for - Duration::minutes(30));
        assert_eq!(engine.requests.undo_ended(), [id]);
        assert_eq!((engine.requests.next_undo_end(), engine.requests.undo_ended()), (Some(ends), vec![]));
    }
}
