//! The System Log's word on who was there: a second opinion, since the last sign-in misses people who reuse a session
//! or go straight to an app. Which events count is in [`super::signs`].
//!
//! All queries are bounded by `since` and `until`; without `until` their pages never end. A query that fails is the
//! account's error, never idleness. See <https://developer.okta.com/docs/reference/system-log-query/>.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use futures_util::{StreamExt, stream};
use url::Url;

use crate::domain::account::AccountId;
use crate::domain::sighting::{SecondLook, Sighting};
use crate::identity::{IdentityError, LogRead, Looks};

use super::errors::Right;
use super::http::{Answer, Http};
use super::paging::{self, Then};
use super::signs::{self, Event};

/// Okta keeps the log for 90 days and answers with nothing beyond that.
pub(super) const KEPT: Duration = Duration::days(90);
/// Above this many accounts one sweep of the whole log is cheaper than a query for each.
const SINGLES_MAX: usize = 100;
/// A sweep of 1000 events a page stops here, and the accounts that it did not see are asked about one by one.
const SWEEP_PAGES_MAX: u32 = 50;
/// The first event about one account is nearly always its own sign of life; others may come before it.
const LOOK_PAGE: &str = "5";
/// How many pages of events about one account may be others' before something is wrong.
const LOOK_PAGES_MAX: u32 = 50;
/// Queries in flight; the log's bucket is small.
const AT_ONCE: usize = 4;

/// The stretch of the log that is asked about.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) since: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Span {
    /// Makes a look that begins at `since`. `None`: as far back as the log is kept.
    pub(super) fn new(since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Span {
        let oldest = now - KEPT;
        // Sent in whole milliseconds: rounded up, so that an event of this very moment is inside.
        Span { since: since.unwrap_or(oldest).max(oldest).min(now), until: now + Duration::milliseconds(1) }
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

/// Looks for the latest sign of life of one account.
pub(super) async fn look(
    http: &Http,
    account: &AccountId,
    since: Option<DateTime<Utc>>,
) -> Result<SecondLook, IdentityError> {
    let span = Span::new(since, http.latest_now());
    let mut seen = None;
    let first = span.url(http, &signs::of_one(account), LOOK_PAGE);
    let walk = paging::walk(http, first, Right::ReadLog, LOOK_PAGES_MAX, |answer| {
        let events = events(answer)?;
        for event in &events {
            if !event.answers_for(account) {
                return Err(IdentityError::Malformed(
                    "Okta's System Log answered with something else".into(),
                ));
            }
            if let Some((_, sign)) = event.sign().filter(|(whose, _)| whose == account) {
                seen = Some(Sighting { at: at(event)?, sign: Some(sign), read_since: Some(span.since) });
                return Ok(Then::Stop);
            }
        }
        Ok(Then::FollowLink(events.len()))
    })
    .await?;
    match seen {
        Some(sighting) => Ok(SecondLook::Seen(sighting)),
        None if walk.cut => Err(IdentityError::Malformed(
            "Okta's System Log has too many events about this account that others caused".into(),
        )),
        None => Ok(SecondLook::Nothing { since: span.since }),
    }
}

/// Looks for all of them, by single queries or by a sweep. Has an entry for each.
pub(super) async fn look_for_all(http: &Http, asked: &Looks) -> LogRead {
    let mut read = LogRead::default();
    if asked.len() > SINGLES_MAX
        && let Err(error) = sweep(http, asked, &mut read).await
    {
        return fail_rest(asked, &error, read);
    }
    let mut rest: Vec<(AccountId, Option<DateTime<Utc>>)> = asked
        .iter()
        .filter(|(account, _)| !read.looks.contains_key(*account))
        .map(|(account, since)| (account.clone(), *since))
        .collect();
    // The first one alone: if the right is missing, the others needn't find it out each for itself.
    let Some((first, since)) = rest.pop() else { return read };
    match look(http, &first, since).await {
        Err(error @ IdentityError::Denied(_)) => return fail_rest(asked, &error, read),
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

fn fail_rest(asked: &Looks, error: &IdentityError, mut read: LogRead) -> LogRead {
    for account in asked.keys() {
        read.looks.entry(account.clone()).or_insert_with(|| Err(error.clone()));
    }
    read
}

/// Reads everybody's signs of life, newest first, until each account was seen or read about as far back as it asked
/// for. A log that is too long leaves the others without an entry. The latest of everybody else is kept as well.
async fn sweep(http: &Http, asked: &Looks, read: &mut LogRead) -> Result<(), IdentityError> {
    let now = http.latest_now();
    let mut unseen: BTreeMap<&AccountId, DateTime<Utc>> =
        asked.iter().map(|(account, since)| (account, Span::new(*since, now).since)).collect();
    let Some(oldest) = unseen.values().min().copied() else { return Ok(()) };
    let first = Span::new(Some(oldest), now).url(http, &signs::of_all(), "1000");
    let walk = paging::walk(http, first, Right::ReadLog, SWEEP_PAGES_MAX, |answer| {
        let events = events(answer)?;
        let mut reached = None;
        for event in &events {
            let seen_at = at(event);
            reached = seen_at.as_ref().ok().copied().or(reached);
            let Some((account, sign)) = event.sign() else { continue };
            if let Some((account, since)) = unseen.remove_entry(&account) {
                let seen = |at: DateTime<Utc>| {
                    // It may be older than what was asked for, and then all since then was read.
                    Sighting { at, sign: Some(sign), read_since: Some(since.min(at)) }
                };
                let look = seen_at.map(|at| SecondLook::Seen(seen(at)));
                read.looks.insert(account.clone(), look);
            } else if !asked.contains_key(&account)
                && let Ok(at) = seen_at
            {
                let sighting = Sighting { at, sign: Some(sign), read_since: None };
                read.others.entry(account).or_insert(sighting);
            }
        }
        unseen.retain(|account, since| {
            let done = reached.is_some_and(|reached| reached < *since);
            if done {
                read.looks.insert((*account).clone(), Ok(SecondLook::Nothing { since: *since }));
            }
            !done
        });
        Ok(if unseen.is_empty() { Then::Stop } else { Then::FollowLink(events.len()) })
    })
    .await?;
    if !walk.cut {
        let nothing =
            |(account, since): (&AccountId, _)| (account.clone(), Ok(SecondLook::Nothing { since }));
        read.looks.extend(unseen.into_iter().map(nothing));
    }
    Ok(())
}

/// Returns the filter for one account's signs of life.
pub(super) fn sign_ins_of(account: &AccountId) -> String {
    signs::of_one(account)
}

/// A sign of life: whose, and when as far as that can be read.
pub(super) type SignIn = (AccountId, Result<DateTime<Utc>, IdentityError>);

/// Returns the signs of life on a page, in its order.
pub(super) fn sign_ins(answer: &Answer) -> Result<Vec<SignIn>, IdentityError> {
    let whose = |event: &Event| Some((event.sign()?.0, at(event)));
    Ok(events(answer)?.iter().filter_map(whose).collect())
}

fn events(answer: &Answer) -> Result<Vec<Event>, IdentityError> {
    answer.json("the System Log")
}

fn at(event: &Event) -> Result<DateTime<Utc>, IdentityError> {
    DateTime::parse_from_rfc3339(&event.published)
        .map(|at| at.to_utc())
        .map_err(|_| IdentityError::Malformed("an event of Okta's System Log has no readable date".into()))
}
