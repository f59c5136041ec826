//! Asks the channels whether the database is the latest, and stops it if it isn't.
//!
//! The bot's own messages are the witnesses. They are read before anything is acted on, and again whenever the connection
//! to the chat system was away: another bot may have been at work meanwhile. One channel that can be read is enough to go
//! on; the others are asked again later. While none can be read for a reason that passes, everything waits. Where the
//! right to read is missing in all of them, the work goes on, and the health says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::chat::{Card, ChatError, Connection};
use crate::domain::account::AccountId;
use crate::domain::audit::{Action, Actor};
use crate::domain::lineage::{Head, Lineage, Sighting, Stop};
use crate::outbox::Identity;
use crate::outbox::signed::sighting;
use crate::request::{card_key, earliest};
use crate::scheduler::Class;
use crate::services::{App, lock};
use crate::store::AuditQuery;
use crate::wording::lineage as wording;

/// The first and the longest wait while no channel can be read.
const WAIT_MIN: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(20);
/// How often in a row the right to read may seem to be missing everywhere before the work goes on without it.
const TRIES_WITHOUT_RIGHT: u32 = 3;
/// A channel that could not be read is asked again after this.
const ASK_AGAIN: Duration = Duration::from_secs(60);
/// How many messages that the file knows nothing of are kept; the newest say most.
const SEEN_MAX: usize = 200;
/// How long channels are notified that the database goes on; a channel that is added later need not hear of it.
const TELL_WITHIN: chrono::Duration = chrono::Duration::days(1);

/// What this process knows of the witnesses.
#[derive(Default)]
pub(crate) struct Witnesses {
    /// All channels were asked since the connection was last away.
    asked: bool,
    /// The chat system has said hello before.
    greeted: bool,
    /// Channels that could not be read, and why.
    unread: BTreeMap<String, String>,
    /// When those are asked again.
    again_at: Option<Instant>,
    /// The head of the audit trail before this process wrote to it.
    opened_at: Option<Head>,
    /// The channels know that the database goes on.
    told_resumed: bool,
}

/// The result of asking channels.
enum Asked {
    /// One has answered, or did before.
    Enough,
    /// None has, for a reason that passes; to be asked again after at least this long.
    Later(Duration),
    /// None has, because the right is missing, or the channels are not there.
    NoRight,
}

impl App {
    /// Keeps where the audit trail ended before this start.
    pub(crate) async fn note_opening(&self) -> Result<(), crate::store::StoreError> {
        let (head, _) = self.store.head_and_hashes(Vec::new()).await?;
        lock(&self.runtime.witnesses).opened_at = Some(head);
        Ok(())
    }

    /// Keeps whether the chat system has come back after it was away; `changed` if a change was seen already.
    pub(crate) fn note_connection(&self, connection: &mut watch::Receiver<Connection>, changed: bool) {
        let changed = changed || connection.has_changed().unwrap_or_default();
        if *connection.borrow_and_update() != Connection::Connected {
            return;
        }
        let mut witnesses = lock(&self.runtime.witnesses);
        if !witnesses.greeted {
            witnesses.greeted = true;
        } else if changed {
            witnesses.asked = false;
            // What is seen from now on came after this process began.
            witnesses.opened_at = None;
        }
    }

    /// Asks the channels what they have seen, if that is due, before anything is acted on. `false`: the workflow ends before
    /// they could be asked, so nothing may be acted on. A database that is lost or closed waits for nobody.
    pub(crate) async fn begin_round(
        &self,
        connection: &mut watch::Receiver<Connection>,
        stop: &CancellationToken,
    ) -> bool {
        self.note_pulse();
        self.note_connection(connection, false);
        tokio::select! {
            biased;
            // Everything waits for it, so it must not wait behind questions.
            () = Class::FreshLook.run(self.ask_witnesses()) => true,
            () = stop.cancelled() => false,
            () = self.store.closed() => true,
            _ = self.store.lost() => true,
        }
    }

    /// Asks the channels that are to be asked, until one of them has answered, or none of them can.
    async fn ask_witnesses(&self) {
        let (mut wait, mut without_right) = (WAIT_MIN, 0);
        loop {
            let channels = self.channels_to_ask();
            if channels.is_empty() {
                return;
            }
            let at_least = match self.ask_channels(channels).await {
                Asked::Enough => break,
                Asked::Later(at_least) => at_least,
                Asked::NoRight => {
                    without_right += 1;
                    if without_right == TRIES_WITHOUT_RIGHT {
                        break;
                    }
                    Duration::ZERO
                }
            };
            self.note_pulse();
            tokio::time::sleep(wait.max(at_least)).await;
            wait = (wait * 2).min(WAIT_MAX);
        }
        let mut witnesses = lock(&self.runtime.witnesses);
        witnesses.asked = true;
        witnesses.again_at = (!witnesses.unread.is_empty()).then(|| Instant::now() + ASK_AGAIN);
    }

