//! The fake keeps its promises: each test is one of them, over real HTTP.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, LINK, USER_AGENT};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::fake::clock::FakeClock;
use crate::fake::gate::{Gate, Moment};
use crate::fake::okta::{Bucket, FakeOkta, Fault, Person, Status, seed_demo};

pub const ADA: &str = "ada@ext.example";

pub async fn org() -> FakeOkta {
    FakeOkta::start(Gate::default(), FakeClock::default()).await
}

pub fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().timeout(crate::fake::GUARD).build().expect("a client without special wishes")
}

pub fn get(okta: &FakeOkta, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
    let token = format!("SSWS {}", okta.api_token());
    client().get(format!("{}{path}", okta.url())).query(query).header(AUTHORIZATION, token)
}

fn post(okta: &FakeOkta, path: &str) -> RequestBuilder {
    let token = format!("SSWS {}", okta.api_token());
    let request = client().post(format!("{}{path}", okta.url()));
    request.header(AUTHORIZATION, token).header(CONTENT_LENGTH, "0")
}

pub fn suspend(okta: &FakeOkta, id: &str) -> RequestBuilder {
    post(okta, &format!("/api/v1/users/{id}/lifecycle/suspend"))
}

pub async fn json(request: RequestBuilder) -> Value {
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.expect("a JSON body")
}

/// Status and `errorCode`.
async fn refusal(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let body: Value = response.json().await.expect("a JSON body");
    assert!(body["errorId"].as_str().is_some_and(|id| id.starts_with("oae")), "{body}");
    (status, body["errorCode"].as_str().unwrap_or_default().to_owned())
}

async fn found(okta: &FakeOkta, search: &str) -> Vec<String> {
    let users = json(get(okta, "/api/v1/users", &[("search", search)])).await;
    let logins = users.as_array().expect("an array").iter().map(|user| user["profile"]["login"].as_str());
    logins.map(|login| login.expect("a login").to_owned()).collect()
}

pub fn next_link(response: &Response) -> Option<String> {
    let mut links = response.headers().get_all(LINK).iter().map(|link| link.to_str().expect("text"));
    let next = links.find_map(|link| link.strip_suffix(">; rel=\"next\""));
    next.map(|link| link.trim_start_matches('<').to_owned())
}

#[tokio::test]
async fn a_listing_is_paged_by_two_link_lines() {
    let okta = org().await;
    for number in 0..5 {
        okta.add(Person::contractor(&format!("c{number}@ext.example")));
    }
    let query = [("search", "profile.userType eq \"contractor\""), ("sortBy", "id"), ("limit", "2")];
    let first = get(&okta, "/api/v1/users", &query).send().await.expect("an answer");
    let lines: Vec<_> = first.headers().get_all(LINK).iter().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].to_str().expect("text").ends_with("rel=\"self\""));
    let (mut next, mut pages, mut seen) = (next_link(&first), 1, 2);
    while let Some(url) = next {
        assert!(url.starts_with(okta.url()));
        let path = url.strip_prefix(okta.url()).expect("the same host");
        let page = get(&okta, path, &[]).send().await.expect("an answer");
        next = next_link(&page);
        seen += page.json::<Vec<Value>>().await.expect("an array").len();
        pages += 1;
    }
    assert_eq!((pages, seen), (3, 5));
}

#[tokio::test]
async fn search_matches_without_case_and_knows_and_or_and_brackets() {
    let okta = org().await;
    let vendor = okta.add_user_type("vendor");
    okta.add(Person::contractor("a@ext.example"));
    okta.add(Person::contractor("b@ext.example").status(Status::Deprovisioned));
    okta.add(Person::employee("c@corp.example").type_id(&vendor));
    okta.add(Person::new("d@ext.example", "A \"quoted\" \\ type"));
    assert_eq!(found(&okta, "profile.userType eq \"CONTRACTOR\"").await, ["a@ext.example", "b@ext.example"]);
    let both =
        format!("status eq \"ACTIVE\" and (profile.userType eq \"Contractor\" or type.id eq \"{vendor}\")");
    assert_eq!(found(&okta, &both).await, ["a@ext.example", "c@corp.example"]);
    let escaped = r#"profile.userType eq "A \"quoted\" \\ type""#;
    assert_eq!(found(&okta, escaped).await, ["d@ext.example"]);
    assert_eq!(found(&okta, "profile.noSuch eq \"x\"").await, [""; 0]);
}

