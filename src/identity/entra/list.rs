//! The listing of a policy's accounts: whole, or an error.
//!
//! It is an advanced query, which is counted, and what came is compared with the count: an option that Graph ignores
//! in silence, or a page that got lost, makes an error of it and not a short list. Whether sign-in dates can be had
//! together with an advanced query is not documented. Where they can't, all accounts of the tenant are listed and the
//! policy's are picked out here. See <https://learn.microsoft.com/graph/api/user-list>.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};
use url::Url;

use crate::domain::account::Account;
use crate::domain::policy::Rule;
use crate::identity::{IdentityError, TakeAccount};

use super::Entra;
use super::errors::{EXPIRED_PAGE, Refusal, Right, UNSUPPORTED_QUERY};
use super::http::Read;
use super::paging::{Page, Pages};
use super::search;
use super::wire::User;

/// The most that Graph gives out at a time with sign-in dates; it cuts what is more in silence.
const PAGE: &str = "500";
/// How much shorter than its count a listing may be, as a part of it: accounts come and go meanwhile.
const MISSING_MAX: u64 = 100;

/// One listing, which may have to begin again.
struct Listing<'a> {
    rule: &'a Rule,
    filter: String,
    began: DateTime<Utc>,
    /// The ids that were handed on or left out.
    seen: HashSet<u128>,
    /// How many accounts there are, as the server says.
    count: Option<u64>,
    pages: u32,
}

impl Entra {
    /// Hands on all accounts of the rule's type. Returns how many pages there were.
    pub(super) async fn list_all(
        &self,
        rule: &Rule,
        take: &mut TakeAccount<'_>,
    ) -> Result<u32, IdentityError> {
        let mut listing = Listing {
            rule,
            filter: search::of_type(&rule.user_type)?,
            began: self.http.clock().now(),
            seen: HashSet::new(),
            count: None,
            pages: 0,
        };
        let mut begun_again = false;
        loop {
            let plain = self.lists_plainly.load(Ordering::Relaxed);
            let refusal = match self.walk(&mut listing, plain, take).await {
                Ok(()) => break,
                Err(refusal) => refusal,
            };
            if refusal.is(EXPIRED_PAGE) && !begun_again {
                begun_again = true;
                tracing::info!("a listing begins again: its next page has expired");
            } else if refusal.is(UNSUPPORTED_QUERY) && !plain && listing.pages == 0 {
                self.lists_plainly.store(true, Ordering::Relaxed);
                tracing::info!("Entra ID has no sign-in dates in advanced queries: all accounts are listed");
            } else {
                return Err(refusal.error);
            }
        }
        listing.is_whole()?;
        Ok(listing.pages)
    }

    async fn walk(
        &self,
        listing: &mut Listing<'_>,
        plain: bool,
        take: &mut TakeAccount<'_>,
    ) -> Result<(), Refusal> {
        let select = search::selection(Some(listing.rule), true)?;
        let mut options = vec![("$select", select.as_str()), ("$top", PAGE)];
        if plain {
            listing.count = Some(self.count(&listing.filter).await?);
        } else {
            options.extend([("$filter", listing.filter.as_str()), ("$count", "true")]);
        }
        let first = self.http.url(&["users"], &options);
        let mut pages = Pages::new(&self.http, first, Right::ReadSignInDates, !plain);
        let mut firsts = HashSet::new();
        while let Some(answer) = pages.next().await? {
            let page: Page<User<'_>> = answer.json("a page of users")?;
            listing.pages += 1;
            if pages.is_first() && !plain {
                listing.count = page.count;
            }
            let dates = self.dates.of(&self.http, &page.context, &page.value, listing.began).await?;
            let next = page.next;
            if let Some(first) = page.value.first()
                && !firsts.insert(number(first.id()?)?)
            {
                let why = "Entra ID sent the same page of users twice".to_owned();
                return Err(IdentityError::Malformed(why).into());
            }
            for user in page.value {
                let is_new = listing.seen.insert(number(user.id()?)?);
                let is_agent = user.is_agent();
                let account = user.into_account(Some(listing.rule), dates)?;
                if is_new {
                    listing.hand_on(account, is_agent, plain, take);
                }
            }
            pages.follow(next.as_deref())?;
        }
        Ok(())
    }

    /// How many accounts the filter finds.
    pub(super) async fn count(&self, filter: &str) -> Result<u64, Refusal> {
        let url: Url = self.http.url(&["users", "$count"], &[("$filter", filter)]);
        let answer = self.http.get(Read { url: &url, right: Right::ReadUsers, advanced: true }).await?;
        Ok(answer.json("the number of users")?)
    }
}

impl Listing<'_> {
    /// Hands an account on, if it is one of the policy's. Accounts of agents are no people's.
    fn hand_on(&mut self, account: Account, is_agent: bool, plain: bool, take: &mut TakeAccount<'_>) {
        let is_of_it = account.is_of(&self.rule.user_type);
        if plain && !is_of_it {
            // It is not counted either.
            if let Ok(number) = number(&account.id.0) {
                self.seen.remove(&number);
            }
            return;
        }
        if !is_agent {
            take(account);
        }
    }

    /// Compares what came with what the server counted.
    fn is_whole(&self) -> Result<(), IdentityError> {
        let Some(count) = self.count else {
            return Err(IdentityError::Malformed(
                "Entra ID did not count the accounts, so it has ignored the query's parameters and nobody can tell \
                 whether all of them came"
                    .into(),
            ));
        };
        let came = u64::try_from(self.seen.len()).unwrap_or(u64::MAX);
        if came + count / MISSING_MAX < count {
            return Err(IdentityError::Malformed(format!(
                "Entra ID counted {count} accounts and listed {came} of them"
            )));
        }
        Ok(())
    }
}

/// An id as a number: it takes less room.
fn number(id: &str) -> Result<u128, IdentityError> {
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    u128::from_str_radix(&digits, 16)
        .map_err(|_| IdentityError::Malformed("Entra ID sent an account whose id is none".into()))
}
