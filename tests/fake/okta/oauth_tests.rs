//! The fake's token endpoint and `DPoP`: what a service app has to get right, and what is refused.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::tests::{client, org};
use crate::fake::okta::{FakeOkta, Fault};

const APP: &str = "0oaServiceApp";

/// Keys of these tests only.
const ASSERTION_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgE2dSM6JWNQLPE6++
OotiZjo1BmRkP+y4U4m8tJg2jgihRANCAAR/Gk1JKa+zr/eAL8bCsP4mA8ObfHnv
7Fd9Wqa4AGEgyegucVLsUZYiSAPEiwcQVKyGdTu2fQyZK7TBK4qHTIMx
-----END PRIVATE KEY-----";
const PROOF_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgBzhOLatgNKAlTkn+
61bHO5ADNjeFeC/dihil/MFKKLShRANCAATypL99O6bSrfTNSs9bFtfcD+RurNxT
rqMrwoux7ZPYVQ9wY9pg9bhYUYpZPGBVEaPFkOxIoLVriENvxS0dJZtK
-----END PRIVATE KEY-----";

fn key(pem: &str) -> EncodingKey {
    EncodingKey::from_ec_pem(pem.as_bytes()).expect("a key of these tests")
}

fn public(pem: &str) -> Value {
    let jwk = Jwk::from_encoding_key(&key(pem), Algorithm::ES256).expect("a key of these tests");
    serde_json::to_value(jwk).expect("a JWK is JSON")
}

fn unique() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(16).collect()
}

async fn service_app() -> FakeOkta {
    let okta = org().await;
    okta.register_client(APP, vec![public(ASSERTION_KEY)], &["okta.users.manage", "okta.logs.read"]);
    okta
}

fn claims(okta: &FakeOkta) -> Value {
    let now = okta.now().timestamp();
    let audience = format!("{}/oauth2/v1/token", okta.url());
    json!({ "iss": APP, "sub": APP, "aud": audience, "exp": now + 300, "iat": now, "jti": unique() })
}

fn assertion(claims: &Value, pem: &str) -> String {
    encode(&Header::new(Algorithm::ES256), claims, &key(pem)).expect("signing works")
}

fn token_request(okta: &FakeOkta, assertion: &str, scope: &str) -> RequestBuilder {
    client().post(format!("{}/oauth2/v1/token", okta.url())).form(&[
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", scope),
    ])
}

/// A `DPoP` proof for this call; `extra` holds `nonce` or `ath` and may replace any claim.
fn proof(okta: &FakeOkta, method: &str, path: &str, extra: &Value) -> String {
    let url = format!("{}{path}", okta.url());
    let mut claims = json!({ "htm": method, "htu": url, "iat": okta.now().timestamp(), "jti": unique() });
    let extra = extra.as_object().expect("an object").clone();
    claims.as_object_mut().expect("an object").extend(extra);
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some("dpop+jwt".to_owned());
    header.jwk = Some(serde_json::from_value(public(PROOF_KEY)).expect("a JWK"));
    encode(&header, &claims, &key(PROOF_KEY)).expect("signing works")
}

async fn send(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.expect("an answer");
    (response.status(), response.json().await.expect("a JSON body"))
}

async fn with_nonce(okta: &FakeOkta, nonce: &str) -> Response {
    let proof = proof(okta, "POST", "/oauth2/v1/token", &json!({ "nonce": nonce }));
    let assertion = assertion(&claims(okta), ASSERTION_KEY);
    let request = token_request(okta, &assertion, "okta.users.manage").header("DPoP", proof);
    request.send().await.expect("an answer")
}

/// The two steps of getting a bound token.
async fn bound_token(okta: &FakeOkta) -> String {
    let first = with_nonce(okta, "none yet").await;
    assert_eq!(first.status(), StatusCode::BAD_REQUEST);
    let nonce = first.headers()["dpop-nonce"].to_str().expect("text").to_owned();
    assert_eq!(first.json::<Value>().await.expect("a JSON body")["error"], "use_dpop_nonce");
    let second: Value = with_nonce(okta, &nonce).await.json().await.expect("a JSON body");
    assert_eq!((&second["token_type"], &second["expires_in"]), (&json!("DPoP"), &json!(3600)));
    second["access_token"].as_str().expect("a token").to_owned()
}

fn call(okta: &FakeOkta, path: &str, token: &str, proof: &str) -> RequestBuilder {
    let request = client().request(Method::GET, format!("{}{path}", okta.url()));
    request.header("Authorization", format!("DPoP {token}")).header("DPoP", proof)
}

