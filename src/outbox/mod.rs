//! Posting and keeping up messages so that the channel converges to the database.
//!
//! A post is tried, looked for, and only then repeated: the try is recorded first, so that after a lost answer or a
//! crash the message is found again by its mark instead of being posted twice. A card whose rendered form differs
//! from what the channel shows is updated; after an ambiguous answer it is rendered once more a minute later, because
//! the lost update may still arrive late and overwrite the newer one.

mod direct;
pub(crate) mod ephemeral;
pub(crate) mod home;
pub(crate) mod lineage;
mod once;
mod outage;
mod outreach;
pub(crate) mod signed;
mod state;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Duration, Utc};
use sha2::{Digest, Sha256};

use crate::authz::Authz;
use crate::chat::{Card, ChatError, Mark, MessageRef, ReplyTo};
use crate::domain::backoff;
use crate::domain::hash::hex;
use crate::domain::ids::RequestId;
use crate::domain::lineage::request_of;
use crate::domain::policy::Policy;
use crate::reports::Reports;
use crate::services::{Services, WorkResult, lock, reference};
use crate::store::{CardStands, MessageRow};
use crate::wording::notices;

/// A late first update has arrived by then, or never will.
pub(crate) const LATE_UPDATE_WITHIN: Duration = Duration::seconds(60);
/// How far before the recorded try a message is looked for: the two clocks may differ.
pub(crate) const CLOCK_SKEW: Duration = Duration::minutes(5);
/// How far back a try is looked for whose time is not known.
const TRIED_WITHIN: Duration = Duration::days(1);
/// A channel that can't be posted to is tried again after these waits, the first and the longest: a person has to fix it,
/// and may be doing so. An invitation of the bot makes it try at once.
const UNUSABLE_CHANNEL_RETRY: (Duration, Duration) = (Duration::seconds(5), Duration::minutes(2));
/// The longest wait between two tries.
const RETRY_MAX: Duration = Duration::minutes(1);

/// Where a message stands after a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In the channel and up to date. Look again at the given time, if any.
    Current(MessageRef, Option<DateTime<Utc>>),
    /// In the channel, but not up to date until a later try.
    Behind(MessageRef, DateTime<Utc>),
    /// Not in the channel yet.
    NotYet(DateTime<Utc>),
}

/// Whatever the bot says, each thing once.
pub struct Outbox {
    s: Arc<Services>,
    authz: Arc<Authz>,
    reports: Arc<Reports>,
    /// The channels that can't be posted to, and why.
    unusable: Mutex<BTreeMap<String, String>>,
    /// Nobody that a request asks is looked up or written to before this time.
    asking_from: Mutex<Option<DateTime<Utc>>>,
    /// What managers are called.
    names: Mutex<BTreeMap<String, String>>,
    pace_of_pages: Mutex<state::RateLimits>,
    /// The epoch of which the channels know that the database goes on.
    told_epoch: Mutex<Option<i64>>,
}

impl Outbox {
    pub(crate) fn new(s: Arc<Services>, authz: Arc<Authz>, reports: Arc<Reports>) -> Outbox {
        Outbox {
            s,
            authz,
            reports,
            unusable: Mutex::default(),
            asking_from: Mutex::default(),
            names: Mutex::default(),
            pace_of_pages: Mutex::default(),
            told_epoch: Mutex::default(),
        }
    }
}

impl Standing {
    /// Returns when to look again, if the message does not show yet what it should.
    pub(crate) fn again(&self) -> Option<DateTime<Utc>> {
        match self {
            Standing::Current(_, again) => *again,
            Standing::Behind(_, at) | Standing::NotYet(at) => Some(*at),
        }
    }
}

/// What a message is, apart from its content.
pub struct Identity<'a> {
    /// The mark by which it is found again; unique.
    pub key: String,
    pub channel: &'a str,
    /// The message in whose thread it stands.
    pub thread: Option<&'a MessageRef>,
    /// The request whose card it is: its deadline starts when the card stands.
    pub card_of: Option<RequestId>,
}

impl Outbox {
    /// Brings the message into the channel and up to date, as far as one try can.
    pub(crate) async fn show(&self, message: &Identity<'_>, card: &Card) -> WorkResult<Standing> {
        self.show_with(message, BTreeMap::new(), card).await
    }