#[tokio::test]
async fn search_and_filter_refuse_what_okta_refuses() {
    let okta = org().await;
    for search in [
        "lastLogin lt \"2026-01-01T00:00:00.000Z\"",
        "lastLogin eq \"x\"",
        "status ne \"ACTIVE\"",
        "status eq \"ACTIVE",
        "status eq \"ACTIVE\" and",
        "(status eq \"ACTIVE\"",
        "Status eq \"ACTIVE\"",
        "",
    ] {
        let answer = refusal(get(&okta, "/api/v1/users", &[("search", search)])).await;
        assert_eq!(answer, (400, "E0000031".to_owned()), "{search}");
    }
    let filter = [("filter", "profile.userType eq \"Contractor\"")];
    assert_eq!(refusal(get(&okta, "/api/v1/users", &filter)).await, (400, "E0000053".to_owned()));
    assert_eq!(refusal(get(&okta, "/api/v1/users", &[("limit", "201")])).await.0, 400);
    assert_eq!(refusal(get(&okta, "/api/v1/users", &[("after", "made-up")])).await.0, 400);
}

#[tokio::test]
async fn only_active_people_can_be_suspended() {
    let okta = org().await;
    let id = okta.add(Person::contractor(ADA));
    let done = suspend(&okta, &id).send().await.expect("an answer");
    assert_eq!(done.status(), StatusCode::OK);
    assert_eq!(done.text().await.expect("a body"), "");
    assert_eq!(okta.person(ADA).status, Status::Suspended);
    assert_eq!(refusal(suspend(&okta, &id)).await, (400, "E0000001".to_owned()));
    assert_eq!((okta.suspends(ADA), okta.suspend_requests(ADA)), (1, 2));
    okta.set_status(ADA, Status::LockedOut);
    assert_eq!(refusal(suspend(&okta, &id)).await, (400, "E0000001".to_owned()));
    assert_eq!(refusal(suspend(&okta, "00unobody")).await, (404, "E0000007".to_owned()));
    okta.deny("lifecycle/suspend");
    assert_eq!(refusal(suspend(&okta, &id)).await, (403, "E0000006".to_owned()));
}

#[tokio::test]
async fn unsuspending_and_clearing_sessions_take_effect() {
    let okta = org().await;
    let id = okta.add(Person::contractor(ADA).status(Status::Suspended));
    let undone = post(&okta, &format!("/api/v1/users/{id}/lifecycle/unsuspend")).send().await;
    assert_eq!(undone.expect("an answer").status(), StatusCode::OK);
    assert_eq!(okta.person(ADA).status, Status::Active);
    let url = format!("{}/api/v1/users/{id}/sessions?oauthTokens=true", okta.url());
    let token = format!("SSWS {}", okta.api_token());
    let cleared = client().delete(url).header(AUTHORIZATION, token).send().await.expect("an answer");
    assert_eq!(cleared.status(), StatusCode::NO_CONTENT);
    assert_eq!(okta.sessions_cleared(ADA), [true]);
}

#[tokio::test]
async fn a_post_without_content_length_is_411() {
    let okta = org().await;
    let id = okta.add(Person::contractor(ADA));
    let url = format!("{}/api/v1/users/{id}/lifecycle/suspend", okta.url());
    let token = format!("SSWS {}", okta.api_token());
    let answer = client().post(url).header(AUTHORIZATION, token).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::LENGTH_REQUIRED);
    assert_eq!(okta.suspends(ADA), 0);
}

#[tokio::test]
async fn a_lost_response_took_effect_and_a_dropped_call_did_not() {
    let okta = org().await;
    let id = okta.add(Person::contractor(ADA));
    okta.fail_next("POST lifecycle/suspend", Fault::DropBefore);
    okta.fail_next("POST lifecycle/suspend", Fault::LostResponse);
    assert!(suspend(&okta, &id).send().await.is_err_and(|error| !error.is_timeout()));
    assert_eq!(okta.person(ADA).status, Status::Active);
    assert!(suspend(&okta, &id).send().await.is_err_and(|error| !error.is_timeout()));
    assert_eq!(okta.person(ADA).status, Status::Suspended);
    assert_eq!((okta.suspends(ADA), okta.suspend_requests(ADA), okta.waiting_faults()), (1, 2, 0));
}

