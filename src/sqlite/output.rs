//! Pages on their way into a file, one after another.

use std::fs::File;

use super::Result;
use crate::write_behind::{WRITTEN_AT_ONCE, WriteBehind};

/// SQLite never uses the page in which this byte lies: it locks files there.
const LOCK_BYTE: u64 = 1 << 30;
/// Pages on their way into a file.
pub(super) struct Output {
    pub(super) page_bytes: usize,
    buffer: Vec<u8>,
    /// The number of the next page; those of a file begin at 1.
    pub(super) next: u32,
    file: WriteBehind,
}

impl Output {
    /// Begins an empty file.
    pub(super) fn new(file: File, page_bytes: usize) -> Result<Output> {
        Ok(Output {
            page_bytes,
            buffer: Vec::with_capacity(WRITTEN_AT_ONCE + page_bytes),
            next: 1,
            file: WriteBehind::new(file)?,
        })
    }

    /// Returns the file once all is written.
    pub(super) fn end(mut self) -> Result<File> {
        self.file.write(&mut self.buffer)?;
        Ok(self.file.end()?)
    }

    fn lock_page(&self) -> u32 {
        (LOCK_BYTE / self.page_bytes as u64) as u32 + 1
    }

    /// Appends a page and returns its number.
    pub(super) fn append(&mut self, page: &[u8]) -> Result<u32> {
        if self.next == self.lock_page() {
            self.write(&vec![0; page.len()])?;
        }
        self.write(page)?;
        Ok(self.next - 1)
    }

    pub(super) fn write(&mut self, page: &[u8]) -> Result<()> {
        self.next += 1;
        self.buffer.extend_from_slice(page);
        if self.buffer.len() >= WRITTEN_AT_ONCE {
            self.file.write(&mut self.buffer)?;
        }
        Ok(())
    }

    /// Appends what a cell has no room for as a chain of pages, and returns the number of the first.
    pub(super) fn append_chain(&mut self, rest: &[u8]) -> Result<u32> {
        let mut first = None;
        let mut pages = rest.chunks(self.page_bytes - 4).peekable();
        let mut page = Vec::with_capacity(self.page_bytes);
        while let Some(part) = pages.next() {
            let own = self.next + u32::from(self.next == self.lock_page());
            let behind = own + 1 + u32::from(own + 1 == self.lock_page());
            let next = pages.peek().map_or(0, |_| behind);
            page.clear();
            page.extend_from_slice(&next.to_be_bytes());
            page.extend_from_slice(part);
            page.resize(self.page_bytes, 0);
            let number = self.append(&page)?;
            first = first.or(Some(number));
        }
        Ok(first.unwrap_or_default())
    }
}