    /// Does the same for a message that carries these facts unseen.
    pub(crate) async fn show_with(
        &self,
        message: &Identity<'_>,
        facts: BTreeMap<String, String>,
        card: &Card,
    ) -> WorkResult<Standing> {
        let now = self.s.clock.now();
        let mark = Mark { key: message.key.clone(), facts };
        let fresh = || MessageRow {
            thread: message.thread.map(|thread| thread.id.clone()),
            ..MessageRow::new(message.key.clone(), message.channel.to_owned())
        };
        let mut row = self.s.store.message(&message.key).await?.unwrap_or_else(fresh);
        if let Some(reference) = reference(&row).filter(|_| row.frozen) {
            return Ok(Standing::Current(reference, None));
        }
        if row.channel != message.channel && (row.ts.is_none() || message.card_of.is_some()) {
            // It has moved: what was tried, or stands, where it was to be before is not looked for in the new channel.
            row = MessageRow { page: row.page, ..fresh() };
        }
        if let Some(at) = backoff::until(row.retry_at, now) {
            return Ok(match reference(&row) {
                Some(reference) if row.rendered.as_deref() == Some(&self.digest(card)) => {
                    Standing::Current(reference, row.render_again_at.map(|again| again.max(at)))
                }
                Some(reference) => Standing::Behind(reference, at),
                None => Standing::NotYet(at),
            });
        }
        match reference(&row) {
            Some(reference) => self.keep_up(&mut row, reference, &mark, card).await,
            None => self.bring(&mut row, message, &mark, card).await,
        }
    }

    async fn keep_up(
        &self,
        row: &mut MessageRow,
        reference: MessageRef,
        mark: &Mark,
        card: &Card,
    ) -> WorkResult<Standing> {
        let now = self.s.clock.now();
        let digest = self.digest(card);
        let longest = || self.s.clock.now() + LATE_UPDATE_WITHIN;
        if row.render_again_at.is_some_and(|at| at > longest()) {
            // The clock was put back, so how long ago that was is not known: the wait starts again, and is not over.
            row.render_again_at = Some(longest());
            self.s.store.save_message(row).await?;
        }
        let again = row.render_again_at.filter(|at| *at > now);
        let settling = row.render_again_at.is_some() && again.is_none();
        if row.rendered.as_deref() == Some(&digest) && !settling {
            return Ok(Standing::Current(reference, again));
        }
        // Recorded before the call: of an update under which the process dies, too, nobody knows when it takes effect.
        let before = (row.rendered.take(), row.render_again_at.replace(longest()));
        self.s.store.save_message(row).await?;
        match self.s.chat.update(&reference, mark, card).await {
            Ok(()) => self.is_current(row, reference, digest, again).await,
            Err(ChatError::NotFound(why)) => {
                // Somebody deleted it: the request stays valid, and it is posted again.
                tracing::warn!(key = row.key, why, "a message is gone; posting it again");
                (row.ts, row.tried_at, row.rendered, row.render_again_at) = (None, None, None, None);
                self.s.store.save_message(row).await?;
                Ok(Standing::NotYet(now))
            }
            Err(ChatError::Content(why)) => {
                tracing::error!(key = row.key, why, "a card was refused; showing its sentence instead");
                row.render_again_at = Some(longest());
                self.s.store.save_message(row).await?;
                match self.s.chat.update(&reference, mark, &notices::fallback(card)).await {
                    Ok(()) => self.is_current(row, reference, digest, again).await,
                    Err(error) => self.is_behind(row, reference, before, &error).await,
                }
            }
            Err(error) => self.is_behind(row, reference, before, &error).await,
        }
    }

    /// Records that the channel shows this now. It is to be rendered again then, if an earlier update may still come.
    async fn is_current(
        &self,
        row: &mut MessageRow,
        reference: MessageRef,
        digest: String,
        again: Option<DateTime<Utc>>,
    ) -> WorkResult<Standing> {
        (row.rendered, row.render_again_at) = (Some(digest), again);
        succeeded(row);
        self.channel_works(&row.channel);
        self.s.store.save_message(row).await?;
        Ok(Standing::Current(reference, again))
    }

    /// Records an update that failed. One that surely took no effect leaves what was known before it.
    async fn is_behind(
        &self,
        row: &mut MessageRow,
        reference: MessageRef,
        before: (Option<String>, Option<DateTime<Utc>>),
        error: &ChatError,
    ) -> WorkResult<Standing> {
        if !matches!(error, ChatError::Ambiguous(_)) {
            (row.rendered, row.render_again_at) = before;
        }
        let at = self.put_off(row, error).await?;
        Ok(Standing::Behind(reference, at))
    }

