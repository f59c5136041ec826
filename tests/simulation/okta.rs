//! A model of an Okta org behind the port: accounts that sign in and change their status, an index that lags, a log,
//! and faults before and after a call takes effect.
//!
//! Okta is a system of somebody else's, so this is a fake like those of `tests/fake`, only without HTTP. It records
//! each call that changes something together with what the database said at that moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::account::{
    Account, AccountId, AccountStatus, Changer, Reading, StatusChange,
};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::policy::Rule;
use inactive_contractors::domain::sighting::{SecondLook, Sighting};
use inactive_contractors::identity::okta::TERMS;
use inactive_contractors::identity::{
    ActivityLog, Directory, FreshLook, IdentityError, IdentityProvider, Lifecycle, LogRead, Looks, Monitored,
    Probe, Protected, Reference, TakeAccount, Terms, Traffic,
};

use crate::fate::Fate;

type Answer<T> = Result<T, IdentityError>;

/// The log goes back so far.
const LOG_KEPT: Duration = Duration::days(90);

/// How long the search index is behind at most.
const INDEX_LAG_S: usize = 90;

/// One person's account.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub login: String,
    pub user_type: &'static str,
    pub status: AccountStatus,
    pub created: DateTime<Utc>,
    pub status_changed: DateTime<Utc>,
    pub last_sign_in: Option<DateTime<Utc>>,
    /// Sign-ins that only the log knows of.
    pub log: Vec<DateTime<Utc>>,
    pub changes: Vec<StatusChange>,
    pub gone: bool,
    pub admin: bool,
    /// What the search index says, and since when it is out of date.
    indexed: Option<(Box<Person>, DateTime<Utc>)>,
}

impl Person {
    pub fn new(number: usize, login: &str, user_type: &'static str, now: DateTime<Utc>) -> Person {
        Person {
            id: format!("00u{number:017}"),
            login: login.to_owned(),
            user_type,
            status: AccountStatus::Active,
            created: now - Duration::days(400),
            status_changed: now - Duration::days(399),
            last_sign_in: None,
            log: Vec::new(),
            changes: Vec::new(),
            gone: false,
            admin: false,
            indexed: None,
        }
    }

    /// The last sign of life that anybody can know of.
    pub fn alive_at(&self, with_log: bool) -> DateTime<Utc> {
        let log = self.log.iter().copied().filter(|_| with_log);
        [self.created, self.status_changed]
            .into_iter()
            .chain(self.last_sign_in)
            .chain(log)
            .max()
            .expect("two")
    }

    fn account(&self) -> Account {
        Account {
            id: AccountId(self.id.clone()),
            login: self.login.clone(),
            name: self.login.split('@').next().unwrap_or_default().to_owned(),
            email: Some(self.login.clone()),
            status: self.status.clone(),
            in_transition: false,
            user_type: Some(self.user_type.to_owned()),
            user_type_id: None,
            created: Reading::At(self.created),
            activated: Reading::At(self.created),
            status_changed: Reading::At(self.status_changed),
            last_sign_in: self.last_sign_in.map_or(Reading::Never, Reading::At),
            manager: None,
            manager_id: None,
            organization: None,
            source: None,
            attributes: BTreeMap::new(),
        }
    }
}

/// What the bot was told of an account right before it acts on it.
#[derive(Clone, Debug)]
pub struct Look {
    pub person: Person,
    pub at: DateTime<Utc>,
    /// By the bot's clock.
    pub noticed_at: DateTime<Utc>,
    pub with_log: bool,
}

/// What the model has done on the bot's word.
#[derive(Clone, Debug)]
pub struct Effect {
    pub account: String,
    pub request: Option<RequestId>,
}

/// Judges a call at the moment at which it is made: the request that it stands on.
pub type Judge = dyn Fn(&str, Option<&Look>) -> Option<RequestId> + Send + Sync;

#[derive(Default)]
struct Org {
    people: Vec<Person>,
    looks: BTreeMap<String, Look>,
    suspended: Vec<Effect>,
    /// Accounts of which a call took effect only after its answer was given up.
    late: Vec<String>,
    /// What is still to take effect.
    on_its_way: Vec<OnItsWay>,
}

