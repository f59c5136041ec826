//! The loop itself: what it does with rows that are gone, tasks that panic, and rows that changed meanwhile. The
//! stories through the outside can't see a busy loop.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::requests::card_key;
use super::{App, InFlight, Work, lock, messages};
use crate::chat::{
    Card, Chat, ChatError, ChatUser, Connection, FileRef, Home, Mark, Marked, MessageRef, Modal, ReplyTo,
    ShareIn, Upload, ViewRef,
};
use crate::clock::Clock;
use crate::domain::account::{Account, AccountId, UserType};
use crate::domain::assess::{Evidence, Idle, SecondLook, Signal};
use crate::domain::audit::Person;
use crate::domain::calendar::Calendar;
use crate::domain::candidate::Shown;
use crate::domain::keep::KeptUntil;
use crate::domain::plan::{Counts, Verdict};
use crate::domain::policy::{Limits, People, Policy, Rule, Schedule};
use crate::domain::request::{Input, Verb, Voter};
use crate::domain::sweep::{Trigger, slot_key};
use crate::identity::{
    FreshLook, IdentityError, IdentityProvider, LogRead, Looks, Protected, Reference, StatusChange,
    TakeAccount,
};
use crate::store::{
    CardStands, Decided, FinishedSweep, MessageRow, NewSweep, Receipt, StartedSweep, Store, SweepState,
};

/// Nobody may be asked anything, and anyone who asks panics. Only a sweep may begin: it is not answered.
struct Nobody;

#[async_trait]
impl Chat for Nobody {
    async fn post(
        &self,
        _: &str,
        _: Option<&MessageRef>,
        _: &Mark,
        _: &Card,
    ) -> Result<MessageRef, ChatError> {
        panic!("a post")
    }
    async fn find(
        &self,
        _: &str,
        _: Option<&MessageRef>,
        _: &Mark,
        _: DateTime<Utc>,
    ) -> Result<Option<MessageRef>, ChatError> {
        panic!("a search")
    }
    async fn update(&self, _: &MessageRef, _: &Mark, _: &Card) -> Result<(), ChatError> {
        panic!("an update")
    }
    async fn marks(&self, _: &str, _: Option<DateTime<Utc>>) -> Result<Vec<Marked>, ChatError> {
        Ok(Vec::new())
    }
    async fn whisper(&self, _: &ReplyTo, _: &Card) -> Result<(), ChatError> {
        panic!("a whisper")
    }
    async fn revise(&self, _: &ReplyTo, _: &Card) -> Result<(), ChatError> {
        panic!("a revision")
    }
    async fn open_modal(&self, _: &str, _: &Modal) -> Result<(), ChatError> {
        panic!("a modal")
    }
    async fn update_modal(&self, _: &ViewRef, _: &Modal) -> Result<(), ChatError> {
        panic!("a modal")
    }
    async fn push_modal(&self, _: &str, _: &Modal) -> Result<(), ChatError> {
        panic!("a modal")
    }
    async fn open_direct(&self, _: &str) -> Result<String, ChatError> {
        panic!("a direct message")
    }
    async fn upload(&self, _: &Upload, _: Option<&ShareIn>) -> Result<FileRef, ChatError> {
        panic!("an upload")
    }
    async fn publish_home(&self, _: &str, _: &Home) -> Result<(), ChatError> {
        panic!("a home")
    }
    async fn find_user(&self, _: &str) -> Result<Option<ChatUser>, ChatError> {
        panic!("a search for a person")
    }
    async fn user(&self, _: &str) -> Result<ChatUser, ChatError> {
        panic!("a person")
    }
    async fn group_members(&self, _: &str) -> Result<Vec<String>, ChatError> {
        panic!("a group")
    }
    async fn channel_members(&self, _: &str) -> Result<Vec<String>, ChatError> {
        panic!("a channel")
    }

    fn other_connections(&self) -> u64 {
        0
    }
}

