//! Okta's part of what happens to every call: who may call what, rate limits, and the headers of each response.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use chrono::Duration;

use super::super::control::Control;
use super::super::faults::Fault;
use super::super::pipeline::{Provider, Route};
use super::super::wire::{gateway_page, header_value, random_text};
use super::access::Attempt;
use super::limits::{Allowance, Bucket};
use super::wire::ApiError;
use super::{Shared, World, groups, log, oauth, users};

const TOKEN_ENDPOINT: &str = "/oauth2/v1/token";

/// Every endpoint that the fake serves.
pub fn router() -> Router<Shared> {
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
}

impl Provider for World {
    const NAME: &'static str = "okta";
    const CURSOR: &'static str = "after";
    type Allowance = Allowance;

    fn control(&self) -> &Control {
        &self.control
    }

    fn new_request_id() -> String {
        random_text(26)
    }

    fn arrived(&self, route: &Route) {
        if route.template == "/api/v1/users/{id}/lifecycle/suspend" {
            let id = route.path.split('/').nth(4).unwrap_or_default();
            if let Some(user) = self.lock().directory.find_mut(id) {
                user.suspend_requests += 1;
            }
        }
    }

    fn count(&self, route: &Route, _: &Request) -> Allowance {
        self.lock().limits.take(Bucket::of(&route.template), self.clock.now())
    }

    fn admit(
        &self,
        route: &Route,
        mut request: Request,
        allowance: &Allowance,
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
            url: &format!("{}{}", self.base, route.path),
            template: &route.template,
            headers: request.headers(),
            now: self.clock.now(),
        };
        let caller = self.lock().access.admit(&attempt).map_err(|error| Box::new(error.into_response()))?;
        request.extensions_mut().insert(caller);
        Ok(request)
    }

    fn refuse(&self, route: &Route, fault: &Fault, allowance: &mut Allowance) -> Response {
        match fault {
            Fault::Status(status, code) if route.template == TOKEN_ENDPOINT => {
                ApiError::oauth(*status, code, "An error that was asked for.").into_response()
            }
            Fault::Status(status, code) => {
                ApiError::okta(*status, code, "An error that was asked for", None).into_response()
            }
            Fault::RateLimited { reset_in_s } => {
                allowance.remaining = 0;
                allowance.reset = self.clock.now() + Duration::seconds(*reset_in_s);
                ApiError::rate_limited().into_response()
            }
            _ => {
                *allowance = Allowance { limit: 0, remaining: 0, ..*allowance };
                ApiError::rate_limited().into_response()
            }
        }
    }

    async fn without_links(mut response: Response) -> Response {
        response.headers_mut().remove(header::LINK);
        response
    }

    fn finish(&self, route: &Route, mut response: Response, allowance: Allowance) -> Response {
        let headers = response.headers_mut();
        let mut set = |name: &'static str, value: String| {
            headers.insert(HeaderName::from_static(name), header_value(&value));
        };
        set("x-rate-limit-limit", allowance.limit.to_string());
        set("x-rate-limit-remaining", allowance.remaining.to_string());
        set("x-rate-limit-reset", allowance.reset.timestamp().to_string());
        set("x-okta-request-id", route.request_id.clone());
        set("date", self.control.date());
        response
    }
}
