//! Sends what is said once. The transaction of a fact adds its message ([`crate::store::Notice`]). Its words are made here
//! when it is sent, from the rows as they are then, so that a crash in between loses nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::chat::{Card, MessageRef};
use crate::domain::assess::left_alone_until;
use crate::domain::digest;
use crate::domain::ids::{RequestId, SweepId};
use crate::domain::plan::Verdict;
use crate::domain::policy::Policy;
use crate::domain::restoration::RestorationState;
use crate::domain::schedule;
use crate::identity::Terms;
use crate::outbox::{Identity, Outbox};
use crate::reports::overview::is_late;
use crate::services::WorkResult;
use crate::store::{Drifted, Notice, SweepRow, SweepState};
use crate::wording::{digest as digests, drift, exemptions, notices, pauses};

/// One message as it is to stand.
struct Part {
    key: String,
    channel: String,
    thread: Option<MessageRef>,
    card: Card,
}

impl Part {
    fn new(key: String, channel: &str, card: Card) -> Part {
        Part { key, channel: channel.to_owned(), thread: None, card }
    }

    fn below(key: String, thread: &MessageRef, card: Card) -> Part {
        Part { thread: Some(thread.clone()), ..Part::new(key, &thread.channel, card) }
    }
}

/// Everything that there is to say of a fact, in its order. Without a policy there is no channel, and nothing to say.
#[derive(Default)]
struct Saying {
    parts: Vec<Part>,
    /// There may be more to say later.
    goes_on: bool,
}

impl From<Vec<Part>> for Saying {
    fn from(parts: Vec<Part>) -> Saying {
        Saying { parts, goes_on: false }
    }
}

impl Outbox {
    /// Returns what is to be said now. What comes up by the clock is written down first; a fault in one keeps no other
    /// waiting.
    pub(crate) async fn unsaid(&self) -> WorkResult<Vec<Notice>> {
        let now = self.s.clock.now();
        if let Err(error) = self.s.store.lapse_exemptions(now).await {
            tracing::error!(%error, "can't end the exemptions that are over; none of them counts all the same");
        }
        for policy in &self.s.policies {
            let noticed = self.s.store.notice_exemptions(&policy.name, policy.exemption_notice, now).await;
            if let Err(error) = noticed {
                tracing::error!(policy = &*policy.name, %error, "can't tell which exemptions end soon");
            }
            let digest = async {
                let known = self.s.store.know_policy(&policy.name, now).await?;
                match digest::owed(policy, known.first_seen_at, now) {
                    Some(owed) => self.s.store.start_digest(&policy.name, owed).await,
                    None => Ok(()),
                }
            };
            if policy.digest.is_some()
                && let Err(error) = digest.await
            {
                tracing::error!(policy = &*policy.name, %error, "can't start the digest that is owed");
            }
        }
        let late = self.reports.late_sweeps(now).await?.into_iter().map(|sweep| Notice::LateSweep(sweep.id));
        Ok(self.s.store.unsaid().await?.into_iter().chain(late).collect())
    }

    /// Sends what there is to say. Returns when to try again, if it could not be sent.
    pub(crate) async fn say(&self, notice: Notice) -> WorkResult<Option<DateTime<Utc>>> {
        let saying = match notice {
            Notice::Pause(id) => self.of_pause(id).await?,
            Notice::Digest(id) => self.of_digest(id).await?.into(),
            Notice::ExemptionsEnd(batch) => self.of_exemptions(batch).await?.into(),
            Notice::Drift(batch) => self.of_drift(batch).await?.into(),
            Notice::Missed(watch) => self.of_missed_sign(watch).await?.into(),
            Notice::Sweep(id) => self.of_sweep(id).await?.into(),
            Notice::LateSweep(id) => Saying { parts: self.of_late_sweep(id).await?, goes_on: true },
            Notice::Restoration(id) => self.of_restoration(id).await?.into(),
        };
        for Part { key, channel, thread, card } in saying.parts {
            let message = Identity { key, channel: &channel, thread: thread.as_ref(), card_of: None };
            if let Some(at) = self.told(&message, &card).await? {
                return Ok(Some(at));
            }
        }
        if !saying.goes_on {
            self.s.store.said(notice, self.s.clock.now()).await?;
        }
        Ok(None)
    }

    /// While a pause is in force, each sweep that does not start because of it is reported.
    async fn of_pause(&self, id: i64) -> WorkResult<Saying> {
        let Some(pause) = self.s.store.pause_by_id(id).await? else { return Ok(Saying::default()) };
        let goes_on = pause.ended.is_none();
        let Some(policy) = self.s.policy(&pause.policy) else {
            return Ok(Saying { parts: Vec::new(), goes_on });
        };
        let part = |key, card| Part::new(key, &policy.channel, card);
        let mut parts = vec![part(Notice::Pause(id).key(), pauses::began(&pause))];
        if let Some(by) = &pause.ended {
            parts.push(part(format!("pause:{id}:ended"), pauses::ended(&pause, by)));
        // What was owed before the pause began isn't missed for it.
        } else if let Some(slot) = schedule::owed_slot(policy, pause.began.at, self.s.clock.now()) {
            let key = format!("pause:{id}:slot:{}", slot.timestamp());
            parts.push(part(key, pauses::no_sweep(&pause, slot)));
        }
        Ok(Saying { parts, goes_on })
    }

