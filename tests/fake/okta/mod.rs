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
//! | `damage.rs` | what a fault does to an answer |
//! | `pipeline.rs` | what happens to every call: record, gate, fault, rights, rate limit, headers |
//! | `users.rs`, `groups.rs`, `log.rs`, `oauth.rs` | the endpoints |
//! | `directory.rs`, `access.rs`, `limits.rs`, `faults.rs` | the state |
//! | `query.rs`, `jwt.rs`, `wire.rs`, `connection.rs` | expressions, signatures, formats, sockets |

mod access;
mod changes;
mod connection;
mod damage;
mod demo;
mod directory;
mod faults;
mod groups;
mod handle;
mod jwt;
mod limits;
mod log;
mod oauth;
mod person;
mod pipeline;
mod query;
mod users;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

#[allow(unused_imports, reason = "each test target uses a part of the fakes")]
pub use self::{
    changes::StatusChange,
    demo::{BIG_ORG, Demo, seed_big_org, seed_demo},
    faults::Fault,
    limits::Bucket,
    log::Party,
    person::{Person, PersonView, Status},
};

use super::clock::FakeClock;
use super::gate::Gate;

/// One call as it arrived. Credentials are not kept.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    pub method: String,
    /// Percent-encoded, without the query.
    pub path: String,
    /// Decoded: `search=status eq "ACTIVE"&limit=200`; empty if there is none.
    pub query: String,
    pub user_agent: Option<String>,
    pub at: DateTime<Utc>,
    /// The response's `X-Okta-Request-Id`.
    pub request_id: String,
}

#[derive(Default)]
struct State {
    directory: directory::Directory,
    access: access::Access,
    limits: limits::Limits,
    faults: faults::Faults,
    calls: Vec<Call>,
    /// What answers carry as their `Date`, if not the time.
    date: Option<String>,
}

struct World {
    gate: Gate,
    clock: FakeClock,
    /// `http://127.0.0.1:port`
    base: String,
    state: Mutex<State>,
    /// Counts changes; woken by every call and every move of the handle.
    changes: watch::Sender<u64>,
}

impl World {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no call of the fake panics while it holds the state")
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}

type Shared = Arc<World>;

/// The handle on a running fake; clones are the same org. The server ends with the tokio runtime it started in.
#[derive(Clone)]
pub struct FakeOkta {
    world: Shared,
    api_token: Arc<str>,
}

impl FakeOkta {
    /// Starts an org that holds one person, the service account that owns the API token.
    pub async fn start(gate: Gate, clock: FakeClock) -> FakeOkta {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let world = Arc::new(World {
            gate,
            clock,
            base: format!("http://{address}"),
            state: Mutex::default(),
            changes: watch::Sender::default(),
        });
        let service = pipeline::router(Arc::clone(&world))
            .into_make_service_with_connect_info::<connection::Connection>();
        let listener = connection::BreakableListener(listener);
        tokio::spawn(async move { axum::serve(listener, service).await });
        let api_token: Arc<str> = format!("00{}", wire::random_text(40)).into();
        let okta = FakeOkta { world, api_token };
        okta.add_token_owner();
        okta
    }
}
