//! What the org holds: users, groups, user types and the System Log, and the few ways in which they change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::{Map, Value, json};

use super::log::{LogEvent, Party};
use super::person::{Person, PersonView, Status};
use super::wire::timestamp;

/// The type that every org has and every user is of unless a test says otherwise.
pub const DEFAULT_TYPE_ID: &str = "oty00000000default00";

/// Changes the JSON of one user on its way out.
pub type Override = Arc<dyn Fn(&mut Value) + Send + Sync>;

#[derive(Clone)]
pub struct User {
    pub id: String,
    pub status: Status,
    pub created: DateTime<Utc>,
    pub activated: Option<DateTime<Utc>>,
    pub status_changed: Option<DateTime<Utc>>,
    pub last_login: Option<DateTime<Utc>>,
    pub last_updated: DateTime<Utc>,
    pub type_id: String,
    pub profile: Map<String, Value>,
    pub groups: BTreeSet<String>,
    pub admin_roles: Vec<String>,
    /// Type and name of the credential provider.
    pub source: (String, String),
    pub raw: Option<Override>,
    /// Suspend calls that took effect.
    pub suspends: usize,
    /// Suspend calls that arrived.
    pub suspend_requests: usize,
    /// Session clearings that took effect, each with its `oauthTokens` flag.
    pub sessions_cleared: Vec<bool>,
}

impl User {
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.profile.get(attribute).and_then(Value::as_str)
    }

    pub fn login(&self) -> &str {
        self.text("login").unwrap_or_default()
    }

    pub fn party(&self) -> Party {
        Party {
            id: self.id.clone(),
            kind: "User",
            alternate_id: self.login().to_owned(),
            display_name: self.text("displayName").unwrap_or_default().to_owned(),
        }
    }

    /// The user object as Okta serves it (<https://developer.okta.com/docs/api/openapi/okta-management/>).
    pub fn json(&self, base: &str) -> Value {
        let time = |at: Option<DateTime<Utc>>| at.map(timestamp);
        let mut user = json!({
            "id": self.id,
            "status": self.status,
            "created": timestamp(self.created),
            "activated": time(self.activated),
            "statusChanged": time(self.status_changed),
            "lastLogin": time(self.last_login),
            "lastUpdated": timestamp(self.last_updated),
            "passwordChanged": time(self.activated),
            "type": { "id": self.type_id },
            "profile": self.profile,
            "credentials": { "provider": { "type": self.source.0, "name": self.source.1 } },
            "_links": { "self": { "href": format!("{base}/api/v1/users/{}", self.id) } },
        });
        if let Some(raw) = &self.raw {
            raw(&mut user);
        }
        user
    }

    fn change_status(&mut self, status: Status, at: DateTime<Utc>) {
        self.status = status;
        self.status_changed = Some(at);
        self.last_updated = at;
    }
}

pub struct Directory {
    /// By id, which is also the order of creation.
    pub users: BTreeMap<String, User>,
    /// What listings still show, if the search index lags.
    pub index: Option<BTreeMap<String, User>>,
    /// No page of a listing of users holds more than this, whatever `limit` says.
    pub page_cap: usize,
    /// Names by id.
    pub groups: BTreeMap<String, String>,
    /// Names by id.
    pub types: BTreeMap<String, String>,
    pub log: Vec<LogEvent>,
    /// The latest successful app sign-on in the log, by the person's id: to look it up for everybody takes long.
    last_sso: BTreeMap<String, DateTime<Utc>>,
    ids: usize,
}

impl Default for Directory {
    fn default() -> Self {
        Directory {
            users: BTreeMap::new(),
            index: None,
            page_cap: usize::MAX,
            groups: BTreeMap::new(),
            types: BTreeMap::from([(DEFAULT_TYPE_ID.to_owned(), "user".to_owned())]),
            log: Vec::new(),
            last_sso: BTreeMap::new(),
            ids: 0,
        }
    }
}

impl Directory {
    /// Everybody as listings show them.
    pub fn listed(&self) -> &BTreeMap<String, User> {
        self.index.as_ref().unwrap_or(&self.users)
    }

    /// Opaque, 20 characters, of a prefix that tells the kind, as Okta's ids are.
    pub fn new_id(&mut self, prefix: &str) -> String {
        self.ids += 1;
        format!("{prefix}{:013}5d7A", self.ids)
    }

    /// Adds the person and the sign-ins of their past.
    pub fn add(&mut self, person: Person, now: DateTime<Utc>) -> String {
        let id = self.new_id("00u");
        let login = person.profile["login"].as_str().unwrap_or_default();
        assert!(self.by_login(login).is_none(), "logins are unique: {login}");
        for group in &person.groups {
            assert!(self.groups.contains_key(group), "no such group: {group}");
        }
        let now = now.trunc_subsecs(3);
        let created = now - person.created_ago;
        let activated = match person.status {
            Status::Staged => None,
            _ => Some(person.activated_ago.map_or(created, |ago| now - ago)),
        };
        let status_changed = person.status_changed_ago.map_or(activated, |ago| Some(now - ago));
        let last_login = person.last_login_ago.map(|ago| now - ago);
        let user = User {
            id: id.clone(),
            status: person.status,
            created,
            activated,
            status_changed,
            last_login,
            last_updated: status_changed.unwrap_or(created),
            type_id: person.type_id.unwrap_or_else(|| DEFAULT_TYPE_ID.to_owned()),
            profile: person.profile,
            groups: person.groups.into_iter().collect(),
            admin_roles: person.admin_roles,
            source: person.source,
            raw: None,
            suspends: 0,
            suspend_requests: 0,
            sessions_cleared: Vec::new(),
        };
        let party = user.party();
        self.users.insert(id.clone(), user);
        if let Some(at) = last_login {
            self.record(at, "user.session.start", &party, "SUCCESS", None);
        }
        for ago in person.sso_ago {
            self.record(now - ago, "user.authentication.sso", &party, "SUCCESS", None);
        }
        id
    }

