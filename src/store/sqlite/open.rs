//! From a path to a connection that may be worked with: locked, checked, migrated.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;

use super::file::{check, configure, newest, open_made, refused, resolve};
use super::lock::FileLock;
use super::migrate::{migrate, migrate_all};
use super::restore::undo_unfinished;
use super::{OpenError, schema};

/// More than there are different statements: each is parsed once per process, not each time it is used.
const STATEMENTS_KEPT: usize = 256;

/// Pages copied between two looks at whether the writer wants the file.
const COPY_PAGES: i32 = 1000;

/// A connection and the lock that says that it is the only one.
pub(in crate::store) struct LockedDatabase {
    pub(super) connection: Connection,
    /// Who only looks needs none.
    lock: Option<FileLock>,
}

impl LockedDatabase {
    /// Returns whether the file that is open is the one at its path.
    pub(super) fn is_in_place(&self) -> Result<(), StoreError> {
        self.lock.as_ref().map_or(Ok(()), FileLock::is_in_place)
    }

    /// Moves the log into the file and lets go of it.
    pub(super) fn end(self) {
        let Some(lock) = &self.lock else { return };
        let is_in_place = lock.is_in_place();
        if (is_in_place.is_ok() || lock.lacks_only_its_log())
            && let Err(error) = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        {
            tracing::warn!(%error, "the write-ahead log stays beside the database; the next start reads it");
        }
        if is_in_place.is_err() {
            // `SQLite` would remove the log by its name, and that may be another file's by now.
            self.leave();
        }
    }

    /// Lets go of the file as it is: not even its log is looked at.
    pub(super) fn leave(self) {
        std::mem::forget(self.connection);
    }

    /// A connection that can do no harm beside others.
    pub(super) fn unlocked(connection: Connection) -> LockedDatabase {
        LockedDatabase { connection, lock: None }
    }
}

/// Opens the file, or makes it.
pub(super) fn open(path: &Path, now: DateTime<Utc>) -> Result<LockedDatabase, OpenError> {
    let path = resolve(path)?;
    let lock = FileLock::take(&path, now)?;
    undo_unfinished(&path)?;
    let mut connection = open_made(&path)?;
    let version = check(&connection, &path, newest())?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    configure(&connection, &path)?;
    migrate(&mut connection, &path, version, schema::MIGRATIONS, Some(now))?;
    connection
        .execute_batch("PRAGMA foreign_keys = ON")
        .map_err(|source| refused("set up", &path, source))?;
    // A copy of the file without its log has at least what was there at the last start, and no file
    // that looks as if it had never been used. One that had no log until now has all of it in any case.
    if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::debug!(%error, "what is in the log stays there for now");
    }
    Ok(LockedDatabase { connection, lock: Some(lock.opened()?) })
}

/// A copy of the file in memory, or an empty database if there is no file. The file is only read, and a process that
/// holds it is not disturbed.
pub(super) fn open_copy(path: &Path) -> Result<LockedDatabase, OpenError> {
    let mut connection = Connection::open_in_memory().map_err(|source| refused("copy", path, source))?;
    let mut version = 0;
    if path.exists() {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let source =
            Connection::open_with_flags(path, flags).map_err(|source| refused("read", path, source))?;
        version = check(&source, path, newest())?;
        Backup::new(&source, &mut connection)
            .and_then(|backup| backup.run_to_completion(COPY_PAGES, Duration::ZERO, None))
            .map_err(|source| refused("copy", path, source))?;
    }
    migrate_all(&mut connection, path, version)?;
    Ok(LockedDatabase { connection, lock: None })
}
