//! Dice: numbers and choices out of a seed. What is chosen from is left to its callers.

/// splitmix64: small, and the same on every platform.
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, values: &'a [T]) -> &'a T {
        &values[self.below(values.len())]
    }

    /// Picks from the few or, as often, from all.
    pub(super) fn one_of<'a, T>(&mut self, few: &'a [T], all: &'a [T]) -> &'a T {
        let values = if self.chance(50) { few } else { all };
        self.pick(values)
    }

    /// Returns some of the columns, at least one; more often than anything else the last, the name.
    pub(super) fn some_of(&mut self, columns: &[&'static str; 3]) -> Vec<&'static str> {
        let chosen = *self.pick(&[1, 2, 3, 4, 4, 4, 5, 6, 7]);
        let is_chosen = |index: &usize| chosen >> index & 1 == 1;
        (0..3)
            .filter(is_chosen)
            .map(|index| columns[index])
            .collect()
    }

    pub(super) fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last + 1));
        }
    }
}
