//! The configuration from the outside: what a good file means, and the sentence for each mistake.

mod days_off;
mod entra;
mod example;
mod mistakes;
mod monitoring;
mod network;
mod notifications;
mod schema;
mod secrets;
mod show;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use chrono::Duration;
use inactive_contractors::config::{Config, Credential, LogFormat, OktaConfig};
use inactive_contractors::domain::account::UserType;
use inactive_contractors::domain::settings::People;
use secrecy::ExposeSecret;

/// Six lines, so that what a test adds to the policy is line 7.
const GOOD: &str = r#"[okta]
org_url = "https://acme.okta.com"
[[policy]]
name = "contractors"
channel = "C0123"
approvers = { users = ["U1"] }
"#;

const BOT: &str = "xoxb-canary-1";
const APP: &str = "xapp-canary-2";
const API: &str = "canary-3-okta-token";
const HEARTBEAT: &str = "https://beat.example/ping/canary-5?up=1";
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5LTQ=\n-----END PRIVATE KEY-----";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nY2FuYXJ5LTY=\n-----END CERTIFICATE-----\n";
const ENTRA_SECRET: &str = "abc8Q~canary-7-canary-7-canary-7-canary";

/// A file system with one secret of each kind and some bad ones.
fn read_file(path: &Path) -> io::Result<String> {
    match path.to_str().expect("tests use UTF-8 paths") {
        "bot" => Ok(format!("{BOT}\n")),
        "app" => Ok(format!("{APP}\n")),
        "api" => Ok(format!("{API}\n")),
        "pem" => Ok(format!("{PEM}\n")),
        "entra" => Ok(format!("{CERTIFICATE}{PEM}\n")),
        "entra secret" => Ok(format!("{ENTRA_SECRET}\n")),
        "empty" => Ok(" \n".to_owned()),
        "jwk" => Ok("{\"kty\":\"RSA\",\"d\":\"canary\"}".to_owned()),
        "locked" => Ok("-----BEGIN ENCRYPTED PRIVATE KEY-----\ncanary\n-----END".to_owned()),
        "public" => Ok("-----BEGIN PUBLIC KEY-----\ncanary\n-----END".to_owned()),
        "heartbeat" => Ok(format!("{HEARTBEAT}\n")),
        "clear" => Ok("http://canary.example/ping".to_owned()),
        "ssws" => Ok("SSWS canary".to_owned()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    }
}

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::parse(text, "bot.toml", &variables, &read_file).map_err(|error| {
        assert_eq!(error.to_string(), error.problems().join("\n"));
        assert!(!format!("{error:?}").contains("canary"), "an error repeats a secret: {error:?}");
        error.problems().to_vec()
    })
}

const TOKENS: [(&str, &str); 3] =
    [("SLACK_BOT_TOKEN", BOT), ("SLACK_APP_TOKEN", APP), ("OKTA_API_TOKEN", API)];

/// What the bot takes, editors take too.
fn good(text: &str) -> Config {
    assert_eq!(schema::marked(text), None, "{text}");
    parse(text, &TOKENS).unwrap_or_else(|problems| panic!("{}", problems.join("\n")))
}

fn bad(text: &str) -> Vec<String> {
    parse(text, &TOKENS).expect_err("the file is wrong")
}

/// What is wrong with a good file whose policy has this line more.
fn bad_line(line: &str) -> String {
    let problems = bad(&format!("{GOOD}{line}"));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.into_iter().next().expect("there is one")
}

fn okta(config: &Config) -> &OktaConfig {
    config.okta.as_ref().expect("it has the section")
}

fn api_token(config: &Config) -> Option<&str> {
    match &okta(config).credential {
        Credential::ApiToken(token) => Some(token.expose_secret()),
        Credential::ServiceApp { .. } => None,
    }
}

/// A good file with these lines in `[slack]` and `[okta]`.
fn with(slack: &str, okta: &str) -> String {
    format!("[slack]\n{slack}\n{}", GOOD.replacen("[okta]\n", &format!("[okta]\n{okta}\n"), 1))
}

