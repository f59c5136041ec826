//! Commands that start something. What they change is committed before they are answered.

use std::sync::Arc;

use serde_json::json;

use crate::authz;
use crate::authz::rights::Role;
use crate::chat::{Inbound, Span, Text};
use crate::commands::asked::Asked;
use crate::commands::tail::Said;
use crate::commands::{Answer, Commands};
use crate::domain::account::{Account, AccountStatus};
use crate::domain::assess::left_alone_until;
use crate::domain::audit::{Draft, Subject};
use crate::domain::drift::SKEW;
use crate::domain::exemption;
use crate::domain::ids::{RequestId, SweepId};
use crate::domain::person::{Denied, Principal};
use crate::domain::policy::{AccountOwners, Policy, Rule, is_own_account};
use crate::domain::provider::ProviderName;
use crate::domain::request::{KnownForRetry, Verb};
use crate::domain::restoration::Wish;
use crate::domain::undated::is_our_suspension;
use crate::identity::{ActivityLog as _, Directory as _, IdentityError};
use crate::request::decision::ButtonInput;
use crate::services::{WorkError, WorkResult};
use crate::store::{AskedFor, AuditContext, StartedSweep, SweepState};
use crate::wording::exemptions::{self, NotRestored};
use crate::wording::{lineage, pauses, refusals};

/// So many characters of what a person typed are kept.
const TYPED_MAX: usize = 200;

impl Commands {
    /// Sweeps now. The same command delivered twice is one sweep.
    pub(crate) async fn sweep_now(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        policy: Option<&str>,
    ) -> WorkResult<Answer> {
        let (policy, principal) = match asked.policy(self, policy) {
            Ok(found) => found,
            Err(text) => return Ok(Err(text)),
        };
        if self.s.store.lineage().stopped.is_some() {
            return Ok(Err(lineage::refused()));
        }
        if let Some(pause) = self.s.store.pause_of(&policy.name).await? {
            return Ok(Err(pauses::refused(&pause.began)));
        }
        if let Some(running) = self.running_sweep(&policy.name).await? {
            return Ok(Err(Text::plain("Sweep ")
                .then(format!("{running} of "))
                .with(Span::Code(policy.name.to_string()))
                .then(" is already running. The result is posted in the channel.")));
        }
        Ok(match self.sweeper.start_asked_sweep(policy, asked.key, principal).await? {
            StartedSweep::New(_) => Ok(refusals::note(
                Text::plain("The sweep of ")
                    .with(Span::Code(policy.name.to_string()))
                    .then(" has started. The result is posted in the policy's channel."),
            )),
            StartedSweep::Exists(_) => Err(refusals::repeated()),
            StartedSweep::Paused(pause) => Err(pauses::refused(&pause.began)),
        })
    }

    /// The policy's sweep that has started and not ended: asking again while it runs would only list everybody twice.
    async fn running_sweep(&self, policy: &str) -> WorkResult<Option<SweepId>> {
        let last = self.s.store.last_sweep(policy).await?;
        Ok(last.filter(|sweep| sweep.state == SweepState::Started).map(|sweep| sweep.id))
    }

    /// Takes an open request back, as a decision of the person: recorded, judged and audited like a click.
    pub(crate) async fn withdraw(
        self: &Arc<Self>,
        inbound: &Inbound,
        request: &str,
        reason: String,
    ) -> WorkResult<Answer> {
        let request = match request_called(request, &reason) {
            Ok(request) => request,
            Err(text) => return Ok(Err(text)),
        };
        if reason.trim().is_empty() {
            return Ok(Err(exemptions::refusal(&exemption::Refusal::NoReason)));
        }
        let input = ButtonInput { request, list_hash: None, verb: Verb::Withdraw, reason: Some(reason) };
        Ok(match self.requests.decide(inbound, input).await? {
            Ok(_) => Ok(refusals::note(refusals::withdrawn(request))),
            Err(turned) => Err(turned.text()),
        })
    }

