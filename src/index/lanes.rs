//! Entries held back until they are merged, apart by the top bits of their hash: a lane is sorted within the processor's
//! cache. When memory is full, lanes go to a file without a name beside the index.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::Result;
use super::spill::error;
use crate::bucket::{read_u32, read_u64};

/// Entries in memory: 12 MB.
const ENTRIES_IN_MEMORY: usize = 1 << 20;
/// Lanes, as a power of two.
const LANE_BITS: u32 = 7;
pub(super) const LANES: usize = 1 << LANE_BITS;
const ENTRY_BYTES: usize = 12;

/// A hash, and what it points to. Sorted by the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    // Not a `u64`, which would make this a third larger.
    high: u32,
    low: u32,
    pub(super) reference: u32,
}

impl Entry {
    pub(super) fn new(hash: u64, reference: u32) -> Entry {
        Entry {
            high: (hash >> 32) as u32,
            low: hash as u32,
            reference,
        }
    }

    pub(super) fn hash(self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }

    /// Returns the lane of its hash.
    pub(super) fn lane(self) -> usize {
        (self.high >> (32 - LANE_BITS)) as usize
    }
}

/// Returns the first and the last hash of a lane.
pub(super) fn hashes_of(lane: usize) -> [u64; 2] {
    let first = (lane as u64) << (u64::BITS - LANE_BITS);
    [first, first | u64::MAX >> LANE_BITS]
}

/// Entries held back.
pub(super) struct Lanes {
    folder: PathBuf,
    memory: Vec<Vec<Entry>>,
    in_memory: usize,
    len: usize,
    file: Option<File>,
    written: u64,
    /// Where in the file each lane has entries, and how many bytes.
    runs: Vec<Vec<(u64, usize)>>,
}

impl Lanes {
    pub(super) fn new(folder: PathBuf) -> Lanes {
        Lanes {
            folder,
            memory: vec![Vec::new(); LANES],
            in_memory: 0,
            len: 0,
            file: None,
            written: 0,
            runs: vec![Vec::new(); LANES],
        }
    }

    /// Returns how many entries there are, repeated ones counted.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Holds an entry back.
    pub(super) fn push(&mut self, entry: Entry) -> Result<()> {
        self.memory[entry.lane()].push(entry);
        self.len += 1;
        self.in_memory += 1;
        if self.in_memory >= ENTRIES_IN_MEMORY {
            self.write_out().map_err(error)?;
        }
        Ok(())
    }

    fn write_out(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.folder)?),
        };
        let mut bytes = Vec::with_capacity(self.in_memory * ENTRY_BYTES);
        for (lane, runs) in self.memory.iter_mut().zip(&mut self.runs) {
            let begin = bytes.len();
            for entry in lane.drain(..) {
                bytes.extend_from_slice(&entry.hash().to_le_bytes());
                bytes.extend_from_slice(&entry.reference.to_le_bytes());
            }
            runs.push((self.written + begin as u64, bytes.len() - begin));
        }
        file.write_all_at(&bytes, self.written)?;
        self.written += bytes.len() as u64;
        self.in_memory = 0;
        Ok(())
    }

    /// Returns the entries of a lane, sorted, each once.
    pub(super) fn sorted(&self, lane: usize) -> Result<Vec<Entry>> {
        let mut entries = self.memory[lane].clone();
        if let Some(file) = &self.file {
            for &(begin, length) in &self.runs[lane] {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, begin).map_err(error)?;
                let read = bytes.chunks_exact(ENTRY_BYTES);
                entries
                    .extend(read.map(|entry| Entry::new(read_u64(entry, 0), read_u32(entry, 8))));
            }
        }
        entries.sort_unstable();
        entries.dedup();
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_give_back_all_that_was_held_in_order() {
        let home = tempfile::tempdir().unwrap();
        let mut lanes = Lanes::new(home.path().to_owned());
        let mut expected = Vec::new();
        let mut hash = 1u64;
        for at in 0..ENTRIES_IN_MEMORY as u32 * 2 + 5 {
            hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) ^ u64::from(at);
            let entry = Entry::new(hash, at % 7);
            lanes.push(entry).unwrap();
            if at % 3 == 0 {
                lanes.push(entry).unwrap();
            }
            expected.push(entry);
        }
        assert!(lanes.file.is_some());
        expected.sort_unstable();
        let all: Vec<Entry> = (0..LANES)
            .flat_map(|lane| lanes.sorted(lane).unwrap())
            .collect();
        assert!(all == expected, "{} of {}", all.len(), expected.len());
        assert_eq!(
            all[7].hash(),
            u64::from(all[7].high) << 32 | u64::from(all[7].low)
        );
    }
}
