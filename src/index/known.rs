//! What rows are known by: hashes of the bytes of each claim's and mention's newest row, as the last generation has them.
//!
//! Read by the threads that cut rows while the run folds others; never changed.

use super::slots::Slots;
use crate::schema::{BySubject, Dataset};

/// Hashes of one dataset's rows, by the ids of what they tell of.
#[derive(Default)]
pub(super) struct Raws {
    hashes: Vec<u64>,
    slots: Slots,
}

impl Raws {
    /// Adds the hash of the next id; 0: none.
    pub(super) fn push(&mut self, hash: u64) {
        self.hashes.push(hash);
    }

    /// Makes them ready to be asked.
    pub(super) fn index(&mut self) {
        self.slots = Slots::for_hashes(self.hashes.len());
        for (at, hash) in (0..).zip(&self.hashes) {
            if *hash != 0 {
                self.slots.place(*hash, at);
            }
        }
    }

    fn find(&self, hash: u64, expected: u32) -> Option<u32> {
        let before = (expected as usize).checked_sub(1);
        if before.and_then(|at| self.hashes.get(at)) == Some(&hash) {
            return Some(expected);
        }
        self.slots
            .find(hash, |at| self.hashes[at as usize])
            .map(|at| at + 1)
    }
}

/// What rows are known by.
#[derive(Default)]
pub struct Known {
    pub(super) claims: BySubject<Raws>,
    pub(super) mentions: Raws,
}

impl Known {
    /// Returns the id of what a row of these bytes tells of, if that said the same last. Exports keep their order from day to
    /// day: where the row before had an id, the next one is `expected`, and nearly always found at once.
    pub fn find(&self, dataset: Dataset, raw: u64, expected: u32) -> Option<u32> {
        match dataset {
            Dataset::Users => self.claims.account.find(raw, expected),
            Dataset::Devices => self.claims.device.find(raw, expected),
            Dataset::Logins => self.mentions.find(raw, expected),
        }
    }
}
