//! Rows as Parquet. A file of it says what its columns are before its rows: where nobody says that, the statement runs twice,
//! first to see.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context as _;
use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder,
    TimestampMillisecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use jiff::Timestamp;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::{Asked, of_output, ran};
use crate::sql::{Taker, ValueRef};

/// Rows that are handed to the writer at once.
const ROWS_AT_ONCE: usize = 8_192;
const CANNOT: &str = "the rows cannot be written as Parquet";
const ZONE: &str = "UTC";

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Kind {
    Whole,
    Real,
    Text,
    /// A time as the views write it.
    Time,
    /// 0 or 1.
    Truth,
}

/// Writes what a statement gives, each column as what its cells are.
pub(super) fn write(asked: Asked<'_>, to: impl Write + Send) -> anyhow::Result<u64> {
    let mut seen = Seen::default();
    ran(asked, &mut seen)?;
    let columns = seen.names.into_iter().zip(seen.kinds);
    let columns = columns.map(|(name, kind)| (name, kind.unwrap_or(Kind::Text)));
    write_as(asked, columns.collect(), to)
}

/// Writes what a statement gives, with columns of these names and kinds.
pub(in crate::cli) fn write_as(
    asked: Asked<'_>,
    columns: Vec<(String, Kind)>,
    to: impl Write + Send,
) -> anyhow::Result<u64> {
    let kinds = columns.iter().map(|(_, kind)| Cells::of(*kind));
    let kinds: Vec<Cells> = kinds.collect();
    let fields = columns
        .into_iter()
        .map(|(name, kind)| Field::new(name, type_of(kind), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
    let writer = ArrowWriter::try_new(to, Arc::clone(&schema), Some(properties.build()));
    let mut rows = Rows {
        writer: writer.map_err(of_parquet)?,
        columns: kinds,
        schema,
    };
    let count = ran(asked, &mut rows)?;
    rows.hand_over()?;
    rows.writer.close().map_err(of_parquet)?;
    Ok(count)
}

fn of_parquet(error: ParquetError) -> anyhow::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => of_output(*error),
            Err(error) => anyhow::anyhow!(error).context(CANNOT),
        },
        error => anyhow::Error::new(error).context(CANNOT),
    }
}

fn type_of(kind: Kind) -> DataType {
    match kind {
        Kind::Whole => DataType::Int64,
        Kind::Real => DataType::Float64,
        Kind::Text => DataType::Utf8,
        Kind::Time => DataType::Timestamp(TimeUnit::Millisecond, Some(ZONE.into())),
        Kind::Truth => DataType::Boolean,
    }
}

/// What the columns of a statement were seen to hold; none: nothing yet.
#[derive(Default)]
struct Seen {
    names: Vec<String>,
    kinds: Vec<Option<Kind>>,
}

impl Taker for Seen {
    type Error = anyhow::Error;

    fn columns(&mut self, names: &[String]) -> anyhow::Result<()> {
        self.names = names.to_vec();
        self.kinds = vec![None; names.len()];
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> anyhow::Result<()> {
        for (kind, cell) in self.kinds.iter_mut().zip(cells) {
            let is = match cell {
                ValueRef::Null => continue,
                ValueRef::Integer(_) => Kind::Whole,
                ValueRef::Real(_) => Kind::Real,
                ValueRef::Text(_) | ValueRef::Blob(_) => Kind::Text,
            };
            *kind = Some(match (kind.take(), is) {
                (None, is) => is,
                (Some(was), is) if was == is => is,
                (Some(Kind::Whole), Kind::Real) | (Some(Kind::Real), Kind::Whole) => Kind::Real,
                _ => Kind::Text,
            });
        }
        Ok(())
    }
}

/// The cells of a column, until they are handed over.
enum Cells {
    Whole(Int64Builder),
    Real(Float64Builder),
    Text(StringBuilder),
    Time(TimestampMillisecondBuilder),
    Truth(BooleanBuilder),
}

impl Cells {
    fn of(kind: Kind) -> Cells {
        match kind {
            Kind::Whole => Cells::Whole(Int64Builder::new()),
            Kind::Real => Cells::Real(Float64Builder::new()),
            Kind::Text => Cells::Text(StringBuilder::new()),
            Kind::Time => Cells::Time(TimestampMillisecondBuilder::new().with_timezone(ZONE)),
            Kind::Truth => Cells::Truth(BooleanBuilder::new()),
        }
    }

    fn take(&mut self, cell: &ValueRef<'_>) {
        match (self, cell) {
            (Cells::Whole(to), ValueRef::Integer(number)) => to.append_value(*number),
            (Cells::Whole(to), _) => to.append_null(),
            (Cells::Real(to), ValueRef::Integer(number)) => to.append_value(*number as f64),
            (Cells::Real(to), ValueRef::Real(number)) => to.append_value(*number),
            (Cells::Real(to), _) => to.append_null(),
            (Cells::Text(to), ValueRef::Null) => to.append_null(),
            (Cells::Text(to), ValueRef::Integer(number)) => to.append_value(number.to_string()),
            (Cells::Text(to), ValueRef::Real(number)) => to.append_value(number.to_string()),
            (Cells::Text(to), ValueRef::Text(text)) => {
                to.append_value(String::from_utf8_lossy(text));
            }
            (Cells::Text(to), ValueRef::Blob(bytes)) => {
                to.append_value(crate::generation::hex(bytes));
            }
            (Cells::Time(to), ValueRef::Text(text)) => to.append_option(millisecond(text)),
            (Cells::Time(to), _) => to.append_null(),
            (Cells::Truth(to), ValueRef::Integer(number)) => to.append_value(*number != 0),
            (Cells::Truth(to), _) => to.append_null(),
        }
    }

    fn builder(&mut self) -> &mut dyn ArrayBuilder {
        match self {
            Cells::Whole(builder) => builder,
            Cells::Real(builder) => builder,
            Cells::Text(builder) => builder,
            Cells::Time(builder) => builder,
            Cells::Truth(builder) => builder,
        }
    }
}

fn millisecond(text: &[u8]) -> Option<i64> {
    let time: Timestamp = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(time.as_millisecond())
}

/// Rows on their way into a file.
struct Rows<W: Write + Send> {
    writer: ArrowWriter<W>,
    columns: Vec<Cells>,
    schema: SchemaRef,
}

impl<W: Write + Send> Rows<W> {
    fn hand_over(&mut self) -> anyhow::Result<()> {
        let columns: Vec<ArrayRef> = self
            .columns
            .iter_mut()
            .map(|column| column.builder().finish())
            .collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).context(CANNOT)?;
        self.writer.write(&batch).map_err(of_parquet)
    }
}

impl<W: Write + Send> Taker for Rows<W> {
    type Error = anyhow::Error;

    fn columns(&mut self, _: &[String]) -> anyhow::Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> anyhow::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.take(cell);
        }
        let is_full = self
            .columns
            .first_mut()
            .is_some_and(|column| column.builder().len() >= ROWS_AT_ONCE);
        if is_full { self.hand_over() } else { Ok(()) }
    }
}
