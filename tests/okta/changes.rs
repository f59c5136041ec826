//! Giving accounts back, and who changed them: what the adapter does and what it reads of it.

use chrono::Duration;
use inactive_contractors::domain::account::{AccountId, AccountStatus};
use inactive_contractors::identity::{
    ActivityLog, Changer, Directory, IdentityError, Lifecycle, StatusChange,
};

use crate::fake::okta::{Fault, Person, Status};
use crate::world::{World, world};

const LOGIN: &str = "a@corp.example";
const ADMIN: &str = "boss@corp.example";

async fn suspended() -> (World, AccountId) {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.add(Person::employee(ADMIN).name("Bea", "Boss"));
    world.okta.suspend(&id).await.unwrap();
    world.advance(Duration::hours(2));
    (world, id)
}

async fn changed(world: &World, id: &AccountId) -> StatusChange {
    world.okta.last_change(id, world.week_ago()).await.unwrap().expect("a change")
}

#[tokio::test]
async fn a_restoration_is_one_call_for_a_suspended_account_only() {
    let (world, id) = suspended().await;
    world.okta.restore(&id).await.unwrap();
    assert_eq!(world.fake.person(LOGIN).status, Status::Active);
    let error = world.okta.restore(&id).await.unwrap_err();
    assert!(matches!(&error, IdentityError::Refused(why) if why.contains("E0000001")), "{error}");
    let posts = world.calls().into_iter().filter(|call| call.ends_with("/lifecycle/unsuspend")).count();
    assert_eq!(posts, 2);
}

#[tokio::test]
async fn a_restoration_whose_answer_is_lost_is_transient_and_not_repeated() {
    for (fault, after) in [
        (Fault::LostResponse, AccountStatus::Active),
        (Fault::DropBefore, AccountStatus::Suspended),
        (Fault::Status(500, "E0000009"), AccountStatus::Suspended),
    ] {
        let (world, id) = suspended().await;
        world.fake.fail_next("POST lifecycle/unsuspend", fault.clone());
        let result = world.okta.restore(&id).await;
        assert!(matches!(result, Err(IdentityError::Transient(_))), "{fault:?}: {result:?}");
        assert_eq!(world.okta.read(&id).await.unwrap().status, after, "{fault:?}");
    }
}

#[tokio::test]
async fn a_missing_right_to_unsuspend_is_named() {
    let (world, id) = suspended().await;
    world.fake.deny("lifecycle/unsuspend");
    let error = world.okta.restore(&id).await.unwrap_err();
    assert!(
        matches!(&error, IdentityError::Denied(why) if why.contains("okta.users.lifecycle.unsuspend")),
        "{error}"
    );
}

#[tokio::test]
async fn our_own_changes_an_admins_and_an_imports_are_distinguished() {
    let (world, id) = suspended().await;
    let by_us = changed(&world, &id).await;
    assert_eq!((by_us.what.as_str(), by_us.by), ("user.lifecycle.suspend", Changer::Us));

    assert!(world.fake.bring_back_by_admin(LOGIN, ADMIN));
    let by_admin = changed(&world, &id).await;
    let boss = Some(world.fake.person(ADMIN).id);
    assert_eq!(by_admin.by, Changer::Admin { name: "Bea Boss".into(), id: boss });
    assert_eq!(by_admin.what, "user.lifecycle.unsuspend");
    assert_eq!(Some(by_admin.at), world.okta.read(&id).await.unwrap().status_changed.at());

    world.advance(Duration::hours(1));
    world.okta.suspend(&id).await.unwrap();
    assert!(world.fake.bring_back_by_import(LOGIN, "Workday"));
    assert_eq!(changed(&world, &id).await.by, Changer::Import { source: "Workday".into() });
}

#[tokio::test]
async fn the_service_account_in_a_browser_is_an_admin_and_not_us() {
    let (world, id) = suspended().await;
    world.fake.bring_back_by_admin(LOGIN, crate::fake::okta::FakeOkta::TOKEN_OWNER);
    assert!(matches!(changed(&world, &id).await.by, Changer::Admin { .. }));
}

#[tokio::test]
async fn an_earlier_change_or_one_that_is_not_logged_yet_is_none() {
    let (world, id) = suspended().await;
    let now = world.clock.now();
    assert_eq!(world.okta.last_change(&id, now - Duration::hours(1)).await.unwrap(), None);
    world.fake.hide_changes(LOGIN);
    assert_eq!(world.okta.last_change(&id, world.week_ago()).await.unwrap(), None);
}

#[tokio::test]
async fn a_log_that_can_not_be_read_is_an_error_and_not_none() {
    let (world, id) = suspended().await;
    world.fake.deny("okta.logs.read");
    let error = world.okta.last_change(&id, world.week_ago()).await.unwrap_err();
    assert!(matches!(&error, IdentityError::Denied(why) if why.contains("System Log")), "{error}");
    let strange = AccountId("../me".into());
    assert!(matches!(
        world.okta.last_change(&strange, world.week_ago()).await,
        Err(IdentityError::NotFound(_))
    ));
}

#[tokio::test]
async fn a_persons_manager_and_source_are_read() {
    let world = world().await;
    let person = Person::contractor(LOGIN)
        .manager("Bea Boss")
        .manager_id(ADMIN)
        .source("ACTIVE_DIRECTORY", "corp.example");
    let id = AccountId(world.fake.add(person));
    let account = world.okta.read(&id).await.unwrap();
    assert_eq!((account.manager.as_deref(), account.manager_id.as_deref()), (Some("Bea Boss"), Some(ADMIN)));
    assert_eq!(account.source.as_deref(), Some("corp.example"));
    let plain = world.add("b@corp.example");
    let plain = world.okta.read(&plain).await.unwrap();
    assert_eq!((plain.manager_id, plain.source), (None, None));
}

#[tokio::test]
async fn the_sandboxs_console_is_the_sandbox() {
    let world = world().await;
    let id = world.add(LOGIN);
    let link = world.okta.console_link(&id).unwrap();
    assert_eq!(link, format!("{}/admin/user/profile/view/{id}", world.fake.url()));
    assert_eq!(world.okta.console_link(&AccountId("../../x".into())), None);
}
