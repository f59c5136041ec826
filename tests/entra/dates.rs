//! Sign-in dates: an absent one is "never" only where that is proven.

use std::collections::BTreeSet;

use chrono::{Duration, SubsecRound as _};
use inactive_contractors::domain::account::{Account, Reading};
use inactive_contractors::domain::policy::Rule;
use inactive_contractors::identity::Directory;
use inactive_contractors::identity::entra::Credential;
use serde_json::json;

use crate::fake::entra::{Licence, Person};
use crate::world::{World, empty_world, guests, rule, world};

const LOGIN: &str = "a@corp.example";

async fn only(world: &World, rule: &Rule) -> Account {
    let (mut accounts, _) = world.list(rule).await.unwrap();
    assert_eq!(accounts.len(), 1);
    accounts.remove(0)
}

fn is_unreadable(account: &Account) -> bool {
    matches!(account.last_sign_in, Reading::Unreadable(_))
}

/// What the three ways to read an account make of its last sign-in.
async fn everywhere(world: &World) -> [Account; 3] {
    let listed = only(world, &rule()).await;
    let confirmed = world.entra.confirm(&listed.id, &rule()).await.unwrap();
    let fresh = world.entra.look(&listed.id, &rule(), None).await.unwrap().account;
    [listed, confirmed, fresh]
}

#[tokio::test]
async fn who_never_signed_in_is_never_where_others_have_dates() {
    let world = world().await;
    world.add_person(Person::contractor(LOGIN).never_signed_in());
    for account in everywhere(&world).await {
        assert_eq!(account.last_sign_in, Reading::Never);
    }
}

#[tokio::test]
async fn where_nobody_has_a_date_nobody_is_never() {
    let world = empty_world(|fake| Credential::Secret(fake.client_secret().into())).await;
    world.add_person(Person::contractor(LOGIN).never_signed_in());
    for account in everywhere(&world).await {
        assert!(is_unreadable(&account), "{account:?}");
    }
}

#[tokio::test]
async fn a_licence_that_is_missing_in_silence_makes_nobody_idle() {
    let world = world().await;
    world.add(LOGIN);
    assert!(only(&world, &rule()).await.last_sign_in.at().is_some());
    // What was proven in the listing before is no proof for this one.
    world.fake.configure(|settings| (settings.licence, settings.silent_licence) = (Licence::Free, true));
    assert!(is_unreadable(&only(&world, &rule()).await));
    world.advance(Duration::hours(2));
    let id = only(&world, &rule()).await.id;
    assert!(is_unreadable(&world.entra.confirm(&id, &rule()).await.unwrap()));
}

#[tokio::test]
async fn a_selection_that_got_lost_makes_nobody_idle() {
    let world = world().await;
    world.add_person(Person::contractor(LOGIN).never_signed_in());
    world.fake.configure(|settings| settings.lost_projection = BTreeSet::from(["signInActivity".to_owned()]));
    for account in everywhere(&world).await {
        assert!(is_unreadable(&account), "{account:?}");
    }
}

#[tokio::test]
async fn the_latest_of_the_three_dates_counts() {
    let world = world().await;
    let people = [
        Person::contractor(LOGIN).last_login_days_ago(30),
        Person::contractor("b@x.test").last_login_days_ago(30).non_interactive_days_ago(3),
        Person::contractor("c@x.test").last_login_days_ago(30).attempt_days_ago(2),
    ];
    for (person, days) in people.into_iter().zip([30, 3, 2]) {
        let id = world.add_person(person);
        let account = world.entra.confirm(&id, &rule()).await.unwrap();
        let at = account.last_sign_in.at().expect("a date");
        assert!((world.clock.now() - at - Duration::days(days)).abs() < Duration::minutes(1), "{days}");
    }
}

#[tokio::test]
async fn an_odd_date_makes_one_account_unreadable_and_not_the_listing() {
    let world = world().await;
    world.add(LOGIN);
    world.add("b@corp.example");
    world.fake.raw_user(LOGIN, |user| user["signInActivity"] = json!({ "lastSignInDateTime": "soon" }));
    let (accounts, _) = world.list(&rule()).await.unwrap();
    let unreadable = accounts.iter().filter(|account| is_unreadable(account)).count();
    assert_eq!((accounts.len(), unreadable), (2, 1));
}

#[tokio::test]
async fn reading_just_the_account_asks_for_no_dates() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.configure(|settings| settings.licence = Licence::Free);
    let account = world.entra.read(&id).await.expect("that needs no licence");
    assert!(is_unreadable(&account));
}

#[tokio::test]
async fn a_guest_who_took_up_the_invitation_is_active_since_then_and_one_who_did_not_is_not_activated() {
    let world = world().await;
    world.add_person(Person::guest("eve@vendor.test"));
    let guest = only(&world, &guests()).await;
    let activated = guest.activated.at().expect("a date");
    assert!((world.clock.now() - activated - Duration::days(400)).abs() < Duration::minutes(1));
    assert_eq!(
        (guest.source.as_deref(), guest.organization.as_deref()),
        (Some("vendor.test"), Some("vendor.test"))
    );
    world.fake.delete("eve@vendor.test");
    world.add_person(Person::guest("mal@vendor.test").pending_days_ago(90));
    let pending = only(&world, &guests()).await;
    assert_eq!(
        (pending.status.to_string().as_str(), pending.activated),
        ("PendingAcceptance", Reading::Never)
    );
}

#[tokio::test]
async fn an_account_of_unknown_age_is_from_before_june_2018() {
    let world = world().await;
    world.add_person(Person::contractor(LOGIN).created_nobody_knows_when());
    let created = only(&world, &rule()).await.created.at().expect("a date");
    assert_eq!(created.trunc_subsecs(0).to_string(), "2018-06-01 00:00:00 UTC");
}
