//! The only reader of the wall clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Duration, Utc};
use tokio::sync::watch;
use tokio::time::Instant;

/// The time. Clones share an offset, zero in the binary, which the sandbox and the tests move to play days in seconds.
#[derive(Clone)]
pub struct Clock {
    /// A moment and what it is called; the machine's wall clock says so otherwise.
    began: Option<(Instant, DateTime<Utc>)>,
    offset_ms: Arc<AtomicI64>,
    moved: watch::Sender<()>,
}

impl Clock {
    /// The machine's wall clock.
    pub fn system() -> Clock {
        Clock { began: None, offset_ms: Arc::default(), moved: watch::channel(()).0 }
    }

    /// A clock that shows `at` now and goes on with the runtime's own timers: where those are simulated, so is it.
    pub fn starting_at(at: DateTime<Utc>) -> Clock {
        Clock { began: Some((Instant::now(), at)), ..Clock::system() }
    }

    /// Now.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    pub fn now(&self) -> DateTime<Utc> {
        let now = match self.began {
            Some((began, at)) => at + began.elapsed(),
            None => Utc::now(),
        };
        now + Duration::milliseconds(self.offset_ms.load(Ordering::SeqCst))
    }

    /// Moves this clock and all its clones forward.
    pub fn advance(&self, by: Duration) {
        self.offset_ms.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
        self.moved.send_replace(());
    }

    /// Changes whenever the clock is moved: a task that waits for a time looks again.
    pub fn moved(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    /// Sleeps until the clock shows `until`, however it gets there, but never for longer than it seems now: a clock that is
    /// put back meanwhile makes nobody wait.
    pub async fn sleep_until(&self, until: DateTime<Utc>) {
        let mut moved = self.moved();
        let mut passed =
            std::pin::pin!(tokio::time::sleep((until - self.now()).to_std().unwrap_or_default()));
        while self.now() < until {
            tokio::select! {
                () = &mut passed => return,
                _ = moved.changed() => {}
            }
        }
    }
}
