//! Requests and their candidates on the way to an outcome.

use chrono::Duration;
use inactive_contractors::domain::attempt::{self, Confirmation, Proof, Sessions};
use inactive_contractors::domain::candidate::{CandidateState, Skip, SuspensionStep};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::plan::{Guard, Verdict};
use inactive_contractors::domain::request::{self, Verb};
use inactive_contractors::store::{Decided, StoreError};

use crate::harness::{
    Bench, POLICY, actions, approved, asked, at, card, click, found, id, input, person, posted, rule,
    scheduled, start,
};

#[tokio::test]
async fn an_approval_is_executed_to_its_end() {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim", "lee"]).await;
    let intend = SuspensionStep::Intend { status_changed: None, evidence: None };
    store.step_candidate(request, 0, intend, at(11)).await.unwrap().unwrap();
    let confirm = SuspensionStep::Confirm(Proof::by_call(None));
    let done = store.step_candidate(request, 0, confirm.clone(), at(12)).await.unwrap();
    assert_eq!(done, Some(CandidateState::suspended(at(12), Confirmation::ByCall)));
    assert_eq!(store.step_candidate(request, 0, confirm, at(13)).await.unwrap(), None);
    let complete = |request: &_, candidates: &[_]| request::complete(request, candidates, at(14));
    assert_eq!(store.transition(request, complete).await.unwrap(), None);
    store.step_candidate(request, 1, SuspensionStep::Skip(Skip::Gone), at(13)).await.unwrap().unwrap();
    let completed = store.transition(request, complete).await.unwrap().unwrap();
    assert_eq!(completed.state.word(), "completed");
    assert_eq!(
        actions(&store).await[4..],
        ["card_posted", "approved", "suspension_intended", "suspended", "skipped", "completed"]
    );
    let suspended = store.suspended_by_us(vec![id("kim"), id("lee")]).await.unwrap();
    assert_eq!(suspended.into_iter().collect::<Vec<_>>(), [(id("kim"), at(12))]);
}

#[tokio::test]
async fn sessions_to_be_ended_are_due_from_the_suspension_on_and_outlive_the_process() {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim"]).await;
    assert_eq!(
        store
            .step_sessions(
                request,
                0,
                attempt::AttemptStep::Intend { status_changed: None, evidence: None },
                at(11)
            )
            .await
            .unwrap(),
        None
    );
    for step in [
        SuspensionStep::Intend { status_changed: None, evidence: None },
        SuspensionStep::Confirm(Proof { sessions: Sessions::due(), ..Proof::by_call(None) }),
    ] {
        store.step_candidate(request, 0, step, at(12)).await.unwrap().unwrap();
    }
    store.close().await.unwrap();
    let store = bench.open();
    let (_, candidates) = store.request(request).await.unwrap().unwrap();
    assert_eq!(candidates[0].state.sessions_due_at(at(13)), Some(at(13)));
    let complete = |request: &_, candidates: &[_]| request::complete(request, candidates, at(14));
    assert_eq!(store.transition(request, complete).await.unwrap(), None);
    for step in [
        attempt::AttemptStep::Intend { status_changed: None, evidence: None },
        attempt::AttemptStep::Confirm(Proof::by_call(None)),
    ] {
        store.step_sessions(request, 0, step, at(13)).await.unwrap().unwrap();
    }
    assert_eq!(
        store
            .step_sessions(
                request,
                0,
                attempt::AttemptStep::Intend { status_changed: None, evidence: None },
                at(13)
            )
            .await
            .unwrap(),
        None
    );
    store.transition(request, complete).await.unwrap().unwrap();
    assert_eq!(
        actions(&store).await[5..],
        ["suspension_intended", "suspended", "sessions_clear_intended", "sessions_cleared", "completed"]
    );
}

