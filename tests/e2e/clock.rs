//! Clocks jump, machines sleep: each slot is swept for once, deadlines go by the time of day, and nothing old is done.

use chrono::Duration;

use crate::fake::slack::{C_OPS, U_APPROVER};
use crate::support::{PLAIN_POLICY, World, is_open_card};

const ADA: &str = "ada@ext.example";

fn cards(world: &World) -> usize {
    world.slack.messages(C_OPS).into_iter().filter(is_open_card).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_three_days_asleep_one_sweep_is_owed_and_the_old_question_is_over() {
    let world = World::at_ten(&format!("{PLAIN_POLICY}schedule = \"0 12 * * *\"\n")).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    let card = world.sweep().await;
    world.advance(Duration::days(3) + Duration::hours(3));
    world.message("nobody answered").await;
    let fresh = |slack: &crate::fake::slack::FakeSlack| {
        slack.messages(C_OPS).into_iter().find(|one| one.ts != card.ts && is_open_card(one))
    };
    let fresh = world.slack.wait_for("a fresh card", fresh).await;
    assert_eq!((world.audited("sweep_started"), world.audited("expired"), cards(&world)), (2, 1, 1));
    assert_eq!(world.audited("clock_jumped"), 1, "why it expired so soon is in the trail");
    world.slack.click_stale(U_APPROVER, &card, "suspend").await.expect("it was there");
    world.told(U_APPROVER, "This request expired").await;
    world.slack.click(U_APPROVER, &fresh.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
    assert_eq!(world.changes_asked(), Vec::<String>::new());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_put_back_repeats_no_slot_and_gives_no_answer_twice() {
    let world = World::at_ten(&format!("{PLAIN_POLICY}schedule = \"0 12 * * *\"\n")).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    world.advance(Duration::minutes(121));
    let card = world.message("Answer by").await;
    world.advance(Duration::hours(-2));
    world.audited_times("clock_jumped", 1).await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    // The slot comes by once more.
    world.advance(Duration::minutes(150));
    world.slack.click_stale(U_APPROVER, &card, "suspend").await.expect("it was there");
    world.told(U_APPROVER, "Already approved by you").await;
    assert_eq!(
        (world.audited("sweep_started"), world.audited("approved"), world.okta.suspends(ADA)),
        (1, 1, 1)
    );
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slot_of_a_night_that_has_none_is_swept_for_once() {
    // 02:30 does not exist on 28 March 2027 in Berlin, and exists twice on 31 October.
    let policy = format!("{PLAIN_POLICY}schedule = \"30 2 * * *\"\ntime_zone = \"Europe/Berlin\"\n");
    for (day, slots) in [((2027, 3, 27), 2), ((2027, 10, 30), 2)] {
        let world = World::new(&policy).await;
        let noon =
            chrono::NaiveDate::from_ymd_opt(day.0, day.1, day.2).and_then(|day| day.and_hms_opt(12, 0, 0));
        world.advance(noon.expect("a day").and_utc() - world.clock.now());
        world.okta.add(crate::fake::okta::Person::contractor("busy@ext.example"));
        world.start_bot().await;
        world.advance(Duration::hours(16));
        world.message("nobody to suspend").await;
        world.advance(Duration::hours(24));
        world.audited_times("sweep_finished", slots).await;
        world.advance(Duration::hours(2));
        world.audited_times("clock_jumped", 3).await;
        assert_eq!(world.audited("sweep_started"), slots, "{day:?}");
        world.nothing_else_is_wrong().await;
    }
}
