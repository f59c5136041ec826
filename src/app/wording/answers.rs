//! Answers to slash commands.

use chrono::{DateTime, Utc};

use super::{account_who, accounts, assessment_in_words, mention, span_of_time};
use crate::chat::{Block, Card, Connection, MessageRef, Span, Text};
use crate::domain::account::Account;
use crate::domain::assess::{Assessment, Standing};
use crate::domain::audit::{Actor, AuditEvent};
use crate::domain::plan::{Plan, Verdict};
use crate::domain::policy::{Policy, Rule};
use crate::domain::request::{Request, RequestState};

/// Lines of a list in an answer that one person sees; Slack cuts such answers at a few thousand characters.
pub const LINES_MAX: usize = 20;

/// A title, and lines below it.
pub fn list(title: Text, lines: Vec<Text>) -> Card {
    let mut blocks = vec![Block::Section(title.clone())];
    blocks.extend(lines.into_iter().take(45).map(Block::Section));
    Card { summary: title, blocks }
}

/// What `status` says of one policy.
pub struct PolicyStatus<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The last sweep: when, and what came of it.
    pub last_sweep: Option<(DateTime<Utc>, String)>,
    /// The next slot.
    pub next_slot: Option<DateTime<Utc>>,
    /// Whether the rule asks for approval already.
    pub live: bool,
    /// Open requests with their cards.
    pub open: Vec<(Request, Option<MessageRef>)>,
}

/// The health of what the bot depends on.
pub struct Health {
    /// The connection to the chat system.
    pub chat: Connection,
    /// The last answer of the identity provider, and whether it was good.
    pub identity: Option<crate::app::LastAnswer>,
    /// Whether the database can be written.
    pub database: Result<(), String>,
}

/// The answer to `status`.
pub fn status(version: &str, policies: &[PolicyStatus], health: &Health) -> Card {
    let title = Text::plain(format!("inactive-contractors {version}"));
    let mut lines: Vec<Text> = policies.iter().map(policy_line).collect();
    lines.push(health_line(health));
    lines.push(Text::plain("More: ").with(Span::Code("/inactive-contractors help".into())));
    list(title, lines)
}

fn policy_line(status: &PolicyStatus) -> Text {
    let mut text = Text::default().with(Span::Bold(status.policy.name.clone()));
    if status.policy.preview_first && !status.live {
        text = text.then(" (not live yet: the next sweep is a preview)");
    }
    text = match &status.last_sweep {
        Some((at, outcome)) => text.then("\nLast sweep ").with(Span::Time(*at)).then(": ").quoted(outcome),
        None => text.then("\nNo sweep yet"),
    };
    text = match status.next_slot {
        Some(at) => text.then("\nNext sweep ").with(Span::Time(at)),
        None => text.then("\nThe schedule has no next time"),
    };
    for (request, card) in &status.open {
        text = text.then("\n").and(request_line(request, card.as_ref()));
    }
    text
}

/// One open request with its link and deadline.
pub fn request_line(request: &Request, card: Option<&MessageRef>) -> Text {
    let label = format!("request {}", request.id);
    let text = match card {
        Some(card) => Text::default().with(Span::MessageLink { message: card.clone(), label }),
        None => Text::plain(label),
    };
    let state = match &request.state {
        RequestState::Preview => " (preview)",
        RequestState::Held { .. } => " (held by a guard)",
        RequestState::Pending => " waits for a decision",
        RequestState::Approved { .. } => " is being carried out",
        RequestState::Completed { .. } => " is completed",
        RequestState::Denied { .. } => " was denied",
        RequestState::Expired { .. } => " has expired",
        RequestState::Withdrawn { .. } => " was taken back",
        RequestState::WentLive { .. } => " took the rule live",
    };
    let text = Text::plain("Open: ").and(text).then(format!(" of {}{state}", request.policy));
    match request.deadline {
        Some(deadline) if request.state.awaits_decision() => text.then(", until ").with(Span::Time(deadline)),
        Some(_) | None => text,
    }
}

fn health_line(health: &Health) -> Text {
    let chat = match health.chat {
        Connection::Connected => "connected",
        Connection::Connecting => "reconnecting",
        Connection::Closed => "closed",
    };
    let text = Text::plain(format!("Slack: {chat}. Identity provider: "));
    let text = match &health.identity {
        None => text.then("not asked yet"),
        Some((at, Ok(()))) => text.then("answered ").with(Span::Time(*at)),
        Some((at, Err(error))) => text.then("failed ").with(Span::Time(*at)).then(": ").quoted(error),
    };
    match &health.database {
        Ok(()) => text.then(". Database: fine."),
        Err(error) => text.then(". Database: ").quoted(error),
    }
}

/// The answer to `pending`.
pub fn pending(open: &[(Request, Option<MessageRef>)]) -> Card {
    if open.is_empty() {
        return list(Text::plain("No request is open."), Vec::new());
    }
    let lines = open.iter().take(LINES_MAX).map(|(request, card)| request_line(request, card.as_ref()));
    list(
        Text::plain(format!("{} open.", super::counted(open.len(), "request is", "requests are"))),
        lines.collect(),
    )
}

