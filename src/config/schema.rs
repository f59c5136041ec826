//! The shape of the file for editors, as a JSON Schema: the keys that the sections ask for, with the words of the
//! example.
//!
//! Editors for TOML read drafts of different ages, so only what all of them have in common is used: nothing is
//! referred to, and nothing is conditional.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::section;
use super::{Config, Key};

/// What it says about each key stands above the key.
const EXAMPLE: &str = include_str!("../../config/bot.example.toml");

/// Keys that their section can't do without, wherever else a value might come from.
const NEEDED: [(&str, &[&str]); 4] = [
    ("", &["policy"]),
    ("policy", &["name", "approvers"]),
    ("policy.exempt_attributes", &["name", "value"]),
    ("policy.account_owners", &["okta"]),
];

/// A JSON Schema (draft 2020-12) of the configuration file.
pub fn schema() -> Value {
    let mut schema = object(&Config::keys(), &descriptions(), "");
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("The configuration of inactive-contractors");
    schema
}

/// A section with all that it may have.
fn object(keys: &[Key], words: &BTreeMap<(&str, &str), String>, section: &str) -> Value {
    let mut properties = Map::new();
    for key in keys.iter().filter(|key| key.section == section) {
        let inner = if section.is_empty() { key.name.to_owned() } else { format!("{section}.{}", key.name) };
        let mut shape = key.shape.clone();
        if shape["type"] == "object" {
            shape = object(keys, words, &inner);
        } else if shape["type"] == "array" && shape["items"].is_null() {
            shape["items"] = object(keys, words, &inner);
        }
        if let Some(words) = words.get(&(section, key.name)) {
            shape["description"] = json!(words);
        }
        if let Some(old) = section::old_name(key.name) {
            let words = format!("The old name of {}, which still works.", key.name);
            let mut old_shape = shape.clone();
            old_shape["deprecated"] = json!(true);
            old_shape["description"] = json!(words);
            properties.insert(old.to_owned(), old_shape);
        }
        properties.insert(key.name.to_owned(), shape);
    }
    let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if let Some((_, needed)) = NEEDED.iter().find(|(name, _)| *name == section) {
        object["required"] = json!(needed);
    }
    object
}

/// The comment above each key of the example, by its section, and above each section. Keys that stand together share
/// one.
fn descriptions() -> BTreeMap<(&'static str, &'static str), String> {
    let mut told = BTreeMap::new();
    let (mut section, mut comment, mut used) = ("", Vec::new(), false);
    for line in EXAMPLE.lines() {
        if let Some(words) = line.strip_prefix("# ") {
            if std::mem::take(&mut used) {
                comment.clear();
            }
            comment.push(words);
            continue;
        }
        let (of, key) = if line.trim_start_matches('#').starts_with('[') {
            section = line.trim_matches(['#', '[', ']']);
            ("", section)
        } else if let Some((key, _)) = line.trim_start_matches('#').split_once(" = ") {
            (section, key)
        } else {
            comment.clear();
            continue;
        };
        used = true;
        if !comment.is_empty() {
            told.insert((of, key), comment.join(" "));
        }
        if of.is_empty() {
            comment.clear();
        }
    }
    told
}
