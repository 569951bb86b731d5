//! Whole runs: the same over every kind of store, in any order of the fixtures, and when the machine fails. Belongs
//! here: what `ingest::run` promises of a run, whatever its rows are.
//!
//! `order` has what must not depend on the order of objects, `copies` objects that are there twice, `rows` what runs
//! make of rows that follow each other, `failures` what ends a run or costs an object.

mod copies;
mod failures;
mod kept;
mod order;
mod rows;
mod stores;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use identidex::ingest::{self, Report, SourceConfig};

use crate::replay;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The files of the fixture tenant, with the keys they would have in a bucket.
fn tenant() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for dataset in ["users", "devices", "logins"] {
        for entry in fs::read_dir(fixtures().join("tenant").join(dataset)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.push((format!("{dataset}/{name}"), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

fn run(source: SourceConfig, index: &Path) -> Result<Report, ingest::Error> {
    let mut options = replay::options(Path::new("unused"), index, Duration::from_secs(300));
    options.sources = vec![source];
    ingest::run(&options, &mut |_| {})
}
