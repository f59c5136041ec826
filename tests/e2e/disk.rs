//! A disk that is full or can't be written, and a file that somebody else holds: nothing is done without its audit, the
//! channel is told, and the bot goes on by itself.
//!
//! The disks are real file systems in memory. Where they can't be mounted (that takes root) these stories say so.

use std::path::{Path, PathBuf};
use std::process::Command;

use inactive_contractors::store::{Inspection, MessageRecord};

use crate::by_hand;
use crate::commands::{ask, assert_answer};
use crate::crash::{next_commit_fails, run_by_worlds_clock};
use crate::fake::okta::{Fault, Person, Status};
use crate::fake::slack::{C_OPS, Fault as SlackFault, U_ADMIN, U_APPROVER};
use crate::process::BotProcess;
use crate::support::{UNSCHEDULED_POLICY, World};

const ADA: &str = "ada@ext.example";

/// A small file system of its own.
struct Disk(PathBuf);

impl Disk {
    fn mount(folder: &Path) -> Option<Disk> {
        let path = folder.join("disk");
        std::fs::create_dir(&path).expect("the folder can be written");
        let disk = Disk(path);
        if disk.mounted(&["-t", "tmpfs", "-o", "size=2m", "tmpfs"]) {
            return Some(disk);
        }
        eprintln!("SKIPPED: a file system can't be mounted here; run this as root");
        std::mem::forget(disk);
        None
    }

