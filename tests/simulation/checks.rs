//! What must hold after every step, and what must hold once everything has settled.

use chrono::Duration;
use inactive_contractors::chat::{Block, Card};

use crate::fate::Weather;
use crate::slack::Message;
use crate::support::judge::{self, InOrg, Wrong};
use crate::support::ledger::{Asked, Event, Listed};
use crate::world::World;

/// So often an admin resumes in the end, a minute after the other: for five minutes it may be taken for sent too early.
const RESUMES: u32 = 7;

impl World {
    /// After each step.
    pub fn check(&mut self) {
        self.check_trail();
        self.check_epoch();
        self.tell(judge::once(self.court.ledger()));
        let effects = self.okta.suspensions().into_iter();
        self.tell(judge::suspended_once(effects.map(|effect| (effect.request, effect.account))));
        if let Some(panic) = crate::panicked() {
            self.fate.wrong(panic);
        }
    }

    fn tell(&self, wrong: Vec<Wrong>) {
        for (_, what) in wrong {
            self.fate.wrong(what);
        }
    }

    /// The trail is the earlier one, and more.
    fn check_trail(&mut self) {
        let last = self.trail.last().cloned();
        let seq = last.as_ref().map_or(0, |last| last.seq);
        let mut read = self.court.ledger().events_after(seq - 1);
        if let Some(last) = last {
            if read.first() != Some(&last) {
                self.fate.wrong(format!("event {seq} is another one than before"));
            }
            read.drain(..1.min(read.len()));
        }
        self.tell(judge::chain(self.trail.last(), &read));
        for event in read {
            self.fate.trace(&format!("    {}", event_in_words(&event)));
            self.court.event(&event);
            self.trail.push(event);
        }
    }

    /// The quiet end: nothing goes wrong any more, and everything settles.
    pub fn settle(&mut self) {
        self.fate.trace("quiet from here on");
        self.fate.set_weather(Weather::Still, Weather::Still);
        self.fate.set_skew(Duration::zero());
        self.slack.gives_addresses();
        self.fate.live_on();
        self.start();
        self.works_for(2_000);
        // A stop that a clock dated into the future is not ended by what seems to have been sent before it.
        for _ in 0..RESUMES {
            if self.is_stopped() {
                self.resumes();
                self.works_for(2_000);
                self.fate.advance(Duration::minutes(i64::from(self.is_stopped())));
            }
        }
        self.until_nothing_is_due();
        let ledger = self.court.ledger();
        let deadlines = ledger.requests().into_iter().filter(|asked| !asked.has_ended());
        if let Some(last) = deadlines.filter_map(|asked| asked.deadline).max() {
            self.fate.advance((last - self.fate.bot_now()).max(Duration::zero()) + Duration::seconds(61));
            self.until_nothing_is_due();
        }
        self.check_end();
        self.check_quiet();
    }

    fn until_nothing_is_due(&mut self) {
        self.works_for(2_000);
        for _ in 0..60 {
            self.check();
            let ledger = self.court.ledger();
            // Whatever was shown in doubt is rendered once more within a minute.
            if judge::due(ledger).is_empty() && ledger.unsent() == 0 {
                break;
            }
            self.fate.advance(Duration::seconds(60));
            // What the channel has seen may have been read only now.
            if self.is_stopped() {
                self.resumes();
            }
            self.works_for(2_000);
        }
        self.works_for(2_000);
        self.check();
    }

    fn check_end(&mut self) {
        let whole = self.court.ledger().events_after(0);
        if whole != self.trail {
            self.fate.wrong("the trail is not what it was when each event was first read".to_owned());
        }
        for what in judge::due(self.court.ledger()) {
            self.fate.wrong(format!("at the quiet end there are {what}"));
        }
        self.tell(judge::intents_ended(&whole));
        let candidates = self.court.ledger().candidates();
        for one in &candidates {
            self.check_outcome(one);
        }
        let earlier = self.court.ledger().last_of_earlier_epoch();
        for asked in self.court.ledger().requests().into_iter().filter(|asked| asked.id > earlier) {
            self.check_cards(&asked, &candidates);
        }
    }

