//! The page's server: `GET /state` draws the world as JSON, `POST /act` lets the person at the page act in it. The
//! contract is `page/API.md`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Revision, Sandbox};
use super::{acts, admin, view};

/// How long `GET /state` waits for something new.
const LONG_POLL: Duration = Duration::from_secs(20);

macro_rules! files {
    ($($path:literal: $kind:literal),* $(,)?) => {
        [$(($path, $kind, include_str!(concat!("page/", $path)))),*]
    };
}

const FILES: [(&str, &str, &str); 17] = files! {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "dom.js": "text/javascript; charset=utf-8",
    "emoji.js": "text/javascript; charset=utf-8",
    "text.js": "text/javascript; charset=utf-8",
    "blocks.js": "text/javascript; charset=utf-8",
    "elements.js": "text/javascript; charset=utf-8",
    "files.js": "text/javascript; charset=utf-8",
    "places.js": "text/javascript; charset=utf-8",
    "composer.js": "text/javascript; charset=utf-8",
    "admin.html": "text/html; charset=utf-8",
    "admin.js": "text/javascript; charset=utf-8",
    "menu.js": "text/javascript; charset=utf-8",
    "dialogs.js": "text/javascript; charset=utf-8",
    "channel.js": "text/javascript; charset=utf-8",
    "org.js": "text/javascript; charset=utf-8",
};

/// Serves the page on `listener` until the process ends.
pub async fn serve(sandbox: Arc<Sandbox>, listener: TcpListener) -> std::io::Result<()> {
    let host = listener.local_addr()?.to_string();
    let mut router = Router::new()
        .route("/state", get(state))
        .route("/act", post(act))
        .route("/admin/user/profile/view/{id}", get(admin_page))
        .route("/account/{id}", get(account))
        .route("/file/{id}", get(file));
    for (name, kind, text) in FILES {
        let path = if name == "index.html" { "/".to_owned() } else { format!("/{name}") };
        router = router.route(&path, get(move || async move { ([(header::CONTENT_TYPE, kind)], text) }));
    }
    let own_host = axum::middleware::from_fn(move |request: Request, next: Next| {
        let host = host.clone();
        async move { only_for(&host, request, next).await }
    });
    axum::serve(listener, router.layer(own_host).with_state(sandbox)).await
}

/// Another site open in the same browser can't press the buttons here: its requests name another host.
async fn only_for(host: &str, request: Request, next: Next) -> Response {
    let port = host.rsplit(':').next().unwrap_or_default();
    let named = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if named == host || named == format!("localhost:{port}") {
        next.run(request).await
    } else {
        StatusCode::MISDIRECTED_REQUEST.into_response()
    }
}

#[derive(Deserialize)]
struct After {
    after: Option<String>,
}

async fn state(State(sandbox): State<Arc<Sandbox>>, Query(After { after }): Query<After>) -> Json<Value> {
    let known: Option<Revision> = after.and_then(|after| after.parse().ok());
    if let Some(known) = known {
        let news = sandbox.until_revision_differs(known);
        // Nothing new within the time: the same state once more.
        let _ = tokio::time::timeout(LONG_POLL, news).await;
    }
    Json(view::state(&sandbox, known))
}

async fn act(State(sandbox): State<Arc<Sandbox>>, headers: HeaderMap, body: String) -> Response {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let answer = match serde_json::from_str::<Value>(&body) {
        Ok(what) => acts::act(&sandbox, &what).await,
        Err(error) => json!({ "ok": false, "error": format!("That is no JSON: {error}.") }),
    };
    Json(answer).into_response()
}

/// The fake org's admin page about one account. Its script reads the account from `/account/{id}`.
async fn admin_page() -> Response {
    let page = FILES.iter().find(|(name, ..)| *name == "admin.html").map_or("", |(.., text)| text);
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

async fn account(State(sandbox): State<Arc<Sandbox>>, Path(id): Path<String>) -> Response {
    match admin::account(&sandbox, &id) {
        Some(account) => Json(account).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[derive(Deserialize)]
struct Wanted {
    download: Option<String>,
}

/// An uploaded file. Only pictures are shown in the browser: anything else is kept from being a page of this server.
async fn file(
    State(sandbox): State<Arc<Sandbox>>,
    Path(id): Path<String>,
    Query(Wanted { download }): Query<Wanted>,
) -> Response {
    let Some(file) = sandbox.world.slack.files().into_iter().find(|file| file.id == id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = view::media_type(&file);
    let is_shown = kind.starts_with("image/") && download.is_none();
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, if is_shown { "inline" } else { "attachment" }),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    (headers, file.bytes.unwrap_or_default()).into_response()
}
