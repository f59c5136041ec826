//! What every provider says alike over HTTP.

use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use chrono::{DateTime, Utc};

/// What a gateway in front of a provider answers.
pub fn gateway_page(status: u16) -> Response {
    let page = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>");
    (status_code(status), Html(page)).into_response()
}

pub fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("the fakes and their tests use valid HTTP statuses")
}

pub fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("the fakes write printable header values")
}

/// As in a `Date` header.
pub fn http_date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

pub fn random_text(length: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(length).collect()
}
