//! A believable org for the sandbox.

use super::FakeOkta;

pub struct Demo {}

pub fn seed_demo(_okta: &FakeOkta) -> Demo {
    Demo {}
}
