//! What the adapter does when Okta refuses, fails, or asks it to slow down.

use std::time::Duration as StdDuration;

use chrono::Duration;
use inactive_contractors::domain::account::AccountId;
use inactive_contractors::domain::policy::Rule;
use inactive_contractors::identity::{ActivityLog, Directory, IdentityError, Lifecycle};
use inactive_contractors::scheduler::Class;

use crate::fake::okta::{Bucket, Fault, Status};
use crate::world::{World, hasty_world, list, rule, world};

const LOGIN: &str = "a@corp.example";

/// Waits out what comes late or not at all, and nothing else.
async fn world_for(fault: &Fault) -> World {
    if matches!(fault, Fault::Hang | Fault::Drip(_)) { hasty_world().await } else { world().await }
}

async fn suspend_with(fault: Fault) -> (World, Result<(), IdentityError>) {
    let world = world_for(&fault).await;
    let id = world.add(LOGIN);
    world.fake.fail_next("POST lifecycle/suspend", fault);
    let result = world.hurry(world.okta.suspend(&id)).await.0;
    (world, result.map(drop))
}

#[tokio::test]
async fn a_suspension_is_one_call_with_an_empty_body() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.okta.suspend(&id).await.unwrap();
    world.okta.clear_sessions(&id).await.unwrap();
    assert_eq!(world.fake.person(LOGIN).status, Status::Suspended);
    assert_eq!((world.fake.suspend_requests(LOGIN), world.fake.sessions_cleared(LOGIN)), (1, vec![true]));
}

#[tokio::test]
async fn an_account_in_another_status_is_refused() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.set_status(LOGIN, Status::LockedOut);
    let error = world.okta.suspend(&id).await.unwrap_err();
    assert!(matches!(&error, IdentityError::Refused(why) if why.contains("E0000001")), "{error}");
}

#[tokio::test]
async fn a_suspension_whose_answer_is_lost_is_transient_and_not_repeated() {
    for (fault, took_effect) in [
        (Fault::LostResponse, 1),
        (Fault::DropBefore, 0),
        (Fault::Status(500, "E0000009"), 0),
        (Fault::Html(502), 0),
        (Fault::Hang, 0),
    ] {
        let (world, result) = suspend_with(fault.clone()).await;
        assert!(matches!(result, Err(IdentityError::Transient(_))), "{fault:?}: {result:?}");
        assert_eq!(world.fake.suspend_requests(LOGIN), 1, "{fault:?}");
        assert_eq!(world.fake.suspends(LOGIN), took_effect, "{fault:?}");
    }
}

#[tokio::test]
async fn a_suspension_that_was_rejected_unseen_is_left_to_the_first_one_that_looks_again() {
    for fault in [Fault::RateLimited { reset_in_s: 30 }, Fault::Concurrency, Fault::Status(503, "E0000010")] {
        let (world, result) = suspend_with(fault.clone()).await;
        assert!(matches!(result, Err(IdentityError::RateLimited { .. })), "{fault:?}: {result:?}");
        assert_eq!((world.fake.suspend_requests(LOGIN), world.fake.suspends(LOGIN)), (1, 0), "{fault:?}");
    }
}

#[tokio::test]
async fn a_caller_that_is_about_to_change_something_waits_for_the_reset_first() {
    let (world, result) = suspend_with(Fault::RateLimited { reset_in_s: 30 }).await;
    assert!(result.is_err());
    let (turn, waited) = world.hurry(world.okta.turn_to_change()).await;
    assert_eq!(turn, Ok(()));
    assert!(waited >= Duration::seconds(29), "{waited}");
}

