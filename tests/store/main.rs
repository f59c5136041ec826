//! The database, on real files.

mod archive;
mod audit;
mod exemptions;
mod files;
mod harness;
mod history;
mod inputs;
mod inspect;
mod lineage;
mod messages;
mod open;
mod pages;
mod proof;
mod requests;
mod reviews;
mod sightings;
mod sweeps;
mod together;
mod versions;
mod watches;
mod workflow;
