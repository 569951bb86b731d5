//! Parquet: columns of any type as text, a few rows at a time.
//!
//! The crate `parquet` reads it, by what the file's own schema says; what an Arrow schema in it adds (zones, dictionaries) is
//! left aside. A group is a name with dots (`user` with `name` in it is `user.name`), a list is `[a, b]`, and a time that the
//! file holds as UTC ends in `Z`.

mod declared;
mod footer;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
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

use super::batch::Builder;
use super::sniff::Compression;
use super::text::limit_of;
use super::{Error, Form, Format, MAX_LINE_BYTES, header};
use crate::schema::uuid_text;

/// Rows that are read at once.
const ROWS: usize = 256;
/// Groups within groups that a column may stand in.
const MAX_DEPTH: usize = 8;

/// Returns the form of a Parquet file, by what it says of itself at its end.
pub(super) fn check(path: &Path) -> Result<Form, Error> {
    let opened = open(path)?;
    let file = File::open(path).map_err(Error::Read)?;
    caught(|| declared::check(opened.metadata(), opened.schema().fields(), &file))??;
    Ok(Form {
        compression: Compression::None,
        encoding: None,
        format: Format::Parquet,
        header: header::checked(names(opened.schema().fields())?)?,
        may_be_cut: false,
        may_end_in_cell: false,
        says_more: false,
    })
}

fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, Error> {
    let file = File::open(path).map_err(Error::Read)?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let opened = caught(|| ParquetRecordBatchReaderBuilder::try_new_with_options(file, options))?;
    let opened = opened.map_err(told)?;
    Ok(opened.with_batch_size(ROWS))
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

/// Does what the crate does: damage can make it panic.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Error::Parquet {
        what: "is damaged".into(),
    })
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
    text_bytes: u64,
    limit: u64,
}

impl Rows {
    pub(super) fn open(path: &Path) -> Result<Rows, Error> {
        let size = path.metadata().map_err(Error::Read)?.len();
        let opened = open(path)?;
        let declared = opened.metadata().file_metadata().num_rows();
        Ok(Rows {
            reader: caught(|| opened.build())?.map_err(told)?,
            row: 0,
            text_bytes: 0,
            limit: limit_of(size),
            declared: u32::try_from(declared).unwrap_or(u32::MAX),
        })
    }
}

impl super::batch::Rows for Rows {
    fn fill(&mut self, batch: &mut Builder) -> Result<bool, Error> {
        let Some(records) = caught(|| self.reader.next())? else {
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
        let columns = caught(|| columns(&records))??;
        self.text_bytes += columns
            .iter()
            .map(|texts| texts.texts.values().len() as u64)
            .sum::<u64>();
        if self.text_bytes > self.limit {
            return Err(declared::too_large(self.limit));
        }
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
    /// Rows whose value cannot be shown: a time beyond all clocks.
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
            return Some("the value cannot be shown as a text");
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
        DataType::Binary | DataType::FixedSizeBinary(_) => match array.as_binary_opt::<i32>() {
            Some(values) => values.iter().map(|bytes| bytes.map(text_of)).collect(),
            None => array
                .as_fixed_size_binary()
                .iter()
                .map(|bytes| bytes.map(text_of))
                .collect(),
        },
        _ => shown(array, &mut unreadable)?,
    };
    Ok(Texts {
        texts,
        nulls,
        unreadable,
    })
}

/// Returns bytes as the text that they are, or in hexadecimal digits.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().fold("0x".to_owned(), |mut text, byte| {
            // A text takes all that is written to it.
            let _ = write!(text, "{byte:02x}");
            text
        })),
    }
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
        DataType::Map(inner, is_sorted) => {
            let inner = inner.as_ref().clone();
            let data_type = with_offset(inner.data_type());
            DataType::Map(inner.with_data_type(data_type).into(), *is_sorted)
        }
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| {
                let field = field.as_ref().clone();
                let data_type = with_offset(field.data_type());
                field.with_data_type(data_type)
            });
            DataType::Struct(fields.collect())
        }
        other => other.clone(),
    }
}

/// Returns the texts of values that are none.
fn shown(array: &ArrayRef, unreadable: &mut Vec<usize>) -> Result<StringArray, Error> {
    let unknown = |_| Error::Parquet {
        what: format!(
            "has a column of a type that cannot be read, {}",
            array.data_type()
        ),
    };
    let array = &cast(array, &with_offset(array.data_type())).map_err(unknown)?;
    let options = FormatOptions::new().with_null("null");
    let values = ArrayFormatter::try_new(array, &options).map_err(unknown)?;
    let mut texts = StringBuilder::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            texts.append_null();
        } else {
            match values.value(row).try_to_string() {
                Ok(text) if text == "[]" => texts.append_null(),
                Ok(text) => texts.append_value(text),
                Err(_) => {
                    unreadable.push(row);
                    texts.append_null();
                }
            }
        }
    }
    Ok(texts.finish())
}
