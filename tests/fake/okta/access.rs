//! Who may call what: API tokens, OAuth clients and their access tokens, scopes, `DPoP`, denied rights.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{HeaderMap, HeaderName, header};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::super::wire::random_text;
use super::directory::Directory;
use super::dpop::{Proof, ProofTarget};
use super::log::Party;
use super::wire::ApiError;

pub const DPOP: HeaderName = HeaderName::from_static("dpop");
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Whose credentials a call carries.
#[derive(Clone, Debug)]
pub enum Caller {
    /// An API token acts as the person who made it.
    Token { owner_id: String },
    /// A service app acts as itself.
    Client { client_id: String },
}

impl Caller {
    /// The actor that the System Log names.
    pub fn party(&self, directory: &Directory) -> Party {
        match self {
            Caller::Token { owner_id } => {
                directory.find(owner_id).map_or_else(|| Self::app(owner_id), super::directory::User::party)
            }
            Caller::Client { client_id } => Self::app(client_id),
        }
    }

    fn app(id: &str) -> Party {
        Party {
            id: id.to_owned(),
            kind: "PublicClientApp",
            alternate_id: id.to_owned(),
            display_name: "Service app".to_owned(),
        }
    }
}

/// An OAuth service app.
pub struct Client {
    /// Public keys as JWKs.
    pub keys: Vec<Value>,
    pub scopes: BTreeSet<String>,
}

/// An access token that was handed out.
pub struct Issued {
    pub client_id: String,
    pub scopes: BTreeSet<String>,
    pub expires: DateTime<Utc>,
    /// The thumbprint of the key it is bound to; `None` for a Bearer token.
    pub bound_to: Option<String>,
}

pub struct Access {
    /// Owner's user id by token.
    pub api_tokens: BTreeMap<String, String>,
    /// Those that were revoked.
    pub revoked_tokens: BTreeMap<String, String>,
    pub clients: BTreeMap<String, Client>,
    pub issued: BTreeMap<String, Issued>,
    /// Scopes and parts of "METHOD /template" that answer 403.
    pub denied: BTreeSet<String>,
    pub dpop_required: bool,
    pub nonce: String,
    used_jtis: BTreeSet<String>,
}

impl Default for Access {
    fn default() -> Self {
        Access {
            api_tokens: BTreeMap::new(),
            revoked_tokens: BTreeMap::new(),
            clients: BTreeMap::new(),
            issued: BTreeMap::new(),
            denied: BTreeSet::new(),
            dpop_required: false,
            nonce: random_text(24),
            used_jtis: BTreeSet::new(),
        }
    }
}

/// One call as far as its credentials go.
pub struct Attempt<'a> {
    pub method: &'a str,
    /// Absolute, without query.
    pub url: &'a str,
    pub template: &'a str,
    pub headers: &'a HeaderMap,
    pub now: DateTime<Utc>,
}

impl Access {
    /// Checks credentials, scope and rights, in this order.
    pub fn admit(&mut self, attempt: &Attempt<'_>) -> Result<Caller, ApiError> {
        let scope = required_scope(attempt.method, attempt.template);
        let authorization = attempt.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let caller = match authorization.and_then(|text| text.split_once(' ')) {
            None => {
                return Err(ApiError::okta(401, "E0000005", "Invalid session", None));
            }
            Some(("SSWS", token)) => {
                let owner_id = self.api_tokens.get(token).ok_or_else(ApiError::invalid_token)?.clone();
                Caller::Token { owner_id }
            }
            Some((scheme, token)) => self.admit_client(attempt, scheme, token, scope)?,
        };
        let label = format!("{} {}", attempt.method, attempt.template);
        if self.denied.iter().any(|denied| denied == scope || label.contains(denied.as_str())) {
            return Err(ApiError::no_permission());
        }
        Ok(caller)
    }

    fn admit_client(
        &mut self,
        attempt: &Attempt<'_>,
        scheme: &str,
        token: &str,
        scope: &str,
    ) -> Result<Caller, ApiError> {
        let issued = self.issued.get(token).filter(|issued| issued.expires > attempt.now);
        let issued =
            issued.ok_or_else(|| challenge(scheme, "invalid_token", "The access token is invalid."))?;
        let (client_id, bound_to) = (issued.client_id.clone(), issued.bound_to.clone());
        let granted = grants(&issued.scopes, scope);
        match (scheme, bound_to) {
            ("Bearer", None) => {}
            ("DPoP", Some(thumbprint)) => self.check_proof(attempt, token, &thumbprint)?,
            _ => return Err(challenge("DPoP", "invalid_token", "The token is of another type.")),
        }
        if !granted {
            let header = format!("{scheme} error=\"insufficient_scope\", scope=\"{scope}\"");
            return Err(ApiError::no_permission().with_header(header::WWW_AUTHENTICATE, header));
        }
        Ok(Caller::Client { client_id })
    }

    fn check_proof(&mut self, attempt: &Attempt<'_>, token: &str, bound_to: &str) -> Result<(), ApiError> {
        let target = ProofTarget {
            method: attempt.method,
            url: attempt.url,
            access_token: Some(token),
            now: attempt.now,
        };
        let proof = only_proof(attempt.headers).and_then(|proof| Proof::verify(proof, &target));
        let proof = proof.map_err(|cause| challenge("DPoP", "invalid_dpop_proof", &cause))?;
        if proof.key_thumbprint != bound_to {
            return Err(challenge("DPoP", "invalid_dpop_proof", "another key than the token's"));
        }
        self.use_jti(&proof.jti).map_err(|cause| challenge("DPoP", "invalid_dpop_proof", cause))
    }

    /// Every `jti` is good for one call.
    pub fn use_jti(&mut self, jti: &str) -> Result<(), &'static str> {
        if self.used_jtis.insert(jti.to_owned()) { Ok(()) } else { Err("jti was used before") }
    }
}

/// The one `DPoP` header of a call.
pub fn only_proof(headers: &HeaderMap) -> Result<&str, String> {
    let mut proofs = headers.get_all(DPOP).iter();
    match (proofs.next(), proofs.next()) {
        (Some(proof), None) => proof.to_str().map_err(|_| "not text".to_owned()),
        (None, _) => Err("no DPoP header".to_owned()),
        (Some(_), Some(_)) => Err("more than one DPoP header".to_owned()),
    }
}

fn challenge(scheme: &str, error: &str, description: &str) -> ApiError {
    let description = description.replace('"', "'");
    let value = format!("{scheme} error=\"{error}\", error_description=\"{description}\"");
    ApiError::invalid_token().with_header(header::WWW_AUTHENTICATE, value)
}

/// `okta.users.manage` includes `okta.users.read`.
fn grants(scopes: &BTreeSet<String>, scope: &str) -> bool {
    let managing = scope.strip_suffix(".read").map(|stem| format!("{stem}.manage"));
    scopes.contains(scope) || managing.is_some_and(|managing| scopes.contains(&managing))
}

fn required_scope(method: &str, template: &str) -> &'static str {
    match (method, template) {
        ("POST" | "DELETE", _) => "okta.users.manage",
        (_, "/api/v1/users/{id}/roles" | "/api/v1/iam/assignees/users") => "okta.roles.read",
        (_, "/api/v1/meta/types/user") => "okta.userTypes.read",
        (_, "/api/v1/logs") => "okta.logs.read",
        (_, group) if group.starts_with("/api/v1/groups") => "okta.groups.read",
        _ => "okta.users.read",
    }
}
