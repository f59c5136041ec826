//! Looking back, in words: audit pages, exports, reports, evidence, and whether the chain holds.

use chrono::NaiveDate;

use crate::chat::{Block, Card, Room, Span, Text};
use crate::domain::audit::AuditEvent;
use crate::domain::date_range::{Misread, UNDERSTOOD};
use crate::domain::digest::Tally;
use crate::domain::report::{Listing, Report, ReportStep, SLICES_MAX, Slice};
use crate::store::Verified;
use crate::wording::answers::{ask_button, event_line};
use crate::wording::layout::{list, starts};
use crate::wording::{accounts, counted, did_you_mean, refusals, span_of_time};

/// The most characters of a picture's description.
const ALT_MAX: usize = 1000;

/// A page of the audit trail.
pub struct Page<'a> {
    /// Its events, newest first.
    pub events: &'a [AuditEvent],
    /// What was asked for, in words.
    pub filters: &'a [String],
    /// The command line of the page before this one, if there is one.
    pub newer: Option<String>,
    /// The command line of the page after this one, if there is one.
    pub older: Option<String>,
}

/// How many of these events, from the first on, fit on one page of at most so many.
pub fn fitting(events: &[AuditEvent], most: usize, room: Room) -> usize {
    let needed = events.iter().map(|event| room.of_paragraph(&event_line(event)));
    starts(needed, most, room.page_chars).get(1).copied().unwrap_or(events.len())
}

/// The answer to `audit`.
pub fn audit(page: &Page) -> Card {
    let asked = filters(page.filters);
    if page.events.is_empty() {
        let text = Text::plain("No audit event matches").and(asked).then(".");
        let text = if page.filters.is_empty() {
            text.then(" Nothing has happened yet that you may see.")
        } else {
            text.then(" Leave a filter out or widen the time. ").command("help audit").then(" has examples.")
        };
        return list(text, Vec::new());
    }
    let count = counted(page.events.len(), "audit event", "audit events");
    let which = if page.newer.is_none() { "The latest " } else { "" };
    let title = Text::plain(format!("{which}{count}")).and(asked).then(":");
    let mut card = list(title, page.events.iter().map(event_line).collect());
    let buttons = [("Newer", &page.newer), ("Older", &page.older)];
    let buttons = buttons.into_iter().filter_map(|(label, line)| Some(ask_button(label, line.clone()?)));
    let buttons: Vec<_> = buttons.collect();
    if !buttons.is_empty() {
        card.blocks.push(Block::Buttons(buttons));
    }
    card
}

fn filters(filters: &[String]) -> Text {
    match filters {
        [] => Text::default(),
        filters => Text::plain(" (").quoted(filters.join(", ")).then(")"),
    }
}

/// A date that can't be used.
pub fn misread(misread: &Misread) -> Text {
    let examples = UNDERSTOOD.join(", ");
    let text = match misread {
        Misread::NotUnderstood(text) if text.is_empty() => Text::plain("A date is missing."),
        Misread::NotUnderstood(text) => Text::plain("I can't read ").quoted(text).then(" as a date."),
        Misread::NotInCalendar(text) => Text::plain("The calendar has no ").quoted(text).then("."),
        Misread::Ambiguous(text, days) => return ambiguous(text, days),
        Misread::InFuture(text) => Text::default().quoted(text).then(" has not begun yet."),
        Misread::Backwards(text) => Text::default().quoted(text).then(" ends before it begins."),
    };
    text.then(format!(" I understand: {examples}."))
}

/// Asks which of two days a date means.
pub fn ambiguous(text: &str, [one, other]: &[NaiveDate; 2]) -> Text {
    let in_words = |day: &NaiveDate| day.format("%-d %b %Y").to_string();
    Text::default()
        .quoted(text)
        .then(format!(" can be {} or {}. Write ", in_words(one), in_words(other)))
        .with(Span::Code(one.to_string()))
        .then(" or ")
        .with(Span::Code(other.to_string()))
        .then(".")
}

