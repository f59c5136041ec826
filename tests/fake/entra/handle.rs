//! What a test or the sandbox does with the tenant: seed and look at people, let them sign in, change them as others
//! would, and read what was done to them. People are named by user principal name or mail; an unknown one is a
//! mistake of the test and panics.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::audit::Initiator;
use super::directory::{EffectiveChange, Group, SignInKind, User};
use super::limits::Bucket;
use super::person::{Person, PersonView, latest};
use super::roles::Role;
use super::settings::Settings;
use super::wire::{guid, timestamp};
use super::{FakeEntra, State};

/// The tenant and its people.
impl FakeEntra {
    /// The tenant's id.
    pub fn tenant_id(&self) -> String {
        self.world.lock().settings.tenant_id.clone()
    }

    /// Changes the licence, a lag, or a reading of the documents from now on.
    pub fn configure(&self, effect: impl FnOnce(&mut Settings)) {
        self.change(|state, _| effect(&mut state.settings));
    }

    /// Adds a person and returns their id. The login has to be new, and groups, manager and sponsors have to exist.
    pub fn add(&self, person: Person) -> String {
        self.change(|state, now| state.directory.add(person, now))
    }

    /// Everybody, in the order they were added.
    pub fn people(&self) -> Vec<PersonView> {
        let state = self.world.lock();
        state.directory.users.values().map(|user| view(&state, user)).collect()
    }

    pub fn person(&self, login: &str) -> PersonView {
        self.look(login, view)
    }

    /// Removes the person: reading them is 404 from now on.
    pub fn delete(&self, login: &str) {
        self.change(|state, _| state.directory.delete(login));
    }

    /// The person gets another user principal name and mail; their id stays.
    pub fn rename(&self, login: &str, new_login: &str) {
        self.change(|state, _| state.directory.rename(login, new_login));
    }

    /// Sets the manager, or takes them away.
    pub fn set_manager(&self, login: &str, manager: Option<&str>) {
        self.change(|state, _| {
            let manager = manager.map(|login| state.directory.must_find(login).id.clone());
            state.directory.must_find_mut(login).manager = manager;
        });
    }

    /// A guest takes up the invitation now.
    pub fn accept_invitation(&self, login: &str) {
        let now = timestamp(self.now());
        self.set_attribute(login, "externalUserState", "Accepted");
        self.set_attribute(login, "externalUserStateChangeDateTime", now);
    }

    /// Sets a property of the user that the fake doesn't work out itself.
    pub fn set_attribute(&self, login: &str, name: &str, value: impl Into<Value>) {
        assert!(super::metadata::property("user", name).is_some(), "users have no property {name}");
        self.update(login, |user| user.properties.insert(name.to_owned(), value.into()));
    }

    /// Changes the person's JSON on its way out, in lists too: an empty `signInActivity`, a bad date. What the fake
    /// itself goes by stays as it is.
    pub fn raw_user(&self, login: &str, raw: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.update(login, |user| user.raw = Some(Arc::new(raw)));
    }

    /// An interactive sign-in now. False, and a failed attempt, if the account is disabled.
    pub fn sign_in(&self, login: &str) -> bool {
        self.change(|state, now| state.directory.sign_in(login, SignInKind::Interactive, now))
    }

    /// A client signs in on the person's behalf now: never in the sign-in log.
    pub fn sign_in_by_client(&self, login: &str) -> bool {
        self.change(|state, now| state.directory.sign_in(login, SignInKind::NonInteractive, now))
    }

    /// Somebody tries to sign in as the person now, and fails.
    pub fn failed_sign_in(&self, login: &str) {
        self.change(|state, now| state.directory.sign_in(login, SignInKind::Failed, now));
    }

    /// When the person signed in, by themselves and with success.
    pub fn signed_in_at(&self, login: &str) -> Vec<DateTime<Utc>> {
        self.look(login, |_, user| {
            let interactive = user.sign_ins.iter().filter(|one| one.kind == SignInKind::Interactive);
            interactive.map(|one| one.at).collect()
        })
    }

    /// From now on listings show everybody as they are now, whatever changes; reading one doesn't.
    pub fn freeze_index(&self) {
        self.change(|state, _| state.directory.index = Some(state.directory.users.clone()));
    }

    /// Listings show everybody as they are.
    pub fn thaw_index(&self) {
        self.change(|state, _| state.directory.index = None);
    }

    /// The links to next pages that were handed out are expired.
    pub fn expire_pages(&self) {
        self.change(|state, _| state.pages.expire_all());
    }

    /// Sets how much the bucket allows in so many seconds, and starts its count again. Without it: more than any test
    /// needs.
    pub fn set_limit(&self, bucket: Bucket, amount: u32, seconds: u32) {
        self.change(|state, _| state.limits.set(bucket, amount, seconds));
    }

