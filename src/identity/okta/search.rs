//! The search expressions that the server evaluates.
//!
//! `profile.userType` can only be matched by `search`, never by `filter`; `lastLogin` by neither. String values are
//! compared ignoring case. See <https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/>.

use crate::domain::account::UserType;
use crate::identity::IdentityError;

/// Every status but DEPROVISIONED: `search` has no "not equal", and accounts that can't be suspended are still counted.
const LISTED: [&str; 7] =
    ["ACTIVE", "LOCKED_OUT", "PASSWORD_EXPIRED", "PROVISIONED", "RECOVERY", "STAGED", "SUSPENDED"];

/// Finds all accounts of a type that are not deactivated.
pub(super) fn of_type(user_type: &UserType) -> Result<String, IdentityError> {
    let statuses: Vec<String> = LISTED.iter().map(|status| format!("status eq {}", quoted(status))).collect();
    let wanted = match user_type {
        UserType::Profile(text) => format!("profile.userType eq {}", quoted(text)),
        UserType::TypeId(id) => format!("type.id eq {}", quoted(id)),
        UserType::Guest => return Err(IdentityError::Refused("Okta has no guests".into())),
    };
    Ok(format!("({}) and {wanted}", statuses.join(" or ")))
}

/// Finds accounts by login or e-mail address.
pub(super) fn by_address(address: &str) -> String {
    let address = quoted(address);
    format!("profile.login eq {address} or profile.email eq {address}")
}

/// Finds accounts by the number that HR has for the person.
pub(super) fn by_employee_number(number: &str) -> String {
    format!("profile.employeeNumber eq {}", quoted(number))
}

/// A literal in Okta's expression language, which is a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_quotes() {
        let search = of_type(&UserType::Profile(r#"x" or status eq "ACTIVE\"#.into())).unwrap();
        assert!(search.ends_with(r#"profile.userType eq "x\" or status eq \"ACTIVE\\""#), "{search}");
    }

    #[test]
    fn every_status_but_deprovisioned_is_listed() {
        let search = of_type(&UserType::TypeId("oty1".into())).unwrap();
        assert!(search.starts_with(r#"(status eq "ACTIVE" or "#), "{search}");
        assert!(search.ends_with(r#") and type.id eq "oty1""#), "{search}");
        assert!(!search.contains("DEPROVISIONED"));
    }
}
