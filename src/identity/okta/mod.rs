//! Okta, over its management API.
//!
//! Promises what [`IdentityProvider`] asks for: a listing is whole or an error, a doubtful value makes one account
//! unreadable, a suspension is sent once, the org keeps its share of the rate limits, and no secret and no person's
//! data gets into an error or a log line. Calls are only ever made with Okta's immutable ids, and only to the org's
//! own address.

mod auth;
mod changes;
mod check;
mod console;
mod errors;
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod log;
mod paging;
mod rate;
mod search;
mod settings;
mod signs;
mod wire;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use ::http::Method;
use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use tokio::sync::OnceCell;
use url::Url;

pub use auth::Credential;
pub use settings::{REQUEST_TIMEOUT, Settings, TERMS};

use self::errors::Right;
use self::http::Http;
use self::paging::Then;
use self::wire::{Assignees, Named, Role, User};
use crate::clock::Clock;
use crate::domain::account::{Account, AccountId};
use crate::domain::policy::Rule;
use crate::domain::sighting::SecondLook;
use crate::identity::{
    ActivityLog, Directory, FreshLook, IdentityError, IdentityProvider, Lifecycle, LogRead, Looks, Monitored,
    Probe, Protected, Reference, StatusChange, TakeAccount, Terms, Traffic,
};

/// The most that Okta gives out at a time, for users and for members of a group.
const PAGE: &str = "200";
/// The most that the list of administrators gives out at a time.
const ADMIN_PAGE: &str = "100";
/// How many accounts a question about one person shows.
const FOUND_MAX: &str = "10";
/// No login or address is longer.
const WHO_MAX: usize = 256;
/// No id of Okta's is longer; they have 20 characters.
const ID_MAX: usize = 64;

/// One Okta org.
pub struct Okta {
    http: Http,
    /// A service app's client id. It has no account of its own; an API token's owner has.
    client_id: Option<String>,
    scopes: Vec<String>,
    /// The own account, for looks at one account: it stays the same as long as the credential.
    own: OnceCell<Option<AccountId>>,
}

impl fmt::Debug for Okta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Okta").field("org", &self.http.base().as_str()).finish_non_exhaustive()
    }
}

impl Okta {
    /// Checks the settings and reads the key. Calls nobody. A rustls crypto provider must be installed.
    pub fn new(settings: Settings, clock: Clock) -> anyhow::Result<Okta> {
        let (client_id, scopes) = match &settings.credential {
            Credential::ApiToken(_) => (None, Vec::new()),
            Credential::ServiceApp { client_id, scopes, .. } => (Some(client_id.clone()), scopes.clone()),
        };
        Ok(Okta { http: Http::new(settings, clock)?, client_id, scopes, own: OnceCell::new() })
    }

    fn user_url(&self, account: &AccountId, rest: &[&str]) -> Result<Url, IdentityError> {
        checked_id(&account.0)?;
        let segments: Vec<&str> =
            ["users", account.0.as_str()].into_iter().chain(rest.iter().copied()).collect();
        Ok(self.http.url(&segments))
    }

    async fn read_user(&self, account: &AccountId, rule: Option<&Rule>) -> Result<Account, IdentityError> {
        let answer = self.http.get(&self.user_url(account, &[])?, Right::ReadUsers).await?;
        let read = answer.json::<User>("a user")?.into_account(rule)?;
        if read.id == *account {
            Ok(read)
        } else {
            Err(IdentityError::Malformed("Okta answered with another account than the one asked for".into()))
        }
    }

    async fn own_id(&self) -> Result<Option<AccountId>, IdentityError> {
        if self.client_id.is_some() {
            return Ok(None);
        }
        let answer = self.http.get(&self.http.url(&["users", "me"]), Right::ReadUsers).await?;
        Ok(Some(AccountId(answer.json::<Named>("the bot's own account")?.id)))
    }

    /// The id that the System Log has for what the bot does.
    async fn own_actor(&self) -> Result<Option<&str>, IdentityError> {
        if let Some(client_id) = &self.client_id {
            return Ok(Some(client_id));
        }
        let own = self.own.get_or_try_init(|| self.own_id()).await?;
        Ok(own.as_ref().map(|own| own.0.as_str()))
    }

    async fn roles_of(&self, account: &AccountId) -> Result<Vec<Role>, IdentityError> {
        self.http.get(&self.user_url(account, &["roles"])?, Right::ReadRoles).await?.json("a user's roles")
    }

    async fn groups_of(&self, account: &AccountId) -> Result<BTreeSet<String>, IdentityError> {
        let mut groups = BTreeSet::new();
        let first = self.user_url(account, &["groups"])?;
        paging::walk_all(&self.http, first, Right::ReadUsers, |answer| {
            let page = answer.json::<Vec<Named>>("a user's groups")?;
            let items = page.len();
            groups.extend(page.into_iter().map(|group| group.id));
            Ok(Then::FollowLink(items))
        })
        .await?;
        Ok(groups)
    }

