//! What Graph sends, mapped in one place to what the bot knows.
//!
//! Each user is read leniently, so that one odd value makes one account unreadable and not the whole listing. An
//! account without its id can't be an account: that is an error. Values are never quoted in what is said of them.
//!
//! Graph leaves `signInActivity` out for an account that never signed in, and a selection that got lost looks just the
//! same. So absence is "never" only where it is proven that the answer would have had a date.
//! See <https://learn.microsoft.com/graph/api/resources/user> and
//! <https://learn.microsoft.com/graph/api/resources/signinactivity>.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Deserializer};
use serde_json_borrow::Value;

use crate::domain::account::{Account, AccountId, AccountStatus, NotSuspendable, Reading};
use crate::domain::policy::{ExemptAttribute, Rule};
use crate::identity::{IdentityError, json};

use super::search::{EXTENSIONS, is_extension};

/// What a type of an AI agent's account ends with.
const AGENT: &str = "agentUser";
/// What Graph has for a date that never was.
const NO_DATE: &str = "0001-01-01T00:00:00Z";

/// Anything of which only the id matters, with its type where a collection has several.
#[derive(Deserialize)]
pub(super) struct Object {
    pub(super) id: String,
    #[serde(default, rename = "@odata.type")]
    kind: String,
}

/// Returns whether Graph's type is `#microsoft.graph.{name}`.
fn is_a(kind: &str, name: &str) -> bool {
    kind.rsplit('.').next() == Some(name)
}

impl Object {
    pub(super) fn is_person(&self) -> bool {
        is_a(&self.kind, "user") || is_a(&self.kind, AGENT)
    }

    pub(super) fn is_group(&self) -> bool {
        is_a(&self.kind, "group")
    }

    pub(super) fn is_role(&self) -> bool {
        is_a(&self.kind, "directoryRole")
    }
}

/// That somebody holds a role, or may take one on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assignment {
    pub(super) principal_id: String,
    #[serde(default)]
    pub(super) principal: Option<Object>,
}

/// Somebody's manager or sponsor.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Superior {
    pub(super) id: String,
    #[serde(default)]
    pub(super) display_name: Option<String>,
}

/// What an answer proves of the sign-in dates in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dates {
    /// Nobody asked for them.
    NotAsked,
    /// The answer does not say that it has any, so that none was asked for as far as the server knows.
    NotSelected,
    /// It would have them, but nobody in the tenant has one as far as we have seen.
    NobodyHasAny,
    /// It would have them, and they are there to be had.
    Proven,
}

/// Returns whether a context says that its objects have sign-in dates: `…#users(id,signInActivity)`.
pub(super) fn selects_dates(context: &str) -> bool {
    let selected = context.rsplit_once("#users(").map_or("", |(_, rest)| rest);
    let selected = selected.split(')').next().unwrap_or_default();
    selected.split(',').any(|name| name.trim() == "signInActivity")
}

/// A user; see <https://learn.microsoft.com/graph/api/resources/user>.
pub(super) struct User<'a>(Value<'a>);

impl<'a, 'de: 'a> Deserialize<'de> for User<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<User<'a>, D::Error> {
        // The crate reads a value for the whole life of the text; a shorter one will do.
        Value::deserialize(deserializer).map(User)
    }
}

