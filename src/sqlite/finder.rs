//! Finding rows one at a time: by rowid, by a range of rowids, and by entries of an index.
//!
//! Pages that lead to others are few, and kept (`branches`); a leaf is read when it is asked for. No file is mapped into
//! memory: one that is cut short would end the process, and reading 4 KiB out of the system's cache costs a microsecond.

use std::cell::RefCell;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::branches::{Branch, Branches, Child, Entry, Key, WRONG_KIND};
use super::cell::RowCell;
use super::page::Read;
use super::pages::header_of;
use super::reader::{Index, Layout, Reader};
use super::record::Columns;
use super::{Error, Result};

/// Finds rows of a file, in one thread at a time.
#[derive(Debug)]
pub(crate) struct Finder {
    reader: Arc<Reader>,
    /// Pages that nobody reads just now, to be read into.
    spare: RefCell<Vec<Vec<u8>>>,
}

/// A leaf that was read.
struct Leaf {
    bytes: Vec<u8>,
    /// Where its header begins.
    begin: usize,
    /// The last rowid that may stand in it, if it is one of a table.
    last: i64,
}

impl Finder {
    pub(crate) fn new(reader: Arc<Reader>) -> Finder {
        Finder {
            reader,
            spare: RefCell::default(),
        }
    }

    /// Returns the file.
    pub(crate) fn file(&self) -> &Reader {
        &self.reader
    }

    /// Returns what is made of the row of a rowid; `None` where there is none.
    ///
    /// # Errors
    /// The file's; [`Error::Damaged`]; those of `read`.
    pub(crate) fn row<T>(
        &self,
        table: &Layout,
        rowid: i64,
        read: impl FnOnce(Columns) -> Result<T>,
    ) -> Result<Option<T>> {
        let leaf = self.leaf_of(&table.branches, rowid)?;
        let page = leaf.page::<i64>()?;
        let at = leaf.first_from(page, rowid)?;
        let cell = match at < page.cells {
            true => Some(self.cell(page, at)?).filter(|cell| cell.rowid == rowid),
            false => None,
        };
        let found = cell.map(|cell| self.with_columns(&cell, read)).transpose();
        self.give_back(leaf);
        found
    }

    /// Reads the rows of a range of rowids, in order.
    ///
    /// # Errors
    /// As [`Finder::row`].
    pub(crate) fn rows(
        &self,
        table: &Layout,
        rowids: Range<i64>,
        mut read: impl FnMut(i64, Columns) -> Result<()>,
    ) -> Result<()> {
        let mut from = Some(rowids.start);
        while let Some(begin) = from {
            from = self.rows_of_leaf(table, begin..rowids.end, &mut read)?;
        }
        Ok(())
    }

    /// Reads those of the leaf in which the range begins; returns where the next leaf does, unless that is behind the range.
    fn rows_of_leaf(
        &self,
        table: &Layout,
        rowids: Range<i64>,
        read: &mut impl FnMut(i64, Columns) -> Result<()>,
    ) -> Result<Option<i64>> {
        let leaf = self.leaf_of(&table.branches, rowids.start)?;
        let page = leaf.page::<i64>()?;
        for at in leaf.first_from(page, rowids.start)?..page.cells {
            let cell = self.cell(page, at)?;
            if cell.rowid >= rowids.end {
                break;
            }
            self.with_columns(&cell, |columns| read(cell.rowid, columns))?;
        }
        let next = leaf.last.checked_add(1);
        self.give_back(leaf);
        Ok(next.filter(|next| *next < rowids.end))
    }

