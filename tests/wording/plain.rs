//! Blocks in words: what stands where, what can be pressed, what is ticked. A line each, so that a difference is small.

use std::fmt::Write;

use serde_json::Value;

/// The blocks of a message or dialog.
pub fn plain(blocks: &[Value]) -> String {
    let mut said = String::new();
    for block in blocks {
        writeln!(said, "{}", block_in_words(block)).expect("writing to a string can't fail");
    }
    said
}

/// A dialog with its title and the label of its button.
pub fn view_in_words(view: &Value) -> String {
    let submit = view["submit"]["text"].as_str().map_or("no button".to_owned(), |label| format!("[{label}]"));
    format!(
        "== {} == {submit} value {:?}\n\n{}",
        text(&view["title"]),
        view["private_metadata"].as_str().unwrap_or_default(),
        plain(list(view, "blocks"))
    )
}

fn block_in_words(block: &Value) -> String {
    match block["type"].as_str().expect("a block has a type") {
        "header" => format!("# {}", text(&block["text"])),
        "section" => {
            let accessory = &block["accessory"];
            let menu =
                if accessory.is_null() { String::new() } else { format!("\n  {}", element(accessory)) };
            format!("{}{menu}", text(&block["text"]))
        }
        "rich_text" => list(block, "elements").iter().map(rich).collect(),
        "context" => format!("({})", list(block, "elements").iter().map(text).collect::<Vec<_>>().join(" ")),
        "actions" => list(block, "elements").iter().map(element).collect::<Vec<_>>().join(" "),
        "divider" => "----".to_owned(),
        "input" => {
            let hint = text(&block["hint"]);
            let hint = if hint.is_empty() { hint } else { format!(" ({hint})") };
            let needed = if block["optional"] == Value::Bool(true) { "" } else { ", required" };
            let acts = if block["dispatch_action"] == Value::Bool(true) { ", acts at once" } else { "" };
            format!("{}{needed}{acts}:{hint}\n  {}", text(&block["label"]), element(&block["element"]))
        }
        other => panic!("a {other} that this can't put into words"),
    }
}

fn element(element: &Value) -> String {
    let label = |option: &Value| {
        let description = text(&option["description"]);
        let description = if description.is_empty() { description } else { format!(" – {description}") };
        let link = option["url"].as_str().map_or(String::new(), |url| format!(" → {url}"));
        format!("{}{description}{link}", text(&option["text"]))
    };
    let options = list(element, "options");
    match element["type"].as_str().expect("an element has a type") {
        "button" => {
            let style = element["style"].as_str().map_or(String::new(), |style| format!(" {style}"));
            let question = &element["confirm"];
            let question = if question.is_null() {
                String::new()
            } else {
                let [title, words, yes, no] =
                    ["title", "text", "confirm", "deny"].map(|key| text(&question[key]));
                format!(" asks: {title} / {words} / {yes} / {no}\n")
            };
            format!("[{}{style}]{question}", text(&element["text"]))
        }
        "overflow" => format!("⋯ {}", options.iter().map(label).collect::<Vec<_>>().join(" | ")),
        "checkboxes" => {
            let ticked = list(element, "initial_options");
            let line = |option: &Value| {
                let mark = if ticked.contains(option) { "x" } else { " " };
                format!("[{mark}] {}", label(option))
            };
            options.iter().map(line).collect::<Vec<_>>().join("\n  ")
        }
        "static_select" => {
            let chosen = text(&element["initial_option"]["text"]);
            format!("<{chosen}> of {}", options.iter().map(label).collect::<Vec<_>>().join(" | "))
        }
        "plain_text_input" => format!("__{}__", element["initial_value"].as_str().unwrap_or_default()),
        "datepicker" => format!("__{}__", element["initial_date"].as_str().unwrap_or("a day")),
        other => panic!("a {other} that this can't put into words"),
    }
}

/// Rich text: what is emphasised, and that nothing else is.
fn rich(part: &Value) -> String {
    let words = || part["text"].as_str().unwrap_or_default();
    match part["type"].as_str().expect("a part has a type") {
        "text" if part["style"]["bold"] == Value::Bool(true) => format!("**{}**", words()),
        "text" if part["style"]["code"] == Value::Bool(true) => format!("``{}``", words()),
        "text" => words().to_owned(),
        "user" => format!("@{}", part["user_id"].as_str().unwrap_or_default()),
        "date" => format!("{{{}}}", part["fallback"].as_str().unwrap_or_default()),
        "link" => format!("[{}]({})", words(), part["url"].as_str().unwrap_or_default()),
        "usergroup" => format!("@{}", part["usergroup_id"].as_str().unwrap_or_default()),
        "rich_text_section" => list(part, "elements").iter().map(rich).collect(),
        "rich_text_preformatted" => {
            let lines: String = list(part, "elements").iter().map(rich).collect();
            format!("```\n{lines}\n```")
        }
        other => panic!("a {other} that this can't put into words"),
    }
}

fn text(object: &Value) -> String {
    object["text"].as_str().unwrap_or_default().to_owned()
}

fn list<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object[key].as_array().map_or(&[], Vec::as_slice)
}
