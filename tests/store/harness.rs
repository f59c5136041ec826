//! A store on a file of its own, and short names for what the stories are about.

use std::path::PathBuf;
use std::time::Instant;

use chrono::{DateTime, Duration, TimeZone, Utc};
use inactive_contractors::domain::account::{AccountId, UserType};
use inactive_contractors::domain::assess::{Evidence, Idle, Signal};
use inactive_contractors::domain::audit::{AuditEvent, Person};
use inactive_contractors::domain::calendar::Calendar;
use inactive_contractors::domain::ids::{RequestId, SweepId};
use inactive_contractors::domain::keep::KeptUntil;
use inactive_contractors::domain::person::Principal;
use inactive_contractors::domain::plan::{Counts, Verdict};
use inactive_contractors::domain::policy::{AccountOwners, Rule};
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::domain::request::{Input, Verb};
use inactive_contractors::domain::sighting::SecondLook;
use inactive_contractors::domain::snapshot::CandidateSnapshot;
use inactive_contractors::domain::sweep::{Trigger, slot_key};
use inactive_contractors::store::{
    AuditQuery, CardStands, Decided, FinishedSweep, NewSweep, OpenError, Receipt, StartedSweep, Store,
    StoreError,
};

pub const POLICY: &str = "contractors";
pub const CHANNEL: &str = "C1";
/// How long a lock may be held on to by a program that another test is starting.
const HELD_MAX: std::time::Duration = std::time::Duration::from_secs(120);

/// A directory with a database in it.
pub struct Bench {
    pub directory: tempfile::TempDir,
    pub path: PathBuf,
}

impl Bench {
    pub fn new() -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bot.db");
        Bench { directory, path }
    }

    /// Opens the file. A test that is just starting a program holds on to the lock of a file that this one has closed,
    /// until the program runs.
    pub fn open(&self) -> Store {
        let begun = Instant::now();
        loop {
            match Store::open(&self.path, at(0)) {
                Err(OpenError::Held { .. }) if begun.elapsed() < HELD_MAX => std::thread::yield_now(),
                opened => return opened.unwrap(),
            }
        }
    }

    /// The file as any other program sees it.
    pub fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(&self.path).unwrap()
    }
}

/// So many minutes after nine.
pub fn at(minutes: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 5, 9, 0, 0).unwrap() + Duration::minutes(minutes)
}

pub fn person(name: &str) -> Person {
    Person {
        id: format!("U{name}"),
        name: name.to_owned(),
        email: Some(format!("{name}@example.com")),
        person_id: None,
    }
}

pub fn rule() -> Rule {
    Rule {
        provider: ProviderName::default(),
        user_type: UserType::Profile("Contractor".to_owned()),
        inactive_after: Duration::days(30).into(),
        new_account_grace: Duration::days(7).into(),
        restored_grace: Duration::days(7).into(),
        check_sign_in_log: false,
        exempt_logins: vec!["ceo@*".to_owned()],
        exempt_groups: Vec::new(),
        exempt_attributes: Vec::new(),
        break_glass: Vec::new(),
        calendar: Calendar::default(),
    }
}

pub fn id(name: &str) -> AccountId {
    AccountId(format!("00u{name}"))
}

pub fn shown(name: &str) -> CandidateSnapshot {
    CandidateSnapshot {
        id: id(name),
        login: format!("{name}@contractor.example"),
        name: name.to_owned(),
        email: None,
        manager: None,
        manager_id: None,
        organization: None,
        evidence: Evidence {
            idle: Idle::new(at(0) - Duration::days(41), Signal::SignIn),
            last_sign_in: Some(at(0) - Duration::days(41)),
            second_look: SecondLook::NotAsked,
            inactive_after_s: 30 * 86400,
            looked_at: at(0),
        },
        pending_sweeps: 0,
    }
}

pub fn found(names: &[&str], verdict: Verdict) -> FinishedSweep {
    let candidates = u32::try_from(names.len()).unwrap();
    FinishedSweep {
        counts: Counts { population: 40, candidates, active: 40 - candidates, ..Counts::default() },
        verdict,
        pages: 1,
        channel: CHANNEL.to_owned(),
        list: names.iter().map(|name| shown(name)).collect(),
        approval_timeout: Duration::hours(1),
        approvals_needed: 1,
        unknown: Vec::new(),
        by_email: Vec::new(),
        instead_of: Vec::new(),
        at: at(1),
    }
}