impl<'a> User<'a> {
    /// What was sent under this name; nothing if it was not, which is not the same as null.
    fn sent(&self, name: &str) -> Option<&Value<'a>> {
        self.0.as_object()?.get(name)
    }

    fn value(&self, name: &str) -> &Value<'a> {
        self.sent(name).unwrap_or(&Value::Null)
    }

    fn text(&self, name: &str) -> Option<String> {
        scalar(self.value(name)).filter(|text| !text.trim().is_empty())
    }

    fn is_true(&self, name: &str) -> bool {
        matches!(self.value(name), Value::Bool(true))
    }

    pub(super) fn id(&self) -> Result<&str, IdentityError> {
        let id = self.value("id").as_str().filter(|id| !id.is_empty());
        id.ok_or_else(|| IdentityError::Malformed("Entra ID sent an account without an id".into()))
    }

    /// Returns whether it is the account of an AI agent.
    pub(super) fn is_agent(&self) -> bool {
        self.value("@odata.type").as_str().is_some_and(|kind| is_a(kind, AGENT))
    }

    /// Returns whether it has any sign-in date.
    pub(super) fn has_dates(&self) -> bool {
        matches!(sign_in(self.value("signInActivity")), Reading::At(_))
    }

    /// The account, with the attributes that `rule` asks about and no others.
    pub(super) fn into_account(self, rule: Option<&Rule>, dates: Dates) -> Result<Account, IdentityError> {
        let id = AccountId(self.id()?.to_owned());
        let text = |name: &str| self.text(name);
        let is_guest = text("userType").is_some_and(|kind| kind.eq_ignore_ascii_case("guest"));
        let mail = text("mail");
        let home = mail.as_deref().and_then(|mail| mail.rsplit_once('@')).map(|(_, home)| home.to_owned());
        let is_synced = self.is_true("onPremisesSyncEnabled");
        let domain = || text("onPremisesDomainName").unwrap_or_else(|| "an on-premises directory".to_owned());
        let mut account = Account {
            id,
            login: text("userPrincipalName").unwrap_or_default(),
            name: text("displayName").unwrap_or_default(),
            email: mail,
            status: self.status(),
            in_transition: false,
            user_type: text("employeeType"),
            user_type_id: text("userType"),
            created: created(self.sent("createdDateTime")),
            activated: self.activated(),
            status_changed: Reading::Never,
            last_sign_in: self.last_sign_in(dates),
            manager: None,
            manager_id: None,
            organization: text("companyName").or_else(|| home.clone().filter(|_| is_guest)),
            source: if is_synced { Some(domain()) } else { home.filter(|_| is_guest) },
            attributes: BTreeMap::new(),
        };
        let mut flaw = account.login.is_empty().then_some("the account has no user principal name");
        for attribute in rule.map_or(&[][..], |rule| &rule.exempt_attributes) {
            match self.attribute(attribute) {
                Ok(Some(value)) => keep(&mut account, attribute, value),
                Ok(None) => {}
                Err(()) => flaw = Some("an attribute that can exempt has an odd value or was not sent"),
            }
        }
        if let Some(flaw) = flaw {
            // Whether the account is exempt is not known, so nothing may be concluded from its dates.
            account.created = Reading::Unreadable(format!("says nothing, since {flaw}"));
        }
        Ok(account)
    }

    /// Each reason why an account is not ours to block. An account that is blocked already has none of them.
    fn status(&self) -> AccountStatus {
        let not = |why, word: &str| AccountStatus::other(why, word);
        match self.value("accountEnabled") {
            Value::Bool(false) => return AccountStatus::Suspended,
            Value::Bool(true) => {}
            _ => return not(NotSuspendable::Unknown, "(unreadable)"),
        }
        if self.is_agent() {
            return not(NotSuspendable::Agent, "agent user");
        }
        if self.is_true("onPremisesSyncEnabled") {
            return not(NotSuspendable::Synced, "synced");
        }
        if self.is_true("isManagementRestricted") {
            return not(NotSuspendable::Restricted, "restricted");
        }
        match self.value("externalUserState").as_str() {
            Some("PendingAcceptance") => not(NotSuspendable::NotActivated, "PendingAcceptance"),
            Some(_) | None => AccountStatus::Active,
        }
    }

    /// When a guest took up the invitation. Others are active from their creation.
    fn activated(&self) -> Reading {
        if self.value("externalUserState").as_str() == Some("Accepted") {
            reading(self.value("externalUserStateChangeDateTime"))
        } else {
            Reading::Never
        }
    }

    fn last_sign_in(&self, dates: Dates) -> Reading {
        match (sign_in(self.value("signInActivity")), dates) {
            (Reading::Never, Dates::Proven) => Reading::Never,
            (Reading::Never, Dates::NotAsked | Dates::NotSelected) => {
                Reading::Unreadable("was not sent".into())
            }
            (Reading::Never, Dates::NobodyHasAny) => Reading::Unreadable(
                "was not sent, and nobody in the tenant has one: sign-in dates need Microsoft Entra ID P1 or P2".into(),
            ),
            (read @ (Reading::At(_) | Reading::Unreadable(_)), _) => read,
        }
    }

    /// Returns an attribute as text. Of a list, the wanted one if it is there.
    fn attribute(&self, wanted: &ExemptAttribute) -> Result<Option<String>, ()> {
        let value = if is_extension(&wanted.name) {
            let all = self.sent(EXTENSIONS);
            all.and_then(|all| all.as_object()?.get(&wanted.name)).or(all)
        } else {
            self.sent(&wanted.name)
        };
        // What is selected is sent, if only as null.
        match value.ok_or(())? {
            Value::Null => Ok(None),
            Value::Array(items) => {
                let items: Option<Vec<String>> = items.iter().map(scalar).collect();
                let items = items.ok_or(())?;
                let found = items.iter().find(|item| wanted.exempts(item)).cloned();
                Ok(Some(found.unwrap_or_else(|| items.join(", "))))
            }
            value @ (Value::Bool(_) | Value::Number(_) | Value::Str(_)) => Ok(scalar(value)),
            // Where the extension attributes come without this one, it has no value.
            Value::Object(_) if is_extension(&wanted.name) => Ok(None),
            Value::Object(_) => Err(()),
        }
    }
}

