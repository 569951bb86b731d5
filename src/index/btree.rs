//! Rows of an empty table, and entries of an empty index, laid down as the pages of their b-trees.
//!
//! A first load inserts millions of rows in the order of their ids. SQL spends most of a load's time on that: binding,
//! running a program and finding the last page again, for every row. Here a row goes to the end of a page, and pages
//! go to the end of the file (`tail`), as <https://www.sqlite.org/fileformat2.html> says; SQLite made the file, and reads
//! and writes all of it once the pages are planted. Until then nothing leads to them.

use rusqlite::Connection;

use super::record::{Record, VARINT_BYTES, put_varint};
use super::tail::Tail;
use super::{Error, Result};

/// Pages that are appended together: half a megabyte of the index's pages.
const APPENDED_AT_ONCE: usize = 64;
/// The kinds of pages, by their first byte.
const LEAF: u8 = 13;
const INTERIOR: u8 = 5;
const INDEX_LEAF: u8 = 10;
const INDEX_INTERIOR: u8 = 2;
/// Bytes of a page before its cell pointers.
const LEAF_HEADER: usize = 8;
const INTERIOR_HEADER: usize = 12;
/// A row is kept whole on its page if it leaves this many bytes of it; longer ones continue elsewhere.
const LEAST_LEFT: usize = 35;
/// Bytes of a cell's place in a page, and of a child's page number.
const POINTER_BYTES: usize = 2;
const CHILD_BYTES: usize = 4;

/// A page in the making: cell pointers from the front, cells from the back.
struct Page {
    bytes: Vec<u8>,
    header: usize,
    cells: usize,
    /// Where the last cell put in begins.
    content: usize,
}

impl Page {
    fn new(page_bytes: usize, kind: u8, header: usize) -> Page {
        let mut bytes = vec![0; page_bytes];
        bytes[0] = kind;
        Page {
            bytes,
            header,
            cells: 0,
            content: page_bytes,
        }
    }

    fn has_room(&self, cell: usize) -> bool {
        self.header + 2 * (self.cells + 1) + cell <= self.content
    }

    fn put(&mut self, cell: &[u8]) {
        self.content -= cell.len();
        self.bytes[self.content..self.content + cell.len()].copy_from_slice(cell);
        let pointer = self.header + 2 * self.cells;
        self.bytes[pointer..pointer + 2].copy_from_slice(&(self.content as u16).to_be_bytes());
        self.cells += 1;
    }

    /// Writes what the header says of the cells.
    fn seal(&mut self) -> &[u8] {
        self.bytes[3..5].copy_from_slice(&(self.cells as u16).to_be_bytes());
        // 65,536 is written as 0.
        self.bytes[5..7].copy_from_slice(&(self.content as u16).to_be_bytes());
        &self.bytes
    }

    /// Begins the next page of the same kind. What stands between pointers and cells means nothing.
    fn clear(&mut self) {
        self.cells = 0;
        self.content = self.bytes.len();
    }
}

/// A page of the file, and what stands between it and the next one: the largest rowid in it, or an entry of an index.
#[derive(Debug, Clone, Copy)]
struct Child {
    key: u64,
    page: u32,
}

/// An empty table that rows are laid into.
pub(super) struct Tree {
    table: &'static str,
    root: u32,
    leaf: Page,
    cell: Vec<u8>,
    last_rowid: u64,
    /// Full leaves that are not in the file yet, and the last rowid of each.
    full: Vec<u8>,
    full_rowids: Vec<u64>,
    leaves: Vec<Child>,
}

impl Tree {
    /// Finds the root of an empty table.
    ///
    /// # Errors
    /// SQLite's.
    pub(super) fn open(connection: &Connection, table: &'static str) -> rusqlite::Result<Tree> {
        let (root, page_bytes) = root_of(connection, table)?;
        Ok(Tree {
            table,
            root,
            leaf: Page::new(page_bytes, LEAF, LEAF_HEADER),
            cell: Vec::new(),
            last_rowid: 0,
            full: Vec::new(),
            full_rowids: Vec::new(),
            leaves: Vec::new(),
        })
    }

