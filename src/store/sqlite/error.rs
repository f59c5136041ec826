//! What `SQLite` says, in the classes that a caller acts on.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::store::StoreError;

/// Why a database file can't be used. Each sentence says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another instance works on the file.
    #[error(
        "{} is in use by {by}; stop that instance first, or give this one a database of its own",
        .path.display()
    )]
    Held {
        /// The database file.
        path: PathBuf,
        /// Who holds it, as they wrote it into the lock file.
        by: String,
    },
    /// The file is where its locks and its log don't work.
    #[error(
        "{} is on a network file system ({kind}), where neither the database's locks nor its log work; \
         put it on a disk of this machine",
        .path.display()
    )]
    Network {
        /// The database file.
        path: PathBuf,
        /// The kind of network file system.
        kind: &'static str,
    },
    /// A newer version of this program wrote the file.
    #[error(
        "{} has schema version {found}, and this program knows versions up to {known}; \
         run the newer program again, or restore the copy that was made beside the file before it was migrated",
        .path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The file's version.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The file is something else.
    #[error(
        "{} is not a database of this program ({why}); check the configured database path, \
         or restore the file from a backup if it used to be one",
        .path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// How we know.
        why: String,
    },
    /// `SQLite`'s own check found damage.
    #[error(
        "{} is damaged ({why}); put a backup in its place with `inactive-contractors restore <backup>`, which keeps \
         this file aside, and start again; `sqlite3 <damaged file> .recover` shows what can be saved",
        .path.display()
    )]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What the check said.
        why: String,
    },
    /// A file could not be made, read or locked.
    #[error(
        "can't {what} {}: {source}; check that its directory exists, is writable by this user and has room",
        .path.display()
    )]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// `SQLite` refused.
    #[error(
        "can't {what} {}: {source}; check that the disk has room, is writable and is not a network share",
        .path.display()
    )]
    Sql {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// `SQLite`'s answer.
        source: rusqlite::Error,
    },
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::DiskFull,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {
                StoreError::DiskFails(Arc::new(error))
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Damaged(Arc::new(error))
            }
            _ => StoreError::Sql(Arc::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn fails(connection: &Connection, sql: &str) -> StoreError {
        connection.execute_batch(sql).unwrap_err().into()
    }

    #[test]
    fn a_full_disk_and_a_read_only_file_are_distinguished_from_our_own_errors() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE a (x); PRAGMA max_page_count = 2").unwrap();
        let full = fails(&connection, "INSERT INTO a VALUES (zeroblob(100000))");
        assert!(matches!(full, StoreError::DiskFull), "{full:?}");
        connection.pragma_update(None, "query_only", true).unwrap();
        let read_only = fails(&connection, "INSERT INTO a VALUES (1)");
        assert!(matches!(read_only, StoreError::ReadOnly), "{read_only:?}");
        let ours = fails(&connection, "SELECT nonsense");
        assert!(matches!(ours, StoreError::Sql(_)), "{ours:?}");
    }

    #[test]
    fn a_file_that_is_held_damaged_or_out_of_reach_is_distinguished_from_our_own_errors() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("some.db");
        let holder = Connection::open(&path).unwrap();
        holder.execute_batch("CREATE TABLE a (x); BEGIN EXCLUSIVE").unwrap();
        let other = Connection::open(&path).unwrap();
        other.busy_timeout(std::time::Duration::ZERO).unwrap();
        let busy = fails(&other, "INSERT INTO a VALUES (1)");
        assert!(matches!(busy, StoreError::Busy), "{busy:?}");
        let junk = directory.path().join("junk.db");
        std::fs::write(&junk, "no database, whatever its name says".repeat(100)).unwrap();
        let damaged = fails(&Connection::open(&junk).unwrap(), "CREATE TABLE a (x)");
        assert!(matches!(damaged, StoreError::Damaged(_)), "{damaged:?}");
        let nowhere = StoreError::from(Connection::open(directory.path().join("no/such.db")).unwrap_err());
        assert!(matches!(nowhere, StoreError::DiskFails(_)), "{nowhere:?}");
    }
}
