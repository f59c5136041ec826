//! What the two logs say: who signed in of late, and who changed an account.

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::account::{AccountId, Changer, StatusChange};
use inactive_contractors::domain::sighting::SecondLook;
use inactive_contractors::identity::{ActivityLog, Directory, IdentityError, Lifecycle, Looks};

use crate::fake::entra::{AuditStyle, Fault, Licence, Person};
use crate::world::{World, rule, world};

const LOGIN: &str = "ada@corp.example";

async fn look(
    world: &World,
    id: &AccountId,
    since: Option<DateTime<Utc>>,
) -> Result<SecondLook, IdentityError> {
    let mut read = world.entra.second_look(&Looks::from([(id.clone(), since)])).await;
    read.looks.remove(id).expect("an entry for each")
}

#[tokio::test]
async fn a_sign_in_that_the_dates_do_not_show_yet_is_in_the_log() {
    let world = world().await;
    let id = world.add_person(Person::contractor(LOGIN).last_login_days_ago(41));
    world.fake.configure(|settings| settings.activity_lag = Duration::hours(20));
    assert!(world.fake.sign_in(LOGIN));
    world.advance(Duration::seconds(1));
    let dates = world.entra.confirm(&id, &rule()).await.unwrap().last_sign_in.at().unwrap();
    assert!(world.clock.now() - dates > Duration::days(40), "they are late");
    for since in [None, Some(world.week_ago())] {
        let Ok(SecondLook::Seen(seen)) = look(&world, &id, since).await else { panic!("nobody was seen") };
        assert!(world.clock.now() - seen.at < Duration::minutes(1));
        assert_eq!(seen.sign.unwrap().app.as_deref(), Some("Office365 Shell WCSS-Client"));
    }
}

#[tokio::test]
async fn failed_sign_ins_and_others_people_are_none() {
    let world = world().await;
    let id = world.add_person(Person::contractor(LOGIN).never_signed_in());
    world.fake.failed_sign_in(LOGIN);
    world.fake.sign_in("boss@corp.example");
    world.advance(Duration::seconds(1));
    let since = world.week_ago();
    assert_eq!(look(&world, &id, Some(since)).await, Ok(SecondLook::Nothing { since }));
    let Ok(SecondLook::Nothing { since }) = look(&world, &id, None).await else {
        panic!("somebody was seen")
    };
    assert_eq!((world.clock.now() - since).num_days(), 30, "as long as the log is kept");
}

#[tokio::test]
async fn a_log_that_nobody_may_read_is_asked_once_and_says_nothing_of_anybody() {
    let world = world().await;
    let asked: Looks = (0..5).map(|number| (world.add(&format!("c{number}@x.test")), None)).collect();
    world.fake.configure(|settings| settings.licence = Licence::Free);
    world.fake.forget_calls();
    let read = world.entra.second_look(&asked).await;
    assert_eq!((read.looks.len(), world.calls().len()), (5, 1));
    for look in read.looks.values() {
        assert!(matches!(look, Err(IdentityError::Denied(why)) if why.contains("P1 or P2")), "{look:?}");
    }
}

#[tokio::test]
async fn a_log_that_fails_for_one_fails_for_that_one() {
    let world = world().await;
    let asked: Looks = (0..5).map(|number| (world.add(&format!("c{number}@x.test")), None)).collect();
    let (unlucky, _) = asked.first_key_value().unwrap();
    world.fake.fail_always(&format!("GET userId eq '{unlucky}'"), Fault::Status(500, "UnknownError"));
    let read = world.entra.second_look(&asked).await;
    let failed: Vec<_> = read.looks.iter().filter(|(_, look)| look.is_err()).map(|(id, _)| id).collect();
    assert_eq!((failed, read.looks.len()), (vec![unlucky], 5));
}

async fn last_change(world: &World, id: &AccountId) -> Option<StatusChange> {
    world.advance(Duration::seconds(1));
    world.entra.last_change(id, world.week_ago()).await.unwrap()
}

