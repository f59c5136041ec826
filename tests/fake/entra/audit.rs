//! The directory's audit log: `GET /auditLogs/directoryAudits`
//! (<https://learn.microsoft.com/graph/api/resources/directoryaudit>).

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Shared;
use super::filter::{Grammar, Rule};
use super::logs::{Log, answer};
use super::query::Asked;
use super::settings::Settings;
use super::wire::{Reply, timestamp};

/// Who changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Initiator {
    App { app_id: String, object_id: String, name: String },
    User { id: String, login: String },
}

impl Initiator {
    /// The service that writes what an on-premises AD says.
    pub fn sync() -> Initiator {
        Initiator::App {
            app_id: "6bf85cfa-ac8a-4be5-b5de-425a0d0dc016".to_owned(),
            object_id: "6bf85cfa-0000-4000-8000-000000000001".to_owned(),
            name: "Microsoft Entra AD Synchronization Service".to_owned(),
        }
    }

    /// Another app that writes into the directory: an HR system's provisioning, a clean-up tool.
    pub fn app(name: &str) -> Initiator {
        Initiator::App {
            app_id: format!("a99a99a9-0000-4000-8000-{:012}", name.len()),
            object_id: format!("a99a99a9-0000-4000-9000-{:012}", name.len()),
            name: name.to_owned(),
        }
    }

    fn json(&self, hides_app_id: bool) -> Value {
        match self {
            Initiator::App { app_id, object_id, name } => json!({ "user": null, "app": {
                "appId": if hides_app_id { Value::Null } else { json!(app_id) },
                "displayName": name,
                "servicePrincipalId": object_id,
                "servicePrincipalName": null,
            } }),
            Initiator::User { id, login } => json!({ "app": null, "user": {
                "id": id, "displayName": null, "userPrincipalName": login, "ipAddress": "203.0.113.7",
            } }),
        }
    }
}

/// What somebody did to a user, with success.
#[derive(Clone, Debug)]
pub struct Audit {
    pub id: String,
    pub at: DateTime<Utc>,
    pub activity: &'static str,
    /// The user's id.
    pub target: String,
    /// The user principal name of that time.
    pub target_login: String,
    pub by: Initiator,
    pub correlation_id: String,
    /// The new `accountEnabled`.
    pub enabled: Option<bool>,
}

impl Audit {
    /// The entry as the log serves it.
    pub fn json(&self, settings: &Settings) -> Value {
        let modified: Vec<Value> = self
            .enabled
            .iter()
            .map(|enabled| {
                json!({
                    "displayName": "AccountEnabled",
                    "oldValue": format!("[{}]", !enabled),
                    "newValue": format!("[{enabled}]"),
                })
            })
            .collect();
        json!({
            "id": self.id,
            "category": "UserManagement",
            "correlationId": self.correlation_id,
            "result": "success",
            "resultReason": "",
            "activityDisplayName": self.activity,
            "activityDateTime": timestamp(self.at),
            "loggedByService": "Core Directory",
            "operationType": "Update",
            "initiatedBy": self.by.json(settings.audit_hides_app_id),
            "targetResources": [{
                "id": self.target,
                "displayName": null,
                "type": "User",
                "userPrincipalName": self.target_login,
                "groupType": null,
                "modifiedProperties": modified,
            }],
            "additionalDetails": [],
        })
    }
}

const RULES: &[Rule] = &[
    ("activityDateTime", "eq ge gt le lt", ""),
    ("activityDisplayName", "eq startsWith", ""),
    ("category", "eq", ""),
    ("correlationId", "eq", ""),
    ("loggedByService", "eq", ""),
    ("result", "eq", ""),
    ("initiatedBy/app/appId", "eq", ""),
    ("initiatedBy/app/displayName", "eq", ""),
    ("initiatedBy/user/id", "eq", ""),
    ("initiatedBy/user/userPrincipalName", "eq startsWith", ""),
    ("targetResources", "any", ""),
    ("targetResources/id", "eq", ""),
    ("targetResources/userPrincipalName", "eq startsWith", ""),
];
const GRAMMAR: Grammar = Grammar { resource: "directoryAudit", rules: RULES };

/// `GET /auditLogs/directoryAudits`
pub async fn list(State(world): State<Shared>, asked: Asked) -> Reply {
    let log = Log { path: "auditLogs/directoryAudits", grammar: &GRAMMAR, time: "activityDateTime" };
    answer(&world, &asked, &log, |state, filter, since, until| {
        let target = filter.and_then(|filter| filter.pinned("targetResources/id"));
        let in_time = state.directory.audits.iter().filter(|audit| audit.at > since && audit.at <= until);
        in_time
            .filter(|audit| target.is_none_or(|target| audit.target == target))
            .map(|audit| (audit.at, audit.json(&state.settings)))
            .filter(|(_, json)| filter.is_none_or(|filter| filter.matches(json, true)))
            .collect()
    })
}
