//! inactive-contractors: finds inactive contractor accounts, asks people in chat, and suspends what they approve.
//!
//! # Code map
//!
//! | room | what it holds | may import |
//! |---|---|---|
//! | [`domain`] | the pure core: who is inactive, what a decision does, whether a sweep may speak, when the next slot is, which days are off | nothing |
//! | [`identity`], [`chat`] | the two ports: what the workflow needs of an identity provider and of a chat system | `domain`; nothing |
//! | [`store`] | one SQLite file: sweeps, requests, inputs, messages, the audit chain; the only room that names rusqlite | `domain`, `files` |
//! | [`net`] | the way out of this machine: proxies, certificates, and why a connection failed | nothing |
//! | [`scheduler`] | which call to an outside system goes next, by class of work | `clock` |
//! | [`okta`], [`slack`] | the adapters behind the ports | their port, `net`, `clock`, `scheduler` |
//! | [`app`] | the workflow: the loop, sweeps, decisions, suspensions, commands, and every sentence | all of the above but the adapters |
//! | [`files`] | making files where others may write too | nothing |
//! | [`config`], [`clock`] | the only reader of the environment, and of the wall clock | `domain`; nothing |
//! | [`bot`] | the wiring that the binary and the sandbox share: one configuration after the other | all |
//! | [`watch`] | how the running bot is watched from outside; it changes nothing | all |
//! | [`check`], [`status`], [`settings`], [`dry_run`], [`trail`], [`init`], [`backup`], [`restore`], [`archive`] | a command of the binary each, or two | all |
//! | [`terminal`], [`exit`] | how commands look on a terminal, and how they end | all |
//!
//! `tests/tidy.rs` holds that line.
//!
//! # Invariants
//!
//! 1. An account is suspended only if a row holds an approval, which the audit trail bears out, by a person who was an
//!    approver when they clicked, is not the account's own person, clicked before the deadline, on that account as shown
//!    to them; and the account still met the rule when it was read again right before the call.
//! 2. Every call that changes the identity provider has an audit event of its intent committed before it, and one of
//!    its outcome after it; a request that is rejected again for the same reason is recorded once. If the audit
//!    can't be written, the call is not made.
//! 3. At most one open request holds an account, and at most one sweep exists per policy and slot: unique indexes say so.
//!    Only what a wrong clock began, and what came to nothing, gets one in its place.
//! 4. A decision, once acknowledged, survives `kill -9` and power loss, and is carried out to an outcome for every account.
//! 5. Reconciling twice changes nothing; a replayed click or command changes nothing and tells the person why.
//! 6. What the channel shows converges to the database.
//! 7. The audit chain verifies, and no row of it was ever updated or deleted.
//! 8. Nothing is executed on a database if the channel has seen a later state of it: not after a backup was restored,
//!    beside a copy, or in place of another file. Nothing is executed that was decided in an earlier epoch.
//! 9. Directory data can't ping, link, format or overflow anything, and secrets reach neither chat nor log.
//!
//! # Seven walkthroughs
//!
//! **A scheduled sweep.** The bell ([`app`], hung in `app/bell.rs`) wakes the loop. [`domain::schedule::owed_slot`] says
//! which slot is owed; [`store::Store::start_sweep`] makes its row, unless the slot has one. A task surveys the policy
//! ([`app::survey`]): looks up who is protected, judges the listing as it comes, and asks the log about the accounts
//! that are left,
//! who are judged with [`domain::assess::assess`]. [`domain::plan::plan`] counts and lets the guards speak.
//! [`store::Store::finish_sweep`] writes the end, the request and its candidates in one transaction. The loop then finds
//! a live request without a card and posts it ([`app::messages`]); once the card stands, its deadline starts.
//!
//! **A click.** [`slack`] turns the frame into a [`chat::Inbound`] and calls [`app::decide::Inbox`]. The receipt is
//! recorded; [`app::people::identify`] asks Slack who this is; [`store::Store::decide`] runs [`domain::request::decide`]
//! on the row as it is and commits the new state with its audit events. Returning sends the acknowledgement. The loop
//! finds an approved request (where two people are needed, the first approval only waits in the row; a retry of what failed
//! is approved like the first time) and carries it out ([`app::carry_out`]), account by account, while the card shows progress;
//! at the end come the outcomes in the thread and one message in the channel.
//!
//! **A slash command.** [`app::command`] parses it with clap, so its doc comments are the help. A sweep, a stop, a withdrawal
//! and a retry are committed before the acknowledgement; everything else is answered after it, to the person alone. Files for auditors and pictures
//! are made by pure functions ([`app::history`]) of what the store returns, and a copy that leaves is recorded before it does.
//!
//! **Giving an account back.** `restore` commits the wish as a row; the loop reads the account, commits the intent, calls,
//! commits the outcome, and tells the channel. An exemption is a row too: [`app::survey`] hands those in force to the rule.
//!
//! **A look back.** A confirmed suspension leaves a row that says when to look at the account again; the end of a sweep
//! brings that forward. [`app`] reads the account, and [`domain::drift`] says what that means beside our own restorations.
//! An account that somebody else restored is recorded with its audit event, then reported. Once the provider's log has
//! caught up with a suspension, it is read again: [`domain::missed`] says whether a sign of life in it would have kept the
//! account.
//!
//! **What the bot says unasked.** Who has opened its page is a row; `app/home.rs` publishes what differs from what stands
//! there, by the person's rights at that moment. A digest is a row per policy and slot (`app/digests.rs`). A question to a
//! person concerned is a row per request, account and role (`app/concerned/`): looked up, asked once, and answered at most
//! as evidence on the card. While nobody answers, [`domain::silence`] says who to remind and when, once per request and
//! moment (`app/silence.rs`).
//!
//! **A restart.** The store opens, locks, checks and migrates the file; the bot reads its own messages to see whether
//! the file is the latest (`app/lineage.rs`, [`domain::lineage`]); the loop reads the rows and goes on. There is no
//! second path: what a crash left undone is simply still due. A reload of the configuration is the same within the process:
//! [`bot`] tries the new one first, lets the old workflow end to its last task, and begins another by the new one.

/// The version, and the commit that it was built from.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("COMMIT"), ")");

pub mod app;
pub mod archive;
pub mod backup;
pub mod bot;
pub mod chat;
pub mod check;
pub mod clock;
pub mod config;
pub mod domain;
pub mod dry_run;
pub mod exit;
pub mod files;
pub mod forward;
pub mod identity;
pub mod init;
pub mod net;
pub mod okta;
pub mod restore;
pub mod scheduler;
pub mod settings;
pub mod slack;
pub mod status;
pub mod store;
pub mod terminal;
#[cfg(feature = "otlp")]
pub mod traces;
pub mod trail;
pub mod watch;
