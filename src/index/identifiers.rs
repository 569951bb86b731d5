//! The identifier table as a run writes it (its format is `crate::bucket`).
//!
//! New entries are held back and merged in bucket order, so a cold load writes every bucket once, in order. The
//! merge also sees which hashes have several holders; that is all that identity has to look at.

use std::io;
use std::path::PathBuf;

use rusqlite::{Connection, Statement, params};

use super::lanes::{Filed, LANE_BITS, Lanes};
use super::{Error, Result};
use crate::bucket::{
    CROWD, ENTRY_BYTES, Hash, IN_CROWD, MAX_ID, bucket_of, kind_and_id, read_u32, read_u64,
    reference, references_in,
};
use crate::identifier::Kind;
use crate::observation::Entry;

/// Entries of a bucket, on average, before the number of buckets is doubled.
const MEAN_ENTRIES: u64 = 64;

const ALL_BUCKETS: &str = "SELECT bucket, entries FROM identifier ORDER BY bucket";

/// What a thread or file that holds identifiers back failed with.
pub(super) fn spill_error(source: io::Error) -> Error {
    Error::File {
        operation: "hold identifiers back in a file beside",
        path: "the index".into(),
        source,
    }
}

/// The identifier table of a building file.
pub(super) struct Identifiers<'c> {
    connection: &'c Connection,
    bits: u32,
    filed: u64,
    held_back: Lanes,
    select: Option<Statement<'c>>,
}

