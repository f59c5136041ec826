//! Messages that stand on their own: the result of a request, and sweeps that asked nothing.

use chrono::{DateTime, Utc};

use crate::chat::{Block, Card, MessageRef, Room, Span, Text};
use crate::domain::attempt::Sessions;
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::plan::{Counts, Guard};
use crate::domain::policy::Rule;
use crate::domain::reminders::Kind;
use crate::domain::request::{Request, RequestState, Retry};
use crate::domain::settings::People;
use crate::identity::Terms;
use crate::wording::layout::{spoken, starts};
use crate::wording::{
    accounts, by_both, counted, guard_in_words, mention, outcome_in_words, rule_in_words, shown_who,
};

/// The message in the channel that says how a request ended. `None` while it has not.
pub fn ending(
    request: &Request,
    candidates: &[Candidate],
    card: &MessageRef,
    chain: Option<(i64, &str)>,
) -> Option<Card> {
    let policy = Span::Code(request.policy.to_string());
    let link = Span::MessageLink { message: card.clone(), label: format!("request {}", request.id) };
    let text = match &request.state {
        RequestState::Preview
        | RequestState::Held { .. }
        | RequestState::Pending { .. }
        | RequestState::Approved { .. } => return None,
        RequestState::Completed { decision, first, retry, .. } => {
            let (said, by, first) = match retry {
                Some(retry) => (". Retry approved by ", &retry.decision, retry.first.as_ref()),
                None => (". Approved by ", decision, first.as_deref()),
            };
            Text::default()
                .with(policy)
                .then(": ")
                .then(outcomes_in_numbers(candidates, retry.as_deref()))
                .then(said)
                .and(by_both(first, by))
                .then(". The result for each account is in the thread of ")
                .with(link)
                .then(".")
        }
        RequestState::Denied { decision } => Text::default()
            .with(policy)
            .then(": ")
            .and(mention(&decision.by))
            .then(" denied ")
            .with(link)
            .then("; nobody is suspended.")
            .and(reason(decision.reason.as_deref())),
        RequestState::Expired { .. } => {
            Text::default().with(policy).then(": nobody answered ").with(link).then(format!(
                " in time, so nobody is suspended. {} listed.",
                counted(candidates.len(), "account was", "accounts were")
            ))
        }
        RequestState::Withdrawn { decision } => Text::default()
            .with(policy)
            .then(": ")
            .and(mention(&decision.by))
            .then(" withdrew ")
            .with(link)
            .then("; nobody is suspended.")
            .and(reason(decision.reason.as_deref())),
        RequestState::WentLive { decision } => Text::default()
            .with(policy)
            .then(": ")
            .and(mention(&decision.by))
            .then(" took the rule live. From now on sweeps ask for approval."),
        RequestState::Outdated { .. } => Text::default()
            .with(policy)
            .then(": the rule was changed before anybody decided on ")
            .with(link)
            .then(", so nobody on it is suspended. A fresh sweep asks by the new rule."),
    };
    let mut card = spoken(text);
    card.blocks.extend(chain.map(|(seq, head)| anchor(seq, head)));
    Some(card)
}

/// The message when the database can't be written. The last one of a day says that it is.
pub fn database_fails(error: &str, last: bool) -> Card {
    let text = Text::plain("I can't write to my database (").quoted(error).then(
        "). Until that is fixed I decide, suspend and sweep nothing, because nothing may happen without an audit event. \
         Ask the person who runs me to look at the disk. I continue on my own, and what was approved waits.",
    );
    spoken(if last {
        text.then(" This happened several times today. If it happens again, I only log it until tomorrow.")
    } else {
        text
    })
}

/// The message when it can be written again.
pub fn database_works(since: DateTime<Utc>) -> Card {
    spoken(
        Text::plain("I can write to my database again. Writes had failed since ")
            .with(Span::Time(since))
            .then(". The work continues."),
    )
}

/// Returns the last message of a process whose database file is not there any more.
pub fn database_lost() -> Card {
    spoken(Text::plain(
        "My database file was moved, deleted or replaced while I was running. I have stopped and will change nothing more. \
         When I start again, I use the file that is there. If you run this bot, put the right file in place \
         before you start it.",
    ))
}

