//! Slack's rules for blocks and views: kinds, required fields and sizes, counted in characters.
//!
//! Sources: <https://docs.slack.dev/reference/block-kit/blocks> and the pages below it. The total of 13 200
//! characters in all blocks of a message is measured by others, not documented.

use std::collections::BTreeSet;

use serde_json::Value;

use super::blocks::{elements_of, options};

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
    if view.to_string().len() > VIEW_BYTES_MAX {
        check.problem("view is larger than 250 KB");
    }
    check.problems
}

/// The ids of the files whose pictures the blocks show.
pub fn pictures(blocks: &[Value]) -> impl Iterator<Item = &str> {
    let images = blocks.iter().filter(|block| block["type"] == "image");
    images.filter_map(|image| image["slack_file"]["id"].as_str())
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
            self.element(&format!("{at}.accessory"), &block["accessory"]);
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
        if image["image_url"].is_null() && image["slack_file"]["id"].is_null() {
            self.problem(format!("{at}: an image needs image_url or slack_file"));
        }
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
            self.element(at, element);
        }
    }

    fn input(&mut self, at: &str, block: &Value) {
        self.required_plain(&format!("{at}.label"), &block["label"], 2000);
        self.optional_plain(&format!("{at}.hint"), &block["hint"], 2000);
        if matches!(block["element"]["type"].as_str(), Some("button" | "overflow" | "image") | None) {
            self.problem(format!("{at}: {} is not an input", block["element"]["type"]));
        }
        self.element(&format!("{at}.element"), &block["element"]);
    }

    fn table(&mut self, at: &str, block: &Value) {
        let rows = block["rows"].as_array().map_or(&[][..], Vec::as_slice);
        self.count(&format!("{at}.rows"), rows.len(), 100);
        for row in rows {
            self.count(&format!("{at}.rows"), row.as_array().map_or(0, Vec::len), 20);
        }
    }

    fn element(&mut self, at: &str, element: &Value) {
        let kind = element["type"].as_str().unwrap_or_default();
        let at = &format!("{at} {kind} {}", element["action_id"].as_str().unwrap_or("-"));
        self.optional_length(&format!("{at}.action_id"), &element["action_id"], ID_MAX);
        if !element["confirm"].is_null() {
            self.confirm(&format!("{at}.confirm"), &element["confirm"]);
        }
        self.optional_plain(&format!("{at}.placeholder"), &element["placeholder"], 150);
        match kind {
            "button" => self.button(at, element),
            "image" => self.image(at, element),
            "overflow" => self.options(at, element, 5),
            "checkboxes" | "radio_buttons" => self.options(at, element, 10),
            "static_select" | "multi_static_select" => self.options(at, element, 100),
            "plain_text_input" => self.text_input(at, element),
            "users_select"
            | "multi_users_select"
            | "conversations_select"
            | "channels_select"
            | "datepicker"
            | "timepicker"
            | "datetimepicker"
            | "number_input"
            | "email_text_input"
            | "url_text_input"
            | "external_select"
            | "multi_external_select" => {}
            other => self.problem(format!("{at}: unknown element {other:?}")),
        }
    }

    fn button(&mut self, at: &str, button: &Value) {
        self.required_plain(&format!("{at}.text"), &button["text"], 75);
        self.optional_length(&format!("{at}.value"), &button["value"], 2000);
        self.optional_length(&format!("{at}.url"), &button["url"], 3000);
        self.optional_length(&format!("{at}.accessibility_label"), &button["accessibility_label"], 75);
        if !matches!(button["style"].as_str(), None | Some("primary" | "danger")) {
            self.problem(format!("{at}: style {}", button["style"]));
        }
    }

    fn text_input(&mut self, at: &str, input: &Value) {
        for key in ["min_length", "max_length"] {
            if input[key].as_u64().is_some_and(|length| length > 3000) {
                self.problem(format!("{at}.{key}: over 3000"));
            }
        }
        let most = input["max_length"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(3000);
        self.optional_length(&format!("{at}.initial_value"), &input["initial_value"], most);
    }

    fn options(&mut self, at: &str, element: &Value, most: usize) {
        let offered = options(element);
        if offered.is_empty() {
            self.problem(format!("{at}: no options"));
        }
        self.count(&format!("{at}.options"), offered.len(), most);
        let mut values = BTreeSet::new();
        for option in &offered {
            self.text_object(&format!("{at}.options.text"), &option["text"], 75);
            if !option["description"].is_null() {
                self.text_object(&format!("{at}.options.description"), &option["description"], 75);
            }
            let Some(value) = option["value"].as_str() else {
                self.problem(format!("{at}: an option without value"));
                continue;
            };
            self.length(&format!("{at}.options.value"), value, 150);
            if !values.insert(value) {
                self.problem(format!("{at}: option value {value:?} twice"));
            }
        }
        self.initial_options(at, element, &offered);
    }

    /// Slack refuses an initial option that is not exactly one of the options.
    fn initial_options(&mut self, at: &str, element: &Value, offered: &[&Value]) {
        let many = element["initial_options"].as_array();
        if many.is_some_and(Vec::is_empty) {
            self.problem(format!("{at}.initial_options: empty"));
        }
        let one = element.get("initial_option").filter(|option| !option.is_null());
        for initial in many.into_iter().flatten().chain(one) {
            if !offered.contains(&initial) {
                self.problem(format!("{at}: initial option {} is not offered", initial["value"]));
            }
        }
    }

    fn confirm(&mut self, at: &str, confirm: &Value) {
        self.required_plain(&format!("{at}.title"), &confirm["title"], 100);
        self.text_object(&format!("{at}.text"), &confirm["text"], 300);
        self.required_plain(&format!("{at}.confirm"), &confirm["confirm"], 30);
        self.required_plain(&format!("{at}.deny"), &confirm["deny"], 30);
        if !matches!(confirm["style"].as_str(), None | Some("primary" | "danger")) {
            self.problem(format!("{at}: style {}", confirm["style"]));
        }
    }
}
