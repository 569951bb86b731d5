//! Rows that a statement over the index gives, written as a table, CSV, JSON or Parquet.

mod csv;
mod json;
mod parquet;
mod table;

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::Value;

pub(super) use self::csv::Texts;
pub(super) use self::parquet::{Kind, write_as};
use super::{BadUsage, ClosedPipe};
use crate::sql::{Bounds, Error, Sql, Taker};

/// How long a statement of ours may take.
const WITHIN: Duration = Duration::from_mins(5);

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Table,
    /// With a header; texts that a spreadsheet would take for a formula begin with '
    Csv,
    /// An object a line
    Json,
    /// A file for DuckDB, pandas, Polars
    Parquet,
}

/// A statement, what it is asked of, and how long it may take.
pub(super) type Asked<'a> = (&'a Sql, &'a str, &'a Bounds);

/// Writes what a statement gives, and says how many rows that is.
pub(super) fn write(
    asked: Asked<'_>,
    format: Format,
    texts: Texts,
    to: impl Write + Send,
) -> anyhow::Result<u64> {
    let mut to = BufWriter::new(to);
    let rows = match format {
        Format::Table => taken(asked, &mut table::Table::new(&mut to))?,
        Format::Csv => taken(asked, &mut csv::Csv::new(&mut to, texts))?,
        Format::Json => taken(asked, &mut json::Lines::new(&mut to))?,
        Format::Parquet => parquet::write(asked, &mut to)?,
    };
    to.flush().map_err(of_output)?;
    Ok(rows)
}

/// Returns what a statement of ours gives, each row an object.
pub(super) fn select(file: &Path, statement: &str) -> anyhow::Result<Vec<Value>> {
    let sql = Sql::open(file).context("the index cannot be opened")?;
    let bounds = Bounds {
        within: WITHIN,
        stop: Arc::default(),
    };
    let mut lines = Vec::new();
    taken(
        (&sql, statement, &bounds),
        &mut json::Lines::new(&mut lines),
    )?;
    let rows = serde_json::Deserializer::from_slice(&lines).into_iter();
    rows.map(|row| row.context("a row is no JSON")).collect()
}

/// Whoever writes rows has an end to write, too.
trait Writing: Taker<Error = anyhow::Error> {
    fn end(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}

fn taken(asked: Asked<'_>, writing: &mut impl Writing) -> anyhow::Result<u64> {
    let rows = ran(asked, writing)?;
    writing.end()?;
    Ok(rows)
}

/// Runs a statement for whoever takes its rows, and says how many those are.
pub(super) fn ran(
    (sql, statement, bounds): Asked<'_>,
    taker: &mut impl Taker<Error = anyhow::Error>,
) -> anyhow::Result<u64> {
    sql.run(statement, bounds, taker)
        .map_err(|error| match error {
            Error::Taker(error) => error,
            error @ (Error::Statement(_) | Error::NotReading(_)) => {
                BadUsage(format!("the statement: {error}")).into()
            }
            error => anyhow::anyhow!("the statement: {error}"),
        })
}

fn of_output(error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => ClosedPipe.into(),
        _ => anyhow::Error::new(error).context("the rows cannot be written"),
    }
}
