//! Accounts that must not be blocked: administrators, people who may become one, and members of exempt groups.
//!
//! An app without a directory role can't change these accounts anyway; that they are left out beforehand spares
//! people an approval that leads to nothing. See <https://learn.microsoft.com/graph/api/resources/users> and
//! <https://learn.microsoft.com/graph/api/rbacapplication-list-roleassignments>.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use tokio::sync::Mutex;

use crate::domain::account::AccountId;
use crate::domain::policy::Rule;
use crate::identity::{IdentityError, Protected};

use super::errors::{NO_PIM, Right};
use super::http::Http;
use super::ids::{checked_id, user_segments};
use super::paging;
use super::search;
use super::wire::{Assignment, Object};

/// The most that Graph gives out at a time.
const PAGE: &str = "999";
/// For so long the role-assignable groups serve for looks at single accounts. An owner who is newer than that is
/// protected by Entra ID itself.
const GROUPS_FRESH: Duration = Duration::minutes(5);
const ROLES: [&str; 2] = ["roleManagement", "directory"];

/// The groups that may hold roles.
#[derive(Clone, Default)]
struct RoleGroups {
    ids: BTreeSet<String>,
    owners: BTreeSet<AccountId>,
}

/// Them, as read a while ago.
#[derive(Default)]
pub(super) struct KnownRoleGroups(Mutex<Option<(DateTime<Utc>, RoleGroups)>>);

/// What one account's surroundings say of it.
pub(super) struct Surroundings {
    pub(super) is_privileged: bool,
    pub(super) groups: BTreeSet<String>,
}

impl KnownRoleGroups {
    async fn get(&self, http: &Http) -> Result<RoleGroups, IdentityError> {
        let mut known = self.0.lock().await;
        let now = http.clock().now();
        if let Some((read_at, groups)) = &*known
            && (now - *read_at).abs() < GROUPS_FRESH
        {
            return Ok(groups.clone());
        }
        let groups = role_groups(http).await?;
        *known = Some((now, groups.clone()));
        Ok(groups)
    }
}

/// Looks up everybody that the rule or the tenant protects.
pub(super) async fn protected(http: &Http, rule: &Rule) -> Result<Protected, IdentityError> {
    let mut groups = BTreeMap::new();
    for group in &rule.exempt_groups {
        groups.insert(group.clone(), exempt(http, group).await?);
    }
    // The bot is an app, and no user.
    Ok(Protected { admins: admins(http).await?, own: None, groups })
}

