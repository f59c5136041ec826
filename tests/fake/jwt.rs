//! Signed JWTs that callers send, really verified. Keys are JWKs as JSON.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::Value;

/// Header and claims of a JWT, as the sender says: nothing is verified.
pub fn said(jwt: &str) -> Result<(Value, Value), String> {
    let mut parts = jwt.split('.').map(|part| serde_json::from_slice(&bytes(part)?).map_err(not_a_jwt));
    match (parts.next(), parts.next()) {
        (Some(header), Some(claims)) => Ok((header?, claims?)),
        _ => Err(not_a_jwt(())),
    }
}

/// What a JWT's signature is over, and the signature.
pub fn signed(jwt: &str) -> Result<(&[u8], Vec<u8>), String> {
    let (signed, signature) = jwt.rsplit_once('.').ok_or_else(|| not_a_jwt(()))?;
    Ok((signed.as_bytes(), bytes(signature)?))
}

fn not_a_jwt<T>(_: T) -> String {
    "not a JWT".to_owned()
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD.decode(text).map_err(not_a_jwt)
}

/// The claims of a JWT that `key` signed by RS256, RS384, RS512 or ES256. Time claims are the caller's to check:
/// the fake's clock is not the computer's.
pub fn verified_claims(jwt: &str, key: &Value) -> Result<Value, String> {
    let (header, claims) = said(jwt)?;
    let (signed, signature) = signed(jwt)?;
    let part = |name: &str| bytes(key[name].as_str().unwrap_or_default());
    let rsa = |algorithm: &'static RsaParameters| {
        RsaPublicKeyComponents { n: part("n")?, e: part("e")? }
            .verify(algorithm, signed, &signature)
            .map_err(|_| "signature".to_owned())
    };
    let algorithm = header["alg"].as_str().unwrap_or_default();
    match (key["kty"].as_str(), key["crv"].as_str(), algorithm) {
        (Some("RSA"), _, "RS256") => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        (Some("RSA"), _, "RS384") => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        (Some("RSA"), _, "RS512") => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        (Some("EC"), Some("P-256"), "ES256") => {
            // An uncompressed point: <https://www.rfc-editor.org/rfc/rfc5480#section-2.2>.
            let point = [vec![4], part("x")?, part("y")?].concat();
            UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                .verify(signed, &signature)
                .map_err(|_| "signature".to_owned())
        }
        _ => Err(format!("the algorithm {algorithm:?} is not for this key")),
    }?;
    Ok(claims)
}
