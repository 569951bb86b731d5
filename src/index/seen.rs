//! Seen: when accounts and devices were seen. Ranks rest on it, and there are so many of both that each takes as little room
//! as it can.

use super::ledger::Ledger;
use super::said::{NEVER, ObjectId};

/// When accounts, or devices, were seen, by row.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// `NEVER` where the row shows none.
    last: Vec<i64>,
    /// The objects that say so: the newest of those that carry the column.
    objects: Vec<ObjectId>,
    /// Since when they were there: see `rows`.
    first: Vec<i64>,
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
        Seen {
            last: Vec::with_capacity(rows),
            objects: Vec::with_capacity(rows),
            first: Vec::with_capacity(rows),
        }
    }

    /// Adds the next row.
    pub(super) fn push(&mut self, last: i64, object: ObjectId, first: i64) {
        self.last.push(last);
        self.objects.push(object);
        self.first.push(first);
    }

    /// Adds the rows behind these.
    pub(super) fn extend(&mut self, others: Seen) {
        self.last.extend(others.last);
        self.objects.extend(others.objects);
        self.first.extend(others.first);
    }

    /// Returns since when an account or a device was there, if that is known.
    pub(super) fn first(&self, row: u32) -> Option<i64> {
        said(&self.first, row)
    }

    /// Returns when an account or a device was last seen; one of no row was not.
    pub(super) fn last(&self, row: u32, ledger: &Ledger) -> LastSeen {
        let at = (row as usize).checked_sub(1);
        let object = at.and_then(|at| self.objects.get(at));
        LastSeen {
            last_seen: said(&self.last, row),
            observed_at: object.map_or(i64::MIN, |object| ledger.observed_at(*object)),
        }
    }
}

fn said(times: &[i64], row: u32) -> Option<i64> {
    let time = times.get((row as usize).checked_sub(1)?)?;
    Some(*time).filter(|time| *time != NEVER)
}
