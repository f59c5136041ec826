//! Evidence about a person: signs of life in the log are remembered, what is proposed is confirmed, and what comes to
//! light too late is reported.

use chrono::Duration;
use inactive_contractors::store::{Inspection, WatchRecord};

use super::commands::assert_answer;
use super::dialog::says;
use crate::fake::gate::Moment;
use crate::fake::okta::{Fault, Party, Person, Status};
use crate::fake::slack::{C_OPS, FakeSlack, Input, Message, Sees, U_APPROVER};
use crate::support::{PLAIN_POLICY, UNSCHEDULED_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const CAT: &str = "cat@ext.example";
const SUSPEND: &str = "okta POST /api/v1/users/{id}/lifecycle/suspend";

async fn denied(world: &World, card: &Message) {
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.audited_times("denied", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_counts_from_what_the_log_once_had_and_says_how_far_it_could_look() {
    let world = World::at_ten(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(51));
    world.okta.add(Person::contractor(BEN).last_login_days_ago(200));
    world.okta.logged(
        "user.authentication.auth_via_radius",
        &world.okta.party(ADA),
        None,
        Some(Party::app_instance("VPN <!here>")),
    );
    world.start_bot().await;
    let card = world.sweep().await;
    let text = card.visible_text();
    assert!(text.contains(BEN) && !text.contains(ADA), "{text}");
    assert!(text.contains("idle at least 89 days, last sign-in"), "{text}");
    denied(&world, &card).await;
    world.advance(Duration::days(8));
    let card = world.sweep().await;
    let text = card.visible_text();
    assert!(text.contains("idle 8 days, last signed in over RADIUS"), "{text}");
    assert!(text.contains("VPN &lt;!here&gt;"), "{text}");
    // Over the days the log is read without a gap, though it keeps only 90 of them.
    assert!(text.contains("idle at least 98 days, last sign-in"), "{text}");
    let parts = ["idle 8 days", "System Log ", "signed in over RADIUS", "nothing later in it since"];
    assert_answer(&world, U_APPROVER, &format!("why {ADA}"), &parts).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_look_begins_where_the_last_one_ended() {
    let world = World::at_ten(UNSCHEDULED_POLICY).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    let card = world.sweep().await;
    denied(&world, &card).await;
    world.advance(Duration::days(3));
    world.okta.forget_calls();
    world.sweep().await;
    let asked: Vec<String> = world
        .okta
        .calls()
        .into_iter()
        .filter(|call| call.path.ends_with("/logs"))
        .map(|call| call.query)
        .collect();
    let began = (world.clock.now() - Duration::days(3) - Duration::hours(1)).format("since=%Y-%m-%d");
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].contains(&began.to_string()), "{began} in {asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_under_a_wrong_clock_is_not_remembered() {
    let world = World::at_ten(UNSCHEDULED_POLICY).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    world.clock.advance(Duration::days(40));
    world.ask_for_sweep().await;
    world.message("Correct it").await;
    let remembered = || world.count(Inspection::sightings, |_| true);
    assert_eq!(remembered(), 0);
    world.clock.advance(-Duration::days(40));
    world.sweep().await;
    assert_eq!(remembered(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_proposed_on_the_word_of_a_listing_that_lags() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.add_idle(&[BEN, CAT]);
    world.okta.freeze_index();
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended").await;
    // A change of type, and an account that is gone, of a moment ago.
    world.okta.set_user_type(BEN, "Employee");
    world.okta.delete(CAT);
    world.ask_for_sweep().await;
    world.message("found no account to suspend").await;
    assert_eq!((world.audited("proposed"), world.okta.suspends(ADA)), (1, 1));
    assert_eq!(world.okta.status_of(ADA), Status::Suspended);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_can_not_be_read_again_is_not_proposed() {
    let world = World::at_ten(UNSCHEDULED_POLICY).await;
    world.add_idle(&[ADA, BEN]);
    world.okta.add(Person::contractor(CAT).last_login_days_ago(1));
    let ada = world.okta.person(ADA).id;
    world.okta.fail_always(&format!("GET /api/v1/users/{ada}"), Fault::Status(403, "E0000006"));
    world.start_bot().await;
    let card = world.sweep().await;
    let text = card.visible_text();
    assert!(text.contains(BEN) && !text.contains(ADA), "{text}");
    assert_answer(&world, U_APPROVER, "preview", &["could not be read again"]).await;
}

/// The reply in the card's thread that says this.
async fn in_thread(world: &World, card: &Message, words: &str) -> Message {
    let reply = |slack: &FakeSlack| {
        slack.replies(C_OPS, &card.ts).into_iter().find(|reply| reply.visible_text().contains(words))
    };
    world.slack.wait_for("a reply in the card's thread", reply).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_just_before_the_call_is_reported_in_the_thread_with_the_way_back() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.gate.stop_at_label(SUSPEND, 1, Moment::Before);
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.gate.stopped().await;
    assert!(world.okta.sign_in(ADA), "her last one for now");
    world.gate.release();
    world.message("1 account suspended").await;
    world.advance(Duration::minutes(61));
    let told = in_thread(&world, &card, "was not yet in Okta's System Log").await;
    assert!(told.visible_text().contains(ADA) && told.visible_text().contains("signed in"), "{told:?}");
    assert_eq!(world.audit_of(ADA).last().map(String::as_str), Some("missed_sign_found"));
    world.slack.click(U_APPROVER, &told.ts, "person").await.expect("the button that restores");
    says(&world, U_APPROVER, "can sign in again").await;
    let reason = [("reason", Input::Text("she is here".into()))];
    let reply = world.slack.submit_view(U_APPROVER, &reason).await.expect("the dialog is open");
    assert_eq!(reply.sees, Sees::ViewClosed);
    world.message("has access again").await;
    assert_eq!(world.okta.status_of(ADA), Status::Active);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_event_of_the_log_is_reported_once() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    let signed_on = world.clock.now();
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("2 accounts suspended").await;
    world.okta.late_event(ADA, "user.authentication.sso", signed_on);
    world.ask_for_sweep().await;
    world.message("found no account to suspend").await;
    // The sweep has both looked at again, and only that look says when the next one is.
    let waits = |watch: &WatchRecord| watch.next_at.is_some_and(|at| at > world.clock.now());
    world.until("both to be looked at later", |world| world.count(Inspection::watches, waits) == 2).await;
    assert_eq!(world.audited("missed_sign_found"), 0, "the log may still be late");
    world.okta.fail_next("GET /api/v1/logs", Fault::Status(500, "E0000009"));
    world.advance(Duration::minutes(61));
    world.until("a look that failed", |world| world.okta.waiting_faults() == 0).await;
    // The account whose look failed is looked at again after a while.
    world.advance(Duration::minutes(61));
    in_thread(&world, &card, "used an app").await;
    world.ask_for_sweep().await;
    world.advance(Duration::hours(2));
    world.audited_times("sweep_finished", 3).await;
    assert_eq!((world.audited("missed_sign_found"), world.audited("drift_found")), (1, 0));
    let told = world.slack.replies(C_OPS, &card.ts);
    let told =
        told.iter().filter(|reply| reply.visible_text().contains("was not yet in Okta's System Log")).count();
    assert_eq!(told, 1);
    world.nothing_else_is_wrong().await;
}
