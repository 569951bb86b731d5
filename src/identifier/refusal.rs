//! Refusals: why a text is no identifier, in words that never hold the text.
//!
//! Which form was expected is said by the kind that refuses.

/// Why a text is not an identifier of the kind asked for; never holds the text itself.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Nothing but white space.
    #[error("empty")]
    Empty,
    /// A word or number that stands for "no value", such as `-` or the nil UUID.
    #[error("a placeholder, not a value")]
    Placeholder,
    /// More bytes than [`Kind::max_bytes`](super::Kind::max_bytes), as given or once normalised.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A control, invisible or look-alike character that could make two values one.
    #[error("holds a character that identifiers must not have")]
    Character,
    /// Not written as a value of this kind.
    #[error("not of the form {expected}")]
    Grammar {
        /// The form that was expected.
        expected: &'static str,
    },
    /// A UPN that the collector hashed: it finds nobody.
    #[error("hashed or anonymised")]
    Hashed,
}

#[cfg(test)]
mod tests {
    use crate::identifier::Kind;
    use crate::identifier::tests::refusal;

    #[test]
    fn a_refusal_never_holds_the_value() {
        for kind in Kind::ALL {
            for text in ["zq\\zq\\zq", "zq\0", &"zq".repeat(999), "zq @@"] {
                let message = refusal(kind, text)
                    .map(|refusal| refusal.to_string())
                    .unwrap_or_default();
                assert!(!message.contains("zq") && message.is_ascii() | message.contains('…'));
            }
        }
    }
}
