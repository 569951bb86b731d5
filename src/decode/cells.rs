//! Cells: a line or record of CSV text cut into them, and what is wrong with one that the `csv` crate does not refuse.
//!
//! Which lines make a record, and which rows are kept, is decided elsewhere.

use std::ops::Range;

use csv::ByteRecord;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::BYTE_ORDER_MARK;

/// Parses records one at a time, each by itself: what `csv` reads with, without its buffer, which a reader of one line
/// would have to make for each.
pub(super) struct Parser {
    reader: Reader,
    cells: Vec<u8>,
    ends: Vec<usize>,
}

impl Parser {
    pub(super) fn new(delimiter: u8) -> Parser {
        Parser {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            cells: vec![0; 1 << 10],
            ends: vec![0; 1 << 6],
        }
    }

    /// Parses the record that a text begins with; returns how many bytes it has, with the empty lines before it, or `None`
    /// where there are only such.
    pub(super) fn parse(&mut self, text: &[u8], record: &mut ByteRecord) -> Option<usize> {
        record.clear();
        self.reader.reset();
        let (mut read, mut length, mut count) = (0, 0, 0);
        loop {
            // At the end of the text there is nothing more to give, which is how the reader is told.
            let (result, more_read, more_length, more_count) = self.reader.read_record(
                &text[read..],
                &mut self.cells[length..],
                &mut self.ends[count..],
            );
            (read, length, count) = (read + more_read, length + more_length, count + more_count);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.cells.resize(self.cells.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return None,
            }
        }
        let mut begin = 0;
        for end in &self.ends[..count] {
            record.push_field(&self.cells[begin..*end]);
            begin = *end;
        }
        Some(read)
    }
}

/// Parses exactly one record.
pub(super) fn parse(text: &[u8], delimiter: u8) -> Option<ByteRecord> {
    let mut parser = Parser::new(delimiter);
    let mut record = ByteRecord::new();
    let length = parser.parse(text, &mut record)?;
    let is_one = text[length..].iter().all(|byte| is_line_end(*byte));
    is_one.then_some(record)
}

/// Tells whether a byte ends a line, alone or with the other one: there is no record between two of them.
pub(super) fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// What is wrong with a record that the `csv` crate reads without an error.
pub(super) fn fault(record: &[u8], delimiter: u8) -> Option<&'static str> {
    // It would be dropped: records are parsed each by itself, and a mark begins a text.
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

    fn records(text: &[u8]) -> impl Iterator<Item = ByteRecord> {
        let mut builder = csv::ReaderBuilder::new();
        let reader = builder.has_headers(false).flexible(true).from_reader(text);
        reader.into_byte_records().map(Result::unwrap)
    }

    fn texts(bytes: &[u8], length: usize) -> impl Iterator<Item = Vec<u8>> {
        let mut texts = vec![Vec::new()];
        std::iter::from_fn(move || {
            let text = texts.pop()?;
            if text.len() < length {
                let longer = bytes.iter().map(|byte| [&*text, &[*byte]].concat());
                texts.extend(longer);
            }
            Some(text)
        })
    }

    /// Each record, parsed by itself, is the one that the `csv` crate reads.
    #[test]
    fn a_record_is_parsed_as_the_csv_crate_does() {
        let long = format!("{}\"{}\"\r\n\nb,c\n", "a,".repeat(200), "l".repeat(9_000)).into_bytes();
        let mut parser = Parser::new(b',');
        let mut record = ByteRecord::new();
        for text in texts(b"\",\n\ra", 6).chain([long]) {
            let (mut rest, mut ours) = (text.as_slice(), Vec::new());
            while let Some(length) = parser.parse(rest, &mut record) {
                ours.push(record.clone());
                rest = &rest[length..];
            }
            assert_eq!(ours, records(&text).collect::<Vec<_>>(), "{text:?}");
        }
    }

    /// Every text of up to seven of the bytes that matter, with the cells that the `csv` crate finds.
    #[test]
    fn a_plainly_quoted_row_is_cut_where_the_csv_crate_cuts_it() {
        let mut cells = Vec::new();
        let mut cut = 0;
        for text in texts(b"\",\n\ra", 7) {
            let ends = memchr::memchr(b'\n', &text).map_or(text.len(), |at| at + 1);
            if quotes(&text[..ends]) % 2 == 1 {
                continue;
            }
            let Some(length) = cut_plainly_quoted(&text, b',', &mut cells) else {
                continue;
            };
            let record = records(&text).next().unwrap();
            let ours: Vec<&[u8]> = cells.iter().map(|cell| &text[cell.clone()]).collect();
            assert_eq!(ours, record.iter().collect::<Vec<_>>(), "{text:?}");
            assert_eq!(fault(&text[..length], b','), None, "{text:?}");
            assert_eq!(length, ends, "{text:?}");
            cut += 1;
        }
        assert!(cut > 100);
    }
}
