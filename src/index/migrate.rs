//! The index file's format: made new, checked on open, brought up to date on the building file.

use std::cmp::Ordering;

use rusqlite::{Connection, OptionalExtension};

use super::{Error, Result};
use crate::schema::{APPLICATION_ID, INDEX_SQL, USER_VERSION};

/// Makes an empty file an index.
pub(super) fn create(connection: &Connection) -> Result<()> {
    connection.execute_batch(INDEX_SQL)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", USER_VERSION)?;
    Ok(())
}

/// Checks that a file is an index that this program can write.
///
/// There is one format that a release wrote; numbered migrations from it will run here, on the building file.
pub(super) fn check(connection: &Connection, path: &str) -> Result<()> {
    let application_id: i32 =
        connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if application_id != APPLICATION_ID {
        return Err(Error::Foreign {
            path: path.to_owned(),
            found: "no identidex index",
        });
    }
    let found: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let (path, known) = (path.to_owned(), USER_VERSION);
    match found.cmp(&known) {
        Ordering::Greater => Err(Error::Newer { path, found, known }),
        Ordering::Less => Err(Error::Older { path, found, known }),
        Ordering::Equal => Ok(()),
    }
}

/// Reads a value of `meta`.
pub(super) fn meta(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection
        .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
            row.get(0)
        })
        .optional()
}

/// Reads a digest of `meta`.
pub(super) fn digest(connection: &Connection, key: &str) -> rusqlite::Result<Option<u128>> {
    let digits = meta(connection, key)?;
    Ok(digits.and_then(|digits| u128::from_str_radix(&digits, 16).ok()))
}

/// Writes a value of `meta`.
pub(super) fn set_meta(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    connection
        .execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
            [key, value],
        )
        .map(|_| ())
}
