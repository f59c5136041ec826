//! The collectors: a file, syslog, and an HTTPS endpoint. Each gets one line of JSON per event, with the fields as they
//! are hashed, `prev_hash` and `hash`. The heartbeat is one too, which hears of nothing but that a sweep went through.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use chrono::SecondsFormat;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use url::Url;

use crate::domain::audit::{Action, AuditEvent};
use crate::domain::hash::hex;
use crate::files;
use crate::net::{self, Cause, Network};

/// The longest that a collector may take for one batch.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a syslog server is waited for to say that it has read everything.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// Facility "log audit", severity "informational": <https://www.rfc-editor.org/rfc/rfc5424#section-6.2.1>.
const PRIORITY: u8 = 13 * 8 + 6;

/// Where the trail goes.
#[derive(Clone, Debug)]
pub enum Collector {
    /// A file that is appended to, an event per line.
    File(PathBuf),
    /// A syslog server.
    Syslog(Syslog),
    /// An endpoint that takes a POST with an event per line.
    Https {
        /// Its address.
        url: Url,
        /// What the `Authorization` header says.
        authorization: Option<SecretString>,
        /// How this machine reaches it.
        network: Network,
        /// Made by the first send; it keeps the connection.
        client: Option<reqwest::Client>,
    },
    /// An address that is called after each successful sweep: the service that waits for the call raises the alarm
    /// when it doesn't come.
    Heartbeat {
        /// The address; a secret, since anyone who knows it may call it.
        url: SecretString,
        /// How this machine reaches it.
        network: Network,
        /// Made by the first call.
        client: Option<reqwest::Client>,
    },
}

/// A syslog server, as RFC 5424 wants to be spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Syslog {
    /// A datagram per event: what the network drops is lost, and nobody knows.
    Udp(String),
    /// Frames with their length before them: <https://www.rfc-editor.org/rfc/rfc6587#section-3.4.1>. What is under way
    /// when the server dies may be lost, since it confirms nothing.
    Tcp(String),
}

impl Collector {
    /// An endpoint.
    pub fn https(url: Url, authorization: Option<SecretString>, network: Network) -> Collector {
        Collector::Https { url, authorization, network, client: None }
    }

    /// The heartbeat.
    pub fn heartbeat(url: SecretString, network: Network) -> Collector {
        Collector::Heartbeat { url, network, client: None }
    }

    /// Whether it gets what happened before anybody named it.
    pub(super) fn wants_the_past(&self) -> bool {
        !matches!(self, Collector::Heartbeat { .. })
    }

    /// What it is known by in the database: one with another address is another collector, and gets the whole trail.
    pub fn name(&self) -> String {
        match self {
            Collector::File(path) => format!("file {}", path.display()),
            Collector::Syslog(Syslog::Udp(address)) => format!("udp://{address}"),
            Collector::Syslog(Syslog::Tcp(address)) => format!("tcp://{address}"),
            Collector::Heartbeat { .. } => crate::domain::audit::HEARTBEAT.to_owned(),
            Collector::Https { url, .. } => {
                let origin = url.origin().ascii_serialization();
                let hash = Sha256::digest(url.path());
                // Some collectors know their senders by the path, which makes it a secret.
                if url.path() == "/" { origin } else { format!("{origin}/... (path {})", &hex(&hash)[..8]) }
            }
        }
    }

    /// Returns whether the collector gets nothing but sweeps.
    pub(super) fn hears_of_sweeps(&self) -> bool {
        matches!(self, Collector::Heartbeat { .. })
    }

    /// Sends events, oldest first. `Ok`: the collector has all of them.
    pub(super) async fn send(&mut self, events: &[(AuditEvent, Value)]) -> anyhow::Result<()> {
        let send = async {
            match self {
                Collector::File(path) => append(path, events).await,
                Collector::Syslog(Syslog::Udp(address)) => datagrams(address, events).await,
                Collector::Syslog(Syslog::Tcp(address)) => frames(address, events).await,
                Collector::Https { url, authorization, network, client } => {
                    let client = match client {
                        Some(client) => client,
                        None => client.insert(network.http(url, TIMEOUT)?.build()?),
                    };
                    post(client, url, authorization.as_ref(), events).await
                }
                Collector::Heartbeat { url, network, client } => {
                    if !events.iter().any(|(event, _)| is_through(event)) {
                        return Ok(());
                    }
                    // The configuration has read it; an error would quote it.
                    let url =
                        Url::parse(url.expose_secret()).map_err(|_| anyhow::anyhow!("it is no address"))?;
                    let client = match client {
                        Some(client) => client,
                        None => client.insert(network.http(&url, TIMEOUT)?.build()?),
                    };
                    beat(client, url).await
                }
            }
        };
        tokio::time::timeout(TIMEOUT, send).await.context("it took too long")?
    }
}

