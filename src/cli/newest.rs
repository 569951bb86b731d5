//! The newest objects of a source, read as a run would read them.

use anyhow::Context as _;

use crate::ingest::{Examined, Options, SourceConfig, Unfit, examine};
use crate::source::{Error, Listing, Sources};

/// Objects of a source that are read: those of two days, where three datasets are exported daily.
const OBJECTS_READ: usize = 6;
/// Bytes of the object that is fetched to see whether it can be.
const SPOOL_BYTES: u64 = 8 << 30;

/// What the newest objects of a source hold.
pub(super) struct Newest {
    /// By key, the newest first.
    pub(super) read: Vec<(String, Result<Examined, Unfit>)>,
    /// What kept the others from being fetched.
    pub(super) failed: Option<Error>,
}

/// Fetches the newest objects and reads them, the newest first.
pub(super) fn newest(
    options: &Options,
    source: &SourceConfig,
    sources: &Sources,
    listing: &Listing,
) -> anyhow::Result<Newest> {
    let mut objects = listing.objects.clone();
    objects.sort_by(|a, b| (b.observed_at, &b.key).cmp(&(a.observed_at, &a.key)));
    objects.truncate(OBJECTS_READ);
    let spool = tempfile::tempdir();
    let spool = spool.context(
        "there is no folder for temporary files; set TMPDIR to one that can be written to",
    )?;
    let mut newest = Newest {
        read: Vec::new(),
        failed: None,
    };
    for object in objects {
        let fetched = sources.fetch(vec![object.clone()], spool.path(), SPOOL_BYTES);
        let spooled = match fetched.into_iter().next() {
            Some((_, Ok(spooled))) => spooled,
            Some((_, Err(error))) => {
                newest.failed = Some(error);
                break;
            }
            None => break,
        };
        let examined = examine(
            spooled.file.as_ref(),
            source.time_zone.clone(),
            &options.mapping,
            &options.not_said,
        );
        newest.read.push((object.key, examined));
    }
    Ok(newest)
}
