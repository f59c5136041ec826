//! What the adapter reads: listings, protections, the log, one account.

use std::collections::BTreeSet;

use axum::Router;
use axum::http::header::LINK;
use axum::response::AppendHeaders;
use axum::routing::get;
use chrono::{DateTime, Duration, Utc};
use inactive_contractors::clock::Clock;
use inactive_contractors::domain::account::{AccountId, AccountStatus, NotSuspendable, Reading, UserType};
use inactive_contractors::domain::policy::{ExemptAttribute, Rule};
use inactive_contractors::domain::sighting::{SecondLook, Way};
use inactive_contractors::identity::okta::{Credential, Okta};
use inactive_contractors::identity::{ActivityLog, Directory, IdentityError, Looks, Monitored, SecondLooks};
use serde_json::{Value, json};

use crate::fake::okta::{FakeOkta, Fault, Party, Person, Status};
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
    assert!(
        statuses.contains(&AccountStatus::other(NotSuspendable::NeedsReset, "LOCKED_OUT"))
            && statuses.contains(&AccountStatus::Suspended)
    );
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

/// What the log says of these accounts since then, or as far back as it is kept.
async fn looks(world: &World, accounts: &[AccountId], since: Option<DateTime<Utc>>) -> SecondLooks {
    let asked: Looks = accounts.iter().map(|account| (account.clone(), since)).collect();
    world.okta.second_look(&asked).await.looks
}

#[tokio::test]
async fn the_log_shows_a_sign_on_that_the_last_sign_in_does_not() {
    let world = world().await;
    let add = |login| AccountId(world.fake.add(Person::contractor(login).never_signed_in()));
    let (idle, busy) = (add("idle@corp.example"), add("busy@corp.example"));
    world.fake.failed_sso("idle@corp.example");
    world.fake.sso("busy@corp.example");
    let since = world.clock.now() - Duration::days(14);
    let looks = looks(&world, &[idle.clone(), busy.clone()], Some(since)).await;
    assert_eq!(looks[&idle], Ok(SecondLook::Nothing { since }));
    let Ok(SecondLook::Seen(seen)) = &looks[&busy] else { panic!("{looks:?}") };
    assert_eq!(seen.read_since, Some(since));
    assert_eq!(seen.sign.as_ref().map(|sign| sign.event.as_str()), Some("user.authentication.sso"));
}

#[tokio::test]
async fn many_accounts_are_looked_up_by_one_sweep_of_the_log() {
    let world = world().await;
    let accounts: Vec<AccountId> = crowd(&world, 150).into_iter().collect();
    world.advance(Duration::days(8));
    world.fake.sso("c7@corp.example");
    let looks = looks(&world, &accounts, Some(world.week_ago())).await;
    let seen: Vec<_> = looks.iter().filter(|(_, look)| matches!(look, Ok(SecondLook::Seen(_)))).collect();
    assert_eq!((looks.len(), seen.len(), world.fake.calls().len()), (150, 1, 1));
    assert_eq!(seen[0].0.0, world.fake.person("c7@corp.example").id);
}

