//! Tries every right that the bot needs, as far as that can be known without changing anything.

use chrono::Duration;

use crate::clock::Clock;
use crate::domain::account::{Account, AccountId, UserType};
use crate::domain::plan::Guard;
use crate::domain::policy::Rule;
use crate::identity::{IdentityError, Probe};

use super::errors::Right;
use super::paging::{self, Then};
use super::wire::{Type, User};
use super::{Okta, log};

/// How many distinct user types a hint names.
const TYPES_SHOWN: usize = 10;
/// Administrator roles that include suspending users.
const MAY_SUSPEND: [&str; 3] = ["SUPER_ADMIN", "ORG_ADMIN", "USER_ADMIN"];

impl Okta {
    pub(super) async fn probe_all(&self, rules: &[&Rule]) -> Vec<Probe> {
        let mut probes = Vec::new();
        let signed_in = self.probe_credential().await;
        let works = signed_in.is_ok();
        add(&mut probes, "Okta credential", signed_in);
        if !works {
            return probes;
        }
        let admins = self.admins().await;
        let admins = admins.map(|admins| format!("{} accounts have an administrator role", admins.len()));
        add(&mut probes, "Okta: read administrator roles", admins);
        if rules.iter().any(|rule| rule.check_sign_in_log) {
            add(&mut probes, "Okta: read the System Log", self.probe_log().await);
        }
        for rule in rules {
            let what = format!("Okta: accounts of user type {:?}", rule.user_type.to_string());
            probes.push(Probe { what, result: self.probe_type(rule).await });
            for group in &rule.exempt_groups {
                let members = self.members(group).await;
                let members = members.map(|members| format!("{} members", members.len()));
                add(&mut probes, &format!("Okta: exempt group {group}"), members);
            }
        }
        probes.push(Probe { what: "Okta: suspend users".into(), result: self.probe_suspend().await });
        probes.push(Probe { what: "clock".into(), result: self.probe_clock() });
        probes
    }

    async fn probe_credential(&self) -> Result<String, IdentityError> {
        let kind = self.http.sign_in().await?;
        Ok(match self.own_id().await? {
            Some(own) => format!("{kind} of account {own}"),
            None => kind.to_owned(),
        })
    }

    /// After all the others, whose answers have said what time it is there.
    fn probe_clock(&self) -> Result<String, String> {
        let Some(ahead) = self.http.clock_ahead() else {
            return Ok("warning: Okta's answers don't say what time it is there, so nobody compares".into());
        };
        let seconds = ahead.num_seconds();
        let way = if seconds < 0 { "behind" } else { "ahead of" };
        let off = format!("{} s {way} Okta's", seconds.abs());
        if Guard::of_clock(Some(ahead)).is_none() {
            return Ok(if seconds == 0 { "agrees with Okta's".into() } else { off });
        }
        Err(format!(
            "{off}; set this machine's clock right and keep it so (with NTP): until then every sweep is refused"
        ))
    }

    async fn probe_log(&self) -> Result<String, IdentityError> {
        // Nobody has this id; the right to ask is all that matters.
        let nobody = AccountId("00u00000000000000000".into());
        let clock: &Clock = self.http.clock();
        log::look(&self.http, &nobody, Some(clock.now() - Duration::hours(1))).await?;
        Ok("readable".into())
    }

    /// Whether the user type exists. Zero accounts are what a misspelt one looks like.
    async fn probe_type(&self, rule: &Rule) -> Result<String, String> {
        if let UserType::TypeId(id) = &rule.user_type {
            let types = self.types().await.map_err(|error| error.to_string())?;
            if !types.iter().any(|known| known.id == *id) {
                let known: Vec<String> = types
                    .iter()
                    .take(TYPES_SHOWN)
                    .map(|known| format!("{} {}", known.id, quoted(&known.name)))
                    .collect();
                return Err(format!("the org has no such user type; it has {}", known.join(", ")));
            }
        }
        let expression = super::search::of_type(&rule.user_type).map_err(|error| error.to_string())?;
        match self.first_page(Some(&expression)).await.map_err(|error| error.to_string())?.len() {
            0 => Err(match &rule.user_type {
                UserType::Profile(_) => self.other_types().await,
                UserType::TypeId(_) | UserType::Guest => {
                    "the user type exists, but the bot can see no account of it".into()
                }
            }),
            1 => Ok("found".into()),
            count => Ok(format!("{count} on the first page")),
        }
    }

    async fn other_types(&self) -> String {
        let accounts = match self.first_page(None).await {
            Ok(accounts) => accounts,
            Err(error) => return format!("no account has it, and other accounts can't be read: {error}"),
        };
        let mut types: Vec<String> =
            accounts.iter().filter_map(|one| one.user_type.as_deref()).map(quoted).collect();
        types.sort();
        types.dedup();
        types.truncate(TYPES_SHOWN);
        if types.is_empty() {
            return "no account has it, and no account that the bot can see has a user type at all".into();
        }
        format!("no account has it; the first accounts of the org have {}", types.join(", "))
    }

    async fn first_page(&self, search: Option<&str>) -> Result<Vec<Account>, IdentityError> {
        let mut url = self.http.url(&["users"]);
        url.query_pairs_mut().append_pair("limit", super::PAGE);
        if let Some(search) = search {
            url.query_pairs_mut().append_pair("search", search);
        }
        let answer = self.http.get(&url, Right::ReadUsers).await?;
        let users: Vec<User> = answer.json("a page of users")?;
        users.into_iter().map(|user| user.into_account(None)).collect()
    }

    async fn types(&self) -> Result<Vec<Type>, IdentityError> {
        let mut types = Vec::new();
        let first = self.http.url(&["meta", "types", "user"]);
        paging::walk_all(&self.http, first, Right::ReadTypes, |answer| {
            let page = answer.json::<Vec<Type>>("the user types")?;
            let items = page.len();
            types.extend(page);
            Ok(Then::FollowLink(items))
        })
        .await?;
        Ok(types)
    }

    /// Only a suspension proves that suspending works; this says what speaks against it and what remains unknown.
    async fn probe_suspend(&self) -> Result<String, String> {
        const UNPROVEN: &str = "can't be proven without suspending somebody";
        if self.client_id.is_some() {
            let scope = Right::Suspend.scope();
            return if self.scopes.iter().any(|granted| granted == scope) {
                Ok(format!("the scope {scope} is granted; that the app's admin role allows it {UNPROVEN}"))
            } else {
                Err(format!("grant the service app the scope {scope} and list it in the configuration"))
            };
        }
        let own = self.own_id().await.map_err(|error| error.to_string())?;
        let Some(own) = own else { return Ok(UNPROVEN.into()) };
        let roles = self.roles_of(&own).await.map_err(|error| error.to_string())?;
        if roles.iter().any(|role| MAY_SUSPEND.contains(&role.kind.as_str())) {
            return Ok("the token's owner has a role that includes it".into());
        }
        if roles.iter().any(|role| role.kind == "CUSTOM" || role.kind.is_empty()) {
            return Ok(format!(
                "the token's owner has a custom role; that it includes suspending {UNPROVEN}"
            ));
        }
        Err("the token's owner has no role that includes suspending users: give it a custom role with \
             okta.users.lifecycle.suspend and okta.users.lifecycle.unsuspend, or the group administrator role"
            .into())
    }
}

/// Text from the directory, short and with nothing in it that a terminal would act on.
fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(60).collect::<String>())
}

fn add(probes: &mut Vec<Probe>, what: &str, result: Result<String, IdentityError>) {
    probes.push(Probe { what: what.to_owned(), result: result.map_err(|error| error.to_string()) });
}
