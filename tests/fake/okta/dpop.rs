//! `DPoP` proofs (RFC 9449), really verified.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::jwt::{said, verified_claims};

/// How far `iat` of a `DPoP` proof may be from the fake's clock.
const PROOF_AGE_MAX_S: i64 = 300;

/// The thumbprint of RFC 7638: of the members that make the key, in the order of their names.
fn thumbprint(key: &Value) -> String {
    let names: &[&str] = if key["kty"] == "RSA" { &["e", "kty", "n"] } else { &["crv", "kty", "x", "y"] };
    let members: Vec<String> = names.iter().map(|name| format!("{}:{}", json!(name), key[*name])).collect();
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{{}}}", members.join(","))))
}

/// The call that a `DPoP` proof has to be for.
pub struct ProofTarget<'a> {
    pub method: &'a str,
    /// Absolute, without query and fragment.
    pub url: &'a str,
    /// The access token that comes with the proof; `None` at the token endpoint.
    pub access_token: Option<&'a str>,
    pub now: DateTime<Utc>,
}

/// What a valid proof says. Whether its `jti` was seen before and its nonce is current is not checked yet.
pub struct Proof {
    /// SHA-256 thumbprint of the key that signed it.
    pub key_thumbprint: String,
    pub jti: String,
    pub nonce: Option<String>,
}

impl Proof {
    pub fn verify(proof: &str, target: &ProofTarget<'_>) -> Result<Proof, String> {
        let key = proof_key(proof)?;
        let claims = verified_claims(proof, &key)?;
        let expect = |name: &str, wanted: &str| {
            let found = claims[name].as_str();
            if found == Some(wanted) { Ok(()) } else { Err(format!("{name} is {found:?}, not {wanted:?}")) }
        };
        expect("htm", target.method)?;
        expect("htu", target.url)?;
        match target.access_token {
            Some(token) => expect("ath", &URL_SAFE_NO_PAD.encode(Sha256::digest(token)))?,
            None if claims.get("ath").is_some() => return Err("ath at the token endpoint".to_owned()),
            None => {}
        }
        let issued_at = claims["iat"].as_i64().ok_or("iat is missing")?;
        if (target.now.timestamp() - issued_at).abs() > PROOF_AGE_MAX_S {
            return Err(format!("iat {issued_at} is not about now"));
        }
        Ok(Proof {
            key_thumbprint: thumbprint(&key),
            jti: claims["jti"].as_str().filter(|jti| !jti.is_empty()).ok_or("jti is missing")?.to_owned(),
            nonce: claims["nonce"].as_str().map(str::to_owned),
        })
    }
}

/// The public key in the proof's header; a proof that carries its private key is refused.
fn proof_key(proof: &str) -> Result<Value, String> {
    let (header, _) = said(proof)?;
    if header["typ"] != json!("dpop+jwt") {
        return Err("typ is not dpop+jwt".to_owned());
    }
    if ["d", "p", "q", "k"].iter().any(|private| header["jwk"].get(private).is_some()) {
        return Err("jwk holds a private key".to_owned());
    }
    Ok(header["jwk"].clone())
}
