//! Answers to slash commands.

use chrono::{DateTime, Duration, Utc};

use crate::chat::{Block, Button, Card, Connection, MessageRef, Span, Text};
use crate::domain::account::{Account, AccountStatus};
use crate::domain::assess::{Assessment, Standing};
use crate::domain::audit::{Action, Actor, AuditEvent, Behind};
use crate::domain::exemption::Granted;
use crate::domain::ids::RequestId;
use crate::domain::pause::Pause;
use crate::domain::plan::{Assessed, Plan, Verdict};
use crate::domain::policy::{Policy, Rule};
use crate::domain::progress::Progress;
use crate::domain::request::{Request, RequestState};
use crate::identity::Terms;
use crate::identity::watched::LastAnswer;
use crate::wording::actions::ButtonAction;
use crate::wording::layout::{LINES_MAX, list};
use crate::wording::{
    account_who, accounts, assessment_in_words, events, mention, problem_in_words, span_of_time,
};

/// Exemptions in the answer to `why`.
const WHY_EXEMPTIONS: usize = 5;

/// A button that asks `line` in place of the answer that it stands on.
pub fn ask_button(label: &str, line: String) -> Button {
    // The action ids of one message must differ.
    ButtonAction::Command { name: label.to_lowercase().replace(' ', "_"), line }.button(label)
}

/// Has the buttons of an answer that everybody in a channel sees ask for what everybody in that channel may see.
pub fn stay_here(card: &mut Card) {
    for block in &mut card.blocks {
        if let Block::Buttons(buttons) = block {
            for button in buttons {
                if let Some(ButtonAction::Command { .. }) =
                    ButtonAction::decode(&button.action, &button.value)
                {
                    button.value.push_str(" --here");
                }
            }
        }
    }
}

/// What is said of policies that are left out because nobody could tell whether the person may see them.
pub fn left_out() -> Text {
    Text::plain("Some other policies are left out: I could not find out from ")
        .chat_name()
        .then(" whether you may see them.")
}

/// Says of an answer about all policies that some are left out.
pub fn leaves_some_out(answer: Result<Card, Text>) -> Result<Card, Text> {
    match answer {
        Ok(mut card) if card.blocks.is_empty() => {
            card.summary = card.summary.then(" ").and(left_out());
            Ok(card)
        }
        Ok(mut card) => {
            // Below the heading: what is last may be cut.
            card.blocks.insert(1, Block::Context(left_out()));
            Ok(card)
        }
        Err(text) => Err(text.then(" ").and(left_out())),
    }
}

/// What `status` says of one policy.
pub struct PolicyStatus<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The last sweep: when, and what came of it.
    pub last_sweep: Option<(DateTime<Utc>, String)>,
    pub next_slot: Option<DateTime<Utc>>,
    /// How far a listing of its accounts has come, if one is under way.
    pub listing: Option<Progress>,
    /// Whether the rule asks for approval already.
    pub live: bool,
    /// Its pause, if one is in force.
    pub paused: Option<Pause>,
    /// What is to be said of its days off.
    pub days_off: Vec<Text>,
    /// How long accounts have been pending, as [`crate::wording::backlog`] says it.
    pub backlog: Option<String>,
    /// Open requests with their cards.
    pub open: Vec<(Request, Option<MessageRef>)>,
}

/// The health of what the bot depends on.
pub struct Health {
    /// The connection to the chat system.
    pub chat: Connection,
    /// The last answer of each identity provider, and whether it was good.
    pub providers: Vec<(Terms, Option<LastAnswer>)>,
    /// Whether the database can be written.
    pub database: Result<(), String>,
    /// The collectors of the audit trail that lack more than they should.
    pub behind: Vec<Behind>,
}

/// The answer to `status`.
pub fn status(version: &str, policies: &[PolicyStatus], health: &Health, now: DateTime<Utc>) -> Card {
    let title = Text::plain(format!("inactive-contractors {version}"));
    let mut lines: Vec<Text> = policies.iter().map(|status| policy_line(status, now)).collect();
    lines.push(health_line(health));
    lines.push(Text::plain("More: ").command("help"));
    list(title, lines)
}