#[tokio::test]
async fn a_call_on_a_kept_connection_is_dropped_once_and_not_sent_again() {
    let okta = org().await;
    let id = okta.add(Person::contractor(ADA));
    let (client, token) = (client(), format!("SSWS {}", okta.api_token()));
    let url = format!("{}/api/v1/users/{id}", okta.url());
    let read = client.get(&url).header(AUTHORIZATION, &token).send().await.expect("an answer");
    read.bytes().await.expect("a body, so that the connection is free again");
    okta.fail_next("POST", Fault::LostResponse);
    let suspend = client.post(format!("{url}/lifecycle/suspend")).header(CONTENT_LENGTH, "0");
    assert!(suspend.header(AUTHORIZATION, &token).send().await.is_err());
    assert_eq!((okta.suspends(ADA), okta.suspend_requests(ADA)), (1, 1));
    let read = client.get(&url).header(AUTHORIZATION, &token).send().await.expect("a new connection");
    assert_eq!(read.status(), StatusCode::OK);
}

#[tokio::test]
async fn every_call_passes_the_gate_under_its_template() {
    let gate = Gate::default();
    let okta = FakeOkta::start(gate.clone(), FakeClock::default()).await;
    let id = okta.add(Person::contractor(ADA));
    gate.stop_at(2, Moment::After);
    json(get(&okta, "/api/v1/users", &[])).await;
    let held = tokio::spawn(suspend(&okta, &id).send());
    gate.stopped().await;
    assert_eq!(okta.person(ADA).status, Status::Suspended);
    assert_eq!(gate.calls(), ["okta GET /api/v1/users", "okta POST /api/v1/users/{id}/lifecycle/suspend"]);
    assert!(!held.is_finished());
    held.abort();
}

#[tokio::test]
async fn a_broken_body_and_a_hang_leave_the_client_without_an_answer() {
    let okta = org().await;
    okta.fail_next("GET /api/v1/users?", Fault::BrokenBody);
    let response = get(&okta, "/api/v1/users", &[]).send().await.expect("a status line");
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.bytes().await.is_err());
    okta.fail_next("GET /api/v1/users?", Fault::Hang);
    let patience = Duration::from_millis(50);
    let hung = get(&okta, "/api/v1/users", &[]).timeout(patience).send().await;
    assert!(hung.is_err_and(|error| error.is_timeout()));
}

#[tokio::test]
async fn faults_answer_as_asked_and_only_where_they_match() {
    let okta = org().await;
    okta.fail_next("GET after=", Fault::Status(500, "E0000009"));
    okta.fail_always("/api/v1/logs", Fault::Html(502));
    assert_eq!(get(&okta, "/api/v1/users", &[]).send().await.expect("an answer").status(), StatusCode::OK);
    let page = refusal(get(&okta, "/api/v1/users", &[("after", "x")])).await;
    assert_eq!(page, (500, "E0000009".to_owned()));
    for _ in 0..2 {
        let answer = get(&okta, "/api/v1/logs", &[]).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    }
    okta.clear_faults();
    assert_eq!(get(&okta, "/api/v1/logs", &[]).send().await.expect("an answer").status(), StatusCode::OK);
}

#[tokio::test]
async fn rate_limits_are_sent_enforced_and_over_after_a_minute() {
    let clock = FakeClock::default();
    let okta = FakeOkta::start(Gate::default(), clock.clone()).await;
    okta.set_rate_limit(Bucket::Users, 2);
    let header =
        |response: &Response, name: &str| response.headers()[name].to_str().expect("text").to_owned();
    let first = get(&okta, "/api/v1/users", &[]).send().await.expect("an answer");
    assert_eq!(header(&first, "x-rate-limit-limit"), "2");
    assert_eq!(header(&first, "x-rate-limit-remaining"), "1");
    let reset: i64 = header(&first, "x-rate-limit-reset").parse().expect("epoch seconds");
    let date = chrono::DateTime::parse_from_rfc2822(&header(&first, "date")).expect("an HTTP date");
    assert!((59..=60).contains(&(reset - date.timestamp())));
    get(&okta, "/api/v1/users", &[]).send().await.expect("an answer");
    assert_eq!(refusal(get(&okta, "/api/v1/users", &[])).await, (429, "E0000047".to_owned()));
    assert_eq!(get(&okta, "/api/v1/logs", &[]).send().await.expect("an answer").status(), StatusCode::OK);
    clock.advance(chrono::Duration::seconds(60));
    assert_eq!(get(&okta, "/api/v1/users", &[]).send().await.expect("an answer").status(), StatusCode::OK);
    okta.fail_next("GET", Fault::Concurrency);
    let crowded = get(&okta, "/api/v1/users", &[]).send().await.expect("an answer");
    assert_eq!(crowded.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&crowded, "x-rate-limit-limit"), "0");
}

