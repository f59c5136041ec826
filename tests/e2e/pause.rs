//! The emergency stop: from an admin's word on nobody loses access, whatever was approved before.

use chrono::Duration;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::store::{Inspection, MessageRecord};

use super::commands::{ask, assert_answer};
use crate::by_hand;
use crate::fake::gate::Moment;
use crate::fake::okta::Status;
use crate::fake::slack::{C_OPS, FakeSlack, Fault, Message, U_ADMIN, U_APPROVER, UserGroup};
use crate::support::{PLAIN_POLICY, World, is_open_card};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const S_ADMINS: &str = "S0ADMINS";

#[tokio::test(flavor = "multi_thread")]
async fn while_paused_nothing_is_approved_and_no_sweep_starts_but_denying_works() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    assert_answer(&world, U_APPROVER, "pause", &["Only admins of the policy may pause it"]).await;
    assert_eq!(world.audited("paused"), 0);
    assert_answer(&world, U_ADMIN, "pause the import is wrong", &["contractors is paused"]).await;
    let told = world.message("was paused by").await.visible_text();
    assert!(told.contains("the import is wrong") && told.contains("resume policy contractors"), "{told}");
    world.card_says(&card, "Nothing can be approved until an admin resumes").await;
    assert_answer(&world, U_APPROVER, "status", &["PAUSED.", "the import is wrong"]).await;
    assert_answer(&world, U_ADMIN, "pause", &["was already paused"]).await;

    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.told(U_APPROVER, "This policy was paused by").await;
    assert_answer(&world, U_APPROVER, "sweep", &["This policy was paused by"]).await;
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
    let counts = ["paused", "sweep_started", "approved", "denied"].map(|action| world.audited(action));
    assert_eq!((counts, world.changes_asked()), ([1, 1, 0, 1], Vec::new()));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_what_was_approved_before_the_next_call_and_resuming_goes_on() {
    let (world, card) = World::asking(&format!("{PLAIN_POLICY}clear_sessions = true\n"), &[ADA, BEN]).await;
    // Both accounts are being read when the word comes.
    world.gate.stop_at_label("okta GET /api/v1/users/{id}", 1, Moment::Before);
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.gate.stopped().await;
    assert_answer(&world, U_ADMIN, "pause wrong people", &["is paused"]).await;
    // The call that is held never comes back; a process that starts again finds the pause in the database.
    world.kill_bot().await;
    world.gate.open();
    world.start_bot().await;
    world.card_says(&card, "It continues when an admin resumes").await;
    let stopped = world.okta.suspends(ADA) + world.okta.suspends(BEN);
    assert!(stopped <= 1, "what had its intent before the pause may be through");

    assert_answer(&world, U_ADMIN, "resume it was right after all", &["contractors is resumed"]).await;
    world.message("was resumed by").await;
    world.message("2 accounts suspended. Approved by").await;
    for login in [ADA, BEN] {
        assert_eq!((world.okta.person(login).status, world.okta.suspends(login)), (Status::Suspended, 1));
        assert_eq!(world.okta.sessions_cleared(login).len(), 1);
    }
    assert_answer(&world, U_ADMIN, "resume", &["Nothing is paused"]).await;
    assert_eq!(["paused", "resumed"].map(|action| world.audited(action)), [1, 1]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restoring_goes_on_while_paused() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    ask(&world, U_ADMIN, "pause").await;
    ask(&world, U_APPROVER, &format!("restore {ADA} she called")).await;
    world.message("has access again").await;
    assert_eq!(world.okta.person(ADA).status, Status::Active);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_is_forgotten_is_said_at_each_missed_sweep_and_what_is_owed_runs_after_it() {
    let world = World::at_ten(&format!("{PLAIN_POLICY}schedule = \"0 12 * * *\"\n")).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    ask(&world, U_ADMIN, "pause").await;
    world.message("was paused by").await;
    world.advance(Duration::hours(3));
    world.message("because the policy is paused").await;
    world.kill_bot().await;
    world.start_bot().await;
    ask(&world, U_ADMIN, "resume").await;
    world.message("Answer by").await;
    let says = |words: &str| {
        let messages = world.slack.messages(C_OPS);
        messages.iter().filter(|message| message.visible_text().contains(words)).count()
    };
    assert_eq!(
        ["until an admin resumes it", "because the policy is paused", "was resumed by"].map(says),
        [1, 1, 1]
    );
    world.nothing_else_is_wrong().await;
}

/// Two policies with one admin, named in the second one by a user group.
async fn two_policies(user_type: &str) -> World {
    let world = World::at_ten(&format!(
        "{PLAIN_POLICY}[[policy]]\nname = \"staffing\"\nuser_type = \"{user_type}\"\nchannel = \"{C_OPS}\"\n{PLAIN_POLICY}\
         approvers = {{ users = [\"{U_APPROVER}\"] }}\nadmins = {{ groups = [\"{S_ADMINS}\"] }}\n"
    ))
    .await;
    let admins = UserGroup { id: S_ADMINS.into(), handle: "admins".into(), users: vec![U_ADMIN.into()] };
    world.slack.add_group(admins);
    world.start_bot().await;
    world
}

fn refusals(world: &World) -> Vec<String> {
    let refused = world.audit().into_iter().filter(|line| line.action == "input_refused");
    refused.map(|line| line.detail["why"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_which_slack_could_not_tell_is_named_as_not_stopped() {
    let world = two_policies("temp").await;
    world.slack.fail_always("usergroups.users.list", Fault::Status(503));
    let parts = ["staffing was NOT paused", "policy staffing", "contractors is paused"];
    assert_answer(&world, U_ADMIN, "pause wrong people", &parts).await;
    assert_answer(&world, U_ADMIN, "pause --policy staffing", &["I can't find out from Slack"]).await;
    let shown = world.slack.slash(U_ADMIN, C_OPS, "/inactive-contractors status --here").await;
    shown.expect("the command can be typed");
    assert!(world.message("are left out").await.visible_text().contains("contractors"));
    let resumed = ask(&world, U_ADMIN, "resume").await;
    assert!(
        resumed.contains("staffing was NOT resumed") && resumed.contains("contractors is resumed"),
        "{resumed}"
    );
    assert!(!resumed.contains("left out"), "that is said already: {resumed}");
    assert_answer(&world, U_ADMIN, "sweep", &["Which policy?"]).await;
    assert_answer(&world, U_ADMIN, "status", &["are left out", "contractors"]).await;
    assert_answer(&world, U_ADMIN, &format!("why {ADA}"), &["are left out"]).await;
    assert_eq!(["paused", "resumed"].map(|action| world.audited(action)), [1, 1]);
    let why = refusals(&world);
    assert!(why.len() == 3 && why.iter().all(|why| why.starts_with("could not be identified")), "{why:?}");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_exempted_from_one_policy_while_the_other_may_have_been_meant() {
    let world = two_policies("contractor").await;
    world.add_idle(&[ADA]);
    world.slack.fail_always("usergroups.users.list", Fault::Status(503));
    let exempt = format!("exempt {ADA} for 3d away");
    assert_answer(&world, U_ADMIN, &exempt, &["I can't find out from Slack"]).await;
    assert_eq!(world.audited("exempted"), 0);
    let exempt = format!("{exempt} --policy contractors");
    assert_answer(&world, U_ADMIN, &exempt, &["is exempt"]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_can_not_be_written_for_one_policy_holds_for_the_others_and_says_so() {
    let world = two_policies("temp").await;
    let fails = |on: &str| by_hand::refuse(&world.database(), on, "pause", "staffing");
    fails("INSERT");
    let parts = [
        "staffing is paused from now on, but I could not save that",
        "contractors is paused, and its channel",
    ];
    assert_answer(&world, U_ADMIN, "pause", &parts).await;
    assert_eq!(world.audited("paused"), 1);
    // It is held all the same.
    assert_answer(&world, U_ADMIN, "sweep staffing", &["This policy was paused by"]).await;
    by_hand::refuse_nothing(&world.database());
    // What could not be saved may have been saved by now.
    let answer = ask(&world, U_ADMIN, "pause").await;
    assert!(answer.contains("contractors was already paused"), "{answer}");
    assert!(answer.replace("was already", "is").contains("staffing is paused"), "{answer}");
    fails("UPDATE");
    let parts = ["staffing was NOT resumed", "something failed", "contractors is resumed"];
    assert_answer(&world, U_ADMIN, "resume", &parts).await;
    // It goes on at once.
    world.message("was resumed by").await;
    assert_eq!(["paused", "resumed"].map(|action| world.audited(action)), [2, 1]);
    world.nothing_else_is_wrong().await;
}

/// The audit trail's pauses and sweeps, oldest first.
fn order(world: &World) -> Vec<String> {
    let told = ["paused", "resumed", "sweep_started"];
    let lines = world.audit().into_iter().map(|line| line.action);
    lines.filter(|action| told.contains(&action.as_str())).collect()
}

/// A card that asks, besides this one.
async fn another_card(world: &World, than: &Message) -> Message {
    let other = |slack: &FakeSlack| {
        let cards = slack.messages(C_OPS).into_iter();
        cards.filter(|one| one.ts != than.ts).find(is_open_card)
    };
    world.slack.wait_for("another card that asks", other).await
}

const SWEPT_AFTER_IT: [&str; 4] = ["sweep_started", "paused", "resumed", "sweep_started"];

#[tokio::test(flavor = "multi_thread")]
async fn while_paused_nobody_has_an_ended_question_asked_again() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    ask(&world, U_APPROVER, "withdraw 1 the import is wrong").await;
    world.slack.wait_update(&card.ts, "the offer", |card| card.offers("ask_again")).await;
    ask(&world, U_ADMIN, "pause").await;
    world.slack.click(U_APPROVER, &card.ts, "ask_again").await.expect("the button is there");
    world.told(U_APPROVER, "This policy was paused by").await;
    ask(&world, U_ADMIN, "resume").await;
    world.slack.click(U_APPROVER, &card.ts, "ask_again").await.expect("the button is there");
    another_card(&world, &card).await;
    assert_eq!((order(&world), world.audited("asked_again")), (SWEPT_AFTER_IT.map(str::to_owned).into(), 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_paused_no_rule_goes_live() {
    let (world, card) = World::asking("max_share = 1.0\n", &[ADA]).await;
    ask(&world, U_ADMIN, "pause").await;
    world.card_says(&card, "It can't go live until an admin resumes").await;
    world.slack.click(U_ADMIN, &card.ts, "go_live").await.expect("the button is there");
    world.told(U_ADMIN, "This policy was paused by").await;
    ask(&world, U_ADMIN, "resume").await;
    world.slack.click(U_ADMIN, &card.ts, "go_live").await.expect("the button is there");
    another_card(&world, &card).await;
    assert_eq!((order(&world), world.audited("went_live")), (SWEPT_AFTER_IT.map(str::to_owned).into(), 1));
    world.nothing_else_is_wrong().await;
}

/// Nothing is left to be posted of the first request, nor does a late update have to be waited for; it stays live all
/// the same.
async fn settled(world: &World) {
    world.advance(Duration::minutes(2));
    let is_final = |one: &MessageRecord| one.key == "request:1:card" && one.render_again_at.is_none();
    world.until("the card is final", |world| world.count(Inspection::messages, is_final) == 1).await;
    // Two more rounds of the loop.
    for _ in 0..2 {
        assert_answer(world, U_ADMIN, "status", &["Database: fine."]).await;
    }
    assert!(world.not_all_told(RequestId(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_is_changed_while_paused_is_asked_by_once_an_admin_resumes() {
    let (mut world, card) = World::asking(&format!("{PLAIN_POLICY}inactive_after = \"40d\"\n"), &[ADA]).await;
    ask(&world, U_ADMIN, "pause").await;
    world.stop_bot().await;
    world.set_policy(&format!("{PLAIN_POLICY}inactive_after = \"30d\"\n"));
    world.start_bot().await;
    world.card_says(&card, "by the new rule once an admin resumes").await;
    // A sweep that does not wait starts before this is posted.
    world.message("the rule was changed before anybody decided").await;
    settled(&world).await;
    // What waits is not lost by a restart.
    world.kill_bot().await;
    world.start_bot().await;
    ask(&world, U_ADMIN, "resume").await;
    another_card(&world, &card).await;
    assert_eq!(order(&world), SWEPT_AFTER_IT);
    world.card_says(&card, "A new sweep asks by the new rule.").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_between_a_wish_and_its_sweep_keeps_the_sweep_waiting() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    ask(&world, U_APPROVER, "withdraw 1 the import is wrong").await;
    world.slack.wait_update(&card.ts, "the offer", |card| card.offers("ask_again")).await;
    world.until("all told", |world| world.all_told(RequestId(1))).await;
    // The card is shown before anything is swept.
    world.gate.stop_at_label("slack chat.update", 1, Moment::Before);
    world.slack.click(U_APPROVER, &card.ts, "ask_again").await.expect("the button is there");
    world.gate.stopped().await;
    ask(&world, U_ADMIN, "pause").await;
    // The call that is held never comes back.
    world.kill_bot().await;
    world.gate.open();
    world.start_bot().await;
    world.card_says(&card, "a new sweep starts once an admin resumes").await;
    settled(&world).await;
    ask(&world, U_ADMIN, "resume").await;
    another_card(&world, &card).await;
    assert_eq!((order(&world), world.audited("asked_again")), (SWEPT_AFTER_IT.map(str::to_owned).into(), 1));
    world.nothing_else_is_wrong().await;
}