    /// The outcome of an account is what the trail and the org say.
    fn check_outcome(&self, one: &Listed) {
        let of = |effect: &&crate::okta::Effect| {
            effect.request == Some(one.request) && effect.account == one.account
        };
        let effects = self.okta.suspensions();
        let lost = effects.iter().take(self.lost_effects).filter(of).count();
        let effects = effects.iter().filter(of).count();
        // Anyone who was suspended by us and is told otherwise: only if it happened unheard of, or others were there
        // since. What was done in the part that an older copy lacks is not in its rows.
        let others = one.json["why"] == "changed_by_others" || one.json["why"] == "gone";
        let stands = effects > lost && !others && !self.okta.was_late(&one.account) && !self.touched(one);
        self.tell(judge::outcome(self.court.ledger(), one, &InOrg { effects, stands }));
    }

    /// Whether somebody else changed the account's status after we did, so that nobody can tell any more what we did.
    fn touched(&self, one: &Listed) -> bool {
        let people = self.okta.people();
        let person = people.iter().find(|person| person.id == one.account).expect("nobody is forgotten");
        person.gone
            || person.changes.iter().any(|change| change.by != inactive_contractors::identity::Changer::Us)
    }

    fn check_cards(&self, asked: &Asked, candidates: &[Listed]) {
        let key = format!("request:{}:card", asked.id);
        let messages = self.slack.messages();
        let cards: Vec<&Message> = messages.iter().filter(|one| one.key == key && !one.deleted).collect();
        let wrong = |what: &str| self.fate.wrong(format!("request {} ({}): {what}", asked.id, asked.word()));
        if cards.len() > 1 + self.slack.excuses(&key) {
            wrong(&format!("{} cards", cards.len()));
        }
        let stands = self.court.ledger().message(&key);
        let card = stands.and_then(|ts| messages.iter().find(|one| one.key == key && one.reference.id == ts));
        let Some(card) = card else { return wrong("no card") };
        // What was deleted after the end is not put up again.
        if card.deleted && asked.has_ended() {
            return;
        }
        if card.deleted {
            self.fate.count("cards deleted behind the bot's back");
            return;
        }
        let shown = card.cards.last().expect("a message shows something");
        let (header, buttons) = header_and_buttons(shown);
        for (_, what) in judge::card(asked, candidates, header, &buttons) {
            wrong(&what);
        }
        let ending = format!("request:{}:ending", asked.id);
        let endings = messages.iter().filter(|one| one.key == ending && !one.deleted).count();
        if asked.has_ended() && !(1..=1 + self.slack.excuses(&ending)).contains(&endings) {
            wrong(&format!("its end was told {endings} times"));
        }
    }

    /// Looking at everything again changes nothing.
    fn check_quiet(&mut self) {
        for _ in 0..3 {
            let before = self.everything();
            self.process.as_ref().expect("nobody dies at the quiet end").nudge();
            self.works_for(1_500);
            self.process.as_ref().expect("nobody dies at the quiet end").nudge();
            self.works_for(1_500);
            if self.everything() == before {
                return;
            }
        }
        self.fate.wrong("looking again changes something each time".to_owned());
    }

    fn everything(&self) -> (Vec<String>, Vec<usize>, usize) {
        // When the bot last looked at a policy is no change.
        let shown = self.slack.messages().iter().map(|message| message.cards.len()).collect();
        (self.court.ledger().dump(), shown, self.okta.suspensions().len())
    }
}

fn header_and_buttons(card: &Card) -> (&str, Vec<&str>) {
    let (mut header, mut buttons) = ("", Vec::new());
    for block in &card.blocks {
        match block {
            Block::Header(text) if header.is_empty() => header = text,
            Block::Buttons(all) => buttons.extend(all.iter().map(|button| button.action.as_str())),
            _ => {}
        }
    }
    (header, buttons)
}

fn event_in_words(event: &Event) -> String {
    let request = event.request.map(|id| format!(" request {id}")).unwrap_or_default();
    let login = event.account.as_ref().map(|(_, login)| format!(" {login}")).unwrap_or_default();
    let who = event.person().unwrap_or("the bot");
    let quiet = ["sweep_finished", "proposed", "sweep_started"].contains(&event.action.as_str());
    let detail = if quiet { String::new() } else { event.detail.to_string() };
    let detail: String = detail.chars().take(200).collect();
    format!("{} {}: {}{request}{login} {detail}", event.seq, who, event.action)
}
