//! What can't be said in the channel: somebody hears of it at once, nothing counts as asked or done, and it follows as
//! soon as the bot is invited.

use std::sync::atomic::Ordering;

use super::watch::{line, status};
use crate::fake::okta::Person;
use crate::fake::slack::{
    BOT_USER, C_GENERAL, C_OPS, FakeSlack, Message, S_APPROVERS, U_ADMIN, U_APPROVER, U_APPROVER2, UserGroup,
};
use crate::process::BotProcess;
use crate::support::{PLAIN_POLICY, UNSCHEDULED_POLICY, World, is_open_card};
use inactive_contractors::domain::ids::RequestId;

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const S_ADMINS: &str = "S0ADMINS";
const CARD: &str = "request:1:card";

async fn hears(world: &World, user: &str, words: &str) {
    let told = |note: &Message| note.visible_text().contains(words);
    let note = |slack: &FakeSlack| slack.direct_messages(user).into_iter().find(told);
    world.slack.wait_for(&format!("a word to {user}"), note).await;
}

async fn open_card(world: &World) -> Message {
    let card = |slack: &FakeSlack| slack.messages(C_OPS).into_iter().find(is_open_card);
    world.slack.wait_for("an open card", card).await
}

/// Asks for a sweep from where the bot is of no interest.
async fn sweep_from_elsewhere(world: &World, user: &str, policy: &str) {
    let line = format!("/inactive-contractors sweep {policy}");
    world.slack.slash(user, C_GENERAL, &line).await.expect("it can be typed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_can_not_be_posted_is_unhealthy_at_once_and_reported_to_the_members_of_groups() {
    let (url, calls) = line().await;
    let staffing = format!(
        "{UNSCHEDULED_POLICY}[[policy]]\nname = \"staffing\"\nuser_type = \"temp\"\nchannel = \"{C_OPS}\"\n\
         {UNSCHEDULED_POLICY}approvers = {{ groups = [\"{S_APPROVERS}\"] }}\n\
         admins = {{ groups = [\"{S_ADMINS}\"] }}\n"
    );
    let world = World::new(&staffing).await;
    world.slack.add_group(UserGroup {
        id: S_ADMINS.into(),
        handle: "admins".into(),
        users: vec![U_ADMIN.into()],
    });
    world.okta.add(Person::new(ADA, "temp").last_login_days_ago(41));
    let process = BotProcess::run_with(&world, &[("HEARTBEAT_URL", url.as_str())]).await;
    // The bot stays in the channel for now, so that it can tell who asks.
    world.slack.fail_always("chat.postMessage", crate::fake::slack::Fault::Error("is_archived".into()));
    sweep_from_elsewhere(&world, U_ADMIN, "staffing").await;
    world.put_off(CARD).await;
    let (code, json) = status(&world).await;
    assert_eq!((code, json["healthy"].as_bool()), (Some(1), Some(false)), "{json:#}");
    let wrong = json["wrong"].to_string();
    assert!(wrong.contains("the card of request 1 can't be posted") && wrong.contains(C_OPS), "{wrong}");
    assert_eq!(world.audited("sweep_finished"), 1);
    world.slack.clear_faults();
    world.slack.leave(BOT_USER, C_OPS);
    // The first call of the line fails, and is made again: none was made.
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    world.slack.invite(BOT_USER, C_OPS).await;
    open_card(&world).await;
    world.until("a call after the card", |_| calls.load(Ordering::SeqCst) == 1).await;
    process.terminate();
    assert_eq!(process.ended().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_groups_hear_that_their_channel_can_not_be_posted_to() {
    let staffing = format!(
        "{PLAIN_POLICY}[[policy]]\nname = \"staffing\"\nuser_type = \"temp\"\nchannel = \"{C_OPS}\"\n\
         {PLAIN_POLICY}approvers = {{ groups = [\"{S_APPROVERS}\"] }}\n\
         admins = {{ groups = [\"{S_ADMINS}\"] }}\nschedule = \"0 12 * * *\"\n"
    );
    let world = World::at_ten(&staffing).await;
    world.slack.add_group(UserGroup {
        id: S_ADMINS.into(),
        handle: "admins".into(),
        users: vec![U_ADMIN.into()],
    });
    world.okta.add(Person::new(ADA, "temp").last_login_days_ago(41));
    world.start_bot().await;
    world.slack.leave(BOT_USER, C_OPS);
    world.move_to(12, 0);
    world.put_off(CARD).await;
    for user in [U_ADMIN, U_APPROVER, U_APPROVER2] {
        hears(&world, user, "I can't post in").await;
    }
    // The next try by itself is further and further away; the invitation is heard of.
    for _ in 0..4 {
        let at = world.put_off(CARD).await;
        world.advance(at - world.clock.now() + chrono::Duration::milliseconds(1));
    }
    let at = world.put_off(CARD).await;
    assert!(at - world.clock.now() > chrono::Duration::seconds(30), "{at}");
    world.slack.invite(BOT_USER, C_OPS).await;
    open_card(&world).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_never_stood_is_asked_by_the_next_sweep_with_fresh_data() {
    let world = World::at_ten(&format!("{PLAIN_POLICY}schedule = \"0 12 * * *\"\n")).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    world.slack.leave(BOT_USER, C_OPS);
    world.move_to(12, 0);
    world.put_off(CARD).await;
    world.okta.add(Person::contractor(BEN).last_login_days_ago(41));
    world.move_to(12, 0);
    world.put_off("request:2:card").await;
    let ended = world.audit().into_iter().find(|line| line.action == "expired").expect("the first ended");
    assert_eq!(ended.request, Some(RequestId(1)));
    assert!(ended.detail["why"].to_string().contains("could not be posted"), "{ended:?}");
    world.slack.invite(BOT_USER, C_OPS).await;
    let card = open_card(&world).await;
    let said = card.visible_text();
    assert!(said.contains(ADA) && said.contains(BEN) && !said.contains("pending for"), "{said}");
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("2 accounts suspended. Approved by").await;
    assert_eq!(world.slack.messages(C_OPS).len(), 2, "{}", world.slack.dump());
    assert!(world.all_told(RequestId(1)));
    world.nothing_else_is_wrong().await;
}
