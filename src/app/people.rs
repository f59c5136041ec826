//! Who may do what: established from the chat system at the moment of asking, and closed by default.

use std::time::Duration;

use super::App;
use crate::chat::{ChatError, ChatUser};
use crate::domain::audit::Person;
use crate::domain::policy::{People, Policy};
use crate::domain::request::Voter;

/// How long a click may wait for the chat system to say who clicked; Slack wants its acknowledgement within 3 s.
const IDENTIFY_MAX: Duration = Duration::from_millis(1800);
/// Why a person was rejected before their input was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// A guest, a bot, deactivated or of another company.
    Outsider(Person, String),
    /// Would decide for the policy of this name, but isn't in its channel now.
    NotInChannel(Person, String),
    /// The chat system could not say who this is or what they may do.
    CantTell(String),
}

impl Stranger {
    /// Returns whether it is certain that they may not.
    pub fn is_certain(&self) -> bool {
        !matches!(self, Stranger::CantTell(_))
    }
}

/// What a person is to a policy right now.
#[derive(Clone, Debug)]
pub struct Known {
    /// The person with the rights to decide.
    pub voter: Voter,
    /// May run read-only commands.
    pub viewer: bool,
}

/// Establishes who `user` is and what they may do for `policy`. Fails closed, and in time for an acknowledgement.
pub async fn identify(app: &App, policy: &Policy, user: &str) -> Result<Known, Stranger> {
    match tokio::time::timeout(IDENTIFY_MAX, look_up(app, policy, user)).await {
        Ok(Ok(known)) => known,
        Ok(Err(error)) => Err(Stranger::CantTell(error.to_string())),
        Err(_) => Err(Stranger::CantTell("it did not answer in time".into())),
    }
}

async fn look_up(app: &App, policy: &Policy, user: &str) -> Result<Result<Known, Stranger>, ChatError> {
    if let Some((person, why)) = app.known_outsider(user) {
        return Ok(Err(Stranger::Outsider(person, why)));
    }
    let found = async {
        let found = app.user_of(user).await.map_err(Err)?;
        match found.outsider.clone() {
            Some(why) => {
                let person = person_of(found);
                app.remember_outsider(&person, &why);
                Err(Ok(Stranger::Outsider(person, why)))
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
        if place_matters { Ok(Some(app.chat.channel_members(&policy.channel).await)) } else { Ok(None) }
    };
    // Together, since an acknowledgement waits for both; a person who can never decide anything waits for one.
    let (found, members) = match tokio::try_join!(found, members) {
        Ok(both) => both,
        Err(Ok(stranger)) => return Ok(Err(stranger)),
        Err(Err(error)) => return Err(error),
    };
    let seat = Seat { app, policy, user: &found, members };
    let (approver, admin) = tokio::try_join!(seat.is_of(&policy.approvers), seat.is_of(&policy.admins))?;
    let person = person_of(found.clone());
    if !approver && !admin {
        let viewer = seat.is_of(&policy.viewers).await?;
        return Ok(Ok(Known { voter: Voter { person, approver, admin }, viewer }));
    }
    // So that accounts which are theirs under their other id are known as theirs.
    app.is_among(&found, policy.own_accounts.keys()).await?;
    // A person who has left the channel, or was removed from it, has not seen what is asked there.
    if seat.in_channel().await? {
        return Ok(Ok(Known { voter: Voter { person, approver, admin }, viewer: true }));
    }
    if seat.is_of(&policy.viewers).await? {
        return Ok(Ok(Known { voter: Voter { person, approver: false, admin: false }, viewer: true }));
    }
    Ok(Err(Stranger::NotInChannel(person, policy.name.clone())))
}

/// As the audit trail remembers them.
pub(super) fn person_of(user: ChatUser) -> Person {
    let ChatUser { id, person_id, name, email, .. } = user;
    Person { id, name, email, person_id }
}

/// Where one person sits, for one look-up.
struct Seat<'a> {
    app: &'a App,
    policy: &'a Policy,
    user: &'a ChatUser,
    /// Who is in the policy's channel, if that was asked already.
    members: Option<Result<Vec<String>, ChatError>>,
}

impl Seat<'_> {
    async fn is_of(&self, people: &People) -> Result<bool, ChatError> {
        if self.app.is_among(self.user, &people.users).await? {
            return Ok(true);
        }
        for group in &people.groups {
            match self.app.chat.group_members(group).await {
                Ok(members) if self.app.is_among(self.user, &members).await? => return Ok(true),
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
            None => self.app.chat.channel_members(&self.policy.channel).await?,
        };
        self.app.is_among(self.user, &members).await
    }
}
