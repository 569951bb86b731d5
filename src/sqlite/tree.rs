//! B-trees: rows or entries, in order, become leaves, and those level upon level of pages that lead to them.

use super::new_page::NewPage;
use super::new_record::{Encoded, Record, put_varint};
use super::output::Output;
use super::page::PageKind;
use super::spill::Spill;
use super::{Error, Result};

/// A page that is written, and what stands between it and the next one: the last rowid in it as a number of variable
/// length, or an entry of an index as a cell.
struct Child {
    page: u32,
    key: Vec<u8>,
}

/// Appends a payload to a cell, and what does not fit to overflow pages.
fn put_payload(
    output: &mut Output,
    cell: &mut Vec<u8>,
    spill: Spill,
    payload: &[u8],
) -> Result<()> {
    let (kept, rest) = payload.split_at(spill.kept(payload.len()));
    cell.extend_from_slice(kept);
    if !rest.is_empty() {
        let first = output.append_chain(rest)?;
        cell.extend_from_slice(&first.to_be_bytes());
    }
    Ok(())
}

/// A table that rows are put into, in the order of their rowids.
pub(crate) struct Table<'b> {
    pub(super) output: &'b mut Output,
    name: &'static str,
    leaf: NewPage,
    last: Option<i64>,
    children: Vec<Child>,
    payload: Vec<u8>,
    cell: Vec<u8>,
}

impl<'b> Table<'b> {
    pub(super) fn new(output: &'b mut Output, name: &'static str) -> Table<'b> {
        Table {
            leaf: NewPage::new(output.page_bytes, PageKind::TableLeaf),
            output,
            name,
            last: None,
            children: Vec::new(),
            payload: Vec::new(),
            cell: Vec::new(),
        }
    }

    /// Adds a row with a larger rowid than the ones before.
    ///
    /// # Errors
    /// The file's; [`Error::Unordered`].
    pub(crate) fn push(&mut self, rowid: i64, record: &Record) -> Result<()> {
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        record.append_to(&mut payload);
        let put = self.put(rowid, &payload);
        self.payload = payload;
        put
    }

    /// Adds rows, as [`Table::push`] adds one.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn push_all(&mut self, rows: &Encoded) -> Result<()> {
        rows.iter()
            .try_for_each(|(rowid, payload)| self.put(rowid, payload))
    }

    fn put(&mut self, rowid: i64, payload: &[u8]) -> Result<()> {
        if self.last.is_some_and(|last| rowid <= last) {
            return Err(Error::Unordered(self.name));
        }
        self.cell.clear();
        put_varint(&mut self.cell, payload.len() as u64);
        put_varint(&mut self.cell, rowid as u64);
        let spill = Spill::of_table(self.output.page_bytes);
        put_payload(self.output, &mut self.cell, spill, payload)?;
        if !self.leaf.has_room(self.cell.len()) {
            self.end_leaf()?;
        }
        self.leaf.put(&self.cell);
        self.last = Some(rowid);
        Ok(())
    }

    fn end_leaf(&mut self) -> Result<()> {
        let page = self.output.append(self.leaf.seal())?;
        let mut key = Vec::with_capacity(5);
        put_varint(&mut key, self.last.unwrap_or_default() as u64);
        self.children.push(Child { page, key });
        self.leaf.clear();
        Ok(())
    }

    /// Writes the pages that lead to the rows, and returns the root.
    pub(super) fn end(mut self) -> Result<u32> {
        if !self.leaf.is_empty() || self.children.is_empty() {
            self.end_leaf()?;
        }
        lead(self.output, PageKind::TableInterior, self.children)
    }

    /// Ends the tree whose root is page 1, behind the file's header.
    pub(super) fn end_at_front(mut self, begin: usize) -> Result<NewPage> {
        let page_bytes = self.output.page_bytes;
        if !self.leaf.is_empty() {
            self.end_leaf()?;
        }
        let children = narrowed(self.output, PageKind::TableInterior, self.children, begin)?;
        let mut root = NewPage::behind(begin, page_bytes, PageKind::TableInterior);
        fill(&mut root, &children);
        Ok(root)
    }
}

/// An index that entries are put into, in its order.
pub(crate) struct Index<'b> {
    pub(super) output: &'b mut Output,
    leaf: NewPage,
    /// The entry that came last: what stands between two leaves is in neither, and none may be empty.
    last: Vec<u8>,
    children: Vec<Child>,
    payload: Vec<u8>,
}

