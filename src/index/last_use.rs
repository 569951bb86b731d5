//! When a device's rows named a user as the last to log in.

use super::claim::{ClaimId, Part, said};
use super::days::Days;
use super::ledger::Ledger;
use super::said::{NEVER, ObjectId, Said};
use crate::bucket::{read_u32, read_u64};
use crate::observation::VALUES;

/// The position of the last login among a claim's values.
pub(super) const VALUE: usize = VALUES - 1;

/// When a device's rows named a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastUse {
    /// A claim of the name, if one is known.
    pub(super) account: Option<ClaimId>,
    /// The first and the newest object that name it.
    pub(super) first: ObjectId,
    pub(super) last: ObjectId,
    /// The newest time at which the device can have been used: that of the row, and no later than its `last_seen`.
    pub(super) used: i64,
    pub(super) days: Days,
}

/// How a stored use is written: all of it follows from the device's newest row, or is written out.
const AS_ROW: u8 = 1;
const WRITTEN_OUT: u8 = 2;

impl LastUse {
    pub(super) fn new(ledger: &Ledger, row: Said) -> LastUse {
        let used = used(ledger, row);
        LastUse {
            account: None,
            first: row.object,
            last: row.object,
            used,
            days: Days::of(used),
        }
    }

    /// Returns what both say.
    pub(super) fn and(self, other: LastUse, ledger: &Ledger) -> LastUse {
        LastUse {
            account: self.account.max(other.account),
            first: ledger.earlier(self.first, other.first),
            last: std::cmp::max_by_key(self.last, other.last, |last| ledger.observed_at(*last)),
            used: self.used.max(other.used),
            days: self.days.and(other.days),
        }
    }

    /// Returns what a device's newest row says by itself.
    fn as_row(newest: &Part, ledger: &Ledger) -> LastUse {
        LastUse {
            first: newest.first,
            ..LastUse::new(ledger, said(newest))
        }
    }

    /// Writes it, with the hash of the name where no claim has it.
    pub(super) fn put(&self, newest: &Part, ledger: &Ledger, name: u64, into: &mut Vec<u8>) {
        let row = LastUse::as_row(newest, ledger);
        let is_as_row = (row.first, row.last, row.used) == (self.first, self.last, self.used)
            && row.days.newest == self.days.newest;
        into.push(if is_as_row { AS_ROW } else { WRITTEN_OUT });
        into.extend_from_slice(&row_of(self.account).to_le_bytes());
        if self.account.is_none() {
            into.extend_from_slice(&name.to_le_bytes());
        }
        if !is_as_row {
            into.extend_from_slice(&self.first.number().to_le_bytes());
            into.extend_from_slice(&self.last.number().to_le_bytes());
            into.extend_from_slice(&self.used.to_le_bytes());
            into.extend_from_slice(&self.days.newest.to_le_bytes());
        }
        let mask = self.days.mask.to_le_bytes();
        let bytes = mask.len() - self.days.mask.leading_zeros() as usize / 8;
        into.extend_from_slice(&mask[..bytes]);
    }

    /// Reads it, and the hash of the name.
    pub(super) fn read(bytes: &[u8], newest: &Part, ledger: &Ledger) -> Option<(LastUse, u64)> {
        let (form, rest) = bytes.split_first()?;
        let (account, mut rest) = rest.split_at_checked(4)?;
        let account = ClaimId::of_row(read_u32(account, 0));
        let mut name = 0;
        if account.is_none() {
            let (hash, behind) = rest.split_at_checked(8)?;
            (name, rest) = (read_u64(hash, 0), behind);
        }
        let mut read = LastUse::as_row(newest, ledger);
        if *form == WRITTEN_OUT {
            let (own, behind) = rest.split_at_checked(20)?;
            read.first = ObjectId::of(read_u32(own, 0))?;
            read.last = ObjectId::of(read_u32(own, 4))?;
            read.used = read_u64(own, 8) as i64;
            read.days.newest = read_u32(own, 16) as i32;
            rest = behind;
        }
        let mut mask = [0; 8];
        mask.get_mut(..rest.len())?.copy_from_slice(rest);
        read.days.mask = u64::from_le_bytes(mask);
        Some((LastUse { account, ..read }, name))
    }
}

/// Returns the row of a claim, 0 where none is known.
pub(super) fn row_of(claim: Option<ClaimId>) -> u32 {
    claim.map_or(0, ClaimId::row)
}

/// Returns when a device can have been used at the latest, by one of its rows.
fn used(ledger: &Ledger, row: Said) -> i64 {
    let observed_at = ledger.observed_at(row.object);
    match row.last_seen {
        NEVER => observed_at,
        seen => seen.min(observed_at),
    }
}
