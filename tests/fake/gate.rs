//! A gate that every call to a fake passes, so that a test can stop the world at the n-th outside call, before
//! or after it takes effect, kill the bot there, and let the next process go on.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;

/// Whether a stopped call has already taken effect in the fake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The call arrived and changed nothing.
    Before,
    /// The call took effect; its response never leaves.
    After,
}

/// Which call a test wants held, counted from 1.
enum Which {
    Any(usize),
    Labelled(String, usize),
}

#[derive(Default)]
struct State {
    calls: Vec<String>,
    stop_at: Option<(Which, Moment)>,
}

impl State {
    /// Whether the last call is the one to hold, and when.
    fn stop(&self, label: &str) -> Option<Moment> {
        let (which, moment) = self.stop_at.as_ref()?;
        let is_it = match which {
            Which::Any(number) => self.calls.len() == *number,
            Which::Labelled(wanted, number) => {
                wanted == label && self.calls.iter().filter(|call| *call == label).count() == *number
            }
        };
        is_it.then_some(*moment)
    }
}

/// Shared by all fakes of one world; clones are the same gate.
#[derive(Clone)]
pub struct Gate {
    state: Arc<Mutex<State>>,
    stopped: watch::Sender<bool>,
    released: watch::Sender<()>,
}

impl Default for Gate {
    fn default() -> Self {
        Gate { state: Arc::default(), stopped: watch::channel(false).0, released: watch::channel(()).0 }
    }
}

impl Gate {
    /// Runs `effect` as one call named `label`; holds it when the test asked to stop here, until it is released.
    pub async fn pass<T>(&self, label: &str, effect: impl Future<Output = T>) -> T {
        let stop = {
            let mut state = self.state.lock().expect("no test panics while holding the gate");
            state.calls.push(label.to_owned());
            state.stop(label)
        };
        if stop == Some(Moment::Before) {
            self.hold().await;
        }
        let result = effect.await;
        if stop == Some(Moment::After) {
            self.hold().await;
        }
        result
    }

    async fn hold(&self) {
        let mut released = self.released.subscribe();
        self.stopped.send_replace(true);
        // The gate lives as long as this.
        let _ = released.changed().await;
    }

    /// Holds the `number`-th call from now on (1 is the next one).
    pub fn stop_at(&self, number: usize, moment: Moment) {
        self.arm(Which::Any(number), moment);
    }

    /// Holds the `number`-th call with this label from now on: stable where tasks call side by side.
    pub fn stop_at_label(&self, label: &str, number: usize, moment: Moment) {
        self.arm(Which::Labelled(label.to_owned(), number), moment);
    }

    /// Forgets the calls so far and stops nothing: `calls` are those from now on.
    pub fn count(&self) {
        self.open();
        self.state.lock().expect("no test panics while holding the gate").calls.clear();
    }

    fn arm(&self, which: Which, moment: Moment) {
        let mut state = self.state.lock().expect("no test panics while holding the gate");
        state.calls.clear();
        state.stop_at = Some((which, moment));
        self.stopped.send_replace(false);
    }

    /// Stops nothing any more; calls that are already held stay held (their client is to be killed).
    pub fn open(&self) {
        self.state.lock().expect("no test panics while holding the gate").stop_at = None;
        self.stopped.send_replace(false);
    }

    /// Stops nothing any more, and lets the calls that are held go on.
    pub fn release(&self) {
        self.open();
        self.released.send_replace(());
    }

    /// Returns once a call is held.
    pub async fn stopped(&self) {
        let mut stopped = self.stopped.subscribe();
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }

    /// The labels of all calls since the last `stop_at`, in order of arrival.
    pub fn calls(&self) -> Vec<String> {
        self.state.lock().expect("no test panics while holding the gate").calls.clone()
    }
}
