//! The file at its path: locked itself, looked at with each change, and made where a link can't lead elsewhere.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use inactive_contractors::store::{OpenError, Store};

use crate::harness::{Bench, at, posted};

const NOBODY: u32 = 65534;

/// Another process that works with the file, until it is dropped.
struct Holder(Child);

impl Holder {
    fn of(bench: &Bench) -> Holder {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["open::child_that_is_killed", "--exact", "--nocapture"])
            .env(super::open::CHILD_PATH, &bench.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line == "acknowledged"));
        Holder(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn beside(bench: &Bench, suffix: &str) -> PathBuf {
    bench.path.with_file_name(format!("bot.db{suffix}"))
}

#[test]
fn removing_the_lock_file_lets_nobody_else_in() {
    let bench = Bench::new();
    let holder = Holder::of(&bench);
    std::fs::remove_file(beside(&bench, ".lock")).unwrap();
    let error = Store::open(&bench.path, at(0)).err().expect("one process at a time works with the file");
    assert!(matches!(error, OpenError::Held { .. }), "{error}");
    // Nor under another name of the same file.
    let other = bench.directory.path().join("other.db");
    std::fs::hard_link(&bench.path, &other).unwrap();
    let error = Store::open(&other, at(0)).err().expect("it is the same file");
    assert!(matches!(error, OpenError::Held { .. }), "{error}");
    std::fs::remove_file(other).unwrap();
    drop(holder);
    bench.open();
}

/// An older version locks nothing but the lock file.
#[test]
fn the_lock_file_of_an_older_version_is_respected() {
    let bench = Bench::new();
    let old = std::fs::File::create(beside(&bench, ".lock")).unwrap();
    old.try_lock().unwrap();
    std::fs::write(beside(&bench, ".lock"), "process 7 since 2026-01-05T09:00:00.000Z\n").unwrap();
    let error = Store::open(&bench.path, at(0)).err().unwrap();
    assert!(error.to_string().contains("process 7 since"), "{error}");
    assert!(!bench.path.exists(), "what another process works with is not touched");
}

/// How many policies the file at this path knows.
fn policies(path: &Path) -> i64 {
    let file = rusqlite::Connection::open(path).unwrap();
    file.query_row("SELECT count(*) FROM policy", [], |row| row.get(0)).unwrap()
}

/// Changes are refused because the file is lost, now and later.
async fn is_lost(store: &Store) {
    for name in ["late", "later"] {
        let error = store.know_policy(name, at(5)).await.expect_err("the file is not there any more");
        assert!(error.to_string().contains("moved, deleted or replaced"), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_moved_away_is_not_changed_any_more() {
    let bench = Bench::new();
    let store = bench.open();
    posted(&store, 0, &["kim"]).await;
    store.know_policy("early", at(3)).await.unwrap();
    let away = Bench::new();
    for suffix in ["", "-wal", "-shm"] {
        std::fs::rename(beside(&bench, suffix), beside(&away, suffix)).unwrap();
    }
    is_lost(&store).await;
    store.close().await.unwrap();
    assert_eq!(policies(&away.path), 2, "what was committed, and nothing later");
    assert!(!bench.path.exists(), "nothing is made in its place");
}

#[tokio::test]
async fn a_file_that_is_replaced_is_not_changed_and_neither_is_the_one_in_its_place() {
    let bench = Bench::new();
    let store = bench.open();
    posted(&store, 0, &["kim"]).await;
    // As `cp -a` of a backup with its log over a running bot.
    let other = Bench::new();
    let others = other.open();
    posted(&others, 0, &["lee"]).await;
    for suffix in ["", "-wal"] {
        let copy = bench.path.with_file_name("copy");
        std::fs::copy(beside(&other, suffix), &copy).unwrap();
        std::fs::rename(copy, beside(&bench, suffix)).unwrap();
    }
    let log = std::fs::read(beside(&bench, "-wal")).unwrap();
    assert!(!log.is_empty());
    is_lost(&store).await;
    store.close().await.unwrap();
    assert_eq!(std::fs::read(beside(&bench, "-wal")).unwrap(), log, "its log is not this one's to remove");
}

#[tokio::test]
async fn a_log_that_is_removed_costs_nothing_that_was_committed() {
    let bench = Bench::new();
    let store = bench.open();
    store.know_policy("early", at(3)).await.unwrap();
    std::fs::remove_file(beside(&bench, "-wal")).unwrap();
    is_lost(&store).await;
    store.close().await.unwrap();
    assert_eq!(policies(&bench.path), 1);
    let store = bench.open();
    store.know_policy("again", at(6)).await.unwrap();
}

/// A folder of a user without rights, and one of root's. None: only root can try this.
fn two_folders() -> Option<(Bench, tempfile::TempDir)> {
    let (bench, roots) = (Bench::new(), tempfile::tempdir().unwrap());
    if chown(bench.directory.path(), Some(NOBODY), Some(NOBODY)).is_err() {
        println!("SKIPPED: only root can make files for others");
        return None;
    }
    Some((bench, roots))
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

/// A link of theirs.
fn link(to: &Path, at: &Path) {
    symlink(to, at).unwrap();
    lchown(at, Some(NOBODY), Some(NOBODY)).unwrap();
}

#[test]
fn a_link_to_nothing_has_no_file_made_where_it_leads() {
    let bench = Bench::new();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path().join("made"), &bench.path).unwrap();
    let error = Store::open(&bench.path, at(0)).err().expect("it leads nowhere");
    assert!(error.to_string().contains("it is a link"), "{error}");
    assert!(is_empty(elsewhere.path()));
}

#[test]
fn root_follows_no_link_of_another_user() {
    let Some((bench, roots)) = two_folders() else { return };
    // To a file that isn't there.
    link(&roots.path().join("made"), &bench.path);
    Store::open(&bench.path, at(0)).err().expect("it leads elsewhere");
    assert!(is_empty(roots.path()));
    // To one that is.
    let precious = roots.path().join("precious");
    std::fs::write(&precious, "").unwrap();
    std::fs::remove_file(&bench.path).unwrap();
    link(&precious, &bench.path);
    let error = Store::open(&bench.path, at(0)).err().expect("it leads elsewhere").to_string();
    assert!(error.contains("is a link of another user"), "{error}");
    assert_eq!(std::fs::read_dir(roots.path()).unwrap().count(), 1, "no lock is made beside it");
    assert_eq!((precious.metadata().unwrap().uid(), precious.metadata().unwrap().len()), (0, 0));
    // The folder itself is one.
    std::fs::remove_file(&precious).unwrap();
    let folder = bench.directory.path().join("data");
    link(roots.path(), &folder);
    let error = Store::open(&folder.join("bot.db"), at(0)).err().expect("it leads elsewhere").to_string();
    assert!(error.contains("is a link of another user"), "{error}");
    assert!(is_empty(roots.path()));
    // One of root's own leads where root wants.
    let own = roots.path().join("own");
    symlink(bench.directory.path(), &own).unwrap();
    std::fs::remove_file(&bench.path).unwrap();
    drop(Store::open(&own.join("bot.db"), at(0)).unwrap());
    assert_eq!(bench.path.metadata().unwrap().uid(), NOBODY);
}

#[test]
fn root_gives_away_no_file_that_it_did_not_make() {
    for name in ["", ".lock"] {
        let Some((bench, roots)) = two_folders() else { return };
        let precious = roots.path().join("precious");
        std::fs::write(&precious, "").unwrap();
        std::fs::hard_link(&precious, beside(&bench, name)).unwrap();
        let opened = Store::open(&bench.path, at(0));
        assert_eq!(precious.metadata().unwrap().uid(), 0, "{name}");
        if name == ".lock" {
            assert!(opened.err().unwrap().to_string().contains("second name"));
            assert_eq!(precious.metadata().unwrap().len(), 0, "nothing is written to it either");
        }
    }
}

#[test]
fn a_backup_replaces_no_link() {
    let bench = Bench::new();
    drop(bench.open());
    let elsewhere = tempfile::tempdir().unwrap();
    let to = bench.directory.path().join("backup.db");
    symlink(elsewhere.path().join("made"), &to).unwrap();
    let error = Store::copy(&bench.path, &to).expect_err("there is something of that name").to_string();
    assert!(error.contains("a file of that name already exists"), "{error}");
    assert!(to.is_symlink() && is_empty(elsewhere.path()));
    // What a crash left behind is removed, whatever it is.
    std::fs::remove_file(&to).unwrap();
    symlink(elsewhere.path().join("made"), bench.directory.path().join("backup.db.part")).unwrap();
    Store::copy(&bench.path, &to).unwrap();
    assert!(to.is_file() && !to.is_symlink() && is_empty(elsewhere.path()));
}
