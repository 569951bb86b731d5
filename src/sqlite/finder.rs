//! Finding rows one at a time: by rowid, by a range of rowids, and by entries of an index.
//!
//! Pages that lead to others are few, and kept; a leaf is read when it is asked for. No file is mapped into memory: one that
//! is cut short would end the process, and reading 8 KiB out of the system's cache costs a microsecond.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::cell::RowCell;
use super::page::{PageKind, Read, page_number};
use super::pages::{LEVELS_AT_MOST, header_of};
use super::reader::{Layout, Reader};
use super::record::{Columns, take_varint};
use super::{Error, Result};

/// Columns of the widest index that is read, the rowid with them.
const INDEXED_AT_MOST: usize = 3;

/// Finds rows of a file, in one thread at a time.
#[derive(Debug)]
pub(crate) struct Finder {
    reader: Arc<Reader>,
    inner: RefCell<HashMap<u32, Arc<Inner>>>,
    /// Pages that nobody reads just now, to be read into.
    spare: RefCell<Vec<Vec<u8>>>,
}

/// A page that leads to others.
#[derive(Debug)]
enum Inner {
    /// Children, and before which rowid each of them but the last ends.
    OfTable(Children),
    /// As it is in the file: entries of an index stand here, too.
    OfIndex(Vec<u8>),
}

/// The pages below one of a table.
#[derive(Debug)]
struct Children {
    /// Behind which rowid each of them but the last has no row.
    ends: Vec<i64>,
    pages: Vec<u32>,
}

impl Children {
    fn of(page: Read) -> Result<Children> {
        let mut ends = Vec::with_capacity(page.cells);
        let mut pages = Vec::with_capacity(page.cells + 1);
        for at in 0..page.cells {
            let (child, end) = page.child(at)?;
            ends.push(end);
            pages.push(child);
        }
        pages.push(page.last_child()?);
        Ok(Children { ends, pages })
    }

    /// Returns the place of the child in which a row is. Rowids are spread evenly, mostly: looking where it should be first
    /// touches less memory than halving does.
    fn place(&self, rowid: i64) -> usize {
        let (Some(first), Some(last)) = (self.ends.first(), self.ends.last()) else {
            return 0;
        };
        let (first, last, count) = (*first as f64, *last as f64, self.ends.len());
        let share = (rowid as f64 - first) / (last - first);
        let likely = ((share * count as f64) as usize).min(count);
        let (mut begin, mut end, mut step) = (likely, likely, 4);
        while begin > 0 && self.ends[begin - 1] >= rowid {
            begin = begin.saturating_sub(step);
            step *= 2;
        }
        while end < count && self.ends[end] < rowid {
            end = count.min(end + step);
            step *= 2;
        }
        begin + self.ends[begin..end].partition_point(|end| *end < rowid)
    }
}

/// A page of either kind.
enum Found {
    Inner(Arc<Inner>),
    Leaf(Vec<u8>),
}

/// A leaf of a table, and the last rowid that may stand in it.
struct Leaf {
    bytes: Vec<u8>,
    begin: usize,
    last: i64,
}

