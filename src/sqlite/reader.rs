//! A file that is opened: what its header and its schema say.
//!
//! How rows are read one after another is the affair of `rows`, how they are found one at a time that of `finder`.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;

use super::branches::{Branches, Entry};
use super::pages::{HEADER_BYTES, Pages, read_exact_at};
use super::record::WIDEST;
use super::rows::Rows;
use super::{Error, Result};

/// How a table lies in a file: where its rows are, and what its columns are called.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(super) branches: Branches<i64>,
    columns: Vec<String>,
}

impl Layout {
    /// Returns the place of a column in a row.
    ///
    /// # Errors
    /// [`Error::Damaged`] where there is none.
    pub(crate) fn place(&self, column: &str) -> Result<usize> {
        let place = self.columns.iter().position(|name| name == column);
        let place = place.filter(|at| *at < WIDEST);
        place.ok_or(Error::Damaged("a column is missing"))
    }
}

/// Where the entries of an index of integers are.
#[derive(Debug)]
pub(crate) struct Index {
    pub(super) branches: Branches<Entry>,
}

/// What a file has, by name.
#[derive(Debug)]
struct Schema {
    /// Roots, and columns.
    tables: HashMap<String, (u32, Vec<String>)>,
    /// Roots.
    indexes: HashMap<String, u32>,
}

/// A database file that is read, and never changes.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(super) pages: Pages,
    /// Read when it is first asked for: whose file it is, is to be seen before.
    schema: OnceLock<Schema>,
    /// How many pages there are by the header.
    count: u32,
    /// `PRAGMA application_id`.
    pub(crate) application_id: i32,
    /// `PRAGMA user_version`.
    pub(crate) user_version: i32,
}

impl Reader {
    /// Opens a file, of which no more than the header is read.
    ///
    /// # Errors
    /// The file's; [`Error::Foreign`] for what is no database.
    pub(crate) fn open(path: &Path) -> Result<Reader> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() < HEADER_BYTES as u64 {
            return Err(Error::Foreign);
        }
        let mut header = [0; HEADER_BYTES];
        read_exact_at(&file, &mut header, 0)?;
        let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 1 << 16,
            bytes => usize::from(bytes),
        };
        let is_ours = header.starts_with(b"SQLite format 3\0");
        // SQLite itself leaves 480 bytes of a page at the least.
        let usable_bytes = page_bytes.saturating_sub(usize::from(header[20]));
        if !is_ours || !page_bytes.is_power_of_two() || page_bytes < 512 || usable_bytes < 480 {
            return Err(Error::Foreign);
        }
        let number = |at: usize| {
            i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        Ok(Reader {
            pages: Pages {
                file,
                page_bytes,
                usable_bytes,
                file_bytes: metadata.len(),
            },
            schema: OnceLock::new(),
            count: number(28) as u32,
            user_version: number(60),
            application_id: number(68),
        })
    }

    /// Tells whether the file is as long as its header says.
    pub(crate) fn is_whole(&self) -> bool {
        u64::from(self.count) * self.pages.page_bytes as u64 <= self.pages.file_bytes
    }

    fn schema(&self) -> Result<&Schema> {
        if self.schema.get().is_none() {
            // Where another thread was first, it read the same.
            let _ = self.schema.set(Schema::read(&self.pages)?);
        }
        self.schema.get().ok_or(Error::Damaged("no schema"))
    }

    /// Returns where a table is.
    ///
    /// # Errors
    /// The file's; [`Error::Damaged`] where there is none.
    pub(crate) fn table(&self, name: &str) -> Result<Layout> {
        let table = self.schema()?.tables.get(name);
        let (root, columns) = table.ok_or(Error::Damaged("a table is missing"))?;
        Ok(Layout {
            branches: Branches::new(*root),
            columns: columns.clone(),
        })
    }

    /// Returns where an index of integers is.
    ///
    /// # Errors
    /// As [`Reader::table`].
    pub(crate) fn index(&self, name: &str) -> Result<Index> {
        let root = self.schema()?.indexes.get(name);
        let root = root.ok_or(Error::Damaged("an index is missing"))?;
        Ok(Index {
            branches: Branches::new(*root),
        })
    }

    /// Returns the rows of a table; none where there is no such table.
    ///
    /// # Errors
    /// The file's; [`Error::Damaged`].
    pub(crate) fn rows(&self, table: &str) -> Result<Rows<'_>> {
        match self.schema()?.tables.get(table) {
            Some((root, _)) => Rows::of(&self.pages, *root),
            None => Ok(Rows::none()),
        }
    }
}

impl Schema {
    fn read(pages: &Pages) -> Result<Schema> {
        let (mut tables, mut indexes) = (HashMap::new(), HashMap::new());
        let mut rows = Rows::of(pages, 1)?;
        while let Some((_, columns)) = rows.next()? {
            let found = columns.found()?;
            let name = found.get(1)?.text().unwrap_or_default().to_owned();
            let root = found.get(3)?.integer();
            let Some(root) = root.and_then(|root| u32::try_from(root).ok()) else {
                continue;
            };
            match found.get(0)?.text() {
                Some("table") => {
                    let columns = columns_of(found.get(4)?.text().unwrap_or_default());
                    tables.insert(name, (root, columns));
                }
                Some("index") => {
                    indexes.insert(name, root);
                }
                _ => {}
            }
        }
        Ok(Schema { tables, indexes })
    }
}

/// Returns the names of the columns of `CREATE TABLE … (…)`, comments among them.
fn columns_of(sql: &str) -> Vec<String> {
    let begin = sql.find('(').map_or(sql.len(), |at| at + 1);
    let lines = sql[begin..].lines();
    let said = lines.map(|line| line.split("--").next().unwrap_or_default());
    let said: Vec<&str> = said.collect();
    let columns = said.join(" ");
    let names = columns.split(',');
    let names = names.filter_map(|column| column.split_whitespace().next());
    names
        .map(|name| name.trim_matches('"').to_owned())
        .collect()
}
