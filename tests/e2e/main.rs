//! Stories through the outside: real HTTP, a real WebSocket, a real SQLite file, and the bot as it ships.

#[path = "../fake/mod.rs"]
mod fake;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod approve;
mod card_menu;
mod cli;
mod clock;
mod commands;
mod concerned;
mod crash;
mod decisions;
mod dialog;
mod digest;
mod disk;
mod drift;
mod evidence;
mod exemptions;
mod forward;
mod guards;
mod history;
mod home;
mod init;
mod keeping;
mod kills;
mod listing;
mod lookups;
mod noop;
mod obstacles;
mod okta;
mod own_accounts;
mod pace;
mod pause;
mod people;
mod reload;
mod restarts;
mod restore;
mod retry;
mod review;
mod rule_changed;
mod schedule;
mod secrets;
mod shipped;
mod silence;
mod slack_faults;
mod sockets;
mod strangers;
mod surface;
mod two_people;
mod undo;
mod watch;
mod working_days;
