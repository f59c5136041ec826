//! Makes files where others may write too: in a folder of the bot's user, root must not write through a link that leads
//! elsewhere, and must give away no file but one that it has just made itself.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Its owner reads and writes it: it holds names and addresses.
pub const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
/// Everybody may read it.
pub const READABLE: Mode = PRIVATE.union(Mode::RGRP).union(Mode::ROTH);

/// A folder is opened only to make something in it.
#[cfg(target_os = "linux")]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Makes a new file. Anything of that name that is there already, a link too, is an error. What root makes in the folder of
/// another user is that user's: the bot could not open it otherwise.
pub fn create(path: &Path, mode: Mode) -> Result<File> {
    refuse_foreign_links(path)?;
    let name = path.file_name().ok_or(ErrorKind::IsADirectory)?;
    // The folder that is opened here is the one that is written to and whose owner counts, whatever is put in its place.
    let folder = rustix::fs::open(folder_of(path), FOLDER, Mode::empty())?;
    let new = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(&folder, name, new, mode)?);
    let owner = rustix::fs::fstat(&folder)?;
    if file.metadata()?.uid() == 0 && owner.st_uid != 0 {
        fchown(&file, Some(owner.st_uid), Some(owner.st_gid))?;
    }
    Ok(file)
}

/// Opens a file to read and write it, or makes it, for its owner only. A link is not followed.
pub fn open_or_create(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    opened_or_made(&options, path).map_err(|error| {
        if path.is_symlink() { Error::other("it is a link, which is not followed") } else { error }
    })
}

/// Opens a file to read it and to write at its end, or makes it, for its owner only. A link is followed: a person has named
/// the file.
pub fn open_to_append(path: &Path) -> Result<File> {
    opened_or_made(OpenOptions::new().read(true).append(true), path)
}

fn opened_or_made(options: &OpenOptions, path: &Path) -> Result<File> {
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => match create(path, PRIVATE) {
            // Somebody else has made it at this moment.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => options.open(path),
            created => created,
        },
        opened => opened,
    }
}

/// Writes a whole file. It gets its name, in place of what had it, when it is complete and on the disk.
pub fn write_whole(path: &Path, bytes: &[u8], mode: Mode) -> Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    remove(&part)?;
    let mut file = create(&part, mode)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| put_in_place(&part, path));
    if written.is_err() {
        // The first error matters more than one from removing it.
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// Gives a complete file its name. The name is on the disk only with its folder.
pub fn put_in_place(part: &Path, path: &Path) -> Result<()> {
    std::fs::rename(part, path)?;
    File::open(folder_of(path))?.sync_all()
}

/// Removes what a crash may have left there.
pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes a folder, and those that it is in.
pub fn create_folder(path: &Path) -> Result<()> {
    refuse_foreign_links(path)?;
    std::fs::create_dir_all(path)
}

/// Returns whether the name is taken, even by a link that leads nowhere.
pub fn is_taken(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Refuses a link of another user to root: where it leads is its owner's decision.
pub fn refuse_foreign_links(path: &Path) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let is_foreign =
        |path: &&Path| path.symlink_metadata().is_ok_and(|found| found.is_symlink() && found.uid() != 0);
    match path.ancestors().find(is_foreign) {
        None => Ok(()),
        Some(link) => Err(Error::other(format!(
            "{} is a link of another user, which root does not follow; name the place that it leads to",
            link.display()
        ))),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