#[tokio::test]
async fn what_is_no_whole_answer_is_read_again() {
    for fault in [Fault::Html(200), Fault::CutJson, Fault::Garbled, Fault::Reset, Fault::Drip(fake::GUARD)] {
        let world = world_for(&fault).await;
        let id = world.add(LOGIN);
        world.fake.fail_next("GET", fault.clone());
        assert!(world.okta.read(&id).await.is_ok(), "{fault:?}");
        assert_eq!(world.fake.calls().len(), 2, "{fault:?}");
        world.fake.fail_always("GET", Fault::Html(200));
        assert!(matches!(world.okta.read(&id).await, Err(IdentityError::Transient(_))), "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_that_drips_is_waited_for() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.fail_next("GET", Fault::Drip(StdDuration::from_millis(300)));
    assert!(world.okta.read(&id).await.is_ok());
    assert_eq!(world.fake.calls().len(), 1);
}

#[tokio::test]
async fn a_gateways_rate_limit_is_waited_out_for_as_long_as_it_says() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.fail_next("GET", Fault::BareRateLimit { retry_after_s: Some(20) });
    let (read, waited) = world.hurry(world.okta.read(&id)).await;
    assert!(read.is_ok() && waited >= Duration::seconds(20) && waited < Duration::seconds(40), "{waited}");
    world.fake.fail_next("GET", Fault::BareRateLimit { retry_after_s: None });
    world.okta.read(&id).await.unwrap();
    for retry_after_s in [None, Some(20), Some(u64::MAX)] {
        let (world, result) = suspend_with(Fault::BareRateLimit { retry_after_s }).await;
        let Err(IdentityError::RateLimited { until }) = result else { panic!("{result:?}") };
        assert!(until - world.clock.now() <= Duration::hours(1) + Duration::seconds(1), "{until}");
        assert_eq!((world.fake.suspend_requests(LOGIN), world.fake.suspends(LOGIN)), (1, 0));
    }
}

#[tokio::test]
async fn a_listing_that_breaks_off_is_an_error_that_may_pass_and_never_a_part() {
    let world = world().await;
    for number in 0..3 {
        world.add(&format!("c{number}@corp.example"));
    }
    world.fake.page_at_most(2);
    world.fake.fail_next("GET after=", Fault::Status(400, "E0000031"));
    let error = list(&world.okta, &rule()).await.unwrap_err();
    assert!(matches!(&error, IdentityError::Transient(why) if why.contains("in the middle")), "{error}");
    world.fake.fail_next("GET after=", Fault::FirstPageAgain);
    assert!(matches!(list(&world.okta, &rule()).await, Err(IdentityError::Malformed(_))));
    // The same refusal of the first page is the policy's own mistake.
    world.fake.fail_next("GET /api/v1/users?", Fault::Status(400, "E0000031"));
    assert!(matches!(list(&world.okta, &rule()).await, Err(IdentityError::Refused(_))));
    assert_eq!(list(&world.okta, &rule()).await.unwrap().0.len(), 3);
}

#[tokio::test]
async fn a_full_page_without_its_links_is_never_taken_for_the_whole() {
    let world = world().await;
    let group = world.fake.add_group("exempt");
    let mut ids = Vec::new();
    for number in 0..250 {
        let login = format!("c{number}@corp.example");
        ids.push(world.add(&login));
        world.fake.set_group(&login, &group);
        world.fake.set_admin_role(&login, "USER_ADMIN");
        (0..4).for_each(|_| world.fake.sso(&login));
    }
    world.fake.fail_always("GET", Fault::NoLinks);
    let without = |error: &IdentityError| {
        assert!(matches!(error, IdentityError::Malformed(why) if why.contains("Link header")), "{error}");
    };
    without(&list(&world.okta, &rule()).await.unwrap_err());
    let with_group = Rule { exempt_groups: vec![group], ..rule() };
    without(&world.okta.protected(&with_group).await.unwrap_err());
    // Nobody of these was seen on the first page of the log.
    let unseen: Vec<AccountId> = (0..101).map(|number| AccountId(format!("00u{number}"))).collect();
    let unseen = unseen.into_iter().map(|account| (account, Some(world.week_ago()))).collect();
    let read = world.okta.second_look(&unseen).await;
    assert_eq!(read.looks.len(), 101);
    read.looks.values().for_each(|look| without(look.as_ref().unwrap_err()));
    // Administrators have their links in the body, which no proxy takes away.
    assert_eq!(world.okta.protected(&rule()).await.unwrap().admins.len(), 251);
    world.fake.clear_faults();
    assert_eq!(list(&world.okta, &rule()).await.unwrap().0.len(), 250);
    world.fake.page_at_most(199);
    world.fake.fail_next("GET after=", Fault::NoLinks);
    assert_eq!(list(&world.okta, &rule()).await.unwrap().0.len(), 250, "the last page is not full");
}

#[tokio::test]
async fn a_page_of_a_proxy_is_no_suspension() {
    let (world, result) = suspend_with(Fault::Html(200)).await;
    assert!(matches!(result, Err(IdentityError::Transient(_))), "{result:?}");
    assert_eq!(world.fake.suspends(LOGIN), 0);
}

#[tokio::test]
async fn a_long_wait_is_left_to_the_caller() {
    let (world, result) = suspend_with(Fault::RateLimited { reset_in_s: 600 }).await;
    let Err(IdentityError::RateLimited { until }) = result else { panic!("{result:?}") };
    assert!(until - world.clock.now() > Duration::minutes(9));
    assert_eq!(world.fake.suspend_requests(LOGIN), 1);
}

#[tokio::test]
async fn a_read_waits_for_the_reset() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.fail_next("GET", Fault::RateLimited { reset_in_s: 30 });
    let (read, waited) = world.hurry(world.okta.read(&id)).await;
    assert!(read.is_ok() && waited >= Duration::seconds(30), "{waited}");
    assert!(waited < Duration::seconds(60), "{waited}");
}

