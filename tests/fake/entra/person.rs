//! People: the builder that seeds one, and the snapshot that tests and the sandbox's page read.

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::directory::{SignIn, SignInKind};
use super::roles::Role;

/// A person to add to the fake. Ages count back from the fake's clock at the time of adding.
///
/// Unless set otherwise: a member who is enabled, was created 400 days ago and signed in a day ago, interactively.
#[derive(Clone)]
pub struct Person {
    pub(super) properties: Map<String, Value>,
    pub(super) enabled: bool,
    pub(super) created_ago: Option<Duration>,
    pub(super) sign_ins: Vec<(SignInKind, Duration)>,
    pub(super) groups: Vec<String>,
    pub(super) roles: Vec<Role>,
    pub(super) eligible: Vec<Role>,
    pub(super) manager: Option<String>,
    pub(super) sponsors: Vec<String>,
    pub(super) agent: bool,
    pub(super) mastered_elsewhere: bool,
    pub(super) guest_state: Option<(&'static str, Duration)>,
}

impl Person {
    /// Someone whose `employeeType` is this; login and mail are the same.
    pub fn new(login: &str, employee_type: &str) -> Person {
        let properties = json!({
            "userPrincipalName": login,
            "mail": login,
            "userType": "Member",
            "employeeType": employee_type,
            "proxyAddresses": [format!("SMTP:{login}")],
        });
        let Value::Object(properties) = properties else { unreachable!("the literal above is an object") };
        let local_part = login.split('@').next().unwrap_or(login);
        Person {
            properties,
            enabled: true,
            created_ago: Some(Duration::days(400)),
            sign_ins: vec![(SignInKind::Interactive, Duration::days(1))],
            groups: Vec::new(),
            roles: Vec::new(),
            eligible: Vec::new(),
            manager: None,
            sponsors: Vec::new(),
            agent: false,
            mastered_elsewhere: false,
            guest_state: None,
        }
        .name(local_part, "Example")
    }

    /// `employeeType` is `Contractor`.
    pub fn contractor(login: &str) -> Person {
        Person::new(login, "Contractor")
    }

    /// `employeeType` is `Employee`.
    pub fn employee(login: &str) -> Person {
        Person::new(login, "Employee")
    }

    /// Someone of another organisation who accepted the invitation when they were created. The login is the
    /// unreadable one that Entra makes of the address, the mail is the address.
    pub fn guest(address: &str) -> Person {
        let login = format!("{}#EXT#@corp.onmicrosoft.example", address.replace('@', "_"));
        let mut guest = Person::new(&login, "").attribute("employeeType", Value::Null);
        guest.guest_state = Some(("Accepted", Duration::days(400)));
        guest
            .attribute("userType", "Guest")
            .attribute("mail", address)
            .attribute("otherMails", json!([address]))
            .attribute("proxyAddresses", json!([format!("SMTP:{address}")]))
            .name(address.split('@').next().unwrap_or(address), "Guest")
    }

    /// The invitation is so many days old and nobody took it up.
    pub fn pending_days_ago(mut self, days: i64) -> Person {
        self.guest_state = Some(("PendingAcceptance", Duration::days(days)));
        self.created_days_ago(days).never_signed_in()
    }

    /// First and last name; the display name is both.
    pub fn name(self, first: &str, last: &str) -> Person {
        let display = format!("{first} {last}");
        self.attribute("givenName", first).attribute("surname", last).attribute("displayName", display.trim())
    }

    /// Any property of the user that the fake doesn't work out itself; `Value::Null` is served as null.
    pub fn attribute(mut self, name: &str, value: impl Into<Value>) -> Person {
        let known = super::metadata::property("user", name);
        assert!(known.is_some(), "users have no property {name}");
        self.properties.insert(name.to_owned(), value.into());
        self
    }

    /// `onPremisesExtensionAttributes/extensionAttribute1` to 15.
    pub fn extension(mut self, number: u8, value: &str) -> Person {
        let all = self.properties.entry("onPremisesExtensionAttributes").or_insert_with(|| json!({}));
        all[format!("extensionAttribute{number}")] = json!(value);
        self
    }

