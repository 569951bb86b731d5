//! The ledger: which objects were taken in, what became of their rows, and in what order rows were said.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Statement, params};

use super::identity::Stamp;
use super::part::Shape;
use super::{Error, Result};
use crate::generation::{from_hex, hex};
use crate::observation::{Object, Refused, Reject};
use crate::schema::{Dataset, SECOND, STRONG, Seen, Subject};

/// Objects that a ledger can have: their ids have eight digits in `seen`.
const MAX_OBJECTS: u32 = 99_999_999;

/// What became of an object's rows: `read` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Rows behind the header.
    pub read: u64,
    /// Rows that told something new.
    pub stored: u64,
    /// Rows that told what was known, newer.
    pub unchanged: u64,
    /// Rows older than what is known.
    pub superseded: u64,
    /// Rows that could not be taken.
    pub rejected: u64,
}

impl RowCounts {
    /// Adds another object's rows.
    pub fn add(&mut self, other: RowCounts) {
        self.read += other.read;
        self.stored += other.stored;
        self.unchanged += other.unchanged;
        self.superseded += other.superseded;
        self.rejected += other.rejected;
    }
}

/// When an object's rows were observed, and its content.
#[derive(Debug, Clone, Copy)]
struct Observed {
    at: i64,
    sha256: [u8; 32],
    shape: u32,
}

/// An object being taken in.
#[derive(Debug)]
pub(super) struct Taking {
    pub(super) id: u32,
    pub(super) shape: u32,
    pub(super) dataset: Dataset,
    pub(super) counts: RowCounts,
    pub(super) refused: Refused,
    pub(super) rejects: Vec<Reject>,
}

/// Rejects that are kept of an object; all are counted.
pub const REJECTS_KEPT: usize = 100;

impl Taking {
    /// Counts rejected rows and keeps the first ones.
    pub(super) fn reject(&mut self, rejects: Vec<Reject>) {
        self.counts.rejected += rejects.len() as u64;
        let room = REJECTS_KEPT.saturating_sub(self.rejects.len());
        self.rejects.extend(rejects.into_iter().take(room));
    }
}

/// The ledger of a building file.
pub(super) struct Ledger<'c> {
    connection: &'c Connection,
    /// By object id - 1.
    observed: Vec<Observed>,
    shapes: HashMap<u32, Shape>,
    login_shapes: HashSet<u32>,
    insert: Statement<'c>,
    generation: u64,
}