    /// The limits that Microsoft documents, for a tenant of more than 500 users.
    pub fn set_documented_limits(&self) {
        self.change(|state, _| state.limits.set_documented());
    }

    /// Returns as soon as `condition` holds; panics with `what` if it never does.
    pub async fn until(&self, what: &str, condition: impl Fn(&FakeEntra) -> bool) {
        self.wait_until(what, || condition(self)).await;
    }
}

/// Groups and roles.
impl FakeEntra {
    fn new_group(&self, name: &str, assignable: bool, hidden: bool) -> String {
        self.change(|state, _| {
            let id = state.directory.new_id();
            let (members, owners) = (BTreeSet::new(), BTreeSet::new());
            let group = Group { name: name.to_owned(), members, owners, assignable, hidden };
            state.directory.groups.insert(id.clone(), group);
            id
        })
    }

    /// Adds a group and returns its id.
    pub fn add_group(&self, name: &str) -> String {
        self.new_group(name, false, false)
    }

    /// A group that may hold roles: its members and owners are out of an app's reach.
    pub fn add_role_assignable_group(&self, name: &str) -> String {
        self.new_group(name, true, false)
    }

    /// A group whose members can't be seen without Member.Read.Hidden.
    pub fn add_hidden_group(&self, name: &str) -> String {
        self.new_group(name, false, true)
    }

    pub fn delete_group(&self, group_id: &str) {
        self.change(|state, _| state.directory.groups.remove(group_id));
    }

    /// Puts the person into the group.
    pub fn set_group(&self, login: &str, group_id: &str) {
        self.change(|state, _| {
            let id = state.directory.must_find(login).id.clone();
            state.directory.must_find_group(group_id).members.insert(id);
        });
    }

    pub fn unset_group(&self, login: &str, group_id: &str) {
        self.change(|state, _| {
            let id = state.directory.must_find(login).id.clone();
            state.directory.must_find_group(group_id).members.remove(&id);
        });
    }

    /// Puts one group into another.
    pub fn nest_group(&self, inner_id: &str, outer_id: &str) {
        self.change(|state, _| state.directory.must_find_group(outer_id).members.insert(inner_id.to_owned()));
    }

    /// Makes the person an owner of the group.
    pub fn set_owner(&self, login: &str, group_id: &str) {
        self.change(|state, _| {
            let id = state.directory.must_find(login).id.clone();
            state.directory.must_find_group(group_id).owners.insert(id);
        });
    }

    /// The person holds the role in the whole tenant.
    pub fn set_role(&self, login: &str, role: Role) {
        self.set_scoped_role(login, role, "/");
    }

    /// The person holds the role in one administrative unit: no `directoryRole` that they are a member of.
    pub fn set_scoped_role(&self, login: &str, role: Role, scope: &str) {
        self.change(|state, _| {
            let id = state.directory.must_find(login).id.clone();
            state.directory.assign(&id, role, scope);
        });
    }

    /// The group holds the role, and so does everybody in it.
    pub fn set_group_role(&self, group_id: &str, role: Role) {
        self.change(|state, _| {
            assert!(state.directory.must_find_group(group_id).assignable, "the group can't hold a role");
            state.directory.assign(group_id, role, "/");
        });
    }

    /// The person may take the role on.
    pub fn set_eligible(&self, login: &str, role: Role) {
        self.change(|state, _| {
            let id = state.directory.must_find(login).id.clone();
            state.directory.make_eligible(&id, role);
        });
    }
}

/// Changes by others.
impl FakeEntra {
    fn set_enabled_by(&self, login: &str, enabled: bool, by: &Initiator) -> bool {
        self.change(|state, now| {
            let id = state.directory.must_find(login).id.clone();
            state.directory.set_enabled(&id, enabled, by, &guid(), &state.settings, now)
        })
    }

    /// Another person blocks or unblocks the account in the admin center. False if it was so already.
    pub fn set_enabled_by_admin(&self, login: &str, enabled: bool, admin_login: &str) -> bool {
        let by = self.look(admin_login, |_, admin| Initiator::User {
            id: admin.id.clone(),
            login: admin.login().to_owned(),
        });
        self.set_enabled_by(login, enabled, &by)
    }

    /// Another app blocks or unblocks the account: an HR system's provisioning, a clean-up tool. False if it was so
    /// already.
    pub fn set_enabled_by_app(&self, login: &str, enabled: bool, app: &str) -> bool {
        self.set_enabled_by(login, enabled, &Initiator::app(app))
    }

    /// The on-premises AD blocks or unblocks a synced account, and the sync brings it. False if it was so already.
    pub fn set_enabled_by_sync(&self, login: &str, enabled: bool) -> bool {
        self.set_enabled_by(login, enabled, &Initiator::sync())
    }

