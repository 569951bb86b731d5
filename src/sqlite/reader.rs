//! A file that is opened: what its header and its schema say.
//!
//! How rows are read one after another is the affair of `rows`, how they are found one at a time that of `finder`.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use super::pages::{HEADER_BYTES, Pages, read_exact_at};
use super::rows::Rows;
use super::{Error, Result};

/// How a table lies in a file: where its rows are, and what its columns are called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    /// 0: there is no such table, and so no row.
    pub(super) root: u32,
    columns: Vec<String>,
}

impl Layout {
    /// Returns the place of a column in a row.
    pub(crate) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }
}

/// A database file that is read, and never changes.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(super) pages: Pages,
    tables: HashMap<String, Layout>,
    /// The roots of indexes.
    indexes: HashMap<String, u32>,
    /// How many pages there are by the header.
    count: u32,
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
        let is_read = read_exact_at(&file, &mut header, 0);
        let is_ours = is_read.is_ok() && header.starts_with(b"SQLite format 3\0");
        let size = u16::from_be_bytes([header[16], header[17]]);
        let page_bytes = if size == 1 {
            1 << 16
        } else {
            usize::from(size)
        };
        if !is_ours || !page_bytes.is_power_of_two() || page_bytes < 512 {
            return Err(Error::Foreign);
        }
        if header[20] != 0 {
            return Err(Error::Damaged("its pages have room that is reserved"));
        }
        let number = |at: usize| {
            i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let mut reader = Reader {
            pages: Pages::new(file, page_bytes),
            tables: HashMap::new(),
            indexes: HashMap::new(),
            count: number(28) as u32,
            user_version: number(60),
            application_id: number(68),
        };
        reader.read_schema()?;
        Ok(reader)
    }

    fn read_schema(&mut self) -> Result<()> {
        let (mut tables, mut indexes) = (HashMap::new(), HashMap::new());
        let mut rows = Rows::of(&self.pages, 1)?;
        while let Some((_, columns)) = rows.next()? {
            let cells = columns.cells()?;
            let name = cells.get(1)?.text().unwrap_or_default().to_owned();
            let root = cells.get(3)?.integer();
            let root = root.and_then(|root| u32::try_from(root).ok());
            match (cells.get(0)?.text(), root) {
                (Some("table"), Some(root)) => {
                    let columns = columns_of(cells.get(4)?.text().unwrap_or_default());
                    tables.insert(name, Layout { root, columns });
                }
                (Some("index"), Some(root)) => {
                    indexes.insert(name, root);
                }
                _ => {}
            }
        }
        (self.tables, self.indexes) = (tables, indexes);
        Ok(())
    }

    /// Returns where a table is; one without rows where there is none.
    pub(crate) fn table(&self, name: &str) -> Layout {
        self.tables.get(name).cloned().unwrap_or_default()
    }

    /// Returns the root of an index; 0 where there is none.
    pub(crate) fn index(&self, name: &str) -> u32 {
        self.indexes.get(name).copied().unwrap_or_default()
    }

    /// Returns how long the file is by its header, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.count) * self.pages.page_bytes as u64
    }

    /// Returns the rows of a table; none where there is no such table.
    ///
    /// # Errors
    /// The file's; [`Error::Damaged`].
    pub(crate) fn rows(&self, table: &str) -> Result<Rows<'_>> {
        match self.tables.get(table) {
            Some(table) => Rows::of(&self.pages, table.root),
            None => Ok(Rows::none()),
        }
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
