//! The database: one `SQLite` file, one thread that writes it, one method per use case.
//!
//! What it promises:
//! - A call that returned `Ok` is on the disk (`synchronous=FULL`): it survives kill -9 and power loss. A call that
//!   returned an error changed nothing.
//! - Every change and its audit events are one transaction. There is no change without its events.
//! - States change only through the pure steps of [`crate::domain`], which run inside the transaction on the rows as
//!   they are at that moment, and each write is guarded by the row's version.
//! - One sweep per policy and slot, one open question per account, an audit chain that is only appended to: the schema
//!   itself says so.
//! - A half-filled or undecodable row is an error that names it ([`StoreError::BadRow`]), never a default.
//! - A second instance on the same file is refused, also when the first one was started under another name of it, and
//!   whatever happened to the lock file.
//! - A file that is moved, deleted or replaced is not changed any more ([`Store::lost`]); a change is answered with `Ok` only if
//!   its file is still the one at the path after the commit.
//!
//! What it never does: read the clock (`now` comes in), talk to anybody, or run `SQLite` on an async thread. [`Store`] is
//! a handle; its calls are carried out by the writer thread, and never see each other half-done. Those that wait at the same
//! time are in no order: what only looks comes first, and the changes share a commit. If that thread
//! dies, calls answer [`StoreError::Closed`] and [`Store::closed`] resolves, and the process is meant to exit.

mod archive;
mod audit;
mod codec;
mod copy;
mod digests;
mod error;
mod exemptions;
mod finish;
mod forwarded;
mod history;
mod homes;
mod lineage;
mod lock;
mod messages;
mod missed;
mod open;
mod past;
mod pauses;
mod policies;
mod questions;
mod receipts;
mod requests;
mod restorations;
mod restore;
mod reviews;
mod schema;
mod sightings;
mod silence;
mod stops;
mod sweeps;
mod watches;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

pub use archive::Archive;
pub use audit::{AuditContext, Verified};
pub use digests::DigestRow;
pub use error::{OpenError, StoreError};
pub use exemptions::Exempted;
pub use finish::{Finished, FinishedSweep};
pub use history::{ACCOUNTS_MAX, AuditQuery};
pub use homes::HomeRow;
pub use lineage::ResumedDatabase;
pub use messages::{CardStands, MessageRow};
pub use policies::KnownPolicy;
pub use receipts::{Decided, Receipt};
pub use requests::{OpenQuestion, StatusCounts};
pub use restorations::AskedFor;
pub use restore::Restoring;
pub use reviews::Reviewed;
pub use sweeps::{NewSweep, StartedSweep, SweepRow, SweepState};
pub use watches::Drifted;

use crate::domain::lineage::Lineage;

/// Calls that may wait for the writer before callers wait for room. Far above what a channel of people can cause.
const QUEUE_MAX: usize = 256;

/// How long a call waits for the file right after another one waited without success.
const IMPATIENT: Duration = Duration::from_millis(50);

type Work = Box<dyn FnOnce(&mut Connection) + Send>;

/// One call of the store on its way to the writer.
pub struct Job(Asked);

enum Asked {
    /// By itself, outside any transaction of the writer's.
    Run(Work),
    /// In a transaction that it may share with other changes.
    Change(Box<dyn Change>),
    Close(oneshot::Sender<()>),
}

/// A change on its way into the file: made within a transaction, answered after its commit.
trait Change: Send {
    /// Makes it. An error is its own: its part is taken back, and that of others stays, unless `SQLite` ends the whole
    /// transaction for it, as on a full disk.
    fn make(&mut self, tx: &Transaction<'_>) -> Result<(), StoreError>;
    /// Tells the caller, when the transaction has ended.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Asking<F, T> {
    f: Option<F>,
    made: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Change for Asking<F, T>
where
    F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn make(&mut self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        let f = self.f.take().expect("a change is made once");
        let made = f(tx);
        let how = made.as_ref().map(drop).map_err(Clone::clone);
        self.made = Some(made);
        how
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (self.made, committed) {
            // What stopped this one is more to the point than what became of all.
            (Some(Err(own)), _) => Err(own),
            (Some(Ok(_)) | None, Err(error)) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(StoreError::Closed),
        };
        // A caller that has gone away doesn't want the answer; the change is made all the same.
        let _ = self.caller.send(answer);
    }
}

/// A handle to the database; clones share it.
#[derive(Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    /// Marked after each write.
    written: watch::Sender<()>,
    /// Why nothing is written any more.
    lost: watch::Receiver<Option<StoreError>>,
    /// The identity row, as it was last read or written.
    lineage: watch::Sender<Arc<Lineage>>,
    /// Emergency stops that are not in the file yet.
    stops: stops::Stops,
}

impl Store {
    /// Opens the file at `path`, or makes it, and starts the writer thread. Migrates an older file, after copying it.
    pub fn open(path: &Path, now: DateTime<Utc>) -> Result<Store, OpenError> {
        Store::start(open::open(path, now)?, path)
    }

    /// Opens the file like [`Store::open`], but leaves the writing to the caller, who decides when each call is carried
    /// out. Nothing is answered until then.
    pub fn open_with_writer(path: &Path, now: DateTime<Utc>) -> Result<(Store, Writer), OpenError> {
        Store::with_writer(open::open(path, now)?, path)
    }

    /// A copy of the file at `path` in memory, for looking: what is written to it is gone at the end, and the process
    /// that holds the file goes on. Empty if there is no such file.
    pub fn open_copy(path: &Path) -> Result<Store, OpenError> {
        Store::start(open::open_copy(path)?, path)
    }

