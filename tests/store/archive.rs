//! The oldest events leave the file, and nothing leaves it without a word. Copies are whole. An emergency stop holds in
//! the transaction of each intent.

use chrono::Duration;
use inactive_contractors::domain::attempt::{self, Attempt, Proof, Sessions};
use inactive_contractors::domain::audit::{Action, Draft, GENESIS, HEARTBEAT};
use inactive_contractors::domain::candidate::{CandidateState, SuspensionStep};
use inactive_contractors::domain::request::Decision;
use inactive_contractors::store::{
    Archive, AuditContext, AuditQuery, Notice, StartedSweep, Store, StoreError,
};
use serde_json::json;

use crate::harness::{Bench, POLICY, actions, approved, at, events, id, person, scheduled};

/// Ten events, one per day.
async fn ten_days(store: &Store) {
    for day in 0..10 {
        let event = Draft::by_bot(
            at(0) + Duration::days(day),
            Action::BotStarted,
            json!({ "day": day, "words": "word ".repeat(1_000) }),
        );
        store.append(AuditContext::default(), event).await.unwrap();
    }
}

async fn archive_up_to(store: &Store, up_to: i64) -> Result<(), StoreError> {
    let all = events(store, AuditQuery::latest(1000)).await;
    let head = all.iter().find(|event| event.seq == up_to).unwrap().hash.clone();
    let from = all.last().unwrap().seq;
    let archive = Archive { file: "a.json".into(), sha256: "00".into(), from, up_to, head };
    store.archive(archive, at(0) + Duration::days(10)).await
}

#[tokio::test]
async fn what_is_archived_is_gone_and_the_rest_verifies_from_there() {
    let bench = Bench::new();
    let store = bench.open();
    ten_days(&store).await;
    let old = store.archivable(at(0) + Duration::days(4), 1000).await.unwrap();
    assert_eq!(old.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(store.archivable(at(0) + Duration::days(4), 3).await.unwrap().len(), 3);
    assert_eq!(store.archived().await.unwrap(), None);
    archive_up_to(&store, 3).await.unwrap();
    archive_up_to(&store, 4).await.unwrap();
    assert_eq!(store.archived().await.unwrap(), Some((4, old[3].hash.clone())));
    let free = || bench.raw().query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0)).unwrap();
    assert!(free() > 0, "so far the room is the file's");
    store.shrink().await.unwrap();
    assert_eq!(free(), 0);
    let verified = store.verify().await.unwrap();
    assert_eq!((verified.archived, verified.events, verified.broken_at), (4, 12, None));
    assert_eq!(events(&store, AuditQuery::latest(1000)).await.last().unwrap().seq, 5);
    let of_time = AuditQuery {
        since: Some(at(0)),
        until: Some(at(0) + Duration::days(20)),
        ..AuditQuery::latest(1000)
    };
    let of_time = events(&store, of_time).await;
    assert_eq!((of_time.last().unwrap().seq, of_time.first().unwrap().seq), (5, 12));
    // The trail goes on where it was.
    let next = Draft::by_bot(at(0), Action::BotStarted, json!({}));
    assert_eq!(store.append(AuditContext::default(), next).await.unwrap().seq, 13);
    assert_eq!(store.verify().await.unwrap().broken_at, None);
}

#[tokio::test]
async fn nothing_is_removed_that_was_not_recorded_as_archived() {
    let bench = Bench::new();
    let store = bench.open();
    ten_days(&store).await;
    archive_up_to(&store, 3).await.unwrap();
    let raw = bench.raw();
    for sql in [
        "DELETE FROM audit_event WHERE seq = 4".to_owned(),
        "UPDATE audit_archived SET seq = 5, hash = (SELECT hash FROM audit_event WHERE seq = 5)".to_owned(),
        "DELETE FROM audit_archived".to_owned(),
        format!("UPDATE audit_archived SET seq = 0, hash = '{GENESIS}'"),
    ] {
        raw.execute(&sql, []).unwrap_err();
    }
    let wrong = Archive { file: "a".into(), sha256: "0".into(), from: 4, up_to: 5, head: GENESIS.into() };
    assert!(matches!(store.archive(wrong, at(0)).await, Err(StoreError::Invalid(_))));
    assert_eq!(store.verify().await.unwrap().broken_at, None);
}

#[tokio::test]
async fn a_value_that_goes_around_the_schema_is_found() {
    for (sql, broken_at) in [
        // More is gone than the trail says.
        ("DELETE FROM audit_event WHERE seq = 4", 4),
        (
            "DELETE FROM audit_event WHERE seq = 4; \
             UPDATE audit_archived SET seq = 4, hash = (SELECT prev_hash FROM audit_event WHERE seq = 5)",
            5,
        ),
        ("DELETE FROM audit_archived", 1),
    ] {
        let bench = Bench::new();
        let store = bench.open();
        ten_days(&store).await;
        archive_up_to(&store, 3).await.unwrap();
        let raw = bench.raw();
        for trigger in ["audit_no_delete", "audit_archived_grows", "audit_archived_stays"] {
            raw.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
        }
        raw.execute_batch(sql).unwrap();
        assert_eq!(store.verify().await.unwrap().broken_at, Some(broken_at), "{sql}");
    }
}