/// Words of a question that mean nothing.
pub fn not_a_filter(word: &str, nearest: Option<&str>) -> Text {
    let text = Text::plain("I don't understand ").quoted(word).then(" there.");
    let text = did_you_mean(text, nearest);
    text.then(" You can give one person and these filters: since, until, in, by, outcome, request, policy.")
}

/// A keyword without its value.
pub fn filter_needs_a_value(word: &str) -> Text {
    Text::plain("Something is missing after ").quoted(word).then(".")
}

/// An outcome that is none.
pub fn not_an_outcome(word: &str, nearest: Option<&str>, known: &[&str]) -> Text {
    let text = Text::plain("There is no outcome ").quoted(word).then(".");
    let text = did_you_mean(text, nearest);
    text.then(format!(" The outcomes are: {}.", known.join(", ")))
}

/// Part of a login that too many accounts have.
pub fn too_many_accounts(part: &str, max: usize) -> Text {
    Text::plain(format!("More than {max} accounts have "))
        .quoted(part)
        .then(" in their login. Write more of the login.")
}

/// `by` names an address that nobody in the chat system has.
pub fn nobody_with_address(address: &str) -> Text {
    Text::plain("Nobody in ")
        .chat_name()
        .then(" has the address ")
        .quoted(address)
        .then(". Mention them instead.")
}

/// The chat system can't say who has an address.
pub fn cant_find_person(error: &str) -> Text {
    Text::plain("I can't look that person up in ").chat_name().then(" now: ").sentence(error)
}

/// A policy that the person may not ask about, or that there is none of.
pub fn no_such_policy(name: &str, known: &[&str]) -> Text {
    Text::plain("There is no policy ")
        .quoted(name)
        .then(format!(" that you may see. You may see: {}.", known.join(", ")))
}

/// A question too long to be carried by a button.
pub fn question_too_long() -> Text {
    Text::plain("That question is too long. Ask with fewer words.")
}

/// Somebody else's file is being made.
pub fn busy() -> Text {
    Text::plain(
        "Another export, evidence or verification is running, and only one can run at a time. Try again soon.",
    )
}

/// An export or a bundle would be too large.
pub fn too_much(max: usize) -> Text {
    Text::plain(format!(
        "That is more than {max} events, too many for one file. Narrow it with since and until."
    ))
}

/// Nothing to put into a file.
pub fn nothing_to_export(asked: &[String]) -> Text {
    Text::plain("No audit event matches")
        .and(filters(asked))
        .then(", so there is nothing to export. Leave a filter out or widen the time.")
}

/// A file that was made.
pub struct Made<'a> {
    /// What it is: "12 audit events", "Evidence of contractors".
    pub what: String,
    /// What was asked for, in words.
    pub filters: &'a [String],
    /// The numbers of its first and last event.
    pub range: Option<(i64, i64)>,
    /// Number and hash of the chain's head when it was made.
    pub head: &'a (i64, String),
    /// The file's SHA-256.
    pub sha256: &'a str,
    /// Whether events that the person may not see were left out.
    pub restricted: bool,
}

/// What is said with the file.
pub fn made(made: &Made) -> Text {
    let text = Text::plain(made.what.clone()).and(filters(made.filters)).then(".");
    let text = match made.range {
        Some((first, last)) => text.then(format!(" Events {first} to {last}.")),
        None => text,
    };
    let (seq, hash) = made.head;
    let text = text.then(format!("\nHead of the audit trail: event {seq}, ")).with(Span::Code(hash.clone()));
    let text = text.then("\nSHA-256 of the file: ").with(Span::Code(made.sha256.to_owned()));
    if made.restricted {
        text.then("\nIt leaves out events of other policies and of the bot itself.")
    } else {
        text
    }
}

/// The answer to a command that made a file for its person. `what` is "the evidence" or "the export of 12 audit
/// events".
pub fn sent(what: &str, made_text: Text) -> Card {
    let summary = Text::plain(format!("I sent you {what} in a direct message."));
    Card { summary: summary.clone(), blocks: vec![Block::Section(summary), Block::Context(made_text)] }
}

