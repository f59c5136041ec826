//! `init`: the files that it writes, what it refuses, and what it says to do next.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use inactive_contractors::config::Config;
use saphyr::{LoadableYamlNode, Yaml};

use crate::fake::okta::Person;
use crate::fake::slack::{C_OPS, U_APPROVER};
use crate::support::World;

const GOOD: [&str; 6] = [
    "--org-url",
    "https://acme.okta.com",
    "--channel",
    "C0123ABCDEF",
    "--approvers",
    "U0123ABCDEF, S0123ABCDEF",
];

/// Runs `init` where nobody can be asked.
fn init(folder: &Path, arguments: &[&str], environment: &BTreeMap<String, String>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inactive-contractors"))
        .arg("init")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .output()
        .expect("the binary can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_owned()).expect("it is text")
}

fn written(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("config/bot.toml"), folder.join("config/bot-manifest.yaml"))
}

fn parsed(config: &Path) -> Config {
    let variables = [("SLACK_BOT_TOKEN", "xoxb-1"), ("SLACK_APP_TOKEN", "xapp-1"), ("OKTA_API_TOKEN", "t")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let no_files = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    let text = std::fs::read_to_string(config).expect("it was written");
    Config::parse(&text, "bot.toml", &variables, &no_files).expect("it is a good file")
}

#[test]
fn options_make_a_configuration_and_a_manifest_that_belong_together() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let more = ["--inactive-after", "5 working days", "--time-zone", "Europe/Berlin", "--command", "/doors"];
    let name = ["--app-name", "Door: \"Keeper\" #1"];
    let output = init(folder.path(), &[&GOOD[..], &more, &name].concat(), &BTreeMap::new());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let (config, manifest) = written(folder.path());
    let config = parsed(&config);
    assert_eq!(config.slack.command, "/doors");
    let okta = config.okta.expect("it has the section");
    assert_eq!(okta.org_url.as_str(), "https://acme.okta.com/");
    let policy = &config.policies[0];
    assert_eq!((policy.channel.as_str(), policy.schedule.zone.name()), ("C0123ABCDEF", "Europe/Berlin"));
    let approvers = (policy.approvers.users.concat(), policy.approvers.groups.concat());
    assert_eq!(approvers, ("U0123ABCDEF".to_owned(), "S0123ABCDEF".to_owned()));

    let shipped = Yaml::load_from_str(include_str!("../../bot-manifest.yaml")).expect("it is YAML");
    let made = std::fs::read_to_string(&manifest).expect("it was written");
    let made = Yaml::load_from_str(&made).expect("it is YAML");
    let (shipped, made) = (&shipped[0], &made[0]);
    assert_eq!(made["display_information"]["name"].as_str(), Some(name[1]));
    assert_eq!(made["features"]["bot_user"]["display_name"].as_str(), Some(name[1]));
    assert_eq!(made["features"]["slash_commands"][0]["command"].as_str(), Some("/doors"));
    assert_eq!((&made["oauth_config"], &made["settings"]), (&shipped["oauth_config"], &shipped["settings"]));

    let said = text(&output.stdout);
    for words in [
        "connections:write",
        "/invite @Door: \"Keeper\" #1",
        "grant okta.users.read, okta.users.manage, okta.roles.read, okta.logs.read",
        "https://acme-admin.okta.com",
        "no Slack bot token (xoxb-…): set the environment variable SLACK_BOT_TOKEN",
        "Then: inactive-contractors check --config config/bot.toml",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains('\u{1b}'), "{said}");
}

#[test]
fn files_that_are_there_stay_unless_forced() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let none = BTreeMap::new();
    let (config, manifest) = written(folder.path());
    std::fs::create_dir(folder.path().join("config")).expect("the folder can be written");
    std::fs::write(&manifest, "mine").expect("the folder can be written");
    let output = init(folder.path(), &GOOD, &none);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("bot-manifest.yaml already; --force replaces it"), "{output:?}");
    assert_eq!(std::fs::read_to_string(&manifest).expect("it is there"), "mine");
    assert!(!config.exists());
    let output = init(folder.path(), &[&GOOD[..], &["--force", "--okta", "api-token"]].concat(), &none);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).contains("Create token. This is OKTA_API_TOKEN"), "{output:?}");
    assert!(config.exists() && std::fs::read_to_string(&manifest).is_ok_and(|text| text != "mine"));
}

