//! A fake org, the adapter that talks to it, and their common time.

use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::clock::Clock;
use inactive_contractors::domain::account::{Account, AccountId, UserType};
use inactive_contractors::domain::calendar::Calendar;
use inactive_contractors::domain::policy::Rule;
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::identity::okta::{Credential, Okta, Settings};
use inactive_contractors::identity::{Directory, IdentityError};

use crate::fake::clock::FakeClock;
use crate::fake::gate::Gate;
use crate::fake::okta::{FakeOkta, Person};

pub struct World {
    pub fake: FakeOkta,
    pub okta: Okta,
    pub clock: Clock,
    fake_clock: FakeClock,
}

/// An org with an API token that the adapter uses.
pub async fn world() -> World {
    world_with(|fake| Credential::ApiToken(fake.api_token().to_owned().into())).await
}

pub async fn world_with(credential: impl FnOnce(&FakeOkta) -> Credential) -> World {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (clock, fake_clock) = (Clock::system(), FakeClock::default());
    let fake = FakeOkta::start(Gate::default(), fake_clock.clone()).await;
    let okta = Okta::new(settings(fake.url(), credential(&fake)), clock.clone()).unwrap();
    World { fake, okta, clock, fake_clock }
}

/// One whose adapter soon gives up an answer that doesn't come.
pub async fn hasty_world() -> World {
    let mut world = world().await;
    let credential = Credential::ApiToken(world.fake.api_token().to_owned().into());
    let settings =
        Settings { request_timeout: StdDuration::from_secs(1), ..settings(world.fake.url(), credential) };
    world.okta = Okta::new(settings, world.clock.clone()).unwrap();
    world
}

/// A listing, and how many pages it had.
pub async fn list(okta: &Okta, rule: &Rule) -> Result<(Vec<Account>, u32), IdentityError> {
    let mut accounts = Vec::new();
    let pages = okta.list(rule, &mut |account| accounts.push(account)).await?;
    Ok((accounts, pages))
}

pub fn settings(url: &str, credential: Credential) -> Settings {
    Settings {
        request_timeout: fake::GUARD,
        retry_pause: StdDuration::from_millis(1),
        ..Settings::new(url.parse().unwrap(), credential)
    }
}

impl World {
    pub fn add(&self, login: &str) -> AccountId {
        AccountId(self.fake.add(Person::contractor(login)))
    }

    pub fn week_ago(&self) -> DateTime<Utc> {
        self.clock.now() - Duration::days(7)
    }

    pub fn advance(&self, by: Duration) {
        self.fake_clock.advance(by);
        self.clock.advance(by);
    }

    /// Lets time run much faster until `future` is done; says how much of it went by.
    pub async fn hurry<T>(&self, future: impl Future<Output = T>) -> (T, Duration) {
        let started = self.clock.now();
        let mut tick = tokio::time::interval(StdDuration::from_millis(5));
        tokio::pin!(future);
        loop {
            tokio::select! {
                result = &mut future => return (result, self.clock.now() - started),
                _ = tick.tick() => self.advance(Duration::seconds(1)),
            }
            assert!(self.clock.now() - started < Duration::hours(1), "waited an hour without success");
        }
    }

    /// The calls that arrived, as `METHOD path`.
    pub fn calls(&self) -> Vec<String> {
        self.fake.calls().iter().map(|call| format!("{} {}", call.method, call.path)).collect()
    }
}

pub fn rule() -> Rule {
    Rule {
        provider: ProviderName::default(),
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
