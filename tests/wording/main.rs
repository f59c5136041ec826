//! Everything the bot says, as Slack gets it: each message and dialog is sent through the adapter to a Slack that
//! refuses what Slack refuses, and compared with the file in `said/` that somebody has read.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test wording` writes the files again; read the difference before committing it.

extern crate fake;

mod answers;
mod bundle;
mod cards;
mod deciders;
mod desk;
mod dialogs;
mod drift;
#[allow(dead_code, reason = "each test target uses a part of the builders")]
#[path = "../domain/fixture.rs"]
mod fixture;
mod history;
mod limits;
mod older_database;
mod outreach;
mod pages;
mod people;
mod picture;
mod plain;
mod workflow;
