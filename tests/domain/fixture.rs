//! Small builders: one ordinary contractor, one ordinary rule, one ordinary request; a test changes what it is about.

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::account::{Account, AccountId, AccountStatus, Reading, UserType};
use inactive_contractors::domain::assess::{Evidence, Idle, Signal};
use inactive_contractors::domain::attempt::{Attempt, Confirmation};
use inactive_contractors::domain::audit::Person;
use inactive_contractors::domain::calendar::Calendar;
use inactive_contractors::domain::candidate::{Candidate, CandidateState, Skip};
use inactive_contractors::domain::ids::{RequestId, SweepId};
use inactive_contractors::domain::plan::Guard;
use inactive_contractors::domain::policy::{ExemptAttribute, Policy, Rule};
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::domain::request::{Decision, Request, RequestState, list_hash};
use inactive_contractors::domain::settings::{Limits, People, Schedule};
use inactive_contractors::domain::sighting::SecondLook;
use inactive_contractors::domain::snapshot::CandidateSnapshot;

/// The moment at which the tests happen.
pub fn now() -> DateTime<Utc> {
    time("2026-11-23T09:00:00Z")
}

pub fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("the test states a time").to_utc()
}

pub fn days(count: i64) -> Duration {
    Duration::days(count)
}

pub fn ago(count: i64) -> Reading {
    Reading::At(now() - days(count))
}

/// A contractor created and activated 300 days ago who last signed in 100 days ago.
pub fn contractor(name: &str) -> Account {
    Account {
        id: AccountId(format!("00u{name}")),
        login: format!("{name}@contractors.example"),
        name: format!("{name} Example"),
        email: Some(format!("{name}@mail.example")),
        status: AccountStatus::Active,
        in_transition: false,
        user_type: Some("contractor".into()),
        user_type_id: Some("oty1".into()),
        created: ago(300),
        activated: ago(300),
        status_changed: ago(300),
        last_sign_in: ago(100),
        manager: None,
        manager_id: None,
        source: None,
        organization: None,
        attributes: [("team".to_owned(), "Blue".to_owned())].into(),
    }
}

/// Idle for 7 days; new accounts have 14 days, restored ones 10; no second look; nobody exempt.
pub fn rule() -> Rule {
    Rule {
        provider: ProviderName::default(),
        user_type: UserType::Profile("contractor".into()),
        inactive_after: days(7).into(),
        new_account_grace: days(14).into(),
        restored_grace: days(10).into(),
        check_sign_in_log: false,
        exempt_logins: Vec::new(),
        exempt_groups: Vec::new(),
        exempt_attributes: Vec::new(),
        break_glass: Vec::new(),
        calendar: Calendar::default(),
    }
}

pub fn attribute(name: &str, value: &str) -> ExemptAttribute {
    ExemptAttribute { name: name.into(), value: value.into() }
}

pub fn policy() -> Policy {
    Policy {
        name: "contractors".into(),
        rule: rule(),
        schedule: Schedule { cron: "0 9 * * *".into(), zone: chrono_tz::Europe::Berlin, days_off: None },
        channel: "C1".into(),
        approvers: People::default(),
        admins: People::default(),
        viewers: People::default(),
        approval_timeout: Duration::hours(24),
        execute_within: Duration::hours(48),
        catch_up: Duration::hours(6),
        limits: Limits { max_candidates: 50, max_share: 0.25, min_population_share: 0.5, surge_factor: 3.0 },
        preview_first: true,
        announce_no_candidates: true,
        clear_sessions: false,
        exemption_max: Duration::days(90),
        exemption_notice: Duration::days(3),
        restore_button_for: Duration::days(7),
        drift_watch: Some(Duration::days(30)),
        account_owners: inactive_contractors::domain::policy::AccountOwners::new(),
        approvals_needed: 1,
        silence: inactive_contractors::domain::settings::Reminders::default(),
        ask: inactive_contractors::domain::template::Outreach::default(),
        digest: None,
    }
}

pub fn evidence(idle_days: i64) -> Evidence {
    Evidence {
        idle: Idle::new(now() - days(idle_days), Signal::SignIn),
        last_sign_in: Some(now() - days(idle_days)),
        second_look: SecondLook::NotAsked,
        inactive_after_s: days(7).num_seconds(),
        looked_at: now(),
    }
}

pub fn person(id: &str) -> Person {
    Person { id: id.into(), name: id.into(), email: Some(format!("{id}@firm.example")), person_id: None }
}

pub fn candidate(position: u32, state: CandidateState) -> Candidate {
    let account = contractor(&format!("c{position}"));
    let shown = CandidateSnapshot {
        id: account.id,
        login: account.login,
        name: account.name,
        email: account.email,
        manager: None,
        manager_id: None,
        organization: None,
        evidence: evidence(100),
        pending_sweeps: 0,
    };
    Candidate { position, shown, state }
}

/// Three accounts that wait for the decision.
pub fn proposed() -> Vec<Candidate> {
    (0..3).map(|position| candidate(position, CandidateState::Proposed)).collect()
}

pub fn due(attempts: u32) -> CandidateState {
    CandidateState::Due(Attempt { attempts, ..Attempt::default() })
}

/// One candidate state of each kind.
pub fn every_candidate_state() -> Vec<CandidateState> {
    let states = vec![
        CandidateState::Previewed,
        CandidateState::Proposed,
        CandidateState::Kept { by: person("ann"), until: None },
        CandidateState::Dropped,
        due(0),
        CandidateState::suspended(now(), Confirmation::ByCall),
        CandidateState::Skipped { at: now(), why: Skip::Gone, error: None },
        CandidateState::Failed { at: now(), error: "E".into(), attempts: 5, status_changed: None },
    ];
    let mut words: Vec<_> = states.iter().map(CandidateState::word).collect();
    words.dedup();
    assert_eq!(words.len(), states.len(), "one of each");
    states
}

/// A pending request for three accounts, made and posted at [`now`]: to be answered by the same time tomorrow.
pub fn request(state: RequestState) -> Request {
    Request {
        id: RequestId(7),
        sweep: SweepId(3),
        policy: "contractors".into(),
        rule: rule(),
        channel: "C1".into(),
        list_hash: list_hash(proposed().iter().map(|one| &one.shown.id)),
        swept_by: None,
        created_at: now(),
        approval_timeout: Duration::hours(24),
        deadline: Some(now() + Duration::hours(24)),
        release: None,
        approvals_needed: 1,
        asked_again: None,
        state,
        version: 1,
    }
}

pub fn pending() -> Request {
    request(RequestState::Pending { first: None })
}

pub fn held() -> RequestState {
    RequestState::Held { guard: Guard::TooMany { candidates: 51, max: 50 } }
}

/// One request state of each kind; the decided ones were decided by `ann`.
pub fn every_request_state() -> Vec<RequestState> {
    let decision = Decision { by: person("ann"), at: now(), reason: None };
    let states = vec![
        RequestState::Preview,
        held(),
        RequestState::Pending { first: None },
        RequestState::Approved { decision: decision.clone(), first: None, retry: None },
        RequestState::Completed {
            decision: decision.clone(),
            at: now(),
            first: None,
            retry: None,
            retry_first: None,
        },
        RequestState::Denied { decision: decision.clone() },
        RequestState::Expired { at: now() },
        RequestState::Withdrawn { decision: decision.clone() },
        RequestState::WentLive { decision },
        RequestState::Outdated { at: now() },
    ];
    let mut words: Vec<_> = states.iter().map(RequestState::word).collect();
    words.dedup();
    assert_eq!(words.len(), states.len(), "one of each");
    states
}
