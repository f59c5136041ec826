//! What a test or the sandbox does with the fake: seed and look at people, let them sign in, break things,
//! hand out credentials. People are named by login; an unknown one is a mistake of the test and panics.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::super::wire::random_text;
use super::access::Client;
use super::directory::User;
use super::limits::Bucket;
use super::log::Party;
use super::person::{Person, PersonView, Status};
use super::{FakeOkta, State};

/// The org and its people.
impl FakeOkta {
    /// Adds a person and returns their id. The login has to be new and the groups have to exist.
    pub fn add(&self, person: Person) -> String {
        self.change(|state, now| state.directory.add(person, now))
    }

    /// Everybody, in the order they were added; the first is the service account.
    pub fn people(&self) -> Vec<PersonView> {
        let state = self.world.lock();
        state.directory.users.values().map(|user| state.directory.view(user)).collect()
    }

    pub fn person(&self, login: &str) -> PersonView {
        self.look(login, |state, user| state.directory.view(user))
    }

    /// Removes the person for good: reading them is 404 from now on.
    pub fn delete(&self, login: &str) {
        self.change(|state, _| {
            let id = state.directory.must_find_mut(login).id.clone();
            state.directory.users.remove(&id);
        });
    }

    /// A sign-in to Okta now: moves `lastLogin` and writes `user.session.start`. False, and a failure in the
    /// log, for anybody who isn't ACTIVE.
    pub fn sign_in(&self, login: &str) -> bool {
        self.change(|state, now| state.directory.sign_in(login, now))
    }

    /// A sign-on to an app over an older session: in the log only.
    pub fn sso(&self, login: &str) {
        self.change(|state, now| state.directory.sso(login, "SUCCESS", now));
    }

    /// An app sign-on that fails; Okta logs it under the same event type.
    pub fn failed_sso(&self, login: &str) {
        self.change(|state, now| state.directory.sso(login, "FAILURE", now));
    }

    /// Who the log says that the person is.
    pub fn party(&self, login: &str) -> Party {
        self.look(login, |_, user| user.party())
    }

    /// An event that succeeded now: what `actor` did to `target` with `app`, as far as there are any.
    pub fn logged(&self, event_type: &'static str, actor: &Party, target: Option<Party>, app: Option<Party>) {
        self.logged_as(event_type, actor, "SUCCESS", target, app);
    }

    /// The same with any outcome.
    pub fn logged_as(
        &self,
        event_type: &'static str,
        actor: &Party,
        result: &'static str,
        target: Option<Party>,
        app: Option<Party>,
    ) {
        self.change(|state, now| state.directory.record(now, event_type, actor, result, target).app = app);
    }

    /// An event of the person that happened then and has reached the log only now.
    pub fn late_event(&self, login: &str, event_type: &'static str, happened_at: DateTime<Utc>) {
        self.change(|state, _| {
            let party = state.directory.must_find_mut(login).party();
            state.directory.record(happened_at, event_type, &party, "SUCCESS", None);
        });
    }

    /// Moves the status and `statusChanged`, without an event in the log.
    pub fn set_status(&self, login: &str, status: Status) {
        self.change(|state, now| state.directory.set_status(login, status, now));
    }

    /// An import from this app (an HR system, a directory) brings a SUSPENDED person back to ACTIVE, as one does whose
    /// profile source is set to unsuspend on reactivation. False in any other status.
    pub fn bring_back_by_import(&self, login: &str, app: &str) -> bool {
        self.change(|state, now| {
            let id = state.directory.must_find_mut(login).id.clone();
            state.directory.import(&id, app, now)
        })
    }

    /// Another person unsuspends a SUSPENDED one in the admin console. False in any other status.
    pub fn bring_back_by_admin(&self, login: &str, admin_login: &str) -> bool {
        self.change(|state, now| {
            let id = state.directory.must_find_mut(login).id.clone();
            let admin = state.directory.must_find_mut(admin_login).party();
            let done = state.directory.unsuspend(&id, &admin, now);
            if done && let Some(event) = state.directory.log.last_mut() {
                event.agent = Some("Mozilla/5.0 (X11; Linux x86_64)".to_owned());
            }
            done
        })
    }

