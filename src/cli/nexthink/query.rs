//! `identidex nexthink query`: runs a saved query, and prints its rows.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tracing::warn;

use super::{client, pair, wait};
use crate::cli::whole_file::WholeFile;
use crate::cli::words::printable;
use crate::cli::{Context, Exit, print, print_json};
use crate::live::Client;
use crate::live::nql::{Compression, Query, QueryId, Row, Rows};

/// Run a saved query, and print its rows
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The id of the query, such as #devices_of_user
    #[arg(value_name = "ID")]
    id: String,
    /// Its parameters, as name=value
    #[arg(value_name = "NAME=VALUE", value_parser = pair)]
    parameters: Vec<(String, String)>,
    /// Let * and ? in parameters stand for any letters
    #[arg(long)]
    patterns: bool,
    /// Have more than 1,000 rows exported into this file, as CSV
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    export: Option<PathBuf>,
    /// How many seconds an export may take
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 1_800,
        requires = "export"
    )]
    within: u32,
    /// Print each row as one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let query = Query::new(QueryId::new(&args.id)?);
    let set = |query: Query, (name, value): &(String, String)| match args.patterns {
        true => Ok(query.with_pattern(name, value)),
        false => query.with(name, value),
    };
    let query = args.parameters.iter().try_fold(query, set)?;
    let client = client(context)?;
    if let Some(file) = &args.export {
        let within = Duration::from_secs(u64::from(args.within));
        return wait(export(&client, &query, file, within))?;
    }
    let rows = wait(client.execute(&query))??;
    if rows.is_probably_cut() {
        warn!(
            "exactly 1,000 rows came, the most that Nexthink answers with: there may be more; --export FILE has them all"
        );
    }
    show(args, &rows)?;
    Ok(Exit::Done)
}

fn show(args: &Args, rows: &Rows) -> anyhow::Result<()> {
    for row in &rows.rows {
        match args.json {
            true => print_json(row)?,
            false => print(in_words(row))?,
        }
    }
    Ok(())
}

/// One row as text: what it says, a column a line.
fn in_words(row: &Row) -> String {
    let said = row.iter().filter(|(_, value)| !value.is_null());
    let lines = said.map(|(column, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        format!("{}  {}\n", printable(column), printable(&text))
    });
    lines.collect()
}

async fn export(
    client: &Client,
    query: &Query,
    path: &std::path::Path,
    within: Duration,
) -> anyhow::Result<Exit> {
    let export = client.export(query, Compression::Gzip, within).await?;
    let file = WholeFile::begin(path)?;
    let mut to = BufWriter::new(file.file());
    let bytes = client.download(&export, &mut to, within).await?;
    to.flush().context("the file cannot be written")?;
    drop(to);
    file.keep()?;
    print_json(
        &json!({"file": path.display().to_string(), "bytes": bytes, "truncated": export.is_truncated}),
    )?;
    if export.is_truncated {
        warn!("rows are missing: the licence of the tenant allows no more in one export");
        return Ok(Exit::Partly);
    }
    Ok(Exit::Done)
}
