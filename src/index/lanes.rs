//! Identifier entries held back until they are merged, by a thread of their own that also sorts them.
//!
//! Until then they are apart by the top bits of their hash: a lane is sorted within the processor's cache. When memory
//! is full, the lanes are appended to a file without a name beside the building file, so that a cold load still writes
//! every bucket once.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SendError, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::bucket::{Hash, read_u32, read_u64};

/// Entries held in memory: 8 MB.
const ENTRIES_IN_MEMORY: usize = 500_000;
/// Lanes, as a power of two.
pub(super) const LANE_BITS: u32 = 8;
const LANES: usize = 1 << LANE_BITS;
const FILED_BYTES: usize = 16;
/// Entries that the thread is given at once, and how often it may be behind: 1 MB each.
const GIVEN_AT_ONCE: usize = 64 << 10;
const GIVEN_AHEAD: usize = 2;
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

/// Entries held back, by a thread of their own.
pub(super) struct Lanes {
    folder: PathBuf,
    len: usize,
    /// What the thread has not been given yet.
    some: Vec<Filed>,
    thread: Option<Thread>,
}

struct Thread {
    entries: SyncSender<Vec<Filed>>,
    sorted: Receiver<io::Result<Vec<Filed>>>,
    handle: JoinHandle<()>,
}

impl Lanes {
    /// Makes empty lanes, which spill into `folder`.
    pub(super) fn new(folder: PathBuf) -> Lanes {
        Lanes {
            folder,
            len: 0,
            some: Vec::new(),
            thread: None,
        }
    }

    /// Returns how many entries there are, repeated ones counted.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Holds an entry back.
    pub(super) fn push(&mut self, filed: Filed) -> io::Result<()> {
        self.len += 1;
        self.some.push(filed);
        if self.some.len() >= GIVEN_AT_ONCE {
            self.give()
        } else {
            Ok(())
        }
    }

    fn give(&mut self) -> io::Result<()> {
        let thread = match &mut self.thread {
            Some(thread) => thread,
            none => none.insert(start(self.folder.clone())),
        };
        let some = std::mem::replace(&mut self.some, Vec::with_capacity(GIVEN_AT_ONCE));
        if thread.entries.send(some).is_ok() {
            return Ok(());
        }
        // It takes all that comes unless it fails, and then says why.
        Err(match thread.sorted.recv() {
            Ok(Err(error)) => error,
            _ => died(),
        })
    }

    /// Takes the entries of each lane in turn, sorted, each once; together they are in the order of hashes. The next
    /// lanes are sorted while the caller is busy with one.
    pub(super) fn take(
        &mut self,
    ) -> io::Result<impl Iterator<Item = io::Result<Vec<Filed>>> + use<>> {
        self.give()?;
        self.len = 0;
        let thread = self.thread.take().map(|thread| {
            drop(thread.entries);
            (thread.sorted, thread.handle)
        });
        let (sorted, handle) = thread.unzip();
        // Should the thread die, the caller must not take what it got for all there is.
        let is_dead = move || handle.is_some_and(|handle| handle.join().is_err());
        let end = std::iter::once_with(is_dead).filter(|is_dead| *is_dead);
        Ok(sorted.into_iter().flatten().chain(end.map(|_| Err(died()))))
    }
}

fn died() -> io::Error {
    io::Error::other("the thread that holds identifiers back died")
}

fn start(folder: PathBuf) -> Thread {
    let (entries, received) = sync_channel(GIVEN_AHEAD);
    let (sender, sorted) = sync_channel(SORTED_AHEAD);
    let handle = std::thread::spawn(move || {
        // A receiver that went away needs no entries any more.
        let _ = hold_back(Held::new(folder), received, &sender);
    });
    Thread {
        entries,
        sorted,
        handle,
    }
}

/// Takes what comes until no more does, and then gives it back in order.
fn hold_back(
    mut held: Held,
    entries: Receiver<Vec<Filed>>,
    sorted: &SyncSender<io::Result<Vec<Filed>>>,
) -> Result<(), SendError<io::Result<Vec<Filed>>>> {
    for some in entries {
        if let Err(error) = held.add(some) {
            return sorted.send(Err(error));
        }
    }
    for (lane, runs) in held.lanes.into_iter().zip(held.runs) {
        sorted.send(read_back(lane, &runs, held.file.as_ref()))?;
    }
    Ok(())
}

/// Entries apart by the top bits of their hash, in memory and in a file.
struct Held {
    lanes: Vec<Vec<Filed>>,
    in_memory: usize,
    folder: PathBuf,
    file: Option<File>,
    file_bytes: u64,
    /// Where in the file each lane's entries are: offset and bytes.
    runs: Vec<Vec<(u64, usize)>>,
}

impl Held {
    fn new(folder: PathBuf) -> Held {
        Held {
            lanes: vec![Vec::new(); LANES],
            in_memory: 0,
            folder,
            file: None,
            file_bytes: 0,
            runs: vec![Vec::new(); LANES],
        }
    }

    fn add(&mut self, entries: Vec<Filed>) -> io::Result<()> {
        self.in_memory += entries.len();
        for filed in entries {
            self.lanes[(filed.high >> (u64::BITS - LANE_BITS)) as usize].push(filed);
        }
        if self.in_memory >= ENTRIES_IN_MEMORY {
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
        self.in_memory = 0;
        Ok(())
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
        // Enough to be spilled once, and some that are not.
        let numbers = ENTRIES_IN_MEMORY as u64 * 5 / 4;
        for number in (0..numbers / 2).chain(500..numbers) {
            lanes.push(filed(number)).unwrap();
        }
        assert_eq!(lanes.len() as u64, numbers / 2 + numbers - 500);
        let taken = lanes.take().unwrap().flat_map(|lane| lane.unwrap());
        let taken: Vec<Filed> = taken.collect();
        let mut expected: Vec<Filed> = (0..numbers).map(filed).collect();
        expected.sort_unstable();
        assert_eq!(taken, expected);
        assert_eq!(lanes.len(), 0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
