//! The fake's faults on the wire do what they say, over real HTTP.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::tests::{ADA, get, json, next_link, org, suspend};
use crate::fake::GUARD;
use crate::fake::okta::{Fault, Person};

#[tokio::test]
async fn damaged_answers_are_damaged_as_they_say_and_the_call_took_effect() {
    let okta = org().await;
    let id = okta.add(Person::contractor(ADA));
    let path = format!("/api/v1/users/{id}");
    let whole = get(&okta, &path, &[]).send().await.expect("an answer").bytes().await.expect("a body");
    okta.fail_next("GET", Fault::CutJson);
    let half = get(&okta, &path, &[]).send().await.expect("an answer").bytes().await.expect("a whole half");
    assert!(whole.starts_with(&half) && half.len() == whole.len() / 2);
    okta.fail_next("GET", Fault::Garbled);
    let garbled = get(&okta, &path, &[]).send().await.expect("an answer").bytes().await.expect("a body");
    assert!(garbled.len() == whole.len() && serde_json::from_slice::<Value>(&garbled).is_err());
    okta.fail_next("GET", Fault::Reset);
    let broken =
        get(&okta, &path, &[]).send().await.expect("a status").bytes().await.expect_err("no whole body");
    assert!(format!("{broken:?}").contains("ConnectionReset"), "{broken:?}");
    okta.fail_next("POST", Fault::Reset);
    assert!(suspend(&okta, &id).send().await.is_err_and(|error| !error.is_timeout()));
    assert_eq!(okta.suspends(ADA), 1);
}

#[tokio::test]
async fn a_body_that_drips_is_whole_in_the_end_and_late_for_who_does_not_wait() {
    let okta = org().await;
    let id = okta.add(Person::contractor(ADA));
    let path = format!("/api/v1/users/{id}");
    okta.fail_next("GET", Fault::Drip(Duration::from_millis(400)));
    let started = std::time::Instant::now();
    assert_eq!(json(get(&okta, &path, &[])).await["id"], json!(id));
    assert!(started.elapsed() >= Duration::from_millis(400));
    okta.fail_next("GET", Fault::Drip(GUARD));
    let hasty = get(&okta, &path, &[]).timeout(Duration::from_secs(2)).send().await.expect("a status");
    assert!(hasty.bytes().await.is_err_and(|error| error.is_timeout()));
}

#[tokio::test]
async fn a_gateways_rate_limit_has_none_of_oktas_headers() {
    let okta = org().await;
    for retry_after_s in [None, Some(7)] {
        okta.fail_next("GET", Fault::BareRateLimit { retry_after_s });
        let limited = get(&okta, "/api/v1/users/me", &[]).send().await.expect("an answer");
        assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(limited.headers().keys().all(|name| !name.as_str().starts_with("x-rate-limit")));
        let says = limited.headers().get("retry-after").map(|value| value.to_str().expect("text").to_owned());
        assert_eq!(says, retry_after_s.map(|seconds: u64| seconds.to_string()));
    }
}

#[tokio::test]
async fn a_page_can_come_again_and_a_listing_can_lag() {
    let okta = org().await;
    for login in [ADA, "b@ext.example"] {
        okta.add(Person::contractor(login).last_login_days_ago(41));
    }
    okta.page_at_most(1);
    let query = [("search", "profile.userType eq \"contractor\""), ("limit", "200")];
    let first = get(&okta, "/api/v1/users", &query).send().await.expect("an answer");
    let next = next_link(&first).expect("a second page");
    let path = next.strip_prefix(okta.url()).expect("the same host").to_owned();
    okta.fail_next("GET after=", Fault::FirstPageAgain);
    let again = json(get(&okta, &path, &[])).await;
    assert_eq!((&again[0]["profile"]["login"], again.as_array().map(Vec::len)), (&json!(ADA), Some(1)));
    assert_eq!(json(get(&okta, &path, &[])).await[0]["profile"]["login"], "b@ext.example");

    okta.freeze_index();
    assert!(okta.sign_in(ADA));
    let by_id = json(get(&okta, &format!("/api/v1/users/{ADA}"), &[])).await;
    assert_ne!(json(get(&okta, "/api/v1/users", &query)).await[0]["lastLogin"], by_id["lastLogin"]);
    okta.thaw_index();
    assert_eq!(json(get(&okta, "/api/v1/users", &query)).await[0]["lastLogin"], by_id["lastLogin"]);
}
