//! Watching the database: as long as it can't be written nothing is decided or suspended, and the channel is notified.
//!
//! Each outage is reported once, and its end by the process that reported it. The database can't say what was reported,
//! so the channel does: the outages of a day have numbers, and a message is looked for by its mark before it is posted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::chat::{Card, ChatError, Mark};
use crate::outbox::{CLOCK_SKEW, Outbox};
use crate::store::StoreError;
use crate::wording::notices;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// A disk that fails for one moment is nobody's business.
const TELL_AFTER: u32 = 2;
/// The most outages of one day that are reported. Of a disk that comes and goes people know by then; the log has all.
pub const OUTAGES_TOLD: u32 = 6;
/// How long a process that has lost its file tries to notify the channels before it ends.
const TELL_LOST_WITHIN: Duration = Duration::from_secs(10);
/// How long it waits between two such tries.
const TELL_LOST_AGAIN: Duration = Duration::from_secs(1);

/// An outage, from when it was to be reported until its end was.
struct Outage {
    since: DateTime<Utc>,
    why: String,
    /// Channels that have not been notified.
    pending: BTreeSet<String>,
    /// Where its telling was begun and not heard of, as which of the day: it may stand there.
    tried: BTreeMap<String, u32>,
    /// The channels where it was reported, and as which outage of the day.
    told: BTreeMap<String, u32>,
}

impl Outage {
    /// Whether its end is reported wherever the outage was, and nobody has to look where that may have been.
    fn is_settled(&self) -> bool {
        self.told.is_empty() && self.tried.is_empty()
    }
}

/// What this process knows of the outages.
#[derive(Default)]
struct Outages {
    now: Option<Outage>,
    /// Those whose end is still to be reported somewhere.
    ended: Vec<Outage>,
    /// Per channel the day of the last one that it was notified of, and which of that day it was.
    last: BTreeMap<String, (NaiveDate, u32)>,
}

/// How notifying a channel ended.
enum Telling {
    /// It knows of this outage, as which of the day.
    Told(u32),
    /// It has heard of enough outages today.
    Enough,
}

