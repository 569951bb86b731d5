//! Text that is new in this run, until the next generation is written: in a file without a name beside the index, but for
//! what is too little to be written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::error::{Error, Result};
use crate::bucket::read_u32;
use crate::write_behind::{WRITTEN_AT_ONCE, WriteBehind};

/// Bytes that are read at once where entries follow one another, and where they do not.
const READ_AHEAD: usize = 256 << 10;
const READ_AT_ONCE: usize = 1 << 10;
/// Entries begin at multiples of this, so that 32 bits name a place among 32 GiB.
const UNIT_BYTES: usize = 8;
/// Bytes of an entry's length.
const LENGTH_BYTES: usize = 4;

/// Where a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text(u32);

impl Text {
    /// In the last generation.
    pub(super) const KEPT: Text = Text(0);

    pub(super) fn is_kept(self) -> bool {
        self == Text::KEPT
    }
}

/// The texts of a run, while they come.
pub(super) struct Spill {
    folder: PathBuf,
    /// Bytes in the file; what follows is in memory.
    written: u64,
    memory: Vec<u8>,
    file: Option<WriteBehind>,
}

/// The texts of a run, all of them.
pub(super) struct Spilled {
    written: u64,
    memory: Vec<u8>,
    file: Option<File>,
}

impl Spill {
    pub(super) fn new(folder: PathBuf) -> Spill {
        Spill {
            folder,
            written: 0,
            memory: Vec::new(),
            file: None,
        }
    }

    /// Keeps an entry and says where it is.
    pub(super) fn push(&mut self, parts: &[&[u8]]) -> Result<Text> {
        let place = (self.written + self.memory.len() as u64) / UNIT_BYTES as u64 + 1;
        let text = u32::try_from(place).map_err(|_| Error::Full { limit: u32::MAX })?;
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        self.memory.extend_from_slice(&(bytes as u32).to_le_bytes());
        parts
            .iter()
            .for_each(|part| self.memory.extend_from_slice(part));
        let padded = self.memory.len().next_multiple_of(UNIT_BYTES);
        self.memory.resize(padded, 0);
        if self.memory.len() >= WRITTEN_AT_ONCE {
            self.write_out().map_err(error)?;
        }
        Ok(Text(text))
    }

    fn write_out(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(WriteBehind::new(tempfile::tempfile_in(&self.folder)?)?),
        };
        self.written += self.memory.len() as u64;
        file.write(&mut self.memory)
    }

    /// Returns them once no more come.
    pub(super) fn seal(self) -> Result<Spilled> {
        Ok(Spilled {
            written: self.written,
            memory: self.memory,
            file: self.file.map(WriteBehind::end).transpose().map_err(error)?,
        })
    }
}

impl Spilled {
    /// Begins to read.
    pub(super) fn reader(&self) -> SpillReader<'_> {
        SpillReader {
            spilled: self,
            window: Vec::new(),
            begin: 0,
            next: 0,
        }
    }
}

/// Reads entries, those that follow one another a window at a time.
pub(super) struct SpillReader<'s> {
    spilled: &'s Spilled,
    window: Vec<u8>,
    /// Where the window begins.
    begin: u64,
    /// Where the entry behind the one read last begins.
    next: u64,
}

impl SpillReader<'_> {
    /// Returns an entry; never asked for a text that is not in the spill.
    pub(super) fn read(&mut self, text: Text) -> Result<&[u8]> {
        let place = (u64::from(text.0) - 1) * UNIT_BYTES as u64;
        if place >= self.spilled.written {
            let begin = (place - self.spilled.written) as usize;
            let length = read_u32(&self.spilled.memory, begin) as usize + LENGTH_BYTES;
            return Ok(&self.spilled.memory[begin + LENGTH_BYTES..begin + length]);
        }
        self.load(place, LENGTH_BYTES)?;
        let length = read_u32(&self.window, (place - self.begin) as usize) as usize;
        self.load(place, LENGTH_BYTES + length)?;
        self.next = place + (LENGTH_BYTES + length).next_multiple_of(UNIT_BYTES) as u64;
        let begin = (place - self.begin) as usize + LENGTH_BYTES;
        Ok(&self.window[begin..begin + length])
    }

    fn load(&mut self, place: u64, bytes: usize) -> Result<()> {
        let end = place + bytes as u64;
        if place >= self.begin && end <= self.begin + self.window.len() as u64 {
            return Ok(());
        }
        let left = (self.spilled.written - place) as usize;
        let ahead = if place == self.next {
            READ_AHEAD
        } else {
            READ_AT_ONCE
        };
        self.window.resize(bytes.max(ahead).min(left), 0);
        self.begin = place;
        match &self.spilled.file {
            Some(file) => file.read_exact_at(&mut self.window, place).map_err(error),
            None => Ok(()),
        }
    }
}

/// What a file that holds text back failed with.
pub(super) fn error(source: io::Error) -> Error {
    Error::File {
        operation: "hold text back in a file beside",
        path: "the index".into(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_back_from_memory_and_from_the_file() {
        let home = tempfile::tempdir().unwrap();
        let mut spill = Spill::new(home.path().to_owned());
        let entry = |at: usize| vec![at as u8; at % 5_000];
        let texts: Vec<Text> = (0..20_000)
            .map(|at| {
                let bytes = entry(at);
                let (front, back) = bytes.split_at(bytes.len() / 3);
                spill.push(&[front, back]).unwrap()
            })
            .collect();
        let spilled = spill.seal().unwrap();
        assert!(spilled.file.is_some() && !spilled.memory.is_empty());
        let mut reader = spilled.reader();
        for step in [1, 7_919] {
            for at in (0..texts.len()).map(|at| at * step % texts.len()) {
                assert_eq!(reader.read(texts[at]).unwrap(), entry(at), "{at}");
            }
        }
        assert!(texts.iter().all(|text| !text.is_kept()));
    }
}
