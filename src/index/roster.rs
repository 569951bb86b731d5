//! The writer's working set: what every known part's newest row was, without its text, and which object told of it first.
//!
//! Loaded once a run, so that a row which says nothing new (nearly all of a second day) is recognised without asking
//! SQLite: 32 bytes a part on disk, about 40 in memory.

use rusqlite::Connection;

use super::slots::Slots;
use crate::bucket::{read_u32, read_u64};
use crate::schema::Subject;
use crate::schema::roster::{BLOCK_PARTS, FIRST_AT, PART_BYTES, block_id};

/// Stands for "the row has no `last_seen`": sorts before every time.
const NEVER: i64 = i64::MIN;

/// What the newest row of a part was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Newest {
    /// The hash of what it says, `last_seen` aside.
    pub(super) fingerprint: u64,
    pub(super) last_seen: Option<i64>,
    pub(super) object: u32,
}

/// The parts of one subject. Ids begin at 1 and are never used again.
pub(super) struct Roster {
    subject: Subject,
    parts: Vec<u64>,
    fingerprints: Vec<u64>,
    last_seen: Vec<i64>,
    objects: Vec<u32>,
    /// The objects in which the parts were observed first.
    firsts: Vec<u32>,
    /// Over `parts`.
    slots: Slots,
    changed: Vec<bool>,
}

/// Calls `take` with every stored block of a subject's roster, in order.
fn each_block(
    connection: &Connection,
    subject: Subject,
    mut take: impl FnMut(&[u8]),
) -> rusqlite::Result<()> {
    let mut select = connection
        .prepare("SELECT entries FROM roster WHERE block BETWEEN ?1 AND ?2 ORDER BY block")?;
    let blocks = [0, u32::MAX as usize].map(|block| block_id(subject, block));
    let mut rows = select.query(blocks)?;
    while let Some(row) = rows.next()? {
        take(row.get_ref(0)?.as_blob()?);
    }
    Ok(())
}

/// Calls `take` with the fingerprint of every id in turn.
pub(super) fn each_fingerprint(
    connection: &Connection,
    subject: Subject,
    mut take: impl FnMut(u64),
) -> rusqlite::Result<()> {
    each_block(connection, subject, |block| {
        let fingerprints = block.chunks_exact(PART_BYTES).map(|part| read_u64(part, 8));
        fingerprints.for_each(&mut take);
    })
}

/// The hash that marks an id which is no part: an account merged of several parts.
const MERGED: u64 = 0;

impl Roster {
    /// Loads the roster of a subject.
    pub(super) fn load(connection: &Connection, subject: Subject) -> rusqlite::Result<Roster> {
        let mut roster = Roster {
            subject,
            parts: Vec::new(),
            fingerprints: Vec::new(),
            last_seen: Vec::new(),
            objects: Vec::new(),
            firsts: Vec::new(),
            slots: Slots::default(),
            changed: Vec::new(),
        };
        each_block(connection, subject, |block| roster.append(block))?;
        roster.changed = vec![false; roster.parts.len().div_ceil(BLOCK_PARTS)];
        roster.rehash(roster.parts.len());
        Ok(roster)
    }

    fn append(&mut self, block: &[u8]) {
        for entry in block.chunks_exact(PART_BYTES) {
            self.parts.push(read_u64(entry, 0));
            self.fingerprints.push(read_u64(entry, 8));
            self.last_seen.push(read_u64(entry, 16) as i64);
            self.objects.push(read_u32(entry, 24));
            self.firsts.push(read_u32(entry, FIRST_AT));
        }
    }

    /// Writes the blocks that changed.
    pub(super) fn save(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut replace =
            connection.prepare("INSERT OR REPLACE INTO roster (block, entries) VALUES (?1, ?2)")?;
        let mut entries = Vec::with_capacity(BLOCK_PARTS * PART_BYTES);
        for block in 0..self.changed.len() {
            if !std::mem::take(&mut self.changed[block]) {
                continue;
            }
            entries.clear();
            for at in block * BLOCK_PARTS..((block + 1) * BLOCK_PARTS).min(self.parts.len()) {
                entries.extend_from_slice(&self.parts[at].to_le_bytes());
                entries.extend_from_slice(&self.fingerprints[at].to_le_bytes());
                entries.extend_from_slice(&self.last_seen[at].to_le_bytes());
                entries.extend_from_slice(&self.objects[at].to_le_bytes());
                entries.extend_from_slice(&self.firsts[at].to_le_bytes());
            }
            replace.execute(rusqlite::params![block_id(self.subject, block), entries])?;
        }
        Ok(())
    }

