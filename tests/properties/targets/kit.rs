//! What Slack accepts, and what may never be in it: lengths and counts of Block Kit, and no token in mrkdwn that is not
//! exactly one of those that the bot writes itself.
//! <https://docs.slack.dev/reference/block-kit/blocks>

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveDateTime};
use serde_json::Value;

/// A message: `text` and `blocks`.
pub fn message(message: &Value) {
    let text = of(message, "text");
    mrkdwn(text);
    length(text, 1..=4000);
    let blocks = list(message, "blocks", 1..=50);
    check_all(blocks);
    let chars: usize = blocks.iter().map(characters).sum();
    let controls: usize = blocks.iter().map(control_characters).sum();
    // The words of controls are the bot's own, and short. They are never left out, however many.
    assert!(chars <= 13_200 || controls > 12_000, "{chars} characters in the blocks of one message");
}

/// A modal or a home tab.
pub fn view(view: &Value) {
    if view["type"] == "modal" {
        plain(&view["title"], 24);
        if !view["submit"].is_null() {
            plain(&view["submit"], 24);
        }
    }
    let blocks = list(view, "blocks", 0..=100);
    check_all(blocks);
    let controls: usize = blocks.iter().map(control_characters).sum();
    assert!(view.to_string().len() <= 250_000 || controls > 12_000, "more than 250 KB in one view");
}

/// Every control of a message or view, by the id that comes back when it is used.
pub fn actions(blocks: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    each(blocks, &mut |object| {
        found.extend(object.get("action_id").and_then(Value::as_str));
    });
    found
}

fn check_all(blocks: &[Value]) {
    let mut ids = BTreeSet::new();
    for block in blocks {
        check(block);
        if let Some(id) = block["block_id"].as_str() {
            assert!(ids.insert(id) && id.len() <= 255, "two blocks are called {id}");
        }
        each(block, &mut |object| {
            if object.get("type").is_some_and(|kind| kind == "plain_text") {
                assert_eq!(object.get("emoji"), Some(&Value::Bool(false)), "an emoji may come of {object:?}");
            }
        });
    }
}

fn check(block: &Value) {
    match of(block, "type") {
        "header" => plain(&block["text"], 150),
        "section" => {
            marked(&block["text"], 3000);
            if !block["accessory"].is_null() {
                element(&block["accessory"]);
            }
        }
        "context" => list(block, "elements", 1..=10).iter().for_each(|text| marked(text, 2000)),
        "divider" => {}
        "actions" => {
            let elements = list(block, "elements", 1..=25);
            elements.iter().for_each(element);
            let ids: BTreeSet<&str> = elements.iter().map(|element| of(element, "action_id")).collect();
            assert_eq!(ids.len(), elements.len(), "two of one action: {block}");
        }
        "input" => {
            plain(&block["label"], 2000);
            if !block["hint"].is_null() {
                plain(&block["hint"], 2000);
            }
            element(&block["element"]);
        }
        "image" => length(of(block, "alt_text"), 1..=2000),
        "rich_text" => list(block, "elements", 1..=1).iter().for_each(rich),
        other => panic!("an unknown block: {other}"),
    }
}

/// Text elements are never parsed; anything else in a paragraph is the bot's own.
fn rich(element: &Value) {
    let mut chars = 0;
    for part in list(element, "elements", 1..=500) {
        match of(part, "type") {
            "text" => {
                length(of(part, "text"), 1..=3000);
                chars += of(part, "text").chars().count();
            }
            "link" => assert!(is_own_link(of(part, "url")), "{part}"),
            "user" => assert!(is_id(of(part, "user_id")), "{part}"),
            "usergroup" => assert!(is_id(of(part, "usergroup_id")), "{part}"),
            "date" => {}
            other => panic!("an unknown element: {other}"),
        }
    }
    assert!(chars <= 3000, "a paragraph of {chars} characters");
}

fn element(element: &Value) {
    length(of(element, "action_id"), 1..=255);
    let options = |most: usize| {
        for option in list(element, "options", 1..=most) {
            plain(&option["text"], 75);
            length(of(option, "value"), 1..=150);
            if !option["description"].is_null() {
                plain(&option["description"], 75);
            }
            address(&option["url"]);
        }
    };
    match of(element, "type") {
        "button" => {
            plain(&element["text"], 75);
            address(&element["url"]);
            assert!(element["value"].as_str().is_none_or(|value| (1..=2000).contains(&value.len())));
            if let Some(label) = element["accessibility_label"].as_str() {
                length(label, 1..=75);
            }
        }
        "overflow" => options(5),
        "checkboxes" => options(10),
        "static_select" => options(100),
        "plain_text_input" => {
            let most =
                usize::try_from(element["max_length"].as_u64().expect("a number")).expect("a small one");
            assert!((1..=3000).contains(&most));
            if let Some(text) = element["initial_value"].as_str() {
                length(text, 1..=most);
            }
        }
        "datepicker" => {}
        other => panic!("an unknown element: {other}"),
    }
    let confirm = &element["confirm"];
    if !confirm.is_null() {
        plain(&confirm["title"], 100);
        plain(&confirm["text"], 300);
        plain(&confirm["confirm"], 30);
        plain(&confirm["deny"], 30);
    }
}

