//! Entra's part of what happens to every call: who may call what, throttling, and what Graph adds to each response.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::super::control::Control;
use super::super::faults::Fault;
use super::super::pipeline::{Provider, Route};
use super::super::wire::{gateway_page, header_value};
use super::access::permit;
use super::limits::{Bucket, Limits, Throttled};
use super::wire::{GraphError, TokenError, guid, is_guid};
use super::{Shared, World, audit, groups, logs, oauth, roles, tenant, users};

const TOKEN_ENDPOINT: &str = "/{tenant}/oauth2/v2.0/token";
/// From this share of a window on Graph says how much of it is used.
const WARNS_FROM: f64 = 0.8;

/// Every endpoint that the fake serves.
pub fn router() -> Router<Shared> {
    let unknown = async || GraphError::odata("Resource not found for the segment.");
    let graph = Router::new()
        .route("/users", get(users::list))
        .route("/users/$count", get(users::count))
        .route("/users/{id}", get(users::read).patch(users::patch))
        .route("/users/{id}/revokeSignInSessions", post(users::revoke))
        .route("/users/{id}/manager", get(users::manager))
        .route("/users/{id}/sponsors", get(groups::sponsors))
        .route("/users/{id}/memberOf", get(groups::member_of))
        .route("/users/{id}/transitiveMemberOf", get(groups::transitive_member_of))
        .route("/users/{id}/transitiveMemberOf/microsoft.graph.group", get(groups::transitive_member_of))
        .route(
            "/users/{id}/transitiveMemberOf/microsoft.graph.directoryRole",
            get(groups::transitive_member_of),
        )
        .route("/users/{id}/checkMemberGroups", post(groups::check_member_groups))
        .route("/groups", get(groups::list))
        .route("/groups/{id}", get(groups::read))
        .route("/groups/{id}/owners", get(groups::owners))
        .route("/groups/{id}/members", get(groups::members))
        .route("/groups/{id}/members/microsoft.graph.user", get(groups::members))
        .route("/groups/{id}/transitiveMembers", get(groups::transitive_members))
        .route("/groups/{id}/transitiveMembers/microsoft.graph.user", get(groups::transitive_members))
        .route("/auditLogs/signIns", get(logs::sign_ins))
        .route("/auditLogs/directoryAudits", get(audit::list))
        .route("/roleManagement/directory/roleAssignments", get(roles::assignments))
        .route(
            "/roleManagement/directory/roleEligibilityScheduleInstances",
            get(roles::eligibility_instances),
        )
        .route("/roleManagement/directory/roleEligibilitySchedules", get(roles::eligibility_schedules))
        .route("/organization", get(tenant::organization))
        .route("/servicePrincipals/{id}", get(tenant::service_principal));
    Router::new()
        .nest("/v1.0", graph)
        .route(TOKEN_ENDPOINT, post(oauth::token))
        .fallback(unknown)
        .method_not_allowed_fallback(async || {
            let message = "Specified HTTP method is not allowed for the request target.";
            GraphError::new(405, "Request_BadRequest", message)
        })
}

/// What is known of a call before it is served, and what its count says.
pub struct Allowance {
    client_request_id: String,
    /// The header was there and is no GUID.
    is_misnamed: bool,
    units: u32,
    /// The fullest window, or the one that is full; unknown callers share one window.
    used: Result<f64, Throttled>,
}

/// Resource units (<https://learn.microsoft.com/graph/throttling-limits>).
fn units(template: &str, query: &str) -> u32 {
    let base: i32 = match template.trim_start_matches("/v1.0") {
        path if path.contains("/transitiveMembers") => 5,
        path if path.ends_with("/checkMemberGroups") => 4,
        path if path.contains("/members") => 3,
        "/users" => 2,
        path if path.contains("emberOf") => 2,
        _ => 1,
    };
    let pairs = || url::form_urlencoded::parse(query.as_bytes());
    let has = |wanted: &str| pairs().any(|(name, _)| name == wanted);
    let is_small =
        pairs().any(|(name, value)| name == "$top" && value.parse().is_ok_and(|top: u32| top < 20));
    let cost = base - i32::from(has("$select")) - i32::from(is_small) + i32::from(has("$expand"));
    cost.max(1).unsigned_abs()
}

