//! Trying again what failed: a decision of its own, with all the checks of the first one.

use chrono::Duration;

use super::commands::{ask, assert_answer};
use crate::by_hand;
use crate::fake::okta::{Fault, Person, Status};
use crate::fake::slack::{C_OPS, Fault as SlackFault, Message, U_ADMIN, U_APPROVER, U_APPROVER2, U_VIEWER};
use crate::support::{PLAIN_POLICY, World};
use inactive_contractors::domain::ids::RequestId;

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const SUSPEND: &str = "POST /lifecycle/suspend";

/// A finished request: Ben is suspended, Ada's suspension failed.
async fn with_a_failure(policy: &str, others: &[&str]) -> (World, Message) {
    let world = World::at_ten(&format!("{PLAIN_POLICY}{policy}")).await;
    world.add_idle(&[ADA]);
    for login in others {
        world.okta.add(Person::contractor(login).last_login_days_ago(41));
    }
    world.start_bot().await;
    let card = world.sweep().await;
    world.okta.fail_always(SUSPEND, Fault::Html(502));
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    if policy.contains("approvals_needed") {
        world.card_says(&card, "Approved first by").await;
        world.slack.click(U_APPROVER2, &card.ts, "suspend").await.expect("the button is there");
    }
    for _ in 1..5 {
        world.until("all tries put off", |world| world.accounts_put_off() == 1 + others.len()).await;
        world.advance(Duration::seconds(30));
    }
    world.message("NOT suspended because of errors").await;
    let card = world.card_says(&card, "Retry the ").await;
    world.until("all told", |world| world.all_told(RequestId(1))).await;
    assert_eq!(card.buttons(), ["retry"]);
    world.okta.clear_faults();
    (world, card)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_retried_by_the_button_and_reported_again() {
    let (world, card) = with_a_failure("", &[]).await;
    let threads = world.slack.replies(C_OPS, &card.ts).len();
    world.slack.click(U_APPROVER2, &card.ts, "retry").await.expect("the button is there");
    let ending = world.message("1 account suspended. Retry approved by").await;
    assert!(ending.current().text.contains("<@U0BOB>"), "{}", ending.current().text);
    let card = world.card_says(&card, "Retry approved by").await;
    assert!(card.buttons().is_empty(), "{:?}", card.buttons());
    assert_eq!(world.okta.suspends(ADA), 1);
    assert_eq!(world.slack.replies(C_OPS, &card.ts).len(), threads + 1);
    let retried = world.audit().into_iter().find(|line| line.action == "retried").expect("it is audited");
    assert_eq!(retried.actor["person"]["id"], U_APPROVER2);
    assert_eq!(world.audit_of(ADA).last().map(String::as_str), Some("suspended"));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_goes_on_where_a_killed_process_left_it() {
    let (world, card) = with_a_failure("", &[BEN]).await;
    world.okta.fail_next(SUSPEND, Fault::LostResponse);
    assert_answer(
        &world,
        U_APPROVER,
        "retry 1 Okta is well again",
        &["2 accounts of request 1 are being retried"],
    )
    .await;
    world.kill_bot().await;
    world.start_bot().await;
    world.message("2 accounts suspended. Retry approved by").await;
    assert_eq!([ADA, BEN].map(|login| world.okta.suspends(login)), [1, 1]);
    world.card_says(&card, "Okta is well again").await;
    assert_answer(&world, U_APPROVER, "retry 1", &["there is nothing to retry"]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_active_meanwhile_is_left_alone() {
    let (world, card) = with_a_failure("", &[]).await;
    world.okta.sign_in(ADA);
    world.slack.click(U_APPROVER, &card.ts, "retry").await.expect("the button is there");
    world.message("0 accounts suspended, 1 left alone. Retry approved by").await;
    assert_eq!(world.okta.status_of(ADA), Status::Active);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_needs_an_approver_and_a_request_of_failures() {
    let (world, card) = with_a_failure("", &[]).await;
    world.slack.click(U_VIEWER, &card.ts, "retry").await.expect("everybody sees the button");
    world.told(U_VIEWER, "approver").await;
    for (user, line, part) in [
        (U_VIEWER, "retry 1", "may retry suspensions"),
        (U_ADMIN, "retry 1", "approver"),
        (U_APPROVER, "retry 77", "is no such request"),
        (U_APPROVER, "retry ada", "is no such request"),
    ] {
        world.next_try_is_recorded(user);
        let answer = ask(&world, user, line).await.to_lowercase();
        assert!(answer.contains(part), "{line:?} should say {part:?} and says: {answer}");
    }
    assert_eq!((world.audited("retried"), world.audited("input_refused")), (0, 3));
    assert_eq!(world.okta.suspends(ADA), 0);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_request_asks_or_has_asked_about_stays_as_it_is() {
    let (world, card) = with_a_failure("", &[BEN]).await;
    // Ada and Ben are on the next list too.
    let next = world.sweep().await;
    assert!(next.visible_text().contains(ADA) && next.visible_text().contains(BEN));
    world.slack.click(U_APPROVER, &card.ts, "retry").await.expect("the button is there");
    world.told(U_APPROVER, "A later request covers the accounts that failed here").await;
    world.slack.click(U_APPROVER, &next.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
    let refused = world.audited("input_refused");
    world.slack.click(U_APPROVER2, &card.ts, "retry").await.expect("the button is there");
    world.told(U_APPROVER2, "so they are decided there").await;
    assert_eq!((world.audited("retried"), world.audited("input_refused")), (0, refused + 1));
    assert_eq!([ADA, BEN].map(|login| world.okta.suspends(login)), [0, 0]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_retry_names_the_accounts_that_it_leaves_out() {
    let (world, card) = with_a_failure("", &[BEN]).await;
    // Only Ada is on the next list.
    world.okta.sign_in(BEN);
    world.sweep().await;
    world.slack.click(U_APPROVER, &card.ts, "retry").await.expect("the button is there");
    world.told(U_APPROVER, "1 account is not retried. It is decided in request 2.").await;
    assert_eq!((world.audited("retried"), world.okta.suspends(ADA)), (1, 0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_comes_too_late_after_some_days() {
    let (world, card) = with_a_failure("schedule = \"0 0 29 2 *\"\n", &[]).await;
    world.advance(Duration::days(4));
    world.slack.click(U_APPROVER, &card.ts, "retry").await.expect("the button is there");
    world.told(U_APPROVER, "too long ago for a retry").await;
    assert_eq!((world.audited("retried"), world.okta.suspends(ADA)), (0, 0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_retried_before_all_is_posted() {
    let (world, card) = with_a_failure("", &[]).await;
    // As after a crash before the last messages.
    world.stop_bot().await;
    by_hand::nothing_is_told(&world.database());
    world.slack.fail_always("chat.update", SlackFault::Status(503));
    world.slack.fail_always("chat.postMessage", SlackFault::Status(503));
    world.start_bot().await;
    by_hand::nothing_is_told(&world.database());
    by_hand::outcomes_do_not_stand(&world.database());
    world.slack.click(U_APPROVER, &card.ts, "retry").await.expect("the button is there");
    world.told(U_APPROVER, "still being posted").await;
    assert_eq!(world.audited("retried"), 0);
    world.stop_bot().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_that_took_effect_unseen_is_ours_after_a_retry() {
    let (world, card) = with_a_failure("", &[]).await;
    // As if the last try had taken effect after all.
    world.okta.set_status(ADA, Status::Suspended);
    world.slack.click(U_APPROVER, &card.ts, "retry").await.expect("the button is there");
    world.message("1 account suspended. Retry approved by").await;
    assert_eq!(world.audit_of(ADA).last().map(String::as_str), Some("suspended"));
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} she called"), &["is being restored"]).await;
    world.message("has access again").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_two_approve_two_try_again() {
    let (world, card) = with_a_failure("approvals_needed = 2\n", &[]).await;
    world.slack.click(U_APPROVER, &card.ts, "retry").await.expect("the button is there");
    world.card_says(&card, "A second person must confirm it").await;
    world.slack.click(U_APPROVER, &card.ts, "retry").await.expect("the button stays");
    world.told(U_APPROVER, "somebody else has to approve too").await;
    assert_eq!(world.okta.suspends(ADA), 0);
    world.slack.click(U_APPROVER2, &card.ts, "retry").await.expect("the button stays");
    world.message("1 account suspended. Retry approved by").await;
    assert_eq!((world.audited("retried_first"), world.audited("retried")), (1, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_is_recorded_is_answered_as_recorded_whatever_breaks_after_it() {
    let (world, _) = with_a_failure("", &[]).await;
    // What can't be read any more once the decision is written.
    by_hand::break_requests_after_a_decision(&world.database());
    assert_answer(&world, U_APPROVER, "retry 1", &["1 account of request 1 is being retried"]).await;
    assert_eq!(world.audited("retried"), 1);
    world.nothing_else_is_wrong().await;
}
