//! CSV text cut into records that cannot swallow one another.
//!
//! Lines whose cells are all quoted plainly, as exports write them, are cut at their quotes; others are parsed by
//! `csv_core`, each by itself. What can be cut by itself is the affair of `pieces`, how a record is cut that of `cells`, which rows are
//! known that of `recognised`, and columns are filled by `batch`.

use std::ops::Range;

use csv::ByteRecord;

use super::Error;
use super::batch::Builder;
use super::cells::{Parser, cut_plainly_quoted, fault, is_line_end};
use super::decoration::undecorated;
use super::pieces::{Piece, Pieces, Span};
use super::recognised::{Known, recognise};
use crate::observation::{Recognised, Recogniser};

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
        let mut parser = Parser::new(self.cutter.delimiter);
        let mut record = ByteRecord::new();
        while !self.text.is_empty() {
            self.take_plainly_quoted(batch);
            self.take_line(&mut parser, &mut record, batch);
        }
        self.row
    }

    /// Takes the rows that begin the text and have all their cells quoted, with no quote in them: cutting these at their
    /// quotes costs a third of what the `csv` crate's state machine does.
    fn take_plainly_quoted(&mut self, batch: &mut Builder) {
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
        self.text = &self.text[taken..];
        self.line += rows;
    }

    /// Takes the row of a line, or those of one that lone carriage returns part.
    fn take_line(&mut self, parser: &mut Parser, record: &mut ByteRecord, batch: &mut Builder) {
        let delimiter = self.cutter.delimiter;
        let length = memchr::memchr(b'\n', self.text).map_or(self.text.len(), |end| end + 1);
        let (line, behind) = self.text.split_at(length);
        let line = undecorated(line, delimiter);
        let mut rest = behind_line_ends(&line);
        while let Some(length) = parser.parse(rest, record) {
            let (text, behind) = rest.split_at(length);
            self.row += 1;
            match fault(text, delimiter) {
                Some(_) if batch.takes_header(record, self.line) => {}
                Some(fault) => batch.reject(self.line, "", fault),
                None => batch.append_record(record, self.row, self.line),
            }
            rest = behind_line_ends(behind);
        }
        self.line += u64::from(length > 0);
        self.text = behind;
    }
}

fn behind_line_ends(text: &[u8]) -> &[u8] {
    let begin = text.iter().position(|byte| !is_line_end(*byte));
    &text[begin.unwrap_or(text.len())..]
}
