//! What the tenant holds: users, groups, roles, and the few ways in which they change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Duration, SubsecRound, Utc};
use serde_json::{Map, Value, json};

use super::audit::{Audit, Initiator};
use super::person::Person;
use super::roles::{Assignment, Role};
use super::settings::{AuditStyle, Settings};
use super::wire::{guid, timestamp};

/// Changes the JSON of one user on its way out.
pub type Override = Arc<dyn Fn(&mut Value) + Send + Sync>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInKind {
    /// By the person, with success.
    Interactive,
    /// By a client on the person's behalf, with success.
    NonInteractive,
    /// By the person or by somebody who guesses the password, without success.
    Failed,
}

#[derive(Clone, Debug)]
pub struct SignIn {
    pub at: DateTime<Utc>,
    pub kind: SignInKind,
    pub id: String,
}

/// A change of `accountEnabled` that took effect: the new value differs from the one before.
#[derive(Clone, Debug)]
pub struct EffectiveChange {
    pub at: DateTime<Utc>,
    pub enabled: bool,
    pub by: Initiator,
    pub correlation_id: String,
}

#[derive(Clone)]
pub struct User {
    pub id: String,
    /// By Graph's names; what is worked out is not among them.
    pub properties: Map<String, Value>,
    pub enabled: bool,
    pub agent: bool,
    /// Every change of it is refused, though no property says so.
    pub mastered_elsewhere: bool,
    pub sign_ins: Vec<SignIn>,
    /// Ids.
    pub manager: Option<String>,
    pub sponsors: Vec<String>,
    pub changes: Vec<EffectiveChange>,
    /// Calls to change it that arrived.
    pub patch_requests: usize,
    /// Session revocations that took effect.
    pub revocations: Vec<DateTime<Utc>>,
    pub raw: Option<Override>,
}

impl User {
    pub fn text(&self, property: &str) -> Option<&str> {
        self.properties.get(property).and_then(Value::as_str)
    }

    pub fn login(&self) -> &str {
        self.text("userPrincipalName").unwrap_or_default()
    }

    pub fn is(&self, property: &str) -> bool {
        self.properties.get(property) == Some(&Value::Bool(true))
    }

    /// What the on-premises AD says: what the sync wrote last, or else what was there from the beginning.
    fn enabled_in_ad(&self) -> bool {
        let written = self.changes.iter().rev().find(|change| change.by == Initiator::sync());
        written.map_or_else(|| self.enabled_at(DateTime::<Utc>::MIN_UTC), |change| change.enabled)
    }

    /// What `accountEnabled` was at that time.
    pub fn enabled_at(&self, at: DateTime<Utc>) -> bool {
        match self.changes.iter().rev().find(|change| change.at <= at) {
            Some(change) => change.enabled,
            None => self.changes.first().map_or(self.enabled, |first| !first.enabled),
        }
    }
}

#[derive(Clone)]
pub struct Group {
    pub name: String,
    /// Ids of users and groups.
    pub members: BTreeSet<String>,
    pub owners: BTreeSet<String>,
    /// `isAssignableToRole`
    pub assignable: bool,
    /// Who is in it can't be seen without Member.Read.Hidden.
    pub hidden: bool,
}

#[derive(Default)]
pub struct Directory {
    /// By id, which is also the order of creation.
    pub users: BTreeMap<String, User>,
    /// Ids by user principal name in lower case: to look for it among everybody takes long.
    logins: BTreeMap<String, String>,
    /// What listings still show, if their index lags.
    pub index: Option<BTreeMap<String, User>>,
    pub groups: BTreeMap<String, Group>,
    pub assignments: Vec<Assignment>,
    pub eligibilities: Vec<Assignment>,
    pub audits: Vec<Audit>,
    /// When the sync will overwrite whose change.
    due_syncs: Vec<(DateTime<Utc>, String)>,
    ids: usize,
}

impl Directory {
    /// Everybody as listings show them.
    pub fn listed(&self) -> &BTreeMap<String, User> {
        self.index.as_ref().unwrap_or(&self.users)
    }

    /// A GUID that is greater than all before it.
    pub fn new_id(&mut self) -> String {
        self.ids += 1;
        format!("{:08x}-5d7a-4e11-9c0d-{}", self.ids, &guid()[24..])
    }