    /// Has the failed suspensions of a request tried again: a decision like an approval.
    pub(crate) async fn retry(
        self: &Arc<Self>,
        inbound: &Inbound,
        request: &str,
        reason: String,
    ) -> WorkResult<Answer> {
        let request = match request_called(request, &reason) {
            Ok(request) => request,
            Err(text) => return Ok(Err(text)),
        };
        let reason = Some(reason).filter(|reason| !reason.trim().is_empty());
        let input = ButtonInput {
            request,
            list_hash: None,
            verb: Verb::Retry { known: KnownForRetry::default() },
            reason,
        };
        Ok(match self.requests.decide(inbound, input).await? {
            Ok(request) => {
                let left_out = self.requests.left_out_of_retry(&request).await;
                Ok(refusals::note(refusals::retried(&request).and(left_out.unwrap_or_default())))
            }
            Err(turned) => Err(turned.text()),
        })
    }

    /// Restores a suspended account. The request is committed here; the loop executes it.
    pub(crate) async fn restore_asked(
        &self,
        asked: &Asked<'_>,
        person: &str,
        said: &Said,
    ) -> WorkResult<Answer> {
        if self.s.store.lineage().stopped.is_some() {
            return Ok(Err(lineage::refused()));
        }
        let (policy, principal, account) = match self.concerned(asked, person, said.policy.as_deref()).await?
        {
            Ok(Some(found)) => found,
            Ok(None) => return self.nobody_to_give_back(asked, person, said).await.map(Err),
            Err(text) => return Ok(Err(text)),
        };
        let provider = &policy.rule.provider;
        if !account.is_of(&policy.rule.user_type)
            && !self.was_suspended_for(asked, provider, &account).await?
        {
            return self.nobody_to_give_back(asked, person, said).await.map(Err);
        }
        self.give_back_if_allowed(provider, policy, principal, &account, said.reason.clone(), asked.key).await
    }

    /// Whether the account is suspended for a policy in which the person has the right to restore.
    async fn was_suspended_for(
        &self,
        asked: &Asked<'_>,
        provider: &ProviderName,
        account: &Account,
    ) -> WorkResult<bool> {
        if !self.suspension_holds(provider, account).await? {
            return Ok(false);
        }
        let suspended_for = self.s.store.suspended_for(&account.id).await?;
        Ok(suspended_for.is_some_and(|(_, of)| asked.policies().iter().any(|policy| policy.name == of)))
    }

    /// Refuses to restore what is no account of their policies. The trail gets no more than what the person typed, and
    /// the same whether the directory has such an account or not: people who may read the trail may not learn it either.
    async fn nobody_to_give_back(&self, asked: &Asked<'_>, person: &str, said: &Said) -> WorkResult<Text> {
        if let Some((policy, principal)) = asked.granted.first() {
            let typed: String = person.chars().take(TYPED_MAX).collect();
            let why = "none of their policies covers such an account";
            let event = Draft::refused(
                &principal.person,
                self.s.clock.now(),
                json!({ "command": "restore", "why": why, "typed": typed }),
            );
            let name = said.policy.as_deref().unwrap_or(&policy.name);
            self.s.store.append(AuditContext::of_policy(name), event).await?;
        }
        Ok(asked.no_account_of_theirs(person, said.policy.as_deref()))
    }

