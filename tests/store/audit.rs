//! The audit trail: only appended, found again, and verified.

use inactive_contractors::domain::audit::{Action, Draft};
use inactive_contractors::domain::ids::SweepId;
use inactive_contractors::store::{AuditContext, AuditQuery, Decided, StoreError};
use serde_json::json;

use crate::harness::{Bench, approval, approved, asked, at, events, posted, scheduled};

fn draft(detail: serde_json::Value) -> Draft {
    Draft::by_bot(at(0), Action::BotStarted, detail)
}

#[tokio::test]
async fn events_are_neither_changed_nor_deleted_nor_put_between() {
    let bench = Bench::new();
    let store = bench.open();
    asked(&store, 0, &["kim"]).await;
    let raw = bench.raw();
    let copy = "SELECT 2, at, actor, action, policy, sweep, request, account_id, login, '{}', prev_hash, hash
                FROM audit_event WHERE seq = 2";
    for (sql, why) in [
        ("UPDATE audit_event SET login = 'other' WHERE seq = 3".to_owned(), "never changed"),
        ("DELETE FROM audit_event WHERE seq = 3".to_owned(), "never deleted"),
        (format!("INSERT OR REPLACE INTO audit_event {copy}"), "only appended"),
        (format!("INSERT INTO audit_event {}", copy.replacen('2', "9", 1)), "only appended"),
    ] {
        let error = raw.execute(&sql, []).unwrap_err().to_string();
        assert!(error.contains(why), "{sql}: {error}");
    }
    assert_eq!(store.verify().await.unwrap().events, 3);
}

#[tokio::test]
async fn a_chain_in_order_verifies_and_its_head_moves() {
    let bench = Bench::new();
    let store = bench.open();
    let empty = store.verify().await.unwrap();
    assert_eq!((empty.events, empty.broken_at), (0, None));
    approved(&store, 0, &["kim"]).await;
    let verified = store.verify().await.unwrap();
    assert_eq!((verified.events, verified.broken_at), (5, None));
    let last = store.append(AuditContext::default(), draft(json!({ "odd": "ü \u{0}\"" }))).await.unwrap();
    assert_eq!(last.prev_hash, verified.head);
    assert_eq!(store.verify().await.unwrap().head, last.hash);
    assert_eq!(events(&store, AuditQuery::latest(1)).await, [last]);
}

#[tokio::test]
async fn each_event_says_which_bot_wrote_it_and_by_which_rule() {
    let bench = Bench::new();
    let store = bench.open();
    approved(&store, 0, &["kim"]).await;
    let all = events(&store, AuditQuery::latest(10)).await;
    let rule = store.sweep(SweepId(1)).await.unwrap().unwrap().fingerprint;
    assert_eq!(all.len(), 5);
    for event in all {
        let said = [&event.detail["bot"], &event.detail["fingerprint"]];
        assert_eq!(said, [&json!(env!("CARGO_PKG_VERSION")), &json!(rule)], "{}", event.action);
    }
    let alone = store.append(AuditContext::default(), draft(serde_json::Value::Null)).await.unwrap();
    assert_eq!(alone.detail, json!({ "bot": env!("CARGO_PKG_VERSION") }));
}

#[tokio::test]
async fn whatever_is_done_behind_its_back_is_found() {
    for (sql, broken_at) in [
        ("UPDATE audit_event SET login = 'min@contractor.example' WHERE seq = 3", 3),
        ("UPDATE audit_event SET detail = replace(detail, '2592000', '2592001') WHERE seq = 3", 3),
        ("UPDATE audit_event SET at = replace(at, '09:01', '09:02') WHERE seq = 2", 2),
        ("UPDATE audit_event SET actor = 'nobody' WHERE seq = 5", 5),
        ("DELETE FROM audit_event WHERE seq = 1", 1),
        ("DELETE FROM audit_event WHERE seq = 4", 4),
        ("DELETE FROM audit_event WHERE seq = 5", 5),
        ("DELETE FROM audit_event", 1),
    ] {
        let bench = Bench::new();
        let store = bench.open();
        approved(&store, 0, &["kim"]).await;
        let raw = bench.raw();
        raw.execute_batch("DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete").unwrap();
        raw.pragma_update(None, "foreign_keys", false).unwrap();
        assert!(raw.execute(sql, []).unwrap() > 0, "{sql}");
        let verified = store.verify().await.unwrap();
        assert_eq!((verified.broken_at, verified.events), (Some(broken_at), broken_at - 1), "{sql}");
    }
}

