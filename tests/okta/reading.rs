//! What the adapter reads: listings, protections, the log, one account.

use std::collections::BTreeSet;

use axum::Router;
use axum::http::header::LINK;
use axum::response::AppendHeaders;
use axum::routing::get;
use chrono::Duration;
use inactive_contractors::clock::Clock;
use inactive_contractors::domain::account::{AccountId, AccountStatus, Reading, UserType};
use inactive_contractors::domain::assess::SecondLook;
use inactive_contractors::domain::policy::{ExemptAttribute, Rule};
use inactive_contractors::identity::{IdentityError, IdentityProvider};
use inactive_contractors::okta::{Credential, Okta};
use serde_json::{Value, json};

use crate::fake::okta::{FakeOkta, Fault, Person, Status};
use crate::world::{World, list, rule, settings, world};

fn crowd(world: &World, count: usize) -> BTreeSet<AccountId> {
    (0..count).map(|number| world.add(&format!("c{number}@corp.example"))).collect()
}

#[tokio::test]
async fn a_listing_follows_both_link_lines_to_the_last_page() {
    let world = world().await;
    let all = crowd(&world, 450);
    world.fake.add(Person::employee("boss@corp.example"));
    let (accounts, pages) = list(&world.okta, &rule()).await.unwrap();
    let listed: BTreeSet<AccountId> = accounts.iter().map(|account| account.id.clone()).collect();
    assert_eq!((pages, accounts.len()), (3, 450));
    assert_eq!(listed, all);
    let agent = world.fake.calls()[0].user_agent.clone().unwrap();
    assert!(agent.starts_with("inactive-contractors/"), "{agent}");
}

#[tokio::test]
async fn accounts_that_cannot_be_suspended_are_listed_and_deactivated_ones_are_not() {
    let world = world().await;
    for (login, status) in
        [("locked", Status::LockedOut), ("off", Status::Suspended), ("gone", Status::Deprovisioned)]
    {
        world.fake.add(Person::contractor(login).status(status));
    }
    let statuses: Vec<AccountStatus> =
        list(&world.okta, &rule()).await.unwrap().0.into_iter().map(|account| account.status).collect();
    assert_eq!(statuses.len(), 2);
    assert!(statuses.contains(&AccountStatus::LockedOut) && statuses.contains(&AccountStatus::Suspended));
}

#[tokio::test]
async fn a_listing_by_type_id_finds_the_accounts_of_that_type() {
    let world = world().await;
    let type_id = world.fake.add_user_type("contractors");
    let id = world.fake.add(Person::employee("typed@corp.example").type_id(&type_id));
    let by_id = Rule { user_type: UserType::TypeId(type_id), ..rule() };
    let accounts = list(&world.okta, &by_id).await.unwrap().0;
    assert_eq!(accounts.iter().map(|account| account.id.0.as_str()).collect::<Vec<_>>(), [id]);
}

#[tokio::test]
async fn a_page_that_keeps_failing_fails_the_listing() {
    let world = world().await;
    crowd(&world, 250);
    world.fake.fail_always("GET after=", Fault::Status(500, "E0000009"));
    let error = list(&world.okta, &rule()).await.unwrap_err();
    assert!(matches!(error, IdentityError::Transient(_)), "{error}");
}

#[tokio::test]
async fn a_page_that_breaks_off_once_is_read_again() {
    let world = world().await;
    let all = crowd(&world, 250);
    world.fake.fail_next("GET after=", Fault::BrokenBody);
    world.fake.fail_next("GET /api/v1/users", Fault::Html(502));
    assert_eq!(list(&world.okta, &rule()).await.unwrap().0.len(), all.len());
    assert_eq!(world.fake.waiting_faults(), 0);
}

/// A server that answers with one page and the given `next`.
async fn page_with_next(next: impl Fn(&str) -> String) -> Okta {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    let link = format!("<{}>; rel=\"next\"", next(&own));
    let page = get(async move || (AppendHeaders([(LINK, link)]), r#"[{"id":"00u1"}]"#));
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback_service(page)).await });
    Okta::new(settings(&own, Credential::ApiToken("secret".to_owned().into())), Clock::system()).unwrap()
}

#[tokio::test]
async fn a_next_page_elsewhere_is_not_followed() {
    let world = world().await;
    let elsewhere = world.fake.url().to_owned();
    let okta = page_with_next(move |_| format!("{elsewhere}/api/v1/users?after=x")).await;
    let error = list(&okta, &rule()).await.unwrap_err();
    assert!(matches!(&error, IdentityError::Malformed(why) if why.contains("another host")), "{error}");
    assert!(world.fake.calls().is_empty(), "the credential must not go there");
}

#[tokio::test]
async fn pages_that_repeat_are_an_error() {
    for next in ["/api/v1/users?after=same", "/api/v1/users?after=same&again=1"] {
        let okta = page_with_next(move |own| format!("{own}{next}")).await;
        let error = list(&okta, &rule()).await.unwrap_err();
        assert!(matches!(error, IdentityError::Malformed(_)), "{error}");
    }
}

