//! People: the builder that seeds one, and the snapshot that tests and the sandbox's page read.

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// `status` of an Okta user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Staged,
    Provisioned,
    Active,
    Recovery,
    PasswordExpired,
    LockedOut,
    Suspended,
    Deprovisioned,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Staged => "STAGED",
            Status::Provisioned => "PROVISIONED",
            Status::Active => "ACTIVE",
            Status::Recovery => "RECOVERY",
            Status::PasswordExpired => "PASSWORD_EXPIRED",
            Status::LockedOut => "LOCKED_OUT",
            Status::Suspended => "SUSPENDED",
            Status::Deprovisioned => "DEPROVISIONED",
        }
    }
}

/// A person to add to the fake. Ages count back from the fake's clock at the time of adding.
///
/// Unless a test says otherwise: ACTIVE, created and activated 400 days ago, signed in a day ago, status unchanged
/// since the activation, Okta's default user type.
#[derive(Clone)]
pub struct Person {
    pub(super) status: Status,
    pub(super) created_ago: Duration,
    pub(super) activated_ago: Option<Duration>,
    pub(super) status_changed_ago: Option<Duration>,
    pub(super) last_login_ago: Option<Duration>,
    pub(super) sso_ago: Vec<Duration>,
    pub(super) type_id: Option<String>,
    pub(super) profile: Map<String, Value>,
    pub(super) groups: Vec<String>,
    pub(super) admin_roles: Vec<String>,
    pub(super) source: (String, String),
}

impl Person {
    /// Someone whose `profile.userType` is `user_type`; login and e-mail are the same.
    pub fn new(login: &str, user_type: &str) -> Person {
        let profile = json!({ "login": login, "email": login, "userType": user_type });
        let Value::Object(profile) = profile else { unreachable!("the literal above is an object") };
        let year = Duration::days(400);
        let local_part = login.split('@').next().unwrap_or(login);
        Person {
            status: Status::Active,
            created_ago: year,
            activated_ago: None,
            status_changed_ago: None,
            last_login_ago: Some(Duration::days(1)),
            sso_ago: Vec::new(),
            type_id: None,
            profile,
            groups: Vec::new(),
            admin_roles: Vec::new(),
            source: ("OKTA".to_owned(), "OKTA".to_owned()),
        }
        .name(local_part, "Example")
    }

    /// `profile.userType` is `Contractor`.
    pub fn contractor(login: &str) -> Person {
        Person::new(login, "Contractor")
    }

    /// `profile.userType` is `Employee`.
    pub fn employee(login: &str) -> Person {
        Person::new(login, "Employee")
    }

    /// First and last name; the display name is both.
    pub fn name(self, first: &str, last: &str) -> Person {
        let display = format!("{first} {last}");
        self.attribute("firstName", first)
            .attribute("lastName", last)
            .attribute("displayName", display.trim())
    }

    /// Any profile attribute, custom ones too; `Value::Null` is served as null.
    pub fn attribute(mut self, name: &str, value: impl Into<Value>) -> Person {
        self.profile.insert(name.to_owned(), value.into());
        self
    }

    pub fn user_type(self, user_type: &str) -> Person {
        self.attribute("userType", user_type)
    }

    pub fn manager(self, manager: &str) -> Person {
        self.attribute("manager", manager)
    }

    /// `profile.managerId`: meant for an id, in practice a login, an address or an HR number too.
    pub fn manager_id(self, manager_id: &str) -> Person {
        self.attribute("managerId", manager_id)
    }

    /// Type and name of the directory that the person comes from: `("ACTIVE_DIRECTORY", "corp.example")`. Without it:
    /// Okta.
    pub fn source(mut self, kind: &str, name: &str) -> Person {
        self.source = (kind.to_owned(), name.to_owned());
        self
    }

    pub fn organization(self, organization: &str) -> Person {
        self.attribute("organization", organization)
    }

    pub fn department(self, department: &str) -> Person {
        self.attribute("department", department)
    }

    /// The id of an Okta user type (`FakeOkta::add_user_type`), not `profile.userType`.
    pub fn type_id(mut self, type_id: &str) -> Person {
        self.type_id = Some(type_id.to_owned());
        self
    }

    pub fn status(mut self, status: Status) -> Person {
        self.status = status;
        self
    }

    pub fn created_days_ago(mut self, days: i64) -> Person {
        self.created_ago = Duration::days(days);
        self
    }

    /// Without it: activated when created (never, if STAGED).
    pub fn activated_days_ago(mut self, days: i64) -> Person {
        self.activated_ago = Some(Duration::days(days));
        self
    }

    /// Without it: when activated, or else created.
    pub fn status_changed_days_ago(mut self, days: i64) -> Person {
        self.status_changed_ago = Some(Duration::days(days));
        self
    }

    pub fn last_login_days_ago(self, days: i64) -> Person {
        self.last_login_ago(Duration::days(days))
    }

    /// Also writes the `user.session.start` of that time into the log.
    pub fn last_login_ago(mut self, ago: Duration) -> Person {
        self.last_login_ago = Some(ago);
        self
    }

    /// `lastLogin` is null.
    pub fn never_signed_in(mut self) -> Person {
        self.last_login_ago = None;
        self
    }

    /// A `user.authentication.sso` SUCCESS in the log that leaves `lastLogin` alone.
    pub fn sso_days_ago(mut self, days: i64) -> Person {
        self.sso_ago.push(Duration::days(days));
        self
    }

    /// The id of a group from `FakeOkta::add_group`.
    pub fn in_group(mut self, group_id: &str) -> Person {
        self.groups.push(group_id.to_owned());
        self
    }

    /// An admin role's type, such as `SUPER_ADMIN` or `HELP_DESK_ADMIN`.
    pub fn admin_role(mut self, role: &str) -> Person {
        self.admin_roles.push(role.to_owned());
        self
    }
}

/// What the fake knows of one person now.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonView {
    pub id: String,
    pub login: String,
    pub name: String,
    pub status: Status,
    pub user_type: Option<String>,
    pub organization: Option<String>,
    pub manager: Option<String>,
    pub manager_id: Option<String>,
    pub department: Option<String>,
    pub created: DateTime<Utc>,
    pub status_changed: Option<DateTime<Utc>>,
    pub last_login: Option<DateTime<Utc>>,
    /// The latest successful app sign-on in the log.
    pub last_sso: Option<DateTime<Utc>>,
    /// Names of the groups.
    pub groups: Vec<String>,
    pub admin_roles: Vec<String>,
}
