//! A database that is older than the world: a copy that was put back, another file in its place. What the channel has
//! seen since proves it, and nothing of the past is executed.

use std::path::{Path, PathBuf};

use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::store::{Inspection, Store};
use serde_json::json;

use super::commands::{ask, assert_answer};
use super::dialog::{choose, says as dialog_says};
use crate::fake::gate::Moment;
use crate::fake::okta::{Fault, Status};
use crate::fake::slack::{
    C_OPS, FakeSlack, Fault as SlackFault, Input, Message, U_ADMIN, U_APPROVER, U_APPROVER2,
};
use crate::process::BotProcess;
use crate::support::{PLAIN_POLICY, World, is_open_card};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";

async fn click(world: &World, user: &str, card: &Message, action: &str) {
    world.slack.click(user, &card.ts, action).await.expect("the button is there");
}

/// A copy of the database as it is now.
fn copy(world: &World) -> PathBuf {
    let copy = world.folder().join("copy.db");
    Store::copy(&world.database(), &copy).expect("the database can be copied");
    copy
}

/// Stops the bot, puts a copy in the database's place as any file, and starts it again.
async fn put_back(world: &World, copy: &Path) {
    world.stop_bot().await;
    world.file_let_go().await;
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", world.database().display()));
    }
    std::fs::copy(copy, world.database()).expect("the copy can be put back");
    world.start_bot().await;
}

/// The open card that came after this one.
async fn next_card(world: &World, before: &Message) -> Message {
    let next = |slack: &FakeSlack| {
        slack.messages(C_OPS).into_iter().filter(|one| one.ts != before.ts).find(is_open_card)
    };
    world.slack.wait_for("another open card", next).await
}

/// The message of the channel that says this, or no message; for what must not have happened.
fn says(world: &World, words: &str) -> usize {
    world.slack.messages(C_OPS).iter().filter(|message| message.visible_text().contains(words)).count()
}

