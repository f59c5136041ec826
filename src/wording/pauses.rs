//! Emergency stops, in words.

use chrono::{DateTime, Utc};

use crate::chat::{Card, Span, Text};
use crate::domain::ids::PolicyName;
use crate::domain::pause::Pause;
use crate::domain::request::Decision;
use crate::wording::layout::spoken;
use crate::wording::mention;

/// Who paused it, when, and why.
fn by(decision: &Decision) -> Text {
    let text = Text::default().and(mention(&decision.by)).then(", ").with(Span::Time(decision.at));
    match &decision.reason {
        Some(reason) => text.then(": “").quoted(reason).then("”."),
        None => text.then("."),
    }
}

/// What a card or a status says of a pause that is in force.
pub fn in_force(pause: &Pause) -> Text {
    Text::plain("Paused by ").and(by(&pause.began))
}

/// The message in the channel when a policy was paused.
pub fn began(pause: &Pause) -> Card {
    let text = Text::default()
        .with(Span::Code(pause.policy.to_string()))
        .then(" was paused by ")
        .and(by(&pause.began))
        .then(
            " Nobody is suspended and no sweep starts until an admin resumes it. \
             You can still deny, withdraw, keep and restore. To resume: ",
        )
        .with(resume(pause));
    spoken(text)
}

/// The message in the channel when it goes on.
pub fn ended(pause: &Pause, decision: &Decision) -> Card {
    let text = Text::default()
        .with(Span::Code(pause.policy.to_string()))
        .then(" was resumed by ")
        .and(by(decision))
        .then(" It had been paused since ")
        .with(Span::Time(pause.began.at))
        .then(". Approvals that are not too old continue, and a missed sweep starts if it is not too late.");
    spoken(text)
}

/// The message in the channel in place of a sweep: nobody must forget that the policy is paused.
pub fn no_sweep(pause: &Pause, slot: DateTime<Utc>) -> Card {
    let text = Text::default()
        .with(Span::Code(pause.policy.to_string()))
        .then(": the sweep scheduled for ")
        .with(Span::Time(slot))
        .then(" did not run, because the policy is paused. It was paused by ")
        .and(by(&pause.began))
        .then(" To resume: ")
        .with(resume(pause));
    spoken(text)
}

/// Why a policy that may have been meant is neither stopped nor resumed.
#[derive(Clone, Debug)]
pub enum Missed {
    /// The chat system could not tell whether the person is an admin of it; why.
    CantTell(String),
    /// It could not be written.
    Broken,
}

/// Names what was missed, before anything else: a person who stops everything must not take it for stopped.
fn missed(missed: &[(PolicyName, Missed)], verb: &str) -> Text {
    missed.iter().fold(Text::default(), |text, (policy, why)| {
        let text = text.with(Span::Code(policy.to_string())).then(format!(" was NOT {verb}d: "));
        let text = match why {
            Missed::CantTell(why) => text
                .then("I can't find out from ")
                .chat_name()
                .then(" whether you are an admin of it (")
                .quoted(why)
                .then("). Please try again: "),
            Missed::Broken => text.then("something failed here before it was recorded. Please try again: "),
        };
        text.command(format!("{verb} policy {policy}")).then(". ")
    })
}

/// Repeats what a person asked for, as it was understood. `verb` is "pause" or "resume".
pub fn understood(verb: &str, policy: Option<&str>, reason: &str) -> Text {
    let text = Text::plain(format!("Asked to {verb}: "));
    let text = match policy {
        Some(policy) => text.with(Span::Code(policy.to_owned())),
        None => text.then("every policy that you are an admin of"),
    };
    let text = if reason.is_empty() { text } else { text.then(", reason: “").quoted(reason).then("”") };
    text.then(". ")
}

/// Returns the answer to an admin who paused policies: those that are paused now, those that were before, those whose
/// pause can't be written down, with the reason, and those that are not paused.
pub fn paused(
    new: &[Pause],
    before: &[Pause],
    unwritten: &[(PolicyName, String)],
    not: &[(PolicyName, Missed)],
) -> Text {
    let mut text = missed(not, "pause");
    for (policy, why) in unwritten {
        text = text
            .with(Span::Code(policy.to_string()))
            .then(" is paused from now on, but I could not save that: ")
            .sentence(why)
            .then(
                " Until I can, a restart ends the pause. Fix the cause first, and don't restart me before the channel \
                 says that the policy is paused. ",
            );
    }
    for pause in new {
        text =
            text.with(Span::Code(pause.policy.to_string())).then(" is paused, and its channel is notified. ");
    }
    for pause in before {
        text = text
            .with(Span::Code(pause.policy.to_string()))
            .then(" was already paused by ")
            .and(by(&pause.began))
            .then(" ");
    }
    match (new.len() + unwritten.len(), not) {
        (0, _) => text.then("Nothing was changed."),
        (1, []) => text.then("Nobody is suspended until it is resumed."),
        (_, []) => text.then("Nobody is suspended until they are resumed."),
        (1, _) => text.then("For that policy nobody is suspended until it is resumed."),
        (_, _) => text.then("For those policies nobody is suspended until they are resumed."),
    }
}

/// Answers the admin who resumed policies: those that continue, and those that do not.
pub fn resumed(pauses: &[Pause], not: &[(PolicyName, Missed)]) -> Text {
    let text = missed(not, "resume");
    match (pauses, not) {
        ([], []) => text.then("Nothing is paused, so nothing was changed."),
        ([], _) => text.then("Nothing was changed."),
        (_, _) => pauses.iter().fold(text, |text, pause| {
            text.with(Span::Code(pause.policy.to_string())).then(" is resumed, and its channel is notified. ")
        }),
    }
}

/// Says why nothing that takes access away is decided or started.
pub fn refused(decision: &Decision) -> Text {
    Text::plain("This policy was paused by ")
        .and(by(decision))
        .then(" Nothing was changed. You can still deny, withdraw, keep and restore. An admin resumes with ")
        .command("resume")
        .then(".")
}

fn resume(pause: &Pause) -> Span {
    Span::Command(format!("resume policy {}", pause.policy))
}
