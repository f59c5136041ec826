//! What is wrong with a file: every problem with its line and column, in the order of the file.
//!
//! Nothing that looks like a secret is ever repeated, whichever key it was written under by mistake.

use std::cell::RefCell;
use std::path::Path;

use serde_json::Value;

use super::settings::{Setting, SettingValue};

/// A key that the file may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The section, such as `slack`, `policy` or `policy.approvers`; empty for the sections themselves.
    pub section: &'static str,
    /// The key.
    pub name: &'static str,
    /// The default as one would write it in TOML; `None` when leaving the key out means something of its own.
    pub default: Option<String>,
    /// The shape of its value, as a JSON Schema.
    pub shape: serde_json::Value,
}

/// All that is wrong with a configuration, one sentence each, in the order of the file.
#[derive(Debug, thiserror::Error)]
#[error("{}", .problems.join("\n"))]
pub struct ConfigError {
    pub(super) problems: Vec<String>,
}

impl ConfigError {
    /// The sentences.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

/// Collects the problems of one file, and on the way the keys that its sections may have and what they are set to.
pub(super) struct Report<'a> {
    name: &'a str,
    text: &'a str,
    problems: RefCell<Vec<(usize, String)>>,
    warnings: RefCell<Vec<String>>,
    keys: RefCell<Vec<Key>>,
    /// What is set, each with which `[[policy]]` it is of.
    settings: RefCell<Vec<(Option<usize>, Setting)>>,
}

impl<'a> Report<'a> {
    /// A report on the file called `name` with the given content.
    pub(super) fn new(name: &'a str, text: &'a str) -> Self {
        Report {
            name,
            text,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            keys: RefCell::default(),
            settings: RefCell::default(),
        }
    }

    /// Something is wrong at this byte of the file.
    pub(super) fn problem_at(&self, offset: usize, message: &str) {
        let (line, column) = position(self.text, offset);
        let problem = format!("{}:{line}:{column}: {message}", self.name);
        self.problems.borrow_mut().push((offset, problem));
    }

    /// Something is missing that has no place in the file yet, or is wrong outside it.
    pub(super) fn problem(&self, message: &str) {
        let problem = format!("{}: {message}", self.name);
        self.problems.borrow_mut().push((usize::MAX, problem));
    }

    /// How many problems there are so far.
    pub(super) fn problems_so_far(&self) -> usize {
        self.problems.borrow().len()
    }

    /// Every policy is switched off. Only said when nothing else is wrong: a policy with a mistake was reported, and
    /// that is the first thing to fix.
    pub(super) fn nothing_enabled(&self) {
        if self.problems.borrow().is_empty() {
            self.problem("no policy is enabled: the bot has nothing to do");
        }
    }

    /// Something is allowed, but somebody should know.
    pub(super) fn warning(&self, message: String) {
        self.warnings.borrow_mut().push(message);
    }

    /// A section may have this key.
    pub(super) fn key(&self, key: Key) {
        let mut keys = self.keys.borrow_mut();
        if !keys.iter().any(|known| known.section == key.section && known.name == key.name) {
            keys.push(key);
        }
    }

    /// What editors should know of a key's value beside its type.
    pub(super) fn looks_like(&self, section: &str, name: &str, more: Value) {
        let mut keys = self.keys.borrow_mut();
        let key = keys.iter_mut().find(|key| key.section == section && key.name == name);
        if let (Some(Value::Object(shape)), Value::Object(more)) = (key.map(|key| &mut key.shape), more) {
            shape.extend(more);
        }
    }

    /// A key of a section, or of the policy of this number, is set to this. What was noted before is forgotten.
    pub(super) fn setting(&self, policy: Option<usize>, setting: Setting) {
        let mut settings = self.settings.borrow_mut();
        let same = |(of, known): &&mut (Option<usize>, Setting)| {
            (*of, known.section, known.key) == (policy, setting.section, setting.key)
        };
        match settings.iter_mut().find(same) {
            Some((_, known)) => *known = setting,
            None => settings.push((policy, setting)),
        }
    }