fn address(url: &Value) {
    if let Some(url) = url.as_str() {
        let local = ["http://127.", "http://localhost", "http://[::1]"];
        assert!(
            url.starts_with("https://") || local.iter().any(|start| url.starts_with(start)),
            "people are sent to {url}"
        );
    }
}

fn plain(text: &Value, most: usize) {
    assert_eq!(text["type"], "plain_text", "{text}");
    length(of(text, "text"), 1..=most);
    assert!(!of(text, "text").chars().any(char::is_control), "{text}");
}

fn marked(text: &Value, most: usize) {
    assert_eq!(text["type"], "mrkdwn", "{text}");
    length(of(text, "text"), 1..=most);
    mrkdwn(of(text, "text"));
}

/// No `<` but in a token of the bot's own, no `>`, no half entity.
pub fn mrkdwn(text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&']) {
        let from = &rest[at..];
        let taken = if from.starts_with('<') {
            let end = from.find('>').unwrap_or_else(|| panic!("a token without an end: {text}"));
            assert!(is_own_token(&from[1..end]), "not our token: {from}");
            end + 1
        } else {
            let entity = ["&amp;", "&lt;", "&gt;"].iter().find(|entity| from.starts_with(**entity));
            entity.unwrap_or_else(|| panic!("not escaped: {from}")).len()
        };
        rest = &from[taken..];
    }
}

/// What the bot puts between `<` and `>`.
fn is_own_token(inner: &str) -> bool {
    if let Some(id) = inner.strip_prefix('@').or_else(|| inner.strip_prefix("!subteam^")) {
        return is_id(id);
    }
    if let Some((moment, words)) = inner.strip_prefix("!date^").and_then(|date| date.split_once('|')) {
        let (seconds, format) = moment.split_once('^').unwrap_or_default();
        let is_said = match format {
            "{date_short_pretty}" => NaiveDate::parse_from_str(words, "%d %b %Y").is_ok(),
            "{date_short_pretty} at {time}" => {
                NaiveDateTime::parse_from_str(words, "%d %b %Y, %H:%M UTC").is_ok()
            }
            _ => false,
        };
        return seconds.parse::<i64>().is_ok() && is_said;
    }
    inner
        .split_once('|')
        .is_some_and(|(url, label)| is_own_link(url) && !label.contains(['*', '_', '~', '|']))
}

fn is_own_link(url: &str) -> bool {
    let place =
        url.strip_prefix("https://team.slack.example/archives/").and_then(|rest| rest.split_once("/p"));
    place.is_some_and(|(channel, stamp)| is_id(channel) && stamp.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn of<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

fn list<'v>(value: &'v Value, key: &str, count: std::ops::RangeInclusive<usize>) -> &'v [Value] {
    let list = value[key].as_array().unwrap_or_else(|| panic!("no {key} in {value}"));
    assert!(count.contains(&list.len()), "{} {key}, not {count:?}", list.len());
    list
}

fn length(text: &str, wanted: std::ops::RangeInclusive<usize>) {
    let chars = text.chars().count();
    assert!(wanted.contains(&chars), "{chars} characters, not {wanted:?}: {text:?}");
    assert!(!text.trim().is_empty() || *wanted.start() == 0, "nothing to be seen: {text:?}");
}

/// The characters that people read.
fn characters(block: &Value) -> usize {
    let mut chars = 0;
    each(block, &mut |object| {
        chars += object.get("text").and_then(Value::as_str).map_or(0, |text| text.chars().count());
    });
    chars
}

/// Those of what can be pressed or filled in.
fn control_characters(block: &Value) -> usize {
    match of(block, "type") {
        "actions" | "input" => characters(block),
        "section" => characters(&block["accessory"]),
        _ => 0,
    }
}

fn each<'v>(value: &'v Value, take: &mut dyn FnMut(&'v serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            take(object);
            object.values().for_each(|inner| each(inner, take));
        }
        Value::Array(items) => items.iter().for_each(|inner| each(inner, take)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
