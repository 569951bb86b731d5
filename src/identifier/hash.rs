//! Hashes: the numbers under which the index files normal forms, fixed for ever.
//!
//! Where a hash leads is the affair of the index.

use siphasher::sip128::SipHasher13;

/// Returns the hash under which the index files a normal form.
///
/// SipHash-1-3 with a key that is fixed for ever. The key is no secret, so equal hashes prove
/// nothing: every hit is verified against the value itself.
pub fn hash128(normal: &str) -> u128 {
    hash_bytes128(normal.as_bytes())
}

/// Returns the same hash of bytes that are no text.
pub(crate) fn hash_bytes128(bytes: &[u8]) -> u128 {
    // The ASCII codes of "identide" and "x/values".
    const KEY: (u64, u64) = (0x6964_656e_7469_6465, 0x782f_7661_6c75_6573);
    let hash = SipHasher13::new_with_keys(KEY.0, KEY.1).hash(bytes);
    hash.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fixed_for_ever() {
        // Computed when the format was made: an index on disk depends on them.
        assert_eq!(hash128(""), 0xdf17_c553_47fa_d89d_7fc1_18c6_c294_8c06);
        assert_eq!(
            hash128("jdoe@emea"),
            0x029a_1937_ebdc_92ee_8920_7c3a_8978_2c7a
        );
    }
}