    async fn of_digest(&self, id: i64) -> WorkResult<Vec<Part>> {
        let Some(row) = self.s.store.digest(id).await? else { return Ok(Vec::new()) };
        let policy = self.s.policy(&row.policy).and_then(|policy| Some((policy, policy.digest.as_ref()?)));
        let Some((policy, digest)) = policy else { return Ok(Vec::new()) };
        let now = self.s.clock.now();
        let mut ending = self.s.store.open_exemptions(vec![policy.name.clone()], now).await?;
        let until = row.until + (row.until - row.since);
        ending.retain(|granted| granted.in_force(now) && granted.ends_at <= until);
        let view = digests::DigestView {
            policy: &policy.name,
            period: digest.period,
            since: row.since,
            until: row.until,
            tally: &self.s.store.tally(&policy.name, row.since, row.until).await?,
            open: self.s.store.open_requests(Some(&policy.name)).await?.len(),
            ending: ending.len(),
            trend: self.reports.trend(policy).await?,
        };
        Ok(vec![Part::new(Notice::Digest(id).key(), &policy.channel, digests::card(&view))])
    }

    async fn of_exemptions(&self, batch: i64) -> WorkResult<Vec<Part>> {
        let now = self.s.clock.now();
        let mut ending = self.s.store.exemption_batch(batch).await?;
        // One that was lifted meanwhile ends no more.
        ending.retain(|granted| granted.is_open(now));
        let policy = ending.first().and_then(|granted| self.s.policy(&granted.policy));
        let part = |policy: &Policy| {
            let card = exemptions::ending_soon(&ending, now);
            Part::new(Notice::ExemptionsEnd(batch).key(), &policy.channel, card)
        };
        Ok(policy.map(part).into_iter().collect())
    }

    /// The channel hears of all, and the thread of each card of its own.
    async fn of_drift(&self, batch: i64) -> WorkResult<Vec<Part>> {
        let found = self.s.store.drift_batch(batch).await?;
        let Some(first) = found.first() else { return Ok(Vec::new()) };
        let Some(policy) = self.s.policy(&first.policy) else { return Ok(Vec::new()) };
        // Those of one batch are of one provider.
        let terms = self.s.terms(&first.watch.provider);
        let mut cards: BTreeMap<RequestId, MessageRef> = BTreeMap::new();
        for request in found.iter().map(|one| one.watch.request) {
            cards.extend(self.s.card_of(request).await?.map(|card| (request, card)));
        }
        let card = drift::in_channel(policy, &found, &cards, terms);
        let mut parts = vec![Part::new(Notice::Drift(batch).key(), &policy.channel, card)];
        for (request, card) in &cards {
            let of_request: Vec<&Drifted> =
                found.iter().filter(|one| one.watch.request == *request).collect();
            let several = of_request.chunks(self.s.chat.room().paragraphs).enumerate();
            parts.extend(several.map(|(part, several)| {
                let key = format!("drift:{batch}:request:{request}:{part}");
                Part::below(key, card, drift::in_thread(policy, several, terms))
            }));
        }
        Ok(parts)
    }

    /// The thread of the card hears what came to light of an account that it suspended.
    async fn of_missed_sign(&self, watch: i64) -> WorkResult<Vec<Part>> {
        let Some((found, missed)) = self.s.store.missed(watch).await? else { return Ok(Vec::new()) };
        let Some((request, candidates)) = self.s.store.request(found.request).await? else {
            return Ok(Vec::new());
        };
        let Some(policy) = self.s.policy(&request.policy) else { return Ok(Vec::new()) };
        let candidate = candidates.iter().find(|one| one.shown.id == found.account.id);
        let (now, terms) = (self.s.clock.now(), self.s.terms(&found.provider));
        let said = drift::missed(policy, &request, candidate, &found, &missed, now, terms);
        let key = Notice::Missed(watch).key();
        Ok(vec![match self.s.card_of(request.id).await? {
            Some(card) => Part::below(key, &card, said),
            None => Part::new(key, &policy.channel, said),
        }])
    }

    async fn of_sweep(&self, id: SweepId) -> WorkResult<Vec<Part>> {
        let Some(sweep) = self.s.store.sweep(id).await? else { return Ok(Vec::new()) };
        let Some(policy) = self.s.policy(&sweep.policy) else { return Ok(Vec::new()) };
        let part = |card| Part::new(Notice::Sweep(id).key(), &policy.channel, card);
        let terms = self.s.terms(&sweep.rule.provider);
        Ok(sweep_notice(policy, &sweep, terms).map(part).into_iter().collect())
    }

