//! Microsoft Entra ID, over Microsoft Graph.
//!
//! Promises what [`IdentityProvider`] asks for: a listing is whole or an error, an absent date is "never" only where
//! that is proven, a doubtful value makes one account unreadable, a change is sent once, Microsoft's limits are kept,
//! and no secret and no person's data gets into an error or a log line. Calls are only ever made with Entra's
//! immutable ids, and only to the configured cloud.
//!
//! What Microsoft does not document is right here either way, and the log says which way it went: whether sign-in
//! dates can be had in an advanced query (`list.rs`), and whether the audit log keeps the names of our calls
//! (`changes.rs`).

mod auth;
mod call_id;
mod changes;
mod check;
mod dates;
mod errors;
mod http;
mod ids;
mod list;
mod log;
mod paging;
mod protected;
mod rate;
mod search;
mod settings;
mod wire;

use std::fmt;
use std::sync::atomic::AtomicBool;

use ::http::Method;
use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;
use serde_json::json;

pub use settings::{Cloud, Credential, REQUEST_TIMEOUT, Settings, TERMS};

use self::call_id::Deed;
use self::changes::Own;
use self::dates::DateProof;
use self::errors::Right;
use self::http::{Change, Http, Read};
use self::ids::{checked_id, user_segments};
use self::paging::Page;
use self::protected::{KnownRoleGroups, Surroundings};
use self::wire::{Dates, Object, Superior, User};
use crate::clock::Clock;
use crate::domain::account::{Account, AccountId, UserType};
use crate::domain::policy::Rule;
use crate::domain::sighting::SecondLook;
use crate::identity::{
    ActivityLog, Directory, FreshLook, IdentityError, IdentityProvider, Lifecycle, LogRead, Looks, Monitored,
    Probe, Protected, Reference, StatusChange, TakeAccount, Terms, Traffic,
};

/// How late an account's own sign-in dates may be.
/// <https://learn.microsoft.com/entra/identity/monitoring-health/howto-manage-inactive-user-accounts>
const EVIDENCE_LAG: Duration = Duration::days(1);
/// How many accounts a question about one person shows.
const FOUND_MAX: &str = "10";
/// No login or address is longer.
const WHO_MAX: usize = 256;

/// One tenant.
pub struct Entra {
    http: Http,
    client_id: String,
    dates: DateProof,
    role_groups: KnownRoleGroups,
    /// Sign-in dates can't be had in an advanced query.
    lists_plainly: AtomicBool,
    /// The audit log was seen to call a change by the name that we gave it.
    names_are_kept: AtomicBool,
}

impl fmt::Debug for Entra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entra").field("graph", &self.http.places().graph.as_str()).finish_non_exhaustive()
    }
}

impl Entra {
    /// Checks the settings and reads the certificate. Calls nobody. A rustls crypto provider must be installed.
    pub fn new(settings: Settings, clock: Clock) -> anyhow::Result<Entra> {
        Ok(Entra {
            client_id: settings.client_id.clone(),
            http: Http::new(settings, clock)?,
            dates: DateProof::default(),
            role_groups: KnownRoleGroups::default(),
            lists_plainly: AtomicBool::new(false),
            names_are_kept: AtomicBool::new(false),
        })
    }

    /// Reads an account, with what the rule asks about, or just the account itself.
    async fn read_user(&self, account: &AccountId, rule: Option<&Rule>) -> Result<Account, IdentityError> {
        let select = search::selection(rule, rule.is_some())?;
        let url = self.http.url(&user_segments(account, &[])?, &[("$select", &select)]);
        let right = if rule.is_some() { Right::ReadSignInDates } else { Right::ReadUsers };
        let answer = self.http.get(Read { url: &url, right, advanced: false }).await?;
        let user: User<'_> = answer.json("a user")?;
        let Context { context } = answer.json("a user")?;
        let dates = match rule {
            Some(_) => self.dates.of_one(&self.http, &context, &user).await?,
            None => Dates::NotAsked,
        };
        let read = user.into_account(rule, dates)?;
        if read.id.0.eq_ignore_ascii_case(&account.0) {
            Ok(Account { id: account.clone(), ..read })
        } else {
            Err(IdentityError::Malformed(
                "Entra ID answered with another account than the one asked for".into(),
            ))
        }
    }

