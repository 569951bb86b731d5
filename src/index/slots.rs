//! Positions found by 64-bit hashes: open addressing over hashes that stand elsewhere, four bytes a slot.

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

    /// Notes where a hash stands. Only when they are not full.
    pub(super) fn place(&mut self, hash: u64, position: u32) {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != EMPTY {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = position;
        self.taken += 1;
    }

    /// Returns where a hash stands, `hash_at` being what stands at a position.
    pub(super) fn find(&self, hash: u64, hash_at: impl Fn(u32) -> u64) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash as usize & mask;
        loop {
            match self.slots[slot] {
                EMPTY => return None,
                position if hash_at(position) == hash => return Some(position),
                _ => slot = (slot + 1) & mask,
            }
        }
    }
}
