//! Who may ask what of which policy, and the audit events of people who ask for more.

use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::super::App;
use super::super::people::{self, Known, Stranger};
use super::super::wording::{mistakes, refusals};
use super::nearest::nearest;
use super::tail::Names;
use super::typed::folded;
use crate::chat::{Inbound, Text};
use crate::domain::audit::{Action, Actor, Draft, Person};
use crate::domain::policy::Policy;
use crate::store::AuditContext;

/// Who may use a subcommand. Each role may do what the one before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Role {
    /// May look.
    Viewer,
    /// May decide; admins may too.
    Approver,
    /// May stop and resume.
    Admin,
}

impl Role {
    pub(in super::super) fn held_by(self, known: &Known) -> bool {
        match self {
            Role::Viewer => known.viewer,
            Role::Approver => known.voter.approver || known.voter.admin,
            Role::Admin => known.voter.admin,
        }
    }

    pub(in super::super) fn in_words(self) -> &'static str {
        match self {
            Role::Viewer => "the viewers, approvers and admins of a policy",
            Role::Approver => "approvers and admins of this policy",
            Role::Admin => "admins of the policy",
        }
    }
}

/// In which policies a person holds a role: in one at least.
pub(in super::super) struct Rights<'a> {
    /// Those in which they do, with their rights in each.
    pub(super) granted: Vec<(&'a Policy, Known)>,
    /// Those of which the chat system could not tell, and why not.
    pub(super) unsure: Vec<(&'a Policy, String)>,
}

impl Rights<'_> {
    /// Whether they hold it in this policy. `Err`: what they are instead, if that could be looked up at all.
    pub(in super::super) fn held_in(&self, policy: &str) -> Result<(), Option<Stranger>> {
        if self.granted.iter().any(|(granted, _)| granted.name == policy) {
            return Ok(());
        }
        let unsure = self.unsure.iter().find(|(unsure, _)| unsure.name == policy);
        Err(unsure.map(|(_, why)| Stranger::CantTell(why.clone())))
    }
}

