//! From a person's decision to the database: who they are, whether they may, and the new state with its audit events.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::authz;
use crate::authz::rights::unidentified;
use crate::chat::{Inbound, Text};
use crate::domain::audit::{Draft, Person};
use crate::domain::ids::RequestId;
use crate::domain::person::{Denied, Principal};
use crate::domain::policy::Policy;
use crate::domain::request::{Input, Refusal, Request, Verb};
use crate::request::Requests;
use crate::services::WorkResult;
use crate::store::{AuditContext, Decided, Receipt};
use crate::wording::refusals;

/// A button or dialog of a request.
pub(crate) struct ButtonInput {
    pub(crate) request: RequestId,
    pub(crate) list_hash: Option<String>,
    pub(crate) verb: Verb,
    pub(crate) reason: Option<String>,
}

/// Why an input had no effect.
pub(crate) enum Rejected {
    /// The person was rejected, or the input was a duplicate; in words.
    Away(Text),
    /// The request refused it.
    Refused(Refusal),
}

impl Rejected {
    /// The sentence for the person.
    pub(crate) fn text(&self) -> Text {
        match self {
            Rejected::Away(text) => text.clone(),
            Rejected::Refused(refusal) => refusals::refusal(refusal),
        }
    }
}

impl Requests {
    /// Says that there is no such request here.
    pub(crate) fn no_such_request(&self) -> Text {
        let text = refusals::no_such_request();
        if self.s.chat.other_connections() > 0 { text.and(refusals::perhaps_of_another_bot()) } else { text }
    }

    /// Takes a decision to the database. The request after it; `Err`: it had no effect.
    pub(crate) async fn decide(
        self: &Arc<Self>,
        inbound: &Inbound,
        input: ButtonInput,
    ) -> WorkResult<Result<Request, Rejected>> {
        // The receipt is recorded first: until it is settled, the deadline waits for it.
        let received = self
            .s
            .store
            .receive(&inbound.key, Some(input.request), &inbound.user, inbound.received_at)
            .await?;
        let received_at = match received {
            Receipt::New => inbound.received_at,
            // A crash came between the receipt and the decision: the first arrival counts.
            Receipt::Repeated { received_at, outcome: None } => received_at,
            Receipt::Repeated { outcome: Some(_), .. } => {
                return Ok(Err(Rejected::Away(refusals::repeated())));
            }
        };
        let outcome = self.judge(inbound, input, received_at).await;
        if let Err(error) = &outcome {
            self.settle(inbound, &format!("error: {error:#}"), None).await?;
        }
        // Either way the card is rendered again: a stale one is put right.
        self.s.nudge();
        outcome
    }

    async fn judge(
        self: &Arc<Self>,
        inbound: &Inbound,
        input: ButtonInput,
        received_at: DateTime<Utc>,
    ) -> WorkResult<Result<Request, Rejected>> {
        let id = input.request;
        let Some(request) = self.s.store.request_alone(id).await? else {
            self.settle(inbound, "no such request", None).await?;
            return Ok(Err(Rejected::Away(self.no_such_request())));
        };
        let Some(policy) = self.s.policy(&request.policy) else {
            let person = Person::unknown(&inbound.user);
            let why = "the policy is no longer in the configuration";
            let event = refused_unseen(&person, inbound.received_at, why);
            self.settle(inbound, "policy gone", Some((AuditContext::of(&request), event))).await?;
            return Ok(Err(Rejected::Away(Text::plain(
                "This request's policy is no longer in the configuration, so nothing was changed.",
            ))));
        };
        let principal = match authz::identify(&self.authz, policy, &inbound.user).await {
            Ok(principal) => principal,
            Err(denied) => {
                self.turn_away(inbound, &request, &denied).await?;
                return Ok(Err(Rejected::Away(refusals::denied(&denied))));
            }
        };
        let person = principal.person.clone();
        let may_nothing = !principal.approver && !principal.admin;
        let only_counted = may_nothing && self.authz.is_only_counted(&person.id);
        let input = self.input(policy, principal, input, received_at);
        let now = self.s.clock.now();
        let decided = if only_counted {
            self.s.store.decide_unrecorded(&inbound.key, id, input, now).await?
        } else {
            self.s.store.decide(&inbound.key, id, input, now).await?
        };
        if may_nothing && matches!(&decided, Decided::Refused(refusal) if refusal.is_lack_of_right()) {
            self.authz.note_try(&person, Some(&request.policy), now, only_counted);
        }
        Ok(match decided {
            Decided::Done(request) => Ok(*request),
            Decided::Refused(refusal) => Err(Rejected::Refused(refusal)),
            Decided::Repeated(_) => Err(Rejected::Away(refusals::repeated())),
        })
    }

    /// Returns what a person asks of a request, with all that it is judged by.
    pub(crate) fn input(
        &self,
        policy: &Policy,
        principal: Principal,
        said: ButtonInput,
        received_at: DateTime<Utc>,
    ) -> Input {
        let ButtonInput { request: _, list_hash, verb, reason } = said;
        Input {
            verb,
            principal,
            received_at,
            list_hash,
            reason,
            approvals_needed: policy.approvals_needed,
            rule: policy.rule.clone(),
            account_owners: self.authz.account_owners(policy),
            paused: None,
        }
    }

    /// Records that somebody was rejected before their input was read.
    async fn turn_away(&self, inbound: &Inbound, request: &Request, denied: &Denied) -> WorkResult<()> {
        let context = AuditContext::of(request);
        let event = rejected_before(&inbound.user, inbound.received_at, denied);
        if denied.is_certain() {
            self.authz.settle_try(inbound, "turned away", context, event).await?;
            return Ok(());
        }
        self.settle(inbound, "turned away", Some((context, event))).await
    }

    /// Does the same for an input without a receipt.
    pub(crate) async fn note_stranger(
        &self,
        inbound: &Inbound,
        context: AuditContext,
        denied: &Denied,
    ) -> WorkResult<()> {
        let event = rejected_before(&inbound.user, self.s.clock.now(), denied);
        Ok(self.authz.append_refused(denied.is_certain(), context, event).await?)
    }

    pub(crate) async fn settle(
        &self,
        inbound: &Inbound,
        outcome: &str,
        event: Option<(AuditContext, Draft)>,
    ) -> WorkResult<()> {
        self.s.store.settle(&inbound.key, outcome, event, self.s.clock.now()).await?;
        Ok(())
    }
}

/// Returns the audit event of somebody who was rejected before their input was read.
pub(crate) fn rejected_before(user: &str, at: DateTime<Utc>, denied: &Denied) -> Draft {
    match denied {
        Denied::Outsider(person, why) => refused_unseen(person, at, why),
        Denied::NotInChannel(person, _) => refused_unseen(person, at, "not a member of the channel"),
        Denied::CantTell(why) => {
            let person = Person::unknown(user);
            refused_unseen(&person, at, &unidentified(why))
        }
    }
}

pub(crate) fn refused_unseen(person: &Person, at: DateTime<Utc>, why: &str) -> Draft {
    Draft::refused(person, at, serde_json::json!({ "why": why }))
}
