//! `config show` through the real binary: values, where they come from, and that no secret is among them.

use std::collections::BTreeMap;
use std::process::Command;

use inactive_contractors::config::Config;
use serde_json::{Value, json};

use super::{API, APP, BOT, PEM, TOKENS};

/// How the process ended, and what it wrote.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the binary in an environment of these variables alone.
pub fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_inactive-contractors"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .expect("the binary can be started");
    let text = |bytes| String::from_utf8(bytes).expect("it writes text");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A folder with `bot.toml` and a file for each secret.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(text: &str) -> Place {
        let place = Place { folder: tempfile::tempdir().expect("a folder") };
        for (name, text) in
            [("bot.toml", text), ("bot", BOT), ("app", APP), ("api", API), ("pem", PEM), ("beat", BEAT)]
        {
            let text = text.replace("FOLDER", &place.path(""));
            std::fs::write(place.folder.path().join(name), text).expect("the folder is ours");
        }
        place
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn show(&self, more: &[&str], variables: &[(&str, &str)]) -> Ended {
        let file = self.path("bot.toml");
        run(&[&["config", "show", "--config", &file], more].concat(), variables)
    }

    /// What it prints, by section or policy and key, as value and source; paths without the folder.
    fn told(&self, variables: &[(&str, &str)]) -> BTreeMap<(String, String), (Value, String)> {
        let ended = self.show(&["--json"], variables);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        let list: Vec<BTreeMap<String, Value>> = serde_json::from_str(&ended.stdout).expect("it is JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        list.iter()
            .map(|one| {
                let of = one.get("policy").unwrap_or(&one["section"]);
                let source = text(&one["source"]).replace(&self.path(""), "");
                ((text(of), text(&one["key"])), (one["value"].clone(), source))
            })
            .collect()
    }
}

const BEAT: &str = "https://beat.example/ping/canary-5";
const COLLECTOR: &str = "Bearer canary-6";

/// Something of everything; the numbers of its lines are in the test below.
const FILE: &str = r#"[slack]
bot_token_file = "FOLDERbot"

[okta]
org_url = "https://acme.okta.com"
client_id = "0oa1"
private_key_file = "FOLDERpem"
concurrency = 0x8

[forward]
syslog = "tcp://127.0.0.1:601"
url = "https://collector.example/canary-7"

[monitoring]
http = "127.0.0.1:9464"
heartbeat_url_file = "FOLDERbeat"

[[policy]]
name = "contractors"
exempt_attributes = [{ name = "department", value = "the \"night\" shift" }]
holidays = [
  "2026-12-25", # Christmas
]
drift_watch = 0
digest = "weekly"
max_share = 1
break_glass = ["root@acme.example"]
[policy.approvers]
users = ["U1"]

[[policy]]
name = "vendors"
enabled = false
channel = "C0123"
okta_user_type_id = "oty1"
approvers.groups = ["S1"]
"#;

const VARIABLES: [(&str, &str); 6] = [
    ("SLACK_APP_TOKEN", APP),
    ("SLACK_CHANNEL", "C9"),
    ("OKTA_ORG_URL", "http://localhost:8081"),
    ("OKTA_CLIENT_ID", "0oa2"),
    ("FORWARD_AUTHORIZATION", COLLECTOR),
    ("DB_PATH", "a.db"),
];

#[test]
fn each_setting_says_what_it_is_and_where_it_comes_from() {
    let place = Place::new(FILE);
    let told = place.told(&VARIABLES);
    let path = |name: &str| json!(place.path(name));
    let nobody = json!(null);
    for (of, key, value, source) in [
        ("slack", "command", json!("/inactive-contractors"), "default"),
        ("slack", "bot_token_file", path("bot"), "bot.toml:2"),
        ("slack", "bot_token", json!("(set)"), "bot"),
        ("slack", "app_token_file", nobody.clone(), "default"),
        ("slack", "app_token", json!("(set)"), "$SLACK_APP_TOKEN"),
        ("okta", "org_url", json!("http://localhost:8081"), "$OKTA_ORG_URL"),
        ("okta", "client_id", json!("0oa2"), "$OKTA_CLIENT_ID"),
        ("okta", "private_key", json!("(set)"), "pem"),
        ("okta", "api_token", json!("(not set)"), "default"),
        ("okta", "concurrency", json!(8), "bot.toml:8"),
        ("okta", "rate_share", json!(0.5), "default"),
        ("database", "path", json!("a.db"), "$DB_PATH"),
        ("forward", "url", json!("(set, at https://collector.example)"), "bot.toml:12"),
        ("forward", "authorization", json!("(set)"), "$FORWARD_AUTHORIZATION"),
        ("monitoring", "http", json!("127.0.0.1:9464"), "bot.toml:15"),
        ("monitoring", "heartbeat_url", json!("(set)"), "beat"),
        ("contractors", "name", json!("contractors"), "bot.toml:19"),
        ("contractors", "channel", json!("C9"), "$SLACK_CHANNEL"),
        ("contractors", "approvers", json!({ "users": ["U1"] }), "bot.toml:28"),
        (
            "contractors",
            "admins",
            json!({ "users": ["U1"], "groups": [], "channel_members": false }),
            "default",
        ),
        ("contractors", "holidays", json!(["2026-12-25"]), "bot.toml:21"),
        ("contractors", "drift_watch", json!(0), "bot.toml:24"),
        ("contractors", "digest_at", json!("Mon 09:00"), "default"),
        ("contractors", "user_type", json!("contractor"), "default"),
        ("contractors", "escalate_to", nobody.clone(), "default"),
        ("vendors", "enabled", json!(false), "bot.toml:33"),
        ("vendors", "user_type", nobody, "default"),
        ("vendors", "approvers", json!({ "groups": ["S1"] }), "bot.toml:36"),
    ] {
        let found = &told[&(of.to_owned(), key.to_owned())];
        assert_eq!(*found, (value, source.to_owned()), "{key} of {of}");
    }
}

#[test]
fn every_key_of_every_section_and_policy_is_shown() {
    let told = Place::new(FILE).told(&VARIABLES);
    // A provider that the file does not have is not told of.
    let is_there = |section: &str| !section.is_empty() && !section.contains('.') && section != "entra";
    for key in Config::keys().iter().filter(|key| is_there(key.section)) {
        let of = if key.section == "policy" { &["contractors", "vendors"][..] } else { &[key.section] };
        for of in of {
            assert!(told.contains_key(&((*of).to_owned(), key.name.to_owned())), "{} of {of}", key.name);
        }
    }
}

#[test]
fn a_credential_that_the_environment_overrides_is_reported_as_such() {
    let place = Place::new(FILE);
    let token: Vec<_> = VARIABLES.into_iter().chain([("OKTA_API_TOKEN", API)]).collect();
    let told = place.told(&token);
    let of = |key: &str| told[&("okta".to_owned(), key.to_owned())].clone();
    assert_eq!(of("api_token"), (json!("(set)"), "$OKTA_API_TOKEN".to_owned()));
    assert_eq!(of("private_key"), (json!("(set, not used)"), "pem".to_owned()));
}

#[test]
fn no_secret_is_ever_shown() {
    let place = Place::new(FILE);
    let beat = "https://beat.example/canary";
    let all: Vec<_> = VARIABLES
        .into_iter()
        .chain(TOKENS)
        .chain([("HEARTBEAT_URL", beat), ("OKTA_PRIVATE_KEY", "")])
        .collect();
    for variables in [&VARIABLES[..], &all] {
        for more in [&[][..], &["--json"]] {
            let Ended { code, stdout, stderr } = place.show(more, variables);
            assert_eq!((code, stderr.as_str()), (Some(0), ""));
            assert!(stdout.contains("(set)"), "{stdout}");
            for secret in ["canary", "Y2FuYXJ5", "Bearer", "beat.example"] {
                assert!(!stdout.contains(secret), "{secret} is in\n{stdout}");
            }
        }
    }
}

/// Anyone who pastes it gets what was in force, defaults and the environment's values too.
#[test]
fn what_is_shown_can_be_used_as_the_file() {
    let place = Place::new(FILE);
    let shown = place.show(&[], &VARIABLES).stdout;
    assert!(shown.contains("#app_token = (set)                            # $SLACK_APP_TOKEN\n"), "{shown}");
    assert_eq!(super::schema::marked(&shown), None);
    let pasted = Place::new(&shown);
    let secrets = [VARIABLES[0], VARIABLES[4]];
    let values = |told: BTreeMap<(String, String), (Value, String)>| {
        let values = told.into_iter().map(|(key, (value, _))| (key, value));
        // The address of the collector isn't shown in full.
        values.filter(|((of, _), _)| of != "forward").collect::<BTreeMap<_, _>>()
    };
    assert_eq!(values(pasted.told(&secrets)), values(place.told(&VARIABLES)));
}

#[test]
fn all_mistakes_of_a_file_are_reported_and_nothing_is_shown() {
    let text =
        "[monitoring]\nhttp = \"0.0.0.0:9464\"\nheartbeat_url = \"https://beat.example/canary\"\nhtp = 1\n";
    let place = Place::new(&FILE.replace("[monitoring]\nhttp = \"127.0.0.1:9464\"\n", text));
    for more in [&[][..], &["--json"]] {
        let Ended { code, stdout, stderr } = place.show(more, &[]);
        assert_eq!((code, stdout.as_str()), (Some(3), ""));
        for words in [
            "bot.toml:15:8: http is \"0.0.0.0:9464\", but must be of this machine alone, such as \"127.0.0.1:9464\"",
            "bot.toml:16:1: heartbeat_url is a secret; secrets have no place in this file",
            "set HEARTBEAT_URL, or heartbeat_url_file = \"…\"",
            "bot.toml:17:1: unknown key \"htp\" in [monitoring]; did you mean \"http\"?",
            "no Slack app-level token (xapp-…)",
        ] {
            assert!(stderr.contains(words), "{words} is not in\n{stderr}");
        }
        assert!(!stderr.contains("canary"), "{stderr}");
    }
    let gone = run(&["config", "show", "--config", "/nonexistent/bot.toml"], &[]);
    assert_eq!((gone.code, gone.stdout.as_str()), (Some(3), ""));
    assert!(gone.stderr.contains("copy config/bot.example.toml to it"), "{}", gone.stderr);
}
