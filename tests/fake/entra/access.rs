//! Who may call what: app registrations with their credentials and permissions, access tokens, and what each endpoint
//! asks for.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::wire::GraphError;

/// A password of an app.
pub struct Secret {
    /// What people paste by mistake.
    pub id: String,
    pub value: String,
    pub expires: DateTime<Utc>,
}

/// A certificate of an app.
pub struct Certificate {
    pub der: Vec<u8>,
    /// base64url of the SHA-256 of the DER form.
    pub thumbprint: String,
    pub expires: DateTime<Utc>,
}

/// Whose tokens an app takes as its own.
#[derive(Clone)]
pub struct Federation {
    pub issuer: String,
    pub subject: String,
    /// The issuer's public keys as JWKs.
    pub keys: Vec<Value>,
}

/// An app registration with its service principal in the tenant.
pub struct App {
    pub name: String,
    /// Of the service principal.
    pub object_id: String,
    pub secrets: Vec<Secret>,
    pub certificates: Vec<Certificate>,
    pub federations: Vec<Federation>,
    /// Application permissions with admin consent; a token carries those of the moment when it was issued.
    pub permissions: BTreeSet<String>,
    pub enabled: bool,
    pub public: bool,
}

/// An access token that was handed out.
pub struct Issued {
    pub caller: Caller,
    pub expires: DateTime<Utc>,
}

/// Whose credentials a call carries.
#[derive(Clone, Debug)]
pub struct Caller {
    pub app_id: String,
    /// Of the service principal.
    pub object_id: String,
    pub name: String,
    pub permissions: BTreeSet<String>,
    /// What the audit log calls a change of this call: the caller's `client-request-id`, else the call's own id.
    pub correlation_id: String,
}

impl Caller {
    pub fn has(&self, permission: &str) -> bool {
        self.permissions.contains(permission)
    }

    pub fn has_any(&self, permissions: &[&str]) -> bool {
        permissions.iter().any(|permission| self.has(permission))
    }
}

#[derive(Default)]
pub struct Access {
    /// By client id.
    pub apps: BTreeMap<String, App>,
    pub issued: BTreeMap<String, Issued>,
    used_assertions: BTreeSet<String>,
}

impl Access {
    /// The caller whose token the call carries.
    pub fn identify(&self, headers: &HeaderMap, now: DateTime<Utc>) -> Result<Caller, GraphError> {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = authorization
            .and_then(|text| text.strip_prefix("Bearer "))
            .ok_or_else(|| GraphError::invalid_token("Access token is empty."))?;
        let issued = self.issued.get(token);
        let issued = issued.ok_or_else(|| {
            GraphError::invalid_token("Access token validation failure. Invalid signature.")
        })?;
        if issued.expires <= now {
            return Err(GraphError::invalid_token("Lifetime validation failed, the token is expired."));
        }
        Ok(issued.caller.clone())
    }

    /// Every assertion is good for one token.
    pub fn use_assertion(&mut self, jti: &str) -> bool {
        self.used_assertions.insert(jti.to_owned())
    }
}

const READ_USERS: &[&str] = &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All"];
const READ_GROUPS: &[&str] = &["GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"];
const READ_REPORTS: &[&str] = &["AuditLog.Read.All"];
const READ_ROLES: &[&str] = &["RoleManagement.Read.Directory", "RoleManagement.Read.All"];
const READ_ELIGIBILITY: &[&str] =
    &["RoleEligibilitySchedule.Read.Directory", "RoleManagement.Read.Directory", "RoleManagement.Read.All"];
const READ_APPS: &[&str] = &["Application.Read.All", "Directory.Read.All"];
const READ_TENANT: &[&str] = &["Organization.Read.All", "Directory.Read.All"];
const ENABLE: &[&str] = &["User.EnableDisableAccount.All", "User.ReadWrite.All"];
const REVOKE: &[&str] = &["User.RevokeSessions.All", "User.ReadWrite.All"];

/// The permissions that an endpoint asks for: one of each list.
fn required(method: &str, template: &str) -> &'static [&'static [&'static str]] {
    let template = template.strip_prefix("/v1.0").unwrap_or(template);
    match (method, template) {
        ("PATCH", "/users/{id}") => &[ENABLE, READ_USERS],
        (_, "/users/{id}/revokeSignInSessions") => &[REVOKE],
        (_, "/users/{id}/checkMemberGroups") => &[READ_GROUPS, READ_USERS],
        (_, path) if path.starts_with("/users") => &[READ_USERS],
        (_, path) if path.starts_with("/groups") => &[READ_GROUPS],
        (_, path) if path.starts_with("/auditLogs") => &[READ_REPORTS],
        (_, path) if path.starts_with("/roleManagement/directory/roleEligibility") => &[READ_ELIGIBILITY],
        (_, path) if path.starts_with("/roleManagement") => &[READ_ROLES],
        (_, path) if path.starts_with("/servicePrincipals") => &[READ_APPS],
        (_, "/organization") => &[READ_TENANT],
        _ => &[],
    }
}

/// Whether the caller's token carries what the endpoint asks for; each service has its own word for "no".
pub fn permit(caller: &Caller, method: &str, template: &str) -> Result<(), GraphError> {
    let Some(missing) = required(method, template).iter().find(|any| !caller.has_any(any)) else {
        return Ok(());
    };
    Err(match *missing {
        READ_REPORTS => GraphError::report_permission("AuditLog.Read.All"),
        READ_ELIGIBILITY => {
            let message = format!(
                "{{\"errorCode\":\"PermissionScopeNotGranted\",\"message\":\"Authorization failed due to missing \
                 permission scope {}.\"}}",
                READ_ELIGIBILITY.join(",")
            );
            GraphError::new(403, "PermissionScopeNotGranted", message)
        }
        _ => GraphError::denied(),
    })
}
