//! Watches as rows: from the confirmation on, one look per due moment, one batch per round, reported once.

use chrono::Duration;
use inactive_contractors::domain::account::{AccountStatus, Changer, Reading, StatusChange};
use inactive_contractors::domain::attempt::Proof;
use inactive_contractors::domain::audit::{Action, Subject};
use inactive_contractors::domain::candidate::SuspensionStep;
use inactive_contractors::domain::drift::{Log, Seen};
use inactive_contractors::domain::ids::{RequestId, SweepId};
use inactive_contractors::domain::plan::Verdict;
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::domain::restoration::{self, Wish};
use inactive_contractors::store::{AskedFor, AuditQuery, Notice, Store};

use crate::harness::{Bench, POLICY, actions, approved, at, events, found, id, person, scheduled, start};

/// A request whose accounts were all suspended at 09:12.
async fn suspended(store: &Store, day: i64, names: &[&str]) -> RequestId {
    let request = approved(store, day, names).await;
    for position in (0..).take(names.len()) {
        for step in [
            SuspensionStep::Intend { status_changed: None, evidence: None },
            SuspensionStep::Confirm(Proof::by_call(None)),
        ] {
            store.step_candidate(request, position, step, at(12)).await.unwrap().unwrap();
        }
    }
    request
}

/// The ids of the watches that are due then.
async fn due(store: &Store, minute: i64) -> Vec<i64> {
    let watches = store.due_watches(POLICY, 10, at(minute)).await.unwrap();
    let is_due = store.watch_is_due(POLICY, at(minute)).await.unwrap();
    assert_eq!(is_due, !watches.is_empty());
    watches.into_iter().map(|watch| watch.id).collect()
}

/// Records it under a policy that watches for 30 days; the batch, if there is one.
async fn looked(store: &Store, seen: Vec<(i64, Seen)>, minute: i64) -> Option<i64> {
    store.record_looks(seen, Some(Duration::days(30)), at(minute)).await.unwrap()
}

fn still() -> Seen {
    Seen::Account {
        status: AccountStatus::Suspended,
        status_changed: Reading::At(at(12)),
        log: Log::NotAsked,
    }
}

fn back(by: Changer) -> Seen {
    let change = StatusChange { at: at(30), what: "unsuspend".into(), by };
    let log = Log::Says(Some(change));
    Seen::Account { status: AccountStatus::Active, status_changed: Reading::At(at(30)), log }
}

fn import() -> Changer {
    Changer::Import { source: "HR".into() }
}

#[tokio::test]
async fn a_suspension_is_due_an_hour_later_and_then_at_each_sweep() {
    let (_bench, store) = opened();
    suspended(&store, 0, &["kim"]).await;
    assert!(due(&store, 71).await.is_empty());
    assert_eq!(due(&store, 72).await, [1]);
    assert_eq!(looked(&store, vec![(1, still())], 72).await, None);
    assert!(due(&store, 5000).await.is_empty(), "until a sweep ends");
    let sweep = start(&store, scheduled(1)).await;
    assert!(due(&store, 5000).await.is_empty());
    store.finish_sweep(sweep, found(&[], Verdict::NoCandidates)).await.unwrap();
    assert_eq!(due(&store, 5000).await, [1]);
    looked(&store, vec![(1, still())], 5000).await;
    let sweep = start(&store, scheduled(2)).await;
    store.fail_sweep(sweep, "down", at(5001)).await.unwrap();
    assert_eq!(due(&store, 5001).await, [1], "a failed sweep looks again too");
}

