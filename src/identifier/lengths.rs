//! Lengths: which lengths the texts of a list have, by what they begin and end with.
//!
//! A glance at a text's length, its first byte and its last tells nearly every one that is in no list from those that are, for
//! the price of a lookup in two tables.

/// The lengths of texts, a bit each; those of 63 bytes and more share a bit.
#[derive(Debug)]
pub(crate) struct Lengths {
    by_first: [u64; 256],
    by_last: [u64; 256],
}

impl Lengths {
    /// Looks at the texts of a list, in lower case.
    pub(crate) fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Lengths {
        let (mut by_first, mut by_last) = ([0; 256], [0; 256]);
        for text in texts {
            let (first, last) = ends(text);
            // In both cases, so that no lookup has to fold.
            for case in [u8::to_ascii_lowercase, u8::to_ascii_uppercase] {
                by_first[usize::from(case(&first))] |= length_bit(text);
                by_last[usize::from(case(&last))] |= length_bit(text);
            }
        }
        Lengths { by_first, by_last }
    }

    /// Adds the texts of any length, two bytes or more, that begin and end with a byte.
    pub(crate) fn add_all_between(&mut self, byte: u8) {
        const TWO_OR_MORE: u64 = !0b11;
        self.by_first[usize::from(byte)] |= TWO_OR_MORE;
        self.by_last[usize::from(byte)] |= TWO_OR_MORE;
    }

    /// Tells whether a text, in any case, may be in the list; what it denies is not.
    #[inline(always)]
    pub(crate) fn may_have(&self, text: &str) -> bool {
        let (first, last) = ends(text);
        let lengths = self.by_first[usize::from(first)] & self.by_last[usize::from(last)];
        lengths & length_bit(text) != 0
    }
}

/// The first byte and the last; those of an empty text are 0.
#[inline(always)]
fn ends(text: &str) -> (u8, u8) {
    match text.as_bytes() {
        [] => (0, 0),
        [only] => (*only, *only),
        [first, .., last] => (*first, *last),
    }
}

#[inline(always)]
fn length_bit(text: &str) -> u64 {
    1 << text.len().min(63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_list_is_never_denied() {
        let texts = [
            "",
            "n/a",
            "-",
            "user.name",
            &"x".repeat(63),
            &"x".repeat(200),
        ];
        let lengths = Lengths::of(texts.into_iter());
        for text in texts {
            assert!(lengths.may_have(text) && lengths.may_have(&text.to_ascii_uppercase()));
        }
        for text in ["n/ab", "n/b", "jdoe@emea"] {
            assert!(!lengths.may_have(text), "{text}");
        }
    }
}
