//! Lists which events of the System Log are signs of life, and whose.
//!
//! Taken from Okta's catalogue (<https://developer.okta.com/docs/reference/api/event-types/>, read in August 2026). An
//! event counts if the person did something themselves and it succeeded. In most events the person is the actor. Where
//! an app or an agent acts for the person, such as with tokens and federation, the person is the target. What another
//! person does to an account is that person's own act.
//!
//! Left out, with the reason:
//!
//! - `user.session.end`, `user.session.expire`, `user.session.clear`: Okta and administrators end sessions, too, and a
//!   suspension does.
//! - `policy.evaluate_sign_on`: it comes before the sign-in has succeeded.
//! - `user.account.unlock_token`, `system.email.*`, `system.sms.*`, `system.voice.*`, `system.push.*`: anybody who knows
//!   a login can have messages sent, and mail scanners open links.
//! - `user.account.reset_password`, `user.account.expire_password`, `user.account.unlock*`, `user.lifecycle.*`,
//!   `application.user_membership.*`, `group.user_membership.*`: administrators, imports and Okta itself do these.
//! - `system.ldapi.*`: only failures are logged. `system.agent.*`: agents read and write whole directories.
//! - `user.session.access_admin_app` and what is done in the admin console: administrators are never proposed.
//!
//! A type that is added here was not in the stretches of the log that are remembered as read: the same change needs a
//! migration that empties the table `sighting`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::domain::account::AccountId;
use crate::domain::sighting::{Sign, Way};

use super::search::quoted;

/// Whose sign of life an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Actor,
    /// The actor's, as long as the event is about nobody else's account.
    OwnOnly,
    /// The actor's, or the target's if the actor is no person but an app or an agent that acts for one.
    ActedFor,
}

/// Each type that counts, what it means, whose it is, and why it counts.
const SIGNS: [(&str, Way, Whose, &str); 42] = [
    ("user.session.start", Way::SignedIn, Whose::Actor, "a sign-in to Okta"),
    (
        "user.authentication.auth",
        Way::SignedIn,
        Whose::Actor,
        "a password that was right, also without a session",
    ),
    (
        "user.authentication.auth_via_AD_agent",
        Way::Directory,
        Whose::ActedFor,
        "Active Directory took the password",
    ),
    ("user.authentication.auth_via_LDAP_agent", Way::Directory, Whose::ActedFor, "LDAP took the password"),
    (
        "user.authentication.auth_via_inbound_delauth",
        Way::Directory,
        Whose::ActedFor,
        "another system took it",
    ),
    ("app.inbound_del_auth.login_success", Way::Directory, Whose::ActedFor, "the same, logged by the app"),
    (
        "user.authentication.auth_via_radius",
        Way::Radius,
        Whose::ActedFor,
        "a VPN or a network let the person in",
    ),
    ("user.authentication.auth_via_iwa", Way::Computer, Whose::ActedFor, "signed in by the Windows domain"),
    (
        "user.authentication.auth_via_richclient",
        Way::Computer,
        Whose::ActedFor,
        "an Office client with a password",
    ),
    (
        "app.kerberos_rich_client.user_authentication_successful",
        Way::Computer,
        Whose::ActedFor,
        "with Kerberos",
    ),
    ("user.authentication.authenticate", Way::Computer, Whose::ActedFor, "a trusted device's certificate"),
    ("user.device_session.start", Way::Computer, Whose::ActedFor, "a sign-in at the desktop"),
    ("device.platform_sso.authentication", Way::Computer, Whose::ActedFor, "a sign-in at the desktop"),
    ("device.password_sync.authentication", Way::Computer, Whose::ActedFor, "its older name"),
    (
        "user.authentication.auth_via_IDP",
        Way::Federated,
        Whose::ActedFor,
        "another identity provider vouched",
    ),
    ("user.authentication.auth_via_inbound_SAML", Way::Federated, Whose::ActedFor, "the same over SAML"),
    ("user.authentication.auth_via_social", Way::Federated, Whose::ActedFor, "the same with a social login"),
    ("user.authentication.auth_via_mfa", Way::Verified, Whose::Actor, "a factor was verified"),
    ("user.authentication.verify", Way::Verified, Whose::Actor, "the person was asked again and was right"),
    ("user.mfa.okta_verify", Way::Verified, Whose::Actor, "a push was accepted"),
    ("user.authentication.sso", Way::App, Whose::Actor, "an app was opened, over an older session, too"),
    ("app.oauth2.signon", Way::App, Whose::Actor, "the same over OpenID Connect"),
    ("app.oauth2.authorize.code", Way::App, Whose::Actor, "a browser with a session asked for an app"),
    ("app.oauth2.authorize.implicit.access_token", Way::App, Whose::Actor, "the same, older kind of app"),
    ("app.oauth2.authorize.implicit.id_token", Way::App, Whose::Actor, "the same"),
    ("app.oauth2.as.authorize.code", Way::App, Whose::Actor, "the same at a custom authorization server"),
    ("app.oauth2.as.authorize.implicit.access_token", Way::App, Whose::Actor, "the same"),
    ("app.oauth2.as.authorize.implicit.id_token", Way::App, Whose::Actor, "the same"),
    ("app.oauth2.token.grant.access_token", Way::Token, Whose::ActedFor, "an app works for the person"),
    ("app.oauth2.token.grant.id_token", Way::Token, Whose::ActedFor, "the same"),
    ("app.oauth2.token.grant.refresh_token", Way::Token, Whose::ActedFor, "the same, and goes on"),
    (
        "app.oauth2.as.token.grant.access_token",
        Way::Token,
        Whose::ActedFor,
        "at a custom authorization server",
    ),
    ("app.oauth2.as.token.grant.id_token", Way::Token, Whose::ActedFor, "the same"),
    ("app.oauth2.as.token.grant.refresh_token", Way::Token, Whose::ActedFor, "the same"),
    ("app.oauth2.consent.grant", Way::OwnAccount, Whose::OwnOnly, "the person agreed to what an app may do"),
    ("app.oauth2.as.consent.grant", Way::OwnAccount, Whose::OwnOnly, "the same"),
    ("user.account.update_password", Way::OwnAccount, Whose::OwnOnly, "the person changed their password"),
    ("user.account.update_profile", Way::OwnAccount, Whose::OwnOnly, "the person changed their profile"),
    ("user.mfa.factor.activate", Way::OwnAccount, Whose::OwnOnly, "the person enrolled a factor"),
    ("user.mfa.factor.deactivate", Way::OwnAccount, Whose::OwnOnly, "the person removed a factor"),
    ("device.user.add", Way::OwnAccount, Whose::OwnOnly, "the person added the account to a device"),
    ("app.access_request.request", Way::OwnAccount, Whose::OwnOnly, "the person asked for an app"),
];

