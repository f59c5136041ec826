//! The only door to a database engine: what a use case may ask of one.
//!
//! A use case is a synchronous function of a `&dyn Tx`, and runs inside one transaction. Its SQL is what `SQLite` and
//! `PostgreSQL` both read, with numbered parameters (`?1`). An engine replaces these by its own kind where it has another,
//! and leaves out the [`hints`] that only `SQLite` reads. What has no portable form is a method of [`Tx`]. Texts compare by their
//! bytes, which is how times sort; the schema of another engine has to ask for that.

use std::ops::ControlFlow;

use crate::domain::ids::{RequestId, SweepId};

use super::StoreError;

/// One state of the database, and the changes on their way into it.
pub(super) trait Tx {
    /// Hands each row of a query to `row`, until that breaks off. Nothing is copied, so a million rows can be read.
    fn each(
        &self,
        sql: &str,
        params: &[Value<'_>],
        row: &mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError>;

    /// Runs a statement that returns nothing, and returns the number of rows that it changed.
    fn run(&self, sql: &str, params: &[Value<'_>]) -> Result<usize, StoreError>;

    /// Writes to the disk without changing anything.
    fn touch(&self) -> Result<(), StoreError>;

    /// Returns the highest id that a table ever gave out, also if that row is gone; 0 if it gave out none.
    fn last_id(&self, table: &str) -> Result<i64, StoreError>;

    /// Has a table give out only higher ids than this.
    fn ids_from(&self, table: &str, last: i64) -> Result<(), StoreError>;
}

impl dyn Tx + '_ {
    /// Returns the rows of a query, decoded.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: &[Value<'_>],
        decode: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut values = Vec::new();
        self.each(sql, params, &mut |row| {
            values.push(decode(row)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(values)
    }

    /// Returns the first row of a query, decoded, if there is one.
    pub(super) fn first<T>(
        &self,
        sql: &str,
        params: &[Value<'_>],
        decode: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut value = None;
        self.each(sql, params, &mut |row| {
            value = Some(decode(row)?);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(value)
    }

    /// Adds a row by an `INSERT` that ends with `RETURNING id`, and returns its id.
    pub(super) fn insert<Id>(&self, sql: &str, params: &[Value<'_>]) -> Result<Id, StoreError>
    where
        Id: for<'v> FromValue<'v>,
    {
        let id = self.first(sql, params, |row| row.get(0))?;
        id.ok_or_else(|| StoreError::engine("a row was added, and has no id"))
    }
}

/// How a transaction ended.
#[derive(Clone, Debug)]
pub(super) enum Committed {
    /// It is on the disk.
    Yes,
    /// Nothing of it is there, and nothing will be.
    No(StoreError),
    /// Nobody can say: the answer to the commit was an error that leaves open what is on the disk. Only a new start can
    /// tell, by reading what is there.
    Unknown(StoreError),
}

/// A parameter of a statement, or a cell of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Null,
    Integer(i64),
    Text(&'a str),
}

/// A cell that this program would not have written, in the words for an error.
pub(super) type Unfit = &'static str;

/// The cells of one row, where the engine has them.
pub(super) trait Columns {
    /// Returns the cell in this column, from 0.
    fn value(&self, column: usize) -> Result<Value<'_>, Unfit>;
    /// Returns how many columns there are.
    fn width(&self) -> usize;
    /// Returns the place of the column with this name.
    fn position(&self, name: &str) -> Option<usize>;
}

/// One row of a result.
pub(super) struct Row<'a>(pub(super) &'a dyn Columns);

impl Row<'_> {
    /// Returns the cell in this column, from 0.
    pub(super) fn get<'a, T: FromValue<'a>>(&'a self, column: usize) -> Result<T, StoreError> {
        self.try_get(column).map_err(|why| StoreError::engine(format!("column {column}: {why}")))
    }

    /// Returns the cell in this column, or why it can't be used.
    pub(super) fn try_get<'a, T: FromValue<'a>>(&'a self, column: usize) -> Result<T, Unfit> {
        self.0.value(column).and_then(T::from_value)
    }

    /// Returns the cell in the column with this name, or why it can't be used.
    pub(super) fn named<'a, T: FromValue<'a>>(&'a self, column: &str) -> Result<T, Unfit> {
        self.try_get(self.0.position(column).ok_or("no such column")?)
    }
}

/// What a cell can be read as.
pub(super) trait FromValue<'a>: Sized {
    fn from_value(value: Value<'a>) -> Result<Self, Unfit>;
}

impl<'a> FromValue<'a> for Value<'a> {
    fn from_value(value: Value<'a>) -> Result<Self, Unfit> {
        Ok(value)
    }
}

impl<'a> FromValue<'a> for &'a str {
    fn from_value(value: Value<'a>) -> Result<Self, Unfit> {
        match value {
            Value::Text(text) => Ok(text),
            Value::Integer(_) => Err("a number where a text belongs"),
            Value::Null => Err("null where a text belongs"),
        }
    }
}

impl FromValue<'_> for String {
    fn from_value(value: Value<'_>) -> Result<Self, Unfit> {
        <&str>::from_value(value).map(str::to_owned)
    }
}

impl FromValue<'_> for i64 {
    fn from_value(value: Value<'_>) -> Result<Self, Unfit> {
        match value {
            Value::Integer(number) => Ok(number),
            Value::Text(_) => Err("a text where a number belongs"),
            Value::Null => Err("null where a number belongs"),
        }
    }
}

impl FromValue<'_> for u32 {
    fn from_value(value: Value<'_>) -> Result<Self, Unfit> {
        u32::try_from(i64::from_value(value)?).map_err(|_| "a number out of range")
    }
}

impl FromValue<'_> for bool {
    fn from_value(value: Value<'_>) -> Result<Self, Unfit> {
        Ok(i64::from_value(value)? != 0)
    }
}

impl<'a, T: FromValue<'a>> FromValue<'a> for Option<T> {
    fn from_value(value: Value<'a>) -> Result<Self, Unfit> {
        if value == Value::Null { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

/// What can be a parameter.
pub(super) trait ToValue {
    fn to_value(&self) -> Value<'_>;
}

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for i64 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(*self)
    }
}

impl ToValue for u32 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

impl ToValue for Value<'_> {
    fn to_value(&self) -> Value<'_> {
        *self
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

/// Reads and writes the number of a row as the plain number.
macro_rules! plain_numbers {
    ($($id:ident),+) => { $(
        impl FromValue<'_> for $id {
            fn from_value(value: Value<'_>) -> Result<Self, Unfit> {
                i64::from_value(value).map($id)
            }
        }

        impl ToValue for $id {
            fn to_value(&self) -> Value<'_> {
                Value::Integer(self.0)
            }
        }
    )+ };
}
plain_numbers!(RequestId, SweepId);

