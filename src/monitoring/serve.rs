//! The questions that are answered, over HTTP, on a Unix socket and on an address of this machine.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use http::header::{CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::public::in_public;
use super::{Watch, socket_path};
use crate::files;
use crate::net::is_loopback;

/// Connections at a time.
const CONNECTIONS_MAX: usize = 16;
/// How long one may take over all that it asks.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(30);
/// The pause after a connection could not be taken: the process may have too many files open.
const PAUSE: Duration = Duration::from_millis(200);
/// What Prometheus calls the format: <https://prometheus.io/docs/specs/om/open_metrics_spec/>.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Watch {
    /// Answers requests, until `stop`. That an address can't be had is an error at once; a socket that can't be made
    /// is a warning.
    pub async fn serve(
        self: &Arc<Self>,
        database: &Path,
        http: Option<SocketAddr>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        if let Some(address) = http {
            let listener = TcpListener::bind(address)
                .await
                .with_context(|| format!("[monitoring] http can't listen on {address}; name a free port"))?;
            let address = listener.local_addr()?;
            tracing::info!(%address, "/healthz and /metrics");
            self.tasks.spawn(over_tcp(listener, address, Arc::clone(self), stop.clone()));
        }
        match UnixSocket::bind(socket_path(database)) {
            Ok(socket) => drop(self.tasks.spawn(socket.serve(Arc::clone(self), stop.clone()))),
            Err(error) => tracing::warn!(
                error = format!("{error:#}"),
                "no socket for `inactive-contractors status`; everything else works"
            ),
        }
        Ok(())
    }
}

/// Who can ask.
#[derive(Clone, Copy)]
enum Audience {
    /// The bot's own user.
    Owner,
    /// Every program of this machine, at this address: also a browser that shows somebody else's page.
    Anybody(SocketAddr),
}

/// Answers on this address.
pub(super) async fn over_tcp(
    listener: TcpListener,
    address: SocketAddr,
    watch: Arc<Watch>,
    stop: CancellationToken,
) {
    let accept = async || Ok(listener.accept().await?.0);
    connections(accept, Audience::Anybody(address), watch, stop).await;
}

/// A Unix socket that only the bot's own user can use.
pub(super) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl UnixSocket {
    /// Makes it. The caller holds the lock of the database, so an existing one was left behind by a crash.
    pub(super) fn bind(path: PathBuf) -> anyhow::Result<UnixSocket> {
        use std::os::unix::fs::PermissionsExt as _;
        let part = path.with_extension("sock.part");
        for old in [&path, &part] {
            files::remove(old).with_context(|| format!("can't replace {}", old.display()))?;
        }
        let listener = UnixListener::bind(&part).with_context(|| format!("can't make {}", part.display()))?;
        // It gets its name when nobody else can use it any more.
        std::fs::set_permissions(&part, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&part, &path)?;
        Ok(UnixSocket { listener, path })
    }

    /// Answers on it until `stop`.
    pub(super) async fn serve(self, watch: Arc<Watch>, stop: CancellationToken) {
        let accept = async || Ok(self.listener.accept().await?.0);
        connections(accept, Audience::Owner, watch, stop).await;
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the status socket stays behind");
        }
    }
}

async fn connections<C, F>(
    accept: impl Fn() -> F,
    audience: Audience,
    watch: Arc<Watch>,
    stop: CancellationToken,
) where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = std::io::Result<C>>,
{
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let connection = tokio::select! {
            () = stop.cancelled() => return,
            connection = accept() => connection,
        };
        let connection = match connection {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(%error, "a question about the bot's health can't be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let (watch, stop) = (Arc::clone(&watch), stop.clone());
        tokio::spawn(async move {
            let _permit = permit;
            let service = service_fn(|request| {
                let watch = Arc::clone(&watch);
                async move { Ok::<_, Infallible>(answer(&watch, audience, &request).await) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .keep_alive(false)
                .serve_connection(TokioIo::new(connection), service);
            tokio::select! {
                () = stop.cancelled() => {}
                // Who hangs up early has had their answer or doesn't want it.
                _ = tokio::time::timeout(CONNECTION_TIME_MAX, served) => {}
            }
        });
    }
}

/// Returns whether the request names this machine. A page whose name was made to lead here, by its owner, names that:
/// its scripts could read every answer otherwise.
/// <https://developer.mozilla.org/en-US/docs/Web/Security/Attacks/DNS_rebinding>
fn is_meant_for(headers: &HeaderMap) -> bool {
    let mut named = headers.get_all(HOST).iter();
    let (Some(host), None) = (named.next(), named.next()) else { return false };
    let Some(host) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else { return false };
    is_loopback(&host.host().to_ascii_lowercase())
}

async fn answer(watch: &Watch, audience: Audience, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if let Audience::Anybody(address) = audience
        && !is_meant_for(request.headers())
    {
        let why = format!(
            "the Host of a request must be localhost or {address}; a proxy has to send one of these\n"
        );
        return response(StatusCode::MISDIRECTED_REQUEST, "text/plain", why);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return response(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET\n".to_owned());
    }
    let status = async || match audience {
        Audience::Owner => watch.status().await,
        Audience::Anybody(_) => in_public(watch.status().await),
    };
    match request.uri().path() {
        "/healthz" => {
            let health = status().await.health;
            if health.healthy {
                response(StatusCode::OK, "text/plain; charset=utf-8", "ok\n".to_owned())
            } else {
                let wrong = health.wrong.join("\n") + "\n";
                response(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", wrong)
            }
        }
        "/livez" => {
            let alive = status().await.health.alive;
            let code = if alive { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            response(code, "text/plain", if alive { "ok\n" } else { "hangs\n" }.to_owned())
        }
        "/status" => {
            let text =
                serde_json::to_string_pretty(&status().await).expect("a status can be written as JSON");
            response(StatusCode::OK, "application/json", text + "\n")
        }
        "/metrics" => match watch.metrics().await {
            Ok(text) => response(StatusCode::OK, OPEN_METRICS, text),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "can't make the metrics");
                response(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "see the log\n".to_owned())
            }
        },
        _ => response(
            StatusCode::NOT_FOUND,
            "text/plain",
            "there are /healthz, /livez, /status and /metrics\n".to_owned(),
        ),
    }
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