    /// The file and line of a byte.
    pub(super) fn place(&self, offset: usize) -> String {
        format!("{}:{}", self.name, position(self.text, offset).0)
    }

    /// The warnings so far, if nothing is wrong; otherwise all that is wrong, in the order of the file.
    pub(super) fn verdict(&self) -> Result<Vec<String>, ConfigError> {
        let mut problems = self.problems.take();
        problems.sort_by_key(|(offset, _)| *offset);
        if problems.is_empty() {
            Ok(self.warnings.take())
        } else {
            Err(ConfigError { problems: problems.into_iter().map(|(_, problem)| problem).collect() })
        }
    }

    /// Every key that was asked for.
    pub(super) fn into_keys(self) -> Vec<Key> {
        self.keys.into_inner()
    }

    /// Every key and what it is set to, in the order in which they were asked for; policies with their names.
    pub(super) fn into_settings(self) -> Vec<Setting> {
        let settings = self.settings.into_inner();
        let name = |policy: usize| {
            let of = settings.iter().find(|(of, setting)| *of == Some(policy) && setting.key == "name");
            of.and_then(|(_, setting)| match &setting.value {
                SettingValue::Value(Value::String(name)) => Some(name.trim().to_owned()),
                SettingValue::Value(_) | SettingValue::NotSet | SettingValue::Secret(_) => None,
            })
        };
        let named = |(policy, setting): &(Option<usize>, Setting)| Setting {
            policy: policy.and_then(name),
            ..setting.clone()
        };
        settings.iter().map(named).collect()
    }
}

/// Line and column of a byte, both from 1; columns count characters.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The text in double quotes on one line, cut when long; a secret is not repeated.
pub(super) fn quote(text: &str) -> String {
    const LONGEST: usize = 80;
    if looks_secret(text) {
        return "(a secret, not repeated here)".to_owned();
    }
    let shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    let shown = shown.replace("\\'", "'");
    if text.chars().count() > LONGEST { format!("\"{shown}…\"") } else { format!("\"{shown}\"") }
}

/// A path as it is, on one line and cut when long.
pub(super) fn shown(path: &Path) -> String {
    const LONGEST: usize = 200;
    let text = path.display().to_string();
    if looks_secret(&text) {
        return "(a secret, not repeated here)".to_owned();
    }
    let shown: String =
        text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().count() > LONGEST { format!("{shown}…") } else { shown }
}

/// Whether the text has the shape of a Slack token, an Okta API token, a client secret of Entra ID or a private key.
pub(super) fn looks_secret(text: &str) -> bool {
    /// Okta's API tokens: `00` and 40 more characters.
    const OKTA_TOKEN_LENGTH: usize = 42;
    let word = text.trim();
    let okta_token = word.len() == OKTA_TOKEN_LENGTH
        && word.starts_with("00")
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    okta_token
        || is_entra_secret(word)
        || word.contains("-----BEGIN")
        || word.starts_with("SSWS ")
        || ["xoxb-", "xoxp-", "xoxa-", "xoxe", "xapp-"].iter().any(|prefix| word.contains(prefix))
}

/// Client secrets: three characters, a digit, `Q~`, and at least 31 more. <https://github.com/gitleaks/gitleaks>
fn is_entra_secret(word: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_~.-".contains(&byte);
    word.len() > 36
        && word.as_bytes()[3].is_ascii_digit()
        && word.as_bytes()[4..].starts_with(b"Q~")
        && word.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        assert_eq!(position("", 0), (1, 1));
        assert_eq!(position("a\nbé = 1", 6), (2, 4));
        assert_eq!(position("a\n", 99), (2, 1));
    }

    #[test]
    fn quotes_stay_on_one_line_and_repeat_no_secret() {
        assert_eq!(quote("a\n\u{202e}b'"), "\"a\\n\\u{202e}b'\"");
        for secret in [
            "xoxb-1-2",
            "xapp-1-A",
            "SSWS abc",
            "-----BEGIN PRIVATE KEY-----",
            &format!("00{}", "a".repeat(40)),
            &format!("abc8Q~{}", "a".repeat(34)),
        ] {
            assert_eq!(quote(secret), "(a secret, not repeated here)");
        }
    }
}
