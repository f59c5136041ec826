//! `/users` and below: listing and counting, reading, the PATCH of `accountEnabled`, sessions, managers and sponsors
//! (<https://learn.microsoft.com/graph/api/resources/user>).

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::access::Caller;
use super::audit::Initiator;
use super::directory::{Directory, User};
use super::filter::{Expression, Grammar, Rule};
use super::objects::{Lens, Mixed, Seen};
use super::pages::Frame;
use super::query::{Asked, Query};
use super::settings::{Licence, Settings};
use super::wire::{GraphError, Reply, is_guid};
use super::{Shared, State as Tenant};

/// What a filter may say (<https://learn.microsoft.com/graph/aad-advanced-queries>): by default, and with the
/// advanced parameters. `signInActivity` is missing on purpose: no other filter may stand beside it, and it leaves
/// out accounts that never signed in.
const RULES: &[Rule] = &[
    ("accountEnabled", "eq in", "ne"),
    ("companyName", "", "eq ne ge le in startsWith null"),
    ("createdDateTime", "eq ge le", "ne in"),
    ("creationType", "eq in", "ne"),
    ("department", "eq ge le in startsWith", "ne null"),
    ("displayName", "eq in startsWith", "ne null"),
    ("employeeId", "eq startsWith", "ne le null"),
    ("employeeType", "", "eq ne ge le in startsWith"),
    ("externalUserState", "eq", "ne in null"),
    ("id", "eq in", "ne"),
    ("mail", "eq ge le in startsWith", "ne endsWith"),
    ("onPremisesExtensionAttributes/extensionAttribute1", "", "eq ne in null"),
    ("onPremisesExtensionAttributes/extensionAttribute2", "", "eq ne in null"),
    ("onPremisesExtensionAttributes/extensionAttribute3", "", "eq ne in null"),
    ("onPremisesExtensionAttributes/extensionAttribute4", "", "eq ne in null"),
    ("onPremisesExtensionAttributes/extensionAttribute5", "", "eq ne in null"),
    ("onPremisesExtensionAttributes/extensionAttribute6", "", "eq ne in null"),
    ("onPremisesExtensionAttributes/extensionAttribute7", "", "eq ne in null"),
    ("onPremisesExtensionAttributes/extensionAttribute8", "", "eq ne in null"),
    ("onPremisesExtensionAttributes/extensionAttribute9", "", "eq ne in null"),
    ("onPremisesExtensionAttributes/extensionAttribute10", "", "eq ne in null"),
    ("onPremisesExtensionAttributes/extensionAttribute11", "", "eq ne in null"),
    ("onPremisesExtensionAttributes/extensionAttribute12", "", "eq ne in null"),
    ("onPremisesExtensionAttributes/extensionAttribute13", "", "eq ne in null"),
    ("onPremisesExtensionAttributes/extensionAttribute14", "", "eq ne in null"),
    ("onPremisesExtensionAttributes/extensionAttribute15", "", "eq ne in null"),
    ("onPremisesSyncEnabled", "eq in", "ne"),
    ("otherMails", "any eq startsWith", "endsWith"),
    ("proxyAddresses", "any eq startsWith", "endsWith"),
    ("userPrincipalName", "eq le in startsWith", "ne endsWith"),
    ("userType", "eq in", "ne null"),
];
const GRAMMAR: Grammar = Grammar { resource: "user", rules: RULES };

/// From where this read sees the tenant: with replicas that disagree, every second one from a day ago.
fn lens<'a>(settings: &'a Settings, reads: &mut usize, now: chrono::DateTime<chrono::Utc>) -> Lens<'a> {
    *reads += 1;
    Lens { settings, now, stale: settings.replicas_disagree && reads.is_multiple_of(2) }
}

/// Sign-in dates take a permission and a licence of their own.
fn check_sign_in_dates(caller: &Caller, settings: &Settings) -> Result<(), GraphError> {
    if !caller.has("AuditLog.Read.All") {
        return Err(GraphError::report_permission("AuditLog.Read.All"));
    }
    if settings.licence == Licence::Free && !settings.silent_licence {
        return Err(GraphError::no_premium());
    }
    Ok(())
}

fn names_sign_ins(select: Option<&[String]>) -> bool {
    select.is_some_and(|names| names.iter().any(|name| name == "signInActivity"))
}

