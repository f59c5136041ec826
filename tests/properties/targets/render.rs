//! Cards, modals and home tabs full of other people's text: whatever it is, Slack takes them, and nothing in them pings,
//! links, formats or overflows.
//!
//! The bytes are a card in a small language. A line is a block, its first letter says which; `|` parts it. The first
//! letter of a part says what kind of span it is, and `+` in front of a part or a line repeats it.

use inactive_contractors::chat::slack::fuzzing::{comment, home, message, view};
use inactive_contractors::chat::{
    Block, Button, Card, Choice, Confirm, FileRef, Home, Menu, MenuItem, MessageRef, Modal, Span, Text, Tone,
};

use super::kit;

/// How often `+` repeats a line, and up to how many characters a part: beyond Slack's limits, and not far.
const LINES: usize = 40;
const CHARS: usize = 3100;
/// More blocks than a view may have.
const BLOCKS: usize = 110;

/// Reads the bytes as a card, and as one text of somebody else's.
pub fn check(data: &[u8]) {
    let text = super::text(data);
    let blocks = blocks(&text);
    let team = super::team_url();
    let summary = spans(text.lines().next().unwrap_or_default());
    let shown = message(&Card { summary, blocks: blocks.clone() }, &team);
    kit::message(&shown);
    controls_stay(&blocks, &shown["blocks"]);
    let title = text.lines().last().unwrap_or_default().to_owned();
    let modal = Modal {
        kind: "choose".to_owned(),
        value: "r7".to_owned(),
        title: title.clone(),
        submit: Some(title).filter(|title| title.len() % 2 == 0),
        blocks: blocks.clone(),
    };
    kit::view(&view(&modal, &team));
    kit::view(&home(&Home { blocks }, &team));
    inert(&text);
    exact(&text);
}

/// Somebody's words alone, in mrkdwn: no marker, no token, no line of their own.
pub fn inert(words: &str) {
    let team = super::team_url();
    let quoted = comment(&Text(vec![Span::Quoted(words.to_owned())]), &team);
    let name = comment(&Text(vec![Span::Name(words.to_owned())]), &team);
    let inner = name.strip_prefix('*').and_then(|name| name.strip_suffix('*')).unwrap_or(&name);
    for shown in [quoted.as_str(), inner] {
        kit::mrkdwn(shown);
        assert!(!shown.contains(['<', '>', '*', '_', '~', '`', ':', '\n']), "{shown:?}");
        assert!(!shown.starts_with("&gt;") && !shown.chars().any(char::is_control), "{shown:?}");
        assert!(shown.chars().count() <= 3000, "{} characters", shown.chars().count());
    }
}

/// An identifier alone, in mrkdwn: inert as above, or code that it can't end, character by character.
pub fn exact(words: &str) {
    let shown = comment(&Text::default().login(words), &super::team_url());
    kit::mrkdwn(&shown);
    let Some(code) = shown.strip_prefix('`').and_then(|code| code.strip_suffix('`')) else {
        return assert!(!shown.contains(['<', '>', '*', '_', '~', '`', ':', '\n']), "{shown:?}");
    };
    assert!(!code.contains(['<', '>', '`', '\n']), "{shown:?}");
    for marker in ['*', '_', '~', ':'] {
        let count = |text: &str| text.matches(marker).count();
        assert!(words.chars().count() > 999 || count(code) == count(words), "{shown:?}");
    }
}

