//! What Okta does between the approval and the last outcome, and what becomes of each account.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::Duration;
use inactive_contractors::store::Inspection;

use crate::by_hand;
use crate::fake::gate::Moment;
use crate::fake::okta::{Fault, Person, Status};
use crate::fake::slack::{C_OPS, Fault as SlackFault, Message, U_APPROVER};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const CAT: &str = "cat@ext.example";

const SUSPEND: &str = "POST lifecycle/suspend";

async fn approve(world: &World, card: &Message) {
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
}

/// What the thread says of one account, as its sentence.
async fn outcome(world: &World, card: &Message, login: &str) -> String {
    world.message("Approved by").await;
    world.message("Audit trail up to").await;
    let thread = world.slack.replies(C_OPS, &card.ts);
    let text = thread.iter().map(Message::visible_text).collect::<Vec<_>>().join("\n").replace('\n', "");
    let (_, rest) = text.split_once(login).unwrap_or_else(|| panic!("{login} is not in the thread: {text}"));
    rest.to_owned()
}

/// ADA is left alone for this reason, and BEN is suspended all the same.
async fn assert_only_ben(world: &World, card: &Message, reason: &str) {
    let said = outcome(world, card, ADA).await;
    assert!(said.starts_with("): left alone: ") && said.contains(reason), "{said}");
    world.message("1 account suspended, 1 left alone").await;
    assert_eq!((world.okta.suspends(BEN), world.audited("suspended")), (1, 1));
    assert_eq!(world.audit_of(ADA).last().map(String::as_str), Some("skipped"));
    world.nothing_else_is_wrong().await;
}

