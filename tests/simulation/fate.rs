//! What goes wrong, and when: the faults of the two outside systems, and the moment at which the process dies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use inactive_contractors::clock::Clock;
use tokio::sync::Notify;

/// The time that the bot believes in, and by how much that is wrong.
struct Time {
    /// Of the process that runs.
    clock: Option<Clock>,
    /// As last read: nothing else moves while no process runs.
    shown: DateTime<Utc>,
    /// The bot's clock minus the world's, which only goes forward.
    skew: TimeDelta,
}

impl Time {
    fn shown(&mut self) -> DateTime<Utc> {
        if let Some(clock) = self.clock.as_ref().filter(|_| tokio::runtime::Handle::try_current().is_ok()) {
            self.shown = clock.now();
        }
        self.shown
    }
}

/// How likely calls go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Nothing does.
    Still,
    Fair,
    Rough,
    /// Nearly nothing gets through.
    Storm,
    /// The credential is refused.
    LockedOut,
}

impl Weather {
    /// Of a hundred calls that read, and of a hundred that change something.
    fn percents(self) -> (u8, u8) {
        match self {
            Weather::Still => (0, 0),
            Weather::Fair => (2, 20),
            Weather::Rough => (20, 50),
            Weather::Storm => (80, 90),
            Weather::LockedOut => (100, 100),
        }
    }
}

/// Shared by the models, the writer and anyone who plays the world.
#[derive(Clone)]
pub struct Fate(Arc<Mutex<Inner>>);

