//! The people that a request asks: asked once each, in their own direct messages, and heard by the approvers; they
//! decide nothing.

use chrono::Duration;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::store::Inspection;

use super::commands::ask;
use crate::fake::gate::Moment;
use crate::fake::okta::Person;
use crate::fake::slack::{C_OPS, Fault, Message, SlackUser, U_APPROVER, U_APPROVER2, U_GUEST, U_VIEWER};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const U_ADA: &str = "U0ADA";
const VERA: &str = "vera@example.com";

fn policy(keys: &str) -> String {
    format!("{PLAIN_POLICY}{keys}\n")
}

/// Pieces joined.
fn text(message: &Message) -> String {
    message.visible_text().replace('\n', "")
}

/// Waits for a direct message that says this. The clock is pushed, because messages are paced.
async fn asked(world: &World, user: &str, words: &str) -> Message {
    let found =
        |world: &World| world.slack.direct_messages(user).into_iter().find(|one| text(one).contains(words));
    world
        .until(&format!("a message to {user} that says {words:?}"), |world| {
            world.advance(Duration::seconds(1));
            found(world).is_some()
        })
        .await;
    found(world).expect("it was there a moment ago")
}

async fn card_says(world: &World, card: &Message, words: &str) {
    let says = |world: &World| world.slack.message(&card.ts).is_some_and(|card| text(&card).contains(words));
    world
        .until(&format!("a card that says {words:?}"), |world| {
            world.advance(Duration::seconds(1));
            says(world)
        })
        .await;
}

async fn input(world: &World, user: &str, message: &Message, answer: &str) {
    let actions = message.actions();
    let action = actions.iter().find(|action| action.contains(answer)).expect("the button is there");
    world.slack.click(user, &message.ts, action).await.expect("it can be pressed");
}

