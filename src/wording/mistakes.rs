//! Says what the bot doesn't understand in a command, and what to write instead.

use crate::chat::{Span, Text};
use crate::domain::date_range::Misread;
use crate::wording::{did_you_mean, history};

fn code(words: impl Into<String>) -> Span {
    Span::Code(words.into())
}

fn quoted(text: Text, words: &str) -> Text {
    text.then("“").quoted(words).then("”")
}

fn unchanged(text: Text) -> Text {
    text.then(" Nothing was changed.")
}

/// Says that there is no such command.
pub fn unknown_command(word: &str, nearest: Option<&str>) -> Text {
    let text = quoted(Text::plain("I don't know the command "), word).then(".");
    let text = did_you_mean(text, nearest);
    unchanged(text.then(" ").command("help").then(" lists all of them."))
}

/// Says that the command has no such option. `in_reason`: it may have been meant as a part of the reason.
pub fn unknown_option(word: &str, nearest: Option<&str>, in_reason: bool) -> Text {
    let text = quoted(Text::plain("I don't know the option "), word).then(".");
    let text = did_you_mean(text, nearest.map(|nearest| format!("--{nearest}")));
    let text = if in_reason {
        text.then(" If it is a part of the reason, write ").with(code("because")).then(" before the reason.")
    } else {
        text
    };
    unchanged(text)
}

/// Says that an option lacks its value.
pub fn no_value(option: &str) -> Text {
    unchanged(Text::plain("Something is missing after ").with(code(format!("--{option}"))).then("."))
}

/// Says that the same option is there twice.
pub fn twice(option: &str) -> Text {
    unchanged(Text::default().with(code(option)).then(" is given more than once; write it once."))
}

/// Says that a command lacks a word that it needs.
pub fn missing(what: &str, example: Option<&str>) -> Text {
    write_it_like(Text::plain(format!("This command needs a {what}.")), example)
}

/// Says that there is a word too many.
pub fn too_much(word: &str, example: Option<&str>) -> Text {
    write_it_like(quoted(Text::plain("I don't understand "), word).then(" there."), example)
}

/// Says that an option can't have this value.
pub fn bad_value(option: &str, value: &str) -> Text {
    unchanged(
        quoted(Text::default(), value).then(" is not a number that ").with(code(option)).then(" can take."),
    )
}

/// Says that a line is wrong in some other way.
pub fn not_understood(example: Option<&str>) -> Text {
    write_it_like(Text::plain("I don't understand that."), example)
}

fn write_it_like(text: Text, example: Option<&str>) -> Text {
    unchanged(match example {
        Some(example) => text.then(" Write it like ").with(code(example)).then("."),
        None => text.then(" ").command("help").then(" explains each command."),
    })
}

/// Says that something is missing after a keyword.
pub fn nothing_after(keyword: &str) -> Text {
    unchanged(Text::plain("Something is missing after ").with(code(keyword)).then("."))
}

/// Says that there is no such policy.
pub fn no_such_policy(word: &str, nearest: Option<&str>, known: &[&str]) -> Text {
    let text = quoted(Text::plain("There is no policy "), word).then(".");
    let text = did_you_mean(text, nearest);
    unchanged(text.then(format!(" Your policies are: {}.", known.join(", "))))
}

/// Says that a command names two policies.
pub fn two_policies(one: &str, other: &str) -> Text {
    let text = Text::plain("That names two policies, ").with(code(one)).then(" and ").with(code(other));
    unchanged(text.then(". Name one, and write the command again for the other."))
}

/// Says that a command takes one account or request.
pub fn one_at_a_time(verb: &str, word: &str) -> Text {
    let what = if matches!(verb, "withdraw" | "retry") { "request" } else { "account" };
    let text = Text::default().with(code(verb)).then(format!(" takes one {what} at a time, and "));
    let text = quoted(text, word).then(" looks like a second one. Send one command for each.");
    unchanged(text.then(" If it is a part of the reason, write ").with(code("because")).then(" before it."))
}

/// Asks whether a word in the reason was meant as a policy.
pub fn meant_a_policy(verb: &str, word: &str, name: Option<&str>, known: &[&str]) -> Text {
    let text = match name {
        Some(name) => quoted(Text::plain("Does "), word)
            .then(" mean the policy ")
            .with(code(name))
            .then("? Then add ")
            .with(code(format!("policy {name}")))
            .then("."),
        None => quoted(Text::plain("Does "), word)
            .then(" mean a policy? Then write ")
            .with(code("policy"))
            .then(format!(" and one of: {}.", known.join(", "))),
    };
    unchanged(
        text.then(" If it is a part of the reason, write ")
            .with(code(format!("{verb} … because …")))
            .then("."),
    )
}

/// Says that a command takes no time.
pub fn takes_no_time(verb: &str, time: &str) -> Text {
    let text = Text::default().with(code(verb)).then(" acts at once, so ");
    let text = quoted(text, time).then(" can't be used with it.");
    unchanged(text.then(" If it is a part of the reason, write ").with(code("because")).then(" before it."))
}

/// Says that a time stands in the reason.
pub fn time_after_the_reason(verb: &str, time: &str) -> Text {
    let text =
        quoted(Text::default(), time).then(" looks like a time but is in the reason. Times come first: ");
    let text = text.with(code(format!("{verb} LOGIN {time} REASON")));
    unchanged(
        text.then(". If it is a part of the reason, write ")
            .with(code("because"))
            .then(" before the reason."),
    )
}

/// Says that a time lacks the word that says which one it is.
pub fn bare_time(time: &str) -> Text {
    let text = quoted(Text::default(), time).then(" looks like a time. Write ").with(code("for 30 days"));
    let text = text.then(", ").with(code("until 2026-12-31")).then(" or ").with(code("from 2026-12-20"));
    unchanged(text.then("; if it is a part of the reason, write ").with(code("because")).then(" before it."))
}

/// Says that the same kind of time is there twice.
pub fn two_times(keyword: &str) -> Text {
    let text = Text::plain("That has more than one start or end, and I can't use the second ");
    unchanged(text.with(code(keyword)).then(". Give one start, and one end or length."))
}

/// Says that a length of time can't be read.
pub fn not_a_length<W: AsRef<str>>(words: &[W]) -> Text {
    let words: Vec<&str> = words.iter().take(3).map(AsRef::as_ref).collect();
    let text =
        Text::plain("I can't read ").quoted(words.join(" ")).then(" as a length of time. Write it like ");
    unchanged(
        text.with(code("for 30 days"))
            .then(", ")
            .with(code("for two weeks"))
            .then(" or ")
            .with(code("for a month"))
            .then("."),
    )
}

/// Says that a day can't be read, or can be read in two ways.
pub fn not_a_day(misread: &Misread) -> Text {
    match misread {
        Misread::NotUnderstood(word) => {
            let text = Text::plain("I can't read ").quoted(word).then(" as a day. Write it like ");
            let text =
                text.with(code("2026-12-31")).then(", ").with(code("14 Dec")).then(", ").with(code("friday"));
            unchanged(text.then(" or ").with(code("end of month")).then("."))
        }
        Misread::Ambiguous(text, days) => unchanged(history::ambiguous(text, days)),
        Misread::NotInCalendar(_) | Misread::InFuture(_) | Misread::Backwards(_) => {
            unchanged(history::misread(misread))
        }
    }
}
