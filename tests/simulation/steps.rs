//! One step of a simulation: what happens next is drawn from the seed.

use chrono::Duration;
use inactive_contractors::domain::account::{AccountStatus, Changer};

use crate::fate::Weather;
use crate::okta::changed;
use crate::terms::{APPROVERS, CONTRACTOR, IN_GROUP, everybody};
use crate::world::World;

impl World {
    pub fn step(&mut self) {
        self.fate.count("steps");
        if self.process.is_some() && self.is_stopped() && self.fate.chance(40) {
            self.resumes();
        }
        match self.fate.below(100) {
            0..32 => self.input(),
            32..36 => self.choose(),
            36..46 => self.fill_in(),
            46..56 => self.command(),
            56..60 => self.again(),
            60..68 => self.time_goes_by(),
            68..70 => self.clock_is_wrong(),
            70..78 => self.in_okta(),
            78..82 => self.in_slack(),
            82..86 => self.weather(),
            86..91 => self.dies(),
            91..93 => self.restarts(),
            93..95 => self.in_the_folder(),
            _ => self.comes(),
        }
        let ms = match self.fate.below(10) {
            0..3 => 0,
            3..6 => self.fate.below(300),
            6..9 => self.fate.below(4_000),
            _ => self.fate.below(15_000),
        };
        self.works_for(ms);
        if self.process.is_none() && self.fate.chance(85) {
            self.fate.trace("starts");
            self.start();
        }
    }

    /// A deadline comes, and somebody clicks in the same moment.
    fn deadline_comes(&mut self) {
        let asked = self.court.ledger().requests().into_iter().filter(|asked| !asked.has_ended());
        let Some(deadline) = asked.filter_map(|asked| asked.deadline).max() else { return self.input() };
        let off = i64::try_from(self.fate.below(4_000)).expect("seconds") - 1_000;
        let by = deadline - self.fate.bot_now() + Duration::milliseconds(off);
        self.fate.trace("a deadline comes");
        self.fate.advance(by.max(Duration::zero()));
        self.input();
    }

    fn time_goes_by(&mut self) {
        if self.fate.chance(20) {
            return self.deadline_comes();
        }
        let minutes = match self.fate.below(10) {
            0..4 => 1 + self.fate.below(15),
            4..8 => 15 + self.fate.below(600),
            8 => 600 + self.fate.below(1_000),
            _ => 1_600 + self.fate.below(2_700),
        };
        self.fate.trace(&format!("{minutes} min go by"));
        self.fate.advance(Duration::minutes(i64::try_from(minutes).expect("days")));
    }

    fn clock_is_wrong(&mut self) {
        let back = if self.fate.chance(50) { 0 } else { i64::try_from(self.fate.below(120)).expect("hours") };
        self.fate.trace(&format!("the clock is {back} min behind"));
        self.fate.set_skew(-Duration::minutes(back));
    }

    fn in_okta(&mut self) {
        let mut people = self.okta.people();
        if self.fate.chance(50) && people.iter().any(|person| person.status == AccountStatus::Suspended) {
            people.retain(|person| person.status == AccountStatus::Suspended);
        }
        let person = &people[self.fate.below(people.len())];
        let admin = || Changer::Admin { name: "an admin".to_owned(), id: None };
        let (what, action) = match (&person.status, self.fate.below(8)) {
            (AccountStatus::Suspended, 0..6) => ("reactivated by an admin", "user.lifecycle.unsuspend"),
            (AccountStatus::Active, 0..2) => ("signs in", ""),
            (AccountStatus::Active, 2..4) => ("uses an app", ""),
            (AccountStatus::Active, 4) => ("suspended by an admin", "user.lifecycle.suspend"),
            (AccountStatus::Active, 5) => ("suspended and reactivated", "user.lifecycle.unsuspend"),
            (_, 6) => ("gone", ""),
            _ => ("made an admin or not", ""),
        };
        self.fate.trace(&format!("Okta: {} {what}", person.login));
        self.okta.change(&person.id, |person, now| match what {
            "signs in" => person.last_sign_in = Some(now),
            "uses an app" => person.log.push(now),
            "gone" => person.gone = true,
            "made an admin or not" => person.admin = !person.admin,
            _ => {
                let suspended = what == "suspended by an admin";
                person.status = if suspended { AccountStatus::Suspended } else { AccountStatus::Active };
                person.status_changed = now;
                person.changes.push(changed(now, action, admin()));
            }
        });
    }

    fn in_slack(&mut self) {
        match self.fate.below(4) {
            0 => {
                let cards: Vec<_> =
                    self.slack.messages().into_iter().filter(|one| one.key.ends_with(":card")).collect();
                if let Some(card) = cards.get(self.fate.below(cards.len())) {
                    self.fate.trace(&format!("Slack: {} is deleted", card.key));
                    self.slack.delete(&card.reference);
                }
            }
            1 => {
                let who = APPROVERS[self.fate.below(2)];
                self.slack.change_member(who, |member| member.outsider = !member.outsider);
                self.fate.trace(&format!("Slack: {who} is a guest now, or not any more"));
            }
            2 => {
                let who = [IN_GROUP, CONTRACTOR][self.fate.below(2)];
                self.slack.change_group(|group| match group.iter().position(|one| *one == who) {
                    Some(place) => drop(group.remove(place)),
                    None => group.push(who),
                });
                self.fate.trace(&format!("Slack: {who} joins the approvers' group, or leaves it"));
            }
            _ => {
                let who = everybody().nth(self.fate.below(7)).expect("seven");
                let listed = self.court.ledger().candidates().pop();
                let email = match self.fate.below(6) {
                    0 => None,
                    1..4 => listed.map(|listed| listed.login),
                    _ => Some(format!("{}@example.com", who.to_lowercase())),
                };
                self.fate.trace(&format!("Slack: {who} is {email:?} now"));
                self.slack.change_member(who, |member| member.email = email);
            }
        }
        self.court.people_changed(&self.slack);
    }

    fn weather(&mut self) {
        let draw = || match self.fate.below(20) {
            0..12 => Weather::Fair,
            12..17 => Weather::Rough,
            17..19 => Weather::Storm,
            _ => Weather::LockedOut,
        };
        // People see to what lasts.
        let (okta, slack) =
            if self.fate.chance(40) { (Weather::Rough, Weather::Rough) } else { (draw(), draw()) };
        self.fate.trace(&format!("weather: Okta {okta:?}, Slack {slack:?}"));
        self.fate.set_weather(okta, slack);
    }

    /// The process dies, at once or at one of the next places.
    fn dies(&mut self) {
        if self.process.is_none() || self.fate.chance(20) {
            self.fate.trace("dies");
            self.crash();
        } else {
            let kinds = ["change in Okta", "post", "update", "store", "store", "look in Okta"];
            let kind = kinds[self.fate.below(kinds.len())];
            let places = if kind == "store" { 60 } else { 3 };
            self.fate.die_in(u32::try_from(1 + self.fate.below(places)).expect("few"), kind);
        }
    }

    /// The bot is stopped, and started with another policy, or with the same.
    fn restarts(&mut self) {
        if self.fate.chance(50) {
            self.stop();
        } else {
            self.crash();
        }
        if self.fate.chance(70) {
            self.terms = self.terms.changed(&self.fate);
            self.policies = self.terms.policies();
            self.fate.trace(&format!("other terms: {:?}", self.terms));
        }
        self.fate.trace("starts");
        self.start();
        self.court.people_changed(&self.slack);
    }
}