    /// What the person did to their status is not in the log, or not yet.
    pub fn hide_changes(&self, login: &str) {
        self.change(|state, _| {
            let id = state.directory.must_find_mut(login).id.clone();
            state.directory.log.retain(|event| {
                !event.event_type.starts_with("user.lifecycle.")
                    || event.target.as_ref().is_none_or(|target| target.id != id)
            });
        });
    }

    /// From now on listings show everybody as they are now, whatever changes; reading one by id doesn't.
    pub fn freeze_index(&self) {
        self.change(|state, _| state.directory.index = Some(state.directory.users.clone()));
    }

    /// Listings show everybody as they are.
    pub fn thaw_index(&self) {
        self.change(|state, _| state.directory.index = None);
    }

    /// No page of a listing of users holds more than this, whatever `limit` says.
    pub fn page_at_most(&self, count: usize) {
        self.change(|state, _| state.directory.page_cap = count.max(1));
    }

    /// When suspend calls for the person took effect, as the log has it.
    pub fn suspended_at(&self, login: &str) -> Vec<DateTime<Utc>> {
        self.look(login, |state, user| {
            let is_it = |target: &Party| target.id == user.id;
            let log = state.directory.log.iter();
            log.filter(|event| {
                event.event_type == "user.lifecycle.suspend" && event.target.as_ref().is_some_and(is_it)
            })
            .map(|event| event.published)
            .collect()
        })
    }

    /// When the person signed in to Okta.
    pub fn signed_in_at(&self, login: &str) -> Vec<DateTime<Utc>> {
        self.look(login, |state, user| {
            let log = state.directory.log.iter();
            log.filter(|event| {
                event.event_type == "user.session.start"
                    && event.actor.id == user.id
                    && event.result == "SUCCESS"
            })
            .map(|event| event.published)
            .collect()
        })
    }

    /// Sets `profile.userType`.
    pub fn set_user_type(&self, login: &str, user_type: &str) {
        self.set_attribute(login, "userType", user_type);
    }

    /// Sets a profile attribute.
    pub fn set_attribute(&self, login: &str, name: &str, value: impl Into<Value>) {
        self.update(login, |user| user.profile.insert(name.to_owned(), value.into()));
    }

    /// Sets the Okta user type by id (`add_user_type`).
    pub fn set_type_id(&self, login: &str, type_id: &str) {
        self.update(login, |user| type_id.clone_into(&mut user.type_id));
    }

    /// Adds a group and returns its id.
    pub fn add_group(&self, name: &str) -> String {
        self.change(|state, _| {
            let id = state.directory.new_id("00g");
            state.directory.groups.insert(id.clone(), name.to_owned());
            id
        })
    }

    /// Removes a group and everybody's membership in it.
    pub fn delete_group(&self, group_id: &str) {
        self.change(|state, _| {
            state.directory.groups.remove(group_id);
            for user in state.directory.users.values_mut() {
                user.groups.remove(group_id);
            }
        });
    }

    /// Puts the person into a group, which has to exist.
    pub fn set_group(&self, login: &str, group_id: &str) {
        let exists = self.world.lock().directory.groups.contains_key(group_id);
        assert!(exists, "no such group in the fake: {group_id}");
        self.update(login, |user| user.groups.insert(group_id.to_owned()));
    }

    pub fn unset_group(&self, login: &str, group_id: &str) {
        self.update(login, |user| user.groups.remove(group_id));
    }

    pub fn set_admin_role(&self, login: &str, role: &str) {
        self.update(login, |user| user.admin_roles.push(role.to_owned()));
    }

    /// Adds an Okta user type and returns its id.
    pub fn add_user_type(&self, name: &str) -> String {
        self.change(|state, _| {
            let id = state.directory.new_id("oty");
            state.directory.types.insert(id.clone(), name.to_owned());
            id
        })
    }

    /// Changes the person's JSON on its way out, in lists too: a missing `lastLogin`, a bad date. What the
    /// fake itself goes by stays as it is.
    pub fn raw_user(&self, login: &str, raw: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.update(login, |user| user.raw = Some(Arc::new(raw)));
    }

