//! Who was erased: keyed hashes of the keys that they had, and of what else told of them.
//!
//! A row is dropped when its strongest key is among them, so that a name which is given again is not hidden when it comes
//! with another SID. The list itself, and the key of its hashes, are `publish`'s to keep.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::bucket::Hash;
use crate::identifier::{Kind, folded, normal_form, words};
use crate::observation::Entry;

/// What an account can be known by, the strongest first.
const KEYS: [Kind; 3] = [Kind::Sid, Kind::Uid, Kind::AccountName];
/// Stands for the kind of what is no key.
const VALUE: u8 = u8::MAX;
/// The same of a full name of which the hash alone is known.
const SEALED_NAME: u8 = u8::MAX - 1;

/// A keyed hash.
pub type ErasedHash = [u8; 16];

/// Who was erased.
#[derive(Debug, Clone, Default)]
pub struct Erased {
    key: [u8; 32],
    /// How many people there ever were.
    count: u64,
    hashes: HashSet<ErasedHash>,
}

impl Erased {
    /// Makes it of a key, of how many people ever were erased, and of the hashes that were made with the key.
    pub fn new(key: [u8; 32], count: u64, hashes: impl IntoIterator<Item = ErasedHash>) -> Erased {
        Erased {
            key,
            count,
            hashes: hashes.into_iter().collect(),
        }
    }

    /// Returns how many people ever were erased, those whom an undo took off the list among them.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Tells whether nobody was.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Hashes a key of an account, by the hash of its normal form.
    pub fn hash_of_key(&self, kind: Kind, hash: u64) -> ErasedHash {
        self.hash(kind as u8, &hash.to_le_bytes())
    }

    /// Hashes another text that tells of a person: an address, or a full name.
    pub fn hash_of_value(&self, text: &str) -> ErasedHash {
        let folded = folded(text).unwrap_or(Cow::Borrowed(text));
        self.hash(VALUE, folded.as_bytes())
    }

    /// Hashes a former full name by its hash.
    pub fn hash_of_sealed_name(&self, hash: u64) -> ErasedHash {
        self.hash(SEALED_NAME, &hash.to_le_bytes())
    }

    fn hash(&self, kind: u8, bytes: &[u8]) -> ErasedHash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&[kind]).update(bytes);
        let mut hash = ErasedHash::default();
        hasher.finalize_xof().fill(&mut hash);
        hash
    }

    /// Tells whether a key is that of somebody who was erased.
    pub(super) fn has_key(&self, kind: Kind, hash: u64) -> bool {
        !self.is_empty() && self.hashes.contains(&self.hash_of_key(kind, hash))
    }

    /// Tells whether keys are, of which the strongest counts: SID, uid, name. A SID that was shown to be local is none, but where
    /// it is all that is said.
    pub(super) fn has_strongest(&self, [sid, uid, name]: [Option<u64>; 3]) -> bool {
        let is_weak = sid.is_some_and(|sid| self.has_key(Kind::WeakSid, sid));
        if is_weak && uid.is_none() && name.is_none() {
            return true;
        }
        let sid = sid.filter(|_| !is_weak);
        let mut keys = KEYS.into_iter().zip([sid, uid, name]);
        let strongest = keys.find_map(|(kind, key)| Some((kind, key?)));
        strongest.is_some_and(|(kind, key)| self.has_key(kind, key))
    }

    /// Tells whether a row with some identifiers tells of somebody who was erased.
    pub(super) fn has_row(&self, entries: &[Entry]) -> bool {
        let key = |kind: Kind| {
            let of = entries.iter().find(|entry| entry.kind == kind);
            of.map(|entry| entry.hash.high)
        };
        !self.is_empty() && self.has_strongest(KEYS.map(key))
    }

    /// Tells whether a text names somebody who was erased, as the name of an account.
    pub(super) fn has_name(&self, text: &str) -> bool {
        let of = |normal: &str| self.has_key(Kind::AccountName, Hash::of(normal).high);
        !self.is_empty() && normal_form(Kind::AccountName, text).is_ok_and(|normal| of(&normal))
    }

    /// Tells whether a text is one that told of somebody who was erased, or one of its words is, in any spelling that is
    /// understood.
    pub(super) fn has_value(&self, text: &str) -> bool {
        let has = |text: &str| self.hashes.contains(&self.hash_of_value(text));
        let is_sealed_name = || {
            let folded = folded(text).unwrap_or(Cow::Borrowed(text));
            let hash = self.hash_of_sealed_name(Hash::of(&folded).high);
            self.hashes.contains(&hash)
        };
        let is_one = || has(text) || self.is_identifier(text) || is_sealed_name();
        !self.is_empty() && (is_one() || words(text).any(|word| self.is_identifier(word)))
    }

    fn is_identifier(&self, text: &str) -> bool {
        let has = |text: &str| self.hashes.contains(&self.hash_of_value(text));
        let is_key = |kind: Kind| {
            let normal = normal_form(kind, text);
            normal.is_ok_and(|normal| self.has_key(kind, Hash::of(&normal).high))
        };
        let is_address = |kind: Kind| normal_form(kind, text).is_ok_and(|normal| has(&normal));
        // Of former addresses that are sealed, their hash alone is known.
        let keys = KEYS.into_iter().chain([Kind::Upn, Kind::Email]);
        keys.into_iter().any(is_key) || [Kind::Upn, Kind::Email].into_iter().any(is_address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_text_is_cleared_for_an_identifier_and_not_for_a_word_like_any_other() {
        let none = Erased::new([7; 32], 1, []);
        let key = |kind, normal: &str| none.hash_of_key(kind, Hash::of(normal).high);
        let erased = Erased::new(
            [7; 32],
            1,
            [
                key(Kind::AccountName, "jdoe@emea"),
                key(Kind::AccountName, "desk"),
                none.hash_of_value("Sales"),
                none.hash_of_value("john@example.com"),
            ],
        );
        for text in [
            "Sales",
            "desk",
            r"EMEA\jdoe",
            "[ann@EMEA, jdoe@emea]",
            "mail to <John@Example.com>",
        ] {
            assert!(erased.has_value(text), "{text}");
        }
        for text in ["Sales and more", "the desk", "ajdoe@emea", "jdoe", ""] {
            assert!(!erased.has_value(text), "{text}");
        }
    }
}