    fn channels_to_ask(&self) -> BTreeSet<String> {
        let witnesses = lock(&self.runtime.witnesses);
        let all = self.policies.iter().map(|policy| policy.channel.clone());
        if !witnesses.asked {
            return all.collect();
        }
        let is_due = witnesses.again_at.is_some_and(|at| at <= Instant::now());
        all.filter(|channel| is_due && witnesses.unread.contains_key(channel)).collect()
    }

    /// Asks each of them once.
    async fn ask_channels(&self, channels: BTreeSet<String>) -> Asked {
        let (mut answered, mut passing) = (false, None);
        for channel in channels {
            let read = self.read_channel(&channel).await;
            let mut witnesses = lock(&self.runtime.witnesses);
            match read {
                Ok(()) => {
                    answered = true;
                    witnesses.unread.remove(&channel);
                }
                Err(error) => {
                    tracing::error!(
                        channel,
                        error = format!("{error:#}"),
                        "can't read what this bot last said here, so it is unknown whether its database is the latest"
                    );
                    passing = passing.or(passes(&error));
                    witnesses.unread.insert(channel, format!("{error:#}"));
                }
            }
        }
        match passing {
            // They vouched before; what could not be asked now is asked later.
            _ if answered || lock(&self.runtime.witnesses).asked => Asked::Enough,
            Some(wait) => Asked::Later(wait),
            None => Asked::NoRight,
        }
    }

    /// Reads what the bot last said in a channel, and stops the database if that is more than it knows.
    async fn read_channel(&self, channel: &str) -> anyhow::Result<()> {
        let since = self.store.oldest_live_request().await?;
        let marks = self.chat.marks(channel, since).await?;
        let seen: Vec<Sighting> = marks.into_iter().filter_map(sighting).collect();
        let lineage = self.store.lineage();
        let ours = seen.iter().map(|one| &one.witness).filter(|one| one.database.id == lineage.database.id);
        // Read after the messages: whatever these name was on the disk before they were sent.
        let (head, hashes) = self.store.head_and_hashes(ours.map(|one| one.head.event).collect()).await?;
        let hash_of = |event| hashes.get(&event).cloned();
        let why = seen.iter().filter_map(|one| lineage.judge(one, &head, hash_of)).max();
        let Some(why) = why.or(lineage.stopped.as_ref().map(|stop| stop.why)) else { return Ok(()) };
        let unknown = |one: &Sighting| lineage.is_unknown(one, &head, hash_of);
        let seen: Vec<Sighting> = seen.into_iter().filter(unknown).take(SEEN_MAX).collect();
        let opened_at = lock(&self.runtime.witnesses).opened_at.clone();
        let head = opened_at.unwrap_or(head);
        let stop = Stop { since: self.clock.now(), why, head, restored_from: None, seen };
        if lineage.stopped.is_none() {
            tracing::error!(
                channel,
                why = wording::reason(&lineage, &stop),
                "THE DATABASE IS NOT THE LATEST: nothing is executed until an admin resumes in Slack"
            );
        }
        if let Err(error) = self.store.stop(stop).await {
            // It is in force in memory, and is written as soon as that works.
            tracing::error!(%error, "can't write down that the database is stopped");
        }
        Ok(())
    }

    /// Returns what is wrong with the database, and with what vouches for it, a sentence each.
    pub(crate) fn lineage_is_wrong(&self) -> Vec<String> {
        let lineage = self.store.lineage();
        let stopped = lineage.stopped.as_ref();
        let mut wrong: Vec<String> = stopped
            .map(|stop| {
                let reason = wording::reason(&lineage, stop);
                format!("stopped: {reason}; nothing is executed until an admin resumes in Slack")
            })
            .into_iter()
            .collect();
        let witnesses = lock(&self.runtime.witnesses);
        wrong.extend(witnesses.unread.iter().map(|(channel, why)| {
            format!("what this bot last said in {channel} can't be read ({why}), so it is unknown whether its database is the latest")
        }));
        wrong
    }

    /// Tells that the database is stopped, or that it goes on. Returns when to try again.
    pub(crate) async fn tell_of_lineage(&self) -> anyhow::Result<Option<DateTime<Utc>>> {
        match &self.store.lineage().stopped {
            Some(_) => self.tell_stopped().await,
            None => self.tell_resumed().await,
        }
    }

    /// Tells the channels and the admins that the database is stopped, and takes the buttons off the open cards. Returns
    /// when to try again.
    async fn tell_stopped(&self) -> anyhow::Result<Option<DateTime<Utc>>> {
        self.store.save_stop().await?;
        let lineage = self.store.lineage();
        let Some(stop) = &lineage.stopped else { return Ok(None) };
        let mut wake = None;
        for (request, _) in self.store.open_requests(None).await? {
            let key = card_key(request.id);
            if self.store.message(&key).await?.is_none_or(|row| row.ts.is_none()) {
                continue;
            }
            let card = Identity { key, channel: &request.channel, thread: None, card_of: Some(request.id) };
            let shown = self.show(&card, &wording::superseded_card(&request)).await?;
            wake = earliest(wake, shown.again());
        }
        let missing = self.missing_exemptions(stop).await?;
        let card = wording::stopped(&lineage, stop, &missing);
        let epoch = lineage.database.epoch;
        wake = earliest(wake, self.tell_channels(&format!("database:stopped:{epoch}"), &card).await?);
        for user in self.policies.iter().flat_map(|policy| &policy.admins.users).collect::<BTreeSet<_>>() {
            wake = earliest(wake, self.tell_admin(epoch, user, &card).await?);
        }
        Ok(wake)
    }

