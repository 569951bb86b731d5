//! Where an object's bytes are while they are read: in the spool, or where they lie already.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

/// An object's bytes on this machine.
#[derive(Debug)]
pub enum Stored {
    /// A file of the spool, mode 0600, which nobody else changes; deleted on drop.
    Spooled(TempPath),
    /// A local file, read where it lies.
    Local(LocalFile),
}

/// A file of somebody else's, as it was when its bytes were hashed.
#[derive(Debug)]
pub struct LocalFile {
    path: PathBuf,
    was: Trace,
}

/// What changes when a file does: its place on the disk, size, and times of content and of anything, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trace {
    place: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Trace {
    pub(super) fn of(file: &File) -> io::Result<Trace> {
        file.metadata().map(|metadata| Trace::read(&metadata))
    }

    fn read(metadata: &Metadata) -> Trace {
        Trace {
            place: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl LocalFile {
    pub(super) fn new(path: PathBuf, was: Trace) -> LocalFile {
        LocalFile { path, was }
    }
}

impl Stored {
    /// Tells whether it is a local file, which somebody may be writing.
    pub fn is_local(&self) -> bool {
        matches!(self, Stored::Local(_))
    }

    /// Tells whether what was read by its path is what was hashed. A local file may be written to or replaced meanwhile.
    pub fn is_unchanged(&self) -> bool {
        match self {
            Stored::Spooled(_) => true,
            Stored::Local(LocalFile { path, was }) => {
                fs::metadata(path).is_ok_and(|metadata| Trace::read(&metadata) == *was)
            }
        }
    }
}

impl AsRef<Path> for Stored {
    fn as_ref(&self) -> &Path {
        match self {
            Stored::Spooled(path) => path,
            Stored::Local(LocalFile { path, .. }) => path,
        }
    }
}
