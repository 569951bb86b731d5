//! Reads a generation, with what was read of late: the file never changes, so that nothing of it grows old.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use super::select::{Select, Selected};
use super::tables::Tables;
use crate::schema::microseconds_of;
use crate::sqlite::{self, Finder};

/// Objects that a reader remembers.
const OBJECTS_KEPT: usize = 256;
/// Texts that a reader remembers: those of the first ids, which are nearly always all.
const TEXTS_KEPT: usize = 65_536;

/// Reads a generation, in one thread at a time.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(super) finder: Finder,
    pub(super) tables: Arc<Tables>,
    objects: RefCell<HashMap<u32, (Timestamp, String)>>,
    /// Texts that many rows have alike, by id: few, and asked for over and over.
    texts: RefCell<Vec<Option<String>>>,
}

impl Reader {
    pub(super) fn new(file: Arc<sqlite::Reader>, tables: Arc<Tables>) -> Reader {
        Reader {
            finder: Finder::new(file),
            tables,
            objects: RefCell::default(),
            texts: RefCell::default(),
        }
    }

    /// Returns what is made of a row; `None` where there is none.
    pub(super) fn row<T>(
        &self,
        select: &Select,
        id: i64,
        read: impl FnOnce(&Selected) -> sqlite::Result<T>,
    ) -> sqlite::Result<Option<T>> {
        self.finder
            .row(&select.table, id, |columns| read(&select.from(columns)?))
    }

    /// Returns what is made of a row that an index names.
    pub(super) fn indexed_row<T>(
        &self,
        select: &Select,
        id: i64,
        read: impl FnOnce(&Selected) -> sqlite::Result<T>,
    ) -> sqlite::Result<T> {
        let row = self.row(select, id, read)?;
        row.ok_or(sqlite::Error::Damaged(
            "an entry of an index without its row",
        ))
    }

    /// Reads the rows of a range of ids, in order.
    pub(super) fn rows(
        &self,
        select: &Select,
        ids: Range<i64>,
        mut read: impl FnMut(i64, &Selected) -> sqlite::Result<()>,
    ) -> sqlite::Result<()> {
        self.finder.rows(&select.table, ids, |id, columns| {
            read(id, &select.from(columns)?)
        })
    }

    /// Returns a text that many rows have alike.
    pub(super) fn text(&self, id: i64) -> sqlite::Result<Option<String>> {
        let at = usize::try_from(id).unwrap_or(usize::MAX);
        if let Some(Some(known)) = self.texts.borrow().get(at) {
            return Ok(Some(known.clone()));
        }
        let read = self.row(&self.tables.text, id, |row| Ok(row.text(0)?.to_owned()))?;
        if at < TEXTS_KEPT {
            let mut texts = self.texts.borrow_mut();
            let length = texts.len().max(at + 1);
            texts.resize(length, None);
            texts[at].clone_from(&read);
        }
        Ok(read)
    }

    /// Returns when an object was observed.
    pub(super) fn observed_at(&self, object: u32) -> sqlite::Result<Option<Timestamp>> {
        if let Some((observed_at, _)) = self.objects.borrow().get(&object) {
            return Ok(Some(*observed_at));
        }
        Ok(self.object(object)?.map(|(observed_at, _)| observed_at))
    }

    /// Returns when an object was observed, and its key: evidence names few objects over and over.
    pub(super) fn object(&self, id: u32) -> sqlite::Result<Option<(Timestamp, String)>> {
        if let Some(known) = self.objects.borrow().get(&id) {
            return Ok(Some(known.clone()));
        }
        let read = self.row(&self.tables.object, i64::from(id), |row| {
            Ok((time(row.optional(0)?), row.text(1)?.to_owned()))
        })?;
        let Some((Some(observed_at), key)) = read else {
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
