//! The section `[forward]`: where the audit trail goes besides the database.

use std::path::PathBuf;

use serde_json::json;

use super::providers::{self, Secret};
use super::report::quote;
use super::section::{Found, Section};
use super::settings::SettingValue;
use super::surroundings::Surroundings;
use crate::forward::{Collector, Syslog};
use crate::net::{Network, is_loopback};

const AUTHORIZATION: Secret = Secret {
    what: "authorization of the collector",
    variable: "FORWARD_AUTHORIZATION",
    file_key: "authorization_file",
    inline_key: "authorization",
};

/// Reads `[forward]`: a collector for each kind that is named.
pub(super) fn forward(
    section: &Section<'_>,
    surroundings: &Surroundings<'_>,
    network: &Network,
) -> Vec<Collector> {
    let file = section.text("file").map(|found| Collector::File(PathBuf::from(found.value)));
    let syslog = section.text("syslog").and_then(|found| syslog(section, &found)).map(Collector::Syslog);
    let url = section.text("url");
    let authorization = providers::optional_secret(section, surroundings, &AUTHORIZATION);
    section.finish();
    section.looks_like("syslog", json!({ "pattern": "^(udp|tcp)://.+:[0-9]+$" }));
    section.looks_like("url", json!({ "pattern": "^https?://" }));
    let https = url.and_then(|Found { value, at }| match providers::safe_url(&value) {
        Ok(url) => {
            if url.path() != "/" {
                // Some collectors know their senders by the path, which makes it a secret.
                let shown = format!("(set, at {})", url.origin().ascii_serialization());
                section.settled("url", SettingValue::Secret(shown), &section.report.place(at));
            }
            Some(Collector::https(url, authorization, network.clone()))
        }
        Err(wrong) => {
            section.problem(at, &format!("url {wrong}"));
            None
        }
    });
    [file, syslog, https].into_iter().flatten().collect()
}

fn syslog(section: &Section<'_>, found: &Found<String>) -> Option<Syslog> {
    let address = |rest: &str| {
        let (host, port) = rest.rsplit_once(':')?;
        (!host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)).then(|| rest.to_owned())
    };
    let read = match found.value.split_once("://") {
        Some(("udp", rest)) => address(rest).map(Syslog::Udp),
        Some(("tcp", rest)) => address(rest).map(Syslog::Tcp),
        Some(_) | None => None,
    };
    if read.is_none() {
        let wrong = format!("syslog is {}", quote(&found.value));
        section.problem(
            found.at,
            &format!("{wrong}, but must be like \"udp://127.0.0.1:514\" or \"tcp://host:601\""),
        );
    }
    if let Some(Syslog::Udp(address) | Syslog::Tcp(address)) = &read
        && !is_this_machine(address)
    {
        section.report.warning(format!(
            "syslog sends every event, with names and reasons, unencrypted to {}; have a syslog server on this machine \
             pass it on over TLS",
            quote(address)
        ));
    }
    read
}

fn is_this_machine(address: &str) -> bool {
    is_loopback(address.rsplit_once(':').map_or(address, |(host, _)| host))
}