#[test]
fn six_lines_are_enough() {
    let config = good(GOOD);
    let policy = &config.policies[0];
    assert_eq!(config.slack.bot_token.expose_secret(), BOT);
    assert_eq!(config.slack.app_token.expose_secret(), APP);
    assert_eq!(config.slack.command, "/inactive-contractors");
    assert_eq!(config.slack.api_url, None);
    assert_eq!(okta(&config).org_url.as_str(), "https://acme.okta.com/");
    assert_eq!(api_token(&config), Some(API));
    assert_eq!(config.database, PathBuf::from("inactive-contractors.db"));
    assert_eq!((config.log.format, config.log.level.as_str()), (LogFormat::Human, "info"));
    assert_eq!(policy.rule.user_type, UserType::Profile("contractor".to_owned()));
    assert_eq!(policy.rule.inactive_after, Duration::days(7).into());
    assert_eq!((policy.schedule.cron.as_str(), policy.schedule.zone.name()), ("0 9 * * *", "UTC"));
    assert_eq!(policy.approvers.users, ["U1"]);
    assert_eq!(policy.admins, policy.approvers);
    assert_eq!(policy.viewers, People { channel_members: true, ..People::default() });
    assert!(policy.rule.check_sign_in_log && policy.preview_first && policy.announce_no_candidates);
    assert!(!policy.clear_sessions);
    assert_eq!(policy.drift_watch, Some(Duration::days(30)));
}

#[test]
fn suspended_accounts_are_watched_for_a_time_or_not_at_all() {
    let watched = |line: &str| good(&format!("{GOOD}{line}")).policies[0].drift_watch;
    assert_eq!(watched("drift_watch = \"12w\""), Some(Duration::weeks(12)));
    for off in ["0", "\"0\"", "\"0d\""] {
        assert_eq!(watched(&format!("drift_watch = {off}")), None, "{off}");
    }
}

#[test]
fn a_policy_says_what_it_wants() {
    let config = good(
        r#"
        [okta]
        org_url = "https://acme.okta.com"
        [[policy]]
        name = "vendors"
        channel = "G0123"
        okta_user_type_id = "oty1"
        approvers = { groups = ["S1"] }
        admins = { users = ["W1"] }
        viewers = { channel_members = true, users = ["U2"] }
        approval_timeout = "20s"
        time_zone = "Europe/Berlin"
        max_share = 1
        surge_factor = 0
        exempt_attributes = [{ name = "department", value = "Night shift" }]
        break_glass = ["root@acme.example"]
        "#,
    );
    let policy = &config.policies[0];
    assert_eq!(policy.rule.user_type, UserType::TypeId("oty1".to_owned()));
    assert_eq!(policy.approval_timeout, Duration::seconds(20));
    assert_eq!((policy.limits.max_share, policy.limits.surge_factor), (1.0, 0.0));
    assert_eq!(policy.rule.exempt_attributes[0].value, "Night shift");
    assert_eq!(policy.admins.users, ["W1"]);
    let seconds = "policy \"vendors\" has an approval_timeout below a minute; that is for trying things out, not for people";
    assert_eq!(config.warnings, [seconds]);
}

#[test]
fn an_empty_break_glass_list_is_allowed_but_said() {
    let advice = "list the emergency accounts that no button may ever suspend";
    assert_eq!(good(GOOD).warnings, [format!("policy \"contractors\" has an empty break_glass; {advice}")]);
}

#[test]
fn a_blank_in_the_level_changes_nothing() {
    let level = |text: &str| good(&format!("{GOOD}[log]\nlevel = \"{text}\"\n")).log.level;
    assert_eq!(level(" warn ,inactive_contractors=debug "), "warn,inactive_contractors=debug");
}

#[test]
fn a_trail_that_leaves_the_machine_in_the_clear_is_said() {
    let warned = |address: &str| {
        let text = format!("{GOOD}break_glass = [\"root@x.example\"]\n[forward]\nsyslog = \"{address}\"\n");
        good(&text).warnings.join("\n")
    };
    for address in ["udp://127.0.0.1:514", "tcp://localhost:601", "tcp://[::1]:601"] {
        assert_eq!(warned(address), "");
    }
    for address in ["udp://10.0.0.1:514", "tcp://localhost.example:601", "tcp://logs.example:601"] {
        assert!(warned(address).contains("unencrypted"), "{address}");
    }
}

