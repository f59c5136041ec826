//! Okta's way of saying things over HTTP: errors, `Link` headers, cursors, timestamps, query parameters.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::super::wire::{header_value, random_text, status_code};

pub type Reply = Result<Response, ApiError>;

/// An answer that is not 2xx.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    body: Value,
    headers: Vec<(HeaderName, String)>,
}

impl ApiError {
    /// An error of the management API (<https://developer.okta.com/docs/reference/error-codes/>).
    pub fn okta(status: u16, code: &str, summary: &str, cause: Option<&str>) -> Self {
        let causes: Vec<Value> = cause.iter().map(|cause| json!({ "errorSummary": cause })).collect();
        let body = json!({
            "errorCode": code,
            "errorSummary": summary,
            "errorLink": code,
            "errorId": format!("oae{}", random_text(20)),
            "errorCauses": causes,
        });
        ApiError { status: status_code(status), body, headers: Vec::new() }
    }

    /// An error of the OAuth endpoint.
    pub fn oauth(status: u16, error: &str, description: &str) -> Self {
        let body = json!({ "error": error, "error_description": description });
        ApiError { status: status_code(status), body, headers: Vec::new() }
    }

    pub fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn not_found(what: &str, kind: &str) -> Self {
        Self::okta(404, "E0000007", &format!("Not found: Resource not found: {what} ({kind})"), None)
    }

    pub fn no_permission() -> Self {
        let summary = "You do not have permission to perform the requested action";
        Self::okta(403, "E0000006", summary, None)
    }

    pub fn invalid_token() -> Self {
        Self::okta(401, "E0000011", "Invalid token provided", None)
    }

    pub fn validation(field: &str, cause: &str) -> Self {
        Self::okta(400, "E0000001", &format!("Api validation failed: {field}"), Some(cause))
    }

    pub fn bad_search(cause: &str) -> Self {
        Self::okta(400, "E0000031", "Invalid search criteria.", Some(cause))
    }

    pub fn bad_filter(cause: &str) -> Self {
        Self::okta(400, "E0000053", &format!("Invalid filter '{cause}'"), Some(cause))
    }

    pub fn rate_limited() -> Self {
        Self::okta(429, "E0000047", "API call exceeded rate limit due to too many requests.", None)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        for (name, value) in self.headers {
            response.headers_mut().append(name, header_value(&value));
        }
        response
    }
}

/// `YYYY-MM-DDTHH:mm:ss.SSSZ`, as in every Okta object.
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Query parameters, decoded.
pub struct Params(Vec<(String, String)>);

impl Params {
    pub fn parse(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Params(pairs.into_owned().collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A page size between 1 and `max`. The real Okta may cut a larger one silently; the fake refuses it, so
    /// that a caller can't take a cut page for the last one.
    pub fn limit(&self, default: usize, max: usize) -> Result<usize, ApiError> {
        match self.get("limit").map(str::parse) {
            None => Ok(default),
            Some(Ok(limit)) if (1..=max).contains(&limit) => Ok(limit),
            Some(_) => Err(ApiError::validation("limit", &format!("limit: must be from 1 to {max}"))),
        }
    }

    /// Where this page starts: the last key of the page before, out of an opaque cursor of this `kind`.
    pub fn after(&self, kind: &str) -> Result<Option<String>, ApiError> {
        let Some(cursor) = self.get("after") else { return Ok(None) };
        let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let key = text.as_deref().and_then(|text| text.strip_prefix(kind)).and_then(|k| k.strip_prefix('|'));
        key.map(|key| Some(key.to_owned())).ok_or_else(|| ApiError::bad_search("invalid cursor"))
    }

    /// The same query, at another cursor.
    fn with_after(&self, cursor: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(cursor) = cursor {
            query.append_pair("after", cursor);
        }
        query.extend_pairs(self.0.iter().filter(|(key, _)| key != "after"));
        query.finish()
    }

    /// The absolute address of the page that begins behind `key`.
    pub fn next_url(&self, endpoint: &str, kind: &str, key: &str) -> String {
        let cursor = URL_SAFE_NO_PAD.encode(format!("{kind}|{key}"));
        format!("{endpoint}?{}", self.with_after(Some(&cursor)))
    }

    /// The absolute address of this page.
    pub fn self_url(&self, endpoint: &str) -> String {
        let query = self.with_after(self.get("after"));
        if query.is_empty() { endpoint.to_owned() } else { format!("{endpoint}?{query}") }
    }
}

/// Keyed items in order: those behind `after`, at most `limit`, and the key to go on behind if there are more.
pub fn page<T>(
    items: impl IntoIterator<Item = (String, T)>,
    after: Option<&str>,
    limit: usize,
) -> (Vec<T>, Option<String>) {
    let mut rest = items.into_iter().skip_while(|(key, _)| after.is_some_and(|after| key.as_str() <= after));
    let mut last = None;
    let taken = rest.by_ref().take(limit).map(|(key, item)| {
        last = Some(key);
        item
    });
    let taken = taken.collect();
    (taken, rest.next().and(last))
}

/// A JSON array with its `Link` headers: two header lines, self first, as Okta sends them.
pub fn linked(items: Vec<Value>, self_url: &str, next_url: Option<&str>) -> Response {
    let mut headers = HeaderMap::new();
    headers.append(header::LINK, header_value(&format!("<{self_url}>; rel=\"self\"")));
    if let Some(next) = next_url {
        headers.append(header::LINK, header_value(&format!("<{next}>; rel=\"next\"")));
    }
    (headers, Json(Value::Array(items))).into_response()
}
