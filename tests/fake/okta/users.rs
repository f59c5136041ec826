//! `/api/v1/users` and below: listing and searching, reading, and the lifecycle calls
//! (<https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/>).

use axum::Json;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::access::Caller;
use super::directory::{Directory, User};
use super::log::Party;
use super::person::Status;
use super::query::Expression;
use super::wire::{ApiError, Params, Reply, linked, page};
use super::{Shared, groups};

/// Default and maximum.
const PAGE_MAX: usize = 200;
const Q_DEFAULT: usize = 10;

/// Which users a listing is of. DEPROVISIONED ones are in it unless the expression leaves them out; only `q`
/// never finds them.
enum Selection {
    All,
    Search(Expression),
    Filter(Expression),
    Prefix(String),
}

impl Selection {
    fn of(params: &Params) -> Result<Selection, ApiError> {
        match (params.get("search"), params.get("filter"), params.get("q")) {
            (None, None, None) => Ok(Selection::All),
            (Some(search), None, None) => Expression::parse(search, is_searchable)
                .map(Selection::Search)
                .map_err(|cause| ApiError::bad_search(&cause)),
            (None, Some(filter), None) => Expression::parse(filter, is_filterable)
                .map(Selection::Filter)
                .map_err(|cause| ApiError::bad_filter(&cause)),
            (None, None, Some(prefix)) => Ok(Selection::Prefix(prefix.to_lowercase())),
            _ => Err(ApiError::bad_search("search, filter and q can't be combined")),
        }
    }

    fn contains(&self, user: &User) -> bool {
        match self {
            Selection::All => true,
            Selection::Search(expression) => expression.matches(&|name, literal| {
                let value = attribute(user, name);
                match (value.as_str(), literal.as_str()) {
                    (Some(value), Some(literal)) => value.to_lowercase() == literal.to_lowercase(),
                    _ => value == *literal && !value.is_null(),
                }
            }),
            Selection::Filter(expression) => {
                expression.matches(&|name, literal| attribute(user, name) == *literal)
            }
            Selection::Prefix(prefix) => {
                let starts = |name: &str| {
                    user.text(name).is_some_and(|text| text.to_lowercase().starts_with(prefix.as_str()))
                };
                user.status != Status::Deprovisioned
                    && ["firstName", "lastName", "email"].into_iter().any(starts)
            }
        }
    }
}

/// `lastLogin` is missing on purpose: Okta can't search it.
fn is_searchable(name: &str) -> bool {
    matches!(name, "id" | "status" | "type.id")
        || name.strip_prefix("profile.").is_some_and(|attribute| !attribute.is_empty())
}

fn is_filterable(name: &str) -> bool {
    let profile = ["profile.login", "profile.email", "profile.firstName", "profile.lastName"];
    matches!(name, "id" | "status") || profile.contains(&name)
}

fn attribute(user: &User, name: &str) -> Value {
    match name {
        "id" => json!(user.id),
        "status" => json!(user.status),
        "type.id" => json!(user.type_id),
        _ => {
            let profile = name.strip_prefix("profile.").and_then(|attribute| user.profile.get(attribute));
            profile.cloned().unwrap_or_default()
        }
    }
}

/// `GET /api/v1/users`
pub async fn list(State(world): State<Shared>, RawQuery(query): RawQuery) -> Reply {
    let params = Params::parse(query.as_deref());
    let selection = Selection::of(&params)?;
    match params.get("sortBy") {
        None => {}
        Some("id") if matches!(selection, Selection::Search(_)) => {}
        Some(_) => return Err(ApiError::bad_search("the fake sorts searches by id only")),
    }
    let default = if matches!(selection, Selection::Prefix(_)) { Q_DEFAULT } else { PAGE_MAX };
    let limit = params.limit(default, PAGE_MAX)?;
    let after = params.after("users")?;
    let state = world.lock();
    let limit = limit.min(state.directory.page_cap);
    let found = state.directory.listed().iter().filter(|(_, user)| selection.contains(user));
    let (users, next) = page(found.map(|(id, user)| (id.clone(), user)), after.as_deref(), limit);
    let endpoint = format!("{}/api/v1/users", world.base);
    let next = next
        .filter(|_| !matches!(selection, Selection::Prefix(_)))
        .map(|key| params.next_url(&endpoint, "users", &key));
    let users = users.into_iter().map(|user| user.json(&world.base)).collect();
    Ok(linked(users, &params.self_url(&endpoint), next.as_deref()))
}

