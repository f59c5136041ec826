//! From a path to a connection that may be worked with: locked, checked, migrated.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::backup::Backup;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::files;
use crate::store::StoreError;

use super::copy::copy_whole;
use super::lock::FileLock;
use super::restore::undo_unfinished;
use super::{OpenError, schema};

/// "icon" in ASCII: marks a file as ours in `SQLite`'s header.
const APPLICATION_ID: i64 = 0x6963_6f6e;
/// How long to wait for somebody who has the file open in another program: less than the 3 s that Slack gives a click.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// More than there are different statements: each is parsed once per process, not each time it is used.
const STATEMENTS_KEPT: usize = 256;

/// Pages copied between two looks at whether the writer wants the file.
const COPY_PAGES: i32 = 1000;

/// A connection and the lock that says that it is the only one.
pub(in crate::store) struct Held {
    pub(super) connection: Connection,
    /// Who only looks needs none.
    lock: Option<FileLock>,
}

impl Held {
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
    pub(super) fn unlocked(connection: Connection) -> Held {
        Held { connection, lock: None }
    }
}

/// Opens the file, or makes it.
pub(super) fn open(path: &Path, now: DateTime<Utc>) -> Result<Held, OpenError> {
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
    Ok(Held { connection, lock: Some(lock.opened()?) })
}

/// Opens a file that was made before, and is no link.
pub(super) fn open_made(path: &Path) -> Result<Connection, OpenError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Connection::open_with_flags(path, flags).map_err(|source| refused("open", path, source))
}

/// A copy of the file in memory, or an empty database if there is no file. The file is only read, and a process that
/// holds it is not disturbed.
pub(super) fn open_copy(path: &Path) -> Result<Held, OpenError> {
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
    Ok(Held { connection, lock: None })
}

/// The same path for the same file, so that two names of it meet at one lock.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    let io = |source| OpenError::Io { what: "find", path: path.to_owned(), source };
    files::refuse_foreign_links(path).map_err(io)?;
    if let Ok(path) = path.canonicalize() {
        return Ok(path);
    }
    let name = path.file_name().ok_or_else(|| io(std::io::ErrorKind::IsADirectory.into()))?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(directory.canonicalize().map_err(io)?.join(name))
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether the file is ours, known and whole; its version. Changes nothing in it.
pub(super) fn check(connection: &Connection, path: &Path, known: i64) -> Result<i64, OpenError> {
    let log = beside(path, "-wal");
    let is_empty = |path: &Path| std::fs::metadata(path).is_ok_and(|file| file.len() == 0);
    if is_empty(path) && log.exists() && !is_empty(&log) {
        let why = "it is empty, and its log is not".to_owned();
        return Err(OpenError::Corrupt { path: path.to_owned(), why });
    }
    let number = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|source| refused("read", path, source))
    };
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|source| refused("open", path, source))?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let not_ours = |why: &str| OpenError::NotOurs { path: path.to_owned(), why: why.to_owned() };
    if application != APPLICATION_ID {
        let empty = tables == 0 && application == 0 && version == 0;
        return if empty { Ok(0) } else { Err(not_ours("it belongs to another program")) };
    }
    if version > known {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known });
    }
    if version < 1 {
        return Err(not_ours("it has no schema version"));
    }
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|source| refused("check", path, source))?;
    if found == "ok" { Ok(version) } else { Err(OpenError::Corrupt { path: path.to_owned(), why: found }) }
}

pub(super) fn configure(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(|source| refused("set up", path, source))?;
    if mode != "wal" {
        let source = std::io::Error::other(format!("no write-ahead log here (journal mode {mode})"));
        return Err(OpenError::Io { what: "set up", path: path.to_owned(), source });
    }
    // Foreign keys are off while migrating, as `SQLite` advises for steps that rebuild a table, and checked after.
    // FULL: what was acknowledged to a person survives a power loss. Field use of NORMAL loses the last commits.
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF;")
        .map_err(|source| refused("set up", path, source))
}

/// The schema version that this program works with.
pub(super) fn newest() -> i64 {
    number_of(schema::MIGRATIONS)
}

fn number_of(migrations: &[&str]) -> i64 {
    i64::try_from(migrations.len()).expect("a handful of migrations")
}

/// Brings a database that needs no copy before it to the newest version.
pub(super) fn migrate_all(connection: &mut Connection, path: &Path, version: i64) -> Result<(), OpenError> {
    migrate(connection, path, version, schema::MIGRATIONS, None)?;
    connection.execute_batch("PRAGMA foreign_keys = ON").map_err(|source| refused("set up", path, source))
}