/// The parameters of a statement, in the order of their numbers.
macro_rules! params {
    ($($param:expr),* $(,)?) => {
        &[$($crate::store::tx::ToValue::to_value(&$param)),*]
    };
}
pub(super) use params;

/// Which index a statement has to walk, where `SQLite`'s own choice would read the whole trail. Every other engine leaves
/// these out of a statement: they begin with `INDEXED BY`, and end with the index's name.
pub(super) mod hints {
    pub(in crate::store) const BY_ACCOUNT: &str = "INDEXED BY audit_account";
    pub(in crate::store) const BY_ACTION: &str = "INDEXED BY audit_action";
    pub(in crate::store) const BY_PERSON: &str = "INDEXED BY audit_by";
    pub(in crate::store) const BY_PERSON_AND_ACTION: &str = "INDEXED BY audit_by_action";
    pub(in crate::store) const BY_POLICY: &str = "INDEXED BY audit_policy";
    pub(in crate::store) const BY_POLICY_AND_ACTION: &str = "INDEXED BY audit_policy_action";
    pub(in crate::store) const BY_POLICY_AND_TIME: &str = "INDEXED BY audit_policy_at";
    pub(in crate::store) const BY_REQUEST: &str = "INDEXED BY audit_request";
}

/// "?3, ?4, ?5": so many parameters, from this number on.
pub(super) fn marks(from: usize, count: usize) -> String {
    (from..from + count).map(|number| format!("?{number}")).collect::<Vec<_>>().join(", ")
}
