//! The two keys of an app that signs in with OAuth: its own, which signs who it is, and a fresh one for `DPoP`, which
//! binds each token and request to this process. Both only sign; neither ever leaves.
//!
//! What they sign are JSON web tokens (<https://www.rfc-editor.org/rfc/rfc7515>): two JSON objects and a signature.
//! They are put together here and signed by ring, which TLS needs anyway: the libraries for such tokens sign with RSA
//! in a way that leaks the key through its timing (RUSTSEC-2023-0071).

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use http::Method;
use ring::rand::{SecureRandom, SystemRandom};
use ring::rsa;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::zeroize::Zeroizing;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

/// Each assertion is used within seconds; services accept them for minutes.
const ASSERTION_LIFE_S: i64 = 300;

/// In a token's header: which certificate has the key.
const THUMBPRINT: &str = "x5t#S256";

/// DER of the algorithm of an EC key on P-256: <https://www.rfc-editor.org/rfc/rfc5480#section-2.1.1>.
const EC_P256: [u8; 21] = [
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07,
];

/// A key that can sign with the algorithms that token endpoints take.
enum SigningKey {
    Rsa(rsa::KeyPair),
    /// The same kind of key, for signatures with a random part in them.
    RsaPss(rsa::KeyPair),
    Ec(EcdsaKeyPair),
}

impl SigningKey {
    /// Reads the key of `whose` app, whichever of the usual PEM forms it has.
    fn read(pem: &str, whose: &str) -> anyhow::Result<SigningKey> {
        let key = PrivateKeyDer::from_pem_slice(pem.trim().as_bytes()).map(Zeroizing::new).map_err(|_| {
            anyhow!("{whose}'s private key must be an unencrypted PEM file with an RSA or EC P-256 key")
        })?;
        let read = match &*key {
            PrivateKeyDer::Pkcs1(key) => rsa::KeyPair::from_der(key.secret_pkcs1_der()).map(SigningKey::Rsa),
            PrivateKeyDer::Pkcs8(key) => {
                let der = key.secret_pkcs8_der();
                rsa::KeyPair::from_pkcs8(der).map(SigningKey::Rsa).or_else(|_| SigningKey::ec(der))
            }
            PrivateKeyDer::Sec1(key) => SigningKey::ec(&in_pkcs8(key.secret_sec1_der())),
            _ => return Err(anyhow!("{whose}'s private key is of a kind that can't be read")),
        };
        read.map_err(|why| {
            anyhow!(
                "{whose}'s private key can't sign ({why}): it must be RSA of 2048 to 4096 bits, or EC P-256 with its \
                 public key in the file, which `openssl ec -in old.pem -out new.pem` adds"
            )
        })
    }

    fn ec(pkcs8: &[u8]) -> Result<SigningKey, ring::error::KeyRejected> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new())
            .map(SigningKey::Ec)
    }

    /// The name of its signatures in a token's header.
    fn algorithm(&self) -> &'static str {
        match self {
            SigningKey::Rsa(_) => "RS256",
            SigningKey::RsaPss(_) => "PS256",
            SigningKey::Ec(_) => "ES256",
        }
    }

    fn sign(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let random = SystemRandom::new();
        let failed = |_| anyhow!("a key could not sign");
        let by_rsa = |key: &rsa::KeyPair, encoding: &'static dyn RsaEncoding| {
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(encoding, &random, message, &mut signature).map_err(failed)?;
            Ok(signature)
        };
        match self {
            SigningKey::Rsa(key) => by_rsa(key, &RSA_PKCS1_SHA256),
            SigningKey::RsaPss(key) => by_rsa(key, &RSA_PSS_SHA256),
            SigningKey::Ec(key) => {
                key.sign(&random, message).map(|signature| signature.as_ref().to_vec()).map_err(failed)
            }
        }
    }

    /// A token with this header and these claims.
    fn token(&self, header: &Value, claims: &impl Serialize) -> anyhow::Result<String> {
        let encode = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
        let signed =
            format!("{}.{}", encode(serde_json::to_vec(header)?), encode(serde_json::to_vec(claims)?));
        let signature = self.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", encode(signature)))
    }
}

/// An EC key on P-256 in the form that says what it is: <https://www.rfc-editor.org/rfc/rfc5208#section-5>.
fn in_pkcs8(sec1: &[u8]) -> Zeroizing<Vec<u8>> {
    let key = der(0x04, &[sec1]);
    der(0x30, &[&[0x02, 0x01, 0x00], &EC_P256, &key])
}

