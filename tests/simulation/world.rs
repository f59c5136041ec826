//! One simulated world: an org, a workspace, a database file, and the bot's lives one after the other.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration as StdDuration;

use chrono::Duration;
use inactive_contractors::chat::{Ack, Inbound, Response, What};
use inactive_contractors::domain::policy::Policy;
use inactive_contractors::store::Store;

use crate::court::{Court, Deed};
use crate::fate::Fate;
use crate::okta::{Okta, Person};
use crate::process::{Acked, Process};
use crate::slack::{Member, Slack};
use crate::support::judge::{Became, became};
use crate::support::ledger::Event;
use crate::terms::{ADMIN, APPROVERS, CONTRACTOR, IN_GROUP, STRANGER, Terms, first_day};

pub struct World {
    pub fate: Fate,
    pub okta: Okta,
    pub slack: Slack,
    pub court: Court,
    pub terms: Terms,
    pub policies: Vec<Policy>,
    pub process: Option<Process>,
    /// What was sent, for anyone who sends it again.
    pub sent: Vec<Inbound>,
    /// What was sent and not acknowledged.
    pub unheard: Vec<Inbound>,
    pub number: u64,
    /// The trail as it was read last.
    pub trail: Vec<Event>,
    /// The last copy of the database, if there is one that was not put back.
    pub copy: Option<crate::older::Copy>,
    /// So many effects are from before an older copy was put back.
    pub lost_effects: usize,
    directory: tempfile::TempDir,
}

impl World {
    /// A world as the seed has it.
    pub fn new(seed: u64) -> World {
        let fate = Fate::new(seed, first_day());
        let terms = Terms::draw(&fate);
        let mut world = World::on_terms(fate, terms);
        world.people();
        world.start();
        world
    }

    /// A world without people in Okta, and without a bot yet.
    pub fn on_terms(fate: Fate, terms: Terms) -> World {
        let court = Court::new(fate.clone());
        let (for_suspensions, for_restorations) = (court.clone(), court.clone());
        let okta = Okta::new(
            fate.clone(),
            std::sync::Arc::new(move |account, look| for_suspensions.suspension(account, look)),
            std::sync::Arc::new(move |account, _| for_restorations.restoration(account)),
        );
        let slack = Slack::new(fate.clone(), members(), vec![IN_GROUP]);
        let world = World {
            policies: terms.policies(),
            fate,
            okta,
            slack,
            court,
            terms,
            process: None,
            sent: Vec::new(),
            unheard: Vec::new(),
            number: 0,
            trail: Vec::new(),
            copy: None,
            lost_effects: 0,
            directory: directory(),
        };
        std::fs::write(world.path(), empty_file()).expect("there is room for an empty database");
        world
    }

    fn people(&self) {
        let now = self.fate.now();
        for _ in 0..4 + self.fate.below(5) {
            self.comes();
        }
        self.okta.add(Person::new(90, "employee@example.com", "Employee", now));
    }

    /// One more contractor, who may have been away for long.
    pub fn comes(&self) {
        let (now, number) = (self.fate.now(), self.okta.people().len());
        let login = format!("worker{number}@example.com");
        let mut person = Person::new(number, &login, "Contractor", now);
        let days = [1, 20, 41, 60, 90, 200][self.fate.below(6)];
        person.last_sign_in = self.fate.chance(85).then(|| now - Duration::days(days));
        person.admin = self.fate.chance(5);
        if self.fate.chance(20) {
            person.log.push(now - Duration::days(12));
        }
        self.okta.add(person);
    }

    pub fn path(&self) -> PathBuf {
        self.beside("bot.db")
    }

    pub fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts the bot, if it doesn't run.
    pub fn start(&mut self) {
        if self.process.is_some() {
            return;
        }
        let path = self.path();
        self.court.goes_by(&self.terms, &self.policies[0].rule);
        self.process =
            Some(Process::start(&path, self.policies.clone(), &self.okta, &self.slack, &self.fate));
        self.court.read_from(&path);
    }

    /// The process is gone, however that came.
    pub fn crash(&mut self) {
        if self.process.take().is_some() {
            self.fate.gone();
            self.fate.count("crashes");
        }
        self.unheard.sort_by(|a, b| a.key.cmp(&b.key));
    }