fn refuse_suspensions_of(world: &World, logins: &[&str]) {
    for login in logins {
        let suspend = format!("POST {}/lifecycle/suspend", world.okta.person(login).id);
        world.okta.fail_always(&suspend, Fault::Status(403, "E0000006"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_before_a_copy_is_asked_again_and_a_pause_that_it_lacks_is_not_bypassed() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    refuse_suspensions_of(&world, &[ADA, BEN]);
    click(&world, U_APPROVER, &card, "suspend").await;
    world.card_says(&card, "It continues on its own once that is fixed").await;
    let copy = copy(&world);
    assert_answer(&world, U_ADMIN, "pause wrong people", &["is paused"]).await;
    world.message("was paused by").await;
    let asked = world.changes_asked().len();
    world.okta.clear_faults();
    put_back(&world, &copy).await;

    let told = world.message("I have stopped").await.visible_text();
    assert!(
        told.contains("an older copy was put in its place") && told.contains("/inactive-contractors resume")
    );
    let superseded = world.card_says(&card, "Superseded by a restore").await;
    assert!(superseded.buttons().is_empty(), "{:?}", superseded.buttons());
    let to_admin = |slack: &FakeSlack| {
        let said = slack.direct_messages(U_ADMIN);
        said.iter().any(|one| one.visible_text().contains("I have stopped")).then_some(())
    };
    world.slack.wait_for("a word to the admin", to_admin).await;
    assert_answer(&world, U_APPROVER, "sweep", &["so I have stopped and nothing was changed"]).await;
    assert_answer(&world, U_APPROVER, "retry 1", &["so I have stopped and nothing was changed"]).await;
    assert_answer(&world, U_APPROVER, "resume", &["Only admins"]).await;
    assert_answer(&world, U_ADMIN, "resume policy contractors", &["without a policy"]).await;
    assert_eq!(world.changes_asked().len(), asked);

    // A stop is in the file: a restart changes nothing about it.
    world.kill_bot().await;
    world.start_bot().await;
    assert_answer(
        &world,
        U_ADMIN,
        "resume checked",
        &[
            "Resumed.",
            "epoch 2 of the database",
            "1 request has ended and will not be executed: 1.",
            "contractors",
        ],
    )
    .await;
    world.message("resumed the database").await;
    let again = next_card(&world, &card).await;
    assert_eq!(world.changes_asked().len(), asked, "what was approved before is not executed");
    assert_eq!([ADA, BEN].map(|login| world.okta.status_of(login)), [Status::Active, Status::Active]);
    click(&world, U_APPROVER, &again, "suspend").await;
    world.message("2 accounts suspended. Approved by").await;
    let counts = ["database_stopped", "database_resumed"].map(|action| world.audited(action));
    assert_eq!(
        (counts, says(&world, "I have stopped"), says(&world, "resumed the database")),
        ([1, 1], 1, 1)
    );

    // Nothing is wrong any more, so another restart stops nothing.
    world.kill_bot().await;
    world.start_bot().await;
    assert_answer(&world, U_APPROVER, "pending", &["No"]).await;
    assert_eq!(world.audited("database_stopped"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_approval_that_was_taken_back_does_not_count_after_a_copy_of_before_is_put_back() {
    let (world, card) = World::asking(&format!("{PLAIN_POLICY}approvals_needed = 2\n"), &[ADA, BEN]).await;
    click(&world, U_APPROVER, &card, "suspend").await;
    world.card_says(&card, "A second person must approve too").await;
    let copy = copy(&world);
    click(&world, U_APPROVER, &card, "take_back_approval").await;
    world.card_says(&card, "Two people must approve").await;
    put_back(&world, &copy).await;
    world.message("I have stopped").await;
    world.card_says(&card, "Superseded by a restore").await;
    // The card as somebody still has it on their screen.
    world.slack.click_stale(U_APPROVER2, &card, "suspend").await.expect("it was there");
    world.told(U_APPROVER2, "so I have stopped and nothing was changed").await;
    assert_answer(&world, U_ADMIN, "resume", &["Resumed.", "epoch 2 of the database"]).await;
    let again = next_card(&world, &card).await;
    world.slack.click_stale(U_APPROVER2, &card, "suspend").await.expect("it was there");
    world.told(U_APPROVER2, "is older than the restore of my database").await;
    click(&world, U_APPROVER2, &again, "suspend").await;
    world.card_says(&again, "A second person must approve too").await;
    assert_eq!((world.audited("approved"), world.changes_asked()), (0, Vec::new()));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_has_ended_is_not_rewritten_from_a_copy_in_which_it_is_open() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    let copy = copy(&world);
    click(&world, U_APPROVER, &card, "suspend").await;
    world.message("1 account suspended. Approved by").await;
    world.card_says(&card, "Finished").await;
    put_back(&world, &copy).await;
    let told = world.message("I have stopped").await.visible_text();
    assert!(told.contains("Requests that changed since then: 1"), "{told}");
    world.advance(chrono::Duration::days(8));
    assert_answer(&world, U_ADMIN, "resume", &["Resumed.", "epoch 2 of the database"]).await;
    world.message("resumed the database").await;
    world.message("found no account to suspend").await;
    let card = world.card_says(&card, "Finished").await;
    assert!(card.visible_text().contains("1 account suspended"), "{}", card.visible_text());
    assert_eq!(says(&world, "Expired") + says(&world, "Withdrawn"), 0, "{}", world.slack.dump());
    assert_eq!(world.okta.suspends(ADA), 1);
    world.stop_bot().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exemption_that_messages_speak_of_and_a_copy_lacks_is_listed() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    let copy = copy(&world);
    let exempt = format!("exempt {ADA} for 10d parental leave");
    assert_answer(&world, U_APPROVER, &exempt, &["is exempt"]).await;
    click(&world, U_APPROVER, &card, "deny").await;
    world.message(" denied ").await;
    put_back(&world, &copy).await;
    let told = world.message("I have stopped").await.visible_text();
    assert!(told.contains("Exemptions that the file lacks"), "{told}");
    assert!(told.contains(&format!("{ADA} until ")) && told.contains("Grant them again"), "{told}");
    // It can be granted again before anything goes on.
    assert_answer(&world, U_APPROVER, &exempt, &["is exempt"]).await;
    let answer = ask(&world, U_ADMIN, "resume").await;
    assert!(
        answer.contains("Resumed.")
            && answer.contains("epoch 2 of the database")
            && !answer.contains("the file lacks"),
        "{answer}"
    );
    let card = next_card(&world, &card).await;
    assert!(card.visible_text().contains(BEN) && !card.visible_text().contains(ADA));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_for_another_database_changes_nothing_and_says_so() {
    let (mut world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    let first = world.database();
    world.stop_bot().await;
    world.file_let_go().await;
    world.set_database(world.folder().join("staging.db"));
    world.start_bot().await;
    let told = world.message("I have stopped").await.visible_text();
    assert!(told.contains("my messages show another database"), "{told}");
    click(&world, U_APPROVER, &card, "deny").await;
    world.told(U_APPROVER, "from another bot of this Slack app, or from another database").await;
    assert_eq!(["denied", "input_refused"].map(|action| world.audited(action)), [0, 1]);
    // What a stopped database says stops nobody else.
    world.stop_bot().await;
    world.file_let_go().await;
    world.set_database(first);
    world.start_bot().await;
    click(&world, U_APPROVER, &card, "deny").await;
    world.message(" denied ").await;
    assert_eq!(["denied", "database_stopped"].map(|action| world.audited(action)), [1, 0]);
    world.nothing_else_is_wrong().await;
}

/// The database's id.
fn id(world: &World) -> String {
    let file = world.inspect().expect("the file is there");
    file.lineage().expect("it can be read").pop().expect("it has an id").id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_whose_connection_was_away_asks_again_what_the_channel_has_seen() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    // Another bot was started with a restored copy, and an admin let it go on.
    a_later_epoch_was_seen(&world);
    world.slack.drop_sockets();
    let told = world.message("I have stopped").await.visible_text();
    assert!(told.contains("my messages come from a copy of this database that was resumed later"), "{told}");
    world.card_says(&card, "Superseded by a restore").await;
    // The one that goes on is the later one from then on.
    assert_answer(&world, U_ADMIN, "resume", &["Resumed.", "epoch 8 of the database"]).await;
    let again = next_card(&world, &card).await;
    assert!(again.visible_text().contains("Request 10"), "{}", again.visible_text());
    click(&world, U_APPROVER, &again, "suspend").await;
    world.message("1 account suspended. Approved by").await;
    assert_eq!((world.okta.suspends(ADA), world.audited("database_stopped")), (1, 1));
    world.nothing_else_is_wrong().await;
}

/// Another bot has gone on with a copy of the database.
fn a_later_epoch_was_seen(world: &World) {
    let mark = json!({
        "key": "request:9:card", "database": id(world), "epoch": "7", "event": "900", "head": "ab",
    });
    world.slack.say_as_bot_with(C_OPS, &mark);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_answer_was_lost_before_an_admin_resumed_is_not_posted_twice() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.gate.stop_at_label("slack chat.postMessage", 1, Moment::After);
    click(&world, U_APPROVER, &card, "deny").await;
    world.gate.stopped().await;
    world.kill_bot().await;
    world.gate.open();
    a_later_epoch_was_seen(&world);
    world.start_bot().await;
    world.message("I have stopped").await;
    assert_answer(&world, U_ADMIN, "resume", &["Resumed.", "epoch 8 of the database"]).await;
    let is_over = |world: &World| {
        world.count(Inspection::requests, |request| request.id == RequestId(1) && request.told) == 1
    };
    world.until("the end of the request", is_over).await;
    assert_eq!(says(&world, " denied "), 1, "{}", world.slack.dump());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_that_was_sent_before_the_stop_does_not_end_it() {
    let (world, _) = World::asking(PLAIN_POLICY, &[ADA]).await;
    assert_answer(&world, U_ADMIN, "pause", &["is paused"]).await;
    world.message("was paused by").await;
    // Its sender is being looked up when the database is found to be older than the channel.
    world.gate.stop_at_label("slack users.info", 1, Moment::Before);
    let line = "/inactive-contractors resume";
    let stops = async {
        world.gate.stopped().await;
        a_later_epoch_was_seen(&world);
        world.slack.drop_sockets();
        world.message("I have stopped").await;
        world.gate.release();
    };
    let _ = tokio::join!(world.slack.slash(U_ADMIN, C_OPS, line), stops);
    world.told(U_ADMIN, "I stopped after you sent that").await;
    assert_eq!(world.audited("database_resumed"), 0);
    assert_answer(
        &world,
        U_ADMIN,
        "resume",
        &["Resumed.", "epoch 8 of the database", "contractors is still paused"],
    )
    .await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_finished_card_offers_can_be_used_again_once_an_admin_resumes() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    click(&world, U_APPROVER, &card, "suspend").await;
    world.message("1 account suspended. Approved by").await;
    let finished = world.card_says(&card, "Finished").await;
    a_later_epoch_was_seen(&world);
    world.slack.drop_sockets();
    world.message("I have stopped").await;
    assert_answer(&world, U_ADMIN, "resume", &["Resumed.", "epoch 8 of the database"]).await;
    let is_drawn_again = |now: &Message| now.versions.len() > finished.versions.len();
    let card = world.slack.wait_update(&card.ts, "the card of this epoch", is_drawn_again).await;
    choose(&world, U_APPROVER, &card, "give_back", 0).await;
    dialog_says(&world, U_APPROVER, "leaves the account alone until").await;
    let reason = [("reason", Input::Text("she called".into()))];
    world.slack.submit_view(U_APPROVER, &reason).await.expect("the dialog is open");
    world.message("has access again").await;
    assert_eq!(world.okta.status_of(ADA), Status::Active);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_no_channel_can_be_read_nothing_is_executed_and_without_the_right_it_is_said() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    refuse_suspensions_of(&world, &[ADA]);
    click(&world, U_APPROVER, &card, "suspend").await;
    world.card_says(&card, "It continues on its own once that is fixed").await;
    world.kill_bot().await;
    world.okta.clear_faults();
    let asked = world.changes_asked().len();
    for fault in [SlackFault::Status(503), SlackFault::DropBefore] {
        world.slack.fail_next("conversations.history", fault);
    }
    world.gate.stop_at_label("slack conversations.history", 1, Moment::Before);
    world.begin_bot();
    world.gate.stopped().await;
    world.slack.wait_for("a socket", |slack| (slack.fresh_sockets() > 0).then_some(())).await;
    assert_answer(&world, U_APPROVER, "status", &["contractors"]).await;
    assert_eq!(world.changes_asked().len(), asked, "it is not known yet whether the file is the latest");
    world.gate.release();
    // What Okta refused is tried again in a minute.
    world.advance(chrono::Duration::seconds(70));
    world.message("1 account suspended. Approved by").await;

    world.stop_bot().await;
    world.file_let_go().await;
    world.slack.fail_always("conversations.history", SlackFault::Error("missing_scope".into()));
    world.begin_bot();
    world.slack.wait_for("a socket", |slack| (slack.fresh_sockets() > 0).then_some(())).await;
    let status = async || BotProcess::spawn_as_configured(&world, &["status"], &[]).ended().await.stdout;
    let mut said = status().await;
    for _ in 0..40 {
        if said.contains("so it is unknown whether its database is the latest") {
            break;
        }
        said = status().await;
    }
    assert!(said.contains("so it is unknown whether its database is the latest"), "{said}");
    assert_answer(&world, U_APPROVER, "sweep", &["has started"]).await;
    world.message("found no account to suspend").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_keeps_the_present_file_and_starts_stopped() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    let copy = copy(&world);
    let arguments = ["restore", copy.to_str().expect("text")];
    let refused = BotProcess::spawn_as_configured(&world, &arguments, &[]).ended().await;
    assert_eq!(refused.code, Some(5), "{refused:?}");
    assert!(refused.stderr.contains("is in use by process"), "{refused:?}");
    click(&world, U_APPROVER, &card, "deny").await;
    world.message(" denied ").await;
    world.stop_bot().await;
    world.file_let_go().await;

    let ended = BotProcess::spawn_as_configured(&world, &arguments, &[]).ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for words in ["is restored from", "epoch 2", "which the copy lacks", "denied by", "starts stopped"] {
        assert!(ended.stdout.contains(words), "{words}: {ended:?}");
    }
    let names = std::fs::read_dir(world.folder()).expect("the folder is there");
    let names: Vec<_> =
        names.map(|name| name.expect("a name").file_name().to_string_lossy().into_owned()).collect();
    assert!(names.iter().any(|name| name.starts_with("bot.db.before-restore.")), "{names:?}");
    assert!(!names.iter().any(|name| name.contains(".part")), "{names:?}");

    world.start_bot().await;
    let told = world.message("I have stopped").await.visible_text();
    assert!(told.contains("the database was restored from"), "{told}");
    std::fs::write(world.folder().join("bot.toml"), world.config_toml()).expect("the folder can be written");
    let checked = BotProcess::spawn_as_configured(&world, &["check"], &[]).ended().await;
    assert!(checked.stdout.contains("but it is stopped"), "{checked:?}");
    let status = BotProcess::spawn_as_configured(&world, &["status"], &[]).ended().await;
    assert!(status.code == Some(1) && status.stdout.contains("NOT HEALTHY"), "{status:?}");
    assert_answer(&world, U_ADMIN, "resume", &["Resumed.", "epoch 3 of the database"]).await;
    let again = next_card(&world, &card).await;
    click(&world, U_APPROVER, &again, "suspend").await;
    world.message("1 account suspended. Approved by").await;
    assert_eq!(world.okta.suspends(ADA), 1);
    world.nothing_else_is_wrong().await;
}
