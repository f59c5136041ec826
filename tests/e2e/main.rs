//! Stories through the outside: real HTTP, a real WebSocket, a real SQLite file, and the bot as it ships.

#[path = "../fake/mod.rs"]
mod fake;
#[path = "../support/mod.rs"]
mod support;

mod approve;
mod review;