static BY_TYPE: LazyLock<BTreeMap<&str, (Way, Whose)>> =
    LazyLock::new(|| SIGNS.iter().map(|(kind, way, whose, _)| (*kind, (*way, *whose))).collect());

/// An event of the System Log, as far as it can be a sign of life.
#[derive(Deserialize)]
pub(super) struct Event {
    #[serde(default)]
    actor: Option<Party>,
    #[serde(default, rename = "eventType")]
    kind: String,
    pub(super) published: String,
    #[serde(default)]
    outcome: Option<Outcome>,
    #[serde(default)]
    target: Option<Vec<Party>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Party {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    result: Option<String>,
}

impl Party {
    fn is_person(&self) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind == "User")
    }

    fn is_app(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| kind == "AppInstance" || kind.ends_with("ClientApp"))
    }

    fn is(&self, account: &AccountId) -> bool {
        self.id.as_deref() == Some(account.0.as_str())
    }
}

impl Event {
    /// Returns whether it is what was asked for: one of the types, successful, and by or about this account.
    pub(super) fn answers_for(&self, account: &AccountId) -> bool {
        self.way().is_some() && self.parties().any(|party| party.is(account))
    }

    /// Returns whose sign of life it is, and which. The server filters; this makes sure that it did.
    pub(super) fn sign(&self) -> Option<(AccountId, Sign)> {
        let (way, whose) = self.way()?;
        let actor = self.actor.as_ref()?;
        let mut people = self.target.iter().flatten().filter(|party| party.is_person());
        let person = match whose {
            Whose::OwnOnly if actor.is_person() => {
                if people.any(|target| target.id != actor.id) {
                    return None;
                }
                actor
            }
            Whose::Actor | Whose::ActedFor if actor.is_person() => actor,
            Whose::ActedFor => people.next()?,
            Whose::Actor | Whose::OwnOnly => return None,
        };
        let app = self.parties().find(|party| party.is_app()).and_then(|app| app.display_name.clone());
        let sign = Sign { way, event: self.kind.clone(), app };
        person.id.clone().map(|id| (AccountId(id), sign))
    }

    fn way(&self) -> Option<(Way, Whose)> {
        let done = self.outcome.as_ref()?.result.as_deref() == Some("SUCCESS");
        BY_TYPE.get(self.kind.as_str()).copied().filter(|_| done)
    }

