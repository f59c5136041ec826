//! The slash command.
//!
//! Every subcommand names the role that may use it. The role is looked up when the command is used, per policy, and the
//! answer is about those policies only in which the person holds it; anyone who holds it in none gets a sentence, and
//! the audit trail an event.

mod asked;
mod dispatch;
mod exemptions;
mod exports;
pub(crate) mod filters;
mod find_account;
#[doc(hidden)]
pub mod fuzzing;
pub mod grammar;
mod history;
mod mistakes;
mod mutations;
mod pauses;
mod queries;
pub(crate) mod questions;
mod state;
pub(crate) mod tail;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod typed;

use std::sync::Arc;

use crate::authz::Authz;
use crate::chat::{Card, Text};
use crate::outbox::Outbox;
use crate::reports::Reports;
use crate::request::Requests;
use crate::services::Services;
use crate::sweep::Sweeper;

/// The slash command.
pub struct Commands {
    s: Arc<Services>,
    authz: Arc<Authz>,
    reports: Arc<Reports>,
    outbox: Arc<Outbox>,
    requests: Arc<Requests>,
    sweeper: Arc<Sweeper>,
    questions: state::Questions,
    /// The last preview; its lock is held while one is made.
    preview: tokio::sync::Mutex<Option<state::Preview>>,
}

impl Commands {
    pub(crate) fn new(
        s: Arc<Services>,
        authz: Arc<Authz>,
        reports: Arc<Reports>,
        outbox: Arc<Outbox>,
        requests: Arc<Requests>,
        sweeper: Arc<Sweeper>,
    ) -> Commands {
        let (questions, preview) = (state::Questions::default(), tokio::sync::Mutex::default());
        Commands { s, authz, reports, outbox, requests, sweeper, questions, preview }
    }
}

/// What a command is answered with: a card, or the sentence that says why there is none.
pub(crate) type Answer = Result<Card, Text>;
