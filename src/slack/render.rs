//! Turns cards and modals into Block Kit that Slack accepts.
//!
//! Slack checks every length and refuses the whole message for one character too many, so everything is clamped here:
//! an over-long card arrives shortened and never not at all. Buttons and inputs are the last to go.
//! Limits: <https://docs.slack.dev/reference/block-kit/blocks> and the pages of each element.

use std::collections::BTreeSet;

use slack_morphism::prelude::{
    SlackActionBlockElement, SlackActionsBlock, SlackBlock, SlackBlockButtonElement, SlackBlockButtonStyle,
    SlackBlockCheckboxesElement, SlackBlockChoiceItem, SlackBlockConfirmItem, SlackBlockDatePickerElement,
    SlackBlockMarkDownText, SlackBlockOverflowElement, SlackBlockPlainText, SlackBlockPlainTextInputElement,
    SlackBlockPlainTextOnly, SlackBlockStaticSelectElement, SlackBlockText, SlackContextBlock,
    SlackDividerBlock, SlackHeaderBlock, SlackInputBlock, SlackInputBlockElement, SlackModalView,
    SlackRichTextBlock, SlackRichTextSection, SlackSectionBlock, SlackView,
};
use url::Url;

use crate::chat::{Block, Button, Card, Choice, Confirm, Menu, MenuItem, Modal, Text, Tone};

use super::escape::{clamp, tidy};
use super::text::{mrkdwn, rich};

/// Slack calls 4000 good for the top-level text; ephemeral ones hold about 3000.
const SUMMARY_CHARS_MAX: usize = 3000;
const MESSAGE_BLOCKS_MAX: usize = 50;
const VIEW_BLOCKS_MAX: usize = 100;
/// Slack refuses a message with more than about 13,200 characters in its blocks (`msg_blocks_too_long`).
const MESSAGE_CHARS_MAX: usize = 12_000;
/// A view may be 250 KB of JSON; this leaves room for what surrounds the characters.
const VIEW_CHARS_MAX: usize = 60_000;
const HEADER_CHARS_MAX: usize = 150;
const SECTION_CHARS_MAX: usize = 3000;
const CONTEXT_CHARS_MAX: usize = 2000;
const BUTTONS_MAX: usize = 25;
const BUTTON_CHARS_MAX: usize = 75;
const CONFIRM_TITLE_CHARS_MAX: usize = 100;
const CONFIRM_TEXT_CHARS_MAX: usize = 300;
const CONFIRM_LABEL_CHARS_MAX: usize = 30;
const CHOICES_MAX: usize = 10;
const MENU_ITEMS_MAX: usize = 5;
const SELECT_OPTIONS_MAX: usize = 100;
const CHOICE_CHARS_MAX: usize = 75;
const LABEL_CHARS_MAX: usize = 2000;
const INPUT_CHARS_MAX: u32 = 3000;
const TITLE_CHARS_MAX: usize = 24;

/// Stands where a label came out empty: Slack refuses an empty one.
const NO_WORDS: &str = "–";

/// The submit label of a form that has none.
const SUBMIT: &str = "Submit";

/// Stands between a repeated action and its number; never part of an action of ours.
const REPEAT: char = '~';

/// Stands between the name of a group of checkboxes and the number of its part.
const PART: char = ':';

/// A card as Slack takes it.
pub(super) struct Message {
    /// For notifications and screen readers, never blank.
    pub(super) text: String,
    /// Never empty, so that an update replaces whatever was there.
    pub(super) blocks: Vec<SlackBlock>,
}

/// A card. One without blocks shows its summary.
pub(super) fn message(card: &Card, team_url: &Url) -> Message {
    let mut text = mrkdwn(&card.summary, team_url, SUMMARY_CHARS_MAX);
    if text.trim().is_empty() {
        NO_WORDS.clone_into(&mut text);
    }
    let mut page = Page::new(team_url, MESSAGE_CHARS_MAX);
    page.add_all(&card.blocks);
    if page.blocks.is_empty() {
        page.add(&Block::Section(card.summary.clone()));
    }
    if page.blocks.is_empty() {
        page.add(&Block::Section(Text::plain(NO_WORDS)));
    }
    Message { text, blocks: page.fitting(MESSAGE_BLOCKS_MAX) }
}