/// One DER value. No key of this size needs more than two bytes for its length.
fn der(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let size = parts.iter().map(|part| part.len()).sum::<usize>();
    let length = u16::try_from(size).unwrap_or(u16::MAX);
    // As short as it can be, as DER wants it.
    let head = match length.to_be_bytes() {
        [0, low @ ..128] => vec![tag, low],
        [0, low] => vec![tag, 0x81, low],
        [high, low] => vec![tag, 0x82, high, low],
    };
    // With room for all from the start: what outgrows its room leaves a copy behind that nobody wipes.
    let mut value = Zeroizing::new(Vec::with_capacity(head.len() + size));
    value.extend_from_slice(&head);
    for part in parts {
        value.extend_from_slice(part);
    }
    value
}

/// Signs the assertions that stand in for a client secret (`private_key_jwt`).
pub struct Assertion {
    client_id: String,
    key: SigningKey,
    header: Value,
}

#[derive(Serialize)]
struct AssertionClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    /// Microsoft's endpoints want it, Okta's don't.
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    exp: i64,
    jti: String,
}

impl Assertion {
    /// Reads the key and tries it once. `whose` names the app in the errors, like "the Okta app".
    pub fn new(
        client_id: String,
        pem: &str,
        key_id: Option<String>,
        whose: &str,
    ) -> anyhow::Result<Assertion> {
        let key = SigningKey::read(pem, whose)?;
        let mut header = json!({ "typ": "JWT", "alg": key.algorithm() });
        if let Some(id) = key_id {
            header["kid"] = id.into();
        }
        Assertion::tried(client_id, key, header)
    }

    /// Reads a certificate with its RSA key, both in one PEM text, and tries the key once. The assertions name the
    /// certificate by its thumbprint, as Microsoft's endpoints want it. `whose` names the app in the errors.
    /// <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>
    pub fn with_certificate(client_id: String, pem: &str, whose: &str) -> anyhow::Result<Assertion> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
            anyhow!("{whose}'s PEM file has no certificate: it must hold the certificate and its private key")
        })?;
        let SigningKey::Rsa(key) = SigningKey::read(pem, whose)? else {
            return Err(anyhow!(
                "{whose}'s key is no RSA key, and its certificate needs one of 2048 to 4096 bits"
            ));
        };
        let key = SigningKey::RsaPss(key);
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate));
        let header = json!({ "typ": "JWT", "alg": key.algorithm(), THUMBPRINT: thumbprint });
        Assertion::tried(client_id, key, header)
    }

    fn tried(client_id: String, key: SigningKey, header: Value) -> anyhow::Result<Assertion> {
        key.token(&header, &json!({}))?;
        Ok(Assertion { client_id, key, header })
    }

    /// Makes an assertion for a token endpoint; no two are alike.
    pub fn sign(&self, audience: &Url, now: DateTime<Utc>) -> anyhow::Result<String> {
        let claims = AssertionClaims {
            iss: &self.client_id,
            sub: &self.client_id,
            aud: audience.as_str(),
            iat: now.timestamp(),
            nbf: self.header.get(THUMBPRINT).map(|_| now.timestamp()),
            exp: now.timestamp() + ASSERTION_LIFE_S,
            jti: unique()?,
        };
        self.key.token(&self.header, &claims)
    }
}

/// The key of one process for `DPoP` (<https://www.rfc-editor.org/rfc/rfc9449>).
pub struct DpopKey {
    key: SigningKey,
    header: Value,
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
    /// Makes a fresh key.
    pub fn generate() -> anyhow::Result<DpopKey> {
        let failed = || anyhow!("could not make a key for DPoP");
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| failed())?;
        let SigningKey::Ec(key) = SigningKey::ec(pkcs8.as_ref()).map_err(|_| failed())? else {
            return Err(failed());
        };
        // An uncompressed point: 4, then both coordinates.
        let point = key.public_key().as_ref();
        let (x, y) = point.get(1..33).zip(point.get(33..65)).context("a P-256 key has two coordinates")?;
        let [x, y] = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
        Ok(DpopKey { key: SigningKey::Ec(key), header })
    }

    /// Makes the proof for one request; no two are alike. `ath` is the hash of the access token that goes with it.
    pub fn proof(
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
            jti: unique()?,
            nonce,
            ath,
        };
        self.key.token(&self.header, &claims)
    }
}

fn unique() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow!("this machine has no randomness to give"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