#[tokio::test]
async fn too_many_calls_at_once_need_only_a_short_pause() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.fail_times("GET", 2, Fault::Concurrency);
    world.okta.read(&id).await.unwrap();
    assert_eq!(world.fake.calls().len(), 3);
}

#[tokio::test]
async fn the_bot_keeps_to_its_share_before_any_429() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.set_rate_limit(Bucket::UserById, 10);
    for _ in 0..5 {
        Class::FreshLook.run(world.okta.read(&id)).await.unwrap();
    }
    let (read, waited) = world.hurry(Class::FreshLook.run(world.okta.read(&id))).await;
    assert!(read.is_ok() && waited >= Duration::seconds(59), "{waited}");
    assert_eq!(world.fake.calls().len(), 6, "no call was answered with 429");
}

#[tokio::test]
async fn a_bucket_that_others_use_up_is_waited_out_too() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.set_rate_limit(Bucket::UserById, 20);
    let (url, pass) =
        (format!("{}/api/v1/users/{id}", world.fake.url()), format!("SSWS {}", world.fake.api_token()));
    for _ in 0..18 {
        reqwest::Client::new().get(&url).header("authorization", &pass).send().await.unwrap();
    }
    world.okta.read(&id).await.unwrap();
    let (read, waited) = world.hurry(world.okta.read(&id)).await;
    assert!(read.is_ok() && waited >= Duration::seconds(55), "{waited}");
    assert_eq!(world.fake.calls().len(), 20, "no call was answered with 429");
}

#[tokio::test]
async fn reads_end_after_a_bounded_number_of_attempts() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.fail_always("GET", Fault::DropBefore);
    assert!(matches!(world.okta.read(&id).await, Err(IdentityError::Transient(_))));
    assert_eq!(world.fake.calls().len(), 5);
}

#[tokio::test]
async fn refusals_are_not_retried_and_say_how_to_fix_them() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.deny("lifecycle/suspend");
    let error = world.okta.suspend(&id).await.unwrap_err();
    assert!(
        matches!(&error, IdentityError::Denied(why) if why.contains("okta.users.lifecycle.suspend")),
        "{error}"
    );
    world.fake.revoke_api_token();
    let error = world.okta.suspend(&id).await.unwrap_err();
    assert!(matches!(&error, IdentityError::Denied(why) if why.contains("make a new one")), "{error}");
    assert_eq!(world.fake.suspend_requests(LOGIN), 2);
}

#[tokio::test]
async fn errors_hold_no_secret_and_nobodys_data() {
    let world = world().await;
    let id = world.add(LOGIN);
    let token = world.fake.api_token().to_owned();
    let mut said = vec![format!("{:?}", world.okta)];
    for fault in [
        Fault::Status(400, "E0000001"),
        Fault::Status(401, "E0000011"),
        Fault::Status(403, "E0000006"),
        Fault::Status(404, "E0000007"),
        Fault::Html(418),
        Fault::Html(301),
    ] {
        world.fake.fail_next("GET", fault.clone());
        said.push(format!("{:?}", world.okta.find(LOGIN, &rule()).await.unwrap_err()));
        world.fake.fail_next("POST", fault);
        said.push(format!("{:?}", world.okta.suspend(&id).await.unwrap_err()));
    }
    for text in said {
        assert!(!text.contains(&token) && !text.contains(LOGIN) && !text.contains("asked for"), "{text}");
    }
}
