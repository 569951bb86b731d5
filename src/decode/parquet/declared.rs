//! What a Parquet file declares, compared with itself and with its bytes: a footer has no checksum, and one that is wrong
//! would put values under other names, or leave rows out, without an error.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use arrow_ipc::convert::try_schema_from_ipc_buffer;
use arrow_schema::{DataType, Fields};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::footer;
use crate::decode::Error;
use crate::decode::text::limit_of;

/// What a file begins and ends with.
const MAGIC: u64 = 4;
/// Behind the footer: its length, and the magic.
const TAIL: u64 = 8;
/// Bytes between columns that nothing accounts for: older writers left a page's header out of the size.
const UNCOUNTED: u64 = 100;
/// Bytes that a value takes as a text, at the least, on the average.
const VALUE_BYTES: u64 = 4;

/// Compares all of it.
pub(super) fn check(metadata: &ParquetMetaData, fields: &Fields, file: &File) -> Result<(), Error> {
    let size = file.metadata().map_err(Error::Read)?.len();
    check_rows(metadata)?;
    check_sizes(metadata, size)?;
    let tail = read(file, size.saturating_sub(TAIL)..size)?;
    let length = tail
        .first_chunk()
        .map_or(0, |length| u32::from_le_bytes(*length));
    let end = size.saturating_sub(TAIL + u64::from(length));
    check_places(metadata, file, end)?;
    check_paths(metadata, &read(file, end..size.saturating_sub(TAIL))?)?;
    check_arrow_schema(metadata, fields)
}

fn fault(what: &str) -> Error {
    Error::Parquet { what: what.into() }
}

fn read(file: &File, place: Range<u64>) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; usize::try_from(place.end - place.start).unwrap_or_default()];
    file.read_exact_at(&mut bytes, place.start)
        .map_err(Error::Read)?;
    Ok(bytes)
}

fn check_rows(metadata: &ParquetMetaData) -> Result<(), Error> {
    let rows = metadata.file_metadata().num_rows();
    let groups = metadata.row_groups().iter();
    if groups.clone().map(|group| group.num_rows()).sum::<i64>() != rows {
        return Err(fault(
            "declares other numbers of rows for its groups than for all",
        ));
    }
    if u32::try_from(rows).is_err() {
        return Err(fault(
            "declares more rows than 4,294,967,295, or fewer than none",
        ));
    }
    let is_short = |group: &parquet::file::metadata::RowGroupMetaData| {
        group
            .columns()
            .iter()
            .any(|chunk| chunk.num_values() < group.num_rows())
    };
    match groups.clone().any(is_short) {
        true => Err(fault("declares more rows than its columns have")),
        false => Ok(()),
    }
}

/// Refuses what unpacks to more than its size lets expect.
fn check_sizes(metadata: &ParquetMetaData, size: u64) -> Result<(), Error> {
    let limit = limit_of(size);
    let mut unpacked = 0u64;
    for chunk in metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns())
    {
        let (Ok(bytes), Ok(values)) = (
            u64::try_from(chunk.uncompressed_size()),
            u64::try_from(chunk.num_values()),
        ) else {
            return Err(fault("declares sizes below none"));
        };
        unpacked = unpacked.saturating_add(bytes.max(values.saturating_mul(VALUE_BYTES)));
    }
    match unpacked > limit {
        false => Ok(()),
        true => Err(too_large(limit)),
    }
}

/// Returns why a file is refused that holds more than it may.
pub(super) fn too_large(limit: u64) -> Error {
    Error::TooLarge {
        what: "the data, for what the file's size is,",
        limit: format!("{} MiB", limit >> 20),
        hint: "an export does not compress that well: check that the object is one, or split it",
    }
}

