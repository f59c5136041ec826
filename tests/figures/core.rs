//! `cargo bench --bench core`: what a sweep and a decision spend their time in, each by itself.
//!
//! A page of Okta's is as large as a real one: 200 users of about 1.2 KB. The database is a file on this machine's disk.

use std::hint::black_box;

use chrono::Duration;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use inactive_contractors::domain::account::Account;
use inactive_contractors::domain::assess::{Assessment, Standing, assess};
use inactive_contractors::domain::audit::{Action, Actor, Draft};
use inactive_contractors::domain::plan::{Assessed, Counts, Past, plan};
use inactive_contractors::identity::okta::fuzzing::users;
use inactive_contractors::store::{AuditContext, Store};
use serde_json::{Value, json};

#[path = "../domain/fixture.rs"]
#[expect(dead_code, reason = "the tests of the domain use the rest")]
mod fixture;

use fixture::{now, rule};

const PAGE: usize = 200;
const LISTED: usize = 10_000;

fn user(number: usize) -> Value {
    let at = |days: i64| (now() - Duration::days(days)).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let days = i64::try_from(number % 60).unwrap_or_default();
    let login = format!("person{number}@ext.example");
    let link =
        |what: &str| json!({ "href": format!("https://acme.okta.com/api/v1/users/00u{number:017}/{what}") });
    json!({
        "id": format!("00u{number:017}"), "status": "ACTIVE", "created": at(700), "activated": at(700),
        "statusChanged": at(700), "lastLogin": at(days), "lastUpdated": at(30), "passwordChanged": at(90),
        "type": { "id": "oty1b2c3d4e5f6g7h8i9" },
        "profile": {
            "login": login, "email": login, "secondEmail": null, "firstName": "Ada", "lastName": "Lovelace",
            "displayName": "Ada Lovelace", "userType": "Contractor", "employeeNumber": number.to_string(),
            "organization": "Analytical Engines Ltd", "department": "Field operations", "division": "Europe",
            "costCenter": "4711", "title": "Consultant", "manager": "Charles Babbage", "managerId": "00u1",
            "mobilePhone": "+44 20 7946 0000", "city": "London", "countryCode": "GB", "locale": "en_GB",
            "timezone": "Europe/London", "streetAddress": "12 St James's Square", "zipCode": "SW1Y 4JH",
        },
        "credentials": {
            "password": {}, "recovery_question": { "question": "Who?" },
            "emails": [{ "value": login, "status": "VERIFIED", "type": "PRIMARY" }],
            "provider": { "type": "OKTA", "name": "OKTA" },
        },
        "_links": { "self": link(""), "schema": link("schema"), "type": link("type") },
    })
}

fn accounts(count: usize) -> Vec<Account> {
    let page: Vec<Value> = (0..count).map(user).collect();
    users(page_text(&page).as_bytes(), &rule()).expect("it is a page of users")
}

fn page_text(page: &[Value]) -> String {
    serde_json::to_string(page).expect("it is JSON")
}

fn sweeping(c: &mut Criterion) {
    let rule = rule();
    let page = page_text(&(0..PAGE).map(user).collect::<Vec<_>>());
    let mut group = c.benchmark_group("sweep");
    group.throughput(Throughput::Bytes(page.len() as u64));
    group.bench_function("read a page of 200 users", |b| {
        b.iter(|| users(black_box(page.as_bytes()), &rule).expect("it is a page of users"));
    });
    let listed = accounts(LISTED);
    let standing = Standing::plain();
    group.throughput(Throughput::Elements(LISTED as u64));
    group.bench_function("judge 10,000 accounts", |b| {
        b.iter(|| {
            let judged = listed.iter().map(|account| assess(account, &standing, &rule, now()));
            judged.filter(|one| matches!(one, Assessment::Active(_))).count()
        });
    });
    let assessed: Vec<Assessed> = listed
        .iter()
        .map(|account| {
            let assessment = assess(account, &standing, &rule, now());
            Assessed { account: account.clone(), assessment, waiting_in: None }
        })
        .collect();
    let policy = fixture::policy();
    group.bench_function("plan 10,000 accounts", |b| {
        let plan_it = |assessed| plan(&policy, assessed, Counts::default(), &Past::default());
        b.iter_batched(|| assessed.clone(), plan_it, BatchSize::LargeInput);
    });
    group.finish();
}

fn storing(c: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let store = {
        let _inside = runtime.enter();
        Store::open(&directory.path().join("bot.db"), now()).expect("a new file")
    };
    let append = || async {
        let (actor, action) = (Actor::System, Action::ClockJumped);
        let event = Draft { at: now(), actor, action, subject: None, detail: json!({ "seconds": 7 }) };
        store.append(AuditContext::default(), event).await.expect("it can be written")
    };
    let mut group = c.benchmark_group("store");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one event, on the disk", |b| b.iter(|| runtime.block_on(append())));
    group.throughput(Throughput::Elements(32));
    group.bench_function("32 events at the same time, on the disk", |b| {
        b.iter(|| runtime.block_on(join_all((0..32).map(|_| append()))));
    });
    group.finish();
}

criterion_group!(benches, sweeping, storing);
criterion_main!(benches);
