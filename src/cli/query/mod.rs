//! `identidex query`: SQL over the index, as a table, CSV, JSON or Parquet.

mod csv;
mod json;
mod parquet;
mod table;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::whole_file::WholeFile;
use super::{BadUsage, ClosedPipe, Context, Exit};
use crate::sql::{Bounds, Error, Sql, Taker};

/// Ask the index with SQL; its views are accounts, devices, usages, loads and rejects
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// One SELECT statement; - reads it from standard input
    #[arg(value_name = "SQL")]
    statement: String,
    /// How rows are written
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Write there [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write CSV as the values are, also those that a spreadsheet would take for a formula
    #[arg(long)]
    verbatim: bool,
    /// End a statement that takes longer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    within: u64,
}

const EXAMPLES: &str = "Examples:
  identidex query \"SELECT name, class, upn FROM accounts LIMIT 5\"
  identidex query --format csv \"SELECT d.name, a.upn FROM devices d JOIN accounts a ON a.id = d.primary_account\"";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// With a header; texts that a spreadsheet would take for a formula begin with '
    Csv,
    /// An object a line
    Json,
    /// A file for DuckDB, pandas, Polars
    Parquet,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let index = context.open_index()?;
    let file = index.file();
    let sql = Sql::open(&file).context("the index cannot be opened")?;
    let statement = match args.statement.as_str() {
        "-" => io::read_to_string(io::stdin()).context("the statement is no text")?,
        statement => statement.to_owned(),
    };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .context("cannot watch for signals")?;
    }
    let bounds = Bounds {
        within: Duration::from_secs(args.within),
        stop,
    };
    match &args.output {
        None => written(args, (&sql, &statement, &bounds), io::stdout()),
        Some(path) => {
            let file = WholeFile::begin(path)?;
            let exit = written(args, (&sql, &statement, &bounds), file.file())?;
            file.keep()?;
            Ok(exit)
        }
    }
}

/// A statement, what it is asked of, and how long it may take.
pub(super) type Asked<'a> = (&'a Sql, &'a str, &'a Bounds);

fn written(args: &Args, asked: Asked<'_>, to: impl Write + Send) -> anyhow::Result<Exit> {
    let mut to = BufWriter::new(to);
    match args.format {
        Format::Table => taken(asked, &mut table::Table::new(&mut to))?,
        Format::Csv => taken(asked, &mut csv::Csv::new(&mut to, args.verbatim))?,
        Format::Json => taken(asked, &mut json::Lines::new(&mut to))?,
        Format::Parquet => parquet::write(asked, &mut to)?,
    }
    to.flush().map_err(of_output)?;
    Ok(Exit::Done)
}

/// Whoever writes rows has an end to write, too.
trait Writing: Taker<Error = anyhow::Error> {
    fn end(&mut self) -> anyhow::Result<()> {
        Ok(())
    }
}

fn taken(asked: Asked<'_>, writing: &mut impl Writing) -> anyhow::Result<()> {
    ran(asked, writing)?;
    writing.end()
}

pub(super) fn ran(
    (sql, statement, bounds): Asked<'_>,
    taker: &mut impl Taker<Error = anyhow::Error>,
) -> anyhow::Result<()> {
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
