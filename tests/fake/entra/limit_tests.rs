//! Throttling: windows of the documented sizes, the headers that there are, and the ones that there aren't.

use chrono::Duration;

use super::schema_tests::{ADA, Answer, client, tenant};
use crate::fake::entra::{Bucket, FakeEntra, Fault, Person};

const DATES: [(&str, &str); 1] = [("$select", "id,signInActivity")];

fn assert_throttled(answer: &Answer, retry_after: std::ops::RangeInclusive<i64>) {
    assert_eq!(answer.refusal(), (429, "TooManyRequests"));
    let seconds = answer.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!(retry_after.contains(&seconds), "{seconds}");
    assert!(
        answer.header("x-ms-throttle-scope").is_some()
            && answer.header("x-ms-throttle-information").is_some()
    );
}

#[tokio::test]
async fn sign_in_dates_are_asked_for_ten_times_a_minute() {
    let tenant = tenant().await;
    tenant.set_limit(Bucket::SignInActivity, 10, 60);
    let path = format!("/users/{}", tenant.add(Person::contractor(ADA)));
    for _ in 0..5 {
        assert_eq!(tenant.get(&path, &DATES).await.status, 200);
        assert_eq!(tenant.get("/users", &DATES).await.status, 200);
    }
    assert_throttled(&tenant.get(&path, &DATES).await, 40..=60);
    assert_eq!(tenant.get(&path, &[]).await.status, 200, "without the dates there is no such limit");
    tenant.clock.advance(Duration::seconds(61));
    let warned = tenant.get(&path, &DATES).await;
    assert_eq!((warned.status, warned.header("x-ms-throttle-limit-percentage")), (200, None));
}

#[tokio::test]
async fn a_throttled_call_counts_too() {
    let tenant = tenant().await;
    tenant.set_limit(Bucket::Reports, 2, 1800);
    let logs = async || tenant.get("/auditLogs/directoryAudits", &[]).await;
    logs().await;
    let warned = logs().await;
    assert_eq!(warned.header("x-ms-throttle-limit-percentage"), Some("1.00"));
    tenant.clock.advance(Duration::minutes(15));
    for _ in 0..2 {
        assert_throttled(&logs().await, 1..=900);
    }
    tenant.clock.advance(Duration::minutes(16));
    assert_throttled(&logs().await, 1..=840);
}

#[tokio::test]
async fn the_documented_limits_are_those_of_the_documents() {
    let tenant = tenant().await;
    tenant.set_documented_limits();
    let logs = async || tenant.get("/auditLogs/signIns", &[]).await;
    let mut served = 0;
    while logs().await.status == 200 {
        served += 1;
    }
    assert_eq!(served, 5);
    assert_throttled(&tenant.get("/users", &DATES).await, 1..=10);
    tenant.clock.advance(Duration::seconds(11));
    assert_eq!(tenant.get("/users", &DATES).await.status, 200);
}

#[tokio::test]
async fn calls_cost_resource_units() {
    let tenant = tenant().await;
    let group = tenant.add_group("Keep");
    let id = tenant.add(Person::contractor(ADA));
    let members = format!("/groups/{group}/transitiveMembers");
    let user = format!("/users/{id}");
    let select = ("$select", "id");
    for (path, query, units) in [
        ("/users", vec![], "2"),
        ("/users", vec![select], "1"),
        (&user, vec![select, ("$top", "5")], "1"),
        (&members, vec![], "5"),
        (&members, vec![select, ("$top", "5")], "3"),
        ("/roleManagement/directory/roleAssignments", vec![("$expand", "principal")], "2"),
    ] {
        assert_eq!(
            tenant.get(path, &query).await.header("x-ms-resource-unit"),
            Some(units),
            "{path} {query:?}"
        );
    }
    tenant.set_limit(Bucket::Directory, 10, 10);
    assert_eq!(tenant.get(&members, &[]).await.status, 200);
    assert_eq!(tenant.get(&members, &[]).await.status, 200);
    assert_throttled(&tenant.get(&user, &[]).await, 1..=10);
    tenant.set_limit(Bucket::Directory, 1000, 10);
    tenant.set_limit(Bucket::Writes, 1, 150);
    assert_eq!(tenant.patch(&id, false).await.status, 204);
    assert_throttled(&tenant.patch(&id, true).await, 100..=150);
    assert!(!tenant.enabled(ADA));
}

#[tokio::test]
async fn faults_replace_what_graph_would_answer() {
    let tenant = tenant().await;
    tenant.date_header(Some("Mon, 30 Nov 2026 08:00:00 GMT"));
    let answer = tenant.get("/users", &[]).await;
    assert_eq!(answer.header("date"), Some("Mon, 30 Nov 2026 08:00:00 GMT"));
    tenant.fail_next("GET", Fault::BareRateLimit { retry_after_s: Some(7) });
    let bare = tenant.request(reqwest::Method::GET, "/users").send().await.expect("an answer");
    assert!(bare.status().as_u16() == 429 && bare.headers().get("request-id").is_none());
    tenant.set_limit(Bucket::Token, 1, 60);
    let scope = tenant.scope();
    let fields =
        [("grant_type", "client_credentials"), ("client_id", FakeEntra::CLIENT_ID), ("scope", &scope)];
    let token = || client().post(tenant.token_url()).form(&fields).send();
    token().await.expect("an answer");
    let throttled = token().await.expect("an answer");
    assert!(throttled.status().as_u16() == 429 && throttled.headers().contains_key("retry-after"));
    let body: serde_json::Value = throttled.json().await.expect("JSON");
    assert_eq!(body["error_codes"], serde_json::json!([90_055]));
    tenant.fail_next("GET", Fault::Html(502));
    let page = tenant.request(reqwest::Method::GET, "/users").send().await.expect("an answer");
    assert!(page.status().as_u16() == 502 && page.text().await.expect("a page").contains("<html>"));
    assert_eq!(tenant.calls().last().map(|call| call.path.clone()), Some("/v1.0/users".to_owned()));
}
