//! The identity providers that a configuration names, each with its adapter.

use std::sync::Arc;

use anyhow::Context;

use super::timeouts::Timeouts;
use crate::clock::Clock;
use crate::config::{Config, Credential, ENTRA, EntraCloud, EntraConfig, EntraCredential, OKTA, OktaConfig};
use crate::domain::policy::Policy;
use crate::domain::provider::ProviderName;
use crate::exit::Misconfigured;
use crate::identity::entra::{self, Entra};
use crate::identity::okta::{self, Okta};
use crate::identity::providers::Adapters;
use crate::identity::{IdentityProvider, Terms};

/// How many calls to a provider may be under way at once, where the configuration doesn't say.
pub(super) const CONCURRENCY: u32 = 4;

/// How the Okta adapter is configured.
fn okta_settings(okta: &OktaConfig, config: &Config) -> okta::Settings {
    let credential = match &okta.credential {
        Credential::ApiToken(token) => okta::Credential::ApiToken(token.clone()),
        Credential::ServiceApp { client_id, private_key_pem, key_id } => okta::Credential::ServiceApp {
            client_id: client_id.clone(),
            private_key_pem: private_key_pem.clone(),
            key_id: key_id.clone(),
            scopes: okta_scopes(&config.policies),
        },
    };
    okta::Settings {
        rate_share: okta.rate_share,
        network: config.network.clone(),
        concurrency: okta.concurrency,
        ..okta::Settings::new(okta.org_url.clone(), credential)
    }
}

/// How the Entra adapter is configured.
fn entra_settings(entra: &EntraConfig, config: &Config) -> entra::Settings {
    let credential = match &entra.credential {
        EntraCredential::Secret(secret) => entra::Credential::Secret(secret.clone()),
        EntraCredential::Certificate(pem) => entra::Credential::Certificate(pem.clone()),
        EntraCredential::FederatedToken(path) => entra::Credential::FederatedToken(path.clone()),
    };
    let cloud = match (&entra.base_url, entra.cloud) {
        (Some(url), _) => entra::Cloud::At(url.clone()),
        (None, EntraCloud::Global) => entra::Cloud::Global,
        (None, EntraCloud::UsGov) => entra::Cloud::UsGov,
        (None, EntraCloud::UsDod) => entra::Cloud::UsDod,
        (None, EntraCloud::China) => entra::Cloud::China,
    };
    entra::Settings {
        cloud,
        network: config.network.clone(),
        concurrency: CONCURRENCY,
        ..entra::Settings::new(entra.tenant_id.clone(), entra.client_id.clone(), credential)
    }
}

/// The scopes that these policies need; asking for one that was not granted fails the whole token.
pub fn okta_scopes(policies: &[Policy]) -> Vec<String> {
    let needs_logs = policies.iter().any(|policy| policy.rule.check_sign_in_log);
    let needs_groups = policies.iter().any(|policy| !policy.rule.exempt_groups.is_empty());
    [
        ("okta.users.read", true),
        ("okta.users.manage", true),
        ("okta.roles.read", true),
        ("okta.logs.read", needs_logs),
        ("okta.groups.read", needs_groups),
    ]
    .into_iter()
    .filter(|(_, needed)| *needed)
    .map(|(scope, _)| scope.to_owned())
    .collect()
}

/// One provider of a configuration.
pub struct Configured {
    /// Its name there.
    pub name: ProviderName,
    /// What people call it.
    pub terms: Terms,
    /// Its adapter, or why its settings make none.
    pub adapter: anyhow::Result<Arc<dyn IdentityProvider>>,
}

/// Makes the adapter of each provider that is configured. Calls nobody.
pub fn providers(config: &Config, timeouts: &Timeouts, clock: &Clock) -> Vec<Configured> {
    let okta = config.okta.as_ref().map(|okta| {
        let settings = okta_settings(okta, config);
        let settings = okta::Settings { request_timeout: timeouts.provider_request, ..settings };
        let okta = Okta::new(settings, clock.clone()).map(|okta| Arc::new(okta) as Arc<dyn IdentityProvider>);
        Configured { name: OKTA.into(), terms: okta::TERMS, adapter: okta }
    });
    let entra = config.entra.as_ref().map(|entra| {
        let settings = entra::Settings {
            request_timeout: timeouts.provider_request,
            keeps_limits: timeouts.provider_limits,
            ..entra_settings(entra, config)
        };
        let entra =
            Entra::new(settings, clock.clone()).map(|entra| Arc::new(entra) as Arc<dyn IdentityProvider>);
        Configured { name: ENTRA.into(), terms: entra::TERMS, adapter: entra }
    });
    okta.into_iter().chain(entra).collect()
}

/// Returns all of them, or what is wrong with the settings of one.
pub fn adapters(config: &Config, timeouts: &Timeouts, clock: &Clock) -> anyhow::Result<Adapters> {
    let made = providers(config, timeouts, clock).into_iter().map(|Configured { name, terms, adapter }| {
        let what = format!("the {} credential", terms.name);
        Ok((name, adapter.context(Misconfigured(what))?))
    });
    made.collect()
}

/// Returns whether this provider is configured the same in both.
pub(super) fn same_provider(name: &ProviderName, one: &Config, other: &Config) -> bool {
    let okta = one.okta.as_ref().zip(other.okta.as_ref());
    let entra = one.entra.as_ref().zip(other.entra.as_ref());
    match &**name {
        OKTA => okta.is_some_and(|(mine, its)| okta_settings(mine, one).same_as(&okta_settings(its, other))),
        ENTRA => {
            entra.is_some_and(|(mine, its)| entra_settings(mine, one).same_as(&entra_settings(its, other)))
        }
        _ => false,
    }
}
