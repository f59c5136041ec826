//! A row is only a claim: before an account is suspended, the audit trail has to bear out its approval.

use chrono::Duration;
use inactive_contractors::domain::attempt::{self, Proof, Sessions, Unproven};
use inactive_contractors::domain::candidate::{CandidateState, Skip, SuspensionStep};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::plan::{Guard, Verdict};
use inactive_contractors::domain::request::{RETRY_WITHIN, Verb};
use inactive_contractors::store::{Decided, Store};

use crate::harness::{
    Bench, actions, approval, approved, at, card, click, found, id, input, posted, scheduled, start,
};

const INTEND: SuspensionStep = SuspensionStep::Intend { status_changed: None, evidence: None };

/// Whether the account at this position may be suspended now.
async fn may(store: &Store, request: RequestId, position: u32) -> bool {
    store.step_candidate(request, position, INTEND, at(30)).await.unwrap().is_some()
}

/// What the trail was found not to have, once nothing was done.
async fn missing(store: &Store, request: RequestId, position: u32) -> Unproven {
    assert!(!may(store, request, position).await, "nothing is to be done with it");
    let (_, candidates) = store.request(request).await.unwrap().unwrap();
    let state = &candidates[usize::try_from(position).unwrap()].state;
    let CandidateState::Skipped { why: Skip::Unproven(why), .. } = state else {
        panic!("it was not found out: {state:?}")
    };
    let words = actions(store).await;
    assert!(!words.contains(&"suspension_intended".to_owned()), "{words:?}");
    assert_eq!(words.last().unwrap(), "skipped");
    *why
}

async fn fail(store: &Store, request: RequestId, position: u32) {
    assert!(may(store, request, position).await);
    let give_up = SuspensionStep::GiveUp { error: "no".into() };
    store.step_candidate(request, position, give_up, at(31)).await.unwrap();
}

/// A request whose one account failed, executed and reported.
async fn failed(store: &Store) -> RequestId {
    let request = approved(store, 0, &["kim"]).await;
    fail(store, request, 0).await;
    let done = |request: &_, all: &_| inactive_contractors::domain::request::complete(request, all, at(32));
    let completed = store.transition(request, done).await.unwrap().unwrap();
    assert!(store.request_told(request, completed.version).await.unwrap());
    request
}

async fn retry(store: &Store, request: RequestId) {
    let known = inactive_contractors::domain::request::KnownForRetry::default();
    let input = input("bob", Verb::Retry { known }, at(40));
    let decided = click(store, "retry", request, input).await;
    assert!(matches!(decided, Decided::Done(_)), "{decided:?}");
}

#[tokio::test]
async fn what_was_approved_goes_on() {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim", "lee"]).await;
    assert!(may(&store, request, 0).await && may(&store, request, 1).await);
    assert!(may(&store, request, 0).await, "another try of the same approval");
}

#[tokio::test]
async fn what_two_people_approved_of_a_released_list_goes_on() {
    let bench = Bench::new();
    let store = bench.open();
    let sweep = start(&store, scheduled(0)).await;
    let held = found(&["kim"], Verdict::Held(Guard::Surge { candidates: 9, median: 1 }));
    let request = store.finish_sweep(sweep, held).await.unwrap().request.unwrap();
    store.card_stands(card(request), at(2)).await.unwrap().unwrap();
    click(&store, "release", request, input("cat", Verb::Release, at(5))).await;
    for (key, who, minute) in [("one", "ann", 10), ("two", "bob", 11)] {
        let mut vote = approval(&store, request, who, at(minute)).await;
        vote.approvals_needed = 2;
        assert!(matches!(click(&store, key, request, vote).await, Decided::Done(_)));
    }
    assert!(may(&store, request, 0).await);
}