struct Inner {
    rng: fastrand::Rng,
    calls_together: usize,
    time: Time,
    /// The process dies at this many places of a kind from now.
    dies_in: Option<(u32, &'static str)>,
    dead: bool,
    died: Arc<Notify>,
    /// Anyone who comes to this place waits there.
    held: Option<&'static str>,
    let_go: Arc<Notify>,
    okta: Weather,
    slack: Weather,
    counted: BTreeMap<&'static str, u64>,
    trace: Vec<String>,
    wrong: Vec<String>,
}

impl Fate {
    pub fn new(seed: u64, now: DateTime<Utc>) -> Fate {
        let inner = Inner {
            rng: fastrand::Rng::with_seed(seed),
            calls_together: if seed % 2 == 1 { 8 } else { 1 },
            time: Time { clock: None, shown: now, skew: TimeDelta::zero() },
            dies_in: None,
            dead: false,
            died: Arc::default(),
            held: None,
            let_go: Arc::default(),
            okta: Weather::Fair,
            slack: Weather::Fair,
            counted: BTreeMap::new(),
            trace: Vec::new(),
            wrong: Vec::new(),
        };
        Fate(Arc::new(Mutex::new(inner)))
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// As many calls of the store as may be carried out with one commit: in every other run one by one, so that the process
    /// dies between any two.
    pub fn calls_together(&self) -> usize {
        self.with(|inner| inner.calls_together)
    }

    /// A number below `end`.
    pub fn below(&self, end: usize) -> usize {
        self.with(|inner| inner.rng.usize(..end.max(1)))
    }

    /// Whether something of this likelihood out of a hundred happens.
    pub fn chance(&self, percent: u8) -> bool {
        self.with(|inner| inner.rng.u8(..100) < percent)
    }

    /// Which fault a call that reads from Okta meets, by its place in the caller's list.
    pub fn in_okta(&self, kinds: usize) -> Option<usize> {
        let (percent, _) = self.with(|inner| inner.okta).percents();
        self.chance(percent).then(|| self.below(kinds))
    }

    /// The same of one that changes something.
    pub fn changing_okta(&self, kinds: usize) -> Option<usize> {
        let (_, percent) = self.with(|inner| inner.okta).percents();
        self.chance(percent).then(|| self.below(kinds))
    }

    /// Which fault a call that reads from Slack meets.
    pub fn in_slack(&self, kinds: usize) -> Option<usize> {
        let (percent, _) = self.with(|inner| inner.slack).percents();
        self.chance(percent).then(|| self.below(kinds))
    }

    /// The same of one that changes something.
    pub fn changing_slack(&self, kinds: usize) -> Option<usize> {
        let (_, percent) = self.with(|inner| inner.slack).percents();
        self.chance(percent / 2).then(|| self.below(kinds))
    }

    pub fn okta_locked_out(&self) -> bool {
        self.with(|inner| inner.okta == Weather::LockedOut)
    }

    pub fn slack_locked_out(&self) -> bool {
        self.with(|inner| inner.slack == Weather::LockedOut)
    }

    pub fn set_weather(&self, okta: Weather, slack: Weather) {
        self.with(|inner| (inner.okta, inner.slack) = (okta, slack));
    }

    /// How long a call takes: nothing, most of the time.
    pub async fn latency(&self) {
        let still = self.with(|inner| inner.okta == Weather::Still);
        let ms = match self.below(if still { 8 } else { 12 }) {
            0 => 5 + self.below(400),
            8 => 500 + self.below(3_000),
            9 if self.chance(30) => 5_000 + self.below(35_000),
            _ => 0,
        };
        if ms == 0 {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(Duration::from_millis(ms as u64)).await;
        }
    }

    /// A place where the process may die. If it does, nothing after it ever happens.
    pub async fn place(&self, what: &str) {
        let dies = self.with(|inner| {
            if let Some((places, kind)) = &mut inner.dies_in
                && what.contains(*kind)
            {
                *places = places.saturating_sub(1);
                inner.dead |= *places == 0;
            }
            inner.dead
        });
        if dies {
            if self.with(|inner| inner.dies_in.take().is_some()) {
                self.trace(&format!("dies: {what}"));
            }
            self.with(|inner| inner.died.notify_one());
            std::future::pending::<()>().await;
        }
        while self.with(|inner| inner.held.is_some_and(|held| held == what)) {
            let let_go = self.with(|inner| Arc::clone(&inner.let_go));
            let_go.notified().await;
        }
    }

    /// The process dies at so many places of this kind from now.
    pub fn die_in(&self, places: u32, kind: &'static str) {
        self.with(|inner| inner.dies_in = Some((places, kind)));
    }

    /// Anyone who comes to this place waits there until nobody is held any more.
    pub fn hold(&self, place: Option<&'static str>) {
        self.with(|inner| {
            inner.held = place;
            inner.let_go.notify_waiters();
        });
    }

    /// The process lives on.
    pub fn live_on(&self) {
        self.with(|inner| inner.dies_in = None);
    }

    /// Resolves when the process has died.
    pub async fn died(&self) {
        let died = self.with(|inner| Arc::clone(&inner.died));
        died.notified().await;
    }

    /// A new process begins.
    pub fn reborn(&self, clock: Clock) {
        self.with(|inner| {
            (inner.dies_in, inner.dead, inner.died) = (None, false, Arc::default());
            inner.time.clock = Some(clock);
        });
    }

    /// No process runs any more.
    pub fn gone(&self) {
        self.with(|inner| inner.time.clock = None);
    }

    /// Time goes by while the bot does nothing.
    pub fn advance(&self, by: TimeDelta) {
        let clock = self.with(|inner| {
            inner.time.shown += by;
            inner.time.clock.clone()
        });
        if let Some(clock) = clock {
            clock.advance(by);
        }
    }

    /// The bot's clock is off by so much from now on.
    pub fn set_skew(&self, skew: TimeDelta) {
        let by = skew - self.with(|inner| std::mem::replace(&mut inner.time.skew, skew));
        self.advance(by);
    }

    /// The time in the world.
    pub fn now(&self) -> DateTime<Utc> {
        self.with(|inner| inner.time.shown() - inner.time.skew)
    }

    /// The time that the bot believes in.
    pub fn bot_now(&self) -> DateTime<Utc> {
        self.with(|inner| inner.time.shown())
    }

    pub fn count(&self, what: &'static str) {
        self.with(|inner| *inner.counted.entry(what).or_default() += 1);
    }

    /// Notes what happened, for anyone who has to find out about a failure, and to compare a replay.
    pub fn trace(&self, what: &str) {
        let at = self.bot_now().format("%m-%d %H:%M:%S%.3f");
        self.with(|inner| inner.trace.push(format!("{at}  {what}")));
    }

    /// Something that must never happen did.
    pub fn wrong(&self, what: String) {
        self.trace(&format!("WRONG: {what}"));
        self.with(|inner| inner.wrong.push(what));
    }

    pub fn is_wrong(&self) -> bool {
        self.with(|inner| !inner.wrong.is_empty())
    }

    /// What was counted, noted and wrong.
    pub fn told(&self) -> (BTreeMap<&'static str, u64>, Vec<String>, Vec<String>) {
        self.with(|inner| (inner.counted.clone(), inner.trace.clone(), inner.wrong.clone()))
    }
}