    async fn tell_channels(&self, what: &str, card: &Card) -> anyhow::Result<Option<DateTime<Utc>>> {
        let mut wake = None;
        for channel in self.policies.iter().map(|policy| &policy.channel).collect::<BTreeSet<_>>() {
            let key = format!("{what}:{channel}");
            let message = Identity { key, channel, thread: None, card_of: None };
            wake = earliest(wake, self.told(&message, card).await?);
        }
        Ok(wake)
    }

    async fn tell_admin(&self, epoch: i64, user: &str, card: &Card) -> anyhow::Result<Option<DateTime<Utc>>> {
        let key = format!("database:stopped:{epoch}:admin:{user}");
        if self.store.message(&key).await?.is_some_and(|row| row.ts.is_some()) {
            return Ok(None);
        }
        let channel = match self.chat.open_direct(user).await {
            Ok(channel) => channel,
            Err(error) => {
                tracing::warn!(user, %error, "can't notify an admin that the database is stopped");
                return Ok(
                    passes(&error.into()).map(|_| self.clock.now() + crate::engine::RETRY_AFTER_FAILURE)
                );
            }
        };
        self.told(&Identity { key, channel: &channel, thread: None, card_of: None }, card).await
    }

    /// Returns the exemptions that the seen messages name and the file does not have, in words.
    pub(crate) async fn missing_exemptions(&self, stop: &Stop) -> anyhow::Result<Vec<String>> {
        let mut missing = Vec::new();
        for (account, words) in stop.exemptions() {
            let granted = self.store.exemptions_of(&AccountId(account.to_owned())).await?;
            if !granted.iter().any(|one| one.is_open(self.clock.now())) {
                missing.push(words.to_owned());
            }
        }
        Ok(missing)
    }

    /// Returns whether the channels may still have to hear that the database goes on.
    pub(crate) fn tells_of_resuming(&self) -> bool {
        let is_recent = |began: DateTime<Utc>| (self.clock.now() - began).abs() < TELL_WITHIN;
        !lock(&self.runtime.witnesses).told_resumed && self.store.lineage().epoch_began.is_some_and(is_recent)
    }

    /// Tells the channels that the database goes on. Returns when to try again.
    async fn tell_resumed(&self) -> anyhow::Result<Option<DateTime<Utc>>> {
        let lineage: Arc<Lineage> = self.store.lineage();
        let query = AuditQuery { actions: vec![Action::DatabaseResumed], ..AuditQuery::latest(1) };
        let event = self.store.audit(query).await?.pop();
        let epoch = lineage.database.epoch;
        if let (None, Some((Actor::Person(by), at))) =
            (&lineage.stopped, event.map(|one| (one.actor, one.at)))
        {
            let card = wording::resumed(&by, at, epoch);
            let again = self.tell_channels(&format!("database:resumed:{epoch}"), &card).await?;
            if again.is_some() {
                return Ok(again);
            }
        }
        lock(&self.runtime.witnesses).told_resumed = true;
        Ok(None)
    }

    /// Forgets what this process remembers of the stop, once the database goes on.
    pub(crate) fn forget_stop(&self) {
        let mut witnesses = lock(&self.runtime.witnesses);
        (witnesses.told_resumed, witnesses.opened_at) = (false, None);
        drop(witnesses);
        self.forget_obstacles();
        self.nudge();
    }
}

/// Returns how long to wait if the error passes by itself.
fn passes(error: &anyhow::Error) -> Option<Duration> {
    match error.downcast_ref::<ChatError>() {
        Some(ChatError::RateLimited(wait)) => Some(*wait),
        // Or the database could not be read.
        Some(ChatError::Unavailable(_) | ChatError::Ambiguous(_)) | None => Some(Duration::ZERO),
        Some(
            ChatError::NotFound(_) | ChatError::Channel(_) | ChatError::Content(_) | ChatError::Denied(_),
        ) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::Bench;

    #[tokio::test]
    async fn a_workflow_that_ends_before_the_channels_could_be_asked_acts_on_nothing() {
        let bench = Bench::new();
        let mut connection = bench.app.connection.clone();
        let mut begun = async |stop: &CancellationToken| bench.app.begin_round(&mut connection, stop).await;
        let ended = CancellationToken::new();
        ended.cancel();
        assert!(!begun(&ended).await, "nobody has vouched");
        assert!(begun(&CancellationToken::new()).await);
        assert!(begun(&ended).await, "somebody has");
    }
}
