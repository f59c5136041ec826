//! How this machine reaches others.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;
use url::Url;

use super::proxy::Proxies;
use super::tls::{self, NetworkError};

/// A connection to a host, straight or through a proxy. TLS to the host itself comes on top.
pub type Connection = TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>;

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

    /// Returns an HTTP client for calls to `base`, each within `timeout` from its start to the end of its answer. It goes the
    /// right way and trusts the right certificates. It follows no redirect, which would take secrets elsewhere, and where
    /// `base` is encrypted it sends nothing that isn't.
    pub fn http(&self, base: &Url, timeout: Duration) -> Result<reqwest::ClientBuilder, NetworkError> {
        let mut tls = self.tls()?.clone();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Its own reading of the environment is off: there is one rule, and it is ours.
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("inactive-contractors/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(timeout)
            .https_only(base.scheme() == "https");
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
