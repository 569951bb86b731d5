//! A file read front to back: the rows of a table in the order of their rowids, a window of pages at a time.
//!
//! Reading 256 KiB at once is faster than mapping the file, whose pages would fault one by one.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::page::{PageKind, Read, page_number};
use super::record::{Columns, take_varint};
use super::tree::kept_in_cell;
use super::{Error, Result};

/// Bytes that are read at once.
const WINDOW_BYTES: usize = 256 << 10;
/// Bytes of the file's header.
const HEADER_BYTES: usize = 100;
/// Bytes of the longest row that SQLite reads.
pub(super) const PAYLOAD_BYTES_AT_MOST: usize = 1_000_000_000;
/// Levels that a tree may have: more would be more pages than a file can have.
const LEVELS_AT_MOST: usize = 20;

/// A database file that is read, and never changes.
#[derive(Debug)]
pub(crate) struct Reader {
    file: File,
    page_bytes: usize,
    roots: HashMap<String, u32>,
    /// `PRAGMA application_id`.
    pub(crate) application_id: i32,
    /// `PRAGMA user_version`.
    pub(crate) user_version: i32,
}

impl Reader {
    /// Opens a file and reads its schema.
    ///
    /// # Errors
    /// The file's; [`Error::Damaged`] for what is no database.
    pub(crate) fn open(path: &Path) -> Result<Reader> {
        let file = File::open(path)?;
        let mut header = [0; HEADER_BYTES];
        let is_read = file.read_exact_at(&mut header, 0);
        let is_ours = is_read.is_ok() && header.starts_with(b"SQLite format 3\0");
        let size = u16::from_be_bytes([header[16], header[17]]);
        let page_bytes = if size == 1 {
            1 << 16
        } else {
            usize::from(size)
        };
        if !is_ours || !page_bytes.is_power_of_two() || page_bytes < 512 {
            return Err(Error::Damaged("it has no header"));
        }
        let number = |at: usize| {
            i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let mut reader = Reader {
            file,
            page_bytes,
            roots: HashMap::new(),
            user_version: number(60),
            application_id: number(68),
        };
        reader.roots = reader.schema()?;
        Ok(reader)
    }

    fn schema(&self) -> Result<HashMap<String, u32>> {
        let mut roots = HashMap::new();
        let mut rows = self.rows_of(1)?;
        while let Some((_, mut columns)) = rows.next()? {
            let kind = columns.take()?.text();
            let name = columns.take()?.text().unwrap_or_default().to_owned();
            columns.skip(1)?;
            let root = columns
                .take()?
                .integer()
                .and_then(|root| u32::try_from(root).ok());
            if let (Some("table"), Some(root)) = (kind, root) {
                roots.insert(name, root);
            }
        }
        Ok(roots)
    }

    /// Returns the rows of a table; none where there is no such table.
    ///
    /// # Errors
    /// The file's; [`Error::Damaged`].
    pub(crate) fn rows(&self, table: &str) -> Result<Rows<'_>> {
        match self.roots.get(table) {
            Some(root) => self.rows_of(*root),
            None => Ok(Rows::none()),
        }
    }

