//! The System Log's word on who last changed an account's status.
//!
//! An actor that is the bot's own credential is `Us`, another person is an admin, an app or an agent is an import. Okta
//! itself is the actor of imports too: of what it did as a job, or on behalf of an app that the event names. What is
//! none of these is `Unknown`: a wrong name would blame somebody.
//! See <https://developer.okta.com/docs/reference/api/event-types/> and the `LogEvent` object.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::domain::account::AccountId;
use crate::identity::{Changer, IdentityError, StatusChange};

use super::errors::Right;
use super::http::Http;
use super::log::Span;
use super::search::quoted;

/// The events after which an account has another status.
const KINDS: [&str; 5] = [
    "user.lifecycle.activate",
    "user.lifecycle.deactivate",
    "user.lifecycle.reactivate",
    "user.lifecycle.suspend",
    "user.lifecycle.unsuspend",
];
/// What the bot calls itself in each of its calls.
const OWN_AGENT: &str = "inactive-contractors/";
/// What Okta sends for a name that it hasn't.
const NO_NAME: &str = "unknown";

#[derive(Deserialize)]
struct Event {
    #[serde(default, rename = "eventType")]
    kind: String,
    published: String,
    #[serde(default)]
    actor: Option<Party>,
    #[serde(default)]
    target: Option<Vec<Party>>,
    #[serde(default)]
    client: Option<Client>,
    #[serde(default)]
    transaction: Option<Transaction>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Party {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    alternate_id: Option<String>,
    display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    #[serde(default)]
    user_agent: Option<UserAgent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserAgent {
    #[serde(default)]
    raw_user_agent: Option<String>,
}

/// What kind of work the event was part of: `WEB` or `JOB`.
#[derive(Deserialize)]
struct Transaction {
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

impl Party {
    fn name(&self) -> Option<String> {
        let known = |name: &&String| !name.trim().is_empty() && !name.eq_ignore_ascii_case(NO_NAME);
        let name = self.display_name.as_ref().filter(known).or(self.alternate_id.as_ref().filter(known));
        name.cloned()
    }

    /// An instance of an app or a user of one, or an agent that imports.
    fn is_app(&self) -> bool {
        self.kind
            .as_deref()
            .is_some_and(|kind| kind.contains("App") || kind.contains("Agent") || kind == "Client")
    }
}

impl Event {
    fn by(&self, own: Option<&str>) -> Changer {
        let Some(actor) = &self.actor else { return Changer::Unknown };
        if actor.id.is_some() && actor.id.as_deref() == own && self.may_be_by_us() {
            return Changer::Us;
        }
        let named = actor.name();
        match actor.kind.as_deref() {
            Some("User") => match (named, &actor.id) {
                (None, None) => Changer::Unknown,
                (name, id) => {
                    let name = name.or_else(|| id.clone()).unwrap_or_default();
                    Changer::Admin { name, id: id.clone() }
                }
            },
            Some("SystemPrincipal") => self.by_okta(named),
            _ if actor.is_app() => named.map_or(Changer::Unknown, |source| Changer::Import { source }),
            _ => Changer::Unknown,
        }
    }

    /// An API token acts as its owner, who may have a browser as well.
    fn may_be_by_us(&self) -> bool {
        let agent = self.client.as_ref().and_then(|client| client.user_agent.as_ref());
        agent.and_then(|agent| agent.raw_user_agent.as_deref()).is_none_or(|raw| raw.starts_with(OWN_AGENT))
    }

    fn by_okta(&self, named: Option<String>) -> Changer {
        let app = self.target.iter().flatten().find(|party| party.is_app()).and_then(Party::name);
        let job =
            self.transaction.as_ref().and_then(|transaction| transaction.kind.as_deref()) == Some("JOB");
        let source = app.or(named.filter(|_| job));
        source.map_or(Changer::Unknown, |source| Changer::Import { source })
    }

    fn is_about(&self, account: &AccountId) -> bool {
        KINDS.contains(&self.kind.as_str())
            && self.target.iter().flatten().any(|party| party.id.as_deref() == Some(account.0.as_str()))
    }
}

/// The latest change of the account's status. `own` is what the log calls the bot.
pub(super) async fn latest(
    http: &Http,
    account: &AccountId,
    since: DateTime<Utc>,
    own: Option<&str>,
) -> Result<Option<StatusChange>, IdentityError> {
    let kinds: Vec<String> = KINDS.iter().map(|kind| format!("eventType eq {}", quoted(kind))).collect();
    let filter = format!(
        r#"target.id eq {} and outcome.result eq "SUCCESS" and ({})"#,
        quoted(&account.0),
        kinds.join(" or ")
    );
    let url = Span::new(Some(since), http.latest_now()).url(http, &filter, "1");
    let events: Vec<Event> = http.get(&url, Right::ReadLog).await?.json("the System Log")?;
    let Some(event) = events.first() else { return Ok(None) };
    if !event.is_about(account) {
        return Err(IdentityError::Malformed("Okta's System Log answered with something else".into()));
    }
    let at = DateTime::parse_from_rfc3339(&event.published)
        .map_err(|_| IdentityError::Malformed("an event of Okta's System Log has no readable date".into()))?;
    Ok(Some(StatusChange { at: at.to_utc(), what: event.kind.clone(), by: event.by(own) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn by(actor: &Value, rest: &Value) -> Changer {
        let mut event =
            json!({"eventType": KINDS[0], "published": "2026-01-01T00:00:00.000Z", "actor": actor});
        for (key, value) in rest.as_object().unwrap() {
            event[key] = value.clone();
        }
        serde_json::from_value::<Event>(event).unwrap().by(Some("00uBot"))
    }

    fn import(source: &str) -> Changer {
        Changer::Import { source: source.into() }
    }

    #[test]
    fn okta_itself_is_an_import_only_for_an_app_or_as_a_job() {
        let okta = json!({"id": "okta", "type": "SystemPrincipal", "displayName": "Okta System"});
        let app = json!({"target": [{"type": "User", "displayName": "Kim"},
            {"type": "AppInstance", "displayName": "Workday"}], "transaction": {"type": "JOB"}});
        assert_eq!(by(&okta, &app), import("Workday"));
        assert_eq!(by(&okta, &json!({"transaction": {"type": "JOB"}})), import("Okta System"));
        assert_eq!(by(&okta, &json!({"transaction": {"type": "WEB"}, "target": null})), Changer::Unknown);
    }

    #[test]
    fn apps_and_agents_are_imports() {
        for kind in ["PublicClientApp", "AppInstance", "ADAgent", "Client"] {
            let actor =
                json!({"id": "0oa1", "type": kind, "alternateId": "unknown", "displayName": "HR feed"});
            assert_eq!(by(&actor, &json!({})), import("HR feed"));
        }
    }

    #[test]
    fn nobody_is_named_without_a_name() {
        for actor in [json!(null), json!({}), json!({"type": "User"}), json!({"id": "x", "type": "Odd"})] {
            assert_eq!(by(&actor, &json!({})), Changer::Unknown, "{actor}");
        }
        let nameless = json!({"id": "00u7", "type": "User", "displayName": " ", "alternateId": "unknown"});
        assert_eq!(
            by(&nameless, &json!({})),
            Changer::Admin { name: "00u7".into(), id: Some("00u7".into()) }
        );
    }

    #[test]
    fn the_tokens_owner_in_a_browser_is_not_us() {
        let owner = json!({"id": "00uBot", "type": "User", "displayName": "Service"});
        let agent = |raw: &str| json!({"client": {"userAgent": {"rawUserAgent": raw}}});
        assert_eq!(by(&owner, &json!({})), Changer::Us);
        assert_eq!(by(&owner, &agent("inactive-contractors/0.1.0")), Changer::Us);
        assert!(matches!(by(&owner, &agent("Mozilla/5.0")), Changer::Admin { .. }));
    }
}