impl<'c> Ledger<'c> {
    /// Reads what the file knows; new lines will belong to `generation`.
    pub(super) fn open(
        connection: &'c Connection,
        generation: u64,
    ) -> rusqlite::Result<Ledger<'c>> {
        let mut ledger = Ledger {
            connection,
            observed: Vec::new(),
            shapes: HashMap::new(),
            login_shapes: HashSet::new(),
            insert: connection.prepare(
                "INSERT INTO object VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                 ?18, ?19, ?20, ?21)",
            )?,
            generation,
        };
        let mut select =
            connection.prepare("SELECT observed_at, sha256, shape FROM object ORDER BY id")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let sha256 = sha256_of(row.get_ref(1)?.as_str().unwrap_or_default());
            ledger.observed.push(Observed {
                at: row.get(0)?,
                sha256,
                shape: row.get(2)?,
            });
        }
        let mut select = connection.prepare("SELECT id, dataset, columns FROM shape")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let columns: String = row.get(2)?;
            let names: Vec<String> = serde_json::from_str(&columns).unwrap_or_default();
            ledger.learn_shape(row.get(0)?, Dataset::from_code(row.get(1)?), &names);
        }
        Ok(ledger)
    }

    fn learn_shape(&mut self, id: u32, dataset: Option<Dataset>, names: &[String]) {
        let subject = match dataset {
            Some(Dataset::Devices) => Subject::Device,
            _ => Subject::Account,
        };
        self.shapes.insert(id, Shape::of(subject, names));
        if dataset == Some(Dataset::Logins) {
            self.login_shapes.insert(id);
        }
    }

    /// Returns the id of a set of columns.
    pub(super) fn intern(&mut self, dataset: Dataset, names: &[String]) -> rusqlite::Result<u32> {
        let columns = serde_json::Value::from(names).to_string();
        let known = self
            .connection
            .query_row(
                "SELECT id FROM shape WHERE dataset = ?1 AND columns = ?2",
                params![dataset as u8, columns],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(id) = known {
            return Ok(id);
        }
        self.connection.execute(
            "INSERT INTO shape (dataset, columns) VALUES (?1, ?2)",
            params![dataset as u8, columns],
        )?;
        let id = u32::try_from(self.connection.last_insert_rowid()).unwrap_or(u32::MAX);
        self.learn_shape(id, Some(dataset), names);
        Ok(id)
    }

    /// Returns the columns of a shape.
    pub(super) fn shape(&self, id: u32) -> Option<&Shape> {
        self.shapes.get(&id)
    }

    /// Tells whether an object had columns that no field takes.
    pub(super) fn has_extra(&self, object: u32) -> bool {
        self.shape(self.observed(object).shape)
            .is_some_and(Shape::has_extra)
    }

    /// Tells whether some files brought the strong key and others the second one, and none both: their rows can never
    /// be joined.
    pub(super) fn lacks_both_keys(&self, subject: Subject) -> bool {
        let shapes = self
            .shapes
            .iter()
            .filter(|(id, shape)| shape.subject == subject && !self.login_shapes.contains(id));
        let carried: HashSet<(bool, bool)> = shapes
            .map(|(_, shape)| (shape.carries(STRONG), shape.carries(SECOND)))
            .collect();
        carried.contains(&(true, false))
            && carried.contains(&(false, true))
            && !carried.contains(&(true, true))
    }

    /// Begins an object: its rows can be compared from now on.
    ///
    /// # Errors
    /// When the ledger is full.
    pub(super) fn begin(
        &mut self,
        object: &Object,
        sha256: [u8; 32],
        dataset: Dataset,
        shape: u32,
    ) -> Result<Taking> {
        if self.observed.len() >= MAX_OBJECTS as usize {
            return Err(Error::Full { limit: MAX_OBJECTS });
        }
        self.observed.push(Observed {
            at: object.observed_at,
            sha256,
            shape,
        });
        let id = self.observed.len() as u32;
        Ok(Taking {
            id,
            shape,
            dataset,
            counts: RowCounts::default(),
            refused: Refused::default(),
            rejects: Vec::new(),
        })
    }

    /// Writes an object's line and its kept rejects.
    pub(super) fn end(
        &mut self,
        object: &Object,
        state: &str,
        taking: &Taking,
    ) -> rusqlite::Result<()> {
        let counts = taking.counts;
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.insert.execute(params![
            taking.id,
            object.source,
            object.key,
            object.e_tag.as_deref().unwrap_or_default(),
            object.version.as_deref().unwrap_or_default(),
            count(object.size_bytes),
            object.modified_at,
            object.observed_at,
            object.observed_from.as_str(),
            hex(&self.observed(taking.id).sha256),
            state,
            taking.dataset as u8,
            taking.shape,
            count(counts.read),
            count(counts.stored),
            count(counts.unchanged),
            count(counts.superseded),
            count(counts.rejected),
            count(taking.refused.other),
            count(taking.refused.hashed_upns),
            count(self.generation),
        ])?;
        let mut insert = self
            .connection
            .prepare("INSERT INTO reject (object, line, field, reason) VALUES (?1, ?2, ?3, ?4)")?;
        for reject in &taking.rejects {
            insert.execute(params![
                taking.id,
                count(reject.line),
                reject.field,
                reject.reason
            ])?;
        }
        Ok(())
    }

    /// Returns an object's stamp. One that the ledger lacks is named by a damaged file only, which is refused before
    /// anything of it is published.
    fn observed(&self, object: u32) -> Observed {
        let at = (object as usize).checked_sub(1);
        let observed = at.and_then(|at| self.observed.get(at));
        observed.copied().unwrap_or(Observed {
            at: i64::MIN,
            sha256: [0; 32],
            shape: 0,
        })
    }

    /// Returns when an object's rows were observed.
    pub(super) fn observed_at(&self, object: u32) -> i64 {
        self.observed(object).at
    }

    /// Returns the stamp of a row.
    pub(super) fn stamp(&self, seen: Seen) -> Stamp {
        let observed = self.observed(seen.object);
        Stamp {
            observed_at: observed.at,
            last_seen: seen.last_seen,
            sha256: observed.sha256,
            row: seen.row,
        }
    }

    /// Orders two objects as their rows are ordered where those have the same `last_seen`.
    pub(super) fn compare_objects(&self, left: u32, right: u32) -> std::cmp::Ordering {
        let key = |object: u32| {
            let observed = self.observed(object);
            (observed.at, observed.sha256)
        };
        key(left).cmp(&key(right))
    }

    /// Tells whether a row of `object` is newer than the newest one so far, being read behind it.
    pub(super) fn is_newer(
        &self,
        object: u32,
        last_seen: Option<i64>,
        than: (u32, Option<i64>),
    ) -> bool {
        if object == than.0 {
            return last_seen >= than.1;
        }
        let (new, old) = (self.observed(object), self.observed(than.0));
        (new.at, last_seen, new.sha256) > (old.at, than.1, old.sha256)
    }
}

/// Returns the content hash and observed time of every object whose rows were taken in: a copy says nothing of whether
/// its original was.
pub(crate) fn contents(connection: &Connection) -> rusqlite::Result<Vec<([u8; 32], i64)>> {
    let mut select =
        connection.prepare("SELECT sha256, observed_at FROM object WHERE state = 'loaded'")?;
    let rows = select.query_map([], |row| {
        Ok((
            sha256_of(row.get_ref(0)?.as_str().unwrap_or_default()),
            row.get(1)?,
        ))
    })?;
    rows.collect()
}

/// Tells whether the ledger of a generation has a listed object.
pub(crate) fn is_known(select: &mut Statement, object: &Object) -> rusqlite::Result<bool> {
    let size = i64::try_from(object.size_bytes).unwrap_or(i64::MAX);
    select.exists(params![
        object.source,
        object.key,
        object.e_tag.as_deref().unwrap_or_default(),
        object.version.as_deref().unwrap_or_default(),
        size,
        object.modified_at
    ])
}

/// The question that [`is_known`] asks.
pub(crate) const IS_KNOWN: &str = "SELECT 1 FROM object WHERE source = ?1 AND key = ?2 AND e_tag = ?3 AND version = ?4 \
     AND size_bytes = ?5 AND modified_at = ?6";

/// Reads a stored hash. One that is none is in a damaged file only, which is refused before anything of it is published.
fn sha256_of(text: &str) -> [u8; 32] {
    from_hex(text).unwrap_or_default()
}
