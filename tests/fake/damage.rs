//! What a fault does to an answer on its way, or to a request before it is served.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, Uri, header, response::Parts};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::connection::Connection;

/// A body that drips comes in so many pieces.
const PIECES: usize = 8;

async fn apart(response: Response) -> (Parts, Bytes) {
    let (parts, body) = response.into_parts();
    (parts, to_bytes(body, usize::MAX).await.expect("the fake's bodies are in memory"))
}

/// Sends half of the body under the whole one's length, then breaks the connection; a response without a body is lost
/// whole.
pub async fn cut(response: Response, connection: &Connection, breaks: fn(&Connection)) -> Response {
    let (mut parts, bytes) = apart(response).await;
    if bytes.is_empty() {
        breaks(connection);
        return Response::default();
    }
    parts.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
    let half = bytes.slice(..bytes.len() / 2);
    let connection = connection.clone();
    let pieces = stream::unfold(Some(half), move |half| {
        let connection = connection.clone();
        async move {
            if let Some(half) = half {
                return Some((Ok(half), None));
            }
            // The half is to leave before the connection goes.
            tokio::task::yield_now().await;
            breaks(&connection);
            Some((Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)), None))
        }
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

/// Sends the body whole, in pieces, over so long. A response without a body is as late as that.
pub async fn drip(response: Response, over: Duration) -> Response {
    let (mut parts, bytes) = apart(response).await;
    if bytes.is_empty() {
        tokio::time::sleep(over).await;
        return Response::from_parts(parts, Body::empty());
    }
    parts.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
    let size = bytes.len().div_ceil(PIECES);
    let pause = over / u32::try_from(PIECES).expect("few");
    let pieces: Vec<Bytes> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
    let pieces = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, std::io::Error>(piece)
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

/// Sends half of the body as if it were all.
pub async fn halve(response: Response) -> Response {
    let (mut parts, bytes) = apart(response).await;
    let half = bytes.slice(..bytes.len() / 2);
    parts.headers.insert(header::CONTENT_LENGTH, half.len().into());
    Response::from_parts(parts, Body::from(half))
}

/// Sends as many bytes that are no JSON, though they begin like it.
pub async fn garble(response: Response) -> Response {
    let (parts, bytes) = apart(response).await;
    let garbled: Vec<u8> = bytes.iter().map(|byte| if *byte == b'"' { b'\'' } else { *byte }).collect();
    Response::from_parts(parts, Body::from(garbled))
}

/// The request as it was before anybody paged: without the parameter that names the page.
pub fn without_cursor(mut request: Request, cursor: &str) -> Request {
    let pairs = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.filter(|(name, _)| name != cursor));
    let target = format!("{}?{}", request.uri().path(), query.finish());
    *request.uri_mut() = target.parse::<Uri>().expect("a part of a query is one");
    request
}

/// What a gateway says to too many calls.
pub fn bare_rate_limit(retry_after_s: Option<u64>) -> Response {
    let body = Json(json!({ "message": "too many requests" }));
    let mut response = (StatusCode::TOO_MANY_REQUESTS, body).into_response();
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