#[tokio::test]
async fn a_request_stays_live_until_its_last_version_is_posted() {
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["kim"]).await;
    let (seen, _) = store.request(request).await.unwrap().unwrap();
    click(&store, "k", request, input("ann", Verb::Deny, at(10))).await;
    assert!(!store.request_told(request, seen.version).await.unwrap());
    assert_eq!(store.live_requests().await.unwrap().len(), 1);
    assert!(store.request_told(request, seen.version + 1).await.unwrap());
    assert!(store.live_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_pause_and_its_end_are_shown_on_the_cards_of_open_requests() {
    let bench = Bench::new();
    let store = bench.open();
    let open = posted(&store, 0, &["kim"]).await;
    let ended = posted(&store, 1, &["lee"]).await;
    click(&store, "k", ended, input("ann", Verb::Deny, at(10))).await;
    let decision = |minutes| request::Decision { by: person("ann"), at: at(minutes), reason: None };
    for minutes in [20, 30] {
        for id in [open, ended] {
            let seen = store.request_alone(id).await.unwrap().unwrap().version;
            assert!(store.request_told(id, seen).await.unwrap());
        }
        assert!(store.live_requests().await.unwrap().is_empty());
        match minutes {
            20 => drop(store.pause("stop", POLICY, decision(minutes)).await.unwrap().unwrap()),
            _ => drop(store.resume("go", POLICY, decision(minutes)).await.unwrap().unwrap()),
        }
        assert_eq!(store.live_requests().await.unwrap(), [open]);
    }
}

#[tokio::test]
async fn going_live_makes_the_rule_the_policys() {
    let bench = Bench::new();
    let store = bench.open();
    let sweep = start(&store, scheduled(0)).await;
    let request =
        store.finish_sweep(sweep, found(&["kim"], Verdict::Preview)).await.unwrap().request.unwrap();
    store.card_stands(card(request), at(2)).await.unwrap().unwrap();
    let decided = click(&store, "k", request, input("ann", Verb::GoLive, at(10))).await;
    assert!(matches!(decided, Decided::Done(_)));
    assert_eq!(store.know_policy(POLICY, at(20)).await.unwrap().live_rule, Some(rule()));
    // A preview holds nobody.
    asked(&store, 1, &["kim"]).await;
}

#[tokio::test]
async fn a_released_hold_keeps_who_released_it() {
    let bench = Bench::new();
    let store = bench.open();
    let sweep = start(&store, scheduled(0)).await;
    let guard = Guard::TooMany { candidates: 1, max: 0 };
    let finished = store.finish_sweep(sweep, found(&["kim"], Verdict::Held(guard.clone()))).await.unwrap();
    let request = finished.request.unwrap();
    store.card_stands(card(request), at(2)).await.unwrap().unwrap();
    click(&store, "k", request, input("ann", Verb::Release, at(10))).await;
    let (request, _) = store.request(request).await.unwrap().unwrap();
    let release = request.release.unwrap();
    assert_eq!((release.by.id.as_str(), release.at, release.guard), ("Uann", at(10), guard));
    assert_eq!(request.deadline, Some(at(70)));
}

#[tokio::test]
async fn a_step_that_can_not_be_written_whole_is_not_written() {
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["kim"]).await;
    let before = (store.request(request).await.unwrap(), actions(&store).await);
    let nobody = store
        .transition(request, |request, candidates| {
            let mut transition = request::expire(request, candidates, at(100))?;
            transition.candidates.push((9, CandidateState::Dropped));
            Some(transition)
        })
        .await;
    assert!(matches!(nobody, Err(StoreError::Missing { table: "candidate", .. })), "{nobody:?}");
    assert_eq!((store.request(request).await.unwrap(), actions(&store).await), before);
}

#[tokio::test]
async fn nothing_happens_to_a_request_that_is_not_there() {
    let bench = Bench::new();
    let store = bench.open();
    assert_eq!(store.request(RequestId(7)).await.unwrap(), None);
    let missing = store.transition(RequestId(7), |_, _| None).await;
    assert!(matches!(missing, Err(StoreError::Missing { table: "request", .. })));
}

#[tokio::test]
async fn open_requests_and_counts_tell_what_there_is() {
    let bench = Bench::new();
    let store = bench.open();
    approved(&store, 0, &["kim", "lee"]).await;
    asked(&store, 1, &["max"]).await;
    posted(&store, 2, &["zoe"]).await;
    assert_eq!(store.expire_due(at(100) + Duration::hours(1)).await.unwrap(), [RequestId(3)]);
    assert_eq!(store.open_requests(Some(POLICY)).await.unwrap().len(), 2);
    assert_eq!(store.open_requests(None).await.unwrap().len(), 2);
    assert!(store.open_requests(Some("other")).await.unwrap().is_empty());
    // The first is answered, and the third has ended.
    let questions = store.open_questions().await.unwrap();
    assert_eq!(
        questions.iter().map(|one| (one.request, one.deadline)).collect::<Vec<_>>(),
        [(RequestId(2), None)]
    );
}
