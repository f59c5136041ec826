//! Opening, holding, refusing and losing the file.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use inactive_contractors::domain::audit::{Action, Draft};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::store::{AuditContext, OpenError, Store, StoreError};

use crate::harness::{Bench, POLICY, actions, approved, asked, at, posted, soon};

pub const CHILD_PATH: &str = "STORE_TEST_CHILD_PATH";

/// Not a test by itself: the process that the next one kills.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the parent tells its child the path")]
async fn child_that_is_killed() {
    let Ok(path) = std::env::var(CHILD_PATH) else { return };
    let store = Store::open(path.as_ref(), at(0)).unwrap();
    approved(&store, 0, &["kim", "lee"]).await;
    println!("\nacknowledged");
    // Until it is killed, or the parent is gone.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9_and_the_lock_does_not() {
    let bench = Bench::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["open::child_that_is_killed", "--exact", "--nocapture"])
        .env(CHILD_PATH, &bench.path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "acknowledged"));
    let refused = Store::open(&bench.path, at(0)).err().unwrap().to_string();
    assert!(refused.contains(&format!("process {}", child.id())), "{refused}");
    child.kill().unwrap();
    child.wait().unwrap();

    let store = bench.open();
    let live = store.live_requests().await.unwrap();
    let (request, candidates) = store.request(live[0]).await.unwrap().unwrap();
    assert_eq!((request.state.word(), candidates.len()), ("approved", 2));
    assert_eq!(store.verify().await.unwrap().broken_at, None);
}

#[tokio::test]
async fn a_second_instance_is_refused_under_any_name_of_the_file() {
    let bench = Bench::new();
    let store = bench.open();
    let link = bench.directory.path().join("link.db");
    std::os::unix::fs::symlink(&bench.path, &link).unwrap();
    for path in [&bench.path, &link] {
        let error = Store::open(path, at(0)).err().unwrap();
        let OpenError::Held { by, .. } = &error else { panic!("{error}") };
        assert_eq!(*by, format!("process {} since 2026-01-05T09:00:00.000Z", std::process::id()));
    }
    store.close().await.unwrap();
    bench.open();
}

#[tokio::test]
async fn closing_drains_the_queue_and_leaves_one_file() {
    let bench = Bench::new();
    let store = bench.open();
    let clone = store.clone();
    asked(&store, 0, &["kim"]).await;
    let (known, closed) = tokio::join!(store.know_policy("late", at(0)), store.clone().close());
    known.unwrap();
    closed.unwrap();
    let mode: String = bench.raw().query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal", "a reader holds nobody up");
    assert!(!bench.directory.path().join("bot.db-wal").exists());
    assert!(matches!(clone.health().await, Err(StoreError::Closed)));
    soon(clone.closed()).await;

    let store = bench.open();
    assert_eq!(actions(&store).await, ["sweep_started", "sweep_finished", "proposed"]);
    store.health().await.unwrap();
}

