//! Signs of life in the log, as rows: they only move forward, and only accounts that the bot asked about have one.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::account::AccountId;
use inactive_contractors::domain::sighting::{Memory, SecondLook, Sighting, Sign, Way};
use inactive_contractors::store::Store;

use crate::harness::{Bench, at, id};

fn sign(app: &str) -> Sign {
    Sign { way: Way::App, event: "user.authentication.sso".into(), app: Some(app.into()) }
}

fn seen(when: DateTime<Utc>) -> Sighting {
    Sighting { at: when, sign: Some(sign("Portal")), read_since: Some(at(0) - Duration::days(90)) }
}

async fn looked(store: &Store, name: &str, look: SecondLook, now: DateTime<Utc>) {
    store.remember_looks(vec![(id(name), look)], BTreeMap::new(), now).await.unwrap();
}

async fn memory(store: &Store, name: &str) -> Option<Memory> {
    store.sightings(vec![id(name)]).await.unwrap().remove(&id(name))
}

#[tokio::test]
async fn a_sighting_is_remembered_with_its_source_and_only_moves_forward() {
    let bench = Bench::new();
    let store = bench.open();
    assert_eq!(memory(&store, "kim").await, None);
    looked(&store, "kim", SecondLook::Seen(seen(at(-60))), at(0)).await;
    let first = memory(&store, "kim").await.unwrap();
    assert_eq!(first.latest, Some((at(-60), Some(sign("Portal")))));
    assert_eq!((first.since, first.until), (at(0) - Duration::days(90), at(0)));
    looked(&store, "kim", SecondLook::Nothing { since: at(-60) }, at(1440)).await;
    assert_eq!(memory(&store, "kim").await, Some(Memory { until: at(1440), ..first.clone() }));
    looked(&store, "kim", SecondLook::Failed("503".into()), at(2880)).await;
    assert_eq!(memory(&store, "kim").await.unwrap().until, at(1440), "a look that failed saw nothing");
}

#[tokio::test]
async fn of_others_only_those_who_were_asked_about_are_remembered() {
    let bench = Bench::new();
    let store = bench.open();
    looked(&store, "kim", SecondLook::Nothing { since: at(-60) }, at(0)).await;
    let met = |when| [(id("kim"), seen(when)), (id("boss"), seen(when))].into();
    store.remember_looks(Vec::new(), met(at(30)), at(60)).await.unwrap();
    let kim = memory(&store, "kim").await.unwrap();
    assert_eq!(
        (kim.latest.map(|(at, _)| at), kim.until),
        (Some(at(30)), at(0)),
        "its own look is as old as it was"
    );
    assert_eq!(memory(&store, "boss").await, None);
    store.remember_looks(Vec::new(), met(at(20)), at(60)).await.unwrap();
    assert_eq!(memory(&store, "kim").await.unwrap().latest.map(|(at, _)| at), Some(at(30)), "not back");
}

#[tokio::test]
async fn accounts_that_are_long_gone_are_forgotten() {
    let bench = Bench::new();
    let store = bench.open();
    looked(&store, "gone", SecondLook::Nothing { since: at(-60) }, at(0)).await;
    looked(&store, "met", SecondLook::Nothing { since: at(-60) }, at(0)).await;
    let later = at(0) + Duration::days(401);
    store
        .remember_looks(Vec::new(), [(id("met"), seen(later))].into(), later - Duration::days(2))
        .await
        .unwrap();
    assert!(memory(&store, "gone").await.is_some());
    store.remember_looks(Vec::new(), BTreeMap::new(), later).await.unwrap();
    let ids: Vec<AccountId> = ["gone", "met"].map(id).into();
    assert_eq!(store.sightings(ids).await.unwrap().into_keys().collect::<Vec<_>>(), [id("met")]);
}
