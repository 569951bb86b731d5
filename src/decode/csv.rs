//! CSV text cut into records that cannot swallow one another, and appended to text columns.
//!
//! A stray quote makes a CSV reader take thousands of rows for one cell, without an error. So physical lines are
//! looked at first. Lines whose cells are all quoted plainly, as exports write them, are cut at their quotes; other
//! runs of lines with balanced quotes go to the `csv` crate as they are; a record that spans lines is taken only when
//! it is short and fits the header, else its first line is rejected and reading resumes at the next.

use std::hash::Hasher;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use csv::{ByteRecord, ReaderBuilder};
use siphasher::sip::SipHasher13;

use super::lines::{Lines, Run, quotes};
use super::{
    BYTE_ORDER_MARK, Error, Form, MAX_COLUMNS, MAX_LINE_BYTES, MAX_NAME_BYTES, MAX_RECORD_LINES,
    Text,
};
use crate::observation::{Decoded, Recognised, Recogniser, Reject};

/// Bytes of a batch: large enough to amortise a channel, small enough to stay in the cache. About a dozen
/// batches are in memory at once.
const BATCH_BYTES: usize = 1 << 20;
/// Bytes that an empty cell takes.
const OFFSET_BYTES: usize = size_of::<i32>();
/// Rows after which a batch ends early: they may be short.
const BATCH_ROWS: usize = 16 << 10;

/// Returns the delimiter and the trimmed column names of a header line.
pub(super) fn header(line: &str) -> Result<(u8, Vec<String>), Error> {
    let delimiter = sniff_delimiter(line);
    if quotes(line.as_bytes()) % 2 == 1 || !is_quoted_well(line.as_bytes(), delimiter) {
        return Err(Error::HeaderQuote);
    }
    let record = parse(line.as_bytes(), delimiter).ok_or(Error::NoHeader)?;
    let hint = "list fewer columns in the query";
    if record.len() > MAX_COLUMNS {
        return Err(Error::TooLarge {
            what: "the number of columns",
            limit: MAX_COLUMNS.to_string(),
            hint,
        });
    }
    if record.iter().any(|name| name.len() > MAX_NAME_BYTES) {
        let hint = "expected column names such as \"user.sid\" on the first line";
        return Err(Error::TooLarge {
            what: "a column name",
            limit: format!("{MAX_NAME_BYTES} bytes"),
            hint,
        });
    }
    let names = record
        .iter()
        .map(|name| String::from_utf8_lossy(name).trim().to_owned())
        .collect();
    Ok((delimiter, names))
}

/// The delimiter that stands most often outside quotes; a comma when none does.
fn sniff_delimiter(line: &str) -> u8 {
    let outside: String = line.split('"').step_by(2).collect();
    let count = |delimiter: u8| outside.bytes().filter(|byte| *byte == delimiter).count();
    // The last of equal maxima wins, so the comma stands last.
    [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|delimiter| count(*delimiter))
        .unwrap_or(b',')
}

fn reader(text: &[u8], delimiter: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text)
}

/// Parses exactly one record.
fn parse(text: &[u8], delimiter: u8) -> Option<ByteRecord> {
    let mut reader = reader(text, delimiter);
    let mut record = ByteRecord::new();
    let mut rest = ByteRecord::new();
    let one =
        reader.read_byte_record(&mut record).ok()? && !reader.read_byte_record(&mut rest).ok()?;
    one.then_some(record)
}

/// What is wrong with a record that the `csv` crate reads without an error.
fn fault(record: &[u8], delimiter: u8) -> Option<&'static str> {
    // The crate drops the mark at the start of what it is given, which would depend on where a run begins.
    if record.starts_with(BYTE_ORDER_MARK) {
        return Some("a byte-order mark stands before the row");
    }
    let is_faulty = memchr::memchr(b'"', record).is_some() && !is_quoted_well(record, delimiter);
    is_faulty.then_some("a quote inside a cell is not doubled")
}

/// Tells whether every quoted cell of a record ends where its quote closes. The `csv` crate reads on instead
/// (`"O'Brien "Pat,","S1"` becomes two cells with the wrong borders), without an error.
fn is_quoted_well(record: &[u8], delimiter: u8) -> bool {
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
fn cut_plainly_quoted(run: &[u8], delimiter: u8, cells: &mut Vec<Range<usize>>) -> Option<usize> {
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

/// Returns the rows of a checked file, in order, some thousands at a time.
///
/// `single_line` are the columns whose cells never hold a new line (identifiers): a record that spans lines there is a
/// stray quote, not a cell.
///
/// # Errors
/// Only what the machine does: the spooled file cannot be read any more.
pub fn batches(
    path: &Path,
    form: &Form,
    single_line: Vec<usize>,
) -> Result<Batches<'static>, Error> {
    let fields: Vec<Field> = form
        .header
        .iter()
        .map(|name| Field::new(name, DataType::Utf8, true))
        .collect();
    Ok(Batches {
        lines: Lines::open(Text::open(path, form)?),
        delimiter: form.delimiter,
        schema: Arc::new(Schema::new(fields)),
        single_line,
        recogniser: None,
        row: 0,
        header_read: false,
    })
}

/// The rows of one file: an iterator of [`Decoded`].
pub struct Batches<'k> {
    lines: Lines,
    delimiter: u8,
    schema: SchemaRef,
    single_line: Vec<usize>,
    recogniser: Option<Recogniser<'k>>,
    row: u32,
    header_read: bool,
}

