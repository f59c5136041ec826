//! The parser of what people type, by itself, for tests that feed it with anything. The bot itself uses nothing of
//! this, and there is no promise about it.

use chrono::{DateTime, Utc};

use super::exceptions::{Said, read_words};
use super::filters::Filters;
use super::history::{page_line, read_period};
use super::{Command, Line, help};
use crate::chat::{Card, Text};
use crate::domain::policy::Policy;
use crate::domain::when::Period;

/// What a line was understood as, as far as that goes without looking anything up.
#[derive(Debug)]
pub enum Read {
    /// A question to the audit trail: how it was understood, and the line of the button that asks for its next page.
    Question(String, String),
    /// Words about an exemption: from when, until when, and the reason.
    Exemption(Option<DateTime<Utc>>, Option<DateTime<Utc>>, String),
    /// The time that a report or a bundle is about.
    Period(Period),
    /// Any other command, as it was understood.
    Command(String),
    /// What the person is told instead.
    Refused(Card),
}

/// Reads what a person types who may ask about `policies`, of which there is at least one.
pub fn typed(text: &str, policies: &[&Policy], now: DateTime<Utc>) -> Read {
    match Line::typed(text) {
        Ok(line) => read(line.command.unwrap_or(Command::Status), policies, now),
        Err(error) => Read::Refused(help(&error)),
    }
}

/// Reads the line that a button carries; nothing if no button asks like that.
pub fn pressed(line: &str, policies: &[&Policy], now: DateTime<Utc>) -> Option<Read> {
    Line::pressed(line).map(|(command, _)| read(command, policies, now))
}

fn read(command: Command, policies: &[&Policy], now: DateTime<Utc>) -> Read {
    let read = match command {
        Command::Audit { words, .. } | Command::Export { words } => {
            Filters::read(&words, policies, now).map(|mut filters| {
                // Which kind of file was asked for is not part of the question.
                filters.format = None;
                Read::Question(format!("{filters:?}"), page_line(&filters, "before", 7))
            })
        }
        Command::Exempt { about } | Command::Leave { about } => {
            let zone = policies[0].schedule.zone;
            read_words(&about.words, now, zone)
                .map(|Said { from, until, reason }| Read::Exemption(from, until, reason))
        }
        Command::Report { words } | Command::Evidence { words } => {
            read_period(&words, policies[0], now).map(Read::Period)
        }
        command @ (Command::Status
        | Command::Sweep { .. }
        | Command::Preview { .. }
        | Command::Pending
        | Command::Why { .. }
        | Command::Unexempt { .. }
        | Command::Restore { .. }
        | Command::Exemptions
        | Command::Withdraw { .. }
        | Command::Retry { .. }
        | Command::Pause { .. }
        | Command::Resume { .. }
        | Command::Verify) => Ok(Read::Command(format!("{command:?}"))),
    };
    read.unwrap_or_else(|text: Text| Read::Refused(Card { summary: text, blocks: Vec::new() }))
}
