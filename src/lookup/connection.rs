//! What the program asks of a generation in SQL: counts and lists, never an answer.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension};

use super::generation::Generation;
use crate::error::Error;
use crate::generation::connect;

impl Generation {
    /// Asks in SQL, of a connection that is made for it.
    ///
    /// # Errors
    /// SQLite's, and that the file is not there any more.
    pub(crate) fn query<T>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let asked = connect(&self.path).and_then(|connection| ask(&connection));
        asked.map_err(|error| told(&self.path, error))
    }
}

/// Returns what an error of SQLite means for the caller.
fn told(path: &Path, error: rusqlite::Error) -> Error {
    let path = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Error::Foreign { path },
        Some(ErrorCode::PermissionDenied) => Error::NotPermitted { path },
        Some(ErrorCode::DatabaseCorrupt) => Error::Damaged {
            path,
            source: Some(error.into()),
        },
        _ => Error::Other {
            operation: "read",
            path,
            source: error.into(),
        },
    }
}

/// Reads a value of `meta`.
pub(crate) fn meta(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection
        .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
            row.get(0)
        })
        .optional()
}
