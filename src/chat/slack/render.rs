//! Turns cards and modals into Block Kit that Slack accepts.
//!
//! Slack checks every length and refuses the whole message for one character too many, so everything is clamped here:
//! an over-long card arrives shortened and never not at all. Buttons and inputs are the last to go.
//! Limits: <https://docs.slack.dev/reference/block-kit/blocks> and the pages of each element.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use slack_morphism::prelude::{
    SlackActionBlockElement, SlackActionsBlock, SlackBlock, SlackBlockButtonElement, SlackBlockButtonStyle,
    SlackBlockCheckboxesElement, SlackBlockChoiceItem, SlackBlockConfirmItem, SlackBlockDatePickerElement,
    SlackBlockMarkDownText, SlackBlockOverflowElement, SlackBlockPlainText, SlackBlockPlainTextInputElement,
    SlackBlockPlainTextOnly, SlackBlockStaticSelectElement, SlackBlockText, SlackContextBlock,
    SlackDispatchActionConfig, SlackDispatchActionTrigger, SlackDividerBlock, SlackFileIdOrUrl,
    SlackHeaderBlock, SlackHomeView, SlackImageBlock, SlackImageUrlOrFile, SlackInputBlock,
    SlackInputBlockElement, SlackModalView, SlackRichTextBlock, SlackRichTextPreformatted,
    SlackRichTextSection, SlackRichTextText, SlackSectionBlock, SlackView,
};
use url::Url;

use crate::chat::{Block, Button, Card, Choice, Confirm, Home, Menu, MenuItem, Modal, Room, Text, Tone};
use crate::net::is_safe;

use super::escape::{clamp, is_unseen, tidy};
use super::text::{TOKEN_CHARS, Workspace, mrkdwn, rich};

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
const CHOICE_CHARS_MAX: usize = 75;
const LABEL_CHARS_MAX: usize = 2000;
const INPUT_CHARS_MAX: u32 = 3000;
const TITLE_CHARS_MAX: usize = 24;
const ALT_CHARS_MAX: usize = 2000;
const MENU_ITEMS_MAX: usize = 5;
const OPTIONS_MAX: usize = 100;

/// How much the bot puts into one message or dialog, within these limits and with what stands around it: 25 rows of one
/// block and a dozen blocks more, or 30 people of two.
pub const ROOM: Room = Room {
    card_rows: 25,
    dialog_rows: 30,
    paragraphs: 30,
    page_chars: 10_500,
    message_chars: 11_000,
    paragraph_chars: SECTION_CHARS_MAX,
    row_chars: 310,
    token_chars: TOKEN_CHARS,
    escaped_chars: "&amp;".len(),
};

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
pub(super) fn message(card: &Card, workspace: &Workspace) -> Message {
    let mut text = mrkdwn(&card.summary, workspace, SUMMARY_CHARS_MAX);
    if text.trim().is_empty() {
        NO_WORDS.clone_into(&mut text);
    }
    let mut page = Page::new(workspace, MESSAGE_CHARS_MAX);
    page.add_all(&card.blocks);
    if page.blocks.is_empty() {
        // What was reserved for controls that were left out is free again.
        page.chars_left = MESSAGE_CHARS_MAX;
        page.is_cut = false;
        page.add(&Block::Section(card.summary.clone()));
    }
    if page.blocks.is_empty() {
        page.add(&Block::Section(Text::plain(NO_WORDS)));
    }
    Message { text, blocks: page.fitting(MESSAGE_BLOCKS_MAX) }
}

