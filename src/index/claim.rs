//! Claims: what is kept of rows that say the same keys, and so are of one account or device for ever.
//!
//! A claim has a *part* for every set of columns that its rows came with: that one's newest row, and when it came first.
//! Nearly all claims have one part. A claim's text is that of its parts together, each field by the newest part that
//! carries it; what an older part said in a column that a newer one carries is not kept.

use super::spill::Text;
use crate::bucket::{read_u32, read_u64};
use crate::observation::Traits;

/// Stands for "the row has no `last_seen`": sorts before every time.
pub(super) const NEVER: i64 = i64::MIN;

/// The id of a claim, which is its row's. They begin at 1 and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClaimId(pub(super) u32);

impl ClaimId {
    /// Returns its position among those of its subject.
    pub(super) fn at(self) -> usize {
        self.0 as usize - 1
    }

    pub(super) fn of_position(at: usize) -> ClaimId {
        ClaimId(at as u32 + 1)
    }
}

/// The newest row that came with a set of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) last_seen: i64,
    pub(super) object: u32,
    pub(super) row: u32,
    /// The object in which such a row was observed first.
    pub(super) first: u32,
    pub(super) text: Text,
    pub(super) shape: u16,
}

impl Part {
    /// Returns the row's `last_seen`, if it has any.
    pub(super) fn last_seen(&self) -> Option<i64> {
        (self.last_seen != NEVER).then_some(self.last_seen)
    }
}

/// What is kept of a claim while a generation is made; its text stands elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    /// The hash of its keys. Of 64 bits, compared with nothing else: among a million accounts, two have the same once in
    /// 10^7 tenants.
    pub(super) hash: u64,
    /// Its newest part.
    pub(super) newest: Part,
    /// The list of its others; 0: none.
    pub(super) others: u32,
    /// All that it ever said of what may change stands in `held`.
    pub(super) is_held: bool,
    /// The newest part was that before this run, too: its text is all there.
    pub(super) was_newest: bool,
}

/// An older part of a claim, in the list of those of all claims.
#[derive(Debug, Clone, Copy)]
pub(super) struct Other {
    pub(super) part: Part,
    /// It was the claim's newest one before this run.
    pub(super) was_newest: bool,
    pub(super) next: u32,
}

/// What a part's row says, in numbers that its text need not be read for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Print {
    /// The hash of the row's bytes; 0: none, or those of an older part.
    pub(super) raw: u64,
    /// The hash of what it says.
    pub(super) fingerprint: u64,
    pub(super) traits: Traits,
}

/// What the column `parts` holds beside what has columns of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) hash: u64,
    pub(super) newest: (u16, u32, Print),
    /// The newest row's own `last_seen`; stored where there are others, of which one may say what the claim's is.
    pub(super) last_seen: i64,
    pub(super) others: Vec<(Part, u64)>,
}

/// Bytes of a claim with one part, before its values.
const NEWEST_BYTES: usize = 8 + 8 + 8 + 1 + 2 + 4;
/// Bytes of each other part.
const OTHER_BYTES: usize = 8 + 2 + 4 + 4 + 4 + 8;

impl Stored {
    /// Appends it.
    pub(super) fn put(&self, values: &[u64], into: &mut Vec<u8>) {
        let (shape, first, print) = self.newest;
        into.extend_from_slice(&self.hash.to_le_bytes());
        into.extend_from_slice(&print.raw.to_le_bytes());
        into.extend_from_slice(&print.fingerprint.to_le_bytes());
        into.push(print.traits.to_byte());
        into.extend_from_slice(&shape.to_le_bytes());
        into.extend_from_slice(&first.to_le_bytes());
        for value in values {
            into.extend_from_slice(&value.to_le_bytes());
        }
        if !self.others.is_empty() {
            into.extend_from_slice(&self.last_seen.to_le_bytes());
        }
        for (part, fingerprint) in &self.others {
            into.extend_from_slice(&fingerprint.to_le_bytes());
            into.extend_from_slice(&part.shape.to_le_bytes());
            into.extend_from_slice(&part.first.to_le_bytes());
            into.extend_from_slice(&part.object.to_le_bytes());
            into.extend_from_slice(&part.row.to_le_bytes());
            into.extend_from_slice(&part.last_seen.to_le_bytes());
        }
    }

    /// Reads it, with so many values; none where it is no such thing. `last_seen` is what the row's column says.
    pub(super) fn read(
        bytes: &[u8],
        values: usize,
        last_seen: i64,
    ) -> Option<(Stored, impl Iterator<Item = u64>)> {
        let (own, others) = bytes.split_at_checked(NEWEST_BYTES + 8 * values)?;
        let (last_seen, others) = match others.split_at_checked(8) {
            Some((last_seen, others)) => (read_u64(last_seen, 0) as i64, others),
            None => (last_seen, others),
        };
        let bytes = own;
        let print = Print {
            raw: read_u64(bytes, 8),
            fingerprint: read_u64(bytes, 16),
            traits: Traits::of_byte(bytes[24]),
        };
        let shape = |bytes: &[u8], at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let others = others.chunks_exact(OTHER_BYTES).map(|other| {
            let part = Part {
                shape: shape(other, 8),
                first: read_u32(other, 10),
                object: read_u32(other, 14),
                row: read_u32(other, 18),
                last_seen: read_u64(other, 22) as i64,
                text: Text::KEPT,
            };
            (part, read_u64(other, 0))
        });
        let stored = Stored {
            hash: read_u64(bytes, 0),
            newest: (shape(bytes, 25), read_u32(bytes, 27), print),
            last_seen,
            others: others.collect(),
        };
        let values = (0..values).map(|at| read_u64(bytes, NEWEST_BYTES + 8 * at));
        Some((stored, values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_reads_back() {
        let part = Part {
            last_seen: NEVER,
            object: 7,
            row: 8,
            first: 3,
            text: Text::KEPT,
            shape: 2,
        };
        let print = Print {
            raw: 5,
            fingerprint: u64::MAX,
            traits: Traits {
                has_person: true,
                ..Traits::default()
            },
        };
        for others in 0..3 {
            let stored = Stored {
                hash: 1 << 63,
                newest: (9, 4, print),
                last_seen: -5,
                others: vec![(part, 77); others],
            };
            let mut bytes = Vec::new();
            stored.put(&[1, u64::MAX], &mut bytes);
            let (read, values) = Stored::read(&bytes, 2, -5).unwrap();
            assert_eq!(read, stored);
            assert_eq!(values.collect::<Vec<_>>(), [1, u64::MAX]);
        }
        assert!(Stored::read(&[0; 30], 2, 0).is_none());
    }
}