    fn start(held: open::Held, path: &Path) -> Result<Store, OpenError> {
        let (store, writer) = Store::with_writer(held, path)?;
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.work())
            .map_err(|source| OpenError::Io { what: "start the writer of", path: path.to_owned(), source })?;
        Ok(store)
    }

    fn with_writer(held: open::Held, path: &Path) -> Result<(Store, Writer), OpenError> {
        let lineage = lineage::load(&held.connection)
            .map_err(|error| OpenError::Corrupt { path: path.to_owned(), why: error.to_string() })?;
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let (losing, lost) = watch::channel(None);
        let lineage = watch::channel(Arc::new(lineage)).0;
        let store =
            Store { jobs, written: watch::channel(()).0, lost, lineage, stops: stops::Stops::default() };
        Ok((store, Writer { held, queue, closing: Vec::new(), losing }))
    }

    /// Carries out what was asked before, moves the log into the file, and lets go of it. Clones are closed as well.
    pub async fn close(self) -> Result<(), StoreError> {
        let (done, wait) = oneshot::channel();
        self.jobs.send(Job(Asked::Close(done))).await.map_err(|_| StoreError::Closed)?;
        wait.await.map_err(|_| StoreError::Closed)
    }

    /// Resolves when the writer thread is gone, for whatever reason.
    pub async fn closed(&self) {
        self.jobs.closed().await;
    }

    /// Resolves with [`StoreError::Lost`] once a change has found that the open file is not the one at its path any more.
    pub async fn lost(&self) -> StoreError {
        let mut lost = self.lost.clone();
        match lost.wait_for(Option::is_some).await.map(|why| why.clone()) {
            Ok(Some(why)) => why,
            // The writer is gone, which is for `closed` to say.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Changes after each write, for those who wait for one.
    pub fn written(&self) -> watch::Receiver<()> {
        self.written.subscribe()
    }

    /// Writes to the disk, without changing anything: whether the database can still take an audit event.
    pub async fn health(&self) -> Result<(), StoreError> {
        self.write(|tx| {
            let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            Ok(tx.pragma_update(None, "user_version", version)?)
        })
        .await
    }

    /// Runs `f` in a transaction and answers after its commit. An error takes back all that it did.
    async fn write<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (caller, wait) = oneshot::channel();
        let change = Asking { f: Some(f), made: None, caller };
        self.jobs.send(Job(Asked::Change(Box::new(change)))).await.map_err(|_| StoreError::Closed)?;
        let value = wait.await.map_err(|_| StoreError::Closed)??;
        self.written.send_replace(());
        Ok(value)
    }

    /// Runs `f` on one state of the database.
    async fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(move |connection| f(&connection.transaction()?)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, wait) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            // A caller that has gone away doesn't want the answer; the work is done all the same.
            let _ = answer.send(f(connection));
        });
        self.jobs.send(Job(Asked::Run(work))).await.map_err(|_| StoreError::Closed)?;
        wait.await.map_err(|_| StoreError::Closed)?
    }
}

/// Carries out the calls of a [`Store`], one by one. It ends when all handles are gone or after a call to close; if it is
/// dropped before, as by a panic in a job, the queue goes with it, which tells every handle.
pub struct Writer {
    held: open::Held,
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
    pub fn carry_out(&mut self, jobs: impl IntoIterator<Item = Job>) {
        let mut changes = VecDeque::new();
        for job in jobs {
            match job.0 {
                Asked::Run(work) => work(&mut self.held.connection),
                Asked::Change(change) => changes.push_back(change),
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

    /// Makes changes, as [`make`] does, in the file at the path or in none. What was committed to one that nobody finds there
    /// any more counts as not made.
    fn commit(
        &self,
        waiting: &mut VecDeque<Box<dyn Change>>,
        taken: &mut Vec<Box<dyn Change>>,
    ) -> Result<(), StoreError> {
        let lost = self.losing.borrow().clone();
        let in_place = lost.map_or_else(|| self.held.is_in_place(), Err);
        let made = match in_place {
            Ok(()) => make(&self.held.connection, waiting, taken).and_then(|()| self.held.is_in_place()),
            Err(lost) => {
                taken.extend(waiting.drain(..));
                Err(lost)
            }
        };
        if let Err(lost @ StoreError::Lost(_)) = &made {
            self.losing.send_if_modified(|before| before.is_none() && before.replace(lost.clone()).is_none());
        }
        made
    }

    /// Moves the log into the file and lets go of it.
    pub fn end(self) {
        let Writer { held, closing, .. } = self;
        held.end();
        for done in closing {
            // The caller that waited may have gone.
            let _ = done.send(());
        }
    }

    /// The writer thread.
    fn work(mut self) {
        let mut jobs = Vec::new();
        while self.queue.blocking_recv_many(&mut jobs, QUEUE_MAX) > 0 {
            self.carry_out(jobs.drain(..));
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
) -> Result<(), StoreError> {
    let tx = match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
        Ok(tx) => tx,
        Err(error) => {
            taken.extend(waiting.drain(..));
            // A call after one that waited for the file without success does not wait as long again.
            connection.busy_timeout(IMPATIENT)?;
            return Err(error.into());
        }
    };
    while let Some(change) = waiting.pop_front() {
        taken.push(change);
        let change = taken.last_mut().expect("it was just put there");
        tx.busy_timeout(open::BUSY_TIMEOUT)?;
        tx.execute_batch("SAVEPOINT change")?;
        let made = change.make(&tx);
        if tx.is_autocommit() {
            // SQLite has taken back everything, as it may when the disk is full or fails.
            return made.and(Err(StoreError::Invalid("a change ended the transaction".into())));
        }
        if made.is_err() {
            tx.execute_batch("ROLLBACK TO change")?;
        }
        tx.execute_batch("RELEASE change")?;
    }
    Ok(tx.commit()?)
}
