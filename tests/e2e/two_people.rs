//! The two-person rule: nothing is suspended on one person's word, anyone who they are and however often they say it.

use super::commands::assert_answer;
use super::dialog::{submit_keeping, until};
use crate::fake::okta::Status;
use crate::fake::slack::{C_OPS, Message, Sees, SlackUser, U_ADMIN, U_APPROVER, U_APPROVER2, U_VIEWER};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const CAT: &str = "cat@ext.example";

/// A request of three people that needs two approvals.
async fn asking_two() -> (World, Message) {
    let (world, card) =
        World::asking(&format!("{PLAIN_POLICY}approvals_needed = 2\n"), &[ADA, BEN, CAT]).await;
    assert!(card.visible_text().contains("Two people must approve"), "{}", card.visible_text());
    (world, card)
}

async fn click(world: &World, user: &str, card: &Message, action: &str) {
    world.slack.click(user, &card.ts, action).await.expect("the button is there");
}

/// Unticks the people at these positions in the review dialog, and sends it.
async fn review_keeping(world: &World, user: &str, card: &Message, keep: &[u32]) -> Sees {
    click(world, user, card, "choose").await;
    world.slack.wait_view(user, "the choice", |view| view.visible_text().contains(CAT)).await;
    submit_keeping(world, user, keep, &[]).await.sees
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_approval_waits_on_the_card_and_the_second_person_carries_it_out() {
    let (world, card) = asking_two().await;
    click(&world, U_APPROVER, &card, "suspend").await;
    let waiting = world.card_says(&card, "A second person must approve too").await;
    assert!(waiting.visible_text().contains("Approved first by"), "{}", waiting.visible_text());
    assert_answer(&world, U_VIEWER, "pending", &["needs a second approval"]).await;
    // The row is all that there is of it, and it outlives the process.
    world.kill_bot().await;
    world.start_bot().await;

    click(&world, U_APPROVER, &card, "suspend").await;
    world.told(U_APPROVER, "somebody else has to approve too").await;
    assert_eq!((world.audited("approved"), world.changes_asked()), (0, Vec::new()));
    click(&world, U_APPROVER2, &card, "suspend").await;
    let ending = world.message("3 accounts suspended. Approved by").await.current().text.clone();
    assert!(ending.contains("<@U0ALICE>") && ending.contains("<@U0BOB>"), "{ending}");
    let said = world.card_says(&card, "Finished").await;
    assert!(said.buttons().is_empty(), "{:?}", said.buttons());
    let counts = ["approved_first", "approved", "suspended"].map(|action| world.audited(action));
    assert_eq!(counts, [1, 1, 3]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_either_of_them_leaves_out_is_kept() {
    let (world, card) = asking_two().await;
    assert_eq!(review_keeping(&world, U_APPROVER, &card, &[0]).await, Sees::ViewClosed);
    world.card_says(&card, "2 accounts selected").await;
    // The second person's dialog starts from what the first one left out.
    click(&world, U_APPROVER2, &card, "choose").await;
    let view =
        world.slack.wait_view(U_APPROVER2, "the choice", |view| view.visible_text().contains(CAT)).await;
    assert_eq!(super::dialog::submit_label(&view), "Suspend 2");
    assert!(view.visible_text().contains("left out by the first approver"), "{}", view.visible_text());
    submit_keeping(&world, U_APPROVER2, &[1], &[]).await;
    world.message("1 account suspended, 2 kept active").await;
    let status = [ADA, BEN, CAT].map(|login| world.okta.status_of(login));
    assert_eq!(status.iter().filter(|status| **status == Status::Suspended).count(), 1);
    assert_eq!(world.audited("kept"), 2);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_common_is_nobody_and_said_so() {
    let (world, card) = asking_two().await;
    // Bob chooses before he can know of Alice's choice.
    click(&world, U_APPROVER2, &card, "choose").await;
    world.slack.wait_view(U_APPROVER2, "the choice", |view| view.visible_text().contains(CAT)).await;
    review_keeping(&world, U_APPROVER, &card, &[0, 1]).await;
    world.card_says(&card, "1 account selected").await;
    let sees = submit_keeping(&world, U_APPROVER2, &[2], &[]).await.sees;
    assert_ne!(sees, Sees::ViewClosed);
    let said = world.slack.views(U_APPROVER2).pop().expect("the dialog says why").visible_text();
    let errors = format!("{sees:?}{said}");
    assert!(errors.contains("no account in common"), "{errors}");
    assert_eq!((world.audited("approved"), world.changes_asked()), (0, Vec::new()));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_taken_back_by_the_person_who_gave_it_and_a_denial_takes_one() {
    let (world, card) = asking_two().await;
    click(&world, U_APPROVER, &card, "suspend").await;
    world.card_says(&card, "Approved first by").await;
    click(&world, U_APPROVER2, &card, "take_back_approval").await;
    world.told(U_APPROVER2, "only they can take it back").await;
    click(&world, U_APPROVER, &card, "take_back_approval").await;
    world.card_says(&card, "Two people must approve").await;
    // What was taken back counts for nothing.
    click(&world, U_APPROVER2, &card, "suspend").await;
    world.card_says(&card, "Approved first by").await;
    assert_eq!((world.audited("approval_taken_back"), world.changes_asked()), (1, Vec::new()));
    click(&world, U_APPROVER, &card, "deny").await;
    world.message(" denied ").await;
    assert_eq!((world.audited("denied"), world.changes_asked()), (1, Vec::new()));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_accounts_of_one_person_are_one_person() {
    let world = World::at_ten(&format!("{PLAIN_POLICY}approvals_needed = 2\n")).await;
    world.slack.add_user(SlackUser::new(U_APPROVER2, "Alice again", "ALICE@example.com"), &[C_OPS]);
    world.add_idle(&[ADA]);
    world.start_bot().await;
    let card = world.sweep().await;
    click(&world, U_APPROVER, &card, "suspend").await;
    world.card_says(&card, "Approved first by").await;
    click(&world, U_APPROVER2, &card, "suspend").await;
    world.told(U_APPROVER2, "somebody else has to approve too").await;
    assert_eq!((world.audited("approved"), world.changes_asked()), (0, Vec::new()));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_of_the_two_decides_about_their_own_account() {
    let (world, card) = asking_two().await;
    // Known only now: whose address the sweep knew would not be on the list at all.
    world.slack.add_user(SlackUser::new(U_APPROVER, "Alice", BEN), &[C_OPS]);
    world.slack.add_user(SlackUser::new(U_APPROVER2, "Bob", CAT), &[C_OPS]);
    click(&world, U_APPROVER, &card, "suspend").await;
    world.card_says(&card, "Approved first by").await;
    click(&world, U_APPROVER2, &card, "suspend").await;
    world.message("1 account suspended, 2 left alone").await;
    assert_eq!([ADA, BEN, CAT].map(|login| world.okta.suspends(login)), [1, 0, 0]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_comes_after_the_card_counts_and_one_that_goes_still_does() {
    for (asked_for, today) in [(1, 2), (2, 1)] {
        let policy = |needed| format!("{PLAIN_POLICY}approvals_needed = {needed}\n");
        let (mut world, card) = World::asking(&policy(asked_for), &[ADA]).await;
        world.stop_bot().await;
        world.set_policy(&policy(today));
        world.start_bot().await;
        click(&world, U_APPROVER, &card, "suspend").await;
        world.card_says(&card, "Approved first by").await;
        assert_eq!(world.changes_asked(), Vec::<String>::new());
        click(&world, U_APPROVER2, &card, "suspend").await;
        world.message("1 account suspended").await;
        world.nothing_else_is_wrong().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_approval_without_a_second_suspends_nobody() {
    let (world, card) = asking_two().await;
    click(&world, U_APPROVER, &card, "suspend").await;
    world.card_says(&card, "Approved first by").await;
    world.advance(chrono::Duration::hours(9));
    world.message("nobody answered").await;
    assert_eq!((world.audited("expired"), world.changes_asked()), (1, Vec::new()));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_the_first_person_keeps_until_a_day_is_exempt_at_once() {
    let (world, card) = asking_two().await;
    click(&world, U_APPROVER, &card, "choose").await;
    world.slack.wait_view(U_APPROVER, "the choice", |view| view.visible_text().contains(CAT)).await;
    super::dialog::ask_until(&world, U_APPROVER, 0).await;
    let day = (world.clock.now() + chrono::Duration::days(20)).format("%Y-%m-%d").to_string();
    world.slack.submit_view(U_APPROVER, &until(&day, "on leave")).await.expect("the dialog is open");
    super::dialog::says(&world, U_APPROVER, "on leave").await;
    world.slack.submit_view(U_APPROVER, &[]).await.expect("the dialog is open");
    world.card_says(&card, "Approved first by").await;
    assert_eq!((world.audited("exempted"), world.audited("kept")), (1, 1));
    click(&world, U_ADMIN, &card, "suspend").await;
    world.told(U_ADMIN, "approver").await;
    click(&world, U_APPROVER2, &card, "suspend").await;
    world.message("2 accounts suspended, 1 kept active").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_a_screen_showed_as_kept_is_kept_whatever_the_first_person_does_meanwhile() {
    let (world, card) = asking_two().await;
    review_keeping(&world, U_APPROVER, &card, &[0]).await;
    let shown = world.card_says(&card, "2 accounts selected").await;
    // Bob has the dialog open, and on another screen the card's question.
    click(&world, U_APPROVER2, &card, "choose").await;
    world.slack.wait_view(U_APPROVER2, "the choice", |view| view.visible_text().contains("left out")).await;
    click(&world, U_APPROVER, &card, "take_back_approval").await;
    world.card_says(&card, "Two people must approve").await;
    click(&world, U_APPROVER, &card, "suspend").await;
    world.card_says(&card, "Approved first by").await;
    world.slack.click_stale(U_APPROVER2, &shown, "suspend").await.expect("it was there");
    world.told(U_APPROVER2, "showed you an outdated list").await;
    assert_eq!((world.audited("approved"), world.changes_asked()), (0, Vec::new()));
    world.slack.submit_view(U_APPROVER2, &[]).await.expect("the dialog is open");
    world.message("2 accounts suspended, 1 kept active").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_person_may_keep_everybody() {
    let (world, card) = asking_two().await;
    review_keeping(&world, U_APPROVER, &card, &[0]).await;
    world.card_says(&card, "2 accounts selected").await;
    assert_eq!(review_keeping(&world, U_APPROVER2, &card, &[1, 2]).await, Sees::ViewClosed);
    world.message(" denied ").await;
    assert_eq!((world.audited("denied"), world.changes_asked()), (1, Vec::new()));
    world.nothing_else_is_wrong().await;
}
