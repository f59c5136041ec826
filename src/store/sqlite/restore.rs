//! Puts a copy of the database in its place: stopped, in a new epoch, with the file that was there kept aside.
//!
//! The copy is made ready under another name and takes its place by one rename. A crash before that leaves the file that
//! was there, one after it leaves the copy, stopped. The file that was there has a second name for a moment before the
//! rename, under which it is kept. After a crash the next start, or the next restore, takes that name away: `SQLite` must not
//! meet a file by two names. <https://www.sqlite.org/howtocorrupt.html>

use std::fs::File;
use std::io::{Error, Result as IoResult};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::domain::lineage::{self, DatabaseId, Head, Mismatch, Stop};
use crate::files::{self, PRIVATE};
use crate::store::audit::{self, AuditContext};
use crate::store::codec::{json_text, time_text};
use crate::store::lineage::head;
use crate::store::tx::{Tx, params};
use crate::store::{Store, StoreError, lineage_row};

use super::OpenError;
use super::copy::{close_alone, copy_pages, read_only};
use super::file::{beside, check, configure, newest, open_made, refused, resolve};
use super::lock::FileLock;
use super::migrate::migrate_all;

/// What is put behind the database's name for the file that a restore replaced; the time follows.
const ASIDE: &str = ".before-restore.";
/// What belongs to a database file.
const LOGS: [&str; 2] = ["-wal", "-shm"];

/// A copy that is ready to take the database's place. Nobody else can work with the database until it is dropped.
pub struct Restoring {
    path: PathBuf,
    staged: PathBuf,
    _lock: FileLock,
    /// The database as the copy will be: its epoch is higher than that of the copy and of the file in place.
    pub database: DatabaseId,
    /// The head of the copy's audit trail.
    pub head: Head,
}

impl Store {
    /// Makes a copy ready beside the database. Changes nothing of either.
    pub fn prepare_restore(database: &Path, from: &Path, now: DateTime<Utc>) -> Result<Restoring, OpenError> {
        let path = resolve(database)?;
        let io = |source| OpenError::Io { what: "restore", path: from.to_owned(), source };
        if from.canonicalize().map_err(io)? == path {
            return Err(io(Error::other("it is the database itself")));
        }
        let lock = FileLock::take(&path, now)?;
        undo_unfinished(&path)?;
        let present = settle(&path)?;
        let (source, _) = read_only(from)?;
        let staged = beside(&path, ".restore.part");
        for suffix in ["", "-journal"].iter().chain(&LOGS) {
            remove(&beside(&staged, suffix))?;
        }
        files::create(&staged, PRIVATE).map_err(io)?;
        let (database, head) = copy_pages(&source, &staged, from)
            .and_then(|()| stop(&staged, from, present.as_ref(), now))
            .inspect_err(|_| drop(remove(&staged)))?;
        Ok(Restoring { path, staged, _lock: lock, database, head })
    }
}

impl Restoring {
    /// Returns where the copy is ready.
    pub fn staged(&self) -> &Path {
        &self.staged
    }

    /// Gives it up.
    pub fn discard(self) {
        if let Err(error) = remove(&self.staged) {
            tracing::warn!(%error, "a copy that is not used stays beside the database");
        }
    }

    /// Puts the copy in place. Where the file that was there is kept, if there was one.
    pub fn finish(self, now: DateTime<Utc>) -> Result<Option<PathBuf>, OpenError> {
        let Restoring { path, staged, .. } = &self;
        let io = |source| OpenError::Io { what: "restore", path: path.clone(), source };
        let aside = name_for(path, now);
        // To take the lock made an empty file where there was none.
        let kept = path.metadata().is_ok_and(|file| file.len() > 0) || beside(path, "-wal").exists();
        if kept {
            keep(path, &aside).map_err(io)?;
        }
        for suffix in LOGS {
            let log = beside(path, suffix);
            if log.exists() {
                std::fs::rename(&log, beside(&aside, suffix)).map_err(io)?;
            }
        }
        files::put_in_place(staged, path).map_err(io)?;
        Ok(kept.then_some(aside))
    }
}

/// Returns a name that is not taken for the file that is in place.
fn name_for(path: &Path, now: DateTime<Utc>) -> PathBuf {
    let aside = beside(path, &format!("{ASIDE}{}", now.format("%Y%m%dT%H%M%SZ")));
    let more = (2..).map(|number| beside(&aside, &format!("-{number}")));
    let mut names = std::iter::once(aside.clone()).chain(more);
    names.find(|name| !files::is_taken(name)).unwrap_or(aside)
}

