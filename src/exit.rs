//! How a command ends: its exit code, and what it says of an error.

use std::process::ExitCode;

use crate::chat::ChatError;
use crate::cli::terminal::{BAD, WARNING, printable, styled};
use crate::config::ConfigError;
use crate::identity::IdentityError;
use crate::store::{OpenError, StoreError};

/// The exit codes, for `--help`.
pub const HELP: &str = "\
Exit codes:
  0  done, and no problem found
  1  failed, or a problem was found
  2  the command line is wrong
  3  the configuration is wrong
  4  Slack or Okta refused, or can't be reached
  5  the database can't be used: in use by another process, newer than the program, damaged,
     not a database of this program, moved while the bot was running, or on a disk that failed
     during a commit, so that only the next start can tell what was recorded";

/// How a command ended. The number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, and all is well.
    Done = 0,
    /// Failed, or found something that is not as it should be.
    Failed = 1,
    /// The command line is wrong; clap ends with the same.
    Usage = 2,
    /// The configuration is wrong.
    Configuration = 3,
    /// Slack or Okta refused or can't be reached.
    Outside = 4,
    /// The database can't be used.
    Database = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// What was asked for makes no sense, or something that is needed was not said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// A setting that the configuration takes for good, and that turns out not to be when it is used: a broken key.
#[derive(Debug, thiserror::Error)]
#[error("{0} can't be used")]
pub struct Misconfigured(pub String);

/// Tells of the error, with all its causes and how to go on, and says how the process ends for it.
pub fn tell(error: &anyhow::Error) -> Exit {
    let (exit, hint) = judge(error);
    // What came from outside can't move the cursor; sentences of ours have lines.
    let words: Vec<String> = in_words(error).lines().map(printable).collect();
    anstream::eprintln!("{} {}", styled(BAD, "inactive-contractors:"), words.join("\n"));
    if let Some(hint) = hint {
        anstream::eprintln!("{} {hint}", styled(WARNING, "hint:"));
    }
    exit
}

/// The error and its causes, without those that were said already.
fn in_words(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        _ if said.contains(&cause) => said,
        _ => format!("{said}: {cause}"),
    })
}

/// The exit code, and what helps if the error itself doesn't say it.
fn judge(error: &anyhow::Error) -> (Exit, Option<&'static str>) {
    const RIGHTS: &str = "`inactive-contractors check` tests each token and right, and says how to fix it";
    if error.is::<Misconfigured>() {
        return (Exit::Configuration, Some(RIGHTS));
    }
    for cause in error.chain() {
        if cause.is::<Usage>() {
            return (Exit::Usage, Some("--help lists the commands and options"));
        }
        if cause.is::<ConfigError>() {
            return (
                Exit::Configuration,
                Some(
                    "`inactive-contractors init` writes a configuration; config/bot.example.toml has every key",
                ),
            );
        }
        if let Some(error) = cause.downcast_ref::<OpenError>() {
            let beside =
                "`backup`, `verify`, `audit export` and `sweep --dry-run` work while the bot is running";
            return (Exit::Database, matches!(error, OpenError::Held { .. }).then_some(beside));
        }
        if let Some(error) = cause.downcast_ref::<StoreError>() {
            let next = match error {
                StoreError::Lost(_) => Some(
                    "the next start uses the file that is there then; put the right file in place before you start",
                ),
                StoreError::CommitUnknown(_) => Some(
                    "start it again: it goes on from what is on the disk. The system's log says what is wrong with the disk",
                ),
                _ => None,
            };
            return (Exit::Database, next);
        }
        if cause.is::<ChatError>() || cause.is::<IdentityError>() {
            return (Exit::Outside, Some(RIGHTS));
        }
    }
    (Exit::Failed, None)
}
