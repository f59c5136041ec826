//! Gathers all that a card shows, and what its parts ask of that.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::chat::{Button, MessageRef, Room};
use crate::domain::account::AccountId;
use crate::domain::audit::Subject;
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::deciders::Deciders;
use crate::domain::exemption::Granted;
use crate::domain::ids::RequestId;
use crate::domain::outreach::OutreachQuestion;
use crate::domain::pause::Pause;
use crate::domain::plan::Counts;
use crate::domain::policy::Policy;
use crate::domain::request::{Decision, FirstApproval, Request};
use crate::domain::restoration::Restoration;
use crate::identity::Terms;
use crate::wording::actions::{ButtonAction, RequestAction};

/// All that a card shows.
pub struct CardView<'a> {
    /// The request.
    pub request: &'a Request,
    /// Its candidates, in order.
    pub candidates: &'a [Candidate],
    /// What the sweep found.
    pub counts: Counts,
    /// Which page, from 0; clamped.
    pub page: usize,
    /// What stands in the way of the suspensions, if something does.
    pub obstacle: Option<&'a str>,
    /// The pause of the policy, if one is in force.
    pub paused: Option<&'a Pause>,
    /// The policy as it is configured now, if it still is.
    pub policy: Option<&'a Policy>,
    /// The restorations of accounts of the list, oldest first.
    pub restorations: &'a [Restoration],
    /// Where an admin opens each account, by position.
    pub links: &'a BTreeMap<u32, String>,
    /// The moment, for what is offered for a time only.
    pub now: DateTime<Utc>,
    /// The card of the request that took this one's place, if it stands.
    pub successor: Option<&'a MessageRef>,
    /// What the people that a request asks were asked, and what they said.
    pub questions: &'a [OutreachQuestion],
    /// Who can decide, as far as that was looked up.
    pub deciders: Option<&'a Deciders>,
    /// The accounts that the sweep left out because their profile has an approver's e-mail address.
    pub by_email: &'a [Subject],
    /// What our own records say of the accounts.
    pub before: &'a Before,
    /// The words for the provider that the accounts are from.
    pub terms: Terms,
    /// How much fits on a page.
    pub room: Room,
}

/// Whether the question needs two people's approvals, as it was asked or as the policy wants today.
pub(crate) fn needs_two(view: &CardView) -> bool {
    let today = view.policy.map_or(1, |policy| policy.approvals_needed);
    view.request.approvals_needed.max(today) > 1
}

/// How many accounts would be suspended if the second person selected everybody.
pub(crate) fn in_both(view: &CardView, first: &FirstApproval) -> usize {
    let selected =
        |one: &&Candidate| one.state == CandidateState::Proposed && !first.keep.contains(&one.position);
    view.candidates.iter().filter(selected).count()
}

/// How many accounts the approval selected.
pub(crate) fn selected(view: &CardView) -> usize {
    view.candidates.len() - in_state(view, "kept")
}

pub(crate) fn in_state(view: &CardView, word: &str) -> usize {
    view.candidates.iter().filter(|candidate| candidate.state.word() == word).count()
}

/// Returns what a button does about a request on the list that the card shows.
pub(crate) fn about_request(what: RequestAction, request: &Request) -> ButtonAction {
    // A person who suspends relies on what the card says about a first approval.
    let list_hash = match what {
        RequestAction::Suspend => request.shown(),
        _ => request.list_hash.clone(),
    };
    ButtonAction::Request { what, request: request.id, list_hash }
}

/// A button elsewhere that opens the same dialog as the card's own.
pub fn review_button(request: &Request) -> Button {
    about_request(RequestAction::Choose, request).button(format!("Review request {}…", request.id))
}

/// What our own records say of the accounts of a card.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// The last request that proposed the account before, if that was denied, and the decision.
    pub denied: BTreeMap<AccountId, (RequestId, Decision)>,
    /// The exemptions that are in force.
    pub exempted: BTreeMap<AccountId, Granted>,
}