    /// Records the wish to restore an account, which was read at that provider, if the person may have it, or says why they
    /// may not.
    pub(crate) async fn give_back_if_allowed(
        &self,
        provider: &ProviderName,
        policy: &Policy,
        principal: &Principal,
        account: &Account,
        reason: String,
        key: &str,
    ) -> WorkResult<Answer> {
        if self.s.store.lineage().stopped.is_some() {
            return Ok(Err(lineage::refused()));
        }
        let now = self.s.clock.now();
        let suspended_for = match self.suspension_holds(provider, account).await {
            Ok(true) => self.s.store.suspended_for(&account.id).await?,
            Ok(false) => None,
            Err(WorkError::Identity(error)) => {
                tracing::warn!(%error, "can't find out who suspended an account that is to be restored");
                return Ok(Err(refusals::cant_look_up(self.s.terms(provider))));
            }
            Err(error) => return Err(error),
        };
        // An account that one policy suspended is restored by the people of that policy.
        let theirs = match &suspended_for {
            Some((_, of)) if *of != policy.name => Some(self.held_in(of, &principal.person.id).await),
            Some(_) | None => None,
        };
        let (policy, principal) = match &theirs {
            Some(Ok(Some((policy, principal)))) => (*policy, principal),
            Some(Err(denied)) => return Ok(Err(refusals::denied(denied))),
            Some(Ok(None)) => {
                self.note_not_given_back(policy, principal, account, NotRestored::OtherPolicy).await?;
                return Ok(Err(exemptions::not_restored(
                    account,
                    NotRestored::OtherPolicy,
                    self.s.terms(provider),
                )));
            }
            None => (policy, principal),
        };
        let suspended = suspended_for.is_some();
        let allowed = match self.may_restore(provider, policy, principal, account, &reason, suspended).await {
            Ok(allowed) => allowed,
            Err(error) => {
                tracing::warn!(%error, "an account that is to be restored can't be read");
                return Ok(Err(refusals::cant_look_up(self.s.terms(provider))));
            }
        };
        if let Err(why) = allowed {
            self.note_not_given_back(policy, principal, account, why).await?;
            return Ok(Err(exemptions::not_restored(account, why, self.s.terms(provider))));
        }
        let wish = Wish {
            // The policy that suspended it notifies its channel, and its grace counts.
            policy: policy.name.clone(),
            provider: provider.clone(),
            request: suspended_for.map(|(request, _)| request),
            account: Subject::of(account),
            name: account.name.clone(),
            by: principal.person.clone(),
            reason,
        };
        let until = left_alone_until(now, &policy.rule);
        // A change by somebody else after this reading counts.
        let status_changed = account.status_changed.at();
        Ok(match self.s.store.ask_restoration(key, wish, status_changed, now).await? {
            AskedFor::New(_) => {
                self.s.nudge();
                Ok(refusals::note(exemptions::restore_asked(account, None, until)))
            }
            AskedFor::Repeated(_) => Err(refusals::repeated()),
            AskedFor::Already(before) => Err(exemptions::restore_asked(account, Some(&before), until)),
        })
    }

    /// Says whether the person may have the account restored. Fails if it can't be read.
    async fn may_restore(
        &self,
        provider: &ProviderName,
        policy: &Policy,
        principal: &Principal,
        account: &Account,
        reason: &str,
        suspended: bool,
    ) -> Result<Result<(), NotRestored>, IdentityError> {
        let own = self.authz.account_owners(policy);
        let allowed = may_give_back(policy, &own, principal, account, reason, suspended);
        if allowed.is_err() || suspended {
            return Ok(allowed);
        }
        Ok(self.out_of_reach(provider, policy, account).await?.map_or(Ok(()), Err))
    }

    /// The policy of this name with the person's rights in it, if they decide for it. `Err`: nobody can tell now.
    async fn held_in(&self, policy: &str, user: &str) -> Result<Option<(&Policy, Principal)>, Denied> {
        let Some(policy) = self.s.policy(policy) else { return Ok(None) };
        match authz::identify(&self.authz, policy, user).await {
            Ok(principal) => Ok(Role::Approver.held_by(&principal).then_some((policy, principal))),
            Err(denied @ Denied::CantTell(_)) => Err(denied),
            Err(Denied::Outsider(..) | Denied::NotInChannel(..)) => Ok(None),
        }
    }

    /// Why an account that others suspended is none of the policy's business, even for its admins.
    async fn out_of_reach(
        &self,
        provider: &ProviderName,
        policy: &Policy,
        account: &Account,
    ) -> Result<Option<NotRestored>, IdentityError> {
        if !account.is_of(&policy.rule.user_type) {
            return Ok(Some(NotRestored::OtherType));
        }
        // The log has no say in this.
        let rule = Rule { check_sign_in_log: false, ..policy.rule.clone() };
        let provider = self.s.provider(provider);
        let look = provider.look(&account.id, &rule, None);
        let fresh = self.s.soon_unless_ended(look).await.ok_or_else(ended)??;
        let protected = fresh.admin_role || fresh.own_identity || policy.rule.is_break_glass(account);
        Ok(protected.then_some(NotRestored::Protected))
    }

