//! The identifier table's format: which claims the hash of a normal form points to.
//!
//! Entries lie sorted in buckets, one bucket for all hashes with the same top bits, whatever the identifier's kind: one
//! read finds all that a text can mean. A bucket is `n` entries as columns: `n` tags, which are those bytes of the hash
//! that the bucket does not tell, at least four (little endian), `n` references (4 bytes), sorted. A hash with more than [`CROWD`] holders
//! keeps one reference, [`IN_CROWD`], and its holders stand in the table `crowd`, in order. Every hit is to be verified
//! against the row.

use crate::identifier::{self, Kind};

/// Holders of one hash that a bucket keeps.
pub const CROWD: usize = 64;
/// The reference that says: see `crowd`.
pub const IN_CROWD: u32 = u32::MAX;
/// Bytes of a reference.
const REFERENCE_BYTES: usize = 4;
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
        Hash::of_bits(identifier::hash128(normal))
    }

    /// Takes the bits of a hash that count.
    pub fn of_bits(hash: u128) -> Hash {
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

/// Returns how many bytes of a hash stand in its bucket, where so many top bits name that one.
fn tag_bytes(bits: u32) -> usize {
    // Never fewer than a reference has: see `Entries::tag`.
    (64_u32.saturating_sub(bits).div_ceil(8) as usize).max(REFERENCE_BYTES)
}

/// Appends the tag of a hash to those of its bucket.
pub fn put_tag(hash: u64, bits: u32, tags: &mut Vec<u8>) {
    tags.extend_from_slice(&hash.to_le_bytes()[..tag_bytes(bits)]);
}

/// The entries of a bucket.
#[derive(Debug, Clone, Copy)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    tag_bytes: usize,
    count: usize,
}

impl<'a> Entries<'a> {
    /// Reads those of a bucket that so many top bits of a hash name.
    pub fn of(bytes: &'a [u8], bits: u32) -> Entries<'a> {
        let tag_bytes = tag_bytes(bits);
        Entries {
            bytes,
            tag_bytes,
            count: bytes.len() / (tag_bytes + REFERENCE_BYTES),
        }
    }

    /// Returns the lower bytes of a hash that its tag has.
    fn low(self, hash: u64) -> u64 {
        hash & (u64::MAX >> (64 - 8 * self.tag_bytes))
    }

    fn tag(self, at: usize) -> u64 {
        // Behind the last tag are as many bytes of references as eight bytes have more than the tag.
        self.low(read_u64(self.bytes, at * self.tag_bytes))
    }

    fn reference(self, at: usize) -> u32 {
        let references = self.count * self.tag_bytes;
        read_u32(self.bytes, references + at * REFERENCE_BYTES)
    }

    /// Returns the references of a hash.
    pub fn references(self, hash: u64) -> impl Iterator<Item = u32> {
        let tag = self.low(hash);
        // Hashes are uniform, but a bucket is small: halving costs six steps.
        let (mut begin, mut end) = (0, self.count);
        while begin < end {
            let middle = begin + (end - begin) / 2;
            match self.tag(middle) < tag {
                true => begin = middle + 1,
                false => end = middle,
            }
        }
        let same = (begin..self.count).take_while(move |at| self.tag(*at) == tag);
        same.map(move |at| self.reference(at))
    }

    /// Returns all hashes and references, of the bucket of a number.
    pub fn all(self, bucket: i64, bits: u32) -> impl Iterator<Item = (u64, u32)> {
        let top = match bits {
            0 => 0,
            bits => (bucket as u64) << (64 - bits),
        };
        // Where a tag has some of the top bits, they are the same ones.
        (0..self.count).map(move |at| (top | self.tag(at), self.reference(at)))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_back_whole_hashes_however_many_bits_name_it() {
        for bits in [0, 1, 7, 8, 18, 24, 31, 32, 40] {
            let bucket = 0x5a5a_5a5a_5a5a_5a5a >> (64 - bits.max(1)) & !u64::from(bits == 0);
            let top = if bits == 0 { 0 } else { bucket << (64 - bits) };
            let mut hashes: Vec<u64> = (0..100_u64)
                .map(|at| top | (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> bits))
                .collect();
            hashes.sort_unstable();
            let mut bytes = Vec::new();
            hashes
                .iter()
                .for_each(|hash| put_tag(*hash, bits, &mut bytes));
            let references = (0..100_u32).flat_map(|at| (at * 7).to_le_bytes());
            bytes.extend(references);
            let entries = Entries::of(&bytes, bits);
            assert!(
                hashes
                    .iter()
                    .all(|hash| bucket_of(*hash, bits) == bucket as i64)
            );
            let all: Vec<(u64, u32)> = entries.all(bucket as i64, bits).collect();
            let expected = hashes.iter().copied().zip((0..100).map(|at| at * 7));
            assert!(all.into_iter().eq(expected), "{bits} bits");
            for (hash, reference) in hashes.iter().zip((0..100).map(|at| at * 7)) {
                assert!(entries.references(*hash).eq([reference]), "{bits} bits");
            }
        }
        assert_eq!(Entries::of(&[1, 2, 3], 0).all(0, 0).count(), 0);
    }
}
