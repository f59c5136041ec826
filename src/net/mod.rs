//! Leads out of this machine, the same way for every adapter: which proxy leads where, whose certificates count, and
//! why a connection could not be made.
//!
//! What it promises:
//! - This machine is never behind a proxy, whatever the environment says.
//! - A proxy's user name and password reach the proxy and nothing else: no error, no log line, no `Debug`.
//! - Calls of the Web APIs and Slack's socket go the same way, and trust the same certificates.

mod cause;
mod proxy;
mod tls;

use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;
use url::{Host, Url};

pub use cause::Cause;
pub use proxy::Proxies;

/// A connection to a host, straight or through a proxy. TLS to the host itself comes on top.
pub type Connection = TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>;

/// Says that no connection can be made before one is tried.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NetworkError {
    /// Without certificates of authorities nobody can be trusted.
    #[error(
        "no CA certificates could be read; install the package ca-certificates, or set SSL_CERT_FILE to a file in PEM that the \
         bot can read"
    )]
    NoAuthorities,
}

/// How this machine reaches others. Clones share everything.
#[derive(Clone, Default)]
pub struct Network {
    proxies: Proxies,
    tls: Arc<OnceLock<rustls::ClientConfig>>,
}

impl Network {
    /// Makes a network with these proxies. The certificates are read at the first use, from where `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` say, or else from where the system has them.
    pub fn new(proxies: Proxies) -> Network {
        Network { proxies, tls: Arc::default() }
    }

    /// Returns an HTTP client that goes the right way and trusts the right certificates.
    pub fn http(&self) -> Result<reqwest::ClientBuilder, NetworkError> {
        let mut tls = self.tls()?.clone();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Its own reading of the environment is off: there is one rule, and it is ours.
        let client = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls);
        Ok(match self.proxies.for_client() {
            Some(proxy) => client.proxy(proxy),
            None => client,
        })
    }

    /// Returns the certificates that count, for TLS on a [`Connection`].
    pub fn tls(&self) -> Result<&rustls::ClientConfig, NetworkError> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let read = tls::config()?;
        Ok(self.tls.get_or_init(|| read))
    }

    /// Connects to the host of `url`, through the proxy that leads there. The caller bounds it in time.
    pub async fn connect(&self, url: &Url) -> Result<Connection, Box<dyn Error + Send + Sync>> {
        let host = url.host_str().ok_or("the address has no host")?;
        let port = url.port_or_known_default().ok_or("the address has no port")?;
        let mut straight = self.connector()?;
        let Some(proxy) = self.proxies.to(url) else {
            return Ok(TokioIo::new(straight.call(format!("http://{host}:{port}/").parse()?).await?));
        };
        let tunnel = Tunnel::new(proxy.uri().clone(), straight);
        let mut tunnel = match proxy.basic_auth() {
            Some(credentials) => tunnel.with_auth(credentials.clone()),
            None => tunnel,
        };
        Ok(TokioIo::new(tunnel.call(format!("https://{host}:{port}/").parse()?).await?))
    }

    fn connector(&self) -> Result<HttpsConnector<HttpConnector>, NetworkError> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        // A proxy may itself be spoken to over TLS.
        tcp.enforce_http(false);
        let tls = self.tls()?.clone();
        Ok(HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp))
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("proxies", &self.proxies).finish_non_exhaustive()
    }
}

/// Returns whether the address is one of this machine, where nobody else can read or answer.
pub fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Says why a call got no answer; `peer` is how people know the other side. Repeats nothing of the error's own text, which
/// may hold the address.
pub fn why(error: &reqwest::Error, peer: &str) -> String {
    if error.is_connect() || error.is_builder() {
        return format!("no connection to {peer} could be made: {}", Cause::of(error));
    }
    if error.is_timeout() {
        return format!("{peer} did not answer in time");
    }
    if error.is_body() || error.is_decode() {
        return format!("the answer of {peer} broke off");
    }
    format!("the connection to {peer} broke")
}

#[cfg(test)]
mod tests;
