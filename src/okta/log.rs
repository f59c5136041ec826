//! The System Log's word on who signed in: a second opinion, since the last sign-in misses people who reuse a session
//! or go straight to an app.
//!
//! All queries are bounded by `since` and `until`; without `until` their pages never end. `user.authentication.sso`
//! is logged for failures too, hence the outcome. A query that fails is the account's error, never idleness.
//! See <https://developer.okta.com/docs/reference/system-log-query/>.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use url::Url;

use super::errors::Right;
use super::http::{Answer, Http};
use super::paging::{self, Then};
use super::search::quoted;
use crate::domain::account::AccountId;
use crate::domain::assess::SecondLook;
use crate::identity::{IdentityError, SecondLooks};

/// Okta keeps the log for 90 days and answers with nothing beyond that.
const KEPT: Duration = Duration::days(90);
/// Above this many accounts one sweep of the whole log is cheaper than a query for each.
const SINGLES_MAX: usize = 100;
/// A sweep of 1000 events a page stops here, and the accounts that it did not see are asked about one by one.
const SWEEP_PAGES_MAX: u32 = 50;
/// Queries in flight; the log's bucket is small.
const AT_ONCE: usize = 4;

const SIGN_INS: &str = r#"outcome.result eq "SUCCESS" and (eventType eq "user.session.start" or eventType eq "user.authentication.sso")"#;

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    actor: Option<Actor>,
    #[serde(default, rename = "eventType")]
    kind: String,
    published: String,
    #[serde(default)]
    outcome: Option<Outcome>,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(default)]
    id: Option<String>,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    result: Option<String>,
}

impl Event {
    /// Whose successful sign-in it is. The server filters; this makes sure that it did.
    fn sign_in_of(&self) -> Option<&str> {
        let done = self.outcome.as_ref()?.result.as_deref() == Some("SUCCESS");
        let wanted = matches!(self.kind.as_str(), "user.session.start" | "user.authentication.sso");
        self.actor.as_ref()?.id.as_deref().filter(|_| done && wanted)
    }

    fn at(&self) -> Result<DateTime<Utc>, IdentityError> {
        DateTime::parse_from_rfc3339(&self.published).map(|at| at.to_utc()).map_err(|_| {
            IdentityError::Malformed("an event of Okta's System Log has no readable date".into())
        })
    }
}

/// The stretch of the log that is asked about.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) since: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Span {
    pub(super) fn new(since: DateTime<Utc>, now: DateTime<Utc>) -> Span {
        // Sent in whole milliseconds: rounded up, so that an event of this very moment is inside.
        Span { since: since.max(now - KEPT).min(now), until: now + Duration::milliseconds(1) }
    }

    pub(super) fn url(self, http: &Http, filter: &str, limit: &str) -> Url {
        let mut url = http.url(&["logs"]);
        url.query_pairs_mut()
            .append_pair("since", &self.since.to_rfc3339_opts(SecondsFormat::Millis, true))
            .append_pair("until", &self.until.to_rfc3339_opts(SecondsFormat::Millis, true))
            .append_pair("filter", filter)
            .append_pair("sortOrder", "DESCENDING")
            .append_pair("limit", limit);
        url
    }
}

/// Looks for the latest successful sign-in of one account.
pub(super) async fn look(
    http: &Http,
    account: &AccountId,
    since: DateTime<Utc>,
) -> Result<SecondLook, IdentityError> {
    let span = Span::new(since, http.latest_now());
    let answer = http.get(&span.url(http, &sign_ins_of(account), "1"), Right::ReadLog).await?;
    let events = events(&answer)?;
    let Some(event) = events.first() else { return Ok(SecondLook::Nothing { since: span.since }) };
    if event.sign_in_of() != Some(account.0.as_str()) {
        return Err(IdentityError::Malformed("Okta's System Log answered with something else".into()));
    }
    Ok(SecondLook::Seen { at: event.at()? })
}

/// Looks for all of them, by single queries or by a sweep. Has an entry for each.
pub(super) async fn look_for_all(http: &Http, accounts: &[AccountId], since: DateTime<Utc>) -> SecondLooks {
    let mut looks = SecondLooks::new();
    if accounts.len() > SINGLES_MAX {
        match sweep(http, accounts, since, &mut looks).await {
            Ok(true) => return looks,
            Ok(false) => {}
            Err(error) => return fail_rest(accounts, &error, looks),
        }
    }
    let mut rest: Vec<AccountId> =
        accounts.iter().filter(|account| !looks.contains_key(*account)).cloned().collect();
    // The first one alone: if the right is missing, the others needn't find it out each for itself.
    let Some(first) = rest.pop() else { return looks };
    match look(http, &first, since).await {
        Err(error @ IdentityError::Denied(_)) => return fail_rest(accounts, &error, looks),
        result => looks.insert(first, result),
    };
    let mut queries = stream::iter(rest)
        .map(|account| async move { (look(http, &account, since).await, account) })
        .buffer_unordered(AT_ONCE);
    while let Some((result, account)) = queries.next().await {
        looks.insert(account, result);
    }
    looks
}

fn fail_rest(accounts: &[AccountId], error: &IdentityError, mut looks: SecondLooks) -> SecondLooks {
    for account in accounts {
        looks.entry(account.clone()).or_insert_with(|| Err(error.clone()));
    }
    looks
}

/// Reads everybody's sign-ins, newest first, until all were seen or the log ends. False if it was too long: then only
/// those that were seen have an entry.
async fn sweep(
    http: &Http,
    accounts: &[AccountId],
    since: DateTime<Utc>,
    looks: &mut SecondLooks,
) -> Result<bool, IdentityError> {
    let span = Span::new(since, http.latest_now());
    let mut unseen: std::collections::BTreeSet<AccountId> = accounts.iter().cloned().collect();
    let first = span.url(http, SIGN_INS, "1000");
    let walk = paging::walk(http, first, Right::ReadLog, SWEEP_PAGES_MAX, |answer| {
        for (actor, at) in sign_ins(answer)? {
            if let Some(account) = unseen.take(&actor) {
                looks.insert(account, Ok(SecondLook::Seen { at: at? }));
            }
        }
        Ok(if unseen.is_empty() { Then::Stop } else { Then::FollowLink(events(answer)?.len()) })
    })
    .await?;
    if !walk.cut {
        looks.extend(
            unseen.into_iter().map(|account| (account, Ok(SecondLook::Nothing { since: span.since }))),
        );
    }
    Ok(!walk.cut)
}

/// The filter for one account's successful sign-ins.
pub(super) fn sign_ins_of(account: &AccountId) -> String {
    format!("actor.id eq {} and {SIGN_INS}", quoted(&account.0))
}

/// A successful sign-in: whose, and when as far as that can be read.
pub(super) type SignIn = (AccountId, Result<DateTime<Utc>, IdentityError>);

/// The successful sign-ins of a page, in its order.
pub(super) fn sign_ins(answer: &Answer) -> Result<Vec<SignIn>, IdentityError> {
    let whose = |event: &Event| Some((AccountId(event.sign_in_of()?.to_owned()), event.at()));
    Ok(events(answer)?.iter().filter_map(whose).collect())
}

fn events(answer: &Answer) -> Result<Vec<Event>, IdentityError> {
    answer.json("the System Log")
}