type Act = fn(&Okta, &str, Option<RequestId>) -> Answer<()>;

struct OnItsWay {
    at: DateTime<Utc>,
    act: Act,
    account: String,
    request: Option<RequestId>,
}

/// The org. Clones are the same.
#[derive(Clone)]
pub struct Okta {
    org: Arc<Mutex<Org>>,
    pub fate: Fate,
    judge_suspension: Arc<Judge>,
    judge_restoration: Arc<Judge>,
}

enum Fault {
    Before(IdentityError),
    /// It is done, but nobody hears of it.
    After(IdentityError),
    /// It is done some time after nobody waits for it any more.
    Late(IdentityError),
}

impl Okta {
    pub fn new(fate: Fate, judge_suspension: Arc<Judge>, judge_restoration: Arc<Judge>) -> Okta {
        Okta { org: Arc::default(), fate, judge_suspension, judge_restoration }
    }

    /// What was on its way has arrived by now.
    pub fn catch_up(&self) {
        let now = self.fate.now();
        loop {
            let mut org = self.org();
            let Some(place) = org.on_its_way.iter().position(|one| one.at <= now) else { return };
            let OnItsWay { act, account, request, .. } = org.on_its_way.remove(place);
            drop(org);
            // Nobody hears whether it worked.
            let _ = act(self, &account, request);
        }
    }

    fn org(&self) -> MutexGuard<'_, Org> {
        self.org.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add(&self, person: Person) {
        self.org().people.push(person);
    }

    pub fn people(&self) -> Vec<Person> {
        self.org().people.clone()
    }

    pub fn suspensions(&self) -> Vec<Effect> {
        self.org().suspended.clone()
    }

    /// Whether a call about this account may have taken effect unheard of.
    pub fn was_late(&self, account: &str) -> bool {
        self.org().late.iter().any(|late| late == account)
    }

    /// Changes a person, as time goes by in the org; the index learns of it later.
    pub fn change(&self, account: &str, f: impl FnOnce(&mut Person, DateTime<Utc>)) {
        let (now, lag) = (self.fate.now(), self.fate.below(INDEX_LAG_S));
        let mut org = self.org();
        let Some(person) = org.people.iter_mut().find(|person| person.id == account) else { return };
        let before = Person { indexed: None, ..person.clone() };
        if person.indexed.as_ref().is_none_or(|(_, until)| *until <= now) {
            let until = now + Duration::seconds(i64::try_from(lag).expect("a lag is short"));
            person.indexed = Some((Box::new(before), until));
        }
        f(person, now);
    }

    fn find(&self, account: &AccountId) -> Answer<Person> {
        let found = self.org().people.iter().find(|person| person.id == account.0 && !person.gone).cloned();
        found.ok_or_else(|| IdentityError::NotFound("no such account".into()))
    }

    fn passing(&self, kind: usize) -> IdentityError {
        if self.fate.okta_locked_out() {
            self.fate.count("okta denied");
            return IdentityError::Denied("the token is not valid any more".into());
        }
        match kind {
            0 => {
                self.fate.count("okta rate limited");
                let wait = i64::try_from(1 + self.fate.below(60)).expect("a minute");
                IdentityError::RateLimited { until: self.fate.bot_now() + Duration::seconds(wait) }
            }
            1 => {
                self.fate.count("okta malformed");
                IdentityError::Malformed("half a JSON".into())
            }
            2 => {
                self.fate.count("okta denied");
                IdentityError::Denied("a right is missing".into())
            }
            _ => {
                self.fate.count("okta unreachable");
                IdentityError::Transient("502".into())
            }
        }
    }

    async fn read_fault(&self) -> Answer<()> {
        self.fate.latency().await;
        self.catch_up();
        self.fate.in_okta(6).map_or(Ok(()), |kind| Err(self.passing(kind)))
    }

