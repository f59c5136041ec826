//! Slack answers wrongly when it is asked who clicked: refused for now, in the audit trail, and nothing is changed.

use crate::fake::slack::{C_OPS, Fault, Message, S_APPROVERS, U_ADMIN, U_APPROVER, U_APPROVER2, U_VIEWER};
use crate::support::{PLAIN_POLICY, World};
use inactive_contractors::domain::ids::RequestId;

use super::commands::ask;

const JSON: &str = "application/json; charset=utf-8";

/// What is no answer to any of the questions.
const NO_ANSWER: [Fault; 9] = [
    Fault::Body(JSON, "{\"ok\":true}"),
    Fault::Body(JSON, "{\"ok\":true,\"mem"),
    Fault::Body(JSON, "{}"),
    Fault::Body(JSON, "[]"),
    Fault::Body(JSON, ""),
    Fault::Body("text/html", "<html><body>Sign in to the network</body></html>"),
    Fault::Status(502),
    Fault::DropBefore,
    Fault::Hang,
];

/// An answer about anyone who asks, but not one that says enough, or about the right person.
const WRONG: [(&str, &str); 12] = [
    ("users.info", "{\"ok\":true,\"user\":null}"),
    ("users.info", "{\"ok\":true,\"user\":{}}"),
    ("users.info", "{\"ok\":true,\"user\":{\"id\":\"U0ALICE\",\"team_id\":\"T0CONTRACT\"}}"),
    (
        "users.info",
        "{\"ok\":true,\"user\":{\"id\":\"U0BOB\",\"deleted\":false,\"is_bot\":false,\"is_restricted\":false,\
         \"is_ultra_restricted\":false}}",
    ),
    (
        "users.info",
        "{\"ok\":true,\"user\":{\"id\":\"U0ALICE\",\"deleted\":\"no\",\"is_bot\":false,\"is_restricted\":false,\
         \"is_ultra_restricted\":false}}",
    ),
    ("conversations.members", "{\"ok\":true,\"members\":null}"),
    ("conversations.members", "{\"ok\":true,\"members\":[1,2]}"),
    ("conversations.members", "{\"ok\":true,\"members\":\"U0ALICE\"}"),
    ("conversations.members", "{\"members\":[\"U0ALICE\"]}"),
    ("usergroups.users.list", "{\"ok\":true,\"users\":null}"),
    ("usergroups.users.list", "{\"ok\":true,\"users\":{\"0\":\"U0ALICE\"}}"),
    ("usergroups.users.list", "{\"users\":[\"U0ALICE\"]}"),
];

/// A policy whose approvers are a user group, so that all three look-ups are needed, and its open card.
async fn asking(keys: &str) -> (World, Message) {
    let staffing = format!(
        "{PLAIN_POLICY}[[policy]]\nname = \"staffing\"\nuser_type = \"temp\"\nchannel = \"{C_OPS}\"\n{PLAIN_POLICY}\
         approvers = {{ groups = [\"{S_APPROVERS}\"] }}\nadmins = {{ users = [\"{U_ADMIN}\"] }}\n{keys}"
    );
    let world = World::at_ten(&staffing).await;
    world.okta.add(crate::fake::okta::Person::new("temp@ext.example", "temp").last_login_days_ago(41));
    world.start_bot().await;
    ask(&world, U_APPROVER, "sweep staffing").await;
    let card = world.message("Suspend 1 account?").await;
    let open = world.slack.wait_update(&card.ts, "an open card", crate::support::is_open_card).await;
    (world, open)
}

async fn refused_for_now(world: &World, card: &Message, method: &str, fault: Fault) {
    let what = format!("{method}: {fault:?}");
    let (refusals, notes) = (world.audited("input_refused"), world.slack.ephemerals(U_APPROVER).len());
    let before = super::strangers::state(world);
    world.slack.fail_always(method, fault);
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    let note = |slack: &crate::fake::slack::FakeSlack| slack.ephemerals(U_APPROVER).get(notes).cloned();
    let note = world.slack.wait_for(&what, note).await.visible_text();
    world.slack.clear_faults();
    assert!(note.contains("try again"), "{what}: {note}");
    assert_eq!(world.audited("input_refused"), refusals + 1, "{what}");
    let last = world.audit().pop().expect("there are events");
    let why = last.detail["why"].as_str().unwrap_or_default();
    assert!(why.starts_with("could not be identified"), "{what}: {why}");
    assert_eq!(last.request, Some(RequestId(1)), "{what}");
    assert_eq!(super::strangers::state(world), before, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_cannot_be_looked_up_is_refused_for_now_and_nothing_is_changed() {
    let (world, card) = asking("").await;
    for method in ["users.info", "conversations.members", "usergroups.users.list"] {
        for fault in NO_ANSWER {
            refused_for_now(&world, &card, method, fault).await;
        }
    }
    for (method, body) in WRONG {
        refused_for_now(&world, &card, method, Fault::Body(JSON, body)).await;
    }
    assert_eq!(world.changes_asked(), Vec::<String>::new());
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_user_group_only_members_who_are_in_the_channel_decide() {
    // Nobody's rights but the approvers' go by the channel.
    let (world, card) = asking(&format!("viewers = {{ users = [\"{U_ADMIN}\"] }}\n")).await;
    world.slack.click(U_VIEWER, &card.ts, "suspend").await.expect("everybody sees the button");
    world.told(U_VIEWER, "not one of this policy's approvers").await;
    world.slack.leave(U_APPROVER2, C_OPS);
    world.slack.click_stale(U_APPROVER2, &card, "suspend").await.expect("it was there");
    world.told(U_APPROVER2, "You are not in the channel of policy").await;
    assert_eq!((world.audited("input_refused"), world.changes_asked()), (2, Vec::new()));
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    world.nothing_else_is_wrong().await;
}
