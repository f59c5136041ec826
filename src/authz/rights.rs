//! Who may ask what of which policy, and the audit events of people who ask for more.

use serde_json::json;

use crate::authz::{self, Authz};
use crate::chat::Inbound;
use crate::domain::audit::{Draft, Person};
use crate::domain::person::{Denied, Principal};
use crate::domain::policy::Policy;
use crate::services::WorkResult;
use crate::store::AuditContext;

/// Who may use a subcommand. Each role may do what the one before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// May look.
    Viewer,
    /// May decide; admins may too.
    Approver,
    /// May stop and resume.
    Admin,
}

impl Role {
    pub(crate) fn held_by(self, principal: &Principal) -> bool {
        match self {
            Role::Viewer => principal.viewer,
            Role::Approver => principal.approver || principal.admin,
            Role::Admin => principal.admin,
        }
    }

    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Role::Viewer => "the viewers, approvers and admins of a policy",
            Role::Approver => "approvers and admins of this policy",
            Role::Admin => "admins of the policy",
        }
    }
}

/// In which policies a person holds a role: in one at least.
pub(crate) struct Rights<'a> {
    /// Those in which they do, with their rights in each.
    pub(crate) granted: Vec<(&'a Policy, Principal)>,
    /// Those of which the chat system could not tell, and why not.
    pub(crate) unsure: Vec<(&'a Policy, String)>,
}

impl Rights<'_> {
    /// Whether they hold it in this policy. `Err`: what they are instead, if that could be looked up at all.
    pub(crate) fn held_in(&self, policy: &str) -> Result<(), Option<Denied>> {
        if self.granted.iter().any(|(granted, _)| granted.name == policy) {
            return Ok(());
        }
        let unsure = self.unsure.iter().find(|(unsure, _)| unsure.name == policy);
        Err(unsure.map(|(_, why)| Denied::CantTell(why.clone())))
    }
}

impl Authz {
    /// The policies in which the person holds the role. None: what they are instead, if they could be looked up at all.
    pub(crate) async fn granted(&self, user: &str, role: Role) -> Result<Rights<'_>, Option<Denied>> {
        let (mut rights, mut rejected_before) = (Rights { granted: Vec::new(), unsure: Vec::new() }, None);
        for policy in &self.s.policies {
            match authz::identify(self, policy, user).await {
                Ok(principal) if role.held_by(&principal) => rights.granted.push((policy, principal)),
                Ok(_) => {}
                Err(Denied::CantTell(why)) => rights.unsure.push((policy, why)),
                Err(denied) => rejected_before = Some(denied),
            }
        }
        match (rejected_before, rights.unsure.first()) {
            _ if !rights.granted.is_empty() => Ok(rights),
            // The role may be theirs there, whatever they are elsewhere.
            (None | Some(Denied::NotInChannel(..)), Some((_, why))) => {
                Err(Some(Denied::CantTell(why.clone())))
            }
            (rejected_before, _) => Err(rejected_before),
        }
    }

    /// The audit trail keeps who asked for what they may not have.
    pub(crate) async fn note_refused(
        &self,
        inbound: &Inbound,
        word: &str,
        denied: Option<Denied>,
    ) -> WorkResult<()> {
        let unknown = || Person::unknown(&inbound.user);
        let is_certain = denied.as_ref().is_none_or(Denied::is_certain);
        let (person, why) = match denied {
            Some(Denied::Outsider(person, why)) => (person, why),
            Some(Denied::NotInChannel(person, policy)) => {
                (person, format!("not a member of the channel of {policy}"))
            }
            Some(Denied::CantTell(why)) => (unknown(), unidentified(&why)),
            None => (unknown(), "does not have the role that this needs in any policy".to_owned()),
        };
        let event = Draft::refused(&person, inbound.received_at, json!({ "command": word, "why": why }));
        Ok(self.append_refused(is_certain, AuditContext::default(), event).await?)
    }
}

/// Those for a person who may have the role.
pub(crate) fn unidentified(why: &str) -> String {
    format!("could not be identified: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tests::approver;
    use crate::engine::bench::policy;

    #[test]
    fn of_a_policy_that_the_chat_could_not_tell_of_nobody_is_said_to_have_no_role() {
        let [p, q, r] = ["p", "q", "r"].map(|name| Policy { name: name.into(), ..policy() });
        let rights = Rights { granted: vec![(&p, approver())], unsure: vec![(&q, "no answer".to_owned())] };
        assert!(rights.held_in("p").is_ok());
        assert!(matches!(rights.held_in("q"), Err(Some(Denied::CantTell(why))) if why == "no answer"));
        assert!(matches!(rights.held_in(&r.name), Err(None)));
    }
}
