//! The digest: once per week or month, whatever happens to the process.

use chrono::{Datelike, Duration, Weekday};

use super::commands::ask;
use crate::fake::okta::Person;
use crate::fake::slack::{C_OPS, Fault, Message, U_APPROVER};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const CID: &str = "cid@ext.example";
/// Without a sweep on schedule.
const WEEKLY: &str = "digest = \"weekly\"\ndigest_at = \"Mon 12:30\"\nschedule = \"0 0 29 2 *\"\n";

/// A world at ten on a Sunday.
async fn sunday(keys: &str) -> World {
    let world = World::at_ten(&format!("{PLAIN_POLICY}{keys}")).await;
    while world.clock.now().weekday() != Weekday::Sun {
        world.advance(Duration::days(1));
    }
    world
}

fn digests(world: &World) -> Vec<Message> {
    let said = |message: &Message| message.visible_text().contains("Weekly digest: contractors");
    world.slack.messages(C_OPS).into_iter().filter(said).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_in_numbers_comes_once_however_often_the_bot_restarts() {
    let world = sunday(WEEKLY).await;
    world.add_idle(&[ADA, BEN]);
    world.okta.add(Person::contractor(CID).last_login_days_ago(1));
    world.start_bot().await;
    let card = world.sweep().await;
    world.advance(Duration::minutes(30));
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("2 accounts suspended").await;
    ask(&world, U_APPROVER, &format!("exempt {ADA} for 5d back next week")).await;
    ask(&world, U_APPROVER, &format!("exempt {BEN} for 30d back next month")).await;
    ask(&world, U_APPROVER, &format!("exempt {CID} for 6d on leave")).await;
    assert!(digests(&world).is_empty());
    world.slack.delay_pictures(1);
    world.advance(Duration::days(1) + Duration::hours(3));
    world.put_off("digest:1").await;
    world.advance(Duration::seconds(3));
    let digest = world.message("Weekly digest: contractors").await;
    let text = digest.visible_text().replace('\n', "");
    for words in [
        "1 sweep ran.",
        "2 accounts proposed: 2 suspended.",
        "No request was denied or expired.",
        "Median time to a decision: 30 minutes.",
        "No request is open now. 2 exemptions end before the next digest.",
    ] {
        assert!(text.contains(words), "{words:?} is missing: {text}");
    }
    assert!(
        text.contains("Picture: Four line charts of contractors") && text.contains("Suspended: "),
        "{text}"
    );
    assert!(digest.current().text.contains("contractors in the last week: 2 accounts proposed, 2 suspended"));
    world.kill_bot().await;
    world.start_bot().await;
    ask(&world, U_APPROVER, "status").await;
    assert_eq!(digests(&world).len(), 1);
    world.advance(Duration::days(7));
    world.until("the next one", |world| digests(world).len() == 2).await;
    assert!(digests(&world)[1].visible_text().contains("No account was proposed"));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_digest_is_caught_up_once_unless_it_is_old() {
    let world = sunday(WEEKLY).await;
    world.start_bot().await;
    ask(&world, U_APPROVER, "status").await;
    world.stop_bot().await;
    // Monday, half past five in the evening: five hours late.
    world.advance(Duration::hours(31) + Duration::minutes(30));
    world.slack.fail_next("chat.postMessage", Fault::LostResponse);
    world.start_bot().await;
    world.message("Weekly digest: contractors").await;
    world.stop_bot().await;
    // Of the Mondays that follow, the last was three days ago.
    world.advance(Duration::days(17));
    world.start_bot().await;
    ask(&world, U_APPROVER, "status").await;
    world.advance(Duration::minutes(5));
    ask(&world, U_APPROVER, "status").await;
    assert_eq!(digests(&world).len(), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_key_there_is_none() {
    let world = sunday("").await;
    world.start_bot().await;
    ask(&world, U_APPROVER, "status").await;
    world.advance(Duration::days(2));
    world.message("contractors").await;
    assert!(digests(&world).is_empty());
    world.nothing_else_is_wrong().await;
}
