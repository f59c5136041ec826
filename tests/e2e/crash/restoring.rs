//! `restore` is killed before and after each thing that it does with files. The old database is in place or the new one,
//! whole, and what was there is not lost. Running it again does what was asked.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use inactive_contractors::domain::lineage::Mismatch;
use inactive_contractors::store::{AuditQuery, Store};

use super::places::steps;
use super::shim;
use super::stories::copy;
use crate::by_hand::{Holder, has_what_the_log_had};
use crate::fake::slack::U_APPROVER;
use crate::process::{BotProcess, Ended};
use crate::support::{PLAIN_POLICY, World};

/// A database with a log beside it that was not moved into the file, as a crash leaves it, and an older copy of it.
struct Given {
    world: World,
    copy: PathBuf,
    /// The names of the database's files and what is in them.
    files: Vec<(PathBuf, Vec<u8>)>,
    head: i64,
}

impl Given {
    async fn new() -> Given {
        let (world, card) = World::asking(PLAIN_POLICY, &["ada@ext.example"]).await;
        let copy = copy(&world);
        world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
        world.message(" denied ").await;
        world.stop_bot().await;
        world.file_let_go().await;
        let head = world.audit().last().expect("there are events").seq;
        let program = Holder::of(&world.database());
        program.write_to_log();
        let paths = ["", "-wal"].map(|suffix| beside(&world.database(), suffix));
        let files = paths.map(|path| (path.clone(), std::fs::read(path).expect("it is there"))).into();
        Given { world, copy, files, head }
    }

    /// Puts the files there as they were, and nothing else of the database.
    fn put_back(&self) {
        for path in self.all() {
            std::fs::remove_file(path).expect("it can be removed");
        }
        for (path, bytes) in &self.files {
            std::fs::write(path, bytes).expect("the folder can be written");
        }
        shim::count_again(&self.world);
    }

    /// Everything that is beside the database and has its name.
    fn all(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.world.folder()).expect("the folder is there");
        let paths = entries.map(|entry| entry.expect("it can be read").path());
        paths.filter(|path| name(path).starts_with("bot.db")).collect()
    }

    /// The files that were kept.
    fn kept(&self) -> Vec<PathBuf> {
        let paths = self.all().into_iter().filter(|path| name(path).starts_with("bot.db.before-restore."));
        paths.filter(|path| !name(path).ends_with("-wal") && !name(path).ends_with("-shm")).collect()
    }

    async fn restore(&self, variables: &[(&str, String)]) -> Ended {
        let changes: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let arguments = ["restore", self.copy.to_str().expect("text")];
        BotProcess::spawn(&self.world, &arguments, &changes).ended().await
    }

    /// The old database is in place or the new one, whole. Returns whether it is the new one.
    async fn is_restored(&self, no_links: bool) -> bool {
        let database = self.world.database();
        let store = Store::open(&database, self.world.clock.now()).expect("a database is in place");
        assert_eq!(store.verify().await.expect("the trail can be read").broken_at, None);
        let is_new = store.lineage().stopped.as_ref().is_some_and(|stop| stop.why == Mismatch::Restored);
        let last = store.audit(AuditQuery::latest(1)).await.expect("the trail can be read").remove(0);
        store.close().await.expect("the file can be closed");
        let names = database.metadata().expect("it is there").nlink();
        assert_eq!(names, 1, "the database has another name: {:?}", self.all());
        let kept = self.kept();
        if is_new {
            assert!(kept.iter().any(|kept| has_what_the_log_had(kept)), "what was there is lost: {kept:?}");
        } else {
            assert!(last.seq == self.head && has_what_the_log_had(&database), "something is lost");
            // A copy of it does no harm, a second name does.
            assert!(kept.iter().all(|kept| no_links && has_what_the_log_had(kept)), "{kept:?}");
        }
        is_new
    }

    /// Restores without a crash. The result is whole, stopped, and alone.
    async fn restored(&self) {
        let ended = self.restore(&[]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(self.is_restored(false).await);
        let part = |path: &PathBuf| name(path).contains(".part");
        assert!(!self.all().iter().any(part), "{:?}", self.all());
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    format!("{}{suffix}", path.display()).into()
}

fn name(path: &Path) -> String {
    path.file_name().expect("it has a name").to_string_lossy().into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_killed_leaves_the_old_database_or_the_new_one_and_can_be_run_again() {
    let given = Given::new().await;
    for no_links in [None, Some(("SHIM_NO_LINKS", "1".to_owned()))] {
        given.put_back();
        let count: Vec<_> = shim::stepping(&given.world, None).into_iter().chain(no_links.clone()).collect();
        let ended = given.restore(&count).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(given.is_restored(no_links.is_some()).await);
        let all = shim::commits(&given.world);
        let mut ends = [0, 0];
        for (step, moment) in steps(all) {
            for looks_first in [true, false] {
                given.put_back();
                let dies =
                    shim::stepping(&given.world, Some((step, moment))).into_iter().chain(no_links.clone());
                let ended = given.restore(&dies.collect::<Vec<_>>()).await;
                assert_eq!(ended.code, Some(137), "{moment:?} step {step} of {all}: {ended:?}");
                if looks_first {
                    ends[usize::from(given.is_restored(no_links.is_some()).await)] += 1;
                }
                given.restored().await;
            }
        }
        println!(
            "crash points: restore: {all} steps; the old database stayed {} times, the new one {}",
            ends[0], ends[1]
        );
        assert!(ends[0] > 0 && ends[1] > 0, "{ends:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_a_program_reads_is_not_restored_over() {
    let given = Given::new().await;
    given.put_back();
    let reader = Holder::of(&given.world.database());
    reader.read();
    let ended = given.restore(&[]).await;
    assert!(ended.stderr.contains("is in use by a program that reads it"), "{ended:?}");
    reader.let_go();
    drop(reader);
    assert!(!given.is_restored(false).await);
    given.restored().await;
}