/// Two exemptions may ask about one attribute; the value that exempts wins.
fn keep(account: &mut Account, wanted: &ExemptAttribute, value: String) {
    if wanted.exempts(&value) || !account.attributes.contains_key(&wanted.name) {
        account.attributes.insert(wanted.name.clone(), value);
    }
}

fn scalar(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.to_string()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The latest of the three dates. Two of them count attempts that failed, and the third is not kept for long enough
/// to do without those: an account whose sign-ins fail is in use all the same.
fn sign_in(activity: &Value<'_>) -> Reading {
    let Value::Object(dates) = activity else {
        return if activity.is_null() {
            Reading::Never
        } else {
            Reading::Unreadable("is not what was expected".into())
        };
    };
    let names = ["lastSignInDateTime", "lastNonInteractiveSignInDateTime", "lastSuccessfulSignInDateTime"];
    let mut latest = Reading::Never;
    for name in names {
        match reading(dates.get(name).unwrap_or(&Value::Null)) {
            Reading::At(at) => latest = Reading::At(latest.at().map_or(at, |other| other.max(at))),
            Reading::Never => {}
            unreadable @ Reading::Unreadable(_) => return unreadable,
        }
    }
    latest
}

/// When the account was made. Some that are older than June 2018 have null: then they are at least that old.
fn created(value: Option<&Value<'_>>) -> Reading {
    match value {
        None => Reading::Unreadable("was not sent".into()),
        Some(Value::Null) => Reading::At(june_2018()),
        Some(value) => reading(value),
    }
}

fn june_2018() -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(2018, 6, 1).expect("a day of the calendar").and_time(NaiveTime::MIN).and_utc()
}