impl Finder {
    pub(crate) fn new(reader: Arc<Reader>) -> Finder {
        Finder {
            reader,
            inner: RefCell::default(),
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
        if table.root == 0 {
            return Ok(None);
        }
        let leaf = self.leaf(table.root, rowid)?;
        let page = leaf.page()?;
        let at = leaf.first_from(page, rowid)?;
        let cell = match at < page.cells {
            true => Some(self.cell(page, at)?).filter(|cell| cell.rowid == rowid),
            false => None,
        };
        let found = cell.map(|cell| self.with_columns(&cell, read)).transpose();
        self.give_back(leaf.bytes);
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
        let mut from = Some(rowids.start).filter(|_| table.root != 0);
        while let Some(begin) = from {
            from = self.rows_of_leaf(table.root, begin..rowids.end, &mut read)?;
        }
        Ok(())
    }

    /// Reads those of the leaf in which the range begins; returns where the next leaf does, unless that is behind the range.
    fn rows_of_leaf(
        &self,
        root: u32,
        rowids: Range<i64>,
        read: &mut impl FnMut(i64, Columns) -> Result<()>,
    ) -> Result<Option<i64>> {
        let leaf = self.leaf(root, rowids.start)?;
        let page = leaf.page()?;
        for at in leaf.first_from(page, rowids.start)?..page.cells {
            let cell = self.cell(page, at)?;
            if cell.rowid >= rowids.end {
                break;
            }
            self.with_columns(&cell, |columns| read(cell.rowid, columns))?;
        }
        let next = leaf.last.checked_add(1);
        self.give_back(leaf.bytes);
        Ok(next.filter(|next| *next < rowids.end))
    }

    /// Reads the entries of an index of integers that begin with `key` or come behind it, in order, until `read` breaks.
    ///
    /// # Errors
    /// As [`Finder::row`].
    pub(crate) fn entries<const N: usize>(
        &self,
        index: u32,
        key: [i64; N],
        mut read: impl FnMut(&[i64]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if index != 0 {
            // That there may be more is nobody's concern here.
            let _ = self.entries_below(index, &key, &mut read, 0)?;
        }
        Ok(())
    }

    fn entries_below(
        &self,
        number: u32,
        key: &[i64],
        read: &mut impl FnMut(&[i64]) -> Result<ControlFlow<()>>,
        level: usize,
    ) -> Result<ControlFlow<()>> {
        if level == LEVELS_AT_MOST {
            return Err(Error::Damaged("a tree leads round in a circle"));
        }
        let (inner, leaf);
        let bytes = match self.page(number)? {
            Found::Leaf(bytes) => {
                leaf = bytes;
                &leaf
            }
            Found::Inner(page) => {
                inner = page;
                match &*inner {
                    Inner::OfIndex(bytes) => bytes,
                    Inner::OfTable(_) => return Err(Error::Damaged("a table for an index")),
                }
            }
        };
        let page = Read::of(bytes, header_of(number))?;
        let is_leaf = match page.kind {
            PageKind::IndexLeaf => true,
            PageKind::IndexInterior => false,
            _ => return Err(Error::Damaged("a table for an index")),
        };
        let first = lower_bound(page.cells, |at| {
            let entry = Entry::of(page, at, is_leaf)?;
            Ok(entry.values()[..key.len().min(entry.count)] < *key)
        })?;
        for at in first..page.cells {
            let entry = Entry::of(page, at, is_leaf)?;
            if let Some(child) = entry.child
                && self.entries_below(child, key, read, level + 1)?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
            if read(entry.values())?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        match is_leaf {
            true => Ok(ControlFlow::Continue(())),
            false => self.entries_below(page.last_child()?, key, read, level + 1),
        }
    }

    /// Returns the leaf in which a row of a table is, if there is one.
    fn leaf(&self, root: u32, rowid: i64) -> Result<Leaf> {
        let (mut number, mut last) = (root, i64::MAX);
        for _ in 0..LEVELS_AT_MOST {
            match self.page(number)? {
                // Who goes on behind a leaf would go round in a circle.
                Found::Leaf(_) if last < rowid => {
                    return Err(Error::Damaged("keys that are out of order"));
                }
                Found::Leaf(bytes) => {
                    return Ok(Leaf {
                        bytes,
                        begin: header_of(number),
                        last,
                    });
                }
                Found::Inner(inner) => {
                    let Inner::OfTable(children) = &*inner else {
                        return Err(Error::Damaged("an index for a table"));
                    };
                    let at = children.place(rowid);
                    let end = children.ends.get(at);
                    last = end.map_or(last, |end| last.min(*end));
                    number = children.pages[at];
                }
            }
        }
        Err(Error::Damaged("a tree leads round in a circle"))
    }

    /// Reads a page, unless it is one that is kept.
    fn page(&self, number: u32) -> Result<Found> {
        if let Some(inner) = self.inner.borrow().get(&number) {
            return Ok(Found::Inner(Arc::clone(inner)));
        }
        let mut bytes = self.spare.borrow_mut().pop().unwrap_or_default();
        bytes.resize(self.reader.pages.page_bytes, 0);
        self.reader.pages.read_pages(number, &mut bytes)?;
        let page = Read::of(&bytes, header_of(number))?;
        let inner = match page.kind {
            PageKind::TableLeaf | PageKind::IndexLeaf => return Ok(Found::Leaf(bytes)),
            PageKind::TableInterior => Inner::OfTable(Children::of(page)?),
            PageKind::IndexInterior => Inner::OfIndex(bytes),
        };
        let inner = Arc::new(inner);
        self.inner.borrow_mut().insert(number, Arc::clone(&inner));
        Ok(Found::Inner(inner))
    }

    fn give_back(&self, bytes: Vec<u8>) {
        self.spare.borrow_mut().push(bytes);
    }

    fn cell<'a>(&self, page: Read<'a>, at: usize) -> Result<RowCell<'a>> {
        RowCell::of(page.cell(at)?, self.reader.pages.page_bytes)
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
    fn page(&self) -> Result<Read<'_>> {
        let page = Read::of(&self.bytes, self.begin)?;
        match page.kind {
            PageKind::TableLeaf => Ok(page),
            _ => Err(Error::Damaged("an index for a table")),
        }
    }

    /// Returns the place of the first row whose id is not before `rowid`.
    fn first_from(&self, page: Read, rowid: i64) -> Result<usize> {
        lower_bound(page.cells, |at| Ok(RowCell::rowid(page.cell(at)?)? < rowid))
    }
}

/// An entry of an index of integers.
struct Entry {
    /// The page whose entries come before it.
    child: Option<u32>,
    values: [i64; INDEXED_AT_MOST],
    count: usize,
}

impl Entry {
    fn of(page: Read, at: usize, is_leaf: bool) -> Result<Entry> {
        const CUT: Error = Error::Damaged("an entry is cut");
        let mut cell = page.cell(at)?;
        let child = match is_leaf {
            true => None,
            false => {
                let child = page_number(Some(cell))?;
                cell = &cell[4..];
                Some(child)
            }
        };
        let bytes = take_varint(&mut cell).ok_or(CUT)?;
        let bytes = usize::try_from(bytes).map_err(|_| CUT)?;
        let mut columns = Columns::of(cell.get(..bytes).ok_or(CUT)?)?;
        let (mut values, mut count) = ([0; INDEXED_AT_MOST], 0);
        while !columns.types.is_empty() {
            let value = columns.take()?.integer();
            let value = value.ok_or(Error::Damaged("an entry that is no integer"))?;
            let place = values.get_mut(count);
            *place.ok_or(Error::Damaged("an entry of too many columns"))? = value;
            count += 1;
        }
        Ok(Entry {
            child,
            values,
            count,
        })
    }

    fn values(&self) -> &[i64] {
        &self.values[..self.count]
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