/// The selection for a related user. Sign-in dates are served for `/users` alone.
pub fn without_sign_ins(select: Option<&[String]>) -> Result<Option<&[String]>, GraphError> {
    if names_sign_ins(select) {
        return Err(GraphError::unsupported_query("signInActivity is not served here."));
    }
    Ok(select)
}

fn page_size(query: &Query, settings: &Settings, with_sign_ins: bool) -> Result<usize, GraphError> {
    let top = query.top(100, 999)?;
    if with_sign_ins && top > settings.sign_in_page {
        if settings.refuse_large_sign_in_pages {
            let message = format!("The page size {top} is not supported with signInActivity.");
            return Err(GraphError::bad_request(message));
        }
        return Ok(settings.sign_in_page);
    }
    Ok(top)
}

/// `GET /users`
pub async fn list(State(world): State<Shared>, asked: Asked) -> Reply {
    let now = world.now();
    let mut state = world.lock();
    let query = asked.query(&["$filter", "$select", "$top", "$count", "$skiptoken"])?;
    let select = query.selected("user", true)?;
    let select = select.as_deref();
    let with_sign_ins = names_sign_ins(select);
    if with_sign_ins {
        check_sign_in_dates(&asked.caller, &state.settings)?;
        if query.eventual && state.settings.sign_ins_refuse_advanced {
            return Err(GraphError::unsupported_query(
                "signInActivity can't be selected in an advanced query.",
            ));
        }
    }
    let limit = page_size(&query, &state.settings, with_sign_ins)?;
    let Tenant { directory, settings, pages, reads, .. } = &mut *state;
    let lens = lens(settings, reads, now);
    let page = pages.open(&query, &asked.path, settings, now)?;
    let filter = query.filter(&GRAMMAR, query.advanced())?;
    let from = page.after.clone().map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
    let users = directory.listed().range((from, std::ops::Bound::Unbounded));
    let users = users.filter(|(_, user)| is_in(filter.as_ref(), user, &lens));
    let counts = query.advanced() && page.is_first() && !settings.lost_count;
    let count = counts.then(|| users.clone().count());
    let context = format!("users{}", lens.projection(select));
    let frame = Frame { base: &world.base, context: &context, count };
    let keyed = users.map(|(id, user)| (id.clone(), user));
    Ok(pages.fill(&page, settings, limit, keyed, &frame, |user| lens.user(user, select)))
}

fn is_in(filter: Option<&Expression>, user: &User, lens: &Lens<'_>) -> bool {
    filter.is_none_or(|filter| filter.matches(&Seen(lens, user), lens.settings.case_sensitive))
}

/// `GET /users/$count`: plain text.
pub async fn count(State(world): State<Shared>, asked: Asked) -> Reply {
    let now = world.now();
    let mut state = world.lock();
    let query = asked.query(&["$filter"])?;
    if !query.eventual {
        return Err(GraphError::bad_request("$count is not currently supported."));
    }
    let filter = query.filter(&GRAMMAR, true)?;
    let Tenant { directory, settings, reads, .. } = &mut *state;
    let lens = lens(settings, reads, now);
    let count = directory.listed().values().filter(|user| is_in(filter.as_ref(), user, &lens)).count();
    Ok(([(header::CONTENT_TYPE, "text/plain")], count.to_string()).into_response())
}

fn found<'a>(directory: &'a Directory, id: &str) -> Result<&'a User, GraphError> {
    directory.find(id).ok_or_else(|| GraphError::not_found(id))
}

/// `GET /users/{id}`, by id or by user principal name; sign-in dates by id only.
pub async fn read(State(world): State<Shared>, Path(id): Path<String>, asked: Asked) -> Reply {
    let now = world.now();
    let mut state = world.lock();
    let query = asked.query(&["$select"])?;
    let select = query.selected("user", false)?;
    let select = select.as_deref();
    if names_sign_ins(select) {
        check_sign_in_dates(&asked.caller, &state.settings)?;
        if !is_guid(&id) {
            return Err(GraphError::bad_request(
                "Get By Key only supports UserId and the key has to be a valid Guid",
            ));
        }
    }
    let Tenant { directory, settings, reads, .. } = &mut *state;
    let lens = lens(settings, reads, now);
    let mut json = lens.user(found(directory, &id)?, select);
    let context = format!("{}/v1.0/$metadata#users{}/$entity", world.base, lens.projection(select));
    json["@odata.context"] = json!(context);
    Ok(Json(json).into_response())
}