/// A command by a person who holds its role in at least one policy.
pub(super) struct Asked<'a> {
    /// The same for a repeated delivery.
    pub(super) key: &'a str,
    /// When it arrived.
    pub(super) at: DateTime<Utc>,
    /// The policies in which the person holds the role, with their rights in each.
    pub(super) granted: Vec<(&'a Policy, Known)>,
    /// Those of which the chat system could not tell whether they do, and why not.
    pub(super) unsure: Vec<(&'a Policy, String)>,
    /// A policy that exists and was reached for without the role, and why it is not granted.
    pub(super) reached: OnceLock<(String, String)>,
}

impl<'a> Asked<'a> {
    /// The policies that the answer is about.
    pub(super) fn policies(&self) -> Vec<&'a Policy> {
        self.granted.iter().map(|(policy, _)| *policy).collect()
    }

    /// Returns the names that the person may write.
    pub(super) fn names(&self, app: &'a App) -> Names<'a> {
        let all = app.policies.iter().map(|policy| policy.name.as_str()).collect();
        Names { all, shown: self.granted.iter().map(|(policy, _)| policy.name.as_str()).collect() }
    }

    /// The answer where no account of their policies was found. Of a policy in which nobody can tell their rights now,
    /// nobody can tell that either.
    pub(super) fn no_account_of_theirs(&self, typed: &str, wanted: Option<&str>) -> Text {
        match self.unsure.first().filter(|_| wanted.is_none()) {
            Some((_, why)) => refusals::stranger(&Stranger::CantTell(why.clone())),
            None => refusals::no_account_of_yours(typed),
        }
    }

    /// The policy of this name, or the only one.
    pub(super) fn policy(&self, app: &App, name: Option<&str>) -> Result<(&'a Policy, &Known), Text> {
        // Names are compared as people write them.
        let name = name.map(|name| app.policy_called(name).map_or(name, |policy| policy.name.as_str()));
        let find = |name: &str| self.granted.iter().find(|(policy, _)| policy.name == name);
        let names =
            || self.granted.iter().map(|(policy, _)| policy.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = match (name, self.granted.as_slice()) {
            // Another may have been meant, of which nobody can tell now.
            (None, [only]) if self.unsure.is_empty() => Some(only),
            (None, _) => return Err(Text::plain(format!("Which policy? Name one of: {}.", names()))),
            (Some(name), _) => find(name),
        };
        match (found, name) {
            (Some((policy, known)), _) => Ok((policy, known)),
            (None, Some(name)) if app.policy(name).is_some() => {
                let unsure = self.unsure.iter().find(|(policy, _)| policy.name == name);
                let (why, refusal) = match unsure {
                    Some((_, why)) => {
                        (unidentified(why), refusals::stranger(&Stranger::CantTell(why.clone())))
                    }
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
                let shown: Vec<&str> = self.granted.iter().map(|(policy, _)| policy.name.as_str()).collect();
                let name = name.unwrap_or_default();
                Err(mistakes::no_such_policy(name, nearest(name, &shown), &shown))
            }
        }
    }
}

impl App {
    /// Returns the policy of this name, however it is capitalised.
    fn policy_called(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| folded(&policy.name) == folded(name))
    }

    /// The policies in which the person holds the role. None: what they are instead, if they could be looked up at all.
    pub(in super::super) async fn granted(
        &self,
        user: &str,
        role: Role,
    ) -> Result<Rights<'_>, Option<Stranger>> {
        let (mut rights, mut turned_away) = (Rights { granted: Vec::new(), unsure: Vec::new() }, None);
        for policy in &self.policies {
            match people::identify(self, policy, user).await {
                Ok(known) if role.held_by(&known) => rights.granted.push((policy, known)),
                Ok(_) => {}
                Err(Stranger::CantTell(why)) => rights.unsure.push((policy, why)),
                Err(stranger) => turned_away = Some(stranger),
            }
        }
        match (turned_away, rights.unsure.first()) {
            _ if !rights.granted.is_empty() => Ok(rights),
            // The role may be theirs there, whatever they are elsewhere.
            (None | Some(Stranger::NotInChannel(..)), Some((_, why))) => {
                Err(Some(Stranger::CantTell(why.clone())))
            }
            (turned_away, _) => Err(turned_away),
        }
    }

    /// Who holds the role in one policy and reaches for another is in the audit trail too.
    pub(super) async fn note_reached(
        &self,
        asked: &Asked<'_>,
        word: &str,
        policy: String,
        why: &str,
    ) -> anyhow::Result<()> {
        let event = Draft {
            at: asked.at,
            actor: Actor::Person(asked.person().clone()),
            action: Action::InputRefused,
            subject: None,
            detail: json!({ "command": word, "why": why }),
        };
        let context = AuditContext { policy: Some(policy), ..AuditContext::default() };
        self.store.append(context, event).await?;
        Ok(())
    }

    /// The audit trail keeps who asked for what they may not have.
    pub(in super::super) async fn note_refused(
        &self,
        inbound: &Inbound,
        word: &str,
        stranger: Option<Stranger>,
    ) -> anyhow::Result<()> {
        let unknown =
            || Person { id: inbound.user.clone(), name: String::new(), email: None, person_id: None };
        let is_certain = stranger.as_ref().is_none_or(Stranger::is_certain);
        let (person, why) = match stranger {
            Some(Stranger::Outsider(person, why)) => (person, why),
            Some(Stranger::NotInChannel(person, policy)) => {
                (person, format!("not a member of the channel of {policy}"))
            }
            Some(Stranger::CantTell(why)) => (unknown(), unidentified(&why)),
            None => (unknown(), "does not have the role that this needs in any policy".to_owned()),
        };
        let event = Draft {
            at: inbound.received_at,
            actor: Actor::Person(person),
            action: Action::InputRefused,
            subject: None,
            detail: json!({ "command": word, "why": why }),
        };
        if is_certain {
            self.append_try(AuditContext::default(), event).await?;
        } else {
            self.store.append(AuditContext::default(), event).await?;
        }
        Ok(())
    }
}

/// The words of the audit trail for a person without the role.
const NO_ROLE: &str = "does not have the role that this needs in the policy";

/// Those for a person who may have the role.
pub(in super::super) fn unidentified(why: &str) -> String {
    format!("could not be identified: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::command::tests::approver;
    use crate::app::tests::policy;

    #[test]
    fn of_a_policy_that_the_chat_could_not_tell_of_nobody_is_said_to_have_no_role() {
        let [p, q, r] = ["p", "q", "r"].map(|name| Policy { name: name.to_owned(), ..policy() });
        let rights = Rights { granted: vec![(&p, approver())], unsure: vec![(&q, "no answer".to_owned())] };
        assert!(rights.held_in("p").is_ok());
        assert!(matches!(rights.held_in("q"), Err(Some(Stranger::CantTell(why))) if why == "no answer"));
        assert!(matches!(rights.held_in(&r.name), Err(None)));
    }
}
