//! The pages of a file, and payloads that are longer than one.

use std::fs::File;
use std::io;

use super::cell::RowCell;
use super::page::page_number;
use super::{Error, Result};

/// Bytes of the file's header.
pub(super) const HEADER_BYTES: usize = 100;
/// Levels that a tree may have: more would be more pages than a file can have.
pub(super) const LEVELS_AT_MOST: usize = 20;

/// A file in pages.
#[derive(Debug)]
pub(super) struct Pages {
    pub(super) file: File,
    pub(super) page_bytes: usize,
    /// Those of a page that are not reserved at its end.
    pub(super) usable_bytes: usize,
    /// How long the file was when it was opened.
    pub(super) file_bytes: u64,
}

impl Pages {
    /// Reads pages that follow one another.
    pub(super) fn read_pages(&self, first: u32, into: &mut [u8]) -> Result<()> {
        let before = u64::from(first).checked_sub(1);
        let offset = before.ok_or(Error::Damaged("a page of number 0"))? * self.page_bytes as u64;
        match read_exact_at(&self.file, into, offset) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(Error::Damaged("it is shorter than it says"))
            }
            read => Ok(read?),
        }
    }

    /// Returns a row's payload: as it stands in its cell, or put together in `long`.
    pub(super) fn whole<'a>(&self, cell: &RowCell<'a>, long: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        let Some(first) = cell.overflow else {
            return Ok(cell.payload);
        };
        // So long a chain goes round in a circle.
        if cell.bytes as u64 > self.file_bytes {
            return Err(Error::Damaged("a row is longer than its file"));
        }
        long.clear();
        long.extend_from_slice(cell.payload);
        self.read_chain(first, cell.bytes - cell.payload.len(), long)?;
        Ok(long)
    }

    /// Appends `bytes` of a payload that stand in a chain of overflow pages.
    fn read_chain(&self, mut page: u32, mut bytes: usize, into: &mut Vec<u8>) -> Result<()> {
        let mut content = vec![0; self.page_bytes];
        while bytes > 0 {
            self.read_pages(page, &mut content)?;
            page = page_number(Some(&content))?;
            let here = bytes.min(self.usable_bytes - 4);
            into.extend_from_slice(&content[4..4 + here]);
            bytes -= here;
        }
        Ok(())
    }
}

/// Where a page's own header begins.
pub(super) fn header_of(page: u32) -> usize {
    if page == 1 { HEADER_BYTES } else { 0 }
}

#[cfg(unix)]
pub(super) fn read_exact_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, offset)
}

#[cfg(windows)]
pub(super) fn read_exact_at(file: &File, mut into: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !into.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, into, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                into = &mut into[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}
