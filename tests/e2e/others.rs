//! Another bot on the same Slack app: each of them gets some of what people send, so people have to hear of it.

use std::time::Duration;

use inactive_contractors::bot::Timeouts;
use inactive_contractors::chat::slack::Timing;
use serde_json::Value;

use crate::fake::slack::{Disconnect, U_APPROVER, U_APPROVER2};
use crate::process::BotProcess;
use crate::support::bot::BotTask;
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const OTHERS: &str = "Slack counts 1 connection to this app besides this bot's";

/// A bot that asks, and believes what Slack counts after a moment instead of minutes.
async fn asking() -> World {
    let mut world = World::at_ten(PLAIN_POLICY).await;
    let (settle, retire) = (Duration::from_millis(200), Duration::from_millis(50));
    let slack = Timing { settle, retire, ..Timing::default() };
    world.set_patience(Timeouts { slack, ..Timeouts::default() });
    world.add_idle(&[ADA]);
    world.start_bot().await;
    world
}

/// A bot of the same app that works with another database.
fn another(world: &World) -> BotTask {
    let mut config = world.config();
    config.database = world.folder().join("another.db");
    BotTask::start(config, Timeouts::default(), world.clock.clone())
}

/// What the bot says of the connections of others.
async fn counted(world: &World) -> Option<u64> {
    let status = inactive_contractors::cli::status::ask(&world.database()).await.ok()?;
    status["other_connections"].as_u64()
}

async fn until_counted(world: &World, others: u64) -> Value {
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    let counted = async {
        while counted(world).await != Some(others) {
            looks.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), counted).await.expect("Slack says how many there are");
    inactive_contractors::cli::status::ask(&world.database()).await.expect("it answers")
}

/// The line of `check` about the connections.
async fn checked(world: &World) -> (String, String) {
    let ended = BotProcess::spawn(world, &["check", "--json"], &[]).ended().await;
    let report: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    let lines = report["lines"].as_array().expect("there are lines");
    let line = lines.iter().find(|line| line["what"] == "Slack connections").expect("a line about them");
    let text = |key: &str| line[key].as_str().expect("it is text").to_owned();
    (text("state"), text("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_bot_on_the_app_is_reported_everywhere_until_it_is_gone() {
    let world = asking().await;
    let card = world.sweep().await;
    assert_eq!(counted(&world).await, Some(0));
    assert_eq!(checked(&world).await.0, "ok");
    let other = another(&world);
    world.slack.wait_connected(2).await;
    // The next connection hears of it, and the one after that confirms it.
    world.slack.send_disconnect(Disconnect::RefreshRequested);
    let status = until_counted(&world, 1).await;
    assert!(status["wrong"].to_string().contains(OTHERS), "{status:#}");
    let (state, text) = checked(&world).await;
    assert!(state == "warning" && text.contains(OTHERS), "{state} {text}");
    // Whichever bot gets it, neither has such a request; this one says why that may be.
    for _ in 0..2 {
        world.slack.click_forged(U_APPROVER, &card, "deny", "99:x").await.expect("it can be forged");
    }
    world.told(U_APPROVER, "Another bot seems to be connected to this Slack app").await;
    other.stop().await;
    until_counted(&world, 0).await;
    let before = world.slack.ephemerals(U_APPROVER2).len();
    world.slack.click_forged(U_APPROVER2, &card, "deny", "99:x").await.expect("it can be forged");
    world.told(U_APPROVER2, "There is no such request").await;
    let said = &world.slack.ephemerals(U_APPROVER2)[before..];
    assert!(said.iter().all(|note| !note.visible_text().contains("Another bot")), "{said:?}");
    world.stop_bot().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_another_bot_where_none_of_ours_runs() {
    let world = asking().await;
    world.stop_bot().await;
    assert_eq!(checked(&world).await, ("ok".into(), "no other bot is connected to this app".into()));
    let other = another(&world);
    world.slack.wait_connected(1).await;
    let (state, text) = checked(&world).await;
    assert!(state == "warning" && text.contains(OTHERS), "{state} {text}");
    other.stop().await;
}
