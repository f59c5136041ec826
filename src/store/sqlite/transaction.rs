//! The door to `SQLite`: statements are prepared once, and cells are read where they lie.

use std::ops::ControlFlow;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, params_from_iter};

use crate::store::StoreError;
use crate::store::tx::{Columns, Row, Tx, Unfit, Value, params};

impl Tx for Connection {
    fn each(
        &self,
        sql: &str,
        params: &[Value<'_>],
        row: &mut dyn FnMut(&Row<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(params))?;
        while let Some(next) = rows.next()? {
            if row(&Row(next))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn run(&self, sql: &str, params: &[Value<'_>]) -> Result<usize, StoreError> {
        Ok(self.prepare_cached(sql)?.execute(params_from_iter(params))?)
    }

    fn touch(&self) -> Result<(), StoreError> {
        // An UPDATE to the same value would not: SQLite leaves a page alone that stays as it is.
        let version: i64 = self.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        Ok(self.pragma_update(None, "user_version", version)?)
    }

    fn last_id(&self, table: &str) -> Result<i64, StoreError> {
        let tx: &dyn Tx = self;
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
        Ok(tx.first(sql, params![table], |row| row.get(0))?.unwrap_or(0))
    }

    fn ids_from(&self, table: &str, last: i64) -> Result<(), StoreError> {
        let sql = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
        if Tx::run(self, sql, params![table, last])? == 0 {
            Tx::run(self, "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", params![table, last])?;
        }
        Ok(())
    }
}

impl Columns for rusqlite::Row<'_> {
    fn value(&self, column: usize) -> Result<Value<'_>, Unfit> {
        match self.get_ref(column).map_err(|_| "no such column")? {
            ValueRef::Null => Ok(Value::Null),
            ValueRef::Integer(number) => Ok(Value::Integer(number)),
            ValueRef::Text(text) => std::str::from_utf8(text).map(Value::Text).map_err(|_| "not UTF-8"),
            ValueRef::Real(_) => Err("a fraction, which is never written"),
            ValueRef::Blob(_) => Err("bytes, which are never written"),
        }
    }

    fn width(&self) -> usize {
        self.as_ref().column_count()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.as_ref().column_index(name).ok()
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE thing (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, number INTEGER) STRICT;
                 CREATE INDEX thing_name ON thing (name);",
            )
            .unwrap();
        connection
    }

    #[test]
    fn what_is_written_is_read_back_by_place_and_by_name() {
        let connection = table();
        let tx: &dyn Tx = &connection;
        let sql = "INSERT INTO thing (name, number) VALUES (?2, ?1) RETURNING id";
        let (none, number) = (None::<String>, 7_u32);
        let first: Option<i64> = tx.first(sql, params![number, "a"], |row| row.get(0)).unwrap();
        let second: Option<i64> = tx.first(sql, params![-1_i64, none], |row| row.get(0)).unwrap();
        assert_eq!((first, second), (Some(1), Some(2)));
        let rows = tx
            .all("SELECT * FROM thing ORDER BY id", params![], |row| {
                let name = row.named::<Option<String>>("name").map_err(StoreError::engine)?;
                Ok((row.get::<i64>(0)?, name, row.get::<i64>(2)?))
            })
            .unwrap();
        assert_eq!(rows, [(1, Some("a".to_owned()), 7), (2, None, -1)]);
        assert_eq!(tx.run("UPDATE thing SET number = ?1", params![0_i64]).unwrap(), 2);
    }

    #[test]
    fn a_cell_that_is_not_what_it_should_be_is_an_error_and_no_default() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE loose (cell)").unwrap();
        let tx: &dyn Tx = &connection;
        for (cell, why) in [
            ("1.5", "a fraction"),
            ("x'00'", "bytes"),
            ("CAST(x'ff' AS TEXT)", "UTF-8"),
            ("NULL", "null where a number belongs"),
            ("'7'", "a text where a number belongs"),
            ("4294967296", "out of range"),
        ] {
            let error = tx.first(&format!("SELECT {cell}"), params![], |row| row.get::<u32>(0)).unwrap_err();
            let StoreError::Sql(cause) = &error else { panic!("{error:?}") };
            assert!(cause.to_string().contains(why), "{cell}: {cause}");
        }
        let named = |column: &str| {
            tx.first("SELECT 1 AS one", params![], |row| Ok(row.named::<i64>(column))).unwrap().unwrap()
        };
        assert_eq!((named("one"), named("two")), (Ok(1), Err("no such column")));
        tx.first("SELECT 1", params![], |row| row.get::<i64>(1)).unwrap_err();
    }

    #[test]
    fn a_look_breaks_off_where_it_is_asked_to_and_the_statement_can_be_run_again() {
        let connection = table();
        let tx: &dyn Tx = &connection;
        for number in 0..3_i64 {
            tx.run("INSERT INTO thing (number) VALUES (?1)", params![number]).unwrap();
        }
        for _ in 0..2 {
            let mut seen = Vec::new();
            tx.each("SELECT number FROM thing ORDER BY id", params![], &mut |row| {
                seen.push(row.get::<i64>(0)?);
                Ok(if seen.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })
            .unwrap();
            assert_eq!(seen, [0, 1]);
        }
    }

    #[test]
    fn ids_are_given_out_from_the_given_start_and_never_from_before() {
        let connection = table();
        let tx: &dyn Tx = &connection;
        let add =
            || tx.first("INSERT INTO thing (number) VALUES (1) RETURNING id", params![], |row| row.get(0));
        assert_eq!(tx.last_id("thing").unwrap(), 0);
        tx.ids_from("thing", 41).unwrap();
        assert_eq!((add().unwrap(), tx.last_id("thing").unwrap()), (Some(42_i64), 42));
        tx.ids_from("thing", 7).unwrap();
        tx.run("DELETE FROM thing", params![]).unwrap();
        assert_eq!((tx.last_id("thing").unwrap(), add().unwrap()), (42, Some(43)));
    }
}
