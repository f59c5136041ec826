//! Signed JWTs that callers send: client assertions (RFC 7523) and `DPoP` proofs (RFC 9449), really verified.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How far `iat` of a `DPoP` proof may be from the fake's clock.
const PROOF_AGE_MAX_S: i64 = 300;

/// The claims of a JWT that `key` signed with an asymmetric algorithm. Time claims are the caller's to check:
/// the fake's clock is not the computer's.
pub fn verified_claims(jwt: &str, key: &Jwk) -> Result<Value, String> {
    let header = decode_header(jwt).map_err(|error| format!("not a JWT: {error}"))?;
    if matches!(header.alg, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) {
        return Err("a symmetric algorithm".to_owned());
    }
    let key = DecodingKey::from_jwk(key).map_err(|error| format!("unusable key: {error}"))?;
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let token = decode::<Value>(jwt, &key, &validation).map_err(|error| format!("signature: {error}"))?;
    Ok(token.claims)
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
            key_thumbprint: key.thumbprint(ThumbprintHash::SHA256).map_err(|error| error.to_string())?,
            jti: claims["jti"].as_str().filter(|jti| !jti.is_empty()).ok_or("jti is missing")?.to_owned(),
            nonce: claims["nonce"].as_str().map(str::to_owned),
        })
    }
}

/// The public key in the proof's header; a proof that carries its private key is refused.
fn proof_key(proof: &str) -> Result<Jwk, String> {
    let header = proof.split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| "not a JWT".to_owned())?;
    let header: Value = serde_json::from_slice(&header).map_err(|_| "not a JWT".to_owned())?;
    if header["typ"] != json!("dpop+jwt") {
        return Err("typ is not dpop+jwt".to_owned());
    }
    if ["d", "p", "q", "k"].iter().any(|private| header["jwk"].get(private).is_some()) {
        return Err("jwk holds a private key".to_owned());
    }
    serde_json::from_value(header["jwk"].clone()).map_err(|error| format!("jwk: {error}"))
}