/// Two are approved; ADA's turn never reaches Okta.
async fn assert_left_alone(world: &World, card: &Message, reason: &str) {
    approve(world, card).await;
    assert_only_ben(world, card, reason).await;
    assert_eq!(world.audit_of(ADA), ["proposed", "skipped"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_before_the_listing_is_waited_for() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.add_idle(&[ADA]);
    world.okta.fail_next("GET search=", Fault::RateLimited { reset_in_s: 1 });
    world.start_bot().await;
    world.sweep().await;
    let listings = world.okta.calls().into_iter().filter(|call| call.query.contains("search="));
    let times: Vec<_> = listings.map(|call| call.at).collect();
    assert!(times.len() == 2 && times[1] - times[0] >= Duration::seconds(1), "{times:?}");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_shows_how_far_it_has_come_while_a_call_takes_long() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world.gate.stop_at_label("okta POST /api/v1/users/{id}/lifecycle/suspend", 2, Moment::Before);
    approve(&world, &card).await;
    world.gate.stopped().await;
    world.card_says(&card, "1 of 2 done").await;
    world.gate.release();
    world.message("2 accounts suspended. Approved by").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_in_the_middle_of_the_suspensions_is_waited_for() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN, CAT]).await;
    world.okta.fail_next(SUSPEND, Fault::RateLimited { reset_in_s: 1 });
    approve(&world, &card).await;
    world.message("3 accounts suspended. Approved by").await;
    assert_eq!([ADA, BEN, CAT].map(|login| world.okta.suspends(login)), [1, 1, 1]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn internal_errors_of_okta_are_tried_again() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.okta.fail_times(SUSPEND, 2, Fault::Status(500, "E0000009"));
    approve(&world, &card).await;
    for _ in 0..2 {
        world.until("a try put off", |world| world.accounts_put_off() == 1).await;
        world.advance(Duration::seconds(10));
    }
    world.message("1 account suspended. Approved by").await;
    assert_eq!((world.okta.suspends(ADA), world.audited("suspension_intended")), (1, 3));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_that_never_works_is_a_failure_that_everybody_sees() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.okta.fail_always(SUSPEND, Fault::Html(502));
    approve(&world, &card).await;
    for _ in 1..5 {
        world.until("a try put off", |world| world.accounts_put_off() == 1).await;
        world.advance(Duration::seconds(10));
    }
    world.message("1 NOT suspended because of errors").await;
    world.card_says(&card, "1 FAILED").await;
    assert_eq!((world.okta.suspends(ADA), world.okta.person(ADA).status), (0, Status::Active));
    assert_eq!(world.audit_of(ADA).last().map(String::as_str), Some("suspension_failed"));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_response_is_one_suspension_confirmed_by_reading() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.okta.fail_next(SUSPEND, Fault::LostResponse);
    approve(&world, &card).await;
    let said = outcome(&world, &card, ADA).await;
    assert!(said.contains("confirmed by reading the account again"), "{said}");
    assert_eq!((world.okta.suspends(ADA), world.okta.suspend_requests(ADA)), (1, 1));
    assert_eq!(world.audit_of(ADA), ["proposed", "suspension_intended", "suspended"]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_that_took_effect_unseen_is_ours_also_without_the_date_of_a_change() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.okta.raw_user(ADA, |user| user["statusChanged"] = serde_json::Value::Null);
    world.gate.stop_at_label("okta POST /api/v1/users/{id}/lifecycle/suspend", 1, Moment::After);
    approve(&world, &card).await;
    world.gate.stopped().await;
    world.kill_bot().await;
    world.gate.open();
    world.start_bot().await;
    world.message("1 account suspended. Approved by").await;
    assert_eq!((world.okta.suspends(ADA), world.okta.suspend_requests(ADA)), (1, 1));
    assert_eq!(world.audit_of(ADA).last().map(String::as_str), Some("suspended"));
    world.nothing_else_is_wrong().await;
}

/// From now on the account is read as it is now once more, and as it has become after that.
fn becomes_after_one_reading(world: &World, login: &str, status: Status) {
    let before = world.okta.person(login);
    let (since, readings) =
        (before.status_changed.expect("it was activated").to_rfc3339(), AtomicUsize::new(0));
    world.okta.raw_user(login, move |user| {
        if readings.fetch_add(1, Ordering::SeqCst) == 0 {
            user["status"] = "ACTIVE".into();
            user["statusChanged"] = since.clone().into();
        }
    });
    world.okta.set_status(login, status);
}

/// The second reading of the account from now on, which follows the first try, says nothing.
fn second_reading_fails(world: &World, login: &str) {
    let readings = AtomicUsize::new(0);
    world.okta.raw_user(login, move |user| {
        if readings.fetch_add(1, Ordering::SeqCst) == 1 {
            user["id"] = serde_json::Value::Null;
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_locked_out_in_the_last_moment_is_left_alone_with_the_status() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    becomes_after_one_reading(&world, ADA, Status::LockedOut);
    approve(&world, &card).await;
    assert_only_ben(&world, &card, "LOCKED_OUT").await;
    assert_eq!(world.audit_of(ADA), ["proposed", "suspension_intended", "skipped"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_somebody_else_suspended_in_the_last_moment_is_suspended() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    becomes_after_one_reading(&world, ADA, Status::Suspended);
    approve(&world, &card).await;
    let said = outcome(&world, &card, ADA).await;
    assert!(said.contains("confirmed by reading the account again"), "{said}");
    assert_eq!((world.okta.suspends(ADA), world.okta.suspend_requests(ADA)), (0, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_somebody_else_had_suspended_before_is_not_claimed() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world.okta.set_status(ADA, Status::Suspended);
    assert_left_alone(&world, &card, "somebody else had already suspended it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signed_in_meanwhile_is_left_alone() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    assert!(world.okta.sign_in(ADA));
    assert_left_alone(&world, &card, "signed in meanwhile").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_used_an_app_meanwhile_is_left_alone() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world.okta.sso(ADA);
    world.okta.failed_sso(BEN);
    assert_left_alone(&world, &card, "used an app meanwhile").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_exempted_meanwhile_is_left_alone() {
    let mut world = World::at_ten(PLAIN_POLICY).await;
    world.add_idle(&[ADA, BEN, CAT]);
    let group = world.okta.add_group("Keep access");
    world.okta.set_group(CAT, &group);
    world.set_policy(&format!("{PLAIN_POLICY}exempt_groups = [\"{group}\"]\n"));
    world.start_bot().await;
    let card = world.sweep().await;
    world.okta.set_group(ADA, &group);
    assert_left_alone(&world, &card, "is exempt: a member of group").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_became_an_administrator_meanwhile_is_left_alone() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world.okta.set_admin_role(ADA, "HELP_DESK_ADMIN");
    assert_left_alone(&world, &card, "has an administrator role").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_hired_meanwhile_is_left_alone() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world.okta.set_user_type(ADA, "Employee");
    assert_left_alone(&world, &card, "is of another user type").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_is_said_to_be_gone() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world.okta.delete(ADA);
    assert_left_alone(&world, &card, "the account no longer exists").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_missing_pauses_the_rest_until_it_is_given() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world.okta.deny("lifecycle/suspend");
    approve(&world, &card).await;
    let paused = world.card_says(&card, "the API token may not suspend users").await.visible_text();
    assert!(paused.contains(" Stopped: ") && paused.contains("okta.users.lifecycle.suspend"), "{paused}");
    world.until("both put off", |world| world.accounts_put_off() == 2).await;
    assert_eq!(world.audited("suspended") + world.audited("completed"), 0);
    world.okta.allow("lifecycle/suspend");
    world.advance(Duration::seconds(61));
    world.message("2 accounts suspended. Approved by").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn approvers_who_cannot_be_looked_up_pause_the_suspensions_and_the_card_says_so() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.okta.fail_next(&format!("GET {}", world.okta.person(ADA).id), Fault::Status(403, "E0000006"));
    approve(&world, &card).await;
    world.card_says(&card, "Stopped: ").await;
    world.slack.fail_always("users.info", SlackFault::Status(500));
    world.advance(Duration::minutes(2));
    world.card_says(&card, "can't look up the approvers").await;
    assert_eq!(world.okta.suspend_requests(ADA), 0);
    world.slack.clear_faults();
    world.advance(Duration::seconds(61));
    world.message("1 account suspended. Approved by").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_right_is_missing_one_account_a_minute_finds_out() {
    let logins: Vec<String> = (1..=9).map(|number| format!("idle{number}@ext.example")).collect();
    let logins: Vec<&str> = logins.iter().map(String::as_str).collect();
    let (world, card) = World::asking(PLAIN_POLICY, &logins).await;
    world.okta.deny("lifecycle/suspend");
    approve(&world, &card).await;
    world.card_says(&card, "Stopped: ").await;
    let tried = world.audited("suspension_try_failed");
    assert!(tried < 9, "what stands in the way of one holds back those that were not begun");
    for minute in 1..=3 {
        world.advance(Duration::seconds(61));
        let one_more = |world: &World| world.audited("suspension_try_failed") == tried + minute;
        world.until("one more try", one_more).await;
    }
    world.okta.allow("lifecycle/suspend");
    world.advance(Duration::seconds(61));
    world.message("9 accounts suspended. Approved by").await;
    world.nothing_else_is_wrong().await;
    assert_eq!(world.audited("suspension_try_failed"), tried + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_somebody_unsuspends_between_two_tries_is_not_suspended_again() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world
        .okta
        .fail_next(&format!("POST {}/lifecycle/suspend", world.okta.person(ADA).id), Fault::LostResponse);
    second_reading_fails(&world, ADA);
    approve(&world, &card).await;
    world.until("the unclear try put off", |world| world.accounts_put_off() == 1).await;
    world.okta.set_status(ADA, Status::Active);
    world.advance(Duration::seconds(61));
    assert_only_ben(&world, &card, "somebody else changed its status after the first try").await;
    assert_eq!((world.okta.suspends(ADA), world.okta.suspend_requests(ADA)), (1, 1));
    assert_eq!(world.okta.person(ADA).status, Status::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_a_try_suspended_is_suspended_by_us_though_okta_dates_no_change() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.okta.fail_next(SUSPEND, Fault::LostResponse);
    let readings = AtomicUsize::new(0);
    world.okta.raw_user(ADA, move |user| {
        user["statusChanged"] = serde_json::Value::Null;
        if readings.fetch_add(1, Ordering::SeqCst) == 1 {
            user["id"] = serde_json::Value::Null;
        }
    });
    approve(&world, &card).await;
    world.until("the unclear try put off", |world| world.accounts_put_off() == 1).await;
    world.advance(Duration::seconds(61));
    world.message("1 account suspended. Approved by").await;
    assert_eq!(world.audit_of(ADA), ["proposed", "suspension_intended", "suspended"]);
    assert_eq!(world.okta.suspend_requests(ADA), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_others_restore_after_a_try_is_left_alone_though_okta_dated_no_change_before() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.okta.fail_next(SUSPEND, Fault::LostResponse);
    let readings = AtomicUsize::new(0);
    world.okta.raw_user(ADA, move |user| match readings.fetch_add(1, Ordering::SeqCst) {
        0 => user["statusChanged"] = serde_json::Value::Null,
        1 => user["id"] = serde_json::Value::Null,
        _ => {}
    });
    approve(&world, &card).await;
    world.until("the unclear try put off", |world| world.accounts_put_off() == 1).await;
    world.okta.set_status(ADA, Status::Active);
    world.advance(Duration::seconds(61));
    world.message("0 accounts suspended, 1 left alone").await;
    assert_eq!(world.audit_of(ADA), ["proposed", "suspension_intended", "skipped"]);
    assert_eq!(world.okta.suspend_requests(ADA), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_got_too_old_during_a_long_stop_is_not_executed() {
    let policy = format!("{PLAIN_POLICY}execute_within = \"1h\"\n");
    let (world, card) = World::asking(&policy, &[ADA, BEN]).await;
    world.okta.deny("lifecycle/suspend");
    approve(&world, &card).await;
    world.card_says(&card, " Stopped: ").await;
    world.stop_bot().await;
    world.okta.allow("lifecycle/suspend");
    world.advance(Duration::hours(2));
    world.start_bot().await;
    world.message("0 accounts suspended, 2 left alone").await;
    let words = "the approval was too old to execute; sweep again. The last error: ";
    for login in [ADA, BEN] {
        let said = outcome(&world, &card, login).await;
        assert!(said.starts_with(&format!("): left alone: {words}")), "{login}, tried or not: {said}");
    }
    assert_eq!([ADA, BEN].map(|login| world.okta.person(login).status), [Status::Active; 2]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_before_a_long_stop_is_not_denied_after_it() {
    let policy = format!("{PLAIN_POLICY}execute_within = \"1h\"\n");
    let (world, card) = World::asking(&policy, &[ADA]).await;
    world.okta.fail_next(SUSPEND, Fault::LostResponse);
    second_reading_fails(&world, ADA);
    approve(&world, &card).await;
    world.until("the unclear try put off", |world| world.accounts_put_off() == 1).await;
    world.stop_bot().await;
    world.advance(Duration::hours(2));
    world.start_bot().await;
    world.message("1 account suspended. Approved by").await;
    assert_eq!(world.audit_of(ADA), ["proposed", "suspension_intended", "suspended"]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_tokens_end_with_the_suspension_where_the_policy_says_so() {
    let (world, card) = World::asking(&format!("{PLAIN_POLICY}clear_sessions = true\n"), &[ADA]).await;
    approve(&world, &card).await;
    world.message("1 account suspended. Approved by").await;
    assert_eq!(world.okta.sessions_cleared(ADA), [true]);
    let expected =
        ["proposed", "suspension_intended", "suspended", "sessions_clear_intended", "sessions_cleared"];
    assert_eq!(world.audit_of(ADA), expected);
    world.nothing_else_is_wrong().await;
}

/// A policy that ends sessions, and carries out within an hour.
fn ends_sessions() -> String {
    format!("{PLAIN_POLICY}clear_sessions = true\ncarry_out_within = \"1h\"\n")
}

/// How many suspended accounts have their sessions put off so many times in a row.
fn sessions_put_off(world: &World, times: u32) -> i64 {
    world.count(Inspection::candidates, |one| one.state_json["sessions"]["trouble"]["waits"] == times)
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_although_the_bot_dies_right_after_the_suspension() {
    let (world, card) = World::asking(&ends_sessions(), &[ADA]).await;
    world.okta.fail_always("DELETE sessions", Fault::Hang);
    approve(&world, &card).await;
    world.until("the call that hangs", |world| world.audited("sessions_clear_intended") == 1).await;
    world.kill_bot().await;
    world.okta.clear_faults();
    world.start_bot().await;
    world.message("1 account suspended. Approved by").await;
    assert_eq!(world.okta.sessions_cleared(ADA), [true]);
    assert!(outcome(&world, &card, ADA).await.contains("; its sessions were ended"));
    assert_eq!(world.audited("sessions_cleared"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_can_not_be_ended_at_once_are_tried_again() {
    let (world, card) = World::asking(&ends_sessions(), &[ADA, BEN]).await;
    world.okta.fail_always("DELETE sessions", Fault::Status(503, "E0000009"));
    approve(&world, &card).await;
    world.card_says(&card, "have not been ended yet, because of an error: ").await;
    world.until("a try more", |world| world.audited("sessions_clear_try_failed") >= 1).await;
    assert_eq!(world.audited("completed"), 0);
    world.okta.clear_faults();
    world.advance(Duration::seconds(6));
    world.message("2 accounts suspended. Approved by").await;
    assert_eq!([ADA, BEN].map(|login| world.okta.sessions_cleared(login)), [[true], [true]]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_can_not_be_ended_hold_nobody_back_and_are_reported() {
    let (world, card) = World::asking(&ends_sessions(), &[ADA, BEN, CAT]).await;
    let ada = format!("DELETE {}/sessions", world.okta.person(ADA).id);
    world.okta.fail_always(&ada, Fault::Status(403, "E0000006"));
    approve(&world, &card).await;
    world.card_says(&card, "3 of 3 done.").await;
    for (before, seconds) in [(1, 61), (2, 121), (3, 241)] {
        world.until("Ada's put off", |world| sessions_put_off(world, before) == 1).await;
        world.advance(Duration::seconds(seconds));
    }
    world.until("the others' ended", |world| world.audited("sessions_cleared") == 2).await;
    world.until("Ada's put off", |world| sessions_put_off(world, 4) == 1).await;
    world.card_says(&card, "The sessions of 1 account have not ended yet.").await;
    world.advance(Duration::hours(1));
    world.message("3 accounts suspended, the sessions of 1 account NOT ended").await;
    assert!(outcome(&world, &card, ADA).await.contains("its sessions were NOT ended"));
    world.card_says(&card, "its sessions were NOT ended").await;
    assert_eq!(
        ["sessions_clear_try_failed", "sessions_clear_failed"].map(|word| world.audited(word)),
        [1, 1]
    );
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_a_lost_answer_may_have_ended_are_not_said_to_go_on() {
    let (world, card) = World::asking(&ends_sessions(), &[ADA]).await;
    world.okta.fail_always("DELETE sessions", Fault::LostResponse);
    approve(&world, &card).await;
    for tries in 1..=4 {
        world.audited_times("sessions_clear_try_failed", tries).await;
        world.advance(Duration::seconds(6));
    }
    world.message("1 account suspended, the sessions of 1 account perhaps NOT ended").await;
    assert!(outcome(&world, &card, ADA).await.contains("its sessions may NOT have ended"));
    assert_eq!(world.okta.sessions_cleared(ADA), [true; 5], "they had");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_a_policy_that_is_gone_is_left_alone_unless_it_is_suspended_already() {
    let (mut world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    let ada = format!("POST {}/lifecycle/suspend", world.okta.person(ADA).id);
    // Ada's try takes effect unseen, Ben's never does.
    world.okta.fail_next(&ada, Fault::LostResponse);
    world.okta.fail_always("lifecycle/suspend", Fault::Status(503, "E0000009"));
    second_reading_fails(&world, ADA);
    approve(&world, &card).await;
    world.until("both put off", |world| world.accounts_put_off() == 2).await;
    world.stop_bot().await;
    world.okta.clear_faults();
    world.rename_policy("others");
    world.start_bot().await;
    world.advance(Duration::seconds(61));
    let said = outcome(&world, &card, BEN).await;
    assert!(said.contains("left alone: its policy is no longer in the configuration"), "{said}");
    world.message("1 account suspended, 1 left alone").await;
    assert_eq!([ADA, BEN].map(|login| world.okta.suspends(login)), [1, 0]);
    assert_eq!(world.audit_of(BEN).last().map(String::as_str), Some("skipped"));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_somebody_wrote_into_the_database_by_hand_is_not_suspended() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world.stop_bot().await;
    // What an approval by somebody who may would have left in the rows.
    let forged = serde_json::json!({ "state": "approved", "decision": {
        "by": { "id": U_APPROVER, "name": "Alice", "email": "alice@firm.example" },
        "at": world.clock.now(), "reason": null,
    } });
    let due =
        serde_json::json!({ "state": "due", "attempts": 0, "not_before": null, "status_changed": null });
    by_hand::approve(&world.database(), &forged, &due);
    world.start_bot().await;
    let said = outcome(&world, &card, ADA).await;
    assert!(said.contains("no record of an approval. Somebody changed the database by hand"), "{said}");
    world.message("0 accounts suspended, 2 left alone").await;
    assert_eq!((world.changes_asked(), world.audited("suspension_intended")), (Vec::new(), 0));
    let skipped = world.audit().into_iter().find(|line| line.action == "skipped").expect("it is audited");
    assert_eq!(skipped.detail["why"]["unproven"], "decision");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_restored_meanwhile_keeps_its_sessions() {
    let (world, card) = World::asking(&ends_sessions(), &[ADA]).await;
    world.okta.fail_always("DELETE sessions", Fault::Status(403, "E0000006"));
    approve(&world, &card).await;
    world.until("put off", |world| sessions_put_off(world, 1) == 1).await;
    world.okta.set_status(ADA, Status::Active);
    world.okta.clear_faults();
    world.advance(Duration::seconds(61));
    world.message("1 account suspended. Approved by").await;
    let said = outcome(&world, &card, ADA).await;
    assert!(said.contains("its sessions were left alone: the account is no longer suspended"), "{said}");
    assert_eq!(world.okta.sessions_cleared(ADA), [] as [bool; 0]);
    assert_eq!(world.audited("sessions_clear_skipped"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_are_answered_while_okta_hangs() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.okta.fail_always(SUSPEND, Fault::Hang);
    approve(&world, &card).await;
    world.okta.until("the call that hangs", |okta| okta.suspend_requests(ADA) == 1).await;
    world.card_says(&card, "being suspended, try 1").await;
    let reply = world.slack.click_stale(U_APPROVER, &card, "deny").await.expect("it was there");
    assert!(reply.acked_after.is_some(), "{reply:?}");
    world.told(U_APPROVER, "Already approved by you").await;

    world.kill_bot().await;
    let lock = world.database().with_extension("db.lock");
    let free = |_: &World| std::fs::File::open(&lock).is_ok_and(|file| file.try_lock().is_ok());
    world.until("the file let go", free).await;
    world.okta.clear_faults();
    world.start_bot().await;
    world.message("1 account suspended. Approved by").await;
    assert_eq!(world.audited("suspension_intended"), 2);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outcome_of_every_account_is_in_the_thread_however_long_their_names_are() {
    let world = World::at_ten(PLAIN_POLICY).await;
    let logins: Vec<String> = (10..40).map(|number| format!("kim{number}@ext.example")).collect();
    for login in &logins {
        let name = "n".repeat(900);
        world.okta.add(Person::contractor(login).name(&name, "K").last_login_days_ago(41));
    }
    world.start_bot().await;
    let card = world.sweep().await;
    approve(&world, &card).await;
    world.message("30 accounts suspended. Approved by").await;
    let thread: String = world.slack.replies(C_OPS, &card.ts).iter().map(Message::visible_text).collect();
    for login in &logins {
        let told = thread
            .split_once(login.as_str())
            .is_some_and(|(_, rest)| rest.replace('\n', "").starts_with("): suspended"));
        assert!(told, "{login} is not in the thread: {thread}");
    }
    world.nothing_else_is_wrong().await;
}
