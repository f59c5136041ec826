//! What is in force, key by key, and where it comes from: noted while the sections are read, so that it is what they
//! took. Of a secret it is only noted that there is one.

use serde::Serialize;
use serde_json::Value;
use toml::de::DeValue;

/// One key, what it is set to, and where that comes from.
#[derive(Clone, Debug, Serialize)]
pub struct Setting {
    /// The section, such as `slack` or `policy`.
    pub section: &'static str,
    /// The policy's name, in the sections `[[policy]]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    pub key: &'static str,
    /// What it is set to.
    pub value: SettingValue,
    /// `default`, the file and line, `$` and an environment variable, or the file that a secret was read from.
    pub source: String,
}

/// A value as it may be shown.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// As the file has it, or could have it.
    Value(Value),
    /// Nothing, which means something of its own.
    NotSet,
    /// What is said in place of a secret.
    Secret(String),
}

/// The source of what nobody has set.
pub(super) const DEFAULT: &str = "default";

/// A value of the file without the places where its parts stand.
pub(super) fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().into(),
        DeValue::Float(number) => number.as_str().parse::<f64>().ok().into(),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(date) => Value::from(date.to_string()),
        DeValue::Array(items) => items.iter().map(|item| plain(item.get_ref())).collect(),
        DeValue::Table(table) => {
            let entries = table.iter();
            entries.map(|(key, value)| (key.get_ref().to_string(), plain(value.get_ref()))).collect()
        }
    }
}

/// A value as one would write it in TOML, on one line.
pub fn toml_text(value: &Value) -> String {
    toml::Value::try_from(value).expect("what the file can have, TOML can have").to_string()
}
