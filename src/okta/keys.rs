//! The two keys of a service app: its own, which signs who it is, and a fresh one for `DPoP`, which binds each token
//! and request to this process. Both only sign; neither ever leaves.

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use http::Method;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use p256::SecretKey;
use p256::elliptic_curve::rand_core::{OsRng, RngCore};
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use serde::Serialize;
use url::Url;

/// Okta accepts assertions of up to an hour; each is used within seconds.
const ASSERTION_LIFE_S: i64 = 300;

/// Signs the assertions that stand in for a client secret (`private_key_jwt`).
pub(super) struct Assertion {
    client_id: String,
    key: EncodingKey,
    header: Header,
}

#[derive(Serialize)]
struct AssertionClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
}

impl Assertion {
    /// Reads the key, whichever of the usual PEM forms it has, and tries it once.
    pub(super) fn new(client_id: String, pem: &str, key_id: Option<String>) -> anyhow::Result<Assertion> {
        let (key, algorithm) = read_key(pem)?;
        let mut header = Header::new(algorithm);
        header.kid = key_id;
        encode(&header, &serde_json::json!({}), &key)
            .map_err(|_| anyhow!("the Okta app's private key can't sign: it must be RSA or EC P-256"))?;
        Ok(Assertion { client_id, key, header })
    }

    pub(super) fn sign(&self, audience: &Url, now: DateTime<Utc>) -> anyhow::Result<String> {
        let claims = AssertionClaims {
            iss: &self.client_id,
            sub: &self.client_id,
            aud: audience.as_str(),
            iat: now.timestamp(),
            exp: now.timestamp() + ASSERTION_LIFE_S,
            jti: unique(),
        };
        Ok(encode(&self.header, &claims, &self.key)?)
    }
}

fn read_key(pem: &str) -> anyhow::Result<(EncodingKey, Algorithm)> {
    let pem = pem.trim();
    if let Ok(key) = EncodingKey::from_rsa_pem(pem.as_bytes()) {
        return Ok((key, Algorithm::RS256));
    }
    let key = SecretKey::from_pkcs8_pem(pem).ok().or_else(|| SecretKey::from_sec1_pem(pem).ok()).ok_or_else(
        || anyhow!("the Okta app's private key must be an unencrypted PEM file with an RSA or EC P-256 key"),
    )?;
    Ok((ec_key(&key)?, Algorithm::ES256))
}

fn ec_key(key: &SecretKey) -> anyhow::Result<EncodingKey> {
    let der = key.to_pkcs8_der().map_err(|_| anyhow!("an EC key could not be prepared for signing"))?;
    Ok(EncodingKey::from_ec_der(der.as_bytes()))
}

/// A key that lives as long as the process.
pub(super) struct DpopKey {
    key: EncodingKey,
    header: Header,
}

#[derive(Serialize)]
struct ProofClaims<'a> {
    htm: &'a str,
    htu: &'a str,
    iat: i64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<&'a str>,
}

impl DpopKey {
    pub(super) fn generate() -> anyhow::Result<DpopKey> {
        let key = ec_key(&SecretKey::random(&mut OsRng))?;
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("dpop+jwt".to_owned());
        header.jwk =
            Some(Jwk::from_encoding_key(&key, Algorithm::ES256).context("could not make a key for DPoP")?);
        Ok(DpopKey { key, header })
    }

    /// The proof for one request: no two are alike. `ath` is the hash of the access token that goes with it.
    pub(super) fn proof(
        &self,
        method: &Method,
        url: &Url,
        now: DateTime<Utc>,
        nonce: Option<&str>,
        ath: Option<&str>,
    ) -> anyhow::Result<String> {
        let mut target = url.clone();
        target.set_query(None);
        target.set_fragment(None);
        let claims = ProofClaims {
            htm: method.as_str(),
            htu: target.as_str(),
            iat: now.timestamp(),
            jti: unique(),
            nonce,
            ath,
        };
        Ok(encode(&self.header, &claims, &self.key)?)
    }
}

fn unique() -> String {
    let mut bytes = [0; 16];
    OsRng.fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}
