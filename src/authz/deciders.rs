//! Looks up who can decide for a policy: for each sweep, whose list leaves their accounts out, and now and then while a
//! question waits, so that a card that nobody can answer says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};

use crate::authz::Authz;
use crate::authz::ids::{LOOKUPS_AT_ONCE, own_accounts_of};
use crate::authz::state::{LOOK_EVERY, LookedUp, SoFar};
use crate::chat::{Chat, ChatError, ChatUser};
use crate::clock::Clock;
use crate::domain::audit::Person;
use crate::domain::candidate::Candidate;
use crate::domain::deciders::{Lack, Unable};
use crate::domain::fold::folded;
use crate::domain::ids::PolicyName;
use crate::domain::policy::Policy;
use crate::domain::request::Request;
use crate::domain::settings::People;
use crate::services::{WorkError, WorkResult, lock};

/// How many people one error names.
const NAMED_MAX: usize = 5;
/// How many approvers a policy may have. More are a mistake, and looking each up would take minutes.
const APPROVERS_MAX: usize = 200;
/// How many people are notified at most of what they have to see to.
pub(crate) const WRITTEN_TO_MAX: usize = 20;

/// Returns what the accounts of everybody who may decide for the policy are called: these are never proposed.
pub async fn accounts_of_approvers(authz: &Authz, policy: &Policy) -> WorkResult<BTreeSet<String>> {
    if let Some(found) = authz.deciders.fresh(&policy.name, authz.s.clock.now()) {
        return Ok(found.accounts.clone());
    }
    // It may take minutes, and what it found serves from its end on.
    let found = authz.look_up_people(policy).await?;
    let found = authz.deciders.put(&policy.name, authz.s.clock.now(), found);
    Ok(found.accounts.clone())
}

/// How somebody comes to be named, the most plainly last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    /// As a member of the channel.
    #[default]
    InChannel,
    /// As a member of a group.
    InGroup,
    ById,
}

/// Somebody who is named.
#[derive(Clone, Copy, Default)]
struct Named {
    approver: bool,
    admin: bool,
    how: How,
}

