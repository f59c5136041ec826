//! What was said of an account before and beside its card: an exemption by command, a denial with its reason, and what
//! `preview` says of an account that waits.

use chrono::Duration;

use super::commands::{ask, assert_answer};
use crate::fake::slack::{C_OPS, Input, Message, Sees, U_ADMIN, U_APPROVER, U_VIEWER};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const LEFT_ALONE: &str = "The account is left alone, even if this request is approved";

#[tokio::test(flavor = "multi_thread")]
async fn an_exemption_by_command_is_on_the_open_card_until_it_ends() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    assert_answer(&world, U_ADMIN, &format!("exempt {ADA} for 10d parental leave"), &["is exempt"]).await;
    let said = world.card_says(&card, LEFT_ALONE).await.visible_text();
    assert!(said.contains("parental leave"), "{said}");
    ask(&world, U_ADMIN, &format!("unexempt {ADA} back again")).await;
    let plain = |card: &Message| !card.visible_text().contains(LEFT_ALONE);
    world.slack.wait_update(&card.ts, "a card without it", plain).await;
    ask(&world, U_ADMIN, &format!("exempt {ADA} for 10d parental leave")).await;
    world.card_says(&card, LEFT_ALONE).await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended, 1 left alone").await;
    assert_eq!(world.okta.suspends(ADA), 0);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_beside_an_open_request_says_which_accounts_wait_in_it() {
    let (world, _) = World::asking(PLAIN_POLICY, &[ADA]).await;
    let parts = [
        "would propose no other account: 1 account is already pending",
        "request 1 already asks about this account",
    ];
    assert_answer(&world, U_VIEWER, "preview", &parts).await;
    world.nothing_else_is_wrong().await;
}

/// Opens the dialog that asks why, and submits it with this reason.
async fn deny_because(world: &World, card: &Message, reason: &str) {
    world.slack.click(U_APPROVER, &card.ts, "deny_why").await.expect("the button is there");
    let is_denial = |view: &crate::fake::slack::View| view.visible_text().contains("Nobody on its list");
    world.slack.wait_view(U_APPROVER, "a dialog that denies", is_denial).await;
    let reply = world.slack.submit_view(U_APPROVER, &[("reason", Input::Text(reason.into()))]).await;
    assert_eq!(reply.expect("the dialog is open").sees, Sees::ViewClosed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_takes_a_reason_that_stands_on_the_next_card() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    // Nobody else gets a dialog.
    world.slack.click(U_VIEWER, &card.ts, "deny_why").await.expect("everybody sees the button");
    world.told(U_VIEWER, "deny a request").await;
    assert!(world.slack.views(U_VIEWER).is_empty());
    world.next_try_is_recorded(U_VIEWER);
    // Nor decides in somebody else's.
    world.slack.click(U_APPROVER, &card.ts, "deny_why").await.expect("the button is there");
    world
        .slack
        .wait_view(U_APPROVER, "the dialog", |view| view.visible_text().contains("Nobody on its list"))
        .await;
    world.slack.hand_over(U_APPROVER, U_VIEWER);
    let reply = world.slack.submit_view(U_VIEWER, &[]).await.expect("a dialog is open");
    assert!(matches!(reply.sees, Sees::ViewErrors(_)), "{reply:?}");
    assert_eq!((world.audited("denied"), world.audited("input_refused")), (0, 2));
    deny_because(&world, &card, "they are on a course until May").await;
    let denied = world.card_says(&card, "Denied by").await.visible_text();
    assert!(denied.contains("they are on a course until May"), "{denied}");
    let event = world.audit().into_iter().find(|line| line.action == "denied").expect("it is audited");
    assert_eq!(event.detail["reason"], "they are on a course until May");

    world.okta.add(crate::fake::okta::Person::contractor(BEN).last_login_days_ago(41));
    world.advance(Duration::minutes(1));
    let next = world.sweep().await.visible_text();
    for part in ["denied by", "in request 1", "they are on a course until May", "new on the list"] {
        assert!(next.contains(part), "{part}: {next}");
    }
    assert!(!next.contains("pending for"), "{next}");
    assert_eq!(world.slack.messages(C_OPS).len(), 3);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_without_a_reason_is_one_press_and_what_came_after_it_is_said_in_the_dialog() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.slack.click(U_APPROVER, &card.ts, "deny_why").await.expect("the button is there");
    world
        .slack
        .wait_view(U_APPROVER, "the dialog", |view| view.visible_text().contains("Nobody on its list"))
        .await;
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("the dialog is open");
    let Sees::ViewErrors(errors) = &reply.sees else { panic!("{reply:?}") };
    assert!(errors.values().any(|error| error.contains("denied")), "{errors:?}");
    assert_eq!(world.audited("denied"), 1);
    world.nothing_else_is_wrong().await;
}
