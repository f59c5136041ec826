//! The proof that an absent sign-in date means "never".
//!
//! A tenant without the licence may leave the dates out of an answer that claims to have them. So somebody has to
//! have one: on the same page, in an answer of a moment ago, or else among the first accounts of the tenant.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};

use crate::identity::IdentityError;

use super::errors::Right;
use super::http::{Http, Read};
use super::paging::Page;
use super::wire::{Dates, User, selects_dates};

/// So long an answer speaks for others: a licence may end.
const FRESH: Duration = Duration::hours(1);
/// How many accounts of the tenant are looked at, if it comes to that.
const LOOKED_AT: &str = "500";

/// What was seen of sign-in dates lately.
#[derive(Default)]
pub(super) struct DateProof(Mutex<Seen>);

#[derive(Clone, Copy, Default)]
struct Seen {
    /// When somebody had one.
    somebody: Option<DateTime<Utc>>,
    /// When the first accounts of the tenant had none.
    nobody: Option<DateTime<Utc>>,
}

impl DateProof {
    /// Says what an answer with these users proves. What was seen before `since` proves nothing.
    pub(super) async fn of(
        &self,
        http: &Http,
        context: &str,
        users: &[User<'_>],
        since: DateTime<Utc>,
    ) -> Result<Dates, IdentityError> {
        if !selects_dates(context) {
            return Ok(Dates::NotSelected);
        }
        let is_fresh = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at >= since);
        if users.iter().any(User::has_dates) {
            self.note(|seen| seen.somebody = Some(http.clock().now()));
            return Ok(Dates::Proven);
        }
        let seen = self.note(|_| ());
        if users.is_empty() || is_fresh(seen.somebody) {
            return Ok(Dates::Proven);
        }
        if is_fresh(seen.nobody) || !self.somebody_has_one(http).await? {
            return Ok(Dates::NobodyHasAny);
        }
        Ok(Dates::Proven)
    }

    /// As [`DateProof::of`], for the answer about one account.
    pub(super) async fn of_one(
        &self,
        http: &Http,
        context: &str,
        user: &User<'_>,
    ) -> Result<Dates, IdentityError> {
        self.of(http, context, std::slice::from_ref(user), http.clock().now() - FRESH).await
    }

    /// Looks at the first accounts of the tenant.
    pub(super) async fn somebody_has_one(&self, http: &Http) -> Result<bool, IdentityError> {
        let url = http.url(&["users"], &[("$select", "id,signInActivity"), ("$top", LOOKED_AT)]);
        let answer = http.get(Read { url: &url, right: Right::ReadSignInDates, advanced: false }).await?;
        let page: Page<User<'_>> = answer.json("a page of users")?;
        let found = selects_dates(&page.context) && page.value.iter().any(User::has_dates);
        let now = Some(http.clock().now());
        self.note(|seen| if found { seen.somebody = now } else { seen.nobody = now });
        Ok(found)
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) -> Seen {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut seen);
        *seen
    }
}
