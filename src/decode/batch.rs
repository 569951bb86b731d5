//! A batch in the making: cells appended to text columns, and what was recognised or rejected beside them.
//!
//! Where its rows come from is the affair of the formats.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use csv::ByteRecord;

use super::decoration::{is_guarded, unwrapped};
use super::second_header::{Header, Headers, REPEATS_HEADER};
use super::{Error, Reading};
use crate::identifier::{Column, NotSaid, entra_sid};
use crate::observation::{Decoded, OddCells, Recognised, Reject};

/// Why a row was left out whose text is in another encoding.
pub const NOT_UTF8: &str = "it is not UTF-8";

/// Bytes of a batch: large enough to amortise a channel, small enough to stay in the cache.
const BATCH_BYTES: usize = 1 << 20;
/// Rows after which a batch ends early: they may be short.
const BATCH_ROWS: usize = 16 << 10;
/// Bytes that an empty cell takes.
const OFFSET_BYTES: usize = size_of::<i32>();

/// The rows of a file in one format.
pub(super) trait Rows: Send {
    /// Takes some of the next rows into a batch; false at the end.
    fn fill(&mut self, batch: &mut Builder) -> Result<bool, Error>;
}

/// The columns of a batch in the making.
pub(super) struct Builder<'r> {
    columns: Vec<StringBuilder>,
    names: SchemaRef,
    reading: Reading<'r>,
    headers: Arc<Headers>,
    /// Another header was found: nothing behind it can be read.
    pub(super) second_header: Option<Error>,
    odd: Vec<OddCells>,
    rows: Vec<u32>,
    lines: Vec<u64>,
    raws: Vec<u64>,
    pub(super) recognised: Vec<Recognised>,
    rejects: Vec<Reject>,
    blank: Vec<usize>,
    bytes: usize,
}

impl<'r> Builder<'r> {
    pub(super) fn new(
        schema: &SchemaRef,
        reading: Reading<'r>,
        headers: Arc<Headers>,
    ) -> Builder<'r> {
        let columns = schema
            .fields()
            .iter()
            .map(|_| StringBuilder::new())
            .collect();
        Builder {
            columns,
            names: schema.clone(),
            reading,
            headers,
            second_header: None,
            odd: vec![OddCells::default(); schema.fields().len()],
            rows: Vec::new(),
            lines: Vec::new(),
            raws: Vec::new(),
            recognised: Vec::new(),
            rejects: Vec::new(),
            blank: Vec::new(),
            bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.recognised.len() + self.rejects.len()
    }

    /// Tells whether it is to be handed on: it has enough, or can hold nothing more.
    pub(super) fn is_full(&self) -> bool {
        self.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES || self.second_header.is_some()
    }

    pub(super) fn reject(
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

    /// Leaves a row out for one of its cells.
    pub(super) fn reject_cell(&mut self, line: u64, column: usize, reason: &'static str) {
        let name = self.names.field(column).name().clone();
        self.reject(line, &name, reason);
    }

    pub(super) fn append_record(&mut self, record: &ByteRecord, row: u32, line: u64) {
        let Some(text) = text_of(record) else {
            // A row of another width is not worth a look at its cells.
            let bad = record
                .iter()
                .position(|cell| std::str::from_utf8(cell).is_err());
            return match bad.filter(|_| record.len() == self.columns.len()) {
                Some(bad) => self.reject_cell(line, bad, NOT_UTF8),
                None => self.reject_width(record.len(), line),
            };
        };
        let cell = |at| record.range(at).and_then(|range| text.get(range));
        let cells = (0..record.len()).map(|at| cell(at).unwrap_or_default());
        self.append(cells, 0, row, line);
    }

    pub(super) fn append<'t>(
        &mut self,
        cells: impl ExactSizeIterator<Item = &'t str> + Clone,
        raw: u64,
        row: u32,
        line: u64,
    ) {
        if self.takes_header_of(cells.clone(), line) {
            return;
        }
        let columns = self.columns.len();
        let fits = match cells.len() {
            found if found > columns && found <= columns + self.headers.unnamed => {
                // Spreadsheets write delimiters behind the last column, too, and behind the header as well: one that only a row
                // has stands within it, and all behind it in a wrong column.
                let mut behind = cells.clone().skip(columns);
                behind.all(|cell| cell.trim().is_empty())
            }
            found => found == columns,
        };
        // Only in a single column does a header within a row leave its width as it is.
        if (!fits || columns == 1)
            && let Some(what) = self.headers.within(cells.clone())
        {
            return self.end_at_header(line, what);
        }
        if !fits {
            return self.reject_width(cells.len(), line);
        }
        if cells.clone().all(|cell| cell.trim().is_empty()) {
            self.blank.push(self.rows.len());
        }
        self.append_cells(cells);
        self.rows.push(row);
        self.lines.push(line);
        self.raws.push(raw);
    }

