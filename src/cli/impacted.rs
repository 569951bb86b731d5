//! `identidex impacted`: of devices that something is up with, whom to tell.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use anyhow::Context as _;

use super::nexthink::whom::account_in_words;
use super::words::printable;
use super::{Context, Exit, print, print_json};
use crate::lookup::{Impacted, Query};

/// Columns of an export that name devices, the surest first.
const COLUMNS: [(&str, &str); 3] = [
    ("device.collector.uid", "collector_uid"),
    ("device.uid", "device_uid"),
    ("device.name", "device_name"),
];
/// The longest list that is read.
const BYTES_AT_MOST: u64 = 64 << 20;

/// Say whom to tell of devices that something is up with, and who is left out, and why
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A list of devices: one a line, or CSV with a column device.collector.uid, device.uid or device.name; - reads it from
    /// standard input
    #[arg(long, value_name = "FILE")]
    devices: String,
    /// Print each device as one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let index = context.open_index()?;
    let input: Box<dyn Read> = match args.devices.as_str() {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path).with_context(|| format!("cannot read {path}"))?),
    };
    let mut input = BufReader::new(input.take(BYTES_AT_MOST + 1));
    let queries = queries(&mut input)?;
    if input.get_ref().limit() == 0 {
        return Err(anyhow::anyhow!("the list of devices is longer than 64 MiB"));
    }
    let mut is_one_told = false;
    for query in queries {
        let impacted = index.impacted(query)?;
        is_one_told |= impacted.to_tell.is_some();
        match args.json {
            true => print_json(&impacted)?,
            false => print(in_words(&impacted))?,
        }
    }
    Ok(if is_one_told { Exit::Done } else { Exit::None })
}

/// Reads the devices of a list, in order.
fn queries(input: &mut impl BufRead) -> anyhow::Result<Vec<Query>> {
    let mut first = String::new();
    input
        .read_line(&mut first)
        .context("the list of devices is not text")?;
    let first = first.trim_start_matches('\u{feff}');
    let header: Vec<String> = first
        .split([',', ';', '\t'])
        .map(|name| name.trim().trim_matches('"').to_ascii_lowercase())
        .collect();
    let columns: Vec<(usize, &str)> = COLUMNS
        .iter()
        .filter_map(|(column, kind)| Some((header.iter().position(|name| name == column)?, *kind)))
        .collect();
    if columns.is_empty() {
        let mut rest = String::new();
        input
            .read_to_string(&mut rest)
            .context("the list of devices is not text")?;
        let lines = std::iter::once(first).chain(rest.lines()).map(str::trim);
        return Ok(lines
            .filter(|line| !line.is_empty())
            .map(Query::any)
            .collect());
    };
    let delimiter = first
        .bytes()
        .find(|byte| b",;\t".contains(byte))
        .unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(input);
    let mut queries = Vec::new();
    for (line, record) in (2..).zip(reader.into_records()) {
        let record =
            record.map_err(|_| anyhow::anyhow!("the list of devices: line {line} is no CSV"))?;
        // The surest of those that the row has.
        let query = columns.iter().find_map(|(at, kind)| {
            let value = record.get(*at).unwrap_or_default().trim();
            let value = Some(value).filter(|value| !value.is_empty())?;
            Query::named(kind, value)
        });
        let is_empty = record.iter().all(|cell| cell.trim().is_empty());
        // A row that names no device has its line, too.
        queries.extend(query.or_else(|| (!is_empty).then(|| Query::any(""))));
    }
    Ok(queries)
}

fn in_words(impacted: &Impacted) -> String {
    let whom = match (&impacted.to_tell, &impacted.nobody) {
        (Some(recipient), _) => {
            let account = recipient.account();
            let address = recipient.email().or(recipient.upn()).ok();
            let address = address.map_or(String::new(), |address| format!(" <{address}>"));
            format!("{}{}", account_in_words(account), printable(&address))
        }
        (None, Some(nobody)) => format!("nobody ({})", nobody.reasons().join(", ")),
        (None, None) => "nobody".to_owned(),
    };
    let mut text = format!("{}: {whom}", printable(&impacted.query));
    for one in &impacted.left_out {
        let reason = one.reason.as_str();
        text.push_str(&format!(
            "\n  not {}: {reason}",
            account_in_words(&one.account)
        ));
    }
    text
}
