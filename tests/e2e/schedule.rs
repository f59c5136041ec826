//! The daily slot: owed once, whatever restarts and slow nights there are.

use chrono::Duration;

use crate::commands::assert_answer;
use crate::fake::okta::Person;
use crate::fake::slack::{C_OPS, Fault, Message, U_APPROVER};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";

/// A world at eight in the morning, with ADA to propose.
async fn at_eight(policy: &str) -> World {
    let world = World::new(policy).await;
    world.move_to(8, 0);
    world.add_idle(&[ADA]);
    world
}

/// Has the card denied. When that has been posted, all that was due at this time has been started.
async fn deny(world: &World, card: &Message) {
    world.card_says(card, "Answer by").await;
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daily_slot_sweeps_once() {
    let world = at_eight(PLAIN_POLICY).await;
    world.start_bot().await;
    world.move_to(8, 59);
    assert_eq!(world.audited("sweep_started"), 0);
    world.move_to(9, 0);
    let card = world.message("Answer by").await;
    for minute in [1, 2, 30] {
        world.move_to(9, minute);
    }
    deny(&world, &card).await;
    assert_eq!(world.audited("sweep_started"), 1);

    world.move_to(8, 0);
    world.move_to(9, 0);
    world.message("Answer by").await;
    assert_eq!((world.audited("sweep_started"), world.audited("proposed")), (2, 2));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_does_not_repeat_the_slot() {
    let world = at_eight(PLAIN_POLICY).await;
    world.start_bot().await;
    world.move_to(9, 0);
    let card = world.message("Answer by").await;
    world.stop_bot().await;
    world.move_to(9, 5);
    world.start_bot().await;
    deny(&world, &card).await;
    assert_eq!((world.audited("bot_started"), world.audited("sweep_started")), (2, 1));
    assert_eq!(world.audited("proposed"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_slot_is_caught_up_with_once() {
    let world = at_eight(PLAIN_POLICY).await;
    world.start_bot().await;
    world.stop_bot().await;
    world.advance(Duration::days(2));
    world.move_to(12, 0);
    world.start_bot().await;
    let card = world.message("Answer by").await;
    world.stop_bot().await;
    world.start_bot().await;
    deny(&world, &card).await;
    let started: Vec<_> = world.audit().into_iter().filter(|line| line.action == "sweep_started").collect();
    assert_eq!(started.len(), 1, "of three missed slots only the latest is owed");
    assert!(started[0].detail.to_string().contains("catch_up"), "{}", started[0].detail);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_older_than_the_catch_up_limit_is_not_owed() {
    let world = at_eight(&format!("{PLAIN_POLICY}catch_up = \"2h\"\n")).await;
    world.start_bot().await;
    world.stop_bot().await;
    world.move_to(11, 1);
    world.start_bot().await;
    world.sweep().await;
    assert_eq!(world.audited("sweep_started"), 1, "only the one that was asked for");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_policy_owes_nothing_for_the_time_before_it_existed() {
    let world = at_eight(PLAIN_POLICY).await;
    world.move_to(9, 30);
    world.start_bot().await;
    world.sweep().await;
    assert_eq!(world.audited("sweep_started"), 1, "only the one that was asked for");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_without_candidates_is_one_quiet_line() {
    let world = World::new(PLAIN_POLICY).await;
    world.move_to(8, 0);
    world.okta.add(Person::contractor("busy@ext.example"));
    world.start_bot().await;
    world.move_to(9, 0);
    let line = world.message("found no account to suspend. 1 account checked").await;
    assert!(line.actions().is_empty());
    world.stop_bot().await;
    assert_eq!(world.slack.messages(C_OPS).len(), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_without_candidates_can_be_quieter_still() {
    let world = World::new(&format!("{PLAIN_POLICY}announce_no_candidates = false\n")).await;
    world.move_to(8, 0);
    world.okta.add(Person::contractor("busy@ext.example"));
    world.start_bot().await;
    world.move_to(9, 0);
    world.until("the sweep's end", |world| world.audited("sweep_finished") == 1).await;
    // Anyone who asks is answered all the same.
    world.ask_for_sweep().await;
    world.message("found no account to suspend").await;
    world.stop_bot().await;
    assert_eq!((world.slack.messages(C_OPS).len(), world.audited("sweep_finished")), (1, 2));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_already_asked_about_is_not_asked_about_again() {
    let (world, first) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.ask_for_sweep().await;
    let line = world.message("found no account to suspend").await;
    assert!(
        line.visible_text().contains("1 account is pending in another request"),
        "{}",
        line.visible_text()
    );
    world.add_idle(&[BEN]);
    let second = world.sweep().await;
    assert!(!second.visible_text().contains(ADA) && second.visible_text().contains("1 already asked about"));
    for card in [first, second] {
        world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    }
    world
        .slack
        .wait_for("both endings", |slack| {
            let ending =
                |message: &Message| message.visible_text().contains("1 account suspended. Approved by");
            (slack.messages(C_OPS).iter().filter(|message| ending(message)).count() == 2).then_some(())
        })
        .await;
    assert_eq!([ADA, BEN].map(|login| world.okta.suspend_requests(login)), [1, 1]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_denied_is_proposed_again_the_next_day_as_pending() {
    let world = at_eight(PLAIN_POLICY).await;
    world.start_bot().await;
    world.move_to(9, 0);
    let card = world.message("new on the list").await;
    deny(&world, &card).await;
    world.move_to(9, 0);
    let again = world.message("also on the previous list").await;
    assert!(again.ts != card.ts && again.visible_text().contains("idle 42 days"), "{}", again.visible_text());
    world.nothing_else_is_wrong().await;
}

/// How often a sweep asked who is an administrator.
fn tries(world: &World) -> usize {
    world.okta.calls().iter().filter(|call| call.path == "/api/v1/iam/assignees/users").count()
}

/// How often the accounts were listed.
fn listings(world: &World) -> usize {
    let is_first_page = |query: &str| query.contains("search=") && !query.contains("after=");
    world
        .okta
        .calls()
        .iter()
        .filter(|call| call.path == "/api/v1/users" && is_first_page(&call.query))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trouble_that_passes_does_not_cost_the_day() {
    let world = at_eight(PLAIN_POLICY).await;
    world.slack.fail_always("users.info", Fault::Status(503));
    world.start_bot().await;
    world.move_to(9, 0);
    // Who is protected is looked up before anybody is listed.
    world.until("a try", |world| tries(world) == 1).await;
    for _ in 0..3 {
        // Each input wakes the bot.
        assert_answer(&world, U_APPROVER, "pending", &["can't"]).await;
    }
    assert_eq!((tries(&world), listings(&world)), (1, 0), "it waits before it tries again");
    world.slack.clear_faults();
    world.advance(Duration::seconds(11));
    world.message("Answer by").await;
    assert_eq!((world.audited("sweep_started"), world.audited("sweep_failed")), (1, 0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_breaks_off_or_meets_a_proxy_does_not_cost_the_day() {
    use crate::fake::okta::Fault;
    for (call, times, fault) in
        [("GET after=", 1, Fault::Status(400, "E0000031")), ("GET search=", 5, Fault::Html(200))]
    {
        let world = at_eight(PLAIN_POLICY).await;
        world.add_idle(&[BEN]);
        world.okta.page_at_most(1);
        world.okta.fail_times(call, times, fault);
        world.start_bot().await;
        world.move_to(9, 0);
        let failed = |world: &World| {
            world.advance(Duration::milliseconds(500));
            world.okta.waiting_faults() == 0
        };
        world.until("the failed listing", failed).await;
        // When the bot has noted that it failed, the clock brings the next one.
        for _ in 0..4 {
            assert_answer(&world, U_APPROVER, "status", &["contractors"]).await;
            world.advance(Duration::seconds(11));
        }
        let card = world.message("Answer by").await;
        assert!(card.visible_text().contains(ADA) && card.visible_text().contains(BEN));
        assert_eq!((world.audited("sweep_started"), world.audited("sweep_failed")), (1, 0), "{call}");
        world.nothing_else_is_wrong().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trouble_that_stays_is_reported_within_the_hour() {
    let world = at_eight(PLAIN_POLICY).await;
    world.okta.fail_always("search=", crate::fake::okta::Fault::Status(503, "E0000009"));
    world.start_bot().await;
    world.move_to(9, 0);
    world.until("the listing", |world| listings(world) >= 1).await;
    world.advance(Duration::minutes(61));
    let told = world.message("failed").await.visible_text();
    assert!(told.contains("503"), "{told}");
    assert_eq!((world.audited("sweep_started"), world.audited("sweep_failed")), (1, 1));
    world.nothing_else_is_wrong().await;
}

const CY: &str = "cy@ext.example";

/// How often the sign-in log was asked about somebody.
fn log_queries(world: &World) -> usize {
    world.okta.calls().iter().filter(|call| call.path == "/api/v1/logs").count()
}

/// A world at the minute of the slot, in which the log says nothing of ADA and BEN, with or without CY that it has
/// seen.
async fn without_log(policy: &str, busy: usize, seen: bool) -> World {
    let world = at_eight(policy).await;
    world.add_idle(&[BEN]);
    if seen {
        world.okta.add(Person::contractor(CY).last_login_days_ago(41).sso_days_ago(1));
    }
    for number in 0..busy {
        world.okta.add(Person::contractor(&format!("busy{number}@ext.example")));
    }
    for login in [ADA, BEN] {
        let query = format!("actor.id eq \"{}\"", world.okta.person(login).id);
        world.okta.fail_always(&query, crate::fake::okta::Fault::Status(503, "E0000009"));
    }
    world.start_bot().await;
    world.move_to(9, 0);
    let tried = |world: &World| {
        world.advance(Duration::milliseconds(500));
        // Five times for each of the two.
        log_queries(world) >= 10 + usize::from(seen)
    };
    world.until("the log asked without success", tried).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_down_does_not_cost_the_day_whichever_accounts_it_leaves_unjudged() {
    let policy = format!("{PLAIN_POLICY}announce_no_candidates = false\n");
    for (busy, seen) in [(4, false), (0, false), (4, true)] {
        let world = without_log(&policy, busy, seen).await;
        world.okta.clear_faults();
        for _ in 0..4 {
            assert_answer(&world, U_APPROVER, "status", &["contractors"]).await;
            world.advance(Duration::seconds(11));
        }
        let card = world.message("Answer by").await;
        assert!(card.visible_text().contains(ADA) && card.visible_text().contains(BEN));
        let ends = ["sweep_started", "sweep_failed", "sweep_refused"].map(|action| world.audited(action));
        assert_eq!(ends, [1, 0, 0], "{busy} busy, {seen}");
        world.nothing_else_is_wrong().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_nobody_could_judge_is_always_reported() {
    for (busy, seen, words) in
        [(4, false, "failed"), (0, false, "could not be judged"), (4, true, "2 accounts could not be judged")]
    {
        let policy = format!("{PLAIN_POLICY}announce_no_candidates = false\n");
        let world = without_log(&policy, busy, seen).await;
        world.advance(Duration::minutes(61));
        world
            .until("told", |world| {
                world.advance(Duration::milliseconds(500));
                !world.slack.messages(C_OPS).is_empty()
            })
            .await;
        let told = world.message("contractors").await.visible_text();
        assert!(told.contains(words), "{told}");
        world.nothing_else_is_wrong().await;
    }
}
