//! What every component is given: the store, the chat, the identity providers, the clock and the policies.

mod error;
pub(crate) mod listings;
mod mutex;
pub(crate) mod work;

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::chat::{Chat, Connection, MessageRef};
use crate::clock::Clock;
use crate::domain::ids::RequestId;
use crate::domain::policy::Policy;
use crate::domain::provider::ProviderName;
use crate::identity::providers::{Adapters, Providers};
use crate::identity::watched::Watched;
use crate::identity::{IdentityProvider as _, Terms};
pub use crate::services::error::{WorkError, WorkResult};
use crate::services::listings::Listings;
pub(crate) use crate::services::mutex::lock;
use crate::services::work::{Rows, Work};
use crate::store::{MessageRow, Store, StoreError};
use crate::wording;

/// Work that failed is tried again after this long.
pub(crate) const RETRY_AFTER_FAILURE: Duration = Duration::seconds(10);

/// How long work that wants to be looked at again at once waits.
const WAKE_MIN: Duration = Duration::milliseconds(200);

/// What the wiring gives the bot.
pub struct Parts {
    /// Pending approvals and the audit trail.
    pub store: Store,
    /// Where people are.
    pub chat: Arc<dyn Chat>,
    /// Where accounts are.
    pub providers: Adapters,
    /// The time.
    pub clock: Clock,
    /// The configured policies.
    pub policies: Vec<Policy>,
    /// How many accounts are worked on at once.
    pub concurrency: usize,
    /// The state of the connection to the chat system.
    pub connection: watch::Receiver<Connection>,
}

/// What every component is given.
pub struct Services {
    pub(crate) store: Store,
    pub(crate) chat: Arc<dyn Chat>,
    pub(crate) providers: Providers,
    pub(crate) clock: Clock,
    pub(crate) policies: Vec<Policy>,
    pub(crate) concurrency: usize,
    pub(crate) connection: watch::Receiver<Connection>,
    /// The listings of directories that are under way.
    pub(crate) listings: Arc<Listings>,
    /// Wakes the loop.
    pub(crate) woken: Notify,
    pub(crate) tasks: TaskTracker,
    /// The rows that are worked on, and when others are due.
    pub(crate) rows: Rows,
    /// The loop has ended: nothing may wait long for an answer any more.
    pub(crate) ending: CancellationToken,
}

impl Services {
    pub(crate) fn new(parts: Parts, listings: Arc<Listings>) -> Services {
        let Parts { store, chat, providers, clock, policies, concurrency, connection } = parts;
        Services {
            store,
            chat,
            providers: Providers::new(providers, clock.clone()),
            clock,
            policies,
            concurrency,
            connection,
            listings,
            woken: Notify::new(),
            tasks: TaskTracker::new(),
            rows: Rows::default(),
            ending: CancellationToken::new(),
        }
    }

    /// The policy of this name.
    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name == name)
    }

    /// Wakes the loop: some row may have changed.
    pub fn nudge(&self) {
        self.woken.notify_one();
    }

    /// Ends work on a row, which wants to be looked at again at `wake`. `false`: it changed meanwhile and is looked at again
    /// by the same task, if it may.
    pub(crate) fn end_work(&self, work: &Work, wake: Option<DateTime<Utc>>, may_look_again: bool) -> bool {
        let alarm = wake.map(|at| at.max(self.clock.now() + WAKE_MIN));
        self.rows.end(work, alarm, may_look_again)
    }

    /// What comes of work that changes nothing, unless the workflow ends first: nothing, not even that the provider
    /// doesn't answer, is to hold up the next configuration.
    pub(crate) async fn unless_ended<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.ending.cancelled() => None,
        }
    }

    /// The same, for what a person waits for: they may have the answer as soon as the chat system wants it, and are asked
    /// to ask again otherwise.
    pub(crate) async fn soon_unless_ended<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let ended = async {
            self.ending.cancelled().await;
            tokio::time::sleep(self.chat.answer_time().0).await;
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            () = ended => None,
        }
    }

    /// Returns the provider of this name, which answers with an error if the configuration has none.
    pub(crate) fn provider(&self, name: &ProviderName) -> Arc<Watched> {
        self.providers.named(name)
    }

    /// Why nothing that depends on the time of this provider may be done now.
    pub(crate) fn clock_is_off(&self, provider: &ProviderName) -> Option<String> {
        let provider = self.provider(provider);
        provider.clock_guard().map(|guard| wording::guard_in_words(&guard, provider.terms()).to_plain())
    }

    /// Returns the words for the provider of this name.
    pub(crate) fn terms(&self, provider: &ProviderName) -> Terms {
        self.provider(provider).terms()
    }
}

impl Services {
    /// Returns where the card of a request stands, if it does.
    pub(crate) async fn card_of(&self, request: RequestId) -> Result<Option<MessageRef>, StoreError> {
        Ok(self.store.message(&card_key(request)).await?.as_ref().and_then(reference))
    }
}

/// The mark of a request's card.
pub fn card_key(request: RequestId) -> String {
    format!("request:{request}:card")
}

/// Where the message stands, if it does.
pub(crate) fn reference(row: &MessageRow) -> Option<MessageRef> {
    row.ts.clone().map(|id| MessageRef { channel: row.channel.clone(), id })
}
