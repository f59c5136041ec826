//! `config/bot.schema.json`: that it is what the code says, takes what the bot takes, and marks what it refuses.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test config` writes it again; read the difference before committing it.

use std::path::Path;

use boon::{Compiler, SchemaIndex, Schemas};
use inactive_contractors::config::{Config, schema};
use serde_json::Value;

use super::{GOOD, bad};

/// The schema, which is itself checked against what draft 2020-12 says of schemas.
fn compiled() -> (Schemas, SchemaIndex) {
    const NAME: &str = "file:///bot.schema.json";
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource(NAME, schema()).expect("it has a name");
    let index =
        compiler.compile(NAME, &mut schemas).unwrap_or_else(|error| panic!("it is no schema: {error:#}"));
    (schemas, index)
}

/// What an editor would mark in the file; nothing if all is well.
pub fn marked(text: &str) -> Option<String> {
    thread_local!(static SCHEMA: (Schemas, SchemaIndex) = compiled());
    let value: Value = toml::from_str(text).expect("the test has TOML");
    SCHEMA.with(|(schemas, index)| schemas.validate(&value, *index).err().map(|error| error.to_string()))
}

#[test]
fn the_file_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/bot.schema.json");
    let printed = super::show::run(&["config", "schema"], &[]);
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    #[expect(clippy::disallowed_methods, reason = "how a person has the file rewritten")]
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &printed.stdout).expect("the file can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == printed.stdout, "UPDATE_SNAPSHOTS=1 cargo test --test config rewrites it");
}

/// Lines in a policy, and a word of what is said about them.
const MARKED: [(&str, &str); 19] = [
    ("inactive_afer = \"7d\"", "inactive_afer"),
    ("admins = { user = [\"U1\"] }", "user"),
    ("exempt_attributes = [{ name = \"x\" }]", "value"),
    ("exempt_attributes = [{ name = \"x\", value = \"y\", other = 1 }]", "other"),
    ("account_owners = [{ slack = \"ada\", okta = \"a\" }]", "slack"),
    ("inactive_after = 7", "inactive_after"),
    ("inactive_after = \"7 days\"", "inactive_after"),
    ("inactive_after = \"0d\"", "inactive_after"),
    ("approval_timeout = \"1 working day\"", "approval_timeout"),
    ("drift_watch = 30", "drift_watch"),
    ("check_sign_in_log = \"yes\"", "check_sign_in_log"),
    ("max_candidates = 5.5", "max_candidates"),
    ("max_share = 50", "max_share"),
    ("exempt_logins = \"a@b.c\"", "exempt_logins"),
    ("remind = { groups = [\"it-team\"] }", "remind"),
    ("remind_before = [\"4\"]", "remind_before"),
    ("working_week = [\"Mo\"]", "working_week"),
    ("holidays = [\"25.12.2026\"]", "holidays"),
    ("digest = \"daily\"", "digest"),
];

#[test]
fn it_marks_what_the_bot_refuses() {
    let whole = [
        ("[slak]\n".to_owned(), "slak"),
        ("[log]\nformat = \"xml\"\n".to_owned(), "format"),
        ("[okta]\nconcurrency = 99\n".to_owned(), "concurrency"),
        ("[monitoring]\nhttp = \"0.0.0.0:1\"\n".to_owned(), "http"),
        ("[monitoring]\nheartbeat_url = \"https://beat.example\"\n".to_owned(), "heartbeat_url"),
        ("[slack]\nbot_token = \"xoxb-1\"\n".to_owned(), "bot_token"),
        ("policy = []\nother = 1".to_owned(), "other"),
        ("[okta]\n".to_owned(), "policy"),
        ("[[policy]]\napprovers = { users = [\"U1\"] }\n".to_owned(), "name"),
        ("[[policy]]\nname = \"a\"\n".to_owned(), "approvers"),
    ];
    let lines = MARKED.map(|(line, word)| (format!("{GOOD}{line}\n"), word));
    for (text, word) in lines.into_iter().chain(whole) {
        let said = marked(&text).unwrap_or_else(|| panic!("it takes\n{text}"));
        assert!(said.contains(word), "{said}");
        assert!(!bad(&text).is_empty());
    }
}

#[test]
fn every_key_has_the_examples_words_and_the_codes_default() {
    let schema = schema();
    for key in Config::keys().iter().filter(|key| !key.section.is_empty() && !key.section.contains('.')) {
        let section = &schema["properties"][key.section];
        let section = if key.section == "policy" { &section["items"] } else { section };
        let found = &section["properties"][key.name];
        assert!(
            found["description"].as_str().is_some_and(|words| words.ends_with(['.', ']', '?'])),
            "{found}"
        );
        assert_eq!(found["default"].is_null(), key.default.is_none(), "{key:?}");
    }
    let key = &schema["properties"]["okta"]["properties"]["rate_share"];
    let words = "The share of each of Okta's rate limits that the bot may use, above 0 and up to 1. The rest is left \
                 to others.";
    assert_eq!((key["description"].as_str(), key["default"].as_f64()), (Some(words), Some(0.5)));
    let shared = &schema["properties"]["okta"]["properties"]["private_key_file"]["description"];
    assert!(shared.as_str().is_some_and(|words| words.starts_with("The second, and better,")), "{shared}");
}

/// Editors of different ages understand only what has always been there.
#[test]
fn nothing_unknown_is_let_through_and_nothing_is_referred_to() {
    fn walk(part: &Value, path: &str) {
        let Some(entries) = part.as_object() else { return };
        if part["type"] == "object" {
            assert_eq!(part["additionalProperties"], false, "{path}");
        }
        for word in ["$ref", "$defs", "if", "prefixItems", "unevaluatedProperties"] {
            assert!(!entries.contains_key(word), "{path} has {word}");
        }
        for (name, inner) in part["properties"].as_object().into_iter().flatten() {
            walk(inner, &format!("{path}.{name}"));
        }
        walk(&part["items"], &format!("{path}[]"));
    }
    walk(&schema(), "");
}