/// A modal. Its kind travels as `callback_id`, its value as `private_metadata`.
pub(super) fn view(modal: &Modal, team_url: &Url) -> SlackView {
    let mut page = Page::new(team_url, VIEW_CHARS_MAX);
    page.add_all(&modal.blocks);
    let blocks = page.fitting(VIEW_BLOCKS_MAX);
    // Slack refuses inputs that can't be submitted.
    let has_inputs = blocks.iter().any(|block| matches!(block, SlackBlock::Input(_)));
    let submit = modal.submit.as_deref().or(has_inputs.then_some(SUBMIT));
    let mut view = SlackModalView::new(words(&modal.title, TITLE_CHARS_MAX), blocks)
        .with_callback_id(modal.kind.as_str().into())
        .with_private_metadata(modal.value.clone());
    view.submit = submit.map(|label| words(label, TITLE_CHARS_MAX));
    SlackView::Modal(view)
}

/// The action as the card named it.
pub(super) fn base_action(action_id: &str) -> &str {
    numbered(action_id, REPEAT).map_or(action_id, |(base, _)| base)
}

/// The group's name and the number of this part of it.
pub(super) fn base_group(block_id: &str) -> (&str, usize) {
    numbered(block_id, PART).unwrap_or((block_id, 0))
}

/// The block under which a group of checkboxes begins: where an error about it is shown.
pub(super) fn first_part(name: &str) -> String {
    format!("{name}{PART}0")
}

fn numbered(id: &str, separator: char) -> Option<(&str, usize)> {
    let (base, number) = id.rsplit_once(separator)?;
    Some((base, number.parse().ok()?))
}

fn words(text: &str, max: usize) -> SlackBlockPlainTextOnly {
    let text = match tidy(text) {
        text if text.is_empty() => NO_WORDS.to_owned(),
        text => clamp(&text, max),
    };
    // Somebody's `:name:` must stay what it is.
    SlackBlockPlainText::new(text).with_emoji(false).into()
}

/// The blocks of one message or view, as long as there is room.
struct Page<'a> {
    team_url: &'a Url,
    chars_left: usize,
    actions: BTreeSet<String>,
    blocks: Vec<SlackBlock>,
}

