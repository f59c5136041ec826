//! An account as an identity provider showed it: only what a rule, a card or the audit trail needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::fold::{folded, same};

/// The provider's own immutable id. Logins and e-mail addresses can be reassigned; this can't.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub String);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an account is in its life. Only [`AccountStatus::Active`] accounts can be suspended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "StoredStatus", into = "StoredStatus")]
pub enum AccountStatus {
    /// Can sign in.
    Active,
    /// Can't sign in until it is restored.
    Suspended,
    /// Neither.
    NotSuspendable {
        /// What keeps it from being suspended.
        why: NotSuspendable,
        /// The provider's own word for the status.
        word: String,
    },
}

/// What keeps an account from being suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotSuspendable {
    /// Nobody uses it yet.
    NotActivated,
    /// Its person gets in again with a reset, such as that of a password.
    NeedsReset,
    Deactivated,
    /// It comes from a directory outside of the provider, which would undo a change here.
    Synced,
    /// Only certain administrators may change it, and the bot is none of them.
    Restricted,
    /// It is no person's but a program's.
    Agent,
    /// This program doesn't know the status.
    Unknown,
}

impl AccountStatus {
    /// Makes a status in which an account can't be suspended, with the provider's word for it.
    pub fn other(why: NotSuspendable, word: impl Into<String>) -> AccountStatus {
        AccountStatus::NotSuspendable { why, word: word.into() }
    }

    /// Returns whether the account was deactivated.
    pub fn is_deactivated(&self) -> bool {
        matches!(self, AccountStatus::NotSuspendable { why: NotSuspendable::Deactivated, .. })
    }
}

impl fmt::Display for AccountStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AccountStatus::Active => "ACTIVE",
            AccountStatus::Suspended => "SUSPENDED",
            AccountStatus::NotSuspendable { word, .. } => word,
        })
    }
}

/// How statuses are stored: from before there was a second provider, by Okta's names.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredStatus {
    Staged,
    Provisioned,
    Active,
    Recovery,
    PasswordExpired,
    LockedOut,
    Suspended,
    Deprovisioned,
    Other(String),
    NotSuspendable { why: NotSuspendable, word: String },
}

impl From<StoredStatus> for AccountStatus {
    fn from(stored: StoredStatus) -> AccountStatus {
        let (why, word) = match stored {
            StoredStatus::Active => return AccountStatus::Active,
            StoredStatus::Suspended => return AccountStatus::Suspended,
            StoredStatus::Staged => (NotSuspendable::NotActivated, "STAGED".to_owned()),
            StoredStatus::Provisioned => (NotSuspendable::NotActivated, "PROVISIONED".to_owned()),
            StoredStatus::Recovery => (NotSuspendable::NeedsReset, "RECOVERY".to_owned()),
            StoredStatus::PasswordExpired => (NotSuspendable::NeedsReset, "PASSWORD_EXPIRED".to_owned()),
            StoredStatus::LockedOut => (NotSuspendable::NeedsReset, "LOCKED_OUT".to_owned()),
            StoredStatus::Deprovisioned => (NotSuspendable::Deactivated, "DEPROVISIONED".to_owned()),
            StoredStatus::Other(word) => (NotSuspendable::Unknown, word),
            StoredStatus::NotSuspendable { why, word } => (why, word),
        };
        AccountStatus::NotSuspendable { why, word }
    }
}

impl From<AccountStatus> for StoredStatus {
    fn from(status: AccountStatus) -> StoredStatus {
        let (why, word) = match status {
            AccountStatus::Active => return StoredStatus::Active,
            AccountStatus::Suspended => return StoredStatus::Suspended,
            AccountStatus::NotSuspendable { why, word } => (why, word),
        };
        match (why, word.as_str()) {
            (NotSuspendable::NotActivated, "STAGED") => StoredStatus::Staged,
            (NotSuspendable::NotActivated, "PROVISIONED") => StoredStatus::Provisioned,
            (NotSuspendable::NeedsReset, "RECOVERY") => StoredStatus::Recovery,
            (NotSuspendable::NeedsReset, "PASSWORD_EXPIRED") => StoredStatus::PasswordExpired,
            (NotSuspendable::NeedsReset, "LOCKED_OUT") => StoredStatus::LockedOut,
            (NotSuspendable::Deactivated, "DEPROVISIONED") => StoredStatus::Deprovisioned,
            (NotSuspendable::Unknown, _) => StoredStatus::Other(word),
            (
                NotSuspendable::NotActivated
                | NotSuspendable::NeedsReset
                | NotSuspendable::Deactivated
                | NotSuspendable::Synced
                | NotSuspendable::Restricted
                | NotSuspendable::Agent,
                _,
            ) => StoredStatus::NotSuspendable { why, word },
        }
    }
}