/// Gives the file a second name, so that there is a database at every moment. Where a file can't have two, a copy gets it.
fn keep(path: &Path, aside: &Path) -> IoResult<()> {
    let Err(why) = std::fs::hard_link(path, aside) else { return Ok(()) };
    tracing::debug!(%why, "the file in place can't have a second name and is copied");
    let part = beside(aside, ".part");
    let copied = files::create(&part, PRIVATE).and_then(|mut to| {
        std::io::copy(&mut File::open(path)?, &mut to)?;
        to.sync_all()?;
        files::put_in_place(&part, aside)
    });
    if copied.is_err() {
        // The first error matters more than one from removing it.
        let _ = std::fs::remove_file(&part);
    }
    copied
}

/// Takes back what was done to the file in place by a restore that was cut short before the copy replaced it.
pub(super) fn undo_unfinished(path: &Path) -> Result<(), OpenError> {
    let undo = || -> IoResult<()> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            return Ok(());
        };
        let (begins, file) = (format!("{name}{ASIDE}"), path.metadata()?);
        for entry in folder.read_dir()? {
            let aside = entry?.path();
            let name = aside.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !name.starts_with(&begins) {
                continue;
            }
            let is_second_name =
                aside.symlink_metadata().is_ok_and(|one| (one.dev(), one.ino()) == (file.dev(), file.ino()));
            for suffix in LOGS.iter().filter(|_| is_second_name) {
                let (log, place) = (beside(&aside, suffix), beside(path, suffix));
                if files::is_taken(&log) && !files::is_taken(&place) {
                    std::fs::rename(log, place)?;
                }
            }
            if is_second_name || aside.extension().is_some_and(|end| end == "part") {
                tracing::warn!(aside = %aside.display(), "a restore was cut short, and the file in place stays");
                files::remove(&aside)?;
            }
        }
        Ok(())
    };
    undo().map_err(|source| OpenError::Io {
        what: "undo an unfinished restore of",
        path: path.to_owned(),
        source,
    })
}

/// Moves the log of the file in place into it, and says which database it is. `None`: it can't be read, or is older than
/// databases have had ids.
fn settle(path: &Path) -> Result<Option<DatabaseId>, OpenError> {
    let settled = || -> Result<(i64, DatabaseId), OpenError> {
        let connection = open_made(path)?;
        check(&connection, path, newest())?;
        let busy = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(|source| refused("read", path, source))?;
        Ok((busy, lineage_row::load(&connection).map_err(|error| corrupt(path, &error))?.database))
    };
    match settled() {
        Ok((0, database)) => Ok(Some(database)),
        Ok(_) => Err(OpenError::Held { path: path.to_owned(), by: "a program that reads it".to_owned() }),
        Err(error) => {
            tracing::warn!(%error, "the file in place is kept as it is");
            Ok(None)
        }
    }
}

/// Brings the copy to this program's schema, raises its epoch and stops it.
fn stop(
    staged: &Path,
    from: &Path,
    present: Option<&DatabaseId>,
    now: DateTime<Utc>,
) -> Result<(DatabaseId, Head), OpenError> {
    let sql = |source| refused("restore", staged, source);
    let mut connection = open_made(staged)?;
    let version = check(&connection, staged, newest())?;
    configure(&connection, staged)?;
    migrate_all(&mut connection, staged, version)?;
    let transaction = connection.transaction().map_err(sql)?;
    let stopped = write_stop(&*transaction, from, present, now).map_err(|error| corrupt(staged, &error))?;
    transaction.commit().map_err(sql)?;
    close_alone(connection).map_err(sql)?;
    let io = |source| OpenError::Io { what: "restore", path: staged.to_owned(), source };
    File::open(staged).and_then(|file| file.sync_all()).map_err(io)?;
    Ok(stopped)
}

fn write_stop(
    tx: &dyn Tx,
    from: &Path,
    present: Option<&DatabaseId>,
    now: DateTime<Utc>,
) -> Result<(DatabaseId, Head), StoreError> {
    let (before, head) = (lineage_row::load(tx)?, head(tx)?);
    let ours = present.filter(|present| present.id == before.database.id);
    let epoch = ours.map_or(0, |present| present.epoch).max(before.database.epoch) + 1;
    let database = DatabaseId { epoch, ..before.database };
    let stop = Stop {
        since: now,
        why: Mismatch::Restored,
        head: head.clone(),
        restored_from: Some(from.display().to_string()),
        seen: Vec::new(),
    };
    tx.run(
        "UPDATE lineage SET epoch = ?1, epoch_began = ?2, stopped = ?3",
        params![epoch, time_text(now), json_text(&stop)?],
    )?;
    audit::append(tx, &AuditContext::default(), lineage::stopped(&database, &stop))?;
    Ok((database, head))
}

fn corrupt(path: &Path, error: &StoreError) -> OpenError {
    OpenError::Corrupt { path: path.to_owned(), why: error.to_string() }
}

fn remove(path: &Path) -> Result<(), OpenError> {
    files::remove(path).map_err(|source| OpenError::Io { what: "remove", path: path.to_owned(), source })
}
