//! An engine on a database of its own, with nobody behind its ports: for the tests beside the code.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::chat::{
    AnswerTime, Card, Chat, ChatError, ChatTerms, ChatUser, Connection, FileRef, Home, Mark, Marked,
    MessageRef, ReplyTo, Room, ShareIn, Upload,
};
use crate::clock::Clock;
use crate::domain::account::{Account, AccountId, UserType};
use crate::domain::assess::{Evidence, Idle, Signal};
use crate::domain::audit::Person;
use crate::domain::calendar::Calendar;
use crate::domain::ids::{RequestId, SweepId};
use crate::domain::keep::KeptUntil;
use crate::domain::person::Principal;
use crate::domain::plan::{Counts, Verdict};
use crate::domain::policy::{Policy, Rule};
use crate::domain::provider::ProviderName;
use crate::domain::request::{Input, Verb};
use crate::domain::settings::{Limits, People, Schedule};
use crate::domain::sighting::SecondLook;
use crate::domain::snapshot::CandidateSnapshot;
use crate::domain::sweep::Trigger;
use crate::engine::Engine;
use crate::identity::{
    ActivityLog, Directory, FreshLook, IdentityError, IdentityProvider, Lifecycle, LogRead, Looks, Monitored,
    Probe, Protected, Reference, StatusChange, TakeAccount, Terms, Traffic,
};
use crate::services::work::Work;
use crate::services::{Parts, card_key};
use crate::store::{CardStands, Decided, FinishedSweep, NewSweep, StartedSweep, Store};

/// Nobody may be asked anything, and anyone who asks panics. Only a sweep may begin: it is not answered.
struct Nobody;

