//! Exemptions and restorations, in words.

use chrono::{DateTime, Utc};

use crate::chat::{Block, Card, ChatWord, MessageRef, Span, Text};
use crate::domain::account::Account;
use crate::domain::attempt::{Attempt, RetryState};
use crate::domain::exemption::{End, Granted, Refusal};
use crate::domain::ids::RequestId;
use crate::domain::policy::Policy;
use crate::domain::restoration::{Restoration, RestorationState, Skip};
use crate::identity::Terms;
use crate::wording::layout::{LINES_MAX, list as listed, spoken};
use crate::wording::{account_who, accounts, counted, last_moment, mention, span_of_time, who};

/// The answer to a granted exemption.
pub fn exempted(granted: &Granted, waiting_in: Option<RequestId>, now: DateTime<Utc>) -> Card {
    let mut text = Text::default().login_as_name(&granted.account.login);
    text = if granted.has_begun(now) {
        text.then(" is exempt until ")
    } else {
        text.then(" is exempt from ").with(Span::Time(granted.starts_at)).then(" until ")
    };
    text = text
        .with(Span::Time(last_moment(granted.ends_at)))
        .then(" under policy ")
        .with(Span::Code(granted.policy.to_string()))
        .then(format!(" (exemption {}). You own it; the channel is notified before it ends.", granted.id));
    if let Some(request) = waiting_in {
        text = text.then(format!(
            " Request {request} lists the account; it is left alone there too while the exemption is in force."
        ));
    }
    Card { summary: text, blocks: Vec::new() }
}

/// Adds to the answer to an exemption that no end was given.
pub fn without_an_end(mut card: Card) -> Card {
    card.summary = card.summary.then(" No end was given, so it lasts as long as the policy allows.");
    card
}

/// The answer to ending an account's exemptions.
pub fn lifted(account: &Account, policy: &Policy, lifted: &[Granted]) -> Card {
    let text = account_who(account);
    let text = if lifted.is_empty() {
        text.then(" has no exemption under policy ").with(Span::Code(policy.name.to_string())).then(
            " that a person granted, so nothing was changed. Exemptions by login, group or attribute are in the \
             configuration.",
        )
    } else {
        text.then(format!(
            " is no longer exempt: {} ended now. The next sweep judges it like any other account.",
            counted(lifted.len(), "exemption", "exemptions")
        ))
    };
    Card { summary: text, blocks: Vec::new() }
}

/// The answer to `exemptions`.
pub fn list(open: &[Granted], now: DateTime<Utc>) -> Card {
    if open.is_empty() {
        return listed(Text::plain("No person has granted an exemption."), Vec::new());
    }
    let mut lines: Vec<Text> = open.iter().take(LINES_MAX).map(|granted| line(granted, now)).collect();
    if open.len() > lines.len() {
        lines.push(Text::plain(format!("… and {} that end later.", open.len() - lines.len())));
    }
    listed(Text::plain(format!("{} granted by people:", exempt_accounts(open.len()))), lines)
}

fn exempt_accounts(count: usize) -> String {
    counted(count, "exemption", "exemptions")
}

/// Returns one exemption in words: the account, until when, who granted it, and why.
pub fn line(granted: &Granted, now: DateTime<Utc>) -> Text {
    let text = Text::default().login_as_name(&granted.account.login);
    let text = match &granted.end {
        None | Some((_, End::Lapsed)) if !granted.has_begun(now) => text
            .then(" from ")
            .with(Span::Time(granted.starts_at))
            .then(" until ")
            .with(Span::Time(last_moment(granted.ends_at))),
        Some((at, End::Lapsed)) if !granted.is_open(now) => text.then(" ended ").with(Span::Time(*at)),
        None | Some((_, End::Lapsed)) => text.then(" until ").with(Span::Time(last_moment(granted.ends_at))),
        Some((at, End::Lifted { by, .. })) => {
            text.then(" ended ").with(Span::Time(*at)).then(" by ").and(mention(by))
        }
    };
    text.then(format!(" · {} · exemption {} by ", granted.policy, granted.id))
        .and(mention(&granted.by))
        .then(": ")
        .quoted(&granted.reason)
}