#[tokio::test]
async fn the_log_is_not_asked_for_more_than_it_keeps() {
    let world = world().await;
    let id = world.fake.add(Person::contractor("old@corp.example").never_signed_in());
    for since in [None, Some(world.clock.now() - Duration::days(400))] {
        let looks = looks(&world, &[AccountId(id.clone())], since).await;
        let Ok(SecondLook::Nothing { since }) = looks[&AccountId(id.clone())] else { panic!("{looks:?}") };
        assert!((world.clock.now() - since - Duration::days(90)).abs() < Duration::minutes(1));
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_failed_for_each_account() {
    let world = world().await;
    let accounts = [world.add("a@corp.example"), world.add("b@corp.example")];
    world.fake.deny("okta.logs.read");
    let looks = looks(&world, &accounts, Some(world.week_ago())).await;
    assert!(
        accounts.iter().all(|account| matches!(looks[account], Err(IdentityError::Denied(_)))),
        "{looks:?}"
    );
    assert_eq!(world.fake.calls().len(), 1, "a missing right is found out once");
    assert!(world.okta.look(&accounts[0], &rule(), Some(world.week_ago())).await.is_err());
}

#[tokio::test]
async fn a_fresh_look_sees_everything_that_speaks_against() {
    let world = world().await;
    let group = world.fake.add_group("exempt");
    let id = world.add("a@corp.example");
    let rule = Rule { exempt_groups: vec!["00gOther".into(), group.clone()], ..rule() };
    let before = world.okta.look(&id, &rule, Some(world.week_ago())).await.unwrap();
    assert!(!before.admin_role && !before.own_identity && before.exempt_groups.is_empty());
    world.fake.set_group("a@corp.example", &group);
    world.fake.set_admin_role("a@corp.example", "ORG_ADMIN");
    world.fake.sso("a@corp.example");
    let after = world.okta.look(&id, &rule, Some(world.week_ago())).await.unwrap();
    assert_eq!((after.admin_role, after.exempt_groups), (true, vec![group]));
    assert!(matches!(after.second_look, SecondLook::Seen(_)));
    let own = AccountId(world.fake.person(FakeOkta::TOKEN_OWNER).id);
    assert!(world.okta.look(&own, &rule, Some(world.week_ago())).await.unwrap().own_identity);
}

#[tokio::test]
async fn a_look_without_its_roles_groups_or_log_is_an_error() {
    let world = world().await;
    let group = world.fake.add_group("exempt");
    let id = world.add("a@corp.example");
    let rule = Rule { exempt_groups: vec![group], ..rule() };
    for part in ["GET /users/me", "GET /roles", "GET /groups", "GET /logs"] {
        world.fake.fail_next(part, Fault::Status(403, "E0000006"));
        let error = world.okta.look(&id, &rule, Some(world.week_ago())).await.unwrap_err();
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
    let look = world.okta.look(&id, &rule(), Some(world.week_ago())).await.unwrap();
    assert!(matches!(look.second_look, SecondLook::Seen(_)), "{:?}", look.second_look);
    let ahead = world.okta.clock_ahead().expect("its answers say so");
    assert!((ahead + Duration::minutes(4)).abs() < Duration::seconds(3), "{ahead}");
}

#[tokio::test]
async fn each_way_of_being_there_is_found_in_the_log_and_what_others_do_is_not() {
    let world = world().await;
    world.fake.add(Person::employee("boss@corp.example"));
    let (boss, okta) = (world.fake.party("boss@corp.example"), Party::okta());
    let (mail, vpn) = (Party::client("Mail"), Party::app_instance("VPN"));
    // The event, who is the actor if not the person, whether the person is a target, and what it is taken for.
    let rows = [
        ("user.authentication.auth_via_radius", None, false, Some(Way::Radius)),
        ("user.authentication.auth_via_LDAP_agent", None, false, Some(Way::Directory)),
        ("user.authentication.auth_via_iwa", None, false, Some(Way::Computer)),
        ("user.authentication.auth_via_mfa", None, true, Some(Way::Verified)),
        ("user.authentication.auth_via_inbound_SAML", None, true, Some(Way::Federated)),
        ("user.authentication.auth_via_IDP", Some(&okta), true, Some(Way::Federated)),
        ("app.oauth2.as.token.grant.refresh_token", Some(&mail), true, Some(Way::Token)),
        ("user.account.update_password", None, true, Some(Way::OwnAccount)),
        ("user.account.update_password", Some(&boss), true, None),
        ("user.account.reset_password", Some(&boss), true, None),
        ("user.authentication.sso", Some(&boss), true, None),
        ("app.oauth2.token.grant.access_token", Some(&mail), false, None),
        ("user.session.end", None, true, None),
    ];
    let mut expected = Vec::new();
    for (number, (event, actor, is_target, way)) in rows.into_iter().enumerate() {
        let login = format!("c{number}@corp.example");
        let id = AccountId(world.fake.add(Person::contractor(&login).never_signed_in()));
        let person = world.fake.party(&login);
        let target = is_target.then(|| person.clone());
        world.fake.logged(event, actor.unwrap_or(&person), target.clone(), Some(vpn.clone()));
        // What comes later and failed hides nothing.
        world.fake.logged_as(event, &person, "FAILURE", target, Some(vpn.clone()));
        expected.push((id, event, way));
    }
    let ids: Vec<AccountId> = expected.iter().map(|(id, ..)| id.clone()).collect();
    let looks = looks(&world, &ids, None).await;
    for (id, event, way) in expected {
        let sign = match &looks[&id] {
            Ok(SecondLook::Seen(seen)) => seen.sign.clone(),
            Ok(SecondLook::Nothing { .. }) => None,
            other => panic!("{event}: {other:?}"),
        };
        assert_eq!(sign.as_ref().map(|sign| sign.way), way, "{event}");
        assert!(sign.is_none_or(|sign| sign.event == event && sign.app.as_deref() == Some("VPN")), "{event}");
    }
}

#[tokio::test]
async fn what_others_did_to_an_account_does_not_hide_what_its_person_did() {
    let world = world().await;
    let id = AccountId(world.fake.add(Person::contractor("kim@corp.example").never_signed_in()));
    world.fake.add(Person::employee("boss@corp.example"));
    let (kim, boss) = (world.fake.party("kim@corp.example"), world.fake.party("boss@corp.example"));
    world.fake.logged("user.authentication.verify", &kim, None, None);
    for _ in 0..12 {
        world.fake.logged("user.account.update_profile", &boss, Some(kim.clone()), None);
    }
    let looks = looks(&world, std::slice::from_ref(&id), None).await;
    let Ok(SecondLook::Seen(seen)) = &looks[&id] else { panic!("{looks:?}") };
    assert_eq!(seen.sign.as_ref().map(|sign| sign.way), Some(Way::Verified));
    assert_eq!(world.fake.calls().len(), 3, "twelve of others, five a page");
}

#[tokio::test]
async fn a_sweep_of_the_log_reads_about_each_account_as_far_back_as_it_asks() {
    let world = world().await;
    let mut asked = Looks::new();
    let week_ago = world.week_ago();
    for number in 0..101 {
        let login = format!("c{number}@corp.example");
        let id = world.fake.add(Person::contractor(&login).never_signed_in().sso_days_ago(30));
        asked.insert(AccountId(id), (number > 0).then_some(week_ago));
    }
    let boss = (0..1000).fold(Person::employee("boss@corp.example"), |boss, _| boss.sso_days_ago(10));
    world.fake.add(boss.sso_days_ago(2));
    let read = world.okta.second_look(&asked).await;
    assert_eq!((read.looks.len(), world.fake.calls().len()), (101, 2));
    for (id, since) in &asked {
        match (&read.looks[id], since) {
            (Ok(SecondLook::Seen(seen)), None) => assert!(seen.at < week_ago),
            (Ok(SecondLook::Nothing { since: read }), Some(since)) => assert_eq!(read, since),
            other => panic!("{other:?}"),
        }
    }
    let boss = AccountId(world.fake.person("boss@corp.example").id);
    assert!(read.others[&boss].at > week_ago, "met on the way");
}
