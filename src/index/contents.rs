//! Contents that were taken in, to recognise copies without decoding them.

use std::collections::{HashMap, HashSet};

use crate::observation::{Object, ObservedFrom};

/// Contents of objects that were taken in.
#[derive(Debug, Default, Clone)]
pub struct Contents {
    /// The latest time of modification of each content at each observed time.
    known: HashMap<([u8; 32], i64), i64>,
    hashes: HashSet<[u8; 32]>,
    /// How many contents were observed at a time.
    at: HashMap<i64, u32>,
}

/// What an object is to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Its rows are to be taken in.
    New,
    /// So are those of one whose content was observed at another time before, by its time of modification.
    Repeated,
    /// Its rows were taken in.
    Copy,
}

impl Contents {
    /// Takes in what is known.
    pub(super) fn of(contents: impl Iterator<Item = ([u8; 32], i64, i64)>) -> Contents {
        let mut all = Contents::default();
        for (blake3, observed_at, modified_at) in contents {
            all.add(blake3, observed_at, modified_at);
        }
        all
    }

    fn add(&mut self, blake3: [u8; 32], observed_at: i64, modified_at: i64) {
        self.hashes.insert(blake3);
        let known = self.known.insert((blake3, observed_at), modified_at);
        match known {
            Some(known) if known > modified_at => {
                self.known.insert((blake3, observed_at), known);
            }
            Some(_) => {}
            None => *self.at.entry(observed_at).or_default() += 1,
        }
    }

    /// Remembers an object that was taken in.
    pub fn note(&mut self, object: &Object, blake3: [u8; 32]) {
        self.add(blake3, object.observed_at, object.modified_at);
    }

    /// Says what an object is to those that were taken in.
    pub fn judge(&self, object: &Object, blake3: [u8; 32]) -> Content {
        let is_known = self.hashes.contains(&blake3);
        let before = self.known.get(&(blake3, object.observed_at)).copied();
        match before {
            // Of two objects of one time the one modified last counts: a later copy moves its rows behind others.
            Some(known) if known < object.modified_at && self.at[&object.observed_at] > 1 => {
                Content::New
            }
            Some(_) => Content::Copy,
            None if is_known && object.observed_from == ObservedFrom::Modified => Content::Repeated,
            None => Content::New,
        }
    }
}
