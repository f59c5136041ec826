//! The section `[monitoring]`: how other programs see that the bot is alive and at work.

use std::net::SocketAddr;

use secrecy::SecretString;
use serde_json::json;

use super::providers::{self, Secret};
use super::report::quote;
use super::section::{Found, Section};
use super::surroundings::Surroundings;

/// How other programs see that the bot is at work.
#[derive(Clone, Debug, Default)]
pub struct MonitoringConfig {
    /// Where the bot answers HTTP: an address of this machine alone. `None`: nowhere.
    pub http: Option<SocketAddr>,
    /// What is called after each finished sweep: an address, https or http on this machine, that is a secret.
    pub heartbeat: Option<SecretString>,
}

const HEARTBEAT: Secret = Secret {
    what: "address of the heartbeat",
    variable: "HEARTBEAT_URL",
    file_key: "heartbeat_url_file",
    inline_key: "heartbeat_url",
};

/// Reads `[monitoring]`; without it nothing listens and nothing is called.
pub(super) fn monitoring(section: &Section<'_>, surroundings: &Surroundings<'_>) -> MonitoringConfig {
    let http = section.text("http").and_then(|found| http(section, &found));
    let heartbeat = providers::secret_address(section, surroundings, &HEARTBEAT);
    section.looks_like("http", json!({ "pattern": "^(127\\.[0-9.]+|\\[::1\\]):[0-9]+$" }));
    section.finish();
    MonitoringConfig { http, heartbeat }
}

/// Where to listen. What is served there asks nobody for a password, so other machines don't reach it.
fn http(section: &Section<'_>, found: &Found<String>) -> Option<SocketAddr> {
    let read = found.value.parse::<SocketAddr>();
    let wrong = match read {
        Ok(address) if address.ip().is_loopback() => return Some(address),
        Ok(_) => {
            "but must be of this machine alone, such as \"127.0.0.1:9464\": it asks for no password; to look from \
             elsewhere put a reverse proxy before it"
        }
        Err(_) => "but must be an IP address of this machine and a port, such as \"127.0.0.1:9464\"",
    };
    section.problem(found.at, &format!("http is {}, {wrong}", quote(&found.value)));
    None
}