#[async_trait]
impl IdentityProvider for Nobody {
    async fn list(&self, _: &Rule, _: &mut TakeAccount<'_>) -> Result<u32, IdentityError> {
        panic!("a listing")
    }
    async fn protected(&self, _: &Rule) -> Result<Protected, IdentityError> {
        Err(IdentityError::Transient("nobody is there".to_owned()))
    }
    async fn second_look(&self, _: &Looks) -> LogRead {
        panic!("a second look")
    }
    async fn look(
        &self,
        _: &AccountId,
        _: &Rule,
        _: Option<DateTime<Utc>>,
    ) -> Result<FreshLook, IdentityError> {
        panic!("a look")
    }
    async fn confirm(&self, _: &AccountId, _: &Rule) -> Result<Account, IdentityError> {
        panic!("a confirmation")
    }
    async fn read(&self, _: &AccountId) -> Result<Account, IdentityError> {
        panic!("a read")
    }
    fn clock_ahead(&self) -> Option<chrono::Duration> {
        panic!("a clock")
    }
    async fn turn_to_change(&self) -> Result<(), IdentityError> {
        panic!("a turn")
    }
    async fn suspend(&self, _: &AccountId) -> Result<Reference, IdentityError> {
        panic!("a suspension")
    }
    async fn restore(&self, _: &AccountId) -> Result<Reference, IdentityError> {
        panic!("a restoration")
    }
    async fn clear_sessions(&self, _: &AccountId) -> Result<Reference, IdentityError> {
        panic!("a clearing")
    }
    async fn last_change(
        &self,
        _: &AccountId,
        _: DateTime<Utc>,
    ) -> Result<Option<StatusChange>, IdentityError> {
        panic!("a change")
    }
    fn console_link(&self, _: &AccountId) -> Option<String> {
        panic!("a link")
    }
    async fn find(&self, _: &str, _: &Rule) -> Result<Vec<Account>, IdentityError> {
        panic!("a search")
    }
}

pub(super) fn policy() -> Policy {
    let week = Duration::days(7);
    Policy {
        name: "p".to_owned(),
        rule: Rule {
            user_type: UserType::Profile("Contractor".to_owned()),
            inactive_after: week.into(),
            new_account_grace: week.into(),
            restored_grace: week.into(),
            second_look: false,
            exempt_logins: Vec::new(),
            exempt_groups: Vec::new(),
            exempt_attributes: Vec::new(),
            break_glass: Vec::new(),
            calendar: Calendar::default(),
        },
        schedule: Schedule { cron: "0 9 * * *".to_owned(), zone: chrono_tz::UTC, days_off: None },
        channel: "C0OPS".to_owned(),
        approvers: People::default(),
        admins: People::default(),
        viewers: People::default(),
        own_accounts: crate::domain::policy::OwnAccounts::new(),
        approvals_needed: 1,
        silence: crate::domain::silence::Silence::default(),
        answer_within: week,
        carry_out_within: week,
        catch_up: week,
        limits: Limits { max_candidates: 9, max_share: 1.0, min_population_share: 0.0, surge_factor: 0.0 },
        preview_first: false,
        announce_no_candidates: true,
        clear_sessions: false,
        exemption_max: Duration::days(90),
        exemption_notice: Duration::days(3),
        undo_for: Duration::days(7),
        watch_suspended_for: Some(Duration::days(30)),
        ask: crate::domain::concern::Ask::default(),
        digest: None,
    }
}

/// An account that was idle for 41 days then.
pub(super) fn shown(now: DateTime<Utc>) -> Shown {
    Shown {
        id: AccountId("00u1".to_owned()),
        login: "ada@ext.example".to_owned(),
        name: String::new(),
        email: None,
        manager: None,
        manager_id: None,
        organization: None,
        evidence: Evidence {
            idle: Idle::new(now - Duration::days(41), Signal::SignIn),
            last_sign_in: None,
            second_look: SecondLook::NotAsked,
            inactive_after_s: 7 * 86400,
            looked_at: now,
        },
        pending_sweeps: 0,
    }
}