/// The file was made and recorded, and can't be delivered.
pub fn not_sent(what: &str, error: &str) -> Text {
    Text::plain(format!("I made {what}, but I can't send it to you: "))
        .sentence(error)
        .then(" Try again later.")
}

/// The answer to `verify`.
pub fn verified(verified: &Verified) -> Card {
    let head = Span::Code(verified.head.clone());
    let in_order = verified.events - verified.archived;
    let mut in_words = counted(usize::try_from(in_order).unwrap_or_default(), "event", "events");
    if verified.archived > 0 {
        in_words = format!("{in_words} (events up to {} are archived)", verified.archived);
    }
    let text = match (verified.broken_at, in_order) {
        (None, 0) => Text::plain("The audit trail is empty, and nothing is wrong with it."),
        (None, _) => Text::plain(format!("The audit trail verifies: {in_words} in order, head ")).with(head).then(
            ".\nNo single event was changed, removed or inserted. A rewrite of the whole trail shows only against a head \
             kept elsewhere. Compare this head with those in the channel and in exports.",
        ),
        (Some(at), before) => {
            let text = Text::plain(format!("The audit trail is BROKEN at event {at}: that event was changed or is missing. "));
            let text = match before {
                0 => text.then("No event verifies."),
                _ => text.then(format!("The {in_words} before it {}, up to head ", if before == 1 { "verifies" } else { "verify" })).with(head).then("."),
            };
            text.then(
                "\nSomebody changed the database, or the disk is damaged. Keep a copy of the database file as it is, stop \
                 the bot, and find out who had access to the file. Earlier backups, exports and heads in the channel \
                 show what was changed. Later events prove nothing.",
            )
        }
    };
    refusals::note(text)
}

/// What is wrong with a period for a report.
pub fn too_many_slices() -> Text {
    Text::plain(format!(
        "That is more than {SLICES_MAX} months, too long for one picture. Ask for a shorter period."
    ))
}

/// The numbers of a report as text.
pub fn report(report: &Report) -> Card {
    let title = report_title(report);
    if report.is_empty() {
        return refusals::note(
            title.then(": no sweep ran and nothing was decided in that time, so there is nothing to report."),
        );
    }
    let title = title.then(format!(": {}", in_total(report)));
    // One line for all the weeks in a row of which there is nothing to say.
    let quiet = |one: &Slice, next: &Slice| is_quiet(one) && is_quiet(next);
    let lines = report.slices.chunk_by(quiet).filter_map(|slices| slices_line(slices, report.step)).collect();
    list(title, lines)
}

fn report_title(report: &Report) -> Text {
    Text::plain("Report on ").with(Span::Code(report.policy.to_string())).then(format!(", {}", days(report)))
}

/// Returns "3 accounts suspended, 1 restored. Median time to a decision: 2 hours."
fn in_total(report: &Report) -> String {
    let total = report.total();
    let now = report.latest().map(|listing| format!("{}. ", listed(&listing))).unwrap_or_default();
    let median = match total.median_to_decide() {
        Some(median) => format!(" Median time to a decision: {}.", to_decide(median)),
        None => String::new(),
    };
    format!("{now}{}.{median}", happened(&total))
}

fn listed(listing: &Listing) -> String {
    let contractors = counted(listing.contractors as usize, "contractor", "contractors");
    format!("{contractors}, {} of them inactive", listing.inactive)
}

/// Names what happened at all: zeros say nothing.
fn happened(tally: &Tally) -> String {
    let requests = |count: u32| counted(count as usize, "request", "requests");
    let parts = [
        (tally.suspended, format!("{} suspended", accounts(tally.suspended as usize))),
        (tally.restored, format!("{} restored", tally.restored)),
        (tally.kept, format!("{} kept", tally.kept)),
        (tally.denied, format!("{} denied", requests(tally.denied))),
        (tally.expired, format!("{} expired", requests(tally.expired))),
    ];
    let named: Vec<String> =
        parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, words)| words).collect();
    if named.is_empty() { "Nobody was suspended, restored or kept".to_owned() } else { named.join(", ") }
}

