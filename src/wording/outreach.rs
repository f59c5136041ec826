//! What the people that a request asks are asked, what they get as an answer, and how their answers look on the card.
//!
//! A direct message names nobody but its recipient, and for a manager their people: not who approves, and not who
//! decided.

use chrono::{DateTime, Utc};

use crate::chat::{Block, Button, Card, Span, Text};
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::outreach::{Answered, Asking, OutreachAnswer, OutreachQuestion, Refusal, manager_of};
use crate::domain::request::{Request, RequestState};
use crate::domain::template::{Field, OutreachRole, Piece, Template};
use crate::identity::Terms;
use crate::wording::actions::ButtonAction;
use crate::wording::{counted, idle_for, idle_in_words, mention, period, shown_who};

/// Accounts of one manager in one message: two blocks each, within Slack's 50.
pub const PEOPLE_MAX: usize = 15;

/// The message to one person about their own account, or to a manager about their people.
pub struct Message<'a> {
    /// The request.
    pub request: &'a Request,
    /// As what they are asked.
    pub role: OutreachRole,
    /// The policy's wording.
    pub wording: &'a Template,
    pub name: &'a str,
    /// The accounts, with the questions about them; at most [`PEOPLE_MAX`].
    pub about: Vec<(&'a OutreachQuestion, &'a Candidate)>,
}

/// Renders the message.
pub fn message(message: &Message) -> Card {
    let mut blocks = vec![Block::Section(filled_in(message))];
    for (question, candidate) in &message.about {
        let evidence = &candidate.shown.evidence;
        let idle =
            idle_in_words(&evidence.idle, evidence.last_sign_in, &message.request.rule, evidence.looked_at);
        let who = match message.role {
            OutreachRole::Person => Text::default().login_as_name(&candidate.shown.login),
            OutreachRole::Manager => shown_who(&candidate.shown),
        };
        let mut line = who.then("\n").and(idle);
        if let Some(answered) = question.state.answered() {
            line = line.then("\nYou said: ").and(said(answered));
        }
        blocks.push(Block::Section(line));
        let buttons = buttons(question, candidate);
        if !buttons.is_empty() {
            blocks.push(Block::Buttons(buttons));
        }
    }
    let decide = Text::plain("Your answer goes to the approvers of ")
        .with(Span::Code(message.request.policy.to_string()))
        .then(", who decide.");
    blocks.push(Block::Context(decide));
    Card { summary: summary(message), blocks }
}

fn summary(message: &Message) -> Text {
    let text = match (message.role, message.about.first()) {
        (OutreachRole::Person, Some((_, candidate))) => {
            let evidence = &candidate.shown.evidence;
            let idle = idle_for(&evidence.idle, evidence.looked_at);
            Text::plain(format!(
                "Your account has not been used for {idle} and may be suspended. Do you still need it?"
            ))
        }
        (OutreachRole::Person, None) => Text::plain("Your account may be suspended. Do you still need it?"),
        (OutreachRole::Manager, _) => Text::plain(format!(
            "{} may be suspended. {} you?",
            counted(message.about.len(), "account in your team", "accounts in your team"),
            if message.about.len() == 1 {
                "Does that person still work with"
            } else {
                "Do these people still work with"
            }
        )),
    };
    match message.request.deadline {
        Some(deadline) => text.then(" Please answer by ").with(Span::Time(deadline)).then("."),
        None => text,
    }
}

fn filled_in(message: &Message) -> Text {
    message.wording.0.iter().fold(Text::default(), |text, piece| match piece {
        Piece::Words(words) => text.then(words.clone()),
        Piece::Field(Field::Name) => text.with(Span::Name(message.name.to_owned())),
        Piece::Field(Field::Policy) => text.with(Span::Code(message.request.policy.to_string())),
        Piece::Field(Field::Deadline) => match message.request.deadline {
            Some(deadline) => text.with(Span::Time(deadline)),
            None => text.then("the deadline"),
        },
        Piece::Field(Field::Days) => text.then(days(message)),
    })
}

fn days(message: &Message) -> String {
    match (message.role, message.about.first()) {
        (OutreachRole::Person, Some((_, candidate))) => {
            let evidence = &candidate.shown.evidence;
            idle_for(&evidence.idle, evidence.looked_at)
        }
        (OutreachRole::Person, None) | (OutreachRole::Manager, _) => {
            period(message.request.rule.inactive_after)
        }
    }
}

/// What can still be said: a person says one thing once, a manager may think again.
fn buttons(question: &OutreachQuestion, candidate: &Candidate) -> Vec<Button> {
    let given = question.state.answered().map(|answered| answered.answer);
    let whose =
        if candidate.shown.name.trim().is_empty() { &candidate.shown.login } else { &candidate.shown.name };
    let button = |answer: OutreachAnswer, label: &str, about: String| {
        let action = ButtonAction::Answer { question: question.id, answer };
        Button { about: Some(about), ..action.button(label) }
    };
    let all = match question.role {
        OutreachRole::Person => {
            vec![(
                OutreachAnswer::Needed,
                button(OutreachAnswer::Needed, "I still need this", "I still need this account".into()),
            )]
        }
        OutreachRole::Manager => vec![
            (
                OutreachAnswer::StillHere,
                button(
                    OutreachAnswer::StillHere,
                    "Still working with us",
                    format!("{whose} is still working with us"),
                ),
            ),
            (OutreachAnswer::Left, button(OutreachAnswer::Left, "Has left", format!("{whose} has left"))),
        ],
    };
    all.into_iter().filter(|(answer, _)| Some(*answer) != given).map(|(_, button)| button).collect()
}

