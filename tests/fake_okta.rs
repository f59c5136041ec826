//! Tests of the fake Okta itself: it keeps Okta's promises over real HTTP.

extern crate fake;

#[path = "fake/okta/fault_tests.rs"]
mod fault_tests;
#[path = "fake/okta/oauth_tests.rs"]
mod oauth_tests;
#[path = "fake/okta/tests.rs"]
mod tests;
