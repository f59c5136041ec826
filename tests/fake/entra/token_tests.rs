//! The token endpoint: what an app has to get right, and the number that each mistake has.

use chrono::Duration;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::schema_tests::{Tenant, check, client, tenant};
use crate::fake::entra::{FakeEntra, Fault};

const APP: &str = FakeEntra::CLIENT_ID;
const KEY: &str = include_str!("../../keys/rsa-pkcs8.pem");
const CERTIFICATE: &str = include_str!("../../keys/rsa-certificate.pem");
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ISSUER: &str = "https://cluster.example";
const SUBJECT: &str = "system:serviceaccount:bots:inactive";

fn key() -> EncodingKey {
    EncodingKey::from_rsa_pem(KEY.as_bytes()).expect("a key of these tests")
}

/// The certificate's thumbprint, as openssl says it.
const THUMBPRINT: &str = "6e65iNij99Yp_xbxaGxhBvSyCRwXgEbXnQqCo_cQhps";

fn header() -> Header {
    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = Some(THUMBPRINT.to_owned());
    header
}

fn claims(tenant: &Tenant) -> Value {
    let now = tenant.now().timestamp();
    let jti: String = std::iter::repeat_with(fastrand::alphanumeric).take(16).collect();
    json!({
        "aud": tenant.token_url(), "iss": APP, "sub": APP, "jti": jti, "nbf": now, "iat": now, "exp": now + 300,
    })
}

async fn send(tenant: &Tenant, fields: &[(&str, &str)]) -> Value {
    let scope = tenant.scope();
    let mut all = vec![("grant_type", "client_credentials"), ("client_id", APP), ("scope", scope.as_str())];
    all.retain(|(name, _)| fields.iter().all(|(other, _)| other != name));
    all.extend(fields);
    let response = client().post(tenant.token_url()).form(&all).send().await.expect("an answer");
    let status = response.status().as_u16();
    let body: Value = response.json().await.expect("JSON");
    if status == 200 {
        assert_eq!(body["token_type"], "Bearer");
        return body;
    }
    let number = body["error_codes"][0].as_u64().expect("a number");
    let text = body["error_description"].as_str().expect("a text");
    assert!(text.starts_with(&format!("AADSTS{number}: ")) && body["error"].is_string(), "{body}");
    assert!(body["trace_id"].is_string() && body["correlation_id"].is_string(), "{body}");
    body
}

async fn assert_number(tenant: &Tenant, fields: &[(&str, &str)], number: u64) {
    let body = send(tenant, fields).await;
    assert_eq!(body["error_codes"], json!([number]), "{body}");
}