    async fn bring(
        &self,
        row: &mut MessageRow,
        message: &Identity<'_>,
        mark: &Mark,
        card: &Card,
    ) -> WorkResult<Standing> {
        if let Some(tried_at) = row.tried_at {
            let from = looked_for_from(tried_at, self.s.clock.now());
            let tried = signed::tried(&row.key, tried_at, &self.s.store.lineage());
            match self.s.chat.find(message.channel, message.thread, &tried, from).await {
                Ok(Some(reference)) => return self.stands(row, message, reference, None).await,
                // Without the right to look, a second message at most: both are views of the same request.
                Ok(None) | Err(ChatError::Denied(_)) => {}
                Err(error) => return Ok(Standing::NotYet(self.put_off(row, &error).await?)),
            }
        }
        row.tried_at.get_or_insert(self.s.clock.now());
        self.s.store.save_message(row).await?;
        let digest = self.digest(card);
        match self.s.chat.post(message.channel, message.thread, mark, card).await {
            Ok(reference) => self.stands(row, message, reference, Some(digest)).await,
            // A picture may not be ready yet: the next tries are later.
            Err(error @ ChatError::Content(_)) if self.reports.pictures_refused(&card.blocks) => {
                Ok(Standing::NotYet(self.put_off(row, &error).await?))
            }
            Err(ChatError::Content(why)) => {
                tracing::error!(key = row.key, why, "a card was refused; posting what is simpler instead");
                let fallback = card.without_pictures().unwrap_or_else(|| notices::fallback(card));
                match self.s.chat.post(message.channel, message.thread, mark, &fallback).await {
                    Ok(reference) => self.stands(row, message, reference, Some(digest)).await,
                    Err(error) => Ok(Standing::NotYet(self.put_off(row, &error).await?)),
                }
            }
            Err(error) => Ok(Standing::NotYet(self.put_off(row, &error).await?)),
        }
    }

    async fn stands(
        &self,
        row: &mut MessageRow,
        message: &Identity<'_>,
        reference: MessageRef,
        rendered: Option<String>,
    ) -> WorkResult<Standing> {
        row.ts = Some(reference.id.clone());
        row.rendered = rendered;
        succeeded(row);
        self.channel_works(&row.channel);
        match message.card_of {
            Some(request) => {
                let card = CardStands {
                    key: row.key.clone(),
                    channel: row.channel.clone(),
                    ts: reference.id.clone(),
                    // What a found card shows isn't known: it is rendered again.
                    rendered: row.rendered.clone().unwrap_or_default(),
                    request,
                };
                self.s.store.card_stands(card, self.s.clock.now()).await?;
            }
            None => self.s.store.save_message(row).await?,
        }
        // Looked at again at once: a card now has a deadline to show, and what a found message shows isn't known.
        Ok(Standing::Behind(reference, self.s.clock.now()))
    }

    fn digest(&self, card: &Card) -> String {
        digest(card, self.s.store.lineage().database.epoch)
    }

    /// Records a failed try and says when to try again.
    pub(crate) async fn put_off(&self, row: &mut MessageRow, error: &ChatError) -> WorkResult<DateTime<Utc>> {
        // Being asked to wait is no failed try.
        if !matches!(error, ChatError::RateLimited(_)) {
            row.attempts += 1;
        }
        let backoff = backoff::doubled(Duration::seconds(1), row.attempts, RETRY_MAX);
        let wait = match error {
            ChatError::RateLimited(wait) => Duration::from_std(*wait).unwrap_or(backoff::LONGEST),
            ChatError::Channel(_) => {
                let (first, longest) = UNUSABLE_CHANNEL_RETRY;
                backoff::doubled(first, row.attempts.saturating_sub(1), longest)
            }
            ChatError::Denied(_) => UNUSABLE_CHANNEL_RETRY.1,
            ChatError::Unavailable(_)
            | ChatError::Ambiguous(_)
            | ChatError::NotFound(_)
            | ChatError::Content(_) => backoff,
        };
        let at = backoff::put_off(self.s.clock.now(), wait);
        tracing::warn!(key = row.key, attempts = row.attempts, %error, "a message could not be sent; trying again");
        row.retry_at = Some(at);
        self.s.store.save_message(row).await?;
        if let ChatError::Channel(why) = error {
            if self.leaves_channel(row).await? {
                return Ok(self.s.clock.now());
            }
            lock(&self.unusable).insert(row.channel.clone(), why.clone());
            if row.attempts == 1 {
                self.tell_people_of(&row.channel, why).await;
            }
        }
        Ok(at)
    }

