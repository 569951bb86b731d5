//! A fetched file turned into record batches of text columns.
//!
//! [`check`] reads a file once to its clean end and says what form it has; after that [`batches`] can lose rows but
//! cannot fail for what the file holds. Compression and encoding are recognised by content, never by name.
//! What columns mean is the mapping's business.
//!
//! `csv` is the way of the rows: `lines` are cut into `cells` and fill a `batch`, but for those that are `recognised`.

mod csv;

mod batch;
mod cells;
mod decoration;
mod gzip;
mod headers;
mod lines;
mod recognised;
mod sniff;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

pub use self::batch::NOT_UTF8;
pub use self::csv::{Batches, Reading, batches};
pub use self::headers::REPEATS_HEADER;
use self::sniff::{Compression, compression_of, refuse_others, utf16_of};

/// Bytes of decompressed text an object may have: 64 GiB, ten times the largest export we can imagine.
pub const MAX_TEXT_BYTES: u64 = 64 << 30;
/// How often larger the text may be than its compressed file. Repetitive CSV reaches about 100; gzip's limit is 1,029.
pub const MAX_RATIO: u64 = 500;
/// Bytes below which the ratio is not looked at: a small file can be all the same line.
pub const RATIO_FREE_BYTES: u64 = 64 << 20;
/// Bytes a physical line may have. Real rows have a few hundred; lists of volumes or monitors a few thousand.
pub const MAX_LINE_BYTES: usize = 1 << 20;
/// Physical lines that one quoted record may span before its opening quote is taken for a stray one.
pub const MAX_RECORD_LINES: usize = 64;
/// Columns a header may have. NQL tables have below 200 fields.
pub const MAX_COLUMNS: usize = 2_000;
/// Bytes a column name may have: it is repeated with every reject. NQL paths stay below 100.
pub const MAX_NAME_BYTES: usize = 512;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const BUFFER_BYTES: usize = 256 << 10;

/// Why an object cannot be decoded at all. No message holds a cell's value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The fetched file could not be read.
    #[error("cannot read the file")]
    Read(#[source] io::Error),
    /// The compressed data is damaged or ends early.
    #[error("damaged {compression} data: {reason}; export or upload the object again")]
    Damaged {
        /// `gzip` or `zstd`.
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
    #[error("the file is {what}; expected a CSV export (plain, gzip or zstd)")]
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
    /// No header line was found.
    #[error(
        "the file has no header line; expected comma-separated column names such as \"user.sid\""
    )]
    NoHeader,
    /// The header is not text in a known encoding.
    #[error("the header is not UTF-8 or UTF-16 text; expected a CSV export (plain, gzip or zstd)")]
    NotText,
    /// A quote of the header line is not closed, or stands inside a name.
    #[error(
        "the header line has a stray quote; expected column names such as \"user.sid\" on one line"
    )]
    HeaderQuote,
    /// The file ends its lines with carriage returns alone.
    #[error("lines end with a carriage return alone; expected LF or CRLF")]
    CarriageReturns,
}

/// What a checked file turned out to be.
#[derive(Debug, Clone)]
pub struct Form {
    compression: Compression,
    /// None: UTF-8.
    encoding: Option<&'static encoding_rs::Encoding>,
    delimiter: u8,
    /// The column names as the file spells them, white space trimmed.
    pub header: Vec<String>,
}

impl Error {
    /// Tells whether it is what the file holds that is wrong, and not the machine.
    pub fn is_content(&self) -> bool {
        !matches!(self, Error::Read(_))
    }
}

/// Reads `path` to its clean end and returns its form; `encoding` is what it is declared to be in, where it is not Unicode.
///
/// # Errors
/// Damaged or over-large data, and a file without a readable header. Costs one pass over a compressed file; of a plain
/// one only the start is read, since its length and content were checked when it was fetched.
pub fn check(path: &Path, encoding: Option<&'static encoding_rs::Encoding>) -> Result<Form, Error> {
    let compression = sniff_compression(path)?;
    let mut bytes = decompress(path, compression)?;
    let start = read_start(&mut bytes)?;
    let declared = encoding.filter(|_| !start.starts_with(BYTE_ORDER_MARK));
    let encoding = utf16_of(&start).or(declared);
    if compression != Compression::None {
        drain(bytes)?;
        if compression_of(&start) != Compression::None {
            return Err(Error::CompressedTwice);
        }
    }
    refuse_others(&start)?;
    let (delimiter, header) = cells::header(&header_line(&start, encoding)?)?;
    Ok(Form {
        compression,
        encoding,
        delimiter,
        header,
    })
}

fn sniff_compression(path: &Path) -> Result<Compression, Error> {
    let mut magic = Vec::new();
    File::open(path)
        .map_err(Error::Read)?
        .take(4)
        .read_to_end(&mut magic)
        .map_err(Error::Read)?;
    Ok(compression_of(&magic))
}

/// The file's bytes behind one level of compression, bounded in size and ratio.
fn decompress(path: &Path, compression: Compression) -> Result<Bounded, Error> {
    let file = File::open(path).map_err(Error::Read)?;
    let stored = file.metadata().map_err(Error::Read)?.len();
    let buffered = BufReader::with_capacity(BUFFER_BYTES, file);
    let inner: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(buffered),
        Compression::Gzip => Box::new(gzip::Members::new(buffered)),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(buffered).map_err(Error::Read)?),
    };
    let limit = match compression {
        Compression::None => MAX_TEXT_BYTES,
        _ => MAX_TEXT_BYTES.min(RATIO_FREE_BYTES.max(stored.saturating_mul(MAX_RATIO))),
    };
    let bounded = Bounded {
        inner,
        compression,
        left: limit,
        limit,
    };
    // Of a plain file only the start is read before rows are taken: too late then to find that it is too large.
    if compression == Compression::None && stored > limit {
        Err(bounded.too_large())
    } else {
        Ok(bounded)
    }
}

