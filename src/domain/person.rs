//! What a person is to a policy, and why somebody is not let in.

use super::audit::Person;

/// Why a person was rejected before their input was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// A guest, a bot, deactivated or of another company.
    Outsider(Person, String),
    /// Would decide for the policy of this name, but isn't in its channel now.
    NotInChannel(Person, String),
    /// The chat system could not say who this is or what they may do.
    CantTell(String),
}

impl Denied {
    /// Returns whether it is certain that they may not.
    pub fn is_certain(&self) -> bool {
        !matches!(self, Denied::CantTell(_))
    }
}

/// What a person is to a policy right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// As the chat system vouches for them.
    pub person: Person,
    /// Is one of the policy's approvers.
    pub approver: bool,
    /// Is one of the policy's admins.
    pub admin: bool,
    /// May run read-only commands.
    pub viewer: bool,
}