    /// A few accounts that a filter finds.
    async fn few(&self, filter: &str, rule: &Rule) -> Result<Vec<Account>, IdentityError> {
        let select = search::selection(Some(rule), true)?;
        let options = [("$filter", filter), ("$select", select.as_str()), ("$top", FOUND_MAX)];
        let url = self.http.url(&["users"], &options);
        let read = Read { url: &url, right: Right::ReadSignInDates, advanced: false };
        let answer = self.http.get(read).await?;
        let page: Page<User<'_>> = answer.json("a page of users")?;
        let since = self.http.clock().now() - Duration::hours(1);
        let dates = self.dates.of(&self.http, &page.context, &page.value, since).await?;
        page.value.into_iter().map(|user| user.into_account(Some(rule), dates)).collect()
    }

    /// Who answers for an account: its manager, or a guest's first sponsor.
    async fn superior(&self, account: &Account) -> Result<Option<Superior>, IdentityError> {
        let is_guest = account.is_of(&UserType::Guest);
        let whose = if is_guest { "sponsors" } else { "manager" };
        let url = self.http.url(&user_segments(&account.id, &[whose])?, &[("$select", "id,displayName")]);
        let answer = match self.http.get(Read { url: &url, right: Right::ReadUsers, advanced: false }).await {
            Ok(answer) => answer,
            Err(refusal) => return nobody_answers(refusal.error),
        };
        if !is_guest {
            return answer.json("a user's manager").map(Some);
        }
        let (people, names): (Page<Object>, Page<Superior>) =
            (answer.json("a guest's sponsors")?, answer.json("a guest's sponsors")?);
        let of_both = people.value.iter().zip(names.value);
        Ok(of_both.filter(|(object, _)| object.is_person()).map(|(_, sponsor)| sponsor).next())
    }

    async fn set_enabled(&self, account: &AccountId, enabled: bool) -> Result<Reference, IdentityError> {
        let (deed, right) =
            if enabled { (Deed::Unblock, Right::Unblock) } else { (Deed::Block, Right::Block) };
        let call_id = call_id::fresh(deed, account);
        let url = self.http.url(&user_segments(account, &[])?, &[]);
        let body = Some(json!({ "accountEnabled": enabled }));
        let change = Change { method: Method::PATCH, url: &url, right, body, call_id: &call_id };
        let request_id = self.http.change(change).await?.request_id();
        // Without Graph's mark somebody in between may have answered, and reading the account says what the call did.
        let Some(request_id) = request_id else {
            return Err(IdentityError::Transient("the answer to a change does not have Graph's mark".into()));
        };
        tracing::debug!(request_id, call_id, "Entra ID has made a change");
        Ok(Some(call_id))
    }
}

/// Takes the error that Graph sends for an account without a manager for what it is.
fn nobody_answers<T>(error: IdentityError) -> Result<Option<T>, IdentityError> {
    match error {
        // Whether it takes a permission of its own is not documented, and nobody needs one to be judged.
        IdentityError::NotFound(_) | IdentityError::Denied(_) | IdentityError::Refused(_) => Ok(None),
        error @ (IdentityError::RateLimited { .. }
        | IdentityError::Transient(_)
        | IdentityError::Malformed(_)
        | IdentityError::NotConfigured(_)) => Err(error),
    }
}

#[derive(Deserialize)]
struct Context {
    #[serde(default, rename = "@odata.context")]
    context: String,
}

#[async_trait]
impl Directory for Entra {
    async fn list(&self, rule: &Rule, take: &mut TakeAccount<'_>) -> Result<u32, IdentityError> {
        self.list_all(rule, take).await
    }

    async fn protected(&self, rule: &Rule) -> Result<Protected, IdentityError> {
        protected::protected(&self.http, rule).await
    }

    async fn look(
        &self,
        account: &AccountId,
        rule: &Rule,
        since: Option<DateTime<Utc>>,
    ) -> Result<FreshLook, IdentityError> {
        let Surroundings { is_privileged, groups } =
            protected::surroundings(&self.http, &self.role_groups, account).await?;
        let exempt_groups =
            rule.exempt_groups.iter().filter(|group| groups.contains(*group)).cloned().collect();
        let second_look = if rule.check_sign_in_log {
            log::look(&self.http, account, since).await?
        } else {
            SecondLook::NotAsked
        };
        // Last, so that it is as fresh as can be when the caller acts on it: this is the call that waits the longest.
        let account = self.read_user(account, Some(rule)).await?;
        Ok(FreshLook { account, admin_role: is_privileged, own_identity: false, exempt_groups, second_look })
    }

