//! The chain: a hash that anybody can compute again, and that no changed field survives.

use chrono::Duration;
use inactive_contractors::domain::account::AccountId;
use inactive_contractors::domain::audit::{Action, Actor, AuditEvent, GENESIS, Subject};
use inactive_contractors::domain::ids::{RequestId, SweepId};
use serde_json::json;

use super::fixture::{now, person};

fn event() -> AuditEvent {
    AuditEvent {
        seq: 1,
        at: now(),
        actor: Actor::Person(person("ann")),
        action: Action::Approved.word().into(),
        policy: Some("contractors".into()),
        sweep: Some(SweepId(3)),
        request: Some(RequestId(7)),
        subject: Some(Subject { id: AccountId("00u1".into()), login: "kim@x.example".into() }),
        detail: json!({ "zebra": 1, "ant": [1, 2], "mid": { "b": null, "a": true } }),
        prev_hash: GENESIS.into(),
        hash: String::new(),
    }
}

#[test]
fn the_hash_is_the_documented_one() {
    // printf '%064d\n[1,"2026-11-23T09:00:00.000Z",{"person":{"id":…}},…]' | sha256sum
    assert_eq!(event().compute_hash(), KNOWN);
}

const KNOWN: &str = "59a8078a6db8a09c240d2223e259788f7fb7ae91909225ccda3f0ff3584c6ecb";

type Change = fn(&mut AuditEvent);

#[test]
fn any_changed_field_changes_the_hash() {
    let changes: [(&str, Change); 17] = [
        ("seq", |event| event.seq = 2),
        ("at", |event| event.at += Duration::milliseconds(1)),
        ("actor", |event| event.actor = Actor::System),
        ("who", |event| event.actor = Actor::Person(person("bob"))),
        ("action", |event| event.action = "denied".into()),
        ("policy", |event| event.policy = Some("Contractors".into())),
        ("no policy", |event| event.policy = None),
        ("sweep", |event| event.sweep = Some(SweepId(4))),
        ("no sweep", |event| event.sweep = None),
        ("request", |event| event.request = None),
        ("sweep and request swapped", |event| {
            (event.sweep, event.request) =
                (event.request.map(|id| SweepId(id.0)), event.sweep.map(|id| RequestId(id.0)));
        }),
        ("no subject", |event| event.subject = None),
        ("subject's id", |event| event.subject.as_mut().unwrap().id = AccountId("00u2".into())),
        ("subject's login", |event| event.subject.as_mut().unwrap().login.push('x')),
        ("detail", |event| event.detail["mid"]["a"] = json!(false)),
        ("detail's type", |event| event.detail["zebra"] = json!("1")),
        ("the hash before", |event| event.prev_hash.replace_range(63.., "1")),
    ];
    let mut seen = vec![event().compute_hash()];
    for (name, change) in changes {
        let mut other = event();
        change(&mut other);
        let hash = other.compute_hash();
        assert!(!seen.contains(&hash), "{name}");
        seen.push(hash);
    }
}

#[test]
fn the_hash_does_not_depend_on_itself_or_on_the_order_of_keys() {
    let mut same = event();
    same.hash = "anything".into();
    same.detail = json!({ "mid": { "a": true, "b": null }, "ant": [1, 2], "zebra": 1 });
    assert_eq!(same.compute_hash(), event().compute_hash());
}

#[test]
fn an_event_that_was_written_and_read_hashes_the_same() {
    let text = serde_json::to_string(&event()).unwrap();
    let read: AuditEvent = serde_json::from_str(&text).unwrap();
    assert_eq!(read, event());
    assert_eq!(read.compute_hash(), event().compute_hash());
}

#[test]
fn the_words_of_actions_are_their_stored_form() {
    let all = [
        Action::BotStarted,
        Action::ConfigurationReloaded,
        Action::SweepStarted,
        Action::SweepFinished,
        Action::SweepHeld,
        Action::SweepRefused,
        Action::SweepFailed,
        Action::Proposed,
        Action::CardPosted,
        Action::Approved,
        Action::Kept,
        Action::Denied,
        Action::Expired,
        Action::Withdrawn,
        Action::Released,
        Action::WentLive,
        Action::InputRefused,
        Action::SuspensionIntended,
        Action::Suspended,
        Action::Skipped,
        Action::SuspensionFailed,
        Action::SessionsCleared,
        Action::SessionsClearTryFailed,
        Action::SessionsClearSkipped,
        Action::SessionsClearFailed,
        Action::Completed,
        Action::ApprovedFirst,
        Action::ApprovalTakenBack,
        Action::Retried,
        Action::RetriedFirst,
        Action::Reminded,
        Action::Escalated,
        Action::AskedAgain,
        Action::MissedSignFound,
    ];
    for action in all {
        assert_eq!(json!(action), action.word());
    }
}
