//! Inputs with a shape, the same in every run: exploring is what fuzzing is for.

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Checks so many inputs, and fails with the smallest one that fails.
pub fn holds<S: Strategy>(cases: u32, inputs: &S, check: impl Fn(S::Value))
where
    S::Value: Debug,
{
    let config =
        Config { cases, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Config::default() };
    let all = TestRunner::new(config).run(inputs, |input| {
        check(input);
        Ok(())
    });
    all.unwrap_or_else(|failure| panic!("{failure}"));
}

/// What directories and people may hold: words, all kinds of characters, and everything that means something to a
/// program that shows or reads them.
pub fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-z]{1,8}",
        2 => any::<char>().prop_map(String::from),
        3 => prop::sample::select(MEANINGFUL.to_vec()).prop_map(str::to_owned),
        1 => (any::<char>(), 1..400_usize).prop_map(|(c, times)| String::from(c).repeat(times)),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// The same without line feeds.
pub fn nasty_line() -> impl Strategy<Value = String> {
    nasty().prop_map(|text| text.replace('\n', " "))
}

const MEANINGFUL: [&str; 30] = [
    "<!channel>",
    "<@U1>",
    "<https://evil.example|Okta>",
    "https://evil.example",
    "*",
    "_",
    "~",
    "`",
    ":tada:",
    ">",
    "\n",
    "\r\n",
    "&",
    "&amp;",
    "\"",
    "\\",
    "\\u0022",
    "\" or status eq \"ACTIVE",
    "=1+1",
    "+",
    "-",
    "@SUM(A1)",
    ";",
    "\t",
    "<script>",
    "'",
    "\u{202e}",
    "\u{200b}",
    "\u{0}",
    "|",
];
