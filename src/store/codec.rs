//! Values to columns and back. Whatever doesn't decode is an error that names the row, never a default.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::account::AccountId;
use crate::domain::audit::Subject;
use crate::domain::ids::PolicyName;
use crate::domain::provider::ProviderName;

use super::StoreError;
use super::tx::{FromValue, Row, ToValue, Tx, Unfit, Value};

/// A time as it is stored: RFC 3339, UTC, milliseconds. Sorts as text.
pub(super) fn time_text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl FromValue<'_> for DateTime<Utc> {
    fn from_value(value: Value<'_>) -> Result<Self, Unfit> {
        let text = <&str>::from_value(value)?;
        DateTime::parse_from_rfc3339(text)
            .map(|at| at.to_utc())
            .ok()
            .filter(|at| time_text(*at) == text) // Another form of the same time would not sort with the rest.
            .ok_or("not a time as this program writes it")
    }
}

impl FromValue<'_> for PolicyName {
    fn from_value(value: Value<'_>) -> Result<Self, Unfit> {
        <&str>::from_value(value).map(PolicyName::from)
    }
}

impl ToValue for PolicyName {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl FromValue<'_> for ProviderName {
    fn from_value(value: Value<'_>) -> Result<Self, Unfit> {
        <&str>::from_value(value).map(ProviderName::from)
    }
}

impl FromValue<'_> for serde_json::Value {
    fn from_value(value: Value<'_>) -> Result<Self, Unfit> {
        serde_json::from_str(<&str>::from_value(value)?).map_err(|_| "not JSON")
    }
}

/// A value as JSON text.
pub(super) fn json_text<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Invalid(error.to_string()))
}

/// All rows of a query that can be read. What can't be is logged and left out: for work in which one bad row
/// must not keep the others waiting.
pub(super) fn readable<T>(
    tx: &dyn Tx,
    sql: &str,
    params: &[Value<'_>],
    decode: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let rows = tx.all(sql, params, |row| match decode(row) {
        Ok(value) => Ok(Some(value)),
        Err(error @ StoreError::BadRow { .. }) => {
            tracing::error!(%error, "a row is left out");
            Ok(None)
        }
        Err(error) => Err(error),
    })?;
    Ok(rows.into_iter().flatten().collect())
}

/// The id of a row of which nothing else is asked.
pub(super) fn id<T: for<'v> FromValue<'v>>(row: &Row<'_>) -> Result<T, StoreError> {
    row.get(0)
}

/// One row's cells, read by column name.
pub(super) struct Cells<'a, 'b> {
    row: &'a Row<'b>,
    table: &'static str,
    id: String,
}

impl<'a, 'b> Cells<'a, 'b> {
    /// The cells of a row of `table` whose key is in `key`.
    pub(super) fn of(row: &'a Row<'b>, table: &'static str, key: &str) -> Result<Self, StoreError> {
        let id = match row.named(key).map_err(|why| StoreError::engine(format!("{table}.{key}: {why}")))? {
            Value::Integer(id) => id.to_string(),
            Value::Text(id) => id.to_owned(),
            Value::Null => "null".to_owned(),
        };
        Ok(Cells { row, table, id })
    }

    /// The error for a row that can't be used.
    pub(super) fn bad(&self, why: impl Into<String>) -> StoreError {
        StoreError::BadRow { table: self.table, id: self.id.clone(), why: why.into() }
    }

    /// Any column.
    pub(super) fn get<'s, T: FromValue<'s>>(&'s self, column: &str) -> Result<T, StoreError> {
        self.row.named(column).map_err(|why| self.bad(format!("{column}: {why}")))
    }

    /// A value kept as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        self.parse_json(column, &self.get::<String>(column)?)
    }

    /// A value kept as JSON, or null.
    pub(super) fn json_or_null<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get(column)?;
        text.map(|text| self.parse_json(column, &text)).transpose()
    }

    /// The account that the row is about.
    pub(super) fn subject(&self) -> Result<Subject, StoreError> {
        Ok(Subject { id: AccountId(self.get("account_id")?), login: self.get("login")? })
    }

    /// The state of a row that has it twice: as JSON, and as the word that queries find it by.
    pub(super) fn state<T: DeserializeOwned>(
        &self,
        word: impl Fn(&T) -> &'static str,
    ) -> Result<T, StoreError> {
        let state = self.json("state_json")?;
        if self.get::<&str>("state")? == word(&state) { Ok(state) } else { Err(self.bad_state()) }
    }

    /// The error for a row of which the two forms of its state disagree.
    pub(super) fn bad_state(&self) -> StoreError {
        self.bad("state: does not agree with state_json")
    }

    /// A number of seconds.
    pub(super) fn seconds(&self, column: &str) -> Result<Duration, StoreError> {
        Duration::try_seconds(self.get(column)?).ok_or_else(|| self.bad(format!("{column}: out of range")))
    }

    fn parse_json<T: DeserializeOwned>(&self, column: &str, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|error| self.bad(format!("{column}: {error}")))
    }
}
