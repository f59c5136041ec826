//! What happens to every call, whichever the endpoint: it is recorded, passes the gate, fails if a fault waits
//! for it, is admitted or refused, counts against a rate limit, and is answered with Okta's headers.

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderName, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use chrono::Duration;

use super::access::Attempt;
use super::connection::Connection;
use super::faults::Fault;
use super::limits::{Allowance, Bucket};
use super::wire::{ApiError, gateway_page, header_value, random_text};
use super::{Call, Shared, damage, groups, log, oauth, users};

const TOKEN_ENDPOINT: &str = "/oauth2/v1/token";
const REQUEST_ID: &str = "x-okta-request-id";

/// Every endpoint that the fake serves.
pub fn router(world: Shared) -> Router {
    let pipeline = from_fn_with_state(Arc::clone(&world), pass);
    Router::new()
        .route("/api/v1/users", get(users::list))
        .route("/api/v1/users/{id}", get(users::read))
        .route("/api/v1/users/{id}/groups", get(users::group_list))
        .route("/api/v1/users/{id}/roles", get(users::role_list))
        .route("/api/v1/users/{id}/lifecycle/suspend", post(users::suspend))
        .route("/api/v1/users/{id}/lifecycle/unsuspend", post(users::unsuspend))
        .route("/api/v1/users/{id}/sessions", delete(users::clear_sessions))
        .route("/api/v1/groups/{id}", get(groups::read))
        .route("/api/v1/groups/{id}/users", get(groups::users))
        .route("/api/v1/iam/assignees/users", get(groups::admin_list))
        .route("/api/v1/meta/types/user", get(groups::user_types))
        .route("/api/v1/logs", get(log::list))
        .route(TOKEN_ENDPOINT, post(oauth::token))
        .fallback(async || ApiError::okta(404, "E0000022", "The endpoint does not exist", None))
        .method_not_allowed_fallback(async || {
            ApiError::okta(405, "E0000022", "The endpoint does not support the provided HTTP method", None)
        })
        .layer(pipeline)
        .with_state(world)
}

/// The facts about a call that the pipeline needs after the request is gone.
struct Route {
    method: String,
    path: String,
    template: String,
    /// What Okta calls the call.
    request_id: String,
}

impl Route {
    fn label(&self) -> String {
        format!("okta {} {}", self.method, self.template)
    }
}

async fn pass(
    State(world): State<Shared>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let template = matched.map_or_else(|| path.clone(), |matched| matched.as_str().to_owned());
    let method = request.method().to_string();
    let route = Route { method, path, template, request_id: random_text(26) };
    let fault = arrive(&world, &route, &request);
    let effect = answer(&world, &connection, &route, fault, request, next);
    let mut response = world.gate.pass(&route.label(), effect).await;
    if let Some(id) = response.headers_mut().get_mut(REQUEST_ID) {
        *id = header_value(&route.request_id);
    }
    world.changed();
    response
}

/// Records the call and finds the fault that waits for it.
fn arrive(world: &Shared, route: &Route, request: &Request) -> Option<Fault> {
    let pairs = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let query = pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let target = format!("{}?{query}", route.path);
    let user_agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let mut state = world.lock();
    state.calls.push(Call {
        method: route.method.clone(),
        path: route.path.clone(),
        query,
        user_agent: user_agent.map(str::to_owned),
        at: world.clock.now(),
        request_id: route.request_id.clone(),
    });
    if route.template == "/api/v1/users/{id}/lifecycle/suspend" {
        let id = route.path.split('/').nth(4).unwrap_or_default();
        if let Some(user) = state.directory.find_mut(id) {
            user.suspend_requests += 1;
        }
    }
    let fault = state.faults.take(&route.method, &target);
    drop(state);
    world.changed();
    fault
}

