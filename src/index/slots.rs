//! Positions found by 64-bit hashes: open addressing over hashes that stand elsewhere, four bytes a slot. A slot has a few
//! bits of the hash beside the position, so that another hash is nearly never looked at: it is far away in memory.

use super::near;
use crate::bucket::MAX_ID;

/// Nothing stands there: a position is below [`MAX_ID`].
const EMPTY: u32 = u32::MAX;

/// Where each hash of a growing list stands in it. The hashes are well spread already: some of their bits are the slot.
#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<u32>,
    taken: usize,
}

impl Slots {
    /// Makes slots for so many hashes, of which at most 70 % will be taken.
    pub(super) fn for_hashes(hashes: usize) -> Slots {
        Slots {
            slots: vec![EMPTY; (hashes * 10 / 7 + 1).next_power_of_two().max(1024)],
            taken: 0,
        }
    }

    /// Tells whether one more hash would make them too full.
    pub(super) fn is_full(&self) -> bool {
        (self.taken + 1) * 10 > self.slots.len() * 7
    }

    /// Notes where a hash stands, below [`MAX_ID`]. Only when they are not full.
    pub(super) fn place(&mut self, hash: u64, position: u32) {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != EMPTY {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = bits_beside(hash) | position;
        self.taken += 1;
    }

    /// Looks at the slots of some hashes.
    pub(super) fn touch(&self, hashes: impl Iterator<Item = u64>) {
        if let Some(mask) = self.slots.len().checked_sub(1) {
            near::touch(hashes.map(|hash| u64::from(self.slots[hash as usize & mask])));
        }
    }

    /// Returns where a hash stands, `hash_at` being what stands at a position.
    pub(super) fn find(&self, hash: u64, hash_at: impl Fn(u32) -> u64) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash as usize & mask;
        loop {
            let here = self.slots[slot];
            if here == EMPTY {
                return None;
            }
            let position = here & MAX_ID;
            if here & !MAX_ID == bits_beside(hash) && hash_at(position) == hash {
                return Some(position);
            }
            slot = (slot + 1) & mask;
        }
    }
}

/// Returns the bits of a hash that stand beside a position: not those that are the slot.
fn bits_beside(hash: u64) -> u32 {
    (hash >> 32) as u32 & !MAX_ID
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_one_slot_are_told_apart_and_others_are_not_found() {
        // All of one slot; some with the same bits beside the position.
        let hash = |at: u32| u64::from(at % 5) << 60 | u64::from(at) << 33 | 7;
        let mut slots = Slots::for_hashes(600);
        slots.touch((0..600).map(hash));
        (0..600).for_each(|at| slots.place(hash(at), at));
        for at in 0..600 {
            assert_eq!(slots.find(hash(at), hash), Some(at));
            assert_eq!(slots.find(hash(at) ^ 1 << 32, hash), None);
        }
        assert_eq!(Slots::default().find(7, hash), None);
        Slots::default().touch([7].into_iter());
    }
}
