//! Cells: a line or record of CSV text cut into them, and what is wrong with one that the `csv` crate does not refuse.
//!
//! Which lines make a record, and which rows are kept, is decided elsewhere.

use std::ops::Range;

use csv::{ByteRecord, ReaderBuilder};

use super::BYTE_ORDER_MARK;

pub(super) fn reader(text: &[u8], delimiter: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text)
}

/// Parses exactly one record.
pub(super) fn parse(text: &[u8], delimiter: u8) -> Option<ByteRecord> {
    let mut reader = reader(text, delimiter);
    let mut record = ByteRecord::new();
    let mut rest = ByteRecord::new();
    let one =
        reader.read_byte_record(&mut record).ok()? && !reader.read_byte_record(&mut rest).ok()?;
    one.then_some(record)
}

/// What is wrong with a record that the `csv` crate reads without an error.
pub(super) fn fault(record: &[u8], delimiter: u8) -> Option<&'static str> {
    // The crate drops the mark at the start of what it is given, which would depend on where a run begins.
    if record.starts_with(BYTE_ORDER_MARK) {
        return Some("a byte-order mark stands before the row");
    }
    let is_faulty = memchr::memchr(b'"', record).is_some() && !is_quoted_well(record, delimiter);
    is_faulty.then_some("a quote inside a cell is not doubled")
}

/// Tells whether every quoted cell of a record ends where its quote closes. The `csv` crate reads on instead
/// (`"O'Brien "Pat,","S1"` becomes two cells with the wrong borders), without an error.
pub(super) fn is_quoted_well(record: &[u8], delimiter: u8) -> bool {
    let mut rest = record;
    loop {
        if let Some(cell) = rest.strip_prefix(b"\"") {
            let Some(after) = behind_quoted(cell) else {
                return false;
            };
            match after {
                [] | [b'\n' | b'\r', ..] => return true,
                [byte, tail @ ..] if *byte == delimiter => rest = tail,
                _ => return false,
            }
        } else {
            match memchr::memchr3(delimiter, b'\n', b'\r', rest) {
                Some(end) if rest[end] == delimiter => rest = &rest[end + 1..],
                _ => return true,
            }
        }
    }
}

/// What follows the closing quote of a cell whose opening one stands before `cell`.
fn behind_quoted(mut cell: &[u8]) -> Option<&[u8]> {
    loop {
        cell = &cell[memchr::memchr(b'"', cell)? + 1..];
        match cell.strip_prefix(b"\"") {
            Some(escaped) => cell = escaped,
            None => return Some(cell),
        }
    }
}

/// Cuts the row at the start of a run whose lines have balanced quotes, if each of its cells is quoted and holds no
/// quote: returns its length with the end of its line, and the cells in `cells`.
pub(super) fn cut_plainly_quoted(
    run: &[u8],
    delimiter: u8,
    cells: &mut Vec<Range<usize>>,
) -> Option<usize> {
    cells.clear();
    let mut begin = run.starts_with(b"\"").then_some(1)?;
    loop {
        let end = begin + memchr::memchr(b'"', &run[begin..])?;
        cells.push(begin..end);
        match &run[end + 1..] {
            [] => return Some(end + 1),
            [b'\n', ..] => return Some(end + 2),
            [b'\r', b'\n', ..] => return Some(end + 3),
            [byte, b'"', ..] if *byte == delimiter => begin = end + 3,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::lines::quotes;

    /// Every text of up to seven of the bytes that matter, with the cells that the `csv` crate finds.
    #[test]
    fn a_plainly_quoted_row_is_cut_where_the_csv_crate_cuts_it() {
        const BYTES: &[u8] = b"\",\n\ra";
        let mut cells = Vec::new();
        let (mut cut, mut texts) = (0, vec![Vec::new()]);
        while let Some(text) = texts.pop() {
            if text.len() < 7 {
                texts.extend(
                    BYTES
                        .iter()
                        .map(|byte| [text.as_slice(), &[*byte]].concat()),
                );
            }
            let ends = memchr::memchr(b'\n', &text).map_or(text.len(), |at| at + 1);
            if quotes(&text[..ends]) % 2 == 1 {
                continue;
            }
            let Some(length) = cut_plainly_quoted(&text, b',', &mut cells) else {
                continue;
            };
            let mut reader = reader(&text, b',');
            let mut record = ByteRecord::new();
            assert!(reader.read_byte_record(&mut record).unwrap());
            let ours: Vec<&[u8]> = cells.iter().map(|cell| &text[cell.clone()]).collect();
            assert_eq!(ours, record.iter().collect::<Vec<_>>(), "{text:?}");
            assert_eq!(fault(&text[..length], b','), None, "{text:?}");
            assert_eq!(length, ends, "{text:?}");
            cut += 1;
        }
        assert!(cut > 100);
    }
}