/// `GET /api/v1/users/{id}`; `me` is the person whose API token it is.
pub async fn read(
    State(world): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Reply {
    let state = world.lock();
    let user = resolve(&state.directory, &caller, &id)?;
    Ok(Json(user.json(&world.base)).into_response())
}

fn resolve<'a>(directory: &'a Directory, caller: &Caller, id: &str) -> Result<&'a User, ApiError> {
    let found = match (id, caller) {
        ("me", Caller::Token { owner_id }) => directory.find(owner_id),
        ("me", Caller::Client { .. }) => None,
        _ => directory.find(id),
    };
    found.ok_or_else(|| ApiError::not_found(id, "User"))
}

/// `GET /api/v1/users/{id}/groups`
pub async fn group_list(
    State(world): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Reply {
    let state = world.lock();
    let user = resolve(&state.directory, &caller, &id)?;
    let groups = user.groups.iter().filter_map(|id| Some((id, state.directory.groups.get(id)?)));
    let groups: Vec<Value> = groups.map(|(id, name)| groups::json(id, name, &world.base)).collect();
    Ok(Json(groups).into_response())
}

/// `GET /api/v1/users/{id}/roles`
pub async fn role_list(
    State(world): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Reply {
    let state = world.lock();
    let user = resolve(&state.directory, &caller, &id)?;
    let roles = user.admin_roles.iter().map(|role| {
        json!({
            "id": format!("ra1{}", user.id.trim_start_matches("00u")),
            "label": role,
            "type": role,
            "status": "ACTIVE",
            "assignmentType": "USER",
        })
    });
    Ok(Json(roles.collect::<Vec<_>>()).into_response())
}

/// `POST /api/v1/users/{id}/lifecycle/suspend`: ACTIVE only.
pub async fn suspend(
    State(world): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Reply {
    let cause = "Cannot suspend a user that is not active";
    lifecycle(&world, &caller, &headers, &id, ("suspendUser", cause), Directory::suspend)
}

/// `POST /api/v1/users/{id}/lifecycle/unsuspend`: SUSPENDED only.
pub async fn unsuspend(
    State(world): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Reply {
    let cause = "Cannot unsuspend a user that is not suspended";
    lifecycle(&world, &caller, &headers, &id, ("unsuspendUser", cause), Directory::unsuspend)
}

type Change = fn(&mut Directory, &str, &Party, chrono::DateTime<chrono::Utc>) -> bool;

fn lifecycle(
    world: &Shared,
    caller: &Caller,
    headers: &HeaderMap,
    id: &str,
    (operation, cause): (&str, &str),
    change: Change,
) -> Reply {
    let mut state = world.lock();
    let id = resolve(&state.directory, caller, id)?.id.clone();
    let actor = caller.party(&state.directory);
    if !change(&mut state.directory, &id, &actor, world.clock.now()) {
        return Err(ApiError::validation(operation, cause));
    }
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    if let Some(event) = state.directory.log.last_mut() {
        event.agent = agent.map(str::to_owned);
    }
    Ok((StatusCode::OK, [(header::CONTENT_LENGTH, "0")]).into_response())
}

/// `DELETE /api/v1/users/{id}/sessions`
pub async fn clear_sessions(
    State(world): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Reply {
    let oauth_tokens = Params::parse(query.as_deref()).get("oauthTokens") == Some("true");
    let mut state = world.lock();
    let id = resolve(&state.directory, &caller, &id)?.id.clone();
    let actor = caller.party(&state.directory);
    let user = state.directory.must_find_mut(&id);
    user.sessions_cleared.push(oauth_tokens);
    let target = user.party();
    state.directory.record(world.clock.now(), "user.session.clear", &actor, "SUCCESS", Some(target));
    Ok(StatusCode::NO_CONTENT.into_response())
}