    /// Moves the request whose message this is to its policy's channel of today, if that is another one than the one that
    /// can't be posted to: there is somebody who reads it, and the approvers are looked up there in any case.
    async fn leaves_channel(&self, row: &MessageRow) -> WorkResult<bool> {
        let Some(id) = request_of(&row.key) else { return Ok(false) };
        let Some(request) = self.s.store.request_alone(id).await? else { return Ok(false) };
        let Some(policy) = self.s.policy(&request.policy) else { return Ok(false) };
        if row.channel != request.channel || policy.channel == request.channel {
            return Ok(false);
        }
        let moves = self.s.store.move_request(id, policy.channel.clone()).await?;
        if moves {
            let (from, to) = (request.channel, &policy.channel);
            tracing::warn!(request = id.0, from, to, "the messages about a request move to another channel");
        }
        Ok(moves)
    }

    /// Notifies the policy's admins and approvers that its channel can't be posted to, which the channel can't say
    /// itself; those of groups too, each once per message.
    async fn tell_people_of(&self, channel: &str, why: &str) {
        for policy in self.policies_of(channel) {
            let note = notices::channel_unusable(&policy.name, channel, why);
            for user in self.authz.people_of(&[&policy.admins, &policy.approvers]).await {
                let to = ReplyTo { user: user.clone(), channel: None, handle: None };
                if let Err(error) = self.s.chat.send_ephemeral(&to, &note).await {
                    tracing::warn!(user, %error, "can't notify a person that the channel can't be used");
                }
            }
        }
    }

    /// Returns the open requests of the policy whose card can't be posted, because the channel takes none. They ask
    /// nobody: the next sweep asks instead, and ends them.
    pub(crate) async fn unposted(&self, policy: &Policy) -> WorkResult<Vec<RequestId>> {
        if !lock(&self.unusable).contains_key(&policy.channel) {
            return Ok(Vec::new());
        }
        Ok(self.s.store.unposted(&policy.name).await?)
    }

    /// Notes that the channel can be posted to. If it could not before, its people are looked up again.
    fn channel_works(&self, channel: &str) {
        if lock(&self.unusable).remove(channel).is_some() {
            self.look_up_people_of(self.policies_of(channel));
        }
    }

    fn policies_of(&self, channel: &str) -> impl Iterator<Item = &Policy> {
        self.s.policies.iter().filter(move |policy| policy.channel == channel)
    }

    fn look_up_people_of<'a>(&self, policies: impl Iterator<Item = &'a Policy>) {
        policies.for_each(|policy| self.authz.look_up_deciders_soon(&policy.name));
        self.s.nudge();
    }

    /// Notes that somebody has joined a channel, perhaps the bot: what waits to be said there is said, and who can
    /// decide is looked up again.
    pub(crate) async fn somebody_joined(&self, channel: &str) -> WorkResult<()> {
        if self.policies_of(channel).next().is_some() {
            self.s.store.retry_now(channel).await?;
            self.look_up_people_of(self.policies_of(channel));
        }
        Ok(())
    }

    /// Posts a message that never changes. Returns when to try again, if it does not stand yet.
    pub(crate) async fn told(
        &self,
        message: &Identity<'_>,
        card: &Card,
    ) -> WorkResult<Option<DateTime<Utc>>> {
        if self.s.store.message(&message.key).await?.is_some_and(|row| row.ts.is_some()) {
            return Ok(None);
        }
        Ok(match self.show(message, card).await? {
            Standing::Current(..) | Standing::Behind(..) => None,
            Standing::NotYet(at) => Some(at),
        })
    }

    /// Returns the channels that can't be posted to, and why.
    pub(crate) fn unusable_channels(&self) -> BTreeMap<String, String> {
        lock(&self.unusable).clone()
    }
}

/// From when on a message is looked for that was tried then. A try in the future was made before the clock was put back:
/// how long ago that was, nobody knows.
pub(crate) fn looked_for_from(tried_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let from = if tried_at > now { now - TRIED_WITHIN } else { tried_at };
    from - CLOCK_SKEW
}

fn succeeded(row: &mut MessageRow) {
    (row.tried_at, row.retry_at, row.attempts) = (None, None, 0);
}

