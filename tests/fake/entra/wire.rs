//! How Graph and the token endpoint say things over HTTP: errors, identifiers, timestamps.

use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::super::wire::status_code;

pub type Reply = Result<Response, GraphError>;

/// An answer of Graph that is not 2xx. What it says of the call itself is filled in on its way out.
#[derive(Clone, Debug)]
pub struct GraphError {
    pub status: u16,
    pub code: String,
    pub message: String,
}

impl GraphError {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        GraphError { status, code: code.to_owned(), message: message.into() }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "Request_BadRequest", message)
    }

    /// A query that `OData` itself refuses, before the directory sees it.
    pub fn odata(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub fn unsupported_query(message: impl Into<String>) -> Self {
        Self::new(400, "Request_UnsupportedQuery", message)
    }

    pub fn needs_advanced(what: &str) -> Self {
        Self::unsupported_query(format!(
            "{what} is not supported because the required parameters might be missing. Try adding $count=true query \
             parameter and ConsistencyLevel:eventual header."
        ))
    }

    pub fn expired_page() -> Self {
        Self::new(400, "Directory_ExpiredPageToken", "The specified page token value has expired.")
    }

    pub fn invalid_token(message: &str) -> Self {
        Self::new(401, "InvalidAuthenticationToken", message)
    }

    /// A missing permission, or a target that the caller's permissions don't reach.
    pub fn denied() -> Self {
        let message = "Insufficient privileges to complete the operation.";
        Self::new(403, "Authorization_RequestDenied", message)
    }

    pub fn restricted(code: &str) -> Self {
        let message = "Insufficient privileges to complete the operation. Target object is a member of a restricted \
                       management administrative unit and can only be modified by administrators scoped to that unit.";
        Self::new(403, code, message)
    }

    pub fn report_permission(permission: &str) -> Self {
        let message = format!(
            "The principal does not have required Microsoft Graph permission(s): {permission} to call this API."
        );
        Self::new(403, "Authentication_MSGraphPermissionMissing", message)
    }

    pub fn no_premium() -> Self {
        let message = "Neither tenant is B2C or tenant doesn't have premium license";
        Self::new(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", message)
    }

    pub fn not_found(what: &str) -> Self {
        let message = format!(
            "Resource '{what}' does not exist or one of its queried reference-property objects are not present."
        );
        Self::new(404, "Request_ResourceNotFound", message)
    }

    pub fn throttled() -> Self {
        Self::new(429, "TooManyRequests", "Too many requests.")
    }

    /// The body, once it is known what the call is called.
    pub fn body(&self, at: DateTime<Utc>, request_id: &str, client_request_id: &str) -> Value {
        json!({ "error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": at.format("%Y-%m-%dT%H:%M:%S").to_string(),
                "request-id": request_id,
                "client-request-id": client_request_id,
            },
        } })
    }
}

impl IntoResponse for GraphError {
    fn into_response(self) -> Response {
        let mut response = status_code(self.status).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// A refusal of the token endpoint
/// (<https://learn.microsoft.com/entra/identity-platform/reference-error-codes>).
#[derive(Debug)]
pub struct TokenError {
    pub status: u16,
    pub error: &'static str,
    /// `AADSTS` and this.
    pub number: u32,
    pub text: String,
}

impl TokenError {
    pub fn new(status: u16, error: &'static str, number: u32, text: impl Into<String>) -> Self {
        TokenError { status, error, number, text: text.into() }
    }

    pub fn response(&self, at: DateTime<Utc>) -> Response {
        let (trace, correlation) = (guid(), guid());
        let timestamp = at.format("%Y-%m-%d %H:%M:%SZ").to_string();
        let body = json!({
            "error": self.error,
            "error_description": format!(
                "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
                self.number, self.text
            ),
            "error_codes": [self.number],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.number),
        });
        (status_code(self.status), Json(body)).into_response()
    }
}

/// A random GUID of version 4.
pub fn guid() -> String {
    let random = fastrand::u128(..);
    let version = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let digits = format!("{version:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

pub fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// `YYYY-MM-DDTHH:mm:ssZ`, as in every object of the directory.
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
