//! Pieces: a CSV text in parts that can be cut into cells each by itself, on any thread.
//!
//! A stray quote makes a CSV reader take thousands of rows for one cell, without an error. So physical lines are
//! looked at first. Lines with balanced quotes go on as they are; a record that spans lines is taken only when it is short
//! and fits the header, else its first line is rejected and reading resumes at the next.

use std::borrow::Cow;

use csv::ByteRecord;

use super::cells::{fault, parse};
use super::decoration::undecorated;
use super::lines::{Lines, Run, quotes};
use super::text::Text;
use super::{Error, MAX_LINE_BYTES, MAX_RECORD_LINES, Reading, header};

/// Bytes of a piece: large enough to amortise a channel, small enough to stay in the cache.
const PIECE_BYTES: usize = 512 << 10;
/// Lines of a piece, about: they may be short, and what is said of each that is rejected is not.
const PIECE_LINES: u64 = 16 << 10;

/// Some of a text, in order.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) spans: Vec<Span>,
    bytes: usize,
    lines: u64,
}

impl Piece {
    fn is_full(&self) -> bool {
        self.bytes >= PIECE_BYTES || self.lines >= PIECE_LINES
    }

    fn push(&mut self, span: Span) {
        if let Span::Record { record, .. } = &span {
            self.bytes += record.as_slice().len();
        }
        self.lines += 1;
        self.spans.push(span);
    }
}

/// Something of a text that stands for itself.
pub(super) enum Span {
    /// Lines whose quotes are balanced, each by itself: nearly every row of every file.
    Lines { text: Vec<u8>, line: u64 },
    /// A record that spans lines.
    Record { record: ByteRecord, line: u64 },
    /// A row that cannot be read, and why.
    Reject {
        line: u64,
        reason: Cow<'static, str>,
    },
}

/// The pieces of a text behind its header.
pub(super) struct Pieces<'r> {
    lines: Lines,
    delimiter: u8,
    reading: Reading<'r>,
    columns: usize,
    header_read: bool,
}

impl Iterator for Pieces<'_> {
    type Item = Result<Piece, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut piece = Piece::default();
        match self.fill(&mut piece) {
            Ok(()) if piece.spans.is_empty() => None,
            filled => Some(filled.map(|()| piece)),
        }
    }
}

impl<'r> Pieces<'r> {
    pub(super) fn new(
        text: Text,
        delimiter: u8,
        columns: usize,
        reading: Reading<'r>,
    ) -> Pieces<'r> {
        Pieces {
            lines: Lines::open(text),
            delimiter,
            reading,
            columns,
            header_read: false,
        }
    }

    fn fill(&mut self, piece: &mut Piece) -> Result<(), Error> {
        if !self.header_read {
            self.header_read = true;
            self.skip_header()?;
        }
        while !piece.is_full() {
            let span = match self.lines.next_run()? {
                Run::End => return Ok(()),
                Run::Balanced => {
                    self.take_run(piece);
                    continue;
                }
                Run::Open => {
                    for span in self.open()? {
                        piece.push(span);
                    }
                    continue;
                }
                Run::Overlong { line } => Span::Reject {
                    line,
                    reason: format!("the line is longer than {MAX_LINE_BYTES} bytes").into(),
                },
            };
            piece.push(span);
        }
        Ok(())
    }

    fn skip_header(&mut self) -> Result<(), Error> {
        while let Run::Balanced | Run::Open = self.lines.next_run()? {
            let line = self.lines.first_line();
            let is_header = !header::is_before(line);
            let length = line.len();
            self.lines.consume(length, 1);
            if is_header {
                break;
            }
        }
        Ok(())
    }

    /// Adds lines to a piece, behind those that it ends with.
    fn take_run(&mut self, piece: &mut Piece) {
        let (run, line) = (self.lines.run(), self.lines.line);
        let (bytes, lines) = (run.len(), line_ends(run));
        match piece.spans.last_mut() {
            Some(Span::Lines { text, .. }) => text.extend_from_slice(run),
            _ => piece.spans.push(Span::Lines {
                text: run.to_vec(),
                line,
            }),
        }
        piece.bytes += bytes;
        piece.lines += lines;
        self.lines.consume(bytes, lines);
    }

    /// Takes a record whose first line leaves a quote open: more than one where it is of several.
    fn open(&mut self) -> Result<Vec<Span>, Error> {
        let line = self.lines.line;
        let reject = |line, reason: &'static str| {
            let reason = reason.into();
            Span::Reject { line, reason }
        };
        self.lines.hold_record()?;
        let is_short = |place: &(usize, u64)| place.1 <= MAX_RECORD_LINES as u64;
        let first = {
            let mut places = self.lines.closing_places().take_while(is_short);
            places.find_map(|place| Some((self.record(place.0)?, place)))
        };
        if let Some((record, (bytes, lines))) = first.filter(|(record, _)| self.is_likely(record)) {
            let is_of_several = self.is_of_several(bytes, &record);
            self.lines.consume(bytes, lines);
            return Ok(match is_of_several {
                true => (line..line + lines)
                    .map(|line| reject(line, "two quotes make one row of several"))
                    .collect(),
                false => vec![Span::Record { record, line }],
            });
        }
        // Lines of a long cell must not be taken for rows: free text could make up a person.
        self.lines.hold_most()?;
        let beyond = self.lines.closing_places().find(|place| !is_short(place));
        if let Some((bytes, lines)) = beyond.filter(|(bytes, _)| self.record(*bytes).is_some()) {
            self.lines.consume(bytes, lines);
            return Ok(vec![reject(line, "a quoted row of too many lines")]);
        }
        let length = self.lines.first_line().len();
        self.lines.consume(length, 1);
        let reason = "a quote is opened and not closed where the row should end";
        Ok(vec![reject(line, reason)])
    }

    /// Reads the first bytes of what is buffered as one record, if they are one of as many fields as there are columns.
    fn record(&self, bytes: usize) -> Option<ByteRecord> {
        let text = &*undecorated(&self.lines.rest()[..bytes], self.delimiter);
        let record = parse(text, self.delimiter)?;
        let is_one = record.len() == self.columns;
        (is_one && fault(text, self.delimiter).is_none()).then_some(record)
    }

    /// Tells whether no column that never has several lines has them here; a line end around what stands there is none of it.
    fn is_likely(&self, record: &ByteRecord) -> bool {
        let columns = self.reading.columns.iter().zip(record);
        let mut keys = columns.filter(|(column, _)| column.is_key());
        !keys.any(|(_, cell)| cell.trim_ascii().contains(&b'\n'))
    }

    /// Tells whether the one quoted cell has the end of one row and the begin of another one: stray quotes in the same column
    /// of both leave as many cells as there are columns, the first of one person and the last of somebody else.
    fn is_of_several(&self, bytes: usize, record: &ByteRecord) -> bool {
        /// Lines of an address have a delimiter or two; who is said in a row of fewer columns is mostly so with a domain.
        const COLUMNS: usize = 4;
        let of_rows = |cell: &[u8]| {
            let delimiters = memchr::memchr_iter(self.delimiter, cell).count();
            let line_ends = line_ends(cell) as usize;
            let is_row = self.columns >= COLUMNS || (self.columns > 1 && cell.contains(&b'@'));
            is_row && line_ends > 0 && delimiters == line_ends * (self.columns - 1)
        };
        quotes(&self.lines.rest()[..bytes]) == 2 && record.iter().any(of_rows)
    }
}

pub(super) fn line_ends(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}
