//! What the program asks of a generation in SQL: counts and lists, never an answer.

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::generation::Generation;
use crate::error::Error;
use crate::generation::immutable_uri;

impl Generation {
    /// Asks in SQL, of a connection that is made for it.
    ///
    /// # Errors
    /// SQLite's, and that the file is not there any more.
    pub(crate) fn query<T>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let asked = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
                | OpenFlags::SQLITE_OPEN_NO_MUTEX
                | OpenFlags::SQLITE_OPEN_URI;
            let connection = Connection::open_with_flags(immutable_uri(&self.path), flags)?;
            connection.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF")?;
            ask(&connection)
        };
        asked().map_err(|error| Error::Other {
            operation: "query",
            path: self.path.display().to_string(),
            source: error.into(),
        })
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
