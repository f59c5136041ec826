//! `POST /oauth2/v1/token`: client credentials with `private_key_jwt`, and `DPoP` with its nonce
//! (<https://developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/>,
//! <https://developer.okta.com/docs/guides/dpop/oktaresourceserver/main/>).

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::{Form, Json};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::super::jwt::{said, verified_claims};
use super::super::wire::random_text;
use super::Shared;
use super::access::{Access, Client, DPOP, DPOP_NONCE, Issued, only_proof};
use super::dpop::{Proof, ProofTarget};
use super::wire::{ApiError, Reply};

/// An access token lives exactly one hour and can't be renewed.
const TOKEN_LIFE: Duration = Duration::hours(1);
/// How far ahead `exp` of an assertion may be.
const ASSERTION_LIFE_MAX: Duration = Duration::hours(1);
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

type Fields = BTreeMap<String, String>;

/// The handler.
pub async fn token(State(world): State<Shared>, headers: HeaderMap, Form(fields): Form<Fields>) -> Reply {
    let url = format!("{}/oauth2/v1/token", world.base);
    let now = world.clock.now();
    let mut state = world.lock();
    let access = &mut state.access;
    let (client_id, scopes) = identify(access, &fields, &url, now)?;
    let bound_to = bind(access, &headers, &url, now)?;
    use_assertion(access, &fields)?;
    let token = random_text(64);
    let answer = json!({
        "token_type": if bound_to.is_some() { "DPoP" } else { "Bearer" },
        "expires_in": TOKEN_LIFE.num_seconds(),
        "access_token": token,
        "scope": scopes.iter().cloned().collect::<Vec<_>>().join(" "),
    });
    access.issued.insert(token, Issued { client_id, scopes, expires: now + TOKEN_LIFE, bound_to });
    Ok(Json(answer).into_response())
}

/// Checks everything about the request but the `DPoP` proof.
fn identify(
    access: &Access,
    fields: &Fields,
    url: &str,
    now: DateTime<Utc>,
) -> Result<(String, BTreeSet<String>), ApiError> {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    if field("grant_type") != "client_credentials" {
        return Err(ApiError::oauth(400, "unsupported_grant_type", "Only client_credentials is supported."));
    }
    if field("client_assertion_type") != ASSERTION_TYPE {
        return Err(invalid_client("client_assertion_type is missing or wrong"));
    }
    let assertion = field("client_assertion");
    let (header, claimed) = said(assertion).map_err(|_| invalid_client("client_assertion is not a JWT"))?;
    let client_id = claimed["sub"].as_str().unwrap_or_default();
    let client = access.clients.get(client_id).ok_or_else(|| invalid_client("unknown client"))?;
    let claims = signed_claims(client, assertion, header["kid"].as_str())?;
    check_claims(&claims, client_id, url, now).map_err(|cause| invalid_client(&cause))?;
    let scopes: BTreeSet<String> = field("scope").split_whitespace().map(str::to_owned).collect();
    if scopes.is_empty() || !scopes.is_subset(&client.scopes) {
        return Err(ApiError::oauth(
            400,
            "invalid_scope",
            "One or more scopes are not granted to the client.",
        ));
    }
    Ok((client_id.to_owned(), scopes))
}

/// With several keys registered the assertion has to name its own.
fn signed_claims(client: &Client, assertion: &str, kid: Option<&str>) -> Result<Value, ApiError> {
    let key = match (client.keys.as_slice(), kid) {
        ([only], None) => Some(only),
        (keys, _) => keys.iter().find(|key| key["kid"].as_str() == kid),
    };
    let key = key.ok_or_else(|| invalid_client("no registered key has this kid"))?;
    verified_claims(assertion, key).map_err(|cause| invalid_client(&cause))
}

fn check_claims(claims: &Value, client_id: &str, url: &str, now: DateTime<Utc>) -> Result<(), String> {
    if claims["iss"].as_str() != Some(client_id) {
        return Err("iss is not sub".to_owned());
    }
    if claims["aud"].as_str() != Some(url) {
        return Err(format!("aud is not {url}"));
    }
    let expires = claims["exp"].as_i64().and_then(|exp| DateTime::from_timestamp(exp, 0));
    let expires = expires.ok_or("exp is missing")?;
    if expires <= now {
        return Err("the assertion is expired".to_owned());
    }
    if expires > now + ASSERTION_LIFE_MAX {
        return Err("exp is more than an hour ahead".to_owned());
    }
    Ok(())
}

/// The thumbprint that the token is to be bound to; `None` for a Bearer token.
fn bind(
    access: &mut Access,
    headers: &HeaderMap,
    url: &str,
    now: DateTime<Utc>,
) -> Result<Option<String>, ApiError> {
    let invalid = |cause: &str| ApiError::oauth(400, "invalid_dpop_proof", cause);
    if !access.dpop_required && !headers.contains_key(DPOP) {
        return Ok(None);
    }
    let target = ProofTarget { method: "POST", url, access_token: None, now };
    let proof = only_proof(headers).and_then(|proof| Proof::verify(proof, &target));
    let proof = proof.map_err(|cause| invalid(&cause))?;
    access.use_jti(&proof.jti).map_err(invalid)?;
    if proof.nonce.as_ref() != Some(&access.nonce) {
        let description = "Authorization server requires nonce in DPoP proof.";
        let error = ApiError::oauth(400, "use_dpop_nonce", description);
        return Err(error.with_header(DPOP_NONCE, access.nonce.clone()));
    }
    Ok(Some(proof.key_thumbprint))
}

/// An assertion with a `jti` is good for one token.
fn use_assertion(access: &mut Access, fields: &Fields) -> Result<(), ApiError> {
    let claims = said(&fields["client_assertion"]).map(|(_, claims)| claims).unwrap_or_default();
    match claims["jti"].as_str() {
        Some(jti) => access.use_jti(&format!("assertion {jti}")).map_err(invalid_client),
        None => Ok(()),
    }
}

fn invalid_client(description: &str) -> ApiError {
    ApiError::oauth(401, "invalid_client", description)
}
