//! Rows that are known by their bytes: a cut row's hash, and what the index knows under it.
//!
//! What is known is the index's affair, and which cells are left out the caller's.

use std::hash::Hasher;
use std::ops::Range;

use siphasher::sip::SipHasher13;

use crate::observation::{Recognised, Recogniser};

/// What a row's bytes tell of it.
pub(super) enum Known {
    Yes(Recognised),
    /// With the hash by which it will be known.
    No(u64),
}

/// Hashes a row but for the cells that are left out, and looks it up. Equal hashes of 64 bits are taken for equal rows:
/// among a million rows, one that says something new is taken for a known one once in 10^13.
///
/// `expected` is the id of what it is most likely known as; 0: none.
pub(super) fn recognise(
    recogniser: Recogniser,
    row: &str,
    cells: &[Range<usize>],
    expected: u32,
) -> Known {
    let mut hasher = SipHasher13::new_with_keys(recogniser.seed, cells.len() as u64);
    let cell = |column: Option<usize>| cells.get(column?).cloned();
    let mut left_out = recogniser.left_out.map(cell);
    let said = left_out
        .clone()
        .map(|cell| cell.map(|cell| row[cell].trim()));
    left_out.sort_by_key(|cell| cell.as_ref().map(|cell| cell.start));
    let mut begin = 0;
    for cell in left_out.into_iter().flatten() {
        hasher.write(&row.as_bytes()[begin..cell.start]);
        begin = cell.end;
    }
    hasher.write(row[begin..].trim_ascii_end().as_bytes());
    let raw = hasher.finish().max(1);
    let said = said.map(|text| text.filter(|text| !text.is_empty()));
    (recogniser.known)(raw, said, expected).map_or(Known::No(raw), Known::Yes)
}
