//! How far the listing of a large directory has come, for anyone who asks meanwhile.

use super::commands::{ask, assert_answer};
use crate::fake::gate::Moment;
use crate::fake::okta::Person;
use crate::fake::slack::U_APPROVER;
use crate::support::{UNSCHEDULED_POLICY, World};

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_how_far_a_listing_has_come_and_nothing_of_it_afterwards() {
    let world = World::new(UNSCHEDULED_POLICY).await;
    for number in 0..250 {
        let login = format!("worker{number}@ext.example");
        world.okta.add(Person::contractor(&login).last_login_days_ago(1));
    }
    world.start_bot().await;
    for (sweeps, words) in [(1, "101 accounts so far"), (2, "101 of about 250 accounts")] {
        // A page has 200.
        world.gate.stop_at_label("okta GET /api/v1/users", 2, Moment::Before);
        world.ask_for_sweep().await;
        world.gate.stopped().await;
        let words = format!("Reading the directory now: {words}");
        assert_answer(&world, U_APPROVER, "status", &[&words]).await;
        assert_answer(&world, U_APPROVER, "sweep", &["is already running"]).await;
        world.gate.release();
        world.audited_times("sweep_finished", sweeps).await;
        let afterwards = ask(&world, U_APPROVER, "status").await;
        assert!(!afterwards.contains("Reading the directory"), "{afterwards}");
    }
    world.nothing_else_is_wrong().await;
}
