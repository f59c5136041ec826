//! The Entra adapter against the fake tenant, over real HTTP.

extern crate fake;

#[path = "entra/access.rs"]
mod access;
#[path = "entra/changes.rs"]
mod changes;
#[path = "entra/dates.rs"]
mod dates;
#[path = "entra/faults.rs"]
mod faults;
#[path = "entra/limits.rs"]
mod limits;
#[path = "entra/listing.rs"]
mod listing;
#[path = "entra/logs.rs"]
mod logs;
#[path = "entra/protected.rs"]
mod protected;
#[path = "entra/reading.rs"]
mod reading;
#[path = "entra/world.rs"]
mod world;
