//! Mentions: logins rows by the keys that they say of a user and of a device. They describe neither.
//!
//! Of each pair of keys, the rows of the newest object that has it are kept, added up, with the days of use of all. A key
//! that leads to a claim is kept as that claim's; which account and device it means is worked out anew in every run.

use std::cmp::Ordering;

use super::claim::ClaimId;
use super::days::Days;
use super::ledger::Ledger;
use super::said::{NEVER, ObjectId};
use super::spill::Text;
use crate::identifier::Kind;
use crate::observation::LOGINS_DEVICE;
use crate::schema::{BySubject, Subject};

/// Stands for "no row counts logins".
pub(super) const NO_COUNT: u64 = u64::MAX;
/// Keys of both sides.
pub(super) const KEYS: usize = 6;

/// Returns the side of a key, by its position among those of both, and which of that side's it is.
pub(super) fn side_of(position: usize) -> (Subject, usize) {
    match position.checked_sub(LOGINS_DEVICE) {
        None => (Subject::Account, position),
        Some(position) => (Subject::Device, position),
    }
}

/// Returns the position of a side's first key.
pub(super) fn first_of(side: Subject) -> usize {
    side as usize * LOGINS_DEVICE
}

/// Returns the kind of a key, by its position among those of both sides.
pub(super) fn kind_of(position: usize) -> Kind {
    let (side, at) = side_of(position);
    side.key_kinds()[at]
}

/// Whether a mention is placed, by its code in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum State {
    Resolved = 0,
    Unknown = 1,
    Ambiguous = 2,
}

/// The rows of one pair of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mention {
    /// The hash of all keys: see `Claim::hash`.
    pub(super) group: u64,
    /// The newest time of use that a row of the newest object says, or `NEVER`.
    pub(super) used: i64,
    pub(super) days: u64,
    pub(super) day: i32,
    /// The first day of use ever.
    pub(super) first_day: i32,
    pub(super) logins: u64,
    /// The newest object, and its newest row.
    pub(super) object: ObjectId,
    pub(super) row: u32,
    /// How many rows it has.
    pub(super) rows: u32,
    /// Claims that have the strongest key of each side, as far as they are known.
    pub(super) claims: BySubject<Option<ClaimId>>,
    pub(super) text: Text,
    /// Which keys are said, by their positions; and which of them can find anybody.
    pub(super) said: u8,
    pub(super) keys: u8,
}

impl Mention {
    /// Returns how many logins the rows count.
    pub(super) fn logins(&self) -> Option<u64> {
        (self.logins != NO_COUNT).then_some(self.logins)
    }

    /// Returns the newest time of use.
    pub(super) fn used(&self) -> Option<i64> {
        (self.used != NEVER).then_some(self.used)
    }

    pub(super) fn days(&self) -> Days {
        Days {
            newest: self.day,
            mask: self.days,
        }
    }

    fn set_days(&mut self, days: Days) {
        (self.day, self.days) = (days.newest, days.mask);
    }

    /// Returns the keys of a side that can find anybody, as bits.
    pub(super) fn keys_of(&self, side: Subject) -> u8 {
        self.keys >> first_of(side) & 7
    }

    /// Returns the keys of a side that are said, as bits.
    fn said_of(&self, side: Subject) -> u8 {
        self.said >> first_of(side) & 7
    }

    /// Tells whether a side's one key is that of a claim, and need not be kept.
    pub(super) fn is_as_claim(&self, side: Subject) -> bool {
        self.claims[side].is_some() && self.said_of(side).is_power_of_two()
    }
}

/// Splits the keys of a side.
pub(super) fn split_keys(keys: &str) -> [Option<&str>; 3] {
    let mut keys = keys
        .split('\t')
        .map(|key| Some(key).filter(|key| !key.is_empty()));
    std::array::from_fn(|_| keys.next().flatten())
}

/// What a row counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    row: u32,
    logins: Option<u64>,
    used: Option<i64>,
}

