//! The real bot in a runtime of its own, so that it can be ended in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use inactive_contractors::bot::{self, Timeouts};
use inactive_contractors::clock::Clock;
use inactive_contractors::config::Config;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Nobody has the configuration read again.
fn no_reloads() -> bot::Reloads {
    tokio::sync::mpsc::channel(1).1
}

/// A running bot.
pub struct BotTask {
    runtime: Option<Runtime>,
    stop: CancellationToken,
    ended: Arc<AtomicBool>,
    end: Option<tokio::sync::oneshot::Receiver<anyhow::Result<()>>>,
}

impl BotTask {
    /// Starts the bot.
    pub fn start(config: Config, patience: Timeouts, clock: Clock) -> BotTask {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime for the bot");
        let (stop, ended) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        let (tell, end) = tokio::sync::oneshot::channel();
        runtime.spawn({
            let (stop, ended) = (stop.clone(), Arc::clone(&ended));
            async move {
                let result = bot::run_patiently(config, patience, clock, no_reloads(), stop).await;
                if let Err(error) = &result {
                    eprintln!("the bot ended: {error:#}");
                }
                ended.store(true, Ordering::SeqCst);
                let _ = tell.send(result);
            }
        });
        BotTask { runtime: Some(runtime), stop, ended, end: Some(end) }
    }

    /// Whether it has not ended by itself.
    pub fn runs(&self) -> bool {
        !self.ended.load(Ordering::SeqCst)
    }

    /// Ends it as SIGTERM does, and waits.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(end) = self.end.take() {
            let _ = end.await;
        }
        self.kill().await;
    }

    /// Waits until it ends by itself, and says how.
    pub async fn ended(mut self) -> anyhow::Result<()> {
        let end = self.end.take().expect("it is waited for once");
        let result = end.await.expect("the bot says how it ended");
        self.kill().await;
        result
    }

    /// Ends it wherever it is. Returns when nothing of it runs any more.
    pub async fn kill(mut self) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        let gone =
            tokio::task::spawn_blocking(move || runtime.shutdown_timeout(std::time::Duration::from_secs(5)));
        gone.await.expect("ending a runtime doesn't panic");
    }
}

impl Drop for BotTask {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