#[tokio::test]
async fn each_way_to_write_a_change_down_is_read() {
    for style in [AuditStyle::Named, AuditStyle::Updated, AuditStyle::Both] {
        let world = world().await;
        let id = world.add(LOGIN);
        world.fake.configure(|settings| settings.audit_style = style);
        assert_eq!(last_change(&world, &id).await, None);
        world.entra.suspend(&id).await.unwrap();
        let change = last_change(&world, &id).await.expect("ours");
        assert_eq!(change.by, Changer::Us, "{style:?}");
        world.advance(Duration::minutes(5));
        world.fake.set_enabled_by_admin(LOGIN, true, "boss@corp.example");
        let change = last_change(&world, &id).await.expect("an admin's");
        assert!(
            matches!(&change.by, Changer::Admin { name, id: Some(_) } if name == "boss@corp.example"),
            "{change:?}"
        );
        world.advance(Duration::minutes(5));
        world.fake.set_enabled_by_app(LOGIN, false, "HR feed");
        let change = last_change(&world, &id).await.expect("an app's");
        assert_eq!(change.by, Changer::Import { source: "HR feed".into() }, "{style:?}");
    }
}

#[tokio::test]
async fn the_sync_is_an_import_and_other_changes_of_the_account_are_none() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.entra.suspend(&id).await.unwrap();
    world.advance(Duration::minutes(5));
    world.fake.set_enabled_by_sync(LOGIN, true);
    world.advance(Duration::minutes(5));
    world.entra.clear_sessions(&id).await.unwrap();
    let change = last_change(&world, &id).await.expect("the sync's");
    assert!(
        matches!(&change.by, Changer::Import { source } if source.contains("Synchronization")),
        "{change:?}"
    );
}

#[tokio::test]
async fn a_colleague_who_uses_the_same_app_is_told_apart_once_our_names_were_seen_in_the_log() {
    for hides_app_id in [false, true] {
        let world = world().await;
        let id = world.add(LOGIN);
        world.fake.configure(|settings| settings.audit_hides_app_id = hides_app_id);
        world.fake.set_enabled_by_own_app(LOGIN, false);
        assert_eq!(last_change(&world, &id).await.unwrap().by, Changer::Us, "as far as anybody can tell");
        world.fake.set_enabled_by_own_app(LOGIN, true);
        world.advance(Duration::minutes(5));
        world.entra.suspend(&id).await.unwrap();
        assert_eq!(last_change(&world, &id).await.unwrap().by, Changer::Us);
        world.advance(Duration::minutes(5));
        world.fake.set_enabled_by_own_app(LOGIN, true);
        let by = last_change(&world, &id).await.unwrap().by;
        assert_eq!(by, Changer::Import { source: "Inactive contractors".into() }, "{hides_app_id}");
    }
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_known_for_ours_by_its_name_also_after_a_restart() {
    let mut world = world().await;
    let id = world.add(LOGIN);
    world.fake.fail_next("PATCH", Fault::LostResponse);
    assert!(matches!(world.entra.suspend(&id).await, Err(IdentityError::Transient(_))));
    world.fake.configure(|settings| settings.audit_hides_app_id = true);
    world.begin_again();
    assert_eq!(last_change(&world, &id).await.unwrap().by, Changer::Us);
}

#[tokio::test]
async fn a_log_that_lags_says_nothing_and_one_that_is_odd_is_an_error() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.entra.suspend(&id).await.unwrap();
    world.fake.configure(|settings| settings.log_lag = Duration::minutes(30));
    assert_eq!(last_change(&world, &id).await, None);
    world.advance(Duration::minutes(31));
    assert!(last_change(&world, &id).await.is_some());
    world
        .fake
        .fail_always("GET directoryAudits", Fault::Status(403, "Authentication_MSGraphPermissionMissing"));
    let result = world.entra.last_change(&id, world.week_ago()).await;
    assert!(matches!(result, Err(IdentityError::Denied(_))), "{result:?}");
}

#[tokio::test]
async fn a_change_is_found_behind_pages_of_others() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.entra.suspend(&id).await.unwrap();
    for _ in 0..9 {
        world.advance(Duration::minutes(1));
        world.entra.clear_sessions(&id).await.unwrap();
    }
    world.fake.configure(|settings| (settings.page_cap, settings.empty_pages) = (2, true));
    assert_eq!(last_change(&world, &id).await.unwrap().by, Changer::Us);
}
