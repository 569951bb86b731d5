//! Times how fast a file's rows become text columns, on one thread, in every format, beside the crates that read these.
//!
//! Arguments: a CSV file of users or devices, a folder to work in, and a part of the names of what is timed. Prints a Markdown table. The same rows are written as
//! JSON and Parquet first; what is timed is all that a run does before it asks what a column means, the pass that finds the
//! columns included.

use std::collections::HashSet;
use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use identidex::identifier::NotSaid;
use identidex::internals::decode::{self, Reading};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value};

const RUNS: usize = 5;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || {
        arguments
            .next()
            .ok_or("usage: identidex-formats-bench CSV FOLDER")
    };
    let (csv, folder) = (next()?, next()?);
    let (csv, folder) = (Path::new(&csv), Path::new(&folder));
    let table = Table::read(csv)?;
    let (lines, list) = (folder.join("lines.json"), folder.join("list.json"));
    let (nested, parquet) = (folder.join("nested.json"), folder.join("rows.parquet"));
    let snappy = folder.join("snappy.parquet");
    table.write_json(&lines, ["", "\n", "\n"], false)?;
    table.write_json(&list, ["[", ",\n", "]"], false)?;
    table.write_json(&nested, ["", "\n", "\n"], true)?;
    table.write_parquet(&parquet, Compression::UNCOMPRESSED)?;
    table.write_parquet(&snappy, Compression::SNAPPY)?;
    println!("| rows of | MB | s | MB/s | million rows/s |");
    println!("|---|---|---|---|---|");
    for (what, path) in [
        ("CSV", csv),
        ("JSON, an object a line", &lines),
        ("JSON, a list", &list),
        ("JSON, nested objects", &nested),
        ("Parquet", &parquet),
        ("Parquet, snappy", &snappy),
    ] {
        row(
            &format!("identidex, {what}"),
            path,
            table.rows.len(),
            || decoded(path),
        )?;
    }
    row("csv crate", csv, table.rows.len(), || {
        let mut reader = csv::Reader::from_path(csv)?;
        let mut record = csv::ByteRecord::new();
        let mut rows = 0;
        while reader.read_byte_record(&mut record)? {
            rows += black_box(&record).len().min(1);
        }
        Ok(rows)
    })?;
    row("serde_json, to values", &lines, table.rows.len(), || {
        let reader = BufReader::with_capacity(1 << 18, File::open(&lines)?);
        let values = serde_json::Deserializer::from_reader(reader).into_iter::<Value>();
        Ok(values.map(|value| drop(black_box(value))).count())
    })?;
    row(
        "parquet crate, to Arrow",
        &parquet,
        table.rows.len(),
        || {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&parquet)?)?;
            let batches = reader.with_batch_size(1_024).build()?;
            let mut rows = 0;
            for batch in batches {
                rows += black_box(batch?).num_rows();
            }
            Ok(rows)
        },
    )
}

fn row(what: &str, path: &Path, rows: usize, work: impl Fn() -> Result<usize>) -> Result<()> {
    // To profile one of them.
    let only = std::env::args().nth(3).unwrap_or_default();
    if !what.contains(&only) {
        return Ok(());
    }
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        let found = work()?;
        times.push(start.elapsed().as_secs_f64());
        if found != rows {
            return Err(format!("{what}: {found} rows of {rows}").into());
        }
    }
    times.sort_by(f64::total_cmp);
    let seconds = times[RUNS / 2];
    let megabytes = fs::metadata(path)?.len() as f64 / 1e6;
    println!(
        "| {what} | {megabytes:.0} | {seconds:.2} | {:.0} | {:.2} |",
        megabytes / seconds,
        rows as f64 / seconds / 1e6
    );
    Ok(())
}

fn decoded(path: &Path) -> Result<usize> {
    let (not_said, names) = (NotSaid::default(), HashSet::new());
    let form = decode::check(path, None, &names)?;
    let reading = Reading {
        columns: &[],
        not_said: &not_said,
        names: &names,
    };
    let mut rows = 0;
    for batch in decode::batches(path, &form, reading, None)? {
        rows += black_box(batch?).records.num_rows();
    }
    Ok(rows)
}

/// What a CSV file holds.
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn read(path: &Path) -> Result<Table> {
        let mut reader = csv::Reader::from_path(path)?;
        let header = reader.headers()?.iter().map(str::to_owned).collect();
        let rows = reader.records();
        let rows = rows.map(|row| row.map(|row| row.iter().map(str::to_owned).collect()));
        Ok(Table {
            header,
            rows: rows.collect::<std::result::Result<_, _>>()?,
        })
    }

    fn write_json(&self, path: &Path, around: [&str; 3], is_nested: bool) -> Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        let [begin, between, end] = around;
        file.write_all(begin.as_bytes())?;
        for (at, row) in self.rows.iter().enumerate() {
            if at > 0 {
                file.write_all(between.as_bytes())?;
            }
            let mut object = Map::new();
            for (name, cell) in self.header.iter().zip(row) {
                let value = match cell.is_empty() {
                    true => Value::Null,
                    false => Value::from(cell.as_str()),
                };
                put(&mut object, name, value, is_nested);
            }
            serde_json::to_writer(&mut file, &object)?;
        }
        file.write_all(end.as_bytes())?;
        Ok(file.flush()?)
    }

    fn write_parquet(&self, path: &Path, codec: Compression) -> Result<()> {
        let fields = self.header.iter();
        let fields = fields.map(|name| Field::new(name, DataType::Utf8, true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let arrays = (0..self.header.len()).map(|at| {
            let cells = self.rows.iter().map(|row| Some(row[at].as_str()));
            Arc::new(
                cells
                    .map(|cell| cell.filter(|cell| !cell.is_empty()))
                    .collect::<StringArray>(),
            ) as ArrayRef
        });
        let records = RecordBatch::try_new(schema.clone(), arrays.collect())?;
        let properties = WriterProperties::builder().set_compression(codec);
        let mut writer =
            ArrowWriter::try_new(File::create(path)?, schema, Some(properties.build()))?;
        writer.write(&records)?;
        writer.close()?;
        Ok(())
    }
}

fn put(object: &mut Map<String, Value>, name: &str, value: Value, is_nested: bool) {
    match name.split_once('.').filter(|_| is_nested) {
        None => drop(object.insert(name.to_owned(), value)),
        Some((group, rest)) => {
            let inner = object.entry(group).or_insert_with(|| Map::new().into());
            if let Value::Object(inner) = inner {
                put(inner, rest, value, true);
            }
        }
    }
}
