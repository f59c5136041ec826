//! Working days: no card on days off, and holidays make nobody a candidate. So that the stories don't depend on the day
//! they are told, everybody works on all days of the week but the holidays.

use chrono::{DateTime, Days, Duration, NaiveDate, Utc};
use serde_json::Value;

use super::commands::{ask, assert_answer};
use crate::fake::okta::{Person, Status};
use crate::fake::slack::{Message, U_ADMIN, U_APPROVER, U_VIEWER};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const CAL: &str = "cal@ext.example";

const EVERY_DAY: &str = "working_week = [\"Mon\", \"Tue\", \"Wed\", \"Thu\", \"Fri\", \"Sat\", \"Sun\"]\n";

/// Five working days, and no schedule that comes while a story is told.
const FIVE_DAYS: &str = "inactive_after = \"5 working days\"\nschedule = \"0 0 29 2 *\"\n";

/// The day so many days after the world's.
fn day(world: &World, after: i64) -> NaiveDate {
    (world.clock.now() + Duration::days(after)).date_naive()
}

/// A policy with these holidays, as days after the world's.
fn with_holidays(world: &World, more: &str, holidays: std::ops::RangeInclusive<i64>) -> String {
    let (first, last) = (day(world, *holidays.start()), day(world, *holidays.end()));
    format!("{PLAIN_POLICY}{EVERY_DAY}holidays = [\"{first}..{last}\"]\n{more}")
}

/// A world at this hour whose policy has these holidays.
async fn world_at(hour: u32, more: &str, holidays: std::ops::RangeInclusive<i64>) -> World {
    let mut world = World::new("").await;
    world.move_to(hour, 0);
    let policy = with_holidays(&world, more, holidays);
    world.set_policy(&policy);
    world
}

async fn deny(world: &World, card: &Message) {
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
}

