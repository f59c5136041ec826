//! Reports accounts that somebody else restored.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::chat::{Block, Card, MessageRef, Span, Text};
use crate::domain::account::{AccountStatus, Changer};
use crate::domain::assess::left_alone_until;
use crate::domain::candidate::Candidate;
use crate::domain::drift::{Back, Watch};
use crate::domain::ids::RequestId;
use crate::domain::missed::Missed;
use crate::domain::policy::Policy;
use crate::domain::request::Request;
use crate::identity::Terms;
use crate::store::Drifted;
use crate::wording::actions::{ButtonAction, RowAction, RowEntry};
use crate::wording::layout::short;
use crate::wording::row_menu::undo_until;
use crate::wording::{accounts, counted, sign_in_words, who};

/// So many accounts the message in the channel names; the threads name all.
const NAMED_MAX: usize = 20;

/// The message in the channel.
pub fn in_channel(
    policy: &Policy,
    found: &[Drifted],
    cards: &BTreeMap<RequestId, MessageRef>,
    terms: Terms,
) -> Card {
    let mut summary = Text::default().with(Span::Code(policy.name.to_string())).then(": ");
    summary = match found {
        [one] => summary.and(told(one, terms)),
        _ => summary.then(format!(
            "{} were restored by someone else and are active again.",
            counted(found.len(), "suspended account", "suspended accounts")
        )),
    };
    let mut blocks = vec![Block::Section(summary.clone())];
    if found.len() > 1 {
        let line = |one: &Drifted| Block::Section(told(one, terms).then(" ").and(place(one, cards)));
        blocks.extend(found.iter().take(NAMED_MAX).map(line));
    } else if let Some(one) = found.first() {
        blocks.push(Block::Section(place(one, cards).then(" ").and(what_follows(policy, one))));
    }
    if found.len() > NAMED_MAX {
        let rest = format!(
            "… and {}, named in the threads.",
            counted(found.len() - NAMED_MAX, "more account", "more accounts")
        );
        blocks.push(Block::Section(Text::plain(rest)));
    }
    blocks.push(Block::Context(advice(found.iter().map(|one| &one.back.by))));
    Card { summary, blocks }
}

/// The message in the thread of the card by which they were suspended.
pub fn in_thread(policy: &Policy, found: &[&Drifted], terms: Terms) -> Card {
    let summary = match found {
        [one] => told(one, terms),
        _ => Text::plain(format!(
            "{} of this request were restored by someone else and are active again.",
            accounts(found.len())
        )),
    };
    let line = |one: &&Drifted| Block::Section(told(one, terms).then(" ").and(what_follows(policy, one)));
    Card { summary, blocks: found.iter().map(line).collect() }
}

/// Returns the message in the thread of the card about a sign of life that came to light after the suspension.
pub fn missed(
    policy: &Policy,
    request: &Request,
    candidate: Option<&Candidate>,
    watch: &Watch,
    missed: &Missed,
    now: DateTime<Utc>,
    terms: Terms,
) -> Card {
    let what =
        missed.sign.as_ref().map_or_else(|| Text::plain("signed in"), |sign| sign_in_words(Some(sign)));
    let text = who(&watch.name, &watch.account.login).then(" ").and(what).then(", ");
    let text = text.with(Span::Time(missed.at));
    let text = if missed.at <= watch.suspended_at {
        let Terms { name, log, .. } = terms;
        text.then(format!(". That was not yet in {name}'s {log} when the bot suspended the account, "))
    } else {
        text.then(". That was after the bot suspended the account, ")
    };
    let summary = text.with(Span::Time(watch.suspended_at)).then(".");
    let mut blocks = vec![Block::Section(summary.clone())];
    let in_time =
        candidate.filter(|candidate| undo_until(policy, candidate).is_some_and(|until| now < until));
    let advice = "If the account is still needed, an approver can restore it";
    let advice = if let Some(candidate) = in_time {
        let restore = ButtonAction::Row(RowEntry {
            what: RowAction::Restore,
            request: request.id,
            position: candidate.position,
            list_hash: request.list_hash.clone(),
        });
        blocks.push(Block::Buttons(vec![restore.button("Restore access…")]));
        Text::plain(advice).then(".")
    } else {
        let command = format!("restore {} REASON", watch.account.login);
        Text::plain(advice).then(": ").command(command).then(".")
    };
    blocks.push(Block::Context(advice));
    Card { summary, blocks }
}

/// "Kim (kim@…) is active again: restored by an import from Workday, 23 Nov 2026, 09:50 UTC."
fn told(one: &Drifted, terms: Terms) -> Text {
    let text = who(&one.watch.name, &one.watch.account.login);
    let text = match &one.back.status {
        AccountStatus::Active => text.then(" is active again"),
        status @ (AccountStatus::Suspended | AccountStatus::NotSuspendable { .. }) => {
            text.then(" is no longer suspended; its status is ").with(Span::Code(status.to_string()))
        }
    };
    match by(&one.back) {
        Some(by) => text.then(": ").and(by).then(", ").with(Span::Time(one.back.at)).then("."),
        None => text
            .then(" since ")
            .with(Span::Time(one.back.at))
            .then(format!(". {}'s {} does not say who restored the account.", terms.name, terms.log)),
    }
}

/// Says who restored it, if the log does.
fn by(back: &Back) -> Option<Text> {
    match &back.by {
        Changer::Import { source } => Some(Text::plain("restored by an import from ").quoted(short(source))),
        Changer::Admin { name, .. } => {
            Some(Text::plain("restored by the administrator ").quoted(short(name)))
        }
        Changer::Us => Some(Text::plain("restored with this bot's own credential, but not by this bot")),
        Changer::Unknown => None,
    }
}

fn place(one: &Drifted, cards: &BTreeMap<RequestId, MessageRef>) -> Text {
    let request = one.watch.request;
    let label = format!("request {request}");
    let text = Text::plain("Suspended ").with(Span::Time(one.watch.suspended_at)).then(" in ");
    match cards.get(&request) {
        Some(card) => text.with(Span::MessageLink { message: card.clone(), label }).then("."),
        None => text.then(label + "."),
    }
}

fn what_follows(policy: &Policy, one: &Drifted) -> Text {
    Text::plain("The policy leaves the account alone until ")
        .with(Span::Time(left_alone_until(one.back.at, &policy.rule)))
        .then(" and then judges it like any other.")
}

fn advice<'a>(mut by: impl Iterator<Item = &'a Changer> + Clone) -> Text {
    let text = Text::plain("Nobody is suspended again without a new approval.");
    let text = if by.clone().any(|by| matches!(by, Changer::Import { .. })) {
        text.then(
            " The import restores people while its source lists them as active, so end the contract in the source.",
        )
    } else {
        text
    };
    if by.any(|by| *by == Changer::Us) {
        text.then(" Find out who else uses the bot's credential, and replace it.")
    } else {
        text
    }
}
