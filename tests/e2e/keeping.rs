//! Keeping the file: backups that somebody restores, archives that verify, and a check that reads everything.

use std::ffi::OsStr;
use std::path::Path;

use crate::by_hand;
use crate::commands::assert_answer;
use crate::fake::okta::Person;
use crate::fake::slack::{U_ADMIN, U_APPROVER};
use crate::history::python;
use crate::process::BotProcess;
use crate::support::{UNSCHEDULED_POLICY, World};
use inactive_contractors::domain::ids::RequestId;

const ADA: &str = "ada@ext.example";

async fn world_of_one() -> World {
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    world
}

/// Runs a command of the binary to its end; what it printed.
async fn run(world: &World, arguments: &[&str]) -> String {
    let ended = BotProcess::spawn(world, arguments, &[]).ended().await;
    assert_eq!(ended.tells_no_secrets(world).code, Some(0), "{ended:?}");
    ended.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_the_bot_works_takes_the_place_of_a_file_that_is_damaged() {
    let world = world_of_one().await;
    let bot = BotProcess::run(&world).await;
    let card = world.sweep().await;
    let backup = world.database().with_file_name("backup.db");
    let name = backup.display().to_string();
    let said = run(&world, &["backup", &name]).await;
    assert!(said.contains("intact; the audit trail verifies up to event"), "{said}");
    let again = BotProcess::spawn(&world, &["backup", &name], &[]).ended().await;
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("a file of that name already"), "{}", again.stderr);
    bot.kill(&world).await;

    // The drill: the file is damaged, the start refuses it and says what to do, and that helps.
    let mut bytes = std::fs::read(&backup).expect("it is there");
    bytes.chunks_mut(4096).skip(1).for_each(|page| page[..64].fill(0xff));
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", world.database().display()));
    }
    std::fs::write(world.database(), bytes).expect("it can be written");
    for (command, code) in [("run", 5), ("check", 1)] {
        let ended = BotProcess::spawn(&world, &[command], &[]).ended().await;
        assert_eq!(ended.code, Some(code));
        let said = ended.stdout + &ended.stderr;
        assert!(said.contains("is damaged") && said.contains("put a backup in its place"), "{said}");
    }
    std::fs::rename(world.database(), world.database().with_extension("damaged")).expect("it can be moved");
    std::fs::copy(&backup, world.database()).expect("it can be copied");
    let said = run(&world, &["check"]).await;
    assert!(said.contains("is intact; the audit trail verifies up to event"), "{said}");
    let bot = BotProcess::run(&world).await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    assert_eq!(world.okta.suspends(ADA), 1);
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_and_one_without_its_log_are_refused_or_whole() {
    let world = world_of_one().await;
    let bot = BotProcess::run(&world).await;
    world.sweep().await;
    let backup = world.database().with_file_name("backup.db");
    run(&world, &["backup", &backup.display().to_string()]).await;
    bot.kill(&world).await;
    // Without its log the file lacks the latest commits, and is one of the states that it was in.
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", world.database().display()));
    }
    let ended = BotProcess::spawn(&world, &["check"], &[]).ended().await;
    assert!(ended.stdout.contains("is intact") || ended.stdout.contains("is damaged"), "{}", ended.stdout);
    let whole = std::fs::read(&backup).expect("it is there");
    for keep in [0, 50, 4096, whole.len() / 2, whole.len() - 4096] {
        std::fs::write(world.database(), &whole[..keep]).expect("it can be written");
        let ended = BotProcess::spawn(&world, &["run"], &[("SLACK_BOT_TOKEN", "xoxb-1-wrong")]).ended().await;
        let refused =
            ended.stderr.contains("is damaged") || ended.stderr.contains("not a database of this program");
        assert_eq!(ended.code, Some(if refused { 5 } else { 4 }), "{keep}: {}", ended.stderr);
        // An empty file is a new one, and the wrong token is all that is wrong then.
        assert!(refused || (keep == 0 && ended.stderr.contains("invalid_auth")), "{keep}: {}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_beside_a_running_bot_finds_what_somebody_changed_in_the_file() {
    let world = world_of_one().await;
    let bot = BotProcess::run(&world).await;
    world.sweep().await;
    let said = run(&world, &["check"]).await;
    assert!(said.contains("in use by process") && said.contains("is intact"), "{said}");
    by_hand::empty_event(&world.database(), 3);
    let ended = BotProcess::spawn(&world, &["check"], &[]).ended().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("the audit trail is broken at event 3"), "{}", ended.stdout);
    let to = world.database().with_file_name("backup.db").display().to_string();
    let ended = BotProcess::spawn(&world, &["backup", &to], &[]).ended().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("broken at event 3"), "{}", ended.stderr);
    let folder = world.database().with_file_name("archive").display().to_string();
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
    let ended =
        BotProcess::spawn(&world, &["archive", "--before", "2026-01-01", "--to", &folder], &[]).ended().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("nothing was moved"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_events_move_to_a_file_that_an_auditor_verifies_and_the_rest_goes_on() {
    let world = world_of_one().await;
    let bot = BotProcess::run(&world).await;
    let card = world.sweep().await;
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
    world.until("all is told", |world| world.all_told(RequestId(1))).await;
    let folder = world.database().with_file_name("archive");
    let to = folder.display().to_string();
    let tomorrow = (world.clock.now() + chrono::Duration::days(1)).date_naive().to_string();
    let today = world.clock.now().date_naive().to_string();
    let ended = BotProcess::spawn(&world, &["archive", "--before", &today, "--to", &to], &[]).ended().await;
    assert!(ended.code == Some(5) && ended.stderr.contains("is in use by"), "{ended:?}");
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
    let ended =
        BotProcess::spawn(&world, &["archive", "--before", &tomorrow, "--to", &to], &[]).ended().await;
    assert!(ended.code == Some(2) && ended.stderr.contains("is not in the past"), "{ended:?}");
    let said = run(&world, &["archive", "--before", &today, "--to", &to]).await;
    assert!(said.contains("Nothing to move"), "{said}");

    // As if all of it had happened long ago.
    let before = world.audit().len();
    by_hand::make_old(&world.database());
    let file = folder.join(format!("audit-000000001-{before:09}.json"));
    // Another bot's, and then what a run of ours left that was cut short.
    std::fs::write(&file, "{\"events\": []}").expect("the folder is there");
    let ended = BotProcess::spawn(&world, &["archive", "--before", &today, "--to", &to], &[]).ended().await;
    assert!(ended.code == Some(1) && ended.stderr.contains("name another folder"), "{ended:?}");
    assert_eq!(world.audit().len(), before, "nothing was removed");
    std::fs::write(&file, last_hash(&world)).expect("the folder is there");
    let said = run(&world, &["archive", "--before", &today, "--to", &to]).await;
    assert!(said.contains(&format!("events 1 to {before}, head ")), "{said}");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&file).expect("it is there").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600, "names and reasons are for its owner");
    let head = said
        .split("head ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .expect("the head is printed")
        .to_owned();
    let verify = |anchor: &str| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/reports/verify.py");
        python(&folder, &[script.as_os_str(), file.as_os_str(), OsStr::new(anchor)])
    };
    if let Some(told) = verify(&format!("{before}:{head}")) {
        assert!(
            told.as_ref().is_ok_and(|said| said.starts_with(&format!("OK: {before} events verify"))),
            "{told:?}"
        );
    }
    assert!(verify(&format!("{before}:{}", "0".repeat(64))).is_none_or(|told| told.is_err()));

    assert_eq!(world.audit().iter().map(|line| line.action.as_str()).collect::<Vec<_>>(), ["archived"]);
    // As if there had been no room to make the file smaller.
    by_hand::waste_room(&world.database());
    let said = run(&world, &["archive", "--before", &today, "--to", &to]).await;
    let free = by_hand::free_pages(&world.database());
    assert!(said.contains("Nothing to move") && free == 0, "{said}");
    let said = run(&world, &["check"]).await;
    assert!(said.contains(&format!("verifies up to event {}", before + 1)), "{said}");
    let bot = BotProcess::run(&world).await;
    // Making it old wrote the trail again as a whole, which the channel knows better.
    world.message("I have stopped").await;
    assert_answer(&world, U_ADMIN, "resume", &["Resumed.", "epoch 2 of the database"]).await;
    let card = world.sweep().await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
    world.nothing_else_is_wrong().await;
}

fn last_hash(world: &World) -> String {
    let events = world.inspect().expect("the file is there").events().expect("it can be read");
    events.into_iter().next_back().expect("the trail has events").hash
}
