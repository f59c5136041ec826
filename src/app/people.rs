//! Who may do what: established from the chat system at the moment of asking, and closed by default.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use chrono::{DateTime, Duration, Utc};
use futures_util::{StreamExt, stream};

use super::{App, lock};
use crate::chat::{Chat, ChatError, ChatUser};
use crate::clock::Clock;
use crate::domain::audit::Person;
use crate::domain::policy::{People, Policy};
use crate::domain::request::Voter;

/// How long a click may wait for the chat system to say who clicked; Slack wants its acknowledgement within 3 s.
const IDENTIFY_MAX: std::time::Duration = std::time::Duration::from_millis(1800);
/// How many people are looked up at once.
const LOOKUPS_AT_ONCE: usize = 4;
/// Looked-up approvers' addresses are used for this long: they only ever protect accounts.
pub(super) const APPROVERS_KEPT: Duration = Duration::minutes(1);
/// What a try has looked up serves the tries after it for this long. Slack allows about 100 look-ups a minute, so the
/// most approvers that a policy may have are looked up well within it.
const LOOKUPS_KEPT: Duration = Duration::minutes(10);
/// How many people one error names.
const NAMED_MAX: usize = 5;
/// A policy with more approvers than this can't have meant it; looking each up would take minutes.
const APPROVERS_MAX: usize = 200;

/// Why a person was turned away before their input was even looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// A guest, a bot, deactivated or of another company.
    Outsider(Person, String),
    /// Would decide for the policy of this name, but isn't in its channel now.
    NotInChannel(Person, String),
    /// The chat system could not say who this is or what they may do.
    CantTell(String),
}

impl Stranger {
    /// Whether it is certain that they may not.
    pub fn is_certain(&self) -> bool {
        !matches!(self, Stranger::CantTell(_))
    }
}

/// What a person is to a policy right now.
#[derive(Clone, Debug)]
pub struct Known {
    /// The person with the rights to decide.
    pub voter: Voter,
    /// May run read-only commands.
    pub viewer: bool,
}

/// Establishes who `user` is and what they may do for `policy`. Fails closed, and in time for an acknowledgement.
pub async fn identify(app: &App, policy: &Policy, user: &str) -> Result<Known, Stranger> {
    match tokio::time::timeout(IDENTIFY_MAX, look_up(app, policy, user)).await {
        Ok(Ok(known)) => known,
        Ok(Err(error)) => Err(Stranger::CantTell(error.to_string())),
        Err(_) => Err(Stranger::CantTell("it did not answer in time".into())),
    }
}

async fn look_up(app: &App, policy: &Policy, user: &str) -> Result<Result<Known, Stranger>, ChatError> {
    if let Some((person, why)) = app.known_outsider(user) {
        return Ok(Err(Stranger::Outsider(person, why)));
    }
    let person = async {
        let ChatUser { id, name, email, outsider, .. } = app.chat.user(user).await.map_err(Err)?;
        let person = Person { id, name, email };
        match outsider {
            Some(why) => {
                app.remember_outsider(&person, &why);
                Err(Ok(Stranger::Outsider(person, why)))
            }
            None => Ok(person),
        }
    };
    let by_name_or_place =
        |people: &People| people.channel_members || people.users.iter().any(|id| id == user);
    let place_matters = by_name_or_place(&policy.approvers)
        || by_name_or_place(&policy.admins)
        || policy.viewers.channel_members;
    let members = async {
        if place_matters { Ok(Some(app.chat.channel_members(&policy.channel).await)) } else { Ok(None) }
    };
    // Together, since an acknowledgement waits for both; whoever can never decide anything waits for one.
    let (person, members) = match tokio::try_join!(person, members) {
        Ok(both) => both,
        Err(Ok(stranger)) => return Ok(Err(stranger)),
        Err(Err(error)) => return Err(error),
    };
    let in_channel = members.map(|members| Ok(members?.iter().any(|id| id == user)));
    let seat = Seat { app, policy, user, in_channel };
    let (approver, admin) = tokio::try_join!(seat.is_of(&policy.approvers), seat.is_of(&policy.admins))?;
    if !approver && !admin {
        let viewer = seat.is_of(&policy.viewers).await?;
        return Ok(Ok(Known { voter: Voter { person, approver, admin }, viewer }));
    }
    // Whoever has left the channel, or was removed from it, has not seen what is asked there.
    if seat.in_channel().await? {
        return Ok(Ok(Known { voter: Voter { person, approver, admin }, viewer: true }));
    }
    if seat.is_of(&policy.viewers).await? {
        return Ok(Ok(Known { voter: Voter { person, approver: false, admin: false }, viewer: true }));
    }
    Ok(Err(Stranger::NotInChannel(person, policy.name.clone())))
}

/// Where one person sits, for one look-up.
struct Seat<'a> {
    app: &'a App,
    policy: &'a Policy,
    user: &'a str,
    /// Whether they are in the policy's channel, if that was asked already.
    in_channel: Option<Result<bool, ChatError>>,
}

impl Seat<'_> {
    async fn is_of(&self, people: &People) -> Result<bool, ChatError> {
        if people.users.iter().any(|id| id == self.user) {
            return Ok(true);
        }
        for group in &people.groups {
            if self.app.chat.group_members(group).await?.iter().any(|id| id == self.user) {
                return Ok(true);
            }
        }
        if people.channel_members { self.in_channel().await } else { Ok(false) }
    }

    async fn in_channel(&self) -> Result<bool, ChatError> {
        if let Some(known) = &self.in_channel {
            return known.clone();
        }
        let members = self.app.chat.channel_members(&self.policy.channel).await?;
        Ok(members.iter().any(|id| id == self.user))
    }
}

