//! A SQLite database file as a value: written once, front to back, and read front to back or row by row. Knows no
//! identities.
//!
//! Millions of rows through SQL cost most of a load: binding, running a program and finding the last page again, for
//! every row. Here a row goes to the end of a page and a page to the end of the file, as
//! <https://www.sqlite.org/fileformat2.html> says. Written are rowid tables with ascending rowids, indexes whose entries
//! come sorted, views, and overflow pages; the page of byte 2^30, which SQLite locks, is left out; page 1 comes last,
//! since it names the roots. Marked as read-only for every SQLite.
//!
//! A row is found without a program to run for it: `finder`.
//!
//! It cannot change a file, write floating-point numbers, `WITHOUT ROWID` tables, free pages or triggers, nor find by
//! indexes of anything but integers, nor read rows that hold floating-point numbers. What it reads may be damaged: that is an
//! [`Error`], never a panic.

mod branches;
#[cfg(feature = "ingest")]
mod builder;
mod cell;
mod finder;
#[cfg(feature = "ingest")]
mod new_page;
#[cfg(feature = "ingest")]
mod new_record;
#[cfg(feature = "ingest")]
mod output;
mod page;
mod pages;
mod reader;
mod record;
mod rows;
mod spill;
#[cfg(feature = "ingest")]
mod tree;

use std::io;

#[cfg(feature = "ingest")]
pub(crate) use self::builder::Builder;
pub(crate) use self::finder::Finder;
#[cfg(feature = "ingest")]
pub(crate) use self::new_record::{Encoded, Record, put_varint};
pub(crate) use self::reader::{Index, Layout, Reader};
#[cfg(feature = "ingest")]
pub(crate) use self::record::take_varint;
pub(crate) use self::record::{Columns, FoundColumns, Value};
pub(crate) use self::rows::Rows;
#[cfg(feature = "ingest")]
pub(crate) use self::tree::Table;

/// Bytes of a page of what is written.
pub(crate) const PAGE_BYTES: usize = 4096;

/// Why a file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file system's.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no database.
    #[error("no database")]
    Foreign,
    /// It is not what SQLite, or this writer, would have written.
    #[error("not a sound database: {0}")]
    Damaged(&'static str),
    /// Rows or entries did not come in ascending order.
    #[error("rows of {0} are not in the order of their keys")]
    Unordered(&'static str),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

#[cfg(feature = "ingest")]
#[cfg(test)]
mod tests;
