//! A listing is whole, or an error.

use std::collections::BTreeSet;

use chrono::Duration;
use inactive_contractors::domain::account::UserType;
use inactive_contractors::domain::policy::Rule;
use inactive_contractors::identity::IdentityError;

use crate::fake::entra::{Fault, Person};
use crate::world::{World, guests, limited_world, rule, world};

/// A world with so many contractors, ten to a page.
async fn crowd(count: usize) -> World {
    let world = world().await;
    crowd_into(&world, count);
    world
}

fn crowd_into(world: &World, count: usize) {
    for number in 0..count {
        world.add(&format!("c{number:03}@corp.example"));
    }
    world.fake.configure(|settings| settings.page_cap = 10);
}

fn malformed<T: std::fmt::Debug>(result: Result<T, IdentityError>) -> String {
    match result {
        Err(IdentityError::Malformed(why)) => why,
        other => panic!("not malformed: {other:?}"),
    }
}

#[tokio::test]
async fn every_page_is_read_and_each_account_comes_once() {
    let world = crowd(35).await;
    let (accounts, pages) = world.list(&rule()).await.unwrap();
    let ids: BTreeSet<_> = accounts.iter().map(|account| account.id.clone()).collect();
    assert_eq!((accounts.len(), ids.len(), pages), (35, 35, 4));
}

#[tokio::test]
async fn an_empty_page_with_a_next_one_is_followed() {
    let world = crowd(35).await;
    world.fake.configure(|settings| settings.empty_pages = true);
    let (accounts, pages) = world.list(&rule()).await.unwrap();
    assert_eq!((accounts.len(), pages), (35, 7));
}

#[tokio::test]
async fn only_the_policys_accounts_come_in_whatever_case_the_server_compares() {
    let world = world().await;
    for (login, kind) in [
        ("a@x.test", "Contractor"),
        ("b@x.test", "contractor"),
        ("c@x.test", "CONTRACTOR"),
        ("d@x.test", "Employee"),
    ] {
        world.add_person(Person::new(login, kind));
    }
    world.add_person(Person::guest("eve@vendor.test"));
    for case_sensitive in [false, true] {
        world.fake.configure(|settings| settings.case_sensitive = case_sensitive);
        assert_eq!(world.logins(&rule()).await, ["a@x.test", "b@x.test", "c@x.test"]);
    }
    assert_eq!(world.list(&guests()).await.unwrap().0[0].email.as_deref(), Some("eve@vendor.test"));
}

#[tokio::test]
async fn a_value_with_quotes_finds_itself() {
    let world = world().await;
    world.add_person(Person::new("a@x.test", "O'Neil & Sons #1"));
    let rule = Rule { user_type: UserType::Profile("o'neil & sons #1".into()), ..rule() };
    assert_eq!(world.logins(&rule).await, ["a@x.test"]);
}

#[tokio::test]
async fn disabled_accounts_are_listed_and_agents_are_not() {
    let world = world().await;
    world.add_person(Person::contractor("off@x.test").disabled());
    world.add_person(Person::contractor("bot@x.test").agent());
    assert_eq!(world.logins(&rule()).await, ["off@x.test"]);
}

#[tokio::test]
async fn a_listing_that_is_not_counted_is_no_listing() {
    let world = crowd(5).await;
    world.fake.configure(|settings| settings.lost_count = true);
    assert!(malformed(world.list(&rule()).await).contains("did not count"));
}

#[tokio::test]
async fn a_listing_that_is_shorter_than_its_count_is_no_listing() {
    let world = crowd(35).await;
    world.fake.fail_next("GET skiptoken", Fault::NoLinks);
    assert!(malformed(world.list(&rule()).await).contains("counted 35 accounts and listed 20"));
}

#[tokio::test]
async fn a_page_on_another_host_is_not_followed() {
    let world = crowd(15).await;
    let elsewhere = world.fake.url().replace("127.0.0.1", "localhost");
    world.fake.configure(|settings| settings.link_base = Some(elsewhere));
    assert!(malformed(world.list(&rule()).await).contains("another host"));
}

#[tokio::test]
async fn pages_that_go_round_in_a_circle_are_an_error() {
    let world = crowd(35).await;
    world.fake.fail_always("GET skiptoken", Fault::FirstPageAgain);
    assert!(malformed(world.list(&rule()).await).contains("same page"));
    assert_eq!(world.calls().len(), 2);
}

#[tokio::test]
async fn a_page_that_has_expired_makes_the_listing_begin_again_once() {
    let world = crowd(35).await;
    world.fake.fail_next("GET skiptoken", Fault::Status(400, "Directory_ExpiredPageToken"));
    let (accounts, pages) = world.list(&rule()).await.unwrap();
    assert_eq!((accounts.len(), pages), (35, 5), "and each account still comes once");
    world.fake.fail_always("GET skiptoken", Fault::Status(400, "Directory_ExpiredPageToken"));
    world.fake.forget_calls();
    let result = world.list(&rule()).await;
    assert!(matches!(result, Err(IdentityError::Transient(_))), "{result:?}");
    assert_eq!(world.calls().len(), 4, "begun twice, and no more");
}

#[tokio::test]
async fn links_that_live_for_an_hour_outlast_a_listing_that_waits_for_its_turns() {
    let world = limited_world().await;
    crowd_into(&world, 120);
    let (listed, took) = world.hurry(world.list(&rule())).await;
    let (accounts, pages) = listed.unwrap();
    assert_eq!((accounts.len(), pages), (120, 12));
    assert!(took >= Duration::seconds(60) && took < Duration::seconds(75), "{took}");
}

#[tokio::test]
async fn where_dates_and_advanced_queries_exclude_each_other_all_are_listed_and_counted() {
    let world = crowd(35).await;
    world.fake.configure(|settings| settings.sign_ins_refuse_advanced = true);
    let (accounts, _) = world.list(&rule()).await.unwrap();
    assert_eq!(accounts.len(), 35, "and not the employee");
    world.fake.forget_calls();
    assert_eq!(world.list(&rule()).await.unwrap().0.len(), 35);
    assert_eq!(world.calls()[0], "GET /v1.0/users/$count", "it is known by now");
    world.fake.fail_next("GET skiptoken", Fault::NoLinks);
    assert!(malformed(world.list(&rule()).await).contains("counted 35"));
}

#[tokio::test]
async fn a_page_size_that_is_cut_in_silence_loses_nobody() {
    let world = crowd(35).await;
    world.fake.configure(|settings| settings.sign_in_page = 7);
    assert_eq!(world.list(&rule()).await.unwrap().0.len(), 35);
}

#[tokio::test]
async fn what_only_the_other_provider_has_is_refused() {
    let world = world().await;
    let rule = Rule { user_type: UserType::TypeId("oty1".into()), ..rule() };
    let result = world.list(&rule).await;
    assert!(matches!(result, Err(IdentityError::Refused(_))), "{result:?}");
    assert!(world.calls().is_empty());
}