#[tokio::test]
async fn what_is_found_in_one_round_is_one_batch_and_is_reported_once() {
    let (_bench, store) = opened();
    suspended(&store, 0, &["kim", "lee", "max"]).await;
    let seen = vec![(1, still()), (2, back(import())), (3, back(Changer::Unknown))];
    assert_eq!(looked(&store, seen.clone(), 72).await, Some(2));
    assert_eq!(store.unsaid().await.unwrap(), [Notice::Sweep(SweepId(1)), Notice::Drift(2)]);
    let batch = store.drift_batch(2).await.unwrap();
    assert_eq!(batch.iter().map(|one| &one.watch.account.id).collect::<Vec<_>>(), [&id("lee"), &id("max")]);
    assert_eq!((batch[0].back.by.clone(), batch[0].back.at), (import(), at(30)));
    assert_eq!(looked(&store, seen, 73).await, None, "their watches have ended");
    store.said(Notice::Drift(2), at(73)).await.unwrap();
    assert_eq!(store.unsaid().await.unwrap(), [Notice::Sweep(SweepId(1))]);
    let query = AuditQuery { actions: vec![Action::DriftFound], ..AuditQuery::latest(10) };
    let events = events(&store, query).await;
    assert_eq!((events.len(), events[1].request), (2, Some(RequestId(1))));
    assert_eq!(events[1].detail["changer"]["source"], "HR");
    assert_eq!(store.verify().await.unwrap().broken_at, None);
}

#[tokio::test]
async fn a_restoration_of_ours_that_came_in_between_is_no_drift() {
    let (_bench, store) = opened();
    let request = suspended(&store, 0, &["kim", "lee"]).await;
    for name in ["kim", "lee"] {
        let wish = Wish {
            policy: POLICY.into(),
            provider: ProviderName::default(),
            request: Some(request),
            account: Subject { id: id(name), login: format!("{name}@contractor.example") },
            name: name.to_owned(),
            by: person("ann"),
            reason: "back".to_owned(),
        };
        assert!(matches!(store.ask_restoration(name, wish, None, at(20)).await.unwrap(), AskedFor::New(_)));
    }
    for step in [
        restoration::RestoreStep::Intend { status_changed: None, evidence: None },
        restoration::RestoreStep::Confirm(Proof::by_call(None)),
    ] {
        store.step_restoration(1, step, at(21)).await.unwrap().unwrap();
    }
    let seen = vec![(1, back(Changer::Us)), (2, back(Changer::Us))];
    assert_eq!(looked(&store, seen, 72).await, None);
    assert_eq!(due(&store, 100).await, [2], "the other is still being restored, and is looked at again");
    assert!(!actions(&store).await.contains(&"drift_found".to_owned()));
}

#[tokio::test]
async fn who_could_not_be_looked_at_stays_due_and_later_each_time() {
    let (_bench, store) = opened();
    suspended(&store, 0, &["kim"]).await;
    let mut minute = 72;
    for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
        looked(&store, vec![(1, Seen::Unreadable("down".into()))], minute).await;
        assert!(due(&store, minute + wait - 1).await.is_empty(), "{wait}");
        minute += wait;
        assert_eq!(due(&store, minute).await, [1], "{wait}");
    }
    store.put_off_watches(vec![1], at(minute + 5)).await.unwrap();
    assert!(due(&store, minute + 4).await.is_empty());
}

#[tokio::test]
async fn a_watch_is_over_after_its_time_and_when_its_account_is_suspended_again() {
    let (_bench, store) = opened();
    suspended(&store, 0, &["kim"]).await;
    suspended(&store, 1, &["kim", "lee"]).await;
    assert_eq!(due(&store, 72).await, [2, 3]);
    assert_eq!(looked(&store, vec![(1, back(import())), (2, still()), (3, still())], 72).await, None);
    let month = 30 * 24 * 60;
    assert!(due(&store, month + 11).await.is_empty());
    assert_eq!(due(&store, month + 12).await, [2, 3], "a last look at its end");
    assert_eq!(looked(&store, vec![(2, still()), (3, back(import()))], month + 12).await, Some(3));
    assert!(due(&store, month * 2).await.is_empty());
    assert_eq!(looked(&store, vec![(2, back(import()))], month * 2).await, None);
}

#[tokio::test]
async fn another_policys_watches_are_not_due_for_this_one() {
    let (_bench, store) = opened();
    suspended(&store, 0, &["kim"]).await;
    assert!(!store.watch_is_due("another", at(500)).await.unwrap());
    assert!(store.due_watches("another", 10, at(500)).await.unwrap().is_empty());
}

fn opened() -> (Bench, Store) {
    let bench = Bench::new();
    let store = bench.open();
    (bench, store)
}
