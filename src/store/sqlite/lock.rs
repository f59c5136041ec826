//! One process works with a file, and only as long as that is the file at its path.
//!
//! Two locks say so. That of the file beside the database names who has it, and is all that older versions know. To
//! remove it is to remove that name, and no more: the other lock is on the database file itself. Both are the operating
//! system's (`flock`), so they go with the process, however that ends. On the file systems of one machine such a lock and
//! the locks of `SQLite`, which are `fcntl`'s, don't see each other. NFS and SMB make one kind of both, and would shut
//! `SQLite` out of its own file: these are refused, where its log in shared memory doesn't work either.
//! <https://www.man7.org/linux/man-pages/man2/flock.2.html> <https://www.sqlite.org/wal.html>
//!
//! A process that closes any descriptor of a file loses its `fcntl` locks on it. So the descriptor of the database is
//! opened before `SQLite` opens the file, is closed after it, and there is no other one in between.

use std::fs::{File, Metadata, TryLockError};
use std::io::{Error, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::files;
use crate::store::{StoreError, codec};

use super::OpenError;
use super::file::beside;

/// The database file with what belongs to it while it is in use.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// The only process that works with a file.
pub(super) struct FileLock {
    path: PathBuf,
    /// Each file of [`SUFFIXES`], as it was opened.
    opened: Vec<Id>,
    /// Closed in this order, after the connection.
    _database: File,
    named: File,
}

/// What stays the same of a file when it is renamed: device and inode.
type Id = (u64, u64);

fn id(file: &Metadata) -> Id {
    (file.dev(), file.ino())
}

impl FileLock {
    /// Takes both locks, and makes the files that are missing.
    pub(super) fn take(path: &Path, now: DateTime<Utc>) -> Result<FileLock, OpenError> {
        let lock_path = beside(path, ".lock");
        let io = |source| OpenError::Io { what: "lock", path: lock_path.clone(), source };
        let held = |by: &str| OpenError::Held { path: path.to_owned(), by: by.to_owned() };
        let named = files::open_or_create(&lock_path).map_err(io)?;
        let found = named.metadata().map_err(io)?;
        if !found.is_file() || found.nlink() > 1 {
            return Err(io(Error::other("it is another file's second name, and would be written to")));
        }
        if !is_locked_now(&named).map_err(io)? {
            let mut by = String::new();
            // Who it is only helps the reader; that somebody has it is already certain.
            let _ = named.take(200).read_to_string(&mut by);
            return Err(held(if by.trim().is_empty() { "another process" } else { by.trim() }));
        }
        let io = |source| OpenError::Io { what: "open", path: path.to_owned(), source };
        let database = files::open_or_create(path).map_err(io)?;
        if let Some(kind) = network(&database).map_err(io)? {
            return Err(OpenError::Network { path: path.to_owned(), kind });
        }
        // Elsewhere the two kinds of locks see each other.
        if cfg!(target_os = "linux") && !is_locked_now(&database).map_err(io)? {
            return Err(held("another process, whose lock file was removed"));
        }
        let opened = vec![id(&database.metadata().map_err(io)?)];
        let lock = FileLock { path: path.to_owned(), opened, _database: database, named };
        lock.is_in_place().map_err(|why| io(Error::other(why)))?;
        let who = format!("process {} since {}\n", std::process::id(), codec::time_text(now));
        let mut named = &lock.named;
        let written =
            named.set_len(0).and_then(|()| named.rewind()).and_then(|()| named.write_all(who.as_bytes()));
        written.map_err(|source| OpenError::Io { what: "lock", path: lock_path, source })?;
        Ok(lock)
    }

    /// Called once `SQLite` has all its files open: from now on they are compared with what is at their paths.
    pub(super) fn opened(mut self) -> Result<FileLock, OpenError> {
        let io = |source| OpenError::Io { what: "open", path: self.path.clone(), source };
        self.is_in_place().map_err(|why| io(Error::other(why)))?;
        let rest = SUFFIXES[1..].iter().map(|suffix| Ok(id(&beside(&self.path, suffix).metadata()?)));
        let rest: Vec<Id> = rest.collect::<Result<_, Error>>().map_err(io)?;
        self.opened.extend(rest);
        Ok(self)
    }

    /// Returns whether what is opened is still what is at its path. A disk that can't say so now has its own errors.
    pub(super) fn is_in_place(&self) -> Result<(), StoreError> {
        match SUFFIXES.iter().zip(&self.opened).find(|(suffix, opened)| self.is_other(suffix, **opened)) {
            None => Ok(()),
            Some((suffix, _)) => Err(StoreError::Lost(beside(&self.path, suffix).display().to_string())),
        }
    }

    fn is_other(&self, suffix: &str, opened: Id) -> bool {
        match beside(&self.path, suffix).metadata() {
            Ok(found) => id(&found) != opened,
            Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        }
    }

    /// Returns whether nothing is wrong but that the log was removed: what is in it can still go where it belongs.
    pub(super) fn lacks_only_its_log(&self) -> bool {
        !self.is_other(SUFFIXES[0], self.opened[0]) && !files::is_taken(&beside(&self.path, SUFFIXES[1]))
    }
}

/// Locks the file if nobody else has. False: another process has it.
fn is_locked_now(file: &File) -> Result<bool, Error> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Returns what kind of network file system the file is on, if it is one of those whose locks are no good to us.
#[cfg(target_os = "linux")]
fn network(file: &File) -> Result<Option<&'static str>, Error> {
    Ok(network_of(rustix::fs::fstatfs(file)?.f_type))
}

#[cfg(not(target_os = "linux"))]
fn network(_file: &File) -> Result<Option<&'static str>, Error> {
    Ok(None)
}

/// Names a network file system by the number that the kernel gives it.
/// <https://www.man7.org/linux/man-pages/man2/statfs.2.html>
#[cfg(target_os = "linux")]
fn network_of(kind: rustix::fs::FsWord) -> Option<&'static str> {
    match u32::try_from(kind).ok()? {
        0x6969 => Some("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("SMB"),
        0x5346_414f => Some("AFS"),
        0x7375_7245 => Some("Coda"),
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_network_share_is_distinguished_from_a_disk() {
        let found = [0x6969, 0xff53_4d42, 0xef53, 0x0102_1994, 0x794c_7630].map(network_of);
        assert_eq!(found, [Some("NFS"), Some("SMB"), None, None, None], "the others: ext4, tmpfs, overlay");
        assert_eq!(network(&tempfile::tempfile().unwrap()).unwrap(), None);
    }
}
