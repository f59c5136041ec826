//! What the audit trail must say of an account before it is suspended: what happened in which order.

use inactive_contractors::domain::attempt::Unproven;
use inactive_contractors::domain::audit::{Action, Actor, AuditEvent, GENESIS};
use inactive_contractors::domain::ids::{RequestId, SweepId};
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
        sweep: Some(SweepId(3)),
        request: Some(RequestId(7)),
        subject: Some(candidate(0, due(0)).subject()),
        detail: json!({ "list_hash": approved(None).list_hash }),
        prev_hash: GENESIS.into(),
        hash: String::new(),
    };
    AuditEvent { hash: event.compute_hash(), ..event }
}

/// Whether the trail bears it out: the decision with this number, and what happened to the account.
fn is_proven(request: &Request, decided: i64, about: &[(i64, Action)]) -> bool {
    let word = if request.state.retry().is_some() { Action::Retried } else { Action::Approved };
    let about: Vec<AuditEvent> = about.iter().map(|(seq, action)| event(*seq, *action)).collect();
    match check(request, &candidate(0, due(0)), Some(&event(decided, word)), &about) {
        Ok(()) => true,
        Err(why) => {
            assert_eq!(why, Unproven::Selection);
            false
        }
    }
}

#[test]
fn an_account_is_proposed_before_it_is_decided_about() {
    assert!(is_proven(&approved(None), 2, &[(1, Action::Proposed)]));
    assert!(!is_proven(&approved(None), 2, &[(3, Action::Proposed)]));
    assert!(!is_proven(&approved(None), 2, &[]));
}

#[test]
fn what_failed_is_tried_again_only_after_somebody_decided_so() {
    let failed_as = |seq| [(1, Action::Proposed), (seq, Action::SuspensionFailed)];
    assert!(is_proven(&tried_again(), 4, &failed_as(3)));
    assert!(!is_proven(&tried_again(), 4, &failed_as(5)));
    for seq in [2, 4] {
        assert!(!is_proven(&approved(None), 3, &failed_as(seq)), "{seq}");
    }
}