    fn parties(&self) -> impl Iterator<Item = &Party> {
        self.target.iter().flatten().chain(&self.actor)
    }
}

/// Returns the filter for everybody's signs of life.
pub(super) fn of_all() -> String {
    let types: Vec<String> =
        SIGNS.iter().map(|(kind, ..)| format!("eventType eq {}", quoted(kind))).collect();
    format!(r#"outcome.result eq "SUCCESS" and ({})"#, types.join(" or "))
}

/// Returns the filter for the events of these types that are by or about one account.
pub(super) fn of_one(account: &AccountId) -> String {
    let id = quoted(&account.0);
    format!("(actor.id eq {id} or target.id eq {id}) and {}", of_all())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn sign_of(
        kind: &str,
        actor: (&str, &str),
        targets: &[(&str, &str)],
        result: &str,
    ) -> Option<(String, Sign)> {
        let party = |(id, kind): &(&str, &str)| json!({"id": id, "type": kind, "displayName": id});
        let event = json!({
            "eventType": kind, "published": "2026-01-01T00:00:00.000Z", "outcome": {"result": result},
            "actor": party(&actor), "target": targets.iter().map(party).collect::<Vec<Value>>(),
        });
        let event: Event = serde_json::from_value(event).unwrap();
        event.sign().map(|(account, sign)| (account.0, sign))
    }

    #[test]
    fn each_type_counts_for_the_person_who_acts_and_only_if_it_succeeds() {
        assert_eq!(BY_TYPE.len(), SIGNS.len(), "no type is there twice");
        for (kind, way, ..) in SIGNS {
            let own = [("00uKim", "User"), ("0oa1", "AppInstance")];
            let sign = Sign { way, event: kind.to_owned(), app: Some("0oa1".into()) };
            assert_eq!(sign_of(kind, own[0], &own, "SUCCESS"), Some(("00uKim".into(), sign)), "{kind}");
            for result in ["FAILURE", "DENY", "SKIPPED", "ALLOW", "CHALLENGE", "UNKNOWN"] {
                assert_eq!(sign_of(kind, own[0], &own, result), None, "{kind} {result}");
            }
        }
    }

    #[test]
    fn what_an_app_does_for_a_person_counts_for_the_person_only_where_it_acts_for_them() {
        for (kind, _, whose, _) in SIGNS {
            for actor in [("0oa1", "PublicClientApp"), ("0ad1", "ADAgent"), ("okta", "SystemPrincipal")] {
                let found = sign_of(kind, actor, &[("AT1", "access_token"), ("00uKim", "User")], "SUCCESS");
                let expected = (whose == Whose::ActedFor).then(|| "00uKim".to_owned());
                assert_eq!(found.map(|(person, _)| person), expected, "{kind} by {}", actor.1);
            }
            let nobody = sign_of(kind, ("0oa1", "PublicClientApp"), &[("0oa1", "AppInstance")], "SUCCESS");
            assert_eq!(nobody, None, "{kind}: an app works for itself");
        }
    }

    #[test]
    fn what_an_admin_does_to_an_account_is_no_sign_of_its_person() {
        for (kind, _, whose, _) in SIGNS {
            let found = sign_of(kind, ("00uBoss", "User"), &[("00uKim", "User")], "SUCCESS");
            let expected = (whose != Whose::OwnOnly).then(|| "00uBoss".to_owned());
            assert_eq!(found.map(|(person, _)| person), expected, "{kind}");
        }
        for kind in [
            "user.account.reset_password",
            "user.account.unlock_by_admin",
            "user.lifecycle.unsuspend",
            "user.session.end",
            "user.session.clear",
            "policy.evaluate_sign_on",
            "system.email.challenge_factor_redeemed",
        ] {
            assert_eq!(sign_of(kind, ("00uKim", "User"), &[("00uKim", "User")], "SUCCESS"), None, "{kind}");
        }
    }

    #[test]
    fn the_filter_names_each_type_and_fits_into_an_address() {
        let filter = of_one(&AccountId("00u0000000000000zzzz".into()));
        for (kind, ..) in SIGNS {
            assert_eq!(filter.matches(&format!("eventType eq \"{kind}\"")).count(), 1, "{kind}");
        }
        let mut url = url::Url::parse("https://a-rather-long-name.okta.com/api/v1/logs").unwrap();
        url.query_pairs_mut().append_pair("filter", &filter);
        // Proxies and servers take 8,000 bytes; a cursor and the dates need some of them.
        assert!(url.as_str().len() < 4_500, "{}", url.as_str().len());
    }
}
