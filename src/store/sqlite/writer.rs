//! The thread that carries out the calls: one by one, with one commit for the changes that wait at the same time.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, ffi};
use tokio::sync::{mpsc, oneshot, watch};

use crate::store::jobs::{Asked, Change, Job};
use crate::store::tx::Committed;
use crate::store::{Store, StoreError};

use super::open::{self, LockedDatabase};
use super::{OpenError, copy, file};

/// Calls that may wait for the writer before callers wait for room. Far above what a channel of people can cause.
const QUEUE_MAX: usize = 256;

/// How long a call waits for the file right after another one waited without success.
const IMPATIENT: Duration = Duration::from_millis(50);

impl Store {
    /// Opens the file at `path`, or makes it, and starts the writer thread. Migrates an older file, after copying it.
    pub fn open(path: &Path, now: DateTime<Utc>) -> Result<Store, OpenError> {
        start(open::open(path, now)?, path)
    }

    /// Opens the file like [`Store::open`], but leaves the writing to the caller, who decides when each call is carried
    /// out. Nothing is answered until then.
    pub fn open_with_writer(path: &Path, now: DateTime<Utc>) -> Result<(Store, Writer), OpenError> {
        with_writer(open::open(path, now)?, path)
    }

    /// A copy of the file at `path` in memory, for looking: what is written to it is gone at the end, and the process
    /// that holds the file goes on. Empty if there is no such file.
    pub fn open_copy(path: &Path) -> Result<Store, OpenError> {
        start(open::open_copy(path)?, path)
    }

    /// Opens the file to read it, also while another process works with it. Writing to it fails.
    pub fn open_to_read(path: &Path) -> Result<Store, OpenError> {
        start(LockedDatabase::unlocked(copy::newest_to_read(path)?), path)
    }
}

fn start(held: LockedDatabase, path: &Path) -> Result<Store, OpenError> {
    let (store, writer) = with_writer(held, path)?;
    std::thread::Builder::new()
        .name("store".to_owned())
        .spawn(move || writer.work())
        .map_err(|source| OpenError::Io { what: "start the writer of", path: path.to_owned(), source })?;
    Ok(store)
}

fn with_writer(held: LockedDatabase, path: &Path) -> Result<(Store, Writer), OpenError> {
    let (jobs, queue) = mpsc::channel(QUEUE_MAX);
    let (losing, lost) = watch::channel(None);
    let store = Store::on(&held.connection, jobs, lost)
        .map_err(|error| OpenError::Corrupt { path: path.to_owned(), why: error.to_string() })?;
    Ok((store, Writer { held, queue, closing: Vec::new(), losing }))
}

/// Carries out the calls of a [`Store`], one by one. It ends when all handles are gone or after a call to close; if it is
/// dropped before, as by a panic in a job, the queue goes with it, which tells every handle.
pub struct Writer {
    held: LockedDatabase,
    queue: mpsc::Receiver<Job>,
    closing: Vec<oneshot::Sender<()>>,
    losing: watch::Sender<Option<StoreError>>,
}

impl Writer {
    /// The next calls, as many as wait but `at_most`. None: there are no more, and [`Writer::end`] is due.
    pub async fn next(&mut self, at_most: usize) -> Vec<Job> {
        let mut jobs = Vec::new();
        self.queue.recv_many(&mut jobs, at_most).await;
        jobs
    }

    /// Carries out calls that wait at the same time, to their commit and their answers: first those that only look,
    /// which see nothing of what is not answered yet, then the changes, with one commit for all.
    pub fn execute_round(&mut self, jobs: impl IntoIterator<Item = Job>) {
        let mut changes = VecDeque::new();
        for job in jobs {
            // A caller that has gone away doesn't want the answer; the work is done all the same.
            match job.0 {
                Asked::Look(look) => match self.look() {
                    Ok(tx) => look(Ok(&*tx)),
                    Err(error) => look(Err(error)),
                },
                Asked::Change(change) => changes.push_back(change),
                Asked::Check(caller) => drop(caller.send(self.is_readable().and_then(|()| self.check()))),
                Asked::Shrink(caller) => drop(caller.send(self.is_readable().and_then(|()| self.shrink()))),
                Asked::Close(done) => {
                    self.queue.close();
                    self.closing.push(done);
                }
            }
        }
        while !changes.is_empty() {
            let mut taken = Vec::new();
            let committed = self.commit(&mut changes, &mut taken);
            for change in taken {
                change.answer(committed.clone());
            }
        }
    }