/// The message in the channel that exemptions end soon.
pub fn ending_soon(batch: &[Granted], now: DateTime<Utc>) -> Card {
    let (verb, count) = if batch.len() == 1 { ("ends", "1 exemption") } else { ("end", "") };
    let count = if count.is_empty() { exempt_accounts(batch.len()) } else { count.to_owned() };
    let policy = batch.first().map(|granted| granted.policy.to_string()).unwrap_or_default();
    let summary = Text::default().with(Span::Code(policy)).then(format!(
        ": {count} {verb} soon. After that the next sweep judges the {} like any other.",
        if batch.len() == 1 { "account" } else { "accounts" }
    ));
    let mut blocks = vec![Block::Section(summary.clone())];
    blocks.extend(batch.iter().take(LINES_MAX).map(|granted| Block::Section(line(granted, now))));
    if batch.len() > LINES_MAX {
        let rest = format!("… and {} more; see ", accounts(batch.len() - LINES_MAX));
        let command = Span::Command("exemptions".into());
        blocks.push(Block::Section(Text::plain(rest).with(command).then(".")));
    }
    let login = batch.first().map_or("LOGIN", |granted| granted.account.login.as_str());
    let command = Span::Command(format!("exempt {login} for 30d REASON"));
    blocks.push(Block::Context(Text::plain("To extend one: ").with(command)));
    Card { summary, blocks }
}

/// Why an exemption is not granted.
pub fn refusal(refusal: &Refusal) -> Text {
    match refusal {
        Refusal::NoReason => Text::plain(
            "Nothing was changed: a reason is missing. In a command it goes at the end of the line.",
        ),
        Refusal::ReasonTooLong => {
            Text::plain("Nothing was changed: the reason is longer than 500 characters.")
        }
        Refusal::EndsTooEarly => {
            Text::plain("Nothing was changed: the exemption would end before it starts, or before now.")
        }
        Refusal::TooLong { max } => Text::plain(format!(
            "Nothing was changed: this policy allows exemptions of {} at most. Ask for a shorter one. The channel is \
             notified before it ends, so you can renew it.",
            span_of_time(*max)
        )),
        Refusal::StartsTooLate => {
            Text::plain("Nothing was changed: an exemption may start a year from now at the latest.")
        }
        Refusal::OwnAccount => {
            Text::plain("You can't exempt your own account, so nothing was changed. Ask another approver.")
        }
        Refusal::NoEmail => no_email("this might be your own account"),
    }
}

/// Answers a person who asked to restore an account. It is `again` if the account is being restored already.
pub fn restore_asked(
    account: &Account,
    again: Option<&Restoration>,
    left_alone_until: DateTime<Utc>,
) -> Text {
    let text = account_who(account);
    match again {
        Some(before) => {
            let text =
                text.then(" is already being restored: ").and(mention(&before.wish.by)).then(" asked for it");
            match &before.state {
                RestorationState::Due(Attempt { trouble: RetryState { error: Some(error), .. }, .. }) => {
                    text.then(". It waits because of an error: ").sentence(error)
                }
                RestorationState::Due { .. }
                | RestorationState::Restored { .. }
                | RestorationState::Skipped { .. }
                | RestorationState::Failed { .. } => text.then("."),
            }
        }
        None => text
            .then(" is being restored; the channel is notified when that is done. The policy then leaves it alone until ")
            .with(Span::Time(left_alone_until))
            .then(", unless its owner is active sooner."),
    }
}

