//! Which identity provider something belongs to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of an identity provider in the configuration. Rows keep it, so that what is due goes to the provider that
/// the account is from, whatever the policy says today.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderName(String);

impl ProviderName {
    /// Returns whether it is the provider of everything that was stored before there were several.
    pub fn is_first(&self) -> bool {
        *self == ProviderName::default()
    }
}

/// The provider of everything that was stored before there were several.
impl Default for ProviderName {
    fn default() -> ProviderName {
        ProviderName("okta".to_owned())
    }
}

impl From<&str> for ProviderName {
    fn from(name: &str) -> ProviderName {
        ProviderName(name.to_owned())
    }
}

impl std::ops::Deref for ProviderName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