    fn change_fault(&self) -> Option<Fault> {
        let kind = self.fate.changing_okta(9)?;
        if self.fate.okta_locked_out() || kind < 4 {
            return Some(Fault::Before(self.passing(kind)));
        }
        let lost = IdentityError::Transient("the connection was reset".into());
        Some(match kind {
            4..=6 => {
                self.fate.count("okta answer lost after the effect");
                Fault::After(lost)
            }
            7 => {
                self.fate.count("okta effect after the time-out");
                Fault::Late(lost)
            }
            _ => {
                self.fate.count("okta unreadable answer after the effect");
                Fault::After(IdentityError::Malformed("HTML".into()))
            }
        })
    }

    /// Makes one call that changes something.
    async fn call(&self, account: &AccountId, act: Act, request: Option<RequestId>) -> Answer<()> {
        self.fate.place("before a change in Okta").await;
        self.fate.latency().await;
        self.catch_up();
        let answer = match self.change_fault() {
            None => act(self, &account.0, request),
            Some(Fault::Before(error)) => Err(error),
            Some(Fault::After(error)) => act(self, &account.0, request).and(Err(error)),
            Some(Fault::Late(error)) => {
                let wait = i64::try_from(200 + self.fate.below(4_000)).expect("seconds");
                let at = self.fate.now() + Duration::milliseconds(wait);
                let mut org = self.org();
                org.late.push(account.0.clone());
                org.on_its_way.push(OnItsWay { at, act, account: account.0.clone(), request });
                Err(error)
            }
        };
        self.fate.place("after a change in Okta").await;
        answer
    }

    fn do_suspend(&self, account: &str, request: Option<RequestId>) -> Answer<()> {
        let person = self.find(&AccountId(account.to_owned()))?;
        if person.status != AccountStatus::Active {
            return Err(IdentityError::Refused("cannot suspend an account that is not active".into()));
        }
        self.fate.count("suspensions");
        self.fate.trace(&format!("Okta: {} is suspended", person.login));
        self.change(account, |person, now| {
            person.status = AccountStatus::Suspended;
            person.status_changed = now;
            person.changes.push(changed(now, "user.lifecycle.suspend", Changer::Us));
        });
        self.org().suspended.push(Effect { account: account.to_owned(), request });
        Ok(())
    }

    fn do_restore(&self, account: &str, _: Option<RequestId>) -> Answer<()> {
        let person = self.find(&AccountId(account.to_owned()))?;
        if person.status != AccountStatus::Suspended {
            return Err(IdentityError::Refused("not suspended".into()));
        }
        self.fate.count("restorations");
        self.fate.trace(&format!("Okta: {} is restored", person.login));
        self.change(account, |person, now| {
            person.status = AccountStatus::Active;
            person.status_changed = now;
            person.changes.push(changed(now, "user.lifecycle.unsuspend", Changer::Us));
        });
        Ok(())
    }
}

/// A change as the log has it.
pub fn changed(at: DateTime<Utc>, what: &str, by: Changer) -> StatusChange {
    StatusChange { at, what: what.to_owned(), by }
}

#[async_trait]
impl Directory for Okta {
    async fn list(&self, rule: &Rule, take: &mut TakeAccount<'_>) -> Answer<u32> {
        self.read_fault().await?;
        let now = self.fate.now();
        let indexed = |person: &Person| match &person.indexed {
            Some((before, until)) if *until > now => (**before).clone(),
            Some(_) | None => person.clone(),
        };
        let people: Vec<Person> = self.org().people.iter().map(indexed).collect();
        let accounts = people.iter().filter(|person| !person.gone).map(Person::account);
        accounts.filter(|account| account.is_of(&rule.user_type)).for_each(take);
        Ok(1)
    }

    async fn protected(&self, _: &Rule) -> Answer<Protected> {
        self.read_fault().await?;
        let org = self.org();
        let admins =
            org.people.iter().filter(|person| person.admin).map(|person| AccountId(person.id.clone()));
        Ok(Protected { admins: admins.collect(), ..Protected::default() })
    }

