//! Keeps an account as the approvers were shown it.

use serde::{Deserialize, Serialize};

use super::account::AccountId;
use super::assess::Evidence;

/// The account as the approvers were shown it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateSnapshot {
    /// The provider's id: what is acted on.
    pub id: AccountId,
    pub login: String,
    /// The display name, possibly empty. Untrusted text.
    pub name: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// The manager. Untrusted text.
    pub manager: Option<String>,
    /// Who the manager is, as the directory has it. Untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager_id: Option<String>,
    /// The organisation. Untrusted text.
    pub organization: Option<String>,
    /// Why it is proposed.
    pub evidence: Evidence,
    /// In how many sweeps in a row, before this one, the account was already proposed (0: new).
    pub pending_sweeps: u32,
}
