//! Storage servers on loopback: S3 (moto), Azure Blob (Azurite) and an evil S3 server in plain `std`; an OpenTelemetry collector;
//! and one that answers as it is told (`scripted`).
//!
//! The real ones are installed by `tests/setup` and started once for the whole test binary; each test keeps to its own
//! prefix. They end with the process, however it ends: they watch a pipe that it holds.
//!
//! A real server is a `process` and a store that is `filled`; a `folder` is filled like them.

mod azure;
mod evil;
mod filled;
mod folder;
#[cfg(feature = "cli")]
mod otlp;
mod process;
mod s3;
#[cfg(feature = "live")]
mod scripted;

use identidex::ingest::SourceConfig;

pub(crate) use self::azure::Azure;
pub(crate) use self::evil::{EVIL_SECRET, Evil, EvilS3};
pub(crate) use self::folder::Folder;
#[cfg(feature = "cli")]
pub(crate) use self::otlp::Otlp;
#[cfg(feature = "cli")]
pub(crate) use self::process::tool;
pub(crate) use self::s3::S3;
#[cfg(feature = "live")]
pub(crate) use self::scripted::{Reply, Scripted};

/// The bucket, and the container, that the servers come with.
pub(crate) const BUCKET: &str = "exports";

/// A store that tests fill and sources read.
pub(crate) trait Server: Sync {
    /// Puts an object, over the one that was there.
    fn put(&self, key: &str, bytes: &[u8]);
    /// Deletes an object.
    fn delete(&self, key: &str);
    /// Returns a source of everything below a prefix; an empty one is the whole bucket.
    fn config(&self, prefix: &str) -> SourceConfig;
    /// Returns a source with credentials that the server does not know.
    fn config_of_a_stranger(&self, prefix: &str) -> Option<SourceConfig>;
    /// Returns a source in a bucket, container or folder that is not there.
    fn config_elsewhere(&self) -> SourceConfig;
}

/// A source's configuration: UTC, no options.
pub(crate) fn source(name: &str, url: &str) -> SourceConfig {
    SourceConfig::new(name, url)
}

fn with_options(mut config: SourceConfig, options: &[(&str, &str)]) -> SourceConfig {
    for (key, value) in options {
        config
            .options
            .insert((*key).to_owned(), (*value).to_owned());
    }
    config
}
