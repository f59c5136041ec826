//! The tenant itself and the apps in it: `/organization` with the plans that were bought, `/servicePrincipals`.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::Shared;
use super::query::Asked;
use super::settings::Licence;
use super::wire::{GraphError, Reply};

/// Service plans by the licence that they come with.
const PLANS: [(Licence, &str); 2] = [
    (Licence::P1, "41781fb2-bc02-4b7c-bd55-b576c07bb09d"),
    (Licence::P2, "eec0eb4f-6444-4f95-aba0-50c24d67f998"),
];

/// `GET /organization`
pub async fn organization(State(world): State<Shared>, asked: Asked) -> Reply {
    let select = asked.query(&["$select"])?.selected("organization", true)?;
    let state = world.lock();
    let settings = &state.settings;
    let plans = PLANS.iter().filter(|(licence, _)| *licence <= settings.licence);
    let plans: Vec<Value> = plans
        .map(|(_, id)| {
            json!({
                "assignedDateTime": "2024-01-01T00:00:00Z",
                "capabilityStatus": "Enabled",
                "service": "AADPremiumService",
                "servicePlanId": id,
            })
        })
        .collect();
    let syncs = state.directory.users.values().any(|user| user.is("onPremisesSyncEnabled"));
    let mut tenant = json!({
        "id": settings.tenant_id,
        "displayName": "Example Corp",
        "tenantType": "AAD",
        "onPremisesSyncEnabled": if syncs { json!(true) } else { Value::Null },
        "verifiedDomains": [{
            "capabilities": "Email", "isDefault": true, "isInitial": false, "name": settings.domain, "type": "Managed",
        }],
        "assignedPlans": plans,
    });
    let mut context = format!("{}/v1.0/$metadata#organization", world.base);
    if let Some(select) = select {
        tenant.as_object_mut().expect("it is an object").retain(|name, _| select.contains(name));
        context = format!("{context}({})", select.join(","));
    }
    Ok(Json(json!({ "@odata.context": context, "value": [tenant] })).into_response())
}

/// `GET /servicePrincipals/{id}`, by object id
pub async fn service_principal(State(world): State<Shared>, Path(id): Path<String>, asked: Asked) -> Reply {
    asked.query(&[])?;
    let state = world.lock();
    let found = state.access.apps.iter().find(|(_, app)| app.object_id == id);
    let (app_id, app) = found.ok_or_else(|| GraphError::not_found(&id))?;
    let context = format!("{}/v1.0/$metadata#servicePrincipals/$entity", world.base);
    let json = json!({
        "@odata.context": context,
        "id": id,
        "appId": app_id,
        "displayName": app.name,
        "accountEnabled": app.enabled,
        "servicePrincipalType": "Application",
    });
    Ok(Json(json).into_response())
}
