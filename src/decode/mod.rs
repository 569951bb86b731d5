//! A fetched file turned into record batches of text columns.
//!
//! [`check`] reads a file once to its clean end and says what form it has; after that [`batches`] can lose rows but
//! cannot fail for what the file holds. Compression and encoding are recognised by content, never by name.
//! What columns mean is the mapping's business.
//!
//! The way of a file: `sniff` tells what it is, `text` unpacks it, and `csv`, `json` or `parquet` fills a `batch` with its
//! rows. Of CSV, `lines` make `pieces` that are cut into `cells`, but for rows that are `recognised`.

mod batches;
mod error;

mod csv;
mod json;
mod parquet;

mod batch;
mod cells;
mod decoration;
mod gzip;
mod header;
mod lines;
mod pieces;
mod recognised;
mod second_header;
mod sniff;
mod text;

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

pub use self::batch::NOT_UTF8;
pub use self::batches::{Batches, Decoding, Reading, batches};
pub use self::error::Error;
pub use self::second_header::REPEATS_HEADER;
pub(crate) use self::sniff::utf16_of;
use self::sniff::{Compression, compression_of, is_json, is_parquet, refuse_others};
use self::text::{decompress, drain, read_start};

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

/// What a checked file turned out to be.
#[derive(Debug, Clone)]
pub struct Form {
    compression: Compression,
    /// None: UTF-8.
    encoding: Option<&'static encoding_rs::Encoding>,
    format: Format,
    /// The column names as the file spells them, white space trimmed.
    pub header: Vec<String>,
    /// A plain text without a line end at its end: all of it, or what is written of it so far.
    pub may_be_cut: bool,
    /// Such a text whose last cell has no quotes, which would show that the cell is whole.
    pub may_end_in_cell: bool,
    /// A JSON text that says that more rows follow in another one.
    pub says_more: bool,
}

/// How rows are written.
#[derive(Debug, Clone, Copy)]
enum Format {
    /// With so many columns behind the last one that has a name.
    Csv {
        delimiter: u8,
        unnamed: usize,
    },
    Json(json::Shape),
    Parquet,
}

/// Returns the form of a file; `encoding` is what it is declared to be in, where it is not Unicode, and `names` are those of
/// columns, in small letters.
///
/// # Errors
/// Damaged or over-large data, and a file that does not say which columns it has. Costs one pass over a compressed file, and
/// one over JSON, whose columns stand in every row; of a plain CSV only the start is read, since its length and content were
/// checked when it was fetched, and of Parquet what it says of itself at its end.
pub fn check(
    path: &Path,
    encoding: Option<&'static encoding_rs::Encoding>,
    names: &HashSet<String>,
) -> Result<Form, Error> {
    let compression = sniff_compression(path)?;
    let mut bytes = decompress(path, compression)?;
    let start = read_start(&mut bytes)?;
    if compression == Compression::None && is_parquet(&start) {
        return parquet::check(path);
    }
    let declared = encoding.filter(|declared| !is_utf8(&start, declared));
    let encoding = utf16_of(&start).or(declared);
    if compression != Compression::None {
        drain(bytes)?;
        if compression_of(&start) != Compression::None {
            return Err(Error::CompressedTwice);
        }
    }
    refuse_others(&start)?;
    let text = header::decoded(&start, encoding);
    // JSON is Unicode, whatever is declared of the CSV beside it.
    let encoding = match is_json(&text) {
        true => utf16_of(&start),
        false => encoding,
    };
    let form = |format, header| Form {
        compression,
        encoding,
        format,
        header,
        may_be_cut: false,
        may_end_in_cell: false,
        says_more: false,
    };
    if is_json(&text) {
        let shape = json::shape_of(&text, start.len() < MAX_LINE_BYTES, names)?;
        let mut form = form(Format::Json(shape), Vec::new());
        (form.header, form.says_more) = json::columns(path, &form, shape, names)?;
        return Ok(form);
    }
    let header = header::of_csv(&text, start.len() == MAX_LINE_BYTES)?;
    let format = Format::Csv {
        delimiter: header.delimiter,
        unnamed: header.unnamed,
    };
    let mut form = form(format, header.names);
    if compression == Compression::None {
        let end = last_sign(path)?;
        form.may_be_cut = end != b'\n';
        form.may_end_in_cell = form.may_be_cut && end != b'"';
    }
    Ok(form)
}

/// Returns the last sign of a file, if it is ASCII, in whatever encoding.
fn last_sign(path: &Path) -> Result<u8, Error> {
    let mut file = File::open(path).map_err(Error::Read)?;
    let mut end = Vec::new();
    let length = file.seek(SeekFrom::End(0)).map_err(Error::Read)?;
    file.seek(SeekFrom::Start(length.saturating_sub(2)))
        .and_then(|_| file.read_to_end(&mut end))
        .map_err(Error::Read)?;
    Ok(match *end {
        [sign, 0] | [.., sign] => sign,
        [] => 0,
    })
}

/// Tells whether a text is in UTF-8 though another encoding is declared, by its start, which may be cut: it says so itself, or
/// has letters that no text of one byte a letter happens to have.
fn is_utf8(start: &[u8], declared: &'static encoding_rs::Encoding) -> bool {
    let is_valid = match std::str::from_utf8(start) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    let is_plain = declared.is_single_byte() && is_valid && !start.is_ascii();
    is_plain || start.starts_with(BYTE_ORDER_MARK)
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
