//! Exports and bundles of evidence with anything in them.

use proptest::prelude::*;

use crate::generate::{holds, nasty};
use crate::targets::export;

#[test]
fn files_hold_anything_and_do_nothing() {
    holds(15, &prop::collection::vec(nasty(), 1..4), |said| export::check(said.join("\n").as_bytes()));
}