#[tokio::test]
async fn malformed_values_make_their_account_unreadable_and_no_other() {
    let world = world().await;
    world.add("fine@corp.example");
    world.add("odd@corp.example");
    world.fake.raw_user("odd@corp.example", |user| {
        user.as_object_mut().unwrap().remove("lastLogin");
        user["created"] = json!("yesterday");
    });
    let accounts = list(&world.okta, &rule()).await.unwrap().0;
    let by_login = |login: &str| accounts.iter().find(|account| account.login == login).unwrap();
    assert!(matches!(by_login("odd@corp.example").last_sign_in, Reading::Unreadable(_)));
    assert!(matches!(by_login("odd@corp.example").created, Reading::Unreadable(_)));
    assert!(matches!(by_login("fine@corp.example").last_sign_in, Reading::At(_)));
}

#[tokio::test]
async fn an_account_without_an_id_fails_the_listing() {
    let world = world().await;
    world.add("odd@corp.example");
    world.fake.raw_user("odd@corp.example", |user| user["id"] = Value::Null);
    assert!(matches!(list(&world.okta, &rule()).await, Err(IdentityError::Malformed(_))));
}

#[tokio::test]
async fn only_the_attributes_that_can_exempt_are_kept() {
    let world = world().await;
    world
        .fake
        .add(Person::contractor("a@corp.example").attribute("keepActive", "yes").attribute("salary", 1));
    let keep = ExemptAttribute { name: "keepActive".into(), value: "yes".into() };
    let rule = Rule { exempt_attributes: vec![keep], ..rule() };
    let account = list(&world.okta, &rule).await.unwrap().0.remove(0);
    assert_eq!(account.attributes.into_iter().collect::<Vec<_>>(), [("keepActive".into(), "yes".into())]);
}

#[tokio::test]
async fn admins_exempt_groups_and_the_own_account_are_protected() {
    let world = world().await;
    let admin = world.add("admin@corp.example");
    world.fake.set_admin_role("admin@corp.example", "USER_ADMIN");
    let group = world.fake.add_group("exempt");
    let member = world.add("member@corp.example");
    world.fake.set_group("member@corp.example", &group);
    let rule = Rule { exempt_groups: vec![group.clone()], ..rule() };
    let protected = world.okta.protected(&rule).await.unwrap();
    let own = AccountId(world.fake.person(FakeOkta::TOKEN_OWNER).id);
    assert_eq!(protected.own, Some(own.clone()));
    assert_eq!(protected.admins, BTreeSet::from([admin, own]));
    assert_eq!(protected.groups[&group], BTreeSet::from([member]));
}

#[tokio::test]
async fn an_exempt_group_that_is_empty_unknown_or_hidden_is_an_error() {
    let world = world().await;
    let empty = world.fake.add_group("empty");
    for group in [empty.as_str(), "00gUnknown"] {
        let rule = Rule { exempt_groups: vec![group.to_owned()], ..rule() };
        let error = world.okta.protected(&rule).await.unwrap_err();
        assert!(matches!(&error, IdentityError::NotFound(why) if why.contains(group)), "{error}");
    }
    world.fake.deny("okta.groups.read");
    let rule = Rule { exempt_groups: vec![empty.clone()], ..rule() };
    let error = world.okta.protected(&rule).await.unwrap_err();
    assert!(matches!(&error, IdentityError::Denied(why) if why.contains(&empty)), "{error}");
}

#[tokio::test]
async fn the_log_shows_a_sign_on_that_the_last_sign_in_does_not() {
    let world = world().await;
    let add = |login| AccountId(world.fake.add(Person::contractor(login).never_signed_in()));
    let (idle, busy) = (add("idle@corp.example"), add("busy@corp.example"));
    world.fake.failed_sso("idle@corp.example");
    world.fake.sso("busy@corp.example");
    let since = world.clock.now() - Duration::days(14);
    let looks = world.okta.second_look(&[idle.clone(), busy.clone()], since).await;
    assert_eq!(looks[&idle], Ok(SecondLook::Nothing { since }));
    assert!(matches!(looks[&busy], Ok(SecondLook::Seen { .. })));
}

#[tokio::test]
async fn many_accounts_are_looked_up_by_one_sweep_of_the_log() {
    let world = world().await;
    let accounts: Vec<AccountId> = crowd(&world, 150).into_iter().collect();
    world.advance(Duration::days(8));
    world.fake.sso("c7@corp.example");
    let looks = world.okta.second_look(&accounts, world.week_ago()).await;
    let seen: Vec<_> = looks.iter().filter(|(_, look)| matches!(look, Ok(SecondLook::Seen { .. }))).collect();
    assert_eq!((looks.len(), seen.len(), world.fake.calls().len()), (150, 1, 1));
    assert_eq!(seen[0].0.0, world.fake.person("c7@corp.example").id);
}

