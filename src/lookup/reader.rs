//! A connection to a generation, with what it has read of late: the file never changes, so that nothing of it grows old.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Deref;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::row::time;
use crate::schema::busy;

/// Objects that a connection remembers.
const OBJECTS_KEPT: usize = 256;

const BUSY: &str = "SELECT bits FROM busy WHERE block = ?1";
const OBJECT: &str = "SELECT observed_at, key FROM object WHERE id = ?1";

/// Reads a generation, in one thread at a time.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: Connection,
    objects: RefCell<HashMap<u32, (Timestamp, String)>>,
    /// Blocks of `schema::busy`.
    busy: RefCell<HashMap<u32, Vec<u8>>>,
}

impl Deref for Reader {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Reader {
    pub(super) fn new(connection: Connection) -> Reader {
        Reader {
            connection,
            objects: RefCell::default(),
            busy: RefCell::default(),
        }
    }

    /// Tells whether a device has so many users that it may be shared.
    pub(super) fn may_be_shared(&self, device: u32) -> rusqlite::Result<bool> {
        let (block, byte, bit) = busy::place(device);
        let mut blocks = self.busy.borrow_mut();
        let bits = match blocks.entry(block) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let mut select = self.connection.prepare_cached(BUSY)?;
                let bits = select.query_row([block], |row| row.get(0)).optional()?;
                unknown.insert(bits.unwrap_or_default())
            }
        };
        Ok(bits.get(byte).is_some_and(|byte| byte & bit != 0))
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