async fn with_assertion(tenant: &Tenant, assertion: &str) -> Value {
    send(tenant, &[("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)]).await
}

/// The claims of an access token, which clients should treat as opaque.
fn payload(token: &Value) -> Value {
    use base64::Engine;
    let part = token["access_token"].as_str().and_then(|token| token.split('.').nth(1)).expect("a JWT");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[tokio::test]
async fn a_secret_gets_a_token_with_what_is_granted_then() {
    let tenant = tenant().await;
    let secret = tenant.client_secret();
    let body = send(&tenant, &[("client_secret", &secret)]).await;
    let life = body["expires_in"].as_i64().expect("seconds");
    assert!((3599..5400).contains(&life), "{life}");
    let said = payload(&body);
    assert_eq!(said["oid"], json!(tenant.service_principal(APP)));
    assert_eq!(said["roles"].as_array().map(Vec::len), Some(FakeEntra::PERMISSIONS.len()));

    assert_eq!(tenant.get("/groups", &[]).await.status, 200);
    tenant.withdraw(APP, "GroupMember.Read.All");
    assert_eq!(tenant.get("/groups", &[]).await.status, 200, "the token is older");
    tenant.sign_in_app().await;
    assert_eq!(tenant.get("/groups", &[]).await.refusal(), (403, "Authorization_RequestDenied"));
    tenant.grant(APP, "GroupMember.Read.All");
    assert_eq!(tenant.get("/groups", &[]).await.status, 403, "the token is older");
}

#[tokio::test]
async fn a_token_ends() {
    let tenant = tenant().await;
    tenant.clock.advance(Duration::minutes(59));
    assert_eq!(tenant.get("/users", &[]).await.status, 200);
    tenant.clock.advance(Duration::minutes(32));
    let answer = tenant.get("/users", &[]).await;
    assert_eq!(answer.refusal(), (401, "InvalidAuthenticationToken"));
    tenant.sign_in_app().await;
    tenant.revoke_access_tokens();
    assert_eq!(tenant.get("/users", &[]).await.status, 401);
    let bare = client().get(format!("{}/v1.0/users", tenant.url()));
    assert_eq!(check(bare).await.refusal(), (401, "InvalidAuthenticationToken"));
}

#[tokio::test]
async fn mistakes_of_the_form_have_their_numbers() {
    let tenant = tenant().await;
    let secret = tenant.client_secret();
    let with = |name, value| [("client_secret", secret.as_str()), (name, value)];
    assert_number(&tenant, &with("grant_type", "password"), 70_003).await;
    assert_number(&tenant, &with("scope", "https://graph.microsoft.com/.default"), 500_011).await;
    assert_number(&tenant, &with("scope", "User.Read.All"), 1_002_012).await;
    assert_number(&tenant, &with("scope", ""), 900_144).await;
    assert_number(&tenant, &with("client_id", "00000000-0000-4000-8000-000000000000"), 700_016).await;
    assert_number(&tenant, &with("resource", "https://graph.microsoft.com"), 9_002_313).await;
    assert_number(&tenant, &with("client_assertion", "x"), 7_000_216).await;
    assert_number(&tenant, &[], 7_000_216).await;
    for (name, number) in [("b.example", 90_002), ("common", 50_059)] {
        let url = format!("{}/{name}/oauth2/v2.0/token", tenant.url());
        let scope = tenant.scope();
        let fields = [("grant_type", "client_credentials"), ("client_id", APP), ("scope", &scope)];
        let body: Value =
            client().post(url).form(&fields).send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(body["error_codes"], json!([number]));
    }
    tenant.fail_next("POST token", Fault::Status(503, "90033"));
    assert_number(&tenant, &[("client_secret", &secret)], 90_033).await;
}

#[tokio::test]
async fn secrets_expire_and_their_id_is_none() {
    let tenant = tenant().await;
    let old = tenant.add_secret(APP, Duration::days(1));
    assert_number(&tenant, &[("client_secret", &tenant.client_secret_id())], 7_000_215).await;
    assert_number(&tenant, &[("client_secret", "guessed")], 7_000_215).await;
    assert!(send(&tenant, &[("client_secret", &old)]).await["access_token"].is_string());
    tenant.clock.advance(Duration::days(2));
    assert_number(&tenant, &[("client_secret", &old)], 7_000_222).await;
    let secret = tenant.client_secret();
    tenant.make_public(APP, true);
    assert_number(&tenant, &[("client_secret", &secret)], 700_025).await;
    tenant.enable_app(APP, false);
    assert_number(&tenant, &[("client_secret", &secret)], 7_000_112).await;
}

#[tokio::test]
async fn a_certificate_signs_by_ps256() {
    let tenant = tenant().await;
    tenant.add_certificate(APP, CERTIFICATE, tenant.now() + Duration::days(30));
    let good = encode(&header(), &claims(&tenant), &key()).expect("signing works");
    assert!(with_assertion(&tenant, &good).await["access_token"].is_string());
    assert_eq!(with_assertion(&tenant, &good).await["error_codes"], json!([700_027]), "used before");
    let mut padded = header();
    padded.x5t_s256 = Some(format!("{THUMBPRINT}="));
    let mut fractions = claims(&tenant);
    let exp = format!("{}.25", tenant.now().timestamp() + 300);
    fractions["exp"] = serde_json::from_str(&exp).expect("a number");
    let padded = encode(&padded, &fractions, &key()).expect("signing works");
    assert!(with_assertion(&tenant, &padded).await["access_token"].is_string());
    tenant.clock.advance(Duration::days(31));
    let late = encode(&header(), &claims(&tenant), &key()).expect("signing works");
    assert_eq!(with_assertion(&tenant, &late).await["error_codes"], json!([700_027]));
}

#[tokio::test]
async fn assertions_that_are_wrong_are_refused() {
    let tenant = tenant().await;
    tenant.add_certificate(APP, CERTIFICATE, tenant.now() + Duration::days(30));
    let now = tenant.now().timestamp();
    let wrong = [
        ("aud", json!(tenant.url()), 700_023),
        ("sub", json!("somebody"), 700_021),
        ("iss", json!("https://somebody.example"), 700_211),
        ("exp", json!(now - 1), 700_024),
        ("exp", json!(now + 7200), 700_024),
        ("nbf", json!(now + 3600), 700_024),
        ("jti", json!(""), 700_027),
    ];
    for (name, value, number) in wrong {
        let mut claims = claims(&tenant);
        claims[name] = value;
        let assertion = encode(&header(), &claims, &key()).expect("signing works");
        assert_eq!(with_assertion(&tenant, &assertion).await["error_codes"], json!([number]), "{name}");
    }
    let mut by_rs256 = header();
    by_rs256.alg = Algorithm::RS256;
    let mut nameless = header();
    nameless.x5t_s256 = None;
    for header in [by_rs256, nameless] {
        let assertion = encode(&header, &claims(&tenant), &key()).expect("signing works");
        assert_eq!(with_assertion(&tenant, &assertion).await["error_codes"], json!([700_027]));
    }
    let signed = encode(&header(), &claims(&tenant), &key()).expect("signing works");
    let other = encode(&header(), &claims(&tenant), &key()).expect("signing works");
    let (body, _) = signed.rsplit_once('.').expect("a JWT");
    let (_, signature) = other.rsplit_once('.').expect("a JWT");
    let forged = format!("{body}.{signature}");
    assert_eq!(with_assertion(&tenant, &forged).await["error_codes"], json!([50_012]));
    assert_eq!(with_assertion(&tenant, "nonsense").await["error_codes"], json!([50_027]));
    let fields = [("client_assertion", signed.as_str())];
    assert_number(&tenant, &fields, 900_144).await;
}

#[tokio::test]
async fn a_federated_token_stands_for_the_app() {
    let tenant = tenant().await;
    let jwk = Jwk::from_encoding_key(&key(), Algorithm::RS256).expect("a key of these tests");
    let keys = vec![serde_json::to_value(jwk).expect("a JWK is JSON")];
    let token = |issuer: &str, subject: &str, audience: &str, exp: i64| {
        let claims = json!({ "iss": issuer, "sub": subject, "aud": audience, "exp": exp });
        encode(&Header::new(Algorithm::RS256), &claims, &key()).expect("signing works")
    };
    let (now, audience) = (tenant.now().timestamp(), "api://AzureADTokenExchange");
    let good = token(ISSUER, SUBJECT, audience, now + 600);
    assert_eq!(with_assertion(&tenant, &good).await["error_codes"], json!([700_211]), "no federation yet");
    tenant.add_federation(APP, ISSUER, SUBJECT, keys);
    for _ in 0..2 {
        assert!(with_assertion(&tenant, &good).await["access_token"].is_string());
    }
    for (wrong, number) in [
        (token("https://other.example", SUBJECT, audience, now + 600), 700_211),
        (token(ISSUER, "system:serviceaccount:bots:other", audience, now + 600), 700_213),
        (token(ISSUER, SUBJECT, "api://other", now + 600), 700_212),
        (token(ISSUER, SUBJECT, audience, now - 1), 500_133),
        (format!("{}x", good.trim_end_matches(char::is_alphanumeric)), 50_013),
    ] {
        assert_eq!(with_assertion(&tenant, &wrong).await["error_codes"], json!([number]), "{number}");
    }
}
