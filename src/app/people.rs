//! Who may do what: established from the chat system at the moment of asking, and closed by default.

use std::time::Duration;

use super::App;
use crate::chat::{ChatError, ChatUser};
use crate::domain::audit::Person;
use crate::domain::policy::{People, Policy};
use crate::domain::request::Voter;

/// How long a click may wait for the chat system to say who clicked; Slack wants its acknowledgement within 3 s.
const IDENTIFY_MAX: Duration = Duration::from_millis(1800);
/// Why a person was turned away before their input was even looked at.
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
    let person = async {
        let ChatUser { id, name, email, outsider, .. } = app.chat.user(user).await.map_err(Err)?;
        let person = Person { id, name, email };
        match outsider {
            Some(why) => {
                app.remember_outsider(&person, &why);
                Err(Ok(Stranger::Outsider(person, why)))
            }
            None => Ok(person),
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
    // Together, since an acknowledgement waits for both; whoever can never decide anything waits for one.
    let (person, members) = match tokio::try_join!(person, members) {
        Ok(both) => both,
        Err(Ok(stranger)) => return Ok(Err(stranger)),
        Err(Err(error)) => return Err(error),
    };
    let in_channel = members.map(|members| Ok(members?.iter().any(|id| id == user)));
    let seat = Seat { app, policy, user, in_channel };
    let (approver, admin) = tokio::try_join!(seat.is_of(&policy.approvers), seat.is_of(&policy.admins))?;
    if !approver && !admin {
        let viewer = seat.is_of(&policy.viewers).await?;
        return Ok(Ok(Known { voter: Voter { person, approver, admin }, viewer }));
    }
    // Whoever has left the channel, or was removed from it, has not seen what is asked there.
    if seat.in_channel().await? {
        return Ok(Ok(Known { voter: Voter { person, approver, admin }, viewer: true }));
    }
    if seat.is_of(&policy.viewers).await? {
        return Ok(Ok(Known { voter: Voter { person, approver: false, admin: false }, viewer: true }));
    }
    Ok(Err(Stranger::NotInChannel(person, policy.name.clone())))
}

/// Where one person sits, for one look-up.
struct Seat<'a> {
    app: &'a App,
    policy: &'a Policy,
    user: &'a str,
    /// Whether they are in the policy's channel, if that was asked already.
    in_channel: Option<Result<bool, ChatError>>,
}

impl Seat<'_> {
    async fn is_of(&self, people: &People) -> Result<bool, ChatError> {
        if people.users.iter().any(|id| id == self.user) {
            return Ok(true);
        }
        for group in &people.groups {
            match self.app.chat.group_members(group).await {
                Ok(members) if members.iter().any(|id| id == self.user) => return Ok(true),
                // A group that is gone has nobody in it, and stops nobody who is named otherwise.
                Ok(_) | Err(ChatError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if people.channel_members { self.in_channel().await } else { Ok(false) }
    }

    async fn in_channel(&self) -> Result<bool, ChatError> {
        if let Some(known) = &self.in_channel {
            return known.clone();
        }
        let members = self.app.chat.channel_members(&self.policy.channel).await?;
        Ok(members.iter().any(|id| id == self.user))
    }
}