    fn mounted(&self, arguments: &[&str]) -> bool {
        let done = Command::new("mount").args(arguments).arg(&self.0).output();
        done.is_ok_and(|done| done.status.success())
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.0.join("filler")).expect("a name can be made");
        while file.write_all(&[1; 4096]).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("it is there");
    }

    fn read_only(&self, on: bool) {
        let mode = if on { "remount,ro" } else { "remount,rw" };
        assert!(self.mounted(&["-o", mode]), "a file system of ours can be mounted again");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A process that works on the disk, with a card that waits.
async fn on_a_disk() -> Option<(World, Disk, BotProcess, String)> {
    let mut world = World::new(UNSCHEDULED_POLICY).await;
    let disk = Disk::mount(world.folder())?;
    world.set_database(disk.0.join("bot.db"));
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    let bot = BotProcess::run(&world).await;
    let card = world.sweep().await.ts;
    Some((world, disk, bot, card))
}

/// While the disk fails: a click is answered that nothing was changed, Okta is not called, and the channel is notified.
async fn nothing_is_done(world: &World, card: &str) {
    world.slack.click(U_APPROVER, card, "suspend").await.expect("the button is there");
    world.told(U_APPROVER, "Something failed here before anything was recorded").await;
    let told = |slack: &crate::fake::slack::FakeSlack| {
        let messages = slack.messages(C_OPS);
        messages.into_iter().find(|message| message.visible_text().contains("write to my database ("))
    };
    world.slack.wait_long("a word to the channel", told).await;
    assert_eq!((world.okta.person(ADA).status, world.changes_asked()), (Status::Active, Vec::new()));
}

async fn it_goes_on(world: &World, card: &str, bot: BotProcess) {
    let works = |slack: &crate::fake::slack::FakeSlack| {
        let messages = slack.messages(C_OPS);
        messages.into_iter().find(|message| message.visible_text().contains("write to my database again"))
    };
    world.slack.wait_long("a word that it works again", works).await;
    it_decides(world, card, bot).await;
}

async fn it_decides(world: &World, card: &str, bot: BotProcess) {
    world.slack.click(U_APPROVER, card, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    assert_eq!((world.okta.suspends(ADA), world.audited("approved")), (1, 1));
    bot.terminate();
    assert_eq!(bot.ended().await.tells_no_secrets(world).code, Some(0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_is_decided_and_it_goes_on_when_there_is_room() {
    let Some((world, disk, bot, card)) = on_a_disk().await else { return };
    disk.fill();
    nothing_is_done(&world, &card).await;
    disk.empty();
    it_goes_on(&world, &card, bot).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_on_a_full_disk_is_in_force_at_once_and_is_written_when_there_is_room() {
    let Some((world, disk, bot, card)) = on_a_disk().await else { return };
    world.okta.fail_always("lifecycle/suspend", Fault::Status(503, "E0000009"));
    world.slack.click(U_APPROVER, &card, "suspend").await.expect("the button is there");
    world.audited_times("suspension_try_failed", 1).await;
    disk.fill();
    let answer = ask(&world, U_ADMIN, "pause the list is wrong").await;
    for part in
        ["is paused from now on", "the disk that holds the database is full", "restart ends the pause"]
    {
        assert!(answer.contains(part), "{answer}");
    }
    assert_eq!(world.audited("paused"), 0);
    let tried = world.changes_asked().len();
    world.okta.clear_faults();
    disk.empty();
    // Another configuration begins with what is in memory, too.
    let before = world.slack.connections_opened();
    bot.hang_up();
    bot.connected(&world, before).await;
    assert_eq!(world.audited("configuration_reloaded"), 1);
    world.audited_times("paused", 1).await;
    let told = |slack: &crate::fake::slack::FakeSlack| {
        let messages = slack.messages(C_OPS);
        messages.into_iter().find(|message| message.visible_text().contains("was paused by"))
    };
    world.slack.wait_long("a word to the channel", told).await;
    assert_eq!((world.changes_asked().len(), world.okta.suspends(ADA)), (tried, 0));
    assert_answer(&world, U_ADMIN, "resume", &["contractors is resumed"]).await;
    world.message("1 account suspended. Approved by").await;
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
    world.nothing_else_is_wrong().await;
}

/// Files that nobody can write any more, not even who has them open.
struct Immutable(Vec<PathBuf>);

impl Immutable {
    fn make(paths: Vec<PathBuf>) -> Option<Immutable> {
        let immutable = Immutable(paths);
        immutable.set("+i").then_some(immutable).or_else(|| {
            eprintln!("SKIPPED: a file can't be made immutable here; run this as root, on ext4");
            None
        })
    }

    fn set(&self, how: &str) -> bool {
        let done = Command::new("chattr").arg(how).args(&self.0).output();
        done.is_ok_and(|done| done.status.success())
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        self.set("-i");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_can_not_be_written_any_more_stops_deciding_until_it_can() {
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    let bot = BotProcess::run(&world).await;
    let card = world.sweep().await.ts;
    let log = world.database().with_extension("db-wal");
    let Some(immutable) = Immutable::make(vec![world.database(), log]) else { return };
    let mut probe = std::fs::OpenOptions::new();
    assert!(probe.append(true).open(world.database()).is_err(), "it is as it should be");
    nothing_is_done(&world, &card).await;
    drop(immutable);
    it_goes_on(&world, &card, bot).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_its_log_or_its_end_acts_on_nothing_that_it_does_not_hold() {
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    let bot = BotProcess::run(&world).await;
    let card = world.sweep().await;
    world.okta.fail_always("lifecycle/suspend", Fault::Status(503, "E0000009"));
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.audited_times("suspension_try_failed", 1).await;
    bot.kill(&world).await;
    world.okta.clear_faults();
    let tried = world.changes_asked().len();
    // What was written since the start is gone, the approval too.
    for suffix in ["db-wal", "db-shm"] {
        std::fs::remove_file(world.database().with_extension(suffix)).expect("it is there");
    }
    let bot = BotProcess::run(&world).await;
    world.message("I have stopped").await;
    assert_answer(&world, U_ADMIN, "resume", &["Resumed.", "epoch 2 of the database"]).await;
    let next = world.sweep().await;
    assert_eq!((world.changes_asked().len(), world.audited("approved")), (tried, 0));
    world.slack.click(U_APPROVER, &next.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    assert_eq!(world.okta.suspends(ADA), 1);
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));

    let bytes = std::fs::read(world.database()).expect("it is there");
    std::fs::write(world.database(), &bytes[..bytes.len() / 2]).expect("it can be written");
    let ended = BotProcess::spawn(&world, &["run"], &[]).ended().await;
    assert_eq!(ended.tells_no_secrets(&world).code, Some(5));
    assert!(ended.stderr.contains("put a backup in its place"), "{}", ended.stderr);
    assert_eq!(world.okta.suspends(ADA), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_somebody_else_holds_is_waited_for() {
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    let bot = BotProcess::run(&world).await;
    let card = world.sweep().await.ts;
    let other = by_hand::Holder::of(&world.database());
    other.hold();
    nothing_is_done(&world, &card).await;
    bot.writes("the database can't be written: nothing is decided", 3).await;
    other.let_go();
    it_goes_on(&world, &card, bot).await;
    assert_eq!(said(&world, FAILS), 1, "however long it lasts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_can_not_be_written_is_refused_at_the_start_with_the_fix() {
    let Some((world, disk, bot, _)) = on_a_disk().await else { return };
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
    disk.read_only(true);
    let ended = BotProcess::spawn(&world, &["run"], &[]).ended().await;
    assert_eq!(ended.tells_no_secrets(&world).code, Some(5));
    assert!(ended.stderr.contains("is writable by this user and has room"), "{}", ended.stderr);
    disk.read_only(false);
    let bot = BotProcess::run(&world).await;
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
    disk.fill();
    let ended = BotProcess::spawn(&world, &["run"], &[]).ended().await;
    assert_eq!(ended.code, Some(5));
    assert!(ended.stderr.contains("full") || ended.stderr.contains("room"), "{}", ended.stderr);
    disk.empty();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_may_have_been_made_or_not_ends_the_bot_and_the_next_start_reads_which() {
    let world = World::at_ten(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    let bot = run_by_worlds_clock(&world).await;
    let card = world.sweep().await.ts;
    let stands = |message: &MessageRecord| message.key == "request:1:card" && message.ts.is_some();
    world.until("the card recorded", |world| world.count(Inspection::messages, stands) == 1).await;
    next_commit_fails(&world);
    world.slack.click(U_APPROVER, &card, "suspend").await.expect("the button is there");
    world.told(U_APPROVER, "I can't tell whether it was saved").await;
    let ended = bot.ended().await;
    ended.tells_no_secrets(&world);
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert!(ended.stderr.contains("only the next start can tell whether the change was made"), "{ended:?}");
    assert!(ended.stderr.contains("goes on from what is on the disk"), "{ended:?}");
    assert_eq!((world.okta.person(ADA).status, world.changes_asked()), (Status::Active, Vec::new()));
    // What was in doubt is there, as it turns out: the receipt, or something before it.
    let bot = run_by_worlds_clock(&world).await;
    it_decides(&world, &card, bot).await;
}

/// How many messages of the channel say this.
fn said(world: &World, words: &str) -> usize {
    world.slack.messages(C_OPS).iter().filter(|message| message.visible_text().contains(words)).count()
}

const FAILS: &str = "write to my database (";
const WORKS: &str = "write to my database again";

async fn said_so_often(world: &World, words: &str, times: usize) {
    let enough = |_: &crate::fake::slack::FakeSlack| (said(world, words) >= times).then_some(());
    world.slack.wait_long(&format!("{times} x {words:?}"), enough).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_outage_of_a_day_is_reported_and_the_last_one_says_that_it_is() {
    let world = World::at_ten(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    let bot = run_by_worlds_clock(&world).await;
    let card = world.sweep().await.ts;
    // Four of today are reported already, as by processes that have ended.
    let today = world.clock.now().date_naive();
    for number in 0..4 {
        for what in ["fails", "works"] {
            world.slack.say_as_bot(C_OPS, &format!("database:{what}:{today}:{number}"));
        }
    }
    let other = by_hand::Holder::of(&world.database());
    // It stands all the same, and is found.
    world.slack.fail_next("chat.postMessage", SlackFault::LostResponse);
    for times in 1..=2 {
        other.hold();
        said_so_often(&world, FAILS, times).await;
        assert_eq!(said(&world, "I only log it until tomorrow"), times - 1);
        // The first try to notify of the end fails.
        world.slack.fail_next("chat.postMessage", SlackFault::Status(503));
        other.let_go();
        said_so_often(&world, WORKS, times).await;
    }
    // Enough for a day: what comes now is looked for, and not reported.
    other.hold();
    bot.writes("further ones are only logged", 1).await;
    other.let_go();
    bot.writes("the database can be written again", 3).await;
    world.slack.click(U_APPROVER, &card, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    assert_eq!((said(&world, FAILS), said(&world, WORKS)), (2, 2));
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
}
