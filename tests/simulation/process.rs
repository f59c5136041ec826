//! One life of the bot: the real workflow on the real database file, in a runtime whose time is simulated. Dropping it
//! is the death of the process: nothing that it was doing goes on, and nothing is cleaned up.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use inactive_contractors::chat::{Ack, Connection, Handler, Inbound, Prepared, Response};
use inactive_contractors::clock::Clock;
use inactive_contractors::domain::policy::Policy;
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::engine::Engine;
use inactive_contractors::identity::IdentityProvider;
use inactive_contractors::services::Parts;
use inactive_contractors::store::{Store, Writer};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fate::Fate;
use crate::okta::Okta;
use crate::slack::Slack;

/// How many accounts the bot works on at once.
const CONCURRENCY: usize = 3;

/// An input that was acknowledged.
pub struct Acked {
    pub inbound: Inbound,
    pub ack: Ack,
}

pub struct Process {
    engine: Arc<Engine>,
    slack: Slack,
    fate: Fate,
    acked: Arc<Mutex<Vec<Acked>>>,
    stop: CancellationToken,
    work: JoinHandle<anyhow::Result<()>>,
    _connection: watch::Sender<Connection>,
    /// Last, so that nothing else of the process is left when it goes.
    runtime: Runtime,
}

impl Process {
    pub fn start(path: &Path, policies: Vec<Policy>, okta: &Okta, slack: &Slack, fate: &Fate) -> Process {
        let mut builder = Builder::new_current_thread();
        // After each step of a task it is seen whether the process has died.
        let runtime = builder.enable_time().start_paused(true).event_interval(1).build().expect("a runtime");
        let (store, clock) = {
            let _in_its_time = runtime.enter();
            let clock = Clock::starting_at(fate.bot_now());
            fate.reborn(clock.clone());
            let (store, writer) =
                Store::open_with_writer(path, clock.now()).expect("nobody else holds the file");
            runtime.spawn(write(writer, fate.clone()));
            (store, clock)
        };
        let (sender, connection) = watch::channel(Connection::Connected);
        let okta: Arc<dyn IdentityProvider> = Arc::new(okta.clone());
        let (chat, providers) = (Arc::new(slack.clone()), [(ProviderName::default(), okta)].into());
        let parts = Parts { store, chat, providers, clock, policies, concurrency: CONCURRENCY, connection };
        let engine = Arc::new(Engine::new(parts, Arc::default()));
        let stop = CancellationToken::new();
        let work = runtime.spawn(Arc::clone(&engine).run(stop.clone()));
        let (slack, fate, acked) = (slack.clone(), fate.clone(), Arc::default());
        Process { engine, slack, fate, acked, stop, work, _connection: sender, runtime }
    }

    /// A frame arrives.
    pub fn receive(&self, inbound: Inbound) {
        let (inbox, acked, slack) = (self.engine.inbox(), Arc::clone(&self.acked), self.slack.clone());
        self.runtime.spawn(async move {
            let (ack, later) = match inbox.handle(inbound.clone()).await {
                Ack::Later(later) => (Ack::Done, Some(later)),
                ack => (ack, None),
            };
            let answered = Acked { inbound: inbound.clone(), ack };
            acked.lock().unwrap_or_else(PoisonError::into_inner).push(answered);
            if let Some(later) = later {
                let Prepared { response, otherwise, until_shown } = later.prepared().await;
                if slack.show(&inbound, response).await.is_err() {
                    let _ = slack.show(&inbound, Response::Reply(otherwise)).await;
                }
                drop(until_shown);
            }
        });
    }

    /// What was acknowledged since somebody last asked.
    pub fn acked(&self) -> Vec<Acked> {
        std::mem::take(&mut *self.acked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The bot works for so long. `false`: it died.
    pub fn works_for(&self, time: Duration) -> bool {
        self.runtime.block_on(async {
            let alive = tokio::select! {
                biased;
                () = self.fate.died() => false,
                () = tokio::time::sleep(time) => true,
            };
            if alive && self.work.is_finished() {
                self.fate.wrong("the bot gave up".to_owned());
            }
            self.fate.bot_now();
            alive
        })
    }

    /// Looks at everything once more.
    pub fn nudge(&self) {
        self.engine.nudge();
    }

    /// Ends as a supervisor ends it. `false`: it died on the way.
    pub fn stop(self) -> bool {
        self.stop.cancel();
        let Process { engine, fate, work, runtime, .. } = self;
        runtime.block_on(async move {
            let end = async {
                let result = work.await;
                if !matches!(result, Ok(Ok(()))) {
                    fate.wrong(format!("the bot ended badly: {result:?}"));
                }
                engine.store().close().await.expect("the writer is there");
            };
            let alive = tokio::select! {
                biased;
                () = fate.died() => false,
                () = end => true,
            };
            fate.bot_now();
            alive
        })
    }
}

/// The writer of the database, as a task among the others: a place to die at before and after each of its commits.
async fn write(mut writer: Writer, fate: Fate) {
    loop {
        let jobs = writer.next(fate.calls_together()).await;
        if jobs.is_empty() {
            break;
        }
        fate.place("before a call of the store").await;
        writer.execute_round(jobs);
        fate.place("after a call of the store").await;
    }
    writer.end();
}