/// Everybody who holds a role, may take one on, or has a say in a group that may hold one.
pub(super) async fn admins(http: &Http) -> Result<BTreeSet<AccountId>, IdentityError> {
    let RoleGroups { ids: mut groups, owners: mut admins } = role_groups(http).await?;
    let url = http.url(&[&ROLES[..], &["roleAssignments"]].concat(), &[("$expand", "principal")]);
    for held in paging::all::<Assignment>(http, url, Right::ReadRoles, "the role assignments").await? {
        match &held.principal {
            Some(principal) if principal.is_person() => drop(admins.insert(AccountId(held.principal_id))),
            Some(principal) if principal.is_group() => drop(groups.insert(held.principal_id)),
            Some(_) => {}
            // It may be either.
            None => {
                admins.insert(AccountId(held.principal_id.clone()));
                groups.insert(held.principal_id);
            }
        }
    }
    // A group among them may hold roles, and so is among those groups; whatever else it is has no account.
    admins.extend(eligible(http, None).await?);
    for group in &groups {
        match members(http, group).await {
            Ok(members) => admins.extend(members),
            // It was no group, or is none any more.
            Err(IdentityError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(admins)
}

/// Looks at what one account is and may become.
pub(super) async fn surroundings(
    http: &Http,
    known: &KnownRoleGroups,
    account: &AccountId,
) -> Result<Surroundings, IdentityError> {
    let of_one = search::of_principal(account);
    let url = http.url(&[&ROLES[..], &["roleAssignments"]].concat(), &[("$filter", &of_one)]);
    let holds = paging::all::<Assignment>(http, url, Right::ReadRoles, "an account's roles").await?;
    let may_hold = eligible(http, Some(account)).await?;
    let segments = user_segments(account, &["transitiveMemberOf"])?;
    let url = http.url(&segments, &[("$select", "id"), ("$top", PAGE)]);
    let is_in = paging::all::<Object>(http, url, Right::ReadUsers, "an account's groups").await?;
    let role_groups = known.get(http).await?;
    let is_privileged = !holds.is_empty()
        || !may_hold.is_empty()
        || role_groups.owners.contains(account)
        || is_in.iter().any(|object| object.is_role() || role_groups.ids.contains(&object.id));
    Ok(Surroundings { is_privileged, groups: is_in.into_iter().map(|object| object.id).collect() })
}

/// Who may take a role on: all, or the one. Nobody, in a tenant that has no such thing.
async fn eligible(http: &Http, one: Option<&AccountId>) -> Result<Vec<AccountId>, IdentityError> {
    let filter = one.map(search::of_principal);
    let options: Vec<(&str, &str)> = filter.iter().map(|filter| ("$filter", filter.as_str())).collect();
    let url = http.url(&[&ROLES[..], &["roleEligibilityScheduleInstances"]].concat(), &options);
    match paging::all::<Assignment>(http, url, Right::ReadRoles, "the eligible administrators").await {
        Ok(found) => Ok(found.into_iter().map(|one| AccountId(one.principal_id)).collect()),
        Err(refusal) if refusal.is(NO_PIM) => Ok(Vec::new()),
        Err(refusal) => Err(refusal.error),
    }
}

async fn role_groups(http: &Http) -> Result<RoleGroups, IdentityError> {
    let options = [("$filter", "isAssignableToRole eq true"), ("$select", "id"), ("$top", PAGE)];
    let url = http.url(&["groups"], &options);
    let found = paging::all::<Object>(http, url, Right::ReadGroups, "the role-assignable groups").await?;
    let mut groups = RoleGroups::default();
    for Object { id, .. } in found {
        let url = http.url(&["groups", &id, "owners"], &[("$select", "id"), ("$top", PAGE)]);
        let owners = paging::all::<Object>(http, url, Right::ReadGroups, "a group's owners").await?;
        let owners = owners.into_iter().filter(Object::is_person);
        groups.owners.extend(owners.map(|owner| AccountId(owner.id)));
        groups.ids.insert(id);
    }
    Ok(groups)
}

/// The people in a group, also through other groups.
async fn members(http: &Http, group: &str) -> Result<BTreeSet<AccountId>, IdentityError> {
    checked_id(group)?;
    let url = http.url(&["groups", group, "transitiveMembers"], &[("$select", "id"), ("$top", PAGE)]);
    let found = paging::all::<Object>(http, url, Right::ReadGroups, "a group's members").await?;
    Ok(found.into_iter().filter(Object::is_person).map(|member| AccountId(member.id)).collect())
}

/// An exempt group's members. An empty group looks just like one whose members are hidden from us, so it is an error.
pub(super) async fn exempt(http: &Http, group: &str) -> Result<BTreeSet<AccountId>, IdentityError> {
    match members(http, group).await {
        Ok(members) if members.is_empty() => Err(IdentityError::NotFound(format!(
            "the exempt group {group} has no members that the bot can see: add one, take the group out of the policy, or \
             grant the app the application permission Member.Read.Hidden if its membership is hidden"
        ))),
        Ok(members) => Ok(members),
        Err(IdentityError::NotFound(why)) => Err(IdentityError::NotFound(format!(
            "the exempt group {group}: correct its id in the policy, or take it out. {why}"
        ))),
        Err(IdentityError::Denied(why)) => {
            Err(IdentityError::Denied(format!("the exempt group {group}: {why}")))
        }
        Err(error) => Err(error),
    }
}
