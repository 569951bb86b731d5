//! CSV text cut into records that cannot swallow one another.
//!
//! Lines whose cells are all quoted plainly, as exports write them, are cut at their quotes; others go to the `csv` crate
//! as they are. What can be cut by itself is the affair of `pieces`, how a record is cut that of `cells`, which rows are
//! known that of `recognised`, and columns are filled by `batch`.

use std::ops::Range;

use csv::ByteRecord;

use super::Error;
use super::batch::Builder;
use super::cells::{cut_plainly_quoted, fault, reader};
use super::decoration::undecorated;
use super::pieces::{Piece, Pieces, Span, line_ends};
use super::recognised::{Known, recognise};
use crate::observation::{Recognised, Recogniser};

/// Bytes of lines that the `csv` crate is given at once: few, since plainly quoted ones may follow, and more the longer none do.
const PARSED_AT_FIRST: usize = 1 << 10;
const PARSED_AT_MOST: usize = 128 << 10;

/// The rows of a CSV text.
pub(super) struct Rows<'r> {
    pub(super) pieces: Pieces<'r>,
    pub(super) cutter: Cutter<'r>,
    /// The number of the last row.
    pub(super) row: u32,
}

impl<'r> Rows<'r> {
    /// Begins to read a text; rows that are known by their bytes are not cut into cells.
    pub(super) fn new(
        pieces: Pieces<'r>,
        delimiter: u8,
        recogniser: Option<Recogniser<'r>>,
    ) -> Rows<'r> {
        Rows {
            pieces,
            cutter: Cutter {
                delimiter,
                recogniser,
            },
            row: 0,
        }
    }
}

impl super::batch::Rows for Rows<'_> {
    fn fill(&mut self, batch: &mut Builder) -> Result<bool, Error> {
        let Some(piece) = self.pieces.next().transpose()? else {
            return Ok(false);
        };
        self.row = self.cutter.cut(&piece, self.row, batch);
        Ok(true)
    }
}

/// Cuts pieces of a text.
#[derive(Clone, Copy)]
pub(super) struct Cutter<'r> {
    delimiter: u8,
    recogniser: Option<Recogniser<'r>>,
}

impl Cutter<'_> {
    /// Takes the rows of a piece into a batch, the first of which is the one behind `row`; returns the number of the last.
    pub(super) fn cut(&self, piece: &Piece, mut row: u32, batch: &mut Builder) -> u32 {
        for span in &piece.spans {
            match span {
                Span::Lines { text, line } => {
                    let (text, line) = (text.as_slice(), *line);
                    row = Cutting {
                        cutter: self,
                        text,
                        line,
                        row,
                    }
                    .cut(batch);
                    continue;
                }
                Span::Record { record, line } => batch.append_record(record, row + 1, *line),
                Span::Reject { line, reason } => batch.reject(*line, "", reason.clone()),
            }
            row += 1;
        }
        row
    }
}

/// Lines with balanced quotes, what is left of them.
struct Cutting<'c, 'r> {
    cutter: &'c Cutter<'r>,
    text: &'c [u8],
    /// The physical line that the text begins with.
    line: u64,
    /// The number of the row before it.
    row: u32,
}

impl Cutting<'_, '_> {
    /// Takes all rows, and returns the number of the last.
    fn cut(mut self, batch: &mut Builder) -> u32 {
        let mut parsed = PARSED_AT_FIRST;
        while !self.text.is_empty() {
            parsed = match self.take_plainly_quoted(batch) {
                0 => PARSED_AT_MOST.min(parsed * 2),
                _ => PARSED_AT_FIRST,
            };
            self.take_parsed(parsed, batch);
        }
        self.row
    }

    fn consume(&mut self, bytes: usize, lines: u64) {
        self.text = &self.text[bytes..];
        self.line += lines;
    }