#[tokio::test]
async fn the_word_for_what_was_archived_may_stand_far_behind_what_is_left() {
    let bench = Bench::new();
    let store = bench.open();
    ten_days(&store).await;
    let event = |number: i64| {
        Draft::by_bot(at(0) + Duration::days(9), Action::BotStarted, json!({ "number": number }))
    };
    // More than are read at a time.
    for number in 0..2_000 {
        store.append(AuditContext::default(), event(number)).await.unwrap();
    }
    let old = store.archivable(at(0) + Duration::days(3), 1000).await.unwrap();
    let head = old.last().unwrap().hash.clone();
    let archive = Archive { file: "a.json".into(), sha256: "00".into(), from: 1, up_to: 3, head };
    store.archive(archive, at(0) + Duration::days(10)).await.unwrap();
    let verified = store.verify().await.unwrap();
    assert_eq!((verified.archived, verified.events, verified.broken_at), (3, 2_011, None));
}

#[tokio::test]
async fn events_of_what_is_not_ended_or_not_forwarded_stay() {
    let bench = Bench::new();
    let store = bench.open();
    let later = at(0) + Duration::days(100);
    approved(&store, 0, &["kim"]).await;
    ten_days(&store).await;
    // The request is still to be executed, and its sweep is the first that the trail has.
    assert_eq!(store.archivable(later, 1000).await.unwrap(), []);

    let bench = Bench::new();
    let store = bench.open();
    ten_days(&store).await;
    store.set_collectors(vec![("file a".into(), true), ("file b".into(), true)]).await.unwrap();
    store.forwarded_up_to("file a", 9).await.unwrap();
    store.forwarded_up_to("file b", 2).await.unwrap();
    assert_eq!(store.archivable(later, 1000).await.unwrap().len(), 2);
    store.forwarded_up_to("file b", 1).await.unwrap();
    assert_eq!(store.to_forward("file b", 1).await.unwrap()[0].seq, 3, "it never has less than before");
    let behind = store.collectors_behind(at(0) + Duration::days(5)).await.unwrap();
    assert_eq!(
        behind.iter().map(|one| (one.collector.as_str(), one.events)).collect::<Vec<_>>(),
        [("file b", 8)]
    );
    let none = store.collectors_behind(at(0) + Duration::days(2)).await.unwrap();
    assert!(none.is_empty(), "what it lacks is no older than that");
    // The heartbeat begins at the end, and nothing stays for it.
    let all = vec![("file a".into(), true), ("file b".into(), true), (HEARTBEAT.into(), false)];
    store.set_collectors(all).await.unwrap();
    assert_eq!(store.to_forward(HEARTBEAT, 1).await.unwrap(), []);
    store.forwarded_up_to("file b", 10).await.unwrap();
    ten_days(&store).await;
    store.forwarded_up_to("file a", 20).await.unwrap();
    store.forwarded_up_to("file b", 15).await.unwrap();
    assert_eq!(store.to_forward(HEARTBEAT, 1).await.unwrap()[0].seq, 11);
    assert_eq!(store.archivable(later, 1000).await.unwrap().len(), 15);
    archive_up_to(&store, 2).await.unwrap();
    store.set_collectors(vec![("file c".into(), true)]).await.unwrap();
    assert_eq!(store.to_forward("file c", 1).await.unwrap()[0].seq, 3, "what is archived can't be sent");
    assert_eq!(store.to_forward("file a", 1).await.unwrap(), []);
}

