//! `config/bot.example.toml` against the code that reads it.

use std::collections::BTreeMap;

use inactive_contractors::config::{Config, VARIABLES};

use super::{TOKENS, good, parse};

const EXAMPLE: &str = include_str!("../../config/bot.example.toml");

/// The example's lines of one section, by the key that each sets, commented out or not.
fn example_lines(section: &str) -> BTreeMap<&'static str, &'static str> {
    let header = |line: &str| line.trim_matches(['#', '[', ']']).to_owned();
    let is_header = |line: &str| line.trim_start_matches('#').starts_with('[');
    let from = EXAMPLE.lines().skip_while(|line| !is_header(line) || header(line) != section).skip(1);
    from.take_while(|line| !is_header(line))
        .filter_map(|line| line.strip_prefix('#').unwrap_or(line).split_once(" = "))
        .filter(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .collect()
}

#[test]
fn the_example_is_a_good_file() {
    assert_eq!(good(EXAMPLE).policies.len(), 1);
}

#[test]
fn the_example_has_every_key_and_shows_the_real_defaults() {
    let mut checked = 0;
    for key in Config::keys() {
        let (section, part) = key.section.split_once('.').unwrap_or((key.section, ""));
        if section.is_empty() {
            assert!(EXAMPLE.contains(&format!("[{}]", key.name)), "[{}] is missing", key.name);
            continue;
        }
        let lines = example_lines(section);
        if part.is_empty() {
            let shown =
                lines.get(key.name).unwrap_or_else(|| panic!("{} is missing from [{section}]", key.name));
            assert!(
                key.default.as_deref().is_none_or(|default| default == *shown),
                "{key:?} is shown as {shown}"
            );
        } else if !["exempt_attributes", "account_owners"].contains(&part) {
            assert!(lines[part].contains(&format!("{} = ", key.name)), "{key:?} is missing from {part}");
        }
        checked += 1;
    }
    assert!(checked > 40, "only {checked} keys were checked");
}

#[test]
fn the_example_shows_no_key_that_is_not_one() {
    let keys = Config::keys();
    for section in ["slack", "okta", "entra", "database", "log", "forward", "monitoring", "policy"] {
        for shown in example_lines(section).keys() {
            let known = keys.iter().any(|key| key.section == section && key.name == *shown);
            assert!(known, "{shown} in [{section}] is not a key");
        }
    }
}

#[test]
fn the_example_names_every_variable() {
    for variable in VARIABLES {
        assert!(EXAMPLE.contains(variable), "{variable} is missing");
    }
}

#[test]
fn every_default_and_example_value_can_be_uncommented() {
    let alternatives = [
        "okta_user_type_id",
        "api_token_file",
        "client_id",
        "private_key_file",
        "key_id",
        "working_week",
        "holidays_file",
        "authorization_file",
        "heartbeat_url_file",
        "tenant_id",
        "certificate_file",
        "client_secret_file",
        "federated_token_file",
        "cloud",
    ];
    let take = |line: &'static str| {
        let bare = line.strip_prefix('#').filter(|bare| !bare.starts_with(' ') && bare.contains(" = "));
        bare.filter(|bare| !alternatives.iter().any(|key| bare.starts_with(key))).unwrap_or(line)
    };
    let all = EXAMPLE.lines().map(take).collect::<Vec<_>>().join("\n");
    let (all, plain) = (good(&all), good(EXAMPLE));
    assert_eq!(all.policies[0].rule, plain.policies[0].rule);
    assert_eq!(all.policies[0].limits, plain.policies[0].limits);
    assert_eq!(all.policies[0].schedule, plain.policies[0].schedule);
    assert_eq!(all.database, plain.database);
    assert_eq!(all.log, plain.log);
}

#[test]
fn no_file_makes_it_panic() {
    let uncommented = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(bare) if !bare.starts_with([' ', ':']) => bare,
        Some(_) | None => line,
    });
    let lines: Vec<&str> = uncommented.filter(|line| !line.starts_with('#')).collect();
    for (index, (key, _)) in
        lines.iter().enumerate().filter_map(|(i, line)| Some((i, line.split_once(" = ")?)))
    {
        let _ = parse(&lines[..index].join("\n"), &TOKENS);
        for value in ["1", "-1.5", "\"\"", "\"é\"", "true", "[]", "[1]", "{}", "{ a = 1 }", "1979-05-27", "["]
        {
            let line = format!("{key} = {value}");
            let mut changed = lines.clone();
            changed[index] = &line;
            let _ = parse(&changed.join("\n"), &[]);
        }
    }
}
