//! Errors of decoding: why an object cannot be read, in words that hold no cell's value.

use std::io;

/// Why an object cannot be decoded at all. No message holds a cell's value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The fetched file could not be read.
    #[error("cannot read the file")]
    Read(#[source] io::Error),
    /// The compressed or encoded data is damaged or ends early.
    #[error("damaged {compression} data: {reason}; export or upload the object again")]
    Damaged {
        /// `gzip`, `zstd`, or the name of an encoding.
        compression: &'static str,
        /// What the decompressor said.
        reason: String,
    },
    /// A bound was passed.
    #[error("{what} is over the limit of {limit}; {hint}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, with its unit.
        limit: String,
        /// What to do.
        hint: &'static str,
    },
    /// Compressed data in compressed data.
    #[error("the file is compressed twice; expected one level of gzip or zstd")]
    CompressedTwice,
    /// It is plainly something else.
    #[error("the file is {what}; expected an export in CSV, JSON or Parquet")]
    NoExport {
        /// What it is.
        what: &'static str,
    },
    /// A column name holds a character that nobody sees.
    #[error("column {column} of the header has an invisible character, {character}; remove it")]
    Invisible {
        /// The column's position, from 1.
        column: usize,
        /// The character, as `U+200B`.
        character: String,
    },
    /// Another header stands among the rows.
    #[error("a second header at line {line}, {what}; export the files apart from one another")]
    SecondHeader {
        /// The physical line.
        line: u64,
        /// How it differs from the first.
        what: &'static str,
    },
    /// A JSON text is broken, or is none of the shapes that hold rows.
    #[error("line {line} is no JSON that holds rows: {what}")]
    Json {
        /// The physical line.
        line: u64,
        /// What is wrong there, and what was expected.
        what: &'static str,
    },
    /// A file that says by its rows alone which columns it has, and has none.
    #[error("the file has no rows, and so does not say which columns it has")]
    NoRows,
    /// A Parquet file that contradicts itself, or is damaged.
    #[error("the Parquet file {what}; export or upload the object again")]
    Parquet {
        /// What is wrong with it.
        what: String,
    },
    /// No header line was found.
    #[error(
        "the file has no header line; expected comma-separated column names such as \"user.sid\""
    )]
    NoHeader,
    /// The header is not text in a known encoding.
    #[error("the header is not UTF-8 or UTF-16 text; expected an export in CSV, JSON or Parquet")]
    NotText,
    /// The header is text in an encoding that nobody declared.
    #[error(
        "the header has bytes that are not UTF-8; say what it is written in, encoding = \"windows-1252\" or \"shift_jis\", say, in its [[source]]"
    )]
    HeaderEncoding,
    /// A quote of the header line is not closed, or stands inside a name.
    #[error(
        "the header line has a stray quote; expected column names such as \"user.sid\" on one line"
    )]
    HeaderQuote,
    /// A text has zeros in it.
    #[error(
        "the text has a hole of zero bytes, as a full disk or a broken upload leaves them, and may lack rows there; export or upload the object again"
    )]
    Zeros,
    /// The file ends its lines with carriage returns alone.
    #[error("lines end with a carriage return alone; expected LF or CRLF")]
    CarriageReturns,
}

impl Error {
    /// Tells whether it is what the file holds that is wrong, and not the machine.
    pub fn is_content(&self) -> bool {
        !matches!(self, Error::Read(_))
    }
}