/// Returns the last message of a process that can't tell whether a change is on the disk.
pub fn commit_in_doubt() -> Card {
    spoken(Text::plain(
        "The disk failed while I was saving a change, so I can't tell whether it was saved. I have stopped, and nobody is \
         suspended until I am started again. I then go on from what is on the disk. If you run this bot, look in \
         the system's log for what is wrong with the disk.",
    ))
}

/// Returns where the audit trail stands: kept in the channel, so that a rewritten file shows. 128 bits of the hash
/// can't be forged and can be read; the message's mark has all of it.
fn anchor(seq: i64, head: &str) -> Block {
    let head = Span::Code(head.get(..32).unwrap_or(head).to_owned());
    Block::Context(Text::plain(format!("Audit trail up to event {seq}, head ")).with(head))
}

/// "3 accounts suspended, 1 left alone": of all, or of those that were tried again.
fn outcomes_in_numbers(candidates: &[Candidate], retry: Option<&Retry>) -> String {
    let tried = |one: &&Candidate| retry.is_none_or(|retry| retry.positions.contains(&one.position));
    let count = |word| candidates.iter().filter(tried).filter(|one| one.state.word() == word).count();
    let mut parts = vec![format!("{} suspended", accounts(count("suspended")))];
    for (word, phrase) in
        [("skipped", "left alone"), ("kept", "kept active"), ("failed", "NOT suspended because of errors")]
    {
        if count(word) > 0 {
            parts.push(format!("{} {phrase}", count(word)));
        }
    }
    for (unknown, phrase) in [(false, "NOT ended"), (true, "perhaps NOT ended")] {
        let failed = |one: &&Candidate| match &one.state {
            CandidateState::Suspended { sessions: Sessions::Failed { unclear, .. }, .. } => {
                *unclear == unknown
            }
            _ => false,
        };
        let signed_in = candidates.iter().filter(tried).filter(failed).count();
        if signed_in > 0 {
            parts.push(format!("the sessions of {} {phrase}", accounts(signed_in)));
        }
    }
    parts.join(", ")
}

fn reason(reason: Option<&str>) -> Text {
    reason.map_or_else(Text::default, |reason| Text::plain(" Reason: ").quoted(reason))
}

fn outcome(request: &Request, candidate: &Candidate, now: DateTime<Utc>) -> Text {
    shown_who(&candidate.shown).then(": ").and(outcome_in_words(candidate, &request.rule, now))
}

/// The parts of a list whose outcomes are one message each: as many as fit, so that nobody's is left out for their
/// neighbours' names.
pub fn outcome_parts<'a>(
    request: &Request,
    told: &'a [Candidate],
    now: DateTime<Utc>,
    room: Room,
) -> Vec<&'a [Candidate]> {
    let needed = told.iter().map(|candidate| room.of_paragraph(&outcome(request, candidate, now)));
    let starts = starts(needed, room.paragraphs, room.message_chars);
    let ends = starts.iter().skip(1).copied().chain([told.len()]);
    starts.iter().zip(ends).map(|(start, end)| &told[*start..end]).filter(|part| !part.is_empty()).collect()
}

/// One message of the thread: the outcome of each account of a part of the list.
pub fn outcomes(request: &Request, part: &[Candidate], now: DateTime<Utc>) -> Card {
    let line = |candidate: &Candidate| Block::Section(outcome(request, candidate, now));
    let summary = Text::plain(format!(
        "{}: results for {} of request {}.",
        request.policy,
        accounts(part.len()),
        request.id
    ));
    Card { summary, blocks: part.iter().map(line).collect() }
}

/// The most people and groups that one message names.
pub(crate) const NAMED_MAX: usize = 20;

