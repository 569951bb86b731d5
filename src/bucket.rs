//! The identifier table's format: which claims the hash of a normal form points to.
//!
//! Entries lie sorted in buckets, one bucket for all hashes with the same top bits, whatever the identifier's kind: one
//! read finds all that a text can mean. A bucket is `n` entries as columns: `n` hashes (8 bytes, little endian), `n`
//! references (4), sorted. A hash with more than [`CROWD`] holders keeps one reference, [`IN_CROWD`], and its holders
//! stand in the table `crowd`, in order. Every hit is to be verified against the row.

use crate::identifier::{self, Kind};

/// Holders of one hash that a bucket keeps.
pub const CROWD: usize = 64;
/// The reference that says: see `crowd`.
pub const IN_CROWD: u32 = u32::MAX;
/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 12;
/// The largest id that a reference can hold.
pub const MAX_ID: u32 = (1 << 28) - 1;

/// What the index files an identifier under: 96 bits of the hash of its normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash {
    /// The upper 64 bits; its top bits name the bucket.
    pub high: u64,
    /// 32 more, so that equal hashes of different values are not to be expected in any index.
    pub low: u32,
}

impl Hash {
    /// Hashes a normal form.
    pub fn of(normal: &str) -> Hash {
        let hash = identifier::hash128(normal);
        Hash {
            high: (hash >> 64) as u64,
            low: (hash >> 32) as u32,
        }
    }
}

/// Packs a kind and a claim's id.
pub fn reference(kind: Kind, id: u32) -> u32 {
    (kind as u32) << 28 | id
}

/// Unpacks a reference.
pub fn kind_and_id(reference: u32) -> Option<(Kind, u32)> {
    Kind::from_code((reference >> 28) as u8).map(|kind| (kind, reference & MAX_ID))
}

/// Returns the bucket of a hash.
pub fn bucket_of(hash: u64, bits: u32) -> i64 {
    if bits == 0 {
        0
    } else {
        (hash >> (64 - bits)) as i64
    }
}

/// Returns the references that a bucket's bytes hold for a hash.
pub fn references_in(entries: &[u8], hash: u64) -> impl Iterator<Item = u32> {
    let count = entries.len() / ENTRY_BYTES;
    let other = move |at: usize| read_u64(entries, at * 8);
    // Hashes are uniform, but a bucket is small: halving costs six steps.
    let (mut begin, mut end) = (0, count);
    while begin < end {
        let middle = begin + (end - begin) / 2;
        match other(middle) < hash {
            true => begin = middle + 1,
            false => end = middle,
        }
    }
    let same = (begin..count).take_while(move |at| other(*at) == hash);
    same.map(move |at| read_u32(entries, count * 8 + at * 4))
}

/// Returns a bucket's hashes and references.
pub fn entries_in(entries: &[u8]) -> impl Iterator<Item = (u64, u32)> {
    let count = entries.len() / ENTRY_BYTES;
    (0..count).map(move |at| {
        (
            read_u64(entries, at * 8),
            read_u32(entries, count * 8 + at * 4),
        )
    })
}

pub(crate) fn read_u64(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).map_or(0, |bytes| {
        u64::from_le_bytes(bytes.try_into().expect("eight bytes were cut"))
    })
}

pub(crate) fn read_u32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |bytes| {
        u32::from_le_bytes(bytes.try_into().expect("four bytes were cut"))
    })
}
