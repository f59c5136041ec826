//! Gathers what the bundle for an auditor is made of, and what follows from it.

use std::collections::BTreeMap;

use crate::domain::account::AccountId;
use crate::domain::audit::{Action, AuditEvent, Person};
use crate::domain::candidate::Candidate;
use crate::domain::date_range::DateRange;
use crate::domain::exemption::Granted;
use crate::domain::ids::{PolicyName, RequestId};
use crate::domain::plan::Counts;
use crate::domain::request::Request;
use crate::identity::Terms;
use crate::reports::export::Excerpt;
use crate::store::SweepRow;

/// A sweep with the request that it made.
#[derive(Clone, Debug)]
pub struct Swept {
    /// The sweep.
    pub sweep: SweepRow,
    /// The request with its candidates, if it made one.
    pub request: Option<(Request, Vec<Candidate>)>,
    /// Whether it started in the period; else its request was acted on in it.
    pub in_period: bool,
    /// The words for the provider that it listed.
    pub terms: Terms,
}

/// All that a bundle is made of.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The version of the bot that makes it.
    pub version: String,
    /// Who asked for it.
    pub made_by: Person,
    /// The time that it is about.
    pub period: DateRange,
    /// The policies that it is about.
    pub policies: Vec<PolicyName>,
    /// The sweeps that started in that time, and those whose requests were acted on in it, oldest first.
    pub swept: Vec<Swept>,
    /// The exemptions that were in force at some time of it.
    pub exemptions: Vec<Granted>,
    /// The last event that was moved to an archive file before; 0: none was.
    pub archived: i64,
    /// The events of that time, and those of its requests before and after it.
    pub excerpt: Excerpt,
}

/// What was done about one account of one request, with the events that prove it.
#[derive(Clone, Debug)]
pub struct Suspension<'a> {
    /// The request.
    pub request: RequestId,
    pub account: &'a AccountId,
    /// Its login then.
    pub login: &'a str,
    /// The decisions that it rests on: the approval or retry before its last intent, and the first one of two before it.
    pub approval: Vec<&'a AuditEvent>,
    /// What was committed before each call.
    pub intents: Vec<&'a AuditEvent>,
    /// What came of it; `None`: it is still open, or open again.
    pub outcome: Option<&'a AuditEvent>,
    /// Its restoration by the bot, later.
    pub restored: Option<&'a AuditEvent>,
    /// The event that it was active again through somebody else.
    pub drifted: Option<&'a AuditEvent>,
}

impl Suspension<'_> {
    /// Whether the account was suspended.
    pub fn is_suspended(&self) -> bool {
        self.outcome.is_some_and(|event| event.action == Action::Suspended.word())
    }
}

/// Per request and account what was done.
pub(super) fn suspensions(evidence: &Evidence) -> Vec<Suspension<'_>> {
    let events = &evidence.excerpt.events;
    let mut done: BTreeMap<(RequestId, &AccountId), Suspension> = BTreeMap::new();
    for (place, event) in events.iter().enumerate() {
        let (Some(subject), Some(action)) = (&event.subject, Action::of_word(&event.action)) else {
            continue;
        };
        let account = &subject.id;
        if let Some(request) = event.request {
            if action == Action::SuspensionIntended {
                let begun = || Suspension {
                    request,
                    account,
                    login: &subject.login,
                    approval: Vec::new(),
                    intents: Vec::new(),
                    outcome: None,
                    restored: None,
                    drifted: None,
                };
                let one = done.entry((request, account)).or_insert_with(begun);
                one.intents.push(event);
                one.approval = authorization(&events[..place], request);
                // What failed before is tried once more.
                one.outcome = None;
            } else if matches!(action, Action::Suspended | Action::Skipped | Action::SuspensionFailed)
                && let Some(one) = done.get_mut(&(request, account))
            {
                one.outcome = Some(event);
            }
        }
        if matches!(action, Action::Restored | Action::DriftFound) {
            let of = done.values_mut().filter(|one| one.account == account && one.is_suspended());
            if let Some(latest) = of.max_by_key(|one| one.request) {
                let place =
                    if action == Action::Restored { &mut latest.restored } else { &mut latest.drifted };
                *place = Some(event);
            }
        }
    }
    done.into_values().collect()
}

/// A step that a person took about a request, or the end that came without one.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// The request.
    pub request: &'a Request,
    pub candidates: &'a [Candidate],
    /// The event; `None`: the request is still open.
    pub event: Option<&'a AuditEvent>,
}

/// Each decision about each request, oldest first. A request without one is there once.
pub fn decisions(evidence: &Evidence) -> Vec<Decided<'_>> {
    let mut decided = Vec::new();
    for (request, candidates) in evidence.swept.iter().filter_map(|swept| swept.request.as_ref()) {
        let of_it = steps(&evidence.excerpt.events, request.id).into_iter().map(Some);
        let before = decided.len();
        decided.extend(of_it.map(|event| Decided { request, candidates, event }));
        if decided.len() == before {
            decided.push(Decided { request, candidates, event: None });
        }
    }
    decided
}

/// The decisions about a request among these events, oldest first.
fn steps(events: &[AuditEvent], request: RequestId) -> Vec<&AuditEvent> {
    let is_step = |event: &&AuditEvent| {
        event.request == Some(request)
            && Action::of_word(&event.action).is_some_and(|action| DECISIONS.contains(&action))
    };
    events.iter().filter(is_step).collect()
}

/// What decides, or ends without a decision.
const DECISIONS: [Action; 11] = [
    Action::ApprovedFirst,
    Action::ApprovalTakenBack,
    Action::Approved,
    Action::RetriedFirst,
    Action::Retried,
    Action::Denied,
    Action::Released,
    Action::Withdrawn,
    Action::WentLive,
    Action::AskedAgain,
    Action::Expired,
];

/// The approval or retry that an intent after these events rests on, with the first one of two before it.
fn authorization(before: &[AuditEvent], request: RequestId) -> Vec<&AuditEvent> {
    let steps = steps(before, request);
    let is = |event: &AuditEvent, action: Action| event.action == action.word();
    let carried = |event: &&AuditEvent| is(event, Action::Approved) || is(event, Action::Retried);
    let Some(last) = steps.iter().rposition(carried) else { return Vec::new() };
    let wish = if is(steps[last], Action::Approved) { Action::ApprovedFirst } else { Action::RetriedFirst };
    let first = last.checked_sub(1).map(|place| steps[place]).filter(|event| is(event, wish));
    first.into_iter().chain([steps[last]]).collect()
}

/// Who took these steps, by name.
pub fn names(steps: &[&AuditEvent]) -> String {
    let names = steps.iter().filter_map(|event| event.actor.person()).map(|person| person.name.as_str());
    names.collect::<Vec<_>>().join(" and ")
}

/// Whether every listed account got exactly one answer.
pub fn adds_up(counts: &Counts) -> bool {
    let Counts {
        population,
        candidates,
        waiting,
        active,
        in_grace,
        exempt,
        not_suspendable,
        unknown,
        other_type,
    } = *counts;
    population == candidates + waiting + active + in_grace + exempt + not_suspendable + unknown + other_type
}
