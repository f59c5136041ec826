//! Reads the environment's proxies, by the names that curl and most other programs know.

use super::providers::{IN_QUOTES, in_quotes};
use super::report::Report;
use super::surroundings::Surroundings;
use crate::net::{Network, Proxies};

/// Reads which proxy leads out.
pub(super) fn network(report: &Report<'_>, surroundings: &Surroundings<'_>) -> Network {
    let first = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| Some((name, surroundings.variable(name)?)))
    };
    let given = first(["HTTPS_PROXY", "https_proxy"]).or_else(|| first(["ALL_PROXY", "all_proxy"]));
    let Some((name, address)) = given else {
        if let Some((name, _)) = first(["HTTP_PROXY", "http_proxy"]) {
            report.warning(format!(
                "{name} is set and HTTPS_PROXY is not: all that leaves this machine is https, so it goes without a proxy"
            ));
        }
        return Network::default();
    };
    let except = first(["NO_PROXY", "no_proxy"]).map_or("", |(_, hosts)| hosts);
    let proxies = if in_quotes(address) { Err(IN_QUOTES) } else { Proxies::new(address, except) };
    let proxies = proxies.unwrap_or_else(|wrong| {
        report.problem(&format!("{name} {wrong}"));
        Proxies::default()
    });
    Network::new(proxies)
}
