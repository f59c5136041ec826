//! How the adapter signs in, and what it says when it isn't let in.

use chrono::Duration;
use inactive_contractors::identity::entra::{Credential, Entra};
use inactive_contractors::identity::{ActivityLog, Directory, IdentityError, Lifecycle, Monitored};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

use crate::fake::entra::{FakeEntra, Fault, Person, Role};
use crate::world::{World, denied, rule, settings, world, world_with};

const APP: &str = FakeEntra::CLIENT_ID;
const LOGIN: &str = "a@corp.example";
const KEY: &str = include_str!("../keys/rsa-pkcs8.pem");
const CERTIFICATE: &str = include_str!("../keys/rsa-certificate.pem");
const EC_KEY: &str = include_str!("../keys/ec-pkcs8.pem");
const ISSUER: &str = "https://cluster.example";

async fn by_certificate(pem: String) -> World {
    world_with(|fake| {
        fake.remove_credentials(APP);
        fake.add_certificate(APP, CERTIFICATE, fake.now() + Duration::days(30));
        Credential::Certificate(pem.into())
    })
    .await
}

#[tokio::test]
async fn a_certificate_signs_in_in_either_order_of_its_file() {
    for pem in [format!("{CERTIFICATE}\n{KEY}"), format!("{KEY}\n{CERTIFICATE}")] {
        let world = by_certificate(pem).await;
        assert_eq!(world.entra.reach().await, Ok(()));
        assert_eq!(world.token_calls(), 1);
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_or_with_another_kind_of_key_is_refused_at_once() {
    let world = world().await;
    for (pem, word) in [
        (KEY.to_owned(), "no certificate"),
        (CERTIFICATE.to_owned(), "private key"),
        (format!("{CERTIFICATE}\n{EC_KEY}"), "RSA"),
    ] {
        let made =
            Entra::new(settings(&world.fake, Credential::Certificate(pem.into())), world.clock.clone());
        let error = format!("{:#}", made.expect_err("it is no certificate with its key"));
        assert!(error.contains(word), "{error}");
        assert!(!error.contains("BEGIN"), "{error}");
    }
}

#[tokio::test]
async fn an_assertion_serves_once_and_each_token_has_its_own() {
    let world = by_certificate(format!("{CERTIFICATE}\n{KEY}")).await;
    for _ in 0..3 {
        world.fake.revoke_access_tokens();
        assert_eq!(world.entra.reach().await, Ok(()));
    }
    assert_eq!(world.token_calls(), 3);
}

fn federated_token(world_now: i64) -> String {
    let key = EncodingKey::from_rsa_pem(KEY.as_bytes()).unwrap();
    let claims =
        json!({ "iss": ISSUER, "sub": "bot", "aud": "api://AzureADTokenExchange", "exp": world_now + 600 });
    encode(&Header::new(Algorithm::RS256), &claims, &key).unwrap()
}

#[tokio::test]
async fn a_federated_token_is_read_again_for_each_access_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let world = world_with(|fake| {
        fake.remove_credentials(APP);
        let key = EncodingKey::from_rsa_pem(KEY.as_bytes()).unwrap();
        let jwk = Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap();
        fake.add_federation(APP, ISSUER, "bot", vec![serde_json::to_value(jwk).unwrap()]);
        Credential::FederatedToken(path.clone())
    })
    .await;
    let why = denied(world.entra.reach().await);
    assert!(why.contains("federated_token_file"), "{why}");
    std::fs::write(&path, "two words").unwrap();
    assert!(denied(world.entra.reach().await).contains("holds no token"));
    std::fs::write(&path, format!("{}\n", federated_token(world.clock.now().timestamp()))).unwrap();
    assert_eq!(world.entra.reach().await, Ok(()));
    world.advance(Duration::hours(2));
    let why = denied(world.entra.reach().await);
    assert!(why.contains("AADSTS500133") && why.contains("clock"), "the file is old: {why}");
    std::fs::write(&path, federated_token(world.clock.now().timestamp())).unwrap();
    assert_eq!(world.entra.reach().await, Ok(()));
}

#[tokio::test]
async fn one_token_serves_all_calls_until_shortly_before_its_end() {
    let world = world().await;
    let calls = (0..8).map(|_| world.entra.reach());
    for result in futures_util::future::join_all(calls).await {
        assert_eq!(result, Ok(()));
    }
    assert_eq!(world.token_calls(), 1);
    world.advance(Duration::minutes(54));
    assert_eq!(world.entra.reach().await, Ok(()));
    assert_eq!(world.token_calls(), 1);
    world.advance(Duration::minutes(40));
    assert_eq!(world.entra.reach().await, Ok(()));
    assert_eq!(world.token_calls(), 2);
}

#[tokio::test]
async fn a_token_that_is_none_any_more_is_renewed_once() {
    let world = world().await;
    let id = world.add(LOGIN);
    assert_eq!(world.entra.reach().await, Ok(()));
    world.fake.revoke_access_tokens();
    assert!(world.entra.read(&id).await.is_ok());
    world.fake.revoke_access_tokens();
    assert!(world.entra.suspend(&id).await.is_ok(), "a 401 shows that nothing was done");
    assert_eq!(
        (world.token_calls(), world.fake.patch_requests(LOGIN), world.fake.suspends(LOGIN)),
        (3, 2, 1)
    );
    world.fake.fail_always("GET", Fault::Status(401, "InvalidAuthenticationToken"));
    assert!(denied(world.entra.read(&id).await).contains("access token"));
    assert_eq!(world.token_calls(), 4);
}

#[tokio::test]
async fn a_permission_that_is_granted_later_is_noticed_with_the_next_call() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.withdraw(APP, "AuditLog.Read.All");
    assert!(denied(world.entra.confirm(&id, &rule()).await).contains("AuditLog.Read.All"));
    assert_eq!(world.token_calls(), 1, "the token was fetched a moment ago");
    world.fake.grant(APP, "AuditLog.Read.All");
    world.advance(Duration::minutes(2));
    assert!(world.entra.confirm(&id, &rule()).await.is_ok());
    assert_eq!(world.token_calls(), 2);
}

