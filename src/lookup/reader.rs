//! A connection to a generation, with what it has read of late: the file never changes, so that nothing of it grows old.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Deref;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use crate::schema::microseconds_of;

/// Objects that a connection remembers.
const OBJECTS_KEPT: usize = 256;
/// Texts that a connection remembers: those of the first ids, which are nearly always all.
const TEXTS_KEPT: usize = 65_536;

const TEXT: &str = "SELECT value FROM text WHERE id = ?1";
const OBJECT: &str = "SELECT observed_at, key FROM object WHERE id = ?1";

/// Reads a generation, in one thread at a time.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: Connection,
    /// Of the file.
    pub(super) format: i32,
    objects: RefCell<HashMap<u32, (Timestamp, String)>>,
    /// Texts that many rows have alike, by id: few, and asked for over and over.
    texts: RefCell<Vec<Option<String>>>,
}

impl Deref for Reader {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Reader {
    pub(super) fn new(connection: Connection, format: i32) -> Reader {
        Reader {
            connection,
            format,
            objects: RefCell::default(),
            texts: RefCell::default(),
        }
    }

    /// Returns a text that many rows have alike.
    pub(super) fn text(&self, id: i64) -> rusqlite::Result<Option<String>> {
        let at = usize::try_from(id).unwrap_or(usize::MAX);
        if let Some(Some(known)) = self.texts.borrow().get(at) {
            return Ok(Some(known.clone()));
        }
        let mut select = self.connection.prepare_cached(TEXT)?;
        let read: Option<String> = select.query_row([id], |row| row.get(0)).optional()?;
        if at < TEXTS_KEPT {
            let mut texts = self.texts.borrow_mut();
            let length = texts.len().max(at + 1);
            texts.resize(length, None);
            texts[at].clone_from(&read);
        }
        Ok(read)
    }

    /// Returns when an object was observed.
    pub(super) fn observed_at(&self, object: u32) -> rusqlite::Result<Option<Timestamp>> {
        if let Some((observed_at, _)) = self.objects.borrow().get(&object) {
            return Ok(Some(*observed_at));
        }
        Ok(self.object(object)?.map(|(observed_at, _)| observed_at))
    }

    /// Returns when an object was observed, and its key: evidence names few objects over and over.
    pub(super) fn object(&self, id: u32) -> rusqlite::Result<Option<(Timestamp, String)>> {
        if let Some(known) = self.objects.borrow().get(&id) {
            return Ok(Some(known.clone()));
        }
        let mut select = self.connection.prepare_cached(OBJECT)?;
        let read = select.query_row([id], |row| Ok((time(row.get(0)?), row.get(1)?)));
        let Some((Some(observed_at), key)) = read.optional()? else {
            return Ok(None);
        };
        let object: (Timestamp, String) = (observed_at, key);
        let mut objects = self.objects.borrow_mut();
        if objects.len() == OBJECTS_KEPT {
            objects.clear();
        }
        objects.insert(id, object.clone());
        Ok(Some(object))
    }
}

/// Reads a time of a row.
pub(super) fn row_time(stored: Option<i64>) -> Option<Timestamp> {
    time(stored.map(microseconds_of))
}

/// Reads microseconds; what is no time is left out.
pub(super) fn time(microseconds: Option<i64>) -> Option<Timestamp> {
    Timestamp::from_microsecond(microseconds?).ok()
}