#[tokio::test]
async fn a_name_slipped_in_front_of_the_one_that_was_hashed_is_found() {
    let bench = Bench::new();
    let store = bench.open();
    approved(&store, 0, &["kim"]).await;
    let raw = bench.raw();
    raw.execute_batch("DROP TRIGGER audit_no_update").unwrap();
    // Readers that take the first of two equal keys would see another person.
    let sql = r#"UPDATE audit_event SET actor = replace(actor, '{"person":{', '{"person":{"id":"U_EVIL",') WHERE seq = ?1"#;
    let seq: i64 = raw
        .query_row("SELECT min(seq) FROM audit_event WHERE actor LIKE '{\"person\":%'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(raw.execute(sql, [seq]).unwrap(), 1);
    assert_eq!(store.verify().await.unwrap().broken_at, Some(seq));
}

#[tokio::test]
async fn an_edit_that_was_given_a_hash_of_its_own_is_found_at_the_next_event() {
    let bench = Bench::new();
    let store = bench.open();
    approved(&store, 0, &["kim"]).await;
    let mut forged = events(&store, AuditQuery::latest(100)).await.remove(2);
    assert_eq!(forged.seq, 3);
    forged.detail["forged"] = json!(true);
    let raw = bench.raw();
    raw.execute_batch("DROP TRIGGER audit_no_update").unwrap();
    let sql = "UPDATE audit_event SET detail = ?1, hash = ?2 WHERE seq = 3";
    raw.execute(sql, [forged.detail.to_string(), forged.compute_hash()]).unwrap();
    let verified = store.verify().await.unwrap();
    assert_eq!((verified.broken_at, verified.events), (Some(4), 3));
}

#[tokio::test]
async fn details_with_fractions_verify_or_are_not_written() {
    let bench = Bench::new();
    let store = bench.open();
    let mut written = 0;
    for n in 1..200_u32 {
        let detail = json!({ "share": f64::from(n) / 997.0 * 1e-3 });
        match store.append(AuditContext::default(), draft(detail)).await {
            Ok(_) => written += 1,
            Err(StoreError::Invalid(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let verified = store.verify().await.unwrap();
    assert_eq!((verified.broken_at, verified.events), (None, written));
    assert!(written < 199, "some of these do not survive being printed and parsed");
}

#[tokio::test]
async fn without_its_audit_event_nothing_is_done() {
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["kim"]).await;
    let before = store.request(request).await.unwrap();
    bench
        .raw()
        .execute_batch(
            "CREATE TRIGGER broken BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'broken'); END",
        )
        .unwrap();
    store.receive("k", Some(request), "Uann", at(10)).await.unwrap();
    store.decide("k", request, approval(&store, request, "ann", at(10)).await, at(10)).await.unwrap_err();
    store.expire_due(at(100)).await.unwrap_err();
    store.start_sweep(scheduled(1)).await.unwrap_err();
    assert_eq!(store.request(request).await.unwrap(), before);
    bench.raw().execute_batch("DROP TRIGGER broken").unwrap();
    // The input was not settled, so it can be decided now.
    let decided =
        store.decide("k", request, approval(&store, request, "ann", at(10)).await, at(11)).await.unwrap();
    assert!(matches!(decided, Decided::Done(_)));
}
