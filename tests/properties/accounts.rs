//! Accounts as Okta may send them, field by field: what is odd makes an account unreadable, and nothing else does.

use inactive_contractors::domain::assess::{Assessment, Standing, assess};
use inactive_contractors::identity::okta::fuzzing::users as read;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::generate::{holds, nasty};
use crate::targets::{self, users};

/// A contractor who has not been seen for months.
fn idle() -> Value {
    json!({
        "id": "00u1", "status": "ACTIVE", "transitioningToStatus": null, "type": { "id": "oty1" },
        "created": "2025-01-01T00:00:00.000Z", "activated": "2025-01-02T00:00:00.000Z",
        "statusChanged": "2025-01-02T00:00:00.000Z", "lastLogin": "2026-09-01T08:00:00.000Z",
        "credentials": { "provider": { "type": "OKTA", "name": "OKTA" } },
        "profile": { "login": "ada@ext.example", "email": "ada@ext.example", "userType": "contractor", "keep": "no" },
    })
}

/// A place in an account, with its fields in the profile.
const PLACES: [&str; 15] = [
    "/id",
    "/status",
    "/transitioningToStatus",
    "/type",
    "/type/id",
    "/created",
    "/activated",
    "/statusChanged",
    "/lastLogin",
    "/credentials",
    "/profile",
    "/profile/login",
    "/profile/email",
    "/profile/userType",
    "/profile/keep",
];

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        nasty().prop_map(Value::from),
        prop::collection::vec(nasty().prop_map(Value::from), 0..3).prop_map(Value::from),
        Just(json!({})),
        Just(json!({ "id": "oty1" })),
        Just(json!(["no", "YES"])),
        Just(json!(["JÄ"])),
        prop::sample::select(vec![
            "ACTIVE",
            "active",
            "SUSPENDED",
            "LOCKED_OUT",
            "root@corp.example",
            "x@VIP.example",
            "2026-11-22T00:00:00Z",
            "2027-01-01T00:00:00Z",
            "0000-01-01T00:00:00+23:59",
            "2026-02-30T00:00:00Z",
            "2026-11-23",
            "CONTRACTOR",
        ])
        .prop_map(Value::from),
    ]
}

#[test]
fn an_odd_field_never_makes_an_account_active_or_a_candidate() {
    let changes =
        prop::collection::vec((prop::sample::select(PLACES.to_vec()), prop::option::of(odd())), 0..4);
    holds(600, &changes, |changes| {
        let mut account = idle();
        for (place, value) in changes {
            change(&mut account, place, value);
        }
        users::check(json!([account, idle()]).to_string().as_bytes());
    });
}

/// Puts a value in its place, or takes away what is there.
fn change(account: &mut Value, place: &str, value: Option<Value>) {
    let (parent, name) = place.rsplit_once('/').expect("a place has a slash");
    let Some(Value::Object(parent)) = account.pointer_mut(parent) else { return };
    match value {
        Some(value) => drop(parent.insert(name.to_owned(), value)),
        None => drop(parent.remove(name)),
    }
}

#[test]
fn names_are_carried_as_they_are_and_decide_nothing() {
    holds(300, &(nasty(), nasty(), nasty()), |(name, manager, organization)| {
        let mut account = idle();
        for (place, value) in [("displayName", &name), ("manager", &manager), ("organization", &organization)]
        {
            change(&mut account, &format!("/profile/{place}"), Some(value.as_str().into()));
        }
        let body = json!([account]).to_string();
        users::check(body.as_bytes());
        for rule in users::rules() {
            let accounts = read(body.as_bytes(), rule).expect("a good page");
            let kept = |text: &str| Some(text.to_owned()).filter(|text| !text.trim().is_empty());
            assert_eq!(Some(accounts[0].name.clone()).filter(|name| !name.is_empty()), kept(&name));
            assert_eq!(
                (&accounts[0].manager, &accounts[0].organization),
                (&kept(&manager), &kept(&organization))
            );
            let answer = assess(&accounts[0], &Standing::plain(), rule, targets::now());
            assert!(matches!(answer, Assessment::Candidate(_)), "{answer:?}");
        }
    });
}

#[test]
fn an_exempting_value_exempts_however_it_is_written() {
    let value = prop::sample::select(vec!["yes", "YES", "Yes", "jä", "JÄ", "jÄ", "Jä"]);
    let others = prop::collection::vec(nasty(), 0..3);
    holds(200, &(value, others, 0..4_usize), |(value, others, at)| {
        let mut list: Vec<Value> = others.into_iter().map(Value::from).collect();
        list.insert(at.min(list.len()), value.into());
        for written in [json!(value), Value::from(list)] {
            let mut account = idle();
            change(&mut account, "/profile/keep", Some(written));
            for rule in users::rules() {
                let accounts = read(json!([account]).to_string().as_bytes(), rule).expect("a good page");
                let answer = assess(&accounts[0], &Standing::plain(), rule, targets::now());
                assert!(matches!(answer, Assessment::Exempt(_)), "{account}: {answer:?}");
            }
        }
    });
}
