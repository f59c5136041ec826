//! Exemptions: granted, ended early, listed.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::json;

use crate::chat::Text;
use crate::commands::asked::Asked;
use crate::commands::grammar::About;
use crate::commands::tail::{self, Form, Said};
use crate::commands::{Answer, Commands};
use crate::domain::account::Account;
use crate::domain::audit::{Draft, Subject};
use crate::domain::exemption::{self, End, Granted, Wish};
use crate::domain::person::{Denied, Principal};
use crate::domain::policy::Policy;
use crate::services::WorkResult;
use crate::store::{AuditContext, Exempted};
use crate::wording::{exemptions, refusals};

impl Commands {
    /// Grants an exemption.
    pub(crate) async fn exempt(&self, asked: &Asked<'_>, about: &About) -> WorkResult<Answer> {
        let form = Form::exemption();
        // The zone of its times is known once the policy is.
        let named = match self.said(asked, form, about, Tz::UTC) {
            Ok(said) => said.policy,
            Err(text) => return Ok(Err(text)),
        };
        let (policy, principal, account) =
            match self.concerned(asked, &about.person, named.as_deref()).await? {
                Ok(Some(found)) if found.2.is_of(&found.0.rule.user_type) => found,
                Ok(_) => return Ok(Err(asked.no_account_of_theirs(&about.person, named.as_deref()))),
                Err(text) => return Ok(Err(text)),
            };
        let said = match self.said(asked, form, about, policy.schedule.zone) {
            Ok(said) => said,
            Err(text) => return Ok(Err(text)),
        };
        let starts_at = said.from.unwrap_or(asked.at);
        let wish = Wish {
            policy: policy.name.clone(),
            provider: policy.rule.provider.clone(),
            account: Subject::of(&account),
            email: account.email.clone(),
            by: principal.person.clone(),
            reason: said.reason.clone(),
            starts_at,
            ends_at: said.until.unwrap_or(starts_at.max(asked.at) + policy.exemption_max),
        };
        let answer = self.grant(policy, asked.key, wish, asked.at).await?;
        let open_ended = said.until.is_none();
        Ok(answer
            .map(|card| if open_ended { exemptions::without_an_end(card) } else { card })
            .map(|card| refusals::with_reason(card, &said.reason)))
    }

    /// Grants an exemption if it may be, or says why it may not.
    pub(crate) async fn grant(
        &self,
        policy: &Policy,
        key: &str,
        wish: Wish,
        now: DateTime<Utc>,
    ) -> WorkResult<Answer> {
        if let Err(refusal) =
            exemption::check(&wish, &self.authz.account_owners(policy), policy.exemption_max, now)
        {
            match refusal {
                exemption::Refusal::OwnAccount => self.note_not_exempted(&wish, "own account").await?,
                exemption::Refusal::NoEmail => self.note_not_exempted(&wish, "no e-mail address").await?,
                // A slip of the pen.
                exemption::Refusal::NoReason
                | exemption::Refusal::ReasonTooLong
                | exemption::Refusal::EndsTooEarly
                | exemption::Refusal::TooLong { .. }
                | exemption::Refusal::StartsTooLate => {}
            }
            return Ok(Err(exemptions::refusal(&refusal)));
        }
        let (Exempted::New(granted) | Exempted::Repeated(granted)) =
            self.s.store.grant_exemption(key, wish, now).await?;
        self.s.nudge();
        // It is granted, whether the rest can be said or not. Of another policy's request nobody here hears.
        let waiting = self.waiting_in(&[policy], &granted.account.id).await.unwrap_or_else(|error| {
            let error = format!("{error:#}");
            tracing::error!(
                account = granted.account.id.0,
                error,
                "can't tell who asks about an exempt account"
            );
            None
        });
        Ok(Ok(exemptions::exempted(&granted, waiting, now)))
    }

    async fn note_not_exempted(&self, wish: &Wish, why: &str) -> WorkResult<()> {
        let event = Draft::refused(&wish.by, self.s.clock.now(), json!({ "command": "exempt", "why": why }))
            .about(wish.account.clone());
        let context = AuditContext::of_policy(&wish.policy);
        self.s.store.append(context, event).await?;
        Ok(())
    }

    /// Returns what stands after the person, with times in `zone`.
    fn said(&self, asked: &Asked<'_>, form: Form, about: &About, zone: Tz) -> Result<Said, Text> {
        let text = about.words.as_deref().unwrap_or_default();
        tail::read(form, text, about.policy.as_deref(), &asked.names(self), asked.at, zone)
    }

