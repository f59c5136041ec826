//! From an address to an open websocket, and what its errors are called.

use std::io;
use std::sync::Arc;

pub(super) use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use url::Url;

use crate::net::{self, Cause, Network};

/// A submitted view is at most 250 KB, a message in a click a few times that.
const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(super) type Stream = WebSocketStream<MaybeTlsStream<net::Connection>>;

/// Connects and speaks HTTP to the point where it becomes a websocket. The caller bounds it in time.
pub(super) async fn handshake(network: &Network, url: &Url) -> Result<Stream, WsError> {
    let other = |error| WsError::Io(io::Error::other(error));
    let wire = network.connect(url).await.map_err(other)?;
    let connector = match url.scheme() {
        "wss" => Connector::Rustls(Arc::new(network.tls().map_err(|error| other(error.into()))?.clone())),
        _ => Connector::Plain,
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    let opening = client_async_tls_with_config(url.as_str(), wire, Some(config), Some(connector));
    Box::pin(opening).await.map(|(stream, _)| stream)
}

/// Returns why a socket that Slack offered could not be opened.
pub(super) fn not_opened(error: &WsError) -> String {
    match error {
        WsError::Http(answer) => format!("the websocket was answered with HTTP {}", answer.status().as_u16()),
        error => match Cause::of(error) {
            Cause::Unknown => format!("the websocket could not be opened: {}", kind(error)),
            cause => format!("the websocket could not be opened: {cause}"),
        },
    }
}

/// A websocket error without its contents.
pub(super) fn kind(error: &WsError) -> &'static str {
    match error {
        WsError::ConnectionClosed | WsError::AlreadyClosed => "closed",
        WsError::Io(_) => "input/output error",
        WsError::Tls(_) => "TLS error",
        WsError::Capacity(_) => "too large",
        WsError::Protocol(_) => "protocol error",
        WsError::WriteBufferFull(_) => "write buffer full",
        WsError::Http(_) | WsError::HttpFormat(_) => "HTTP error",
        _ => "error",
    }
}
