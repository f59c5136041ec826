//! The menu beside each person on the card: details, keep, exempt.

use chrono::Duration;

use super::commands::assert_answer;
use super::dialog::{choose, choose_stale, offers, says, top, until};
use crate::fake::slack::{FakeSlack, Sees, U_ADMIN, U_APPROVER, U_APPROVER2, U_GUEST, U_VIEWER};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";

#[tokio::test(flavor = "multi_thread")]
async fn details_are_for_anyone_who_may_ask_and_for_them_alone() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    choose(&world, U_VIEWER, &card, "details", 1).await;
    let told = world.told(U_VIEWER, "is inactive").await.visible_text();
    assert!(told.contains(BEN) && told.contains("Request 1 already asks about it"), "{told}");
    choose(&world, U_GUEST, &card, "details", 1).await;
    world.told(U_GUEST, "guest").await;
    assert_eq!(world.audited("input_refused"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_kept_at_once_and_the_others_are_still_asked_about() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    choose(&world, U_APPROVER, &card, "keep", 0).await;
    let shown = world.card_says(&card, "kept until").await;
    assert!(shown.visible_text().contains("Suspend 1 account?"), "{}", shown.visible_text());
    assert!(shown.element("suspend").expect("it is there")["text"]["text"] == "Suspend 1 account");
    assert!(!offers(&shown, "keep", 0) && offers(&shown, "details", 0) && offers(&shown, "keep", 1));
    world.kill_bot().await;
    world.start_bot().await;
    assert_answer(&world, U_VIEWER, "exemptions", &[ADA, "kept on the card of request 1"]).await;
    choose_stale(&world, U_APPROVER2, &card, "keep", 0).await;
    world.told(U_APPROVER2, "is already kept active").await;
    assert_eq!(world.audit_of(ADA), ["proposed", "kept", "exempted"]);
    world.slack.click(U_APPROVER2, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended, 1 kept active").await;
    assert_eq!((world.okta.suspends(ADA), world.okta.suspends(BEN)), (0, 1));
    let done = world.slack.message(&card.ts).expect("the card stays");
    assert!(!offers(&done, "keep", 1) && !offers(&done, "exempt", 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeping_the_last_one_ends_the_request() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    choose(&world, U_ADMIN, &card, "keep", 0).await;
    world.card_says(&card, "Suspend 1 account?").await;
    choose(&world, U_APPROVER, &card, "keep", 1).await;
    world.message(" denied ").await;
    world.card_says(&card, "Denied: nobody is suspended").await;
    assert_eq!((world.audited("denied"), world.audited("exempted")), (1, 2));
    assert_eq!(world.changes_asked(), Vec::<String>::new());
    choose_stale(&world, U_APPROVER, &card, "keep", 1).await;
    world.told(U_APPROVER, "Already denied by you").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_may_not_decide_keeps_nobody() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    for (wanted, count) in [("keep", 1), ("exempt", 2)] {
        choose(&world, U_VIEWER, &card, wanted, 0).await;
        let told = |slack: &FakeSlack| (slack.ephemerals(U_VIEWER).len() == count).then_some(());
        world.slack.wait_for("a note that says why not", told).await;
        assert_eq!(world.audited("input_refused"), count);
    }
    world.told(U_VIEWER, "not one of this policy's approvers").await;
    assert!(world.slack.views(U_VIEWER).is_empty());
    assert_eq!(world.audited("exempted"), 0);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exemption_from_the_card_has_a_day_and_a_reason() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    choose(&world, U_APPROVER, &card, "exempt", 1).await;
    says(&world, U_APPROVER, "takes effect at once").await;
    let day = |days: i64| (world.clock.now() + Duration::days(days)).format("%Y-%m-%d").to_string();
    let reply = world.slack.submit_view(U_APPROVER, &until(&day(-2), "leave")).await.expect("it is open");
    let Sees::ViewErrors(errors) = reply.sees else { panic!("{:?}", reply.sees) };
    assert!(errors["until"].contains("would end before"), "{errors:?}");
    let reply = world.slack.submit_view(U_APPROVER, &until(&day(12), "*parental* leave")).await;
    assert_eq!(reply.expect("it is open").sees, Sees::ViewClosed);
    world.card_says(&card, "kept until").await;
    assert_answer(&world, U_VIEWER, "exemptions", &[BEN, "*parental* leave"]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exemption_of_the_last_one_on_the_list_ends_the_question_with_its_reason() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    choose(&world, U_APPROVER, &card, "exempt", 0).await;
    says(&world, U_APPROVER, "takes effect at once").await;
    let day = (world.clock.now() + Duration::days(12)).format("%Y-%m-%d").to_string();
    let reply = world.slack.submit_view(U_APPROVER, &until(&day, "parental leave")).await;
    assert_eq!(reply.expect("it is open").sees, Sees::ViewClosed);
    let ending = world.message(" denied ").await.visible_text();
    assert!(ending.contains("parental leave"), "{ending}");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exemption_that_comes_after_the_decision_is_refused_in_its_dialog() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    choose(&world, U_APPROVER, &card, "exempt", 1).await;
    says(&world, U_APPROVER, "takes effect at once").await;
    world.slack.click(U_APPROVER2, &card.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
    let day = (world.clock.now() + Duration::days(12)).format("%Y-%m-%d").to_string();
    let reply = world.slack.submit_view(U_APPROVER, &until(&day, "leave")).await.expect("it is open");
    assert_eq!(reply.sees, Sees::ViewUpdated);
    assert!(top(&world, U_APPROVER).visible_text().contains("Already denied by"));
    assert_eq!(world.audited("exempted"), 0);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeping_for_as_long_as_the_policy_allows_at_most_is_allowed() {
    let (world, card) = World::asking(&format!("{PLAIN_POLICY}exemption_max = \"20d\"\n"), &[ADA, BEN]).await;
    choose(&world, U_APPROVER, &card, "keep", 0).await;
    world.card_says(&card, "kept until").await;
    assert_eq!(world.audited("exempted"), 1);
    world.nothing_else_is_wrong().await;
}
