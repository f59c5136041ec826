//! The emergency stop of a policy: from an admin's word on nobody loses access, until an admin resumes.
//!
//! It stops what takes access away: approvals, suspensions, the ending of sessions, and new sweeps. Denying, keeping and
//! giving access back go on, because those are what a person wants to do in an emergency.

use serde_json::json;

use super::audit::{Action, Draft};
use super::ids::PolicyName;
use super::request::Decision;

/// A pause of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Never reused.
    pub id: i64,
    /// The policy's name.
    pub policy: PolicyName,
    /// Who paused it, when, and in whose words.
    pub began: Decision,
    /// Who resumed it; `None` while it is in force.
    pub ended: Option<Decision>,
}

/// The audit event of the beginning.
pub fn paused(by: &Decision) -> Draft {
    event(by, Action::Paused)
}

/// The audit event of the end.
pub fn resumed(by: &Decision) -> Draft {
    event(by, Action::Resumed)
}

fn event(by: &Decision, action: Action) -> Draft {
    Draft::by(&by.by, by.at, action, json!({ "reason": by.reason }))
}
