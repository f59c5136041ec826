//! Nobody answers: people are reminded, somebody else is notified, the request expires, and the question can be asked
//! again.

use chrono::Duration;

use crate::fake::slack::{C_OPS, Fault, Message, S_APPROVERS, U_ADMIN, U_APPROVER, U_APPROVER2, U_VIEWER};
use crate::support::{PLAIN_POLICY, World};
use inactive_contractors::domain::ids::RequestId;

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";

fn keys() -> String {
    format!(
        "{PLAIN_POLICY}schedule = \"0 0 29 2 *\"\nanswer_within = \"8h\"\nremind_before = [\"4h\", \"1h\"]\n\
         escalate_before = \"2h\"\nescalate_to = {{ users = [\"{U_ADMIN}\"], groups = [\"{S_APPROVERS}\"] }}\n"
    )
}

fn saying(world: &World, words: &str) -> Vec<Message> {
    let said = |message: &Message| message.visible_text().contains(words);
    world.slack.messages(C_OPS).into_iter().filter(said).collect()
}

const REMINDER: &str = "Reminder: ";
const ESCALATION: &str = "The approvers have not decided yet";

#[tokio::test(flavor = "multi_thread")]
async fn approvers_are_reminded_then_somebody_else_is_notified_then_it_expires() {
    let (world, card) = World::asking(&keys(), &[ADA, BEN]).await;
    world.advance(Duration::minutes(4 * 60 - 1));
    // Something that happens anyway, so that the loop has surely looked.
    super::commands::ask(&world, U_VIEWER, "status").await;
    assert_eq!(saying(&world, REMINDER).len(), 0);
    world.advance(Duration::minutes(2));
    let reminder = world.message(REMINDER).await;
    let text = &reminder.current().text;
    assert!(
        text.contains("<@U0ALICE>") && text.contains("<@U0BOB>") && text.contains("2 accounts"),
        "{text}"
    );
    assert!(text.contains("Otherwise nobody is suspended"), "{text}");

    world.advance(Duration::hours(2));
    let escalation = world.message(ESCALATION).await;
    let text = &escalation.current().text;
    assert!(text.contains("<@U0ADAM>") && text.contains("<!subteam^S0APPROVERS>"), "{text}");
    world.advance(Duration::hours(1));
    world.until("the second reminder", |world| saying(world, REMINDER).len() == 2).await;
    world.advance(Duration::hours(1));
    world.message("nobody answered").await;
    world.card_says(&card, "Expired: nobody is suspended").await;
    let counts = ["reminded", "escalated", "expired"].map(|action| world.audited(action));
    assert_eq!((counts, world.changes_asked()), ([2, 1, 1], Vec::new()));
    let named = |action: &str| {
        let line = world.audit().into_iter().find(|line| line.action == action).expect("it is audited");
        line.detail["to"].clone()
    };
    assert_eq!(named("reminded"), serde_json::json!(["U0ALICE", "U0BOB"]));
    assert_eq!(named("escalated"), serde_json::json!(["U0ADAM", "S0APPROVERS"]));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_sent_once_however_often_the_bot_restarts_and_only_the_latest_when_late() {
    let (world, _) = World::asking(&keys(), &[ADA]).await;
    world.stop_bot().await;
    world.advance(Duration::minutes(7 * 60 + 30));
    world.slack.fail_next("chat.postMessage", Fault::LostResponse);
    world.start_bot().await;
    world.audited_times("escalated", 1).await;
    world.audited_times("reminded", 1).await;
    for _ in 0..2 {
        world.kill_bot().await;
        world.start_bot().await;
        super::commands::ask(&world, U_VIEWER, "status").await;
    }
    assert_eq!((saying(&world, REMINDER).len(), saying(&world, ESCALATION).len()), (1, 1));
    assert_eq!((world.audited("reminded"), world.audited("escalated")), (1, 1));
    world.nothing_else_is_wrong().await;
}

/// A request of whose reminder nobody knows yet that it stands.
async fn reminded_unheard() -> (World, Message) {
    let (world, card) = World::asking(&keys(), &[ADA]).await;
    world.slack.fail_next("chat.postMessage", Fault::LostResponse);
    world.advance(Duration::minutes(4 * 60 + 1));
    let deadline = world.next_deadline().expect("it waits");
    let stage = (deadline - Duration::hours(4)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    world.put_off(&format!("request:1:reminder:{stage}")).await;
    (world, card)
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_a_reminder_stands_is_found_out_also_after_the_end_and_a_restart() {
    let (world, card) = reminded_unheard().await;
    world.slack.fail_always("conversations.history", Fault::Error("internal_error".into()));
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
    super::commands::ask(&world, U_VIEWER, "status").await;
    assert!(world.not_all_told(RequestId(1)));
    world.kill_bot().await;
    assert_eq!(world.audited("reminded"), 0);
    world.slack.clear_faults();
    world.start_bot().await;
    world.audited_times("reminded", 1).await;
    assert_eq!(saying(&world, REMINDER).len(), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_that_stands_is_in_the_trail_also_if_somebody_decides_before_that_is_known() {
    let (world, card) = reminded_unheard().await;
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
    world.audited_times("reminded", 1).await;
    world.advance(Duration::hours(5));
    super::commands::ask(&world, U_VIEWER, "status").await;
    assert_eq!((saying(&world, REMINDER).len(), world.audited("reminded")), (1, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_reminded_of_what_is_decided() {
    let (world, card) = World::asking(&keys(), &[ADA]).await;
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
    world.advance(Duration::minutes(7 * 60 + 30));
    super::commands::ask(&world, U_VIEWER, "status").await;
    assert_eq!((world.audited("reminded"), world.audited("escalated")), (0, 0));
    assert_eq!(saying(&world, REMINDER).len() + saying(&world, ESCALATION).len(), 0);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn being_notified_gives_nobody_the_right_to_decide() {
    let (world, card) = World::asking(&keys(), &[ADA]).await;
    world.advance(Duration::minutes(6 * 60 + 1));
    world.message(ESCALATION).await;
    world.slack.click(U_ADMIN, &card.ts, "suspend").await.expect("everybody sees the button");
    world.told(U_ADMIN, "approver").await;
    assert_eq!((world.audited("input_refused"), world.changes_asked()), (1, Vec::new()));
    world.nothing_else_is_wrong().await;
}

/// A request that nobody answered.
async fn expired() -> (World, Message) {
    let (world, card) = World::asking(&keys(), &[ADA]).await;
    world.advance(Duration::hours(9));
    world.message("nobody answered").await;
    let card = world.card_says(&card, "Expired: nobody is suspended").await;
    assert_eq!(card.buttons(), ["ask_again"]);
    (world, card)
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_again_is_a_fresh_request_with_fresh_data_and_the_old_card_leads_there() {
    let (world, old) = expired().await;
    world.add_idle(&[BEN]);
    // Two at once make one sweep.
    let (one, other) = tokio::join!(
        world.slack.click(U_APPROVER, &old.ts, "ask_again"),
        world.slack.click(U_APPROVER2, &old.ts, "ask_again")
    );
    assert!(one.is_ok() && other.is_ok());
    let card = world.message("Suspend 2 accounts?").await;
    assert!(card.visible_text().contains("1 account has been pending"), "{}", card.visible_text());
    let old = world.card_says(&old, "request 2 took its place").await;
    assert!(old.buttons().is_empty(), "{:?}", old.buttons());
    world.audited_times("card_posted", 2).await;
    assert_eq!(world.audited("asked_again"), 1);
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("2 accounts suspended").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_again_outlives_the_process_and_says_when_there_is_nothing_to_ask() {
    let (world, old) = expired().await;
    world.okta.sign_in(ADA);
    world.slack.click(U_ADMIN, &old.ts, "ask_again").await.expect("the button is there");
    world.kill_bot().await;
    world.start_bot().await;
    let old = world.card_says(&old, "the new sweep found no account to propose").await;
    assert!(old.buttons().is_empty(), "{:?}", old.buttons());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_decide_ask_again() {
    let (world, old) = expired().await;
    world.slack.click(U_VIEWER, &old.ts, "ask_again").await.expect("everybody sees the button");
    world.told(U_VIEWER, "approver").await;
    assert_eq!((world.audited("asked_again"), world.audited("input_refused")), (0, 1));
    world.nothing_else_is_wrong().await;
}