pub(crate) fn policy_line(status: &PolicyStatus, now: DateTime<Utc>) -> Text {
    let mut text = Text::default().with(Span::Bold(status.policy.name.to_string()));
    if status.policy.preview_first && !status.live {
        text = text.then(" (not live yet: the next sweep is a preview)");
    }
    if let Some(pause) = &status.paused {
        text = text
            .then("\n")
            .with(Span::Bold("PAUSED.".into()))
            .then(" ")
            .and(crate::wording::pauses::in_force(pause));
    }
    text = match &status.last_sweep {
        Some((at, outcome)) => text.then("\nLast sweep ").with(Span::Time(*at)).then(": ").quoted(outcome),
        None => text.then("\nNo sweep yet"),
    };
    if let Some(progress) = &status.listing {
        text = text.then("\n").then(under_way(progress, now));
    }
    text = match status.next_slot {
        Some(at) => text.then("\nNext sweep ").with(Span::Time(at)),
        None => text.then("\nNo further sweep is scheduled"),
    };
    for note in &status.days_off {
        text = text.then("\n").and(note.clone());
    }
    for (request, card) in &status.open {
        text = text.then("\n").and(request_line(request, card.as_ref()));
    }
    if let Some(backlog) = &status.backlog {
        text = text.then(format!("\n{backlog}"));
    }
    text
}

fn under_way(progress: &Progress, now: DateTime<Utc>) -> String {
    let Some(expected) = progress.expected else {
        return format!("Reading the directory now: {} so far", accounts(progress.accounts as usize));
    };
    let so_far =
        format!("Reading the directory now: {} of about {}", progress.accounts, accounts(expected as usize));
    match progress.left(now) {
        Some(left) => format!("{so_far}, about {} left", span_of_time(left)),
        None => so_far,
    }
}

/// One open request with its link and deadline.
pub fn request_line(request: &Request, card: Option<&MessageRef>) -> Text {
    let label = format!("request {}", request.id);
    let text = match card {
        Some(card) => Text::default().with(Span::MessageLink { message: card.clone(), label }),
        None => Text::plain(label),
    };
    let state = match &request.state {
        RequestState::Preview => " is a preview",
        RequestState::Held { .. } => " is held by a guard",
        RequestState::Pending { first: Some(_) } => " needs a second approval",
        RequestState::Pending { first: None } => " needs a decision",
        RequestState::Approved { .. } => " is being executed",
        RequestState::Completed { .. } => " is completed",
        RequestState::Denied { .. } => " was denied",
        RequestState::Expired { .. } => " has expired",
        RequestState::Withdrawn { .. } => " was withdrawn",
        RequestState::WentLive { .. } => " ended when the rule went live",
        RequestState::Outdated { .. } => " was ended by a changed rule",
    };
    let text = Text::plain("Open: ").and(text).then(format!(" of {}{state}", request.policy));
    match request.deadline {
        Some(deadline) if matches!(request.state, RequestState::Pending { .. }) => {
            text.then(" by ").with(Span::Time(deadline))
        }
        Some(deadline) if request.state.awaits_decision() => {
            text.then("; answer by ").with(Span::Time(deadline))
        }
        Some(_) | None => text,
    }
}

pub(crate) fn health_line(health: &Health) -> Text {
    let chat = match health.chat {
        Connection::Connected => "connected",
        Connection::Connecting => "reconnecting",
        Connection::Closed => "closed",
    };
    let text = Text::default().chat_name().then(format!(": {chat}."));
    let text = health.providers.iter().fold(text, |text, (terms, answer)| {
        let text = text.then(format!(" {}: ", terms.name));
        match answer {
            None => text.then("not asked yet."),
            Some(LastAnswer { at, problem: None }) => {
                text.then("last answered ").with(Span::Time(*at)).then(".")
            }
            Some(LastAnswer { at, problem: Some(problem) }) => text
                .then("last request failed, ")
                .with(Span::Time(*at))
                .then(": ")
                .sentence(problem_in_words(problem, *terms)),
        }
    });
    let text = match &health.database {
        Ok(()) => text.then(" Database: fine."),
        Err(error) => text.then(" Database: ").sentence(error),
    };
    health.behind.iter().fold(text, |text, behind| {
        let events = usize::try_from(behind.events).unwrap_or_default();
        let events = crate::wording::counted(events, "audit event", "audit events");
        text.then(" ")
            .quoted(&behind.collector)
            .then(format!(" has been missing {events} since "))
            .with(Span::Time(behind.since))
            .then(".")
    })
}

/// The answer to `pending`: each request with its link and a button for the review dialog.
pub fn pending(open: &[(Request, Option<MessageRef>)]) -> Card {
    if open.is_empty() {
        return list(Text::plain("No request is open."), Vec::new());
    }
    let title =
        Text::plain(format!("{} open.", crate::wording::counted(open.len(), "request is", "requests are")));
    let mut card = list(title, Vec::new());
    for (request, message) in open.iter().take(LINES_MAX) {
        card.blocks.push(Block::Section(request_line(request, message.as_ref())));
        if request.can_be_reviewed() {
            card.blocks.push(Block::Buttons(vec![crate::wording::card_view::review_button(request)]));
        }
    }
    if open.len() > LINES_MAX {
        card.blocks.push(Block::Context(Text::plain(format!("… and {} more.", open.len() - LINES_MAX))));
    }
    card
}