#[tokio::test]
async fn a_copy_is_one_state_of_a_file_that_somebody_works_with() {
    let bench = Bench::new();
    let store = bench.open();
    approved(&store, 0, &["kim"]).await;
    // Many pages.
    for _ in 0..8 {
        ten_days(&store).await;
    }
    let to = bench.directory.path().join("copy.db");
    Store::copy(&bench.path, &to).unwrap();
    ten_days(&store).await;
    let copy = Store::open_to_read(&to).unwrap();
    assert_eq!(copy.verify_file(&|_| ()).await.unwrap().unwrap().events, 85);
    copy.close().await.unwrap();
    assert!(!bench.directory.path().join("copy.db-wal").exists(), "the copy is one file");
    let error = Store::copy(&bench.path, &to).unwrap_err().to_string();
    assert!(error.contains("a file of that name already"), "{error}");
    let gone = bench.directory.path().join("no/such/folder.db");
    assert!(Store::copy(&bench.path, &gone).is_err() && Store::copy(&gone, &gone).is_err());

    // A bot starts from it and has what was approved still to do.
    let restored = Store::open(&to, at(60)).unwrap();
    assert_eq!(restored.live_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn while_paused_no_intent_is_written_and_so_no_call_is_made() {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim", "lee"]).await;
    let intend = |position| {
        store.step_candidate(
            request,
            position,
            SuspensionStep::Intend { status_changed: None, evidence: None },
            at(12),
        )
    };
    intend(0).await.unwrap().unwrap();
    let confirm = SuspensionStep::Confirm(Proof {
        sessions: Sessions::due(),
        ..inactive_contractors::domain::attempt::Proof::by_call(None)
    });
    store.step_candidate(request, 0, confirm, at(12)).await.unwrap().unwrap();

    let by = Decision { by: person("root"), at: at(13), reason: None };
    store.pause("a", POLICY, by.clone()).await.unwrap().unwrap();
    store.pause("b", POLICY, by.clone()).await.unwrap().unwrap_err();
    let before = actions(&store).await;
    assert_eq!(intend(1).await.unwrap(), None);
    assert_eq!(
        store
            .step_sessions(
                request,
                0,
                attempt::AttemptStep::Intend { status_changed: None, evidence: None },
                at(14)
            )
            .await
            .unwrap(),
        None
    );
    assert_eq!(actions(&store).await, before);

    let in_force = store.pause_of(POLICY).await.unwrap().expect("one is in force").id;
    let notice = Notice::Pause(in_force);
    let waits = async || store.unsaid().await.unwrap().contains(&notice);
    assert!(waits().await);
    let lifted = store.resume("c", POLICY, by.clone()).await.unwrap().unwrap();
    assert_eq!((lifted.id, lifted.ended.as_ref()), (in_force, Some(&by)));
    let of_the_policy = AuditQuery { policy: Some(POLICY.to_owned()), ..AuditQuery::latest(2) };
    let trail: Vec<_> = events(&store, of_the_policy).await.into_iter().map(|event| event.action).collect();
    assert_eq!(trail, ["resumed", "paused"], "who sees the policy sees these");
    store.said(notice, at(14)).await.unwrap();
    assert!(!waits().await);
    assert_eq!(store.resume("d", POLICY, by.clone()).await.unwrap(), None);
    // Delivered again after a later stop, a word from before does nothing.
    store.pause("e", POLICY, by.clone()).await.unwrap().unwrap();
    assert_eq!(store.resume("c", POLICY, by.clone()).await.unwrap(), None);
    assert!(store.resume("f", POLICY, by.clone()).await.unwrap().is_some());
    assert_eq!(store.pause("e", POLICY, by).await.unwrap(), Err(None));
    assert!(matches!(intend(1).await.unwrap(), Some(CandidateState::Due(Attempt { attempts: 1, .. }))));
    assert!(
        store
            .step_sessions(
                request,
                0,
                attempt::AttemptStep::Intend { status_changed: None, evidence: None },
                at(15)
            )
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(store.suspended_by_us(vec![id("kim")]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_pause_that_can_not_be_written_is_in_force_in_every_handle_until_it_is_written_or_resumed() {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim"]).await;
    let other = bench.raw();
    let by = Decision { by: person("root"), at: at(13), reason: Some("stop".to_owned()) };
    // A handle from before, as the next configuration has.
    let handle = store.clone();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(store.pause("a", POLICY, by.clone()).await, Err(StoreError::Busy)));
    assert!(matches!(handle.resume("b", POLICY, by.clone()).await, Err(StoreError::Busy)), "it stays");
    let held = handle.pause_of(POLICY).await.unwrap().expect("it is in force");
    assert_eq!((held.began, held.ended), (by.clone(), None));
    assert!(store.write_stops().await.is_err());
    other.execute_batch("ROLLBACK").unwrap();

    // There is room again, and it is not written yet.
    let intend = SuspensionStep::Intend { status_changed: None, evidence: None };
    assert_eq!(handle.step_candidate(request, 0, intend.clone(), at(14)).await.unwrap(), None);
    assert!(matches!(handle.start_sweep(scheduled(3)).await.unwrap(), StartedSweep::Paused(_)));
    assert!(!actions(&store).await.contains(&"paused".to_owned()));
    assert!(handle.write_stops().await.unwrap());
    assert!(!store.write_stops().await.unwrap(), "once");
    assert_eq!(actions(&store).await.last().map(String::as_str), Some("paused"));
    assert!(store.unsaid().await.unwrap().contains(&Notice::Pause(1)));
    assert!(store.resume("c", POLICY, by.clone()).await.unwrap().is_some());
    assert!(store.step_candidate(request, 0, intend, at(15)).await.unwrap().is_some());

    // What an admin resumes is in the trail from its beginning to its end.
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(store.pause("d", POLICY, by.clone()).await.is_err());
    other.execute_batch("ROLLBACK").unwrap();
    assert!(store.resume("e", POLICY, by).await.unwrap().is_some());
    let trail = actions(&store).await;
    assert_eq!(trail[trail.len() - 2..], ["paused", "resumed"]);
    assert_eq!(store.pause_of(POLICY).await.unwrap(), None);
}