pub fn scheduled(day: i64) -> NewSweep {
    let slot = at(0) + Duration::days(day);
    NewSweep {
        policy: POLICY.into(),
        slot: slot_key(slot),
        trigger: Trigger::Schedule { slot },
        rule: rule(),
        at: at(0),
    }
}

pub async fn start(store: &Store, new: NewSweep) -> SweepId {
    match store.start_sweep(new).await.unwrap() {
        StartedSweep::New(id) => id,
        StartedSweep::Exists(row) => panic!("the slot has sweep {}", row.id),
        StartedSweep::Paused(pause) => panic!("the policy has pause {}", pause.id),
    }
}

/// A sweep of the day's slot that proposes these accounts; its request.
pub async fn asked(store: &Store, day: i64, names: &[&str]) -> RequestId {
    let sweep = start(store, scheduled(day)).await;
    store.finish_sweep(sweep, found(names, Verdict::Ask)).await.unwrap().request.unwrap()
}

/// The same, with its card in the channel since 09:02: the deadline is 10:02.
pub async fn posted(store: &Store, day: i64, names: &[&str]) -> RequestId {
    let request = asked(store, day, names).await;
    store.card_stands(card(request), at(2)).await.unwrap().unwrap();
    request
}

pub fn card(request: RequestId) -> CardStands {
    CardStands {
        key: format!("card:{request}"),
        channel: CHANNEL.to_owned(),
        ts: format!("17000.{request}"),
        rendered: "v0".to_owned(),
        request,
    }
}

/// An approval of all, by somebody who has seen the list.
pub async fn approval(store: &Store, request: RequestId, who: &str, received_at: DateTime<Utc>) -> Input {
    let (row, _) = store.request(request).await.unwrap().unwrap();
    Input { list_hash: Some(row.list_hash), ..input(who, suspend_all(), received_at) }
}

pub fn input(who: &str, verb: Verb, received_at: DateTime<Utc>) -> Input {
    let principal = Principal { person: person(who), approver: true, admin: true, viewer: true };
    Input {
        verb,
        principal,
        received_at,
        list_hash: None,
        reason: None,
        approvals_needed: 1,
        rule: rule(),
        account_owners: AccountOwners::new(),
        paused: None,
    }
}

pub fn suspend_all() -> Verb {
    Verb::Suspend { keep: std::collections::BTreeSet::new(), until: KeptUntil::default() }
}

/// An input from its receipt to its settlement.
pub async fn click(store: &Store, key: &str, request: RequestId, input: Input) -> Decided {
    let (user, received) = (input.principal.person.id.clone(), input.received_at);
    assert_eq!(store.receive(key, Some(request), &user, received).await.unwrap(), Receipt::New);
    store.decide(key, request, input, received).await.unwrap()
}

pub async fn approved(store: &Store, day: i64, names: &[&str]) -> RequestId {
    let request = posted(store, day, names).await;
    let decided =
        click(store, &format!("k{request}"), request, approval(store, request, "ann", at(10)).await).await;
    assert!(matches!(decided, Decided::Done(_)), "{decided:?}");
    request
}

/// The actions of the audit trail, oldest first.
pub async fn actions(store: &Store) -> Vec<String> {
    let mut events = events(store, AuditQuery::latest(1000)).await;
    events.reverse();
    events.into_iter().map(|event| event.action).collect()
}

pub async fn events(store: &Store, query: AuditQuery) -> Vec<AuditEvent> {
    store.audit(query).await.unwrap()
}

pub fn assert_bad_row<T: std::fmt::Debug>(result: Result<T, StoreError>, table: &str) {
    match result {
        Err(StoreError::BadRow { table: named, .. }) if named == table => {}
        other => panic!("expected a bad row of {table}, got {other:?}"),
    }
}

/// Waits for something that must happen.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(fake::GUARD, what).await.expect("it happens")
}
