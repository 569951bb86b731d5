//! The last generation: read by the next one, and asked what it knows of objects.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::{Error, Result, damaged};
use super::ledger::{Ledger, NewestOf};
use super::object_lines;
use crate::observation::Object;
use crate::schema::{APPLICATION_ID, OLDEST_VERSION, USER_VERSION};
use crate::sqlite::{Reader, Record, Rows, Table};

/// The key of `meta` that only a projection has.
pub(super) const PROJECTION: &str = "projection";

/// The last generation, as it is read.
pub(super) struct Last {
    pub(super) reader: Reader,
    pub(super) meta: BTreeMap<String, String>,
}

impl Last {
    pub(super) fn open(path: &Path) -> Result<Last> {
        let reader = Reader::open(path)?;
        let shown = || path.display().to_string();
        if reader.application_id != APPLICATION_ID {
            return Err(Error::Foreign {
                path: shown(),
                found: "no identidex index",
            });
        }
        let (found, known) = (reader.user_version, USER_VERSION);
        if found > known {
            return Err(Error::Newer {
                path: shown(),
                found,
                known,
            });
        }
        if found < OLDEST_VERSION {
            return Err(Error::Older {
                path: shown(),
                found,
                known,
            });
        }
        let mut meta = BTreeMap::new();
        let mut rows = reader.rows("meta")?;
        while let Some((_, mut columns)) = rows.next()? {
            columns.skip(1)?;
            let key = columns.take()?.text().unwrap_or_default().to_owned();
            meta.insert(key, columns.take()?.text().unwrap_or_default().to_owned());
        }
        Ok(Last { reader, meta })
    }

    /// Opens one that has all: of a projection nothing is made.
    pub(super) fn open_whole(path: &Path) -> Result<Last> {
        let last = Last::open(path)?;
        match last.meta.contains_key(PROJECTION) {
            false => Ok(last),
            true => Err(Error::Foreign {
                path: path.display().to_string(),
                found: "a projection, of which no index is made",
            }),
        }
    }

    /// Tells whether an earlier version wrote it, in another format.
    pub(super) fn is_outdated(&self) -> bool {
        self.reader.user_version < USER_VERSION
    }

    /// Writes a table as it is.
    pub(super) fn copy(&self, name: &str, table: &mut Table) -> Result<()> {
        let mut rows = self.reader.rows(name)?;
        let mut record = Record::default();
        while let Some((id, columns)) = rows.next()? {
            record.clear();
            record.put_columns(columns);
            table.push(id, &record)?;
        }
        Ok(())
    }

    pub(super) fn number(&self, key: &str) -> Result<u64> {
        let text = self.meta.get(key);
        let number = text.and_then(|text| text.parse().ok());
        number.ok_or(damaged("a count is not there"))
    }
}

/// What a generation holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its number.
    pub generation: u64,
    /// Accounts, those without an answer of their own included.
    pub accounts: u64,
    /// Devices.
    pub devices: u64,
    /// Pairs of an account and a device.
    pub usages: u64,
    /// The logical digest.
    pub digest: u128,
}

/// What a generation knows of objects, without the rest.
pub struct Past {
    ledger: Ledger,
    published: Published,
    is_outdated: bool,
}

impl Past {
    /// Reads it.
    ///
    /// # Errors
    /// As [`super::Kept::load`].
    pub fn load(generation: &Path) -> Result<Past> {
        let last = Last::open_whole(generation)?;
        let digest = last.meta.get("digest").map_or("", String::as_str);
        Ok(Past {
            published: Published {
                generation: last.number("generation")?,
                accounts: last.number("accounts")?,
                devices: last.number("devices")?,
                usages: last.number("usages")?,
                digest: u128::from_str_radix(digest, 16).map_err(|_| damaged("no digest"))?,
            },
            ledger: Ledger::load(&last.reader)?,
            is_outdated: last.is_outdated(),
        })
    }

    /// Returns when the newest object of each source and dataset was observed that was taken in.
    pub fn newest_of_sources(&self) -> NewestOf {
        self.ledger.newest_of_sources()
    }

    /// Tells whether a listed object was taken in before.
    pub fn knows(&self, object: &Object) -> bool {
        self.ledger.knows(object)
    }

    /// Tells whether another object of the same key and observed time was taken in before.
    pub fn has_key_and_time(&self, object: &Object) -> bool {
        self.ledger.has_key_and_time(object)
    }

    /// Returns when the objects of a source were modified that were taken in.
    pub fn modified_of(&self, source: &str) -> Vec<i64> {
        self.ledger.modified_of(source)
    }

    /// Tells whether it is of an older format, so that the next run writes it anew.
    pub fn is_outdated(&self) -> bool {
        self.is_outdated
    }

    /// Returns what was published.
    pub fn published(&self) -> Published {
        self.published
    }
}

/// Returns without how many people a generation was made who were erased.
///
/// # Errors
/// When it cannot be read, or is of another format.
pub(crate) fn erasures_of(generation: &Path) -> Result<u64> {
    let last = Last::open(generation)?;
    Ok(last.number("erasures").unwrap_or_default())
}

/// Looks whether a file is a generation of a format that is known.
///
/// # Errors
/// When it is not.
pub(crate) fn check_format(generation: &Path) -> Result<()> {
    Last::open(generation).map(|_| ())
}

/// Returns the names of all objects that a generation took in, by what identifies them.
pub(crate) fn objects_of(generation: &Path) -> Result<BTreeMap<u128, String>> {
    object_lines::objects_of(&Last::open(generation)?.reader)
}

/// Returns the rows of a table of the last generation; none where there is none.
pub(super) fn rows_of<'r>(last: Option<&'r Reader>, table: &str) -> Result<Rows<'r>> {
    match last {
        Some(last) => Ok(last.rows(table)?),
        None => Ok(Rows::none()),
    }
}
