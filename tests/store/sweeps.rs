//! Sweeps and what they leave for the next one.

use chrono::Duration;
use inactive_contractors::domain::account::UserType;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::plan::{Guard, Verdict};
use inactive_contractors::domain::policy::Rule;
use inactive_contractors::domain::request::{Decision, RequestState};
use inactive_contractors::domain::sweep::{Trigger, slot_key};
use inactive_contractors::store::{NewSweep, Notice, StartedSweep, StoreError, SweepState};

use crate::harness::{
    Bench, POLICY, actions, approved, asked, assert_bad_row, at, found, id, person, posted, rule, scheduled,
    start,
};

#[tokio::test]
async fn a_policy_is_remembered_from_its_first_sight() {
    let bench = Bench::new();
    let store = bench.open();
    let first = store.know_policy(POLICY, at(0)).await.unwrap();
    let again = store.know_policy(POLICY, at(60)).await.unwrap();
    assert_eq!(first, again);
    assert_eq!((again.first_seen_at, again.live_rule), (at(0), None));
    let set_right = store.know_policy(POLICY, at(-60)).await.unwrap();
    assert_eq!(set_right.first_seen_at, at(-60), "the clock was ahead when it was first seen");
    assert_eq!(store.known_policies().await.unwrap(), [POLICY]);
}

#[tokio::test]
async fn a_slot_has_one_sweep_on_time_or_caught_up() {
    let bench = Bench::new();
    let store = bench.open();
    let sweep = start(&store, scheduled(0)).await;
    let late = NewSweep { trigger: Trigger::CatchUp { slot: at(0) }, ..scheduled(0) };
    let StartedSweep::Exists(row) = store.start_sweep(late).await.unwrap() else { panic!("two sweeps") };
    assert_eq!((row.id, row.slot, row.state), (sweep, slot_key(at(0)), SweepState::Started));
    assert_eq!(actions(&store).await, ["sweep_started"]);
    let by_hand = bench.raw().execute(
        "INSERT INTO sweep (policy, slot, cause, started_at, rule, fingerprint, state)
         SELECT policy, slot, cause, started_at, rule, fingerprint, state FROM sweep",
        [],
    );
    assert!(by_hand.unwrap_err().to_string().contains("UNIQUE"));
}

#[tokio::test]
async fn while_paused_no_sweep_starts_whatever_it_is_for() {
    let bench = Bench::new();
    let store = bench.open();
    start(&store, scheduled(0)).await;
    let by = Decision { by: person("root"), at: at(1), reason: None };
    let pause = store.pause("a", POLICY, by.clone()).await.unwrap().unwrap();
    let triggers = [
        Trigger::Schedule { slot: at(60) },
        Trigger::Command { by: person("alice") },
        Trigger::AskedAgain { by: person("alice"), request: RequestId(1) },
        Trigger::RuleChanged { request: RequestId(1) },
        Trigger::WentLive { by: person("root") },
    ];
    for trigger in triggers {
        let sweep = NewSweep { trigger, ..scheduled(1) };
        assert_eq!(store.start_sweep(sweep).await.unwrap(), StartedSweep::Paused(Box::new(pause.clone())));
    }
    assert_eq!(actions(&store).await, ["sweep_started", "paused"]);
    store.resume("b", POLICY, by).await.unwrap().unwrap();
    start(&store, scheduled(1)).await;
}

#[tokio::test]
async fn a_sweep_that_asks_leaves_a_request_its_candidates_and_their_events() {
    let bench = Bench::new();
    let store = bench.open();
    let request = asked(&store, 0, &["kim", "lee"]).await;
    let (request, candidates) = store.request(request).await.unwrap().unwrap();
    assert_eq!(
        (request.state, request.deadline, request.version),
        (RequestState::Pending { first: None }, None, 0)
    );
    assert_eq!(request.approval_timeout, Duration::hours(1));
    assert_eq!(candidates.iter().map(|one| one.shown.id.clone()).collect::<Vec<_>>(), [id("kim"), id("lee")]);
    assert_eq!(actions(&store).await, ["sweep_started", "sweep_finished", "proposed", "proposed"]);
    assert!(store.unfinished_sweeps().await.unwrap().is_empty());
}

#[tokio::test]
async fn finishing_twice_changes_nothing() {
    let bench = Bench::new();
    let store = bench.open();
    let sweep = start(&store, scheduled(0)).await;
    let first = store.finish_sweep(sweep, found(&["kim"], Verdict::Ask)).await.unwrap();
    let before = actions(&store).await;
    let second = store.finish_sweep(sweep, found(&["lee", "kim"], Verdict::Ask)).await.unwrap();
    assert_eq!(first, second);
    assert!(!store.fail_sweep(sweep, "too late", at(5)).await.unwrap());
    assert_eq!(actions(&store).await, before);
}