#[tokio::test]
async fn credentials_that_are_wrong_or_missing_are_401() {
    let okta = org().await;
    let users = || client().get(format!("{}/api/v1/users", okta.url()));
    let wrong = refusal(users().header(AUTHORIZATION, "SSWS nonsense")).await;
    assert_eq!(wrong, (401, "E0000011".to_owned()));
    assert_eq!(refusal(users()).await, (401, "E0000005".to_owned()));
    assert_eq!(json(get(&okta, "/api/v1/users/me", &[])).await["profile"]["login"], FakeOkta::TOKEN_OWNER);
    okta.revoke_api_token();
    assert_eq!(refusal(get(&okta, "/api/v1/users", &[])).await, (401, "E0000011".to_owned()));
}

#[tokio::test]
async fn the_log_tells_sign_ins_by_person_type_and_result() {
    let okta = org().await;
    let id = okta.add(Person::contractor(ADA).last_login_days_ago(41));
    okta.sso(ADA);
    okta.failed_sso(ADA);
    let old = okta.person(ADA).last_login;
    let filter = format!(
        "actor.id eq \"{id}\" and outcome.result eq \"SUCCESS\" and \
         (eventType eq \"user.session.start\" or eventType eq \"user.authentication.sso\")"
    );
    let query = [("filter", filter.as_str()), ("sortOrder", "DESCENDING"), ("limit", "1")];
    let events = json(get(&okta, "/api/v1/logs", &query)).await;
    assert_eq!(events.as_array().map(Vec::len), Some(1));
    assert_eq!(events[0]["eventType"], "user.authentication.sso");
    assert!(okta.sign_in(ADA) && okta.person(ADA).last_login > old);
    assert_eq!(json(get(&okta, "/api/v1/logs", &query)).await[0]["eventType"], "user.session.start");
    okta.set_status(ADA, Status::Suspended);
    assert!(!okta.sign_in(ADA));
}

#[tokio::test]
async fn bounded_log_queries_end_and_polling_ones_never_do() {
    let okta = org().await;
    for number in 0..5 {
        okta.add(Person::contractor(&format!("c{number}@ext.example")).last_login_days_ago(number + 1));
    }
    let until = okta.now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let bounded = [("until", until.as_str()), ("limit", "2")];
    let mut page = get(&okta, "/api/v1/logs", &bounded).send().await.expect("an answer");
    let mut seen = Vec::new();
    loop {
        let next = next_link(&page);
        seen.extend(page.json::<Vec<Value>>().await.expect("an array"));
        let Some(next) = next else { break };
        let path = next.strip_prefix(okta.url()).expect("the same host");
        page = get(&okta, path, &[]).send().await.expect("an answer");
    }
    assert_eq!(seen.len(), 6);
    assert!(seen.is_sorted_by_key(|event| event["published"].to_string()));
    let polling = get(&okta, "/api/v1/logs", &[]).send().await.expect("an answer");
    let next = next_link(&polling).expect("polling goes on for ever");
    let next = get(&okta, next.strip_prefix(okta.url()).expect("the same host"), &[]);
    let next = next.send().await.expect("an answer");
    assert!(next_link(&next).is_some() && next.json::<Vec<Value>>().await.expect("an array").is_empty());
    for filter in ["published gt \"2026-01-01T00:00:00.000Z\"", "published eq \"x\""] {
        assert_eq!(refusal(get(&okta, "/api/v1/logs", &[("filter", filter)])).await.0, 400);
    }
}