/// The windows that a call counts in, with what it counts.
fn buckets(route: &Route, query: &str, units: u32) -> Vec<(Bucket, u32)> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let is_about_sign_ins = pairs.any(|(name, value)| {
        name == "$select" && value.split(',').any(|property| property == "signInActivity")
    });
    if route.template == TOKEN_ENDPOINT {
        return vec![(Bucket::Token, 1)];
    }
    if route.template.starts_with("/v1.0/auditLogs") {
        return vec![(Bucket::Reports, 1)];
    }
    let mut buckets = vec![(Bucket::Directory, units)];
    if is_about_sign_ins {
        buckets.extend([(Bucket::Reports, 1), (Bucket::SignInActivity, 1)]);
    }
    if route.method == "PATCH" || route.template.ends_with("/revokeSignInSessions") {
        buckets.push((Bucket::Writes, 1));
    }
    buckets
}

/// The fullest window; all of them count the call, whichever is full.
fn take(
    limits: &mut Limits,
    app: &str,
    buckets: &[(Bucket, u32)],
    now: chrono::DateTime<chrono::Utc>,
) -> Result<f64, Throttled> {
    let used: Vec<_> =
        buckets.iter().map(|(bucket, amount)| limits.take(app, *bucket, *amount, now)).collect();
    let longest = used.iter().filter_map(|used| used.err()).max_by_key(|throttled| throttled.retry_after_s);
    match longest {
        Some(throttled) => Err(throttled),
        None => Ok(used.iter().flatten().copied().fold(0.0, f64::max)),
    }
}

impl World {
    /// The 429 of Graph or of the token endpoint.
    fn throttled(&self, route: &Route) -> Response {
        if route.template == TOKEN_ENDPOINT {
            let text = "There are too many incoming requests.";
            return TokenError::new(429, "temporarily_unavailable", 90_055, text).response(self.now());
        }
        GraphError::throttled().into_response()
    }
}

impl Provider for World {
    const NAME: &'static str = "entra";
    const CURSOR: &'static str = "$skiptoken";
    type Allowance = Allowance;

    fn control(&self) -> &Control {
        &self.control
    }

    fn new_request_id() -> String {
        guid()
    }

    fn arrived(&self, route: &Route) {
        if route.method == "PATCH" && route.template == "/v1.0/users/{id}" {
            let id = route.path.rsplit('/').next().unwrap_or_default();
            if let Some(user) = self.lock().directory.users.get_mut(id) {
                user.patch_requests += 1;
            }
        }
    }

    fn count(&self, route: &Route, request: &Request) -> Allowance {
        let sent = request.headers().get("client-request-id").map(|id| id.to_str().unwrap_or_default());
        let query = request.uri().query().unwrap_or_default();
        let units = units(&route.template, query);
        let mut state = self.lock();
        let now = self.now();
        let caller = state.access.identify(request.headers(), now);
        let app = match &caller {
            Ok(caller) => caller.app_id.clone(),
            Err(_) if route.template == TOKEN_ENDPOINT => String::new(),
            Err(_) => "nobody".to_owned(),
        };
        let used = take(&mut state.limits, &app, &buckets(route, query, units), now);
        Allowance {
            client_request_id: sent.unwrap_or(&route.request_id).to_owned(),
            is_misnamed: sent.is_some_and(|id| !is_guid(id)),
            units,
            used,
        }
    }

