//! CSV text cut into records that cannot swallow one another, in batches.
//!
//! A stray quote makes a CSV reader take thousands of rows for one cell, without an error. So physical lines are
//! looked at first. Lines whose cells are all quoted plainly, as exports write them, are cut at their quotes; other
//! runs of lines with balanced quotes go to the `csv` crate as they are; a record that spans lines is taken only when
//! it is short and fits the header, else its first line is rejected and reading resumes at the next. How a record is
//! cut is the affair of `cells`, which rows are known that of `recognised`, and columns are filled by `batch`.

use std::ops::Range;

use csv::ByteRecord;

use super::batch::Builder;
use super::cells::{cut_plainly_quoted, fault, parse, reader};
use super::decoration::undecorated;
use super::lines::{Lines, Run};
use super::recognised::{Known, recognise};
use super::text::Text;
use super::{Error, MAX_LINE_BYTES, MAX_RECORD_LINES, Reading, header};
use crate::observation::{Recognised, Recogniser};

/// The rows of a CSV text.
pub(super) struct Rows<'r> {
    lines: Lines,
    delimiter: u8,
    reading: Reading<'r>,
    columns: usize,
    recogniser: Option<Recogniser<'r>>,
    row: u32,
    header_read: bool,
}

impl super::batch::Rows for Rows<'_> {
    fn fill(&mut self, batch: &mut Builder) -> Result<bool, Error> {
        if !self.header_read {
            self.header_read = true;
            self.skip_header()?;
        }
        match self.lines.next_run()? {
            Run::End => return Ok(false),
            Run::Balanced => self.take_run(batch),
            Run::Open => self.take_open(batch)?,
            Run::Overlong { line } => {
                self.row += 1;
                batch.reject(
                    line,
                    "",
                    format!("the line is longer than {MAX_LINE_BYTES} bytes"),
                );
            }
        }
        Ok(true)
    }
}

impl<'r> Rows<'r> {
    /// Begins to read a text; rows that are known by their bytes are not cut into cells.
    pub(super) fn new(
        text: Text,
        delimiter: u8,
        columns: usize,
        reading: Reading<'r>,
        recogniser: Option<Recogniser<'r>>,
    ) -> Rows<'r> {
        Rows {
            lines: Lines::open(text),
            delimiter,
            reading,
            columns,
            recogniser,
            row: 0,
            header_read: false,
        }
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

    /// Takes a run of lines with balanced quotes: nearly every row of every file.
    fn take_run(&mut self, batch: &mut Builder) {
        self.take_plainly_quoted(batch);
        if !self.lines.run().is_empty() {
            self.take_parsed(batch);
        }
    }

    /// Takes the rows that begin a run and have all their cells quoted, with no quote in them: cutting these at their
    /// quotes costs a third of what the `csv` crate's state machine does.
    fn take_plainly_quoted(&mut self, batch: &mut Builder) {
        let run = self.lines.run();
        let (mut taken, mut rows) = (0, 0);
        let mut cells = Vec::with_capacity(self.columns);
        while let Some(length) = cut_plainly_quoted(&run[taken..], self.delimiter, &mut cells) {
            let Ok(text) = std::str::from_utf8(&run[taken..taken + length]) else {
                break;
            };
            self.row += 1;
            let row = self.recogniser.map(|known| recognise(known, text, &cells));
            match row.unwrap_or(Known::No(0)) {
                Known::Yes(known) => batch.recognised.push(Recognised {
                    row: self.row,
                    ..known
                }),
                Known::No(raw) => {
                    let cells = cells.iter().map(|cell: &Range<usize>| &text[cell.clone()]);
                    batch.append(cells, raw, self.row, self.lines.line + rows);
                }
            }
            taken += length;
            rows += 1;
        }
        self.lines.consume(taken, rows);
    }

    /// Takes what is left of a run with the `csv` crate.
    fn take_parsed(&mut self, batch: &mut Builder) {
        let written = self.lines.run();
        let first_line = self.lines.line;
        let run = undecorated(written, self.delimiter);
        let mut reader = reader(&run, self.delimiter);
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
                self.lines.consume(bytes_of_lines(written, lines), lines);
                return;
            }
            match fault(text, self.delimiter) {
                Some(_) if batch.takes_header(&record, line) => {}
                Some(fault) => batch.reject(line, "", fault),
                None => batch.append_record(&record, self.row, line),
            }
            taken_bytes = end;
            taken_lines += line_ends(text);
        }
        let (bytes, lines) = (written.len(), line_ends(written));
        self.lines.consume(bytes, lines);
    }

    /// Takes a record whose first line leaves a quote open.
    fn take_open(&mut self, batch: &mut Builder) -> Result<(), Error> {
        let line = self.lines.line;
        self.row += 1;
        self.lines.hold_record()?;
        let is_short = |place: &(usize, u64)| place.1 <= MAX_RECORD_LINES as u64;
        let first = {
            let mut places = self.lines.closing_places().take_while(is_short);
            places.find_map(|place| Some((self.record(place.0)?, place)))
        };
        if let Some((record, (bytes, lines))) = first.filter(|(record, _)| self.is_likely(record)) {
            batch.append_record(&record, self.row, line);
            self.lines.consume(bytes, lines);
            return Ok(());
        }
        // Lines of a long cell must not be taken for rows: free text could make up a person.
        self.lines.hold_most()?;
        let beyond = self.lines.closing_places().find(|place| !is_short(place));
        if let Some((bytes, lines)) = beyond.filter(|(bytes, _)| self.record(*bytes).is_some()) {
            batch.reject(line, "", "a quoted row of too many lines");
            self.lines.consume(bytes, lines);
            return Ok(());
        }
        batch.reject(
            line,
            "",
            "a quote is opened and not closed where the row should end",
        );
        let length = self.lines.first_line().len();
        self.lines.consume(length, 1);
        Ok(())
    }

    /// Reads the first bytes of what is buffered as one record, if they are one of as many fields as there are columns.
    fn record(&self, bytes: usize) -> Option<ByteRecord> {
        let text = &*undecorated(&self.lines.rest()[..bytes], self.delimiter);
        let record = parse(text, self.delimiter)?;
        let is_one = record.len() == self.columns;
        (is_one && fault(text, self.delimiter).is_none()).then_some(record)
    }

    /// Tells whether no column that never has several lines has them here.
    fn is_likely(&self, record: &ByteRecord) -> bool {
        let columns = self.reading.columns.iter().zip(record);
        let mut keys = columns.filter(|(column, _)| column.is_key());
        !keys.any(|(_, cell)| cell.contains(&b'\n'))
    }
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

fn line_ends(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}
