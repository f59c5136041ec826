//! What people want of a request after its first answer, or after none: retries, two approvals, asking again, and what
//! is sent while nobody answers. Each lasts across a restart.

use chrono::Duration;
use inactive_contractors::domain::attempt::Attempt;
use inactive_contractors::domain::candidate::{CandidateState, SuspensionStep};
use inactive_contractors::domain::ids::{RequestId, SweepId};
use inactive_contractors::domain::plan::Verdict;
use inactive_contractors::domain::reminders::{Kind, Reminder};
use inactive_contractors::domain::request::{self, Became, KnownForRetry, Refusal, RequestState, Verb};
use inactive_contractors::domain::sweep::Trigger;
use inactive_contractors::store::{Decided, NewSweep, Store};

use crate::harness::{
    Bench, actions, approval, approved, asked, assert_bad_row, at, card, click, found, input, person, posted,
    scheduled, start,
};

/// A request of which the accounts have all failed.
async fn failed(store: &Store, day: i64, names: &[&str]) -> RequestId {
    let (request, version) = ended(store, day, names).await;
    assert!(store.request_told(request, version).await.unwrap());
    request
}

/// The same, of which the channel has not been notified yet; its version.
async fn ended(store: &Store, day: i64, names: &[&str]) -> (RequestId, i64) {
    let request = approved(store, day, names).await;
    for position in 0..u32::try_from(names.len()).unwrap() {
        let step = SuspensionStep::GiveUp { error: "E0000006".into() };
        store.step_candidate(request, position, step, at(11)).await.unwrap().unwrap();
    }
    let complete = |request: &_, candidates: &[_]| request::complete(request, candidates, at(12));
    (request, store.transition(request, complete).await.unwrap().unwrap().version)
}

fn retry() -> Verb {
    Verb::Retry { known: KnownForRetry { told: true, ..KnownForRetry::default() } }
}

async fn words(store: &Store, request: RequestId) -> Vec<&'static str> {
    let (_, candidates) = store.request(request).await.unwrap().unwrap();
    candidates.iter().map(|one| one.state.word()).collect()
}

#[tokio::test]
async fn a_retry_takes_the_free_accounts_and_outlasts_a_restart() {
    let bench = Bench::new();
    let store = bench.open();
    let old = failed(&store, 0, &["kim", "lee"]).await;
    assert!(store.request_told(old, store.request(old).await.unwrap().unwrap().0.version).await.unwrap());
    let newer = asked(&store, 1, &["lee"]).await;
    let decided = click(&store, "again", old, input("bob", retry(), at(60))).await;
    assert!(matches!(decided, Decided::Done(_)), "{decided:?}");
    store.close().await.unwrap();

    let store = bench.open();
    assert_eq!(
        (words(&store, old).await, words(&store, newer).await),
        (vec!["due", "failed"], vec!["proposed"])
    );
    assert!(store.live_requests().await.unwrap().contains(&old), "its end is to be told once more");
    let (row, _) = store.request(old).await.unwrap().unwrap();
    assert_eq!(row.state.authorization().unwrap().at, at(60));
    let step = SuspensionStep::GiveUp { error: "E".into() };
    store.step_candidate(old, 0, step, at(61)).await.unwrap().unwrap();
    let complete = |request: &_, candidates: &[_]| request::complete(request, candidates, at(62));
    let completed = store.transition(old, complete).await.unwrap().unwrap();
    assert_eq!(completed.state.retry().unwrap().round, 1);
    let end = ["retried", "suspension_failed", "completed"];
    assert_eq!(actions(&store).await[actions(&store).await.len() - 3..], end);
}

#[tokio::test]
async fn nothing_is_retried_before_all_is_posted() {
    let bench = Bench::new();
    let store = bench.open();
    let (request, version) = ended(&store, 0, &["kim"]).await;
    let early = click(&store, "a", request, input("bob", retry(), at(30))).await;
    assert!(matches!(early, Decided::Refused(Refusal::OutcomesNotTold)), "{early:?}");
    assert!(store.request_told(request, version).await.unwrap());
    let decided = click(&store, "b", request, input("bob", retry(), at(31))).await;
    assert!(matches!(decided, Decided::Done(_)), "{decided:?}");
}

#[tokio::test]
async fn what_was_executed_lately_is_found_by_when_it_ended() {
    let bench = Bench::new();
    let store = bench.open();
    posted(&store, 0, &["kim"]).await;
    let request = failed(&store, 1, &["lee"]).await;
    for (since, found) in [(at(11), vec![request]), (at(13), vec![])] {
        assert_eq!(store.completed_since(since).await.unwrap(), found, "{since}");
    }
}

#[tokio::test]
async fn what_another_request_holds_is_not_tried_again() {
    let bench = Bench::new();
    let store = bench.open();
    let old = failed(&store, 0, &["kim"]).await;
    asked(&store, 1, &["kim"]).await;
    let decided = click(&store, "again", old, input("bob", retry(), at(60))).await;
    assert_eq!(decided, Decided::Refused(Refusal::AllHeld));
    assert_eq!(words(&store, old).await, ["failed"]);
    assert_eq!(actions(&store).await.last().unwrap(), "input_refused");
}

