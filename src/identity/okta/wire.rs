//! What Okta sends, mapped in one place to what the bot knows.
//!
//! Each user is read leniently, so that one odd value makes one account unreadable and not the whole listing. An
//! account without its id can't be an account: that is an error. Values are never quoted in what is said of them.

use serde::{Deserialize, Deserializer};
use serde_json_borrow::Value;

use crate::domain::account::{Account, AccountId, AccountStatus, NotSuspendable, Reading};
use crate::domain::policy::{ExemptAttribute, Rule};
use crate::identity::IdentityError;
use crate::identity::json::reading;

use super::paging::Links;

/// A user; see <https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/>. `None` is absent,
/// which is not the same as null.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct User<'a> {
    #[serde(borrow, deserialize_with = "any")]
    id: Value<'a>,
    #[serde(borrow, deserialize_with = "any")]
    status: Value<'a>,
    #[serde(borrow, deserialize_with = "any")]
    transitioning_to_status: Value<'a>,
    #[serde(borrow, rename = "type", deserialize_with = "any")]
    kind: Value<'a>,
    #[serde(borrow, deserialize_with = "any")]
    profile: Value<'a>,
    #[serde(borrow, deserialize_with = "any")]
    credentials: Value<'a>,
    #[serde(borrow, deserialize_with = "present")]
    created: Option<Value<'a>>,
    #[serde(borrow, deserialize_with = "present")]
    activated: Option<Value<'a>>,
    #[serde(borrow, deserialize_with = "present")]
    status_changed: Option<Value<'a>>,
    #[serde(borrow, deserialize_with = "present")]
    last_login: Option<Value<'a>>,
}

/// The crate reads a value for the whole life of the text; a shorter one will do.
fn any<'a, 'de: 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Value<'a>, D::Error> {
    Value::deserialize(deserializer)
}

fn present<'a, 'de: 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value<'a>>, D::Error> {
    any(deserializer).map(Some)
}

/// Anything of which only the id matters: a group's member, a group, a role assignment, oneself.
#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
}

/// A page of users with role assignments, which names its next page in the body.
#[derive(Deserialize)]
pub(super) struct Assignees {
    pub(super) value: Vec<Named>,
    #[serde(default, rename = "_links")]
    links: AssigneeLinks,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AssigneeLinks {
    next: Option<Href>,
    #[serde(rename = "self")]
    own: Option<Href>,
}

#[derive(Deserialize)]
struct Href {
    href: String,
}

impl Assignees {
    pub(super) fn links(&self) -> Links {
        Links { next: self.links.next.as_ref().map(|next| next.href.clone()), own: self.links.own.is_some() }
    }
}

/// A role that an admin holds.
#[derive(Deserialize)]
pub(super) struct Role {
    #[serde(default, rename = "type")]
    pub(super) kind: String,
}

/// A user type of the org.
#[derive(Deserialize)]
pub(super) struct Type {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
}

impl User<'_> {
    /// The account, with the profile attributes that `rule` asks about and no others.
    pub(super) fn into_account(self, rule: Option<&Rule>) -> Result<Account, IdentityError> {
        let Value::Str(id) = self.id else {
            return Err(IdentityError::Malformed("Okta sent an account without an id".into()));
        };
        let wanted = rule.map_or(&[][..], |rule| &rule.exempt_attributes);
        let profile = &self.profile;
        let mut account = Account {
            id: AccountId(id.into_owned()),
            login: text(profile, "login").unwrap_or_default(),
            name: name(profile),
            email: text(profile, "email"),
            status: status(&self.status),
            in_transition: !self.transitioning_to_status.is_null(),
            user_type: text(profile, "userType"),
            user_type_id: member(&self.kind, "id").as_str().map(str::to_owned),
            created: needed(self.created.as_ref()),
            activated: reading(self.activated.as_ref().unwrap_or(&Value::Null)),
            status_changed: reading(self.status_changed.as_ref().unwrap_or(&Value::Null)),
            last_sign_in: needed(self.last_login.as_ref()),
            manager: text(profile, "manager").or_else(|| text(profile, "managerId")),
            manager_id: text(profile, "managerId"),
            organization: text(profile, "organization"),
            source: source(&self.credentials),
            attributes: std::collections::BTreeMap::new(),
        };
        let mut flaw = account.login.is_empty().then_some("the profile has no login");
        for attribute in wanted {
            match attribute_text(member(profile, &attribute.name), attribute) {
                Ok(Some(value)) => keep(&mut account, attribute, value),
                Ok(None) => {}
                Err(()) => flaw = Some("an attribute that can exempt has an odd value"),
            }
        }
        if let Some(flaw) = flaw {
            // Whether the account is exempt can't be determined, so nothing may be concluded from its dates.
            account.created = Reading::Unreadable(format!("says nothing, since {flaw}"));
        }
        Ok(account)
    }
}

