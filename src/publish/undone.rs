//! What a rollback undid: generations that were current once, and objects that only they took in.
//!
//! Kept beside the generations in `undone.json`, since a generation never changes. Runs leave these objects out until
//! they are asked to retry; the numbers of these generations are not used again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What was undone and not taken in again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// The numbers of the generations.
    pub(super) generations: BTreeSet<u64>,
    /// The names of the objects, by what identifies them in a listing, as 32 hexadecimal digits.
    objects: BTreeMap<String, String>,
}

impl Undone {
    /// Tells whether an object is one of those, by its identity.
    pub(super) fn has(&self, identity: u128) -> bool {
        self.objects.contains_key(&digits(identity))
    }

    pub(super) fn add(&mut self, objects: BTreeMap<u128, String>) {
        let objects = objects.into_iter();
        self.objects
            .extend(objects.map(|(identity, name)| (digits(identity), name)));
    }

    /// Takes out objects that are known after all.
    pub(super) fn forget(&mut self, known: &BTreeMap<u128, String>) {
        for identity in known.keys() {
            self.objects.remove(&digits(*identity));
        }
    }

    /// Takes out the generations of a rollback that was killed before it named another one as current.
    pub(super) fn forget_interrupted(&mut self, current: u64) -> bool {
        let is_interrupted = self.generations.contains(&current);
        self.generations
            .retain(|number| !is_interrupted || *number > current);
        is_interrupted
    }

    /// Takes out objects of which a listing has another content now, by the identities and names in it.
    pub(super) fn forget_replaced(&mut self, listed: &BTreeMap<u128, String>) {
        let names: BTreeSet<&str> = listed.values().map(String::as_str).collect();
        let identities: BTreeSet<String> = listed.keys().copied().map(digits).collect();
        self.objects.retain(|identity, name| {
            identities.contains(identity) || !names.contains(name.as_str())
        });
    }

    /// Returns the names of the objects, source and key, in order.
    pub fn objects(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.objects.values().map(String::as_str).collect();
        names.into_iter().collect()
    }
}

fn digits(identity: u128) -> String {
    format!("{identity:032x}")
}