fn lines(events: &[(AuditEvent, Value)]) -> String {
    let mut text = String::new();
    for (_, json) in events {
        writeln!(text, "{json}").expect("writing to a string can't fail");
    }
    text
}

/// Appends and syncs. What a crash cut off in the middle of a line stays a line of its own.
async fn append(path: &Path, events: &[(AuditEvent, Value)]) -> anyhow::Result<()> {
    let mut file = tokio::fs::File::from_std(files::open_to_append(path)?);
    let mut text = lines(events);
    let length = file.metadata().await?.len();
    if length > 0 {
        let mut last = [0];
        file.seek(std::io::SeekFrom::End(-1)).await?;
        file.read_exact(&mut last).await?;
        if last != *b"\n" {
            text.insert(0, '\n');
        }
    }
    file.write_all(text.as_bytes()).await?;
    file.flush().await?;
    file.sync_data().await?;
    Ok(())
}

async fn datagrams(address: &str, events: &[(AuditEvent, Value)]) -> anyhow::Result<()> {
    let peer = tokio::net::lookup_host(address).await?.next().context("the name has no address")?;
    let any = if peer.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(peer).await?;
    for event in events {
        socket.send(record(event).as_bytes()).await?;
    }
    Ok(())
}

async fn frames(address: &str, events: &[(AuditEvent, Value)]) -> anyhow::Result<()> {
    let stream = TcpStream::connect(address).await;
    let mut stream =
        stream.map_err(|error| anyhow::anyhow!("no connection could be made: {}", Cause::of(&error)))?;
    let mut frames = String::new();
    for event in events {
        let record = record(event);
        write!(frames, "{} {record}", record.len()).expect("writing to a string can't fail");
    }
    stream.write_all(frames.as_bytes()).await?;
    stream.shutdown().await?;
    // A server that has read everything closes too; one that resets the connection has not. Some never close.
    let mut rest = [0; 64];
    let closed = async {
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    };
    tokio::time::timeout(CLOSE_WITHIN, closed).await.unwrap_or(Ok(()))
}

/// One event as RFC 5424 writes it: no structured data, and the event as JSON for its message.
fn record((event, json): &(AuditEvent, Value)) -> String {
    let at = event.at.to_rfc3339_opts(SecondsFormat::Millis, true);
    format!("<{PRIORITY}>1 {at} - inactive-contractors - {} - {json}", event.action)
}

/// Returns why a call got no answer. The error's own words may hold the address, which may be a secret.
fn lost(error: &reqwest::Error) -> anyhow::Error {
    anyhow::anyhow!(net::why(error, "it"))
}

/// Whether a sweep went through. One that failed, or that a guard refused, did not do its job.
pub(super) fn is_through(event: &AuditEvent) -> bool {
    [Action::SweepFinished, Action::SweepHeld].iter().any(|action| event.action == action.word())
}

async fn beat(client: &reqwest::Client, url: Url) -> anyhow::Result<()> {
    let response = client.get(url).send().await.map_err(|error| lost(&error))?;
    let status = response.status();
    anyhow::ensure!(status.is_success(), "it answered {status}");
    Ok(())
}

async fn post(
    client: &reqwest::Client,
    url: &Url,
    authorization: Option<&SecretString>,
    events: &[(AuditEvent, Value)],
) -> anyhow::Result<()> {
    let mut request =
        client.post(url.clone()).header(CONTENT_TYPE, "application/x-ndjson").body(lines(events));
    if let Some(secret) = authorization {
        let value = net::secret_header(secret.expose_secret())
            .context("the authorization has characters that a header can't have")?;
        request = request.header(AUTHORIZATION, value);
    }
    let response = request.send().await.map_err(|error| lost(&error))?;
    let status = response.status();
    anyhow::ensure!(status.is_success(), "it answered {status}");
    Ok(())
}