    /// Returns the id of a part.
    pub(super) fn find(&self, part: u64) -> Option<u32> {
        self.slots.find(part, &self.parts).map(|at| at + 1)
    }

    /// Returns what a part's newest row was.
    pub(super) fn newest(&self, id: u32) -> Newest {
        let at = id as usize - 1;
        let last_seen = self.last_seen[at];
        Newest {
            fingerprint: self.fingerprints[at],
            last_seen: (last_seen != NEVER).then_some(last_seen),
            object: self.objects[at],
        }
    }

    /// Sets what a part's newest row is.
    pub(super) fn set(&mut self, id: u32, newest: Newest) {
        let at = id as usize - 1;
        self.fingerprints[at] = newest.fingerprint;
        self.last_seen[at] = newest.last_seen.unwrap_or(NEVER);
        self.objects[at] = newest.object;
        self.changed[at / BLOCK_PARTS] = true;
    }

    /// Returns the object in which a part was observed first.
    pub(super) fn first(&self, id: u32) -> u32 {
        self.firsts[id as usize - 1]
    }

    /// Sets the object in which a part was observed first.
    pub(super) fn set_first(&mut self, id: u32, object: u32) {
        let at = id as usize - 1;
        self.firsts[at] = object;
        self.changed[at / BLOCK_PARTS] = true;
    }

    /// Returns the hash by which a part is known.
    pub(super) fn part(&self, id: u32) -> u64 {
        self.parts[id as usize - 1]
    }

    /// Adds a part that is not known and returns its id.
    pub(super) fn insert(&mut self, part: u64, newest: Newest) -> u32 {
        let id = self.push(part);
        self.set(id, newest);
        self.set_first(id, newest.object);
        if self.slots.is_full() {
            self.rehash(self.parts.len() * 2);
        } else {
            self.slots.place(part, id - 1);
        }
        id
    }

    /// Takes an id for an account merged of several parts.
    pub(super) fn insert_merged(&mut self) -> u32 {
        let id = self.push(MERGED);
        self.set(
            id,
            Newest {
                fingerprint: 0,
                last_seen: None,
                object: 0,
            },
        );
        id
    }

    /// Tells whether an id is that of a merged subject, and so of no part.
    pub(super) fn is_merged(&self, id: u32) -> bool {
        self.parts.get(id as usize - 1) == Some(&MERGED)
    }

    /// Returns each part's id, hash and newest row.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u64, Newest)> {
        let parts = self
            .parts
            .iter()
            .enumerate()
            .filter(|(_, part)| **part != MERGED);
        parts.map(|(at, part)| (at as u32 + 1, *part, self.newest(at as u32 + 1)))
    }

    fn push(&mut self, part: u64) -> u32 {
        self.parts.push(part);
        self.fingerprints.push(0);
        self.last_seen.push(NEVER);
        self.objects.push(0);
        self.firsts.push(0);
        self.changed
            .resize(self.parts.len().div_ceil(BLOCK_PARTS), true);
        self.parts.len() as u32
    }

    /// Makes room for so many parts.
    fn rehash(&mut self, parts: usize) {
        self.slots = Slots::for_hashes(parts);
        for (at, part) in (0..).zip(&self.parts) {
            if *part != MERGED {
                self.slots.place(*part, at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_roster_loads_as_it_was() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE roster (block INTEGER PRIMARY KEY, entries BLOB NOT NULL) STRICT",
            )
            .unwrap();
        let mut roster = Roster::load(&connection, Subject::Device).unwrap();
        for number in 1..=3_000u64 {
            let newest = Newest {
                fingerprint: number * 7,
                last_seen: (number % 3 > 0).then_some(number as i64),
                object: 5,
            };
            assert_eq!(u64::from(roster.insert(number << 20, newest)), number);
        }
        let merged = roster.insert_merged();
        roster.set_first(77, 3);
        roster.save(&connection).unwrap();
        let loaded = Roster::load(&connection, Subject::Device).unwrap();
        assert_eq!(loaded.find(77 << 20), Some(77));
        assert_eq!(loaded.find(1), None);
        assert_eq!(loaded.newest(77), roster.newest(77));
        assert_eq!((loaded.first(77), loaded.first(78)), (3, 5));
        assert_eq!(loaded.newest(78).last_seen, None);
        assert_eq!(loaded.newest(merged).object, 0);
        assert_eq!(loaded.iter().count(), 3_000);
        assert_eq!(
            Roster::load(&connection, Subject::Account)
                .unwrap()
                .iter()
                .count(),
            0
        );
    }
}