impl<'b> Index<'b> {
    pub(super) fn new(output: &'b mut Output) -> Index<'b> {
        Index {
            leaf: NewPage::new(output.page_bytes, PageKind::IndexLeaf),
            output,
            last: Vec::new(),
            children: Vec::new(),
            payload: Vec::new(),
        }
    }

    /// Adds an entry, its last column being the rowid. Entries come in the order of the index.
    ///
    /// # Errors
    /// The file's.
    pub(crate) fn push(&mut self, entry: &Record) -> Result<()> {
        let mut cell = Vec::with_capacity(entry.bytes() + 2);
        put_varint(&mut cell, entry.bytes() as u64);
        self.payload.clear();
        entry.append_to(&mut self.payload);
        let spill = Spill::of_index(self.output.page_bytes);
        put_payload(self.output, &mut cell, spill, &self.payload)?;
        let before = std::mem::replace(&mut self.last, cell);
        if before.is_empty() {
            return Ok(());
        }
        if self.leaf.has_room(before.len()) {
            self.leaf.put(&before);
            return Ok(());
        }
        self.end_leaf(before)
    }

    /// Ends a leaf; `key` stands between it and the next one.
    fn end_leaf(&mut self, key: Vec<u8>) -> Result<()> {
        let page = self.output.append(self.leaf.seal())?;
        self.leaf.clear();
        self.children.push(Child { page, key });
        Ok(())
    }

    /// Writes the pages that lead to the entries, and returns the root.
    pub(super) fn end(mut self) -> Result<u32> {
        let last = std::mem::take(&mut self.last);
        if !self.leaf.has_room(last.len()) {
            // A page has room for four entries at least.
            let before = self.leaf.pop();
            self.end_leaf(before)?;
        }
        if !last.is_empty() {
            self.leaf.put(&last);
        }
        self.end_leaf(Vec::new())?;
        lead(self.output, PageKind::IndexInterior, self.children)
    }
}

/// Writes level upon level of interior pages until one page, the root, leads to all.
fn lead(output: &mut Output, kind: PageKind, children: Vec<Child>) -> Result<u32> {
    let children = narrowed(output, kind, children, 0)?;
    if let [one] = children.as_slice() {
        return Ok(one.page);
    }
    let mut root = NewPage::new(output.page_bytes, kind);
    fill(&mut root, &children);
    output.append(root.seal())
}

/// Writes levels until one page, whose header begins at `begin`, has room for what is left.
fn narrowed(
    output: &mut Output,
    kind: PageKind,
    mut level: Vec<Child>,
    begin: usize,
) -> Result<Vec<Child>> {
    let room = output.page_bytes - kind.header_bytes();
    while cell_bytes(&level) > room - begin {
        let mut above = Vec::new();
        for children in groups(level, room) {
            let mut page = NewPage::new(output.page_bytes, kind);
            fill(&mut page, &children);
            let number = output.append(page.seal())?;
            let key = children.into_iter().next_back().map(|child| child.key);
            above.push(Child {
                page: number,
                key: key.unwrap_or_default(),
            });
        }
        level = above;
    }
    Ok(level)
}

/// Bytes of a cell beside its key: its place in the page and the child's number.
const CHILD_BYTES: usize = 6;

/// Bytes that children take in an interior page; the last one stands in its header.
fn cell_bytes(children: &[Child]) -> usize {
    let others = children.len().saturating_sub(1);
    children[..others]
        .iter()
        .map(|child| CHILD_BYTES + child.key.len())
        .sum()
}

/// Parts children into runs that fit a page each, none of them of a single child.
fn groups(children: Vec<Child>, room: usize) -> Vec<Vec<Child>> {
    let mut groups: Vec<Vec<Child>> = Vec::new();
    let mut used = 0;
    for child in children {
        let bytes = CHILD_BYTES + child.key.len();
        match groups.last_mut().filter(|_| used + bytes <= room) {
            Some(group) => group.push(child),
            None => {
                groups.push(vec![child]);
                used = 0;
            }
        }
        used += bytes;
    }
    if let [.., before, last] = groups.as_mut_slice()
        && last.len() == 1
    {
        last.splice(..0, before.pop());
    }
    groups
}

fn fill(page: &mut NewPage, children: &[Child]) {
    let Some((last, others)) = children.split_last() else {
        return;
    };
    let mut cell = Vec::new();
    for child in others {
        cell.clear();
        cell.extend_from_slice(&child.page.to_be_bytes());
        cell.extend_from_slice(&child.key);
        page.put(&cell);
    }
    page.set_last_child(last.page);
}
