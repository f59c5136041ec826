//! What every component is given: the store, the chat, the identity provider, the clock and the policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authz::{deciders, ids, tries};
use crate::chat::{Chat, Connection};
use crate::clock::Clock;
use crate::commands::{self, questions};
use crate::domain::plan::Guard;
use crate::domain::policy::Policy;
use crate::engine::health;
use crate::engine::work::{InFlight, Work};
use crate::identity::{IdentityError, IdentityProvider};
use crate::inbox::{rate_limit, review};
use crate::outbox::{home, lineage, signed};
use crate::reports::trend;
use crate::request::{denials, suspend};
use crate::store::Store;
use crate::sweep::surveys;
use crate::wording;

/// How long whoever has asked something may still wait for the answer then; after it they are told to ask again.
pub(crate) const ANSWER_MAX: std::time::Duration = std::time::Duration::from_secs(3);
/// Everything the workflow needs.
pub struct App {
    /// Pending approvals and the audit trail.
    pub store: Store,
    /// Where people are.
    pub chat: Arc<dyn Chat>,
    /// Where accounts are.
    pub identity: Arc<dyn IdentityProvider>,
    /// The time.
    pub clock: Clock,
    /// The configured policies.
    pub policies: Vec<Policy>,
    /// How many accounts are worked on at once.
    pub concurrency: usize,
    /// The state of the connection to the chat system.
    pub connection: watch::Receiver<Connection>,
    pub(crate) surveys: Arc<surveys::Surveys>,
    pub(crate) deciders: deciders::Kept,
    pub(crate) runtime: Runtime,
}

/// What only this process knows; losing it loses nothing.
#[derive(Default)]
pub(crate) struct Runtime {
    pub(crate) nudge: Notify,
    /// The earliest wake may have changed: the loop winds its alarm anew.
    pub(crate) rewound: Notify,
    pub(crate) tasks: TaskTracker,
    /// Those of them that work on rows.
    pub(crate) rows: TaskTracker,
    /// The loop has ended: nothing may wait long for an answer any more.
    pub(crate) ending: CancellationToken,
    pub(crate) in_flight: Mutex<BTreeMap<Work, InFlight>>,
    pub(crate) pulse: Mutex<health::Pulse>,
    pub(crate) wakes: Mutex<BTreeMap<Work, DateTime<Utc>>>,
    /// How often a passing trouble stopped a sweep, and when it is begun anew.
    pub(crate) stopped_sweeps: Mutex<BTreeMap<i64, (u32, DateTime<Utc>)>>,
    pub(crate) pages: Mutex<BTreeMap<i64, usize>>,
    /// Requests whose card is to show another page; one that has ended is not among the live ones any more.
    pub(crate) turned: Mutex<BTreeSet<i64>>,
    pub(crate) obstacles: Mutex<BTreeMap<i64, Obstacle>>,
    pub(crate) denials: Mutex<BTreeMap<i64, denials::Denials>>,
    /// The channels that can't be posted to, and why.
    pub(crate) unusable: Mutex<BTreeMap<String, String>>,
    pub(crate) drawings: Mutex<review::Drawings>,
    /// When finished cards stop offering to give accounts back.
    pub(crate) undo_ends: Mutex<BTreeSet<(DateTime<Utc>, i64)>>,
    pub(crate) identity_health: Mutex<Option<LastAnswer>>,
    pub(crate) pace_of_pages: Mutex<home::Pace>,
    pub(crate) pace: Mutex<rate_limit::Pace>,
    pub(crate) whispers: Whispers,
    pub(crate) questions: questions::Questions,
    pub(crate) looked_up: deciders::SoFar,
    /// The last preview; its lock is held by whoever makes one.
    pub(crate) preview: tokio::sync::Mutex<Option<commands::Preview>>,
    /// Nobody concerned is looked up or written to before this time.
    pub(crate) asking_from: Mutex<Option<DateTime<Utc>>>,
    /// What managers are called.
    pub(crate) names: Mutex<BTreeMap<String, String>>,
    /// Held by whoever puts a file together or verifies the trail.
    pub(crate) heavy_work: tokio::sync::Mutex<()>,
    /// Of people without a right, what they have tried since the last event about it.
    pub(crate) tries: Mutex<tries::Tries>,
    /// Which person an id is of, in an organisation.
    pub(crate) ids: Mutex<ids::Ids>,
    /// The trend picture of each policy.
    pub(crate) trends: Mutex<BTreeMap<String, trend::Trend>>,
    /// What was last asked of the channels about the database.
    pub(crate) witnesses: Mutex<lineage::Witnesses>,
}

