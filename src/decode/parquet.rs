//! Parquet: columns of any type as text, a few rows at a time.
//!
//! The crate `parquet` reads it, by what the file's own schema says; what an Arrow schema in it adds (zones, dictionaries) is
//! left aside. A group is a name with dots (`user` with `name` in it is `user.name`), a list is `[a, b]`, and a time that the
//! file holds as UTC ends in `Z`.

use std::fs::File;
use std::io;
use std::path::Path;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_buffer::NullBuffer;
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, Field, Fields};
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use super::batch::{Builder, NOT_UTF8};
use super::sniff::Compression;
use super::{Error, Form, Format, MAX_LINE_BYTES, MAX_TEXT_BYTES, header};
use crate::schema::uuid_text;

/// Rows that are read at once.
const ROWS: usize = 1_024;
/// Groups within groups that a column may stand in.
const MAX_DEPTH: usize = 8;

/// Returns the form of a Parquet file, by what it says of itself at its end.
pub(super) fn check(path: &Path) -> Result<Form, Error> {
    let opened = open(path)?;
    Ok(Form {
        compression: Compression::None,
        encoding: None,
        format: Format::Parquet,
        header: header::checked(names(opened.schema().fields())?)?,
        may_be_cut: false,
    })
}

fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, Error> {
    let file = File::open(path).map_err(Error::Read)?;
    let size = file.metadata().map_err(Error::Read)?.len();
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let opened = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options);
    let opened = opened.map_err(told)?;
    check_sizes(opened.metadata(), size)?;
    Ok(opened.with_batch_size(ROWS))
}

/// Compares what a file declares with its size and with itself.
fn check_sizes(metadata: &ParquetMetaData, size: u64) -> Result<(), Error> {
    let fault = |what: &str| Error::Parquet { what: what.into() };
    let rows = metadata.file_metadata().num_rows();
    let groups = metadata.row_groups().iter();
    if groups.clone().map(|group| group.num_rows()).sum::<i64>() != rows {
        return Err(fault(
            "declares other numbers of rows for its groups than for all",
        ));
    }
    if u32::try_from(rows).is_err() {
        return Err(fault(
            "declares more rows than 4,294,967,295, or fewer than none",
        ));
    }
    let mut unpacked = 0u64;
    for chunk in groups.flat_map(|group| group.columns()) {
        let begin = chunk
            .dictionary_page_offset()
            .unwrap_or(chunk.data_page_offset());
        let declared = [begin, chunk.compressed_size(), chunk.uncompressed_size()];
        let [Ok(begin), Ok(length), Ok(bytes)] = declared.map(u64::try_from) else {
            return Err(fault("declares sizes below none"));
        };
        if begin.checked_add(length).is_none_or(|end| end > size) {
            return Err(fault("declares columns behind its end"));
        }
        unpacked = unpacked.saturating_add(bytes);
    }
    match unpacked > MAX_TEXT_BYTES {
        false => Ok(()),
        true => Err(Error::TooLarge {
            what: "the data",
            limit: format!("{} MiB", MAX_TEXT_BYTES >> 20),
            hint: "split the export into smaller files",
        }),
    }
}

/// Returns the names of all columns, those within groups with dots.
fn names(fields: &Fields) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    add_names(fields, "", 0, &mut names)?;
    Ok(names)
}

fn add_names(
    fields: &Fields,
    before: &str,
    depth: usize,
    names: &mut Vec<String>,
) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        let what = "nests its columns deeper than 8 levels".into();
        return Err(Error::Parquet { what });
    }
    for field in fields {
        let name = format!("{before}{}", field.name().trim());
        match field.data_type() {
            DataType::Struct(inner) => add_names(inner, &format!("{name}."), depth + 1, names)?,
            _ => names.push(name),
        }
    }
    Ok(())
}

/// Returns what an error of the crate means. Its texts speak of the format, not of values.
fn told(error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) if source.raw_os_error().is_some() => Error::Read(*source),
            _ => Error::Parquet {
                what: "cannot be read".into(),
            },
        },
        error => Error::Parquet {
            what: format!("is damaged: {error}"),
        },
    }
}

/// The rows of a Parquet file.
pub(super) struct Rows {
    reader: ParquetRecordBatchReader,
    row: u32,
    declared: u32,
}

impl Rows {
    pub(super) fn open(path: &Path) -> Result<Rows, Error> {
        let opened = open(path)?;
        let declared = opened.metadata().file_metadata().num_rows();
        Ok(Rows {
            reader: opened.build().map_err(told)?,
            row: 0,
            declared: u32::try_from(declared).unwrap_or(u32::MAX),
        })
    }
}

