//! Slack's Web API fails in all its ways: each message still reaches the channel, once, and says what is true.

use chrono::Duration;

use crate::fake::okta::{Person, Status};
use crate::fake::slack::{BOT_USER, C_GENERAL, C_OPS, FakeSlack, Fault, Message, Sees, U_ADMIN, U_APPROVER};
use crate::support::{UNSCHEDULED_POLICY, World, is_open_card};
use inactive_contractors::domain::ids::RequestId;

const LOGIN: &str = "ada@ext.example";
const CARD: &str = "request:1:card";

async fn world_with_bot() -> World {
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(LOGIN).last_login_days_ago(41));
    world.start_bot().await;
    world
}

async fn open_card(world: &World) -> Message {
    let card = |slack: &FakeSlack| slack.messages(C_OPS).into_iter().find(is_open_card);
    world.slack.wait_for("an open card", card).await
}

/// The messages that carry this mark of the bot.
fn marked(world: &World, key: &str) -> Vec<Message> {
    let is_it = |message: &Message| {
        let metadata = message.versions.iter().find_map(|version| version.metadata.as_ref());
        metadata.is_some_and(|metadata| metadata["event_payload"]["key"] == key)
    };
    world.slack.messages(C_OPS).into_iter().filter(is_it).collect()
}

