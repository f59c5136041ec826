//! The loop itself: what it does with rows that are gone, tasks that panic, and rows that changed meanwhile. The
//! stories through the outside can't see a busy loop.

use std::sync::Arc;

use chrono::Duration;
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::chat::Connection;
use crate::clock::Clock;
use crate::domain::audit::{Person, Subject};
use crate::domain::ids::{RequestId, SweepId};
use crate::domain::policy::{Policy, Rule};
use crate::domain::restoration::{self, RestorationState};
use crate::domain::sweep::{Trigger, slot_key};
use crate::engine::bench::{Bench, engine, policy, shown};
use crate::outbox;
use crate::request::attempt::Effort;
use crate::services::lock;
use crate::services::work::Work;
use crate::store::{AskedFor, MessageRow, Notice, Receipt, Store, SweepState};

#[tokio::test]
async fn an_alarm_for_a_row_that_wants_nothing_any_more_rings_once() {
    let bench = Bench::new();
    let past = bench.engine.s.clock.now() - Duration::seconds(1);
    bench.engine.s.rows.set_alarm(Work::Request(RequestId(7)), past);
    assert!(bench.engine.wait().is_zero());
    bench.engine.reconcile(&bench.stop).await.unwrap();
    assert!(!bench.engine.wait().is_zero(), "the loop would never sleep again");
}

#[tokio::test]
async fn a_bot_whose_writer_dies_ends_with_an_error_for_the_supervisor() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let (store, mut writer) = Store::open_with_writer(&directory.path().join("bot.db"), clock.now()).unwrap();
    let (die, mut dead) = tokio::sync::oneshot::channel::<()>();
    let writing = tokio::spawn(async move {
        loop {
            tokio::select! {
                jobs = writer.next(1) => writer.execute_round(jobs),
                _ = &mut dead => return,
            }
        }
    });
    let (_, connection) = watch::channel(Connection::Closed);
    let mut written = store.written();
    let engine = engine(store, clock, vec![policy()], connection);
    let running = tokio::spawn(Arc::new(engine).run(CancellationToken::new()));
    // The policies are known, and the loop has begun.
    for _ in 0..2 {
        written.changed().await.unwrap();
    }
    die.send(()).unwrap();
    writing.await.unwrap();
    let ended = tokio::time::timeout(fake::GUARD, running).await.unwrap().unwrap();
    assert!(ended.unwrap_err().to_string().contains("the database's writer is gone"));
}

#[tokio::test]
async fn a_task_that_panics_is_not_tried_again_at_once() {
    let bench = Bench::new();
    let request = bench.asked().await;
    bench.engine.reconcile(&bench.stop).await.unwrap();
    bench.engine.s.tasks.close();
    bench.engine.s.tasks.wait().await;
    let wake = bench.wake_of(&Work::Request(request)).expect("it is tried again");
    assert!(wake > bench.engine.s.clock.now() + Duration::seconds(5));
    assert!(bench.engine.s.rows.at_work().is_empty());
    assert!(bench.engine.s.woken.notified().now_or_never().is_none(), "the loop is not woken for it");
}

#[tokio::test]
async fn a_row_that_changed_meanwhile_is_looked_at_again_by_its_own_task() {
    let bench = Bench::new();
    let work = Work::Request(RequestId(7));
    assert!(bench.engine.s.rows.begin(&work));
    bench.engine.work_on(work.clone(), &bench.stop);
    assert!(!bench.engine.s.end_work(&work, None, true), "it changed");
    assert!(bench.engine.s.end_work(&work, None, true), "it did not change again");
    assert!(bench.engine.s.rows.at_work().is_empty());
    assert!(
        bench.engine.s.woken.notified().now_or_never().is_none(),
        "two slow tasks would wake each other for ever"
    );
}

#[tokio::test]
async fn a_sweep_that_has_ended_is_not_run_again() {
    let bench = Bench::new();
    let sweep = bench.sweep("slot").await;
    bench.engine.s.store.fail_sweep(sweep, "no answer", bench.engine.s.clock.now()).await.unwrap();
    assert_eq!(bench.engine.sweeper.run_sweep(sweep).await, None);
}

