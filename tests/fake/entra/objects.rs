//! Directory objects as Graph serves them: projection by `$select`, defaults without it, and what of an account shows
//! when.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value, json};

use super::access::{Access, Caller};
use super::directory::{Directory, Group, SignIn, SignInKind, User};
use super::filter::Subject;
use super::metadata::{properties, property};
use super::person::latest;
use super::roles::Role;
use super::settings::{Licence, Settings};
use super::wire::timestamp;

/// What comes of a user without `$select`.
const USER_DEFAULTS: [&str; 11] = [
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];
const GROUP_DEFAULTS: [&str; 9] = [
    "id",
    "displayName",
    "description",
    "groupTypes",
    "isAssignableToRole",
    "mail",
    "mailEnabled",
    "securityEnabled",
    "visibility",
];

/// From where an account is looked at.
pub struct Lens<'a> {
    pub settings: &'a Settings,
    pub now: DateTime<Utc>,
    /// The replica that answers is a day behind.
    pub stale: bool,
}

impl Lens<'_> {
    fn behind(&self) -> Duration {
        if self.stale { Duration::days(1) } else { Duration::zero() }
    }

    /// The property of the user as it shows; `None` where Graph leaves it out.
    pub fn user_property(&self, user: &User, name: &str) -> Option<Value> {
        match name {
            "id" => Some(json!(user.id)),
            "accountEnabled" => {
                Some(json!(user.enabled_at(self.now - self.settings.replication_lag - self.behind())))
            }
            "signInActivity" => self.activity(user),
            "signInSessionsValidFromDateTime" => {
                let valid_from = user.revocations.last().map(|at| json!(timestamp(*at)));
                Some(
                    valid_from
                        .or_else(|| user.properties.get("createdDateTime").cloned())
                        .unwrap_or_default(),
                )
            }
            _ => Some(user.properties.get(name).cloned().unwrap_or_else(|| nothing("user", name))),
        }
    }

    /// Absent for an account that never signed in.
    fn activity(&self, user: &User) -> Option<Value> {
        if self.settings.licence == Licence::Free {
            return None;
        }
        let until = self.now - self.settings.activity_lag - self.behind();
        let last = |counts: &dyn Fn(&SignIn) -> bool| {
            latest(&user.sign_ins, |sign_in| sign_in.at <= until && counts(sign_in))
        };
        let interactive = last(&|one| one.kind != SignInKind::NonInteractive);
        let other = last(&|one| one.kind == SignInKind::NonInteractive);
        let known_since = Directory::success_known_since();
        let success = last(&|one| one.kind != SignInKind::Failed && one.at >= known_since);
        let mut activity = Map::new();
        for (name, one) in [
            ("lastSignIn", interactive),
            ("lastNonInteractiveSignIn", other),
            ("lastSuccessfulSignIn", success),
        ] {
            activity.insert(format!("{name}DateTime"), json!(one.map(|one| timestamp(one.at))));
            activity.insert(format!("{name}RequestId"), json!(one.map(|one| &one.id)));
        }
        interactive.or(other).map(|_| Value::Object(activity))
    }

    /// The user with the selected properties, or with those of default.
    pub fn user(&self, user: &User, select: Option<&[String]>) -> Value {
        let defaults = USER_DEFAULTS.map(str::to_owned);
        let names = select.unwrap_or(&defaults).iter();
        let names = names.filter(|name| !self.settings.lost_projection.contains(*name));
        let mut json: Map<String, Value> =
            names.filter_map(|name| Some((name.clone(), self.user_property(user, name)?))).collect();
        if user.agent {
            json.insert("@odata.type".to_owned(), json!("#microsoft.graph.agentUser"));
        }
        let mut json = Value::Object(json);
        if let Some(raw) = &user.raw {
            raw(&mut json);
        }
        json
    }

    /// What `@odata.context` says of a projection: `(id,displayName)`; nothing without one.
    pub fn projection(&self, select: Option<&[String]>) -> String {
        let Some(select) = select else { return String::new() };
        let names = select.iter().filter(|name| !self.settings.lost_projection.contains(*name));
        format!("({})", names.map(String::as_str).collect::<Vec<_>>().join(","))
    }
}

