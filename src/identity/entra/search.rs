//! What is asked of Graph: filters and selections. Every value is escaped, also those of the configuration.
//!
//! See <https://learn.microsoft.com/graph/filter-query-parameter> and
//! <https://learn.microsoft.com/graph/aad-advanced-queries>.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::domain::account::{AccountId, UserType};
use crate::domain::policy::Rule;
use crate::identity::IdentityError;

/// What is read of an account, but for its sign-in dates.
const PROPERTIES: [&str; 14] = [
    "id",
    "accountEnabled",
    "userPrincipalName",
    "displayName",
    "mail",
    "userType",
    "employeeType",
    "companyName",
    "createdDateTime",
    "externalUserState",
    "externalUserStateChangeDateTime",
    "onPremisesSyncEnabled",
    "onPremisesDomainName",
    "isManagementRestricted",
];
/// Where the fifteen extension attributes of a user are.
pub(super) const EXTENSIONS: &str = "onPremisesExtensionAttributes";

/// Returns whether an attribute is one of the fifteen.
pub(super) fn is_extension(name: &str) -> bool {
    let number = name.strip_prefix("extensionAttribute").and_then(|number| number.parse::<u8>().ok());
    number.is_some_and(|number| (1..=15).contains(&number))
}

/// Finds all accounts of a type.
pub(super) fn of_type(user_type: &UserType) -> Result<String, IdentityError> {
    match user_type {
        UserType::Profile(text) => {
            // Whether the server tells upper from lower case is not documented, and we don't.
            let spellings: BTreeSet<String> =
                [text.clone(), text.to_lowercase(), text.to_uppercase(), capitalised(text)].into();
            let spellings: Vec<String> = spellings.iter().map(|text| quoted(text)).collect();
            Ok(format!("employeeType in ({})", spellings.join(",")))
        }
        UserType::Guest => Ok("userType eq 'Guest'".to_owned()),
        UserType::TypeId(_) => Err(IdentityError::Refused("Entra ID has no user types with ids".into())),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + &chars.as_str().to_lowercase()
}

/// Finds accounts by login or primary address.
pub(super) fn by_address(address: &str) -> String {
    let address = quoted(address);
    format!("userPrincipalName eq {address} or mail eq {address}")
}

/// Finds accounts by any other address: what they are called in another directory, for instance.
pub(super) fn by_other_address(address: &str) -> String {
    let [primary, alias] = ["SMTP:", "smtp:"].map(|kind| quoted(&format!("{kind}{address}")));
    format!(
        "proxyAddresses/any(p:p eq {alias} or p eq {primary}) or otherMails/any(m:m eq {})",
        quoted(address)
    )
}

/// Finds accounts by the number that HR has for the person.
pub(super) fn by_employee_number(number: &str) -> String {
    format!("employeeId eq {}", quoted(number))
}

/// Finds somebody's successful sign-ins from then on.
pub(super) fn sign_ins(account: &AccountId, since: DateTime<Utc>) -> String {
    format!(
        "userId eq {} and createdDateTime ge {} and status/errorCode eq 0",
        quoted(&account.0),
        instant(since)
    )
}

/// Finds what was done to an account from then on.
pub(super) fn audits(account: &AccountId, since: DateTime<Utc>) -> String {
    format!(
        "targetResources/any(t:t/id eq {}) and activityDateTime ge {}",
        quoted(&account.0),
        instant(since)
    )
}

/// Finds what is given to a principal.
pub(super) fn of_principal(account: &AccountId) -> String {
    format!("principalId eq {}", quoted(&account.0))
}

/// Returns the properties that the rule asks about, with or without sign-in dates.
pub(super) fn selection(rule: Option<&Rule>, with_dates: bool) -> Result<String, IdentityError> {
    let mut names: Vec<&str> = PROPERTIES.to_vec();
    for attribute in rule.map_or(&[][..], |rule| &rule.exempt_attributes) {
        let name = if is_extension(&attribute.name) { EXTENSIONS } else { attribute.name.as_str() };
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name || name == "signInActivity" {
            let why =
                format!("no user in Entra ID has an attribute called {name:?}: correct exempt_attributes");
            return Err(IdentityError::Refused(why));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if with_dates {
        names.push("signInActivity");
    }
    Ok(names.join(","))
}

/// In whole seconds, rounded down: what has just happened is inside.
fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A literal: in single quotes, which are doubled inside.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_quotes() {
        let filter = of_type(&UserType::Profile("x' or userType eq 'Guest".into())).unwrap();
        assert!(filter.starts_with("employeeType in ('"), "{filter}");
        assert!(filter.contains("'x'' or userType eq ''Guest'"), "{filter}");
        assert_eq!(
            by_address("o'neil@x.test"),
            "userPrincipalName eq 'o''neil@x.test' or mail eq 'o''neil@x.test'"
        );
    }

    #[test]
    fn a_type_is_found_in_each_usual_spelling() {
        let filter = of_type(&UserType::Profile("contractor".into())).unwrap();
        assert_eq!(filter, "employeeType in ('CONTRACTOR','Contractor','contractor')");
        assert!(of_type(&UserType::TypeId("oty1".into())).is_err());
    }
}
