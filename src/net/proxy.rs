//! Says which proxy leads where. The rules are curl's: `HTTPS_PROXY` or else `ALL_PROXY`, but for what `NO_PROXY`
//! names.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::Proxy;
use url::Url;

use super::loopback::is_this_machine;

/// The proxy for everything beyond this machine, if there is one. Its `Debug` shows no user name and no password.
#[derive(Clone, Default)]
pub struct Proxies(Option<Arc<Rule>>);

struct Rule {
    matcher: Matcher,
    /// What the one proxy that there is wants to hear.
    credentials: Option<HeaderValue>,
}

impl Proxies {
    /// Makes proxies that send everything through `address`, but for the hosts that `except` names: names with all below
    /// them, addresses and networks, separated by commas; `*` is all.
    ///
    /// # Errors
    /// A sentence without a subject that says what is wrong with the address. It repeats nothing of it.
    pub fn new(address: &str, except: &str) -> Result<Proxies, &'static str> {
        let probe = "https://elsewhere.invalid/".parse().expect("the constant is an address");
        let read = Matcher::builder().https(address.to_owned()).build().intercept(&probe);
        let proxy = read.ok_or(
            "holds no address of a proxy: write http://host:port, or http://user:password@host:port with special \
             characters of the password as %XX",
        )?;
        if !matches!(proxy.uri().scheme_str(), Some("http" | "https")) {
            return Err(
                "names a SOCKS proxy, and the bot speaks to HTTP proxies only: write http://host:port",
            );
        }
        let matcher = Matcher::builder().https(address.to_owned()).no(except.to_owned()).build();
        Ok(Proxies(Some(Arc::new(Rule { matcher, credentials: proxy.basic_auth().cloned() }))))
    }

    /// Returns the proxy that leads to `url`; `None`: straight there.
    pub(super) fn to(&self, url: &Url) -> Option<Intercept> {
        if is_this_machine(url) {
            return None;
        }
        // Beyond this machine there is only TLS, whatever speaks inside it.
        let place = format!("https://{}:{}/", url.host_str()?, url.port_or_known_default()?);
        self.0.as_ref()?.matcher.intercept(&place.parse().ok()?)
    }

    /// Returns the same rule for an HTTP client.
    pub(super) fn for_client(&self) -> Option<Proxy> {
        let credentials = self.0.as_ref()?.credentials.clone();
        let rule = self.clone();
        let proxy = Proxy::custom(move |url| Url::parse(&rule.to(url)?.uri().to_string()).ok());
        Some(match credentials {
            Some(credentials) => proxy.custom_http_auth(credentials),
            None => proxy,
        })
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The matcher's own leaves out user names and passwords.
        f.debug_tuple("Proxies").field(&self.0.as_ref().map(|rule| &rule.matcher)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(proxies: &Proxies, to: &str) -> Option<String> {
        let proxy = proxies.to(&to.parse().unwrap())?;
        Some(proxy.uri().to_string())
    }

    #[test]
    fn one_rule_for_calls_and_sockets_and_never_for_this_machine() {
        let except = "okta.com, .acme.example,10.0.0.0/8,192.168.1.7";
        let proxies = Proxies::new("proxy.acme.example:3128", except).unwrap();
        for to in [
            "https://slack.com/api/auth.test",
            "wss://wss-primary.slack.com/link/?ticket=1",
            "https://11.0.0.1/",
        ] {
            assert_eq!(leads(&proxies, to).as_deref(), Some("http://proxy.acme.example:3128/"), "{to}");
        }
        for to in [
            "https://acme.okta.com/api/v1/users",
            "https://collector.acme.example/",
            "wss://10.1.2.3/link",
            "https://192.168.1.7/",
            "http://127.0.0.1:8080/api",
            "https://127.9.9.9/",
            "ws://[::1]:8080/link",
            "https://localhost:8443/",
        ] {
            assert_eq!(leads(&proxies, to), None, "{to}");
        }
        let everything = Proxies::new("https://proxy.acme.example", "*").unwrap();
        assert_eq!(leads(&everything, "https://slack.com/"), None);
        assert_eq!(leads(&Proxies::default(), "https://slack.com/"), None);
    }

    #[test]
    fn a_password_is_for_the_proxy_alone() {
        let proxies = Proxies::new("http://bot:s%23cret@proxy.acme.example:3128", "").unwrap();
        let proxy = proxies.to(&"https://slack.com/".parse().unwrap()).unwrap();
        assert_eq!(proxy.basic_auth().unwrap(), "Basic Ym90OnMjY3JldA==");
        let shown = format!("{proxies:?} {proxy:?} {:?} {:?}", proxies.for_client(), proxy.basic_auth());
        assert!(shown.contains("proxy.acme.example:3128"), "{shown}");
        for secret in ["cret", "Ym90OnMjY3JldA"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
