//! Says in words that a database is older than the channel.

use std::borrow::Borrow;

use chrono::{DateTime, Utc};

use crate::chat::{Block, Card, ChatWord, Span, Text};
use crate::domain::audit::Person;
use crate::domain::ids::PolicyName;
use crate::domain::lineage::{DatabaseId, Lineage, Mismatch, Stop};
use crate::domain::request::Request;
use crate::store::ResumedDatabase;
use crate::wording::layout::spoken;
use crate::wording::{counted, mention};

/// The command that ends a stop.
const RESUME: &str = "resume";

/// How many are named; the rest is only counted.
const NAMED_MAX: usize = 20;

/// Says what is wrong, in one sentence without markup: for a status, a log, a check. `chat` is the chat system's name.
pub fn reason(lineage: &Lineage, stop: &Stop, chat: &str) -> String {
    what_is_wrong(lineage, stop, Span::Plain(chat.to_owned())).to_plain()
}

fn what_is_wrong(lineage: &Lineage, stop: &Stop, chat: Span) -> Text {
    let event = stop.head.event;
    match stop.why {
        Mismatch::Ahead | Mismatch::Forked => match stop.last_event(&lineage.database.id) {
            Some(last) if last > event => Text::plain(format!(
                "my messages show event {last} of the audit trail, but the database ended at event {event}, so an older copy was put in its place"
            )),
            Some(_) | None => Text::plain(format!(
                "my messages show another audit trail than the database, which ended at event {event}, so an older copy was put in its place, or another bot uses a copy"
            )),
        },
        Mismatch::LaterEpoch => Text::plain(format!(
            "my messages come from a copy of this database that was resumed later (this one is in epoch {})",
            lineage.database.epoch
        )),
        Mismatch::OtherDatabase => Text::plain(
            "my messages show another database of this bot, so the file was replaced, or two bots use this ",
        )
        .with(chat)
        .then(" app"),
        Mismatch::Restored => Text::plain("the database was restored from ")
            .with(Span::Code(stop.restored_from.clone().unwrap_or_default()))
            .then(format!(", which ends at event {event}")),
    }
}

/// Says what the file lacks: events, requests, exemptions. `missing` are exemptions in words.
fn gap(lineage: &Lineage, stop: &Stop, missing: &[String]) -> Text {
    let mut text = Text::default();
    let first = stop.head.event + 1;
    if let Some(last) = stop.last_event(&lineage.database.id).filter(|last| *last >= first) {
        text = text.then(format!("\nMissing in the file: events {first} to {last}."));
    }
    let requests: Vec<String> = stop.requests(&lineage.database.id).iter().map(ToString::to_string).collect();
    if !requests.is_empty() {
        text = text.then(format!("\nRequests that changed since then: {}.", some(&requests)));
    }
    if !missing.is_empty() {
        text = text.then("\nExemptions that the file lacks: ").quoted(some(missing));
        text = text.then(". Grant them again before you resume.");
    }
    text
}

