//! Tests of the fake Entra itself: it keeps Microsoft's promises over real HTTP, and every answer is checked against
//! Graph's own metadata.

extern crate fake;

#[path = "fake/entra/change_tests.rs"]
mod change_tests;
#[path = "fake/entra/group_tests.rs"]
mod group_tests;
#[path = "fake/entra/limit_tests.rs"]
mod limit_tests;
#[path = "fake/entra/log_tests.rs"]
mod log_tests;
#[path = "fake/entra/schema_tests.rs"]
mod schema_tests;
#[path = "fake/entra/token_tests.rs"]
mod token_tests;
#[path = "fake/entra/user_tests.rs"]
mod user_tests;
