//! Lines of the ledger: an object, as its listing named it, and what became of its rows.

use std::collections::BTreeMap;

use super::error::{Error, Result};
use super::said::{ObjectId, ShapeId};
use crate::identifier::hash128;
use crate::observation::{Object, Refused, Reject};
use crate::schema::Dataset;
use crate::sqlite::{Columns, Reader, Record};

/// Rejects that are kept of an object; all are counted.
pub const REJECTS_KEPT: usize = 100;

/// What became of an object's rows: `read` is the sum of the others.
///
/// Of all rows of a run, those of one part of a claim, or of one group of logins, compete with one another and with what
/// was known: the newest is `stored`, or `unchanged` when it says what was known; all others are `superseded`. So the
/// order in which objects come makes no difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Rows behind the header.
    pub read: u64,
    /// Rows that tell something new.
    pub stored: u64,
    /// Rows that tell what was known, newer.
    pub unchanged: u64,
    /// Rows older than what is known.
    pub superseded: u64,
    /// Rows that could not be taken.
    pub rejected: u64,
}

/// A line of the ledger that is new.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) object: Object,
    pub(super) blake3: [u8; 32],
    pub(super) is_duplicate: bool,
    pub(super) dataset: Dataset,
    pub(super) shape: ShapeId,
    pub(super) taken: u64,
    pub(super) counts: RowCounts,
    pub(super) refused: Refused,
    pub(super) rejects: Vec<Reject>,
}

/// An object whose rows were taken in, and what became of them.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The object.
    pub object: Object,
    /// What became of its rows.
    pub counts: RowCounts,
    /// Identifiers that could not be indexed.
    pub refused: Refused,
}

impl Line {
    /// Puts it into a record.
    pub(super) fn put(&self, generation: u64, record: &mut Record) {
        let Line { object, counts, .. } = self;
        record.clear();
        record.put_null();
        record.put_text(&object.source);
        record.put_text(&object.key);
        record.put_text(object.e_tag.as_deref().unwrap_or_default());
        record.put_text(object.version.as_deref().unwrap_or_default());
        record.put_integer(count(object.size_bytes));
        record.put_integer(object.modified_at);
        record.put_integer(object.observed_at);
        record.put_text(object.observed_from.as_str());
        record.put_blob(&self.blake3);
        record.put_text(if self.is_duplicate {
            "duplicate"
        } else {
            "loaded"
        });
        record.put_integer(self.dataset as i64);
        record.put_integer(i64::from(self.shape.0));
        for number in [
            counts.read,
            counts.stored,
            counts.unchanged,
            counts.superseded,
            counts.rejected,
            self.refused.other,
            self.refused.hashed_upns,
            generation,
        ] {
            record.put_integer(count(number));
        }
    }
}

/// How many rows of each object are the newest of their parts, or of their keys, and whether they say what was known.
#[derive(Debug, Default)]
pub(super) struct NewestRows(BTreeMap<(ObjectId, bool), u32>);

impl NewestRows {
    /// Adds rows of an object.
    pub(super) fn add(&mut self, object: ObjectId, is_unchanged: bool, rows: u32) {
        *self.0.entry((object, is_unchanged)).or_default() += rows;
    }

    /// Adds what others counted.
    pub(super) fn join(&mut self, other: NewestRows) {
        for ((object, is_unchanged), rows) in other.0 {
            self.add(object, is_unchanged, rows);
        }
    }

    /// Returns object, whether they are unchanged, and rows.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ObjectId, bool, u32)> {
        self.0
            .iter()
            .map(|((object, is_unchanged), rows)| (*object, *is_unchanged, *rows))
    }
}

/// What identifies an object in a listing, as its line of the ledger begins.
pub(super) struct Listing {
    pub(super) identity: u128,
    pub(super) source: String,
    /// Its source and key, for people.
    pub(super) name: String,
    pub(super) modified_at: i64,
}

impl Listing {
    /// Reads a line up to its time of modification.
    pub(super) fn read(columns: &mut Columns) -> Result<Listing> {
        columns.skip(1)?;
        let mut texts: [&str; 4] = [""; 4];
        for text in &mut texts {
            *text = columns.take()?.text().unwrap_or_default();
        }
        let mut number = || Ok::<_, Error>(columns.take()?.integer().unwrap_or_default());
        let [size, modified_at] = [number()?, number()?];
        let [source, key, e_tag, version] = texts;
        Ok(Listing {
            identity: identity(source, key, e_tag, version, size, modified_at),
            source: source.to_owned(),
            name: format!("{source}/{key}"),
            modified_at,
        })
    }
}

/// Returns the names of all objects that a generation took in, by what identifies them.
pub(super) fn objects_of(generation: &Reader) -> Result<BTreeMap<u128, String>> {
    let mut objects = BTreeMap::new();
    let mut rows = generation.rows("object")?;
    while let Some((_, mut columns)) = rows.next()? {
        let listing = Listing::read(&mut columns)?;
        objects.insert(listing.identity, listing.name);
    }
    Ok(objects)
}

/// Returns what identifies a listed object.
pub(crate) fn identity_of(object: &Object) -> u128 {
    let (e_tag, version) = (object.e_tag.as_deref(), object.version.as_deref());
    identity(
        &object.source,
        &object.key,
        e_tag.unwrap_or_default(),
        version.unwrap_or_default(),
        count(object.size_bytes),
        object.modified_at,
    )
}

fn identity(
    source: &str,
    key: &str,
    e_tag: &str,
    version: &str,
    size: i64,
    modified_at: i64,
) -> u128 {
    hash128(&format!(
        "{source}\0{key}\0{e_tag}\0{version}\0{size}\0{modified_at}"
    ))
}

/// A count as SQLite can hold it.
pub(super) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