#[async_trait]
impl Chat for Nobody {
    fn terms(&self) -> &ChatTerms {
        static TERMS: LazyLock<ChatTerms> = LazyLock::new(|| ChatTerms {
            name: "Chat",
            command: "/bot".to_owned(),
            address_right: "addresses",
        });
        &TERMS
    }
    fn room(&self) -> Room {
        Room {
            card_rows: 25,
            dialog_rows: 30,
            paragraphs: 30,
            page_chars: 10_500,
            message_chars: 11_000,
            paragraph_chars: 3000,
            row_chars: 310,
            token_chars: 30,
            escaped_chars: 5,
        }
    }
    fn answer_time(&self) -> AnswerTime {
        AnswerTime(std::time::Duration::from_secs(3))
    }
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
    async fn send_ephemeral(&self, _: &ReplyTo, _: &Card) -> Result<(), ChatError> {
        panic!("a whisper")
    }
    async fn revise(&self, _: &ReplyTo, _: &Card) -> Result<(), ChatError> {
        panic!("a revision")
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
impl Directory for Nobody {
    async fn list(&self, _: &Rule, _: &mut TakeAccount<'_>) -> Result<u32, IdentityError> {
        panic!("a listing")
    }
    async fn protected(&self, _: &Rule) -> Result<Protected, IdentityError> {
        Err(IdentityError::Transient("nobody is there".to_owned()))
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
    async fn find(&self, _: &str, _: &Rule) -> Result<Vec<Account>, IdentityError> {
        panic!("a search")
    }
    fn console_link(&self, _: &AccountId) -> Option<String> {
        panic!("a link")
    }
}

#[async_trait]
impl ActivityLog for Nobody {
    async fn second_look(&self, _: &Looks) -> LogRead {
        panic!("a second look")
    }
    async fn last_change(
        &self,
        _: &AccountId,
        _: DateTime<Utc>,
    ) -> Result<Option<StatusChange>, IdentityError> {
        panic!("a change")
    }
    fn log_kept(&self) -> Duration {
        Duration::zero()
    }
    fn evidence_lag(&self) -> Duration {
        Duration::zero()
    }
    fn dates_status_changes(&self) -> bool {
        true
    }
}

#[async_trait]
impl Lifecycle for Nobody {
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
}

#[async_trait]
impl Monitored for Nobody {
    async fn reach(&self) -> Result<(), IdentityError> {
        panic!("a call")
    }
    fn clock_ahead(&self) -> Option<Duration> {
        panic!("a clock")
    }
    fn traffic(&self) -> Traffic {
        panic!("traffic")
    }
    async fn probe(&self, _: &[&Rule]) -> Vec<Probe> {
        panic!("probes")
    }
}

impl IdentityProvider for Nobody {
    fn terms(&self) -> Terms {
        Terms::OF_NONE
    }
}

pub(crate) fn policy() -> Policy {
    let week = Duration::days(7);
    Policy {
        name: "p".into(),
        rule: Rule {
            provider: ProviderName::default(),
            user_type: UserType::Profile("Contractor".to_owned()),
            inactive_after: week.into(),
            new_account_grace: week.into(),
            restored_grace: week.into(),
            check_sign_in_log: false,
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
        account_owners: crate::domain::policy::AccountOwners::new(),
        approvals_needed: 1,
        silence: crate::domain::settings::Reminders::default(),
        approval_timeout: week,
        execute_within: week,
        catch_up: week,
        limits: Limits { max_candidates: 9, max_share: 1.0, min_population_share: 0.0, surge_factor: 0.0 },
        preview_first: false,
        announce_no_candidates: true,
        clear_sessions: false,
        exemption_max: Duration::days(90),
        exemption_notice: Duration::days(3),
        restore_button_for: Duration::days(7),
        drift_watch: Some(Duration::days(30)),
        ask: crate::domain::template::Outreach::default(),
        digest: None,
    }
}

/// An account that was idle for 41 days then.
pub(crate) fn shown(now: DateTime<Utc>) -> CandidateSnapshot {
    CandidateSnapshot {
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

pub(crate) fn engine(
    store: Store,
    clock: Clock,
    policies: Vec<Policy>,
    connection: watch::Receiver<Connection>,
) -> Engine {
    let nobody: Arc<dyn IdentityProvider> = Arc::new(Nobody);
    let (chat, providers) = (Arc::new(Nobody), [(ProviderName::default(), nobody)].into());
    let parts = Parts { store, chat, providers, clock, policies, concurrency: 1, connection };
    Engine::new(parts, Arc::default())
}

pub(crate) struct Bench {
    pub(crate) engine: Arc<Engine>,
    pub(crate) stop: CancellationToken,
    _directory: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench::of(vec![policy()])
    }

    pub(crate) fn of(policies: Vec<Policy>) -> Bench {
        Bench::by(Clock::system(), policies)
    }

    pub(crate) fn by(clock: Clock, policies: Vec<Policy>) -> Bench {
        Bench::connected(clock, policies, watch::channel(Connection::Closed).1)
    }

    pub(crate) fn connected(
        clock: Clock,
        policies: Vec<Policy>,
        connection: watch::Receiver<Connection>,
    ) -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("bot.db"), clock.now()).unwrap();
        let engine = engine(store, clock, policies, connection);
        Bench { engine: Arc::new(engine), stop: CancellationToken::new(), _directory: directory }
    }

    pub(crate) async fn sweep(&self, slot: &str) -> SweepId {
        self.sweep_by(slot, Trigger::Schedule { slot: self.engine.s.clock.now() }).await
    }

    /// A request of the first policy about these accounts, whose card stands.
    pub(crate) async fn asking(&self, list: Vec<CandidateSnapshot>) -> RequestId {
        let (engine, now) = (&self.engine, self.engine.s.clock.now());
        let sweep = self.sweep("slot").await;
        let population = u32::try_from(list.len()).unwrap();
        let end = FinishedSweep {
            counts: Counts { population, candidates: population, ..Counts::default() },
            verdict: Verdict::Ask,
            pages: 1,
            channel: "C0OPS".to_owned(),
            list,
            approval_timeout: engine.s.policies[0].approval_timeout,
            approvals_needed: 1,
            unknown: Vec::new(),
            by_email: Vec::new(),
            instead_of: Vec::new(),
            at: now,
        };
        let request = engine.s.store.finish_sweep(sweep, end).await.unwrap().request.expect("it asks");
        let card = CardStands {
            key: card_key(request),
            channel: "C0OPS".to_owned(),
            ts: "1.2".to_owned(),
            rendered: String::new(),
            request,
        };
        engine.s.store.card_stands(card, now).await.unwrap();
        request
    }

    pub(crate) async fn sweep_by(&self, slot: &str, trigger: Trigger) -> SweepId {
        let policy = &self.engine.s.policies[0];
        let sweep = NewSweep {
            policy: policy.name.clone(),
            slot: slot.to_owned(),
            trigger,
            rule: policy.rule.clone(),
            at: self.engine.s.clock.now(),
        };
        let StartedSweep::New(id) = self.engine.s.store.start_sweep(sweep).await.unwrap() else {
            panic!("there")
        };
        id
    }

    /// A request about one account, whose card stands.
    pub(crate) async fn asked(&self) -> RequestId {
        self.asking(vec![shown(self.engine.s.clock.now())]).await
    }

    /// The same, approved.
    pub(crate) async fn approved(&self) -> RequestId {
        let (store, policy, now) =
            (&self.engine.s.store, &self.engine.s.policies[0], self.engine.s.clock.now());
        let id = self.asked().await;
        let request = store.request_alone(id).await.unwrap().expect("it is there");
        let email = Some("boss@corp.example".to_owned());
        let person = Person { id: "U1".to_owned(), name: "Boss".to_owned(), email, person_id: None };
        store.receive("click", Some(id), &person.id, now).await.unwrap();
        let input = Input {
            verb: Verb::Suspend { keep: [].into(), until: KeptUntil::default() },
            principal: Principal { person, approver: true, admin: false, viewer: true },
            received_at: now,
            list_hash: Some(request.list_hash),
            reason: None,
            approvals_needed: 1,
            rule: policy.rule.clone(),
            account_owners: policy.account_owners.clone(),
            paused: None,
        };
        let decided = store.decide("click", id, input, now).await.unwrap();
        assert!(matches!(decided, Decided::Done(_)), "{decided:?}");
        id
    }

    pub(crate) fn wake_of(&self, work: &Work) -> Option<DateTime<Utc>> {
        self.engine.s.rows.alarm_of(work)
    }
}
