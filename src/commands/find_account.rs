//! Finds the person that a command is about: an `@mention`, an e-mail address, a login or an id of the identity
//! provider.

use crate::chat::Text;
use crate::commands::Commands;
use crate::domain::account::Account;
use crate::domain::policy::Policy;
use crate::domain::provider::ProviderName;
use crate::identity::{Directory as _, IdentityError};
use crate::services::WorkResult;
use crate::wording::history::cant_find_person;
use crate::wording::refusals;

impl Commands {
    /// The one account that `person` names, with the policy that it is the business of: the first of the account's
    /// type, or else the first of all. `Err` is the sentence for the person. To the person, an account of another type
    /// than their policies' and one that isn't there are the same: that is said with the same sentence.
    pub(crate) async fn account_of<'a>(
        &self,
        policies: &[&'a Policy],
        person: &str,
    ) -> WorkResult<Result<Option<(&'a Policy, Account)>, Text>> {
        let address = match self.address_of(person).await {
            Ok(address) => address,
            Err(text) => return Ok(Err(text)),
        };
        let mut found: Option<(&Policy, Account)> = None;
        for policy in policies {
            let provider = self.s.provider(&policy.rule.provider);
            let Some(accounts) = self.s.soon_unless_ended(provider.find(&address, &policy.rule)).await else {
                return Ok(Err(refusals::ask_again()));
            };
            let mut accounts = match accounts {
                Ok(accounts) => accounts,
                Err(error) => {
                    return Ok(Err(self.unreadable(&policy.rule.provider, &error)));
                }
            };
            if accounts.len() > 1 {
                // Who else shares the address or number is none of the policy's business.
                accounts.retain(|account| account.is_of(&policy.rule.user_type));
            }
            if accounts.len() > 1 {
                let text = Text::plain("Several accounts match. Use one of these logins:");
                let listed = accounts.iter().fold(text, |text, account| text.then(" ").login(&account.login));
                return Ok(Err(listed));
            }
            if let Some(account) = accounts.pop() {
                let of_type = account.is_of(&policy.rule.user_type);
                if of_type || found.is_none() {
                    found = Some((policy, account));
                }
                if of_type {
                    break;
                }
            }
        }
        Ok(Ok(found))
    }

    /// Says that an account can't be read, and why.
    pub(crate) fn unreadable(&self, provider: &ProviderName, error: &IdentityError) -> Text {
        let provider = self.s.terms(provider).name;
        Text::plain(format!("I can't read that account from {provider} now: ")).sentence(error.to_string())
    }

    /// An `@mention` as that person's e-mail address; anything else as it is.
    pub(crate) async fn address_of(&self, person: &str) -> Result<String, Text> {
        let Some(id) = person.strip_prefix("<@").and_then(|rest| rest.strip_suffix('>')) else {
            return Ok(person.to_owned());
        };
        let id = id.split('|').next().unwrap_or(id);
        match self.s.chat.user(id).await {
            Ok(user) => user.email.ok_or_else(|| {
                Text::default()
                    .chat_name()
                    .then(" doesn't tell me that person's e-mail address. Use their login instead.")
            }),
            Err(error) => Err(cant_find_person(&error.to_string())),
        }
    }
}
