//! What lies scattered over memory is looked at before it is asked for. To fetch it takes as long as a hundred instructions
//! and more: where each decides what is done next, one fetch waits for the other; where none does, many go on at once.

/// How many are best looked at together: what they lead to stays in the processor's cache until it is asked for.
pub(super) const AT_ONCE: usize = 64;

/// Looks at some values, whatever they are.
pub(super) fn touch(values: impl Iterator<Item = u64>) {
    std::hint::black_box(values.fold(0, |seen, value| seen ^ value));
}
