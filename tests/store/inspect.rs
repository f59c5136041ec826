//! The view of the rows that tests and tools have.

use inactive_contractors::store::Store;

use crate::harness::{Bench, actions, approved, at};

#[tokio::test]
async fn the_rows_are_read_beside_the_bot_as_they_are() {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim", "lee"]).await;
    let rows = Store::inspect(&bench.path).unwrap();
    let asked = rows.requests().unwrap();
    assert_eq!(
        asked.iter().map(|row| (row.id, row.state.as_str())).collect::<Vec<_>>(),
        [(request, "approved")]
    );
    assert_eq!((asked[0].state_json["state"].as_str(), asked[0].told), (Some("approved"), false));
    assert_eq!(asked[0].deadline, Some(at(62)));
    let logins = rows.candidates().unwrap().into_iter().map(|row| (row.position, row.login));
    assert_eq!(
        logins.collect::<Vec<_>>(),
        [(0, "kim@contractor.example".to_owned()), (1, "lee@contractor.example".to_owned())]
    );
    let events = rows.events().unwrap();
    let written: Vec<_> = events.iter().map(|event| event.action.clone()).collect();
    assert_eq!(written, actions(&store).await);
    let last = events.last().unwrap();
    assert_eq!(rows.last_event().unwrap(), last.seq);
    assert_eq!(rows.events_after(last.seq - 1).unwrap(), std::slice::from_ref(last));
    assert!(rows.events_about("00ukim").unwrap().iter().all(|event| event.request == Some(request)));
    // What is written meanwhile is seen by the next look.
    store.know_policy("another", at(0)).await.unwrap();
    assert_eq!(rows.policies().unwrap().len(), 2);
}

#[tokio::test]
async fn a_row_that_can_not_be_read_is_an_error_that_names_it() {
    let bench = Bench::new();
    let store = bench.open();
    approved(&store, 0, &["kim"]).await;
    bench.raw().execute_batch("UPDATE request SET deadline = 'tomorrow'").unwrap();
    let error = Store::inspect(&bench.path).unwrap().requests().unwrap_err().to_string();
    assert!(error.contains("row 1 of table request can't be used: deadline"), "{error}");
    Store::inspect(&bench.directory.path().join("none.db")).err().unwrap();
}

#[test]
fn a_dump_has_each_cell_of_every_table() {
    let bench = Bench::new();
    let raw = bench.raw();
    raw.execute_batch(include_str!("versions/v9.sql")).unwrap();
    let archived = "DROP TRIGGER audit_archived_begins; INSERT INTO audit_archived VALUES (1, 1, 'x')";
    raw.execute_batch(archived).unwrap();
    let dump = Store::inspect(&bench.path).unwrap().dump().unwrap();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut tables = raw.prepare(sql).unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    for table in tables.map(Result::unwrap) {
        let number = |sql: &str| raw.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap() as usize;
        let rows = number(&format!("SELECT count(*) FROM {table}"));
        let columns = number(&format!("SELECT count(*) FROM pragma_table_xinfo('{table}')"));
        let prefix = format!("{table}: ");
        let lines: Vec<_> = dump.iter().filter(|line| line.starts_with(&prefix)).collect();
        assert!(rows > 0 && lines.len() == rows, "{table} has {rows} rows, and the dump {}", lines.len());
        assert!(lines.iter().all(|line| line.matches("Ok(").count() >= columns), "{lines:#?}");
    }
}