    async fn confirm(&self, account: &AccountId, rule: &Rule) -> Result<Account, IdentityError> {
        let mut account = self.read_user(account, Some(rule)).await?;
        if let Some(superior) = self.superior(&account).await? {
            account.manager = superior.display_name;
            account.manager_id = Some(superior.id);
        }
        Ok(account)
    }

    async fn read(&self, account: &AccountId) -> Result<Account, IdentityError> {
        self.read_user(account, None).await
    }

    async fn find(&self, who: &str, rule: &Rule) -> Result<Vec<Account>, IdentityError> {
        let who = who.trim();
        if who.is_empty() || who.len() > WHO_MAX {
            return Ok(Vec::new());
        }
        if checked_id(who).is_ok() {
            return match self.read_user(&AccountId(who.to_ascii_lowercase()), Some(rule)).await {
                Ok(account) => Ok(vec![account]),
                Err(IdentityError::NotFound(_)) => Ok(Vec::new()),
                Err(error) => Err(error),
            };
        }
        if !who.contains('@') {
            return self.few(&search::by_employee_number(who), rule).await;
        }
        let found = self.few(&search::by_address(who), rule).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        self.few(&search::by_other_address(who), rule).await
    }

    fn console_link(&self, account: &AccountId) -> Option<String> {
        checked_id(&account.0).ok()?;
        let console = self.http.places().console.as_str().trim_end_matches('/');
        let page = "#view/Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId";
        Some(format!("{console}/{page}/{account}"))
    }
}

#[async_trait]
impl ActivityLog for Entra {
    async fn second_look(&self, asked: &Looks) -> LogRead {
        log::look_for_all(&self.http, asked).await
    }

    async fn last_change(
        &self,
        account: &AccountId,
        since: DateTime<Utc>,
    ) -> Result<Option<StatusChange>, IdentityError> {
        checked_id(&account.0)?;
        let object_id = self.http.own_object().await?;
        let own = Own {
            client_id: &self.client_id,
            object_id: object_id.as_deref(),
            names_are_kept: &self.names_are_kept,
        };
        changes::latest(&self.http, account, since, &own).await
    }

    fn log_kept(&self) -> Duration {
        log::KEPT
    }

    fn evidence_lag(&self) -> Duration {
        EVIDENCE_LAG
    }

    fn dates_status_changes(&self) -> bool {
        false
    }
}

#[async_trait]
impl Lifecycle for Entra {
    async fn turn_to_change(&self) -> Result<(), IdentityError> {
        self.http.turn_to_change().await
    }

    async fn suspend(&self, account: &AccountId) -> Result<Reference, IdentityError> {
        self.set_enabled(account, false).await
    }

    async fn restore(&self, account: &AccountId) -> Result<Reference, IdentityError> {
        self.set_enabled(account, true).await
    }

    fn has_sessions(&self, account: &Account) -> bool {
        // Graph would say yes and do nothing.
        // https://learn.microsoft.com/graph/api/user-revokesigninsessions
        !account.is_of(&UserType::Guest)
    }

    async fn clear_sessions(&self, account: &AccountId) -> Result<Reference, IdentityError> {
        #[derive(Deserialize)]
        struct Done {
            value: bool,
        }
        let call_id = call_id::fresh(Deed::EndSessions, account);
        let url = self.http.url(&user_segments(account, &["revokeSignInSessions"])?, &[]);
        let (method, right) = (Method::POST, Right::EndSessions);
        let change = Change { method, url: &url, right, body: None, call_id: &call_id };
        let done: Done = self.http.change(change).await?.json("the end of sessions")?;
        if done.value {
            Ok(Some(call_id))
        } else {
            Err(IdentityError::Transient("Entra ID did not end the sessions".into()))
        }
    }
}

#[async_trait]
impl Monitored for Entra {
    async fn reach(&self) -> Result<(), IdentityError> {
        let url = self.http.url(&["users"], &[("$top", "1"), ("$select", "id")]);
        self.http.get(Read { url: &url, right: Right::ReadUsers, advanced: false }).await?;
        Ok(())
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

impl IdentityProvider for Entra {
    fn terms(&self) -> Terms {
        TERMS
    }
}