/// What is served of a property that has no value.
fn nothing(resource: &str, name: &str) -> Value {
    let is_collection = property(resource, name).is_some_and(|kind| kind.ends_with("[]"));
    if is_collection { json!([]) } else { Value::Null }
}

/// A user as a filter sees them.
pub struct Seen<'a>(pub &'a Lens<'a>, pub &'a User);

impl Subject for Seen<'_> {
    fn value(&self, path: &str) -> Value {
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        let value = self.0.user_property(self.1, first).unwrap_or_default();
        if rest.is_empty() { value } else { value.value(rest) }
    }
}

/// All that the fake knows of a group.
pub fn group_facts(id: &str, group: &Group) -> Value {
    json!({
        "id": id,
        "displayName": group.name,
        "description": null,
        "groupTypes": [],
        "isAssignableToRole": group.assignable,
        "mail": null,
        "mailEnabled": false,
        "securityEnabled": true,
        "visibility": if group.hidden { "HiddenMembership" } else { "Private" },
    })
}

pub fn group(id: &str, group: &Group, select: Option<&[String]>) -> Value {
    let defaults = GROUP_DEFAULTS.map(str::to_owned);
    projected("group", &group_facts(id, group), select.unwrap_or(&defaults))
}

/// The object cut to these properties; those that its type doesn't have are left out.
fn projected(resource: &str, facts: &Value, names: &[String]) -> Value {
    let known = names.iter().filter(|name| property(resource, name).is_some());
    let value = |name: &String| facts.get(name).cloned().unwrap_or_else(|| nothing(resource, name));
    known.map(|name| (name.clone(), value(name))).collect::<Map<_, _>>().into()
}

/// How an object is shown in a collection of objects of several types.
pub struct Mixed<'a> {
    pub lens: Lens<'a>,
    pub directory: &'a Directory,
    pub caller: &'a Caller,
    pub select: Option<&'a [String]>,
}

impl Mixed<'_> {
    /// The user, group or role of this id. Of a type that the caller may not read come the type and the id only.
    pub fn object(&self, id: &str) -> Option<Value> {
        let may = |permissions: &[&str]| self.caller.has_any(permissions);
        let (resource, mut json, readable) = if let Some(user) = self.directory.users.get(id) {
            let resource = if user.agent { "agentUser" } else { "user" };
            let readable = may(&["User.Read.All", "User.ReadWrite.All", "Directory.Read.All"]);
            (resource, self.lens.user(user, self.select), readable)
        } else if let Some(found) = self.directory.groups.get(id) {
            let readable = may(&["GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"]);
            ("group", group(id, found, self.select), readable)
        } else {
            let role = self.directory.assignments.iter().map(|one| one.role);
            let role = role.map(Role::object).find(|role| role["id"] == id)?;
            let names = properties("directoryRole").map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
            let readable = may(&["RoleManagement.Read.Directory", "Directory.Read.All"]);
            ("directoryRole", projected("directoryRole", &role, self.select.unwrap_or(&names)), readable)
        };
        let all = json.as_object_mut().expect("objects are objects");
        if !readable {
            all.iter_mut().filter(|(name, _)| *name != "id").for_each(|(name, value)| {
                let kind = resource.replace("agentUser", "user");
                *value = nothing(&kind, name);
            });
        }
        all.insert("@odata.type".to_owned(), json!(format!("#microsoft.graph.{resource}")));
        Some(json)
    }
}

/// A principal of a role, as `$expand` shows it.
pub fn reference(directory: &Directory, access: &Access, id: &str) -> Value {
    if let Some(user) = directory.users.get(id) {
        let kind = if user.agent { "agentUser" } else { "user" };
        json!({
            "@odata.type": format!("#microsoft.graph.{kind}"),
            "id": id,
            "displayName": user.text("displayName"),
            "userPrincipalName": user.login(),
        })
    } else if let Some(group) = directory.groups.get(id) {
        json!({ "@odata.type": "#microsoft.graph.group", "id": id, "displayName": group.name })
    } else {
        let app = access.apps.iter().find(|(_, app)| app.object_id == id);
        json!({
            "@odata.type": "#microsoft.graph.servicePrincipal",
            "id": id,
            "appId": app.map(|(app_id, _)| app_id),
            "displayName": app.map(|(_, app)| &app.name),
        })
    }
}
