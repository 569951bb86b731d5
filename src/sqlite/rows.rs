//! Rows of a table read front to back, a window of pages at a time.
//!
//! Reading 256 KiB at once is faster than mapping the file, whose pages would fault one by one.

use super::branches::{Branches, Child};
use super::cell::RowCell;
use super::page::{PageKind, Read};
use super::pages::{Pages, header_of};
use super::record::Columns;
use super::{Error, Result};

/// Bytes that are read at once.
const WINDOW_BYTES: usize = 256 << 10;

/// A leaf, and what no rowid in it is larger than.
#[derive(Debug, Clone, Copy)]
struct Leaf {
    last: i64,
    page: u32,
}

/// The rows of a table, in the order of their rowids.
#[derive(Debug)]
pub(crate) struct Rows<'r> {
    /// None only where there are no rows.
    pages: Option<&'r Pages>,
    leaves: Vec<Leaf>,
    /// The leaf that is being read, and the next row in it.
    leaf: usize,
    cell: usize,
    window: Vec<u8>,
    /// The first page in the window, and how many there are.
    window_page: u32,
    window_pages: u32,
    /// A row that is longer than its page.
    long: Vec<u8>,
}

impl<'r> Rows<'r> {
    /// Returns the rows below a page.
    pub(super) fn of(pages: &'r Pages, root: u32) -> Result<Rows<'r>> {
        let mut found = Vec::new();
        leaves(
            pages,
            &Branches::new(root).top(pages)?,
            i64::MAX,
            &mut found,
        )?;
        Ok(Rows {
            pages: Some(pages),
            leaves: found,
            ..Rows::none()
        })
    }

    /// Returns no rows.
    pub(crate) fn none() -> Rows<'r> {
        Rows {
            pages: None,
            leaves: Vec::new(),
            leaf: 0,
            cell: 0,
            window: Vec::new(),
            window_page: 0,
            window_pages: 0,
            long: Vec::new(),
        }
    }

    /// Returns the next row.
    ///
    /// # Errors
    /// The file's; [`Error::Damaged`].
    pub(crate) fn next(&mut self) -> Result<Option<(i64, Columns<'_>)>> {
        loop {
            let Some(leaf) = self.leaves.get(self.leaf) else {
                return Ok(None);
            };
            let page = leaf.page;
            self.load(page)?;
            if self.cell < self.read(page)?.cells {
                break;
            }
            self.leaf += 1;
            self.cell = 0;
        }
        let page = self.leaves[self.leaf].page;
        self.cell += 1;
        self.row(page, self.cell - 1).map(Some)
    }

    /// Passes over the rows before a rowid, without reading the pages that hold no others.
    ///
    /// # Errors
    /// As [`Rows::next`].
    pub(crate) fn seek(&mut self, rowid: i64) -> Result<()> {
        let is_behind = |leaf: &Leaf| leaf.last < rowid;
        if self.leaves.get(self.leaf).is_some_and(is_behind) {
            self.leaf += self.leaves[self.leaf..].partition_point(is_behind);
            self.cell = 0;
        }
        let Some(leaf) = self.leaves.get(self.leaf) else {
            return Ok(());
        };
        let page = leaf.page;
        self.load(page)?;
        while self.cell < self.read(page)?.cells && self.rowid(page, self.cell)? < rowid {
            self.cell += 1;
        }
        Ok(())
    }

    /// Returns the row of a rowid, if there is one. Rows are asked for in order; the same one can be asked for again.
    ///
    /// # Errors
    /// As [`Rows::next`].
    pub(crate) fn find(&mut self, rowid: i64) -> Result<Option<Columns<'_>>> {
        self.seek(rowid)?;
        let Some(leaf) = self.leaves.get(self.leaf) else {
            return Ok(None);
        };
        let page = leaf.page;
        if self.cell >= self.read(page)?.cells {
            return Ok(None);
        }
        let (found, columns) = self.row(page, self.cell)?;
        Ok((found == rowid).then_some(columns))
    }

    /// Reads the window in which a page lies.
    fn load(&mut self, page: u32) -> Result<()> {
        if page >= self.window_page && page - self.window_page < self.window_pages {
            return Ok(());
        }
        let Some(pages) = self.pages else {
            return Ok(());
        };
        let page_bytes = pages.page_bytes;
        // Those leaves that follow one another in the file.
        let most = (WINDOW_BYTES / page_bytes).max(1);
        let behind = self.leaves[self.leaf..].iter().take(most).zip(page..);
        let count = behind
            .take_while(|(leaf, expected)| leaf.page == *expected)
            .count()
            .max(1);
        self.window.resize(count * page_bytes, 0);
        self.window_pages = 0;
        pages.read_pages(page, &mut self.window)?;
        self.window_page = page;
        self.window_pages = count as u32;
        Ok(())
    }

    fn page_bytes(&self) -> usize {
        self.pages.map_or(0, |pages| pages.page_bytes)
    }

    fn read(&self, page: u32) -> Result<Read<'_>> {
        let page_bytes = self.page_bytes();
        let begin = (page - self.window_page) as usize * page_bytes;
        let read = Read::of(&self.window[begin..begin + page_bytes], header_of(page))?;
        match read.kind {
            PageKind::TableLeaf => Ok(read),
            _ => Err(Error::Damaged("leaves at several levels")),
        }
    }

    fn rowid(&self, page: u32, at: usize) -> Result<i64> {
        RowCell::rowid(self.read(page)?.cell(at)?)
    }

    fn row(&mut self, page: u32, at: usize) -> Result<(i64, Columns<'_>)> {
        let page_bytes = self.page_bytes();
        let begin = (page - self.window_page) as usize * page_bytes;
        let read = Read::of(&self.window[begin..begin + page_bytes], header_of(page))?;
        let usable_bytes = self.pages.map_or(0, |pages| pages.usable_bytes);
        let cell = RowCell::of(read.cell(at)?, usable_bytes)?;
        let payload = match self.pages {
            Some(pages) => pages.whole(&cell, &mut self.long)?,
            None => cell.payload,
        };
        Ok((cell.rowid, Columns::of(payload)?))
    }
}

/// Finds the leaves below a child, none of whose rows has a larger rowid than `last`.
fn leaves(pages: &Pages, child: &Child<i64>, last: i64, found: &mut Vec<Leaf>) -> Result<()> {
    let branch = match child {
        Child::Branch(branch) => branch,
        Child::Leaf(page) => {
            found.push(Leaf { last, page: *page });
            return Ok(());
        }
    };
    for at in 0..=branch.keys.len() {
        let end = branch.keys.get(at).copied().unwrap_or(last);
        leaves(pages, &branch.child(at, pages)?, end, found)?;
    }
    Ok(())
}
