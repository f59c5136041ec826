//! Okta's accounts and sign-ins: those that the rule proposes or calls active is judged again by a reader of the raw
//! JSON that shares nothing with the bot's. A malformed account becomes `Unknown` and never anything that is acted on.

use std::sync::OnceLock;

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::account::UserType;
use inactive_contractors::domain::assess::{Assessment, Standing, assess};
use inactive_contractors::domain::calendar::Calendar;
use inactive_contractors::domain::policy::{ExemptAttribute, Rule};
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::identity::okta::fuzzing::{sign_ins, users};
use serde_json::Value;

/// An ordinary rule, one by the type object's id, and one that counts working days.
pub fn rules() -> &'static [Rule] {
    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
    RULES.get_or_init(|| {
        let attribute = |name: &str, value: &str| ExemptAttribute { name: name.into(), value: value.into() };
        let ordinary = Rule {
            provider: ProviderName::default(),
            user_type: UserType::Profile("Contractor".into()),
            inactive_after: Duration::days(7).into(),
            new_account_grace: Duration::days(14).into(),
            restored_grace: Duration::days(10).into(),
            check_sign_in_log: false,
            exempt_logins: vec!["*@vip.example".into()],
            exempt_groups: Vec::new(),
            exempt_attributes: vec![attribute("keep", "yes"), attribute("keep", "jÄ")],
            break_glass: vec!["root@corp.example".into()],
            calendar: Calendar::default(),
        };
        let by_type = Rule { user_type: UserType::TypeId("oty1".into()), ..ordinary.clone() };
        let working = inactive_contractors::domain::calendar::Period::WorkingDays(5);
        let working_days = Rule { inactive_after: working, ..ordinary.clone() };
        vec![ordinary, by_type, working_days]
    })
}

/// Reads the bytes as a page of users, and as a page of the System Log.
pub fn check(data: &[u8]) {
    for rule in rules() {
        page(data, rule);
    }
    if let (Ok(read), Ok(raw)) = (sign_ins(data), raw(data)) {
        for (actor, _) in read {
            let is_it = |event: &&Value| {
                let targets = event["target"].as_array().into_iter().flatten();
                targets.chain([&event["actor"]]).any(|party| party["id"].as_str() == Some(&actor.0))
                    && event.pointer("/outcome/result").and_then(Value::as_str) == Some("SUCCESS")
            };
            assert!(raw.iter().any(|event| is_it(&event)), "{actor} has no successful sign of life");
        }
    }
}

/// The whole of it. Half a surrogate pair in a field that the bot skips is an error to this reader only.
fn raw(data: &[u8]) -> serde_json::Result<Vec<Value>> {
    serde_json::from_slice(data)
}

fn page(data: &[u8], rule: &Rule) {
    let accounts = match users(data, rule) {
        Ok(accounts) => accounts,
        Err(error) => {
            let known = [
                "Okta's answer for a page of users is not what was expected",
                "Okta sent an account without an id",
            ];
            let said = error.to_string();
            assert!(known.iter().any(|known| said.ends_with(known)), "an error repeats data: {said}");
            return;
        }
    };
    let Ok(raw) = raw(data) else { return };
    assert_eq!(accounts.len(), raw.len());
    let standing = Standing::plain();
    for (account, raw) in accounts.iter().zip(&raw) {
        assert_eq!(raw["id"], account.id.0.as_str());
        match assess(account, &standing, rule, super::now()) {
            Assessment::Candidate(evidence) => {
                let seen = judge(raw, rule).unwrap_or_else(|why| panic!("proposed, but {why}: {raw}"));
                assert!(seen <= super::now() - Duration::days(7), "proposed, but seen at {seen}: {raw}");
                assert_eq!(evidence.idle.since, seen);
                assert_eq!(evidence.last_sign_in, date(raw.get("lastLogin")).expect("judged to be readable"));
            }
            Assessment::Active(idle) | Assessment::InGrace { idle, .. } => {
                let seen = judge(raw, rule).unwrap_or_else(|why| panic!("judged, but {why}: {raw}"));
                assert_eq!(idle.since, seen);
            }
            Assessment::OtherType(_)
            | Assessment::Exempt(_)
            | Assessment::NotSuspendable(_)
            | Assessment::Unknown(_) => {}
        }
    }
}

/// When the account was last seen, if everything that matters of it can be read and it may be suspended.
fn judge(raw: &Value, rule: &Rule) -> Result<DateTime<Utc>, &'static str> {
    let profile = raw["profile"].as_object().ok_or("it has no profile")?;
    let of_type = match &rule.user_type {
        UserType::Profile(text) => profile.get("userType").map(word).is_some_and(|it| same(&it, text)),
        UserType::TypeId(id) => raw.pointer("/type/id").map(word).is_some_and(|it| same(&it, id)),
        UserType::Guest => false,
    };
    if !of_type {
        return Err("it is of another type");
    }
    if raw["status"] != "ACTIVE" || !raw["transitioningToStatus"].is_null() {
        return Err("it is not active");
    }
    let login = profile.get("login").map(word).ok_or("it has no login")?.to_lowercase();
    let email = profile.get("email").map(word).unwrap_or_default().to_lowercase();
    for name in [&login, &email] {
        if name.ends_with("@vip.example") || name == "root@corp.example" {
            return Err("its login is exempt");
        }
    }
    let keep = profile.get("keep").unwrap_or(&Value::Null);
    let values: Vec<&Value> = keep.as_array().map_or_else(|| vec![keep], |list| list.iter().collect());
    if values.iter().any(|value| ["yes", "jä"].contains(&word(value).to_lowercase().as_str())) {
        return Err("an attribute exempts it");
    }
    if values.iter().any(|value| value.is_object() || value.is_array()) {
        return Err("whether it is exempt can't be told");
    }
    let created = date(raw.get("created"))?.ok_or("it was never created")?;
    raw.get("lastLogin").ok_or("its last sign-in was not sent")?;
    let others = ["activated", "statusChanged", "lastLogin"];
    others.iter().try_fold(created, |latest, name| Ok(latest.max(date(raw.get(*name))?.unwrap_or(latest))))
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// A text as it is, and anything else as JSON has it.
fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn date(value: Option<&Value>) -> Result<Option<DateTime<Utc>>, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => match DateTime::parse_from_rfc3339(text) {
            Ok(at) => Ok(Some(at.to_utc())),
            Err(_) => Err("a date can't be read"),
        },
        Some(_) => Err("a date is none"),
    }
}
