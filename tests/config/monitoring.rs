//! The keys of `[monitoring]`.

use secrecy::ExposeSecret;

use super::{GOOD, HEARTBEAT, TOKENS, bad, good, parse};

fn with(line: &str) -> String {
    format!("{GOOD}[monitoring]\n{line}\n")
}

#[test]
fn nothing_listens_or_is_called_by_default() {
    let watch = good(GOOD).monitoring;
    assert!(watch.http.is_none() && watch.heartbeat.is_none(), "{watch:?}");
}

#[test]
fn it_listens_on_this_machine_only() {
    for address in ["127.0.0.1:9464", "[::1]:9464", "127.9.9.9:1"] {
        let watch = good(&with(&format!("http = \"{address}\""))).monitoring;
        assert_eq!(watch.http.expect("it listens").to_string(), address);
    }
    let machine = "but must be of this machine alone, such as \"127.0.0.1:9464\": it asks for no password; to look \
                   from elsewhere put a reverse proxy before it";
    let shape = "but must be an IP address of this machine and a port, such as \"127.0.0.1:9464\"";
    for (address, wrong) in [
        ("0.0.0.0:9464", machine),
        ("[::]:9464", machine),
        ("10.0.0.1:9464", machine),
        ("localhost:9464", shape),
        ("127.0.0.1", shape),
        ("9464", shape),
        ("127.0.0.1:99999", shape),
    ] {
        let sentence = format!("bot.toml:8:8: http is \"{address}\", {wrong}");
        assert_eq!(bad(&with(&format!("http = \"{address}\""))), [sentence]);
    }
}

#[test]
fn the_heartbeat_is_a_secret_from_a_file_or_the_environment() {
    let file = with("heartbeat_url_file = \"heartbeat\"");
    let local = "http://localhost:8000/canary";
    let variables: Vec<_> = TOKENS.into_iter().chain([("HEARTBEAT_URL", local)]).collect();
    for (config, address) in [
        (good(&file), HEARTBEAT),
        (parse(GOOD, &variables).expect("the environment is enough"), local),
        (parse(&file, &variables).expect("the environment overrides the file"), local),
    ] {
        assert!(!format!("{config:?}").contains("canary"), "{config:?}");
        assert_eq!(config.monitoring.heartbeat.expect("it was given").expose_secret(), address);
    }
}

#[test]
fn each_mistake_with_the_heartbeat_has_its_sentence_and_none_repeats_it() {
    let rule = "must begin with https:// (http:// only for this machine, such as http://127.0.0.1:8080)";
    for (line, address, sentence) in [
        (
            "heartbeat_url = \"https://beat.example/canary\"",
            "",
            "bot.toml:8:1: heartbeat_url is a secret; secrets have no place in this file, only in the environment or in \
             files that it names: set HEARTBEAT_URL, or heartbeat_url_file = \"…\""
                .to_owned(),
        ),
        ("heartbeat_url_file = \"clear\"", "", format!("bot.toml:8:22: heartbeat_url_file \"clear\" {rule}")),
        (
            "heartbeat_url_file = \"gone\"",
            "",
            "bot.toml:8:22: heartbeat_url_file \"gone\" can't be read: entity not found".to_owned(),
        ),
        ("", "http://beat.example/canary", format!("bot.toml: HEARTBEAT_URL {rule}")),
        (
            "",
            "beat.example/canary",
            "bot.toml: HEARTBEAT_URL holds no address: relative URL without a base".to_owned(),
        ),
        (
            "",
            "https://beat.example/canary # every day",
            "bot.toml: HEARTBEAT_URL must hold the address alone, with no spaces, quotes or other words".to_owned(),
        ),
    ] {
        let variables: Vec<_> = TOKENS.into_iter().chain([("HEARTBEAT_URL", address)]).collect();
        assert_eq!(parse(&with(line), &variables).expect_err(&sentence), [sentence]);
    }
}