    /// Ends the bot as a supervisor does.
    pub fn stop(&mut self) {
        let Some(process) = self.process.take() else { return };
        let stopped = process.stop();
        self.fate.gone();
        self.fate.count(if stopped { "restarts" } else { "crashes" });
    }

    /// Lets the bot work for so long.
    pub fn works_for(&mut self, ms: usize) {
        let time = StdDuration::from_millis(ms as u64);
        let Some(process) = &self.process else {
            self.fate.advance(Duration::from_std(time).expect("short"));
            return;
        };
        let alive = process.works_for(time);
        let acked = process.acked();
        for acked in acked {
            self.heard(acked);
        }
        if !alive {
            self.crash();
        }
        self.okta.catch_up();
        self.slack.catch_up();
    }

    /// A frame arrives at the bot, if it runs.
    pub fn deliver(&mut self, inbound: Inbound) {
        if !self.sent.iter().any(|sent| sent.key == inbound.key) {
            self.sent.push(inbound.clone());
        }
        let Some(process) = &self.process else {
            self.unheard.push(inbound);
            return;
        };
        process.receive(inbound.clone());
        self.unheard.push(inbound);
    }

    /// An input was acknowledged: from now on what it decided must never be lost.
    fn heard(&mut self, Acked { inbound, ack }: Acked) {
        self.fate.trace(&format!("acknowledged: {} {}", inbound.key, ack_in_words(&ack)));
        self.fate.count("acknowledged");
        self.unheard.retain(|unheard| unheard.key != inbound.key);
        // A command is carried out after its acknowledgement, and answered by what it came to.
        let promises = !matches!(inbound.what, What::Command { .. });
        if let Some(deed) = self.court.deed(&inbound.key).filter(|_| promises) {
            let outcome = self.court.ledger().outcome(&deed.key);
            self.fate.trace(&format!("{}: {}", deed.key, outcome.as_deref().unwrap_or_default()));
            match became(outcome.as_deref()) {
                Became::Lost(why) => self.fate.wrong(format!("{} was acknowledged and {why}", deed.key)),
                Became::NoEffect => {}
                Became::Decided => self.check_kept(&deed, &outcome.unwrap_or_default()),
            }
            self.court.settled(&inbound.key);
        }
        self.slack.answered(&inbound, &ack);
    }
}

impl World {
    /// What was acknowledged as decided is in the trail.
    fn check_kept(&self, deed: &Deed, outcome: &str) {
        let (events, request) = (self.court.ledger().events_of(deed.user), Some(deed.request));
        let is_it = |event: &Event| {
            let then = deed.at.iter().any(|at| at.timestamp_millis() == event.at().timestamp_millis());
            event.request == request && event.action != "input_refused" && then
        };
        if !events.iter().any(is_it) {
            self.fate.wrong(format!("{} was acknowledged as {outcome} and is not in the trail", deed.key));
        }
    }
}

fn ack_in_words(ack: &Ack) -> String {
    match ack {
        Ack::Done => "done".to_owned(),
        Ack::FormErrors(errors) => format!("{errors:?}"),
        Ack::Respond(Response::Replace(modal)) => format!("replaced by {}", modal.title),
        Ack::Respond(_) | Ack::Later(_) => "answered".to_owned(),
    }
}

fn members() -> Vec<Member> {
    let member = |id, email: &str, outsider| Member { id, email: Some(email.to_owned()), outsider };
    vec![
        member(APPROVERS[0], "anna@example.com", false),
        member(APPROVERS[1], "ben@example.com", false),
        member(APPROVERS[2], "guest@elsewhere.example", true),
        member(IN_GROUP, "cara@example.com", false),
        member(ADMIN, "admin@example.com", false),
        member(STRANGER, "stranger@example.com", false),
        member(CONTRACTOR, "worker0@example.com", false),
    ]
}

/// An empty database, made once: each simulation begins with a copy.
fn empty_file() -> &'static [u8] {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    EMPTY.get_or_init(|| {
        let directory = directory();
        let path = directory.path().join("empty.db");
        let (_, writer) = Store::open_with_writer(&path, first_day()).expect("a new file");
        writer.end();
        std::fs::read(&path).expect("it was just made")
    })
}

/// In memory where that is possible: the commits are real, and what a disk makes of them is another test's.
fn directory() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary directory")
}