/// Returns a fingerprint of a card. Its buttons are of one epoch of the database; those of the first name none.
fn digest(card: &Card, epoch: i64) -> String {
    let epoch = if epoch > 1 && signed::is_signed(card) { epoch.to_string() } else { String::new() };
    hex(&Sha256::digest(format!("{card:?}{epoch}")))[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Block, Button, Text};
    use crate::engine::bench::Bench;
    use crate::services::card_key;

    fn said(words: &str) -> Card {
        Card { summary: Text::plain(words), blocks: Vec::new() }
    }

    /// Shows it although nothing may be posted: any attempt panics.
    async fn shown(bench: &Bench, card: &Card) -> Standing {
        let message = Identity { key: "k".to_owned(), channel: "C1", thread: None, card_of: None };
        bench.engine.outbox.show(&message, card).await.unwrap()
    }

    /// A message that stands and shows the card.
    fn standing(card: &Card) -> MessageRow {
        let row = MessageRow::new("k".to_owned(), "C1".to_owned());
        MessageRow { ts: Some("1.2".to_owned()), rendered: Some(digest(card, 1)), ..row }
    }

    #[tokio::test]
    async fn what_stands_as_it_should_is_not_sent_again() {
        let (bench, card) = (Bench::new(), said("hello"));
        let (store, now) = (&bench.engine.s.store, bench.engine.s.clock.now());
        let reference = MessageRef { channel: "C1".to_owned(), id: "1.2".to_owned() };
        store.save_message(&standing(&card)).await.unwrap();
        assert_eq!(shown(&bench, &card).await, Standing::Current(reference.clone(), None));

        // A late update may still come: it is sent again after that. The clock was put back: after the whole wait.
        for (wait, longest) in [(Duration::seconds(30), 30), (Duration::hours(3), 60)] {
            let row = MessageRow { render_again_at: Some(now + wait), ..standing(&card) };
            store.save_message(&row).await.unwrap();
            let Standing::Current(_, Some(again)) = shown(&bench, &card).await else { panic!("it stands") };
            let wait = (again - bench.engine.s.clock.now()).num_seconds();
            assert!((longest - 20..=longest).contains(&wait), "{wait}");
        }

        // What waits for its turn is not sent before, and is up to date only if it shows this.
        let retry_at = Some(now + Duration::minutes(2));
        store.save_message(&MessageRow { retry_at, ..standing(&card) }).await.unwrap();
        assert_eq!(shown(&bench, &card).await, Standing::Current(reference.clone(), None));
        let Standing::Behind(behind, at) = shown(&bench, &said("goodbye")).await else { panic!("it is old") };
        assert!(behind == reference && at > now + Duration::seconds(119), "{at}");
    }

    #[tokio::test]
    async fn that_a_message_is_sent_is_written_down_before_it_is() {
        let bench = Bench::new();
        let engine = std::sync::Arc::clone(&bench.engine);
        let sent = tokio::spawn(async move {
            let thread = MessageRef { channel: "C1".to_owned(), id: "1.2".to_owned() };
            let message =
                Identity { key: "k".to_owned(), channel: "C1", thread: Some(&thread), card_of: None };
            engine.outbox.show(&message, &said("hello")).await.map(drop)
        });
        assert!(sent.await.unwrap_err().is_panic(), "it was sent");
        let row = bench.engine.s.store.message("k").await.unwrap().expect("it was written down");
        assert!(row.ts.is_none() && row.tried_at.is_some());
        assert_eq!(row.thread.as_deref(), Some("1.2"));
    }

    #[test]
    fn a_message_about_a_request_has_its_number_in_the_mark() {
        assert_eq!(request_of(&card_key(RequestId(7))), Some(RequestId(7)));
        assert_eq!(request_of("request:8:outcomes:2"), Some(RequestId(8)));
        assert_eq!((request_of("sweep:7:notice"), request_of("request:x:card")), (None, None));
    }

    #[test]
    fn a_card_with_buttons_is_drawn_again_in_another_epoch_of_the_database_and_one_without_is_not() {
        let with = |blocks| {
            let card = Card { summary: Text::plain("hello"), blocks };
            [1, 2, 3].map(|epoch| digest(&card, epoch))
        };
        let [first, second, third] = with(vec![Block::Buttons(vec![Button::new("deny", "1:x", "Deny")])]);
        assert!(first != second && second != third);
        let [first, second, third] = with(vec![Block::Section(Text::plain("bye"))]);
        assert!(first == second && second == third);
    }

    #[test]
    fn a_message_is_looked_for_from_before_it_was_tried_and_a_day_back_if_nobody_knows_when_that_was() {
        let now = DateTime::UNIX_EPOCH + Duration::days(20);
        let before = now - Duration::hours(3);
        assert_eq!(looked_for_from(before, now), before - CLOCK_SKEW);
        assert_eq!(looked_for_from(now, now), now - CLOCK_SKEW);
        let put_back = now + Duration::seconds(1);
        assert_eq!(looked_for_from(put_back, now), now - TRIED_WITHIN - CLOCK_SKEW);
    }
}
