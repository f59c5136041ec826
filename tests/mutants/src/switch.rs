//! Goes into the copy of the bot as `crate::mutant`: which of the mutants built into it is on in this process.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::{LazyLock, Mutex};

static CHOSEN: LazyLock<Option<u32>> = LazyLock::new(|| std::env::var("MUTANT").ok()?.parse().ok());
static NOTES: LazyLock<Option<std::ffi::OsString>> = LazyLock::new(|| std::env::var_os("MUTANTS_REACHED"));
static REACHED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Whether this mutant is on. Without any that is, notes which of them were asked for, if somebody wants to know.
pub fn on(number: u32) -> bool {
    match (*CHOSEN, NOTES.as_ref()) {
        (Some(chosen), _) => chosen == number,
        (None, None) => false,
        (None, Some(notes)) => {
            let first = REACHED.lock().is_ok_and(|mut reached| reached.insert(number));
            if first {
                let file = std::fs::OpenOptions::new().create(true).append(true).open(notes);
                let _ = file.and_then(|mut file| file.write_all(format!("{number}\n").as_bytes()));
            }
            false
        }
    }
}
