//! Credentials: the service app's token and proofs, and what `check` finds.

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use chrono::Duration;
use inactive_contractors::clock::Clock;
use inactive_contractors::domain::account::{AccountId, UserType};
use inactive_contractors::domain::policy::Rule;
use inactive_contractors::identity::okta::{Credential, Okta};
use inactive_contractors::identity::{
    ActivityLog, Changer, Directory, IdentityError, Lifecycle, Monitored, Probe,
};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};

use crate::fake::okta::{FakeOkta, Fault};
use crate::world::{World, list, rule, settings, world, world_with};

const EC: &str = include_str!("../keys/ec-pkcs8.pem");
const EC_SEC1: &str = include_str!("../keys/ec-sec1.pem");
const EC_WITHOUT_PUBLIC: &str = include_str!("../keys/ec-without-public.pem");
const RSA: &str = include_str!("../keys/rsa-pkcs8.pem");
const RSA_PKCS1: &str = include_str!("../keys/rsa-pkcs1.pem");
const SCOPES: [&str; 5] =
    ["okta.users.manage", "okta.groups.read", "okta.logs.read", "okta.roles.read", "okta.userTypes.read"];

fn app(pem: &str, scopes: &[&str]) -> Credential {
    Credential::ServiceApp {
        client_id: "0oaBot".into(),
        private_key_pem: pem.to_owned().into(),
        key_id: Some("key-1".into()),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    }
}

fn register(fake: &FakeOkta, pem: &str) {
    let (key, algorithm) = if pem.contains("RSA") || pem == RSA {
        (EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap(), Algorithm::RS256)
    } else {
        (EncodingKey::from_ec_pem(EC.as_bytes()).unwrap(), Algorithm::ES256)
    };
    let mut public = Jwk::from_encoding_key(&key, algorithm).unwrap();
    public.common.key_id = Some("key-1".into());
    fake.register_client("0oaBot", vec![serde_json::to_value(public).unwrap()], &SCOPES);
}

async fn app_world(pem: &'static str) -> World {
    world_with(|fake| {
        register(fake, pem);
        fake.require_dpop(true);
        app(pem, &SCOPES)
    })
    .await
}

fn token_calls(world: &World) -> usize {
    world.calls().iter().filter(|call| call.ends_with("/token")).count()
}

#[tokio::test]
async fn a_service_app_works_with_every_form_of_key() {
    for pem in [EC, EC_SEC1, RSA, RSA_PKCS1] {
        let world = app_world(pem).await;
        let id = world.add("a@corp.example");
        list(&world.okta, &rule()).await.unwrap();
        world.okta.suspend(&id).await.unwrap();
        assert_eq!((token_calls(&world), world.fake.suspends("a@corp.example")), (2, 1));
    }
}

#[tokio::test]
async fn what_the_service_app_did_was_us() {
    let world = app_world(EC).await;
    let id = world.add("a@corp.example");
    world.okta.suspend(&id).await.unwrap();
    let change = world.okta.last_change(&id, world.week_ago()).await.unwrap().unwrap();
    assert_eq!(change.by, Changer::Us);
}

