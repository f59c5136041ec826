//! The small dialogs about one person: until which day they are kept and why, and why they get their access back.

use chrono::{DateTime, NaiveDate, Utc};

use crate::chat::{Block, FormState, Modal, Span, Text};
use crate::domain::candidate::Candidate;
use crate::domain::exemption::Refusal;
use crate::wording::review_dialog::{REASON, REASON_MAX};
use crate::wording::{restored_until, shown_who};

/// The kind of the dialog on top of the review.
pub const KEEP: &str = "keep_until_form";
/// The kind of the dialog of the card's menu, which acts at once.
pub const EXEMPT: &str = "exempt_form";
/// The kind of the dialog that gives an account back.
pub const GIVE_BACK: &str = "give_back_form";
/// The kind of the dialog that denies a request.
pub const DENY: &str = "deny_form";
/// The day's name.
pub const UNTIL: &str = "until";

/// The person that a dialog is about: it travels through Slack and is looked up, never trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The request.
    pub request: i64,
    /// The list that the person sees.
    pub list_hash: String,
    /// The place in it.
    pub position: u32,
    /// The dialog below, if there is one; empty otherwise.
    pub below: String,
}

impl About {
    /// As an opaque value.
    pub fn encode(&self) -> String {
        format!("{}:{}:{}:{}", self.request, self.list_hash, self.position, self.below)
    }

    /// The value's meaning; `None` if it isn't one of ours.
    pub fn decode(value: &str) -> Option<About> {
        let mut parts = value.splitn(4, ':');
        Some(About {
            request: parts.next()?.parse().ok()?,
            list_hash: parts.next()?.to_owned(),
            position: parts.next()?.parse().ok()?,
            below: parts.next()?.to_owned(),
        })
    }
}

/// The dialog that asks until when somebody is kept, and why.
pub fn keep(
    kind: &str,
    about: &About,
    candidate: &Candidate,
    initial: Option<NaiveDate>,
    reason: &str,
) -> Modal {
    let at_once = kind == EXEMPT;
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
        kind: kind.into(),
        value: about.encode(),
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
pub fn give_back(about: &About, candidate: &Candidate, left_alone_until: DateTime<Utc>) -> Modal {
    let what = shown_who(&candidate.shown)
        .then(" can sign in again after this.")
        .and(restored_until(left_alone_until));
    Modal {
        kind: GIVE_BACK.into(),
        value: about.encode(),
        title: "Restore access".into(),
        submit: Some("Restore access".into()),
        blocks: vec![
            Block::Section(what),
            reason_input("Kept in the audit trail and shown on the card.", ""),
        ],
    }
}

/// Returns the dialog that denies a request, with a reason or without.
pub fn deny(request: i64, list_hash: &str, policy: &str, accounts: usize) -> Modal {
    let value = About { request, list_hash: list_hash.to_owned(), position: 0, below: String::new() };
    let what = Text::plain(format!("Request {request} of policy "))
        .with(Span::Code(policy.into()))
        .then(format!(" ends. Nobody on its list of {} is suspended.", crate::wording::accounts(accounts)));
    let hint = "Kept in the audit trail, and shown on this card and beside these people on the next one.";
    Modal {
        kind: DENY.into(),
        value: value.encode(),
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
