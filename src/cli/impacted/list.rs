//! A list of devices or users in a file: one a line, or CSV as exports have it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context as _;

use super::Subject;
use super::columns::{Columns, Of, subject};
use crate::lookup::Query;

/// The longest list that is read.
const BYTES_AT_MOST: u64 = 64 << 20;

const NOT_TEXT: &str = "the list is not text";

/// Reads what a list names, in order.
pub(super) fn read(path: &Path, of: Of) -> anyhow::Result<Vec<Subject>> {
    let input: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(path).with_context(|| format!("cannot read {}", path.display()))?),
    };
    let mut input = BufReader::new(input.take(BYTES_AT_MOST + 1));
    let subjects = subjects(&mut input, of)?;
    match input.get_ref().limit() {
        0 => Err(anyhow::anyhow!("the list is longer than 64 MiB")),
        _ => Ok(subjects),
    }
}

fn subjects(input: &mut impl BufRead, of: Of) -> anyhow::Result<Vec<Subject>> {
    let mut first = String::new();
    input.read_line(&mut first).context(NOT_TEXT)?;
    let first = first.trim_start_matches('\u{feff}');
    let header = first.split([',', ';', '\t']);
    let header = header.map(|name| name.trim().trim_matches('"'));
    let Some(columns) = Columns::find(header, of) else {
        let mut rest = String::new();
        input.read_to_string(&mut rest).context(NOT_TEXT)?;
        let lines = std::iter::once(first).chain(rest.lines()).map(str::trim);
        let lines = lines.filter(|line| !line.is_empty());
        return Ok(lines.map(|line| subject(Query::any(line), of)).collect());
    };
    let delimiter = first.bytes().find(|byte| b",;\t".contains(byte));
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter.unwrap_or(b','))
        .from_reader(input);
    let mut subjects = Vec::new();
    for (line, record) in (2..).zip(reader.into_records()) {
        let record = record.map_err(|_| anyhow::anyhow!("the list: line {line} is no CSV"))?;
        // A row that names nothing has its line, too; one without anything has none.
        if record.iter().any(|cell| !cell.trim().is_empty()) {
            subjects.push(columns.subject(|at| record.get(at)));
        }
    }
    Ok(subjects)
}