    /// Takes the rows that begin the text and have all their cells quoted, with no quote in them: cutting these at their
    /// quotes costs a third of what the `csv` crate's state machine does. Returns how many.
    fn take_plainly_quoted(&mut self, batch: &mut Builder) -> u64 {
        let (mut taken, mut rows, mut expected) = (0, 0, 0);
        let mut cells = Vec::new();
        while let Some(length) =
            cut_plainly_quoted(&self.text[taken..], self.cutter.delimiter, &mut cells)
        {
            let Ok(text) = std::str::from_utf8(&self.text[taken..taken + length]) else {
                break;
            };
            self.row += 1;
            let recogniser = self.cutter.recogniser;
            let row = recogniser.map(|known| recognise(known, text, &cells, expected));
            match row.unwrap_or(Known::No(0)) {
                Known::Yes(known) => {
                    expected = known.id + 1;
                    batch.recognised.push(Recognised {
                        row: self.row,
                        ..known
                    });
                }
                Known::No(raw) => {
                    let cells = cells.iter().map(|cell: &Range<usize>| &text[cell.clone()]);
                    batch.append(cells, raw, self.row, self.line + rows);
                }
            }
            taken += length;
            rows += 1;
        }
        self.consume(taken, rows);
        rows
    }

    /// Takes rows of about so many bytes with the `csv` crate.
    fn take_parsed(&mut self, bytes: usize, batch: &mut Builder) {
        let delimiter = self.cutter.delimiter;
        let written = lines_of(self.text, bytes);
        let first_line = self.line;
        let run = undecorated(written, delimiter);
        let mut reader = reader(&run, delimiter);
        let mut record = ByteRecord::new();
        let (mut taken_bytes, mut taken_lines) = (0, 0);
        // `Ok(false)` is the end of the run; in-memory text has no other errors.
        while matches!(reader.read_byte_record(&mut record), Ok(true)) {
            let end = usize::try_from(reader.position().byte()).unwrap_or(run.len());
            let blank = blank_lines(&run[taken_bytes..end]);
            taken_bytes += blank.len();
            taken_lines += line_ends(blank);
            let text = &run[taken_bytes..end];
            let line = first_line + taken_lines;
            self.row += 1;
            if text.trim_ascii_end().contains(&b'\n') {
                // Balanced, and yet it spans lines (`ab"c,"d`): only its first line is given up.
                batch.reject(
                    line,
                    "",
                    "a quote opens inside a cell and is not closed on its line",
                );
                let lines = taken_lines + 1;
                self.consume(bytes_of_lines(written, lines), lines);
                return;
            }
            match fault(text, delimiter) {
                Some(_) if batch.takes_header(&record, line) => {}
                Some(fault) => batch.reject(line, "", fault),
                None => batch.append_record(&record, self.row, line),
            }
            taken_bytes = end;
            taken_lines += line_ends(text);
        }
        self.consume(written.len(), line_ends(written));
    }
}

/// Returns the whole lines that a text begins with, of so many bytes and the rest of the last one.
fn lines_of(text: &[u8], bytes: usize) -> &[u8] {
    let behind = text.get(bytes..).unwrap_or_default();
    let end = memchr::memchr(b'\n', behind);
    end.map_or(text, |end| &text[..bytes + end + 1])
}

/// Returns the empty lines that a text begins with: the reader passes over them.
fn blank_lines(text: &[u8]) -> &[u8] {
    let is_end = |byte: &&u8| matches!(byte, b'\n' | b'\r');
    &text[..text.iter().take_while(is_end).count()]
}

/// Returns how long so many lines of a text are. What decorates cells is in its lines, and their ends are no part of it.
fn bytes_of_lines(text: &[u8], lines: u64) -> usize {
    let last = usize::try_from(lines)
        .unwrap_or(usize::MAX)
        .saturating_sub(1);
    let end = memchr::memchr_iter(b'\n', text).nth(last);
    end.map_or(text.len(), |end| end + 1)
}