#[tokio::test]
async fn the_nonce_is_remembered_and_renewed() {
    let world = app_world(EC).await;
    let id = world.add("a@corp.example");
    world.okta.read(&id).await.unwrap();
    assert_eq!(token_calls(&world), 2, "one to learn the nonce");
    world.advance(Duration::hours(2));
    world.okta.read(&id).await.unwrap();
    assert_eq!(token_calls(&world), 3, "the token ended, the nonce is known");
    world.advance(Duration::hours(2));
    world.fake.rotate_dpop_nonce();
    world.okta.read(&id).await.unwrap();
    assert_eq!(token_calls(&world), 5);
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_and_again_when_it_is_refused() {
    let world = app_world(EC).await;
    let id = world.add("a@corp.example");
    let (a, b, c) = tokio::join!(world.okta.read(&id), world.okta.read(&id), world.okta.read(&id));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(token_calls(&world), 2);
    world.fake.revoke_access_tokens();
    world.okta.suspend(&id).await.unwrap();
    assert_eq!((token_calls(&world), world.fake.suspends("a@corp.example")), (3, 1));
}

#[tokio::test]
async fn a_refused_app_is_reported_with_the_fix() {
    let world = app_world(EC).await;
    let id = world.add("a@corp.example");
    for (code, fix) in [("invalid_client", "client id"), ("invalid_scope", "scope")] {
        world.fake.fail_next("POST token", Fault::Status(400, code));
        let error = world.okta.read(&id).await.unwrap_err();
        assert!(matches!(&error, IdentityError::Denied(why) if why.contains(fix)), "{error}");
    }
    world.fake.fail_always("GET", Fault::Status(401, "E0000011"));
    assert!(matches!(world.okta.read(&id).await, Err(IdentityError::Denied(_))));
}

/// An adapter with a service app, at a server of the test's own.
async fn stub(router: Router) -> Okta {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Okta::new(settings(&url, app(EC, &SCOPES)), Clock::system()).unwrap()
}

#[tokio::test]
async fn a_plain_bearer_token_is_used_without_proofs() {
    let read = get(async |headers: HeaderMap| {
        let plain = headers["authorization"] == "Bearer t0ken" && !headers.contains_key("dpop");
        if plain { Ok(r#"{"id": "00u1"}"#) } else { Err(StatusCode::UNAUTHORIZED) }
    });
    let token = post(async || r#"{"token_type": "Bearer", "access_token": "t0ken", "expires_in": 3600}"#);
    let okta = stub(Router::new().route("/oauth2/v1/token", token).fallback_service(read)).await;
    assert!(okta.read(&AccountId("00u1".into())).await.is_ok());
}

#[tokio::test]
async fn an_answer_without_oktas_mark_does_not_say_that_a_change_was_made() {
    let token = post(async || r#"{"token_type": "Bearer", "access_token": "t0ken", "expires_in": 3600}"#);
    for marked in [false, true] {
        let change = post(async move || {
            let mark = [("x-okta-request-id", "aBcD1234")];
            if marked { (mark, "").into_response() } else { "{}".into_response() }
        });
        let router = Router::new().route("/oauth2/v1/token", token.clone()).fallback_service(change);
        let okta = stub(router).await;
        let (suspended, restored) =
            (okta.suspend(&AccountId("00u1".into())).await, okta.restore(&AccountId("00u1".into())).await);
        for answer in [suspended, restored] {
            let transient = matches!(answer, Err(IdentityError::Transient(_)));
            assert_eq!((answer.is_ok(), transient), (marked, !marked), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn an_api_that_asks_for_a_nonce_gets_it() {
    let read = get(async |headers: HeaderMap| {
        let proof = headers["dpop"].to_str().unwrap();
        let proof = jsonwebtoken::dangerous::insecure_decode::<serde_json::Value>(proof).unwrap();
        let given = proof.claims["nonce"] == "n0nce";
        let status = if given { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        (status, [("dpop-nonce", "n0nce")], r#"{"id": "00u1"}"#)
    });
    let token = post(async || r#"{"token_type": "DPoP", "access_token": "t0ken", "expires_in": 3600}"#);
    let okta = stub(Router::new().route("/oauth2/v1/token", token).fallback_service(read)).await;
    assert!(okta.read(&AccountId("00u1".into())).await.is_ok());
}

#[test]
fn a_bad_key_or_address_is_refused_at_once() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let new = |url: &str, credential| {
        Okta::new(settings(url, credential), Clock::system()).map(drop).unwrap_err().to_string()
    };
    let error = new("https://example.okta.com", app("not a key, s3cret", &SCOPES));
    assert!(error.contains("PEM") && !error.contains("s3cret"), "{error}");
    let error = new("https://example.okta.com", app(EC_WITHOUT_PUBLIC, &SCOPES));
    assert!(error.contains("openssl ec -in"), "{error}");
    let token = || Credential::ApiToken("s3cret".to_owned().into());
    assert!(new("http://example.okta.com", token()).contains("https://"));
    assert!(new("https://example-admin.okta.com", token()).contains("-admin"));
    assert!(!format!("{:?}", settings("https://example.okta.com", token())).contains("s3cret"));
}

fn find<'a>(probes: &'a [Probe], what: &str) -> &'a Result<String, String> {
    let found = probes.iter().find(|probe| probe.what.contains(what));
    &found.unwrap_or_else(|| panic!("no probe of {what} in {probes:?}")).result
}

#[tokio::test]
async fn check_is_content_with_a_whole_setup() {
    let world = world().await;
    let group = world.fake.add_group("exempt");
    world.add("a@corp.example");
    world.fake.set_group("a@corp.example", &group);
    let rule = Rule { exempt_groups: vec![group], ..rule() };
    let probes = world.okta.probe(&[&rule]).await;
    assert!(probes.iter().all(|probe| probe.result.is_ok()), "{probes:?}");
    assert!(world.calls().iter().all(|call| call.starts_with("GET ")), "check changes nothing");
}

#[tokio::test]
async fn check_names_what_is_missing() {
    let world = world().await;
    world.add("a@corp.example");
    world.fake.deny("okta.logs.read");
    let misspelt = Rule { user_type: UserType::Profile("Contractors".into()), ..rule() };
    let no_type = Rule { user_type: UserType::TypeId("otyNone".into()), check_sign_in_log: false, ..rule() };
    let probes = world.okta.probe(&[&misspelt, &no_type]).await;
    assert!(find(&probes, "System Log").as_ref().unwrap_err().contains("System Log"));
    let hint = find(&probes, "\"Contractors\"").as_ref().unwrap_err();
    assert!(hint.contains("\"Contractor\""), "{hint}");
    assert!(find(&probes, "otyNone").as_ref().unwrap_err().contains("oty"));
    world.fake.revoke_api_token();
    assert_eq!(world.okta.probe(&[&rule()]).await.len(), 1, "nothing works without a credential");
}

#[tokio::test]
async fn check_says_of_a_service_app_what_cannot_be_proven() {
    let world = app_world(EC).await;
    world.add("a@corp.example");
    let probes = world.okta.probe(&[&rule()]).await;
    assert_eq!(find(&probes, "credential").as_deref(), Ok("a service app with DPoP"));
    assert!(find(&probes, "suspend").as_ref().unwrap().contains("can't be proven"));
}
