//! Erasures: who was erased, as keyed hashes, why and when.
//!
//! Kept beside the generations in `erased.json`, its owner's alone: whoever could read it could ask it for a name.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::generation::{from_hex, hex};
use crate::index::{Erased, ErasedHash, Person};

/// All erasures, and the key of their hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasures {
    /// 32 bytes as hexadecimal digits.
    key: String,
    /// The id of the last one, on the list still or not.
    #[serde(default)]
    last: u64,
    /// The generation that was made without the last of them.
    #[serde(default)]
    since: u64,
    /// The oldest first.
    pub erased: Vec<Erasure>,
}

/// Somebody who was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// By which it can be undone; 1 is the first.
    pub id: u64,
    /// When: RFC 3339, in UTC.
    pub at: String,
    /// Why, in the words of whoever asked for it.
    pub reason: String,
    /// Hashes of keys and of other values, as hexadecimal digits.
    hashes: Vec<String>,
    /// Where false, the program was ended before a generation without them was published: the next run makes it.
    pub is_done: bool,
}

impl Erasures {
    /// Begins a list, with a key of 32 bytes by chance.
    pub fn begin(key: [u8; 32]) -> Erasures {
        Erasures {
            key: hex(&key),
            last: 0,
            since: 0,
            erased: Vec::new(),
        }
    }

    /// Returns how many there ever were.
    pub fn count(&self) -> u64 {
        self.last
    }

    /// Tells whether there is a key to hash with.
    pub fn has_key(&self) -> bool {
        !self.key.is_empty()
    }

    /// Returns what rows are compared with; none where the list is not what was written.
    pub fn hashes(&self) -> Option<Erased> {
        if self.erased.is_empty() && !self.has_key() {
            return Some(Erased::default());
        }
        let hashes = self.erased.iter().flat_map(|one| &one.hashes);
        let hashes = hashes.map(|hash| from_hex::<16>(hash));
        Some(Erased::new(
            from_hex(&self.key)?,
            self.last,
            hashes.collect::<Option<Vec<ErasedHash>>>()?,
        ))
    }

    /// Adds somebody who is to be erased, and returns the id.
    pub fn add(&mut self, person: &Person, reason: &str, at: Timestamp) -> Option<u64> {
        let erased = self.hashes()?;
        let keys = person.keys.iter();
        let keys = keys.map(|(kind, hash)| erased.hash_of_key(*kind, *hash));
        let values = person.values.iter().chain(&person.full_names);
        let values = values.map(|value| erased.hash_of_value(value));
        let names = person.sealed_names.iter();
        let names = names.map(|hash| erased.hash_of_sealed_name(*hash));
        let mut hashes: Vec<String> = keys
            .chain(values)
            .chain(names)
            .map(|hash| hex(&hash))
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        self.last += 1;
        self.erased.push(Erasure {
            id: self.last,
            at: at.to_string(),
            reason: reason.to_owned(),
            hashes,
            is_done: false,
        });
        Some(self.last)
    }

    /// Takes somebody off the list, by the id: later exports bring them back. Tells whether the id is on it.
    pub fn take_off(&mut self, id: u64) -> bool {
        let before = self.erased.len();
        self.erased.retain(|one| one.id != id);
        self.erased.len() < before
    }

    /// Tells whether a generation without all of them is still to be made.
    pub fn is_pending(&self) -> bool {
        self.erased.iter().any(|one| !one.is_done)
    }

    /// Returns the first generation that has none of them; those before are to be nowhere.
    pub fn since(&self) -> u64 {
        self.since
    }

    /// Notes that none of them is in the index from a generation on.
    pub fn done(&mut self, generation: u64) {
        self.since = generation;
        self.erased.iter_mut().for_each(|one| one.is_done = true);
    }
}

impl Erasure {
    /// Returns by how many keys and values rows are told.
    pub fn hashes(&self) -> usize {
        self.hashes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_was_changed_is_not_taken_for_an_empty_one() {
        let mut list = Erasures::begin([7; 32]);
        let person = Person {
            values: vec!["ann@example.com".into()],
            ..Person::default()
        };
        assert_eq!(
            list.add(&person, "asked for it", Timestamp::UNIX_EPOCH),
            Some(1)
        );
        assert!(list.is_pending() && list.hashes().is_some());
        let text = serde_json::to_string(&list).unwrap();
        assert!(!text.contains("ann"), "{text}");
        assert_eq!(serde_json::from_str::<Erasures>(&text).unwrap(), list);
        for cut in [
            text.replace("\"07", "\""),
            text.replace("\"hashes\":[\"", "\"hashes\":[\"z"),
        ] {
            let list: Erasures = serde_json::from_str(&cut).unwrap();
            assert!(list.hashes().is_none(), "{cut}");
        }
    }
}
