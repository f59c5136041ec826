//! What holds for every input from outside: properties of generated inputs, and the cases that fuzzing and people found.
//!
//! `targets` holds what the targets of cargo-fuzz run, too.

mod generate;
mod targets;

mod accounts;
mod actions;
mod cards;
mod files;
#[allow(dead_code, reason = "each test target uses a part of the builders")]
#[path = "../domain/fixture.rs"]
mod fixture;
mod frames;
mod queries;
mod replay;
mod settings;
mod words;