    async fn admins(&self) -> Result<BTreeSet<AccountId>, IdentityError> {
        let mut admins = BTreeSet::new();
        let mut first = self.http.url(&["iam", "assignees", "users"]);
        first.query_pairs_mut().append_pair("limit", ADMIN_PAGE);
        paging::walk_all(&self.http, first, Right::ReadRoles, |answer| {
            let page = answer.json::<Assignees>("the users with administrator roles")?;
            let (items, links) = (page.value.len(), page.links());
            admins.extend(page.value.into_iter().map(|user| AccountId(user.id)));
            Ok(Then::Follow(items, links))
        })
        .await?;
        Ok(admins)
    }

    /// A group's members. An empty group looks just like one whose members are hidden from us, so it is an error.
    async fn members(&self, group: &str) -> Result<BTreeSet<AccountId>, IdentityError> {
        checked_id(group)?;
        let mut members = BTreeSet::new();
        let mut first = self.http.url(&["groups", group, "users"]);
        first.query_pairs_mut().append_pair("limit", PAGE);
        let walked = paging::walk_all(&self.http, first, Right::ReadGroups, |answer| {
            let page = answer.json::<Vec<Named>>("a group's members")?;
            let items = page.len();
            members.extend(page.into_iter().map(|user| AccountId(user.id)));
            Ok(Then::FollowLink(items))
        })
        .await;
        match walked {
            Ok(_) if members.is_empty() => Err(IdentityError::NotFound(format!(
                "the exempt group {group} has no members that the bot can see: add one, let the bot see the group, \
                 or take the group out of the policy"
            ))),
            Ok(_) => Ok(members),
            Err(IdentityError::NotFound(why)) => Err(IdentityError::NotFound(format!(
                "the exempt group {group}: correct its id in the policy, or take it out. {why}"
            ))),
            Err(IdentityError::Denied(why)) => {
                Err(IdentityError::Denied(format!("the exempt group {group}: {why}")))
            }
            Err(error) => Err(error),
        }
    }

    /// Hands on the accounts that the search finds. Sorted by id, so that what shifts while it is read comes again on
    /// the next page.
    async fn search(
        &self,
        expression: &str,
        limit: &str,
        rule: &Rule,
        take: &mut TakeAccount<'_>,
    ) -> Result<u32, IdentityError> {
        let mut first = self.http.url(&["users"]);
        first
            .query_pairs_mut()
            .append_pair("search", expression)
            .append_pair("sortBy", "id")
            .append_pair("sortOrder", "asc")
            .append_pair("limit", limit);
        let (mut before, mut firsts) = (HashSet::new(), HashSet::new());
        paging::walk_all(&self.http, first, Right::ReadUsers, |answer| {
            let users = answer.json::<Vec<User>>("a page of users")?;
            let (sent, mut here) = (users.len(), HashSet::new());
            for user in users {
                let account = user.into_account(Some(rule))?;
                if before.contains(&account.id) || !here.insert(account.id.clone()) {
                    continue;
                }
                let again = here.len() == 1 && !firsts.insert(account.id.clone());
                if again {
                    return Err(the_same_page());
                }
                take(account);
            }
            if sent > 0 && here.is_empty() {
                return Err(the_same_page());
            }
            before = here;
            Ok(Then::FollowLink(sent))
        })
        .await
    }

    /// A few accounts that a search finds.
    async fn few(&self, expression: &str, rule: &Rule) -> Result<Vec<Account>, IdentityError> {
        let mut found = Vec::new();
        self.search(expression, FOUND_MAX, rule, &mut |account| found.push(account)).await?;
        Ok(found)
    }
}

fn the_same_page() -> IdentityError {
    IdentityError::Malformed("Okta sent the same page of users twice".into())
}

fn checked_id(id: &str) -> Result<(), IdentityError> {
    let fits = !id.is_empty() && id.len() <= ID_MAX && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits { Ok(()) } else { Err(IdentityError::NotFound("that is not an id of Okta's".into())) }
}

/// Okta puts its mark on each answer. Without it somebody in between may have answered, and reading the account says what
/// the call did.
fn marked(reference: Reference) -> Result<Reference, IdentityError> {
    if reference.is_some() {
        return Ok(reference);
    }
    Err(IdentityError::Transient("the answer to a change does not have Okta's mark".into()))
}

#[async_trait]
impl Directory for Okta {
    async fn list(&self, rule: &Rule, take: &mut TakeAccount<'_>) -> Result<u32, IdentityError> {
        // The search index lags: somebody deactivated a moment ago may still be in it.
        let mut take_unless_gone = |account: Account| {
            if !account.status.is_deactivated() {
                take(account);
            }
        };
        self.search(&search::of_type(&rule.user_type)?, PAGE, rule, &mut take_unless_gone).await
    }