#[tokio::test]
async fn the_log_is_not_asked_for_more_than_it_keeps() {
    let world = world().await;
    let id = world.fake.add(Person::contractor("old@corp.example").never_signed_in());
    let looks =
        world.okta.second_look(&[AccountId(id.clone())], world.clock.now() - Duration::days(400)).await;
    let Ok(SecondLook::Nothing { since }) = looks[&AccountId(id)] else { panic!("{looks:?}") };
    assert!(world.clock.now() - since <= Duration::days(90) + Duration::minutes(1));
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_failed_for_each_account() {
    let world = world().await;
    let accounts = [world.add("a@corp.example"), world.add("b@corp.example")];
    world.fake.deny("okta.logs.read");
    let looks = world.okta.second_look(&accounts, world.week_ago()).await;
    assert!(
        accounts.iter().all(|account| matches!(looks[account], Err(IdentityError::Denied(_)))),
        "{looks:?}"
    );
    assert_eq!(world.fake.calls().len(), 1, "a missing right is found out once");
    assert!(world.okta.look(&accounts[0], &rule(), world.week_ago()).await.is_err());
}

#[tokio::test]
async fn a_fresh_look_sees_everything_that_speaks_against() {
    let world = world().await;
    let group = world.fake.add_group("exempt");
    let id = world.add("a@corp.example");
    let rule = Rule { exempt_groups: vec!["00gOther".into(), group.clone()], ..rule() };
    let before = world.okta.look(&id, &rule, world.week_ago()).await.unwrap();
    assert!(!before.admin_role && !before.own_identity && before.exempt_groups.is_empty());
    world.fake.set_group("a@corp.example", &group);
    world.fake.set_admin_role("a@corp.example", "ORG_ADMIN");
    world.fake.sso("a@corp.example");
    let after = world.okta.look(&id, &rule, world.week_ago()).await.unwrap();
    assert_eq!((after.admin_role, after.exempt_groups), (true, vec![group]));
    assert!(matches!(after.second_look, SecondLook::Seen { .. }));
    let own = AccountId(world.fake.person(FakeOkta::TOKEN_OWNER).id);
    assert!(world.okta.look(&own, &rule, world.week_ago()).await.unwrap().own_identity);
}

#[tokio::test]
async fn a_look_without_its_roles_groups_or_log_is_an_error() {
    let world = world().await;
    let group = world.fake.add_group("exempt");
    let id = world.add("a@corp.example");
    let rule = Rule { exempt_groups: vec![group], ..rule() };
    for part in ["GET /users/me", "GET /roles", "GET /groups", "GET /logs"] {
        world.fake.fail_next(part, Fault::Status(403, "E0000006"));
        let error = world.okta.look(&id, &rule, world.week_ago()).await.unwrap_err();
        assert!(matches!(error, IdentityError::Denied(_)), "{part}: {error}");
    }
    assert_eq!(world.fake.waiting_faults(), 0);
}

#[tokio::test]
async fn people_are_found_by_id_login_address_or_employee_number() {
    let world = world().await;
    let id = world.add("a@corp.example");
    for who in [id.0.as_str(), "A@corp.example", " a@corp.example "] {
        let found = world.okta.find(who, &rule()).await.unwrap();
        assert_eq!(found.iter().map(|account| &account.id).collect::<Vec<_>>(), [&id], "{who}");
    }
    world.fake.add(Person::employee("boss@corp.example").attribute("employeeNumber", "4711"));
    let found = world.okta.find("4711", &rule()).await.unwrap();
    assert_eq!(found.iter().map(|account| account.login.as_str()).collect::<Vec<_>>(), ["boss@corp.example"]);
    for nobody in ["", "4712", "b@corp.example", "00u00000000000000zzz", r#"x" or status eq "ACTIVE"#] {
        assert_eq!(world.okta.find(nobody, &rule()).await.unwrap(), [], "{nobody}");
    }
}

#[tokio::test]
async fn a_deleted_account_is_not_found() {
    let world = world().await;
    let id = world.add("a@corp.example");
    assert_eq!(world.okta.read(&id).await.unwrap().login, "a@corp.example");
    world.fake.delete("a@corp.example");
    assert!(matches!(world.okta.read(&id).await, Err(IdentityError::NotFound(_))));
    let strange = AccountId("../me".into());
    assert!(matches!(world.okta.read(&strange).await, Err(IdentityError::NotFound(_))));
}

#[tokio::test]
async fn a_clock_that_is_a_little_behind_hides_no_sign_in_of_this_minute() {
    let world = world().await;
    let id = world.add("kim@x.example");
    world.clock.advance(Duration::minutes(-4));
    world.fake.sso("kim@x.example");
    let look = world.okta.look(&id, &rule(), world.week_ago()).await.unwrap();
    assert!(matches!(look.second_look, SecondLook::Seen { .. }), "{:?}", look.second_look);
    let ahead = world.okta.clock_ahead().expect("its answers say so");
    assert!((ahead + Duration::minutes(4)).abs() < Duration::seconds(3), "{ahead}");
}
