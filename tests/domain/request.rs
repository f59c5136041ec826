//! What happens to a request without a person: its card, its deadline, its completion; and how it is kept.

use chrono::Duration;
use inactive_contractors::domain::account::AccountId;
use inactive_contractors::domain::attempt::{Confirmation, Sessions};
use inactive_contractors::domain::audit::{Action, Actor};
use inactive_contractors::domain::candidate::CandidateState;
use inactive_contractors::domain::request::{
    Decision, Request, RequestState, card_posted, complete, expire, list_hash, shown,
};

use serde_json::json;

use super::fixture::{
    candidate, contractor, due, every_candidate_state, every_request_state, evidence, now, pending, person,
    proposed, request,
};

#[test]
fn the_clock_starts_when_the_card_stands_and_only_once() {
    let late = now() + Duration::hours(5);
    let waiting = Request { deadline: None, ..pending() };
    let transition = card_posted(&waiting, late).unwrap();
    assert_eq!(transition.deadline, Some(late + Duration::hours(24)));
    assert_eq!(transition.state, RequestState::Pending { first: None });
    assert_eq!(transition.candidates, []);
    assert_eq!(transition.events.len(), 1);
    assert_eq!(transition.events[0].action, Action::CardPosted);
    assert_eq!(card_posted(&pending(), late), None, "a second card moves no deadline");
}

#[test]
fn a_card_never_changes_where_the_request_stands() {
    for state in every_request_state() {
        let unposted = Request { deadline: None, ..request(state.clone()) };
        assert_eq!(card_posted(&unposted, now()).unwrap().state, state);
    }
}

#[test]
fn an_unanswered_request_expires_at_the_deadline_and_is_never_approved() {
    let deadline = pending().deadline.unwrap();
    for state in every_request_state() {
        let request = request(state.clone());
        let open = state.awaits_decision();
        assert_eq!(expire(&request, &proposed(), deadline - Duration::milliseconds(1)), None);
        let Some(transition) = expire(&request, &proposed(), deadline) else {
            assert!(!open, "{state:?}");
            continue;
        };
        assert!(open, "{state:?}");
        assert_eq!(transition.state, RequestState::Expired { at: deadline });
        assert!(transition.candidates.iter().all(|(_, state)| *state == CandidateState::Dropped));
        assert_eq!(transition.candidates.len(), 3);
        assert_eq!(transition.events.len(), 1);
        assert_eq!(
            (transition.events[0].action, &transition.events[0].actor),
            (Action::Expired, &Actor::System)
        );
        let previewed = (state == RequestState::Preview).then_some("previewed");
        assert_eq!(transition.events[0].detail["as"].as_str(), previewed, "a preview proposed nobody");
    }
    let unposted = Request { deadline: None, ..pending() };
    assert_eq!(expire(&unposted, &proposed(), now() + Duration::days(99)), None, "nobody has seen it");
}

#[test]
fn an_approval_is_complete_when_no_account_is_open() {
    let decision = Decision { by: person("ann"), at: now(), reason: None };
    let approved = request(RequestState::Approved { decision: decision.clone(), first: None, retry: None });
    let settled: Vec<_> = every_candidate_state()
        .into_iter()
        .filter(|state| !state.is_open())
        .zip(0..)
        .map(|(state, at)| candidate(at, state))
        .collect();
    let transition = complete(&approved, &settled, now()).unwrap();
    assert_eq!(
        transition.state,
        RequestState::Completed { decision, at: now(), first: None, retry: None, retry_first: None }
    );
    assert_eq!(transition.candidates, []);
    assert_eq!(transition.events.len(), 1);
    assert_eq!(transition.events[0].action, Action::Completed);
    let counts = serde_json::json!({ "suspended": 1, "skipped": 1, "failed": 1, "kept": 1 });
    assert_eq!(transition.events[0].detail, counts);
    for open in [CandidateState::Proposed, due(0), due(3)] {
        let mut candidates = settled.clone();
        candidates.push(candidate(9, open));
        assert_eq!(complete(&approved, &candidates, now()), None);
    }
    let sessions = Sessions::due();
    let awake = CandidateState::Suspended { at: now(), confirmation: Confirmation::ByCall, sessions };
    let mut candidates = settled.clone();
    candidates.push(candidate(9, awake));
    assert_eq!(complete(&approved, &candidates, now()), None, "sessions are still to be ended");
    for state in every_request_state() {
        let is_approved = matches!(state, RequestState::Approved { .. });
        assert_eq!(complete(&request(state), &settled, now()).is_some(), is_approved);
    }
}

#[test]
fn the_list_hash_knows_the_accounts_and_their_order() {
    let of = |ids: &[&str]| {
        let ids: Vec<_> = ids.iter().map(|id| AccountId((*id).into())).collect();
        list_hash(ids.iter())
    };
    assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
    assert_eq!(of(&["a", "b"]), "911169ddaaf146af", "a card that hangs in a channel for weeks still matches");
    for other in [&["b", "a"][..], &["a"], &["a", "b", "c"], &["ab"], &[]] {
        assert_ne!(of(&["a", "b"]), of(other), "{other:?}");
    }
}

#[test]
fn every_state_is_kept_as_it_was() {
    for state in every_request_state() {
        let json = serde_json::to_value(&state).unwrap();
        assert_eq!(json["state"], state.word());
        assert_eq!(serde_json::from_value::<RequestState>(json).unwrap(), state);
    }
}

#[test]
fn rows_from_before_there_were_two_people_and_retries_mean_what_they_meant() {
    let ann = json!({ "by": { "id": "ann", "name": "", "email": null }, "at": now(), "reason": null });
    let of = |row: serde_json::Value| serde_json::from_value::<RequestState>(row).unwrap();
    assert_eq!(of(json!({ "state": "pending" })), RequestState::pending());
    assert_eq!(serde_json::to_value(RequestState::pending()).unwrap(), json!({ "state": "pending" }));
    let approved = of(json!({ "state": "approved", "decision": ann }));
    assert_eq!(serde_json::to_value(&approved).unwrap(), json!({ "state": "approved", "decision": ann }));
    let completed = json!({ "state": "completed", "decision": ann, "at": now() });
    assert_eq!(serde_json::to_value(of(completed.clone())).unwrap(), completed);
    let due = json!({ "state": "due", "attempts": 0, "not_before": null, "status_changed": null });
    assert_eq!(serde_json::from_value::<CandidateState>(due.clone()).unwrap(), CandidateState::due());
    assert_eq!(serde_json::to_value(CandidateState::due()).unwrap(), due);
}

#[test]
fn what_is_shown_is_what_was_read() {
    let account = contractor("kim");
    let shown = shown(&account, evidence(30), 2);
    assert_eq!((&shown.id, &shown.login, &shown.email), (&account.id, &account.login, &account.email));
    assert_eq!((shown.pending_sweeps, shown.evidence), (2, evidence(30)));
}