impl Tally {
    pub(super) fn of(row: u32, logins: Option<u64>, used: Option<i64>) -> Tally {
        Tally { row, logins, used }
    }
}

impl Mention {
    /// Adds a row; true when it is the newest now.
    pub(super) fn add(&mut self, ledger: &Ledger, object: ObjectId, row: Tally) -> bool {
        let used = row.used.unwrap_or(NEVER);
        let days = day_of_use(row.used, ledger.observed_at(object));
        self.set_days(self.days().and(days));
        self.first_day = self.first_day.min(days.newest);
        match ledger.compare_objects(object, self.object) {
            Ordering::Less => false,
            Ordering::Greater => {
                self.object = object;
                self.row = row.row;
                self.rows = 1;
                self.used = used;
                self.logins = row.logins.unwrap_or(NO_COUNT);
                true
            }
            Ordering::Equal => {
                self.rows += 1;
                self.logins = sum(self.logins(), row.logins).unwrap_or(NO_COUNT);
                let is_newest = (used, row.row) > (self.used, self.row);
                if is_newest {
                    (self.used, self.row) = (used, row.row);
                }
                is_newest
            }
        }
    }
}

/// Returns the day of use that a row tells of: not after it was observed, or one wrong clock would make all others old.
pub(super) fn day_of_use(used: Option<i64>, observed_at: i64) -> Days {
    Days::of(used.map_or(observed_at, |used| used.min(observed_at)))
}

/// Tells whether a row counts no login, and does not say when the device was used: it may have been long ago, or never.
pub(super) fn is_of_none(logins: Option<u64>, used: Option<i64>) -> bool {
    logins == Some(0) && used.is_none()
}

/// Adds up counts, of which each may not be said.
pub(super) fn sum(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    match (left, right) {
        // A sum that is too large to be told from none is no sum that a tenant reaches.
        (Some(left), Some(right)) => Some(left.saturating_add(right).min(NO_COUNT - 1)),
        (left, right) => left.or(right),
    }
}

impl Mention {
    /// Returns the position of the one key that a side has, where it is kept as a claim's.
    pub(super) fn key_of_claim(&self, side: Subject) -> Option<usize> {
        let at = self.said_of(side).trailing_zeros() as usize;
        self.is_as_claim(side).then_some(at)
    }

    /// Tells which of a side's keys can find anybody.
    pub(super) fn is_key(&self, side: Subject, at: usize) -> bool {
        self.keys_of(side) >> at & 1 != 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ledger::tests::ledger_of;
    use super::*;

    fn added(ledger: &Ledger, rows: &[(ObjectId, Tally)]) -> Option<Mention> {
        let ((object, first), rest) = rows.split_first()?;
        let days = day_of_use(first.used, ledger.observed_at(*object));
        let mut mention = Mention {
            group: 1,
            used: first.used.unwrap_or(NEVER),
            days: days.mask,
            day: days.newest,
            first_day: days.newest,
            logins: first.logins.unwrap_or(NO_COUNT),
            object: *object,
            row: first.row,
            rows: 1,
            claims: BySubject::default(),
            text: Text::KEPT,
            said: 1,
            keys: 1,
        };
        for (object, tally) in rest {
            mention.add(ledger, *object, *tally);
        }
        Some(mention)
    }

    proptest! {
        #[test]
        fn rows_of_one_pair_add_up_alike_in_any_order(
            (some, shuffled) in proptest::collection::vec(
                (1..6u32, proptest::option::of(0..9u64), proptest::option::of(0..5i64)),
                1..20,
            )
            .prop_map(|rows| {
                let rows = (1..).zip(rows).map(|(row, (object, logins, day))| {
                    let used = day.map(|day| day * super::super::days::DAY);
                    (ObjectId::of(object).unwrap(), Tally { row, logins, used })
                });
                rows.collect::<Vec<_>>()
            })
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        ) {
            let ledger = ledger_of(&[3, 1, 2, 2, 9]);
            prop_assert_eq!(added(&ledger, &some), added(&ledger, &shuffled));
        }
    }
}
