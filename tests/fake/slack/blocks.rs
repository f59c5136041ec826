//! Reading blocks as Slack's client does: which elements there are, what they start with, what a person can
//! put into them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// An interactive element and the block that holds it.
#[derive(Clone, Debug)]
pub struct Element {
    pub block_id: String,
    pub action_id: String,
    /// `button`, `overflow`, `checkboxes`, …
    pub kind: String,
    pub json: Value,
    /// Of an input block: the person must fill it in.
    pub required: bool,
    /// A change is sent at once, not only with the form.
    pub reports: bool,
}

/// Gives every block and every element that has no id one, as Slack does.
pub fn fill_ids(blocks: &mut [Value], mut mint: impl FnMut() -> String) {
    for block in blocks {
        if block.get("block_id").is_none_or(Value::is_null) {
            block["block_id"] = json!(mint());
        }
        for element in elements_of_mut(block) {
            if is_interactive(element) && element.get("action_id").is_none_or(Value::is_null) {
                element["action_id"] = json!(mint());
            }
        }
    }
}

/// All interactive elements, from the top down.
pub fn elements(blocks: &[Value]) -> Vec<Element> {
    let mut found = Vec::new();
    for block in blocks {
        let in_form = block["type"] == "input";
        let required = in_form && block["optional"] != json!(true);
        let reports = !in_form || block["dispatch_action"] == json!(true);
        for json in elements_of(block).into_iter().filter(|element| is_interactive(element)) {
            found.push(Element {
                block_id: block["block_id"].as_str().unwrap_or_default().to_owned(),
                action_id: json["action_id"].as_str().unwrap_or_default().to_owned(),
                kind: json["type"].as_str().unwrap_or_default().to_owned(),
                json: json.clone(),
                required,
                reports,
            });
        }
    }
    found
}

/// The elements of one block, wherever this kind of block keeps them.
pub fn elements_of(block: &Value) -> Vec<&Value> {
    let several = block["elements"].as_array().into_iter().flatten();
    several.chain(block.get("accessory")).chain(block.get("element")).collect()
}

fn elements_of_mut(block: &mut Value) -> Vec<&mut Value> {
    let Some(block) = block.as_object_mut() else { return Vec::new() };
    let mut found = Vec::new();
    for (key, value) in block {
        match (key.as_str(), value) {
            ("elements", Value::Array(elements)) => found.extend(elements.iter_mut()),
            ("accessory" | "element", element) => found.push(element),
            _ => {}
        }
    }
    found
}

fn is_interactive(element: &Value) -> bool {
    match element["type"].as_str() {
        None | Some("image" | "mrkdwn" | "plain_text") => false,
        Some(kind) => kind == "rich_text_input" || !kind.starts_with("rich_text_"),
    }
}

/// Every option of the element, groups flattened.
pub fn options(element: &Value) -> Vec<&Value> {
    let groups = element["option_groups"].as_array().into_iter().flatten();
    let grouped = groups.flat_map(|group| group["options"].as_array().into_iter().flatten());
    element["options"].as_array().into_iter().flatten().chain(grouped).collect()
}

/// The option with this `value`.
pub fn option<'a>(element: &'a Value, value: &str) -> Option<&'a Value> {
    options(element).into_iter().find(|option| option["value"] == value)
}

/// What `state.values` says of an element that nobody touched; `None` for elements without a state.
pub fn initial_state(element: &Element) -> Option<Value> {
    let json = &element.json;
    let pick = |key: &str| json.get(key).cloned().unwrap_or(Value::Null);
    let state = match element.kind.as_str() {
        "plain_text_input" | "number_input" | "email_text_input" | "url_text_input" => {
            json!({"value": pick("initial_value")})
        }
        "static_select" | "external_select" | "radio_buttons" => {
            json!({"selected_option": pick("initial_option")})
        }
        "checkboxes" | "multi_static_select" | "multi_external_select" => {
            json!({"selected_options": json.get("initial_options").cloned().unwrap_or(json!([]))})
        }
        "users_select" => json!({"selected_user": pick("initial_user")}),
        "multi_users_select" => {
            json!({"selected_users": json.get("initial_users").cloned().unwrap_or(json!([]))})
        }
        "conversations_select" => json!({"selected_conversation": pick("initial_conversation")}),
        "channels_select" => json!({"selected_channel": pick("initial_channel")}),
        "datepicker" => json!({"selected_date": pick("initial_date")}),
        "timepicker" => json!({"selected_time": pick("initial_time")}),
        "datetimepicker" => json!({"selected_date_time": pick("initial_date_time")}),
        _ => return None,
    };
    Some(with_kind(state, &element.kind))
}

fn with_kind(mut state: Value, kind: &str) -> Value {
    state["type"] = json!(kind);
    state
}

/// `state.values` of `blocks`, keeping from `before` what has the same block and action id.
pub fn state_values(blocks: &[Value], before: &Value) -> Value {
    let mut values: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for element in elements(blocks) {
        let Some(initial) = initial_state(&element) else { continue };
        let kept = before.get(&element.block_id).and_then(|block| block.get(&element.action_id));
        let kept =
            kept.filter(|kept| kept["type"] == element.kind.as_str() && still_offered(&element.json, kept));
        let value = kept.cloned().unwrap_or(initial);
        values.entry(element.block_id).or_default().insert(element.action_id, value);
    }
    json!(values)
}

fn still_offered(element: &Value, state: &Value) -> bool {
    let one = state["selected_option"].get("value");
    let many =
        state["selected_options"].as_array().into_iter().flatten().filter_map(|option| option.get("value"));
    one.into_iter()
        .chain(many)
        .all(|value| value.as_str().is_some_and(|value| option(element, value).is_some()))
}

/// All text that a reader sees in `blocks`, one piece a line, in reading order.
pub fn visible_text(blocks: &[Value]) -> String {
    let mut lines = Vec::new();
    for block in blocks {
        collect_text(block, &mut lines);
    }
    lines.join("\n")
}

fn collect_text(value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_text(item, lines)),
        Value::Object(fields) => {
            if let Some(text) = fields.get("text").and_then(Value::as_str) {
                lines.push(text.to_owned());
            }
            if let Some(alt) = fields.get("alt_text").and_then(Value::as_str) {
                lines.push(format!("Picture: {alt}"));
            }
            // Reading order; the rest of an object holds no text of its own.
            let order = [
                "title",
                "text",
                "label",
                "fields",
                "rows",
                "elements",
                "accessory",
                "element",
                "options",
                "option_groups",
                "description",
                "placeholder",
                "hint",
                "submit",
                "close",
            ];
            let nested = order.iter().filter_map(|key| fields.get(*key)).filter(|nested| !nested.is_string());
            nested.for_each(|nested| collect_text(nested, lines));
        }
        _ => {}
    }
}
