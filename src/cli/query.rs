//! `identidex query`: SQL over the index, as a table, CSV, JSON or Parquet.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use super::rows::{self, Format, Texts};
use super::whole_file::WholeFile;
use super::{Context, Exit};
use crate::sql::{Bounds, Sql};

/// Ask the index with SQL; its views are accounts, devices, usages, loads, rejects, history, device_history, devices_over_time and counts
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

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let index = context.open_index()?;
    let sql = Sql::open(&index.file()).context("the index cannot be opened")?;
    let statement = match args.statement.as_str() {
        "-" => io::read_to_string(io::stdin()).context("the statement is no text")?,
        statement => statement.to_owned(),
    };
    let bounds = Bounds {
        within: Duration::from_secs(args.within),
        stop: super::stop_on_signals()?,
    };
    let asked = (&sql, statement.as_str(), &bounds);
    let in_file = Texts::in_file(args.verbatim);
    match &args.output {
        None => drop(rows::write(
            asked,
            args.format,
            match io::stdout().is_terminal() {
                true => Texts::Printable,
                false => in_file,
            },
            io::stdout(),
        )?),
        Some(path) => {
            let file = WholeFile::begin(path)?;
            rows::write(asked, args.format, in_file, file.file())?;
            file.keep()?;
        }
    }
    Ok(Exit::Done)
}