#[tokio::test]
async fn groups_roles_and_types_are_served() {
    let okta = org().await;
    let group = okta.add_group("Keep");
    let vendor = okta.add_user_type("vendor");
    let id = okta.add(Person::contractor(ADA).in_group(&group).admin_role("HELP_DESK_ADMIN"));
    okta.add(Person::contractor("b@ext.example").in_group(&group));
    let members = get(&okta, &format!("/api/v1/groups/{group}/users"), &[("limit", "1")]);
    let members = members.send().await.expect("an answer");
    assert!(next_link(&members).is_some());
    assert_eq!(refusal(get(&okta, "/api/v1/groups/00gnone/users", &[])).await, (404, "E0000007".to_owned()));
    let groups = json(get(&okta, &format!("/api/v1/users/{id}/groups"), &[])).await;
    assert_eq!(groups[0]["profile"]["name"], "Keep");
    let roles = json(get(&okta, &format!("/api/v1/users/{id}/roles"), &[])).await;
    assert_eq!(roles[0]["type"], "HELP_DESK_ADMIN");
    let admins = json(get(&okta, "/api/v1/iam/assignees/users", &[("limit", "1")])).await;
    assert_ne!(admins["value"][0]["id"], json!(id));
    let next = admins["_links"]["next"]["href"].as_str().expect("a second page");
    let admins = json(get(&okta, next.strip_prefix(okta.url()).expect("the same host"), &[])).await;
    assert_eq!(admins["value"][0]["id"], json!(id));
    assert!(admins["_links"].get("next").is_none());
    let types = json(get(&okta, "/api/v1/meta/types/user", &[])).await;
    assert!(types.as_array().expect("an array").iter().any(|user_type| user_type["id"] == json!(vendor)));
}

#[tokio::test]
async fn malformed_users_are_served_as_set_and_calls_are_recorded() {
    let okta = org().await;
    let id = okta.add(Person::contractor(ADA).never_signed_in());
    assert_eq!(json(get(&okta, &format!("/api/v1/users/{id}"), &[])).await["lastLogin"], Value::Null);
    okta.raw_user(ADA, |user| {
        user.as_object_mut().expect("an object").remove("lastLogin");
        user["created"] = json!("yesterday");
    });
    okta.forget_calls();
    let request = get(&okta, "/api/v1/users", &[("search", "status eq \"ACTIVE\"")]);
    let users = json(request.header(USER_AGENT, "bot/1")).await;
    let ada = users.as_array().expect("an array").iter().find(|user| user["id"] == json!(id)).expect("ada");
    assert!(ada.get("lastLogin").is_none() && ada["created"] == "yesterday");
    let calls = okta.calls();
    assert_eq!((calls.len(), calls[0].query.as_str()), (1, "search=status eq \"ACTIVE\""));
    assert_eq!(calls[0].user_agent.as_deref(), Some("bot/1"));
}

#[tokio::test]
async fn a_wait_ends_with_the_change_it_waits_for() {
    let okta = org().await;
    let id = okta.add(Person::contractor(ADA));
    let call = tokio::spawn(suspend(&okta, &id).send());
    okta.until("ada to be suspended", |okta| okta.person(ADA).status == Status::Suspended).await;
    assert_eq!(call.await.expect("the task").expect("an answer").status(), StatusCode::OK);
}

#[tokio::test]
async fn the_demo_org_is_as_described() {
    let okta = org().await;
    let demo = seed_demo(&okta);
    let people = okta.people();
    assert!((190..=210).contains(&people.len()), "{}", people.len());
    let contractors: Vec<_> =
        people.iter().filter(|person| person.user_type.as_deref() == Some("Contractor")).collect();
    assert_eq!(contractors.len(), 40);
    let week_ago = okta.now() - chrono::Duration::days(7);
    let active = || contractors.iter().filter(|person| person.status == Status::Active);
    let idle = active().filter(|person| person.last_login.is_some_and(|at| at < week_ago)).count();
    assert_eq!(idle, 14);
    assert_eq!(active().filter(|person| person.last_login.is_none()).count(), 3);
    let exempt = people.iter().filter(|person| person.groups == ["Always-on contractors"]);
    assert_eq!(exempt.count(), 2);
    assert!(okta.person(&demo.sso_only).last_sso > Some(week_ago));
    assert!(okta.person(&demo.signs_in_meanwhile).last_login < Some(week_ago));
    assert!(!okta.person(&demo.admin).admin_roles.is_empty());
}