    /// A row counts a sweep's age from its first try, over restarts and reloads of the configuration: a sweep that is begun
    /// again and again shows like one that hangs.
    async fn of_late_sweep(&self, id: SweepId) -> WorkResult<Vec<Part>> {
        let Some(sweep) = self.s.store.sweep(id).await? else { return Ok(Vec::new()) };
        let policy = self.s.policy(&sweep.policy);
        let late = policy.filter(|policy| is_late(&sweep, policy, self.s.clock.now()));
        let part = |policy: &Policy| {
            let card = notices::sweep_late(&sweep.policy, sweep.started_at);
            Part::new(Notice::LateSweep(id).key(), &policy.channel, card)
        };
        Ok(late.map(part).into_iter().collect())
    }

    async fn of_restoration(&self, id: i64) -> WorkResult<Vec<Part>> {
        let Some(restoration) = self.s.store.restoration(id).await? else { return Ok(Vec::new()) };
        let Some(policy) = self.s.policy(&restoration.wish.policy) else { return Ok(Vec::new()) };
        let until = match restoration.state {
            RestorationState::Restored { at, .. } => Some(left_alone_until(at, &policy.rule)),
            RestorationState::Due { .. }
            | RestorationState::Skipped { .. }
            | RestorationState::Failed { .. } => None,
        };
        let card = match restoration.wish.request {
            Some(request) => self.s.card_of(request).await?,
            None => None,
        };
        let card = exemptions::restoration(
            &restoration,
            card.as_ref(),
            until,
            self.s.terms(&restoration.wish.provider),
        );
        Ok(vec![Part::new(Notice::Restoration(id).key(), &policy.channel, card)])
    }
}

/// What the channel hears of a sweep that has no card: failed, refused, or with nobody to ask about.
fn sweep_notice(policy: &Policy, sweep: &SweepRow, terms: Terms) -> Option<Card> {
    match &sweep.state {
        SweepState::Failed { error, .. } => Some(notices::sweep_failed(&sweep.policy, error)),
        SweepState::Finished { verdict: Verdict::Refused(guard), .. } => {
            Some(notices::sweep_refused(&sweep.policy, guard, terms))
        }
        // Held with nobody on the list: there is no card to release.
        SweepState::Finished { verdict: Verdict::Held(guard), counts, .. } if counts.candidates == 0 => {
            Some(notices::sweep_refused(&sweep.policy, guard, terms))
        }
        SweepState::Finished { verdict: Verdict::NoCandidates, counts, .. } => {
            // An account that could not be judged might have been proposed: that is no quiet day.
            let announce =
                sweep.trigger.person().is_some() || counts.unknown > 0 || policy.announce_no_candidates;
            announce.then(|| notices::no_candidates(&sweep.policy, &sweep.rule, *counts))
        }
        SweepState::Started
        | SweepState::Finished { verdict: Verdict::Ask | Verdict::Preview | Verdict::Held(_), .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::bench::Bench;
    use crate::store::MessageRow;

    #[tokio::test]
    async fn what_stands_in_the_channel_is_not_said_again() {
        let bench = Bench::new();
        let (store, outbox) = (&bench.engine.s.store, &bench.engine.outbox);
        let sweep = bench.sweep("slot").await;
        assert_eq!(outbox.unsaid().await.unwrap(), []);
        store.fail_sweep(sweep, "down", bench.engine.s.clock.now()).await.unwrap();
        let notice = Notice::Sweep(sweep);
        assert_eq!(outbox.unsaid().await.unwrap(), [notice]);
        let row = MessageRow { ts: Some("1.2".to_owned()), ..MessageRow::new(notice.key(), "C1".to_owned()) };
        store.save_message(&row).await.unwrap();
        assert_eq!(outbox.unsaid().await.unwrap(), [notice], "it waits until that is noted");
        // Posting anything panics here.
        assert_eq!(outbox.say(notice).await.unwrap(), None);
        assert_eq!(outbox.unsaid().await.unwrap(), []);
        assert_eq!(store.message(&notice.key()).await.unwrap(), Some(row));
    }

    #[tokio::test]
    async fn of_what_nobody_is_to_hear_nothing_is_left() {
        let bench = Bench::new();
        let (store, outbox) = (&bench.engine.s.store, &bench.engine.outbox);
        bench.asked().await;
        let notice = Notice::Sweep(store.last_sweep("p").await.unwrap().expect("it has ended").id);
        assert_eq!(outbox.unsaid().await.unwrap(), [notice]);
        assert_eq!(outbox.say(notice).await.unwrap(), None, "its card says it");
        assert_eq!(outbox.unsaid().await.unwrap(), []);
        assert_eq!(store.message(&notice.key()).await.unwrap(), None);
    }
}
