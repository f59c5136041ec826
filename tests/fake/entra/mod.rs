//! A stateful, strict fake of a Microsoft Entra tenant: the token endpoint and Microsoft Graph, over real HTTP on one
//! port of its own, under Microsoft's paths.
//!
//! It promises what Microsoft documents and what its field reports tell: assertions that are really verified, tokens
//! that carry the permissions of the moment when they were issued, advanced queries that fail with or without an error,
//! projections named in `@odata.context`, sign-in dates that are absent for accounts that never signed in and late for
//! everybody, windows of requests without a header that counts down, a sync that overwrites the cloud, and four
//! meanings of 403. Where the documents are silent it is the stricter of the readings, or `Settings` has a switch for
//! each. Query options, paths and headers that it doesn't know are refused, so that a test finds what an adapter gets
//! wrong.
//!
//! Every call passes the gate under the label `entra METHOD /v1.0/path/{template}`, goes into `calls()`, and can be
//! made to fail by a `Fault`.
//!
//! | file | what |
//! |---|---|
//! | `handle.rs`, `apps.rs` | what a test or the sandbox does with the people, and with the apps |
//! | `person.rs` | seeding one person |
//! | `settings.rs` | licence, lags, and readings of the documents |
//! | `pipeline.rs` | Entra's part of what happens to every call: permissions, throttling, headers |
//! | `users.rs`, `groups.rs`, `roles.rs`, `logs.rs`, `audit.rs`, `tenant.rs`, `oauth.rs` | the endpoints |
//! | `directory.rs`, `access.rs`, `limits.rs`, `pages.rs` | the state |
//! | `objects.rs`, `metadata.rs` | directory objects, and what Graph's metadata says of them |
//! | `query.rs`, `filter.rs`, `tokens.rs`, `wire.rs` | query options, filters, formats |

mod access;
mod apps;
mod audit;
mod directory;
mod filter;
mod groups;
mod handle;
mod limits;
mod logs;
pub mod metadata;
mod oauth;
mod objects;
mod pages;
mod person;
mod pipeline;
mod query;
mod roles;
mod settings;
mod tenant;
mod tokens;
mod users;
mod wire;

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};

pub use self::{
    audit::Initiator,
    directory::EffectiveChange,
    limits::Bucket,
    person::{Person, PersonView},
    roles::Role,
    settings::{AuditStyle, Licence, Settings},
};
pub use super::control::Call;
pub use super::faults::Fault;

use super::clock::FakeClock;
use super::control::Control;
use super::gate::Gate;
use super::pipeline::serve_on;

#[derive(Default)]
struct State {
    settings: Settings,
    access: access::Access,
    directory: directory::Directory,
    limits: limits::Limits,
    pages: pages::Pages,
    /// Reads of accounts so far.
    reads: usize,
}

struct World {
    control: Control,
    state: Mutex<State>,
}

impl World {
    /// The state as it is now: what was due by now has happened.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().expect("no call of the fake panics while it holds the state");
        let State { directory, settings, .. } = &mut *state;
        directory.sync(settings, self.control.now());
        state
    }
}

impl Deref for World {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

type Shared = Arc<World>;

/// The handle on a running fake; clones are the same tenant. The server ends with the tokio runtime it started in.
#[derive(Clone)]
pub struct FakeEntra {
    world: Shared,
}

impl Deref for FakeEntra {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.world.control
    }
}

impl FakeEntra {
    /// Starts a tenant without people that holds one app, which has a secret and the permissions that the bot asks
    /// for.
    pub async fn start(gate: Gate, clock: FakeClock) -> FakeEntra {
        let (control, listener) = Control::bind(gate, clock).await;
        let world = Arc::new(World { control, state: Mutex::default() });
        serve_on(listener, &world, pipeline::router());
        let entra = FakeEntra { world };
        entra.add_own_app();
        entra
    }
}