/// The answer to `preview`: what a sweep would do now.
pub fn preview(policy: &Policy, plan: &Plan, now: DateTime<Utc>) -> Card {
    let counts = plan.counts;
    let verdict = match &plan.verdict {
        Verdict::NoCandidates => Text::plain("would ask about nobody"),
        Verdict::Ask => Text::plain(format!("would ask about {}", accounts(counts.candidates as usize))),
        Verdict::Preview => Text::plain(format!(
            "would show {} without asking, because the rule is not live yet",
            accounts(counts.candidates as usize)
        )),
        Verdict::Held(guard) => Text::plain("would be held. ").and(super::guard_in_words(guard)),
        Verdict::Refused(guard) => Text::plain("would be refused. ").and(super::guard_in_words(guard)),
    };
    let title = Text::plain("A sweep of ")
        .with(Span::Code(policy.name.clone()))
        .then(" now ")
        .and(verdict)
        .then(format!(". {} looked at; nothing was posted or changed.", counts.population));
    let notable = |assessment: &Assessment| !matches!(assessment, Assessment::Active(_));
    let all = plan.assessed.iter().filter(|one| notable(&one.assessment));
    let shown: Vec<Text> = all
        .clone()
        .take(LINES_MAX)
        .map(|one| {
            account_who(&one.account).then(" ").and(assessment_in_words(&one.assessment, &policy.rule, now))
        })
        .collect();
    let hidden = all.count() - shown.len();
    let mut lines = shown;
    if hidden > 0 {
        lines.push(Text::plain(format!("… and {hidden} more; the command line's dry run prints them all.")));
    }
    list(title, lines)
}

/// What `why` knows.
pub struct Why<'a> {
    /// The account as read just now.
    pub account: &'a Account,
    /// What is known beyond its record.
    pub standing: &'a Standing,
    /// The policy asked about.
    pub policy: &'a Policy,
    /// The answer.
    pub assessment: &'a Assessment,
    /// The open request that asks about it.
    pub waiting_in: Option<i64>,
    /// When the next sweep runs.
    pub next_slot: Option<DateTime<Utc>>,
    /// Its latest audit events, newest first.
    pub history: &'a [AuditEvent],
}

/// The answer to `why`.
pub fn why(why: &Why, now: DateTime<Utc>) -> Card {
    let title =
        account_who(why.account).then(" ").and(assessment_in_words(why.assessment, &why.policy.rule, now));
    let mut lines = vec![facts(why.account, why.standing), next(why, now)];
    if why.history.is_empty() {
        lines.push(Text::plain("No history with this bot."));
    } else {
        lines.push(Text::plain("Latest events:"));
        lines.extend(why.history.iter().map(event_line));
    }
    list(title, lines)
}

fn facts(account: &Account, standing: &Standing) -> Text {
    use crate::domain::account::Reading;
    use crate::domain::assess::SecondLook;
    let reading = |text: Text, reading: &Reading| match reading {
        Reading::At(at) => text.with(Span::Time(*at)),
        Reading::Never => text.then("never"),
        Reading::Unreadable(why) => text.then("unreadable: ").quoted(why),
    };
    let text = Text::plain("Status ").with(Span::Code(account.status.to_string())).then(" · created ");
    let text = reading(text, &account.created).then(" · last sign-in ");
    let text = reading(text, &account.last_sign_in).then(" · status changed ");
    let text = reading(text, &account.status_changed);
    match &standing.second_look {
        SecondLook::NotAsked => text.then(" · sign-in log not asked"),
        SecondLook::Nothing { since } => {
            text.then(" · no sign-in in the log since ").with(Span::Date(*since))
        }
        SecondLook::Seen { at } => text.then(" · in the sign-in log ").with(Span::Time(*at)),
        SecondLook::Failed(why) => text.then(" · sign-in log unreadable: ").quoted(why),
    }
}

fn next(why: &Why, now: DateTime<Utc>) -> Text {
    if let Some(request) = why.waiting_in {
        return Text::plain(format!("Request {request} asks about it."));
    }
    let rule: &Rule = &why.policy.rule;
    match why.assessment {
        Assessment::Active(idle) => Text::plain("Would be proposed after ")
            .with(Span::Time(idle.since + rule.inactive_after))
            .then(", if nothing is seen until then."),
        Assessment::Candidate(_) => match why.next_slot {
            Some(at) => Text::plain("The next sweep proposes it: ")
                .with(Span::Time(at))
                .then(format!(" (in {}).", span_of_time(at - now))),
            None => Text::plain("The next sweep proposes it."),
        },
        Assessment::InGrace { until, .. } => {
            Text::plain("Not proposed before ").with(Span::Time(*until)).then(".")
        }
        Assessment::OtherType(_)
        | Assessment::Exempt(_)
        | Assessment::NotSuspendable(_)
        | Assessment::Unknown(_) => Text::plain("Not proposed as long as that is so."),
    }
}

/// The answer to `audit`.
pub fn audit(events: &[AuditEvent], more_before: Option<i64>) -> Card {
    if events.is_empty() {
        return list(Text::plain("No audit event matches."), Vec::new());
    }
    let mut lines: Vec<Text> = events.iter().map(event_line).collect();
    if let Some(before) = more_before {
        lines.push(
            Text::plain("Older: ").with(Span::Code(format!("/inactive-contractors audit --before {before}"))),
        );
    }
    list(
        Text::plain(format!("The latest {}:", super::counted(events.len(), "audit event", "audit events"))),
        lines,
    )
}

/// One event: number, when, who, what, whom, with what result.
pub fn event_line(event: &AuditEvent) -> Text {
    let text = Text::plain(format!("{} · ", event.seq)).with(Span::Time(event.at)).then(" · ");
    let text = match &event.actor {
        Actor::System => text.then("the bot"),
        Actor::Person(person) => text.and(mention(person)),
    };
    let mut text = text.then(" · ").with(Span::Code(event.action.clone()));
    if let Some(subject) = &event.subject {
        text = text.then(" · ").quoted(&subject.login);
    }
    if let Some(request) = event.request {
        text = text.then(format!(" · request {request}"));
    }
    for key in ["reason", "error", "why"] {
        if let Some(value) = event.detail.get(key).filter(|value| !value.is_null()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text = text.then(format!(" · {key}: ")).quoted(value);
        }
    }
    text
}