#[tokio::test]
async fn a_permission_that_stays_missing_costs_one_token_a_minute() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.withdraw(APP, "User.EnableDisableAccount.All");
    assert!(world.entra.read(&id).await.is_ok());
    world.advance(Duration::minutes(2));
    for _ in 0..3 {
        let why = denied(world.entra.suspend(&id).await);
        assert!(why.contains("User.EnableDisableAccount.All"), "{why}");
    }
    assert_eq!((world.token_calls(), world.fake.patch_requests(LOGIN)), (2, 3), "and no change was repeated");
}

#[tokio::test]
async fn each_refusal_of_a_token_says_its_number_and_what_to_do() {
    for (break_it, number, word) in [
        ((|fake: &FakeEntra| fake.remove_credentials(APP)) as fn(&FakeEntra), 7_000_215, "value, not its id"),
        (|fake| fake.enable_app(APP, false), 7_000_112, "enable it"),
        (|fake| fake.make_public(APP, true), 700_025, "public client"),
        (|fake| fake.configure(|settings| settings.tenant_id = "gone".into()), 90_002, "check tenant_id"),
    ] {
        let world = world().await;
        break_it(&world.fake);
        let why = denied(world.entra.reach().await);
        assert!(why.contains(&format!("AADSTS{number}")) && why.contains(word), "{why}");
        assert!(!why.contains(&world.fake.tenant_id()) && !why.contains(APP), "nothing of ours: {why}");
    }
    for (status, number, word) in [
        (401, "7000222", "expired"),
        (400, "700016", "client_id"),
        (400, "500011", "admin consent"),
        (400, "1002012", "cloud"),
        (401, "700024", "clock"),
        (401, "700211", "federated credential"),
        (401, "999999", "look the number up"),
    ] {
        let world = world().await;
        world.fake.fail_next("POST token", Fault::Status(status, number));
        let why = denied(world.entra.reach().await);
        assert!(why.contains(&format!("AADSTS{number}")) && why.contains(word), "{why}");
    }
}