    /// Somebody with the same app registration blocks or unblocks the account, by a call that the bot didn't make.
    /// False if it was so already.
    pub fn set_enabled_by_own_app(&self, login: &str, enabled: bool) -> bool {
        let by = Initiator::App {
            app_id: Self::CLIENT_ID.to_owned(),
            object_id: self.service_principal(Self::CLIENT_ID),
            name: "Inactive contractors".to_owned(),
        };
        self.set_enabled_by(login, enabled, &by)
    }

    /// What was done to the person is not in the audit log, or not yet.
    pub fn hide_changes(&self, login: &str) {
        self.change(|state, _| {
            let id = state.directory.must_find(login).id.clone();
            state.directory.audits.retain(|audit| audit.target != id);
        });
    }
}

/// The ledger: what was done to each account.
impl FakeEntra {
    /// Whether the account may sign in.
    pub fn enabled(&self, login: &str) -> bool {
        self.look(login, |_, user| user.enabled)
    }

    /// Every change of `accountEnabled` that took effect, in order, no matter who made it.
    pub fn changes_of(&self, login: &str) -> Vec<EffectiveChange> {
        self.look(login, |_, user| user.changes.clone())
    }

    /// When the own app blocked the account with effect, by a call of the bot or by `set_enabled_by_own_app`.
    pub fn suspended_at(&self, login: &str) -> Vec<DateTime<Utc>> {
        self.changes_by_own_app(login, false)
    }

    /// How often the own app blocked the account with effect.
    pub fn suspends(&self, login: &str) -> usize {
        self.suspended_at(login).len()
    }

    /// How often the own app gave the account back with effect.
    pub fn restores(&self, login: &str) -> usize {
        self.changes_by_own_app(login, true).len()
    }

    fn changes_by_own_app(&self, login: &str, enabled: bool) -> Vec<DateTime<Utc>> {
        let is_own =
            |by: &Initiator| matches!(by, Initiator::App { app_id, .. } if app_id == Self::CLIENT_ID);
        let changes = self.changes_of(login).into_iter();
        changes
            .filter(|change| change.enabled == enabled && is_own(&change.by))
            .map(|change| change.at)
            .collect()
    }

    /// How many calls to change the person arrived, the failed ones too.
    pub fn patch_requests(&self, login: &str) -> usize {
        self.look(login, |_, user| user.patch_requests)
    }

    /// When sessions of the person were ended.
    pub fn sessions_cleared(&self, login: &str) -> Vec<DateTime<Utc>> {
        self.look(login, |_, user| user.revocations.clone())
    }

    /// Logins of everybody who can't sign in now.
    pub fn blocked(&self) -> Vec<String> {
        let state = self.world.lock();
        let blocked = state.directory.users.values().filter(|user| !user.enabled);
        blocked.map(|user| user.login().to_owned()).collect()
    }
}

impl FakeEntra {
    pub(super) fn change<T>(&self, effect: impl FnOnce(&mut State, DateTime<Utc>) -> T) -> T {
        let result = effect(&mut self.world.lock(), self.now());
        self.world.changed();
        result
    }

    fn update<T>(&self, login: &str, effect: impl FnOnce(&mut User) -> T) {
        self.change(|state, _| {
            effect(state.directory.must_find_mut(login));
        });
    }

    fn look<T>(&self, login: &str, read: impl FnOnce(&State, &User) -> T) -> T {
        let state = self.world.lock();
        read(&state, state.directory.must_find(login))
    }
}

fn view(state: &State, user: &User) -> PersonView {
    let directory = &state.directory;
    let text = |property: &str| user.text(property).map(str::to_owned);
    let login_of = |id: &String| directory.users.get(id).map(|user| user.login().to_owned());
    let last =
        |kinds: &[SignInKind]| latest(&user.sign_ins, |one| kinds.contains(&one.kind)).map(|one| one.at);
    let created = user.text("createdDateTime").and_then(|at| DateTime::parse_from_rfc3339(at).ok());
    let groups = directory.groups_of(&user.id, false);
    PersonView {
        id: user.id.clone(),
        login: user.login().to_owned(),
        name: text("displayName").unwrap_or_default(),
        mail: text("mail"),
        enabled: user.enabled,
        user_type: text("userType"),
        employee_type: text("employeeType"),
        company: text("companyName"),
        guest_state: text("externalUserState"),
        synced: user.is("onPremisesSyncEnabled"),
        restricted: user.is("isManagementRestricted"),
        agent: user.agent,
        created: created.map(|at| at.to_utc()),
        last_interactive: last(&[SignInKind::Interactive, SignInKind::Failed]),
        last_non_interactive: last(&[SignInKind::NonInteractive]),
        last_success: last(&[SignInKind::Interactive, SignInKind::NonInteractive]),
        groups: groups.iter().map(|id| directory.groups[id].name.clone()).collect(),
        roles: directory.roles_of(&user.id).map(|one| one.role.name().to_owned()).collect(),
        manager: user.manager.as_ref().and_then(login_of),
        sponsors: user.sponsors.iter().filter_map(login_of).collect(),
    }
}
