//! The header: which columns a file has. Of a CSV text its first line says it; what a name must be is the same in all formats.

use std::borrow::Cow;

use super::cells::{is_quoted_well, parse};
use super::decoration::undecorated;
use super::lines::quotes;
use super::{BYTE_ORDER_MARK, Error, MAX_COLUMNS, MAX_LINE_BYTES, MAX_NAME_BYTES};
use crate::identifier::is_hidden;

/// Returns the start of a text in UTF-8, as far as it can be read, without a byte-order mark.
pub(super) fn decoded<'s>(
    start: &'s [u8],
    encoding: Option<&'static encoding_rs::Encoding>,
) -> Cow<'s, [u8]> {
    match encoding {
        Some(encoding) => match encoding.decode_with_bom_removal(start).0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
        None => Cow::Borrowed(start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start)),
    }
}

/// What the first line of a CSV text says.
pub(super) struct CsvHeader {
    pub(super) delimiter: u8,
    /// Trimmed.
    pub(super) names: Vec<String>,
    /// Columns behind the last one that has a name.
    pub(super) unnamed: usize,
}

/// Returns the header of a CSV text by its start, which may be cut.
pub(super) fn of_csv(text: &[u8], is_cut: bool) -> Result<CsvHeader, Error> {
    let line = line(text, is_cut)?;
    let delimiter = sniff_delimiter(&line);
    let line = undecorated(line.as_bytes(), delimiter);
    if quotes(&line) % 2 == 1 || !is_quoted_well(&line, delimiter) {
        return Err(Error::HeaderQuote);
    }
    let record = parse(&line, delimiter).ok_or(Error::NoHeader)?;
    let names = record
        .iter()
        .map(|name| String::from_utf8_lossy(name).trim().to_owned());
    let mut names: Vec<String> = names.collect();
    // Spreadsheets write delimiters behind the last column, too.
    let columns = names.len();
    while names.len() > 1 && names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    let has_more = names.len() < columns;
    let unnamed = match has_more && are_rows_bare(text, delimiter, names.len()) {
        true => 0,
        false => columns - names.len(),
    };
    Ok(CsvHeader {
        delimiter,
        unnamed,
        names: checked(names)?,
    })
}

/// Tells whether the rows have no delimiters behind the last column: one that has more has a delimiter within it.
fn are_rows_bare(text: &[u8], delimiter: u8, columns: usize) -> bool {
    let widths = first_widths(text, delimiter);
    let bare = widths.iter().filter(|width| **width == columns).count();
    let wider = widths.iter().filter(|width| **width > columns).count();
    bare > 0 && bare >= wider
}

/// Returns how many cells the first lines behind the header have, of those that are rows by themselves.
fn first_widths(text: &[u8], delimiter: u8) -> Vec<usize> {
    const ROWS: usize = 32;
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let rows = lines.filter(|line| !is_before(line)).skip(1).take(ROWS);
    let width = |row: &[u8]| {
        let row = undecorated(row, delimiter);
        let is_whole = row.ends_with(b"\n") && quotes(&row).is_multiple_of(2);
        let is_row = is_whole && is_quoted_well(&row, delimiter);
        parse(&row, delimiter)
            .filter(|_| is_row)
            .map(|row| row.len())
    };
    rows.filter_map(width).collect()
}

/// The first line that is not blank and does not name the delimiter, without its end.
fn line(text: &[u8], is_cut: bool) -> Result<String, Error> {
    let line = text
        .split_inclusive(|byte| *byte == b'\n')
        .find(|line| !is_before(line));
    let line = line.ok_or(Error::NoHeader)?;
    let is_cut = is_cut && !line.ends_with(b"\n");
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
    let text = String::from_utf8(line.to_vec()).map_err(|_| {
        let is_text = !line
            .iter()
            .any(|byte| byte.is_ascii_control() && *byte != b'\t');
        let has_words = line
            .iter()
            .filter(|byte| byte.is_ascii_alphanumeric())
            .count()
            * 2
            > line.len();
        match is_text && has_words {
            true => Error::HeaderEncoding,
            false => Error::NotText,
        }
    })?;
    // As in UTF-32, archives and programs.
    match text.contains('\0') {
        true => Err(Error::NotText),
        false => Ok(text),
    }
}

/// Tells whether a line stands before the header: a blank one, one that names the delimiter, as Excel has it (`sep=;`), or the type
/// that PowerShell names.
pub(super) fn is_before(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    // Spreadsheets fill it up to the width of the others, and quote it.
    let said = match line {
        [b'"', inner @ ..] => inner.split(|byte| *byte == b'"').next().unwrap_or_default(),
        said => said,
    };
    let is_named = match said {
        [s, e, p, b'=', rest @ ..] if [s, e, p].map(u8::to_ascii_lowercase) == *b"sep" => rest
            .iter()
            .all(|byte| matches!(byte, b',' | b';' | b'|' | b'\t')),
        _ => false,
    };
    // What PowerShell writes of the objects that it exports.
    line.is_empty() || is_named || line.starts_with(b"#TYPE ")
}

/// The delimiter that stands most often outside quotes; a comma when none does.
fn sniff_delimiter(line: &str) -> u8 {
    let outside: String = line.split('"').step_by(2).collect();
    let count = |delimiter: u8| outside.bytes().filter(|byte| *byte == delimiter).count();
    // The last of equal maxima wins, so the comma stands last.
    [b'|', b'\t', b';', b',']
        .into_iter()
        .max_by_key(|delimiter| count(*delimiter))
        .unwrap_or(b',')
}

/// Checks the names of a file's columns.
pub(super) fn checked(names: Vec<String>) -> Result<Vec<String>, Error> {
    if names.len() > MAX_COLUMNS {
        return Err(Error::TooLarge {
            what: "the number of columns",
            limit: MAX_COLUMNS.to_string(),
            hint: "list fewer columns in the query",
        });
    }
    if names.iter().any(|name| name.len() > MAX_NAME_BYTES) {
        let hint = "expected column names such as \"user.sid\", in CSV on the first line";
        return Err(Error::TooLarge {
            what: "a column name",
            limit: format!("{MAX_NAME_BYTES} bytes"),
            hint,
        });
    }
    refuse_invisible(&names)?;
    Ok(names)
}

/// Refuses names that look like others and are not.
fn refuse_invisible(names: &[String]) -> Result<(), Error> {
    let is_invisible = |letter: &char| letter.is_control() || is_hidden(*letter);
    for (column, name) in (1..).zip(names) {
        if let Some(letter) = name.chars().find(is_invisible) {
            let character = format!("U+{:04X}", letter as u32);
            return Err(Error::Invisible { column, character });
        }
    }
    Ok(())
}