#[tokio::test]
async fn a_token_endpoint_that_is_down_for_a_moment_is_nobodys_mistake() {
    for fault in [Fault::Status(400, "90006"), Fault::Html(503), Fault::DropBefore] {
        let world = world().await;
        world.fake.fail_next("POST token", fault.clone());
        assert_eq!(world.entra.reach().await, Ok(()), "{fault:?}: a read is tried again");
        let id = world.add(LOGIN);
        world.fake.revoke_access_tokens();
        world.fake.fail_next("POST token", fault.clone());
        let result = world.entra.suspend(&id).await;
        assert!(matches!(result, Err(IdentityError::Transient(_))), "{fault:?}: {result:?}");
        assert_eq!(world.fake.suspends(LOGIN), 0, "{fault:?}");
    }
    let world = world().await;
    world.fake.fail_next("POST token", Fault::RateLimited { reset_in_s: 30 });
    let (result, waited) = world.hurry(world.entra.reach()).await;
    assert!(result.is_ok() && waited >= Duration::seconds(29), "{result:?} {waited}");
}

#[tokio::test]
async fn the_four_meanings_of_a_403_are_told_apart() {
    let world = world().await;
    let (ada, ben) =
        (world.add("ada@corp.example"), world.add_person(Person::contractor("ben@x.test").restricted()));
    world.fake.set_role("ada@corp.example", Role::UserAdministrator);
    let privileged = denied(world.entra.suspend(&ada).await);
    assert!(
        privileged.contains("administrator role") && privileged.contains("directory role"),
        "{privileged}"
    );
    for code in ["Authorization_RequestDenied", "Some_Other_Code"] {
        world.fake.configure(|settings| settings.restricted_code = code);
        let restricted = denied(world.entra.suspend(&ben).await);
        assert!(restricted.contains("restricted management administrative unit"), "{restricted}");
        assert!(!restricted.contains("grant"), "no permission would help: {restricted}");
    }
    world.fake.configure(|settings| settings.licence = crate::fake::entra::Licence::Free);
    let licence = denied(world.entra.confirm(&ada, &rule()).await);
    assert!(licence.contains("P1 or P2") && !licence.contains("grant"), "{licence}");
    world.fake.configure(|settings| settings.licence = crate::fake::entra::Licence::P1);
    world.fake.withdraw(APP, "AuditLog.Read.All");
    world.fake.revoke_access_tokens();
    let permission = denied(world.entra.confirm(&ada, &rule()).await);
    assert!(permission.contains("AuditLog.Read.All") && permission.contains("admin consent"), "{permission}");
}

#[tokio::test]
async fn a_log_that_wants_another_permission_names_it() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.configure(|settings| settings.logs_need_directory = true);
    let why = denied(world.entra.last_change(&id, world.week_ago()).await);
    assert!(why.contains("Directory.Read.All"), "{why}");
}

#[tokio::test]
async fn a_check_finds_what_is_missing() {
    let world = world().await;
    world.add(LOGIN);
    let probes = world.entra.probe(&[&rule()]).await;
    let wrong: Vec<_> = probes.iter().filter(|probe| probe.result.is_err()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    world.fake.withdraw(APP, "GroupMember.Read.All");
    world.advance(Duration::hours(2));
    let misspelt = inactive_contractors::domain::policy::Rule {
        user_type: inactive_contractors::domain::account::UserType::Profile("Contractors".into()),
        ..rule()
    };
    let probes = world.entra.probe(&[&misspelt]).await;
    let wrong: Vec<&str> =
        probes.iter().filter(|probe| probe.result.is_err()).map(|probe| probe.what.as_str()).collect();
    assert_eq!(
        wrong,
        ["Entra ID: read administrator roles", "Entra ID: accounts of employee type \"Contractors\""]
    );
    world.fake.remove_credentials(APP);
    world.advance(Duration::hours(2));
    assert_eq!(world.entra.probe(&[]).await.len(), 1, "nothing is tried without a token");
}
