//! Backups: a copy of the file while somebody works with it, whole and verified.

use std::fs::File;
use std::io::Error;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::files::{self, PRIVATE};
use crate::store::Store;
use crate::store::tx::Tx;

use super::OpenError;
use super::file::{beside, check, newest, open_made, refused};

/// How often a copy that the writer's lock stopped is tried again, and how long it waits each time.
const TRIES: u32 = 100;
const TRY_AGAIN: Duration = Duration::from_millis(50);

impl Store {
    /// Copies the database at `from` to the new file `to`. The bot may be at work on it meanwhile: the copy is one state of
    /// it. What stands at `to` in the end is whole and on the disk, or nothing stands there.
    pub fn copy(from: &Path, to: &Path) -> Result<(), OpenError> {
        if files::is_taken(to) {
            let source = Error::other("a file of that name already exists");
            return Err(OpenError::Io { what: "make the backup", path: to.to_owned(), source });
        }
        let (source, _) = read_only(from)?;
        copy_whole(&source, &beside(to, ".part"), to)
    }

    /// The schema version of the file and that of this program, if the file is there and older. Changes nothing.
    pub fn older_schema(path: &Path) -> Result<Option<(i64, i64)>, OpenError> {
        if !path.exists() {
            return Ok(None);
        }
        let (_, version) = read_only(path)?;
        Ok(Some((version, newest())).filter(|(found, known)| (1..*known).contains(found)))
    }
}

/// The file, to be read only, and its schema version.
pub(super) fn read_only(path: &Path) -> Result<(Connection, i64), OpenError> {
    let connection = open_unlocked(path)?;
    let version = check(&connection, path, newest())?;
    if version == 0 {
        return Err(OpenError::NotOurs { path: path.to_owned(), why: "it is empty".to_owned() });
    }
    Ok((connection, version))
}

/// The file, to be looked at only, whatever is in it.
pub(in crate::store) fn open_to_inspect(path: &Path) -> Result<Box<dyn Tx + Send>, OpenError> {
    Ok(Box::new(open_unlocked(path)?))
}

fn open_unlocked(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|source| refused("read", path, source))
}

/// The file, to be read only, if it has this program's schema.
pub(super) fn newest_to_read(path: &Path) -> Result<Connection, OpenError> {
    let (connection, version) = read_only(path)?;
    let known = newest();
    if version == known {
        return Ok(connection);
    }
    let why = format!(
        "its schema version is {version}, and this program reads {known}; a start of the bot migrates it"
    );
    Err(OpenError::NotOurs { path: path.to_owned(), why })
}

/// Copies all to `part`, which gets the name `to` when it is whole and on the disk. Of a copy that failed nothing is left.
pub(super) fn copy_whole(source: &Connection, part: &Path, to: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { what: "make the backup", path: to.to_owned(), source };
    // One that a crash left behind is not whole.
    files::remove(part).and_then(|()| files::create(part, PRIVATE).map(drop)).map_err(io)?;
    let copied = copy_pages(source, part, to)
        .and_then(|()| File::open(part).and_then(|file| file.sync_all()).map_err(io))
        .and_then(|()| files::put_in_place(part, to).map_err(io));
    if copied.is_err() {
        // The first error matters more than one from removing it.
        let _ = std::fs::remove_file(part);
    }
    copied
}

/// In one step, so that no change of the writer's comes in between.
pub(super) fn copy_pages(source: &Connection, part: &Path, to: &Path) -> Result<(), OpenError> {
    let sql = |source| refused("make the backup", to, source);
    let mut copy = open_made(part)?;
    {
        let backup = Backup::new(source, &mut copy).map_err(sql)?;
        let mut tries = 0;
        loop {
            match backup.step(-1).map_err(sql)? {
                StepResult::Done => break,
                StepResult::More | StepResult::Busy | StepResult::Locked | _ if tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(TRY_AGAIN);
                }
                _ => {
                    let source = Error::other("the database was busy all the time");
                    return Err(OpenError::Io { what: "make the backup", path: to.to_owned(), source });
                }
            }
        }
    }
    close_alone(copy).map_err(sql)
}

/// Closes a database so that it is one file by itself: no log stays beside it that could be left behind.
pub(super) fn close_alone(connection: Connection) -> Result<(), rusqlite::Error> {
    connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0))?;
    connection.close().map_err(|(_, source)| source)
}
