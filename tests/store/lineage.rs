//! A stopped database executes nothing, and what is from before it goes on is ended.

use inactive_contractors::domain::candidate::SuspensionStep;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::lineage::{Head, Mismatch, Stop};
use inactive_contractors::domain::request::{Decision, Refusal, Verb};
use inactive_contractors::domain::sweep::Trigger;
use inactive_contractors::store::{Decided, NewSweep, OpenError, Store};

use crate::harness::{
    Bench, POLICY, approval, approved, asked, at, click, input, person, posted, rule, scheduled,
};

fn stop() -> Stop {
    let head = Head { event: 3, hash: String::new() };
    Stop { since: at(20), why: Mismatch::Ahead, head, restored_from: None, seen: Vec::new() }
}

fn intend() -> SuspensionStep {
    SuspensionStep::Intend { status_changed: None, evidence: None }
}

fn by() -> Decision {
    Decision { by: person("adam"), at: at(30), reason: None }
}

fn sweeps() -> Vec<NewSweep> {
    let trigger = Trigger::Command { by: person("adam") };
    let slot = "resumed:k".to_owned();
    vec![NewSweep { policy: POLICY.into(), slot, trigger, rule: rule(), at: at(30) }]
}

/// How each candidate of a request stands, after the request itself.
async fn states(store: &Store, request: RequestId) -> Vec<&'static str> {
    let (request, candidates) = store.request(request).await.unwrap().unwrap();
    [request.state.word()].into_iter().chain(candidates.iter().map(|one| one.state.word())).collect()
}

#[tokio::test]
async fn while_stopped_nothing_is_intended_or_decided_and_later_nothing_of_before_is() {
    let bench = Bench::new();
    let store = bench.open();
    let (due, open) = (approved(&store, 0, &["kim", "lee"]).await, posted(&store, 1, &["ann"]).await);
    // A call was made about one of them, and nobody knows what it did.
    assert!(store.step_candidate(due, 0, intend(), at(11)).await.unwrap().is_some());
    let id = store.lineage().database.id.clone();
    assert_eq!((id.len(), store.lineage().database.epoch), (32, 1));
    store.stop(stop()).await.unwrap();

    assert_eq!(store.witness().await.unwrap(), None);
    assert_eq!(store.step_candidate(due, 1, intend(), at(21)).await.unwrap(), None);
    let approval = async |key| {
        let input = approval(&store, open, "bob", at(22)).await;
        click(&store, key, open, input).await
    };
    assert_eq!(approval("stopped").await, Decided::Refused(Refusal::DatabaseStopped));
    store.close().await.unwrap();

    // It outlasts a restart, and ends in one step.
    let store = bench.open();
    assert_eq!(store.lineage().stopped, Some(stop()));
    let done = store.resume_database("k", by(), sweeps()).await.unwrap().expect("it was stopped");
    assert_eq!((done.superseded, done.swept), (vec![due, open], vec![POLICY.into()]));
    assert_eq!(store.resume_database("k", by(), sweeps()).await.unwrap(), None);
    let lineage = store.lineage();
    assert_eq!((lineage.database.epoch, &lineage.database.id, &lineage.stopped), (2, &id, &None));
    assert_eq!(states(&store, open).await, ["withdrawn", "dropped"]);
    assert_eq!(states(&store, due).await, ["approved", "due", "skipped"], "what a call did is read first");
    assert_eq!(store.step_candidate(due, 0, intend(), at(31)).await.unwrap(), None);
    let input = input("bob", Verb::Deny, at(32));
    assert_eq!(click(&store, "later", due, input).await, Decided::Refused(Refusal::Superseded));
    assert!(store.witness().await.unwrap().is_some_and(|witness| witness.database.epoch == 2));
    assert!(asked(&store, 2, &["new"]).await > open);
    store.close().await.unwrap();
    let store = bench.open();
    assert_eq!(*store.lineage(), *lineage);
    assert_eq!(store.verify().await.unwrap().broken_at, None);
}

