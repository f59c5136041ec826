//! Where secrets come from, and what is said when they don't.

use inactive_contractors::config::Credential;
use secrecy::ExposeSecret;

use super::{API, APP, BOT, GOOD, PEM, TOKENS, api_token, good, parse, with};

#[test]
fn without_secrets_both_ways_to_give_them_are_named() {
    assert_eq!(
        parse(GOOD, &[("SLACK_BOT_TOKEN", " ")]).expect_err("there are no secrets"),
        [
            "bot.toml: no Slack bot token (xoxb-…): set the environment variable SLACK_BOT_TOKEN, or bot_token_file in \
             [slack] to the path of a file that holds it",
            "bot.toml: no Slack app-level token (xapp-…): set the environment variable SLACK_APP_TOKEN, or \
             app_token_file in [slack] to the path of a file that holds it",
            "bot.toml: no Okta credential: set the environment variable OKTA_API_TOKEN or api_token_file in [okta], or \
             for a service app OKTA_PRIVATE_KEY or private_key_file, with OKTA_CLIENT_ID or client_id",
        ]
    );
}

#[test]
fn secrets_come_from_files_and_the_environment_overrides_them() {
    let files = with("bot_token_file = \"bot\"\napp_token_file = \"app\"", "api_token_file = \"api\"");
    let config = parse(&files, &[]).expect("files are enough");
    assert_eq!(config.slack.bot_token.expose_secret(), BOT);
    assert_eq!(config.slack.app_token.expose_secret(), APP);
    assert_eq!(api_token(&config), Some(API));
    let config =
        parse(&files, &[("SLACK_BOT_TOKEN", "xoxb-other"), ("OKTA_API_TOKEN", "other")]).expect("fine");
    assert_eq!(config.slack.bot_token.expose_secret(), "xoxb-other");
    assert_eq!(api_token(&config), Some("other"));
}

#[test]
fn a_service_app_comes_from_files_or_the_environment() {
    let slack = "bot_token_file = \"bot\"\napp_token_file = \"app\"";
    let file = with(slack, "client_id = \"0oa1\"\nprivate_key_file = \"pem\"\nkey_id = \"k1\"");
    let one_line = PEM.replace('\n', "\\n");
    let variables = [("OKTA_CLIENT_ID", "0oa2"), ("OKTA_PRIVATE_KEY", one_line.as_str())];
    for (text, variables, id, key) in [
        (file.as_str(), &[][..], "0oa1", Some("k1")),
        (&with(slack, "api_token_file = \"api\""), &variables[..], "0oa2", None),
        (&file, &variables[..], "0oa2", Some("k1")),
    ] {
        let config = parse(text, variables).expect("a service app");
        let Credential::ServiceApp { client_id, private_key_pem, key_id } =
            config.okta.expect("it has the section").credential
        else {
            panic!("an API token was taken")
        };
        assert_eq!((client_id.as_str(), key_id.as_deref()), (id, key));
        assert_eq!(private_key_pem.expose_secret(), PEM);
    }
}

/// Lines in `[slack]` and `[okta]`, variables, and what is wrong with the secrets that they give.
type BadSecret = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str);