    /// Adds a row with a larger rowid than the ones before; false, and nothing is done, if it is too long for a page.
    ///
    /// # Errors
    /// The file's, and when the rowid is not larger.
    pub(super) fn push(&mut self, file: &Tail, rowid: u64, record: &Record) -> Result<bool> {
        if rowid <= self.last_rowid {
            return Err(Error::Inconsistent(
                "rows to be laid are not in the order of their ids",
            ));
        }
        if record.bytes() > self.leaf.bytes.len() - LEAST_LEFT {
            return Ok(false);
        }
        self.cell.clear();
        put_varint(&mut self.cell, record.bytes() as u64);
        put_varint(&mut self.cell, rowid);
        record.append_to(&mut self.cell);
        if !self.leaf.has_room(self.cell.len()) {
            self.end_leaf();
            if self.full_rowids.len() == APPENDED_AT_ONCE {
                self.append_full(file)?;
            }
        }
        self.leaf.put(&self.cell);
        self.last_rowid = rowid;
        Ok(true)
    }

    fn end_leaf(&mut self) {
        self.full.extend_from_slice(self.leaf.seal());
        self.full_rowids.push(self.last_rowid);
        self.leaf.clear();
    }

    fn append_full(&mut self, file: &Tail) -> Result<()> {
        let pages = file.append(&self.full, self.leaf.bytes.len())?;
        let rowids = self.full_rowids.drain(..);
        self.leaves
            .extend(rowids.zip(pages).map(|(key, page)| Child { key, page }));
        self.full.clear();
        Ok(())
    }

    /// Makes the rows the table's: appends what is left, and the pages that lead to the leaves.
    ///
    /// # Errors
    /// The file's, and SQLite's when the table was not empty.
    pub(super) fn plant(mut self, connection: &Connection, file: &Tail) -> Result<()> {
        let table = self.table;
        let has_rows = format!("SELECT EXISTS (SELECT 1 FROM {table})");
        if connection.query_row(&has_rows, [], |row| row.get(0))? {
            return Err(Error::Inconsistent("a table to be filled has rows"));
        }
        let page_bytes = self.leaf.bytes.len();
        if self.leaves.is_empty() && self.full.is_empty() {
            return file.write_page(self.root, self.leaf.seal());
        }
        self.end_leaf();
        self.append_full(file)?;
        let lead = Lead {
            kind: INTERIOR,
            key_bytes: VARINT_BYTES,
            put_key: put_varint,
        };
        lead.plant(file, self.root, page_bytes, self.leaves)
    }
}

/// How an interior page leads to its children: by what stands between each and the next one.
struct Lead<F> {
    kind: u8,
    /// The most bytes that a key takes.
    key_bytes: usize,
    put_key: F,
}

impl<F: Fn(&mut Vec<u8>, u64)> Lead<F> {
    /// Appends level upon level of interior pages until one page, the root, leads to all.
    fn plant(
        &self,
        file: &Tail,
        root: u32,
        page_bytes: usize,
        mut level: Vec<Child>,
    ) -> Result<()> {
        let most = (page_bytes - INTERIOR_HEADER) / (POINTER_BYTES + CHILD_BYTES + self.key_bytes);
        while level.len() > most {
            let pages = level.len().div_ceil(most);
            let mut bytes = Vec::with_capacity(pages * page_bytes);
            let mut keys = Vec::with_capacity(pages);
            for page in 0..pages {
                // Evenly: no page is left with a single child.
                let here = level.len() * page / pages..level.len() * (page + 1) / pages;
                keys.push(level[here.end - 1].key);
                bytes.extend_from_slice(self.page(page_bytes, &level[here]).seal());
            }
            let pages = file.append(&bytes, page_bytes)?;
            let children = keys.into_iter().zip(pages);
            level = children.map(|(key, page)| Child { key, page }).collect();
        }
        file.write_page(root, self.page(page_bytes, &level).seal())
    }

