//! Slack's rules for blocks and views: kinds, required fields and sizes, counted in characters.
//!
//! Sources: <https://docs.slack.dev/reference/block-kit/blocks> and the pages below it. The total of 13 200
//! characters in all blocks of a message is measured by others, not documented.

mod elements;

use std::collections::BTreeSet;

use serde_json::Value;

use super::blocks::elements_of;
use elements::Spot;

/// Where blocks are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    Message,
    Modal,
    Home,
}

/// The most text that all blocks of a message may hold together.
pub const MESSAGE_TEXT_MAX: usize = 13_200;

const MESSAGE_BLOCKS_MAX: usize = 50;
const VIEW_BLOCKS_MAX: usize = 100;
const ID_MAX: usize = 255;
const PRIVATE_METADATA_MAX: usize = 3000;
const VIEW_BYTES_MAX: usize = 250_000;

/// Everything that is wrong with the blocks, in words.
pub fn check_blocks(blocks: &[Value], surface: Surface) -> Vec<String> {
    let mut check = Check { surface, problems: Vec::new() };
    let most = if surface == Surface::Message { MESSAGE_BLOCKS_MAX } else { VIEW_BLOCKS_MAX };
    if blocks.len() > most {
        check.problem(format!("{} blocks, {most} allowed", blocks.len()));
    }
    let mut block_ids = BTreeSet::new();
    for (number, block) in blocks.iter().enumerate() {
        if let Some(id) = block["block_id"].as_str() {
            if !block_ids.insert(id) {
                check.problem(format!("block_id {id:?} twice"));
            }
            check.length(&format!("blocks[{number}].block_id"), id, ID_MAX);
        }
        check.block(&format!("blocks[{number}]"), block);
    }
    check.problems
}

/// Everything that is wrong with a view of the wanted kind.
pub fn check_view(view: &Value, surface: Surface) -> Vec<String> {
    let Some(blocks) = view["blocks"].as_array() else { return vec!["view.blocks is missing".to_owned()] };
    let mut check = Check { surface, problems: check_blocks(blocks, surface) };
    let wanted = if surface == Surface::Modal { "modal" } else { "home" };
    if view["type"] != wanted {
        check.problem(format!("view.type is {}, not {wanted}", view["type"]));
    }
    if surface == Surface::Modal {
        check.required_plain("view.title", &view["title"], 24);
        check.optional_plain("view.submit", &view["submit"], 24);
        check.optional_plain("view.close", &view["close"], 24);
        if view["submit"].is_null() && blocks.iter().any(|block| block["type"] == "input") {
            check.problem("view.submit is missing, but there are inputs");
        }
    }
    check.optional_length("view.private_metadata", &view["private_metadata"], PRIVATE_METADATA_MAX);
    check.optional_length("view.callback_id", &view["callback_id"], ID_MAX);
    check.optional_length("view.external_id", &view["external_id"], ID_MAX);
    check.problems
}

/// Whether a view has more than the 250 KB that Slack takes.
pub fn is_too_large(view: &Value) -> bool {
    view.to_string().len() > VIEW_BYTES_MAX
}

/// The ids of the files whose pictures the blocks show, as blocks of their own or within others.
pub fn pictures(blocks: &[Value]) -> Vec<String> {
    let all = blocks.iter().chain(blocks.iter().flat_map(elements_of));
    all.filter(|image| image["type"] == "image")
        .filter_map(|image| image["slack_file"]["id"].as_str().map(str::to_owned))
        .collect()
}

/// <https://github.com/slackapi/python-slack-sdk/issues/1521>: `^[F][A-Z0-9]{8,}$`
fn is_file_id(id: &str) -> bool {
    let is_sign = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    id.strip_prefix('F').is_some_and(|rest| rest.len() >= 8 && rest.chars().all(is_sign))
}

/// The characters of all texts in the blocks.
pub fn total_text(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(total_text).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| match value.as_str() {
                Some(text) if key == "text" => text.chars().count(),
                _ => total_text(value),
            })
            .sum(),
        _ => 0,
    }
}

struct Check {
    surface: Surface,
    problems: Vec<String>,
}

impl Check {
    fn problem(&mut self, what: impl Into<String>) {
        self.problems.push(what.into());
    }

    fn length(&mut self, at: &str, text: &str, most: usize) {
        let length = text.chars().count();
        if length > most {
            self.problem(format!("{at}: {length} characters, {most} allowed"));
        }
    }

    fn optional_length(&mut self, at: &str, value: &Value, most: usize) {
        match value {
            Value::Null => {}
            Value::String(text) => self.length(at, text, most),
            other => self.problem(format!("{at}: {other} is not a string")),
        }
    }

    fn text_object(&mut self, at: &str, text: &Value, most: usize) {
        let kind = text["type"].as_str().unwrap_or_default();
        let Some(content) = text["text"].as_str() else {
            return self.problem(format!("{at}: no text object"));
        };
        let foreign = match kind {
            "plain_text" => "verbatim",
            "mrkdwn" => "emoji",
            other => return self.problem(format!("{at}: text type {other:?}")),
        };
        if text.get(foreign).is_some_and(|value| !value.is_null()) {
            self.problem(format!("{at}: {kind} has no {foreign}"));
        }
        if content.is_empty() {
            self.problem(format!("{at}: empty text"));
        }
        self.length(at, content, most);
    }

