//! x
#[path = "fake/mod.rs"]
mod fake;