    async fn protected(&self, rule: &Rule) -> Result<Protected, IdentityError> {
        let mut groups = BTreeMap::new();
        for group in &rule.exempt_groups {
            groups.insert(group.clone(), self.members(group).await?);
        }
        Ok(Protected { admins: self.admins().await?, own: self.own_id().await?, groups })
    }

    async fn look(
        &self,
        account: &AccountId,
        rule: &Rule,
        since: Option<DateTime<Utc>>,
    ) -> Result<FreshLook, IdentityError> {
        let admin_role = !self.roles_of(account).await?.is_empty();
        let own = self.own.get_or_try_init(|| self.own_id()).await?;
        let own_identity = own.as_ref() == Some(account);
        let exempt_groups = if rule.exempt_groups.is_empty() {
            Vec::new()
        } else {
            let groups = self.groups_of(account).await?;
            rule.exempt_groups.iter().filter(|group| groups.contains(*group)).cloned().collect()
        };
        let second_look = if rule.check_sign_in_log {
            log::look(&self.http, account, since).await?
        } else {
            SecondLook::NotAsked
        };
        // Last, so that it is as fresh as can be when the caller acts on it.
        let account = self.read_user(account, Some(rule)).await?;
        Ok(FreshLook { account, admin_role, own_identity, exempt_groups, second_look })
    }

    async fn confirm(&self, account: &AccountId, rule: &Rule) -> Result<Account, IdentityError> {
        self.read_user(account, Some(rule)).await
    }

    async fn read(&self, account: &AccountId) -> Result<Account, IdentityError> {
        self.read_user(account, None).await
    }

    async fn find(&self, who: &str, rule: &Rule) -> Result<Vec<Account>, IdentityError> {
        let who = who.trim();
        if who.is_empty() || who.len() > WHO_MAX {
            return Ok(Vec::new());
        }
        if who.starts_with("00u") && checked_id(who).is_ok() {
            match self.read_user(&AccountId(who.to_owned()), Some(rule)).await {
                Ok(account) => return Ok(vec![account]),
                Err(IdentityError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let found = self.few(&search::by_address(who), rule).await?;
        if !found.is_empty() || who.contains('@') {
            return Ok(found);
        }
        // A manager is often named by the number that HR has for them.
        self.few(&search::by_employee_number(who), rule).await
    }

    fn console_link(&self, account: &AccountId) -> Option<String> {
        checked_id(&account.0).ok()?;
        console::profile(self.http.base(), account)
    }
}

#[async_trait]
impl ActivityLog for Okta {
    async fn second_look(&self, asked: &Looks) -> LogRead {
        log::look_for_all(&self.http, asked).await
    }

    async fn last_change(
        &self,
        account: &AccountId,
        since: DateTime<Utc>,
    ) -> Result<Option<StatusChange>, IdentityError> {
        checked_id(&account.0)?;
        let own = self.own_actor().await?;
        changes::latest(&self.http, account, since, own).await
    }

    fn log_kept(&self) -> Duration {
        log::KEPT
    }

    fn evidence_lag(&self) -> Duration {
        // The last sign-in is there at once; what only the log has is checked for once more after a suspension.
        Duration::zero()
    }

    fn dates_status_changes(&self) -> bool {
        true
    }
}

#[async_trait]
impl Lifecycle for Okta {
    async fn turn_to_change(&self) -> Result<(), IdentityError> {
        self.http.turn_to_change().await
    }

    async fn suspend(&self, account: &AccountId) -> Result<Reference, IdentityError> {
        let url = self.user_url(account, &["lifecycle", "suspend"])?;
        self.http.change(&Method::POST, &url, Right::Suspend).await.and_then(marked)
    }

    async fn restore(&self, account: &AccountId) -> Result<Reference, IdentityError> {
        let url = self.user_url(account, &["lifecycle", "unsuspend"])?;
        self.http.change(&Method::POST, &url, Right::Restore).await.and_then(marked)
    }

    async fn clear_sessions(&self, account: &AccountId) -> Result<Reference, IdentityError> {
        let mut url = self.user_url(account, &["sessions"])?;
        url.query_pairs_mut().append_pair("oauthTokens", "true");
        self.http.change(&Method::DELETE, &url, Right::ClearSessions).await
    }
}

#[async_trait]
impl Monitored for Okta {
    async fn reach(&self) -> Result<(), IdentityError> {
        let mut url = self.http.url(&["users"]);
        url.query_pairs_mut().append_pair("limit", "1");
        self.http.get(&url, Right::ReadUsers).await.map(drop)
    }

    fn clock_ahead(&self) -> Option<Duration> {
        self.http.clock_ahead()
    }

    fn traffic(&self) -> Traffic {
        self.http.traffic()
    }

    async fn probe(&self, rules: &[&Rule]) -> Vec<Probe> {
        self.probe_all(rules).await
    }
}

impl IdentityProvider for Okta {
    fn terms(&self) -> Terms {
        TERMS
    }
}
