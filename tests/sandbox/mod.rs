//! The sandbox: a world to click on. The same fakes and the same bot as in the stories, and a page.

pub mod acts;
pub mod server;
pub mod view;

use std::sync::Mutex;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::fake::okta::seed_demo;
use crate::fake::slack::{C_OPS, SlackUser};
use crate::support::World;

/// The contractor whom the person at the page can be: an inactive one, so that they are on the card.
pub const U_CONTRACTOR: &str = "U0CONTRACTOR";

/// The policy of the sandbox. Its first sweep asks at once: nobody wants to play a preview first.
const POLICY: &str = "preview_first = false\nviewers = { channel_members = true }\n";

/// The world, and what the page shows beside it.
pub struct Sandbox {
    pub world: World,
    pub started: DateTime<Utc>,
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
        let demo = seed_demo(&world.okta);
        world.set_policy(&exempt(&demo.exempt_group));
        let contractor =
            world.okta.people().into_iter().find(|person| person.login == demo.signs_in_meanwhile);
        let contractor = contractor.expect("the demo has somebody who signs in meanwhile");
        let user = SlackUser::new(U_CONTRACTOR, &contractor.name, &contractor.login).guest();
        world.slack.add_user(user, &[C_OPS]);
        let started = world.clock.now();
        let sandbox = Sandbox { world, started, own: watch::channel(0).0, faults: Mutex::default() };
        sandbox.world.start_bot().await;
        sandbox
    }

    /// Changes with everything that the page shows.
    pub fn revision(&self) -> String {
        let slack = *self.world.slack.changed().borrow();
        let okta = *self.world.okta.changes().borrow();
        // A bot can also end by itself, which tells nobody.
        let (audit, runs) = (self.world.audit().len(), u8::from(self.world.bot_runs()));
        format!("{slack}-{okta}-{}-{audit}-{runs}", *self.own.borrow())
    }

    /// Something that only the page knows of has changed.
    pub fn touched(&self) {
        self.own.send_modify(|count| *count += 1);
    }

    /// Returns once the revision is another one than `known`.
    pub async fn until_revision_differs(&self, known: &str) {
        let (mut slack, mut okta, mut own) =
            (self.world.slack.changed(), self.world.okta.changes(), self.own.subscribe());
        let mut disk = tokio::time::interval(std::time::Duration::from_millis(250));
        while self.revision() == known {
            // The audit trail is on the disk and tells nobody, so it is looked at now and then.
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