#[tokio::test]
async fn an_account_is_in_one_open_request_only() {
    let bench = Bench::new();
    let store = bench.open();
    let first = asked(&store, 0, &["kim"]).await;
    let sweep = start(&store, scheduled(1)).await;
    let finished = store.finish_sweep(sweep, found(&["kim", "lee"], Verdict::Ask)).await.unwrap();
    assert_eq!(finished.held_elsewhere, [id("kim")]);
    assert_eq!((finished.counts.candidates, finished.counts.waiting), (1, 1));
    let (_, candidates) = store.request(finished.request.unwrap()).await.unwrap().unwrap();
    assert_eq!(candidates.len(), 1);
    let waiting = store.waiting(vec![id("kim"), id("max")]).await.unwrap();
    assert_eq!(waiting.into_iter().collect::<Vec<_>>(), [(id("kim"), first)]);

    let sql = "UPDATE candidate SET account_id = '00ukim' WHERE account_id = '00ulee'";
    assert!(bench.raw().execute(sql, []).unwrap_err().to_string().contains("UNIQUE"));
}

#[tokio::test]
async fn a_sweep_whose_accounts_are_all_asked_about_asks_nothing() {
    let bench = Bench::new();
    let store = bench.open();
    asked(&store, 0, &["kim"]).await;
    let sweep = start(&store, scheduled(1)).await;
    let finished = store.finish_sweep(sweep, found(&["kim"], Verdict::Ask)).await.unwrap();
    assert_eq!((finished.request, finished.verdict), (None, Verdict::NoCandidates));
    assert_eq!(store.live_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_list_that_names_an_account_twice_is_not_taken() {
    let bench = Bench::new();
    let store = bench.open();
    let sweep = start(&store, scheduled(0)).await;
    let error = store.finish_sweep(sweep, found(&["kim", "kim"], Verdict::Ask)).await.unwrap_err();
    assert!(matches!(error, StoreError::Invalid(_)), "{error}");
    assert_eq!(store.unfinished_sweeps().await.unwrap().len(), 1);
    assert_eq!(actions(&store).await, ["sweep_started"]);
}

#[tokio::test]
async fn held_refused_and_previewed_sweeps_say_so() {
    let bench = Bench::new();
    let store = bench.open();
    let guard = Guard::TooMany { candidates: 1, max: 0 };
    let verdicts = [
        (Verdict::Held(guard.clone()), Some(("held", "proposed"))),
        (Verdict::Refused(guard), None),
        (Verdict::Preview, Some(("preview", "previewed"))),
    ];
    for (day, (verdict, expected)) in (0..).zip(verdicts) {
        let sweep = start(&store, scheduled(day)).await;
        let names = [["kim", "lee", "max"][usize::try_from(day).unwrap()]];
        let finished = store.finish_sweep(sweep, found(&names, verdict)).await.unwrap();
        let Some(request) = finished.request else {
            assert_eq!(expected, None);
            continue;
        };
        let (request, candidates) = store.request(request).await.unwrap().unwrap();
        assert_eq!(expected, Some((request.state.word(), candidates[0].state.word())));
    }
    // Fewer accounts than before can hold a sweep that found nobody: there is nothing to release.
    let sweep = start(&store, scheduled(9)).await;
    let far_fewer = Verdict::Held(Guard::FarFewer { now: 40, before: 500 });
    assert_eq!(store.finish_sweep(sweep, found(&[], far_fewer)).await.unwrap().request, None);
    let ends = actions(&store)
        .await
        .into_iter()
        .filter(|word| word.starts_with("sweep_") && word != "sweep_started");
    assert_eq!(ends.collect::<Vec<_>>(), ["sweep_held", "sweep_refused", "sweep_finished", "sweep_held"]);
    let mut states = Vec::new();
    for notice in store.unsaid().await.unwrap() {
        let Notice::Sweep(sweep) = notice else { panic!("{notice:?}") };
        states.push(store.sweep(sweep).await.unwrap().unwrap().state.word());
    }
    assert_eq!(states, ["held", "refused", "finished", "held"]);
}

#[tokio::test]
async fn a_failed_sweep_is_reported_once() {
    let bench = Bench::new();
    let store = bench.open();
    let by = person("ann");
    let command = NewSweep { slot: "input:1".to_owned(), trigger: Trigger::Command { by }, ..scheduled(0) };
    let sweep = start(&store, command).await;
    assert!(store.unsaid().await.unwrap().is_empty());
    assert!(store.fail_sweep(sweep, "page 2 of the listing failed", at(3)).await.unwrap());
    assert_eq!(store.unsaid().await.unwrap(), [Notice::Sweep(sweep)]);
    store.said(Notice::Sweep(sweep), at(4)).await.unwrap();
    assert!(store.unsaid().await.unwrap().is_empty());
    let last = store.last_sweep(POLICY).await.unwrap().unwrap();
    assert_eq!(
        last.state,
        SweepState::Failed { at: at(3), error: "page 2 of the listing failed".to_owned() }
    );
    assert!(store.finish_sweep(sweep, found(&["kim"], Verdict::Ask)).await.is_err());
    assert_eq!(actions(&store).await, ["sweep_started", "sweep_failed"]);
}

#[tokio::test]
async fn the_past_counts_finished_and_held_sweeps_of_the_same_type() {
    let bench = Bench::new();
    let store = bench.open();
    asked(&store, 0, &["kim"]).await;
    let held = start(&store, scheduled(1)).await;
    let guard = Guard::TooMany { candidates: 2, max: 1 };
    store.finish_sweep(held, found(&["kim", "lee"], Verdict::Held(guard))).await.unwrap();
    let failed = start(&store, scheduled(2)).await;
    store.fail_sweep(failed, "no answer", at(3)).await.unwrap();

    let past = store.past(POLICY, &rule()).await.unwrap();
    assert_eq!((past.previous_population, past.recent_candidates), (Some(40), vec![2, 1]));
    let of_others = [
        Rule { user_type: UserType::Profile("Temp".to_owned()), ..rule() },
        Rule { provider: "entra".into(), ..rule() },
    ];
    for other in of_others {
        assert_eq!(store.past(POLICY, &other).await.unwrap().previous_population, None);
    }
}

#[tokio::test]
async fn proposals_are_counted_since_the_account_went_idle() {
    let bench = Bench::new();
    let store = bench.open();
    for day in 0..2 {
        posted(&store, day, &["kim"]).await;
        assert_eq!(store.expire_due(at(100)).await.unwrap().len(), 1);
    }
    let long_idle = vec![(id("kim"), at(0) - Duration::days(41)), (id("lee"), at(0) - Duration::days(41))];
    let times = store.times_proposed(POLICY, long_idle).await.unwrap();
    assert_eq!(times.into_iter().collect::<Vec<_>>(), [(id("kim"), 2)]);
    let seen_since = vec![(id("kim"), at(50))];
    assert!(store.times_proposed(POLICY, seen_since).await.unwrap().is_empty());
    assert!(store.suspended_by_us(vec![id("kim")]).await.unwrap().is_empty());
}

#[tokio::test]
async fn half_filled_rows_are_errors() {
    for (sql, table) in [
        ("UPDATE sweep SET verdict = NULL", "sweep"),
        ("UPDATE sweep SET state = 'held'", "sweep"),
        ("UPDATE sweep SET finished_at = '2026-01-05 09:00'", "sweep"),
        ("UPDATE request SET state = 'pending'", "request"),
        ("UPDATE request SET state_json = '{\"state\":\"approved\"}'", "request"),
        ("UPDATE request SET state = 'pending', state_json = '{\"state\":\"pending\"}'", "request"),
        ("UPDATE request SET deadline = 'tomorrow'", "request"),
        ("UPDATE candidate SET state = 'kept'", "candidate"),
        ("UPDATE candidate SET account_id = '00uother' WHERE position = 1", "candidate"),
        ("UPDATE candidate SET login = 'other' WHERE position = 1", "candidate"),
        ("DELETE FROM candidate WHERE position = 1", "request"),
    ] {
        let bench = Bench::new();
        let store = bench.open();
        let request = approved(&store, 0, &["kim", "lee"]).await;
        bench.raw().execute(sql, []).unwrap_or_else(|error| panic!("{sql}: {error}"));
        if table == "sweep" {
            assert_bad_row(store.last_sweep(POLICY).await, table);
        } else {
            assert_bad_row(store.request(request).await, table);
            assert_eq!(store.live_requests().await.unwrap(), [request], "it is there for a reader that can");
        }
    }
    let bench = Bench::new();
    let store = bench.open();
    store.know_policy(POLICY, at(0)).await.unwrap();
    bench.raw().execute("UPDATE policy SET live_at = first_seen_at", []).unwrap();
    assert_bad_row(store.know_policy(POLICY, at(0)).await, "policy");
}