/// Under a preview that was made a moment ago.
pub fn read_at(at: DateTime<Utc>) -> Block {
    Block::Context(Text::plain("Read ").with(Span::Time(at)).then("; refreshed at most once a minute."))
}

/// The answer to `preview`: what a sweep would do now, and what it says of each account that is not simply active.
pub fn preview(policy: &Policy, plan: &Plan, page: usize, now: DateTime<Utc>, terms: Terms) -> Card {
    let counts = plan.counts;
    let verdict = match &plan.verdict {
        Verdict::NoCandidates if counts.waiting > 0 => {
            let pending = crate::wording::counted(counts.waiting as usize, "account is", "accounts are");
            Text::plain(format!("would propose no other account: {pending} already pending."))
        }
        Verdict::NoCandidates => Text::plain("would propose no account."),
        Verdict::Ask => Text::plain(format!("would ask about {}.", accounts(counts.candidates as usize))),
        Verdict::Preview => Text::plain(format!(
            "would show {} without asking, because the rule is not live yet.",
            accounts(counts.candidates as usize)
        )),
        Verdict::Held(guard) => {
            Text::plain("would be held by a guard. ").and(crate::wording::guard_in_words(guard, terms))
        }
        Verdict::Refused(guard) => {
            Text::plain("would be stopped by a guard. ").and(crate::wording::guard_in_words(guard, terms))
        }
    };
    let title =
        Text::plain("A sweep of ").with(Span::Code(policy.name.to_string())).then(" now ").and(verdict).then(
            format!(" {} checked; nothing was posted or changed.", accounts(counts.population as usize)),
        );
    // Proposed accounts come first, then those left alone for a reason, then the active.
    let mut all: Vec<&Assessed> = plan.assessed.iter().collect();
    all.sort_by_key(|one| match one.assessment {
        Assessment::Candidate(_) => 0,
        Assessment::Unknown(_) => 1,
        Assessment::InGrace { .. } | Assessment::Exempt(_) | Assessment::NotSuspendable(_) => 2,
        Assessment::OtherType(_) => 3,
        Assessment::Active(_) => 4,
    });
    let pages = all.len().div_ceil(LINES_MAX).max(1);
    let page = page.min(pages - 1);
    let shown = all.iter().skip(page * LINES_MAX).take(LINES_MAX);
    let lines = shown.map(|one| {
        let line =
            account_who(&one.account).then(" ").and(assessment_in_words(&one.assessment, &policy.rule, now));
        match one.waiting_in.filter(|_| matches!(one.assessment, Assessment::Candidate(_))) {
            Some(request) => line.then(format!("; request {request} already asks about this account")),
            None => line,
        }
    });
    let mut card = list(title, lines.collect());
    if pages > 1 {
        card.blocks.push(Block::Context(Text::plain(format!("Page {} of {pages}", page + 1))));
        let turn = |to: usize| format!("preview {} --page {}", policy.name, to + 1);
        let mut buttons = Vec::new();
        if page > 0 {
            buttons.push(ask_button("Previous", turn(page - 1)));
        }
        if page + 1 < pages {
            buttons.push(ask_button("Next", turn(page + 1)));
        }
        card.blocks.push(Block::Buttons(buttons));
    }
    card
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
    pub waiting_in: Option<RequestId>,
    /// When the next sweep runs.
    pub next_slot: Option<DateTime<Utc>>,
    /// Every exemption that the person who asks may know of, newest first.
    pub exemptions: &'a [Granted],
    /// Its latest audit events, newest first.
    pub history: &'a [AuditEvent],
    /// Whether there are older ones.
    pub more_history: bool,
    /// When the bot last suspended it, also under a policy that the person who asks may not know of.
    pub suspended_by_us: Option<DateTime<Utc>>,
    /// The words for the provider that the account is from.
    pub terms: Terms,
}

/// The answer to `why`.
pub fn why(why: &Why, now: DateTime<Utc>) -> Card {
    let title =
        account_who(why.account).then(" ").and(assessment_in_words(why.assessment, &why.policy.rule, now));
    let title = title.and(suspended_by(why).unwrap_or_default()).then(".");
    let mut lines = vec![facts(why.account, why.standing), next(why, now)];
    if let (true, Some(email)) = (why.standing.approver_by_email, &why.account.email) {
        lines.push(
            Text::plain(
                "It counts as an approver's account only because of the e-mail address in its profile, ",
            )
            .login(email)
            .then(format!(
                ". If it is not that person's account, correct the address in {}.",
                why.terms.name
            )),
        );
    }
    if !why.exemptions.is_empty() {
        lines.push(Text::plain("Exemptions:"));
        let shown = why.exemptions.iter().take(WHY_EXEMPTIONS);
        lines.extend(shown.map(|granted| crate::wording::exemptions::line(granted, now)));
    }
    if why.history.is_empty() {
        lines.push(Text::plain("This bot has no record of it yet."));
    } else {
        lines.push(Text::plain("Latest events:"));
        lines.extend(why.history.iter().map(event_line));
    }
    let mut card = list(title, lines);
    if why.more_history {
        let line = format!("audit {}", why.account.id);
        card.blocks.push(Block::Buttons(vec![ask_button("Whole history", line)]));
    }
    card
}