/// A modal. Its kind travels as `callback_id`, its value as `private_metadata`.
pub(super) fn view(modal: &Modal, workspace: &Workspace) -> SlackView {
    let mut page = Page::new(workspace, VIEW_CHARS_MAX);
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

/// A person's home tab.
pub(super) fn home(home: &Home, workspace: &Workspace) -> SlackView {
    let mut page = Page::new(workspace, VIEW_CHARS_MAX);
    page.add_all(&home.blocks);
    SlackView::Home(SlackHomeView::new(page.fitting(VIEW_BLOCKS_MAX)))
}

/// A comment that goes with a file.
pub(super) fn comment(text: &Text, workspace: &Workspace) -> String {
    mrkdwn(text, workspace, SUMMARY_CHARS_MAX)
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

/// How many characters it needs so as not to be cut.
fn mrkdwn_chars(text: &Text, workspace: &Workspace, max: usize) -> usize {
    match mrkdwn(text, workspace, max).chars().count() {
        0 => 0,
        chars => chars + 1,
    }
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
    workspace: &'a Workspace,
    chars_left: usize,
    /// Whether anything was shortened or left out for want of room.
    is_cut: bool,
    actions: BTreeSet<String>,
    block_ids: BTreeSet<String>,
    blocks: Vec<SlackBlock>,
}

impl<'a> Page<'a> {
    fn new(workspace: &'a Workspace, chars_left: usize) -> Page<'a> {
        let (actions, block_ids) = (BTreeSet::new(), BTreeSet::new());
        Page { workspace, chars_left, is_cut: false, actions, block_ids, blocks: Vec::new() }
    }

    fn add_all(&mut self, blocks: &[Block]) {
        // What can be pressed or filled in gets its room first.
        let kept: usize = blocks.iter().map(control_chars).sum();
        self.chars_left = self.chars_left.saturating_sub(kept);
        for block in blocks {
            self.add(block);
        }
    }

    /// The room for something that takes at most `max` characters; how many it takes is said by `chars` for such a room.
    fn room(&mut self, max: usize, chars: impl FnOnce(usize) -> usize) -> usize {
        self.is_cut |= self.chars_left < max && chars(max) > self.chars_left;
        self.chars_left.min(max)
    }

    fn add(&mut self, block: &Block) {
        match block {
            Block::Header(title) => self.header(title),
            Block::Section(text) => self.section(text),
            Block::Context(text) => self.context(text),
            Block::Preformatted(lines) => self.preformatted(lines),
            Block::Divider => self.blocks.push(SlackDividerBlock::new().into()),
            Block::Buttons(buttons) => self.buttons(buttons),
            Block::Row { text, menu } => self.row(text, menu),
            Block::Image { file, alt } => {
                let file = SlackFileIdOrUrl::Id { id: file.0.as_str().into() };
                let alt = match tidy(alt) {
                    alt if alt.is_empty() => NO_WORDS.to_owned(),
                    alt => clamp(&alt, ALT_CHARS_MAX),
                };
                let image = SlackImageBlock::new(SlackImageUrlOrFile::SlackFile { slack_file: file }, alt);
                self.blocks.push(image.into());
            }
            Block::Checkboxes { name, label, choices, instant } => {
                self.checkboxes(name, label, choices, *instant);
            }
            // Slack refuses a select that offers nothing.
            Block::Select { options, .. } if options.is_empty() => {}
            Block::Select { name, label, options, chosen, instant } => {
                let options: Vec<_> = options.iter().take(OPTIONS_MAX).map(option).collect();
                let element = SlackBlockStaticSelectElement {
                    initial_option: options.iter().find(|one| Some(&one.value) == chosen.as_ref()).cloned(),
                    options: Some(options),
                    ..SlackBlockStaticSelectElement::new()
                };
                let element = element.with_action_id(name.as_str().into());
                self.input(name, label, None, false, element.into(), *instant);
            }
            Block::DateInput { name, label, hint, initial, optional } => {
                let mut element = SlackBlockDatePickerElement::new().with_action_id(name.as_str().into());
                element.initial_date = initial.map(|day| day.format("%Y-%m-%d").to_string());
                self.input(name, label, hint.as_deref(), *optional, element.into(), false);
            }
            Block::TextInput { name, label, hint, optional, max_chars, initial, multiline, instant } => {
                let max = (*max_chars).min(INPUT_CHARS_MAX);
                let mut element = SlackBlockPlainTextInputElement::new()
                    .with_action_id(name.as_str().into())
                    .with_multiline(*multiline)
                    .with_max_length(u64::from(max));
                element.initial_value =
                    initial.as_ref().filter(|text| !text.is_empty()).map(|text| clamp(text, max as usize));
                element.dispatch_action_config = instant.then(|| {
                    let on_enter = vec![SlackDispatchActionTrigger::OnEnterPressed];
                    SlackDispatchActionConfig::new().with_trigger_actions_on(on_enter)
                });
                self.input(name, label, hint.as_deref(), *optional, element.into(), *instant);
            }
        }
    }

    fn input(
        &mut self,
        name: &str,
        label: &str,
        hint: Option<&str>,
        optional: bool,
        element: SlackInputBlockElement,
        instant: bool,
    ) {
        let mut input = SlackInputBlock::new(words(label, LABEL_CHARS_MAX), element)
            .with_block_id(name.into())
            .with_optional(optional);
        input.hint = hint.map(|hint| words(hint, LABEL_CHARS_MAX));
        input.dispatch_action = instant.then_some(true);
        self.blocks.push(input.into());
    }

    /// A menu only goes with a `section`, whose text is mrkdwn or plain: mrkdwn shows times in the reader's own zone,
    /// and what somebody else wrote is made inert as in small print. Verbatim: no address in it becomes a link.
    fn row(&mut self, text: &Text, menu: &Menu) {
        let workspace = self.workspace;
        let room = self.room(SECTION_CHARS_MAX, |max| mrkdwn_chars(text, workspace, max));
        let mut said = mrkdwn(text, workspace, room);
        if said.trim().is_empty() {
            NO_WORDS.clone_into(&mut said);
        }
        self.chars_left = self.chars_left.saturating_sub(said.chars().count());
        let items: Vec<_> = menu.items.iter().take(MENU_ITEMS_MAX).map(item).collect();
        let text = SlackBlockMarkDownText::new(said).with_verbatim(true);
        let mut section = SlackSectionBlock::new().with_text(text.into());
        if !items.is_empty() {
            // Action ids must differ within a block only, and a menu has one of its own.
            let mut element =
                SlackBlockOverflowElement::new(items).with_action_id(menu.action.as_str().into());
            element.confirm = menu.confirm.as_ref().map(|confirm| question(confirm, Tone::Neutral));
            section.accessory = Some(element.into());
            let values = menu.items.iter().map(|item| (menu.action.as_str(), item.value.as_str()));
            section.block_id = Some(self.block_id(values).into());
        }
        self.blocks.push(section.into());
    }

    fn header(&mut self, title: &str) {
        let room = self.room(HEADER_CHARS_MAX, |_| tidy(title).chars().count());
        if room == 0 || tidy(title).is_empty() {
            return;
        }
        self.chars_left -= tidy(title).chars().count().min(room);
        self.blocks.push(SlackHeaderBlock::new(words(title, room)).into());
    }

    fn section(&mut self, text: &Text) {
        let workspace = self.workspace;
        let room = self.room(SECTION_CHARS_MAX, |max| rich(text, workspace, max).1);
        let (elements, used) = rich(text, workspace, room);
        if elements.is_empty() {
            return;
        }
        self.chars_left -= used;
        self.blocks.push(SlackRichTextBlock::new(vec![SlackRichTextSection::new(elements).into()]).into());
    }

    fn preformatted(&mut self, lines: &str) {
        let seen: String = lines.chars().filter(|c| *c == '\n' || !is_unseen(*c)).collect();
        let room = self.room(SECTION_CHARS_MAX, |_| seen.trim_end().chars().count());
        let seen = clamp(seen.trim_end(), room);
        if seen.is_empty() {
            return;
        }
        self.chars_left -= seen.chars().count();
        let lines = SlackRichTextPreformatted::new(vec![SlackRichTextText::new(seen).into()]);
        self.blocks.push(SlackRichTextBlock::new(vec![lines.into()]).into());
    }

    fn context(&mut self, text: &Text) {
        let workspace = self.workspace;
        let room = self.room(CONTEXT_CHARS_MAX, |max| mrkdwn_chars(text, workspace, max));
        let small = mrkdwn(text, workspace, room);
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
            let values = row.iter().map(|button| (button.action.as_str(), button.value.as_str()));
            let id = self.block_id(values);
            self.blocks.push(SlackActionsBlock::new(elements).with_block_id(id.into()).into());
        }
    }

    /// Returns what a block with something to press is called: the same in each version of a message in which it does
    /// the same.
    ///
    /// Slack gives a block without an id a random one at each update, and a press on a block that is not there any more
    /// is lost. The id depends on every action with its value, so that a press on an earlier version never reaches a
    /// block that has come to mean something else. Blocks that are only read keep Slack's own ids.
    /// <https://docs.slack.dev/reference/block-kit/blocks/actions-block> advises a new id at each update; what a client
    /// may otherwise keep of a block is the state of its inputs, and neither buttons nor menus have one.
    fn block_id<'v>(&mut self, values: impl Iterator<Item = (&'v str, &'v str)>) -> String {
        let mut hash = Sha256::new();
        for (action, value) in values {
            hash.update(format!("{action}\u{1f}{value}\u{1e}"));
        }
        let digest = BASE64_URL_SAFE_NO_PAD.encode(&hash.finalize()[..16]);
        unique(&mut self.block_ids, &format!("press-{digest}"))
    }

    fn button(&mut self, button: &Button) -> SlackBlockButtonElement {
        let mut element = SlackBlockButtonElement::new(words(&button.label, BUTTON_CHARS_MAX))
            .with_action_id(unique(&mut self.actions, &button.action).into());
        // Slack refuses an empty value; a missing one comes back as an empty one.
        element.value = Some(button.value.clone()).filter(|value| !value.is_empty());
        element.style = match button.tone {
            Tone::Neutral => None,
            Tone::Primary => Some(SlackBlockButtonStyle::Primary),
            Tone::Danger => Some(SlackBlockButtonStyle::Danger),
        };
        element.confirm = button.confirm.as_ref().map(|confirm| question(confirm, button.tone));
        element.url = button.url.as_deref().and_then(address);
        let about = button.about.as_deref().map(tidy).filter(|about| !about.is_empty());
        element.accessibility_label = about.map(|about| clamp(&about, BUTTON_CHARS_MAX).into());
        element
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
            self.input(&id, &label, None, true, element.into(), instant);
        }
    }

    /// At most `max` blocks; what is only read goes first, from the end, and a line says so, as it does if something had
    /// no room.
    fn fitting(self, max: usize) -> Vec<SlackBlock> {
        let mut blocks = self.blocks;
        if blocks.len() <= max && !self.is_cut {
            return blocks;
        }
        let mut excess = (blocks.len() + 1).saturating_sub(max);
        let mut at = blocks.len();
        while excess > 0 && at > 0 {
            at -= 1;
            let control = match &blocks[at] {
                SlackBlock::Actions(_) | SlackBlock::Input(_) => true,
                SlackBlock::Section(section) => section.accessory.is_some(),
                _ => false,
            };
            if !control {
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

/// Gives the second of one name a number, because two would be refused. [`base_action`] takes it off an action again.
fn unique(taken: &mut BTreeSet<String>, name: &str) -> String {
    let mut id = name.to_owned();
    let mut number = 2;
    while !taken.insert(id.clone()) {
        id = format!("{name}{REPEAT}{number}");
        number += 1;
    }
    id
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

fn option((value, label): &(String, String)) -> SlackBlockChoiceItem<SlackBlockPlainTextOnly> {
    SlackBlockChoiceItem::new(words(label, CHOICE_CHARS_MAX), value.clone())
}

fn item(item: &MenuItem) -> SlackBlockChoiceItem<SlackBlockPlainTextOnly> {
    let mut choice = SlackBlockChoiceItem::new(words(&item.label, CHOICE_CHARS_MAX), item.value.clone());
    choice.url = item.url.as_deref().and_then(address);
    choice
}

/// An address that a person may be sent to.
fn address(url: &str) -> Option<Url> {
    Url::parse(url).ok().filter(is_safe)
}

/// How many characters a control needs; nothing for what is only read.
fn control_chars(block: &Block) -> usize {
    let count = |text: &str, max: usize| text.chars().count().min(max);
    let question = |confirm: &Confirm| {
        count(&confirm.title, CONFIRM_TITLE_CHARS_MAX)
            + count(&confirm.text, CONFIRM_TEXT_CHARS_MAX)
            + count(&confirm.yes, CONFIRM_LABEL_CHARS_MAX)
            + count(&confirm.no, CONFIRM_LABEL_CHARS_MAX)
    };
    match block {
        Block::Header(_)
        | Block::Section(_)
        | Block::Context(_)
        | Block::Preformatted(_)
        | Block::Divider
        | Block::Image { .. } => 0,
        Block::Row { menu, .. } => {
            menu.items.iter().map(|item| count(&item.label, CHOICE_CHARS_MAX)).sum::<usize>()
                + menu.confirm.as_ref().map_or(0, question)
        }
        Block::Select { label, options, .. } => {
            let options = options.iter().map(|(_, label)| count(label, CHOICE_CHARS_MAX));
            options.sum::<usize>() + count(label, LABEL_CHARS_MAX)
        }
        Block::Buttons(buttons) => {
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
        Block::TextInput { label, hint, .. } | Block::DateInput { label, hint, .. } => {
            let hint = hint.as_deref().unwrap_or_default();
            count(label, LABEL_CHARS_MAX) + count(hint, LABEL_CHARS_MAX)
        }
    }
}

#[cfg(test)]
mod tests;