/// Asks the chat system who may decide for the policy and whether they can. What can't be read fails it: no sweep at all,
/// which everybody hears of, is better than one that proposes an approver.
///
/// A person or group that the chat system doesn't know any more fails nothing. Nobody can decide as them, so there is no
/// account of theirs to protect; a deactivated person that is named has an address, and their account stays protected.
///
/// What this try has looked up is in `so_far` if it fails, for the next one.
pub async fn look_up(
    chat: &dyn Chat,
    policy: &Policy,
    so_far: &SoFar,
    clock: &Clock,
) -> WorkResult<LookedUp> {
    let system = chat.terms().name;
    let members = chat.channel_members(&policy.channel).await;
    let (named, mut unable) = named(chat, policy, &members).await?;
    if named.len() > APPROVERS_MAX {
        let why = format!("more than {APPROVERS_MAX} people may approve; name fewer approvers");
        return Err(WorkError::Other(why));
    }
    let users = all_of(chat, &named, so_far, clock).await.map_err(|error| {
        let what =
            "can't look up the approvers; their own accounts are never proposed, so nothing is proposed now";
        WorkError::from(error).context(what)
    })?;
    so_far.forget(named.keys());
    let account_owners =
        own_accounts_of(chat, policy, users.iter().filter_map(|(_, user)| user.as_ref())).await?;
    let ids = users.iter().filter_map(|(_, user)| user.as_ref()).flat_map(ChatUser::ids).chain(named.keys());
    let own = ids.filter_map(|id| account_owners.get(id)).flatten();
    let mut found = LookedUp { accounts: own.map(|name| folded(name)).collect(), ..LookedUp::default() };
    let mut nameless = BTreeSet::new();
    for (id, user) in users {
        let as_what = named.get(id).copied().unwrap_or_default();
        let Some(user) = user else {
            unable.insert(Unable { who: id.clone(), why: format!("{system} no longer has this person") });
            continue;
        };
        let has_own = user.ids().any(|id| account_owners.contains_key(id));
        let is_in_channel = members.as_ref().is_ok_and(|members| members.iter().any(|id| user.has_id(id)));
        let ChatUser { name, email, outsider, person_id, .. } = user;
        let who = format!("{name} ({id})");
        let email = email.filter(|email| !email.trim().is_empty());
        if outsider.is_none() || as_what.how == How::ById {
            found.accounts.extend(email.as_ref().map(|email| folded(email)));
        }
        if let Some(why) = outsider {
            unable.extend((as_what.how > How::InChannel).then_some(Unable { who, why }));
        } else if email.is_none() && !has_own {
            nameless.insert(who);
        } else if email.is_none() {
            unable.insert(Unable {
                who,
                why: format!("{system} gives no confirmed e-mail address for this person"),
            });
        } else if members.is_ok() && !is_in_channel {
            unable.insert(Unable { who, why: "this person is not a member of the channel".to_owned() });
        } else {
            let person = Person { id: id.clone(), name, email, person_id };
            found.deciders.approvers.extend(as_what.approver.then(|| person.clone()));
            found.deciders.admins.extend(as_what.admin.then_some(person));
        }
    }
    if !nameless.is_empty() {
        let people = nameless.into_iter().take(NAMED_MAX).collect::<Vec<_>>().join(", ");
        return Err(WorkError::Other(format!(
            "{system} gives no confirmed address of {people}, who may decide, so nobody can tell which account is \
             theirs and must not be suspended. Have them confirm their address in {system}, or name their account \
             in account_owners"
        )));
    }
    found.deciders.approvers.sort_by(|a, b| a.id.cmp(&b.id));
    found.deciders.admins.sort_by(|a, b| a.id.cmp(&b.id));
    found.deciders.unable = unable.into_iter().collect();
    Ok(found)
}

/// Looks up all of these. After an error nobody else is looked up, and what was found until then stays in `so_far`.
async fn all_of<'a>(
    chat: &dyn Chat,
    named: &'a BTreeMap<String, Named>,
    so_far: &SoFar,
    clock: &Clock,
) -> Result<Vec<(&'a String, Option<ChatUser>)>, ChatError> {
    let failed = AtomicBool::new(false);
    let lookups: Vec<_> = named
        .keys()
        .map(async |id| {
            if let Some(user) = so_far.get(id, clock.now()) {
                return Some(Ok((id, user)));
            }
            if failed.load(Ordering::Relaxed) {
                return None;
            }
            let user = match chat.user(id).await {
                Ok(user) => Some(user),
                Err(ChatError::NotFound(_)) => None,
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    return Some(Err(error));
                }
            };
            so_far.put(id, user.clone(), clock.now());
            Some(Ok((id, user)))
        })
        .collect();
    let found: Vec<_> = stream::iter(lookups).buffer_unordered(LOOKUPS_AT_ONCE).collect().await;
    found.into_iter().flatten().collect()
}

