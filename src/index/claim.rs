//! Claims: what is kept of rows that say the same keys, and so are of one account or device for ever.
//!
//! A claim has a *part* for every set of columns that its rows came with: that one's newest row, and when it came first.
//! Nearly all claims have one part. A claim's text is that of its parts together, each field by the newest part that
//! carries it; what an older part said in a column that a newer one carries is not kept.

use std::num::NonZeroU32;

use super::error::{Result, damaged};
use super::ledger::Ledger;
use super::said::{NEVER, ObjectId, Said, ShapeId};
use super::spill::Text;
use crate::bucket::read_u64;
use crate::observation::{NOT_CARRIED, SAYS_NOTHING, Traits, VALUES};
use crate::schema::{folded, microseconds_of, stored_time, unfolded};
use crate::sqlite::{Columns, put_varint, take_varint};

/// The id of a claim, which is its row's. They begin at 1 and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClaimId(NonZeroU32);

impl ClaimId {
    /// Returns the claim of a row's id, if that can be one's.
    pub(super) fn of_row(row: u32) -> Option<ClaimId> {
        NonZeroU32::new(row).map(ClaimId)
    }

    /// Returns the claim at a position among those of its subject.
    pub(super) fn of_position(at: usize) -> ClaimId {
        ClaimId(NonZeroU32::MIN.saturating_add(at as u32))
    }

    /// Returns its position among those of its subject.
    pub(super) fn at(self) -> usize {
        self.row() as usize - 1
    }

    /// Returns the id of its row.
    pub(super) fn row(self) -> u32 {
        self.0.get()
    }
}

/// The newest row that came with a set of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) last_seen: i64,
    pub(super) object: ObjectId,
    pub(super) row: u32,
    /// The object in which such a row was observed first.
    pub(super) first: ObjectId,
    pub(super) text: Text,
    pub(super) shape: ShapeId,
}

impl Part {
    /// Returns the row's `last_seen`, if it has any.
    pub(super) fn last_seen(&self) -> Option<i64> {
        (self.last_seen != NEVER).then_some(self.last_seen)
    }
}