    fn rows_of(&self, root: u32) -> Result<Rows<'_>> {
        let mut leaves = Vec::new();
        self.leaves(root, i64::MAX, 0, &mut leaves)?;
        Ok(Rows {
            reader: Some(self),
            leaves,
            ..Rows::none()
        })
    }

    /// Finds the leaves below a page, none of whose rows has a larger rowid than `last`.
    fn leaves(&self, page: u32, last: i64, level: usize, leaves: &mut Vec<Leaf>) -> Result<()> {
        let mut bytes = vec![0; self.page_bytes];
        self.read_pages(page, &mut bytes)?;
        let read = Read::of(&bytes, header_of(page))?;
        if read.kind == PageKind::TableLeaf {
            leaves.push(Leaf { last, page });
            return Ok(());
        }
        if level == LEVELS_AT_MOST {
            return Err(Error::Damaged("a tree leads round in a circle"));
        }
        let mut children = Vec::with_capacity(read.cells + 1);
        for at in 0..read.cells {
            let cell = read.cell(at)?;
            let mut key = cell.get(4..).unwrap_or_default();
            let key = take_varint(&mut key).ok_or(Error::Damaged("a key is cut"))?;
            children.push((page_number(Some(cell))?, key as i64));
        }
        children.push((read.last_child()?, last));
        let Some((first, _)) = children.first() else {
            return Ok(());
        };
        // All children of a page are of one kind: leaves need not be read to be found.
        let is_leaf = self.kind_of(*first)? == PageKind::TableLeaf;
        for (page, last) in children {
            match is_leaf {
                true => leaves.push(Leaf { last, page }),
                false => self.leaves(page, last, level + 1, leaves)?,
            }
        }
        Ok(())
    }

    fn kind_of(&self, page: u32) -> Result<PageKind> {
        let mut bytes = vec![0; self.page_bytes];
        self.read_pages(page, &mut bytes)?;
        Ok(Read::of(&bytes, header_of(page))?.kind)
    }

    fn read_pages(&self, first: u32, into: &mut [u8]) -> Result<()> {
        let before = u64::from(first).checked_sub(1);
        let offset = before.ok_or(Error::Damaged("a page of number 0"))? * self.page_bytes as u64;
        match self.file.read_exact_at(into, offset) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(Error::Damaged("it is shorter than it says"))
            }
            read => Ok(read?),
        }
    }

    /// Appends `bytes` of a payload that stand in a chain of overflow pages.
    fn read_chain(&self, mut page: u32, mut bytes: usize, into: &mut Vec<u8>) -> Result<()> {
        let mut content = vec![0; self.page_bytes];
        while bytes > 0 {
            self.read_pages(page, &mut content)?;
            page = page_number(Some(&content))?;
            let here = bytes.min(self.page_bytes - 4);
            into.extend_from_slice(&content[4..4 + here]);
            bytes -= here;
        }
        Ok(())
    }
}

/// Where a page's own header begins.
fn header_of(page: u32) -> usize {
    if page == 1 { HEADER_BYTES } else { 0 }
}

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
    reader: Option<&'r Reader>,
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
    /// Returns no rows.
    pub(crate) fn none() -> Rows<'r> {
        Rows {
            reader: None,
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
        let Some(reader) = self.reader else {
            return Ok(());
        };
        let page_bytes = reader.page_bytes;
        // Those leaves that follow one another in the file.
        let most = (WINDOW_BYTES / page_bytes).max(1);
        let behind = self.leaves[self.leaf..].iter().take(most).zip(page..);
        let pages = behind
            .take_while(|(leaf, expected)| leaf.page == *expected)
            .count()
            .max(1);
        self.window.resize(pages * page_bytes, 0);
        self.window_pages = 0;
        reader.read_pages(page, &mut self.window)?;
        self.window_page = page;
        self.window_pages = pages as u32;
        Ok(())
    }

    fn page_bytes(&self) -> usize {
        self.reader.map_or(0, |reader| reader.page_bytes)
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
        let mut cell = self.read(page)?.cell(at)?;
        take_varint(&mut cell).ok_or(Error::Damaged("a row is cut"))?;
        let rowid = take_varint(&mut cell);
        Ok(rowid.ok_or(Error::Damaged("a row is cut"))? as i64)
    }

    fn row(&mut self, page: u32, at: usize) -> Result<(i64, Columns<'_>)> {
        const CUT: Error = Error::Damaged("a row is cut");
        let page_bytes = self.page_bytes();
        let begin = (page - self.window_page) as usize * page_bytes;
        let read = Read::of(&self.window[begin..begin + page_bytes], header_of(page))?;
        let mut cell = read.cell(at)?;
        let bytes = take_varint(&mut cell).ok_or(CUT)?;
        let bytes = usize::try_from(bytes).map_err(|_| CUT)?;
        let rowid = take_varint(&mut cell).ok_or(CUT)? as i64;
        if bytes > PAYLOAD_BYTES_AT_MOST {
            return Err(Error::Damaged("a row is longer than any"));
        }
        let kept = kept_in_cell(page_bytes, bytes);
        let payload = cell.get(..kept).ok_or(CUT)?;
        if kept == bytes {
            return Ok((rowid, Columns::of(payload)?));
        }
        let first = page_number(cell.get(kept..))?;
        self.long.clear();
        self.long.extend_from_slice(payload);
        if let Some(reader) = self.reader {
            reader.read_chain(first, bytes - kept, &mut self.long)?;
        }
        Ok((rowid, Columns::of(&self.long)?))
    }
}
