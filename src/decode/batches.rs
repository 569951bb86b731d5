//! Batches: the rows of a checked file, in order, some thousands at a time, whatever its format.

use std::collections::HashSet;
use std::io;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, Scope};

use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::batch::{Builder, Rows};
use super::pieces::{Piece, Pieces};
use super::second_header::Headers;
use super::text::Text;
use super::{Error, Form, Format, csv, json, parquet};
use crate::identifier::{Column, NotSaid};
use crate::observation::{Decoded, Recogniser};

/// Batches of each thread that wait to be taken up.
const DECODED_AHEAD: usize = 2;
/// Threads that cut a text into cells: more would wait for the one that takes them up.
const CUTTERS_AT_MOST: usize = 4;

/// How the cells of an object are to be read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'r> {
    /// What its columns hold, in the order of the header; where there are too few, any text.
    pub columns: &'r [Column],
    /// What says nothing.
    pub not_said: &'r NotSaid,
    /// Names of columns, in small letters: a row of nothing else is a header.
    pub names: &'r HashSet<String>,
}

/// The rows of one file: an iterator of [`Decoded`].
pub struct Batches<'r> {
    rows: Source<'r>,
    begin: Begin<'r>,
}

/// Where rows come from.
enum Source<'r> {
    /// Can be cut on several threads.
    Csv(Box<csv::Rows<'r>>),
    Other(Box<dyn Rows + 'r>),
}

impl<'r> Source<'r> {
    fn rows(&mut self) -> &mut (dyn Rows + 'r) {
        match self {
            Source::Csv(rows) => &mut **rows,
            Source::Other(rows) => &mut **rows,
        }
    }
}

/// What batches begin with.
#[derive(Clone)]
struct Begin<'r> {
    schema: SchemaRef,
    reading: Reading<'r>,
    headers: Arc<Headers>,
}

impl<'r> Begin<'r> {
    fn batch(&self) -> Builder<'r> {
        Builder::new(&self.schema, self.reading, Arc::clone(&self.headers))
    }

    fn end(&self, mut batch: Builder) -> Result<Decoded, Error> {
        match batch.second_header.take() {
            Some(found) => Err(found),
            None => Ok(batch.finish(&self.schema)),
        }
    }
}

/// Returns the rows of a checked file. Rows of CSV that are known by their bytes are not cut into cells.
///
/// # Errors
/// Only what the machine does: the spooled file cannot be read any more. What the file holds can be one as well, where a
/// check would cost a pass: a second header among the rows, and damage of Parquet.
pub fn batches<'r>(
    path: &Path,
    form: &Form,
    reading: Reading<'r>,
    recogniser: Option<Recogniser<'r>>,
) -> Result<Batches<'r>, Error> {
    let fields = form.header.iter();
    let fields = fields.map(|name| Field::new(name, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let text = || Text::open(path, form);
    let rows = match form.format {
        Format::Csv { delimiter, .. } => {
            let pieces = Pieces::new(text()?, delimiter, form.header.len(), reading);
            Source::Csv(Box::new(csv::Rows::new(pieces, delimiter, recogniser)))
        }
        Format::Json(shape) => {
            Source::Other(Box::new(json::Rows::new(text()?, shape, &form.header)))
        }
        Format::Parquet => Source::Other(Box::new(parquet::Rows::open(path)?)),
    };
    let unnamed = match form.format {
        Format::Csv { unnamed, .. } => unnamed,
        _ => 0,
    };
    let headers = Arc::new(Headers::new(&form.header, unnamed, reading.names));
    let begin = Begin {
        schema,
        reading,
        headers,
    };
    Ok(Batches { rows, begin })
}

impl Iterator for Batches<'_> {
    type Item = Result<Decoded, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

impl<'r> Batches<'r> {
    fn next_batch(&mut self) -> Result<Option<Decoded>, Error> {
        let mut batch = self.begin.batch();
        while !batch.is_full() && self.rows.rows().fill(&mut batch)? {}
        let is_empty = batch.len() == 0;
        let decoded = self.begin.end(batch)?;
        Ok((!is_empty).then_some(decoded))
    }

    /// Has threads of a scope make the batches, which come in the same order as without them.
    ///
    /// # Errors
    /// [`Error::Read`] where no thread can be had.
    pub fn decode<'s>(self, scope: &'s Scope<'s, '_>) -> Result<Decoding, Error>
    where
        'r: 's,
    {
        let mut row = 0;
        let made = match self.rows {
            Source::Csv(rows) => {
                row = rows.row;
                cut(*rows, &self.begin, scope)?
            }
            Source::Other(_) => {
                let (made, batches) = sync_channel(DECODED_AHEAD);
                begin_thread(scope, move || {
                    let batches = self.map(|batch| batch.map(|batch| Some((batch, 0))));
                    let mut batches = batches.chain([Ok(None)]);
                    batches.all(|batch| made.send(batch).is_ok());
                })?;
                vec![batches]
            }
        };
        Ok(Decoding { made, turn: 0, row })
    }
}

