//! Sources: one set of assertions over a folder, S3 and Azure, then what only an evil server does. Belongs here: what
//! is listed, fetched and refused; what is made of the bytes is left to the others.
//!
//! `stores` and `spool` hold for every store, `folder` for folders only; `config` is what must not be opened, and
//! `evil` what a server may do to us.

mod config;
mod evil;
mod folder;
mod spool;
mod stores;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use identidex::internals::source::{Error, Listing, Object, SourceConfig, Sources, Spooled};

use crate::servers::{Azure, Folder, S3, Server};

const PLENTY: u64 = 1 << 30;

/// Runs a test over every kind of store, each time below a prefix of its own.
fn each(prefix: &str, test: impl Fn(&dyn Server, &str)) {
    test(&Folder::start(), prefix);
    test(S3::start(), prefix);
    test(Azure::start(), prefix);
}

fn open(config: SourceConfig) -> Result<Sources, Error> {
    Sources::open(&[config], Arc::new(AtomicBool::new(false)))
}

fn list(config: SourceConfig) -> Result<Listing, Error> {
    open(config)?.list()
}

fn keys(listing: &Listing) -> Vec<&str> {
    listing
        .objects
        .iter()
        .map(|object| object.key.as_str())
        .collect()
}

/// Fetches all that a source lists.
fn fetch_all(sources: &Sources, spool: &Path) -> Vec<(Object, Result<Spooled, Error>)> {
    let objects = sources.list().unwrap().objects;
    sources.fetch(objects, spool, PLENTY).collect()
}

/// Fetches the one object of a source.
fn fetch_one(sources: &Sources) -> Result<Vec<u8>, Error> {
    let spool = tempfile::tempdir().unwrap();
    let mut fetched = fetch_all(sources, spool.path());
    assert_eq!(fetched.len(), 1);
    let (_, result) = fetched.remove(0);
    result.map(|spooled| std::fs::read(&spooled.file).unwrap())
}

/// Everything that an error says, its causes included.
fn text(err: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(err.source(), |err| err.source());
    causes.fold(format!("{err} {err:?}"), |text, err| {
        format!("{text} {err} {err:?}")
    })
}
