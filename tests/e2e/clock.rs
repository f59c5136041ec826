//! Clocks jump, machines sleep: each slot is swept for once, deadlines go by the time of day, and nothing old is done.

use chrono::Duration;

use super::commands::assert_answer;
use crate::fake::okta::{Fault, Status};
use crate::fake::slack::{C_OPS, Fault as SlackFault, Message, U_APPROVER, U_VIEWER};
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
async fn a_slot_that_a_wrong_clock_has_used_up_comes_all_the_same_and_once() {
    // Hours ahead: the slot was to come. Minutes: it was about to.
    for (before, ahead) in
        [(Duration::hours(2), Duration::hours(3)), (Duration::minutes(3), Duration::minutes(10))]
    {
        let world = World::at_ten(&format!("{PLAIN_POLICY}schedule = \"0 12 * * *\"\n")).await;
        world.advance(Duration::hours(2) - before);
        world.add_idle(&[ADA]);
        world.start_bot().await;
        assert_answer(&world, U_VIEWER, "status", &["Next"]).await;
        set_own_clock(&world, ahead);
        world.message("Correct it, keep it correct").await;
        // As long as it is wrong nothing is started again, however often the rows are looked at.
        assert_answer(&world, U_VIEWER, "status", &["Correct it"]).await;
        world.advance(Duration::seconds(30));
        assert_answer(&world, U_VIEWER, "status", &["Correct it"]).await;
        set_own_clock(&world, -ahead);
        world.advance(before - Duration::seconds(29));
        world.message("Answer by").await;
        world.advance(Duration::hours(1));
        world.nothing_else_is_wrong().await;
        let trail = (world.audited("sweep_started"), world.audited("sweep_refused"), cards(&world));
        assert_eq!(trail, (2, 1, 1), "{ahead}");
    }
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
        world.message("found no account to suspend").await;
        world.advance(Duration::hours(24));
        world.audited_times("sweep_finished", slots).await;
        world.advance(Duration::hours(2));
        world.audited_times("clock_jumped", 3).await;
        assert_eq!(world.audited("sweep_started"), slots, "{day:?}");
        world.nothing_else_is_wrong().await;
    }
}

/// A clock that only the bot has: Okta's and Slack's go on as they did.
fn set_own_clock(world: &World, by: Duration) {
    world.clock.advance(by);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_differs_from_oktas_suspends_nobody_until_it_is_set_right() {
    for minutes in [11, -11] {
        let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
        set_own_clock(&world, Duration::minutes(minutes));
        world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
        let words = if minutes > 0 { "11 minutes ahead of" } else { "11 minutes behind" };
        world.card_says(&card, words).await;
        assert_answer(&world, U_VIEWER, "status", &[words, "Correct it"]).await;
        assert_eq!((world.changes_asked(), world.audited("suspension_intended")), (Vec::new(), 0));
        set_own_clock(&world, Duration::minutes(-minutes));
        // The blocker is looked at once a minute.
        world.advance(Duration::seconds(61));
        world.message("1 account suspended. Approved by").await;
        assert_eq!((world.okta.suspends(ADA), world.audited("suspended")), (1, 1));
        assert_answer(&world, U_VIEWER, "status", &["Okta: last answered"]).await;
        world.nothing_else_is_wrong().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_days_ahead_ends_no_approval() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    let far = Duration::days(2);
    set_own_clock(&world, Duration::minutes(11));
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.card_says(&card, "11 minutes ahead of").await;
    set_own_clock(&world, far);
    world.card_says(&card, "2891 minutes ahead of").await;
    set_own_clock(&world, -far - Duration::minutes(11));
    world.advance(Duration::seconds(61));
    world.message("1 account suspended. Approved by").await;
    assert_eq!((world.okta.suspends(ADA), world.audited("skipped")), (1, 0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exemption_granted_while_the_clock_was_ahead_holds_once_it_is_set_right() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    let ahead = Duration::hours(3);
    set_own_clock(&world, ahead);
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.card_says(&card, "180 minutes ahead of").await;
    assert_answer(&world, U_APPROVER, &format!("exempt {ADA} on leave"), &["is exempt until"]).await;
    set_own_clock(&world, -ahead);
    world.advance(Duration::seconds(61));
    world.message("0 accounts suspended, 1 left alone").await;
    assert_eq!(world.changes_asked(), Vec::<String>::new());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_by_a_clock_that_differs_from_oktas_is_refused_even_if_it_finds_nobody() {
    for (minutes, idle) in [(6, 41), (-6, 1)] {
        let world = World::at_ten(PLAIN_POLICY).await;
        world.okta.add(crate::fake::okta::Person::contractor(ADA).last_login_days_ago(idle));
        world.start_bot().await;
        set_own_clock(&world, Duration::minutes(minutes));
        world.ask_for_sweep().await;
        world.message("Correct it, keep it correct with NTP, and sweep again").await;
        assert_eq!((world.audited("sweep_refused"), world.audited("proposed"), cards(&world)), (1, 0, 0));
        set_own_clock(&world, Duration::minutes(2 - minutes));
        world.ask_for_sweep().await;
        world.audited_times("sweep_finished", 1).await;
        world.nothing_else_is_wrong().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_whose_date_can_not_be_read_stop_nothing() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.add_idle(&[ADA]);
    world.okta.date_header(Some("some day in autumn"));
    world.start_bot().await;
    set_own_clock(&world, Duration::minutes(11));
    let card = world.sweep().await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    world.nothing_else_is_wrong().await;
}

/// An approved request, and the clock is put back while something waits for a moment.
async fn put_back_while(waits: impl AsyncFn(&World, &Message), goes_on: impl Fn(&World)) {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    waits(&world, &card).await;
    goes_on(&world);
    world.advance(Duration::hours(-3));
    world.audited_times("clock_jumped", 1).await;
    world.message("1 account suspended. Approved by").await;
    assert_eq!((world.okta.suspends(ADA), world.okta.status_of(ADA)), (1, Status::Suspended));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_waits_for_its_next_try_waits_no_longer_after_the_clock_is_put_back() {
    let waits = async |world: &World, card: &Message| {
        world.okta.fail_next("POST lifecycle/suspend", Fault::Status(500, "E0000009"));
        world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
        world.until("a try put off", |world| world.accounts_put_off() == 1).await;
    };
    put_back_while(waits, |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_looked_at_again_after_the_clock_is_put_back() {
    let waits = async |world: &World, card: &Message| {
        world.okta.deny("lifecycle/suspend");
        world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
        world.card_says(card, "may not").await;
    };
    put_back_while(waits, |world| world.okta.allow("lifecycle/suspend")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_over_after_the_clock_is_put_back() {
    let waits = async |world: &World, card: &Message| {
        world.okta.fail_next("POST lifecycle/suspend", Fault::RateLimited { reset_in_s: 60 });
        world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
        world.until("a try put off", |world| world.accounts_put_off() == 1).await;
    };
    put_back_while(waits, |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_for_its_next_try_is_sent_after_the_clock_is_put_back() {
    let waits = async |world: &World, card: &Message| {
        world.slack.fail_always("chat.postMessage", SlackFault::Status(503));
        world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
        world.put_off("request:1:outcomes:0").await;
    };
    put_back_while(waits, |world| world.slack.clear_faults()).await;
}