/// A reader that refuses to yield more than its limit and names damage in its own words.
struct Bounded {
    inner: Box<dyn Read + Send>,
    compression: Compression,
    left: u64,
    limit: u64,
}

impl Bounded {
    fn error(&self, error: io::Error) -> Error {
        let compression = match self.compression {
            // What the machine says has a number; what a decompressor says is a fixed text about its format.
            _ if error.raw_os_error().is_some() => return Error::Read(error),
            Compression::None => return Error::Read(error),
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        };
        Error::Damaged {
            compression,
            reason: error.to_string(),
        }
    }

    fn too_large(&self) -> Error {
        let limit = format!("{} MiB", self.limit >> 20);
        if self.limit == MAX_TEXT_BYTES {
            let hint = "split the export into smaller files";
            return Error::TooLarge {
                what: "the text",
                limit,
                hint,
            };
        }
        let hint = "a CSV export does not compress that well: check that the object is one";
        Error::TooLarge {
            what: "the text, for what its compressed size is,",
            limit,
            hint,
        }
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let read = loop {
            match self.inner.read(buffer) {
                Ok(read) => break read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(error)),
            }
        };
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| self.too_large())?;
        Ok(read)
    }
}

fn read_start(bytes: &mut Bounded) -> Result<Vec<u8>, Error> {
    let mut start = vec![0; MAX_LINE_BYTES];
    let mut filled = 0;
    while filled < start.len() {
        match bytes.read_some(&mut start[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    start.truncate(filled);
    Ok(start)
}

fn drain(mut bytes: Bounded) -> Result<(), Error> {
    let mut buffer = vec![0; BUFFER_BYTES];
    while bytes.read_some(&mut buffer)? > 0 {}
    Ok(())
}

/// The first line that is not blank and does not name the delimiter, without its end.
fn header_line(
    start: &[u8],
    encoding: Option<&'static encoding_rs::Encoding>,
) -> Result<String, Error> {
    let decoded = encoding.map(|encoding| encoding.decode_with_bom_removal(start).0);
    let text = match &decoded {
        Some(text) => text.as_bytes(),
        None => start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start),
    };
    let line = text
        .split_inclusive(|byte| *byte == b'\n')
        .find(|line| !is_before_header(line));
    let line = line.ok_or(Error::NoHeader)?;
    let is_cut = !line.ends_with(b"\n") && start.len() == MAX_LINE_BYTES;
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    if line.trim_ascii_end().contains(&b'\r') {
        return Err(Error::CarriageReturns);
    }
    if is_cut {
        let hint = "expected a CSV export with column names on its first line";
        return Err(Error::TooLarge {
            what: "the header line",
            limit: format!("{MAX_LINE_BYTES} bytes"),
            hint,
        });
    }
    String::from_utf8(line.to_vec()).map_err(|_| Error::NotText)
}

/// Tells whether a line stands before the header: a blank one, or one that names the delimiter, as Excel has it (`sep=;`).
fn is_before_header(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let is_named =
        matches!(line, [s, e, p, b'=', _] if [s, e, p].map(u8::to_ascii_lowercase) == *b"sep");
    line.is_empty() || is_named
}

/// The text as UTF-8 bytes (or what claims to be), without a byte-order mark.
struct Text {
    bytes: Bounded,
    decoder: Option<encoding_rs::Decoder>,
    raw: Vec<u8>,
    raw_start: usize,
    at_start: bool,
    ended: bool,
}

impl Text {
    fn open(path: &Path, form: &Form) -> Result<Text, Error> {
        Ok(Text {
            bytes: decompress(path, form.compression)?,
            decoder: form
                .encoding
                .map(encoding_rs::Encoding::new_decoder_with_bom_removal),
            raw: Vec::new(),
            raw_start: 0,
            at_start: true,
            ended: false,
        })
    }

    /// Appends up to about `BUFFER_BYTES` to `text`; nothing appended means the end.
    fn append_to(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        if self.decoder.is_some() {
            self.append_decoded(text)
        } else {
            self.append_utf8(text)
        }
    }

    fn append_utf8(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        let before = text.len();
        text.resize(before + BUFFER_BYTES, 0);
        let read = self.bytes.read_some(&mut text[before..])?;
        text.truncate(before + read);
        if self.at_start && text.len() >= 3 {
            self.at_start = false;
            if text.starts_with(BYTE_ORDER_MARK) {
                text.drain(..3);
            }
        }
        Ok(())
    }

    fn append_decoded(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        let Some(decoder) = self.decoder.as_mut() else {
            return Ok(());
        };
        let before = text.len();
        while text.len() == before && !self.ended {
            if self.raw_start == self.raw.len() {
                self.raw.resize(BUFFER_BYTES, 0);
                let read = self.bytes.read_some(&mut self.raw)?;
                self.raw.truncate(read);
                self.raw_start = 0;
                self.ended = read == 0;
            }
            let mut decoded = vec![0; BUFFER_BYTES * 2];
            let (_, read, written, _) =
                decoder.decode_to_utf8(&self.raw[self.raw_start..], &mut decoded, self.ended);
            self.raw_start += read;
            text.extend_from_slice(&decoded[..written]);
        }
        Ok(())
    }
}
