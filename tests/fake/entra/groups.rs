//! Groups, who is in them, and what a user is in (<https://learn.microsoft.com/graph/api/resources/group>).

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::filter::{Grammar, Rule, Subject};
use super::metadata::property;
use super::objects::{Lens, Mixed, group, group_facts};
use super::pages::Frame;
use super::query::{Asked, Query};
use super::users::without_sign_ins;
use super::wire::{GraphError, Reply, is_guid};
use super::{Shared, State as Tenant};

/// How many groups one question may be about.
const CHECK_MAX: usize = 20;

const RULES: &[Rule] = &[
    ("displayName", "eq in startsWith", "ne null"),
    ("id", "eq in", "ne"),
    ("isAssignableToRole", "eq", "ne"),
    ("mail", "eq startsWith", "ne endsWith"),
    ("securityEnabled", "eq", "ne"),
];
const GRAMMAR: Grammar = Grammar { resource: "group", rules: RULES };

/// `GET /groups`
pub async fn list(State(world): State<Shared>, asked: Asked) -> Reply {
    let now = world.now();
    let mut state = world.lock();
    let query = asked.query(&["$filter", "$select", "$top", "$count", "$skiptoken"])?;
    let select = query.selected("group", true)?;
    let Tenant { directory, settings, pages, .. } = &mut *state;
    let page = pages.open(&query, &asked.path, settings, now)?;
    let filter = query.filter(&GRAMMAR, query.advanced())?;
    let facts = directory.groups.iter().map(|(id, one)| (id, one, group_facts(id, one)));
    let matching = facts.filter(|(.., facts): &(_, _, Value)| {
        filter.as_ref().is_none_or(|filter| filter.matches(facts, settings.case_sensitive))
    });
    let matching: Vec<_> = matching.map(|(id, one, _)| (id.clone(), (id, one))).collect();
    let count = query.advanced().then_some(matching.len());
    let rest = matching.into_iter().filter(|(id, _)| page.after.as_ref().is_none_or(|after| id > after));
    let projection = select.as_ref().map(|names| format!("({})", names.join(","))).unwrap_or_default();
    let context = format!("groups{projection}");
    let frame = Frame { base: &world.base, context: &context, count };
    let json = |(id, one): (&String, _)| group(id, one, select.as_deref());
    Ok(pages.fill(&page, settings, query.top(100, 999)?, rest, &frame, json))
}

/// `GET /groups/{id}`
pub async fn read(State(world): State<Shared>, Path(id): Path<String>, asked: Asked) -> Reply {
    let query = asked.query(&["$select"])?;
    let select = query.selected("group", false)?;
    let state = world.lock();
    let found = state.directory.groups.get(&id).ok_or_else(|| GraphError::not_found(&id))?;
    let mut json = group(&id, found, select.as_deref());
    let projection = select.as_ref().map(|names| format!("({})", names.join(","))).unwrap_or_default();
    json["@odata.context"] = json!(format!("{}/v1.0/$metadata#groups{projection}/$entity", world.base));
    Ok(Json(json).into_response())
}

/// The type that the end of a path casts to, if it does.
fn cast(path: &str) -> Option<&str> {
    path.rsplit('/').next().and_then(|last| last.strip_prefix("microsoft.graph."))
}

/// What `$select` may name of objects of several types: whatever one of them has.
fn selected(query: &Query, cast: Option<&str>) -> Result<Option<Vec<String>>, GraphError> {
    if let Some(resource) = cast {
        return query.selected(resource, true);
    }
    let names = query.get("$select").map(|select| select.split(',').map(str::to_owned).collect::<Vec<_>>());
    let is_known = |name: &String| {
        ["user", "group", "directoryRole"].iter().any(|resource| property(resource, name).is_some())
    };
    if let Some(unknown) = names.iter().flatten().find(|name| !is_known(name)) {
        let message = format!("Could not find a property named '{unknown}'.");
        return Err(GraphError::odata(message));
    }
    Ok(names)
}

/// Answers with objects of several types, or of the one that the path casts to.
fn objects(
    world: &Shared,
    asked: &Asked,
    ids: impl FnOnce(&Tenant) -> Result<BTreeSet<String>, GraphError>,
) -> Reply {
    let now = world.now();
    let mut state = world.lock();
    let query = asked.query(&["$select", "$top", "$count", "$skiptoken"])?;
    let cast = cast(&asked.path);
    let select = selected(&query, cast)?;
    let select = without_sign_ins(select.as_deref())?;
    let ids = ids(&state)?;
    let Tenant { directory, settings, pages, .. } = &mut *state;
    let page = pages.open(&query, &asked.path, settings, now)?;
    if cast.is_some() && !query.advanced() {
        return Err(GraphError::needs_advanced("The cast"));
    }
    let lens = Lens { settings, now, stale: false };
    let collection = match cast {
        Some("user") => "users",
        Some("group") => "groups",
        Some("directoryRole") => "directoryRoles",
        _ => "directoryObjects",
    };
    let context = format!("{collection}{}", lens.projection(select));
    let mixed = Mixed { lens, directory, caller: &asked.caller, select };
    let is_it = |json: &Value| {
        let kind = json["@odata.type"].as_str().unwrap_or_default();
        cast.is_none_or(|cast| kind.strip_prefix("#microsoft.graph.") == Some(cast))
            || (cast == Some("user") && kind.ends_with(".agentUser"))
    };
    let objects = ids.into_iter().filter_map(|id| Some((mixed.object(&id)?, id)));
    let objects: Vec<_> = objects.filter(|(json, _)| is_it(json)).map(|(json, id)| (id, json)).collect();
    let count = query.advanced().then_some(objects.len());
    let rest = objects.into_iter().filter(|(id, _)| page.after.as_ref().is_none_or(|after| id > after));
    let frame = Frame { base: &world.base, context: &context, count };
    // A collection of one type names the type of those only that are of a type derived from it.
    let json = |mut json: Value| {
        if let Some(cast) = cast
            && json["@odata.type"].as_str().is_some_and(|kind| kind.ends_with(&format!(".{cast}")))
        {
            json.as_object_mut().expect("objects are objects").remove("@odata.type");
        }
        json
    };
    Ok(pages.fill(&page, settings, query.top(100, 999)?, rest, &frame, json))
}

