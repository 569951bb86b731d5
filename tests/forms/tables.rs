//! Any table in any style of writing: it is read back as it was written, before anything is made of it.

use std::collections::HashSet;
use std::fs;

use arrow_array::{Array, StringArray};
use identidex::identifier::NotSaid;
use identidex::internals::decode;
use identidex::internals::observation::Decoded;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::gzip;
use super::written::{self, SHAPES, TEXTS, codecs};

/// How a table is written.
#[derive(Debug, Clone)]
struct Style {
    delimiter: char,
    line_end: &'static str,
    quotes_all: bool,
    ends_last_line: bool,
    /// Where gzip members end, in hundredths of the text; none means plain.
    members: Vec<usize>,
}

fn styles() -> impl Strategy<Value = Style> {
    let delimiter = prop_oneof![Just(','), Just(';'), Just('\t')];
    let line_end = prop_oneof![Just("\n"), Just("\r\n")];
    (
        delimiter,
        line_end,
        any::<bool>(),
        any::<bool>(),
        prop::collection::vec(0..100_usize, 0..6),
    )
        .prop_map(
            |(delimiter, line_end, quotes_all, ends_last_line, mut members)| {
                members.sort_unstable();
                Style {
                    delimiter,
                    line_end,
                    quotes_all,
                    ends_last_line,
                    members,
                }
            },
        )
}

/// Cells of everything that means something to a CSV reader; new lines in the last column only, as in free text.
fn tables() -> impl Strategy<Value = Vec<Vec<String>>> {
    let pieces = [
        "\"", "\"\"", ",", ";", "\t", "a", "Ő", "𝔘", " ", "x1", "'", "\\",
    ];
    let lines = [&pieces[..], &["\n", "\r\n", "\r", "\n\n", "\u{feff}"]].concat();
    let text = |pieces: Vec<&'static str>| {
        prop::collection::vec(prop::sample::select(pieces), 0..7).prop_map(|pieces| pieces.concat())
    };
    (2..5_usize).prop_flat_map(move |width| {
        let last = text(lines.clone());
        let row = (
            prop::collection::vec(text(pieces.to_vec()), width - 1),
            last,
        )
            .prop_map(|(mut row, last)| {
                row.push(last);
                row
            });
        prop::collection::vec(row, 0..12)
    })
}

/// Tells whether a row is one that two stray quotes could have made of several: its last cell alone is quoted, and has as many
/// delimiters as these have.
fn reads_as_rows(row: &[String], style: &Style) -> bool {
    let Some((text, others)) = row.split_last() else {
        return false;
    };
    let is_quoted = |text: &String| text.contains(['"', '\n', '\r', style.delimiter]);
    let count = |letter: char| text.matches(letter).count();
    let line_ends = count('\n');
    others.len() >= 3
        && !style.quotes_all
        && !text.contains('"')
        && !others.iter().any(is_quoted)
        && line_ends > 0
        && count(style.delimiter) == line_ends * others.len()
}

fn write_table(table: &[Vec<String>], style: &Style) -> Vec<u8> {
    let cell = |text: &String| {
        if style.quotes_all || text.contains(['"', '\n', '\r', style.delimiter]) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.clone()
        }
    };
    let width = table.first().map_or(2, Vec::len);
    let header: Vec<String> = (0..width).map(|at| format!("c{at}")).collect();
    let line = |row: &Vec<String>| {
        row.iter()
            .map(cell)
            .collect::<Vec<_>>()
            .join(&style.delimiter.to_string())
    };
    let lines: Vec<String> = std::iter::once(&header).chain(table).map(line).collect();
    let mut text = lines.join(style.line_end);
    if style.ends_last_line {
        text += style.line_end;
    }
    let mut begin = 0;
    let ends = style
        .members
        .iter()
        .map(|hundredths| text.len() * hundredths / 100)
        .chain([text.len()]);
    if style.members.is_empty() {
        return text.into_bytes();
    }
    let mut packed = Vec::new();
    for end in ends {
        packed.extend(gzip(&text.as_bytes()[begin..end]));
        begin = end;
    }
    packed
}

/// The cells of a batch; none is an empty text, since an empty cell is null.
pub(crate) fn cells_of(decoded: &Decoded) -> Vec<Vec<String>> {
    let columns = decoded
        .records
        .columns()
        .iter()
        .map(|column| column.as_any().downcast_ref::<StringArray>());
    let columns: Vec<&StringArray> = columns
        .map(|column| column.expect("every column is text"))
        .collect();
    let cell = |column: &StringArray, at| {
        assert!(
            column.is_null(at) || !column.value(at).is_empty(),
            "an empty cell is null"
        );
        column.value(at).to_owned()
    };
    (0..decoded.records.num_rows())
        .map(|at| columns.iter().map(|column| cell(column, at)).collect())
        .collect()
}

fn read_table(content: &[u8]) -> Vec<Vec<String>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), content).unwrap();
    let form = decode::check(file.path(), None, &HashSet::new()).unwrap();
    let mut table = Vec::new();
    let (not_said, names) = (NotSaid::default(), HashSet::new());
    let reading = decode::Reading {
        columns: &[],
        not_said: &not_said,
        names: &names,
    };
    let mut order: Vec<usize> = (0..form.header.len()).collect();
    order.sort_by_key(|at| &form.header[*at]);
    for decoded in decode::batches(file.path(), &form, reading, None).unwrap() {
        let decoded = decoded.unwrap();
        assert_eq!(decoded.rejects, []);
        assert_eq!(decoded.rows.first(), Some(&(table.len() as u32 + 1)));
        let rows = cells_of(&decoded).into_iter();
        table.extend(rows.map(|row| order.iter().map(|at| row[*at].clone()).collect::<Vec<_>>()));
    }
    table
}

#[test]
fn any_table_is_read_back_as_it_was_written() {
    let config = Config {
        cases: 2_000,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
        .run(&(tables(), styles()), |(mut table, style)| {
            table.retain(|row| !reads_as_rows(row, &style));
            prop_assert_eq!(read_table(&write_table(&table, &style)), table);
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_table_is_read_back_from_json_and_parquet() {
    let config = Config {
        cases: 300,
        failure_persistence: None,
        ..Config::default()
    };
    let styles = (
        any::<bool>(),
        any::<bool>(),
        0..codecs().len(),
        0..TEXTS.len(),
    );
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
        .run(
            &(tables(), styles),
            |(table, (is_nested, is_packed, codec, texts))| {
                let width = table.first().map_or(2, Vec::len);
                let header: Vec<String> = (0..width).map(|at| format!("a.b{at}.c")).collect();
                let header: Vec<&str> = header.iter().map(String::as_str).collect();
                let written =
                    written::parquet(&header, &table, TEXTS[texts], is_nested, codecs()[codec]);
                prop_assert_eq!(&read_table(&written), &table);
                // Without a row, JSON does not say which columns there are.
                for shape in SHAPES.into_iter().filter(|_| !table.is_empty()) {
                    let text = written::json(&header, &table, shape, is_nested).into_bytes();
                    let text = if is_packed { gzip(&text) } else { text };
                    prop_assert_eq!(&read_table(&text), &table, "{:?}", shape);
                }
                Ok(())
            },
        )
        .unwrap();
}