    fn admit(
        &self,
        route: &Route,
        mut request: Request,
        allowance: &Allowance,
    ) -> Result<Request, Box<Response>> {
        let refuse = |error: GraphError| Box::new(error.into_response());
        let has_body = ["POST", "PATCH"].contains(&route.method.as_str());
        if has_body && !request.headers().contains_key(header::CONTENT_LENGTH) {
            return Err(Box::new(gateway_page(411)));
        }
        request.extensions_mut().insert(route.clone());
        if route.template == TOKEN_ENDPOINT {
            return if allowance.used.is_ok() { Ok(request) } else { Err(Box::new(self.throttled(route))) };
        }
        if allowance.is_misnamed {
            return Err(refuse(GraphError::bad_request("The fake takes a GUID as client-request-id.")));
        }
        let caller = self.lock().access.identify(request.headers(), self.now());
        let mut caller = caller.map_err(refuse)?;
        if allowance.used.is_err() {
            return Err(Box::new(self.throttled(route)));
        }
        permit(&caller, &route.method, &route.template).map_err(refuse)?;
        caller.correlation_id.clone_from(&allowance.client_request_id);
        request.extensions_mut().insert(caller);
        Ok(request)
    }

    fn refuse(&self, route: &Route, fault: &Fault, allowance: &mut Allowance) -> Response {
        match fault {
            Fault::Status(status, code) if route.template == TOKEN_ENDPOINT => {
                let error = if *status == 401 { "invalid_client" } else { "invalid_request" };
                let number = code.parse().expect("a fault of the token endpoint names an AADSTS number");
                TokenError::new(*status, error, number, "An error that was asked for.").response(self.now())
            }
            Fault::Status(status, code) => {
                GraphError::new(*status, code, "An error that was asked for.").into_response()
            }
            Fault::RateLimited { reset_in_s } => {
                allowance.used = Err(Throttled { bucket: Bucket::Directory, retry_after_s: *reset_in_s });
                self.throttled(route)
            }
            _ => {
                allowance.used = Ok(0.0);
                self.throttled(route)
            }
        }
    }

    async fn without_links(response: Response) -> Response {
        let (mut parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("the fake's bodies are in memory");
        let Ok(Value::Object(mut body)) = serde_json::from_slice(&bytes) else {
            return Response::from_parts(parts, Body::from(bytes));
        };
        body.remove("@odata.nextLink");
        parts.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(parts, Body::from(Value::Object(body).to_string()))
    }

    fn finish(&self, route: &Route, mut response: Response, allowance: Allowance) -> Response {
        let client_request_id = &allowance.client_request_id;
        if let Some(error) = response.extensions_mut().remove::<GraphError>() {
            let body = error.body(self.now(), &route.request_id, client_request_id).to_string();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, header_value("application/json"));
            headers.insert(header::CONTENT_LENGTH, body.len().into());
            *response.body_mut() = Body::from(body);
        }
        let is_throttled = response.status().as_u16() == 429;
        let headers = response.headers_mut();
        let mut set = |name: &'static str, value: &str| {
            headers.insert(HeaderName::from_static(name), header_value(value));
        };
        set("date", &self.control.date());
        if route.template == TOKEN_ENDPOINT {
            set("x-ms-request-id", &route.request_id);
        } else {
            set("request-id", &route.request_id);
            set("client-request-id", client_request_id);
            let server = json!({ "ServerInfo": { "DataCenter": "Fake", "Slice": "E", "Ring": "5" } });
            set("x-ms-ags-diagnostic", &server.to_string());
            set("x-ms-resource-unit", &allowance.units.to_string());
        }
        match allowance.used {
            Err(throttled) if is_throttled => {
                set("retry-after", &throttled.retry_after_s.to_string());
                set("x-ms-throttle-scope", "Tenant_Application/ReadWrite/fake");
                set("x-ms-throttle-information", &format!("{:?}LimitExceeded", throttled.bucket));
            }
            Ok(share) if share > WARNS_FROM => set("x-ms-throttle-limit-percentage", &format!("{share:.2}")),
            _ => {}
        }
        response
    }
}
