//! What the audit trail must say of an account before it is suspended: what happened in which order.

use inactive_contractors::domain::audit::{Action, Actor, AuditEvent, GENESIS};
use inactive_contractors::domain::candidate::Unproven;
use inactive_contractors::domain::request::proof::check;
use inactive_contractors::domain::request::{Decision, Request, RequestState, Retry};
use serde_json::json;

use crate::fixture::{candidate, due, now, person, request};

fn decision(by: &str) -> Decision {
    Decision { by: person(by), at: now(), reason: None }
}

/// Approved by Ann.
fn approved(retry: Option<Retry>) -> Request {
    request(RequestState::Approved { decision: decision("ann"), first: None, retry: retry.map(Box::new) })
}

/// What Bob wants tried again.
fn tried_again() -> Request {
    approved(Some(Retry { decision: decision("bob"), first: None, positions: [0].into(), round: 1 }))
}

fn event(seq: i64, action: Action) -> AuditEvent {
    let actor = match action {
        Action::Approved => Actor::Person(person("ann")),
        Action::Retried => Actor::Person(person("bob")),
        _ => Actor::System,
    };
    let event = AuditEvent {
        seq,
        at: now(),
        actor,
        action: action.word().into(),
        policy: Some("contractors".into()),
        sweep: Some(3),
        request: Some(7),
        subject: Some(candidate(0, due(0)).subject()),
        detail: json!({ "list_hash": approved(None).list_hash }),
        prev_hash: GENESIS.into(),
        hash: String::new(),
    };
    AuditEvent { hash: event.compute_hash(), ..event }
}

#[test]
fn an_account_is_proposed_before_the_decision_and_what_failed_is_tried_again_only_after_another() {
    use Action::{Approved, Proposed, Retried, SuspensionFailed};
    let cases: [(&Request, i64, &[(i64, Action)], bool); 7] = [
        (&approved(None), 2, &[(1, Proposed)], true),
        (&approved(None), 2, &[(3, Proposed)], false),
        (&approved(None), 2, &[], false),
        (&approved(None), 3, &[(1, Proposed), (2, SuspensionFailed)], false),
        (&approved(None), 2, &[(1, Proposed), (3, SuspensionFailed)], false),
        (&tried_again(), 4, &[(1, Proposed), (3, SuspensionFailed)], true),
        (&tried_again(), 4, &[(1, Proposed), (5, SuspensionFailed)], false),
    ];
    for (request, decided, about, proven) in cases {
        let word = if request.state.retry().is_some() { Retried } else { Approved };
        let events: Vec<AuditEvent> = about.iter().map(|(seq, action)| event(*seq, *action)).collect();
        let found = check(request, &candidate(0, due(0)), Some(&event(decided, word)), &events);
        let expected = if proven { Ok(()) } else { Err(Unproven::Selection) };
        assert_eq!(found, expected, "{word:?} as {decided} after {about:?}");
    }
}