#[test]
fn whose_accounts_are_whose_is_read() {
    let two =
        "account_owners = [{ slack = \"U1\", okta = \"a@x.example\" }, { chat = \"U1\", okta = \"00u1\" }]";
    let own = &good(&format!("{GOOD}{two}")).policies[0].account_owners;
    assert_eq!(own["U1"].iter().map(String::as_str).collect::<Vec<_>>(), ["00u1", "a@x.example"]);
    let how = bad_line("account_owners = [{ slack = \"ada\", okta = \"a@x.example\" }]");
    assert!(how.contains("Copy member ID"), "{how}");
    let twice = bad_line("account_owners = [{ slack = \"U1\", chat = \"U2\", okta = \"a@x.example\" }]");
    assert!(twice.contains("the same key"), "{twice}");
    let needs = bad(&format!("{GOOD}account_owners = [{{ slack = \"U1\" }}]")).join("\n");
    assert!(needs.contains("account_owners needs both"), "{needs}");
}

#[test]
fn a_name_without_effect_is_reported() {
    let warned = |lines: &str| good(&format!("{GOOD}break_glass = [\"root@x.example\"]\n{lines}\n")).warnings;
    assert_eq!(
        warned("remind = { users = [\"U1\"] }"),
        [
            "a policy has remind, but no remind_before: nobody is reminded; set remind_before, such as [\"4h\", \"1h\"]"
        ]
    );
    assert_eq!(
        warned("ask_before = \"9h\""),
        [
            "policy \"contractors\" has an ask_before above approval_timeout: the people concerned are asked at once, as without it"
        ]
    );
    assert_eq!(warned("remind_before = [\"1h\"]\nask_before = \"7h\""), [""; 0]);
}

#[test]
fn a_policy_that_is_not_enabled_is_checked_and_left_out() {
    let two = format!("{GOOD}[[policy]]\nname = \"b\"\nchannel = \"C1\"\napprovers.users = [\"U1\"]\n");
    let config = good(&format!("{two}enabled = false\nbreak_glass = [\"root\"]"));
    assert_eq!(config.policies.len(), 1);
    assert!(config.warnings.contains(&"policy \"b\" is not enabled: it runs no sweeps".to_owned()));
    assert_eq!(bad(&format!("{two}enabled = false\nmax_share = 2")).len(), 1);
    assert_eq!(
        bad(&format!("{GOOD}enabled = false")),
        ["bot.toml: no policy is enabled: the bot has nothing to do"]
    );
}

#[test]
fn the_environment_overrides_addresses_the_database_and_fills_in_the_channel() {
    let no_channel = with("api_url = \"https://slack.example/api\"", "").replace("channel = \"C0123\"\n", "");
    let local = [
        ("SLACK_API_URL", "http://127.0.0.1:8080/api"),
        ("OKTA_ORG_URL", "http://localhost:8081"),
        ("SLACK_CHANNEL", "C9"),
        ("DB_PATH", "a.db"),
    ];
    let variables: Vec<_> = TOKENS.into_iter().chain(local).collect();
    let config = parse(&no_channel, &variables).expect("a sandbox");
    assert_eq!(config.slack.api_url.as_ref().expect("one was given").as_str(), "http://127.0.0.1:8080/api");
    assert_eq!(okta(&config).org_url.as_str(), "http://localhost:8081/");
    assert_eq!(config.policies[0].channel, "C9");
    assert_eq!(config.database, PathBuf::from("a.db"));
    let variables: Vec<_> = variables.into_iter().chain([("INACTIVE_CONTRACTORS_DB", "b.db")]).collect();
    assert_eq!(parse(&no_channel, &variables).expect("a sandbox").database, PathBuf::from("b.db"));
}