#[tokio::test]
async fn a_resume_that_comes_once_more_ends_no_other_stop_than_the_first_time() {
    let bench = Bench::new();
    let store = bench.open();
    store.pause("paused", POLICY, by()).await.unwrap().unwrap();
    store.stop(stop()).await.unwrap();
    assert!(store.resume_database("of-database", by(), Vec::new()).await.unwrap().is_some());
    assert_eq!(store.resume("of-database", POLICY, by()).await.unwrap(), None);
    assert!(store.pause_of(POLICY).await.unwrap().is_some(), "the pause is still in force");

    assert!(store.resume("of-policy", POLICY, by()).await.unwrap().is_some());
    store.stop(stop()).await.unwrap();
    assert_eq!(store.resume_database("of-policy", by(), Vec::new()).await.unwrap(), None);
    assert!(store.lineage().stopped.is_some(), "the database is still stopped");
}

#[tokio::test]
async fn a_stop_that_cannot_be_written_is_in_force_all_the_same() {
    let bench = Bench::new();
    let store = bench.open();
    let due = approved(&store, 0, &["kim"]).await;
    let raw = bench.raw();
    raw.execute_batch("CREATE TRIGGER full BEFORE UPDATE ON lineage BEGIN SELECT RAISE(ABORT, 'full'); END")
        .unwrap();
    store.stop(stop()).await.unwrap_err();
    assert_eq!(store.step_candidate(due, 0, intend(), at(21)).await.unwrap(), None);
    raw.execute_batch("DROP TRIGGER full").unwrap();
    drop(raw);
    store.save_stop().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(bench.open().lineage().stopped, Some(stop()));
}

#[tokio::test]
async fn a_restore_that_is_cut_short_leaves_the_file_that_was_there() {
    let bench = Bench::new();
    let store = bench.open();
    posted(&store, 0, &["kim"]).await;
    let copy = bench.directory.path().join("copy.db");
    Store::copy(&bench.path, &copy).unwrap();
    let later = asked(&store, 1, &["lee"]).await;
    let head = store.audit_head().await.unwrap();
    store.close().await.unwrap();

    let itself = Store::prepare_restore(&bench.path, &bench.path, at(5)).err().unwrap().to_string();
    assert!(itself.contains("it is the database itself"), "{itself}");
    let restoring = Store::prepare_restore(&bench.path, &copy, at(5)).unwrap();
    assert!(matches!(Store::open(&bench.path, at(5)), Err(OpenError::Held { .. })));
    drop(restoring);
    let store = bench.open();
    assert_eq!((store.audit_head().await.unwrap(), &store.lineage().stopped), (head.clone(), &None));
    store.close().await.unwrap();

    let restoring = Store::prepare_restore(&bench.path, &copy, at(6)).unwrap();
    let aside = restoring.finish(at(6)).unwrap().expect("there was a file");
    let store = bench.open();
    let lineage = store.lineage();
    let stop = lineage.stopped.clone().expect("it starts stopped");
    assert_eq!((lineage.database.epoch, stop.why), (2, Mismatch::Restored));
    assert_eq!(store.request_alone(later).await.unwrap(), None);
    let before = Store::open_to_read(&aside).unwrap();
    assert_eq!(before.audit_head().await.unwrap(), head);
    assert_eq!(before.lineage().database.id, lineage.database.id);
    before.close().await.unwrap();
    store.start_sweep(scheduled(3)).await.unwrap();
    assert_eq!(store.verify().await.unwrap().broken_at, None);
    store.close().await.unwrap();

    // Restored once more, it is later than both.
    Store::prepare_restore(&bench.path, &copy, at(7)).unwrap().finish(at(7)).unwrap();
    assert_eq!(bench.open().lineage().database.epoch, 3);
}

#[tokio::test]
async fn a_database_keeps_its_id_and_its_epoch_only_grows() {
    let bench = Bench::new();
    bench.open().close().await.unwrap();
    for sql in
        ["UPDATE lineage SET id = upper(id) || 'x'", "UPDATE lineage SET epoch = 0", "DELETE FROM lineage"]
    {
        let refused = bench.raw().execute_batch(sql).unwrap_err().to_string();
        assert!(refused.contains("keeps its id") || refused.contains("CHECK"), "{sql}: {refused}");
    }
    let other = Bench::new();
    assert_ne!(bench.open().lineage().database.id, other.open().lineage().database.id);
}
