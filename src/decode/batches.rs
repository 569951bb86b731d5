//! Batches: the rows of a checked file, in order, some thousands at a time, whatever its format.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::batch::{Builder, Rows};
use super::second_header::Headers;
use super::text::Text;
use super::{Error, Form, Format, csv, json, parquet};
use crate::identifier::{Column, NotSaid};
use crate::observation::{Decoded, Recogniser};

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
    rows: Box<dyn Rows + 'r>,
    schema: SchemaRef,
    reading: Reading<'r>,
    headers: Arc<Headers<'r>>,
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
    let rows: Box<dyn Rows + 'r> = match form.format {
        Format::Csv { delimiter } => {
            let columns = form.header.len();
            Box::new(csv::Rows::new(
                text()?,
                delimiter,
                columns,
                reading,
                recogniser,
            ))
        }
        Format::Json(shape) => Box::new(json::Rows::new(text()?, shape, &form.header)),
        Format::Parquet => Box::new(parquet::Rows::open(path)?),
    };
    Ok(Batches {
        rows,
        schema,
        reading,
        headers: Arc::new(Headers::new(&form.header, reading.names)),
    })
}

impl Iterator for Batches<'_> {
    type Item = Result<Decoded, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

impl Batches<'_> {
    fn next_batch(&mut self) -> Result<Option<Decoded>, Error> {
        let mut batch = Builder::new(&self.schema, self.reading, Arc::clone(&self.headers));
        while !batch.is_full() && self.rows.fill(&mut batch)? {}
        match batch.second_header.take() {
            Some(found) => Err(found),
            None => Ok((batch.len() > 0).then(|| batch.finish(&self.schema))),
        }
    }
}
