//! Branches: the pages of a b-tree that lead to others, each read when it is first asked for, and kept for all threads.

use std::sync::OnceLock;

use super::page::{PageKind, Read, page_number};
use super::pages::{LEVELS_AT_MOST, Pages, header_of};
use super::record::{Columns, take_varint};
use super::{Error, Result};

/// Columns of the widest index that is read, the rowid with them.
const INDEXED_AT_MOST: usize = 3;

/// What parts two children of a page.
pub(super) trait Key: Sized {
    /// The kinds of pages in such a tree: those that lead to others, and leaves.
    const KINDS: [PageKind; 2];

    /// Reads the key behind a child's number.
    fn of(cell: &[u8]) -> Result<Self>;
}

/// The last rowid that may stand in a child of a table.
impl Key for i64 {
    const KINDS: [PageKind; 2] = [PageKind::TableInterior, PageKind::TableLeaf];

    fn of(mut cell: &[u8]) -> Result<i64> {
        let key = take_varint(&mut cell).ok_or(Error::Damaged("a key is cut"))?;
        Ok(key as i64)
    }
}

/// An entry of an index of integers, the rowid last. In no leaf is it once more.
#[derive(Debug)]
pub(super) struct Entry {
    values: [i64; INDEXED_AT_MOST],
    count: usize,
}

impl Key for Entry {
    const KINDS: [PageKind; 2] = [PageKind::IndexInterior, PageKind::IndexLeaf];

    fn of(mut cell: &[u8]) -> Result<Entry> {
        const CUT: Error = Error::Damaged("an entry is cut");
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
        Ok(Entry { values, count })
    }
}

impl Entry {
    pub(super) fn values(&self) -> &[i64] {
        &self.values[..self.count]
    }

    /// Tells whether it comes before all that begin with `first`.
    pub(super) fn is_before(&self, first: &[i64]) -> bool {
        self.values[..first.len().min(self.count)] < *first
    }
}

/// The branches of a tree.
#[derive(Debug)]
pub(super) struct Branches<K> {
    root: u32,
    /// None where the root is a leaf.
    top: OnceLock<Option<Branch<K>>>,
}

/// A page that leads to others.
#[derive(Debug)]
pub(super) struct Branch<K> {
    /// What stands between its children, in order.
    pub(super) keys: Vec<K>,
    children: Vec<u32>,
    /// Of each child; empty where they are leaves.
    below: Vec<OnceLock<Branch<K>>>,
    level: usize,
}

/// What a branch leads to.
pub(super) enum Child<'b, K> {
    Branch(&'b Branch<K>),
    /// A page's number.
    Leaf(u32),
}

impl<K: Key> Branches<K> {
    pub(super) fn new(root: u32) -> Branches<K> {
        Branches {
            root,
            top: OnceLock::new(),
        }
    }

    /// Returns where all begins.
    pub(super) fn top(&self, pages: &Pages) -> Result<Child<'_, K>> {
        if self.top.get().is_none() {
            // Where another thread was first, it read the same.
            let _ = self.top.set(Branch::read(pages, self.root, 0)?);
        }
        Ok(match self.top.get() {
            Some(Some(branch)) => Child::Branch(branch),
            _ => Child::Leaf(self.root),
        })
    }
}

impl<K: Key> Branch<K> {
    /// Reads a page; `None` where it is a leaf.
    fn read(pages: &Pages, number: u32, level: usize) -> Result<Option<Branch<K>>> {
        let mut bytes = vec![0; pages.page_bytes];
        let Some(page) = branch_page::<K>(pages, number, &mut bytes)? else {
            return Ok(None);
        };
        if level == LEVELS_AT_MOST {
            return Err(Error::Damaged("a tree leads round in a circle"));
        }
        let mut keys = Vec::with_capacity(page.cells);
        let mut children = Vec::with_capacity(page.cells + 1);
        for at in 0..page.cells {
            let cell = page.cell(at)?;
            children.push(page_number(Some(cell))?);
            keys.push(K::of(cell.get(4..).unwrap_or_default())?);
        }
        children.push(page.last_child()?);
        // All children of a page are of one kind.
        let first = branch_page::<K>(pages, children[0], &mut bytes)?;
        let mut below = Vec::new();
        if first.is_some() {
            below.resize_with(children.len(), OnceLock::new);
        }
        Ok(Some(Branch {
            keys,
            children,
            below,
            level,
        }))
    }

    /// Returns a child, of which there is one more than keys.
    pub(super) fn child(&self, at: usize, pages: &Pages) -> Result<Child<'_, K>> {
        let number = self.children[at];
        let Some(place) = self.below.get(at) else {
            return Ok(Child::Leaf(number));
        };
        if place.get().is_none() {
            let branch = Branch::read(pages, number, self.level + 1)?;
            let _ = place.set(branch.ok_or(Error::Damaged("leaves at several levels"))?);
        }
        let branch = place
            .get()
            .ok_or(Error::Damaged("leaves at several levels"))?;
        Ok(Child::Branch(branch))
    }
}

impl Branch<i64> {
    /// Returns the place of the child in which a row is. Rowids are spread evenly, mostly: looking where it should be first
    /// touches less memory than halving does.
    pub(super) fn place(&self, rowid: i64) -> usize {
        let ends = &self.keys;
        let (Some(first), Some(last)) = (ends.first(), ends.last()) else {
            return 0;
        };
        let (first, last, count) = (*first as f64, *last as f64, ends.len());
        let share = (rowid as f64 - first) / (last - first);
        let likely = ((share * count as f64) as usize).min(count);
        let (mut begin, mut end, mut step) = (likely, likely, 4);
        while begin > 0 && ends[begin - 1] >= rowid {
            begin = begin.saturating_sub(step);
            step *= 2;
        }
        while end < count && ends[end] < rowid {
            end = count.min(end + step);
            step *= 2;
        }
        begin + ends[begin..end].partition_point(|end| *end < rowid)
    }
}

/// Reads a page that leads to others; `None` where it is a leaf.
fn branch_page<'b, K: Key>(
    pages: &Pages,
    number: u32,
    bytes: &'b mut [u8],
) -> Result<Option<Read<'b>>> {
    pages.read_pages(number, bytes)?;
    let page = Read::of(bytes, header_of(number))?;
    let [branch, leaf] = K::KINDS;
    match page.kind {
        kind if kind == branch => Ok(Some(page)),
        kind if kind == leaf => Ok(None),
        _ => Err(WRONG_KIND),
    }
}

pub(super) const WRONG_KIND: Error =
    Error::Damaged("a table for an index, or an index for a table");
