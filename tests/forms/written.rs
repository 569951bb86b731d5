//! A table written as JSON and as Parquet, in every shape and type that is read.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{Array, ArrayRef, LargeStringArray, RecordBatch, StringArray, StructArray};
use arrow_array::{BinaryArray, DictionaryArray, types::Int32Type};
use arrow_schema::{Field, Fields, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value, json};

/// How JSON holds rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One after another.
    Rows,
    Lines,
    List,
    Wrapped,
}

pub(crate) const SHAPES: [Shape; 4] = [Shape::Rows, Shape::Lines, Shape::List, Shape::Wrapped];

/// Writes a table as JSON. Nested, a name's parts are objects in one another; an empty cell is null in the first row, and in
/// others it is left out.
pub(crate) fn json(header: &[&str], rows: &[Vec<String>], shape: Shape, is_nested: bool) -> String {
    let objects = rows.iter().enumerate().map(|(at, row)| {
        let mut object = Map::new();
        for (name, cell) in header.iter().zip(row) {
            let value = match cell.as_str() {
                "" if at == 0 => Value::Null,
                "" => continue,
                cell => Value::from(cell),
            };
            match is_nested {
                true => insert(&mut object, name, value),
                false => drop(object.insert((*name).to_owned(), value)),
            }
        }
        Value::Object(object)
    });
    let mut objects = objects.map(|object| match shape {
        Shape::Lines => object.to_string(),
        _ => format!("{object:#}"),
    });
    let mut joined = |between: &str| objects.by_ref().collect::<Vec<_>>().join(between);
    match shape {
        Shape::Rows => joined(""),
        Shape::Lines => joined("\n") + "\n",
        Shape::List => format!("[{}]", joined(", ")),
        Shape::Wrapped => format!(
            r#"{{"exporter": "daily", "empty": [], "about": {{"n": 1}}, "rows": [ {} ], "end": true}}"#,
            joined("\n,\n")
        ),
    }
}

fn insert(object: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        None => drop(object.insert(name.to_owned(), value)),
        Some((group, rest)) => {
            let inner = object.entry(group).or_insert_with(|| json!({}));
            insert(inner.as_object_mut().expect("a group"), rest, value);
        }
    }
}

/// How texts are typed in a Parquet file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texts {
    Plain,
    Large,
    Dictionary,
    /// Bytes that are not said to be a text.
    Bytes,
}

pub(crate) const TEXTS: [Texts; 4] = [Texts::Plain, Texts::Large, Texts::Dictionary, Texts::Bytes];

pub(crate) fn codecs() -> [Compression; 6] {
    [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ]
}

/// Writes a table as Parquet, an empty cell as null. Nested, the columns of one group stand together, in it.
pub(crate) fn parquet(
    header: &[&str],
    rows: &[Vec<String>],
    texts: Texts,
    is_nested: bool,
    codec: Compression,
) -> Vec<u8> {
    let columns: Vec<(String, ArrayRef)> = header
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let cells = rows
                .iter()
                .map(|row| Some(row[at].as_str()).filter(|cell| !cell.is_empty()));
            ((*name).to_owned(), column(cells, texts))
        })
        .collect();
    of_columns(columns, is_nested, codec)
}

fn column<'t>(cells: impl Iterator<Item = Option<&'t str>>, texts: Texts) -> ArrayRef {
    match texts {
        Texts::Plain => Arc::new(cells.collect::<StringArray>()),
        Texts::Large => Arc::new(cells.collect::<LargeStringArray>()),
        Texts::Dictionary => Arc::new(cells.collect::<DictionaryArray<Int32Type>>()),
        Texts::Bytes => Arc::new(
            cells
                .map(|cell| cell.map(str::as_bytes))
                .collect::<BinaryArray>(),
        ),
    }
}

pub(crate) fn of_columns(
    columns: Vec<(String, ArrayRef)>,
    is_nested: bool,
    codec: Compression,
) -> Vec<u8> {
    let columns = match is_nested {
        true => grouped(columns),
        false => columns,
    };
    let fields = columns.iter();
    let fields = fields.map(|(name, array)| Field::new(name, array.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let records = RecordBatch::try_new(schema.clone(), arrays).expect("columns of one length");
    let properties = WriterProperties::builder()
        .set_compression(codec)
        .set_max_row_group_row_count(Some(7_000))
        .set_data_page_row_count_limit(500)
        .build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, schema, Some(properties)).expect("a writer");
    writer.write(&records).expect("written");
    writer.close().expect("closed");
    file
}

/// Puts neighbours that share what stands before the first dot into a group, as deep as there are dots.
fn grouped(columns: Vec<(String, ArrayRef)>) -> Vec<(String, ArrayRef)> {
    let group_of = |name: &str| name.split_once('.').map(|(group, _)| group.to_owned());
    let mut made = Vec::new();
    for same in columns.chunk_by(|(left, _), (right, _)| {
        group_of(left).is_some() && group_of(left) == group_of(right)
    }) {
        let Some(group) = group_of(&same[0].0) else {
            made.extend(same.to_vec());
            continue;
        };
        let inner = same.iter().map(|(name, array)| {
            let rest = name.split_once('.').map_or("", |(_, rest)| rest);
            (rest.to_owned(), Arc::clone(array))
        });
        let inner = grouped(inner.collect());
        let fields = inner.iter();
        let fields = fields.map(|(name, array)| Field::new(name, array.data_type().clone(), true));
        let fields: Fields = fields.collect();
        let arrays = inner.into_iter().map(|(_, array)| array).collect();
        made.push((
            group,
            Arc::new(StructArray::new(fields, arrays, None)) as ArrayRef,
        ));
    }
    made
}

/// Lists of texts, as `[a, b]` stands for.
pub(crate) fn lists(rows: &[&[&str]]) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in rows {
        row.iter()
            .for_each(|text| lists.values().append_value(text));
        lists.append(true);
    }
    Arc::new(lists.finish())
}
