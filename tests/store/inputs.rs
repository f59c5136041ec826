//! People's inputs: received once, settled once, in time or not.

use inactive_contractors::domain::audit::Action;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::request::{Refusal, RequestState, Verb};
use inactive_contractors::store::{AuditContext, AuditQuery, Decided, Receipt, StoreError};

use crate::harness::{Bench, actions, approval, approved, at, click, events, input, person, posted};

#[tokio::test]
async fn a_decision_repeated_is_refused_and_audited_once() {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim"]).await;
    let again = click(&store, "second", request, approval(&store, request, "ann", at(11)).await).await;
    assert!(matches!(again, Decided::Refused(Refusal::AlreadyDecided { by_you: true, .. })), "{again:?}");

    let replayed = store.receive("second", Some(request), "Uann", at(12)).await.unwrap();
    let outcome = Some("refused: already_decided".to_owned());
    assert_eq!(replayed, Receipt::Repeated { received_at: at(11), outcome });
    let replayed = store
        .decide("second", request, approval(&store, request, "ann", at(12)).await, at(12))
        .await
        .unwrap();
    assert_eq!(replayed, Decided::Repeated("refused: already_decided".to_owned()));
    let refusals = AuditQuery { actions: vec![Action::InputRefused], ..AuditQuery::latest(10) };
    assert_eq!(events(&store, refusals).await.len(), 1);
    let approvals = AuditQuery { actions: vec![Action::Approved], ..AuditQuery::latest(10) };
    assert_eq!(events(&store, approvals).await.len(), 1);
}

#[tokio::test]
async fn of_two_people_the_first_commit_wins() {
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["kim"]).await;
    let (approves, denies) = tokio::join!(
        click(&store, "a", request, approval(&store, request, "ann", at(10)).await),
        click(&store, "b", request, input("bob", Verb::Deny, at(10))),
    );
    let done = [&approves, &denies].into_iter().filter(|one| matches!(one, Decided::Done(_))).count();
    assert_eq!(done, 1, "{approves:?} {denies:?}");
    assert_eq!(actions(&store).await.iter().filter(|word| *word == "input_refused").count(), 1);
}

#[tokio::test]
async fn a_request_that_cannot_be_read_keeps_no_other_from_expiring() {
    let bench = Bench::new();
    let store = bench.open();
    let broken = posted(&store, 0, &["kim"]).await;
    let sound = posted(&store, 1, &["lee"]).await;
    let sql = "UPDATE request SET list_hash = 'x' WHERE id = ?1";
    bench.raw().execute(sql, [broken.0]).unwrap();
    assert_eq!(store.expire_due(at(200)).await.unwrap(), [sound]);
    assert_eq!(store.live_requests().await.unwrap(), [broken, sound]);
}

#[tokio::test]
async fn an_input_that_a_crash_left_is_decided_by_when_it_came() {
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["kim"]).await;
    store.receive("k", Some(request), "Uann", at(61)).await.unwrap();
    store.close().await.unwrap();

    let store = bench.open();
    let repeated = store.receive("k", Some(request), "Uann", at(63)).await.unwrap();
    assert_eq!(repeated, Receipt::Repeated { received_at: at(61), outcome: None });
    let decided =
        store.decide("k", request, approval(&store, request, "ann", at(63)).await, at(63)).await.unwrap();
    assert!(matches!(decided, Decided::Done(request) if request.state.word() == "approved"));
}

#[tokio::test]
async fn expiry_waits_for_an_input_that_came_in_time() {
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["kim"]).await; // Until 10:02.
    assert!(store.expire_due(at(61)).await.unwrap().is_empty());
    let just_before = at(62) - chrono::Duration::seconds(1);
    store.receive("k", Some(request), "Uann", just_before).await.unwrap();
    assert!(store.expire_due(at(62)).await.unwrap().is_empty());
    let approves = approval(&store, request, "ann", at(62)).await;
    assert!(matches!(store.decide("k", request, approves, at(62)).await.unwrap(), Decided::Done(_)));
    assert!(store.expire_due(at(63)).await.unwrap().is_empty());
}

#[tokio::test]
async fn expiry_does_not_wait_for_late_settled_or_lost_inputs() {
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["kim"]).await; // Until 10:02.
    store.receive("lost", Some(request), "Uann", at(61)).await.unwrap();
    store.receive("late", Some(request), "Uann", at(62)).await.unwrap();
    store.receive("settled", Some(request), "Uann", at(61)).await.unwrap();
    assert!(store.settle("settled", "refused: who?", None, at(61)).await.unwrap());
    assert_eq!(store.expire_due(at(62)).await.unwrap(), [request]);
    let (row, candidates) = store.request(request).await.unwrap().unwrap();
    assert_eq!(row.state, RequestState::Expired { at: at(62) });
    assert_eq!(candidates[0].state.word(), "dropped");
    let late =
        store.decide("late", request, approval(&store, request, "ann", at(62)).await, at(63)).await.unwrap();
    assert!(matches!(late, Decided::Refused(Refusal::AlreadyDecided { .. })));
}

#[tokio::test]
async fn settling_is_once_and_receipts_are_forgotten() {
    let bench = Bench::new();
    let store = bench.open();
    store.receive("k", Some(RequestId(404)), "Ueve", at(0)).await.unwrap();
    let refused = input("eve", Verb::Deny, at(0));
    let event = inactive_contractors::domain::request::refused(&refused, &Refusal::NotAnApprover);
    let told = Some((AuditContext::default(), event));
    assert!(store.settle("k", "refused", told.clone(), at(0)).await.unwrap());
    assert!(!store.settle("k", "refused", told, at(1)).await.unwrap());
    assert_eq!(actions(&store).await, ["input_refused"]);
    assert_eq!(store.forget_receipts(at(0)).await.unwrap(), 0);
    assert_eq!(store.forget_receipts(at(1)).await.unwrap(), 1);
    let user = person("eve").id;
    assert_eq!(store.receive("k", None, &user, at(2)).await.unwrap(), Receipt::New);
}

#[tokio::test]
async fn nobody_decides_by_the_receipt_of_another() {
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["kim"]).await;
    store.receive("k", Some(request), "Uann", at(10)).await.unwrap();
    let error =
        store.decide("k", request, approval(&store, request, "eve", at(10)).await, at(10)).await.unwrap_err();
    assert!(matches!(error, StoreError::Invalid(_)), "{error}");
    let unknown = store
        .decide("other", request, approval(&store, request, "eve", at(10)).await, at(10))
        .await
        .unwrap_err();
    assert!(matches!(unknown, StoreError::Missing { table: "receipt", .. }), "{unknown}");
    assert_eq!(store.request(request).await.unwrap().unwrap().0.state, RequestState::Pending { first: None });
}
