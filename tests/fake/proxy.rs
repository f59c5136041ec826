//! A company's forward proxy: it takes CONNECT, may want a user name and a password or refuse, and looks into what it
//! passes on, with certificates of the company's own authority (`tests/keys/tls/ca.pem`) for every host it leads to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

const CERTIFICATE: &[u8] = include_bytes!("../keys/tls/server.pem");
const KEY: &[u8] = include_bytes!("../keys/tls/server-key.pem");

/// How the proxy takes a CONNECT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// Leads where it can.
    #[default]
    Open,
    /// The same for who says `user:password`; others get 407.
    WithCredentials(String),
    /// 403, always.
    Refusing,
}

struct Shared {
    manner: Mutex<Manner>,
    /// `host` to `127.0.0.1:port`, where plain HTTP is spoken.
    hosts: BTreeMap<String, String>,
    /// Each CONNECT with its answer: `slack.acme.test:443 200`.
    asked: watch::Sender<Vec<String>>,
}

/// The proxy; clones are the same one.
#[derive(Clone)]
pub struct FakeProxy {
    shared: Arc<Shared>,
    address: String,
}

impl FakeProxy {
    /// Serves on a free port of 127.0.0.1, and leads to these hosts: names under `acme.test`, each with the `http://` address
    /// of who answers there.
    pub async fn start(hosts: &[(&str, &str)]) -> FakeProxy {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let place =
            |url: &str| url.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        let hosts = hosts.iter().map(|(host, url)| ((*host).to_owned(), place(url))).collect();
        let shared = Shared { manner: Mutex::default(), hosts, asked: watch::channel(Vec::new()).0 };
        let shared = Arc::new(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("the listener is bound").to_string();
        let (passing, tls) = (Arc::clone(&shared), acceptor());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, tls) = (Arc::clone(&passing), tls.clone());
                tokio::spawn(async move { shared.serve(stream, tls).await });
            }
        });
        FakeProxy { shared, address }
    }

    /// `127.0.0.1:port`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Takes each CONNECT like this from now on.
    pub fn set_manner(&self, manner: Manner) {
        *self.shared.manner.lock().expect("nothing panics while holding it") = manner;
    }

    /// Each CONNECT with its answer so far.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.borrow().clone()
    }

    /// Waits until somebody has asked this and got that answer.
    pub async fn was_asked(&self, what: &str) {
        let mut asked = self.shared.asked.subscribe();
        let found = asked.wait_for(|asked| asked.iter().any(|one| one == what));
        let found = tokio::time::timeout(std::time::Duration::from_secs(20), found).await;
        assert!(found.is_ok(), "nobody asked for {what}: {:?}", self.asked());
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream, tls: TlsAcceptor) -> Option<()> {
        let head = head(&mut stream).await?;
        let target = head.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
        let (host, _) = target.rsplit_once(':')?;
        let said = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("proxy-authorization").then(|| value.to_owned())
        });
        let manner = self.manner.lock().expect("nothing panics while holding it").clone();
        let beyond = self.hosts.get(host);
        let (status, more) = match (manner, beyond) {
            (Manner::Refusing, _) => ("403 Forbidden", ""),
            (Manner::WithCredentials(wanted), _) if said != Some(basic(&wanted)) => {
                ("407 Proxy Authentication Required", "Proxy-Authenticate: Basic realm=\"acme\"\r\n")
            }
            (_, None) => ("502 Bad Gateway", ""),
            (_, Some(_)) => ("200 Connection established", ""),
        };
        self.asked.send_modify(|asked| asked.push(format!("{target} {}", &status[..3])));
        stream.write_all(format!("HTTP/1.1 {status}\r\n{more}\r\n").as_bytes()).await.ok()?;
        if !status.starts_with("200") {
            return None;
        }
        let mut inside = tls.accept(stream).await.ok()?;
        let mut beyond = TcpStream::connect(beyond?).await.ok()?;
        tokio::io::copy_bidirectional(&mut inside, &mut beyond).await.ok()?;
        None
    }
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(credentials))
}

/// Up to the empty line.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

fn acceptor() -> TlsAcceptor {
    let certificates =
        CertificateDer::pem_slice_iter(CERTIFICATE).map(|one| one.expect("a certificate in PEM"));
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key in PEM");
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(certificates.collect(), key).expect("the key is the certificate's");
    TlsAcceptor::from(Arc::new(config))
}
