//! Examining: what a file holds, told before it is taken in, by the same code that takes it in.

use std::collections::HashSet;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::error::chain;
use super::tally::Tally;
use crate::class::Patterns;
use crate::decode::{self, Form, Reading};
use crate::identifier::NotSaid;
use crate::mapping::{self, Mapper, Mapping, field_names, held_by, shown_name};
use crate::observation::Layout;
use crate::schema::Dataset;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// What its rows are about.
    pub dataset: Dataset,
    /// How many there are, those that cannot be read too.
    pub rows: u64,
    /// Rows that cannot be read.
    pub rejected: u64,
    /// What its columns are called.
    pub columns: Vec<String>,
    /// Which fields are filled, and by which columns.
    pub fields: Vec<(&'static str, String)>,
    /// Names of columns that no field takes.
    pub unknown: Vec<String>,
}

/// Why a file cannot be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// For what it holds; no text of a cell is repeated.
    Content(String),
    /// It has no rows, and no header that says of what it has none.
    Empty,
    /// For a fault of the machine, which may pass.
    Machine(String),
}

/// Reads a file to its end and says what it holds: `mapping` has what columns are called, `not_said` what says nothing, times
/// without a zone are of `time_zone`. Texts are Unicode.
///
/// # Errors
/// [`Unfit`], as a run would find it.
pub fn examine(
    path: &Path,
    time_zone: TimeZone,
    mapping: &Mapping,
    not_said: &NotSaid,
) -> Result<Examined, Unfit> {
    let names = mapping.column_names();
    let (form, layout) = form_and_layout(path, None, mapping, &names)?;
    let columns = held_by(&layout, form.header.len());
    let reading = Reading {
        columns: &columns,
        not_said,
        names: &names,
    };
    let now = Timestamp::now().as_microsecond();
    let patterns = Patterns::default();
    let mut mapper = Mapper::new(&layout, (&time_zone, now), &patterns);
    let mut tally = Tally::default();
    for batch in decode::batches(path, &form, reading, None).map_err(unfit)? {
        let batch = batch.map_err(unfit)?;
        tally.note_encoding(&batch);
        let (batch, rejects) = mapper.map(batch);
        tally.note(batch.len(), &rejects);
    }
    match tally.failure() {
        Some(reason) => Err(Unfit::Content(reason)),
        None => Ok(Examined {
            dataset: layout.dataset,
            rows: tally.rows(),
            rejected: tally.rejected(),
            columns: form.header.clone(),
            fields: field_names(layout.dataset)
                .into_iter()
                .zip(&layout.columns)
                .filter_map(|(field, column)| {
                    let name = form.header.get((*column)?)?;
                    Some((field, shown_name(name).to_owned()))
                })
                .collect(),
            unknown: layout
                .extra
                .iter()
                .map(|(name, _)| shown_name(name).to_owned())
                .collect(),
        }),
    }
}

/// Returns the form of a file, and which fields its columns are.
pub(super) fn form_and_layout(
    path: &Path,
    encoding: Option<&'static encoding_rs::Encoding>,
    mapping: &Mapping,
    names: &HashSet<String>,
) -> Result<(Form, Layout), Unfit> {
    let form = decode::check(path, encoding, names).map_err(unfit)?;
    let layout = mapping.layout(&form.header);
    let layout = layout.map_err(|error: mapping::Error| Unfit::Content(chain(&error)))?;
    Ok((form, layout))
}

fn unfit(error: decode::Error) -> Unfit {
    match error {
        decode::Error::NoRows => Unfit::Empty,
        error if error.is_content() => Unfit::Content(chain(&error)),
        error => Unfit::Machine(chain(&error)),
    }
}