/// The message in the channel that reports the result of a restoration.
pub fn restoration(
    restoration: &Restoration,
    card: Option<&MessageRef>,
    left_alone_until: Option<DateTime<Utc>>,
    terms: Terms,
) -> Card {
    let (provider, console) = (terms.name, terms.console);
    let wish = &restoration.wish;
    let account = who(&wish.name, &wish.account.login);
    let text = Text::default().with(Span::Code(wish.policy.to_string())).then(": ").and(account);
    let text = match &restoration.state {
        RestorationState::Due { .. } => text.then(" is being restored"),
        RestorationState::Restored { .. } => text.then(" has access again"),
        RestorationState::Skipped { why: Skip::Gone, .. } => {
            text.then(format!(" can't be restored, because {provider} no longer has the account"))
        }
        RestorationState::Skipped { why: Skip::ChangedByOthers, .. } => text.then(
            " was not restored, because somebody else has suspended it again",
        ),
        RestorationState::Skipped { why: Skip::Unproven, .. } => text.then(
            " was not restored, because the audit trail has no record of that request. Somebody changed the database by \
             hand, so keep the file as evidence",
        ),
        RestorationState::Skipped { why: Skip::Superseded, .. } => text
            .then(" was not restored: the request is older than the backup that my database was replaced with. Ask again if needed"),
        RestorationState::Skipped { why: Skip::NotSuspended(status), .. } => text
            .then(" was not restored, because the account is not suspended: its status is ")
            .with(Span::Code(status.to_string())),
        RestorationState::Failed { error, unclear: true, .. } => text
            .then(format!(
                " may be restored or not: the bot tried, but could not read the account afterwards. Check it in \
                 {provider}'s {console}. The last error: "
            ))
            .quoted(error),
        RestorationState::Failed { error, too_late: true, .. } => {
            let text = text.then(format!(
                " could NOT be restored in time. Ask again, or do it in {provider}'s {console}"
            ));
            if error.is_empty() { text } else { text.then(". The last error: ").quoted(error) }
        }
        RestorationState::Failed { error, too_late: false, .. } => text
            .then(format!(
                " could NOT be restored. Somebody has to do it in {provider}'s {console}. The last error: "
            ))
            .quoted(error),
    };
    let mut text = text.then(". ").and(mention(&wish.by)).then(" asked for this.");
    if let (Some(request), Some(card)) = (wish.request, card) {
        let label = format!("request {request}");
        let link = Span::MessageLink { message: card.clone(), label };
        text = text.then(" It was suspended by ").with(link).then(".");
    }
    if let Some(until) = left_alone_until {
        text = text.then(" The policy leaves it alone until ").with(Span::Time(until)).then(".");
    }
    let text = text.then(" Reason: ").quoted(&wish.reason);
    spoken(text)
}

/// Says why nobody is restored.
pub fn not_restored(account: &Account, why: NotRestored, terms: Terms) -> Text {
    let there = format!("in {}'s {}.", terms.name, terms.console);
    let text = account_who(account);
    match why {
        NotRestored::NotSuspended => text
            .then(" is not suspended, so there is nothing to restore. Its status is ")
            .with(Span::Code(account.status.to_string()))
            .then("."),
        NotRestored::NotOurs => text.then(format!(
            " was not suspended by this bot, so only an admin of the policy may restore it. Nothing was changed; ask \
             one of them, or do it {there}"
        )),
        NotRestored::OtherPolicy => Text::plain(format!(
            "That account was suspended under another policy, and only that policy's approvers may restore it. \
             Nothing was changed; ask them, or do it {there}"
        )),
        NotRestored::OtherType => Text::plain(format!(
            "This bot did not suspend that account, and the policy does not cover its user type, so nothing was \
             changed. Do it {there}"
        )),
        NotRestored::Protected => Text::plain(format!(
            "This bot did not suspend that account, and it is an administrator's, the bot's own or on the break-glass \
             list, so nothing was changed. Do it {there}"
        )),
        NotRestored::OwnAccount => {
            Text::plain("You can't restore your own account, so nothing was changed. Ask another approver.")
        }
        NotRestored::NoReason => {
            Text::plain("Nothing was changed: a reason is missing. In a command it goes at the end of the line.")
        }
        NotRestored::ReasonTooLong => {
            Text::plain("Nothing was changed: the reason is longer than 500 characters.")
        }
        NotRestored::NoEmail => no_email("this might be your own account"),
    }
}

/// Why an account is not restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRestored {
    NotSuspended,
    /// Somebody else suspended it, and the person is no admin.
    NotOurs,
    /// Another policy suspended it, for which the person does not decide.
    OtherPolicy,
    /// Somebody else suspended it, and the policy is about another type.
    OtherType,
    /// Somebody else suspended it, and no button may touch it.
    Protected,
    /// It is the person's own.
    OwnAccount,
    /// No reason was given.
    NoReason,
    ReasonTooLong,
    /// It can't be determined whether it is the person's own.
    NoEmail,
}

/// Says that the chat gives no address of the person, and what `might` follow from that.
pub(super) fn no_email(might: &str) -> Text {
    Text::default()
        .chat_name()
        .then(format!(" doesn't give me your e-mail address, so {might}. Nothing was changed. "))
        .then("Ask another approver. An admin can fix it by granting the app the scope ")
        .with(Span::Chat(ChatWord::AddressRight))
        .then(".")
}