fn words(answer: OutreachAnswer) -> &'static str {
    match answer {
        OutreachAnswer::Needed => "I still need this",
        OutreachAnswer::StillHere => "still working with us",
        OutreachAnswer::Left => "has left",
    }
}

fn said(answered: &Answered) -> Text {
    Text::plain(words(answered.answer)).then(", ").with(Span::Time(answered.at))
}

/// What a card says under a person: what they and their manager said, or why neither could be asked. `None` if there is
/// nothing to say.
pub fn evidence(questions: &[OutreachQuestion], candidate: &Candidate, terms: Terms) -> Option<Text> {
    let about = questions.iter().filter(|question| question.account.id == candidate.shown.id);
    let lines = about.filter_map(|question| line(question, candidate, terms));
    lines.reduce(|text, line| text.then("\n").and(line))
}

fn line(question: &OutreachQuestion, candidate: &Candidate, terms: Terms) -> Option<Text> {
    let (subject, plain) = match question.role {
        OutreachRole::Person => ("says: ", ""),
        OutreachRole::Manager => ("manager ", "manager "),
    };
    Some(match &question.state {
        Asking::Asked { answered: Some(answered), .. } => match question.role {
            OutreachRole::Person => Text::plain(subject).and(said(answered)),
            OutreachRole::Manager => {
                Text::plain(subject).and(mention(&answered.by)).then(": ").and(said(answered))
            }
        },
        Asking::NotFound => match (question.role, manager_of(&candidate.shown)) {
            (OutreachRole::Person, _) => Text::plain("not found in ").chat_name(),
            (OutreachRole::Manager, None) => Text::plain(format!("{} names no manager", terms.name)),
            (OutreachRole::Manager, Some(named)) if named.contains('@') => {
                Text::plain("manager not found in ").chat_name()
            }
            (OutreachRole::Manager, Some(_)) => Text::plain("manager could not be identified"),
        },
        Asking::Failed { error } => {
            Text::plain(format!("{plain}could not be asked: ")).quoted(crate::wording::layout::cut(error))
        }
        Asking::Due { .. } | Asking::Found { .. } | Asking::Asked { answered: None, .. } => return None,
    })
}

/// Thanks for an answer.
pub fn thanks(request: &Request, answer: OutreachAnswer) -> Text {
    let text = Text::plain("Thank you. Recorded: ")
        .then(words(answer))
        .then(". The approvers of ")
        .with(Span::Code(request.policy.to_string()))
        .then(" see your answer and decide");
    match request.deadline {
        Some(deadline) => text.then("; they have until ").with(Span::Time(deadline)).then("."),
        None => text.then("."),
    }
}

/// The chat could not say who answered.
pub fn cant_tell() -> Text {
    Text::plain("I can't find out from ")
        .chat_name()
        .then(" who you are, so nothing was recorded. Please try again in a moment.")
}

/// Why an answer had no effect.
pub fn refusal(
    refusal: &Refusal,
    request: &Request,
    candidate: Option<&Candidate>,
    now: DateTime<Utc>,
) -> Text {
    match refusal {
        Refusal::NotYours => Text::plain("This question was for somebody else, or your address in ")
            .chat_name()
            .then(" has changed, so your answer was not recorded."),
        Refusal::DoesNotFit => Text::plain("That does not answer the question, so nothing was recorded."),
        Refusal::Same(before) => {
            Text::plain("You have already answered: ").and(said(before)).then(". The approvers see it.")
        }
        Refusal::Repeated => crate::wording::refusals::repeated(),
        Refusal::Over => {
            let decided = "This was decided before your answer came. ";
            became(decided, request, candidate, now)
        }
    }
}

/// Reports the result for the account, after `decided` if it was decided, without naming who did.
fn became(
    decided: &'static str,
    request: &Request,
    candidate: Option<&Candidate>,
    now: DateTime<Utc>,
) -> Text {
    let decided = Text::plain(decided);
    let ask = " If that is wrong, ask your manager or contact at the company.";
    match (candidate.map(|candidate| &candidate.state), &request.state) {
        (Some(CandidateState::Suspended { at, .. }), _) => {
            decided.then("The account was suspended ").with(Span::Time(*at)).then(".").then(ask)
        }
        (Some(CandidateState::Due { .. }), _) => decided.then("The account is being suspended.").then(ask),
        (Some(CandidateState::Failed { .. }), _) => {
            decided.then("The bot could not suspend the account. If it should stay active, ask your manager or contact at the company.")
        }
        (_, RequestState::Pending { .. }) if request.deadline.is_some_and(|deadline| now >= deadline) => {
            Text::plain("Your answer came too late. Nobody decided in time, so the account stays active.")
        }
        (Some(CandidateState::Proposed), RequestState::Held { .. } | RequestState::Pending { .. }) => {
            Text::plain("Your answer came too late for this request. The approvers are being asked again.")
        }
        (_, _) => decided.then("The account was left alone."),
    }
}
