//! What must hold for every input from outside, whatever its bytes: one function per reader. Each is run by a target of
//! cargo-fuzz (see `fuzz/README.md`), by the replay of the cases that were found, and from property tests that make
//! inputs with a shape. A function that returns has found nothing.

pub mod command;
pub mod config;
pub mod export;
pub mod frame;
pub mod ics;
pub mod kit;
pub mod link;
pub mod render;
pub mod scim;
pub mod search;
pub mod users;
pub mod when;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};
use inactive_contractors::config::{Config, ConfigError};
use url::Url;

/// A target by its name, which is also that of its folder of cases.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 10] = [
    ("command", command::check),
    ("config", config::check),
    ("export", export::check),
    ("frame", frame::check),
    ("ics", ics::check),
    ("link", link::check),
    ("render", render::check),
    ("search", search::check),
    ("users", users::check),
    ("when", when::check),
];

/// The moment at which all of it happens.
pub fn now() -> DateTime<Utc> {
    "2026-11-23T09:00:00Z".parse().expect("a constant that is a time")
}

/// The workspace's own address.
pub fn team_url() -> Url {
    Url::parse("https://team.slack.example/").expect("a constant that is an address")
}

/// A good configuration of one policy; what a target adds to the policy is line 7.
pub const GOOD: &str = r#"[okta]
org_url = "https://acme.okta.com"
[[policy]]
name = "contractors"
channel = "C0123"
approvers = { users = ["U1"] }
"#;

/// What no error, warning or debugging output may repeat.
pub const SECRETS: [(&str, &str); 3] = [
    ("SLACK_BOT_TOKEN", "xoxb-1-canary"),
    ("SLACK_APP_TOKEN", "xapp-1-canary"),
    ("OKTA_API_TOKEN", "00canary-of-the-api-token"),
];

/// Reads the text of a configuration called `bot.toml`, on a machine that has the secrets and one other file.
pub fn configure(text: &str, other_file: &str) -> Result<Config, ConfigError> {
    let variables: BTreeMap<String, String> =
        SECRETS.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let read = |path: &Path| match path.to_str() {
        Some("other") => Ok(other_file.to_owned()),
        Some(_) | None => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    Config::parse(text, "bot.toml", &variables, &read)
}

/// The bytes as text; those that are none become replacement characters.
pub fn text(data: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(data)
}
