//! The parser of what people type, by itself, for tests that feed it with anything. The bot itself uses nothing of
//! this, and there is no promise about it.

use chrono::{DateTime, Utc};

use crate::chat::{Card, Text};
use crate::commands::filters::Filters;
use crate::commands::grammar::{Command, Effect, Line};
use crate::commands::history::{page_line, read_period};
use crate::commands::tail::{self, Names};
use crate::domain::date_range::DateRange;
use crate::domain::policy::Policy;

/// What a line was understood as, as far as that goes without looking anything up.
#[derive(Debug)]
pub enum Read {
    /// A question to the audit trail: how it was understood, and the line of the button that asks for its next page.
    Question(String, String),
    /// A command that changes something: its name, the words before its tail, and what it was understood to be about.
    Acts(&'static str, Option<String>, Understood),
    /// The time that a report or a bundle is about.
    Period(DateRange),
    /// Any other command, as it was understood.
    Command(String),
    /// The reply to the person instead.
    Refused(Card),
}

/// What an acting command does, and repeats in its answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Understood {
    /// The policy that was named.
    pub policy: Option<String>,
    /// When it begins.
    pub from: Option<DateTime<Utc>>,
    /// When it ends.
    pub until: Option<DateTime<Utc>>,
    /// Why, as it was typed.
    pub reason: String,
}

/// Reads what a person types who may ask about `policies`, of which there is at least one.
pub fn typed(text: &str, policies: &[&Policy], now: DateTime<Utc>) -> Read {
    match Line::typed(text, "/bot") {
        Ok(line) => read(line.command.unwrap_or(Command::Status), policies, now),
        Err(card) => Read::Refused(card),
    }
}

/// Reads the line that a button carries; nothing if no button asks like that.
pub fn pressed(line: &str, policies: &[&Policy], now: DateTime<Utc>) -> Option<Read> {
    Line::pressed(line).map(|(command, _)| read(command, policies, now))
}

fn read(command: Command, policies: &[&Policy], now: DateTime<Utc>) -> Read {
    let acts = command.facts().effect != Effect::Question;
    let about = match &command {
        Command::Exempt { about } | Command::Unexempt { about } | Command::Restore { about } => {
            Some(about.person.clone())
        }
        Command::Withdraw { request, .. } | Command::Retry { request, .. } => Some(request.clone()),
        _ => None,
    };
    if let Some((form, option, words)) = command.tail() {
        let all: Vec<&str> = policies.iter().map(|policy| &*policy.name).collect();
        let names = Names { shown: all.clone(), all };
        let zone = policies[0].schedule.zone;
        return match tail::read(form, words, option, &names, now, zone) {
            Ok(said) if acts => {
                let tail::Said { policy, from, until, reason } = said;
                Read::Acts(form.verb, about, Understood { policy, from, until, reason })
            }
            Ok(_) => Read::Command(format!("{command:?}")),
            Err(text) => refused(text),
        };
    }
    let read = match command {
        Command::Audit { words, .. } | Command::Export { words } => {
            Filters::read(&words, policies, now).map(|mut filters| {
                // Which kind of file was asked for is not part of the question.
                filters.format = None;
                Read::Question(format!("{filters:?}"), page_line(&filters, "before", 7))
            })
        }
        Command::Report { words } | Command::Evidence { words } => {
            read_period(&words, policies[0], now).map(Read::Period)
        }
        command => Ok(Read::Command(format!("{command:?}"))),
    };
    read.unwrap_or_else(refused)
}

fn refused(text: Text) -> Read {
    Read::Refused(Card { summary: text, blocks: Vec::new() })
}
