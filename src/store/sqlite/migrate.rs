//! Brings a database from an older schema to the newest, with a copy made before.

use std::path::Path;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, TransactionBehavior};

use super::copy::copy_whole;
use super::file::{APPLICATION_ID, beside, number_of, refused};
use super::{OpenError, schema};

/// Brings a database that needs no copy before it to the newest version.
pub(super) fn migrate_all(connection: &mut Connection, path: &Path, version: i64) -> Result<(), OpenError> {
    migrate(connection, path, version, schema::MIGRATIONS, None)?;
    connection.execute_batch("PRAGMA foreign_keys = ON").map_err(|source| refused("set up", path, source))
}

/// Takes the database from `version` to the newest, each step in a transaction of its own. Of a file, a copy is made before,
/// named after this time.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    version: i64,
    migrations: &[&str],
    copied_at: Option<DateTime<Utc>>,
) -> Result<(), OpenError> {
    if let Some(now) = copied_at.filter(|_| version > 0 && version < number_of(migrations)) {
        back_up(connection, path, version, now)?;
    }
    let sql = |source| refused("migrate", path, source);
    for (to, step) in (1..).zip(migrations).filter(|(to, _)| *to > version) {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(sql)?;
        transaction.execute_batch(step).map_err(sql)?;
        if transaction
            .prepare("PRAGMA foreign_key_check")
            .and_then(|mut rows| rows.exists([]))
            .map_err(sql)?
        {
            let why = "rows that refer to missing ones".to_owned();
            return Err(OpenError::Corrupt { path: path.to_owned(), why });
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(sql)?;
        transaction.pragma_update(None, "user_version", to).map_err(sql)?;
        transaction.commit().map_err(sql)?;
    }
    Ok(())
}

/// Copies the database beside itself. The copy gets its name when it is whole and on the disk.
fn back_up(connection: &Connection, path: &Path, version: i64, now: DateTime<Utc>) -> Result<(), OpenError> {
    let copy = beside(path, &format!(".v{version}.{}.backup", now.format("%Y%m%dT%H%M%SZ")));
    // Always of the same name, so that tries that failed don't fill the disk.
    copy_whole(connection, &beside(path, ".backup.part"), &copy)?;
    tracing::info!(backup = %copy.display(), from_version = version, "copied the database before migrating it");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::store::sqlite::file::{check, configure};

    const TWO: &[&str] =
        &["CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (7);", "ALTER TABLE a ADD y TEXT;"];

    fn file_of_version_one(directory: &Path) -> (PathBuf, Connection) {
        let path = directory.join("bot.db");
        let mut connection = Connection::open(&path).unwrap();
        configure(&connection, &path).unwrap();
        migrate(&mut connection, &path, 0, &TWO[..1], Some(DateTime::UNIX_EPOCH)).unwrap();
        (path, connection)
    }

    #[test]
    fn a_migration_leaves_a_copy_of_the_file_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let (path, mut connection) = file_of_version_one(directory.path());
        migrate(&mut connection, &path, 1, TWO, Some(DateTime::UNIX_EPOCH)).unwrap();
        assert_eq!(check(&connection, &path, 2).unwrap(), 2);

        let copy = beside(&path, ".v1.19700101T000000Z.backup");
        let old = Connection::open(&copy).unwrap();
        assert_eq!(check(&old, &copy, 2).unwrap(), 1);
        assert_eq!(old.query_row("SELECT x FROM a", [], |row| row.get::<_, i64>(0)).unwrap(), 7);
    }

    #[test]
    fn a_migration_that_fails_half_way_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (path, mut connection) = file_of_version_one(directory.path());
        let broken = [TWO[0], "ALTER TABLE a ADD y TEXT; SELECT nonsense;"];
        migrate(&mut connection, &path, 1, &broken, Some(DateTime::UNIX_EPOCH)).unwrap_err();
        assert_eq!(check(&connection, &path, 2).unwrap(), 1);
        connection.prepare("SELECT y FROM a").unwrap_err();
        migrate(&mut connection, &path, 1, TWO, Some(DateTime::UNIX_EPOCH)).unwrap();
    }

    #[test]
    fn a_new_file_gets_no_copy_and_migrating_twice_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (path, mut connection) = file_of_version_one(directory.path());
        migrate(&mut connection, &path, 1, &TWO[..1], Some(DateTime::UNIX_EPOCH)).unwrap();
        let names = std::fs::read_dir(directory.path()).unwrap();
        assert!(names.into_iter().all(|name| !name.unwrap().path().to_string_lossy().contains("backup")));
    }
}