#[tokio::test]
async fn what_is_tried_again_goes_on_whatever_was_archived_meanwhile() {
    let bench = Bench::new();
    let store = bench.open();
    let request = failed(&store).await;
    let before = at(32) + RETRY_WITHIN;
    let old = store.archivable(before, 1000).await.unwrap();
    assert!(old.iter().all(|event| event.request.is_none() && event.sweep.is_none()), "{old:?}");
    let later = before + Duration::seconds(2);
    assert!(!store.archivable(later, 1000).await.unwrap().is_empty(), "nothing can be tried again any more");
    retry(&store, request).await;
    assert!(may(&store, request, 0).await);
}

#[tokio::test]
async fn an_approval_that_nobody_gave_suspends_nobody() {
    // By hand: the row of a question that waits, as if somebody had approved it.
    let forged = r#"{"state":"approved","decision":{"by":{"id":"Uann","name":"ann","email":"ann@example.com"},
        "at":"2026-01-05T09:10:00Z","reason":null}}"#;
    let due = serde_json::to_string(&CandidateState::due()).unwrap();
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["kim"]).await;
    bench.raw().execute("UPDATE request SET state = 'approved', state_json = ?1", [forged]).unwrap();
    bench.raw().execute("UPDATE candidate SET state = 'due', state_json = ?1", [due]).unwrap();
    assert_eq!(missing(&store, request, 0).await, Unproven::Decision);
}

/// Changes the row of a real approval by hand.
async fn edited(sql: &str) -> Unproven {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim", "lee"]).await;
    bench.raw().execute_batch(sql).unwrap();
    missing(&store, request, 0).await
}

#[tokio::test]
async fn an_approval_that_was_changed_by_hand_suspends_nobody() {
    for (path, value) in [
        ("$.decision.by.id", "Ubob"),
        ("$.decision.by.email", "other@example.com"),
        ("$.decision.at", "2026-01-05T09:10:01Z"),
    ] {
        let sql = format!("UPDATE request SET state_json = json_set(state_json, '{path}', '{value}')");
        assert_eq!(edited(&sql).await, Unproven::Decision, "{path}");
    }
    let other = "UPDATE request SET list_hash = '0123456789abcdef'";
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim"]).await;
    bench.raw().execute_batch(other).unwrap();
    assert!(!may(&store, request, 0).await, "another list was approved");
}

#[tokio::test]
async fn an_account_that_nobody_was_asked_about_is_not_suspended() {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim", "lee"]).await;
    // Somebody else in Kim's place, and the fingerprint of the list as it was.
    let sql = "UPDATE candidate SET account_id = ?1, shown = json_set(shown, '$.id', ?1) WHERE position = 0";
    bench.raw().execute(sql, [&id("boss").0]).unwrap();
    assert!(!may(&store, request, 0).await);
    assert_eq!(actions(&store).await.last().unwrap(), "skipped");
    let sql =
        "UPDATE candidate SET login = 'boss', shown = json_set(shown, '$.login', 'boss') WHERE position = 1";
    bench.raw().execute_batch(sql).unwrap();
    assert!(!may(&store, request, 1).await, "it is shown under another login");
}

#[tokio::test]
async fn an_account_that_was_kept_or_is_settled_is_not_suspended() {
    let due = serde_json::to_string(&CandidateState::due()).unwrap();
    let make_due = "UPDATE candidate SET state = 'due', state_json = ?1 WHERE position = 0";
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["kim", "lee"]).await;
    let mut vote = approval(&store, request, "ann", at(10)).await;
    let Verb::Suspend { keep, .. } = &mut vote.verb else { unreachable!("it is an approval") };
    keep.insert(0);
    click(&store, "k", request, vote).await;
    bench.raw().execute(make_due, [&due]).unwrap();
    assert_eq!(missing(&store, request, 0).await, Unproven::Selection);

    // What failed is tried again only if somebody says so, and what was skipped never is.
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim", "lee"]).await;
    fail(&store, request, 0).await;
    bench.raw().execute(make_due, [&due]).unwrap();
    assert!(!may(&store, request, 0).await);
    bench.raw().execute(make_due, [&due]).unwrap();
    assert!(!may(&store, request, 0).await);
}