/// Two exemptions may ask about one attribute; the value that exempts wins.
fn keep(account: &mut Account, wanted: &ExemptAttribute, value: String) {
    if wanted.exempts(&value) || !account.attributes.contains_key(&wanted.name) {
        account.attributes.insert(wanted.name.clone(), value);
    }
}

/// The value as text. Of a list, the wanted one if it is there.
fn attribute_text(value: &Value<'_>, wanted: &ExemptAttribute) -> Result<Option<String>, ()> {
    match value {
        Value::Null => Ok(None),
        Value::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(scalar).collect();
            let items = items.ok_or(())?;
            let found = items.iter().find(|item| wanted.exempts(item)).cloned();
            Ok(Some(found.unwrap_or_else(|| items.join(", "))))
        }
        Value::Bool(_) | Value::Number(_) | Value::Str(_) | Value::Object(_) => {
            scalar(value).map(Some).ok_or(())
        }
    }
}

/// A member of an object; null if there is none, or if it is no object.
fn member<'v, 'a>(object: &'v Value<'a>, name: &str) -> &'v Value<'a> {
    object.as_object().and_then(|object| object.get(name)).unwrap_or(&Value::Null)
}

fn scalar(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.to_string()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn text(profile: &Value<'_>, key: &str) -> Option<String> {
    scalar(member(profile, key)).filter(|text| !text.trim().is_empty())
}

/// The directory that vouches for the account, by its name or else its type; none if it is Okta.
fn source(credentials: &Value<'_>) -> Option<String> {
    let provider = member(credentials, "provider");
    let (kind, name) = (text(provider, "type"), text(provider, "name"));
    if kind.as_deref() == Some("OKTA") { None } else { name.or(kind) }
}

fn name(profile: &Value<'_>) -> String {
    text(profile, "displayName").unwrap_or_else(|| {
        let parts = [text(profile, "firstName"), text(profile, "lastName")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    })
}

fn status(value: &Value<'_>) -> AccountStatus {
    match value.as_str() {
        Some("STAGED") => AccountStatus::other(NotSuspendable::NotActivated, "STAGED"),
        Some("PROVISIONED") => AccountStatus::other(NotSuspendable::NotActivated, "PROVISIONED"),
        Some("ACTIVE") => AccountStatus::Active,
        Some("RECOVERY") => AccountStatus::other(NotSuspendable::NeedsReset, "RECOVERY"),
        Some("PASSWORD_EXPIRED") => AccountStatus::other(NotSuspendable::NeedsReset, "PASSWORD_EXPIRED"),
        Some("LOCKED_OUT") => AccountStatus::other(NotSuspendable::NeedsReset, "LOCKED_OUT"),
        Some("SUSPENDED") => AccountStatus::Suspended,
        Some("DEPROVISIONED") => AccountStatus::other(NotSuspendable::Deactivated, "DEPROVISIONED"),
        Some(word) => {
            AccountStatus::other(NotSuspendable::Unknown, word.chars().take(40).collect::<String>())
        }
        None => AccountStatus::other(NotSuspendable::Unknown, "(unreadable)"),
    }
}

/// A date that Okta always sends, if only as null: its absence means that we asked wrongly or were shown a part.
fn needed(value: Option<&Value<'_>>) -> Reading {
    value.map_or_else(|| Reading::Unreadable("was not sent".into()), reading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Duration;
    use serde_json::{Value, json};

    use crate::domain::account::UserType;
    use crate::domain::calendar::Calendar;
    use crate::domain::provider::ProviderName;

    fn rule() -> Rule {
        let attribute = |value: &str| ExemptAttribute { name: "keep".into(), value: value.into() };
        Rule {
            provider: ProviderName::default(),
            user_type: UserType::Profile("Contractor".into()),
            inactive_after: Duration::days(7).into(),
            new_account_grace: Duration::days(14).into(),
            restored_grace: Duration::days(7).into(),
            check_sign_in_log: true,
            exempt_logins: Vec::new(),
            exempt_groups: Vec::new(),
            exempt_attributes: vec![attribute("yes"), attribute("true")],
            break_glass: Vec::new(),
            calendar: Calendar::default(),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "so that a user is written where it is read")]
    fn account(user: Value) -> Account {
        let text = user.to_string();
        let user: User = serde_json::from_str(&text).unwrap();
        user.into_account(Some(&rule())).unwrap()
    }

    #[test]
    fn a_missing_last_login_is_not_never() {
        let absent = account(json!({"id": "00u1", "profile": {"login": "a@x.test"}}));
        assert_eq!(absent.last_sign_in, Reading::Unreadable("was not sent".into()));
        assert_eq!(absent.created, Reading::Unreadable("was not sent".into()));
        assert_eq!((absent.activated, absent.status_changed), (Reading::Never, Reading::Never));
        let null = account(json!({"id": "00u1", "lastLogin": null, "profile": {"login": "a@x.test"}}));
        assert_eq!(null.last_sign_in, Reading::Never);
    }

    #[test]
    fn odd_values_make_one_account_unreadable() {
        let odd = account(json!({"id": "00u1", "status": 7, "created": "2026-01-01T00:00:00.000Z",
            "lastLogin": 12, "type": "x", "profile": "none"}));
        assert!(matches!(odd.created, Reading::Unreadable(_)), "no login, so no exemption can be checked");
        assert_eq!(odd.last_sign_in, Reading::Unreadable("is not a date".into()));
        assert_eq!(odd.status, AccountStatus::other(NotSuspendable::Unknown, "(unreadable)"));
    }

    #[test]
    fn an_exempting_attribute_is_found_in_any_form() {
        let keep = |value: Value| {
            let user = json!({"id": "00u1", "created": "2026-01-01T00:00:00.000Z",
                "profile": {"login": "a@x.test", "keep": value, "other": "dropped"}});
            account(user)
        };
        assert_eq!(keep(json!("YES")).attributes["keep"], "YES");
        assert_eq!(keep(json!(true)).attributes["keep"], "true");
        assert_eq!(keep(json!(["no", "Yes"])).attributes["keep"], "Yes");
        assert!(keep(json!(null)).attributes.is_empty());
        assert!(matches!(keep(json!({"a": 1})).created, Reading::Unreadable(_)));
        assert_eq!(keep(json!("no")).attributes.len(), 1);
    }

    #[test]
    fn the_manager_and_the_source_are_shown_as_far_as_they_are_known() {
        let user = |profile: Value, credentials: Value| {
            account(json!({"id": "00u1", "profile": profile, "credentials": credentials}))
        };
        let known = user(
            json!({"login": "a", "manager": "Bo Li", "managerId": 4711}),
            json!({"provider": {"type": "ACTIVE_DIRECTORY", "name": "corp.example"}}),
        );
        assert_eq!((known.manager.as_deref(), known.manager_id.as_deref()), (Some("Bo Li"), Some("4711")));
        assert_eq!(known.source.as_deref(), Some("corp.example"));
        let typed = user(json!({"login": "a"}), json!({"provider": {"type": "LDAP"}}));
        assert_eq!(typed.source.as_deref(), Some("LDAP"));
        for own in [json!({"provider": {"type": "OKTA", "name": "OKTA"}}), json!({}), json!(7)] {
            assert_eq!(user(json!({"login": "a"}), own).source, None);
        }
    }

    #[test]
    fn an_account_without_an_id_is_an_error() {
        let user: User = serde_json::from_str(r#"{"status": "ACTIVE"}"#).unwrap();
        assert!(user.into_account(None).is_err());
    }
}
