//! Slack's rules for interactive elements: where each may stand, and what it may hold.
//!
//! See <https://docs.slack.dev/reference/block-kit/block-elements>.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde_json::Value;

use super::super::blocks::options;
use super::{Check, ID_MAX};

/// The part of a block that an element stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    Accessory,
    Actions,
    Input,
}

impl Spot {
    fn takes(self, kind: &str) -> bool {
        match kind {
            "button" | "overflow" => self != Spot::Input,
            "image" => self == Spot::Accessory,
            "plain_text_input" | "number_input" | "email_text_input" | "url_text_input" => {
                self == Spot::Input
            }
            "datetimepicker" => self != Spot::Accessory,
            kind if kind.starts_with("multi_") => self != Spot::Actions,
            _ => true,
        }
    }
}

impl Check {
    pub(super) fn element(&mut self, at: &str, element: &Value, spot: Spot) {
        let kind = element["type"].as_str().unwrap_or_default();
        let at = &format!("{at} {kind} {}", element["action_id"].as_str().unwrap_or("-"));
        if !spot.takes(kind) {
            self.problem(format!("{at}: {kind:?} can't stand there ({spot:?})"));
        }
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
            "datepicker" => self.date(at, element),
            "users_select"
            | "multi_users_select"
            | "conversations_select"
            | "channels_select"
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
        let (least, most) =
            (input["min_length"].as_u64().unwrap_or(0), input["max_length"].as_u64().unwrap_or(3000));
        if !(1..=3000).contains(&most) || least > most {
            self.problem(format!("{at}: takes {least} to {most} characters"));
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        self.optional_length(&format!("{at}.initial_value"), &input["initial_value"], most);
        let config = &input["dispatch_action_config"];
        let on: Option<BTreeSet<&str>> =
            config["trigger_actions_on"].as_array().map(|on| on.iter().filter_map(Value::as_str).collect());
        let known = BTreeSet::from(["on_enter_pressed", "on_character_entered"]);
        if !config.is_null() && on.is_none_or(|on| on.is_empty() || !on.is_subset(&known)) {
            self.problem(format!("{at}.dispatch_action_config: {config}"));
        }
    }

    fn date(&mut self, at: &str, picker: &Value) {
        let is_day = |text: &str| text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok();
        if !picker["initial_date"].is_null() && !picker["initial_date"].as_str().is_some_and(is_day) {
            self.problem(format!("{at}.initial_date: {} is not YYYY-MM-DD", picker["initial_date"]));
        }
    }

    fn options(&mut self, at: &str, element: &Value, most: usize) {
        let offered = options(element);
        if offered.is_empty() {
            self.problem(format!("{at}: no options"));
        }
        self.count(&format!("{at}.options"), offered.len(), most);
        let ticked = matches!(element["type"].as_str(), Some("checkboxes" | "radio_buttons"));
        let mut values = BTreeSet::new();
        for option in &offered {
            let (text, about) = (format!("{at}.options.text"), format!("{at}.options.description"));
            if ticked {
                self.text_object(&text, &option["text"], 75);
                if !option["description"].is_null() {
                    self.text_object(&about, &option["description"], 75);
                }
            } else {
                self.required_plain(&text, &option["text"], 75);
                self.optional_plain(&about, &option["description"], 75);
            }
            if !option["url"].is_null() && element["type"] != "overflow" {
                self.problem(format!("{at}.options.url: only an overflow menu's options have one"));
            }
            self.optional_length(&format!("{at}.options.url"), &option["url"], 3000);
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