/// Returns everybody who is named as an approver or admin, by id, and the groups that name nobody.
async fn named(
    chat: &dyn Chat,
    policy: &Policy,
    members: &Result<Vec<String>, ChatError>,
) -> WorkResult<(BTreeMap<String, Named>, BTreeSet<Unable>)> {
    let (mut named, mut unable) = (BTreeMap::<String, Named>::new(), BTreeSet::new());
    for (people, approver) in [(&policy.approvers, true), (&policy.admins, false)] {
        let mut add = |ids: &[String], how: How| {
            for id in ids {
                let one = named.entry(id.clone()).or_default();
                one.approver |= approver;
                one.admin |= !approver;
                one.how = one.how.max(how);
            }
        };
        add(&people.users, How::ById);
        for group in &people.groups {
            let why = match chat.group_members(group).await {
                Ok(members) if !members.is_empty() => {
                    add(&members, How::InGroup);
                    continue;
                }
                Ok(_) => "this user group has no members".to_owned(),
                Err(ChatError::NotFound(_)) => {
                    format!("{} no longer has this user group", chat.terms().name)
                }
                Err(error) => {
                    let what = format!("can't read the approvers' user group {group}");
                    return Err(WorkError::from(error).context(what));
                }
            };
            unable.insert(Unable { who: group.clone(), why });
        }
        if people.channel_members {
            let members = members.as_ref().map_err(|error| {
                let what = "can't read the members of the channel, and they are the approvers";
                WorkError::from(error.clone()).context(what)
            })?;
            add(members, How::InChannel);
        }
    }
    if let Err(ChatError::Channel(why)) = members {
        // Nobody is known to be in it, and a decision takes being in it.
        unable
            .insert(Unable { who: policy.channel.clone(), why: format!("the channel can't be used: {why}") });
    }
    Ok((named, unable))
}

impl Authz {
    async fn look_up_people(&self, policy: &Policy) -> WorkResult<LookedUp> {
        look_up(&*self.s.chat, policy, &self.looked_up, &self.s.clock).await
    }

    /// Returns the policies whose questions wait and whose people are to be looked up again.
    pub(crate) async fn deciders_due(&self) -> WorkResult<Vec<PolicyName>> {
        let (open, now) = (self.s.store.open_questions().await?, self.s.clock.now());
        let is_due = |policy: &Policy| {
            open.iter().any(|one| one.policy == policy.name) && self.deciders.is_due(&policy.name, now)
        };
        let due = self.s.policies.iter().filter(|policy| is_due(policy));
        Ok(due.map(|policy| policy.name.clone()).collect())
    }

    /// Looks up who can decide for the policy, and has its cards say so if that has changed. Says when to look again.
    pub(crate) async fn look_up_deciders(&self, policy: &PolicyName) -> Option<DateTime<Utc>> {
        let (policy, now) = (self.s.policy(policy)?, self.s.clock.now());
        lock(&self.deciders.looked).insert(policy.name.to_string(), now);
        match self.s.unless_ended(self.look_up_people(policy)).await? {
            Ok(found) => {
                let before = self.deciders.last(&policy.name);
                if before.as_deref() != Some(&found) {
                    self.deciders.put(&policy.name, self.s.clock.now(), found);
                    self.s.nudge();
                }
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(policy = &*policy.name, error, "can't look up who can decide");
            }
        }
        Some(self.s.clock.now() + LOOK_EVERY)
    }

    /// Has the people of the policy looked up at the next look at the rows.
    pub(crate) fn look_up_deciders_soon(&self, policy: &str) {
        lock(&self.deciders.looked).remove(policy);
    }

    /// Returns who can decide for the policy, as far as it was looked up.
    pub(crate) fn known_deciders(&self, policy: &str) -> Option<Arc<LookedUp>> {
        self.deciders.last(policy)
    }

    /// Returns what a question lacks, as far as that is known.
    pub(crate) fn lack(&self, request: &Request, candidates: &[Candidate]) -> Option<Lack> {
        let policy = self.s.policy(&request.policy)?;
        let found = self.deciders.last(&policy.name)?;
        found.deciders.lack(request, candidates, policy.approvals_needed, &self.account_owners(policy))
    }

    /// Returns the ids of people that are named, and of the members of groups as far as they can be read; at most so
    /// many as can be written to.
    pub(crate) async fn people_of(&self, of: &[&People]) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for people in of {
            ids.extend(people.users.iter().cloned());
            for group in &people.groups {
                match self.s.chat.group_members(group).await {
                    Ok(members) => ids.extend(members),
                    Err(error) => {
                        tracing::warn!(group, %error, "can't read the members of a group that are to be notified");
                    }
                }
            }
        }
        ids.into_iter().take(WRITTEN_TO_MAX).collect()
    }
}