    pub fn company(self, company: &str) -> Person {
        self.attribute("companyName", company)
    }

    pub fn disabled(mut self) -> Person {
        self.enabled = false;
        self
    }

    pub fn created_days_ago(mut self, days: i64) -> Person {
        self.created_ago = Some(Duration::days(days));
        self
    }

    /// As for some accounts that are older than June 2018.
    pub fn created_nobody_knows_when(mut self) -> Person {
        self.created_ago = None;
        self
    }

    pub fn last_login_days_ago(self, days: i64) -> Person {
        self.last_login_ago(Duration::days(days))
    }

    /// The last interactive sign-in, a success, was so long ago; there is no other.
    pub fn last_login_ago(mut self, ago: Duration) -> Person {
        self.sign_ins = vec![(SignInKind::Interactive, ago)];
        self
    }

    /// A client signed in on the person's behalf.
    pub fn non_interactive_days_ago(mut self, days: i64) -> Person {
        self.sign_ins.push((SignInKind::NonInteractive, Duration::days(days)));
        self
    }

    /// Somebody tried to sign in as the person, and failed.
    pub fn attempt_days_ago(mut self, days: i64) -> Person {
        self.sign_ins.push((SignInKind::Failed, Duration::days(days)));
        self
    }

    /// `signInActivity` is absent.
    pub fn never_signed_in(mut self) -> Person {
        self.sign_ins.clear();
        self
    }

    /// The id of a group from `FakeEntra::add_group`.
    pub fn in_group(mut self, group_id: &str) -> Person {
        self.groups.push(group_id.to_owned());
        self
    }

    /// Holds the role now.
    pub fn role(mut self, role: Role) -> Person {
        self.roles.push(role);
        self
    }

    /// May take the role on, by Privileged Identity Management.
    pub fn eligible_for(mut self, role: Role) -> Person {
        self.eligible.push(role);
        self
    }

    /// The login of somebody who is in the tenant already.
    pub fn manager(mut self, login: &str) -> Person {
        self.manager = Some(login.to_owned());
        self
    }

    /// The login of somebody who is in the tenant already.
    pub fn sponsor(mut self, login: &str) -> Person {
        self.sponsors.push(login.to_owned());
        self
    }

    /// Synced from this domain of an on-premises AD.
    pub fn synced(self, domain: &str) -> Person {
        self.attribute("onPremisesSyncEnabled", true).attribute("onPremisesDomainName", domain)
    }

    /// Synced once and not any more, and still not the cloud's own: changes are refused, and no property says why.
    pub fn mastered_elsewhere(mut self) -> Person {
        self.mastered_elsewhere = true;
        self.attribute("onPremisesSyncEnabled", false)
    }

    /// In a restricted management administrative unit.
    pub fn restricted(self) -> Person {
        self.attribute("isManagementRestricted", true)
    }

    /// The account of an AI agent.
    pub fn agent(mut self) -> Person {
        self.agent = true;
        self
    }
}

/// What the fake knows of one person now.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonView {
    pub id: String,
    pub login: String,
    pub name: String,
    pub mail: Option<String>,
    pub enabled: bool,
    pub user_type: Option<String>,
    pub employee_type: Option<String>,
    pub company: Option<String>,
    pub guest_state: Option<String>,
    pub synced: bool,
    pub restricted: bool,
    pub agent: bool,
    pub created: Option<DateTime<Utc>>,
    pub last_interactive: Option<DateTime<Utc>>,
    pub last_non_interactive: Option<DateTime<Utc>>,
    pub last_success: Option<DateTime<Utc>>,
    /// Names of the groups that the person is a direct member of.
    pub groups: Vec<String>,
    pub roles: Vec<String>,
    /// Logins.
    pub manager: Option<String>,
    pub sponsors: Vec<String>,
}

/// The latest sign-in of those that count.
pub fn latest(sign_ins: &[SignIn], counts: impl Fn(&SignIn) -> bool) -> Option<&SignIn> {
    sign_ins.iter().filter(|sign_in| counts(sign_in)).max_by_key(|sign_in| sign_in.at)
}
