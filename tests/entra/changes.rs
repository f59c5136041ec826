//! What the adapter changes: one call each, under a name that it has chosen.

use chrono::Duration;
use inactive_contractors::domain::account::AccountStatus;
use inactive_contractors::identity::{Directory, IdentityError, Lifecycle};

use crate::fake::entra::{Fault, Person};
use crate::world::{World, world};

const LOGIN: &str = "ada@corp.example";

async fn suspend_with(fault: Fault) -> (World, Result<(), IdentityError>) {
    let mut world = world().await;
    if fault == Fault::Hang {
        world.make_hasty();
    }
    let id = world.add(LOGIN);
    world.fake.fail_next("PATCH", fault);
    let result = world.entra.suspend(&id).await;
    (world, result.map(drop))
}

#[tokio::test]
async fn an_account_is_blocked_and_unblocked_by_one_call_each() {
    let world = world().await;
    let id = world.add(LOGIN);
    let blocked = world.entra.suspend(&id).await.unwrap().expect("a name");
    assert!(!world.fake.enabled(LOGIN));
    assert_eq!(world.entra.read(&id).await.unwrap().status, AccountStatus::Suspended);
    let unblocked = world.entra.restore(&id).await.unwrap().expect("a name");
    assert!(world.fake.enabled(LOGIN) && blocked != unblocked);
    let names: Vec<String> = world.fake.changes_of(LOGIN).into_iter().map(|one| one.correlation_id).collect();
    assert_eq!(names, [blocked, unblocked], "as the log calls them");
    assert_eq!(
        (world.fake.patch_requests(LOGIN), world.fake.suspends(LOGIN), world.fake.restores(LOGIN)),
        (2, 1, 1)
    );
}

#[tokio::test]
async fn to_block_what_is_blocked_is_no_error_and_no_change() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.entra.suspend(&id).await.unwrap();
    world.entra.suspend(&id).await.unwrap();
    assert_eq!(world.fake.suspends(LOGIN), 1);
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_transient_and_not_repeated() {
    for (fault, took_effect) in [
        (Fault::LostResponse, 1),
        (Fault::DropBefore, 0),
        (Fault::Status(500, "UnknownError"), 0),
        (Fault::Status(409, "Request_Conflict"), 0),
        (Fault::Html(502), 0),
        (Fault::Html(200), 0),
        (Fault::Hang, 0),
    ] {
        let (world, result) = suspend_with(fault.clone()).await;
        assert!(matches!(result, Err(IdentityError::Transient(_))), "{fault:?}: {result:?}");
        assert_eq!(
            (world.fake.patch_requests(LOGIN), world.fake.suspends(LOGIN)),
            (1, took_effect),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_change_that_was_throttled_is_left_to_the_caller_who_looks_again_first() {
    for fault in [
        Fault::RateLimited { reset_in_s: 30 },
        Fault::Concurrency,
        Fault::BareRateLimit { retry_after_s: Some(u64::MAX) },
    ] {
        let (world, result) = suspend_with(fault.clone()).await;
        let Err(IdentityError::RateLimited { until }) = result else { panic!("{fault:?}: {result:?}") };
        assert!(until - world.clock.now() <= Duration::hours(1) + Duration::seconds(1), "{fault:?} {until}");
        assert_eq!((world.fake.patch_requests(LOGIN), world.fake.suspends(LOGIN)), (1, 0), "{fault:?}");
    }
    let (world, result) = suspend_with(Fault::RateLimited { reset_in_s: 30 }).await;
    assert!(result.is_err());
    let (turn, waited) = world.hurry(world.entra.turn_to_change()).await;
    assert_eq!(turn, Ok(()));
    assert!(waited >= Duration::seconds(29), "{waited}");
}

#[tokio::test]
async fn accounts_that_are_mastered_elsewhere_are_refused_with_the_reason() {
    let world = world().await;
    for person in [
        Person::contractor("a@x.test").synced("corp.local"),
        Person::contractor("b@x.test").mastered_elsewhere(),
    ] {
        let id = world.add_person(person);
        let result = world.entra.suspend(&id).await;
        let Err(IdentityError::Refused(why)) = result else { panic!("{result:?}") };
        assert!(why.contains("managed outside of Entra ID"), "{why}");
    }
}

#[tokio::test]
async fn an_account_that_is_gone_is_not_found_and_an_account_is_never_changed_by_its_name() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.delete(LOGIN);
    assert!(matches!(world.entra.suspend(&id).await, Err(IdentityError::NotFound(_))));
    world.fake.forget_calls();
    let by_name = inactive_contractors::domain::account::AccountId("boss@corp.example".into());
    assert!(matches!(world.entra.suspend(&by_name).await, Err(IdentityError::NotFound(_))));
    assert!(matches!(world.entra.clear_sessions(&by_name).await, Err(IdentityError::NotFound(_))));
    assert!(world.calls().is_empty());
}

#[tokio::test]
async fn sessions_are_ended_once() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.entra.clear_sessions(&id).await.unwrap();
    assert_eq!(world.fake.sessions_cleared(LOGIN).len(), 1);
    assert!(world.fake.enabled(LOGIN));
}