/// Checks that columns lie one behind the other, as they are declared, and that nothing else is in the file: what no column
/// accounts for would be lost.
fn check_places(metadata: &ParquetMetaData, file: &File, end: u64) -> Result<(), Error> {
    let mut at = MAGIC;
    let mut beside = Vec::new();
    let mut gaps = Vec::new();
    for chunk in metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns())
    {
        // Of no rows, some writers write no page either, and 0 for where it is.
        if chunk.num_values() == 0 && chunk.compressed_size() == 0 {
            continue;
        }
        let dictionary = chunk.dictionary_page_offset().filter(|begin| *begin > 0);
        let begin = dictionary.map_or(chunk.data_page_offset(), |begin| {
            match chunk.data_page_offset() {
                // A dictionary of nothing, and no page of values behind it: so does pyarrow.
                0 if chunk.num_values() == 0 => begin,
                values => begin.min(values),
            }
        });
        let (Ok(begin), Ok(length)) =
            (u64::try_from(begin), u64::try_from(chunk.compressed_size()))
        else {
            return Err(fault("declares sizes below none"));
        };
        let stop = begin.checked_add(length).filter(|stop| *stop <= end);
        let Some(stop) = stop else {
            return Err(fault("declares columns behind its end"));
        };
        if begin < at {
            return Err(fault(
                "declares columns that overlap, or in another order than they have",
            ));
        }
        if begin - at > UNCOUNTED {
            gaps.push(at..begin);
        }
        at = stop;
        beside.extend(chunk.column_index_range());
        beside.extend(chunk.offset_index_range());
        beside.extend(bloom_filter(chunk, end));
    }
    gaps.push(at..end);
    beside.sort_by_key(|place| place.start);
    for gap in gaps {
        for rest in without(gap, &beside) {
            // Writers begin groups of rows at borders of blocks.
            if rest.end - rest.start > UNCOUNTED && !is_padding(file, rest)? {
                return Err(fault("has data that none of its columns accounts for"));
            }
        }
    }
    Ok(())
}

/// Returns where a column's Bloom filter is. Older writers do not say how long it is: then it may be all that follows.
fn bloom_filter(chunk: &ColumnChunkMetaData, end: u64) -> Option<Range<u64>> {
    let begin = u64::try_from(chunk.bloom_filter_offset()?).ok()?;
    let length = chunk
        .bloom_filter_length()
        .and_then(|length| u64::try_from(length).ok());
    let stop = length.map_or(Some(end), |length| begin.checked_add(length))?;
    Some(begin..stop)
}

/// Returns what of a gap lies in none of some places, which are in order.
fn without(gap: Range<u64>, places: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut rest = Vec::new();
    let mut at = gap.start;
    for place in places
        .iter()
        .filter(|place| place.end > gap.start && place.start < gap.end)
    {
        if place.start > at {
            rest.push(at..place.start);
        }
        at = at.max(place.end);
    }
    if at < gap.end {
        rest.push(at..gap.end);
    }
    rest
}

fn is_padding(file: &File, place: Range<u64>) -> Result<bool, Error> {
    const AT_ONCE: u64 = 1 << 16;
    let mut at = place.start;
    while at < place.end {
        let next = place.end.min(at + AT_ONCE);
        if read(file, at..next)?.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at = next;
    }
    Ok(true)
}

/// Compares the names beside the columns with those of the schema.
fn check_paths(metadata: &ParquetMetaData, footer: &[u8]) -> Result<(), Error> {
    let schema = metadata.file_metadata().schema_descr();
    let of_schema: Vec<String> = schema
        .columns()
        .iter()
        .map(|column| column.path().string())
        .collect();
    let paths = footer::paths(footer).ok_or_else(|| fault("has a footer that cannot be read"))?;
    // Newer writers may leave them out.
    let is_left_out = |paths: &Vec<String>| paths.iter().all(String::is_empty);
    match paths
        .iter()
        .all(|paths| is_left_out(paths) || *paths == of_schema)
    {
        true => Ok(()),
        false => Err(fault("calls columns by other names than its schema does")),
    }
}

/// Compares the schema with the one of Arrow that some writers put beside it: its names, and which columns can be null, by
/// which pages are read.
fn check_arrow_schema(metadata: &ParquetMetaData, fields: &Fields) -> Result<(), Error> {
    let pairs = metadata.file_metadata().key_value_metadata();
    let pair = pairs
        .into_iter()
        .flatten()
        .find(|pair| pair.key == ARROW_SCHEMA_META_KEY);
    let Some(text) = pair.and_then(|pair| pair.value.as_ref()) else {
        return Ok(());
    };
    let bytes = STANDARD.decode(text).ok();
    let schema = bytes.and_then(|bytes| try_schema_from_ipc_buffer(&bytes).ok());
    // One that cannot be read says nothing.
    match schema.is_none_or(|schema| is_same(schema.fields(), fields)) {
        true => Ok(()),
        false => Err(fault("has another schema beside its own")),
    }
}

fn is_same(left: &Fields, right: &Fields) -> bool {
    let mut pairs = left.iter().zip(right);
    left.len() == right.len()
        && pairs.all(|(left, right)| {
            let is_inner_same = match (left.data_type(), right.data_type()) {
                (DataType::Struct(left), DataType::Struct(right)) => is_same(left, right),
                _ => true,
            };
            left.name() == right.name()
                && left.is_nullable() == right.is_nullable()
                && is_inner_same
        })
}
