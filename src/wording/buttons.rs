//! The buttons of a card: they say what happens, and ask first where it can't be taken back.

use crate::chat::{Button, Confirm, Tone};
use crate::domain::request::{FirstApproval, Request, RequestState};
use crate::wording::accounts;
use crate::wording::actions::{ButtonAction, PageTurn, RequestAction};
use crate::wording::card_view::{CardView, about_request, in_both, in_state, needs_two};

/// The buttons that turn pages.
pub(crate) fn pages(request: &Request, page: usize, pages: usize) -> Vec<Button> {
    let button = |turn, page: usize, label: String| {
        ButtonAction::Page { turn, request: request.id, page }.button(label)
    };
    let mut buttons = Vec::new();
    if page > 0 {
        buttons.push(button(PageTurn::Back, page - 1, format!("Page {page} of {pages}")));
    }
    if page + 1 < pages {
        buttons.push(button(PageTurn::On, page + 1, format!("Page {} of {pages}", page + 2)));
    }
    buttons
}

/// The buttons that decide something, as the request stands.
pub(crate) fn decisions(view: &CardView) -> Vec<Button> {
    let all = view.candidates.len();
    match &view.request.state {
        RequestState::Preview => vec![go_live(view)],
        RequestState::Held { .. } => [release(view, all)].into_iter().chain(deny(view)).collect(),
        RequestState::Pending { first: None } => {
            let choose = button(view, RequestAction::Choose, "Choose…", Tone::Neutral, None);
            let decide = [suspend(view, in_state(view, "proposed")), choose];
            decide.into_iter().chain(deny(view)).collect()
        }
        RequestState::Pending { first: Some(first) } => second_of_two(view, first),
        RequestState::Completed { .. } => retry(view, in_state(view, "failed")).into_iter().collect(),
        RequestState::Expired { .. } | RequestState::Withdrawn { .. } => {
            ask_again(view).into_iter().collect()
        }
        RequestState::Approved { .. }
        | RequestState::Denied { .. }
        | RequestState::WentLive { .. }
        | RequestState::Outdated { .. } => Vec::new(),
    }
}

fn button(view: &CardView, what: RequestAction, label: &str, tone: Tone, confirm: Option<Confirm>) -> Button {
    Button { tone, confirm, ..about_request(what, view.request).button(label) }
}

/// Returns two buttons: one denies, whatever else works; the other one asks why first.
fn deny(view: &CardView) -> [Button; 2] {
    [
        button(view, RequestAction::Deny, "Deny all", Tone::Neutral, None),
        button(view, RequestAction::DenyWhy, "Deny all, say why…", Tone::Neutral, None),
    ]
}

fn go_live(view: &CardView) -> Button {
    let confirm = Confirm {
        title: "Take this rule live?".into(),
        text: "The bot sweeps again now and asks the approvers. Nobody is suspended without them.".into(),
        yes: "Go live".into(),
        no: "Not yet".into(),
    };
    button(view, RequestAction::GoLive, "Looks right, go live", Tone::Primary, Some(confirm))
}

fn release(view: &CardView, count: usize) -> Button {
    let confirm = Confirm {
        title: "Release this sweep?".into(),
        text: format!(
            "This overrides the guard once. The bot asks about {}, and somebody else must decide.",
            accounts(count)
        ),
        yes: "Release once".into(),
        no: "Go back".into(),
    };
    button(view, RequestAction::Release, "Release once", Tone::Danger, Some(confirm))
}

fn these(count: usize) -> String {
    if count == 1 { "This person".into() } else { format!("These {count} people") }
}

fn suspend(view: &CardView, count: usize) -> Button {
    let text = if needs_two(view) {
        format!(
            "{} will not be able to sign in if a second person approves too. Nobody is suspended until then, and you \
             may take your approval back.",
            these(count)
        )
    } else {
        format!(
            "{} will not be able to sign in until someone restores them. \
             Each account is read again first; any that was active meanwhile is left alone.",
            these(count)
        )
    };
    suspend_button(view, count, text)
}

fn suspend_button(view: &CardView, count: usize, text: String) -> Button {
    let confirm = Confirm {
        title: format!("Suspend {}?", accounts(count)),
        text,
        yes: format!("Suspend {count}"),
        no: "Go back".into(),
    };
    let label = format!("Suspend {}", accounts(count));
    button(view, RequestAction::Suspend, &label, Tone::Danger, Some(confirm))
}

fn second_of_two(view: &CardView, first: &FirstApproval) -> Vec<Button> {
    let count = in_both(view, first);
    let text = format!(
        "You are the second person: {} will not be able to sign in until someone restores them. \
         Each account is read again first; any that was active meanwhile is left alone.",
        these(count).to_lowercase()
    );
    let suspend = (count > 0).then(|| suspend_button(view, count, text));
    let choose = button(view, RequestAction::Choose, "Choose…", Tone::Neutral, None);
    let take_back = button(view, RequestAction::TakeBack, "Take my approval back", Tone::Neutral, None);
    suspend.into_iter().chain([choose]).chain(deny(view)).chain([take_back]).collect()
}

fn retry(view: &CardView, failed: usize) -> Option<Button> {
    let confirm = Confirm {
        title: format!("Retry {}?", accounts(failed)),
        text: format!(
            "If the retry works, {} will no longer be able to sign in. Each account is read again first; any that was \
             active meanwhile is left alone.",
            these(failed).to_lowercase()
        ),
        yes: "Retry".into(),
        no: "Go back".into(),
    };
    let label = match failed {
        1 => "Retry the failed account".to_owned(),
        _ => format!("Retry the {failed} failed accounts"),
    };
    (failed > 0).then(|| button(view, RequestAction::Retry, &label, Tone::Danger, Some(confirm)))
}

/// Somebody has to be able to execute it: without its policy there is nothing to ask.
fn ask_again(view: &CardView) -> Option<Button> {
    let offered = view.request.asked_again.is_none() && view.policy.is_some();
    offered.then(|| button(view, RequestAction::AskAgain, "Ask again with fresh data", Tone::Neutral, None))
}
