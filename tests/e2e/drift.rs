//! What was suspended is looked at again: who came back through somebody else is reported once, and nobody is suspended
//! again for it.

use chrono::Duration;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::store::{Inspection, WatchRecord};

use super::commands::assert_answer;
use crate::fake::gate::Moment;
use crate::fake::okta::{Fault, Person, Status};
use crate::fake::slack::{C_OPS, Message, U_APPROVER};
use crate::support::{AuditLine, PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const BOSS: &str = "boss@corp.example";

/// A world in which the bot has suspended these people, and the card that asked.
async fn suspended_under(policy: &str, logins: &[&str]) -> (World, Message) {
    let (world, card) = World::asking(policy, logins).await;
    world.okta.add(Person::employee(BOSS).name("Bea", "Boss"));
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("The result for each account is in the thread").await;
    (world, card)
}

async fn suspended(logins: &[&str]) -> (World, Message) {
    suspended_under(PLAIN_POLICY, logins).await
}

/// Moves the clock and waits until everybody has been looked at who is due.
async fn an_hour_passes(world: &World) {
    world.advance(Duration::minutes(61));
    nobody_is_due(world).await;
}

async fn nobody_is_due(world: &World) {
    world
        .until("nobody is due to be looked at", |world| {
            let now = world.clock.now();
            watches(world, |watch| watch.ended_at.is_none() && watch.next_at.is_some_and(|at| at <= now)) == 0
        })
        .await;
}

/// How many watches are like this.
fn watches(world: &World, is_one: impl Fn(&WatchRecord) -> bool) -> i64 {
    world.count(Inspection::watches, is_one)
}

/// Whether the first batch has been reported, and is not to be reported any more.
fn is_told(world: &World) -> bool {
    world.count(Inspection::messages, |row| row.key == "drift:1" && row.due_at.is_none()) == 1
}

fn ended(watch: &WatchRecord, how: &str) -> bool {
    watch.ended.as_ref().is_some_and(|ended| ended.to_string().contains(how))
}

fn said(world: &World, words: &str) -> usize {
    world.slack.messages(C_OPS).iter().filter(|message| message.visible_text().contains(words)).count()
}

fn drift_found(world: &World) -> Vec<AuditLine> {
    world.audit().into_iter().filter(|line| line.action == "drift_found").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_weeks_ahead_ends_no_watch() {
    let (world, _) = suspended(&[ADA]).await;
    let weeks = Duration::days(40);
    world.clock.advance(weeks);
    let waits = |world: &World| {
        let now = world.clock.now();
        watches(world, |watch| watch.ended_at.is_none() && watch.next_at.is_some_and(|at| at > now))
    };
    world.until("looked at, and watched on", |world| waits(world) == 1).await;
    world.message("Correct it").await;
    world.clock.advance(-weeks);
    world.audited_times("clock_jumped", 2).await;
    assert!(world.okta.bring_back_by_import(ADA, "Workday"));
    world.ask_for_sweep().await;
    world.message("is active again").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hr_import_that_restores_somebody_is_reported_and_audited() {
    let (world, card) = suspended(&[ADA]).await;
    world.advance(Duration::minutes(20));
    assert!(world.okta.bring_back_by_import(ADA, "Workday <!channel>"));
    an_hour_passes(&world).await;
    let told = world.message("is active again").await.visible_text();
    for part in [ADA, "import from", "Workday <!channel>", "request 1", "leaves the account alone until"] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    let in_thread = |slack: &crate::fake::slack::FakeSlack| {
        slack
            .replies(C_OPS, &card.ts)
            .into_iter()
            .find(|reply| reply.visible_text().contains("is active again"))
    };
    world.slack.wait_for("the same in the card's thread", in_thread).await;
    let found = drift_found(&world);
    assert_eq!(
        (found.len(), found[0].login.as_deref(), found[0].request),
        (1, Some(ADA), Some(RequestId(1)))
    );
    assert_eq!(found[0].detail["changer"]["source"], "Workday <!channel>");
    assert_eq!((world.okta.status_of(ADA), world.okta.suspends(ADA)), (Status::Active, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_is_named_and_the_account_has_its_grace() {
    let (world, _) = suspended(&[ADA]).await;
    world.advance(Duration::minutes(30));
    world.okta.bring_back_by_admin(ADA, BOSS);
    an_hour_passes(&world).await;
    world.message("restored by the administrator").await;
    world.advance(Duration::days(6));
    world.ask_for_sweep().await;
    world.message("found no account to suspend").await;
    world.advance(Duration::days(2));
    let card = world.sweep().await;
    assert!(card.visible_text().contains(ADA), "after the grace it is judged as any other");
    assert_eq!((drift_found(&world).len(), said(&world, "is active again")), (1, 1));
    assert_eq!(world.okta.suspends(ADA), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_still_suspended_is_not_reported() {
    let (world, card) = suspended(&[ADA]).await;
    let before = (world.slack.messages(C_OPS).len(), world.slack.replies(C_OPS, &card.ts).len());
    world.okta.forget_calls();
    an_hour_passes(&world).await;
    assert_eq!(world.okta.calls().len(), 2, "one look at the account, and one at the log");
    world.advance(Duration::hours(3));
    assert_answer(&world, U_APPROVER, "pending", &[]).await;
    assert_eq!(world.okta.calls().len(), 2, "and no other until the next sweep");
    assert_eq!((world.slack.messages(C_OPS).len(), world.slack.replies(C_OPS, &card.ts).len()), before);
    assert!(drift_found(&world).is_empty());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sweep_looks_again_and_several_are_one_message() {
    let (world, card) = suspended(&[ADA, BEN]).await;
    an_hour_passes(&world).await;
    world.okta.bring_back_by_import(ADA, "Workday");
    world.okta.bring_back_by_admin(BEN, BOSS);
    world.advance(Duration::hours(2));
    assert!(drift_found(&world).is_empty(), "not before the next sweep");
    world.ask_for_sweep().await;
    let told = world.message("2 suspended accounts were restored by someone else").await.visible_text();
    for part in [ADA, "an import from", "Workday", BEN, "the administrator", "Bea Boss"] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    let of_two = |slack: &crate::fake::slack::FakeSlack| {
        let replies = slack.replies(C_OPS, &card.ts);
        replies.into_iter().find(|reply| reply.visible_text().contains("leaves the account alone"))
    };
    world.slack.wait_for("one message in the thread", of_two).await;
    world.ask_for_sweep().await;
    an_hour_passes(&world).await;
    assert_eq!((drift_found(&world).len(), said(&world, "restored by someone else")), (2, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_gone_or_deactivated_is_no_drift() {
    let (world, _) = suspended(&[ADA, BEN]).await;
    world.okta.delete(ADA);
    world.okta.set_status(BEN, Status::Deprovisioned);
    an_hour_passes(&world).await;
    let open = |world: &World| watches(world, |watch| watch.ended_at.is_none());
    world.until("both watches have ended", |world| open(world) == 0).await;
    world.okta.forget_calls();
    world.advance(Duration::hours(5));
    world.ask_for_sweep().await;
    world.message("was stopped by a guard").await;
    let looked = world.okta.calls().iter().filter(|call| call.path.starts_with("/api/v1/users/00u")).count();
    assert_eq!(looked, 0, "nobody is watched any more");
    assert!(drift_found(&world).is_empty());
    // The end of the other stories wants to ask the org about everybody.
    world.stop_bot().await;
    assert_eq!(world.slack.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bot_itself_restored_is_no_drift() {
    let (world, _) = suspended(&[ADA]).await;
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["is being restored"]).await;
    world.message("has access again").await;
    an_hour_passes(&world).await;
    let ours = |world: &World| watches(world, |watch| ended(watch, "restored_by_us"));
    world.until("the watch has ended", |world| ours(world) == 1).await;
    assert_eq!((drift_found(&world).len(), said(&world, "is active again")), (0, 0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_is_asked_again_and_nothing_is_taken_for_fine() {
    let (world, _) = suspended(&[ADA]).await;
    world.okta.bring_back_by_import(ADA, "Workday");
    world.okta.fail_always("GET", Fault::Status(400, "E0000002"));
    world.advance(Duration::minutes(61));
    for failures in 1..=3 {
        let tried = |watch: &WatchRecord| watch.looked_at.is_none() && watch.failures == failures;
        world.until("a look that failed", |world| watches(world, tried) == 1).await;
        world.advance(Duration::minutes(5));
    }
    assert!(drift_found(&world).is_empty());
    world.okta.clear_faults();
    world.advance(Duration::hours(1));
    world.message("is active again").await;
    assert_eq!(drift_found(&world)[0].detail["changer"]["by"], "import");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_back_while_the_bot_was_down_is_reported_once_after_its_start() {
    let (world, _) = suspended(&[ADA]).await;
    world.kill_bot().await;
    world.okta.bring_back_by_admin(ADA, BOSS);
    world.advance(Duration::hours(2));
    world.start_bot().await;
    world.message("is active again").await;
    world.until("it is told", is_told).await;
    world.kill_bot().await;
    world.start_bot().await;
    an_hour_passes(&world).await;
    assert_eq!((drift_found(&world).len(), said(&world, "is active again")), (1, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_whose_message_can_not_be_posted_is_reported_after_a_restart() {
    let (world, _) = suspended(&[ADA]).await;
    world.okta.bring_back_by_import(ADA, "Workday");
    world.slack.fail_next("chat.postMessage", crate::fake::slack::Fault::Status(500));
    world.advance(Duration::minutes(61));
    world.put_off("drift:1").await;
    world.kill_bot().await;
    world.advance(Duration::minutes(2));
    world.start_bot().await;
    world.message("is active again").await;
    assert_eq!((drift_found(&world).len(), said(&world, "is active again")), (1, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lags_is_waited_for_and_a_silent_one_is_said() {
    let (world, _) = suspended(&[ADA]).await;
    world.advance(Duration::minutes(59));
    world.okta.set_status(ADA, Status::Active);
    world.advance(Duration::minutes(2));
    let waits = |world: &World| watches(world, |watch| watch.failures == 1);
    world.until("the log is waited for", |world| waits(world) == 1).await;
    world.advance(Duration::minutes(20));
    world.message("Okta's System Log does not say who restored the account").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watch_is_over_after_the_configured_time() {
    let policy = format!("{PLAIN_POLICY}drift_watch = \"2d\"\n");
    let (world, _) = suspended_under(&policy, &[ADA]).await;
    an_hour_passes(&world).await;
    world.advance(Duration::days(3));
    let over = |world: &World| watches(world, |watch| ended(watch, "over"));
    world.until("the watch has ended", |world| over(world) == 1).await;
    world.okta.bring_back_by_import(ADA, "Workday");
    world.ask_for_sweep().await;
    world.message("found no account to suspend").await;
    assert!(drift_found(&world).is_empty());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_does_not_watch_looks_at_nobody() {
    let policy = format!("{PLAIN_POLICY}drift_watch = 0\n");
    let (world, _) = suspended_under(&policy, &[ADA]).await;
    world.okta.bring_back_by_import(ADA, "Workday");
    world.okta.forget_calls();
    world.advance(Duration::hours(2));
    assert_answer(&world, U_APPROVER, "pending", &[]).await;
    assert_eq!(world.okta.calls().len(), 0);
    assert!(drift_found(&world).is_empty());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_stops_the_round_and_is_found_out_again_later() {
    let (world, _) = suspended(&[ADA, BEN]).await;
    world.okta.bring_back_by_admin(ADA, BOSS);
    world.okta.deny("okta.users.read");
    world.okta.forget_calls();
    an_hour_passes(&world).await;
    assert!(world.okta.calls().len() <= 2, "nobody asks again and again");
    let failed = watches(&world, |watch| watch.ended_at.is_none() && watch.failures > 0);
    assert_eq!(failed, 0, "nobody was looked at, so nothing is known of anybody");
    world.okta.allow("okta.users.read");
    // Anyone who ran into it waits twice as long as the others, so that it is nobody's fault for ever.
    world.advance(Duration::minutes(11));
    world.message("is active again").await;
    assert_eq!(drift_found(&world).len(), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_not_looked_at_when_a_right_went_missing_waits_unseen() {
    let one_after_the_other = format!("{PLAIN_POLICY}[okta]\nconcurrency = 1\n");
    let (world, _) = suspended_under(&one_after_the_other, &[ADA, BEN, "cid@ext.example"]).await;
    world.okta.forget_calls();
    world.gate.stop_at_label("okta GET /api/v1/users/{id}", 2, Moment::Before);
    world.advance(Duration::minutes(61));
    world.gate.stopped().await;
    world.okta.deny("okta.users.read");
    world.gate.release();
    nobody_is_due(&world).await;
    let accounts = world.okta.calls().into_iter().filter(|call| !call.path.ends_with("/logs"));
    assert_eq!(accounts.count(), 2, "the third waits for the right too");
    world.okta.allow("okta.users.read");
    world.advance(Duration::minutes(11));
    let seen = |world: &World| watches(world, |watch| watch.looked_at.is_some());
    world.until("all three have been looked at", |world| seen(world) == 3).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_log_it_is_reported_all_the_same() {
    let (world, _) = suspended(&[ADA]).await;
    world.okta.bring_back_by_admin(ADA, BOSS);
    world.okta.deny("okta.logs.read");
    an_hour_passes(&world).await;
    world.message("Okta's System Log does not say who restored the account").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_answer_was_lost_is_not_posted_again() {
    let (world, card) = suspended(&[ADA]).await;
    world.okta.bring_back_by_import(ADA, "Workday");
    world.slack.fail_next("chat.postMessage", crate::fake::slack::Fault::LostResponse);
    world.advance(Duration::minutes(61));
    world.put_off("drift:1").await;
    world.kill_bot().await;
    world.advance(Duration::minutes(2));
    world.start_bot().await;
    world.until("it is told", is_told).await;
    assert_eq!(said(&world, "is active again"), 1);
    let replies = world.slack.replies(C_OPS, &card.ts);
    assert_eq!(replies.iter().filter(|reply| reply.visible_text().contains("is active again")).count(), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_with_names_that_want_to_be_markup_fit_what_slack_takes() {
    let world = World::at_ten(PLAIN_POLICY).await;
    let long = "W".repeat(75);
    let names = ["<!channel>", "*bold*", "`ticks`", "", "عمر فاروق", "芽依 田中", &long];
    let logins: Vec<String> = (0..35).map(|number| format!("c{number}@ext.example")).collect();
    for (login, name) in logins.iter().zip(names.iter().cycle()) {
        world.okta.add(Person::contractor(login).name(name, "").last_login_days_ago(41));
    }
    world.start_bot().await;
    let card = world.sweep().await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("The result for each account is in the thread").await;
    for login in &logins {
        world.okta.bring_back_by_import(login, &format!("<!here> *HR* {long}{long}{long}{long}"));
    }
    an_hour_passes(&world).await;
    let told = world.message("35 suspended accounts were restored by someone else").await.visible_text();
    assert!(told.contains("… and 15 more accounts"), "{told}");
    let last = |slack: &crate::fake::slack::FakeSlack| {
        let replies = slack.replies(C_OPS, &card.ts);
        let times_told = |login: &String| replies.iter().filter(|reply| in_drift(reply, login)).count();
        logins.iter().all(|login| times_told(login) == 1).then_some(())
    };
    world.slack.wait_for("each of them once in the thread", last).await;
    assert_eq!(drift_found(&world).len(), 35);
    world.nothing_else_is_wrong().await;
}

/// Whether the reply tells of this account's coming back; the outcomes before name it as well.
fn in_drift(reply: &Message, login: &str) -> bool {
    let text = reply.visible_text();
    text.contains("active again") && text.lines().any(|line| line == login)
}
