//! The sandbox: a world to click on. The same fakes and the same bot as in the stories, and a page.

#![allow(missing_docs, reason = "its own page and the test of that are all that use it")]

pub mod acts;
pub mod admin;
pub mod people;
pub mod reminders;
pub mod server;
pub mod view;

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use fake::okta::{seed_big_org, seed_demo};
use support::World;

/// The policy of the sandbox. Its first sweep asks at once: nobody wants to play a preview first.
const POLICY: &str = "preview_first = false\nviewers = { channel_members = true }\n\
                      ask_contractor = true\nask_manager = true\ndigest = \"weekly\"\n\
                      remind_before = [\"1h\"]\nescalate_before = \"30m\"\nescalate_to = { users = [\"U0ADAM\"] }\n";

/// The world, and what the page shows beside it.
pub struct Sandbox {
    pub world: World,
    pub started: DateTime<Utc>,
    /// Whether the org has its 500 more contractors.
    big: AtomicBool,
    /// Counts what only the page knows of: a bot started or killed, a clock moved.
    own: watch::Sender<u64>,
    faults: Mutex<[Option<String>; 2]>,
}

/// Whose next call fails.
#[derive(Clone, Copy)]
pub enum Side {
    Okta = 0,
    Slack = 1,
}

impl Sandbox {
    /// A seeded world with a running bot.
    pub async fn start() -> Sandbox {
        let exempt = |group: &str| format!("{POLICY}exempt_groups = [\"{group}\"]\n");
        let mut world = World::new("").await;
        world.slack.wait_for_slow(false);
        let demo = seed_demo(&world.okta);
        world.set_policy(&exempt(&demo.exempt_group));
        people::seed(&world.slack, &world.okta, &demo.signs_in_meanwhile);
        let started = world.clock.now();
        world.start_bot().await;
        Sandbox {
            world,
            started,
            big: AtomicBool::new(false),
            own: watch::channel(0).0,
            faults: Mutex::default(),
        }
    }

    /// Changes with everything that the page shows.
    pub fn revision(&self) -> Revision {
        Revision {
            run: self.started.timestamp_millis(),
            slack: *self.world.slack.changed().borrow(),
            okta: *self.world.okta.changes().borrow(),
            own: *self.own.borrow(),
            audit: self.last_audit_event(),
            // A bot can also end by itself, which notifies nobody.
            runs: self.world.bot_runs(),
        }
    }

    /// The number of the latest audit event, 0 if there is none.
    fn last_audit_event(&self) -> i64 {
        self.world.inspect().and_then(|file| file.last_event().ok()).unwrap_or(0)
    }

    /// Adds the 500 contractors, once.
    pub fn grow(&self) -> bool {
        if self.big.swap(true, Ordering::SeqCst) {
            return false;
        }
        seed_big_org(&self.world.okta);
        people::join_everybody(&self.world.slack, &self.world.okta);
        true
    }

    /// Whether [`Sandbox::grow`] was called.
    pub fn is_big(&self) -> bool {
        self.big.load(Ordering::SeqCst)
    }

    /// Something that only the page knows of has changed.
    pub fn touched(&self) {
        self.own.send_modify(|count| *count += 1);
    }

    /// Returns once the revision is another one than `known`.
    pub async fn until_revision_differs(&self, known: Revision) {
        let (mut slack, mut okta, mut own) =
            (self.world.slack.changed(), self.world.okta.changes(), self.own.subscribe());
        let mut disk = tokio::time::interval(std::time::Duration::from_millis(250));
        while self.revision() == known {
            // The audit trail is on the disk and notifies nobody, so it is looked at now and then.
            tokio::select! {
                _ = slack.changed() => {}
                _ = okta.changed() => {}
                _ = own.changed() => {}
                _ = disk.tick() => {}
            }
        }
    }

    /// Notes an armed fault, for the page.
    pub fn arm(&self, side: Side, fault: &str) {
        self.faults.lock().expect("nobody panics while holding it")[side as usize] = Some(fault.to_owned());
        self.touched();
    }

    /// The armed faults that have not been used up.
    pub fn armed(&self, side: Side) -> Option<String> {
        let waiting = match side {
            Side::Okta => self.world.okta.waiting_faults(),
            Side::Slack => self.world.slack.waiting_faults(),
        };
        let faults = self.faults.lock().expect("nobody panics while holding it");
        faults[side as usize].clone().filter(|_| waiting > 0)
    }
}

/// Which state of the sandbox a page has seen. As text it goes to the page and comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Differs from one start of the sandbox to the next.
    pub run: i64,
    pub slack: u64,
    pub okta: u64,
    pub own: u64,
    pub audit: i64,
    pub runs: bool,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Revision { run, slack, okta, own, audit, runs } = self;
        write!(f, "{run}-{slack}-{okta}-{own}-{audit}-{}", u8::from(*runs))
    }
}

impl FromStr for Revision {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Revision, Self::Err> {
        let mut parts = text.split('-');
        let mut next = || parts.next().unwrap_or_default();
        Ok(Revision {
            run: next().parse()?,
            slack: next().parse()?,
            okta: next().parse()?,
            own: next().parse()?,
            audit: next().parse()?,
            runs: next() == "1",
        })
    }
}