/// A point in time as the provider gave it. "Never" is an answer; a missing or unreadable value is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// It happened then.
    At(DateTime<Utc>),
    /// The provider says that it never happened (an explicit null).
    Never,
    /// The value was absent or could not be read; the text says which and why.
    Unreadable(String),
}

impl Reading {
    /// The time, if there is one.
    pub fn at(&self) -> Option<DateTime<Utc>> {
        match self {
            Reading::At(at) => Some(*at),
            Reading::Never | Reading::Unreadable(_) => None,
        }
    }
}

/// What the provider's own type of a guest's account is called.
const GUEST: &str = "Guest";

/// What kind of account a policy is about. Matched as a whole, ignoring case as Okta's own search does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserType {
    /// The text in the profile (`profile.userType` in Okta).
    Profile(String),
    /// The id of the provider's own user type object (`type.id` in Okta, `oty…`).
    TypeId(String),
    /// Guests, who sign in at a provider of their own (`userType` in Entra ID).
    Guest,
}

impl fmt::Display for UserType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UserType::Profile(text) | UserType::TypeId(text) => f.write_str(text),
            UserType::Guest => f.write_str(GUEST),
        }
    }
}

/// One account as it was read at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The provider's immutable id; the only thing that calls are made with.
    pub id: AccountId,
    /// The sign-in name, for people to recognise.
    pub login: String,
    /// The display name, possibly empty. Untrusted text.
    pub name: String,
    /// The primary e-mail address. Not unique in Okta.
    pub email: Option<String>,
    pub status: AccountStatus,
    /// Whether the provider is changing the status at this moment.
    pub in_transition: bool,
    /// The profile's user type text, if any.
    pub user_type: Option<String>,
    /// The id of the user type object, if any; in Entra ID whether it is a member or a guest.
    pub user_type_id: Option<String>,
    /// When the account was created.
    pub created: Reading,
    pub activated: Reading,
    /// When its status last changed.
    pub status_changed: Reading,
    /// When its person last signed in to the provider.
    pub last_sign_in: Reading,
    /// The manager as the profile names them. Untrusted text.
    pub manager: Option<String>,
    /// Who the manager is, as the profile has it: an id, a login, an address or an HR number. Untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager_id: Option<String>,
    /// The organisation as the profile names it. Untrusted text.
    pub organization: Option<String>,
    /// The directory that the account comes from, if it isn't the provider's own. Untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The profile attributes that a policy's exemptions ask about, and only those.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

impl Account {
    /// Whether the account is of the given type.
    pub fn is_of(&self, user_type: &UserType) -> bool {
        let (mine, wanted) = match user_type {
            UserType::Profile(text) => (&self.user_type, text.as_str()),
            UserType::TypeId(id) => (&self.user_type_id, id.as_str()),
            UserType::Guest => (&self.user_type_id, GUEST),
        };
        mine.as_deref().is_some_and(|mine| same(mine, wanted))
    }

    /// Whether `name` (a login, an e-mail address or an id) is this account's, ignoring case.
    pub fn is_named(&self, name: &str) -> bool {
        self.is_known_as(name) || same(&self.id.0, name)
    }

    /// Whether one of these names, all [`folded`], is this account's.
    pub fn is_among(&self, names: &BTreeSet<String>) -> bool {
        let own = [Some(&self.id.0), Some(&self.login), self.email.as_ref()];
        !names.is_empty() && own.into_iter().flatten().any(|name| names.contains(&folded(name)))
    }

    /// Whether it is among these names, all [`folded`], by its e-mail address alone. Anyone who may edit the profile sets that;
    /// a login is somebody's and nobody else's.
    pub fn is_among_by_email_alone(&self, names: &BTreeSet<String>) -> bool {
        self.is_among(names)
            && ![&self.id.0, &self.login].into_iter().any(|name| names.contains(&folded(name)))
    }

    /// Whether `address` (a login or an e-mail address) names this account, ignoring case.
    pub fn is_known_as(&self, address: &str) -> bool {
        same(&self.login, address) || self.email.as_deref().is_some_and(|email| same(email, address))
    }
}

/// A change of an account's status, as the provider's log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusChange {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The provider's word for the event, like `user.lifecycle.unsuspend`.
    pub what: String,
    /// Who did it.
    pub by: Changer,
}

/// Who changed an account's status. Names come from the directory: untrusted text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Changer {
    /// The bot's own credential. Whether it was the bot, only its own records can say.
    Us,
    /// A person, in the admin console or with a token of theirs.
    Admin {
        /// The name that the log has, or else the login.
        name: String,
        /// The account, if the log names one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// An import, an agent or an app: no person decided it in the provider.
    Import {
        /// The source's name as the log has it.
        source: String,
    },
    /// The log doesn't say.
    Unknown,
}
