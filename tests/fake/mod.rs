//! Stateful fakes of Okta, Microsoft Entra ID and Slack over real HTTP and a real WebSocket. They import nothing of
//! the bot's own code, so that they can't share its mistakes. Tests and the sandbox use the same fakes.
//!
//! | file | what |
//! |---|---|
//! | `okta/`, `entra/`, `slack/` | one fake each |
//! | `pipeline.rs` | what happens to every call of a provider: record, gate, fault, rights, limits, headers |
//! | `control.rs`, `faults.rs` | what a test does with any provider: its calls, its failures |
//! | `damage.rs`, `connection.rs` | what a fault does to an answer and to a socket |
//! | `gate.rs`, `clock.rs` | what all fakes of one world share |
//! | `jwt.rs`, `wire.rs`, `proxy.rs` | signatures, formats, a proxy between the bot and a fake |

#![allow(missing_docs, reason = "names of the providers' say what they are")]
#![allow(
    clippy::return_self_not_must_use,
    reason = "a `Person` that is built and dropped is seen in the org"
)]

use std::time::Duration;

pub mod clock;
mod connection;
pub mod control;
mod damage;
pub mod entra;
pub mod faults;
pub mod gate;
mod jwt;
pub mod okta;
mod pipeline;
pub mod proxy;
pub mod slack;
mod wire;

/// How long a test waits for what has to come before it says that it hangs. Nothing is measured by it, and no test
/// waits it out to show that something does not come: a slow machine takes its time.
pub const GUARD: Duration = Duration::from_secs(120);
