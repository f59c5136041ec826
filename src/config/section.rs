//! Reading a section of the file: each key is asked for by name, with its default, and what nobody asked for is an
//! unknown key. So the list of keys is the code that reads them, and can't drift from it.
//!
//! A wrong value is reported and the default taken instead, so that one run finds every mistake of a file.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;

use chrono::Duration;
use serde::Serialize;
use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::Key;
use super::duration;
use super::report::{Report, looks_secret, quote};
use super::settings::{self, Setting, SettingValue};
use crate::domain::calendar::Period;
use crate::domain::nearest::nearest;

/// Keys that were renamed, each with its old name, which still works.
const RENAMED: [(&str, &str); 7] = [
    ("monitoring", "watch"),
    ("check_sign_in_log", "second_look"),
    ("account_owners", "own_accounts"),
    ("approval_timeout", "answer_within"),
    ("execute_within", "carry_out_within"),
    ("restore_button_for", "undo_for"),
    ("drift_watch", "watch_suspended_for"),
];

/// The name that a key had before.
pub(super) fn old_name(key: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(now, _)| *now == key).map(|(_, old)| *old)
}

/// A value and the byte of the file where it stands.
#[derive(Clone, Debug)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

/// A duration key: its default, its bounds, and the sentence that says why there are bounds.
pub(super) struct DurationKey {
    pub(super) key: &'static str,
    pub(super) default: &'static str,
    pub(super) least: &'static str,
    pub(super) most: &'static str,
    pub(super) why: &'static str,
}

/// A number key: its default, its bounds, and the sentence that says why there are bounds.
pub(super) struct Scale<T> {
    pub(super) key: &'static str,
    pub(super) default: T,
    pub(super) bounds: RangeInclusive<T>,
    pub(super) why: &'static str,
}

