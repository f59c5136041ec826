//! One sentence for everybody whose input had no effect: what happened, and what they can do.

use std::collections::BTreeSet;

use crate::chat::{Card, Span, Text};
use crate::domain::audit::Person;
use crate::domain::candidate::CandidateState;
use crate::domain::ids::RequestId;
use crate::domain::person::Denied;
use crate::domain::request::{AskedAgain, Became, Decision, Refusal, Request, RequestState};
use crate::identity::Terms;
use crate::wording::exemptions::no_email;
use crate::wording::{accounts, counted, exemptions, lineage, mention, pauses, who};

/// A note without blocks.
pub fn note(text: Text) -> Card {
    Card { summary: text, blocks: Vec::new() }
}

/// Adds the reason, as it was understood, to the answer to something that a person did.
pub fn with_reason(mut card: Card, reason: &str) -> Card {
    if !reason.is_empty() {
        card.summary = card.summary.then(" Reason: “").quoted(reason).then("”.");
    }
    card
}

/// For somebody who sends more than one person may.
pub fn too_fast() -> Text {
    Text::plain(
        "That was more than I take from one person at a time, so I did not look at it and nothing was changed. Wait a few seconds, then try again.",
    )
}

/// Why a decision had no effect.
pub fn refusal(refusal: &Refusal) -> Text {
    match refusal {
        Refusal::AlreadyDecided { state, by_you } => already(state, *by_you),
        Refusal::NotAnApprover => Text::plain(
            "You are not one of this policy's approvers, so nothing was changed. An admin can add you in the configuration.",
        ),
        Refusal::NotAnAdmin => {
            Text::plain("Only an admin of this policy may do that, so nothing was changed.")
        }
        Refusal::PastDeadline { deadline } => Text::plain("The deadline was ")
            .with(Span::Time(*deadline))
            .then(", so nothing was changed and nobody is suspended. Run ")
            .command("sweep")
            .then(" to ask again with fresh data."),
        Refusal::OtherList => Text::plain(
            "The card showed you an outdated list, so nothing was changed. The card is being updated; please look \
             again.",
        ),
        Refusal::NotPostedYet => Text::plain(
            "This card is still being posted, so nothing was changed. Please press again in a moment.",
        ),
        Refusal::Paused { by } => pauses::refused(by),
        Refusal::RuleChanged => rule_changed(),
        Refusal::DatabaseStopped => lineage::refused(),
        Refusal::Superseded => lineage::superseded(),
        Refusal::DoesNotFit => {
            Text::plain("That is not possible in the request's present state, so nothing was changed.")
        }
        Refusal::SecondPersonNeeded { first } => Text::plain("This needs a second person besides ")
            .and(mention(first))
            .then(", so nothing was changed. Ask another approver."),
        Refusal::ApprovedFirstByYou { at } => Text::plain("You approved this as the first of two people, ")
            .with(Span::Time(*at))
            .then(". Nothing was changed: somebody else has to approve too."),
        Refusal::NotYourApproval { first: Some(first) } => Text::plain("That approval is ")
            .and(mention(first))
            .then("'s, and only they can take it back. Nothing was changed; to stop the request, deny it."),
        Refusal::NotYourApproval { first: None } => {
            Text::plain("Nobody has approved this yet, so there is no approval to take back. Nothing was changed.")
        }
        Refusal::NothingInCommon { first } => Text::plain("You and ").and(mention(first)).then(
            " selected no account in common, so nobody would be suspended. Nothing was changed. Choose other accounts, or deny.",
        ),
        Refusal::NothingFailed => Text::plain(
            "No suspension of this request has failed, so there is nothing to retry. Nothing was changed.",
        ),
        Refusal::AllHeld => Text::plain(
            "A later request covers the accounts that failed here, so they are decided there. Nothing was changed.",
        ),
        Refusal::OutcomesNotTold => Text::plain(
            "The results are still being posted, so nothing was changed. Please press again in a moment.",
        ),
        Refusal::RetryTooLate { ended_at } => Text::plain("This request ended ")
            .with(Span::Time(*ended_at))
            .then(", which is too long ago for a retry. Nothing was changed. Run ")
            .command("sweep")
            .then(" to ask again with fresh data."),
        Refusal::AlreadyAskedAgain { again, by_you } => asked_already(again, *by_you),
        Refusal::NoEmail => no_email("one of these accounts might be your own"),
        Refusal::OnlyOwnAccounts => Text::plain(
            "You can't decide on your own account, and no other account is selected. Nothing was changed; ask another approver.",
        ),
        Refusal::NotUntil { account, name, why } => {
            who(name, &account.login).then(": ").and(exemptions::refusal(why))
        }
        Refusal::NotProposed { account, name, state } => not_proposed(who(name, &account.login), state),
    }
}

fn rule_changed() -> Text {
    Text::plain(
        "The policy's rule has changed since this was asked, so nothing was changed. A new sweep asks by the new rule.",
    )
}