/// Has some threads cut the pieces of a text in turns.
fn cut<'s, 'r: 's>(
    rows: csv::Rows<'r>,
    begin: &Begin<'r>,
    scope: &'s Scope<'s, '_>,
) -> Result<Vec<Receiver<Made>>, Error> {
    let csv::Rows { pieces, cutter, .. } = rows;
    let cutters = thread::available_parallelism().map_or(1, NonZero::get);
    let (mut to_cutters, mut made) = (Vec::new(), Vec::new());
    for _ in 0..cutters.min(CUTTERS_AT_MOST) {
        let (to_cutter, pieces) = sync_channel::<Result<Option<Piece>, Error>>(1);
        let (to_taker, batches) = sync_channel(DECODED_AHEAD);
        to_cutters.push(to_cutter);
        made.push(batches);
        let begin = begin.clone();
        begin_thread(scope, move || {
            let cut = |piece: Piece| {
                let mut batch = begin.batch();
                let rows = cutter.cut(&piece, 0, &mut batch);
                Ok((begin.end(batch)?, rows))
            };
            let cut = |piece: Option<Piece>| piece.map(cut).transpose();
            let mut made = pieces.iter().map(|piece| piece.and_then(cut));
            made.all(|made| to_taker.send(made).is_ok());
        })?;
    }
    begin_thread(scope, move || {
        let pieces = pieces.map(|piece| piece.map(Some)).chain([Ok(None)]);
        let mut turns = pieces.zip(to_cutters.iter().cycle());
        turns.all(|(piece, cutter)| cutter.send(piece).is_ok());
    })?;
    Ok(made)
}

fn begin_thread<'s>(
    scope: &'s Scope<'s, '_>,
    work: impl FnOnce() + Send + 's,
) -> Result<(), Error> {
    let begun = thread::Builder::new().spawn_scoped(scope, work);
    begun.map(drop).map_err(Error::Read)
}

/// A batch whose rows are counted from some row on, and how many rows further those of the next one are; none at the end.
type Made = Result<Option<(Decoded, u32)>, Error>;

/// Batches that threads make.
pub struct Decoding {
    /// By thread, which have turns.
    made: Vec<Receiver<Made>>,
    turn: usize,
    /// The number of the last row.
    row: u32,
}

