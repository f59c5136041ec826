//! The wiring: from a validated configuration to a running bot. The binary and the sandbox both start it here, so
//! what people try is what they install.

mod providers;
mod timeouts;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::chat::ChatError;
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::domain::audit::{Action, Draft};
use crate::domain::schedule;
use crate::engine::Engine;
use crate::forward::Collector;
use crate::identity::IdentityError;
use crate::identity::providers::Adapters;
use crate::messenger::Messenger;
use crate::monitoring::{AtWork, Supervisor, Watch};
use crate::scheduler::Class;
use crate::services::{Parts, Services};
use crate::store::{AuditContext, Store};
use crate::sweep::surveys::Surveys;
use crate::wording::days_off;

use providers::{CONCURRENCY, same_provider};
pub use providers::{Configured, adapters, okta_scopes, providers};
pub use timeouts::Timeouts;

/// So long a provider may take to say whether it takes a new credential.
const PROVIDER_PATIENCE: Duration = Duration::from_secs(20);

/// The cryptography that TLS uses. Called first, because otherwise it depends on who builds a TLS configuration first.
pub fn install_crypto() {
    // A second call finds one installed, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// What was read each time somebody wanted the configuration read again.
pub type Reloads = mpsc::Receiver<Result<Config, ConfigError>>;

/// Runs the bot until `stop`. Returns early with what can't heal by itself: a bad token, a file that somebody else
/// holds, a database that is gone.
pub async fn run(
    config: Config,
    clock: Clock,
    reloads: Reloads,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    run_patiently(config, Timeouts::default(), clock, reloads, stop).await
}

/// As [`run`], with other waits for the outside systems.
pub async fn run_patiently(
    config: Config,
    patience: Timeouts,
    clock: Clock,
    reloads: Reloads,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    install_crypto();
    warn(&config, &clock);
    let store = Store::open(&config.database, clock.now())?;
    let result = Box::pin(watched(config, patience, clock, reloads, &stop, store.clone())).await;
    let closed = store.close().await.context("can't close the database");
    // Why it ended comes before what that made of the end.
    result.and(closed)
}

fn warn(config: &Config, clock: &Clock) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    for policy in &config.policies {
        if let Some(text) = days_off::list_ends(policy, clock.now()) {
            tracing::warn!(policy = &*policy.name, "{}", text.to_plain());
        }
    }
}

/// Does the job, by one configuration after the other, and lets people watch.
async fn watched(
    config: Config,
    patience: Timeouts,
    clock: Clock,
    mut reloads: Reloads,
    stop: &CancellationToken,
    store: Store,
) -> anyhow::Result<()> {
    let configured = providers(&config, &patience, &clock);
    let terms = configured.iter().map(|one| (one.name.clone(), one.terms)).collect();
    let watch = Arc::new(Watch::new(store.clone(), terms, clock.clone()).await?);
    let watching = CancellationToken::new();
    watch.serve(&config.database, config.monitoring.http, &watching).await?;
    tokio::spawn(Supervisor::feed(Arc::clone(&watch), stop.clone()));
    let job = Runner { patience, clock, store, watch, surveys: Arc::default() };
    let result = Box::pin(job.go_on(config, &mut reloads, stop)).await;
    job.surveys.end_all().await;
    watching.cancel();
    job.watch.ended().await;
    result
}

/// What the job is done with.
struct Runner {
    patience: Timeouts,
    clock: Clock,
    store: Store,
    watch: Arc<Watch>,
    /// What one configuration hands to the next.
    surveys: Arc<Surveys>,
}

/// A configuration that works: the chat system took its secrets.
struct Ready {
    config: Config,
    messenger: Messenger,
    providers: Adapters,
    /// How the audit trail names it.
    how: Action,
}

impl Runner {
    /// Does the job until `stop`.
    async fn go_on(
        &self,
        config: Config,
        reloads: &mut Reloads,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let mut ready = self.connect(config, reloads, stop).await?;
        while let Some(by) = ready {
            ready = Box::pin(self.work(by, reloads, stop)).await?;
        }
        Ok(())
    }

