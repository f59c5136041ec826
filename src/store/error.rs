//! What can go wrong, in the classes that a caller acts on.

use std::error::Error;
use std::sync::Arc;

/// What the engine said.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why a call to the store had no effect. Nothing of a failed call is kept. Calls whose transaction fails have it in common.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The writer thread is gone; only a restart helps.
    #[error("the database is closed")]
    Closed,
    /// The file at this path is not the one that was opened. It stays so until a restart.
    #[error(
        "{0} was moved, deleted or replaced while the bot worked with it, so nothing is changed any more"
    )]
    Lost(String),
    /// A commit failed in a way that leaves open what is on the disk. It stays so until a restart.
    #[error(
        "the disk failed during a commit, so only the next start can tell whether the change was made; nothing is read \
         or changed until then"
    )]
    CommitUnknown(#[source] Cause),
    /// The disk is full.
    #[error("the disk that holds the database is full")]
    DiskFull,
    /// The file or its file system can't be written.
    #[error("the database can't be written")]
    ReadOnly,
    /// The disk answered with an error.
    #[error("the disk that holds the database fails")]
    DiskFails(#[source] Cause),
    /// Another program kept the file locked for too long.
    #[error("the database is locked by another program")]
    Busy,
    /// The file is damaged.
    #[error("the database file is damaged")]
    Damaged(#[source] Cause),
    /// A row that this program would not have written. Never replaced by a default.
    #[error("row {id} of table {table} can't be used: {why}")]
    BadRow {
        table: &'static str,
        /// The row's key.
        id: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such row.
    #[error("table {table} has no row {id}")]
    Missing {
        table: &'static str,
        /// The key.
        id: String,
    },
    /// The caller asked for something that must not be written.
    #[error("not written: {0}")]
    Invalid(String),
    /// Anything else that the engine says: an error of ours.
    #[error("the database refused")]
    Sql(#[source] Cause),
}

impl StoreError {
    /// Whether it may pass by the next try.
    pub fn may_pass(&self) -> bool {
        match self {
            StoreError::Busy | StoreError::DiskFull | StoreError::DiskFails(_) | StoreError::ReadOnly => true,
            StoreError::Closed
            | StoreError::Lost(_)
            | StoreError::CommitUnknown(_)
            | StoreError::Damaged(_)
            | StoreError::BadRow { .. }
            | StoreError::Missing { .. }
            | StoreError::Invalid(_)
            | StoreError::Sql(_) => false,
        }
    }

    /// An answer of the engine's that this program can't use.
    pub(super) fn engine(why: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
        StoreError::Sql(why.into().into())
    }
}