pub(super) struct Bench {
    pub(super) app: Arc<App>,
    stop: CancellationToken,
    _directory: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench::of(vec![policy()])
    }

    pub(super) fn of(policies: Vec<Policy>) -> Bench {
        Bench::by(Clock::system(), policies)
    }

    pub(super) fn by(clock: Clock, policies: Vec<Policy>) -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("bot.db"), clock.now()).unwrap();
        let (_, connection) = watch::channel(Connection::Closed);
        let app = App::new(store, Arc::new(Nobody), Arc::new(Nobody), clock, policies, 1, connection);
        Bench { app: Arc::new(app), stop: CancellationToken::new(), _directory: directory }
    }

    pub(super) async fn sweep(&self, slot: &str) -> i64 {
        self.sweep_by(slot, Trigger::Schedule { slot: self.app.clock.now() }).await
    }

    /// A request of the first policy about these accounts, whose card stands.
    pub(super) async fn asking(&self, list: Vec<Shown>) -> i64 {
        let (app, now) = (&self.app, self.app.clock.now());
        let sweep = self.sweep("slot").await;
        let population = u32::try_from(list.len()).unwrap();
        let end = FinishedSweep {
            counts: Counts { population, candidates: population, ..Counts::default() },
            verdict: Verdict::Ask,
            pages: 1,
            channel: "C0OPS".to_owned(),
            list,
            answer_within: app.policies[0].answer_within,
            approvals_needed: 1,
            unknown: Vec::new(),
            by_email: Vec::new(),
            instead_of: Vec::new(),
            at: now,
        };
        let request = app.store.finish_sweep(sweep, end).await.unwrap().request.expect("it asks");
        let card = CardStands {
            key: card_key(request),
            channel: "C0OPS".to_owned(),
            ts: "1.2".to_owned(),
            rendered: String::new(),
            request,
        };
        app.store.card_stands(card, now).await.unwrap();
        request
    }

    async fn sweep_by(&self, slot: &str, trigger: Trigger) -> i64 {
        let policy = &self.app.policies[0];
        let sweep = NewSweep {
            policy: policy.name.clone(),
            slot: slot.to_owned(),
            trigger,
            rule: policy.rule.clone(),
            at: self.app.clock.now(),
        };
        let StartedSweep::New(id) = self.app.store.start_sweep(sweep).await.unwrap() else { panic!("there") };
        id
    }

    /// A request about one account, whose card stands.
    pub(super) async fn asked(&self) -> i64 {
        self.asking(vec![shown(self.app.clock.now())]).await
    }

    /// The same, approved.
    pub(super) async fn approved(&self) -> i64 {
        let (store, policy, now) = (&self.app.store, &self.app.policies[0], self.app.clock.now());
        let id = self.asked().await;
        let request = store.request_alone(id).await.unwrap().expect("it is there");
        let email = Some("boss@corp.example".to_owned());
        let person = Person { id: "U1".to_owned(), name: "Boss".to_owned(), email, person_id: None };
        store.receive("click", Some(id), &person.id, now).await.unwrap();
        let input = Input {
            verb: Verb::Suspend { keep: [].into(), until: KeptUntil::default() },
            voter: Voter { person, approver: true, admin: false },
            received_at: now,
            list_hash: Some(request.list_hash),
            reason: None,
            approvals_needed: 1,
            rule: policy.rule.clone(),
            own_accounts: policy.own_accounts.clone(),
            paused: None,
        };
        let decided = store.decide("click", id, input, now).await.unwrap();
        assert!(matches!(decided, Decided::Done(_)), "{decided:?}");
        id
    }

    fn wake_of(&self, work: Work) -> Option<DateTime<Utc>> {
        lock(&self.app.runtime.wakes).get(&work).copied()
    }
}

#[tokio::test]
async fn an_alarm_for_a_row_that_wants_nothing_any_more_rings_once() {
    let bench = Bench::new();
    let past = bench.app.clock.now() - Duration::seconds(1);
    lock(&bench.app.runtime.wakes).insert(Work::Request(7), past);
    assert!(bench.app.wait().is_zero());
    bench.app.reconcile(&bench.stop).await.unwrap();
    assert!(!bench.app.wait().is_zero(), "the loop would never sleep again");
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
                jobs = writer.next(1) => writer.carry_out(jobs),
                _ = &mut dead => return,
            }
        }
    });
    let (_, connection) = watch::channel(Connection::Closed);
    let mut written = store.written();
    let app = App::new(store, Arc::new(Nobody), Arc::new(Nobody), clock, vec![policy()], 1, connection);
    let running = tokio::spawn(Arc::new(app).run(CancellationToken::new()));
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
    bench.app.reconcile(&bench.stop).await.unwrap();
    bench.app.runtime.tasks.close();
    bench.app.runtime.tasks.wait().await;
    let wake = bench.wake_of(Work::Request(request)).expect("it is tried again");
    assert!(wake > bench.app.clock.now() + Duration::seconds(5));
    assert!(lock(&bench.app.runtime.in_flight).is_empty());
    assert!(bench.app.runtime.nudge.notified().now_or_never().is_none(), "the loop is not woken for it");
}

#[tokio::test]
async fn a_row_that_changed_meanwhile_is_looked_at_again_by_its_own_task() {
    let bench = Bench::new();
    let work = Work::Request(7);
    lock(&bench.app.runtime.in_flight).insert(work, InFlight::begin());
    bench.app.work_on(work, &bench.stop);
    assert!(!bench.app.done_with(work, None, &bench.stop), "it changed");
    assert!(bench.app.done_with(work, None, &bench.stop), "it did not change again");
    assert!(lock(&bench.app.runtime.in_flight).is_empty());
    assert!(
        bench.app.runtime.nudge.notified().now_or_never().is_none(),
        "two slow tasks would wake each other for ever"
    );
}

