//! Holds what a configuration is read from besides its own text.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What a configuration draws on beside its own text.
pub(super) struct Surroundings<'a> {
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) read_file: &'a dyn Fn(&Path) -> io::Result<String>,
    /// Where the configuration's own file is.
    pub(super) folder: &'a Path,
    /// The files that were read because they hold a secret.
    pub(super) secret_files: RefCell<Vec<PathBuf>>,
}

impl Surroundings<'_> {
    /// An environment variable without the space around it; `None` when unset or empty.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Reads a file that holds a secret.
    pub(super) fn read_secret(&self, path: &Path) -> io::Result<String> {
        self.secret_files.borrow_mut().push(path.to_owned());
        (self.read_file)(path)
    }
}