    /// The person's status now.
    pub fn status_of(&self, login: &str) -> Status {
        self.look(login, |_, user| user.status)
    }

    /// How many suspend calls for the person took effect.
    pub fn suspends(&self, login: &str) -> usize {
        self.look(login, |_, user| user.suspends)
    }

    /// How many suspend calls for the person arrived, the failed ones too.
    pub fn suspend_requests(&self, login: &str) -> usize {
        self.look(login, |_, user| user.suspend_requests)
    }

    /// The session clearings that took effect, each with whether it ended OAuth tokens too.
    pub fn sessions_cleared(&self, login: &str) -> Vec<bool> {
        self.look(login, |_, user| user.sessions_cleared.clone())
    }
}

/// Limits and rights.
impl FakeOkta {
    /// Sets how many calls a minute the bucket allows and starts its count again.
    pub fn set_rate_limit(&self, bucket: Bucket, per_minute: u32) {
        self.change(|state, _| state.limits.set(bucket, per_minute));
    }

    /// Takes a right away: a scope (`okta.logs.read`), or the part of `METHOD /template` that names endpoints
    /// (`lifecycle/suspend`). Such calls answer 403 E0000006 whatever the credentials.
    pub fn deny(&self, right: &str) {
        self.change(|state, _| state.access.denied.insert(right.to_owned()));
    }

    /// Takes `deny` back.
    pub fn allow(&self, right: &str) {
        self.change(|state, _| state.access.denied.remove(right));
    }

    /// Returns as soon as `condition` holds; panics with `what` if it never does.
    pub async fn until(&self, what: &str, condition: impl Fn(&FakeOkta) -> bool) {
        self.wait_until(what, || condition(self)).await;
    }
}

/// Credentials.
impl FakeOkta {
    /// A valid API token with all rights; it is the service account's.
    pub fn api_token(&self) -> &str {
        &self.api_token
    }

    /// The login of the service account whose token `api_token` is.
    pub const TOKEN_OWNER: &'static str = "svc-inactive-contractors@corp.example";

    /// The API token is wrong from now on.
    pub fn revoke_api_token(&self) {
        self.change(|state, _| state.access.revoked_tokens.append(&mut state.access.api_tokens));
    }

    /// And right again.
    pub fn restore_api_token(&self) {
        self.change(|state, _| state.access.api_tokens.append(&mut state.access.revoked_tokens));
    }

    /// Registers a service app: its public keys as JWKs (each with a `kid` if there are several) and the scopes
    /// it may ask for. Registering again replaces it.
    pub fn register_client(&self, client_id: &str, public_keys: Vec<Value>, scopes: &[&str]) {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let client = Client { keys: public_keys, scopes };
        self.change(|state, _| state.access.clients.insert(client_id.to_owned(), client));
    }

    /// Whether a token request without a `DPoP` proof is refused. A proof that comes anyway is checked, and
    /// binds the token, either way.
    pub fn require_dpop(&self, required: bool) {
        self.change(|state, _| state.access.dpop_required = required);
    }

    /// The nonce that token requests carried so far is refused from now on.
    pub fn rotate_dpop_nonce(&self) {
        self.change(|state, _| state.access.nonce = random_text(24));
    }

    /// The access tokens that are good.
    pub fn access_tokens(&self) -> Vec<String> {
        self.world.lock().access.issued.keys().cloned().collect()
    }

    /// Access tokens handed out so far are wrong from now on.
    pub fn revoke_access_tokens(&self) {
        self.change(|state, _| state.access.issued.clear());
    }
}

impl FakeOkta {
    pub(super) fn add_token_owner(&self) {
        let owner = Person::new(Self::TOKEN_OWNER, "Service")
            .name("Inactive contractors", "(service account)")
            .admin_role("SUPER_ADMIN");
        let id = self.add(owner);
        let token = self.api_token.to_string();
        self.change(|state, _| state.access.api_tokens.insert(token, id));
    }

    fn change<T>(&self, effect: impl FnOnce(&mut State, DateTime<Utc>) -> T) -> T {
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
        let user = state.directory.find(login);
        read(&state, user.unwrap_or_else(|| panic!("no such user in the fake: {login}")))
    }
}