/// What can be pressed is the last to go: with room for its blocks, all of it is there.
fn controls_stay(blocks: &[Block], shown: &serde_json::Value) {
    let controls = blocks.iter().map(|block| match block {
        Block::Buttons(buttons) => (buttons.len().div_ceil(25), buttons.len()),
        Block::Row { .. } | Block::TextInput { .. } | Block::DateInput { .. } | Block::Select { .. } => {
            (1, 1)
        }
        Block::Checkboxes { choices, .. } => (choices.len().div_ceil(10), choices.len().div_ceil(10)),
        Block::Header(_)
        | Block::Section(_)
        | Block::Context(_)
        | Block::Preformatted(_)
        | Block::Divider
        | Block::Image { .. } => (0, 0),
    });
    let (rows, all) = controls.fold((0, 0), |(rows, all), (row, some)| (rows + row, all + some));
    if rows < 49 {
        assert_eq!(kit::actions(shown).len(), all, "a control is gone: {shown}");
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (number, line) in text.lines().take(60).enumerate() {
        let (times, line) = line.strip_prefix('+').map_or((1, line), |line| (LINES, line));
        for time in 0..times.min(BLOCKS - blocks.len()) {
            blocks.push(block(line, &format!("{number}-{time}")));
        }
    }
    blocks
}

fn block(line: &str, id: &str) -> Block {
    let mut letters = line.chars();
    let kind = letters.next().unwrap_or_default();
    let rest = letters.as_str();
    let mut parts = rest.split('|').map(repeated);
    let mut next = || parts.next().unwrap_or_default();
    match kind {
        'H' => Block::Header(next()),
        'C' => Block::Context(spans(rest)),
        'P' => Block::Preformatted(rest.split('|').map(repeated).collect::<Vec<_>>().join("\n")),
        'D' => Block::Divider,
        'I' => Block::Image { file: FileRef("F1".to_owned()), alt: next() },
        'B' => Block::Buttons(parts.map(button).collect()),
        'R' => Block::Row { text: spans(rest), menu: menu(rest) },
        'K' => Block::Checkboxes {
            name: id.to_owned(),
            label: next(),
            choices: parts.enumerate().map(choice).collect(),
            instant: false,
        },
        'L' => Block::Select {
            name: id.to_owned(),
            label: next(),
            options: (0..).zip(rest.split('|')).map(|(n, label)| (format!("{n}"), repeated(label))).collect(),
            chosen: Some("1".to_owned()),
            instant: true,
        },
        'A' => Block::DateInput {
            name: id.to_owned(),
            label: next(),
            hint: Some(next()),
            initial: None,
            optional: true,
        },
        'T' => Block::TextInput {
            name: id.to_owned(),
            label: next(),
            hint: Some(next()),
            optional: false,
            max_chars: 500,
            initial: Some(next()),
            multiline: true,
            instant: true,
        },
        _ => Block::Section(spans(rest)),
    }
}

fn button(label: String) -> Button {
    let tone = if label.starts_with('!') { Tone::Danger } else { Tone::Neutral };
    let confirm = (tone == Tone::Danger).then(|| confirm(&label));
    let (url, about) = (Some(label.clone()), Some(label.clone()));
    Button { tone, confirm, url, about, ..Button::new("act", "r7", label) }
}

fn confirm(words: &str) -> Confirm {
    let words = words.to_owned();
    Confirm { title: words.clone(), text: words.clone(), yes: words.clone(), no: words }
}

fn menu(rest: &str) -> Menu {
    let items = rest.split('|').map(repeated).enumerate().map(|(number, label)| MenuItem {
        value: format!("i{number}"),
        url: Some(label.clone()),
        label,
        opens: false,
    });
    Menu { action: "menu".to_owned(), items: items.collect(), confirm: Some(confirm(rest)) }
}

fn choice((number, label): (usize, String)) -> Choice {
    let description = (number % 2 == 0).then(|| label.clone());
    Choice { value: format!("c{number}"), label, description, ticked: number % 3 == 0 }
}

fn spans(line: &str) -> Text {
    Text(line.split('|').map(span).collect())
}

fn span(part: &str) -> Span {
    let part = repeated(part);
    let mut letters = part.chars();
    let kind = letters.next().unwrap_or_default();
    let words = letters.as_str().to_owned();
    let at = super::now();
    match kind {
        'n' => Span::Name(words),
        'i' => Span::Login { login: words, is_name: false },
        'j' => Span::Login { login: words, is_name: true },
        'c' => Span::Code(words),
        'b' => Span::Bold(words),
        'p' => Span::Plain(words),
        'm' => Span::Mention { id: words.clone(), name: words },
        'g' => Span::Group(words),
        't' => Span::Time(at),
        'd' => Span::Date(at),
        'l' => {
            let message = MessageRef { channel: "C1".to_owned(), id: "1700000000.000100".to_owned() };
            Span::MessageLink { message, label: words }
        }
        _ => Span::Quoted(part),
    }
}

fn repeated(part: &str) -> String {
    match part.strip_prefix('+') {
        Some(part) if !part.is_empty() => part.chars().cycle().take(CHARS).collect(),
        Some(_) | None => part.to_owned(),
    }
}