/// A date with or without a value.
pub(super) fn reading(value: &Value<'_>) -> Reading {
    if value.as_str() == Some(NO_DATE) { Reading::Never } else { json::reading(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Duration;
    use serde_json::{Value, json};

    use crate::domain::account::UserType;
    use crate::domain::calendar::Calendar;

    fn rule() -> Rule {
        Rule {
            provider: "entra".into(),
            user_type: UserType::Profile("Contractor".into()),
            inactive_after: Duration::days(7).into(),
            new_account_grace: Duration::days(14).into(),
            restored_grace: Duration::days(7).into(),
            check_sign_in_log: true,
            exempt_logins: Vec::new(),
            exempt_groups: Vec::new(),
            exempt_attributes: vec![ExemptAttribute { name: "department".into(), value: "Night".into() }],
            break_glass: Vec::new(),
            calendar: Calendar::default(),
        }
    }

    fn user(more: &Value) -> Value {
        let mut user = json!({"id": "1", "userPrincipalName": "a@x.test", "accountEnabled": true,
            "createdDateTime": "2026-01-01T00:00:00Z", "department": null});
        for (key, value) in more.as_object().unwrap() {
            user[key] = value.clone();
        }
        user
    }

    #[expect(clippy::needless_pass_by_value, reason = "so that a user is written where it is read")]
    fn read(user: Value, rule: &Rule, dates: Dates) -> Account {
        let text = user.to_string();
        serde_json::from_str::<User>(&text).unwrap().into_account(Some(rule), dates).unwrap()
    }

    fn account(more: &Value, dates: Dates) -> Account {
        read(user(more), &rule(), dates)
    }

    fn at(text: &str) -> Reading {
        Reading::At(DateTime::parse_from_rfc3339(text).unwrap().to_utc())
    }

    #[test]
    fn what_is_absent_is_never_only_where_a_date_could_have_come() {
        for nothing in [json!({}), json!({"signInActivity": null}), json!({"signInActivity": {}})] {
            let read = |dates| account(&nothing, dates).last_sign_in;
            assert_eq!(read(Dates::Proven), Reading::Never, "{nothing}");
            for unproven in [Dates::NotAsked, Dates::NotSelected, Dates::NobodyHasAny] {
                assert!(matches!(read(unproven), Reading::Unreadable(_)), "{nothing} {unproven:?}");
            }
        }
    }

    #[test]
    fn the_latest_of_the_three_dates_counts_and_an_odd_one_makes_all_unreadable() {
        let read =
            |activity: Value| account(&json!({"signInActivity": activity}), Dates::Proven).last_sign_in;
        let [early, middle, late] = ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"];
        for (interactive, other, success) in
            [(late, early, middle), (early, late, middle), (early, middle, late)]
        {
            let activity = json!({"lastSignInDateTime": interactive, "lastNonInteractiveSignInDateTime": other,
                "lastSuccessfulSignInDateTime": success});
            assert_eq!(read(activity), at(late));
        }
        assert_eq!(read(json!({"lastSignInDateTime": NO_DATE})), Reading::Never);
        let odd = json!({"lastSignInDateTime": late, "lastNonInteractiveSignInDateTime": "soon"});
        assert!(matches!(read(odd), Reading::Unreadable(_)));
        assert!(matches!(read(json!("2026-03-01")), Reading::Unreadable(_)));
    }

    #[test]
    fn who_is_not_ours_to_block_has_a_reason_of_their_own() {
        let status = |more: Value| account(&more, Dates::Proven).status;
        for (more, why) in [
            (json!({"onPremisesSyncEnabled": true}), NotSuspendable::Synced),
            (json!({"isManagementRestricted": true}), NotSuspendable::Restricted),
            (json!({"@odata.type": "#microsoft.graph.agentUser"}), NotSuspendable::Agent),
            (json!({"externalUserState": "PendingAcceptance"}), NotSuspendable::NotActivated),
            (json!({"accountEnabled": "yes"}), NotSuspendable::Unknown),
        ] {
            let found = status(more.clone());
            assert!(matches!(found, AccountStatus::NotSuspendable { why: is, .. } if is == why), "{more}");
        }
        assert_eq!(status(json!({"externalUserState": "Accepted"})), AccountStatus::Active);
        let blocked = json!({"accountEnabled": false, "onPremisesSyncEnabled": true});
        assert_eq!(status(blocked), AccountStatus::Suspended, "so that it is no candidate either way");
    }

    #[test]
    fn an_account_that_nobody_knows_the_age_of_is_from_before_june_2018() {
        let created = |value: Value| account(&json!({"createdDateTime": value}), Dates::Proven).created;
        assert_eq!(created(Value::Null), at("2018-06-01T00:00:00Z"));
        let mut lost = user(&json!({}));
        lost.as_object_mut().unwrap().remove("createdDateTime");
        let lost = read(lost, &rule(), Dates::Proven);
        assert!(matches!(lost.created, Reading::Unreadable(_)));
    }

    #[test]
    fn an_exempting_attribute_that_was_not_sent_makes_an_account_unreadable() {
        let mut lost = user(&json!({}));
        lost.as_object_mut().unwrap().remove("department");
        let lost = read(lost, &rule(), Dates::Proven);
        assert!(matches!(lost.created, Reading::Unreadable(_)));
        let kept = account(&json!({"department": "night"}), Dates::Proven);
        assert_eq!(kept.attributes["department"], "night");
        assert!(account(&json!({"department": null}), Dates::Proven).attributes.is_empty());
    }

    #[test]
    fn an_extension_attribute_is_found_where_it_is() {
        let mut rule = rule();
        rule.exempt_attributes[0].name = "extensionAttribute7".into();
        let read = |more: Value| read(user(&more), &rule, Dates::Proven);
        let kept = read(json!({EXTENSIONS: {"extensionAttribute7": "Night"}}));
        assert_eq!(kept.attributes["extensionAttribute7"], "Night");
        for none in [json!({"extensionAttribute7": null}), json!({}), Value::Null] {
            let account = read(json!({EXTENSIONS: none}));
            assert!(account.attributes.is_empty() && account.created.at().is_some());
        }
        assert!(matches!(read(json!({})).created, Reading::Unreadable(_)), "it was not sent");
    }

    #[test]
    fn a_guest_is_told_by_their_home_and_active_since_they_came() {
        let guest = account(
            &json!({"userType": "Guest", "mail": "ada@vendor.test", "externalUserState": "Accepted",
                "externalUserStateChangeDateTime": "2026-02-01T00:00:00Z"}),
            Dates::Proven,
        );
        assert!(guest.is_of(&UserType::Guest));
        assert_eq!(guest.source.as_deref(), Some("vendor.test"));
        assert_eq!(guest.activated, at("2026-02-01T00:00:00Z"));
    }

    #[test]
    fn a_context_names_the_sign_in_dates_or_not() {
        let base = "https://graph.test/v1.0/$metadata#users";
        assert!(selects_dates(&format!("{base}(id,signInActivity)")));
        assert!(selects_dates(&format!("{base}(signInActivity,id)/$entity")));
        for lost in ["", base, &format!("{base}(id)"), &format!("{base}(id,signInActivityX)")] {
            assert!(!selects_dates(lost), "{lost}");
        }
    }

    #[test]
    fn an_account_without_an_id_is_an_error() {
        let user: User = serde_json::from_str(r#"{"id": 7}"#).unwrap();
        assert!(user.into_account(None, Dates::Proven).is_err());
    }
}
