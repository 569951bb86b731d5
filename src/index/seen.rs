//! Seen: when an account was first seen, and a device last. Ranks rest on it, and there are so many of both that each takes
//! as little room as it can.

use super::ledger::Ledger;
use super::said::{NEVER, ObjectId};
use crate::schema::Subject;

/// When accounts, or devices, were seen, by row.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Of an account its `first_seen`, of a device its `last_seen`; `NEVER` where it shows none.
    times: Vec<i64>,
    /// Of devices, the objects of their newest rows.
    newest: Vec<ObjectId>,
}

/// What is known of a device: when it was last seen, if any row says so, and when its newest row was observed.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeenDevice {
    pub(super) last_seen: Option<i64>,
    pub(super) observed_at: i64,
}

impl Seen {
    /// Adds the next row, with the object of its newest one.
    pub(super) fn push(&mut self, subject: Subject, time: i64, newest: ObjectId) {
        self.times.push(time);
        if subject == Subject::Device {
            self.newest.push(newest);
        }
    }

    /// Adds the rows behind these.
    pub(super) fn extend(&mut self, others: Seen) {
        self.times.extend(others.times);
        self.newest.extend(others.newest);
    }

    /// Returns when an account or a device was seen, if its row says so.
    pub(super) fn time(&self, row: u32) -> Option<i64> {
        let time = self.times.get((row as usize).checked_sub(1)?)?;
        Some(*time).filter(|time| *time != NEVER)
    }

    /// Returns when a device was seen; one of no row was not.
    pub(super) fn device(&self, row: u32, ledger: &Ledger) -> SeenDevice {
        let at = (row as usize).checked_sub(1);
        let newest = at.and_then(|at| self.newest.get(at));
        SeenDevice {
            last_seen: self.time(row),
            observed_at: newest.map_or(i64::MIN, |object| ledger.observed_at(*object)),
        }
    }
}

/// Returns the earlier of two times, either of which may be `NEVER`.
pub(super) fn earlier(left: i64, right: i64) -> i64 {
    match (left, right) {
        (NEVER, time) | (time, NEVER) => time,
        (left, right) => left.min(right),
    }
}
