//! What the strongest key of a login leads to, for every key there is: a logins object of a new index asks for millions.
//!
//! Read from the identifier table in one walk, so that a login is resolved as it comes. Where more than one key has to be
//! asked, the login is held back and resolved with others (`logins`).

use super::lanes::Filed;
use super::quick::{NO_KEY, Quick, UNKNOWN, quick, quick_outcome};
use super::{Result, Writer};
use crate::bucket::{IN_CROWD, kind_and_id};
use crate::identifier::Kind;
use crate::observation::{Entry, LOGINS_DEVICE, Layout};
use crate::schema::Subject;

/// Keys to be asked for before it is worth reading all: a walk over the table costs as much as some 50,000 single looks.
pub(super) const MANY: usize = 64 << 10;

/// What the keys of one kind for each side lead to. True for as long as nobody's identity is settled anew.
pub(super) struct Keyring {
    sides: [Side; 2],
}

/// Keys of one kind, in the order of their hashes, each with what it leads to in place of a reference.
struct Side {
    kind: Option<Kind>,
    keys: Vec<Filed>,
    /// Where the keys begin whose hashes have the same top bits; behind the last, how many keys there are.
    begins: Vec<u32>,
    bits: u32,
}

/// In place of an outcome: a crowd holds it, ask the table.
const ASK: u32 = u32::MAX - 2;

impl Side {
    fn new(kind: Option<Kind>, expected: usize) -> Side {
        Side {
            kind,
            keys: Vec::with_capacity(expected),
            begins: Vec::new(),
            bits: expected.max(2).ilog2(),
        }
    }

    fn slot(&self, hash: u64) -> usize {
        (hash >> (64 - self.bits)) as usize
    }

    /// Adds a key, in the order of hashes.
    fn push(&mut self, key: Filed) {
        let slot = self.slot(key.high);
        self.begins.resize(slot + 1, self.keys.len() as u32);
        self.keys.push(key);
    }

    fn end(&mut self) {
        self.begins
            .resize((1 << self.bits) + 1, self.keys.len() as u32);
    }

    /// Returns what a key leads to; `None`: ask the table.
    fn find(&self, key: &Entry) -> Option<u32> {
        if self.kind != Some(key.kind) {
            return None;
        }
        let slot = self.slot(key.hash.high);
        let here = self.begins[slot] as usize..self.begins[slot + 1] as usize;
        let found = self.keys[here]
            .iter()
            .find(|other| other.hash() == key.hash);
        let outcome = found.map_or(UNKNOWN, |found| found.reference);
        (outcome != ASK).then_some(outcome)
    }

    /// Returns what the keys of this side lead to, if the first tells.
    fn outcome(&self, keys: &[Entry]) -> Option<Quick> {
        let Some((first, others)) = keys.split_first() else {
            return Some(quick(std::iter::empty()));
        };
        let outcome = self.find(first)?;
        let is_enough = others.is_empty() || !matches!(outcome, UNKNOWN | NO_KEY);
        is_enough.then(|| quick(std::iter::once(outcome)))
    }
}

impl Keyring {
    /// Returns what one key leads to; `None`: ask the table.
    pub(super) fn find(&self, key: &Entry) -> Option<u32> {
        self.sides[Subject::of(key.kind) as usize].find(key)
    }

    /// Returns what the keys of a mention lead to, the user's before the device's; `None`: more than the strongest has to
    /// be asked.
    pub(super) fn outcomes(&self, keys: &[Entry]) -> Option<(Quick, Quick)> {
        let users = keys.partition_point(|key| Subject::of(key.kind) == Subject::Account);
        let (user, device) = keys.split_at(users);
        let [accounts, devices] = &self.sides;
        Some((accounts.outcome(user)?, devices.outcome(device)?))
    }
}