/// So many notes to single people are under way at once; more would only time each other out.
pub(crate) struct Whispers(pub(crate) tokio::sync::Semaphore);

impl Default for Whispers {
    fn default() -> Self {
        Whispers(tokio::sync::Semaphore::new(16))
    }
}

/// When the identity provider last answered, and what was wrong with the answer.
pub type LastAnswer = (DateTime<Utc>, Result<(), String>);

/// What stands in the way of all suspensions of a request until a person mends it.
pub(crate) struct Obstacle {
    pub(crate) hindrance: suspend::Hindrance,
    /// When to find out whether it still does.
    pub(crate) until: DateTime<Utc>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // The maps behind these locks are valid after any panic: each is changed by single calls.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl App {
    /// Puts the workflow together. Nothing runs yet.
    pub fn new(
        store: Store,
        chat: Arc<dyn Chat>,
        identity: Arc<dyn IdentityProvider>,
        clock: Clock,
        policies: Vec<Policy>,
        concurrency: usize,
        connection: watch::Receiver<Connection>,
    ) -> App {
        let chat = Arc::new(signed::Signed { chat, store: store.clone(), clock: clock.clone() });
        App {
            store,
            chat,
            identity,
            clock,
            policies,
            concurrency,
            connection,
            surveys: Arc::default(),
            deciders: deciders::Kept::default(),
            runtime: Runtime::default(),
        }
    }

    /// Takes the surveys that an earlier workflow left under way.
    #[must_use]
    pub fn taking_over(self, surveys: Arc<surveys::Surveys>) -> App {
        App { surveys, ..self }
    }

    /// The policy of this name.
    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name == name)
    }

    /// Wakes the loop: some row may have changed.
    pub fn nudge(&self) {
        self.runtime.nudge.notify_one();
    }

    /// What comes of work that changes nothing, unless the workflow ends first: nothing, not even the provider's silence,
    /// is to hold up the next configuration.
    pub(crate) async fn unless_ended<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.runtime.ending.cancelled() => None,
        }
    }

    /// The same, for what a person waits for: they may have the answer in a moment.
    pub(crate) async fn soon_unless_ended<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let ended = async {
            self.runtime.ending.cancelled().await;
            tokio::time::sleep(ANSWER_MAX).await;
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            () = ended => None,
        }
    }

    /// Why nothing that depends on the time may be done now.
    pub(crate) fn clock_is_off(&self) -> Option<String> {
        Guard::of_clock(self.identity.clock_ahead()).map(|guard| wording::guard_in_words(&guard).to_plain())
    }

    /// Keeps what the identity provider last answered, for `status`; an answer also says what time it is there.
    pub(crate) fn note_identity<T>(&self, result: &Result<T, IdentityError>) {
        let result = match result {
            Ok(_) | Err(IdentityError::NotFound(_) | IdentityError::Refused(_)) => {
                self.clock_is_off().map_or(Ok(()), Err)
            }
            Err(
                error @ (IdentityError::RateLimited { .. }
                | IdentityError::Transient(_)
                | IdentityError::Denied(_)
                | IdentityError::Malformed(_)),
            ) => Err(error.to_string()),
        };
        *lock(&self.runtime.identity_health) = Some((self.clock.now(), result));
    }
}