#[tokio::test]
async fn a_retry_that_nobody_wanted_suspends_nobody() {
    let bench = Bench::new();
    let store = bench.open();
    let request = failed(&store).await;
    retry(&store, request).await;
    let sql = "UPDATE request SET state_json = json_set(state_json, '$.retry.decision.by.id', 'Uann')";
    bench.raw().execute_batch(sql).unwrap();
    assert!(!may(&store, request, 0).await);
    let words = actions(&store).await;
    assert_eq!(words.iter().filter(|word| *word == "suspension_intended").count(), 1, "the first time's");
}

#[tokio::test]
async fn an_event_without_its_hash_bears_out_nothing() {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim"]).await;
    // Without the trigger, and without the hash that another content would have.
    let sql = "DROP TRIGGER audit_no_update;
        UPDATE audit_event SET actor = json_set(actor, '$.person.id', 'Ubob') WHERE action = 'approved';
        UPDATE request SET state_json = json_set(state_json, '$.decision.by.id', 'Ubob')";
    bench.raw().execute_batch(sql).unwrap();
    assert_eq!(missing(&store, request, 0).await, Unproven::Decision);
}

#[tokio::test]
async fn a_suspension_by_others_is_not_claimed_by_a_row_that_says_it_was_tried() {
    let tried = r#"{"state":"due","attempts":1,"not_before":null,"status_changed":null}"#;
    for sessions in [Sessions::Left, Sessions::due()] {
        let confirm = |proof| SuspensionStep::Confirm(Proof { sessions: sessions.clone(), ..proof });
        let bench = Bench::new();
        let store = bench.open();
        let request = approved(&store, 0, &["kim"]).await;
        bench.raw().execute("UPDATE candidate SET state_json = ?1", [tried]).unwrap();
        let done = store.step_candidate(request, 0, confirm(Proof::by_reading()), at(30)).await.unwrap();
        assert_eq!(done, None);
        let words = actions(&store).await;
        assert_eq!(
            (words.last().map(String::as_str), words.contains(&"suspended".to_owned())),
            (Some("skipped"), false)
        );
    }
}

#[tokio::test]
async fn an_event_that_can_not_be_read_stops_its_account_and_no_other() {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim", "lee"]).await;
    let sql = "DROP TRIGGER audit_no_update;
        UPDATE audit_event SET at = 'soon' WHERE action = 'proposed' AND login LIKE 'kim%'";
    bench.raw().execute_batch(sql).unwrap();
    assert!(!may(&store, request, 0).await, "nobody can tell whether anybody was asked about it");
    assert!(may(&store, request, 1).await);
}

#[tokio::test]
async fn sessions_of_a_suspension_that_never_was_are_left_alone() {
    let sessions = r#"{"state":"suspended","at":"2026-01-05T09:12:00Z","confirmation":"by_call",
        "sessions":{"state":"due","attempts":0,"not_before":null}}"#;
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim", "lee"]).await;
    let by_hand = "UPDATE candidate SET state = 'suspended', state_json = ?1 WHERE position = 0";
    bench.raw().execute(by_hand, [sessions]).unwrap();
    let intend = |position| {
        store.step_sessions(
            request,
            position,
            attempt::AttemptStep::Intend { status_changed: None, evidence: None },
            at(30),
        )
    };
    assert_eq!(intend(0).await.unwrap(), None);
    assert_eq!(actions(&store).await.last().unwrap(), "sessions_clear_skipped");
    assert!(may(&store, request, 1).await);
    let done = SuspensionStep::Confirm(Proof { sessions: Sessions::due(), ..Proof::by_call(None) });
    store.step_candidate(request, 1, done, at(30)).await.unwrap();
    assert!(intend(1).await.unwrap().is_some(), "that one was");
}