    fn append_cells<'t>(&mut self, cells: impl Iterator<Item = &'t str>) {
        let held = self.reading.columns.iter().copied();
        let held = held.chain(std::iter::repeat(Column::Text));
        let places = self.columns.iter_mut().zip(&mut self.odd).zip(held);
        let mut bytes = 0;
        for (((column, odd), held), cell) in places.zip(cells) {
            bytes += cell.len() + OFFSET_BYTES;
            append_cell((column, odd), held, self.reading.not_said, cell);
        }
        self.bytes += bytes;
    }

    /// Appends rows column by column, which is how some formats hold them: those at some places of a table, where the row
    /// at 0 is the one behind `before`. Each has all columns, and is no header.
    pub(super) fn append_columns<'t>(
        &mut self,
        before: u32,
        places: &[u32],
        cell: impl Fn(usize, usize) -> &'t str,
    ) {
        let held = self.reading.columns.iter().copied();
        let held = held.chain(std::iter::repeat(Column::Text));
        let columns = self.columns.iter_mut().zip(&mut self.odd).zip(held);
        for (at, ((column, odd), held)) in columns.enumerate() {
            for place in places {
                let cell = cell(at, *place as usize);
                self.bytes += cell.len() + OFFSET_BYTES;
                append_cell((column, odd), held, self.reading.not_said, cell);
            }
        }
        let rows = places.iter().map(|place| before + place + 1);
        self.lines.extend(rows.clone().map(u64::from));
        self.rows.extend(rows);
        self.raws.resize(self.rows.len(), 0);
    }

    /// Tells whether a record is a header, which then is no row.
    pub(super) fn takes_header(&mut self, record: &ByteRecord, line: u64) -> bool {
        let cells = record.iter();
        let cells = cells.map(|cell| std::str::from_utf8(cell).unwrap_or_default());
        self.takes_header_of(cells, line)
    }

    pub(super) fn takes_header_of<'t>(
        &mut self,
        cells: impl Iterator<Item = &'t str> + Clone,
        line: u64,
    ) -> bool {
        match self.headers.judge(cells) {
            None => return false,
            Some(Header::Same) => self.reject(line, "", REPEATS_HEADER),
            Some(Header::Another(what)) => self.end_at_header(line, what),
        }
        true
    }

    /// Of several other headers, the first one counts.
    fn end_at_header(&mut self, line: u64, what: &'static str) {
        self.second_header
            .get_or_insert(Error::SecondHeader { line, what });
    }

    fn reject_width(&mut self, found: usize, line: u64) {
        let expected = self.columns.len();
        let reason = format!("the row has {found} cells, the header {expected}");
        self.reject(line, "", reason)
    }

    pub(super) fn finish(mut self, schema: &SchemaRef) -> Decoded {
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
            odd: self.odd,
            blank: self.blank,
        }
    }
}

/// Appends a cell to a column that holds what is said; what says nothing is left empty, and counted where something stands there.
#[inline]
fn append_cell(
    (column, odd): (&mut StringBuilder, &mut OddCells),
    held: Column,
    not_said: &NotSaid,
    cell: &str,
) {
    let cell = unwrapped(cell);
    if cell.is_empty() {
        column.append_null();
    } else if not_said.covers(held, cell) {
        odd.not_said += 1;
        column.append_null();
    } else if held.is_identifier() && is_guarded(cell) {
        odd.guarded += 1;
        column.append_null();
    } else if let Some(sid) = sid_of_id(held, cell) {
        column.append_value(sid);
    } else {
        column.append_value(cell);
    }
}

/// Returns the SID of an account whose id in Entra ID stands in its place: from here on, both are one.
fn sid_of_id(held: Column, cell: &str) -> Option<String> {
    let may_be_id = held == Column::Sid && !cell.starts_with(['S', 's']);
    let sid = may_be_id.then(|| entra_sid(cell))??;
    Some(sid.to_ascii_uppercase())
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