/// An account about which the request doesn't ask any more.
fn not_proposed(account: Text, state: &CandidateState) -> Text {
    let CandidateState::Kept { by, until } = state else {
        return account.then(" is no longer pending, so nothing was changed. The card shows the result.");
    };
    let text = account.then(" is already kept active, by ").and(mention(by));
    let text = match until {
        Some(until) => text.then(", until ").with(Span::Time(super::last_moment(*until))),
        None => text,
    };
    text.then(". Nothing was changed.")
}

fn already(state: &RequestState, by_you: bool) -> Text {
    let by = |verb: &str, decision: &Decision| {
        let text = Text::plain(format!("Already {verb} by "));
        let text = if by_you { text.then("you") } else { text.and(mention(&decision.by)) };
        text.then(", ").with(Span::Time(decision.at)).then(". Nothing was changed.")
    };
    match state {
        RequestState::Approved { retry: Some(retry), .. } => by("retried", &retry.decision),
        RequestState::Approved { decision, .. } | RequestState::Completed { decision, .. } => {
            by("approved", decision)
        }
        RequestState::Denied { decision } => by("denied", decision),
        RequestState::Withdrawn { decision } => by("withdrawn", decision),
        RequestState::WentLive { decision } => by("taken live", decision),
        RequestState::Outdated { at } => Text::plain("The policy's rule was changed ")
            .with(Span::Time(*at))
            .then(", so this request is closed and nobody was suspended. A new sweep asks by the new rule."),
        RequestState::Expired { at } => Text::plain("This request expired ")
            .with(Span::Time(*at))
            .then(" without an answer, and nobody was suspended. Run ")
            .command("sweep")
            .then(" to ask again with fresh data."),
        RequestState::Preview | RequestState::Held { .. } | RequestState::Pending { .. } => {
            Text::plain("This request can still be decided. Please try again.")
        }
    }
}

fn asked_already(again: &AskedAgain, by_you: bool) -> Text {
    let text = Text::plain("Already asked again by ");
    let text = if by_you { text.then("you") } else { text.and(mention(&again.decision.by)) };
    let text = text.then(", ").with(Span::Time(again.decision.at));
    match again.became {
        None => text.then("; the sweep is running. Nothing was changed."),
        Some(Became::Request(id)) => {
            text.then(format!(": request {id} took its place. Nothing was changed."))
        }
        Some(Became::Nothing) => text
            .then(", and the new sweep found no account to propose. Nothing was changed. To sweep once more, run ")
            .command("sweep")
            .then("."),
    }
}

/// Accounts that a retry leaves as they are.
pub fn left_out_of_retry(left: usize, held: usize, requests: &BTreeSet<RequestId>) -> Text {
    let mut text = Text::plain(format!("{} not retried.", counted(left, "account is", "accounts are")));
    if held > 0 {
        let named: Vec<String> = requests.iter().map(ToString::to_string).collect();
        let which = match (left, held) {
            (1, _) => "It is decided".to_owned(),
            (_, 1) => "One of them is decided".to_owned(),
            _ => format!("{held} of them are decided"),
        };
        let requests = match named.split_last() {
            Some((last, [])) => format!("request {last}"),
            Some((last, others)) => format!("requests {} and {last}", others.join(", ")),
            None => "a later request".to_owned(),
        };
        text = text.then(format!(" {which} in {requests}."));
    }
    if left > held {
        text = match (left, left - held) {
            (1, _) => text.then(" It is your own account, and you can't decide on that."),
            (_, 1) => text.then(" One is your own account, and you can't decide on that."),
            (_, own) => text.then(format!(" {own} are your own accounts, and you can't decide on those.")),
        };
    }
    text
}

/// A retry was asked for.
pub fn retried(request: &Request) -> Text {
    let RequestState::Approved { retry: Some(retry), .. } = &request.state else {
        return Text::plain(
            "Recorded. A second person must press the button on the card before anything is retried. ",
        );
    };
    let count = retry.positions.len();
    let are = if count == 1 { "is" } else { "are" };
    Text::plain(format!(
        "{} of request {} {are} being retried; the result is posted in the channel. ",
        accounts(count),
        request.id
    ))
}

/// Says why a person was rejected.
pub fn denied(denied: &Denied) -> Text {
    match denied {
        Denied::Outsider(_, why) => Text::plain("Nothing was changed: ")
            .quoted(why)
            .then(". Only full members of this workspace may use this bot."),
        Denied::NotInChannel(_, policy) => Text::plain("You are not in the channel of policy ")
            .with(Span::Code(policy.clone()))
            .then(", and only its members can decide there. Nothing was changed; join the channel and try again."),
        Denied::CantTell(why) => {
            Text::plain("I can't find out from ")
                .chat_name()
                .then(" who you are or what you may do (")
                .quoted(why)
                .then("), so nothing was changed. Please try again in a moment.")
        }
    }
}