    /// Reads the entries of an index of integers that begin with `first` or come behind it, in order, until `read` breaks.
    ///
    /// # Errors
    /// As [`Finder::row`].
    pub(crate) fn entries(
        &self,
        index: &Index,
        first: &[i64],
        mut read: impl FnMut(&[i64]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        // That there may be more is nobody's concern here.
        let _ = match index.branches.top(&self.reader.pages)? {
            Child::Branch(top) => self.entries_below(top, first, &mut read)?,
            Child::Leaf(number) => self.entries_of_leaf(number, first, &mut read)?,
        };
        Ok(())
    }

    fn entries_below(
        &self,
        branch: &Branch<Entry>,
        first: &[i64],
        read: &mut impl FnMut(&[i64]) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let begin = branch.keys.partition_point(|entry| entry.is_before(first));
        for at in begin..=branch.keys.len() {
            let below = match branch.child(at, &self.reader.pages)? {
                Child::Branch(branch) => self.entries_below(branch, first, read)?,
                Child::Leaf(number) => self.entries_of_leaf(number, first, read)?,
            };
            // What parts two children comes between theirs.
            let between = branch.keys.get(at).filter(|_| below.is_continue());
            let Some(entry) = between else {
                return Ok(below);
            };
            if read(entry.values())?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn entries_of_leaf(
        &self,
        number: u32,
        first: &[i64],
        read: &mut impl FnMut(&[i64]) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let leaf = self.leaf(number, i64::MAX)?;
        let page = leaf.page::<Entry>()?;
        let begin = lower_bound(page.cells, |at| {
            Ok(Entry::of(page.cell(at)?)?.is_before(first))
        })?;
        let mut flow = ControlFlow::Continue(());
        for at in begin..page.cells {
            flow = read(Entry::of(page.cell(at)?)?.values())?;
            if flow.is_break() {
                break;
            }
        }
        self.give_back(leaf);
        Ok(flow)
    }

    /// Reads the leaf in which a row of a table is, if there is one.
    fn leaf_of(&self, table: &Branches<i64>, rowid: i64) -> Result<Leaf> {
        let pages = &self.reader.pages;
        let (mut child, mut last) = (table.top(pages)?, i64::MAX);
        loop {
            match child {
                // Who goes on behind a leaf would go round in a circle.
                Child::Leaf(_) if last < rowid => {
                    return Err(Error::Damaged("keys that are out of order"));
                }
                Child::Leaf(number) => return self.leaf(number, last),
                Child::Branch(branch) => {
                    let at = branch.place(rowid);
                    let end = branch.keys.get(at);
                    last = end.map_or(last, |end| last.min(*end));
                    child = branch.child(at, pages)?;
                }
            }
        }
    }

    fn leaf(&self, number: u32, last: i64) -> Result<Leaf> {
        let mut bytes = self.spare.borrow_mut().pop().unwrap_or_default();
        bytes.resize(self.reader.pages.page_bytes, 0);
        self.reader.pages.read_pages(number, &mut bytes)?;
        Ok(Leaf {
            bytes,
            begin: header_of(number),
            last,
        })
    }

    fn give_back(&self, leaf: Leaf) {
        self.spare.borrow_mut().push(leaf.bytes);
    }

    fn cell<'a>(&self, page: Read<'a>, at: usize) -> Result<RowCell<'a>> {
        RowCell::of(page.cell(at)?, self.reader.pages.usable_bytes)
    }

    fn with_columns<T>(
        &self,
        cell: &RowCell,
        read: impl FnOnce(Columns) -> Result<T>,
    ) -> Result<T> {
        let mut long = Vec::new();
        read(Columns::of(self.reader.pages.whole(cell, &mut long)?)?)
    }
}

impl Leaf {
    fn page<K: Key>(&self) -> Result<Read<'_>> {
        let page = Read::of(&self.bytes, self.begin)?;
        match page.kind == K::KINDS[1] {
            true => Ok(page),
            false => Err(WRONG_KIND),
        }
    }

    /// Returns the place of the first row whose id is not before `rowid`.
    fn first_from(&self, page: Read, rowid: i64) -> Result<usize> {
        lower_bound(page.cells, |at| Ok(RowCell::rowid(page.cell(at)?)? < rowid))
    }
}

/// Returns the first of so many places for which `is_before` does not hold, where it holds for none behind.
fn lower_bound(count: usize, is_before: impl Fn(usize) -> Result<bool>) -> Result<usize> {
    let (mut begin, mut end) = (0, count);
    while begin < end {
        let middle = begin + (end - begin) / 2;
        match is_before(middle)? {
            true => begin = middle + 1,
            false => end = middle,
        }
    }
    Ok(begin)
}
