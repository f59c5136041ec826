//! A database that is moved away, removed or replaced under the running bot; and links in the way of files that the commands
//! make.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::fake::okta::{Person, Status};
use crate::fake::slack::{C_OPS, FakeSlack, Fault, U_APPROVER};
use crate::process::BotProcess;
use crate::support::{UNSCHEDULED_POLICY, World};
use crate::watch::status_says;

const ADA: &str = "ada@ext.example";

/// A process with a card that waits for an answer.
async fn asking() -> (World, BotProcess, String) {
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    let bot = BotProcess::run(&world).await;
    let card = world.sweep().await.ts;
    (world, bot, card)
}

/// Moves the database with all that belongs to it.
fn move_to(world: &World, folder: &Path) {
    std::fs::create_dir(folder).expect("the folder is new");
    for suffix in ["", "-wal", "-shm"] {
        let from = world.database().with_extension(format!("db{suffix}"));
        std::fs::rename(&from, folder.join(from.file_name().expect("it has a name"))).expect("it is there");
    }
}

fn told_of_it(slack: &FakeSlack) -> usize {
    let words = "My database file was moved, deleted or replaced";
    slack.messages(C_OPS).iter().filter(|message| message.visible_text().contains(words)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_moved_away_ends_the_bot_before_anything_else_is_done() {
    let (world, bot, card) = asking().await;
    let away = world.folder().join("away");
    move_to(&world, &away);
    world.slack.click(U_APPROVER, &card, "suspend").await.expect("the button is there");
    world.told(U_APPROVER, "Something failed here before anything was recorded").await;
    let ended = bot.ended().await;
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert!(ended.stderr.contains("bot.db was moved, deleted or replaced"), "{ended:?}");
    assert!(ended.stderr.contains("put the right file in place"), "{ended:?}");
    assert_eq!(told_of_it(&world.slack), 1);
    assert_eq!((world.okta.person(ADA).status, world.changes_asked()), (Status::Active, Vec::new()));
    assert!(!world.database().exists(), "nothing is made in its place");
    // Put back, it is as it was, and the decision can be taken.
    for file in std::fs::read_dir(&away).expect("it is there") {
        let file = file.expect("it can be read");
        std::fs::rename(file.path(), world.folder().join(file.file_name())).expect("the folder is ours");
    }
    let bot = BotProcess::run(&world).await;
    world.slack.click(U_APPROVER, &card, "suspend").await.expect("the button is there still");
    world.message("1 account suspended. Approved by").await;
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nobody_can_be_notified_status_says_that_the_database_is_gone() {
    let (world, bot, card) = asking().await;
    world.slack.fail_always("chat.postMessage", Fault::Error("internal_error".into()));
    move_to(&world, &world.folder().join("away"));
    world.slack.click(U_APPROVER, &card, "suspend").await.expect("the button is there");
    let (code, json) =
        status_says(&world, "the database is gone", |json| json["database"]["ok"] == false).await;
    assert_eq!((code, &json["healthy"]), (Some(1), &false.into()), "{json:#}");
    assert!(json["wrong"].to_string().contains("moved, deleted or replaced"), "{json:#}");
    assert_eq!(bot.ended().await.code, Some(5));
    assert_eq!((told_of_it(&world.slack), world.changes_asked()), (0, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_lock_file_a_second_bot_is_refused_too() {
    let (world, bot, _) = asking().await;
    std::fs::remove_file(world.database().with_extension("db.lock")).expect("it is there");
    let second = BotProcess::spawn(&world, &["run"], &[]).ended().await;
    assert_eq!(second.code, Some(5), "{second:?}");
    assert!(second.stderr.contains("is in use by another process"), "{second:?}");
    // What only reads works beside it all the same.
    let copy = world.folder().join("copy.db").display().to_string();
    for command in [vec!["check"], vec!["verify"], vec!["backup", &copy], vec!["audit", "export"]] {
        let ended = BotProcess::spawn(&world, &command, &[]).ended().await;
        assert_eq!(ended.code, Some(0), "{command:?} {ended:?}");
    }
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_nothing_is_no_place_for_an_export_a_backup_or_the_trail() {
    let (world, bot, _) = asking().await;
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
    let (to, made) = (world.folder().join("out"), world.folder().join("made"));
    symlink(&made, &to).expect("the folder is ours");
    let name = to.display().to_string();
    for command in [vec!["audit", "export", "--to", &name], vec!["backup", &name]] {
        let ended = BotProcess::spawn(&world, &command, &[]).ended().await;
        assert_eq!(ended.code, Some(1), "{command:?} {ended:?}");
        assert!(ended.stderr.contains("already"), "{command:?} {ended:?}");
        assert!(to.is_symlink() && !made.exists(), "{command:?}");
    }
    let config = format!("{}\n[forward]\nfile = {name:?}\n", world.config_toml());
    std::fs::write(world.folder().join("bot.toml"), config).expect("the folder is ours");
    let bot = BotProcess::spawn_as_configured(&world, &["run"], &[]);
    bot.writes("does not take the audit trail", 1).await;
    assert!(to.is_symlink() && !made.exists());
    bot.terminate();
    bot.ended().await;
}

#[test]
fn init_writes_through_no_link() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (config, made) = (folder.path().join("bot.toml"), folder.path().join("made"));
    symlink(&made, &config).expect("the folder is ours");
    let init = |more: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_inactive-contractors"))
            .args(["init", "--yes", "--org-url", "https://acme.okta.com", "--channel", "C0123ABCDEF"])
            .args(["--approvers", "U0123ABCDEF", "--config"])
            .arg(&config)
            .args(more)
            .env_clear()
            .output()
            .expect("the binary can be started")
    };
    let refused = init(&[]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(config.is_symlink() && !made.exists());
    assert_eq!(init(&["--force"]).status.code(), Some(0));
    assert!(config.is_file() && !config.is_symlink() && !made.exists());
}
