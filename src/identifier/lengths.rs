//! Lengths: which lengths the texts of a list have, by what they begin with.
//!
//! A glance at a text's first byte and its length tells nearly every one that is in no list from those that are, for the
//! price of a lookup in one table.

/// By the first byte, the lengths of texts, a bit each; those of 63 bytes and more share a bit.
#[derive(Debug)]
pub(crate) struct Lengths([u64; 256]);

impl Lengths {
    /// Looks at the texts of a list, in lower case.
    pub(crate) fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Lengths {
        let mut lengths = [0; 256];
        for text in texts {
            lengths[first_byte(text)] |= length_bit(text);
        }
        Lengths(lengths)
    }

    /// Tells whether a text, in any case, may be in the list; what it denies is not.
    #[inline]
    pub(crate) fn may_have(&self, text: &str) -> bool {
        self.0[first_byte(text)] & length_bit(text) != 0
    }
}

fn first_byte(text: &str) -> usize {
    usize::from(text.bytes().next().unwrap_or_default().to_ascii_lowercase())
}

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
        assert!(!lengths.may_have("n/ab") && !lengths.may_have("jdoe@emea"));
    }
}
