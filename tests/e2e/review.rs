//! What a cold reading of the workflow found: each story goes wrong without its mend.

use chrono::Duration;

use crate::fake::okta::{Fault as OktaFault, Person};
use crate::fake::slack::{C_OPS, FakeSlack, Fault, Sees, U_APPROVER, U_GUEST};
use crate::support::{PLAIN_POLICY, World};

#[tokio::test(flavor = "multi_thread")]
async fn an_exemption_added_after_the_card_holds_when_the_card_is_approved() {
    let mut world = World::new(PLAIN_POLICY).await;
    let group = world.okta.add_group("Keep these");
    for login in ["grouped@ext.example", "marked@ext.example", "ada@ext.example"] {
        world.okta.add(Person::contractor(login).last_login_days_ago(41));
    }
    world.okta.set_group("grouped@ext.example", &group);
    world.okta.set_attribute("marked@ext.example", "costCenter", "keep");
    world.start_bot().await;
    let card = world.sweep().await;
    world.stop_bot().await;
    world.set_policy(&format!(
        "{PLAIN_POLICY}exempt_groups = [\"{group}\"]\n\
         exempt_attributes = [{{ name = \"costCenter\", value = \"keep\" }}]\n"
    ));
    world.start_bot().await;

    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("in the thread of").await;
    assert_eq!(world.okta.suspend_requests("grouped@ext.example"), 0);
    assert_eq!(world.okta.suspend_requests("marked@ext.example"), 0);
    assert_eq!(world.okta.suspends("ada@ext.example"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialog_that_slack_could_not_vouch_for_can_be_sent_again() {
    let world = World::new(PLAIN_POLICY).await;
    world.okta.add(Person::contractor("ada@ext.example").last_login_days_ago(41));
    world.start_bot().await;
    let card = world.sweep().await;
    world.slack.click(U_APPROVER, &card.ts, "choose").await.expect("the button is there");
    world.slack.wait_view(U_APPROVER, "the dialog", |_| true).await;

    world.slack.fail_next("users.info", Fault::Status(503));
    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("the dialog can be sent");
    assert!(matches!(reply.sees, Sees::ViewErrors(_)), "{:?}", reply.sees);
    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("the dialog stays");
    assert_eq!(reply.sees, Sees::ViewClosed);
    world.message("in the thread of").await;
    assert_eq!(world.okta.suspends("ada@ext.example"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_also_when_the_answer_to_the_suspension_was_lost() {
    let world = World::new(&format!("{PLAIN_POLICY}clear_sessions = true\n")).await;
    world.okta.add(Person::contractor("ada@ext.example").last_login_days_ago(41));
    world.start_bot().await;
    let card = world.sweep().await;
    world.okta.fail_next("POST /lifecycle/suspend", OktaFault::LostResponse);
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("in the thread of").await;
    assert_eq!(world.okta.sessions_cleared("ada@ext.example"), [true]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_log_is_no_clean_day_however_few_are_idle() {
    let world = World::new(&format!("{PLAIN_POLICY}announce_no_candidates = false\n")).await;
    for day in 0..9 {
        world.okta.add(Person::contractor(&format!("busy{day}@ext.example")).last_login_days_ago(1));
    }
    world.okta.add(Person::contractor("ada@ext.example").last_login_days_ago(41));
    world.okta.deny("okta.logs.read");
    world.start_bot().await;
    world.ask_for_sweep().await;
    let told = world.message("failed, and nothing was done").await;
    assert!(told.visible_text().contains("the sign-in log could not be read"), "{}", told.visible_text());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_and_its_sentence_both_put_off_are_posted_once_and_not_before_slack_says() {
    let world = World::new(PLAIN_POLICY).await;
    world.okta.add(Person::contractor("ada@ext.example").last_login_days_ago(41));
    world.start_bot().await;
    world.slack.fail_next("chat.postMessage", Fault::Error("invalid_blocks".to_owned()));
    world.slack.fail_next("chat.postMessage", Fault::RateLimited { retry_after: 600 });
    world.ask_for_sweep().await;
    let drained = |slack: &FakeSlack| (slack.waiting_faults() == 0).then_some(());
    world.slack.wait_for("both to be put off", drained).await;
    world.advance(Duration::seconds(60));
    world.slack.slash(U_APPROVER, C_OPS, "/inactive-contractors pending").await.expect("it can be typed");
    let answered = |slack: &FakeSlack| (slack.ephemerals(U_APPROVER).len() >= 2).then_some(());
    world.slack.wait_for("the answer to the command", answered).await;
    assert!(world.slack.messages(C_OPS).is_empty(), "Slack asked for ten minutes");
    world.advance(Duration::seconds(600));
    world.message("ada@ext.example").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_who_presses_choose_is_told_and_audited() {
    let world = World::new(PLAIN_POLICY).await;
    world.okta.add(Person::contractor("ada@ext.example").last_login_days_ago(41));
    world.start_bot().await;
    let card = world.sweep().await;
    world.slack.click(U_GUEST, &card.ts, "choose").await.expect("guests see the button too");
    let told = |slack: &FakeSlack| (!slack.ephemerals(U_GUEST).is_empty()).then_some(());
    world.slack.wait_for("a note for the guest", told).await;
    assert!(world.slack.views(U_GUEST).is_empty());
    assert_eq!(world.audited("input_refused"), 1);
    world.nothing_else_is_wrong().await;
}
