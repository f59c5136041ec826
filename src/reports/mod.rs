//! Looking back: files for people and auditors, made of what the store has. Pure functions of values: the same data and
//! the same `now` give the same bytes, so that a file can be made again and compared by its hash.
//!
//! What these files hold came from directories and people. A spreadsheet must not take it for a formula and a browser
//! not for markup: see `sheet` and `evidence`.

pub mod evidence;
pub mod export;
pub mod picture;
mod sheet;
mod tables;
pub(crate) mod trend;

use sha2::{Digest, Sha256};

use crate::domain::policy::hex;

/// The program that auditors check the chain with: Python 3 and its standard library, nothing of ours.
pub const VERIFIER: &str = include_str!("verify.py");

/// The hash of a file, lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