/// The people and groups in a group, or nobody if who is in it is hidden from the caller.
fn members_of(
    state: &Tenant,
    asked: &Asked,
    id: &str,
    transitive: bool,
) -> Result<BTreeSet<String>, GraphError> {
    let group = state.directory.groups.get(id).ok_or_else(|| GraphError::not_found(id))?;
    if group.hidden && !asked.caller.has("Member.Read.Hidden") {
        return Ok(BTreeSet::new());
    }
    Ok(if transitive { state.directory.transitive_members(id) } else { group.members.clone() })
}

/// `GET /groups/{id}/members`, and the same cast to users
pub async fn members(State(world): State<Shared>, Path(id): Path<String>, asked: Asked) -> Reply {
    objects(&world, &asked, |state| members_of(state, &asked, &id, false))
}

/// `GET /groups/{id}/transitiveMembers`, and the same cast to users
pub async fn transitive_members(State(world): State<Shared>, Path(id): Path<String>, asked: Asked) -> Reply {
    objects(&world, &asked, |state| members_of(state, &asked, &id, true))
}

/// `GET /groups/{id}/owners`
pub async fn owners(State(world): State<Shared>, Path(id): Path<String>, asked: Asked) -> Reply {
    objects(&world, &asked, |state| {
        let group = state.directory.groups.get(&id).ok_or_else(|| GraphError::not_found(&id))?;
        Ok(group.owners.clone())
    })
}

/// The groups that a user is in, and the roles that they hold for the whole tenant.
fn holders(state: &Tenant, id: &str, transitive: bool) -> Result<BTreeSet<String>, GraphError> {
    let directory = &state.directory;
    let user = directory.find(id).ok_or_else(|| GraphError::not_found(id))?;
    let roles = directory.roles_of(&user.id).filter(|one| one.scope == "/");
    let roles = roles.filter(|one| transitive || one.principal == user.id);
    let roles = roles.map(|one| one.role.object().value("id").as_str().unwrap_or_default().to_owned());
    Ok(directory.groups_of(&user.id, transitive).into_iter().chain(roles).collect())
}

/// `GET /users/{id}/memberOf`
pub async fn member_of(State(world): State<Shared>, Path(id): Path<String>, asked: Asked) -> Reply {
    objects(&world, &asked, |state| holders(state, &id, false))
}

/// `GET /users/{id}/transitiveMemberOf`, and the same cast to groups or roles
pub async fn transitive_member_of(
    State(world): State<Shared>,
    Path(id): Path<String>,
    asked: Asked,
) -> Reply {
    objects(&world, &asked, |state| holders(state, &id, true))
}

/// `GET /users/{id}/sponsors`: the people to ask about a guest
pub async fn sponsors(State(world): State<Shared>, Path(id): Path<String>, asked: Asked) -> Reply {
    objects(&world, &asked, |state| {
        let user = state.directory.find(&id).ok_or_else(|| GraphError::not_found(&id))?;
        Ok(user.sponsors.iter().cloned().collect())
    })
}

/// `POST /users/{id}/checkMemberGroups`: those of the named groups that the user is in, through other groups too.
pub async fn check_member_groups(
    State(world): State<Shared>,
    Path(id): Path<String>,
    asked: Asked,
    body: Bytes,
) -> Reply {
    asked.query(&[])?;
    let body = asked.json(&body)?;
    let ids: Option<Vec<&str>> =
        body["groupIds"].as_array().map(|ids| ids.iter().filter_map(Value::as_str).collect());
    let ids = ids.filter(|ids| (1..=CHECK_MAX).contains(&ids.len()) && ids.iter().all(|id| is_guid(id)));
    let ids = ids
        .ok_or_else(|| GraphError::bad_request(format!("groupIds: 1 to {CHECK_MAX} ids are to be given.")))?;
    let state = world.lock();
    let user = state.directory.find(&id).ok_or_else(|| GraphError::not_found(&id))?;
    let groups = state.directory.groups_of(&user.id, true);
    let value: Vec<&str> = ids.into_iter().filter(|id| groups.contains(*id)).collect();
    let context = format!("{}/v1.0/$metadata#Collection(Edm.String)", world.base);
    Ok(Json(json!({ "@odata.context": context, "value": value })).into_response())
}