impl super::batch::Rows for Rows {
    fn fill(&mut self, batch: &mut Builder) -> Result<bool, Error> {
        let Some(records) = self.reader.next() else {
            return match self.row == self.declared {
                true => Ok(false),
                false => Err(Error::Parquet {
                    what: format!("declares {} rows and has {}", self.declared, self.row),
                }),
            };
        };
        let records = records.map_err(|error| match error {
            // The crate has made a text of what the machine said, too.
            ArrowError::ParquetError(text) if text.contains("os error") => {
                Error::Read(io::Error::other(text))
            }
            error => Error::Parquet {
                what: format!("is damaged: {error}"),
            },
        })?;
        let columns = columns(&records)?;
        // Nearly always; then no cell need be looked at twice.
        let is_sound = columns.iter().all(Texts::is_sound);
        let before = self.row;
        let mut rows = Vec::with_capacity(records.num_rows());
        for at in 0..records.num_rows() {
            self.row += 1;
            let line = u64::from(self.row);
            let fault = match is_sound {
                true => None,
                false => fault(&columns, at),
            };
            if let Some((column, fault)) = fault {
                batch.reject_cell(line, column, fault);
            } else if !batch.takes_header_of(columns.iter().map(|texts| texts.cell(at)), line) {
                rows.push(at as u32);
            }
        }
        batch.append_columns(before, &rows, |column, at| columns[column].cell(at));
        Ok(true)
    }
}

/// Returns the first column whose cell in a row cannot be read, and why.
fn fault(columns: &[Texts], row: usize) -> Option<(usize, &'static str)> {
    let mut faults = columns.iter().enumerate();
    faults.find_map(|(column, texts)| Some((column, texts.fault(row)?)))
}

/// The texts of a column in some rows.
struct Texts {
    texts: StringArray,
    /// Of the groups that it stands in.
    nulls: Option<NullBuffer>,
    /// Rows whose bytes are no text.
    unreadable: Vec<usize>,
}

impl Texts {
    /// Tells whether all cells can be read.
    fn is_sound(&self) -> bool {
        self.unreadable.is_empty() && self.texts.values().len() <= MAX_LINE_BYTES
    }

    /// Returns why a cell cannot be read, if it cannot.
    fn fault(&self, row: usize) -> Option<&'static str> {
        if self.unreadable.contains(&row) {
            return Some(NOT_UTF8);
        }
        let is_long = self.texts.value_length(row) as usize > MAX_LINE_BYTES;
        is_long.then_some("the cell is longer than 1,048,576 bytes")
    }

    /// Returns a cell; nothing where it is null.
    fn cell(&self, row: usize) -> &str {
        let is_null = self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        match is_null || self.texts.is_null(row) {
            true => "",
            false => self.texts.value(row),
        }
    }
}

/// Returns the texts of all columns, in the order of [`names`].
fn columns(records: &RecordBatch) -> Result<Vec<Texts>, Error> {
    let mut columns = Vec::new();
    let schema = records.schema();
    add_columns(schema.fields(), records.columns(), None, &mut columns)?;
    Ok(columns)
}

fn add_columns(
    fields: &Fields,
    arrays: &[ArrayRef],
    nulls: Option<&NullBuffer>,
    columns: &mut Vec<Texts>,
) -> Result<(), Error> {
    for (field, array) in fields.iter().zip(arrays) {
        match array.as_struct_opt() {
            Some(group) => {
                let nulls = NullBuffer::union(nulls, group.nulls());
                add_columns(group.fields(), group.columns(), nulls.as_ref(), columns)?;
            }
            None => columns.push(texts(field, array, nulls.cloned())?),
        }
    }
    Ok(())
}

fn texts(field: &Field, array: &ArrayRef, nulls: Option<NullBuffer>) -> Result<Texts, Error> {
    let mut unreadable = Vec::new();
    let texts = match array.data_type() {
        DataType::Utf8 => array.as_string().clone(),
        DataType::FixedSizeBinary(16) if is_uuid(field) => {
            let values = array.as_fixed_size_binary().iter();
            values.map(|bytes| bytes.and_then(uuid_text)).collect()
        }
        // Writers of old leave out that bytes are a text.
        DataType::Binary | DataType::FixedSizeBinary(_) => {
            let values: Vec<Option<&[u8]>> = match array.as_binary_opt::<i32>() {
                Some(values) => values.iter().collect(),
                None => array.as_fixed_size_binary().iter().collect(),
            };
            let read = values.into_iter().enumerate().map(|(row, bytes)| {
                let text = bytes.map(std::str::from_utf8)?;
                text.inspect_err(|_| unreadable.push(row)).ok()
            });
            read.collect()
        }
        _ => shown(array)?,
    };
    Ok(Texts {
        texts,
        nulls,
        unreadable,
    })
}

fn is_uuid(field: &Field) -> bool {
    let extension = field.metadata().get("ARROW:extension:name");
    extension.is_some_and(|name| name == "arrow.uuid")
}

/// Names UTC by its offset: what a zone of a name is, the crates know of no list for.
fn with_offset(of: &DataType) -> DataType {
    match of {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("+00:00".into())),
        DataType::List(inner) => {
            let inner = inner.as_ref().clone();
            let data_type = with_offset(inner.data_type());
            DataType::List(inner.with_data_type(data_type).into())
        }
        other => other.clone(),
    }
}

/// Returns the texts of values that are none.
fn shown(array: &ArrayRef) -> Result<StringArray, Error> {
    let unknown = |_| Error::Parquet {
        what: format!(
            "has a column of a type that cannot be read, {}",
            array.data_type()
        ),
    };
    let array = &cast(array, &with_offset(array.data_type())).map_err(unknown)?;
    let options = FormatOptions::new();
    let values = ArrayFormatter::try_new(array, &options).map_err(unknown)?;
    let mut texts = StringBuilder::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            texts.append_null();
        } else {
            let text = values.value(row).try_to_string().map_err(unknown)?;
            texts.append_value(text);
        }
    }
    Ok(texts.finish())
}