/// Returns the kind of the strongest key of a side that an object carries.
fn strongest(layout: &Layout, subject: Subject) -> Option<Kind> {
    let first = match subject {
        Subject::Account => 0,
        Subject::Device => LOGINS_DEVICE,
    };
    let kinds = subject.key_kinds().into_iter().enumerate();
    let mut carried = kinds.filter(|(at, _)| layout.columns[first + at].is_some());
    carried.next().map(|(_, kind)| kind)
}

impl<'c> Writer<'c> {
    /// Loads what the strongest keys of an object's logins lead to: 16 bytes a part. Holds until identity is settled
    /// anew.
    pub(super) fn load_keyring(&mut self, layout: &Layout) -> Result<()> {
        let mut sides = Subject::ALL.map(|subject| {
            let parts = self.rosters[subject as usize].iter().count();
            Side::new(strongest(layout, subject), parts)
        });
        let standing = &self.standing;
        let mut references = Vec::new();
        self.identifiers.each_hash(|entries: &[Filed]| {
            let has = |kind| {
                let mut held = entries.iter().map(|entry| entry.reference);
                held.any(|held| held == IN_CROWD || kind_and_id(held).map(|held| held.0) == kind)
            };
            for side in &mut sides {
                let Some(kind) = side.kind.filter(|kind| has(Some(*kind))) else {
                    continue;
                };
                references.clear();
                references.extend(entries.iter().map(|entry| entry.reference));
                let outcome = if references == [IN_CROWD] {
                    ASK
                } else {
                    quick_outcome(standing, kind, &references)
                };
                side.push(Filed::new(entries[0].hash(), outcome));
            }
        })?;
        sides.iter_mut().for_each(Side::end);
        self.keyring = Some(Keyring { sides });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::Hash;

    fn key(kind: Kind, number: u64) -> Entry {
        let hash = Hash {
            high: number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            low: number as u32,
        };
        Entry { kind, hash }
    }

    fn side(kind: Kind, mut numbers: Vec<u64>) -> Side {
        let mut side = Side::new(Some(kind), numbers.len());
        numbers.sort_by_key(|number| key(kind, *number).hash);
        for number in numbers {
            side.push(Filed::new(key(kind, number).hash, number as u32));
        }
        side.end();
        side
    }

    #[test]
    fn every_key_is_found_and_no_other() {
        for count in [0, 1, 2, 3, 100, 5_000] {
            let side = side(Kind::AccountName, (1..=count).collect());
            for number in 1..=count {
                assert_eq!(
                    side.find(&key(Kind::AccountName, number)),
                    Some(number as u32)
                );
            }
            assert_eq!(side.find(&key(Kind::AccountName, count + 1)), Some(UNKNOWN));
            assert_eq!(side.find(&key(Kind::Uid, 1)), None);
        }
    }

    #[test]
    fn what_the_strongest_key_does_not_tell_is_left_open() {
        let keyring = Keyring {
            sides: [
                side(Kind::Uid, vec![7]),
                side(Kind::DeviceName, vec![9, u64::from(ASK)]),
            ],
        };
        let (known, unknown) = (key(Kind::Uid, 7), key(Kind::Uid, 8));
        let (name, device) = (key(Kind::AccountName, 5), key(Kind::DeviceName, 9));
        assert_eq!(
            keyring.outcomes(&[known, name, device]),
            Some((Quick::One(7), Quick::One(9)))
        );
        assert_eq!(
            keyring.outcomes(&[unknown, device]),
            Some((Quick::Unknown, Quick::One(9)))
        );
        assert_eq!(keyring.outcomes(&[unknown, name, device]), None);
        assert_eq!(keyring.outcomes(&[name, device]), None);
        let crowd = key(Kind::DeviceName, u64::from(ASK));
        assert_eq!(keyring.outcomes(&[known, crowd]), None);
        assert_eq!(
            keyring.outcomes(&[known]),
            Some((Quick::One(7), Quick::Unknown))
        );
    }
}