impl Iterator for Decoding {
    type Item = Result<Decoded, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let turn = self.turn.checked_rem(self.made.len())?;
            self.turn += 1;
            // Only who says so is at the end: a thread that died is not.
            let died = || Err(Error::Read(io::Error::other("a thread that reads it died")));
            let made = self.made[turn].recv().unwrap_or_else(|_| died());
            let (mut batch, rows) = match made.transpose() {
                Some(Ok(made)) => made,
                ended => {
                    self.made.clear();
                    return ended.map(|made| made.map(|(batch, _)| batch));
                }
            };
            batch.count_from(self.row);
            self.row += rows;
            if !batch.is_empty() {
                return Some(Ok(batch));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::decode::{MAX_LINE_BYTES, check};
    use crate::observation::Recognised;

    /// Rows of a file, and what is told of those that are none.
    type Read = (Vec<(u32, u64, u64, String)>, Vec<Recognised>, Vec<String>);

    fn read(batches: impl Iterator<Item = Result<Decoded, Error>>) -> Read {
        let mut read = Read::default();
        for batch in batches {
            let batch = batch.unwrap();
            for (at, row) in batch.rows.iter().enumerate() {
                let cells = batch.records.slice(at, 1).columns().to_vec();
                let cells = format!("{cells:?}");
                read.0.push((*row, batch.lines[at], batch.raws[at], cells));
            }
            read.1.extend(batch.recognised);
            read.2
                .extend(batch.rejects.iter().map(|reject| format!("{reject:?}")));
        }
        read
    }

    /// A text of many pieces with all that makes it hard to cut, in an order that looks like none.
    fn hard_text() -> Vec<u8> {
        let long = format!("\"{}\",\"x\",\"y\"\n", "l".repeat(MAX_LINE_BYTES));
        let hard: [&[u8]; 12] = [
            b"\"doubled \"\"quotes\"\"\",\"b\",\"c\"\n",
            b"bare,b,c\r\n",
            b"\"two\nlines\",\"b\",\"c\"\n",
            b"a,\"two\n\nlines\",c\n",
            b"\"open,\"b\",\"c\"\n",
            b"stray\"quote,b,c\n",
            b"\n",
            b"\r\n\r\n",
            b"\"not \xff text\",\"b\",\"c\"\n",
            b"\"too\",\"many\",\"cells\",\"here\"\n",
            b"ab\"c,\"d,e\n",
            long.as_bytes(),
        ];
        let mut text = b"\"name\",\"second\",\"third\"\n".to_vec();
        let mut state = 1u64;
        for at in 0..60_000 {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(at);
            match (state >> 33) as usize % 400 {
                rare @ 0..11 => text.extend_from_slice(hard[rare]),
                11 if at % 40 == 0 => text.extend_from_slice(hard[11]),
                _ => {
                    let row = format!("\"n{at}\",\"{}\",\"\"\n", "o".repeat(at as usize % 60));
                    text.extend_from_slice(row.as_bytes());
                }
            }
        }
        text.extend_from_slice(b"\"the end\",\"b\",\"c\"");
        text
    }

    #[test]
    fn threads_make_the_batches_that_one_makes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), hard_text()).unwrap();
        let (not_said, names) = (NotSaid::default(), HashSet::new());
        let reading = Reading {
            columns: &[Column::Key],
            not_said: &not_said,
            names: &names,
        };
        let known = |raw: u64, _: [Option<&str>; 2], _: u32| {
            let known = Recognised {
                id: raw as u32 >> 4,
                row: 0,
                last_seen: None,
                logins: None,
            };
            raw.is_multiple_of(3).then_some(known)
        };
        let recogniser = Recogniser {
            seed: 7,
            left_out: [None, None],
            known: &known,
        };
        let form = check(file.path(), None, &names).unwrap();
        let begin = || batches(file.path(), &form, reading, Some(recogniser)).unwrap();
        let expected = read(begin());
        let (rows, recognised, rejects) = &expected;
        assert!(rows.len() > 30_000 && recognised.len() > 15_000 && rejects.len() > 500);
        for reason in [
            "line is longer than",
            "a quote inside a cell is not doubled",
            "not UTF-8",
            "not closed where",
        ] {
            assert!(
                rejects.iter().any(|reject| reject.contains(reason)),
                "{reason}"
            );
        }
        assert_eq!(
            thread::scope(|scope| read(begin().decode(scope).unwrap())),
            expected
        );
        // Who stops early is waited for by nobody.
        thread::scope(|scope| begin().decode(scope).unwrap().take(2).count());
    }

    #[test]
    fn a_second_header_ends_what_threads_make_where_it_stands() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let rows = "\"a\",\"b\"\n".repeat(300_000);
        let text = format!("\"user.name\",\"user.sid\"\n{rows}\"user.sid\",\"user.upn\"\n{rows}");
        fs::write(file.path(), text).unwrap();
        let not_said = NotSaid::default();
        let names = ["user.name", "user.sid", "user.upn"].map(str::to_owned);
        let names = HashSet::from(names);
        let reading = Reading {
            columns: &[Column::Key],
            not_said: &not_said,
            names: &names,
        };
        let form = check(file.path(), None, &names).unwrap();
        let batches = batches(file.path(), &form, reading, None).unwrap();
        thread::scope(|scope| {
            let mut made = batches.decode(scope).unwrap();
            let error = made.find_map(Result::err).unwrap();
            assert!(error.to_string().contains("line 300002"), "{error}");
            assert!(made.next().is_none());
        });
    }

    #[test]
    fn a_piece_is_bounded_whatever_it_is_made_of() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (not_said, names) = (NotSaid::default(), HashSet::new());
        let record = format!("\"{}\n\",\"b\"\n", "long ".repeat(20_000));
        let open = "\"open,b\n";
        for (row, times) in [(record.as_str(), 50), ("a\n", 400_000), (open, 20_000)] {
            fs::write(file.path(), format!("a,b\n{}", row.repeat(times))).unwrap();
            let reading = Reading {
                columns: &[],
                not_said: &not_said,
                names: &names,
            };
            let form = check(file.path(), None, &names).unwrap();
            let text = Text::open(file.path(), &form).unwrap();
            let pieces: Vec<Piece> = Pieces::new(text, b',', 2, reading)
                .collect::<Result<_, _>>()
                .unwrap();
            // A buffer full of lines is not cut in two.
            assert!(pieces.len() >= 2, "{row:.9}: {}", pieces.len());
        }
    }

    /// What is read of a text, or why it is not.
    fn read_text(text: &str) -> Result<Read, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let names = ["user.sid", "user.name", "user.upn", "user.ad.email_address"];
        let names = HashSet::from(names.map(str::to_owned));
        let not_said = NotSaid::default();
        let reading = Reading {
            columns: &[],
            not_said: &not_said,
            names: &names,
        };
        let form = check(file.path(), None, &names)?;
        let batches: Vec<Result<Decoded, Error>> =
            batches(file.path(), &form, reading, None)?.collect();
        match batches.iter().any(Result::is_err) {
            true => Err(batches.into_iter().find_map(Result::err).unwrap()),
            false => Ok(read(batches.into_iter())),
        }
    }

    #[test]
    fn an_empty_cell_behind_the_last_column_is_one_of_the_headers() {
        let (rows, _, rejects) = read_text("a,b,,\nc,d,,\ne,f\ng,h,\n").unwrap();
        assert_eq!((rows.len(), rejects.len()), (3, 0));
        // Else a delimiter within a cell would shift the values behind it.
        let (rows, _, rejects) = read_text("a,b,c\nDoe, John,j@c,\nd,e,f\n").unwrap();
        assert_eq!(rows.len(), 1);
        assert!(rejects[0].contains("4 cells, the header 3"), "{rejects:?}");
    }

    #[test]
    fn a_header_is_known_whatever_stands_around_its_names() {
        let own = "user.sid,user.name,user.upn,user.ad.email_address\n";
        let row = "S1,a@EMEA,a@c,b@c\n";
        for decorate in [
            |name: &str| name.to_owned(),
            |name: &str| format!("{name}\u{200b}"),
            |name: &str| format!("\u{200b}{name}"),
            |name: &str| name.replace("na", "na\u{ad}"),
            |name: &str| format!("{name}\0"),
            |name: &str| format!("'{name}"),
            |name: &str| format!("[{name}]"),
            |name: &str| format!("`{name}`"),
            |name: &str| format!("\u{201c}{name}\u{201d}"),
            |name: &str| format!("${name}"),
            |name: &str| format!("#{name}"),
        ] {
            let same = ["user.sid", "user.name", "user.upn", "user.ad.email_address"];
            let same = same.map(decorate).join(",");
            let (rows, _, rejects) = read_text(&format!("{own}{row}{same}\n{row}")).unwrap();
            assert_eq!((rows.len(), rejects.len()), (2, 1), "{same}");
            let other = ["user.sid", "user.name", "user.ad.email_address", "user.upn"];
            let other = other.map(decorate).join(",");
            let read = read_text(&format!("{own}{row}{other}\n{row}"));
            assert!(
                matches!(read, Err(Error::SecondHeader { line: 3, .. })),
                "{other}"
            );
        }
    }

    #[test]
    fn a_line_alters_no_other() {
        let text =
            "a,b\nx\"y,\"a\" \"b\n\"x, \"\"y\"\"\",\"S1\"\nab\"c,\"d\n \"e\" ,=\"f\"\ng,h\ri,j\r\n";
        let (rows, _, rejects) = read_text(text).unwrap();
        let lines: Vec<u64> = rows.iter().map(|row| row.1).collect();
        assert_eq!(lines, [3, 5, 6, 6]);
        let cells = rows.iter().map(|row| row.3.as_str());
        let cells: Vec<Vec<&str>> = cells
            .map(|cells| {
                cells
                    .lines()
                    .filter(|line| line.starts_with("  "))
                    .collect()
            })
            .collect();
        let pairs = [["x, \"y\"", "S1"], ["e", "f"], ["g", "h"], ["i", "j"]];
        for (cells, pair) in cells.iter().zip(pairs) {
            assert_eq!(cells.len(), 2);
            for (cell, expected) in cells.iter().zip(pair) {
                assert_eq!(cell.trim(), format!("{expected:?},"));
            }
        }
        assert_eq!(rejects.len(), 2);
    }

    #[test]
    fn a_mark_in_a_member_of_its_own_is_not_the_end() {
        use std::io::Write as _;
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut packed = Vec::new();
        for part in ["\u{feff}", "a,b\n", "c,d\n"] {
            let mut member = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
            member.write_all(part.as_bytes()).unwrap();
            packed = member.finish().unwrap();
        }
        fs::write(file.path(), packed).unwrap();
        let (not_said, names) = (NotSaid::default(), HashSet::new());
        let reading = Reading {
            columns: &[],
            not_said: &not_said,
            names: &names,
        };
        let form = check(file.path(), None, &names).unwrap();
        assert_eq!(form.header, ["a", "b"]);
        let (rows, ..) = read(batches(file.path(), &form, reading, None).unwrap());
        assert_eq!(rows.len(), 1);
    }

    #[test]
    fn a_thread_that_dies_is_not_the_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(
            file.path(),
            format!("\"a\",\"b\"\n{}", "\"c\",\"d\"\n".repeat(200_000)),
        )
        .unwrap();
        let (not_said, names) = (NotSaid::default(), HashSet::new());
        let reading = Reading {
            columns: &[],
            not_said: &not_said,
            names: &names,
        };
        let known = |_: u64, _: [Option<&str>; 2], _: u32| panic!("a fault of the test's");
        let recogniser = Recogniser {
            seed: 7,
            left_out: [None, None],
            known: &known,
        };
        let form = check(file.path(), None, &names).unwrap();
        let batches = batches(file.path(), &form, reading, Some(recogniser)).unwrap();
        let mut last = None;
        let ended = catch_unwind(AssertUnwindSafe(|| {
            thread::scope(|scope| last = batches.decode(scope).unwrap().last());
        }));
        assert!(ended.is_err() && matches!(last, Some(Err(Error::Read(_)))));
    }
}
