//! How the running bot is watched from outside: a Unix socket beside the database for `status`, an optional address on
//! this machine for `/healthz` and Prometheus, and systemd's notifications.
//!
//! Requests are answered from the moment the database is open, also while Slack can't be reached yet. Nothing here
//! changes anything, and the bot does its job whether or not it can be watched.

mod metrics;
mod public;
mod serve;
mod supervisor;
mod tally;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::Engine;

pub use metrics::NAMES;
pub use supervisor::Supervisor;

use crate::chat::slack;
use crate::clock::Clock;
use crate::domain::provider::ProviderName;
use crate::engine::health::BotHealth;
use crate::identity::{Monitored as _, Terms};
use crate::messenger::Messenger;
use crate::scheduler::Class;
use crate::services::lock;
use crate::store::Store;
use tally::Tally;

/// A provider is asked whether it can be reached if it has not answered for so long. A sweep asks once a day, and a token
/// that was revoked in between is to be noticed before it.
const SILENT_MAX: Duration = Duration::from_secs(10 * 60);
/// How often that is looked at, and how soon a provider is asked again after it did not answer well.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What does the job now: another after each reload.
#[derive(Clone)]
pub struct AtWork {
    /// The workflow.
    pub engine: Arc<Engine>,
    /// Its chat system.
    pub messenger: Messenger,
}

/// What came of the last reload of the configuration.
#[derive(Clone, Debug, Serialize)]
pub struct Reload {
    pub at: DateTime<Utc>,
    /// Why the old configuration stands, if it does.
    pub refused: Option<String>,
}

/// Knows what is at work, for monitoring.
pub struct Watch {
    clock: Clock,
    started: DateTime<Utc>,
    providers: Vec<(ProviderName, Terms)>,
    store: Store,
    at_work: Mutex<Option<AtWork>>,
    reload: Mutex<Option<Reload>>,
    tally: tokio::sync::Mutex<Tally>,
    tasks: TaskTracker,
}

/// The answer to `status --json`.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The program's version.
    pub version: &'static str,
    /// The process.
    pub pid: u32,
    pub started_at: DateTime<Utc>,
    /// What came of the last reload.
    pub reload: Option<Reload>,
    /// How it does.
    #[serde(flatten)]
    pub health: BotHealth,
}

/// The Unix socket of the bot that works with this database.
pub fn socket_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".sock");
    path.into()
}

impl Watch {
    /// Watches a bot that works with this database and is to work with these providers.
    pub async fn new(
        store: Store,
        providers: Vec<(ProviderName, Terms)>,
        clock: Clock,
    ) -> anyhow::Result<Watch> {
        let tally = Tally::from_now(&store).await?;
        Ok(Watch {
            started: clock.now(),
            clock,
            providers,
            store,
            at_work: Mutex::new(None),
            reload: Mutex::new(None),
            tally: tokio::sync::Mutex::new(tally),
            tasks: TaskTracker::new(),
        })
    }

    /// This does the job from now on, or nothing does.
    pub fn set_at_work(&self, at_work: Option<AtWork>) {
        *lock(&self.at_work) = at_work;
    }

    /// Keeps what came of a reload.
    pub fn reloaded(&self, refused: Option<String>) {
        *lock(&self.reload) = Some(Reload { at: self.clock.now(), refused });
    }

    fn at_work(&self) -> Option<AtWork> {
        lock(&self.at_work).clone()
    }

    /// How the bot does.
    pub async fn status(&self) -> Status {
        let health = match self.at_work() {
            Some(at_work) => at_work.engine.health().await,
            None => BotHealth::of_a_start(&self.store, slack::NAME, &self.providers, self.clock.now()).await,
        };
        let reload = lock(&self.reload).clone();
        let version = crate::VERSION;
        Status { version, pid: std::process::id(), started_at: self.started, reload, health }
    }

    /// The metrics as Prometheus reads them.
    async fn metrics(&self) -> anyhow::Result<String> {
        let health = self.status().await.health;
        let mut tally = self.tally.lock().await;
        tally.catch_up(&self.store).await?;
        let traffic = self.at_work().map(|AtWork { engine, messenger }| {
            let providers = engine.s.providers.all();
            (messenger.traffic(), providers.map(|(name, one)| (name.clone(), one.traffic())).collect())
        });
        let (chat, providers) = traffic.unwrap_or_default();
        metrics::text(&health, &tally, chat, &providers).context("the metrics can't be written out")
    }

    /// Returns once nobody is answered any more, after `stop`: the socket is gone before the database is let go.
    pub async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Asks each provider whether it can be reached, whenever it has not answered for long.
    pub async fn watch_providers(&self, stop: &CancellationToken) {
        let silent = chrono::Duration::from_std(SILENT_MAX).unwrap_or_default();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let Some(AtWork { engine, .. }) = self.at_work() else { continue };
            let silent = engine.s.providers.all().filter(|(_, one)| one.is_silent(silent));
            tokio::select! {
                () = stop.cancelled() => return,
                // What they answer is noted.
                _ = Class::FreshLook.run(join_all(silent.map(|(_, one)| one.reach()))) => {}
            }
        }
    }
}
