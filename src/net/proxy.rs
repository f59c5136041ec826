//! Which proxy leads where. The rules are curl's: `HTTPS_PROXY` or else `ALL_PROXY`, but for what `NO_PROXY` names.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::Proxy;
use url::Url;

use super::is_this_machine;

/// The proxy for everything beyond this machine, if there is one. Its `Debug` shows no user name and no password.
#[derive(Clone, Default)]
pub struct Proxies(Option<Arc<Rule>>);

struct Rule {
    matcher: Matcher,
    /// What the one proxy that there is wants to hear.
    credentials: Option<HeaderValue>,
}

impl Proxies {
    /// Everything goes through the proxy at `address`, but for the hosts that `except` names: names with all below them,
    /// addresses and networks, separated by commas; `*` is all.
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

    /// The proxy that leads to `url`; `None`: straight there.
    pub(super) fn to(&self, url: &Url) -> Option<Intercept> {
        if is_this_machine(url) {
            return None;
        }
        // Beyond this machine there is only TLS, whatever speaks inside it.
        let place = format!("https://{}:{}/", url.host_str()?, url.port_or_known_default()?);
        self.0.as_ref()?.matcher.intercept(&place.parse().ok()?)
    }

    /// The same rule for an HTTP client.
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
