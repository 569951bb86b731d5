//! Bad input: a bad row costs a row, a bad object costs an object, and nothing is printed that stands in a cell.
//! Belongs here: files that cannot be right, and what is said of them.
//!
//! `taken` holds what became of an object to what must become of it.

mod fixtures;
mod headers;
mod json;
mod lines;
mod objects;
mod parquet;
mod quotes;
mod sizes;
mod taken;

use std::collections::HashSet;
use std::fs;

use identidex::identifier::{Column, NotSaid};
use identidex::internals::decode;
use identidex::internals::observation::{Decoded, Reject};

use crate::forms::cells_of;

fn batches(content: &[u8]) -> Vec<Decoded> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), content).unwrap();
    let form = decode::check(file.path(), None, &HashSet::new()).unwrap();
    let (not_said, names) = (NotSaid::default(), HashSet::new());
    let reading = decode::Reading {
        columns: &[Column::Key],
        not_said: &not_said,
        names: &names,
    };
    decode::batches(file.path(), &form, reading, None)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// The rows of `content`, whose first column is an identifier, and its rejects.
fn decoded(content: &[u8]) -> (Vec<Vec<String>>, Vec<Reject>) {
    let (mut rows, mut rejects) = (Vec::new(), Vec::new());
    for batch in batches(content) {
        rows.extend(cells_of(&batch));
        rejects.extend(batch.rejects);
    }
    (rows, rejects)
}

fn lines_of(rejects: &[Reject]) -> Vec<u64> {
    rejects.iter().map(|reject| reject.line).collect()
}