#[tokio::test]
async fn people_are_asked_one_after_the_other() {
    let bench = Bench::new();
    assert_eq!(bench.app.asking_from(), None);
    let now = bench.app.clock.now();
    let first = bench.app.pace();
    assert!(first > now && bench.app.asking_from() == Some(first));
    lock(&bench.app.runtime.asking_from).replace(now + Duration::minutes(5));
    assert_eq!(bench.app.pace(), now + Duration::minutes(5), "a call that was asked to wait longer does");
}

#[tokio::test]
async fn a_sweep_that_has_ended_is_not_run_again() {
    let bench = Bench::new();
    let sweep = bench.sweep("slot").await;
    bench.app.store.fail_sweep(sweep, "no answer", bench.app.clock.now()).await.unwrap();
    assert_eq!(bench.app.run_sweep(sweep).await, None);
}

#[tokio::test]
async fn a_sweep_that_is_stopped_waits_twice_as_long_each_time_and_fails_after_an_hour() {
    let bench = Bench::new();
    let clock = &bench.app.clock;
    let sweep = bench.sweep("slot").await;
    for seconds in [10, 20, 40, 80, 160, 300, 300] {
        let before = clock.now();
        let at = bench.app.run_sweep(sweep).await.expect("it starts again");
        assert_eq!((at - before).num_seconds(), seconds);
        assert_eq!(bench.app.run_sweep(sweep).await, Some(at), "it waits until then");
        clock.advance(at - clock.now() + Duration::milliseconds(1));
    }
    clock.advance(Duration::hours(1));
    assert_eq!(bench.app.run_sweep(sweep).await, None);
    let ended = bench.app.store.sweep(sweep).await.unwrap().unwrap().state;
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
    assert_eq!(bench.app.run_sweep(sweep).await, None);
    let ended = bench.app.store.sweep(sweep).await.unwrap().unwrap().state;
    assert!(matches!(ended, SweepState::Failed { .. }), "{ended:?}");
}

#[tokio::test]
async fn a_slot_whose_sweep_has_not_begun_is_overdue_unless_the_policy_is_stopped() {
    let bench = Bench::new();
    let (app, clock) = (&bench.app, &bench.app.clock);
    app.store.know_policy("p", clock.now()).await.unwrap();
    assert_eq!(app.vitals().await.policies[0].overdue_since, None, "it was not known at the last slot");
    clock.advance(Duration::days(1));
    let slot = app.vitals().await.policies[0].overdue_since.expect("a slot has passed");
    let wrong = app.vitals().await.wrong.join("\n");
    assert!(wrong.contains("the sweep of p that was due "), "{wrong}");
    let just_then = slot + Duration::minutes(4) - clock.now();
    clock.advance(just_then);
    assert_eq!(app.vitals().await.policies[0].overdue_since, None, "it may take a moment to begin");
    clock.advance(-just_then);
    bench.sweep(&slot_key(slot)).await;
    assert_eq!(app.vitals().await.policies[0].overdue_since, None);
}

#[tokio::test]
async fn work_that_takes_too_long_is_stuck_and_a_loop_that_hangs_is_not_alive() {
    let bench = Bench::new();
    let app = &bench.app;
    let long_ago = |minutes: u64| {
        let ago = std::time::Duration::from_secs(minutes * 60);
        tokio::time::Instant::now().checked_sub(ago).expect("this machine runs for longer")
    };
    let task = |minutes: u64| InFlight { again: false, since: long_ago(minutes) };
    app.note_pulse();
    lock(&app.runtime.in_flight).extend([
        (Work::Request(1), task(14)),
        (Work::Request(2), task(16)),
        (Work::Sweep(3), task(16)),
    ]);
    let now = app.clock.now();
    lock(&app.runtime.wakes).extend([
        (Work::Request(4), now - Duration::minutes(4)),
        (Work::Request(5), now - Duration::minutes(6)),
    ]);
    let vitals = app.vitals().await;
    assert_eq!(
        vitals.stuck,
        ["request 2 has been running for 16 min", "request 5 is due, but was not started"]
    );
    assert!(vitals.alive && !vitals.healthy && vitals.wrong.ends_with(&vitals.stuck));
    app.moves_on(Work::Request(2));
    assert_eq!(app.vitals().await.stuck, vitals.stuck[1..]);
    lock(&app.runtime.pulse).hang(long_ago(2));
    assert!(!app.vitals().await.alive);
}