#[test]
fn where_nobody_can_be_asked_what_is_missing_or_wrong_is_said() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let said = |arguments: &[&str]| {
        let output = init(folder.path(), arguments, &BTreeMap::new());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(!folder.path().join("config").exists(), "{arguments:?}: something was written");
        text(&output.stdout) + &text(&output.stderr)
    };
    assert!(said(&[]).contains("these have no default: --org-url, --channel, --approvers"));
    assert!(said(&["--yes", "--channel", "C0123ABCDEF"]).contains("no default: --org-url, --approvers"));
    for (option, value, words) in [
        ("--schedule", "soon", "schedule"),
        ("--time-zone", "Mars", "which is not a zone's name"),
        ("--inactive-after", "a while", "inactive_after"),
        ("--user-type", " ", "an answer is needed"),
        ("--okta", "password", "the answer must be service-app or api-token"),
        ("--app-name", "a name that is longer than Slack takes", "at most 35 characters"),
        ("--command", "doors", "must be a slash"),
    ] {
        let said = said(&[&GOOD[..], &[option, value]].concat());
        assert!(said.contains(&format!("{option}: ")) && said.contains(words), "{words}: {said}");
    }
    for (option, value, words) in [
        (0, "https://acme-admin.okta.com", "the org's own is \"https://acme.okta.com\""),
        (2, "general", "channel"),
        (4, "ada@acme.example", "approvers"),
    ] {
        let mut arguments = GOOD;
        arguments[option + 1] = value;
        let said = said(&arguments);
        assert!(said.contains(&format!("{}: ", GOOD[option])) && said.contains(words), "{words}: {said}");
    }
    let secret = said(&[&GOOD[..], &["--user-type", "xoxb-123-456"]].concat());
    assert!(secret.contains("that is a secret") && !secret.contains("xoxb-123-456"), "{secret}");
}

#[test]
fn on_a_terminal_a_mistake_is_asked_again_with_its_reason() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut script = Command::new("script")
        .args(["--quiet", "--return", "--command"])
        .arg(format!("{} init --app-name Doors", env!("CARGO_BIN_EXE_inactive-contractors")))
        .arg("/dev/null")
        .current_dir(folder.path())
        .env_clear()
        .envs([("TERM", "xterm"), ("SHELL", "/bin/sh"), ("PATH", "/usr/bin:/bin")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script is installed");
    let answers = [
        "https://acme.okta.com/app",
        "https://acme.okta.com",
        "",
        "C0123ABCDEF",
        "U0123ABCDEF",
        "",
        "Berlin",
        "Europe/Berlin",
        "freelancer",
        "",
        "api-token",
        "",
    ];
    let mut stdin = script.stdin.take().expect("it is piped");
    stdin.write_all((answers.join("\n") + "\n").as_bytes()).expect("it reads");
    drop(stdin);
    let output = script.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    for words in ["give \"https://acme.okta.com\" alone", "an answer is needed", "time_zone is \"Berlin\""] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("The name of the Slack app"), "what an option says is not asked: {said}");
    let config = std::fs::read_to_string(written(folder.path()).0).expect("it was written");
    for line in ["time_zone = \"Europe/Berlin\"", "user_type = \"freelancer\"", "schedule = \"0 9 * * *\""] {
        assert!(config.contains(line), "{line}: {config}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_tokens_set_it_ends_with_a_check() {
    let world = World::new("").await;
    world.okta.add(Person::contractor("ada@ext.example"));
    let config = world.folder().join("made/bot.toml");
    let config = config.to_str().expect("it is text");
    let arguments = ["--channel", C_OPS, "--approvers", U_APPROVER, "--config", config];
    let org = ["--org-url", world.okta.url()];
    let output = init(world.folder(), &[&arguments[..], &org].concat(), &world.environment());
    let said = text(&output.stdout);
    assert!(said.contains("ok    configuration: read") && said.contains("database: "), "{output:?}");
    assert_eq!(output.status.code(), Some(0), "{said}");
    for secret in [world.slack.bot_token(), world.okta.api_token().to_owned()] {
        assert!(
            !said.contains(&secret)
                && !std::fs::read_to_string(config).is_ok_and(|text| text.contains(&secret))
        );
    }
}
