//! A stateful, strict fake of an Okta org over real HTTP on a port of its own.
//!
//! It promises what Okta documents and what its field reports tell (two `Link` header lines, `search` that can't
//! see `lastLogin`, 411 for a body-less POST without `Content-Length`, `E0000001` for anybody who isn't ACTIVE,
//! `DPoP` with its nonce), refuses what Okta would refuse, and where the documents are silent it is the stricter
//! of the two readings. Every call passes the gate under the label `okta METHOD /path/{template}`, goes into
//! `calls()`, and can be made to fail by a `Fault`; a broken connection is really broken.
//!
//! | file | what |
//! |---|---|
//! | `handle.rs` | what a test or the sandbox does with the fake |
//! | `changes.rs` | what the log says of who changed an account |
//! | `person.rs`, `demo.rs` | seeding one person; seeding a believable org |
//! | `pipeline.rs` | Okta's part of what happens to every call: rights, rate limit, headers |
//! | `users.rs`, `groups.rs`, `log.rs`, `oauth.rs` | the endpoints |
//! | `directory.rs`, `access.rs`, `limits.rs` | the state |
//! | `query.rs`, `dpop.rs`, `wire.rs` | expressions, proofs, formats |

mod access;
mod changes;
mod demo;
mod directory;
mod dpop;
mod groups;
mod handle;
mod limits;
mod log;
mod oauth;
mod person;
mod pipeline;
mod query;
mod users;
mod wire;

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};

#[allow(unused_imports, reason = "each test target uses a part of the fakes")]
pub use self::{
    changes::StatusChange,
    demo::{BIG_ORG, Demo, seed_big_org, seed_demo},
    limits::Bucket,
    log::Party,
    person::{Person, PersonView, Status},
};
pub use super::control::Call;
pub use super::faults::Fault;

use super::clock::FakeClock;
use super::control::Control;
use super::gate::Gate;
use super::pipeline::serve_on;
use super::wire::random_text;

#[derive(Default)]
struct State {
    directory: directory::Directory,
    access: access::Access,
    limits: limits::Limits,
}

struct World {
    control: Control,
    state: Mutex<State>,
}

impl World {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no call of the fake panics while it holds the state")
    }
}

impl Deref for World {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

type Shared = Arc<World>;

/// The handle on a running fake; clones are the same org. The server ends with the tokio runtime it started in.
#[derive(Clone)]
pub struct FakeOkta {
    world: Shared,
    api_token: Arc<str>,
}

impl Deref for FakeOkta {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.world.control
    }
}

impl FakeOkta {
    /// Starts an org that holds one person, the service account that owns the API token.
    pub async fn start(gate: Gate, clock: FakeClock) -> FakeOkta {
        let (control, listener) = Control::bind(gate, clock).await;
        let world = Arc::new(World { control, state: Mutex::default() });
        serve_on(listener, &world, pipeline::router());
        let api_token: Arc<str> = format!("00{}", random_text(40)).into();
        let okta = FakeOkta { world, api_token };
        okta.add_token_owner();
        okta
    }
}
