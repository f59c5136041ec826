//! Microsoft's limits are kept by counting, and not found out by running into them.

use chrono::Duration;
use inactive_contractors::domain::account::AccountId;
use inactive_contractors::identity::{ActivityLog, Directory, IdentityError, Lifecycle, Looks, Monitored};
use inactive_contractors::scheduler::Class;

use crate::fake::entra::{Bucket, Fault};
use crate::world::{World, limited_world, rule, world};

fn many(world: &World, count: usize) -> Vec<AccountId> {
    (0..count).map(|number| world.add(&format!("c{number:02}@x.test"))).collect()
}

/// Nothing was throttled: the fake counts throttled calls among the others, so any would show.
fn no_call_was_sent_twice(world: &World, expected: usize) {
    assert_eq!(world.calls().len(), expected);
}

#[tokio::test]
async fn ten_accounts_a_minute_are_read_with_their_dates_and_none_is_throttled() {
    let world = limited_world().await;
    let ids = many(&world, 25);
    let rule = rule();
    let reads = futures_util::future::join_all(ids.iter().map(|id| world.entra.confirm(id, &rule)));
    let reads = Class::Sweep.run(reads);
    let (read, took) = world.hurry(reads).await;
    assert!(read.iter().all(Result::is_ok), "{read:?}");
    assert!(took >= Duration::seconds(120) && took < Duration::seconds(135), "{took}");
    no_call_was_sent_twice(&world, 50);
    assert!(world.entra.traffic().waits > 0);
}

#[tokio::test]
async fn five_looks_into_the_log_in_ten_seconds_and_none_is_throttled() {
    let world = limited_world().await;
    let asked: Looks = many(&world, 23).into_iter().map(|id| (id, None)).collect();
    let (read, took) = world.hurry(Class::Sweep.run(world.entra.second_look(&asked))).await;
    assert!(read.looks.values().all(Result::is_ok));
    assert!(took >= Duration::seconds(40) && took < Duration::seconds(50), "{took}");
    no_call_was_sent_twice(&world, 23);
}

#[tokio::test]
async fn what_others_use_up_is_waited_out_for_as_long_as_graph_says() {
    let world = world().await;
    let id = world.add("a@x.test");
    world.fake.fail_next("GET", Fault::RateLimited { reset_in_s: 20 });
    let (read, took) = world.hurry(world.entra.read(&id)).await;
    assert!(read.is_ok() && took >= Duration::seconds(20) && took < Duration::seconds(30), "{took}");
    world.fake.fail_always("GET", Fault::RateLimited { reset_in_s: 600 });
    let result = world.entra.read(&id).await;
    let Err(IdentityError::RateLimited { until }) = result else { panic!("{result:?}") };
    assert!(until - world.clock.now() > Duration::minutes(9), "nobody waits here for so long");
}

#[tokio::test]
async fn a_log_that_is_throttled_keeps_no_account_from_being_changed() {
    let world = world().await;
    let id = world.add("a@x.test");
    world.fake.set_limit(Bucket::Reports, 1, 600);
    assert!(world.entra.last_change(&id, world.week_ago()).await.is_ok());
    let result = world.entra.last_change(&id, world.week_ago()).await;
    assert!(matches!(result, Err(IdentityError::RateLimited { .. })), "{result:?}");
    assert!(world.entra.suspend(&id).await.is_ok() && world.entra.read(&id).await.is_ok());
}

#[tokio::test]
async fn a_change_waits_beforehand_for_the_look_that_it_needs() {
    let world = limited_world().await;
    let ids = many(&world, 11);
    let looks = async {
        for id in &ids[..10] {
            world.entra.confirm(id, &rule()).await.unwrap();
        }
    };
    Class::Sweep.run(world.hurry(looks)).await;
    let (turn, waited) = world.hurry(world.entra.turn_to_change()).await;
    assert_eq!(turn, Ok(()));
    assert!(waited > Duration::seconds(30), "{waited}");
    let (look, waited) = world.hurry(Class::Action.run(world.entra.look(&ids[10], &rule(), None))).await;
    assert!(look.is_ok() && waited < Duration::seconds(15), "{waited}");
    let (changed, waited) = world.hurry(world.entra.suspend(&ids[10])).await;
    assert!(changed.is_ok() && waited < Duration::seconds(5), "{waited}");
}
