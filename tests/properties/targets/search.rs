//! A value in a search expression stays that value: Okta's parser reads back exactly it and nothing around it.

use inactive_contractors::domain::account::{AccountId, UserType};
use inactive_contractors::identity::okta::fuzzing;

use super::scim::{self, Expression, equals};

/// Reads the bytes as one value, wherever a value from outside goes into an expression.
pub fn check(data: &[u8]) {
    let value = &*super::text(data);
    let read = |text: String| scim::read(&text).unwrap_or_else(|| panic!("no expression: {text}"));
    let address = Expression::Or(vec![equals("profile.login", value), equals("profile.email", value)]);
    assert_eq!(read(fuzzing::by_address(value)), address);
    assert_eq!(read(fuzzing::by_employee_number(value)), equals("profile.employeeNumber", value));
    for (user_type, attribute) in [
        (UserType::Profile(value.to_owned()), "profile.userType"),
        (UserType::TypeId(value.to_owned()), "type.id"),
    ] {
        let Expression::And(parts) = read(fuzzing::of_type(&user_type).expect("Okta has it")) else {
            panic!("not both")
        };
        let [Expression::Or(statuses), wanted] = &parts[..] else { panic!("{parts:?}") };
        assert!(statuses.iter().all(|one| matches!(one, Expression::Equals(what, _) if what == "status")));
        assert_eq!(*wanted, equals(attribute, value));
    }
    let Expression::And(parts) = read(fuzzing::sign_ins_of(&AccountId(value.to_owned()))) else {
        panic!("not all of them")
    };
    let either = Expression::Or(vec![equals("actor.id", value), equals("target.id", value)]);
    assert_eq!((parts.len(), &parts[0]), (3, &either));
    assert_eq!(parts[1], equals("outcome.result", "SUCCESS"));
}
