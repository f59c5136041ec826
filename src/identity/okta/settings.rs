//! Where the org is, and how the bot behaves there.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::identity::Terms;
use crate::net::Network;

use super::auth::Credential;

/// How long one request may take, its answer included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What people call it, and what is there.
pub const TERMS: Terms =
    Terms { name: "Okta", log: "System Log", console: "admin console", open: "Open in Okta", effect: None };

/// Where the org is, and how to behave there.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The org's bare address, like `https://example.okta.com`; http only on this machine.
    pub org_url: Url,
    /// Who the bot is to Okta.
    pub credential: Credential,
    /// The part (above 0, at most 1) of each of the org's rate limits that the bot may use.
    pub rate_share: f64,
    /// How many calls may be under way at once, those of all policies together; at least 1.
    pub concurrency: u32,
    /// How long one request may take, its answer included.
    pub request_timeout: Duration,
    /// The pause before a failed read is tried again; it doubles each time.
    pub retry_pause: Duration,
    /// How this machine reaches Okta.
    pub network: Network,
}

impl Settings {
    /// Makes the usual settings: half of the rate limits, 4 calls at once, 30 s for a request, half a second before
    /// another try, no proxy.
    pub fn new(org_url: Url, credential: Credential) -> Settings {
        Settings {
            org_url,
            credential,
            rate_share: 0.5,
            concurrency: 4,
            request_timeout: REQUEST_TIMEOUT,
            retry_pause: Duration::from_millis(500),
            network: Network::default(),
        }
    }

    /// Returns whether these are the same connection in every respect.
    pub fn same_as(&self, other: &Settings) -> bool {
        // The network is the process environment's, which no reload changes.
        let Settings {
            org_url,
            credential,
            rate_share,
            concurrency,
            request_timeout,
            retry_pause,
            network: _,
        } = self;
        *org_url == other.org_url
            && credential.same_as(&other.credential)
            && rate_share.total_cmp(&other.rate_share).is_eq()
            && *concurrency == other.concurrency
            && *request_timeout == other.request_timeout
            && *retry_pause == other.retry_pause
    }

    /// The usual settings with an API token.
    pub fn with_token(org_url: Url, token: SecretString) -> Settings {
        Settings::new(org_url, Credential::ApiToken(token))
    }
}
