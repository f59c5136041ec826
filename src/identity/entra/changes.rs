//! The audit log's word on who last blocked or unblocked an account.
//!
//! A change by a call of ours is `Us`, one by a person an admin's, one by another app or a synchronisation an import.
//! What is none of these is `Unknown`: a wrong name would blame somebody.
//! See <https://learn.microsoft.com/graph/api/resources/directoryaudit>.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::domain::account::{AccountId, Changer, StatusChange};
use crate::identity::IdentityError;

use super::call_id::{self, Deed};
use super::errors::Right;
use super::http::{Answer, Http};
use super::paging::{Page, Pages};
use super::search;

/// How many entries a page has. Few things are done to a blocked account.
const PAGE: &str = "50";
/// How many pages of other changes of the account come before something is wrong.
const PAGES_MAX: u32 = 20;
/// The names of the property that blocks.
const PROPERTY: &str = "AccountEnabled";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    activity_display_name: String,
    activity_date_time: String,
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    correlation_id: Option<String>,
    #[serde(default)]
    initiated_by: Option<InitiatedBy>,
    #[serde(default)]
    target_resources: Vec<Target>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InitiatedBy {
    app: Option<Initiator>,
    user: Option<Person>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Initiator {
    app_id: Option<String>,
    display_name: Option<String>,
    service_principal_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Person {
    id: Option<String>,
    display_name: Option<String>,
    user_principal_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Target {
    id: Option<String>,
    modified_properties: Option<Vec<Modified>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Modified {
    display_name: Option<String>,
    new_value: Option<String>,
}

/// What the log may call the bot.
pub(super) struct Own<'a> {
    pub(super) client_id: &'a str,
    /// Its object in the tenant, as far as that is known.
    pub(super) object_id: Option<&'a str>,
    /// Whether the log was ever seen to call a change by the name that we gave it.
    pub(super) names_are_kept: &'a AtomicBool,
}

impl Entry {
    /// Returns what the entry did to the account, if it blocked or unblocked it with success. Which kind of entry
    /// there is for a change is not documented, so either will do.
    fn deed(&self, account: &AccountId) -> Option<Deed> {
        if self.result.as_deref() != Some("success") {
            return None;
        }
        let is_it =
            |target: &&Target| target.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(&account.0));
        let target = self.target_resources.iter().find(is_it)?;
        let is_property = |one: &&Modified| {
            one.display_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(PROPERTY))
        };
        let modified = target.modified_properties.iter().flatten().find(is_property);
        let enabled = match self.activity_display_name.as_str() {
            "Disable account" => false,
            "Enable account" => true,
            // JSON in a text: "[true]".
            _ => modified?.new_value.as_deref().and_then(value)?,
        };
        Some(if enabled { Deed::Unblock } else { Deed::Block })
    }

    fn has_our_name(&self, deed: Deed, account: &AccountId) -> bool {
        self.correlation_id.as_deref().is_some_and(|name| call_id::is_ours(name, deed, account))
    }

    fn by(&self, deed: Deed, account: &AccountId, own: &Own<'_>) -> Changer {
        if self.has_our_name(deed, account) {
            return Changer::Us;
        }
        let Some(InitiatedBy { app, user }) = &self.initiated_by else { return Changer::Unknown };
        if let Some(person) = user {
            return person.as_changer();
        }
        let Some(app) = app else { return Changer::Unknown };
        // Where our names are kept, what has another one was done by somebody else with our app.
        if app.is(own) && !own.names_are_kept.load(Ordering::Relaxed) {
            return Changer::Us;
        }
        let name = app.display_name.as_ref().filter(|name| !name.trim().is_empty());
        name.map_or(Changer::Unknown, |name| Changer::Import { source: name.clone() })
    }
}

fn value(text: &str) -> Option<bool> {
    match text.trim_matches(['[', ']', '"', ' ']).to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

impl Initiator {
    fn is(&self, own: &Own<'_>) -> bool {
        let same = |one: &Option<String>, other: Option<&str>| {
            one.as_deref().zip(other).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
        };
        same(&self.app_id, Some(own.client_id)) || same(&self.service_principal_id, own.object_id)
    }
}

impl Person {
    fn as_changer(&self) -> Changer {
        let known = |name: &&String| !name.trim().is_empty();
        let name =
            self.display_name.as_ref().filter(known).or(self.user_principal_name.as_ref().filter(known));
        let login = self.user_principal_name.as_deref().unwrap_or_default();
        match (name.or(self.id.as_ref()), &self.id) {
            (None, _) => Changer::Unknown,
            // What Entra Connect signs in as: no person decides it.
            (Some(name), _)
                if login.starts_with("Sync_") || login.starts_with("ADToAADSyncServiceAccount") =>
            {
                Changer::Import { source: name.clone() }
            }
            (Some(name), id) => Changer::Admin { name: name.clone(), id: id.clone() },
        }
    }
}

/// The latest change of whether the account may sign in.
pub(super) async fn latest(
    http: &Http,
    account: &AccountId,
    since: DateTime<Utc>,
    own: &Own<'_>,
) -> Result<Option<StatusChange>, IdentityError> {
    let filter = search::audits(account, since);
    let options = [("$filter", filter.as_str()), ("$orderby", "activityDateTime desc"), ("$top", PAGE)];
    let url = http.url(&["auditLogs", "directoryAudits"], &options);
    let mut pages = Pages::new(http, url, Right::ReadLog, false);
    let mut latest: Option<(Entry, Deed)> = None;
    while let Some(answer) = pages.next().await? {
        let (entries, next) = read(&answer, account)?;
        for (entry, deed) in entries {
            if entry.has_our_name(deed, account) && !own.names_are_kept.swap(true, Ordering::Relaxed) {
                tracing::info!("Entra ID's audit log keeps the names of our calls");
            }
            latest = latest.or(Some((entry, deed)));
        }
        // The entries come newest first. Below the latest change are only older ones.
        if latest.is_some() {
            break;
        }
        if pages.count() == PAGES_MAX && next.is_some() {
            return Err(malformed("Entra ID's audit log has too many other changes of this account"));
        }
        pages.follow(next.as_deref())?;
    }
    let Some((entry, deed)) = latest else { return Ok(None) };
    let by = entry.by(deed, account, own);
    Ok(Some(StatusChange { at: at(&entry)?, what: entry.activity_display_name, by }))
}

type Deeds = Vec<(Entry, Deed)>;

/// Returns the entries of a page that blocked or unblocked the account, newest first.
fn read(answer: &Answer, account: &AccountId) -> Result<(Deeds, Option<String>), IdentityError> {
    let page: Page<Entry> = answer.json("the audit log")?;
    let mut entries: Deeds =
        page.value.into_iter().filter_map(|entry| entry.deed(account).map(|deed| (entry, deed))).collect();
    for (entry, _) in &entries {
        at(entry)?;
    }
    // One that is not in order is no reason to blame the wrong one.
    entries.sort_by_key(|(entry, _)| std::cmp::Reverse(at(entry).ok()));
    Ok((entries, page.next))
}

fn at(entry: &Entry) -> Result<DateTime<Utc>, IdentityError> {
    DateTime::parse_from_rfc3339(&entry.activity_date_time)
        .map(|at| at.to_utc())
        .map_err(|_| malformed("an entry of Entra ID's audit log has no readable date"))
}

fn malformed(why: &str) -> IdentityError {
    IdentityError::Malformed(why.to_owned())
}