#[tokio::test]
async fn a_request_that_is_open_past_its_deadline_is_stuck() {
    let bench = Bench::new();
    let app = &bench.app;
    bench.asked().await;
    app.clock.advance(Duration::days(7) + Duration::minutes(4));
    assert_eq!(app.vitals().await.stuck, [""; 0]);
    app.clock.advance(Duration::minutes(2));
    assert_eq!(app.vitals().await.stuck, ["request 1 is open past its deadline"]);
}

#[tokio::test]
async fn work_that_fails_is_tried_again_after_a_while() {
    let bench = Bench::new();
    bench.asked().await;
    let sweep = bench.app.store.last_sweep("p").await.unwrap().expect("it has ended").id;
    bench.app.store.clone().close().await.unwrap();
    let wake = bench.app.attend(Work::Notice(sweep), &bench.stop).await.expect("it can't be written");
    assert!(wake > bench.app.clock.now() + Duration::seconds(5));
}

#[test]
fn what_is_due_at_once_leaves_the_loop_a_breath() {
    let bench = Bench::new();
    let now = bench.app.clock.now();
    bench.app.wake_for(Work::Homes, now - Duration::hours(1));
    assert!(bench.wake_of(Work::Homes).is_some_and(|at| at > now + Duration::milliseconds(100)));
}

#[test]
fn only_the_requests_whose_alarm_has_rung_are_looked_at_for_it() {
    let bench = Bench::new();
    let now = bench.app.clock.now();
    let soon = now + Duration::seconds(1);
    lock(&bench.app.runtime.wakes).extend([
        (Work::Request(7), now),
        (Work::Request(8), soon),
        (Work::Sweep(9), now),
    ]);
    assert_eq!(bench.app.rung(now), [7]);
    assert_eq!(bench.app.rung(soon), [7, 8]);
}

#[tokio::test]
async fn a_late_update_is_waited_for_anew_only_if_the_clock_was_set() {
    let bench = Bench::new();
    let (app, now) = (&bench.app, bench.app.clock.now());
    let row = MessageRow::new("k".to_owned(), "C1".to_owned());
    let row = MessageRow { render_again_at: Some(now + Duration::seconds(10)), ..row };
    app.store.save_message(&row).await.unwrap();
    let seconds = async || {
        let row = app.store.message("k").await.unwrap().expect("it is there");
        (row.render_again_at.expect("it is waited for") - now).num_seconds()
    };
    // As long as a round of the loop may take.
    let passed = std::time::Duration::from_secs(100);
    let began = tokio::time::Instant::now().checked_sub(passed).expect("this machine runs for longer");
    let mut seen = (began, now - Duration::seconds(100));
    app.note_clock(&mut seen).await.unwrap();
    assert!(seconds().await <= 10);
    app.clock.advance(Duration::minutes(3));
    app.note_clock(&mut seen).await.unwrap();
    let waits = Duration::minutes(3) + messages::LATE_UPDATE_WITHIN;
    assert!(seconds().await >= waits.num_seconds() - 1);
}

#[tokio::test]
async fn an_input_that_comes_again_is_recognised_for_a_week() {
    let bench = Bench::new();
    let (app, now) = (&bench.app, bench.app.clock.now());
    for (key, days) in [("old", 8), ("young", 6)] {
        app.store.receive(key, None, "U1", now - Duration::days(days)).await.unwrap();
    }
    let running = tokio::spawn(Arc::clone(app).run(bench.stop.clone()));
    let forgotten =
        async { while app.store.receive("old", None, "U1", now).await.unwrap() != Receipt::New {} };
    tokio::time::timeout(fake::GUARD, forgotten).await.expect("it is forgotten");
    let young = app.store.receive("young", None, "U1", now).await.unwrap();
    assert!(matches!(young, Receipt::Repeated { .. }), "{young:?}");
    bench.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn inputs_are_taken_in_for_as_long_as_a_row_is_worked_on_and_hold_up_the_end_no_longer_than_a_minute() {
    let bench = Bench::new();
    let app = Arc::clone(&bench.app);
    let (done, work) = tokio::sync::oneshot::channel::<()>();
    app.runtime.tasks.spawn(app.runtime.rows.track_future(work));
    let _input = app.runtime.tasks.token();
    bench.stop.cancel();
    Arc::clone(&app).run(bench.stop.clone()).await.unwrap();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let hour = std::time::Duration::from_secs(3600);
    assert!(tokio::time::timeout(hour, app.needs_no_inputs()).await.is_err(), "a pause still counts");
    done.send(()).unwrap();
    app.needs_no_inputs().await;
    assert_eq!(began.elapsed().as_secs(), 3660, "inputs may keep coming");
    tokio::time::resume();
    assert!(app.vitals().await.alive, "the loop has ended, and does not hang");
}
