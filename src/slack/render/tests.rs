//! What comes out of a card or modal, and that it never grows beyond what Slack takes.

use serde_json::Value;

use super::*;
use crate::chat::Span;

const EVIL: &str = "<!channel> *x* _y_ `z` <https://evil.example|Okta> :tada:\n> q\u{202e}";

fn team() -> Url {
    "https://acme.slack.com/".parse().unwrap()
}

fn json(card: &Card) -> Value {
    let message = message(card, &team());
    assert!(!message.text.trim().is_empty() && message.text.chars().count() <= 3000);
    serde_json::to_value(message.blocks).unwrap()
}

fn card(blocks: Vec<Block>) -> Card {
    Card { summary: Text::plain("3 accounts").quoted(EVIL), blocks }
}

fn button(label: &str) -> Button {
    let confirm =
        Confirm { title: "t".repeat(200), text: "x".repeat(400), yes: "y".repeat(50), no: "n".repeat(50) };
    Button { tone: Tone::Danger, confirm: Some(confirm), ..Button::new("suspend", "v1", label) }
}

/// Every string under `text` anywhere, with the kind of object that it stands in.
fn texts(value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            if let (Some(Value::String(kind)), Some(Value::String(text))) =
                (fields.get("type"), fields.get("text"))
            {
                into.push((kind.clone(), text.clone()));
            }
            fields.values().for_each(|field| texts(field, into));
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn quoted_words_are_never_parsed() {
    let blocks = json(&card(vec![
        Block::Header(EVIL.to_owned()),
        Block::Section(Text::default().quoted(EVIL)),
        Block::Context(Text::default().quoted(EVIL)),
        Block::Buttons(vec![button(EVIL)]),
    ]));
    let mut found = Vec::new();
    texts(&blocks, &mut found);
    for (kind, text) in found {
        assert!(!text.contains(['\n', '\u{202e}']), "{text}");
        match kind.as_str() {
            "mrkdwn" => assert!(!text.contains(['<', '*', '_', '`', ':']), "{text}"),
            // Not parsed by Slack, shown as it is.
            "plain_text" | "text" => {}
            other => panic!("a text of kind {other}"),
        }
    }
    let all = blocks.to_string();
    assert!(!all.contains("\"link\"") && !all.contains("\"broadcast\"") && !all.contains("\"emoji\":true"));
    assert_eq!(blocks[2]["elements"][0]["verbatim"], true);
}

#[test]
fn an_overlong_card_arrives_within_the_limits() {
    let person =
        |n: usize| Text::default().quoted(format!("{n}{}", "名".repeat(75))).then(" idle ".repeat(9));
    let mut blocks: Vec<Block> = (0..300).map(|n| Block::Section(person(n))).collect();
    blocks.push(Block::Buttons((0..10).map(|_| button(&"Suspend ".repeat(20))).collect()));
    blocks
        .push(Block::Buttons((0..30).map(|n| Button { confirm: None, ..button(&n.to_string()) }).collect()));
    let json = json(&card(blocks));
    let blocks = json.as_array().unwrap();
    assert!(blocks.len() <= 50);
    let mut found = Vec::new();
    texts(&json, &mut found);
    assert!(
        found.iter().map(|(_, text)| text.chars().count()).sum::<usize>() < 30 * (75 + 430 + 60) + 12_000
    );
    let actions: Vec<&Value> = blocks.iter().filter(|block| block["type"] == "actions").collect();
    assert_eq!(actions.iter().map(|row| row["elements"].as_array().unwrap().len()).sum::<usize>(), 40);
    let ids: BTreeSet<&str> = actions
        .iter()
        .flat_map(|row| row["elements"].as_array().unwrap())
        .map(|button| button["action_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 40);
    assert!(ids.iter().all(|id| base_action(id) == "suspend"));
    let pressed = &actions[0]["elements"][0];
    assert_eq!(pressed["text"]["text"].as_str().unwrap().chars().count(), 75);
    assert_eq!(pressed["confirm"]["text"]["text"].as_str().unwrap().chars().count(), 300);
    assert_eq!(pressed["confirm"]["confirm"]["text"].as_str().unwrap().chars().count(), 30);
}

#[test]
fn three_hundred_choices_fit_a_modal() {
    let choice = |n: usize| Choice {
        value: n.to_string(),
        label: format!("{n} {}", "é".repeat(75)),
        description: Some("d".repeat(100)),
        ticked: n.is_multiple_of(2),
    };
    let modal = Modal {
        kind: "choose".to_owned(),
        value: "r7".to_owned(),
        title: "Choose who is to be suspended".to_owned(),
        submit: Some("Suspend".to_owned()),
        blocks: vec![Block::Checkboxes {
            name: "keep".to_owned(),
            label: "Keep".to_owned(),
            choices: (0..300).map(choice).collect(),
            instant: false,
        }],
    };
    let view = serde_json::to_value(view(&modal, &team())).unwrap();
    let blocks = view["blocks"].as_array().unwrap();
    assert_eq!(blocks.len(), 30);
    assert!(view.to_string().len() < 250 * 1024);
    assert_eq!(view["title"]["text"].as_str().unwrap().chars().count(), 24);
    assert_eq!((&view["callback_id"], &view["private_metadata"]), (&"choose".into(), &"r7".into()));
    for (number, block) in blocks.iter().enumerate() {
        assert_eq!(block["block_id"], format!("keep:{number}"));
        assert_eq!(block["element"]["options"].as_array().unwrap().len(), 10);
        assert_eq!(block["element"]["initial_options"].as_array().unwrap().len(), 5);
        let label = &block["element"]["options"][0]["text"]["text"];
        assert_eq!(label.as_str().unwrap().chars().count(), 75);
    }
}

#[test]
fn a_card_without_blocks_shows_its_summary_and_a_blank_one_is_never_sent() {
    let only = json(&Card { summary: Text::plain("Nothing to do."), blocks: Vec::new() });
    assert_eq!(only[0]["elements"][0]["elements"][0]["text"], "Nothing to do.");
    let blank = Card { summary: Text::default(), blocks: vec![Block::Section(Text::plain(""))] };
    assert_eq!(json(&blank).as_array().unwrap().len(), 1);
}

#[test]
fn times_mentions_and_links_are_slacks_own() {
    let at = chrono::DateTime::from_timestamp(1_767_348_000, 0).unwrap();
    let message_ref =
        crate::chat::MessageRef { channel: "C1".to_owned(), id: "1767348000.000100".to_owned() };
    let text = Text::default()
        .with(Span::Time(at))
        .with(Span::Mention { id: "U1".to_owned(), name: "Ann".to_owned() })
        .with(Span::MessageLink { message: message_ref, label: "the card".to_owned() });
    let message = message(&Card { summary: text.clone(), blocks: vec![Block::Section(text)] }, &team());
    assert_eq!(
        message.text,
        "<!date^1767348000^{date_short_pretty} at {time}|2026-01-02 10:00 UTC><@U1>\
         <https://acme.slack.com/archives/C1/p1767348000000100|the card>"
    );
    let elements = serde_json::to_value(&message.blocks).unwrap()[0]["elements"][0]["elements"].clone();
    assert_eq!(elements[0]["timestamp"], 1_767_348_000);
    assert_eq!(elements[0]["fallback"], "2026-01-02 10:00 UTC");
    assert_eq!(elements[1]["user_id"], "U1");
    assert_eq!(elements[2]["type"], "link");
}