/// The approvers who were looked up by a try that did not come to its end, such as at a rate limit: the next try goes on
/// from there.
#[derive(Default)]
pub struct LookedUp(Mutex<BTreeMap<String, (DateTime<Utc>, ChatUser)>>);

impl LookedUp {
    fn get(&self, id: &str, now: DateTime<Utc>) -> Option<ChatUser> {
        let kept = Duration::zero()..LOOKUPS_KEPT;
        lock(&self.0).get(id).filter(|(at, _)| kept.contains(&(now - *at))).map(|(_, user)| user.clone())
    }

    fn put(&self, user: &ChatUser, now: DateTime<Utc>) {
        lock(&self.0).insert(user.id.clone(), (now, user.clone()));
    }

    /// Forgets these: the next look-up begins from the beginning.
    fn forget(&self, ids: &BTreeSet<String>) {
        lock(&self.0).retain(|id, _| !ids.contains(id));
    }
}

/// What the accounts of everybody who may decide for the policy are called: these are never proposed.
pub async fn approvers_accounts(app: &App, policy: &Policy) -> anyhow::Result<BTreeSet<String>> {
    if let Some(emails) = app.approvers.get(&policy.name, app.clock.now()) {
        return Ok(emails);
    }
    let accounts = accounts_of_approvers(&*app.chat, policy, &app.runtime.looked_up, &app.clock).await?;
    app.approvers.put(&policy.name, app.clock.now(), accounts.clone());
    Ok(accounts)
}

/// The same, asked of the chat system now. An approver of whom it can't be told which account is theirs fails it: no
/// sweep at all, which everybody hears of, is better than one that proposes them.
///
/// What this try has looked up is in `looked_up` if it fails, for the next one.
pub async fn accounts_of_approvers(
    chat: &dyn Chat,
    policy: &Policy,
    looked_up: &LookedUp,
    clock: &Clock,
) -> anyhow::Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    for people in [&policy.approvers, &policy.admins] {
        ids.extend(people.users.iter().cloned());
        for group in &people.groups {
            let members = chat.group_members(group).await;
            ids.extend(members.with_context(|| format!("can't read the approvers' user group {group}"))?);
        }
        if people.channel_members {
            let members = chat.channel_members(&policy.channel).await;
            ids.extend(members.context("can't read the members of the channel, who are the approvers")?);
        }
    }
    anyhow::ensure!(ids.len() <= APPROVERS_MAX, "more than {APPROVERS_MAX} people may approve; name fewer");
    let users = all_of(chat, &ids, looked_up, clock)
        .await
        .context("can't look up the approvers, whose own accounts are never proposed")?;
    looked_up.forget(&ids);
    let named = ids.iter().filter_map(|id| policy.own_accounts.get(id)).flatten().cloned();
    let named = named.map(|name| name.to_lowercase());
    let mut accounts: BTreeSet<String> = named.collect();
    let mut nameless = BTreeSet::new();
    for ChatUser { id, name, email, .. } in users.into_iter().filter(|user| user.outsider.is_none()) {
        match email.filter(|email| !email.trim().is_empty()) {
            Some(email) => {
                accounts.insert(email.to_lowercase());
            }
            None if policy.own_accounts.contains_key(&id) => {}
            None => {
                nameless.insert(format!("{name} ({id})"));
            }
        }
    }
    anyhow::ensure!(
        nameless.is_empty(),
        "Slack gives no confirmed address of {}, who may decide, so nobody can tell which account is theirs and must \
         not be suspended. Have them confirm their address in Slack, or name their account in own_accounts",
        nameless.into_iter().take(NAMED_MAX).collect::<Vec<_>>().join(", ")
    );
    Ok(accounts)
}

/// Looks up all of these. After an error nobody else is looked up, and what was found until then stays in `looked_up`.
async fn all_of(
    chat: &dyn Chat,
    ids: &BTreeSet<String>,
    looked_up: &LookedUp,
    clock: &Clock,
) -> Result<Vec<ChatUser>, ChatError> {
    let failed = AtomicBool::new(false);
    let lookups: Vec<_> = ids
        .iter()
        .map(async |id| {
            if let Some(user) = looked_up.get(id, clock.now()) {
                return Some(Ok(user));
            }
            if failed.load(Ordering::Relaxed) {
                return None;
            }
            let found = chat.user(id).await;
            match &found {
                Ok(user) => looked_up.put(user, clock.now()),
                Err(_) => failed.store(true, Ordering::Relaxed),
            }
            Some(found)
        })
        .collect();
    let found: Vec<_> = stream::iter(lookups).buffer_unordered(LOOKUPS_AT_ONCE).collect().await;
    found.into_iter().flatten().collect()
}

/// When the addresses were looked up, and what they are.
type Addresses = (DateTime<Utc>, BTreeSet<String>);

/// The approvers' e-mail addresses per policy, for a short while.
#[derive(Default)]
pub(super) struct ApproverCache(Mutex<BTreeMap<String, Addresses>>);

impl ApproverCache {
    pub(super) fn get(&self, policy: &str, now: DateTime<Utc>) -> Option<BTreeSet<String>> {
        lock(&self.0)
            .get(policy)
            .filter(|(at, _)| (now - *at).abs() < APPROVERS_KEPT)
            .map(|(_, emails)| emails.clone())
    }

    pub(super) fn put(&self, policy: &str, now: DateTime<Utc>, emails: BTreeSet<String>) {
        lock(&self.0).insert(policy.to_owned(), (now, emails));
    }
}