    /// Whether the suspension in force is ours: an admin who suspended the account again after it was back had a reason.
    async fn suspension_holds(&self, provider: &ProviderName, account: &Account) -> WorkResult<bool> {
        let ours = self.s.store.suspended_by_us(vec![account.id.clone()]).await?;
        let Some(suspended_at) = ours.get(&account.id).copied() else { return Ok(false) };
        let changed = account.status_changed.at();
        let (mut in_log, mut sight) = (None, None);
        if changed.is_none() {
            let provider = self.s.provider(provider);
            let asked =
                self.s.soon_unless_ended(provider.last_change(&account.id, suspended_at - SKEW)).await;
            // Without the log, a later suspension by somebody else would look like ours.
            in_log = asked.ok_or_else(ended)??;
            sight = self.s.store.sights(vec![account.id.clone()]).await?.get(&account.id).copied();
        }
        Ok(is_our_suspension(suspended_at, changed, in_log.as_ref(), sight))
    }

    /// Who tries what they may not is in the audit trail; a slip of the pen is not.
    async fn note_not_given_back(
        &self,
        policy: &Policy,
        principal: &Principal,
        account: &Account,
        why: NotRestored,
    ) -> WorkResult<()> {
        let no_email = format!("{} gives no e-mail address for them", self.s.chat.terms().name);
        let why = match why {
            NotRestored::NotOurs => "the bot did not suspend it, and the person is not an admin",
            NotRestored::OwnAccount => "own account",
            NotRestored::OtherPolicy => "suspended under a policy that they are not an approver of",
            NotRestored::OtherType => "the policy does not cover its user type",
            NotRestored::Protected => {
                "protected: an administrator, the bot itself, or on the break-glass list"
            }
            NotRestored::NoEmail => no_email.as_str(),
            NotRestored::NotSuspended | NotRestored::NoReason | NotRestored::ReasonTooLong => return Ok(()),
        };
        let event = Draft::refused(
            &principal.person,
            self.s.clock.now(),
            json!({ "command": "restore", "why": why }),
        )
        .about(Subject::of(account));
        let context = AuditContext::of_policy(&policy.name);
        self.s.store.append(context, event).await?;
        Ok(())
    }
}

fn may_give_back(
    policy: &Policy,
    account_owners: &AccountOwners,
    principal: &Principal,
    account: &Account,
    reason: &str,
    ours: bool,
) -> Result<(), NotRestored> {
    if principal.person.email.as_deref().is_none_or(|email| email.trim().is_empty()) {
        return Err(NotRestored::NoEmail);
    }
    let subject = Subject::of(account);
    if is_own_account(account_owners, &principal.person, &subject, account.email.as_deref()) {
        return Err(NotRestored::OwnAccount);
    }
    // Of everybody else in the directory this bot says nothing.
    if !ours && !account.is_of(&policy.rule.user_type) {
        return Err(NotRestored::OtherType);
    }
    if account.status != AccountStatus::Suspended {
        return Err(NotRestored::NotSuspended);
    }
    if !ours && !principal.admin {
        return Err(NotRestored::NotOurs);
    }
    if reason.trim().is_empty() {
        return Err(NotRestored::NoReason);
    }
    if exemption::is_too_long(reason) {
        return Err(NotRestored::ReasonTooLong);
    }
    Ok(())
}

/// Returns the request of this number, if the reason beside it is not too long.
fn request_called(number: &str, reason: &str) -> Result<RequestId, Text> {
    let request = number.trim_start_matches('#').parse().map_err(|_| refusals::no_such_request())?;
    if exemption::is_too_long(reason) {
        return Err(exemptions::refusal(&exemption::Refusal::ReasonTooLong));
    }
    Ok(request)
}

fn ended() -> IdentityError {
    IdentityError::Transient("the workflow has ended".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::engine::bench::Bench;

    #[tokio::test]
    async fn a_sweep_runs_until_it_has_ended() {
        let bench = Bench::new();
        let running = async || bench.engine.commands.running_sweep("p").await.unwrap();
        assert_eq!(running().await, None);
        let sweep = bench.sweep("slot").await;
        assert_eq!(running().await, Some(sweep));
        bench.engine.s.store.fail_sweep(sweep, "no answer", bench.engine.s.clock.now()).await.unwrap();
        assert_eq!(running().await, None);
    }
}
