//! inactive-contractors: finds inactive contractor accounts, asks people in chat, and suspends what they approve.
//!
//! # Code map
//!
//! The rooms from the ground up; each imports only what is below it, and so does each file within its room.
//! `tests/tidy.rs` checks both.
//!
//! | room | what it contains |
//! |---|---|
//! | [`domain`] | the pure core: which accounts are inactive, what a decision does, whether a sweep may ask, when the next slot is |
//! | [`clock`], [`net`], [`files`], [`scheduler`] | the wall clock; what adapters share (the HTTP client, proxies, certificates, keys, waits between tries); safe creation of files; the order of outside calls |
//! | [`identity`] | the port to identity providers ([`identity::Directory`], [`identity::ActivityLog`], [`identity::Lifecycle`]), the providers of a configuration by name ([`identity::providers`]), and the adapters [`identity::okta`], [`identity::entra`] |
//! | [`chat`] | the port to a chat system: messages, people, and inputs, whose answer may be a dialog; the adapter [`chat::slack`] |
//! | [`store`], [`forward`], [`config`] | the database with the audit trail (only `store/sqlite` names an engine); sending the trail to collectors; the configuration, and the only reader of the environment |
//! | [`wording`] | every sentence that the bot says, and what its buttons and dialogs do (`actions.rs`); pure |
//! | [`services`] | what every component is given: the store, the ports, the clock, the policies, and the rows that are worked on |
//! | [`authz`] | who a person is, what they may do, and who can decide |
//! | [`reports`] | the state of each policy, numbers over time, files and pictures |
//! | [`outbox`] | everything that the bot posts: cards, notices, digests, pages, replies to one person |
//! | [`request`] | an approval request from its card to its last account: decision, suspension, restoration, reminders, drift watch |
//! | [`sweep`] | slots that are owed, surveys of the directory, the plan |
//! | [`commands`] | the slash command |
//! | [`inbox`] | what people send: buttons, dialogs, pages, and the rate limit on each person |
//! | [`engine`] | the loop: it finds the rows that have work due and starts a task for each; the schedule trigger; health |
//! | [`monitoring`] | how other programs monitor the running bot; it changes nothing |
//! | [`messenger`] | the chat system that a configuration names: its connection, and the probes for `check` |
//! | [`bot`] | the wiring that the binary and the sandbox share: one configuration after the other |
//! | [`cli`], [`exit`] | a command of the binary in each file; how they end |
//!
//! Each room of the workflow has one component, which owns its state: [`authz::Authz`], [`reports::Reports`],
//! [`outbox::Outbox`], [`request::Requests`], [`sweep::Sweeper`], [`commands::Commands`], [`inbox::Inbox`],
//! [`engine::Engine`]. A component is given the [`services::Services`] and the components below it.
//!
//! # Invariants
//!
//! 1. An account is suspended only with an approval that the audit trail confirms. The approver had the right when they
//!    clicked, clicked before the deadline, saw this account in the list, and did not decide on their own account. The
//!    account still met the rule when it was read right before the call.
//! 2. Every call that changes an identity provider has an audit event of its intent committed before it, and one of its
//!    outcome after it; a request that is rejected again for the same reason is recorded once. If the audit
//!    can't be written, the call is not made.
//! 3. At most one open request holds an account, and at most one sweep exists per policy and slot: unique indexes say so.
//!    A slot gets a second sweep only if the first was stopped for a wrong clock, or failed while the clock was ahead.
//! 4. A decision, once acknowledged, survives `kill -9` and power loss, and is executed to an outcome for every account.
//! 5. Reconciling twice changes nothing; a replayed click or command changes nothing, and the answer says why.
//! 6. What the channel shows converges to the database.
//! 7. The audit chain verifies, and no row of it was ever updated or deleted.
//! 8. Nothing is executed on a database if the channel has seen a later state of it: not after a backup was restored,
//!    beside a copy, or in place of another file. Nothing is executed that was decided in an earlier epoch.
//! 9. Directory data can't ping, link, format or overflow anything, and secrets reach neither chat nor log.
//!
//! # Seven walkthroughs
//!
//! **A scheduled sweep.** The schedule trigger (`engine/schedule.rs`) wakes the loop.
//! [`domain::schedule::owed_slot`] says which slot is owed. [`store::Store::start_sweep`] inserts its row, unless
//! the slot has one. A task surveys the policy ([`sweep::survey`]): it looks up the protected accounts, judges
//! each account as the listing arrives, and reads the log about those that are left. [`domain::assess::assess`]
//! judges them. [`domain::plan::plan`] counts them and applies the guards. [`store::Store::finish_sweep`] writes
//! the end, the request and its candidates in one transaction. The loop then finds a live request without a card,
//! and [`outbox`] posts it; once the card stands, its deadline starts.
//!
//! **A click.** [`chat::slack`] turns the frame into a [`chat::Inbound`] and calls [`inbox::Inbox`]. What that
//! returns, a [`chat::Ack`], is the acknowledgement, and may be a dialog. The receipt is recorded;
//! [`authz::identify`] asks the chat system who this is; `request/decision.rs` has [`store::Store::decide`] run
//! [`domain::request::decide`] on the row as it is and commit the new state with its audit events. Only then is
//! the input acknowledged. The loop finds an approved request and suspends account by account
//! (`request/suspend.rs`, driven by `request/attempt.rs`), while the card shows the progress; at the end the
//! outcomes are posted to the thread and one message to the channel. If two people are needed, the first approval
//! only changes the row. A retry needs the same approvals as the suspension.
//!
//! **A slash command.** [`inbox`] hands it to [`commands`]. `commands/grammar.rs` parses it with clap, so its doc
//! comments are the help. A sweep, a pause, a withdrawal and a retry are committed before the acknowledgement;
//! everything else is answered after it, to the person alone. Files for auditors and pictures are made by pure
//! functions ([`reports`]) of what the store returns, and a copy is recorded in the audit trail before it is sent.
//!
//! **Restoring an account.** `restore` commits the request to restore as a row. The loop drives it like a
//! suspension (`request/restore.rs`): `request/attempt.rs` reads the account, commits the intent, makes the call
//! and commits the outcome, as [`domain::attempt`] says. Then the channel is notified. An exemption is a row too:
//! [`sweep::survey`] gives those in force to the rule.
//!
//! **The drift watch.** A confirmed suspension leaves a row that says when to look at the account again; the end
//! of a sweep brings that forward. `request/drift.rs` reads the account, and [`domain::drift`] compares it with
//! our own restorations. An account that somebody else restored is recorded with its audit event, then reported.
//! Once the provider's log has caught up with a suspension, it is read again: [`domain::missed`] says whether
//! activity in it would have kept the account active.
//!
//! **Notices.** The transaction of a fact that is reported once, such as the end of a sweep, a pause or a digest
//! that is due, adds its message ([`store::Notice`]). `outbox/once.rs` sends it, in words made from the rows as
//! they are then. Each person who has opened the bot's page has a row; `outbox/home.rs` publishes the page again
//! when it would differ, by the person's rights at that moment. A question to a manager or to the owner of the
//! account is a row per request, account and role (`outbox/outreach.rs`): it is asked once, and the answer is
//! evidence on the card, not a decision. While nobody decides, [`domain::reminders`] says when people are
//! reminded, once per request and moment (`request/reminders.rs`).
//!
//! **A restart.** The store opens, locks, checks and migrates the file; the bot reads its own messages to see
//! whether the file is the latest (`engine/witnesses.rs`, [`domain::lineage`]); the loop reads the rows and goes
//! on. There is no second path: what a crash left undone is still due. A reload of the configuration is the same
//! within the process: [`bot`] tries the new one first, lets the old engine end its last task, and starts another
//! with the new one.

/// The version, and the commit that it was built from.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("COMMIT"), ")");

pub mod authz;
pub mod bot;
pub mod chat;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod domain;
pub mod engine;
pub mod exit;
pub mod files;
pub mod forward;
pub mod identity;
pub mod inbox;
pub mod messenger;
pub mod monitoring;
pub mod net;
pub mod outbox;
pub mod reports;
pub mod request;
pub mod scheduler;
pub mod services;
pub mod store;
pub mod sweep;
#[cfg(feature = "otlp")]
pub mod traces;
pub mod wording;
