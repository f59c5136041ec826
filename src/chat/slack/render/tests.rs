//! What comes out of a card or modal, and that it never grows beyond what Slack takes.

use serde_json::Value;

use crate::chat::Span;

use super::*;

const EVIL: &str = "<!channel> *x* _y_ `z` <https://evil.example|Okta> :tada:\n> q\u{202e}";

fn team() -> Workspace {
    Workspace::new("https://acme.slack.com/".parse().unwrap(), "/bot".to_owned())
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
fn whatever_has_no_room_is_said_to_be_left_out() {
    let paragraphs = |count: usize, chars: usize| vec![Block::Section(Text::plain("x".repeat(chars))); count];
    for (blocks, is_whole) in [
        (paragraphs(4, 3000), true),
        (paragraphs(5, 2400), true),
        (paragraphs(4, 3001), true),
        (paragraphs(5, 2401), false),
        (paragraphs(5, 3000), false),
        (paragraphs(50, 300), false),
        ([paragraphs(4, 3000), vec![Block::Context(Text::plain("y"))]].concat(), false),
        ([paragraphs(4, 3000), vec![Block::Preformatted("y".to_owned())]].concat(), false),
        ([paragraphs(4, 3000), vec![Block::Header("y".to_owned())]].concat(), false),
        ([paragraphs(4, 2999), vec![Block::Divider]].concat(), true),
    ] {
        let shown = json(&card(blocks)).to_string();
        assert_eq!(!shown.contains("there is more than fits here"), is_whole, "{shown}");
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

fn menu(items: usize) -> Menu {
    let item = |n: usize| MenuItem {
        value: n.to_string(),
        label: format!("{EVIL} {}", "l".repeat(80)),
        url: Some(if n == 0 { "https://acme-admin.okta.com/x" } else { "http://evil.example/x" }.to_owned()),
        opens: false,
    };
    let confirm = button("x").confirm;
    Menu { action: "person".to_owned(), items: (0..items).map(item).collect(), confirm }
}

fn row(name: &str, items: usize) -> Block {
    Block::Row { text: Text::default().with(Span::Name(name.to_owned())).then(" · idle"), menu: menu(items) }
}

#[test]
fn a_row_says_its_words_inertly_and_its_menu_fits() {
    let blocks = json(&card(vec![row(EVIL, 7), row("", 1), row("Ada", 0)]));
    let said = blocks[0]["text"]["text"].as_str().unwrap();
    // The name is bold, and nothing in it ends that.
    let name = said.strip_prefix('*').and_then(|rest| rest.strip_suffix("* · idle")).unwrap();
    assert!(name.starts_with("&lt;!channel&gt; ∗x∗ ˍyˍ ˋzˋ"), "{name}");
    assert!(!name.contains(['<', '\n', '*', '`', ':', '\u{202e}']), "{name}");
    assert_eq!(
        (&blocks[0]["text"]["type"], &blocks[0]["text"]["verbatim"]),
        (&"mrkdwn".into(), &true.into())
    );
    let menu = &blocks[0]["accessory"];
    let options = menu["options"].as_array().unwrap();
    assert_eq!((&menu["type"], options.len()), (&"overflow".into(), 5));
    for option in options {
        assert_eq!(
            (&option["text"]["type"], &option["text"]["emoji"]),
            (&"plain_text".into(), &false.into())
        );
        assert_eq!(option["text"]["text"].as_str().unwrap().chars().count(), 75);
    }
    // An address that isn't encrypted opens nothing.
    assert_eq!(options[0]["url"], "https://acme-admin.okta.com/x");
    assert!(options[1]["url"].is_null());
    assert_eq!(menu["confirm"]["text"]["text"].as_str().unwrap().chars().count(), 300);
    assert_eq!((&menu["action_id"], &blocks[1]["text"]["text"]), (&"person".into(), &" · idle".into()));
    // Slack refuses a menu that offers nothing.
    assert!(blocks[2]["accessory"].is_null() && blocks[2]["text"]["text"] == "*Ada* · idle");
}

#[test]
fn rows_outlive_what_is_only_read() {
    let words = |n: usize| Block::Section(Text::plain(format!("{n} {}", "word ".repeat(100))));
    let plain_menu = |n: usize| match row("Ada", 2) {
        Block::Row { text, menu } => {
            let items = menu.items.into_iter().map(|item| MenuItem { label: format!("Keep {n}"), ..item });
            Block::Row { text, menu: Menu { confirm: None, items: items.collect(), ..menu } }
        }
        other => other,
    };
    let blocks = json(&card((0..40).flat_map(|n| [words(n), plain_menu(n)]).collect()));
    let blocks = blocks.as_array().unwrap();
    assert!(blocks.len() <= 50);
    assert_eq!(blocks.iter().filter(|block| block["accessory"].is_object()).count(), 40);
}

#[test]
fn inputs_start_as_they_are_given_and_act_at_once_if_they_should() {
    let options = |count: usize| (0..count).map(|n| (n.to_string(), format!("{n} {EVIL}"))).collect();
    let select = |count: usize, chosen: &str| Block::Select {
        name: "sort".to_owned(),
        label: EVIL.to_owned(),
        options: options(count),
        chosen: Some(chosen.to_owned()),
        instant: true,
    };
    let text = |initial: &str, instant: bool| Block::TextInput {
        name: "search".to_owned(),
        label: "Search".to_owned(),
        hint: None,
        optional: true,
        max_chars: 9000,
        initial: Some(initial.to_owned()),
        multiline: !instant,
        instant,
    };
    let day = Block::DateInput {
        name: "until".to_owned(),
        label: "Until".to_owned(),
        hint: Some("A day".to_owned()),
        initial: chrono::NaiveDate::from_ymd_opt(2026, 12, 1),
        optional: false,
    };
    let blocks = vec![
        select(120, "3"),
        select(2, "gone"),
        select(0, "3"),
        day,
        text("ada", true),
        text(&"x".repeat(4000), false),
    ];
    let blocks = json(&card(blocks));
    let element = |at: usize| &blocks[at]["element"];
    assert_eq!(blocks.as_array().unwrap().len(), 5, "a select without options is left out");
    assert_eq!(element(0)["options"].as_array().unwrap().len(), 100);
    assert_eq!(element(0)["initial_option"], element(0)["options"][3]);
    assert!(element(1)["initial_option"].is_null(), "what is not offered is not chosen");
    assert_eq!((&blocks[0]["dispatch_action"], &blocks[0]["block_id"]), (&true.into(), &"sort".into()));
    assert_eq!((&element(2)["initial_date"], &blocks[2]["optional"]), (&"2026-12-01".into(), &false.into()));
    assert_eq!(element(3)["initial_value"], "ada");
    assert_eq!(
        element(3)["dispatch_action_config"]["trigger_actions_on"],
        serde_json::json!(["on_enter_pressed"])
    );
    assert!(blocks[4]["dispatch_action"].is_null() && element(4)["dispatch_action_config"].is_null());
    assert_eq!(element(4)["max_length"], 3000);
    assert_eq!(element(4)["initial_value"].as_str().unwrap().chars().count(), 3000);
}

#[test]
fn pictures_and_buttons_say_what_they_are() {
    let image =
        |alt: &str| Block::Image { file: crate::chat::FileRef("F0000000A".to_owned()), alt: alt.to_owned() };
    let about = |about: &str| Button {
        about: Some(about.to_owned()),
        url: Some("javascript:alert(1)".to_owned()),
        ..Button::new("a", "", "Keep")
    };
    let buttons = Block::Buttons(vec![about(&format!("Keep {EVIL} {}", "x".repeat(80))), about(" \u{200b}")]);
    let blocks = json(&card(vec![image(EVIL), image("\u{202e}"), image(&"x".repeat(3000)), buttons]));
    assert_eq!(blocks[0]["slack_file"]["id"], "F0000000A");
    assert!(!blocks[0]["alt_text"].as_str().unwrap().contains(['\n', '\u{202e}']));
    assert_eq!(blocks[1]["alt_text"], "–");
    assert_eq!(blocks[2]["alt_text"].as_str().unwrap().chars().count(), 2000);
    let (first, second) = (&blocks[3]["elements"][0], &blocks[3]["elements"][1]);
    assert_eq!(first["accessibility_label"].as_str().unwrap().chars().count(), 75);
    assert!(second["accessibility_label"].is_null() && first["url"].is_null() && first["value"].is_null());
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
        "<!date^1767348000^{date_short_pretty} at {time}|2 Jan 2026, 10:00 UTC><@U1>\
         <https://acme.slack.com/archives/C1/p1767348000000100|the card>"
    );
    let elements = serde_json::to_value(&message.blocks).unwrap()[0]["elements"][0]["elements"].clone();
    assert_eq!(elements[0]["timestamp"], 1_767_348_000);
    assert_eq!(elements[0]["fallback"], "2 Jan 2026, 10:00 UTC");
    assert_eq!(elements[1]["user_id"], "U1");
    assert_eq!(elements[2]["type"], "link");
}

#[test]
fn what_can_be_pressed_keeps_its_block_as_long_as_it_does_the_same() {
    let person = |value: &str| {
        let item = |verb: &str| MenuItem {
            value: format!("{verb}:{value}"),
            label: verb.to_owned(),
            url: None,
            opens: false,
        };
        let items = vec![item("details"), item("keep")];
        let menu = Menu { action: "person".to_owned(), items, confirm: None };
        Block::Row { text: Text::plain(format!("idle {} days", value.len())), menu }
    };
    let decide = |list: &str, label: &str| {
        Block::Buttons(vec![
            Button::new("suspend", format!("7:{list}"), label),
            Button::new("deny", "7", "Deny all"),
        ])
    };
    let ids = |blocks: Vec<Block>| -> Vec<String> {
        let blocks = json(&card(blocks));
        let ids: Vec<String> = blocks
            .as_array()
            .unwrap()
            .iter()
            .filter(|block| block["type"] == "actions" || block["accessory"].is_object())
            .map(|block| block["block_id"].as_str().unwrap().to_owned())
            .collect();
        assert!(ids.iter().all(|id| id.len() <= 255));
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
        ids
    };
    let before = ids(vec![person("7:1"), person("7:2"), decide("a", "Suspend 2")]);
    let note = Block::Section(Text::plain("One of them still needs it."));
    let after = ids(vec![note, person("7:1"), person("7:2"), Block::Divider, decide("a", "Suspend both")]);
    assert_eq!(before, after, "other words change nothing");
    let moved = ids(vec![person("7:2"), decide("b", "Suspend 1")]);
    assert_eq!(moved[0], before[1], "a person's menu is theirs wherever it stands");
    assert!(!before.contains(&moved[1]), "a press on one list never counts for another");
    assert_eq!(ids(vec![person("7:1"), person("7:1"), decide("a", "x"), decide("a", "x")]).len(), 4);
}
