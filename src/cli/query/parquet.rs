//! Rows as Parquet. A file of it says what its columns are before its rows: so the statement runs twice, first for that.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context as _;
use arrow_array::builder::{ArrayBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{Asked, ran};
use crate::sql::{Taker, ValueRef};

/// Rows that are handed to the writer at once.
const ROWS_AT_ONCE: usize = 8_192;

/// Writes what a statement gives.
pub(super) fn write(asked: Asked<'_>, to: &mut (impl Write + Send)) -> anyhow::Result<()> {
    let mut kinds = Kinds::default();
    ran(asked, &mut kinds)?;
    let fields = kinds.names.iter().zip(&kinds.types);
    let fields =
        fields.map(|(name, kind)| Field::new(name, kind.clone().unwrap_or(DataType::Utf8), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
    let writer = ArrowWriter::try_new(to, Arc::clone(&schema), Some(properties.build()));
    let mut rows = Rows {
        writer: writer.context(CANNOT)?,
        columns: columns_of(&schema),
        schema,
    };
    ran(asked, &mut rows)?;
    rows.hand_over()?;
    rows.writer.close().context(CANNOT)?;
    Ok(())
}

const CANNOT: &str = "the rows cannot be written as Parquet";

/// What the columns of a statement hold; none: nothing yet.
#[derive(Default)]
struct Kinds {
    names: Vec<String>,
    types: Vec<Option<DataType>>,
}

impl Taker for Kinds {
    type Error = anyhow::Error;

    fn columns(&mut self, names: &[String]) -> anyhow::Result<()> {
        self.names = names.to_vec();
        self.types = vec![None; names.len()];
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> anyhow::Result<()> {
        for (kind, cell) in self.types.iter_mut().zip(cells) {
            let is = match cell {
                ValueRef::Null => continue,
                ValueRef::Integer(_) => DataType::Int64,
                ValueRef::Real(_) => DataType::Float64,
                ValueRef::Text(_) | ValueRef::Blob(_) => DataType::Utf8,
            };
            *kind = Some(match (kind.take(), is) {
                (None, is) => is,
                (Some(was), is) if was == is => is,
                (Some(DataType::Int64), DataType::Float64)
                | (Some(DataType::Float64), DataType::Int64) => DataType::Float64,
                _ => DataType::Utf8,
            });
        }
        Ok(())
    }
}

/// A column in the making.
enum Column {
    Whole(Int64Builder),
    Real(Float64Builder),
    Text(StringBuilder),
}

impl Column {
    fn take(&mut self, cell: &ValueRef<'_>) {
        match (self, cell) {
            (Column::Whole(to), ValueRef::Integer(number)) => to.append_value(*number),
            (Column::Whole(to), _) => to.append_null(),
            (Column::Real(to), ValueRef::Integer(number)) => to.append_value(*number as f64),
            (Column::Real(to), ValueRef::Real(number)) => to.append_value(*number),
            (Column::Real(to), _) => to.append_null(),
            (Column::Text(to), ValueRef::Null) => to.append_null(),
            (Column::Text(to), ValueRef::Integer(number)) => to.append_value(number.to_string()),
            (Column::Text(to), ValueRef::Real(number)) => to.append_value(number.to_string()),
            (Column::Text(to), ValueRef::Text(text)) => {
                to.append_value(String::from_utf8_lossy(text))
            }
            (Column::Text(to), ValueRef::Blob(bytes)) => {
                to.append_value(crate::generation::hex(bytes))
            }
        }
    }

    fn builder(&mut self) -> &mut dyn ArrayBuilder {
        match self {
            Column::Whole(builder) => builder,
            Column::Real(builder) => builder,
            Column::Text(builder) => builder,
        }
    }
}

fn columns_of(schema: &Schema) -> Vec<Column> {
    let columns = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Int64 => Column::Whole(Int64Builder::new()),
        DataType::Float64 => Column::Real(Float64Builder::new()),
        _ => Column::Text(StringBuilder::new()),
    });
    columns.collect()
}

/// Rows on their way into a file.
struct Rows<W: Write + Send> {
    writer: ArrowWriter<W>,
    columns: Vec<Column>,
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
        self.writer.write(&batch).context(CANNOT)
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