/// Returns what orders a part's row.
pub(super) fn said(part: &Part) -> Said {
    Said {
        object: part.object,
        last_seen: part.last_seen,
        row: part.row,
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
    /// The first of its others.
    pub(super) others: Option<OtherId>,
    /// All that it ever said of what may change stands in `held`.
    pub(super) is_held: bool,
    /// The newest part was that before this run, too: its text is all there.
    pub(super) was_newest: bool,
}

/// Where an older part of a claim stands among those of all claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OtherId(NonZeroU32);

impl OtherId {
    pub(super) fn of_position(at: usize) -> OtherId {
        OtherId(NonZeroU32::MIN.saturating_add(at as u32))
    }

    pub(super) fn at(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// An older part of a claim, in the list of those of all claims.
#[derive(Debug, Clone, Copy)]
pub(super) struct Other {
    pub(super) part: Part,
    /// It was the claim's newest one before this run.
    pub(super) was_newest: bool,
    pub(super) next: Option<OtherId>,
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

/// What the index stores of a claim's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) hash: u64,
    pub(super) newest: Part,
    pub(super) print: Print,
    /// Each with the hash of what it says.
    pub(super) others: Vec<(Part, u64)>,
}

/// Bytes of the column `parts`, before the values.
const NEWEST_BYTES: usize = 8 + 8 + 8 + 1 + 1;

/// How a value is written, in two bits: those that say nothing by themselves, one that is the same as the one before, and
/// all others in eight bytes.
const SAME: u64 = 2;
const WRITTEN: u64 = 3;

impl Stored {
    /// Appends what has no columns of its own; `row_last_seen` is what the row's says.
    pub(super) fn put(&self, values: &[u64], row_last_seen: i64, into: &mut Vec<u8>) {
        let Print {
            raw,
            fingerprint,
            traits,
        } = self.print;
        for number in [self.hash, raw, fingerprint] {
            into.extend_from_slice(&number.to_le_bytes());
        }
        into.push(traits.to_byte());
        put_values(values, into);
        if !self.others.is_empty() {
            // The row's columns say what holds for all parts together.
            put_varint(into, u64::from(self.newest.first.number()));
            put_last_seen(self.newest.last_seen, row_last_seen, into);
        }
        for (part, fingerprint) in &self.others {
            into.extend_from_slice(&fingerprint.to_le_bytes());
            for number in [part.first.number(), part.object.number(), part.row] {
                put_varint(into, u64::from(number));
            }
            put_last_seen(part.last_seen, row_last_seen, into);
        }
    }

    /// Reads it, and a claim's values, from a row's `last_seen` to its `parts`; none where that is empty: the row is of a
    /// subject that several claims tell of.
    pub(super) fn read(
        ledger: &Ledger,
        columns: &mut Columns,
    ) -> Result<Option<(Stored, [u64; VALUES])>> {
        let last_seen = columns.take()?.integer().map_or(NEVER, microseconds_of);
        let object = ObjectId::read(columns.take()?)?;
        let row = columns.take()?.integer().unwrap_or_default() as u32;
        let first = ObjectId::read(columns.take()?)?;
        let parts = columns.take()?.blob().unwrap_or_default();
        if parts.is_empty() {
            return Ok(None);
        }
        let newest = Part {
            last_seen,
            object,
            row,
            first,
            text: Text::KEPT,
            shape: ledger.shape_of(object),
        };
        let stored = Stored::read_parts(ledger, newest, parts);
        stored.map(Some).ok_or(damaged("the parts of a row"))
    }

    fn read_parts(
        ledger: &Ledger,
        mut newest: Part,
        parts: &[u8],
    ) -> Option<(Stored, [u64; VALUES])> {
        let (own, rest) = parts.split_at_checked(NEWEST_BYTES)?;
        let (values, rest) = read_values(own[25], rest)?;
        let (mut rest, row_last_seen) = (rest, newest.last_seen);
        if !rest.is_empty() {
            newest.first = ObjectId::of(take_u32(&mut rest)?)?;
            newest.last_seen = take_last_seen(&mut rest, row_last_seen)?;
        }
        let mut others = Vec::new();
        while !rest.is_empty() {
            others.push(take_other(ledger, &mut rest, row_last_seen)?);
        }
        let stored = Stored {
            hash: read_u64(own, 0),
            newest,
            print: Print {
                raw: read_u64(own, 8),
                fingerprint: read_u64(own, 16),
                traits: Traits::of_byte(own[24]),
            },
            others,
        };
        Some((stored, values))
    }
}

/// Takes an older part, and the hash of what it says.
fn take_other(ledger: &Ledger, bytes: &mut &[u8], row_last_seen: i64) -> Option<(Part, u64)> {
    let (fingerprint, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    let first = ObjectId::of(take_u32(bytes)?)?;
    let object = ObjectId::of(take_u32(bytes)?)?;
    let part = Part {
        first,
        object,
        row: take_u32(bytes)?,
        last_seen: take_last_seen(bytes, row_last_seen)?,
        text: Text::KEPT,
        shape: ledger.shape_of(object),
    };
    Some((part, u64::from_le_bytes(*fingerprint)))
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    u32::try_from(take_varint(bytes)?).ok()
}

/// Appends a `last_seen`: 0 for `NEVER`, 1 for what the row's says, or two more than what is stored of a time.
fn put_last_seen(last_seen: i64, row_last_seen: i64, into: &mut Vec<u8>) {
    let stored = match last_seen {
        NEVER => 0,
        time if time == row_last_seen => 1,
        time => folded(stored_time(time)) + 2,
    };
    put_varint(into, stored);
}

fn take_last_seen(bytes: &mut &[u8], row_last_seen: i64) -> Option<i64> {
    Some(match take_varint(bytes)? {
        0 => NEVER,
        1 => row_last_seen,
        stored => microseconds_of(unfolded(stored - 2)),
    })
}

fn put_values(values: &[u64], into: &mut Vec<u8>) {
    let at = into.len();
    let (mut before, mut how) = (0, 0);
    into.push(0);
    for (shift, value) in (0..).step_by(2).zip(values) {
        let code = match *value {
            value if value <= SAYS_NOTHING => value,
            value if value == before => SAME,
            _ => WRITTEN,
        };
        if code == WRITTEN {
            into.extend_from_slice(&value.to_le_bytes());
        }
        how |= (code as u8) << shift;
        before = *value;
    }
    into[at] = how;
}

fn read_values(how: u8, mut bytes: &[u8]) -> Option<([u64; VALUES], &[u8])> {
    let mut values = [NOT_CARRIED; VALUES];
    let mut before = 0;
    for (shift, into) in (0..).step_by(2).zip(&mut values) {
        *into = match u64::from(how >> shift & 3) {
            SAME => before,
            WRITTEN => {
                let (value, rest) = bytes.split_first_chunk()?;
                bytes = rest;
                u64::from_le_bytes(*value)
            }
            said => said,
        };
        before = *into;
    }
    Some((values, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_reads_back() {
        let ledger = Ledger::default();
        let object = |number: u32| ObjectId::of(number).unwrap();
        let part = Part {
            last_seen: NEVER,
            object: object(7),
            row: 8,
            first: object(3),
            text: Text::KEPT,
            shape: ShapeId(0),
        };
        let print = Print {
            raw: 5,
            fingerprint: u64::MAX,
            traits: Traits {
                has_person: true,
                ..Traits::default()
            },
        };
        let newest = Part { row: 9, ..part };
        let said = u64::MAX;
        for others in 0..3 {
            for values in [[0; VALUES], [said, said, 1, 0], [0, 1, 5, 5], [2, 1, 2, 2]] {
                let stored = Stored {
                    hash: 1 << 63,
                    newest,
                    print,
                    others: vec![
                        (
                            Part {
                                last_seen: 5,
                                ..part
                            },
                            77
                        );
                        others
                    ],
                };
                let mut bytes = Vec::new();
                stored.put(&values, 5, &mut bytes);
                // Where there are others, the row's columns need not say what the newest part does.
                let columns = Part {
                    first: object(if others == 0 { 3 } else { 1 }),
                    last_seen: if others == 0 { NEVER } else { 5 },
                    ..newest
                };
                let read = Stored::read_parts(&ledger, columns, &bytes).unwrap();
                assert_eq!(read, (stored, values));
            }
        }
        assert!(Stored::read_parts(&ledger, newest, &[0xff; 30]).is_none());
    }
}
