//! What is read of the environment's proxies, and of secrets that somebody has put in quotes.

use super::{API, APP, BOT, GOOD, PEM, TOKENS, parse};

const PROXY: &str = "http://bot:canary@proxy.acme.example:3128";

fn problems(variables: &[(&'static str, &'static str)]) -> Vec<String> {
    let all: Vec<_> = TOKENS.iter().chain(variables).copied().collect();
    parse(GOOD, &all).err().unwrap_or_default()
}

fn warnings(variables: &[(&'static str, &'static str)]) -> Vec<String> {
    let all: Vec<_> = TOKENS.iter().chain(variables).copied().collect();
    parse(GOOD, &all).expect("a good configuration").warnings
}

#[test]
fn a_proxy_is_read_in_the_order_that_curl_reads_it_and_nobody_sees_its_password() {
    for variables in [
        &[("HTTPS_PROXY", PROXY)][..],
        &[("https_proxy", PROXY), ("NO_PROXY", "acme.example,10.0.0.0/8")],
        &[("HTTPS_PROXY", ""), ("all_proxy", PROXY)],
        &[("HTTPS_PROXY", PROXY), ("ALL_PROXY", "socks5://10.0.0.1:1080")],
        &[("HTTPS_PROXY", "proxy.acme.example:3128"), ("HTTP_PROXY", "http://other.example")],
    ] {
        let all: Vec<_> = TOKENS.iter().chain(variables).copied().collect();
        let config = parse(GOOD, &all).unwrap_or_else(|problems| panic!("{variables:?}: {problems:?}"));
        let shown = format!("{config:?}");
        assert!(shown.contains("proxy.acme.example") && !shown.contains("canary"), "{shown}");
        assert_eq!(config.warnings.len(), 1, "only about break_glass: {:?}", config.warnings);
    }
    let without = format!("{:?}", parse(GOOD, &TOKENS).expect("no proxy").network);
    assert!(without.contains("None"), "{without}");
}

#[test]
fn each_mistake_with_a_proxy_has_its_sentence() {
    let none = "holds no address of a proxy: write http://host:port, or http://user:password@host:port with special \
                characters of the password as %XX";
    let socks = "names a SOCKS proxy, and the bot speaks to HTTP proxies only: write http://host:port";
    let quotes = "is in quotes, which are taken for a part of it; write it without them";
    for (name, address, wrong) in [
        ("HTTPS_PROXY", "http://", none),
        ("https_proxy", "http://bot:can ary@proxy:3128", none),
        ("HTTPS_PROXY", "ftp://proxy.acme.example", none),
        ("ALL_PROXY", "socks5://bot:canary@10.0.0.1:1080", socks),
        ("all_proxy", "\"http://proxy.acme.example:3128\"", quotes),
    ] {
        assert_eq!(problems(&[(name, address)]), [format!("bot.toml: {name} {wrong}")]);
    }
    assert_eq!(
        warnings(&[("HTTP_PROXY", PROXY)])[0],
        "HTTP_PROXY is set and HTTPS_PROXY is not: all that leaves this machine is https, so it goes without a proxy"
    );
}

#[test]
fn no_secret_may_be_in_quotes() {
    let marks = [("\"", "\""), ("'", "'"), ("“", "”"), ("\"", ""), ("", "\" \r"), (" \"", "\"\r\n")];
    let heartbeat = "https://beat.example/canary";
    for (name, secret) in [
        ("SLACK_BOT_TOKEN", BOT),
        ("SLACK_APP_TOKEN", APP),
        ("OKTA_API_TOKEN", API),
        ("OKTA_PRIVATE_KEY", PEM),
        ("FORWARD_AUTHORIZATION", "Bearer canary"),
        ("HEARTBEAT_URL", heartbeat),
    ] {
        for (before, after) in marks {
            let quoted = format!("{before}{secret}{after}");
            let mut all: Vec<_> = TOKENS.to_vec();
            all.retain(|(other, _)| name != "OKTA_PRIVATE_KEY" || *other != "OKTA_API_TOKEN");
            all.push((name, &quoted));
            let problems = parse(GOOD, &all).expect_err(&quoted);
            let sentence = format!(
                "bot.toml: {name} is in quotes, which are taken for a part of it; write it without them"
            );
            assert_eq!(problems, [sentence], "{quoted:?}");
        }
    }
}

#[test]
fn blanks_and_a_carriage_return_around_a_secret_are_no_part_of_it() {
    for around in [" {} ", "{}\r", "\t{}\r\n"] {
        let token = around.replace("{}", BOT);
        let all: Vec<_> = TOKENS.into_iter().chain([("SLACK_BOT_TOKEN", token.as_str())]).collect();
        assert!(parse(GOOD, &all).is_ok(), "{token:?}");
    }
}
