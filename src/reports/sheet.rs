//! Tables for spreadsheets: comma-separated values whose cells no spreadsheet takes for formulas.

use std::borrow::Borrow;

use chrono::{DateTime, SecondsFormat, Utc};

/// A table under construction.
pub(crate) struct Sheet(csv::Writer<Vec<u8>>);

/// A column: its name, and what a row has in it.
pub(crate) type Column<T> = (&'static str, fn(&T) -> String);

/// A whole table.
pub(crate) fn csv<T>(columns: &[Column<T>], rows: impl IntoIterator<Item: Borrow<T>>) -> Vec<u8> {
    let mut sheet = Sheet::new(columns);
    sheet.rows(columns, rows);
    sheet.into_bytes()
}

impl Sheet {
    pub(crate) fn new<T>(columns: &[Column<T>]) -> Sheet {
        let mut sheet = Sheet::continued();
        sheet.row(columns.iter().map(|(name, _)| (*name).to_owned()));
        sheet
    }

    /// A part of a table, without the names of the columns.
    pub(crate) fn continued() -> Sheet {
        // The last line of an export says what it is, in one cell.
        Sheet(csv::WriterBuilder::new().flexible(true).from_writer(Vec::new()))
    }

    pub(crate) fn rows<T>(&mut self, columns: &[Column<T>], rows: impl IntoIterator<Item: Borrow<T>>) {
        for row in rows {
            self.row(columns.iter().map(|(_, cell)| cell(row.borrow())));
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| inert(&cell));
        self.0.write_record(cells).expect("writing to memory can't fail, and rows may differ in length");
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0.into_inner().expect("flushing to memory can't fail")
    }
}

/// A cell that a spreadsheet shows as it is. See <https://owasp.org/www-community/attacks/CSV_Injection>.
fn inert(cell: &str) -> String {
    // Programs of other countries begin a new cell at a semicolon, so what follows one is looked at as well.
    let mut inert = String::with_capacity(cell.len() + 1);
    let mut begins = true;
    for letter in cell.chars() {
        if begins && matches!(letter, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '\t' | '\r') {
            inert.push('\'');
        }
        begins = matches!(letter, ';' | '\t' | '\n' | '\r') || (begins && matches!(letter, ' ' | '"'));
        inert.push(letter);
    }
    inert
}

/// A moment as all our files write it: UTC, with milliseconds.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The same, or nothing.
pub(crate) fn time_or_empty(at: Option<DateTime<Utc>>) -> String {
    at.map(time).unwrap_or_default()
}

/// A value, or nothing.
pub(crate) fn or_empty<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
