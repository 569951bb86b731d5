//! Seen: when accounts and devices were seen. Ranks rest on it, and there are so many of both that each takes as little room
//! as it can.

use super::ledger::Ledger;
use super::near;
use super::said::{NEVER, ObjectId};

/// When accounts, or devices, were seen, by row. They are asked for in any order: what is known of one stands together.
#[derive(Debug, Default)]
pub(super) struct Seen(Vec<Row>);

#[derive(Debug, Clone, Copy)]
struct Row {
    /// `NEVER` where the row shows none.
    last: i64,
    /// Since when it was there: see `rows`.
    first: i64,
    /// The object that says so: the newest of those that carry the column.
    object: ObjectId,
}

/// When an account or a device was last seen, if any row says so, and when that was observed.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastSeen {
    pub(super) last_seen: Option<i64>,
    pub(super) observed_at: i64,
}

impl Seen {
    /// Makes room for so many rows.
    pub(super) fn with_capacity(rows: usize) -> Seen {
        Seen(Vec::with_capacity(rows))
    }

    /// Adds the next row.
    pub(super) fn push(&mut self, last: i64, object: ObjectId, first: i64) {
        self.0.push(Row {
            last,
            first,
            object,
        });
    }

    /// Adds the rows behind these.
    pub(super) fn extend(&mut self, others: Seen) {
        self.0.extend(others.0);
    }

    fn row(&self, row: u32) -> Option<&Row> {
        self.0.get((row as usize).checked_sub(1)?)
    }

    /// Looks at some rows.
    pub(super) fn touch(&self, rows: impl Iterator<Item = u32>) {
        near::touch(rows.map(|row| self.row(row).map_or(0, |row| row.last as u64)));
    }

    /// Returns since when an account or a device was there, if that is known.
    pub(super) fn first(&self, row: u32) -> Option<i64> {
        self.row(row).and_then(|row| said(row.first))
    }

    /// Returns when an account or a device was last seen; one of no row was not.
    pub(super) fn last(&self, row: u32, ledger: &Ledger) -> LastSeen {
        let row = self.row(row);
        LastSeen {
            last_seen: row.and_then(|row| said(row.last)),
            observed_at: row.map_or(i64::MIN, |row| ledger.observed_at(row.object)),
        }
    }
}

fn said(time: i64) -> Option<i64> {
    Some(time).filter(|time| *time != NEVER)
}