/// An address of the Okta org, and what is wrong with it after `bot.toml: `.
const BAD_ADDRESSES: [(&str, &str); 13] = [
    (
        "acme.okta.com",
        "OKTA_ORG_URL is \"acme.okta.com\", which lacks https:// at its beginning; write \"https://acme.okta.com\"",
    ),
    (
        "acme.okta.com:443/",
        "OKTA_ORG_URL is \"acme.okta.com:443/\", which lacks https:// at its beginning; write \"https://acme.okta.com\"",
    ),
    (
        "http://acme.okta.com",
        "OKTA_ORG_URL is \"http://acme.okta.com\", but must begin with https:// (http:// only for this machine, such as http://127.0.0.1:8080); write \"https://acme.okta.com\"",
    ),
    (
        "http://127.0.0.1.evil.example",
        "OKTA_ORG_URL is \"http://127.0.0.1.evil.example\", but must begin with https:// (http:// only for this machine, such as http://127.0.0.1:8080); write \"https://127.0.0.1.evil.example\"",
    ),
    (
        "ftp://localhost",
        "OKTA_ORG_URL is \"ftp://localhost\", but must begin with https:// (http:// only for this machine, such as http://127.0.0.1:8080)",
    ),
    (
        "https://me:canary@acme.okta.com",
        "OKTA_ORG_URL has a user name or password in it; give the address alone",
    ),
    (
        "https://acme.okta.com/?a=b",
        "OKTA_ORG_URL is \"https://acme.okta.com/…\"; give the address without ? and #; write \"https://acme.okta.com\"",
    ),
    (
        "https://acme.okta.com/api/v1",
        "OKTA_ORG_URL is the address of a page; give \"https://acme.okta.com\" alone",
    ),
    (
        "https://acme-admin.okta.com",
        "OKTA_ORG_URL is the address of Okta's admin console; the org's own is \"https://acme.okta.com\"",
    ),
    (
        "https://acme-admin.oktapreview.com/admin/dashboard",
        "OKTA_ORG_URL is the address of Okta's admin console; the org's own is \"https://acme.oktapreview.com\"",
    ),
    (
        "acme-admin.okta.com/admin/users",
        "OKTA_ORG_URL is \"acme-admin.okta.com/…\", which lacks https:// at its beginning; write \"https://acme.okta.com\"",
    ),
    (
        "me:canary@acme.okta.com",
        "OKTA_ORG_URL is (an address with an @, not repeated here), which lacks https:// at its beginning",
    ),
    (
        "\"https://acme.okta.com\"",
        "OKTA_ORG_URL is in quotes, which are taken for a part of it; write it without them",
    ),
];

#[test]
fn addresses_are_https_or_this_machine() {
    for (address, sentence) in BAD_ADDRESSES {
        let variables: Vec<_> = TOKENS.into_iter().chain([("OKTA_ORG_URL", address)]).collect();
        assert_eq!(parse(GOOD, &variables).expect_err(address), [format!("bot.toml: {sentence}")]);
    }
    for address in ["http://127.0.0.1:1", "http://[::1]:1", "https://id.acme.example"] {
        let variables: Vec<_> = TOKENS.into_iter().chain([("OKTA_ORG_URL", address)]).collect();
        parse(GOOD, &variables).unwrap_or_else(|problems| panic!("{address}: {problems:?}"));
    }
}

#[test]
fn loading_reads_files_and_says_when_others_may_read_a_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| std::fs::write(path(name), text).expect("the folder is ours");
    write("bot-token", BOT);
    write("app-token", APP);
    write("api-token", API);
    let line = |key: &str, name: &str| format!("{key} = '{}'", path(name).display());
    let slack = format!("{}\n{}", line("bot_token_file", "bot-token"), line("app_token_file", "app-token"));
    write("bot.toml", &with(&slack, &line("api_token_file", "api-token")));
    set_mode(&path("bot-token"), 0o644);
    set_mode(&path("app-token"), 0o600);
    set_mode(&path("api-token"), 0o400);

    let config = Config::load(Some(&path("bot.toml"))).expect("the file is good");
    let open: Vec<_> = config.warnings.iter().filter(|warning| warning.contains("chmod 600")).collect();
    assert_eq!(open.len(), usize::from(cfg!(unix)), "{open:?}");
    assert!(open.iter().all(|warning| warning.contains("bot-token holds a secret and others")));
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the file is ours");
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) {}

#[test]
fn a_file_that_is_not_there_says_how_to_make_one() {
    let error = Config::load(Some(Path::new("/nonexistent/bot.toml"))).expect_err("there is no such file");
    assert_eq!(
        error.to_string(),
        "/nonexistent/bot.toml: no such file; copy config/bot.example.toml to it, or name another with --config"
    );
}