/// Whether the newest answer to the viewer shows a moment within a minute of this one.
fn answer_shows(world: &World, at: DateTime<Utc>) -> bool {
    fn times(value: &Value, found: &mut Vec<i64>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("timestamp").and_then(Value::as_i64));
                fields.values().for_each(|field| times(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| times(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let answer = world.slack.ephemerals(U_VIEWER).pop().expect("somebody asked");
    let mut found = Vec::new();
    answer.blocks.iter().for_each(|block| times(block, &mut found));
    found.iter().any(|time| (time - at.timestamp()).abs() < 60)
}

/// Asks for the status, which says this and that the next sweep runs so many days after `today` at nine.
async fn assert_next(world: &World, today: NaiveDate, after: u64, says: &[&str]) {
    assert_answer(world, U_VIEWER, "status", says).await;
    let next = today.checked_add_days(Days::new(after)).and_then(|date| date.and_hms_opt(9, 0, 0));
    assert!(answer_shows(world, next.expect("a time").and_utc()), "{after}");
}

/// What started the sweeps so far, as the audit trail has it.
fn triggers(world: &World) -> Vec<String> {
    let started = world.audit().into_iter().filter(|line| line.action == "sweep_started");
    started.map(|line| line.detail["trigger"]["trigger"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_scheduled_sweep_runs_on_a_holiday_and_status_says_when_the_next_one_does() {
    let world = world_at(8, "", 1..=2).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    let today = day(&world, 0);
    assert_next(&world, today, 0, &["Next sweep", "The list of holidays ends on"]).await;
    world.move_to(9, 0);
    let card = world.message("Answer by").await;
    deny(&world, &card).await;
    assert_next(&world, today, 3, &["Next sweep"]).await;

    world.advance(Duration::days(1));
    let note = "Today is a day off, so no scheduled sweep runs. sweep still works.";
    assert_next(&world, today, 3, &[note]).await;
    let card = world.sweep().await;
    deny(&world, &card).await;
    world.advance(Duration::days(1));
    assert_next(&world, today, 3, &[note]).await;
    assert_eq!(triggers(&world), ["schedule", "command"], "a person may ask on any day");

    world.advance(Duration::days(1));
    world.message("on the last 2 lists").await;
    assert_eq!(triggers(&world), ["schedule", "command", "schedule"]);
    assert_answer(&world, U_VIEWER, "status", &["The list of holidays ended on"]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_on_a_day_off_catches_up_with_nothing() {
    let world = world_at(8, "catch_up = \"7d\"\n", 1..=1).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    world.stop_bot().await;
    world.advance(Duration::days(1));
    world.move_to(12, 0);
    world.start_bot().await;
    let card = world.sweep().await;
    deny(&world, &card).await;
    assert_eq!(triggers(&world), ["command"], "neither today's slot nor yesterday's");

    // The next working day begins with what was missed on the last one.
    world.move_to(8, 0);
    world.message("also on the previous list").await;
    assert_eq!(triggers(&world), ["command", "catch_up"]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_holidays_off_is_not_proposed_after_them() {
    let world = world_at(10, FIVE_DAYS, -7..=-2).await;
    world.okta.add(Person::contractor(ADA).last_login_ago(Duration::days(9)));
    world.okta.add(Person::contractor(BEN).last_login_ago(Duration::days(41)));
    // Her last sign-in alone would make her a candidate; the log is read far enough back to know better.
    world.okta.add(Person::contractor(CAL).last_login_ago(Duration::days(41)).sso_days_ago(8));
    world.start_bot().await;
    let card = world.sweep().await.visible_text();
    for part in ["no activity for 5 working days", BEN, "idle 41 days (35 working days), last sign-in"] {
        assert!(card.contains(part), "{part:?} in {card}");
    }
    assert!(!card.contains(ADA) && !card.contains(CAL), "{card}");
    let parts = [
        "is active: idle 9 days (3 working days)",
        "The rule proposes accounts after 5 working days",
        "would be proposed after",
    ];
    assert_answer(&world, U_VIEWER, &format!("why {ADA}"), &parts).await;
    assert!(answer_shows(&world, world.clock.now() + Duration::days(2)));
    assert_answer(&world, U_VIEWER, "preview", &["is inactive: idle 41 days (35 working days)"]).await;

    world.advance(Duration::days(2));
    let card = world.sweep().await.visible_text();
    assert!(
        card.contains(ADA) && !card.contains(CAL) && card.contains("idle 11 days (5 working days)"),
        "{card}"
    );
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holiday_that_is_added_after_the_card_counts_before_the_call() {
    let policy = format!("{PLAIN_POLICY}{EVERY_DAY}{FIVE_DAYS}");
    let mut world = World::at_ten(&policy).await;
    world.okta.add(Person::contractor(ADA).last_login_ago(Duration::days(6)));
    world.start_bot().await;
    let card = world.sweep().await;
    world.stop_bot().await;
    let policy = with_holidays(&world, FIVE_DAYS, -4..=-2);
    world.set_policy(&policy);
    world.start_bot().await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.card_says(&card, "left alone").await;
    assert_eq!((world.okta.status_of(ADA), world.changes_asked().len()), (Status::Active, 0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_more_holiday_needs_no_new_preview_and_one_less_does() {
    let live =
        |world: &World, days| with_holidays(world, FIVE_DAYS, days).replace("preview_first = false\n", "");
    let mut world = World::new("").await;
    world.move_to(10, 0);
    world.set_policy(&live(&world, -4..=-4));
    world.add_idle(&[ADA]);
    world.start_bot().await;
    let preview = world.sweep().await;
    assert!(preview.offers("go_live"), "{}", preview.visible_text());
    world.slack.click(U_ADMIN, &preview.ts, "go_live").await.expect("the button is there");
    let card = world.message("Answer by").await;
    deny(&world, &card).await;

    world.stop_bot().await;
    world.set_policy(&live(&world, -4..=-2));
    world.start_bot().await;
    let card = world.sweep().await;
    assert!(card.offers("suspend"), "it asks: {}", card.visible_text());
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.card_says(&card, "Denied").await;

    world.stop_bot().await;
    world.set_policy(&live(&world, -2..=-2));
    world.start_bot().await;
    let status = ask(&world, U_VIEWER, "status").await;
    assert!(status.contains("not live yet"), "{status}");
    assert!(world.sweep().await.offers("go_live"));

    // Once they are long over, nobody's fate depends on them any more.
    world.advance(Duration::days(30));
    let status = ask(&world, U_VIEWER, "status").await;
    assert!(!status.contains("not live yet"), "{status}");
    assert!(world.sweep().await.offers("suspend"));
    world.nothing_else_is_wrong().await;
}
