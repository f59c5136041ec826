//! Where the tenant is, and how the bot behaves there.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::identity::Terms;
use crate::net::{Network, is_safe};

/// How long one request may take, its answer included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What people call it, and what is there.
pub const TERMS: Terms = Terms {
    name: "Entra ID",
    log: "sign-in log",
    console: "admin center",
    open: "Open in Entra",
    effect: Some("suspending an account blocks its sign-in in Entra ID"),
};

/// How the bot proves to Entra ID which app it is.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A client secret: its value, not its id.
    Secret(SecretString),
    /// A certificate and its RSA key in one PEM text.
    Certificate(SecretString),
    /// A file with a token of another issuer that the app trusts. It is read again for each access token.
    FederatedToken(PathBuf),
}

impl Credential {
    fn same_as(&self, other: &Credential) -> bool {
        match (self, other) {
            (Credential::Secret(ours), Credential::Secret(theirs))
            | (Credential::Certificate(ours), Credential::Certificate(theirs)) => {
                ours.expose_secret() == theirs.expose_secret()
            }
            (Credential::FederatedToken(ours), Credential::FederatedToken(theirs)) => ours == theirs,
            (Credential::Secret(_) | Credential::Certificate(_) | Credential::FederatedToken(_), _) => false,
        }
    }
}

/// Microsoft's cloud that the tenant is in. Tokens of one are good for nothing in another.
/// <https://learn.microsoft.com/graph/deployments>
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Everybody's, GCC included.
    Global,
    /// US Government L4 (GCC High).
    UsGov,
    /// US Government L5.
    UsDod,
    /// China, operated by 21Vianet.
    China,
    /// Everything at one address, under Microsoft's paths: a proxy, or a sandbox on this machine.
    At(Url),
}

impl Cloud {
    /// Returns the addresses of the token endpoint, of Graph, and of the admin center.
    fn addresses(&self) -> [&str; 3] {
        match self {
            Cloud::Global => [
                "https://login.microsoftonline.com",
                "https://graph.microsoft.com",
                "https://entra.microsoft.com",
            ],
            Cloud::UsGov => [
                "https://login.microsoftonline.us",
                "https://graph.microsoft.us",
                "https://entra.microsoft.us",
            ],
            Cloud::UsDod => [
                "https://login.microsoftonline.us",
                "https://dod-graph.microsoft.us",
                "https://entra.microsoft.us",
            ],
            Cloud::China => [
                "https://login.chinacloudapi.cn",
                "https://microsoftgraph.chinacloudapi.cn",
                "https://entra.microsoftonline.cn",
            ],
            Cloud::At(url) => [url.as_str(); 3],
        }
    }

    /// Returns the addresses, each a bare one over https, or over http to this machine.
    pub(super) fn places(&self) -> anyhow::Result<Places> {
        let [authority, graph, console] = self.addresses().map(|address| {
            let url = Url::parse(address)?;
            ensure!(
                is_safe(&url),
                "the address of Entra ID must start with https:// (http:// is only accepted for this machine itself)"
            );
            let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
            ensure!(bare, "the address of Entra ID must have no path");
            ensure!(
                url.username().is_empty() && url.password().is_none(),
                "the address of Entra ID must not contain a user name or password"
            );
            Ok(url)
        });
        Ok(Places { authority: authority?, graph: graph?, console: console? })
    }
}

/// Where a cloud's services are.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) authority: Url,
    pub(super) graph: Url,
    pub(super) console: Url,
}

/// Where the tenant is, and how to behave there.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The tenant's id or one of its domains.
    pub tenant_id: String,
    /// The id of the app that the bot is.
    pub client_id: String,
    /// How the bot proves that.
    pub credential: Credential,
    /// Where the tenant is.
    pub cloud: Cloud,
    /// Whether Microsoft's limits are kept by waiting beforehand. Only a server that has none needs that off.
    pub keeps_limits: bool,
    /// How many calls may be under way at once, those of all policies together; at least 1.
    pub concurrency: u32,
    /// How long one request may take, its answer included.
    pub request_timeout: Duration,
    /// The pause before a failed read is tried again; it doubles each time.
    pub retry_pause: Duration,
    /// How this machine reaches Entra ID.
    pub network: Network,
}

impl Settings {
    /// Makes the usual settings: the global cloud, 4 calls at once, 30 s for a request, half a second before another
    /// try, no proxy.
    pub fn new(tenant_id: String, client_id: String, credential: Credential) -> Settings {
        Settings {
            tenant_id,
            client_id,
            credential,
            cloud: Cloud::Global,
            keeps_limits: true,
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
            tenant_id,
            client_id,
            credential,
            cloud,
            keeps_limits,
            concurrency,
            request_timeout,
            retry_pause,
            network: _,
        } = self;
        *tenant_id == other.tenant_id
            && *client_id == other.client_id
            && credential.same_as(&other.credential)
            && *cloud == other.cloud
            && *keeps_limits == other.keeps_limits
            && *concurrency == other.concurrency
            && *request_timeout == other.request_timeout
            && *retry_pause == other.retry_pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_a_bare_https_origin_or_to_this_machine() {
        let accepted = |url: &str| Cloud::At(url.parse().unwrap()).places().is_ok();
        assert!(accepted("https://entra.example") && accepted("http://127.0.0.1:4000/"));
        for refused in
            ["http://entra.example", "https://entra.example/v1.0", "https://me:secret@entra.example"]
        {
            assert!(!accepted(refused), "{refused}");
        }
        for cloud in [Cloud::Global, Cloud::UsGov, Cloud::UsDod, Cloud::China] {
            assert!(cloud.places().is_ok(), "{cloud:?}");
        }
    }
}
