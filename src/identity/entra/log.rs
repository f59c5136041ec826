//! The sign-in log's word on who was there: what an account's own sign-in dates don't show yet, since those are up to
//! a day late. It has interactive and successful federated sign-ins only.
//! See <https://learn.microsoft.com/graph/api/signin-list>.

use chrono::{DateTime, Duration, Utc};
use futures_util::{StreamExt, stream};
use serde::Deserialize;

use crate::domain::account::AccountId;
use crate::domain::sighting::{SecondLook, Sighting, Sign, Way};
use crate::identity::{IdentityError, LogRead, Looks};

use super::errors::Right;
use super::http::{Http, Read};
use super::paging::Page;
use super::search;

/// How long the log is kept with a licence; without one nobody may read it.
pub(super) const KEPT: Duration = Duration::days(30);
/// An entry may reach the log so late. Each look goes that much further back than it is asked to.
const LATE: Duration = Duration::hours(2);
/// Queries in flight; they are limited to a few in any case.
const AT_ONCE: usize = 4;
/// What the kind of sign of life is called.
const EVENT: &str = "signIn";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    user_id: String,
    created_date_time: String,
    #[serde(default)]
    app_display_name: Option<String>,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    error_code: Option<i64>,
}

/// Looks for the latest sign-in of one account. `None`: as far back as the log is kept.
pub(super) async fn look(
    http: &Http,
    account: &AccountId,
    since: Option<DateTime<Utc>>,
) -> Result<SecondLook, IdentityError> {
    let now = http.clock().now();
    let oldest = now - KEPT;
    let since = since.unwrap_or(oldest).max(oldest).min(now);
    let filter = search::sign_ins(account, since - LATE);
    let url = http.url(&["auditLogs", "signIns"], &[("$filter", &filter), ("$top", "1")]);
    let answer = http.get(Read { url: &url, right: Right::ReadLog, advanced: false }).await?;
    let page: Page<Entry> = answer.json("the sign-in log")?;
    let Some(entry) = page.value.into_iter().next() else {
        // Nothing here, and more elsewhere: then nothing is known.
        return match page.next {
            None => Ok(SecondLook::Nothing { since }),
            Some(_) => Err(malformed("an empty page of Entra ID's sign-in log is not its last one")),
        };
    };
    if !entry.user_id.eq_ignore_ascii_case(&account.0) || entry.status.error_code != Some(0) {
        return Err(malformed("Entra ID's sign-in log answered with something else"));
    }
    let at = DateTime::parse_from_rfc3339(&entry.created_date_time)
        .map_err(|_| malformed("an entry of Entra ID's sign-in log has no readable date"))?
        .to_utc();
    let sign = Sign { way: Way::SignedIn, event: EVENT.to_owned(), app: entry.app_display_name };
    // It may be older than what was asked for, and then all since then was read.
    Ok(SecondLook::Seen(Sighting { at, sign: Some(sign), read_since: Some(since.min(at)) }))
}

fn malformed(why: &str) -> IdentityError {
    IdentityError::Malformed(why.to_owned())
}

/// Looks for all of them. Has an entry for each.
pub(super) async fn look_for_all(http: &Http, asked: &Looks) -> LogRead {
    let mut read = LogRead::default();
    let mut rest: Vec<(AccountId, Option<DateTime<Utc>>)> =
        asked.iter().map(|(account, since)| (account.clone(), *since)).collect();
    // The first one alone: if the permission or the licence is missing, the others needn't find it out each for
    // itself.
    let Some((first, since)) = rest.pop() else { return read };
    match look(http, &first, since).await {
        Err(error @ IdentityError::Denied(_)) => {
            read.looks = asked.keys().map(|account| (account.clone(), Err(error.clone()))).collect();
            return read;
        }
        result => read.looks.insert(first, result),
    };
    let mut queries = stream::iter(rest)
        .map(|(account, since)| async move { (look(http, &account, since).await, account) })
        .buffer_unordered(AT_ONCE);
    while let Some((result, account)) = queries.next().await {
        read.looks.insert(account, result);
    }
    drop(queries);
    read
}