#[tokio::test]
async fn the_first_of_two_approvals_outlasts_a_restart() {
    let bench = Bench::new();
    let store = bench.open();
    let sweep = start(&store, scheduled(0)).await;
    let mut end = found(&["kim", "lee"], Verdict::Ask);
    end.approvals_needed = 2;
    let request = store.finish_sweep(sweep, end).await.unwrap().request.unwrap();
    store.card_stands(card(request), at(2)).await.unwrap().unwrap();
    click(&store, "a", request, approval(&store, request, "ann", at(10)).await).await;
    store.close().await.unwrap();

    let store = bench.open();
    let again = click(&store, "b", request, approval(&store, request, "ann", at(11)).await).await;
    assert_eq!(again, Decided::Refused(Refusal::ApprovedFirstByYou { at: at(10) }));
    assert_eq!(words(&store, request).await, ["proposed", "proposed"]);
    let decided = click(&store, "c", request, approval(&store, request, "bob", at(12)).await).await;
    let Decided::Done(row) = decided else { panic!("{decided:?}") };
    let RequestState::Approved { decision, first: Some(first), .. } = row.state else { panic!("by two") };
    assert_eq!((decision.by, first.by), (person("bob"), person("ann")));
    assert_eq!(words(&store, request).await, ["due", "due"]);
}

/// The sweep that somebody's wish makes.
async fn sweep_again(store: &Store, request: RequestId, who: &str) -> SweepId {
    let trigger = Trigger::AskedAgain { by: person(who), request };
    let slot = format!("asked-again:{request}:{who}");
    start(store, NewSweep { slot, trigger, at: at(90), ..scheduled(0) }).await
}

#[tokio::test]
async fn the_first_person_who_asks_again_does_and_the_old_request_has_the_result() {
    let bench = Bench::new();
    let store = bench.open();
    let old = posted(&store, 0, &["kim"]).await;
    store.expire_due(at(70)).await.unwrap();
    let decided = click(&store, "a", old, input("ann", Verb::AskAgain, at(80))).await;
    assert!(matches!(decided, Decided::Done(_)), "{decided:?}");
    let second = click(&store, "b", old, input("bob", Verb::AskAgain, at(80))).await;
    assert!(
        matches!(second, Decided::Refused(Refusal::AlreadyAskedAgain { by_you: false, .. })),
        "{second:?}"
    );

    let failing = sweep_again(&store, old, "ann").await;
    store.fail_sweep(failing, "Okta is down", at(91)).await.unwrap();
    assert_eq!(
        store.request(old).await.unwrap().unwrap().0.asked_again,
        None,
        "it may be asked for once more"
    );
    click(&store, "d", old, input("ann", Verb::AskAgain, at(91))).await;
    store.not_asked_again(old).await.unwrap();
    assert_eq!(store.request_alone(old).await.unwrap().unwrap().asked_again, None, "nobody could ask");
    click(&store, "c", old, input("bob", Verb::AskAgain, at(92))).await;
    let sweep = sweep_again(&store, old, "bob").await;
    let new = store.finish_sweep(sweep, found(&["kim"], Verdict::Ask)).await.unwrap().request.unwrap();
    let (row, _) = store.request(old).await.unwrap().unwrap();
    assert_eq!(row.asked_again.unwrap().became, Some(Became::Request(new)));
    assert_eq!((row.state.word(), words(&store, old).await), ("expired", vec!["dropped"]));
    assert!(store.request_told(old, row.version).await.unwrap());
    store.card_stands(card(new), at(93)).await.unwrap().unwrap();
    assert!(store.live_requests().await.unwrap().contains(&old), "its card can link to the new one now");
}

#[tokio::test]
async fn a_reminder_is_sent_once_and_not_after_a_decision() {
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["kim"]).await;
    let nudge = |kind| Reminder { kind, at: at(30) };
    assert!(store.begin_nudge(request, nudge(Kind::Reminder), at(31)).await.unwrap());
    store.close().await.unwrap();
    let store = bench.open();
    assert!(
        store.begin_nudge(request, nudge(Kind::Reminder), at(32)).await.unwrap(),
        "nobody knows of it yet"
    );
    assert_eq!(store.begun_nudges(request).await.unwrap(), [nudge(Kind::Reminder)]);
    store.forget_nudge(request, nudge(Kind::Reminder)).await.unwrap();
    assert_eq!(store.begun_nudges(request).await.unwrap(), []);
    assert!(store.begin_nudge(request, nudge(Kind::Reminder), at(32)).await.unwrap());
    for _ in 0..2 {
        let to = vec!["U1".to_owned()];
        store.nudge_told(request, nudge(Kind::Reminder), to, at(33)).await.unwrap();
    }
    store.forget_nudge(request, nudge(Kind::Reminder)).await.unwrap();
    assert!(!store.begin_nudge(request, nudge(Kind::Reminder), at(34)).await.unwrap());
    click(&store, "d", request, input("ann", Verb::Deny, at(35))).await;
    assert!(!store.begin_nudge(request, nudge(Kind::Escalation), at(36)).await.unwrap());
    let said = actions(&store).await;
    assert_eq!(said.iter().filter(|action| *action == "reminded").count(), 1);
}

#[tokio::test]
async fn a_step_reads_its_own_account_and_no_other() {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim", "lee"]).await;
    let sql = "UPDATE candidate SET shown = '{}' WHERE position = 1";
    bench.raw().execute_batch(sql).unwrap();
    let intend = || SuspensionStep::Intend { status_changed: None, evidence: None };
    let step = store.step_candidate(request, 0, intend(), at(11)).await.unwrap();
    assert!(matches!(step, Some(CandidateState::Due(Attempt { attempts: 1, .. }))), "{step:?}");
    assert_bad_row(store.step_candidate(request, 1, intend(), at(11)).await, "candidate");
    bench.raw().execute_batch("UPDATE candidate SET state = 'x' WHERE position = 0").unwrap();
    assert_bad_row(
        store.step_candidate(request, 0, intend(), at(11) + Duration::minutes(1)).await,
        "candidate",
    );
}
