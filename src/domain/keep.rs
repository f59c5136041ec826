//! Says until when proposed accounts are kept active, and why.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// Until when an account is to be left alone, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Until {
    /// The moment from which on it is judged like any other.
    pub ends_at: DateTime<Utc>,
    /// In the person's words. Untrusted text.
    pub reason: String,
}

/// The accounts of a list that are to be left alone until a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptUntil {
    /// By position.
    pub wishes: BTreeMap<u32, Until>,
    /// The longest that the policy allows now.
    pub max: Duration,
}

impl Default for KeptUntil {
    /// Nobody.
    fn default() -> Self {
        KeptUntil { wishes: BTreeMap::new(), max: Duration::zero() }
    }
}