/// Ada works for Vera, and is in Slack as a guest.
async fn world_of_ada(keys: &str) -> (World, Message) {
    let world = World::at_ten(&policy(keys)).await;
    world
        .okta
        .add(Person::contractor(ADA).last_login_days_ago(41).name("Ada", "<!channel> *L*").manager_id(VERA));
    world.slack.add_user(SlackUser::new(U_ADA, "Ada", ADA).guest(), &[]);
    world.start_bot().await;
    let card = world.sweep().await;
    (world, card)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_unless_the_policy_says_so() {
    let (world, card) = world_of_ada("").await;
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message("denied").await;
    assert!(
        world.slack.direct_messages(U_ADA).is_empty() && world.slack.direct_messages(U_VIEWER).is_empty()
    );
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_and_a_held_sweep_ask_nobody() {
    for keys in ["preview_first = true\nmax_share = 1.0", "preview_first = false\nmax_share = 0.5"] {
        let world = World::at_ten(&format!("{keys}\nask_contractor = true\n")).await;
        world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
        world.slack.add_user(SlackUser::new(U_ADA, "Ada", ADA), &[]);
        world.start_bot().await;
        world.sweep().await;
        world.advance(Duration::minutes(5));
        ask(&world, U_APPROVER, "status").await;
        assert!(world.slack.direct_messages(U_ADA).is_empty(), "{keys}");
        world.nothing_else_is_wrong().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_are_asked_once_and_their_answers_stand_on_the_card() {
    let (world, card) = world_of_ada("ask_contractor = true\nask_manager = true").await;
    let own = asked(&world, U_ADA, "has not been used for 41 days and may be suspended").await;
    let managers = asked(&world, U_VIEWER, "Do these people still work with us?").await;
    assert!(own.current().text.contains("Do you still need it?"), "{}", own.current().text);
    assert!(text(&own).contains("Hello Ada"), "{}", text(&own));
    for secret in ["alice", "Alice", U_APPROVER, C_OPS, "Vera"] {
        assert!(!own.visible_text().contains(secret), "{secret}: {}", own.visible_text());
    }
    assert!(managers.visible_text().contains(ADA) && !managers.current().text.contains("<!channel>"));
    input(&world, U_ADA, &own, "needed").await;
    world.told(U_ADA, "Thank you. Recorded: I still need this").await;
    card_says(&world, &card, "says: I still need this").await;
    let own = asked(&world, U_ADA, "You said: I still need this").await;
    assert_eq!(own.actions(), Vec::<String>::new());
    input(&world, U_VIEWER, &managers, "left").await;
    card_says(&world, &card, &format!("manager <@{U_VIEWER}>: has left")).await;
    // A manager may think again.
    input(&world, U_VIEWER, &asked(&world, U_VIEWER, "You said: has left").await, "still_here").await;
    card_says(&world, &card, &format!("manager <@{U_VIEWER}>: still working with us")).await;
    assert_eq!(world.audit_of(ADA), ["proposed", "person_answered", "person_answered", "person_answered"]);
    assert_eq!(world.changes_asked(), Vec::<String>::new());
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is still there");
    world.message("1 account suspended").await;
    assert_eq!(
        (world.slack.direct_messages(U_ADA).len(), world.slack.direct_messages(U_VIEWER).len()),
        (1, 1)
    );
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_by_a_person_that_slack_can_not_name_is_refused_for_now_and_audited() {
    let (world, card) = world_of_ada("ask_contractor = true").await;
    let own = asked(&world, U_ADA, "may be suspended").await;
    world.slack.fail_always("users.info", Fault::Error("internal_error".into()));
    input(&world, U_ADA, &own, "needed").await;
    world.told(U_ADA, "I can't find out from Slack who you are").await;
    assert_eq!(["input_refused", "person_answered"].map(|action| world.audited(action)), [1, 0]);
    let refused = world.audit().pop().expect("there are events");
    assert_eq!((refused.request, refused.actor["person"]["id"].as_str()), (Some(RequestId(1)), Some(U_ADA)));
    world.slack.clear_faults();
    input(&world, U_ADA, &own, "needed").await;
    world.told(U_ADA, "Thank you. Recorded: I still need this").await;
    card_says(&world, &card, "says: I still need this").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_names_people_who_are_not_in_slack() {
    let world = World::at_ten(&policy("ask_contractor = true\nask_manager = true")).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41).manager("Jane Doe"));
    // Deactivated, a manager who is a guest, and somebody who is their own manager.
    world.okta.add(Person::contractor("dora@example.com").last_login_days_ago(41).manager("gus@example.com"));
    world.okta.add(Person::contractor(BEN).last_login_days_ago(41).manager(BEN));
    world.okta.add(Person::contractor("eve@ext.example").last_login_days_ago(41));
    world.slack.add_user(SlackUser::new("U0BEN", "Ben", BEN), &[]);
    world.start_bot().await;
    let card = world.sweep().await;
    asked(&world, "U0BEN", "may be suspended").await;
    card_says(&world, &card, "manager not found in Slack").await;
    let shown = || text(&world.slack.message(&card.ts).expect("the card stands"));
    world
        .until("all seven are said", |world| {
            world.advance(Duration::seconds(1));
            shown().matches("not found in").count() == 5 && shown().contains("Okta names no manager")
        })
        .await;
    assert_eq!(shown().matches("manager not found in Slack").count(), 2);
    assert!(shown().contains("manager could not be identified"));
    assert!(world.slack.direct_messages(U_GUEST).is_empty());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_named_by_okta_id_gets_one_message_about_all_their_people() {
    let world =
        World::at_ten(&policy("ask_manager = true\nask_manager_text = \"Dear {name}: {policy}, {days}.\""))
            .await;
    let vera = world.okta.add(Person::employee(VERA));
    for login in [ADA, BEN] {
        world.okta.add(Person::contractor(login).last_login_days_ago(41).manager_id(&vera));
    }
    world.start_bot().await;
    let card = world.sweep().await;
    let message = asked(&world, U_VIEWER, "Dear Vera").await;
    assert!(text(&message).contains("contractors, 7 days."), "{}", text(&message));
    assert!(message.visible_text().contains(ADA) && message.visible_text().contains(BEN));
    assert_eq!(message.actions().len(), 4);
    input(&world, U_VIEWER, &message, "still_here").await;
    card_says(&world, &card, "still working with us").await;
    assert_eq!(world.slack.direct_messages(U_VIEWER).len(), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_name_is_called_by_its_login() {
    let world = World::at_ten(&policy("ask_contractor = true")).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41).name("", ""));
    world.slack.add_user(SlackUser::new(U_ADA, "Ada", ADA), &[]);
    world.start_bot().await;
    world.sweep().await;
    asked(&world, U_ADA, &format!("Hello {ADA}")).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_with_the_managers_number_are_nobodys_manager() {
    let world = World::at_ten(&policy("ask_manager = true")).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41).manager_id("4711"));
    for (login, user) in [(VERA, U_VIEWER), ("bob@example.com", U_APPROVER2)] {
        world.okta.add(Person::employee(login).attribute("employeeNumber", "4711"));
        assert!(world.slack.direct_messages(user).is_empty(), "{user}");
    }
    world.start_bot().await;
    let card = world.sweep().await;
    card_says(&world, &card, "manager could not be identified").await;
    for user in [U_VIEWER, U_APPROVER2] {
        assert!(world.slack.direct_messages(user).is_empty(), "{user}");
    }
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slack_that_asks_to_wait_is_not_asked_for_people_before() {
    for call in ["users.lookupByEmail", "conversations.open"] {
        let world = World::at_ten(&policy("ask_contractor = true\nask_before = \"4h\"")).await;
        world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
        world.slack.add_user(SlackUser::new(U_ADA, "Ada", ADA), &[]);
        world.start_bot().await;
        world.sweep().await;
        world.slack.fail_next(call, Fault::RateLimited { retry_after: 90 });
        world.advance(Duration::hours(4));
        let began = world.clock.now();
        asked(&world, U_ADA, "may be suspended").await;
        assert!(world.clock.now() - began >= Duration::seconds(90), "{call}");
        world.nothing_else_is_wrong().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_asked_before_the_deadline_if_the_policy_says_so() {
    let (world, _) =
        world_of_ada("ask_contractor = true\nask_before = \"4h\"\nremind_before = [\"5h\"]").await;
    world.advance(Duration::hours(3));
    // What comes then anyway, so that the loop has surely looked.
    world.message("Reminder: ").await;
    assert!(world.slack.direct_messages(U_ADA).is_empty());
    world.advance(Duration::hours(1));
    asked(&world, U_ADA, "may be suspended").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_recipient_under_the_address_that_was_asked_can_answer() {
    let (world, card) = world_of_ada("ask_contractor = true").await;
    let own = asked(&world, U_ADA, "may be suspended").await;
    // Their address in Slack is another one now.
    world.slack.add_user(SlackUser::new(U_ADA, "Ada", "other@ext.example").guest(), &[]);
    input(&world, U_ADA, &own, "needed").await;
    world.told(U_ADA, "your answer was not recorded").await;
    assert_eq!((world.audited("person_answered"), world.audited("input_refused")), (0, 1));
    world.slack.add_user(SlackUser::new(U_ADA, "Ada", ADA).guest(), &[]);
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended").await;
    input(&world, U_ADA, &own, "needed").await;
    let late = world.told(U_ADA, "This was decided before your answer came").await;
    let late = late.visible_text().replace('\n', "");
    assert!(late.contains("The account was suspended") && !late.contains(U_APPROVER), "{late}");
    assert_eq!(world.audited("person_answered"), 0);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_and_a_crash_do_not_ask_twice() {
    let (world, card) = world_of_ada("ask_contractor = true\nask_before = \"4h\"").await;
    // The card stands; the next message is Ada's.
    world.slack.fail_next("chat.postMessage", Fault::LostResponse);
    world.advance(Duration::hours(4));
    let own = asked(&world, U_ADA, "may be suspended").await;
    world.kill_bot().await;
    world.start_bot().await;
    input(&world, U_ADA, &own, "needed").await;
    world.advance(Duration::minutes(2));
    card_says(&world, &card, "says: I still need this").await;
    assert_eq!(world.slack.direct_messages(U_ADA).len(), 1);
    world.kill_bot().await;
    world.start_bot().await;
    world.slack.click(U_APPROVER2, &card.ts, "deny").await.expect("the button is there");
    world.message("denied").await;
    assert_eq!(world.slack.direct_messages(U_ADA).len(), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_good_is_said_on_the_card_and_holds_nothing_up() {
    let (world, card) = {
        let world = World::at_ten(&policy("ask_contractor = true\nask_manager = true")).await;
        world.okta.add(Person::contractor(ADA).last_login_days_ago(41).manager(VERA));
        world.slack.add_user(SlackUser::new(U_ADA, "Ada", ADA), &[]);
        world.start_bot().await;
        world.slack.fail_always("users.lookupByEmail", Fault::Status(503));
        let card = world.sweep().await;
        (world, card)
    };
    card_says(&world, &card, "manager could not be asked").await;
    world.slack.clear_faults();
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended").await;
    assert!(world.slack.direct_messages(U_ADA).is_empty());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_looked_for_is_not_sent_twice() {
    let (world, card) = world_of_ada("ask_contractor = true\nask_before = \"4h\"").await;
    let scopes = "commands chat:write users:read users:read.email channels:read groups:read channels:history \
                  groups:history im:write usergroups:read files:write";
    world.slack.set_scopes(&scopes.split_whitespace().collect::<Vec<_>>());
    world.slack.fail_next("chat.postMessage", Fault::LostResponse);
    world.advance(Duration::hours(4));
    card_says(&world, &card, "could not be asked: the message may have been posted already").await;
    assert_eq!(world.slack.direct_messages(U_ADA).len(), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_messages_that_cannot_be_opened_are_said_on_the_card() {
    let (world, card) = world_of_ada("ask_contractor = true\nask_before = \"4h\"").await;
    world.slack.fail_always("conversations.open", Fault::Error("cannot_dm_user".into()));
    world.advance(Duration::hours(4));
    let began = world.clock.now();
    card_says(&world, &card, "could not be asked: Slack did not take the message in 5 tries").await;
    assert!(world.clock.now() - began > Duration::seconds(4 + 8 + 16 + 32), "it waits longer each time");
    assert!(world.slack.direct_messages(U_ADA).is_empty());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_around_any_call_asks_once() {
    for label in ["slack users.lookupByEmail", "slack conversations.open", "slack chat.postMessage"] {
        for moment in [Moment::Before, Moment::After] {
            let (world, card) = world_of_ada("ask_contractor = true\nask_before = \"4h\"").await;
            world.gate.stop_at_label(label, 1, moment);
            world.advance(Duration::hours(4));
            world.gate.stopped().await;
            world.kill_bot().await;
            world.gate.open();
            world.start_bot().await;
            let own = asked(&world, U_ADA, "may be suspended").await;
            world.until("it is recorded", |world| asked_in(world) == 1).await;
            input(&world, U_ADA, &own, "needed").await;
            card_says(&world, &card, "says: I still need this").await;
            assert_eq!(world.slack.direct_messages(U_ADA).len(), 1, "{label} {moment:?}");
            world.nothing_else_is_wrong().await;
        }
    }
}

/// How many questions are recorded as asked.
fn asked_in(world: &World) -> i64 {
    world.count(Inspection::questions, |question| question.state == "asked")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_of_many_is_asked_about_all_of_them() {
    let world = World::at_ten(&policy("ask_manager = true\nmax_candidates = 100")).await;
    for number in 0..20 {
        let login = format!("p{number:02}@ext.example");
        world.okta.add(Person::contractor(&login).last_login_days_ago(41).manager_id(VERA));
    }
    world.start_bot().await;
    world.sweep().await;
    world
        .until("all are recorded", |world| {
            world.advance(Duration::seconds(1));
            asked_in(world) == 20
        })
        .await;
    let messages = world.slack.direct_messages(U_VIEWER);
    assert_eq!(messages.len(), 2);
    let all: String = messages.iter().map(text).collect();
    for number in 0..20 {
        assert!(all.contains(&format!("p{number:02}@ext.example")), "{number}: {all}");
    }
    let buttons = |message: &Message| message.actions().iter().filter(|id| id.contains("left")).count();
    assert_eq!(messages.iter().map(buttons).sum::<usize>(), 20);
    world.kill_bot().await;
    world.start_bot().await;
    input(&world, U_VIEWER, &messages[1], "left").await;
    world.until("the answer", |world| world.audited("person_answered") == 1).await;
    assert_eq!(world.slack.direct_messages(U_VIEWER).len(), 2);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_last_try_got_through_is_not_given_up() {
    let (world, card) = world_of_ada("ask_contractor = true\nask_before = \"4h\"").await;
    for _ in 0..4 {
        world.slack.fail_next("chat.postMessage", Fault::Status(503));
    }
    world.slack.fail_next("chat.postMessage", Fault::LostResponse);
    world.advance(Duration::hours(4));
    let own = asked(&world, U_ADA, "may be suspended").await;
    world
        .until("it is recorded", |world| {
            world.advance(Duration::seconds(1));
            asked_in(world) == 1
        })
        .await;
    input(&world, U_ADA, &own, "needed").await;
    card_says(&world, &card, "says: I still need this").await;
    assert_eq!(world.slack.direct_messages(U_ADA).len(), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_on_the_card_as_it_was_before_an_answer_counts() {
    let (world, seen) = world_of_ada("ask_contractor = true").await;
    let own = asked(&world, U_ADA, "Do you still need it?").await;
    input(&world, U_ADA, &own, "needed").await;
    card_says(&world, &seen, "says: I still need this").await;
    let deny = seen.place("deny").expect("it was offered");
    world.slack.click(U_APPROVER, &seen.ts, &deny).await.expect("its block is still there");
    world.message("denied").await;
    world.nothing_else_is_wrong().await;
}
