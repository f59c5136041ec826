//! The configuration: no text is a panic, every mistake names its place or a key, no secret is repeated, and whatever is
//! accepted can be relied on.

use std::collections::BTreeSet;

use chrono::Duration;
use inactive_contractors::config::Config;
use inactive_contractors::domain::calendar::Period;
use inactive_contractors::domain::schedule::next_slot;

/// Reads the bytes as a configuration. A `holidays_file` called `other` is there and has the same text.
pub fn check(data: &[u8]) {
    let text = super::text(data);
    let tokens = secrets(&text);
    match super::configure(&text, &text) {
        Ok(config) => {
            relied_on(&config);
            for warning in &config.warnings {
                sentence(warning, &tokens);
            }
            hides(&format!("{config:?}"), &[]);
        }
        Err(error) => {
            assert!(!error.problems().is_empty(), "an error without a problem");
            for problem in error.problems() {
                sentence(problem, &tokens);
                place(problem, &text);
            }
        }
    }
}

/// Nothing later checks these again.
fn relied_on(config: &Config) {
    let names: BTreeSet<&str> = config.policies.iter().map(|policy| &*policy.name).collect();
    assert!(!names.is_empty() && names.len() == config.policies.len(), "{names:?}");
    assert!(config.okta.is_some() || config.entra.is_some(), "no provider");
    if let Some(okta) = &config.okta {
        let org = &okta.org_url;
        assert!(org.scheme() == "https" || org.host_str().is_some(), "{org}");
        assert!(org.username().is_empty() && org.password().is_none() && org.path() == "/", "{org}");
        assert!(okta.rate_share > 0.0 && okta.rate_share <= 1.0);
        assert!(okta.concurrency > 0);
    }
    if let Some(entra) = &config.entra {
        assert!(!entra.tenant_id.is_empty() && !entra.tenant_id.contains('/'), "{entra:?}");
        assert_eq!(entra.client_id.len(), 36);
    }
    for policy in &config.policies {
        let limits = &policy.limits;
        assert!(limits.max_share > 0.0 && limits.max_share <= 1.0, "{limits:?}");
        assert!((1..=2).contains(&policy.approvals_needed));
        match policy.rule.inactive_after {
            Period::Time(length) => assert!(length > Duration::zero()),
            Period::WorkingDays(days) => assert!(days > 0),
        }
        next_slot(&policy.schedule, super::now());
    }
}

/// One line that a terminal shows as it is.
fn sentence(text: &str, secrets: &[String]) {
    assert!(!text.chars().any(char::is_control), "control characters: {text:?}");
    assert!(text.chars().count() < 1500, "too long to read: {text}");
    hides(text, secrets);
}

fn hides(text: &str, secrets: &[String]) {
    for secret in super::SECRETS.iter().map(|(_, value)| *value).chain(secrets.iter().map(String::as_str)) {
        assert!(!text.contains(secret), "{secret} is repeated: {text}");
    }
}

/// What looks like a token of Slack's.
fn secrets(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let is_token = |word: &&str| {
        ["xoxb-", "xoxp-", "xapp-"]
            .iter()
            .any(|start| word.strip_prefix(start).is_some_and(|rest| rest.len() > 5))
    };
    words.filter(is_token).map(str::to_owned).collect()
}

/// `bot.toml:LINE:COLUMN: …`, or a sentence about the file as a whole that names what to do.
fn place(problem: &str, text: &str) {
    let rest = problem.strip_prefix("bot.toml:").unwrap_or_else(|| panic!("whose problem? {problem}"));
    if let Some(whole) = rest.strip_prefix(' ') {
        let named = ["SLACK_", "OKTA_", "policy", "[", "_file"].iter().any(|key| whole.contains(key));
        assert!(named, "no key: {problem}");
        return;
    }
    let mut numbers = rest.splitn(3, ':').map(str::parse::<usize>);
    let (line, column) = (numbers.next(), numbers.next());
    let lines = text.matches('\n').count() + 1;
    assert!(matches!(line, Some(Ok(line)) if (1..=lines).contains(&line)), "{problem}");
    assert!(matches!(column, Some(Ok(1..))), "{problem}");
}