fn some<T: Borrow<str>>(all: &[T]) -> String {
    let named = all[..all.len().min(NAMED_MAX)].join(", ");
    match all.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// Returns the message in the channel, and to each admin, when the database is stopped.
pub fn stopped(lineage: &Lineage, stop: &Stop, missing: &[String]) -> Card {
    let text = Text::plain("I have stopped: ")
        .and(what_is_wrong(lineage, stop, Span::Chat(ChatWord::Name)))
        .then(". I suspend nobody, restore nobody and start no sweep until an admin resumes.")
        .and(gap(lineage, stop, missing))
        .then("\nAn admin resumes with ")
        .command(RESUME)
        .then(". Open requests then end, and a new sweep asks again. Earlier approvals are not executed.");
    spoken(text)
}

/// Returns the message in the channel when it goes on.
pub fn resumed(by: &Person, at: DateTime<Utc>, epoch: i64) -> Card {
    spoken(Text::default().and(mention(by)).then(" resumed the database, ").with(Span::Time(at)).then(
        format!(
            ". Open requests end, and a new sweep asks again. Earlier approvals are not executed. {}",
            now_in(epoch)
        ),
    ))
}

/// Returns the answer to the admin who resumed.
pub fn resumed_answer(done: &ResumedDatabase, missing: &[String], paused: &[PolicyName]) -> Text {
    let requests: Vec<String> = done.superseded.iter().map(ToString::to_string).collect();
    let mut text = Text::plain("Resumed. ");
    text = if requests.is_empty() {
        text.then("No request was open.")
    } else {
        text.then(format!(
            "{} and will not be executed: {}.",
            counted(requests.len(), "request has ended", "requests have ended"),
            some(&requests)
        ))
    };
    if !done.swept.is_empty() {
        text = text.then(format!(" A new sweep asks again: {}.", some(&done.swept)));
    }
    for policy in paused.iter().take(NAMED_MAX) {
        text =
            text.then(" ").with(Span::Code(policy.to_string())).then(" is still paused. To resume it, run ");
        text = text.command(format!("{RESUME} policy {policy}")).then(".");
    }
    if !missing.is_empty() {
        text = text.then(" Exemptions that the file lacks: ").quoted(some(missing));
        text = text.then(".");
    }
    text.then(" ").then(now_in(done.database.epoch))
}

/// Says what a resumed database is called from now on: exports and the CLI name it with its epoch.
fn now_in(epoch: i64) -> String {
    format!("New entries of the audit trail belong to epoch {epoch} of the database.")
}

/// Returns the card of a request whose database is stopped.
pub fn superseded_card(request: &Request) -> Card {
    let text = Text::plain(format!("Request {} of policy ", request.id))
        .with(Span::Code(request.policy.to_string()))
        .then(
            ": my database was restored or replaced, so nothing on this list is executed. Once an admin runs ",
        )
        .command(RESUME)
        .then(", a new sweep asks again.");
    let title = "Superseded by a restore".to_owned();
    Card { summary: text.clone(), blocks: vec![Block::Header(title), Block::Section(text)] }
}

/// Says why nothing is decided or started while the database is stopped.
pub fn refused() -> Text {
    Text::plain(
        "My database is older than my messages, or was replaced, so I have stopped and nothing was changed. An admin resumes with ",
    )
    .command(RESUME)
    .then(".")
}

/// Says why a request of an earlier epoch can't be decided.
pub fn superseded() -> Text {
    Text::plain(
        "This request is older than the restore of my database, so nothing was changed. Decide on the request that asks again, or run ",
    )
    .command("sweep")
    .then(".")
}

/// Says why a button or dialog of another database changes nothing.
pub fn not_of_this_database(earlier_epoch: bool) -> Text {
    let text = if earlier_epoch {
        Text::plain(
            "That message is older than the restore of my database, so nothing was changed. Use a newer message, or run ",
        )
    } else {
        Text::plain("That message is from another bot of this ").chat_name().then(
            " app, or from another database, so nothing was changed here. To see my open requests, run ",
        )
    };
    text.command("pending").then(".")
}

/// Returns the answer to an admin who would resume one policy of a stopped database.
pub fn resume_all() -> Text {
    Text::plain(
        "The whole database is stopped, not one policy, so nothing was changed. To resume everything, run ",
    )
    .command(RESUME)
    .then(" without a policy.")
}

/// Returns the answer to an admin whose command was on its way when the stop began.
pub fn resume_again() -> Text {
    Text::plain(
        "Nothing was changed: I stopped after you sent that, because my database is out of date or was replaced. My \
         message in the channel has the details. To resume anyway, run ",
    )
    .command(RESUME)
    .then(" again.")
}

/// Returns the database by name, where its head is said.
pub fn name(database: &DatabaseId) -> String {
    format!("database {}, epoch {}", database.id, database.epoch)
}