/// A click that was delivered twice.
pub fn repeated() -> Text {
    Text::plain("That click was already counted, so nothing was done twice.")
}

/// A button whose request isn't in the database.
pub fn no_such_request() -> Text {
    Text::plain("There is no such request, so nothing was changed. ")
        .command("pending")
        .then(" lists the open ones.")
}

/// Says that the message may be another bot's, which is connected to the same app.
pub fn perhaps_of_another_bot() -> Text {
    Text::plain(" Another bot seems to be connected to this ")
        .chat_name()
        .then(" app, and the message may be from that bot. Tell the person who runs this bot.")
}

/// A dialog whose draft is gone.
pub fn dialog_out_of_date() -> Text {
    Text::plain(
        "This dialog is out of date, so nothing was changed. Close it and open it again from the card.",
    )
}

/// Answers a dialog that was submitted while it was being drawn again.
pub fn dialog_changed() -> Text {
    Text::plain(
        "The dialog changed while you submitted it, so nothing was done. Check your selection and submit again.",
    )
}

/// The finished card doesn't offer it any more.
pub fn undo_is_over(login: &str) -> Text {
    Text::plain("This card can no longer restore access. Nothing was changed. Run ")
        .command(format!("restore {login} REASON"))
        .then(" instead.")
}

/// Somebody was first.
pub fn undone_already(account: Text, by: &Person, is_back: bool) -> Text {
    let text = if is_back {
        account.then(" already has access again: ")
    } else {
        account.then(" is already being restored: ")
    };
    text.and(mention(by)).then(" asked for it. Nothing was changed.")
}

/// The account is not in the directory any more.
pub fn account_gone(terms: Terms) -> Text {
    Text::plain(format!("{} no longer has that account, so nothing was changed.", terms.name))
}

/// Returns the reason that is recorded for a person kept by one click.
pub fn kept_on_card(request: RequestId) -> String {
    format!("kept on the card of request {request}")
}

/// There is nothing to restore.
pub fn nothing_to_undo(account: Text) -> Text {
    account.then(" was not suspended by this request, so there is nothing to restore. Nothing was changed.")
}

/// The provider can't be read in time for the answer.
pub fn cant_look_up(terms: Terms) -> Text {
    let provider = terms.name;
    Text::plain(format!(
        "I can't read the account from {provider} now, so nothing was changed. Please try again."
    ))
}

/// The bot ends, or goes on by another configuration, before it had the answer.
pub fn ask_again() -> Text {
    Text::plain(
        "I am restarting or reloading my configuration, so nothing was changed. Try again in a moment.",
    )
}

/// Says that too many questions wait already.
pub fn busy(waiting: usize) -> Text {
    Text::plain(format!(
        "I am busy: {} waiting. Try again in a moment.",
        super::counted(waiting, "question is", "questions are")
    ))
}

/// Something broke on our side before anything was committed.
pub fn broken() -> Text {
    Text::plain(
        "Something failed here before anything was recorded, so nothing was changed. Please try again. If it \
         fails again, tell the person who runs me; my log has the details.",
    )
}

/// Says that the disk failed during a commit, so that nobody can tell whether it was made.
pub fn in_doubt() -> Text {
    Text::plain(
        "The disk failed while this was being recorded, so I can't tell whether it was saved. I am stopping now, and the \
         next start reads what was saved. Look at the card before you try again.",
    )
}

/// Says that a pause may not outlast this process.
pub fn pause_in_doubt() -> Text {
    Text::plain(
        "The database can't be used any more, so I can't tell whether the pause was saved. I am stopping now and suspend nobody. \
         When I am back, send the pause again: I may not know of it.",
    )
}

/// A command for people with a role.
pub fn not_allowed(what: &str, role: &str) -> Text {
    Text::plain(format!("Only {role} may {what}, and you are not one of them. Nothing was changed."))
}

/// No account of the type that the person's policies are about is called that. Whether the directory has another one is
/// not for them to know.
pub fn no_account_of_yours(typed: &str) -> Text {
    Text::plain("None of your policies covers an account with the login, address or id ")
        .login(typed)
        .then(". Nothing was changed.")
}

/// `--here` in a channel that is no policy's.
pub fn not_here() -> Text {
    Text::default().with(Span::Code("--here".into())).then(
        " shows people's names to the whole channel, so it works only in a policy's own channel. Use it there, or \
         leave it out.",
    )
}

/// Several policies are about the same account.
pub fn which_policy(names: &[&str]) -> Text {
    Text::plain(format!("Several policies cover that account: {}. Name one, such as ", names.join(", ")))
        .with(Span::Code(format!("policy {}", names.first().copied().unwrap_or_default())))
        .then(". Nothing was changed.")
}

/// Answers the person who withdrew a request.
pub fn withdrawn(request: RequestId) -> Text {
    Text::plain(format!(
        "Request {request} is withdrawn, and nobody on it is suspended. The channel is notified."
    ))
}