    /// Refuses all reading once nobody can say what the file has.
    fn is_readable(&self) -> Result<(), StoreError> {
        match &*self.losing.borrow() {
            Some(unknown @ StoreError::CommitUnknown(_)) => Err(unknown.clone()),
            Some(_) | None => Ok(()),
        }
    }

    fn look(&self) -> Result<Transaction<'_>, StoreError> {
        self.is_readable()?;
        Ok(self.held.connection.unchecked_transaction()?)
    }

    fn check(&self) -> Result<String, StoreError> {
        Ok(self.held.connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?)
    }

    fn shrink(&self) -> Result<(), StoreError> {
        let free: i64 = self.held.connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
        if free > 0 {
            self.held.connection.execute_batch("VACUUM")?;
        }
        Ok(())
    }

    /// Makes changes, as [`make`] does, in the file at the path or in none. What was committed to one that nobody finds there
    /// any more counts as not made. After a commit of which nobody can say what became, nothing is made or read any more.
    fn commit(&self, waiting: &mut VecDeque<Box<dyn Change>>, taken: &mut Vec<Box<dyn Change>>) -> Committed {
        let lost = self.losing.borrow().clone();
        let committed = match lost.map_or_else(|| self.held.is_in_place(), Err) {
            Ok(()) => make(&self.held.connection, waiting, taken),
            Err(lost) => {
                taken.extend(waiting.drain(..));
                Committed::No(lost)
            }
        };
        let committed = match committed {
            Committed::Yes => self.held.is_in_place().map_or_else(Committed::No, |()| Committed::Yes),
            other => other,
        };
        let lost = match &committed {
            Committed::No(lost @ StoreError::Lost(_)) | Committed::Unknown(lost) => lost,
            Committed::Yes | Committed::No(_) => return committed,
        };
        self.losing.send_if_modified(|before| before.is_none() && before.replace(lost.clone()).is_none());
        committed
    }

    /// Moves the log into the file and lets go of it.
    pub fn end(self) {
        let is_readable = self.is_readable().is_ok();
        let Writer { held, closing, .. } = self;
        if is_readable {
            held.end();
        } else {
            // What is there is for the next start to find.
            held.leave();
        }
        for done in closing {
            // A caller that has gone away doesn't want the answer.
            let _ = done.send(());
        }
    }

    /// The writer thread.
    fn work(mut self) {
        let mut jobs = Vec::new();
        while self.queue.blocking_recv_many(&mut jobs, QUEUE_MAX) > 0 {
            self.execute_round(jobs.drain(..));
        }
        self.end();
    }
}

/// Moves changes from `waiting` to `taken` and makes them in one transaction, until there are no more or the transaction
/// fails, which is the answer to all that were taken.
fn make(
    connection: &Connection,
    waiting: &mut VecDeque<Box<dyn Change>>,
    taken: &mut Vec<Box<dyn Change>>,
) -> Committed {
    match make_all(connection, waiting, taken) {
        Ok(tx) => outcome(tx.commit()),
        Err(error) => Committed::No(error),
    }
}