/// "2 hours", or "less than a minute".
pub(super) fn to_decide(median: chrono::Duration) -> String {
    if median.num_minutes() < 1 { "less than a minute".to_owned() } else { span_of_time(median) }
}

/// The report's days in words: "6 Jul 2026 to 26 Jul 2026".
fn days(report: &Report) -> String {
    let in_words = |day: NaiveDate| day.format("%-d %b %Y").to_string();
    format!("{} to {}", in_words(report.days.0), in_words(report.days.1))
}

fn is_quiet(slice: &Slice) -> bool {
    slice.listing.is_none() && slice.tally == Tally::default()
}

fn slices_line(slices: &[Slice], step: ReportStep) -> Option<Text> {
    let (slice, last) = (slices.first()?, slices.last()?);
    let text = Text::default().with(Span::Bold(slices_name(slice.day, last.day, step))).then(": ");
    if is_quiet(slice) {
        return Some(text.then("no sweep ran, and nothing was decided."));
    }
    let text = match &slice.listing {
        Some(listing) => text.then(format!("{}. ", listed(listing))),
        None => text.then("no sweep. "),
    };
    let text = text.then(format!("{}.", happened(&slice.tally)));
    Some(match slice.tally.median_to_decide() {
        Some(median) => text.then(format!(" Median time to a decision: {}.", to_decide(median))),
        None => text,
    })
}

/// Names the week or month of each of two days, and those between them: "Week of 6 Jul", "Jul 2026 to Sep 2026".
fn slices_name(first: NaiveDate, last: NaiveDate, step: ReportStep) -> String {
    let (one, many, day) = match step {
        ReportStep::Week => ("Week of ", "Weeks of ", "%-d %b"),
        ReportStep::Month => ("", "", "%b %Y"),
    };
    let named = |date: NaiveDate| date.format(day).to_string();
    if first == last {
        format!("{one}{}", named(first))
    } else {
        format!("{many}{} to {}", named(first), named(last))
    }
}

/// What the picture of a report shows, for who can't see it.
pub fn picture_alt(report: &Report) -> String {
    let each = match report.step {
        ReportStep::Week => "week",
        ReportStep::Month => "month",
    };
    let mut alt = format!("Four line charts of {}, {}, per {each}. ", report.policy, days(report));
    alt += &in_total(report);
    let trend = |name: &str, value: &dyn Fn(&Slice) -> Option<u32>| {
        let values: Vec<String> = report
            .slices
            .iter()
            .map(|slice| value(slice).map_or("–".to_owned(), |value| value.to_string()))
            .collect();
        format!(" {name}: {}.", values.join(" "))
    };
    let trends = [
        trend("Contractors", &|slice| Some(slice.listing?.contractors)),
        trend("Inactive", &|slice| Some(slice.listing?.inactive)),
        trend("Suspended", &|slice| Some(slice.tally.suspended)),
        trend("Restored", &|slice| Some(slice.tally.restored)),
        trend("Kept", &|slice| Some(slice.tally.kept)),
        trend("Denied", &|slice| Some(slice.tally.denied)),
        trend("Expired", &|slice| Some(slice.tally.expired)),
    ];
    for trend in trends {
        if alt.chars().count() + trend.chars().count() <= ALT_MAX {
            alt += &trend;
        }
    }
    alt.chars().take(ALT_MAX).collect()
}

/// What is said with the picture.
pub fn picture_comment(report: &Report) -> Text {
    report_title(report).then(format!(": {}", in_total(report)))
}

/// Where the picture of a report is going to be.
pub fn picture_follows(here: bool) -> Text {
    Text::plain(if here {
        "I am posting the picture below."
    } else {
        "I am sending you the picture in a direct message."
    })
}

/// A report's picture could not be shown.
pub fn picture_not_sent(error: &str) -> Text {
    Text::plain("The picture of the report could not be shown: ")
        .sentence(error)
        .then(" The text above has all of its numbers.")
}
