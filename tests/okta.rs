//! The Okta adapter against the fake Okta, over real HTTP.

extern crate fake;

#[path = "okta/access.rs"]
mod access;
#[path = "okta/changes.rs"]
mod changes;
#[path = "okta/faults.rs"]
mod faults;
#[path = "okta/reading.rs"]
mod reading;
#[path = "okta/world.rs"]
mod world;