    fn required_plain(&mut self, at: &str, text: &Value, most: usize) {
        if text["type"] != "plain_text" {
            self.problem(format!("{at}: must be plain_text"));
        }
        self.text_object(at, text, most);
    }

    fn optional_plain(&mut self, at: &str, text: &Value, most: usize) {
        if !text.is_null() {
            self.required_plain(at, text, most);
        }
    }

    fn block(&mut self, at: &str, block: &Value) {
        let kind = block["type"].as_str().unwrap_or_default();
        match kind {
            "section" => self.section(at, block),
            "header" => self.required_plain(&format!("{at}.text"), &block["text"], 150),
            "divider" => {}
            "image" => self.image(at, block),
            "context" => self.context(at, block),
            "actions" => self.actions(at, block),
            "input" => self.input(at, block),
            "rich_text" if block["elements"].is_array() => {}
            "markdown" if self.surface == Surface::Message => {
                self.optional_length(at, &block["text"], 12_000);
            }
            "table" if self.surface == Surface::Message => self.table(at, block),
            other => {
                self.problem(format!("{at}: block type {other:?} is not allowed on a {:?}", self.surface));
            }
        }
        self.unique_actions(at, block);
    }

    /// Slack wants action ids to be unique within their block; the same one in two blocks is fine.
    fn unique_actions(&mut self, at: &str, block: &Value) {
        let mut seen = BTreeSet::new();
        for id in elements_of(block).into_iter().filter_map(|element| element["action_id"].as_str()) {
            if !seen.insert(id) {
                self.problem(format!("{at}: action_id {id:?} twice"));
            }
        }
    }

    fn section(&mut self, at: &str, block: &Value) {
        let fields = block["fields"].as_array();
        if block["text"].is_null() && fields.is_none_or(Vec::is_empty) {
            self.problem(format!("{at}: a section needs text or fields"));
        }
        if !block["text"].is_null() {
            self.text_object(&format!("{at}.text"), &block["text"], 3000);
        }
        let fields = fields.map_or(&[][..], Vec::as_slice);
        self.count(&format!("{at}.fields"), fields.len(), 10);
        for field in fields {
            self.text_object(&format!("{at}.fields"), field, 2000);
        }
        if !block["accessory"].is_null() {
            self.element(&format!("{at}.accessory"), &block["accessory"], Spot::Accessory);
        }
    }

    fn count(&mut self, at: &str, count: usize, most: usize) {
        if count > most {
            self.problem(format!("{at}: {count} items, {most} allowed"));
        }
    }

    fn image(&mut self, at: &str, image: &Value) {
        if image["alt_text"].as_str().is_none_or(str::is_empty) {
            self.problem(format!("{at}: an image needs alt_text"));
        }
        self.optional_length(&format!("{at}.alt_text"), &image["alt_text"], 2000);
        self.optional_length(&format!("{at}.image_url"), &image["image_url"], 3000);
        if image["image_url"].is_null() == image["slack_file"].is_null() {
            self.problem(format!("{at}: an image needs image_url or slack_file, and not both"));
        }
        if !image["slack_file"].is_null() && !image["slack_file"]["id"].as_str().is_some_and(is_file_id) {
            self.problem(format!("{at}.slack_file: {} has no file's id", image["slack_file"]));
        }
        self.optional_plain(&format!("{at}.title"), &image["title"], 2000);
    }

    fn context(&mut self, at: &str, block: &Value) {
        let elements = block["elements"].as_array().map_or(&[][..], Vec::as_slice);
        if elements.is_empty() {
            self.problem(format!("{at}: no elements"));
        }
        self.count(at, elements.len(), 10);
        for element in elements {
            match element["type"].as_str() {
                Some("image") => self.image(at, element),
                _ => self.text_object(at, element, 3000),
            }
        }
    }

    fn actions(&mut self, at: &str, block: &Value) {
        let elements = block["elements"].as_array().map_or(&[][..], Vec::as_slice);
        if elements.is_empty() {
            self.problem(format!("{at}: no elements"));
        }
        self.count(at, elements.len(), 25);
        for element in elements {
            self.element(at, element, Spot::Actions);
        }
    }

    fn input(&mut self, at: &str, block: &Value) {
        self.required_plain(&format!("{at}.label"), &block["label"], 2000);
        self.optional_plain(&format!("{at}.hint"), &block["hint"], 2000);
        if !matches!(&block["dispatch_action"], Value::Null | Value::Bool(_)) {
            self.problem(format!("{at}.dispatch_action: {}", block["dispatch_action"]));
        }
        self.element(&format!("{at}.element"), &block["element"], Spot::Input);
    }

    fn table(&mut self, at: &str, block: &Value) {
        let rows = block["rows"].as_array().map_or(&[][..], Vec::as_slice);
        self.count(&format!("{at}.rows"), rows.len(), 100);
        for row in rows {
            self.count(&format!("{at}.rows"), row.as_array().map_or(0, Vec::len), 20);
        }
    }
}