    fn adapters(&self, config: &Config) -> anyhow::Result<Adapters> {
        adapters(config, &self.patience, &self.clock)
    }

    /// Does the job until `stop`, or until there is another configuration to do it by.
    async fn work(
        &self,
        ready: Ready,
        reloads: &mut Reloads,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<Ready>> {
        let engine = Arc::new(Engine::new(self.parts(&ready), Arc::clone(&self.surveys)));
        let Ready { config, messenger, providers, how } = ready;
        engine.note_opening().await?;
        announce(&engine.s, how).await?;
        let at_work = AtWork { engine: Arc::clone(&engine), messenger: messenger.clone() };
        self.watch.set_at_work(Some(at_work));
        Supervisor::ready();
        // The work goes on while the socket is down; either of the two ending ends the other.
        let both = stop.child_token();
        let _end = both.clone().drop_guard();
        // For another configuration the work ends first: what people decide meanwhile is taken in to the end.
        let working = both.child_token();
        let socket = async {
            let result = messenger.run(Arc::new(engine.inbox()), both.clone()).await;
            both.cancel();
            result.with_context(|| format!("{} ended the connection for good", Messenger::name(&config)))
        };
        let work = async {
            let result = Arc::clone(&engine).run(working.clone()).await;
            if result.is_ok() {
                tokio::select! {
                    () = engine.needs_no_inputs() => {}
                    () = both.cancelled() => {}
                }
            }
            both.cancel();
            result
        };
        let next = async {
            let next = self.next((&config, &providers), reloads, &both).await;
            working.cancel();
            next
        };
        let (socket, work, (), next, ()) =
            tokio::join!(socket, work, self.forward(&config, &both), next, self.watch.watch_providers(&both));
        self.watch.set_at_work(None);
        work?;
        match (socket, &next) {
            // An admin who revokes the old token once the new one was tried has done nothing wrong.
            (Err(error), Some(_)) => {
                tracing::warn!(error = format!("{error:#}"), "the old connection has ended");
            }
            (result, _) => result?,
        }
        // Nothing may be done by the old configuration beside the new one; some handling of a click may still be.
        ended(&engine, stop).await;
        if let Some(next) = &next
            && !keeps_connections((&config, &providers), next)
        {
            // What was read through another connection, or with other rights, is no basis for the new one.
            self.surveys.end_all().await;
        }
        Ok(next.filter(|_| !stop.is_cancelled()))
    }

    fn parts(&self, ready: &Ready) -> Parts {
        let Ready { config, messenger, providers, .. } = ready;
        Parts {
            store: self.store.clone(),
            chat: messenger.chat(),
            providers: providers.clone(),
            clock: self.clock.clone(),
            policies: config.policies.clone(),
            concurrency: config.okta.as_ref().map_or(CONCURRENCY, |okta| okta.concurrency) as usize,
            connection: messenger.connection(),
        }
    }

    /// Forwards the audit trail until `stop`. Its own end is no reason to end the work: what a collector lacks it gets after
    /// the next start.
    async fn forward(&self, config: &Config, stop: &CancellationToken) {
        let fed = crate::forward::run(self.store.clone(), collectors(config), stop.clone()).await;
        if let Err(error) = fed {
            tracing::error!(
                error = format!("{error:#}"),
                "the audit trail is not forwarded until the next start"
            );
        }
    }

    /// The next configuration that works. One that doesn't changes nothing: people are notified why, and the old one
    /// stays.
    async fn next(
        &self,
        old: (&Config, &Adapters),
        reloads: &mut Reloads,
        stop: &CancellationToken,
    ) -> Option<Ready> {
        loop {
            let read = tokio::select! {
                () = stop.cancelled() => return None,
                Some(read) = reloads.recv() => read,
            };
            Supervisor::reloading();
            let ready = tokio::select! {
                () = stop.cancelled() => return None,
                ready = self.prepare(old, read) => ready,
            };
            match ready {
                Ok(ready) => {
                    tracing::info!("the configuration was read again and is in use");
                    self.watch.reloaded(None);
                    return Some(ready);
                }
                Err(error) => self.refuse(&error),
            }
        }
    }

    fn refuse(&self, error: &anyhow::Error) {
        let why = format!("{error:#}");
        tracing::error!(error = why, "the new configuration can't be used; the old one stands");
        self.watch.reloaded(Some(why));
        Supervisor::ready();
    }

    /// Tries all that would otherwise end the bot, or leave it without what it needs, once it goes by this.
    async fn prepare(
        &self,
        (old, providers): (&Config, &Adapters),
        read: Result<Config, ConfigError>,
    ) -> anyhow::Result<Ready> {
        let config = may_become(old, read)?;
        // The same connection goes on: it knows what is left of the rate limits, and counts what is under way.
        let mut adapters = self.adapters(&config)?;
        for (name, adapter) in &mut adapters {
            match providers.get(name) {
                Some(same) if same_provider(name, old, &config) => *adapter = Arc::clone(same),
                Some(_) | None => {}
            }
        }
        if let Some(error) = denied(&adapters).await {
            return Err(error);
        }
        let messenger = self.messenger(&config).await.context(Messenger::name(&config))?;
        let tried = if Messenger::same_secrets(old, &config) {
            messenger.may_receive().await
        } else {
            messenger.try_receiving().await
        };
        tried.context("Slack, with the app-level token")?;
        self.store.health().await.context("the database can't be written at the moment")?;
        warn(&config, &self.clock);
        warn_of_everybody(&messenger, &config).await;
        Ok(Ready { config, messenger, providers: adapters, how: Action::ConfigurationReloaded })
    }

    /// The configuration to try from now on, as far as is known while the chat system can't be reached.
    fn replace(&self, old: &Config, read: Result<Config, ConfigError>) -> anyhow::Result<(Config, Adapters)> {
        Supervisor::reloading();
        let config = may_become(old, read)?;
        let adapters = self.adapters(&config)?;
        warn(&config, &self.clock);
        self.watch.reloaded(None);
        Supervisor::ready();
        Ok((config, adapters))
    }

    async fn messenger(&self, config: &Config) -> Result<Messenger, ChatError> {
        Messenger::connect(config, self.patience.slack.clone(), self.clock.clone()).await
    }

    /// Whether the chat system lets us in; for what was `reloaded`, with the app-level token too, as in [`Self::prepare`].
    async fn first_contact(&self, config: &Config, reloaded: bool) -> Result<Messenger, ChatError> {
        let messenger = self.messenger(config).await?;
        if reloaded {
            messenger.try_receiving().await?;
        }
        Ok(messenger)
    }

    /// The first contact with the chat system. A wrong token ends the start; a system that is down is waited for, or another
    /// configuration. `None`: stopped while waiting.
    async fn connect(
        &self,
        mut config: Config,
        reloads: &mut Reloads,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<Ready>> {
        let mut providers = self.adapters(&config)?;
        let mut before = Vec::new();
        loop {
            let name = Messenger::name(&config);
            let connected = tokio::select! {
                () = stop.cancelled() => return Ok(None),
                connected = self.first_contact(&config, !before.is_empty()) => connected,
            };
            let pause = match connected {
                Ok(messenger) => {
                    let denied = if before.is_empty() { None } else { denied(&providers).await };
                    let (Some(error), Some(old)) = (denied, before.pop()) else {
                        warn_of_everybody(&messenger, &config).await;
                        return Ok(Some(Ready { config, messenger, providers, how: Action::BotStarted }));
                    };
                    self.refuse(&error);
                    (config, providers) = old;
                    self.patience.connect_pause
                }
                Err(ChatError::RateLimited(asked)) => {
                    tracing::warn!(asked_s = asked.as_secs(), "{name} asks to wait; trying again then");
                    asked.max(self.patience.connect_pause)
                }
                Err(error @ (ChatError::Unavailable(_) | ChatError::Ambiguous(_))) => {
                    tracing::warn!(%error, "{name} can't be reached yet; trying again");
                    self.patience.connect_pause
                }
                Err(
                    error @ (ChatError::Denied(_)
                    | ChatError::NotFound(_)
                    | ChatError::Channel(_)
                    | ChatError::Content(_)),
                ) => {
                    let error = anyhow::Error::new(error).context(format!(
                        "can't start with {name}; `inactive-contractors check` looks at each right"
                    ));
                    // One that was read meanwhile ends nothing: the one before it stands.
                    let Some(old) = before.pop() else { return Err(error) };
                    self.refuse(&error);
                    (config, providers) = old;
                    self.patience.connect_pause
                }
            };
            // The person who started it does not wait for that.
            Supervisor::ready();
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(pause) => {}
                Some(read) = reloads.recv() => match self.replace(&config, read) {
                    Ok((other, its_providers)) => {
                        let old = std::mem::replace(&mut config, other);
                        before.push((old, std::mem::replace(&mut providers, its_providers)));
                    }
                    Err(error) => self.refuse(&error),
                },
            }
        }
    }
}

/// Why a provider refuses the credential. That one is down for a moment is nobody's mistake.
async fn denied(providers: &Adapters) -> Option<anyhow::Error> {
    let asked = providers.values().map(async |provider| {
        match tokio::time::timeout(PROVIDER_PATIENCE, Class::Action.run(provider.reach())).await {
            Ok(Err(error @ IdentityError::Denied(_))) => {
                Some(anyhow::Error::new(error).context(provider.terms().name))
            }
            Ok(_) | Err(_) => None,
        }
    });
    join_all(asked).await.into_iter().flatten().next()
}

/// The configuration that was read, unless it can't take the place of the old one.
fn may_become(old: &Config, read: Result<Config, ConfigError>) -> anyhow::Result<Config> {
    let config = read?;
    if let Some(fixed) = old.cannot_become(&config) {
        anyhow::bail!("{fixed} can't change while the bot runs: restart it");
    }
    Ok(config)
}

/// Returns whether all systems are asked as before: then the surveys under way are as good for the next configuration.
fn keeps_connections((config, providers): (&Config, &Adapters), next: &Ready) -> bool {
    let same = |name, adapter| next.providers.get(name).is_some_and(|other| Arc::ptr_eq(adapter, other));
    providers.len() == next.providers.len()
        && providers.iter().all(|(name, adapter)| same(name, adapter))
        && Messenger::same_connection(config, &next.config)
}

/// Waits until nothing of the workflow is at work any more, or until `stop`.
async fn ended(engine: &Engine, stop: &CancellationToken) {
    tokio::select! {
        () = engine.ended() => {}
        () = stop.cancelled() => {}
    }
    if let Err(error) = engine.authz.sum_tries_up(true).await {
        tracing::error!(%error, "can't record how often somebody without the right has tried");
    }
}

/// Where events go: the collectors, and the heartbeat.
fn collectors(config: &Config) -> Vec<Collector> {
    let heartbeat = config.monitoring.heartbeat.clone();
    let heartbeat = heartbeat.map(|url| Collector::heartbeat(url, config.network.clone()));
    config.forward.iter().cloned().chain(heartbeat).collect()
}

async fn warn_of_everybody(messenger: &Messenger, config: &Config) {
    for warning in messenger.everybody_approves(&config.policies).await {
        tracing::warn!("{warning}");
    }
}

/// One line of start-up truth, in the log and in the audit trail.
async fn announce(s: &Services, how: Action) -> anyhow::Result<()> {
    let now = s.clock.now();
    let version = env!("CARGO_PKG_VERSION");
    let policies: Vec<serde_json::Value> = s
        .policies
        .iter()
        .map(|policy| {
            let next = schedule::next_slot(&policy.schedule, now);
            json!({ "policy": policy.name, "rule": policy.rule.fingerprint(), "next_sweep": next })
        })
        .collect();
    let listed = serde_json::Value::from(policies.clone());
    tracing::info!(version, policies = %listed, event = how.word(), "inactive-contractors is at work");
    let event = Draft::by_bot(
        now,
        how,
        json!({
            "version": version, "policies": policies, "database": s.store.lineage().database,
        }),
    );
    s.store.append(AuditContext::default(), event).await?;
    Ok(())
}