    async fn look(
        &self,
        account: &AccountId,
        rule: &Rule,
        since: Option<DateTime<Utc>>,
    ) -> Answer<FreshLook> {
        let since = since.unwrap_or(self.fate.now() - LOG_KEPT);
        self.fate.place("before a look in Okta").await;
        self.read_fault().await?;
        let person = self.find(account)?;
        let seen = if rule.check_sign_in_log { in_log(&person, since) } else { SecondLook::NotAsked };
        let log = person.log;
        self.read_fault().await?;
        // The log was read before: what came into it since is not known.
        let person = Person { log, ..self.find(account)? };
        let (at, noticed_at) = (self.fate.now(), self.fate.bot_now());
        let look = Look { person: person.clone(), at, noticed_at, with_log: rule.check_sign_in_log };
        self.fate.trace(&format!("Okta: {} is looked at", person.login));
        self.org().looks.insert(account.0.clone(), look);
        self.fate.place("after a look in Okta").await;
        Ok(FreshLook {
            account: person.account(),
            admin_role: person.admin,
            own_identity: false,
            exempt_groups: Vec::new(),
            second_look: seen,
        })
    }

    async fn confirm(&self, account: &AccountId, _: &Rule) -> Answer<Account> {
        self.read(account).await
    }

    async fn read(&self, account: &AccountId) -> Answer<Account> {
        self.read_fault().await?;
        Ok(self.find(account)?.account())
    }

    async fn find(&self, who: &str, _: &Rule) -> Answer<Vec<Account>> {
        self.read_fault().await?;
        let org = self.org();
        let found =
            org.people.iter().filter(|person| !person.gone && (person.login == who || person.id == who));
        Ok(found.map(Person::account).collect())
    }

    fn console_link(&self, _: &AccountId) -> Option<String> {
        None
    }
}

#[async_trait]
impl ActivityLog for Okta {
    async fn second_look(&self, asked: &Looks) -> LogRead {
        let mut read = LogRead::default();
        for (account, since) in asked {
            let since = since.unwrap_or(self.fate.now() - LOG_KEPT);
            let person = self.read_fault().await.and_then(|()| self.find(account));
            read.looks.insert(account.clone(), person.map(|person| in_log(&person, since)));
        }
        read
    }

    async fn last_change(&self, account: &AccountId, since: DateTime<Utc>) -> Answer<Option<StatusChange>> {
        self.read_fault().await?;
        Ok(self.find(account)?.changes.into_iter().rfind(|change| change.at >= since))
    }

    fn log_kept(&self) -> Duration {
        LOG_KEPT
    }

    fn evidence_lag(&self) -> Duration {
        Duration::zero()
    }

    fn dates_status_changes(&self) -> bool {
        true
    }
}

#[async_trait]
impl Lifecycle for Okta {
    async fn turn_to_change(&self) -> Answer<()> {
        Ok(())
    }

    async fn suspend(&self, account: &AccountId) -> Answer<Reference> {
        let look = self.org().looks.get(&account.0).cloned();
        let request = (self.judge_suspension)(&account.0, look.as_ref());
        self.call(account, Okta::do_suspend, request).await.map(|()| None)
    }

    async fn restore(&self, account: &AccountId) -> Answer<Reference> {
        (self.judge_restoration)(&account.0, None);
        self.call(account, Okta::do_restore, None).await.map(|()| None)
    }

    async fn clear_sessions(&self, account: &AccountId) -> Answer<Reference> {
        let find = |okta: &Okta, account: &str, _| okta.find(&AccountId(account.to_owned())).map(drop);
        self.call(account, find, None).await.map(|()| None)
    }
}

#[async_trait]
impl Monitored for Okta {
    async fn reach(&self) -> Answer<()> {
        Ok(())
    }

    fn clock_ahead(&self) -> Option<Duration> {
        Some(Duration::zero())
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    async fn probe(&self, _: &[&Rule]) -> Vec<Probe> {
        Vec::new()
    }
}

impl IdentityProvider for Okta {
    fn terms(&self) -> Terms {
        TERMS
    }
}

fn in_log(person: &Person, since: DateTime<Utc>) -> SecondLook {
    match person.log.iter().copied().filter(|at| *at >= since).max() {
        Some(at) => SecondLook::Seen(Sighting { read_since: Some(since), ..Sighting::at(at) }),
        None => SecondLook::Nothing { since },
    }
}