#[tokio::test]
async fn a_sweep_that_is_stopped_waits_twice_as_long_each_time_and_fails_after_an_hour() {
    let bench = Bench::new();
    let clock = &bench.engine.s.clock;
    let sweep = bench.sweep("slot").await;
    for seconds in [10, 20, 40, 80, 160, 300, 300] {
        let before = clock.now();
        let at = bench.engine.sweeper.run_sweep(sweep).await.expect("it starts again");
        assert_eq!((at - before).num_seconds(), seconds);
        assert_eq!(bench.engine.sweeper.run_sweep(sweep).await, Some(at), "it waits until then");
        clock.advance(at - clock.now() + Duration::milliseconds(1));
    }
    clock.advance(Duration::hours(1));
    assert_eq!(bench.engine.sweeper.run_sweep(sweep).await, None);
    let ended = bench.engine.s.store.sweep(sweep).await.unwrap().unwrap().state;
    assert!(
        matches!(&ended, SweepState::Failed { error, .. } if error.contains("nobody is there")),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_sweep_that_somebody_asked_for_fails_at_once_and_can_be_asked_for_again() {
    let bench = Bench::new();
    let by = Person { id: "U1".to_owned(), name: "Ada".to_owned(), email: None, person_id: None };
    let sweep = bench.sweep_by("asked", Trigger::Command { by }).await;
    assert_eq!(bench.engine.sweeper.run_sweep(sweep).await, None);
    let ended = bench.engine.s.store.sweep(sweep).await.unwrap().unwrap().state;
    assert!(matches!(ended, SweepState::Failed { .. }), "{ended:?}");
}

#[tokio::test]
async fn a_slot_whose_sweep_has_not_begun_is_overdue_unless_the_policy_is_stopped() {
    let bench = Bench::new();
    let (engine, clock) = (&bench.engine, &bench.engine.s.clock);
    engine.s.store.know_policy("p", clock.now()).await.unwrap();
    assert_eq!(engine.health().await.policies[0].overdue_since, None, "it was not known at the last slot");
    clock.advance(Duration::days(1));
    let slot = engine.health().await.policies[0].overdue_since.expect("a slot has passed");
    let wrong = engine.health().await.wrong.join("\n");
    assert!(wrong.contains("the sweep of p that was due "), "{wrong}");
    let just_then = slot + Duration::minutes(4) - clock.now();
    clock.advance(just_then);
    assert_eq!(engine.health().await.policies[0].overdue_since, None, "it may take a moment to begin");
    clock.advance(-just_then);
    bench.sweep(&slot_key(slot)).await;
    assert_eq!(engine.health().await.policies[0].overdue_since, None);
}

#[tokio::test]
async fn work_that_takes_too_long_is_stuck_and_a_loop_that_hangs_is_not_alive() {
    let bench = Bench::new();
    let engine = &bench.engine;
    let long_ago = |minutes: u64| {
        let ago = std::time::Duration::from_secs(minutes * 60);
        tokio::time::Instant::now().checked_sub(ago).expect("this machine runs for longer")
    };
    engine.note_pulse();
    for (work, minutes) in
        [(Work::Request(RequestId(1)), 14), (Work::Request(RequestId(2)), 16), (Work::Sweep(SweepId(3)), 16)]
    {
        engine.s.rows.began(work, long_ago(minutes));
    }
    let now = engine.s.clock.now();
    engine.s.rows.set_alarm(Work::Request(RequestId(4)), now - Duration::minutes(4));
    engine.s.rows.set_alarm(Work::Request(RequestId(5)), now - Duration::minutes(6));
    let health = engine.health().await;
    assert_eq!(
        health.stuck,
        ["request 2 has been running for 16 min", "request 5 is due, but was not started"]
    );
    assert!(health.alive && !health.healthy && health.wrong.ends_with(&health.stuck));
    engine.s.rows.moves_on(&Work::Request(RequestId(2)));
    assert_eq!(engine.health().await.stuck, health.stuck[1..]);
    lock(&engine.loop_progress).hang(long_ago(2));
    assert!(!engine.health().await.alive);
}

#[tokio::test]
async fn a_request_that_is_open_past_its_deadline_is_stuck() {
    let bench = Bench::new();
    let engine = &bench.engine;
    bench.asked().await;
    engine.s.clock.advance(Duration::days(7) + Duration::minutes(4));
    assert_eq!(engine.health().await.stuck, [""; 0]);
    engine.s.clock.advance(Duration::minutes(2));
    assert_eq!(engine.health().await.stuck, ["request 1 is open past its deadline"]);
}

#[tokio::test]
async fn work_that_fails_is_tried_again_after_a_while() {
    let bench = Bench::new();
    bench.asked().await;
    let sweep = bench.engine.s.store.last_sweep("p").await.unwrap().expect("it has ended").id;
    bench.engine.s.store.clone().close().await.unwrap();
    let wake = bench
        .engine
        .attend(&Work::Message(Notice::Sweep(sweep)), &bench.stop)
        .await
        .expect("it can't be written");
    assert!(wake > bench.engine.s.clock.now() + Duration::seconds(5));
}

#[test]
fn what_is_due_at_once_leaves_the_loop_a_breath() {
    let bench = Bench::new();
    let now = bench.engine.s.clock.now();
    bench.engine.s.end_work(&Work::Homes, Some(now - Duration::hours(1)), true);
    assert!(bench.wake_of(&Work::Homes).is_some_and(|at| at > now + Duration::milliseconds(100)));
}

#[test]
fn only_the_requests_whose_alarm_has_rung_are_looked_at_for_it() {
    let bench = Bench::new();
    let now = bench.engine.s.clock.now();
    let soon = now + Duration::seconds(1);
    for (work, at) in [
        (Work::Request(RequestId(7)), now),
        (Work::Request(RequestId(8)), soon),
        (Work::Sweep(SweepId(9)), now),
    ] {
        bench.engine.s.rows.set_alarm(work, at);
    }
    assert_eq!(bench.engine.rung(now), [RequestId(7)]);
    assert_eq!(bench.engine.rung(soon), [RequestId(7), RequestId(8)]);
}

#[tokio::test]
async fn a_late_update_is_waited_for_again_only_if_the_clock_was_set() {
    let bench = Bench::new();
    let (engine, now) = (&bench.engine, bench.engine.s.clock.now());
    let row = MessageRow::new("k".to_owned(), "C1".to_owned());
    let row = MessageRow { render_again_at: Some(now + Duration::seconds(10)), ..row };
    engine.s.store.save_message(&row).await.unwrap();
    let seconds = async || {
        let row = engine.s.store.message("k").await.unwrap().expect("it is there");
        (row.render_again_at.expect("it is waited for") - now).num_seconds()
    };
    // As long as a round of the loop may take.
    let passed = std::time::Duration::from_secs(100);
    let began = tokio::time::Instant::now().checked_sub(passed).expect("this machine runs for longer");
    let mut seen = (began, now - Duration::seconds(100));
    engine.note_clock(&mut seen).await.unwrap();
    assert!(seconds().await <= 10);
    engine.s.clock.advance(Duration::minutes(3));
    engine.note_clock(&mut seen).await.unwrap();
    let waits = Duration::minutes(3) + outbox::LATE_UPDATE_WITHIN;
    assert!(seconds().await >= waits.num_seconds() - 1);
}

#[tokio::test]
async fn an_input_that_comes_again_is_recognised_for_a_week() {
    let bench = Bench::new();
    let (engine, now) = (&bench.engine, bench.engine.s.clock.now());
    for (key, days) in [("old", 8), ("young", 6)] {
        engine.s.store.receive(key, None, "U1", now - Duration::days(days)).await.unwrap();
    }
    let running = tokio::spawn(Arc::clone(engine).run(bench.stop.clone()));
    let forgotten =
        async { while engine.s.store.receive("old", None, "U1", now).await.unwrap() != Receipt::New {} };
    tokio::time::timeout(fake::GUARD, forgotten).await.expect("it is forgotten");
    let young = engine.s.store.receive("young", None, "U1", now).await.unwrap();
    assert!(matches!(young, Receipt::Repeated { .. }), "{young:?}");
    bench.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn inputs_are_taken_in_for_as_long_as_a_row_is_worked_on_and_hold_up_the_end_no_longer_than_a_minute() {
    let bench = Bench::new();
    let engine = Arc::clone(&bench.engine);
    let (done, work) = tokio::sync::oneshot::channel::<()>();
    engine.s.tasks.spawn(engine.s.rows.tasks.track_future(work));
    let _input = engine.s.tasks.token();
    bench.stop.cancel();
    Arc::clone(&engine).run(bench.stop.clone()).await.unwrap();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let hour = std::time::Duration::from_secs(3600);
    assert!(tokio::time::timeout(hour, engine.needs_no_inputs()).await.is_err(), "a pause still counts");
    done.send(()).unwrap();
    engine.needs_no_inputs().await;
    assert_eq!(began.elapsed().as_secs(), 3660, "inputs may keep coming");
    tokio::time::resume();
    assert!(engine.health().await.alive, "the loop has ended, and does not hang");
}

/// A bench whose policy is about a provider that the configuration doesn't have, with a clock that stands.
fn without_its_provider() -> Bench {
    let rule = Rule { provider: "entra".into(), ..policy().rule };
    let clock = Clock::starting_at(chrono::DateTime::UNIX_EPOCH + Duration::days(20_000));
    Bench::by(clock, vec![Policy { rule, ..policy() }])
}

/// How each row that such a provider is owed says why it waits.
const NOT_CONFIGURED: &str = "the identity provider entra is not in the configuration: add its section again";

#[tokio::test]
async fn a_suspension_at_a_provider_that_is_not_configured_waits_and_people_are_notified_why() {
    let bench = without_its_provider();
    let (engine, id) = (&bench.engine, bench.approved().await);
    for round in 1..=9 {
        let (request, candidates) = engine.s.store.request(id).await.unwrap().expect("it is there");
        let decision = request.state.authorization().expect("it is approved").clone();
        let effort = engine.requests.execute_round(&request, &decision, &candidates, 1, &bench.stop).await;
        let Effort::Blocked(blocker) = effort.unwrap() else { panic!("something is in the way") };
        assert_eq!((blocker.why.as_str(), blocker.to_be_told), (NOT_CONFIGURED, true));
        let (_, candidates) = engine.s.store.request(id).await.unwrap().expect("it is there");
        let attempt = candidates[0].state.attempt().expect("it is still due");
        assert_eq!((attempt.attempts, attempt.trouble.error.as_deref()), (0, Some(NOT_CONFIGURED)));
        assert_eq!(attempt.trouble.waits, round);
        engine.s.clock.advance(Duration::hours(1));
    }
}

#[tokio::test]
async fn a_wish_to_restore_waits_for_a_provider_that_is_not_configured_and_is_never_taken_for_gone() {
    let bench = without_its_provider();
    let (engine, account) = (&bench.engine, shown(bench.engine.s.clock.now()));
    engine.s.store.know_policy("p", engine.s.clock.now()).await.unwrap();
    let wish = restoration::Wish {
        policy: "p".into(),
        provider: "entra".into(),
        request: None,
        account: Subject { id: account.id, login: account.login },
        name: account.name,
        by: Person { id: "U1".to_owned(), name: "Ada".to_owned(), email: None, person_id: None },
        reason: "back".to_owned(),
    };
    let asked = engine.s.store.ask_restoration("key", wish, None, engine.s.clock.now()).await.unwrap();
    let AskedFor::New(id) = asked else { panic!("{asked:?}") };
    let state = async || engine.s.store.restoration(id).await.unwrap().expect("it is there").state;
    for _ in 0..3 {
        engine.requests.restore(id).await.unwrap();
        let waits = state().await;
        let attempt = waits.attempt().expect("it is still due");
        assert_eq!((attempt.attempts, attempt.trouble.error.as_deref()), (0, Some(NOT_CONFIGURED)));
        engine.s.clock.advance(Duration::hours(1));
    }
    // A wish is meant for now: it ends as any that grew too old, with why.
    engine.s.clock.advance(policy().execute_within);
    engine.requests.restore(id).await.unwrap();
    let ended = state().await;
    assert!(
        matches!(&ended, RestorationState::Failed { error, too_late: true, .. } if error == NOT_CONFIGURED),
        "{ended:?}"
    );
}
