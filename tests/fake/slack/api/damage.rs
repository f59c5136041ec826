//! What a fault does to a call and to its answer.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{StatusCode, header, response::Parts};
use axum::response::{Html, IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::super::faults::Fault;
use super::super::wire::Wire;
use super::{Refusal, response};

/// A body that drips comes in so many pieces.
const PIECES: usize = 8;

/// Runs `effect`, unless the fault says that nothing happens.
pub async fn with_fault(fault: Option<Fault>, wire: &Wire, effect: impl FnOnce() -> Response) -> Response {
    match fault {
        None => effect(),
        Some(Fault::Status(code)) => status(code).into_response(),
        Some(Fault::Html(code)) => {
            let page =
                format!("<html><head><title>{code}</title></head><body>a gateway's page</body></html>");
            (status(code), Html(page)).into_response()
        }
        Some(Fault::Error(code)) => response(Err(Refusal::new(&code)), ""),
        Some(Fault::RateLimited { retry_after }) => {
            ([(header::RETRY_AFTER, retry_after.to_string())], too_fast()).into_response()
        }
        Some(Fault::TooFast) => too_fast(),
        Some(Fault::DropBefore) => {
            wire.cut();
            StatusCode::OK.into_response()
        }
        Some(Fault::LostResponse) => {
            let _ = effect();
            wire.cut();
            StatusCode::OK.into_response()
        }
        Some(Fault::Body(kind, body)) => ([(header::CONTENT_TYPE, kind)], body).into_response(),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Garbage) => {
            let _ = effect();
            Json(json!({"ok": true, "unexpected": [1, 2, 3]})).into_response()
        }
        Some(Fault::Drip(over)) => drip(effect(), over).await,
        Some(Fault::CutJson) => halve(effect()).await,
        Some(Fault::Late(by)) => {
            let answer = effect();
            tokio::time::sleep(by).await;
            answer
        }
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn too_fast() -> Response {
    (StatusCode::TOO_MANY_REQUESTS, Json(json!({"ok": false, "error": "ratelimited"}))).into_response()
}

async fn apart(answer: Response) -> (Parts, Bytes) {
    let (parts, body) = answer.into_parts();
    (parts, to_bytes(body, usize::MAX).await.expect("the fake's bodies are in memory"))
}

async fn drip(answer: Response, over: Duration) -> Response {
    let (mut parts, bytes) = apart(answer).await;
    parts.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
    let pause = over / u32::try_from(PIECES).expect("few");
    let pieces: Vec<Bytes> =
        bytes.chunks(bytes.len().div_ceil(PIECES).max(1)).map(Bytes::copy_from_slice).collect();
    let pieces = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, std::io::Error>(piece)
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

async fn halve(answer: Response) -> Response {
    let (mut parts, bytes) = apart(answer).await;
    let half = bytes.slice(..bytes.len() / 2);
    parts.headers.insert(header::CONTENT_LENGTH, half.len().into());
    Response::from_parts(parts, Body::from(half))
}
