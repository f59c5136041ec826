//! What the tests of the commands have in common.

use std::sync::OnceLock;

use chrono::{DateTime, Utc};

use crate::commands::asked::Asked;
use crate::domain::account::{Account, AccountId, AccountStatus, Reading};
use crate::domain::audit::Person;
use crate::domain::person::Principal;
use crate::domain::policy::Policy;

/// A command of an approver of these policies.
pub(crate) fn asked(policies: &[Policy], at: DateTime<Utc>) -> Asked<'_> {
    let granted = policies.iter().map(|policy| (policy, approver())).collect();
    Asked { key: "key", at, granted, unsure: Vec::new(), reached: OnceLock::new() }
}

pub(crate) fn approver() -> Principal {
    let (id, email) = ("U0ALICE".to_owned(), Some("alice@example.com".to_owned()));
    let person = Person { id, name: "Alice".to_owned(), email, person_id: None };
    Principal { person, approver: true, admin: false, viewer: true }
}

pub(crate) fn account() -> Account {
    Account {
        id: AccountId("00u1".to_owned()),
        login: "ada@ext.example".to_owned(),
        name: "Ada".to_owned(),
        email: None,
        status: AccountStatus::Active,
        in_transition: false,
        user_type: Some("Contractor".to_owned()),
        user_type_id: None,
        created: Reading::Never,
        activated: Reading::Never,
        status_changed: Reading::Never,
        last_sign_in: Reading::Never,
        manager: None,
        manager_id: None,
        organization: None,
        source: None,
        attributes: std::collections::BTreeMap::new(),
    }
}