    /// Ends the account's exemptions.
    pub(crate) async fn unexempt(&self, asked: &Asked<'_>, person: &str, said: &Said) -> WorkResult<Answer> {
        let nobody = || asked.no_account_of_theirs(person, said.policy.as_deref());
        let (policy, principal, account) = match self.concerned(asked, person, said.policy.as_deref()).await?
        {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Err(nobody())),
            Err(text) => return Ok(Err(text)),
        };
        // One whose type was changed since may still be exempt.
        let granted = self.s.store.exemptions_of(&account.id).await?;
        if !has_open(&granted, &policy.name, asked.at) && !account.is_of(&policy.rule.user_type) {
            return Ok(Err(nobody()));
        }
        let reason = Some(said.reason.clone()).filter(|reason| !reason.is_empty());
        if reason.as_deref().is_some_and(exemption::is_too_long) {
            return Ok(Err(exemptions::refusal(&exemption::Refusal::ReasonTooLong)));
        }
        let end = End::Lifted { by: principal.person.clone(), reason };
        let lifted = self.s.store.lift_exemptions(&policy.name, &account.id, end, asked.at).await?;
        self.s.nudge();
        Ok(Ok(exemptions::lifted(&account, policy, &lifted)))
    }

    /// Lists the exemptions that have not ended.
    pub(crate) async fn exemptions(&self, policies: &[&Policy]) -> WorkResult<Answer> {
        let names = policies.iter().map(|policy| policy.name.clone()).collect();
        let now = self.s.clock.now();
        let open = self.s.store.open_exemptions(names, now).await?;
        Ok(Ok(exemptions::list(&open, now)))
    }

    /// The account that a command is about, with the policy that is concerned: the named one, or the one whose type the
    /// account has.
    pub(crate) async fn concerned<'a, 'b>(
        &self,
        asked: &'b Asked<'a>,
        person: &str,
        wanted: Option<&str>,
    ) -> WorkResult<Result<Option<(&'a Policy, &'b Principal, Account)>, Text>> {
        let policies = match wanted {
            Some(name) => match asked.policy(self, Some(name)) {
                Ok((policy, _)) => vec![policy],
                Err(text) => return Ok(Err(text)),
            },
            None => asked.policies(),
        };
        let (policy, account) = match self.account_of(&policies, person).await? {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Ok(None)),
            Err(text) => return Ok(Err(text)),
        };
        let of_type = |policy: &&&Policy| account.is_of(&policy.rule.user_type);
        let unsure = asked.unsure.iter().find(|(unsure, _)| wanted.is_none() && of_type(&unsure));
        if let Some((_, why)) = unsure {
            // That policy may have been meant, and nobody can tell now.
            return Ok(Err(refusals::denied(&Denied::CantTell(why.clone()))));
        }
        if wanted.is_none() && policies.iter().filter(of_type).count() > 1 {
            let names: Vec<&str> = policies.iter().filter(of_type).map(|policy| &*policy.name).collect();
            return Ok(Err(refusals::which_policy(&names)));
        }
        Ok(asked
            .policy(self, Some(&policy.name))
            .map(|(policy, principal)| Some((policy, principal, account))))
    }
}

/// Whether one of these exemptions, of this policy, has not ended.
fn has_open(granted: &[Granted], policy: &str, now: DateTime<Utc>) -> bool {
    granted.iter().any(|one| one.policy == policy && one.is_open(now))
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;
    use crate::domain::account::AccountId;
    use crate::domain::audit::Person;
    use crate::domain::provider::ProviderName;

    #[test]
    fn an_exemption_counts_for_its_policy_until_it_ends() {
        let now: DateTime<Utc> = "2026-10-14T12:00:00Z".parse().expect("a time");
        let account = Subject { id: AccountId("00u1".to_owned()), login: "ada".to_owned() };
        let granted = |policy: &str, days| Granted {
            id: 1,
            policy: policy.into(),
            provider: ProviderName::default(),
            account: account.clone(),
            by: Person { id: "U1".to_owned(), name: "Ann".to_owned(), email: None, person_id: None },
            reason: String::new(),
            granted_at: now - Duration::days(9),
            starts_at: now - Duration::days(9),
            ends_at: now + Duration::days(days),
            end: None,
        };
        assert!(has_open(&[granted("q", 1), granted("p", 1)], "p", now));
        assert!(!has_open(&[granted("q", 1), granted("p", -1)], "p", now));
    }
}