impl Iterator for Batches<'_> {
    type Item = Result<Decoded, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

impl<'k> Batches<'k> {
    /// Has rows that are known by their bytes not cut into cells.
    pub fn recognising<'n>(self, recogniser: Recogniser<'n>) -> Batches<'n> {
        Batches {
            recogniser: Some(recogniser),
            ..self
        }
    }

    fn next_batch(&mut self) -> Result<Option<Decoded>, Error> {
        let mut batch = Builder::new(&self.schema);
        if !self.header_read {
            self.header_read = true;
            self.skip_header()?;
        }
        while batch.len() < BATCH_ROWS && batch.bytes < BATCH_BYTES {
            match self.lines.next_run()? {
                Run::End => break,
                Run::Balanced => self.take_run(&mut batch),
                Run::Open => self.take_open(&mut batch)?,
                Run::Overlong { line } => {
                    self.row += 1;
                    batch.reject(
                        line,
                        "",
                        format!("the line is longer than {MAX_LINE_BYTES} bytes"),
                    );
                }
            }
        }
        Ok((batch.len() > 0).then(|| batch.finish(&self.schema)))
    }

    fn skip_header(&mut self) -> Result<(), Error> {
        while let Run::Balanced | Run::Open = self.lines.next_run()? {
            let line = self.lines.first_line();
            let is_blank = line.trim_ascii().is_empty();
            let length = line.len();
            self.lines.consume(length, 1);
            if !is_blank {
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
        let mut cells = Vec::with_capacity(self.schema.fields().len());
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
        let run = self.lines.run();
        let first_line = self.lines.line;
        let mut reader = reader(run, self.delimiter);
        let mut record = ByteRecord::new();
        let (mut taken_bytes, mut taken_lines) = (0, 0);
        // `Ok(false)` is the end of the run; in-memory text has no other errors.
        while matches!(reader.read_byte_record(&mut record), Ok(true)) {
            let end = usize::try_from(reader.position().byte()).unwrap_or(run.len());
            let text = &run[taken_bytes..end];
            let blank = text
                .iter()
                .take_while(|byte| matches!(byte, b'\n' | b'\r'))
                .count();
            let blank_lines = memchr::memchr_iter(b'\n', &text[..blank]).count() as u64;
            let line = first_line + taken_lines + blank_lines;
            if memchr::memchr(b'\n', text[blank..].trim_ascii_end()).is_some() {
                // Balanced, and yet it spans lines (`ab"c,"d`): only its first line is given up.
                let first =
                    memchr::memchr(b'\n', &text[blank..]).map_or(text.len(), |at| blank + at + 1);
                self.row += 1;
                batch.reject(
                    line,
                    "",
                    "a quote opens inside a cell and is not closed on its line",
                );
                taken_bytes += first;
                taken_lines += blank_lines + 1;
                self.lines.consume(taken_bytes, taken_lines);
                return;
            }
            self.row += 1;
            match fault(&text[blank..], self.delimiter) {
                Some(fault) => batch.reject(line, "", fault),
                None => batch.append_record(&record, self.row, line),
            }
            taken_lines += memchr::memchr_iter(b'\n', text).count() as u64;
            taken_bytes = end;
        }
        let (bytes, lines) = (run.len(), memchr::memchr_iter(b'\n', run).count() as u64);
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
        let text = &self.lines.rest()[..bytes];
        let record = parse(text, self.delimiter)?;
        let is_one = record.len() == self.schema.fields().len();
        (is_one && fault(text, self.delimiter).is_none()).then_some(record)
    }

    /// Tells whether no column that never has several lines has them here.
    fn is_likely(&self, record: &ByteRecord) -> bool {
        let mut columns = self.single_line.iter();
        !columns.any(|column| record[*column].contains(&b'\n'))
    }
}

/// What a row's bytes tell of it.
enum Known {
    Yes(Recognised),
    /// With the hash by which it will be known.
    No(u64),
}

/// Hashes a row but for the cells that are left out, and looks it up. Equal hashes of 64 bits are taken for equal rows:
/// among a million rows, one that says something new is taken for a known one once in 10^13.
fn recognise(recogniser: Recogniser, row: &str, cells: &[Range<usize>]) -> Known {
    let mut hasher = SipHasher13::new_with_keys(recogniser.seed, cells.len() as u64);
    let cell = |column: Option<usize>| cells.get(column?).cloned();
    let mut left_out = recogniser.left_out.map(cell);
    let said = left_out
        .clone()
        .map(|cell| cell.map(|cell| row[cell].trim()));
    left_out.sort_by_key(|cell| cell.as_ref().map(|cell| cell.start));
    let mut begin = 0;
    for cell in left_out.into_iter().flatten() {
        hasher.write(&row.as_bytes()[begin..cell.start]);
        begin = cell.end;
    }
    hasher.write(row[begin..].trim_ascii_end().as_bytes());
    let raw = hasher.finish().max(1);
    let said = said.map(|text| text.filter(|text| !text.is_empty()));
    (recogniser.known)(raw, said).map_or(Known::No(raw), Known::Yes)
}

/// The columns of a batch in the making.
struct Builder {
    columns: Vec<StringBuilder>,
    names: SchemaRef,
    rows: Vec<u32>,
    lines: Vec<u64>,
    raws: Vec<u64>,
    recognised: Vec<Recognised>,
    rejects: Vec<Reject>,
    bytes: usize,
}

impl Builder {
    fn new(schema: &SchemaRef) -> Builder {
        let columns = schema
            .fields()
            .iter()
            .map(|_| StringBuilder::new())
            .collect();
        Builder {
            columns,
            names: schema.clone(),
            rows: Vec::new(),
            lines: Vec::new(),
            raws: Vec::new(),
            recognised: Vec::new(),
            rejects: Vec::new(),
            bytes: 0,
        }
    }

    fn len(&self) -> usize {
        self.rows.len() + self.recognised.len() + self.rejects.len()
    }

    fn reject(
        &mut self,
        line: u64,
        field: &str,
        reason: impl Into<std::borrow::Cow<'static, str>>,
    ) {
        self.rejects.push(Reject {
            line,
            field: field.to_owned(),
            reason: reason.into(),
        });
    }

    fn append_record(&mut self, record: &ByteRecord, row: u32, line: u64) {
        let Some(text) = text_of(record) else {
            // A row of another width is not worth a look at its cells.
            let bad = record
                .iter()
                .position(|cell| std::str::from_utf8(cell).is_err());
            return match bad.filter(|_| record.len() == self.columns.len()) {
                Some(bad) => {
                    let name = self.names.field(bad).name().clone();
                    self.reject(line, &name, "the cell is not UTF-8")
                }
                None => self.reject_width(record.len(), line),
            };
        };
        let cell = |at| record.range(at).and_then(|range| text.get(range));
        let cells = (0..record.len()).map(|at| cell(at).unwrap_or_default());
        self.append(cells, 0, row, line);
    }

    fn append<'t>(
        &mut self,
        cells: impl ExactSizeIterator<Item = &'t str> + Clone,
        raw: u64,
        row: u32,
        line: u64,
    ) {
        if cells.len() != self.columns.len() {
            return self.reject_width(cells.len(), line);
        }
        // Files that were appended to one another each bring a header.
        let names = self.names.fields().iter().map(|field| field.name());
        if names.eq(cells.clone().map(str::trim_ascii)) {
            return self.reject(line, "", "the row repeats the header");
        }
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            self.bytes += cell.len() + OFFSET_BYTES;
            match cell {
                "" => column.append_null(),
                cell => column.append_value(cell),
            }
        }
        self.rows.push(row);
        self.lines.push(line);
        self.raws.push(raw);
    }

    fn reject_width(&mut self, found: usize, line: u64) {
        let expected = self.columns.len();
        let reason = format!("the row has {found} cells, the header {expected}");
        self.reject(line, "", reason)
    }

    fn finish(mut self, schema: &SchemaRef) -> Decoded {
        let columns: Vec<ArrayRef> = self
            .columns
            .iter_mut()
            .map(|column| Arc::new(column.finish()) as ArrayRef)
            .collect();
        let records = RecordBatch::try_new(schema.clone(), columns)
            .expect("every column got one cell per appended row, all of type Utf8");
        Decoded {
            records,
            rows: self.rows,
            lines: self.lines,
            raws: self.raws,
            recognised: self.recognised,
            rejects: self.rejects,
        }
    }
}

/// Returns a record's cells as one text, if each of them is UTF-8: a delimiter may cut a character.
fn text_of(record: &ByteRecord) -> Option<&str> {
    let text = std::str::from_utf8(record.as_slice()).ok()?;
    let is_whole = |at: usize| {
        record
            .range(at)
            .is_some_and(|range| text.is_char_boundary(range.start))
    };
    (text.is_ascii() || (0..record.len()).all(is_whole)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

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
