//! A fake tenant, the adapter that talks to it, and their common time.

use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::clock::Clock;
use inactive_contractors::domain::account::{Account, AccountId, UserType};
use inactive_contractors::domain::calendar::Calendar;
use inactive_contractors::domain::policy::Rule;
use inactive_contractors::identity::entra::{Cloud, Credential, Entra, Settings};
use inactive_contractors::identity::{Directory, IdentityError};

use crate::fake::clock::FakeClock;
use crate::fake::entra::{FakeEntra, Person};
use crate::fake::gate::Gate;

pub struct World {
    pub fake: FakeEntra,
    pub entra: Entra,
    pub clock: Clock,
    fake_clock: FakeClock,
}

/// A tenant with an app that the adapter signs in as, by its secret. Somebody there has signed in.
pub async fn world() -> World {
    world_with(|fake| Credential::Secret(fake.client_secret().into())).await
}

/// One whose adapter keeps Microsoft's limits, and which has them.
pub async fn limited_world() -> World {
    let mut world = world().await;
    let credential = Credential::Secret(world.fake.client_secret().into());
    let settings = Settings { keeps_limits: true, ..settings(&world.fake, credential) };
    world.entra = Entra::new(settings, world.clock.clone()).unwrap();
    world.fake.set_documented_limits();
    world
}

pub async fn world_with(credential: impl FnOnce(&FakeEntra) -> Credential) -> World {
    let world = empty_world(credential).await;
    world.fake.add(Person::employee("boss@corp.example").name("Bea", "Boss"));
    world
}

/// A tenant with nobody in it.
pub async fn empty_world(credential: impl FnOnce(&FakeEntra) -> Credential) -> World {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (clock, fake_clock) = (Clock::system(), FakeClock::default());
    let fake = FakeEntra::start(Gate::default(), fake_clock.clone()).await;
    let entra = Entra::new(settings(&fake, credential(&fake)), clock.clone()).unwrap();
    World { fake, entra, clock, fake_clock }
}

pub fn settings(fake: &FakeEntra, credential: Credential) -> Settings {
    Settings {
        cloud: Cloud::At(fake.url().parse().unwrap()),
        keeps_limits: false,
        request_timeout: fake::GUARD,
        retry_pause: StdDuration::from_millis(1),
        ..Settings::new(fake.tenant_id(), FakeEntra::CLIENT_ID.to_owned(), credential)
    }
}

impl World {
    /// Adds a contractor who signed in a day ago.
    pub fn add(&self, login: &str) -> AccountId {
        AccountId(self.fake.add(Person::contractor(login)))
    }

    pub fn add_person(&self, person: Person) -> AccountId {
        AccountId(self.fake.add(person))
    }

    /// Another adapter for the same tenant, which knows nothing yet.
    pub fn begin_again(&mut self) {
        let credential = Credential::Secret(self.fake.client_secret().into());
        self.entra = Entra::new(settings(&self.fake, credential), self.clock.clone()).unwrap();
    }

    /// One that soon gives up an answer that doesn't come.
    pub fn make_hasty(&mut self) {
        let credential = Credential::Secret(self.fake.client_secret().into());
        let settings =
            Settings { request_timeout: StdDuration::from_secs(1), ..settings(&self.fake, credential) };
        self.entra = Entra::new(settings, self.clock.clone()).unwrap();
    }

    pub async fn list(&self, rule: &Rule) -> Result<(Vec<Account>, u32), IdentityError> {
        let mut accounts = Vec::new();
        let pages = self.entra.list(rule, &mut |account| accounts.push(account)).await?;
        Ok((accounts, pages))
    }

    pub async fn logins(&self, rule: &Rule) -> Vec<String> {
        let (accounts, _) = self.list(rule).await.unwrap();
        let mut logins: Vec<String> = accounts.into_iter().map(|account| account.login).collect();
        logins.sort();
        logins
    }

    pub fn week_ago(&self) -> DateTime<Utc> {
        self.clock.now() - Duration::days(7)
    }

    pub fn advance(&self, by: Duration) {
        self.fake_clock.advance(by);
        self.clock.advance(by);
    }

    /// Lets time run faster until `future` is done; says how much of it went by.
    pub async fn hurry<T>(&self, future: impl Future<Output = T>) -> (T, Duration) {
        let started = self.clock.now();
        let mut tick = tokio::time::interval(StdDuration::from_millis(5));
        tokio::pin!(future);
        loop {
            tokio::select! {
                biased;
                result = &mut future => return (result, self.clock.now() - started),
                _ = tick.tick() => self.advance(Duration::milliseconds(250)),
            }
            assert!(self.clock.now() - started < Duration::hours(1), "waited an hour without success");
        }
    }

    /// The calls to Graph that arrived, as `METHOD path`.
    pub fn calls(&self) -> Vec<String> {
        let calls = self.fake.calls().into_iter().filter(|call| call.path.starts_with("/v1.0"));
        calls.map(|call| format!("{} {}", call.method, call.path)).collect()
    }

    /// How many tokens were asked for.
    pub fn token_calls(&self) -> usize {
        self.fake.calls().iter().filter(|call| call.path.ends_with("/token")).count()
    }
}

pub fn rule() -> Rule {
    Rule {
        provider: "entra".into(),
        user_type: UserType::Profile("contractor".into()),
        inactive_after: Duration::days(7).into(),
        new_account_grace: Duration::days(14).into(),
        restored_grace: Duration::days(7).into(),
        check_sign_in_log: true,
        exempt_logins: Vec::new(),
        exempt_groups: Vec::new(),
        exempt_attributes: Vec::new(),
        break_glass: Vec::new(),
        calendar: Calendar::default(),
    }
}

pub fn guests() -> Rule {
    Rule { user_type: UserType::Guest, ..rule() }
}

/// What a refusal says, if it is one of access.
pub fn denied<T: std::fmt::Debug>(result: Result<T, IdentityError>) -> String {
    match result {
        Err(IdentityError::Denied(why)) => why,
        other => panic!("not denied: {other:?}"),
    }
}
