//! Giving accounts back: on a person's word, with a reason, once, and so that nobody is proposed again the next morning.

use chrono::Duration;
use inactive_contractors::store::{Inspection, RestorationRecord};

use super::commands::{ask, assert_answer};
use crate::fake::okta::{Fault, Person, Status};
use crate::fake::slack::{self, C_OPS, Message, U_ADMIN, U_APPROVER, U_APPROVER2, U_VIEWER, UserGroup};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const S_ADMINS: &str = "S0ADMINS";

/// A world in which the bot has suspended Ada.
async fn with_ada_suspended() -> World {
    with_ada_suspended_under(PLAIN_POLICY).await.0
}

/// The same under another policy, and the card.
async fn with_ada_suspended_under(policy: &str) -> (World, Message) {
    let (world, card) = World::asking(policy, &[ADA]).await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended").await;
    assert_eq!(world.okta.status_of(ADA), Status::Suspended);
    (world, card)
}

/// A policy that carries out within an hour.
fn within_an_hour() -> String {
    format!("{PLAIN_POLICY}execute_within = \"1h\"\n")
}

/// Waits until the wish has been put off so many times in a row.
async fn put_off(world: &World, times: i64) {
    let waits = |wish: &RestorationRecord| wish.state_json["trouble"]["waits"] == times;
    world.until("the wish put off", |world| world.count(Inspection::restorations, waits) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_says_who_suspended_an_account() {
    let world = with_ada_suspended().await;
    let ours = "is already suspended: this bot suspended it for request 1, ";
    assert_answer(&world, U_VIEWER, &format!("why {ADA}"), &[ours]).await;
    world
        .okta
        .add(Person::contractor("kim@ext.example").status(Status::Suspended).status_changed_days_ago(3));
    let theirs = "is already suspended: somebody else suspended it. Its status last changed";
    assert_answer(&world, U_VIEWER, "why kim@ext.example", &[theirs]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_account_is_back_and_left_alone_for_a_while() {
    let world = with_ada_suspended().await;
    let line = format!("restore {ADA} she called, <!here>");
    world.gate.count();
    assert_answer(&world, U_APPROVER2, &line, &[ADA, "is being restored", "leaves it alone until"]).await;
    let looked_up = world.gate.calls().iter().filter(|call| *call == "slack users.info").count();
    assert_eq!(looked_up, 1, "an answer waits for each look-up");
    let told = world.message("has access again").await.visible_text();
    for part in [ADA, "<!here>", "leaves it alone until", "request 1"] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    assert_eq!(world.okta.status_of(ADA), Status::Active);
    let events = world.audit_of(ADA);
    assert_eq!(events[events.len() - 3..], ["restore_asked", "restore_intended", "restored"]);
    world.advance(Duration::days(6));
    world.ask_for_sweep().await;
    world.message("found no account to suspend").await;
    assert_answer(&world, U_VIEWER, &format!("why {ADA}"), &["restored", "she called"]).await;
    world.advance(Duration::days(2));
    let card = world.sweep().await;
    assert!(card.visible_text().contains(ADA));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grace_longer_than_the_rule_holds_for_an_account_that_we_or_others_restored() {
    let policy = format!("{PLAIN_POLICY}restored_grace = \"20d\"\n");
    let (world, card) = World::asking(&policy, &[ADA, BEN]).await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("2 accounts suspended").await;
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["is being restored"]).await;
    world.message("has access again").await;
    world.advance(Duration::minutes(1));
    world.okta.set_status(BEN, Status::Active);
    world.advance(Duration::days(10));
    world.ask_for_sweep().await;
    world.message("found no account to suspend").await;
    assert_eq!(world.audited("proposed"), 2, "only the first time");
    world.advance(Duration::days(11));
    let card = world.sweep().await.visible_text();
    assert!(card.contains(ADA) && card.contains(BEN), "{card}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_settled_by_reading() {
    let world = with_ada_suspended().await;
    world.okta.fail_next("POST lifecycle/unsuspend", Fault::LostResponse);
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["is being restored"]).await;
    world.until("the first try is in the audit", |world| world.audited("restore_try_failed") == 1).await;
    world.advance(Duration::seconds(6));
    world.message("has access again").await;
    let restored = world.audit().into_iter().find(|line| line.action == "restored").expect("it was told");
    assert_eq!(restored.detail["confirmation"], "by_reading");
    assert_eq!(world.okta.status_of(ADA), Status::Active);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_survives_a_crash_and_an_outage() {
    let world = with_ada_suspended().await;
    world.okta.fail_always("unsuspend", Fault::Status(503, "E0000009"));
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["is being restored"]).await;
    world.until("the first try is in the audit", |world| world.audited("restore_try_failed") == 1).await;
    assert_answer(&world, U_APPROVER2, &format!("restore {ADA} me too"), &["already being restored"]).await;
    world.kill_bot().await;
    world.okta.clear_faults();
    world.start_bot().await;
    world.advance(Duration::seconds(6));
    world.message("has access again").await;
    assert_eq!((world.audited("restore_asked"), world.audited("restored")), (1, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_restored_is_said_in_the_end() {
    let world = with_ada_suspended().await;
    world.okta.fail_always("unsuspend", Fault::Status(500, "E0000009"));
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["is being restored"]).await;
    for tries in 1..=5 {
        world.until("a try more", |world| world.audited("restore_try_failed") == tries).await;
        world.advance(Duration::seconds(6));
    }
    world.message("could NOT be restored").await;
    assert_eq!((world.audited("restore_intended"), world.audited("restore_failed")), (5, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_last_try_did_is_read_before_a_failure_is_reported() {
    let world = with_ada_suspended().await;
    world.okta.fail_times("POST lifecycle/unsuspend", 4, Fault::Status(500, "E0000009"));
    world.okta.fail_next("POST lifecycle/unsuspend", Fault::LostResponse);
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["is being restored"]).await;
    for tries in 1..=5 {
        world.until("a try more", |world| world.audited("restore_try_failed") == tries).await;
        world.advance(Duration::seconds(6));
    }
    world.message("has access again").await;
    assert_eq!((world.audited("restore_intended"), world.audited("restore_failed")), (5, 0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_missing_right_forbids_is_shown_tried_ever_less_often_and_ends() {
    let (world, card) = with_ada_suspended_under(&within_an_hour()).await;
    world.okta.deny("lifecycle/unsuspend");
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["is being restored"]).await;
    let paused = world.card_says(&card, "; waiting because of an error: ").await.visible_text();
    assert!(paused.contains("being restored") && paused.contains("the API token may not"), "{paused}");
    let again = format!("restore {ADA} me too");
    assert_answer(&world, U_APPROVER2, &again, &["already being restored", "error: ", "may not"]).await;
    for (before, seconds) in [(1, 60), (2, 120), (3, 240), (4, 300)] {
        put_off(&world, before).await;
        world.advance(Duration::seconds(seconds + 1));
    }
    put_off(&world, 5).await;
    assert_eq!((world.audited("restore_intended"), world.audited("restore_try_failed")), (5, 1));
    world.advance(Duration::hours(1));
    let told = world.message("could NOT be restored in time").await.visible_text();
    assert!(told.contains("The last error: ") && told.contains("may not"), "{told}");
    world.card_says(&card, "NOT restored").await;
    assert_eq!((world.audited("restore_intended"), world.audited("restore_failed")), (5, 1));
    world.okta.allow("lifecycle/unsuspend");
    assert_answer(&world, U_APPROVER2, &again, &["is being restored; the channel"]).await;
    world.message("has access again").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_can_not_be_read_is_not_restored_after_a_long_stop() {
    let (world, card) = with_ada_suspended_under(&within_an_hour()).await;
    let path = format!("GET {}", world.okta.person(ADA).id);
    assert_answer(&world, U_APPROVER, &format!("why {ADA}"), &["suspended"]).await;
    world.okta.fail_always("unsuspend", Fault::RateLimited { reset_in_s: 120 });
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["is being restored"]).await;
    put_off(&world, 1).await;
    world.okta.fail_always(&path, Fault::Status(403, "E0000006"));
    world.advance(Duration::minutes(3));
    put_off(&world, 2).await;
    world.stop_bot().await;
    world.okta.clear_faults();
    world.advance(Duration::hours(2));
    world.start_bot().await;
    world.message("could NOT be restored in time").await;
    world.card_says(&card, "it could not be done in time").await;
    assert_eq!((world.okta.status_of(ADA), world.audited("restore_intended")), (Status::Suspended, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_try_did_is_not_denied_because_the_wish_grew_old() {
    let (world, _) = with_ada_suspended_under(&within_an_hour()).await;
    world.okta.fail_next("POST lifecycle/unsuspend", Fault::LostResponse);
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["is being restored"]).await;
    world.until("the first try is in the audit", |world| world.audited("restore_try_failed") == 1).await;
    world.stop_bot().await;
    world.advance(Duration::hours(2));
    world.start_bot().await;
    world.message("has access again").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_try_did_is_looked_for_ever_less_often_and_for_an_hour() {
    let (world, _) = with_ada_suspended_under(&within_an_hour()).await;
    world.okta.fail_next("POST lifecycle/unsuspend", Fault::Status(500, "E0000009"));
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["is being restored"]).await;
    world.until("the first try is in the audit", |world| world.audited("restore_try_failed") == 1).await;
    let path = format!("GET {}", world.okta.person(ADA).id);
    world.okta.fail_always(&path, Fault::Status(403, "E0000006"));
    world.advance(Duration::minutes(61));
    for times in 1..=4 {
        put_off(&world, times).await;
        world.advance(Duration::minutes(6));
    }
    put_off(&world, 5).await;
    assert_eq!(world.audited("restore_failed"), 0, "it may have worked");
    world.advance(Duration::minutes(45));
    world.message("may be restored or not: the bot tried, but could not read the account afterwards").await;
    assert_eq!((world.audited("restore_failed"), world.audited("restore_intended")), (1, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_somebody_else_restored_before_any_try_of_ours_was_not_restored_by_us() {
    let world = with_ada_suspended().await;
    world.okta.deny("lifecycle/unsuspend");
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["is being restored"]).await;
    put_off(&world, 1).await;
    world.okta.set_status(ADA, Status::Active);
    world.okta.allow("lifecycle/unsuspend");
    world.advance(Duration::seconds(61));
    world.until("the wish ended", |world| world.audited("restore_skipped") == 1).await;
    assert_eq!(world.audited("restored"), 0);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_restores_what_others_suspended() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.okta.add(Person::contractor(BEN).status(Status::Suspended));
    world.start_bot().await;
    let line = format!("restore {BEN} back");
    assert_answer(&world, U_APPROVER, &line, &["was not suspended by this bot, so only an admin"]).await;
    assert_eq!(world.audited("input_refused"), 1);
    assert_answer(&world, U_ADMIN, &line, &["is being restored"]).await;
    world.message("has access again").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_admin_suspended_again_is_not_ours_any_more() {
    let world = with_ada_suspended().await;
    world.advance(Duration::hours(1));
    world.okta.set_status(ADA, Status::Active);
    world.okta.set_status(ADA, Status::Suspended);
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["only an admin"]).await;
    assert_eq!(world.okta.status_of(ADA), Status::Suspended);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_somebody_suspends_again_between_two_tries_stays_suspended() {
    let world = with_ada_suspended().await;
    world.okta.fail_next("POST lifecycle/unsuspend", Fault::LostResponse);
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["is being restored"]).await;
    world.until("the first try is in the audit", |world| world.audited("restore_try_failed") == 1).await;
    assert_eq!(world.okta.status_of(ADA), Status::Active);
    world.advance(Duration::seconds(2));
    world.okta.set_status(ADA, Status::Suspended);
    world.advance(Duration::seconds(4));
    world.message("somebody else has suspended it again").await;
    assert_eq!((world.okta.status_of(ADA), world.audited("restore_intended")), (Status::Suspended, 1));
    let skipped = world.audit().into_iter().find(|line| line.action == "restore_skipped").expect("it ended");
    assert_eq!(skipped.detail["why"], "changed_by_others");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_waits_does_not_undo_what_an_admin_does_meanwhile() {
    let (world, card) = with_ada_suspended_under(PLAIN_POLICY).await;
    world.okta.deny("lifecycle/unsuspend");
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["is being restored"]).await;
    put_off(&world, 1).await;
    world.advance(Duration::seconds(10));
    world.okta.set_status(ADA, Status::Active);
    world.advance(Duration::seconds(10));
    world.okta.set_status(ADA, Status::Suspended);
    world.okta.allow("lifecycle/unsuspend");
    world.advance(Duration::seconds(41));
    world.card_says(&card, "somebody else has suspended it again").await;
    assert_eq!((world.okta.status_of(ADA), world.audited("restore_intended")), (Status::Suspended, 1));
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} back"), &["only an admin"]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restoration_needs_a_role_a_reason_a_suspended_account_and_somebody_elses() {
    let world = with_ada_suspended().await;
    world.okta.add(Person::contractor(BEN));
    world.okta.add(Person::contractor("alice@example.com").status(Status::Suspended));
    for (user, line, part) in [
        (U_VIEWER, format!("restore {ADA} back"), "may restore an account"),
        (U_APPROVER, format!("restore {ADA}"), "a reason is missing"),
        (U_APPROVER, format!("restore {BEN} back"), "is not suspended"),
        (U_APPROVER, "restore alice@example.com back".to_owned(), "You can't restore your own account"),
    ] {
        let answer = ask(&world, user, &line).await;
        assert!(answer.contains(part), "{line:?} should say {part:?} and says: {answer}");
    }
    assert_eq!((world.audited("restore_asked"), world.audited("input_refused")), (0, 2));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_suspended_is_restored_only_to_contractors_without_a_role() {
    let world = World::at_ten(&format!("{PLAIN_POLICY}break_glass = [\"glass@ext.example\"]\n")).await;
    for login in ["boss@corp.example", "root@ext.example", "glass@ext.example"] {
        world.okta.add(Person::contractor(login).status(Status::Suspended));
    }
    world.okta.set_user_type("boss@corp.example", "employee");
    world.okta.set_admin_role("root@ext.example", "SUPER_ADMIN");
    world.start_bot().await;
    for (login, words) in [
        ("boss@corp.example", "None of your policies covers an account"),
        ("root@ext.example", "it is an administrator's"),
        ("glass@ext.example", "on the break-glass list"),
    ] {
        assert_answer(&world, U_ADMIN, &format!("restore {login} hello"), &[words]).await;
        assert_eq!(world.okta.status_of(login), Status::Suspended);
    }
    assert_eq!((world.audited("input_refused"), world.changes_asked()), (3, Vec::new()));
    assert_answer(&world, U_ADMIN, "why boss@corp.example", &["None of your policies covers an account"])
        .await;
    world.nothing_else_is_wrong().await;
}

/// A world in which Ada is suspended for another policy, whose approver is Zoe. The admin is that of both.
async fn with_ada_suspended_for_another_policy(admins: &str) -> World {
    let other = format!(
        "[[policy]]\nname = \"secret\"\nchannel = \"C0OTHER\"\napprovers = {{ users = [\"U0ZOE\"] }}\n\
                 admins = {{ {admins} }}\nuser_type = \"consultant\"\npreview_first = false\n\
                 max_share = 1.0\n"
    );
    let world = World::at_ten(&format!("{PLAIN_POLICY}{other}")).await;
    let channel =
        slack::Channel::new("C0OTHER", "other", slack::ChannelKind::Public, &[slack::BOT_USER, U_ADMIN]);
    world.slack.add_channel(channel);
    world.slack.add_user(slack::SlackUser::new("U0ZOE", "Zoe", "zoe@example.com"), &["C0OTHER", C_OPS]);
    let users = vec![U_ADMIN.to_owned()];
    world.slack.add_group(UserGroup { id: S_ADMINS.into(), handle: "admins".into(), users });
    world.add_idle(&[ADA]);
    world.okta.set_user_type(ADA, "consultant");
    world.okta.add(Person::contractor(BEN));
    world.start_bot().await;
    world.slack.slash("U0ZOE", "C0OTHER", "/inactive-contractors sweep").await.expect("it can be typed");
    let card = world
        .slack
        .wait_for("the card", |slack| {
            slack.messages("C0OTHER").into_iter().find(|card| card.visible_text().contains("Answer by"))
        })
        .await;
    world.slack.click("U0ZOE", &card.ts, "suspend").await.expect("the button is there");
    world.until("the suspension", |world| world.okta.status_of(ADA) == Status::Suspended).await;
    world.until("its outcome", |world| world.audited("suspended") == 1).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_policy_suspended_is_restored_by_its_own_people() {
    let world = with_ada_suspended_for_another_policy("users = [\"U0ADAM\"]").await;
    let line = format!("restore {ADA} back");
    assert_answer(&world, U_APPROVER, &line, &["None of your policies covers an account"]).await;
    assert_answer(&world, U_APPROVER, "sweep secret", &["people with the right role in that policy"]).await;
    assert_eq!((world.audited("input_refused"), world.audited("restore_asked")), (2, 0));
    // Each is in the trail of the policy that it was about.
    assert_eq!(["contractors", "secret"].map(|policy| world.audited_for(policy, "input_refused")), [1, 1]);
    assert_answer(&world, "U0ZOE", &line, &["is being restored"]).await;
    world.until("access", |world| world.okta.status_of(ADA) == Status::Active).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_of_both_policies_restores_what_one_suspended_whatever_it_is_now() {
    let world = with_ada_suspended_for_another_policy("users = [\"U0ADAM\"]").await;
    world.okta.set_user_type(ADA, "employee");
    let line = format!("restore {ADA} --policy contractors back");
    assert_answer(&world, U_ADMIN, &line, &["is being restored"]).await;
    world.until("access", |world| world.okta.status_of(ADA) == Status::Active).await;
    assert_eq!(world.audited_for("secret", "restore_asked"), 1, "its own grace counts");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_rights_slack_can_not_tell_is_not_said_to_have_none() {
    let world = with_ada_suspended_for_another_policy(&format!("groups = [\"{S_ADMINS}\"]")).await;
    world.okta.set_user_type(ADA, "contractor");
    world.slack.fail_always("usergroups.users.list", slack::Fault::Status(503));
    let line = format!("restore {ADA} --policy contractors back");
    assert_answer(&world, U_ADMIN, &line, &["I can't find out from Slack"]).await;
    assert_eq!((world.audited("restore_asked"), world.audited("input_refused")), (0, 0));
    world.nothing_else_is_wrong().await;
}
