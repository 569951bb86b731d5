//! What the index was told before a run: for the threads that read rows.
//!
//! Nearly every row of a second day says what a row said before. It is recognised by one 64-bit hash, before its
//! identifiers are worked out. What is said here may be older than what is being written: the writer looks whether the
//! part, or the usage, still says the same.

use rusqlite::Connection;

use super::roster::each_fingerprint;
use super::slots::Slots;
use super::usage::{Logins, UsageSeen};
use crate::schema::Subject;

/// Usages whose groups are told: 50 MB. Rows of others are resolved by their keys.
const MOST_TOLD: u32 = 2 << 20;

/// Hashes, each with its position among them.
#[derive(Default)]
struct Hashes {
    hashes: Vec<u64>,
    slots: Slots,
}

impl Hashes {
    fn new(hashes: Vec<u64>) -> Hashes {
        let mut slots = Slots::for_hashes(hashes.len());
        // 0 stands for none: merged subjects, of which there may be as many as parts.
        for (position, hash) in (0..).zip(&hashes).filter(|(_, hash)| **hash != 0) {
            slots.place(*hash, position);
        }
        Hashes { hashes, slots }
    }

    fn find(&self, hash: u64) -> Option<u32> {
        if hash == 0 {
            return None;
        }
        self.slots.find(hash, &self.hashes)
    }
}

/// Which part of which subject last said what: 16 bytes a part.
#[derive(Default)]
pub(crate) struct ToldParts([Hashes; 2]);

impl ToldParts {
    /// Loads the fingerprints of a generation's parts.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<ToldParts> {
        let load = |subject| {
            let mut fingerprints = Vec::new();
            each_fingerprint(connection, subject, |fingerprint| {
                fingerprints.push(fingerprint)
            })?;
            Ok::<_, rusqlite::Error>(Hashes::new(fingerprints))
        };
        Ok(ToldParts([load(Subject::Account)?, load(Subject::Device)?]))
    }

    /// Returns the part that said what has this fingerprint.
    pub(crate) fn find(&self, subject: Subject, fingerprint: u64) -> Option<u32> {
        // Ids begin at 1 and have no gaps.
        let position = self.0[subject as usize].find(fingerprint)?;
        Some(position + 1)
    }
}

/// Which groups of logins stand in which usages: 24 bytes a usage.
#[derive(Default)]
pub(crate) struct ToldLogins {
    groups: Hashes,
    usages: Vec<u64>,
}

impl ToldLogins {
    /// Loads the groups that stand in the rows of a generation's usages.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<ToldLogins> {
        let count: u32 =
            connection.query_row("SELECT min(count(*), ?1) FROM usage", [MOST_TOLD], |row| {
                row.get(0)
            })?;
        let count = count as usize;
        let (mut groups, mut usages) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut select = connection.prepare("SELECT id, seen FROM usage ORDER BY id LIMIT ?1")?;
        let mut rows = select.query([MOST_TOLD])?;
        while let Some(row) = rows.next()? {
            let seen = row.get_ref(1)?.as_str().unwrap_or_default().as_bytes();
            if let Some(Logins::Inline(group)) = UsageSeen::decode_logins(seen) {
                groups.push(group);
                usages.push(row.get::<_, i64>(0)? as u64);
            }
        }
        Ok(ToldLogins {
            groups: Hashes::new(groups),
            usages,
        })
    }

    /// Returns the usage in whose row the logins of a group stand or once stood.
    pub(crate) fn find(&self, group: u64) -> Option<u64> {
        let position = self.groups.find(group)?;
        Some(self.usages[position as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_found_where_they_stand_and_others_are_not() {
        let spread = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hashes = Hashes::new((1..=5_000).map(spread).collect());
        for number in 1..=5_000 {
            assert_eq!(hashes.find(spread(number)), Some(number as u32 - 1));
        }
        for number in 5_001..9_000 {
            assert_eq!(hashes.find(spread(number)), None);
        }
        assert_eq!(Hashes::default().find(7), None);
        // As many merged subjects as a column added to an export makes: placing them would take minutes.
        assert_eq!(Hashes::new(vec![0; 1_000_000]).find(0), None);
    }
}