/// Takes the database from `version` to the newest, each step in a transaction of its own. Of a file, a copy is made before,
/// named after this time.
fn migrate(
    connection: &mut Connection,
    path: &Path,
    version: i64,
    migrations: &[&str],
    copied_at: Option<DateTime<Utc>>,
) -> Result<(), OpenError> {
    if let Some(now) = copied_at.filter(|_| version > 0 && version < number_of(migrations)) {
        back_up(connection, path, version, now)?;
    }
    let sql = |source| refused("migrate", path, source);
    for (to, step) in (1..).zip(migrations).filter(|(to, _)| *to > version) {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(sql)?;
        transaction.execute_batch(step).map_err(sql)?;
        if transaction
            .prepare("PRAGMA foreign_key_check")
            .and_then(|mut rows| rows.exists([]))
            .map_err(sql)?
        {
            let why = "rows that refer to missing ones".to_owned();
            return Err(OpenError::Corrupt { path: path.to_owned(), why });
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(sql)?;
        transaction.pragma_update(None, "user_version", to).map_err(sql)?;
        transaction.commit().map_err(sql)?;
    }
    Ok(())
}

/// Copies the database beside itself. The copy gets its name when it is whole and on the disk.
fn back_up(connection: &Connection, path: &Path, version: i64, now: DateTime<Utc>) -> Result<(), OpenError> {
    let copy = beside(path, &format!(".v{version}.{}.backup", now.format("%Y%m%dT%H%M%SZ")));
    // Always of the same name, so that tries that failed don't fill the disk.
    copy_whole(connection, &beside(path, ".backup.part"), &copy)?;
    tracing::info!(backup = %copy.display(), from_version = version, "copied the database before migrating it");
    Ok(())
}

pub(super) fn refused(what: &'static str, path: &Path, source: rusqlite::Error) -> OpenError {
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            OpenError::NotOurs { path: path.to_owned(), why: "it is not an SQLite file".to_owned() }
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            OpenError::Corrupt { path: path.to_owned(), why: source.to_string() }
        }
        _ => OpenError::Sql { what, path: path.to_owned(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[&str] =
        &["CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (7);", "ALTER TABLE a ADD y TEXT;"];

    fn file_of_version_one(directory: &Path) -> (PathBuf, Connection) {
        let path = directory.join("bot.db");
        let mut connection = Connection::open(&path).unwrap();
        configure(&connection, &path).unwrap();
        migrate(&mut connection, &path, 0, &TWO[..1], Some(DateTime::UNIX_EPOCH)).unwrap();
        (path, connection)
    }

    #[test]
    fn a_migration_leaves_a_copy_of_the_file_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let (path, mut connection) = file_of_version_one(directory.path());
        migrate(&mut connection, &path, 1, TWO, Some(DateTime::UNIX_EPOCH)).unwrap();
        assert_eq!(check(&connection, &path, 2).unwrap(), 2);

        let copy = beside(&path, ".v1.19700101T000000Z.backup");
        let old = Connection::open(&copy).unwrap();
        assert_eq!(check(&old, &copy, 2).unwrap(), 1);
        assert_eq!(old.query_row("SELECT x FROM a", [], |row| row.get::<_, i64>(0)).unwrap(), 7);
    }

    #[test]
    fn a_migration_that_fails_half_way_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (path, mut connection) = file_of_version_one(directory.path());
        let broken = [TWO[0], "ALTER TABLE a ADD y TEXT; SELECT nonsense;"];
        migrate(&mut connection, &path, 1, &broken, Some(DateTime::UNIX_EPOCH)).unwrap_err();
        assert_eq!(check(&connection, &path, 2).unwrap(), 1);
        connection.prepare("SELECT y FROM a").unwrap_err();
        migrate(&mut connection, &path, 1, TWO, Some(DateTime::UNIX_EPOCH)).unwrap();
    }

    #[test]
    fn a_new_file_gets_no_copy_and_migrating_twice_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (path, mut connection) = file_of_version_one(directory.path());
        migrate(&mut connection, &path, 1, &TWO[..1], Some(DateTime::UNIX_EPOCH)).unwrap();
        let names = std::fs::read_dir(directory.path()).unwrap();
        assert!(names.into_iter().all(|name| !name.unwrap().path().to_string_lossy().contains("backup")));
    }
}
