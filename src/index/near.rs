//! What lies scattered over memory is looked at before it is asked for: a processor waits for one look after another where
//! each decides what is done next, and for many at once where none does.

/// How many are best looked at together: what they lead to stays in the processor's cache until it is asked for.
pub(super) const AT_ONCE: usize = 64;

/// Looks at some values, whatever they are.
pub(super) fn touch(values: impl Iterator<Item = u64>) {
    std::hint::black_box(values.fold(0, |seen, value| seen ^ value));
}