/// So far the provider's time of a suspension may be from ours.
const SAME_CHANGE: Duration = Duration::minutes(1);

/// Says who suspended an account that is suspended, as far as its latest events have it.
fn suspended_by(why: &Why) -> Option<Text> {
    if !matches!(why.assessment, Assessment::NotSuspendable(AccountStatus::Suspended)) {
        return None;
    }
    let back = [Action::Restored.word(), Action::DriftFound.word()];
    let mut latest = why.history.iter().take_while(|event| !back.contains(&event.action.as_str()));
    let ours = latest.find(|event| event.action == Action::Suspended.word());
    Some(match (ours, why.account.status_changed.at()) {
        (Some(event), _) => {
            let by = event.request.map_or_else(String::new, |request| format!(" for request {request}"));
            Text::plain(format!(": this bot suspended it{by}, ")).with(Span::Time(event.at))
        }
        (None, Some(at)) if why.suspended_by_us.is_none_or(|ours| at > ours + SAME_CHANGE) => {
            Text::plain(": somebody else suspended it. Its status last changed ").with(Span::Time(at))
        }
        (None, Some(at)) => Text::plain(": its status last changed ").with(Span::Time(at)),
        (None, None) => Text::default(),
    })
}

fn facts(account: &Account, standing: &Standing) -> Text {
    use crate::domain::account::Reading;
    use crate::domain::sighting::SecondLook;
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
        SecondLook::NotAsked => text.then(" · System Log not read"),
        SecondLook::Nothing { since } => {
            text.then(" · no activity in the System Log since ").with(Span::Date(*since))
        }
        SecondLook::Seen(seen) => {
            let text = text.then(" · System Log ").with(Span::Time(seen.at)).then(": ");
            let text = text.and(crate::wording::sign_in_words(seen.sign.as_ref()));
            match seen.read_since {
                Some(since) => text.then(", and nothing later in it since ").with(Span::Date(since)),
                None => text,
            }
        }
        SecondLook::Failed(why) => text.then(" · System Log could not be read: ").quoted(why),
    }
}

fn next(why: &Why, now: DateTime<Utc>) -> Text {
    if let Some(request) = why.waiting_in {
        return Text::plain(format!("Request {request} already asks about it."));
    }
    let rule: &Rule = &why.policy.rule;
    match why.assessment {
        Assessment::Active(idle) => Text::plain("It would be proposed after ")
            .with(Span::Time(rule.calendar.after(idle.since, rule.inactive_after)))
            .then(", unless its owner is active sooner."),
        Assessment::Candidate(_) => match why.next_slot {
            Some(at) => Text::plain("The next sweep proposes it: ")
                .with(Span::Time(at))
                .then(format!(" (in {}).", span_of_time(at - now))),
            None => Text::plain("The next sweep proposes it."),
        },
        Assessment::InGrace { until, .. } => {
            Text::plain("It is not proposed before ").with(Span::Time(*until)).then(".")
        }
        Assessment::OtherType(_)
        | Assessment::Exempt(_)
        | Assessment::NotSuspendable(_)
        | Assessment::Unknown(_) => Text::plain("No sweep proposes it until this changes."),
    }
}

/// Returns one event in words: number, time, actor, action, account, request and cause.
pub fn event_line(event: &AuditEvent) -> Text {
    let text = Text::plain(format!("{} · ", event.seq)).with(Span::Time(event.at)).then(" · ");
    let text = match &event.actor {
        Actor::System => text.then("the bot"),
        Actor::Person(person) => text.and(mention(person)),
    };
    let mut text = text.then(" · ").then(events::action(event));
    if let Some(subject) = &event.subject {
        text = text.then(" · ").login(&subject.login);
    }
    if let Some(request) = event.request {
        text = text.then(format!(" · request {request}"));
    }
    text.and(events::cause(event))
}

/// Shows how a command is used, in clap's words.
pub fn usage(text: &str) -> Card {
    let summary = Text::plain("How to use ").command("").then(".");
    Card { summary, blocks: vec![Block::Preformatted(text.to_owned())] }
}
