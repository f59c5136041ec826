//! The small dialogs about one person: until which day they are kept and why, and why they get their access back.

use chrono::{DateTime, NaiveDate, Utc};

use crate::chat::{Block, FormState, Modal, Span, Text};
use crate::domain::candidate::Candidate;
use crate::domain::exemption::Refusal;
use crate::domain::ids::RequestId;
use crate::wording::actions::{About, Dialog};
use crate::wording::review_dialog::{REASON, REASON_MAX};
use crate::wording::{restored_until, shown_who};

/// The day's name.
pub const UNTIL: &str = "until";

/// Asks until when somebody is kept, and why: [`Dialog::KeepUntil`] or [`Dialog::Exempt`].
pub fn keep(dialog: &Dialog, candidate: &Candidate, initial: Option<NaiveDate>, reason: &str) -> Modal {
    let at_once = matches!(dialog, Dialog::Exempt(_));
    let what = shown_who(&candidate.shown).then(if at_once {
        " is kept active, and no sweep proposes the account until the end of that day. This takes effect at once."
    } else {
        " is kept active, and no sweep proposes the account until the end of that day. This takes effect when you submit \
         the review."
    });
    let day = Block::DateInput {
        name: UNTIL.into(),
        label: "Keep until the end of".into(),
        hint: None,
        initial,
        optional: false,
    };
    Modal {
        kind: dialog.kind(),
        value: dialog.value(),
        title: if at_once { "Exempt" } else { "Keep until" }.into(),
        submit: Some(if at_once { "Exempt" } else { "Keep until then" }.into()),
        blocks: vec![
            Block::Section(what),
            day,
            reason_input("Kept in the audit trail, with your name.", reason),
        ],
    }
}

/// Returns the dialog that asks why an account is restored.
pub fn give_back(about: About, candidate: &Candidate, left_alone_until: DateTime<Utc>) -> Modal {
    let dialog = Dialog::Restore(about);
    let what = shown_who(&candidate.shown)
        .then(" can sign in again after this.")
        .and(restored_until(left_alone_until));
    Modal {
        kind: dialog.kind(),
        value: dialog.value(),
        title: "Restore access".into(),
        submit: Some("Restore access".into()),
        blocks: vec![
            Block::Section(what),
            reason_input("Kept in the audit trail and shown on the card.", ""),
        ],
    }
}

/// Returns the dialog that denies a request, with a reason or without.
pub fn deny(request: RequestId, list_hash: &str, policy: &str, accounts: usize) -> Modal {
    let dialog = Dialog::Deny { request, list_hash: list_hash.to_owned() };
    let what = Text::plain(format!("Request {request} of policy "))
        .with(Span::Code(policy.into()))
        .then(format!(" ends. Nobody on its list of {} is suspended.", crate::wording::accounts(accounts)));
    let hint = "Kept in the audit trail, and shown on this card and beside these people on the next one.";
    Modal {
        kind: dialog.kind(),
        value: dialog.value(),
        title: "Deny all".into(),
        submit: Some("Deny all".into()),
        blocks: vec![Block::Section(what), text_input(hint, "", true)],
    }
}

fn reason_input(hint: &str, initial: &str) -> Block {
    text_input(hint, initial, false)
}

fn text_input(hint: &str, initial: &str, optional: bool) -> Block {
    Block::TextInput {
        name: REASON.into(),
        label: "Reason".into(),
        hint: Some(hint.into()),
        optional,
        max_chars: REASON_MAX,
        initial: Some(initial.to_owned()),
        multiline: true,
        instant: false,
    }
}

/// The reason that was typed, without the space around it.
pub fn reason(state: &FormState) -> String {
    state.typed.get(REASON).map(|reason| reason.trim().to_owned()).unwrap_or_default()
}

/// The day that was chosen.
pub fn day(state: &FormState) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(state.typed.get(UNTIL)?, "%Y-%m-%d").ok()
}

/// The input that a refusal is about.
pub fn at_fault(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::EndsTooEarly | Refusal::TooLong { .. } | Refusal::StartsTooLate => UNTIL,
        Refusal::NoReason | Refusal::ReasonTooLong | Refusal::OwnAccount | Refusal::NoEmail => REASON,
    }
}

/// A day that can't be read.
pub fn no_day() -> Text {
    Text::plain("Choose a day.")
}