/// Makes changes, each behind a savepoint. An error: the transaction has been taken back.
fn make_all<'a>(
    connection: &'a Connection,
    waiting: &mut VecDeque<Box<dyn Change>>,
    taken: &mut Vec<Box<dyn Change>>,
) -> Result<Transaction<'a>, StoreError> {
    let tx = match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
        Ok(tx) => tx,
        Err(error) => {
            taken.extend(waiting.drain(..));
            // After callers that waited without success, the next ones don't wait as long.
            connection.busy_timeout(IMPATIENT)?;
            return Err(error.into());
        }
    };
    while let Some(change) = waiting.pop_front() {
        taken.push(change);
        let change = taken.last_mut().expect("it was just put there");
        tx.busy_timeout(file::BUSY_TIMEOUT)?;
        tx.execute_batch("SAVEPOINT change")?;
        let made = change.make(&*tx);
        if tx.is_autocommit() {
            // SQLite has taken back everything, as it may when the disk is full or fails.
            return made.and(Err(StoreError::Invalid("a change ended the transaction".into())));
        }
        if made.is_err() {
            tx.execute_batch("ROLLBACK TO change")?;
        }
        tx.execute_batch("RELEASE change")?;
    }
    Ok(tx)
}

/// The result of a transaction by the answer to its commit. The last frame in the log is what makes it one, and it goes
/// there last: an error before that leaves nothing behind. But when the log can't be synced, the frame is in it, and the
/// next start may find it or not. <https://www.sqlite.org/fileformat2.html#walformat>
fn outcome(answer: rusqlite::Result<()>) -> Committed {
    let Err(error) = answer else { return Committed::Yes };
    let leaves_nothing = error.sqlite_error().is_some_and(|error| match error.code {
        ErrorCode::DiskFull
        | ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::ReadOnly
        | ErrorCode::ConstraintViolation => true,
        _ => error.extended_code == ffi::SQLITE_IOERR_WRITE,
    });
    if leaves_nothing {
        Committed::No(error.into())
    } else {
        Committed::Unknown(StoreError::CommitUnknown(Arc::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(code: i32) -> rusqlite::Result<()> {
        Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn only_a_commit_whose_end_was_not_seen_is_in_doubt() {
        assert!(matches!(outcome(Ok(())), Committed::Yes));
        for code in
            [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC, ffi::SQLITE_IOERR, ffi::SQLITE_NOMEM]
        {
            let outcome = outcome(failing(code));
            assert!(
                matches!(outcome, Committed::Unknown(StoreError::CommitUnknown(_))),
                "{code}: {outcome:?}"
            );
        }
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY, ffi::SQLITE_READONLY, ffi::SQLITE_IOERR_WRITE] {
            assert!(matches!(outcome(failing(code)), Committed::No(_)), "{code}");
        }
    }

    #[tokio::test]
    async fn after_a_commit_in_doubt_nothing_is_read_or_changed_and_the_log_stays_for_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bot.db");
        let (store, mut writer) = Store::open_with_writer(&path, DateTime::UNIX_EPOCH).unwrap();
        let know = |names: [&'static str; 2]| {
            let store = store.clone();
            async move {
                let changes = names.map(|name| store.know_policy(name, DateTime::UNIX_EPOCH));
                futures_util::future::join_all(changes).await
            }
        };
        let (known, ()) = tokio::join!(know(["first", "second"]), async {
            let jobs = writer.next(10).await;
            writer.execute_round(jobs);
        });
        assert!(known.iter().all(Result::is_ok));
        let log = std::fs::metadata(path.with_extension("db-wal")).unwrap().len();

        let Committed::Unknown(why) = outcome(failing(ffi::SQLITE_IOERR_FSYNC)) else { panic!() };
        writer.losing.send_replace(Some(why));
        let (changes, look, check, ()) =
            tokio::join!(know(["third", "fourth"]), store.known_policies(), store.ask(Asked::Check), async {
                let jobs = writer.next(10).await;
                assert_eq!(jobs.len(), 4);
                writer.execute_round(jobs);
            });
        let unknown = |error: StoreError| matches!(error, StoreError::CommitUnknown(_));
        assert!(changes.into_iter().all(|change| change.is_err_and(unknown)));
        assert!(look.is_err_and(unknown) && check.is_err_and(unknown));
        assert!(unknown(store.lost().await));
        writer.end();
        assert_eq!(std::fs::metadata(path.with_extension("db-wal")).unwrap().len(), log);
    }
}
