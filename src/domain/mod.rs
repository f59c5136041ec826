//! The functional core: who is inactive, what a decision does, what a sweep may say, when the next slot is.
//!
//! Everything here is a pure function of values, `now` among them. There is no `async`, no I/O, no clock and no
//! randomness, so a rule can be read, tested and trusted without running anything else. The recorded facts
//! (evidence, decisions, outcomes) derive serde, because the database and the audit trail keep them as they were
//! seen; changing one of those types changes what old rows mean, so fields are only ever added, with a default.

pub mod account;
pub mod assess;
pub mod attempt;
pub mod audit;
pub mod backoff;
pub mod calendar;
pub mod candidate;
pub mod date_range;
pub mod deciders;
pub mod digest;
pub mod draft;
pub mod drift;
pub mod exemption;
pub mod fold;
pub mod hash;
pub mod ids;
pub mod keep;
pub mod lineage;
pub mod missed;
pub mod nearest;
pub mod outreach;
pub mod pause;
pub mod person;
pub mod plan;
pub mod policy;
pub mod progress;
pub mod provider;
pub mod reminders;
pub mod report;
pub mod request;
pub mod restoration;
pub mod schedule;
pub mod settings;
pub mod sighting;
pub mod snapshot;
pub mod sweep;
pub mod template;
pub mod undated;