    pub fn by_login(&self, login: &str) -> Option<&User> {
        self.users.values().find(|user| user.login().eq_ignore_ascii_case(login))
    }

    /// By immutable id or by login, as the path of every user call allows.
    pub fn find(&self, id_or_login: &str) -> Option<&User> {
        self.users.get(id_or_login).or_else(|| self.by_login(id_or_login))
    }

    pub fn find_mut(&mut self, id_or_login: &str) -> Option<&mut User> {
        let id = self.find(id_or_login)?.id.clone();
        self.users.get_mut(&id)
    }

    /// Appends to the System Log; what is special about the event is filled in after.
    pub fn record(
        &mut self,
        at: DateTime<Utc>,
        event_type: &'static str,
        actor: &Party,
        result: &'static str,
        target: Option<Party>,
    ) -> &mut LogEvent {
        let (number, published) = (self.log.len() + 1, at.trunc_subsecs(3));
        if event_type == "user.authentication.sso" && result == "SUCCESS" {
            let last = self.last_sso.entry(actor.id.clone()).or_insert(published);
            *last = published.max(*last);
        }
        let (actor, app, agent) = (actor.clone(), None, None);
        self.log.push(LogEvent { number, published, event_type, actor, result, target, app, agent });
        self.log.last_mut().expect("it was pushed a moment ago")
    }

    /// Moves the status without any event, as an admin's or Okta's own change would.
    pub fn set_status(&mut self, login: &str, status: Status, now: DateTime<Utc>) {
        self.must_find_mut(login).change_status(status, now.trunc_subsecs(3));
    }

    /// ACTIVE to SUSPENDED; false in any other status.
    pub fn suspend(&mut self, id: &str, actor: &Party, now: DateTime<Utc>) -> bool {
        let done = self.transition(id, Status::Active, Status::Suspended, now);
        if let Some(target) = done {
            self.must_find_mut(id).suspends += 1;
            self.record(now, "user.lifecycle.suspend", actor, "SUCCESS", Some(target));
            return true;
        }
        false
    }

    /// SUSPENDED to ACTIVE; false in any other status.
    pub fn unsuspend(&mut self, id: &str, actor: &Party, now: DateTime<Utc>) -> bool {
        let done = self.transition(id, Status::Suspended, Status::Active, now);
        if let Some(target) = done {
            self.record(now, "user.lifecycle.unsuspend", actor, "SUCCESS", Some(target));
            return true;
        }
        false
    }

    /// SUSPENDED to ACTIVE by an import job of the app; false in any other status.
    pub fn import(&mut self, id: &str, app: &str, now: DateTime<Utc>) -> bool {
        let done = self.unsuspend(id, &Party::okta(), now);
        if done && let Some(event) = self.log.last_mut() {
            event.app = Some(Party::app_instance(app));
        }
        done
    }

    fn transition(&mut self, id: &str, from: Status, to: Status, now: DateTime<Utc>) -> Option<Party> {
        let user = self.must_find_mut(id);
        if user.status != from {
            return None;
        }
        user.change_status(to, now.trunc_subsecs(3));
        Some(user.party())
    }

    /// A sign-in to Okta itself; only an ACTIVE user gets through, anybody else leaves a failure in the log.
    pub fn sign_in(&mut self, login: &str, now: DateTime<Utc>) -> bool {
        let user = self.must_find_mut(login);
        let (allowed, party) = (user.status == Status::Active, user.party());
        if allowed {
            user.last_login = Some(now.trunc_subsecs(3));
        }
        self.record(now, "user.session.start", &party, if allowed { "SUCCESS" } else { "FAILURE" }, None);
        allowed
    }

    /// A sign-on to an app over an old session: `lastLogin` stays.
    pub fn sso(&mut self, login: &str, result: &'static str, now: DateTime<Utc>) {
        let party = self.must_find_mut(login).party();
        self.record(now, "user.authentication.sso", &party, result, None);
    }

    pub fn must_find_mut(&mut self, id_or_login: &str) -> &mut User {
        self.find_mut(id_or_login).unwrap_or_else(|| panic!("no such user in the fake: {id_or_login}"))
    }

    pub fn view(&self, user: &User) -> PersonView {
        let text = |attribute: &str| user.text(attribute).map(str::to_owned);
        PersonView {
            id: user.id.clone(),
            login: user.login().to_owned(),
            name: text("displayName").unwrap_or_default(),
            status: user.status,
            user_type: text("userType"),
            organization: text("organization"),
            manager: text("manager"),
            manager_id: text("managerId"),
            department: text("department"),
            created: user.created,
            status_changed: user.status_changed,
            last_login: user.last_login,
            last_sso: self.last_sso.get(&user.id).copied(),
            groups: user.groups.iter().filter_map(|id| self.groups.get(id)).cloned().collect(),
            admin_roles: user.admin_roles.clone(),
        }
    }
}
