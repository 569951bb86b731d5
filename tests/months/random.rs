//! Random numbers of a seed: the same on every machine and for ever, so that a month can be played again.

/// A generator (SplitMix64); good enough to play with.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0xd134_2543_de82_ef95) ^ 0x1234_5678_9abc_def0)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number of `from..to`; `from` where that is empty.
    pub(super) fn between(&mut self, from: i64, to: i64) -> i64 {
        let width = (to - from).max(1).unsigned_abs();
        from + (self.next() % width).cast_signed()
    }

    /// Happens so many times in a hundred.
    pub(super) fn percent(&mut self, percent: i64) -> bool {
        self.between(0, 100) < percent
    }

    /// Returns one of several; there is at least one.
    pub(super) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[(self.next() % of.len() as u64) as usize]
    }

    pub(super) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        let [a, b, c] = [high >> 32, (high >> 16) & 0xffff, high & 0xfff];
        let [d, e] = [(low >> 48) & 0xfff, low & 0xffff_ffff_ffff];
        format!("{a:08x}-{b:04x}-4{c:03x}-8{d:03x}-{e:012x}")
    }
}
