//! The end of a database file, where pages are appended beside SQLite.
//!
//! While no transaction is open, this is to SQLite what a change by another program would be: the header's change counter
//! tells it to read the file anew.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::folder::file_error;
use super::{Error, Result};

/// Where the file's header keeps how many bytes of each page are another's, its change counter, its size in pages, the
/// format of its schema, and the counter that the size is of.
const RESERVED: u64 = 20;
const COUNTER: u64 = 24;
const PAGES: u64 = 28;
const SCHEMA_FORMAT: u64 = 44;
const PAGES_VALID_FOR: u64 = 92;
/// The schema format in which rows are laid, and SQLite's own for twenty years.
const FORMAT: u32 = 4;
/// The byte that SQLite locks: the page that has it holds nothing.
const LOCK_BYTE: usize = 1 << 30;

/// A database file that pages are appended to while no transaction is open on it. Closed before one is: on Unix a program
/// loses its locks on a file with the first descriptor of it that it closes.
pub(super) struct Tail {
    file: File,
    path: PathBuf,
}

impl Tail {
    /// Opens the file beside the connection that made it.
    ///
    /// # Errors
    /// The file system's, and when pages of the file are not laid out as [`super::btree`] lays them.
    pub(super) fn open(path: &Path) -> Result<Tail> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let tail = Tail {
            file: file.map_err(file_error("open", path))?,
            path: path.to_owned(),
        };
        let mut reserved = [0];
        let format = tail
            .file
            .read_exact_at(&mut reserved, RESERVED)
            .and_then(|()| tail.number_at(SCHEMA_FORMAT));
        let format = format.map_err(file_error("read", path))?;
        if (reserved, format) != ([0], FORMAT) {
            return Err(Error::Inconsistent(
                "the new index is of an unknown SQLite format",
            ));
        }
        Ok(tail)
    }

    /// Appends whole pages and returns their numbers.
    pub(super) fn append(&self, pages: &[u8], page_bytes: usize) -> Result<Vec<u32>> {
        let count = pages.len() / page_bytes;
        let locked = (LOCK_BYTE / page_bytes) as u32 + 1;
        let mut numbers = Vec::with_capacity(count);
        self.change(|size| {
            // Pages are numbered from 1.
            let free = (size.saturating_add(1)..u32::MAX).filter(|number| *number != locked);
            numbers.extend(free.take(count));
            let before = numbers.partition_point(|number| *number < locked);
            let (before, behind) = pages.split_at(before * page_bytes);
            for (pages, first) in [(before, size + 1), (behind, (size + 1).max(locked + 1))] {
                if !pages.is_empty() {
                    self.file.write_all_at(pages, offset(first, page_bytes))?;
                }
            }
            match numbers.last() {
                Some(last) if numbers.len() == count => Ok(*last),
                None => Ok(size),
                Some(_) => Err(io::ErrorKind::FileTooLarge.into()),
            }
        })?;
        Ok(numbers)
    }

    /// Overwrites a page.
    pub(super) fn write_page(&self, number: u32, page: &[u8]) -> Result<()> {
        self.change(|size| {
            self.file.write_all_at(page, offset(number, page.len()))?;
            Ok(size)
        })
    }

    /// Changes the file, given its size in pages; the change says what the size is then.
    fn change(&self, change: impl FnOnce(u32) -> io::Result<u32>) -> Result<()> {
        let changed = || {
            let size = change(self.number_at(PAGES)?)?;
            let counter = self.number_at(COUNTER)?.wrapping_add(1);
            for (number, at) in [
                (counter, COUNTER),
                (size, PAGES),
                (counter, PAGES_VALID_FOR),
            ] {
                self.file.write_all_at(&number.to_be_bytes(), at)?;
            }
            Ok(())
        };
        changed().map_err(file_error("write", &self.path))
    }

    fn number_at(&self, offset: u64) -> io::Result<u32> {
        let mut number = [0; 4];
        self.file.read_exact_at(&mut number, offset)?;
        Ok(u32::from_be_bytes(number))
    }
}

fn offset(page: u32, page_bytes: usize) -> u64 {
    u64::from(page.saturating_sub(1)) * page_bytes as u64
}
