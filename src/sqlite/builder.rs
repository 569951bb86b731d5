//! The file in the making: pages appended one after another, what the schema says of them, and page 1 at the end.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::new_page::NewPage;
use super::new_record::Record;
use super::output::Output;
use super::pages::HEADER_BYTES;
use super::tree::{Index, Table};
use super::{PAGE_BYTES, Result};

/// Says that a program which does not know the version must not write the file; none knows this one.
const WRITE_VERSION: u8 = 3;
/// The SQLite whose format this is.
const SQLITE_VERSION: u32 = 3_051_003;

/// What the schema says of a table, an index or a view.
struct SchemaRow {
    kind: &'static str,
    name: &'static str,
    table: &'static str,
    root: u32,
    sql: &'static str,
}

/// A database file in the making: tables and indexes one after another, then [`Builder::finish`].
pub(crate) struct Builder {
    output: Output,
    schema: Vec<SchemaRow>,
}

impl Builder {
    /// Begins an empty file.
    ///
    /// # Errors
    /// The file's.
    pub(crate) fn new(file: File) -> Result<Builder> {
        Builder::with_pages_of(file, PAGE_BYTES)
    }

    /// Begins a file with pages of 512 to 65,536 bytes, a power of two.
    pub(super) fn with_pages_of(file: File, page_bytes: usize) -> Result<Builder> {
        let mut output = Output::new(file, page_bytes)?;
        // Page 1 names the roots, which are not known yet.
        output.write(&vec![0; page_bytes])?;
        Ok(Builder {
            output,
            schema: Vec::new(),
        })
    }

    /// Writes a table: `fill` puts its rows in. `sql` is the statement that would make it.
    ///
    /// # Errors
    /// The file's, and those of `fill`.
    pub(crate) fn table<T, E: From<super::Error>>(
        &mut self,
        name: &'static str,
        sql: &'static str,
        fill: impl FnOnce(&mut Table) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut table = Table::new(&mut self.output, name);
        let filled = fill(&mut table)?;
        let root = table.end()?;
        self.schema.push(SchemaRow {
            kind: "table",
            name,
            table: name,
            root,
            sql,
        });
        Ok(filled)
    }

    /// Writes an index of a table: `fill` puts its entries in.
    ///
    /// # Errors
    /// The file's, and those of `fill`.
    pub(crate) fn index<E: From<super::Error>>(
        &mut self,
        (name, table): (&'static str, &'static str),
        sql: &'static str,
        fill: impl FnOnce(&mut Index) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut index = Index::new(&mut self.output);
        fill(&mut index)?;
        let root = index.end()?;
        self.schema.push(SchemaRow {
            kind: "index",
            name,
            table,
            root,
            sql,
        });
        Ok(())
    }

    /// Adds a view.
    pub(crate) fn view(&mut self, name: &'static str, sql: &'static str) {
        self.schema.push(SchemaRow {
            kind: "view",
            name,
            table: name,
            root: 0,
            sql,
        });
    }

    /// Writes the schema and page 1, and returns the file. It is not made durable.
    ///
    /// # Errors
    /// The file's.
    pub(crate) fn finish(mut self, application_id: i32, user_version: i32) -> Result<File> {
        let mut table = Table::new(&mut self.output, "sqlite_schema");
        let mut record = Record::default();
        for (rowid, entry) in (1..).zip(&self.schema) {
            record.clear();
            record.put_text(entry.kind);
            record.put_text(entry.name);
            record.put_text(entry.table);
            record.put_integer(i64::from(entry.root));
            record.put_text(entry.sql);
            table.push(rowid, &record)?;
        }
        let mut first: NewPage = table.end_at_front(HEADER_BYTES)?;
        let page = first.seal();
        let header = header(self.output.page_bytes, self.output.next - 1);
        page[..HEADER_BYTES].copy_from_slice(&header);
        let page = header_and(page, application_id, user_version);
        let file = self.output.end()?;
        file.write_all_at(page, 0)?;
        Ok(file)
    }
}

fn header(page_bytes: usize, pages: u32) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..16].copy_from_slice(b"SQLite format 3\0");
    // 65,536 is written as 1.
    let size = if page_bytes == 1 << 16 {
        1
    } else {
        page_bytes as u16
    };
    header[16..18].copy_from_slice(&size.to_be_bytes());
    header[18..20].copy_from_slice(&[WRITE_VERSION, 1]);
    // The shares of a page that payloads may take: no other values are allowed.
    header[21..24].copy_from_slice(&[64, 32, 32]);
    let mut put = |at: usize, value: u32| header[at..at + 4].copy_from_slice(&value.to_be_bytes());
    // How often the file was changed, and for which change its size and the version are valid.
    put(24, 1);
    put(92, 1);
    put(28, pages);
    put(40, 1);
    // The format of the schema, with descending indexes and the numbers 0 and 1 without bytes.
    put(44, 4);
    // UTF-8.
    put(56, 1);
    put(96, SQLITE_VERSION);
    header
}

/// Writes what says whose file it is.
fn header_and(page: &mut [u8], application_id: i32, user_version: i32) -> &[u8] {
    page[60..64].copy_from_slice(&user_version.to_be_bytes());
    page[68..72].copy_from_slice(&application_id.to_be_bytes());
    page
}