async fn answer(
    world: &Shared,
    connection: &Connection,
    route: &Route,
    fault: Option<Fault>,
    request: Request,
    next: Next,
) -> Response {
    let Some(fault) = fault else { return serve(world, route, request, next).await };
    match fault {
        Fault::Hang => std::future::pending().await,
        Fault::DropBefore => {
            connection.break_off();
            Response::default()
        }
        Fault::LostResponse => {
            serve(world, route, request, next).await;
            connection.break_off();
            Response::default()
        }
        Fault::BrokenBody => {
            damage::cut(serve(world, route, request, next).await, connection, Connection::break_off).await
        }
        Fault::Reset => {
            damage::cut(serve(world, route, request, next).await, connection, Connection::reset).await
        }
        Fault::Drip(over) => damage::drip(serve(world, route, request, next).await, over).await,
        Fault::CutJson => damage::halve(serve(world, route, request, next).await).await,
        Fault::Garbled => damage::garble(serve(world, route, request, next).await).await,
        Fault::NoLinks => {
            let mut response = serve(world, route, request, next).await;
            response.headers_mut().remove(axum::http::header::LINK);
            response
        }
        Fault::FirstPageAgain => serve(world, route, damage::without_cursor(request), next).await,
        Fault::Status(status, code) if route.template == TOKEN_ENDPOINT => refuse(
            world,
            route,
            ApiError::oauth(status, code, "An error that was asked for.").into_response(),
        ),
        Fault::Status(status, code) => {
            let summary = "An error that was asked for";
            refuse(world, route, ApiError::okta(status, code, summary, None).into_response())
        }
        Fault::Html(status) => refuse(world, route, gateway_page(status)),
        Fault::RateLimited { reset_in_s } => {
            let mut allowance = count(world, route);
            allowance.remaining = 0;
            allowance.reset = world.clock.now() + Duration::seconds(reset_in_s);
            finish(ApiError::rate_limited().into_response(), allowance, world)
        }
        Fault::BareRateLimit { retry_after_s } => damage::bare_rate_limit(retry_after_s),
        Fault::Concurrency => {
            let allowance = Allowance { limit: 0, remaining: 0, ..count(world, route) };
            finish(ApiError::rate_limited().into_response(), allowance, world)
        }
    }
}

fn count(world: &Shared, route: &Route) -> Allowance {
    world.lock().limits.take(Bucket::of(&route.template), world.clock.now())
}

fn refuse(world: &Shared, route: &Route, response: Response) -> Response {
    finish(response, count(world, route), world)
}

/// The call as it goes when no fault waits for it.
async fn serve(world: &Shared, route: &Route, request: Request, next: Next) -> Response {
    let allowance = count(world, route);
    let response = match admit(world, route, request, allowance) {
        Ok(request) => next.run(request).await,
        Err(refusal) => *refusal,
    };
    finish(response, allowance, world)
}

/// The request with its caller, or the response that refuses it.
fn admit(
    world: &Shared,
    route: &Route,
    mut request: Request,
    allowance: Allowance,
) -> Result<Request, Box<Response>> {
    if route.method == "POST" && !request.headers().contains_key(header::CONTENT_LENGTH) {
        return Err(Box::new(gateway_page(411)));
    }
    if !allowance.allowed {
        return Err(Box::new(ApiError::rate_limited().into_response()));
    }
    if route.template == TOKEN_ENDPOINT {
        return Ok(request);
    }
    let attempt = Attempt {
        method: &route.method,
        url: &format!("{}{}", world.base, route.path),
        template: &route.template,
        headers: request.headers(),
        now: world.clock.now(),
    };
    let caller = world.lock().access.admit(&attempt).map_err(|error| Box::new(error.into_response()))?;
    request.extensions_mut().insert(caller);
    Ok(request)
}

/// The headers that every response of Okta carries.
fn finish(mut response: Response, allowance: Allowance, world: &Shared) -> Response {
    let time = || world.clock.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let date = world.lock().date.clone().unwrap_or_else(time);
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: String| {
        headers.insert(HeaderName::from_static(name), header_value(&value));
    };
    set("x-rate-limit-limit", allowance.limit.to_string());
    set("x-rate-limit-remaining", allowance.remaining.to_string());
    set("x-rate-limit-reset", allowance.reset.timestamp().to_string());
    set(REQUEST_ID, random_text(26));
    set("date", date);
    response
}
