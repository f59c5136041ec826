//! Answers a line that can't be read, in sentences of the bot's own instead of clap's.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::chat::Card;
use crate::commands::typed::Mistake;
use crate::domain::nearest::nearest;
use crate::wording::{answers, mistakes, refusals};

/// Returns the answer to words that clap never sees.
pub(crate) fn said(mistake: &Mistake) -> Card {
    refusals::note(match mistake {
        Mistake::Command { word, nearest } => mistakes::unknown_command(word, nearest.as_deref()),
        Mistake::Option { word, nearest, in_reason } => {
            mistakes::unknown_option(word, nearest.as_deref(), *in_reason)
        }
        Mistake::NoValue { option } => mistakes::no_value(option),
    })
}

/// Returns the answer to arguments that clap does not take: help that was asked for, or a sentence.
pub(crate) fn answer(error: &clap::Error, arguments: &[String], grammar: &clap::Command) -> Card {
    let command = arguments.first().and_then(|name| grammar.find_subcommand(name));
    let example = command.and_then(example);
    let example = example.as_deref();
    let value = |kind| error.get(kind).map(words).unwrap_or_default();
    refusals::note(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            return answers::usage(error.to_string().trim_end());
        }
        ErrorKind::InvalidSubcommand => {
            let word = value(ContextKind::InvalidSubcommand);
            let known: Vec<&str> = grammar.get_subcommands().map(clap::Command::get_name).collect();
            mistakes::unknown_command(&word, nearest(&word, known.iter().copied()))
        }
        ErrorKind::MissingRequiredArgument => {
            let what = value(ContextKind::InvalidArg).to_lowercase();
            mistakes::missing(what.trim_matches(['<', '>']), example)
        }
        ErrorKind::UnknownArgument => mistakes::too_much(&value(ContextKind::InvalidArg), example),
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let option = value(ContextKind::InvalidArg);
            let option = option.split(' ').next().unwrap_or_default();
            mistakes::bad_value(option, &value(ContextKind::InvalidValue))
        }
        ErrorKind::ArgumentConflict => {
            mistakes::twice(value(ContextKind::InvalidArg).split(' ').next().unwrap_or_default())
        }
        _ => mistakes::not_understood(example),
    })
}

/// Returns the first example of a command's help.
fn example(command: &clap::Command) -> Option<String> {
    let help = command.get_after_help()?.to_string();
    help.lines().nth(1).map(|line| line.trim().to_owned())
}

fn words(value: &ContextValue) -> String {
    match value {
        ContextValue::String(word) => word.clone(),
        ContextValue::Strings(words) => words.join(", "),
        other => other.to_string(),
    }
}