/// A request that nobody has answered so far, for those who could, or who can see to it.
pub fn unanswered(
    request: &Request,
    candidates: &[Candidate],
    card: &MessageRef,
    kind: Kind,
    to: &People,
) -> Card {
    let users = to.users.iter().map(|id| Span::Mention { id: id.clone(), name: String::new() });
    let named = users.chain(to.groups.iter().map(|id| Span::Group(id.clone())));
    let text = named.take(NAMED_MAX).fold(Text::default(), |text, span| text.with(span).then(" "));
    let link = Span::MessageLink { message: card.clone(), label: format!("request {}", request.id) };
    let open = candidates.iter().filter(|candidate| candidate.state.is_open()).count();
    let needs = match (&request.state, request.state.first_approval()) {
        (_, Some(first)) => Text::plain("has the approval of ")
            .and(mention(&first.decision.by))
            .then(" and needs a second one"),
        (RequestState::Held { .. }, None) => {
            Text::plain("is held by a guard and needs someone to release it")
        }
        (_, None) => Text::plain("needs a decision"),
    };
    let text = text
        .then(match kind {
            Kind::Reminder => "Reminder: ",
            Kind::Escalation => "The approvers have not decided yet: ",
        })
        .with(link)
        .then(" of ")
        .with(Span::Code(request.policy.to_string()))
        .then(format!(" ({}) ", accounts(open)))
        .and(needs);
    let text = match request.deadline {
        Some(deadline) => text.then(" by ").with(Span::Time(deadline)),
        None => text,
    };
    let text = text.then(". Otherwise nobody is suspended.");
    spoken(match kind {
        Kind::Reminder => text,
        Kind::Escalation => text.then(" Please make sure that one of them decides."),
    })
}

/// A sweep that found nobody to ask about.
pub fn no_candidates(policy: &str, rule: &Rule, counts: Counts) -> Card {
    let mut text = Text::default()
        .with(Span::Code(policy.into()))
        .then(format!(
            ": the sweep found no account to suspend. {} checked; the rule is ",
            accounts(counts.population as usize)
        ))
        .and(rule_in_words(rule))
        .then(".");
    if counts.waiting > 0 {
        let pending = counted(counts.waiting as usize, "account is", "accounts are");
        text = text.then(format!(" {pending} pending in another request."));
    }
    if counts.unknown > 0 {
        text = text.then(format!(" {} could not be judged.", accounts(counts.unknown as usize)));
    }
    spoken(text)
}

/// A sweep that a guard refused.
pub fn sweep_refused(policy: &str, guard: &Guard, terms: Terms) -> Card {
    spoken(
        Text::plain("The sweep of ")
            .with(Span::Code(policy.into()))
            .then(" was stopped by a guard, and nobody was proposed. ")
            .and(guard_in_words(guard, terms)),
    )
}

/// A sweep that failed.
pub fn sweep_failed(policy: &str, error: &str) -> Card {
    spoken(
        Text::plain("The sweep of ")
            .with(Span::Code(policy.into()))
            .then(" failed, and nobody was proposed: ")
            .sentence(error)
            .then(" Once that is fixed, run ")
            .command(format!("sweep {policy}"))
            .then(". The next scheduled sweep runs in any case."),
    )
}

/// Returns the notice that a sweep has not ended when it should have.
pub fn sweep_late(policy: &str, began: DateTime<Utc>) -> Card {
    spoken(
        Text::plain("The sweep of ")
            .with(Span::Code(policy.into()))
            .then(" that started ")
            .with(Span::Time(began))
            .then(
                " is still running, longer than expected. Nobody is proposed until it ends. \
                 Ask the person who runs me to look at my log.",
            ),
    )
}

/// For the admins of a policy whose channel can't be posted to.
pub fn channel_unusable(policy: &str, channel: &str, why: &str) -> Card {
    spoken(
        Text::plain("I can't post in ")
            .with(Span::Code(channel.into()))
            .then(", the channel of policy ")
            .with(Span::Code(policy.into()))
            .then(": ")
            .sentence(why)
            .then(" My messages wait and are posted once that is fixed."),
    )
}

/// What is posted when the chat system refuses a card: the channel never misses the fact.
pub fn fallback(card: &Card) -> Card {
    Card { summary: card.summary.clone(), blocks: Vec::new() }
}
