//! The index file's format: made new, checked on open, brought up to date on the building file.

use rusqlite::{Connection, OptionalExtension};

use super::{Error, Result, busy, roster};
use crate::schema::{APPLICATION_ID, HISTORY_SINCE, INDEX_SQL, USER_VERSION};

const HISTORY_SQL: &str = include_str!("../../schemas/migrations/2.sql");

/// Makes an empty file an index.
pub(super) fn create(connection: &Connection) -> Result<()> {
    connection.execute_batch(INDEX_SQL)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", USER_VERSION)?;
    Ok(())
}

/// Brings a building file up to the format that this program writes.
///
/// Format 2 records who held an identifier when, and which devices may be shared. What an older file knows is when a part
/// was observed last: that is when its history begins.
pub(super) fn bring_up_to_date(connection: &Connection) -> Result<()> {
    if user_version(connection)? < HISTORY_SINCE {
        connection.execute_batch(HISTORY_SQL)?;
        roster::add_firsts(connection)?;
        busy::mark_all(connection)?;
    }
    connection.pragma_update(None, "user_version", USER_VERSION)?;
    Ok(())
}

/// Tells the format of an index.
pub(super) fn user_version(connection: &Connection) -> rusqlite::Result<i32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Checks that a file is an index that this program can write.
pub(super) fn check(connection: &Connection, path: &str) -> Result<()> {
    let application_id: i32 =
        connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if application_id != APPLICATION_ID {
        return Err(Error::Foreign {
            path: path.to_owned(),
            found: "no identidex index",
        });
    }
    let found = user_version(connection)?;
    if found > USER_VERSION {
        return Err(Error::Newer {
            path: path.to_owned(),
            found,
            known: USER_VERSION,
        });
    }
    Ok(())
}

/// Reads a value of `meta`.
pub(super) fn meta(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection
        .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
            row.get(0)
        })
        .optional()
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
