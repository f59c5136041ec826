//! Groups, user types and the list of users with an admin role.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::Shared;
use super::directory::DEFAULT_TYPE_ID;
use super::wire::{ApiError, Params, Reply, linked, page};

pub fn json(id: &str, name: &str, base: &str) -> Value {
    json!({
        "id": id,
        "objectClass": ["okta:user_group"],
        "type": "OKTA_GROUP",
        "profile": { "name": name, "description": null },
        "_links": { "users": { "href": format!("{base}/api/v1/groups/{id}/users") } },
    })
}

/// `GET /api/v1/groups/{id}`
pub async fn read(State(world): State<Shared>, Path(id): Path<String>) -> Reply {
    let state = world.lock();
    let name = state.directory.groups.get(&id).ok_or_else(|| ApiError::not_found(&id, "UserGroup"))?;
    Ok(Json(json(&id, name, &world.base)).into_response())
}

/// `GET /api/v1/groups/{id}/users`
pub async fn users(State(world): State<Shared>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Reply {
    let params = Params::parse(query.as_deref());
    let limit = params.limit(1000, 1000)?;
    let after = params.after("group")?;
    let state = world.lock();
    if !state.directory.groups.contains_key(&id) {
        return Err(ApiError::not_found(&id, "UserGroup"));
    }
    let members = state.directory.users.values().filter(|user| user.groups.contains(&id));
    let (members, next) = page(members.map(|user| (user.id.clone(), user)), after.as_deref(), limit);
    let endpoint = format!("{}/api/v1/groups/{id}/users", world.base);
    let next = next.map(|key| params.next_url(&endpoint, "group", &key));
    let members = members.into_iter().map(|user| user.json(&world.base)).collect();
    Ok(linked(members, &params.self_url(&endpoint), next.as_deref()))
}

/// `GET /api/v1/iam/assignees/users`: its pages are linked in the body, not in headers.
pub async fn admin_list(State(world): State<Shared>, RawQuery(query): RawQuery) -> Reply {
    let params = Params::parse(query.as_deref());
    let limit = params.limit(100, 100)?;
    let after = params.after("iam")?;
    let state = world.lock();
    let admins = state.directory.users.values().filter(|user| !user.admin_roles.is_empty());
    let (admins, next) = page(admins.map(|user| (user.id.clone(), &user.id)), after.as_deref(), limit);
    let value = admins
        .into_iter()
        .map(|id| json!({ "id": id, "orn": format!("orn:okta:directory:00o0000000000000fake:users:{id}") }));
    let endpoint = format!("{}/api/v1/iam/assignees/users", world.base);
    let mut links = json!({ "self": { "href": params.self_url(&endpoint) } });
    if let Some(key) = next {
        links["next"] = json!({ "href": params.next_url(&endpoint, "iam", &key) });
    }
    Ok(Json(json!({ "value": value.collect::<Vec<_>>(), "_links": links })).into_response())
}

/// `GET /api/v1/meta/types/user`: an array, without paging.
pub async fn user_types(State(world): State<Shared>) -> Reply {
    let state = world.lock();
    let types = state.directory.types.iter().map(
        |(id, name)| json!({ "id": id, "name": name, "displayName": name, "default": id == DEFAULT_TYPE_ID }),
    );
    Ok(Json(types.collect::<Vec<_>>()).into_response())
}