/// One section; an absent one reads as an empty one.
pub(super) struct Section<'r> {
    pub(super) report: &'r Report<'r>,
    /// Where the section starts, for what is missing from it.
    pub(super) at: usize,
    name: &'static str,
    /// Which `[[policy]]` it is.
    policy: Option<usize>,
    table: Option<&'r DeTable<'r>>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'r> Section<'r> {
    /// The whole file.
    pub(super) fn top(report: &'r Report<'r>, table: &'r DeTable<'r>) -> Self {
        Section::new(report, "", 0, Some(table))
    }

    fn new(report: &'r Report<'r>, name: &'static str, at: usize, table: Option<&'r DeTable<'r>>) -> Self {
        Section { report, at, name, policy: None, table, asked: RefCell::default() }
    }

    /// Something is wrong at this byte of the file.
    pub(super) fn problem(&self, at: usize, message: &str) {
        self.report.problem_at(at, message);
    }

    /// The section as messages call it.
    fn title(&self) -> String {
        match self.name.split_once('.') {
            _ if self.name.is_empty() => "the file".to_owned(),
            None if self.name == "policy" => "[[policy]]".to_owned(),
            None => format!("[{}]", self.name),
            Some((_, part)) => format!("{part} of [[policy]]"),
        }
    }

    /// The key and its value as the file has them, be it under the key's old name.
    fn entry(&self, key: &str) -> Option<(&'r Spanned<DeString<'r>>, &'r Spanned<DeValue<'r>>)> {
        let table = self.table?;
        table.get_key_value(key).or_else(|| table.get_key_value(old_name(key)?))
    }

    /// Says what the key is called now, if the file has its old name.
    fn note_old_name(&self, key: &str) {
        let Some(old) = old_name(key) else { return };
        let Some((written, _)) = self.table.and_then(|table| table.get_key_value(old)) else { return };
        let at = written.span().start;
        if self.table.is_some_and(|table| table.contains_key(key)) {
            self.problem(
                at,
                &format!("{old} is the old name of {key}, which is set too; remove one of them"),
            );
        } else {
            let place = self.report.place(at);
            self.report.warning(format!("{place}: {old} is called {key} now; the old name still works"));
        }
    }

    /// Looks a key up, and notes that it is a key, of which shape, and what it is set to.
    fn ask(
        &self,
        key: &'static str,
        default: Option<Value>,
        mut shape: Value,
    ) -> Option<&'r Spanned<DeValue<'r>>> {
        let written = self.entry(key);
        self.note_old_name(key);
        match (written, &default) {
            (Some((name, value)), _) => {
                let value = settings::plain(value.get_ref());
                self.settled(key, SettingValue::Value(value), &self.report.place(name.span().start));
            }
            (None, Some(value)) => self.settled(key, SettingValue::Value(value.clone()), settings::DEFAULT),
            (None, None) => self.settled(key, SettingValue::NotSet, settings::DEFAULT),
        }
        let text = default.as_ref().map(settings::toml_text);
        if let Some(value) = default {
            shape["default"] = value;
        }
        self.report.key(Key { section: self.name, name: key, default: text, shape });
        self.asked.borrow_mut().push(key);
        written.map(|(_, value)| value)
    }

    /// Notes what a key comes to, when that isn't what the file says. A part of a value is no setting of its own.
    pub(super) fn settled(&self, key: &'static str, value: SettingValue, source: &str) {
        if self.name.is_empty() || self.name.contains('.') {
            return;
        }
        let source = source.to_owned();
        self.report.setting(self.policy, Setting { section: self.name, policy: None, key, value, source });
    }

    /// What editors should know of a key's value beside its type, in the words of JSON Schema.
    pub(super) fn looks_like(&self, key: &str, more: Value) {
        self.report.looks_like(self.name, key, more);
    }

    fn wrong_type(&self, key: &str, wanted: &str, value: &Spanned<DeValue<'_>>) {
        let got = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.problem(value.span().start, &format!("{key} must be {wanted}, not {got}"));
    }

    fn as_text(&self, key: &str, wanted: &str, value: &Spanned<DeValue<'_>>) -> Option<Found<String>> {
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(text) if looks_secret(text) => {
                self.problem(at, &format!("{key} holds a secret; {NO_SECRETS}"));
                None
            }
            DeValue::String(text) if text.trim().is_empty() => {
                self.problem(at, &format!("{key} is empty; give it a value or leave it out"));
                None
            }
            DeValue::String(text) => Some(Found { value: text.trim().to_owned(), at }),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => {
                self.wrong_type(key, wanted, value);
                None
            }
        }
    }

    /// A text that has no default.
    pub(super) fn text(&self, key: &'static str) -> Option<Found<String>> {
        let value = self.ask(key, None, json!({ "type": "string" }))?;
        self.as_text(key, "a text in quotes", value)
    }

    /// A text that has a default.
    pub(super) fn text_or(&self, key: &'static str, default: &str) -> Found<String> {
        self.ask(key, Some(json!(default)), json!({ "type": "string" }))
            .and_then(|value| self.as_text(key, "a text in quotes", value))
            .unwrap_or_else(|| Found { value: default.to_owned(), at: self.at })
    }

    /// True or false.
    pub(super) fn flag(&self, key: &'static str, default: bool) -> bool {
        let shape = json!({ "type": "boolean" });
        let Some(value) = self.ask(key, Some(json!(default)), shape) else { return default };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong_type(key, "true or false", value);
            default
        })
    }

    /// A whole number within bounds.
    pub(super) fn integer(&self, scale: &Scale<u32>) -> u32 {
        let Some(value) = self.ask_within(scale, "integer") else { return scale.default };
        let Some(number) = value.get_ref().as_integer() else {
            self.wrong_type(scale.key, "a whole number", value);
            return scale.default;
        };
        let read = i64::from_str_radix(number.as_str(), number.radix()).ok();
        let read = read.and_then(|number| u32::try_from(number).ok());
        self.within(scale, read, &number.to_string(), value.span().start)
    }

    /// A number within bounds; whole numbers count too.
    pub(super) fn number(&self, scale: &Scale<f64>) -> f64 {
        let Some(value) = self.ask_within(scale, "number") else { return scale.default };
        let text = match (value.get_ref().as_float(), value.get_ref().as_integer()) {
            (Some(float), _) => float.as_str().to_owned(),
            (None, Some(integer)) => integer.as_str().to_owned(),
            (None, None) => {
                self.wrong_type(scale.key, "a number", value);
                return scale.default;
            }
        };
        self.within(scale, text.parse().ok(), &text, value.span().start)
    }

    fn ask_within<T: Serialize>(&self, scale: &Scale<T>, kind: &str) -> Option<&'r Spanned<DeValue<'r>>> {
        let (least, most) = (scale.bounds.start(), scale.bounds.end());
        let shape = json!({ "type": kind, "minimum": least, "maximum": most });
        self.ask(scale.key, Some(json!(scale.default)), shape)
    }

    fn within<T: PartialOrd + Display + Copy>(
        &self,
        scale: &Scale<T>,
        read: Option<T>,
        text: &str,
        at: usize,
    ) -> T {
        if let Some(number) = read.filter(|number| scale.bounds.contains(number)) {
            return number;
        }
        let (key, why, least, most) = (scale.key, scale.why, scale.bounds.start(), scale.bounds.end());
        self.problem(at, &format!("{key} is {text}, but must be between {least} and {most}: {why}"));
        scale.default
    }

    /// A duration within bounds.
    pub(super) fn duration(&self, span: &DurationKey) -> Found<Duration> {
        let how = "write a whole number above 0 and a unit, such as \"30m\", \"12h\", \"7d\" or \"4w\"";
        self.within_span(span, (duration::PATTERN, how), duration::parse, |duration| duration)
    }

    /// A period within bounds: a duration, or so many working days.
    pub(super) fn period(&self, span: &DurationKey) -> Period {
        let how = "write a whole number above 0 and a unit, such as \"12h\", \"7d\" or \"4w\", or \"5 working days\"";
        let length = |period| match period {
            Period::Time(duration) => duration,
            Period::WorkingDays(days) => Duration::days(i64::from(days)),
        };
        self.within_span(span, (duration::PERIOD_PATTERN, how), duration::parse_period, length).value
    }

    fn within_span<T: Copy>(
        &self,
        span: &DurationKey,
        (pattern, how): (&str, &str),
        parse: impl Fn(&str) -> Option<T>,
        length: impl Fn(T) -> Duration,
    ) -> Found<T> {
        let own = |text| parse(text).expect("defaults and bounds in the code are durations");
        let default = Found { value: own(span.default), at: self.at };
        let shape = json!({ "type": "string", "pattern": pattern });
        let Some(value) = self.ask(span.key, Some(json!(span.default)), shape) else { return default };
        let Some(found) = self.as_text(span.key, "a text such as \"7d\"", value) else { return default };
        let (key, text) = (span.key, quote(&found.value));
        let Some(read) = parse(&found.value) else {
            self.problem(found.at, &format!("{key} is {text}, which is not a duration; {how}"));
            return default;
        };
        if !(length(own(span.least))..=length(own(span.most))).contains(&length(read)) {
            let (least, most, why) = (span.least, span.most, span.why);
            let bounds = format!("must be between \"{least}\" and \"{most}\": {why}");
            self.problem(found.at, &format!("{key} is {text}, but {bounds}"));
            return default;
        }
        Found { value: read, at: found.at }
    }

    /// A duration within bounds; nothing, where the key says 0.
    pub(super) fn duration_or_off(&self, span: &DurationKey) -> Option<Duration> {
        let value = self.entry(span.key).map(|(_, value)| value.get_ref());
        let off = match value {
            Some(DeValue::Integer(number)) => number.as_str() == "0",
            Some(DeValue::String(text)) => matches!(text.as_ref(), "0" | "0d"),
            _ => false,
        };
        let read = if off {
            self.ask(span.key, Some(json!(span.default)), json!({}));
            None
        } else {
            Some(self.duration(span).value)
        };
        let pattern = format!("^0d?$|{}", duration::PATTERN);
        let shape = json!({ "type": ["string", "integer"], "pattern": pattern, "minimum": 0, "maximum": 0 });
        self.looks_like(span.key, shape);
        read
    }

    /// A list of texts, empty by default.
    pub(super) fn list(&self, key: &'static str) -> Vec<Found<String>> {
        let Some(value) = self.ask(key, Some(json!([])), texts_shape()) else { return Vec::new() };
        self.texts(key, value)
    }

    /// A list of texts that has no default, and where it stands.
    pub(super) fn list_if_any(&self, key: &'static str) -> Option<(Vec<Found<String>>, usize)> {
        let value = self.ask(key, None, texts_shape())?;
        let known = self.report.problems_so_far();
        let texts = self.texts(key, value);
        // An empty list that is one because its items were refused is no second mistake.
        (!texts.is_empty() || self.report.problems_so_far() == known).then(|| (texts, value.span().start))
    }

    fn texts(&self, key: &'static str, value: &Spanned<DeValue<'_>>) -> Vec<Found<String>> {
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, "a list of texts in brackets", value);
            return Vec::new();
        };
        items.iter().filter_map(|item| self.as_text(key, "a list of texts", item)).collect()
    }

    /// A table inside this one, such as `[slack]` or `approvers = { … }`; `None` when it is absent.
    pub(super) fn table(&self, key: &'static str, name: &'static str) -> Option<Section<'r>> {
        let value = self.ask(key, None, json!({ "type": "object" }))?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            let wanted = if self.name.is_empty() { "a section in brackets" } else { "a table in braces" };
            self.wrong_type(key, wanted, value);
        }
        Some(Section::new(self.report, name, value.span().start, table))
    }

    /// A section of the file, empty when it is absent.
    pub(super) fn section(&self, key: &'static str) -> Section<'r> {
        self.table(key, key).unwrap_or_else(|| Section::new(self.report, key, self.at, None))
    }

    /// A list of tables, such as `[[policy]]`, empty by default; `None` when it is something else.
    pub(super) fn tables(&self, key: &'static str, name: &'static str) -> Option<Vec<Section<'r>>> {
        let default = (!self.name.is_empty()).then(|| json!([]));
        let Some(value) = self.ask(key, default, json!({ "type": "array" })) else { return Some(Vec::new()) };
        let wanted = if self.name.is_empty() {
            "a section in double brackets, [[policy]]"
        } else {
            "a list of tables"
        };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, wanted, value);
            return None;
        };
        let open = |(index, item): (usize, &'r Spanned<DeValue<'r>>)| {
            let table = item.get_ref().as_table();
            if table.is_none() {
                self.wrong_type(key, wanted, item);
            }
            let policy = self.name.is_empty().then_some(index);
            let section = Section::new(self.report, name, item.span().start, Some(table?));
            Some(Section { policy, ..section })
        };
        Some(items.iter().enumerate().filter_map(open).collect())
    }

    /// Whether the section is a table; otherwise that was reported, or it is absent.
    pub(super) fn is_table(&self) -> bool {
        self.table.is_some()
    }

    /// Where the key stands, if it was written, whatever its value.
    pub(super) fn position_of(&self, key: &str) -> Option<usize> {
        self.entry(key).map(|(key, _)| key.span().start)
    }

    /// Refuses a secret that is written into the file, with the two ways to give it.
    pub(super) fn refuse_secret(&self, key: &'static str, variable: &str, file_key: &str) {
        let Some(at) = self.position_of(key) else { return };
        self.asked.borrow_mut().push(key);
        self.problem(at, &format!("{key} is a secret; {NO_SECRETS}: set {variable}, or {file_key} = \"…\""));
    }

    /// Reports every key that nobody asked for. To be called after the last key was.
    pub(super) fn finish(&self) {
        let asked = self.asked.borrow();
        let entries = self.table.into_iter().flat_map(DeTable::iter);
        let is_key = |name: &str| asked.iter().any(|key| *key == name || old_name(key) == Some(name));
        for (key, _) in entries.filter(|(key, _)| !is_key(key.get_ref())) {
            let (at, name) = (key.span().start, key.get_ref().as_ref());
            let hint = match nearest(name, asked.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "config/bot.example.toml lists every key".to_owned(),
            };
            self.problem(at, &format!("unknown key {} in {}; {hint}", quote(name), self.title()));
        }
    }
}

fn texts_shape() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

/// Why a secret in the file is an error and not a convenience: the file is made to be kept in version control.
const NO_SECRETS: &str =
    "secrets have no place in this file, only in the environment or in files that it names";