impl<'a> Page<'a> {
    fn new(team_url: &'a Url, chars_left: usize) -> Page<'a> {
        Page { team_url, chars_left, actions: BTreeSet::new(), blocks: Vec::new() }
    }

    fn add_all(&mut self, blocks: &[Block]) {
        // What can be pressed or filled in gets its room first.
        let kept: usize = blocks.iter().map(control_chars).sum();
        self.chars_left = self.chars_left.saturating_sub(kept);
        for block in blocks {
            self.add(block);
        }
    }

    fn add(&mut self, block: &Block) {
        match block {
            Block::Header(title) => self.header(title),
            Block::Section(text) => self.section(text),
            Block::Row { text, menu } => self.row(text, menu),
            Block::Context(text) => self.context(text),
            Block::Divider => self.blocks.push(SlackDividerBlock::new().into()),
            Block::Buttons(buttons) => self.buttons(buttons),
            Block::Checkboxes { name, label, choices, instant } => {
                self.checkboxes(name, label, choices, *instant);
            }
            Block::Select { name, label, options, chosen, instant } => {
                let element = select(name, options, chosen.as_deref());
                self.input(name, label, element.into(), None, false, *instant);
            }
            Block::DateInput { name, label, hint, initial, optional } => {
                let mut element = SlackBlockDatePickerElement::new().with_action_id(name.as_str().into());
                element.initial_date = initial.map(|day| day.format("%Y-%m-%d").to_string());
                self.input(name, label, element.into(), hint.as_deref(), *optional, false);
            }
            Block::TextInput { name, label, hint, optional, max_chars, initial, multiline, instant } => {
                let max = (*max_chars).min(INPUT_CHARS_MAX);
                let mut element = SlackBlockPlainTextInputElement::new()
                    .with_action_id(name.as_str().into())
                    .with_multiline(*multiline)
                    .with_max_length(u64::from(max));
                element.initial_value = initial
                    .as_ref()
                    .filter(|text| !text.is_empty())
                    .map(|text| clamp(text, usize::try_from(max).unwrap_or(usize::MAX)));
                self.input(name, label, element.into(), hint.as_deref(), *optional, *instant);
            }
        }
    }

    fn header(&mut self, title: &str) {
        let room = self.chars_left.min(HEADER_CHARS_MAX);
        if room == 0 || tidy(title).is_empty() {
            return;
        }
        self.chars_left -= tidy(title).chars().count().min(room);
        self.blocks.push(SlackHeaderBlock::new(words(title, room)).into());
    }

    fn section(&mut self, text: &Text) {
        let (elements, used) = rich(text, self.team_url, self.chars_left.min(SECTION_CHARS_MAX));
        if elements.is_empty() {
            return;
        }
        self.chars_left -= used;
        self.blocks.push(SlackRichTextBlock::new(vec![SlackRichTextSection::new(elements).into()]).into());
    }

    fn input(
        &mut self,
        name: &str,
        label: &str,
        element: SlackInputBlockElement,
        hint: Option<&str>,
        optional: bool,
        instant: bool,
    ) {
        let mut input = SlackInputBlock::new(words(label, LABEL_CHARS_MAX), element)
            .with_block_id(name.into())
            .with_optional(optional);
        input.hint = hint.map(|hint| words(hint, LABEL_CHARS_MAX));
        input.dispatch_action = instant.then_some(true);
        self.blocks.push(input.into());
    }

    /// A paragraph with a menu at its side. Slack has menus only beside sections, whose text can't be `rich_text`, so
    /// somebody else's words are made inert as in small print.
    fn row(&mut self, text: &Text, menu: &Menu) {
        let room = self.chars_left.min(SECTION_CHARS_MAX);
        let mut line = mrkdwn(text, self.team_url, room);
        if line.trim().is_empty() {
            NO_WORDS.clone_into(&mut line);
        }
        self.chars_left = self.chars_left.saturating_sub(line.chars().count());
        let options: Vec<_> = menu.items.iter().take(MENU_ITEMS_MAX).map(menu_item).collect();
        let text: SlackBlockText = SlackBlockMarkDownText::new(line).with_verbatim(true).into();
        let mut section = SlackSectionBlock::new().with_text(text);
        if !options.is_empty() {
            let mut element =
                SlackBlockOverflowElement::new(options).with_action_id(menu.action.as_str().into());
            element.confirm = menu.confirm.as_ref().map(|confirm| question(confirm, Tone::Neutral));
            section = section.with_accessory(element.into());
        }
        self.blocks.push(section.into());
    }

    fn context(&mut self, text: &Text) {
        let small = mrkdwn(text, self.team_url, self.chars_left.min(CONTEXT_CHARS_MAX));
        if small.trim().is_empty() {
            return;
        }
        self.chars_left = self.chars_left.saturating_sub(small.chars().count());
        // Verbatim: no address or name in it becomes a link by itself.
        let element = SlackBlockMarkDownText::new(small).with_verbatim(true);
        self.blocks.push(SlackContextBlock::new(vec![element.into()]).into());
    }

    fn buttons(&mut self, buttons: &[Button]) {
        for row in buttons.chunks(BUTTONS_MAX) {
            let elements: Vec<SlackActionBlockElement> =
                row.iter().map(|button| self.button(button).into()).collect();
            self.blocks.push(SlackActionsBlock::new(elements).into());
        }
    }

    fn button(&mut self, button: &Button) -> SlackBlockButtonElement {
        let mut element = SlackBlockButtonElement::new(words(&button.label, BUTTON_CHARS_MAX))
            .with_action_id(self.unique(&button.action).into());
        // Slack refuses an empty value; a missing one comes back as an empty one.
        element.value = Some(button.value.clone()).filter(|value| !value.is_empty());
        element.style = match button.tone {
            Tone::Neutral => None,
            Tone::Primary => Some(SlackBlockButtonStyle::Primary),
            Tone::Danger => Some(SlackBlockButtonStyle::Danger),
        };
        element.confirm = button.confirm.as_ref().map(|confirm| question(confirm, button.tone));
        element
    }

    /// Two buttons of one action would be refused; the second gets a number that [`base_action`] takes off again.
    fn unique(&mut self, action: &str) -> String {
        let mut id = action.to_owned();
        let mut number = 2;
        while !self.actions.insert(id.clone()) {
            id = format!("{action}{REPEAT}{number}");
            number += 1;
        }
        id
    }

    fn checkboxes(&mut self, name: &str, label: &str, choices: &[Choice], instant: bool) {
        for (part, some) in choices.chunks(CHOICES_MAX).enumerate() {
            let options: Vec<_> = some.iter().map(choice).collect();
            let ticked: Vec<_> = some.iter().filter(|choice| choice.ticked).map(choice).collect();
            let id = format!("{name}{PART}{part}");
            let mut element = SlackBlockCheckboxesElement::new(options).with_action_id(id.as_str().into());
            element.initial_options = Some(ticked).filter(|ticked| !ticked.is_empty());
            let first = part * CHOICES_MAX + 1;
            let label = match choices.len() {
                ..=CHOICES_MAX => label.to_owned(),
                _ => format!("{label} ({first}–{} of {})", first + some.len() - 1, choices.len()),
            };
            self.input(&id, &label, element.into(), None, true, instant);
        }
    }

    /// At most `max` blocks; what is only read goes first, from the end, and a line says so.
    fn fitting(self, max: usize) -> Vec<SlackBlock> {
        let mut blocks = self.blocks;
        if blocks.len() <= max {
            return blocks;
        }
        let mut excess = blocks.len() + 1 - max;
        let mut at = blocks.len();
        while excess > 0 && at > 0 {
            at -= 1;
            if !matches!(blocks[at], SlackBlock::Actions(_) | SlackBlock::Input(_)) {
                blocks.remove(at);
                excess -= 1;
            }
        }
        blocks.truncate(max - 1);
        let note = SlackBlockMarkDownText::new("… there is more than fits here".to_owned());
        blocks.push(SlackContextBlock::new(vec![note.into()]).into());
        blocks
    }
}

fn question(confirm: &Confirm, tone: Tone) -> SlackBlockConfirmItem {
    let text: SlackBlockText = words(&confirm.text, CONFIRM_TEXT_CHARS_MAX).into();
    let mut item = SlackBlockConfirmItem::new(
        words(&confirm.title, CONFIRM_TITLE_CHARS_MAX),
        text,
        words(&confirm.yes, CONFIRM_LABEL_CHARS_MAX),
        words(&confirm.no, CONFIRM_LABEL_CHARS_MAX),
    );
    item.style = match tone {
        Tone::Danger => Some("danger".to_owned()),
        Tone::Neutral | Tone::Primary => None,
    };
    item
}

fn select(name: &str, options: &[(String, String)], chosen: Option<&str>) -> SlackBlockStaticSelectElement {
    let item = |(value, label): &(String, String)| {
        SlackBlockChoiceItem::new(words(label, CHOICE_CHARS_MAX), value.clone())
    };
    let options = &options[..options.len().min(SELECT_OPTIONS_MAX)];
    let mut element = SlackBlockStaticSelectElement::new()
        .with_action_id(name.into())
        .with_options(options.iter().map(item).collect());
    element.initial_option = options.iter().find(|(value, _)| Some(value.as_str()) == chosen).map(item);
    element
}

fn menu_item(item: &MenuItem) -> SlackBlockChoiceItem<SlackBlockPlainTextOnly> {
    let mut option = SlackBlockChoiceItem::new(words(&item.label, CHOICE_CHARS_MAX), item.value.clone());
    let url = item.url.as_deref().and_then(|url| Url::parse(url).ok());
    option.url = url.filter(|url| url.scheme() == "https");
    option
}

fn choice(choice: &Choice) -> SlackBlockChoiceItem<SlackBlockText> {
    let mut item =
        SlackBlockChoiceItem::new(words(&choice.label, CHOICE_CHARS_MAX).into(), choice.value.clone());
    item.description = choice
        .description
        .as_ref()
        .filter(|words| !tidy(words).is_empty())
        .map(|description| words(description, CHOICE_CHARS_MAX));
    item
}

/// How many characters a control needs; nothing for what is only read.
fn control_chars(block: &Block) -> usize {
    let count = |text: &str, max: usize| text.chars().count().min(max);
    match block {
        Block::Header(_) | Block::Section(_) | Block::Context(_) | Block::Divider => 0,
        Block::Row { menu, .. } => {
            menu.items.iter().map(|item| count(&item.label, CHOICE_CHARS_MAX)).sum::<usize>()
        }
        Block::Select { label, options, .. } => {
            let labels: usize = options.iter().map(|(_, label)| count(label, CHOICE_CHARS_MAX)).sum();
            labels + count(label, LABEL_CHARS_MAX)
        }
        Block::DateInput { label, hint, .. } => {
            count(label, LABEL_CHARS_MAX) + count(hint.as_deref().unwrap_or_default(), LABEL_CHARS_MAX)
        }
        Block::Buttons(buttons) => {
            let question = |confirm: &Confirm| {
                count(&confirm.title, CONFIRM_TITLE_CHARS_MAX)
                    + count(&confirm.text, CONFIRM_TEXT_CHARS_MAX)
                    + count(&confirm.yes, CONFIRM_LABEL_CHARS_MAX)
                    + count(&confirm.no, CONFIRM_LABEL_CHARS_MAX)
            };
            let button = |button: &Button| {
                count(&button.label, BUTTON_CHARS_MAX) + button.confirm.as_ref().map_or(0, question)
            };
            buttons.iter().map(button).sum()
        }
        Block::Checkboxes { label, choices, .. } => {
            let rows = choices.iter().map(|choice| {
                let description = choice.description.as_deref().unwrap_or_default();
                count(&choice.label, CHOICE_CHARS_MAX) + count(description, CHOICE_CHARS_MAX)
            });
            rows.sum::<usize>() + count(label, LABEL_CHARS_MAX) * (choices.len() / CHOICES_MAX + 1)
        }
        Block::TextInput { label, hint, .. } => {
            let hint = hint.as_deref().unwrap_or_default();
            count(label, LABEL_CHARS_MAX) + count(hint, LABEL_CHARS_MAX)
        }
    }
}

#[cfg(test)]
mod tests {
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
        let confirm = Confirm {
            title: "t".repeat(200),
            text: "x".repeat(400),
            yes: "y".repeat(50),
            no: "n".repeat(50),
        };
        Button {
            action: "suspend".to_owned(),
            value: "v1".to_owned(),
            label: label.to_owned(),
            tone: Tone::Danger,
            confirm: Some(confirm),
        }
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
        assert!(
            !all.contains("\"link\"") && !all.contains("\"broadcast\"") && !all.contains("\"emoji\":true")
        );
        assert_eq!(blocks[2]["elements"][0]["verbatim"], true);
    }

    #[test]
    fn an_overlong_card_arrives_within_the_limits() {
        let person =
            |n: usize| Text::default().quoted(format!("{n}{}", "名".repeat(75))).then(" idle ".repeat(9));
        let mut blocks: Vec<Block> = (0..300).map(|n| Block::Section(person(n))).collect();
        blocks.push(Block::Buttons((0..10).map(|_| button(&"Suspend ".repeat(20))).collect()));
        blocks.push(Block::Buttons(
            (0..30).map(|n| Button { confirm: None, ..button(&n.to_string()) }).collect(),
        ));
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
}
