//! A right or a token that is missing in the middle: reported once, to the channel and to the admins, and once when it
//! goes on.

use chrono::Duration;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::store::{Inspection, MessageRecord};

use crate::fake::okta::{Fault, Status};
use crate::fake::slack::{C_OPS, Fault as SlackFault, Message, U_ADMIN, U_APPROVER};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const STOPPED: &str = "have stopped";
const GOES_ON: &str = "the problem is fixed";
/// A message about a blocker that waits to be sent.
fn waits(message: &MessageRecord) -> bool {
    message.key.starts_with("request:1:obstacle:") && message.ts.is_none() && message.retry_at.is_some()
}

async fn approve(world: &World, card: &Message) {
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
}

fn saying(messages: Vec<Message>, words: &str) -> usize {
    messages.into_iter().filter(|message| message.visible_text().replace('\n', "").contains(words)).count()
}

/// How often the channel was notified that it stopped and that it goes on, and the admin that it stopped.
fn told(world: &World) -> [usize; 3] {
    let channel = world.slack.messages(C_OPS);
    let to_admin = world.slack.direct_messages(U_ADMIN);
    [saying(channel.clone(), STOPPED), saying(channel, GOES_ON), saying(to_admin, STOPPED)]
}

/// One more account finds out that nothing has changed.
async fn one_more_try(world: &World) {
    let before = world.audited("suspension_try_failed");
    world.advance(Duration::seconds(61));
    world.until("one more try", |world| world.audited("suspension_try_failed") > before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_reported_once_whatever_restarts_and_again_when_it_is_given() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world.okta.deny("lifecycle/suspend");
    approve(&world, &card).await;
    let message = world.message(STOPPED).await;
    let said = message.visible_text().replace('\n', "");
    assert!(said.contains("okta.users.lifecycle.suspend") && said.contains("2 accounts"), "{said}");
    assert!(message.current().text.contains(&format!("<@{U_ADMIN}>")), "{}", message.current().text);
    world.until("a word to the admin", |world| told(world) == [1, 0, 1]).await;
    one_more_try(&world).await;
    world.kill_bot().await;
    world.start_bot().await;
    one_more_try(&world).await;
    one_more_try(&world).await;
    assert_eq!(told(&world), [1, 0, 1]);
    world.okta.allow("lifecycle/suspend");
    world.advance(Duration::seconds(61));
    world.message("2 accounts suspended. Approved by").await;
    world.message(GOES_ON).await;
    world.nothing_else_is_wrong().await;
    assert_eq!(told(&world), [1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_is_reported_and_so_is_another_right_that_is_missing_then() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.okta.fail_always(&format!("GET {}", world.okta.person(ADA).id), Fault::Status(401, "E0000011"));
    approve(&world, &card).await;
    let said = world.message(STOPPED).await.visible_text().replace('\n', "");
    assert!(said.contains("Okta does not accept the API token") && said.contains("make a new one"), "{said}");
    world.okta.clear_faults();
    world.okta.deny("lifecycle/suspend");
    world.until("the first told", |world| told(world) == [1, 0, 1]).await;
    world.advance(Duration::seconds(61));
    world.message("the API token may not suspend users").await;
    world.until("the second told", |world| told(world) == [2, 0, 2]).await;
    world.okta.allow("lifecycle/suspend");
    world.advance(Duration::seconds(61));
    world.message("1 account suspended. Approved by").await;
    world.message(GOES_ON).await;
    world.nothing_else_is_wrong().await;
    assert_eq!(told(&world), [2, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_whose_answer_was_lost_is_found_and_one_that_slack_refuses_holds_nobody_back() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.okta.deny("lifecycle/suspend");
    world.slack.fail_always("conversations.open", SlackFault::Error("user_disabled".into()));
    world.slack.fail_next("chat.postMessage", SlackFault::LostResponse);
    approve(&world, &card).await;
    world.until("both put off", |world| world.count(Inspection::messages, waits) == 2).await;
    world.kill_bot().await;
    world.start_bot().await;
    let tries = |world: &World| {
        let messages = world.inspect().and_then(|file| file.messages().ok()).unwrap_or_default();
        let to_admin = format!(":to:{U_ADMIN}");
        let mut about = messages.iter().filter(|one| one.key.starts_with("request:1:obstacle:"));
        about.find(|one| one.key.ends_with(&to_admin)).map_or(0, |one| one.attempts)
    };
    // A message may not have had its turn yet when the account has.
    for _ in 0..30 {
        if tries(&world) < 5 {
            one_more_try(&world).await;
        }
    }
    world.until("the last try", |world| tries(world) == 5).await;
    one_more_try(&world).await;
    world.okta.allow("lifecycle/suspend");
    world.advance(Duration::seconds(61));
    world.message("1 account suspended. Approved by").await;
    world.message(GOES_ON).await;
    world.nothing_else_is_wrong().await;
    assert_eq!(tries(&world), 5, "a person who can't be written to is not tried for ever");
    assert_eq!(told(&world), [1, 1, 0]);
}

/// A world in which Ada's suspension was approved and stands still, and people were notified that a right is missing.
async fn stopped_by_a_missing_right(policy: &str) -> World {
    let (world, card) = World::asking(policy, &[ADA]).await;
    world.okta.deny("lifecycle/suspend");
    approve(&world, &card).await;
    world.until("told", |world| told(world) == [1, 0, 1]).await;
    world
}

/// Why each account was left alone, in the words of the audit trail.
fn skipped_because(world: &World) -> Vec<serde_json::Value> {
    let skipped = world.audit().into_iter().filter(|line| line.action == "skipped");
    skipped.map(|line| line.detail["why"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_approval_is_too_old_nothing_is_said_to_go_on() {
    let world = stopped_by_a_missing_right(PLAIN_POLICY).await;
    world.advance(Duration::days(8));
    world.message("0 accounts suspended, 1 left alone").await;
    world.nothing_else_is_wrong().await;
    assert_eq!(told(&world), [1, 0, 1]);
    assert_eq!(world.okta.suspends(ADA), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_admin_suspends_while_the_right_is_missing_is_not_said_to_be_the_bots_work() {
    // Once while it goes on, once as the approval has grown too old.
    for (later, why) in
        [(Duration::seconds(61), "already_suspended"), (Duration::days(8), "approval_too_old")]
    {
        let world = stopped_by_a_missing_right(&format!("{PLAIN_POLICY}clear_sessions = true\n")).await;
        world.okta.set_status(ADA, Status::Suspended);
        world.advance(later);
        world.message("0 accounts suspended, 1 left alone").await;
        assert_eq!(skipped_because(&world), [why]);
        assert_eq!((world.audited("suspended"), world.okta.sessions_cleared(ADA).len()), (0, 0));
        world.nothing_else_is_wrong().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_others_suspend_and_restore_while_the_right_is_missing_is_left_alone() {
    let world = stopped_by_a_missing_right(PLAIN_POLICY).await;
    world.advance(Duration::seconds(30));
    for status in [Status::Suspended, Status::Active] {
        world.okta.set_status(ADA, status);
    }
    world.advance(Duration::seconds(31));
    world.message("0 accounts suspended, 1 left alone").await;
    assert_eq!(skipped_because(&world), ["changed_by_others"]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_one_account_left_signs_in_nothing_is_said_to_go_on() {
    let world = stopped_by_a_missing_right(PLAIN_POLICY).await;
    world.okta.sign_in(ADA);
    world.advance(Duration::seconds(61));
    world.message("0 accounts suspended, 1 left alone").await;
    world.nothing_else_is_wrong().await;
    assert_eq!(told(&world), [1, 0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_by_itself_and_a_pause_are_no_news() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    let ada = format!("GET {}", world.okta.person(ADA).id);
    world.okta.fail_always(&ada, Fault::Html(503));
    approve(&world, &card).await;
    world.until("put off", |world| world.accounts_put_off() == 1).await;
    world.slack.fail_always("users.info", SlackFault::Status(500));
    world.okta.clear_faults();
    world.advance(Duration::minutes(2));
    world.card_says(&card, "can't look up the approvers").await;
    world.slack.clear_faults();
    world.advance(Duration::seconds(61));
    world.message("1 account suspended. Approved by").await;
    world.nothing_else_is_wrong().await;
    assert_eq!(told(&world), [0, 0, 0]);
}

/// Okta turns away every try to suspend this account, as where the bot's role covers only some of the accounts.
fn out_of_reach(world: &World, login: &str) {
    let suspend = format!("POST {}/lifecycle/suspend", world.okta.person(login).id);
    world.okta.fail_always(&suspend, Fault::Status(403, "E0000006"));
}

fn many(count: usize) -> Vec<String> {
    (10..10 + count).map(|number| format!("idle{number}@ext.example")).collect()
}

/// How many suspensions were confirmed.
fn suspended(world: &World) -> usize {
    world.audited("suspended")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_okta_denies_first_does_not_hold_up_those_behind_it() {
    let logins = many(9);
    let logins: Vec<&str> = logins.iter().map(String::as_str).collect();
    let (world, card) = World::asking(PLAIN_POLICY, &logins).await;
    // More than are worked on at once.
    for login in &logins[..6] {
        out_of_reach(&world, login);
    }
    approve(&world, &card).await;
    world.until("told", |world| told(world) == [1, 0, 1]).await;
    for _ in 0..2 {
        one_more_try(&world).await;
    }
    world.advance(Duration::seconds(61));
    world.until("the others", |world| suspended(world) == 3).await;
    // The right is there, so it is those six: denied once more, they fail by name.
    world.advance(Duration::seconds(61));
    world.message("3 accounts suspended, 6 NOT suspended").await;
    assert_eq!(world.audited("suspension_failed"), 6);
    world.okta.clear_faults();
    world.card_says(&card, "Retry the 6 failed accounts").await;
    world.until("all results are posted", |world| world.all_told(RequestId(1))).await;
    world.slack.click(U_APPROVER, &card.ts, "retry").await.expect("the button is there");
    world.message("6 accounts suspended. Retry approved by").await;
    world.nothing_else_is_wrong().await;
    assert_eq!(told(&world), [1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn single_accounts_that_okta_denies_slow_nobody_down() {
    let logins = many(24);
    let logins: Vec<&str> = logins.iter().map(String::as_str).collect();
    let (world, card) = World::asking(PLAIN_POLICY, &logins).await;
    for login in [logins[1], logins[9], logins[17]] {
        out_of_reach(&world, login);
    }
    approve(&world, &card).await;
    // Without a minute's wait.
    world.until("the others", |world| suspended(world) == 21).await;
    world.advance(Duration::seconds(61));
    world.message("21 accounts suspended, 3 NOT suspended").await;
    assert_eq!((world.audited("suspension_try_failed"), world.audited("suspension_failed")), (3, 3));
    world.nothing_else_is_wrong().await;
    assert_eq!(told(&world), [0, 0, 0], "no right is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_okta_denies_fails_by_name_wherever_it_stands_and_the_request_ends() {
    for place in 0..3 {
        let logins = many(3);
        let logins: Vec<&str> = logins.iter().map(String::as_str).collect();
        let (world, card) = World::asking(PLAIN_POLICY, &logins).await;
        out_of_reach(&world, logins[place]);
        approve(&world, &card).await;
        world.until("the others", |world| suspended(world) == 2 && world.accounts_put_off() == 1).await;
        world.advance(Duration::seconds(61));
        world.message("2 accounts suspended, 1 NOT suspended").await;
        let failed = world.audit().into_iter().find(|line| line.action == "suspension_failed");
        let failed = failed.expect("it is in the trail");
        assert_eq!(failed.login.as_deref(), Some(logins[place]));
        assert!(failed.detail["error"].to_string().contains("Okta denies only this account"), "{failed:?}");
        let in_thread = world.slack.replies(C_OPS, &card.ts);
        let by_name = |reply: &Message| {
            reply.visible_text().contains("Okta denies only this account")
                && reply.visible_text().contains(logins[place])
        };
        assert!(in_thread.iter().any(by_name), "{in_thread:?}");
        let card = world.card_says(&card, "Retry the ").await;
        assert!(card.offers("retry"), "{:?}", card.buttons());
        assert_eq!(told(&world), [0, 0, 0], "no right is missing");
        world.until("all results are posted", |world| world.all_told(RequestId(1))).await;
        world.okta.clear_faults();
        world.slack.click(U_APPROVER, &card.ts, "retry").await.expect("the button is there");
        world.message("1 account suspended. Retry approved by").await;
        world.nothing_else_is_wrong().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_dies_in_the_middle_fails_nobody_and_it_goes_on_with_another_one() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    let ben = format!("GET {}", world.okta.person(BEN).id);
    world.okta.fail_always(&ben, Fault::Html(503));
    approve(&world, &card).await;
    world.until("ada's suspension", |world| suspended(world) == 1 && world.accounts_put_off() == 1).await;
    world.okta.clear_faults();
    world.okta.fail_always(&ben, Fault::Status(401, "E0000011"));
    for _ in 0..7 {
        world.advance(Duration::seconds(61));
        world.until("looked again", |world| world.accounts_put_off() == 1).await;
    }
    world.until("told", |world| told(world) == [1, 0, 1]).await;
    assert_eq!(world.audited("suspension_failed"), 0);
    world.okta.clear_faults();
    world.advance(Duration::seconds(61));
    world.message("2 accounts suspended. Approved by").await;
    world.nothing_else_is_wrong().await;
}
