//! Giving a suspended account back from the finished card: once, with a reason, for as long as the policy says.

use chrono::Duration;

use super::dialog::{choose, choose_stale, offers, says};
use crate::fake::okta::{Fault, Status};
use crate::fake::slack::{
    FakeSlack, Fault as SlackFault, Input, Message, Reply, Sees, U_APPROVER, U_APPROVER2, U_VIEWER,
};
use crate::support::{PLAIN_POLICY, World};
use inactive_contractors::domain::ids::RequestId;

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";

/// A world in which both are suspended, and the finished card.
async fn finished(policy: &str) -> (World, Message) {
    let (world, card) = World::asking(policy, &[ADA, BEN]).await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("2 accounts suspended").await;
    let card = world.card_says(&card, "Finished").await;
    (world, card)
}

async fn end_told(world: &World) {
    world.until("the end told", |world| world.all_told(RequestId(1))).await;
}

async fn submit(world: &World, user: &str, reason: &str) -> Reply {
    let reason = [("reason", Input::Text(reason.into()))];
    world.slack.submit_view(user, &reason).await.expect("the dialog is open")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_restored_from_its_row() {
    let (world, card) = finished(PLAIN_POLICY).await;
    choose(&world, U_APPROVER2, &card, "give_back", 0).await;
    says(&world, U_APPROVER2, "leaves the account alone until").await;
    assert_eq!(submit(&world, U_APPROVER2, "she called, <!here>").await.sees, Sees::ViewClosed);
    world.message("has access again").await;
    let card = world.card_says(&card, "left alone until").await;
    let text = card.visible_text();
    assert!(text.contains("she called, &lt;!here&gt;") && text.contains("left alone until"), "{text}");
    assert!(!offers(&card, "give_back", 0) && offers(&card, "give_back", 1));
    assert_eq!((world.okta.status_of(ADA), world.okta.status_of(BEN)), (Status::Active, Status::Suspended));
    let events = world.audit_of(ADA);
    assert_eq!(events[events.len() - 3..], ["restore_asked", "restore_intended", "restored"]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_give_an_account_back_once() {
    let (world, card) = finished(PLAIN_POLICY).await;
    for user in [U_APPROVER, U_APPROVER2] {
        choose(&world, user, &card, "give_back", 0).await;
        says(&world, user, "can sign in again").await;
    }
    assert_eq!(submit(&world, U_APPROVER, "back").await.sees, Sees::ViewClosed);
    let Sees::ViewErrors(errors) = submit(&world, U_APPROVER2, "me too").await.sees else {
        panic!("two wishes")
    };
    assert!(errors["reason"].contains("already"), "{errors:?}");
    world.message("has access again").await;
    choose_stale(&world, U_APPROVER2, &card, "give_back", 0).await;
    world.told(U_APPROVER2, "already has access again").await;
    assert_eq!((world.audited("restore_asked"), world.audited("restored")), (1, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_gives_nothing_back_and_a_reason_is_needed() {
    let (world, card) = finished(PLAIN_POLICY).await;
    choose(&world, U_VIEWER, &card, "give_back", 0).await;
    world.told(U_VIEWER, "may restore an account").await;
    assert_eq!(world.audited("input_refused"), 1);
    choose(&world, U_APPROVER, &card, "give_back", 0).await;
    says(&world, U_APPROVER, "can sign in again").await;
    let Sees::ViewErrors(errors) = submit(&world, U_APPROVER, "   ").await.sees else { panic!("no reason") };
    assert!(errors["reason"].contains("a reason is missing"), "{errors:?}");
    assert_eq!(world.audited("restore_asked"), 0);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_offer_ends_with_its_time_also_while_nothing_runs() {
    let (world, card) =
        finished(&format!("{PLAIN_POLICY}restore_button_for = \"2h\"\nschedule = \"0 0 29 2 *\"\n")).await;
    assert!(offers(&card, "give_back", 0));
    end_told(&world).await;
    world.stop_bot().await;
    world.advance(Duration::minutes(90));
    world.start_bot().await;
    choose(&world, U_APPROVER, &card, "give_back", 0).await;
    says(&world, U_APPROVER, "can sign in again").await;
    world.advance(Duration::minutes(31));
    let gone = |slack: &FakeSlack| slack.message(&card.ts).filter(|card| !offers(card, "give_back", 0));
    world.slack.wait_for("a card without the offer", gone).await;
    let Sees::ViewErrors(errors) = submit(&world, U_APPROVER, "back").await.sees else { panic!("too late") };
    assert!(errors["reason"].contains("/inactive-contractors restore"), "{errors:?}");
    choose_stale(&world, U_APPROVER, &card, "give_back", 1).await;
    world.told(U_APPROVER, "This card can no longer restore access").await;
    assert_eq!(world.audited("restore_asked"), 0);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_could_not_be_checked_is_not_taken_and_one_that_was_survives_a_crash() {
    let (world, card) = finished(PLAIN_POLICY).await;
    choose(&world, U_APPROVER, &card, "give_back", 0).await;
    says(&world, U_APPROVER, "can sign in again").await;
    world.okta.fail_always("GET /api/v1/users/", Fault::Status(503, "E0000009"));
    let Sees::ViewErrors(errors) = submit(&world, U_APPROVER, "back").await.sees else { panic!("unread") };
    assert!(errors["reason"].contains("I can't read the account from Okta now"), "{errors:?}");
    assert_eq!(world.audited("restore_asked"), 0);
    world.okta.clear_faults();
    world.okta.fail_always("unsuspend", Fault::Status(503, "E0000009"));
    assert_eq!(submit(&world, U_APPROVER, "back").await.sees, Sees::ViewClosed);
    world.card_says(&card, "being restored").await;
    world.kill_bot().await;
    world.okta.clear_faults();
    world.start_bot().await;
    world.advance(Duration::seconds(6));
    world.message("has access again").await;
    assert_eq!((world.audited("restore_asked"), world.audited("restored")), (1, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_ends_while_slack_is_away_ends_once_it_is_back() {
    let (world, card) =
        finished(&format!("{PLAIN_POLICY}restore_button_for = \"2h\"\nschedule = \"0 0 29 2 *\"\n")).await;
    end_told(&world).await;
    world.slack.fail_always("chat.update", SlackFault::RateLimited { retry_after: 60 });
    world.advance(Duration::minutes(121));
    world.put_off("request:1:card").await;
    world.slack.clear_faults();
    world.advance(Duration::seconds(61));
    let gone = |slack: &FakeSlack| slack.message(&card.ts).filter(|card| !offers(card, "give_back", 0));
    world.slack.wait_for("a card without the offer", gone).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_ended_while_nothing_ran_for_days_is_taken_off_the_card() {
    let (world, card) = finished(&format!("{PLAIN_POLICY}schedule = \"0 0 29 2 *\"\n")).await;
    end_told(&world).await;
    world.stop_bot().await;
    world.advance(Duration::days(10));
    world.start_bot().await;
    let gone = |slack: &FakeSlack| slack.message(&card.ts).filter(|card| !offers(card, "give_back", 0));
    world.slack.wait_for("a card without the offer", gone).await;
    world.nothing_else_is_wrong().await;
}