impl Outbox {
    /// Looks until `stop`, and notifies each channel when the database can't be written and when it can again.
    pub(crate) async fn watch_database(&self, stop: &CancellationToken) {
        let (mut failures, mut outages): (u32, Outages) = (0, Outages::default());
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.s.store.closed() => return,
                () = sleep(LOOK_EVERY) => {}
            }
            match self.s.store.health().await {
                Ok(()) => {
                    failures = 0;
                    if let Some(outage) = outages.now.take() {
                        tracing::warn!("the database can be written again");
                        outages.ended.push(outage);
                        self.s.nudge();
                    }
                }
                Err(error) => {
                    failures += 1;
                    tracing::error!(%error, "the database can't be written: nothing is decided or suspended");
                    if failures == TELL_AFTER {
                        outages.now = Some(self.outage(error.to_string()));
                    }
                }
            }
            self.tell_ends(&mut outages.ended).await;
            if let Some(outage) = &mut outages.now {
                self.tell_outage(outage, &mut outages.last, &outages.ended).await;
            }
        }
    }

    fn outage(&self, why: String) -> Outage {
        let pending = self.s.policies.iter().map(|policy| policy.channel.clone()).collect();
        Outage { since: self.s.clock.now(), why, pending, tried: BTreeMap::new(), told: BTreeMap::new() }
    }

    /// Notifies the channels that don't know yet; one that can't be notified now is notified at the next look.
    async fn tell_outage(
        &self,
        outage: &mut Outage,
        last: &mut BTreeMap<String, (NaiveDate, u32)>,
        ended: &[Outage],
    ) {
        let today = outage.since.date_naive();
        for channel in outage.pending.clone() {
            let first = first_unused(&channel, today, last, ended);
            match self.tell_outage_in(&channel, outage, first).await {
                Ok(Telling::Told(number)) => {
                    outage.tried.remove(&channel);
                    outage.told.insert(channel.clone(), number);
                    last.insert(channel.clone(), (today, number));
                }
                Ok(Telling::Enough) => {
                    tracing::error!(
                        channel,
                        "the channel was notified of {OUTAGES_TOLD} outages today; further ones are only logged"
                    );
                }
                Err(error) => {
                    tracing::error!(channel, %error, "the channel can't be notified either");
                    continue;
                }
            }
            outage.pending.remove(&channel);
        }
    }

    /// `first` is the first number of the day that this process has not used.
    async fn tell_outage_in(
        &self,
        channel: &str,
        outage: &mut Outage,
        first: u32,
    ) -> Result<Telling, ChatError> {
        let since = outage.since;
        for number in first..OUTAGES_TOLD {
            let fails = key("fails", since, number);
            if self.was_posted(channel, &fails, since).await? {
                if outage.tried.get(channel) == Some(&number) {
                    return Ok(Telling::Told(number));
                }
                // An earlier one, perhaps of a process that has ended since: a start has to write, so it is over.
                continue;
            }
            outage.tried.insert(channel.to_owned(), number);
            let card = notices::database_fails(&outage.why, number + 1 == OUTAGES_TOLD);
            self.s.chat.post(channel, None, &Mark::new(&*fails), &card).await?;
            return Ok(Telling::Told(number));
        }
        Ok(Telling::Enough)
    }

    async fn tell_ends(&self, ended: &mut Vec<Outage>) {
        for outage in ended.iter_mut() {
            self.find_unheard(outage).await;
            for (channel, number) in outage.told.clone() {
                match self.tell_end(&channel, number, outage.since).await {
                    Ok(()) => drop(outage.told.remove(&channel)),
                    Err(error) => {
                        tracing::error!(channel, %error, "the channel can't be notified of the end");
                    }
                }
            }
        }
        ended.retain(|outage| !outage.is_settled());
    }

    /// Where it stands although nobody heard so, its end is to be reported too.
    async fn find_unheard(&self, outage: &mut Outage) {
        for (channel, number) in outage.tried.clone() {
            match self.was_posted(&channel, &key("fails", outage.since, number), outage.since).await {
                Ok(stands) => {
                    outage.told.extend(stands.then(|| (channel.clone(), number)));
                    outage.tried.remove(&channel);
                }
                Err(error) => tracing::error!(channel, %error, "can't look for earlier notices"),
            }
        }
    }

    async fn tell_end(&self, channel: &str, number: u32, since: DateTime<Utc>) -> Result<(), ChatError> {
        self.tell_once(channel, &key("works", since, number), since, &notices::database_works(since)).await
    }

    async fn tell_once(
        &self,
        channel: &str,
        key: &str,
        since: DateTime<Utc>,
        card: &Card,
    ) -> Result<(), ChatError> {
        if !self.was_posted(channel, key, since).await? {
            self.s.chat.post(channel, None, &Mark::new(key), card).await?;
        }
        Ok(())
    }

    /// Notifies the channels why this process ends: its file is not the one at its path any more, or a commit may have been
    /// made or not. Nobody is notified later. Of commits in doubt one a day is reported, however often the process is
    /// started again.
    pub(crate) async fn tell_database_lost(&self, why: &StoreError) {
        let since = self.s.clock.now();
        let (key, card) = if matches!(why, StoreError::CommitUnknown(_)) {
            (format!("database:in_doubt:{}", since.date_naive()), notices::commit_in_doubt())
        } else {
            (format!("database:lost:{}", since.timestamp_millis()), notices::database_lost())
        };
        let mut missing: BTreeSet<&String> = self.s.policies.iter().map(|policy| &policy.channel).collect();
        let tell = async {
            while !missing.is_empty() {
                for channel in missing.clone() {
                    match self.tell_once(channel, &key, since, &card).await {
                        Ok(()) => drop(missing.remove(channel)),
                        Err(error) => {
                            tracing::error!(channel, %error, "the channel can't be notified either");
                        }
                    }
                }
                if !missing.is_empty() {
                    sleep(TELL_LOST_AGAIN).await;
                }
            }
        };
        if timeout(TELL_LOST_WITHIN, tell).await.is_err() {
            tracing::error!("not every channel could be notified that the database can't be used any more");
        }
    }

    /// Whether a message with this mark stands there since the day before. Without the right to look, it is taken not to:
    /// said twice is better than not at all.
    async fn was_posted(&self, channel: &str, key: &str, since: DateTime<Utc>) -> Result<bool, ChatError> {
        let from = since - chrono::Duration::days(1) - CLOCK_SKEW;
        match self.s.chat.find(channel, None, &Mark::new(key), from).await {
            Ok(found) => Ok(found.is_some()),
            Err(ChatError::Denied(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The first number of the day that was not used there for an outage.
fn first_unused(
    channel: &str,
    today: NaiveDate,
    last: &BTreeMap<String, (NaiveDate, u32)>,
    ended: &[Outage],
) -> u32 {
    let told = last.get(channel).filter(|(day, _)| *day == today).map(|(_, last)| *last);
    // One whose telling was not heard of may still turn out to stand.
    let of_today = ended.iter().filter(|other| other.since.date_naive() == today);
    let unheard = of_today.filter_map(|other| other.tried.get(channel)).max().copied();
    told.max(unheard).map_or(0, |last| last + 1)
}

/// The mark of the word that an outage of this day `fails`, or `works` again.
fn key(what: &str, since: DateTime<Utc>, number: u32) -> String {
    format!("database:{what}:{}:{number}", since.date_naive())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(day: i64, tried: &[(&str, u32)]) -> Outage {
        let since = DateTime::UNIX_EPOCH + chrono::Duration::days(day);
        let tried = tried.iter().map(|(channel, number)| ((*channel).to_owned(), *number)).collect();
        Outage { since, why: String::new(), pending: BTreeSet::new(), tried, told: BTreeMap::new() }
    }

    #[test]
    fn an_outage_is_settled_once_its_end_is_reported_and_nothing_is_looked_for() {
        let outage = |told: &[&str], tried| Outage {
            told: told.iter().map(|channel| ((*channel).to_owned(), 0)).collect(),
            ..ended(20, tried)
        };
        assert!(outage(&[], &[]).is_settled());
        assert!(!outage(&["C1"], &[]).is_settled() && !outage(&[], &[("C1", 0)]).is_settled());
        assert!(!outage(&["C1"], &[("C2", 0)]).is_settled());
    }

    #[test]
    fn the_outages_of_a_day_are_numbered_by_channel_and_those_that_nobody_heard_of_count() {
        let day = |day| (DateTime::UNIX_EPOCH + chrono::Duration::days(day)).date_naive();
        let last = [("C1".to_owned(), (day(20), 2)), ("C2".to_owned(), (day(19), 4))].into();
        let first = |channel: &str, ended: &[Outage]| first_unused(channel, day(20), &last, ended);
        assert_eq!((first("C1", &[]), first("C2", &[]), first("C3", &[])), (3, 0, 0));
        let unheard = [ended(19, &[("C3", 5)]), ended(20, &[("C1", 1), ("C3", 0)]), ended(20, &[("C2", 3)])];
        assert_eq!((first("C1", &unheard), first("C2", &unheard), first("C3", &unheard)), (3, 4, 1));
    }
}