    /// Makes the leaves of an index, and the entries that stand between each and the next one.
    fn index_leaves(&self, page_bytes: usize, entries: &[u64]) -> (Vec<u8>, Vec<u64>) {
        let most = (page_bytes - LEAF_HEADER) / (POINTER_BYTES + self.key_bytes);
        // What stands between two leaves is in neither: as if each leaf had room for one more.
        let leaves = (entries.len() + 1).div_ceil(most + 1);
        let mut bytes = Vec::with_capacity(leaves * page_bytes);
        let mut keys = Vec::with_capacity(leaves);
        let mut leaf = Page::new(page_bytes, INDEX_LEAF, LEAF_HEADER);
        let mut cell = Vec::new();
        for at in 0..leaves {
            let begin = (entries.len() + 1) * at / leaves;
            let end = (entries.len() + 1) * (at + 1) / leaves - 1;
            for entry in &entries[begin..end] {
                cell.clear();
                (self.put_key)(&mut cell, *entry);
                leaf.put(&cell);
            }
            // Behind the last leaf stands none.
            keys.push(entries.get(end).copied().unwrap_or_default());
            bytes.extend_from_slice(leaf.seal());
            leaf.clear();
        }
        (bytes, keys)
    }

    /// Makes the page that leads to some children; the last one stands in its header.
    fn page(&self, page_bytes: usize, children: &[Child]) -> Page {
        let mut page = Page::new(page_bytes, self.kind, INTERIOR_HEADER);
        let mut cell = Vec::new();
        if let Some((last, others)) = children.split_last() {
            for child in others {
                cell.clear();
                cell.extend_from_slice(&child.page.to_be_bytes());
                (self.put_key)(&mut cell, child.key);
                page.put(&cell);
            }
            page.bytes[8..12].copy_from_slice(&last.page.to_be_bytes());
        }
        page
    }
}

/// Lays down the entries of an index whose table was empty, each given by a number that `put_entry` makes a record of;
/// `entries` in the order of the index, `entry_bytes` what the longest record takes: less than 128.
///
/// # Errors
/// The file's and SQLite's.
pub(super) fn plant_index(
    connection: &Connection,
    file: &Tail,
    index: &str,
    entries: &[u64],
    entry_bytes: usize,
    put_entry: impl Fn(&mut Record, u64),
) -> Result<()> {
    let (root, page_bytes) = root_of(connection, index)?;
    let put_key = |cell: &mut Vec<u8>, entry: u64| {
        let mut record = Record::default();
        put_entry(&mut record, entry);
        put_varint(cell, record.bytes() as u64);
        record.append_to(cell);
    };
    let lead = Lead {
        kind: INDEX_INTERIOR,
        // Its length, less than 128, takes one byte.
        key_bytes: 1 + entry_bytes,
        put_key: &put_key,
    };
    let (leaves, keys) = lead.index_leaves(page_bytes, entries);
    if let [_] = keys.as_slice() {
        return file.write_page(root, &leaves);
    }
    let pages = file.append(&leaves, page_bytes)?;
    let children = keys.into_iter().zip(pages);
    let level = children.map(|(key, page)| Child { key, page }).collect();
    lead.plant(file, root, page_bytes, level)
}