    /// Adds the person and returns their id.
    pub fn add(&mut self, person: Person, now: DateTime<Utc>) -> String {
        let now = now.trunc_subsecs(0);
        let login = person.properties["userPrincipalName"].as_str().unwrap_or_default();
        assert!(self.by_login(login).is_none(), "logins are unique: {login}");
        let id = self.new_id();
        let manager = person.manager.map(|login| self.must_find_mut(&login).id.clone());
        let sponsors = person.sponsors.iter().map(|login| self.must_find_mut(login).id.clone()).collect();
        let mut properties = person.properties;
        let created = person.created_ago.map(|ago| json!(timestamp(now - ago)));
        properties.insert("lastPasswordChangeDateTime".to_owned(), created.clone().unwrap_or_default());
        properties.insert("createdDateTime".to_owned(), created.unwrap_or_default());
        if let Some((state, ago)) = person.guest_state {
            properties.insert("externalUserState".to_owned(), json!(state));
            properties.insert("externalUserStateChangeDateTime".to_owned(), json!(timestamp(now - ago)));
        }
        let sign_ins = person.sign_ins.into_iter();
        let sign_ins = sign_ins.map(|(kind, ago)| SignIn { at: now - ago, kind, id: guid() }).collect();
        let user = User {
            id: id.clone(),
            properties,
            enabled: person.enabled,
            agent: person.agent,
            mastered_elsewhere: person.mastered_elsewhere,
            sign_ins,
            manager,
            sponsors,
            changes: Vec::new(),
            patch_requests: 0,
            revocations: Vec::new(),
            raw: None,
        };
        self.logins.insert(user.login().to_lowercase(), id.clone());
        self.users.insert(id.clone(), user);
        for group in person.groups {
            self.must_find_group(&group).members.insert(id.clone());
        }
        for role in person.roles {
            self.assign(&id, role, "/");
        }
        for role in person.eligible {
            self.make_eligible(&id, role);
        }
        id
    }

    fn assignment(&mut self, principal: &str, role: Role, scope: &str) -> Assignment {
        Assignment {
            id: self.new_id().replace('-', ""),
            principal: principal.to_owned(),
            role,
            scope: scope.to_owned(),
        }
    }

    pub fn assign(&mut self, principal: &str, role: Role, scope: &str) {
        let assignment = self.assignment(principal, role, scope);
        self.assignments.push(assignment);
    }

    pub fn make_eligible(&mut self, principal: &str, role: Role) {
        let assignment = self.assignment(principal, role, "/");
        self.eligibilities.push(assignment);
    }

    pub fn by_login(&self, login: &str) -> Option<&User> {
        self.users.get(self.logins.get(&login.to_lowercase())?)
    }

    /// Gives the user another name and address; their id stays.
    pub fn rename(&mut self, login: &str, new_login: &str) {
        let user = self.must_find_mut(login);
        let (id, old) = (user.id.clone(), user.login().to_lowercase());
        for name in ["userPrincipalName", "mail"] {
            user.properties.insert(name.to_owned(), json!(new_login));
        }
        self.logins.remove(&old);
        self.logins.insert(new_login.to_lowercase(), id);
    }

    /// Removes the user from everything but the logs.
    pub fn delete(&mut self, login: &str) {
        let user = self.must_find(login);
        let (id, name) = (user.id.clone(), user.login().to_lowercase());
        self.users.remove(&id);
        self.logins.remove(&name);
        self.assignments.retain(|one| one.principal != id);
        self.eligibilities.retain(|one| one.principal != id);
        for group in self.groups.values_mut() {
            group.members.remove(&id);
            group.owners.remove(&id);
        }
    }

    /// By id or by user principal name, as the path of a read allows.
    pub fn find(&self, id_or_login: &str) -> Option<&User> {
        self.users.get(id_or_login).or_else(|| self.by_login(id_or_login))
    }

    /// The user that a test names: by user principal name or mail.
    pub fn must_find(&self, login: &str) -> &User {
        let by_mail = || self.users.values().find(|user| user.text("mail") == Some(login));
        self.find(login).or_else(by_mail).unwrap_or_else(|| panic!("no such user in the fake: {login}"))
    }

    pub fn must_find_mut(&mut self, login: &str) -> &mut User {
        let id = self.must_find(login).id.clone();
        self.users.get_mut(&id).expect("it was found a moment ago")
    }

    pub fn must_find_group(&mut self, id: &str) -> &mut Group {
        self.groups.get_mut(id).unwrap_or_else(|| panic!("no such group in the fake: {id}"))
    }