const BAD_SECRETS: [BadSecret; 15] = [
    (
        "",
        "",
        &[("SLACK_BOT_TOKEN", APP)],
        "bot.toml: SLACK_BOT_TOKEN holds no Slack bot token: those begin with xoxb-",
    ),
    (
        "",
        "",
        &[("SLACK_APP_TOKEN", "xapp-a b canary")],
        "bot.toml: SLACK_APP_TOKEN must hold the token alone, with no spaces, quotes or other words",
    ),
    (
        "bot_token_file = \"app\"",
        "",
        &[("SLACK_BOT_TOKEN", "")],
        "bot.toml:2:18: bot_token_file \"app\" holds no Slack bot token: those begin with xoxb-",
    ),
    (
        "bot_token_file = \"gone\"",
        "",
        &[("SLACK_BOT_TOKEN", "")],
        "bot.toml:2:18: bot_token_file \"gone\" can't be read: entity not found",
    ),
    (
        "app_token_file = \"empty\"",
        "",
        &[("SLACK_APP_TOKEN", "")],
        "bot.toml:2:18: app_token_file \"empty\" is an empty file",
    ),
    (
        "bot_token_file = \"xoxb-canary\"",
        "",
        &[],
        "bot.toml:2:18: bot_token_file holds a secret; secrets have no place in this file, only in the environment or in files that it names",
    ),
    (
        "",
        "api_token_file = \"ssws\"",
        &[("OKTA_API_TOKEN", "")],
        "bot.toml:4:18: api_token_file \"ssws\" must hold the token alone, with no spaces, quotes or other words",
    ),
    (
        "",
        "client_id = \"0oa1\"",
        &[("OKTA_API_TOKEN", ""), ("OKTA_PRIVATE_KEY", "canary")],
        "bot.toml: OKTA_PRIVATE_KEY holds no private key in PEM (\"-----BEGIN PRIVATE KEY-----\" and so on)",
    ),
    (
        "",
        "private_key_file = \"pem\"",
        &[("OKTA_API_TOKEN", ""), ("OKTA_CLIENT_ID", "00canary-canary-canary-canary-canary-canar")],
        "bot.toml: OKTA_CLIENT_ID holds a secret; it is for the client id, which looks like 0oa…",
    ),
    (
        "",
        "private_key_file = \"pem\"",
        &[("OKTA_API_TOKEN", "")],
        "bot.toml: a private key needs the client id of its service app: set client_id in [okta] or the environment variable OKTA_CLIENT_ID",
    ),
    (
        "",
        "client_id = \"0oa1\"\nprivate_key_file = \"jwk\"",
        &[("OKTA_API_TOKEN", "")],
        "bot.toml:5:20: private_key_file \"jwk\" holds a JWK; in Okta choose \"PEM\" above the private key and copy that",
    ),
    (
        "",
        "client_id = \"0oa1\"\nprivate_key_file = \"locked\"",
        &[("OKTA_API_TOKEN", "")],
        "bot.toml:5:20: private_key_file \"locked\" holds a key with a passphrase; give it without one, in a file that only the bot may read",
    ),
    (
        "",
        "client_id = \"0oa1\"\nprivate_key_file = \"public\"",
        &[("OKTA_API_TOKEN", "")],
        "bot.toml:5:20: private_key_file \"public\" holds the public half; give the private key",
    ),
    (
        "",
        "api_token_file = \"api\"\nprivate_key_file = \"pem\"",
        &[("OKTA_API_TOKEN", "")],
        "bot.toml: api_token_file \"api\" and private_key_file \"pem\" are both given; keep the one that the bot should use",
    ),
    (
        "",
        "",
        &[("OKTA_PRIVATE_KEY", PEM)],
        "bot.toml: OKTA_API_TOKEN and OKTA_PRIVATE_KEY are both given; keep the one that the bot should use",
    ),
];

#[test]
fn each_mistake_with_a_secret_has_its_sentence() {
    for (slack, okta, variables, sentence) in BAD_SECRETS {
        let all: Vec<_> = TOKENS.iter().chain(variables).copied().collect();
        let problems = parse(&with(slack, okta), &all).expect_err(sentence);
        assert_eq!(problems, [sentence]);
    }
}

#[test]
fn debug_shows_no_secret() {
    let config = good(GOOD);
    let text = with(
        "bot_token_file = \"bot\"\napp_token_file = \"app\"",
        "client_id = \"0oa1\"\nprivate_key_file = \"pem\"",
    );
    let service_app = parse(&text, &[]).expect("a service app");
    for shown in [format!("{config:?}"), format!("{config:#?}"), format!("{service_app:?}")] {
        assert!(!shown.contains("canary") && !shown.contains("Y2FuYXJ5"), "{shown}");
    }
}
