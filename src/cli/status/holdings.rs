//! Holdings: what an index holds, counted.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::identifier::Kind;
use crate::lookup::connection::meta;
use crate::schema::{Class, Dataset, FieldType, Subject};

const OBJECTS: &str =
    "SELECT count(*) FILTER (WHERE state = 'loaded'), count(*) FILTER (WHERE state = 'duplicate'),
    coalesce(sum(rows_rejected), 0) FROM object";
const HASHED_UPNS: &str = "SELECT coalesce(sum(upns_hashed), 0) FROM object WHERE dataset = ?1 AND state = 'loaded'
    AND observed_at = (SELECT max(observed_at) FROM object WHERE dataset = ?1 AND state = 'loaded')";

/// What an index holds.
pub(in crate::cli) struct Holdings {
    pub(in crate::cli) classes: [u64; Class::ALL.len()],
    pub(in crate::cli) devices: u64,
    pub(in crate::cli) usages: u64,
    /// How many subjects have a value of each kind now.
    pub(super) identifiers: BTreeMap<Kind, u64>,
    /// UPNs of the newest users objects that were hashed.
    pub(in crate::cli) hashed_upns: u64,
    /// Mentions of users or devices that nobody is known by, and that several are.
    pub(in crate::cli) unknown: u64,
    pub(in crate::cli) ambiguous: u64,
    pub(super) loaded: u64,
    pub(super) duplicates: u64,
    pub(super) rejected: u64,
    pub(super) digest: String,
}

impl Holdings {
    pub(in crate::cli) fn read(connection: &Connection) -> rusqlite::Result<Holdings> {
        let mut identifiers = BTreeMap::new();
        let mut classes = [0; Class::ALL.len()];
        for (class, count) in count(connection, Subject::Account, &mut identifiers)? {
            if let Some(place) = classes.get_mut(usize::from(class)) {
                *place += count;
            }
        }
        let devices = count(connection, Subject::Device, &mut identifiers)?;
        let number = |sql: &str| connection.query_row(sql, [], |row| unsigned(row, 0));
        let waiting = |state: &str| {
            let text = meta(connection, state)?;
            Ok::<_, rusqlite::Error>(text.and_then(|text| text.parse().ok()).unwrap_or(0))
        };
        let (unknown, ambiguous) = (waiting("waiting_unknown")?, waiting("waiting_ambiguous")?);
        let (loaded, duplicates, rejected) = connection.query_row(OBJECTS, [], |row| {
            Ok((unsigned(row, 0)?, unsigned(row, 1)?, unsigned(row, 2)?))
        })?;
        Ok(Holdings {
            classes,
            devices: devices.iter().map(|(_, count)| count).sum(),
            usages: number("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'usages'")?,
            identifiers,
            hashed_upns: connection
                .query_row(HASHED_UPNS, [Dataset::Users as u8], |row| unsigned(row, 0))?,
            unknown,
            ambiguous,
            loaded,
            duplicates,
            rejected,
            digest: meta(connection, "digest")?.unwrap_or_default(),
        })
    }

    pub(in crate::cli) fn accounts(&self) -> u64 {
        self.classes.iter().sum()
    }

    pub(super) fn with(&self, kind: Kind) -> u64 {
        self.identifiers.get(&kind).copied().unwrap_or(0)
    }

    /// Returns the share of accounts that have an identifier, between 0 and 1.
    pub(in crate::cli) fn share(&self, kind: Kind) -> f64 {
        let share = self.with(kind) as f64 / self.accounts().max(1) as f64;
        (share * 10_000.0).round() / 10_000.0
    }
}

/// Counts the subjects of each class, and adds up how many of them have a value of each kind.
fn count(
    connection: &Connection,
    subject: Subject,
    identifiers: &mut BTreeMap<Kind, u64>,
) -> rusqlite::Result<Vec<(u8, u64)>> {
    let kinds: Vec<(Kind, String)> = kinds_of(subject);
    let counts: Vec<&str> = kinds.iter().map(|(_, count)| count.as_str()).collect();
    let sql = format!(
        "SELECT class, count(*), {} FROM {} WHERE owner IS NULL GROUP BY class",
        counts.join(", "),
        subject.table()
    );
    let mut select = connection.prepare(&sql)?;
    let mut rows = select.query([])?;
    let mut classes = Vec::new();
    while let Some(row) = rows.next()? {
        classes.push((row.get(0)?, unsigned(row, 1)?));
        for (at, (kind, _)) in kinds.iter().enumerate() {
            *identifiers.entry(*kind).or_default() += unsigned(row, 2 + at)?;
        }
    }
    Ok(classes)
}

/// Returns the kinds of identifiers that a subject has, and what counts the subjects that have one.
fn kinds_of(subject: Subject) -> Vec<(Kind, String)> {
    let mut columns: BTreeMap<Kind, Vec<&str>> = BTreeMap::new();
    for field in subject.fields() {
        if let FieldType::Key(kind) | FieldType::Identifier(kind) = field.kind {
            columns.entry(kind).or_default().push(field.name);
        }
    }
    let counted = columns
        .into_iter()
        .map(|(kind, columns)| match columns.as_slice() {
            [column] => (kind, format!("count({column})")),
            columns => (kind, format!("count(coalesce({}))", columns.join(", "))),
        });
    counted.collect()
}

fn unsigned(row: &rusqlite::Row, at: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(at).map(i64::unsigned_abs)
}