/// The new value of a PATCH, which may change nothing else.
fn wanted(body: &Value) -> Result<bool, GraphError> {
    let properties = body.as_object().filter(|properties| !properties.is_empty());
    let properties = properties.ok_or_else(|| GraphError::bad_request("Empty Payload."))?;
    if properties.keys().any(|name| name != "accountEnabled") {
        return Err(GraphError::denied());
    }
    body["accountEnabled"].as_bool().ok_or_else(|| {
        GraphError::bad_request("Invalid value specified for property 'accountEnabled' of resource 'User'.")
    })
}

/// What an app that holds no directory role is not let change.
fn check_target(state: &Tenant, caller: &Caller, user: &User) -> Result<(), GraphError> {
    let has_role = state.directory.assignments.iter().any(|one| one.principal == caller.object_id);
    if user.is("isManagementRestricted") {
        return Err(GraphError::restricted(state.settings.restricted_code));
    }
    if state.directory.is_privileged(&user.id) && !has_role {
        return Err(GraphError::denied());
    }
    if user.mastered_elsewhere {
        return Err(GraphError::bad_request(
            "Unable to update the specified properties for objects that have originated within an external service.",
        ));
    }
    if user.is("onPremisesSyncEnabled") && state.settings.synced_refuse {
        return Err(GraphError::bad_request(
            "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects \
             currently undergoing migration.",
        ));
    }
    Ok(())
}

impl Caller {
    fn initiator(&self) -> Initiator {
        Initiator::App {
            app_id: self.app_id.clone(),
            object_id: self.object_id.clone(),
            name: self.name.clone(),
        }
    }
}

/// `PATCH /users/{id}`: `accountEnabled` only, by id only. To set what is set is no error and no change.
pub async fn patch(State(world): State<Shared>, Path(id): Path<String>, asked: Asked, body: Bytes) -> Reply {
    asked.query(&[])?;
    if !is_guid(&id) {
        return Err(GraphError::bad_request(
            "The fake changes users by id only: names are renamed and reused.",
        ));
    }
    let enabled = wanted(&asked.json(&body)?)?;
    let mut state = world.lock();
    let user = found(&state.directory, &id)?;
    check_target(&state, &asked.caller, user)?;
    let (by, correlation) = (asked.caller.initiator(), &asked.caller.correlation_id);
    let Tenant { directory, settings, .. } = &mut *state;
    directory.set_enabled(&id, enabled, &by, correlation, settings, world.now());
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /users/{id}/revokeSignInSessions`: true for guests too, whose sessions are at home and stay.
pub async fn revoke(State(world): State<Shared>, Path(id): Path<String>, asked: Asked) -> Reply {
    asked.query(&[])?;
    let now = world.now();
    let mut state = world.lock();
    let directory = &mut state.directory;
    let user = found(directory, &id)?.id.clone();
    let user = directory.users.get_mut(&user).expect("it was found a moment ago");
    if user.text("userType") != Some("Guest") {
        user.revocations.push(now);
        let (id, by) = (user.id.clone(), asked.caller.initiator());
        let activity = "Update StsRefreshTokenValidFrom Timestamp";
        directory.record(activity, &id, &by, &asked.caller.correlation_id, None, now);
    }
    let context = format!("{}/v1.0/$metadata#Edm.Boolean", world.base);
    Ok(Json(json!({ "@odata.context": context, "value": true })).into_response())
}

/// `GET /users/{id}/manager`: 404 if there is none.
pub async fn manager(State(world): State<Shared>, Path(id): Path<String>, asked: Asked) -> Reply {
    let query = asked.query(&["$select"])?;
    let select = query.selected("user", false)?;
    let select = without_sign_ins(select.as_deref())?;
    let state = world.lock();
    let manager = found(&state.directory, &id)?.manager.as_deref();
    let lens = Lens { settings: &state.settings, now: world.now(), stale: false };
    let projection = lens.projection(select);
    let mixed = Mixed { lens, directory: &state.directory, caller: &asked.caller, select };
    let manager = manager.and_then(|manager| mixed.object(manager));
    let mut json = manager.ok_or_else(|| GraphError::not_found("manager"))?;
    json["@odata.context"] =
        json!(format!("{}/v1.0/$metadata#directoryObjects{projection}/$entity", world.base));
    Ok(Json(json).into_response())
}