#[tokio::test]
async fn a_dead_writer_is_noticed() {
    let bench = Bench::new();
    let store = bench.open();
    let request = asked(&store, 0, &["kim"]).await;
    let watching = tokio::spawn({
        let store = store.clone();
        async move { store.closed().await }
    });
    let answer = store.transition(request, |_, _| panic!("a bug in a step")).await;
    assert!(matches!(answer, Err(StoreError::Closed)));
    soon(watching).await.unwrap();
    assert!(matches!(store.know_policy(POLICY, at(0)).await, Err(StoreError::Closed)));
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let bench = Bench::new();
    write_a_little(&bench);
    bench.raw().pragma_update(None, "user_version", 1000).unwrap();
    let error = Store::open(&bench.path, at(0)).err().unwrap();
    assert!(matches!(error, OpenError::Newer { found: 1000, .. }), "{error}");
    assert!(error.to_string().contains("run the newer program again"));
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let bench = Bench::new();
    bench.raw().execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
    let before = std::fs::read(&bench.path).unwrap();
    let error = Store::open(&bench.path, at(0)).err().unwrap();
    assert!(matches!(error, OpenError::NotOurs { .. }), "{error}");
    assert_eq!(std::fs::read(&bench.path).unwrap(), before);

    let text = bench.directory.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to be read as the header of one. ".repeat(20))
        .unwrap();
    let error = Store::open(&text, at(0)).err().unwrap();
    assert!(matches!(error, OpenError::NotOurs { .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_has_lost_its_log_is_as_it_was_at_the_last_start_and_no_new_one() {
    let bench = Bench::new();
    let store = bench.open();
    posted(&store, 0, &["kim"]).await;
    store.close().await.unwrap();
    let store = bench.open();
    posted(&store, 1, &["lee"]).await;
    // As after a copy of the one file, or a crash of the machine that took the other.
    let copy = Bench::new();
    std::fs::copy(&bench.path, &copy.path).unwrap();
    let found = copy.open();
    assert_eq!(found.live_requests().await.unwrap(), [RequestId(1)]);
    assert_eq!(found.verify().await.unwrap().broken_at, None);
    let new = Bench::new();
    drop(new.open());
    let size = std::fs::metadata(&new.path).unwrap().len();
    assert!(size > 4096, "its schema is in it from the start");
}

#[tokio::test]
async fn an_empty_file_beside_a_log_is_refused_and_the_log_is_left_alone() {
    let bench = Bench::new();
    let store = bench.open();
    posted(&store, 0, &["kim"]).await;
    let copy = Bench::new();
    let log = |bench: &Bench| bench.directory.path().join("bot.db-wal");
    std::fs::copy(log(&bench), log(&copy)).unwrap();
    std::fs::write(&copy.path, "").unwrap();
    let before = std::fs::read(log(&copy)).unwrap();
    let error = Store::open(&copy.path, at(0)).err().unwrap();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
    assert!(!before.is_empty() && std::fs::read(log(&copy)).unwrap() == before);
}

#[test]
fn a_damaged_file_is_refused_with_how_to_restore_it() {
    let bench = Bench::new();
    write_a_little(&bench);
    let mut bytes = std::fs::read(&bench.path).unwrap();
    let page = 4096;
    for page in bytes.chunks_mut(page).skip(1) {
        page[..64].fill(0xff);
    }
    std::fs::write(&bench.path, bytes).unwrap();
    let error = Store::open(&bench.path, at(0)).err().unwrap();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("put a backup in its place"));
}

#[test]
fn a_missing_directory_is_named() {
    let bench = Bench::new();
    let error = Store::open(&bench.directory.path().join("no/such/bot.db"), at(0)).err().unwrap();
    assert!(error.to_string().contains("no/such/bot.db"), "{error}");
    assert!(error.to_string().contains("directory exists"), "{error}");
}

#[test]
fn the_file_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    write_a_little(&bench);
    assert_eq!(std::fs::metadata(&bench.path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_lock_file_that_is_a_link_is_not_written_through() {
    let bench = Bench::new();
    let mine = bench.path.with_file_name("mine");
    std::fs::write(&mine, "precious").unwrap();
    let name = format!("{}.lock", bench.path.file_name().unwrap().display());
    std::os::unix::fs::symlink(&mine, bench.path.with_file_name(name)).unwrap();
    let error = Store::open(&bench.path, at(0)).err().unwrap().to_string();
    assert!(error.contains("it is a link"), "{error}");
    assert_eq!(std::fs::read_to_string(&mine).unwrap(), "precious");
}

/// As when an administrator gives a command in the folder of the bot's user.
#[test]
fn what_root_makes_in_the_folder_of_another_user_is_that_users() {
    use std::os::unix::fs::{MetadataExt, chown};
    const NOBODY: u32 = 65534;
    let bench = Bench::new();
    let folder = bench.path.parent().unwrap();
    if chown(folder, Some(NOBODY), Some(NOBODY)).is_err() {
        println!("SKIPPED: only root can make files for others");
        return;
    }
    write_a_little(&bench);
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(names.len() >= 2, "{names:?}");
    for path in names {
        assert_eq!(path.metadata().unwrap().uid(), NOBODY, "{path:?}");
    }
    // What is not root's has its owner already.
    chown(&bench.path, Some(1), None).unwrap();
    write_a_little(&bench);
    assert_eq!(bench.path.metadata().unwrap().uid(), 1);
}

/// Makes the file, with a little in it, and closes it.
#[tokio::main(flavor = "current_thread")]
async fn write_a_little(bench: &Bench) {
    let store = bench.open();
    store
        .append(
            AuditContext::default(),
            Draft::by_bot(at(0), Action::BotStarted, serde_json::json!({ "version": "0.1.0" })),
        )
        .await
        .unwrap();
    store.close().await.unwrap();
}