fn ath(token: &str) -> Value {
    json!({ "ath": URL_SAFE_NO_PAD.encode(Sha256::digest(token)) })
}

#[tokio::test]
async fn a_signed_assertion_gets_a_bearer_token_with_its_scopes() {
    let okta = service_app().await;
    let assertion = assertion(&claims(&okta), ASSERTION_KEY);
    let (_, answer) = send(token_request(&okta, &assertion, "okta.users.manage")).await;
    assert_eq!((&answer["token_type"], &answer["scope"]), (&json!("Bearer"), &json!("okta.users.manage")));
    let token = answer["access_token"].as_str().expect("a token");
    let get = |path: &str| client().get(format!("{}{path}", okta.url())).bearer_auth(token);
    assert_eq!(send(get("/api/v1/users")).await.0, StatusCode::OK);
    let (status, refusal) = send(get("/api/v1/logs")).await;
    assert_eq!((status.as_u16(), &refusal["errorCode"]), (403, &json!("E0000006")));
    let (_, again) = send(token_request(&okta, &assertion, "okta.users.manage")).await;
    assert_eq!(again["error"], "invalid_client");
    okta.revoke_access_tokens();
    assert_eq!(send(get("/api/v1/users")).await.1["errorCode"], "E0000011");
}

#[tokio::test]
async fn assertions_that_are_wrong_are_refused() {
    let okta = service_app().await;
    let now = okta.now().timestamp();
    for (name, wrong) in [
        ("aud", json!(okta.url())),
        ("iss", json!("somebody")),
        ("sub", json!("somebody")),
        ("exp", json!(now - 1)),
        ("exp", json!(now + 7200)),
    ] {
        let mut claims = claims(&okta);
        claims[name] = wrong;
        let request = token_request(&okta, &assertion(&claims, ASSERTION_KEY), "okta.logs.read");
        let (status, answer) = send(request).await;
        assert_eq!((status.as_u16(), &answer["error"]), (401, &json!("invalid_client")), "{name}");
    }
    let forged = assertion(&claims(&okta), PROOF_KEY);
    assert_eq!(send(token_request(&okta, &forged, "okta.logs.read")).await.1["error"], "invalid_client");
    let greedy = assertion(&claims(&okta), ASSERTION_KEY);
    assert_eq!(send(token_request(&okta, &greedy, "okta.apps.read")).await.1["error"], "invalid_scope");
    okta.fail_next("POST token", Fault::Status(500, "server_error"));
    assert_eq!(send(token_request(&okta, &greedy, "okta.logs.read")).await.1["error"], "server_error");
}

#[tokio::test]
async fn a_bound_token_takes_a_nonce_and_every_call_a_proof_of_its_own() {
    let okta = service_app().await;
    okta.require_dpop(true);
    let bare = token_request(&okta, &assertion(&claims(&okta), ASSERTION_KEY), "okta.users.manage");
    assert_eq!(send(bare).await.1["error"], "invalid_dpop_proof");
    let token = bound_token(&okta).await;
    let good = proof(&okta, "GET", "/api/v1/users", &ath(&token));
    assert_eq!(send(call(&okta, "/api/v1/users?limit=1", &token, &good)).await.0, StatusCode::OK);
    assert_eq!(send(call(&okta, "/api/v1/users", &token, &good)).await.0, StatusCode::UNAUTHORIZED);
    let bearer = client().get(format!("{}/api/v1/users", okta.url())).bearer_auth(&token);
    assert_eq!(send(bearer).await.0, StatusCode::UNAUTHORIZED);
    okta.rotate_dpop_nonce();
    bound_token(&okta).await;
}

#[tokio::test]
async fn proofs_that_are_wrong_are_refused() {
    let okta = service_app().await;
    let token = bound_token(&okta).await;
    let good = ath(&token);
    let proofs = [
        ("no ath", proof(&okta, "GET", "/api/v1/users", &json!({}))),
        ("another token's ath", proof(&okta, "GET", "/api/v1/users", &ath("another"))),
        ("method", proof(&okta, "POST", "/api/v1/users", &good)),
        ("query in htu", proof(&okta, "GET", "/api/v1/users?limit=1", &good)),
        ("not a JWT", "nonsense".to_owned()),
    ];
    for (name, proof) in proofs {
        let response = call(&okta, "/api/v1/users?limit=1", &token, &proof).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{name}");
        let challenge = response.headers()["www-authenticate"].to_str().expect("text");
        assert!(challenge.contains("invalid_dpop_proof"), "{name}: {challenge}");
    }
}