impl<'c> Identifiers<'c> {
    /// Opens the table, which has 2^`bits` buckets with `filed` entries in all; `folder` has room for what is held back.
    pub(super) fn open(
        connection: &'c Connection,
        bits: u32,
        filed: u64,
        folder: PathBuf,
    ) -> Identifiers<'c> {
        Identifiers {
            connection,
            bits,
            filed,
            held_back: Lanes::new(folder),
            select: None,
        }
    }

    /// Returns the bits and the number of entries, to be kept in `meta`.
    pub(super) fn size(&self) -> (u32, u64) {
        (self.bits, self.filed)
    }

    /// Holds back a part's entries until the next merge.
    pub(super) fn add(
        &mut self,
        entries: impl IntoIterator<Item = Entry>,
        id: u32,
    ) -> io::Result<()> {
        for entry in entries {
            self.held_back
                .push(Filed::new(entry.hash, reference(entry.kind, id)))?;
        }
        Ok(())
    }

    /// Merges what is held back, and reports each hash that got a new holder beside another one.
    pub(super) fn merge(&mut self, mut shared: impl FnMut(&[u32])) -> Result<()> {
        if self.held_back.len() == 0 {
            return Ok(());
        }
        self.widen(self.filed + self.held_back.len() as u64)?;
        // With fewer buckets than lanes, several lanes go to one bucket.
        let was_empty = self.filed == 0 && self.bits >= LANE_BITS;
        let connection = self.connection;
        let mut select = connection.prepare("SELECT entries FROM identifier WHERE bucket = ?1")?;
        let mut replace = connection
            .prepare("INSERT OR REPLACE INTO identifier (bucket, entries) VALUES (?1, ?2)")?;
        let mut merged = Vec::new();
        let mut bytes = Vec::new();
        for lane in self.held_back.take().map_err(spill_error)? {
            let lane = lane.map_err(spill_error)?;
            let bits = self.bits;
            for here in lane.chunk_by(|a, b| bucket_of(a.high, bits) == bucket_of(b.high, bits)) {
                let bucket = bucket_of(here[0].high, bits);
                merged.clear();
                if !was_empty {
                    let mut rows = select.query([bucket])?;
                    if let Some(row) = rows.next()? {
                        unpack(
                            row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?,
                            &mut merged,
                        );
                    }
                }
                let before = merged.len();
                merged.extend_from_slice(here);
                if before > 0 {
                    merged.sort_unstable();
                    merged.dedup();
                }
                if merged.len() == before {
                    // Nothing that is not filed already.
                    continue;
                }
                self.report(&mut merged, here, &mut shared)?;
                self.filed = self.filed + merged.len() as u64 - before as u64;
                pack(&merged, &mut bytes);
                replace.execute(params![bucket, bytes])?;
            }
        }
        Ok(())
    }

    /// Calls `shared` with all holders of each hash in `here` that has several, and moves large crowds away.
    fn report(
        &self,
        merged: &mut Vec<Filed>,
        here: &[Filed],
        shared: &mut impl FnMut(&[u32]),
    ) -> rusqlite::Result<()> {
        let mut holders = Vec::new();
        let mut begin = 0;
        for filed in here.chunk_by(|left, right| left.hash() == right.hash()) {
            let filed = filed[0];
            // Both are sorted: the next hash stands further on.
            begin += count_while(&merged[begin..], |other| other.hash() < filed.hash());
            let length = count_while(&merged[begin..], |other| other.hash() == filed.hash());
            if length < 2 {
                continue;
            }
            holders.clear();
            holders.extend(
                merged[begin..begin + length]
                    .iter()
                    .map(|other| other.reference),
            );
            if length > CROWD || holders.contains(&IN_CROWD) {
                self.move_to_crowd(filed.hash(), &holders)?;
                merged.splice(begin..begin + length, [Filed::new(filed.hash(), IN_CROWD)]);
                holders = self.crowd(filed.hash())?;
            }
            shared(&holders);
        }
        Ok(())
    }

    fn move_to_crowd(&self, hash: Hash, holders: &[u32]) -> rusqlite::Result<()> {
        let mut insert = self
            .connection
            .prepare("INSERT OR IGNORE INTO crowd (hash, rest, reference) VALUES (?1, ?2, ?3)")?;
        for holder in holders.iter().filter(|holder| **holder != IN_CROWD) {
            insert.execute(params![hash.high as i64, hash.low, holder])?;
        }
        Ok(())
    }

    fn crowd(&self, hash: Hash) -> rusqlite::Result<Vec<u32>> {
        let mut select = self
            .connection
            .prepare("SELECT reference FROM crowd WHERE hash = ?1 AND rest = ?2")?;
        let references = select.query_map(params![hash.high as i64, hash.low], |row| row.get(0))?;
        references.collect()
    }

    /// Doubles the number of buckets until `expected` entries fit.
    fn widen(&mut self, expected: u64) -> rusqlite::Result<()> {
        let mut bits = self.bits;
        while expected >> bits > MEAN_ENTRIES {
            bits += 1;
        }
        if bits == self.bits {
            return Ok(());
        }
        self.select = None;
        let connection = self.connection;
        connection.execute_batch(
            "CREATE TABLE wider (bucket INTEGER PRIMARY KEY, entries BLOB NOT NULL) STRICT;",
        )?;
        {
            let mut select =
                connection.prepare("SELECT entries FROM identifier ORDER BY bucket")?;
            let mut insert =
                connection.prepare("INSERT INTO wider (bucket, entries) VALUES (?1, ?2)")?;
            let mut rows = select.query([])?;
            let (mut entries, mut bytes) = (Vec::new(), Vec::new());
            while let Some(row) = rows.next()? {
                entries.clear();
                unpack(row.get_ref(0)?.as_blob()?, &mut entries);
                for here in
                    entries.chunk_by(|a, b| bucket_of(a.high, bits) == bucket_of(b.high, bits))
                {
                    pack(here, &mut bytes);
                    insert.execute(params![bucket_of(here[0].high, bits), bytes])?;
                }
            }
        }
        connection
            .execute_batch("DROP TABLE identifier; ALTER TABLE wider RENAME TO identifier;")?;
        self.bits = bits;
        Ok(())
    }

    /// Tells whether a hash has a holder of a kind. A crowd is asked, not read: a domain has a million accounts.
    pub(super) fn has(&mut self, hash: Hash, kind: Kind) -> rusqlite::Result<bool> {
        let found = self.in_bucket(hash)?;
        if found != [IN_CROWD] {
            return Ok(found
                .into_iter()
                .filter_map(kind_and_id)
                .any(|(other, _)| other == kind));
        }
        let mut select = self
            .connection
            .prepare("SELECT 1 FROM crowd WHERE hash = ?1 AND rest = ?2 AND reference BETWEEN ?3 AND ?4 LIMIT 1")?;
        select.exists(params![
            hash.high as i64,
            hash.low,
            reference(kind, 0),
            reference(kind, MAX_ID)
        ])
    }

    /// Returns the merged references of a hash.
    pub(super) fn references(&mut self, hash: Hash) -> rusqlite::Result<Vec<u32>> {
        let found = self.in_bucket(hash)?;
        if found == [IN_CROWD] {
            self.crowd(hash)
        } else {
            Ok(found)
        }
    }

    fn in_bucket(&mut self, hash: Hash) -> rusqlite::Result<Vec<u32>> {
        let select = match &mut self.select {
            Some(select) => select,
            none => none.insert(
                self.connection
                    .prepare("SELECT entries FROM identifier WHERE bucket = ?1")?,
            ),
        };
        let bucket = bucket_of(hash.high, self.bits);
        let mut rows = select.query([bucket])?;
        match rows.next()? {
            Some(row) => Ok(references_in(row.get_ref(0)?.as_blob()?, hash).collect()),
            None => Ok(Vec::new()),
        }
    }

    /// Calls `take` with the entries of every hash, in the order of hashes.
    pub(super) fn each_hash(&self, mut take: impl FnMut(&[Filed])) -> rusqlite::Result<()> {
        let mut select = self.connection.prepare_cached(ALL_BUCKETS)?;
        let mut rows = select.query([])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            entries.clear();
            unpack(row.get_ref(1)?.as_blob()?, &mut entries);
            entries
                .chunk_by(|left, right| left.hash() == right.hash())
                .for_each(&mut take);
        }
        Ok(())
    }

    /// Looks many hashes up in the order of the table: calls `found` with what stands in the place of a reference in
    /// each of `wanted`, and with the references that its hash has; not for hashes without any.
    pub(super) fn walk(
        &mut self,
        wanted: &mut [Filed],
        mut found: impl FnMut(u32, &[u32]),
    ) -> rusqlite::Result<()> {
        /// Below this share of all buckets, one read for each hash is less than a walk over all.
        const FEW: u64 = 4;
        wanted.sort_unstable();
        if (wanted.len() as u64) < (1 << self.bits) / FEW {
            for wanted in wanted.iter() {
                let references = self.references(wanted.hash())?;
                if !references.is_empty() {
                    found(wanted.reference, &references);
                }
            }
            return Ok(());
        }
        let bits = self.bits;
        let mut by_bucket = wanted
            .chunk_by(|left, right| bucket_of(left.high, bits) == bucket_of(right.high, bits))
            .peekable();
        let mut select = self.connection.prepare_cached(ALL_BUCKETS)?;
        let mut rows = select.query([])?;
        let mut references = Vec::new();
        while let Some(row) = rows.next()? {
            let bucket: i64 = row.get(0)?;
            while by_bucket
                .next_if(|here| bucket_of(here[0].high, bits) < bucket)
                .is_some()
            {}
            let here = by_bucket.next_if(|here| bucket_of(here[0].high, bits) == bucket);
            let entries = row.get_ref(1)?.as_blob()?;
            for wanted in here.unwrap_or_default() {
                references.clear();
                references.extend(references_in(entries, wanted.hash()));
                if references == [IN_CROWD] {
                    references = self.crowd(wanted.hash())?;
                }
                if !references.is_empty() {
                    found(wanted.reference, &references);
                }
            }
        }
        Ok(())
    }
}

fn count_while(entries: &[Filed], is_so: impl Fn(&Filed) -> bool) -> usize {
    entries.iter().take_while(|entry| is_so(entry)).count()
}

fn unpack(entries: &[u8], into: &mut Vec<Filed>) {
    let count = entries.len() / ENTRY_BYTES;
    into.extend((0..count).map(|at| Filed {
        high: read_u64(entries, at * 8),
        low: read_u32(entries, count * 8 + at * 4),
        reference: read_u32(entries, count * 12 + at * 4),
    }));
}

fn pack(entries: &[Filed], into: &mut Vec<u8>) {
    let count = entries.len();
    into.clear();
    into.resize(count * ENTRY_BYTES, 0);
    let (high, rest) = into.split_at_mut(count * 8);
    let (low, references) = rest.split_at_mut(count * 4);
    for (at, filed) in entries.iter().enumerate() {
        high[at * 8..at * 8 + 8].copy_from_slice(&filed.high.to_le_bytes());
        low[at * 4..at * 4 + 4].copy_from_slice(&filed.low.to_le_bytes());
        references[at * 4..at * 4 + 4].copy_from_slice(&filed.reference.to_le_bytes());
    }
}
