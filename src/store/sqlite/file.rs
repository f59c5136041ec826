//! Opens a database file: whether it is ours, known and whole, and how it is written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::files;

use super::{OpenError, schema};

/// "icon" in ASCII: marks a file as ours in `SQLite`'s header.
pub(super) const APPLICATION_ID: i64 = 0x6963_6f6e;

/// How long to wait for somebody who has the file open in another program: less than the 3 s that Slack gives a click.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens a file that was made before, and is no link.
pub(super) fn open_made(path: &Path) -> Result<Connection, OpenError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Connection::open_with_flags(path, flags).map_err(|source| refused("open", path, source))
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

pub(super) fn number_of(migrations: &[&str]) -> i64 {
    i64::try_from(migrations.len()).expect("a handful of migrations")
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
