//! What the JSON of every provider has in common.

use chrono::DateTime;
use serde_json_borrow::Value;

use crate::domain::account::Reading;

/// Reads a date as providers write it. A null is never; anything else that is no date is unreadable.
pub(super) fn reading(value: &Value<'_>) -> Reading {
    match value {
        Value::Null => Reading::Never,
        Value::Str(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(at) => Reading::At(at.to_utc()),
            Err(_) => Reading::Unreadable("is not a date".into()),
        },
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Reading::Unreadable("is not a date".into())
        }
    }
}
