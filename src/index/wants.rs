//! What is wanted under a hash: whose claim has it is found on the walk over all identifiers.

use crate::bucket::MAX_ID;

/// What is wanted under a hash, beside the keys of mentions: the user of a device's last login, now and once.
pub(super) const LAST_USER: u32 = 6;
pub(super) const FORMER_USER: u32 = 7;

/// Packs what is wanted under a hash.
pub(super) fn wanted(what: u32, at: usize) -> u32 {
    what << 28 | at as u32
}

/// Unpacks it.
pub(super) fn wanted_at(reference: u32) -> (u32, usize) {
    (reference >> 28, (reference & MAX_ID) as usize)
}
