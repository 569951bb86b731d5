//! Identifier entries held back until they are merged: sorted by nothing yet, but apart by the top bits of their hash.
//!
//! A lane is sorted within the processor's cache. When memory is full, the lanes are appended to a file without a name
//! beside the building file, so that a cold load still writes every bucket once.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;

use crate::bucket::{Hash, read_u32, read_u64};

/// Entries held in memory: 32 MB.
const HELD: usize = 2_000_000;
/// Lanes, as a power of two.
pub(super) const LANE_BITS: u32 = 8;
const LANES: usize = 1 << LANE_BITS;
const FILED_BYTES: usize = 16;
/// Sorted lanes between the thread that sorts and the one that merges.
const SORTED_AHEAD: usize = 2;

/// One entry: a hash and what it points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Filed {
    // Not a `Hash`, whose padding would make this half as large again.
    pub(super) high: u64,
    pub(super) low: u32,
    pub(super) reference: u32,
}

impl Filed {
    pub(super) fn new(hash: Hash, reference: u32) -> Filed {
        Filed {
            high: hash.high,
            low: hash.low,
            reference,
        }
    }

    pub(super) fn hash(self) -> Hash {
        Hash {
            high: self.high,
            low: self.low,
        }
    }

    fn bytes(self) -> [u8; FILED_BYTES] {
        let mut bytes = [0; FILED_BYTES];
        bytes[..8].copy_from_slice(&self.high.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.low.to_le_bytes());
        bytes[12..].copy_from_slice(&self.reference.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Filed {
        Filed {
            high: read_u64(bytes, 0),
            low: read_u32(bytes, 8),
            reference: read_u32(bytes, 12),
        }
    }
}

/// Entries held back.
pub(super) struct Lanes {
    lanes: Vec<Vec<Filed>>,
    held: usize,
    spilled: usize,
    folder: PathBuf,
    file: Option<File>,
    file_bytes: u64,
    /// Where in the file each lane's entries are: offset and bytes.
    runs: Vec<Vec<(u64, usize)>>,
}

impl Lanes {
    /// Makes empty lanes, which spill into `folder`.
    pub(super) fn new(folder: PathBuf) -> Lanes {
        Lanes {
            lanes: vec![Vec::new(); LANES],
            held: 0,
            spilled: 0,
            folder,
            file: None,
            file_bytes: 0,
            runs: vec![Vec::new(); LANES],
        }
    }

    /// Returns how many entries there are, repeated ones counted.
    pub(super) fn len(&self) -> usize {
        self.held + self.spilled
    }

    /// Holds an entry back.
    pub(super) fn push(&mut self, filed: Filed) -> io::Result<()> {
        self.lanes[(filed.high >> (u64::BITS - LANE_BITS)) as usize].push(filed);
        self.held += 1;
        if self.held >= HELD {
            self.spill()
        } else {
            Ok(())
        }
    }

    fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.folder)?),
        };
        let mut bytes = Vec::new();
        for (lane, runs) in self.lanes.iter_mut().zip(&mut self.runs) {
            bytes.clear();
            lane.iter()
                .for_each(|filed| bytes.extend_from_slice(&filed.bytes()));
            file.write_all(&bytes)?;
            runs.push((self.file_bytes, bytes.len()));
            self.file_bytes += bytes.len() as u64;
            lane.clear();
        }
        self.spilled += self.held;
        self.held = 0;
        Ok(())
    }

    /// Takes the entries of each lane in turn, sorted, each once; together they are in the order of hashes. A thread sorts
    /// the next lanes while the caller is busy with one.
    pub(super) fn take(&mut self) -> impl Iterator<Item = io::Result<Vec<Filed>>> + use<> {
        let Lanes {
            lanes, runs, file, ..
        } = std::mem::replace(self, Lanes::new(self.folder.clone()));
        let (sorted, in_order) = sync_channel(SORTED_AHEAD);
        let sorting = std::thread::spawn(move || {
            for (lane, runs) in lanes.into_iter().zip(runs) {
                let whole = read_back(lane, &runs, file.as_ref());
                if sorted.send(whole).is_err() {
                    return;
                }
            }
        });
        // Should the thread die, the caller must not take what it got for all there is.
        let died = std::iter::once_with(move || sorting.join().is_err());
        let died = died.filter(|died| *died);
        in_order
            .into_iter()
            .chain(died.map(|_| Err(io::Error::other("the thread that sorts identifiers died"))))
    }
}

/// Joins what is in memory with what was spilled of a lane, and sorts it.
fn read_back(
    mut lane: Vec<Filed>,
    spilled: &[(u64, usize)],
    file: Option<&File>,
) -> io::Result<Vec<Filed>> {
    for (offset, length) in spilled {
        let Some(file) = file else { break };
        let mut bytes = vec![0; *length];
        file.read_exact_at(&mut bytes, *offset)?;
        lane.extend(bytes.chunks_exact(FILED_BYTES).map(Filed::read));
    }
    lane.sort_unstable();
    lane.dedup();
    Ok(lane)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_back_comes_out_sorted_and_once_whether_it_was_spilled_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut lanes = Lanes::new(folder.path().to_owned());
        let filed = |number: u64| Filed {
            high: number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            low: number as u32,
            reference: 7,
        };
        for round in 0..3 {
            for number in (0..1_000).chain(500..1_500) {
                lanes.push(filed(number)).unwrap();
            }
            if round < 2 {
                lanes.spill().unwrap();
            }
        }
        assert_eq!(lanes.len(), 6_000);
        let taken: Vec<Filed> = lanes.take().flat_map(|lane| lane.unwrap()).collect();
        let mut expected: Vec<Filed> = (0..1_500).map(filed).collect();
        expected.sort_unstable();
        assert_eq!(taken, expected);
        assert_eq!(lanes.len(), 0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
