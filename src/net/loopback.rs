//! Which addresses are of this machine, where nobody else can read or answer.

use std::net::IpAddr;

use url::Url;

/// Returns whether a host is this machine: `localhost`, or an IP address that no network leads to.
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Returns whether the address is one of this machine.
pub fn is_this_machine(url: &Url) -> bool {
    url.host_str().is_some_and(is_loopback)
}

/// Returns whether secrets may be sent to an address: https, or http that never leaves this machine.
pub fn is_safe(url: &Url) -> bool {
    is_kept_secret(url, "https", "http")
}

/// Returns the same of the address of a websocket: wss, or ws that never leaves this machine.
pub fn is_safe_socket(url: &Url) -> bool {
    is_kept_secret(url, "wss", "ws")
}

fn is_kept_secret(url: &Url, encrypted: &str, plain: &str) -> bool {
    url.scheme() == encrypted || (url.scheme() == plain && is_this_machine(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_leave_this_machine_encrypted_only() {
        let safe = |url: &str| is_safe(&url.parse().unwrap());
        for url in ["https://slack.com/api", "http://127.0.0.1:8080", "http://[::1]/", "http://LOCALHOST/"] {
            assert!(safe(url), "{url}");
        }
        for url in [
            "http://slack.com/",
            "http://192.168.1.7/",
            "http://localhost.example/",
            "http://127.0.0.1.example/",
            "ftp://localhost/",
            "data:text/plain,localhost",
            "wss://slack.com/",
        ] {
            assert!(!safe(url), "{url}");
        }
        let safe = |url: &str| is_safe_socket(&url.parse().unwrap());
        assert!(safe("wss://slack.com/link") && safe("ws://127.0.0.1:8080/link"));
        assert!(!safe("ws://slack.com/link") && !safe("https://slack.com/link"));
    }

    #[test]
    fn a_host_without_an_address_around_it_is_read_too() {
        assert!(["localhost", "127.9.9.9", "::1", "[::1]"].iter().all(|host| is_loopback(host)));
        assert!(["", "0.0.0.0", "10.0.0.1", "[::]", "localhost."].iter().all(|host| !is_loopback(host)));
    }
}