/// Returns the root page of an empty table or index, and the size of pages.
fn root_of(connection: &Connection, name: &str) -> rusqlite::Result<(u32, usize)> {
    let root = connection.query_row(
        "SELECT rootpage FROM sqlite_schema WHERE name = ?1",
        [name],
        |row| row.get(0),
    )?;
    let page_bytes: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    Ok((root, page_bytes as usize))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// One column of a row, as the tests choose it.
    type Value = rusqlite::types::Value;

    /// A generator good enough for tests (splitmix64).
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ mixed >> 31) % limit
        }

        fn value(&mut self, longest: u64) -> Value {
            match self.below(4) {
                0 => Value::Null,
                1 => {
                    let bits = self.below(64) as u32;
                    let value = (self.below(u64::MAX) >> bits) as i64;
                    Value::Integer(if self.below(2) == 0 {
                        value
                    } else {
                        value.wrapping_neg()
                    })
                }
                _ => {
                    let length = self.below(longest) as usize;
                    Value::Text("aé€".chars().cycle().take(length).collect())
                }
            }
        }
    }

    fn put(record: &mut Record, value: &Value) {
        match value {
            Value::Integer(value) => record.put_integer(*value),
            Value::Text(text) => record.put_text(text),
            _ => record.put_null(),
        }
    }

    fn open(path: &Path, page_bytes: u32, columns: usize) -> Connection {
        let connection = Connection::open(path).unwrap();
        let columns: Vec<String> = (0..columns).map(|at| format!("c{at} ANY")).collect();
        connection
            .execute_batch(&format!(
                "PRAGMA page_size = {page_bytes}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
                 CREATE TABLE other (text TEXT) STRICT;
                 CREATE TABLE laid (id INTEGER PRIMARY KEY, {}) STRICT;
                 CREATE INDEX laid_c0 ON laid (c0) WHERE c0 = 'none has this'",
                columns.join(", ")
            ))
            .unwrap();
        connection
    }

    fn read_all(connection: &Connection, columns: usize) -> Vec<(i64, Vec<Value>)> {
        let mut select = connection
            .prepare("SELECT * FROM laid ORDER BY id")
            .unwrap();
        let rows = select.query_map([], |row| {
            let values = (1..=columns).map(|at| row.get(at));
            Ok((row.get(0)?, values.collect::<rusqlite::Result<_>>()?))
        });
        rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
    }

    fn assert_whole(connection: &Connection) {
        let said: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(said, "ok");
    }

    /// Lays rows, with SQL on another table in between, and has SQLite read them back and go on with them.
    fn lay_and_read(seed: u64, page_bytes: u32, rows: u64, columns: usize, longest: u64) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("laid.db");
        let connection = open(&path, page_bytes, columns);
        let mut tree = Tree::open(&connection, "laid").unwrap();
        let tail = Tail::open(&path).unwrap();
        let mut dice = Dice(seed);
        let mut record = Record::default();
        let mut expected = Vec::new();
        let mut id = 0;
        for _ in 0..rows {
            let most = dice.below(20);
            id += 1 + dice.below(3) * dice.below(1 << most);
            if id < 1 << 50 && dice.below(rows) == 0 {
                // Rowids of eight and nine bytes.
                id += (1 << 56) - 5;
            }
            let values: Vec<Value> = (0..columns).map(|_| dice.value(longest)).collect();
            record.clear();
            record.put_null();
            values.iter().for_each(|value| put(&mut record, value));
            if tree.push(&tail, id, &record).unwrap() {
                expected.push((id as i64, values));
            } else {
                assert!(record.bytes() > page_bytes as usize - LEAST_LEFT);
            }
            if dice.below(500) == 0 {
                let text = "x".repeat(dice.below(2_000) as usize);
                connection
                    .execute("INSERT INTO other VALUES (?1)", [text])
                    .unwrap();
            }
        }
        tree.plant(&connection, &tail).unwrap();
        drop(tail);
        assert_whole(&connection);
        assert_eq!(read_all(&connection, columns), expected);
        connection
            .execute_batch(
                "INSERT INTO laid (id, c0) VALUES (1 << 62, 'none has this');
                 UPDATE laid SET c0 = 'a longer text than stood here, most of the time' WHERE id % 7 = 0;
                 DELETE FROM laid WHERE id % 5 = 0; VACUUM",
            )
            .unwrap();
        assert_whole(&connection);
    }

    #[test]
    fn sqlite_reads_back_what_was_laid() {
        lay_and_read(1, 8192, 0, 3, 10);
        lay_and_read(2, 8192, 1, 3, 10);
        lay_and_read(3, 65_536, 5_000, 4, 100);
        lay_and_read(4, 8192, 5_000, 20, 40);
        // Three levels of interior pages.
        lay_and_read(5, 512, 30_000, 4, 60);
        // Headers of more than 127 bytes, and rows that no page holds.
        lay_and_read(6, 4096, 2_000, 140, 60);
        lay_and_read(7, 1024, 2_000, 5, 500);
        for seed in 8..60 {
            let mut dice = Dice(seed);
            let (rows, columns) = (dice.below(300), 1 + dice.below(30) as usize);
            lay_and_read(
                seed,
                512 << dice.below(5),
                rows,
                columns,
                1 + dice.below(90),
            );
        }
    }

    /// Lays rows and an index over them, and has SQLite compare the two and go on with them.
    fn lay_with_index(page_bytes: u32, rows: u64) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("laid.db");
        let connection = open(&path, page_bytes, 1);
        connection
            .execute_batch("CREATE INDEX by_c0 ON laid (c0)")
            .unwrap();
        let mut tree = Tree::open(&connection, "laid").unwrap();
        let tail = Tail::open(&path).unwrap();
        let mut record = Record::default();
        let mut dice = Dice(rows);
        let mut entries = Vec::new();
        for id in 1..=rows {
            let value = dice.below(rows / 3 + 1);
            record.clear();
            record.put_null();
            record.put_integer(value as i64);
            assert!(tree.push(&tail, id, &record).unwrap());
            entries.push(value << 32 | id);
        }
        entries.sort_unstable();
        tree.plant(&connection, &tail).unwrap();
        plant_index(
            &connection,
            &tail,
            "by_c0",
            &entries,
            3 + 8 + 8,
            |record, entry| {
                record.put_integer((entry >> 32) as i64);
                record.put_integer((entry & u64::from(u32::MAX)) as i64);
            },
        )
        .unwrap();
        drop(tail);
        assert_whole(&connection);
        let counted: i64 = connection
            .query_row(
                "SELECT count(*) FROM laid INDEXED BY by_c0 WHERE c0 >= 0",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(counted, rows as i64);
        connection
            .execute_batch(
                "UPDATE laid SET c0 = c0 + 1 WHERE id % 3 = 0; DELETE FROM laid WHERE id % 4 = 0;
                 INSERT INTO laid VALUES (1 << 40, 5)",
            )
            .unwrap();
        assert_whole(&connection);
    }

    #[test]
    fn an_index_is_laid_with_the_rows_it_is_of() {
        for rows in (0..40).chain([100, 453, 454, 455, 456, 910, 5_000]) {
            lay_with_index(512, rows);
            lay_with_index(8192, rows);
        }
        lay_with_index(512, 60_000);
    }

    #[test]
    fn no_row_is_laid_on_the_page_that_sqlite_locks() {
        for rows in [200, 6_000, 30_000] {
            lay_around_the_lock_page(rows);
        }
    }

    /// Lays rows into a file that is a little shorter than 1 GiB, most of which is a hole.
    fn lay_around_the_lock_page(rows: u64) {
        const PAGE_BYTES: u32 = 65_536;
        const SIZE: u32 = (1 << 30) / PAGE_BYTES - 3;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("laid.db");
        let connection = open(&path, PAGE_BYTES, 1);
        grow(&path, SIZE, PAGE_BYTES);
        let mut tree = Tree::open(&connection, "laid").unwrap();
        let tail = Tail::open(&path).unwrap();
        let mut record = Record::default();
        for id in 1..=rows {
            record.clear();
            record.put_null();
            record.put_text(&"x".repeat(1_000));
            assert!(tree.push(&tail, id, &record).unwrap());
        }
        tree.plant(&connection, &tail).unwrap();
        drop(tail);
        let counted: i64 = connection
            .query_row("SELECT sum(length(c0)) FROM laid", [], |row| row.get(0))
            .unwrap();
        assert_eq!(counted, 1_000 * rows as i64);
        connection
            .execute("DELETE FROM laid WHERE id % 2 = 0", [])
            .unwrap();
        connection
            .execute_batch("INSERT INTO laid SELECT id + 1000000, c0 FROM laid")
            .unwrap();
        assert_eq!(read_all(&connection, 1).len() as u64, rows);
    }

    /// Makes a file so many pages long, for SQLite too.
    fn grow(path: &Path, pages: u32, page_bytes: u32) {
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(u64::from(pages) * u64::from(page_bytes))
            .unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &pages.to_be_bytes(), 28).unwrap();
    }

    #[test]
    fn a_table_that_has_rows_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("laid.db");
        let connection = open(&path, 4096, 1);
        connection
            .execute("INSERT INTO laid VALUES (1, 'first')", [])
            .unwrap();
        let tree = Tree::open(&connection, "laid").unwrap();
        let tail = Tail::open(&path).unwrap();
        assert!(matches!(
            tree.plant(&connection, &tail),
            Err(Error::Inconsistent(_))
        ));
        assert_eq!(read_all(&connection, 1).len(), 1);
    }
}
