//! A command, with what the person who typed it may do.

use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::authz::rights::unidentified;
use crate::chat::Text;
use crate::commands::Commands;
use crate::commands::tail::Names;
use crate::commands::typed::folded;
use crate::domain::audit::Draft;
use crate::domain::nearest::nearest;
use crate::domain::person::{Denied, Principal};
use crate::domain::policy::Policy;
use crate::services::WorkResult;
use crate::store::AuditContext;
use crate::wording::{mistakes, refusals};

/// A command by a person who holds its role in at least one policy.
pub(crate) struct Asked<'a> {
    /// The same for a repeated delivery.
    pub(crate) key: &'a str,
    /// When it arrived.
    pub(crate) at: DateTime<Utc>,
    /// The policies in which the person holds the role, with their rights in each.
    pub(crate) granted: Vec<(&'a Policy, Principal)>,
    /// Those of which the chat system could not tell whether they do, and why not.
    pub(crate) unsure: Vec<(&'a Policy, String)>,
    /// A policy that exists and was reached for without the role, and why it is not granted.
    pub(crate) reached: OnceLock<(String, String)>,
}

impl<'a> Asked<'a> {
    /// The policies that the answer is about.
    pub(crate) fn policies(&self) -> Vec<&'a Policy> {
        self.granted.iter().map(|(policy, _)| *policy).collect()
    }

    /// Returns the names that the person may write.
    pub(crate) fn names(&self, commands: &'a Commands) -> Names<'a> {
        let all = commands.s.policies.iter().map(|policy| &*policy.name).collect();
        Names { all, shown: self.granted.iter().map(|(policy, _)| &*policy.name).collect() }
    }

    /// The answer where no account of their policies was found. Of a policy in which nobody can tell their rights now,
    /// nobody can tell that either.
    pub(crate) fn no_account_of_theirs(&self, typed: &str, wanted: Option<&str>) -> Text {
        match self.unsure.first().filter(|_| wanted.is_none()) {
            Some((_, why)) => refusals::denied(&Denied::CantTell(why.clone())),
            None => refusals::no_account_of_yours(typed),
        }
    }

    /// The policy of this name, or the only one.
    pub(crate) fn policy(
        &self,
        commands: &Commands,
        name: Option<&str>,
    ) -> Result<(&'a Policy, &Principal), Text> {
        // Names are compared as people write them.
        let name = name.map(|name| commands.policy_called(name).map_or(name, |policy| &*policy.name));
        let find = |name: &str| self.granted.iter().find(|(policy, _)| policy.name == name);
        let names = || self.granted.iter().map(|(policy, _)| &*policy.name).collect::<Vec<_>>().join(", ");
        let found = match (name, self.granted.as_slice()) {
            // Another may have been meant, of which nobody can tell now.
            (None, [only]) if self.unsure.is_empty() => Some(only),
            (None, _) => return Err(Text::plain(format!("Which policy? Name one of: {}.", names()))),
            (Some(name), _) => find(name),
        };
        match (found, name) {
            (Some((policy, principal)), _) => Ok((policy, principal)),
            (None, Some(name)) if commands.s.policy(name).is_some() => {
                let unsure = self.unsure.iter().find(|(policy, _)| policy.name == name);
                let (why, refusal) = match unsure {
                    Some((_, why)) => (unidentified(why), refusals::denied(&Denied::CantTell(why.clone()))),
                    None => (
                        NO_ROLE.to_owned(),
                        refusals::not_allowed("do that", "people with the right role in that policy"),
                    ),
                };
                // One is enough.
                let _ = self.reached.set((name.to_owned(), why));
                Err(refusal)
            }
            (None, name) => {
                let shown: Vec<&str> = self.granted.iter().map(|(policy, _)| &*policy.name).collect();
                let name = name.unwrap_or_default();
                Err(mistakes::no_such_policy(name, nearest(name, shown.iter().copied()), &shown))
            }
        }
    }
}

impl Commands {
    /// Returns the policy of this name, however it is capitalised.
    fn policy_called(&self, name: &str) -> Option<&Policy> {
        self.s.policies.iter().find(|policy| folded(&policy.name) == folded(name))
    }

    /// Who holds the role in one policy and reaches for another is in the audit trail too.
    pub(crate) async fn note_reached(
        &self,
        asked: &Asked<'_>,
        word: &str,
        policy: &str,
        why: &str,
    ) -> WorkResult<()> {
        let event = Draft::refused(asked.person(), asked.at, json!({ "command": word, "why": why }));
        let context = AuditContext::of_policy(policy);
        self.s.store.append(context, event).await?;
        Ok(())
    }
}

/// The words of the audit trail for a person without the role.
const NO_ROLE: &str = "does not have the role that this needs in the policy";
