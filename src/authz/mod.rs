//! Who may do what: established from the chat system at the moment of asking, and closed by default.

pub mod deciders;
pub(crate) mod ids;
pub(crate) mod rights;
pub mod state;
pub(crate) mod tries;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::authz::state::SoFar;
use crate::chat::{ChatError, ChatUser};
use crate::domain::audit::Person;
use crate::domain::person::{Denied, Principal};
use crate::domain::policy::Policy;
use crate::domain::settings::People;
use crate::services::{Services, lock};

/// Establishes who `user` is and what they may do for `policy`. Fails closed, and in time for an acknowledgement.
pub async fn identify(authz: &Authz, policy: &Policy, user: &str) -> Result<Principal, Denied> {
    let time = authz.s.chat.answer_time().to_identify();
    match tokio::time::timeout(time, look_up(authz, policy, user)).await {
        Ok(Ok(principal)) => principal,
        Ok(Err(error)) => Err(Denied::CantTell(error.to_string())),
        Err(_) => Err(Denied::CantTell("it did not answer in time".into())),
    }
}

async fn look_up(authz: &Authz, policy: &Policy, user: &str) -> Result<Result<Principal, Denied>, ChatError> {
    if let Some((person, why)) = authz.known_outsider(user) {
        return Ok(Err(Denied::Outsider(person, why)));
    }
    let found = async {
        let found = authz.user_of(user).await.map_err(Err)?;
        match found.outsider.clone() {
            Some(why) => {
                let person = person_of(found);
                authz.remember_outsider(&person, &why);
                Err(Ok(Denied::Outsider(person, why)))
            }
            None => Ok(found),
        }
    };
    let by_name_or_place =
        |people: &People| people.channel_members || people.users.iter().any(|id| id == user);
    let place_matters = by_name_or_place(&policy.approvers)
        || by_name_or_place(&policy.admins)
        || policy.viewers.channel_members;
    let members = async {
        if place_matters { Ok(Some(authz.s.chat.channel_members(&policy.channel).await)) } else { Ok(None) }
    };
    // Together, since an acknowledgement waits for both; a person who can never decide anything waits for one.
    let (found, members) = match tokio::try_join!(found, members) {
        Ok(both) => both,
        Err(Ok(denied)) => return Ok(Err(denied)),
        Err(Err(error)) => return Err(error),
    };
    let membership = Membership { authz, policy, user: &found, members };
    let (approver, admin) =
        tokio::try_join!(membership.is_of(&policy.approvers), membership.is_of(&policy.admins))?;
    let person = person_of(found.clone());
    if !approver && !admin {
        let viewer = membership.is_of(&policy.viewers).await?;
        return Ok(Ok(Principal { person, approver, admin, viewer }));
    }
    // So that accounts which are theirs under their other id are known as theirs.
    authz.is_among(&found, policy.account_owners.keys()).await?;
    // A person who has left the channel, or was removed from it, has not seen what is asked there.
    if membership.in_channel().await? {
        return Ok(Ok(Principal { person, approver, admin, viewer: true }));
    }
    if membership.is_of(&policy.viewers).await? {
        return Ok(Ok(Principal { person, approver: false, admin: false, viewer: true }));
    }
    Ok(Err(Denied::NotInChannel(person, policy.name.to_string())))
}

/// As the audit trail remembers them.
pub(crate) fn person_of(user: ChatUser) -> Person {
    let ChatUser { id, person_id, name, email, .. } = user;
    Person { id, name, email, person_id }
}

/// Where one person sits, for one look-up.
struct Membership<'a> {
    authz: &'a Authz,
    policy: &'a Policy,
    user: &'a ChatUser,
    /// Who is in the policy's channel, if that was asked already.
    members: Option<Result<Vec<String>, ChatError>>,
}

/// Establishes who people are and what they may do.
pub struct Authz {
    s: Arc<Services>,
    /// Who can decide, as it was last looked up.
    deciders: state::Kept,
    looked_up: state::SoFar,
    /// Which person an id is of, in an organisation.
    ids: Mutex<state::Ids>,
    /// Of people without a right, what they have tried since the last event about it.
    tries: Mutex<state::Tries>,
    /// Who was found to be an outsider just now, and why.
    outsiders: Mutex<BTreeMap<String, (Instant, Person, String)>>,
}

impl Authz {
    pub(crate) fn new(s: Arc<Services>) -> Authz {
        Authz {
            s,
            deciders: state::Kept::default(),
            looked_up: SoFar::default(),
            ids: Mutex::default(),
            tries: Mutex::default(),
            outsiders: Mutex::default(),
        }
    }
}

impl Membership<'_> {
    async fn is_of(&self, people: &People) -> Result<bool, ChatError> {
        if self.authz.is_among(self.user, &people.users).await? {
            return Ok(true);
        }
        for group in &people.groups {
            match self.authz.s.chat.group_members(group).await {
                Ok(members) if self.authz.is_among(self.user, &members).await? => return Ok(true),
                // A group that is gone has nobody in it, and stops nobody who is named otherwise.
                Ok(_) | Err(ChatError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if people.channel_members { self.in_channel().await } else { Ok(false) }
    }

    async fn in_channel(&self) -> Result<bool, ChatError> {
        let members = match &self.members {
            Some(asked) => asked.clone()?,
            None => self.authz.s.chat.channel_members(&self.policy.channel).await?,
        };
        self.authz.is_among(self.user, &members).await
    }
}

impl Authz {
    /// Who was found to be an outsider a moment ago, and why.
    pub(crate) fn known_outsider(&self, user: &str) -> Option<(Person, String)> {
        let mut outsiders = lock(&self.outsiders);
        let now = Instant::now();
        outsiders.retain(|_, (since, ..)| now - *since < OUTSIDER_FOR);
        outsiders.get(user).map(|(_, person, why)| (person.clone(), why.clone()))
    }

    pub(crate) fn remember_outsider(&self, person: &Person, why: &str) {
        let entry = (Instant::now(), person.clone(), why.to_owned());
        lock(&self.outsiders).insert(person.id.clone(), entry);
    }
}

/// How long an outsider counts as one without being looked up again. Nobody's right is ever remembered.
const OUTSIDER_FOR: Duration = Duration::from_secs(30);
