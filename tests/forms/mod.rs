//! One table in many forms: whatever the file looks like, the index knows the same. Belongs here: forms that must be
//! read, and the fixtures of `fixtures/forms` and `fixtures/pair`.
//!
//! `plain` is the table in every form of the fixtures, `others` what other tables make of it, `batches` one that is
//! longer than any buffer, `tables` any that can be written, `typed` one whose values are no texts. JSON and Parquet are
//! `written` here. A `tenant` takes them in; `fixtures` hands them out.

mod batches;
mod fixtures;
mod others;
mod plain;
mod tables;
mod tenant;
mod typed;
mod written;

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

pub(crate) use self::fixtures::{fixture, names_of_fixtures};
pub(crate) use self::tables::cells_of;
pub(crate) use self::tenant::Tenant;
pub(crate) use self::written::of_columns;

/// A key that says when its rows were observed; its extension must mean nothing.
const KEY: &str = "users/2026-11-20T06-00-00Z.csv";

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}