    /// Everything in the group, through groups in it.
    pub fn transitive_members(&self, group_id: &str) -> BTreeSet<String> {
        let (mut found, mut open) = (BTreeSet::new(), vec![group_id.to_owned()]);
        while let Some(id) = open.pop() {
            for member in self.groups.get(&id).into_iter().flat_map(|group| &group.members) {
                if found.insert(member.clone()) {
                    open.push(member.clone());
                }
            }
        }
        found
    }

    /// The groups that the object is in: directly, or through other groups too.
    pub fn groups_of(&self, id: &str, transitive: bool) -> BTreeSet<String> {
        let holds = |holder: &&String| {
            if transitive {
                self.transitive_members(holder).contains(id)
            } else {
                self.groups[*holder].members.contains(id)
            }
        };
        self.groups.keys().filter(holds).cloned().collect()
    }

    /// The roles that a user holds everywhere or somewhere, by themselves or by a group.
    pub fn roles_of(&self, id: &str) -> impl Iterator<Item = &Assignment> {
        let groups = self.groups_of(id, true);
        self.assignments.iter().filter(move |one| one.principal == id || groups.contains(&one.principal))
    }

    /// Whether an app with permissions alone can't change the account: it holds a role, or it is a member or an owner
    /// of a group that may hold one.
    pub fn is_privileged(&self, id: &str) -> bool {
        let is_near = |(group_id, group): (&String, &Group)| {
            group.assignable && (group.owners.contains(id) || self.transitive_members(group_id).contains(id))
        };
        self.roles_of(id).next().is_some() || self.groups.iter().any(is_near)
    }

    /// Sets `accountEnabled`; false if it was so already.
    pub fn set_enabled(
        &mut self,
        id: &str,
        enabled: bool,
        by: &Initiator,
        correlation_id: &str,
        settings: &Settings,
        now: DateTime<Utc>,
    ) -> bool {
        let user = self.users.get_mut(id).unwrap_or_else(|| panic!("no such user in the fake: {id}"));
        if user.enabled == enabled {
            return false;
        }
        user.enabled = enabled;
        let (by, correlation_id) = (by.clone(), correlation_id.to_owned());
        user.changes.push(EffectiveChange {
            at: now,
            enabled,
            by: by.clone(),
            correlation_id: correlation_id.clone(),
        });
        if user.is("onPremisesSyncEnabled") && by != Initiator::sync() {
            self.due_syncs.push((now + settings.sync_every, id.to_owned()));
        }
        let named = if enabled { "Enable account" } else { "Disable account" };
        let activities: &[&'static str] = match settings.audit_style {
            AuditStyle::Named => &[named],
            AuditStyle::Updated => &["Update user"],
            AuditStyle::Both => &[named, "Update user"],
        };
        for activity in activities {
            self.record(activity, id, &by, &correlation_id, Some(enabled), now);
        }
        true
    }

    /// Writes what `by` did to the user into the audit log.
    pub fn record(
        &mut self,
        activity: &'static str,
        target: &str,
        by: &Initiator,
        correlation_id: &str,
        enabled: Option<bool>,
        now: DateTime<Utc>,
    ) {
        let user = &self.users[target];
        self.audits.push(Audit {
            id: format!("Directory_{}_{}", guid(), self.audits.len()),
            at: now,
            activity,
            target: target.to_owned(),
            target_login: user.login().to_owned(),
            by: by.clone(),
            correlation_id: correlation_id.to_owned(),
            enabled,
        });
    }

    /// Lets the sync do what was due by now: the on-premises AD's word overwrites the cloud's.
    pub fn sync(&mut self, settings: &Settings, now: DateTime<Utc>) {
        let (due, later) = self.due_syncs.drain(..).partition(|(at, _)| *at <= now);
        self.due_syncs = later;
        let due: Vec<(DateTime<Utc>, String)> = due;
        for (at, id) in due {
            let Some(user) = self.users.get(&id) else { continue };
            let in_ad = user.enabled_in_ad();
            self.set_enabled(&id, in_ad, &Initiator::sync(), &guid(), settings, at);
        }
    }

    /// A sign-in of the kind now; only an enabled account gets through, anything else fails.
    pub fn sign_in(&mut self, login: &str, kind: SignInKind, now: DateTime<Utc>) -> bool {
        let user = self.must_find_mut(login);
        let done = user.enabled && kind != SignInKind::Failed;
        let kind = if done { kind } else { SignInKind::Failed };
        // The seconds of a sign-in are all that Entra keeps.
        user.sign_ins.push(SignIn { at: now.trunc_subsecs(0), kind, id: guid() });
        done
    }

    /// How far back a sign-in may be to be known as the last success.
    pub fn success_known_since() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::days(19_692)
    }
}
