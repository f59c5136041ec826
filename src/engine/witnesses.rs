//! Asks the channels whether the database is the latest, and stops it if it isn't.
//!
//! The bot's own messages are the witnesses. They are read before anything is acted on, and again whenever the connection
//! to the chat system was away: another bot may have been at work meanwhile. One channel that can be read is enough to go
//! on; the others are asked again later. While none can be read for a reason that passes, everything waits. Where the
//! right to read is missing in all of them, the work goes on, and the health says so.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::chat::Connection;
use crate::domain::backoff;
use crate::domain::lineage::{Sighting, Stop};
use crate::engine::Engine;
use crate::outbox::lineage::passes;
use crate::outbox::signed::sighting;
use crate::scheduler::Class;
use crate::services::{WorkResult, lock};
use crate::wording::lineage as wording;

/// The first and the longest wait while no channel can be read.
const WAIT_MIN: chrono::Duration = chrono::Duration::milliseconds(500);

const WAIT_MAX: chrono::Duration = chrono::Duration::seconds(20);

/// How often in a row the right to read may seem to be missing everywhere before the work goes on without it.
const TRIES_WITHOUT_RIGHT: u32 = 3;

/// A channel that could not be read is asked again after this.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// How many messages that the file knows nothing of are kept; the newest say most.
const SEEN_MAX: usize = 200;

/// The result of asking channels.
enum Asked {
    /// One has answered, or did before.
    Enough,
    /// None has, for a reason that passes; to be asked again after at least this long.
    Later(Duration),
    /// None has, because the right is missing, or the channels are not there.
    NoRight,
}

impl Engine {
    /// Keeps where the audit trail ended before this start.
    pub(crate) async fn note_opening(&self) -> Result<(), crate::store::StoreError> {
        let (head, _) = self.s.store.head_and_hashes(Vec::new()).await?;
        let epoch = self.s.store.lineage().database.epoch;
        lock(&self.witnesses).opened_at = Some((epoch, head));
        Ok(())
    }

    /// Keeps whether the chat system has come back after it was away; `changed` if a change was seen already.
    pub(crate) fn note_connection(&self, connection: &mut watch::Receiver<Connection>, changed: bool) {
        let changed = changed || connection.has_changed().unwrap_or_default();
        if *connection.borrow_and_update() != Connection::Connected {
            return;
        }
        let mut witnesses = lock(&self.witnesses);
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
            () = self.s.store.closed() => true,
            _ = self.s.store.lost() => true,
        }
    }

    /// Asks the channels that are to be asked, until one of them has answered, or none of them can.
    async fn ask_witnesses(&self) {
        let (mut waits, mut without_right) = (0, 0);
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
            let wait = backoff::doubled(WAIT_MIN, waits, WAIT_MAX).to_std().unwrap_or_default();
            tokio::time::sleep(wait.max(at_least)).await;
            waits += 1;
        }
        let mut witnesses = lock(&self.witnesses);
        witnesses.asked = true;
        witnesses.again_at = (!witnesses.unread.is_empty()).then(|| Instant::now() + ASK_AGAIN);
    }

    fn channels_to_ask(&self) -> BTreeSet<String> {
        let witnesses = lock(&self.witnesses);
        let all = self.s.policies.iter().map(|policy| policy.channel.clone());
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
            let mut witnesses = lock(&self.witnesses);
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
            _ if answered || lock(&self.witnesses).asked => Asked::Enough,
            Some(wait) => Asked::Later(wait),
            None => Asked::NoRight,
        }
    }

    /// Reads what the bot last said in a channel, and stops the database if that is more than it knows.
    async fn read_channel(&self, channel: &str) -> WorkResult<()> {
        let since = self.s.store.oldest_live_request().await?;
        let marks = self.s.chat.marks(channel, since).await?;
        let seen: Vec<Sighting> = marks.into_iter().filter_map(sighting).collect();
        let lineage = self.s.store.lineage();
        let ours = seen.iter().map(|one| &one.witness).filter(|one| one.database.id == lineage.database.id);
        // Read after the messages: whatever these name was on the disk before they were sent.
        let (head, hashes) = self.s.store.head_and_hashes(ours.map(|one| one.head.event).collect()).await?;
        let hash_of = |event| hashes.get(&event).cloned();
        let why = seen.iter().filter_map(|one| lineage.judge(one, &head, hash_of)).max();
        let Some(why) = why.or(lineage.stopped.as_ref().map(|stop| stop.why)) else { return Ok(()) };
        let unknown = |one: &Sighting| lineage.is_unknown(one, &head, hash_of);
        let seen: Vec<Sighting> = seen.into_iter().filter(unknown).take(SEEN_MAX).collect();
        let opened_at = lock(&self.witnesses).opened_at.clone();
        let opened_at = opened_at.filter(|(epoch, _)| *epoch == lineage.database.epoch);
        let head = opened_at.map_or(head, |(_, head)| head);
        let stop = Stop { since: self.s.clock.now(), why, head, restored_from: None, seen };
        if lineage.stopped.is_none() {
            tracing::error!(
                channel,
                why = wording::reason(&lineage, &stop, self.s.chat.terms().name),
                "THE DATABASE IS NOT THE LATEST: nothing is executed until an admin resumes"
            );
        }
        if let Err(error) = self.s.store.stop(stop).await {
            // It is in force in memory, and is written as soon as that works.
            tracing::error!(%error, "can't write down that the database is stopped");
        }
        Ok(())
    }

    /// Returns what is wrong with the database, and with what vouches for it, a sentence each.
    pub(crate) fn lineage_is_wrong(&self) -> Vec<String> {
        let lineage = self.s.store.lineage();
        let stopped = lineage.stopped.as_ref();
        let mut wrong: Vec<String> = stopped
            .map(|stop| {
                let chat = self.s.chat.terms().name;
                let reason = wording::reason(&lineage, stop, chat);
                format!("stopped: {reason}; nothing is executed until an admin resumes in {chat}")
            })
            .into_iter()
            .collect();
        let witnesses = lock(&self.witnesses);
        wrong.extend(witnesses.unread.iter().map(|(channel, why)| {
            format!("what this bot last said in {channel} can't be read ({why}), so it is unknown whether its database is the latest")
        }));
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::bench::Bench;

    #[tokio::test]
    async fn a_workflow_that_ends_before_the_channels_could_be_asked_acts_on_nothing() {
        let bench = Bench::new();
        let mut connection = bench.engine.s.connection.clone();
        let mut begun =
            async |stop: &CancellationToken| bench.engine.begin_round(&mut connection, stop).await;
        let ended = CancellationToken::new();
        ended.cancel();
        assert!(!begun(&ended).await, "nobody has vouched");
        assert!(begun(&CancellationToken::new()).await);
        assert!(begun(&ended).await, "somebody has");
    }
}