/// The approver presses the button, and the story ends as it should.
async fn approved_and_ended(world: &World, card: &Message) {
    let reply = world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    assert_eq!(reply.sees, Sees::Nothing);
    world.message("1 account suspended. Approved by").await;
    assert_eq!((world.okta.person(LOGIN).status, world.okta.suspends(LOGIN)), (Status::Suspended, 1));
    assert_eq!(world.audited("approved"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_slack_is_down_the_request_waits_and_its_time_begins_with_its_card() {
    for fault in [Fault::Status(503), Fault::DropBefore] {
        let world = world_with_bot().await;
        world.slack.fail_always("chat.postMessage", fault);
        world.ask_for_sweep().await;
        world.put_off(CARD).await;
        world.advance(Duration::minutes(30));
        world.put_off(CARD).await;
        assert_eq!(world.slack.messages(C_OPS).len(), 0);
        world.slack.clear_faults();
        let up_again = world.clock.now();
        world.advance(Duration::seconds(70));
        let card = open_card(&world).await;
        let deadline = world.next_deadline().expect("the request is open");
        assert!(deadline >= up_again + Duration::hours(8), "{deadline} counts from before {up_again}");
        approved_and_ended(&world, &card).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_whose_answer_was_lost_or_unreadable_is_found_and_not_posted_again() {
    for fault in [Fault::LostResponse, Fault::Garbage] {
        let world = world_with_bot().await;
        world.slack.fail_next("chat.postMessage", fault);
        world.ask_for_sweep().await;
        world.put_off(CARD).await;
        world.advance(Duration::seconds(70));
        let card = open_card(&world).await;
        assert!(world.slack.calls().iter().any(|call| call.method == "conversations.history"));
        assert_eq!(marked(&world, CARD).len(), 1);
        approved_and_ended(&world, &card).await;
        assert_eq!(marked(&world, CARD).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_for_a_lost_card_that_was_not_answered_by_slack_has_found_nothing_out() {
    for fault in [Fault::Html(200), Fault::Garbage, Fault::CutJson] {
        let world = world_with_bot().await;
        world.slack.fail_next("chat.postMessage", Fault::LostResponse);
        world.slack.fail_next("conversations.history", fault);
        world.ask_for_sweep().await;
        world.put_off(CARD).await;
        world.advance(Duration::seconds(70));
        world.put_off(CARD).await;
        world.advance(Duration::seconds(70));
        let card = open_card(&world).await;
        assert_eq!(marked(&world, CARD).len(), 1);
        approved_and_ended(&world, &card).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_proxy_is_no_update() {
    let world = world_with_bot().await;
    let card = world.sweep().await;
    world.slack.fail_next("chat.update", Fault::Html(200));
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.put_off(CARD).await;
    world.advance(Duration::seconds(5));
    let card = world.card_says(&card, "Denied").await;
    assert_eq!(card.buttons(), Vec::<String>::new());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ending_whose_answer_was_lost_is_said_once() {
    let world = world_with_bot().await;
    let card = world.sweep().await;
    // The first is the thread's.
    world.slack.fail_next("chat.postMessage", Fault::LostResponse);
    world.slack.fail_next("chat.postMessage", Fault::LostResponse);
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.put_off("request:1:outcomes:0").await;
    world.advance(Duration::seconds(70));
    world.put_off("request:1:ending").await;
    world.advance(Duration::seconds(70));
    world.slack.wait_call("conversations.history", 1).await;
    world.nothing_else_is_wrong().await;
    assert_eq!(marked(&world, "request:1:ending").len(), 1);
    assert_eq!(world.slack.replies(C_OPS, &card.ts).len(), 1, "{}", world.slack.dump());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_look_a_lost_card_comes_a_second_time_and_both_are_one_request() {
    let world = world_with_bot().await;
    world.slack.set_scopes(&["commands", "chat:write", "users:read", "users:read.email", "channels:read"]);
    world.slack.fail_next("chat.postMessage", Fault::LostResponse);
    world.ask_for_sweep().await;
    world.put_off(CARD).await;
    world.advance(Duration::seconds(70));
    let card = open_card(&world).await;
    let copies = marked(&world, CARD);
    assert_eq!(copies.len(), 2);
    let lost = copies.iter().find(|copy| copy.ts != card.ts).expect("the first copy");
    approved_and_ended(&world, lost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_waited_for_as_long_as_slack_asks() {
    let world = world_with_bot().await;
    world.slack.fail_next("chat.postMessage", Fault::RateLimited { retry_after: 90 });
    let asked = world.clock.now();
    world.ask_for_sweep().await;
    let again = world.put_off(CARD).await;
    assert!(again >= asked + Duration::seconds(90), "{again}");
    world.advance(Duration::seconds(91));
    let card = open_card(&world).await;
    approved_and_ended(&world, &card).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_whose_answer_was_lost_is_rendered_again_after_a_late_one_would_have_come() {
    for fault in [Fault::LostResponse, Fault::Status(500)] {
        let world = world_with_bot().await;
        world.slack.fail_next("chat.update", fault);
        world.ask_for_sweep().await;
        world.put_off(CARD).await;
        world.advance(Duration::seconds(5));
        let updates = |slack: &FakeSlack| {
            slack.calls().iter().filter(|call| call.method == "chat.update" && call.answer == "ok").count()
        };
        world.no_longer_put_off(CARD).await;
        let after_the_next_try = updates(&world.slack);
        world.advance(Duration::seconds(61));
        let once_more = |slack: &FakeSlack| (updates(slack) > after_the_next_try).then_some(());
        world.slack.wait_for("the card once more", once_more).await;
        let card = open_card(&world).await;
        approved_and_ended(&world, &card).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_update_that_a_late_one_may_undo_is_rendered_again_also_after_a_restart() {
    let world = world_with_bot().await;
    let card = world.sweep().await;
    world.slack.fail_next("chat.update", Fault::LostResponse);
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.put_off(CARD).await;
    world.message(" denied ").await;
    world.advance(Duration::seconds(5));
    world.no_longer_put_off(CARD).await;
    super::commands::ask(&world, U_APPROVER, "status").await;
    assert!(world.not_all_told(RequestId(1)), "the card is to be looked at once more");
    world.kill_bot().await;
    world.start_bot().await;
    let updates =
        |slack: &FakeSlack| slack.calls().iter().filter(|call| call.method == "chat.update").count();
    let before = updates(&world.slack);
    world.advance(Duration::seconds(61));
    world.until("the card once more", |world| updates(&world.slack) > before).await;
    world.until("all told", |world| world.all_told(RequestId(1))).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_somebody_deleted_comes_again() {
    let world = world_with_bot().await;
    let seen = world.sweep().await;
    world.slack.delete_message(&seen.ts);
    let reply = world.slack.click_stale(U_APPROVER, &seen, "suspend").await.expect("it was there when seen");
    assert_eq!(reply.sees, Sees::Nothing);
    world.message("1 account suspended. Approved by").await;
    let cards = marked(&world, CARD);
    assert_eq!(cards.len(), 1);
    assert!(cards[0].buttons().is_empty() && cards[0].visible_text().contains(LOGIN));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_card_that_somebody_deleted_comes_again_when_a_sweep_finds_its_accounts_waiting() {
    let world = world_with_bot().await;
    let seen = world.sweep().await;
    let deadline = world.next_deadline();
    world.slack.delete_message(&seen.ts);
    world.ask_for_sweep().await;
    let card = open_card(&world).await;
    assert_ne!(card.ts, seen.ts);
    assert_eq!(world.next_deadline(), deadline, "its time does not begin again");
    assert_eq!(world.audited("card_posted"), 1);
    approved_and_ended(&world, &card).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_card_that_somebody_deleted_comes_again_also_if_nobody_on_it_is_inactive_any_more() {
    let world = world_with_bot().await;
    let seen = world.sweep().await;
    world.slack.delete_message(&seen.ts);
    world.okta.sign_in(LOGIN);
    world.ask_for_sweep().await;
    let card = open_card(&world).await;
    assert_ne!(card.ts, seen.ts);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_slack_refuses_is_replaced_by_its_sentence() {
    let world = world_with_bot().await;
    world.slack.fail_next("chat.postMessage", Fault::Error("invalid_blocks".to_owned()));
    world.slack.fail_next("chat.update", Fault::Error("msg_blocks_too_long".to_owned()));
    world.ask_for_sweep().await;
    world.slack.wait_for("both refusals", |slack| (slack.waiting_faults() == 0).then_some(())).await;
    world.slack.wait_call("chat.update", 1).await;
    let cards = marked(&world, CARD);
    assert_eq!(cards.len(), 1);
    assert!(cards[0].visible_text().contains("contractors"), "{}", world.slack.dump());
    let first = serde_json::Value::from(cards[0].versions[0].blocks.clone()).to_string();
    assert!(!first.contains("\"button\""), "what was refused is not tried again: {first}");
    assert!(world.next_deadline().is_some(), "the request needs a decision all the same");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_without_the_bot_gets_the_card_after_an_invitation() {
    let world = world_with_bot().await;
    world.slack.leave(BOT_USER, C_OPS);
    world.ask_for_sweep().await;
    world.put_off(CARD).await;
    let told = |note: &Message| note.visible_text().contains("I can't post in");
    let note = |slack: &FakeSlack| slack.direct_messages(U_ADMIN).into_iter().find(told);
    world.slack.wait_for("a word to the admin", note).await;
    let bot = world.slack.people().into_iter().find(|user| user.id == BOT_USER).expect("the bot's user");
    world.slack.add_user(bot, &[C_OPS]);
    world.advance(Duration::minutes(2) + Duration::seconds(1));
    let card = open_card(&world).await;
    approved_and_ended(&world, &card).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_revoked_in_the_middle_ends_the_bot_and_loses_nothing() {
    let world = world_with_bot().await;
    let card = world.sweep().await;
    world.slack.revoke_tokens();
    let error = world.bot_ended().await.expect_err("it can't go on");
    assert!(format!("{error:#}").contains("token_revoked"), "{error:#}");
    world.slack.restore_tokens();
    world.start_bot().await;
    approved_and_ended(&world, &card).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_bot_token_ends_the_bot_although_its_socket_lives() {
    for code in ["token_revoked", "invalid_auth", "account_inactive"] {
        let world = world_with_bot().await;
        world.slack.fail_next("chat.postMessage", Fault::Error(code.to_owned()));
        world.ask_for_sweep().await;
        let error = world.bot_ended().await.expect_err("it can't go on");
        assert!(format!("{error:#}").contains(code), "{error:#}");
        world.start_bot().await;
        world.advance(Duration::minutes(2) + Duration::seconds(1));
        let card = open_card(&world).await;
        approved_and_ended(&world, &card).await;
    }
}

/// Something about the channel was notified to the admin.
async fn admin_told(world: &World, words: &str) {
    let told = |note: &Message| note.visible_text().contains(words);
    let note = |slack: &FakeSlack| slack.direct_messages(U_ADMIN).into_iter().find(told);
    world.slack.wait_for("a word to the admin", note).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_archived_under_an_open_card_gets_it_current_when_it_is_back() {
    let world = world_with_bot().await;
    let card = world.sweep().await;
    let deadline = world.next_deadline();
    world.slack.archive(C_OPS, true);
    // Anyone who is elsewhere can still ask; the sweep finds the account waiting, and has the card looked after.
    let line = "/inactive-contractors sweep";
    world.slack.slash(U_APPROVER, C_GENERAL, line).await.expect("it can be typed");
    world.put_off(CARD).await;
    admin_told(&world, "is_archived").await;
    assert_eq!(world.next_deadline(), deadline, "the request stays as it is");
    world.slack.archive(C_OPS, false);
    world.advance(Duration::minutes(2) + Duration::seconds(1));
    world.no_longer_put_off(CARD).await;
    assert_eq!((marked(&world, CARD).len(), world.next_deadline()), (1, deadline));
    approved_and_ended(&world, &card).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_removed_under_an_open_card_does_what_was_approved_and_tells_it_after_an_invitation() {
    let world = world_with_bot().await;
    let card = world.sweep().await;
    world.slack.leave(BOT_USER, C_OPS);
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is still there");
    world.put_off(CARD).await;
    admin_told(&world, "not_in_channel").await;
    world.audited_times("completed", 1).await;
    assert_eq!((world.okta.suspends(LOGIN), world.audited("approved")), (1, 1));
    world.put_off("request:1:outcomes:0").await;
    let bot = world.slack.people().into_iter().find(|user| user.id == BOT_USER).expect("the bot's user");
    world.slack.add_user(bot, &[C_OPS]);
    world.advance(Duration::minutes(2) + Duration::seconds(1));
    world.message("1 account suspended. Approved by").await;
    let done =
        |card: &Message| !card.offers("suspend") && card.visible_text().contains("1 account suspended");
    world.slack.wait_update(&card.ts, "a card that says what was done", done).await;
    assert_eq!(marked(&world, CARD).len(), 1);
    world.nothing_else_is_wrong().await;
}

/// The policy gets another channel, in which everybody is, and the bot is started again.
async fn moves_to_another_channel(world: &mut World) {
    world.stop_bot().await;
    let all =
        world.slack.people().into_iter().filter(|user| [BOT_USER, U_APPROVER].contains(&user.id.as_str()));
    for user in all {
        world.slack.add_user(user, &[C_GENERAL]);
    }
    world.set_channel(C_GENERAL);
    world.start_bot().await;
    world.advance(Duration::minutes(2) + Duration::seconds(1));
}

async fn in_the_new_channel(world: &World, what: &str, is_it: impl Fn(&Message) -> bool) -> Message {
    world.slack.wait_for(what, |slack| slack.messages(C_GENERAL).into_iter().find(&is_it)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_in_a_channel_that_is_gone_is_reported_in_the_policys_new_one() {
    let mut world = world_with_bot().await;
    let card = world.sweep().await;
    world.slack.leave(BOT_USER, C_OPS);
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is still there");
    world.put_off(CARD).await;
    world.audited_times("completed", 1).await;
    moves_to_another_channel(&mut world).await;
    let is_ending = |message: &Message| message.visible_text().contains("1 account suspended. Approved by");
    in_the_new_channel(&world, "the ending", is_ending).await;
    let is_card = |message: &Message| message.visible_text().contains(LOGIN) && message.buttons().is_empty();
    let moved = in_the_new_channel(&world, "the card", is_card).await;
    assert_eq!(world.slack.replies(C_GENERAL, &moved.ts).len(), 1, "{}", world.slack.dump());
    world.until("all told", |world| world.all_told(RequestId(1))).await;
    assert_eq!((world.okta.suspends(LOGIN), world.slack.messages(C_GENERAL).len()), (1, 2));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_never_stood_in_a_channel_that_is_gone_asks_in_the_policys_new_one() {
    let mut world = world_with_bot().await;
    world.slack.leave(BOT_USER, C_OPS);
    world.ask_for_sweep().await;
    world.put_off(CARD).await;
    moves_to_another_channel(&mut world).await;
    let card = in_the_new_channel(&world, "an open card", is_open_card).await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    let is_ending = |message: &Message| message.visible_text().contains("1 account suspended. Approved by");
    in_the_new_channel(&world, "the ending", is_ending).await;
    assert_eq!((world.okta.suspends(LOGIN), world.slack.messages(C_OPS).len()), (1, 0));
    world.nothing_else_is_wrong().await;
}
