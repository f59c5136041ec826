//! People without the right who try again and again: the first try of an hour is in the trail at once, the others become one
//! event. Those who have the right, and may not this once, have an event each time.

use crate::fake::slack::{FakeSlack, Message, U_APPROVER, U_GUEST, U_VIEWER};
use crate::support::{AuditLine, PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";

/// Presses a button of the card so many times, and waits for all the answers.
async fn input(world: &World, user: &str, card: &Message, action: &str, times: usize) {
    let before = world.slack.ephemerals(user).len();
    for _ in 0..times {
        world.slack.click_stale(user, card, action).await.expect("it is shown");
    }
    let answered = |slack: &FakeSlack| (slack.ephemerals(user).len() == before + times).then_some(());
    world.slack.wait_long("an answer to each", answered).await;
}

/// The events of refused tries of this person.
fn refusals(world: &World, user: &str) -> Vec<AuditLine> {
    let theirs = |line: &AuditLine| line.action == "input_refused" && line.actor["person"]["id"] == user;
    world.audit().into_iter().filter(theirs).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_an_outsider_is_two_events_in_an_hour() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    input(&world, U_GUEST, &card, "suspend", 30).await;
    // Somebody without a role, whatever they try.
    input(&world, U_VIEWER, &card, "deny", 3).await;
    input(&world, U_VIEWER, &card, "suspend", 2).await;
    assert_eq!((refusals(&world, U_GUEST).len(), refusals(&world, U_VIEWER).len()), (1, 1));
    world.advance(chrono::Duration::minutes(61));
    world.audited_times("input_refused", 4).await;
    let guests = refusals(&world, U_GUEST);
    assert_eq!((guests.len(), &guests[1].detail["count"]), (2, &29.into()));
    let why = guests[1].detail["why"].as_str().expect("it is text");
    assert!(why.starts_with("29 tries more within the hour, "), "{why}");
    assert_eq!((world.tries_refused(U_GUEST), world.tries_refused(U_VIEWER)), (30, 5));
    assert_eq!(world.audited_for("contractors", "input_refused"), 4, "who sees the policy sees all of it");
    // The next hour begins with an event again.
    input(&world, U_GUEST, &card, "suspend", 1).await;
    assert_eq!((refusals(&world, U_GUEST).len(), world.changes_asked()), (3, Vec::new()));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_bot_records_what_was_counted_and_a_crash_leaves_the_first() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    input(&world, U_GUEST, &card, "suspend", 3).await;
    world.stop_bot().await;
    assert_eq!((refusals(&world, U_GUEST).len(), world.tries_refused(U_GUEST)), (2, 3));
    world.start_bot().await;
    input(&world, U_GUEST, &card, "suspend", 3).await;
    world.kill_bot().await;
    assert_eq!((refusals(&world, U_GUEST).len(), world.tries_refused(U_GUEST)), (3, 4));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_right_and_may_not_this_once_is_recorded_each_time() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    // A right that they don't have, in between.
    let pause = "/inactive-contractors pause";
    world.slack.slash(U_APPROVER, crate::fake::slack::C_OPS, pause).await.expect("it can be typed");
    world.until("a refusal", |world| refusals(world, U_APPROVER).len() == 1).await;
    world.advance(chrono::Duration::hours(9));
    world.message("nobody answered").await;
    input(&world, U_APPROVER, &card, "suspend", 3).await;
    assert_eq!(refusals(&world, U_APPROVER).len(), 4);
    world.nothing_else_is_wrong().await;
}
