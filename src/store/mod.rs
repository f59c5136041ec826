//! The database: one `SQLite` file, one thread that writes it, one method per use case.
//!
//! A use case is a function of a `&dyn Tx` (`tx.rs`), in SQL that more than one engine reads, and is written once. What only
//! one engine knows (to connect, lock, migrate, copy and commit) is in a folder of its own, such as `sqlite/`, which carries out the
//! calls that `jobs.rs` describes.
//!
//! What it promises:
//! - A call that returned `Ok` is on the disk (`synchronous=FULL`): it survives kill -9 and power loss. A call that
//!   returned an error changed nothing, but for [`StoreError::CommitUnknown`]: then nobody can say before the next start. Every
//!   later call gets the same error, and [`Store::lost`] resolves, so that the process ends.
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

mod account_history;
mod archive;
mod audit;
mod codec;
mod digests;
mod error;
mod exemptions;
mod finish_sweep;
mod forwarded;
mod history;
mod homes;
mod inspect;
mod jobs;
mod lineage;
mod lineage_row;
mod messages;
mod missed;
mod once;
mod outreach;
mod pause_rows;
mod pauses;
mod policies;
mod receipts;
mod reminders;
mod request_rows;
mod requests;
mod restorations;
mod reviews;
mod sightings;
mod sqlite;
mod stops;
mod sweeps;
mod tx;
mod watches;

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

pub use archive::Archive;
pub use audit::{AuditContext, Verified};
pub use digests::DigestRow;
pub use error::StoreError;
pub use exemptions::Exempted;
pub use finish_sweep::{Finished, FinishedSweep};
pub use history::{ACCOUNTS_MAX, AuditQuery};
pub use homes::HomeRow;
pub use inspect::{
    CandidateRecord, EventRecord, ExemptionRecord, HomeRecord, Inspection, LineageRecord, MessageRecord,
    PauseRecord, PolicyRecord, QuestionRecord, ReceiptRecord, RequestRecord, RestorationRecord, ReviewRecord,
    SightingRecord, SweepRecord, WatchRecord,
};
pub use jobs::Job;
pub use lineage::ResumedDatabase;
pub use messages::{CardStands, MessageRow};
pub use once::Notice;
pub use policies::KnownPolicy;
pub use receipts::{Decided, Receipt};
pub use requests::OpenQuestion;
pub use restorations::AskedFor;
pub use reviews::Reviewed;
pub use sqlite::{OpenError, Restoring, Writer};
pub use sweeps::{NewSweep, StartedSweep, SweepRow, SweepState};
pub use watches::Drifted;

use self::jobs::{Asked, Asking};
use self::tx::Tx;
use crate::domain::lineage::Lineage;

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
    /// A handle to an open database.
    fn on(
        tx: &dyn Tx,
        jobs: mpsc::Sender<Job>,
        lost: watch::Receiver<Option<StoreError>>,
    ) -> Result<Store, StoreError> {
        let lineage = watch::channel(Arc::new(lineage_row::load(tx)?)).0;
        Ok(Store { jobs, written: watch::channel(()).0, lost, lineage, stops: stops::Stops::default() })
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

    /// Resolves once this process can't go on with the file: with [`StoreError::Lost`] after a change has found that it is
    /// not the one at its path any more, with [`StoreError::CommitUnknown`] after a commit that may have been made or not.
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
        self.write(|tx| tx.touch()).await
    }

    /// Gives the room of what was removed back to the disk, if there is any.
    pub async fn shrink(&self) -> Result<(), StoreError> {
        self.ask(Asked::Shrink).await
    }

    /// Runs `f` in a transaction and answers after its commit. An error takes back all that it did.
    async fn write<T: Send + 'static>(
        &self,
        f: impl FnOnce(&dyn Tx) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let value = self.ask(|caller| Asked::Change(Box::new(Asking::new(f, caller)))).await?;
        self.written.send_replace(());
        Ok(value)
    }

    /// Runs `f` on one state of the database.
    async fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&dyn Tx) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(|caller| {
            Asked::Look(Box::new(move |tx| {
                // A caller that has gone away doesn't want the answer.
                let _ = caller.send(tx.and_then(f));
            }))
        })
        .await
    }

    /// Hands a call to the writer and waits for its answer.
    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Asked,
    ) -> Result<T, StoreError> {
        let (caller, answer) = oneshot::channel();
        self.jobs.send(Job(job(caller))).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}
