//! Stateful fakes of Okta and Slack over real HTTP and a real WebSocket. They import nothing of the bot's own
//! code, so that they can't share its mistakes. Tests and the sandbox use the same fakes.

#![allow(missing_docs, reason = "names of Okta's and Slack's say what they are")]
#![allow(
    clippy::return_self_not_must_use,
    reason = "a `Person` that is built and dropped is seen in the org"
)]

use std::time::Duration;

pub mod clock;
pub mod gate;
pub mod okta;
pub mod proxy;
pub mod slack;

/// How long a test waits for what has to come before it says that it hangs. Nothing is measured by it, and no test waits
/// it out to show that something does not come: a slow machine takes its time.
pub const GUARD: Duration = Duration::from_secs(120);
